"""The learner's file: an id, numbers that follow from it, progress that survives."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdacourse import learner

FILES = Path(__file__).with_name("progress")


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
    learner.remember({"share": 0.5}, "tasks", "a/b")
    assert learner.rename("ada").id == learner.current().id == "ada"
    assert not learner.is_guest(learner.current())
    assert learner.recall("tasks", "a/b", "share") == 0.5


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
    learner.remember(1, "predictions", "x")
    assert not (home / "learner.json").exists()


BROKEN = (
    "", "{", "[]", "\x00\x01", "null", '{"id": "ada"}', '{"version": "1"}', '{"version": -1}', '{"version": 1.5}',
    '{"version": 2, "progress": []}', '{"version": 2, "progress": {"tasks": {"a/b": 3}}}', '{"version": 1, "progress": {"tasks": [1]}}',
    "[" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_kept_and_replaced(home, broken):
    """A file that cannot be read is kept beside, a sentence says so, and a new one begins."""
    (home / "learner.json").write_text(broken, encoding="utf-8")
    learner.remember(1, "predictions", "x")
    assert learner.recall("predictions", "x") == 1
    (kept,) = home.glob("learner.kept-*.json")
    assert kept.read_text(encoding="utf-8") == broken
    (sentence,) = learner.notices()
    assert str(kept) in sentence
    kept.unlink()
    assert learner.notices() == []


def test_a_broken_file_still_tells_the_id(home):
    """Half a file is enough to know who the learner is: their numbers must not change."""
    learner.rename("ada")
    learner.remember({"tries": 1}, "tasks", "a/b")
    whole = (home / "learner.json").read_bytes()
    (home / "learner.json").write_bytes(whole[: len(whole) // 2])
    assert learner.current().id == "ada"
    learner.remember({"tries": 1}, "tasks", "a/b")
    assert learner.current().id == "ada"


def test_a_file_of_version_1_is_migrated(home):
    """What an early learner had is all there, points as shares; their file is kept as it was."""
    old = (FILES / "learner.version-1.json").read_bytes()
    (home / "learner.json").write_bytes(old)
    expected = {"tries": 3, "share": 2 / 3, "hints": 2}
    assert learner.current().id == "ada"
    assert learner.recall("tasks", "01-concurrency/limit_needed") == expected
    assert learner.recall("tasks", "01-concurrency/needed_concurrency", "share") == 1
    assert learner.recall("tasks", "01-concurrency/throttle_status") == {"hints": 1, "given_up": True}
    learner.remember("400", "predictions", "01-rate")
    now = json.loads((home / "learner.json").read_text(encoding="utf-8"))
    assert now["version"] == 2 and now["progress"]["tasks"]["01-concurrency/limit_needed"] == expected
    assert now["progress"]["predictions"] == {"01-needed": "500", "01-rate": "400"}
    assert now["progress"]["plan"] == {"date": "2027-01-31", "hours": 1.5}
    assert (home / "learner.version-1.json").read_bytes() == old
    assert learner.notices() == []


def test_a_newer_releases_file_is_left_alone(home):
    """A release that is older than the file knows the learner by it, writes nothing into it, and says so."""
    newer = '{"version": 99, "id": "ada", "progress": [["another", "form"]]}'
    (home / "learner.json").write_text(newer, encoding="utf-8")
    assert learner.current().id == "ada" and learner.recall("tasks") is None
    learner.remember(1, "predictions", "x")
    assert (home / "learner.json").read_text(encoding="utf-8") == newer
    assert "Update lambdacourse" in learner.notices()[0]


def test_a_file_that_cannot_be_opened_is_not_replaced(home, monkeypatch):
    """What this user may not read just now is neither broken nor empty: nothing is written over it."""
    learner.rename("ada")
    before = (home / "learner.json").read_bytes()

    def refused(_):
        raise PermissionError("no")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", refused)
        learner.remember(1, "predictions", "x")
    assert (home / "learner.json").read_bytes() == before
    assert [file.name for file in home.glob("*.json")] == ["learner.json"]


def test_a_broken_write_leaves_the_old_file(home, monkeypatch):
    """When the disk is full in the middle of a write, what was kept before is still there."""
    learner.remember({"tries": 1}, "tasks", "a/b")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        learner.remember({"tries": 2}, "tasks", "a/b")
    assert learner.recall("tasks", "a/b") == {"tries": 1}


def test_two_writers_lose_nothing():
    """Several notebooks that write at once all get through."""
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: learner.remember(number, "predictions", str(number)), range(40)))
    assert [learner.recall("predictions", str(number)) for number in range(40)] == list(range(40))


def test_two_counters_count_together():
    """A value that is made from the one before is made by one writer at a time."""
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda _: learner.revise(lambda tries: (tries or 0) + 1, "tasks", "a/b", "tries"), range(40)))
    assert learner.recall("tasks", "a/b", "tries") == 40


def test_a_folder_that_cannot_be_written_costs_no_lesson(monkeypatch, tmp_path):
    """Where nothing can be written, the learner stays the same for the session and nothing raises."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(blocked))
    assert learner.current() == learner.current()
    learner.remember(1, "predictions", "x")
    assert learner.recall("predictions", "x", default="nothing") == "nothing"


def test_pick_is_even():
    """Every option is picked about equally often."""
    counts = [0] * 5
    for number in range(5_000):
        counts[learner.Learner("ada").numbers("x").pick(str(number), range(5))] += 1
    assert max(counts) < 1_100 and min(counts) > 900
