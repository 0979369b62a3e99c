"""Every kind of trigger in one account: callers, events, a queue and a stream, some with the same function."""

import numpy as np
import pytest
from engine_scenarios import assert_same_requests, by_reference, functions, mixed_scenarios, plan_of, same_every_time
from engine_streams import mappings as stream_mappings
from engine_streams import streams
from hypothesis import given
from hypothesis import strategies as st
from queue_scenarios import mappings as queue_mappings

from lambdacourse import engine
from lambdacourse.engine import tally
from lambdacourse.engine.queueing import tally_queues
from lambdacourse.engine.streams import tally_streams
from lambdacourse.simulation import Scenario


@st.composite
def everything(draw):
    """A scenario of ``mixed_scenarios`` with a queue and a stream beside it, which two functions read, or one."""
    base = draw(mixed_scenarios(rate=4.0, lengths=(31.0, 61.0), most_functions=3))
    worker = draw(functions("worker", None))
    reader = draw(st.sampled_from([worker, draw(functions("reader", None))]))
    triggers = [
        *base.triggers,
        draw(queue_mappings(worker, "orders", base.seconds, 5.0)),
        draw(stream_mappings(reader, draw(streams("clicks", base.seconds, 15.0)), base.seconds)),
    ]
    draw(st.randoms(use_true_random=False)).shuffle(triggers)
    return Scenario(tuple(triggers), base.account, base.seconds, base.seed, base.warm_up)


PEAKS = [tally.BUSY_MAX, tally.ON_DEMAND_MAX, tally.CLAIMED_MAX, tally.PROVISIONED_BUSY_MAX]


def assert_agreement(scenario):
    """The same happens to each request, event, message, batch and record, and is counted in the same bins."""
    plan = plan_of(scenario)
    compiled, history = engine.run(plan, record=True), by_reference(scenario)
    expected = tally.count(history, plan)
    assert_same_requests(expected.requests, compiled.requests)
    assert_same_requests(history.settlements, compiled.history.settlements)
    assert_same_requests(history.messages, compiled.history.messages)
    left, right = expected.bins[:, :-1].copy(), compiled.bins[:, :-1].copy()
    # What ends on the edge of a bin, but for the rounding of floats, may be counted on either side of it.
    ends = (expected.requests.started + expected.requests.duration) / plan.bin_seconds
    edges = np.unique(np.round(ends[np.abs(ends - np.round(ends)) < 1e-6]).astype(int))
    for bins in (left, right):
        bins[:, edges[(edges >= 0) & (edges < bins.shape[1])][:, None], PEAKS] = 0
    wrong = ~np.isclose(left, right, rtol=1e-9, atol=1e-9)
    assert not wrong.any(), np.argwhere(wrong)[:5].tolist()
    queues = tally_queues(history, plan)
    assert np.allclose(queues.bins[:, :-1], compiled.queues.bins[:, :-1], rtol=1e-9, atol=1e-6)
    for one, other in zip(tally_streams(history, plan), compiled.streams, strict=True):
        assert_same_requests(one.batches, other.batches)
        assert_same_requests(one.records, other.records)
        assert np.allclose(one.bins[:-1], other.bins[:-1], rtol=1e-9, atol=1e-9) and one.backlog == other.backlog


@pytest.mark.skipif(not engine.is_compiled(), reason="numba is not there, or LAMBDACOURSE_ENGINE=reference")
@given(everything())
@same_every_time(60)
def test_kernel_agrees_with_reference_on_everything(scenario):
    """To each request, event, message and record the kernel does what the reference does."""
    assert_agreement(scenario)


@given(everything())
@same_every_time(60)
def test_nothing_is_lost_and_no_limit_is_exceeded(scenario):
    """Whatever came is in one final or pending state, whoever brought it; all together never run more than the limit."""
    run = scenario.run()
    for function in run:
        callers, events = function.callers, function.events
        for states in (callers, events):
            assert states.pending >= 0
        assert function.invocations >= max(function.errors, function.cold_starts)
        reserve = function.function.reserved_concurrency
        assert reserve is None or function.peak_concurrency <= reserve
    (orders,), (clicks,) = run.queues, run.streams
    if not scenario.warm_up:
        assert orders.sent == orders.deleted + orders.dead_lettered + orders.expired + orders.visible + orders.in_flight
    done = clicks.processed + clicks.delivered + clicks.dropped + clicks.expired + clicks.skipped
    assert clicks.pending_at_start + clicks.sent == done + clicks.pending
    limit = scenario.account.concurrency_limit
    most = run.metrics(run.tally.bin_seconds)["account", "ConcurrentExecutions", "Maximum"].max()
    assert limit is None or most <= limit


@given(everything())
@same_every_time(20)
def test_same_seed_same_run_of_everything(scenario):
    """The same seed gives the same run, to the last bit."""
    one, other = scenario.run().tally, scenario.run().tally
    assert np.array_equal(one.bins, other.bins) and np.array_equal(one.queues.bins, other.queues.bins)
    assert all(np.array_equal(a.bins, b.bins) for a, b in zip(one.streams, other.streams, strict=True))
