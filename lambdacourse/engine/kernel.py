"""The compiled kernel: the reference's rules on arrays, without an object per request.

Each environment is a slot. Busy slots stand in a calendar queue by the time they finish; idle ones in a stack per function,
the most recently used on top, so that expiry takes from the bottom and needs no queue. Requests come in chunks; the kernel
runs until it needs the next chunk of a flow or more slots, and says so. It holds no lock while it runs.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from lambdacourse.engine.plan import INSTANT, Chunk, Plan, expected_concurrency
from lambdacourse.engine.tally import (
    ARRIVALS,
    BILLED_MS,
    BUSY_LEVEL,
    BUSY_MAX,
    COLD_STARTS,
    COLUMNS,
    CONCURRENCY,
    DURATION_MAX,
    DURATION_SUM,
    ENVIRONMENTS_AT_START,
    ENVIRONMENTS_LEVEL,
    ERROR,
    ERRORS,
    HISTOGRAM_BINS,
    INIT_SUM,
    INVOCATIONS,
    LOWEST_POWER,
    OK,
    RATE,
    SCALING,
    THROTTLED,
    THROTTLES,
    TIMED_OUT,
    TIMEOUTS,
    Requests,
    Tally,
)  # fmt: skip
from lambdacourse.model.traffic import CHUNK

DONE, NEEDS_CHUNK, NEEDS_SLOTS = 0, 1, 2
NONE = -1
EXPONENT = (1023 + LOWEST_POWER) << 8

SLOT = np.dtype([("finish", "f8"), ("next", "i4"), ("row", "i2"), ("must_initialise", "i2")], align=True)
"""An environment: of the function in which ``row``, busy until ``finish`` or idle since then, before which ``next``.

Sixteen bytes: with tens of thousands of environments, speed is how many of them fit into the cache. What is rarely needed,
when an environment was started and its number, stands in an array of its own.
"""

BIRTH = np.dtype([("started", "f8"), ("number", "i8")], align=True)

BUCKET = [("rate", "f8"), ("depth", "f8"), ("at", "f8"), ("tokens", "f8")]

POOL = np.dtype([("limit", "f8"), ("busy", "i8"), ("limited", "i8"), ("reserved", "i8"), *BUCKET], align=True)

SERVER = np.dtype(
    [
        ("pool", "i8"), ("top", "i8"), ("busy", "i8"), ("environments", "i8"), ("idle_timeout", "f8"),
        ("maximum_age", "f8"), ("ages", "i8"), ("timeout", "f8"), ("error_rate", "f8"), ("scaled", "i8"), ("grows", "i8"),
        ("scaling_rate", "f8"), ("scaling_depth", "f8"), ("scaling_at", "f8"), ("scaling_tokens", "f8"),
        ("growth_step", "f8"), ("growth_gain", "f8"), ("growth_burst", "f8"), ("growth_second", "i8"), ("growth_admitted", "i8"),
        *((f"growth_{name}", kind) for name, kind in BUCKET),
    ],
    align=True,
)  # fmt: skip

CLOCK = np.dtype(
    [
        ("start", "f8"), ("end", "f8"), ("per_bin", "f8"), ("per_day", "f8"), ("bin", "i8"), ("bin_end", "f8"), ("day", "i8"),
        ("free", "i8"), ("busy", "i8"), ("recording", "i8"),
    ],
    align=True,
)  # fmt: skip

_compile = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True, _nrt=False)


@_inline
def _add_interval(bins, row, level, since, until, clock):
    """Add 1 to a level between two times."""
    since, until = max(since, 0.0), min(until, clock.end)
    if since >= until:
        return
    place = since * clock.per_bin
    index = int(place)
    bins[row, index, level] += index + 1 - place
    bins[row, index + 1, level + 1] += 1.0
    place = until * clock.per_bin
    index = int(place)
    if index < bins.shape[1] - 1:
        bins[row, index, level] -= index + 1 - place
        bins[row, index + 1, level + 1] -= 1.0


@_inline
def _count_environment(bins, row, since, until, clock):
    """An environment was there from ``since`` to ``until``."""
    _add_interval(bins, row, ENVIRONMENTS_LEVEL, since, until, clock)
    if since < 0.0 < until:
        bins[row, 0, ENVIRONMENTS_AT_START] += 1


@_compile
def _turn_bins(bins, servers, pools, clock, now):
    """Carry the concurrency that is there into each bin that begins up to ``now``."""
    last = min(int(now * clock.per_bin), bins.shape[1] - 2)
    while clock.bin < last:
        clock.bin += 1
        for row in range(len(servers)):
            bins[row, clock.bin, BUSY_MAX] = servers[row].busy
        bins[len(servers), clock.bin, BUSY_MAX] = clock.busy
        bins[len(servers) + 1, clock.bin, BUSY_MAX] = pools[0].busy
    clock.bin_end = (last + 1) / clock.per_bin if last < bins.shape[1] - 2 else np.inf


@_inline
def _push(slots, days, clock, place):
    """Into the calendar: on the day it finishes, in order; of two that finish at once, the later started first."""
    finish = slots[place].finish
    index = max(int((finish - clock.start) * clock.per_day), clock.day) & (len(days) - 1)
    after = days[index]
    if after == NONE or finish <= slots[after].finish:
        slots[place].next = after
        days[index] = place
        return
    before = after
    after = slots[after].next
    while after != NONE and slots[after].finish < finish:
        before, after = after, slots[after].next
    slots[place].next = after
    slots[before].next = place


@_inline
def _finish_until(slots, days, servers, pools, bins, clock, now):
    """Everything that finishes up to ``now`` becomes idle, in order."""
    limit = now + INSTANT
    last = int((limit - clock.start) * clock.per_day)
    while clock.busy > 0:
        index = clock.day & (len(days) - 1)
        place = days[index]
        while place != NONE:
            finish = slots[place].finish
            if finish > limit or int((finish - clock.start) * clock.per_day) > clock.day:
                break
            if min(finish, now) >= clock.bin_end:
                _turn_bins(bins, servers, pools, clock, min(finish, now))
            days[index] = slots[place].next
            server = servers[slots[place].row]
            server.busy -= 1
            pools[server.pool].busy -= 1
            clock.busy -= 1
            slots[place].next = server.top
            server.top = place
            place = days[index]
        if clock.day >= last:
            return
        clock.day += 1
    clock.day = max(clock.day, last)


@_inline
def _end_of(slots, births, place, server):
    """When an idle environment ends, or should have ended while it was busy."""
    end = slots[place].finish + server.idle_timeout
    if server.ages:
        end = min(end, births[place].started + server.maximum_age)
    return end


@_inline
def _warm(slots, births, row, server, bins, clock, now):
    """The most recently used idle environment that is alive, taken from its stack, or NONE. The others end on the way."""
    while server.top != NONE:
        place = server.top
        server.top = slots[place].next
        end = _end_of(slots, births, place, server)
        if now < end:
            return place
        _count_environment(bins, row, births[place].started, max(end, slots[place].finish), clock)
        slots[place].next = clock.free
        clock.free = place
    return NONE


@_inline
def _pool_has_request(pool, now):
    if pool.limited == 0:
        return True
    pool.tokens = min(pool.depth, pool.tokens + (now - pool.at) * pool.rate)
    pool.at = now
    return pool.tokens >= 1 - 1e-9


@_inline
def _growth_refill(server, now):
    tokens = server.growth_tokens + (now - server.growth_at) * server.growth_rate
    server.growth_tokens = min(server.growth_depth, tokens)
    server.growth_at = now


@_inline
def _growth_has_request(server, clock, now):
    if server.grows == 0:
        return True
    passed = int(now - clock.start) - server.growth_second
    if passed > 0:
        allowed = min(server.growth_rate + server.growth_gain, server.growth_admitted + server.growth_step)
        if passed > 1:
            allowed = min(allowed + server.growth_gain * (passed - 1), server.growth_step)
        _growth_refill(server, clock.start + server.growth_second + passed)
        server.growth_rate = allowed
        server.growth_depth = allowed * server.growth_burst
        server.growth_second += passed
        server.growth_admitted = 0
    _growth_refill(server, now)
    return server.growth_tokens >= 1 - 1e-9


@_inline
def _scaling_has_environment(server, now):
    if server.scaled == 0:
        return True
    tokens = server.scaling_tokens + (now - server.scaling_at) * server.scaling_rate
    server.scaling_tokens = min(server.scaling_depth, tokens)
    server.scaling_at = now
    return server.scaling_tokens >= 1 - 1e-9


@_inline
def _histogram_bin(seconds, scratch, scratch_bits):
    scratch[0] = seconds
    return min(max((scratch_bits[0] >> 44) - EXPONENT, 0), HISTOGRAM_BINS - 1)


@_compile
def advance(
    slots, births, days, servers, pools, clocks, bins, wait, latency, upcoming, position, filled, flow_row, time, duration,
    init, failure, outcomes, environments, colds, scratch, scratch_bits,
):  # fmt: skip
    """Serve requests in time until a chunk is used up; return (what is needed, which flow).

    When recording, what was drawn for a request, ``duration`` and ``init``, is replaced by what happened to it.
    """
    clock = clocks[0]
    account, unreserved = len(servers), len(servers) + 1
    while True:
        flow = 0
        now = upcoming[0]
        for other in range(1, len(upcoming)):
            if upcoming[other] < now:
                flow, now = other, upcoming[other]
        if now == np.inf:
            return DONE, flow
        if clock.free == NONE:
            return NEEDS_SLOTS, flow
        _finish_until(slots, days, servers, pools, bins, clock, now)
        if now >= clock.bin_end:
            _turn_bins(bins, servers, pools, clock, now)

        row = flow_row[flow]
        server = servers[row]
        pool = pools[server.pool]
        at = position[flow]
        place = NONE
        outcome = OK
        if pool.busy >= pool.limit:
            outcome = CONCURRENCY + pool.reserved
        elif not _pool_has_request(pool, now):
            outcome = RATE + pool.reserved
        elif not _growth_has_request(server, clock, now):
            outcome = SCALING
        else:
            place = _warm(slots, births, row, server, bins, clock, now)
            if place == NONE and not _scaling_has_environment(server, now):
                outcome = SCALING

        counted = now >= 0.0
        index = clock.bin
        if counted:
            bins[row, index, ARRIVALS] += 1
        if outcome >= THROTTLED:
            if counted:
                bins[row, index, THROTTLES + outcome - THROTTLED] += 1
        else:
            starting = init[flow, at]
            cold = place == NONE
            if cold:
                place = clock.free
                clock.free = slots[place].next
                slots[place].row = row
                births[place].started = now
                births[place].number = server.environments
                server.environments += 1
                if server.scaled:
                    server.scaling_tokens -= 1
            elif slots[place].must_initialise == 0:
                starting = 0.0
            seconds = duration[flow, at]
            if failure[flow, at] < server.error_rate or server.error_rate == 1.0:
                outcome = ERROR
            if seconds > server.timeout:
                outcome, seconds = TIMED_OUT, server.timeout
            pool.busy += 1
            server.busy += 1
            clock.busy += 1
            if pool.limited:
                pool.tokens -= 1
            if server.grows:
                server.growth_tokens -= 1
                server.growth_admitted += 1
            finish = now + starting + seconds
            slots[place].finish = finish
            slots[place].must_initialise = outcome == TIMED_OUT
            _push(slots, days, clock, place)
            if clock.recording:
                environments[flow, at] = births[place].number
                colds[flow, at] = cold
                init[flow, at] = starting
                duration[flow, at] = seconds
            if finish > 0.0:
                _add_interval(bins, row, BUSY_LEVEL, now, finish, clock)
            if counted:
                bins[row, index, INVOCATIONS] += 1
                bins[row, index, DURATION_SUM] += seconds
                bins[row, index, DURATION_MAX] = max(bins[row, index, DURATION_MAX], seconds)
                bins[row, index, BILLED_MS] += np.ceil((starting + seconds) * 1000 - 1e-6)
                bins[row, index, BUSY_MAX] = max(bins[row, index, BUSY_MAX], server.busy)
                bins[account, index, BUSY_MAX] = max(bins[account, index, BUSY_MAX], clock.busy)
                if pool.reserved == 0:
                    bins[unreserved, index, BUSY_MAX] = max(bins[unreserved, index, BUSY_MAX], pool.busy)
                if outcome != OK:
                    bins[row, index, ERRORS] += 1
                    if outcome == TIMED_OUT:
                        bins[row, index, TIMEOUTS] += 1
                if cold:
                    bins[row, index, COLD_STARTS] += 1
                    bins[row, index, INIT_SUM] += starting
                if starting > 0.0:
                    wait[row, _histogram_bin(starting, scratch, scratch_bits)] += 1
                latency[row, _histogram_bin(starting + seconds, scratch, scratch_bits)] += 1
        outcomes[flow, at] = outcome
        position[flow] = at + 1
        if at + 1 < filled[flow]:
            upcoming[flow] = time[flow, at + 1]
        else:
            return NEEDS_CHUNK, flow


@_compile
def finish(slots, births, days, servers, pools, clocks, bins):
    """At the end of the run: let what finishes finish, and count the environments that are still there."""
    clock = clocks[0]
    _finish_until(slots, days, servers, pools, bins, clock, clock.end)
    _turn_bins(bins, servers, pools, clock, np.nextafter(clock.end, 0.0))
    for index in range(len(days)):
        place = days[index]
        while place != NONE:
            _count_environment(bins, slots[place].row, births[place].started, clock.end, clock)
            place = slots[place].next
    for row in range(len(servers)):
        place = servers[row].top
        while place != NONE:
            until = _end_of(slots, births, place, servers[row])
            _count_environment(bins, row, births[place].started, max(until, slots[place].finish), clock)
            place = slots[place].next


def run(plan: Plan, record: bool = False) -> Tally:
    """Simulate ``plan``."""
    flows = [plan.chunks(flow) for flow in plan.flows]
    count, rows = len(flows), len(plan.functions)
    clocks, pools, servers = _clock(plan), _pools(plan), _servers(plan)
    clocks["recording"] = record
    days = np.full(_calendar_days(plan), NONE, np.int32)
    slots, births = _more_slots(np.empty(0, SLOT), np.empty(0, BIRTH), clocks, len(days))
    bins = np.zeros((rows + 2, plan.bins + 1, COLUMNS))
    wait, latency = np.zeros((2, rows, HISTOGRAM_BINS), np.int64)
    upcoming, position, filled = np.full(count, np.inf), np.zeros(count, np.int64), np.zeros(count, np.int64)
    flow_row = np.array([flow.function for flow in plan.flows], np.int64)
    time, duration, init, failure = np.empty((4, count, CHUNK))
    outcomes, environments = np.empty((count, CHUNK), np.int8), np.empty((count, CHUNK), np.int64)
    colds = np.empty((count, CHUNK), np.bool_)
    scratch = np.empty(1)
    recorded: list[tuple] = []

    def refill(flow: int) -> None:
        if record and filled[flow]:
            columns = (time, outcomes, environments, colds, init, duration)
            recorded.append((flow, *(column[flow, : filled[flow]].copy() for column in columns)))
        chunk = next(flows[flow], None)
        position[flow], filled[flow] = 0, 0 if chunk is None else chunk.time.size
        upcoming[flow] = np.inf if chunk is None else chunk.time[0]
        if chunk is not None:
            for buffer, drawn in zip((time, duration, init, failure), _columns(chunk), strict=True):
                buffer[flow, : filled[flow]] = drawn

    for flow in range(count):
        refill(flow)
    need = NEEDS_CHUNK if count else DONE
    while need != DONE:
        need, flow = advance(
            slots, births, days, servers, pools, clocks, bins, wait, latency, upcoming, position, filled, flow_row, time,
            duration, init, failure, outcomes, environments, colds, scratch, scratch.view(np.int64),
        )  # fmt: skip
        if need == NEEDS_CHUNK:
            refill(flow)
        elif need == NEEDS_SLOTS:
            slots, births = _more_slots(slots, births, clocks, len(slots))
    finish(slots, births, days, servers, pools, clocks, bins)
    requests = _requests(recorded, plan) if record else None
    return Tally(bins, plan.bin_seconds, plan.seconds, wait, latency, requests)


def _columns(chunk: Chunk) -> tuple[np.ndarray, ...]:
    return chunk.time, chunk.duration, chunk.init, chunk.failure


def _clock(plan: Plan) -> np.ndarray:
    clocks = np.zeros(1, CLOCK)
    clocks["start"], clocks["end"] = -plan.warm_up, plan.seconds
    clocks["per_bin"] = 1 / plan.bin_seconds
    clocks["per_day"] = max(_peak_rate(plan), 1e-3)
    clocks["bin"], clocks["free"] = -1, NONE
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
    own_pool = 1
    for server, function in zip(servers, plan.functions, strict=True):
        if function.reserved_concurrency is not None:
            server["pool"], own_pool = own_pool, own_pool + 1
        server["idle_timeout"] = function.idle_timeout
        server["ages"] = function.maximum_age is not None
        server["maximum_age"] = function.maximum_age or np.inf
        server["timeout"] = function.timeout or np.inf
        server["error_rate"] = function.error_rate
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
    grown, further = np.zeros(old + more, SLOT), np.zeros(old + more, BIRTH)
    grown[:old], further[:old] = slots, births
    grown["next"][old:] = np.arange(old + 1, old + more + 1)
    grown["next"][-1] = clocks["free"][0]
    clocks["free"] = old
    return grown, further


def _requests(recorded: list[tuple], plan: Plan) -> Requests:
    """The recorded chunks in the order of arrival; at the same time, in the order of the flows."""
    if not recorded:
        empty = np.empty(0)
        return Requests(*(empty.astype(kind) for kind in (np.int32, float, np.int8, np.int64, bool, float, float, float)))
    flow = np.concatenate([np.full(entry[1].size, entry[0]) for entry in recorded])
    time, outcome, environment, cold, init, duration = (np.concatenate(column) for column in list(zip(*recorded))[1:])
    order = np.lexsort((flow, time))
    function = np.array([flow.function for flow in plan.flows], np.int32)[flow]
    served = outcome < THROTTLED
    environment, cold = np.where(served, environment, NONE), served & cold
    init, duration = np.where(served, init, np.nan), np.where(served, duration, np.nan)
    columns = (function, time, outcome, environment, cold, init, time + init, duration)
    return Requests(*(column[order] for column in columns))
