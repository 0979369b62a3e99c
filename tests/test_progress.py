"""The map of a learner's progress: what is done, what comes next, and what an upgrade of the course may not break."""

import json
import shutil
from pathlib import Path

import pytest

from lambdacourse import cli, learner
from lambdacourse.drill import history
from lambdacourse.drill.history import Review
from lambdacourse.drill.session import utc_now
from lambdacourse.grading.exercises import exercise
from lambdacourse.progress import progress_map

ASKED = ("01-full", "01-needed", "01-rate", "01-scaling", "01-mean")
FILES = Path(__file__).with_name("progress")


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    return own_home


def stage(name: str = "01-concurrency"):
    return next(stage for stage in progress_map().stages if stage.name == name)


def solve(*names: str, share: float = 1.0) -> None:
    for name in names:
        learner.remember({"tries": 1, "share": share}, "tasks", f"01-concurrency/{name}")


def test_who_has_done_nothing_begins_with_lesson_01():
    """Nothing is begun, and the first lesson comes next."""
    found = progress_map()
    assert {part.state for each in found.stages for part in (each.lesson, each.exercise) if part} == {"open"}
    assert found.next.path == "lessons/01-concurrency.ipynb" and found.due == 0


def test_a_topic_is_one_stage():
    """The last lesson and the last exercise are about the interview, though their numbers differ."""
    found = progress_map()
    assert [each.name[:2] for each in found.stages] == [f"{number:02}" for number in range(1, 12)]
    last = found.stages[-1]
    assert (last.lesson.path, last.cards.of > 0) == ("lessons/09-interview.ipynb", True)
    assert last.exercise.path == "exercises/11-interview/11-interview.ipynb"


def test_a_lesson_is_done_with_its_predictions():
    """Each prediction counts, made or shown; with the last one the lesson is done, and its exercise comes next."""
    for name in ASKED[:-1]:
        learner.remember("7", "predictions", name)
    assert (stage().lesson.state, stage().lesson.got, stage().lesson.of) == ("begun", 4, 5)
    learner.remember(True, "shown", ASKED[-1])
    assert stage().lesson.state == "done"
    learner.remember("7", "predictions", "02-spill")
    assert progress_map().next.path == "lessons/02-reserved-and-provisioned.ipynb", "what was begun comes first"


def test_an_exercise_counts_its_points_now():
    """Shares become the points that the tasks have in this course; what was given up has none, and is done."""
    names = [task.name for task in exercise("01-concurrency").tasks]
    points = {task.name: task.points for task in exercise("01-concurrency").tasks}
    solve(names[0])
    solve(names[1], share=0.5)
    assert stage().exercise.got == points[names[0]] + points[names[1]] / 2 and stage().exercise.state == "begun"
    assert progress_map().next.title == "Exercise 01 Concurrency"
    solve(*names)
    learner.remember(True, "tasks", f"01-concurrency/{names[2]}", "given_up")
    assert stage().exercise.state == "done" and stage().exercise.given_up == 1
    assert stage().exercise.got == sum(points.values()) - points[names[2]]


def test_the_pretest_marks_lessons_as_known():
    """A lesson that is known is never next."""
    learner.remember({"01-concurrency": 0.95, "02-reserved-and-provisioned": 0.75}, "pretest")
    assert stage().lesson.state == "known" and stage("02-reserved-and-provisioned").lesson.state == "open"
    assert progress_map().next.path == "exercises/01-concurrency/01-concurrency.ipynb"


def test_cards_are_counted_where_they_belong():
    """A card that was answered wrongly is seen, and soon due."""
    history.append(Review("needed-concurrency", utc_now().replace(year=2025), 0.0, 0.5))
    cards = stage().cards
    assert (cards.seen, cards.due) == (1, 1) and progress_map().due == 1
    assert stage("04-vpc").cards.seen == 0


def test_what_the_course_no_longer_has_breaks_nothing(home):
    """Tasks, predictions, lessons and cards of another release stay in the file and out of the map."""
    shutil.copy(FILES / "learner.version-1.json", home / "learner.json")
    learner.remember("7", "predictions", "77-gone")
    learner.remember({"77-gone": 0.95}, "pretest")
    history.append(Review("a-card-that-is-gone", utc_now(), 1.0))
    found = progress_map()
    assert "77-gone" not in {each.name for each in found.stages}
    assert stage().exercise.got == 2 + 2, "a whole task of 2 points and two thirds of one of 3"
    assert learner.recall("tasks", "01-concurrency/a_task_that_is_gone", "tries") == 2


def test_all_done_leaves_the_drill():
    """When nothing is left in lessons and exercises, the drill is named."""
    found = progress_map()
    for each in found.stages:
        if each.lesson:
            learner.remember(1.0, "pretest", Path(each.lesson.path).stem)
        for task in exercise(each.name).tasks if each.exercise else ():
            learner.remember(True, "tasks", f"{each.name}/{task.name}", "given_up")
    assert progress_map().next is None
    assert progress_map().closing == "All is done. The drill keeps it: lambdacourse drill"


def test_three_faces_say_the_same(capsys, home):
    """The table with links, the text, and the command's JSON: the same states, and a notice about a broken file."""
    (home / "learner.json").write_text("{", encoding="utf-8")
    for name in ASKED:
        learner.remember("7", "predictions", name)
    found = progress_map()
    html, text = found._repr_html_(), repr(found)
    assert '<a href="../exercises/01-concurrency/01-concurrency.ipynb">Exercise 01 Concurrency</a></strong>' in html
    assert html.count('aria-label="done"') == 1 and "<caption " in html and html.count('scope="row"') == len(found.stages)
    assert "● 5 of 5" in text and "Next: Exercise 01 Concurrency" in text
    assert "could not be read" in html and "could not be read" in text
    assert cli.main(["progress", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["next"] == "exercises/01-concurrency/01-concurrency.ipynb"
    assert data["stages"][0]["lesson"] | {"state": "done", "got": 5} == data["stages"][0]["lesson"]
    assert cli.main(["progress"]) == 0
    assert "5 of 5" in capsys.readouterr().out
