"""The same scenario from several seeds: means, and how sure one can be of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from lambdacourse.model import checks
from lambdacourse.simulation.run import Run
from lambdacourse.simulation.scenario import Scenario, sweep


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval, from ``low`` to ``high``."""

    mean: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.high - self.mean:.2g}"


@dataclass(frozen=True)
class Replications:
    """Runs of one scenario that differ only by their seed; ``runs`` in the order of the seeds."""

    runs: tuple[Run, ...] = field(repr=False)
    confidence: float

    def interval(self, figure: Callable[[Run], float]) -> Interval:
        """The mean of a figure over the runs, with its confidence interval (Student's t).

        >>> replications(scenario, 20).interval(lambda run: run["api"].throttle_rate)

        Runs in which the figure is NaN, because there was nothing to share, are left out.
        """
        if not callable(figure):
            raise TypeError(
                f"interval(figure={figure!r}): must be a function of a run, such as lambda run: run['api'].throttle_rate."
            )
        return self._interval([figure(run) for run in self.runs])

    def summary(self) -> pd.DataFrame:
        """``Run.summary()``, averaged: for each function the mean of each figure, and its interval."""
        tables = [run.summary().astype(float) for run in self.runs]
        intervals = {
            (function, part): [
                getattr(self._interval([table.loc[name, function] for table in tables]), part) for name in tables[0].index
            ]
            for function in tables[0]
            for part in ("mean", "low", "high")
        }
        return pd.DataFrame(intervals, index=tables[0].index)

    def _interval(self, values: list[float]) -> Interval:
        known = np.array([value for value in values if not math.isnan(value)], dtype=float)
        if known.size < 2:
            return Interval(float(known[0]) if known.size else math.nan, math.nan, math.nan)
        mean, error = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(known.size)
        reach = student_t(self.confidence, known.size - 1) * error
        return Interval(mean, mean - reach, mean + reach)


def replications(
    scenario: Scenario, n: int = 10, *, confidence: float = 0.95, executor: Executor | None = None
) -> Replications:
    """Run ``scenario`` ``n`` times, with its seed and the ``n - 1`` after it; ``executor`` as in ``sweep``.

    ``confidence`` is the share of such intervals that hold the true mean.
    """
    checks.instance("replications(scenario", scenario, Scenario, "a Scenario, such as Scenario(Sync(api, poisson(100)))")
    n = checks.whole("replications(n", n, "must be a whole number of runs, 2 or more", least=2)
    rule = "must be a share above 0 and below 1, such as 0.95"
    confidence = checks.number("replications(confidence", confidence, rule, above=0, most=math.nextafter(1, 0))
    scenarios = [replace(scenario, seed=scenario.seed + each) for each in range(n)]
    return Replications(tuple(sweep(scenarios, executor)), confidence)


def student_t(confidence: float, freedom: int) -> float:
    """How many standard errors reach ``confidence`` on both sides together, with so many degrees of freedom.

    Student's distribution is a finite sum for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """

    def share_within(angle: float) -> float:
        odd = freedom % 2
        term = math.sin(angle) * (math.cos(angle) if odd else 1)
        total = term if freedom > 1 else 0.0
        for power in range(2 + odd, freedom - 1, 2):
            term *= math.cos(angle) ** 2 * (power - 1) / power
            total += term
        return 2 / math.pi * (angle + total) if odd else total

    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if share_within(middle) < confidence else (low, middle)
    return math.sqrt(freedom) * math.tan(low)
