"""Answers of lesson 02: what is reserved, what is provisioned, what it costs, how it is scaled."""

from __future__ import annotations

import math
from fractions import Fraction

from lambdacourse.drill.answers.concurrency import needed, rate_served
from lambdacourse.facts import fact
from lambdacourse.pricing import provisioned_break_even, provisioned_multiple


def lost_percent(shop: float, reports: float) -> float:
    """Percent of the requests throttled when both want more together than a default account has."""
    return 100 * (1 - fact("account_concurrency").value / (shop + reports))


def left_to_reserve(limit: float, first: float, second: float) -> float:
    """What a third function may reserve beside two others."""
    return limit - fact("unreserved_minimum").value - first - second


def left_for_others(reserved: float, inside: float, outside: float) -> float:
    """Concurrency of a default account that is neither reserved nor provisioned; ``inside`` is part of the reservation."""
    return fact("account_concurrency").value - max(reserved, inside) - outside


def spills_from(provisioned: float, duration_ms: float) -> float:
    """Requests per second above which requests spill over. The two limits are an account's, on a smaller scale."""
    return rate_served(provisioned, duration_ms)


def spilled_percent(rate: float, provisioned: float) -> float:
    """Percent of requests of 500 ms that do not fit on ``provisioned`` environments."""
    return 100 * (1 - provisioned / needed(rate, 500))


def seconds_to_allocate(provisioned: float) -> float:
    """Seconds in which Lambda allocates ``provisioned`` environments, beside the preparation."""
    return 60 * provisioned / fact("provisioned_allocation_rate").value


def idle_month(provisioned: float, memory_mb: float) -> float:
    """USD for a month of provisioned concurrency without a call."""
    return kept(provisioned * memory_mb / fact("mb_per_gb").value, fact("hours_per_month").value)


def kept(gb: float, hours: float) -> float:
    """USD for keeping ``gb`` GB of provisioned concurrency on x86 for ``hours`` hours."""
    return gb * hours * 3600 * fact("provisioned_price").value


def multiple(percent: float) -> float:
    """What duration costs on provisioned concurrency that is busy ``percent`` of the time, as a multiple of on-demand."""
    return provisioned_multiple(percent / 100)


def most_worth(busy: float) -> float:
    """Provisioned environments up to which ``busy`` ones on average cost no more than on demand."""
    return busy / provisioned_break_even()


def dearer_by(busy: float, provisioned: float) -> float:
    """USD a month that ``provisioned`` environments of 1 GB with ``busy`` busy on average cost more than on demand."""
    on_demand = busy * fact("hours_per_month").value * 3600 * fact("duration_price").value
    return on_demand * (provisioned_multiple(busy / provisioned) - 1)


def saved_by_schedule(provisioned: float, hours: float) -> float:
    """USD a month saved by keeping ``provisioned`` environments of 1 GB for ``hours`` hours on 22 days alone."""
    return kept(provisioned, fact("hours_per_month").value - 22 * hours)


def wanted(busy: float, allocated: float) -> float:
    """Environments that target tracking asks for: allocated x utilisation / target, rounded up."""
    target = Fraction(str(fact("autoscaling_target").value))
    return math.ceil(int(allocated) * Fraction(int(busy), int(allocated)) / target)
