"""What the answers say: how much is remembered, how much will be, and whether the learner knows what they know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from lambdacourse.drill import bank as banks
from lambdacourse.drill import history
from lambdacourse.drill.asking import PASSED
from lambdacourse.drill.bank import Bank
from lambdacourse.drill.deck import RETENTION, Deck
from lambdacourse.drill.history import CONFIDENCE, Review

if TYPE_CHECKING:
    from lambdacourse.plots import Picture

FAR = 30
"""Days ahead that a forecast looks, when no interview is planned."""


@dataclass(frozen=True)
class Topic:
    """One topic. retention: the share right of answers a day or more after the one before; None without any.

    now, then: the share of all its questions that the learner would know today and on the forecast's day; a question never seen is
    not known.
    """

    name: str
    questions: int
    seen: int
    answers: int
    retention: float | None
    now: float
    then: float


@dataclass(frozen=True)
class Level:
    """Answers that were given with one sureness: the chance that was claimed, and the share that was right."""

    claimed: float
    words: str
    answers: int
    right: float


@dataclass(frozen=True)
class Statistics:
    """Topics, the weakest first; and the calibration, by sureness."""

    topics: tuple[Topic, ...]
    levels: tuple[Level, ...]
    day: date

    @property
    def weakest(self) -> tuple[str, ...]:
        """The three topics of which least will be known."""
        return tuple(topic.name for topic in self.topics[:3])


def statistics(
    bank: Bank | None = None, reviews: Sequence[Review] | None = None, day: date | None = None, now: datetime | None = None
) -> Statistics:
    """What ``reviews`` (the learner's own, unless given) say about ``bank``, with a forecast for ``day``."""
    from lambdacourse.drill.session import interview_day

    bank = banks.load() if bank is None else bank
    reviews = history.read()[0] if reviews is None else reviews
    now = now or datetime.now(UTC)
    day = day or interview_day() or now.date() + timedelta(days=FAR)
    deck = Deck(bank, reviews)
    names = dict.fromkeys(question.topic for question in bank)
    topics = [_topic(name, bank, deck, reviews, now, datetime.combine(day, time(9), UTC)) for name in names]
    return Statistics(tuple(sorted(topics, key=lambda topic: topic.then)), tuple(calibration(reviews)), day)


def calibration(reviews: Iterable[Review]) -> list[Level]:
    """For each sureness that was claimed: how often the answer was right."""
    levels = []
    for claimed, words in CONFIDENCE:
        right = [review.share >= PASSED for review in reviews if review.sure == claimed]
        if right:
            levels.append(Level(claimed, words, len(right), sum(right) / len(right)))
    return levels


def _topic(name: str, bank: Bank, deck: Deck, reviews: Sequence[Review], now: datetime, then: datetime) -> Topic:
    ids = [question.id for question in bank if question.topic == name]
    seen = [id for id in ids if id in deck.cards]
    mine = [review for review in reviews if review.id in set(ids)]
    last: dict[str, datetime] = {}
    recalls = []
    for review in mine:
        if review.id in last and review.at - last[review.id] >= timedelta(days=1):
            recalls.append(review.share >= PASSED)
        last[review.id] = review.at

    def known(at: datetime) -> float:
        return sum(deck.remembered(id, at) for id in seen) / len(ids)

    return Topic(
        name, len(ids), len(seen), len(mine), sum(recalls) / len(recalls) if recalls else None, known(now), known(then)
    )


def as_text(found: Statistics) -> str:
    """Both tables for a terminal."""
    heads = ("topic", "seen", "answers", "kept", "known now", f"known {found.day:%d %b}")
    rows = [
        (
            each.name,
            f"{each.seen}/{each.questions}",
            str(each.answers),
            _percent(each.retention),
            _percent(each.now),
            _percent(each.then),
        )
        for each in found.topics
    ]
    text = _columns([heads, *rows])
    if found.levels:
        sure = [("you were", "answers", "claimed", "right")]
        sure += [(each.words, str(each.answers), _percent(each.claimed), _percent(each.right)) for each in found.levels]
        text += "\n\n" + _columns(sure)
    return f"{text}\n\nWeakest: {', '.join(found.weakest)}. Kept: right a day or more after the last time; {RETENTION:.0%} is aimed at."


def plot_topics(found: Statistics) -> Picture:
    """How much of each topic will be known on the forecast's day, the weakest first."""
    from lambdacourse import plots

    rows = [(f"{each.name} ({each.seen} of {each.questions} seen)", 100 * each.then, "axis") for each in found.topics]
    return plots.bars(
        f"Known on {found.day:%d %B}, without further practice",
        "% of the topic's questions",
        rows,
        lambda value: f"{value:.0f} %",
    )


def plot_calibration(found: Statistics) -> Picture:
    """How often answers were right, against how sure the learner was."""
    import numpy as np

    from lambdacourse.plots import Curve, Frame, Mark, Panel, curves

    claimed = np.array([100 * level.claimed for level in found.levels])
    right = np.array([100 * level.right for level in found.levels])
    diagonal = np.linspace(0.0, 100.0, 11)
    ideal = Curve("as sure as right", diagonal, diagonal, "limit", at=0.2, under=True, dashed=True)
    mine = Curve("", claimed, right, "ink", marker="o")
    marks = [
        Mark(
            100 * each.claimed,
            100 * each.right,
            f"{each.words}: {each.answers}",
            each.right >= each.claimed,
        )
        for each in found.levels
    ]
    frame = Frame("Calibration", "how sure, %", "right, %", (0, 120), (0, 108), x_ticks=(0, 25, 50, 75, 100))
    return curves(Panel(frame, [ideal, mine] if len(claimed) else [ideal], marks))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )
