"""The learner's file: an id, numbers that follow from it, progress that survives."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambdacourse import learner


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))
    for name in ("LAMBDACOURSE_LEARNER", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_first_use_makes_a_guest_who_stays(home):
    """Who has no id gets one, and keeps it."""
    first = learner.current()
    assert learner.is_guest(first) and learner.current() == first
    assert json.loads((home / "learner.json").read_text(encoding="utf-8"))["id"] == first.id


def test_rename_keeps_progress():
    """Another id leaves the progress as it is."""
    learner.current()
    learner.remember({"best": 2.0}, "tasks", "a/b")
    assert learner.rename("ada").id == learner.current().id == "ada"
    assert not learner.is_guest(learner.current())
    assert learner.recall("tasks", "a/b", "best") == 2.0


@pytest.mark.parametrize("id", ["", "12345", "a b", "a/b", "../x", "a" * 41, "ädä", None, 7, "x\n"])
def test_bad_ids_are_refused(id):
    """An id that could not name nbgrader's folder is refused, with the rule."""
    with pytest.raises(ValueError, match="begins with a letter"):
        learner.rename(id)


def test_environment_and_nbgrader_come_first(monkeypatch, tmp_path):
    """A variable names the learner; while nbgrader grades, the folder's owner is meant."""
    learner.rename("ada")
    folder = tmp_path / "autograded" / "grace" / "01-concurrency"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert learner.current().id == "ada"
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert learner.current().id == "grace"
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "zoe")
    assert learner.current().id == "zoe"


def test_nothing_is_written_while_nbgrader_runs(home, monkeypatch):
    """Grading and validating leave no trace in the progress."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    learner.remember(1, "tasks", "x")
    assert not (home / "learner.json").exists()


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"version": 99, "id": "ada"}', "\x00\x01"])
def test_a_broken_file_is_kept_and_replaced(home, broken):
    """A file that cannot be read is kept beside, and a new one begins."""
    (home / "learner.json").write_text(broken, encoding="utf-8")
    learner.remember(1, "tasks", "x")
    assert learner.recall("tasks", "x") == 1
    (kept,) = home.glob("learner.kept-*.json")
    assert kept.read_text(encoding="utf-8") == broken


def test_two_writers_lose_nothing():
    """Several notebooks that write at once all get through."""
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: learner.remember(number, "tasks", str(number)), range(40)))
    assert [learner.recall("tasks", str(number)) for number in range(40)] == list(range(40))


def test_a_folder_that_cannot_be_written_costs_no_lesson(monkeypatch, tmp_path):
    """Where nothing can be written, the learner stays the same for the session and nothing raises."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(blocked))
    assert learner.current() == learner.current()
    learner.remember(1, "tasks", "x")
    assert learner.recall("tasks", "x", default="nothing") == "nothing"


def test_pick_is_even():
    """Every option is picked about equally often."""
    counts = [0] * 5
    for number in range(5_000):
        counts[learner.Learner("ada").numbers("x").pick(str(number), range(5))] += 1
    assert max(counts) < 1_100 and min(counts) > 900
