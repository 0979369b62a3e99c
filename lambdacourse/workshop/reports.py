"""What comes out of a graded class: feedback pages, a table of grades, what is done and what is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.files import write
from lambdacourse.workshop import autograde as nbgrader_room
from lambdacourse.workshop.classroom import (
    about,
    assignments_of,
    known,
    nbgrader_of,
    students_in,
    submission_scores,
    who_submitted,
)
from lambdacourse.workshop.outcomes import Outcome, digest_of, read_unplaced, recorded
from lambdacourse.workshop.roster import COLUMNS, read_roster

FIRST = "ID number"
"""How a table of grades begins."""


def feedback(folder: Path, assignments: Sequence[str] = ()) -> list[Path]:
    """nbgrader's feedback pages for everything that is graded; gives the files."""
    with nbgrader_of(folder) as api:
        for assignment in known(folder, assignments):
            for student in students_in(folder / "autograded", assignment):
                made = api.generate_feedback(assignment, student, force=True)
                nbgrader_room.must(made, f"nbgrader could not make the feedback for {student}")
    return sorted((folder / "feedback").rglob("*.html"))


def outdated(folder: Path) -> list[Outcome]:
    """Submissions with a score and a page that are of something else: handed in again since, or at fault since."""
    return [row for row in status(folder) if row.note and row.state in ("waiting", "fault") and _is_graded(folder, row)]


def _is_graded(folder: Path, row: Outcome) -> bool:
    return (folder / "autograded" / row.student / row.assignment).is_dir()


def grades(folder: Path, to: Path) -> None:
    """All scores as CSV: a row each student, a column each assignment, the rest named as Moodle and Canvas map them.

    Written whole or not at all; a file that is no such table stays as it is. Raises ``CourseError``.
    """
    about(folder)
    if to.is_dir():
        raise CourseError(f"{to} is a folder. Name a file for the grades, such as grades.csv.")
    if to.is_file() and not to.read_bytes().startswith(f"\ufeff{FIRST}".encode()):
        raise CourseError(f"{to} is there and is no table of grades: it stays as it is. Name another file.")
    names = assignments_of(folder)
    with nbgrader_of(folder) as api, api.gradebook as gradebook:
        scores = {(row["assignment"], row["student"]): row["score"] for row in submission_scores(gradebook)}
        people = {student["id"]: student for student in read_roster(folder / "roster.csv")}
        people |= {student: dict.fromkeys(COLUMNS, "") | {"id": student} for _, student in scores if student not in people}
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([FIRST, "First name", "Last name", "Email address", *names, "Total"])
    for id, student in sorted(people.items()):
        points = [scores.get((name, id)) for name in names]
        total = sum(point for point in points if point is not None)
        person = [student[key] for key in COLUMNS]
        table.writerow([*person, *("" if point is None else f"{point:g}" for point in points), f"{total:g}"])
    write(to, text.getvalue().encode("utf-8-sig"))


def status(folder: Path) -> list[Outcome]:
    """For every student of the roster and everybody who submitted, and every assignment: graded, fault, waiting or missing.

    Scores are the gradebook's, with what was graded by hand. At the end, what ``collect`` could not place.
    """
    about(folder)
    roster = [student["id"] for student in read_roster(folder / "roster.csv")]
    with nbgrader_of(folder) as api, api.gradebook as gradebook:
        graded = {(row["assignment"], row["student"]): row for row in submission_scores(gradebook)}
    rows = []
    for assignment in assignments_of(folder):
        submitted = who_submitted(folder, assignment)
        for student in dict.fromkeys([*roster, *submitted]):
            row = recorded(folder, assignment, student)
            if student not in submitted:
                row = Outcome(assignment, student, "missing")
            elif row is None or row.digest != digest_of(folder, assignment, student):
                row = Outcome(assignment, student, "waiting", note="changed since it was graded" if row else "")
            elif row.state == "graded" and (now := graded.get((assignment, student))):
                by_hand = ["look at it in formgrader: a score was given by hand"] if now["needs_manual_grade"] else []
                row = replace(row, score=now["score"], note="; ".join(filter(None, [row.note, *by_hand])))
            rows.append(row)
    unplaced = read_unplaced(folder)
    return [*rows, *(unplaced[name] for name in sorted(unplaced))]
