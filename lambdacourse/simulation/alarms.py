"""CloudWatch alarms on a run's metrics: when an alarm would have gone off, and when it would have stayed silent.

The rules are those of the CloudWatch User Guide ("Alarm evaluation", "Configuring how CloudWatch alarms treat missing data").
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.simulation.run import Run

if TYPE_CHECKING:
    from lambdacourse import plots

OK, ALARM, INSUFFICIENT_DATA = fact("alarm_states").value
COMPARISONS = dict(zip(fact("alarm_comparisons").value, (operator.gt, operator.ge, operator.lt, operator.le), strict=True))
SIGNS = dict(zip((">", ">=", "<", "<="), COMPARISONS, strict=True))
STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
PERCENTILE = re.compile(r"p(\d\d?(?:\.\d{1,2})?|100)")


@dataclass(frozen=True)
class Alarm:
    """A metric alarm, AWS::CloudWatch::Alarm, with a fixed threshold.

    >>> Alarm("Throttles", "Sum", period=60, evaluation_periods=1, threshold=0, comparison=">")

    metric, statistic
        MetricName and Statistic, as ``run.metrics()`` has them, such as ``"Throttles"`` and ``"Sum"``. Or a percentile of
        ``"Duration"``, such as ``"p99"``, of a run that kept its requests (``record=True``).
    period
        Period in seconds, a multiple of 60: the time that one data point covers.
    evaluation_periods, datapoints_to_alarm
        EvaluationPeriods (N) and DatapointsToAlarm (M): the alarm goes off when M of the last N data points breach the
        threshold. Without M, all N must.
    threshold, comparison
        Threshold, and ComparisonOperator: ``">"`` or ``"GreaterThanThreshold"``, and so on.
    treat_missing
        TreatMissingData: ``"missing"``, ``"ignore"``, ``"breaching"`` or ``"notBreaching"``.
    resource
        The function, queue or stream of the run whose metric it is, or ``"account"``. It can be left out where only one has it.
    evaluation_range
        Assumption: how many periods the alarm looks back for data points where some are missing. AWS publishes one example,
        5 for 3 evaluation periods. ``None`` takes two more than ``evaluation_periods``, and six minutes at the least.
    """

    metric: str
    statistic: str
    period: int
    evaluation_periods: int
    threshold: float
    comparison: str
    datapoints_to_alarm: int | None = field(default=None, kw_only=True)
    treat_missing: str = field(default="missing", kw_only=True)
    resource: str | None = field(default=None, kw_only=True)
    evaluation_range: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        aws = "AWS::CloudWatch::Alarm"

        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        checks.name("Alarm(metric", self.metric, f"{aws} MetricName")
        if not (isinstance(self.statistic, str) and PERCENTILE.fullmatch(self.statistic)):
            checks.choice("Alarm(statistic", self.statistic, (*STATISTICS, "p99"), f"{aws} Statistic, or any percentile")
        elif self.metric != "Duration":
            raise ValueError(
                f"Alarm({self.metric!r}, {self.statistic!r}): percentiles are kept of Duration alone ({aws} Statistic)."
            )
        rule = f"must be a whole number of seconds, a multiple of 60: Lambda's metrics have one value a minute ({aws} Period)"
        keep("period", checks.whole("Alarm(period", self.period, rule, least=60))
        if self.period % 60:
            raise ValueError(f"Alarm(period={self.period!r}): {rule}.")
        most = fact("alarm_window_maximum").value
        rule = (
            f"must be a whole number of 1 or more, and period x evaluation_periods at most {most:,} s ({aws} EvaluationPeriods)"
        )
        keep(
            "evaluation_periods",
            checks.whole("Alarm(evaluation_periods", self.evaluation_periods, rule, least=1, most=most // self.period),
        )
        keep("threshold", checks.number("Alarm(threshold", self.threshold, f"must be a number ({aws} Threshold)"))
        checks.choice("Alarm(comparison", self.comparison, (*SIGNS, *COMPARISONS), f"{aws} ComparisonOperator")
        keep("comparison", SIGNS.get(self.comparison, self.comparison))
        if self.datapoints_to_alarm is None:
            keep("datapoints_to_alarm", self.evaluation_periods)
        rule = f"must be a whole number from 1 to evaluation_periods, {self.evaluation_periods} ({aws} DatapointsToAlarm)"
        at = "Alarm(datapoints_to_alarm"
        keep("datapoints_to_alarm", checks.whole(at, self.datapoints_to_alarm, rule, least=1, most=self.evaluation_periods))
        checks.choice(
            "Alarm(treat_missing", self.treat_missing, tuple(fact("alarm_missing_data").value), f"{aws} TreatMissingData"
        )
        if self.evaluation_range is None:
            least = math.ceil(fact("alarm_range_least").value / self.period)
            keep("evaluation_range", max(self.evaluation_periods + fact("alarm_range_extra").value, least))
        rule = "must be a whole number of periods, evaluation_periods or more (an assumption: AWS does not publish it)"
        keep(
            "evaluation_range",
            checks.whole("Alarm(evaluation_range", self.evaluation_range, rule, least=self.evaluation_periods),
        )

    def evaluate(self, run: Run) -> AlarmHistory:
        """What the alarm does during ``run``: evaluated every minute, at first without enough data."""
        resource, points = _data_points(self, run)
        breaching = np.where(np.isnan(points), np.nan, COMPARISONS[self.comparison](points, self.threshold))
        step, state, states = self.period // 60, INSUFFICIENT_DATA, []
        for minute in range(len(points)):
            last = breaching[minute::-step][: self.evaluation_range][::-1]
            seen = [None if math.isnan(point) else bool(point) for point in last]
            state = next_state(seen, self, state)
            states.append(state)
        ends = pd.Index(60.0 * np.arange(1, len(points) + 1), name="seconds")
        return AlarmHistory(
            self, resource, pd.DataFrame({"value": points, "state": np.array(states, dtype=object)}, index=ends)
        )


@dataclass(frozen=True, eq=False)
class AlarmHistory:
    """What an alarm did in a run. ``table``: a row for each evaluation, at ``seconds``; its newest data point, and its state."""

    alarm: Alarm
    resource: str
    table: pd.DataFrame = field(repr=False)

    @property
    def changes(self) -> pd.Series:
        """The states that the alarm took, each at the seconds at which it took it."""
        states = self.table["state"]
        return states[states != states.shift(fill_value=INSUFFICIENT_DATA)]

    @property
    def first_alarm(self) -> float:
        """Seconds until the alarm first went off; NaN if it never did."""
        alarms = self.table.index[self.table["state"] == ALARM]
        return float(alarms[0]) if len(alarms) else math.nan

    def share(self, state: str) -> float:
        """The share of the evaluations in which the alarm was in ``state``."""
        checks.choice("share(state", state, (OK, ALARM, INSUFFICIENT_DATA), "states of a CloudWatch alarm")
        return float((self.table["state"] == state).mean())

    def plot(self) -> plots.Picture:
        """The data points against the threshold, and each time at which the alarm went off."""
        from lambdacourse import plots

        minutes, values = self.table.index.to_numpy() / 60, self.table["value"].to_numpy()
        end, limit = minutes[-1] if len(minutes) else 1.0, self.alarm.threshold
        top = plots.round_up(max(np.nanmax(values, initial=0.0), limit))
        title = f"{self.resource}: {self.alarm.metric}, {self.alarm.statistic} over {self.alarm.period / 60:g} min"
        frame = plots.Frame(title, "time (min)", self.alarm.metric, (0, end), (min(0.0, limit), top))
        lines = [
            plots.Curve("", minutes, values, "busy", marker="."),
            plots.Curve("threshold", np.array([0.0, end]), np.full(2, limit), "limit"),
        ]
        off = self.changes[self.changes == ALARM].index
        marks = [
            plots.Mark(at / 60, float(np.nan_to_num(self.table["value"][at])), f"{ALARM} at {at / 60:g} min") for at in off
        ]
        return plots.curves(plots.Panel(frame, lines, marks))

    def _repr_html_(self) -> str:
        return self.changes.to_frame()._repr_html_()


def next_state(seen: Sequence[bool | None], alarm: Alarm, state: str) -> str:
    """The state of ``alarm`` after ``state``, when it has ``seen`` these data points, the newest last.

    Of each data point: whether it breaches the threshold; ``None`` is a missing one. What counts are the newest real ones, as
    many as there are evaluation periods. Only when there are fewer, ``treat_missing`` fills in.
    """
    real = [point for point in seen if point is not None][-alarm.evaluation_periods :]
    lacking = alarm.evaluation_periods - len(real)
    breaching = sum(real) + (lacking if alarm.treat_missing == "breaching" else 0)
    if breaching >= alarm.datapoints_to_alarm:
        return ALARM
    if not lacking or alarm.treat_missing in ("breaching", "notBreaching") or not all(real):
        return OK
    if alarm.treat_missing == "ignore":
        return state
    if not real:
        return INSUFFICIENT_DATA
    # All there is breaches, but it is too little. CloudWatch waits for the next data point until the oldest is M periods old.
    oldest = len(seen) - list(seen).index(True)
    return ALARM if oldest >= alarm.datapoints_to_alarm else state


def _data_points(alarm: Alarm, run: Run) -> tuple[str, np.ndarray]:
    """Whose metric it is, and at the end of each minute the data point of the period that ends there; NaN where it is missing."""
    table = run.each_minute
    of_percentile = PERCENTILE.fullmatch(alarm.statistic)
    wanted = (alarm.metric, "Average" if of_percentile else alarm.statistic)
    having = [resource for resource in table.columns.unique("resource") if (resource, *wanted) in table]
    if alarm.resource not in having and not (alarm.resource is None and len(having) == 1):
        whose = "choose one with resource=…" if alarm.resource is None else f"not {alarm.resource!r}"
        has = ", ".join(map(repr, having)) or "nothing"
        raise ValueError(
            f"Alarm: {has} in this run has the metric {alarm.metric!r} with the statistic {alarm.statistic!r}: {whose}."
        )
    resource = alarm.resource or having[0]
    if of_percentile:
        return resource, _percentiles(run[resource].requests, float(of_percentile[1]), run.scenario.seconds, alarm.period)

    def minutes(metric: str, statistic: str) -> np.ndarray:
        return table[resource, metric, statistic].to_numpy(dtype=float)[: int(run.scenario.seconds // 60)]

    values = minutes(*wanted)
    if (resource, "Invocations", "Sum") in table:  # a function: it has no data point for a minute in which nobody called it
        called = minutes("Invocations", "Sum") + minutes("Throttles", "Sum") > 0
        values = np.where(called | (values > 0), values, np.nan)
    counted = (resource, alarm.metric, "SampleCount") in table
    weights = minutes(alarm.metric, "SampleCount") if counted else np.ones(len(values))
    return resource, _over_periods(values, weights, alarm)


def _percentiles(requests: pd.DataFrame, percent: float, seconds: float, period: int) -> np.ndarray:
    """At the end of each minute, that percentile of the durations, in milliseconds, of what was invoked in the period before it."""
    ran = requests[requests.outcome != "throttled"]
    time, milliseconds = ran.time.to_numpy(), 1000 * ran.duration.to_numpy()
    points = np.full(int(seconds // 60), np.nan)
    for minute in range(period // 60 - 1, len(points)):
        end = 60 * (minute + 1)
        first, last = np.searchsorted(time, (end - period, end))
        if last > first:
            points[minute] = np.quantile(milliseconds[first:last], percent / 100)
    return points


def _over_periods(values: np.ndarray, weights: np.ndarray, alarm: Alarm) -> np.ndarray:
    """The values of minutes as values of periods: each stands at the last minute of its period; none began before the run."""
    width = alarm.period // 60
    points = np.full(len(values), np.nan)
    if len(values) >= width:
        windows = np.ma.masked_invalid(sliding_window_view(values, width))
        if alarm.statistic == "Average":  # a minute counts by its samples, where the metric has some
            over = np.ma.average(windows, axis=1, weights=sliding_window_view(weights, width))
        else:
            over = {"Maximum": windows.max, "Minimum": windows.min}.get(alarm.statistic, windows.sum)(axis=1)
        points[width - 1 :] = np.ma.filled(over, np.nan)
    return points
