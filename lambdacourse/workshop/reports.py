"""What comes out of a graded class: feedback pages, a table of grades, what is done and what is missing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

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


def feedback(folder: Path, assignments: Sequence[str] = ()) -> list[Path]:
    """nbgrader's feedback pages for everything that is graded; gives the files."""
    with nbgrader_of(folder) as api:
        for assignment in known(folder, assignments):
            for student in students_in(folder / "autograded", assignment):
                made = api.generate_feedback(assignment, student, force=True)
                nbgrader_room.must(made, f"nbgrader could not make the feedback for {student}")
    return sorted((folder / "feedback").rglob("*.html"))


def grades(folder: Path, to: Path) -> None:
    """All scores as CSV: a row each student, a column each assignment, the rest named as Moodle and Canvas map them."""
    names = assignments_of(folder)
    with nbgrader_of(folder) as api, api.gradebook as gradebook:
        scores = {(row["assignment"], row["student"]): row["score"] for row in submission_scores(gradebook)}
        people = {student["id"]: student for student in read_roster(folder / "roster.csv")}
        people |= {student: dict.fromkeys(COLUMNS, "") | {"id": student} for _, student in scores if student not in people}
    with to.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ID number", "First name", "Last name", "Email address", *names, "Total"])
        for id, student in sorted(people.items()):
            points = [scores.get((name, id)) for name in names]
            total = sum(point for point in points if point is not None)
            person = [student[key] for key in COLUMNS]
            table.writerow([*person, *("" if point is None else f"{point:g}" for point in points), f"{total:g}"])


def status(folder: Path) -> list[Outcome]:
    """For every student of the roster and everybody who submitted, and every assignment: graded, fault, waiting or missing.

    At the end, what ``collect`` could not place.
    """
    about(folder)
    roster = [student["id"] for student in read_roster(folder / "roster.csv")]
    rows = []
    for assignment in assignments_of(folder):
        submitted = who_submitted(folder, assignment)
        for student in dict.fromkeys([*roster, *submitted]):
            row = recorded(folder, assignment, student)
            if student not in submitted:
                row = Outcome(assignment, student, "missing")
            elif row is None or row.digest != digest_of(folder, assignment, student):
                row = Outcome(assignment, student, "waiting", note="changed since it was graded" if row else "")
            rows.append(row)
    unplaced = read_unplaced(folder)
    return [*rows, *(unplaced[name] for name in sorted(unplaced))]
