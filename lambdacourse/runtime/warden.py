"""Sees to it that nothing is left behind: waits until a local Lambda closes or its process dies, then ends what is left.

Run as a script beside each local Lambda, in a session of its own, so that neither Ctrl-C nor a kernel's restart reaches it.
Every process of an environment carries the local Lambda's id in its environment variables, and its children inherit it: that is
how those that made themselves independent are found.
"""

import os
import select
import shutil
import sys

MARK = "LAMBDACOURSE_LOCAL_LAMBDA"


def end_marked(mark: str) -> int:
    """End every process that carries ``mark``, until there is none; gives how many there were."""
    import psutil

    ended = 0
    for _ in range(50):  # a process may fork while the others are being ended
        found = [process for process in psutil.process_iter() if _carries(process, mark)]
        if not found:
            break
        for process in found:
            try:
                process.kill()
                ended += 1
            except psutil.Error:
                pass
        psutil.wait_procs(found, timeout=0.2)
    return ended


def _carries(process, mark: str) -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK, "").startswith(mark)
    except (psutil.Error, OSError):
        return False


def _watch(mark: str, folder: str) -> None:
    """A byte on the standard input says that all was ended in good order; its end, or another parent, that it was not."""
    parent = os.getppid()
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], 0.5)[0]:
            if os.read(sys.stdin.fileno(), 1):
                return
            break
    end_marked(mark)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _watch(*sys.argv[1:])
