"""What must hold for streams in every run, and what can be worked out about them without a simulation."""

import math

import numpy as np
import pytest
from engine_scenarios import same_every_time
from engine_streams import QUICK, stream_scenarios
from hypothesis import given

from lambdacourse import (
    Account,
    DynamoDbStream,
    EventSourceMapping,
    Function,
    KinesisStream,
    exponential,
    poisson,
    simulate,
    steady,
)  # fmt: skip
from lambdacourse.facts import fact

# What must hold in every run


@given(stream_scenarios())
@same_every_time(60)
def test_every_record_is_in_exactly_one_state(scenario):
    """For each mapping: what was there and what came is processed, delivered, dropped, expired, skipped or pending."""
    run = scenario.run()
    for stream in run.streams:
        for mapping in stream.mappings:
            one = stream.of(mapping.function.name)
            done = one.processed + one.delivered + one.dropped + one.expired + one.skipped
            assert one.pending_at_start + one.sent == done + one.pending
            assert min(one.pending_at_start, one.pending, one.repeated) >= 0
            assert one.peak_backlog >= max(one.pending, one.pending_at_start)


@given(stream_scenarios())
@same_every_time(60)
def test_order_is_kept_in_each_lane(scenario):
    """In a lane, and so for each key, batches are handed over in order, and no record is done with before those sent before it."""
    for stream in scenario.run(record=True).streams:
        for mapping in stream.mappings:
            one = stream.of(mapping.function.name)
            records = one.records[~one.records.state.isin(["refused", "skipped"])]
            for _, lane in records.groupby(["shard", "lane"]):
                ends = lane.end.fillna(math.inf).to_numpy()
                assert (ends[1:] >= ends[:-1]).all()
            handed = one.batches[(one.batches.outcome != "throttled") & ~one.batches.repeat & (one.batches["size"] > 0)]
            for _, lane in handed.groupby(["shard", "lane"]):
                assert (lane["first"].diff().dropna() > 0).all()


@given(stream_scenarios())
@same_every_time(60)
def test_batches_keep_their_limits(scenario):
    """No batch has more records than its size or the payload allows, no lane two at a time, no function more than its lanes."""
    run = scenario.run(record=True)
    for stream in run.streams:
        for mapping in stream.mappings:
            one = stream.of(mapping.function.name)
            most = min(mapping.batch_size, int(fact("batch_payload").value * 1024 / stream.stream.record_kb))
            assert one.batches["size"].max() <= most or one.batches.empty
            assert (
                one.batches.attempt <= (mapping.maximum_retry_attempts if mapping.maximum_retry_attempts is not None else 1e9)
            ).all()
        readers = [mapping.function.name for each in run.streams for mapping in each.mappings]
    for name in set(readers):
        lanes = sum(
            mapping.source.shards * mapping.parallelization_factor
            for each in run.streams
            for mapping in each.mappings
            if mapping.function.name == name
        )
        assert run[name].peak_concurrency <= lanes


@given(stream_scenarios())
@same_every_time(20)
def test_the_same_seed_gives_the_same_run(scenario):
    """Twice the same scenario is twice the same run."""
    for one, other in zip(scenario.run().streams, scenario.run().streams, strict=True):
        assert all(np.array_equal(a.bins, b.bins) for a, b in zip(one._tallies, other._tallies, strict=True))


def test_at_least_once_is_counted():
    """What is handed over is what was handed over first, and again."""
    worker = Function("worker", duration=0.1, error_rate=0.3, cold_start=QUICK)
    run = simulate(EventSourceMapping(worker, KinesisStream("clicks", poisson(100), shards=2)), seconds=300, record=True)
    records = run["clicks"].records
    assert run["clicks"].handed == records.handed.sum()
    assert run["clicks"].repeated == (records.handed - 1).clip(lower=0).sum() > 0


def test_moving_a_setting_of_the_mapping_leaves_the_records_alone():
    """Batch size, factor and retries do not change what is sent, nor to which shard."""
    worker = Function("worker", duration=exponential(0.1), cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(200), shards=4, poison_rate=0.001)
    runs = [
        simulate(EventSourceMapping(worker, clicks, **settings), seconds=60, record=True)["clicks"].records
        for settings in ({}, {"batch_size": 7, "parallelization_factor": 3, "maximum_retry_attempts": 1})
    ]
    for name in ("time", "shard", "poison"):
        assert runs[0][name].equals(runs[1][name])


def test_more_shards_keep_the_records():
    """The number of shards changes where records are stored, not when they are sent or which are poison."""
    worker = Function("worker", duration=0.1, cold_start=QUICK)
    few, many = (
        simulate(
            EventSourceMapping(worker, KinesisStream("clicks", poisson(200), shards=shards, poison_rate=0.01)), record=True
        )
        for shards in (2, 8)
    )
    assert few["clicks"].records.time.equals(many["clicks"].records.time)
    assert few["clicks"].records.poison.equals(many["clicks"].records.poison)


# Worked out beforehand


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_throughput_of_a_lane_is_batch_over_duration(factor):
    """With a backlog, one shard processes factor × batch size ÷ duration records a second."""
    worker = Function("worker", duration=0.5, cold_start=QUICK)
    mapping = EventSourceMapping(worker, KinesisStream("clicks", steady(950)), batch_size=50, parallelization_factor=factor)
    run = simulate(mapping, seconds=300, warm_up=20)
    assert run["clicks"].processed / 300 == pytest.approx(factor * 50 / 0.5, rel=0.01)


def test_a_slow_shard_falls_behind_as_a_fluid_would():
    """1,000 records a second come and 800 are processed: after 300 s, 60,000 wait, and the iterator age is a fifth of the time."""
    worker = Function("worker", duration=0.5, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(1_000), shards=4)
    run = simulate(EventSourceMapping(worker, clicks, batch_size=100), seconds=300, seed=3)
    assert run["clicks"].pending == pytest.approx(60_000, rel=0.03)
    assert run["clicks"].peak_iterator_age == pytest.approx(60, rel=0.05)


def test_a_blocked_shards_age_grows_by_a_second_a_second():
    """CloudWatch's maximum of IteratorAge rises by 60,000 ms a minute while a poison record blocks a shard."""
    worker = Function("worker", duration=0.1, cold_start=QUICK)
    run = simulate(EventSourceMapping(worker, KinesisStream("clicks", poisson(50), shards=2, poison_at=0.0)), seconds=1_800)
    age = run.metrics()["worker", "IteratorAge", "Maximum"]
    assert np.allclose(age.diff().dropna(), 60_000, atol=1_200)


def test_a_shard_catches_up_at_the_difference_of_the_rates():
    """Made 60 s late, a reader that processes 400 a second of a shard that gets 100 has caught up after another 20 s."""
    worker = Function("worker", duration=0.25, cold_start=QUICK)
    mapping = EventSourceMapping(worker, KinesisStream("clicks", steady(100)), batch_size=100, created_at=60)
    batches = simulate(mapping, seconds=120, record=True)["clicks"].batches
    assert batches.time[batches.age < 1].min() == pytest.approx(80, abs=1.5)


@pytest.mark.parametrize(("kind", "polls"), [(KinesisStream, 1), (DynamoDbStream, 4)])
def test_latency_is_half_a_poll_and_the_batch(kind, polls):
    """With room in every batch, a record waits half the time between polls on average: the median is that and the duration."""
    worker = Function("worker", duration=0.05, cold_start=QUICK)
    run = simulate(EventSourceMapping(worker, kind("s", poisson(100), shards=3), batch_size=1_000), seconds=600, seed=1)
    assert run["s"].latency(0.5) == pytest.approx(0.5 / polls + 0.05, rel=0.02)
    assert run["s"].latency(1) <= 1 / polls + 0.05 + 0.01


def test_invocations_of_a_quiet_stream():
    """A poll invokes when something came since the one before: with probability 1 - exp(-rate), for Poisson records."""
    worker = Function("worker", duration=0.01, cold_start=QUICK)
    run = simulate(EventSourceMapping(worker, KinesisStream("clicks", poisson(0.7))), seconds=20_000, seed=2)
    expected = 20_000 * (1 - math.exp(-0.7))
    assert abs(run["worker"].invocations - expected) < 4 * math.sqrt(expected)
    assert run["clicks"].mean_batch == pytest.approx(0.7 / (1 - math.exp(-0.7)), rel=0.02)


@pytest.mark.parametrize("size", [2, 16, 1_000, 1_024])
def test_bisect_takes_two_steps_for_each_halving(size):
    """One poison record among ``size``: log2 halvings until it is alone, one more call for each half that is good."""
    worker = Function("worker", duration=0.01, cold_start=QUICK)
    clicks = KinesisStream("clicks", steady(size), poison_at=0.3)
    mapping = EventSourceMapping(worker, clicks, batch_size=size, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    run = simulate(mapping, seconds=2, record=True)
    first = run["clicks"].batches[run["clicks"].batches["first"] < size]
    halvings = math.ceil(math.log2(size))
    assert (first.outcome == "error").sum() <= halvings + 1
    assert len(first) <= 2 * halvings + 1
    assert run["clicks"].dropped == 1


def test_a_hot_key_loads_its_shard():
    """With a hot key of 40 % and four shards, one shard gets 40 % and a quarter of the rest: 55 %, and that one falls behind."""
    worker = Function("worker", duration=0.5, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(1_000), shards=4, hot_key=0.4)
    run = simulate(EventSourceMapping(worker, clicks, batch_size=200), seconds=200, seed=4, record=True)
    records = run["clicks"].records
    busiest = records.groupby("shard").size().max() / len(records)
    assert busiest == pytest.approx(0.55, abs=0.02)
    waiting = records[records.state == "pending"].groupby("shard").size()
    assert waiting.max() == pytest.approx((0.55 * 1_000 - 400) * 200, rel=0.1)


def test_throttled_by_reservation():
    """A reservation of 2 for 4 busy shards: half the throughput, throttles every second, and no record is lost."""
    worker = Function("worker", duration=0.5, reserved_concurrency=2, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(900), shards=4)
    run = simulate(EventSourceMapping(worker, clicks, batch_size=100), account=Account(), seconds=300, seed=5)
    assert run["worker"].throttles > 100 and run["worker"].peak_concurrency == 2
    assert run["clicks"].processed / 300 <= 400
    assert run["clicks"].dropped == run["clicks"].delivered == 0


# CloudWatch's metrics


def test_metrics_add_up():
    """The metrics of a stream are its figures, minute by minute; IteratorAge belongs to the function, in milliseconds."""
    worker = Function("worker", duration=0.1, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(100), shards=2, poison_rate=0.001, record_kb=2)
    run = simulate(EventSourceMapping(worker, clicks, maximum_retry_attempts=1, on_failure="failed"), seconds=300, seed=6)
    metrics = run.metrics()
    assert metrics["clicks", "IncomingRecords", "Sum"].sum() == run["clicks"].sent
    assert metrics["clicks", "IncomingBytes", "Sum"].sum() == run["clicks"].sent * 2_048
    assert metrics["clicks", "OnFailureDestinationDeliveredEventCount", "Sum"].sum() == run["clicks"].delivered > 0
    assert metrics["clicks", "InvokedEventCount", "Sum"].sum() == run["clicks"].handed
    assert metrics["worker", "IteratorAge", "Maximum"].max() == pytest.approx(1_000 * run["clicks"].peak_iterator_age)
    assert metrics["worker", "Invocations", "Sum"].sum() == metrics["worker", "IteratorAge", "SampleCount"].sum()
    assert run["worker"].arrivals == run["worker"].invocations + run["worker"].throttles


def test_a_function_that_reads_two_streams_has_one_iterator_age():
    """CloudWatch has one IteratorAge per function: its maximum is that of the stream that is further behind."""
    worker = Function("worker", duration=0.1, cold_start=QUICK)
    good, bad = KinesisStream("good", poisson(50)), KinesisStream("bad", poisson(50), poison_at=0.0)
    run = simulate(EventSourceMapping(worker, good), EventSourceMapping(worker, bad), seconds=300)
    age = run.metrics()["worker", "IteratorAge", "Maximum"]
    assert age.iloc[-1] == pytest.approx(300_000, rel=0.02)
    assert run["good"].peak_iterator_age < 2


# What is refused


def test_streams_that_a_run_refuses():
    """Names are unique, a function reads a stream once, a DynamoDB stream has two readers at the most."""
    one, two, three = (Function(name, duration=0.1) for name in ("one", "two", "three"))
    clicks, changes = KinesisStream("clicks", poisson(1)), DynamoDbStream("changes", poisson(1))
    for triggers, words in (
        (
            (EventSourceMapping(one, clicks), EventSourceMapping(two, KinesisStream("clicks", poisson(2)))),
            "Two different sources",
        ),
        ((EventSourceMapping(one, clicks), Function("clicks", duration=1)), "A function and a source are both called 'clicks'"),
        ((EventSourceMapping(one, clicks), EventSourceMapping(one, clicks, batch_size=7)), "twice"),
        ([EventSourceMapping(each, changes) for each in (one, two, three)], "at most 2"),
    ):
        with pytest.raises(ValueError, match=words):
            simulate(*triggers)
    with pytest.raises(KeyError, match="'one', 'clicks'"):
        simulate(EventSourceMapping(one, clicks), seconds=1)["clack"]
    with pytest.raises(KeyError, match="No function 'two' reads"):
        simulate(EventSourceMapping(one, clicks), seconds=1)["clicks"].of("two")
    with pytest.raises(ValueError, match="record=True"):
        simulate(EventSourceMapping(one, clicks), seconds=1)["clicks"].records  # noqa: B018
