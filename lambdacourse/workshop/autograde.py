"""The real nbgrader, with the course's settings: release exercises, grade a learner's own.

``grade`` works in a throw-away course folder. What it runs is the learner's own work on their own machine, so it runs without a
sandbox.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sysconfig
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lambdacourse import learner
from lambdacourse.errors import CourseError
from lambdacourse.grading.verdict import MIME

CELL_SECONDS = 60
"""How long one cell may run when it is graded."""


@dataclass(frozen=True)
class GradedTask:
    """One task: its grade cell's id, the points, and why points were lost."""

    id: str
    score: float
    max_score: float
    message: str


@dataclass(frozen=True)
class GradedAssignment:
    """One assignment with its tasks, in their order."""

    name: str
    tasks: tuple[GradedTask, ...]

    @property
    def score(self) -> float:
        return round(sum(task.score for task in self.tasks), 2)

    @property
    def max_score(self) -> float:
        return round(sum(task.max_score for task in self.tasks), 2)

    def as_data(self) -> dict[str, Any]:
        tasks = [vars(task) for task in self.tasks]
        return {"name": self.name, "score": self.score, "max_score": self.max_score, "tasks": tasks}


def configure(config: Any, root: Path, generated: str = ".nbgrader") -> Any:
    """nbgrader's settings for a course folder: ``solutions/`` is the source, ``exercises/`` the release.

    What nbgrader generates goes to the folder ``generated``, "" for ``root`` itself. Returns ``config``.
    """
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader import preprocessors as theirs

    from lambdacourse.workshop.cures import DropDuplicateGradeIds, OverwriteCellsWithIds
    from lambdacourse.workshop.pages import dark_too

    config.CourseDirectory.root = str(root)
    config.CourseDirectory.course_id = "lambda-at-scale"
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.release_directory = "exercises"
    for step in ("submitted", "autograded", "feedback"):
        setattr(config.CourseDirectory, f"{step}_directory", (PurePosixPath(generated) / step).as_posix())
    config.CourseDirectory.db_url = f"sqlite:///{(root / generated / 'gradebook.db').as_posix()}"
    config.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "instructor*"]
    config.Execute.timeout = CELL_SECONDS
    config.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    # A deleted test cell comes back instead of waiting for a human, a copied one does no harm, and feedback hides hidden tests.
    config.OverwriteCells.add_missing_cells = True
    config.Autograde.sanitize_preprocessors = [
        theirs.ClearOutput, DropDuplicateGradeIds, theirs.DeduplicateIds, theirs.OverwriteKernelspec, OverwriteCellsWithIds,
        theirs.CheckCellMetadata,
    ]  # fmt: skip
    config.GenerateFeedback.preprocessors = [theirs.GetGrades, theirs.ClearHiddenTests, CSSHTMLHeaderPreprocessor, dark_too]
    return config


def release(root: Path, assignment: str) -> Path:
    """Make ``exercises/<assignment>`` from ``solutions/<assignment>`` in the course folder ``root``."""
    with _nbgrader(root) as api:
        must(api.generate_assignment(assignment), f"nbgrader could not release {assignment}")
    return root / "exercises" / assignment


def release_all(root: Path, keep: bool = True) -> list[str]:
    """Release every assignment of ``root`` anew; gives those that differ from ``exercises/``. With ``keep``, puts them there."""
    changed = []
    with tempfile.TemporaryDirectory(prefix="lambdacourse-release-") as temporary:
        fresh = Path(temporary).resolve()
        shutil.copytree(root / "solutions", fresh / "solutions")
        for source in sorted((root / "solutions").iterdir()):
            made, there = release(fresh, source.name), root / "exercises" / source.name
            if _contents(made) != _contents(there):
                changed.append(f"exercises/{source.name}")
                if keep:
                    shutil.rmtree(there, ignore_errors=True)
                    shutil.copytree(made, there)
    return changed


def grade(solutions: Path, notebooks: Mapping[str, Path]) -> list[GradedAssignment]:
    """Grade the learner's own notebooks: ``notebooks`` maps an assignment's name to its file. Hidden tests run too."""
    for name, notebook in notebooks.items():
        check_notebook(notebook)
        if not (solutions / name).is_dir():
            known = ", ".join(sorted(folder.name for folder in solutions.iterdir() if folder.is_dir()))
            raise CourseError(f"There is no assignment {name!r}; there are: {known}.")
    who = learner.current()
    with tempfile.TemporaryDirectory(prefix="lambdacourse-grade-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary).resolve()
        with environment(LAMBDACOURSE_LEARNER=who.id, PYTHONWARNINGS="ignore"), _nbgrader(root) as api:
            return [_grade_one(api, root, solutions / name, notebook, who.id) for name, notebook in notebooks.items()]


def check_notebook(file: Path) -> None:
    """Whether ``file`` is a notebook; ``CourseError`` with the reason when it is not."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{file} is missing. `lambdacourse reset {file.stem}` puts a fresh one there.") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise CourseError(f"{file} cannot be read: {problem}.") from None
    except ValueError as problem:
        raise CourseError(
            f"{file} is not a notebook: it is not JSON ({problem}). Restore a copy of yours, or `lambdacourse reset {file.stem}` "
            "puts a fresh one there and keeps this one beside it."
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise CourseError(f"{file} is not a notebook: it has no list of cells.")


def _grade_one(api: Any, root: Path, source: Path, notebook: Path, student: str) -> GradedAssignment:
    name = source.name
    copy_files(source, root / "solutions" / name)
    submitted = root / ".nbgrader" / "submitted" / student / name
    submitted.mkdir(parents=True)
    shutil.copyfile(notebook, submitted / f"{name}.ipynb")
    must(api.generate_assignment(name), f"nbgrader could not read the solution of {name}")
    must(api.autograde(name, student), f"nbgrader could not grade {notebook}")
    graded = json.loads((root / ".nbgrader" / "autograded" / student / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    messages = {cell["metadata"]["nbgrader"]["grade_id"]: _message(cell) for cell in graded["cells"] if _is_grade(cell)}
    with api.gradebook as gradebook:
        grades = gradebook.find_submission_notebook(name, name, student).grades
        found = {grade.name: (float(grade.score), float(grade.max_score)) for grade in grades}
    tasks = [GradedTask(id, *found[id], "" if found[id][0] == found[id][1] else messages[id]) for id in messages]
    return GradedAssignment(name, tuple(tasks))


def as_text(graded: Sequence[GradedAssignment]) -> str:
    """The points of each assignment, and of each task with why some were lost."""
    lines = []
    for assignment in graded:
        lines.append(f"{assignment.name}: {assignment.score:g} of {assignment.max_score:g} points")
        for task in assignment.tasks:
            lines.append(f"  {task.score:>4g} of {task.max_score:<4g}{task.id}")
            lines += textwrap.wrap(task.message, 100, initial_indent=" " * 14, subsequent_indent=" " * 14)
    return "\n".join(lines)


def as_json(graded: Sequence[GradedAssignment]) -> str:
    """The same for machines: ``{"assignments": [{"name", "score", "max_score", "tasks": [{"id", "score", "max_score", "message"}]}]}``."""
    return json.dumps({"assignments": [assignment.as_data() for assignment in graded]}, indent=1, ensure_ascii=False)


def copy_files(folder: Path, to: Path) -> None:
    """Copy the files of ``folder`` without their permissions: an installation may be read-only, and the copy must not be."""
    for file in folder.rglob("*"):
        if file.is_file():
            there = to / file.relative_to(folder)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def _is_grade(cell: dict) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("grade"))


def _message(cell: dict) -> str:
    """Why a grade cell lost points, from what it left behind."""
    said = ""
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            return f"{output['ename']}: {output['evalue']}".removeprefix("NotImplementedError: ")
        said = output.get("data", {}).get(MIME, {}).get("message", said)
    return said


@contextmanager
def _nbgrader(root: Path) -> Iterator[Any]:
    """nbgrader's own interface for the course folder ``root``."""
    (root / ".nbgrader").mkdir(parents=True, exist_ok=True)
    with nbgrader(lambda config: configure(config, root)) as api:
        yield api


@contextmanager
def nbgrader(settings: Callable[[Any], Any]) -> Iterator[Any]:
    """nbgrader's own interface, quiet, with ``settings`` made on a fresh configuration."""
    import warnings

    from sqlalchemy.exc import SAWarning
    from traitlets.config import Config

    # nbgrader calls alembic by its name: it must be found although nobody has activated the virtual environment.
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    with warnings.catch_warnings(), environment(PATH=path):
        warnings.simplefilter("ignore", SAWarning)
        from nbgrader.apps import NbGraderAPI

        logging.getLogger("traitlets").setLevel(logging.CRITICAL)
        yield NbGraderAPI(config=settings(Config()))


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def must(result: dict[str, Any], problem: str) -> None:
    """``CourseError`` with ``problem`` and nbgrader's reason, unless ``result`` says that it went well."""
    if result["success"]:
        return
    log = f"{result.get('error') or ''}\n{result.get('log') or ''}"
    lines = [
        line.strip().removeprefix("[ERROR] ") for line in log.splitlines() if line.strip() and "above traceback" not in line
    ]
    reasons = [said[1] for line in lines if (said := re.fullmatch(r"(?:\w+\.)*(\w+(?:Error|Exception): .+)", line))]
    raise CourseError(f"{problem}: {(reasons or lines or ['nbgrader gave no reason'])[-1].removeprefix('CourseError: ')}")
