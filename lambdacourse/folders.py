"""Where the course is on this machine, and where it keeps things.

``LAMBDACOURSE_HOME`` replaces the folders of data and cache: for tests, for a shared lab room, for a class.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from lambdacourse.errors import CourseError

NAME = "lambdacourse"
PARTS = ("lessons", "exercises")
"""What of the course a learner gets."""


def data_folder() -> Path:
    """The learner's own data: who they are, how far they have come. Not made here."""
    home = os.environ.get("LAMBDACOURSE_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir(NAME, appauthor=False))


def content() -> Path:
    """The folder that has the course's ``lessons/`` and ``exercises/``: inside an installed package, around one in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "content", package.parent):
        if all((folder / part).is_dir() for part in PARTS):
            return folder
    raise CourseError(
        "This installation of lambdacourse has no lessons in it: install it again, from its wheel or its repository."
    )


@cache
def cache_folder() -> Path:
    """A folder that can be written, for what can be made again; a temporary one where the usual one cannot be written."""
    home = os.environ.get("LAMBDACOURSE_HOME")
    usual = Path(home) / "cache" if home else Path(platformdirs.user_cache_dir(NAME, appauthor=False))
    return usual if is_writable(usual) else Path(tempfile.mkdtemp(prefix=f"{NAME}-"))


def is_writable(folder: Path) -> bool:
    """Whether a file can be made in ``folder``; the folder is made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
