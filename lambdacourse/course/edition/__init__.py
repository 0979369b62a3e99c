"""The reading edition: the whole course as static pages, to read on a phone, on paper, without a network and without Python."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from lambdacourse import source
from lambdacourse.course.edition.pages import Page, facts_page, framed, index_page, notebook_page, search_index
from lambdacourse.errors import CourseError
from lambdacourse.files import digest, told_plainly, write
from lambdacourse.folders import PARTS, content
from lambdacourse.plots import DARK, LIGHT, Theme

MANIFEST = ".lambdacourse-edition.json"


def export(folder: Path) -> int:
    """Write the edition into ``folder``; how many pages it has. Raises ``CourseError``.

    An earlier edition there is brought up to date. What is not an edition's stays, and where it is in the way nothing is written.
    """
    pages = all_pages()
    files = {name: text.encode() for name, text in edition(pages).items()}
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file. Name a folder for the edition: lambdacourse export FOLDER")
    with told_plainly(f"The edition could not be written to {folder}"):
        ours = _unchanged(folder)
        in_the_way = sorted(name for name in files.keys() - ours if (folder / name).exists())
        if in_the_way:
            raise CourseError(
                f"{folder / in_the_way[0]} is not as an edition wrote it, and stays. Move it away, or name another folder."
            )
        for name in ours - files.keys():
            (folder / name).unlink()
        for name, data in files.items():
            write(folder / name, data)
        manifest = json.dumps({name: digest(data) for name, data in files.items()}, indent=1)
        write(folder / MANIFEST, f"{manifest}\n".encode())
    return len(pages)


def all_pages() -> list[Page]:
    """Every page in the order of reading: contents, each lesson and then its exercise, and what one looks up."""
    course = content()
    notebooks = [file for part in PARTS for file in (course / part).rglob("*.ipynb") if not file.parent.name.startswith(".")]
    notebooks.sort(key=lambda file: (file.stem[:2], PARTS.index(file.relative_to(course).parts[0]), file.stem))
    pages = [*(notebook_page(course, file) for file in notebooks), facts_page()]
    return [index_page(pages), *pages]


def edition(pages: list[Page]) -> dict[str, str]:
    """The text of every file of the edition of ``pages``, by its name."""
    around = list(zip([None, *pages], pages, [*pages[1:], None]))
    ours = resources.files(__package__)
    code = source.STYLE.replace("<style>", "").replace("</style>", "")
    return {
        **{page.name: framed(page, before, after) for before, page, after in around},
        "search-index.js": search_index(pages),
        "edition.js": ours.joinpath("edition.js").read_text(encoding="utf-8"),
        "edition.css": f"{_colours()}{ours.joinpath('edition.css').read_text(encoding='utf-8')}{code}",
    }


def _colours() -> str:
    """The colours of light and of dark paper, which are those of the pictures."""
    more = {
        LIGHT: "--panel: #f5f5f5; --mark: #fff3c9; --focus: #0050b5;",
        DARK: "--panel: #1d1d1d; --mark: #3d3413; --focus: #8ab8ff;",
    }

    def rule(theme: Theme) -> str:
        of_code = "".join(f"--jp-mirror-editor-{part}-color: {colour}; " for part, colour in source.COLOURS[theme.name].items())
        paper = f"--paper: {theme.paper}; --ink: {theme.ink}; --axis: {theme.axis}; --grid: {theme.grid}; "
        return f":root {{ {paper}--jp-ui-font-color1: {theme.ink}; {of_code}{more[theme]} }}\n"

    return f"{rule(LIGHT)}@media screen and (prefers-color-scheme: dark) {{\n{rule(DARK)}}}\n"


def _unchanged(folder: Path) -> set[str]:
    """The files in ``folder`` that an earlier export wrote and nobody changed."""
    try:
        wrote = dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return set()
    return {name for name, was in wrote.items() if (folder / name).is_file() and digest((folder / name).read_bytes()) == was}
