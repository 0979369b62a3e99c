"""What AWS refuses of a stream and of a mapping that reads one, each with AWS's rule in the message."""

import pytest

from lambdacourse.facts import fact
from lambdacourse.model import DynamoDbStream, EventSourceMapping, Function, KinesisStream, poisson

WORKER = Function("worker", duration=0.1)
CLICKS = KinesisStream("clicks", poisson(1_000), shards=4)
CHANGES = DynamoDbStream("changes", poisson(100))


def test_streams_with_the_defaults_of_aws():
    """A Kinesis stream keeps its records for 24 hours unless told otherwise, a DynamoDB stream always; polls differ fourfold."""
    assert CLICKS.retention == CHANGES.retention == 24 * 3_600
    assert (CLICKS.polls_per_second, CHANGES.polls_per_second) == (1, 4)


def test_concurrency_example_of_aws():
    """AWS's example: 100 shards and a parallelization factor of 2 make 200 concurrent invocations at the most."""
    example = fact("stream_concurrency_example").value
    mapping = EventSourceMapping(
        WORKER, KinesisStream("clicks", poisson(1), shards=example["shards"]), parallelization_factor=example["factor"]
    )
    assert mapping.source.shards * mapping.parallelization_factor == example["invocations"] == 200


@pytest.mark.parametrize(
    ("kind", "arguments", "parts"),
    [
        (KinesisStream, {"shards": 0}, ("shards=0", "1 or more", "ShardCount")),
        (KinesisStream, {"shards": 1.5}, ("1.5", "ShardCount")),
        (KinesisStream, {"retention": 86_399}, ("86399", "86,400 to 31,536,000", "RetentionPeriodHours")),
        (KinesisStream, {"retention": 31_536_001}, ("31536001", "RetentionPeriodHours")),
        (KinesisStream, {"hot_key": 1.1}, ("hot_key=1.1", "0 to 1")),
        (KinesisStream, {"keys": 0}, ("keys=0", "partition keys")),
        (KinesisStream, {"record_kb": 6_145}, ("6145", "6,144", "payload")),
        (KinesisStream, {"record_kb": 0}, ("record_kb=0", "above 0")),
        (KinesisStream, {"poison_rate": -0.1}, ("poison_rate=-0.1", "0 to 1")),
        (KinesisStream, {"poison_at": float("nan")}, ("nan", "times in seconds")),
        (DynamoDbStream, {"shards": 0}, ("shards=0",)),
    ],
    ids=repr,
)
def test_streams_that_aws_refuses(kind, arguments, parts):
    """The attributes of a stream within AWS's ranges."""
    with pytest.raises(ValueError) as caught:
        kind("clicks", poisson(1), **arguments)
    assert all(part in str(caught.value) for part in (f"{kind.__name__}('clicks', ", *parts)), str(caught.value)


def test_a_dynamodb_stream_has_no_retention_to_set():
    """DynamoDB keeps changes for 24 hours, whatever one would like."""
    with pytest.raises(TypeError, match="retention"):
        DynamoDbStream("changes", poisson(1), retention=172_800)


@pytest.mark.parametrize(
    ("stream", "arguments", "parts"),
    [
        (CHANGES, {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": 0}, ("AT_TIMESTAMP", "LATEST")),
        (CLICKS, {"starting_position": "AT_TIMESTAMP"}, ("StartingPositionTimestamp", "None")),
        (CLICKS, {"starting_position": "LATEST", "starting_position_timestamp": 5}, ("LATEST", "StartingPositionTimestamp")),
        (CLICKS, {"starting_position_timestamp": 5}, ("TRIM_HORIZON", "StartingPositionTimestamp")),
        (CLICKS, {"created_at": float("inf")}, ("created_at=inf", "seconds of the run")),
        (CLICKS, {"retry_wait": 0}, ("retry_wait=0", "assumption")),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_mappings_of_streams_that_aws_refuses(stream, arguments, parts):
    """Starting positions go with the kind of stream, a timestamp with AT_TIMESTAMP alone."""
    with pytest.raises(ValueError) as caught:
        EventSourceMapping(WORKER, stream, **arguments)
    assert all(part in str(caught.value) for part in ("EventSourceMapping", *parts)), str(caught.value)


def test_poison_times_in_any_form():
    """One time or several, sorted."""
    assert KinesisStream("c", poisson(1), poison_at=60).poison_at == (60.0,)
    assert KinesisStream("c", poisson(1), poison_at=[90, 30]).poison_at == (30.0, 90.0)
