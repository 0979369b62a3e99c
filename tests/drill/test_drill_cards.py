"""The history of answers, the deck that follows from it, and a sitting."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from lambdacourse import learner
from lambdacourse.drill import bank, history
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.history import Review
from lambdacourse.drill.questions import TrialQuestion
from lambdacourse.drill.session import Session
from lambdacourse.errors import CourseError

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def claim(id, lesson="01-concurrency", **more):
    return TrialQuestion(
        kind="trial",
        id=id,
        topic="limits",
        difficulty="junior",
        place=f"lessons/{lesson}.ipynb#A",
        text=id,
        verdict="true",
        after="So.",
        **more,
    )


def bank_of(*questions):
    return bank.Bank({question.id: question for question in questions})


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    return tmp_path


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.time = START

    def __call__(self):
        return self.time


def test_answers_are_kept_as_they_were(home):
    """What is appended is read back, in the order of time."""
    reviews = [Review("b", START + DAY, 0.5, 0.75, "mock"), Review("a", START, 1.0)]
    history.append(reviews[0])
    history.append(reviews[1])
    assert history.read() == ([reviews[1], reviews[0]], [])


@pytest.mark.parametrize(
    "broken",
    [
        '{"id": "a", "at"',
        "nonsense",
        "[]",
        '{"id": 3, "at": "2026-11-01", "share": 1}',
        '{"id": "a", "at": "2026-11-01", "share": 7}',
    ],
)
def test_broken_line_is_told_and_the_rest_stays(home, broken):
    """A broken line is named with its number and taken out; a copy of the file is kept and the other answers stay."""
    history.append(Review("a", START, 1.0))
    with history.file().open("a", encoding="utf-8") as stream:
        stream.write(broken)
    history.append(Review("b", START, 1.0))
    whole = history.file().read_bytes()
    reviews, (sentence,) = history.read()
    assert [review.id for review in reviews] == ["a", "b"]
    assert "drill.jsonl, line 3: not an answer" in sentence
    assert [kept.read_bytes() for kept in home.glob("drill.kept-*.jsonl")] == [whole]
    assert history.read() == (reviews, [])


def test_file_of_a_newer_release_stays_untouched(home):
    """A file with another version is refused in a sentence, and not changed."""
    history.file().write_text('{"version": 99}\n{"new": 1}\n', encoding="utf-8")
    with pytest.raises(CourseError, match="version 99"):
        history.read()
    assert history.file().read_text(encoding="utf-8") == '{"version": 99}\n{"new": 1}\n'


def test_nothing_is_written_while_nbgrader_runs(home, monkeypatch):
    """A notebook that nbgrader runs leaves no trace."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    history.append(Review("a", START, 1.0))
    assert not history.file().exists()


def test_due_cards_come_before_new_ones_and_new_ones_by_lesson(home):
    """What is due comes first, the longest waiting before the others; then what is new, in the order of the bank."""
    deck = Deck(bank_of(claim("a"), claim("b"), claim("c")), [Review("c", START, 1.0), Review("b", START - DAY, 0.0)])
    assert [question.id for question in deck.waiting(START + 30 * DAY)] == ["b", "c"]
    assert deck.next(START + 30 * DAY).id == "b"
    assert deck.next(START + timedelta(seconds=-1)).id == "b"
    fresh = Deck(bank_of(claim("a"), claim("b")))
    assert fresh.next(START).id == "a"


def test_question_waits_for_its_prerequisites(home):
    """A question is new only when those before it were answered right; one that the bank does not have is no hindrance."""
    cards = bank_of(claim("later", prerequisites=("first", "gone")), claim("first"))
    assert [question.id for question in Deck(cards).new()] == ["first"]
    assert Deck(cards, [Review("first", START, 0.0)]).new() == []
    assert [question.id for question in Deck(cards, [Review("first", START, 1.0)]).new()] == ["later"]


def test_history_survives_a_new_bank(home):
    """Answers to a question that the bank no longer has are kept, and count when it comes back."""
    reviews = [Review("gone", START, 1.0), Review("a", START, 1.0)]
    assert Deck(bank_of(claim("a")), reviews).seen() == ["a"]
    assert set(Deck(bank_of(claim("a"), claim("gone")), reviews).seen()) == {"a", "gone"}


def test_failed_exercise_task_brings_its_card_back(home):
    """While a task is tried and not solved, its question is first among the new ones, and comes back within a day."""
    cards = bank_of(claim("a"), claim("b", tasks=("01-concurrency/limit_needed",)))
    learned = [Review("b", START, 1.0), Review("b", START + DAY, 1.0), Review("b", START + 5 * DAY, 1.0)]
    assert Deck(cards).next(START).id == "a"
    learner.remember({"tries": 2, "share": 0.33}, "tasks", "01-concurrency/limit_needed")
    assert Deck(cards).next(START).id == "b"
    assert Deck(cards, learned).due("b") == START + 6 * DAY
    learner.remember({"tries": 3, "share": 1}, "tasks", "01-concurrency/limit_needed")
    assert Deck(cards, learned).due("b") > START + 7 * DAY


def test_wrong_answer_in_a_mock_interview_comes_back(home):
    """An answer of a mock interview is a review: a wrong one is due in a minute."""
    history.from_mock([("a", 0.2)], START)
    reviews, _ = history.read()
    assert Deck(bank_of(claim("a")), reviews).due("a") <= START + timedelta(minutes=1)


def test_no_interval_goes_beyond_the_interview(home):
    """Every card that was seen before the day before the interview comes back by then."""
    reviews = [Review("a", START + day * DAY, 1.0, 0.95) for day in (0, 1, 5, 20)]
    free = Deck(bank_of(claim("a")), reviews)
    bound = Deck(bank_of(claim("a")), reviews, interview=date(2026, 11, 25))
    assert free.due("a") > datetime(2026, 11, 26, tzinfo=UTC)
    assert bound.due("a") == datetime(2026, 11, 24, tzinfo=UTC)


def test_clock_set_back_is_no_error(home):
    """Answers whose times are out of order still give a card that is due after the last of them."""
    reviews = [Review("a", START + 30 * DAY, 1.0), Review("a", START, 1.0)]
    assert Deck(bank_of(claim("a")), reviews).due("a") > START + 30 * DAY


def test_retention_meets_the_target():
    """A learner who forgets on a known curve (FSRS's power law, worked out here on its own) remembers 90 % of what comes back."""
    weights = (0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835, 0.0614, 0.2629, 1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542)  # fmt: skip
    chance, kept = random.Random(9), []
    cards = bank_of(*(claim(f"q{number}") for number in range(120)))
    deck = Deck(cards)
    strength: dict[str, float] = {}
    last: dict[str, datetime] = {}
    factor = 0.9 ** (-1 / weights[20]) - 1
    for day in range(240):
        now = START + day * DAY
        for question in [*deck.waiting(now), *deck.new()[:2]]:
            id = question.id
            if id in last:
                days = (now - last[id]).days
                recall = (1 + factor * days / strength[id]) ** -weights[20]
                right = chance.random() < recall
                if days >= 1:
                    kept.append(right)
            else:
                right = True
            deck.record(Review(id, now, float(right), 0.75))
            # What the review does to the memory; the scheduler sees the answers only.
            strength[id] = deck.cards[id].stability
            last[id] = now
    assert len(kept) > 600
    assert sum(kept) / len(kept) == pytest.approx(0.9, abs=0.03)


def test_learner_who_forgets_exponentially_is_near_the_target():
    """A memory of another make (exponential, four times as lasting after each recall) keeps 85 % or more of what comes back."""
    chance, kept = random.Random(4), []
    deck = Deck(bank_of(*(claim(f"q{number}") for number in range(120))))
    lasting: dict[str, float] = {}  # days after which 90 % are left
    last: dict[str, datetime] = {}
    for day in range(240):
        now = START + day * DAY
        for question in [*deck.waiting(now), *deck.new()[:2]]:
            id = question.id
            days = (now - last[id]).days if id in last else 0
            right = not days or chance.random() < 0.9 ** (days / lasting[id])
            if days:
                kept.append(right)
            lasting[id] = lasting.get(id, 2.5) * (4 if days and right else 1) if right else 1.5
            last[id] = now
            deck.record(Review(id, now, float(right), 0.75))
    assert len(kept) > 600
    assert sum(kept) / len(kept) > 0.85, sum(kept) / len(kept)


def test_sitting_ends_with_its_minutes_and_the_next_goes_on(home):
    """A sitting asks until its time is over; a new one goes on where it ended, with every answer kept."""
    clock, cards = Clock(), bank_of(*(claim(f"q{number}") for number in range(9)))
    sitting, answered = Session(minutes=3, bank=cards, now=clock), []
    while asked := sitting.next():
        answered.append(asked.question.id)
        sitting.answer(1, 0.75)
        clock.time += timedelta(seconds=50)
    assert answered == ["q0", "q1", "q2", "q3"]
    again = Session(minutes=3, bank=cards, now=clock)
    assert again.deck.turns == sitting.deck.turns
    assert again.next().question.id == "q4"


def test_sitting_without_questions_is_told(home):
    """A topic that does not exist is answered with those that do."""
    with pytest.raises(CourseError, match=r"no questions about 'bananas'.*limits"):
        Session("bananas")


def test_draft_of_an_open_answer_comes_back(home):
    """What was typed before an interruption is there the next time the question is asked, and gone once it is answered."""
    sitting = Session("01", bank=bank.Bank({"open-noisy-neighbour": bank.load().questions["open-noisy-neighbour"]}))
    sitting.next()
    sitting.keep_draft("I look at concurrency")
    again = Session("01", bank=sitting.bank)
    again.next()
    assert again.draft == "I look at concurrency"
    assert again.answer([True] * 3 + [False] * 3, 0.5).share == 0.5
    assert again.draft == ""
