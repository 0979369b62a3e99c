"""What people hand in: packed by the learner, and taken apart by somebody who trusts nothing in it."""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from lambdacourse import learner
from lambdacourse.errors import CourseError
from lambdacourse.workshop.autograde import check_notebook

MAX_FILE = 20_000_000
MAX_FILES = 100
MAX_TOTAL = 40_000_000
"""Bytes of one file, number of files, and bytes of all files of a submission."""


def submit(assignment: str, notebook: Path, to: Path) -> Path:
    """The learner's side: pack ``notebook`` and what stands beside it as ``ASSIGNMENT-ID.zip`` in the folder ``to``."""
    check_notebook(notebook)
    who = learner.current()
    packed = to / f"{assignment}-{who.id}.zip"
    part = packed.with_suffix(".part")
    beside = [file for file in sorted(notebook.parent.rglob("*")) if file.is_file() and not _is_litter(file, notebook.parent)]
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in beside:
            archive.write(file, file.relative_to(notebook.parent).as_posix())
        archive.writestr("timestamp.txt", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    part.replace(packed)
    return packed


def _is_litter(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in file.relative_to(folder).parts) or ".kept-" in file.name


def check_folder(folder: Path, assignment: str) -> dict[str, bytes]:
    """The plain files of a submission, read without following a link out of it. Raises ``CourseError`` with what is wrong."""
    files: dict[str, bytes] = {}
    for place in _walk(folder):
        name = place.relative_to(folder).as_posix()
        _check_name(name)
        kind = place.lstat()
        if stat.S_ISDIR(kind.st_mode):
            continue
        if not stat.S_ISREG(kind.st_mode):
            raise CourseError(f"{name!r} is no plain file but a link or a device; it was not read.")
        if kind.st_nlink > 1:
            raise CourseError(f"{name!r} is a hard link to a file that has another name, too; it was not read.")
        _check_size(name, kind.st_size)
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
            files[name] = file.read(MAX_FILE + 1)
        _check_total(files)
    return _with_notebook(files, assignment, folder)


def check_zip(data: bytes, assignment: str, name: str) -> dict[str, bytes]:
    """The plain files of a packed submission; what the archive says of sizes is not believed. Raises ``CourseError``."""
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            # Some programs on Windows pack backslashes.
            paths = [(entry.filename.replace("\\", "/"), entry) for entry in archive.infolist()]
            mine = [(path, entry) for path, entry in paths if not path.startswith("__MACOSX/") and not path.endswith("/")]
            for path, entry in mine[: MAX_FILES + 1]:
                _check_name(path)
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise CourseError(f"{path!r} in {name} is a link.")
                with archive.open(entry) as file:
                    files[path] = file.read(MAX_FILE + 1)
                _check_size(path, len(files[path]))
                _check_total(files)
    except CourseError:
        raise
    except Exception as problem:  # what zipfile and each of its decompressors raise on damaged data stands nowhere
        raise CourseError(f"{name} is no zip archive that can be read: {str(problem) or type(problem).__name__}.") from None
    folders = {place.as_posix() for file in files for place in PurePosixPath(file).parents}
    if both := sorted(folders & files.keys()):
        raise CourseError(f"{both[0]!r} in {name} is a file and a folder, too; pack it again.")
    top = next(iter(files), "").partition("/")[0] + "/"
    if f"{top}{assignment}.ipynb" in files and all(file.startswith(top) for file in files):  # its folder was packed, too
        files = {file.removeprefix(top): content for file, content in files.items()}
    return _with_notebook(files, assignment, Path(name))


def _with_notebook(files: dict[str, bytes], assignment: str, where: Path) -> dict[str, bytes]:
    import json

    name = f"{assignment}.ipynb"
    if name not in files:
        there = ", ".join(sorted(file for file in files if file.endswith(".ipynb"))) or "none"
        raise CourseError(f"{where.name} has no {name}; the notebooks in it: {there}.")
    try:
        content = json.loads(files[name])
    except (ValueError, RecursionError):
        raise CourseError(f"{name} is no notebook: it is not JSON.") from None
    if isinstance(content, dict) and (version := ascii(content.get("nbformat"))) != "4":
        raise CourseError(f"{name} has nbformat {version[:60]}, not 4; JupyterLab makes it 4 when it opens and saves it.")
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise CourseError(f"{name} is no notebook: it has no list of cells.")
    if not isinstance(content.get("nbformat_minor"), int) or not isinstance(content.get("metadata"), dict):
        raise CourseError(f"{name} is no notebook: it needs nbformat_minor, a number, and metadata, an object.")
    for number, cell in enumerate(content["cells"], 1):
        if not _is_cell(cell):
            raise CourseError(
                f"{name} is no notebook: cell {number} has no cell_type, metadata and source as Jupyter writes them."
            )
    handed_in(files)
    return files


def _is_cell(cell: Any) -> bool:
    """Whether nbgrader can read it. What nbformat's own rules ask for beyond this does no harm."""
    if not isinstance(cell, dict):
        return False
    source, outputs = cell.get("source"), cell.get("outputs", [])
    return (
        cell.get("cell_type") in ("code", "markdown", "raw")
        and isinstance(cell.get("metadata"), dict)
        and (isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source)))
        and isinstance(outputs, list)
        and all(isinstance(output, dict) for output in outputs)
    )


def handed_in(files: Mapping[str, bytes]) -> datetime | None:
    """The moment in ``timestamp.txt``, in UTC, as nbgrader reads it; None without one. Raises ``CourseError``."""
    text = files.get("timestamp.txt", b"").decode(errors="replace").strip()
    if not text:
        return None
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(text)
    except (ValueError, ArithmeticError):
        rule = "it must be a moment, such as 2026-12-24 18:00:00 UTC, or be left out"
        raise CourseError(f"timestamp.txt says {text[:60]!a}; {rule}.") from None


@dataclass(frozen=True)
class Stamp:
    """What ``open_exercise`` left in a notebook: whose numbers it shows. None where there is no stamp."""

    learner: str | None = None
    class_seed: str | None = None


def stamp(notebook: bytes) -> Stamp:
    """The stamp of a notebook that ``check_folder`` or ``check_zip`` has let through."""
    import json

    from lambdacourse.grading.session import STAMP_MIME

    for cell in json.loads(notebook)["cells"]:
        outputs = cell.get("outputs") if isinstance(cell, dict) else None
        for output in outputs if isinstance(outputs, list) else []:
            data = output.get("data") if isinstance(output, dict) else None
            stamped = data.get(STAMP_MIME) if isinstance(data, dict) else None
            if isinstance(stamped, dict) and isinstance(stamped.get("learner"), str):
                seed = stamped.get("class_seed")
                return Stamp(stamped["learner"], seed if isinstance(seed, str) else None)
    return Stamp()


def strangers(notebook: bytes, released: bytes) -> list[str]:
    """The ids of the released notebook's locked cells that ``notebook`` lacks or has in other words: another release, or edited."""
    import json

    found = dict(_locked(json.loads(notebook)))
    return [id for id, source in _locked(json.loads(released)) if found.get(id) != source]


def _locked(content: dict) -> Iterable[tuple[str, str]]:
    for cell in content["cells"]:
        metadata = cell.get("metadata") if isinstance(cell, dict) else None
        graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        if isinstance(graded, dict) and isinstance(graded.get("grade_id"), str) and graded.get("locked"):
            yield graded["grade_id"], "".join(map(str, cell.get("source", "")))


def _walk(folder: Path) -> Iterable[Path]:
    if folder.is_symlink():
        raise CourseError(f"{folder.name!r} is a link; it was not followed.")
    for number, (place, folders, files) in enumerate(os.walk(folder, followlinks=False)):
        if number > MAX_FILES or len(files) > MAX_FILES:
            raise CourseError(f"it has more than {MAX_FILES} files or folders.")
        yield from (Path(place, name) for name in sorted(folders + files))


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    odd = [character for character in name if unicodedata.category(character)[0] == "C" or character == "\\"]
    if name.startswith("/") or ".." in parts or ":" in name or odd or len(name) > 200:
        raise CourseError(f"the file name {name[:200]!a} leads elsewhere or has characters that cannot be seen.")


def _check_size(name: str, size: int) -> None:
    if size > MAX_FILE:
        raise CourseError(f"{name!r} is larger than {MAX_FILE // 1_000_000} MB; clear its outputs, or look at what it holds.")


def _check_total(files: dict[str, bytes]) -> None:
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_TOTAL:
        raise CourseError(f"it has more than {MAX_FILES} files or more than {MAX_TOTAL // 1_000_000} MB.")
