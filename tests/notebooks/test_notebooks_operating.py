"""What the text of lesson 08 says in numbers is what the course computes."""

import math

import pytest

from lambdacourse import (
    Account,
    Alarm,
    ColdStart,
    Downstream,
    Function,
    Retry,
    Sync,
    fact,
    lognormal,
    poisson,
    simulate,
    spike,
    trace,
)


def test_storm():
    """Of 80 a second some forty are answered with one attempt; ten attempts at once halve that, waits and a quota do not."""
    database = {"timeout": 2, "reserved_concurrency": 200, "downstream": Downstream("db", 10, "wait")}
    api, traffic = Function("api", duration=lognormal(0.17, 0.6), **database), spike(10, 80, at=60, seconds=180)
    loop = Retry(10, base_delay=0, throttle_base_delay=0, jitter=False, quota=None, on_errors=True)
    retries = Retry(1), loop, Retry(3, base_delay=1, clients=10, on_errors=True)
    once, storm, cured = (simulate(Sync(api, traffic, via="alb", retry=each), seconds=400)["api"].callers for each in retries)
    assert (once.succeeded - 10 * 220) / 180 == pytest.approx(40, abs=3)
    assert storm.success_rate < 0.6 * once.success_rate and storm.attempts_per_request > 7
    assert cured.success_rate > 0.95 * once.success_rate and cured.attempts_per_request < 1.2


def test_alarm():
    """More than a quarter is turned away, Throttles goes off in the fourth minute, and Errors never does."""
    shop = Function("shop", duration=lognormal(0.17, 0.6), reserved_concurrency=10)
    run = simulate(Sync(shop, spike(10, 80, at=180, seconds=180), via="alb"), seconds=900)
    errors, throttles = (Alarm(metric, "Sum", 60, 1, 0, ">").evaluate(run).first_alarm for metric in ("Errors", "Throttles"))
    assert run["shop"].throttle_rate > 0.25 and math.isnan(errors) and throttles == 240


@pytest.mark.parametrize("crowd, refused", [(50, 0), (60, 20), (100, 100)])
def test_nested(crowd, refused):
    """Callers that wait hold the pool: of a limit of 100 they leave what they do not take themselves."""
    warm = {"cold_start": ColdStart(init=0)}
    caller = Sync(Function("caller", duration=1.2, **warm), trace([0.0] * crowd))
    callee = Sync(Function("callee", duration=1.0, **warm), trace([0.1] * crowd))
    run = simulate(caller, callee, account=Account(concurrency_limit=100), seconds=10)
    assert (run["caller"].throttles, run["callee"].throttles) == (0, refused)


def test_claims():
    """Six tries around four attempts are 24 calls; an alarm on one function sleeps while another fills the account."""
    assert 6 * fact("sdk_attempts_dynamodb").value == fact("double_retry_calls_v3").value
    first, other = (Sync(Function(name, duration=1), poisson(rate)) for name, rate in (("first", 200), ("other", 900)))
    run = simulate(first, other, seconds=300)
    alarm = Alarm("ConcurrentExecutions", "Maximum", 60, 1, 800, ">", resource="first").evaluate(run)
    assert run["first"].throttles > 1_000 and math.isnan(alarm.first_alarm)
