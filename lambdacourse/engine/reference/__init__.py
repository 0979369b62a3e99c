"""The specification, in plain Python: what happens to each request, one after the other.

Slow and readable. The compiled kernel must agree with it request by request; where numba is missing, it serves in its place.
What AWS does not publish is marked (assumption).
"""

from __future__ import annotations

from lambdacourse.engine import history
from lambdacourse.engine.plan import Flow, Plan
from lambdacourse.engine.reference.callers import Calls, Events, RetryingCalls
from lambdacourse.engine.reference.provisioned import provide
from lambdacourse.engine.reference.queues import Queue
from lambdacourse.engine.reference.streams import Reader
from lambdacourse.engine.reference.world import World
from lambdacourse.engine.streams import readings
from lambdacourse.model import Async


def run(plan: Plan) -> history.History:
    """All that happens in ``plan`` (in its warm-up too)."""
    world = World(plan)
    provide(world)
    readers = [Reader(world, reading) for reading in readings(plan)]
    queues = {mapping.source.name: Queue(world, number, mapping) for number, mapping in enumerate(plan.queues)}
    world.run(handlers(world, readers, queues))
    streams = [reader.history() for reader in readers]
    return history.from_rows(world.attempts, world.settlements, world.allocations, streams, world.messages)


def handlers(world: World, readers: list[Reader], queues: dict[str, Queue]) -> list:
    """What takes the arrivals of each flow."""
    reader_of = {flow: reader for reader in readers for flow in reader.reading.flows}
    source_of = reader_of | {number: queues[flow.name] for number, flow in enumerate(world.plan.flows) if flow.is_of_queue}
    return [source_of.get(number) or _caller(world, flow) for number, flow in enumerate(world.plan.flows)]


def _caller(world: World, flow: Flow) -> Calls | RetryingCalls | Events:
    if isinstance(flow.trigger, Async):
        return Events(world, flow)
    return Calls(world, flow) if flow.is_plain else RetryingCalls(world, flow)
