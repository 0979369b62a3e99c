"""What callers saw in the end, and what became of asynchronous events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from lambdacourse.engine import tally as columns
from lambdacourse.engine.histograms import histogram_quantile
from lambdacourse.engine.tally import Tally
from lambdacourse.model import checks


@dataclass(frozen=True)
class Callers:
    """The synchronous callers of one function. Each request is in exactly one of ``succeeded``, ``failed``, ``throttled``, ``pending``.

    requests
        What callers wanted, each counted once, however often it was sent.
    retries
        How often one was sent again.
    succeeded, failed, throttled
        How many ended with a result, with an error of the function, and with a throttle.
    pending
        How many were not over when the run ended: they ran, or waited for their next attempt.
    """

    requests: int
    retries: int
    succeeded: int
    failed: int
    throttled: int
    pending: int
    _tally: Tally = field(repr=False)
    _row: int = field(repr=False)

    @classmethod
    def of(cls, tally: Tally, row: int) -> Callers:
        names = ("RECEIVED", "SUCCEEDED", "FAILED", "THROTTLED", "FROM_BEFORE")
        received, *ends, before = (int(tally.total(row, getattr(columns, f"CALLS_{name}"))) for name in names)
        return cls(received, int(tally.total(row, columns.RETRIES)), *ends, received + before - sum(ends), tally, row)

    @property
    def attempts(self) -> int:
        """How often a request was sent, retries included."""
        return self.requests + self.retries

    @property
    def attempts_per_request(self) -> float:
        """How much the retries multiply the traffic: 1 without any."""
        return self.attempts / self.requests if self.requests else math.nan

    @property
    def success_rate(self) -> float:
        """Of the requests that are over, the share that succeeded."""
        over = self.succeeded + self.failed + self.throttled
        return self.succeeded / over if over else math.nan

    def latency(self, q: float) -> float:
        """The ``q`` quantile of seconds from the first attempt to the answer of the function, the waits between attempts included."""
        checks.number("quantile(q", q, "must be a number from 0 to 1, such as 0.99", least=0, most=1)
        return histogram_quantile(self._tally.answer[self._row], q)


@dataclass(frozen=True)
class Events:
    """The asynchronous events of one function. Each is in exactly one of ``succeeded``, ``delivered``, ``dropped`` and ``pending``.

    received
        CloudWatch ``AsyncEventsReceived``.
    succeeded
        How many a handler worked off without an error.
    delivered
        How many were given up and went to the destination for failures or the dead-letter queue.
    dropped
        How many were given up and are lost, because there is neither.
    pending
        How many were not over when the run ended: they ran, or waited in Lambda's queue.
    mean_age, oldest
        CloudWatch ``AsyncEventAge``, here in seconds: from arrival to invocation, on average and at the most.
    """

    received: int
    succeeded: int
    delivered: int
    dropped: int
    pending: int
    mean_age: float
    oldest: float

    @classmethod
    def of(cls, tally: Tally, row: int) -> Events:
        names = ("RECEIVED", "SUCCEEDED", "DELIVERED", "DROPPED", "FROM_BEFORE")
        received, *ends, before = (int(tally.total(row, getattr(columns, f"ASYNC_{name}"))) for name in names)
        started = tally.total(row, columns.ASYNC_INVOCATIONS)
        mean = tally.total(row, columns.ASYNC_AGE_SUM) / started if started else math.nan
        oldest = float(tally.series(row, columns.ASYNC_AGE_MAX).max()) if started else math.nan
        return cls(received, *ends, received + before - sum(ends), mean, oldest)

    @property
    def given_up(self) -> int:
        """CloudWatch ``AsyncEventsDropped``: all that were given up, with a destination or without."""
        return self.delivered + self.dropped
