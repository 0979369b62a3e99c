"""Lambda's log lines: written as Lambda writes them, and read back, from here or from production.

``read_reports`` takes what people have: lines pasted from the console, a file that the AWS command line or an export wrote, in
text or in JSON. It gives counts, percentiles, the bill's figures, and a ``Function`` for the simulator.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lambdacourse.errors import CourseError
from lambdacourse.model import ColdStart, Function, checks, constant, lognormal

if TYPE_CHECKING:
    import pandas as pd

    from lambdacourse.model.durations import Duration
    from lambdacourse.pricing import Bill


@dataclass(frozen=True)
class Report:
    """The figures of one REPORT line; milliseconds and MB as the line has them, None where it has none.

    init_ms: ``Init Duration``, in the first call of a new environment. restore_ms, billed_restore_ms: SnapStart's. status:
    ``"success"``, ``"error"`` or ``"timeout"``; Lambda writes only the last two, and ``error`` only when the runtime broke: a
    handler that raises ends in a plain line.
    """

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    status: str = "success"
    error_type: str = ""

    @property
    def is_cold(self) -> bool:
        """Whether a new environment was made for it, from nothing or from a snapshot."""
        return self.init_ms is not None or self.restore_ms is not None

    @property
    def line(self) -> str:
        """The line as Lambda writes it."""
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {self.memory_mb} MB",
            f"Max Memory Used: {self.max_memory_mb} MB",
        ]
        if self.init_ms is not None:
            parts.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.restore_ms is not None:
            parts.append(f"Restore Duration: {self.restore_ms:.2f} ms")
            parts.append(f"Billed Restore Duration: {self.billed_restore_ms} ms")
        if self.status != "success":
            parts.append(f"Status: {self.status}")
        if self.error_type:
            parts.append(f"Error Type: {self.error_type}")
        return "\t".join(parts) + "\t"


def billed(duration_ms: float, init_ms: float = 0.0) -> int:
    """``Billed Duration``: duration and initialisation together, rounded up to the millisecond."""
    return math.ceil(round(duration_ms + init_ms, 6))


def start_line(request_id: str) -> str:
    return f"START RequestId: {request_id} Version: $LATEST"


def end_line(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def init_report_line(init_ms: float, phase: str, status: str, error_type: str = "") -> str:
    """What Lambda writes when an initialisation fails: in the phase ``init``, or repeated within a call (``invoke``)."""
    kind = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{kind}"


@dataclass(frozen=True)
class Reports:
    """Many REPORT lines. Times in seconds here, as everywhere in the course; shares from 0 to 1, NaN of nothing."""

    lines: tuple[Report, ...]

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Report]:
        return iter(self.lines)

    @property
    def cold_starts(self) -> int:
        return sum(line.is_cold for line in self.lines)

    @property
    def cold_start_rate(self) -> float:
        """Cold starts / invocations."""
        return self.cold_starts / len(self) if self.lines else math.nan

    @property
    def timeouts(self) -> int:
        return sum(line.status == "timeout" for line in self.lines)

    @property
    def crashes(self) -> int:
        """Invocations in which the runtime broke. Errors that a handler raised are not in REPORT lines."""
        return sum(line.status == "error" for line in self.lines)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each line, in its own units."""
        import pandas as pd

        columns = list(Report.__dataclass_fields__)
        return pd.DataFrame([[getattr(line, name) for name in columns] for line in self.lines], columns=columns)

    def duration(self, q: float) -> float:
        """The ``q`` quantile of ``Duration``, in seconds."""
        return _quantile([line.duration_ms for line in self.lines], q)

    def init(self, q: float) -> float:
        """The ``q`` quantile of ``Init Duration`` (or of SnapStart's ``Restore Duration``), in seconds, of the cold starts."""
        return _quantile(self._inits, q)

    def latency(self, q: float) -> float:
        """The ``q`` quantile of initialisation and duration together, in seconds: the part of a wait that Lambda reports."""
        return _quantile([line.duration_ms + (line.init_ms or 0.0) + (line.restore_ms or 0.0) for line in self.lines], q)

    @property
    def billed_seconds(self) -> float:
        """The sum of ``Billed Duration``."""
        return sum(line.billed_ms for line in self.lines) / 1000

    @property
    def gb_seconds(self) -> float:
        """What the durations cost: billed seconds times GB."""
        return sum(line.billed_ms / 1000 * line.memory_mb / 1024 for line in self.lines)

    def bill(self, requests: float | None = None, **settings: Any) -> Bill:
        """What these invocations cost on demand in us-east-1, without the free tier; or ``requests`` of them like these.

        settings: as for ``lambdacourse.pricing.bill``, such as ``architecture``.
        """
        from lambdacourse.pricing import bill

        milliseconds = np.array([line.billed_ms for line in self._some().lines])
        whole = bill(len(self), milliseconds, self.memory_mb, **{"free_tier": False, **settings})
        return whole if requests is None else whole * (requests / len(self))

    @property
    def memory_mb(self) -> int:
        """``Memory Size`` of the last line."""
        return self._some().lines[-1].memory_mb

    @property
    def max_memory_mb(self) -> int:
        """The highest ``Max Memory Used``."""
        return max(line.max_memory_mb for line in self._some().lines)

    def fit(self, name: str = "observed", **settings: Any) -> Function:
        """A ``Function`` for the simulator with these durations and cold starts: log-normal through median and p99."""
        self._some()
        warm = [line.duration_ms for line in self.lines if not line.is_cold]
        durations = warm or [line.duration_ms for line in self.lines]
        init = ColdStart(init=_fitted(self._inits)) if self._inits else ColdStart(init=0)
        return Function(name, duration=_fitted(durations), memory_mb=self.memory_mb, cold_start=init, **settings)

    def summary(self) -> pd.DataFrame:
        """The figures in a table."""
        import pandas as pd

        self._some()
        rows = {
            "invocations": f"{len(self):,}",
            "cold starts": f"{self.cold_starts:,} ({self.cold_start_rate:.1%})",
            "timeouts, crashes": f"{self.timeouts:,}, {self.crashes:,}",
            "duration, median and p99": f"{_written(self.duration(0.5))}, {_written(self.duration(0.99))}",
            "initialisation, median and p99": f"{_written(self.init(0.5))}, {_written(self.init(0.99))}",
            "memory, most used of configured": f"{self.max_memory_mb:,} of {self.memory_mb:,} MB",
            "billed": f"{self.billed_seconds:,.1f} s, {self.gb_seconds:,.2f} GB-s",
        }
        return pd.DataFrame({"observed": rows})

    @property
    def _inits(self) -> list[float]:
        return [line.init_ms if line.init_ms is not None else line.restore_ms for line in self.lines if line.is_cold]

    def _some(self) -> Reports:
        if not self.lines:
            raise CourseError("There is no REPORT line in this log: look for lines that begin with 'REPORT RequestId:'.")
        return self

    def __add__(self, other: Reports) -> Reports:
        return Reports(self.lines + other.lines)


_GAP = r"(?:\s|\\t|\\n)+"
_REPORT = re.compile(
    _GAP.join(
        (
            r"REPORT RequestId: (?P<request_id>[\w-]+)",
            r"Duration: (?P<duration_ms>[\d.]+) ms",
            r"Billed Duration: (?P<billed_ms>\d+) ms",
            r"Memory Size: (?P<memory_mb>\d+) MB",
            r"Max Memory Used: (?P<max_memory_mb>\d+) MB",
        )
    )
    + rf"(?:{_GAP}Init Duration: (?P<init_ms>[\d.]+) ms)?"
    + rf"(?:{_GAP}Restore Duration: (?P<restore_ms>[\d.]+) ms)?"
    + rf"(?:{_GAP}Billed Restore Duration: (?P<billed_restore_ms>\d+) ms)?"
    + rf"(?:{_GAP}XRAY TraceId: \S+{_GAP}SegmentId: \S+{_GAP}Sampled: \w+)?"
    + rf"(?:{_GAP}Status: (?P<status>\w+))?"
    + rf"(?:{_GAP}Error Type: (?P<error_type>[\w.]+))?"
)
_KINDS = {"duration_ms": float, "billed_ms": int, "memory_mb": int, "max_memory_mb": int}
_KINDS |= {"init_ms": float, "restore_ms": float, "billed_restore_ms": int}
_JSON_NAMES = {
    "durationMs": "duration_ms",
    "billedDurationMs": "billed_ms",
    "memorySizeMB": "memory_mb",
    "maxMemoryUsedMB": "max_memory_mb",
    "initDurationMs": "init_ms",
    "restoreDurationMs": "restore_ms",
    "billedRestoreDurationMs": "billed_restore_ms",
}


def read_reports(source: str | Path) -> Reports:
    """The REPORT lines in ``source``: a text with them, or a file (a ``Path``, or the name of one that is there).

    Text lines may have anything around them, as the command line, exports and copies have. Of JSON logs, the records of the
    type ``platform.report`` are read, one on a line.
    """
    checks.instance("read_reports(source", source, str | Path, "a text or the path of a file")
    is_text = isinstance(source, str) and bool(set(" {\n") & set(source)) and not _is_file(source)
    text = source if is_text else _file(source)
    found = [_from_text(match) for match in _REPORT.finditer(text)]
    if '"platform.report"' in text or '\\"platform.report\\"' in text:
        found += [report for line in text.splitlines() if (report := _from_json(line)) is not None]
    return Reports(tuple(found))


def _is_file(name: str) -> bool:
    try:
        return "\n" not in name and Path(name).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none has
        return False


def _file(source: str | Path) -> str:
    try:
        return Path(source).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as problem:
        raise CourseError(f"read_reports: there is no file {str(source)!r} that can be read ({problem}).") from problem


def _from_text(match: re.Match[str]) -> Report:
    found = {name: _KINDS.get(name, str)(text) for name, text in match.groupdict().items() if text is not None}
    return Report(**found)


def _from_json(line: str) -> Report | None:
    start = line.find("{")
    if start < 0 or "platform.report" not in line:
        return None
    try:
        entry, _ = json.JSONDecoder().raw_decode(line[start:])
        if isinstance(entry.get("message"), str):  # an exported event around the record
            return _from_json(entry["message"])
        if entry.get("type") != "platform.report":
            return None
        record = entry["record"]
        figures = {_JSON_NAMES[name]: value for name, value in record["metrics"].items() if name in _JSON_NAMES}
        for name, value in figures.items():
            figures[name] = _KINDS[name](value)
        status = {"failure": "error"}.get(record.get("status", "success"), record.get("status", "success"))
        return Report(record["requestId"], **figures, status=status, error_type=record.get("errorType", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _quantile(milliseconds: list[float], q: float) -> float:
    checks.number("quantile(q", q, "must be a number from 0 to 1", least=0, most=1)
    return float(np.quantile(milliseconds, q)) / 1000 if milliseconds else math.nan


def _fitted(milliseconds: list[float]) -> Duration:
    median, p99 = (max(_quantile(milliseconds, q), 1e-6) for q in (0.5, 0.99))
    return lognormal(median, p99) if p99 > median else constant(median)


def _written(seconds: float) -> str:
    if math.isnan(seconds):
        return "none"
    return f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"
