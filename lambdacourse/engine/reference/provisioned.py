"""Provisioned concurrency: environments that are kept initialised, and what changes how many there are."""

from __future__ import annotations

import math

from lambdacourse.engine import history
from lambdacourse.engine.plan import HIGH_POINTS, LOW_POINTS, LOW_SHARE, MINUTE
from lambdacourse.engine.reference.limits import Bucket, NoLimit
from lambdacourse.engine.reference.world import Environment, World
from lambdacourse.model import Schedule, TargetTracking


def provide(world: World) -> None:
    """Give each server its provisioned concurrency and what scales it."""
    for row, server in enumerate(world.servers):
        if server.function.provisioned_concurrency or server.function.provisioned_scaling:
            server.provisioned = Provisioned(world, row)
            Scaling(world, server.provisioned)


class Provisioned:
    """The provisioned concurrency of one function's version.

    What is asked for counts against the pool at once. It is allocated after a delay, at a rate, and can be used once all of it is
    there. What is given back ends at once if it is idle, otherwise when it finishes (assumption), and counts until then. A request
    runs here while fewer environments are busy than are allocated, and within 10 requests a second for each.
    """

    def __init__(self, world: World, row: int) -> None:
        self.world, self.row = world, row
        self.server = world.servers[row]
        self.idle: list[Environment] = []
        self.requested = self.allocated = self.claimed = 0
        self.busy = self.there = self.asked = 0
        self.rps: Bucket | NoLimit = NoLimit()
        self.use = Utilisation(world.now)
        function = self.server.function
        if function.provisioned_concurrency:
            self._claim(function.provisioned_concurrency)
            self._allocate()

    def has_room(self, now: float) -> bool:
        return self.busy < self.allocated and self.rps.has_one(now)

    def take(self) -> Environment | None:
        """The most recently used idle environment; ``None`` for one that has not been used yet. It is busy from now on."""
        self.use.pass_to(self.world.now, self.busy, self.allocated)
        self.busy += 1
        self.rps.take()
        self.use.see(self.busy, self.allocated)
        if self.idle:
            return self.idle.pop()
        self.there += 1
        return None

    def give_back(self, environment: Environment, finished: float) -> None:
        self.use.pass_to(finished, self.busy, self.allocated)
        self.busy -= 1
        if self.there > self.allocated:
            self.there -= 1
        else:
            self.idle.append(environment)
        if self.claimed > self._needed:
            self._hold(finished)

    @property
    def _needed(self) -> int:
        """What counts against the pool: what was asked for, what is there, and what was given back and is still busy."""
        return max(self.requested, self.allocated, self.busy)

    def ask_for(self, wanted: int) -> None:
        """Have so many, as soon as Lambda can; refused when the pool has not enough left."""
        account, pool = self.world.plan.account, self.server.pool
        floor = 0 if pool.is_reserved else account.unreserved_minimum
        claim = max(wanted, self.allocated, self.busy)
        if claim > self.claimed and pool.limit - (claim - self.claimed) < floor:
            return
        self.asked += 1
        self._claim(wanted)
        if wanted <= self.allocated:
            self._allocate()
            return
        seconds = account.provisioned_delay
        if account.provisioned_rate is not None:
            seconds += (wanted - self.allocated) * 60 / account.provisioned_rate
        asked = self.asked
        self.world.at(self.world.now + seconds, lambda: self._allocate() if asked == self.asked else None)

    def _claim(self, wanted: int) -> None:
        self.requested = wanted
        self._hold(self.world.now)

    def _allocate(self) -> None:
        """What was asked for last is there."""
        now, account = self.world.now, self.world.plan.account
        self.use.pass_to(now, self.busy, self.allocated)
        self.allocated = self.requested
        self.use.high = self.use.low = 0
        self.use.see(self.busy, self.allocated)
        while self.there > self.allocated and self.idle:
            self.idle.pop()
            self.there -= 1
        self._hold(now)
        if account.rps_per_concurrency is not None:
            rate = self.allocated * account.rps_per_concurrency
            depth = max(rate * account.rps_burst, min(self.allocated, 1))
            if isinstance(self.rps, Bucket):
                self.rps.change(rate, depth, now)
            else:
                self.rps = Bucket(rate, depth, now)

    def _hold(self, now: float) -> None:
        self.server.pool.claim(self._needed - self.claimed, now)
        self.claimed = self._needed
        self.world.allocations.append(history.Allocation(self.row, now, self.allocated, self.claimed))


class Utilisation:
    """ProvisionedConcurrencyUtilization of the current minute: busy / allocated over time (assumption).

    ``high`` and ``low`` count the data points in a row that were beyond an alarm; after an allocation they begin anew (assumption).
    """

    def __init__(self, now: float) -> None:
        self.since = now
        self.high = self.low = 0
        self.begin(now, 0, 0)

    def begin(self, now: float, busy: int, allocated: int) -> None:
        """A new minute."""
        self.start, self.sum, self.most, self.is_there = now, 0.0, 0.0, False
        self.see(busy, allocated)

    def see(self, busy: int, allocated: int) -> None:
        if busy > 0 and allocated > 0:
            self.is_there = True
            self.most = max(self.most, busy / allocated)

    def pass_to(self, now: float, busy: int, allocated: int) -> None:
        if allocated > 0:
            self.sum += busy / allocated * (now - self.since)
        self.since = now


class Scaling:
    """Application Auto Scaling of one function's provisioned concurrency: its target tracking and its scheduled actions."""

    def __init__(self, world: World, provisioned: Provisioned) -> None:
        self.world, self.provisioned = world, provisioned
        function = provisioned.server.function
        self.tracking: TargetTracking | None = function.target_tracking
        if self.tracking:
            self.minimum, self.maximum = self.tracking.minimum, self.tracking.maximum
            world.at((math.floor(world.now / MINUTE) + 1) * MINUTE, self._look)
        for action in function.provisioned_scaling:
            if isinstance(action, Schedule):
                world.at(action.at, lambda action=action: self._set_bounds(action))

    def _set_bounds(self, action: Schedule) -> None:
        self.minimum = action.minimum
        self.maximum = action.minimum if action.maximum is None else action.maximum
        wanted = min(max(self.provisioned.requested, self.minimum), self.maximum)
        if wanted != self.provisioned.requested:
            self.provisioned.ask_for(wanted)

    def _look(self) -> None:
        """At the end of a minute: its data point, both alarms, and what follows from them."""
        now, provisioned, use = self.world.now, self.provisioned, self.provisioned.use
        use.pass_to(now, provisioned.busy, provisioned.allocated)
        value = use.most if self.tracking.statistic == "Maximum" else use.sum / (now - use.start)
        target, allocated = self.tracking.target, provisioned.allocated
        use.high = use.high + 1 if use.is_there and value > target else 0
        use.low = use.low + 1 if use.is_there and value < target * LOW_SHARE else 0
        use.begin(now, provisioned.busy, allocated)
        if provisioned.requested == allocated:
            wanted = math.ceil(allocated * value / target - 1e-9)
            if use.high >= HIGH_POINTS and min(wanted, self.maximum) > allocated:
                provisioned.ask_for(min(wanted, self.maximum))
            elif use.low >= LOW_POINTS and max(wanted, self.minimum) < allocated:
                provisioned.ask_for(max(wanted, self.minimum))
        self.world.at(now + MINUTE, self._look)
