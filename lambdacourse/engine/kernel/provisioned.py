"""The twin of ``reference.provisioned``: provisioned concurrency and its auto scaling."""

from __future__ import annotations

import numpy as np

from lambdacourse.engine.kernel.compiling import compiled, entered, inlined
from lambdacourse.engine.kernel.counting import add_interval
from lambdacourse.engine.kernel.state import ALLOCATED, LOOK, NONE
from lambdacourse.engine.kernel.timers import set_timer
from lambdacourse.engine.plan import HIGH_POINTS, LOW_POINTS, LOW_SHARE, MINUTE
from lambdacourse.engine.tally import ALLOCATED_LEVEL, CLAIMED_MAX, ENVIRONMENTS_AT_START, ENVIRONMENTS_LEVEL

ROWS = 1 << 16
"""A timer's ``about`` for an allocation: how often was asked times this, plus the function's row."""


@inlined
def provisioned_has_room(more, row, now):
    mine = more.provisioned[row]
    if mine.busy >= mine.allocated:
        return False
    if mine.limited == 0:
        return True
    _refill(mine, now)
    return mine.tokens >= 1 - 1e-9


@inlined
def provisioned_taken(core, more, row, now):
    """One is busy from now on: the most recently used idle environment, or NONE for one that has not been used yet."""
    mine = more.provisioned[row]
    _pass_to(mine, now)
    mine.busy += 1
    if mine.limited:
        mine.tokens -= 1
    _see(mine)
    place = mine.top
    if place == NONE:
        mine.there += 1
    else:
        mine.top = core.slots[place].next
    return place


@compiled
def provisioned_given_back(core, more, row, place, finished):
    mine = more.provisioned[row]
    clock = core.clocks[0]
    _pass_to(mine, finished)
    mine.busy -= 1
    if mine.there > mine.allocated:
        mine.there -= 1
        core.slots[place].next = clock.free
        clock.free = place
    else:
        core.slots[place].next = mine.top
        mine.top = place
    if mine.claimed > _needed(mine):
        _hold(core, more, row, finished)


@inlined
def _needed(mine):
    """What counts against the pool: what was asked for, what is there, and what was given back and is still busy."""
    return max(mine.requested, mine.allocated, mine.busy)


@entered
def set_first_timer(core, more, time, kind, about):
    """A timer that is set before the run."""
    set_timer(more.timers, core.clocks[0], time, kind, about)


@entered
def begin(core, more, row, count, now):
    """So many are there at the beginning."""
    more.provisioned[row].requested = count
    _hold(core, more, row, now)
    allocate(core, more, row, now)


@compiled
def ask_for(core, more, row, wanted, now):
    """Have so many, as soon as Lambda can; refused when the pool has not enough left."""
    mine, pool, rules = more.provisioned[row], core.pools[core.servers[row].pool], more.rules[0]
    claim = max(wanted, mine.allocated, mine.busy)
    if claim > mine.claimed and pool.limit - (claim - mine.claimed) < pool.floor:
        return
    mine.asked += 1
    mine.requested = wanted
    _hold(core, more, row, now)
    if wanted <= mine.allocated:
        allocate(core, more, row, now)
    else:
        seconds = rules.provisioned_delay + (wanted - mine.allocated) * 60 / rules.provisioned_rate
        set_timer(more.timers, core.clocks[0], now + seconds, ALLOCATED, mine.asked * ROWS + row)


@compiled
def allocated(core, more, about, now):
    """What was asked for is there, unless something else was asked for since."""
    row = about % ROWS
    if more.provisioned[row].asked == about // ROWS:
        allocate(core, more, row, now)


@compiled
def allocate(core, more, row, now):
    """What was asked for last is there."""
    mine, rules, clock = more.provisioned[row], more.rules[0], core.clocks[0]
    count_allocated(core, more, row, now)
    _pass_to(mine, now)
    mine.allocated = mine.requested
    mine.high, mine.low = 0, 0
    _see(mine)
    while mine.there > mine.allocated and mine.top != NONE:
        place = mine.top
        mine.top = core.slots[place].next
        core.slots[place].next = clock.free
        clock.free = place
        mine.there -= 1
    _hold(core, more, row, now)
    if rules.rps_per_concurrency < np.inf:
        rate = mine.allocated * rules.rps_per_concurrency
        depth = max(rate * rules.rps_burst, min(mine.allocated, 1))
        if mine.limited:
            _refill(mine, now)
        else:
            mine.limited, mine.at, mine.tokens = 1, now, depth
        mine.rate, mine.depth = rate, depth


@compiled
def count_allocated(core, more, row, now):
    """Count what was allocated until now."""
    mine, clock = more.provisioned[row], core.clocks[0]
    if mine.allocated > 0 and now > mine.level_since:
        amount = float(mine.allocated)
        add_interval(core.bins, row, ALLOCATED_LEVEL, mine.level_since, now, clock, amount)
        add_interval(core.bins, row, ENVIRONMENTS_LEVEL, mine.level_since, now, clock, amount)
        if mine.level_since < 0.0 <= now:
            core.bins[row, 0, ENVIRONMENTS_AT_START] += amount
    mine.level_since = now


@inlined
def _hold(core, more, row, now):
    mine, rules, clock = more.provisioned[row], more.rules[0], core.clocks[0]
    pool = core.pools[core.servers[row].pool]
    change = _needed(mine) - mine.claimed
    pool.limit -= change
    pool.claimed += change
    mine.claimed += change
    if pool.limited:
        pool.tokens = min(pool.depth, pool.tokens + (now - pool.at) * pool.rate)
        pool.at = now
        pool.rate = pool.limit * rules.rps_per_concurrency
        pool.depth = max(pool.rate * rules.rps_burst, min(pool.limit, 1.0))
    if now >= 0.0 and clock.bin >= 0 and pool.reserved == 0:
        unreserved = len(core.servers) + 1
        level = pool.busy + pool.claimed
        core.bins[unreserved, clock.bin, CLAIMED_MAX] = max(core.bins[unreserved, clock.bin, CLAIMED_MAX], level)
    if clock.recording:
        entry = more.allocations[clock.noted]
        clock.noted += 1
        entry.function, entry.time, entry.allocated, entry.claimed = row, now, mine.allocated, mine.claimed


@inlined
def _refill(mine, now):
    mine.tokens = min(mine.depth, mine.tokens + (now - mine.at) * mine.rate)
    mine.at = now


@inlined
def _see(mine):
    if mine.busy > 0 and mine.allocated > 0:
        mine.use_is_there = 1
        mine.use_most = max(mine.use_most, mine.busy / mine.allocated)


@inlined
def _pass_to(mine, now):
    if mine.allocated > 0:
        mine.use_sum += mine.busy / mine.allocated * (now - mine.use_since)
    mine.use_since = now


@compiled
def set_bounds(core, more, about, now):
    """A scheduled action."""
    bounds = more.bounds[about]
    mine = more.provisioned[bounds.row]
    mine.minimum, mine.maximum = bounds.minimum, bounds.maximum
    wanted = min(max(mine.requested, mine.minimum), mine.maximum)
    if wanted != mine.requested:
        ask_for(core, more, bounds.row, wanted, now)


@compiled
def look(core, more, row, now):
    """At the end of a minute: its data point, both alarms, and what follows from them."""
    mine = more.provisioned[row]
    _pass_to(mine, now)
    value = mine.use_most if mine.takes_maximum else mine.use_sum / (now - mine.use_start)
    mine.high = mine.high + 1 if mine.use_is_there and value > mine.target else 0
    mine.low = mine.low + 1 if mine.use_is_there and value < mine.target * LOW_SHARE else 0
    mine.use_start, mine.use_sum, mine.use_most, mine.use_is_there = now, 0.0, 0.0, 0
    _see(mine)
    if mine.requested == mine.allocated:
        wanted = int(np.ceil(mine.allocated * value / mine.target - 1e-9))
        if mine.high >= HIGH_POINTS and min(wanted, mine.maximum) > mine.allocated:
            ask_for(core, more, row, min(wanted, mine.maximum), now)
        elif mine.low >= LOW_POINTS and max(wanted, mine.minimum) < mine.allocated:
            ask_for(core, more, row, max(wanted, mine.minimum), now)
    set_timer(more.timers, core.clocks[0], now + MINUTE, LOOK, row)
