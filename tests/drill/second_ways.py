"""Every numeric question solved a second time, by hand: plain Python, AWS's numbers as this course's lessons state them.

One function a question, under its id with underscores; it takes the question's parameters and gives the answer in its unit.
"""

from __future__ import annotations

import math


def needed_concurrency(rate, duration_ms):
    """Count who is inside: with arrivals evenly apart, those of the last ``duration_ms``, averaged over a second."""
    return sum(duration_ms for _ in range(rate)) / 1_000


def mean_duration_from_concurrency(invocations, busy):
    """In one minute ``busy`` environments work 60,000 ms each, shared by the invocations."""
    return busy * 60_000 / invocations


def requests_per_environment(duration_ms):
    """Serve one after the other for a hundred seconds, and count."""
    return sum(1 for start in range(0, 100_000, duration_ms) if start + duration_ms <= 100_000) / 100


def served_by_default_account(limit, duration_ms):
    """All durations here are under 100 ms, where ten requests per second for each unit are the tighter limit."""
    assert duration_ms < 100
    return 10 * limit


def limit_for_short_requests(rate, duration_ms):
    assert duration_ms < 100
    return rate / 10


def limit_for_any_duration(rate, duration_ms):
    assert duration_ms / 2 < 100
    return rate / 10


def throttled_share(rate, duration_ms, limit):
    each = min(10, 1_000 / duration_ms)  # requests per second of one unit of concurrency
    return 100 * (rate - limit * each) / rate


def seconds_to_scale(environments):
    """Step by step: ten more environments every tenth of a second."""
    have, tenths = 1_000, 0
    while have < environments:
        have, tenths = have + 10, tenths + 1
    return tenths / 10


def seconds_to_scale_then_and_now(environments):
    """Minute by minute, the last one in part."""
    minutes, missing = divmod(environments - 3_000, 500)
    return minutes * 60 + missing / 500 * 60


def seconds_to_rate(rate):
    reached, seconds = 0, 0
    while reached < rate:
        reached, seconds = reached + 10_000, seconds + 10
    return seconds


def limit_with_headroom(rate, duration_ms):
    """The standard deviation of a Poisson count, summed from its probabilities."""
    mean = rate * duration_ms / 1_000
    spread = 0.0
    for count in range(int(mean + 12 * math.sqrt(mean))):
        spread += (count - mean) ** 2 * math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    return mean + 3 * math.sqrt(spread)


def throttled_at_the_mean(mean):
    """Erlang's formula B, by its recursion."""
    blocked = 1.0
    for servers in range(1, int(mean) + 1):
        blocked = mean * blocked / (servers + mean * blocked)
    return 100 * blocked


def slow_dependency(rate, slow_s):
    return rate * slow_s - rate / 10
