"""The twin of ``reference.queues``: queues, their pollers and their batches, on arrays.

A message that was never received is not stored: a second reader of the same random streams, the ``lag``, draws it again when its
turn comes. What was received (of a FIFO queue, looked at) has a place in ``messages`` until it is gone, in a chain from the oldest to
the newest. ``poll`` is what follows every event of a queue; it goes on where it was when it had to ask for something from outside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lambdacourse.engine import queueing
from lambdacourse.engine.draws import FAILURE, GROUP, RECORD_FAILURE
from lambdacourse.engine.histograms import HISTOGRAM_BINS
from lambdacourse.engine.history import OK, THROTTLED
from lambdacourse.engine.kernel.compiling import compiled, entered, inlined
from lambdacourse.engine.kernel.draws import uniform
from lambdacourse.engine.kernel.environments import finish_until, histogram_bin, serve
from lambdacourse.engine.kernel.state import (
    DONE,
    NEEDS_BATCHES,
    NEEDS_DRAWS,
    NEEDS_LOG,
    NEEDS_MESSAGE_LOG,
    NEEDS_MESSAGES,
    NEEDS_SLOTS,
    NEEDS_TIMERS,
    NONE,
    QUEUES,
    ROOM,
    longer,
)  # fmt: skip
from lambdacourse.engine.kernel.timers import set_timer
from lambdacourse.engine.plan import Chunk, Plan
from lambdacourse.engine.queueing import (
    ALLOWED,
    AT_START,
    COLUMNS,
    DEAD_LETTERED,
    DELETED,
    EXPIRED,
    HANDED,
    IN_FLIGHT,
    IN_FLIGHT_AREA,
    IN_FLIGHT_MAX,
    LATE,
    OLDEST_AGE,
    POLLERS,
    RECEIVED,
    RETURNED,
    REVIEW,
    SEEN,
    SENT,
    VISIBLE,
    VISIBLE_AREA,
    VISIBLE_MAX,
)  # fmt: skip
from lambdacourse.engine.tally import ARRIVALS
from lambdacourse.facts import fact
from lambdacourse.model import EventSourceMapping, FifoQueue
from lambdacourse.model.traffic import CHUNK

NOTHING = np.int64(NONE)
FIFO_BATCH = fact("sqs_batch_maximum_fifo").value

CLOSE, TRY_AGAIN, FREE, FINISH, RETURN, GROW, REVIEW_POLLERS, WAKE = np.arange(QUEUES, QUEUES + 8)
# NumPy's integers: each Python integer is a type of its own to numba, for which it compiles again what is handed it.

QUEUE = np.dtype(
    [
        ("first_flow", "i8"), ("last_flow", "i8"), ("visibility_timeout", "f8"), ("retention", "f8"), ("most_receives", "i8"),
        ("in_flight_limit", "i8"), ("poison_rate", "f8"), ("fifo", "i8"), ("groups", "i8"), ("first_group", "i8"),
        ("batch", "i8"), ("window", "f8"), ("reports", "i8"), ("seconds_per_record", "f8"), ("retry_wait", "f8"),
        ("error_cut", "f8"), ("floor", "i8"), ("most", "i8"), ("step", "i8"), ("interval", "f8"), ("messages_per_second", "f8"),
        ("sent", "i8"), ("taken", "i8"), ("visible", "i8"), ("in_flight", "i8"), ("known", "i8"), ("oldest", "i8"),
        ("newest", "i8"), ("heaped", "i8"), ("open", "i8"), ("gathered", "i8"), ("allowed", "i8"), ("busy", "i8"),
        ("most_busy", "i8"), ("growing", "i8"), ("waking", "i8"), ("attempts", "i8"), ("failures", "i8"),
        ("share_before", "f8"), ("credit", "f8"), ("tokens", "f8"), ("tokens_at", "f8"), ("at", "f8"), ("bin", "i8"), ("bin_end", "f8"),
    ],
    align=True,
)  # fmt: skip
"""A queue with its mapping: what is set (to ``messages_per_second``), and what is. ``fresh`` = ``sent`` - ``taken``."""

MESSAGE = np.dtype(
    [
        ("sent", "f8"), ("duration", "f8"), ("init", "f8"), ("received", "f8"), ("number", "i8"), ("order", "i8"), ("flow", "i8"),
        ("group", "i8"), ("receives", "i8"), ("tries", "i8"), ("next", "i8"), ("older", "i8"), ("newer", "i8"), ("poison", "i8"),
        ("handed", "i8"), ("waiting", "i8"),
    ],
    align=True,
)  # fmt: skip
"""A message; ``next`` leads through its batch, its group or the free places, ``older`` and ``newer`` through all that are known."""

BATCH = np.dtype(
    [
        ("queue", "i8"), ("first", "i8"), ("last", "i8"), ("size", "i8"), ("deleted", "i8"), ("returned", "i8"), ("error", "i8"),
        ("awaited", "i8"), ("closes", "f8"), ("next", "i8"),
    ],
    align=True,
)  # fmt: skip
"""A batch: its messages; later those that its end deletes and those that come back. Its place is free when no timer is ``awaited``."""

GROUP_OF = np.dtype([("first", "i8"), ("last", "i8"), ("in_flight", "i8"), ("in_batch", "i8")], align=True)
"""A message group: its visible messages that are known, how many are in flight, whether the batch that is gathered has any."""

HEAPED = np.dtype([("key", "i8"), ("item", "i8")], align=True)

ENTRY = np.dtype([("queue", "i8"), ("flow", "i8"), ("number", "i8"), ("kind", "i8"), ("time", "f8"), ("age", "f8")], align=True)
"""One line of the history of messages, as in ``queueing.Messages``."""

DESK = np.dtype(
    [("polling", "i8"), ("now", "f8"), ("free_message", "i8"), ("free_batch", "i8"), ("logged", "i8"), ("largest", "i8")],
    align=True,
)
"""What all queues share: which of them is ``polling`` at ``now``, free places, the ``largest`` batch."""


class Queues(NamedTuple):
    """What a run with queues has besides. ``lag_*`` has a row for each flow of the plan; ``gathering`` and ``heaps`` one for each queue."""

    desks: np.ndarray
    queues: np.ndarray
    of_flow: np.ndarray
    messages: np.ndarray
    batches: np.ndarray
    groups: np.ndarray
    heaps: np.ndarray
    gathering: np.ndarray
    lag_time: np.ndarray
    lag_duration: np.ndarray
    lag_init: np.ndarray
    lag_at: np.ndarray
    lag_filled: np.ndarray
    lag_number: np.ndarray
    bins: np.ndarray
    wait: np.ndarray
    latency: np.ndarray
    log: np.ndarray


# Time and counting


@compiled
def turn_queue(core, desk, number, now):
    """Let time pass for a queue: what was the case since the last time is counted, and what is the case at each bin's end."""
    queue, bins = desk.queues[number], desk.bins
    if queue.at < 0.0:
        if now < 0.0:
            queue.at = now
            return
        bins[number, 0, AT_START] = queue.visible + queue.in_flight
        queue.at = 0.0
    while queue.at < now:
        until = min(now, queue.bin_end)
        seconds = until - queue.at
        if seconds > 0.0:
            bins[number, queue.bin, VISIBLE_AREA] += queue.visible * seconds
            bins[number, queue.bin, IN_FLIGHT_AREA] += queue.in_flight * seconds
            bins[number, queue.bin, VISIBLE_MAX] = max(bins[number, queue.bin, VISIBLE_MAX], queue.visible)
            bins[number, queue.bin, IN_FLIGHT_MAX] = max(bins[number, queue.bin, IN_FLIGHT_MAX], queue.in_flight)
        queue.at = until
        if until == queue.bin_end:
            _end_bin(core, desk, number)


@compiled
def _end_bin(core, desk, number):
    """What is the case at the end of a bin; then the next one."""
    queue, bins, clock = desk.queues[number], desk.bins, core.clocks[0]
    bins[number, queue.bin, VISIBLE] = queue.visible
    bins[number, queue.bin, IN_FLIGHT] = queue.in_flight
    bins[number, queue.bin, ALLOWED] = queue.allowed
    sent, place = np.inf, queue.oldest
    while place != NONE and not queue.fifo and desk.messages[place].receives >= SEEN:
        place = desk.messages[place].newer
    if place != NONE:
        sent = desk.messages[place].sent
    elif queue.sent > queue.taken:
        flow = _first_flow(desk, queue)
        sent = desk.lag_time[flow, desk.lag_at[flow]]
    if sent < np.inf:
        bins[number, queue.bin, OLDEST_AGE] = min(queue.bin_end - sent, queue.retention)
    queue.bin += 1
    queue.bin_end = min((queue.bin + 1) / clock.per_bin, clock.end) if queue.bin < bins.shape[1] - 1 else np.inf


@inlined
def _note(core, desk, number, kind, now, place, age):
    """Count, and when recording note, what happened to a message."""
    message = desk.messages[place]
    if now >= 0.0:
        desk.bins[number, desk.queues[number].bin, kind] += 1
    if core.clocks[0].recording:
        _write(desk, number, message.flow, message.number, kind, now, age)


@inlined
def _write(desk, number, flow, about, kind, now, age):
    shared = desk.desks[0]
    entry = desk.log[shared.logged]
    shared.logged += 1
    entry.queue, entry.flow, entry.number, entry.kind, entry.time, entry.age = number, flow, about, kind, now, age


# A heap of the smallest keys, and the chain of known messages


@inlined
def _push(heap, size, key, item):
    """Into a heap of ``size`` entries."""
    place = size
    while place > 0 and heap[(place - 1) >> 1].key > key:
        heap[place].key, heap[place].item = heap[(place - 1) >> 1].key, heap[(place - 1) >> 1].item
        place = (place - 1) >> 1
    heap[place].key, heap[place].item = key, item


@inlined
def _remove(heap, size, place):
    """Out of a heap of ``size`` entries, that at ``place``."""
    last = size - 1
    key, item = heap[last].key, heap[last].item
    while place > 0 and heap[(place - 1) >> 1].key > key:
        heap[place].key, heap[place].item = heap[(place - 1) >> 1].key, heap[(place - 1) >> 1].item
        place = (place - 1) >> 1
    while 2 * place + 1 < last:
        child = 2 * place + 1
        if child + 1 < last and heap[child + 1].key < heap[child].key:
            child += 1
        if heap[child].key >= key:
            break
        heap[place].key, heap[place].item = heap[child].key, heap[child].item
        place = child
    heap[place].key, heap[place].item = key, item


@inlined
def _chain(desk, queue, place):
    """The newest known message."""
    message = desk.messages[place]
    message.older, message.newer = queue.newest, NONE
    if queue.newest == NONE:
        queue.oldest = place
    else:
        desk.messages[queue.newest].newer = place
    queue.newest = place
    queue.known += 1


@inlined
def _forget(desk, queue, place):
    """A message is gone from the queue; its place is free."""
    message = desk.messages[place]
    if message.older == NONE:
        queue.oldest = message.newer
    else:
        desk.messages[message.older].newer = message.newer
    if message.newer == NONE:
        queue.newest = message.older
    else:
        desk.messages[message.newer].older = message.older
    queue.known -= 1
    message.next = desk.desks[0].free_message
    desk.desks[0].free_message = place


# Messages that are visible


@inlined
def _first_flow(desk, queue):
    """The flow that sent the oldest message that was never received."""
    flow, first = queue.first_flow, np.inf
    for other in range(queue.first_flow, queue.last_flow):
        if desk.lag_at[other] < desk.lag_filled[other]:
            sent = desk.lag_time[other, desk.lag_at[other]]
            if sent < first:
                flow, first = other, sent
    return flow


@inlined
def _fresh(core, desk, number):
    """The oldest message that was never received gets a place."""
    queue, shared = desk.queues[number], desk.desks[0]
    flow = _first_flow(desk, queue)
    at = desk.lag_at[flow]
    desk.lag_at[flow] = at + 1
    place = shared.free_message
    message = desk.messages[place]
    shared.free_message = message.next
    key = core.flows[flow].key
    about = desk.lag_number[flow]
    desk.lag_number[flow] += 1
    message.sent, message.duration, message.init = desk.lag_time[flow, at], desk.lag_duration[flow, at], desk.lag_init[flow, at]
    message.received, message.number, message.order, message.flow = -np.inf, about, queue.taken, flow
    message.receives, message.tries, message.handed, message.waiting, message.next = 0, 0, 0, 1, NONE
    message.poison = uniform(key, about, 0, RECORD_FAILURE) < queue.poison_rate
    message.group = int(uniform(key, about, 0, GROUP) * queue.groups) if queue.fifo else 0
    queue.taken += 1
    _chain(desk, queue, place)
    return place


@inlined
def _make_ready(desk, number, group):
    """A message group from which the next batch may take, if it may."""
    queue, about = desk.queues[number], desk.groups[desk.queues[number].first_group + group]
    if about.first != NONE and about.in_flight == 0 and about.in_batch == 0:
        _push(desk.heaps[number], queue.heaped, desk.messages[about.first].order, group)
        queue.heaped += 1


@inlined
def _put_back(desk, number, place):
    """Visible, among the known messages: on the heap of a standard queue, or in its group, of which it is then the oldest but few."""
    queue, message = desk.queues[number], desk.messages[place]
    message.waiting = 1
    if queue.fifo == 0:
        _push(desk.heaps[number], queue.heaped, message.order, place)
        queue.heaped += 1
        return
    about = desk.groups[queue.first_group + message.group]
    if about.first == NONE or message.order < desk.messages[about.first].order:
        message.next = about.first
        about.first = place
        if message.next == NONE:
            about.last = place
        return
    before = about.last
    if desk.messages[before].order > message.order:
        before = about.first
        while desk.messages[desk.messages[before].next].order < message.order:
            before = desk.messages[before].next
    message.next = desk.messages[before].next
    desk.messages[before].next = place
    if message.next == NONE:
        about.last = place


@inlined
def _settle(desk, number, place):
    """A message of a FIFO queue is not in flight any more."""
    queue = desk.queues[number]
    if queue.fifo:
        group = desk.messages[place].group
        desk.groups[queue.first_group + group].in_flight -= 1
        _make_ready(desk, number, group)


@inlined
def _next_group(desk, number):
    """Of a FIFO queue, the group whose oldest message is the oldest: of those at rest, and of those in the batch that is gathered."""
    queue, heap = desk.queues[number], desk.heaps[number]
    group, first = NOTHING, NOTHING
    if queue.heaped > 0:
        group, first = heap[0].item, heap[0].key
    for index in range(queue.gathered):
        other = desk.gathering[number, index]
        place = desk.groups[queue.first_group + other].first
        if place != NONE and (group == NONE or desk.messages[place].order < first):
            group, first = other, desk.messages[place].order
    return group


@inlined
def _first(desk, number):
    """The known message that would be received next, or NONE: of a standard queue then the oldest fresh one."""
    queue = desk.queues[number]
    if queue.fifo:
        group = _next_group(desk, number)
        return NOTHING if group == NONE else desk.groups[queue.first_group + group].first
    return desk.heaps[number][0].item if queue.heaped > 0 else NOTHING


@inlined
def _take(desk, number, place):
    """Out of the visible known messages, the one that is the first."""
    queue, message, heap = desk.queues[number], desk.messages[place], desk.heaps[number]
    message.waiting = 0
    if queue.fifo == 0:
        _remove(heap, queue.heaped, 0)
        queue.heaped -= 1
        return
    about = desk.groups[queue.first_group + message.group]
    if about.in_batch == 0:
        _remove(heap, queue.heaped, 0)
        queue.heaped -= 1
        about.in_batch = 1
        desk.gathering[number, queue.gathered] = message.group
        queue.gathered += 1
    about.first = message.next
    about.in_flight += 1


@inlined
def _drop(desk, number, place):
    """Out of the visible known messages without being received: the first, or of a FIFO queue the oldest."""
    queue, message, heap = desk.queues[number], desk.messages[place], desk.heaps[number]
    if queue.fifo == 0:
        _remove(heap, queue.heaped, 0)
        queue.heaped -= 1
        return
    about = desk.groups[queue.first_group + message.group]
    about.first = message.next
    if about.in_flight == 0 and about.in_batch == 0:
        index = 0
        while heap[index].item != message.group:
            index += 1
        _remove(heap, queue.heaped, index)
        queue.heaped -= 1
        _make_ready(desk, number, message.group)


# Receiving


@inlined
def _lacks_draws(desk, queue):
    """A flow of which the next fresh message is not known yet, or NONE."""
    if queue.sent > queue.taken:
        for flow in range(queue.first_flow, queue.last_flow):
            if desk.lag_at[flow] >= desk.lag_filled[flow] > 0:
                return flow
    return NONE


@compiled
def poll(core, more, desk):
    """Free pollers receive what there is; return (what is needed to go on, for which flow)."""
    shared, clock = desk.desks[0], core.clocks[0]
    number, now = shared.polling, shared.now
    queue = desk.queues[number]
    while True:
        flow = _lacks_draws(desk, queue)
        if flow != NONE:
            return NEEDS_DRAWS, flow
        if shared.free_message == NONE:
            return NEEDS_MESSAGES, flow
        if queue.fifo and queue.sent > queue.taken and queue.known < queue.in_flight_limit:
            _look_at(desk, number, _fresh(core, desk, number))
            continue
        if clock.recording and lacks_log(desk):
            return NEEDS_MESSAGE_LOG, flow
        if _expire(core, desk, number, now):
            continue
        if queue.open != NONE and (desk.batches[queue.open].size >= queue.batch or queue.window == 0.0):
            if desk.batches[queue.open].size < queue.batch and _receives(core, more, desk, number, now):
                continue
            if clock.free == NONE:
                return NEEDS_SLOTS, flow
            if clock.timers + ROOM > len(more.timers):
                return NEEDS_TIMERS, flow
            if clock.logged + ROOM > len(more.log):
                return NEEDS_LOG, flow
            _close(core, more, desk, number, now)
            continue
        if queue.open == NONE:
            if queue.busy >= queue.allowed:
                break
            if shared.free_batch == NONE:
                return NEEDS_BATCHES, flow
        if not _receives(core, more, desk, number, now):
            break
    if queue.busy >= queue.allowed and queue.allowed < queue.most and queue.visible > 0 and queue.growing == 0:
        queue.growing = 1
        set_timer(more.timers, clock, now + queue.interval, GROW, number)
    shared.polling = NONE
    return DONE, NONE


@inlined
def _look_at(desk, number, place):
    """A FIFO queue gets to know one more message."""
    queue, group = desk.queues[number], desk.messages[place].group
    _put_back(desk, number, place)
    about = desk.groups[queue.first_group + group]
    if about.first == about.last:
        _make_ready(desk, number, group)


@inlined
def _expire(core, desk, number, now):
    """Whether a visible message was too old, and is gone."""
    queue = desk.queues[number]
    place = NOTHING
    if queue.fifo:
        if queue.oldest != NONE and desk.messages[queue.oldest].waiting:
            place = queue.oldest
    elif queue.heaped > 0:
        place = desk.heaps[number][0].item
    if place != NONE:
        if desk.messages[place].sent + queue.retention > now:
            return False
        _drop(desk, number, place)
    elif queue.fifo == 0 and queue.sent > queue.taken:
        flow = _first_flow(desk, queue)
        if desk.lag_time[flow, desk.lag_at[flow]] + queue.retention > now:
            return False
        place = _fresh(core, desk, number)
    else:
        return False
    queue.visible -= 1
    _note(core, desk, number, EXPIRED, now, place, now - desk.messages[place].sent)
    _forget(desk, queue, place)
    return True


@compiled
def _receives(core, more, desk, number, now):
    """Receive one message, if one may be received now, into the batch that is gathered; else say that there is none.

    What was received too often goes to the dead-letter queue instead.
    """
    queue = desk.queues[number]
    if queue.in_flight >= queue.in_flight_limit:
        return False
    place = _first(desk, number)
    if place != NONE and desk.messages[place].receives >= queue.most_receives:
        _drop(desk, number, place)
        queue.visible -= 1
        _note(core, desk, number, DEAD_LETTERED, now, place, now - desk.messages[place].sent)
        _forget(desk, queue, place)
        return True
    if place == NONE and (queue.fifo or queue.sent == queue.taken):
        return False
    if not _has_token(core, more, queue, number, now):
        return False
    if place == NONE:
        place = _fresh(core, desk, number)
        desk.messages[place].waiting = 0
    else:
        _take(desk, number, place)
    message = desk.messages[place]
    message.receives += 1
    message.received = now
    message.next = NONE
    queue.in_flight += 1
    queue.visible -= 1
    _note(core, desk, number, RECEIVED, now, place, now - message.sent)
    if queue.open == NONE:
        _open(core, more, desk, number, now)
    batch = desk.batches[queue.open]
    if batch.size == 0:
        batch.first = place
    else:
        desk.messages[batch.last].next = place
    batch.last = place
    batch.size += 1
    return True


@inlined
def _open(core, more, desk, number, now):
    """A free poller begins to gather a batch."""
    queue, shared = desk.queues[number], desk.desks[0]
    place = shared.free_batch
    batch = desk.batches[place]
    shared.free_batch = batch.next
    batch.queue, batch.first, batch.last, batch.size, batch.awaited = number, NONE, NONE, 0, 0
    batch.deleted, batch.returned, batch.error = NONE, NONE, 0
    queue.open = place
    queue.busy += 1
    queue.most_busy = max(queue.most_busy, queue.busy)
    if queue.window > 0.0:
        batch.closes = now + queue.window
        set_timer(more.timers, core.clocks[0], batch.closes, CLOSE, place)


@inlined
def _refill(queue, now):
    rate = queue.messages_per_second * queue.allowed
    queue.tokens = min(rate, queue.tokens + (now - queue.tokens_at) * rate)
    queue.tokens_at = now


@inlined
def _has_token(core, more, queue, number, now):
    """Provisioned pollers receive so many messages a second, and no more."""
    if queue.messages_per_second == np.inf:
        return True
    _refill(queue, now)
    if queue.tokens < 1 - 1e-9:
        if queue.waking == 0:
            queue.waking = 1
            rate = queue.messages_per_second * queue.allowed
            set_timer(more.timers, core.clocks[0], now + (1 - queue.tokens) / rate, WAKE, number)
        return False
    queue.tokens -= 1
    return True


@inlined
def _close(core, more, desk, number, now):
    """The batch is full, or its time is over."""
    queue = desk.queues[number]
    place = queue.open
    queue.open = NONE
    for index in range(queue.gathered):
        group = desk.gathering[number, index]
        desk.groups[queue.first_group + group].in_batch = 0
    gathered, queue.gathered = queue.gathered, 0
    for index in range(gathered):
        _make_ready(desk, number, desk.gathering[number, index])
    _try(core, more, desk, place, now)


# Invoking


@compiled
def _try(core, more, desk, place, now):
    """Invoke the function with a batch; all that follows from it is known at once."""
    clock = core.clocks[0]
    batch = desk.batches[place]
    number = batch.queue
    queue = desk.queues[number]
    lead = desk.messages[batch.first]
    raises = False
    if queue.reports == 0 and queue.poison_rate > 0.0:
        about = batch.first
        while about != NONE:
            raises = raises or desk.messages[about].poison != 0
            about = desk.messages[about].next
    failure = -1.0 if raises else uniform(core.flows[lead.flow].key, lead.number, lead.receives, FAILURE)
    seconds = lead.duration + queue.seconds_per_record * batch.size
    finish_until(core, more, now)  # of several at one instant, what takes no time is over before the next
    outcome, starting, seconds, _, _ = serve(
        core, more, lead.flow, lead.number, lead.tries, now, lead.sent, seconds, lead.init, failure
    )
    lead.tries += 1
    if now >= 0.0:
        core.bins[core.flows[lead.flow].row, clock.bin, ARRIVALS] += 1
    if outcome >= THROTTLED:
        _count_failure(queue)
        visible_again = lead.received + queue.visibility_timeout
        if now + queue.retry_wait < visible_again:
            set_timer(more.timers, clock, now + queue.retry_wait, TRY_AGAIN, place)
            return
        batch.awaited = 2
        set_timer(more.timers, clock, max(visible_again, now + queue.retry_wait), FREE, place)
        batch.returned = batch.first
        _return_later(more, clock, desk, place, now)
        return
    _part(core, desk, number, place, now, outcome, now + starting, now + starting + seconds)
    batch.error = outcome != OK and queue.reports == 0
    batch.awaited = 1
    set_timer(more.timers, clock, now + starting + seconds, FINISH, place)
    if batch.returned != NONE:
        batch.awaited = 2
        _return_later(more, clock, desk, place, now)


@inlined
def _part(core, desk, number, place, now, outcome, started, finish):
    """Which messages of a batch its end deletes, and which come back."""
    queue, batch = desk.queues[number], desk.batches[place]
    about = batch.first
    last_deleted, last_returned = NOTHING, NOTHING
    failing = outcome != OK
    while about != NONE:
        message = desk.messages[about]
        following = message.next
        message.next = NONE
        if message.handed == 0:
            message.handed = 1
            age = started - message.sent
            if now >= 0.0 and age > 0.0:
                desk.wait[number, histogram_bin(age, core)] += 1
            _note(core, desk, number, HANDED, now, about, age)
        failed = failing or message.poison != 0
        failing = failing or (queue.fifo != 0 and message.poison != 0)
        if failed or finish > message.received + queue.visibility_timeout:
            if last_returned == NONE:
                batch.returned = about
            else:
                desk.messages[last_returned].next = about
            last_returned = about
            if not failed:
                _note(core, desk, number, LATE, now, about, now - message.sent)
        else:
            if last_deleted == NONE:
                batch.deleted = about
            else:
                desk.messages[last_deleted].next = about
            last_deleted = about
        about = following


@inlined
def _return_later(more, clock, desk, place, now):
    batch = desk.batches[place]
    when = desk.messages[batch.returned].received + desk.queues[batch.queue].visibility_timeout
    set_timer(more.timers, clock, max(when, now), RETURN, place)


@inlined
def _not_awaited(desk, place):
    """A timer of the batch is over; after the last one its place is free."""
    batch, shared = desk.batches[place], desk.desks[0]
    batch.awaited -= 1
    if batch.awaited == 0:
        batch.next = shared.free_batch
        shared.free_batch = place


@inlined
def _finish(core, desk, number, place, now):
    """A batch is over: what succeeded is deleted."""
    queue, batch = desk.queues[number], desk.batches[place]
    if batch.error:
        _count_failure(queue)
    else:
        queue.attempts += 1
    about = batch.deleted
    while about != NONE:
        message = desk.messages[about]
        following = message.next
        queue.in_flight -= 1
        _settle(desk, number, about)
        age = now - message.sent
        if now >= 0.0:
            desk.latency[number, histogram_bin(age, core)] += 1
        _note(core, desk, number, DELETED, now, about, age)
        _forget(desk, queue, about)
        about = following
    queue.busy -= 1
    _not_awaited(desk, place)


@inlined
def _return(core, more, desk, number, place, now):
    """The messages whose visibility timeout is over are visible again."""
    queue, batch = desk.queues[number], desk.batches[place]
    about = batch.returned
    while about != NONE and desk.messages[about].received + queue.visibility_timeout <= now:
        following = desk.messages[about].next
        queue.in_flight -= 1
        queue.visible += 1
        _note(core, desk, number, RETURNED, now, about, now - desk.messages[about].sent)
        _put_back(desk, number, about)
        _settle(desk, number, about)
        about = following
    batch.returned = about
    if about == NONE:
        _not_awaited(desk, place)
    else:
        _return_later(more, core.clocks[0], desk, place, now)


# Scaling


@inlined
def _count_failure(queue):
    queue.attempts += 1
    queue.failures += 1


@inlined
def _set_allowed(core, desk, number, now, allowed):
    queue = desk.queues[number]
    if queue.messages_per_second != np.inf:
        _refill(queue, now)
    queue.allowed = allowed
    if core.clocks[0].recording:
        _write(desk, number, NOTHING, allowed, POLLERS, now, np.nan)


@inlined
def _grow(core, desk, number, now):
    queue = desk.queues[number]
    queue.growing = 0
    full = queue.busy >= queue.allowed and queue.allowed < queue.most
    if full and queue.visible > 0:
        queue.credit += 1 - _failing(queue)
        if queue.credit >= 1 - 1e-9:
            queue.credit -= 1
            _set_allowed(core, desk, number, now, min(queue.allowed + queue.step, queue.most))


@inlined
def _failing(queue):
    """The share of this minute's attempts that failed or were throttled; before the first, of the last minute's."""
    return queue.failures / queue.attempts if queue.attempts > 0 else queue.share_before


@inlined
def _review(core, more, desk, number, now):
    """Once a minute: fewer pollers after failures, and where they had nothing to do."""
    queue = desk.queues[number]
    allowed = queue.allowed
    queue.share_before = _failing(queue)
    if queue.failures > 0:
        allowed = int(allowed * (1 - (1 - queue.error_cut) * queue.share_before))
    if queue.visible == 0:
        allowed = min(allowed, queue.most_busy)
    _set_allowed(core, desk, number, now, max(allowed, queue.floor))
    queue.attempts = queue.failures = 0
    queue.most_busy = queue.busy
    set_timer(more.timers, core.clocks[0], now + REVIEW, REVIEW_POLLERS, number)


# What the loop calls


@inlined
def lacks_log(desk):
    """Whether the history of messages may have too little room for what comes next."""
    return desk.desks[0].logged + 2 * desk.desks[0].largest + ROOM > len(desk.log)


@compiled
def message_arrives(core, desk, flow, now):
    """A message is sent to a queue."""
    shared = desk.desks[0]
    number = desk.of_flow[flow]
    turn_queue(core, desk, number, now)
    queue = desk.queues[number]
    if now >= 0.0:
        desk.bins[number, queue.bin, SENT] += 1
    if core.clocks[0].recording:
        _write(desk, number, flow, core.flows[flow].arrived, SENT, now, 0.0)
    queue.sent += 1
    queue.visible += 1
    shared.polling, shared.now = number, now


@compiled
def queue_timer(core, more, desk, now, kind, about):
    """Do what a queue's timer is for."""
    shared = desk.desks[0]
    number = about if kind >= GROW else desk.batches[about].queue
    turn_queue(core, desk, number, now)
    if kind == TRY_AGAIN:
        _try(core, more, desk, about, now)
        return
    if kind == CLOSE:
        if desk.queues[number].open != about or desk.batches[about].closes != now:
            return
        _close(core, more, desk, number, now)
    elif kind == FINISH:
        _finish(core, desk, number, about, now)
    elif kind == FREE:
        desk.queues[number].busy -= 1
        _not_awaited(desk, about)
    elif kind == RETURN:
        _return(core, more, desk, number, about, now)
    elif kind == GROW:
        _grow(core, desk, number, now)
    elif kind == REVIEW_POLLERS:
        _review(core, more, desk, number, now)
    else:
        desk.queues[number].waking = 0
    shared.polling, shared.now = number, now


@entered
def close_queues(core, desk):
    """At the end of the run: what is the case in the last bins."""
    for number in range(len(desk.queues)):
        turn_queue(core, desk, number, core.clocks[0].end)


# Outside the kernel


def prepare_queues(plan: Plan) -> Queues | None:
    """The queues of ``plan``, empty; ``None`` where there are none."""
    count = len(plan.queues)
    if not count:
        return None
    queues = np.zeros(count, QUEUE)
    of_flow = np.full(len(plan.flows), NONE)
    for number, (queue, mapping) in enumerate(zip(queues, plan.queues, strict=True)):
        flows = [index for index, flow in enumerate(plan.flows) if flow.trigger is mapping]
        of_flow[flows] = number
        queue["first_flow"], queue["last_flow"] = flows[0], flows[-1] + 1
        queue["first_group"] = queues["groups"][:number].sum()
        _set_up(queue, mapping, plan)
    desks = np.zeros(1, DESK)
    desks["polling"], desks["free_message"], desks["free_batch"], desks["largest"] = NONE, NONE, NONE, queues["batch"].max()
    lag_time, lag_duration, lag_init = np.empty((3, len(plan.flows), CHUNK))
    lag_at, lag_filled, lag_number = np.zeros((3, len(plan.flows)), np.int64)
    bins = np.zeros((count, plan.bins + 1, COLUMNS))
    wait, latency = np.zeros((2, count, HISTOGRAM_BINS), np.int64)
    groups = np.zeros(int(queues["groups"].sum()), GROUP_OF)
    groups["first"] = groups["last"] = NONE
    heaps = np.zeros((count, int(queues["groups"].max())), HEAPED)
    log = np.zeros(4 * int(desks["largest"][0]) + CHUNK, ENTRY)
    return Queues(
        desks, queues, of_flow, np.zeros(0, MESSAGE), np.zeros(0, BATCH), groups, heaps, np.zeros((count, FIFO_BATCH), np.int64),
        lag_time, lag_duration, lag_init, lag_at, lag_filled, lag_number, bins, wait, latency, log,
    )  # fmt: skip


def _set_up(queue: np.void, mapping: EventSourceMapping, plan: Plan) -> None:
    source, pollers = mapping.source, queueing.pollers(mapping)
    queue["visibility_timeout"], queue["retention"] = source.visibility_timeout, source.retention
    queue["most_receives"] = np.iinfo(np.int32).max if source.max_receive_count is None else source.max_receive_count
    queue["in_flight_limit"], queue["poison_rate"] = source.in_flight_limit, source.poison_rate
    if isinstance(source, FifoQueue):
        queue["fifo"], queue["groups"] = 1, source.message_groups
    queue["batch"], queue["window"], queue["reports"] = (
        pollers.batch,
        mapping.batching_window,
        mapping.report_batch_item_failures,
    )
    queue["seconds_per_record"], queue["retry_wait"] = mapping.seconds_per_record, mapping.retry_wait
    queue["error_cut"], queue["floor"], queue["most"] = mapping.error_cut, pollers.floor, pollers.most
    queue["step"], queue["interval"] = pollers.step, pollers.interval
    queue["messages_per_second"], queue["allowed"] = pollers.messages_per_second, pollers.start
    queue["oldest"] = queue["newest"] = queue["open"] = NONE
    queue["tokens"] = pollers.messages_per_second * pollers.start
    queue["at"] = queue["tokens_at"] = -plan.warm_up
    queue["bin_end"] = min(plan.bin_seconds, plan.seconds)


@entered
def open_queues(core, more, desk, now):
    """At the beginning of the run."""
    for number in range(len(desk.queues)):
        _set_allowed(core, desk, number, now, desk.queues[number].allowed)
        set_timer(more.timers, core.clocks[0], now + REVIEW, REVIEW_POLLERS, number)


def refill_lag(desk: Queues, flow: int, chunk: Chunk | None) -> None:
    """The next of the messages that were never received."""
    desk.lag_at[flow], desk.lag_filled[flow] = 0, 0 if chunk is None else chunk.time.size
    if chunk is not None:
        for buffer, drawn in zip(
            (desk.lag_time, desk.lag_duration, desk.lag_init), (chunk.time, chunk.duration, chunk.init), strict=True
        ):
            buffer[flow, : chunk.time.size] = drawn


def more_messages(desk: Queues) -> Queues:
    """Room for more messages; called when none is free."""
    messages = _chained(desk.messages)
    desk.desks["free_message"] = len(desk.messages)
    room = max(len(messages), desk.heaps.shape[1])
    heaps = np.zeros((len(desk.queues), room), HEAPED)
    heaps[:, : desk.heaps.shape[1]] = desk.heaps
    return desk._replace(messages=messages, heaps=heaps)


def more_batches(desk: Queues) -> Queues:
    """Room for more batches; called when none is free."""
    batches = _chained(desk.batches)
    desk.desks["free_batch"] = len(desk.batches)
    return desk._replace(batches=batches)


def _chained(array: np.ndarray) -> np.ndarray:
    """The same with twice the room, the new places in a chain of free ones."""
    old = len(array)
    grown = longer(array, max(old, 1024))
    grown["next"][old:] = np.arange(old + 1, len(grown) + 1)
    grown["next"][-1] = NONE
    return grown


def take_log(desk: Queues) -> np.ndarray:
    """The history of messages so far, which then begins anew."""
    taken = desk.log[: desk.desks["logged"][0]].copy()
    desk.desks["logged"] = 0
    return taken
