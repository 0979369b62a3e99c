"""Pictures: arrays in, matplotlib out. One visual language for the whole course; no modelling, no widgets.

One colour has one meaning everywhere, told apart by lightness too, so that it works without colour vision.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

WARM = "#F2B134"
COLD = "#1F6FB2"
PROVISIONED = "#1B9E77"
THROTTLED = "#A11D21"
QUEUED = "#8C6BB1"
FAILED = "#3B3B3B"
LIMIT = "#444444"
IDLE = "#D9D9D9"
COLOURS = {
    "warm": WARM, "cold": COLD, "provisioned": PROVISIONED, "throttled": THROTTLED, "queued": QUEUED, "failed": FAILED,
    "idle": IDLE,
}  # fmt: skip
"""What each colour means."""

STYLE = {
    "font.size": 9.5,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#333333",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Series:
    """One function over time: arrays with one value per bin of ``width`` seconds; counts, and concurrency as a mean."""

    name: str
    time: np.ndarray
    width: float
    warm: np.ndarray
    cold: np.ndarray
    throttled: np.ndarray
    concurrency: np.ndarray
    limit: float | None = None


def overview(rows: Sequence[Series]) -> Figure:
    """For each function: requests per second by outcome, and concurrency against its limit."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.7 * max(len(rows), 1)), layout="constrained")
        FigureCanvasAgg(figure)
        for (left, right), series in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
            series = thinned(series)
            end = series.time[-1] + series.width
            top = (series.warm + series.cold + series.throttled).max() / series.width
            frame(left, f"{series.name}: requests", "time (s)", "requests/s", (0, end), (0, round_up(top)))
            outcomes(left, series)
            top = max(series.concurrency.max(), series.limit if series.limit and series.limit < 20 * top else 0)
            frame(right, f"{series.name}: concurrency", "time (s)", "environments busy", (0, end), (0, round_up(top)))
            concurrency(right, series)
    return figure


def frame(axes: Axes, title: str, x_label: str, y_label: str, x_range: tuple, y_range: tuple) -> None:
    """Title, labels with units, ranges: what stays while the data change."""
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_xlim(*x_range)
    axes.set_ylim(*y_range)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_autoscale_on(False)


def outcomes(axes: Axes, series: Series) -> list[Artist]:
    """Requests per second, stacked: served warm, after a cold start, throttled. Labels stand in the areas."""
    edges = np.append(series.time, series.time[-1] + series.width)
    layers = [("warm", WARM, None, series.warm), ("cold", COLD, None, series.cold), ("throttled", THROTTLED, "////", series.throttled)]
    below = np.zeros(len(series.time))
    drawn: list[Artist] = []
    for label, colour, hatch, counts in layers:
        if not counts.any():
            continue
        above = below + counts / series.width
        steps = dict(step="post", facecolor=colour, edgecolor="white" if hatch else colour, linewidth=0.0, hatch=hatch)
        drawn.append(axes.fill_between(edges, np.append(below, below[-1]), np.append(above, above[-1]), **steps))
        drawn += _label_in_area(axes, label, edges, below, above)
        below = above
    return drawn


def concurrency(axes: Axes, series: Series) -> list[Artist]:
    """Busy environments over time, and the limit where it is in sight."""
    edges = np.append(series.time, series.time[-1] + series.width)
    line = axes.stairs(series.concurrency, edges, color=COLD, linewidth=1.6, baseline=None)
    return [line, *limit_line(axes, series.limit)]


def limit_line(axes: Axes, limit: float | None, label: str = "limit") -> list[Artist]:
    """A dashed line at ``limit`` with its value."""
    if limit is None or not axes.get_ylim()[0] <= limit <= axes.get_ylim()[1]:
        return []
    line = axes.axhline(limit, color=LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
    right = axes.get_xlim()[1]
    text = axes.annotate(
        f"{label} {limit:,.0f}", (right, limit), xytext=(-3, -3), textcoords="offset points", ha="right", va="top", color=LIMIT
    )
    return [line, text]


def lanes(axes: Axes, time, environment, init, duration, throttled) -> list[Artist]:
    """Environments as swim lanes: each request as a bar in the lane of the environment that served it.

    time, init, duration: seconds, one per request; environment: its lane from 0, ignored where ``throttled``.
    """
    lane = environment[~throttled] + 1
    start, ready = time[~throttled], (time + init)[~throttled]
    end = (time + init + duration)[~throttled]
    height = _lane_height(axes)

    def bars(left: np.ndarray, right: np.ndarray, colour: str) -> LineCollection:
        lines = LineCollection(np.stack([np.column_stack([left, lane]), np.column_stack([right, lane])], axis=1))
        lines.set(color=colour, linewidth=height, capstyle="butt")
        axes.add_collection(lines)
        return lines

    drawn = [bars(ready, end, WARM), bars(start, ready, COLD)]
    separators = axes.vlines(start, lane - 0.4, lane + 0.4, color="white", linewidth=0.8)
    missed = axes.scatter(time[throttled], np.zeros(int(throttled.sum())) + 0.0, marker="x", color=THROTTLED, s=22, linewidth=1.4)
    missed.set_clip_on(False)
    return [*drawn, separators, missed]


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

    return Series(
        series.name, series.time[starts], series.width * each, total(series.warm), total(series.cold), total(series.throttled),
        np.add.reduceat(series.concurrency, starts) / sizes, series.limit,
    )  # fmt: skip


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, … at or above ``value``, with a little room: an axis that rarely changes."""
    if not value > 0:
        return 1.0
    wanted = value * 1.04
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= wanted))


class Board:
    """A figure that is kept: its frame is drawn once and stays while only the data are drawn anew.

    ``render`` takes the frame as a key with a function that sets it up, and a function that draws the data and returns the
    artists. It gives a PNG. ``savefig`` takes 90 to 220 ms for such a figure; this, a fraction.
    """

    def __init__(self, build: Callable[[Figure], list[Axes]], size: tuple[float, float], dpi: int = 144) -> None:
        with matplotlib.rc_context(STYLE):
            self.figure = Figure(figsize=size, dpi=dpi)
            self.canvas = FigureCanvasAgg(self.figure)
            self.axes = build(self.figure)
        self._key: object = None
        self._background = None

    def render(self, key: object, frame: Callable[[list[Axes]], None], data: Callable[[list[Axes]], list[Artist]]) -> bytes:
        with matplotlib.rc_context(STYLE):
            if self._background is None or key != self._key:
                frame(self.axes)
                self.canvas.draw()
                self._background, self._key = self.canvas.copy_from_bbox(self.figure.bbox), key
            self.canvas.restore_region(self._background)
            artists = data(self.axes)
            renderer = self.canvas.get_renderer()
            for artist in sorted(artists, key=Artist.get_zorder):
                artist.draw(renderer)
                artist.remove()
        return png(self.canvas)


def png(canvas: FigureCanvasAgg) -> bytes:
    """The canvas as a PNG, compressed little: for a picture that is replaced in a moment."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def _label_in_area(axes: Axes, label: str, edges: np.ndarray, below: np.ndarray, above: np.ndarray) -> list[Artist]:
    """``label`` where its area is highest, when there is room for it."""
    at = int(np.argmax(above - below))
    low, high = axes.get_ylim()
    if above[at] - below[at] < 0.1 * (high - low):
        return []
    left, right = axes.get_xlim()
    place = min(max((edges[at] + edges[at + 1]) / 2, left + 0.12 * (right - left)), right - 0.12 * (right - left))
    at = int(np.clip(np.searchsorted(edges, place) - 1, 0, len(below) - 1))
    middle = (below[at] + min(above[at], high)) / 2
    white = dict(boxstyle="round,pad=0.15", facecolor="white", edgecolor="none", alpha=0.85)
    return [axes.text(place, middle, label, ha="center", va="center", color="#222222", bbox=white)]


def _lane_height(axes: Axes) -> float:
    """How thick a bar is, in points, so that lanes do not touch."""
    low, high = axes.get_ylim()
    points = axes.get_window_extent().height * 72 / axes.figure.dpi
    return max(0.7 * points / max(high - low, 1), 1.0)
