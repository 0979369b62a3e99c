"""The bill of a run is that of its requests, one by one."""

import numpy as np
import pytest

from lambdacourse import (
    ColdStart,
    EventSourceMapping,
    FifoQueue,
    Function,
    KinesisStream,
    SqsQueue,
    Sync,
    constant,
    exponential,
    poisson,
    simulate,
    steady,
)
from lambdacourse.pricing import bill


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_run_is_priced_request_by_request(architecture):
    """The bill of a run is the bill of each request that ran: rounded up by itself, cold ones with their initialisation."""
    api = Function("api", duration=exponential(0.2), memory_mb=512, architecture=architecture, cold_start=ColdStart(init=0.35))
    run = simulate(Sync(api, poisson(50)), seconds=60, seed=3, record=True)
    ran = run["api"].requests.query("outcome != 'throttled'").sort_values("cold", ascending=False)
    cold = int(ran.cold.sum())
    each = bill(
        len(ran),
        1000 * ran.duration.to_numpy(),
        512,
        architecture=architecture,
        cold_starts=cold,
        init_ms=1000 * ran.init.to_numpy()[:cold],
        free_tier=False,
    )
    assert cold > 5
    assert run.bill().total == pytest.approx(each.total, rel=1e-9)


def test_throttled_requests_cost_nothing():
    """A request that never ran is not on the bill; one that failed or timed out is."""
    failing = Function("failing", duration=1, error_rate=1, reserved_concurrency=1, cold_start=ColdStart(init=0))
    run = simulate(Sync(failing, steady(10)), seconds=100)
    assert run["failing"].throttles > 800
    assert run.bill().usage["requests"] == run["failing"].invocations == run["failing"].errors
    slow = Function("slow", duration=5, timeout=1, memory_mb=1024, cold_start=ColdStart(init=0))
    run = simulate(Sync(slow, steady(1)), seconds=10)
    assert run.bill().usage["duration_x86_64"] == run["slow"].invocations


def test_month_is_the_run_going_on():
    """A month is 730 hours of the same; the free tier, where asked for, comes off once."""
    run = simulate(Sync(Function("api", duration=constant(0.1), memory_mb=1024), steady(10)), seconds=600, warm_up=10)
    month = run.bill("month")
    assert month.total == pytest.approx(run.bill().total * 730 * 6)
    assert month.usage["requests"] == pytest.approx(10 * 730 * 3600, rel=1e-3)
    free = run.bill("month", free_tier=True)
    assert month.total - free.total == pytest.approx(0.2 + 400_000 * 0.0000166667)
    assert run.bill("day").total * 730 / 24 == pytest.approx(month.total)


def test_functions_share_a_bill():
    """Functions of one run are on one bill, each at its memory and architecture."""
    one = Function("one", duration=0.1, memory_mb=1024)
    two = Function("two", duration=0.1, memory_mb=2048, architecture="arm64")
    both = simulate(Sync(one, steady(10)), Sync(two, steady(5)), seconds=60, warm_up=5).bill()
    apart = [simulate(Sync(each, steady(rate)), seconds=60, warm_up=5).bill() for each, rate in ((one, 10), (two, 5))]
    assert both.total == pytest.approx(sum(apart).total)
    assert {"duration_x86_64", "duration_arm64"} <= set(both.usage)


def test_unknown_period_is_named():
    """A period that is none is answered with those that there are."""
    run = simulate(Sync(Function("api", duration=0.1), steady(1)), seconds=5)
    with pytest.raises(ValueError, match=r"period='year'.*'hour', 'day', 'month'"):
        run.bill("year")


def test_streams_are_on_the_bill(monkeypatch):
    """A Kinesis stream costs its shards by the hour, and its records in units of 25 KB."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    clicks = KinesisStream("clicks", steady(10), shards=3, record_kb=30)
    run = simulate(EventSourceMapping(Function("reader", duration=0.1), clicks), seconds=60)
    usage = {name: float(quantity) for name, quantity in run.bill().usage.items()}
    assert usage["shard_hours"] == pytest.approx(3 / 60)
    assert usage["put_units"] == 2 * run["clicks"].sent and run["clicks"].sent == pytest.approx(600, abs=1)
    assert usage["requests"] == run["reader"].invocations > 0
    assert float(run.bill("month").usage["shard_hours"]) == pytest.approx(3 * 730)


@pytest.mark.parametrize("queue, item", [(SqsQueue, "sqs_requests"), (FifoQueue, "fifo_requests")])
def test_queues_are_on_the_bill(monkeypatch, queue, item):
    """A message is sent by itself, and received and deleted with those of its batch: one by one three requests, in tens fewer."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    worker, orders = Function("worker", duration=0.1), queue("orders", steady(10))
    alone = simulate(EventSourceMapping(worker, orders, batch_size=1), seconds=30)
    usage = {name: float(quantity) for name, quantity in alone.bill().usage.items()}
    assert usage[item] == pytest.approx(3 * alone["orders"].sent, rel=0.03) and usage["requests"] > 280
    tens = simulate(EventSourceMapping(worker, orders, batch_size=10), seconds=30)
    assert tens["orders"].sent < float(tens.bill().usage[item]) <= float(alone.bill().usage[item])
    assert "poller_hours" not in usage


def test_provisioned_pollers_are_on_the_bill(monkeypatch):
    """Provisioned pollers are billed by the hour: two of them, where the load needs no more."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    mapping = EventSourceMapping(Function("worker", duration=0.1), SqsQueue("orders", steady(5)), minimum_pollers=2)
    usage = simulate(mapping, seconds=60).bill("hour").usage
    assert float(usage["poller_hours"]) == pytest.approx(2)


def test_duration_and_initialisation_are_apart():
    """What initialisation costs stands in a line of its own: here a quarter of the time of the calls that were all cold."""
    api = Function("api", duration=0.3, memory_mb=1024, idle_timeout=1, cold_start=ColdStart(init=0.1))
    made = simulate(Sync(api, steady(0.1)), seconds=100).bill()
    lines = {line.item: line.quantity for line in made.lines}
    assert np.isclose(lines["Initialisation, x86_64"] / lines["Duration, x86_64"], 1 / 3)


def test_provisioned_time_is_rounded_up_to_five_minutes():
    """A run of a minute keeps two environments and pays for five; going on like that for a month, there is nothing to round."""
    run = simulate(Function("api", duration=1, memory_mb=1024, provisioned_concurrency=2), seconds=60)
    assert float(run.bill().usage["provisioned_x86_64"]) == pytest.approx(2 * 300)
    assert float(run.bill("month").usage["provisioned_x86_64"]) == pytest.approx(2 * 730 * 3600)
    whole = simulate(Function("api", duration=1, memory_mb=1024, provisioned_concurrency=2), seconds=600)
    assert float(whole.bill().usage["provisioned_x86_64"]) == pytest.approx(2 * 600)


def test_empty_polls_are_said_to_be_left_out(monkeypatch):
    """A bill with a queue says that polls which find nothing are not in it; one without does not."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    worker = Function("worker", duration=0.1)
    queued = simulate(EventSourceMapping(worker, SqsQueue("orders", steady(10))), seconds=10).bill()
    assert any("polls" in words for words in queued.leaves_out)
    assert not any("polls" in words for words in simulate(Sync(worker, steady(1)), seconds=5).bill().leaves_out)
