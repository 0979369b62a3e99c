"""The compiled engine made ready before somebody waits for it."""

from __future__ import annotations

from lambdacourse.model import Async, EventSourceMapping, Function, KinesisStream, SqsQueue, Sync, poisson
from lambdacourse.simulation.scenario import simulate


def prepare() -> None:
    """Load what each kind of trigger needs of the compiled engine; what is not compiled yet is, and kept: once, for about a minute."""
    function, traffic = Function("warm", duration=0.1), poisson(10)
    queue, stream = SqsQueue("queue", traffic), KinesisStream("stream", traffic)
    for trigger in (
        Sync(function, traffic),
        Async(function, traffic),
        EventSourceMapping(function, queue),
        EventSourceMapping(function, stream),
    ):
        simulate(trigger, seconds=1)
