"""Environments: busy ones in a calendar, idle ones on a stack for each function; who is let in; what is counted.

Each environment is a slot. Busy slots stand in a calendar queue by the time they finish; idle ones in a stack per function,
the most recently used on top, so that expiry takes from the bottom and needs no queue.
"""

from __future__ import annotations

import numpy as np

from lambdacourse.engine.histograms import HISTOGRAM_BINS, LOWEST_POWER
from lambdacourse.engine.history import CONCURRENCY, ERROR, OK, RATE, REFUSED, SCALING, THROTTLED, TIMED_OUT
from lambdacourse.engine.kernel.compiling import compiled, entered, inlined
from lambdacourse.engine.kernel.counting import add_interval
from lambdacourse.engine.kernel.provisioned import (
    count_allocated,
    provisioned_given_back,
    provisioned_has_room,
    provisioned_taken,
)
from lambdacourse.engine.kernel.state import IS_PROVISIONED, MUST_INITIALISE, NONE
from lambdacourse.engine.plan import INSTANT
from lambdacourse.engine.tally import (  # fmt: skip
    BILLED_MS,
    BUSY_LEVEL,
    BUSY_MAX,
    CLAIMED_MAX,
    COLD_STARTS,
    DOWNSTREAM_REFUSED,
    DOWNSTREAM_WAIT_MAX,
    DOWNSTREAM_WAIT_SUM,
    DURATION_MAX,
    DURATION_SUM,
    ENVIRONMENTS_AT_START,
    ENVIRONMENTS_LEVEL,
    ERRORS,
    INIT_SUM,
    INVOCATIONS,
    ON_DEMAND_MAX,
    PROVISIONED_BILLED_MS,
    PROVISIONED_BUSY_LEVEL,
    PROVISIONED_BUSY_MAX,
    PROVISIONED_INVOCATIONS,
    SPILLOVERS,
    THROTTLES,
    TIMEOUTS,
)

EXPONENT = (1023 + LOWEST_POWER) << 8


@inlined
def count_environment(bins, row, since, until, clock):
    """An environment was there from ``since`` to ``until``."""
    add_interval(bins, row, ENVIRONMENTS_LEVEL, since, until, clock)
    if since < 0.0 < until:
        bins[row, 0, ENVIRONMENTS_AT_START] += 1


@compiled
def _carry(core, more, index):
    """What is there now is there when the bin begins."""
    bins, rows = core.bins, len(core.servers)
    for row in range(rows):
        bins[row, index, BUSY_MAX] = max(bins[row, index, BUSY_MAX], core.servers[row].busy)
    bins[rows, index, BUSY_MAX] = max(bins[rows, index, BUSY_MAX], core.clocks[0].busy)
    bins[rows + 1, index, BUSY_MAX] = max(bins[rows + 1, index, BUSY_MAX], core.pools[0].busy)
    if more is not None:
        claimed = core.pools[0].busy + core.pools[0].claimed
        bins[rows + 1, index, CLAIMED_MAX] = max(bins[rows + 1, index, CLAIMED_MAX], claimed)
        for row in range(rows):
            busy = more.provisioned[row].busy
            bins[row, index, PROVISIONED_BUSY_MAX] = max(bins[row, index, PROVISIONED_BUSY_MAX], busy)
            busy = core.servers[row].busy - busy
            bins[row, index, ON_DEMAND_MAX] = max(bins[row, index, ON_DEMAND_MAX], busy)


@compiled
def turn_bins(core, more, now):
    """Carry the concurrency that is there into each bin that begins up to ``now``."""
    bins, clock = core.bins, core.clocks[0]
    last = int(now * clock.per_bin)
    last += int((last + 1) / clock.per_bin <= now) - int(last / clock.per_bin > now)
    last = min(last, bins.shape[1] - 2)
    while clock.bin < last:
        clock.bin += 1
        _carry(core, more, clock.bin)
    clock.bin_end = (last + 1) / clock.per_bin if last < bins.shape[1] - 2 else np.inf


@inlined
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


@inlined
def finish_until(core, more, now):
    """Everything that finishes up to ``now`` becomes idle, in order."""
    slots, days, servers, pools, clock = core.slots, core.days, core.servers, core.pools, core.clocks[0]
    limit = now + INSTANT
    last = int((limit - clock.start) * clock.per_day)
    while clock.busy > 0:
        index = clock.day & (len(days) - 1)
        place = days[index]
        while place != NONE:
            finish = slots[place].finish
            if finish > limit or int((finish - clock.start) * clock.per_day) > clock.day:
                break
            if finish >= clock.bin_end:
                if now >= clock.bin_end:
                    turn_bins(core, more, min(finish, now))
                if finish >= clock.bin_end:  # It ends within the instant after now, and the bin begins in between.
                    _carry(core, more, clock.bin + 1)
            days[index] = slots[place].next
            server = servers[slots[place].row]
            server.busy -= 1
            clock.busy -= 1
            if more is not None and slots[place].marks & IS_PROVISIONED:
                provisioned_given_back(core, more, slots[place].row, place, min(finish, now))
            else:
                pools[server.pool].busy -= 1
                slots[place].next = server.top
                server.top = place
            place = days[index]
        if clock.day >= last:
            return
        clock.day += 1
    clock.day = max(clock.day, last)


@inlined
def end_of(slots, births, place, server):
    """When an idle environment ends, or should have ended while it was busy."""
    end = slots[place].finish + server.idle_timeout
    if server.ages:
        end = min(end, births[place].started + server.maximum_age)
    return end


@inlined
def _warm(slots, births, row, server, bins, clock, now):
    """The most recently used idle environment that is alive, taken from its stack, or NONE. The others end on the way."""
    while server.top != NONE:
        place = server.top
        server.top = slots[place].next
        end = end_of(slots, births, place, server)
        if now < end:
            return place
        count_environment(bins, row, births[place].started, max(end, slots[place].finish), clock)
        slots[place].next = clock.free
        clock.free = place
    return NONE


@inlined
def _pool_has_request(pool, now):
    if pool.limited == 0:
        return True
    pool.tokens = min(pool.depth, pool.tokens + (now - pool.at) * pool.rate)
    pool.at = now
    return pool.tokens >= 1 - 1e-9


@inlined
def _growth_refill(server, now):
    tokens = server.growth_tokens + (now - server.growth_at) * server.growth_rate
    server.growth_tokens = min(server.growth_depth, tokens)
    server.growth_at = now


@inlined
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


@inlined
def _scaling_has_environment(server, now):
    if server.scaled == 0:
        return True
    tokens = server.scaling_tokens + (now - server.scaling_at) * server.scaling_rate
    server.scaling_tokens = min(server.scaling_depth, tokens)
    server.scaling_at = now
    return server.scaling_tokens >= 1 - 1e-9


@inlined
def histogram_bin(seconds, core):
    core.scratch[0] = seconds
    return min(max((core.scratch_bits[0] >> 44) - EXPONENT, 0), HISTOGRAM_BINS - 1)


@inlined
def _connect(more, downstream, ready, duration, timeout):
    """``Connections.ask`` of the reference: how long the handler runs in all, and how much of that it waits, or REFUSED."""
    free_at, first, size = more.free_at, downstream.first, downstream.size
    waited = free_at[first] - ready
    if waited <= INSTANT:
        waited = 0.0
    elif downstream.waits == 0:
        return downstream.error_after, REFUSED
    if waited < timeout:
        until = ready + min(waited + duration, timeout)
        place = 0
        while True:
            child = 2 * place + 1
            if child >= size:
                break
            if child + 1 < size and free_at[first + child + 1] < free_at[first + child]:
                child += 1
            if free_at[first + child] >= until:
                break
            free_at[first + place] = free_at[first + child]
            place = child
        free_at[first + place] = until
    return waited + duration, waited


@inlined
def serve(core, more, flow, number, attempt, now, arrival, duration, init, failure):
    """Try to run something now; return (outcome, seconds to the handler, seconds that it runs, place of its slot, whether cold).

    ``flow``, ``number``, ``attempt`` and ``arrival`` say for whom, as in the reference's ``Work``; ``failure`` below the error rate
    is an error, -1 always. When recording and there is ``more``, the attempt is logged.
    """
    clock = core.clocks[0]
    row = core.flows[flow].row
    server = core.servers[row]
    pool = core.pools[server.pool]
    slots, births, bins = core.slots, core.births, core.bins
    account, unreserved = len(core.servers), len(core.servers) + 1
    place = NONE
    outcome = OK
    provisioned, spilled = False, False
    if more is not None and server.has_provisioned and core.flows[flow].latest == 0:
        provisioned = provisioned_has_room(more, row, now)
        spilled = not provisioned and more.provisioned[row].allocated > 0
    if not provisioned:
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
    cold = False
    initialising, starting, seconds, waited = np.nan, np.nan, np.nan, 0.0
    if outcome >= THROTTLED:
        if counted:
            bins[row, index, THROTTLES + outcome - THROTTLED] += 1
    else:
        initialising, seconds = init, duration
        is_new = place == NONE
        if more is not None and provisioned:
            place = provisioned_taken(core, more, row, now)
            is_new = place == NONE
        cold = is_new and not provisioned
        if is_new:
            place = clock.free
            clock.free = slots[place].next
            slots[place].row = row
            births[place].started = now
            births[place].number = server.environments
            server.environments += 1
            if provisioned:
                initialising = 0.0
            elif server.scaled:
                server.scaling_tokens -= 1
        if is_new or slots[place].marks & MUST_INITIALISE:
            seconds += server.first_call
        else:
            initialising = 0.0
        starting = initialising + (server.download if cold else 0.0)
        if more is not None and server.downstream != NONE:
            downstream = more.downstreams[server.downstream]
            seconds, waited = _connect(more, downstream, now + starting, seconds, server.timeout)
        if failure < server.error_rate or server.error_rate == 1.0 or waited == REFUSED:
            outcome = ERROR
        if seconds > server.timeout:
            outcome, seconds = TIMED_OUT, server.timeout
        server.busy += 1
        clock.busy += 1
        if not provisioned:
            pool.busy += 1
            if pool.limited:
                pool.tokens -= 1
            if server.grows:
                server.growth_tokens -= 1
                server.growth_admitted += 1
        finish = now + starting + seconds
        slots[place].finish = finish
        slots[place].marks = (MUST_INITIALISE if outcome == TIMED_OUT else 0) | (IS_PROVISIONED if provisioned else 0)
        _push(slots, core.days, clock, place)
        if finish > 0.0:
            add_interval(bins, row, BUSY_LEVEL, now, finish, clock)
            if more is not None and provisioned:
                add_interval(bins, row, PROVISIONED_BUSY_LEVEL, now, finish, clock)
        if counted:
            milliseconds = np.ceil((initialising + seconds) * 1000 - 1e-6)
            bins[row, index, INVOCATIONS] += 1
            bins[row, index, DURATION_SUM] += seconds
            bins[row, index, DURATION_MAX] = max(bins[row, index, DURATION_MAX], seconds)
            bins[row, index, BILLED_MS] += milliseconds
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
                bins[row, index, INIT_SUM] += initialising
            since_arrival = starting if more is None else now - arrival + starting
            if since_arrival > 0.0:
                core.wait[row, histogram_bin(since_arrival, core)] += 1
            core.latency[row, histogram_bin(since_arrival + seconds, core)] += 1
            if more is not None:
                if pool.reserved == 0:
                    claimed = pool.busy + pool.claimed
                    bins[unreserved, index, CLAIMED_MAX] = max(bins[unreserved, index, CLAIMED_MAX], claimed)
                if provisioned:
                    busy = more.provisioned[row].busy
                    bins[row, index, PROVISIONED_INVOCATIONS] += 1
                    bins[row, index, PROVISIONED_BILLED_MS] += milliseconds
                    bins[row, index, PROVISIONED_BUSY_MAX] = max(bins[row, index, PROVISIONED_BUSY_MAX], busy)
                else:
                    busy = server.busy - more.provisioned[row].busy
                    bins[row, index, ON_DEMAND_MAX] = max(bins[row, index, ON_DEMAND_MAX], busy)
                if spilled:
                    bins[row, index, SPILLOVERS] += 1
                if waited == REFUSED:
                    bins[row, index, DOWNSTREAM_REFUSED] += 1
                elif waited > 0.0:
                    bins[row, index, DOWNSTREAM_WAIT_SUM] += waited
                    bins[row, index, DOWNSTREAM_WAIT_MAX] = max(bins[row, index, DOWNSTREAM_WAIT_MAX], waited)
    if more is not None and clock.recording:
        entry = more.log[clock.logged]
        clock.logged += 1
        entry.function, entry.outcome, entry.cold, entry.time = row, outcome, cold, now
        entry.environment = births[place].number if outcome < THROTTLED else NONE
        entry.init, entry.started, entry.duration = initialising, now + starting, seconds
        entry.flow, entry.number, entry.attempt, entry.arrival = flow, number, attempt, arrival
        entry.provisioned, entry.spilled, entry.waited = provisioned, spilled, waited
    return outcome, starting, seconds, place, cold


@entered
def close(core, more):
    """At the end of the run: let what finishes finish, and count the environments that are still there."""
    slots, births, days, servers, bins, clock = core.slots, core.births, core.days, core.servers, core.bins, core.clocks[0]
    finish_until(core, more, clock.end)
    turn_bins(core, more, np.nextafter(clock.end, 0.0))
    for index in range(len(days)):
        place = days[index]
        while place != NONE:
            if (slots[place].marks & IS_PROVISIONED) == 0:
                count_environment(bins, np.int64(slots[place].row), births[place].started, clock.end, clock)
            place = slots[place].next
    for row in range(len(servers)):
        place = servers[row].top
        while place != NONE:
            until = end_of(slots, births, place, servers[row])
            count_environment(bins, row, births[place].started, max(until, slots[place].finish), clock)
            place = slots[place].next
    if more is not None:
        for row in range(len(servers)):
            count_allocated(core, more, row, clock.end)
