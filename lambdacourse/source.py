"""Under the hood: the course's own code, shown on request.

from lambdacourse import under_the_hood
under_the_hood(concurrency_lab)
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import dedent
from typing import Any

PACKAGE = Path(__file__).parent

# The colours of JupyterLab's editor, light or dark as the page is; the reading edition sets them for itself.
STYLE = """<style>
.lc-code { overflow-x: auto; }
.lc-code [class^=k], .lc-code .ow { color: var(--jp-mirror-editor-keyword-color, #007b00); }
.lc-code [class^=s], .lc-code .l-Scalar-Plain { color: var(--jp-mirror-editor-string-color, #a31f1f); }
.lc-code [class^=c] { color: var(--jp-mirror-editor-comment-color, #3b6a6a); font-style: italic; }
.lc-code [class^=m] { color: var(--jp-mirror-editor-number-color, #066b45); }
.lc-code .nf, .lc-code .nc, .lc-code .nt { color: var(--jp-mirror-editor-def-color, #0000e0); }
</style>"""

COLOURS = {
    "light": {"keyword": "#00622f", "string": "#9c1c1c", "comment": "#3b5f5f", "number": "#7a3e00", "def": "#0030b0"},
    "dark": {"keyword": "#7ee2a8", "string": "#ffa8a0", "comment": "#9dbcbc", "number": "#f0b77f", "def": "#9cc2ff"},
}
"""The colours of code on pages that are not JupyterLab's, by the name of the theme."""


@dataclass(frozen=True)
class Source:
    """The code of one thing of the course: its name, the file and line where it stands, its text with its docstring."""

    name: str
    place: str
    code: str

    def __repr__(self) -> str:
        return f"{self.name}, in {self.place}\n\n{self.code}"

    def _repr_html_(self) -> str:
        where = f"<p><code>{escape(self.name)}</code>, in <code>{escape(self.place)}</code></p>"
        return f"{STYLE}{where}{highlighted(self.code, 'python')}"


def under_the_hood(thing: Any) -> Source:
    """The source of a function, class or module of the course, or of the class of an object. Raises ``TypeError`` for anything else."""
    thing = getattr(thing, "py_func", thing)  # what is compiled keeps the Python that it was made from
    if not (inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing) or hasattr(thing, "__wrapped__")):
        thing = type(thing)
    thing = inspect.unwrap(thing)
    name = getattr(thing, "__qualname__", thing.__name__)
    try:
        file = Path(inspect.getsourcefile(thing) or "").resolve()
        lines, first = inspect.getsourcelines(thing)
        place = file.relative_to(PACKAGE.parent.resolve())
        place.relative_to(PACKAGE.name)
    except (TypeError, OSError, ValueError):
        raise TypeError(
            f"under_the_hood({name}): it shows the course's own code, such as simulate or concurrency_lab."
        ) from None
    return Source(name, f"{place.as_posix()}, line {max(first, 1)}", dedent("".join(lines)).rstrip())


def highlighted(code: str, language: str) -> str:
    """``code`` as HTML with its parts marked, for ``STYLE`` to colour; as it is where pygments does not know ``language``."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        marked = highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    except ClassNotFound:
        marked = escape(code)
    return f'<pre class="lc-code"><code>{marked.rstrip()}</code></pre>'
