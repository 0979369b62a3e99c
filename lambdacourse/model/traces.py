"""Traffic from records of real traffic: counts per minute, the public Azure Functions trace, exports of CloudWatch metrics.

A count says how many requests there were in a period, not when: they are spread evenly at random within it, from the run's
own random stream. Whatever is wrong with a file is said with its line.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np

from lambdacourse.model import checks
from lambdacourse.model.traffic import CHUNK, Traffic

AZURE_COLUMNS = ("HashOwner", "HashApp", "HashFunction", "Trigger")
"""What stands before the minutes 1, 2, … in a file of the Azure Functions Trace 2019 (github.com/Azure/AzurePublicDataset)."""

_COUNT_RULE = "a count is a whole number of requests, 0 or more"


@dataclass(frozen=True)
class Counted(Traffic):
    """So many requests in each ``period`` seconds, one period after the other from time 0; none before and none after."""

    counts: tuple[int, ...] = field(repr=False)
    period: float

    @property
    def _starts(self) -> np.ndarray:
        return np.arange(len(self.counts)) * self.period

    def rate(self, seconds):
        seconds = np.asarray(seconds, dtype=float)
        index = np.floor(seconds / self.period).astype(np.int64)
        within = (index >= 0) & (index < len(self.counts))
        return np.where(within, np.array([*self.counts, 0.0])[np.where(within, index, -1)], 0.0) / self.period

    def peak_rate(self, start, end):
        first, last = max(math.floor(start / self.period), 0), max(math.ceil(end / self.period), 0)
        return max(self.counts[first:last], default=0) / self.period

    def arrivals(self, streams, start, end):
        rng = streams("arrivals")
        starts, widths, counts = _small_pieces(self._starts, self.period, np.array(self.counts, dtype=np.int64), rng)
        below = np.concatenate(([0], np.cumsum(counts)))
        first = 0
        while first < len(counts) and starts[first] < end:
            last = max(int(np.searchsorted(below, below[first] + CHUNK, side="right")) - 1, first + 1)
            piece = slice(first, last)
            times = rng.random(below[last] - below[first])
            times *= np.repeat(widths[piece], counts[piece])
            times += np.repeat(starts[piece], counts[piece])
            times.sort()
            within = times[np.searchsorted(times, start) : np.searchsorted(times, end)]
            if within.size:
                yield within
            first = last


def _small_pieces(starts: np.ndarray, width: float, counts: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Periods with more requests than half a chunk, cut into equal parts, among which chance divides their requests."""
    parts = np.maximum(np.ceil(counts / (CHUNK / 2)).astype(np.int64), 1)
    if (parts == 1).all():
        return starts, np.full(len(counts), width), counts
    widths = np.repeat(width / parts, parts)
    number = np.concatenate([np.arange(part) for part in parts])
    divided = np.concatenate(
        [rng.multinomial(count, np.full(part, 1 / part)) for count, part in zip(counts, parts, strict=True)]
    )
    return np.repeat(starts, parts) + number * widths, widths, divided


def per_minute(counts: Iterable[int]) -> Counted:
    """Traffic by its requests in each minute: ``per_minute([120, 90, 400])``. Spread evenly at random within the minute."""
    if isinstance(counts, str | bytes | Mapping) or not isinstance(counts, Iterable):
        raise TypeError(f"per_minute(counts={counts!r}): must be a list of requests in each minute.")
    counts = [counts.item() if isinstance(counts, np.generic) else counts for counts in counts]
    return Counted(
        tuple(checks.whole(f"per_minute(counts[{n}]", count, _COUNT_RULE, least=0) for n, count in enumerate(counts)), 60.0
    )


def azure_trace(file: str | PathLike[str], function: str | None = None) -> Counted:
    """A day of one function in a file of the public Azure Functions Trace 2019 (``invocations_per_function_md.anon.d01.csv``).

    ``function`` is its ``HashFunction``, or how that begins; it can be left out where the file holds a single function.
    """
    rows = _csv_lines(file)
    number, heads = next(rows, (1, []))
    minutes = len(heads) - len(AZURE_COLUMNS)
    if tuple(heads[:4]) != AZURE_COLUMNS or minutes < 1 or heads[4:] != [str(minute) for minute in range(1, minutes + 1)]:
        raise _malformed(file, number, f"must be the columns {','.join(AZURE_COLUMNS)},1,2,…,1440; it begins {heads[:5]}")
    found: dict[int, list[str]] = {}
    for number, row in rows:
        if len(row) != len(heads):
            raise _malformed(file, number, f"has {len(row)} columns, where line 1 has {len(heads)}")
        if row[2].startswith(function or ""):
            found[number] = row
    if len(found) != 1:
        raise _none_or_many(file, "function", "HashFunction", function, {f"{row[2]} (line {at})" for at, row in found.items()})
    ((number, row),) = found.items()
    return Counted(tuple(_count(file, number, text, f"minute {n}") for n, text in enumerate(row[4:], 1)), 60.0)


def cloudwatch_trace(file: str | PathLike[str], metric: str | None = None, period: float | None = None) -> Counted:
    """A metric of counts that CloudWatch exported with the statistic Sum, such as ``Invocations``, as traffic.

    ``file`` is what the console's "Download as .csv" gives, or the JSON that ``aws cloudwatch get-metric-data`` prints.
    ``metric`` is the label or id of the series; it can be left out where there is only one. ``period`` in seconds is read from
    the file's times when it is left out. Time 0 is the first data point of the file. A missing data point counts as none.

    ``Invocations`` leaves out what was throttled: ``cloudwatch_trace(file, "Invocations") + cloudwatch_trace(file, "Throttles")``
    is what arrived, if nobody tried again.
    """
    series = _cloudwatch(file)
    wanted = [metric] if metric in series else [label for label in series if _words(metric or "") <= _words(label)]
    if len(wanted) != 1:
        raise _none_or_many(file, "metric", "series", metric, set(wanted or series))
    times = sorted({time for points in series.values() for time, _, _ in points})
    if not times:
        raise ValueError(f"{file}: has no data point.")
    if period is None:
        if len(times) == 1:
            raise ValueError(f"{file}: has a single data point; say how many seconds it covers with period=60.")
        period = float(math.gcd(*(round(after - before) for before, after in pairwise(times))))
    checks.number("cloudwatch_trace(period", period, "must be a number of seconds above 0", above=0)
    counts = [0] * (int((times[-1] - times[0]) / period + 1e-9) + 1)
    for time, where, value in series[wanted[0]]:
        counts[int((time - times[0]) / period + 1e-9)] += _count(file, where, value, "the data point")
    return Counted(tuple(counts), period)


def cloudwatch_series(file: str | PathLike[str]) -> dict[str, dict[float, float]]:
    """Every series that CloudWatch exported, of any statistic, by its label: the data points, by seconds since 1970.

    ``file`` is as for ``cloudwatch_trace``; values are in the metric's own unit (milliseconds of ``Duration``).
    """
    return {
        label: {time: _number(file, where, value, "the data point") for time, where, value in points}
        for label, points in _cloudwatch(file).items()
    }


Points = list[tuple[float, int | str, object]]
"""Of a series: time, where it stands in the file, and the value as it stands there."""


def _cloudwatch(file: str | PathLike[str]) -> dict[str, Points]:
    return (_cloudwatch_json if Path(file).suffix.lower() == ".json" else _cloudwatch_csv)(file)


def _cloudwatch_csv(file: str | PathLike[str]) -> dict[str, Points]:
    """The series of a console's CSV: some lines of headings, then a line per time, a column per series."""
    heads: list[list[str]] = []
    series: list[Points] = []
    for number, row in _csv_lines(file):
        time = _time(row[0])
        if time is None and not series:
            heads.append(row)
            continue
        if time is None:
            raise _malformed(file, number, f"must begin with a time such as 2026/11/24 10:00:00, not {row[0]!r}")
        if not series:
            series = [[] for _ in row[1:]]
        if len(row) - 1 != len(series):
            raise _malformed(file, number, f"has {len(row)} columns, where the lines before have {len(series) + 1}")
        for points, text in zip(series, row[1:], strict=True):
            if text.strip():
                points.append((time, number, text))
    if not series:
        raise ValueError(f"{file}: no line begins with a time such as 2026/11/24 10:00:00: is it what CloudWatch exported?")
    labels = [" ".join(head[column] for head in heads if len(head) > column) for column in range(1, len(series) + 1)]
    if len(set(labels)) < len(labels):
        labels = [f"{label} (column {number})" for number, label in enumerate(labels, 2)]
    return dict(zip(labels, series, strict=True))


def _cloudwatch_json(file: str | PathLike[str]) -> dict[str, Points]:
    """The series of ``get-metric-data``: ``MetricDataResults``, each with ``Id``, ``Label``, ``Timestamps`` and ``Values``."""
    try:
        answer = json.loads(Path(file).read_text(encoding="utf-8"))
    except json.JSONDecodeError as problem:
        raise _malformed(file, problem.lineno, f"is not JSON: {problem.msg}") from problem
    if not isinstance(answer, dict) or not isinstance(answer.get("MetricDataResults"), list):
        raise ValueError(f'{file}: must be what `aws cloudwatch get-metric-data` prints, with a list "MetricDataResults".')
    series = {}
    for n, result in enumerate(answer["MetricDataResults"]):
        where = f"MetricDataResults[{n}]"
        if result.get("StatusCode", "Complete") != "Complete":
            raise ValueError(f"{file}, {where}: StatusCode is {result['StatusCode']!r}; ask for the rest with its NextToken.")
        stamps, values = result.get("Timestamps", []), result.get("Values", [])
        if len(stamps) != len(values):
            raise ValueError(f"{file}, {where}: has {len(stamps)} Timestamps and {len(values)} Values.")
        points = []
        for stamp, value in zip(stamps, values, strict=True):
            time = _time(stamp)
            if time is None:
                raise ValueError(f"{file}, {where}: {stamp!r} is not a time such as 2026-11-24T10:00:00Z.")
            points.append((time, where, value))
        series[f"{result.get('Id', '')} {result.get('Label', '')}".strip() or where] = points
    return series


def _csv_lines(file: str | PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file that are not empty, with their numbers."""
    with Path(file).open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        yield from ((reader.line_num, row) for row in reader if row)


def _words(label: str) -> set[str]:
    return set(re.findall(r"\w+", label.lower()))


def _time(value: object) -> float | None:
    """Seconds since 1970 of a time as CloudWatch writes it; ``None`` when it is none. Without a zone it is read as UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        time = datetime.fromisoformat(str(value).strip().replace("/", "-"))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _count(file: str | PathLike[str], where: int | str, value: object, what: str) -> int:
    """A count as a file has it: ``"12"``, ``"12.0"`` or a number."""
    number = _float(value)
    if not (number >= 0 and math.isfinite(number) and number == math.floor(number)):
        raise _malformed(file, where, f"{what} is {value!r}: {_COUNT_RULE} (CloudWatch's statistic Sum)")
    return int(number)


def _number(file: str | PathLike[str], where: int | str, value: object, what: str) -> float:
    number = _float(value)
    if not math.isfinite(number):
        raise _malformed(file, where, f"{what} is {value!r}: must be a number")
    return number


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _malformed(file: str | PathLike[str], where: int | str, problem: str) -> ValueError:
    return ValueError(f"{file}, {f'line {where}' if isinstance(where, int) else where}: {problem}.")


def _none_or_many(file, argument: str, called: str, wanted: str | None, found: set[str]) -> ValueError:
    """Which series is meant is not clear: what there is to choose from."""
    some = ", ".join(sorted(found)[:5]) + (", …" if len(found) > 5 else "")
    if wanted is None:
        return ValueError(f"{file}: holds {len(found)}; choose one with {argument}=…: {some or 'there are none'}.")
    if not some:
        return ValueError(f"{file}: no {called} begins with {wanted!r}.")
    return ValueError(f"{file}: {argument}={wanted!r} must name one {called}; there are: {some}.")
