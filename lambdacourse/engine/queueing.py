"""Queues, laid out for the engines: how many batches at a time, what is noted of each message, what is counted.

Assumptions, where AWS is silent (each a parameter or a fact marked so):

* Of the messages that are visible, the oldest is received first. AWS promises no more than roughly that.
* The pollers of a standard queue grow evenly, one every 0.2 s while messages wait, and slower by the share of the batches that
  fail or are throttled. Once a minute, pollers that had nothing to do in it end, and failures cut in proportion (``error_cut``).
* A FIFO queue has as many pollers as it can use from the start.
* A poller whose batch is throttled keeps it and asks again every ``retry_wait`` seconds, until the messages are visible again.
* One batch at a time gathers messages during a batching window.
* A message that its batch deletes only after its visibility timeout has come back before that: it is delivered again.
* A batch takes as long as its first message, and ``seconds_per_record`` for each; that message takes as long again next time.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from lambdacourse.engine.histograms import HISTOGRAM_BINS, histogram_bin
from lambdacourse.engine.history import History, Messages
from lambdacourse.engine.plan import Plan
from lambdacourse.facts import fact
from lambdacourse.model import EventSourceMapping, FifoQueue, Queue

# What happens to a message. HANDED: its batch is invoked for the first time; LATE: handled well, but visible again before that.
# (NumPy's integers, for the kernel's sake: see there.)
SENT, RECEIVED, HANDED, RETURNED, DELETED, DEAD_LETTERED, EXPIRED, LATE, POLLERS = np.arange(9)

SEEN = fact("oldest_age_leaves_out").value
"""Receives from which on a message of a standard queue does not count for the age of the oldest."""

REVIEW = 60.0
"""Seconds after which the pollers are looked at again (assumption)."""


@dataclass(frozen=True)
class Pollers:
    """How many batches of one mapping are handled at a time, and what limits them.

    start, floor, most
        At first, at the least, at the most.
    step, interval
        By how many they grow, and in how many seconds.
    messages_per_second
        Provisioned mode: messages that each of them may receive a second (infinite otherwise).
    batch
        Messages in a batch: the batch size, or what Lambda's payload holds.
    """

    start: int
    floor: int
    most: int
    step: int
    interval: float
    messages_per_second: float
    batch: int


def pollers(mapping: EventSourceMapping) -> Pollers:
    """The pollers of ``mapping``, whose source is a queue."""
    queue = mapping.source
    payload = int(fact("batch_payload").value * 1024 / queue.message_kb)
    batch = max(min(mapping.batch_size, payload), 1)
    if mapping.provisioned:
        each = fact("sqs_poller_concurrency").value
        start = mapping.minimum_pollers * each
        most = min(mapping.maximum_pollers * each, fact("sqs_provisioned_concurrency").value)
        interval = 60 * each / fact("sqs_provisioned_ramp").value
        return Pollers(start, start, most, each, interval, poller_throughput(batch, queue.message_kb) / each, batch)
    most = min(mapping.maximum_concurrency or math.inf, fact("sqs_pollers_maximum").value)
    start = most if isinstance(queue, FifoQueue) else min(fact("sqs_pollers_start").value, most)
    return Pollers(start, start, most, 1, 60 / fact("sqs_pollers_ramp").value, math.inf, batch)


def poller_throughput(batch: int, message_kb: float) -> int:
    """Messages that one provisioned poller receives a second at the most: its 1 MB/s, or its polls, of 10 messages each."""
    kilobytes = fact("sqs_poller_throughput").value * 1024
    polls, most = fact("sqs_poller_polls").value, fact("sqs_receive_maximum").value
    return min(math.ceil(kilobytes / message_kb), polls * min(batch, most))


# What is counted

COUNTED = (SENT, RECEIVED, HANDED, RETURNED, DELETED, DEAD_LETTERED, EXPIRED, LATE)
"""Kinds whose number in each bin is a column under their own number."""

(
    VISIBLE_AREA, VISIBLE_MAX, VISIBLE, IN_FLIGHT_AREA, IN_FLIGHT_MAX, IN_FLIGHT, OLDEST_AGE, ALLOWED, AT_START, COLUMNS,
) = range(9, 19)  # fmt: skip
"""Further columns. An AREA is messages times seconds; a MAX is of what lasted; VISIBLE, IN_FLIGHT, OLDEST_AGE and ALLOWED are of
the bin's end; AT_START is what was in the queue at 0."""


@dataclass(frozen=True)
class Backlogs:
    """What happened in the queues of a run.

    bins
        queues x (bins + 1) x COLUMNS; the last bin is nobody's.
    wait, latency
        queues x HISTOGRAM_BINS: messages by seconds from being sent to the start of the first handler that had them (where there
        was a wait), and from being sent to being deleted.
    """

    bins: np.ndarray
    wait: np.ndarray
    latency: np.ndarray
    messages: Messages | None = None


def tally_queues(history: History, plan: Plan) -> Backlogs:
    """The figures from all that happened to each message: for the reference, and as a second way to count."""
    happened = history.messages
    queues, ends = len(plan.queues), bin_ends(plan)
    bins = np.zeros((queues, plan.bins + 1, COLUMNS))
    wait, latency = np.zeros((2, queues, HISTOGRAM_BINS), np.int64)
    for row in range(queues):
        mine = Messages(*(column[happened.queue == row] for column in vars(happened).values()))
        within = (mine.time >= 0) & (mine.time < plan.seconds)
        for kind in COUNTED:
            chosen = within & (mine.kind == kind)
            np.add.at(bins[row, :, kind], np.searchsorted(ends, mine.time[chosen], side="right"), 1)
        waited = mine.age[within & (mine.kind == HANDED)]
        np.add.at(wait[row], histogram_bin(waited[waited > 0]), 1)
        np.add.at(latency[row], histogram_bin(mine.age[within & (mine.kind == DELETED)]), 1)
        _add_levels(bins[row], mine, plan)
        _add_ages(bins[row], mine, plan, plan.queues[row].source)
    return Backlogs(bins, wait, latency, happened)


def bin_ends(plan: Plan) -> np.ndarray:
    """When each bin ends."""
    return np.minimum(np.arange(1, plan.bins + 1) / (1 / plan.bin_seconds), plan.seconds)


def _add_levels(bins: np.ndarray, mine: Messages, plan: Plan) -> None:
    """The levels, which are constant from one time to the next at which something happened, or at which a bin begins."""
    ends = bin_ends(plan)
    visible, in_flight = np.zeros(COLUMNS), np.zeros(COLUMNS)
    visible[[SENT, RETURNED]], visible[[RECEIVED, DEAD_LETTERED, EXPIRED]] = 1, -1
    in_flight[RECEIVED], in_flight[[RETURNED, DELETED]] = 1, -1
    happens = np.isin(mine.kind, (SENT, RECEIVED, RETURNED, DELETED, DEAD_LETTERED, EXPIRED))
    kind, time = mine.kind[happens], mine.time[happens]
    begins = np.concatenate(([0.0], ends[:-1]))
    polled, allowed = mine.time[mine.kind == POLLERS], mine.number[mine.kind == POLLERS]
    edges = np.unique(np.concatenate((time[(time > 0) & (time < plan.seconds)], begins, [plan.seconds])))
    index = np.searchsorted(ends, edges[:-1], side="right")
    length = np.diff(edges)
    for sign, area, most, last in (
        (visible, VISIBLE_AREA, VISIBLE_MAX, VISIBLE),
        (in_flight, IN_FLIGHT_AREA, IN_FLIGHT_MAX, IN_FLIGHT),
    ):
        level = np.concatenate(([0.0], np.cumsum(sign[kind])))
        during = level[np.searchsorted(time, edges[:-1], side="right")]
        np.add.at(bins[:, area], index, during * length)
        np.maximum.at(bins[:, most], index, during)
        before = np.searchsorted(time, ends, side="left")
        bins[:-1, last] = level[before]
        bins[0, AT_START] += level[np.searchsorted(time, 0.0, side="left")]
    bins[:-1, ALLOWED] = allowed[np.searchsorted(polled, ends, side="left") - 1]


def _add_ages(bins: np.ndarray, mine: Messages, plan: Plan, queue: Queue) -> None:
    """The age of the oldest message at each bin's end, as CloudWatch has it: see ``SEEN``."""
    sent, received = mine.kind == SENT, mine.kind == RECEIVED
    over = np.isin(mine.kind, (DELETED, DEAD_LETTERED, EXPIRED))
    end = dict(zip(_keys(mine, over), mine.time[over].tolist(), strict=True))
    if not isinstance(queue, FifoQueue):
        receives = Counter()
        for key, time in zip(_keys(mine, received), mine.time[received].tolist(), strict=True):
            receives[key] += 1
            if receives[key] == SEEN:
                end[key] = time
    births = mine.time[sent].tolist()
    deaths = [end.get(key, math.inf) for key in _keys(mine, sent)]
    oldest = 0
    for index, now in enumerate(bin_ends(plan).tolist()):
        while oldest < len(births) and deaths[oldest] < now:
            oldest += 1
        if oldest < len(births) and births[oldest] < now:
            bins[index, OLDEST_AGE] = min(now - births[oldest], queue.retention)


def _keys(mine: Messages, chosen: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(mine.flow[chosen].tolist(), mine.number[chosen].tolist(), strict=True))
