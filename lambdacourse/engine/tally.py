"""What an engine counts: the columns of its time bins, and the same figures counted from a history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lambdacourse.engine.histograms import HISTOGRAM_BINS, histogram_bin
from lambdacourse.engine.history import (
    DELIVERED,
    DROPPED,
    FAILED,
    GIVEN_UP,
    OK,
    REFUSED,
    SCALING,
    SUCCEEDED,
    THROTTLED,
    TIMED_OUT,
    Allocations,
    History,
    Requests,
    Settlements,
)
from lambdacourse.engine.plan import INSTANT, Plan
from lambdacourse.engine.queueing import Backlogs
from lambdacourse.engine.streams import StreamTally
from lambdacourse.model import Async, Function, Sync

# Columns of the bins, per function. A LEVEL and its STEP hold a time average: level + cumsum(step) is the mean in each bin.
(
    ARRIVALS, INVOCATIONS, ERRORS, TIMEOUTS, COLD_STARTS, THROTTLES, THROTTLES_RESERVED, THROTTLES_RATE, THROTTLES_RESERVED_RATE,
    THROTTLES_SCALING, DURATION_SUM, DURATION_MAX, BILLED_MS, INIT_SUM, BUSY_LEVEL, BUSY_STEP, BUSY_MAX, ENVIRONMENTS_LEVEL,
    ENVIRONMENTS_STEP, ENVIRONMENTS_AT_START, ASYNC_RECEIVED, ASYNC_SUCCEEDED, ASYNC_DELIVERED, ASYNC_DROPPED, ASYNC_AGE_SUM,
    ASYNC_AGE_MAX, ASYNC_INVOCATIONS, CALLS_SUCCEEDED, CALLS_FAILED, CALLS_THROTTLED, RETRIES, PROVISIONED_INVOCATIONS,
    SPILLOVERS, PROVISIONED_BILLED_MS, PROVISIONED_BUSY_LEVEL, PROVISIONED_BUSY_STEP, PROVISIONED_BUSY_MAX, ALLOCATED_LEVEL,
    ALLOCATED_STEP, CLAIMED_MAX, DOWNSTREAM_REFUSED, DOWNSTREAM_WAIT_SUM, DOWNSTREAM_WAIT_MAX, CALLS_RECEIVED,
    CALLS_FROM_BEFORE, ASYNC_FROM_BEFORE, ON_DEMAND_MAX, COLUMNS,
) = np.arange(48)  # fmt: skip

# Of what ended in the run, how much had come before it: CALLS_FROM_BEFORE and ASYNC_FROM_BEFORE.


@dataclass(frozen=True)
class Tally:
    """What happened in a run.

    bins
        (functions + 2) x (bins + 1) x COLUMNS: after the functions come the account and its unreserved pool, of which only
        the concurrency is kept. The last bin is what an interval's end may touch.
    wait, latency, answer
        functions x HISTOGRAM_BINS: invocations by seconds from the arrival to the start of the handler (where there was a wait)
        and to the result; synchronous requests by seconds from the first attempt to the result, where there was one in the end.
    history
        Every request, when it was asked for.
    streams
        What happened to the records of each mapping on a stream.
    queues
        What happened to the messages of the queues.
    """

    bins: np.ndarray
    bin_seconds: float
    seconds: float
    wait: np.ndarray
    latency: np.ndarray
    answer: np.ndarray
    history: History | None = None
    streams: tuple[StreamTally, ...] = ()
    queues: Backlogs | None = None

    @property
    def requests(self) -> Requests | None:
        return self.history and self.history.requests

    @property
    def widths(self) -> np.ndarray:
        """How many seconds each bin is long: the last may be cut short by the end of the run."""
        widths = np.full(self.bins.shape[1] - 1, self.bin_seconds)
        widths[-1] = self.seconds - (len(widths) - 1) * self.bin_seconds
        return widths

    def total(self, row: int, column: int) -> float:
        """The sum of a column over the run."""
        return float(self.bins[row, :, column].sum())

    def series(self, row: int, column: int) -> np.ndarray:
        """A column over time, one value per bin."""
        return self.bins[row, :-1, column]

    def mean_series(self, row: int, level: int) -> np.ndarray:
        """The mean of a level (BUSY_LEVEL or ENVIRONMENTS_LEVEL) in each bin."""
        series = (self.bins[row, :, level] + np.cumsum(self.bins[row, :, level + 1]))[:-1]
        series[-1] *= self.bin_seconds / self.widths[-1]
        return series

    def mean(self, row: int, level: int) -> float:
        """The mean of a level over the run."""
        return float(self.mean_series(row, level) @ self.widths / self.seconds)


def count(history: History, plan: Plan) -> Tally:
    """The same figures from all that happened, one by one: for the reference, and as a second way to count."""
    requests = history.requests
    rows = len(plan.functions)
    bins = np.zeros((rows + 2, plan.bins + 1, COLUMNS))
    wait, latency, answer = np.zeros((3, rows, HISTOGRAM_BINS), np.int64)
    unreserved = np.array([function.reserved_concurrency is None for function in plan.functions], dtype=bool)
    shares = {row: requests.function == row for row in range(rows)}
    shares[rows] = np.ones(requests.time.size, dtype=bool)
    shares[rows + 1] = (unreserved[requests.function] if rows else shares[rows]) & ~requests.provisioned
    for row, chosen in shares.items():
        served = chosen & (requests.outcome < THROTTLED)
        _add_peaks(bins[row, :, BUSY_MAX], requests, served, plan)
        if row == rows + 1:
            claims = _claims(history.allocations, unreserved)
            _add_peaks(bins[row, :, CLAIMED_MAX], requests, served, plan, claims)
        if row < rows:
            ends = requests.started[served] + requests.duration[served]
            _add_intervals(bins[row], BUSY_LEVEL, requests.time[served], ends, plan)
            _add_environments(bins[row], requests, served & ~requests.provisioned, plan, plan.functions[row])
            _add_counts(bins[row], wait[row], latency[row], requests, chosen & (requests.time >= 0), plan)
            _add_provisioned(bins[row], history, row, served, plan)
            _add_peaks(bins[row, :, ON_DEMAND_MAX], requests, served & ~requests.provisioned, plan)
    _add_arrivals(bins, requests, plan)
    _add_events(bins, history, plan)
    _add_calls(bins, answer, history, plan)
    return Tally(bins, plan.bin_seconds, plan.seconds, wait, latency, answer, history)


def _add_provisioned(bins: np.ndarray, history: History, row: int, served: np.ndarray, plan: Plan) -> None:
    """What is counted of provisioned concurrency."""
    requests, allocations = history.requests, history.allocations
    chosen = served & requests.provisioned
    ends = requests.started[chosen] + requests.duration[chosen]
    _add_peaks(bins[:, PROVISIONED_BUSY_MAX], requests, chosen, plan)
    _add_intervals(bins, PROVISIONED_BUSY_LEVEL, requests.time[chosen], ends, plan)
    mine = allocations.function == row
    since, allocated = allocations.time[mine], allocations.allocated[mine]
    until = np.append(since[1:], plan.seconds)[: since.size]
    for start, end, amount in zip(since, until, allocated, strict=True):
        for level in (ALLOCATED_LEVEL, ENVIRONMENTS_LEVEL):
            _add_intervals(bins, level, np.full(amount, start), np.full(amount, end), plan)
    first = np.searchsorted(since, 0.0) - 1
    if first >= 0:
        bins[0, ENVIRONMENTS_AT_START] += allocated[first]


def _claims(allocations: Allocations, unreserved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From which times on how much of the shared pool is claimed by provisioned concurrency."""
    if not allocations.time.size:
        return np.array([-np.inf]), np.zeros(1)
    claimed, total, times, totals = np.zeros(unreserved.size), 0.0, [-np.inf], [0.0]
    for function, time, now in zip(allocations.function, allocations.time, allocations.claimed, strict=True):
        if unreserved[function]:
            total += now - claimed[function]
            claimed[function] = now
            times.append(time)
            totals.append(total)
    return np.array(times), np.array(totals)


def _add_arrivals(bins: np.ndarray, requests: Requests, plan: Plan) -> None:
    """A request and an event arrive once, however often they are tried; a batch of a source is a new request each time."""
    for number, flow in enumerate(plan.flows):
        if flow.is_of_stream or flow.is_of_queue:
            tried = requests.time[(requests.flow == number) & (requests.time >= 0)]
            bins[flow.function, :, ARRIVALS] += _per_bin(tried, plan)
            continue
        for chunk in plan.chunks(flow):
            counts = _per_bin(chunk.time[chunk.time >= 0], plan)
            bins[flow.function, :, ARRIVALS] += counts
            kind = ASYNC_RECEIVED if isinstance(flow.trigger, Async) else CALLS_RECEIVED
            bins[flow.function, :, kind] += counts


def _add_events(bins: np.ndarray, history: History, plan: Plan) -> None:
    """What is counted of asynchronous events alone."""
    requests, settled = history.requests, history.settlements
    for number, flow in enumerate(plan.flows):
        if not isinstance(flow.trigger, Async):
            continue
        mine = bins[flow.function]
        served = (requests.flow == number) & (requests.outcome < THROTTLED) & (requests.time >= 0)
        time, age = requests.time[served], (requests.time - requests.arrival)[served]
        mine[:, ASYNC_INVOCATIONS] += _per_bin(time, plan)
        mine[:, ASYNC_AGE_SUM] += _per_bin(time, plan, age)
        np.maximum.at(mine[:, ASYNC_AGE_MAX], plan.bin_of(time), age)
        for state, column in ((SUCCEEDED, ASYNC_SUCCEEDED), (DELIVERED, ASYNC_DELIVERED), (DROPPED, ASYNC_DROPPED)):
            ended = (settled.flow == number) & (settled.state == state) & (settled.time >= 0)
            mine[:, column] += _per_bin(settled.time[ended], plan)
        _add_from_before(mine[:, ASYNC_FROM_BEFORE], settled, number, plan)


def _add_calls(bins: np.ndarray, answer: np.ndarray, history: History, plan: Plan) -> None:
    """What synchronous callers see in the end: of those who try again by what they settled for, of the others by the one attempt."""
    requests, settled = history.requests, history.settlements
    for number, flow in enumerate(plan.flows):
        if not isinstance(flow.trigger, Sync):
            continue
        mine = bins[flow.function]
        chosen = (requests.flow == number) & (requests.time >= 0)
        mine[:, RETRIES] += _per_bin(requests.time[chosen & (requests.attempt > 0)], plan)
        if flow.is_plain:
            time, outcome = requests.time[chosen], requests.outcome[chosen]
            taken = _starting(requests, plan)[chosen] + requests.duration[chosen]
            ended = np.where(outcome == OK, SUCCEEDED, np.where(outcome < THROTTLED, FAILED, GIVEN_UP))
        else:
            over = (settled.flow == number) & (settled.time >= 0)
            time, ended = settled.time[over], settled.state[over]
            taken = time - settled.arrival[over]
            _add_from_before(mine[:, CALLS_FROM_BEFORE], settled, number, plan)
        for state, column in ((SUCCEEDED, CALLS_SUCCEEDED), (FAILED, CALLS_FAILED), (GIVEN_UP, CALLS_THROTTLED)):
            mine[:, column] += _per_bin(time[ended == state], plan)
        np.add.at(answer[flow.function], histogram_bin(taken[ended != GIVEN_UP]), 1)


def _add_from_before(counts: np.ndarray, settled: Settlements, flow: int, plan: Plan) -> None:
    counts += _per_bin(settled.time[(settled.flow == flow) & (settled.time >= 0) & (settled.arrival < 0)], plan)


def _per_bin(times: np.ndarray, plan: Plan, amounts: np.ndarray | None = None) -> np.ndarray:
    return np.bincount(plan.bin_of(times), amounts, minlength=plan.bins + 1)


def _starting(requests: Requests, plan: Plan) -> np.ndarray:
    """Seconds from an attempt to the start of its handler: download and initialisation."""
    downloads = np.array([function.cold_start.download for function in plan.functions])
    return requests.init + np.where(requests.cold, downloads[requests.function], 0.0)


def _add_counts(bins, wait, latency, requests: Requests, chosen: np.ndarray, plan: Plan) -> None:
    outcome, init, duration = requests.outcome[chosen], requests.init[chosen], requests.duration[chosen]
    index = plan.bin_of(requests.time[chosen])
    served, cold = outcome < THROTTLED, requests.cold[chosen]

    def add(column: int, which: np.ndarray, amount: np.ndarray | None = None) -> None:
        weights = None if amount is None else amount[which]
        bins[:, column] += np.bincount(index[which], weights, minlength=len(bins))

    add(INVOCATIONS, served)
    add(ERRORS, served & (outcome != OK))
    add(TIMEOUTS, outcome == TIMED_OUT)
    add(COLD_STARTS, cold)
    for reason in range(THROTTLED, SCALING + 1):
        add(THROTTLES + reason - THROTTLED, outcome == reason)
    add(DURATION_SUM, served, duration)
    add(INIT_SUM, cold, init)
    add(BILLED_MS, served, np.ceil((init + duration) * 1000 - 1e-6))
    np.maximum.at(bins[:, DURATION_MAX], index[served], duration[served])
    provisioned, waited = requests.provisioned[chosen], requests.waited[chosen]
    add(PROVISIONED_INVOCATIONS, provisioned)
    add(SPILLOVERS, served & requests.spilled[chosen])
    add(PROVISIONED_BILLED_MS, provisioned, np.ceil((init + duration) * 1000 - 1e-6))
    add(DOWNSTREAM_REFUSED, served & (waited == REFUSED))
    add(DOWNSTREAM_WAIT_SUM, served & (waited > 0), waited)
    np.maximum.at(bins[:, DOWNSTREAM_WAIT_MAX], index[served], np.maximum(waited[served], 0.0))
    waiting = requests.time[chosen] - requests.arrival[chosen] + _starting(requests, plan)[chosen]
    np.add.at(wait, histogram_bin(waiting[served & (waiting > 0)]), 1)
    np.add.at(latency, histogram_bin((waiting + duration)[served]), 1)


def _add_intervals(bins: np.ndarray, level: int, since: np.ndarray, until: np.ndarray, plan: Plan) -> None:
    """Add 1 to a level between two times, for each pair of times."""
    since, until = np.maximum(since, 0.0), np.minimum(until, plan.seconds)
    real = since < until
    for times, sign in ((since[real], 1.0), (until[real], -1.0)):
        place = times * (1 / plan.bin_seconds)
        index = place.astype(np.int64)
        inside = index < len(bins) - 1
        index, place = index[inside], place[inside]
        np.add.at(bins[:, level], index, sign * (index + 1 - place))
        np.add.at(bins[:, level + 1], index + 1, sign)


def _add_peaks(peaks: np.ndarray, requests: Requests, chosen: np.ndarray, plan: Plan, more: tuple | None = None) -> None:
    """The highest number of the chosen requests at once in each bin, on top of a level given by (from when, how much)."""
    since, until = requests.time[chosen], requests.started[chosen] + requests.duration[chosen]
    # What ends within an instant after a start has ended before it; what takes no time ends right after its own start.
    number = np.arange(since.size)
    real = until - INSTANT > since
    times = np.concatenate((np.where(real, until - INSTANT, since), since))
    order = np.lexsort((np.concatenate((np.where(real, -1.0, number + 0.5), number)), times))
    steps = np.concatenate((np.full(until.size, -1), np.full(since.size, 1)))[order]
    times, busy = times[order], np.cumsum(steps)
    changes, levels = more or (np.array([-np.inf]), np.zeros(1))

    def level(at: np.ndarray, side: str) -> np.ndarray:
        return levels[np.searchsorted(changes, at, side=side) - 1]

    # Who ends within an instant after something was asked for was over by then, which may be in the bin before.
    asked = requests.time[np.minimum(np.searchsorted(requests.time, until - INSTANT), requests.time.size - 1)]
    early = real & (asked >= until - INSTANT) & (asked < until)
    over, begun = np.sort(np.where(early, asked, until)), np.sort(since)

    def there(at: np.ndarray, ended: str) -> np.ndarray:
        return np.searchsorted(begun, at) - np.searchsorted(over, at, side=ended)

    edges = np.arange(len(peaks) - 1) / (1 / plan.bin_seconds)
    peaks[:-1] = there(edges, "left") + level(edges, "left")
    # If a bin begins in between, it begins with who was there until then.
    following = plan.bin_of(asked[early]) + 1
    edge = following / (1 / plan.bin_seconds)
    divided = (edge <= until[early]) & (following >= 0) & (following < len(peaks) - 1)
    still = np.searchsorted(begun, asked[early]) - np.searchsorted(np.sort(until), edge) + level(edge, "left")
    np.maximum.at(peaks, following[divided], still[divided])
    starts = (steps > 0) & (times >= 0) & (times < plan.seconds)
    np.maximum.at(peaks, plan.bin_of(times[starts]), busy[starts] + level(times[starts], "right"))
    inside = (changes >= 0) & (changes < plan.seconds)
    np.maximum.at(peaks, plan.bin_of(changes[inside]), there(changes[inside], "right") + levels[inside])


def _add_environments(bins: np.ndarray, requests: Requests, served: np.ndarray, plan: Plan, function: Function) -> None:
    """How long each environment was there: from its first request to its expiry."""
    number, time = requests.environment[served], requests.time[served]
    if not number.size:
        return
    first = np.full(number.max() + 1, np.inf)
    np.minimum.at(first, number, time)
    last = np.full_like(first, -np.inf)
    np.maximum.at(last, number, requests.started[served] + requests.duration[served])
    expiry = np.minimum(last + function.idle_timeout, first + (function.maximum_age or np.inf))
    expiry = np.maximum(expiry, last)
    _add_intervals(bins, ENVIRONMENTS_LEVEL, first, expiry, plan)
    bins[0, ENVIRONMENTS_AT_START] += np.count_nonzero((first < 0) & (expiry > 0))
