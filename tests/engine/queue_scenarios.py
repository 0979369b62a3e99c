"""Hypothesis strategies for small scenarios with queues, and the life of each message from a recorded run."""

from dataclasses import replace

import numpy as np
from engine_scenarios import accounts, durations, functions, traffics
from hypothesis import strategies as st

from lambdacourse.engine import queueing
from lambdacourse.model import EventSourceMapping, FifoQueue, SqsQueue, Sync, poisson
from lambdacourse.simulation import Scenario


@st.composite
def queues(draw, name, seconds, rate, fifo):
    settings = {
        "visibility_timeout": draw(st.sampled_from([0, 1, 2.5, 5, 30])),
        "max_receive_count": draw(st.sampled_from([None, None, 1, 2, 5])),
        "retention": draw(st.sampled_from([60, 60, 345_600])),
        "poison_rate": draw(st.sampled_from([0.0, 0.0, 0.1, 1.0])),
        "in_flight_limit": draw(st.sampled_from([1, 7, 40, 120_000])),
        "message_kb": draw(st.sampled_from([1, 1, 64, 1_024])),
    }
    traffic = draw(traffics(seconds, rate, wavy=False))
    if fifo:
        return FifoQueue(name, traffic, message_groups=draw(st.sampled_from([1, 2, 5, 300])), **settings)
    return SqsQueue(name, traffic, **settings)


@st.composite
def mappings(draw, function, name, seconds, rate):
    fifo = draw(st.booleans())
    source = draw(queues(name, seconds, rate, fifo))
    if function.timeout is not None and function.timeout > source.visibility_timeout:
        source = replace(source, visibility_timeout=function.timeout)
    if function.duration.quantile(1) == source.visibility_timeout == 0:
        source = replace(source, visibility_timeout=1)  # or time might stand still
    window = 0.0 if fifo else draw(st.sampled_from([0.0, 0.0, 1.0, 3.0]))
    pollers = draw(st.sampled_from([{}, {}, {"maximum_concurrency": 2}, {"maximum_concurrency": 7}, {"minimum_pollers": 2}]))
    return EventSourceMapping(
        function,
        source,
        batch_size=draw(st.sampled_from([1, 1, 3, 10] + ([25] if window else []))),
        batching_window=window,
        report_batch_item_failures=draw(st.booleans()),
        seconds_per_record=draw(st.sampled_from([0.0, 0.05])),
        retry_wait=draw(st.sampled_from([0.25, 1.0, 3.7])),
        error_cut=draw(st.sampled_from([0.0, 0.5, 1.0])),
        **pollers,
    )


@st.composite
def queue_scenarios(draw, rate=10.0, lengths=(31.0, 130.0)):
    """One or two queues, perhaps with synchronous callers of the same function beside them."""
    seconds = draw(st.sampled_from(lengths))
    account = draw(accounts())
    reserve = draw(st.sampled_from([None, None, None, 0, 1, 3]))
    if reserve and (account.concurrency_limit or 10) < reserve:
        reserve = None
    function = draw(functions("worker", reserve))
    function = replace(function, duration=draw(durations()))
    triggers = [draw(mappings(function, "orders", seconds, rate))]
    if draw(st.booleans()):
        triggers.append(Sync(function, poisson(0.3 * rate)))
    if draw(st.booleans()):
        other = draw(functions("other", None))
        triggers.insert(draw(st.integers(0, len(triggers))), draw(mappings(other, "more", seconds, rate)))
    return Scenario(tuple(triggers), account, seconds, draw(st.integers(0, 99)), draw(st.sampled_from([0.0, 0.0, 3.7])))


class Life:
    """What happened to one message: (kind, time) in order."""

    def __init__(self, group):
        self.group, self.events = group, []

    def times(self, kind):
        return [time for each, time in self.events if each == kind]

    @property
    def end(self):
        kind, time = self.events[-1]
        return (kind, time) if kind in (queueing.DELETED, queueing.DEAD_LETTERED, queueing.EXPIRED) else (None, np.inf)


def lives(messages, queue, group=lambda flow, number: 0):
    """Each message of queue number ``queue`` in the order in which they were sent."""
    known = {}
    mine = (messages.queue == queue) & (messages.kind != queueing.POLLERS)
    columns = (column[mine].tolist() for column in (messages.flow, messages.number, messages.kind, messages.time))
    for flow, number, kind, time in zip(*columns, strict=True):
        if kind == queueing.SENT:
            known[flow, number] = Life(group(flow, number))
        known[flow, number].events.append((kind, time))
    return list(known.values())
