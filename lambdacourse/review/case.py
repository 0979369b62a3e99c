"""A function under its load, as it is simulated; and the figures by which two such cases are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from lambdacourse.model import Account, Async, EventSourceMapping, Function, Sync
from lambdacourse.pricing import Bill
from lambdacourse.simulation import FunctionRun, Run, simulate

OF_LAMBDA = ("requests", "duration_", "init_", "provisioned_")
"""How the names of what Lambda itself charges begin on the price list."""


@dataclass(frozen=True)
class Case:
    """One function with what invokes it, in an account, for so many ``seconds``.

    warm_up
        Seconds that go before and do not count, so that the environments of the beginning are no cold starts of every month.
    has_snapstart
        Whether its new environments begin from a snapshot; such a function has no provisioned concurrency.
    """

    function: Function
    triggers: tuple[Sync | Async | EventSourceMapping, ...]
    account: Account
    seconds: float
    warm_up: float = 0.0
    has_snapstart: bool = False

    def having(self, **changes) -> Case:
        """The same with another setting of the function."""
        function = replace(self.function, **changes)
        return replace(self, function=function, triggers=tuple(replace(each, function=function) for each in self.triggers))

    def with_triggers(self, **changes) -> Case:
        """The same with another setting of each of its triggers."""
        return replace(self, triggers=tuple(replace(each, **changes) for each in self.triggers))

    def simulate(self) -> Outcome:
        run = simulate(*self.triggers, account=self.account, seconds=self.seconds, warm_up=self.warm_up)
        return Outcome(self, run)


@dataclass(frozen=True)
class Outcome:
    """What came of a case. Shares from 0 to 1, seconds, USD."""

    case: Case
    run: Run

    @property
    def figures(self) -> FunctionRun:
        return self.run[self.case.function.name]

    @property
    def failed(self) -> float:
        """The share of all attempts that were throttled or timed out."""
        attempts = self.figures.invocations + self.figures.throttles
        return (self.figures.throttles + self.figures.timeouts) / attempts if attempts else 0.0

    @cached_property
    def bill(self) -> Bill:
        """A month in which it goes on like that, in us-east-1 without the free tier, with the queue's or stream's charges."""
        return self.run.bill("month")

    @property
    def of_lambda(self) -> Bill:
        """What of the bill is Lambda's own."""
        return Bill({name: much for name, much in self.bill.usage.items() if name.startswith(OF_LAMBDA)}, free_tier=False)
