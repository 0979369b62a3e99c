"""The learner's folder: what the course puts there, what it updates, and what it never touches."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from lambdacourse import folders
from lambdacourse.course import workspace
from lambdacourse.course.workspace import MANIFEST, find, make, reset
from lambdacourse.errors import CourseError

WELCOME = "lessons/00-welcome.ipynb"
LESSON = "lessons/01-concurrency.ipynb"
EXERCISE = "exercises/01-concurrency/01-concurrency.ipynb"
FILES = {
    WELCOME: "Willkommen, 欢迎",
    LESSON: "lesson 1",
    EXERCISE: "exercise 1",
    "exercises/01-concurrency/data.csv": "a,b\n",
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of four files, as a package would ship it; returns its folder."""
    source = tmp_path / "shipped"
    for name, text in FILES.items():
        write(source / name, text)
    write(source / "solutions/01-concurrency/01-concurrency.ipynb", "the solution")
    write(source / "lessons/.ipynb_checkpoints/00-welcome-checkpoint.ipynb", "an editor's")
    monkeypatch.setattr(workspace, "content", lambda: source)
    return source


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "work" / "lambda-at-scale"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def files_in(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): read(file) for file in folder.rglob("*") if file.is_file()}


def new_version(course: Path, monkeypatch, version: str = "99.0") -> None:
    monkeypatch.setattr(workspace, "__version__", version)
    for name in FILES:
        write(course / name, f"{FILES[name]}, revised")


# Making and updating


def test_a_new_folder_gets_lessons_and_exercises(course, folder):
    """Lessons and exercises, not solutions, not what an editor left behind; and a manifest that is JSON."""
    changes = make(folder)
    there = files_in(folder)
    assert json.loads(there.pop(MANIFEST))["files"].keys() == FILES.keys()
    assert there == FILES
    assert changes.is_new and set(changes.added) == FILES.keys()
    assert str(changes) == f"Made {folder} with 4 files."


def test_a_second_run_changes_nothing(course, folder):
    """Nothing to say, and the same bytes."""
    make(folder)
    before = files_in(folder)
    assert str(make(folder)) == ""
    assert files_in(folder) == before


def test_what_the_learner_changed_stays(course, folder):
    """The same version of the course: the learner's work stays, and there is nothing to say about it."""
    make(folder)
    write(folder / LESSON, "mine")
    assert str(make(folder)) == ""
    assert read(folder / LESSON) == "mine"


def test_a_new_version_updates_what_is_untouched(course, folder, monkeypatch):
    """Untouched files follow the course; a changed one stays, and one line names the command that fetches the new one."""
    make(folder)
    write(folder / LESSON, "mine")
    new_version(course, monkeypatch)
    for _ in range(2):  # It is said again at each start, until the learner has decided.
        changes = make(folder)
        assert changes.kept == (LESSON,)
        assert "newer version" in str(changes) and "`lambdacourse reset lessons/01-concurrency`" in str(changes)
    assert read(folder / LESSON) == "mine"
    assert read(folder / WELCOME) == "Willkommen, 欢迎, revised"
    write(folder / LESSON, "lesson 1")
    assert make(folder).updated == (LESSON,)


def test_an_exercise_of_a_class_is_the_classs(course, folder):
    """What an instructor's zip brought is not called changed, not updated, and not put back as something else."""
    write(folder / "class.toml", 'name = "spring"')
    write(folder / EXERCISE, "exercise 1, as the class has it")
    assert make(folder).kept == () and make(folder).updated == ()
    write(folder / EXERCISE, "my answer")
    assert str(make(folder)) == ""
    with pytest.raises(CourseError, match="your class's own"):
        reset("exercises/01-concurrency", folder)
    assert (folder / EXERCISE).read_text(encoding="utf-8") == "my answer"


def test_a_missing_file_comes_back(course, folder):
    """What was deleted is put back; a whole folder too."""
    make(folder)
    (folder / WELCOME).unlink()
    (folder / EXERCISE).unlink()
    (folder / "exercises/01-concurrency/data.csv").unlink()
    (folder / "exercises/01-concurrency").rmdir()
    changes = make(folder)
    assert len(changes.added) == 3 and str(changes).startswith(f"Added {WELCOME}, {EXERCISE}")
    assert files_in(folder).keys() == {*FILES, MANIFEST}


def test_what_the_course_no_longer_has_is_left(course, folder, monkeypatch):
    """A lesson that was removed from the course stays with the learner."""
    make(folder)
    (course / LESSON).unlink()
    monkeypatch.setattr(workspace, "__version__", "99.0")
    assert str(make(folder)) == ""
    assert read(folder / LESSON) == "lesson 1"


def test_other_files_of_the_learner_are_left(course, folder):
    """A folder that has something else in it, or a file of the same name, loses nothing."""
    write(folder / "notes.txt", "mine")
    write(folder / WELCOME, "also mine")
    changes = make(folder)
    assert read(folder / "notes.txt") == "mine" and read(folder / WELCOME) == "also mine"
    assert changes.kept == (WELCOME,)
    assert make(folder).kept == ()  # No version is newer than an unknown one: said once.


@pytest.mark.parametrize("name", ["mein Kurs", "курс λ 課程", "a'b\"c", "-dash"])
def test_any_name_of_a_folder(course, tmp_path, name):
    """Spaces, quotes and letters of any alphabet."""
    make(tmp_path / name)
    assert files_in(tmp_path / name).keys() == {*FILES, MANIFEST}


def test_a_read_only_installation(course, folder):
    """Copies of read-only files can be written."""
    for file in course.rglob("*"):
        file.chmod(0o555 if file.is_dir() else 0o444)
    try:
        make(folder)
    finally:
        for file in course.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
    assert all(file.stat().st_mode & stat.S_IWUSR for file in folder.rglob("*"))


# What goes wrong


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", "null", '{"version": 1, "files": {}}', '{"version": "1", "files": 3}', "\udcff"]
)
def test_a_broken_manifest(course, folder, broken, monkeypatch):
    """It is kept, a line says so, and every file counts as the learner's: none is updated or lost."""
    make(folder)
    write(folder / LESSON, "mine")
    (folder / MANIFEST).write_bytes(broken.encode("utf-8", errors="surrogateescape"))
    new_version(course, monkeypatch)
    changes = make(folder)
    assert "broken" in changes.note
    kept = next(folder.glob(".lambdacourse.kept-*.json"))
    assert kept.read_bytes() == broken.encode("utf-8", errors="surrogateescape")
    assert read(folder / LESSON) == "mine" and read(folder / WELCOME) == FILES[WELCOME]
    assert set(changes.kept) == FILES.keys()
    assert str(make(folder)) == ""


def test_a_folder_that_is_a_file(course, folder):
    """One sentence that names it, and the file is as it was."""
    write(folder, "a file")
    with pytest.raises(CourseError, match="is a file"):
        make(folder)
    assert read(folder) == "a file"


def test_a_file_where_a_folder_should_be(course, folder):
    """``lessons`` is a file: one sentence, and the file is as it was."""
    write(folder / "lessons", "a file")
    with pytest.raises(CourseError, match="could not be put into"):
        make(folder)
    assert read(folder / "lessons") == "a file"


def test_a_full_disk(course, folder, monkeypatch):
    """One sentence; every file is the old one or the new one, whole; and the next start goes on where this one ended."""
    make(folder)
    write(folder / LESSON, "mine")
    new_version(course, monkeypatch)
    whole = Path.write_bytes

    def fills_up(self, data):
        if "data.csv" in self.name:
            whole(self, data[:2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return whole(self, data)

    monkeypatch.setattr(Path, "write_bytes", fills_up)
    with pytest.raises(CourseError, match=f"could not be put into .*{os.strerror(errno.ENOSPC)}"):
        make(folder)
    there = files_in(folder)
    there.pop(MANIFEST)
    assert there.pop(LESSON) == "mine"
    assert all(text in (FILES[name], f"{FILES[name]}, revised") for name, text in there.items())
    monkeypatch.setattr(Path, "write_bytes", whole)
    make(folder)
    assert read(folder / "exercises/01-concurrency/data.csv") == "a,b\n, revised"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_no_permission(course, tmp_path):
    """One sentence."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with pytest.raises(CourseError, match="could not be put into"):
        make(closed / "course")


def test_a_newer_workspace(course, folder, monkeypatch):
    """A folder of a newer course is not touched: one sentence that names both versions."""
    make(folder)
    monkeypatch.setattr(workspace, "__version__", "0.0.1")
    (course / WELCOME).write_text("older", encoding="utf-8")
    before = files_in(folder)
    with pytest.raises(CourseError, match=r"made by lambdacourse \d.*this is 0\.0\.1"):
        make(folder)
    with pytest.raises(CourseError, match=r"this is 0\.0\.1"):
        reset("00-welcome", folder)
    assert files_in(folder) == before


def test_an_installation_without_lessons(tmp_path, monkeypatch):
    """One sentence."""
    monkeypatch.setattr(folders, "__file__", str(tmp_path / "lambdacourse" / "folders.py"))
    with pytest.raises(CourseError, match="no lessons"):
        folders.content()


def test_content_of_a_wheel_and_of_a_checkout(tmp_path, monkeypatch):
    """The package's own folder comes first, then the folder around the package."""
    package = tmp_path / "lambdacourse"
    monkeypatch.setattr(folders, "__file__", str(package / "folders.py"))
    for folder in (tmp_path, package / "content"):
        for part in ("lessons", "exercises"):
            (folder / part).mkdir(parents=True)
        assert folders.content() == folder


# Putting one notebook back


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("00-welcome", WELCOME),
        ("00-welcome.ipynb", WELCOME),
        ("lessons/01-concurrency", LESSON),
        ("./lessons/01-concurrency.ipynb", LESSON),
        ("lessons\\01-concurrency", LESSON),
        ("exercises/01-concurrency", EXERCISE),
        ("exercises/01-concurrency/", EXERCISE),
        ("exercises/01-concurrency/01-concurrency.ipynb", EXERCISE),
        ("data.csv", "exercises/01-concurrency/data.csv"),
    ],
)
def test_reset_keeps_the_old_one(course, folder, name, file):
    """The file is as in the course again, and the learner's is beside it."""
    make(folder)
    write(folder / file, "mine")
    done = reset(name, folder)
    assert done.file == folder / file and read(done.file) == FILES[file]
    assert done.kept.parent == done.file.parent and read(done.kept) == "mine"
    stem, _, suffix = done.file.name.rpartition(".")
    assert done.kept.match(f"{stem}.kept-????????-??????.{suffix}")
    assert done.kept.name in str(done)


def test_reset_of_what_is_unchanged_or_missing(course, folder):
    """There is nothing to keep."""
    make(folder)
    assert reset("00-welcome", folder).kept is None
    (folder / WELCOME).unlink()
    assert reset("00-welcome", folder).kept is None
    assert read(folder / WELCOME) == FILES[WELCOME]


def test_reset_twice_within_a_second(course, folder):
    """Both of the learner's versions are kept."""
    make(folder)
    for text in ("first", "second"):
        write(folder / WELCOME, text)
        reset("00-welcome", folder)
    assert [read(file) for file in sorted(folder.glob("lessons/*.kept-*"))] == ["first", "second"]


def test_after_a_reset_the_file_is_updated_again(course, folder, monkeypatch):
    """It is the course's file once more."""
    make(folder)
    write(folder / WELCOME, "mine")
    reset("00-welcome", folder)
    new_version(course, monkeypatch)
    assert WELCOME in make(folder).updated


def test_reset_of_a_name_that_two_share(course, folder):
    """A lesson and its exercise are called the same: it says so, and how to name each."""
    make(folder)
    with pytest.raises(CourseError, match=r"2 notebooks.*reset lessons/01-concurrency.*reset exercises/01-concurrency"):
        reset("01-concurrency", folder)


@pytest.mark.parametrize(("name", "near"), [("01-concurency", "lessons/01-concurrency"), ("welcome", "lessons/00-welcome")])
def test_reset_of_an_unknown_name(course, folder, name, near):
    """The near ones are listed."""
    make(folder)
    with pytest.raises(CourseError, match=f"no notebook '{name}'.*{near}"):
        reset(name, folder)


@pytest.mark.parametrize("name", ["", "/", "..", "../../secret", "zzz", "x" * 5_000, ".lambdacourse.json"])
def test_reset_of_nonsense(course, folder, name):
    """One sentence, and nothing is changed."""
    make(folder)
    before = files_in(folder)
    with pytest.raises(CourseError, match="The course has no notebook"):
        reset(name, folder)
    assert files_in(folder) == before


def test_reset_on_a_full_disk(course, folder, monkeypatch):
    """The learner's notebook stays where it is."""
    make(folder)
    write(folder / WELCOME, "mine")

    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CourseError, match="it is as it was"):
        reset("00-welcome", folder)
    assert read(folder / WELCOME) == "mine"


def test_the_folder_is_found(course, folder, tmp_path, monkeypatch):
    """From the folder, from one inside it, from the one around it; a path that exists means that file."""
    make(folder)
    for here in (folder, folder / "exercises" / "01-concurrency", folder.parent):
        monkeypatch.chdir(here)
        assert find().samefile(folder)
    monkeypatch.chdir(folder / "lessons")
    assert reset("01-concurrency.ipynb").file.samefile(folder / LESSON)
    monkeypatch.chdir(tmp_path)
    assert reset("work/lambda-at-scale/" + EXERCISE, folder).file.samefile(folder / EXERCISE)
    with pytest.raises(CourseError, match="no course folder"):
        find()
    with pytest.raises(CourseError, match="not a course folder"):
        find(tmp_path / "nowhere")
