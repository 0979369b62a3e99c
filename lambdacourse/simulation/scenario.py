"""``simulate``: from triggers and an account to a ``Run``; ``sweep``: from many scenarios to their runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from lambdacourse import engine
from lambdacourse.model import Account, Async, EventSourceMapping, Function, Sync, checks
from lambdacourse.simulation.progress import clock, progress
from lambdacourse.simulation.run import Run

Trigger = Sync | Async | EventSourceMapping | Function


@dataclass(frozen=True)
class Scenario:
    """What is simulated: the triggers, the account they share, for how many ``seconds``, from which ``seed``.

    ``warm_up`` seconds go before and are left out of the figures. A bare ``Function`` among the triggers has no traffic and
    still claims its reservation.
    """

    triggers: tuple[Trigger, ...]
    account: Account = field(default=Account())
    seconds: float = 60.0
    seed: int = 0
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        triggers = self.triggers if isinstance(self.triggers, tuple | list) else (self.triggers,)
        for trigger in triggers:
            example = "a trigger, such as Sync(function, poisson(100)), or a Function that has no traffic"
            checks.instance("simulate(trigger", trigger, Trigger, example)
        object.__setattr__(self, "triggers", tuple(triggers))
        checks.instance("simulate(account", self.account, Account, "an Account, such as Account(concurrency_limit=1_000)")
        rule = "must be a number of seconds above 0: how long the run is"
        object.__setattr__(self, "seconds", checks.number("simulate(seconds", self.seconds, rule, above=0))
        rule = "must be a number of seconds, 0 or more: what is simulated before the figures begin"
        object.__setattr__(self, "warm_up", checks.number("simulate(warm_up", self.warm_up, rule, least=0))
        rule = "must be a whole number from 0: the same seed gives the same run"
        object.__setattr__(self, "seed", checks.whole("simulate(seed", self.seed, rule, least=0))
        self._plan()

    def _plan(self) -> engine.Plan:
        return engine.plan(self.triggers, self.account, self.seconds, self.warm_up, self.seed)

    def run(self, record: bool = False) -> Run:
        """Simulate it. With ``record``, every single request is kept (``run["api"].requests``)."""
        if not isinstance(record, bool):
            raise TypeError(f"simulate(record={record!r}): must be True or False.")
        plan = self._plan()
        with clock(self.seconds, "simulated") as watch:
            return Run(self, engine.run(plan, record, watch), plan.functions)


def simulate(
    *triggers: Trigger,
    account: Account = Account(),  # noqa: B008 - frozen
    seconds: float = 60.0,
    seed: int = 0,
    warm_up: float = 0.0,
    record: bool = False,
) -> Run:
    """Simulate ``triggers`` on one account for ``seconds``. The same seed gives the same run, to the last bit.

    >>> api = Function("api", duration=0.5)
    >>> run = simulate(Sync(api, poisson(100)), seconds=60, seed=1)
    >>> run["api"].throttle_rate
    0.0
    """
    return Scenario(triggers, account, seconds, seed, warm_up).run(record)


def sweep(scenarios: Iterable[Scenario], executor: Executor | None = None) -> list[Run]:
    """Run each scenario, on all of this machine's cores: in threads, as the kernels run side by side.

    ``executor`` is any ``concurrent.futures.Executor`` to run them on instead; a Dask cluster's is ``client.get_executor()``.
    """
    if isinstance(scenarios, Scenario) or not isinstance(scenarios, Iterable):
        raise TypeError(f"sweep(scenarios={scenarios!r}): must be a list of Scenarios.")
    scenarios = [checks.instance("sweep(scenario", scenario, Scenario, "a Scenario") for scenario in scenarios]
    if executor is None:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return _run_all(scenarios, threads)
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(f"sweep(executor={executor!r}): must be a concurrent.futures.Executor, or None for threads.")
    return _run_all(scenarios, executor)


def _run_all(scenarios: list[Scenario], executor: Executor) -> list[Run]:
    """The first error ends it: what has not begun by then is not begun."""
    futures = [executor.submit(Scenario.run, scenario) for scenario in scenarios]
    try:
        for done in progress(as_completed(futures), len(futures), "scenarios"):
            done.result()
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]
