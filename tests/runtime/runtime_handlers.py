"""What the tests of the local Lambda share: the handlers' folder, and counts of what is left behind."""

import gc
import os
from pathlib import Path

import psutil

HANDLERS = Path(__file__).with_name("handlers")


def processes(owner: int | None = None) -> set[int]:
    """Processes that live and that a local Lambda of ``owner`` (this process) started: environments, theirs, and wardens."""
    mark = f"{owner or os.getpid()}-".encode()
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            marked = b"LAMBDACOURSE_LOCAL_LAMBDA=" + mark in (place / "environ").read_bytes()
            words = (place / "cmdline").read_bytes().split(b"\0")
            if marked or (b"-I" in words and any(word.startswith(mark) for word in words)):
                found.add(int(place.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def files() -> int:
    """Open files and sockets of this process."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def listening(owner: int | None = None) -> set[int]:
    """TCP ports on which ``owner``, or anybody here, listens."""
    connections = psutil.net_connections("tcp") if owner is None else psutil.Process(owner).net_connections("tcp")
    return {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
