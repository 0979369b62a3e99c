"""Comparing numbers with the expected ones, and naming the misconception that gives all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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
