"""The learner's folder: the lessons and exercises of the course, copied, and kept up to date around what the learner changed.

A manifest in the folder remembers what the course put there, so that a file that is still the course's can be told from one
that is the learner's. The learner's is never overwritten.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from packaging.version import Version

from lambdacourse import __version__
from lambdacourse.errors import CourseError
from lambdacourse.files import digest, told_plainly, write
from lambdacourse.folders import PARTS, content

FOLDER = "lambda-at-scale"
MANIFEST = ".lambdacourse.json"
CLASS = "class.toml"
"""What an instructor's zip has beside its exercises."""


@dataclass(frozen=True)
class Changes:
    """What ``make`` did: the files it added and updated, and the learner's own of which the course has another version now."""

    folder: Path
    is_new: bool
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        """A line for each kind of change; empty when there was none."""
        added = f"Made {self.folder} with {len(self.added)} files." if self.is_new else f"Added {', '.join(self.added)}."
        kept = (
            f"You have changed {', '.join(self.kept)}, and a newer version is there: "
            f"`lambdacourse reset {_short(self.kept[0])}` fetches it and keeps yours beside it."
            if self.kept
            else ""
        )
        updated = f"Updated {', '.join(self.updated)}." if self.updated else ""
        return "\n".join(line for line in (self.note, added if self.added or self.is_new else "", updated, kept) if line)


@dataclass(frozen=True)
class Reset:
    """What ``reset`` did: the file that is as in the course again, and where the learner's version is now (None: there was none)."""

    file: Path
    kept: Path | None

    def __str__(self) -> str:
        if self.kept is None:
            return f"{self.file} is as in the course."
        again = f"{self.file} is as in the course again; yours is beside it as {self.kept.name}."
        return f"{again} Where it is open in JupyterLab: File, Reload Notebook from Disk."


def make(folder: Path) -> Changes:
    """Copy lessons and exercises to ``folder``, and update what is there already. Raises ``CourseError``.

    What is missing is added. What is as the course once put it is updated. What the learner changed stays as it is, and so does
    what the course no longer has, and an exercise that an instructor's zip brought.
    """
    source = content()
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file. Name another folder for the course: lambdacourse lab FOLDER")
    added, updated, kept = [], [], []
    with told_plainly(f"The course could not be put into {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        is_new = not (folder / MANIFEST).exists()
        put, note = _read_manifest(folder)
        for name in _names(source):
            file, fresh = folder / name, (source / name).read_bytes()
            now, there = digest(fresh), digest(file.read_bytes()) if file.exists() else None
            if there == now:
                put[name] = now
            elif there and _came_with_a_class(name, folder):
                put.setdefault(name, there)
            elif there in (None, put.get(name)):
                write(file, fresh)
                (added if there is None else updated).append(name)
                put[name] = now
            else:
                if put.get(name) != now:
                    kept.append(name)
                put.setdefault(name, now)  # Nobody knows which version the learner began with: it is told this once.
        _write_manifest(folder, put)
    return Changes(folder, is_new, tuple(added), tuple(updated), tuple(kept), note)


def find(folder: Path | None = None) -> Path:
    """The course folder: ``folder``, or else the current folder, one above it, or ``lambda-at-scale`` in it.

    Where there is none, what an instructor's zip was unpacked into is one.
    """
    here = Path.cwd()
    places = [folder] if folder else [here, *here.parents, here / FOLDER]
    for mark in (MANIFEST, CLASS):
        for place in places:
            if (place / mark).is_file():
                return place
    where = f"{folder} is not a course folder" if folder else f"Here, in {here}, is no course folder"
    raise CourseError(f"{where}. `lambdacourse lab` makes one; `--folder FOLDER` names one that is elsewhere.")


def exercises(names: Sequence[str] = (), folder: Path | None = None) -> dict[str, Path]:
    """The learner's notebook of each of the assignments ``names``, or of all of the course's. Raises ``CourseError``.

    An instructor may have released more of them than the course has: those are found by name.
    """
    workspace = find(folder)
    ours = {Path(file).stem: workspace / file for file in _names(content()) if file.startswith("exercises/")}
    theirs = [place / f"{place.name}.ipynb" for place in sorted((workspace / "exercises").glob("*"))]
    known = ours | {file.stem: file for file in theirs if file.is_file()}
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=3, cutoff=0.4) or sorted(known)
        raise CourseError(
            f"The course has no assignment {unknown[0]!r}. {'Near it' if len(near) < len(known) else 'It has'}: {', '.join(near)}."
        )
    return {name: known[name] for name in names or ours}


def reset(name: str, folder: Path | None = None) -> Reset:
    """Put the file that ``name`` means back as the course has it; what was there stays beside it. Raises ``CourseError``."""
    workspace, source = find(folder), content()
    name = _resolve(name, workspace, _names(source))
    file = workspace / name
    kept = None
    with told_plainly(f"{file} could not be put back; it is as it was"):
        put, _ = _read_manifest(workspace)
        fresh = (source / name).read_bytes()
        if _came_with_a_class(name, workspace) and put.get(name, digest(fresh)) != digest(fresh):
            raise CourseError(f"{name} is your class's own, and not the course's: take it from your class's zip again.")
        old = file.read_bytes() if file.exists() else fresh
        if old != fresh:
            while (kept := file.with_name(f"{file.stem}.kept-{_now()}{file.suffix}")).exists():
                time.sleep(0.1)
            write(kept, old)
        write(file, fresh)
        _write_manifest(workspace, {**put, name: digest(fresh)})
    return Reset(file, kept)


def _came_with_a_class(name: str, workspace: Path) -> bool:
    """Whether a file came with an instructor's zip, and not from the course."""
    return name.startswith("exercises/") and (workspace / CLASS).is_file()


def _names(source: Path) -> list[str]:
    """The course's files, as ``lessons/00-welcome.ipynb``; not what an editor or Python leaves behind."""
    files = (file.relative_to(source) for part in PARTS for file in sorted((source / part).rglob("*")) if file.is_file())
    return [file.as_posix() for file in files if not any(step.startswith((".", "__pycache__")) for step in file.parts)]


def _resolve(name: str, workspace: Path, names: list[str]) -> str:
    """The file that a learner means by ``name``: its path from where they are, or its name with or without folder and ending."""
    typed = (Path.cwd() / name).resolve()
    for file in names:
        if typed == (workspace / file).resolve():
            return file
    wanted = Path(name.replace("\\", "/")).as_posix().removesuffix(".ipynb")
    found = [file for file in names if wanted in _ways_to_say(file)]
    if len(found) == 1:
        return found[0]
    if found:
        either = " or ".join(f"`lambdacourse reset {_short(file)}`" for file in found)
        raise CourseError(f"{name!r} is the name of {len(found)} notebooks. Say which: {either}")
    known = {way: file for file in names for way in _ways_to_say(file)}
    near = difflib.get_close_matches(wanted, known, n=4, cutoff=0.5)
    listed = dict.fromkeys(_short(known[way]) for way in near) or [_short(file) for file in names]
    raise CourseError(f"The course has no notebook {name!r}. {'Near it' if near else 'It has'}: {', '.join(listed)}.")


def _ways_to_say(file: str) -> set[str]:
    """``exercises/01-x/01-x.ipynb`` is also ``exercises/01-x``, ``01-x/01-x`` and ``01-x``."""
    whole = file.removesuffix(".ipynb")
    return {whole, _short(file), whole.split("/", 1)[1], whole.rsplit("/", 1)[1]}


def _short(file: str) -> str:
    """The shortest way to say which file is meant: ``lessons/01-x``, ``exercises/01-x``."""
    folder, _, name = file.removesuffix(".ipynb").rpartition("/")
    return folder if folder.endswith(f"/{name}") else f"{folder}/{name}"


def _read_manifest(folder: Path) -> tuple[dict[str, str], str]:
    """What the course put where (name: sha256), and a line to tell. A broken manifest is kept, and every file is the learner's."""
    file = folder / MANIFEST
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        version, put = Version(data["version"]), dict(data["files"])
    except FileNotFoundError:
        return {}, ""
    except (ValueError, KeyError, TypeError):
        copy = folder / f".lambdacourse.kept-{_now()}.json"
        write(copy, file.read_bytes())
        return {}, f"{file} was broken and is kept as {copy.name}. Your files stay as they are."
    if version > Version(__version__):
        raise CourseError(
            f"{folder} was made by lambdacourse {version}, and this is {__version__}. "
            f"Update lambdacourse, or name another folder: lambdacourse lab FOLDER"
        )
    return put, ""


def _write_manifest(folder: Path, put: dict[str, str]) -> None:
    text = json.dumps({"version": __version__, "files": put}, indent=1, ensure_ascii=False)
    write(folder / MANIFEST, f"{text}\n".encode())


def _now() -> str:
    return f"{datetime.now():%Y%m%d-%H%M%S}"
