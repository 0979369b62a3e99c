"""The engines: a plan in, a tally out. Arrays only; nothing here knows of notebooks or money.

``kernel`` is compiled with numba; ``reference`` is the same in plain Python, the specification and the fallback. ``plan`` lays a run
out for both, ``tally`` says what is counted. How a trigger plugs in, ``reference.world`` and ``kernel`` say.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from lambdacourse.engine import reference
from lambdacourse.engine.plan import Plan, plan
from lambdacourse.engine.queueing import tally_queues
from lambdacourse.engine.streams import refuse_too_large, tally_streams
from lambdacourse.engine.tally import Tally, count
from lambdacourse.folders import cache_folder

__all__ = ["Plan", "Tally", "is_compiled", "plan", "run"]


def is_compiled() -> bool:
    """Whether the compiled kernel is used: numba is installed, and ``LAMBDACOURSE_ENGINE`` does not say ``reference``."""
    return os.environ.get("LAMBDACOURSE_ENGINE") != "reference" and find_spec("numba") is not None


def run(plan: Plan, record: bool = False, watch: Callable[[float], None] | None = None) -> Tally:
    """Simulate ``plan``; with ``record``, keep every request. ``watch`` is told now and then which second is reached (by the kernel)."""
    refuse_too_large(plan)
    if is_compiled():
        return _kernel().run(plan, record, watch)
    history = reference.run(plan)
    tally = replace(count(history, plan), streams=tally_streams(history, plan), queues=tally_queues(history, plan))
    if record:
        return tally
    streams = tuple(replace(each, batches=None, records=None) for each in tally.streams)
    return replace(tally, history=None, streams=streams, queues=replace(tally.queues, messages=None))


@cache
def _kernel():
    """The compiled kernel. What numba compiles goes to the course's cache, which works for a read-only installation too."""
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here / "kernel").glob("*.py")])
    version = sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    import numba

    usual = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder() / f"numba-{version}")
    try:
        from lambdacourse.engine import kernel
    finally:
        numba.config.CACHE_DIR = usual
    return kernel
