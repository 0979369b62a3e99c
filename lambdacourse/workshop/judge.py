"""The judge: what stands in nbgrader's flow where nbgrader would run the notebook.

Cells run in the sandbox. At a graded cell the checker of its task runs here, in the trusted process, on plain data that the
learner's function gives in the sandbox; here alone points are awarded. A graded cell's code is not run at all.
"""

from __future__ import annotations

import importlib.util
import re
import reprlib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils

from lambdacourse.errors import CourseError
from lambdacourse.grading.answers import NotCallable
from lambdacourse.grading.exercises import MODULES, exercise
from lambdacourse.grading.tasks import Task
from lambdacourse.grading.verdict import MIME, Part, Verdict
from lambdacourse.learner import Learner, Numbers
from lambdacourse.workshop.sandbox import Ended, Sandbox, Snapshot, Theirs
from lambdacourse.workshop.submissions import check_folder

FILES_BYTES = 2_000_000
"""Of the files beside a notebook, that many bytes come into the sandbox."""

_NEEDED = "The file must run by itself and define TASKS, a list of lambdacourse.grading.tasks.Task."
HELD_BACK = "Right with your own numbers, but not in all the cases that are held back for grading."


@dataclass(frozen=True)
class Seeds:
    """A class's two seeds: the public one gives each learner their numbers, the secret one the cases that are held back."""

    public: str
    grading: str = field(repr=False)


def tasks_of(assignment: str, private: Path | None = None) -> dict[str, Task]:
    """The tasks of ``assignment`` by name: the course's, and those in ``private/<assignment>.py`` in place of them or beside them."""
    tasks = {task.name: task for task in exercise(assignment).tasks} if assignment in MODULES else {}
    file = private / f"{assignment}.py" if private else None
    if file and file.is_file():
        spec = importlib.util.spec_from_file_location(f"private_{assignment}", file)
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as problem:
            raise CourseError(f"{file}{_line(spec.origin, problem)}: {type(problem).__name__}: {problem}. {_NEEDED}") from None
        own = getattr(module, "TASKS", None)
        if not isinstance(own, list | tuple) or not all(isinstance(task, Task) for task in own):
            raise CourseError(f"{file}: TASKS is {reprlib.repr(own)}. {_NEEDED}")
        tasks |= {task.name: task for task in own}
    return tasks


def _line(file: str, problem: BaseException) -> str:
    """Where ``problem`` left ``file``. A syntax error says it by itself."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == file]
    return f", line {lines[-1]}" if lines else ""


def judge(
    notebook: NotebookNode, learner: str, assignment: str, tasks: Mapping[str, Task], seeds: Seeds, sandbox: Sandbox,
    files: Mapping[str, bytes] | None = None, note: Callable[[str], None] = lambda text: None,
) -> None:  # fmt: skip
    """Run ``notebook`` in ``sandbox`` and put outputs, with points for each graded cell, into it; ``note`` is told what failed of ours.

    First all cells run; only then are the snapshots asked, so that nothing a function learns from its arguments reaches an output.
    """
    who = Learner(learner, seeds.public)
    environment = {"LAMBDACOURSE_LEARNER": learner, "LAMBDACOURSE_CLASS_SEED": seeds.public}
    snapshots: list[tuple[NotebookNode, Snapshot | None]] = []
    with sandbox.play(environment, files) as player:
        for cell in notebook.cells:
            if utils.is_grade(cell) and not utils.is_solution(cell):
                snapshots.append((cell, player.snapshot()))
            elif cell.cell_type == "code":
                cell.outputs = [NotebookNode(output) for output in player.run(cell.source)]
        for cell, snapshot in snapshots:
            task = tasks.get(cell.metadata.nbgrader["grade_id"])
            if task is None:
                raise CourseError(f"{assignment} has no task for its graded cell {cell.metadata.nbgrader['grade_id']!r}.")
            points = float(cell.metadata.nbgrader["points"])
            cell.outputs = [_shown(_verdict(task, snapshot, player.ended, who, assignment, seeds, note), points)]
            if snapshot:
                snapshot.close()


def _verdict(
    task: Task, snapshot: Snapshot | None, ended: str, who: Learner, assignment: str, seeds: Seeds, note: Callable[[str], None]
) -> Verdict:
    own, held_back = (who.numbers(assignment, task.name, seed=seed) for seed in (None, seeds.grading))
    parts = _parts(task, snapshot, ended, own, held_back, note)
    if snapshot is not None and not all(part.ok for part in parts):
        parts = _without_hidden_cases(parts, _parts(task, snapshot, ended, own, None, note))
    return Verdict(task.name, task.title, parts, task.after)


def _parts(
    task: Task, snapshot: Snapshot | None, ended: str, own: Numbers, held_back: Numbers | None, note: Callable[[str], None]
) -> tuple[Part, ...]:
    try:
        if snapshot is None:
            raise Ended(ended)
        return tuple(task.checker(snapshot.find(task.name, task.parameters), own, held_back))
    except (NotCallable, NotImplementedError, Theirs, Ended) as problem:  # a handler that is still a stub is not implemented
        said = str(problem)
    except Exception as problem:  # a value that the checker did not foresee must not stop the class
        note(f"the checker of {task.name} failed: {type(problem).__name__}: {ascii(str(problem))[1:-1][:200]}")
        said = f"What {task.name} gave could not be checked ({type(problem).__name__}: {problem})."
    return (Part(0.0, task.points, said),)


def _without_hidden_cases(parts: tuple[Part, ...], shown: tuple[Part, ...]) -> tuple[Part, ...]:
    """The points of ``parts`` in the words of ``shown``, which knows the learner's own numbers only.

    A sentence about a case that is held back would give it away, and so would what the learner's function says of its arguments.
    """
    if len(parts) != len(shown):
        lost = " ".join(part.text for part in shown if not part.ok) or HELD_BACK
        return (Part(sum(part.points for part in parts), sum(part.of for part in parts), lost),)
    return tuple(
        Part(part.points, part.of, ours.text if part.ok or not ours.ok else HELD_BACK)
        for part, ours in zip(parts, shown, strict=True)
    )


def _shown(verdict: Verdict, points: float) -> NotebookNode:
    """The output from which nbgrader reads the points, never more than the cell has and never a number that is none."""
    got = verdict.points if verdict.of == points else verdict.points * points / verdict.of
    data = {
        "text/plain": str(round(min(max(got, 0.0), points), 2)),
        "text/html": verdict._repr_html_(),
        MIME: verdict.as_data(),
    }
    return NotebookNode(output_type="execute_result", execution_count=1, data=data, metadata={})


def preprocessor(
    seeds: Seeds, sandbox: Callable[[], Sandbox], private: Path, note: Callable[[str], None]
) -> Callable[..., Any]:
    """The step for nbgrader's ``Autograde.autograde_preprocessors``, in place of its ``Execute``."""

    def play_and_judge(notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names = resources["nbgrader"]
        tasks = tasks_of(names["assignment"], private)
        beside = _files(Path(resources["metadata"]["path"]))
        judge(notebook, names["student"], names["assignment"], tasks, seeds, sandbox(), beside, note)
        return notebook, resources

    return play_and_judge


def restore(folder: Path) -> Callable[..., Any]:
    """The first step of sanitizing in the class ``folder``: each cell's nbgrader metadata are the release's again.

    The first cell of an id counts. A copy, and an id that the release does not have, lose theirs (JupyterLab copies a cell with its
    metadata, and nbgrader then refuses the whole notebook: its issue 1083).
    """
    import nbformat

    def restore_metadata(notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        assignment, name = (resources["nbgrader"][what] for what in ("assignment", "notebook"))
        check_folder(folder / "submitted" / resources["nbgrader"]["student"] / assignment, assignment)  # nbgrader follows links
        ours = nbformat.read(folder / "exercises" / assignment / f"{name}.ipynb", as_version=4)
        known = {
            cell.metadata.nbgrader["grade_id"]: cell.metadata.nbgrader for cell in ours.cells if "nbgrader" in cell.metadata
        }
        for cell in notebook.cells:
            theirs = cell.metadata.pop("nbgrader", None)
            id = theirs.get("grade_id") if isinstance(theirs, dict) else None
            if isinstance(id, str) and id in known:
                cell.metadata.nbgrader = known.pop(id)
        return notebook, resources

    return restore_metadata


def hide_tests(notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
    """For feedback: graded cells without their hidden tests. nbgrader's own step stops where a learner wrote its marks elsewhere."""
    for cell in notebook.cells:
        if utils.is_grade(cell):
            cell.source = _HIDDEN.sub("", cell.source)
    return notebook, resources


_HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE)


def _files(folder: Path) -> dict[str, bytes]:
    found, left = {}, FILES_BYTES
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.suffix != ".ipynb" and file.stat().st_size <= left:
            found[file.relative_to(folder).as_posix()] = file.read_bytes()
            left -= file.stat().st_size
    return found
