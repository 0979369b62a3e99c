"""The figures of one stream in a run, ``run["clicks"]``: where its records went, and how far behind they were read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from lambdacourse.engine import streams as columns
from lambdacourse.engine.histograms import histogram_quantile
from lambdacourse.engine.streams import StreamTally
from lambdacourse.model import EventSourceMapping, checks
from lambdacourse.model.sources import Stream

STATES = ("pending", "processed", "delivered", "dropped", "expired", "skipped", "refused")
"""Where a record is, in words; the order of ``engine.streams``."""

OUTCOMES = ("ok", "error", "timeout", "throttled")


@dataclass(frozen=True)
class StreamRun:
    """The figures of a stream, and of the mappings that read it; counts of records, times in seconds.

    Each mapping reads every record: where there are several, the figures are their sums, and ``of("worker")`` has those of one.
    ``pending_at_start + sent`` (of each mapping) is ``processed + delivered + dropped + expired + skipped + pending``.
    """

    stream: Stream
    mappings: tuple[EventSourceMapping, ...]
    _tallies: tuple[StreamTally, ...] = field(repr=False)

    def of(self, function: str) -> StreamRun:
        """The figures of the mapping that invokes ``function``."""
        chosen = [number for number, mapping in enumerate(self.mappings) if mapping.function.name == function]
        if not chosen:
            known = ", ".join(repr(mapping.function.name) for mapping in self.mappings)
            raise KeyError(f"No function {function!r} reads the stream {self.stream.name!r}; there are: {known}.")
        return StreamRun(
            self.stream, tuple(self.mappings[each] for each in chosen), tuple(self._tallies[each] for each in chosen)
        )

    def _total(self, column: int) -> int:
        return sum(tally.total(column) for tally in self._tallies)

    @property
    def sent(self) -> int:
        """CloudWatch ``IncomingRecords``: records that the stream took in."""
        return self._tallies[0].total(columns.SENT)

    @property
    def refused(self) -> int:
        """CloudWatch ``WriteProvisionedThroughputExceeded``: records above what their shard takes in."""
        return self._tallies[0].total(columns.REFUSED)

    @property
    def processed(self) -> int:
        """Records of which the function said, or did not deny, that it has done with them."""
        return self._total(columns.PROCESSED)

    @property
    def delivered(self) -> int:
        """CloudWatch ``OnFailureDestinationDeliveredEventCount``: given up, and recorded in the destination for failures."""
        return self._total(columns.DELIVERED)

    @property
    def dropped(self) -> int:
        """CloudWatch ``DroppedEventCount``: given up by age or after the last retry, without a destination."""
        return self._total(columns.DROPPED)

    @property
    def expired(self) -> int:
        """Records that the stream let expire before the mapping was done with them: lost, and counted by no metric."""
        return self._total(columns.EXPIRED)

    @property
    def skipped(self) -> int:
        """Records from before the mapping's starting position."""
        return self._total(columns.SKIPPED)

    @property
    def pending(self) -> int:
        """Records in the stream with which a mapping is not done at the end of the run."""
        return sum(tally.backlog for tally in self._tallies)

    @property
    def pending_at_start(self) -> int:
        """The same at time 0: what a warm-up left."""
        return sum(tally.backlog_at_start for tally in self._tallies)

    @property
    def handed(self) -> int:
        """CloudWatch ``InvokedEventCount``, but for throttles: records handed to a function, each time again."""
        return self._total(columns.HANDED)

    @property
    def repeated(self) -> int:
        """Records handed to a function that had been handed them before: at least once is not exactly once."""
        return self._total(columns.REPEATED)

    @property
    def mean_batch(self) -> float:
        """Records per invocation."""
        batches = self._total(columns.BATCHES)
        return self.handed / batches if batches else math.nan

    @property
    def peak_backlog(self) -> int:
        """The most records in the stream with which a mapping was not done."""
        return max(int(self._backlog_peaks(tally).max()) for tally in self._tallies)

    @property
    def peak_iterator_age(self) -> float:
        """Seconds: the maximum of CloudWatch ``IteratorAge``; NaN when nothing was handed over."""
        if not self._total(columns.AGES):
            return math.nan
        return float(max(tally.bins[:, columns.AGE_MAX].max() for tally in self._tallies))

    @property
    def mean_iterator_age(self) -> float:
        """Seconds: the average of CloudWatch ``IteratorAge``; NaN when nothing was handed over."""
        total = sum(tally.bins[:, columns.AGE_SUM].sum() for tally in self._tallies)
        ages = self._total(columns.AGES)
        return float(total / ages) if ages else math.nan

    def iterator_age(self, q: float) -> float:
        """The ``q`` quantile, over the invocations, of CloudWatch ``IteratorAge``, in seconds."""
        return histogram_quantile(sum(tally.age for tally in self._tallies), _quantile(q))

    def latency(self, q: float) -> float:
        """The ``q`` quantile of seconds from the sending of a record to the end of the batch that processed it."""
        return histogram_quantile(sum(tally.latency for tally in self._tallies), _quantile(q))

    def figures(self) -> dict[str, float]:
        """The figures that matter, by name."""
        counts = {name: getattr(self, name) for name in ("sent", "refused", "processed", *STATES[2:6], "pending", "repeated")}
        return counts | {
            "records per invocation": self.mean_batch,
            "peak backlog": self.peak_backlog,
            "p50 latency (s)": self.latency(0.5),
            "p99 latency (s)": self.latency(0.99),
            "p50 iterator age (s)": self.iterator_age(0.5),
            "highest iterator age (s)": self.peak_iterator_age,
        }

    def summary(self) -> pd.DataFrame:
        """The figures that matter, in one column."""
        written = {name: each if isinstance(each, int) else float(f"{each:.4g}") for name, each in self.figures().items()}
        return pd.Series(written, dtype=object, name=self.stream.name).to_frame()

    @cached_property
    def batches(self) -> pd.DataFrame:
        """Every invocation that a mapping asked for (needs ``record=True``), in the order of time.

        Columns: ``time``; ``function``; ``shard`` and ``lane`` (within the shard); ``first`` record (-1: none) and ``size``;
        ``repeat``: the function had been handed them before; ``outcome`` (``ok``, ``error``, ``timeout`` or ``throttled``);
        ``failed``: at which record the function reported a failure (-1: none); ``age`` of the last record; ``attempt``.
        """
        tables = []
        for mapping, tally in zip(self.mappings, self._tallies, strict=True):
            kept = _kept(tally.batches)
            shard, lane = np.divmod(kept.lane, mapping.parallelization_factor)
            outcome = pd.Categorical.from_codes(np.minimum(kept.outcome, len(OUTCOMES) - 1), OUTCOMES)
            tables.append(
                pd.DataFrame(
                    {
                        "time": kept.time, "function": mapping.function.name, "shard": shard, "lane": lane, "first": kept.first,
                        "size": kept.size, "repeat": kept.repeat, "outcome": outcome, "failed": kept.failed, "age": kept.age,
                        "attempt": kept.attempt,
                    }
                )
            )  # fmt: skip
        table = pd.concat(tables, ignore_index=True)
        return table[table.time >= 0].sort_values("time", kind="stable", ignore_index=True)

    @cached_property
    def records(self) -> pd.DataFrame:
        """Every record (needs ``record=True``), in the order of sending; one row for each mapping that reads it.

        Columns: ``number``, ``time`` of sending, ``function``, ``shard`` and ``lane``, ``poison``, ``state`` (see the figures),
        ``end``: when it came into that state, ``handed``: how often the function was handed it.
        """
        tables = []
        for mapping, tally in zip(self.mappings, self._tallies, strict=True):
            kept = _kept(tally.records)
            shard, lane = np.divmod(kept.lane, mapping.parallelization_factor)
            tables.append(
                pd.DataFrame(
                    {
                        "number": np.arange(kept.time.size), "time": kept.time, "function": mapping.function.name, "shard": shard,
                        "lane": lane, "poison": kept.poison, "state": pd.Categorical.from_codes(kept.state, STATES),
                        "end": kept.end, "handed": kept.handed,
                    }
                )
            )  # fmt: skip
        table = pd.concat(tables, ignore_index=True)
        return table[table.time >= 0].sort_values(["time", "number"], kind="stable", ignore_index=True)

    def _backlog_peaks(self, tally: StreamTally) -> np.ndarray:
        """The most records at once in each bin: at its beginning, or when one was sent."""
        bins = tally.bins[:-1]
        left = bins[:, columns.SENT] - bins[:, columns.PROCESSED : columns.REFUSED].sum(axis=1)
        at_start = tally.backlog_at_start + np.concatenate(([0.0], np.cumsum(left)[:-1]))
        return np.maximum(at_start, bins[:, columns.BACKLOG_MAX])


def stream_metrics(result: StreamRun, each: int) -> dict[tuple[str, str, str], np.ndarray]:
    """CloudWatch's metrics of a stream and of its mappings, ``each`` bins to a period."""
    name, first = result.stream.name, result._tallies[0]

    def total(column: int) -> np.ndarray:
        return sum(_grouped(tally, column, each) for tally in result._tallies)

    incoming = _grouped(first, columns.SENT, each)
    return {
        (name, "IncomingRecords", "Sum"): incoming,
        (name, "IncomingBytes", "Sum"): incoming * result.stream.record_kb * 1024,
        (name, "WriteProvisionedThroughputExceeded", "Sum"): _grouped(first, columns.REFUSED, each),
        (name, "InvokedEventCount", "Sum"): total(columns.HANDED),
        (name, "DroppedEventCount", "Sum"): total(columns.DROPPED),
        (name, "OnFailureDestinationDeliveredEventCount", "Sum"): total(columns.DELIVERED),
    }


def iterator_age_metrics(function: str, streams: tuple[StreamRun, ...], each: int) -> dict[tuple[str, str, str], np.ndarray]:
    """CloudWatch's ``IteratorAge`` of a function that reads streams, in ms; nothing for one that reads none."""
    mappings = [pair for result in streams for pair in zip(result.mappings, result._tallies, strict=True)]
    tallies = [tally for mapping, tally in mappings if mapping.function.name == function]
    if not tallies:
        return {}
    count = sum(_grouped(tally, columns.AGES, each) for tally in tallies)
    longest = np.max([_grouped(tally, columns.AGE_MAX, each, np.maximum) for tally in tallies], axis=0)
    with np.errstate(invalid="ignore"):
        average = sum(_grouped(tally, columns.AGE_SUM, each) for tally in tallies) / count
    return {
        (function, "IteratorAge", "SampleCount"): count,
        (function, "IteratorAge", "Average"): average * 1000,
        (function, "IteratorAge", "Maximum"): np.where(count > 0, longest * 1000, np.nan),
    }


def _grouped(tally: StreamTally, column: int, each: int, operation: np.ufunc = np.add) -> np.ndarray:
    series = tally.bins[:-1, column]
    return operation.reduceat(series, np.arange(0, len(series), each))


def _kept(what):
    if what is None:
        raise ValueError("The records were not kept: ask for them with simulate(…, record=True).")
    return what


def _quantile(q: float) -> float:
    return checks.number("quantile(q", q, "must be a number from 0 to 1, such as 0.99", least=0, most=1)
