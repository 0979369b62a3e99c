"""Where the course keeps things on this machine.

``LAMBDACOURSE_HOME`` replaces both folders: for tests, for a shared lab room, for a class.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

NAME = "lambdacourse"


def data_folder() -> Path:
    """The learner's own data: who they are, how far they have come. Not made here."""
    home = os.environ.get("LAMBDACOURSE_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir(NAME, appauthor=False))


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
