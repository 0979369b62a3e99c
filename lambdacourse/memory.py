"""How much memory: the duration and the cost of the same work at each size, and which size is cheapest, fastest, balanced.

from lambdacourse.memory import Work, read_power_tuning, tune, vcpus

tune(Work(cpu=0.2, wait=0.1))                          # a model of a handler
tune({128: 1000, 512: 300, 1024: 200})                 # milliseconds that you measured
read_power_tuning("results.json")                      # what AWS Lambda Power Tuning measured
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lambdacourse.model import checks
from lambdacourse.model.work import Work, vcpus
from lambdacourse.pricing import bill

if TYPE_CHECKING:
    from lambdacourse import plots

__all__ = ["MEMORIES", "Setting", "Tuning", "Work", "read_power_tuning", "tune", "vcpus"]

MEMORIES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 3008, 4096, 6144, 8192, 10_240)
"""The sizes that are compared, in MB, when none are given."""


@dataclass(frozen=True)
class Setting:
    """One memory size: milliseconds of a request, and USD of duration for a million of them (requests are $0.20 on top)."""

    memory_mb: int
    duration_ms: float
    cost: float

    def __str__(self) -> str:
        return f"{self.memory_mb:,} MB: {self.duration_ms:,.4g} ms, ${self.cost:,.2f} a million"


@dataclass(frozen=True)
class Tuning:
    """The same work at several memory sizes, and the choices among them, made as AWS Lambda Power Tuning makes them."""

    settings: tuple[Setting, ...]
    work: Work | None = None

    @property
    def cheapest(self) -> Setting:
        """The lowest cost; the faster one where two cost the same."""
        return min(self.settings, key=lambda each: (each.cost, each.duration_ms))

    @property
    def fastest(self) -> Setting:
        """The shortest duration; the cheaper one where two take the same."""
        return min(self.settings, key=lambda each: (each.duration_ms, each.cost))

    def balanced(self, weight: float = 0.5) -> Setting:
        """The least of ``weight`` x cost + (1 - ``weight``) x duration, each as a share of its highest."""
        rule = "must be a share from 0 (only speed) to 1 (only cost): Power Tuning's balancedWeight"
        checks.number("balanced(weight", weight, rule, least=0, most=1)
        dearest, slowest = (max(getattr(each, name) for each in self.settings) for name in ("cost", "duration_ms"))

        def value(each: Setting) -> float:
            return weight * each.cost / (dearest or 1) + (1 - weight) * each.duration_ms / (slowest or 1)

        return min(self.settings, key=value)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each memory size in MB."""
        choices = {"cheapest": self.cheapest, "fastest": self.fastest, "balanced": self.balanced()}
        rows = [
            {
                "memory (MB)": each.memory_mb,
                "vCPUs": round(vcpus(each.memory_mb), 2),
                "duration (ms)": each.duration_ms,
                "USD a million": each.cost,
                "choice": ", ".join(name for name, chosen in choices.items() if chosen is each),
            }
            for each in self.settings
        ]
        return pd.DataFrame(rows).set_index("memory (MB)")

    def plot(self) -> plots.Picture:
        """Duration and cost over memory, with the choices."""
        from lambdacourse import plots

        memory = np.array([each.memory_mb for each in self.settings], dtype=float)
        panels = []
        for title, unit, name, colour, chosen in (
            ("Duration of a request", "ms", "duration_ms", "warm", {"fastest": self.fastest}),
            ("A million requests", "USD", "cost", "busy", {"cheapest": self.cheapest, "balanced": self.balanced()}),
        ):
            values = np.array([getattr(each, name) for each in self.settings])
            frame = memory_frame(title, unit, plots.round_up(values.max()))
            marks = [
                plots.Mark(each.memory_mb, getattr(each, name), words, to_the_left=words == "balanced" and each.memory_mb > 256)
                for words, each in chosen.items()
            ]
            panels.append(plots.Panel(frame, [plots.Curve("", memory, values, colour, marker="o")], marks))
        return plots.curves(*panels)

    def __repr__(self) -> str:
        return self.table.to_string(float_format=_written)

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format=_written, border=0)


def _written(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:,.4g}"


def memory_frame(title: str, unit: str, top: float) -> plots.Frame:
    """A frame over memory, from 128 to 10,240 MB."""
    from lambdacourse import plots

    ticks = (128, 256, 512, 1024, 2048, 4096, 10_240)
    return plots.Frame(title, "memory (MB)", unit, (110, 11_900), (0, top), log="x", x_ticks=ticks)


def tune(
    work: Work | Mapping[int, float],
    memories: Sequence[int] = MEMORIES,
    architecture: str = "x86_64",
) -> Tuning:
    """The cost and duration of ``work`` at each of ``memories``; or of durations in ms that were measured, by memory in MB."""
    if isinstance(work, Work):
        milliseconds = {memory: 1000 * work.duration(memory) for memory in memories}
    elif isinstance(work, Mapping) and work:
        milliseconds = dict(work)
    else:
        raise TypeError(
            f"tune({work!r}): must be Work(cpu=…, wait=…), or measured milliseconds by memory, {{128: 1000, 512: 300}}."
        )
    settings = [
        Setting(memory, float(each), _duration_cost(each, memory, architecture))
        for memory, each in sorted(milliseconds.items())
    ]
    return Tuning(tuple(settings), work if isinstance(work, Work) else None)


def read_power_tuning(source: str | Path | Mapping[str, Any]) -> Tuning:
    """The result of AWS Lambda Power Tuning: its file, its JSON as a text, or the JSON once parsed.

    The sizes come from ``stats`` (there with ``includeOutputResults``), or else from the address of the visualization, which
    holds them too. Costs become USD for a million requests.
    """
    results = _parsed(source)
    results = results.get("results", results) if isinstance(results, Mapping) else results
    if not isinstance(results, Mapping):
        raise _unreadable("it is not a JSON object")
    rows = _from_stats(results["stats"]) if results.get("stats") else _from_address(results.get("stateMachine"))
    return Tuning(tuple(Setting(memory, ms, 1e6 * cost) for memory, ms, cost in sorted(rows)))


def _duration_cost(milliseconds: float, memory_mb: int, architecture: str) -> float:
    million = bill(1_000_000, milliseconds, memory_mb, architecture=architecture, free_tier=False)
    return sum(line.amount for line in million.lines if line.item.startswith("Duration"))


def _parsed(source: str | Path | Mapping[str, Any]) -> Any:
    if isinstance(source, Mapping):
        return source
    if not isinstance(source, str | Path):
        raise TypeError(f"read_power_tuning({source!r}): must be a file, or the JSON of its result.")
    text = str(source)
    if isinstance(source, Path) or not text.lstrip().startswith(("{", "[")):
        text = Path(source).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _unreadable(f"it is not JSON ({error})") from None


def _from_stats(stats: Any) -> list[tuple[int, float, float]]:
    if not isinstance(stats, list):
        raise _unreadable("stats is not a list")
    rows = []
    for number, each in enumerate(stats):
        try:
            row = int(each["value"]), float(each["averageDuration"]), float(each["averagePrice"])
        except (TypeError, KeyError, ValueError):
            raise _unreadable(f"stats[{number}] has no numbers value, averageDuration and averagePrice: {each!r}") from None
        rows.append(_checked(*row, f"stats[{number}]"))
    return rows


def _from_address(machine: Any) -> list[tuple[int, float, float]]:
    """The address ends with three lists in base64: memory as 16-bit whole numbers, durations and costs as 32-bit floats."""
    address = machine.get("visualization") if isinstance(machine, Mapping) else None
    if not isinstance(address, str) or "#" not in address:
        raise _unreadable("it has neither stats nor stateMachine.visualization (ask for includeOutputResults)")
    parts = address.partition("#")[2].split(";")
    try:
        memories, durations, costs = (
            [value for (value,) in struct.iter_unpack(form, base64.b64decode(part, validate=True))]
            for part, form in zip(parts, ("<h", "<f", "<f"), strict=True)
        )
        rows = list(zip(memories, durations, costs, strict=True))
    except (ValueError, struct.error, binascii.Error):
        raise _unreadable("the address of its visualization is damaged") from None
    return [_checked(*row, "the visualization") for row in rows]


def _checked(memory_mb: int, milliseconds: float, cost: float, where: str) -> tuple[int, float, float]:
    try:
        vcpus(memory_mb)
    except ValueError as error:
        raise _unreadable(f"{where}: {error}") from None
    if not (math.isfinite(milliseconds) and milliseconds > 0 and math.isfinite(cost) and cost >= 0):
        raise _unreadable(f"{where}: a duration of {milliseconds} ms and a cost of ${cost} at {memory_mb} MB")
    return memory_mb, milliseconds, cost


def _unreadable(why: str) -> ValueError:
    return ValueError(f"This is no result of AWS Lambda Power Tuning: {why}.")
