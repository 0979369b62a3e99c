"""The numeric questions of lesson 09 solved a second time, as ``second_ways.py`` tells."""

from __future__ import annotations

import math
from itertools import product

from second_ways import inside, turned_away


def hosts_for_a_burst(functions):
    """Add hosts, 1,500 microVMs each in the ten seconds, until all are started."""
    hosts, missing = 0, functions * 1_000
    while missing > 0:
        hosts, missing = hosts + 1, missing - 150 * 10
    return hosts


def mean_chunk_wait(worker, zone):
    """A million chunks, sorted into three heaps."""
    asked = 1_000_000 * (100 - worker) / 100
    from_zone = asked * zone / 100
    return (from_zone * 0.55 + (asked - from_zone) * 36) / 1_000_000


def image_traffic(starts, gb, percent):
    """Chunk by chunk, 2,048 in a GB: of each hundred that are read, 33 are not on the worker."""
    read = round(gb * 2_048 * percent / 100)
    fetched = sum(33 / 100 for _ in range(read))
    return starts * fetched / 2_048


def slow_with_a_spare_piece(percent):
    """All 32 ways in which five pieces can be fast or slow; slow are those with two slow pieces or more."""
    slow = percent / 100
    ways = product([True, False], repeat=5)
    return 100 * sum(math.prod(slow if piece else 1 - slow for piece in way) for way in ways if sum(way) >= 2)


def pooling_pays(customers):
    """Three standard deviations, each summed from the probabilities of a Poisson count."""

    def enough(mean):
        chances = (math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) for count in range(int(mean) * 3 + 60))
        return mean + 3 * math.sqrt(sum((count - mean) ** 2 * chance for count, chance in enumerate(chances)))

    return sum(enough(1) for _ in range(customers)) / enough(customers)


def microvms_on_a_worker(gb, memory_mb):
    """Start one after the other until the memory is used up."""
    left, started = gb * 1_024, 0
    while left >= memory_mb + 5:
        left, started = left - memory_mb - 5, started + 1
    return started


def tenants_at_once(concurrency, each):
    """Give each tenant its environments while there are some: two and a half for each unit of concurrency."""
    left, tenants = 5 * concurrency // 2, 0
    while left >= each:
        left, tenants = left - each, tenants + 1
    return tenants


def http_api_saves(millions):
    """$3.50 against $1.00."""
    return millions * 2.5


def canary_sees_nothing(percent, requests):
    """Request by request: what is left of the chance."""
    chance = 100.0
    for _ in range(requests):
        chance -= chance * percent / 100
    return chance


def rules_for_targets(targets):
    return len(range(0, targets, 5))


def fan_out_concurrency(events, subscribers, percent, duration_ms):
    """Count who is inside, subscriber by subscriber."""
    return sum(inside(events * percent / 100, duration_ms) for _ in range(subscribers))


def filter_saves(millions, percent, duration_ms, memory_mb):
    """The price of one invocation, as often as it is saved."""
    one = 0.20 / 1_000_000 + duration_ms / 1_000 * memory_mb / 1_024 * 0.0000166667
    return one * millions * 1_000_000 * (100 - percent) / 100


def workflow_bill(thousands, transitions):
    """Two and a half cents for a thousand transitions."""
    return thousands * transitions * 0.025


def writes_lost_for_now(rate, delay_ms):
    """Write by write, a second's worth, evenly apart: those younger than the delay."""
    return sum(1 for number in range(rate) if 1_000 * number / rate < delay_ms)


def failover_throttles(rate, duration_ms):
    """A tenth of it, request by request."""
    return turned_away(rate // 10, 100, duration_ms / 1_000)


def traces_a_minute(rate):
    """Second by second: the first is traced, of the others each twentieth."""
    return sum(1 + len(range(0, rate - 1, 20)) for _ in range(60))
