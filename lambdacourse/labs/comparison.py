"""Two settings of a lab, side by side: the one that is kept, A, and the present one, B."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lambdacourse.labs.view import View
from lambdacourse.quantities import written

FIGURE = re.compile(r"(?P<sign>\$?)(?P<number>\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?P<unit>.*)")
SIZES = {"ms": (1e-3, "s"), "thousand": (1e3, ""), "million": (1e6, ""), "billion": (1e9, "")}
"""Units that stand for others, as figures are written."""


@dataclass(frozen=True)
class Setting:
    """What a lab shows for a setting, and what that is: the labels of its controls, and of their values."""

    said: Mapping[str, str]
    view: View


@dataclass(frozen=True)
class Row:
    """What is compared: of the controls that differ, all in one, or of a figure."""

    label: str
    a: str
    b: str
    difference: str


def compared(a: Setting, b: Setting) -> list[Row]:
    """What differs in the settings, and then each figure of both, and how far they are apart."""
    moved = [label for label, value in b.said.items() if a.said[label] != value]
    one, other = (", ".join(each.said[label] for label in moved) or "the same" for each in (a, b))
    settings = Row(", ".join(moved) or "setting", one, other, "")  # always one row, so that nothing jumps
    of_a, of_b = ({number.label: number.shown(each.view.compared) for number in each.view.numbers} for each in (a, b))
    labels = [*of_b, *(label for label in of_a if label not in of_b)]
    pairs = [(label, of_a.get(label, ""), of_b.get(label, "")) for label in labels]
    return [settings, *(Row(label, one, other, difference(one, other)) for label, one, other in pairs)]


def difference(a: str, b: str) -> str:
    """How far the figure ``b`` is from ``a``, both as they are written: in percent, in times, or in points of percents; ``""`` where
    they are no figures of one unit."""
    (one, unit), (other, same) = _read(a), _read(b)
    if one is None or other is None or unit != same:
        return ""
    if one == other:
        return "="
    if unit.startswith("%"):
        return _signed(other - one, "points")
    if one == 0 or other == 0:
        return _signed(other - one, unit)
    if 0.5 <= other / one <= 2:
        return _signed(100 * (other / one - 1), "%")
    return f"× {written(other / one)}" if other > one else f"÷ {written(one / other)}"


def _signed(number: float, unit: str) -> str:
    sign, size = "+" if number > 0 else "−", written(abs(number))
    return f"{sign}${size}" if unit == "$" else f"{sign}{size} {unit}".strip()


def _read(figure: str) -> tuple[float | None, str]:
    """A written figure as a number and its unit."""
    found = FIGURE.fullmatch(figure)
    if found is None:
        return None, ""
    size, unit = SIZES.get(found["unit"], (1.0, found["unit"]))
    return float(found["number"].replace(",", "")) * size, found["sign"] + unit
