"""A question put to a learner: their own numbers in it, its options shuffled; and what their answer is worth."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lambdacourse.drill.bank import function
from lambdacourse.drill.questions import (
    FUNCTION,
    ChoiceQuestion,
    Misconception,
    NumberQuestion,
    OpenQuestion,
    OrderQuestion,
    Question,
    Range,
    TrialQuestion,
)
from lambdacourse.learner import Learner, Numbers
from lambdacourse.quantities import Unclear, calculate, name_slip, read_number

PASSED = 0.6
"""The share of a question from which it counts as answered."""


@dataclass(frozen=True)
class Mark:
    """What an answer is worth: ``share`` of it (0 to 1), and why, in words."""

    share: float
    says: str

    @property
    def passed(self) -> bool:
        return self.share >= PASSED


@dataclass(frozen=True)
class Asked:
    """A question as one learner gets it, the ``turn``-th time: the next time the numbers are others."""

    question: Question
    numbers: Numbers

    @cached_property
    def values(self) -> dict[str, float | str]:
        """The value of each parameter."""
        if not isinstance(self.question, NumberQuestion):
            return {}
        return {name: pick(self.numbers, name, choices) for name, choices in self.question.parameters.items()}

    @property
    def text(self) -> str:
        """The question in words, with its values."""
        return fill(self.question.text, self.values) if isinstance(self.question, NumberQuestion) else self.question.text

    @cached_property
    def options(self) -> tuple[str, ...]:
        """What there is to choose from or to put in order, as it is shown: numbered from 1."""
        match self.question:
            case ChoiceQuestion():
                return tuple(option.says for option in self._shuffled(self.question.options))
            case OrderQuestion():
                return self._shuffled(self.question.steps)
            case TrialQuestion():
                return ("true", "stale", "false")
        return ()

    @cached_property
    def answer(self) -> float:
        """The answer to a question for a number."""
        assert isinstance(self.question, NumberQuestion)
        return float(function(self.question.answer)(**self.values))

    @property
    def solution(self) -> str:
        """The right answer, in words."""
        match self.question:
            case NumberQuestion(unit=unit):
                return with_unit(self.answer, unit)
            case ChoiceQuestion(options=options):
                return next(option.says for option in options if option.right)
            case TrialQuestion(verdict=verdict):
                return verdict
            case OrderQuestion(steps=steps):
                return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
            case OpenQuestion(model=model):
                return model
        raise TypeError(f"there is no kind of question {type(self.question).__name__}")

    @property
    def after(self) -> str:
        """What is said when the answer is known."""
        if isinstance(self.question, NumberQuestion):
            return fill(self.question.after, {**self.values, "answer": self.answer})
        return self.question.after

    def understand(self, typed: str) -> Any:
        """What ``typed`` means as an answer. Raises ``Unclear``, with a question to the learner, when it means nothing plain."""
        match self.question:
            case NumberQuestion(unit=unit):
                return read_number(typed, unit)
            case ChoiceQuestion() | TrialQuestion():
                return _one_of(typed, self.options)
            case OrderQuestion():
                return _order(typed, len(self.options))
        return typed.strip()

    def mark(self, understood: Any) -> Mark:
        """What an answer is worth: a number, the option's place, the places in order, or the points of the rubric (0 or 1 each)."""
        match self.question:
            case NumberQuestion(tolerance=tolerance, misconceptions=misconceptions):
                return mark_number(understood, self.answer, tolerance, misconceptions, self.values)
            case ChoiceQuestion(options=options):
                chosen = self._shuffled(options)[understood - 1]
                return Mark(float(chosen.right), "Right." if chosen.right else f"No. {chosen.why}")
            case TrialQuestion(verdict=verdict):
                right = self.options[understood - 1] == verdict
                return Mark(float(right), f"{'Right' if right else 'No'}: it is {verdict}.")
            case OrderQuestion(steps=steps):
                share = in_order([steps.index(self.options[place - 1]) for place in understood])
                return Mark(share, "Right." if share == 1 else f"{share:.0%} of the pairs are in the right order.")
            case OpenQuestion(rubric=rubric):
                made = sum(bool(point) for point in understood)
                return Mark(made / len(rubric), f"{made} of {len(rubric)} points.")
        raise TypeError(f"there is no kind of question {type(self.question).__name__}")

    def _shuffled(self, items: Sequence) -> tuple:
        return tuple(items[place] for place in shuffle(self.numbers, len(items)))


def ask(question: Question, learner: Learner, turn: int = 0) -> Asked:
    """``question`` for ``learner``, the ``turn``-th time."""
    return Asked(question, learner.numbers("drill", question.id, str(turn)))


def mark_number(
    number: float,
    answer: float,
    tolerance: float,
    misconceptions: Sequence[Misconception] = (),
    values: Mapping[str, Any] | None = None,
) -> Mark:
    """What ``number`` is worth where ``answer`` is right; a wrong one is named as the misconception that gives it, where one does."""
    if close(number, answer, tolerance):
        return Mark(1.0, "Right.")
    for each in misconceptions:
        try:
            wrong = gives(each, values or {})
        except (Unclear, ArithmeticError):
            continue
        if close(number, wrong, tolerance) and not close(wrong, answer, tolerance):
            return Mark(0.0, f"No. {each.says}")
    too = f"It is too {'large' if number > answer else 'small'}."
    return Mark(0.0, f"No. {name_slip(number, answer, tolerance=0.01) or too}")


def gives(misconception: Misconception, values: Mapping[str, Any]) -> float:
    """What a misconception answers for the parameters' ``values``."""
    compute: Callable[..., float] | None = function(misconception.gives) if FUNCTION.fullmatch(misconception.gives) else None
    return float(compute(**values)) if compute else calculate(misconception.gives, values)


def close(number: float, expected: float, tolerance: float) -> bool:
    """Whether ``number`` is ``expected`` within a share of it."""
    return math.isclose(number, expected, rel_tol=tolerance, abs_tol=1e-12)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """``text`` with its ``{names}`` replaced by their values, as people write them."""
    return text.format_map({name: value if isinstance(value, str) else written(value) for name, value in values.items()})


def written(number: float) -> str:
    """A number as one reads it: whole where it is whole, otherwise with four digits."""
    if abs(number - round(number)) < 1e-9 or abs(number) >= 10_000:
        return f"{number:,.0f}"
    return f"{number:,.4g}"


def with_unit(number: float, unit: str) -> str:
    """A number and its unit; dollars first."""
    if unit == "USD":
        return f"${number:,.2f}" if abs(number) >= 0.1 else f"${number:.3g}"
    return f"{written(number)} {unit}".strip()


def shuffle(numbers: Numbers, count: int) -> list[int]:
    """The places from 0 to ``count`` - 1 in an order of the learner's own."""
    left = list(range(count))
    return [left.pop(numbers.whole(f"place {len(left)}", 0, len(left) - 1)) for _ in range(count)]


def in_order(places: Sequence[int]) -> float:
    """The share of pairs that stand in the right order: 1 when all do, 0 when it is the wrong way round."""
    pairs = [a < b for index, a in enumerate(places) for b in places[index + 1 :]]
    return sum(pairs) / len(pairs)


def pick(numbers: Numbers, name: str, choices: Range | Sequence) -> Any:
    """The value of a parameter."""
    if isinstance(choices, Range):
        return numbers.whole(name, choices.least, choices.most, choices.step)
    picked = numbers.pick(name, choices)
    return int(picked) if isinstance(picked, float) and picked.is_integer() else picked


def _one_of(typed: str, options: Sequence[str]) -> int:
    """The place of the option that ``typed`` is: its number, its letter, or the beginning of its words."""
    text = typed.strip().rstrip(".)").casefold()
    if text.isdecimal() and 1 <= int(text) <= len(options):
        return int(text)
    starts = [place for place, option in enumerate(options, 1) if text and option.casefold().startswith(text)]
    if len(starts) == 1:
        return starts[0]
    raise Unclear(f"Type a number from 1 to {len(options)}, or how the option begins.")


def _order(typed: str, count: int) -> tuple[int, ...]:
    places = [int(found) for found in re.findall(r"\d+", typed)]
    if len(places) == 1 and len(str(places[0])) == count:  # 3124 for 3 1 2 4
        places = [int(digit) for digit in str(places[0])]
    if sorted(places) != list(range(1, count + 1)):
        raise Unclear(f"Type each number from 1 to {count} once, in the right order, with blanks between.")
    return tuple(places)
