"""What a handler does, as far as its duration goes: computing, which more memory makes faster, and waiting, which it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.quantities import written


def vcpus(memory_mb: float) -> float:
    """The vCPUs that a function with ``memory_mb`` MB has: one at 1,769 MB, in proportion below and above."""
    least, most = fact("memory_minimum").value, fact("memory_maximum").value
    rule = f"must be a number of MB from {least} to {most:,} (AWS::Lambda::Function MemorySize)"
    return checks.number("vcpus(memory_mb", memory_mb, rule, least=least, most=most) / fact("mb_per_vcpu").value


@dataclass(frozen=True)
class Work:
    """What one request asks for.

    cpu
        Seconds of computing on one whole vCPU. ``Work(cpu=1)`` is CPU-bound.
    wait
        Seconds of waiting for others: databases, networks, disks. ``Work(wait=0.2)`` is I/O-bound; both together are mixed.
    threads
        How many vCPUs the computing can use at once. With 1, memory beyond 1,769 MB buys nothing.
    """

    cpu: float = 0.0
    wait: float = 0.0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("cpu", "wait"):
            rule = "must be a number of seconds of 0 or more"
            object.__setattr__(self, name, checks.number(f"Work({name}", getattr(self, name), rule, least=0))
        checks.whole("Work(threads", self.threads, "must be a whole number of 1 or more", least=1)

    def duration(self, memory_mb: float) -> float:
        """Seconds it takes with ``memory_mb`` MB."""
        return self.wait + self.cpu / min(vcpus(memory_mb), self.threads)

    def batch(self, items: int, each: Work) -> Work:
        """This work once, and ``each`` for every one of ``items``: what a batch shares and what it does not."""
        checks.whole("batch(items", items, "must be a whole number of 1 or more (BatchSize)", least=1)
        return Work(self.cpu + items * each.cpu, self.wait + items * each.wait, max(self.threads, each.threads))

    @staticmethod
    def fit(milliseconds: Mapping[float, float], threads: int = 1) -> Work:
        """The work that comes closest to measured ``milliseconds`` by memory in MB, by least squares of the relative errors."""
        if len(milliseconds) < 2:
            raise ValueError(
                f"Work.fit: two memory sizes at the least are needed to tell computing from waiting, not {milliseconds!r}."
            )
        seconds = np.array(
            [checks.number("Work.fit(milliseconds", each, "must be above 0", above=0) for each in milliseconds.values()]
        )
        seconds = seconds / 1000
        slow = np.array([1 / min(vcpus(memory), threads) for memory in milliseconds])
        parts, *_ = np.linalg.lstsq(
            np.column_stack([slow, np.ones_like(slow)]) / seconds[:, None], np.ones_like(slow), rcond=None
        )
        cpu, wait = (max(float(part), 0.0) for part in parts)
        return Work(cpu, wait, threads)

    def __str__(self) -> str:
        parts = [
            f"{written(1000 * self.cpu)} ms of computing" if self.cpu else "",
            f"{written(1000 * self.wait)} ms of waiting" if self.wait else "",
        ]
        return " and ".join(filter(None, parts)) or "nothing"
