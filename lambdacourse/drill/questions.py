"""What a question is: six kinds, one schema, the same for ``bank/*.toml``, the terminal and the notebook."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Place = Annotated[str, StringConstraints(pattern=r"^lessons/\d\d-[a-z0-9-]+\.ipynb#\S+$")]
FUNCTION = re.compile(r"[a-z_]+\.[a-z0-9_]+")
"""How a function in ``answers/`` is named: ``module.function``."""

Difficulty = Literal["junior", "senior", "staff"]
Competence = Literal["clarify", "estimate", "design", "explain", "diagnose", "operate", "cost"]


class Part(BaseModel):
    """A part of a question: frozen, and a field that the schema does not have is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(Part):
    """What every question has.

    id: its name in the bank, for ever: the learner's history hangs on it. topic: for statistics and ``--topic``.
    place: where the lesson has it, ``lessons/NN-name.ipynb#Heading-with-dashes``. facts: the names in ``facts.toml`` it rests on.
    prerequisites: ids that come first. tasks: exercise tasks (``01-concurrency/limit_needed``) that bring this card back when
    they fail. text: what is asked. after: what is said afterwards, right or wrong.
    """

    id: Slug
    topic: Slug
    difficulty: Difficulty
    place: Place
    facts: tuple[Identifier, ...] = ()
    prerequisites: tuple[Slug, ...] = ()
    tasks: tuple[Words, ...] = ()
    text: Words
    after: Words

    asks: ClassVar[str]
    """How to answer, in a few words."""


class Range(Part):
    """Whole numbers from ``least`` to ``most`` in steps."""

    least: int
    most: int
    step: Annotated[int, Field(gt=0)] = 1

    @model_validator(mode="after")
    def _has_values(self) -> Range:
        if self.most < self.least:
            raise ValueError(f"least={self.least} must not be above most={self.most}")
        return self


class Misconception(Part):
    """A wrong idea with a known result: an expression over the parameters, or a ``module.function`` of them."""

    gives: Words
    says: Words


Choices = Annotated[tuple[float | str, ...], Field(min_length=2)]


class NumberQuestion(Question):
    """A number, with parameters that differ from learner to learner, computed by a function in ``answers/``.

    ``{name}`` in text and after is a parameter, ``{answer}`` in after the answer. unit: what the answer is in; ``tolerance``: a
    share of it.
    """

    kind: Literal["number"]
    parameters: dict[Identifier, Range | Choices]
    answer: Annotated[str, StringConstraints(pattern=rf"^{FUNCTION.pattern}$")]
    unit: str
    tolerance: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    misconceptions: tuple[Misconception, ...] = ()

    asks: ClassVar[str] = "a number"

    @model_validator(mode="after")
    def _shows_its_parameters(self) -> NumberQuestion:
        shown, known = placeholders(self.text), set(self.parameters)
        if shown != known:
            odd = ", ".join(sorted(shown ^ known))
            raise ValueError(f"text must show every parameter once as {{name}}, and nothing else so; see {odd}")
        if strange := placeholders(self.after) - known - {"answer"}:
            raise ValueError(f"after shows {', '.join(sorted(strange))}, which is neither a parameter nor answer")
        return self


def placeholders(text: str) -> set[str]:
    """The names in curly braces in ``text``. Raises ``ValueError`` for braces that do not match."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


class Option(Part):
    """One option of a choice: right, or wrong with the reason why."""

    says: Words
    right: bool = False
    why: str = ""


class ChoiceQuestion(Question):
    """Options, of which one is right; every wrong one says why it is."""

    kind: Literal["choice"]
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=6)]

    asks: ClassVar[str] = "the number of the option"

    @model_validator(mode="after")
    def _one_is_right(self) -> ChoiceQuestion:
        if sum(option.right for option in self.options) != 1:
            raise ValueError("exactly one option must have right = true")
        if unexplained := [option.says for option in self.options if not option.right and not option.why.strip()]:
            raise ValueError(f"the wrong option {unexplained[0]!r} needs its why")
        if len({option.says for option in self.options}) < len(self.options):
            raise ValueError("two options say the same")
        return self


class FaultQuestion(ChoiceQuestion):
    """A template, a handler or a graph with a fault in it; the options say where it is or what."""

    kind: Literal["fault"]
    language: Literal["yaml", "json", "python", "text"]
    snippet: Annotated[str, StringConstraints(min_length=1)]


class TrialQuestion(Question):
    """A claim on trial: true, stale (it was true once) or false. ``after`` is the verdict in words."""

    kind: Literal["trial"]
    verdict: Literal["true", "stale", "false"]

    asks: ClassVar[str] = "true, stale or false"


class OrderQuestion(Question):
    """Steps to put in order; ``steps`` has them in the right one."""

    kind: Literal["order"]
    steps: Annotated[tuple[Words, ...], Field(min_length=3, max_length=9)]

    asks: ClassVar[str] = "the numbers in the right order, such as 2 1 3"

    @model_validator(mode="after")
    def _steps_differ(self) -> OrderQuestion:
        if len(set(self.steps)) < len(self.steps):
            raise ValueError("two steps say the same")
        return self


class Point(Part):
    """One point of a rubric, and the competence it shows."""

    point: Words
    competence: Competence


class OpenQuestion(Question):
    """A question to talk about, scored by the learner against a rubric.

    model: an answer of about a minute. follow_ups: what an interviewer asks next. senior: what a senior answer adds.
    weak, good: sample answers that anchor the score.
    """

    kind: Literal["open"]
    rubric: Annotated[tuple[Point, ...], Field(min_length=3, max_length=10)]
    model: Words
    follow_ups: Annotated[tuple[Words, ...], Field(min_length=1)]
    senior: Words
    weak: Words
    good: Words

    asks: ClassVar[str] = "your answer, as you would say it"


KINDS: dict[str, type[Question]] = {
    "number": NumberQuestion,
    "choice": ChoiceQuestion,
    "trial": TrialQuestion,
    "fault": FaultQuestion,
    "order": OrderQuestion,
    "open": OpenQuestion,
}
