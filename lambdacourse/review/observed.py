"""What was observed of a function: the metrics that CloudWatch exported, and the REPORT lines of its logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.model.traces import Counted, cloudwatch_series, cloudwatch_trace
from lambdacourse.runtime.logs import Reports, read_reports

PLAIN_WORDS = frozenset(
    ["aws", "lambda", "sum", "average", "avg", "maximum", "max", "minimum", "resource", "functionname", "label", "function"]
)
"""Words in a label that name no function, beside a metric's; so do ids such as ``m1``."""


class ReviewError(CourseError):
    """What is wrong with the files of a review, in a sentence."""


@dataclass(frozen=True)
class Metrics:
    """A function's metrics in AWS/Lambda over ``seconds``.

    invocations, throttles
        The counts in each period.
    peak_concurrency
        The highest ConcurrentExecutions; None where the export has none.
    duration
        The average Duration in seconds, weighted by the invocations; None where the export has none.
    """

    invocations: Counted
    throttles: Counted
    peak_concurrency: float | None = None
    duration: float | None = None

    @property
    def seconds(self) -> float:
        return len(self.invocations.counts) * self.invocations.period

    @property
    def requests(self) -> Counted:
        """Invocations and throttles in each period: what arrived, if nobody tried again."""
        both = zip(self.invocations.counts, self.throttles.counts, strict=True)
        return Counted(tuple(ran + turned for ran, turned in both), self.invocations.period)

    @property
    def rate(self) -> float:
        """Invocations per second."""
        return sum(self.invocations.counts) / self.seconds

    @property
    def throttle_rate(self) -> float:
        """Throttles / (invocations + throttles)."""
        return sum(self.throttles.counts) / max(sum(self.requests.counts), 1)


def read_metrics(file: str | Path, names: tuple[str, ...]) -> Metrics:
    """The metrics of the function with one of ``names`` (part of a label is enough) in what CloudWatch exported.

    Raises ``ReviewError`` when the file is malformed (with its line), has no Invocations, or is of another function.
    """
    try:
        labels = {
            metric: _label(file, metric, names) for metric in ("Invocations", "Throttles", "ConcurrentExecutions", "Duration")
        }
        series = cloudwatch_series(file)
        if labels["Invocations"] is None:
            raise ReviewError(f"{file}: has no Invocations of {names[0]}; it has: {', '.join(series)}.")
        invocations = cloudwatch_trace(file, labels["Invocations"])
        throttles = Counted((0,) * len(invocations.counts), invocations.period)
        if labels["Throttles"] is not None:
            throttles = cloudwatch_trace(file, labels["Throttles"])
    except (ValueError, OSError) as problem:
        raise ReviewError(str(problem)) from None
    if sum(invocations.counts) + sum(throttles.counts) == 0:
        raise ReviewError(f"{file}: counts no invocation and no throttle: there is nothing to review.")
    return Metrics(
        invocations,
        throttles,
        max(series[labels["ConcurrentExecutions"]].values(), default=None) if labels["ConcurrentExecutions"] else None,
        _average(series[labels["Duration"]], series[labels["Invocations"]]) if labels["Duration"] else None,
    )


def _label(file: str | Path, metric: str, names: tuple[str, ...]) -> str | None:
    """The label of the series of ``metric`` that is this function's; None when there is none."""
    found = [label for label in cloudwatch_series(file) if metric.lower() in _words(label)]
    if metric == "Duration":  # percentiles of periods cannot be put together; averages can
        found = [label for label in found if not re.search(r"\bp\d|max|min|sum", label, re.IGNORECASE)]
    ours = [label for label in found if any(name.lower() in label.lower() for name in names)]
    unnamed = [label for label in found if not _others(label, metric)]
    if found and not ours and not unnamed:
        raise ReviewError(
            f"{file}: is of another function: its {metric} is called {found[0]!r}, and the function {' or '.join(names)}. "
            "If it has another name in AWS, give that with --deployed-as."
        )
    chosen = ours or unnamed
    if len(chosen) > 1:
        raise ReviewError(f"{file}: has {len(chosen)} series of {metric} that could be meant: {', '.join(chosen)}.")
    return chosen[0] if chosen else None


def _words(label: str) -> list[str]:
    return re.findall(r"[a-z]\w*", label.lower())


def _others(label: str, metric: str) -> list[str]:
    """The words of a label that may name a function. In its two heading lines an export has the metric's name twice."""
    return [
        word for word in _words(label) if word not in {*PLAIN_WORDS, metric.lower()} and not re.fullmatch(r"[meq]\d+", word)
    ]


def _average(milliseconds: dict[float, float], invocations: dict[float, float]) -> float | None:
    weights = {time: invocations.get(time, 0.0) for time in milliseconds}
    count = sum(weights.values())
    return sum(milliseconds[time] * weight for time, weight in weights.items()) / count / 1000 if count else None


def read_logs(file: str | Path) -> Reports:
    """The REPORT lines in ``file``; ``ReviewError`` when there is none."""
    reports = read_reports(Path(file))
    if not reports.lines:
        raise ReviewError(f"{file}: there is no REPORT line in it: look for lines that begin with 'REPORT RequestId:'.")
    return reports
