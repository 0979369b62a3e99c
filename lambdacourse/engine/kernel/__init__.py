"""The compiled kernel: the reference's rules on arrays, without an object per request.

How a trigger plugs in. ``loop.advance`` calls, for an arrival, what takes those of its flow (``kind`` in ``state.FLOW``), and for a timer
what its kind in ``state`` names. Such a function lives in a module of its own (``callers``; ``queues``, ``streams``), is ``compiled``, and may

* ``serve(core, more, flow, number, attempt, now, arrival, duration, init, failure)``: ask for an environment. One slot is sure to be
  free; who starts more than one at a time asks ``core.clocks[0].free != NONE`` first, or sets a timer for now.
* ``set_timer(more.timers, clock, time, kind, about)``: room for ``state.ROOM`` is sure whenever something is handled.

A source brings its own bundle of arrays, a ``NamedTuple`` that goes through ``advance`` beside ``more`` and is ``None`` where there is
none, so that numba compiles only what a run needs. What it needs from outside (draws, more room) it returns as one of ``state``'s
NEEDS, before it changes anything; ``run`` serves it and the same thing is handled again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lambdacourse.engine.histograms import HISTOGRAM_BINS
from lambdacourse.engine.history import (
    ALLOCATION_KINDS,
    MESSAGE_KINDS,
    REASONS,
    REQUEST_KINDS,
    SETTLEMENT_KINDS,
    THROTTLED,
    Allocations,
    History,
    Messages,
    Requests,
    Settlements,
)
from lambdacourse.engine.kernel.environments import close
from lambdacourse.engine.kernel.loop import advance
from lambdacourse.engine.kernel.provisioned import begin, set_first_timer
from lambdacourse.engine.kernel.queues import (
    ENTRY,
    close_queues,
    more_batches,
    more_messages,
    open_queues,
    prepare_queues,
    refill_lag,
    take_log,
)
from lambdacourse.engine.kernel.state import (
    ALLOCATION,
    BIRTH,
    BOUNDS,
    CALLS,
    CLOCK,
    DONE,
    DOWNSTREAM,
    EVENTS,
    FLOW,
    LOG,
    LOOK,
    NEEDS_BATCHES,
    NEEDS_CHUNK,
    NEEDS_DRAWS,
    NEEDS_KEPT,
    NEEDS_LOG,
    NEEDS_MESSAGE_LOG,
    NEEDS_MESSAGES,
    NEEDS_PENDING,
    NEEDS_RECORDS,
    NEEDS_SLOTS,
    NEEDS_TIMERS,
    NONE,
    PENDING,
    POOL,
    PROVISIONED,
    RECORDS,
    RETRYING_CALLS,
    RULES,
    SENDS,
    SERVER,
    SET_BOUNDS,
    SETTLEMENT,
    SLOT,
    TIMER,
    Core,
    Lanes,
    More,
    longer,
)  # fmt: skip
from lambdacourse.engine.kernel.streams import more_kept, more_records, prepare_streams, stream_tallies
from lambdacourse.engine.plan import MINUTE, Chunk, Plan, expected_concurrency
from lambdacourse.engine.queueing import Backlogs
from lambdacourse.engine.streams import readings
from lambdacourse.engine.tally import (
    ARRIVALS,
    BUSY_MAX,
    CALLS_FAILED,
    CALLS_RECEIVED,
    CALLS_SUCCEEDED,
    CALLS_THROTTLED,
    CLAIMED_MAX,
    COLUMNS,
    ERRORS,
    INVOCATIONS,
    ON_DEMAND_MAX,
    THROTTLES,
    Tally,
)
from lambdacourse.model import Account, Async, Function, Schedule, Sync
from lambdacourse.model.traffic import CHUNK


def run(plan: Plan, record: bool = False, watch: Callable[[float], None] | None = None) -> Tally:
    """Simulate ``plan``. ``watch`` is told which second is reached whenever the compiled loop needs something."""
    chunks = [plan.times(flow) if flow.is_of_queue else plan.chunks(flow) for flow in plan.flows]
    core, lanes = _core(plan, record), _lanes(max(len(chunks), 1))
    more = None if plan.is_plain else _more(plan, core)
    streams, desk = prepare_streams(plan, record), prepare_queues(plan)
    behind = {number: plan.chunks(flow) for number, flow in enumerate(plan.flows) if flow.is_of_queue}
    draws = {reading.flows[0]: plan.draws(plan.flows[reading.flows[0]]) for reading in readings(plan)}
    recorder = _Recorder(plan) if record else None

    def refill(flow: int) -> None:
        if record and more is None:
            recorder.keep_chunk(lanes, flow)
        chunk = next(chunks[flow], None)
        lanes.position[flow], lanes.filled[flow] = 0, 0 if chunk is None else chunk.time.size
        lanes.upcoming[flow] = np.inf if chunk is None else chunk.time[0]
        if chunk is not None and (plan.flows[flow].is_of_stream or plan.flows[flow].is_of_queue):
            lanes.time[flow, : lanes.filled[flow]] = chunk.time
        elif chunk is not None:
            for buffer, drawn in zip((lanes.time, lanes.duration, lanes.init, lanes.failure), _columns(chunk), strict=True):
                buffer[flow, : lanes.filled[flow]] = drawn

    def draw(flow: int) -> None:
        """What the next invocations of a stream's mapping need, in the place where requests have what was drawn for them."""
        lanes.drawn[flow] = 0
        for buffer, drawn in zip((lanes.duration, lanes.init, lanes.failure), _columns(next(draws[flow]))[1:], strict=True):
            buffer[flow] = drawn

    for flow in range(len(chunks)):
        refill(flow)
    for flow in draws:
        draw(flow)
    for flow in behind:
        refill_lag(desk, flow, next(behind[flow], None))
    if desk is not None:
        open_queues(core, more, desk, -plan.warm_up)
    need = NEEDS_CHUNK if chunks or more else DONE
    while need != DONE:
        need, flow = advance(core, lanes, more, streams, desk)
        if watch is not None:
            watch(max(int(core.clocks["bin"][0]), 0) * plan.bin_seconds)
        if need == NEEDS_CHUNK:
            refill(flow)
        elif need == NEEDS_SLOTS:
            slots, births = _more_slots(core.slots, core.births, core.clocks, len(core.slots))
            core = core._replace(slots=slots, births=births)
        elif need == NEEDS_TIMERS:
            more = more._replace(timers=longer(more.timers, len(more.timers)))
        elif need == NEEDS_PENDING:
            more = more._replace(pending=_more_pending(more.pending, core.clocks))
        elif need == NEEDS_DRAWS and flow in behind:
            refill_lag(desk, flow, next(behind[flow], None))
        elif need == NEEDS_DRAWS:
            draw(flow)
        elif need == NEEDS_MESSAGES:
            desk = more_messages(desk)
        elif need == NEEDS_BATCHES:
            desk = more_batches(desk)
        elif need == NEEDS_MESSAGE_LOG:
            recorder.messages.append(take_log(desk))
        elif need == NEEDS_RECORDS:
            streams = more_records(streams, record)
        elif need == NEEDS_KEPT:
            streams = more_kept(streams)
        elif need == NEEDS_LOG:
            recorder.keep_log(core, more)
    close(core, more)
    if desk is not None:
        close_queues(core, desk)
        if record:
            recorder.messages.append(take_log(desk))
    if more is None:
        _count_plain_answers(core)
    if record and more is not None:
        recorder.keep_log(core, more)
    history = recorder.history() if record else None
    return Tally(
        core.bins,
        plan.bin_seconds,
        plan.seconds,
        core.wait,
        core.latency,
        core.answer,
        history,
        stream_tallies(streams, record),
        None if desk is None else Backlogs(desk.bins, desk.wait, desk.latency, history and history.messages),
    )


def _count_plain_answers(core: Core) -> None:
    """What follows from the rest when nobody tries again and nothing is provisioned."""
    core.answer[:] = core.latency
    bins = core.bins
    bins[:, :, CALLS_SUCCEEDED] = bins[:, :, INVOCATIONS] - bins[:, :, ERRORS]
    bins[:-2, :, ON_DEMAND_MAX] = bins[:-2, :, BUSY_MAX]
    bins[:, :, CALLS_RECEIVED] = bins[:, :, ARRIVALS]
    bins[:, :, CALLS_FAILED] = bins[:, :, ERRORS]
    bins[:, :, CALLS_THROTTLED] = bins[:, :, THROTTLES : THROTTLES + REASONS].sum(axis=2)
    bins[-1, :, CLAIMED_MAX] = bins[-1, :, BUSY_MAX]


class _Recorder:
    """Keeps all that happened, as it comes out of the kernel."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chunks: list[tuple] = []
        self.logs: list[np.ndarray] = []
        self.settlements: list[np.ndarray] = []
        self.allocations: list[np.ndarray] = []
        self.messages: list[np.ndarray] = []
        self.counts = [0] * len(plan.flows)

    def keep_chunk(self, lanes: Lanes, flow: int) -> None:
        size = int(lanes.filled[flow])
        if size:
            columns = (lanes.time, lanes.outcomes, lanes.environments, lanes.colds, lanes.init, lanes.duration)
            number = np.arange(self.counts[flow], self.counts[flow] + size)
            self.chunks.append((np.full(size, flow), number, *(column[flow, :size].copy() for column in columns)))
            self.counts[flow] += size

    def keep_log(self, core: Core, more: More) -> None:
        clock = core.clocks[0]
        self.logs.append(more.log[: clock["logged"]].copy())
        self.settlements.append(more.settlements[: clock["settled"]].copy())
        self.allocations.append(more.allocations[: clock["noted"]].copy())
        clock["logged"] = clock["settled"] = clock["noted"] = 0

    def history(self) -> History:
        requests = self._from_chunks() if self.plan.is_plain else _columns_of(Requests, self.logs, LOG, REQUEST_KINDS)
        settlements = _columns_of(Settlements, self.settlements, SETTLEMENT, SETTLEMENT_KINDS)
        allocations = _columns_of(Allocations, self.allocations, ALLOCATION, ALLOCATION_KINDS)
        return History(requests, settlements, allocations, (), _columns_of(Messages, self.messages, ENTRY, MESSAGE_KINDS))

    def _from_chunks(self) -> Requests:
        """In the order of arrival; at the same time, in the order of the flows."""
        if not self.chunks:
            return Requests(*(np.empty(0, kind) for kind in REQUEST_KINDS))
        flow, number, time, outcome, environment, cold, init, duration = map(np.concatenate, zip(*self.chunks, strict=True))
        order = np.lexsort((flow, time))
        function = np.array([flow.function for flow in self.plan.flows])[flow]
        served = outcome < THROTTLED
        environment, cold = np.where(served, environment, NONE), served & cold
        none = np.zeros(flow.size)
        downloads = np.array([function.cold_start.download for function in self.plan.functions])
        starting = init + np.where(cold, downloads[function], 0.0)
        columns = (
            function, time, outcome, environment, cold, init, time + starting, duration, flow, number, none, time, none, none, none
        )  # fmt: skip
        return Requests(*(column[order].astype(kind) for column, kind in zip(columns, REQUEST_KINDS, strict=True)))


def _columns_of(kind: type, parts: list[np.ndarray], records: np.dtype, kinds: tuple[str, ...]):
    """The parts' fields, each as one array; column by column, as NumPy puts records together field by field and slowly."""
    columns = ([np.empty(0, records)[name], *(part[name] for part in parts)] for name in kind.__dataclass_fields__)
    return kind(*(np.concatenate(column).astype(each) for column, each in zip(columns, kinds, strict=True)))


def _core(plan: Plan, record: bool) -> Core:
    clocks, rows = _clock(plan), len(plan.functions)
    clocks["recording"] = record
    days = np.full(_calendar_days(plan), NONE, np.int32)
    slots, births = _more_slots(np.empty(0, SLOT), np.empty(0, BIRTH), clocks, len(days))
    bins = np.zeros((rows + 2, plan.bins + 1, COLUMNS))
    wait, latency, answer = np.zeros((3, rows, HISTOGRAM_BINS), np.int64)
    scratch = np.empty(1)
    views = scratch, scratch.view(np.int64)
    return Core(slots, births, days, _servers(plan), _pools(plan), clocks, _flows(plan), bins, wait, latency, answer, *views)


def _lanes(count: int) -> Lanes:
    upcoming = np.full(count, np.inf)
    position, filled, drawn = np.zeros((3, count), np.int64)
    outcomes, environments = np.empty((count, CHUNK), np.int8), np.empty((count, CHUNK), np.int64)
    colds = np.empty((count, CHUNK), np.bool_)
    return Lanes(upcoming, position, filled, drawn, *np.empty((4, count, CHUNK)), outcomes, environments, colds)


def _more(plan: Plan, core: Core) -> More:
    retries = [flow.trigger.retry for flow in plan.flows if isinstance(flow.trigger, Sync) and flow.trigger.retry]
    tokens = [np.full(retry.clients, np.inf if retry.quota is None else retry.quota) for retry in retries]
    # What was given back while it was busy notes its end: all that can be provisioned may do so before the log is emptied.
    notes = CHUNK + sum(map(_most_provisioned, plan.functions))
    more = More(
        np.zeros(256, TIMER), np.zeros(0, PENDING), np.zeros(CHUNK, LOG), np.zeros(CHUNK, SETTLEMENT), np.zeros(notes, ALLOCATION),
        np.zeros(len(plan.functions), PROVISIONED), _bounds(plan), np.concatenate([np.empty(0), *tokens]), _downstreams(plan),
        np.full(sum(downstream.concurrency_limit for downstream in plan.downstreams), -np.inf), _rules(plan.account),
    )  # fmt: skip
    _set_up_provisioned(plan, core, more)
    return more


def _most_provisioned(function: Function) -> int:
    """The most provisioned concurrency that a function may get."""
    scaling = function.provisioned_scaling
    return max([function.provisioned_concurrency, *(action.maximum or action.minimum for action in scaling)])


def _set_up_provisioned(plan: Plan, core: Core, more: More) -> None:
    """What is provisioned from the beginning, and the first timers of its auto scaling, in the reference's order."""
    actions = 0
    provisioned, start = more.provisioned, -plan.warm_up
    provisioned["top"] = NONE
    provisioned["level_since"] = provisioned["use_since"] = provisioned["use_start"] = start
    for row, function in enumerate(plan.functions):
        if not function.provisioned_concurrency and not function.provisioned_scaling:
            continue
        core.servers[row]["has_provisioned"] = 1
        if function.provisioned_concurrency:
            begin(core, more, row, function.provisioned_concurrency, start)
        tracking = function.target_tracking
        if tracking:
            mine = provisioned[row]
            mine["takes_maximum"], mine["target"] = tracking.statistic == "Maximum", tracking.target
            mine["minimum"], mine["maximum"] = tracking.minimum, tracking.maximum
            set_first_timer(core, more, (math.floor(start / MINUTE) + 1) * MINUTE, LOOK, row)
        for action in function.provisioned_scaling:
            if isinstance(action, Schedule):
                set_first_timer(core, more, action.at, SET_BOUNDS, actions)
                actions += 1


def _bounds(plan: Plan) -> np.ndarray:
    rows = [
        (row, action.minimum, action.minimum if action.maximum is None else action.maximum)
        for row, function in enumerate(plan.functions)
        for action in function.provisioned_scaling
        if isinstance(action, Schedule)
    ]
    return np.array(rows, BOUNDS)


def _downstreams(plan: Plan) -> np.ndarray:
    downstreams = np.zeros(len(plan.downstreams), DOWNSTREAM)
    first = 0
    for record, downstream in zip(downstreams, plan.downstreams, strict=True):
        record["first"], record["size"] = first, downstream.concurrency_limit
        record["waits"], record["error_after"] = downstream.when_full == "wait", downstream.error_after
        first += downstream.concurrency_limit
    return downstreams


def _rules(account: Account) -> np.ndarray:
    def limit(value: float | None) -> float:
        return math.inf if value is None else value

    rules = limit(account.rps_per_concurrency), account.rps_burst, account.provisioned_delay, limit(account.provisioned_rate)
    return np.array([rules], RULES)


def _flows(plan: Plan) -> np.ndarray:
    flows, clients = np.zeros(len(plan.flows), FLOW), 0
    for settings, flow in zip(flows, plan.flows, strict=True):
        settings["row"], settings["latest"], settings["key"] = flow.function, flow.latest, plan.draw_key(flow)
        settings["kind"] = (
            RECORDS if flow.is_of_stream else SENDS if flow.is_of_queue else CALLS if flow.is_plain else RETRYING_CALLS
        )
        if isinstance(flow.trigger, Async):
            settings["kind"] = EVENTS
            settings["retries"] = flow.trigger.maximum_retry_attempts
            settings["maximum_age"] = flow.trigger.maximum_event_age
            settings["has_destination"] = flow.trigger.on_failure is not None
            settings["switched_off"] = flow.trigger.function.reserved_concurrency == 0
        elif isinstance(flow.trigger, Sync) and flow.trigger.retry is not None:
            retry = flow.trigger.retry
            settings["retries"], settings["longest"], settings["jitter"] = retry.attempts, retry.maximum_delay, retry.jitter
            settings["base"], settings["throttle_base"] = retry.base_delay, retry.throttle_base_delay
            settings["quota"] = math.inf if retry.quota is None else retry.quota
            settings["cost"], settings["throttle_cost"], settings["refund"] = retry.cost, retry.throttle_cost, retry.refund
            settings["first_client"], settings["clients"] = clients, retry.clients
            settings["on_errors"] = retry.on_errors
            clients += retry.clients
    return flows


def _columns(chunk: Chunk) -> tuple[np.ndarray, ...]:
    return chunk.time, chunk.duration, chunk.init, chunk.failure


def _clock(plan: Plan) -> np.ndarray:
    clocks = np.zeros(1, CLOCK)
    clocks["start"], clocks["end"] = -plan.warm_up, plan.seconds
    clocks["per_bin"] = 1 / plan.bin_seconds
    clocks["per_day"] = max(_peak_rate(plan), 1e-3)
    clocks["bin"], clocks["free"], clocks["free_pending"] = -1, NONE, NONE
    return clocks


def _peak_rate(plan: Plan) -> float:
    return sum(flow.traffic.peak_rate(-plan.warm_up, plan.seconds) for flow in plan.flows)


def _calendar_days(plan: Plan) -> int:
    """Days in the calendar's year, a power of 2: about two for each busy environment, one request a day."""
    return 1 << int(np.clip(math.ceil(math.log2(2 * expected_concurrency(plan) + 1)), 8, 17))


def _pools(plan: Plan) -> np.ndarray:
    """The shared pool first, then one for each function with a reservation."""
    limits = [plan.unreserved_limit]
    limits += [function.reserved_concurrency for function in plan.functions if function.reserved_concurrency is not None]
    pools = np.zeros(len(limits), POOL)
    pools["limit"] = limits
    pools["reserved"][1:] = 1
    pools["floor"][0] = plan.account.unreserved_minimum
    if plan.account.rps_per_concurrency is not None:
        pools["limited"] = np.isfinite(pools["limit"])
        pools["rate"] = pools["limit"] * plan.account.rps_per_concurrency
        # A bucket holds at least one request, or it would never let one through.
        least = np.minimum(pools["limit"], 1)
        pools["depth"] = pools["tokens"] = np.maximum(pools["rate"] * plan.account.rps_burst, least)
    pools["at"] = -plan.warm_up
    return pools


def _servers(plan: Plan) -> np.ndarray:
    servers = np.zeros(len(plan.functions), SERVER)
    servers["top"] = NONE
    downstreams = {None: NONE, **{downstream: number for number, downstream in enumerate(plan.downstreams)}}
    own_pool = 1
    for server, function in zip(servers, plan.functions, strict=True):
        if function.reserved_concurrency is not None:
            server["pool"], own_pool = own_pool, own_pool + 1
        server["idle_timeout"] = function.idle_timeout
        server["ages"] = function.maximum_age is not None
        server["maximum_age"] = function.maximum_age or np.inf
        server["timeout"] = function.timeout or np.inf
        server["error_rate"] = function.error_rate
        server["download"], server["first_call"] = function.cold_start.download, function.cold_start.first_call
        server["downstream"] = downstreams[function.downstream]
    account = plan.account
    if account.scaling_rate is not None:
        servers["scaled"] = 1
        servers["scaling_rate"] = account.scaling_rate / account.scaling_period
        servers["scaling_depth"] = servers["scaling_tokens"] = account.scaling_rate
        if account.rps_per_concurrency is not None:
            servers["grows"] = 1
            step = account.scaling_rate * account.rps_per_concurrency
            servers["growth_step"] = servers["growth_rate"] = step
            servers["growth_gain"] = step / account.scaling_period
            servers["growth_burst"] = account.rps_burst
            servers["growth_depth"] = servers["growth_tokens"] = step * account.rps_burst
    servers["scaling_at"] = servers["growth_at"] = -plan.warm_up
    return servers


def _more_slots(slots: np.ndarray, births: np.ndarray, clocks: np.ndarray, more: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for ``more`` environments; their slots are free."""
    old = len(slots)
    grown, further = longer(slots, more), longer(births, more)
    grown["next"][old:] = np.arange(old + 1, old + more + 1)
    grown["next"][-1] = clocks["free"][0]
    clocks["free"] = old
    return grown, further


def _more_pending(pending: np.ndarray, clocks: np.ndarray) -> np.ndarray:
    """Room for more pending work; called when none of it is free."""
    old = len(pending)
    grown = longer(pending, max(old, 256))
    grown["next"][old:] = np.arange(old + 1, len(grown) + 1)
    grown["next"][-1] = NONE
    clocks["free_pending"] = old
    return grown
