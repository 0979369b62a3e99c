"""A Kinesis or DynamoDB stream in memory that feeds a real handler. Its clock is its own."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.runtime import events
from lambdacourse.runtime.mapping import MOST_BATCHES, Answer, Delivery, Target, arn_of, checkpoint, hand_to


@dataclass
class Record:
    """A record in a stream."""

    sequence: str
    arrived: float
    event: dict[str, Any]


@dataclass
class Shard:
    """A shard: its records that are not finished with, and the batch that is being tried (``trying``, in pieces).

    window, state: of the tumbling window that is open, its number and what the handler has gathered; is_full: it was too much.
    """

    id: str
    records: list[Record] = field(default_factory=list)
    trying: list[Piece] = field(default_factory=list)
    window: int | None = None
    state: Any = field(default_factory=dict)
    is_full: bool = False


@dataclass
class Piece:
    """A batch, or what bisecting left of one: its records and how often it was tried."""

    records: list[Record]
    retries: int = 0
    invocations: int = 0


class LocalStream:
    """A Kinesis stream in memory, or with ``LocalStream.of_table`` a DynamoDB stream, and its event source mapping."""

    def __init__(self, name: str = "clicks", *, shards: int = 1) -> None:
        self.name = checks.name("LocalStream(name", name, "AWS::Kinesis::Stream Name")
        count = checks.whole("LocalStream(shards", shards, "must be a whole number of 1 or more (ShardCount)", least=1)
        self.kind = "kinesis"
        self.arn = events.arn("kinesis", f"stream/{name}")
        self.shards = [Shard(f"shardId-{number:012d}") for number in range(count)]
        self.given_up: list[dict[str, Any]] = []
        self._began = self.now = time.time()
        self._count = 0

    @classmethod
    def of_table(cls, table: str = "orders") -> LocalStream:
        """The stream of a DynamoDB table, with new and old images."""
        stream = cls(table)
        stream.kind = "dynamodb"
        stream.arn = events.arn("dynamodb", f"table/{table}/stream/{events.instant(stream.now)[:-1]}")
        return stream

    def __repr__(self) -> str:
        return f"<LocalStream {self.name!r}: {len(self)} records in {len(self.shards)} shards, {len(self.given_up)} batches given up>"

    def __len__(self) -> int:
        return sum(len(shard.records) for shard in self.shards)

    def wait(self, seconds: float) -> None:
        """Let the stream's clock run by ``seconds``."""
        self.now += checks.number("wait(seconds", seconds, "must be a number of seconds, 0 or more", least=0)

    def put(self, data: Any, key: str = "1") -> str:
        """Put a record into Kinesis; gives its sequence number. ``data`` that is neither text nor bytes is put as its JSON.

        The partition ``key``, by its hash, chooses the shard.
        """
        self._must_be("kinesis", "put")
        raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
        hashed = int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest(), "big")
        shard = self.shards[hashed * len(self.shards) >> 128]
        sequence = str(49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + self._next())
        event = events.kinesis_record(stream=self.name, shard=shard.id, sequence=sequence, key=key, data=raw, arrived=self.now)
        shard.records.append(Record(sequence, self.now, event))
        return sequence

    def change(
        self, keys: Mapping[str, Any], new: Mapping[str, Any] | None = None, old: Mapping[str, Any] | None = None
    ) -> str:
        """A change of a table's item; gives its sequence number. Attributes in DynamoDB's form, such as ``{"Id": {"N": "1"}}``."""
        self._must_be("dynamodb", "change")
        if new is None and old is None:
            raise ValueError("change: give the new image, the old one, or both.")
        number = self._next()
        images = {"Keys": dict(keys)}
        images |= {} if new is None else {"NewImage": dict(new)}
        images |= {} if old is None else {"OldImage": dict(old)}
        name = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        sequence = str(110 + number)
        event = events.dynamodb_record(stream_arn=self.arn, event_id=str(number), name=name, sequence=sequence, images=images)
        self.shards[0].records.append(Record(sequence, self.now, event))
        return sequence

    def deliver(
        self,
        function: Target,
        *,
        batch_size: int = fact("stream_batch_default").value,
        report_batch_item_failures: bool = False,
        bisect_batch_on_function_error: bool = False,
        maximum_retry_attempts: int = fact("stream_retries_default").value,
        maximum_record_age: float = fact("stream_record_age_default").value,
        tumbling_window: int = 0,
        on_failure: Callable[[dict[str, Any]], object] | None = None,
        batches: int = MOST_BATCHES,
    ) -> list[Delivery]:
        """Hand the records over, shard by shard, in order; at most ``batches`` for each shard.

        A failing batch is tried again before anything behind it: with the defaults for ever, so ``batches`` is what ends it.
        What is given up goes to ``given_up`` and to ``on_failure``, as a destination gets it. The arguments are those of
        AWS::Lambda::EventSourceMapping; -1 is no limit.

        With a ``tumbling_window`` of so many seconds a batch lies in one window, a response must have a ``state``, and the
        next event of the window has it. A window is over once a later record is there, or long enough after its end (``wait``
        lets the time pass); then the handler is invoked once more, without records. Above 1 MB of state, that happens early.
        """
        most = fact("stream_batch_maximum").value
        rule = f"must be a whole number from 1 to {most:,} (AWS::Lambda::EventSourceMapping BatchSize)"
        batch_size = checks.whole("deliver(batch_size", batch_size, rule, least=1, most=most)
        most = fact("stream_retries_maximum").value
        rule = f"must be a whole number from -1 (no limit) to {most:,} (MaximumRetryAttempts)"
        retries = checks.whole("deliver(maximum_retry_attempts", maximum_retry_attempts, rule, least=-1, most=most)
        most = fact("stream_record_age_maximum").value
        rule = f"must be -1 (no limit) or a number of seconds up to {most:,} (MaximumRecordAgeInSeconds)"
        age = checks.number("deliver(maximum_record_age", maximum_record_age, rule, least=-1, most=most)
        most = fact("tumbling_window_maximum").value
        rule = f"must be a whole number of seconds from 0 (none) to {most} (TumblingWindowInSeconds)"
        window = checks.whole("deliver(tumbling_window", tumbling_window, rule, least=0, most=most)
        mapping = _Mapping(
            function, report_batch_item_failures, bisect_batch_on_function_error, retries, age, window, on_failure
        )
        deliveries = []
        for shard in self.shards:
            for _ in range(batches):
                self._drop_old(shard, mapping)
                if self._closes(shard, mapping):
                    deliveries.append(self._close(shard, mapping))
                    continue
                if not shard.trying and not shard.records:
                    break
                if not shard.trying:
                    shard.trying = [Piece(self._batch(shard, batch_size, mapping))]
                deliveries.append(self._try(shard, mapping))
        return deliveries

    # Tumbling windows

    def _batch(self, shard: Shard, size: int, mapping: _Mapping) -> list[Record]:
        """The next records, of one window where there are windows."""
        records = shard.records[:size]
        if not mapping.window:
            return records
        return [each for each in records if mapping.window_of(each) == mapping.window_of(records[0])]

    def _closes(self, shard: Shard, mapping: _Mapping) -> bool:
        """Whether the open window is over: its state is too large, a later record is there, or none comes any more."""
        if not mapping.window or shard.window is None or shard.trying:
            return False
        if shard.is_full or shard.records:
            return shard.is_full or mapping.window_of(shard.records[0]) > shard.window
        return self.now >= (shard.window + 1) * mapping.window + fact("tumbling_window_late").value

    def _close(self, shard: Shard, mapping: _Mapping) -> Delivery:
        """The closing invocation of a window, without records. While it fails, nothing goes on."""
        begin, event = self.now, self._event(shard, [], mapping, closing=True)
        answer = self._answer(event, mapping)
        self.wait(answer.seconds)
        if not answer.error:
            shard.state = {}
            shard.window = shard.window if shard.is_full else None
            shard.is_full = False
        outcome = answer.outcome((), ("the window",) if answer.error else ())
        return Delivery(event, outcome, (), (), answer.response, answer.error, begin - self._began)

    def _event(self, shard: Shard, records: Sequence[Record], mapping: _Mapping, closing: bool = False) -> dict[str, Any]:
        event = {"Records": [each.event for each in records]}
        if not mapping.window:
            return event
        return event | events.tumbling_window(
            start=shard.window * mapping.window,
            end=(shard.window + 1) * mapping.window,
            state=shard.state,
            shard=shard.id,
            stream_arn=self.arn,
            is_final=closing and not shard.is_full,
            is_early=closing and shard.is_full,
        )

    def _answer(self, event: dict[str, Any], mapping: _Mapping) -> Answer:
        """What the handler says; with windows, a response without a state is a failure."""
        answer = hand_to(mapping.function, event)
        has_state = isinstance(answer.response, Mapping) and isinstance(answer.response.get("state"), Mapping)
        if mapping.window and not answer.error and not has_state:
            return replace(answer, error="the response has no state, which a tumbling window needs")
        return answer

    def _keep_state(self, shard: Shard, answer: Answer) -> None:
        shard.state = answer.response["state"]
        shard.is_full = len(json.dumps(shard.state).encode()) > fact("tumbling_window_state").value * 1024**2

    def _try(self, shard: Shard, mapping: _Mapping) -> Delivery:
        """Hand over the first piece, and decide how it goes on."""
        piece = shard.trying.pop(0)
        sequences, begin = [each.sequence for each in piece.records], self.now
        if mapping.window:
            shard.window = mapping.window_of(piece.records[0])
        event = self._event(shard, piece.records, mapping)
        answer = self._answer(event, mapping)
        self.wait(answer.seconds + 1.0)  # one poll a second and shard
        piece.invocations += not answer.throttled
        cut = len(sequences)  # how many are finished with
        if answer.error:
            cut = 0
        elif mapping.reporting:
            cut = checkpoint(answer.response, sequences)
        if mapping.window and cut:
            self._keep_state(shard, answer)
        done, left = piece.records[:cut], piece.records[cut:]
        self._finish(shard, done)
        if left:
            rest = Piece(left, piece.retries, piece.invocations)
            shard.trying[:0] = self._again(shard, rest, answer, cut, mapping)
        outcome = answer.outcome(sequences[:cut], sequences[cut:])
        return Delivery(
            event, outcome, tuple(sequences[:cut]), tuple(sequences[cut:]), answer.response, answer.error, begin - self._began
        )

    def _again(self, shard: Shard, rest: Piece, answer: Answer, cut: int, mapping: _Mapping) -> list[Piece]:
        """What is tried next of ``rest``: halves after an exception, with bisect on; else itself, while it has retries."""
        if answer.throttled:
            return [rest]
        if mapping.bisect and answer.error and len(rest.records) > 1:
            half = len(rest.records) // 2
            return [Piece(part, rest.retries) for part in (rest.records[:half], rest.records[half:])]
        if mapping.bisect and cut:
            return [rest]
        if 0 <= mapping.retries <= rest.retries:
            self._give_up(shard, rest, "RetryAttemptsExhausted", mapping, answer)
            return []
        return [Piece(rest.records, rest.retries + 1, rest.invocations)]

    def _drop_old(self, shard: Shard, mapping: _Mapping) -> None:
        """Give up the records at the front that are older than the mapping allows."""
        if mapping.age < 0:
            return
        old = [each for each in shard.records if self.now - each.arrived > mapping.age]
        if not old:
            return
        tried = max((piece.invocations for piece in shard.trying if piece.records[0] in old), default=0)
        self._give_up(shard, Piece(old, 0, tried), "RecordAgeExceeded", mapping, None)
        for piece in shard.trying:
            piece.records = [each for each in piece.records if each not in old]
        shard.trying = [piece for piece in shard.trying if piece.records]

    def _give_up(self, shard: Shard, piece: Piece, condition: str, mapping: _Mapping, answer: Answer | None) -> None:
        record = events.stream_failure(
            kind=self.kind,
            stream_arn=self.arn,
            shard=shard.id,
            records=[(each.sequence, each.arrived) for each in piece.records],
            request_id=str(uuid.uuid4()),
            function_arn=arn_of(mapping.function),
            condition=condition,
            invocations=piece.invocations,
            error="Unhandled" if answer is not None and answer.error else None,
            now=self.now,
        )
        self._finish(shard, piece.records)
        self.given_up.append(record)
        if mapping.on_failure is not None:
            mapping.on_failure(record)

    def _finish(self, shard: Shard, records: Sequence[Record]) -> None:
        gone = {each.sequence for each in records}
        shard.records = [each for each in shard.records if each.sequence not in gone]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _must_be(self, kind: str, method: str) -> None:
        if self.kind != kind:
            other = "change" if method == "put" else "put"
            raise TypeError(f"{method}: this is a {self.kind} stream; use {other}.")


@dataclass(frozen=True)
class _Mapping:
    function: Target
    reporting: bool
    bisect: bool
    retries: int
    age: float
    window: int
    on_failure: Callable[[dict[str, Any]], object] | None

    def window_of(self, record: Record) -> int:
        """The number of the tumbling window in which a record arrived."""
        return math.floor(record.arrived / self.window)
