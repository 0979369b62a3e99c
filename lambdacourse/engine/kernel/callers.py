"""The twin of ``reference.callers``: asynchronous events, and synchronous callers that try again."""

from __future__ import annotations

from lambdacourse.engine.draws import FAILURE, JITTER
from lambdacourse.engine.history import DELIVERED, DROPPED, FAILED, GIVEN_UP, OK, SUCCEEDED, THROTTLED
from lambdacourse.engine.kernel.compiling import compiled, inlined
from lambdacourse.engine.kernel.draws import uniform
from lambdacourse.engine.kernel.environments import histogram_bin, serve
from lambdacourse.engine.kernel.state import CALL_FINISHED, FINISHED, TOO_OLD, TRY, TRY_CALL
from lambdacourse.engine.kernel.timers import free_pending, set_timer, take_pending
from lambdacourse.engine.plan import BACKOFF, ERROR_WAITS
from lambdacourse.engine.tally import (  # fmt: skip
    ASYNC_AGE_MAX,
    ASYNC_AGE_SUM,
    ASYNC_DELIVERED,
    ASYNC_DROPPED,
    ASYNC_FROM_BEFORE,
    ASYNC_INVOCATIONS,
    ASYNC_RECEIVED,
    ASYNC_SUCCEEDED,
    CALLS_FAILED,
    CALLS_FROM_BEFORE,
    CALLS_RECEIVED,
    CALLS_SUCCEEDED,
    CALLS_THROTTLED,
    RETRIES,
)

FIRST_WAIT, WAIT_FACTOR, LONGEST_WAIT = BACKOFF


@inlined
def count_answer(core, now, row, seconds, outcome):
    """A synchronous caller that does not try again: what it sees."""
    if now >= 0.0:
        clock = core.clocks[0]
        core.bins[row, clock.bin, CALLS_RECEIVED] += 1
        column = CALLS_SUCCEEDED if outcome == OK else CALLS_FAILED if outcome < THROTTLED else CALLS_THROTTLED
        core.bins[row, clock.bin, column] += 1
        if outcome < THROTTLED:
            core.answer[row, histogram_bin(seconds, core)] += 1


@inlined
def call_arrives(core, more, flow, now, duration, init, failure):
    """A synchronous request whose caller may try again."""
    place = take_pending(more.pending, core.clocks[0])
    call = more.pending[place]
    call.arrival, call.duration, call.init, call.failure = now, duration, init, failure
    call.number, call.flow, call.attempt, call.paid = core.flows[flow].arrived, flow, 0, 0
    if now >= 0.0:
        core.bins[core.flows[flow].row, core.clocks[0].bin, CALLS_RECEIVED] += 1
    try_call(core, more, now, place)


@compiled
def try_call(core, more, now, place):
    """Send the request."""
    call = more.pending[place]
    settings = core.flows[call.flow]
    outcome, starting, seconds, _, _ = serve(
        core, more, call.flow, call.number, call.attempt, now, call.arrival, call.duration, call.init, call.failure
    )
    if call.attempt > 0 and now >= 0.0:
        core.bins[settings.row, core.clocks[0].bin, RETRIES] += 1
    if outcome >= THROTTLED:
        _try_again(core, more, now, place, GIVEN_UP, settings.throttle_cost, settings.throttle_base)
    else:
        call.outcome = outcome
        set_timer(more.timers, core.clocks[0], now + starting + seconds, CALL_FINISHED, place)


@compiled
def call_finished(core, more, now, place):
    """The answer is there: the caller takes it, or tries again after an error."""
    call = more.pending[place]
    settings = core.flows[call.flow]
    if call.outcome != OK and settings.on_errors:
        call.failure = uniform(settings.key, call.number, call.attempt + 1, FAILURE)
        _try_again(core, more, now, place, FAILED, settings.cost, settings.base)
        return
    client = settings.first_client + call.number % settings.clients
    back = call.paid if call.attempt > 0 else settings.refund
    more.tokens[client] = min(more.tokens[client] + back, settings.quota)
    _settle_call(core, more, now, place, SUCCEEDED if call.outcome == OK else FAILED)


@inlined
def _try_again(core, more, now, place, otherwise, cost, base):
    call = more.pending[place]
    settings = core.flows[call.flow]
    client = settings.first_client + call.number % settings.clients
    if call.attempt + 1 >= settings.retries or more.tokens[client] < cost:
        _settle_call(core, more, now, place, otherwise)
        return
    more.tokens[client] -= cost
    call.paid = cost
    wait = min(base * 2.0 ** min(call.attempt, 60), settings.longest)
    call.attempt += 1
    if settings.jitter:
        wait *= uniform(settings.key, call.number, call.attempt, JITTER)
    set_timer(more.timers, core.clocks[0], now + wait, TRY_CALL, place)


@inlined
def _settle_call(core, more, now, place, state):
    call = more.pending[place]
    if state != GIVEN_UP and now >= 0.0:
        core.answer[core.flows[call.flow].row, histogram_bin(now - call.arrival, core)] += 1
    column = CALLS_SUCCEEDED if state == SUCCEEDED else CALLS_FAILED if state == FAILED else CALLS_THROTTLED
    settle(core, more, now, place, state, column, CALLS_FROM_BEFORE)


@inlined
def event_arrives(core, more, flow, now, duration, init, failure):
    """Lambda takes an event into its queue and tries it at once."""
    clock = core.clocks[0]
    settings = core.flows[flow]
    place = take_pending(more.pending, clock)
    event = more.pending[place]
    event.arrival, event.duration, event.init, event.failure = now, duration, init, failure
    event.number, event.flow, event.attempt, event.throttles = settings.arrived, flow, 0, 0
    if now >= 0.0:
        core.bins[settings.row, clock.bin, ASYNC_RECEIVED] += 1
    if settings.switched_off:
        give_up(core, more, now, place)
    else:
        try_event(core, more, now, place)


@compiled
def try_event(core, more, now, place):
    """Invoke the function with an event; if it is throttled, it goes back to the queue."""
    clock = core.clocks[0]
    event = more.pending[place]
    outcome, starting, seconds, _, _ = serve(
        core, more, event.flow, event.number, event.attempt, now, event.arrival, event.duration, event.init, event.failure
    )
    if outcome >= THROTTLED:
        event.throttles += 1
        _wait(core, more, now, place, min(FIRST_WAIT * WAIT_FACTOR ** min(event.throttles - 1, 30), LONGEST_WAIT))
        return
    event.outcome = outcome
    set_timer(more.timers, clock, now + starting + seconds, FINISHED, place)
    if now >= 0.0:
        row = core.flows[event.flow].row
        age = now - event.arrival
        core.bins[row, clock.bin, ASYNC_INVOCATIONS] += 1
        core.bins[row, clock.bin, ASYNC_AGE_SUM] += age
        core.bins[row, clock.bin, ASYNC_AGE_MAX] = max(core.bins[row, clock.bin, ASYNC_AGE_MAX], age)


@compiled
def event_finished(core, more, now, place):
    """An event's invocation is over: it succeeded, or waits for its next try, or is given up."""
    event = more.pending[place]
    settings = core.flows[event.flow]
    if event.outcome == OK:
        settle(core, more, now, place, SUCCEEDED, ASYNC_SUCCEEDED, ASYNC_FROM_BEFORE)
    elif event.attempt >= settings.retries:
        give_up(core, more, now, place)
    else:
        seconds = ERROR_WAITS[0] if event.attempt == 0 else ERROR_WAITS[1]
        event.attempt += 1
        event.throttles = 0
        event.failure = uniform(settings.key, event.number, event.attempt, FAILURE)
        _wait(core, more, now, place, seconds)


@compiled
def give_up(core, more, now, place):
    """To the destination for failures, or nowhere."""
    if core.flows[more.pending[place].flow].has_destination:
        settle(core, more, now, place, DELIVERED, ASYNC_DELIVERED, ASYNC_FROM_BEFORE)
    else:
        settle(core, more, now, place, DROPPED, ASYNC_DROPPED, ASYNC_FROM_BEFORE)


@inlined
def _wait(core, more, now, place, seconds):
    """Try again later, or give up when the event becomes too old before that."""
    event = more.pending[place]
    oldest = event.arrival + core.flows[event.flow].maximum_age
    if now + seconds > oldest:
        set_timer(more.timers, core.clocks[0], max(oldest, now), TOO_OLD, place)
    else:
        set_timer(more.timers, core.clocks[0], now + seconds, TRY, place)


@inlined
def settle(core, more, now, place, state, column, from_before):
    """It is over: count it, note it, and free its place."""
    clock = core.clocks[0]
    work = more.pending[place]
    if now >= 0.0:
        core.bins[core.flows[work.flow].row, clock.bin, column] += 1
        if work.arrival < 0.0:
            core.bins[core.flows[work.flow].row, clock.bin, from_before] += 1
    if clock.recording:
        entry = more.settlements[clock.settled]
        clock.settled += 1
        entry.flow, entry.state, entry.number, entry.arrival, entry.time = work.flow, state, work.number, work.arrival, now
    free_pending(more.pending, clock, place)
