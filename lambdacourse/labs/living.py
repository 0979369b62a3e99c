"""The living picture: a short run, in which each request is a dot that one can follow.

Nothing is simulated here. A ``Story`` is made from what a recorded run kept of each request, message or record, and says at which
time each of them is where: in a line, in an environment, gone. ``living.js`` draws it, in a running notebook and in a page without
a kernel alike.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import anywidget
import matplotlib
import pandas as pd
import traitlets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdacourse.labs.lab import show_live
from lambdacourse.model import checks
from lambdacourse.plots import DARK, LIGHT, Theme, image_html
from lambdacourse.simulation import Run
from lambdacourse.simulation.queues import QueueRun
from lambdacourse.simulation.run import FunctionRun
from lambdacourse.simulation.streams import StreamRun

MOST_BOXES, MOST_DOTS = 60, 1_200
"""What the eye can follow at the most."""

WIDTH, HEIGHT = 960, 320
"""The stage."""

NEVER, STARTING, RUNNING, IDLE, FAILING = STATES = ("not there", "starting", "running", "idle", "failing")
"""What a box is: an environment that was never started, one that initialises, runs, waits, or runs and will fail."""
COLOURS = {STARTING: "cold", RUNNING: "warm", IDLE: "idle", FAILING: "failed"}

Steps = tuple[tuple[float, int], ...]
"""From which time on, in seconds, something is in which place (a dot), or in which of ``STATES`` (a box)."""


@dataclass(frozen=True)
class Place:
    """Where a dot can be: a ``line`` in which it waits, a ``box`` that works on it, or an ``exit``. Its corner and size, on the stage."""

    kind: str
    label: str
    x: float
    y: float
    width: float
    height: float
    states: Steps = ()
    provisioned: bool = False
    colour: str = "queued"


@dataclass(frozen=True)
class Dot:
    """A request, message or record. ``odd``: one that fails each time; ``colour``: by its name in ``plots.Theme``."""

    steps: Steps
    odd: bool = False
    colour: str = "ink"


@dataclass(frozen=True)
class Moment:
    """A story at one time: for each place its dots, by their numbers, and for each box its state."""

    time: float
    dots: tuple[tuple[int, ...], ...]
    states: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Story:
    """What can be watched for ``seconds``. ``start`` is the time that is shown first, ``speed`` that of the story, in a second."""

    title: str
    seconds: float
    places: tuple[Place, ...]
    dots: tuple[Dot, ...] = field(repr=False)
    boxes: str = "environments"
    start: float = 0.0

    @property
    def speed(self) -> float:
        """Such that it lasts for half a minute or so."""
        return min((0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0), key=lambda speed: abs(math.log(speed * 30 / self.seconds)))

    def at(self, time: float) -> Moment:
        """The story at ``time``."""
        dots: list[list[int]] = [[] for _ in self.places]
        for number, dot in enumerate(self.dots):
            place = _last(dot.steps, time)
            if place is not None:
                dots[place].append(number)
        states = tuple(STATES[_last(place.states, time) or 0] if place.kind == "box" else "" for place in self.places)
        return Moment(time, tuple(map(tuple, dots)), states, self._sentence(time, dots, states))

    def _sentence(self, time: float, dots: list[list[int]], states: tuple[str, ...]) -> str:
        counts = Counter(states)
        boxes = [f"{counts[state]} {state}" for state in STATES[1:] if counts[state] or state == RUNNING]
        elsewhere = [
            f"{len(there)} {place.label}" for place, there in zip(self.places, dots, strict=True) if place.kind != "box"
        ]
        return f"At {time:.2f} s: {self.boxes}: {', '.join(boxes)}; {', '.join(elsewhere)}."

    @property
    def words(self) -> str:
        """The whole of it, for those who do not see it."""
        return f"{self.title}, followed for {self.seconds:g} s. {self.at(self.start).sentence} {self.at(self.seconds).sentence}"

    @cached_property
    def data(self) -> dict:
        """For ``living.js``: plain values, times in seconds."""
        places = [asdict(place) | {"states": _flat(place.states)} for place in self.places]
        dots = [{"steps": _flat(dot.steps), "odd": dot.odd, "colour": dot.colour} for dot in self.dots]
        themes = {theme.name: asdict(theme) for theme in (LIGHT, DARK)}
        said = {name: getattr(self, name) for name in ("title", "seconds", "boxes", "start", "speed", "words")}
        return said | {
            "places": places,
            "dots": dots,
            "states": list(STATES),
            "colours": COLOURS,
            "themes": themes,
            "width": WIDTH,
            "height": HEIGHT,
        }

    def still(self, theme: Theme = LIGHT) -> bytes:
        """The story at its start as a PNG: for a page that runs no scripts."""
        with matplotlib.rc_context(theme.style):
            figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100))
            FigureCanvasAgg(figure)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
            axes.set_axis_off()
            moment = self.at(self.start)
            axes.text(10, 24, self.title, color=theme.ink, size=11)
            for place, there, state in zip(self.places, moment.dots, moment.states, strict=True):
                _draw_place(axes, place, len(there), state, theme)
                for rank, number in enumerate(there if place.kind != "exit" else ()):
                    spot = spot_of(place, rank, len(there))
                    if spot is None:
                        break
                    dot = self.dots[number]
                    colour = getattr(theme, place.colour if place.kind == "line" and not dot.odd else dot.colour)
                    axes.plot(*spot, "D" if dot.odd else "o", color=colour, markeredgecolor=theme.paper, markersize=7)
            buffer = BytesIO()
            figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


GAP = 13
"""How far dots are apart."""


def spot_of(place: Place, rank: int, count: int) -> tuple[float, float] | None:
    """Where the dot is that is the ``rank``-th of ``count`` in ``place``; None where there is no room to show it. As in ``living.js``."""
    across, down = (max(int((size - 4) // GAP), 1) for size in (place.width, place.height))
    if rank >= across * down:
        return None
    if place.kind == "line":  # its head is to the right, next to what takes from it
        column, row = divmod(rank, down)
        return place.x + place.width - GAP * (column + 0.5), place.y + GAP * (row + 0.5)
    row, column = divmod(rank, across)
    columns, rows = min(count, across), min(math.ceil(count / across), down)
    return (
        place.x + place.width / 2 + GAP * (column - (columns - 1) / 2),
        place.y + place.height / 2 + GAP * (row - (rows - 1) / 2),
    )


def _draw_place(axes, place: Place, count: int, state: str, theme: Theme) -> None:
    from matplotlib.patches import Rectangle

    if place.kind == "box":
        there = state != NEVER
        edge = theme.provisioned if place.provisioned else theme.axis
        face = getattr(theme, COLOURS[state]) if there else "none"
        dashes = "-" if there or place.provisioned else (0, (3, 3))
        axes.add_patch(
            Rectangle((place.x, place.y), place.width, place.height, facecolor=face, edgecolor=edge, linestyle=dashes)
        )
        axes.text(place.x + 1, place.y - 4, place.label, color=theme.axis, size=7)
        return
    axes.text(place.x, place.y - 8, f"{count} {place.label}", color=theme.ink, size=9)
    axes.plot([place.x, place.x + place.width], [place.y + place.height] * 2, color=theme.axis, linewidth=0.8)


def _last(steps: Steps, time: float) -> int | None:
    """What holds at ``time``."""
    found = None
    for since, value in steps:
        if since > time:
            break
        found = value
    return found


def _flat(steps: Steps) -> list[float]:
    """Times to a hundredth of a millisecond: what is written into a page."""
    return [value for time, what in steps for value in (round(time, 5), what)]


class LivingWidget(anywidget.AnyWidget):
    """The story in a running notebook: all of it goes to the page at once."""

    _esm = Path(__file__).with_name("living.js")
    story = traitlets.Dict().tag(sync=True)


class Living:
    """A story in a notebook: as the last line of a cell it shows itself, with a kernel and without one."""

    def __init__(self, story: Story) -> None:
        self.story = story

    @cached_property
    def widget(self) -> LivingWidget:
        return LivingWidget(story=self.story.data)

    @property
    def html(self) -> str:
        """A page's part that needs nothing else: the same module and the same data, and a still picture for where scripts are not let in."""
        module = Path(__file__).with_name("living.js").read_text(encoding="utf-8").replace("</", "<\\/")
        data = json.dumps(self.story.data, separators=(",", ":")).replace("</", "<\\/")
        name = f"lc-living-{sha256(data.encode()).hexdigest()[:12]}"
        still = image_html(*(b64encode(self.story.still(theme)).decode() for theme in (LIGHT, DARK)), self.story.words)
        start = f'for (const el of document.querySelectorAll(".{name}")) show(el, {data});'
        return f'<div class="{name}">{still}<p>{escape(self.story.words)}</p></div><script type="module">\n{module}\n{start}\n</script>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        still = {
            "text/plain": self.story.words,
            "text/html": self.html,
            "image/png": b64encode(self.story.still()).decode(),
        }
        return show_live(self.widget, still)


def watch(run: Run, name: str, seconds: float | None = None, start: float = 0.0) -> Living:
    """Watch the function, queue or stream ``name`` of ``run``, which needs ``record=True``.

    seconds: how much of it, all by default. start: the time that is shown first. What is longer than an idle timeout cannot be
    watched, nor what has more than ``MOST_BOXES`` environments or ``MOST_DOTS`` requests.
    """
    result, length = run[name], run.scenario.seconds
    seconds = checks.number(
        "watch(seconds", length if seconds is None else seconds, f"must be above 0, at most {length:g} s", above=0, most=length
    )
    start = checks.number("watch(start", start, f"must be from 0 to {seconds:g} s", least=0, most=seconds)
    if isinstance(result, FunctionRun):
        story = _environments(run, result, seconds)
    elif isinstance(result, QueueRun):
        story = _queue(run, result, seconds)
    else:
        story = _stream(run, result, seconds)
    if len(story.dots) > MOST_DOTS:
        raise ValueError(f"watch({name!r}): {len(story.dots):,} dots are more than one can follow: at most {MOST_DOTS:,}.")
    return Living(replace(story, start=start))


# What happens in a function's environments


def _environments(run: Run, result: FunctionRun, seconds: float) -> Story:
    """Requests come from the left; those that are served go to the right, those that are throttled are turned away below."""
    requests = _first(result.requests, seconds)
    boxes = _boxes_of(run, result, requests)
    places = [*_grid(boxes, left=240, right=WIDTH - 190), *_exits(("served", "failed"), requests.outcome.map(ENDS))]
    places.append(Place("exit", "throttled", 30, HEIGHT - 60, 150, 26))
    exits = {place.label: number for number, place in enumerate(places) if place.kind == "exit"}
    dots = []
    for each in requests.itertuples():
        end = exits[ENDS[each.outcome]]
        if each.outcome == "throttled":
            dots.append(Dot(((each.time, end),), colour="throttled"))
        else:
            dots.append(Dot(((each.time, each.environment), (each.arrival + each.latency, end))))
    outlined = "; green edges are provisioned" if any(box.provisioned for box in boxes) else ""
    return Story(f"{result.function.name}: requests and environments{outlined}", seconds, tuple(places), tuple(dots))


ENDS = {"ok": "served", "error": "failed", "timeout": "failed", "throttled": "throttled"}


@dataclass(frozen=True)
class _Box:
    states: Steps
    provisioned: bool = False


def _boxes_of(run: Run, result: FunctionRun, requests: pd.DataFrame) -> list[_Box]:
    """The environments: those that served, and those for which there is room."""
    function = result.function
    longest = requests.time.max() if len(requests) else 0.0
    if longest > min(function.idle_timeout, function.maximum_age or math.inf):
        raise ValueError(
            f"watch({function.name!r}): {longest:.0f} s are more than the idle timeout of {function.idle_timeout:g} s; a record does "
            "not say when an environment ended."
        )
    served = requests[requests.outcome != "throttled"]
    states: dict[int, list[tuple[float, int]]] = {number: [(0.0, 3)] for number in range(function.provisioned_concurrency)}
    for each in served.itertuples():
        ready, end = each.arrival + each.wait, each.arrival + each.latency
        working = STATES.index(RUNNING if each.outcome == "ok" else FAILING)
        mine = states.setdefault(each.environment, [(0.0, 0)])
        mine += [(each.time, STATES.index(STARTING))] if each.init else []
        mine += [(ready, working), (end, STATES.index(IDLE))]
    limit = min(function.reserved_concurrency or math.inf, run.scenario.account.concurrency_limit or math.inf)
    count = max(states, default=-1) + 1
    if count > MOST_BOXES:
        raise ValueError(
            f"watch({function.name!r}): {count:,} environments are more than one can follow: at most {MOST_BOXES}."
        )
    room = int(limit) if limit <= MOST_BOXES else count
    return [
        _Box(tuple(states.get(number, ())), number < function.provisioned_concurrency) for number in range(max(count, room))
    ]


def _grid(boxes: Sequence[_Box], left: float, right: float) -> list[Place]:
    """Boxes side by side, as large as there is room."""
    columns = next(each for each in (4, 6, 8, 10, 15) if each * 4 >= len(boxes))
    step, down = (right - left) / columns, min((HEIGHT - 56) / max(math.ceil(len(boxes) / columns), 1), 90)
    return [
        Place(
            "box", str(number + 1), left + step * (number % columns), 62 + down * (number // columns), step - 14, down - 24,
            box.states, box.provisioned,
        )
        for number, box in enumerate(boxes)
    ]  # fmt: skip


def _exits(labels: Iterable[str], happened: Iterable[str]) -> list[Place]:
    """The ways out, one under the other at the right: the first always, the others where something takes them."""
    seen = set(happened)
    shown = [label for number, label in enumerate(labels) if number == 0 or label in seen]
    return [Place("exit", label, WIDTH - 170, 78 + 82 * row, 150, 26) for row, label in enumerate(shown)]


# A queue and its pollers


def _queue(run: Run, result: QueueRun, seconds: float) -> Story:
    """Messages wait in line, are handed to an environment in batches, and are deleted; or are hidden for a while, and come back."""
    worker = run[result.mapping.function.name]
    requests, messages = _first(worker.requests, seconds), _first(result.messages, seconds)
    places = _grid(_boxes_of(run, worker, requests), left=370, right=WIDTH - 190)
    places += [Place("line", WAITING, 20, 78, 300, 96), Place("line", HIDDEN, 20, 222, 300, 44, colour="busy")]
    places += _exits(("deleted", "dead-lettered", "expired"), messages.event)
    number_of = {place.label: number for number, place in enumerate(places) if place.kind != "box"}
    goes = number_of | {"sent": number_of[WAITING], "returned": number_of[WAITING], "received": number_of[HIDDEN]}
    steps: dict[int, list[tuple[float, int]]] = {}
    for each in messages.itertuples():
        if each.event in goes:
            steps.setdefault(each.message, []).append((each.time, goes[each.event]))
    for request, batch in _batches(requests, messages):
        end = request.arrival + request.latency
        for message in batch:
            over = any(request.time < time <= end for time, _ in steps[message])  # deleted, or visible again before the end
            handed = [(request.time, request.environment)] + ([] if over else [(end, number_of[HIDDEN])])
            steps[message] = sorted(steps[message] + handed, key=lambda step: step[0])
    back = set(messages.message[messages.event == "returned"])
    dots = [Dot(tuple(mine), odd=message in back) for message, mine in sorted(steps.items())]
    title = f"{result.queue.name}: a queue, and the environments that take from it; diamonds come back"
    return Story(title, seconds, tuple(places), tuple(dots))


WAITING, HIDDEN = "waiting", "in flight, in no environment"


def _batches(requests: pd.DataFrame, messages: pd.DataFrame) -> Iterator[tuple[Any, list[int]]]:
    """Each request that ran, with the messages of its batch: what was received from its first message on, until another's first."""
    received = messages[messages.event == "received"]
    numbers, times = received.message.tolist(), received.time.tolist()
    sent = messages[messages.event == "sent"]
    message_of = dict(zip(sent.time, sent.message, strict=True))
    firsts = []
    for request in requests.itertuples():
        first = message_of[request.arrival]
        firsts.append(max(place for place, number in enumerate(numbers) if number == first and times[place] <= request.time))
    following = sorted({*firsts, len(numbers)})
    for request, first in zip(requests.itertuples(), firsts, strict=True):
        if request.outcome != "throttled":
            end = following[bisect_right(following, first)]
            yield request, [numbers[place] for place in range(first, end) if times[place] <= request.time]


# A stream's shards


def _stream(run: Run, result: StreamRun, seconds: float) -> Story:
    """In each lane of a shard the records wait in order, and one batch at a time is worked on."""
    mapping, *others = result.mappings
    if others:
        raise ValueError(f"watch({result.stream.name!r}): {len(result.mappings)} functions read it, and one can be followed.")
    factor = mapping.parallelization_factor
    count = result.stream.shards * factor
    if count > MOST_LANES:
        raise ValueError(f"watch({result.stream.name!r}): {count} lanes are more than one can follow: at most {MOST_LANES}.")
    records, batches = _first(result.records, seconds), _first(result.batches, seconds)
    lane_of = (records.shard * factor + records.lane).tolist()
    requests = run[mapping.function.name].requests[: len(batches)]
    ready, ends = requests.arrival + requests.wait, requests.arrival + requests.latency
    states: list[list[tuple[float, int]]] = [[(0.0, STATES.index(IDLE))] for _ in range(count)]
    steps = {number: [(time, count + lane)] for number, time, lane in zip(records.number, records.time, lane_of, strict=True)}
    of_lane: list[list[int]] = [[] for _ in range(count)]
    for number, lane in zip(records.number, lane_of, strict=True):
        of_lane[lane].append(number)
    for each, begin, end in zip(batches.itertuples(), ready, ends, strict=True):
        if each.outcome == "throttled":
            continue
        lane = each.shard * factor + each.lane
        working = STATES.index(FAILING if each.outcome != "ok" or each.failed >= 0 else RUNNING)
        states[lane] += [(each.time, STATES.index(STARTING))] if begin > each.time else []
        states[lane] += [(begin, working), (end, STATES.index(IDLE))]
        first = of_lane[lane].index(each.first)
        for number in of_lane[lane][first : first + each.size]:
            steps[number] += [(each.time, lane), (end, count + lane)]
    over = records[records.state.isin(["processed", "delivered", "dropped", "expired"]) & (records.end < seconds)]
    exits = _exits(("processed", "given up", "expired"), [GONE[state] for state in over.state])
    number_of = {place.label: 2 * count + number for number, place in enumerate(exits)}
    for number, state, end in zip(over.number, over.state, over.end, strict=True):
        steps[number].append((end, number_of[GONE[state]]))
    poison = set(records.number[records.poison])
    dots = [Dot(tuple(sorted(mine, key=lambda step: step[0])), number in poison) for number, mine in steps.items()]
    title = f"{result.stream.name}: shards, and the batch that each has in hand" + (
        "; the diamond is the poison record" if poison else ""
    )
    return Story(title, seconds, (*_lanes(states, factor), *exits), tuple(dots), boxes="batches")


MOST_LANES = 8
GONE = {"processed": "processed", "delivered": "given up", "dropped": "given up", "expired": "expired"}


def _lanes(states: list[list[tuple[float, int]]], factor: int) -> list[Place]:
    """A box for each lane, and after all of them a line for each."""
    down = (HEIGHT - 50) / len(states)
    names = [
        f"shard {lane // factor + 1}" + (f", lane {lane % factor + 1}" if factor > 1 else "") for lane in range(len(states))
    ]
    tops = [62 + down * lane for lane in range(len(states))]
    boxes = [Place("box", "", 600, top - 14, 150, down - 12, tuple(mine)) for top, mine in zip(tops, states, strict=True)]
    lines = [Place("line", f"waiting in {name}", 20, top, 560, down - 26) for name, top in zip(names, tops, strict=True)]
    return boxes + lines


def _first(table: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """What began before ``seconds``."""
    return table[table.time < seconds]
