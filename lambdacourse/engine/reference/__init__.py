"""The specification, in plain Python: what happens to each request, one after the other.

Slow and readable. The compiled kernel must agree with it request by request; where numba is missing, it serves in its place.
What AWS does not publish is marked (assumption).
"""

from __future__ import annotations

from lambdacourse.engine import tally
from lambdacourse.engine.plan import Flow, Plan
from lambdacourse.engine.reference.callers import Calls, Events, RetryingCalls
from lambdacourse.engine.reference.streams import Reader
from lambdacourse.engine.reference.world import World
from lambdacourse.engine.streams import readings
from lambdacourse.model import Async


def run(plan: Plan) -> tally.History:
    """All that happens in ``plan`` (in its warm-up too)."""
    world = World(plan)
    readers = [Reader(world, reading) for reading in readings(plan)]
    world.run(handlers(world, readers))
    streams = [reader.history() for reader in readers]
    return tally.history(world.attempts, world.settlements, world.allocations, streams)


def handlers(world: World, readers: list[Reader]) -> list:
    """What takes the arrivals of each flow."""
    reader_of = {flow: reader for reader in readers for flow in reader.reading.flows}
    return [reader_of.get(number) or _caller(world, flow) for number, flow in enumerate(world.plan.flows)]


def _caller(world: World, flow: Flow) -> Calls | RetryingCalls | Events:
    if isinstance(flow.trigger, Async):
        return Events(world, flow)
    return Calls(world, flow) if flow.is_plain else RetryingCalls(world, flow)
