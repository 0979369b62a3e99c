"""The compiled kernel and the plain-Python reference are one simulator, written twice."""

import numpy as np
import pytest
from engine_scenarios import assert_same_requests, by_reference, mixed_scenarios, plan_of, same_every_time, scenarios
from hypothesis import given

from lambdacourse import engine
from lambdacourse.engine import tally
from lambdacourse.model import (
    Account,
    Async,
    ColdStart,
    Downstream,
    Function,
    Retry,
    Sync,
    exponential,
    lognormal,
    poisson,
    spike,
    steady,
    trace,
)
from lambdacourse.simulation import Scenario

pytestmark = pytest.mark.skipif(not engine.is_compiled(), reason="numba is not there, or LAMBDACOURSE_ENGINE=reference")


def assert_agreement(scenario):
    """Kernel and reference agree on every request, every count in every bin, and every histogram."""
    plan = plan_of(scenario)
    compiled = engine.run(plan, record=True)
    expected = tally.count(by_reference(scenario), plan)
    assert_same_requests(expected.requests, compiled.requests)
    assert_same_requests(expected.history.settlements, compiled.history.settlements)
    assert_same_counts(expected, compiled)
    assert_same_counts(compiled, engine.run(plan), exactly=True)


def assert_same_counts(one, other, exactly=False):
    """The bins agree to 1e-9 (the last one, of what lies after the run, is nobody's) and the histograms exactly."""
    assert (one.bin_seconds, one.seconds) == (other.bin_seconds, other.seconds)
    left, right = one.bins[:, :-1], other.bins[:, :-1]
    tolerance = 0 if exactly else 1e-9
    wrong = ~np.isclose(left, right, rtol=tolerance, atol=tolerance)
    assert not wrong.any(), [(row, index, column) for row, index, column in np.argwhere(wrong)[:5].tolist()]
    assert np.array_equal(one.wait, other.wait) and np.array_equal(one.latency, other.latency)


@given(scenarios())
@same_every_time(400)
def test_kernel_agrees_with_reference(scenario):
    """On any small scenario, the kernel does to each request what the reference does, and counts it where that counts it."""
    assert_agreement(scenario)


@given(mixed_scenarios(rate=3.0, lengths=(121.0, 300.5, 500.0)))
@same_every_time(150)
def test_kernel_agrees_with_reference_on_all_triggers(scenario):
    """The same where each trigger may be of any kind, over long enough for events to be tried again and to become too old."""
    assert_agreement(scenario)


@given(scenarios(rate=3.0, lengths=(121.0, 300.5), most_functions=2))
@same_every_time(60)
def test_kernel_agrees_in_bins_of_a_second(scenario):
    """The same in runs of over two minutes, which are counted in bins of a second."""
    assert_agreement(scenario)


def test_kernel_agrees_in_bins_of_a_minute():
    """The same in a run of over 100,000 seconds, which is counted in bins of a minute."""
    slow = Function("slow", duration=exponential(40), idle_timeout=90, maximum_age=600)
    assert_agreement(Scenario((Sync(slow, poisson(0.02)),), seconds=100_030, warm_up=1_000, seed=3))


def test_kernel_agrees_on_crowds():
    """More environments than the kernel first has room for, in several bursts at one instant: it makes room and goes on."""
    crowd = Function("crowd", duration=lognormal(0.5, 4.0), idle_timeout=2)
    other = Function("other", duration=0.5, cold_start=ColdStart(init=exponential(0.2)))
    bursts = trace(np.repeat([0.0, 1.0, 1.5, 8.0], [700, 900, 300, 1_200]))
    triggers = (Sync(crowd, bursts), Sync(other, bursts), Sync(crowd, poisson(300)))
    assert_agreement(Scenario(triggers, Account(concurrency_limit=None, rps_per_concurrency=None), seconds=10, seed=5))
    assert_agreement(Scenario(triggers, Account(concurrency_limit=1_500), seconds=10, seed=5, warm_up=1))


def test_kernel_agrees_on_short_crowds():
    """Crowds of short calls, for which a mean concurrency says nothing: the kernel runs out of slots in the midst of a burst."""
    short = Function("short", duration=exponential(0.05), idle_timeout=3, cold_start=ColdStart(init=0), maximum_age=6)
    other = Function("other", duration=lognormal(0.03, 0.3), idle_timeout=20, cold_start=ColdStart(init=0))
    bursts = trace(np.repeat([0.5, 2.5, 5.0, 9.0], [1_300, 200, 2_000, 2_500]))
    triggers = (Sync(short, bursts), Sync(other, trace(np.repeat([2.0, 4.0, 7.0], [400, 900, 300]))))
    for account in (Account(concurrency_limit=None, scaling_rate=None), Account(concurrency_limit=3_000)):
        assert_agreement(Scenario(triggers, account, seconds=10, seed=6))


def test_kernel_agrees_after_a_silence():
    """Many calls that end one after the other while nothing arrives, for many of the calendar's years: still in that order."""
    quiet = Function("quiet", duration=lognormal(0.5, 20.0), idle_timeout=200, cold_start=ColdStart(init=0))
    bursts = trace(np.repeat([0.0, 70.0, 70.5, 95.0], [250, 40, 60, 200]))
    assert_agreement(Scenario((Sync(quiet, bursts),), Account(), seconds=100, seed=7))
    assert_agreement(Scenario((Sync(quiet, bursts), Sync(quiet, trace([50.0]))), Account(), seconds=100, seed=8))


def test_kernel_agrees_on_long_calls():
    """Calls that outlast the calendar's year many times, after a peak that made its days short."""
    long = Function("long", duration=lognormal(0.01, 30.0), idle_timeout=3)
    account = Account(concurrency_limit=None, scaling_rate=None)
    assert_agreement(Scenario((Sync(long, spike(3, 400, 5, 2)), Sync(long, steady(1))), account, seconds=100, seed=8))


def test_kernel_agrees_over_many_chunks():
    """More requests than fit into one chunk, in one flow, and in two that end their chunks at different times."""
    busy = Function("busy", duration=exponential(0.01), idle_timeout=0.05, error_rate=0.01, timeout=1)
    other = Function("other", duration=0.002, idle_timeout=0.05)
    triggers = (Sync(busy, poisson(4_000)), Sync(other, steady(3_000) + poisson(50)))
    assert_agreement(Scenario(triggers, Account(concurrency_limit=60, unreserved_minimum=0), seconds=10, seed=2))


def test_kernel_agrees_on_crowds_that_wait():
    """More that waits, more timers and more to note than the kernel first has room for: it makes room and goes on."""
    crowd = Function("crowd", duration=exponential(2), error_rate=0.4, provisioned_concurrency=30, idle_timeout=5)
    behind = Downstream("db", 40, "wait")
    other = Function("other", duration=lognormal(0.2, 2), downstream=behind, timeout=5, reserved_concurrency=60)
    triggers = (
        Async(crowd, trace(np.repeat([0.0, 1.0, 30.0], [3_000, 2_000, 4_000])), maximum_event_age=90),
        Sync(other, spike(50, 400, 5, 30), retry=Retry(4, clients=7)),
        Sync(crowd, poisson(20), retry=Retry(3, quota=None, on_errors=True)),
    )
    assert_agreement(Scenario(triggers, Account(concurrency_limit=300), seconds=115, seed=9, warm_up=2))
