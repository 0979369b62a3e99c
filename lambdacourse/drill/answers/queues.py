"""Answers of lesson 05: asynchronous events, pollers, backlogs, dead letters, order."""

from __future__ import annotations

import math
from fractions import Fraction

from lambdacourse.facts import fact


def seconds_until_given_up(duration: float) -> float:
    """Seconds from the first invocation of an asynchronous event that always fails after ``duration`` s to its end."""
    waits = [fact(name).value for name in ("async_retry_wait_1", "async_retry_wait_2")][: fact("async_retries").value]
    return duration + sum(wait + duration for wait in waits)


def handled(concurrency: float, batch: float, each_ms: float) -> float:
    """Messages per second that ``concurrency`` batches at a time handle, one message after the other."""
    seconds_per_batch = batch * each_ms / 1_000
    return concurrency * batch / seconds_per_batch


def backlog(hours: float, sent: float, concurrency: float) -> float:
    """Messages of 2 s each that wait after ``hours`` hours of ``sent`` per second."""
    return (sent - handled(concurrency, 1, 2_000)) * hours * 3_600


def hours_to_drain(millions: float, handled: float, sent: float) -> float:
    """Hours until a backlog is gone, at messages per second handled and still sent."""
    return millions * 1e6 / (handled - sent) / 3_600


def hours_of_waiting(millions: float, handled: float, sent: float) -> float:
    """Hours that a message waits behind a backlog; what is ``sent`` after it stands behind it."""
    return hours_to_drain(millions, handled, 0)


def seconds_to_poll(concurrency: float) -> float:
    """Seconds until the pollers of a flooded standard queue run ``concurrency`` batches at a time."""
    return 60 * max(0, concurrency - fact("sqs_pollers_start").value) / fact("sqs_pollers_ramp").value


def pollers(rate: float, duration: float) -> float:
    """Provisioned pollers for ``rate`` small messages a second, one to a batch, of ``duration`` s each."""
    return math.ceil(Fraction(rate) * Fraction(duration) / fact("sqs_poller_concurrency").value)


def visibility_timeout(timeout: float, window: float) -> float:
    """The visibility timeout in seconds that AWS advises."""
    return fact("sqs_visibility_rule").value * timeout + window


def seconds_to_dead_letter(visibility: float, receives: float) -> float:
    """Seconds from the first receive of a message that always fails to its move: each receive hides it once."""
    return visibility * receives


def failing_batches_percent(percent: float, batch: float) -> float:
    """Percent of batches in which at least one message fails."""
    return 100 * (1 - (1 - percent / 100) ** batch)


def handled_in_order(groups: float, reserved: float, each_ms: float) -> float:
    """Messages per second of a FIFO queue: one batch of each group at a time, as far as the function may run."""
    return handled(min(groups, reserved), 1, each_ms)
