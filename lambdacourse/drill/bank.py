"""The question bank: ``bank/*.toml``, read, checked, and told about in sentences where something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lambdacourse import places
from lambdacourse.drill.questions import FUNCTION, KINDS, NumberQuestion, Question

FOLDER = Path(__file__).with_name("bank")
_HEAD = re.compile(r"^\[([A-Za-z0-9_-]+)\][ \t]*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file of the bank, where, and by which rule."""

    file: str
    line: int
    question: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}{f', {self.question}' if self.question else ''}: {self.rule}"


@dataclass(frozen=True)
class Bank:
    """The questions by id, in the order of the lessons, and what could not be read."""

    questions: dict[str, Question]
    problems: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions.values())

    def __len__(self) -> int:
        return len(self.questions)

    def about(self, topic: str) -> Bank:
        """The questions of one ``topic``, or of one lesson (``01``, ``01-concurrency`` or ``concurrency``)."""
        topic = topic.lower()
        return Bank({each.id: each for each in self if not topic or topic == each.topic or topic in lesson_names(each)})

    def resting_on(self, *facts: str) -> list[Question]:
        """The questions to look at again when ``facts`` change."""
        return [question for question in self if set(facts) & set(question.facts)]


def lesson(question: Question) -> str:
    """The lesson of a question, such as ``01-concurrency``."""
    return question.place.partition("#")[0].removeprefix("lessons/").removesuffix(".ipynb")


def lesson_names(question: Question) -> tuple[str, str, str]:
    """What a lesson may be called: whole, by its number, by its name."""
    whole = lesson(question)
    number, _, name = whole.partition("-")
    return whole, number, name


@cache
def load() -> Bank:
    """The course's own bank."""
    return read(sorted(FOLDER.glob("*.toml")))


def read(files: Iterable[Path]) -> Bank:
    """The questions in ``files``. What is broken becomes a ``Problem``; the rest stays usable."""
    questions: dict[str, Question] = {}
    problems: list[Problem] = []
    for file in files:
        for id, line, entry in _entries(file, problems):
            if id in questions:
                problems.append(
                    Problem(file.name, line, id, "another question has this id already; an id is used once in the bank")
                )
                continue
            try:
                questions[id] = _question(id, entry)
            except ValidationError as problem:
                problems += [Problem(file.name, line, id, rule(error)) for error in problem.errors()]
            except ValueError as problem:
                problems.append(Problem(file.name, line, id, str(problem)))
    return Bank(questions, tuple(problems))


def _entries(file: Path, problems: list[Problem]) -> Iterator[tuple[str, int, Any]]:
    """Each question's id, line and table. A file that is no TOML is read question by question."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        problems.append(Problem(file.name, 1, "", f"it cannot be read as UTF-8 text ({problem})"))
        return
    heads = list(_HEAD.finditer(text))
    lines = {head[1]: text.count("\n", 0, head.start()) + 1 for head in reversed(heads)}
    try:
        for id, entry in tomllib.loads(text).items():
            yield id, lines.get(id, 1), entry
        return
    except tomllib.TOMLDecodeError as problem:
        whole = str(problem)
    broken = len(problems)
    for head, end in zip(heads, [*(head.start() for head in heads[1:]), len(text)]):
        first = text.count("\n", 0, head.start()) + 1
        try:
            tables = tomllib.loads(text[head.start() : end])
        except tomllib.TOMLDecodeError as problem:
            found = re.search(r"line (\d+)", str(problem))
            line = first + int(found[1]) - 1 if found else first
            rule = re.sub(r" \(at .*\)$", "", str(problem))
            problems.append(Problem(file.name, line, head[1], f"not valid TOML: {rule[0].lower()}{rule[1:]}"))
            continue
        yield head[1], first, tables[head[1]]
    if len(problems) == broken:
        problems.append(Problem(file.name, 1, "", f"not valid TOML: {whole}"))


def _question(id: str, entry: Any) -> Question:
    if not isinstance(entry, dict):
        raise ValueError("it stands outside of any question; a question begins with its id in brackets, [needed-concurrency]")
    kind = entry.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} must be one of {', '.join(KINDS)}")
    return KINDS[kind].model_validate({**entry, "id": id})


def rule(error: dict[str, Any], of: str = "this kind of question") -> str:
    """What pydantic found, as a sentence that names the field and the value. ``of``: what has no such field."""
    where = ".".join(str(step) for step in error["loc"] if not str(step).startswith(("function-after", "tuple[")))
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"] == "extra_forbidden":
        return f"{where} is no field of {of}"
    value = error["input"]
    shown = f"={value!r}" if isinstance(value, str | int | float) and len(str(value)) < 80 else ""
    return f"{where}{shown}: {message[0].lower()}{message[1:]}" if where else message


def check(bank: Bank, lessons: Path) -> list[str]:
    """For authors: what is wrong with ``bank`` beside its schema: facts, places, functions, prerequisites. Sentences."""
    from lambdacourse.facts import all_facts

    facts, headings = {fact.name for fact in all_facts()}, places.headings(lessons)
    wrong = [str(problem) for problem in bank.problems]
    for question in bank:
        wrong += [f"{question.id}: facts.toml has no fact {name!r}" for name in question.facts if name not in facts]
        wrong += [
            f"{question.id}: the prerequisite {id!r} is no question"
            for id in question.prerequisites
            if id not in bank.questions
        ]
        if question.place not in headings:
            wrong.append(f"{question.id}: there is no heading {question.place}")
        if isinstance(question, NumberQuestion):
            named = [question.answer, *(each.gives for each in question.misconceptions if FUNCTION.fullmatch(each.gives))]
            wrong += [f"{question.id}: there is no function {name} in drill/answers" for name in named if not _is_there(name)]
    return wrong + [f"{id}: it is its own prerequisite" for id in _circles(bank)]


def function(name: str) -> Any:
    """The function called ``module.function`` in ``drill/answers``."""
    module, _, attribute = name.partition(".")
    return getattr(import_module(f"lambdacourse.drill.answers.{module}"), attribute)


def _is_there(name: str) -> bool:
    try:
        return callable(function(name))
    except (ImportError, AttributeError):
        return False


def _circles(bank: Bank) -> list[str]:
    def reaches(id: str, target: str, seen: set[str]) -> bool:
        for each in bank.questions[id].prerequisites if id in bank.questions else ():
            if each == target or (each not in seen and reaches(each, target, seen | {each})):
                return True
        return False

    return [id for id in bank.questions if reaches(id, id, {id})]
