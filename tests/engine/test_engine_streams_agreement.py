"""The compiled kernel and the reference agree on streams, record by record and batch by batch."""

import numpy as np
import pytest
from engine_scenarios import assert_same_requests, plan_of, same_every_time
from engine_streams import QUICK, stream_scenarios
from hypothesis import given

from lambdacourse import engine
from lambdacourse.engine import reference, tally
from lambdacourse.engine.streams import tally_streams
from lambdacourse.model import EventSourceMapping, Function, KinesisStream, exponential, poisson
from lambdacourse.simulation import Scenario

pytestmark = pytest.mark.skipif(not engine.is_compiled(), reason="numba is not there, or LAMBDACOURSE_ENGINE=reference")


def assert_agreement(scenario):
    """The same requests, records, batches and counts; without recording, the same counts to the last bit."""
    plan = plan_of(scenario)
    compiled = engine.run(plan, record=True)
    history = reference.run(plan)
    expected = tally.count(history, plan)
    assert_same_requests(expected.requests, compiled.requests)
    wrong = ~np.isclose(expected.bins[:, :-1], compiled.bins[:, :-1], rtol=1e-9, atol=1e-9)
    assert not wrong.any(), np.argwhere(wrong)[:5].tolist()
    counted = engine.run(plan).streams
    for one, other, again in zip(tally_streams(history, plan), compiled.streams, counted, strict=True):
        assert_same_requests(one.batches, other.batches)
        assert_same_requests(one.records, other.records)
        wrong = ~np.isclose(one.bins[:-1], other.bins[:-1], rtol=1e-9, atol=1e-9)
        assert not wrong.any(), np.argwhere(wrong)[:5].tolist()
        assert np.array_equal(one.age, other.age) and np.array_equal(one.latency, other.latency)
        assert one.backlog == other.backlog == again.backlog
        assert np.array_equal(other.bins, again.bins) and np.array_equal(other.latency, again.latency)


@given(stream_scenarios())
@same_every_time(120)
def test_kernel_agrees_on_streams(scenario):
    """On any small scenario, the kernel does to each record what the reference does, and counts it where that counts it."""
    assert_agreement(scenario)


@given(stream_scenarios(rate=4.0, lengths=(130.0, 200.5)))
@same_every_time(25)
def test_kernel_agrees_on_streams_for_minutes(scenario):
    """The same for long enough that records are given up by age and tumbling windows close by themselves."""
    assert_agreement(scenario)


def test_kernel_agrees_over_many_chunks_of_records():
    """More records and more invocations than are drawn at a time, a backlog beyond the first room, and one that expires."""
    worker = Function("worker", duration=exponential(0.01), cold_start=QUICK, error_rate=0.1)
    clicks = KinesisStream("clicks", poisson(900) + poisson(1_500), shards=4, poison_at=20.0)
    one_by_one = EventSourceMapping(
        worker, clicks, batch_size=1, parallelization_factor=10, bisect_batch_on_function_error=True
    )
    assert_agreement(Scenario((one_by_one,), seconds=30, seed=1, warm_up=1))


def test_kernel_agrees_on_retention():
    """After a day, the stream lets records expire."""
    worker = Function("worker", duration=60, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(0.01), shards=2, poison_at=100.0)
    assert_agreement(Scenario((EventSourceMapping(worker, clicks, retry_wait=500.0),), seconds=100_000, seed=1))
