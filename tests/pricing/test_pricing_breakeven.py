"""Break-even points: what both sides cost there is the same, and on either side of it one of them is cheaper."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse import diurnal, poisson, spike, steady
from lambdacourse.facts import fact
from lambdacourse.model.work import Work
from lambdacourse.pricing import (
    Fleet,
    Provisioned,
    bill,
    crossing,
    fargate,
    lambda_month,
    managed_instances,
    most_bursty,
    plot_fleets,
    plot_provisioned,
    provisioned_break_even,
    provisioned_multiple,
    traffic_shape,
)

WORK = st.builds(Work, st.floats(0.001, 5), st.floats(0, 5))
FLEET = st.builds(
    Fleet, st.just("tasks"), st.floats(0.01, 1), st.floats(0.25, 8), st.integers(1, 5), st.floats(0.2, 1), st.floats(1, 64)
)


def test_provisioned_breaks_even_at_60_percent():
    """At 60 % utilisation, provisioned concurrency costs what on-demand does; below it more, above it less."""
    for architecture in ("x86_64", "arm64"):
        assert provisioned_break_even(architecture) == pytest.approx(fact("provisioned_break_even").value, abs=1e-4)
        assert provisioned_multiple(provisioned_break_even(architecture), architecture) == pytest.approx(1)
    for share, multiple in fact("provisioned_cost_by_utilisation").value.items():
        assert provisioned_multiple(float(share)) == pytest.approx(multiple, abs=6e-4)


@pytest.mark.parametrize("busy", [0.2, 0.55, 0.65, 1.0])
def test_bills_agree_with_the_break_even(busy):
    """The bill of a month on ten provisioned environments against the same on demand: the sign turns at 60 %."""
    calls = round(10 * 730 * 3600 * busy)
    on_demand = bill(calls, 1000, 1024, free_tier=False)
    provisioned = bill(0, 0, 1024, provisioned=Provisioned(10, 730, calls, 1000), free_tier=False)
    assert ((provisioned - on_demand).total < 0) == (busy > 0.6)
    duration = [sum(line.amount for line in each.lines if "Requests" not in line.item) for each in (provisioned, on_demand)]
    assert duration[0] / duration[1] == pytest.approx(provisioned_multiple(busy), rel=1e-6)


@settings(max_examples=80, deadline=None)
@given(WORK, st.sampled_from([128, 512, 1769, 10_240]), FLEET, st.floats(1, 20))
def test_crossing_is_where_the_bills_meet(work, memory, fleet, burstiness):
    """Below the crossing Lambda is cheaper at every rate; at it both cost the same; where there is none, the fleet never wins."""
    found = crossing(work, memory, fleet, burstiness)
    rates = np.logspace(-6, 4, 60)
    lambda_costs = np.array([lambda_month(work, memory, rate) for rate in rates])
    fleet_costs = np.array([fleet.month(work, rate, burstiness) for rate in rates])
    if math.isinf(found):
        assert (fleet_costs >= lambda_costs * (1 - 1e-9)).all()
    else:
        assert fleet.month(work, found, burstiness) == pytest.approx(lambda_month(work, memory, found))
        below = rates < found * 0.999
        assert (fleet_costs[below] > lambda_costs[below]).all()
        assert fleet.month(work, found * 1e6, burstiness) < lambda_month(work, memory, found * 1e6)


@settings(max_examples=40, deadline=None)
@given(WORK, FLEET)
def test_most_bursty_is_the_last_that_crosses(work, fleet):
    """Up to the most bursty load there is a crossing, and above it none."""
    limit = most_bursty(work, 1769, fleet)
    if limit > 1.01:
        assert math.isfinite(crossing(work, 1769, fleet, limit * 0.999))
    assert math.isinf(crossing(work, 1769, fleet, max(limit * 1.001, 1)))


def test_lambda_month_is_the_bill():
    """The cost of a month on Lambda is that of the bill for the same requests."""
    work, rate = Work(cpu=0.05, wait=0.1), 100
    made = bill(rate * 730 * 3600, 1000 * work.duration(512), 512, free_tier=False, architecture="arm64")
    assert lambda_month(work, 512, rate, "arm64") == pytest.approx(made.total, rel=1e-9)


def test_machines_follow_the_load():
    """A machine is full by CPU or by how many requests may be there at once; the fleet never shrinks below its smallest."""
    fleet = Fleet("tasks", 0.05, 2, 2, 0.5, 10)
    assert fleet.capacity(Work(cpu=0.1)) == pytest.approx(2 * 0.5 / 0.1)
    assert fleet.capacity(Work(cpu=0.001, wait=0.999)) == pytest.approx(20)
    assert [fleet.machines(Work(cpu=0.1), rate) for rate in (0, 1, 20, 20.1, 100)] == [2, 2, 2, 3, 10]
    assert fleet.machines(Work(cpu=0.1), 20, burstiness=3) == 6


@pytest.mark.parametrize(
    "traffic, rate, burstiness",
    [
        (steady(50), 50, 1),
        (poisson(50), 50, 1),
        (diurnal(20, 100), 60, 100 / 60),
        (poisson(10) + poisson(30), 40, 1),
        (steady(0), 0, 1),
    ],
)
def test_traffic_has_a_shape(traffic, rate, burstiness):
    """Of a day's traffic, the mean rate and the highest over it; what rises sharply is more bursty than what swings."""
    assert traffic_shape(traffic) == pytest.approx((rate, burstiness), rel=1e-3)
    assert traffic_shape(spike(10, 1000, 3600, 60))[1] > 20
    work = Work(cpu=0.1)
    mean, bursts = traffic_shape(diurnal(20, 100))
    assert fargate().month(work, mean, bursts) > fargate().month(work, mean)


def test_managed_instances_example_of_aws():
    """AWS's example: 2,000 hours of m7g.xlarge with a plan of three years, and 100 million requests: $160.36.

    AWS rounds the hourly price to $0.0457; without that it is a cent less.
    """
    given_, printed = fact("example_managed_instances_input").value, fact("example_managed_instances").value
    fleet = managed_instances(architecture="arm64", savings=fact("managed_instances_savings").value)
    total = given_["hours"] * fleet.price + given_["requests"] * fleet.request_price
    assert total == pytest.approx(printed["total"], abs=0.011)
    assert managed_instances(architecture="arm64").price == pytest.approx(0.1632 * 1.15)


def test_instance_price_follows_from_the_fee():
    """The fee that AWS prints is 15 % of the instance's price."""
    for name, fee in (("m7g_xlarge", 0.02448), ("c7i_xlarge_price", fact("managed_instances_c7i_xlarge").value)):
        assert fact(f"managed_instances_{name}").value * fact("managed_instances_fee").value == pytest.approx(fee)


def test_fargate_price():
    """A task costs its vCPUs and its memory; Spot takes 68 % off, arm64 a fifth."""
    assert fargate(2, 4).price == pytest.approx(2 * 0.04048 + 4 * 0.004445)
    assert fargate(2, 4, spot=True).price == pytest.approx(0.32 * fargate(2, 4).price)
    assert fargate(2, 4, architecture="arm64").price / fargate(2, 4).price == pytest.approx(0.8, abs=0.01)


def test_pictures_mark_the_break_even():
    """The pictures show each cost as a curve and mark where it meets Lambda's."""
    axes = plot_provisioned().figure.axes[0]
    assert any("60%" in text.get_text() for text in axes.texts)
    work, fleet = Work(cpu=0.02, wait=0.18), fargate()
    axes = plot_fleets(work, 512, [fleet, managed_instances()]).figure.axes[0]
    (point,) = [line for line in axes.lines if line.get_xdata().size == 1 and line.get_xdata()[0] < 1e8]
    assert point.get_xdata()[0] == pytest.approx(crossing(work, 512, fleet) * 730 * 3600)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: provisioned_multiple(0), "ProvisionedConcurrencyUtilization"),
        (lambda: provisioned_break_even("riscv"), "Architectures"),
        (lambda: fargate(utilisation=1.5), "utilisation"),
        (lambda: managed_instances(language="COBOL"), "language"),
        (lambda: managed_instances(savings=2), "savings"),
        (lambda: fargate().month(Work(cpu=1), 1, burstiness=0.5), "burstiness=0.5"),
        (lambda: traffic_shape(steady(1), seconds=0), "seconds=0"),
    ],
)
def test_bad_input_is_named(call, words):
    """A wrong argument is answered with its value and the rule."""
    with pytest.raises(ValueError, match=words):
        call()
