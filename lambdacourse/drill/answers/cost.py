"""Answers of lesson 07: the bill, memory, what stands around, containers."""

from __future__ import annotations

from lambdacourse.facts import fact
from lambdacourse.model.work import Work
from lambdacourse.pricing import bill, charges, fargate
from lambdacourse.pricing.bills import billed_ms
from lambdacourse.pricing.breakeven import lambda_price


def month(millions: float, duration_ms: float, memory_mb: float) -> float:
    """USD a month on x86, without free tier."""
    return bill(int(millions * 1_000_000), duration_ms, int(memory_mb), free_tier=False).total


def billed(duration: float, init: float) -> float:
    """Milliseconds billed of a cold call."""
    return billed_ms(duration, init)


def init_percent(percent: float, init_ms: float, duration_ms: float) -> float:
    """By which percentage the duration line is higher with the initialisation of cold calls. Of a hundred thousand calls."""
    calls = 100_000
    cold = int(calls * percent / 100)
    warm = bill(calls, duration_ms, 1024, free_tier=False)
    both = bill(calls, duration_ms, 1024, init_ms=init_ms, cold_starts=cold, free_tier=False)
    requests = charges(requests=calls, free_tier=False).total
    return 100 * ((both.total - requests) / (warm.total - requests) - 1)


def duration_ms(wait_ms: float, cpu_ms: float, memory_mb: float) -> float:
    """Milliseconds of a request with ``memory_mb`` MB, in one thread."""
    return 1_000 * Work(cpu=cpu_ms / 1_000, wait=wait_ms / 1_000).duration(memory_mb)


def eight_times_memory(duration_ms: float) -> float:
    """How many times the bill of 128 MB is that of 1,024 MB, for what only waits."""
    work = Work(wait=duration_ms / 1_000)
    return lambda_price(work, 1024) / lambda_price(work, 128)


def arm64_percent(duration_ms: float, memory_mb: float) -> float:
    """Percent of the bill saved on arm64 when the calls take as long."""
    work = Work(wait=duration_ms / 1_000)
    return 100 * (1 - lambda_price(work, int(memory_mb), "arm64") / lambda_price(work, int(memory_mb)))


def side_by_side_percent(first: float, second: float) -> float:
    """Percent of the billed duration saved by waiting for two services at once, with 20 ms of computing beside."""
    return 100 * (1 - billed_ms(max(first, second) + 20) / billed_ms(first + second + 20))


def sqs_month(millions: float, batch: float) -> float:
    """USD for the SQS requests of messages sent one by one and handled in batches: one more request each to receive and delete."""
    each = 1 + (fact("sqs_requests_per_message").value - 1) / batch
    return charges(sqs_requests=millions * 1_000_000 * each, free_tier=False).total


def logs_month(millions: float, kb: float) -> float:
    """USD for taking in ``kb`` KB of logs of each request."""
    return charges(logs_gb=millions * 1_000_000 * kb / 1_024**2, free_tier=False).total


def millions_until_two_tasks(duration_ms: float, memory_mb: float) -> float:
    """Million requests a month from which Lambda costs more than two Fargate tasks of 1 vCPU and 2 GB."""
    tasks = 2 * fargate(1, 2).price * fact("hours_per_month").value
    return tasks / lambda_price(Work(wait=duration_ms / 1_000), int(memory_mb)) / 1_000_000


def millions_until_one_task(duration_ms: float, memory_mb: float) -> float:
    """The same with a single task."""
    return millions_until_two_tasks(duration_ms, memory_mb) / 2


def thousands_by_tiers(billions: float) -> float:
    """Thousands of USD for billions of GB-seconds on x86, by the tiers of the price list."""
    return charges(duration_x86_64=billions * 1_000_000_000, free_tier=False).total / 1_000
