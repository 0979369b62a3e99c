"""What learners handed in is put into the class's ``submitted/``; what has no clear owner waits."""

from __future__ import annotations

import secrets
import shlex
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.learner import Learner
from lambdacourse.workshop.classroom import about, assignments_of
from lambdacourse.workshop.outcomes import UNKNOWN, Outcome, keep_unplaced, read_unplaced
from lambdacourse.workshop.roster import read_roster
from lambdacourse.workshop.submissions import MAX_TOTAL, check_folder, check_zip, stamp


def collect(folder: Path, source: Path, owners: Mapping[str, str] | None = None) -> list[Outcome]:
    """Put what learners handed in into ``submitted/``; gives what became of each.

    ``source`` is an ``ASSIGNMENT-ID.zip``, a folder of them, or nbgrader's exchange (``inbound/ID+ASSIGNMENT+TIME``). Where the id
    stamped in a notebook and the owner by name differ, or nobody of the roster is the owner, it waits until ``owners`` maps its file
    name to an id. A newer submission replaces an older one, which is kept in ``.grading/replaced/``.
    """
    about(folder)
    for file, id in (owners or {}).items():
        try:
            Learner(id)
        except ValueError as problem:
            raise CourseError(f"--owner {file}={id}: {problem}") from None
    roster = {student["id"] for student in read_roster(folder / "roster.csv")}
    if source.suffix != ".zip" and not source.is_dir():
        raise CourseError(f"{source} is neither a zip nor a folder.")
    outcomes, unplaced = [], read_unplaced(folder)
    for place in [source] if source.suffix == ".zip" or "+" in source.name else sorted(source.iterdir()):
        name = ascii(place.name)[1:-1]
        try:
            outcome = _collect_one(folder, place, roster, owners or {})
        except (CourseError, OSError) as problem:
            outcome = Outcome(UNKNOWN, name, "fault", note=str(problem))
        outcomes.append(outcome)
        unplaced.pop(name, None)
        if outcome.state in ("waiting", "fault"):
            unplaced[name] = outcome
    keep_unplaced(folder, unplaced)
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
    there = folder / "submitted" / student / assignment
    if there.exists() and check_folder(there, assignment) == files:
        return Outcome(assignment, student, "same", note="was collected before")
    return Outcome(assignment, student, "collected", note=_put(folder, there, files))


def _put(folder: Path, there: Path, files: Mapping[str, bytes]) -> str:
    """Write ``files`` to ``there``: all or nothing. What was there is kept; gives a note that says where."""
    part, note = folder / ".grading" / f"collecting-{secrets.token_hex(4)}", ""
    try:
        for name, data in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(data)
        there.parent.mkdir(parents=True, exist_ok=True)
        if there.exists():  # it goes only when the new one is whole
            again = f"{there.name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
            kept = folder / ".grading" / "replaced" / there.parent.name / again
            kept.parent.mkdir(parents=True, exist_ok=True)
            there.rename(kept)
            note = f"handed in again; the one before is in {kept.relative_to(folder).as_posix()}"
        part.rename(there)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return note


def _assignment_and_owner(folder: Path, place: Path) -> tuple[str, str]:
    if place.is_dir() and place.name.count("+") >= 2:
        student, assignment, *_ = place.name.split("+")
        if assignment in assignments_of(folder):
            try:
                return assignment, Learner(student).id
            except ValueError as problem:
                raise CourseError(f"{problem} Say whose it is: --owner {shlex.quote(place.name)}=ID") from None
    for assignment in sorted(assignments_of(folder), key=len, reverse=True):
        if place.suffix == ".zip" and place.name.startswith(f"{assignment}-"):
            with suppress(ValueError):
                return assignment, Learner(place.stem.removeprefix(f"{assignment}-")).id
    raise CourseError("its name is no ASSIGNMENT-ID.zip of an assignment of this class.")
