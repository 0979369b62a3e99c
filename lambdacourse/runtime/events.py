"""What AWS hands to a handler, and what it sends when it gives up: the exact shapes, field by field.

Shapes and field types as in AWS's own examples. Ids, names and times are ours.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"


def arn(service: str, resource: str) -> str:
    """An Amazon Resource Name in the account that AWS's examples use."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def instant(epoch_seconds: float) -> str:
    """A time as destinations write it: UTC, to the millisecond."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sqs_record(
    *,
    message_id: str,
    receipt_handle: str,
    body: str,
    queue: str,
    sent: float,
    first_received: float,
    receive_count: int,
    message_attributes: Mapping[str, Any],
    fifo: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One message as an SQS event has it; every attribute is a text. ``fifo`` adds sequence number, group and deduplication id."""
    return {
        "messageId": message_id,
        "receiptHandle": receipt_handle,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": str(int(1000 * sent)),
            **(fifo or {}),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(int(1000 * first_received)),
        },
        "messageAttributes": {
            name: {"stringValue": str(value), "stringListValues": [], "binaryListValues": [], "dataType": "String"}
            for name, value in message_attributes.items()
        },
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", queue),
        "awsRegion": REGION,
    }


def kinesis_record(*, stream: str, shard: str, sequence: str, key: str, data: bytes, arrived: float) -> dict[str, Any]:
    """One record as a Kinesis event has it: ``data`` in base64, the time in seconds."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": round(arrived, 3),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/lambda-role",
        "awsRegion": REGION,
        "eventSourceARN": arn("kinesis", f"stream/{stream}"),
    }


def dynamodb_record(*, stream_arn: str, event_id: str, name: str, sequence: str, images: Mapping[str, Any]) -> dict[str, Any]:
    """One change as a DynamoDB stream's event has it. ``images``: ``Keys``, and ``NewImage``, ``OldImage`` where they are."""
    return {
        "eventID": event_id,
        "eventVersion": "1.0",
        "dynamodb": {
            **images,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "SequenceNumber": sequence,
            "SizeBytes": len(repr(images)),
        },
        "awsRegion": REGION,
        "eventName": name,
        "eventSourceARN": stream_arn,
        "eventSource": "aws:dynamodb",
    }


def tumbling_window(
    *, start: int, end: int, state: Any, shard: str, stream_arn: str, is_final: bool, is_early: bool
) -> dict[str, Any]:
    """What a stream's event has beside its records when the mapping has a tumbling window; times in seconds since 1970."""
    return {
        "window": {name: instant(each).replace(".000Z", "Z") for name, each in (("start", start), ("end", end))},
        "state": state,
        "shardId": shard,
        "eventSourceARN": stream_arn,
        "isFinalInvokeForWindow": is_final,
        "isWindowTerminatedEarly": is_early,
    }


def async_failure(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    invocations: int,
    event: Any,
    response: Any,
    error: str | None,
    now: float,
) -> dict[str, Any]:
    """What an on-failure destination gets of an asynchronous event."""
    return {
        "version": "1.0",
        "timestamp": instant(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function_arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "requestPayload": event,
        "responseContext": _response_context(error),
        "responsePayload": response,
    }


def stream_failure(
    *,
    kind: str,
    stream_arn: str,
    shard: str,
    records: Sequence[tuple[str, float]],
    request_id: str,
    function_arn: str,
    condition: str,
    invocations: int,
    error: str | None,
    now: float,
) -> dict[str, Any]:
    """What an SQS or SNS destination gets of a batch that a stream gives up: where it was, not what it held.

    records: sequence number and arrival of each.
    """
    (first, began), (last, ended) = records[0], records[-1]
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": _response_context(error),
        "version": "1.0",
        "timestamp": instant(now),
        {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}[kind]: {
            "shardId": shard,
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "approximateArrivalOfFirstRecord": instant(began),
            "approximateArrivalOfLastRecord": instant(ended),
            "batchSize": len(records),
            "streamArn": stream_arn,
        },
    }


def _response_context(error: str | None) -> dict[str, Any]:
    return {"statusCode": 200, "executedVersion": "$LATEST", **({"functionError": error} if error else {})}
