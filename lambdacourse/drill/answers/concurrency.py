"""Answers of lesson 01: the formula, the three limits, headroom."""

from __future__ import annotations

import math
from decimal import Decimal

from lambdacourse.facts import fact


def needed(rate: float, duration_ms: float) -> float:
    """Environments that a steady load keeps busy on average. Little's law."""
    return float(Decimal(rate) * Decimal(duration_ms) / 1_000)


def rate_served(limit: float, duration_ms: float) -> float:
    """Requests per second that an account of ``limit`` serves at most: what concurrency allows, and the request rate."""
    return min(limit * 1_000 / duration_ms, limit * fact("rps_per_concurrency").value)


def limit_needed(rate: float, duration_ms: float) -> float:
    """The account limit that a steady load needs, whichever of the two lasting limits asks for more."""
    return max(needed(rate, duration_ms), rate / fact("rps_per_concurrency").value)


def throttled_percent(rate: float, duration_ms: float, limit: float) -> float:
    """Percent of a steady load above the limits that is turned away in the long run."""
    return 100 * max(0.0, 1 - rate_served(limit, duration_ms) / rate)


def seconds_to_scale(environments: float) -> float:
    """Seconds until a function that starts cold has ``environments``, when all are wanted at once."""
    refill = fact("scaling_rate").value / fact("scaling_period").value
    return max(0.0, environments - fact("scaling_bucket_depth").value) / refill


def seconds_to_scale_before_2023(environments: float) -> float:
    """The same as it was until November 2023, in a Region of the largest burst."""
    return 60 * max(0.0, environments - max(fact("scaling_burst_before_2023").value)) / fact("scaling_growth_before_2023").value


def seconds_to_rate(rate: float) -> float:
    """Seconds in which one function can grow from nothing to ``rate`` requests per second, counted in whole scaling periods."""
    return math.ceil(rate / fact("scaling_rate_rps").value) * fact("scaling_period").value


def headroom(rate: float, duration_ms: float) -> float:
    """A limit with three standard deviations over the mean: three square roots."""
    mean = needed(rate, duration_ms)
    return mean + 3 * math.sqrt(mean)


def throttled_percent_at_mean(mean: float) -> float:
    """Percent of random requests turned away by a limit that equals the mean need. Simulated, ten minutes of it."""
    from lambdacourse import Function, Sync, exponential, poisson, simulate

    duration = 0.5
    api = Function("api", duration=exponential(duration), reserved_concurrency=int(mean))
    return 100 * simulate(Sync(api, poisson(mean / duration)), seconds=600, warm_up=10, seed=7)["api"].throttle_rate


def per_environment(duration_ms: float) -> float:
    """Requests per second that one environment serves at most when its requests follow each other without a gap."""
    return 1_000 / duration_ms


def mean_duration_ms(invocations: float, busy: float) -> float:
    """Mean duration in milliseconds from ``invocations`` a minute and the mean concurrency. Little's law, turned round."""
    return 1_000 * busy / (invocations / 60)


def limit_needed_twice_as_fast(rate: float, duration_ms: float) -> float:
    """The account limit that a steady load needs when its requests take half as long."""
    return limit_needed(rate, duration_ms / 2)


def more_when_slow(rate: float, slow_s: float, fast_ms: float = 100) -> float:
    """Environments wanted more when requests of ``fast_ms`` milliseconds take ``slow_s`` seconds."""
    return needed(rate, 1_000 * slow_s) - needed(rate, fast_ms)
