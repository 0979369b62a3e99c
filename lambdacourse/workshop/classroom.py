"""A class's folder: made, released, collected into, graded, reported. nbgrader's own formats and gradebook throughout.

class.toml            the class's name, its public seed and, as [due], an assignment's last moment; goes to the learners
roster.csv            id, first name, last name, e-mail
solutions/ exercises/ submitted/ autograded/ feedback/ gradebook.db     nbgrader's steps
private/              the instructor's own: private/<assignment>.py with TASKS, in place of the course's of the same name
.grading/             the secret seed, what was graded from what, what was replaced, and what `collect` could not place
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shlex
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from lambdacourse.errors import CourseError
from lambdacourse.files import told_plainly, write
from lambdacourse.folders import content
from lambdacourse.workshop import autograde as nbgrader_room
from lambdacourse.workshop.judge import Seeds, hide_tests, preprocessor, restore, tasks_of
from lambdacourse.workshop.pages import dark_too, keep_clean
from lambdacourse.workshop.roster import COLUMNS, as_csv, read_roster
from lambdacourse.workshop.sandbox import Sandbox

_GRADEBOOK = (
    "If it is locked, try again. If it is damaged, put your copy there; without one, move it and .grading/outcomes away, and autograde "
    "makes a new one from what was handed in."
)
_LOG = logging.getLogger(__name__)

CONFIG = '''"""nbgrader in this class: other people's work runs in the sandbox, whichever command or page grades it."""

from pathlib import Path

from lambdacourse.workshop.classroom import configure_class

configure_class(get_config(), Path(__file__).resolve().parent)  # noqa: F821 - nbgrader gives get_config
'''


def init(folder: Path, roster: Path | None = None, solutions: Path | None = None) -> Path:
    """Make the folder of a class; nothing that is there is touched. Raises ``CourseError``."""
    if (folder / "class.toml").exists():
        raise CourseError(f"{folder} is the folder of a class already.")
    with told_plainly(f"A class cannot be made in {folder}"):
        config = folder / "nbgrader_config.py"
        if config.exists() and "configure_class" not in config.read_text(encoding="utf-8", errors="replace"):
            raise CourseError(
                f"{config} is there, and with it nbgrader would run other people's work outside the sandbox. Move it away; what you "
                "need of it belongs below the one that is made then."
            )
        students = _students(folder / "roster.csv", roster)
        for part in ("private", "submitted", ".grading"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / ".grading").chmod(0o700)
        for assignment in sorted((solutions or content() / "solutions").iterdir()):
            if assignment.is_dir() and not (folder / "solutions" / assignment.name).exists():
                nbgrader_room.copy_files(assignment, folder / "solutions" / assignment.name)
        name = json.dumps(folder.resolve().name, ensure_ascii=False)
        made = {
            ".grading/seed": secrets.token_hex(16),
            "nbgrader_config.py": CONFIG,
            "roster.csv": as_csv(students),
            "class.toml": f"name = {name}\nseed = {json.dumps(secrets.token_hex(6))}\n",
        }
        for file, text in made.items():
            if not (folder / file).exists():
                write(folder / file, text.encode())
    return folder


def _students(there: Path, roster: Path | None) -> list[dict[str, str]]:
    """The students of ``roster``, of the class's own roster where it is ``there``, or nobody; the two may not differ."""
    own = read_roster(there) if there.exists() else None
    given = read_roster(roster) if roster else None
    if given == []:
        raise CourseError(f"{roster} has headings and no students. Give a line each student, or leave --roster out.")
    if own is not None and given is not None and own != given:
        raise CourseError(f"{there} is there already, with other students than {roster}. Move one away, or leave --roster out.")
    return given or own or []


def release(folder: Path) -> Path:
    """Release every assignment of the class, and pack what learners get: exercises and ``class.toml``, without solutions."""
    with nbgrader_of(folder) as api:
        for assignment in assignments_of(folder):
            nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not release {assignment}")
            check_cells(folder, assignment)
        with api.gradebook as gradebook:
            for student in read_roster(folder / "roster.csv"):
                gradebook.update_or_create_student(student["id"], **{key: student[key] for key in COLUMNS[1:]})
        set_due(folder, api)
    # A class may be called WS 2026/27: its zip stays in its folder all the same.
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "-", about(folder)["name"]).strip("-. ") or "class"
    packed = folder / f"{name}.zip"
    part = packed.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "class.toml", "class.toml")
        for file in sorted((folder / "exercises").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    part.replace(packed)
    return packed


def configure_class(
    config: Any, folder: Path, confined: bool = True, submitted: Path | None = None, note: Callable[[str], None] = _LOG.warning
) -> Any:
    """nbgrader's settings for a class: its execution step exchanged for the sandbox and the judge, which tells ``note`` what failed."""
    from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
    from nbgrader import preprocessors as theirs

    from lambdacourse.workshop.cures import OverwriteCellsWithIds

    nbgrader_room.configure(config, folder, generated="")
    if submitted:
        config.CourseDirectory.submitted_directory = str(submitted)
    seeds = seeds_of(folder)
    # nbgrader's CheckCellMetadata is left out: the metadata are the release's own after `restore`, and it takes a quarter of the time.
    config.Autograde.sanitize_preprocessors = [
        theirs.ClearOutput, restore(folder), theirs.DeduplicateIds,
        theirs.OverwriteKernelspec, OverwriteCellsWithIds,
    ]  # fmt: skip
    config.Autograde.autograde_preprocessors = [
        preprocessor(seeds, lambda: sandbox_of(confined), folder / "private", note), theirs.IgnorePattern,
        ClearMetadataPreprocessor, theirs.LimitOutput, theirs.SaveAutoGrades, theirs.AssignLatePenalties,
    ]  # fmt: skip
    config.GenerateFeedback.preprocessors = [theirs.GetGrades, hide_tests, CSSHTMLHeaderPreprocessor, dark_too]
    keep_clean(config)
    return config


@cache
def sandbox_of(confined: bool) -> Sandbox:
    """This process's sandbox, started when it is first needed."""
    sandbox = Sandbox(confined)
    Finalize(sandbox, sandbox.close, exitpriority=1)  # atexit does not run in a worker
    return sandbox


@contextmanager
def nbgrader_of(
    folder: Path, confined: bool = True, submitted: Path | None = None, note: Callable[[str], None] = _LOG.warning
) -> Iterator[Any]:
    from sqlalchemy.exc import DatabaseError

    with nbgrader_room.nbgrader(lambda config: configure_class(config, folder.resolve(), confined, submitted, note)) as api:
        try:
            yield api
        except DatabaseError as problem:
            raise CourseError(f"{folder / 'gradebook.db'}: {problem.orig}. {_GRADEBOOK}") from None


def about(folder: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads((folder / "class.toml").read_text(encoding="utf-8"))
        found = {"name": str(data["name"]), "seed": str(data["seed"]), "due": data.get("due", {})}
    except (FileNotFoundError, NotADirectoryError):
        raise CourseError(
            f"{folder} is no class's folder. `lambdacourse workshop init {shlex.quote(str(folder))}` makes one."
        ) from None
    except (ValueError, KeyError, TypeError) as problem:
        raise CourseError(f"{folder / 'class.toml'} is broken: {problem}. It needs name and seed.") from None
    if not isinstance(found["due"], dict):
        raise CourseError(
            f"{folder / 'class.toml'}: due is {found['due']!r}. Write a line [due], and below it a line each assignment, such as "
            "01-concurrency = 2026-12-24T18:00:00Z."
        )
    return found


def seeds_of(folder: Path) -> Seeds:
    public, file = about(folder)["seed"], folder / ".grading" / "seed"
    try:
        grading = file.read_text(encoding="utf-8").strip()
    except OSError:
        grading = ""
    if not grading:  # without one, what is held back would be what learners have
        raise CourseError(
            f"{file} cannot be read or is empty: the cases that are held back follow from it. Put your copy there, or any new "
            "secret text; with a new one, everything is graded again."
        )
    return Seeds(public, grading)


def set_due(folder: Path, api: Any) -> None:
    """Put the last moments of ``[due]`` in class.toml into the gradebook; nbgrader compares a submission's timestamp.txt with them."""
    with api.gradebook as gradebook:
        for assignment, due in about(folder)["due"].items():
            known(folder, [assignment])
            if not isinstance(due, datetime):
                raise CourseError(f"class.toml: due of {assignment} is {due!r}; write a moment, such as 2026-12-24T18:00:00Z.")
            gradebook.update_or_create_assignment(assignment, duedate=due.astimezone(UTC).replace(tzinfo=None))


def assignments_of(folder: Path) -> list[str]:
    """The assignments of the class, in order. Raises ``CourseError`` where there is none, or one that nbgrader cannot name."""
    try:
        names = sorted(place.name for place in (folder / "solutions").iterdir() if place.is_dir())
    except OSError:
        names = []
    if not names:
        about(folder)  # says so where this is no class's folder
        raise CourseError(f"{folder / 'solutions'} has no assignments. Put your copy there: a folder each assignment.")
    for name in names:
        if "+" in name:
            raise CourseError(f"{folder / 'solutions' / name}: nbgrader cannot have a + in an assignment's name. Rename it.")
    return names


def known(folder: Path, assignments: Sequence[str]) -> list[str]:
    names = assignments_of(folder)
    for name in assignments:
        if name not in names:
            raise CourseError(f"The class has no assignment {name!r}; it has: {', '.join(names)}.")
    return list(assignments) or names


def who_submitted(folder: Path, assignment: str) -> list[str]:
    return students_in(folder / "submitted", assignment)


def students_in(step: Path, assignment: str) -> list[str]:
    return sorted(place.name for place in step.iterdir() if (place / assignment).is_dir()) if step.is_dir() else []


def check_cells(folder: Path, assignment: str) -> None:
    """Each graded cell must be a task, with the same points: the judge looks for nothing else."""
    import nbformat

    tasks = tasks_of(assignment, folder / "private")
    for file in sorted((folder / "exercises" / assignment).glob("*.ipynb")):
        for cell in nbformat.read(file, as_version=4).cells:
            graded = cell.metadata.get("nbgrader", {})
            if graded.get("grade") and not graded.get("solution") and graded["grade_id"] not in tasks:
                raise CourseError(
                    f"{file.name}: the graded cell {graded['grade_id']!r} has no task, so nothing can check it. Put a Task of that name "
                    f"into TASKS in private/{assignment}.py."
                )
            if graded.get("grade") and not graded.get("solution") and graded["points"] != tasks[graded["grade_id"]].points:
                raise CourseError(
                    f"{file.name}: the graded cell {graded['grade_id']!r} has {graded['points']:g} points, its task "
                    f"{tasks[graded['grade_id']].points:g}. Give both the same."
                )


def submission_scores(gradebook: Any) -> Iterator[Mapping[str, Any]]:
    for assignment in gradebook.assignments:
        for submission in gradebook.assignment_submissions(assignment.name):
            yield {
                "assignment": assignment.name,
                "student": submission.student.id,
                "score": float(submission.score),
                "needs_manual_grade": submission.needs_manual_grade,
            }
