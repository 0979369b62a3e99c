"""Environments: busy ones in a calendar, idle ones on a stack for each function; who is let in; what is counted.

Each environment is a slot. Busy slots stand in a calendar queue by the time they finish; idle ones in a stack per function,
the most recently used on top, so that expiry takes from the bottom and needs no queue.
"""

from __future__ import annotations

import numpy as np

from lambdacourse.engine.kernel.compiling import compiled, inlined
from lambdacourse.engine.kernel.state import NONE
from lambdacourse.engine.plan import INSTANT
from lambdacourse.engine.tally import (
    BILLED_MS,
    BUSY_LEVEL,
    BUSY_MAX,
    COLD_STARTS,
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
)  # fmt: skip

EXPONENT = (1023 + LOWEST_POWER) << 8


@inlined
def add_interval(bins, row, level, since, until, clock):
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


@inlined
def count_environment(bins, row, since, until, clock):
    """An environment was there from ``since`` to ``until``."""
    add_interval(bins, row, ENVIRONMENTS_LEVEL, since, until, clock)
    if since < 0.0 < until:
        bins[row, 0, ENVIRONMENTS_AT_START] += 1


@compiled
def turn_bins(core, now):
    """Carry the concurrency that is there into each bin that begins up to ``now``."""
    bins, servers, pools, clock = core.bins, core.servers, core.pools, core.clocks[0]
    last = min(int(now * clock.per_bin), bins.shape[1] - 2)
    while clock.bin < last:
        clock.bin += 1
        for row in range(len(servers)):
            bins[row, clock.bin, BUSY_MAX] = servers[row].busy
        bins[len(servers), clock.bin, BUSY_MAX] = clock.busy
        bins[len(servers) + 1, clock.bin, BUSY_MAX] = pools[0].busy
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
def finish_until(core, now):
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
            if min(finish, now) >= clock.bin_end:
                turn_bins(core, min(finish, now))
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
def _histogram_bin(seconds, core):
    core.scratch[0] = seconds
    return min(max((core.scratch_bits[0] >> 44) - EXPONENT, 0), HISTOGRAM_BINS - 1)


@inlined
def serve(core, more, flow, number, attempt, now, arrival, duration, init, failure):
    """Try to run something now; return (outcome, initialisation, seconds that the handler runs, place of its slot, whether cold).

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
    starting, seconds = np.nan, np.nan
    if outcome >= THROTTLED:
        if counted:
            bins[row, index, THROTTLES + outcome - THROTTLED] += 1
    else:
        starting, seconds = init, duration
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
        if failure < server.error_rate or server.error_rate == 1.0:
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
        _push(slots, core.days, clock, place)
        if finish > 0.0:
            add_interval(bins, row, BUSY_LEVEL, now, finish, clock)
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
            waited = starting if more is None else now - arrival + starting
            if waited > 0.0:
                core.wait[row, _histogram_bin(waited, core)] += 1
            core.latency[row, _histogram_bin(waited + seconds, core)] += 1
    if more is not None and clock.recording:
        entry = more.log[clock.logged]
        clock.logged += 1
        entry.function, entry.outcome, entry.cold, entry.time = row, outcome, cold, now
        entry.environment = births[place].number if outcome < THROTTLED else NONE
        entry.init, entry.started, entry.duration = starting, now + starting, seconds
        entry.flow, entry.number, entry.attempt, entry.arrival = flow, number, attempt, arrival
    return outcome, starting, seconds, place, cold


@compiled
def close(core):
    """At the end of the run: let what finishes finish, and count the environments that are still there."""
    slots, births, days, servers, bins, clock = core.slots, core.births, core.days, core.servers, core.bins, core.clocks[0]
    finish_until(core, clock.end)
    turn_bins(core, np.nextafter(clock.end, 0.0))
    for index in range(len(days)):
        place = days[index]
        while place != NONE:
            count_environment(bins, slots[place].row, births[place].started, clock.end, clock)
            place = slots[place].next
    for row in range(len(servers)):
        place = servers[row].top
        while place != NONE:
            until = end_of(slots, births, place, servers[row])
            count_environment(bins, row, births[place].started, max(until, slots[place].finish), clock)
            place = slots[place].next
