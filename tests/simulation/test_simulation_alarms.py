"""Alarms: CloudWatch's own tables of missing data, its rules of windows and of M out of N, and what they mean in a run."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse import Account, Alarm, Function, Sync, exponential, poisson, simulate, spike, trace
from lambdacourse.simulation.alarms import ALARM, COMPARISONS, INSUFFICIENT_DATA, OK, next_state

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "the state before"


def alarm(n=3, m=None, treat="missing", **changes):
    given = {"metric": "Errors", "statistic": "Sum", "period": 60, "threshold": 0, "comparison": ">", **changes}
    return Alarm(evaluation_periods=n, datapoints_to_alarm=m, treat_missing=treat, **given)


def points(text):
    """``"0 - X"`` as CloudWatch's guide writes data points: within the threshold, missing, breaching."""
    return [{"0": False, "-": None, "X": True}[point] for point in text.split()]


# The User Guide, "Configuring how CloudWatch alarms treat missing data": both tables, and the text about early alarms

ALL_THREE = {
    "0 - X - X": (OK, OK, OK, OK),
    "0 - - - -": (OK, OK, OK, OK),
    "- - - - -": (INSUFFICIENT_DATA, KEPT, ALARM, OK),
    "0 X X - X": (ALARM, ALARM, ALARM, ALARM),
    "- - X - -": (ALARM, KEPT, ALARM, OK),
}
TWO_OF_THREE = {
    "0 - X - X": (ALARM, ALARM, ALARM, ALARM),
    "0 0 X 0 X": (ALARM, ALARM, ALARM, ALARM),
    "0 - X - -": (OK, OK, ALARM, OK),
    "- - - - 0": (OK, OK, ALARM, OK),
    "- - - X -": (ALARM, KEPT, ALARM, OK),
}
EARLY = {"- - - - X": (KEPT, KEPT, ALARM, OK), "- - - X -": (KEPT, KEPT, ALARM, OK), "- - - X 0": (OK,), "- - X - 0": (OK,)}


@pytest.mark.parametrize("before", [OK, ALARM, INSUFFICIENT_DATA])
@pytest.mark.parametrize(("m", "seen", "states"), [(m, seen, states) for m, table in ((3, ALL_THREE), (2, TWO_OF_THREE), (3, EARLY)) for seen, states in table.items()])  # fmt: skip
def test_tables_of_the_user_guide(m, seen, states, before):
    """Each row of AWS's tables, for each treatment of missing data, whatever the state before."""
    for treat, state in zip(TREATMENTS, states, strict=False):
        assert next_state(points(seen), alarm(3, m, treat), before) == (before if state == KEPT else state), treat


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=9), st.integers(1, 5), st.data())
def test_m_out_of_n(seen, n, data):
    """With data in every period an alarm is on exactly when M of the last N breach, whatever fills in for missing data."""
    m = data.draw(st.integers(1, n))
    for treat in TREATMENTS:
        assert (next_state(seen, alarm(n, m, treat), OK) == ALARM) == (sum(seen[-n:]) >= m)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=7), st.integers(1, 5), st.data())
def test_missing_data_decides_only_where_it_lacks(seen, n, data):
    """With N real data points in range the treatment does not matter; otherwise breaching alarms most and notBreaching least."""
    m = data.draw(st.integers(1, n))
    states = {treat: next_state(seen, alarm(n, m, treat), OK) for treat in TREATMENTS}
    if sum(point is not None for point in seen) >= n:
        assert len(set(states.values())) == 1
    for treat in TREATMENTS:
        assert states[treat] != ALARM or states["breaching"] == ALARM
        assert states["notBreaching"] != ALARM or states[treat] == ALARM


# On a run


class FakeRun:
    """A run of whole minutes with given metrics: ``None`` is a minute without a value."""

    def __init__(self, columns):
        minutes = len(next(iter(columns.values())))
        index = pd.Index(np.arange(minutes) * 60.0, name="seconds")
        table = pd.DataFrame({name: np.array(values, dtype=float) for name, values in columns.items()}, index=index)
        self.each_minute = table.rename_axis(columns=("resource", "metric", "statistic"))
        self.scenario = SimpleNamespace(seconds=60.0 * minutes)


def queue(values, statistic="Maximum"):
    return FakeRun({("orders", "ApproximateAgeOfOldestMessage", statistic): values})


def age_alarm(period, n, statistic="Maximum", **changes):
    return Alarm("ApproximateAgeOfOldestMessage", statistic, period, n, 10, ">", **changes)


@pytest.mark.parametrize(("statistic", "values"), [
    ("Maximum", [math.nan, math.nan, 9, 9, 9, 40, 40]), ("Minimum", [math.nan, math.nan, 2, 2, 2, 2, 2]),
    ("Sum", [math.nan, math.nan, 16, 14, 14, 45, 42]), ("Average", [math.nan, math.nan, 16 / 3, 14 / 3, 14 / 3, 15, 21]),
])  # fmt: skip
def test_windows_move_by_a_minute(statistic, values):
    """A period of three minutes gives a data point every minute, of the last three; none that begins before the run."""
    history = age_alarm(180, 1, statistic).evaluate(queue([5, 2, 9, 3, 2, 40, None], statistic))
    assert history.table.index.tolist() == [60, 120, 180, 240, 300, 360, 420]
    assert history.table["value"].tolist() == pytest.approx(values, nan_ok=True)


def test_consecutive_windows_do_not_overlap():
    """Two periods of two minutes look at four minutes: one bad minute is in one of them, so two of two never breach."""
    run = queue([0, 0, 0, 0, 99, 0, 0, 0, 0, 0])
    assert math.isnan(age_alarm(120, 2).evaluate(run).first_alarm)
    once = age_alarm(120, 2, datapoints_to_alarm=1).evaluate(run)
    assert once.table.index[once.table["state"] == ALARM].tolist() == [300, 360, 420, 480]


def test_history_by_hand():
    """One bad minute of one: the alarm goes from no data to OK, off at the end of the bad minute, and back a minute later."""
    history = age_alarm(60, 1).evaluate(queue([1, 1, 11, 10, 1]))
    assert history.changes.to_dict() == {60: OK, 180: ALARM, 240: OK}
    assert (history.resource, history.first_alarm) == ("orders", 180)
    assert [history.share(state) for state in (OK, ALARM, INSUFFICIENT_DATA)] == [0.8, 0.2, 0]
    assert "ALARM" in history._repr_html_()


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">=", *COMPARISONS])
def test_comparisons(comparison):
    """Each comparison, by its sign or by AWS's name, at the threshold and on both sides of it."""
    states = (
        Alarm("ApproximateAgeOfOldestMessage", "Maximum", 60, 1, 10, comparison).evaluate(queue([9, 10, 11])).table["state"]
    )
    breaching = {"<": [1, 0, 0], "<=": [1, 1, 0], ">": [0, 0, 1], ">=": [0, 1, 1]}
    names = {"LessThanThreshold": "<", "LessThanOrEqualToThreshold": "<=", "GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}  # fmt: skip
    assert (states == ALARM).astype(int).tolist() == breaching[names.get(comparison, comparison)]


def test_the_averages_of_durations_are_weighted():
    """The average over several minutes is that of all calls, not of the minutes' averages."""
    run = simulate(Sync(Function("api", duration=exponential(0.5)), trace([0.0] * 9 + [60.0])), seconds=120)
    table = run.metrics(60)["api"]["Duration"]
    history = Alarm("Duration", "Average", 120, 1, 1_000, ">").evaluate(run)
    assert history.table["value"].iloc[-1] == pytest.approx(table["Sum"].sum() / 10)


def test_a_function_that_nobody_calls_has_no_data():
    """Minutes without a call are missing, not zero: an alarm on errors ends without data, one on errors as breaching goes off."""
    run = simulate(Sync(Function("job", duration=1), trace([10.0, 610.0])), seconds=1_200)
    plain = Alarm("Errors", "Sum", 60, 1, 0, ">").evaluate(run)
    assert plain.table["value"].notna().sum() == 2
    assert plain.changes.iloc[-1] == INSUFFICIENT_DATA and plain.share(OK) > 0
    assert Alarm("Invocations", "Sum", 60, 1, 1, "<", treat_missing="breaching").evaluate(run).changes.iloc[-1] == ALARM
    assert Alarm("Errors", "Sum", 60, 1, 0, ">", treat_missing="notBreaching").evaluate(run).changes.to_dict() == {60: OK}


def test_a_long_call_keeps_its_data():
    """A minute in which an old call still runs has a concurrency, though nothing began in it."""
    run = simulate(Sync(Function("job", duration=200), trace([10.0])), seconds=300)
    points = Alarm("ConcurrentExecutions", "Maximum", 60, 1, 5, ">", resource="job").evaluate(run).table["value"]
    assert points.tolist()[:4] == [1, 1, 1, 1] and math.isnan(points.iloc[4])


def test_the_evaluation_range_is_an_assumption():
    """Two periods more than are evaluated, AWS's one example, and six minutes at the least, as measured; it can be chosen."""
    assert alarm(3, period=300).evaluation_range == 5
    assert [alarm(n).evaluation_range for n in (1, 2, 3, 4, 5, 9)] == [6, 6, 6, 6, 7, 11]
    assert alarm(2, evaluation_range=2).evaluation_range == 2


def test_throttles_of_a_spike():
    """A spike beyond the limit throttles: an alarm on any throttle sees it at the end of that minute, one on errors never."""
    api = Function("api", duration=0.5)
    run = simulate(Sync(api, spike(10, 400, 90, 20)), account=Account(concurrency_limit=50), seconds=300)
    assert Alarm("Throttles", "Sum", 60, 1, 0, ">").evaluate(run).first_alarm == 120
    assert math.isnan(Alarm("Errors", "Sum", 60, 1, 0, ">").evaluate(run).first_alarm)
    assert math.isnan(Alarm("Throttles", "Sum", 60, 3, 0, ">").evaluate(run).first_alarm)


def test_picture_of_an_alarm():
    """The picture draws the data points, the threshold, and says when the alarm went off; a run too short for one is no error."""
    picture = age_alarm(60, 1).evaluate(queue([1, 1, 11, 1, None, 12])).plot()
    points, threshold = picture.figure.axes[0].lines[:2]
    assert points.get_ydata() == pytest.approx([1, 1, 11, 1, math.nan, 12], nan_ok=True)
    assert list(points.get_xdata()) == [1, 2, 3, 4, 5, 6] and list(threshold.get_ydata()) == [10, 10]
    assert "ALARM at 3 min" in picture.alt and "ALARM at 6 min" in picture.alt
    run = simulate(Sync(Function("api", duration=1), poisson(1)), seconds=30)
    assert "Errors" in Alarm("Errors", "Sum", 60, 1, 0, ">").evaluate(run).plot().alt


def test_alarm_on_a_percentile():
    """p50 and p99 of Duration, over one minute and over two, are those of the requests that were invoked in it, throttled ones not."""
    api = Function("api", duration=exponential(0.2), reserved_concurrency=20)
    run = simulate(Sync(api, poisson(100)), seconds=240, seed=4, record=True)
    ran = run["api"].requests.dropna(subset="duration")
    for statistic, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        for width in (60, 120):
            found = Alarm("Duration", statistic, width, 1, 1_000, ">").evaluate(run).table["value"]
            ends = range(width, 241, 60)
            expected = [1_000 * ran.duration[(ran.time >= end - width) & (ran.time < end)].quantile(share) for end in ends]
            assert found.dropna().tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="record=True"):
        Alarm("Duration", "p99", 60, 1, 1_000, ">").evaluate(simulate(Sync(api, poisson(1)), seconds=60))


# Bad input


@pytest.mark.parametrize(("changes", "message"), [
    ({"metric": ""}, "MetricName"), ({"statistic": "p99"}, "AWS::CloudWatch::Alarm Statistic"), ({"period": 90}, "multiple of 60"),
    ({"period": 0}, "Period"), ({"evaluation_periods": 0}, "EvaluationPeriods"), ({"period": 3_600, "evaluation_periods": 25}, "86,400"),
    ({"threshold": math.nan}, "Threshold"), ({"comparison": "above"}, "ComparisonOperator"), ({"datapoints_to_alarm": 4}, "from 1 to evaluation_periods, 3"),
    ({"treat_missing": "bad"}, "TreatMissingData"), ({"evaluation_range": 2}, "an assumption"),
])  # fmt: skip
def test_wrong_alarms(changes, message):
    """What CloudWatch refuses is refused, with its name for it."""
    with pytest.raises(ValueError, match=message):
        Alarm(**{"metric": "Errors", "statistic": "Sum", "period": 60, "evaluation_periods": 3, "threshold": 0, "comparison": ">", **changes})  # fmt: skip


def test_an_alarm_on_what_is_not_there():
    """A metric that nothing has, or several have, is named with what there is."""
    api, jobs = Function("api", duration=1), Function("jobs", duration=1)
    run = simulate(Sync(api, poisson(1)), jobs, seconds=60)
    for wrong, message in (
        (alarm(), "'api', 'jobs' in this run has .* choose one with resource="),
        (alarm(resource="other"), "not 'other'"),
        (alarm(metric="IteratorAge"), "nothing in this run has the metric 'IteratorAge'"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong.evaluate(run)
    assert alarm(resource="api").evaluate(run).resource == "api"
