"""An SQS queue in memory that feeds a real handler. Its clock is its own: a visibility timeout takes no time here."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.runtime import events
from lambdacourse.runtime.local import LocalLambda
from lambdacourse.runtime.mapping import MOST_BATCHES, Delivery, Target, failed_messages, hand_to


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
    """An SQS queue in memory. A name that ends in ``.fifo`` makes it a FIFO queue, which takes the same message once.

    visibility_timeout
        VisibilityTimeout in seconds: for how long a received message is hidden.
    max_receive_count, dead_letter_queue
        RedrivePolicy: a message that was received so often and was not deleted moves there.
    retention
        MessageRetentionPeriod in seconds.
    content_based_deduplication
        ContentBasedDeduplication of a FIFO queue: a message that is sent without a deduplication id gets the hash of its body.
    """

    def __init__(
        self,
        name: str = "orders",
        *,
        visibility_timeout: float = fact("sqs_visibility_default").value,
        max_receive_count: int | None = None,
        dead_letter_queue: LocalQueue | None = None,
        retention: float = fact("sqs_retention_default").value,
        content_based_deduplication: bool = False,
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
        if content_based_deduplication and not self.is_fifo:
            raise ValueError(
                f"LocalQueue(content_based_deduplication=True): {self.name!r} is no FIFO queue (ContentBasedDeduplication)."
            )
        self.content_based_deduplication = content_based_deduplication
        self.messages: list[Message] = []
        self.deleted = self.expired = self.dead_lettered = self.duplicates = 0
        self._accepted: dict[str, Message] = {}  # by deduplication id, the oldest first
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
        """Send a message; gives its id. A ``body`` that is no text is sent as its JSON.

        FIFO queues need a ``group`` and, without content-based deduplication, a ``deduplication_id``. A message whose
        deduplication id was accepted in the last five minutes is accepted too, and not delivered: its id is the first one's.
        """
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
            message.deduplication_id = self._deduplication_id(text, deduplication_id)
            first = self._first_within_interval(message)
            if first is not message:
                self.duplicates += 1
                return first.id
            self._sequence += 256
            message.sequence = str(self._sequence)
        elif deduplication_id is not None:
            raise ValueError(
                f"send(deduplication_id={deduplication_id!r}): {self.name!r} is no FIFO queue (MessageDeduplicationId)."
            )
        self.messages.append(message)
        return message.id

    def _deduplication_id(self, text: str, given: str | None) -> str:
        if given is not None:
            return given
        if not self.content_based_deduplication:
            raise ValueError(
                f"send(deduplication_id=None): {self.name!r} needs one, or content_based_deduplication=True (MessageDeduplicationId)."
            )
        return hashlib.sha256(text.encode()).hexdigest()

    def _first_within_interval(self, message: Message) -> Message:
        """The message that was accepted under the same deduplication id within the interval, deleted since or not; or this one."""
        oldest = self.now - fact("sqs_deduplication_interval").value
        self._accepted = {name: first for name, first in self._accepted.items() if first.sent > oldest}
        return self._accepted.setdefault(message.deduplication_id, message)

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
        answer = hand_to(function, event)
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
