"""Facts in the text of a lesson: marked as a link to the lesson's table of facts, ``[1,000](#fact-account_concurrency)``.

The table at a lesson's end is generated from the marks, and a mark must say what ``facts.toml`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdacourse.facts import Fact, fact

MARK = re.compile(r"\[([^\[\]]+)\]\(#fact-([a-z0-9_]+)\)")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "second": 1,
    "minute": 60,
    "min": 60,
    "hour": 3_600,
    "h": 3_600,
    "day": 86_400,
    "week": 604_800,
}
_MILLIONS = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}


@dataclass(frozen=True)
class Mark:
    """A marked fact: the words in the text, and the fact's name."""

    words: str
    name: str

    @property
    def is_true(self) -> bool:
        """Whether the words say what the fact says."""
        return says(self.words, fact(self.name))


def marks(notebook: dict[str, Any]) -> Iterator[Mark]:
    """The marked facts in a notebook's text, in order."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for words, name in MARK.findall("".join(cell["source"])):
                yield Mark(words.replace(r"\$", "$"), name)  # a text escapes its dollars


def says(words: str, known: Fact) -> bool:
    """Whether ``words`` state the value of ``known``: the same number, whatever its unit, or the same text."""
    value = known.value
    if isinstance(value, str):
        return _plain(words) == _plain(value)
    numbers = [float(found.replace(",", "")) for found in _NUMBER.findall(words)]
    if isinstance(value, list):
        return (
            numbers == [float(each) for each in value]
            if all(_is_number(each) for each in value)
            else _plain(words) in map(_plain, value)
        )
    if len(numbers) != 1:
        return False
    said = numbers[0] * _scale(words, known.unit)
    candidates = value.values() if isinstance(value, dict) else [value]
    return any(abs(said - each) <= 1e-9 * max(abs(each), 1e-12) for each in candidates if _is_number(each))


def facts_table(notebook: dict[str, Any]) -> str:
    """The Markdown of the table of facts at a lesson's end: each marked fact once, in the order of the text.

    What it is and where it stands is folded up, one by one: JupyterLab finds no place within something that is folded up as a whole.
    """
    lines = ["| fact | as of |", "|---|---|"]
    for name in dict.fromkeys(mark.name for mark in marks(notebook)):
        known = fact(name)
        source = f"[{known.source}]({known.address})" if known.address else known.source
        value = f"{known.text} (assumption)" if known.assumption else known.text
        about = f"<details><summary>{known.as_of}</summary>{known.what}: {source}</details>"
        lines.append(f'| <a id="fact-{name}"></a>{value} | {about} |')
    return "\n".join(lines).replace("$", r"\$")  # two bare dollars in a text are read as a formula


def _scale(words: str, unit: str) -> float:
    word = re.sub(r"[^a-z%]", " ", words.lower()).split()
    for each in word:
        singular = each.removesuffix("s") if len(each) > 2 else each
        if unit == "seconds" and singular in _SECONDS:
            return _SECONDS[singular]
        if unit == "ms" and singular in _SECONDS:
            return _SECONDS[singular] * 1000
        if singular in _MILLIONS:
            return _MILLIONS[singular]
    return 0.01 if unit == "share" and "%" in words else 1.0


def _plain(text: Any) -> str:
    return re.sub(r"[\s`*\"]+", " ", str(text)).strip().lower()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
