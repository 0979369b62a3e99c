"""Provisioned concurrency in a run's figures, metrics, bill and pictures."""

import math

import numpy as np
import pytest

from lambdacourse import ColdStart, Function, Schedule, Sync, exponential, fact, plots, poisson, simulate, trace

READY = Function("api", duration=10, cold_start=ColdStart(init=1), provisioned_concurrency=2)


@pytest.fixture(scope="module")
def by_hand():
    """Three calls of ten seconds at once, of which two are provisioned for; then nothing for the rest of three minutes."""
    return simulate(Sync(READY, trace([0.0, 0.0, 0.0])), seconds=180)


def test_figures_by_hand(by_hand):
    """Two run on provisioned concurrency at once, the third spills over to a cold start of a second."""
    api = by_hand["api"]
    assert (api.invocations, api.provisioned_invocations, api.spillovers, api.cold_starts) == (3, 2, 1, 1)
    assert api.mean_provisioned == pytest.approx(2) and api.provisioned_utilisation == pytest.approx(10 / 180)
    assert (api.wait(0.5), api.peak_concurrency) == (0, 3) and api.wait(1) == pytest.approx(1, rel=0.01)


def test_metrics_by_hand(by_hand):
    """The metrics have CloudWatch's names; the utilisation is busy / allocated, and missing where nothing of it ran."""
    table = by_hand.metrics(60)["api"]
    assert table["ProvisionedConcurrencyInvocations", "Sum"].tolist() == [2, 0, 0]
    assert table["ProvisionedConcurrencySpilloverInvocations", "Sum"].tolist() == [1, 0, 0]
    assert table["ProvisionedConcurrentExecutions", "Maximum"].tolist() == [2, 0, 0]
    use = table["ProvisionedConcurrencyUtilization", "Average"].tolist()
    assert use == pytest.approx([10 / 60, math.nan, math.nan], nan_ok=True)
    known = [*fact("metrics_invocation").value, *fact("metrics_concurrency").value]
    assert {name for name, _ in table.columns if name.startswith("Provisioned")} <= set(known)


def test_both_kinds_of_invocations_add_up():
    """ProvisionedConcurrencyInvocations + ProvisionedConcurrencySpilloverInvocations = Invocations, for the version that has it."""
    function = Function("api", duration=exponential(0.5), provisioned_concurrency=40)
    table = simulate(Sync(function, poisson(100)), seconds=120, seed=2).metrics(60)["api"]
    parts = table["ProvisionedConcurrencyInvocations", "Sum"] + table["ProvisionedConcurrencySpilloverInvocations", "Sum"]
    assert parts.tolist() == table["Invocations", "Sum"].tolist()
    assert (table["ProvisionedConcurrencySpilloverInvocations", "Sum"] > 0).all()


def test_a_function_without_has_no_such_metrics():
    """Where nothing is provisioned these metrics are not there."""
    run = simulate(Sync(Function("api", duration=1), poisson(5)), seconds=60)
    assert not [name for name, _ in run.metrics()["api"].columns if name.startswith("Provisioned")]
    assert math.isnan(run["api"].provisioned_utilisation) and run["api"].mean_provisioned == 0


def test_claimed_concurrency_of_aws():
    """AWS's formula: unreserved executions + reservations + provisioned concurrency of functions without one, idle or not."""
    plain = Function("plain", duration=10, cold_start=ColdStart(init=0))
    functions = Function("reserved", duration=1, reserved_concurrency=300, provisioned_concurrency=50), Function("ready", duration=1, provisioned_concurrency=200)  # fmt: skip
    run = simulate(*functions, Sync(plain, trace([70.0] * 100)), seconds=120)
    assert run.metrics(60)["account"]["ClaimedAccountConcurrency", "Maximum"].tolist() == [500, 600]


def test_bill_by_hand(by_hand):
    """At 1 GB: 2 x 300 GB-s kept (180 s, rounded up to five minutes), 20 GB-s of duration on them, 10 on demand, and a second of initialisation."""
    amounts = {line.item: (line.quantity, line.price) for line in by_hand.bill().lines}
    assert amounts["Provisioned concurrency, x86_64"] == (pytest.approx(600), 0.0000041667)
    assert amounts["Duration on it, x86_64"] == (pytest.approx(20), 0.0000097222)
    assert amounts["Duration, x86_64"] == (pytest.approx(10), 0.0000166667)
    assert amounts["Initialisation, x86_64"] == (pytest.approx(1), 0.0000166667)
    assert amounts["Requests on provisioned concurrency"][0] == pytest.approx(2e-6)
    assert amounts["Requests"][0] == pytest.approx(1e-6)


def test_series_add_up(by_hand):
    """What a picture shows is every request once, and the allocation over time."""
    (series,) = by_hand.series()
    assert [each.sum() for each in (series.provisioned, series.warm, series.cold, series.throttled)] == [2, 0, 1, 0]
    assert np.array_equal(series.allocated, np.full(len(series.time), 2.0))
    assert series.key == plots.PROVISIONED_OUTCOMES
    thin = plots.thinned(series, 10)
    assert (thin.provisioned.sum(), thin.allocated.max()) == (2, 2)


def test_picture_shows_the_allocation():
    """The picture draws what is provisioned, in its own colour, from when a schedule has it ready."""
    function = Function("api", duration=1, provisioned_scaling=Schedule(at=10, minimum=5))
    run = simulate(Sync(function, poisson(2)), seconds=300)
    (series,) = run.series()
    assert series.allocated[:90].max() == 0 and series.allocated[-1] == 5
    right = run.plot().figure.axes[1]
    colours = {line.get_color() for line in right.lines}
    assert len(colours) == 2 and right.get_ylim()[1] >= 5


def test_most_of_the_utilisation(by_hand):
    """The Maximum of the utilisation is the most that was busy at once / allocated, however short."""
    assert by_hand.metrics(60)["api"]["ProvisionedConcurrencyUtilization", "Maximum"].tolist() == pytest.approx(
        [1, math.nan, math.nan], nan_ok=True
    )
    half = simulate(Sync(READY, trace([0.0, 30.0])), seconds=60).metrics(60)["api"]
    assert half["ProvisionedConcurrencyUtilization", "Maximum"].tolist() == [0.5]
