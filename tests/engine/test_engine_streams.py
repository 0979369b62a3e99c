"""What happens to a stream's records, worked out by hand: polls, batches, windows, failures, positions, limits."""

import numpy as np
import pytest

from lambdacourse import (
    Account,
    ColdStart,
    DynamoDbStream,
    EventSourceMapping,
    Function,
    KinesisStream,
    Sync,
    poisson,
    simulate,
    steady,
    trace,
)  # fmt: skip

QUICK = ColdStart(init=0)


def run_of(traffic, *, seconds=60, function=None, duration=0.2, stream=None, account=None, **mapping):
    """A run of one mapping on one shard whose polls are at 0, 1, 2, … seconds; the function starts without a cold start."""
    function = function or Function("worker", duration=duration, cold_start=QUICK)
    source = KinesisStream("clicks", traffic, **(stream or {}))
    trigger = EventSourceMapping(function, source, **mapping)
    return simulate(trigger, seconds=seconds, record=True, account=account or Account(unreserved_minimum=0))


def batches_of(run, *names):
    """The invocations as tuples of the columns ``names``, times rounded to the microsecond."""
    table = run["clicks"].batches[list(names)]
    return [tuple(round(each, 6) if isinstance(each, float) else each for each in row) for row in table.itertuples(index=False)]


def at_once(count, time=0.5):
    return trace([time] * count)


# Reading


def test_a_record_waits_for_the_next_poll():
    """A Kinesis shard is polled once a second: what is sent at 0.3 s is handed over at 1 s, and is then 0.7 s old."""
    run = run_of(trace([0.3]))
    assert batches_of(run, "time", "size", "age") == [(1.0, 1, 0.7)]
    assert run["clicks"].processed == 1 and run["clicks"].latency(0.5) == pytest.approx(0.9, rel=0.01)


def test_dynamodb_is_polled_four_times_a_second():
    """The same record in a DynamoDB stream is handed over at 0.5 s."""
    worker = Function("worker", duration=0.2, cold_start=QUICK)
    run = simulate(EventSourceMapping(worker, DynamoDbStream("changes", trace([0.3]))), record=True)
    assert run["changes"].batches.time.tolist() == [0.5]


def test_a_poll_does_not_see_what_is_sent_at_its_moment():
    """At one moment, polls come before arrivals."""
    assert batches_of(run_of(trace([1.0])), "time") == [(2.0,)]


def test_shards_are_polled_one_after_the_other():
    """With four shards, the polls of each are a quarter of a second after those of the one before."""
    run = run_of(at_once(400, 0.9), stream={"shards": 4}, batch_size=400)
    assert sorted(set(run["clicks"].batches.time)) == [1.0, 1.25, 1.5, 1.75]


def test_batches_follow_each_other_until_the_stream_is_caught_up_with():
    """250 records and batches of 100: the second and the third follow as soon as the one before is done."""
    run = run_of(at_once(250))
    assert batches_of(run, "time", "first", "size") == [(1.0, 0, 100), (1.2, 100, 100), (1.4, 200, 50)]


def test_a_lane_that_has_caught_up_waits_for_the_next_poll():
    """What is sent while a batch runs was not seen by the last poll; the next poll sees it."""
    run = run_of(trace([0.5, 1.05]))
    assert batches_of(run, "time", "size") == [(1.0, 1), (2.0, 1)]


def test_the_payload_limits_a_batch():
    """Six records of 1 MB are all that Lambda's payload of 6 MB holds."""
    run = run_of(trace(np.arange(12.0)), stream={"record_kb": 1024}, duration=20.0)
    assert batches_of(run, "time", "size")[:3] == [(1.0, 1), (21.0, 6), (41.0, 5)]


def test_a_shard_gives_out_2_mb_a_second():
    """A backlog of 60 MB in one shard: 10 MB at once, then 2 MB a second, however fast the function is."""
    records = trace(np.arange(60.0))
    run = run_of(records, stream={"record_kb": 1024}, duration=0.001, seconds=120, created_at=60, batch_size=1)
    handed = run["clicks"].batches.time
    assert (handed < 61).sum() == 10 and (handed < 71).sum() == 30


def test_two_readers_share_what_a_shard_gives_out():
    """The same with two functions on the stream: each gets 10 MB at once and 1 MB a second, and each gets all records."""
    stream = KinesisStream("clicks", trace(np.arange(60.0)), record_kb=1024)
    workers = [Function(name, duration=0.001, cold_start=QUICK) for name in ("one", "two")]
    triggers = [EventSourceMapping(worker, stream, created_at=60, batch_size=1) for worker in workers]
    run = simulate(*triggers, seconds=150, record=True)
    for name in ("one", "two"):
        handed = run["clicks"].of(name).batches.time
        assert (handed < 61).sum() == 10 and (handed < 71).sum() == 20
        assert run["clicks"].of(name).processed == run["clicks"].sent == 60
    assert run["clicks"].processed == 120


def test_a_shard_takes_in_1000_records_a_second():
    """1,500 records at one moment and 600 half a second later: 500 are refused, then 100."""
    run = run_of(trace(np.repeat([0.2, 0.7], [1500, 600])), batch_size=10_000)
    assert (run["clicks"].sent, run["clicks"].refused) == (1_500, 600)
    assert run["clicks"].processed == 1_500


def test_a_shard_takes_in_1_mb_a_second():
    """Records of 100 KB: ten at once fit, then about ten a second."""
    assert run_of(at_once(15), stream={"record_kb": 100})["clicks"].refused == 5
    assert run_of(steady(20), stream={"record_kb": 102.4}, seconds=60, batch_size=10_000)["clicks"].sent == pytest.approx(
        610, abs=2
    )


# Batching windows


def test_a_batching_window_gathers():
    """A record every second from 0.5 s on and a window of 5 s: the window opens when the poll at 1 s sees the first one."""
    run = run_of(trace(np.arange(0.5, 20)), batching_window=5, seconds=20)
    assert batches_of(run, "time", "size")[:3] == [(6.0, 6), (12.0, 6), (18.0, 6)]


def test_a_full_batch_does_not_wait_for_its_window():
    """With three records to a batch, the poll at 3 s has seen enough."""
    run = run_of(trace(np.arange(0.5, 9)), batching_window=60, batch_size=3, seconds=10)
    assert batches_of(run, "time", "size") == [(3.0, 3), (6.0, 3), (9.0, 3)]


def test_a_window_may_end_between_two_polls():
    """A window of 0.5 s ends at 1.5 s, with what the poll at 1 s saw."""
    assert batches_of(run_of(trace([0.5, 1.2]), batching_window=0.5), "time", "size") == [(1.5, 1), (2.5, 1)]


# Failures


def test_a_failing_batch_is_tried_again_and_given_up():
    """Two retries after the first failure, a second after each; then the whole batch goes, and what waited behind it comes."""
    run = run_of(trace([0.5, 0.6, 5.5]), stream={"poison_at": 0.5}, maximum_retry_attempts=2)
    assert batches_of(run, "time", "first", "size", "attempt", "outcome") == [
        (1.0, 0, 2, 0, "error"), (2.2, 0, 2, 1, "error"), (3.4, 0, 2, 2, "error"), (6.0, 2, 1, 0, "ok"),
    ]  # fmt: skip
    clicks = run["clicks"]
    assert (clicks.processed, clicks.dropped, clicks.delivered, clicks.repeated) == (1, 2, 0, 4)
    assert run["worker"].errors == 3


def test_a_failure_destination_hears_of_what_is_given_up():
    """With a destination, the same records are delivered to it and not dropped."""
    run = run_of(trace([0.5, 0.6]), stream={"poison_at": 0.5}, maximum_retry_attempts=0, on_failure="failed-clicks")
    assert (run["clicks"].delivered, run["clicks"].dropped) == (2, 0)


def test_a_poison_record_blocks_its_shard():
    """Without a limit to retries, what comes after a poison record in its shard waits, and the iterator age grows by the second."""
    run = run_of(steady(10), seconds=300, stream={"poison_at": 30.0})
    blocked = run["clicks"].batches[run["clicks"].batches.outcome == "error"]
    assert blocked.time.iloc[0] == pytest.approx(31, abs=0.01)
    assert np.allclose(np.diff(blocked.age), np.diff(blocked.time))
    assert run["clicks"].processed == pytest.approx(300, abs=10)
    assert run["clicks"].pending == run["clicks"].sent - run["clicks"].processed


def test_other_shards_go_on():
    """A poison record holds up its own shard alone: of four, three quarters of the records are processed."""
    run = run_of(steady(100), seconds=300, stream={"shards": 4, "poison_at": 0.0})
    lanes = run["clicks"].records
    assert run["clicks"].processed / run["clicks"].sent == pytest.approx(0.75, abs=0.03)
    assert lanes[lanes.state == "pending"].groupby("shard").size().max() == lanes.groupby("shard").size()[lanes.shard[0]]


def test_maximum_record_age_frees_the_shard():
    """A record that is older than the maximum age is given up when it is next tried; those behind it are young enough."""
    run = run_of(trace([0.5, 10.5]), stream={"poison_at": 0.5}, maximum_record_age=60, batch_size=1, seconds=100)
    ages = run["clicks"].batches.age
    assert ages[run["clicks"].batches.outcome == "error"].max() <= 60
    assert (run["clicks"].dropped, run["clicks"].processed) == (1, 1)
    ends = run["clicks"].records.set_index("number").end
    assert 60.5 < ends[0] <= 61.7


def test_retention_frees_the_shard():
    """With the default settings a poison record blocks until the stream lets it expire, after 24 hours; nobody is told."""
    run = run_of(
        trace([0.5, 4_000.0]), stream={"poison_at": 0.5}, duration=60, seconds=90_000, retry_wait=60, on_failure="failed"
    )
    assert (run["clicks"].expired, run["clicks"].processed, run["clicks"].delivered) == (1, 1, 0)
    assert run["clicks"].records.end[0] == pytest.approx(86_400.5, abs=121)


def test_throttles_do_not_count_as_retries():
    """A function that may not run is asked every second; with no retries allowed, the records wait all the same, until too old."""
    throttled = Function("worker", duration=0.2, reserved_concurrency=0)
    run = run_of(trace([0.5]), function=throttled, maximum_retry_attempts=0, seconds=50)
    assert run["clicks"].pending == 1 and run["worker"].throttles == 49
    run = run_of(trace([0.5]), function=throttled, maximum_retry_attempts=0, maximum_record_age=60, seconds=100)
    assert run["clicks"].dropped == 1 and run["worker"].throttles == 60


def test_errors_by_chance_are_tried_again_with_new_luck():
    """A function that fails half of the time processes everything in the end: each record about twice, none lost."""
    worker = Function("worker", duration=0.1, error_rate=0.5, cold_start=QUICK)
    run = run_of(steady(20), function=worker, seconds=600, stream={"shards": 4})
    assert run["clicks"].dropped == run["clicks"].delivered == 0
    assert run["clicks"].handed / run["clicks"].processed == pytest.approx(2, rel=0.1)


# Bisect and partial failures


def test_bisect_isolates_a_poison_record():
    """Eight records, the sixth poison: halves, quarters, one; the others are processed, in order, and only the sixth goes."""
    run = run_of(
        trace(0.1 * np.arange(1, 9)), stream={"poison_at": 0.6}, bisect_batch_on_function_error=True, maximum_retry_attempts=1
    )
    assert batches_of(run, "time", "first", "size", "outcome") == [
        (1.0, 0, 8, "error"), (1.2, 0, 4, "ok"), (1.4, 4, 4, "error"), (1.6, 4, 2, "error"), (1.8, 4, 1, "ok"),
        (2.0, 5, 1, "error"), (3.2, 5, 1, "error"), (3.4, 6, 2, "ok"),
    ]  # fmt: skip
    assert (run["clicks"].processed, run["clicks"].dropped) == (7, 1)


def test_splitting_costs_no_retries():
    """With no retries at all, bisect still finds the one record: every split is free."""
    run = run_of(at_once(8), stream={"poison_at": 0.5}, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    assert batches_of(run, "first", "size") == [(0, 8), (0, 4), (0, 2), (0, 1), (1, 1), (2, 2), (4, 4)]
    assert run["clicks"].dropped == 1


def test_a_partial_failure_is_a_checkpoint():
    """The function reports the sixth of eight: five are done, the rest is tried again at once; without bisect it costs a retry."""
    run = run_of(
        trace(0.1 * np.arange(1, 9)), stream={"poison_at": 0.6}, report_batch_item_failures=True, maximum_retry_attempts=2
    )
    assert batches_of(run, "time", "first", "size", "failed", "attempt") == [
        (1.0, 0, 8, 5, 0),
        (1.2, 5, 3, 0, 1),
        (2.4, 5, 3, 0, 2),
    ]
    assert run["worker"].errors == 0, "a function that reports has not failed"
    assert (run["clicks"].processed, run["clicks"].dropped) == (5, 3), "two good records go with the poison one"


def test_partial_failures_and_bisect_together_lose_the_poison_record_alone():
    """With both, the batch is split at the record reported; when that is its first, it is halved."""
    both = {"report_batch_item_failures": True, "bisect_batch_on_function_error": True, "maximum_retry_attempts": 0}
    run = run_of(trace(0.1 * np.arange(1, 9)), stream={"poison_at": 0.6}, **both)
    assert batches_of(run, "first", "size", "failed") == [(0, 8, 5), (5, 3, 0), (5, 1, 0), (6, 2, -1)]
    assert (run["clicks"].processed, run["clicks"].dropped) == (7, 1)


def test_bisect_works_around_timeouts():
    """A hundred records of 0.1 s each do not fit into 5 s; fifty do."""
    worker = Function("worker", duration=0, timeout=5, cold_start=QUICK)
    run = run_of(at_once(100), function=worker, seconds_per_record=0.1, bisect_batch_on_function_error=True)
    assert batches_of(run, "size", "outcome") == [(100, "timeout"), (50, "ok"), (50, "ok")]
    assert run["clicks"].processed == 100


# Tumbling windows


def test_tumbling_windows_close_with_an_invocation_of_their_own():
    """Windows of 10 s: no batch crosses a boundary, and a window ends with a call without records, once a later record is seen."""
    run = run_of(trace([1.5, 9.5, 9.9, 10.1, 25.0]), tumbling_window=10, seconds=200)
    assert batches_of(run, "time", "first", "size") == [
        (2.0, 0, 1), (10.0, 1, 2), (11.0, -1, 0), (11.2, 3, 1), (26.0, -1, 0), (26.2, 4, 1), (150.0, -1, 0),
    ]  # fmt: skip


def test_a_window_with_a_failing_close_holds_up_the_next():
    """The closing invocation is tried again like any other, and what comes after it waits."""
    worker = Function("worker", duration=0.2, error_rate=1, cold_start=QUICK)
    run = run_of(trace([1.5, 10.5]), function=worker, tumbling_window=10, seconds=60, maximum_retry_attempts=0)
    assert batches_of(run, "time", "size", "outcome")[:2] == [(2.0, 1, "error"), (11.0, 0, "error")]


# Starting positions


@pytest.mark.parametrize(
    ("position", "timestamp", "skipped"), [("TRIM_HORIZON", None, 0), ("LATEST", None, 10), ("AT_TIMESTAMP", 6.0, 6)]
)
def test_starting_positions(position, timestamp, skipped):
    """A mapping made at 10 s: from the oldest record, from then on, or from a time."""
    run = run_of(steady(1), created_at=10, starting_position=position, starting_position_timestamp=timestamp, seconds=30)
    clicks = run["clicks"]
    assert (clicks.sent, clicks.skipped) == (30, skipped)
    assert clicks.batches.time.min() >= 10
    assert clicks.processed + clicks.pending == 30 - skipped


# Concurrency, and what is shared with others


def test_concurrency_is_shards_times_factor():
    """A backlog in 3 shards with a factor of 4: twelve batches at a time, never more."""
    run = run_of(at_once(2_400), stream={"shards": 3}, parallelization_factor=4, duration=5.0, batch_size=10)
    assert run["worker"].peak_concurrency == 12


def test_a_hot_key_uses_one_lane():
    """All records with one key: whatever the shards and the factor, one batch at a time."""
    run = run_of(at_once(900), stream={"shards": 3, "hot_key": 1.0}, parallelization_factor=10, duration=1.0, batch_size=10)
    assert run["worker"].peak_concurrency == 1
    assert run["clicks"].records.lane.nunique() == 1


def test_streams_share_the_account():
    """Two units of concurrency for four lanes and a synchronous caller: batches are throttled, and nothing is lost."""
    api = Function("api", duration=0.5, cold_start=QUICK)
    worker = Function("worker", duration=0.7, cold_start=QUICK)
    clicks = KinesisStream("clicks", poisson(50), shards=4)
    account = Account(concurrency_limit=2, unreserved_minimum=0)
    run = simulate(Sync(api, poisson(3)), EventSourceMapping(worker, clicks), account=account, seconds=120, seed=1)
    assert run["worker"].throttles > 0 and run["api"].throttles > 0
    assert run["clicks"].processed + run["clicks"].pending == run["clicks"].sent
