"""Which question comes next: those that are due, then new ones in the order of the lessons.

A card's state follows from the learner's answers by FSRS, the scheduler that Anki uses too: ``retention`` is the share that is to be
remembered when a card comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from fsrs import Card, Rating, Scheduler, State

from lambdacourse import learner
from lambdacourse.drill.asking import PASSED
from lambdacourse.drill.bank import Bank
from lambdacourse.drill.history import Review
from lambdacourse.drill.questions import Question

RETENTION = 0.9
AHEAD = timedelta(minutes=20)
"""A card that is being learned comes back so much early when nothing else is left."""


def rating(review: Review) -> Rating:
    """What an answer means to the scheduler: a lucky guess, or an answer right in part, is hard; nothing is ever called easy."""
    if review.share < PASSED:
        return Rating.Again
    if review.share < 1 or (review.sure is not None and review.sure <= 0.25):
        return Rating.Hard
    return Rating.Good


class Deck:
    """The cards of one learner: ``bank`` with what ``reviews`` made of it. ``interview``: the day from which none is needed."""

    def __init__(
        self, bank: Bank, reviews: Iterable[Review] = (), interview: date | None = None, retention: float = RETENTION
    ) -> None:
        self.bank, self.interview = bank, interview
        self.scheduler = Scheduler(desired_retention=retention, enable_fuzzing=False)
        self.cards: dict[str, Card] = {}
        self.turns: dict[str, int] = defaultdict(int)
        self.passed: set[str] = set()
        self.failed_tasks = failed_tasks()
        for review in reviews:
            self.record(review)

    def record(self, review: Review) -> None:
        """Take an answer in. Those to questions that the bank no longer has are kept too: they may come back."""
        card = self.cards.get(review.id) or Card(card_id=len(self.cards), due=review.at)
        at = max(review.at, card.last_review or review.at)  # a clock set back must not give negative intervals
        self.cards[review.id], _ = self.scheduler.review_card(card, rating(review), at)
        self.turns[review.id] += 1
        if review.share >= PASSED:
            self.passed.add(review.id)

    def due(self, id: str) -> datetime:
        """When a card that was seen comes back: before the interview, and within a day while its exercise task is not solved."""
        card = self.cards[id]
        due, last = card.due, card.last_review or card.due
        if set(self.bank.questions[id].tasks) & self.failed_tasks:
            due = min(due, last + timedelta(days=1))
        if self.interview is not None:
            day_before = datetime.combine(self.interview, datetime.min.time(), UTC) - timedelta(days=1)
            if last < day_before:
                due = min(due, day_before)
        return due

    def remembered(self, id: str, at: datetime) -> float:
        """The chance that a card that was seen is remembered ``at`` a time."""
        return self.scheduler.get_card_retrievability(self.cards[id], at)

    def seen(self) -> list[str]:
        """The ids of this bank's questions that were asked before."""
        return [id for id in self.bank.questions if id in self.cards]

    def waiting(self, now: datetime) -> list[Question]:
        """The cards that are due, the one that has waited longest first."""
        due = sorted((self.due(id), id) for id in self.seen())
        return [self.bank.questions[id] for when, id in due if when <= now]

    def new(self) -> list[Question]:
        """The questions not asked yet whose prerequisites were answered: those of failed tasks first, then by lesson."""
        fresh = [each for each in self.bank if each.id not in self.cards and self._is_open(each)]
        return sorted(fresh, key=lambda each: not set(each.tasks) & self.failed_tasks)

    def next(self, now: datetime) -> Question | None:
        """What to ask now; None when nothing is due, new, or nearly due."""
        for question in [*self.waiting(now), *self.new()]:
            return question
        learning = [(self.due(id), id) for id in self.seen() if self.cards[id].state != State.Review]
        soon = [(when, id) for when, id in learning if when <= now + AHEAD]
        return self.bank.questions[min(soon)[1]] if soon else None

    def _is_open(self, question: Question) -> bool:
        return all(id in self.passed or id not in self.bank.questions for id in question.prerequisites)


def failed_tasks() -> set[str]:
    """The exercise tasks that the learner tried and has not solved."""
    tasks = learner.recall("tasks", default={})
    return {name for name, task in tasks.items() if task.get("tries") and task.get("share", 0) < 1}
