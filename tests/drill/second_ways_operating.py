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
    """All outcomes of ten equally likely ones each: count those of which every attempt is among the failing."""
    outcomes = list(product(range(10), repeat=attempts))
    return 100 * sum(all(each < percent / 10 for each in outcome) for outcome in outcomes) / len(outcomes)


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
    """Number the limit's units, and strike out what is taken."""
    units = iter(range(limit))
    for taken in (reserved, provisioned, running):
        for _ in range(taken):
            next(units)
    return 100 * (limit - len(list(units))) / limit


def canary_failures(rate, share, minutes, percent):
    """Request by request: so many of a hundred go to the new code, and so many of a hundred there fail."""
    to_new = failed = 0
    for number in range(rate * 60 * minutes):
        if number % 100 < share:
            failed += to_new % 100 < percent
            to_new += 1
    return failed
