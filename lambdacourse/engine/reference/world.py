"""The world of the reference: functions with their environments and limits, a clock, and what is to happen when.

How a trigger plugs in. Each flow of the plan has a handler, an object with ``arrive(work)``; ``reference.handlers`` makes it. For
each arrival the world sets ``now`` and calls it. The handler may

* ask for an environment: ``attempt = world.invoke(work)``. All that happens to the invocation is known at once: its outcome
  (from ``history.THROTTLED`` on nothing ran), its ``started`` and its ``finish``.
* have something done later: ``world.at(time, action)``, where ``action()`` takes no argument and finds the time in ``world.now``.

Order: environments that finish up to ``now + INSTANT`` are idle before anything happens at ``now``. At one time timers come before
arrivals, timers among themselves in the order in which they were set, arrivals in the order of the flows. Nothing happens at or after
``plan.seconds``. The kernel follows the same order, so a handler and its compiled twin must set their timers in the same order.

A source whose arrivals are not what is invoked (a stream) draws what its invocations need with ``plan.draws(flow)``, in
the order of its invocations, and hands ``invoke`` a ``Work`` it made itself.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lambdacourse.engine import history
from lambdacourse.engine.plan import INSTANT, Plan
from lambdacourse.engine.reference.limits import Bucket, Growth, NoLimit
from lambdacourse.model import Downstream, Function


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
    """What became of one attempt to invoke: a row of ``history.Requests``."""

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
    provisioned: bool
    spilled: bool
    waited: float

    @property
    def is_throttled(self) -> bool:
        return self.outcome >= history.THROTTLED

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
    is_first_call: bool = True
    is_provisioned: bool = False


class Pool:
    """Concurrency that is limited together: a function's reservation, or what all the others share.

    What provisioned concurrency claims of it is set aside, with its share of the requests per second: ``limit`` is the rest.
    """

    def __init__(self, limit: float, plan: Plan, is_reserved: bool) -> None:
        self.limit, self.account, self.is_reserved = limit, plan.account, is_reserved
        self.busy = 0
        self.rps: Bucket | NoLimit = NoLimit()
        if self.account.rps_per_concurrency is not None and not math.isinf(limit):
            self.rps = Bucket(*self._rate(), -plan.warm_up)

    def claim(self, more: int, now: float) -> None:
        """Set so much more aside."""
        self.limit -= more
        if isinstance(self.rps, Bucket):
            self.rps.change(*self._rate(), now)

    def throttled(self, now: float) -> int | None:
        if self.busy >= self.limit:
            return history.RESERVED_CONCURRENCY if self.is_reserved else history.CONCURRENCY
        if not self.rps.has_one(now):
            return history.RESERVED_RATE if self.is_reserved else history.RATE
        return None

    def _rate(self) -> tuple[float, float]:
        """Requests per second, and how many at once; at least one, or none would ever be let through."""
        rate = self.limit * self.account.rps_per_concurrency
        return rate, max(rate * self.account.rps_burst, min(self.limit, 1))


class Server:
    """One function: its idle environments (the most recently used last), its share of concurrency, its scaling."""

    def __init__(self, function: Function, pool: Pool, scaling: Bucket | NoLimit, growth: Growth | NoLimit) -> None:
        self.function, self.pool, self.scaling, self.growth = function, pool, scaling, growth
        self.provisioned = None  # a ``reference.provisioned.Provisioned``, where it has one
        self.idle: list[Environment] = []
        self.started = 0

    def throttled(self, now: float) -> int | None:
        """Which limit turns a request away now, if any (assumption: the order in which they are checked)."""
        reason = self.pool.throttled(now)
        if reason is None and not self.growth.has_one(now):
            reason = history.SCALING
        return reason

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


class Connections:
    """What stands behind functions: each of its connections is free from a certain time on."""

    def __init__(self, downstream: Downstream) -> None:
        self.downstream = downstream
        self.free_at = [-math.inf] * downstream.concurrency_limit

    def ask(self, ready: float, duration: float, timeout: float) -> tuple[float, float]:
        """How long the handler that is ``ready`` then runs in all, and how much of that it waits (``history.REFUSED``: in vain).

        A connection is set aside when the invocation begins (assumption). Who gives up waiting needs none.
        """
        waited = self.free_at[0] - ready
        if waited <= INSTANT:
            waited = 0.0
        elif self.downstream.when_full == "error":
            return self.downstream.error_after, history.REFUSED
        if waited < timeout:
            heapq.heapreplace(self.free_at, ready + min(waited + duration, timeout))
        return waited + duration, waited


class World:
    """Everything that there is at ``now``."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.now = plan, -plan.warm_up
        self.attempts: list[Attempt] = []
        self.settlements: list[history.Settlement] = []
        self.allocations: list[history.Allocation] = []
        self.messages: list[tuple] = []
        self._finishing: list[tuple[float, int, Server, Environment]] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._set = 0
        self.servers = _servers(plan)
        self.connections = {downstream: Connections(downstream) for downstream in plan.downstreams}

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
        self.settlements.append(history.Settlement(work.flow, work.number, work.arrival, self.now, state))

    def invoke(self, work: Work) -> Attempt:
        """Try to run ``work`` now: on a provisioned environment if one is free, otherwise on demand."""
        self._turn_to(self.now)  # of several at one instant, what takes no time is over before the next
        now, flow = self.now, self.plan.flows[work.flow]
        server = self.servers[flow.function]
        provisioned = None if flow.latest else server.provisioned
        if provisioned and provisioned.has_room(now):
            environment = provisioned.take() or self._new_environment(server, is_provisioned=True)
            return self._start(work, server, environment, False, False)
        spilled = bool(provisioned and provisioned.allocated > 0)
        reason = server.throttled(now)
        environment = None if reason else server.warm_environment(now)
        if reason is None and environment is None and not server.scaling.has_one(now):
            reason = history.SCALING
        if reason is not None:
            return self._note(work, flow.function, reason, -1, False, math.nan, math.nan, math.nan, False, spilled, 0.0)
        cold = environment is None
        if cold:
            server.scaling.take()
            environment = self._new_environment(server)
        server.pool.busy += 1
        server.pool.rps.take()
        server.growth.take()
        return self._start(work, server, environment, cold, spilled)

    def _new_environment(self, server: Server, is_provisioned: bool = False) -> Environment:
        server.started += 1
        return Environment(server.started - 1, self.now, must_initialise=not is_provisioned, is_provisioned=is_provisioned)

    def _start(self, work: Work, server: Server, environment: Environment, cold: bool, spilled: bool) -> Attempt:
        """It runs: what will come of it is known now. After a timeout the environment initialises again, without a download."""
        function, waited = server.function, 0.0
        timeout = math.inf if function.timeout is None else function.timeout
        init = work.init if environment.must_initialise else 0.0
        duration = work.duration + (function.cold_start.first_call if environment.is_first_call else 0.0)
        started = self.now + (init + (function.cold_start.download if cold else 0.0))
        if function.downstream is not None:
            duration, waited = self.connections[function.downstream].ask(started, duration, timeout)
        outcome = history.OK
        if work.failure < function.error_rate or function.error_rate == 1 or waited == history.REFUSED:
            outcome = history.ERROR
        if duration > timeout:
            outcome, duration = history.TIMED_OUT, timeout
        environment.must_initialise = environment.is_first_call = outcome == history.TIMED_OUT
        heapq.heappush(self._finishing, (started + duration, -len(self.attempts), server, environment))
        on = environment.number, cold, init, started, duration, environment.is_provisioned, spilled, waited
        return self._note(work, self.plan.flows[work.flow].function, outcome, *on)

    def _note(
        self, work: Work, function: int, outcome: int, environment: int, cold: bool, init: float, started: float, duration: float,
        provisioned: bool, spilled: bool, waited: float,
    ) -> Attempt:  # fmt: skip
        about = (work.flow, work.number, work.attempt, work.arrival, provisioned, spilled, waited)
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
            environment.idle_since = finished
            if environment.is_provisioned:
                server.provisioned.give_back(environment, min(finished, now))
            else:
                server.pool.busy -= 1
                server.idle.append(environment)
        self.now = now


def _servers(plan: Plan) -> list[Server]:
    account, start = plan.account, -plan.warm_up
    shared = Pool(plan.unreserved_limit, plan, is_reserved=False)
    servers = []
    for function in plan.functions:
        reserved = function.reserved_concurrency
        pool = shared
        if reserved is not None:
            pool = Pool(reserved, plan, is_reserved=True)
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
