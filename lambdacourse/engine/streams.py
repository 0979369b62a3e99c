"""Streams, laid out for the engines: where records go, when they are read, what is counted.

A shard's records are shared out among as many lanes as the parallelization factor, by a hash of the partition key: a lane has its own
batches, retries and checkpoint, so order is kept per key (assumption: how AWS shares them out is not published).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lambdacourse.engine.draws import GROUP, RECORD_FAILURE, SPREAD, draw_key, uniform
from lambdacourse.engine.histograms import HISTOGRAM_BINS, histogram_bin
from lambdacourse.engine.history import THROTTLED, Batches, History, Records
from lambdacourse.engine.plan import Plan
from lambdacourse.facts import fact
from lambdacourse.model import EventSourceMapping, KinesisStream

MB = 1024
"""KB in a MB, as AWS counts payloads."""

READ_MB, READ_CALL_MB = float(fact("kinesis_shard_read_mb").value), float(fact("kinesis_read_mb").value)
"""MB a second that a Kinesis shard gives out to all its readers, and the most that it gives at once."""

WRITE_MB, WRITE_RECORDS = float(fact("kinesis_shard_write_mb").value), float(fact("kinesis_shard_write_records").value)
WRITE_BURST = float(fact("kinesis_write_burst").value)
"""Per second and shard; the burst is in seconds (assumption)."""

LATE = float(fact("tumbling_window_late").value)
"""Seconds after the end of a tumbling window at which it is over, when no later record has shown that it is."""

MOST_WAITING = 100_000_000
"""Records that may wait at once: at 16 bytes each, 1.6 GB."""

# Where a record is. From PROCESSED on it stays there; a refused one never came into the stream.
PENDING, PROCESSED, DELIVERED, DROPPED, EXPIRED, SKIPPED, REFUSED = range(7)

# Columns of the bins. The first are those of the states, so that a state is its own column; SENT stands where PENDING would.
SENT = PENDING
HANDED, REPEATED, BATCHES, AGES, AGE_SUM, AGE_MAX, BACKLOG_MAX, COLUMNS = range(7, 15)


@dataclass(frozen=True)
class StreamTally:
    """What happened to a stream's records at one mapping.

    bins
        (bins + 1) x COLUMNS, by the time at which it happened.
    age, latency
        Histograms of seconds: the iterator age of each invocation, and from sending to the end of the batch that processed it.
    backlog
        Records in the stream that the mapping has not done with, at the end of the run.
    batches, records
        Every one, when asked for.
    """

    bins: np.ndarray
    age: np.ndarray
    latency: np.ndarray
    backlog: int
    batches: Batches | None = None
    records: Records | None = None

    def total(self, column: int) -> int:
        return int(self.bins[:, column].sum())

    @property
    def backlog_at_start(self) -> int:
        return self.backlog - self.total(SENT) + sum(self.total(state) for state in range(PROCESSED, REFUSED))


@dataclass(frozen=True)
class Reading:
    """One mapping on a stream, as the engines need it. Seconds, MB; infinite where there is no limit."""

    mapping: EventSourceMapping
    flows: tuple[int, ...]
    seed: int
    start: float
    readers: int
    spread_key: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spread_key", draw_key(self.seed, self.mapping.source.name))

    @property
    def factor(self) -> int:
        return self.mapping.parallelization_factor

    @property
    def lanes(self) -> int:
        return self.mapping.source.shards * self.factor

    @property
    def is_kinesis(self) -> bool:
        return isinstance(self.mapping.source, KinesisStream)

    @property
    def begins(self) -> float:
        """When polling begins."""
        created = self.mapping.created_at
        return self.start if created is None else max(created, self.start)

    @property
    def reads_from(self) -> float:
        """Records sent before are skipped."""
        position = self.mapping.starting_position
        if position == "AT_TIMESTAMP":
            return self.mapping.starting_position_timestamp
        return self.begins if position == "LATEST" else -math.inf

    @property
    def record_mb(self) -> float:
        return self.mapping.source.record_kb / MB

    @property
    def most_records(self) -> int:
        """In one batch: its size, or what the payload holds."""
        return min(self.mapping.batch_size, int(fact("batch_payload").value / self.record_mb * (1 + 1e-12)))

    @property
    def maximum_age(self) -> float:
        age = self.mapping.maximum_record_age
        return math.inf if age is None else age

    @property
    def maximum_retries(self) -> float:
        retries = self.mapping.maximum_retry_attempts
        return math.inf if retries is None else retries

    @property
    def capacity(self) -> float:
        """Records a second that all lanes can process when their batches are full."""
        seconds = self.mapping.function.duration.mean + self.most_records * self.mapping.seconds_per_record
        return self.lanes * self.most_records / seconds if seconds else math.inf

    def first_poll(self, shard: int) -> float:
        """The shards are polled one after the other, evenly spread (assumption)."""
        source = self.mapping.source
        return self.begins + shard / source.shards / source.polls_per_second

    def lane(self, key: int, number: int) -> int:
        """The lane of the ``number``th record of the flow whose draws have ``key``."""
        source = self.mapping.source
        if source.hot_key and uniform(key, number, 1, GROUP) < source.hot_key:
            partition = source.keys
        else:
            partition = int(uniform(key, number, 0, GROUP) * source.keys)
        shard = int(uniform(self.spread_key, partition, 0, SPREAD) * source.shards)
        return shard * self.factor + int(uniform(self.spread_key, partition, 1, SPREAD) * self.factor)

    def is_poison(self, key: int, number: int) -> bool:
        rate = self.mapping.source.poison_rate
        return rate > 0 and uniform(key, number, 0, RECORD_FAILURE) < rate


def readings(plan: Plan) -> list[Reading]:
    """The mappings on streams, in the order of the plan."""
    found: dict[int, list[int]] = {}
    for number, flow in enumerate(plan.flows):
        if flow.is_of_stream:
            found.setdefault(id(flow.trigger), []).append(number)
    mappings = [plan.flows[numbers[0]].trigger for numbers in found.values()]
    return [
        Reading(
            mapping,
            tuple(numbers),
            plan.seed,
            -plan.warm_up,
            sum(other.source.name == mapping.source.name for other in mappings),
        )
        for mapping, numbers in zip(mappings, found.values(), strict=True)
    ]


def refuse_too_large(plan: Plan) -> None:
    """``ValueError`` when more records than memory holds would wait: of what comes, what a mapping cannot process, for so long."""
    for reading in readings(plan):
        times = np.linspace(-plan.warm_up, plan.seconds, 257)
        rate = float(sum(np.mean(plan.flows[flow].traffic.rate(times)) for flow in reading.flows))
        kept = min(plan.seconds + plan.warm_up, reading.mapping.source.retention)
        waiting = (rate - reading.capacity) * kept
        if waiting > MOST_WAITING:
            raise ValueError(
                f"About {waiting:,.0f} records of {reading.mapping.source.name!r} would wait at once, more than the "
                f"{MOST_WAITING:,} that fit into memory: {rate:,.0f} a second come, and {reading.mapping.function.name!r} processes "
                f"at most {reading.capacity:,.0f}. Make the run shorter, or raise shards, batch_size or parallelization_factor."
            )


def last_poll(first: float, per_second: float, now: float) -> float:
    """The last of the polls, from ``first`` on so many a second, that is not after ``now``; minus infinity when there is none."""
    if now < first:
        return -math.inf
    index = int((now - first) * per_second)
    if first + (index + 1) / per_second <= now:
        index += 1
    elif first + index / per_second > now:
        index -= 1
    return first + index / per_second


def next_poll(first: float, per_second: float, now: float) -> float:
    """The first of the polls that is after ``now``."""
    if now < first:
        return first
    index = int((now - first) * per_second) + 1
    if first + (index - 1) / per_second > now:
        index -= 1
    elif first + index / per_second <= now:
        index += 1
    return first + index / per_second


def tally_streams(history: History, plan: Plan) -> tuple[StreamTally, ...]:
    """The figures of all mappings on streams, from all that happened."""
    return tuple(tally_stream(records, batches, plan) for records, batches in history.streams)


def tally_stream(records: Records, batches: Batches, plan: Plan) -> StreamTally:
    """The figures from the list of all records and batches: for the reference, and as a second way to count."""
    bins = np.zeros((plan.bins + 1, COLUMNS))
    age, latency = np.zeros((2, HISTOGRAM_BINS), np.int64)

    def add(column: int, times: np.ndarray, amount: np.ndarray | None = None) -> None:
        counted = times >= 0
        weights = None if amount is None else amount[counted]
        bins[:, column] += np.bincount(plan.bin_of(times[counted]), weights, minlength=len(bins))

    accepted = records.state != REFUSED
    add(SENT, records.time[accepted])
    for state in range(PROCESSED, REFUSED + 1):
        add(state, records.end[records.state == state])
    _add_peaks(bins[:, BACKLOG_MAX], records, plan)
    done = (records.state == PROCESSED) & (records.end >= 0)
    np.add.at(latency, histogram_bin((records.end - records.time)[done]), 1)

    ran = batches.outcome < THROTTLED
    add(BATCHES, batches.time[ran])
    add(HANDED, batches.time[ran], batches.size[ran])
    add(REPEATED, batches.time[ran], (batches.size * batches.repeat)[ran])
    aged = ran & (batches.size > 0)
    add(AGES, batches.time[aged])
    add(AGE_SUM, batches.time[aged], batches.age[aged])
    counted = aged & (batches.time >= 0)
    np.maximum.at(bins[:, AGE_MAX], plan.bin_of(batches.time[counted]), batches.age[counted])
    np.add.at(age, histogram_bin(batches.age[counted]), 1)
    return StreamTally(bins, age, latency, int((records.state == PENDING).sum()), batches, records)


def _add_peaks(peaks: np.ndarray, records: Records, plan: Plan) -> None:
    """The most records at once in each bin in which one was sent. What ends at the moment of a sending has ended before it."""
    stayed = ~np.isin(records.state, (REFUSED, SKIPPED))
    sent, ended = records.time[stayed], np.sort(records.end[stayed & (records.state != PENDING)])
    backlog = np.arange(1, sent.size + 1) - np.searchsorted(ended, sent, side="right")
    counted = sent >= 0
    np.maximum.at(peaks, plan.bin_of(sent[counted]), backlog[counted])
