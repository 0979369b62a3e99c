"""One sitting of the drill, without a face: the terminal and the notebook show it.

Every answer is kept at once, so that a sitting can end at any moment and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from lambdacourse import learner
from lambdacourse.drill import bank as banks
from lambdacourse.drill import history
from lambdacourse.drill.asking import Asked, Mark, ask
from lambdacourse.drill.bank import Bank
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.history import Review
from lambdacourse.errors import CourseError


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Session:
    """A sitting of ``minutes`` on a ``topic`` (or all). ``complaints``: what could not be read, in sentences."""

    topic: str = ""
    minutes: float = 10
    bank: Bank = field(default_factory=banks.load)
    now: Callable[[], datetime] = utc_now

    source: ClassVar[str] = "drill"
    """Where its answers say that they were given."""

    def __post_init__(self) -> None:
        self.complaints = [str(problem) for problem in self.bank.problems]
        self.bank = self.bank.about(self.topic)
        if not self.bank.questions:
            known = sorted({question.topic for question in banks.load()})
            raise CourseError(
                f"There are no questions about {self.topic!r}. Topics: {', '.join(known)}; or a lesson, such as 01."
            )
        reviews, complaints = history.read()
        self.complaints += complaints
        self.deck = Deck(self.bank, reviews, interview_day())
        self.learner = learner.current()
        self.marks: list[Mark] = []
        self.asked: Asked | None = None
        self._ends = self.now() + timedelta(minutes=self.minutes)

    def next(self) -> Asked | None:
        """Ask the next question; None when the time is over or nothing is left for today."""
        question = None if self.now() >= self._ends else self.deck.next(self.now())
        self.asked = None if question is None else ask(question, self.learner, self.deck.turns[question.id])
        return self.asked

    @property
    def is_new(self) -> bool:
        """Whether the question is asked for the first time."""
        return self.asked is not None and self.asked.question.id not in self.deck.cards

    def answer(self, understood: Any, sure: float | None) -> Mark:
        """Mark and keep the answer to the question that was asked."""
        assert self.asked is not None
        return self._keep(self.asked.mark(understood), sure)

    def give_up(self) -> Mark:
        """Keep that the learner does not know the answer."""
        return self._keep(Mark(0.0, "It comes back soon."), None)

    def _keep(self, mark: Mark, sure: float | None) -> Mark:
        assert self.asked is not None
        review = Review(self.asked.question.id, self.now(), mark.share, sure, self.source)
        history.append(review)
        self.deck.record(review)
        self.marks.append(mark)
        learner.remember(None, "drill", "draft")
        return mark

    @property
    def draft(self) -> str:
        """What the learner had written of an answer to this question when they were interrupted."""
        kept = learner.recall("drill", "draft")
        mine = isinstance(kept, list) and len(kept) == 2 and self.asked is not None and kept[0] == self.asked.question.id
        return str(kept[1]) if mine else ""

    def keep_draft(self, text: str) -> None:
        """Keep an unfinished answer for the next time."""
        if self.asked is not None and text.strip():
            learner.remember([self.asked.question.id, text], "drill", "draft")

    def summary(self) -> str:
        """How the sitting went, and what is left, in a sentence or two."""
        right, waiting, new = sum(mark.passed for mark in self.marks), len(self.deck.waiting(self.now())), len(self.deck.new())
        done = f"{len(self.marks)} answered, {right} right. " if self.marks else ""
        return f"{done}{waiting} due now, {new} new ones open."

    @property
    def go_on(self) -> str:
        """The command that goes on from here."""
        return "lambdacourse drill"


def interview_day() -> date | None:
    """The day of the interview, when ``lambdacourse plan`` was told one that has not passed."""
    try:
        day = date.fromisoformat(learner.recall("plan", "date", default=""))
    except (TypeError, ValueError):
        return None
    return day if day >= date.today() else None
