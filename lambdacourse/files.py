"""Files that are written whole or not at all, told from others by their digests; a full disk is one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from lambdacourse.errors import CourseError


def write(file: Path, data: bytes) -> None:
    """Write all of ``data`` or nothing: the old file stays until the new one is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())  # on the disk before the old one goes, should the power fail
        Path(part).replace(file)
    finally:
        part.unlink(missing_ok=True)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


@contextmanager
def told_plainly(what: str) -> Iterator[None]:
    """A full disk, a folder without permission: one sentence instead of a traceback. Raises ``CourseError``."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise CourseError(f"{what}: {error.strerror or error}{where}.") from error
