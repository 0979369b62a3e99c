"""The lab of lesson 02: an hour of three functions on one pool; what a reservation and provisioned concurrency do, and cost."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lambdacourse import plots, pricing
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import ColdStart, Function, Schedule, Sync, TargetTracking, exponential, poisson, spike
from lambdacourse.quantities import written
from lambdacourse.simulation import Run, simulate

SECONDS = 3_600
QUIET, BUSY, OVER = 0, 600, 2_400
"""When the shop's morning begins, when it is busy, and when it closes, in seconds."""
BURST = (1_500, 300)
"""When the reports begin and how long they take, in seconds."""

BURSTS = [0, 100, 200, 300, 400, 500, 600, 800]
RESERVED = ["none", 50, 100, 150, 200, 300, 400]
PROVISIONED = [0, 50, 100, 120, 150, 200, 250, 300]
SCALINGS = {"fixed": "fixed", "tracking": "target tracking, 70 %", "schedule": "on a schedule, minutes 7 to 41"}


def _reserved(name: str, label: str) -> Choice:
    return Choice(name, label, RESERVED, [f"{each}" for each in RESERVED])


CHOICES = (
    Choice("burst", "reports' burst", BURSTS, [f"{rate}/s" for rate in BURSTS]),
    _reserved("reserved", "shop: reserved"),
    _reserved("cap", "reports: reserved"),
    Choice("provisioned", "shop: provisioned", PROVISIONED, [f"{each}" for each in PROVISIONED]),
    Choice("scaling", "provisioned is", list(SCALINGS), list(SCALINGS.values()), slider=False),
)
START = {"burst": 0, "reserved": "none", "cap": "none", "provisioned": 0, "scaling": "fixed"}
PRESETS = {
    "a noisy neighbour": {**START, "burst": 800},
    "the shop reserved": {**START, "burst": 800, "reserved": 200},
    "the neighbour capped": {**START, "burst": 800, "cap": 300},
    "provisioned": {**START, "provisioned": 150},
    "target tracking": {**START, "provisioned": 50, "scaling": "tracking"},
    "on a schedule": {**START, "provisioned": 150, "scaling": "schedule"},
}


def provisioned_lab(**start) -> Lab:
    """The lab of lesson 02. Arguments set the controls: ``burst``, ``reserved``, ``cap``, ``provisioned``, ``scaling``."""
    title = "One pool of 1,000: what is reserved, what is provisioned, and what it costs"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 5.6))


def look(burst: float, reserved: int | str, cap: int | str, provisioned: int, scaling: str) -> View:
    """Simulate the hour with these settings, beside the same hour with nothing reserved and nothing provisioned."""
    code = _code(burst, reserved, cap, provisioned, scaling)
    try:
        run = simulate_hour(burst, reserved, cap, provisioned, scaling)
    except ValueError as refused:
        return View(f"AWS refuses this. {refused}", (), code, pd.DataFrame(), _frames(None), lambda axes, theme: [])
    plain = _nothing_set(burst)
    shop, reports, mail = (plots.thinned(series, 240) for series in run.series())
    use = run["shop"].provisioned_utilisation

    def data(axes, theme: plots.Theme) -> list:
        drawn = plots.outcomes(axes[0], _in_minutes(plots.thinned(shop, 120)), theme)
        drawn += plots.draw_curves(axes[1], _lines(shop, reports, mail), theme=theme)
        drawn += plots.limit_line(axes[1], 1_000, theme)
        drawn += plots.concurrency(axes[2], _in_minutes(shop), theme)
        return drawn + plots.draw_curves(axes[3], *_costs(use), theme=theme)

    return View(
        sentence=_sentence(run, plain, burst) + _not_granted(reserved, provisioned, scaling),
        numbers=_numbers(run, plain),
        code=code,
        table=_table(shop, reports),
        frames=_frames(shop),
        data=data,
        heads=("nothing set", "as set"),
    )


def simulate_hour(burst: float, reserved: int | str, cap: int | str, provisioned: int, scaling: str) -> Run:
    """What the lab simulates: a shop with a busy half hour, reports that burst for five minutes, and mail all the time."""
    shop = Function(
        "shop",
        duration=exponential(2),
        cold_start=ColdStart(init=1),
        reserved_concurrency=_or_none(reserved),
        **_provisioned(provisioned, scaling, reserved),
    )
    reports = Function("reports", duration=exponential(2), reserved_concurrency=_or_none(cap))
    mail = Function("mail", duration=exponential(1))
    busy = spike(0, 50, at=BUSY, seconds=OVER - BUSY) + spike(0, 5, at=QUIET, seconds=BUSY)
    bursts = spike(0, burst, at=BURST[0], seconds=BURST[1])
    return simulate(Sync(shop, busy), Sync(reports, bursts), Sync(mail, poisson(10)), seconds=SECONDS, seed=1)


def _or_none(reserved: int | str) -> int | None:
    return None if reserved == "none" else reserved


def _provisioned(provisioned: int, scaling: str, reserved: int | str) -> dict:
    """How the shop is provisioned, as arguments of ``Function``."""
    if not provisioned or scaling == "fixed":
        return {"provisioned_concurrency": provisioned}
    if scaling == "tracking":
        bounds = TargetTracking(min(provisioned, 10), _or_none(reserved) or max(PROVISIONED))
        return {"provisioned_concurrency": provisioned, "provisioned_scaling": bounds}
    return {"provisioned_scaling": (Schedule(at=BUSY - 180, minimum=provisioned), Schedule(at=OVER + 60, minimum=0))}


@cache
def _nothing_set(burst: float) -> Run:
    return simulate_hour(burst, "none", "none", 0, "fixed")


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(2, 2, left=0.075, right=0.985, top=0.94, bottom=0.09, hspace=0.5, wspace=0.2)
    cells = ((0, 0.515, 0.503, 1), (0.503, 0.515, 1, 1), (0, 0, 0.503, 0.515), (0.503, 0, 1, 0.515))
    return [(figure.add_subplot(grid[place // 2, place % 2]), cell) for place, cell in enumerate(cells)]


def _frames(shop: plots.Series | None) -> tuple[plots.Frame, ...]:
    hour = (0, SECONDS / 60)
    most = max(shop.concurrency.max(), shop.allocated.max()) if shop else 0
    environments = (("busy", "busy"), ("provisioned", "provisioned"))
    return (
        plots.Frame("Shop", "time (min)", "requests/s", hour, (0, 70), plots.PROVISIONED_OUTCOMES),
        plots.Frame("Busy in the pool of 1,000", "time (min)", "environments", hour, (0, 1_200)),
        plots.Frame(
            "Shop: environments", "time (min)", "environments", hour, (0, max(plots.round_up(most), 150)), environments
        ),
        plots.Frame("What its duration costs", "share of the provisioned that is busy", "times on-demand", (0, 1), (0, 4)),
    )


def _in_minutes(series: plots.Series) -> plots.Series:
    """The same per second, over minutes."""
    counts = {
        name: getattr(series, name) / series.width * (series.width / 60)
        for name in ("provisioned", "warm", "cold", "throttled")
    }
    return replace(series, time=series.time / 60, width=series.width / 60, **counts)


def _lines(shop: plots.Series, reports: plots.Series, mail: plots.Series) -> list[plots.Curve]:
    """The concurrency of each function over time."""
    minutes = shop.time / 60
    lines = [
        plots.Curve("mail", minutes, mail.concurrency, "limit", at=0.95),
        plots.Curve("reports", minutes, reports.concurrency, "axis", at=0.5),
        plots.Curve("shop", minutes, shop.concurrency, "ink", at=0.25),
    ]
    return [line for line in lines if line.y.any()]


def _costs(use: float) -> tuple[list[plots.Curve], list[plots.Mark]]:
    """The cost of provisioned concurrency by its use, and where the shop is on it."""
    shares = np.linspace(0.05, 1, 96)
    provisioned = plots.Curve(
        "provisioned", shares, np.array([pricing.provisioned_multiple(share) for share in shares]), "provisioned", at=0.18
    )
    on_demand = plots.Curve("on-demand", np.array([0.0, 1.0]), np.ones(2), "warm", at=0.0)
    here = [plots.Mark(use, pricing.provisioned_multiple(use), f"the shop: {use:.0%}")] if use > 0.05 else []
    return [provisioned, on_demand], here


def _numbers(run: Run, plain: Run) -> tuple[Number, ...]:
    shop, before = run["shop"], plain["shop"]
    use = shop.provisioned_utilisation
    multiple = "1 × on-demand" if math.isnan(use) else f"{pricing.provisioned_multiple(use):.2f} × on-demand"
    bills = [each.bill().total for each in (plain, run)]
    return (
        Number(
            "shop throttled",
            _share(before.throttle_rate),
            _share(shop.throttle_rate),
            "throttles ÷ (invocations + throttles)",
        ),
        Number(
            "shop cold starts", f"{before.cold_starts:,}", f"{shop.cold_starts:,}", "requests that started a new environment"
        ),
        Number("shop spilled over", "", f"{shop.spillovers:,}", "requests that found no provisioned environment free"),
        Number(
            "reports throttled",
            _share(plain["reports"].throttle_rate) or "no requests",
            _share(run["reports"].throttle_rate) or "no requests",
            "as for the shop",
        ),
        Number("provisioned in use", "", _share(use) or "none kept", "busy ÷ provisioned, averaged over the hour"),
        Number(
            "duration on it costs",
            "1 × on-demand",
            multiple,
            "0.25 ÷ in use + 0.583: the price kept, and the lower one of duration",
        ),
        Number(
            "the hour costs",
            f"${bills[0]:.2f}",
            f"${bills[1]:.2f}",
            "all three functions at 1 GB, us-east-1, without the free tier",
        ),
    )


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1%}"


def _sentence(run: Run, plain: Run, burst: float) -> str:
    shop, reports, use = run["shop"], run["reports"], run["shop"].provisioned_utilisation
    said = [
        f"The shop is throttled for {shop.throttle_rate:.1%} of its requests and starts cold {written(shop.cold_starts)} times"
    ]
    said[0] += f"; with nothing set, {plain['shop'].throttle_rate:.1%} and {written(plain['shop'].cold_starts)}."
    if burst:
        said.append(f"The reports are throttled for {reports.throttle_rate:.1%} of theirs.")
    if not math.isnan(use):
        dearer = "dearer" if use < pricing.provisioned_break_even() else "cheaper"
        said.append(f"What is provisioned is busy {use:.0%} of the time: that is {dearer} than on-demand.")
    return " ".join(said)


def _not_granted(reserved: int | str, provisioned: int, scaling: str) -> str:
    """A schedule is kept whatever it asks for; what is refused is its action, when its time has come."""
    if scaling != "schedule" or reserved == "none" or provisioned <= reserved:
        return ""
    return f" Nothing is provisioned: AWS refuses what the schedule asks for, {provisioned}, which is above the {reserved} reserved."


def _code(burst: float, reserved: int | str, cap: int | str, provisioned: int, scaling: str) -> str:
    return (
        "from lambdacourse.labs.provisioned import simulate_hour\n\n"
        f"run = simulate_hour(burst={burst}, reserved={reserved!r}, cap={cap!r}, provisioned={provisioned}, scaling={scaling!r})\n"
        "run.summary()"
    )


def _table(shop: plots.Series, reports: plots.Series) -> pd.DataFrame:
    names = ("provisioned", "warm", "cold", "throttled")
    return pd.DataFrame(
        {"time (min)": shop.time / 60}
        | {f"shop, {name} (requests/s)": getattr(shop, name) / shop.width for name in names}
        | {"shop: busy": shop.concurrency, "shop: provisioned": shop.allocated, "reports: busy": reports.concurrency}
    )
