"""The twin of ``reference.streams``: lanes of records, linked through one array of slots, so that memory is what the backlog needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lambdacourse.engine.draws import GROUP, RECORD_FAILURE, SPREAD
from lambdacourse.engine.histograms import HISTOGRAM_BINS
from lambdacourse.engine.history import OK, THROTTLED, Batches, Records
from lambdacourse.engine.kernel.compiling import compiled, inlined
from lambdacourse.engine.kernel.draws import uniform
from lambdacourse.engine.kernel.environments import histogram_bin, serve
from lambdacourse.engine.kernel.state import DONE, NEEDS_DRAWS, NEEDS_KEPT, NEEDS_RECORDS, NONE, STREAMS, longer
from lambdacourse.engine.kernel.timers import set_timer
from lambdacourse.engine.plan import Plan
from lambdacourse.engine.streams import (
    AGE_MAX,
    AGE_SUM,
    AGES,
    BACKLOG_MAX,
    BATCHES,
    COLUMNS,
    DELIVERED,
    DROPPED,
    EXPIRED,
    HANDED,
    LATE,
    PENDING,
    PROCESSED,
    READ_CALL_MB,
    READ_MB,
    REFUSED,
    REPEATED,
    SENT,
    SKIPPED,
    WRITE_BURST,
    WRITE_MB,
    WRITE_RECORDS,
    StreamTally,
    last_poll,
    next_poll,
    readings,
)
from lambdacourse.engine.tally import ARRIVALS
from lambdacourse.model.traffic import CHUNK

WAKE, ANSWER = np.int64(STREAMS), np.int64(STREAMS + 1)
"""Timers: a lane looks for its next batch; the function has answered a lane."""

DEPTH = 18
"""Parts of one batch at a time at the most: each halving adds one, and a batch has up to 10,000 records."""

NO_WINDOW = np.iinfo(np.int64).min

# As int64: for each plain number in a call, numba would compile what is called once more.
_NOTHING, _PROCESSED, _EXPIRED, _SKIPPED, _REFUSED = (np.int64(each) for each in (0, PROCESSED, EXPIRED, SKIPPED, REFUSED))

RECORD = np.dtype([("time", "f8"), ("next", "i4"), ("poison", "i4")], align=True)

LANE = np.dtype(
    [
        ("reader", "i8"), ("shard", "i8"), ("head", "i8"), ("tail", "i8"), ("edge", "i8"), ("count", "i8"), ("seen", "i8"),
        ("parts", "i8"), ("idle", "i8"), ("gathers", "i8"), ("gathers_since", "f8"), ("window", "i8"), ("drawn", "i8"),
        ("duration", "f8"), ("init", "f8"), ("failure", "f8"), ("outcome", "i8"), ("failed", "i8"),
    ],
    align=True,
)  # fmt: skip
"""Its records from ``head`` to ``tail``, of which the polls have ``seen`` those up to ``edge``; the rest as in the reference."""

PART = np.dtype([("size", "i8"), ("attempts", "i8"), ("repeat", "i8"), ("final", "i8")], align=True)

SHARD = np.dtype(
    [("first_poll", "f8"), *((f"{name}_{part}", "f8") for name in ("read", "write", "write_mb") for part in ("at", "tokens"))],
    align=True,
)  # fmt: skip

READER = np.dtype(
    [
        ("flow", "i8"), ("first_lane", "i8"), ("first_shard", "i8"), ("shards", "i8"), ("factor", "i8"), ("keys", "i8"),
        ("hot_key", "f8"), ("spread_key", "u8"), ("poison_rate", "f8"), ("next_poison", "i8"), ("poisons", "i8"),
        ("limited", "i8"), ("read_rate", "f8"), ("record_mb", "f8"), ("reads_from", "f8"), ("polls", "f8"), ("most", "i8"),
        ("window", "f8"), ("tumbling", "f8"), ("per_record", "f8"), ("reports", "i8"), ("bisects", "i8"), ("retries", "f8"),
        ("maximum_age", "f8"), ("retention", "f8"), ("retry_wait", "f8"), ("given_up", "i8"), ("numbers", "i8"),
        ("invocations", "i8"), ("backlog", "i8"),
    ],
    align=True,
)  # fmt: skip

STREAM = np.dtype([("free", "i8"), ("batches", "i8")], align=True)

BATCH = np.dtype(
    [
        ("reader", "i8"), ("time", "f8"), ("lane", "i4"), ("size", "i4"), ("first", "i8"), ("repeat", "?"), ("outcome", "i1"),
        ("failed", "i4"), ("age", "f8"), ("attempt", "i4"),
    ],
    align=True,
)  # fmt: skip

KEPT = np.dtype(
    [("time", "f8"), ("lane", "i4"), ("poison", "?"), ("state", "i1"), ("end", "f8"), ("handed", "i4")], align=True
)  # fmt: skip


class Streams(NamedTuple):
    """All mappings on streams. ``reader_of``: the reader of each flow. ``numbers`` and ``kept`` are used when recording alone."""

    state: np.ndarray
    readers: np.ndarray
    reader_of: np.ndarray
    shards: np.ndarray
    lanes: np.ndarray
    parts: np.ndarray
    records: np.ndarray
    numbers: np.ndarray
    poison_times: np.ndarray
    bins: np.ndarray
    age: np.ndarray
    latency: np.ndarray
    batches: np.ndarray
    kept: np.ndarray


_last_poll, _next_poll = inlined(last_poll), inlined(next_poll)


@inlined
def stream_room(core, lanes, streams):
    """Whether there is room for whatever comes next: what is needed, and for which flow."""
    recording = core.clocks[0].recording
    if streams.state[0].free == NONE:
        return NEEDS_RECORDS, _NOTHING
    if recording and streams.state[0].batches >= len(streams.batches):
        return NEEDS_KEPT, _NOTHING
    for which in range(len(streams.readers)):
        reader = streams.readers[which]
        if lanes.drawn[reader.flow] >= CHUNK:
            return NEEDS_DRAWS, reader.flow
        if recording and reader.numbers >= streams.kept.shape[1]:
            return NEEDS_KEPT, _NOTHING
    return DONE, _NOTHING


@inlined
def record_arrives(core, streams, more, flow, now):
    """A record is sent: it is refused, skipped, or stored in its lane, where the next poll finds it."""
    clock, settings = core.clocks[0], core.flows[flow]
    which = streams.reader_of[flow]
    reader = streams.readers[which]
    place = _lane_of(reader, settings.key, settings.arrived)
    poison = _is_poison(streams, reader, which, flow, settings, now)
    lane = streams.lanes[reader.first_lane + place]
    counted, index = now >= 0.0, clock.bin
    number = reader.numbers
    reader.numbers += 1
    if clock.recording:
        entry = streams.kept[which, number]
        entry.time, entry.lane, entry.poison, entry.state, entry.end, entry.handed = now, place, poison, PENDING, np.nan, 0
    if reader.limited and not _takes_in(streams.shards[lane.shard], reader, now):
        _end(core, streams, which, number, now, _REFUSED)
        return
    if counted:
        streams.bins[which, index, SENT] += 1
    if now < reader.reads_from:
        _end(core, streams, which, number, now, _SKIPPED)
        return
    slot = streams.state[0].free
    streams.state[0].free = streams.records[slot].next
    streams.records[slot].time, streams.records[slot].next, streams.records[slot].poison = now, NONE, poison
    if clock.recording:
        streams.numbers[slot] = number
    if lane.count == 0:
        lane.head = slot
    else:
        streams.records[lane.tail].next = slot
    lane.tail = slot
    lane.count += 1
    reader.backlog += 1
    if counted:
        streams.bins[which, index, BACKLOG_MAX] = max(streams.bins[which, index, BACKLOG_MAX], reader.backlog)
    if lane.idle:
        _wait_for_poll(core, streams, more, reader.first_lane + place, now)


@inlined
def _lane_of(reader, key, number):
    partition = reader.keys
    if reader.hot_key == 0.0 or uniform(key, number, 1, GROUP) >= reader.hot_key:
        partition = int(uniform(key, number, 0, GROUP) * reader.keys)
    shard = int(uniform(reader.spread_key, partition, 0, SPREAD) * reader.shards)
    return shard * reader.factor + int(uniform(reader.spread_key, partition, 1, SPREAD) * reader.factor)


@inlined
def _is_poison(streams, reader, which, flow, settings, now):
    poison = reader.poison_rate > 0.0 and uniform(settings.key, settings.arrived, 0, RECORD_FAILURE) < reader.poison_rate
    if flow == reader.flow:
        while reader.next_poison < reader.poisons and streams.poison_times[which, reader.next_poison] <= now:
            reader.next_poison += 1
            poison = True
    return poison


@inlined
def _takes_in(shard, reader, now):
    """Whether the shard takes in one more record; then it has."""
    shard.write_tokens = min(WRITE_RECORDS * WRITE_BURST, shard.write_tokens + (now - shard.write_at) * WRITE_RECORDS)
    shard.write_at = now
    if shard.write_tokens < 1.0 - 1e-9:
        return False
    shard.write_mb_tokens = min(WRITE_MB * WRITE_BURST, shard.write_mb_tokens + (now - shard.write_mb_at) * WRITE_MB)
    shard.write_mb_at = now
    if shard.write_mb_tokens < reader.record_mb - 1e-9:
        return False
    shard.write_tokens -= 1.0
    shard.write_mb_tokens -= reader.record_mb
    return True


@compiled
def turn(core, streams, more, lanes, now, kind, which_lane):
    """A lane's turn: the function has answered, or a wait is over; then the next thing, what is left of a batch or a new one."""
    lane = streams.lanes[which_lane]
    if kind == ANSWER and not _answered(core, streams, more, now, which_lane):
        return
    while True:
        while lane.parts > 0 and _top(streams, which_lane).size == 0 and not _top(streams, which_lane).final:
            lane.parts -= 1
        if lane.parts == 0 and not _read(core, streams, more, which_lane, now):
            return
        part = _top(streams, which_lane)
        part.size -= _give_up_old(core, streams, lane, now, part.size)
        if part.size > 0 or part.final:
            break
    _invoke(core, streams, more, lanes, which_lane, now)


@inlined
def _answered(core, streams, more, now, which_lane):
    """What the answer does to a part, and whether to go on at once: a part that has not become smaller waits."""
    lane, part = streams.lanes[which_lane], _top(streams, which_lane)
    reader, failed = streams.readers[lane.reader], lane.failed
    if lane.outcome == OK and failed == NONE:
        _take(core, streams, lane, part, part.size, now, _PROCESSED)
        part.final = 0
        return True
    if failed > 0:
        _take(core, streams, lane, part, failed, now, _PROCESSED)
    if reader.bisects and failed <= 0 and part.size > 1:
        first, attempts = part.size // 2, part.attempts
        part.size -= first
        half = _push(streams, which_lane, first)
        half.attempts, half.repeat = attempts, 1
    elif not (reader.bisects and failed > 0):
        part.attempts += 1
        if part.attempts > reader.retries:
            _take(core, streams, lane, part, part.size, now, reader.given_up)
            part.final = 0
        elif failed <= 0:
            set_timer(more.timers, core.clocks[0], now + reader.retry_wait, WAKE, which_lane)
            return False
    return True


@inlined
def _top(streams, which_lane):
    return streams.parts[which_lane, streams.lanes[which_lane].parts - 1]


@inlined
def _push(streams, which_lane, size):
    """One more part, to be handed over before the others."""
    lane = streams.lanes[which_lane]
    part = streams.parts[which_lane, lane.parts]
    lane.parts += 1
    part.size, part.attempts, part.repeat, part.final = size, 0, 0, 0
    return part


@inlined
def _read(core, streams, more, which_lane, now):
    """Make a batch of what the last poll saw, and say so; or wait for the next poll."""
    lane = streams.lanes[which_lane]
    reader, shard = streams.readers[lane.reader], streams.shards[lane.shard]
    _see(streams, lane, _last_poll(shard.first_poll, reader.polls, now))
    _give_up_old(core, streams, lane, now, lane.seen)
    if _window_is_over(streams, reader, lane, now):
        lane.window, lane.gathers = NO_WINDOW, 0
        _push(streams, which_lane, _NOTHING).final = 1
        return True
    if lane.seen == 0:
        _wait_for_poll(core, streams, more, which_lane, now)
        return False
    there = min(lane.seen, reader.most)
    size = _within_window(streams, reader, lane, there)
    if size == there and there < reader.most and reader.window > 0.0:
        if not lane.gathers:
            lane.gathers, lane.gathers_since = 1, now
        until = lane.gathers_since + reader.window
        if now < until:
            set_timer(
                more.timers, core.clocks[0], min(until, _next_poll(shard.first_poll, reader.polls, now)), WAKE, which_lane
            )
            return False
    if reader.limited:
        shard.read_tokens = min(READ_CALL_MB, shard.read_tokens + (now - shard.read_at) * reader.read_rate)
        shard.read_at = now
        fits = (shard.read_tokens + 1e-9) / reader.record_mb
        if fits < size:
            size = int(fits)
        if size == 0:
            _wait_for_poll(core, streams, more, which_lane, now)
            return False
        shard.read_tokens -= size * reader.record_mb
    lane.gathers = 0
    if reader.tumbling > 0.0:
        lane.window = int(np.floor(streams.records[lane.head].time / reader.tumbling))
    _push(streams, which_lane, size)
    return True


@inlined
def _see(streams, lane, poll):
    """The poll sees the records that were sent before it."""
    following = lane.head if lane.seen == 0 else streams.records[lane.edge].next
    while lane.seen < lane.count and streams.records[following].time < poll:
        lane.edge = following
        lane.seen += 1
        following = streams.records[following].next


@inlined
def _window_is_over(streams, reader, lane, now):
    """The open window is over when a record after it was seen, or when none came long enough."""
    if lane.window == NO_WINDOW:
        return False
    if lane.seen > 0:
        return int(np.floor(streams.records[lane.head].time / reader.tumbling)) > lane.window
    return now >= (lane.window + 1) * reader.tumbling + LATE


@inlined
def _within_window(streams, reader, lane, size):
    """How many of the next ``size`` records lie in one tumbling window."""
    if reader.tumbling == 0.0:
        return size
    slot = lane.head
    window = np.floor(streams.records[slot].time / reader.tumbling)
    for index in range(1, size):
        slot = streams.records[slot].next
        if np.floor(streams.records[slot].time / reader.tumbling) != window:
            return index
    return size


@inlined
def _wait_for_poll(core, streams, more, which_lane, now):
    """Sleep until the next poll; without a record and without an open window, until one comes."""
    lane = streams.lanes[which_lane]
    lane.idle = lane.count == 0 and lane.window == NO_WINDOW
    if not lane.idle:
        polls = streams.readers[lane.reader].polls
        time = _next_poll(streams.shards[lane.shard].first_poll, polls, now)
        set_timer(more.timers, core.clocks[0], time, WAKE, which_lane)


@inlined
def _invoke(core, streams, more, lanes, which_lane, now):
    """Hand the next part of a lane to the function."""
    clock = core.clocks[0]
    lane, part = streams.lanes[which_lane], _top(streams, which_lane)
    which = lane.reader
    reader = streams.readers[which]
    if not lane.drawn:
        at = lanes.drawn[reader.flow]
        lane.duration, lane.init = lanes.duration[reader.flow, at], lanes.init[reader.flow, at]
        lane.failure = lanes.failure[reader.flow, at]
        lanes.drawn[reader.flow] = at + 1
        lane.drawn = 1
    if now >= 0.0:
        core.bins[core.flows[reader.flow].row, clock.bin, ARRIVALS] += 1
    failed, last = _look_through(streams, lane, part.size)
    failure = -1.0 if failed != NONE and not reader.reports else lane.failure
    duration = lane.duration + part.size * reader.per_record
    outcome, starting, seconds, _, _ = serve(
        core, more, reader.flow, reader.invocations, part.attempts, now, now, duration, lane.init, failure
    )
    if outcome != OK:
        failed = NONE
    age = np.nan if part.size == 0 else now - last
    if clock.recording:
        _keep_batch(streams, which_lane, now, outcome, failed, age)
    if outcome >= THROTTLED:
        set_timer(more.timers, clock, now + reader.retry_wait, WAKE, which_lane)
        return
    lane.drawn = 0
    reader.invocations += 1
    if clock.recording:
        _count_handed(streams, lane, part.size)
    if now >= 0.0:
        bins = streams.bins[which, clock.bin]
        bins[BATCHES] += 1
        bins[HANDED] += part.size
        if part.repeat:
            bins[REPEATED] += part.size
        if part.size > 0:
            bins[AGES] += 1
            bins[AGE_SUM] += age
            bins[AGE_MAX] = max(bins[AGE_MAX], age)
            streams.age[which, histogram_bin(age, core)] += 1
    part.repeat = 1
    lane.outcome, lane.failed = outcome, failed
    set_timer(more.timers, clock, now + starting + seconds, ANSWER, which_lane)


@inlined
def _look_through(streams, lane, size):
    """Where the first poison record of the next ``size`` is, or NONE; and when the last of them was sent."""
    failed, last, slot = NONE, 0.0, lane.head
    for index in range(size):
        if failed == NONE and streams.records[slot].poison:
            failed = index
        last = streams.records[slot].time
        slot = streams.records[slot].next
    return failed, last


@inlined
def _count_handed(streams, lane, size):
    slot = lane.head
    for _ in range(size):
        streams.kept[lane.reader, streams.numbers[slot]].handed += 1
        slot = streams.records[slot].next


@inlined
def _keep_batch(streams, which_lane, now, outcome, failed, age):
    lane, part = streams.lanes[which_lane], _top(streams, which_lane)
    entry = streams.batches[streams.state[0].batches]
    streams.state[0].batches += 1
    entry.reader, entry.time, entry.lane = lane.reader, now, which_lane - streams.readers[lane.reader].first_lane
    entry.first = NONE if part.size == 0 else streams.numbers[lane.head]
    entry.size, entry.repeat, entry.outcome, entry.failed = part.size, part.repeat, outcome, failed
    entry.age, entry.attempt = age, part.attempts


@inlined
def _give_up_old(core, streams, lane, now, size):
    """Of the next ``size`` records, give up those that the stream or the mapping holds for too old; how many were there."""
    reader = streams.readers[lane.reader]
    count = 0
    while count < size:
        age = now - streams.records[lane.head].time
        if age > reader.retention:
            _pop(core, streams, lane, now, _EXPIRED)
        elif age > reader.maximum_age:
            _pop(core, streams, lane, now, reader.given_up)
        else:
            break
        count += 1
    return count


@inlined
def _take(core, streams, lane, part, size, now, state):
    """The first ``size`` records of a part are done with."""
    for _ in range(size):
        _pop(core, streams, lane, now, state)
    part.size -= size


@inlined
def _pop(core, streams, lane, now, state):
    """A lane's first record is done with."""
    slot = lane.head
    which = lane.reader
    if state == _PROCESSED and now >= 0.0:
        streams.latency[which, histogram_bin(now - streams.records[slot].time, core)] += 1
    _end(core, streams, which, streams.numbers[slot] if core.clocks[0].recording else 0, now, state)
    lane.head = streams.records[slot].next
    streams.records[slot].next = streams.state[0].free
    streams.state[0].free = slot
    lane.count -= 1
    lane.seen -= 1
    streams.readers[which].backlog -= 1


@inlined
def _end(core, streams, which, number, now, state):
    clock = core.clocks[0]
    if now >= 0.0:
        streams.bins[which, clock.bin, state] += 1
    if clock.recording:
        streams.kept[which, number].state = state
        streams.kept[which, number].end = now


def prepare_streams(plan: Plan, record: bool) -> Streams | None:
    """The state of all mappings on streams, before the run; ``None`` when there is none."""
    mappings = readings(plan)
    if not mappings:
        return None
    readers = np.zeros(len(mappings), READER)
    reader_of = np.full(len(plan.flows), NONE)
    poisons = max(len(reading.mapping.source.poison_at) for reading in mappings)
    poison_times = np.full((len(mappings), max(poisons, 1)), np.inf)
    lanes, shards = [], []
    for number, (reader, reading) in enumerate(zip(readers, mappings, strict=True)):
        mapping, source = reading.mapping, reading.mapping.source
        reader_of[list(reading.flows)] = number
        poison_times[number, : len(source.poison_at)] = source.poison_at
        reader["flow"], reader["first_lane"], reader["first_shard"] = (
            reading.flows[0],
            sum(map(len, lanes)),
            sum(map(len, shards)),
        )
        reader["shards"], reader["factor"], reader["keys"] = source.shards, reading.factor, source.keys
        reader["hot_key"], reader["spread_key"] = source.hot_key, reading.spread_key
        reader["poison_rate"], reader["poisons"] = source.poison_rate, len(source.poison_at)
        reader["limited"], reader["read_rate"] = reading.is_kinesis, READ_MB / reading.readers
        reader["record_mb"], reader["reads_from"], reader["polls"] = (
            reading.record_mb,
            reading.reads_from,
            source.polls_per_second,
        )
        reader["most"], reader["window"] = reading.most_records, mapping.batching_window
        reader["tumbling"], reader["per_record"] = mapping.tumbling_window, mapping.seconds_per_record
        reader["reports"], reader["bisects"] = mapping.report_batch_item_failures, mapping.bisect_batch_on_function_error
        reader["retries"], reader["maximum_age"] = reading.maximum_retries, reading.maximum_age
        reader["retention"], reader["retry_wait"] = source.retention, mapping.retry_wait
        reader["given_up"] = DROPPED if mapping.on_failure is None else DELIVERED
        mine = np.zeros(reading.lanes, LANE)
        mine["reader"], mine["idle"], mine["window"] = number, 1, NO_WINDOW
        mine["shard"] = reader["first_shard"] + np.arange(reading.lanes) // reading.factor
        lanes.append(mine)
        mine = np.zeros(source.shards, SHARD)
        mine["first_poll"] = [reading.first_poll(shard) for shard in range(source.shards)]
        for name, depth in (
            ("read", READ_CALL_MB),
            ("write", WRITE_RECORDS * WRITE_BURST),
            ("write_mb", WRITE_MB * WRITE_BURST),
        ):
            mine[f"{name}_at"], mine[f"{name}_tokens"] = reading.start, depth
        shards.append(mine)
    lanes, shards = np.concatenate(lanes), np.concatenate(shards)
    state = np.zeros(1, STREAM)
    state["free"] = NONE
    bins = np.zeros((len(mappings), plan.bins + 1, COLUMNS))
    age, latency = np.zeros((2, len(mappings), HISTOGRAM_BINS), np.int64)
    room = CHUNK if record else 0
    return Streams(
        state, readers, reader_of, shards, lanes, np.zeros((len(lanes), DEPTH), PART), np.zeros(0, RECORD),
        np.zeros(0, np.int64), poison_times, bins, age, latency, np.zeros(room, BATCH), np.zeros((len(mappings), room), KEPT),
    )  # fmt: skip


def more_records(streams: Streams, record: bool) -> Streams:
    """Room for more records; called when no slot is free."""
    old = len(streams.records)
    records = longer(streams.records, max(old, CHUNK))
    records["next"][old:] = np.arange(old + 1, len(records) + 1)
    records["next"][-1] = NONE
    streams.state["free"] = old
    numbers = np.zeros(len(records) if record else 0, np.int64)
    numbers[: len(streams.numbers)] = streams.numbers
    return streams._replace(records=records, numbers=numbers)


def more_kept(streams: Streams) -> Streams:
    """Room to keep more records and batches."""
    batches, kept = longer(streams.batches, len(streams.batches)), longer(streams.kept, streams.kept.shape[1])
    return streams._replace(batches=batches, kept=kept)


def stream_tallies(streams: Streams | None, record: bool) -> tuple[StreamTally, ...]:
    """What happened, after the run."""
    if streams is None:
        return ()
    found = []
    for number, reader in enumerate(streams.readers):
        batches = records = None
        if record:
            log = streams.batches[: streams.state["batches"][0]]
            log = log[log["reader"] == number]
            batches = Batches(*(log[name].copy() for name in Batches.__dataclass_fields__))
            kept = streams.kept[number, : reader["numbers"]]
            records = Records(*(kept[name].copy() for name in Records.__dataclass_fields__))
        counts = streams.bins[number], streams.age[number], streams.latency[number], int(reader["backlog"])
        found.append(StreamTally(*counts, batches, records))
    return tuple(found)
