"""What the learner answered, and when: one line of JSON for each answer, in their own folder.

The lines are all there is. Cards, statistics and plans are worked out from them, so they survive a new bank, a new release and a
new scheduler. A line that cannot be read is told about and taken out; a copy of the file is kept.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from lambdacourse.errors import CourseError
from lambdacourse.files import write
from lambdacourse.folders import data_folder

VERSION = 1
CONFIDENCE = ((0.25, "a guess"), (0.5, "unsure"), (0.75, "rather sure"), (0.95, "sure"))
"""How sure a learner can say they are: the chance of being right, and words."""


@dataclass(frozen=True)
class Review:
    """One answer: the question's id, when (UTC), the share that was right, how sure the learner was (None: not asked), and where."""

    id: str
    at: datetime
    share: float
    sure: float | None = None
    source: str = "drill"

    def line(self) -> str:
        """The answer as a line of the file."""
        data = {"id": self.id, "at": self.at.isoformat(timespec="seconds"), "share": round(self.share, 3), "sure": self.sure}
        return json.dumps({**data, "source": self.source}, ensure_ascii=False)

    @classmethod
    def of(cls, line: str) -> Review:
        """The answer in a ``line``. Raises ``ValueError`` when it is none."""
        data = json.loads(line)
        if not isinstance(data, dict):
            raise ValueError("not an answer")
        try:
            at, share, sure = datetime.fromisoformat(data["at"]), float(data["share"]), data.get("sure")
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            sure = None if sure is None else float(sure)
        except (KeyError, TypeError) as problem:
            raise ValueError(f"not an answer: {problem}") from None
        if not isinstance(data["id"], str) or not 0 <= share <= 1 or not (sure is None or 0 <= sure <= 1):
            raise ValueError("not an answer: its id is a text, its share and its sureness are from 0 to 1")
        return cls(data["id"], at, share, sure, str(data.get("source", "drill")))


def file() -> Path:
    """Where the answers are."""
    return data_folder() / "drill.jsonl"


def read() -> tuple[list[Review], list[str]]:
    """All answers in the order of time, and a sentence about each line that could not be read.

    Raises ``CourseError`` when a newer release wrote the file; it stays as it is then.
    """
    try:
        lines = file().read_bytes().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return [], []
    except OSError as problem:
        raise CourseError(f"{file()} cannot be read ({problem.strerror}): your answers are in it. Mend that first.") from None
    reviews, broken = [], {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or _is_head(line, number):
            continue
        try:
            reviews.append(Review.of(line))
        except (ValueError, OverflowError, RecursionError):
            broken[number] = line
    complaints = _take_out(broken) if broken else []
    return sorted(reviews, key=lambda review: review.at), complaints


def append(*reviews: Review) -> None:
    """Keep ``reviews``. One process at a time; a line that was cut off before stays alone on its line."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return
    try:
        file().parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file().with_suffix(".lock"), timeout=10), file().open("ab+") as stream:
            if stream.tell() == 0:
                stream.write(f'{{"version": {VERSION}}}\n'.encode())
            else:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            stream.write("".join(f"{review.line()}\n" for review in reviews).encode())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as problem:
        raise CourseError(f"Your answer could not be kept in {file()} ({problem}). Make room there, then go on.") from None


def from_mock(answers: Sequence[tuple[str, float]], at: datetime | None = None) -> None:
    """Keep answers of a mock interview, (id, share right): what went wrong there comes back as a card."""
    now = at or datetime.now(UTC)
    append(*(Review(id, now, share, None, "mock") for id, share in answers))


def _is_head(line: str, number: int) -> bool:
    if number != 1 or "version" not in line:
        return False
    try:
        version = json.loads(line)["version"]
    except (ValueError, TypeError, KeyError):
        return False
    if version != VERSION:
        raise CourseError(
            f"{file()} was written by another release of lambdacourse (version {version!r}). Update this one first."
        )
    return True


def _take_out(broken: dict[int, str]) -> list[str]:
    """Write the file without its broken lines, a copy kept beside it; the sentences that say so."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return []
    with FileLock(file().with_suffix(".lock"), timeout=10):
        whole = file().read_bytes()
        kept = file().with_suffix(f".kept-{sha256(whole).hexdigest()[:8]}.jsonl")
        if not kept.exists():
            shutil.copy(file(), kept)
        lines = whole.decode("utf-8", errors="replace").splitlines()
        sound = [line for number, line in enumerate(lines, 1) if broken.get(number) != line]
        write(file(), "".join(f"{line}\n" for line in sound).encode())
    return [f"{file().name}, line {number}: not an answer, taken out; a copy is in {kept.name}." for number in broken]
