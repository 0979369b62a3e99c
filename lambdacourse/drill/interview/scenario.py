"""What a mock interview is about: one scenario a file, ``scenarios/*.toml``, one schema, read and checked like the question bank."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from lambdacourse import places
from lambdacourse.drill import bank as banks
from lambdacourse.drill.asking import pick, with_unit
from lambdacourse.drill.bank import Bank, Problem
from lambdacourse.drill.questions import (
    FUNCTION,
    Choices,
    Competence,
    Difficulty,
    Identifier,
    Misconception,
    Part,
    Place,
    Range,
    Slug,
    Words,
    placeholders,
)
from lambdacourse.learner import Numbers
from lambdacourse.quantities import Unclear, calculate

FOLDER = Path(__file__).with_name("scenarios")
LEVELS: tuple[Difficulty, ...] = ("junior", "senior", "staff")
Round = Literal["clarify", "estimate", "design", "deep dive", "wrap up"]
ROUNDS: dict[Round, float] = {"clarify": 0.12, "estimate": 0.2, "design": 0.33, "deep dive": 0.25, "wrap up": 0.1}
"""The rounds of an interview, and the share of its time that each has."""
Value = float | str


class Item(Part):
    """What everything that is scored has: ``level`` from which it is asked and expected, ``place`` to study it, ``cards`` of the
    bank that come back when it is failed."""

    level: Difficulty = "junior"
    place: Place
    cards: tuple[Slug, ...] = ()

    def expected(self, level: str) -> bool:
        """Whether it is expected of a candidate for ``level``."""
        return LEVELS.index(self.level) <= LEVELS.index(level)


class Requirement(Item):
    """Something the interviewer knows and says only when asked.

    asks: what a candidate should ask about, in words. heard: what a question about it contains, any of these; of several words, each begins
    a word of the question: ``"how long"``, ``"durat"``.
    """

    id: Identifier
    asks: Words
    heard: Annotated[tuple[Words, ...], Field(min_length=1)]
    answer: Words

    def is_asked_in(self, question: str) -> bool:
        """Whether a ``question`` is about this."""
        words = re.findall(r"[\w']+", question.casefold())
        return any(
            all(any(word.startswith(stem) for word in words) for stem in alternative.casefold().split())
            for alternative in self.heard
        )


class NumberItem(Item):
    """A number to work out. Its ``id`` is the name under which later questions know the candidate's answer, right or wrong.

    answer: a function in ``drill/answers`` that takes what it needs by name: the scenario's values, earlier answers, knobs and measures of
    the design. needs: requirements it rests on; the interviewer tells those that were not asked for. tolerance: a share of the answer;
    within a factor of two, half of it is right.
    """

    kind: Literal["number"] = "number"
    id: Identifier
    text: Words
    answer: Annotated[str, Field(pattern=rf"^{FUNCTION.pattern}$")]
    unit: str
    tolerance: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    misconceptions: tuple[Misconception, ...] = ()
    needs: tuple[Identifier, ...] = ()
    after: Words

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The names that the answer is worked out from."""
        return tuple(inspect.signature(banks.function(self.answer)).parameters)


class Point(Part):
    """One point of a rubric: the competence it shows, and the ``level`` from which it is expected."""

    point: Words
    competence: Competence
    level: Difficulty = "junior"


class FollowUp(Part):
    """What the interviewer asks next, ``unless`` the answer has one of these in it: words begin so."""

    text: Words
    unless: tuple[Words, ...] = ()


class TalkItem(Item):
    """A question to talk about, scored by the candidate against a rubric; ``weak``, ``good`` and ``senior`` answers anchor the score."""

    kind: Literal["talk"] = "talk"
    id: Identifier
    text: Words
    rubric: Annotated[tuple[Point, ...], Field(min_length=3, max_length=8)]
    weak: Words
    good: Words
    senior: Words
    follow_ups: Annotated[tuple[FollowUp, ...], Field(min_length=1)]


class Knob(Part):
    """What a candidate can turn in the design round: one of ``values``."""

    name: Identifier
    label: Words
    values: Choices
    unit: str = ""
    start: Value

    @model_validator(mode="after")
    def _starts_at_a_value(self) -> Knob:
        if self.start not in self.values:
            raise ValueError(f"start={self.start!r} is none of the values")
        return self

    def said(self, value: Value) -> str:
        """``value`` with its unit."""
        return value if isinstance(value, str) else with_unit(value, self.unit)

    @property
    def options(self) -> tuple[Value, ...]:
        """The values; whole ones as whole numbers."""
        return tuple(int(each) if isinstance(each, float) and each.is_integer() else each for each in self.values)


class Objective(Item):
    """What a design must keep: a ``measure`` of the system at ``most`` or at ``least``: a number, or an expression over the values.

    requirement: where the candidate must have asked for it: until then, it is not shown, and counts all the same.
    """

    measure: Identifier
    label: Words
    most: float | str | None = None
    least: float | str | None = None
    unit: str = ""
    requirement: str = ""
    competence: Competence = "design"
    broken: Words

    @model_validator(mode="after")
    def _has_one_bound(self) -> Objective:
        if (self.most is None) == (self.least is None):
            raise ValueError("it needs most or least, and not both")
        return self

    def bound(self, values: Mapping[str, Value]) -> float:
        """The number that must be kept."""
        bound = self.least if self.most is None else self.most
        return calculate(str(bound), {name: each for name, each in values.items() if not isinstance(each, str)})

    def kept(self, measured: float, values: Mapping[str, Value]) -> bool:
        """Whether what was measured keeps it."""
        bound = self.bound(values)
        return measured <= bound if self.least is None else measured >= bound

    def said(self, values: Mapping[str, Value]) -> str:
        """The objective in words."""
        return f"{self.label}: {'at most' if self.least is None else 'at least'} {with_unit(self.bound(values), self.unit)}"


class Design(Part):
    """The design round: a ``system`` in ``systems.py``, its knobs, what it must keep, how many ``tries`` there are.

    model: a setting that keeps everything. why: what is said about it.
    """

    text: Words
    system: Identifier
    knobs: Annotated[tuple[Knob, ...], Field(min_length=2, max_length=6)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=2, max_length=6)]
    tries: Annotated[int, Field(ge=1, le=9)] = 4
    model: dict[Identifier, Value]
    why: Words

    @model_validator(mode="after")
    def _model_turns_every_knob(self) -> Design:
        if set(self.model) != {knob.name for knob in self.knobs}:
            raise ValueError("model must have a value for every knob, and for nothing else")
        for knob in self.knobs:
            if self.model[knob.name] not in knob.values:
                raise ValueError(f"model has {knob.name}={self.model[knob.name]!r}, which is none of the knob's values")
        return self


class Scenario(Part):
    """A mock interview: what it is about, and what happens in its rounds.

    opening: how the interviewer begins. parameters: what differs from interview to interview. figures: values that follow from them:
    an expression over them, or a ``module.function`` of them.
    """

    id: Slug
    title: Words
    opening: Words
    facts: tuple[Identifier, ...] = ()
    parameters: dict[Identifier, Range | Choices]
    figures: dict[Identifier, Words] = Field(default_factory=dict)
    requirements: Annotated[tuple[Requirement, ...], Field(min_length=4, max_length=10)]
    estimates: Annotated[tuple[NumberItem, ...], Field(min_length=2, max_length=6)]
    design: Design
    deep: Annotated[
        tuple[Annotated[NumberItem | TalkItem, Field(discriminator="kind")], ...], Field(min_length=2, max_length=6)
    ]
    wrap: TalkItem

    @model_validator(mode="after")
    def _names_are_known(self) -> Scenario:
        known = set(self.parameters) | set(self.figures)
        _show(known, opening=self.opening, **{f"requirement {each.id}": each.answer for each in self.requirements})
        for estimate in self.estimates:
            self._check_number(estimate, known)
        knobs = {knob.name for knob in self.design.knobs}
        _show(known, design=self.design.text)
        known |= knobs | {each.measure for each in self.design.objectives}
        for item in (*self.deep, self.wrap):
            if isinstance(item, NumberItem):
                self._check_number(item, known)
            else:
                _show(known, **{item.id: item.text}, **{f"{item.id}, follow-up": each.text for each in item.follow_ups})
        ids = {each.id for each in self.requirements}
        for objective in self.design.objectives:
            if objective.requirement and objective.requirement not in ids:
                raise ValueError(f"objective {objective.measure}: there is no requirement {objective.requirement!r}")
        named = [each.id for each in (*self.requirements, *self.numbers, *self.talks)]
        if twice := sorted({id for id in named if named.count(id) > 1}):
            raise ValueError(f"the id {twice[0]!r} is used twice")
        return self

    def _check_number(self, item: NumberItem, known: set[str]) -> None:
        _show(known, **{item.id: item.text})
        _show(known | {"answer"}, **{f"{item.id}, after": item.after})
        if strange := set(item.needs) - {each.id for each in self.requirements}:
            raise ValueError(f"{item.id} needs {sorted(strange)[0]!r}, which is no requirement")
        known.add(item.id)

    @property
    def numbers(self) -> tuple[NumberItem, ...]:
        """All numbers, in the order in which they are asked."""
        return (*self.estimates, *(each for each in self.deep if isinstance(each, NumberItem)))

    @property
    def talks(self) -> tuple[TalkItem, ...]:
        """All questions to talk about."""
        return (*(each for each in self.deep if isinstance(each, TalkItem)), self.wrap)

    def values(self, numbers: Numbers) -> dict[str, Value]:
        """The values of one interview: its parameters, and the figures that follow."""
        values = {name: pick(numbers, name, choices) for name, choices in self.parameters.items()}
        for name, figure in self.figures.items():
            values[name] = work_out(figure, values)
        return values


def work_out(figure: str, values: Mapping[str, Value]) -> float:
    """An expression over ``values``, or a function in ``drill/answers`` that takes what it needs of them by name."""
    if FUNCTION.fullmatch(figure):
        function = banks.function(figure)
        return float(function(**{name: values[name] for name in inspect.signature(function).parameters}))
    return calculate(figure, {name: each for name, each in values.items() if not isinstance(each, str)})


def _show(known: set[str], **texts: str) -> None:
    for where, text in texts.items():
        if strange := placeholders(text) - known:
            raise ValueError(f"{where} shows {{{sorted(strange)[0]}}}, which is not known by then")


class Scenarios(dict[str, Scenario]):
    """Scenarios by id, and the ``problems`` of those that could not be read."""

    def __init__(self, scenarios: Mapping[str, Scenario], problems: Iterable[Problem] = ()) -> None:
        super().__init__(scenarios)
        self.problems = tuple(problems)


@cache
def load() -> Scenarios:
    """The course's own scenarios."""
    return read(sorted(FOLDER.glob("*.toml")))


def read(files: Iterable[Path]) -> Scenarios:
    """The scenarios in ``files``, each named as its file. What is broken becomes a ``Problem``; the rest stays usable."""
    scenarios: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            scenarios[file.stem] = Scenario.model_validate({**tomllib.loads(text), "id": file.stem})
        except tomllib.TOMLDecodeError as problem:
            found = re.search(r"line (\d+)", str(problem))
            problems.append(Problem(file.name, int(found[1]) if found else 1, "", f"not valid TOML: {problem}"))
        except ValidationError as problem:
            problems += [
                Problem(file.name, _line(text, error["loc"]), "", banks.rule(error, "a scenario")) for error in problem.errors()
            ]
        except (OSError, UnicodeDecodeError) as problem:
            problems.append(Problem(file.name, 1, "", f"it cannot be read as UTF-8 text ({problem})"))
    return Scenarios(scenarios, problems)


def _line(text: str, where: tuple[int | str, ...]) -> int:
    """The line of the table that ``where`` leads to: ``("design", "knobs", 1, "start")`` is in the second ``[[design.knobs]]``."""
    table, line = "", 1
    for step, number in zip(where, (*where[1:], None)):
        if not isinstance(step, str):
            continue
        table = f"{table}.{step}" if table else step
        heads = [each.start() for each in re.finditer(rf"^\[+{re.escape(table)}\]+[ \t]*$", text, re.MULTILINE)]
        place = number if isinstance(number, int) else 0
        if place < len(heads):
            line = text.count("\n", 0, heads[place]) + 1
    return line


def check(scenario: Scenario, bank: Bank, lessons: Path) -> list[str]:
    """For authors: what a scenario names and there is not: facts, places, cards, functions, values, systems. Sentences."""
    return [f"{scenario.id}: {sentence}" for sentence in _missing(scenario, bank, places.headings(lessons))]


def _missing(scenario: Scenario, bank: Bank, headings: Mapping[str, places.Heading]) -> Iterator[str]:
    from lambdacourse.drill.interview.systems import SYSTEMS
    from lambdacourse.facts import all_facts

    facts = {fact.name for fact in all_facts()}
    yield from (f"facts.toml has no fact {name!r}" for name in scenario.facts if name not in facts)
    for item in (*scenario.requirements, *scenario.numbers, *scenario.talks, *scenario.design.objectives):
        name = item.measure if isinstance(item, Objective) else item.id
        if item.place not in headings:
            yield f"{name}: there is no heading {item.place}"
        yield from (f"{name}: the bank has no question {card!r}" for card in item.cards if card not in bank.questions)
    known = set(scenario.parameters)
    for figure in scenario.figures:
        yield from _unknown(figure, scenario.figures[figure], known)
        known.add(figure)
    knobs = {knob.name for knob in scenario.design.knobs}
    for number in scenario.numbers:
        if number not in scenario.estimates:
            known |= knobs | {each.measure for each in scenario.design.objectives}
        yield from _unknown(number.id, number.answer, known)
        known.add(number.id)
    if scenario.design.system not in SYSTEMS:
        yield f"there is no system {scenario.design.system!r}; there are: {', '.join(SYSTEMS)}"
        return
    wanted = inspect.signature(SYSTEMS[scenario.design.system]).parameters.values()
    turned = {each.name for each in wanted if each.kind is each.KEYWORD_ONLY}
    if turned != knobs:
        yield f"the system {scenario.design.system} has the knobs {', '.join(sorted(turned))}, not {', '.join(sorted(knobs))}"
    given = set(scenario.parameters) | set(scenario.figures)
    yield from (
        f"the system {scenario.design.system} needs {each.name!r}, which is no value of the scenario"
        for each in wanted
        if each.kind is not each.KEYWORD_ONLY and each.name not in given
    )


def _unknown(name: str, figure: str, known: set[str]) -> Iterator[str]:
    """What an expression or a function of ``known`` names asks for and is not there."""
    if not FUNCTION.fullmatch(figure):
        try:
            calculate(figure, dict.fromkeys(known, 1.0))
        except Unclear as problem:
            yield f"{name}: {problem}"
        return
    try:
        parameters = inspect.signature(banks.function(figure)).parameters
    except (ImportError, AttributeError):
        yield f"{name}: there is no function {figure} in drill/answers"
        return
    yield from (f"{name}: {figure} needs {each!r}, which is not known by then" for each in parameters if each not in known)
