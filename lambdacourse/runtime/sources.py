"""A queue and a stream in memory, and the event source mapping between them and a real handler.

They hand over AWS's event shapes and act on the answer by AWS's rules: what is deleted, what comes back, where a stream goes on.
Their clocks are their own: waiting for a visibility timeout takes no time here. One batch is delivered after the other; how many
at once and how fast is the simulator's matter.

The handler is a ``LocalLambda``, or a plain function of ``(event, context)``.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.runtime import events
from lambdacourse.runtime.local import LocalLambda

Target = LocalLambda | Callable[[Any, Any], Any]
MOST_BATCHES = 100
"""How many batches one ``deliver`` hands over at the most: a message that always fails may come back for days."""


@dataclass(frozen=True)
class Delivery:
    """One batch that was handed to the handler, and what came of it.

    outcome
        ``"success"``, ``"partial"``, ``"failure"`` or ``"throttled"`` (then the handler did not run).
    done, failed
        Message ids or sequence numbers: what the batch was finished with, and what comes again (or was given up).
    response, error
        What the handler returned; the error's text when it failed.
    time
        When, in seconds of the source's clock since it was made.
    """

    event: dict[str, Any] = field(repr=False)
    outcome: str
    done: tuple[str, ...]
    failed: tuple[str, ...]
    response: Any = field(repr=False)
    error: str | None
    time: float


@dataclass
class Message:
    """A message in a queue, as a consumer finds it."""

    id: str
    body: str
    sent: float
    attributes: dict[str, Any]
    group: str | None = None
    deduplication_id: str | None = None
    sequence: str | None = None
    receive_count: int = 0
    first_received: float = 0.0
    visible_at: float = 0.0
    receipt: str = ""


class LocalQueue:
    """An SQS queue in memory. A name that ends in ``.fifo`` makes it a FIFO queue (without its removal of duplicates).

    visibility_timeout
        VisibilityTimeout in seconds: for how long a received message is hidden.
    max_receive_count, dead_letter_queue
        RedrivePolicy: a message that was received so often and was not deleted moves there.
    retention
        MessageRetentionPeriod in seconds.
    """

    def __init__(
        self,
        name: str = "orders",
        *,
        visibility_timeout: float = fact("sqs_visibility_default").value,
        max_receive_count: int | None = None,
        dead_letter_queue: LocalQueue | None = None,
        retention: float = fact("sqs_retention_default").value,
    ) -> None:
        self.name = checks.name("LocalQueue(name", name, "AWS::SQS::Queue QueueName")
        most = fact("sqs_visibility_maximum").value
        rule = f"must be a number of seconds from 0 to {most:,} (AWS::SQS::Queue VisibilityTimeout)"
        self.visibility_timeout = checks.number("LocalQueue(visibility_timeout", visibility_timeout, rule, least=0, most=most)
        low, high = fact("sqs_retention_minimum").value, fact("sqs_retention_maximum").value
        rule = f"must be a number of seconds from {low} to {high:,} (AWS::SQS::Queue MessageRetentionPeriod)"
        self.retention = checks.number("LocalQueue(retention", retention, rule, least=low, most=high)
        if (max_receive_count is None) != (dead_letter_queue is None):
            raise ValueError("LocalQueue: max_receive_count and dead_letter_queue go together (AWS::SQS::Queue RedrivePolicy).")
        if dead_letter_queue is not None:
            checks.instance("LocalQueue(dead_letter_queue", dead_letter_queue, LocalQueue, "a LocalQueue")
            rule = "must be a whole number of 1 or more (RedrivePolicy maxReceiveCount)"
            max_receive_count = checks.whole("LocalQueue(max_receive_count", max_receive_count, rule, least=1)
            if dead_letter_queue.is_fifo != self.is_fifo:
                raise ValueError(
                    "LocalQueue: the dead-letter queue of a FIFO queue is a FIFO queue, of a standard queue a standard one."
                )
        self.max_receive_count, self.dead_letter_queue = max_receive_count, dead_letter_queue
        self.messages: list[Message] = []
        self.deleted = self.expired = self.dead_lettered = 0
        self._began = self.now = time.time()
        self._sequence = 18_849_496_460_467_696_128

    def __repr__(self) -> str:
        return f"<LocalQueue {self.name!r}: {self.visible} visible, {self.in_flight} in flight, {self.deleted} deleted>"

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")

    @property
    def arn(self) -> str:
        return events.arn("sqs", self.name)

    @property
    def visible(self) -> int:
        """``ApproximateNumberOfMessagesVisible``."""
        return sum(message.visible_at <= self.now for message in self.messages)

    @property
    def in_flight(self) -> int:
        """``ApproximateNumberOfMessagesNotVisible``."""
        return len(self.messages) - self.visible

    def wait(self, seconds: float) -> None:
        """Let the queue's clock run by ``seconds``."""
        self.now += checks.number("wait(seconds", seconds, "must be a number of seconds, 0 or more", least=0)

    def send(
        self,
        body: Any,
        *,
        attributes: Mapping[str, Any] | None = None,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> str:
        """Send a message; gives its id. A ``body`` that is no text is sent as its JSON. FIFO queues need a ``group``."""
        text = body if isinstance(body, str) else json.dumps(body)
        most = fact("sqs_message_maximum").value
        if len(text.encode()) > most:
            raise ValueError(
                f"send: a message has at most {most:,} bytes, this one {len(text.encode()):,} (MaximumMessageSize)."
            )
        if self.is_fifo != (group is not None):
            what = "needs a group" if self.is_fifo else "has no groups"
            raise ValueError(f"send(group={group!r}): {self.name!r} {what} (MessageGroupId).")
        message = Message(str(uuid.uuid4()), text, self.now, dict(attributes or {}), group)
        if self.is_fifo:
            self._sequence += 256
            message.sequence = str(self._sequence)
            message.deduplication_id = deduplication_id or hashlib.sha256(text.encode()).hexdigest()
        self.messages.append(message)
        return message.id

    def receive(self, most: int = 10, most_bytes: float = float("inf")) -> list[Message]:
        """Receive up to ``most`` messages: they are hidden for the visibility timeout. Moves what was received too often."""
        self._tidy()
        batch: list[Message] = []
        for message in self._receivable():
            most_bytes -= len(message.body.encode())
            if len(batch) == most or (batch and most_bytes < 0):
                break
            batch.append(message)
        for message in batch:
            message.receive_count += 1
            message.first_received = message.first_received or self.now
            message.visible_at = self.now + self.visibility_timeout
            message.receipt = f"AQEB{uuid.uuid4().hex}"
        return batch

    def delete(self, *ids: str) -> None:
        """Delete messages by their ids."""
        before = len(self.messages)
        self.messages = [message for message in self.messages if message.id not in ids]
        self.deleted += before - len(self.messages)

    def deliver(
        self,
        function: Target,
        *,
        batch_size: int = fact("sqs_batch_default").value,
        report_batch_item_failures: bool = False,
        batches: int = MOST_BATCHES,
    ) -> list[Delivery]:
        """Hand the messages over until none is left, or ``batches`` were; what failed comes again after its visibility timeout.

        batch_size: BatchSize. report_batch_item_failures: FunctionResponseTypes has ReportBatchItemFailures; without it the
        response is not looked at.
        """
        most = fact("sqs_batch_maximum_fifo" if self.is_fifo else "sqs_batch_maximum").value
        rule = f"must be a whole number from 1 to {most:,} (AWS::Lambda::EventSourceMapping BatchSize)"
        batch_size = checks.whole("deliver(batch_size", batch_size, rule, least=1, most=most)
        if isinstance(function, LocalLambda) and function.deployment.timeout > self.visibility_timeout:
            raise ValueError(
                f"deliver: the queue's visibility timeout ({self.visibility_timeout:g} s) is shorter than the function's timeout "
                f"({function.deployment.timeout:g} s): AWS rejects such a mapping (InvalidParameterValueException)."
            )
        deliveries: list[Delivery] = []
        while len(deliveries) < batches and self._come_to_something():
            batch = self.receive(batch_size, fact("batch_payload").value * 1024**2)
            if batch:
                deliveries.append(self._hand_over(batch, function, report_batch_item_failures))
        return deliveries

    def _hand_over(self, batch: list[Message], function: Target, reporting: bool) -> Delivery:
        event, ids, begin = {"Records": [self._record(each) for each in batch]}, [each.id for each in batch], self.now
        answer = _hand_to(function, event)
        self.wait(answer.seconds)
        failed = set(ids) if answer.error else set()
        if reporting and not answer.error:
            failed = failed_messages(answer.response, ids)
        self.delete(*(each for each in ids if each not in failed))
        done = tuple(each for each in ids if each not in failed)
        left = tuple(each for each in ids if each in failed)
        return Delivery(event, answer.outcome(done, left), done, left, answer.response, answer.error, begin - self._began)

    def _record(self, message: Message) -> dict[str, Any]:
        fifo = None
        if self.is_fifo:
            fifo = {"SequenceNumber": message.sequence, "MessageGroupId": message.group}
            fifo["MessageDeduplicationId"] = message.deduplication_id
        return events.sqs_record(
            message_id=message.id,
            receipt_handle=message.receipt,
            body=message.body,
            queue=self.name,
            sent=message.sent,
            first_received=message.first_received,
            receive_count=message.receive_count,
            message_attributes=message.attributes,
            fifo=fifo,
        )

    def _come_to_something(self) -> bool:
        """Let the clock run to the next message that can be received; False when there is none."""
        self._tidy()
        while self.messages and not self._receivable():
            self.now = min(message.visible_at for message in self.messages if message.visible_at > self.now)
            self._tidy()
        return bool(self.messages)

    def _receivable(self) -> list[Message]:
        """What is visible; of a FIFO queue, in the groups of which nothing is in flight."""
        closed = {message.group for message in self.messages if message.visible_at > self.now} - {None}
        return [message for message in self.messages if message.visible_at <= self.now and message.group not in closed]

    def _tidy(self) -> None:
        """Drop what is too old; move what was received too often and is visible again."""
        kept = [message for message in self.messages if self.now - message.sent <= self.retention]
        self.expired += len(self.messages) - len(kept)
        self.messages = kept
        if self.dead_letter_queue is None:
            return
        for message in [each for each in kept if each.visible_at <= self.now and each.receive_count >= self.max_receive_count]:
            self.messages.remove(message)
            message.receive_count, message.first_received, message.visible_at = 0, 0.0, 0.0
            self.dead_letter_queue.now = max(self.dead_letter_queue.now, self.now)
            self.dead_letter_queue.messages.append(message)
            self.dead_lettered += 1


@dataclass
class Record:
    """A record in a stream."""

    sequence: str
    arrived: float
    event: dict[str, Any]


@dataclass
class Shard:
    """A shard: its records that are not finished with, and the batch that is being tried (``trying``, in pieces)."""

    id: str
    records: list[Record] = field(default_factory=list)
    trying: list[Piece] = field(default_factory=list)


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
        on_failure: Callable[[dict[str, Any]], object] | None = None,
        batches: int = MOST_BATCHES,
    ) -> list[Delivery]:
        """Hand the records over, shard by shard, in order; at most ``batches`` for each shard.

        A failing batch is tried again before anything behind it: with the defaults for ever, so ``batches`` is what ends it.
        What is given up goes to ``given_up`` and to ``on_failure``, as a destination gets it. The arguments are those of
        AWS::Lambda::EventSourceMapping; -1 is no limit.
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
        mapping = _Mapping(function, report_batch_item_failures, bisect_batch_on_function_error, retries, age, on_failure)
        deliveries = []
        for shard in self.shards:
            for _ in range(batches):
                self._drop_old(shard, mapping)
                if not shard.trying and not shard.records:
                    break
                if not shard.trying:
                    shard.trying = [Piece(shard.records[:batch_size])]
                deliveries.append(self._try(shard, mapping))
        return deliveries

    def _try(self, shard: Shard, mapping: _Mapping) -> Delivery:
        """Hand over the first piece, and decide how it goes on."""
        piece = shard.trying.pop(0)
        sequences, begin = [each.sequence for each in piece.records], self.now
        event = {"Records": [each.event for each in piece.records]}
        answer = _hand_to(mapping.function, event)
        self.wait(answer.seconds + 1.0)  # one poll a second and shard
        piece.invocations += not answer.throttled
        cut = len(sequences)  # how many are finished with
        if answer.error:
            cut = 0
        elif mapping.reporting:
            cut = checkpoint(answer.response, sequences)
        done, left = piece.records[:cut], piece.records[cut:]
        self._finish(shard, done)
        if left:
            rest = Piece(left, piece.retries, piece.invocations)
            shard.trying[:0] = self._again(shard, rest, answer, cut, mapping)
        outcome = answer.outcome(sequences[:cut], sequences[cut:])
        return Delivery(
            event, outcome, tuple(sequences[:cut]), tuple(sequences[cut:]), answer.response, answer.error, begin - self._began
        )

    def _again(self, shard: Shard, rest: Piece, answer: _Answer, cut: int, mapping: _Mapping) -> list[Piece]:
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

    def _give_up(self, shard: Shard, piece: Piece, condition: str, mapping: _Mapping, answer: _Answer | None) -> None:
        record = events.stream_failure(
            kind=self.kind,
            stream_arn=self.arn,
            shard=shard.id,
            records=[(each.sequence, each.arrived) for each in piece.records],
            request_id=str(uuid.uuid4()),
            function_arn=_arn_of(mapping.function),
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
    on_failure: Callable[[dict[str, Any]], object] | None


# The edge rules of partial batch responses


def failed_messages(response: Any, ids: Sequence[str]) -> set[str]:
    """Which messages of an SQS batch failed, by the response: none, those that it lists, or all of them.

    Nothing listed, or no response, is a success. An identifier that is empty, missing or not in the batch makes the whole batch
    fail, and so does a response that is no object.
    """
    listed = _listed(response)
    if listed is None or not set(listed) <= set(ids):
        return set(ids)
    return set(listed)


def checkpoint(response: Any, sequences: Sequence[str]) -> int:
    """How many records of a stream's batch are finished with: those before the lowest sequence number listed.

    Sequence numbers are compared as whole numbers. An identifier that is empty or missing makes the whole batch fail. AWS says
    nothing about one that is not in the batch; here it makes the batch fail too.
    """
    listed = _listed(response)
    if listed is None or not set(listed) <= set(sequences):
        return 0
    return sequences.index(min(listed, key=int)) if listed else len(sequences)


def _listed(response: Any) -> list[str] | None:
    """The identifiers that a response lists; None when it is malformed."""
    if response is None or response == "":
        return []
    if not isinstance(response, Mapping):
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    listed = [each.get("itemIdentifier") if isinstance(each, Mapping) else None for each in failures]
    return listed if all(isinstance(each, str) and each for each in listed) else None


# Handing over


@dataclass(frozen=True)
class _Answer:
    response: Any
    error: str | None
    seconds: float
    throttled: bool = False

    def outcome(self, done: Sequence[str], failed: Sequence[str]) -> str:
        if self.throttled:
            return "throttled"
        return "success" if not failed else "partial" if done else "failure"


class _Context:
    """The context that a plain function gets: what ``LambdaContext`` has, as far as it means anything without one."""

    function_name = "local"
    function_version = "$LATEST"
    memory_limit_in_mb = str(fact("memory_default_here").value)
    invoked_function_arn = events.arn("lambda", "function:local")
    log_group_name, log_stream_name = "/aws/lambda/local", "local"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + fact("timeout_maximum").value

    def get_remaining_time_in_millis(self) -> int:
        return max(int(1000 * (self._deadline - time.monotonic())), 0)


def _hand_to(function: Target, event: dict[str, Any]) -> _Answer:
    """Invoke ``function`` with ``event``; both ways through JSON, as on Lambda."""
    if isinstance(function, LocalLambda):
        result = function.invoke(event)
        if result.status == 429:
            return _Answer(None, result.reason, result.latency, throttled=True)
        failed = result.function_error is not None
        error = f"{result.payload.get('errorType')}: {result.payload.get('errorMessage')}" if failed else None
        return _Answer(None if failed else result.payload, error, result.latency)
    if not callable(function):
        raise TypeError(f"deliver(function={function!r}): must be a LocalLambda or a function of (event, context).")
    begin = time.monotonic()
    try:
        response, error = json.loads(json.dumps(function(json.loads(json.dumps(event)), _Context()))), None
    except Exception as problem:  # whatever a handler raises is its failure, not ours
        response, error = None, f"{type(problem).__name__}: {problem}"
    return _Answer(response, error, time.monotonic() - begin)


def _arn_of(function: Target) -> str:
    return function.deployment.arn if isinstance(function, LocalLambda) else _Context.invoked_function_arn
