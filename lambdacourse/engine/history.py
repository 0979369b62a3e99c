"""The history of a run: every request, event, allocation, batch and message, one by one, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Outcomes of a request. From THROTTLED on, the function never saw it; the reason says which limit turned it away.
OK, ERROR, TIMED_OUT, THROTTLED = 0, 1, 2, 3
CONCURRENCY, RESERVED_CONCURRENCY, RATE, RESERVED_RATE, SCALING = 3, 4, 5, 6, 7
REASONS = SCALING - THROTTLED + 1

# How a request whose caller tries again, or an asynchronous event, ends. DELIVERED: given up, to the destination for failures.
SUCCEEDED, FAILED, GIVEN_UP, DELIVERED, DROPPED = np.arange(5)


@dataclass(frozen=True)
class Requests:
    """Each attempt to invoke, in the order in which they were made: arrays of one length. Seconds.

    ``environment`` is -1 and ``init``, ``started`` and ``duration`` are NaN where it was throttled.

    function: its number; time: when it was tried; outcome: one of the outcomes above; environment: which one served, by
    order of start within the function; init: initialisation before the handler, without the
    download before it; started: when the handler started; duration:
    how long it ran; flow: the flow's number in the plan; number: the how-manieth of its flow; attempt: how often it had been
    tried before; arrival: when it came first; provisioned: whether a provisioned environment served; spilled: whether one should
    have, but none was free; waited: how much of the duration it waited for its downstream, REFUSED where that refused.
    """

    function: np.ndarray
    time: np.ndarray
    outcome: np.ndarray
    environment: np.ndarray
    cold: np.ndarray
    init: np.ndarray
    started: np.ndarray
    duration: np.ndarray
    flow: np.ndarray
    number: np.ndarray
    attempt: np.ndarray
    arrival: np.ndarray
    provisioned: np.ndarray
    spilled: np.ndarray
    waited: np.ndarray


REQUEST_KINDS = ("i4", "f8", "i1", "i8", "?", "f8", "f8", "f8", "i4", "i8", "i4", "f8", "?", "?", "f8")
REFUSED = -1.0


class Settlement(NamedTuple):
    """How one request or event ended that may be tried again: of which flow, its number, arrival, end in seconds, state."""

    flow: int
    number: int
    arrival: float
    time: float
    state: int


@dataclass(frozen=True)
class Settlements:
    """All ``Settlement`` of a run in the order of time: arrays of one length."""

    flow: np.ndarray
    number: np.ndarray
    arrival: np.ndarray
    time: np.ndarray
    state: np.ndarray


SETTLEMENT_KINDS = ("i4", "i8", "f8", "f8", "i1")


class Allocation(NamedTuple):
    """From ``time`` on, ``allocated`` provisioned environments of a function can be used and ``claimed`` count against the pool."""

    function: int
    time: float
    allocated: int
    claimed: int


@dataclass(frozen=True)
class Allocations:
    """All ``Allocation`` of a run in the order of time: arrays of one length."""

    function: np.ndarray
    time: np.ndarray
    allocated: np.ndarray
    claimed: np.ndarray


ALLOCATION_KINDS = ("i4", "f8", "i8", "i8")


@dataclass(frozen=True)
class Batches:
    """Each invocation of a mapping, throttled ones too: arrays of one length.

    time: of the attempt; lane: which one (shard times factor, and the lane within the shard); first, size: the first of its
    records (-1: none) and how many; repeat: whether the function was handed them before; outcome: of the invocation (``tally``);
    failed: at which of the records the function reported a failure, or -1; age: of the last record, in seconds (NaN: none);
    attempt: how many failures counted against the retries before.
    """

    time: np.ndarray
    lane: np.ndarray
    first: np.ndarray
    size: np.ndarray
    repeat: np.ndarray
    outcome: np.ndarray
    failed: np.ndarray
    age: np.ndarray
    attempt: np.ndarray


@dataclass(frozen=True)
class Records:
    """Each record in the order of sending: when, in which lane, whether poison, where it ended and when (NaN: it has not), and how
    often the function was handed it."""

    time: np.ndarray
    lane: np.ndarray
    poison: np.ndarray
    state: np.ndarray
    end: np.ndarray
    handed: np.ndarray


@dataclass(frozen=True)
class Messages:
    """Everything that happened to messages of queues, in the order of time: arrays of one length.

    queue, flow, number: which queue, of which flow the how-manieth message (of POLLERS: -1, how many); kind: what happened, one
    of ``queueing``'s; time: when; age: how old the message was then (HANDED: when its handler started), in seconds.
    """

    queue: np.ndarray
    flow: np.ndarray
    number: np.ndarray
    kind: np.ndarray
    time: np.ndarray
    age: np.ndarray


MESSAGE_KINDS = ("i4", "i4", "i8", "i1", "f8", "f8")


@dataclass(frozen=True)
class History:
    """Everything that happened in a run, one by one."""

    requests: Requests
    settlements: Settlements
    allocations: Allocations
    streams: tuple[tuple[Records, Batches], ...] = ()
    """For each mapping on a stream."""
    messages: Messages | None = None


def from_rows(
    attempts: Sequence[tuple],
    settlements: Sequence[Settlement],
    allocations: Sequence[Allocation] = (),
    streams: Sequence[tuple[Records, Batches]] = (),
    messages: Sequence[tuple] = (),
) -> History:
    """The arrays from one tuple for each."""

    def arrays(kind: type, rows: Sequence[tuple], kinds: tuple[str, ...]):
        columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
        return kind(*(np.array(column, dtype=each) for column, each in zip(columns, kinds, strict=True)))

    return History(
        arrays(Requests, attempts, REQUEST_KINDS),
        arrays(Settlements, settlements, SETTLEMENT_KINDS),
        arrays(Allocations, allocations, ALLOCATION_KINDS),
        tuple(streams),
        arrays(Messages, messages, MESSAGE_KINDS),
    )
