"""What learners handed in is put into the class's ``submitted/``; what has no clear owner waits."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.files import told_plainly
from lambdacourse.learner import Learner
from lambdacourse.workshop.classroom import about, assignments_of
from lambdacourse.workshop.outcomes import UNKNOWN, Outcome, keep_unplaced, read_unplaced
from lambdacourse.workshop.roster import read_roster
from lambdacourse.workshop.submissions import MAX_TOTAL, check_folder, check_zip, handed_in, stamp


def collect(folder: Path, source: Path, owners: Mapping[str, str] | None = None) -> list[Outcome]:
    """Put what learners handed in into ``submitted/``; gives what became of each.

    ``source`` is an ``ASSIGNMENT-ID.zip``, a folder of them, or nbgrader's exchange (``inbound/ID+ASSIGNMENT+TIME``). Where the id
    stamped in a notebook and the owner by name differ, or nobody of the roster is the owner, it waits until ``owners`` maps its name
    in ``source`` to an id. A newer submission replaces an older one, which is kept in ``.grading/replaced/``; an older one, by the
    ``timestamp.txt`` of both, is left.
    """
    about(folder)
    for file, id in (owners or {}).items():
        try:
            Learner(id)
        except ValueError as problem:
            raise CourseError(f"--owner {file}={id}: {problem}") from None
    roster = {student["id"] for student in read_roster(folder / "roster.csv")}
    with told_plainly("What was handed in could not be read"):
        places = _places(source, assignments_of(folder))
    if strange := sorted((owners or {}).keys() - places.keys()):
        raise CourseError(
            f"--owner: {source} has no {', '.join(strange)}. Write a file's name as it stands there, with the folder it is in, if any."
        )
    # By path (once by name). What is in the source is looked at again; what was beside it and is gone was renamed or thrown away.
    here = source.resolve() if source.is_dir() else source.parent.resolve() / source.name
    unplaced = {
        file: outcome
        for file, outcome in read_unplaced(folder).items()
        if not (here / file).is_relative_to(here) and (Path(file).parent != here.parent or Path(file).exists())
    }
    outcomes = []
    for name, place in places.items():
        try:
            outcome = _collect_one(folder, name, place, roster, owners or {})
        except (CourseError, OSError) as problem:
            outcome = Outcome(UNKNOWN, name if name.isprintable() else ascii(name)[1:-1], "fault", note=str(problem))
        outcomes.append(outcome)
        if outcome.state in ("waiting", "fault"):
            unplaced[str(here if place == source else here / name)] = outcome
    keep_unplaced(folder, unplaced)
    return outcomes


def _places(source: Path, assignments: list[str]) -> dict[str, Path]:
    """What may be somebody's submission, by its name in ``source``. A folder of submissions in it, as Moodle makes one each, is opened."""

    def is_one(place: Path) -> bool:
        return _is_zip(place) or _exchanged(place, assignments) is not None

    if not source.exists():
        raise CourseError(f"{source} does not exist.")
    if is_one(source):
        return {source.name: source}
    if not source.is_dir():
        raise CourseError(f"{source} is neither a zip nor a folder.")
    places: list[Path] = []
    for place in _seen(source.iterdir()):
        inside = [] if is_one(place) else _seen(place.glob("*"))
        places += inside if any(map(is_one, inside)) else [place]
    return {place.relative_to(source).as_posix(): place for place in places}


def _seen(places: Iterable[Path]) -> list[Path]:
    """Without what a system keeps for itself."""
    return sorted(place for place in places if not place.name.startswith((".", "__MACOSX")))


def _is_zip(place: Path) -> bool:
    return place.suffix.lower() == ".zip" and place.is_file()


def _exchanged(place: Path, assignments: list[str]) -> tuple[str, str] | None:
    """Assignment and owner of a folder ``ID+ASSIGNMENT+TIME``; None for any other."""
    student, assignment, time = [*place.name.split("+", 2), "", ""][:3]
    return (assignment, student) if time and assignment in assignments and place.is_dir() else None


def _collect_one(folder: Path, name: str, place: Path, roster: set[str], owners: Mapping[str, str]) -> Outcome:
    assignment, named = _assignment_and_owner(place, assignments_of(folder))
    how = f"Say whose it is: --owner {shlex.quote(name)}=ID" if name.isprintable() else "Give it a plain name first."
    if name not in owners:
        named = _id(named, roster, how)
    if place.is_dir():
        files = check_folder(place, assignment)
    elif place.stat().st_size > MAX_TOTAL:
        raise CourseError(f"{place.name} is larger than {MAX_TOTAL // 1_000_000} MB.")
    else:
        files = check_zip(place.read_bytes(), assignment, place.name)
    stamped, student = stamp(files[f"{assignment}.ipynb"]).learner, owners.get(name, named)
    if name not in owners:
        if stamped is not None and stamped != named:
            return Outcome(
                assignment, named, "waiting", note=f"its name says {named}, the id in the notebook {stamped!a}. {how}"
            )
        if roster and named not in roster:
            return Outcome(assignment, named, "waiting", note=f"{named} is not in the roster. {how}")
    there = folder / "submitted" / student / assignment
    before = _before(there)
    if before == files:
        return Outcome(assignment, student, "same", note="was collected before")
    old, new = handed_in(before), handed_in(files)
    if old and new and new < old:
        return Outcome(assignment, student, "older", note="older than the one that is there; it was left")
    notes = [f"{student} is not in the roster"] if roster and student not in roster else []
    return Outcome(assignment, student, "collected", note="; ".join([*notes, *_put(folder, there, files)]))


def _before(there: Path) -> dict[str, bytes]:
    """The files of the submission that is there; none where there is none, or one that would not be collected today."""
    try:
        return check_folder(there, there.name) if there.exists() else {}
    except CourseError:
        return {}


def _put(folder: Path, there: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write ``files`` to ``there``: all or nothing. What was there is kept; gives a note that says where."""
    part, notes = folder / ".grading" / f"collecting-{secrets.token_hex(4)}", []
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
            notes.append(f"handed in again; the one before is in {kept.relative_to(folder).as_posix()}")
        part.rename(there)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return notes


def _assignment_and_owner(place: Path, assignments: list[str]) -> tuple[str, str]:
    """What the name of ``place`` says; of the owner that may be nothing, or no id."""
    if exchanged := _exchanged(place, assignments):
        return exchanged
    example = f"{assignments[0]}-ada.zip" if assignments else "ASSIGNMENT-ID.zip"
    right = f"A right name is {example}; where the id in it is not the owner's, --owner {example}=ID says whose it is."
    if not (_is_zip(place) or place.is_dir()):
        raise CourseError(f"it is neither a zip nor a folder. {right}")
    stem = re.sub(r"( ?\(\d+\))?\.zip$", "", place.name, flags=re.IGNORECASE)  # a browser's second download: "(1)"
    for assignment in sorted(assignments, key=len, reverse=True):
        if found := re.search(rf"(?<![^\W_]){re.escape(assignment)}(?![^\W_])(.*)", stem, re.IGNORECASE | re.DOTALL):
            return assignment, found[1].removeprefix("-")
    raise CourseError(f"no assignment of this class is in its name. {right}")


def _id(named: str, roster: set[str], how: str) -> str:
    """``named`` as the roster writes it, capitals or not. Raises ``CourseError`` where it is no id."""
    try:
        Learner(named)
    except ValueError as problem:
        raise CourseError(f"{problem} {how}") from None
    same = [id for id in roster if id.lower() == named.lower()]
    return same[0] if len(same) == 1 else named
