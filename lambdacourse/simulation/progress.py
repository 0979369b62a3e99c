"""A progress bar for what takes more than a second, where somebody watches: in a notebook or at a terminal."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic as now
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def progress(things: Iterable[Thing], total: int, what: str) -> Iterable[Thing]:
    """``things`` as they come, ``total`` of them. Nothing is shown within the first second, nor where nobody watches."""
    if not _is_watched():
        return things
    from tqdm.auto import tqdm

    return tqdm(things, total=total, desc=what, delay=1, leave=False)


@contextmanager
def clock(seconds: float, what: str) -> Iterator[Callable[[float], None] | None]:
    """Something to call with the simulated second that is reached, for a bar of ``seconds``; ``None`` where nobody watches."""
    watch = _Clock(seconds, what) if _is_watched() else None
    try:
        yield watch
        if watch is not None and watch.bar is not None:
            watch(seconds)  # In a notebook, a bar that is closed before its end stays, in red.
    finally:
        if watch is not None and watch.bar is not None:
            watch.bar.close()


class _Clock:
    """A bar that is not even made within the first second: in a notebook that costs more than a short simulation."""

    def __init__(self, seconds: float, what: str) -> None:
        self.seconds, self.what, self.shown_from = seconds, what, now() + 1
        self.bar: Any = None

    def __call__(self, reached: float) -> None:
        if self.bar is None:
            if now() < self.shown_from:
                return
            from tqdm.auto import tqdm

            form = "{l_bar}{bar}| {n:,.0f}/{total:,.0f} s [{elapsed}<{remaining}]"
            self.bar = tqdm(total=self.seconds, desc=self.what, leave=False, bar_format=form)
        self.bar.update(reached - self.bar.n)


def _is_watched() -> bool:
    """Not while nbgrader executes a cell: what it writes to stderr would cost the cell its points. Nor in one of many workers."""
    if os.environ.keys() & {"NBGRADER_EXECUTION", "TQDM_DISABLE"} or multiprocessing.parent_process() is not None:
        return False
    if threading.current_thread() is not threading.main_thread():
        return False
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    return in_notebook or (sys.stderr is not None and sys.stderr.isatty())
