"""A class, end to end, with the people in it whom nobody wants: each gets the score they must get, and nothing leaks."""

import contextlib
import csv
import errno
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from lambdacourse.cli import main
from lambdacourse.course import workspace
from lambdacourse.errors import CourseError
from lambdacourse.folders import content
from lambdacourse.grading.exercises import concurrency
from lambdacourse.grading.session import STAMP_MIME
from lambdacourse.grading.verdict import MIME
from lambdacourse.learner import Learner
from lambdacourse.workshop import classroom, pool, submissions
from lambdacourse.workshop.collecting import collect
from lambdacourse.workshop.judge import tasks_of
from lambdacourse.workshop.outcomes import Outcome, as_table, digest_of, record
from lambdacourse.workshop.reports import feedback, grades, status
from lambdacourse.workshop.roster import read_roster

NAME = "01-concurrency"
FULL = 20.0
STUB = 0.0


def solved():
    """What a learner hands in who has everything right: the release with the solution's answers."""
    ours, released = (
        json.loads((content() / kind / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
        for kind in ("solutions", "exercises")
    )
    for each in released["cells"]:
        graded = each["metadata"].get("nbgrader", {})
        if graded.get("solution"):
            each["source"] = cell(ours, graded["grade_id"])["source"]
    return released


def cell(notebook, grade_id):
    return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def answered(**answers):
    """The solution with some answers replaced."""
    notebook = solved()
    for task, code in answers.items():
        cell(notebook, f"{task}_answer")["source"] = [code]
    return notebook


def first(code, notebook=None):
    """The notebook with a code cell before all others: it runs before anything else does."""
    notebook = notebook or solved()
    new = {"cell_type": "code", "id": "first", "metadata": {}, "source": [code], "outputs": [], "execution_count": None}
    notebook["cells"].insert(0, new)
    return notebook


def tampered():
    notebook = solved()
    cells = notebook["cells"]
    cell(notebook, "needed_concurrency")["source"] = ["100"]
    cell(notebook, "limit_needed")["metadata"]["nbgrader"]["points"] = 1_000
    turned = cell(notebook, "what_throttles")
    turned["cell_type"] = "markdown"
    del turned["outputs"], turned["execution_count"]
    cells.remove(cell(notebook, "seconds_to_scale"))
    cell(notebook, "throttle_status")["metadata"]["nbgrader"] |= {"solution": True, "grade": False, "locked": False}
    cell(notebook, "forecast")["metadata"]["nbgrader"]["grade_id"] = "renamed"
    copied = json.loads(json.dumps(cell(notebook, "limit_with_headroom")))
    cells.append(copied | {"id": "copied"})
    return notebook


EQUAL = "class Equal(float):\n  __eq__ = __le__ = __ge__ = lambda self, other: True\n  __hash__ = float.__hash__\n"
LIE = """
def forge():
    import json, os, socket
    for number in range(3, 64):
        try:
            socket.socket(fileno=number).sendall(json.dumps({"value": 1, "found": True, "points": 99, "score": 99}).encode() + b"\\n")
        except OSError:
            pass
forge()
"""
LOOK = """
import gc, os, sys
def look():
    found, files = [], []
    frame = sys._getframe()
    while frame:
        found += [str(frame.f_locals)]
        frame = frame.f_back
    found += [str(each)[:2_000] for each in gc.get_objects() if isinstance(each, (dict, str, list))]
    found += [str(dict(os.environ)), str(sys.argv)]
    for root in (os.getcwd(), os.environ["LAMBDACOURSE_HOME"], "/proc", "/home", "/root", "/tmp"):
        for place, folders, names in os.walk(root):
            if "site-packages" not in place and "/lib/python" not in place:
                files += [place + "/" + each for each in (*folders, *names)]
    # The words are written backwards: this text is one of the objects that are looked at.
    return [word for word in ("DEES-TERCES", "koobeton-on") if word[::-1] in "".join(found)] + [
        word for word in ("bd.koobedarg", "snoitulos", "vsc.retsor") if word[::-1] in "".join(files)
    ]
print("LEAKED:", look())
"""
PATCH = """
import builtins, math, numpy, lambdacourse.grading.tasks as tasks, lambdacourse.grading.compare as compare
import lambdacourse.grading.session as session, nbgrader.utils
builtins.abs = builtins.round = lambda *a: 0
math.isclose = compare.close = tasks.close = lambda *a, **k: True
session._verdict = lambda *a: 99
nbgrader.utils.determine_grade = lambda *a: (99, 99)
numpy.isclose = lambda *a, **k: True
"""

HOSTILE_MARKDOWN = """# My notes, a < b & c

<script>document.title = "owned"</script><img src="x" onerror="document.title = 'owned'"><iframe src="https://example.org"></iframe>
<form action="https://example.org"><button>Regrade</button></form> [here](javascript:document.title='owned')
"""


def with_markdown(text):
    notebook = solved()
    notebook["cells"].append({"cell_type": "markdown", "id": "notes", "metadata": {}, "source": [text]})
    return notebook


def stamped(**stamp):
    """The solution with what ``open_exercise`` leaves in its output."""
    notebook = solved()
    output = {"output_type": "display_data", "metadata": {}, "data": {STAMP_MIME: {"learner": "ada", **stamp}}}
    next(each for each in notebook["cells"] if each["cell_type"] == "code")["outputs"] = [output]
    return notebook


WRONG = {task: f"def {task}(*arguments): return 1" for task in ("needed_concurrency", "limit_needed", "seconds_to_scale")}
LOST = 2 + 3 + 3

CORPUS = {
    "clean": (solved(), FULL),
    "tampered": (tampered(), FULL),
    "reordered": (solved() | {"cells": solved()["cells"][::-1]}, STUB),
    "equal": (answered(needed_concurrency=EQUAL + "def needed_concurrency(rate, duration_ms): return Equal(1)"), FULL - 2),
    "patches": (first(PATCH, answered(**WRONG)), FULL - LOST),
    "prints": (
        answered(needed_concurrency="def needed_concurrency(r, d): print(2.0); return '2.0'\nprint(2.0)\n2.0"),
        FULL - 2,
    ),
    "lies": (first(LIE, answered(**WRONG)), STUB),
    "looks": (first(LOOK), FULL),
    "exits": (first("import os; os._exit(0)"), STUB),
    "exits-late": (
        answered(limit_with_headroom="import os\ndef limit_with_headroom(rate, duration_ms): os._exit(0)"),
        FULL - 4,
    ),
    "raises-exit": (answered(limit_with_headroom="def limit_with_headroom(rate, duration_ms): raise SystemExit(0)"), FULL - 4),
    "recurses": (answered(forecast="def forecast(): return forecast()"), FULL - 3),
    "huge": (answered(limit_with_headroom="def limit_with_headroom(rate, duration_ms): return 10**4_000"), FULL - 4),
    "stashes": (
        answered(
            needed_concurrency="SEEN = []\ndef needed_concurrency(rate, duration_ms):\n"
            "  SEEN.append((rate, duration_ms)); open('seen', 'a').write('SAW'); return rate * duration_ms / 1000",
            limit_with_headroom="import os\nprint('LEAKED:', [*SEEN, *(each for each in os.listdir('.') if each == 'seen')])\n"
            "def limit_with_headroom(rate, duration_ms): return 0",
        ),
        FULL - 4,
    ),
    "tells": (
        answered(
            needed_concurrency="def needed_concurrency(rate, duration_ms): raise ValueError(f'TOLD {rate} {duration_ms}')"
        ),
        FULL - 2,
    ),
    "writes-html": (with_markdown(HOSTILE_MARKDOWN), FULL),
    "other-class": (stamped(class_seed="another"), FULL),
    "scripts": (first("from IPython.display import HTML, display; display(HTML('<script>alert(1)</script>'))"), FULL),
}
FAULTS = {
    "no-json": "not JSON",
    "no-cells": "no list of cells",
    "no-notebook": "has no 01-concurrency.ipynb",
    "linked": "link",
    "hard": "hard link",
}


def hand_in(folder, student, notebook):
    place = folder / "submitted" / student / NAME
    place.mkdir(parents=True)
    (place / f"{NAME}.ipynb").write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
    return place


def one_assignment(place):
    """The source of a class that has one assignment only."""
    shutil.copytree(content() / "solutions" / NAME, place / "sources" / NAME)
    return place / "sources"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class with the whole corpus in it, graded once: the folder and the outcomes by student."""
    if not shutil.which("bwrap"):
        (pytest.fail if os.environ.get("LAMBDACOURSE_REQUIRE_SANDBOX") == "1" else pytest.skip)("bubblewrap is not installed")
    place = tmp_path_factory.mktemp("class")
    folder = classroom.init(place / "spring", solutions=one_assignment(place))
    (folder / ".grading" / "seed").write_text("SECRET-SEED", encoding="utf-8")
    classroom.release(folder)
    for student, (notebook, _) in CORPUS.items():
        hand_in(folder, student, notebook)
    hand_in(folder, "no-json", "{")
    hand_in(folder, "no-cells", "[]")
    (hand_in(folder, "no-notebook", solved()) / f"{NAME}.ipynb").rename(
        folder / "submitted" / "no-notebook" / NAME / "mine.ipynb"
    )
    (hand_in(folder, "linked", solved()) / "data").symlink_to(folder / ".grading" / "seed")
    os.link(folder / ".grading" / "seed", hand_in(folder, "hard", solved()) / "data")
    return folder, {outcome.student: outcome for outcome in pool.autograde(folder)}


@pytest.mark.parametrize("student", CORPUS)
def test_score(graded, student):
    """The score that this submission must get; nobody's score is touched by somebody else's submission."""
    outcome = graded[1][student]
    assert (outcome.state, outcome.score, outcome.max_score) == ("graded", CORPUS[student][1], FULL), outcome


@pytest.mark.parametrize("student", FAULTS)
def test_fault(graded, student):
    """What cannot be graded is reported with the reason, has no score, and stops nobody."""
    outcome = graded[1][student]
    assert outcome.state == "fault" and outcome.score is None and FAULTS[student] in outcome.note, outcome


def test_nothing_leaked(graded):
    """No output has the secret seed, a case that was held back, or a script; nothing is in the notebook but what must be.

    Shows the corpus as a table: ``pytest -rP``.
    """
    folder, outcomes = graded
    print(f"{'submission':<14}{'must get':>10}{'got':>10}")
    for student, outcome in outcomes.items():
        wanted, got = CORPUS.get(student, (0, "no score"))[1], "no score" if outcome.score is None else outcome.score
        print(f"{student:<14}{wanted:>10}{got:>10}  {outcome.note}")
    for file in (folder / "autograded").rglob("*.ipynb"):
        notebook = json.loads(file.read_text(encoding="utf-8"))
        outputs = json.dumps([each.get("outputs") for each in notebook["cells"]])
        assert "SECRET-SEED" not in outputs and "<script" not in outputs, file
        if "LEAKED" in outputs:
            assert "LEAKED: []" in outputs, outputs
    assert any(
        "LEAKED: []" in file.read_text(encoding="utf-8") for file in (folder / "autograded" / "stashes").rglob("*.ipynb")
    )


def test_hidden_cases_stay_hidden(graded):
    """What a function says of its arguments reaches the learner with their own numbers only."""
    folder, _ = graded
    notebook = json.loads((folder / "autograded" / "tells" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    said = cell(notebook, "needed_concurrency")["outputs"][0]["data"][MIME]["message"]
    numbers = Learner("tells", classroom.about(folder)["seed"]).numbers(NAME, "needed_concurrency")
    own = [case.values() for case in (concurrency._rate_and_duration(numbers, number) for number in range(3))]
    assert any(said == f"ValueError: TOLD {rate} {duration_ms}" for rate, duration_ms in own), said


def test_what_an_instructor_should_know(graded):
    """Numbers of another class, and cells that are not this release's, stand in the note; a clean submission has none."""
    _, outcomes = graded
    assert outcomes["clean"].note == ""
    assert "another class ('another')" in outcomes["other-class"].note
    assert "another release or edited" in outcomes["tampered"].note and "needed_concurrency" in outcomes["tampered"].note


def test_status_has_what_was_graded_by_hand(graded):
    """Points that the instructor gave in the formgrader are in the status, as in the grades; so is a wish to look again."""
    folder, outcomes = graded

    def by_hand(points, again):
        with classroom.nbgrader_of(folder) as api, api.gradebook as gradebook:
            grade = gradebook.find_grade("needed_concurrency", NAME, NAME, "other-class")
            grade.extra_credit, grade.needs_manual_grade = points, again
            gradebook.db.commit()
        return next(row for row in status(folder) if row.student == "other-class")

    row = by_hand(1.5, True)
    assert row.score == outcomes["other-class"].score + 1.5 and "look at it in formgrader" in row.note
    assert by_hand(0, False) == outcomes["other-class"]


def test_not_graded_twice(graded, capsys):
    """Graded again, nothing changes and nothing runs; a submission that changed is graded again, alone. Until then, grades and
    feedback say whose scores are of what was handed in before."""
    folder, before = graded
    stamps = {file: file.stat().st_mtime_ns for file in (folder / "autograded").rglob("*.ipynb")}
    changed = folder / "submitted" / "clean" / NAME / f"{NAME}.ipynb"
    changed.write_text(json.dumps(answered(**WRONG)), encoding="utf-8")
    assert {row.student: row.state for row in status(folder)}["clean"] == "waiting"
    assert main(["workshop", "grades", str(folder), "--csv", str(folder / "grades.csv")]) == 1
    assert f"{NAME}  clean " in capsys.readouterr().err
    again = {outcome.student: outcome for outcome in pool.autograde(folder)}
    assert again["clean"].score == FULL - LOST
    assert {k: v for k, v in again.items() if k != "clean"} == {k: v for k, v in before.items() if k != "clean"}
    for file, stamp in stamps.items():
        assert (file.stat().st_mtime_ns == stamp) == ("clean" not in file.parts), file


def test_grades_and_feedback(graded, tmp_path):
    """The CSV has everybody's points; a page of feedback has the learner's banner and no hidden test."""
    folder, outcomes = graded
    grades(folder, tmp_path / "grades.csv")
    rows = {
        row["ID number"]: row for row in csv.DictReader((tmp_path / "grades.csv").read_text(encoding="utf-8-sig").splitlines())
    }
    assert float(rows["equal"][NAME]) == outcomes["equal"].score
    pages = feedback(folder)
    page = next(page for page in pages if "equal" in page.parts).read_text(encoding="utf-8")
    assert "Equal" in page and "hidden=True" not in page and "SECRET-SEED" not in page
    assert 'role="status" style="border-left:5px solid' in page, "our banner keeps its looks"
    assert "prefers-color-scheme: dark" in page
    page = next(page for page in pages if "writes-html" in page.parts).read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert "My notes, a < b & c" in soup.get_text(), "what was written as text is still there"
    assert not soup.find_all(["iframe", "form", "button"]) and not soup.find_all(onerror=True)
    assert not [link for link in soup.find_all("a", href=True) if link["href"].startswith("javascript:")]
    assert not [link for link in soup.find_all("a", href=True) if ".ipynb" in link["href"]], "notebooks are not beside it"
    assert not [script for script in soup.find_all("script") if "owned" in script.get_text()]


def test_nbgraders_own_command_is_confined_too(graded):
    """``nbgrader autograde`` in the class's folder: the same sandbox, judge and score; a link out of the folder is refused."""
    folder, _ = graded
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(content())}
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME, "--student=patches", "--force"]
    assert subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode == 0
    with classroom.nbgrader_of(folder) as api:  # the same settings as the command's
        assert not api.autograde(NAME, "linked", force=True)["success"]
    grades(folder, folder / "grades.csv")
    rows = csv.DictReader((folder / "grades.csv").read_text(encoding="utf-8-sig").splitlines())
    assert {row["ID number"]: row[NAME] for row in rows}["patches"] == f"{FULL - LOST:g}"
    assert not (folder / "autograded" / "linked" / NAME).exists()


def test_a_locked_gradebook(graded):
    """While somebody else writes to the gradebook, a submission waits, then has a fault; later it is graded as ever."""
    folder, _ = graded
    with closing(sqlite3.connect(folder / "gradebook.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        outcome = pool._grade_one(folder, NAME, "huge", True)
        assert outcome.state == "fault" and "database is locked" in outcome.note
    assert pool._grade_one(folder, NAME, "huge", True).score == CORPUS["huge"][1]


def test_a_full_disk(graded, monkeypatch):
    """What cannot be written is a fault of that submission with the system's reason; the next command grades it."""
    folder, _ = graded

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pool.tempfile, "TemporaryDirectory", full)
        outcome = pool._grade_one(folder, NAME, "huge", True)
        assert outcome.state == "fault" and "No space left on device" in outcome.note
    assert pool._grade_one(folder, NAME, "huge", True).state == "graded"


BROKEN = f"""
from dataclasses import replace
from lambdacourse.grading.exercises import exercise

def broken(*arguments):
    raise RuntimeError("no \\x1b region")

TASKS = [replace(exercise({NAME!r}).tasks[0], checker=broken)]
"""


def test_a_checker_of_ours_that_fails(graded):
    """The instructor hears of it, once, and of nothing else; the other tasks are graded."""
    folder, _ = graded
    private = folder / "private" / f"{NAME}.py"
    private.write_text(BROKEN, encoding="utf-8")
    task = concurrency.EXERCISE.tasks[0]
    outcome = pool._grade_one(folder, NAME, "writes-html", True)
    private.unlink()
    assert outcome.state == "graded" and outcome.score == FULL - task.points
    assert outcome.note == f"the checker of {task.name} failed: RuntimeError: no \\x1b region"
    assert pool._grade_one(folder, NAME, "writes-html", True).note == ""


# --- without grading


@pytest.mark.parametrize(("name", "says"), [("roster.csv", "no table of grades"), ("private", "is a folder")])
def test_grades_overwrite_nothing_else(folder, capsys, name, says):
    """A table of grades takes the place of another such table only."""
    before = (folder / "roster.csv").read_bytes()
    assert main(["workshop", "grades", str(folder), "--csv", str(folder / name)]) == 1
    assert says in capsys.readouterr().err and (folder / "roster.csv").read_bytes() == before
    for _ in range(2):
        assert main(["workshop", "grades", str(folder), "--csv", str(folder / "grades.csv")]) == 0


@pytest.fixture
def folder(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_bytes("ID;Vorname;Nachname\nada;Ada;Müller\ngrace;Grace;H\n".encode("cp1252"))
    return classroom.init(tmp_path / "spring", roster, one_assignment(tmp_path))


def pack(place, owner, notebook=None, **more):
    file = place / f"{NAME}-{owner}.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{NAME}.ipynb", json.dumps(notebook or solved()))
        for name, data in more.items():
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("before", ["", "sep={}\r\n"])
def test_rosters(tmp_path, encoding, mark, before):
    """Commas, semicolons or tabs, said to Excel or not, in any usual encoding, with a line of nothing: the same people."""
    file = tmp_path / "roster.csv"
    text = "Benutzername,Vorname,Nachname,E-Mail\r\n,,,\r\nada,Ada,Müller,a@b.c\r\n".replace(",", mark)
    file.write_bytes((before.format(mark) + text).encode(encoding))
    assert read_roster(file) == [{"id": "ada", "first_name": "Ada", "last_name": "Müller", "email": "a@b.c"}]


@pytest.mark.parametrize("number", ["", "1234567"])
def test_ids_come_from_the_column_that_has_them(tmp_path, number):
    """Moodle's ID number is often empty or a number: then the user name is the id; with good ones it is not."""
    file = tmp_path / "roster.csv"
    for id_number, id in ((number, "ada"), ("s1234567", "s1234567")):
        file.write_text(f"Username,First name,Surname,ID number,Email address\nada,Ada,L,{id_number},a@b.c\n", encoding="utf-8")
        assert [student["id"] for student in read_roster(file)] == [id]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("id\n../ada\n", r"line 2, column 'id': learner id '../ada': an id begins with a letter"),
        ("Vorname,Matrikelnummer\nAda,s1\n,,\n\nGrace,1234567\n", r"line 5, column 'Matrikelnummer'.*s1234567 for 1234567"),
        ("id\nada\nada\n", "line 3, column 'id': ada is there twice"),
        ("id\nada\nAda\n", "line 3, column 'id': ada and Ada: on some disks their folders are one"),
        (
            "ada,Ada\ngrace,Grace\n",
            "no column of ids. Its first line is: ada, Ada. Give it headings, one of them of these: id, ",
        ),
        ("", "is empty. A roster is a CSV file"),
        ("PK\3\4...", "is an Excel workbook or a zip, whatever its name says. Save it as CSV"),
        (f'id,email\nada,"{"x" * 200_000}\n', "line 2: field larger than field limit"),
        ("id\n", "has headings and no students"),
    ],
)
def test_rosters_that_are_refused(tmp_path, data, said):
    """What is wrong, where, and what to do; no class is made without its students."""
    (tmp_path / "roster.csv").write_text(data, encoding="utf-8")
    with pytest.raises(CourseError, match=said):
        classroom.init(tmp_path / "spring", tmp_path / "roster.csv", one_assignment(tmp_path))
    assert not (tmp_path / "spring").exists()


def test_init_keeps_what_is_there(folder):
    """A class is made once; its secret seed and its solutions never reach the zip for learners."""
    with pytest.raises(CourseError, match="already"):
        classroom.init(folder)
    with zipfile.ZipFile(classroom.release(folder)) as archive:
        assert sorted(archive.namelist()) == ["class.toml", f"exercises/{NAME}/{NAME}.ipynb"]
        text = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "hidden=True" not in text and (folder / ".grading" / "seed").read_text(encoding="utf-8") not in text


def test_a_config_without_the_sandbox_is_refused(tmp_path, capsys):
    """With an instructor's own nbgrader_config.py, nbgrader's commands would run submissions as the instructor."""
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()", encoding="utf-8")
    assert main(["workshop", "init", str(tmp_path)]) == 1
    assert "outside the sandbox" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["nbgrader_config.py"]
    with pytest.raises(SystemExit):
        main(["workshop", "init", ""])


def test_init_among_files(tmp_path):
    """In a folder with an instructor's own files, each stays as it is; the roster that is there is the class's."""
    theirs = {
        "roster.csv": "username\nada\n",
        "nbgrader_config.py": "# mine: configure_class\n",
        ".grading/seed": "SECRET-SEED",
        "notes": "x",
    }
    place, other = tmp_path / "spring", tmp_path / "other.csv"
    (place / ".grading").mkdir(parents=True)
    for name, text in theirs.items():
        (place / name).write_text(text, encoding="utf-8")
    other.write_text("id\ngrace\n", encoding="utf-8")
    with pytest.raises(CourseError, match="with other students than"):
        classroom.init(place, other, one_assignment(tmp_path))
    classroom.init(place, solutions=tmp_path / "sources")
    assert {name: (place / name).read_text(encoding="utf-8") for name in theirs} == theirs
    assert [(row.student, row.state) for row in status(place)] == [("ada", "missing")]


@pytest.mark.parametrize("place", ["afile", "afile/sub"])
def test_init_where_a_file_is(tmp_path, monkeypatch, place):
    """Where a file is in the way, a sentence says so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").write_text("mine", encoding="utf-8")
    with pytest.raises(CourseError, match=r"^A class cannot be made in afile"):
        classroom.init(Path(place))
    assert (tmp_path / "afile").read_text(encoding="utf-8") == "mine"


def test_collect(folder, tmp_path):
    """Who is in the roster is collected; the same again is the same; a newer one replaces it, and the older one is kept."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    pack(inbox, "ada")
    pack(inbox, "mallory")
    assert [row.state for row in collect(folder, inbox)] == ["collected", "waiting"]
    assert collect(folder, inbox)[0].state == "same"
    pack(inbox, "ada", answered(**WRONG))
    (again, _) = collect(folder, inbox)
    (kept,) = (folder / ".grading" / "replaced" / "ada").iterdir()
    assert again.state == "collected" and kept.name in again.note
    (inbox / "homework.zip").write_bytes(b"PK")
    collect(folder, inbox)
    assert [(row.student, row.state) for row in status(folder)] == [
        ("ada", "waiting"), ("grace", "missing"), ("mallory", "waiting"), ("homework.zip", "fault"),
    ]  # fmt: skip


def test_collect_keeps_what_is_there_when_it_cannot_write(folder, tmp_path, monkeypatch):
    """A zip with a file that is a folder, too, or a full disk: a fault, and the submission that was there stays."""
    first = pack(tmp_path, "ada")
    collect(folder, first)
    (row,) = collect(folder, pack(tmp_path, "ada", answered(**WRONG), **{"data": "x", "data/y": "y"}))
    assert row.state == "fault" and "'data'" in row.note and "a file and a folder" in row.note
    pack(tmp_path, "ada", answered(**WRONG))

    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_bytes", full)
        patched.setattr("lambdacourse.workshop.collecting.keep_unplaced", lambda *_: None)
        (row,) = collect(folder, first)
    assert row.state == "fault" and "No space left" in row.note
    there = folder / "submitted" / "ada" / NAME / f"{NAME}.ipynb"
    assert json.loads(there.read_text(encoding="utf-8")) == solved()
    assert not (folder / ".grading" / "replaced").exists() and not list((folder / ".grading").glob("collecting-*"))


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_collect_goes_on_after_a_damaged_zip(folder, tmp_path, packing):
    """Wherever bytes of a zip are damaged, it is a fault of one sentence, and who comes after it is collected."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with zipfile.ZipFile(inbox / f"{NAME}-ada.zip", "w", packing) as archive:
        archive.writestr(f"{NAME}.ipynb", json.dumps(solved()))
    data = (inbox / f"{NAME}-ada.zip").read_bytes()
    for start in [*range(4, 60), *range(60, len(data), len(data) // 50)]:
        with contextlib.suppress(CourseError):
            submissions.check_zip(data[:start] + b"\xff" * 9 + data[start + 9 :], NAME, "x.zip")
    (inbox / f"{NAME}-ada.zip").write_bytes(data[:60] + b"\xff" * 99 + data[159:])
    pack(inbox, "grace")
    fault, row = collect(folder, inbox)
    assert (fault.state, row.student, row.state) == ("fault", "grace", "collected") and "no zip archive" in fault.note
    assert fault in status(folder)


def test_collect_goes_on_after_an_id_of_the_exchange_that_is_none(folder, tmp_path):
    """A login that is no id is a fault that says how to name the owner; then it is theirs."""
    odd, fine = (tmp_path / "inbound" / f"{login}+{NAME}+2026-11-01 10:00:00 UTC" for login in ("12345", "ada"))
    for place in (odd, fine):
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_text(json.dumps(solved()), encoding="utf-8")
    fault, row = collect(folder, tmp_path / "inbound")
    assert (fault.state, row.state) == ("fault", "collected") and f"--owner '{odd.name}'=ID" in fault.note


def test_owners_are_looked_at_first(folder, tmp_path):
    """An owner's id that is none: one sentence, before anything is collected."""
    file = pack(tmp_path, "ada")
    with pytest.raises(CourseError, match=r"--owner .*ada\.zip=bad id.*begins with a letter"):
        collect(folder, file, {file.name: "bad id"})
    assert not list((folder / "submitted").iterdir())


@pytest.mark.parametrize("name", [
    f"{NAME}-ada (1).zip", f"{NAME}-ada(2).ZIP", f"{NAME.upper()}-Ada.ZIP", f"lovelaceada_12345_67_{NAME}-ada.zip",
    f"Ada Lovelace_12345_assignsubmission_file_/{NAME}-ada.zip",
])  # fmt: skip
def test_collect_understands_what_downloads_are_called(folder, tmp_path, name):
    """A browser's second download, capitals, Canvas's prefix, Moodle's folder for each learner; a plus in the folder's own name."""
    file = tmp_path / "in+box" / name
    file.parent.mkdir(parents=True)
    pack(tmp_path, "ada").rename(file)
    (row,) = collect(folder, tmp_path / "in+box")
    assert (row.assignment, row.student, row.state) == (NAME, "ada", "collected"), row


@pytest.mark.parametrize("form", ["{0}/{1}", "{0}\\{1}"])
def test_collect_opens_the_folder_that_was_packed(folder, tmp_path, form):
    """As Finder and Explorer pack a folder: with its name before each file, backslashes perhaps, and a Mac's own notes."""
    file = tmp_path / f"{NAME}-ada.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{NAME}/", "")
        archive.writestr(form.format(NAME, f"{NAME}.ipynb"), json.dumps(solved()))
        archive.writestr(form.format(NAME, "data"), "x")
        archive.writestr(f"__MACOSX/{NAME}/._{NAME}.ipynb", "x")
    assert [row.state for row in collect(folder, file)] == ["collected"]
    assert sorted(place.name for place in (folder / "submitted" / "ada" / NAME).iterdir()) == [f"{NAME}.ipynb", "data"]


@pytest.mark.parametrize("name", [f"{NAME}.zip", f"{NAME}-Ada L.zip", f"my_{NAME}-homework.zip", f"Ada L_file_/{NAME}.zip"])
def test_collect_believes_who_says_whose_it_is(folder, tmp_path, name):
    """Where the name has an assignment but no id of the roster, the note has the words to type, and they help."""
    file = tmp_path / "in" / name
    file.parent.mkdir(parents=True)
    pack(tmp_path, "ada").rename(file)
    (row,) = collect(folder, tmp_path / "in")
    assert row.state in ("fault", "waiting")
    option, said = shlex.split(row.note.rpartition("Say whose it is: ")[2])
    assert (option, said) == ("--owner", f"{name}=ID")
    (row,) = collect(folder, tmp_path / "in", {name: "ada"})
    assert (row.student, row.state) == ("ada", "collected")


def test_a_name_that_cannot_be_seen(folder, tmp_path):
    """A row and its note show no character of a file's name that would do something to a terminal."""
    pack(tmp_path, "ada").rename(tmp_path / f"{NAME}-\x1b[2J\n.zip")
    (row,) = [row for row in collect(folder, tmp_path) if NAME in row.student]
    assert row.state == "fault" and (row.student + row.note).isprintable() and "plain name" in row.note


def test_collect_says_what_a_right_name_is(folder, tmp_path):
    """What has no assignment in its name is told a right one; a source that does not exist is no fault of a learner's."""
    (tmp_path / "homework.zip").write_bytes(b"PK")
    (row,) = collect(folder, tmp_path / "homework.zip")
    assert f"{NAME}-ada.zip" in row.note and "--owner" in row.note
    for nope in ("nope", "nope.zip"):
        with pytest.raises(CourseError, match=f"{nope} does not exist"):
            collect(folder, tmp_path / nope)
    assert [row.student for row in status(folder) if row.state == "fault"] == ["homework.zip"]


def test_what_is_no_longer_there_leaves_the_status(folder, tmp_path):
    """Hidden files are nobody's submission; what was renamed and placed, or removed, is forgotten; other folders' files are not."""
    inbox, other = tmp_path / "inbox", tmp_path / "other"
    for place in (inbox / "notes", inbox / "__MACOSX", other):
        place.mkdir(parents=True)
    (inbox / ".DS_Store").write_bytes(b"x")
    (inbox / "x.crdownload").write_bytes(b"x")
    (inbox / "homework.zip").write_bytes(b"PK")
    (other / "homework.zip").write_bytes(b"PK")
    assert [row.student for row in collect(folder, inbox)] == ["homework.zip", "notes", "x.crdownload"]
    collect(folder, other / "homework.zip")

    def unplaced():
        return [row.student for row in status(folder) if row.state == "fault"]

    assert unplaced() == ["homework.zip", "notes", "x.crdownload", "homework.zip"]
    (inbox / "homework.zip").unlink()
    collect(folder, pack(inbox, "ada"))
    assert unplaced() == ["notes", "x.crdownload", "homework.zip"]
    (inbox / "notes").rmdir()
    (inbox / "x.crdownload").unlink()
    collect(folder, inbox)
    assert unplaced() == ["homework.zip"]


def test_collect_leaves_what_is_older(folder, tmp_path):
    """By their timestamps an older submission does not replace a newer one, whatever the order; without one, the last comes in."""
    when = {"timestamp.txt": "2026-11-20 10:00:00 UTC"}
    collect(folder, pack(tmp_path, "ada", **when))
    for older in ("2026-11-10 10:00:00 UTC", "2026-11-20 10:00:00 +0100"):
        (row,) = collect(folder, pack(tmp_path, "ada", answered(**WRONG), **{"timestamp.txt": older}))
        assert (row.state, row.note) == ("older", "older than the one that is there; it was left")
    assert (
        submissions.check_folder(folder / "submitted" / "ada" / NAME, NAME)["timestamp.txt"] == when["timestamp.txt"].encode()
    )
    for newer in ({"timestamp.txt": "2026-11-21 10:00:00 UTC"}, {}):
        (row,) = collect(folder, pack(tmp_path, "ada", answered(**WRONG), **newer))
        assert row.state == "collected" and "replaced" in row.note


@pytest.mark.parametrize(
    "text", ["gestern 18 Uhr", "2026-13-40 10:00:00 UTC", "1-1-1 0:00 99999999999999", f"10:{'9' * 30}", b"\xff\xfe"]
)
def test_a_timestamp_that_is_no_moment(folder, tmp_path, text):
    """A fault when it is collected, which names the file and the rule; a good one replaces it where it came in all the same."""
    (row,) = collect(folder, pack(tmp_path, "ada", **{"timestamp.txt": text}))
    assert row.state == "fault" and row.note.startswith("timestamp.txt says '") and "must be a moment" in row.note
    (hand_in(folder, "ada", solved()) / "timestamp.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert collect(folder, pack(tmp_path, "ada"))[0].state == "collected"


def test_an_owner_or_a_file_that_nobody_knows(folder, tmp_path):
    """An owner who is not in the roster is believed, and the note says so; a file that is not there stops it all."""
    file = pack(tmp_path, "guest")
    with pytest.raises(CourseError, match=r"--owner: .* has no gest\.zip"):
        collect(folder, file, {"gest.zip": "ada", file.name: "ada"})
    (row,) = collect(folder, file, {file.name: "dad"})
    assert (row.student, row.state, row.note) == ("dad", "collected", "dad is not in the roster")
    assert collect(folder, file, {file.name: "ada"})[0].note == ""


@pytest.mark.parametrize("change, said", [
    ({"nbformat": 3, "cells": None}, "nbformat 3"), ({"nbformat": 4.0}, "nbformat 4.0"), ({"nbformat": None}, "nbformat None"),
    ({"nbformat_minor": "x"}, "nbformat_minor"), ({"metadata": 3}, "metadata"), ({"cells": None}, "list of cells"),
    ({"cells": ["x"]}, "cell 1"),
    *[({"cells": [{"cell_type": "code", "metadata": {}, "source": "", **cell}]}, "cell 1") for cell in (
        {"cell_type": "heading"}, {"metadata": None}, {"source": 3}, {"source": [3]}, {"outputs": "x"}, {"outputs": [3]},
    )],
])  # fmt: skip
def test_a_notebook_that_nbgrader_cannot_read(folder, tmp_path, change, said):
    """Another version of the format, or cells that are none: a fault of one sentence when it is collected."""
    (row,) = collect(folder, pack(tmp_path, "ada", solved() | change))
    assert row.state == "fault" and said in row.note and "\n" not in row.note


def test_status_shows_the_class_at_a_glance(folder, tmp_path, capsys):
    """A row each student; what needs the instructor stands below it, and nothing else does."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    pack(inbox, "ada")
    pack(inbox, "grace", stamped(learner="ada"))
    (inbox / "homework.zip").write_bytes(b"PK")
    collect(folder, inbox)
    record(folder, Outcome(NAME, "ada", "graded", 12.5, 20, "late by 2.0 h", digest_of(folder, NAME, "ada")))
    assert main(["workshop", "status", str(folder)]) == 1, "there is a fault"
    table, legend, below = capsys.readouterr().out.rstrip().split("\n\n")
    assert [line.split() for line in table.splitlines()] == [
        ["01", "points"], ["of", "20", "20"], ["ada", "12.5*", "12.5"], ["grace", "?*", "0"],
    ]  # fmt: skip
    assert legend.startswith("- missing")
    assert [line.split()[1] for line in below.splitlines()] == ["ada", "grace", "homework.zip"]
    graded_and_waiting = [Outcome(NAME, "grace", "graded", 7, 20), Outcome(NAME, "grace", "waiting", note="whose?")]
    assert "grace  7   7" in as_table(graded_and_waiting), "what waits hides no score"


def test_somebody_elses_stamp_waits(folder, tmp_path):
    """A notebook with another learner's id waits until the instructor says whose it is, and is then theirs."""
    file = pack(tmp_path, "ada", stamped(learner="grace"))
    (row,) = collect(folder, file)
    assert row.state == "waiting" and "'grace'" in row.note and not (folder / "submitted" / "ada").exists()
    assert row in status(folder), "what waits for the instructor stands in the status, too"
    assert collect(folder, file, {file.name: "grace"})[0].student == "grace"
    assert row not in status(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "/etc/out",
        "a/../../out",
        "new\nline",
        "right\u202eleft",
        "c:\\out",
        "..\\out",
        "a\\..\\..\\out",
        "\\\\host\\out",
    ],
)
def test_names_that_lead_elsewhere(folder, tmp_path, name):
    """A packed name that leaves the folder or hides characters: refused, and nothing is written."""
    (row,) = collect(folder, pack(tmp_path, "ada", **{name: "x"}))
    assert row.state == "fault" and "leads elsewhere" in row.note
    assert not (folder / "submitted" / "ada").exists()


def test_bombs_and_giants(tmp_path, monkeypatch):
    """A zip bomb stops at the limit however small it says it is; so do a notebook that is too large and a thousand files."""
    monkeypatch.setattr(submissions, "MAX_FILE", 1_000_000)
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(50_000_000))
    with pytest.raises(CourseError, match="larger than"):
        submissions.check_zip(data.getvalue(), NAME, "x.zip")
    with pytest.raises(CourseError, match="no zip archive"):
        submissions.check_zip(b"PK\3\4nonsense", NAME, "x.zip")
    (tmp_path / "big").write_bytes(bytes(2_000_000))
    with pytest.raises(CourseError, match="larger than"):
        submissions.check_folder(tmp_path, NAME)


def test_submit(tmp_path, monkeypatch, folder):
    """What a learner packs is what the class collects."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    (tmp_path / "mine").mkdir()
    notebook = tmp_path / "mine" / f"{NAME}.ipynb"
    notebook.write_text(json.dumps(solved()), encoding="utf-8")
    packed = submissions.submit(NAME, notebook, tmp_path)
    assert packed.name == f"{NAME}-ada.zip"
    assert collect(folder, packed)[0].state == "collected"


def test_what_learners_unpack(tmp_path, monkeypatch, folder):
    """It is a course folder: exercises are found to hand in, an instructor's own too, and the lessons come beside them."""
    here = tmp_path / "mine"
    with zipfile.ZipFile(classroom.release(folder)) as archive:
        archive.extractall(here)
    shutil.copytree(here / "exercises" / NAME, here / "exercises" / "own")
    (here / "exercises" / "own" / f"{NAME}.ipynb").rename(here / "exercises" / "own" / "own.ipynb")
    monkeypatch.chdir(here / "exercises")
    for _ in range(2):
        found = workspace.exercises([NAME, "own"])
        assert all(file.samefile(here / "exercises" / name / f"{name}.ipynb") for name, file in found.items())
        assert "own" not in workspace.exercises()
        with pytest.raises(CourseError, match="no assignment 'others'"):
            workspace.exercises(["others"])
        workspace.make(here)
    assert (here / "lessons" / "00-welcome.ipynb").is_file() and (here / "class.toml").is_file()


def test_a_graded_cell_without_a_task(folder):
    """An instructor's graded cell that no task checks is refused at the release, with what to do."""
    file = folder / "solutions" / NAME / f"{NAME}.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    cell(notebook, "forecast")["metadata"]["nbgrader"]["grade_id"] = "own"
    file.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(CourseError, match="'own' has no task"):
        classroom.release(folder)


def test_points_that_disagree(folder):
    """A graded cell and its task must have the same points."""
    file = folder / "solutions" / NAME / f"{NAME}.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    cell(notebook, "forecast")["metadata"]["nbgrader"]["points"] = 30
    file.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(CourseError, match="'forecast' has 30 points, its task 3"):
        classroom.release(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ndef (\n", r"\.py: SyntaxError: .*line 2\)\. The file must run"),
        ("x = 1\nimport nowhere_at_all\n", r"\.py, line 2: ModuleNotFoundError: No module named 'nowhere_at_all'\. The file"),
        ("raise SystemExit(3)\n", r"\.py, line 1: SystemExit: 3\."),
        ("TASKS = 5\n", r"\.py: TASKS is 5\. .* a list of lambdacourse"),
        ("", r"\.py: TASKS is None\."),
    ],
)
def test_private_tasks_that_are_none(folder, text, said):
    """A file of the instructor's own that does not run, or has no tasks: which, where, and what it needs."""
    (folder / "private" / f"{NAME}.py").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=said):
        tasks_of(NAME, folder / "private")


@pytest.mark.parametrize(
    ("name", "packed"),
    [("WS 2026/27", "WS 2026-27"), ("../x", "x"), ("SS.2026 (Übung)", "SS.2026 (Übung)"), ("..", "class")],
)
def test_names_of_classes(folder, monkeypatch, name, packed):
    """Whatever a class is called, its zip stands in its folder."""
    (folder / "class.toml").write_text(f'name = "{name}"\nseed = "x"\n', encoding="utf-8")
    monkeypatch.setattr(classroom, "assignments_of", lambda folder: [])
    assert classroom.release(folder) == folder / f"{packed}.zip"
    assert (folder / f"{packed}.zip").is_file()


def test_a_class_with_a_part_missing(folder):
    """What is missing or cannot be, and the way out; nothing is made up in its place."""
    (folder / "solutions" / "a+b").mkdir()
    with pytest.raises(CourseError, match=r"a\+b: nbgrader cannot have a \+ .* Rename it"):
        pool.autograde(folder)
    (folder / "solutions").rename(folder / "elsewhere")
    with pytest.raises(CourseError, match=r"solutions has no assignments\. Put your copy there"):
        pool.autograde(folder)
    (folder / "elsewhere" / "a+b").rmdir()
    (folder / "elsewhere").rename(folder / "solutions")
    for spoil in (lambda file: file.write_text("\n", encoding="utf-8"), Path.unlink):
        spoil(folder / ".grading" / "seed")
        with pytest.raises(CourseError, match=r"seed cannot be read or is empty.*Put your copy there"):
            pool.autograde(folder)
    with pytest.raises(CourseError, match=r"^-3 jobs grade nothing\. Give 1 or more"):
        pool.autograde(folder, jobs=-3)


def test_a_damaged_gradebook(folder, tmp_path):
    """It stays as it is, and a sentence says what can be done."""
    (folder / "gradebook.db").write_text("no database, but long enough to be read as one\n" * 9, encoding="utf-8")
    with pytest.raises(CourseError, match=r"gradebook\.db: file is not a database\..*put your copy there"):
        grades(folder, tmp_path / "grades.csv")
    with pytest.raises(CourseError, match=r"^nbgrader could not release .*: DatabaseError: .*file is not a database$"):
        classroom.release(folder)
    assert (folder / "gradebook.db").read_text(encoding="utf-8").startswith("no database")


def test_class_seed_follows_the_folder(folder, monkeypatch):
    """Inside a class's folder a learner's numbers are the class's."""
    from lambdacourse.learner import SELF_STUDY, current

    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    assert current().class_seed == SELF_STUDY
    monkeypatch.chdir(folder / "solutions")
    assert current().class_seed not in (SELF_STUDY, "")


def test_deadlines(folder):
    """A moment in class.toml is the gradebook's; what is none, or belongs to no assignment, is refused."""
    toml = folder / "class.toml"
    made = toml.read_text(encoding="utf-8")
    toml.write_text(f"{made}[due]\n{NAME} = 2026-12-24T18:00:00+02:00\n", encoding="utf-8")
    classroom.release(folder)
    with classroom.nbgrader_of(folder) as api, api.gradebook as gradebook:
        assert gradebook.find_assignment(NAME).duedate == datetime(2026, 12, 24, 16)
    toml.write_text(f"{made}due = 5\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"due is 5\. Write a line \[due\]"):
        classroom.release(folder)
    for due, said in ((f"{NAME} = 3", "write a moment"), ("99-nothing = 2026-12-24T18:00:00Z", "no assignment '99-nothing'")):
        toml.write_text(f"{made}[due]\n{due}\n", encoding="utf-8")
        with pytest.raises(CourseError, match=said):
            classroom.release(folder)


# --- faults of the machine, with a grading of a line


def grade_quickly(folder, assignment, student, confined):
    """Instead of nbgrader: full points, but ``killer`` ends the worker, and every call leaves a line in ``calls``."""
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{student}\n")
    if student == "killer":
        os._exit(1)
    return Outcome(assignment, student, "graded", FULL, FULL, digest=digest_of(folder, assignment, student))


@pytest.fixture
def quick(folder, monkeypatch):
    """A class of four whose grading costs nothing."""
    monkeypatch.setattr(pool, "_grade_one", grade_quickly)
    monkeypatch.setattr(pool, "_probe", bool)
    for student in ("ada", "bob", "cleo", "dan"):
        hand_in(folder, student, solved())
    return folder


def calls(folder):
    return sorted((folder / "calls").read_text(encoding="utf-8").split())


@pytest.mark.skipif(not hasattr(os, "fork") or os.uname().sysname != "Linux", reason="workers are forked on Linux only")
def test_a_worker_that_dies_costs_one_submission(quick):
    """Who ends the grading process has a fault; everybody beside them is graded."""
    hand_in(quick, "killer", solved())
    states = {outcome.student: outcome.state for outcome in pool.autograde(quick, jobs=3)}
    assert states == dict.fromkeys(("ada", "bob", "cleo", "dan"), "graded") | {"killer": "fault"}


@pytest.mark.skipif(not hasattr(os, "fork") or os.uname().sysname != "Linux", reason="workers are forked on Linux only")
def test_goes_on_where_it_stopped(quick):
    """Stopped after two of four, it grades the other two the next time, and nobody twice."""

    def stop(done, of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.autograde(quick, jobs=1, tell=stop)
    before = len(calls(quick))
    assert [outcome.state for outcome in pool.autograde(quick, jobs=1)] == ["graded"] * 4
    assert before < 4 and calls(quick) == ["ada", "bob", "cleo", "dan"]


def test_a_disk_too_full_for_the_record(quick, monkeypatch):
    """A grade that could not be recorded is given all the same, and made again the next time: nothing is lost."""

    def full(folder, outcome):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pool, "record", full)
        assert [outcome.state for outcome in pool.autograde(quick)] == ["graded"] * 4
    assert {row.state for row in status(quick) if row.student != "grace"} == {"waiting"}
    assert [outcome.state for outcome in pool.autograde(quick)] == ["graded"] * 4
    assert len(calls(quick)) == 8


def test_a_class_is_graded_by_one_command_at_a_time(quick):
    """While one command grades, another says so and leaves the class alone."""
    with pool.FileLock(quick / ".grading" / "lock"), pytest.raises(CourseError, match="being graded by another command"):
        pool.autograde(quick)
