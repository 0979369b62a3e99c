"""AWS's ranges and combinations for queues, streams and event source mappings, each with AWS's rule in the message."""

from dataclasses import dataclass, replace

import pytest

from lambdacourse.facts import fact
from lambdacourse.model import EventSourceMapping, FifoQueue, Function, SqsQueue, Stream, poisson

WORKER = Function("worker", duration=2)
ORDERS = SqsQueue("orders", poisson(100))
PAYMENTS = FifoQueue("payments", poisson(100), message_groups=50)


@dataclass(frozen=True)
class AnyStream(Stream):
    """The least that a stream can be."""


CLICKS = AnyStream("clicks", poisson(100))


def test_a_mapping_with_the_defaults_of_aws():
    """What AWS sets where nothing is said: batches of 10 and of 100, no window, one batch per shard, retries without end."""
    queue, fifo, stream = (EventSourceMapping(WORKER, source) for source in (ORDERS, PAYMENTS, CLICKS))
    assert (queue.batch_size, fifo.batch_size, stream.batch_size) == (10, 10, 100)
    assert queue.batching_window == stream.batching_window == 0
    assert queue.maximum_concurrency is None and not queue.provisioned
    assert (stream.parallelization_factor, stream.maximum_retry_attempts, stream.maximum_record_age) == (1, None, None)
    assert (ORDERS.visibility_timeout, ORDERS.retention, ORDERS.max_receive_count) == (30, 345_600, None)


def test_provisioned_pollers_have_defaults():
    """Either of the two switches provisioned mode on; the other is AWS's default, 2 or 200."""
    least, most = EventSourceMapping(WORKER, ORDERS, minimum_pollers=5), EventSourceMapping(WORKER, ORDERS, maximum_pollers=50)
    assert (least.minimum_pollers, least.maximum_pollers) == (5, 200) and least.provisioned
    assert (most.minimum_pollers, most.maximum_pollers) == (2, 50) and most.provisioned


def test_minus_one_is_no_end():
    """AWS's -1 for retries and record age is None here."""
    mapping = EventSourceMapping(WORKER, CLICKS, maximum_retry_attempts=-1, maximum_record_age=-1)
    assert mapping == EventSourceMapping(WORKER, CLICKS)


@pytest.mark.parametrize(
    ("source", "arguments", "parts"),
    [
        (ORDERS, {"batch_size": 0}, ("batch_size=0", "1 to 10,000", "BatchSize")),
        (ORDERS, {"batch_size": 10_001, "batching_window": 5}, ("10001", "10,000", "BatchSize")),
        (ORDERS, {"batch_size": 11}, ("batch_size=11", "at least 1 s", "BatchSize")),
        (ORDERS, {"batch_size": 100, "batching_window": 0.5}, ("batch_size=100", "at least 1 s")),
        (ORDERS, {"batching_window": 301}, ("301", "0 to 300", "MaximumBatchingWindowInSeconds")),
        (PAYMENTS, {"batch_size": 11}, ("11", "1 to 10 for a FIFO queue", "BatchSize")),
        (PAYMENTS, {"batching_window": 1}, ("batching_window=1", "FIFO", "no batching window")),
        (ORDERS, {"maximum_concurrency": 1}, ("maximum_concurrency=1", "2 to 1,000", "MaximumConcurrency")),
        (ORDERS, {"maximum_concurrency": 1_001}, ("1001", "2 to 1,000", "MaximumConcurrency")),
        (ORDERS, {"maximum_concurrency": 5, "minimum_pollers": 2}, ("not both", "ProvisionedPollerConfig")),
        (ORDERS, {"maximum_concurrency": 5, "maximum_pollers": 9}, ("not both", "ProvisionedPollerConfig")),
        (ORDERS, {"minimum_pollers": 1}, ("minimum_pollers=1", "2 to 200", "MinimumPollers")),
        (ORDERS, {"minimum_pollers": 201}, ("201", "2 to 200", "MinimumPollers")),
        (ORDERS, {"maximum_pollers": 10_001}, ("10001", "2 to 10,000", "MaximumPollers")),
        (ORDERS, {"minimum_pollers": 20, "maximum_pollers": 10}, ("20", "10", "above the maximum")),
        (ORDERS, {"parallelization_factor": 2}, ("parallelization_factor=2", "streams")),
        (ORDERS, {"maximum_retry_attempts": 2}, ("maximum_retry_attempts=2", "streams")),
        (ORDERS, {"bisect_batch_on_function_error": True}, ("bisect", "streams")),
        (ORDERS, {"tumbling_window": 60}, ("tumbling_window=60", "streams")),
        (ORDERS, {"starting_position": "LATEST"}, ("LATEST", "streams")),
        (ORDERS, {"on_failure": "failures"}, ("on_failure", "streams", "dead-letter queue")),
        (CLICKS, {"maximum_concurrency": 5}, ("maximum_concurrency=5", "queues")),
        (CLICKS, {"minimum_pollers": 5}, ("minimum_pollers=5", "queues")),
        (CLICKS, {"batch_size": 10_001}, ("10001", "1 to 10,000", "BatchSize")),
        (CLICKS, {"parallelization_factor": 11}, ("11", "1 to 10", "ParallelizationFactor")),
        (CLICKS, {"maximum_retry_attempts": 10_001}, ("10001", "10,000", "MaximumRetryAttempts")),
        (CLICKS, {"maximum_retry_attempts": -2}, ("-2", "MaximumRetryAttempts")),
        (CLICKS, {"maximum_record_age": 59}, ("59", "60 to 604,800", "MaximumRecordAgeInSeconds")),
        (CLICKS, {"tumbling_window": 901}, ("901", "0 to 900", "TumblingWindowInSeconds")),
        (CLICKS, {"tumbling_window": 60, "parallelization_factor": 10}, ("factor must be 1", "ParallelizationFactor")),
        (CLICKS, {"starting_position": "NEWEST"}, ("NEWEST", "TRIM_HORIZON", "StartingPosition")),
        (ORDERS, {"seconds_per_record": -1}, ("-1", "seconds_per_record")),
        (ORDERS, {"qualifier": "live"}, ("'live'", "$LATEST")),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else getattr(value, "name", ""),
)
def test_what_aws_refuses(source, arguments, parts):
    """A value or a combination that AWS rejects is rejected, with the value and AWS's rule."""
    with pytest.raises(ValueError) as caught:
        EventSourceMapping(WORKER, source, **arguments)
    assert all(part in str(caught.value) for part in ("EventSourceMapping", *parts)), str(caught.value)


def test_visibility_timeout_against_the_function():
    """A queue's visibility timeout is at least the function's timeout; AWS advises six times."""
    slow = Function("slow", duration=1, timeout=31)
    with pytest.raises(ValueError, match=r"visibility_timeout=30 .*timeout=31.*6 times.*VisibilityTimeout"):
        EventSourceMapping(slow, ORDERS)
    EventSourceMapping(slow, replace(ORDERS, visibility_timeout=31))


def test_time_must_not_stand_still():
    """A message that always fails, in no time, and is visible again at once, would be tried for ever at one instant."""
    at_once = replace(ORDERS, visibility_timeout=0)
    broken = Function("broken", duration=0, error_rate=1)
    with pytest.raises(ValueError, match=r"time would stand still.*VisibilityTimeout"):
        EventSourceMapping(broken, at_once)
    EventSourceMapping(broken, replace(at_once, max_receive_count=5))
    EventSourceMapping(broken, ORDERS)
    EventSourceMapping(replace(broken, duration=0.1), at_once)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"visibility_timeout": -1}, ("-1", "0 to 43,200", "VisibilityTimeout")),
        ({"visibility_timeout": 43_201}, ("43201", "0 to 43,200", "VisibilityTimeout")),
        ({"max_receive_count": 0}, ("max_receive_count=0", "maxReceiveCount")),
        ({"max_receive_count": 1_001}, ("1001", "1 to 1,000", "maxReceiveCount")),
        ({"retention": 59}, ("59", "60 to 1,209,600", "MessageRetentionPeriod")),
        ({"message_kb": 1_025}, ("1025", "1,024", "MaximumMessageSize")),
        ({"message_kb": 0}, ("message_kb=0", "above 0")),
        ({"poison_rate": 1.5}, ("1.5", "0 to 1")),
        ({"in_flight_limit": 0}, ("in_flight_limit=0", "in flight")),
        ({"in_flight_limit": 120_001}, ("120001", "120,000")),
    ],
    ids=repr,
)
def test_queues_that_sqs_refuses(arguments, parts):
    """The attributes of a queue within the ranges of Amazon SQS."""
    for kind in (SqsQueue, FifoQueue):
        with pytest.raises(ValueError) as caught:
            kind("orders", poisson(1), **arguments)
        assert all(part in str(caught.value) for part in (f"{kind.__name__}('orders', ", *parts)), str(caught.value)


def test_what_is_no_source():
    """A source is a queue or a stream, with a name and traffic of its own."""
    with pytest.raises(TypeError, match="SqsQueue"):
        EventSourceMapping(WORKER, poisson(100))
    with pytest.raises(TypeError, match="a Function"):
        EventSourceMapping(ORDERS, WORKER)
    with pytest.raises(TypeError, match="a traffic"):
        SqsQueue("orders", 100)
    with pytest.raises(ValueError, match="QueueName"):
        SqsQueue("", poisson(100))
    with pytest.raises(ValueError, match="share a name"):
        EventSourceMapping(WORKER, SqsQueue("worker", poisson(1)))
    with pytest.raises(ValueError, match="message_groups=0"):
        FifoQueue("payments", poisson(1), message_groups=0)
    with pytest.raises(TypeError, match="True or False"):
        EventSourceMapping(WORKER, ORDERS, report_batch_item_failures="yes")


def test_what_aws_advises_is_accepted():
    """AWS's own advice passes: 6 times the timeout, 5 receives, a concurrency of 900."""
    function = Function("resize", duration=2, timeout=15)
    queue = SqsQueue("images", poisson(1_000), visibility_timeout=90, max_receive_count=fact("sqs_max_receive_count").value)
    EventSourceMapping(function, queue, batch_size=1, maximum_concurrency=900, report_batch_item_failures=True)
