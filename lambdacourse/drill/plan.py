"""From today to the interview: each day's lessons, exercise tasks, cards and mock interviews.

Only the date and the hours a day are kept. The plan is worked out from what the learner has done, each time it is shown: a day that
was missed is thereby planned again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from lambdacourse import learner
from lambdacourse.drill.bank import Bank, lesson
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.history import Review
from lambdacourse.drill.pretest import known_lessons
from lambdacourse.errors import CourseError

LESSON, STEP, TASK, NEW_CARD, OLD_CARD, MOCK = 25.0, 5.0, 6.0, 1.5, 0.5, 45.0
"""Minutes: of a lesson, of its smallest part, of a task, a new card, a card seen before, a mock interview."""
MOCKS = 3
FARTHEST = 366


@dataclass(frozen=True)
class Item:
    """Something to do: ``count`` units of ``minutes`` each, of one kind: a lesson's parts, cards, tasks, a mock interview."""

    kind: str
    about: str
    minutes: float
    count: int
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.kind:
            case "lesson":
                return f"lesson {self.about}" + (
                    "" if self.count * self.minutes >= LESSON else f", {self.count * self.minutes:g} min of it"
                )
            case "tasks":
                return f"exercise {self.about}: {', '.join(self.names)}"
            case "new cards":
                return f"{self.count} new {'card' if self.count == 1 else 'cards'} on {self.about}"
            case "cards":
                return (
                    f"{self.count} {'card' if self.count == 1 else 'cards'} that {'comes' if self.count == 1 else 'come'} back"
                )
        return self.about if self.count == 1 else f"{self.count} {self.about}s"


@dataclass(frozen=True)
class Day:
    """A day and what to do on it."""

    date: date
    items: tuple[Item, ...]

    @property
    def minutes(self) -> float:
        return sum(item.minutes * item.count for item in self.items)


@dataclass(frozen=True)
class Plan:
    """The days from today to the interview, and what does not fit into them."""

    days: tuple[Day, ...]
    interview: date
    left_over: tuple[Item, ...]

    def __str__(self) -> str:
        lines = [
            f"{day.date:%a %d %b}  {day.minutes:4.0f} min  {'; '.join(map(str, day.items)) or 'free'}" for day in self.days
        ]
        lines.append(f"{self.interview:%a %d %b}            the interview")
        if self.left_over:
            short = sum(item.minutes * item.count for item in self.left_over) / 60
            lines.append(
                f"Does not fit, {short:.1f} h: {'; '.join(map(str, self.left_over))}. Take more hours a day, or a later date."
            )
        return "\n".join(lines)


def remember(interview: date, hours: float, today: date) -> None:
    """Keep the day of the interview and the hours a day. Raises ``CourseError``."""
    if not today < interview <= today + timedelta(days=FARTHEST):
        raise CourseError(f"--date {interview}: the interview must be after today ({today}), at most a year ahead.")
    if not 0.25 <= hours <= 16:
        raise CourseError(f"--hours {hours:g}: the hours a day must be from 0.25 to 16.")
    learner.remember({"date": interview.isoformat(), "hours": hours}, "plan")


def remembered(today: date) -> tuple[date, float]:
    """The day of the interview and the hours a day. Raises ``CourseError`` when none was told, or it has passed."""
    kept = learner.recall("plan", default={})
    try:
        interview, hours = date.fromisoformat(kept["date"]), float(kept["hours"])
    except (KeyError, TypeError, ValueError):
        raise CourseError("When is the interview? For example: lambdacourse plan --date 2027-01-31 --hours 1.5") from None
    if interview <= today:
        raise CourseError(f"The interview was planned for {interview}. Plan the next one with --date.")
    return interview, hours


def plan(
    bank: Bank,
    reviews: Sequence[Review],
    lessons: Sequence[str],
    tasks: Mapping[str, Sequence[str]],
    interview: date,
    hours: float,
    today: date,
) -> Plan:
    """What to do on each day from ``today`` to the day before the ``interview``, with ``hours`` a day.

    lessons: their names, in order. tasks: by exercise, those there are. Cards that come back go first, then mock interviews, then
    lesson by lesson what is not done. Cards are counted as if each were answered right.
    """
    dates = [today + timedelta(days=number) for number in range((interview - today).days)]
    deck = Deck(bank, reviews, interview)
    work = _work(bank, deck, lessons, tasks)
    mocks = _mock_dates(dates, reviews)
    days = []
    for day in dates:
        items, left = [], 60 * hours
        if waiting := _answer_all_due(deck, day):
            count = min(waiting, max(1, int(left / OLD_CARD)))
            items.append(Item("cards", "", OLD_CARD, count))
            left -= items[-1].minutes * count
        if mocks and day >= mocks[0] and left >= MOCK:  # one a day; where it does not fit, on the next day
            items.append(Item("mock", "mock interview", MOCK, 1))
            left -= MOCK
            del mocks[0]
        while work and (fits := min(work[0].count, int(left / work[0].minutes))) > 0:
            done, rest = _split(work[0], fits)
            _learn(deck, done, day)
            items.append(done)
            left -= done.minutes * done.count
            work[:1] = [rest] if rest.count else []
        days.append(Day(day, tuple(items)))
    if mocks:
        work.append(Item("mock", "mock interview", MOCK, len(mocks)))
    return Plan(tuple(days), interview, tuple(work))


def _work(bank: Bank, deck: Deck, lessons: Sequence[str], tasks: Mapping[str, Sequence[str]]) -> list[Item]:
    """What is not done, lesson by lesson; exercises without a lesson of their name come last.

    A lesson that the pre-test says is known is skipped; its cards and tasks are not.
    """
    known, unseen = known_lessons(), [each for each in bank if each.id not in deck.cards]
    work = []
    for name in [*lessons, *(exercise for exercise in tasks if exercise not in lessons)]:
        if name in lessons and name not in known and not _is_begun(name):
            work.append(Item("lesson", name, STEP, int(LESSON / STEP)))
        new = tuple(question.id for question in unseen if lesson(question) == name)
        if new:
            work.append(Item("new cards", name, NEW_CARD, len(new), new))
        left = tuple(task for task in tasks.get(name, ()) if not _is_done(f"{name}/{task}"))
        if left:
            work.append(Item("tasks", name, TASK, len(left), left))
    return work


def _is_begun(name: str) -> bool:
    """Whether a prediction of this lesson was made."""
    return any(each.startswith(f"{name[:2]}-") for each in learner.recall("predictions", default={}))


def _is_done(task: str) -> bool:
    """Whether a task was solved, or given up for good."""
    kept = learner.recall("tasks", task, default={})
    return bool(kept.get("given_up")) or kept.get("share", 0) >= 1


def _mock_dates(dates: Sequence[date], reviews: Sequence[Review]) -> list[date]:
    """The days of the mock interviews that are left: after three fifths, after four fifths, and on the last day."""
    done = len({review.at.date() for review in reviews if review.source == "mock"})
    places = [int(share * (len(dates) - 1)) for share in (0.6, 0.8, 1.0)]
    return [dates[place] for place in places[min(done, MOCKS) :]]


def _answer_all_due(deck: Deck, day: date) -> int:
    """How many cards come back by the evening of ``day``; they are answered, rightly."""
    waiting = deck.waiting(_at(day, 21))
    for question in waiting:
        deck.record(Review(question.id, _at(day, 9), 1.0))
    return len(waiting)


def _learn(deck: Deck, item: Item, day: date) -> None:
    """New cards are asked on ``day``, and once more ten minutes later."""
    if item.kind == "new cards":
        for name in item.names:
            for minute in (0, 15):
                deck.record(Review(name, _at(day, 20) + timedelta(minutes=minute), 1.0))


def _split(item: Item, count: int) -> tuple[Item, Item]:
    return (
        replace(item, count=count, names=item.names[:count]),
        replace(item, count=item.count - count, names=item.names[count:]),
    )


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)
