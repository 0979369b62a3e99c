"""AWS Lambda at scale, learned by doing.

    from lambdacourse import Account, ColdStart, Function, Scenario, simulate, sweep, replications
    from lambdacourse import Sync, Async, Retry                                 # what invokes a function
    from lambdacourse import EventSourceMapping, SqsQueue, FifoQueue, KinesisStream, DynamoDbStream   # … in batches
    from lambdacourse import TargetTracking, Schedule, Downstream               # what scales a function, what stands behind it
    from lambdacourse import steady, poisson, ramp, spike, diurnal, trace       # traffic; `+` adds two
    from lambdacourse import per_minute, azure_trace, cloudwatch_trace          # traffic as it was recorded
    from lambdacourse import constant, exponential, lognormal                   # durations
    from lambdacourse import Alarm                                              # as CloudWatch evaluates it, on a run's metrics
    from lambdacourse import fact                                               # what AWS says, with source and date
    from lambdacourse import under_the_hood                                     # the code of any of these
    from lambdacourse.pricing import bill                                       # what it costs; memory: how much of it
    from lambdacourse.inside import plot_invocation                             # how Lambda itself works

Names are loaded when they are first used, so that ``import lambdacourse`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version

_ROOMS = {
    "lambdacourse.model": (
        "Account", "Async", "ColdStart", "Downstream", "DynamoDbStream", "EventSourceMapping", "FifoQueue", "Function",
        "KinesisStream", "Retry", "Schedule", "SqsQueue", "Sync", "TargetTracking", "azure_trace", "cloudwatch_trace", "constant",
        "diurnal", "exponential", "lognormal", "per_minute", "poisson", "ramp", "spike", "steady", "trace",
    ),
    "lambdacourse.simulation": ("Alarm", "Run", "Scenario", "replications", "simulate", "sweep"),
    "lambdacourse.facts": ("fact",),
    "lambdacourse.source": ("under_the_hood",),
}  # fmt: skip
_BY_NAME = ("memory", "pricing")
"""Rooms whose names are used with the room's: ``lambdacourse.pricing.bill(…)``."""
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_WHERE)
__version__ = _version("lambdacourse")


def __getattr__(name: str):
    if name in _BY_NAME:
        return import_module(f"lambdacourse.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'lambdacourse' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return [*__all__, *_BY_NAME, "__version__"]
