"""Kinesis and DynamoDB streams and the event source mappings that poll them."""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import QUEUE, STREAM, TABLE, Stack
from lambdacourse.templates.template import Reference, Resource, Text

_ENDLESS = fact("stream_retries_default").value


@rule(
    "tumbling-window-factor",
    "error",
    "tumbling_window_factor",
    "A tumbling window goes only with a parallelization factor of 1.",
)
def tumbling_window_factor(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping in _streaming(stack):
        window, factor = mapping.number("TumblingWindowInSeconds"), mapping.number("ParallelizationFactor")
        if window and factor is not None and factor > 1:
            text = f"{mapping.name} has a tumbling window of {window:g} s and {factor:g} batches of a shard at a time."
            yield mapping.at("ParallelizationFactor"), text, "Set ParallelizationFactor to 1, or drop the window."


@rule(
    "poison-record",
    "warning",
    "kinesis_poison_block",
    f"By default a failing batch is tried again until its records expire: a bad record can block a Kinesis shard for up to "
    f"{fact('kinesis_poison_block').value} days, a DynamoDB one for {fact('dynamodb_poison_block').value}.",
)
def poison_record(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping in _streaming(stack):
        retries = mapping.number("MaximumRetryAttempts", _ENDLESS)
        age = mapping.number("MaximumRecordAgeInSeconds", _ENDLESS)
        if retries == age == _ENDLESS:
            text = f"{mapping.name} limits neither the retries nor the age of a record, so one bad record stops its shard."
            yield (
                mapping,
                text,
                "Set MaximumRetryAttempts and MaximumRecordAgeInSeconds, and an OnFailure destination for what is given up.",
            )


@rule(
    "failures-without-payload",
    "note",
    "stream_failure_record",
    "The failure destination of a stream's mapping gets metadata only, which batch it was; Amazon S3 gets the records too.",
)
def failures_without_payload(stack: Stack, account: Account) -> Iterator[Breach]:
    path = "DestinationConfig.OnFailure.Destination"
    for mapping in _streaming(stack):
        destination = stack.find(mapping.data(path), QUEUE, "AWS::SNS::Topic")
        if destination:
            text = (
                f"{destination.name} will get where the failed records of {mapping.name} are, not the records: read them "
                "from the stream before they expire."
            )
            yield mapping.at(path), text, "An S3 bucket as destination keeps the records."


def _streaming(stack: Stack) -> Iterator[Resource]:
    """The mappings from streams, whether these are in the template or not."""
    for mapping, _, source in stack.mappings:
        arn = mapping.data("EventSourceArn")
        written = arn.parts[0] if isinstance(arn, Text) else arn
        outside = isinstance(written, str) and (":kinesis:" in written or ":dynamodb:" in written)
        named = isinstance(arn, Reference) and arn.attribute == "StreamArn"
        if outside or named or (source and source.type in (STREAM, TABLE)) or mapping.at("StartingPosition"):
            yield mapping
