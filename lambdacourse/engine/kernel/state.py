"""The kernel's state: records in arrays, and the bundles in which they are handed around.

``Core`` is what every run has. ``Lanes`` holds the arrivals of each flow, a chunk at a time. ``More`` is there when something happens
between arrivals: timers, and what they are about; a run that needs none has ``None`` in its place, and numba then leaves out
every branch that asks for it, so that plain synchronous requests pay nothing for the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NONE = -1

# Constants that are handed to functions are NumPy's: to numba, each plain integer is a type of its own, for which it compiles anew.
FIRST = np.int64(0)
"""The first of something: a flow, an attempt."""

# What the kernel needs before it can go on, and that it is done.
(
    DONE,
    NEEDS_CHUNK,
    NEEDS_SLOTS,
    NEEDS_TIMERS,
    NEEDS_PENDING,
    NEEDS_LOG,
    NEEDS_DRAWS,
    NEEDS_RECORDS,
    NEEDS_KEPT,
    NEEDS_MESSAGES,
    NEEDS_BATCHES,
    NEEDS_MESSAGE_LOG,
) = range(12)

# What a timer does. Of a source's, QUEUES and STREAMS are the first of up to a hundred each.
TRY, FINISHED, TOO_OLD, TRY_CALL, CALL_FINISHED, ALLOCATED, LOOK, SET_BOUNDS = np.arange(8)
QUEUES, STREAMS = 100, 200

# What takes the arrivals of a flow.
CALLS, RETRYING_CALLS, EVENTS, RECORDS, SENDS = range(5)

# Marks of an environment.
MUST_INITIALISE, IS_PROVISIONED = 1, 2

SLOT = np.dtype([("finish", "f8"), ("next", "i4"), ("row", "i2"), ("marks", "i2")], align=True)
"""An environment: of the function in which ``row``, busy until ``finish`` or idle since then, before which ``next``.

Sixteen bytes: with tens of thousands of environments, speed is how many of them fit into the cache. What is rarely needed,
when an environment was started and its number, stands in an array of its own.
"""

BIRTH = np.dtype([("started", "f8"), ("number", "i8")], align=True)

BUCKET = [("rate", "f8"), ("depth", "f8"), ("at", "f8"), ("tokens", "f8")]

POOL = np.dtype(
    [("limit", "f8"), ("busy", "i8"), ("claimed", "i8"), ("limited", "i8"), ("reserved", "i8"), ("floor", "f8"), *BUCKET],
    align=True,
)
"""Concurrency that is limited together; ``limit`` is what ``claimed`` provisioned concurrency leaves of it."""

SERVER = np.dtype(
    [
        ("pool", "i8"), ("top", "i8"), ("busy", "i8"), ("environments", "i8"), ("idle_timeout", "f8"),
        ("maximum_age", "f8"), ("ages", "i8"), ("timeout", "f8"), ("error_rate", "f8"), ("scaled", "i8"), ("grows", "i8"),
        ("download", "f8"), ("first_call", "f8"),
        ("scaling_rate", "f8"), ("scaling_depth", "f8"), ("scaling_at", "f8"), ("scaling_tokens", "f8"),
        ("growth_step", "f8"), ("growth_gain", "f8"), ("growth_burst", "f8"), ("growth_second", "i8"), ("growth_admitted", "i8"),
        *((f"growth_{name}", kind) for name, kind in BUCKET), ("downstream", "i8"), ("has_provisioned", "i8"),
    ],
    align=True,
)  # fmt: skip

PROVISIONED = np.dtype(
    [
        ("top", "i8"), ("requested", "i8"), ("allocated", "i8"), ("claimed", "i8"), ("busy", "i8"), ("there", "i8"), ("asked", "i8"),
        ("limited", "i8"), *BUCKET, ("level_since", "f8"),
        ("use_since", "f8"), ("use_start", "f8"), ("use_sum", "f8"), ("use_most", "f8"), ("use_is_there", "i8"),
        ("takes_maximum", "i8"), ("target", "f8"), ("minimum", "i8"), ("maximum", "i8"), ("high", "i8"), ("low", "i8"),
    ],
    align=True,
)  # fmt: skip
"""The provisioned concurrency of a function and its auto scaling, as in ``reference.provisioned``."""

BOUNDS = np.dtype([("row", "i8"), ("minimum", "i8"), ("maximum", "i8")], align=True)

DOWNSTREAM = np.dtype([("first", "i8"), ("size", "i8"), ("waits", "i8"), ("error_after", "f8")], align=True)
"""What stands behind functions: its connections are ``free_at``, a heap from ``first`` on."""

RULES = np.dtype(
    [
        ("rps_per_concurrency", "f8"), ("rps_burst", "f8"), ("provisioned_delay", "f8"), ("provisioned_rate", "f8"),
    ],
    align=True,
)  # fmt: skip
"""What of the account is asked for during the run; ``provisioned_rate`` is infinite where there is no limit."""

CLOCK = np.dtype(
    [
        ("start", "f8"), ("end", "f8"), ("per_bin", "f8"), ("per_day", "f8"), ("bin", "i8"), ("bin_end", "f8"), ("day", "i8"),
        ("free", "i8"), ("busy", "i8"), ("recording", "i8"), ("timers", "i8"), ("set", "i8"), ("free_pending", "i8"),
        ("logged", "i8"), ("settled", "i8"), ("noted", "i8"),
    ],
    align=True,
)  # fmt: skip

FLOW = np.dtype(
    [
        ("row", "i8"), ("kind", "i8"), ("latest", "i8"), ("key", "u8"), ("arrived", "i8"), ("retries", "i8"),
        ("maximum_age", "f8"), ("has_destination", "i8"), ("switched_off", "i8"), ("base", "f8"), ("throttle_base", "f8"),
        ("longest", "f8"), ("jitter", "i8"), ("quota", "f8"), ("cost", "i8"), ("throttle_cost", "i8"), ("refund", "i8"),
        ("first_client", "i8"), ("clients", "i8"), ("on_errors", "i8"),
    ],
    align=True,
)  # fmt: skip
"""A flow: the settings of its trigger, and how many have ``arrived``."""

TIMER = np.dtype([("time", "f8"), ("order", "i8"), ("kind", "i8"), ("about", "i8")], align=True)
"""Something to be done at ``time``; of two at one time the one that was set first, by ``order``. ``about``: which pending work, source…"""

PENDING = np.dtype(
    [
        ("arrival", "f8"), ("duration", "f8"), ("init", "f8"), ("failure", "f8"), ("number", "i8"), ("flow", "i8"),
        ("attempt", "i8"), ("throttles", "i4"), ("outcome", "i4"), ("paid", "i8"), ("next", "i8"),
    ],
    align=True,
)  # fmt: skip
"""A request or an event that is not over; ``next`` leads through the free ones."""

LOG = np.dtype(
    [
        ("function", "i4"), ("outcome", "i1"), ("cold", "?"), ("time", "f8"), ("environment", "i8"), ("init", "f8"),
        ("started", "f8"), ("duration", "f8"), ("flow", "i4"), ("attempt", "i4"), ("number", "i8"), ("arrival", "f8"),
        ("provisioned", "?"), ("spilled", "?"), ("waited", "f8"),
    ],
    align=True,
)  # fmt: skip
"""One attempt to invoke, as in ``history.Requests``."""

SETTLEMENT = np.dtype([("flow", "i4"), ("state", "i1"), ("number", "i8"), ("arrival", "f8"), ("time", "f8")], align=True)

ALLOCATION = np.dtype([("function", "i4"), ("time", "f8"), ("allocated", "i8"), ("claimed", "i8")], align=True)

ROOM = 64
"""How many timers, pending and logged entries there are at least room for whenever something is handled."""


class Core(NamedTuple):
    """What every run has."""

    slots: np.ndarray
    births: np.ndarray
    days: np.ndarray
    servers: np.ndarray
    pools: np.ndarray
    clocks: np.ndarray
    flows: np.ndarray
    bins: np.ndarray
    wait: np.ndarray
    latency: np.ndarray
    answer: np.ndarray
    scratch: np.ndarray
    scratch_bits: np.ndarray


class Lanes(NamedTuple):
    """A row for each flow: its ``upcoming`` arrival, and a chunk of arrivals with what was drawn for them.

    A source draws what its invocations need apart from its arrivals: from ``drawn`` on, in duration, init and failure.
    """

    upcoming: np.ndarray
    position: np.ndarray
    filled: np.ndarray
    drawn: np.ndarray
    time: np.ndarray
    duration: np.ndarray
    init: np.ndarray
    failure: np.ndarray
    outcomes: np.ndarray
    environments: np.ndarray
    colds: np.ndarray


class More(NamedTuple):
    """What a run with timers has besides."""

    timers: np.ndarray
    pending: np.ndarray
    log: np.ndarray
    settlements: np.ndarray
    allocations: np.ndarray
    provisioned: np.ndarray
    bounds: np.ndarray
    tokens: np.ndarray
    downstreams: np.ndarray
    free_at: np.ndarray
    rules: np.ndarray


def longer(array: np.ndarray, more: int) -> np.ndarray:
    """The same with ``more`` places at the end of its last axis, which are zero.

    It is copied as bytes: an array of records NumPy copies field by field, which takes twenty times as long.
    """
    *others, old = array.shape
    grown = np.zeros((*others, old + more), array.dtype)
    theirs, ours = (each.view(np.uint8).reshape(*each.shape, each.itemsize) for each in (array, grown))
    ours[..., :old, :] = theirs
    return grown
