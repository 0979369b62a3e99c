"""The bill of a run: what its functions did, at the prices of the price list."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lambdacourse.engine import queueing
from lambdacourse.engine import tally as columns
from lambdacourse.engine.tally import Tally
from lambdacourse.facts import fact
from lambdacourse.model import FifoQueue, Function, KinesisStream, checks
from lambdacourse.pricing import Bill, charges, gb_seconds
from lambdacourse.simulation.queues import QueueRun
from lambdacourse.simulation.streams import StreamRun

PERIODS = {"hour": 1, "day": 24, "month": fact("hours_per_month").value}
"""Hours to which a bill can be scaled."""


def run_bill(
    functions: Iterable[Function], tally: Tally, streams: Iterable[StreamRun], queues: Iterable[QueueRun],
    period: str | None = None, free_tier: bool = False,
) -> Bill:  # fmt: skip
    """The bill of a run: of the run itself, or of an hour, a day or a month in which it goes on like that.

    Provisioned concurrency is billed for as long as it was allocated; of the run itself, that is rounded up to five minutes.
    Kinesis's shards and records are on it, DynamoDB's streams are not. SQS requests are one for each message sent, and one for every
    ten (or every batch, where that is smaller) received and deleted; polls that find nothing are left out.
    """
    usage: dict[str, object] = {}

    def add(name: str, quantity: object) -> None:
        usage[name] = usage.get(name, 0) + quantity

    for row, function in enumerate(functions):
        on_provisioned = round(tally.total(row, columns.PROVISIONED_BILLED_MS))
        billed = round(tally.total(row, columns.BILLED_MS)) - on_provisioned
        init = min(round(1000 * tally.total(row, columns.INIT_SUM)), billed)
        add("requests", round(tally.total(row, columns.INVOCATIONS) - tally.total(row, columns.PROVISIONED_INVOCATIONS)))
        kept = tally.mean(row, columns.ALLOCATED_LEVEL) * tally.seconds
        if kept and period is None:
            kept += _rounding(tally, row)
        if kept:
            add("provisioned_requests", round(tally.total(row, columns.PROVISIONED_INVOCATIONS)))
            add(f"provisioned_duration_{function.architecture}", gb_seconds(on_provisioned, function.memory_mb))
            add(f"provisioned_{function.architecture}", gb_seconds(round(1000 * kept), function.memory_mb))
        add(f"duration_{function.architecture}", gb_seconds(billed - init, function.memory_mb))
        add(f"init_{function.architecture}", gb_seconds(init, function.memory_mb))
    for result in streams:
        if isinstance(result.stream, KinesisStream):
            units = math.ceil(result.stream.record_kb / fact("kinesis_put_unit").value - 1e-9)
            add("shard_hours", result.stream.shards * tally.seconds / 3600)
            add("put_units", result.sent * units)
    for result in queues:
        calls = min(result.mapping.batch_size, fact("sqs_receive_maximum").value)
        requests = result.sent + math.ceil(result.received / calls) + math.ceil(result.deleted / calls)
        add("fifo_requests" if isinstance(result.queue, FifoQueue) else "sqs_requests", requests)
        if result.mapping.provisioned:
            pollers = float(result.series(queueing.ALLOWED).mean()) / fact("sqs_poller_concurrency").value
            add("poller_hours", pollers * tally.seconds / 3600)
    whole = charges(free_tier=free_tier, **usage)
    if period is None:
        return whole
    checks.choice("bill(period", period, tuple(PERIODS), "what a run can be scaled to; None is the run itself")
    return whole * (PERIODS[period] * 3600 / tally.seconds)


def _rounding(tally: Tally, row: int) -> float:
    """Environment-seconds that rounding up adds: what was allocated last is billed on until the five minutes are over."""
    allocated = tally.mean_series(row, columns.ALLOCATED_LEVEL)
    there = allocated > 1e-6
    seconds, step = float(tally.widths[there].sum()), fact("provisioned_billing_period").value
    return (math.ceil(seconds / step - 1e-9) * step - seconds) * float(allocated[there][-1])
