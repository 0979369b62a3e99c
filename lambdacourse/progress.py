"""How far the learner is: lessons, exercises and the drill's cards in one map, and what to go on with.

In a notebook: ``from lambdacourse.progress import progress_map``. Everything is worked out from what is kept already: predictions,
checked tasks, answered cards, the pre-test. What the course no longer has is left out of the map, and stays in the learner's file.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lambdacourse import learner
from lambdacourse.drill import bank as banks
from lambdacourse.drill import history
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.history import Review
from lambdacourse.drill.pretest import known_lessons
from lambdacourse.drill.session import interview_day
from lambdacourse.errors import CourseError
from lambdacourse.folders import content
from lambdacourse.grading.exercises import MODULES, exercise

if TYPE_CHECKING:
    from rich.table import Table

State = Literal["open", "begun", "done", "known"]
_MARKS: dict[State, str] = {"open": "○", "begun": "◐", "done": "●", "known": "●"}
_LEGEND = "○ not begun, ◐ begun, ● done"
_LEFT = 'style="text-align:left"'  # JupyterLab sets what is in a table to the right
_PREDICTION = re.compile(r'\b(?:predict|choose)\(\s*"(\d\d-[a-z0-9-]+)"')


@dataclass(frozen=True)
class Part:
    """A lesson, with predictions made of those it asks for; or an exercise, with points, and tasks given up.

    path: its notebook, in the course folder.
    """

    path: str
    title: str
    state: State
    got: float
    of: float
    given_up: int = 0

    def __str__(self) -> str:
        if self.state == "known":
            return "known from the pre-test"
        given_up = f", {self.given_up} given up" if self.given_up else ""
        return f"{self.got:g} of {self.of:g}{given_up}" if self.of else "to read"


@dataclass(frozen=True)
class Cards:
    """Questions of the drill: all there are, those that were answered before, and those of them that are due now."""

    seen: int
    of: int
    due: int

    def __str__(self) -> str:
        due = f", {self.due} due" if self.due else ""
        return f"{self.seen} of {self.of} seen{due}" if self.of else ""


@dataclass(frozen=True)
class Stage:
    """What the course has on one topic: a lesson, its exercise, its cards. name: the last one's, such as ``11-interview``."""

    name: str
    lesson: Part | None
    exercise: Part | None
    cards: Cards


@dataclass(frozen=True)
class Progress:
    """The map: its stages in order. In a notebook a table with links, elsewhere a text. notices: what could not be read."""

    learner: str
    stages: tuple[Stage, ...]
    notices: tuple[str, ...] = ()

    @property
    def next(self) -> Part | None:
        """What to go on with: the first that was begun and is not done, or else the first that was not begun; None: the drill."""
        parts = [part for stage in self.stages for part in (stage.lesson, stage.exercise) if part is not None and part.of]
        wanted = [part for state in ("begun", "open") for part in parts if part.state == state]
        return wanted[0] if wanted else None

    @property
    def due(self) -> int:
        """How many cards of the drill are due now."""
        return sum(stage.cards.due for stage in self.stages)

    def as_data(self) -> dict[str, Any]:
        """For machines: the stages as they are, ``next`` (a path or null) and ``due``."""
        return {**asdict(self), "next": self.next and self.next.path, "due": self.due}

    def table(self) -> Table:
        """The map for a terminal."""
        from rich.table import Table

        table = Table(title=f"{self.learner}: progress", title_justify="left", title_style="bold", caption_justify="left")
        table.caption = _LEGEND
        for heading in ("", "predictions", "points", "cards"):
            table.add_column(heading)
        for stage in self.stages:
            cells = [f"{_MARKS[part.state]} {part}" if part else "" for part in (stage.lesson, stage.exercise)]
            table.add_row(stage.name, *cells, str(stage.cards))
        return table

    @property
    def closing(self) -> str:
        """What comes next, in words."""
        cards = f"{self.due} {'card is' if self.due == 1 else 'cards are'} due: lambdacourse drill" if self.due else ""
        if self.next is None:
            return f"All is done. {cards or 'The drill keeps it: lambdacourse drill'}"
        return ". ".join(filter(None, [f"Next: {self.next.title} ({self.next.path})", cards]))

    def __repr__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=110, color_system=None, force_jupyter=False).print(self.table())
        return "\n".join([text.getvalue().rstrip(), self.closing, *self.notices])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(stage.name[:2])}</th>'
            f"{_cell(_told(stage.lesson))}{_cell(_told(stage.exercise))}{_cell(escape(str(stage.cards)))}</tr>"
            for stage in self.stages
        )
        heads = "".join(
            f'<th scope="col" {_LEFT}>{words}</th>' for words in ("", "Lesson: predictions", "Exercise: points", "Drill: cards")
        )
        follows = escape(self.closing)
        if self.next is not None:
            follows = follows.replace(escape(f"{self.next.title} ({self.next.path})"), _link(self.next))
        said = "".join(f'<p role="status">{escape(sentence)}</p>' for sentence in self.notices)
        return (
            f"{said}<p><strong>{follows}</strong></p><table><caption {_LEFT}>The progress of <code>{escape(self.learner)}</code>: "
            f"{_LEGEND}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )


def progress_map() -> Progress:
    """How far the learner at this machine is.

    A lesson is done when each of its predictions was made or shown; an exercise when each of its tasks was solved or given up.
    """
    try:
        reviews, complaints = history.read()
    except CourseError as problem:
        reviews, complaints = [], [str(problem)]
    lessons, exercises, cards = dict(_lessons()), dict(_exercises()), _cards(reviews)
    topics: dict[str, list[str]] = {}
    for name in sorted({*lessons, *exercises, *cards}):
        topics.setdefault(name.partition("-")[2], []).append(name)
    stages = [
        Stage(names[-1], lessons.get(names[0]), exercises.get(names[-1]), cards.get(names[0], Cards(0, 0, 0)))
        for names in sorted(topics.values(), key=itemgetter(-1))
    ]
    return Progress(learner.current().id, tuple(stages), (*learner.notices(), *complaints))


def _lessons() -> Iterator[tuple[str, Part]]:
    known = known_lessons()
    answered = {*learner.recall("predictions", default={}), *learner.recall("shown", default={})}
    for file in sorted((content() / "lessons").glob("[0-9][0-9]-*.ipynb")):
        title, asked = _title_and_predictions(file)
        if file.stem.startswith("00"):
            continue
        got = len(asked & answered)
        state = _state(got, len(asked), got == len(asked))
        part = Part(f"lessons/{file.name}", title, "known" if file.stem in known else state, got, len(asked))
        yield file.stem, part


def _exercises() -> Iterator[tuple[str, Part]]:
    kept = learner.recall("tasks", default={})
    for name in MODULES:
        found = exercise(name)
        mine = [(task, kept.get(f"{name}/{task.name}", {})) for task in found.tasks]
        given_up = sum(bool(each.get("given_up")) for _, each in mine)
        points = round(sum(task.points * each.get("share", 0) for task, each in mine if not each.get("given_up")), 2)
        done = all(each.get("given_up") or each.get("share", 0) >= 1 for _, each in mine)
        state = _state(sum(bool(each) for _, each in mine), len(mine), done)
        path, title = f"exercises/{name}/{name}.ipynb", f"Exercise {name[:2]} {found.title}"
        yield name, Part(path, title, state, points, found.points, given_up)


def _cards(reviews: Sequence[Review]) -> dict[str, Cards]:
    bank = banks.load()
    deck = Deck(bank, reviews, interview_day())
    of = Counter(map(banks.lesson, bank))
    seen = Counter(banks.lesson(bank.questions[id]) for id in deck.seen())
    due = Counter(map(banks.lesson, deck.waiting(datetime.now(UTC))))
    return {name: Cards(seen[name], of[name], due[name]) for name in of}


def _state(touched: int, of: int, is_done: bool) -> State:
    return "open" if not touched or not of else "done" if is_done else "begun"


def _title_and_predictions(file: Path) -> tuple[str, set[str]]:
    """The first heading of a lesson, and the names of the predictions it asks for."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]]
    title = next((text for kind, text in cells if kind == "markdown"), file.stem).lstrip("# ").partition("\n")[0]
    return f"Lesson {title}", {name for kind, text in cells if kind == "code" for name in _PREDICTION.findall(text)}


def _cell(html: str) -> str:
    return f"<td {_LEFT}>{html}</td>"


def _told(part: Part | None) -> str:
    if part is None:
        return ""
    mark = f'<span role="img" aria-label="{part.state}">{_MARKS[part.state]}</span>'
    return f"{mark} {_link(part)}<br><small>{escape(str(part))}</small>"


def _link(part: Part) -> str:
    """A link as it stands in a notebook of ``lessons/``."""
    return f'<a href="../{escape(part.path)}">{escape(part.title)}</a>'
