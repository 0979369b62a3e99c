"""What became of each submission, kept in the class's ``.grading/``, and from what it was graded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lambdacourse.files import write

NOTHING = "There is nothing yet."
UNKNOWN = "?"  # the assignment of what nobody can tell
MARKS = {"missing": "-", "waiting": "?", "fault": "!"}
LEGEND = "- missing   ? waits to be graded   ! fault   * see below"


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


def as_text(outcomes: Sequence[Outcome]) -> str:
    """A line each submission, in columns as wide as what is longest in them."""
    rows = [
        (row.assignment, row.student, row.state, "" if row.score is None else f"{row.score:g} of {row.max_score:g}", row.note)
        for row in outcomes
    ]
    return _aligned(rows) or NOTHING


def as_table(outcomes: Sequence[Outcome]) -> str:
    """A class at a glance: points, a row each student, a column each assignment; below, a line for each that has a note."""
    if not outcomes:
        return NOTHING
    placed = [row for row in outcomes if row.assignment != UNKNOWN]
    names, students = dict.fromkeys(row.assignment for row in placed), dict.fromkeys(row.student for row in placed)
    cells: dict[tuple[str, str], Outcome] = {}
    for row in placed:  # what `collect` could not place comes last, and hides nothing that is there
        if cells.setdefault((row.student, row.assignment), row).state == "missing":
            cells[row.student, row.assignment] = row
    most = {row.assignment: row.max_score for row in placed if row.max_score is not None}
    table = [
        ("", *map(_short, names), "points"),
        ("of", *(_points(most.get(name)) for name in names), _points(sum(most.values()) or None)),
    ]
    for student in students:
        rows = [cells.get((student, name), Outcome(name, student, "missing")) for name in names]
        table.append((student, *map(_mark, rows), _points(sum(row.score or 0 for row in rows))))
    noted = [row for row in outcomes if row.note]
    return "\n\n".join([_aligned(table), LEGEND, *([as_text(noted)] if noted else [])])


def _short(name: str) -> str:
    """``01`` for ``01-concurrency``."""
    number = name.partition("-")[0]
    return number if number.isdigit() else name


def _points(points: float | None) -> str:
    return "" if points is None else f"{points:g}"


def _mark(row: Outcome) -> str:
    return (_points(row.score) if row.state == "graded" else MARKS[row.state]) + ("*" if row.note else "")


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """``rows`` in columns as wide as their longest entry."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def as_json(outcomes: Sequence[Outcome]) -> str:
    return json.dumps([asdict(outcome) for outcome in outcomes], indent=1, ensure_ascii=False)


def digest_of(folder: Path, assignment: str, student: str) -> str:
    """The digest of all that a grade follows from: the submission, its solution, the private tasks, the seeds."""
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


def recorded(folder: Path, assignment: str, student: str) -> Outcome | None:
    try:
        file = folder / ".grading" / "outcomes" / assignment / f"{student}.json"
        return Outcome(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def record(folder: Path, outcome: Outcome) -> None:
    file = folder / ".grading" / "outcomes" / outcome.assignment / f"{outcome.student}.json"
    write(file, json.dumps(asdict(outcome), ensure_ascii=False).encode())


def read_unplaced(folder: Path) -> dict[str, Outcome]:
    """What ``collect`` could not place and nobody has placed since, by path."""
    try:
        kept = json.loads((folder / ".grading" / "unplaced.json").read_text(encoding="utf-8"))
        return {name: Outcome(**outcome) for name, outcome in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def keep_unplaced(folder: Path, unplaced: Mapping[str, Outcome]) -> None:
    kept = {name: asdict(outcome) for name, outcome in unplaced.items()}
    write(folder / ".grading" / "unplaced.json", json.dumps(kept).encode())
