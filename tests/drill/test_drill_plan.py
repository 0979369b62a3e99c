"""The plan to the interview, the statistics, and the export."""

import csv
import html
import io
from datetime import UTC, date, datetime, timedelta

import pytest

from lambdacourse import learner
from lambdacourse.drill import bank
from lambdacourse.drill.asking import ask
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.export import as_anki, as_csv, export
from lambdacourse.drill.history import Review
from lambdacourse.drill.plan import plan, remember, remembered
from lambdacourse.drill.questions import FaultQuestion
from lambdacourse.drill.statistics import as_text, plot_calibration, plot_topics, statistics
from lambdacourse.errors import CourseError
from lambdacourse.learner import Learner

TODAY = date(2026, 11, 2)
LESSONS = ["01-concurrency", "02-reserved-and-provisioned"]
TASKS = {"01-concurrency": ["needed_concurrency", "limit_needed"], "capstone": ["design"]}
START = datetime(2026, 10, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))
    return tmp_path


def planned(days=14, hours=1.0, reviews=(), today=TODAY):
    return plan(bank.load().about("01"), reviews, LESSONS, TASKS, TODAY + timedelta(days=days), hours, today)


def items(plan, kind):
    return [item for day in plan.days for item in day.items if item.kind == kind]


def test_plan_has_everything_within_the_hours():
    """With time enough: each lesson whole, each task and each new card once, three mocks; no day beyond its hours."""
    found = planned()
    assert found.left_over == ()
    assert [day.date for day in found.days] == [TODAY + timedelta(days=number) for number in range(14)]
    assert all(day.minutes <= 60 for day in found.days)
    for name in LESSONS:
        assert sum(item.minutes * item.count for item in items(found, "lesson") if item.about == name) == 25
    assert sorted(name for item in items(found, "tasks") for name in item.names) == [
        "design",
        "limit_needed",
        "needed_concurrency",
    ]
    cards = [name for item in items(found, "new cards") for name in item.names]
    assert sorted(cards) == sorted(bank.load().about("01").questions)
    assert len(items(found, "mock")) == 3
    assert "mock" in [item.kind for item in found.days[-1].items]


def test_cards_come_back_before_the_interview():
    """What is learned early in the plan comes back, at the latest on the day before the interview."""
    found = planned(days=30)
    assert "cards" in [item.kind for day in found.days[-2:] for item in day.items]


def test_what_does_not_fit_is_told():
    """With too little time, what is left over is listed, and nothing is both planned and left over."""
    found = planned(days=2, hours=0.5)
    assert found.left_over
    assert "Does not fit" in str(found)
    planned_cards = {name for item in items(found, "new cards") for name in item.names}
    left = {name for item in found.left_over if item.kind == "new cards" for name in item.names}
    assert planned_cards | left == set(bank.load().about("01").questions)
    assert not planned_cards & left
    assert all(day.minutes <= 30 for day in found.days)
    assert [item.count for item in found.left_over if item.kind == "mock"] == [3]


def test_missed_days_are_planned_again():
    """A plan made later, with nothing done, has all the work in the days that remain."""
    late = planned(today=TODAY + timedelta(days=5))
    assert late.days[0].date == TODAY + timedelta(days=5)
    assert late.left_over == ()
    assert sum(item.count for item in items(late, "new cards")) == len(bank.load().about("01"))


def test_what_is_done_is_not_planned():
    """A lesson begun or known from the pre-test, a solved task, a seen card and a mock that was held are left out."""
    learner.remember(500, "predictions", "01-needed")
    learner.remember({"02-reserved-and-provisioned": 0.9}, "pretest")
    learner.remember({"tries": 1, "share": 1}, "tasks", "01-concurrency/needed_concurrency")
    mock = Review("open-100000-per-second", START, 0.2, None, "mock")
    found = planned(reviews=[mock])
    assert items(found, "lesson") == []
    assert "needed_concurrency" not in [name for item in items(found, "tasks") for name in item.names]
    assert "open-100000-per-second" not in [name for item in items(found, "new cards") for name in item.names]
    assert len(items(found, "mock")) == 2


def test_date_and_hours_are_kept_and_checked():
    """The date and the hours are kept for the next time; what makes no sense is refused in a sentence."""
    remember(TODAY + timedelta(days=9), 1.5, TODAY)
    assert remembered(TODAY) == (TODAY + timedelta(days=9), 1.5)
    with pytest.raises(CourseError, match="Plan the next one"):
        remembered(TODAY + timedelta(days=9))
    for day, hours, words in (
        (TODAY, 1, "after today"),
        (TODAY + timedelta(days=900), 1, "year"),
        (TODAY + timedelta(days=9), 99, "16"),
    ):
        with pytest.raises(CourseError, match=words):
            remember(day, hours, TODAY)


def test_statistics_by_hand():
    """Retention counts answers a day after the one before; calibration compares what was claimed with what was right."""
    day = timedelta(days=1)
    reviews = [
        Review("needed-concurrency", START, 0.0, 0.95),
        Review("needed-concurrency", START + day / 2, 1.0, 0.95),
        Review("needed-concurrency", START + 3 * day, 1.0, 0.95),
        Review("needed-concurrency", START + 9 * day, 0.0, 0.95),
        Review("claim-500-per-minute", START, 1.0, 0.25),
    ]
    found = statistics(bank.load(), reviews, day=date(2026, 12, 1), now=START + 10 * day)
    topics = {topic.name: topic for topic in found.topics}
    assert topics["concurrency"].retention == 0.5
    assert topics["scaling-rate"].retention is None
    assert [(level.claimed, level.answers, level.right) for level in found.levels] == [(0.25, 1, 1.0), (0.95, 4, 0.5)]
    deck = Deck(bank.load(), reviews)
    expected = deck.remembered("claim-500-per-minute", datetime(2026, 12, 1, 9, tzinfo=UTC)) / topics["scaling-rate"].questions
    assert topics["scaling-rate"].then == pytest.approx(expected)
    assert topics["scaling-rate"].then < topics["scaling-rate"].now
    assert [topic.then for topic in found.topics] == sorted(topic.then for topic in found.topics)
    assert "50%" in as_text(found)


def test_pictures_say_what_they_show():
    """Both pictures are drawn, and their alternative text names what is in them, also before the first answer."""
    for reviews in ([], [Review("needed-concurrency", START, 1.0, 0.75)]):
        found = statistics(bank.load(), reviews, now=START)
        assert "concurrency" in plot_topics(found).alt
        assert "Calibration" in plot_calibration(found).alt
        assert plot_topics(found).figure and plot_calibration(found).figure


def test_export_loses_nothing(tmp_path):
    """Both files have every question, with its answer, and snippets line by line."""
    asked = [ask(question, Learner("ada")) for question in bank.load()]
    rows = [line.split("\t") for line in as_anki(asked).splitlines() if not line.startswith("#")]
    table = list(csv.DictReader(io.StringIO(as_csv(asked))))
    assert len(rows) == len(table) == len(asked)
    for each, row, cells in zip(asked, rows, table):
        assert len(row) == 4
        assert html.unescape(row[1]).startswith(each.text)
        assert cells["id"] == each.question.id
        assert cells["front"].startswith(each.text)
        assert each.solution in cells["back"]
        if isinstance(each.question, FaultQuestion):
            assert each.question.snippet.strip("\n") in cells["front"]
    file = tmp_path / "cards.csv"
    assert export(bank.load(), Learner("ada"), file) == len(asked)
    with pytest.raises(CourseError, match="is there already"):
        export(bank.load(), Learner("ada"), file)
