"""A class's folder: made, released, collected into, graded, reported. nbgrader's own formats and gradebook throughout.

class.toml            the class's name, its public seed and, as [due], an assignment's last moment; goes to the learners
roster.csv            id, first name, last name, e-mail
solutions/ exercises/ submitted/ autograded/ feedback/ gradebook.db     nbgrader's steps
private/              the instructor's own: private/<assignment>.py with TASKS, in place of the course's of the same name
.grading/             the secret seed, what was graded from what, what was replaced, and what `collect` could not place
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
import secrets
import sys
import tempfile
import time
import tomllib
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lambdacourse.errors import CourseError
from lambdacourse.folders import content
from lambdacourse.learner import Learner
from lambdacourse.workshop import autograde as nbgrader_room
from lambdacourse.workshop.judge import Seeds, hide_tests, preprocessor, restore, tasks_of
from lambdacourse.workshop.pages import keep_clean
from lambdacourse.workshop.sandbox import Sandbox, probe, warm_up
from lambdacourse.workshop.submissions import MAX_TOTAL, check_folder, check_zip, stamp, strangers

CONFIG = '''"""nbgrader in this class: other people's work runs in the sandbox, whichever command or page grades it."""

from pathlib import Path

from lambdacourse.workshop.classroom import configure_class

configure_class(get_config(), Path(__file__).resolve().parent)  # noqa: F821 - nbgrader gives get_config
'''


@dataclass(frozen=True)
class Outcome:
    """What became of one submission: ``graded`` with a score, or ``fault`` with what the instructor should know."""

    assignment: str
    student: str
    state: str
    score: float | None = None
    max_score: float | None = None
    note: str = ""
    digest: str = ""


def init(folder: Path, roster: Path | None = None, solutions: Path | None = None) -> Path:
    """Make the folder of a class; nothing that is there is touched. Raises ``CourseError``."""
    if (folder / "class.toml").exists():
        raise CourseError(f"{folder} is the folder of a class already.")
    students = read_roster(roster) if roster else []
    for part in ("private", "submitted", ".grading"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / ".grading").chmod(0o700)
    for assignment in sorted((solutions or content() / "solutions").iterdir()):
        if assignment.is_dir() and not (folder / "solutions" / assignment.name).exists():
            nbgrader_room.copy_files(assignment, folder / "solutions" / assignment.name)
    _write(folder / ".grading" / "seed", secrets.token_hex(16))
    _write(folder / "nbgrader_config.py", CONFIG)
    rows = "".join(f"{','.join(_quoted(student[key]) for key in _COLUMNS)}\n" for student in students)
    _write(folder / "roster.csv", f"{','.join(_COLUMNS)}\n{rows}")
    name = folder.resolve().name
    _write(folder / "class.toml", f"name = {json.dumps(name, ensure_ascii=False)}\nseed = {json.dumps(secrets.token_hex(6))}\n")
    return folder


def release(folder: Path) -> Path:
    """Release every assignment of the class, and pack what learners get: exercises and ``class.toml``, without solutions."""
    name = _class(folder)["name"]
    with _nbgrader(folder) as api:
        for assignment in _assignments(folder):
            nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not release {assignment}")
            _check_cells(folder, assignment)
        with api.gradebook as gradebook:
            for student in read_roster(folder / "roster.csv"):
                gradebook.update_or_create_student(student["id"], **{key: student[key] for key in _COLUMNS[1:]})
        _set_due(folder, api)
    packed = folder / f"{name}.zip"
    part = packed.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "class.toml", "class.toml")
        for file in sorted((folder / "exercises").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    part.replace(packed)
    return packed


def collect(folder: Path, source: Path, owners: Mapping[str, str] | None = None) -> list[Outcome]:
    """Put what learners handed in into ``submitted/``; gives what became of each.

    ``source`` is an ``ASSIGNMENT-ID.zip``, a folder of them, or nbgrader's exchange (``inbound/ID+ASSIGNMENT+TIME``). Where the id
    stamped in a notebook and the owner by name differ, or nobody of the roster is the owner, it waits until ``owners`` maps its file
    name to an id. A newer submission replaces an older one, which is kept in ``.grading/replaced/``.
    """
    _class(folder)
    roster = {student["id"] for student in read_roster(folder / "roster.csv")}
    if source.suffix != ".zip" and not source.is_dir():
        raise CourseError(f"{source} is neither a zip nor a folder.")
    outcomes, unplaced = [], _unplaced(folder)
    for place in [source] if source.suffix == ".zip" or "+" in source.name else sorted(source.iterdir()):
        name = ascii(place.name)[1:-1]
        try:
            outcome = _collect_one(folder, place, roster, owners or {})
        except (CourseError, OSError) as problem:
            outcome = Outcome("?", name, "fault", note=str(problem))
        outcomes.append(outcome)
        unplaced.pop(name, None)
        if outcome.state in ("waiting", "fault"):
            unplaced[name] = outcome
    _write(folder / ".grading" / "unplaced.json", json.dumps({name: asdict(outcome) for name, outcome in unplaced.items()}))
    return outcomes


def _collect_one(folder: Path, place: Path, roster: set[str], owners: Mapping[str, str]) -> Outcome:
    assignment, named = _assignment_and_owner(folder, place)
    if place.is_dir():
        files = check_folder(place, assignment)
    elif place.stat().st_size > MAX_TOTAL:
        raise CourseError(f"{place.name} is larger than {MAX_TOTAL // 1_000_000} MB.")
    else:
        files = check_zip(place.read_bytes(), assignment, place.name)
    stamped, student = stamp(files[f"{assignment}.ipynb"]).learner, owners.get(place.name, named)
    if place.name not in owners:
        how = f"Say whose it is: --owner {place.name}=ID"
        if stamped is not None and stamped != named:
            return Outcome(
                assignment, named, "waiting", note=f"its name says {named}, the id in the notebook {stamped!a}. {how}"
            )
        if roster and named not in roster:
            return Outcome(assignment, named, "waiting", note=f"{named} is not in the roster. {how}")
    Learner(student)
    there, note = folder / "submitted" / student / assignment, ""
    if there.exists():
        if check_folder(there, assignment) == files:
            return Outcome(assignment, student, "same", note="was collected before")
        kept = (
            folder / ".grading" / "replaced" / student / f"{assignment}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        there.rename(kept)
        note = f"handed in again; the one before is in {kept.relative_to(folder).as_posix()}"
    part = folder / ".grading" / f"collecting-{secrets.token_hex(4)}"
    for name, data in files.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_bytes(data)
    there.parent.mkdir(parents=True, exist_ok=True)
    part.rename(there)
    return Outcome(assignment, student, "collected", note=note)


def _unplaced(folder: Path) -> dict[str, Outcome]:
    """What ``collect`` could not place and nobody has placed since, by file name."""
    try:
        kept = json.loads((folder / ".grading" / "unplaced.json").read_text(encoding="utf-8"))
        return {name: Outcome(**outcome) for name, outcome in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _assignment_and_owner(folder: Path, place: Path) -> tuple[str, str]:
    if place.is_dir() and place.name.count("+") >= 2:
        student, assignment, *_ = place.name.split("+")
        if assignment in _assignments(folder):
            return assignment, Learner(student).id
    for assignment in sorted(_assignments(folder), key=len, reverse=True):
        if place.suffix == ".zip" and place.name.startswith(f"{assignment}-"):
            with suppress(ValueError):
                return assignment, Learner(place.stem.removeprefix(f"{assignment}-")).id
    raise CourseError("its name is no ASSIGNMENT-ID.zip of an assignment of this class.")


def autograde(
    folder: Path, assignments: Sequence[str] = (), jobs: int | None = None, confined: bool = True,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Outcome]:  # fmt: skip
    """Grade what is in ``submitted/`` and is not graded yet, each submission in a sandbox, ``jobs`` at a time.

    Gives what became of every submission, in order. A submission that was graded stays so until it or its solution changes. One that
    cannot be graded does not stop the others. Raises ``CourseError`` where the sandbox cannot run.
    """
    _class(folder)
    wanted = _known(folder, assignments)
    try:
        with FileLock(folder / ".grading" / "lock", timeout=0), _nbgrader(folder, confined) as api:
            for assignment in wanted:
                nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not read {assignment}")
                _check_cells(folder, assignment)
            _set_due(folder, api)
            found = [(assignment, student) for assignment in wanted for student in _submitted(folder, assignment)]
            outcomes, left = {}, []
            for key in found:
                before = _recorded(folder, *key)
                if before is not None and before.state == "graded" and before.digest == _digest(folder, *key):
                    outcomes[key] = before
                else:
                    left.append(key)
            tell(len(found) - len(left), len(found))
            for outcome in _grade_all(folder, left, jobs or os.cpu_count() or 1, confined):
                outcomes[outcome.assignment, outcome.student] = outcome
                with suppress(OSError):  # a full disk: what is not recorded is graded again
                    _record(folder, outcome)
                tell(len(outcomes), len(found))
            return [outcomes[key] for key in found]
    except Timeout:
        raise CourseError(f"{folder} is being graded by another command. Wait for its end.") from None


def autograde_unconfined_by_nbgrader(folder: Path, assignment: str) -> dict[str, float]:
    """The scores that nbgrader alone gives, running each notebook as you: for comparison, on work that you trust."""
    seeds = _seeds(folder)
    environment = {
        "LAMBDACOURSE_CLASS_SEED": seeds.public,
        "LAMBDACOURSE_GRADING_SEED": seeds.grading,
        "PYTHONWARNINGS": "ignore",
    }
    settings = partial(nbgrader_room.configure, root=folder.resolve(), generated="")
    with nbgrader_room.environment(**environment), nbgrader_room.nbgrader(settings) as api:
        nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not read {assignment}")
        for student in _submitted(folder, assignment):
            nbgrader_room.must(api.autograde(assignment, student, force=True), f"nbgrader could not grade {student}")
        with api.gradebook as gradebook:
            return {row["student"]: row["score"] for row in _submission_scores(gradebook)}


def feedback(folder: Path, assignments: Sequence[str] = ()) -> list[Path]:
    """nbgrader's feedback pages for everything that is graded; gives the files."""
    with _nbgrader(folder) as api:
        for assignment in _known(folder, assignments):
            for student in _students_in(folder / "autograded", assignment):
                made = api.generate_feedback(assignment, student, force=True)
                nbgrader_room.must(made, f"nbgrader could not make the feedback for {student}")
    return sorted((folder / "feedback").rglob("*.html"))


def grades(folder: Path, to: Path) -> None:
    """All scores as CSV: a row each student, a column each assignment, the rest named as Moodle and Canvas map them."""
    names = _assignments(folder)
    with _nbgrader(folder) as api, api.gradebook as gradebook:
        scores = {(row["assignment"], row["student"]): row["score"] for row in _submission_scores(gradebook)}
        people = {student["id"]: student for student in read_roster(folder / "roster.csv")}
        people |= {student: dict.fromkeys(_COLUMNS, "") | {"id": student} for _, student in scores if student not in people}
    with to.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ID number", "First name", "Last name", "Email address", *names, "Total"])
        for id, student in sorted(people.items()):
            points = [scores.get((name, id)) for name in names]
            total = sum(point for point in points if point is not None)
            person = [student[key] for key in _COLUMNS]
            table.writerow([*person, *("" if point is None else f"{point:g}" for point in points), f"{total:g}"])


def status(folder: Path) -> list[Outcome]:
    """For every student of the roster and everybody who submitted, and every assignment: graded, fault, waiting or missing.

    At the end, what ``collect`` could not place.
    """
    _class(folder)
    roster = [student["id"] for student in read_roster(folder / "roster.csv")]
    rows = []
    for assignment in _assignments(folder):
        submitted = _submitted(folder, assignment)
        for student in dict.fromkeys([*roster, *submitted]):
            row = _recorded(folder, assignment, student)
            if student not in submitted:
                row = Outcome(assignment, student, "missing")
            elif row is None or row.digest != _digest(folder, assignment, student):
                row = Outcome(
                    assignment, student, "waiting", note="not graded yet" if row is None else "changed since it was graded"
                )
            rows.append(row)
    unplaced = _unplaced(folder)
    return [*rows, *(unplaced[name] for name in sorted(unplaced))]


def as_text(outcomes: Sequence[Outcome]) -> str:
    """A line each submission."""
    lines = []
    for row in outcomes:
        points = "" if row.score is None else f"{row.score:g} of {row.max_score:g}"
        lines.append(f"{row.assignment:24} {row.student:24} {row.state:8} {points:12} {row.note}".rstrip())
    return "\n".join(lines) or "There is nothing yet."


def as_json(outcomes: Sequence[Outcome]) -> str:
    return json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False)


# --- nbgrader's settings for a class


def configure_class(config: Any, folder: Path, confined: bool = True, submitted: Path | None = None) -> Any:
    """nbgrader's settings for a class: its execution step exchanged for the sandbox and the judge."""
    from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
    from nbgrader import preprocessors as theirs

    nbgrader_room.configure(config, folder, generated="")
    if submitted:
        config.CourseDirectory.submitted_directory = str(submitted)
    seeds = _seeds(folder)
    # nbgrader's CheckCellMetadata is left out: the metadata are the release's own after `restore`, and it takes a quarter of the time.
    config.Autograde.sanitize_preprocessors = [
        theirs.ClearOutput, restore(folder), theirs.DeduplicateIds,
        theirs.OverwriteKernelspec, theirs.OverwriteCells,
    ]  # fmt: skip
    config.Autograde.autograde_preprocessors = [
        preprocessor(seeds, lambda: _sandbox(confined), folder / "private"), theirs.IgnorePattern, ClearMetadataPreprocessor,
        theirs.LimitOutput, theirs.SaveAutoGrades, theirs.AssignLatePenalties,
    ]  # fmt: skip
    config.GenerateFeedback.preprocessors = [theirs.GetGrades, hide_tests, CSSHTMLHeaderPreprocessor]
    keep_clean(config)
    return config


@cache
def _sandbox(confined: bool) -> Sandbox:
    """This process's sandbox, started when it is first needed."""
    sandbox = Sandbox(confined)
    Finalize(sandbox, sandbox.close, exitpriority=1)  # atexit does not run in a worker
    return sandbox


@contextmanager
def _nbgrader(folder: Path, confined: bool = True, submitted: Path | None = None) -> Iterator[Any]:
    with nbgrader_room.nbgrader(lambda config: configure_class(config, folder.resolve(), confined, submitted)) as api:
        yield api


# --- grading side by side


def _grade_all(folder: Path, left: Sequence[tuple[str, str]], jobs: int, confined: bool) -> Iterator[Outcome]:
    """Grade ``jobs`` at a time. When a worker dies, those that ran are graded again, each alone; who ends a worker alone has a fault."""
    warm_up()
    # A fork of this process has imported and compiled everything; what it runs is trusted.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    waiting, struck = deque(left), set()
    while waiting:
        running: dict[Future, tuple[str, str]] = {}
        with ProcessPoolExecutor(min(jobs, len(left)), context, initializer=_keep_engines) as pool:
            try:
                pool.submit(_probe, confined).result()
                while waiting or running:
                    while waiting and len(running) < (1 if struck & {waiting[0], *running.values()} else jobs):
                        key = waiting.popleft()
                        running[pool.submit(_grade_one, folder.resolve(), *key, confined)] = key
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        outcome = future.result()
                        del running[future]
                        yield outcome
            except BrokenProcessPool:
                for key in running.values():
                    if key in struck:
                        yield Outcome(
                            *key, "fault", note="the process that graded it ended, twice.", digest=_digest(folder, *key)
                        )
                    else:
                        struck.add(key)
                        waiting.append(key)
                if not running:
                    raise CourseError("The grading process ended before it began: is there enough memory?") from None


def _keep_engines() -> None:
    """In a worker: one SQLAlchemy engine for each gradebook. nbgrader makes ten for a submission, each with its statements to compile."""
    from nbgrader import api

    api.create_engine = cache(api.create_engine)


def _probe(confined: bool) -> None:
    probe(_sandbox(confined))


def _grade_one(folder: Path, assignment: str, student: str, confined: bool) -> Outcome:
    """Runs in a worker. Never raises: what goes wrong is the outcome's note."""
    digest = _digest(folder, assignment, student)
    try:
        Learner(student)
        files = check_folder(folder / "submitted" / student / assignment, assignment)
        with tempfile.TemporaryDirectory(prefix="lambdacourse-class-") as temporary:
            staged = Path(temporary).resolve() / student / assignment
            for name, data in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(data)
            with _nbgrader(folder, confined, Path(temporary).resolve()) as api:
                for again in (True, False):
                    result = api.autograde(assignment, student, force=True)
                    if result["success"] or not again or "database is locked" not in (result.get("log") or ""):
                        break
                    time.sleep(2)
                nbgrader_room.must(result, "nbgrader could not grade it")
                with api.gradebook as gradebook:
                    submission = gradebook.find_submission(assignment, student)
                    late = submission.total_seconds_late
                    notes = [f"late by {late / 3600:.1f} h"] if late > 0 else []
                    notes += _made_elsewhere(folder, assignment, files[f"{assignment}.ipynb"])
                    points = float(submission.score), float(submission.max_score)
                    return Outcome(assignment, student, "graded", *points, "; ".join(notes), digest)
    except Exception as problem:
        note = (
            str(problem) if isinstance(problem, CourseError | ValueError | OSError) else f"{type(problem).__name__}: {problem}"
        )
        return Outcome(assignment, student, "fault", note=note, digest=digest)


def _made_elsewhere(folder: Path, assignment: str, notebook: bytes) -> Iterator[str]:
    """What an instructor should know of a notebook that was not made from this class's release."""
    seed = stamp(notebook).class_seed
    if seed is not None and seed != _class(folder)["seed"]:
        yield f"made with the numbers of another class ({seed[:40]!a})"
    changed = strangers(notebook, (folder / "exercises" / assignment / f"{assignment}.ipynb").read_bytes())
    if changed:
        yield f"from another release or edited, graded with this one's cells: {', '.join(changed)}"


# --- the folder


_COLUMNS = ("id", "first_name", "last_name", "email")
_HEADINGS = {
    "id": ("id", "student id", "student_id", "id number", "username", "login", "sis login id", "matrikelnummer"),
    "first_name": ("first_name", "first name", "firstname", "vorname"),
    "last_name": ("last_name", "last name", "lastname", "surname", "nachname"),
    "email": ("email", "email address", "e-mail", "mail"),
}


def read_roster(file: Path) -> list[dict[str, str]]:
    """The students of a CSV file: commas or semicolons, UTF-8 with or without a mark, or cp1252. Raises ``CourseError``."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise CourseError(f"{file} cannot be read: {problem.strerror}.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    rows = list(csv.DictReader(text.splitlines(), delimiter=";" if first.count(";") > first.count(",") else ","))
    headings = {heading: (heading or "").strip().lower() for heading in (rows[0] if rows else {})}
    students, seen = [], set()
    for number, row in enumerate(rows, 2):
        student = dict.fromkeys(_COLUMNS, "")
        for heading, plain in headings.items():
            for key, known in _HEADINGS.items():
                if plain in known:
                    student[key] = (row[heading] or "").strip()
        try:
            Learner(student["id"])
        except ValueError as problem:
            raise CourseError(f"{file}, line {number}: {problem}") from None
        if student["id"] in seen:
            raise CourseError(f"{file}, line {number}: {student['id']} is there twice.")
        seen.add(student["id"])
        students.append(student)
    return students


def _class(folder: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads((folder / "class.toml").read_text(encoding="utf-8"))
        return {"name": str(data["name"]), "seed": str(data["seed"]), "due": dict(data.get("due", {}))}
    except (FileNotFoundError, NotADirectoryError):
        raise CourseError(f"{folder} is no class's folder. `lambdacourse workshop init {folder}` makes one.") from None
    except (ValueError, KeyError, TypeError) as problem:
        raise CourseError(f"{folder / 'class.toml'} is broken: {problem}. It needs name and seed.") from None


def _seeds(folder: Path) -> Seeds:
    return Seeds(_class(folder)["seed"], (folder / ".grading" / "seed").read_text(encoding="utf-8").strip())


def _set_due(folder: Path, api: Any) -> None:
    """Put the last moments of ``[due]`` in class.toml into the gradebook; nbgrader compares a submission's timestamp.txt with them."""
    with api.gradebook as gradebook:
        for assignment, due in _class(folder)["due"].items():
            _known(folder, [assignment])
            if not isinstance(due, datetime):
                raise CourseError(f"class.toml: due of {assignment} is {due!r}; write a moment, such as 2026-12-24T18:00:00Z.")
            gradebook.update_or_create_assignment(assignment, duedate=due.astimezone(UTC).replace(tzinfo=None))


def _assignments(folder: Path) -> list[str]:
    return sorted(place.name for place in (folder / "solutions").iterdir() if place.is_dir())


def _known(folder: Path, assignments: Sequence[str]) -> list[str]:
    names = _assignments(folder)
    for name in assignments:
        if name not in names:
            raise CourseError(f"The class has no assignment {name!r}; it has: {', '.join(names)}.")
    return list(assignments) or names


def _submitted(folder: Path, assignment: str) -> list[str]:
    return _students_in(folder / "submitted", assignment)


def _students_in(step: Path, assignment: str) -> list[str]:
    return sorted(place.name for place in step.iterdir() if (place / assignment).is_dir()) if step.is_dir() else []


def _check_cells(folder: Path, assignment: str) -> None:
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


def _digest(folder: Path, assignment: str, student: str) -> str:
    """Of all that a grade follows from: the submission, its solution, the private tasks, the seeds."""
    digest = hashlib.sha256()
    inputs = [
        *sorted((folder / "submitted" / student / assignment).rglob("*")),
        *sorted((folder / "solutions" / assignment).rglob("*")),
    ]
    for file in [*inputs, folder / "private" / f"{assignment}.py", folder / "class.toml", folder / ".grading" / "seed"]:
        if file.is_symlink():
            digest.update(str(file.readlink()).encode(errors="surrogateescape"))
        elif file.is_file():
            digest.update(f"{file.name}\0{file.stat().st_size}\0".encode(errors="surrogateescape"))
            with file.open("rb") as data:
                digest.update(hashlib.file_digest(data, "sha256").digest())
    return digest.hexdigest()


def _recorded(folder: Path, assignment: str, student: str) -> Outcome | None:
    try:
        return Outcome(
            **json.loads((folder / ".grading" / "outcomes" / assignment / f"{student}.json").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, TypeError):
        return None


def _record(folder: Path, outcome: Outcome) -> None:
    _write(
        folder / ".grading" / "outcomes" / outcome.assignment / f"{outcome.student}.json",
        json.dumps(asdict(outcome), ensure_ascii=False),
    )


def _submission_scores(gradebook: Any) -> Iterator[Mapping[str, Any]]:
    for assignment in gradebook.assignments:
        for submission in gradebook.assignment_submissions(assignment.name):
            yield {"assignment": assignment.name, "student": submission.student.id, "score": float(submission.score)}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text
