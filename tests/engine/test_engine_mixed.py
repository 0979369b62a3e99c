"""Every trigger at once in one account: what must always hold, and that kernel and reference do the same."""

import heapq
from dataclasses import replace

import numpy as np
import pytest
from engine_scenarios import (
    accounts,
    assert_same_requests,
    asynchronous,
    by_reference,
    functions,
    plan_of,
    provisioned_functions,
    retries,
    same_every_time,
    single_traffics,
)
from engine_streams import mappings as stream_mappings
from engine_streams import streams
from hypothesis import given
from hypothesis import strategies as st
from queue_scenarios import mappings as queue_mappings
from test_engine_agreement import assert_same_counts

from lambdacourse import engine
from lambdacourse.engine import queueing, tally
from lambdacourse.engine.history import THROTTLED
from lambdacourse.engine.plan import INSTANT
from lambdacourse.engine.streams import tally_streams
from lambdacourse.model import Sync
from lambdacourse.simulation import Scenario

RATE = 3.0


@st.composite
def everything(draw, lengths=(15.0, 125.0)):
    """Three functions, one perhaps provisioned, one perhaps reserved; each is invoked by up to all kinds of triggers."""
    seconds = draw(st.sampled_from(lengths))
    reserved = draw(st.sampled_from([None, None, 0, 1, 3]))
    account = draw(accounts(least=(reserved or 0) + 3))
    account = replace(account, provisioned_delay=draw(st.sampled_from([0.0, 1.0, 90.0])))
    api, worker, reader = (draw(functions(name, reserve)) for name, reserve in (("f0", None), ("f1", reserved), ("f2", None)))
    if draw(st.booleans()):
        api = draw(provisioned_functions(api, 3))
    traffic = single_traffics(seconds, RATE)
    sync, retrying = Sync(api, draw(traffic)), Sync(worker, draw(traffic), retry=draw(retries()))
    triggers = [sync, retrying, draw(asynchronous(api, draw(traffic))), draw(asynchronous(worker, draw(traffic)))]
    triggers += [draw(queue_mappings(function, name, seconds, RATE)) for function, name in ((worker, "q0"), (reader, "q1"))]
    triggers += [
        draw(stream_mappings(each, draw(streams(name, seconds, RATE)), seconds)) for each, name in ((reader, "s0"), (api, "s1"))
    ]
    chosen = draw(st.lists(st.sampled_from(triggers), min_size=3, unique_by=id))
    return Scenario(tuple(chosen), account, seconds, draw(st.integers(0, 99)), draw(st.sampled_from([0.0, 0.0, 3.7])))


@given(everything())
@same_every_time(25)
def test_all_that_came_is_in_one_place(scenario):
    """Requests, events, messages and records: each is in exactly one final or pending state."""
    run = scenario.run()
    for result in run:
        callers, events = result.callers, result.events
        assert min(callers.pending, events.pending, result.pending) >= 0
        if scenario.warm_up == 0:
            assert callers.requests == callers.succeeded + callers.failed + callers.throttled + callers.pending
            assert events.received == events.succeeded + events.delivered + events.dropped + events.pending
    for queue in run.queues:
        ended = queue.deleted + queue.dead_lettered + queue.expired
        assert queue.at_start + queue.sent == ended + queue.in_flight + queue.visible
    for stream in run.streams:
        ended = stream.processed + stream.delivered + stream.dropped + stream.expired + stream.skipped
        assert stream.pending_at_start + len(stream.mappings) * stream.sent == ended + stream.pending


@given(everything())
@same_every_time(25)
def test_no_limit_is_exceeded(scenario):
    """At no moment do more run on demand than a pool has; nor in the account, but for what provisioned concurrency found running there."""
    run = scenario.run(record=True)
    kept, limit = run.tally.requests, scenario.account.concurrency_limit or np.inf
    claimed = run.tally.history.allocations.time
    reserves = [function.reserved_concurrency for function in run.functions]
    shared = limit - sum(reserve or 0 for reserve in reserves)
    busy, running = [0] * len(reserves), []
    columns = (kept.function, kept.time, kept.outcome, kept.started + kept.duration, kept.provisioned)
    for row, time, outcome, end, provisioned in zip(*(column.tolist() for column in columns), strict=True):
        while running and running[0][0] <= time + INSTANT:
            busy[heapq.heappop(running)[1]] -= 1
        if outcome < THROTTLED:
            busy[row] += 1
            heapq.heappush(running, (end, row, time, provisioned))
            before = claimed[claimed <= time].max(initial=-np.inf)
            found = sum(begun <= before and not on_provisioned for _, _, begun, on_provisioned in running)
            assert sum(busy) <= limit + found
            if provisioned:
                continue
            in_pool = sum(count for count, reserve in zip(busy, reserves, strict=True) if reserve is None)
            assert in_pool <= shared if reserves[row] is None else busy[row] <= reserves[row]


@pytest.mark.skipif(not engine.is_compiled(), reason="numba is not there, or LAMBDACOURSE_ENGINE=reference")
@given(everything())
@same_every_time(25)
def test_kernel_agrees_on_everything_at_once(scenario):
    """Request by request, message by message and record by record; and the same again from the same seed."""
    plan = plan_of(scenario)
    compiled, expected = engine.run(plan, record=True), by_reference(scenario)
    assert_same_requests(expected.requests, compiled.requests)
    assert_same_requests(expected.settlements, compiled.history.settlements)
    assert_same_requests(expected.messages, compiled.history.messages)
    assert_same_counts(tally.count(expected, plan), compiled)
    for one, other in zip(tally_streams(expected, plan), compiled.streams, strict=True):
        assert_same_requests(one.records, other.records)
        assert_same_requests(one.batches, other.batches)
    if plan.queues:
        counted = queueing.tally_queues(expected, plan)
        assert np.allclose(counted.bins[:, :-1], compiled.queues.bins[:, :-1], rtol=1e-9, atol=1e-6)
    assert_same_counts(compiled, engine.run(plan), exactly=True)
