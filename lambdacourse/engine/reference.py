"""The specification, in plain Python: what happens to each request, one after the other.

Slow and readable. The compiled kernel must agree with it request by request; where numba is missing, it serves in its place.
What AWS does not publish is marked (assumption).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lambdacourse.engine import tally
from lambdacourse.engine.plan import INSTANT, Plan
from lambdacourse.model import Function


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


def run(plan: Plan) -> tally.Requests:
    """Every request of ``plan``, in the order of arrival (those of the warm-up too)."""
    servers = _servers(plan)
    finishing: list[tuple[float, int, Server, Environment]] = []
    rows: list[tuple] = []
    for time, number, duration, init, failure in _arrivals(plan):
        while finishing and finishing[0][0] <= time + INSTANT:
            finished, _, server, environment = heapq.heappop(finishing)
            server.pool.busy -= 1
            environment.idle_since = finished
            server.idle.append(environment)
        server = servers[number]
        reason = server.throttled(time)
        environment = None if reason else server.warm_environment(time)
        if reason is None and environment is None and not server.scaling.has_one(time):
            reason = tally.SCALING
        if reason is not None:
            rows.append((number, time, reason, -1, False, math.nan, math.nan, math.nan))
            continue
        cold = environment is None
        if cold:
            server.scaling.take()
            environment = Environment(server.started, time)
            server.started += 1
        elif not environment.must_initialise:
            init = 0.0
        outcome = tally.ERROR if failure < server.function.error_rate else tally.OK
        if server.function.error_rate == 1:
            outcome = tally.ERROR
        if server.function.timeout is not None and duration > server.function.timeout:
            outcome, duration = tally.TIMED_OUT, server.function.timeout
        environment.must_initialise = outcome == tally.TIMED_OUT
        server.pool.busy += 1
        server.pool.rps.take()
        server.growth.take()
        started = time + init
        heapq.heappush(finishing, (started + duration, -len(rows), server, environment))
        rows.append((number, time, outcome, environment.number, cold, init, started, duration))
    return _as_arrays(rows)


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


def _arrivals(plan: Plan) -> Iterator[tuple[float, int, float, float, float]]:
    """All requests in time: (time, function's number, duration, init, failure); at the same time, in the order of the flows."""

    def one(flow):
        for chunk in plan.chunks(flow):
            columns = (chunk.time.tolist(), chunk.duration.tolist(), chunk.init.tolist(), chunk.failure.tolist())
            for time, duration, init, failure in zip(*columns, strict=True):
                yield time, flow.function, duration, init, failure

    return heapq.merge(*(one(flow) for flow in plan.flows), key=lambda request: request[0])


def _as_arrays(rows: list[tuple]) -> tally.Requests:
    columns = list(zip(*rows, strict=True)) or [()] * 8
    kinds = (np.int32, float, np.int8, np.int64, bool, float, float, float)
    return tally.Requests(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))
