"""``simulate``, ``sweep`` and what a ``Run`` shows: figures, metrics, summary; and the names that the course promises."""

import dataclasses
import inspect
import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

import lambdacourse
from lambdacourse import (
    Account,
    ColdStart,
    EventSourceMapping,
    Function,
    KinesisStream,
    Run,
    Scenario,
    Sync,
    exponential,
    fact,
    lognormal,
    poisson,
    simulate,
    spike,
    steady,
    sweep,
    trace,
)
from lambdacourse.engine import is_compiled
from lambdacourse.engine.tally import BUSY_LEVEL
from lambdacourse.model import throttle_status
from lambdacourse.simulation import FunctionRun, throttle_reasons

API = Function("api", duration=exponential(0.3), error_rate=0.05, timeout=1, reserved_concurrency=40, idle_timeout=0.05)
JOBS = Function("jobs", duration=lognormal(0.2, 2.0), cold_start=ColdStart(init=1), idle_timeout=2)
IDLE = Function("idle", duration=1, reserved_concurrency=50)
TRIGGERS = Sync(API, poisson(150)), Sync(JOBS, spike(5, 300, 20, 5)), IDLE
ACCOUNT = Account(concurrency_limit=200, scaling_rate=60)


@pytest.fixture(scope="module")
def run():
    return simulate(*TRIGGERS, account=ACCOUNT, seconds=60, seed=3, warm_up=5, record=True)


# A run and its figures


def test_the_example_of_the_course():
    """The example of the vocabulary runs, and its throttle rate is a share."""
    api = Function("api", duration=exponential(0.5), memory_mb=1024, reserved_concurrency=500)
    run = simulate(Sync(api, poisson(1_000)), account=Account(concurrency_limit=1_000), seconds=600, seed=7)
    assert 0 < run["api"].throttle_rate < 1


def test_a_run_has_every_function(run):
    """Each function is there by its name, in order of first mention, with those that have no traffic."""
    assert [result.function for result in run] == [API, JOBS, IDLE] == list(run.functions)
    assert run["jobs"].function is run.functions[1]
    assert isinstance(run, Run) and isinstance(run["api"], FunctionRun)
    assert (run.scenario.triggers, run.scenario.account, run.scenario.seed) == (TRIGGERS, ACCOUNT, 3)


def test_figures_of_a_quiet_function(run):
    """What never happened is 0, and a share of nothing is NaN."""
    idle = run["idle"]
    counts = ("arrivals", "invocations", "throttles", "errors", "timeouts", "cold_starts", "pending", "peak_concurrency")
    assert [getattr(idle, name) for name in counts] == [0] * 8
    assert (idle.mean_concurrency, idle.mean_environments, idle.peak_environments) == (0, 0, 0)
    assert idle.throttles_by_reason == {} and idle.requests.empty
    shares = (idle.throttle_rate, idle.cold_start_rate, idle.error_rate, idle.mean_duration, idle.wait(0.5), idle.latency(0.99))
    assert all(math.isnan(share) for share in shares)


def test_figures_of_a_busy_function(run):
    """Rates are shares of what the course says they are; all throttles have a reason."""
    for name in ("api", "jobs"):
        result = run[name]
        assert result.throttles > 0 and result.cold_starts > 0
        assert result.throttle_rate == result.throttles / (result.invocations + result.throttles)
        assert result.cold_start_rate == result.cold_starts / result.invocations
        assert result.error_rate == result.errors / result.invocations
        assert result.throttles == sum(result.throttles_by_reason.values())
        assert 0 not in result.throttles_by_reason.values()
        for value in (result.arrivals, result.throttles, result.errors, result.peak_concurrency, result.peak_environments):
            assert type(value) is int


def test_figures_by_hand():
    """Five calls of a second, a second apart, in one environment that takes a quarter of a second to start."""
    function = Function("api", duration=0.5, cold_start=ColdStart(init=0.25), idle_timeout=3)
    result = simulate(Sync(function, trace([0, 1, 2, 3, 4])), seconds=10)["api"]
    assert (result.arrivals, result.invocations, result.cold_starts, result.errors) == (5, 5, 1, 0)
    assert result.mean_concurrency == pytest.approx((5 * 0.5 + 0.25) / 10)
    assert result.mean_environments == pytest.approx((4.5 + 3) / 10)
    assert (result.peak_concurrency, result.peak_environments) == (1, 1)
    assert result.mean_duration == pytest.approx(0.5)
    assert (result.wait(0.5), result.wait(0.8)) == (0, 0)
    assert result.wait(0.9) == pytest.approx(0.25, rel=0.01) and result.wait(1) == pytest.approx(0.25, rel=0.01)
    assert result.latency(0.5) == pytest.approx(0.5, rel=0.01) and result.latency(0.95) == pytest.approx(0.75, rel=0.01)


def test_the_least_latency(run):
    """``latency(0)`` is the shortest latency."""
    assert run["api"].latency(0) == pytest.approx(run["api"].requests.latency.min(), rel=0.01)


def test_the_longest_latency(run):
    """``latency(1)`` is the longest latency, as finely as the histogram counts."""
    assert run["jobs"].latency(1) == pytest.approx(run["jobs"].requests.latency.max(), rel=1 / 256)


def test_quantiles_rise(run):
    """A higher quantile is never less, and a latency is at least as long as a wait."""
    steps = np.linspace(0.001, 1, 200)
    for result in (run["api"], run["jobs"]):
        latency, wait = [result.latency(q) for q in steps], [result.wait(q) for q in steps]
        assert (np.diff(latency) >= 0).all() and (np.diff(wait) >= 0).all()
        assert all(longer >= shorter for longer, shorter in zip(latency, wait, strict=True))


def test_warm_up_is_left_out():
    """What happens before time 0 is simulated, but in no figure and in no record; what it leaves warm is there."""
    function = Function("api", duration=0.5, cold_start=ColdStart(init=0.25))
    cold, warm = (simulate(Sync(function, steady(4)), seconds=10, warm_up=warm_up, record=True)["api"] for warm_up in (0, 10))
    assert (cold.arrivals, warm.arrivals) == (40, 40)
    assert cold.cold_starts > 0 == warm.cold_starts
    assert warm.requests.time.min() == 0
    assert warm.mean_concurrency == pytest.approx(2)
    assert warm.peak_environments == cold.peak_environments > 2 and warm.mean_environments > 2


def test_a_warm_up_that_ends_in_the_midst():
    """A call that began before time 0 and ends after it counts for concurrency and environments from 0 on, and for nothing else."""
    function = Function("api", duration=8, cold_start=ColdStart(init=0), idle_timeout=1)
    result = simulate(Sync(function, steady(0.1)), seconds=5, warm_up=10)["api"]
    assert (result.arrivals, result.invocations) == (1, 1)
    late = simulate(Sync(function, steady(0.3)), seconds=2, warm_up=4)["api"]
    assert late.arrivals == 1
    assert (late.peak_concurrency, late.peak_environments) == (2, 2)
    assert (late.mean_concurrency, late.mean_environments) == pytest.approx((2, 2))


def test_requests_table(run):
    """One row per request in order of arrival, with the promised columns; what was throttled has no times."""
    table = run["api"].requests
    columns = ["time", "outcome", "reason", "environment", "cold", "init", "wait", "duration", "latency"]
    assert table.columns.tolist() == [*columns, "arrival", "attempt", "provisioned", "download"]
    assert (table.arrival == table.time).all() and (table.attempt == 0).all() and not table.provisioned.any()
    assert table.time.is_monotonic_increasing and table.time.between(0, 60, inclusive="left").all()
    assert set(table.outcome) == {"ok", "error", "timeout", "throttled"}
    throttled = table[table.outcome == "throttled"]
    assert throttled[["init", "wait", "duration", "latency"]].isna().all(axis=None)
    assert (throttled.environment == -1).all() and not throttled.cold.any()
    assert set(throttled.reason) <= set(throttle_reasons()) and throttled.reason.notna().all()
    served = table[table.outcome != "throttled"]
    assert served.reason.isna().all() and (served.environment >= 0).all()
    assert (served.latency == served.wait + served.duration).all()
    assert served.wait.tolist() == pytest.approx(served.init.tolist(), abs=1e-9)
    assert (served.duration <= 1).all()
    assert (served[served.outcome == "timeout"].duration == 1).all()


def test_a_wait_is_the_initialisation(run):
    """Nobody waits but for an initialisation, so in the records the wait is exactly that."""
    table = run["jobs"].requests.query("outcome != 'throttled'")
    assert table[~table.cold].wait.tolist() == [0.0] * int((~table.cold).sum())


def test_reasons_are_those_of_the_api():
    """Each reason is one of the API's, but for the scaling rate, for which AWS names none."""
    *named, last = throttle_reasons()
    assert len(set(named)) == 4 and set(named) < set(fact("throttle_reasons").value)
    assert last == "scaling rate"


@pytest.mark.parametrize(("via", "status"), [("invoke", 429), ("function_url", 429), ("api_gateway_rest", 500), ("alb", 502)])
def test_who_sees_which_status(via, status):
    """What a caller sees of a throttle depends on what stands in between."""
    assert throttle_status(via) == status
    assert Sync(API, poisson(1), via=via).via == via


# Metrics

FUNCTION_METRICS = {
    ("Invocations", "Sum"),
    ("Errors", "Sum"),
    ("Throttles", "Sum"),
    ("Duration", "SampleCount"),
    ("Duration", "Sum"),
    ("Duration", "Average"),
    ("Duration", "Maximum"),
    ("ConcurrentExecutions", "Maximum"),
}
ACCOUNT_METRICS = {"ConcurrentExecutions", "UnreservedConcurrentExecutions", "ClaimedAccountConcurrency"}


@pytest.mark.parametrize("period", [0.1, 1, 7, 60, 3_600])
def test_metrics_add_up(run, period):
    """For any period: the rows begin each period, sums equal the totals, maxima the maxima, averages what pandas gets."""
    table = run.metrics(period)
    assert table.index.name == "seconds"
    assert table.index.to_numpy() == pytest.approx(np.arange(math.ceil(60 / period - 1e-9)) * period)
    for name in ("api", "jobs", "idle"):
        result, mine = run[name], table[name]
        assert set(mine.columns) == FUNCTION_METRICS
        assert mine["Invocations", "Sum"].sum() == result.invocations
        assert mine["Errors", "Sum"].sum() == result.errors
        assert mine["Throttles", "Sum"].sum() == result.throttles
        assert mine["ConcurrentExecutions", "Maximum"].max() == result.peak_concurrency
        served = result.requests.query("outcome != 'throttled'")
        groups = (1_000 * served.duration).groupby(((served.time + 1e-12) // period).astype(int))
        rows = mine.reset_index(drop=True)["Duration"]
        assert rows["SampleCount"].equals(mine.reset_index(drop=True)["Invocations", "Sum"].rename("SampleCount"))
        assert rows["Sum"][rows["Sum"] > 0].to_dict() == pytest.approx(groups.sum()[groups.sum() > 0].to_dict())
        assert rows["Average"].dropna().to_dict() == pytest.approx(groups.mean().to_dict())
        assert rows["Maximum"].dropna().to_dict() == pytest.approx(groups.max().to_dict())


def test_metrics_of_the_account(run):
    """The account's concurrency is everybody's; the unreserved part leaves reserved functions out; claims add reservations."""
    table = run.metrics(60)
    account = table["account"]
    assert {metric for metric, statistic in account.columns} == ACCOUNT_METRICS
    assert {statistic for metric, statistic in account.columns} == {"Maximum"}
    assert table.columns.names == ["resource", "metric", "statistic"]
    assert account["UnreservedConcurrentExecutions", "Maximum"].tolist() == [run["jobs"].peak_concurrency]
    assert account["ClaimedAccountConcurrency", "Maximum"].tolist() == [run["jobs"].peak_concurrency + 40 + 50]
    everybody = account["ConcurrentExecutions", "Maximum"].iloc[0]
    assert run["jobs"].peak_concurrency < everybody <= run["jobs"].peak_concurrency + 40


def test_claimed_concurrency_of_aws():
    """AWS's example, its reserved part: 600 reserved; 0 and 100 unreserved executions claim 600 and 700."""
    reserved = Function("reserved", duration=1, reserved_concurrency=600)
    other = Function("other", duration=10, cold_start=ColdStart(init=0))
    run = simulate(reserved, Sync(other, trace([70.0] * 100)), seconds=120)
    assert run.metrics(60)["account"]["ClaimedAccountConcurrency", "Maximum"].tolist() == [600, 700]


def test_metric_names_are_those_of_cloudwatch():
    """Each name of a metric stands in AWS's own lists."""
    known = str([fact(name).value for name in lambda_metric_facts()])
    for metric in {metric for metric, _ in FUNCTION_METRICS} | ACCOUNT_METRICS:
        assert metric in known


def lambda_metric_facts():
    from lambdacourse.facts import all_facts

    return [found.name for found in all_facts() if found.name.startswith("metrics_")]


@pytest.mark.parametrize(("seconds", "width"), [(60, 0.1), (120, 0.1), (120.5, 1), (100_000, 1), (100_001, 60)])
def test_bins(seconds, width):
    """A run is counted in bins of 0.1 s, of 1 s from two minutes on, and of a minute from 100,000 s on."""
    run = simulate(Sync(Function("api", duration=1), steady(0.02)), seconds=seconds)
    assert run.tally.bin_seconds == width
    assert run.time[:3] == pytest.approx([0, width, 2 * width])
    assert len(run.metrics(60)) == math.ceil(seconds / 60)
    assert run.metrics(60)["api"]["Invocations", "Sum"].sum() == run["api"].arrivals == math.ceil(seconds * 0.02)


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.25, 59.99, 60.05])
def test_a_run_of_any_length(seconds):
    """The last bin may be short; averages over time are over the time that there was."""
    function = Function("api", duration=1_000, cold_start=ColdStart(init=0))
    run = simulate(Sync(function, trace([0.0] * 3)), seconds=seconds)
    assert run["api"].mean_concurrency == pytest.approx(3)
    assert run["api"].mean_environments == pytest.approx(3)
    assert run.tally.mean_series(0, BUSY_LEVEL) == pytest.approx([3] * len(run.time))


def test_a_run_of_almost_no_length():
    """A run may be as short as one likes."""
    assert simulate(Sync(API, steady(10)), seconds=1e-11)["api"].peak_concurrency == 1


# Summary, empty runs, pictures


def test_summary(run):
    """One column per function, one row per figure, in words; each is the figure that the run has, to at least four digits."""
    table = run.summary()
    assert table.columns.tolist() == ["api", "jobs", "idle"]
    counts = ("arrivals", "invocations", "throttles", "errors", "cold starts", "peak concurrency")
    for name in counts:
        assert table.loc[name].tolist() == [getattr(part, name.replace(" ", "_")) for part in run]
    for name in ("throttle rate", "cold start rate", "mean concurrency", "mean environments"):
        figures = [getattr(part, name.replace(" ", "_")) for part in run]
        assert table.loc[name].tolist() == pytest.approx(figures, rel=1e-3, nan_ok=True)
    for q in (50, 99):
        figures = [part.latency(q / 100) for part in run]
        assert table.loc[f"p{q} latency (s)"].tolist() == pytest.approx(figures, rel=1e-3, nan_ok=True)


def test_streams_are_in_the_summary(monkeypatch):
    """The summary has a column for a stream, with its own figures."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    run = simulate(EventSourceMapping(Function("reader", duration=0.1), KinesisStream("clicks", steady(10))), seconds=10)
    table = run.summary()
    assert list(table) == ["reader", "clicks"] and table["clicks"]["processed"] == run["clicks"].processed > 0
    assert table["reader"]["processed"] == "" and table["clicks"]["cold starts"] == ""


def test_a_run_of_nothing():
    """A run without triggers is empty, not an error."""
    run = simulate()
    assert run.summary().empty and list(run) == [] and len(run.metrics()) == 1
    with pytest.raises(KeyError, match="none"):
        run["api"]


def test_a_picture_of_nothing():
    """A run without triggers has an empty picture, not an error."""
    simulate().plot()._repr_mimebundle_()


def test_plot_shows_each_function(run):
    """The picture has a row for each function, and each limit is what the function may have."""
    assert [axes.get_title("left").split(":")[0] for axes in run.plot().figure.axes] == [
        "api",
        "api",
        "jobs",
        "jobs",
        "idle",
        "idle",
    ]


# Scenario and sweep

SCENARIOS = [Scenario(TRIGGERS, ACCOUNT, seconds=20, seed=seed, warm_up=2) for seed in range(3)]


def assert_same_runs(one, other):
    assert [run.scenario for run in one] == [run.scenario for run in other]
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(left.tally.bins, right.tally.bins)
        assert np.array_equal(left.tally.latency, right.tally.latency)
        pd.testing.assert_frame_equal(left.summary(), right.summary(), check_exact=True)


def test_scenario_is_simulate():
    """A scenario, run, is what ``simulate`` gives; it is a value that can be compared, changed by ``replace`` and kept."""
    scenario = SCENARIOS[1]
    assert_same_runs([scenario.run()], [simulate(*TRIGGERS, account=ACCOUNT, seconds=20, seed=1, warm_up=2)])
    assert scenario == dataclasses.replace(SCENARIOS[0], seed=1) and hash(scenario) == hash(dataclasses.replace(scenario))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.seed = 2
    assert Scenario(list(TRIGGERS)) == Scenario(TRIGGERS) and Scenario(TRIGGERS[0]) == Scenario((TRIGGERS[0],))


def test_sweep_in_threads():
    """A sweep gives the runs in order, the same as one after the other; from any iterable, and of nothing."""
    plain = [scenario.run() for scenario in SCENARIOS]
    assert_same_runs(sweep(SCENARIOS), plain)
    with ThreadPoolExecutor(2) as threads:
        assert_same_runs(sweep((scenario for scenario in SCENARIOS), executor=threads), plain)
    assert sweep([]) == []


def test_sweep_in_a_process():
    """A sweep on another process gives the same: scenarios and runs travel."""
    plain = [scenario.run() for scenario in SCENARIOS]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        assert_same_runs(sweep(SCENARIOS, executor=processes), plain)


def test_runs_and_traffic_can_be_pickled(run):
    """What a run holds survives a journey, the records too."""
    again = pickle.loads(pickle.dumps(run))
    pd.testing.assert_frame_equal(again["jobs"].requests, run["jobs"].requests)
    scenario = Scenario(Sync(API, trace([1, 2]) + poisson(5) + spike(1, 2, 3, 4)))
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(scenario)).run().summary(), scenario.run().summary())


# The engine in plain Python


def test_reference_engine_gives_equal_figures(run, monkeypatch):
    """``LAMBDACOURSE_ENGINE=reference`` simulates in plain Python: the same requests, counts and quantiles."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    assert not is_compiled()
    plain = simulate(*TRIGGERS, account=ACCOUNT, seconds=60, seed=3, warm_up=5, record=True)
    for result in run:
        pd.testing.assert_frame_equal(plain[result.function.name].requests, result.requests, check_exact=True)
    pd.testing.assert_frame_equal(plain.summary(), run.summary(), rtol=1e-12)
    pd.testing.assert_frame_equal(plain.metrics(1), run.metrics(1), rtol=1e-12)
    assert simulate(*TRIGGERS, account=ACCOUNT, seconds=1).tally.requests is None


# What importing costs


def loaded_by(code):
    """The modules that a fresh Python has after ``code``."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return set(subprocess.run(command, capture_output=True, check=True, encoding="utf-8", env=environment).stdout.split())


HEAVY = {"numpy", "numba", "pandas", "matplotlib", "scipy", "ipywidgets", "IPython", "jupyterlab", "nbgrader"}


def test_importing_is_light():
    """``import lambdacourse`` loads nothing heavy, and neither do its version, its names and a fact."""
    code = "import lambdacourse; lambdacourse.__version__; dir(lambdacourse); lambdacourse.fact('account_concurrency')"
    assert loaded_by("import lambdacourse") & HEAVY == set()
    assert loaded_by(code) & HEAVY == set()


def test_the_vocabulary_does_not_compile_or_draw():
    """Describing a function needs no compiler and no pictures; simulating needs no pictures."""
    assert (
        loaded_by("from lambdacourse import Function, poisson; Function('api', duration=1)") & {"numba", "matplotlib"} == set()
    )
    code = "from lambdacourse import *; simulate(Sync(Function('api', duration=1), poisson(1)))"
    assert loaded_by(code) & {"matplotlib", "ipywidgets", "IPython"} == set()


def test_names_are_loaded_when_used():
    """Every name in the table of contents is there, is listed, and a name that is not there says so."""
    assert set(lambdacourse.__all__) <= set(dir(lambdacourse))
    assert lambdacourse.__all__ == sorted(lambdacourse.__all__)
    for name in lambdacourse.__all__:
        assert getattr(lambdacourse, name).__name__ == name
        assert getattr(lambdacourse, name).__doc__
    with pytest.raises(AttributeError, match="lambda_handler"):
        _ = lambdacourse.lambda_handler
    assert lambdacourse.__version__.count(".") == 2


# The contract: names and arguments that notebooks and graders stand on

ANY = object()
CONTRACT = {  # arguments in order; arguments by name, with their defaults
    "Account": ((), {"concurrency_limit": 1_000, "scaling_rate": 1_000, "scaling_period": 10, "rps_per_concurrency": 10}),
    "ColdStart": ((), {"init": ANY}),
    "Function": (
        ("name",),
        {"duration": ANY, "memory_mb": 1_024, "timeout": None, "cold_start": ColdStart(), "error_rate": 0.0,
         "reserved_concurrency": None, "provisioned_concurrency": 0, "idle_timeout": ANY, "maximum_age": None, "architecture": "x86_64"},
    ),
    "Sync": (("function", "traffic"), {"via": "invoke", "retry": None, "qualifier": None}),
    "Scenario": (("triggers", "account", "seconds", "seed", "warm_up"), {"seconds": 60, "seed": 0, "warm_up": 0}),
    "simulate": (("triggers",), {"account": Account(), "seconds": 60, "seed": 0, "warm_up": 0, "record": False}),
    "sweep": (("scenarios", "executor"), {"executor": None}),
    "steady": (("rate",), {}),
    "poisson": (("rate",), {}),
    "ramp": (("first", "last", "seconds"), {}),
    "spike": (("base", "peak", "at", "seconds"), {}),
    "diurnal": (("low", "high"), {}),
    "trace": (("times",), {}),
    "constant": (("seconds",), {}),
    "exponential": (("mean",), {}),
    "lognormal": (("median", "p99"), {}),
    "fact": (("name",), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACT)
def test_contract_of_arguments(name):
    """Each name takes the promised arguments, in the promised order where they have one, with the promised defaults."""
    in_order, by_name = CONTRACT[name]
    parameters = inspect.signature(getattr(lambdacourse, name)).parameters
    assert tuple(parameters)[: len(in_order)] == in_order
    assert all(parameters[argument].kind is not inspect.Parameter.KEYWORD_ONLY for argument in in_order)
    for argument, default in by_name.items():
        assert argument in parameters
        assert default is ANY or parameters[argument].default == default


def test_contract_of_results(run):
    """A run and a function's figures have the promised names."""
    for name in ["arrivals", "invocations", "throttles", "errors", "cold_starts", "pending", "throttle_rate", "cold_start_rate", "mean_concurrency", "peak_concurrency", "mean_environments", "peak_environments", "requests"]:  # fmt: skip
        assert hasattr(run["api"], name)
    assert isinstance(run["api"].wait(0.99), float) and isinstance(run["api"].latency(q=0.99), float)
    assert isinstance(run.metrics(period=60), pd.DataFrame) and run.metrics().equals(run.metrics(60))
    assert hasattr(run.summary(), "columns") and hasattr(run.plot(), "savefig")


@pytest.mark.parametrize("limit", ["concurrency_limit", "scaling_rate", "rps_per_concurrency"])
def test_none_switches_a_limit_off(limit):
    """Without a limit nothing is throttled for it."""
    function = Function("api", duration=1, cold_start=ColdStart(init=0))
    others = {"concurrency_limit": None, "scaling_rate": None, "rps_per_concurrency": None}
    assert simulate(Sync(function, trace([1.0] * 20_000)), account=Account(**others))["api"].throttles == 0
    account = Account(**{**others, limit: 5, "unreserved_minimum": 0})
    if limit == "rps_per_concurrency":
        account = dataclasses.replace(account, concurrency_limit=1_000)
    assert simulate(Sync(function, trace([1.0] * 20_000)), account=account)["api"].throttles > 0


def test_defaults_are_facts():
    """An account and a function begin with what AWS gives, or with the course's named assumptions."""
    account, function = Account(), Function("api", duration=1)
    assert account.concurrency_limit == fact("account_concurrency").value == 1_000
    assert (account.scaling_rate, account.scaling_period) == (fact("scaling_rate").value, fact("scaling_period").value)
    assert account.rps_per_concurrency == fact("rps_per_concurrency").value == 10
    assert account.unreserved_minimum == fact("unreserved_minimum").value == 100
    assert function.idle_timeout == fact("idle_timeout").value and function.memory_mb == 1_024
    assert function.cold_start == ColdStart() == ColdStart(init=fact("init_default").value)
    assert (function.timeout, function.maximum_age, function.reserved_concurrency) == (None, None, None)


def test_record_is_a_yes_or_a_no():
    """Anything else is refused by its name."""
    with pytest.raises(TypeError, match="record='x'"):
        simulate(Sync(Function("api", duration=1), poisson(1)), record="x")
