"""The students of a class: a CSV file as it comes out of a learning platform."""

from __future__ import annotations

import csv
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.learner import Learner

COLUMNS = ("id", "first_name", "last_name", "email")


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
        student = dict.fromkeys(COLUMNS, "")
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


def as_csv(students: list[dict[str, str]]) -> str:
    """The same as a CSV file that ``read_roster`` reads."""
    rows = "".join(f"{','.join(_quoted(student[key]) for key in COLUMNS)}\n" for student in students)
    return f"{','.join(COLUMNS)}\n{rows}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text
