"""What the tests of the local Lambda share: the handlers' folder, and counts of what is left behind."""

import gc
from pathlib import Path

HANDLERS = Path(__file__).with_name("handlers")


def processes() -> set[int]:
    """Processes that a local Lambda started and that live: environments, what they started, and wardens."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            marked = b"LAMBDACOURSE_LOCAL_LAMBDA=" in (place / "environ").read_bytes()
            if marked or b"warden.py" in (place / "cmdline").read_bytes():
                found.add(int(place.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def files() -> int:
    """Open files and sockets of this process."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))
