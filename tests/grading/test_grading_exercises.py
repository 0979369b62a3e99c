"""Two of the four proofs of every exercise, without notebooks: solutions pass, typical wrong answers are named. Any learner."""

import contextlib
import json
import tomllib
from pathlib import Path

import pytest

from lambdacourse.folders import content
from lambdacourse.grading import session
from lambdacourse.grading.exercises import MODULES, exercise
from lambdacourse.learner import Learner

SOLUTIONS = content() / "solutions"
LEARNERS = ["ada", "grace", "guest-1f2e3d", "s.1234", "zoe_z"]


def solution_code(name: str) -> str:
    """All the code of a solution but its checks."""
    notebook = json.loads((SOLUTIONS / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    return "\n".join("".join(cell["source"]) for cell in cells)


def judge(name: str, task_name: str, code: str, hidden: bool):
    """The verdict on ``code`` for one task."""
    namespace: dict = {}
    exec(code, namespace)
    task = next(task for task in exercise(name).tasks if task.name == task_name)
    return session._verdict(name, task, namespace, hidden)


def wrong_answers() -> list:
    found = []
    for name in MODULES:
        file = SOLUTIONS / name / "instructor-wrong-answers.toml"
        for number, wrong in enumerate(tomllib.loads(file.read_text(encoding="utf-8"))["wrong"]):
            found.append(pytest.param(name, wrong, id=f"{name}-{wrong['task']}-{number}"))
    return found


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("name", MODULES)
def test_solution_passes(name, learner, monkeypatch):
    """The solution gets every point, on visible and held-back cases, whoever asks."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", learner)
    for task in exercise(name).tasks:
        for hidden in (False, True):
            verdict = judge(name, task.name, solution_code(name), hidden)
            assert verdict.passed and verdict.points == task.points, verdict.message


@pytest.mark.parametrize("hidden", [False, True], ids=["visible", "hidden"])
@pytest.mark.parametrize("name, wrong", wrong_answers())
def test_wrong_answer_is_named(name, wrong, hidden, monkeypatch):
    """A typical wrong answer loses points, and its reason is said, whoever asks."""
    for learner in LEARNERS[:3]:
        monkeypatch.setenv("LAMBDACOURSE_LEARNER", learner)
        verdict = judge(name, wrong["task"], wrong["answer"], hidden)
        assert verdict.points < verdict.of
        assert wrong["says"] in verdict.message


@pytest.mark.parametrize("name", MODULES)
def test_every_task_has_what_a_learner_needs(name):
    """Each task has at least two hints, an explanation, a place in the lesson, and three wrong answers or more stored."""
    stored = [parameter.values[1]["task"] for parameter in wrong_answers() if parameter.values[0] == name]
    for task in exercise(name).tasks:
        assert len(task.hints) >= 2 and task.after and "#" in task.lesson, task.name
        assert stored.count(task.name) >= 3, task.name
        path, _, heading = task.lesson.partition("#")
        notebook = json.loads((content() / path).read_text(encoding="utf-8"))
        text = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
        assert f"## {heading.replace('-', ' ')}" in text, task.lesson
    assert len(exercise(name).tasks) >= 6


def misconceptions() -> list:
    found = []
    for name in MODULES:
        for task in exercise(name).tasks:
            for misconception in getattr(task.checker, "misconceptions", ()):
                found.append(pytest.param(name, task, misconception, id=f"{task.name}: {misconception.says[:60]}"))
    return found


@pytest.mark.parametrize("name, task, misconception", misconceptions())
def test_misconception_is_one(name, task, misconception):
    """What a misconception gives can be worked out for a task's cases, and is wrong for at least one of them."""
    numbers, checker = Learner("ada").numbers(name, task.name), task.checker
    makers = [make for _, make in checker.groups.values()] if hasattr(checker, "groups") else [checker.cases]
    cases = [make(numbers, number) for make in makers for number in range(12)]
    wrong = 0
    for case in cases:
        with contextlib.suppress(ArithmeticError, ValueError):  # as the checker does
            wrong += misconception.gives(**case) != checker.expected(**case)
    assert wrong


@pytest.mark.parametrize("name", MODULES)
def test_numbers_belong_to_the_learner(name):
    """Two learners get other numbers; the same learner always the same; what is held back differs from what is shown."""
    ada, grace = Learner("ada"), Learner("grace")
    assert ada.numbers(name, "x").whole("rate", 0, 10**9) == ada.numbers(name, "x").whole("rate", 0, 10**9)
    assert ada.numbers(name, "x").whole("rate", 0, 10**9) != grace.numbers(name, "x").whole("rate", 0, 10**9)
    assert ada.numbers(name, "x").whole("rate", 0, 10**9) != ada.numbers(name, "x", seed="other").whole("rate", 0, 10**9)


def test_numbers_never_change():
    """Written down once: a learner's numbers outlive every upgrade of Python and of the course."""
    numbers = Learner("ada").numbers("01-concurrency", "needed_concurrency")
    assert [numbers.whole(f"rate {number}", 60, 4_800, 20) for number in range(3)] == [1960, 3260, 2920]


def test_wrong_answers_are_not_released():
    """What an instructor keeps beside a solution never reaches a learner."""
    released = {file.name for file in (content() / "exercises").rglob("*") if file.is_file()}
    assert all(name.endswith(".ipynb") for name in released), released
    assert Path(SOLUTIONS / "01-concurrency" / "instructor-wrong-answers.toml").exists()
