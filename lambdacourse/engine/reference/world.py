"""The world of the reference: functions with their environments and limits, a clock, and what is to happen when.

How a trigger plugs in. Each flow of the plan has a handler, an object with ``arrive(work)``; ``reference.handlers`` makes it. For
each arrival the world sets ``now`` and calls it. The handler may

* ask for an environment: ``attempt = world.invoke(work)``. All that happens to the invocation is known at once: its outcome
  (from ``tally.THROTTLED`` on nothing ran), its ``started`` and its ``finish``.
* have something done later: ``world.at(time, action)``, where ``action()`` takes no argument and finds the time in ``world.now``.

Order: environments that finish up to ``now + INSTANT`` are idle before anything happens at ``now``. At one time timers come before
arrivals, timers among themselves in the order in which they were set, arrivals in the order of the flows. Nothing happens at or after
``plan.seconds``. The kernel follows the same order, so a handler and its compiled twin must set their timers in the same order.

A source that has no requests of its own per arrival (a queue, a stream) draws what its invocations need with ``plan.draws(flow)``, in
the order of its invocations, and hands ``invoke`` a ``Work`` it made itself.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lambdacourse.engine import tally
from lambdacourse.engine.plan import INSTANT, Plan
from lambdacourse.model import Function


@dataclass
class Work:
    """What asks for an environment: a request, an event, a batch. Times and durations in seconds.

    flow, number
        Of which flow of the plan, and the how-manieth of it.
    arrival
        When it arrived first.
    duration, init, failure
        What was drawn for it: how long the handler runs, how long a new environment initialises, and the number from 0 to 1
        that fails when it is below the function's error rate (-1 fails for sure).
    attempt
        How often it was tried before.
    """

    flow: int
    number: int
    arrival: float
    duration: float
    init: float
    failure: float
    attempt: int = 0


class Attempt(NamedTuple):
    """What became of one attempt to invoke: a row of ``tally.Requests``."""

    function: int
    time: float
    outcome: int
    environment: int
    cold: bool
    init: float
    started: float
    duration: float
    flow: int
    number: int
    attempt: int
    arrival: float

    @property
    def is_throttled(self) -> bool:
        return self.outcome >= tally.THROTTLED

    @property
    def finish(self) -> float:
        return self.started + self.duration


@dataclass
class Environment:
    """An execution environment: serves one request at a time."""

    number: int
    started: float
    idle_since: float = math.inf
    must_initialise: bool = False


@dataclass
class Bucket:
    """A token bucket: ``rate`` tokens a second, never above ``depth``; it starts full."""

    rate: float
    depth: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.depth

    def has_one(self, now: float) -> bool:
        self.tokens = min(self.depth, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return self.tokens >= 1 - 1e-9

    def take(self) -> None:
        self.tokens -= 1


class Growth:
    """How fast a function's requests per second may grow: in each second by ``gain``, from what it had plus ``step``.

    The published half of the scaling rate: 10,000 more requests per second every 10 seconds. That it works on whole seconds,
    and that what is not used is not saved up beyond ``step``, is how the course reads it (assumption).
    """

    def __init__(self, step: float, gain: float, burst: float, start: float) -> None:
        self.step, self.gain, self.burst, self.start = step, gain, burst, start
        self.second, self.admitted = 0, 0
        self.bucket = Bucket(step, step * burst, start)

    def has_one(self, now: float) -> bool:
        passed = int(now - self.start) - self.second
        if passed > 0:
            allowed = min(self.bucket.rate + self.gain, self.admitted + self.step)
            if passed > 1:
                allowed = min(allowed + self.gain * (passed - 1), self.step)
            self.bucket.has_one(self.start + self.second + passed)
            self.bucket.rate, self.bucket.depth = allowed, allowed * self.burst
            self.second, self.admitted = self.second + passed, 0
        return self.bucket.has_one(now)

    def take(self) -> None:
        self.bucket.take()
        self.admitted += 1


class NoLimit:
    def has_one(self, now: float) -> bool:
        return True

    def take(self) -> None:
        pass


class Pool:
    """Concurrency that is limited together: a function's reservation, or what all the others share."""

    def __init__(self, limit: float, rps: Bucket | NoLimit, reasons: tuple[int, int]) -> None:
        self.limit, self.rps, self.reasons = limit, rps, reasons
        self.busy = 0


class Server:
    """One function: its idle environments (the most recently used last), its share of concurrency, its scaling."""

    def __init__(self, function: Function, pool: Pool, scaling: Bucket | NoLimit, growth: Growth | NoLimit) -> None:
        self.function, self.pool, self.scaling, self.growth = function, pool, scaling, growth
        self.idle: list[Environment] = []
        self.started = 0

    def throttled(self, now: float) -> int | None:
        """Which limit turns a request away now, if any (assumption: the order in which they are checked)."""
        if self.pool.busy >= self.pool.limit:
            return self.pool.reasons[0]
        if not self.pool.rps.has_one(now):
            return self.pool.reasons[1]
        if not self.growth.has_one(now):
            return tally.SCALING
        return None

    def warm_environment(self, now: float) -> Environment | None:
        """The most recently used idle environment that is still alive."""
        while self.idle:
            environment = self.idle.pop()
            if now < self.end_of(environment):
                return environment
        return None

    def end_of(self, environment: Environment) -> float:
        """When an environment ends: after ``idle_timeout``, or by age; one that is busy then ends when it is idle."""
        age = environment.started + (self.function.maximum_age or math.inf)
        return min(environment.idle_since + self.function.idle_timeout, age)


class World:
    """Everything that there is at ``now``."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.now = plan, -plan.warm_up
        self.servers = _servers(plan)
        self.attempts: list[Attempt] = []
        self.settlements: list[tally.Settlement] = []
        self._finishing: list[tuple[float, int, Server, Environment]] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._set = 0

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Have ``action`` done at ``time``."""
        heapq.heappush(self._timers, (time, self._set, action))
        self._set += 1

    def run(self, handlers: list) -> None:
        """From the beginning to the end: arrivals to the handlers of their flows, timers to their actions."""
        for work in _arrivals(self.plan):
            self._run_timers(work.arrival)
            self._turn_to(work.arrival)
            handlers[work.flow].arrive(work)
        self._run_timers(self.plan.seconds)

    def settle(self, work: Work, state: int) -> None:
        """Note that ``work``, for whose answer somebody waits or which Lambda keeps, is over."""
        self.settlements.append(tally.Settlement(work.flow, work.number, work.arrival, self.now, state))

    def invoke(self, work: Work) -> Attempt:
        """Try to run ``work`` now."""
        now, flow = self.now, self.plan.flows[work.flow]
        server = self.servers[flow.function]
        duration, init = work.duration, work.init
        reason = server.throttled(now)
        environment = None if reason else server.warm_environment(now)
        if reason is None and environment is None and not server.scaling.has_one(now):
            reason = tally.SCALING
        if reason is not None:
            return self._note(work, flow.function, reason, -1, False, math.nan, math.nan, math.nan)
        cold = environment is None
        if cold:
            server.scaling.take()
            environment = Environment(server.started, now)
            server.started += 1
        elif not environment.must_initialise:
            init = 0.0
        outcome = tally.ERROR if work.failure < server.function.error_rate else tally.OK
        if server.function.error_rate == 1:
            outcome = tally.ERROR
        if server.function.timeout is not None and duration > server.function.timeout:
            outcome, duration = tally.TIMED_OUT, server.function.timeout
        environment.must_initialise = outcome == tally.TIMED_OUT
        server.pool.busy += 1
        server.pool.rps.take()
        server.growth.take()
        started = now + init
        heapq.heappush(self._finishing, (started + duration, -len(self.attempts), server, environment))
        return self._note(work, flow.function, outcome, environment.number, cold, init, started, duration)

    def _note(self, work: Work, function: int, outcome: int, environment: int, cold: bool, init, started, duration) -> Attempt:
        about = (work.flow, work.number, work.attempt, work.arrival)
        self.attempts.append(Attempt(function, self.now, outcome, environment, cold, init, started, duration, *about))
        return self.attempts[-1]

    def _run_timers(self, until: float) -> None:
        """All timers up to ``until``, and those that they set, but for what lies at or after the end."""
        while self._timers and self._timers[0][0] <= until and self._timers[0][0] < self.plan.seconds:
            time, _, action = heapq.heappop(self._timers)
            self._turn_to(time)
            action()

    def _turn_to(self, now: float) -> None:
        """Let time pass: what finishes up to ``now`` becomes idle, in order; of two that finish at once, the later started first."""
        while self._finishing and self._finishing[0][0] <= now + INSTANT:
            finished, _, server, environment = heapq.heappop(self._finishing)
            server.pool.busy -= 1
            environment.idle_since = finished
            server.idle.append(environment)
        self.now = now


def _servers(plan: Plan) -> list[Server]:
    account, start = plan.account, -plan.warm_up

    def rps(limit: float) -> Bucket | NoLimit:
        if account.rps_per_concurrency is None or math.isinf(limit):
            return NoLimit()
        rate = limit * account.rps_per_concurrency
        return Bucket(rate, max(rate * account.rps_burst, min(limit, 1)), start)

    shared = Pool(plan.unreserved_limit, rps(plan.unreserved_limit), (tally.CONCURRENCY, tally.RATE))
    servers = []
    for function in plan.functions:
        reserved = function.reserved_concurrency
        pool = shared
        if reserved is not None:
            pool = Pool(reserved, rps(reserved), (tally.RESERVED_CONCURRENCY, tally.RESERVED_RATE))
        scaling: Bucket | NoLimit = NoLimit()
        growth: Growth | NoLimit = NoLimit()
        if account.scaling_rate is not None:
            scaling = Bucket(account.scaling_rate / account.scaling_period, account.scaling_rate, start)
            if account.rps_per_concurrency is not None:
                step = account.scaling_rate * account.rps_per_concurrency
                growth = Growth(step, step / account.scaling_period, account.rps_burst, start)
        servers.append(Server(function, pool, scaling, growth))
    return servers


def _arrivals(plan: Plan) -> Iterator[Work]:
    """All arrivals in time; at the same time, in the order of the flows."""

    def one(index: int):
        number = 0
        for chunk in plan.chunks(plan.flows[index]):
            columns = (chunk.time.tolist(), chunk.duration.tolist(), chunk.init.tolist(), chunk.failure.tolist())
            for time, duration, init, failure in zip(*columns, strict=True):
                yield Work(index, number, time, duration, init, failure)
                number += 1

    return heapq.merge(*(one(index) for index in range(len(plan.flows))), key=lambda work: work.arrival)
