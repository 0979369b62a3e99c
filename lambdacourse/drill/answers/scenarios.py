"""Answers in the mock interviews. Some are worked out from what the candidate said before: an estimate, or a design's knobs."""

from __future__ import annotations

import math

from lambdacourse.drill.answers.cost import month
from lambdacourse.drill.answers.queues import visibility_timeout
from lambdacourse.facts import fact
from lambdacourse.model.work import Work
from lambdacourse.pricing import crossing, fargate

API = Work(cpu=0.02, wait=0.08)
"""A request of the API in "we move everything to serverless"."""


def limit_for(environments: float, rate: float) -> float:
    """The concurrency limit for so many busy environments, and for so many requests per second, whichever asks for more."""
    return max(environments, rate / fact("rps_per_concurrency").value)


def invocations(rate: float, front: str, batch: float) -> float:
    """Invocations per second, at the least: one a report where it comes directly, else one a full batch."""
    return rate if front == "directly" else rate / batch


def busy(peak: float, each_s: float) -> float:
    """Environments that images of ``each_s`` seconds keep busy."""
    return peak * each_s


def handled(limit: float, others: float, each_s: float) -> float:
    """Images per second with the concurrency that the other functions leave."""
    return (limit - others) / each_s


def waiting(peak: float, handled: float) -> float:
    """Images that wait after a quarter of an hour of the peak."""
    return max(0.0, peak - handled) * 900


def drained(waiting: float, handled: float, quiet: float) -> float:
    """Minutes until they are done, while new ones come. Infinite where as many come as are handled."""
    return waiting / (handled - quiet) / 60 if handled > quiet else math.inf


def visibility(batch: float) -> float:
    """The visibility timeout in seconds that AWS advises for a function whose timeout is 5 s for each image of a batch."""
    return visibility_timeout(5 * batch, 0)


def sandboxes(rate: float, mean_ms: float) -> float:
    """Sandboxes that are busy at once."""
    return rate * mean_ms / 1_000


def workers(sandboxes: float, memory_mb: float, worker_gb: float) -> float:
    """Machines of ``worker_gb`` GB that hold so many sandboxes."""
    return sandboxes * memory_mb / 1_024 / worker_gb


def cold_percent(gap_min: float, keep_min: float) -> float:
    """Percent of calls at random times, one in ``gap_min`` minutes on average, that come after an idle time of ``keep_min``."""
    return 100 * math.exp(-keep_min / gap_min)


def cold_percent_rarer(keep: float) -> float:
    """The same for a function that is called every ten minutes, with ``keep`` seconds."""
    return cold_percent(10, keep / 60)


def requests(api_rate: float) -> float:
    """Requests in a month of 730 hours."""
    return api_rate * fact("hours_per_month").value * 3_600


def on_lambda(requests: float, duration_ms: float, memory_mb: float) -> float:
    """USD for so many requests on x86, without free tier."""
    return month(requests / 1e6, duration_ms, memory_mb)


def per_task() -> float:
    """Requests of the API per second that a Fargate task with one vCPU serves."""
    return fargate(1, 2).capacity(API)


def tasks(api_rate: float, per_task: float) -> float:
    """Tasks for one and a half times the API's mean."""
    return math.ceil(1.5 * api_rate / per_task)


def tasks_month(tasks: float) -> float:
    """USD a month of so many Fargate tasks with one vCPU and 2 GB."""
    return tasks * fargate(1, 2).price * fact("hours_per_month").value


def cheaper_from() -> float:
    """Requests of the API per second from which containers cost no more than a function with 1,024 MB."""
    return crossing(API, 1_024, fargate(1, 2), burstiness=1.5)
