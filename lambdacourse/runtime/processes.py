"""What the system tells of an environment's processes: who belongs to it, and how much memory they take.

Linux tells all of it through ``/proc``, fast enough to ask while a handler runs; elsewhere ``psutil`` asks.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from lambdacourse.facts import fact


def limits(megabytes: int) -> str:
    """What ``bootstrap.py`` takes on. Memory and the number of processes are watched; these hold between two looks."""
    megabyte = 1024**2
    limits = {
        "CORE": 0,
        "NOFILE": fact("file_descriptors_maximum").value,
        "FSIZE": fact("ephemeral_minimum").value * megabyte,
        "DATA": (2 * megabytes + 4096) * megabyte,
    }
    return " ".join(f"{name}={value}" for name, value in limits.items())


def family(pid: int) -> list[int]:
    """``pid`` and the processes that descend from it, as far as they have not made themselves independent."""
    found, known = [pid], 0
    while known < len(found):
        parent = found[known]
        known += 1
        try:
            for task in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 - a hundred times a second
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123
                    found += map(int, file.read().split())
        except OSError:
            if known == 1 and not Path("/proc/self").exists():
                return [pid, *(child.pid for child in _children(pid))]
    return found


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def memory_mb(pid: int) -> int:
    """Memory of a process in MB; what several share is counted once."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123 - many times a second
            return next((int(line.split()[1]) // 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        pass
    try:
        return psutil.Process(pid).memory_info().rss // 1024**2
    except psutil.Error:
        return 0


def high_water_mb(pid: int) -> int:
    """The most memory that a process ever had, in MB; what it has now, where the system does not tell."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - after every call
            return next((int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM:")), 0)
    except OSError:
        return memory_mb(pid)
