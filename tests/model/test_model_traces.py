"""Recorded traffic: as many requests in each period as the record says, spread evenly; a wrong file is refused with its line."""

import itertools
import json
import pickle
from datetime import UTC, datetime
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lambdacourse import Function, Sync, azure_trace, cloudwatch_trace, per_minute, simulate
from lambdacourse.model.traces import AZURE_COLUMNS, Counted, cloudwatch_series
from lambdacourse.model.traffic import CHUNK


def streams(seed):
    """A random stream for each purpose, as the engine gives them."""
    return lambda purpose: np.random.default_rng([seed, crc32(purpose.encode())])


def arrivals(traffic, start=0.0, end=1e9, seed=1):
    """All arrivals; each chunk is checked on the way: not empty, not too large, in order, within the window."""
    chunks = list(traffic.arrivals(streams(seed), start, end))
    assert all(0 < chunk.size <= CHUNK for chunk in chunks)
    times = np.concatenate([np.empty(0), *chunks])
    assert (np.diff(times) >= 0).all() and (times.size == 0 or (start <= times[0] and times[-1] < end))
    return times


def per_period(times, counts, period):
    return np.bincount((times / period).astype(int), minlength=len(counts)).tolist()


# Counts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 30), st.integers(0, 3 * CHUNK)), max_size=12), st.sampled_from([1.0, 60.0, 300.0]))
def test_each_period_has_its_count(counts, period):
    """Every request that was recorded is there, in its own period, and no other."""
    times = arrivals(Counted(tuple(counts), period))
    assert times.size == sum(counts)
    assert not counts or per_period(times, counts, period) == counts


@pytest.mark.parametrize("count", [20_000, 4 * CHUNK, 100 * CHUNK])
def test_requests_are_spread_evenly_at_random(count):
    """Within a minute each request's time is uniform, however many there are (Kolmogorov-Smirnov)."""
    times = arrivals(per_minute([5, count]))[5:]
    assert stats.kstest((times - 60) / 60, "uniform").pvalue > 0.001


def test_seeds_differ_and_a_seed_repeats():
    """The times come from the run's own stream: another seed, other times; the same seed, the same times."""
    minutes = per_minute([1_000, 2_000])
    assert np.array_equal(arrivals(minutes, seed=1), arrivals(minutes, seed=1))
    assert not np.array_equal(arrivals(minutes, seed=1), arrivals(minutes, seed=2))


@pytest.mark.parametrize("end", [0.5, 60, 61, 150, 1_000])
def test_a_window_cuts_and_does_not_reshuffle(end):
    """A shorter run sees the beginning of the same arrivals; before time 0 there is nothing."""
    minutes = per_minute([40, 3 * CHUNK, 7])
    whole = arrivals(minutes)
    assert np.array_equal(arrivals(minutes, -100, end), whole[whole < end])


def test_rate_of_counts():
    """The rate is the count over the period, and 0 outside; the peak looks at the periods that a window touches."""
    minutes = per_minute([60, 600, 0])
    assert minutes.rate(np.array([-1, 0, 59.9, 60, 119, 120, 180, 1e6])).tolist() == [0, 1, 1, 10, 10, 0, 0, 0]
    assert minutes.rate(70.0) == 10
    assert [minutes.peak_rate(*window) for window in ((-50, 60), (0, 61), (130, 500), (-9, -1))] == [1, 10, 0, 0]


def test_counts_are_values():
    """Equal counts are equal traffic; they can be added and kept, and NumPy's integers are integers."""
    minutes = per_minute(np.array([3, 4]))
    assert minutes == per_minute([3, 4.0]) != per_minute([3, 5]) and hash(minutes) == hash(per_minute([3, 4]))
    assert pickle.loads(pickle.dumps(minutes)) == minutes
    assert len((minutes + minutes).flows()) == 2


def test_counts_in_a_simulation():
    """What was recorded is what arrives, minute by minute, in the run's metrics."""
    run = simulate(Sync(Function("api", duration=0.1), per_minute([100, 0, 2_500])), seconds=180)
    assert run.metrics(60)["api"]["Invocations", "Sum"].tolist() == [100, 0, 2_500]


@pytest.mark.parametrize(("counts", "message"), [
    ("12", "must be a list"), (12, "must be a list"), ({"a": 1}, "must be a list"),
    ([1, -1], r"counts\[1\]=-1: .*0 or more"), ([1.5], r"counts\[0\]=1.5"), (["7"], "not a str"), ([True], "not a bool"), ([None], "nothing"),
])  # fmt: skip
def test_wrong_counts(counts, message):
    """A count is a whole number from 0; the message says which one is not."""
    with pytest.raises((TypeError, ValueError), match=message):
        per_minute(counts)


# The Azure Functions Trace 2019


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""
    numbers = itertools.count()

    def write(text, ending=".csv"):
        path = tmp_path / f"export-{next(numbers)}{ending}"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def azure(*rows, minutes=1_440):
    heads = ",".join([*AZURE_COLUMNS, *map(str, range(1, minutes + 1))])
    return "\n".join([heads, *rows]) + "\n"


def row(function, *counts, trigger="http"):
    return ",".join(["owner1", "app1", function, trigger, *map(str, counts)])


def test_a_day_of_azure(write):
    """A row of 1,440 counts is a day of traffic; the function is found by how its hash begins, in any line ending."""
    counts = [n % 7 for n in range(1_440)]
    text = azure(row("aa11", *[1] * 1_440), row("bb22", *counts, trigger="timer"))
    for file in (write(text), str(write(text.replace("\n", "\r\n")))):
        assert azure_trace(file, function="bb") == azure_trace(file, "bb22") == Counted(tuple(counts), 60)
    assert azure_trace(write(azure(row("cc33", *counts)))).peak_rate(0, 86_400) == 6 / 60


@pytest.mark.parametrize(("text", "function", "message"), [
    ("", None, "line 1: must be the columns HashOwner"),
    ("HashOwner,HashApp,HashFunction,Average\n", None, "line 1: must be the columns"),
    ("HashOwner,HashApp,HashFunction,Trigger,1,3\n", None, "line 1"),
    (azure(row("a", 1, 2), row("b", 1), minutes=2), "a", "line 3: has 5 columns, where line 1 has 6"),
    (azure(row("a", 1, 2), row("b", 1, "x"), minutes=2), "b", "line 3: minute 2 is 'x'"),
    (azure(row("a", 1, -2), minutes=2), None, "line 2: minute 2 is '-2'"),
    (azure(row("a", 1, 2), row("ab", 1, 2), minutes=2), None, r"holds 2; choose one with function=…: a \(line 2\), ab \(line 3\)"),
    (azure(row("a", 1, 2), row("ab", 1, 2), minutes=2), "a", r"'a' must name one HashFunction; there are: a \(line 2\), ab \(line 3\)"),
    (azure(row("a", 1, 2), minutes=2), "z", "no HashFunction begins with 'z'"),
    (azure(minutes=2), None, "there are none"),
])  # fmt: skip
def test_a_malformed_azure_file(write, text, function, message):
    """What is wrong is said with the file and its line."""
    file = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        azure_trace(file, function)
    assert str(file) in str(caught.value)


# Exports of CloudWatch

CONSOLE = """\
Full label,"Invocations","Throttles"
Label,Invocations,Throttles
2026/11/24 10:00:00,120,
2026/11/24 10:01:00,90.0,3
2026/11/24 10:03:00,30,1
"""
ANSWER = {
    "MetricDataResults": [
        {"Id": "m1", "Label": "Invocations", "Timestamps": ["2026-11-24T10:10:00+00:00", "2026-11-24T10:00:00Z", "2026-11-24T10:05:00Z"],
         "Values": [7.0, 5.0, 6.0], "StatusCode": "Complete"},
        {"Id": "m2", "Label": "Throttles", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
    ],
    "Messages": [],
}  # fmt: skip


def test_a_console_export(write):
    """A column per metric, a line per time; what is missing is none; both metrics count from the file's first time."""
    file = write(CONSOLE)
    assert cloudwatch_trace(file, "Invocations") == Counted((120, 90, 0, 30), 60)
    assert cloudwatch_trace(file, "throttles") == Counted((0, 3, 0, 1), 60)
    one = write("Label,Invocations\n2026-11-24T10:00:00+01:00,4\n2026-11-24T09:05:00Z,5\n")
    assert cloudwatch_trace(one) == Counted((4, 5), 300)
    assert cloudwatch_trace(one, period=60) == Counted((4, 0, 0, 0, 0, 5), 60)


def test_counts_beside_other_statistics(write):
    """Averages in the same file do not hinder the counts, and can be read themselves."""
    file = write("Label,Invocations,Duration Average\n2026-11-24T10:00:00Z,4,12.5\n2026-11-24T10:01:00Z,5,\n")
    assert cloudwatch_trace(file, "Invocations") == Counted((4, 5), 60)
    ten = datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()
    assert cloudwatch_series(file) == {"Invocations": {ten: 4, ten + 60: 5}, "Duration Average": {ten: 12.5}}
    with pytest.raises(ValueError, match="line 2: the data point is 'x': must be a number"):
        cloudwatch_series(write("Label,Duration\n2026-11-24T10:00:00Z,x\n"))


def test_an_answer_of_get_metric_data(write):
    """The newest data point may come first; a series is named by its label or its id; one without data is no traffic."""
    file = write(json.dumps(ANSWER), ".json")
    assert cloudwatch_trace(file, "m1") == cloudwatch_trace(file, "Invocations") == Counted((5, 6, 7), 300)
    assert cloudwatch_trace(file, "Throttles") == Counted((0, 0, 0), 300)
    epoch = {"MetricDataResults": [{"Id": "m1", "Timestamps": [1_700_000_000, 1_700_000_060.0], "Values": [1, 2]}]}
    assert cloudwatch_trace(write(json.dumps(epoch), ".json")) == Counted((1, 2), 60)


def answer(**changes):
    return json.dumps({"MetricDataResults": [{**ANSWER["MetricDataResults"][0], **changes}]})


@pytest.mark.parametrize(("text", "ending", "metric", "message"), [
    ("", ".csv", None, "no line begins with a time"),
    ("a,b\nc,d\n", ".csv", None, "no line begins with a time"),
    (CONSOLE, ".csv", None, "holds 2; choose one with metric=…"),
    (CONSOLE, ".csv", "Errors", "metric='Errors' must name one series; there are: Invocations"),
    (CONSOLE + "yesterday,1,2\n", ".csv", "Throttles", "line 6: must begin with a time such as .*, not 'yesterday'"),
    (CONSOLE + "2026/11/24 10:04:00,1\n", ".csv", "Throttles", "line 6: has 2 columns, where the lines before have 3"),
    (CONSOLE + "2026/11/24 10:04:00,1.5,1\n", ".csv", "Invocations", "line 6: the data point is '1.5'.*statistic Sum"),
    ("Label,a,a\n2026/11/24 10:04:00,1,2\n", ".csv", "a", "a .column 2., .*a .column 3."),
    ("Label,a\n2026/11/24 10:04:00,1\n", ".csv", "a", "single data point; .* period=60"),
    ('{\n"a": }', ".json", None, "line 2: is not JSON"),
    ('{"Datapoints": []}', ".json", None, "get-metric-data"),
    (answer(Values=[1]), ".json", None, r"MetricDataResults\[0\]: has 3 Timestamps and 1 Values"),
    (answer(Values=[1, 2, 0.5]), ".json", None, r"MetricDataResults\[0\]: the data point is 0.5"),
    (answer(Timestamps=["x", "y", "z"]), ".json", None, "'x' is not a time"),
    (answer(StatusCode="PartialData"), ".json", None, "PartialData.*NextToken"),
    (answer(Timestamps=[], Values=[]), ".json", None, "no data point"),
])  # fmt: skip
def test_a_malformed_export(write, text, ending, metric, message):
    """What is wrong is said with the file, and with its line or entry."""
    file = write(text, ending)
    with pytest.raises(ValueError, match=message) as caught:
        cloudwatch_trace(file, metric)
    assert str(file) in str(caught.value)
