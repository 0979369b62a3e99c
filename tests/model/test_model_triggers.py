"""What callers, events, scaling and downstreams refuse: each message names the value, the rule and AWS's name for it."""

import re

import pytest

from lambdacourse.model import Account, Async, Downstream, Function, Retry, Schedule, Sync, TargetTracking, poisson

API = Function("api", duration=0.5)
TRAFFIC = poisson(10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Async(API, TRAFFIC, maximum_retry_attempts=3),
            "Async(maximum_retry_attempts=3: must be a whole number from 0 to 2",
        ),
        (lambda: Async(API, TRAFFIC, maximum_event_age=59), "from 60 to 21,600 (AWS::Lambda::EventInvokeConfig"),
        (lambda: Async(API, TRAFFIC, maximum_event_age=21_601), "MaximumEventAgeInSeconds"),
        (lambda: Async(API, TRAFFIC, qualifier="prod"), "None, '$LATEST'"),
        (lambda: Sync(API, TRAFFIC, qualifier="prod"), "None, '$LATEST'"),
        (lambda: Retry(0), "Retry(attempts=0: must be a whole number of attempts from 1 to 100"),
        (lambda: Retry(base_delay=-1), "Retry(base_delay=-1: must be a number of seconds, 0 or more"),
        (lambda: Retry(quota=-5), "the SDKs' retry quota"),
        (lambda: Retry(clients=0), "Retry(clients=0"),
        (lambda: Retry(jitter="full"), "Retry(jitter='full'"),
        (lambda: Downstream("db", 0), "Downstream('db', concurrency_limit=0"),
        (lambda: Downstream("db", 5, "queue"), "must be one of 'error', 'wait'"),
        (lambda: Downstream("db", 5, error_after=-1), "error_after=-1"),
        (lambda: Schedule(0, 5, 4), "Schedule(maximum=4: must be a whole number, at least the minimum (5)"),
        (lambda: TargetTracking(0, 0), "TargetTracking(maximum=0"),
        (lambda: TargetTracking(0, 5, statistic="Sum"), "'Average', 'Maximum'"),
        (lambda: Function("f", duration=1, provisioned_concurrency=-1), "AWS::Lambda::Alias ProvisionedConcurrentExecutions"),
        (lambda: Account(provisioned_delay=-1), "Account(provisioned_delay=-1"),
        (lambda: Account(provisioned_rate=0), "Account(provisioned_rate=0"),
    ],
)
def test_a_wrong_value(make, words):
    """Out of AWS's range, or without a meaning."""
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Async("api", TRAFFIC), 'must be a Function, such as Function("api", duration=0.5), not a str'),
        (lambda: Async(API, 10), "must be a traffic, such as poisson(1_000), not a int"),
        (lambda: Sync(API, TRAFFIC, retry=3), "must be a Retry, such as Retry(attempts=3), or None, not a int"),
        (lambda: Function("f", duration=1, downstream="db"), "must be a Downstream"),
        (lambda: Function("f", duration=1, provisioned_scaling=0.7), "a TargetTracking, a Schedule, or a tuple of them"),
    ],
)
def test_a_wrong_kind(make, words):
    """Something else than what is wanted."""
    with pytest.raises(TypeError, match=re.escape(words)):
        make()


def test_two_target_trackings():
    """A scalable target has one target tracking policy on its utilisation."""
    with pytest.raises(ValueError, match="only one TargetTracking"):
        Function("f", duration=1, provisioned_concurrency=2, provisioned_scaling=(TargetTracking(1, 5), TargetTracking(1, 6)))


def test_a_scaling_may_stand_alone():
    """One action is as good as a tuple of one."""
    action = Schedule(60, 5)
    assert Function("f", duration=1, provisioned_scaling=action) == Function("f", duration=1, provisioned_scaling=(action,))
