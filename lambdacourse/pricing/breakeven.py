"""Where another way of paying is cheaper: provisioned concurrency by its use, containers and managed instances by the load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.functions import ARCHITECTURES
from lambdacourse.model.traffic import Traffic
from lambdacourse.model.work import Work
from lambdacourse.pricing.bills import billed_ms

if TYPE_CHECKING:
    from lambdacourse import plots

MONTH = fact("hours_per_month").value
"""Hours."""


def provisioned_break_even(architecture: str = "x86_64") -> float:
    """The share of provisioned concurrency that must be busy for it to cost no more than on-demand: 0.6."""
    kept, busy, on_demand = _provisioned_prices(architecture)
    return kept / (on_demand - busy)


def provisioned_multiple(utilisation: float, architecture: str = "x86_64") -> float:
    """What duration costs on provisioned concurrency, as a multiple of on-demand, when this share of it is busy."""
    rule = "must be a share above 0, up to 1 (ProvisionedConcurrencyUtilization)"
    checks.number("provisioned_multiple(utilisation", utilisation, rule, above=0, most=1)
    kept, busy, on_demand = _provisioned_prices(architecture)
    return (kept / utilisation + busy) / on_demand


def plot_provisioned(architecture: str = "x86_64") -> plots.Picture:
    """The cost of provisioned concurrency by utilisation, against on-demand."""
    from lambdacourse import plots

    shares = np.linspace(0.05, 1, 96)
    curve = np.array([provisioned_multiple(share, architecture) for share in shares])
    even = provisioned_break_even(architecture)
    frame = plots.Frame("Duration, on-demand = 1", "share of it that is busy", "times on-demand", (0, 1), (0, 4))
    provisioned = plots.Curve("provisioned", shares, curve, "provisioned", at=0.2)
    on_demand = plots.Curve("on-demand", np.array([0.0, 1.0]), np.ones(2), "warm")
    return plots.curves(plots.Panel(frame, [provisioned, on_demand], [plots.Mark(even, 1.0, f"break-even at {even:.0%}")]))


@dataclass(frozen=True)
class Fleet:
    """Machines that run all month, each serving several requests at once: containers, or managed instances.

    price
        USD an hour for each machine.
    vcpus
        Of each machine.
    smallest
        Machines that always run.
    utilisation
        Share of the CPU that may be busy at the peak.
    per_vcpu
        Requests at once for each vCPU, at the most.
    request_price
        USD a request, on top.
    """

    name: str
    price: float
    vcpus: float
    smallest: int
    utilisation: float
    per_vcpu: float
    request_price: float = 0.0

    def __post_init__(self) -> None:
        checks.number("Fleet(price", self.price, "must be USD an hour, above 0", above=0)
        checks.number("Fleet(vcpus", self.vcpus, "must be a number above 0", above=0)
        checks.whole("Fleet(smallest", self.smallest, "must be a whole number of machines, 1 or more", least=1)
        checks.number("Fleet(utilisation", self.utilisation, "must be a share above 0, up to 1", above=0, most=1)
        checks.number("Fleet(per_vcpu", self.per_vcpu, "must be a number of requests above 0", above=0)

    def capacity(self, work: Work) -> float:
        """Requests per second that one machine serves: by its CPU, or by how many may be there at once."""
        by_cpu = self.vcpus * self.utilisation / work.cpu if work.cpu else math.inf
        return min(by_cpu, self.vcpus * self.per_vcpu / max(work.cpu + work.wait, 1e-9))

    def machines(self, work: Work, rate: float, burstiness: float = 1.0) -> int:
        """Machines for ``rate`` requests per second on average, when ``burstiness`` times that must be served without delay."""
        return max(self.smallest, math.ceil(rate * _bursts(burstiness) / self.capacity(work) - 1e-9))

    def month(self, work: Work, rate: float, burstiness: float = 1.0) -> float:
        """USD a month of 730 hours."""
        return self.machines(work, rate, burstiness) * self.price * MONTH + rate * MONTH * 3600 * self.request_price


def fargate(
    vcpus: float = 1,
    memory_gb: float = 2,
    *,
    smallest: int = fact("fleet_smallest").value,
    utilisation: float = fact("fleet_utilisation").value,
    per_vcpu: float = fact("managed_instances_concurrency").value["Python"],
    architecture: str = "x86_64",
    spot: bool = False,
) -> Fleet:
    """Tasks on Fargate of ``vcpus`` and ``memory_gb``. How full they may be, and how many run at the least, are assumptions."""
    suffix = _suffix(architecture)
    price = vcpus * fact(f"fargate_vcpu_price{suffix}").value + memory_gb * fact(f"fargate_memory_price{suffix}").value
    price *= 1 - fact("fargate_spot_saving_low").value if spot else 1
    return Fleet("Fargate Spot" if spot else "Fargate", price, vcpus, smallest, utilisation, per_vcpu)


def managed_instances(
    *,
    smallest: int = fact("managed_instances_environments").value,
    utilisation: float = 1 - fact("managed_instances_headroom").value,
    language: str = "Python",
    architecture: str = "x86_64",
    savings: float = 0.0,
) -> Fleet:
    """Lambda Managed Instances on c7i.xlarge, or on m7g.xlarge for arm64: EC2's price and 15 %, requests, no duration.

    ``savings`` is what a Savings Plan takes off the EC2 part (not off the fee): 0.72 for three years in AWS's example.
    """
    per_vcpu = fact("managed_instances_concurrency").value
    checks.choice("managed_instances(language", language, tuple(per_vcpu), "the languages of Managed Instances")
    checks.number("managed_instances(savings", savings, "must be a share from 0 to 1", least=0, most=1)
    arm = _suffix(architecture) != ""
    size = fact("managed_instances_m7g_xlarge_size" if arm else "managed_instances_c7i_xlarge_size").value
    on_demand = fact("managed_instances_m7g_xlarge" if arm else "managed_instances_c7i_xlarge_price").value
    price = on_demand * (1 - savings + fact("managed_instances_fee").value)
    request = fact("request_price").value / 1e6
    return Fleet("Managed Instances", price, size["vCPUs"], smallest, utilisation, per_vcpu[language], request)


def lambda_price(work: Work, memory_mb: int, architecture: str = "x86_64") -> float:
    """USD for one request on Lambda: requests and duration at the first tier, without free tier and without cold starts."""
    seconds = billed_ms(1000 * work.duration(memory_mb)) / 1000
    duration = fact(f"duration_price{_suffix(architecture)}").value
    return fact("request_price").value / 1e6 + seconds * memory_mb / fact("mb_per_gb").value * duration


def lambda_month(work: Work, memory_mb: int, rate: float, architecture: str = "x86_64") -> float:
    """USD a month of ``rate`` requests per second on Lambda."""
    return rate * MONTH * 3600 * lambda_price(work, memory_mb, architecture)


def traffic_shape(traffic: Traffic, seconds: float = 86_400.0) -> tuple[float, float]:
    """The rate of ``traffic`` in requests per second, averaged over ``seconds``, and its burstiness: the highest rate over that.

    A fleet that scales with the traffic need not hold the peak of a day ready, only that of the minutes until it has grown.
    """
    checks.instance("traffic_shape(traffic", traffic, Traffic, "a traffic, such as diurnal(20, 100)")
    checks.number("traffic_shape(seconds", seconds, "must be a number of seconds above 0", above=0)
    rates = np.asarray(traffic.rate(np.linspace(0, seconds, 8641)), dtype=float)
    mean = float(np.trapezoid(rates) / (rates.size - 1))
    return mean, max(float(rates.max()) / mean, 1.0) if mean else 1.0


def crossing(work: Work, memory_mb: int, fleet: Fleet, burstiness: float = 1.0, architecture: str = "x86_64") -> float:
    """Requests per second, on average, from which ``fleet`` costs no more than Lambda; infinite where it never does.

    Lambda's bill rises with every request; the fleet's begins with its smallest size. So the two meet where Lambda's bill reaches
    the price of the smallest fleet, if a machine that is as full as ``burstiness`` lets it be is cheaper than Lambda at all.
    Shortly above a multiple of the smallest fleet, where one more machine is hardly used, Lambda may be cheaper again.
    """
    if burstiness > most_bursty(work, memory_mb, fleet, architecture):
        return math.inf
    return fleet.smallest * fleet.price / 3600 / (lambda_price(work, memory_mb, architecture) - fleet.request_price)


def most_bursty(work: Work, memory_mb: int, fleet: Fleet, architecture: str = "x86_64") -> float:
    """The burstiness (what must be held ready, over the mean) above which ``fleet`` costs more than Lambda at any rate."""
    saved = lambda_price(work, memory_mb, architecture) - fleet.request_price
    return max(saved, 0.0) * fleet.capacity(work) / (fleet.price / 3600)


def plot_fleets(
    work: Work, memory_mb: int, fleets: Sequence[Fleet], burstiness: float = 1.0, architecture: str = "x86_64"
) -> plots.Picture:
    """The monthly cost of Lambda and of ``fleets`` over the requests of a month."""
    from lambdacourse import plots

    requests = np.logspace(5, 10, 401)
    rates = requests / (MONTH * 3600)
    on_lambda = np.array([lambda_month(work, memory_mb, rate, architecture) for rate in rates])
    drawn = [plots.Curve("Lambda", requests, on_lambda, "warm")]
    for number, fleet in enumerate(fleets):
        costs = np.array([fleet.month(work, rate, burstiness) for rate in rates])
        drawn.append(plots.Curve(fleet.name, requests, costs, "busy", at=0.02, dashed=number % 2 == 1))
    marks = []
    for fleet in fleets:
        rate = crossing(work, memory_mb, fleet, burstiness, architecture)
        if requests[0] < rate * MONTH * 3600 < requests[-1]:
            cost = fleet.month(work, rate, burstiness)
            marks.append(plots.Mark(rate * MONTH * 3600, cost, f"from {rate * MONTH * 3.6e-3:,.3g} million", to_the_left=True))
    frame = plots.Frame("What a month costs", "requests a month", "USD", (1e5, 1e10), (1, 1e5), log="xy")
    return plots.curves(plots.Panel(frame, drawn, marks))


def _provisioned_prices(architecture: str) -> tuple[float, float, float]:
    suffix = _suffix(architecture)
    return tuple(
        fact(f"{name}{suffix}").value for name in ("provisioned_price", "provisioned_duration_price", "duration_price")
    )


def _suffix(architecture: str) -> str:
    """What the names of the facts end with."""
    checks.choice("architecture", architecture, ARCHITECTURES, "AWS::Lambda::Function Architectures")
    return "" if architecture == "x86_64" else f"_{architecture}"


def _bursts(burstiness: float) -> float:
    rule = "must be a number of 1 or more: what must be held ready, over the mean"
    return checks.number("burstiness", burstiness, rule, least=1)
