"""Answers of lesson 09: the inside of Lambda, and what is asked beside scale."""

from __future__ import annotations

import math

from lambdacourse.facts import fact
from lambdacourse.pricing import bill, charges


def hosts(functions: int) -> float:
    """Hosts at the least that start, within one scaling period, all that ``functions`` may add in it."""
    started = fact("firecracker_rate").value * fact("scaling_period").value
    return math.ceil(functions * fact("scaling_rate").value / started)


def mean_chunk_wait(worker: float, zone: float) -> float:
    """Milliseconds for a chunk on average: ``worker`` % are there, ``zone`` % of the rest in the zone's cache, the others in S3."""
    near, far = fact("image_chunk_latency").value.values()
    return (1 - worker / 100) * (zone / 100 * near + (1 - zone / 100) * far)


def image_traffic(starts: float, gb: float, percent: float) -> float:
    """GB per second that workers fetch when so many environments start a second and read ``percent`` of an image of ``gb`` GB."""
    return starts * gb * percent / 100 * (1 - fact("image_worker_cache_hits").value)


def slow_with_spare_piece(percent: float) -> float:
    """Percent of chunks that are slow when each piece is slow in ``percent`` of cases and one slow piece does not matter."""
    pieces, slow = fact("image_erasure_code").value, percent / 100
    return 100 * (1 - (1 - slow) ** pieces - pieces * slow * (1 - slow) ** (pieces - 1))


def pooling_factor(customers: float) -> float:
    """How many times the environments are needed when each of ``customers``, one busy on average, is prepared for alone.

    Prepared for is the mean and three standard deviations of random traffic.
    """
    from lambdacourse.drill.answers.concurrency import headroom

    return customers * headroom(1, 1_000) / headroom(customers, 1_000)


def microvms_in(gb: float, memory_mb: float) -> float:
    """MicroVMs of ``memory_mb`` MB that fit into ``gb`` GB, each with what Firecracker takes beside."""
    return (gb * fact("mb_per_gb").value) // (memory_mb + fact("firecracker_memory").value)


def tenants(concurrency: float, each: float) -> float:
    """Tenants at the most that can have ``each`` isolated environments, with so much concurrency."""
    return concurrency / 1_000 * fact("tenant_environments").value // each


def http_api_saves(millions: float) -> float:
    """USD a month that an HTTP API saves over a REST API, in the first tier of both."""
    requests = millions * 1e6
    return (charges(rest_requests=requests, free_tier=False) - charges(http_requests=requests, free_tier=False)).total


def canary_unused(percent: float, requests: float) -> float:
    """Chance in percent that none of ``requests`` goes to a version with a weight of ``percent`` %."""
    return 100 * (1 - percent / 100) ** requests


def rules(targets: float) -> float:
    """EventBridge rules that it takes to reach so many targets."""
    return math.ceil(targets / fact("eventbridge_targets").value)


def fan_out_concurrency(events: float, subscribers: float, percent: float, duration_ms: float) -> float:
    """Environments busy on average when each of ``subscribers`` takes ``percent`` % of ``events`` a second."""
    from lambdacourse.drill.answers.concurrency import needed

    return subscribers * needed(events, duration_ms) * percent / 100


def filter_saves(millions: float, percent: float, duration_ms: float, memory_mb: int) -> float:
    """USD a month saved when a filter lets only ``percent`` % of the messages become invocations."""
    all_of_them, passed = millions * 1_000_000, millions * 10_000 * percent
    bills = (bill(int(count), duration_ms, memory_mb, free_tier=False).total for count in (all_of_them, passed))
    return next(bills) - next(bills)


def workflow_month(thousands: float, transitions: float) -> float:
    """USD a month of Standard workflows, without the free transitions."""
    return thousands * 1_000 * transitions / 1e6 * fact("standard_workflow_price").value


def writes_not_copied(rate: float, delay_ms: float) -> float:
    """Writes that the other Region does not have yet, at any moment."""
    from lambdacourse.drill.answers.concurrency import needed

    return needed(rate, delay_ms)


def throttled_after_failover(rate: float, duration_ms: float) -> float:
    """Percent turned away when all of ``rate`` goes to one Region that has the default limit. Simulated."""
    from lambdacourse import Account, ColdStart, Function, Sync, simulate, steady

    api = Function("api", duration=duration_ms / 1_000, cold_start=ColdStart(init=0))
    run = simulate(Sync(api, steady(rate)), account=Account(scaling_rate=None), seconds=40, warm_up=10)
    return 100 * run["api"].throttle_rate


def traces_a_minute(rate: float) -> float:
    """Traces of a function in a minute of steady traffic."""
    return 60 * (fact("x_ray_first").value + fact("x_ray_share").value * (rate - 1))
