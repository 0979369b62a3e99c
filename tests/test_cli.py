"""The command, as people type it: what it prints where, and how it ends."""

import json
import shutil

import pytest

from lambdacourse import bench
from lambdacourse.cli import main
from lambdacourse.course.workspace import make
from lambdacourse.folders import content
from lambdacourse.model import exponential

NAME = "01-concurrency"


@pytest.fixture
def folder(own_home, tmp_path, monkeypatch):
    """A learner's course folder, which is the current folder, too."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    make(tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    return tmp_path / "course"


def test_grade_tells_points_and_reasons(folder, capfd):
    """One right answer among stubs: its points, and a sentence for each of the others; ``--json`` has stdout for itself."""
    path = folder / "exercises" / NAME / f"{NAME}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == "needed-concurrency-answer")
    cell["source"] = "def needed_concurrency(rate, duration_ms):\n    return rate * duration_ms / 1000"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    mine = path.read_bytes()
    assert main(["grade", NAME, "--json"]) == 0
    said = capfd.readouterr()
    (graded,) = json.loads(said.out)["assignments"]
    assert set(graded) == {"name", "score", "max_score", "tasks"} and graded["name"] == NAME
    assert (graded["score"], graded["max_score"]) == (2, 20)
    first, second, *_ = graded["tasks"]
    assert first == {"id": "needed_concurrency", "score": 2, "max_score": 2, "message": ""}
    assert second["score"] == 0 and "is not answered yet" in second["message"]
    assert "without a sandbox" in said.err
    assert main(["grade", NAME]) == 0
    said = capfd.readouterr().out
    assert said.startswith(f"{NAME}: 2 of 20 points\n") and "   2 of 2   needed_concurrency\n     0 of 3   limit_needed" in said
    assert path.read_bytes() == mine


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda path: path.write_text("{", encoding="utf-8"), "is not a notebook: it is not JSON"),
        (lambda path: path.unlink(), "is missing. `lambdacourse reset 01-concurrency` puts a fresh one there"),
    ],
)
def test_grade_what_is_no_notebook(folder, capsys, spoil, said):
    """A broken or missing notebook is one sentence, and exit code 1."""
    spoil(folder / "exercises" / NAME / f"{NAME}.ipynb")
    assert main(["grade"]) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_grade_names_the_assignments(folder, capsys, monkeypatch, tmp_path):
    """An unknown assignment is answered with those that there are; a folder without a course with how to make one."""
    assert main(["grade", "01-concurency"]) == 1
    assert "no assignment '01-concurency'" in (error := capsys.readouterr().err) and NAME in error
    monkeypatch.chdir(tmp_path)
    assert main(["grade", "--folder", str(tmp_path)]) == 1
    assert "is not a course folder" in capsys.readouterr().err


def test_refresh_says_what_is_out_of_date(tmp_path, monkeypatch, capsys):
    """``refresh --check`` changes nothing and fails when something is out of date; elsewhere it says that this is no checkout."""
    for part in ("lessons", "solutions", "exercises"):
        shutil.copytree(content() / part, tmp_path / part)
    monkeypatch.chdir(tmp_path)
    released = tmp_path / "exercises" / NAME / f"{NAME}.ipynb"
    released.write_text(released.read_text(encoding="utf-8").replace("Exercise 01", "Exercise 99"), encoding="utf-8")
    changed = released.read_bytes()
    assert main(["refresh", "--check"]) == 1
    assert capsys.readouterr().out == f"out of date: exercises/{NAME}\n"
    assert released.read_bytes() == changed
    monkeypatch.chdir(tmp_path / "lessons")
    assert main(["refresh", "--check"]) == 1
    assert "is no checkout of the course" in capsys.readouterr().err


def test_bench_as_data(monkeypatch, capsys):
    """``bench --json`` prints one line of data for each load, with the ratio to plain Python."""
    monkeypatch.setattr(bench, "LOADS", [bench.Load(20, exponential(0.1), 100, 2)])
    monkeypatch.setattr(bench, "PEERS", ())
    monkeypatch.setattr(bench, "curves", dict)
    monkeypatch.setattr(bench, "memory", dict)
    assert main(["bench", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["kernel"]
    assert row["name"] == "20/s x 0.1 s" and row["requests"] > 100 and row["times_reference"] > 0


def test_help_names_every_command(capsys):
    """``--help`` lists the commands that the README speaks of."""
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for command in ("lab", "doctor", "grade", "reset", "facts", "bench", "refresh"):
        assert f"    {command} " in said
