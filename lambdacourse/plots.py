"""Pictures: arrays in, matplotlib out. One visual language for the whole course; no modelling, no widgets.

One colour has one meaning everywhere, told apart by lightness too, so that it works without colour vision.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Theme:
    """The colours on light or on dark paper. Those from ``warm`` on have a meaning, which their names say."""

    name: str
    paper: str
    ink: str
    axis: str
    grid: str
    limit: str
    warm: str
    cold: str
    provisioned: str
    throttled: str
    queued: str
    failed: str
    busy: str
    idle: str
    reached: str
    missing: str

    @property
    def style(self) -> dict[str, object]:
        """The theme for matplotlib's ``rc_context``."""
        return STYLE | {
            "figure.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "axes.edgecolor": self.axis,
            "axes.labelcolor": self.ink,
            "axes.titlecolor": self.ink,
            "xtick.color": self.axis,
            "ytick.color": self.axis,
            "grid.color": self.grid,
        }


STYLE = {
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
}

LIGHT = Theme(
    "light", paper="#FFFFFF", ink="#222222", axis="#555555", grid="#E4E4E4", limit="#555555",
    warm="#F2B134", cold="#1F6FB2", provisioned="#1B9E77", throttled="#A11D21", queued="#CC79A7", failed="#3B3B3B",
    busy="#4D4D4D", idle="#D5D5D5", reached="#6A3FB5", missing="#C2410C",
)  # fmt: skip
DARK = Theme(
    "dark", paper="#111111", ink="#E6E6E6", axis="#ABABAB", grid="#303030", limit="#B0B0B0",
    warm="#F2B134", cold="#4E9DE6", provisioned="#2FC29A", throttled="#D9404A", queued="#D98BC4", failed="#C9C9C9",
    busy="#BDBDBD", idle="#454545", reached="#B79CFF", missing="#FF8A4C",
)  # fmt: skip

# A page says whether it is dark in an attribute, so it can choose between two pictures. Where styles are not let in, the light
# one is seen.
CHOICE = (
    "<style>[data-jp-theme-light='false'] .lc-light { display: none !important; }"
    "[data-jp-theme-light='false'] .lc-dark { display: inline !important; }</style>"
)


@dataclass(frozen=True)
class Picture:
    """A picture for a notebook: ``draw`` makes the figure in a theme, ``alt`` says what it shows to those who do not see it."""

    draw: Callable[[Theme], Figure]
    alt: str

    @property
    def figure(self) -> Figure:
        """The matplotlib figure, on light paper."""
        return self.draw(LIGHT)

    def savefig(self, file, **options) -> None:
        """Save the figure, as matplotlib does."""
        self.figure.savefig(file, **options)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        light, dark = (_encoded(self.draw(theme)) for theme in (LIGHT, DARK))
        return {"text/plain": self.alt, "image/png": light, "text/html": image_html(light, dark, self.alt)}


def image_html(light: str, dark: str, alt: str) -> str:
    """Two PNGs, encoded in base64, as an HTML image that is as light or dark as its page."""

    def image(encoded: str, kind: str, display: str) -> str:
        style = f"max-width:100%;display:{display}"
        return f'<img class="lc-{kind}" alt="{escape(alt)}" style="{style}" src="data:image/png;base64,{encoded}"/>'

    return CHOICE + image(light, "light", "inline") + image(dark, "dark", "none")


@dataclass(frozen=True)
class Series:
    """One function over time: arrays with one value per bin of ``width`` seconds.

    provisioned, warm, cold, throttled: requests; concurrency, environments, allocated: means of those busy, of those that are
    there, and of the provisioned ones.
    """

    name: str
    time: np.ndarray
    width: float
    provisioned: np.ndarray
    warm: np.ndarray
    cold: np.ndarray
    throttled: np.ndarray
    concurrency: np.ndarray
    environments: np.ndarray
    allocated: np.ndarray
    limit: float | None = None

    @property
    def requests(self) -> np.ndarray:
        return self.provisioned + self.warm + self.cold + self.throttled

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """The key of its outcomes."""
        return PROVISIONED_OUTCOMES if self.allocated.any() else OUTCOMES


@dataclass(frozen=True)
class Backlog:
    """One queue over time: arrays with one value per bin of ``width`` seconds.

    visible, in_flight: messages, means; oldest_age: of the oldest message, in seconds.
    """

    name: str
    time: np.ndarray
    width: float
    visible: np.ndarray
    in_flight: np.ndarray
    oldest_age: np.ndarray

    @property
    def most(self) -> float:
        return float((self.visible + self.in_flight).max())

    @property
    def described(self) -> str:
        """What a picture of it shows, in a sentence."""
        at, (scale, unit) = int(self.visible.argmax()), time_unit(self.time[-1] + self.width)
        return (
            f"Messages of {self.name} over {(self.time[-1] + self.width) / scale:.3g} {unit}: at most {self.visible[at]:,.0f} waiting, "
            f"at {self.time[at] / scale:.3g} {unit}, and {self.visible[-1]:,.0f} at the end; the oldest was "
            f"{self.oldest_age.max() / scale:.3g} {unit} old."
        )


@dataclass(frozen=True)
class Lanes:
    """Requests for swim lanes, one value each: times in seconds, the environment that served it, whether it was throttled.

    init: from its arrival at the environment to its handler, the download included.
    """

    time: np.ndarray
    environment: np.ndarray
    init: np.ndarray
    duration: np.ndarray
    throttled: np.ndarray

    @staticmethod
    def of(requests: pd.DataFrame, seconds: float) -> Lanes:
        """Those of ``requests`` (as a run keeps them) that arrived in the first ``seconds``."""
        shown = requests[requests.time < seconds].fillna({"download": 0.0, "init": 0.0, "duration": 0.0})
        time, environment, init, duration = (shown[name].to_numpy() for name in ("time", "environment", "init", "duration"))
        download = shown["download"].to_numpy() if "download" in shown else 0.0  # a log does not know it
        return Lanes(time, environment, download + init, duration, (shown.outcome == "throttled").to_numpy())

    @property
    def count(self) -> int:
        """How many lanes there are."""
        return int(self.environment.max(initial=0)) + 1


def overview(rows: Sequence[Series], backlogs: Sequence[Backlog] = ()) -> Picture:
    """For each function: requests per second by outcome, and concurrency against its limit; for each queue: its backlog and age."""

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            count = max(len(rows) + len(backlogs), 1)
            figure = Figure(figsize=(9.6, 2.7 * count), layout="constrained")
            FigureCanvasAgg(figure)
            panels = figure.subplots(count, 2, squeeze=False)
            for (left, right), series in zip(panels, rows):
                _overview_row(left, right, thinned(series), theme)
            for (left, right), shown in zip(panels[len(rows) :], backlogs):
                _backlog_row(left, right, shown, theme)
        return figure

    alt = f"Requests per second by outcome, and concurrency against its limit: {', '.join(row.name for row in rows)}."
    return Picture(draw, " ".join([alt, *(shown.described for shown in backlogs)]))


def _backlog_row(left: Axes, right: Axes, shown: Backlog, theme: Theme) -> None:
    scale, unit = time_unit(shown.time[-1] + shown.width)
    span = (0, (shown.time[-1] + shown.width) / scale)
    Frame(f"{shown.name}: backlog", f"time ({unit})", "messages", span, (0, round_up(shown.most)), BACKLOG).put_on(left, theme)
    backlog(left, shown, theme, scale)
    high, age_unit = time_unit(shown.oldest_age.max())
    top = round_up(shown.oldest_age.max() / high)
    Frame(f"{shown.name}: oldest message", f"time ({unit})", f"age ({age_unit})", span, (0, top)).put_on(right, theme)
    oldest_age(right, shown, theme, scale, high)


def backlog_picture(shown: Backlog) -> Picture:
    """The backlog of one queue, and the age of its oldest message, over time."""

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(9.6, 2.7), layout="constrained")
            FigureCanvasAgg(figure)
            _backlog_row(*figure.subplots(1, 2), shown, theme)
        return figure

    return Picture(draw, shown.described)


def _overview_row(left: Axes, right: Axes, series: Series, theme: Theme) -> None:
    span = (0, series.time[-1] + series.width)
    top = round_up(series.requests.max() / series.width)
    title = series.name if series.allocated.any() else f"{series.name}: requests"  # beside a longer key
    Frame(title, "time (s)", "requests/s", span, (0, top), series.key).put_on(left, theme)
    outcomes(left, series, theme)
    busiest = max(series.concurrency.max(), series.allocated.max())
    high = round_up(max(busiest, series.limit if series.limit and series.limit < 5 * busiest else 0))
    key = (("busy", "busy"), ("provisioned", "provisioned")) if series.allocated.any() else ()
    Frame(f"{series.name}: concurrency", "time (s)", "environments", span, (0, high), key).put_on(right, theme)
    concurrency(right, series, theme)


BACKLOG = (("waiting", "queued"), ("in flight", "busy"))
OUTCOMES = (("warm", "warm"), ("cold", "cold"), ("throttled", "throttled"))
PROVISIONED_OUTCOMES = (("provisioned", "provisioned"), *OUTCOMES)
LANES = (("running", "warm"), ("cold start", "cold"), ("throttled", "throttled"))


@dataclass(frozen=True)
class Frame:
    """What stays in a panel while the data change: title, labels with units, ranges, and a key of names of colours.

    ``log`` names the axes with logarithmic scales: ``"x"``, ``"y"`` or ``"xy"``. ``x_ticks`` are the places that the x-axis names.
    ``notes`` are words in the panel, each at x and y.
    """

    title: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    names: tuple[tuple[str, str], ...] = ()
    """The key: words, and the colour's name in ``Theme``."""
    log: str = ""
    x_ticks: tuple[float, ...] = ()
    notes: tuple[tuple[float, float, str], ...] = ()

    def put_on(self, axes: Axes, theme: Theme = LIGHT) -> None:
        """Give ``axes`` this frame."""
        for text in list(axes.texts):
            text.remove()
        axes.set_title(self.title)
        axes.set(xscale="log" if "x" in self.log else "linear", yscale="log" if "y" in self.log else "linear")
        axes.set(xlabel=self.x_label, ylabel=self.y_label, xlim=self.x_range, ylim=self.y_range)
        axes.set_autoscale_on(False)
        for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            if name in self.log:
                axis.set_major_formatter(_counted)
                axis.set_minor_formatter(NullFormatter())
        if "y" not in self.log:
            whole = self.y_range[1] > 3
            axes.yaxis.set_major_formatter(_tick)
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=whole))
        if self.x_ticks:
            axes.set_xticks(self.x_ticks, [f"{tick:,g}" for tick in self.x_ticks])
            axes.set_xticks([], minor=True)
        elif "x" not in self.log:
            axes.xaxis.set_major_locator(MaxNLocator(6))
        for x, y, words in self.notes:
            axes.text(x, y, words, color=theme.ink, fontsize=8.5)
        place = 1.0
        for words, name in reversed(self.names):
            for text, colour, gap in ((f" {words}", theme.ink, 0.0), ("■", getattr(theme, name), 0.02)):
                drawn = axes.text(place, 1.03, text, transform=axes.transAxes, ha="right", va="bottom", color=colour)
                place -= drawn.get_window_extent().width / axes.get_window_extent().width + gap


def outcomes(axes: Axes, series: Series, theme: Theme = LIGHT) -> list[Artist]:
    """Requests per second, stacked: served by provisioned environments, warm, after a cold start, throttled."""
    edges = np.append(series.time, series.time[-1] + series.width)
    layers = [
        (theme.provisioned, None, series.provisioned),
        (theme.warm, None, series.warm),
        (theme.cold, None, series.cold),
        (theme.throttled, "////", series.throttled),
    ]
    below = np.zeros(len(series.time))
    drawn: list[Artist] = []
    for colour, hatch, counts in layers:
        if not counts.any():
            continue
        above = below + counts / series.width
        steps = {
            "step": "post",
            "facecolor": colour,
            "edgecolor": theme.paper if hatch else colour,
            "linewidth": 0.0,
            "hatch": hatch,
        }
        drawn.append(axes.fill_between(edges, np.append(below, below[-1]), np.append(above, above[-1]), **steps))
        below = above
    return drawn


def concurrency(axes: Axes, series: Series, theme: Theme = LIGHT) -> list[Artist]:
    """Busy environments over time, those that are provisioned, and the limit where it is in sight."""
    edges = np.append(series.time, series.time[-1] + series.width)
    drawn = step_line(axes, edges, series.concurrency, theme.busy)
    if series.allocated.any():
        drawn += step_line(axes, edges, series.allocated, theme.provisioned)
    return [*drawn, *limit_line(axes, series.limit, theme)]


def step_line(axes: Axes, edges: np.ndarray, values: np.ndarray, colour: str, width: float = 1.5) -> list[Artist]:
    """A line that is level between ``edges``. (``axes.stairs`` draws the same and takes 10 ms to find its own size.)"""
    style = {"drawstyle": "steps-post", "solid_capstyle": "butt", "solid_joinstyle": "miter"}
    return axes.plot(edges, np.append(values, values[-1]), color=colour, linewidth=width, **style)


def step_area(axes: Axes, edges: np.ndarray, values: np.ndarray, colour: str) -> Artist:
    """What is below such a line, filled."""
    steps = {"step": "post", "facecolor": colour, "edgecolor": colour, "linewidth": 0.0}
    return axes.fill_between(edges, np.append(values, values[-1]), **steps)


def limit_line(axes: Axes, limit: float | None, theme: Theme = LIGHT, label: str = "limit") -> list[Artist]:
    """A dashed line at ``limit`` with its value."""
    if limit is None or not axes.get_ylim()[0] <= limit <= axes.get_ylim()[1]:
        return []
    line = axes.axhline(limit, color=theme.limit, linewidth=1.2, linestyle=(0, (5, 3)))
    right = axes.get_xlim()[1]
    under = limit > 0.92 * axes.get_ylim()[1]  # above it is the title
    text = axes.annotate(
        f"{label} {limit:,.0f}",
        (right, limit),
        xytext=(-3, -3 if under else 3),
        textcoords="offset points",
        ha="right",
        va="top" if under else "bottom",
        color=theme.limit,
        fontsize=STYLE["font.size"],
    )
    return [line, text]


@dataclass(frozen=True)
class Curve:
    """A line with its name written at it. ``at``: where along what is seen of it, 0 to 1; ``under``: below it, not above."""

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    at: float = 1.0
    under: bool = False
    marker: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Mark:
    """A point with words, above it and to its right, or to its left."""

    x: float
    y: float
    words: str
    to_the_left: bool = False


def draw_curves(axes: Axes, shown: Sequence[Curve], marks: Sequence[Mark] = (), theme: Theme = LIGHT) -> list[Artist]:
    """Lines with their names, and points with words."""
    drawn: list[Artist] = []
    for curve in shown:
        colour = getattr(theme, curve.colour)
        style = {"linewidth": 1.8, "marker": curve.marker, "markersize": 5, "linestyle": "--" if curve.dashed else "-"}
        drawn += axes.plot(curve.x, curve.y, color=colour, **style)
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        inside = np.flatnonzero((curve.x >= left) & (curve.x <= right) & (curve.y >= low) & (curve.y <= high))
        if inside.size:
            place = inside[round(curve.at * (inside.size - 1))]
            side = "right" if curve.at > 0.6 else "left" if curve.at < 0.4 else "center"
            drawn.append(_words(axes, curve.x[place], curve.y[place], curve.name, theme.ink, side, curve.under))
    for mark in marks:
        drawn += axes.plot([mark.x], [mark.y], "o", color=theme.ink, markersize=6)
        drawn.append(_words(axes, mark.x, mark.y, mark.words, theme.ink, "right" if mark.to_the_left else "left"))
    return drawn


def _words(axes: Axes, x: float, y: float, words: str, colour: str, side: str, under: bool = False) -> Artist:
    away = {"left": 4, "center": 0, "right": -4}[side]
    place = {
        "xytext": (away, -5 if under else 5),
        "textcoords": "offset points",
        "ha": side,
        "va": "top" if under else "bottom",
    }
    return axes.annotate(words, (x, y), color=colour, fontsize=STYLE["font.size"], annotation_clip=True, **place)


@dataclass(frozen=True)
class Panel:
    """Curves in one frame, and points with words."""

    frame: Frame
    curves: Sequence[Curve]
    marks: Sequence[Mark] = ()

    @property
    def words(self) -> str:
        names = [*(curve.name for curve in self.curves), *(mark.words for mark in self.marks)]
        return f"{self.frame.title}: {self.frame.y_label} over {self.frame.x_label}; {', '.join(filter(None, names))}."


def curves(*panels: Panel) -> Picture:
    """``draw_curves`` as a picture of its own, one panel beside the other."""

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(7.2 if len(panels) == 1 else 9.6, 3.6), layout="constrained")
            FigureCanvasAgg(figure)
            for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
                panel.frame.put_on(axes, theme)
                draw_curves(axes, panel.curves, panel.marks, theme)
        return figure

    return Picture(draw, " ".join(panel.words for panel in panels))


Row = tuple[str, float, str]
"""A bar: its words, how long it is, and its colour's name in ``Theme``."""


def bars(title: str, unit: str, rows: Sequence[Row], write: Callable[[float], str]) -> Picture:
    """Horizontal bars from the top down, each with its value as ``write`` writes it."""

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(7.2, 0.9 + 0.3 * max(len(rows), 1)), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            values = [value for _, value, _ in rows]
            places = np.arange(len(rows))[::-1]
            drawn = axes.barh(places, values, color=[getattr(theme, colour) for _, _, colour in rows], height=0.7)
            axes.bar_label(drawn, [write(value) for value in values], padding=4, color=theme.ink)
            axes.axvline(0, color=theme.axis, linewidth=0.8)
            axes.set_yticks(places, [words for words, _, _ in rows], color=theme.ink)
            axes.set(title=title, xlabel=unit)
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
            axes.tick_params(axis="y", length=0)
            axes.margins(x=0.16)
        return figure

    return Picture(draw, f"{title}: " + "; ".join(f"{words} {write(value)}" for words, value, _ in rows) + ".")


def busy_and_idle(axes: Axes, series: Series, theme: Theme = LIGHT) -> list[Artist]:
    """How many environments are busy, and how many wait idle on top of them."""
    edges = np.append(series.time, series.time[-1] + series.width)
    nothing, busy = np.zeros_like(series.concurrency), series.concurrency
    drawn: list[Artist] = []
    for below, above, colour in ((nothing, busy, theme.busy), (busy, np.maximum(series.environments, busy), theme.idle)):
        steps = {"step": "post", "facecolor": colour, "edgecolor": colour, "linewidth": 0.0}
        drawn.append(axes.fill_between(edges, np.append(below, below[-1]), np.append(above, above[-1]), **steps))
    return drawn


def backlog(axes: Axes, shown: Backlog, theme: Theme = LIGHT, scale: float = 1.0) -> list[Artist]:
    """Messages in flight, and on top of them those that wait; time in units of ``scale`` seconds."""
    edges = np.append(shown.time, shown.time[-1] + shown.width) / scale
    drawn: list[Artist] = []
    below = np.zeros_like(shown.visible)
    for counts, colour in ((shown.in_flight, theme.busy), (shown.visible, theme.queued)):
        above = below + counts
        steps = {"step": "post", "facecolor": colour, "edgecolor": colour, "linewidth": 0.0}
        drawn.append(axes.fill_between(edges, np.append(below, below[-1]), np.append(above, above[-1]), **steps))
        below = above
    return drawn


def oldest_age(axes: Axes, shown: Backlog, theme: Theme = LIGHT, scale: float = 1.0, high: float = 1.0) -> list[Artist]:
    """The age of the oldest message, in units of ``high`` seconds; time in units of ``scale`` seconds."""
    return axes.plot((shown.time + shown.width) / scale, shown.oldest_age / high, color=theme.queued, linewidth=1.5)


def time_unit(seconds: float) -> tuple[float, str]:
    """In which unit so long a time is best read: its seconds, and its sign."""
    return (3600.0, "h") if seconds > 7200 else (60.0, "min") if seconds > 600 else (1.0, "s")


def lanes(axes: Axes, shown: Lanes, theme: Theme = LIGHT) -> list[Artist]:
    """Environments as swim lanes: each request as a bar in the lane of the environment that served it; throttled ones below."""
    served = ~shown.throttled
    lane = shown.environment[served] + 1
    start = shown.time[served]
    ready = start + shown.init[served]
    height = _lane_height(axes)

    def bars(left: np.ndarray, right: np.ndarray, colour: str) -> LineCollection:
        lines = LineCollection(np.stack([np.column_stack([left, lane]), np.column_stack([right, lane])], axis=1))
        lines.set(color=colour, linewidth=height, capstyle="butt")
        axes.add_collection(lines)
        return lines

    drawn = [bars(ready, ready + shown.duration[served], theme.warm), bars(start, ready, theme.cold)]
    gaps = axes.vlines(start, lane - 0.4, lane + 0.4, color=theme.paper, linewidth=0.8)
    missed = shown.time[shown.throttled]
    crosses = axes.scatter(missed, np.zeros_like(missed), marker="x", color=theme.throttled, s=22, linewidth=1.4, clip_on=False)
    return [*drawn, gaps, crosses]


def lanes_picture(title: str, seconds: float, shown: Lanes) -> Picture:
    """``lanes`` as a picture of its own."""

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(9.6, min(1.4 + 0.22 * shown.count, 8.0)), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            Frame(title, "time (s)", "environment", (0, seconds), (0, shown.count + 1), LANES).put_on(axes, theme)
            figure.draw_without_rendering()
            lanes(axes, shown, theme)
        return figure

    cold, missed = int(np.count_nonzero(shown.init)), int(np.count_nonzero(shown.throttled))
    requests = f"{len(shown.time)} requests, {cold} cold starts, {missed} throttled"
    return Picture(draw, f"{shown.count} environments as lanes over {seconds:g} s: {requests}.")


def lanes_pictures(seconds: float, shown: Mapping[str, Lanes]) -> Picture:
    """Several ``lanes`` under each other, by their titles, on the same scales: for comparing them."""
    most = max(each.count for each in shown.values())

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(9.6, len(shown) * min(1.4 + 0.22 * most, 4.5)), layout="constrained")
            FigureCanvasAgg(figure)
            panels = figure.subplots(len(shown), squeeze=False)[:, 0]
            for axes, (title, each) in zip(panels, shown.items(), strict=True):
                figure.draw_without_rendering()  # the key and the bars need the size that the layout gives
                Frame(title, "time (s)", "environment", (0, seconds), (0, most + 1), LANES).put_on(axes, theme)
                figure.draw_without_rendering()
                lanes(axes, each, theme)
        return figure

    said = [f"{title}: {len(each.time)} requests, {np.count_nonzero(each.init)} cold starts" for title, each in shown.items()]
    return Picture(draw, f"Environments as lanes over {seconds:g} s. {'; '.join(said)}.")


def bar_panels(unit: str, panels: Mapping[str, Sequence[Row]], write: Callable[[float], str]) -> Picture:
    """Several ``bars`` beside each other, by their titles, on the same scale: for comparing them."""
    most = max(value for rows in panels.values() for _, value, _ in rows)
    count = max(len(rows) for rows in panels.values())

    def draw(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(9.6, 0.9 + 0.3 * count), layout="constrained")
            FigureCanvasAgg(figure)
            for axes, (title, rows) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
                places = range(len(rows))
                values, colours = [value for _, value, _ in rows], [getattr(theme, colour) for _, _, colour in rows]
                drawn = axes.barh(places, values, color=colours, height=0.7)
                axes.bar_label(drawn, [write(value) for value in values], padding=4, color=theme.ink)
                axes.set_yticks(places, [words for words, _, _ in rows], color=theme.ink)
                axes.set(title=title, xlabel=unit, xlim=(0, 1.25 * most), ylim=(count - 0.4, -0.6))
                axes.grid(visible=False)
                axes.spines["left"].set_visible(False)
                axes.tick_params(axis="y", length=0)
        return figure

    said = [f"{title}: " + ", ".join(f"{words} {write(value)}" for words, value, _ in rows) for title, rows in panels.items()]
    return Picture(draw, f"{unit}. {'; '.join(said)}.")


def stacks(axes: Axes, rows: Sequence[tuple[str, Sequence[Row]]], theme: Theme = LIGHT) -> list[Artist]:
    """Bars that are made of parts, from the top down, each with its name above it and its parts' words below, where they fit."""
    drawn: list[Artist] = []
    width = axes.get_xlim()[1] - axes.get_xlim()[0]
    letters = axes.get_window_extent().width * 72 / axes.figure.dpi / (0.62 * STYLE["font.size"])
    for number, (name, parts) in enumerate(rows):
        place = len(rows) - number - 0.5
        left = 0.0
        for words, value, colour in parts:
            drawn += axes.barh([place], [value], left=left, height=0.36, color=getattr(theme, colour), edgecolor=theme.paper)
            if len(words) < letters * value / width:
                at = (left + value / 2, place - 0.22)
                drawn.append(axes.text(*at, words, ha="center", va="top", color=theme.ink, fontsize=STYLE["font.size"] - 1))
            left += value
        drawn.append(axes.text(0, place + 0.22, name, ha="left", va="bottom", color=theme.ink))
    return drawn


def written_seconds(seconds: float) -> str:
    """Seconds as one reads them: in milliseconds below one."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def thinned(series: Series, most: int = 240) -> Series:
    """``series`` with at most ``most`` bins: what a picture can show."""
    count = len(series.time)
    each = -(-count // most)
    if each == 1:
        return series
    starts = np.arange(0, count, each)
    sizes = np.diff(np.append(starts, count))

    def total(counts: np.ndarray) -> np.ndarray:
        return np.add.reduceat(counts, starts) * (each / sizes)

    def mean(levels: np.ndarray) -> np.ndarray:
        return np.add.reduceat(levels, starts) / sizes

    counts = (total(each) for each in (series.provisioned, series.warm, series.cold, series.throttled))
    means = (mean(each) for each in (series.concurrency, series.environments, series.allocated))
    return Series(series.name, series.time[starts], series.width * each, *counts, *means, series.limit)


def _counted(number: float, _: object = None) -> str:
    """Numbers as 10k, 10M, 10bn: of money and requests one does not say giga."""
    size, name = next((pair for pair in ((1e9, "bn"), (1e6, "M"), (1e3, "k")) if number >= pair[0]), (1, ""))
    return f"{number / size:g}{name}"


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7, 10, 15, … at or above ``value``, with a little room: an axis that rarely changes."""
    if not value > 0:
        return 1.0
    wanted = value * 1.04
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(step * power for step in (1, 1.5, 2, 3, 5, 7, 10) if step * power >= wanted))


def shared(kept: Sequence[Frame], shown: Sequence[Frame]) -> list[Frame | None]:
    """For each panel a frame in which both fit; None where the two show different things, or what has no scales."""

    def wide(one: Frame, other: Frame) -> Frame | None:
        alike = all(getattr(one, name) == getattr(other, name) for name in ("title", "x_label", "y_label", "log"))
        if not alike or type(other) is not Frame:
            return None
        ranges = ((one.x_range, other.x_range), (one.y_range, other.y_range))
        across, up = (tuple(end(pair) for end, pair in zip((min, max), zip(*both))) for both in ranges)
        return replace(other, x_range=across, y_range=up)

    return [wide(one, other) for one, other in zip(kept, shown, strict=True)]


def faint(drawn: Sequence[Artist], panels: Sequence[Axes], theme: Theme) -> list[Artist]:
    """Of what was drawn of another setting, in ``panels``, the lines and outlines, dotted; the rest is taken away."""
    kept = []
    for artist in drawn:
        thin = isinstance(artist, LineCollection) and 1 < artist.get_linewidth()[0] < 3
        outlined = isinstance(artist, (PolyCollection, Rectangle)) and not isinstance(artist, LineCollection)
        if artist.axes not in panels or not (thin or outlined or isinstance(artist, Line2D)):
            artist.remove()
            continue
        if outlined:
            halo = withStroke(linewidth=3, foreground=theme.paper)  # on whatever is drawn below it
            artist.set(facecolor="none", edgecolor=theme.ink, linewidth=1.2, hatch=None, path_effects=[halo])
        artist.set(linestyle=(0, (1, 1.5)), alpha=0.75, zorder=3)
        kept.append(artist)
    return kept


Cell = tuple[float, float, float, float]
"""The part of a figure that belongs to one axes: left, bottom, right, top, as shares of the figure."""


class Board:
    """A figure that is kept: each panel's frame is drawn once for a range of its axes, and only the data are drawn anew.

    ``savefig`` takes 90 to 220 ms for a figure of three panels; this, 30 to 80. ``build`` makes the axes and says which cell of
    the figure is whose.
    """

    KEPT = 24
    """How many frames are kept, of about 1 MB each."""

    def __init__(
        self,
        build: Callable[[Figure], list[tuple[Axes, Cell]]],
        size: tuple[float, float],
        theme: Theme = LIGHT,
        dpi: int = 128,
    ) -> None:
        self.theme = theme
        with matplotlib.rc_context(theme.style):
            self.figure = Figure(figsize=size, dpi=dpi)
            self.canvas = FigureCanvasAgg(self.figure)
            self.panels = build(self.figure)
        self.axes = [axes for axes, _ in self.panels]
        self._frames: dict[tuple[int, Frame], object] = {}

    def render(self, frames: Sequence[Frame], data: Callable[[list[Axes], Theme], list[Artist]]) -> bytes:
        """A PNG of the panels with these ``frames``, and of the artists that ``data`` draws into their axes."""
        for region in [self._frame(number, each) for number, each in enumerate(frames)]:
            self.canvas.restore_region(region)
        renderer = self.canvas.get_renderer()
        for artist in sorted(data(self.axes, self.theme), key=Artist.get_zorder):
            artist.draw(renderer)
            artist.remove()
        return png(self.canvas)

    def _frame(self, number: int, wanted: Frame):
        """The empty panel as a picture; the axes take its ranges."""
        axes, (left, bottom, right, top) = self.panels[number]
        axes.set(xlim=wanted.x_range, ylim=wanted.y_range)
        if (number, wanted) not in self._frames:
            while len(self._frames) >= self.KEPT:
                del self._frames[next(iter(self._frames))]
            with matplotlib.rc_context(self.theme.style):
                wanted.put_on(axes, self.theme)
                for other in self.axes:
                    other.set_visible(other is axes)
                self.canvas.draw()
                for other in self.axes:
                    other.set_visible(True)
            cell = Bbox([[left, bottom], [right, top]]).transformed(self.figure.transFigure)
            self._frames[number, wanted] = self.canvas.copy_from_bbox(cell)
        return self._frames[number, wanted]


def png(canvas: FigureCanvasAgg) -> bytes:
    """The canvas as a PNG, compressed little: for a picture that is replaced in a moment."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def _tick(value: float, position: int | None = None) -> str:
    """``0.5``, ``50``, ``1.5k``, ``2M``: what is below a thousand stands as it is."""
    return f"{value:g}" if abs(value) < 1_000 else _THOUSANDS(value)


_THOUSANDS = EngFormatter(sep="")


def _encoded(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return b64encode(buffer.getvalue()).decode()


def _lane_height(axes: Axes) -> float:
    """How thick a bar is, in points, so that lanes do not touch."""
    low, high = axes.get_ylim()
    points = axes.get_window_extent().height * 72 / axes.figure.dpi
    return max(0.7 * points / max(high - low, 1), 1.0)
