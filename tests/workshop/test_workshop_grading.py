"""The real nbgrader, end to end: the proofs that need it, and what used to cost learners points."""

import copy
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lambdacourse.errors import CourseError
from lambdacourse.folders import content
from lambdacourse.grading.answers import not_answered
from lambdacourse.grading.exercises import MODULES, exercise
from lambdacourse.workshop import grade, judge, release_all
from lambdacourse.workshop.autograde import must

ROOT = content()


@pytest.fixture(autouse=True)
def learner(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def save(notebook, path):
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def grade_one(name, path):
    (graded,) = grade(ROOT / "solutions", {name: path})
    return graded


def notebook_of(kind, name):
    return ROOT / kind / name / f"{name}.ipynb"


@pytest.mark.parametrize("name", MODULES)
def test_solution_gets_full_points(name):
    """Proof 1: the solution passes everything, hidden tests included."""
    graded = grade_one(name, notebook_of("solutions", name))
    assert graded.score == graded.max_score == exercise(name).points
    assert [task.id for task in graded.tasks] == [task.name for task in exercise(name).tasks]
    assert all(task.message == "" for task in graded.tasks)


@pytest.mark.parametrize("name", MODULES)
def test_released_stub_fails_everywhere(name, tmp_path):
    """Proof 2: what is released fails every graded cell, and only because nothing is answered yet."""
    import nbformat
    from nbclient import NotebookClient

    graded = grade_one(name, notebook_of("exercises", name))
    assert graded.score == 0
    assert all("is not answered yet" in task.message for task in graded.tasks)
    node = nbformat.read(notebook_of("exercises", name), as_version=4)
    NotebookClient(node, allow_errors=True, timeout=60, kernel_name="python3").execute()
    for cell in node.cells:
        errors = [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]
        assert errors == (["NotImplementedError"] if cell.metadata.get("nbgrader", {}).get("grade") else [])


def test_release_is_what_stands_in_exercises(tmp_path):
    """Proof 4: releasing the solutions anew gives ``exercises/``, byte for byte."""
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    shutil.copytree(ROOT / "exercises", tmp_path / "exercises")
    assert release_all(tmp_path, keep=False) == []


def test_release_says_what_changed(tmp_path):
    """An edited solution is noticed, and ``keep`` puts the new release there."""
    name = next(iter(MODULES))
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions")
    shutil.copytree(ROOT / "exercises", tmp_path / "exercises")
    path = tmp_path / "solutions" / name / f"{name}.ipynb"
    notebook = read(path)
    notebook["cells"][0]["source"] = ["# Another title"]
    save(notebook, path)
    assert release_all(tmp_path) == [f"exercises/{name}"]
    assert "Another title" in (tmp_path / "exercises" / name / f"{name}.ipynb").read_text(encoding="utf-8")


TRACEBACK = """Traceback (most recent call last):
  File "base.py", line 1, in start
    raise NbGraderException(msg)
nbgrader.converters.base.NbGraderException: Please see the the above traceback for details on the specific errors.
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("[ERROR] Traceback\n    lambdacourse.errors.CourseError: 'x' is a link.\n    \n[ERROR] Please see the the above traceback", "'x' is a link."),
        ("    sqlalchemy.exc.DatabaseError: no database\n    [SQL: SELECT 1]\n[ERROR] There was an error", "DatabaseError: no database"),
        ("[INFO] Converting\n[ERROR] Kernel died\n", "Kernel died"),
    ],
)  # fmt: skip
def test_nbgraders_reason_is_one_sentence(log, reason):
    """Of nbgrader's log and traceback, the line that says why."""
    with pytest.raises(CourseError) as caught:
        must({"success": False, "error": TRACEBACK, "log": log}, "nbgrader could not grade it")
    assert str(caught.value) == f"nbgrader could not grade it: {reason}"


class TestMishaps:
    """What a learner does to a notebook by accident must not cost points."""

    name = "01-concurrency"

    def solved(self):
        return read(notebook_of("solutions", self.name))

    def cell(self, notebook, grade_id):
        return next(cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)

    def test_all_at_once(self, tmp_path):
        """A copied check, a deleted one, one that was edited, one turned to text, and output to stderr: full points."""
        notebook = self.solved()
        copied = copy.deepcopy(self.cell(notebook, "needed_concurrency"))
        copied["id"] = "copied"
        notebook["cells"].append(copied)
        notebook["cells"].remove(self.cell(notebook, "limit_needed"))
        edited = self.cell(notebook, "what_throttles")
        edited["source"] = ["assert True"]
        edited["metadata"]["nbgrader"]["points"] = 100
        turned = self.cell(notebook, "seconds_to_scale")
        turned["cell_type"] = "markdown"
        del turned["outputs"], turned["execution_count"]
        loud = self.cell(notebook, "throttle_status_answer")
        loud["source"] = [
            "import sys, warnings\n",
            "def throttle_status(via):\n",
            "    print('working'); print('oh', file=sys.stderr); warnings.warn('careful')\n",
            "    return {'invoke': 429, 'function_url': 429, 'api_gateway_rest': 500, 'alb': 502}[via]\n",
        ]
        graded = grade_one(self.name, save(notebook, tmp_path / "mine.ipynb"))
        assert graded.score == graded.max_score == 20, graded

    def test_one_broken_answer(self, tmp_path):
        """An answer that raises, one that ends the cell and one that is no function lose their own points only."""
        notebook = self.solved()
        self.cell(notebook, "needed_concurrency_answer")["source"] = [
            "def needed_concurrency(rate, duration_ms):\n",
            "    return 1 / 0\n",
        ]
        self.cell(notebook, "limit_needed_answer")["source"] = ["limit_needed = 7\n"]
        self.cell(notebook, "forecast_answer")["source"] = ["raise SystemExit\n"]
        graded = grade_one(self.name, save(notebook, tmp_path / "mine.ipynb"))
        messages = {task.id: task.message for task in graded.tasks if task.message}
        assert graded.score == 20 - 2 - 3 - 3
        assert "ZeroDivisionError" in messages["needed_concurrency"]
        assert "should be a function" in messages["limit_needed"]
        assert "There is no function called forecast" in messages["forecast"]

    def test_no_notebook(self, tmp_path):
        """A file that is missing, empty, no JSON, or no notebook: one sentence, with what to do."""
        for content_of, said in ((None, "is missing"), ("", "not JSON"), ("{", "not JSON"), ("[]", "no list of cells")):
            path = tmp_path / "mine.ipynb"
            path.unlink(missing_ok=True)
            if content_of is not None:
                path.write_text(content_of, encoding="utf-8")
            with pytest.raises(CourseError, match=said):
                grade_one(self.name, path)

    def test_unknown_assignment(self):
        """An assignment that does not exist: the ones that do."""
        with pytest.raises(CourseError, match="There is no assignment '99-nothing'; there are: 01-concurrency"):
            grade_one("99-nothing", notebook_of("solutions", self.name))


def test_a_handler_that_is_not_answered_is_no_fault_of_ours():
    """A stub gets its sentence, and the instructor is told of no checker that failed."""
    notes = []

    def stub(answer, own, held_back):
        raise not_answered("resize_batch")

    task = replace(exercise("05-events-and-queues").tasks[0], checker=stub)
    (part,) = judge._parts(task, SimpleNamespace(find=lambda *_: None), "", None, None, notes.append)
    assert part.text.startswith("resize_batch is not answered yet") and part.points == 0 and notes == []
