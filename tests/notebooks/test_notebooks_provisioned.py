"""What the text of lesson 02 says in numbers is what the course computes."""

import math

import pytest

from lambdacourse import ColdStart, Function, Schedule, Sync, TargetTracking, exponential, fact, poisson, simulate, spike
from lambdacourse.pricing import Provisioned, bill, provisioned_break_even, provisioned_multiple

REPORTS = Function("reports", duration=exponential(2))
BOTH = {"seconds": 120, "warm_up": 60}


def shop(**settings):
    return Function("shop", duration=exponential(2), **settings)


def test_neighbours():
    """The shop, which needs 120, loses as large a share as the reports; 200 reserved save it and leave them 800."""
    free = simulate(Sync(shop(), poisson(60)), Sync(REPORTS, poisson(800)), **BOTH)
    assert free["shop"].throttle_rate == pytest.approx(free["reports"].throttle_rate, abs=0.01)
    assert free["shop"].throttle_rate == pytest.approx(1 - 1_000 / 1_720, abs=0.02)
    safe = simulate(Sync(shop(reserved_concurrency=200), poisson(60)), Sync(REPORTS, poisson(800)), **BOTH)
    assert safe["shop"].throttles == 0 and safe["shop"].mean_concurrency == pytest.approx(120, rel=0.03)
    assert safe["reports"].peak_concurrency == 800


def test_ceiling():
    """Alone, with 200 reserved and 300 needed, about a third is throttled: by the function's own limit."""
    alone = simulate(Sync(shop(reserved_concurrency=200), poisson(150)), **BOTH)["shop"]
    assert alone.throttle_rate == pytest.approx(1 / 3, abs=0.02)
    assert list(alone.throttles_by_reason) == ["ReservedFunctionConcurrentInvocationLimitExceeded"]


def test_doors():
    """Without, the first wait for the whole initialisation; with 180 provisioned nobody does."""
    doors = spike(0, 60, at=10, seconds=110)
    cold, ready = (
        simulate(Sync(shop(cold_start=ColdStart(init=3), provisioned_concurrency=count), doors), seconds=120)["shop"]
        for count in (0, 180)
    )
    assert cold.cold_starts > 200 and cold.wait(1) == pytest.approx(3, rel=0.01)
    assert ready.cold_starts == 0 and ready.wait(1) == 0


def test_spill_over():
    """Two of ten are busy, and half of the requests spill over: ten admit 100 per second, and 200 admit 2,000."""
    short = Function("short", duration=0.01, provisioned_concurrency=10)
    spilled = simulate(Sync(short, poisson(200)), seconds=60, warm_up=10)["short"]
    assert spilled.mean_concurrency == pytest.approx(2, rel=0.05)
    assert spilled.spillovers / spilled.invocations == pytest.approx(0.5, abs=0.02)
    assert 200 * fact("rps_per_concurrency").value == 2_000


def test_price():
    """A quarter for keeping, 0.583 for running; 60 % to break even, 1.4 times at 30 %, four times at 7 %; $1,095, not $1.10."""
    kept, busy, on_demand = (fact(name).value for name in ("provisioned_price", "provisioned_duration_price", "duration_price"))
    assert kept / on_demand == pytest.approx(0.25, abs=1e-5) and busy / on_demand == pytest.approx(0.583, abs=1e-3)
    assert provisioned_break_even() == pytest.approx(kept / (on_demand - busy)) == pytest.approx(0.6, abs=1e-4)
    assert round(provisioned_multiple(0.3), 1) == 1.4 and provisioned_multiple(0.073) == pytest.approx(4, abs=0.02)
    month = bill(0, 0, 1024, provisioned=Provisioned(100, hours=730), free_tier=False).total
    assert round(month) == 1_095 and abs(73_000 * 0.000015 - 1.10) < 0.01


def test_night():
    """Target tracking keeps all it had when the shop closed, for hours; a schedule gives it back."""
    hours = spike(0, 60, at=600, seconds=1_800)
    tracking = shop(provisioned_concurrency=20, provisioned_scaling=TargetTracking(10, 300))
    plan = shop(provisioned_scaling=(Schedule(at=420, minimum=150), Schedule(at=2_460, minimum=1)))
    tracked, planned = (simulate(Sync(each, hours), seconds=7_200).series()[0].allocated for each in (tracking, plan))
    assert tracked[-1] == tracked.max() > 150 and planned[-1] == 1 and planned.max() == 150


def test_pool():
    """400 provisioned and idle leave 600 to the others; all of a reservation provisioned leaves $LATEST nothing."""
    crowd = simulate(Function("idle", duration=1, provisioned_concurrency=400), Sync(REPORTS, poisson(800)), **BOTH)
    assert crowd["reports"].peak_concurrency == 600 and math.isclose(crowd["idle"].mean_provisioned, 400)
    whole = Function("api", duration=1, reserved_concurrency=2, provisioned_concurrency=2)
    assert simulate(Sync(whole, poisson(1), qualifier="$LATEST"), seconds=60)["api"].throttle_rate == 1
    with pytest.raises(ValueError, match="below its minimum value of"):
        simulate(Function("api", duration=1, reserved_concurrency=1_000, provisioned_concurrency=200))
