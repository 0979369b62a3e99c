"""Comparing a number with the expected one, and saying what a wrong one looks like."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SLIPS = (
    (1_000.0, "1,000 times too large: are there milliseconds where seconds should be?"),
    (1 / 1_000.0, "1,000 times too small: are there seconds where milliseconds should be?"),
    (100.0, "100 times too large: is that percent where a share (0 to 1) is asked for?"),
    (1 / 100.0, "100 times too small: is that a share where percent is asked for?"),
    (60.0, "60 times too large: minutes and seconds?"),
    (1 / 60.0, "60 times too small: minutes and seconds?"),
    (3_600.0, "3,600 times too large: hours and seconds?"),
    (1 / 3_600.0, "3,600 times too small: hours and seconds?"),
    (10.0, "10 times too large."),
    (0.1, "10 times too small."),
    (-1.0, "the right size, with the wrong sign."),
)
"""What a factor between an answer and the truth usually means."""


@dataclass(frozen=True)
class Misconception:
    """A wrong idea with a known answer: what it gives for a case, its name in a sentence, and where the lesson takes it up."""

    gives: Callable[..., float]
    says: str
    see: str = ""

    def __str__(self) -> str:
        return f"{self.says} See {self.see}." if self.see else self.says


def close(value: float, expected: float, tolerance: float = 1e-6) -> bool:
    """Whether ``value`` is ``expected``, within a relative ``tolerance`` (and as much absolutely, near 0)."""
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


def name_misconception(
    cases: Sequence[dict], values: Sequence[float], misconceptions: Sequence[Misconception], tolerance: float = 1e-6
) -> Misconception | None:
    """The misconception that gives all of ``values``, if one does."""
    for misconception in misconceptions:
        try:
            wrong = [misconception.gives(**case) for case in cases]
        except (ArithmeticError, ValueError):
            continue
        if all(close(value, other, tolerance) for value, other in zip(values, wrong, strict=True)):
            return misconception
    return None


def name_slip(value: float, expected: float, tolerance: float = 1e-3) -> str:
    """What kind of slip leads from ``expected`` to ``value``, if a usual one does."""
    if not expected or not value:
        return ""
    return next((f"It is {words}" for factor, words in SLIPS if math.isclose(value / expected, factor, rel_tol=tolerance)), "")
