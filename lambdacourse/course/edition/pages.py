"""The pages of the reading edition: what stands on each, and what surrounds it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from lambdacourse import __version__
from lambdacourse.course.edition.markup import notebook_html, text_html, words
from lambdacourse.course.lessons import FACTS_TITLE
from lambdacourse.facts import Fact, sections

COURSE = "AWS Lambda at scale"
_HEADING = re.compile(r'<h([1-3]) id="([^"]*)">(.*?)</h\1>', re.DOTALL)
_SCROLLER = re.compile(r'<(?:pre\b|div class="(?:output )?wide")')
_QUESTION = re.compile(r"The interviewer asks:</strong>\s*(.+?)</p>", re.DOTALL)


@dataclass(frozen=True)
class Section:
    """What stands under one heading: where to link to, the heading, its level, and its words."""

    anchor: str
    heading: str
    level: int
    text: str


@dataclass(frozen=True)
class Page:
    """One page: its file in the edition, such as ``lessons/01-concurrency.html``, and the HTML of its own content."""

    name: str
    body: str

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The page cut at its headings."""
        starts = [*_HEADING.finditer(self.body)]
        ends = [*(start.start() for start in starts[1:]), len(self.body)]
        return tuple(
            Section(start[2], words(start[3]), int(start[1]), words(self.body[start.end() : end]))
            for start, end in zip(starts, ends, strict=True)
        )

    @property
    def title(self) -> str:
        return self.sections[0].heading

    @property
    def question(self) -> str:
        """What the interviewer asks in this lesson; empty on other pages."""
        found = _QUESTION.search(self.body)
        return words(found[1]).strip('"“”') if found else ""

    @property
    def root(self) -> str:
        """The way from this page to the edition's folder."""
        return "../" * self.name.count("/")


def notebook_page(content: Path, file: Path) -> Page:
    """The page of the notebook ``file`` of the course in ``content``."""
    name = file.relative_to(content).as_posix()
    notebook = json.loads(file.read_text(encoding="utf-8"))
    return Page(name.removesuffix(".ipynb") + ".html", notebook_html(notebook, name))


def facts_page() -> Page:
    """Every fact with its source and its dates; first, what AWS does not publish."""
    listed = sections()
    assumed = [known for facts in listed.values() for known in facts if known.assumption]
    lines = [f'<li><a href="#fact-{known.name}">{escape(known.what)}</a>: {escape(known.text)}</li>' for known in assumed]
    parts = [
        '<h1 id="Facts">Facts and assumptions</h1>',
        "<p>Every AWS figure of the course, with where it was read, the date of that text, and the day it was last compared.</p>",
        '<h2 id="Assumptions">Assumptions</h2>',
        f"<p>AWS does not publish these {len(assumed)}. The course chose them and says why.</p><ul>{''.join(lines)}</ul>",
    ]
    for heading, facts in listed.items():
        parts += [f'<h2 id="{escape(heading.replace(" ", "-"))}">{escape(heading)}</h2>', *map(_fact, facts)]
    return Page("facts.html", "\n".join(parts))


def index_page(pages: Sequence[Page]) -> Page:
    """The table of contents."""
    kinds = {
        "Lessons": [page for page in pages if re.match(r"lessons/\d", page.name)],
        "Exercises": [page for page in pages if page.name.startswith("exercises/")],
        "To look up": [page for page in pages if not re.match(r"lessons/\d|exercises/", page.name)],
    }
    parts = [
        f'<h1 id="top">{COURSE}: the reading edition</h1>',
        text_html(
            "The lessons with all that their runs gave, and the exercises without their answers. Nothing here needs a network."
            "\n\nA simulator wants to be touched. In JupyterLab the labs move, predictions are kept, and exercises are checked as "
            "you answer them: install `lambdacourse` from its repository, then run `lambdacourse`."
        ),
    ]
    for kind, listed in kinds.items():
        items = [
            f'<li><a href="{page.name}">{escape(page.title)}</a>{f"<br>{escape(page.question)}" if page.question else ""}</li>'
            for page in listed
        ]
        parts.append(f'<h2 id="{kind.replace(" ", "-")}">{kind}</h2><ul class="pages">{"".join(items)}</ul>')
    return Page("index.html", "\n".join(parts))


def framed(page: Page, before: Page | None, after: Page | None) -> str:
    """The whole file of ``page``: search, what is on it, its content, the pages ``before`` and ``after`` it."""
    listed = [section for section in page.sections if section.level == 2]
    contents = "".join(f'<li><a href="#{section.anchor}">{escape(section.heading)}</a></li>' for section in listed)
    return _frame().substitute(
        course=COURSE,
        title=escape(page.title if page.title.startswith(COURSE) else f"{page.title} · {COURSE}"),
        root=page.root,
        contents=contents,
        body=_SCROLLER.sub(r'\g<0> tabindex="0"', page.body),  # until edition.js has measured which of them fit
        before=_way(page, before, "prev", "Before"),
        after=_way(page, after, "next", "Next"),
        version=__version__,
    )


def search_index(pages: Sequence[Page]) -> str:
    """What ``edition.js`` searches: for each section its page, anchor, title, heading and words. A script, so that it loads from a file."""
    entries = [
        [page.name, section.anchor, page.title, section.heading, section.text]
        for page in pages
        for section in page.sections
        if section.heading != FACTS_TITLE.strip("# ")  # all facts have a page of their own
    ]
    return f"const SECTIONS = {json.dumps(entries, ensure_ascii=False, separators=(',', ':'))};\n"


def _way(page: Page, other: Page | None, relation: str, word: str) -> str:
    return f'<a rel="{relation}" href="{page.root}{other.name}">{word}: {escape(other.title)}</a>' if other else ""


def _fact(known: Fact) -> str:
    source = f'<a href="{escape(known.address)}">{escape(known.source)}</a>' if known.address else escape(known.source)
    sureness = "an assumption of this course" if known.assumption else f"sureness {known.sureness}"
    parameter = f", changed by <code>{escape(known.parameter)}</code>" if known.parameter else ""
    note = f"<br>{escape(known.note)}" if known.note else ""
    return (
        f'<h3 id="fact-{known.name}">{escape(known.what)}</h3><p><strong>{escape(known.text)}</strong>{note}<br>'
        f"{source}, {known.as_of}; checked {known.checked}; {sureness}{parameter}</p>"
    )


def _frame() -> Template:
    return Template(resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
