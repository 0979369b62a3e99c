"""Replications: intervals that hold the true mean as often as they say, on any executor, a Dask cluster's too; no bar in a grade."""

import io
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from scipy import stats

from lambdacourse import Account, ColdStart, Function, Scenario, Sync, exponential, poisson, replications, steady, sweep
from lambdacourse.simulation import progress
from lambdacourse.simulation.replications import Replications, student_t

LOSS = Function("api", duration=exponential(1), cold_start=ColdStart(init=0), idle_timeout=1e9)
SCENARIO = Scenario(
    Sync(LOSS, poisson(8)),
    Account(10, scaling_rate=None, rps_per_concurrency=None, unreserved_minimum=0),
    300,
    seed=5,
    warm_up=30,
)
ERLANG_B = stats.poisson.pmf(10, 8) / stats.poisson.cdf(10, 8)


def throttle_rate(run):
    return run["api"].throttle_rate


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 100, 1_001])
def test_student_t(confidence, freedom):
    """The quantile is the one of Student's t distribution, whatever the degrees of freedom."""
    assert student_t(confidence, freedom) == pytest.approx(stats.t.ppf((1 + confidence) / 2, freedom), rel=1e-9)


def test_interval_by_hand():
    """Three values by hand: mean 2, standard error 1/sqrt(3), 4.3027 of them on each side for 95 %."""
    runs = tuple(SimpleNamespace(value=value) for value in (1, 2, 3, math.nan))
    interval = Replications(runs, 0.95).interval(lambda run: run.value)
    reach = 4.302653 / math.sqrt(3)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((2, 2 - reach, 2 + reach))
    assert 2 in interval and 5 not in interval and str(interval) == "2 ± 2.5"
    alone = Replications(runs[:1], 0.95).interval(lambda run: run.value)
    assert alone.mean == 1 and math.isnan(alone.low) and math.isnan(alone.high)
    assert math.isnan(Replications(runs[3:], 0.95).interval(lambda run: run.value).mean)
    with pytest.raises(TypeError, match="figure=5"):
        Replications(runs, 0.95).interval(5)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 60 intervals at 80 %, about 48 hold Erlang's loss formula: between 36 and 57 (a chance of one in a thousand beyond)."""
    held = 0
    for first in range(60):
        interval = replications(replace(SCENARIO, seed=1_000 * first), 5, confidence=0.8).interval(throttle_rate)
        held += ERLANG_B in interval
    low, high = stats.binom.ppf([0.0005, 0.9995], 60, 0.8)
    assert low <= held <= high


def test_seeds_follow_each_other():
    """The first run is the scenario's own, each further one has the next seed; all else is the same."""
    runs = replications(SCENARIO, 3).runs
    assert [run.scenario for run in runs] == [replace(SCENARIO, seed=seed) for seed in (5, 6, 7)]
    assert throttle_rate(runs[0]) == throttle_rate(SCENARIO.run())
    assert len({throttle_rate(run) for run in runs}) == 3


def test_summary_of_replications():
    """A table of means and intervals; without chance there is no spread."""
    table = replications(SCENARIO, 4).summary()
    assert table.columns.tolist() == [("api", "mean"), ("api", "low"), ("api", "high")]
    assert (table["api", "low"] <= table["api", "mean"]).all() and (table["api", "mean"] <= table["api", "high"]).all()
    fixed = replications(Scenario(Sync(Function("api", duration=0.25), steady(2)), seconds=20), 3).summary()["api"]
    assert fixed["low"].tolist() == pytest.approx(fixed["mean"].tolist()) == fixed["high"].tolist()


@pytest.mark.parametrize(("arguments", "message"), [
    ((LOSS,), "a Scenario"), ((SCENARIO, 1), r"replications\(n=1: .*2 or more"), ((SCENARIO, 2.5), "whole number"),
])  # fmt: skip
def test_wrong_replications(arguments, message):
    """It takes a scenario and at least two runs."""
    with pytest.raises((TypeError, ValueError), match=message):
        replications(*arguments)


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
def test_wrong_confidence(confidence):
    """A confidence is a share: 0.95, not 95."""
    with pytest.raises(ValueError, match=r"such as 0\.95"):
        replications(SCENARIO, 2, confidence=confidence)


# Executors


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::EncodingWarning")
def test_on_a_dask_cluster():
    """The same call runs on a Dask cluster, in a process of its own, and gives the same runs."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        there = replications(SCENARIO, 3, executor=client.get_executor())
    pd.testing.assert_frame_equal(there.summary(), replications(SCENARIO, 3).summary(), check_exact=True)


def test_an_error_ends_a_sweep():
    """An error in one scenario is raised, and what has not begun is not begun."""
    begun = []

    class Broken(Scenario):
        def run(self, record=False):
            begun.append(self)
            time.sleep(0.01 if len(begun) > 1 else 0)
            raise RuntimeError("broken")

    class One(ThreadPoolExecutor):
        def submit(self, run, scenario):
            return super().submit(scenario.run)

    many = [Broken(**{name: getattr(SCENARIO, name) for name in ("triggers", "account", "seconds")}) for _ in range(50)]
    with One(1) as thread, pytest.raises(RuntimeError, match="broken"):
        sweep(many, executor=thread)
    assert len(begun) < 50


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def slowly(clock, seconds):
    for number in range(4):
        clock[0] += seconds
        yield number


@pytest.fixture
def clock(monkeypatch):
    import tqdm

    clock = [1_000.0]
    monkeypatch.setattr(tqdm.std, "time", lambda: clock[0])
    return clock


def what_is_shown(monkeypatch, clock, seconds, stderr):
    """What four things, each of which takes so many seconds, write to ``stderr``."""
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(progress.progress(slowly(clock, seconds), 4, "scenarios")) == [0, 1, 2, 3]
    return stderr.getvalue()


def test_a_bar_after_a_second(monkeypatch, clock):
    """What takes longer than a second shows a bar at a terminal, and takes it away again; what is quicker shows none."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert what_is_shown(monkeypatch, clock, 0.1, Terminal()) == ""
    shown = what_is_shown(monkeypatch, clock, 2, Terminal())
    assert "scenarios:  50%" in shown and shown.rsplit("\r", 2)[-2].strip() == ""


def test_no_bar_in_a_grade(monkeypatch, clock):
    """Under nbgrader nothing is written, however long it takes."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert what_is_shown(monkeypatch, clock, 2, Terminal()) == ""


def test_no_bar_in_a_log(monkeypatch, clock):
    """Where stderr is a file or a pipe nothing is written."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert what_is_shown(monkeypatch, clock, 2, io.StringIO()) == ""
