"""How long a handler runs: a constant, or a distribution. All in seconds.

Each is a small frozen object that knows its mean, its variance and its quantiles and can draw. A draw scales standard
numbers (exponential or normal), so moving a mean or a median stretches the same draws instead of reshuffling them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lambdacourse.model import checks

_NINETY_NINTH = NormalDist().inv_cdf(0.99)


@runtime_checkable
class Duration(Protocol):
    """What a duration can do. ``draw`` returns ``size`` seconds as a float array."""

    @property
    def mean(self) -> float: ...

    @property
    def variance(self) -> float: ...

    def quantile(self, q: float) -> float: ...

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Constant:
    """Always ``seconds``."""

    seconds: float

    def __post_init__(self) -> None:
        rule = "a duration is a number of seconds, 0 or more"
        object.__setattr__(self, "seconds", checks.number("constant(seconds", self.seconds, rule, least=0))

    @property
    def mean(self) -> float:
        return self.seconds

    @property
    def variance(self) -> float:
        return 0.0

    def quantile(self, q: float) -> float:
        _share(q)
        return self.seconds

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return np.full(size, self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds:g} s"


@dataclass(frozen=True)
class Exponential:
    """Exponentially distributed with ``mean`` seconds: many short calls, a few long ones."""

    mean: float

    def __post_init__(self) -> None:
        rule = "the mean of an exponential duration is a number of seconds above 0"
        object.__setattr__(self, "mean", checks.number("exponential(mean", self.mean, rule, above=0))

    @property
    def variance(self) -> float:
        return self.mean**2

    def quantile(self, q: float) -> float:
        return math.inf if _share(q) == 1 else -self.mean * math.log1p(-q)

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        drawn = rng.standard_exponential(size)
        drawn *= self.mean
        return drawn

    def __str__(self) -> str:
        return f"exponential, mean {self.mean:g} s"


@dataclass(frozen=True)
class Lognormal:
    """Log-normally distributed, by its ``median`` and its 99th percentile ``p99``, in seconds: what handlers look like."""

    median: float
    p99: float

    def __post_init__(self) -> None:
        rule = "the median of a log-normal duration is a number of seconds above 0"
        object.__setattr__(self, "median", checks.number("lognormal(median", self.median, rule, above=0))
        rule = f"the 99th percentile is a number of seconds, at least the median ({self.median:g})"
        object.__setattr__(self, "p99", checks.number("lognormal(p99", self.p99, rule, least=self.median))

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm."""
        return math.log(self.p99 / self.median) / _NINETY_NINTH

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)

    @property
    def variance(self) -> float:
        return self.mean**2 * math.expm1(self.sigma**2)

    def quantile(self, q: float) -> float:
        if _share(q) in (0, 1):
            return math.inf if q else 0.0
        return self.median * math.exp(self.sigma * NormalDist().inv_cdf(q))

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        drawn = rng.standard_normal(size)
        drawn *= self.sigma
        np.exp(drawn, out=drawn)
        drawn *= self.median
        return drawn

    def __str__(self) -> str:
        return f"log-normal, median {self.median:g} s, p99 {self.p99:g} s"


def constant(seconds: float) -> Constant:
    """A handler that always takes ``seconds``."""
    return Constant(seconds)


def exponential(mean: float) -> Exponential:
    """A handler whose duration is exponential with ``mean`` seconds."""
    return Exponential(mean)


def lognormal(median: float, p99: float) -> Lognormal:
    """A handler whose duration is log-normal, by ``median`` and 99th percentile ``p99``, in seconds."""
    return Lognormal(median, p99)


def as_duration(where: str, value: Any) -> Duration:
    """``value`` as a duration: a plain number of seconds is a constant."""
    if isinstance(value, Duration):
        return value
    rule = "must be a number of seconds (0 or more) or a duration such as exponential(0.5)"
    return Constant(checks.number(where, value, rule, least=0))


def _share(q: Any) -> float:
    return checks.number("quantile(q", q, "must be a number from 0 to 1", least=0, most=1)
