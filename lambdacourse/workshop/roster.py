"""The students of a class: a CSV file as it comes out of a learning platform."""

from __future__ import annotations

import csv
from io import StringIO
from itertools import chain
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.learner import ID_RULE, Learner

COLUMNS = ("id", "first_name", "last_name", "email")

_HEADINGS = {
    "id": (
        "id", "student id", "student_id", "id number", "id-nummer", "username", "benutzername", "login", "sis login id",
        "matrikelnummer",
    ),
    "first_name": ("first_name", "first name", "firstname", "vorname"),
    "last_name": ("last_name", "last name", "lastname", "surname", "nachname"),
    "email": ("email", "email address", "e-mail", "e-mail-adresse", "mail"),
}  # fmt: skip
"""The headings of each column, the one that is preferred first."""

_NO_TEXT = {b"PK\x03\x04": "an Excel workbook or a zip", b"\xd0\xcf\x11\xe0": "an old Excel workbook", b"%PDF": "a PDF"}
_NEEDED = f"A roster is a CSV file: a line of headings, such as {','.join(COLUMNS)}, then a line each student."


def read_roster(file: Path) -> list[dict[str, str]]:
    """The students of a CSV file: commas, semicolons or tabs, UTF-8 or UTF-16 with a mark, UTF-8 without, or cp1252.

    Of several columns that may hold the ids, the one counts in which most are valid. Raises ``CourseError``.
    """
    rows = _rows(file)
    if not rows:
        raise CourseError(f"{file} is empty. {_NEEDED}")
    (_, found), *people = rows
    headings = [heading.lower() for heading in found]
    candidates = [headings.index(known) for known in _HEADINGS["id"] if known in headings]
    if not candidates:
        raise CourseError(
            f"{file} has no column of ids. Its first line is: {', '.join(found)[:200]}. Give it headings, one of them of these: "
            f"{', '.join(_HEADINGS['id'])}."
        )
    ids = min(candidates, key=lambda column: sum(not _is_id(row[column]) for _, row in people))  # of equals, the preferred
    columns = {key: [headings.index(known) for known in _HEADINGS[key] if known in headings] for key in COLUMNS} | {"id": [ids]}
    students, seen = [], {}
    for number, row in people:
        student = {key: row[at[0]] if at else "" for key, at in columns.items()}
        id, where = student["id"], f"{file}, line {number}, column {found[ids]!r}"
        if not _is_id(id):
            raise CourseError(f"{where}: learner id {id!r}: {ID_RULE}. Write another there, such as s1234567 for 1234567.")
        same = seen.get(id.casefold())
        if same == id:
            raise CourseError(f"{where}: {id} is there twice.")
        if same:
            raise CourseError(f"{where}: {same} and {id}: on some disks their folders are one. Give one of them another id.")
        seen[id.casefold()] = id
        students.append(student)
    return students


def _is_id(text: str) -> bool:
    try:
        return bool(Learner(text))
    except ValueError:
        return False


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """The lines of ``file`` that are not blank, each with its number, and as long as the first."""
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise CourseError(f"{file} cannot be read: {problem.strerror}.") from None
    for mark, what in _NO_TEXT.items():
        if data.startswith(mark):
            raise CourseError(f"{file} is {what}, whatever its name says. Save it as CSV. {_NEEDED}")
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = StringIO(text, newline="")
    first, before = next(lines, ""), 0
    if first.startswith("sep="):  # Excel's, for itself
        first, before = next(lines, ""), 1
    reader = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(before + reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as problem:
        raise CourseError(f"{file}, line {before + reader.line_num}: {problem}. {_NEEDED}") from None
    width = len(rows[0][1]) if rows else 0
    return [(number, row + [""] * (width - len(row))) for number, row in rows]


def as_csv(students: list[dict[str, str]]) -> str:
    """The same as a CSV file that ``read_roster`` reads."""
    rows = "".join(f"{','.join(_quoted(student[key]) for key in COLUMNS)}\n" for student in students)
    return f"{','.join(COLUMNS)}\n{rows}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
