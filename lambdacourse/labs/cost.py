"""The lab of lesson 07: memory against duration and cost, and what a month costs on Lambda, provisioned, and elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.memory import MEMORIES, Work, memory_frame, tune
from lambdacourse.pricing import (
    Fleet,
    crossing,
    fargate,
    lambda_month,
    managed_instances,
    most_bursty,
    provisioned_multiple,
)
from lambdacourse.pricing.bills import money
from lambdacourse.pricing.breakeven import MONTH, lambda_price
from lambdacourse.quantities import written

SECONDS = MONTH * 3600
REQUESTS = [step * 10**power for power in range(5, 10) for step in (1, 2, 5)] + [10**10]
MILLISECONDS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
BURSTS = [1, 1.25, 1.5, 2, 3, 5, 10, 20]
SPAN = np.logspace(5, 10, 241)
"""Requests a month, over which the costs are drawn."""


def _count(number: float) -> str:
    """``20_000_000`` as ``20 million``."""
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number >= size:
            return f"{number / size:,.3g} {name}"
    return f"{number:,.3g}"


def _milliseconds(number: float) -> str:
    return f"{number / 1000:g} s" if number >= 1000 else f"{number:g} ms"


CHOICES = (
    Choice("memory", "memory", list(MEMORIES), [f"{memory:,} MB" for memory in MEMORIES]),
    Choice("cpu", "computing", MILLISECONDS[1:], [_milliseconds(each) for each in MILLISECONDS[1:]]),
    Choice("wait", "waiting", MILLISECONDS, [_milliseconds(each) for each in MILLISECONDS]),
    Choice("requests", "requests a month", REQUESTS, [_count(each) for each in REQUESTS]),
    Choice("burstiness", "peak over mean", BURSTS, [f"{each:g}" for each in BURSTS]),
    Choice("architecture", "architecture", ["x86_64", "arm64"], ["x86_64", "arm64"], slider=False),
)
START = {
    "memory": 512,
    "cpu": 20,
    "wait": 200,
    "requests": 10_000_000,
    "burstiness": 2,
    "architecture": "x86_64",
}
PRESETS = {
    "API that waits": START,
    "thumbnails": {"memory": 1769, "cpu": 500, "wait": 20, "requests": 10_000_000, "burstiness": 3},
    "steady stream": {"memory": 512, "cpu": 20, "wait": 50, "requests": 1_000_000_000, "burstiness": 1.25},
    "once an hour": {"memory": 1024, "cpu": 5000, "wait": 0, "requests": 100_000, "burstiness": 20},
}


def cost_lab(**start) -> Lab:
    """The lab of lesson 07. Arguments set the controls at the start.

    ``memory`` (MB), ``cpu`` and ``wait`` (ms of one request on one vCPU, and waiting), ``requests`` (a month), ``burstiness``
    (what must be held ready, over the mean), ``architecture``.
    """
    title = "Cost: memory against duration, and Lambda against the rest"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 6.2))


def look(memory: int, cpu: float, wait: float, requests: int, burstiness: float, architecture: str) -> View:
    """Price one kind of request at every memory size, and a month of ``requests`` of it in four ways; no free tier."""
    work = Work(cpu / 1000, wait / 1000)
    tuning = tune(work, architecture=architecture)
    here = next(each for each in tuning.settings if each.memory_mb == memory)
    fleets = _fleets(architecture)
    months = {name: month(SPAN / SECONDS) for name, month in _months(work, memory, burstiness, architecture).items()}
    per_million = {name: 1e6 * each / SPAN for name, each in months.items()}
    memories = np.array([each.memory_mb for each in tuning.settings], dtype=float)
    durations, costs = (np.array([getattr(each, name) for each in tuning.settings]) for name in ("duration_ms", "cost"))
    frames = (
        memory_frame("Duration of a request", "ms", plots.round_up(durations.max())),
        memory_frame("Duration, a million requests", "USD", plots.round_up(costs.max())),
        plots.Frame(
            "A million requests, by how many there are", "requests a month", "USD", (SPAN[0], SPAN[-1]), (0.1, 1e4), log="xy"
        ),
    )
    places = (("provisioned", "provisioned", 0.02), ("Lambda", "warm", 1.0), ("Fargate", "busy", 0.15))
    shown = [
        plots.Curve(name, SPAN, per_million[name], colour, at=at, under=name != "Lambda" and _crowded(per_million, name, at))
        for name, colour, at in places
    ]
    shown.append(plots.Curve("Managed Instances", SPAN, per_million["Managed Instances"], "busy", at=0.2, dashed=True))
    cost = lambda_month(work, memory, requests / SECONDS, architecture)

    def data(axes, theme: plots.Theme) -> list:
        at_duration = [plots.Mark(memory, here.duration_ms, f"{written(here.duration_ms, 4)} ms", to_the_left=memory > 2048)]
        at_cost = [plots.Mark(memory, here.cost, f"${here.cost:,.2f}", to_the_left=memory > 2048)]
        drawn = plots.draw_curves(axes[0], [plots.Curve("", memories, durations, "warm", marker="o")], at_duration, theme)
        drawn += plots.draw_curves(axes[1], [plots.Curve("", memories, costs, "warm", marker="o")], at_cost, theme)
        return drawn + plots.draw_curves(axes[2], shown, [plots.Mark(requests, 1e6 * cost / requests, "")], theme)

    return View(
        sentence=_sentence(work, here, requests, cost, burstiness, fleets[0], architecture),
        numbers=_numbers(work, memory, requests, burstiness, architecture, here.duration_ms),
        code=_code(memory, cpu, wait, requests, burstiness, architecture),
        table=pd.DataFrame({"requests a month": SPAN, **{f"{name} (USD)": each for name, each in months.items()}})[::8],
        frames=frames,
        data=data,
        heads=("here", "× Lambda"),
        compared=0,
    )


def _crowded(costs: dict[str, np.ndarray], name: str, at: float) -> bool:
    """Whether a line's name would stand in the line above it: then there is more room below."""
    place = round(at * (SPAN.size - 1))
    times = np.array([other[place] / costs[name][place] for other in costs.values()])
    above, below = min(times[times > 1], default=math.inf), min(1 / times[times < 1], default=math.inf)
    return above < min(3, below)


def _fleets(architecture: str) -> tuple[Fleet, Fleet]:
    return fargate(architecture=architecture), managed_instances(architecture=architecture)


def _months(work: Work, memory: int, burstiness: float, architecture: str) -> dict:
    """For each way of running it, from requests per second to USD a month."""
    containers, instances = _fleets(architecture)
    request = lambda_price(Work(), memory, architecture)
    duration = lambda_price(work, memory, architecture) - request
    provisioned = request + duration * provisioned_multiple(1 / burstiness, architecture)
    return {
        "Lambda": lambda rate: rate * SECONDS * (request + duration),
        "provisioned": lambda rate: rate * SECONDS * provisioned,
        "Fargate": np.vectorize(lambda rate: containers.month(work, rate, burstiness), otypes=[float]),
        "Managed Instances": np.vectorize(lambda rate: instances.month(work, rate, burstiness), otypes=[float]),
    }


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(
        2, 2, left=0.075, right=0.975, top=0.95, bottom=0.085, hspace=0.42, wspace=0.2, height_ratios=(4, 5)
    )
    return [
        (figure.add_subplot(grid[0, 0]), (0, 0.52, 0.503, 1)),
        (figure.add_subplot(grid[0, 1]), (0.503, 0.52, 1, 1)),
        (figure.add_subplot(grid[1, :]), (0, 0, 1, 0.52)),
    ]


def _numbers(
    work: Work, memory: int, requests: int, burstiness: float, architecture: str, milliseconds: float
) -> tuple[Number, ...]:
    rate = requests / SECONDS
    months = {name: float(month(rate)) for name, month in _months(work, memory, burstiness, architecture).items()}
    formulas = {
        "Lambda": "requests × $0.20 a million + GB-seconds × the price of duration, first tier",
        "provisioned": f"the peak provisioned, busy {1 / burstiness:.0%} of the time: (price ÷ that share + duration on it)",
        "Fargate": "tasks of 1 vCPU and 2 GB for the peak, 70 % busy then, two at the least (assumptions)",
        "Managed Instances": "instances of 4 vCPUs for the peak, half busy then, three at the least; EC2 + 15 %, $0.20 a million",
    }
    rows = [
        Number(f"{name}, a month", money(months[name]), f"{months[name] / months['Lambda']:.2f}", formula)
        for name, formula in formulas.items()
    ]
    found = [crossing(work, memory, fleet, burstiness, architecture) * SECONDS for fleet in _fleets(architecture)]
    starts = [
        Number(
            f"{name} from",
            _count(each) if math.isfinite(each) else "never",
            "",
            "where Lambda's bill reaches its smallest size",
        )
        for name, each in zip(("Fargate", "Managed Instances"), found)
    ]
    duration = Number(
        "one request", f"{written(milliseconds, 4)} ms", "", "waiting + computing ÷ the vCPUs of that memory, one at the most"
    )
    return (duration, *rows, *starts)


def _sentence(work: Work, here, requests: int, cost: float, burstiness: float, fleet: Fleet, architecture: str) -> str:
    start = f"{str(work).capitalize()} take {written(here.duration_ms, 4)} ms with {here.memory_mb:,} MB."
    month = f"{_count(requests)} requests a month cost {money(cost)} on Lambda"
    found = crossing(work, here.memory_mb, fleet, burstiness, architecture) * SECONDS
    if not math.isfinite(found):
        most = most_bursty(work, here.memory_mb, fleet, architecture)
        return f"{start} {month}; Fargate never costs less: its price is made up only while the peak is below {written(most)} times the mean."
    return f"{start} {month}; Fargate costs less from {_count(found)} on."


def _code(memory: int, cpu: float, wait: float, requests: int, burstiness: float, architecture: str) -> str:
    arm = "" if architecture == "x86_64" else f", architecture={architecture!r}"
    return (
        f"work = Work(cpu={cpu / 1000:g}, wait={wait / 1000:g})\n"
        f"tune(work{arm}).plot()\n"
        f"month = bill({requests:_}, 1000 * work.duration({memory}), {memory}, free_tier=False{arm})\n"
        f"crossing(work, {memory}, fargate({arm.removeprefix(', ')}), burstiness={burstiness:g}{arm}) * 730 * 3600"
    )
