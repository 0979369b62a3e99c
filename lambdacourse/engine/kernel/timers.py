"""Timers in a binary heap, and the pending work that they are about."""

from __future__ import annotations

from lambdacourse.engine.kernel.compiling import compiled, inlined


@inlined
def _before(timers, one, other):
    first, second = timers[one], timers[other]
    return first.time < second.time or (first.time == second.time and first.order < second.order)


@inlined
def _swap(timers, one, other):
    first, second = timers[one], timers[other]
    time, order, kind, about = first.time, first.order, first.kind, first.about
    first.time, first.order, first.kind, first.about = second.time, second.order, second.kind, second.about
    second.time, second.order, second.kind, second.about = time, order, kind, about


@compiled
def set_timer(timers, clock, time, kind, about):
    """Have ``kind`` done at ``time`` with ``about``."""
    place = clock.timers
    timer = timers[place]
    timer.time, timer.order, timer.kind, timer.about = time, clock.set, kind, about
    clock.timers += 1
    clock.set += 1
    while place > 0 and _before(timers, place, (place - 1) >> 1):
        _swap(timers, place, (place - 1) >> 1)
        place = (place - 1) >> 1


@compiled
def take_timer(timers, clock):
    """Remove the first timer; it then stands behind the last one, at ``clock.timers``."""
    clock.timers -= 1
    last = clock.timers
    _swap(timers, 0, last)
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            return
        if child + 1 < last and _before(timers, child + 1, child):
            child += 1
        if not _before(timers, child, place):
            return
        _swap(timers, place, child)
        place = child


@inlined
def take_pending(pending, clock):
    """Room for one more piece of work."""
    place = clock.free_pending
    clock.free_pending = pending[place].next
    return place


@inlined
def free_pending(pending, clock, place):
    """It is over."""
    pending[place].next = clock.free_pending
    clock.free_pending = place
