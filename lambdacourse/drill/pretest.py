"""What someone knows already: a question for each lesson, before the course. It is a sitting like any other, at the same two faces.

A lesson counts as known when its question was answered rightly, and surely: a lucky guess is none. Its answers are cards like all
others, so what went wrong comes back in the drill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lambdacourse import learner
from lambdacourse.drill.asking import Asked, Mark, ask
from lambdacourse.drill.bank import lesson
from lambdacourse.drill.questions import Question
from lambdacourse.drill.session import Session

KNOWN = 0.8
"""The share right, times how sure the learner was, from which a lesson counts as known: right and "sure", not "rather sure"."""
_KINDS = ("number", "choice", "fault")
_DIFFICULTY = "senior"


def known_lessons() -> set[str]:
    """The lessons that the pre-test says are known: ``{"01-concurrency": 0.95}`` in the progress file."""
    kept = learner.recall("pretest", default={})
    return {name for name, share in kept.items() if isinstance(share, int | float) and share >= KNOWN}


@dataclass
class Pretest(Session):
    """A sitting with one question a lesson, without end of time. Lessons that were asked about stay answered, until all were."""

    source: ClassVar[str] = "pretest"

    def __post_init__(self) -> None:
        super().__post_init__()
        lessons, answered = dict.fromkeys(map(lesson, self.bank)), learner.recall("pretest", default={})
        self.left = [name for name in lessons if name not in answered] or list(lessons)

    def next(self) -> Asked | None:
        """Ask about the next lesson; None when all were asked about."""
        self.asked = None
        if self.left:
            question = self._question(self.left[0])
            self.asked = ask(question, self.learner, self.deck.turns[question.id])
        return self.asked

    def summary(self) -> str:
        """What is known, and what follows from that."""
        known = sorted(known_lessons())
        so_far = f"Known already: {', '.join(known)}." if known else "No lesson is known for sure."
        return f"{so_far} {len(self.left)} to ask." if self.left else f"{so_far} The exercises tell more than a question can."

    @property
    def go_on(self) -> str:
        return "lambdacourse pretest" if self.left else "lambdacourse progress"

    def _question(self, name: str) -> Question:
        """One of a lesson's questions that can be marked at once: of middling difficulty and not seen, where there is one."""
        choices = [each for each in self.bank if lesson(each) == name and each.kind in _KINDS]
        for wanted in (lambda each: each.difficulty == _DIFFICULTY, lambda each: each.id not in self.deck.cards):
            choices = list(filter(wanted, choices)) or choices
        return self.learner.numbers("pretest", name).pick("question", choices)

    def _keep(self, mark: Mark, sure: float | None) -> Mark:
        assert self.asked is not None
        name = lesson(self.asked.question)
        learner.remember(round(mark.share * (sure or 0), 3), "pretest", name)
        self.left.remove(name)
        return super()._keep(mark, sure)
