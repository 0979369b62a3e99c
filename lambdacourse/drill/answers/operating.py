"""Answers of lesson 08: retries, what is claimed of an account, functions that wait for functions, a canary."""

from __future__ import annotations

from lambdacourse.model import Retry


def calls_of_layers(client: int, service: int, sdk: int) -> float:
    """Calls at the most that one request becomes, when each of three layers makes so many attempts."""
    return client * service * sdk


def longest_wait(attempts: int) -> float:
    """Seconds that an SDK waits at the longest between its attempts, when each is throttled."""
    retry = Retry(attempts)
    return sum(min(retry.maximum_delay, retry.throttle_base_delay * 2**number) for number in range(attempts - 1))


def retries_until_quota_ends(clients: int) -> float:
    """Retries after throttles that so many SDK clients make in all, when none succeeds."""
    return clients * Retry().quota // Retry().throttle_cost


def attempts_per_second(rate: float, percent: float, attempts: int) -> float:
    """Attempts per second, when ``percent`` of them fail at random and are tried again up to ``attempts`` in all."""
    failed = percent / 100
    return rate * (1 - failed**attempts) / (1 - failed)


def failed_for_good(percent: float, attempts: int) -> float:
    """Percent of requests whose attempts all fail, when ``percent`` of attempts fail at random."""
    return 100 * (percent / 100) ** attempts


def longest_call(connect: float, read: float) -> float:
    """Seconds that a call can take at the longest with an SDK's default attempts, the waits between them aside."""
    return Retry().attempts * (connect + read)


def throttled_calls(callers: int, limit: int) -> float:
    """Calls that are throttled, when ``callers`` at once each wait for a second function, in an account of ``limit``. Simulated."""
    from lambdacourse import Account, ColdStart, Function, Sync, simulate, trace

    plain = {"cold_start": ColdStart(init=0)}
    caller = Sync(Function("caller", duration=1.2, **plain), trace([0.0] * callers))
    callee = Sync(Function("callee", duration=1.0, **plain), trace([0.1] * callers))
    return simulate(caller, callee, account=Account(concurrency_limit=limit), seconds=10)["callee"].throttles


def paid_for_waiting(millions: int, wait_ms: int, memory_mb: int) -> float:
    """USD a month, without a free tier, for the milliseconds that a function of ``memory_mb`` MB waits in each request."""
    from lambdacourse.pricing import bill

    own_ms = 50
    waiting, alone = (bill(1_000_000 * millions, each, memory_mb, free_tier=False).total for each in (own_ms + wait_ms, own_ms))
    return waiting - alone


def claimed_percent(limit: float, running: float, reserved: float, provisioned: float) -> float:
    """ClaimedAccountConcurrency in percent of the limit; the provisioned concurrency is of functions without a reservation."""
    return 100 * (running + reserved + provisioned) / limit


def failed_in_canary(rate: float, share: float, minutes: float, percent: float) -> float:
    """Requests that fail before an alias goes back, which sends ``share`` percent to code that fails ``percent`` of them."""
    return rate * 60 * minutes * share / 100 * percent / 100
