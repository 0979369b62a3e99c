"""The numeric questions of lesson 08 solved a second time, as ``second_ways.py`` tells."""

from __future__ import annotations

from itertools import product


def retries_multiply(client, service, sdk):
    """Make all the calls, and count."""
    return len(list(product(range(client), range(service), range(sdk))))


def longest_backoff(attempts):
    """One second, doubled from wait to wait, never above twenty; no wait after the last attempt."""
    wait, total = 1, 0
    for _ in range(attempts - 1):
        wait, total = min(2 * wait, 20), total + wait
    return total


def quota_stops_retries(clients):
    """Pay five of 500 tokens each time, while they last."""
    made = 0
    for _ in range(clients):
        tokens = 500
        while tokens >= 5:
            tokens, made = tokens - 5, made + 1
    return made


def attempts_under_failure(rate, percent, attempts):
    """Follow the requests from attempt to attempt: what fails comes again."""
    coming, total = rate, 0
    for _ in range(attempts):
        coming, total = coming * percent / 100, total + coming
    return total


def still_failing(percent, attempts):
    left = 100
    for _ in range(attempts):
        left = left * percent / 100
    return left


def call_longer_than_function(connect, read):
    """Three times: wait to connect, wait for the answer."""
    return sum([connect, read] * 3)


def callers_that_wait(callers, limit):
    """The callers hold theirs; what is left of the limit serves so many calls."""
    return callers - (limit - callers)


def waiting_is_billed(millions, wait_ms, memory_mb):
    """GB-seconds by hand, at the price of x86 in us-east-1."""
    return millions * 1_000_000 * (wait_ms / 1_000) * (memory_mb / 1_024) * 0.0000166667


def claimed_share(limit, running, reserved, provisioned):
    """What is left for others, taken from the whole."""
    return 100 - 100 * (limit - reserved - provisioned - running) / limit


def canary_failures(rate, share, minutes, percent):
    """Second by second."""
    return sum(rate * share * percent / 10_000 for _ in range(60 * minutes))
