"""Answers of lesson 06: what a stream processes, its iterator age, what a bad record costs."""

from __future__ import annotations

import math

from lambdacourse.facts import fact


def capacity(shards: float, batch: float, batch_ms: float) -> float:
    """Records per second at the most: one full batch at a time in each shard."""
    return shards * batch / (batch_ms / 1_000)


def factor_needed(rate: float, shards: float, batch: float, batch_ms: float) -> float:
    """The least parallelization factor that keeps up with ``rate`` records per second."""
    return math.ceil(rate / capacity(shards, batch, batch_ms))


def shards_to_take_in(rate: float, size_kb: float) -> float:
    """Shards that ``rate`` records per second of ``size_kb`` KB need to be written at all."""
    by_count = rate / fact("kinesis_shard_write_records").value
    by_size = rate * size_kb / 1_000 / fact("kinesis_shard_write_mb").value
    return math.ceil(max(by_count, by_size))


def age_growth(rate: float, processed: float) -> float:
    """Seconds by which the iterator age grows in a minute, when ``processed`` of ``rate`` records per second are done."""
    return 60 * (1 - processed / rate)


def hours_until_loss(growth: float) -> float:
    """Hours until the oldest records expire unread, when the iterator age grows by ``growth`` seconds a minute from zero."""
    return fact("kinesis_retention_default").value / (growth / 60)


def minutes_to_catch_up(minutes: float, rate: float, most: float) -> float:
    """Minutes until the records of a pause are done, while new ones come."""
    return minutes * rate / (most - rate)


def failed_until_alone(batch: float) -> float:
    """Invocations that fail until bisect has the one bad record of ``batch`` alone, that one included."""
    return 1 + math.ceil(math.log2(batch))


def concurrency(shards: float, factor: float, readers: float) -> float:
    """Concurrent executions at the most, of all functions that read the stream."""
    return shards * factor * readers


def one_key(shards: float, factor: float, batch: float, batch_ms: float) -> float:
    """Records per second of one partition key, at the most: its batches run one at a time, whatever there is beside them."""
    return capacity(1, batch, batch_ms)


def invocations_an_hour(window: float) -> float:
    """Invocations in an hour of one shard with 5 records per second and a batching ``window`` in seconds. Simulated."""
    from lambdacourse import EventSourceMapping, Function, KinesisStream, poisson, simulate

    worker, trickle = Function("worker", duration=0.1), KinesisStream("clicks", poisson(5))
    run = simulate(EventSourceMapping(worker, trickle, batch_size=10_000, batching_window=window), seconds=3_600, seed=1)
    return run["worker"].invocations


def median_latency_ms(batch_ms: float) -> float:
    """Median time in milliseconds from a record's sending to the end of its batch, of a function with time to spare. Simulated."""
    from lambdacourse import ColdStart, EventSourceMapping, Function, KinesisStream, poisson, simulate

    worker = Function("worker", duration=batch_ms / 1_000, cold_start=ColdStart(init=0))
    run = simulate(EventSourceMapping(worker, KinesisStream("clicks", poisson(50)), batch_size=500), seconds=600, seed=1)
    return 1_000 * run["clicks"].latency(0.5)


def handed_over_again(millions: float, percent: float) -> float:
    """Records of so many millions that come again, counted each time, when ``percent`` of the invocations fail."""
    share = percent / 100
    return 1_000_000 * millions * share / (1 - share)


def capacity_reserved(reserved: float, shards: float, batch: float, batch_ms: float) -> float:
    """Records per second at the most, with a reserved concurrency."""
    return capacity(min(reserved, shards), batch, batch_ms)
