"""Exercise 02's expected answers, against AWS's own examples and against how the cases were made."""

import pytest

from lambdacourse.facts import fact
from lambdacourse.grading.exercises import provisioned
from lambdacourse.learner import Learner


def expected(task):
    """What a task of the exercise takes for right."""
    return task.checker.expected


def test_buffer_is_that_of_aws():
    """AWS's example: a peak of 200 wants 220 provisioned."""
    assert expected(provisioned.NEEDED)(rate=200, duration_ms=1000) == fact("provisioned_buffer_example").value


def test_readiness_costs_what_aws_says():
    """100 environments of 1 GB, kept for a month while nobody calls, cost 1,095 dollars."""
    hundred = expected(provisioned.COST)(provisioned=100, hours=730, memory_mb=1024, utilisation=0.0)
    assert hundred == pytest.approx(fact("provisioned_100_gb_month").value, rel=1e-4)


def test_target_tracking_wants_what_aws_says():
    """200 busy at a target of 70 % want 286, 900 want 1,286."""
    wanted = [expected(provisioned.SCALED)(busy, busy, 0.7, 2_000) for busy in (200, 900)]
    assert wanted == [fact("autoscaling_wanted_for_200").value, fact("autoscaling_wanted_for_900").value]


@pytest.mark.parametrize("who", ["ada", "learner-8", "zoe_z"])
def test_the_metrics_tell_the_trouble_that_was_made(who):
    """The rule finds, from the figures alone, which trouble each simulation was given."""
    numbers = Learner(who).numbers("02-reserved-and-provisioned", "whats_wrong")
    for number in range(4):
        assert provisioned._whats_wrong(**provisioned._figures(numbers, number)) == provisioned._made(numbers, number)[0]
