"""``Run``: what happened in a simulation, as figures, metrics, summary and pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lambdacourse.engine import history
from lambdacourse.engine import tally as columns
from lambdacourse.engine.histograms import histogram_quantile
from lambdacourse.engine.tally import Tally
from lambdacourse.facts import fact
from lambdacourse.model import EventSourceMapping, Function, Queue, Stream, checks
from lambdacourse.pricing import Bill
from lambdacourse.simulation.bills import run_bill
from lambdacourse.simulation.callers import Callers, Events
from lambdacourse.simulation.queues import QueueRun
from lambdacourse.simulation.streams import StreamRun, iterator_age_metrics, stream_metrics

if TYPE_CHECKING:
    from lambdacourse import plots
    from lambdacourse.simulation.scenario import Scenario


@dataclass(frozen=True)
class FunctionRun:
    """The figures of one function in a run. Times in seconds; shares from 0 to 1 (NaN where there is nothing to share).

    ``arrivals`` counts each request and event once, ``invocations`` and ``throttles`` each attempt. Where nobody tries again, each
    arrival is in exactly one of these two; where somebody does, ``callers`` and ``events`` say how each ended.
    """

    function: Function
    _tally: Tally = field(repr=False)
    _row: int = field(repr=False)

    def _total(self, column: int) -> int:
        return int(self._tally.total(self._row, column))

    @property
    def arrivals(self) -> int:
        return self._total(columns.ARRIVALS)

    @property
    def invocations(self) -> int:
        """CloudWatch ``Invocations``: requests that ran, well or not; not the throttled ones."""
        return self._total(columns.INVOCATIONS)

    @property
    def throttles(self) -> int:
        """CloudWatch ``Throttles``."""
        return sum(self.throttles_by_reason.values())

    @property
    def throttles_by_reason(self) -> dict[str, int]:
        """Throttles by the limit that turned them away: AWS's ``Reason``, or ``"scaling rate"``, for which AWS names none."""
        named = {reason: self._total(columns.THROTTLES + number) for number, reason in enumerate(throttle_reasons())}
        return {reason: count for reason, count in named.items() if count}

    @property
    def errors(self) -> int:
        """CloudWatch ``Errors``: invocations in which the handler raised or timed out."""
        return self._total(columns.ERRORS)

    @property
    def timeouts(self) -> int:
        return self._total(columns.TIMEOUTS)

    @property
    def cold_starts(self) -> int:
        """Invocations for which a new environment was started. CloudWatch has no metric for them."""
        return self._total(columns.COLD_STARTS)

    @property
    def callers(self) -> Callers:
        """What synchronous callers saw in the end, each request counted once."""
        return Callers.of(self._tally, self._row)

    @property
    def events(self) -> Events:
        """What became of asynchronous events."""
        return Events.of(self._tally, self._row)

    @property
    def pending(self) -> int:
        """Requests and events that were not over when the run ended: those that wait for another attempt, and what may need one."""
        return self.callers.pending + self.events.pending

    @property
    def downstream_errors(self) -> int:
        """Invocations that failed because what stands behind the function was full."""
        return self._total(columns.DOWNSTREAM_REFUSED)

    @property
    def mean_downstream_wait(self) -> float:
        """Seconds of an invocation that it waited for what stands behind the function, on average."""
        return _share(self._tally.total(self._row, columns.DOWNSTREAM_WAIT_SUM), self.invocations)

    @property
    def longest_downstream_wait(self) -> float:
        """Seconds of the longest of these waits."""
        return float(self._tally.series(self._row, columns.DOWNSTREAM_WAIT_MAX).max())

    @property
    def throttle_rate(self) -> float:
        """Throttles / (invocations + throttles)."""
        return _share(self.throttles, self.invocations + self.throttles)

    @property
    def cold_start_rate(self) -> float:
        """Cold starts / invocations."""
        return _share(self.cold_starts, self.invocations)

    @property
    def error_rate(self) -> float:
        """Errors / invocations."""
        return _share(self.errors, self.invocations)

    @property
    def mean_duration(self) -> float:
        """Seconds that a handler ran, on average; without the initialisation."""
        return _share(self._tally.total(self._row, columns.DURATION_SUM), self.invocations)

    @property
    def mean_concurrency(self) -> float:
        """Environments that were initialising or running, averaged over time."""
        return self._tally.mean(self._row, columns.BUSY_LEVEL)

    @property
    def peak_concurrency(self) -> int:
        """The maximum of CloudWatch ``ConcurrentExecutions``."""
        return int(self._tally.series(self._row, columns.BUSY_MAX).max())

    @property
    def mean_environments(self) -> float:
        """Environments that were there, busy or idle, averaged over time: each from its start to its expiry."""
        return self._tally.mean(self._row, columns.ENVIRONMENTS_LEVEL)

    @property
    def peak_environments(self) -> int:
        """The most environments that were there at once; where provisioned ones changed, the most of both kinds, added up."""
        # A new environment starts only when none is idle, so the most there are is the most that are busy, or what a warm-up left.
        on_demand = int(self._tally.series(self._row, columns.ON_DEMAND_MAX).max())
        allocated = math.ceil(self._tally.mean_series(self._row, columns.ALLOCATED_LEVEL).max() - 1e-6)
        return max(on_demand + allocated, self._total(columns.ENVIRONMENTS_AT_START))

    @property
    def provisioned_invocations(self) -> int:
        """CloudWatch ``ProvisionedConcurrencyInvocations``: those that ran on provisioned concurrency."""
        return self._total(columns.PROVISIONED_INVOCATIONS)

    @property
    def spillovers(self) -> int:
        """CloudWatch ``ProvisionedConcurrencySpilloverInvocations``: those that should have, and ran on demand."""
        return self._total(columns.SPILLOVERS)

    @property
    def mean_provisioned(self) -> float:
        """Provisioned environments that could be used, busy or idle, averaged over time."""
        return self._tally.mean(self._row, columns.ALLOCATED_LEVEL)

    @property
    def provisioned_utilisation(self) -> float:
        """The share of them that was busy, averaged over time."""
        return _share(self._tally.mean(self._row, columns.PROVISIONED_BUSY_LEVEL), self.mean_provisioned)

    def wait(self, q: float) -> float:
        """The ``q`` quantile of seconds from arrival to the start of the handler, of the requests that ran."""
        counts = self._tally.wait[self._row]
        return histogram_quantile(counts, _quantile(q), self.invocations - int(counts.sum()))

    def latency(self, q: float) -> float:
        """The ``q`` quantile of seconds from arrival to the result, of the requests that ran."""
        counts = self._tally.latency[self._row]
        return histogram_quantile(counts, _quantile(q), self.invocations - int(counts.sum()))

    @cached_property
    def requests(self) -> pd.DataFrame:
        """Every request in the order of arrival; times in seconds, NaN where it was throttled.

        Columns: ``time`` of arrival, ``outcome`` (``ok``, ``error``, ``timeout`` or ``throttled``), ``reason`` of a throttle,
        ``environment`` that served it (-1: none), ``cold``, ``init``, ``wait``, ``duration``, ``latency``; where someone tries
        again, one row for each ``attempt`` (0: the first), and ``arrival`` says when the request or event came first;
        ``provisioned``: whether it ran on provisioned concurrency; ``download``: what of the wait was before the initialisation.
        """
        kept = self._tally.requests
        if kept is None:
            raise ValueError("The requests were not kept: ask for them with simulate(…, record=True).")
        mine = (kept.function == self._row) & (kept.time >= 0)
        outcome = kept.outcome[mine]
        names = np.array(["ok", "error", "timeout", "throttled"], dtype=object)
        reasons = np.array([None] * history.THROTTLED + throttle_reasons(), dtype=object)
        served = outcome < history.THROTTLED
        wait, duration = kept.started[mine] - kept.arrival[mine], kept.duration[mine]
        return pd.DataFrame(
            {
                "time": kept.time[mine],
                "outcome": names[np.minimum(outcome, history.THROTTLED)],
                "reason": reasons[outcome],
                "environment": kept.environment[mine],
                "cold": kept.cold[mine],
                "init": kept.init[mine],
                "wait": wait,
                "duration": duration,
                "latency": wait + duration,
                "arrival": kept.arrival[mine],
                "attempt": kept.attempt[mine],
                "provisioned": kept.provisioned[mine],
                "download": np.where(served, kept.cold[mine] * self.function.cold_start.download, np.nan),
            }
        )

    def plot_lanes(self, seconds: float = 10.0) -> plots.Picture:
        """Each environment as a swim lane: what it did in the first ``seconds`` (needs ``record=True``)."""
        from lambdacourse import plots

        checks.number("plot_lanes(seconds", seconds, "must be a number of seconds above 0", above=0)
        shown = plots.Lanes.of(self.requests, seconds)
        return plots.lanes_picture(f"{self.function.name}: each environment in its lane", seconds, shown)


@dataclass(frozen=True)
class Run:
    """What happened: ``run["api"]`` has the figures of one function; ``metrics``, ``summary`` and ``plot`` show them."""

    scenario: Scenario
    tally: Tally = field(repr=False)
    functions: tuple[Function, ...] = field(repr=False)

    def __getitem__(self, name: str) -> FunctionRun | QueueRun | StreamRun:
        for row, function in enumerate(self.functions):
            if function.name == name:
                return FunctionRun(function, self.tally, row)
        for result in self.streams:
            if result.stream.name == name:
                return result
        for result in self.queues:
            if result.queue.name == name:
                return result
        names = [function.name for function in self.functions]
        names += [result.stream.name for result in self.streams] + [result.queue.name for result in self.queues]
        known = ", ".join(map(repr, names)) or "none"
        raise KeyError(f"No function or source is called {name!r} in this run; there are: {known}.")

    def __iter__(self):
        return (FunctionRun(function, self.tally, row) for row, function in enumerate(self.functions))

    @property
    def queues(self) -> tuple[QueueRun, ...]:
        """The figures of each queue."""
        mappings = (each for each in self.scenario.triggers if isinstance(each, EventSourceMapping))
        queues = [mapping for mapping in mappings if isinstance(mapping.source, Queue)]
        widths = self.tally.bin_seconds, self.tally.seconds
        return tuple(QueueRun(mapping, self.tally.queues, row, *widths) for row, mapping in enumerate(queues))

    @cached_property
    def streams(self) -> tuple[StreamRun, ...]:
        """The figures of each stream."""
        mappings = [each for each in self.scenario.triggers if isinstance(each, EventSourceMapping)]
        readers = list(zip((each for each in mappings if isinstance(each.source, Stream)), self.tally.streams, strict=True))
        streams = {mapping.source.name: mapping.source for mapping, _ in readers}
        return tuple(
            StreamRun(stream, *zip(*(reader for reader in readers if reader[0].source.name == name), strict=True))
            for name, stream in streams.items()
        )

    @property
    def time(self) -> np.ndarray:
        """The start of each of the bins in which the run was counted, in seconds."""
        return np.arange(self.tally.bins.shape[1] - 1) * self.tally.bin_seconds

    @cached_property
    def each_minute(self) -> pd.DataFrame:
        """``metrics(60)``, made once: each alarm looks at it."""
        return self.metrics(60)

    def metrics(self, period: float = 60.0) -> pd.DataFrame:
        """What CloudWatch shows, one row per ``period`` seconds: columns (resource, metric, statistic), names as in AWS/Lambda.

        ``Duration`` is in milliseconds and leaves out the initialisation, as CloudWatch's does; it has no metric for cold starts.
        """
        width = self.tally.bin_seconds
        rule = f"must be a multiple of {width:g} s, in which this run was counted"
        each = checks.number("metrics(period", period, rule, above=0) / width
        if round(each) < 1 or not math.isclose(each, round(each), rel_tol=1e-9):
            raise ValueError(f"metrics(period={period!r}): {rule}.")
        each = min(round(each), len(self.time))
        table: dict[tuple[str, str, str], np.ndarray] = {}
        for row, function in enumerate(self.functions):
            self._function_metrics(table, row, function.name, each)
            table.update(iterator_age_metrics(function.name, self.streams, each))
        for result in self.streams:
            table.update(stream_metrics(result, each))
        for queue in self.queues:
            queue.add_metrics(table, each)
        account, unreserved = len(self.functions), len(self.functions) + 1
        reserved = sum(function.reserved_concurrency or 0 for function in self.functions)
        shared = self._grouped(unreserved, columns.BUSY_MAX, each, np.maximum)
        table["account", "ConcurrentExecutions", "Maximum"] = self._grouped(account, columns.BUSY_MAX, each, np.maximum)
        table["account", "UnreservedConcurrentExecutions", "Maximum"] = shared
        claimed = self._grouped(unreserved, columns.CLAIMED_MAX, each, np.maximum)
        table["account", "ClaimedAccountConcurrency", "Maximum"] = claimed + reserved
        starts = self.time[::each]
        frame = pd.DataFrame(table, index=pd.Index(starts, name="seconds"))
        return frame.rename_axis(columns=("resource", "metric", "statistic"))

    def _function_metrics(self, table: dict, row: int, name: str, each: int) -> None:
        def total(*which: int) -> np.ndarray:
            return sum(self._grouped(row, column, each, np.add) for column in which)

        invocations = total(columns.INVOCATIONS)
        milliseconds = total(columns.DURATION_SUM) * 1000
        table[name, "Invocations", "Sum"] = invocations
        table[name, "Errors", "Sum"] = total(columns.ERRORS)
        table[name, "Throttles", "Sum"] = total(*range(columns.THROTTLES, columns.THROTTLES + len(throttle_reasons())))
        table[name, "Duration", "SampleCount"] = invocations
        table[name, "Duration", "Sum"] = milliseconds
        with np.errstate(invalid="ignore"):
            table[name, "Duration", "Average"] = milliseconds / invocations
        longest = self._grouped(row, columns.DURATION_MAX, each, np.maximum) * 1000
        table[name, "Duration", "Maximum"] = np.where(invocations > 0, longest, np.nan)
        table[name, "ConcurrentExecutions", "Maximum"] = self._grouped(row, columns.BUSY_MAX, each, np.maximum)

        if any(self.tally.total(row, column) for column in (columns.ALLOCATED_LEVEL, columns.SPILLOVERS)):
            table[name, "ProvisionedConcurrencyInvocations", "Sum"] = total(columns.PROVISIONED_INVOCATIONS)
            table[name, "ProvisionedConcurrencySpilloverInvocations", "Sum"] = total(columns.SPILLOVERS)
            busy = self._grouped(row, columns.PROVISIONED_BUSY_MAX, each, np.maximum)
            table[name, "ProvisionedConcurrentExecutions", "Maximum"] = busy
            means = [self._averaged(row, level, each) for level in (columns.PROVISIONED_BUSY_LEVEL, columns.ALLOCATED_LEVEL)]
            with np.errstate(invalid="ignore", divide="ignore"):
                use = np.where(busy > 0, means[0] / means[1], np.nan)  # not emitted where nothing of it ran
            table[name, "ProvisionedConcurrencyUtilization", "Average"] = use
            table[name, "ProvisionedConcurrencyUtilization", "Maximum"] = np.where(busy > 0, self._most_used(row, each), np.nan)
        if self.tally.total(row, columns.ASYNC_RECEIVED):
            table[name, "AsyncEventsReceived", "Sum"] = total(columns.ASYNC_RECEIVED)
            table[name, "AsyncEventsDropped", "Sum"] = total(columns.ASYNC_DROPPED, columns.ASYNC_DELIVERED)
            started = total(columns.ASYNC_INVOCATIONS)
            table[name, "AsyncEventAge", "SampleCount"] = started
            with np.errstate(invalid="ignore", divide="ignore"):
                table[name, "AsyncEventAge", "Average"] = 1000 * total(columns.ASYNC_AGE_SUM) / started
            oldest = 1000 * self._grouped(row, columns.ASYNC_AGE_MAX, each, np.maximum)
            table[name, "AsyncEventAge", "Maximum"] = np.where(started > 0, oldest, np.nan)

    def _averaged(self, row: int, level: int, each: int) -> np.ndarray:
        series = self.tally.mean_series(row, level)
        starts = np.arange(0, len(series), each)
        return np.add.reduceat(series, starts) / np.diff(np.append(starts, len(series)))

    def _most_used(self, row: int, each: int) -> np.ndarray:
        """The most of provisioned / allocated that was busy. In a bin in which the allocation changes, it counts as the larger."""
        busy = self.tally.series(row, columns.PROVISIONED_BUSY_MAX)
        allocated = self.tally.mean_series(row, columns.ALLOCATED_LEVEL)
        allocated = np.maximum(allocated, np.append(allocated[1:], 0.0))
        share = np.divide(busy, allocated, out=np.zeros_like(busy), where=allocated > 1e-6)
        return np.maximum.reduceat(share, np.arange(0, len(share), each))

    def _grouped(self, row: int, column: int, each: int, operation: np.ufunc) -> np.ndarray:
        series = self.tally.series(row, column)
        return operation.reduceat(series, np.arange(0, len(series), each))

    def summary(self) -> pd.DataFrame:
        """One column per function, queue and stream: the figures that matter."""
        columns = {result.function.name: _figures(result) for result in self}
        columns |= {result.queue.name: _rounded(result.figures()) for result in self.queues}
        columns |= {result.stream.name: _rounded(result.figures()) for result in self.streams}
        rows = list(dict.fromkeys(name for figures in columns.values() for name in figures))
        table = {name: [figures.get(row, "") for row in rows] for name, figures in columns.items()}
        return pd.DataFrame(table, rows, dtype=object)

    def series(self) -> list[plots.Series]:
        """Each function over time: requests by outcome, concurrency and its limit, for pictures."""
        from lambdacourse import plots

        return [
            plots.Series(
                name=result.function.name,
                time=self.time,
                width=self.tally.bin_seconds,
                provisioned=self.tally.series(row, columns.PROVISIONED_INVOCATIONS),
                warm=self._warm(row),
                cold=self.tally.series(row, columns.COLD_STARTS),
                throttled=self._throttled(row),
                concurrency=self.tally.mean_series(row, columns.BUSY_LEVEL),
                environments=self.tally.mean_series(row, columns.ENVIRONMENTS_LEVEL),
                allocated=self.tally.mean_series(row, columns.ALLOCATED_LEVEL),
                limit=self._limit(result.function),
            )
            for row, result in enumerate(self)
        ]

    def plot(self) -> plots.Picture:
        """Requests by outcome and concurrency over time, a row of panels for each function."""
        from lambdacourse import plots

        return plots.overview(self.series(), [queue.backlog() for queue in self.queues])

    def bill(self, period: str | None = None, *, free_tier: bool = False) -> Bill:
        """What the run costs in us-east-1, or with ``period="month"`` (``"day"``, ``"hour"``) what it costs to go on like that.

        The free tier is a month's, so it is left out unless asked for: it would make most runs cost nothing.
        """
        return run_bill(self.functions, self.tally, self.streams, self.queues, period, free_tier)

    def _limit(self, function: Function) -> float | None:
        """What a function may have at most: its reservation, or what the others' reservations leave."""
        limit = self.scenario.account.concurrency_limit
        if function.reserved_concurrency is not None or limit is None:
            return function.reserved_concurrency
        return limit - sum(other.reserved_concurrency or 0 for other in self.functions)

    def _warm(self, row: int) -> np.ndarray:
        """Served on demand, without a cold start."""
        others = self.tally.series(row, columns.COLD_STARTS) + self.tally.series(row, columns.PROVISIONED_INVOCATIONS)
        return self.tally.series(row, columns.INVOCATIONS) - others

    def _throttled(self, row: int) -> np.ndarray:
        first = columns.THROTTLES
        return self.tally.bins[row, :-1, first : first + len(throttle_reasons())].sum(axis=1)


def throttle_reasons() -> list[str]:
    """The reasons of a throttle in the order of the tally's columns: AWS's names, and one for which AWS publishes none."""
    limits = ("concurrency", "reserved", "rate", "reserved_rate", "scaling_rate")
    return [fact(f"throttle_reason_{limit}").value for limit in limits]


def _figures(result: FunctionRun) -> dict[str, float]:
    figures = {
        "arrivals": result.arrivals,
        "invocations": result.invocations,
        "throttles": result.throttles,
        "throttle rate": result.throttle_rate,
        "errors": result.errors,
        "cold starts": result.cold_starts,
        "cold start rate": result.cold_start_rate,
        "mean concurrency": result.mean_concurrency,
        "peak concurrency": result.peak_concurrency,
        "mean environments": result.mean_environments,
        "p50 latency (s)": result.latency(0.5),
        "p99 latency (s)": result.latency(0.99),
    }
    if result.callers.retries:
        figures |= {
            "retries": result.callers.retries,
            "answered": result.callers.succeeded,
            "refused": result.callers.throttled,
        }
    if result.events.received:
        events = result.events
        figures |= {"events given up": events.given_up, "events pending": events.pending, "oldest event (s)": events.oldest}
    if result.function.downstream is not None:
        figures |= {"downstream errors": result.downstream_errors, "mean downstream wait (s)": result.mean_downstream_wait}
    return _rounded(figures)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    """Counts as they are, the rest to four digits."""
    return {name: each if isinstance(each, int) else float(f"{each:.4g}") for name, each in figures.items()}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _quantile(q: float) -> float:
    return checks.number("quantile(q", q, "must be a number from 0 to 1, such as 0.99", least=0, most=1)
