"""The figures of a queue in a run: what became of its messages, how many waited, how old the oldest was."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lambdacourse.engine import queueing
from lambdacourse.engine.histograms import histogram_quantile
from lambdacourse.engine.queueing import Backlogs
from lambdacourse.model import EventSourceMapping, Queue, checks

if TYPE_CHECKING:
    from lambdacourse import plots


@dataclass(frozen=True)
class QueueRun:
    """The figures of one queue in a run; times in seconds.

    Nothing is lost: ``at_start`` (what a warm-up left) and ``sent`` are together ``deleted``, ``dead_lettered``, ``expired``,
    ``in_flight`` and ``visible``.
    """

    mapping: EventSourceMapping
    _backlogs: Backlogs = field(repr=False)
    _row: int = field(repr=False)
    _bin_seconds: float = field(repr=False)
    _seconds: float = field(repr=False)

    @property
    def queue(self) -> Queue:
        return self.mapping.source

    def _total(self, column: int) -> int:
        return int(self._backlogs.bins[self._row, :, column].sum())

    def series(self, column: int) -> np.ndarray:
        """A column of ``engine.queueing`` over time, one value per bin."""
        return self._backlogs.bins[self._row, :-1, column]

    @property
    def at_start(self) -> int:
        """Messages that a warm-up left in the queue, visible or in flight."""
        return self._total(queueing.AT_START)

    @property
    def sent(self) -> int:
        """CloudWatch ``NumberOfMessagesSent``."""
        return self._total(queueing.SENT)

    @property
    def received(self) -> int:
        """CloudWatch ``NumberOfMessagesReceived``: each time that a message was handed to a poller, invoked with it or not."""
        return self._total(queueing.RECEIVED)

    @property
    def returned(self) -> int:
        """How often a received message became visible again, because it was not deleted within the visibility timeout."""
        return self._total(queueing.RETURNED)

    @property
    def deleted(self) -> int:
        """CloudWatch ``NumberOfMessagesDeleted``: messages whose batch succeeded."""
        return self._total(queueing.DELETED)

    @property
    def dead_lettered(self) -> int:
        """Messages that went to the dead-letter queue: received ``max_receive_count`` times and never deleted."""
        return self._total(queueing.DEAD_LETTERED)

    @property
    def expired(self) -> int:
        """Messages that were still there when their retention was over."""
        return self._total(queueing.EXPIRED)

    @property
    def late(self) -> int:
        """How often a message was handled well and still came back, because its visibility timeout had run out: a duplicate."""
        return self._total(queueing.LATE)

    @property
    def in_flight(self) -> int:
        """Messages that are received and not deleted when the run ends."""
        return int(self.series(queueing.IN_FLIGHT)[-1])

    @property
    def visible(self) -> int:
        """Messages that wait when the run ends."""
        return int(self.series(queueing.VISIBLE)[-1])

    @property
    def peak_backlog(self) -> int:
        """The most messages that waited at once: the maximum of CloudWatch ``ApproximateNumberOfMessagesVisible``."""
        return int(self.series(queueing.VISIBLE_MAX).max())

    @property
    def mean_backlog(self) -> float:
        """Messages that waited, averaged over time."""
        return float(self.series(queueing.VISIBLE_AREA).sum() / self._seconds)

    @property
    def mean_in_flight(self) -> float:
        """Messages in flight, averaged over time."""
        return float(self.series(queueing.IN_FLIGHT_AREA).sum() / self._seconds)

    @property
    def peak_pollers(self) -> int:
        """The most batches that the mapping was ready to handle at once."""
        return int(self.series(queueing.ALLOWED).max())

    def empty_after(self, time: float) -> float:
        """Seconds from ``time`` until, at the end of a bin, nothing waits for the first time; infinite if something always does."""
        checks.number("empty_after(time", time, "must be a time of the run in seconds", least=0, most=self._seconds)
        ends = np.minimum(np.arange(1, self.series(queueing.VISIBLE).size + 1) * self._bin_seconds, self._seconds)
        empty = ends[(self.series(queueing.VISIBLE) == 0) & (ends >= time)]
        return float(empty[0] - time) if empty.size else np.inf

    def oldest_age(self, q: float) -> float:
        """The ``q`` quantile over time of the age of the oldest message, as CloudWatch's ``ApproximateAgeOfOldestMessage`` has it.

        A message of a standard queue that was received three times does not count any more: a poison message stays unseen.
        """
        return float(np.quantile(self.series(queueing.OLDEST_AGE), _quantile(q)))

    def wait(self, q: float) -> float:
        """The ``q`` quantile of seconds from being sent to the start of the first handler that had the message."""
        counts = self._backlogs.wait[self._row]
        return histogram_quantile(counts, _quantile(q), max(self._total(queueing.HANDED) - int(counts.sum()), 0))

    def latency(self, q: float) -> float:
        """The ``q`` quantile of seconds from being sent to being deleted, of the messages that were."""
        return histogram_quantile(self._backlogs.latency[self._row], _quantile(q))

    @cached_property
    def messages(self) -> pd.DataFrame:
        """Everything that happened to messages, in order (needs ``record=True``).

        Columns: ``time``, ``message`` (the how-manieth that was sent, from 0), ``event`` (``sent``, ``received``, ``handed``, ``returned``, ``deleted``,
        ``dead-lettered``, ``expired``, ``late``) and ``age`` (of ``handed`` until the handler starts).
        """
        kept = self._backlogs.messages
        if kept is None:
            raise ValueError("The messages were not kept: ask for them with simulate(…, record=True).")
        mine = (kept.queue == self._row) & (kept.kind != queueing.POLLERS)
        names = np.array(EVENTS, dtype=object)
        columns = {
            "time": kept.time[mine],
            "message": kept.number[mine],
            "event": names[kept.kind[mine]],
            "age": kept.age[mine],
        }
        return pd.DataFrame(columns)

    def add_metrics(self, table: dict[tuple[str, str, str], np.ndarray], each: int) -> None:
        """CloudWatch's metrics of the queue, from ``each`` bins together."""
        name = self.queue.name
        starts = np.arange(0, len(self.series(queueing.SENT)), each)

        def grouped(column: int, operation: np.ufunc = np.add) -> np.ndarray:
            return operation.reduceat(self.series(column), starts)

        for metric, column in (("Sent", queueing.SENT), ("Received", queueing.RECEIVED), ("Deleted", queueing.DELETED)):
            table[name, f"NumberOfMessages{metric}", "Sum"] = grouped(column)
        widths = np.full(len(self.series(queueing.SENT)), self._bin_seconds)
        widths[-1] = self._seconds - (len(widths) - 1) * self._bin_seconds
        seconds = np.add.reduceat(widths, starts)
        for metric, area, most in (
            ("Visible", queueing.VISIBLE_AREA, queueing.VISIBLE_MAX),
            ("NotVisible", queueing.IN_FLIGHT_AREA, queueing.IN_FLIGHT_MAX),
        ):
            table[name, f"ApproximateNumberOfMessages{metric}", "Average"] = grouped(area) / seconds
            table[name, f"ApproximateNumberOfMessages{metric}", "Maximum"] = grouped(most, np.maximum)
        table[name, "ApproximateAgeOfOldestMessage", "Maximum"] = grouped(queueing.OLDEST_AGE, np.maximum)

    def figures(self) -> dict[str, float]:
        """The figures that matter, by name."""
        return {
            "sent": self.sent,
            "received": self.received,
            "deleted": self.deleted,
            "dead-lettered": self.dead_lettered,
            "expired": self.expired,
            "in flight": self.in_flight,
            "visible": self.visible,
            "peak backlog": self.peak_backlog,
            "peak pollers": self.peak_pollers,
            "p50 wait (s)": self.wait(0.5),
            "p99 wait (s)": self.wait(0.99),
            "oldest age (s)": self.oldest_age(1),
        }

    def backlog(self) -> plots.Backlog:
        """The queue over time, for pictures."""
        from lambdacourse import plots

        count = len(self.series(queueing.SENT))
        widths = np.full(count, self._bin_seconds)
        widths[-1] = self._seconds - (count - 1) * self._bin_seconds
        return plots.Backlog(
            name=self.queue.name,
            time=np.arange(count) * self._bin_seconds,
            width=self._bin_seconds,
            visible=self.series(queueing.VISIBLE_AREA) / widths,
            in_flight=self.series(queueing.IN_FLIGHT_AREA) / widths,
            oldest_age=self.series(queueing.OLDEST_AGE),
        )

    def plot(self) -> plots.Picture:
        """The backlog, and the age of the oldest message, over time."""
        from lambdacourse import plots

        return plots.backlog_picture(self.backlog())


EVENTS = ("sent", "received", "handed", "returned", "deleted", "dead-lettered", "expired", "late")


def _quantile(q: float) -> float:
    return checks.number("quantile(q", q, "must be a number from 0 to 1, such as 0.99", least=0, most=1)
