"""What the course must teach stands where ``coverage.toml`` says, and its words are spelled right."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lambdacourse.course.workspace import content

PARTS = tomllib.loads(Path(__file__).with_name("coverage.toml").read_text(encoding="utf-8"))
ITEMS = [pytest.param(item, id=f"{part}: {item['what']}") for part, items in PARTS.items() for item in items]
NOTEBOOKS = [*sorted((content() / "lessons").glob("*.ipynb")), *sorted((content() / "solutions").glob("*/*.ipynb"))]


def text(path):
    """The Markdown of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def sections(path):
    """The text under each heading of the second level, code cells between included."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = re.split(r"^## (.+)$", "\n\n".join("".join(cell["source"]) for cell in cells), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("item", ITEMS)
def test_it_is_taught(item):
    """The lesson has the heading, and its section mentions each of the words."""
    found = sections(content() / "lessons" / f"{item['lesson']}.ipynb")
    assert item["heading"] in found
    section = " ".join(re.sub(r"\]\([^)]*\)|[\[*`]", "", found[item["heading"]]).lower().split())
    for words in item["words"]:
        assert any(each.lower() in section for each in words.split("|")), words


def test_spelling(tmp_path):
    """codespell knows no better spelling for any word of the lessons and exercises."""
    for path in NOTEBOOKS:
        (tmp_path / f"{path.stem} of {path.parent.name}.md").write_text(text(path), encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "."], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    assert not found.stdout, found.stdout
    assert found.returncode == 0, found.stderr
