"""Exercise 09's expected answers, against the simulator, against exercise 05, and against sums done by hand."""

import pytest

from lambdacourse.grading.exercises import pipeline, queues
from lambdacourse.learner import Learner
from lambdacourse.model import ColdStart, EventSourceMapping, Function, SqsQueue, poisson, spike, steady
from lambdacourse.simulation import simulate

EXERCISE = "09-design-image-pipeline"


def expected(task):
    """What a task of the exercise takes for right."""
    return task.checker.expected


def test_the_account_gives_900():
    """The example of the source lesson: 900 of 1,000 may be reserved, and handle 450 images of 2 s each second."""
    assert expected(pipeline.HANDLED)(uploads=1_000, seconds=2, account_limit=1_000) == 450
    assert expected(pipeline.HANDLED)(uploads=1_000, seconds=2, account_limit=2_100) == 625  # where one mapping ends


@pytest.mark.parametrize("minutes", [1, 5])
def test_what_waits_waits_in_the_simulator(minutes):
    """The flow of images, ramp and level, is what the simulated queue holds: within what is just being handled."""
    uploads, seconds, at_a_time = 250, 2, 400
    resize = Function("resize", duration=seconds, cold_start=ColdStart(init=0))
    queue = SqsQueue("uploads", steady(uploads), visibility_timeout=90)
    run = simulate(EventSourceMapping(resize, queue, batch_size=1, maximum_concurrency=at_a_time), seconds=60 * minutes)
    waiting = expected(pipeline.WAITING)(uploads=uploads, minutes=minutes, seconds=seconds, at_a_time=at_a_time)
    assert abs(run["uploads"].visible - waiting) <= at_a_time


def _simulated(case):
    """One such day, and two, at a thousandth of their size and ten times as slow: few images, and as many at a time."""
    day = 86_400
    uploads = spike(case["quiet"] / 1_000, case["peak"] / 1_000, at=0, seconds=case["peak_hours"] * 3600)
    again = spike(0, (case["peak"] - case["quiet"]) / 1_000, at=day, seconds=case["peak_hours"] * 3600)
    resize = Function("resize", duration=20, cold_start=ColdStart(init=0))
    runs = []
    for seconds in (day, 2 * day):
        queue = SqsQueue("uploads", uploads + again, retention=case["retention_hours"] * 3600)
        mapping = EventSourceMapping(resize, queue, batch_size=1, maximum_concurrency=case["handled"] // 50)
        runs.append(simulate(mapping, seconds=seconds)["uploads"])
    return runs


@pytest.mark.parametrize("number", range(4))
def test_a_day_is_what_the_simulator_says(number):
    """Images expire where they are said to be lost; the backlog of the second night is larger where it is said to fall behind."""
    case = pipeline._a_day(Learner("ada").numbers(EXERCISE, "after_a_day"), number)
    one, two = _simulated(case)
    said = expected(pipeline.DAY)(**case)
    assert (one.expired > 0) == (said == "loses images")
    assert (two.visible > one.visible + 100) == (said == "falls behind")
    # A peak that is just handled has its queue, as peaks at random have: not thousands.
    assert (one.peak_backlog > 500) == (said != "keeps up")


@pytest.mark.parametrize("number", range(6))
def test_the_least_that_is_empty_in_time(number):
    """By exercise 05's sum the queue is empty in time with so many at a time, and not with one fewer."""
    case = pipeline._deadline(Learner("grace").numbers(EXERCISE, "at_a_time_for"), number)
    least = expected(pipeline.AT_A_TIME)(**case)
    hours = [
        queues._hours_to_drain(case["peak"], case["peak_hours"], at_a_time / case["seconds"], case["quiet"])
        for at_a_time in (least, least - 1)
    ]
    assert hours[0] <= case["hours"] + 1e-9 and not 0 <= hours[1] <= case["hours"]


@pytest.mark.parametrize(
    "cause, function, poison_rate",
    [
        ("throttling", {"duration": 20, "reserved_concurrency": 2, "timeout": 25}, 0.0),
        ("broken images", {"duration": 1, "timeout": 25}, 0.1),
        ("time-outs", {"duration": 30, "timeout": 25}, 0.0),
    ],
)
def test_the_cause_of_death_is_what_was_done(cause, function, poison_rate):
    """Throttled, broken or too slow: the metrics of a simulated night tell which."""
    resize = Function("resize", cold_start=ColdStart(init=0), **function)
    queue = SqsQueue("uploads", poisson(1), visibility_timeout=30, max_receive_count=3, poison_rate=poison_rate)
    run = simulate(EventSourceMapping(resize, queue, batch_size=1), seconds=3_600)
    figures = {"errors": run["resize"].errors, "throttles": run["resize"].throttles, "dead": run["uploads"].dead_lettered}
    longest = min(function["duration"], function["timeout"]) * 1_000
    assert figures["dead"] > 100
    assert expected(pipeline.WHY_DEAD)(max_receive_count=3, **figures, longest_ms=longest, timeout_ms=25_000) == cause


def test_the_month_of_the_source_lesson():
    """760.32 million images of 2 s and 2 GB: 50,688.10 of duration, 152.06 of requests, and the 912.38 that it left out."""
    month = expected(pipeline.COST)(
        peak=1_000, peak_hours=8, quiet=100, days=22, seconds=2, memory_mb=2048, architecture="x86_64", batch_size=1
    )
    assert month == pytest.approx(50_688.10 + 152.06 + 912.38, abs=0.02)


@pytest.mark.parametrize("who", ["ada", "learner-8", "zoe_z"])
def test_the_design_to_compare_with_keeps_its_promises(who):
    """Both of a learner's pipelines can be had: the wait has room to spare, nothing good dies, no receive is wasted."""
    for number in range(2):
        case = pipeline._pipeline(Learner(who).numbers(EXERCISE, "pipeline_design"), number)
        found = pipeline._outcome(tuple(case.items()), tuple(pipeline._good_design(case).items()))
        assert found.wait < 0.7 * case["promise"] and found.in_time and 0 < found.dead < 0.007 and found.wasted == 0


def test_both_kinds_of_pipeline_come():
    """Of two pipelines in turn one is patient, and one in a hurry."""
    numbers = Learner("ada").numbers(EXERCISE, "pipeline_design")
    assert {pipeline._pipeline(numbers, number)["promise"] for number in range(2)} == {2, 60}
