"""Giving a task up: the solution is shown, and the progress says so for good."""

import pytest

from lambdacourse import learner
from lambdacourse.folders import content
from lambdacourse.grading import check, give_up, hint, open_exercise
from lambdacourse.grading.exercises import MODULES, exercise


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """A learner whose progress nobody else has."""
    monkeypatch.setattr("lambdacourse.learner.data_folder", lambda: tmp_path)
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def test_solution_is_shown_and_noted():
    """The solution, the explanation, and in the exercise's table "given up", not points."""
    shown = give_up("needed_concurrency")
    assert "return rate * duration_ms / 1000" in shown.text and "Little" in shown.text and "###" not in shown.text
    assert learner.recall("tasks", "01-concurrency/needed_concurrency", "given_up") is True
    assert "given up" in open_exercise("01-concurrency").html


def test_given_up_is_never_passed(monkeypatch):
    """A right answer afterwards is checked and praised, but the task stays given up."""
    give_up("needed_concurrency")
    monkeypatch.setitem(globals(), "needed_concurrency", lambda rate, duration_ms: rate * duration_ms / 1000)
    assert check("needed_concurrency").passed
    assert learner.recall("tasks", "01-concurrency/needed_concurrency", "given_up") is True
    assert "given up" in open_exercise("01-concurrency").html


def test_who_has_solved_it_only_looks(monkeypatch):
    """After a right answer the solution is shown, and the points stay."""
    monkeypatch.setitem(globals(), "needed_concurrency", lambda rate, duration_ms: rate * duration_ms / 1000)
    assert check("needed_concurrency").passed
    assert "solved before" in give_up("needed_concurrency").text
    assert learner.recall("tasks", "01-concurrency/needed_concurrency", "given_up") is None


def test_without_solutions_nothing_is_noted(tmp_path, monkeypatch):
    """Where the solutions are hidden, as in a sandbox, a sentence says so, and the task is not given up."""
    monkeypatch.setattr("lambdacourse.grading.session.content", lambda: tmp_path)
    assert "not kept here" in give_up("needed_concurrency").text
    assert learner.recall("tasks", "01-concurrency/needed_concurrency", default={}) == {}


@pytest.mark.parametrize("name", MODULES)
def test_every_task_can_be_given_up(name):
    """Each task of each exercise has a solution to show, which defines its function."""
    for task in exercise(name).tasks:
        assert f"def {task.name}(" in give_up(task.name).text


def test_the_last_hint_says_how_to_give_up():
    """Hints come one at a time, each with the place to read on, and only the last one speaks of giving up."""
    hints = exercise("01-concurrency").tasks[0].hints
    shown = [hint("needed_concurrency").html for _ in range(len(hints) + 1)]
    assert all(f"Hint {min(number, len(hints))} of {len(hints)}" in html for number, html in enumerate(shown, 1))
    place = '<a href="../../lessons/01-concurrency.ipynb#cell-id=formula">lesson 01, The formula</a>'
    assert all(place in html for html in shown)
    assert ["give_up" in html for html in shown] == [number >= len(hints) for number in range(1, len(hints) + 2)]


def test_a_name_that_is_no_task():
    """The near ones are offered; where none is near, the place where the names stand."""
    with pytest.raises(KeyError, match="Did you mean 'needed_concurrency'"):
        hint("needed_concurency")
    with pytest.raises(KeyError, match="The table at the top of the exercise"):
        hint("qqq")


def test_a_learner_can_call_it():
    """Every exercise's first cell imports it."""
    for name in MODULES:
        notebook = (content() / "exercises" / name / f"{name}.ipynb").read_text(encoding="utf-8")
        assert "from lambdacourse.grading import check, give_up, hint" in notebook, name
