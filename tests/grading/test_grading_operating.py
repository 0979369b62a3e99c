"""Exercise 08's expected answers, against the simulator, AWS's numbers and how the cases were made."""

import math
import random

import numpy as np
import pytest

from lambdacourse.facts import fact
from lambdacourse.grading.exercises import operating
from lambdacourse.learner import Learner
from lambdacourse.model import Account, ColdStart, Function, Retry, Sync, trace
from lambdacourse.simulation import Alarm, simulate

WARM = {"cold_start": ColdStart(init=0)}


@pytest.mark.parametrize("attempts, tokens", [(4, None), (4, 100), (10, 100), (2, 500)])
def test_storm_is_what_the_simulator_sees(attempts, tokens):
    """Four clients send a function that is switched off 200 requests: as many attempts as their quotas allow."""
    off = Function("off", duration=1, reserved_concurrency=0)
    retry = Retry(attempts, quota=tokens, clients=4)
    run = simulate(Sync(off, trace([float(n) for n in range(200)]), retry=retry), seconds=600)
    assert operating._storm_factor(200, attempts, 4, tokens) == run["off"].callers.attempts_per_request


def test_calls_are_those_of_the_sources():
    """Six attempts around one call of DynamoDB: 24 calls with today's SDK, 66 with version 2."""
    now, before = fact("sdk_attempts_dynamodb").value, fact("sdk_v2_dynamodb_retries").value + 1
    calls = [operating.CALLS.checker.expected(1, 5, attempts) for attempts in (now, before)]
    assert calls == [fact("double_retry_calls_v3").value, fact("double_retry_calls_v2").value]


@pytest.mark.parametrize("callers", [10, 50, 51, 80, 100, 170])
def test_answers_are_those_of_the_simulator(callers):
    """Of callers at once, in an account of 100, as many are answered as second functions find an environment."""
    first = Sync(Function("first", duration=2, **WARM), trace([0.0] * callers))
    inside = min(callers, 100)
    second = Sync(Function("second", duration=1, **WARM), trace([0.5] * inside))
    run = simulate(first, second, account=Account(concurrency_limit=100, rps_per_concurrency=None), seconds=10)
    assert run["first"].invocations == inside
    assert operating._answered(callers, 100) == run["second"].invocations


@pytest.mark.parametrize("who", ["ada", "learner-8", "zoe_z"])
def test_the_metrics_tell_the_trouble_that_was_made(who):
    """The rule finds, from the figures alone, which trouble each simulation was given."""
    numbers = Learner(who).numbers("08-operating", "what_happened")
    for number in range(6):
        told = operating._what_happened(**operating._minutes(numbers, number))
        assert told == operating._trouble(numbers, number)


def test_throttles_come_as_they_were_made():
    """A day has as many throttles in each minute as was said, and no data point in a minute without a call."""
    day = operating._throttled(0, 3, None, 40, 0)
    assert list(day.metrics(60)["shop", "Throttles", "Sum"]) == [0, 3, 0, 40, 0]
    points = Alarm("Throttles", "Sum", 60, 1, 0, ">", resource="shop").evaluate(day).table["value"]
    assert [math.isnan(point) for point in points] == [False, False, True, False, False]


@pytest.mark.parametrize("comparison, threshold", [(">", 0), (">=", 1), (">", 0.5)])
def test_more_than_one_alarm_is_right(comparison, threshold):
    """Any throttle can be said in several ways, and the alarm may look back longer than it must."""

    def settings(flurry, within):
        return {
            "metric": "Throttles",
            "statistic": "Sum",
            "period": 60,
            "evaluation_periods": 3 * flurry + 1,
            "datapoints_to_alarm": flurry + 1,
            "threshold": threshold,
            "comparison": comparison,
            "treat_missing": "notBreaching",
        }

    own, held = (Learner("ada").numbers("08-operating", "throttle_alarm", seed=seed) for seed in ("a", "b"))
    assert all(part.ok for part in operating.ALARM_TASK.checker(settings, own, held))


def test_an_alarm_that_is_always_on_tells_nothing():
    """What breaches in every minute earns nothing: it is on before the trouble, and on good days."""
    always = dict.fromkeys(operating._ALARM_KEYS) | {
        "metric": "Throttles",
        "statistic": "Sum",
        "period": 60,
        "evaluation_periods": 1,
        "datapoints_to_alarm": 1,
        "threshold": 0,
        "comparison": ">=",
        "treat_missing": "breaching",
    }
    parts = operating.ALARM_TASK.checker(lambda flurry, within: always, Learner("ada").numbers("x"), None)
    assert [part.points for part in parts] == [0, 0] and "before the trouble begins" in parts[0].text


def test_waits_at_random_are_right_in_every_way_to_draw_them():
    """The product with a random share, and a uniform draw, are the same waits; forty learners draw them, and all are right."""
    draws = random.Random(8)

    def waits(attempts, throttled):
        base = fact("sdk_base_delay_throttle" if throttled else "sdk_base_delay").value
        return [draws.uniform(0, min(fact("sdk_delay_maximum").value, base * 2**n)) for n in range(attempts - 1)]

    for number in range(40):
        numbers = Learner(f"s{number}").numbers("08-operating", "retry_waits")
        assert all(part.ok for part in operating.WAITS.checker(waits, numbers, numbers))


def test_the_longest_waits_are_those_of_the_simulator():
    """A request that is throttled without jitter comes again after the waits that the task calls the longest."""
    off = Function("off", duration=1, reserved_concurrency=0)
    run = simulate(Sync(off, trace([0.0]), retry=Retry(8, jitter=False, quota=None)), seconds=200, record=True)
    assert np.diff(run["off"].requests.time) == pytest.approx([operating._longest(True, number) for number in range(7)])
