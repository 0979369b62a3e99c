"""When requests arrive. Rates are in requests per second, times in seconds; ``+`` adds two.

``steady`` is evenly spaced and ``trace`` replays given times; the others are Poisson processes whose rate is constant or
changes with time. A Poisson process is drawn as one of rate 1 whose clock then runs at the wanted rate, so moving a rate
stretches the same arrivals instead of reshuffling them.

Time 0 is where the figures of a run begin. A warm-up lies before it, and there a ramp or a spike has not begun yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from lambdacourse.model import checks

CHUNK = 16_384
"""Arrivals drawn at a time: what stays in a core's cache."""

Streams = Callable[[str], np.random.Generator]
"""Gives the random stream for a purpose; the caller has keyed it by the run's seed and the name of what arrives."""

_RATE_RULE = "a rate is a number of requests per second, 0 or more"
_SECONDS_RULE = "must be a number of seconds above 0"


class Traffic:
    """What all traffic can do."""

    def rate(self, seconds: np.ndarray | float) -> np.ndarray:
        """The expected rate in requests per second at each of the times ``seconds``."""
        raise NotImplementedError

    def peak_rate(self, start: float, end: float) -> float:
        """The highest rate between ``start`` and ``end``, roughly: for sizing, not for results."""
        return float(np.max(self.rate(np.linspace(start, end, 257)), initial=0.0))

    def arrivals(self, streams: Streams, start: float, end: float) -> Iterator[np.ndarray]:
        """The arrival times from ``start`` up to, not including, ``end``: ascending arrays of at most ``CHUNK``."""
        raise NotImplementedError

    def __add__(self, other: Traffic) -> Sum:
        if not isinstance(other, Traffic):
            return NotImplemented
        return Sum((*self.flows(), *other.flows()))

    def flows(self) -> tuple[Traffic, ...]:
        """The traffics of which this one is the sum: itself, when it is none."""
        return (self,)


@dataclass(frozen=True)
class Steady(Traffic):
    """Evenly spaced arrivals, one every ``1 / requests_per_second`` seconds, the first at time 0."""

    requests_per_second: float

    def __post_init__(self) -> None:
        _keep(self, "requests_per_second", checks.number("steady(rate", self.requests_per_second, _RATE_RULE, least=0))

    def rate(self, seconds):
        return np.full(np.shape(seconds), self.requests_per_second)

    def arrivals(self, streams, start, end):
        if self.requests_per_second == 0:
            return
        first = math.ceil(start * self.requests_per_second)
        while True:
            times = np.arange(first, first + CHUNK) / self.requests_per_second
            yield from _before(times, end)
            if times[-1] >= end:
                return
            first += CHUNK


class _Random(Traffic):
    """A Poisson process whose rate is piecewise linear in time."""

    def knots(self, start: float, end: float) -> tuple[list[float], list[float]]:
        """Times from ``start`` to ``end`` and the rate at each; linear in between, a jump where a time stands twice."""
        raise NotImplementedError

    def rate(self, seconds):
        seconds = np.asarray(seconds, dtype=float)
        low, high = (float(np.min(seconds)), float(np.max(seconds))) if seconds.size else (0.0, 1.0)
        times, rates = map(np.asarray, self.knots(low, high + 1.0))  # beyond the last, so that a jump there is among them
        after = np.searchsorted(times, seconds, side="right").clip(1, len(times) - 1)
        width = np.where(times[after] > times[after - 1], times[after] - times[after - 1], 1.0)
        share = ((seconds - times[after - 1]) / width).clip(0.0, 1.0)
        return rates[after - 1] + share * (rates[after] - rates[after - 1])

    def peak_rate(self, start, end):
        return max(self.knots(start, end)[1])

    def arrivals(self, streams, start, end):
        times, rates = (np.asarray(knots, dtype=float) for knots in self.knots(start, end))
        pieces = np.diff(times) * (rates[1:] + rates[:-1]) / 2
        cumulated = np.concatenate(([0.0], np.cumsum(pieces)))
        expected = cumulated[-1]
        if expected == 0:
            return
        chunk = int(min(CHUNK, 1.1 * expected + 64))
        for clock in _unit_poisson(streams("arrivals"), chunk):
            if clock[0] >= expected:
                return
            yield from _before(_clock_to_time(clock, times, rates, cumulated), end)
            if clock[-1] >= expected:
                return


@dataclass(frozen=True)
class Poisson(_Random):
    """Independent arrivals at a constant rate."""

    requests_per_second: float

    def __post_init__(self) -> None:
        _keep(self, "requests_per_second", checks.number("poisson(rate", self.requests_per_second, _RATE_RULE, least=0))

    def knots(self, start, end):
        return [start, end], [self.requests_per_second] * 2


@dataclass(frozen=True)
class Ramp(_Random):
    """A rate that climbs (or falls) from ``first`` to ``last`` during ``seconds`` from time 0, and then stays."""

    first: float
    last: float
    seconds: float

    def __post_init__(self) -> None:
        _keep(self, "first", checks.number("ramp(first", self.first, _RATE_RULE, least=0))
        _keep(self, "last", checks.number("ramp(last", self.last, _RATE_RULE, least=0))
        _keep(self, "seconds", checks.number("ramp(seconds", self.seconds, _SECONDS_RULE, above=0))

    def knots(self, start, end):
        return _cut([-math.inf, 0.0, self.seconds, math.inf], [self.first, self.first, self.last, self.last], start, end)


@dataclass(frozen=True)
class Spike(_Random):
    """A ``base`` rate, and the rate ``peak`` from time ``at`` on for ``seconds``."""

    base: float
    peak: float
    at: float
    seconds: float

    def __post_init__(self) -> None:
        _keep(self, "base", checks.number("spike(base", self.base, _RATE_RULE, least=0))
        _keep(self, "peak", checks.number("spike(peak", self.peak, _RATE_RULE, least=0))
        _keep(self, "at", checks.number("spike(at", self.at, "must be a time in seconds, 0 or more", least=0))
        _keep(self, "seconds", checks.number("spike(seconds", self.seconds, _SECONDS_RULE, above=0))

    def knots(self, start, end):
        last = self.at + self.seconds
        times = [-math.inf, self.at, self.at, last, last, math.inf]
        return _cut(times, [self.base, self.base, self.peak, self.peak, self.base, self.base], start, end)


@dataclass(frozen=True)
class Diurnal(_Random):
    """A daily wave between the rates ``low`` and ``high``: highest at ``peak_at`` seconds, again every ``period`` seconds."""

    low: float
    high: float
    peak_at: float
    period: float

    def __post_init__(self) -> None:
        _keep(self, "low", checks.number("diurnal(low", self.low, _RATE_RULE, least=0))
        _keep(self, "high", checks.number("diurnal(high", self.high, f"{_RATE_RULE}, not below low", least=self.low))
        _keep(self, "peak_at", checks.number("diurnal(peak_at", self.peak_at, "must be a time in seconds"))
        _keep(self, "period", checks.number("diurnal(period", self.period, _SECONDS_RULE, above=0))

    def knots(self, start, end):
        step = self.period / 288  # straight lines of five minutes a day: within 0.01 % of the wave
        times = step * np.arange(math.floor(start / step), math.ceil(end / step) + 2)
        wave = (1 + np.cos(2 * np.pi * (times - self.peak_at) / self.period)) / 2
        return _cut(times.tolist(), (self.low + (self.high - self.low) * wave).tolist(), start, end)


@dataclass(frozen=True, eq=False)
class Trace(Traffic):
    """Arrivals at given times, in seconds from the start of the figures."""

    times: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        try:
            plain = np.asarray(self.times)
            if plain.ndim > 1 or (
                plain.size
                and (plain.dtype.kind not in "iufO" or any(type(time) is bool for time in plain.ravel()[:1].tolist()))
            ):
                raise TypeError
            times = np.sort(plain.astype(float).ravel())
        except (TypeError, ValueError) as problem:
            raise TypeError(f"trace(times={self.times!r}): must be a list of times in seconds.") from problem
        if times.size and not np.isfinite(times[[0, -1]]).all():
            raise ValueError(f"trace: the times must be finite numbers of seconds; they run from {times[0]} to {times[-1]}.")
        if times.size and times[0] < 0:
            raise ValueError(f"trace: the first time is {times[0]:g} s; times count from 0, where the figures begin.")
        times.flags.writeable = False
        _keep(self, "times", times)

    def rate(self, seconds):
        edges = np.concatenate((np.atleast_1d(seconds) - 0.5, np.atleast_1d(seconds) + 0.5))
        below = np.searchsorted(self.times, edges)
        counts = below[len(below) // 2 :] - below[: len(below) // 2]
        return counts.astype(float).reshape(np.shape(seconds))

    def peak_rate(self, start, end):
        within = self.times[(self.times >= start) & (self.times < end)]
        return float(np.bincount((within - start).astype(np.int64), minlength=1).max()) if within.size else 0.0

    def arrivals(self, streams, start, end):
        within = self.times[np.searchsorted(self.times, start) : np.searchsorted(self.times, end)]
        for first in range(0, within.size, CHUNK):
            yield within[first : first + CHUNK]


@dataclass(frozen=True)
class Sum(Traffic):
    """Several traffics together. A run treats them as one trigger each, so that each keeps its own random streams."""

    parts: tuple[Traffic, ...]

    def flows(self):
        return self.parts

    def rate(self, seconds):
        return sum(part.rate(seconds) for part in self.parts)

    def peak_rate(self, start, end):
        return sum(part.peak_rate(start, end) for part in self.parts)


def steady(rate: float) -> Steady:
    """Evenly spaced requests: ``rate`` per second."""
    return Steady(rate)


def poisson(rate: float) -> Poisson:
    """Independent requests, ``rate`` per second on average: what many unrelated callers make."""
    return Poisson(rate)


def ramp(first: float, last: float, seconds: float) -> Ramp:
    """A Poisson rate that goes from ``first`` to ``last`` requests per second in ``seconds``."""
    return Ramp(first, last, seconds)


def spike(base: float, peak: float, at: float, seconds: float) -> Spike:
    """A Poisson rate of ``base`` requests per second that jumps to ``peak`` at the time ``at`` for ``seconds``."""
    return Spike(base, peak, at, seconds)


def diurnal(low: float, high: float, peak_at: float = 43_200.0, period: float = 86_400.0) -> Diurnal:
    """A Poisson rate that swings between ``low`` and ``high`` requests per second, highest at ``peak_at`` (noon)."""
    return Diurnal(low, high, peak_at, period)


def trace(times: Iterable[float]) -> Trace:
    """Requests at the given ``times``, in seconds."""
    if isinstance(times, np.ndarray):
        return Trace(times)
    if isinstance(times, str | bytes | Mapping) or not isinstance(times, Iterable):
        raise TypeError(f"trace(times={times!r}): must be a list of times in seconds.")
    return Trace(list(times))


def _keep(traffic: Traffic, attribute: str, value: object) -> None:
    object.__setattr__(traffic, attribute, value)


def _before(times: np.ndarray, end: float) -> Iterator[np.ndarray]:
    cut = int(np.searchsorted(times, end))
    if cut:
        yield times[:cut]


def _unit_poisson(rng: np.random.Generator, chunk: int) -> Iterator[np.ndarray]:
    """The arrival times of a Poisson process of rate 1, for ever. The sum is carried on, so the chunk's size is no matter."""
    last = 0.0
    while True:
        clock = rng.standard_exponential(chunk)
        clock[0] += last
        np.cumsum(clock, out=clock)
        last = clock[-1]
        yield clock


def _clock_to_time(clock: np.ndarray, times: np.ndarray, rates: np.ndarray, cumulated: np.ndarray) -> np.ndarray:
    """Where the cumulated rate reaches each value of ``clock``."""
    if len(times) == 2 and rates[0] == rates[1]:
        return times[0] + clock / rates[0]
    piece = np.searchsorted(cumulated, clock, side="right").clip(1, len(times) - 1) - 1
    rest = clock - cumulated[piece]
    first, width = rates[piece], times[piece + 1] - times[piece]
    slope = (rates[piece + 1] - first) / np.where(width > 0, width, 1.0)
    # slope/2 x^2 + first x = rest, in the form that stays exact where the slope is 0
    root = np.sqrt(np.maximum(first * first + 2 * slope * rest, 0.0))
    return times[piece] + 2 * rest / np.maximum(first + root, 1e-300)


def _cut(times: list[float], rates: list[float], start: float, end: float) -> tuple[list[float], list[float]]:
    """The part of a piecewise linear rate between ``start`` and ``end``."""
    grid = np.array([max(min(time, 1e300), -1e300) for time in times])

    def at(time: float, side: str) -> float:
        after = int(np.searchsorted(grid, time, side=side).clip(1, len(grid) - 1))
        width = grid[after] - grid[after - 1]
        share = min(max((time - grid[after - 1]) / width, 0.0), 1.0) if width else 1.0
        return rates[after - 1] + share * (rates[after] - rates[after - 1])

    inner = [(time, rate) for time, rate in zip(times, rates, strict=True) if start < time < end]
    whole = [(start, at(start, "right")), *inner, (end, at(end, "left"))]
    return [time for time, _ in whole], [rate for _, rate in whole]
