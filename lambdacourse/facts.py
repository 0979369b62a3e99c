"""Every AWS quota, rate, price and measured figure of the course, with its source and date.

The figures live in ``facts.toml`` beside this module. A number that a learner sees comes from there or from a run;
``fact("account_concurrency")`` says what it is, where it was read and when.
"""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Source:
    """Where a fact was read: a title, an address, and the date of the text (``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``)."""

    key: str
    title: str
    address: str
    as_of: str


@dataclass(frozen=True)
class Fact:
    """One figure with its unit, source and dates.

    ``value`` is a number, a string, a list, or a table of numbers (a measured table). ``as_of`` is the date of the source's
    text, ``checked`` the day it was last compared with the source. ``sureness`` is ``"high"`` (AWS's own text, or run here),
    ``"medium"`` (one secondary source, or derived) or ``"low"`` (unverified). ``assumption`` marks what AWS does not publish:
    a choice of this course, with the reason in ``note`` and, where it can be changed, the ``parameter`` that changes it, such as
    ``"Function.idle_timeout"``.
    """

    name: str
    what: str
    value: Any
    unit: str
    source: str
    address: str
    as_of: str
    checked: datetime.date
    sureness: str
    assumption: bool = False
    parameter: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.source}, {self.as_of})"

    @property
    def text(self) -> str:
        """The value with its unit, as one writes it in prose."""
        return write_quantity(self.value, self.unit)

    def _repr_html_(self) -> str:
        return Facts([self])._repr_html_()


class Facts(list[Fact]):
    """A list of facts that shows itself as a table in a notebook."""

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr id="fact-{fact.name}"><td>{escape(fact.what)}</td><td>{escape(fact.text)}</td>'
            f"<td>{_link(fact)}</td><td>{fact.as_of}</td><td>{_sureness(fact)}</td></tr>"
            for fact in self
        )
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("Fact", "Value", "Source", "As of", "Sureness"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        return "\n".join(f"{fact.name}: {fact}" for fact in self)


def fact(name: str) -> Fact:
    """The fact called ``name``; ``KeyError`` with the nearest names when there is none."""
    facts = _load()
    if name not in facts:
        words = str(name)
        near = difflib.get_close_matches(words, facts, n=3) or [found.name for found in search(words)[:3]]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise KeyError(f"facts.toml has no fact {name!r}.{hint}")
    return facts[name]


def all_facts() -> Facts:
    """Every fact, in the order of ``facts.toml``."""
    return Facts(_load().values())


def sections() -> dict[str, Facts]:
    """Every fact under its heading in ``facts.toml``, both in the order of the file."""
    found: dict[str, Facts] = {}
    for line in _text().splitlines():
        if line.startswith("# "):
            heading = line[2:]
        elif line.startswith("[") and (name := line.strip("[]")) in _load():
            found.setdefault(heading, Facts()).append(fact(name))
    return found


def search(words: str) -> Facts:
    """The facts in whose name, description, note or source all of ``words`` occur."""
    wanted = words.lower().replace("_", " ").split()
    return Facts(
        found
        for found in _load().values()
        if all(word in f"{found.name.replace('_', ' ')} {found.what} {found.note} {found.source}".lower() for word in wanted)
    )


def assumptions_page() -> str:
    """``ASSUMPTIONS.md``: what AWS does not publish, what the course takes for it, why, and the parameter that changes it."""
    rows = [
        f"| {found.what} | {found.text} | {_changed_by(found)} | {found.note} |"
        for found in _load().values()
        if found.assumption
    ]
    return "\n".join(
        [
            "# Assumptions",
            "",
            "What AWS does not publish, and what this course takes for it. Where a parameter is named, another value can be tried with it;",
            "the others are part of how the simulator works. Made from `facts.toml`, so not edited by hand.",
            "",
            "| Assumption | Value | Parameter | Why |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _changed_by(found: Fact) -> str:
    owner, _, argument = found.parameter.partition(".")
    return f"`{owner}({argument}=…)`" if argument else ""


def older_than(days: int, today: datetime.date | None = None) -> Facts:
    """The facts that were last checked more than ``days`` days ago."""
    limit = (today or datetime.date.today()) - datetime.timedelta(days=days)
    return Facts(found for found in _load().values() if found.checked < limit)


def write_quantity(value: Any, unit: str) -> str:
    """``1000, "requests/s"`` as ``"1,000 requests/s"``; prices in dollars first, shares in percent."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {write_quantity(cell, '')}" for key, cell in value.items()) + (f" {unit}" if unit else "")
    if isinstance(value, list):
        return ", ".join(write_quantity(cell, "") for cell in value) + (f" {unit}" if unit else "")
    if isinstance(value, str):
        return f"{value} {unit}".strip()
    if unit == "share":
        return f"{value * 100:.6g} %"
    if unit == "USD" or unit.startswith("USD/"):
        whole, _, cents = _plain(value).partition(".")
        return f"${whole}.{cents:0<2}{unit[3:]}"
    if unit == "HTTP status":
        return f"HTTP {value}"
    if unit == "year":
        return f"{value}"
    if value == 1 and re.fullmatch(r"[A-Za-z]{3,}s", unit):  # one second; but ms and GB-s stay as they are
        unit = unit.removesuffix("es") if unit.endswith("ches") else unit[:-1]
    return f"{_plain(value)} {unit}".strip()


def _plain(number: float) -> str:
    if isinstance(number, int) or float(number).is_integer():
        return f"{int(number):,}"
    return f"{number:,.12f}".rstrip("0")


def _link(fact: Fact) -> str:
    return f'<a href="{escape(fact.address)}">{escape(fact.source)}</a>' if fact.address else escape(fact.source)


def _sureness(fact: Fact) -> str:
    return "assumption" if fact.assumption else fact.sureness


def _text() -> str:
    return resources.files(__package__).joinpath("facts.toml").read_text(encoding="utf-8")


@cache
def _load() -> dict[str, Fact]:
    tables = tomllib.loads(_text())
    sources = {key: Source(key, **entry) for key, entry in tables.pop("sources").items()}
    return {name: _read(name, entry, sources) for name, entry in tables.items()}


def _read(name: str, entry: dict[str, Any], sources: dict[str, Source]) -> Fact:
    key = entry.pop("source")
    if key not in sources:
        raise ValueError(f"facts.toml: {name} names the source {key!r}, which [sources] does not list")
    source = sources[key]
    return Fact(name=name, source=source.title, address=source.address, as_of=entry.pop("as_of", source.as_of), **entry)
