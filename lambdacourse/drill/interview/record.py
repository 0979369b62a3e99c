"""What was said in an interview, in a file of its own: JSON, written after every answer, and never written over by another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from lambdacourse import files
from lambdacourse.drill.interview.scenario import Value
from lambdacourse.drill.questions import Difficulty, Part
from lambdacourse.errors import CourseError
from lambdacourse.folders import data_folder

VERSION = 1


class Entry(Part):
    """One thing that happened. ``at``: seconds of the interview's clock. Which of the other fields it has follows from its ``kind``:

    question: the candidate asked ``text``; ``heard`` are the requirements it was about. number: they said ``text``, which is ``value``
    (none: they did not know) and worth ``share``; ``says`` is why, ``truth`` the number it was compared with. try: a design with ``knobs``
    and what was measured; ``heard`` are the objectives it kept. given: the same, from the interviewer. said: an answer in ``text``, or
    aloud. follow-up: the question in ``says`` and the answer. closed: the item is over, why in ``says``. points: which points of the rubric
    the candidate says they made. also asked: ``heard`` were asked for in words that were not understood.
    """

    kind: Literal["question", "number", "try", "given", "said", "follow-up", "closed", "points", "also asked"]
    item: str
    at: float
    text: str = ""
    heard: tuple[str, ...] = ()
    value: float | None = None
    truth: float | None = None
    share: float = 0.0
    says: str = ""
    knobs: dict[str, Value] = Field(default_factory=dict)
    measures: dict[str, float] = Field(default_factory=dict)
    points: tuple[bool, ...] = ()


class Record(Part):
    """An interview: what it is, and its entries in order. ``elapsed``: seconds on its clock when it was last written.

    draft: an answer that was being typed then. pauses: how often it was interrupted. state: ``open`` until its scorecard is made;
    ``left`` when another one was begun instead.
    """

    version: Literal[1] = VERSION
    scenario: str
    level: Difficulty
    minutes: float = Field(gt=0)
    seed: int
    learner: str
    begun: datetime
    values: dict[str, Value]
    entries: tuple[Entry, ...] = ()
    elapsed: float = 0.0
    draft: str = ""
    pauses: int = 0
    state: Literal["open", "left", "done"] = "open"
    scorecard: dict[str, Any] | None = None

    def of(self, *kinds: str, item: str | None = None) -> list[Entry]:
        """The entries of these kinds, of one item or all."""
        return [each for each in self.entries if each.kind in kinds and item in (None, each.item)]


def folder() -> Path:
    """Where the interviews are."""
    return data_folder() / "interviews"


def create(record: Record) -> Path:
    """A new file for ``record``, named after its day and its scenario."""
    name = f"{record.begun.astimezone():%Y-%m-%d}-{record.scenario}"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for number in range(1, 1_000):
            file = folder() / f"{name}{f'-{number}' if number > 1 else ''}.json"
            try:
                with file.open("x", encoding="utf-8") as stream:
                    stream.write(_text(record))
                return file
            except FileExistsError:
                continue
    except OSError as problem:
        raise _not_kept(folder(), problem) from None
    raise CourseError(f"{folder()} has a thousand interviews of today. That is enough.")


def write(record: Record, file: Path) -> None:
    """Write ``record`` to its own file; the old one stays whole until the new one is."""
    try:
        files.write(file, _text(record).encode())
    except OSError as problem:
        raise _not_kept(file, problem) from None


def keep_beside(file: Path, text: str) -> Path:
    """Write ``text`` as Markdown beside the record in ``file``; a file that is there stays."""
    beside = file.with_suffix(".md")
    try:
        with beside.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        pass
    except OSError as problem:
        raise _not_kept(beside, problem) from None
    return beside


def read(file: Path) -> Record:
    """The record in ``file``. Raises ``CourseError`` when it is none; the file stays as it is."""
    try:
        return Record.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CourseError(
            f"{file} is no interview that this release can read ({f'{where}: ' if where else ''}{first['msg']}); it stays as it is."
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise CourseError(f"{file} cannot be read ({problem}); it stays as it is.") from None


def kept() -> tuple[dict[Path, Record], list[str]]:
    """All interviews, the oldest first, and a sentence about each file that could not be read."""
    records, complaints = {}, []
    for file, found in _all():
        if isinstance(found, Record):
            records[file] = found
        else:
            complaints.append(found)
    return dict(sorted(records.items(), key=lambda each: each[1].begun)), complaints


def _all() -> Iterator[tuple[Path, Record | str]]:
    for file in sorted(folder().glob("*.json")):
        try:
            yield file, read(file)
        except CourseError as problem:
            yield file, str(problem)


def is_grading() -> bool:
    """While nbgrader runs a notebook, nothing is kept."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def today() -> datetime:
    return datetime.now(UTC)


def _text(record: Record) -> str:
    return record.model_dump_json(indent=1, exclude_defaults=True).replace("{", f'{{\n "version": {VERSION},', 1)


def _not_kept(file: Path, problem: OSError) -> CourseError:
    return CourseError(f"The interview could not be kept in {file} ({problem.strerror}). Make room there, then go on.")
