"""The lab of lesson 04: what a function reaches from where, hop by hop; the bill of each design; network interfaces then and now."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.network import (
    DESTINATIONS,
    Answer,
    VpcConfig,
    designs,
    interfaces,
    interfaces_until_2019,
    month,
    reach,
    state,
)
from lambdacourse.network.picture import Sheet, describe, draw, scene
from lambdacourse.pricing import Bill, charges
from lambdacourse.simulation import Run

DESIGNS = tuple(designs())
MEMORY_MB = 1024
ZONES = (1, 2, 3)
GB = (0, 1, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
CONCURRENCY = (1, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)

CHOICES = (
    Choice("calls", "the function calls", tuple(DESTINATIONS), tuple(DESTINATIONS), slider=False),
    Choice("design", "attached to", DESIGNS, DESIGNS, slider=False),
    Choice("zones", "zones", ZONES, tuple(map(str, ZONES))),
    Choice("gb", "data", GB, tuple(f"{gb:,} GB/month" for gb in GB)),
    Choice("concurrency", "concurrency", CONCURRENCY, tuple(f"{count:,}" for count in CONCURRENCY)),
)
START = {"calls": "an RDS database", "design": "no VPC", "zones": 2, "gb": 100, "concurrency": 1_000}
PRESETS = {
    "database": {"calls": "an RDS database", "design": "isolated subnets"},
    "RDS Proxy from outside": {"calls": "an RDS Proxy", "design": "no VPC"},
    "public subnet": {"calls": "an API on the internet", "design": "public subnets"},
    "S3, forgotten": {"calls": "S3", "design": "isolated subnets"},
    "S3 through NAT": {"calls": "S3", "design": "NAT in each zone"},
    "S3 by endpoint": {"calls": "S3", "design": "gateway endpoints"},
    "IPv6": {"calls": "an API with IPv6", "design": "IPv6"},
}


def network_lab(**start) -> Lab:
    """The lab of lesson 04. Arguments set the controls at the start: ``calls``, ``design``, ``zones``, ``gb``, ``concurrency``."""
    title = "VPC: what a function reaches, and what that costs"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 6.8))


@dataclass(frozen=True)
class Offer:
    """One design beside the others: whether the call arrives, and the month's bill of its network."""

    name: str
    place: VpcConfig | None
    answer: Answer
    bill: Bill


def look(calls: str, design: str, zones: int, gb: float, concurrency: int) -> View:
    """Follow the call from the chosen design, and set its bill beside those of the others."""
    called = DESTINATIONS[calls]
    places = designs(zones)
    offers = [Offer(name, place, reach(place, called), charges(**month(place, {called: gb}))) for name, place in places.items()]
    chosen = next(offer for offer in offers if offer.name == design)
    top = plots.round_up(max(offer.bill.total for offer in offers))
    shown = scene(chosen.place, chosen.answer)

    def data(axes: list[Axes], theme: plots.Theme) -> list[Artist]:
        return draw(axes[0], shown, theme) + _bars(axes[1], offers, design, theme)

    return View(
        sentence=_sentence(chosen, called.name),
        numbers=_numbers(offers[0], chosen, concurrency),
        code=_code(calls, design, zones, gb),
        table=_table(offers),
        frames=(Sheet.titled("The call, hop by hop"), Costs.up_to(top)),
        data=data,
        heads=(offers[0].name, design),
    )


def plot_connections(run: Run, allowed: int) -> plots.Picture:
    """Connections to a database over a run of one function: one for each environment that is there, against what is allowed."""
    (series,) = run.series()
    most, busiest = run[series.name].peak_environments, run[series.name].peak_concurrency
    shown = plots.thinned(series)
    span, top = (0, series.time[-1] + series.width), plots.round_up(max(most, allowed))

    def figure(theme: plots.Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            sheet = Figure(figsize=(9.6, 2.9), layout="constrained")
            FigureCanvasAgg(sheet)
            axes = sheet.subplots()
            title, names = "One connection for each environment", (("busy", "busy"), ("idle, and connected", "idle"))
            plots.Frame(title, "time (s)", "connections", span, (0, top), names).put_on(axes, theme)
            plots.busy_and_idle(axes, shown, theme)
            plots.limit_line(axes, allowed, theme, "the database allows")
        return sheet

    words = f"Connections over {span[1]:g} s: up to {most:,}, of which up to {busiest:,} busy; the database allows {allowed:,}."
    return plots.Picture(figure, words)


def _build(figure: Figure) -> list:
    above = figure.add_axes((0.005, 0.45, 0.99, 0.505))
    below = figure.add_axes((0.19, 0.075, 0.775, 0.27))
    return [(above, (0, 0.39, 1, 1)), (below, (0, 0, 1, 0.39))]


@dataclass(frozen=True)
class Costs(plots.Frame):
    """The frame of the bars: dollars to the right, one row for each design."""

    @staticmethod
    def up_to(top: float) -> Costs:
        return Costs("The network's bill, by design", "USD/month", "", (0, top), (len(DESIGNS) - 0.4, -0.6))

    def put_on(self, axes: Axes, theme: plots.Theme = plots.LIGHT) -> None:
        super().put_on(axes, theme)
        axes.set_yticks(range(len(DESIGNS)), DESIGNS)
        axes.tick_params("y", length=0)
        axes.grid(False, axis="y")
        axes.grid(True, axis="x")


def _bars(axes: Axes, offers: list[Offer], design: str, theme: plots.Theme) -> list[Artist]:
    """A bar for each design from which the call arrives, with its amount; the others say what is seen instead."""
    drawn: list[Artist] = []
    span = axes.get_xlim()[1]
    for row, offer in enumerate(offers):
        chosen = offer.name == design
        words, colour = f"${offer.bill.total:,.2f}", theme.reached if chosen else theme.ink
        if not offer.answer.reaches:
            words, colour = f"✗ {offer.answer.observed}", theme.missing if chosen else theme.axis
        elif offer.bill.total:
            shade, alpha = (theme.reached, 1) if chosen else (theme.axis, 0.4)
            drawn += axes.barh(row, offer.bill.total, height=0.62, color=shade, alpha=alpha, zorder=2)
        place = min(offer.bill.total if offer.answer.reaches else 0, 0.88 * span) + 0.008 * span
        weight = "bold" if chosen else "normal"
        drawn.append(axes.text(place, row, words, va="center", color=colour, fontsize=8.5, weight=weight, zorder=3))
    return drawn


def _sentence(chosen: Offer, called: str) -> str:
    where = "that is attached to no VPC" if chosen.place is None else f"in the design '{chosen.name}'"
    cost = "The network costs nothing." if not chosen.bill.total else f"The network costs ${chosen.bill.total:,.2f} a month."
    return f"A function {where} calls {called}: {describe(chosen.answer)} {cost}"


def _numbers(outside: Offer, chosen: Offer, concurrency: int) -> tuple[Number, ...]:
    both = (outside, chosen)

    def row(label: str, cells: list[str], formula: str) -> Number:
        first, second = cells
        return Number(label, first if chosen.place else "", second, formula)  # nothing is compared with itself

    then = f"{interfaces_until_2019(concurrency, MEMORY_MB):,}"
    return (
        row("the call", [str(offer.answer.observed) for offer in both], "reach(place, destination)"),
        row(
            "network, a month",
            [f"${offer.bill.total:,.2f}" for offer in both],
            "hours × price + GB × price, of what the data pass: charges(**month(place, {destination: GB}))",
        ),
        row(
            "network interfaces, until 2019",
            [then if offer.place else "0" for offer in both],
            f"concurrency × GB of memory ÷ 3, rounded up; here {MEMORY_MB:,} MB",
        ),
        row(
            "network interfaces, today",
            [str(interfaces(offer.place, connections=concurrency)) if offer.place else "0" for offer in both],
            "one for each subnet with its set of security groups, whatever the concurrency",
        ),
        row("after 14 idle days", [state(offer.place, 14).name for offer in both], "the function's State"),
    )


def _code(calls: str, design: str, zones: int, gb: float) -> str:
    return (
        f'place, called = designs(zones={zones})["{design}"], DESTINATIONS["{calls}"]\n'
        "answer = reach(place, called)\n"
        f"bill = charges(**month(place, {{called: {gb}}}))\n"
        "answer, bill"
    )


def _table(offers: list[Offer]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "design": [offer.name for offer in offers],
            "arrives": [offer.answer.reaches for offer in offers],
            "seen": [str(offer.answer.observed) for offer in offers],
            "missing": [offer.answer.missing for offer in offers],
            "USD/month": [offer.bill.total for offer in offers],
        }
    )
