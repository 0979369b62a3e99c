"""Where the lessons have something: a place is ``lessons/NN-name.ipynb#Heading-with-dashes``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lambdacourse.folders import content

_HEADING = re.compile(r"^#+ (.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Heading:
    """A heading of a lesson, and the id of the cell that has it."""

    text: str
    cell: str


@cache
def headings(lessons: Path) -> dict[str, Heading]:
    """All places in the notebooks of the folder ``lessons``."""
    found = {}
    for path in sorted(lessons.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for text in _HEADING.findall("".join(cell["source"])):
                    found[f"lessons/{path.name}#{text.replace(' ', '-')}"] = Heading(text, cell.get("id", ""))
    return found


def words(place: str) -> str:
    """A place as one says it: ``lesson 01, The formula``."""
    file, _, heading = place.partition("#")
    known = headings(content() / "lessons").get(place)
    return f"lesson {Path(file).name[:2]}, {known.text if known else heading.replace('-', ' ')}"


def link(place: str) -> str:
    """Where a link to a place goes. JupyterLab finds a cell in a notebook that is not open yet, but no heading."""
    known = headings(content() / "lessons").get(place)
    return f"{place.partition('#')[0]}#cell-id={known.cell}" if known and known.cell else place
