"""Answers of lesson 03: how many requests are cold, warmers, initialisation, SnapStart."""

from __future__ import annotations

import math

from lambdacourse.drill.answers.concurrency import needed
from lambdacourse.facts import fact
from lambdacourse.model.work import Work
from lambdacourse.pricing import charges


def cold_percent(rate: float) -> float:
    """Percent of random requests that are cold, at ``rate`` an hour and the course's idle time."""
    return 100 * math.exp(-rate / 3_600 * fact("idle_timeout").value)


def rate_for_share(percent: float) -> float:
    """Random requests a minute at which ``percent`` of them are cold."""
    return -60 * math.log(percent / 100) / fact("idle_timeout").value


def of_a_jump(rate: float, init_ms: float, duration_ms: float) -> float:
    """Cold starts until the first environment is free: all that arrive while it initialises and runs. Little's law."""
    return needed(rate, init_ms + duration_ms)


def pings(minutes: float) -> float:
    """Calls of a warmer in 30 days; the count of every 5 minutes is a fact."""
    return fact("warm_ping_count").value * 5 / minutes


def cold_in_a_burst(warm: float, people: float) -> float:
    """Requests of a burst that find no warm environment."""
    return max(0, people - warm)


def import_ms_in_handler(import_ms: float, memory_mb: float) -> float:
    """Milliseconds of computing in a handler with ``memory_mb`` MB."""
    return 1_000 * Work(cpu=import_ms / 1_000).duration(memory_mb)


def mean_ms(warm_ms: float, percent: float, extra_ms: float) -> float:
    """Mean duration in milliseconds when ``percent`` of the calls take ``extra_ms`` longer."""
    return warm_ms + extra_ms * percent / 100


def restores_month(memory_mb: float, thousands: float) -> float:
    """USD for restoring snapshots of ``memory_mb`` MB."""
    restored = thousands * 1_000 * memory_mb / fact("mb_per_gb").value
    return charges(snapstart_restore=restored, free_tier=False).total
