"""Who the learner is and how far they have come: an id, the numbers that follow from it, a progress file.

Everything stays on this machine, in ``folders.data_folder()``. While nbgrader runs a notebook, nothing is written.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from lambdacourse.folders import data_folder

Option = TypeVar("Option")
ID_RULE = "an id begins with a letter and has letters, digits, '.', '-' and '_' only, at most 40 characters"
SELF_STUDY = "self-study"
"""The public seed of those who learn alone; a class has its own."""

_VERSION = 1
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

    def put(data: dict) -> None:
        place = data.setdefault("progress", {})
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value

    _update(put)


def _file() -> Path:
    return data_folder() / "learner.json"


def _read() -> dict:
    """The file's content; nothing when there is none. A broken one is kept beside it, and a new one begins."""
    try:
        data = json.loads(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        data = None
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        _keep_copy()
        return {}
    return data


def _keep_copy() -> None:
    try:
        digest = sha256(_file().read_bytes()).hexdigest()[:8]
        kept = _file().with_suffix(f".kept-{digest}.json")
        if not kept.exists():
            shutil.copy(_file(), kept)
    except OSError:
        pass


def _update(change: Callable[[dict], None]) -> None:
    """Read, change, write: one process at a time, and the old file stays whole until the new one is."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock"), timeout=10):
            data = {"version": _VERSION, **_read()}
            change(data)
            new = file.with_suffix(".new")
            new.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
            Path(new).replace(file)
    except OSError:
        pass  # A full disk or a folder that cannot be written costs the learner their progress, never their lesson.
