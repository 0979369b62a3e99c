"""The pages that show a learner's notebook to others, in the formgrader and as feedback: nothing in them runs."""

from __future__ import annotations

from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.runtime import Context

from lambdacourse.plots import DARK
from lambdacourse.source import COLOURS

_TAGS = bleach.ALLOWED_TAGS | {
    "br", "caption", "dd", "del", "details", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "kbd", "p", "pre",
    "s", "small", "span", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u",
}  # fmt: skip
_ATTRIBUTES = {
    "*": ["class", "id", "style", "role", "title", "scope", "aria-hidden", "aria-label"],
    "a": lambda tag, name, value: name == "class" or (name == "href" and _leads_somewhere(value)),
    "img": lambda tag, name, value: name in ("alt", "width", "height") or (name == "src" and value.startswith("data:image/")),
}
_CODE = COLOURS[DARK.name]
_DARK = f"""@media screen and (prefers-color-scheme: dark) {{
  :root {{ color-scheme: dark; }}
  html, body, .panel, #notebook, #notebook-container {{ background: {DARK.paper} !important; color: {DARK.ink}; border-color: {DARK.grid}; }}
  .panel-default > .panel-heading, .panel-footer, div.input_area, pre, code, td, th {{
    background: #1d1d1d !important; color: {DARK.ink} !important; border-color: {DARK.grid} !important; }}
  a {{ color: {DARK.cold}; }}
  .rendered_html :is(h1, h2, h3, p, li, td, th), .output_area pre {{ color: {DARK.ink}; }}
  .highlight {{ background: none; }}
  .highlight :is(.k, .kn, .kc, .ow) {{ color: {_CODE["keyword"]}; }} .highlight :is(.s1, .s2, .sd) {{ color: {_CODE["string"]}; }}
  .highlight :is(.c1, .ch) {{ color: {_CODE["comment"]}; }} .highlight :is(.mi, .mf) {{ color: {_CODE["number"]}; }}
  .highlight :is(.nf, .nn, .nb, .nc, .ne, .nd) {{ color: {_CODE["def"]}; }} .highlight :is(.n, .o, .p) {{ color: {DARK.ink}; }}
}}"""
_STYLES = CSSSanitizer(
    allowed_css_properties=["border-left", "color", "list-style", "margin", "max-width", "opacity", "padding", "text-align"]
)


def _leads_somewhere(address: str) -> bool:
    """Whether a link of a notebook still leads somewhere on a page that stands alone: other notebooks are not beside it."""
    return not address.startswith("data:") and not address.partition("#")[0].endswith(".ipynb")


def clean_html(html: str) -> str:
    """``html`` without scripts, frames, forms and addresses that run: Markdown as it was written, banners as we made them."""
    return bleach.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, protocols=["http", "https", "mailto", "data"], css_sanitizer=_STYLES
    )


def dark_too(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """A step of nbgrader's feedback: its light page becomes dark where the reader's system is. Runs once the page's styles are there."""
    resources["inlining"]["css"].append(_DARK)
    return notebook, resources


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """nbconvert's filter of this name, cleaned: nbgrader's templates do not ask for that."""
    from nbconvert.exporters import HTMLExporter

    return clean_html(HTMLExporter().markdown2html(context, source))


def keep_clean(config: Any) -> None:
    """Let the exporter of the formgrader's and the feedback's pages clean what it shows."""
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {"clean_html": clean_html, "markdown2html": markdown2html}
