"""The streams that Lambda reads: Kinesis Data Streams and DynamoDB Streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.sources import Stream

_HOUR = 3_600


@dataclass(frozen=True)
class KinesisStream(Stream):
    """A Kinesis data stream with provisioned shards (AWS::Kinesis::Stream).

    shards
        ShardCount. Each takes in 1 MB or 1,000 records a second, and gives out 2 MB a second to all who read it; a record
        above that is refused, and its producer has to send it again (which is not simulated).
    retention
        RetentionPeriodHours, in seconds: how long a record can be read.
    """

    retention: float = field(default=fact("kinesis_retention_default").value * _HOUR, kw_only=True)

    name_source: ClassVar[str] = "AWS::Kinesis::Stream Name"
    shards_source: ClassVar[str] = "AWS::Kinesis::Stream ShardCount"
    starting_positions: ClassVar[tuple[str, ...]] = tuple(fact("starting_positions_kinesis").value)
    polls_per_second: ClassVar[float] = fact("kinesis_polls").value

    def __post_init__(self) -> None:
        super().__post_init__()
        least, most = fact("kinesis_retention_default").value * _HOUR, fact("kinesis_retention_maximum").value * _HOUR
        rule = f"must be a number of seconds from {least:,} to {most:,} (AWS::Kinesis::Stream RetentionPeriodHours)"
        self._keep("retention", checks.number(f"{self.where}retention", self.retention, rule, least=least, most=most))


@dataclass(frozen=True)
class DynamoDbStream(Stream):
    """The stream of changes to a DynamoDB table; a key is an item's (AWS::DynamoDB::Table StreamSpecification).

    shards
        How many the table's partitions make; DynamoDB decides, and takes in what the table takes in.
    """

    name_source: ClassVar[str] = "AWS::DynamoDB::Table TableName"
    starting_positions: ClassVar[tuple[str, ...]] = tuple(fact("starting_positions_dynamodb").value)
    polls_per_second: ClassVar[float] = fact("dynamodb_polls").value
    retention: ClassVar[float] = fact("dynamodb_stream_retention").value * _HOUR
    readers: ClassVar[int | None] = fact("dynamodb_readers").value
