"""The loop over time: the next arrival or the next timer, whichever comes first; at one time timers first.

It runs until it needs something from outside, the next chunk of a flow or more room, and says what. It holds no lock while it runs.
"""

from __future__ import annotations

import numpy as np

from lambdacourse.engine.kernel.callers import (
    call_arrives,
    call_finished,
    count_answer,
    event_arrives,
    event_finished,
    give_up,
    try_call,
    try_event,
)
from lambdacourse.engine.kernel.compiling import compiled, entered, inlined
from lambdacourse.engine.kernel.environments import finish_until, serve, turn_bins
from lambdacourse.engine.kernel.provisioned import allocated, look, set_bounds
from lambdacourse.engine.kernel.queues import lacks_log, message_arrives, poll, queue_timer
from lambdacourse.engine.kernel.state import (
    ALLOCATED,
    CALL_FINISHED,
    CALLS,
    DONE,
    EVENTS,
    FINISHED,
    FIRST,
    LOOK,
    NEEDS_CHUNK,
    NEEDS_LOG,
    NEEDS_MESSAGE_LOG,
    NEEDS_PENDING,
    NEEDS_SLOTS,
    NEEDS_TIMERS,
    NONE,
    QUEUES,
    RECORDS,
    RETRYING_CALLS,
    ROOM,
    SENDS,
    SET_BOUNDS,
    STREAMS,
    TOO_OLD,
    TRY,
    TRY_CALL,
)  # fmt: skip
from lambdacourse.engine.kernel.streams import record_arrives, stream_room, turn
from lambdacourse.engine.kernel.timers import take_timer
from lambdacourse.engine.tally import ARRIVALS


@entered
def advance(core, lanes, more, streams, desk):
    """Let time pass until a chunk is used up or room is; return (what is needed, for which flow).

    When recording plain requests, what was drawn for a request, ``duration`` and ``init``, is replaced by what happened to it.
    """
    clock = core.clocks[0]
    while True:
        flow = FIRST
        now = lanes.upcoming[0]
        for other in range(1, len(lanes.upcoming)):
            if lanes.upcoming[other] < now:
                flow, now = other, lanes.upcoming[other]
        if desk is not None and desk.desks[0].polling != NONE:
            need, about = poll(core, more, desk)
            if need != DONE:
                return need, about
            continue
        if clock.free == NONE:
            return NEEDS_SLOTS, flow
        if more is not None:
            need = _room(core, more)
            if need != DONE:
                return need, flow
            if streams is not None:
                need, about = stream_room(core, lanes, streams)
                if need != DONE:
                    return need, about
            if desk is not None and clock.recording and lacks_log(desk):
                return NEEDS_MESSAGE_LOG, flow
            if clock.timers > 0 and more.timers[0].time <= now and more.timers[0].time < clock.end:
                _run_timer(core, lanes, more, streams, desk)
                continue
        if now == np.inf:
            return DONE, flow
        finish_until(core, more, now)
        if now >= clock.bin_end:
            turn_bins(core, more, now)

        at = lanes.position[flow]
        duration, init, failure = lanes.duration[flow, at], lanes.init[flow, at], lanes.failure[flow, at]
        settings = core.flows[flow]
        if now >= 0.0 and settings.kind < RECORDS:
            core.bins[settings.row, clock.bin, ARRIVALS] += 1
        if more is None:
            outcome, starting, duration, place, cold = serve(core, more, flow, at, FIRST, now, now, duration, init, failure)
            if clock.recording:
                lanes.environments[flow, at] = core.births[place].number
                lanes.colds[flow, at] = cold
                if not starting > 0.0:  # what was drawn was not used
                    lanes.init[flow, at] = starting
                lanes.duration[flow, at] = duration
            lanes.outcomes[flow, at] = outcome
        else:
            _arrive(core, more, streams, desk, flow, now, duration, init, failure)
        lanes.position[flow] = at + 1
        if at + 1 < lanes.filled[flow]:
            lanes.upcoming[flow] = lanes.time[flow, at + 1]
        else:
            return NEEDS_CHUNK, flow


@inlined
def _room(core, more):
    """Whether there is room for whatever comes next."""
    clock = core.clocks[0]
    if clock.timers + ROOM > len(more.timers):
        return NEEDS_TIMERS
    if clock.free_pending == NONE:
        return NEEDS_PENDING
    if max(clock.logged, clock.settled, clock.noted) + ROOM > len(more.log):
        return NEEDS_LOG
    return DONE


@inlined
def _arrive(core, more, streams, desk, flow, now, duration, init, failure):
    """Hand an arrival to what takes those of its flow."""
    settings = core.flows[flow]
    if settings.kind == CALLS:
        answer = serve(core, more, flow, settings.arrived, FIRST, now, now, duration, init, failure)
        count_answer(core, now, settings.row, answer[1] + answer[2], answer[0])
    elif settings.kind == RETRYING_CALLS:
        call_arrives(core, more, flow, now, duration, init, failure)
    elif settings.kind == EVENTS:
        event_arrives(core, more, flow, now, duration, init, failure)
    if streams is not None and settings.kind == RECORDS:
        record_arrives(core, streams, more, flow, now)
    if desk is not None and settings.kind == SENDS:
        message_arrives(core, desk, flow, now)
    settings.arrived += 1


@compiled
def _run_timer(core, lanes, more, streams, desk):
    """Do what the first timer is for."""
    clock = core.clocks[0]
    take_timer(more.timers, clock)
    timer = more.timers[clock.timers]
    now, kind, about = timer.time, timer.kind, timer.about
    finish_until(core, more, now)
    if now >= clock.bin_end:
        turn_bins(core, more, now)
    if kind == TRY:
        try_event(core, more, now, about)
    elif kind == FINISHED:
        event_finished(core, more, now, about)
    elif kind == TOO_OLD:
        give_up(core, more, now, about)
    elif kind == TRY_CALL:
        try_call(core, more, now, about)
    elif kind == CALL_FINISHED:
        call_finished(core, more, now, about)
    elif kind == ALLOCATED:
        allocated(core, more, about, now)
    elif kind == LOOK:
        look(core, more, about, now)
    elif kind == SET_BOUNDS:
        set_bounds(core, more, about, now)
    if streams is not None and kind >= STREAMS:
        turn(core, streams, more, lanes, now, kind, about)
    if desk is not None and QUEUES <= kind < STREAMS:
        queue_timer(core, more, desk, now, kind, about)
