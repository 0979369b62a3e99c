"""The same work in other simulators, where they are installed: SimFaaS, Ciw and SimPy. None of them is needed by the course.

The work: Poisson requests to one function without limits, exponential durations, an environment taken from the most recently
used idle ones, or started cold where there is none; an idle one ends after ``idle_timeout``.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Work:
    """``rate`` requests per second for ``seconds``, each of ``mean`` seconds."""

    rate: float
    mean: float
    seconds: float
    idle_timeout: float
    seed: int = 1


@dataclass(frozen=True)
class Done:
    """What came of it: how many requests there were, and how many of them started cold."""

    requests: int
    cold_starts: int


@dataclass(frozen=True)
class Peer:
    """Another simulator. ``requests``: how many of them it is given, by how many environments there are at most."""

    name: str
    module: str
    run: Callable[[Work], Done]
    requests: dict[float, int]

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None

    def enough(self, environments: int) -> int | None:
        """Requests for a second or a few of its work; ``None`` where it would take much longer than that."""
        return next((requests for most, requests in self.requests.items() if environments <= most), None)


def simpy(work: Work) -> Done:
    """SimPy: each request is a process; idle environments are a stack."""
    import simpy

    draw = random.Random(work.seed).expovariate
    world, idle, requests, cold = simpy.Environment(), deque(), 0, 0

    def request():
        nonlocal cold
        while idle and idle[0] <= world.now - work.idle_timeout:
            idle.popleft()
        if idle:
            idle.pop()
        else:
            cold += 1
        yield world.timeout(draw(1 / work.mean))
        idle.append(world.now)

    def callers():
        nonlocal requests
        while True:
            yield world.timeout(draw(work.rate))
            requests += 1
            world.process(request())

    world.process(callers())
    world.run(until=work.seconds)
    return Done(requests, cold)


def ciw(work: Work) -> Done:
    """Ciw: a node with servers without end, whose service times come from a pool of environments, busy and idle."""
    import ciw

    idle, busy, requests, cold = deque(), [], 0, 0

    class Pool(ciw.dists.Distribution):
        def sample(self, t=None, ind=None):
            nonlocal requests, cold
            requests += 1
            while busy and busy[0] <= t:
                idle.append(heapq.heappop(busy))
            while idle and idle[0] <= t - work.idle_timeout:
                idle.popleft()
            if idle:
                idle.pop()
            else:
                cold += 1
            duration = random.expovariate(1 / work.mean)
            heapq.heappush(busy, t + duration)
            return duration

    callers = ciw.dists.Exponential(rate=work.rate)
    network = ciw.create_network(arrival_distributions=[callers], service_distributions=[Pool()], number_of_servers=[math.inf])
    ciw.seed(work.seed)
    ciw.Simulation(network).simulate_until_max_time(work.seconds)
    return Done(requests, cold)


def simfaas(work: Work) -> Done:
    """SimFaaS, as its README runs it."""
    import numpy as np
    from simfaas.ServerlessSimulator import ServerlessSimulator

    np.random.seed(work.seed)  # SimFaaS draws from NumPy's global generator
    simulator = ServerlessSimulator(
        arrival_rate=work.rate,
        warm_service_rate=1 / work.mean,
        cold_service_rate=1 / work.mean,
        expiration_threshold=work.idle_timeout,
        max_time=work.seconds,
        maximum_concurrency=10**9,
    )
    simulator.generate_trace(debug_print=False, progress=False)
    return Done(simulator.total_req_count, simulator.total_cold_count)


PEERS = (
    Peer("SimPy", "simpy", simpy, {1_000: 60_000, math.inf: 200_000}),
    Peer("Ciw", "ciw", ciw, {100: 10_000, 1_000: 5_000}),
    Peer("SimFaaS", "simfaas", simfaas, {20: 20_000, 100: 10_000, 1_000: 3_000}),
)
