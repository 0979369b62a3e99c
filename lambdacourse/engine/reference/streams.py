"""A stream's records: in lanes by their keys, read at each poll, handed to the function in batches, in order, until they are done with.

A lane has one batch at a time. What fails is tried again and holds up all that comes after it in its lane: until it succeeds, is
given up by age or after the last retry, or the stream lets it expire.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lambdacourse.engine import history
from lambdacourse.engine.history import Batches, Records
from lambdacourse.engine.plan import Plan
from lambdacourse.engine.reference.limits import Bucket, NoLimit
from lambdacourse.engine.reference.world import Attempt, Work, World
from lambdacourse.engine.streams import (
    DELIVERED,
    DROPPED,
    EXPIRED,
    LATE,
    PENDING,
    PROCESSED,
    READ_CALL_MB,
    READ_MB,
    REFUSED,
    SKIPPED,
    WRITE_BURST,
    WRITE_MB,
    WRITE_RECORDS,
    Reading,
    last_poll,
    next_poll,
)


@dataclass
class Record:
    number: int
    time: float
    lane: int
    poison: bool
    state: int = PENDING
    end: float = math.nan
    handed: int = 0


@dataclass
class Part:
    """The next ``size`` records of a lane, to be handed over together: a batch, or what is left of it.

    attempts: failures so far that count against the retries; repeat: whether the function was handed them before; final: the
    closing invocation of a tumbling window, which has no records.
    """

    size: int
    attempts: int = 0
    repeat: bool = False
    final: bool = False


@dataclass
class Lane:
    """Records of one shard whose keys belong together."""

    number: int
    records: deque[Record] = field(default_factory=deque)
    parts: list[Part] = field(default_factory=list)
    """What has been read and not done with; the last is next."""
    is_idle: bool = True
    """Nothing waits, and nothing is to happen before the next record comes."""
    gathers_since: float | None = None
    """When the batching window opened."""
    window: int | None = None
    """The tumbling window that is open."""
    draw: tuple[float, float, float] | None = None
    """What was drawn for the next invocation: duration, init, failure."""


class Reader:
    """An event source mapping on a stream."""

    def __init__(self, world: World, reading: Reading) -> None:
        self.world, self.reading, self.mapping, self.source = world, reading, reading.mapping, reading.mapping.source
        self.draws = _draws(world.plan, reading)
        self.keys = {flow: world.plan.draw_key(world.plan.flows[flow]) for flow in reading.flows}
        self.poison_times = deque(self.source.poison_at)
        self.lanes = [Lane(number) for number in range(reading.lanes)]
        shards = range(self.source.shards)
        self.reads = [self._bucket(READ_MB / reading.readers, READ_CALL_MB) for _ in shards]
        self.writes_mb = [self._bucket(WRITE_MB, WRITE_MB * WRITE_BURST) for _ in shards]
        self.writes = [self._bucket(WRITE_RECORDS, WRITE_RECORDS * WRITE_BURST) for _ in shards]
        self.records: list[Record] = []
        self.batches: list[tuple] = []
        self.invocations = 0

    def _bucket(self, rate: float, depth: float) -> Bucket | NoLimit:
        return Bucket(rate, depth, self.reading.start) if self.reading.is_kinesis else NoLimit()

    # Sending

    def arrive(self, work: Work) -> None:
        """A record is sent: it is refused, skipped, or stored in its lane, where the next poll finds it."""
        record = Record(
            len(self.records), self.world.now, self.reading.lane(self.keys[work.flow], work.number), self._is_poison(work)
        )
        self.records.append(record)
        shard, size = record.lane // self.reading.factor, self.reading.record_mb
        limits = ((self.writes[shard], 1.0), (self.writes_mb[shard], size))
        if not all(bucket.room(self.world.now) >= amount - 1e-9 for bucket, amount in limits):
            self._end(record, REFUSED)
            return
        for bucket, amount in limits:
            bucket.take(amount)
        if record.time < self.reading.reads_from:
            self._end(record, SKIPPED)
            return
        lane = self.lanes[record.lane]
        lane.records.append(record)
        if lane.is_idle:
            self._wait_for_poll(lane)

    def _is_poison(self, work: Work) -> bool:
        poison = self.reading.is_poison(self.keys[work.flow], work.number)
        if work.flow == self.reading.flows[0]:
            while self.poison_times and self.poison_times[0] <= self.world.now:
                self.poison_times.popleft()
                poison = True
        return poison

    # Reading

    def _next(self, lane: Lane) -> None:
        """The next thing for a lane: what is left of a batch, or a new one."""
        while lane.parts and not lane.parts[-1].size and not lane.parts[-1].final:
            lane.parts.pop()
        if not lane.parts:
            self._read(lane)
        if lane.parts:
            self._try(lane)

    def _read(self, lane: Lane) -> None:
        """Make a batch of what the last poll saw, or wait for the next poll."""
        seen = self._seen(lane)
        seen -= self._give_up_old(lane, seen)
        if self._window_is_over(lane, seen):
            lane.window, lane.gathers_since = None, None
            lane.parts.append(Part(0, final=True))
            return
        if not seen:
            self._wait_for_poll(lane)
            return
        most = self.reading.most_records
        size = self._within_window(lane, min(seen, most))
        if size == min(seen, most) < most and self._gathers(lane):
            return
        shard = lane.number // self.reading.factor
        fits = (self.reads[shard].room(self.world.now) + 1e-9) / self.reading.record_mb
        size = size if fits >= size else int(fits)
        if not size:
            self._wait_for_poll(lane)
            return
        self.reads[shard].take(size * self.reading.record_mb)
        lane.gathers_since = None
        if self.mapping.tumbling_window:
            lane.window = self._window(lane.records[0])
        lane.parts.append(Part(size))

    def _seen(self, lane: Lane) -> int:
        """How many records of the lane the shard's last poll has seen: those sent before it."""
        poll = last_poll(self._first_poll(lane), self.source.polls_per_second, self.world.now)
        seen = 0
        while seen < len(lane.records) and lane.records[seen].time < poll:
            seen += 1
        return seen

    def _gathers(self, lane: Lane) -> bool:
        """Whether the batching window is open; then the lane waits for the next poll, or for its end."""
        if not self.mapping.batching_window:
            return False
        if lane.gathers_since is None:
            lane.gathers_since = self.world.now
        until = lane.gathers_since + self.mapping.batching_window
        if self.world.now >= until:
            return False
        self._wake(lane, min(until, self._next_poll(lane)))
        return True

    def _wait_for_poll(self, lane: Lane) -> None:
        """Sleep until the next poll; without a record and without an open window, until one comes."""
        lane.is_idle = not lane.records and lane.window is None
        if not lane.is_idle:
            self._wake(lane, self._next_poll(lane))

    def _wake(self, lane: Lane, time: float) -> None:
        self.world.at(time, lambda: self._next(lane))

    def _first_poll(self, lane: Lane) -> float:
        return self.reading.first_poll(lane.number // self.reading.factor)

    def _next_poll(self, lane: Lane) -> float:
        return next_poll(self._first_poll(lane), self.source.polls_per_second, self.world.now)

    # Tumbling windows

    def _window(self, record: Record) -> int:
        """The window in which a record was sent."""
        return math.floor(record.time / self.mapping.tumbling_window)

    def _within_window(self, lane: Lane, size: int) -> int:
        """How many of the next ``size`` records lie in one tumbling window."""
        if not self.mapping.tumbling_window:
            return size
        window = self._window(lane.records[0])
        return next((index for index in range(size) if self._window(lane.records[index]) != window), size)

    def _window_is_over(self, lane: Lane, seen: int) -> bool:
        """The open window is over when a record after it was seen, or when none came long enough."""
        if lane.window is None:
            return False
        if seen:
            return self._window(lane.records[0]) > lane.window
        return self.world.now >= (lane.window + 1) * self.mapping.tumbling_window + LATE

    # Invoking

    def _try(self, lane: Lane) -> None:
        part = lane.parts[-1]
        part.size -= self._give_up_old(lane, part.size)
        if not part.size and not part.final:
            self._next(lane)
            return
        lane.draw = lane.draw or next(self.draws)
        duration, init, failure = lane.draw
        failed = self._first_poison(lane, part)
        if failed is not None and not self.mapping.report_batch_item_failures:
            failure = -1.0
        duration += part.size * self.mapping.seconds_per_record
        work = Work(self.reading.flows[0], self.invocations, self.world.now, duration, init, failure, part.attempts)
        attempt = self.world.invoke(work)
        if attempt.is_throttled:
            self._note(lane, part, attempt, None)
            self._wake(lane, self.world.now + self.mapping.retry_wait)
            return
        lane.draw = None
        self.invocations += 1
        failed = failed if attempt.outcome == history.OK else None
        self._note(lane, part, attempt, failed)
        for index in range(part.size):
            lane.records[index].handed += 1
        part.repeat = True
        self.world.at(attempt.finish, lambda: self._finish(lane, part, attempt, failed))

    def _first_poison(self, lane: Lane, part: Part) -> int | None:
        """Where in the part its first poison record is."""
        return next((index for index in range(part.size) if lane.records[index].poison), None)

    def _finish(self, lane: Lane, part: Part, attempt: Attempt, failed: int | None) -> None:
        """The function has answered. A part that has become smaller is tried again at once, one that has not waits."""
        if attempt.outcome == history.OK and failed is None:
            self._take(lane, part, part.size, PROCESSED)
            part.final = False
            self._next(lane)
            return
        bisects = self.mapping.bisect_batch_on_function_error
        if failed:
            self._take(lane, part, failed, PROCESSED)
        if bisects and not failed and part.size > 1:
            first = part.size // 2
            part.size -= first
            lane.parts.append(Part(first, part.attempts, repeat=True))
        elif not (bisects and failed):
            part.attempts += 1
            if part.attempts > self.reading.maximum_retries:
                self._take(lane, part, part.size, self._given_up)
                part.final = False
            elif not failed:
                self._wake(lane, self.world.now + self.mapping.retry_wait)
                return
        self._next(lane)

    def _give_up_old(self, lane: Lane, size: int) -> int:
        """Of the next ``size`` records, give up those that the stream or the mapping holds for too old; how many were there."""
        count = 0
        while count < size:
            age = self.world.now - lane.records[0].time
            if age > self.source.retention:
                state = EXPIRED
            elif age > self.reading.maximum_age:
                state = self._given_up
            else:
                break
            self._end(lane.records.popleft(), state)
            count += 1
        return count

    @property
    def _given_up(self) -> int:
        return DROPPED if self.mapping.on_failure is None else DELIVERED

    def _take(self, lane: Lane, part: Part, size: int, state: int) -> None:
        """The first ``size`` records of a part are done with."""
        for _ in range(size):
            self._end(lane.records.popleft(), state)
        part.size -= size

    def _end(self, record: Record, state: int) -> None:
        record.state, record.end = state, self.world.now

    def _note(self, lane: Lane, part: Part, attempt: Attempt, failed: int | None) -> None:
        first, age = (
            (lane.records[0].number, self.world.now - lane.records[part.size - 1].time) if part.size else (-1, math.nan)
        )
        failed = -1 if failed is None else failed
        row = (self.world.now, lane.number, first, part.size, part.repeat, attempt.outcome, failed, age, part.attempts)
        self.batches.append(row)

    # What happened

    def history(self) -> tuple[Records, Batches]:
        rows = [(each.time, each.lane, each.poison, each.state, each.end, each.handed) for each in self.records]
        kinds = (float, np.int32, bool, np.int8, float, np.int32)
        records = Records(*_columns(rows, kinds))
        kinds = (float, np.int32, np.int64, np.int32, bool, np.int8, np.int32, float, np.int32)
        return records, Batches(*_columns(self.batches, kinds))


def _draws(plan: Plan, reading: Reading) -> Iterator[tuple[float, float, float]]:
    """For one invocation after the other: duration, init, failure."""
    for chunk in plan.draws(plan.flows[reading.flows[0]]):
        yield from zip(chunk.duration.tolist(), chunk.init.tolist(), chunk.failure.tolist(), strict=True)


def _columns(rows: list[tuple], kinds: tuple) -> list[np.ndarray]:
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]
