"""Queues: the compiled kernel and the plain-Python reference do the same to every message."""

import numpy as np
import pytest
from engine_scenarios import assert_same_requests, by_reference, plan_of, same_every_time
from hypothesis import given
from queue_scenarios import queue_scenarios
from test_engine_agreement import assert_same_counts

from lambdacourse import engine
from lambdacourse.engine import queueing, tally
from lambdacourse.model import (
    Account,
    ColdStart,
    EventSourceMapping,
    FifoQueue,
    Function,
    SqsQueue,
    exponential,
    poisson,
    steady,
)
from lambdacourse.simulation import Scenario

pytestmark = pytest.mark.skipif(not engine.is_compiled(), reason="numba is not there, or LAMBDACOURSE_ENGINE=reference")


def assert_agreement(scenario):
    """The same happens to each message and each batch, in the same order, and is counted in the same bins."""
    plan = plan_of(scenario)
    compiled, expected = engine.run(plan, record=True), by_reference(scenario)
    assert_same_requests(expected.messages, compiled.history.messages)
    assert_same_requests(expected.requests, compiled.requests)
    assert_same_counts(tally.count(expected, plan), compiled)
    counted = queueing.tally_queues(expected, plan)
    left, right = counted.bins[:, :-1], compiled.queues.bins[:, :-1]
    wrong = ~np.isclose(left, right, rtol=1e-9, atol=1e-6)
    assert not wrong.any(), np.argwhere(wrong)[:5].tolist()
    assert np.array_equal(counted.wait, compiled.queues.wait) and np.array_equal(counted.latency, compiled.queues.latency)
    unrecorded = engine.run(plan).queues
    assert unrecorded.messages is None and np.array_equal(unrecorded.bins, compiled.queues.bins)


@given(queue_scenarios())
@same_every_time(80)
def test_kernel_agrees_with_reference_on_queues(scenario):
    """On any small scenario with queues."""
    assert_agreement(scenario)


@pytest.mark.parametrize("kind", [SqsQueue, FifoQueue])
def test_kernel_agrees_on_a_deep_queue(kind):
    """More messages than fit into a chunk wait, from two senders, and some fail."""
    groups = {"message_groups": 400} if kind is FifoQueue else {}
    queue = kind("orders", poisson(300) + steady(50), visibility_timeout=5, poison_rate=0.01, max_receive_count=2, **groups)
    worker = Function("worker", duration=exponential(0.5), cold_start=ColdStart(init=0.1), error_rate=0.05)
    mapping = EventSourceMapping(worker, queue, batch_size=2, maximum_concurrency=50)
    assert_agreement(Scenario((mapping,), Account(), seconds=130, seed=3))


def test_kernel_agrees_on_large_batches():
    """Batches of thousands, gathered in a window, more than the history's room."""
    queue = SqsQueue("orders", poisson(2_000), visibility_timeout=30, message_kb=0.5, poison_rate=0.0001)
    mapping = EventSourceMapping(Function("worker", duration=3), queue, batch_size=5_000, batching_window=2)
    assert_agreement(Scenario((mapping,), Account(), seconds=40, seed=1))
