"""One sentence for every wrong argument: the value, the rule, and where the rule comes from."""

from __future__ import annotations

import math
import numbers
from typing import Any


def number(
    where: str, value: Any, rule: str, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
) -> float:
    """``value`` as a float, when it is a finite number within ``least`` … ``most`` and greater than ``above``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{where}={value!r}: {rule}, not {_kind(value)}.")
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if not math.isfinite(as_float) or not (least <= value <= most) or not value > above:
        raise ValueError(f"{where}={value!r}: {rule}.")
    return as_float


def whole(where: str, value: Any, rule: str, *, least: float = -math.inf, most: float = math.inf) -> int:
    """``value`` as an int, when it is a whole number within ``least`` … ``most`` (``5.0`` and NumPy integers are)."""
    number(where, value, rule, least=least, most=most)
    if value != int(value):
        raise ValueError(f"{where}={value!r}: {rule}.")
    return int(value)


def choice(where: str, value: Any, options: tuple[str, ...], source: str) -> str:
    """``value``, when it is one of ``options``."""
    if value not in options:
        raise ValueError(f"{where}={value!r}: must be one of {', '.join(map(repr, options))} ({source}).")
    return value


def name(where: str, value: Any, source: str) -> str:
    """``value``, when it is a name: a text that is not empty, without a line break."""
    if not isinstance(value, str):
        raise TypeError(f"{where}={value!r}: a name is a text, not {_kind(value)} ({source}).")
    if not value.strip() or value != value.strip() or not value.isprintable():
        raise ValueError(f"{where}={value!r}: a name is a text of printable characters, without spaces around it ({source}).")
    return value


def instance(where: str, value: Any, kind: type, example: str) -> Any:
    """``value``, when it is a ``kind``; otherwise a ``TypeError`` with an example of one."""
    if not isinstance(value, kind):
        raise TypeError(f"{where}={value!r}: must be {example}, not {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    return "nothing (None)" if value is None else f"a {type(value).__name__}"
