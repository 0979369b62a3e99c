"""Simulations: ``simulate`` makes a ``Run`` of triggers and an account; ``sweep`` makes many, ``replications`` from many seeds; alarms are evaluated on them."""

from lambdacourse.simulation.alarms import Alarm, AlarmHistory
from lambdacourse.simulation.queues import QueueRun
from lambdacourse.simulation.replications import Interval, Replications, replications
from lambdacourse.simulation.run import FunctionRun, Run, throttle_reasons
from lambdacourse.simulation.scenario import Scenario, Trigger, simulate, sweep

__all__ = [
    "Alarm",
    "AlarmHistory",
    "FunctionRun",
    "QueueRun",
    "Interval",
    "Replications",
    "Run",
    "Scenario",
    "Trigger",
    "replications",
    "simulate",
    "sweep",
    "throttle_reasons",
]
