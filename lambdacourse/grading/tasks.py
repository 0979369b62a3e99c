"""What a task is, and the checker that most tasks share: a function that computes a number.

A checker is a pure function of an ``Answer`` (a handle on the learner's function), the learner's own numbers and, for grading,
numbers held back. It gives the parts of a verdict. It runs the same in the learner's kernel and in a grader's process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lambdacourse.grading.answers import Answer, as_number
from lambdacourse.grading.compare import Misconception, close, name_misconception
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.quantities import name_slip


def written(number: float) -> str:
    """A number as one reads it: whole where it is whole, otherwise with six digits."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.6g}"


def written_call(name: str, case: dict) -> str:
    """A call as one would write it; of a long argument, such as a whole log, the beginning."""
    arguments = ((key, repr(value)) for key, value in case.items())
    return f"{name}({', '.join(f'{key}={text}' if len(text) <= 400 else f'{key}={text[:400]}…' for key, text in arguments)})"


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


Cases = Callable[[Numbers, int], dict]
"""Makes the ``n``-th case of a task from a learner's numbers: the arguments of the function, by name."""


class Checker(Protocol):
    def __call__(self, answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]: ...


@dataclass(frozen=True)
class Task:
    """One task of an exercise.

    name, parameters: the function that the learner writes. statement: what is asked, given the learner's numbers (HTML).
    hints: from a nudge to nearly the answer. after: said after success. lesson: where to read on.
    """

    name: str
    parameters: tuple[str, ...]
    title: str
    points: float
    checker: Checker
    hints: tuple[str, ...]
    after: str
    lesson: str
    statement: Callable[[Numbers], str] | None = None


@dataclass(frozen=True)
class Exercise:
    """An assignment: its name, its title, its tasks in order."""

    name: str
    title: str
    tasks: tuple[Task, ...]

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks)


@dataclass(frozen=True)
class Computes:
    """The checker of a function that computes a number: right in all cases, those of each group apart.

    ``groups`` maps what a group of cases is about to (its points, its cases); ``expected`` computes the truth. The visible
    check tries ``visible`` cases of a group with the learner's own numbers, grading ``hidden`` more.
    """

    name: str
    expected: Callable[..., float]
    groups: dict[str, tuple[float, Cases]]
    misconceptions: tuple[Misconception, ...] = ()
    tolerance: float = 1e-6
    visible: int = 3
    hidden: int = 12
    units: str = ""
    show: Callable[[float], str] = written

    def __call__(self, answer: Answer, own: Numbers, held_back: Numbers | None) -> list[Part]:
        return [self._group(answer, own, held_back, words, *group) for words, group in self.groups.items()]

    def _group(self, answer: Answer, own: Numbers, held_back: Numbers | None, words: str, points: float, make: Cases) -> Part:
        cases = [make(own, number) for number in range(self.visible)]
        if held_back is not None:
            cases += [make(held_back, number) for number in range(self.hidden)]
        values: list[float] = []
        for case in cases:
            value, problem = as_number(answer(*case.values()))
            if value is None:
                return Part(0.0, points, f"{_first_upper(words)}: {self._call(case)}. {problem}")
            values.append(value)
        right = [close(value, self.expected(**case), self.tolerance) for case, value in zip(cases, values, strict=True)]
        if all(right):
            return Part(points, points, f"{_first_upper(words)}: right.")
        return Part(self._partial(points, right), points, f"{_first_upper(words)}: {self._wrong(cases, values, right)}")

    def _partial(self, points: float, right: list[bool]) -> float:
        # Half the cases or fewer earn nothing: a constant or a lucky branch is not half an answer.
        return share(points / 2, sum(right), len(right)) if sum(right) > len(right) / 2 else 0.0

    def _wrong(self, cases: list[dict], values: list[float], right: list[bool]) -> str:
        first = right.index(False)
        case, value, expected = cases[first], values[first], self.expected(**cases[first])
        said = f"{self._call(case)} returned {self.show(value)}, where {self.show(expected)}{self.units} is right."
        named = name_misconception(cases, values, self.misconceptions, self.tolerance)
        wrong_only = [(c, v) for c, v, ok in zip(cases, values, right, strict=True) if not ok]
        named = named or name_misconception(*map(list, zip(*wrong_only)), self.misconceptions, self.tolerance)
        return f"{said} {named or name_slip(value, expected)}".strip()

    def _call(self, case: dict) -> str:
        return written_call(self.name, case)


@dataclass(frozen=True)
class Chooses:
    """The checker of a function that answers with one of a few words: all cases right, or partial points above a half."""

    name: str
    expected: Callable[..., str]
    options: tuple[str, ...]
    points: float
    about: str
    cases: Cases
    misconceptions: tuple[Misconception, ...] = ()
    visible: int = 6
    hidden: int = 12

    def __call__(self, answer: Answer, own: Numbers, held_back: Numbers | None) -> list[Part]:
        cases = [self.cases(own, number) for number in range(self.visible)]
        if held_back is not None:
            cases += [self.cases(held_back, number) for number in range(self.hidden)]
        values = []
        for case in cases:
            value = answer(*case.values())
            if type(value) is not str or value not in self.options:
                shown = repr(value) if type(value) is str else str(value)
                problem = f"{self._call(case)} returned {shown}; one of {', '.join(map(repr, self.options))} was expected."
                return [Part(0.0, self.points, f"{_first_upper(self.about)}: {problem}")]
            values.append(value)
        right = [value == self.expected(**case) for case, value in zip(cases, values, strict=True)]
        if all(right):
            return [Part(self.points, self.points, f"{_first_upper(self.about)}: right.")]
        points = share(self.points / 2, sum(right), len(right)) if sum(right) > len(right) / 2 else 0.0
        return [Part(points, self.points, f"{_first_upper(self.about)}: {self._wrong(cases, values, right)}")]

    def _wrong(self, cases: list[dict], values: list[str], right: list[bool]) -> str:
        case, value = cases[right.index(False)], values[right.index(False)]
        said = f"{self._call(case)} returned {value!r}, where {self.expected(**case)!r} is right."
        for misconception in self.misconceptions:
            if all(misconception.gives(**case) == value for case, value in zip(cases, values, strict=True)):
                return f"{said} {misconception}"
        return said

    def _call(self, case: dict) -> str:
        return written_call(self.name, case)
