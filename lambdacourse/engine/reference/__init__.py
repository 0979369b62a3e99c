"""The specification, in plain Python: what happens to each request, one after the other.

Slow and readable. The compiled kernel must agree with it request by request; where numba is missing, it serves in its place.
What AWS does not publish is marked (assumption).
"""

from __future__ import annotations

from lambdacourse.engine import tally
from lambdacourse.engine.plan import Flow, Plan
from lambdacourse.engine.reference.callers import Calls, Events, RetryingCalls
from lambdacourse.engine.reference.world import World
from lambdacourse.model import Async


def run(plan: Plan) -> tally.History:
    """All that happens in ``plan`` (in its warm-up too)."""
    world = World(plan)
    world.run(handlers(world))
    return tally.history(world.attempts, world.settlements, world.allocations)


def handlers(world: World) -> list:
    """What takes the arrivals of each flow."""

    def handler(flow: Flow):
        if isinstance(flow.trigger, Async):
            return Events(world, flow)
        return Calls(world, flow) if flow.is_plain else RetryingCalls(world, flow)

    return [handler(flow) for flow in world.plan.flows]
