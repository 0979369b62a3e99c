"""Simulations: ``simulate`` makes a ``Run`` of triggers and an account; ``sweep`` makes many; alarms are evaluated on them."""

from lambdacourse.simulation.alarms import Alarm, AlarmHistory
from lambdacourse.simulation.run import FunctionRun, Run, throttle_reasons
from lambdacourse.simulation.scenario import Scenario, Trigger, simulate, sweep

__all__ = ["Alarm", "AlarmHistory", "FunctionRun", "Run", "Scenario", "Trigger", "simulate", "sweep", "throttle_reasons"]
