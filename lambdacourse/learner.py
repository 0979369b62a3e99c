"""Who the learner is and how far they have come: an id, the numbers that follow from it, a progress file.

Everything stays on this machine, in ``folders.data_folder()``. While nbgrader runs a notebook, nothing is written.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from lambdacourse.files import write
from lambdacourse.folders import data_folder

Option = TypeVar("Option")
ID_RULE = "an id begins with a letter and has letters, digits, '.', '-' and '_' only, at most 40 characters"
SELF_STUDY = "self-study"
"""The public seed of those who learn alone; a class has its own."""

_VERSION = 2
_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True)
class Learner:
    """A learner: their id, and the public seed of their class. Together they give the learner's own numbers."""

    id: str
    class_seed: str = SELF_STUDY

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise ValueError(f"learner id {self.id!r}: {ID_RULE} (nbgrader's folders are named after it).")

    def numbers(self, *purpose: str, seed: str | None = None) -> Numbers:
        """The learner's own numbers for one purpose, such as an exercise and a task; ``seed`` gives others, held back."""
        return Numbers("\0".join((seed or self.class_seed, self.id, *purpose)))


@dataclass(frozen=True)
class Numbers:
    """Choices that follow from a key and a name, and from nothing else: the same for ever, on every machine."""

    key: str

    def pick(self, name: str, options: Sequence[Option]) -> Option:
        """One of ``options``."""
        return options[int.from_bytes(sha256(f"{self.key}\0{name}".encode()).digest()[:8]) % len(options)]

    def whole(self, name: str, least: int, most: int, step: int = 1) -> int:
        """A whole number from ``least`` to ``most`` in steps of ``step``."""
        return self.pick(name, range(least, most + 1, step))


def current() -> Learner:
    """The learner at this machine.

    In turn: ``LAMBDACOURSE_LEARNER``; the owner of the folder that nbgrader grades; the stored id; a new guest's.
    """
    named = os.environ.get("LAMBDACOURSE_LEARNER")
    if named is None and os.environ.get("NBGRADER_EXECUTION") == "autograde":
        named = Path.cwd().parent.name
    if named is not None:
        return Learner(named, _class_seed())
    stored = _read().get("id")
    if isinstance(stored, str) and _ID.fullmatch(stored):
        return Learner(stored, _class_seed())
    return rename(_guest())


def _class_seed() -> str:
    """The public seed of the class: ``LAMBDACOURSE_CLASS_SEED``, or that in the ``class.toml`` here or above; else self-study's."""
    named = os.environ.get("LAMBDACOURSE_CLASS_SEED")
    if named:
        return named
    for folder in (Path.cwd(), *Path.cwd().parents):
        try:
            seed = tomllib.loads((folder / "class.toml").read_text(encoding="utf-8")).get("seed")
        except (OSError, ValueError):
            continue
        if isinstance(seed, str) and seed:
            return seed
    return SELF_STUDY


@cache
def _guest() -> str:
    return f"guest-{secrets.token_hex(3)}"


def is_guest(learner: Learner) -> bool:
    """Whether the id was given, not chosen."""
    return learner.id.startswith("guest-")


def rename(id: str) -> Learner:
    """Keep ``id`` as this machine's learner. The progress stays."""
    learner = Learner(id, _class_seed())
    _update(lambda data: data.update(id=id))
    return learner


def recall(*path: str, default: Any = None) -> Any:
    """What the progress file keeps under ``path``, such as ``("tasks", "01-concurrency/needed_concurrency")``."""
    found: Any = _read().get("progress", {})
    for step in path:
        if not isinstance(found, dict) or step not in found:
            return default
        found = found[step]
    return found


def remember(value: Any, *path: str) -> None:
    """Keep ``value`` (plain data) under ``path`` in the progress file."""
    revise(lambda _: value, *path)


def revise(change: Callable[[Any], Any], *path: str) -> None:
    """Keep what ``change`` makes of the value under ``path`` (None where there is none); nobody else writes in between."""

    def put(data: dict) -> None:
        place = data.setdefault("progress", {})
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = change(place.get(path[-1]))

    _update(put)


def notices() -> list[str]:
    """What there is to say about the progress file, in sentences: it is a newer release's; a broken one was kept beside it."""
    newer = f"{_file()} is a newer release's. Update lambdacourse: until then your progress is neither shown nor kept."
    kept = [
        f"A progress file could not be read. It is kept as {copy}, and is not counted. Delete it when you do not need it."
        for copy in sorted(_file().parent.glob(f"{_file().stem}.kept-*.json"))
    ]
    return [newer, *kept] if _read().get("version", 0) > _VERSION else kept


def _file() -> Path:
    return data_folder() / "learner.json"


def _read() -> dict:
    """The file's content in today's form; nothing when there is none, or none that this user may read."""
    try:
        return _load()
    except OSError:
        return {}


def _load() -> dict:
    """The file's content in today's form; of a broken one the id, where there is one, and a copy is kept; of a newer one, the id.

    Raises ``OSError`` for a file that is there and cannot be opened.
    """
    try:
        raw = _file().read_bytes()
    except FileNotFoundError:
        return {}
    try:
        data = json.loads(raw)
        if data["version"] > _VERSION:
            return {"version": data["version"], "id": data.get("id")}
        if data["version"] < _VERSION:
            _keep(raw, f"version-{data['version']}")
        for version in range(data["version"], _VERSION):
            _STEPS[version](data)
            data["version"] = version + 1
        _check(data)
        return data
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _keep(raw, f"kept-{sha256(raw).hexdigest()[:8]}")
        id = re.search(rb'"id"\s*:\s*"([A-Za-z0-9._-]+)"', raw)
        return {"id": id[1].decode()} if id else {}


def _check(data: dict) -> None:
    """``TypeError`` where a part of ``data`` is no table that should be one."""
    progress = data.get("progress", {})
    for table in (progress, *progress.values(), *progress.get("tasks", {}).values()):
        if not isinstance(table, dict):
            raise TypeError(f"{table!r} is no table")


def _points_to_shares(data: dict) -> None:
    """From version 1: of a task, its best share, not points, which are the course's and may change with it."""
    for task in data.get("progress", {}).get("tasks", {}).values():
        best, of = task.pop("best", 0), task.pop("of", 0)
        if of:
            task["share"] = best / of


_STEPS: dict[int, Callable[[dict], None]] = {1: _points_to_shares}
"""What makes a file of each earlier version one of the next. A task that gets another name gets a step here."""


def _keep(raw: bytes, as_what: str) -> None:
    """A copy beside the file, unless there is one."""
    kept = _file().with_suffix(f".{as_what}.json")
    if os.environ.get("NBGRADER_EXECUTION") or kept.exists():
        return
    with suppress(OSError):
        kept.write_bytes(raw)


def _update(change: Callable[[dict], None]) -> None:
    """Read, change, write: one process at a time, and the old file stays whole until the new one is."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock"), timeout=10):
            data = {"version": _VERSION, **_load()}
            if data["version"] > _VERSION:
                return  # What a newer release keeps there, this one must not lose.
            change(data)
            write(file, json.dumps(data, indent=1, ensure_ascii=False).encode())
    except OSError:
        pass  # A full disk or a folder that cannot be written costs the learner their progress, never their lesson.
