"""What a checker says: points, and a sentence for each part of the task. Plain data, and how it looks in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

MIME = "application/vnd.lambdacourse.verdict+json"

NO_FORMULAS = "mathjax_ignore tex2jax_ignore"
"""The class that keeps MathJax, JupyterLab's and nbgrader's, from taking what stands between two dollars for a formula."""

# On white and on JupyterLab's black alike.
GREEN, AMBER, RED = ("#1B7F5C", "✓"), ("#B26A00", "◐"), ("#C8383C", "✗")


@dataclass(frozen=True)
class Part:
    """One thing that was looked at: points got, points there were, and what there is to say."""

    points: float
    of: float
    text: str

    @property
    def ok(self) -> bool:
        return self.points >= self.of


@dataclass(frozen=True)
class Verdict:
    """The outcome of one task. In a notebook it shows itself as a banner; its plain text is the points, which nbgrader reads."""

    task: str
    title: str
    parts: tuple[Part, ...]
    after: str = ""
    """What is worth saying after success: an explanation, other ways."""

    @property
    def points(self) -> float:
        return round(sum(part.points for part in self.parts), 2)

    @property
    def of(self) -> float:
        return round(sum(part.of for part in self.parts), 2)

    @property
    def passed(self) -> bool:
        return all(part.ok for part in self.parts)

    @property
    def message(self) -> str:
        """Why points were lost, in sentences; the empty text when none were."""
        return " ".join(part.text for part in self.parts if not part.ok)

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "points": self.points, "of": self.of, "message": self.message}

    def __repr__(self) -> str:
        return str(self.points)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_(), MIME: self.as_data()}

    def _repr_html_(self) -> str:
        colour, mark = GREEN if self.passed else AMBER if self.points else RED
        lines = "".join(
            f'<li style="margin:.15em 0"><span aria-hidden="true">{(GREEN if part.ok else RED)[1]}</span> {escape(part.text)}'
            f' <span style="opacity:.75">({part.points:g} of {part.of:g})</span></li>'
            for part in self.parts
        )
        last = escape(self.after) if self.passed else f"Stuck? In a new cell: <code>hint({self.task!r})</code>"
        after = f'<p style="margin:.5em 0 0">{last}</p>' if last else ""
        return (
            f'<div role="status" class="{NO_FORMULAS}" style="border-left:5px solid {colour};padding:.5em .9em;margin:.3em 0;max-width:52em">'
            f'<strong><span style="color:{colour}" aria-hidden="true">{mark}</span> {escape(self.title)}: '
            f"{self.points:g} of {self.of:g} points</strong>"
            f'<ul style="list-style:none;padding:0;margin:.4em 0 0">{lines}</ul>{after}</div>'
        )


def share(points: float, passed: int, total: int) -> float:
    """The part of ``points`` that ``passed`` of ``total`` cases earn."""
    return round(points * passed / total, 2) if total else 0.0


def held(words: str, points: float, problems: Sequence[str], counts: Sequence[bool] | None = None) -> Part:
    """What should hold in every case: the points for those without a problem, and the first problem there is.

    ``counts`` says in which cases it counts at all; in the others there are no points for it.
    """
    looked_at = [problem for number, problem in enumerate(problems) if counts is None or counts[number]]
    right = sum(not problem for problem in looked_at)
    first = next(filter(None, looked_at), "yes." if right == len(problems) else "counts where the rest is met.")
    return Part(share(points, right, len(problems)), points, f"{words}: {first}")
