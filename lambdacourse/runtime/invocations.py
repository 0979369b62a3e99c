"""What invocations give: to the caller, and to whoever measures."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lambdacourse.model import checks
from lambdacourse.runtime.logs import Report, Reports

if TYPE_CHECKING:
    import pandas as pd

    from lambdacourse import plots


@dataclass(frozen=True)
class Invocation:
    """What the caller of one invocation gets, and what was measured. Times in seconds.

    status
        HTTP: 200 when the function ran, well or not; 429 when it was throttled.
    payload
        The response, or the error's ``errorType``, ``errorMessage`` and, from a handler, ``stackTrace``; None when throttled.
    function_error
        ``"Unhandled"`` when the handler or the runtime failed (``X-Amz-Function-Error``), otherwise None.
    reason
        The throttle's ``Reason``.
    time, latency
        When the request arrived, since the local Lambda began; from there to the result.
    environment
        The number of the one that served it; -1 when none did.
    cold, init
        Whether an environment was initialised for it, and for how long it waited for that: a new one's ``Init Duration``, or
        what a broken one took to initialise again, which is part of ``duration``.
    log
        What CloudWatch would hold of it.
    """

    request_id: str
    status: int
    payload: Any
    time: float
    latency: float
    function_error: str | None = None
    reason: str | None = None
    environment: int = -1
    cold: bool = False
    init: float = 0.0
    duration: float = 0.0
    report: Report | None = field(default=None, repr=False)
    log: str = field(default="", repr=False)

    @property
    def outcome(self) -> str:
        """``ok``, ``error``, ``timeout`` or ``throttled``, as the simulator names them."""
        if self.status == 429:
            return "throttled"
        if self.report is not None and self.report.status == "timeout":
            return "timeout"
        return "error" if self.function_error else "ok"


class Invocations(Sequence[Invocation]):
    """Several invocations, in the order in which they arrived."""

    def __init__(self, invocations: Iterable[Invocation]) -> None:
        self._all = tuple(sorted(invocations, key=lambda each: each.time))

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index):
        return Invocations(self._all[index]) if isinstance(index, slice) else self._all[index]

    def __repr__(self) -> str:
        return f"<{len(self)} invocations: {self.cold_starts} cold starts, {self.throttles} throttled, {self.errors} errors>"

    @property
    def cold_starts(self) -> int:
        return sum(each.cold for each in self)

    @property
    def throttles(self) -> int:
        return sum(each.outcome == "throttled" for each in self)

    @property
    def errors(self) -> int:
        return sum(each.outcome in ("error", "timeout") for each in self)

    @property
    def peak_concurrency(self) -> int:
        """The most that ran at the same time."""
        served = [each for each in self if each.environment >= 0]
        steps = sorted([(each.time, 1) for each in served] + [(each.time + each.latency, -1) for each in served])
        return int(np.cumsum([step for _, step in steps]).max(initial=0))

    def latency(self, q: float) -> float:
        """The ``q`` quantile of seconds from arrival to result, of those that were served."""
        checks.number("latency(q", q, "must be a number from 0 to 1", least=0, most=1)
        served = [each.latency for each in self if each.environment >= 0]
        return float(np.quantile(served, q)) if served else float("nan")

    @property
    def reports(self) -> Reports:
        """Their REPORT lines."""
        return Reports(tuple(each.report for each in self if each.report is not None))

    @property
    def log(self) -> str:
        """Their logs, one after the other."""
        return "".join(each.log for each in self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row each, in the simulator's columns."""
        import pandas as pd

        names = ("time", "outcome", "reason", "environment", "cold", "init", "duration", "latency")
        return pd.DataFrame([[getattr(each, name) for name in names] for each in self], columns=list(names))

    def plot_lanes(self, seconds: float | None = None) -> plots.Picture:
        """Each environment as a swim lane, as the simulator's are drawn; the first ``seconds``, or all."""
        from lambdacourse import plots

        table = self.table.assign(time=self.table.time - (self.table.time.min() if len(self) else 0.0))
        whole = float((table.time + table.latency).max()) if len(self) else 1.0
        shown = plots.Lanes.of(table, whole if seconds is None else seconds)
        return plots.lanes_picture("Measured: each environment in its lane", whole if seconds is None else seconds, shown)


class AsyncInvocation:
    """An event that was queued (HTTP 202). ``wait`` for what becomes of it.

    attempts: the invocations so far. outcome: None while it is tried; then ``"Success"``, ``"RetriesExhausted"`` or
    ``"EventAgeExceeded"``. record: what an on-failure destination gets, or None.
    """

    status = 202

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.attempts: list[Invocation] = []
        self.outcome: str | None = None
        self.record: dict[str, Any] | None = None
        self._done = threading.Event()

    def wait(self, seconds: float | None = None) -> AsyncInvocation:
        """Wait until it was served or given up, at most ``seconds``."""
        self._done.wait(seconds)
        return self

    def __repr__(self) -> str:
        return f"<asynchronous event {self.request_id}: {self.outcome or 'pending'} after {len(self.attempts)} attempts>"
