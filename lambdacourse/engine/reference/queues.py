"""A queue and the event source mapping that polls it, message by message. The assumptions stand in ``engine.queueing``."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field

from lambdacourse.engine import history, queueing
from lambdacourse.engine.draws import FAILURE, GROUP, RECORD_FAILURE, uniform
from lambdacourse.engine.reference.world import Attempt, Work, World
from lambdacourse.model import EventSourceMapping, FifoQueue


@dataclass
class Message:
    """A message; ``order`` is its place among all that were sent to the queue."""

    work: Work
    order: int
    poison: bool
    group: int = 0
    receives: int = 0
    received: float = -math.inf
    tries: int = 0
    handed: bool = False
    waiting: bool = True

    @property
    def sent(self) -> float:
        return self.work.arrival


@dataclass
class Batch:
    """Messages that a poller holds, in the order in which it received them."""

    messages: list[Message] = field(default_factory=list)


class Visible:
    """The visible messages of a standard queue: what came back before what was never received, the older the earlier."""

    def __init__(self) -> None:
        self.fresh: deque[Message] = deque()
        self.returned: list[tuple[int, Message]] = []

    def __len__(self) -> int:
        return len(self.fresh) + len(self.returned)

    def add(self, message: Message) -> None:
        self.fresh.append(message)

    def put_back(self, message: Message) -> None:
        """It was received, and is visible again."""
        heapq.heappush(self.returned, (message.order, message))

    def first(self) -> Message | None:
        """What would be received next."""
        return self.returned[0][1] if self.returned else self.fresh[0] if self.fresh else None

    def take(self) -> Message:
        """Receive it."""
        return heapq.heappop(self.returned)[1] if self.returned else self.fresh.popleft()

    def oldest(self) -> Message | None:
        """What would be too old first."""
        return self.first()

    def drop(self, message: Message) -> None:
        """Take it out without receiving it: what ``first`` or ``oldest`` gave."""
        self.take()

    def close_batch(self) -> None:
        """The batch that was being gathered is full, or its time is over."""

    def settle(self, message: Message) -> None:
        """It is not in flight any more."""

    def forget(self, message: Message) -> None:
        """It is gone from the queue."""


class Groups(Visible):
    """The visible messages of a FIFO queue: of each message group, the oldest, unless another of its messages is in flight.

    The queue looks at its first messages only, as many as may be in flight; ``known`` are these.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.known: dict[int, Message] = {}
        self.waiting: dict[int, list[tuple[int, Message]]] = {}
        self.in_flight: dict[int, int] = {}
        self.ready: list[tuple[int, int]] = []
        self.in_batch: list[int] = []
        self.count = 0

    def __len__(self) -> int:
        return len(self.fresh) + self.count

    def put_back(self, message: Message) -> None:
        message.waiting = True
        heapq.heappush(self.waiting.setdefault(message.group, []), (message.order, message))
        self.count += 1

    def first(self) -> Message | None:
        while self.fresh and len(self.known) < self.most:
            self._look_at(self.fresh.popleft())
        group = self._next_group()
        return None if group is None else self.waiting[group][0][1]

    def take(self) -> Message:
        group = self._next_group()
        if group not in self.in_batch:
            heapq.heappop(self.ready)
            self.in_batch.append(group)
        message = heapq.heappop(self.waiting[group])[1]
        message.waiting = False
        self.count -= 1
        self.in_flight[group] = self.in_flight.get(group, 0) + 1
        return message

    def oldest(self) -> Message | None:
        self.first()
        oldest = next(iter(self.known.values()), None)
        return oldest if oldest is not None and oldest.waiting else None

    def drop(self, message: Message) -> None:
        group = message.group
        heapq.heappop(self.waiting[group])
        self.count -= 1
        if (message.order, group) in self.ready:
            self.ready.remove((message.order, group))
            heapq.heapify(self.ready)
        self._make_ready(group)

    def close_batch(self) -> None:
        groups, self.in_batch = self.in_batch, []
        for group in groups:
            self._make_ready(group)

    def settle(self, message: Message) -> None:
        self.in_flight[message.group] -= 1
        self._make_ready(message.group)

    def forget(self, message: Message) -> None:
        del self.known[message.order]

    def _look_at(self, message: Message) -> None:
        self.known[message.order] = message
        self.put_back(message)
        if len(self.waiting[message.group]) == 1:
            self._make_ready(message.group)

    def _make_ready(self, group: int) -> None:
        if self.waiting.get(group) and not self.in_flight.get(group) and group not in self.in_batch:
            heapq.heappush(self.ready, (self.waiting[group][0][0], group))

    def _next_group(self) -> int | None:
        """The group whose oldest message is the oldest: of those at rest, and of those already in the batch that is gathered."""
        candidates = [(self.waiting[group][0][0], group) for group in self.in_batch if self.waiting[group]]
        return min(candidates + self.ready[:1], default=(0, None))[1]


class Queue:
    """A queue, its pollers, and their batches."""

    def __init__(self, world: World, number: int, mapping: EventSourceMapping) -> None:
        self.world, self.number, self.mapping, self.source = world, number, mapping, mapping.source
        self.pollers = queueing.pollers(mapping)
        self.fifo = isinstance(self.source, FifoQueue)
        self.visible = Groups(self.source.in_flight_limit) if self.fifo else Visible()
        self.keys = [world.plan.draw_key(flow) for flow in world.plan.flows]
        self.sent = self.in_flight = 0
        self.open: Batch | None = None
        self.allowed, self.busy, self.most_busy = self.pollers.start, 0, 0
        self.growing = self.waking = False
        self.attempts = self.failures = 0
        self.share_before, self.credit = 0.0, 0.0
        self.tokens, self.tokens_at = self.pollers.messages_per_second * self.allowed, world.now
        self._set_allowed(self.allowed)
        world.at(world.now + queueing.REVIEW, self._review)

    def arrive(self, work: Work) -> None:
        """A message is sent."""
        key = self.keys[work.flow]
        poison = uniform(key, work.number, 0, RECORD_FAILURE) < self.source.poison_rate
        message = Message(work, self.sent, poison)
        if self.fifo:
            message.group = int(uniform(key, work.number, 0, GROUP) * self.source.message_groups)
        self.sent += 1
        self._note(queueing.SENT, message)
        self.visible.add(message)
        self._poll()

    # Receiving

    def _poll(self) -> None:
        """Free pollers receive what there is."""
        self._expire()
        while True:
            if self.open is None:
                first = self._receive() if self.busy < self.allowed else None
                if first is None:
                    break
                self.open = Batch([first])
                self.busy += 1
                self.most_busy = max(self.most_busy, self.busy)
                if self.mapping.batching_window > 0:
                    self._close_later(self.open)
            while len(self.open.messages) < self.pollers.batch:
                message = self._receive()
                if message is None:
                    break
                self.open.messages.append(message)
            if len(self.open.messages) < self.pollers.batch and self.mapping.batching_window > 0:
                break
            self._close()
        full = self.busy >= self.allowed and self.allowed < self.pollers.most
        if full and len(self.visible) and not self.growing:
            self.growing = True
            self.world.at(self.world.now + self.pollers.interval, self._grow)

    def _receive(self) -> Message | None:
        """The next message that may be received now; what was received too often goes to the dead-letter queue instead."""
        while True:
            self._expire()
            message = self.visible.first()
            if message is None or self.in_flight >= self.source.in_flight_limit:
                return None
            if self.source.max_receive_count is None or message.receives < self.source.max_receive_count:
                break
            self.visible.drop(message)
            self._gone(queueing.DEAD_LETTERED, message)
        if not self._has_token():
            return None
        self.visible.take()
        message.receives += 1
        message.received = self.world.now
        self.in_flight += 1
        self._note(queueing.RECEIVED, message)
        return message

    def _has_token(self) -> bool:
        """Provisioned pollers receive so many messages a second, and no more."""
        rate = self.pollers.messages_per_second * self.allowed
        if math.isinf(rate):
            return True
        self._refill()
        if self.tokens < 1 - 1e-9:
            if not self.waking:
                self.waking = True
                self.world.at(self.world.now + (1 - self.tokens) / rate, self._wake)
            return False
        self.tokens -= 1
        return True

    def _refill(self) -> None:
        rate, now = self.pollers.messages_per_second * self.allowed, self.world.now
        self.tokens = min(rate, self.tokens + (now - self.tokens_at) * rate)
        self.tokens_at = now

    def _wake(self) -> None:
        self.waking = False
        self._poll()

    def _close_later(self, batch: Batch) -> None:
        def close() -> None:
            if self.open is batch:
                self._close()
                self._poll()

        self.world.at(self.world.now + self.mapping.batching_window, close)

    def _close(self) -> None:
        batch, self.open = self.open, None
        self.visible.close_batch()
        self._try(batch)

    # Invoking

    def _try(self, batch: Batch) -> None:
        """Invoke the function with ``batch``; all that follows from it is known at once."""
        world, lead = self.world, batch.messages[0]
        reports = self.mapping.report_batch_item_failures
        work = lead.work
        raises = not reports and any(message.poison for message in batch.messages)
        failure = -1.0 if raises else uniform(self.keys[work.flow], work.number, lead.receives, FAILURE)
        seconds = work.duration + self.mapping.seconds_per_record * len(batch.messages)
        attempt = world.invoke(Work(work.flow, work.number, work.arrival, seconds, work.init, failure, lead.tries))
        lead.tries += 1
        if attempt.is_throttled:
            self._count_failure()
            self._try_later(batch)
        else:
            self._finish_later(batch, attempt)

    def _try_later(self, batch: Batch) -> None:
        """Keep the batch and ask again, unless it is visible again by then."""
        world, wait = self.world, self.mapping.retry_wait
        visible_again = batch.messages[0].received + self.source.visibility_timeout
        if world.now + wait < visible_again:
            world.at(world.now + wait, lambda: self._try(batch))
            return
        world.at(max(visible_again, world.now + wait), self._free)
        self._return_later(batch.messages)

    def _finish_later(self, batch: Batch, attempt: Attempt) -> None:
        failed = self._failed(batch.messages, attempt)
        deleted, returned = [], []
        for message in batch.messages:
            if not message.handed:
                message.handed = True
                self._note(queueing.HANDED, message, attempt.started - message.sent)
            late = attempt.finish > message.received + self.source.visibility_timeout
            if message.order not in failed and not late:
                deleted.append(message)
                continue
            returned.append(message)
            if message.order not in failed:
                self._note(queueing.LATE, message)
        error = attempt.outcome != history.OK and not self.mapping.report_batch_item_failures
        self.world.at(attempt.finish, lambda: self._finish(deleted, error))
        if returned:
            self._return_later(returned)

    def _failed(self, messages: list[Message], attempt: Attempt) -> set[int]:
        """Which messages are not deleted: all after an error, else the reported ones; of a FIFO batch also all after the first."""
        poisoned = [place for place, message in enumerate(messages) if message.poison]
        if attempt.outcome != history.OK:
            return {message.order for message in messages}
        if self.fifo and poisoned:
            return {message.order for message in messages[poisoned[0] :]}
        return {messages[place].order for place in poisoned}

    def _finish(self, deleted: list[Message], error: bool) -> None:
        if error:
            self._count_failure()
        else:
            self.attempts += 1
        for message in deleted:
            self.in_flight -= 1
            self.visible.settle(message)
            self._gone(queueing.DELETED, message)
        self._free()

    def _free(self) -> None:
        """A poller is free."""
        self.busy -= 1
        self._poll()

    def _return_later(self, messages: list[Message]) -> None:
        when = max(messages[0].received + self.source.visibility_timeout, self.world.now)
        self.world.at(when, lambda: self._return(messages))

    def _return(self, messages: list[Message]) -> None:
        """The messages whose visibility timeout is over are visible again."""
        left = 0
        while left < len(messages) and messages[left].received + self.source.visibility_timeout <= self.world.now:
            message = messages[left]
            self.in_flight -= 1
            self._note(queueing.RETURNED, message)
            self.visible.put_back(message)
            self.visible.settle(message)
            left += 1
        if left < len(messages):
            self._return_later(messages[left:])
        self._poll()

    # Scaling

    def _count_failure(self) -> None:
        self.attempts += 1
        self.failures += 1

    def _grow(self) -> None:
        self.growing = False
        full = self.busy >= self.allowed and self.allowed < self.pollers.most
        if full and len(self.visible):
            self.credit += 1 - self._failing()
            if self.credit >= 1 - 1e-9:
                self.credit -= 1
                self._set_allowed(min(self.allowed + self.pollers.step, self.pollers.most))
        self._poll()

    def _failing(self) -> float:
        """The share of this minute's attempts that failed or were throttled; before the first, of the last minute's."""
        return self.failures / self.attempts if self.attempts else self.share_before

    def _review(self) -> None:
        """Once a minute: fewer pollers after failures, and where they had nothing to do."""
        allowed, self.share_before = self.allowed, self._failing()
        if self.failures:
            allowed = int(allowed * (1 - (1 - self.mapping.error_cut) * self.share_before))
        if not len(self.visible):
            allowed = min(allowed, self.most_busy)
        self._set_allowed(max(allowed, self.pollers.floor))
        self.attempts = self.failures = 0
        self.most_busy = self.busy
        self.world.at(self.world.now + queueing.REVIEW, self._review)
        self._poll()

    def _set_allowed(self, allowed: int) -> None:
        if not math.isinf(self.pollers.messages_per_second):
            self._refill()
        self.allowed = allowed
        self.world.messages.append((self.number, -1, allowed, queueing.POLLERS, self.world.now, math.nan))

    # Leaving

    def _expire(self) -> None:
        """What is visible and too old is gone."""
        while (message := self.visible.oldest()) is not None and message.sent + self.source.retention <= self.world.now:
            self.visible.drop(message)
            self._gone(queueing.EXPIRED, message)

    def _gone(self, kind: int, message: Message) -> None:
        self.visible.forget(message)
        self._note(kind, message)

    def _note(self, kind: int, message: Message, seconds: float = math.nan) -> None:
        """One line of the history: what happened to a message, how old it was then (or when its handler started)."""
        age = self.world.now - message.sent if math.isnan(seconds) else seconds
        self.world.messages.append((self.number, message.work.flow, message.work.number, kind, self.world.now, age))
