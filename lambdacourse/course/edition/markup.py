"""A notebook as HTML: its text, its code, and the outputs that it was kept with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

import mistune

from lambdacourse.source import highlighted

_LAB = re.compile(r"^\w+_lab\(", re.MULTILINE)
_INLINE = re.compile(r"</?(?:a|b|code|em|span|strong)\b[^>]*>")
_UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)


def notebook_html(notebook: dict[str, Any], name: str) -> str:
    """The cells of ``notebook``, which learners know as ``name``, one after the other."""
    return "\n".join(_cell(cell, name) for cell in notebook["cells"])


def text_html(text: str) -> str:
    """Markdown as JupyterLab shows it: headings can be linked to, and links to other notebooks lead to their pages."""
    return _MARKDOWN(text)


def words(html: str) -> str:
    """What one reads of ``html``, on one line."""
    within_a_word = _INLINE.sub("", _UNSEEN.sub("", html))
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", within_a_word)).split())


def heading_id(heading: str) -> str:
    """Where a link to a heading goes, as in JupyterLab: ``Cold start`` is at ``#Cold-start``."""
    return heading.replace(" ", "-")


def page_of(address: str) -> str:
    """A link in a notebook, as a link in the edition: pages stand to each other as the notebooks do."""
    return address if ":" in address else re.sub(r"\.ipynb(?=#|$)", ".html", address)


class _Html(mistune.HTMLRenderer):
    def heading(self, text: str, level: int, **attributes: Any) -> str:
        return f'<h{level} id="{escape(heading_id(words(text)))}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, page_of(url), title)

    def block_code(self, code: str, info: str | None = None) -> str:
        return highlighted(code, info or "text")

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        text = text.replace("<details>", "<details open>")  # a fact's source: one click away, and on paper
        return f'<th scope="col">{text}</th>' if head and text else f"<td>{text}</td>"


_MARKDOWN = mistune.create_markdown(renderer=_Html(escape=False), plugins=["table"])


def _cell(cell: dict[str, Any], name: str) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return f'<span id="cell-id={cell["id"]}"></span>{text_html(source)}'  # where links from other notebooks lead
    outputs = "\n".join(f'<div class="output wide">{html}</div>' for html in _outputs(cell))
    how = f'<p class="live">This lab stands still here. It moves in JupyterLab: <code>lambdacourse lab</code>, then open <code>{escape(name)}</code>.</p>'
    return f"{highlighted(source, 'python')}\n{outputs}{how if outputs and _LAB.search(source) else ''}"


def _outputs(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", []):
        data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
        plain = data.get("text/plain", "".join(output.get("text", "")))
        if "text/html" in data:
            html = data["text/html"].replace(' id="fact-', ' data-fact="')  # the page's own table of facts has these ids
            yield re.sub(r'(?<= href=")[^"]+', lambda found: page_of(found[0]), html)
        elif "image/png" in data:
            yield f'<img alt="{escape(plain)}" src="data:image/png;base64,{data["image/png"].strip()}">'
        elif plain.strip():
            yield f"<pre>{escape(plain)}</pre>"
