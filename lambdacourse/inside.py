"""How Lambda works inside, as its builders' papers tell it: the way of an invocation as a picture, and what its code waits for."""

from __future__ import annotations

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdacourse.facts import fact
from lambdacourse.network.picture import Box, Point, Region, Scene, Sheet, draw
from lambdacourse.plots import Picture, Theme

PLACES: dict[str, Point] = {
    "caller": (8, 46),
    "front end": (27, 46),
    "assignment": (27, 29),
    "placement": (48, 29),
    "A, warm": (73, 46),
    "A, new": (73, 29),
    "B": (90, 46),
    "C": (90, 29),
    "Amazon S3": (27, 11),
    "zone's cache": (48, 11),
    "worker's cache": (73, 11),
}
"""Where each part stands. A, B and C are customers, each with microVMs of their own."""

WARM = [("caller", "front end", ""), ("front end", "A, warm", "the event"), ("front end", "assignment", "which one is free?")]
COLD = [
    ("assignment", "placement", "none"),
    ("placement", "A, new", "starts one"),
    ("Amazon S3", "zone's cache", ""),
    ("zone's cache", "worker's cache", "chunks"),
    ("worker's cache", "A, new", ""),
]
"""The steps of every invocation, and those that a cold start adds: from, to, and words beside the arrow."""

LEGEND = (
    "amber: every invocation   ·   blue: what a cold start adds   ·   percent: chunks of a container image that come from there"
)


def plot_invocation() -> Picture:
    """The way of an invocation to a microVM: straight to a warm one, or by placement to a new one, to which its code comes."""

    def figure(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            sheet = Figure(figsize=(9.6, 4.8), layout="constrained")
            FigureCanvasAgg(sheet)
            axes = sheet.subplots()
            Sheet.titled("An invocation of A's function").put_on(axes, theme)
            draw(axes, _parts(), theme)
            axes.text(8, -1.2, LEGEND, va="top", color=theme.ink, fontsize=9, clip_on=False)
            for steps, colour in ((WARM, theme.warm), (COLD, theme.cold)):
                for start, end, words in steps:
                    _step(axes, PLACES[start], PLACES[end], words, colour, theme)
        return sheet

    return Picture(
        figure,
        "The way of an invocation. The caller asks the front end, the front end asks the assignment service which environment is "
        "free, and sends the event to that microVM on a worker. When none is free, placement starts a new one on a worker; its code "
        "comes in chunks from the worker's cache, the zone's cache or Amazon S3. On the same worker stand microVMs of other customers.",
    )


def chunk_wait() -> float:
    """Milliseconds that a new microVM waits for a chunk of its container image, on average over the three tiers of the cache.

    A chunk that the worker has already is counted as no wait.
    """
    missed = 1 - fact("image_worker_cache_hits").value
    hits = fact("image_zone_cache_hits").value
    zone, origin = fact("image_chunk_latency").value.values()
    return missed * (hits * zone + (1 - hits) * origin)


def _parts() -> Scene:
    """The parts as boxes, those of a worker in their region."""
    shares = {
        "Amazon S3": fact("image_origin_share"),
        "zone's cache": fact("image_zone_share"),
        "worker's cache": fact("image_worker_cache_hits"),
    }
    words = {name: f"{name}\n{share.text}" for name, share in shares.items()} | {
        name: f"microVM of\n{name}" for name in ("A, warm", "A, new", "B", "C")
    }
    boxes = tuple(Box(name, words.get(name, name), at) for name, at in PLACES.items())
    return Scene((Region("a worker", (64.5, 3, 34.5, 50)),), boxes, (), None, "")


def _step(axes: Axes, start: Point, end: Point, words: str, colour: str, theme: Theme) -> None:
    """An arrow from the edge of one box to the edge of the next."""
    (x, y), (right, top) = start, end
    aside, above = (6.7, 0.0) if y == top else (0.0, 3.3)
    if right < x or top < y:
        aside, above = -aside, -above
    style = {"arrowstyle": "-|>,head_width=0.35,head_length=0.6", "color": colour, "linewidth": 2.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (right - aside, top - above), (x + aside, y + above), arrowprops=style, zorder=4)
    if words:
        level = y == top
        place = (x + aside + 0.8, y + 0.8) if level else (x + 1, (y + top) / 2)
        axes.text(*place, words, va="bottom" if level else "center", color=theme.ink, fontsize=8)
