"""The bank as flashcards for other programs: Anki's text import, and CSV."""

from __future__ import annotations

import csv
import io
from html import escape
from pathlib import Path

from lambdacourse.drill.asking import Asked, ask
from lambdacourse.drill.bank import Bank, lesson
from lambdacourse.drill.questions import FaultQuestion, OpenQuestion
from lambdacourse.errors import CourseError
from lambdacourse.learner import Learner


def export(bank: Bank, learner: Learner, file: Path) -> int:
    """Write the questions, with the learner's own numbers, to ``file``: CSV when its name ends so, else text for Anki.

    Gives their count. Raises ``CourseError`` when the file is there already, or cannot be written.
    """
    asked = [ask(question, learner) for question in bank]
    text = as_csv(asked) if file.suffix.lower() == ".csv" else as_anki(asked)
    try:
        with file.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
    except FileExistsError:
        raise CourseError(f"{file} is there already and stays as it is. Name another file.") from None
    except OSError as problem:
        raise CourseError(f"{file} cannot be written ({problem.strerror}).") from None
    return len(asked)


def as_anki(asked: list[Asked]) -> str:
    """Text that Anki imports as it is: a card a line, its front, its back and its tags between tabs; importing again updates."""
    head = "#separator:Tab\n#html:true\n#guid column:1\n#tags column:4\n"
    return head + "".join(
        "\t".join((f"lambdacourse-{each.question.id}", _html(_front(each)), _html(_back(each)), " ".join(_tags(each)))) + "\n"
        for each in asked
    )


def as_csv(asked: list[Asked]) -> str:
    """A table: id, kind, topic, difficulty, lesson, front, back."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\r\n")
    table.writerow(("id", "kind", "topic", "difficulty", "lesson", "front", "back"))
    for each in asked:
        question = each.question
        table.writerow(
            (question.id, question.kind, question.topic, question.difficulty, lesson(question), _front(each), _back(each))
        )
    return stream.getvalue()


def _front(asked: Asked) -> str:
    snippet = [asked.question.snippet.strip("\n")] if isinstance(asked.question, FaultQuestion) else []
    return "\n".join([asked.text, *snippet, *(f"{number}. {option}" for number, option in enumerate(asked.options, 1))])


def _back(asked: Asked) -> str:
    rubric = [f"- {point.point}" for point in asked.question.rubric] if isinstance(asked.question, OpenQuestion) else []
    return "\n".join([asked.solution, *rubric, asked.after])


def _tags(asked: Asked) -> list[str]:
    question = asked.question
    return ["lambdacourse", lesson(question), question.topic, question.difficulty, question.kind]


def _html(text: str) -> str:
    return escape(text, quote=False).replace("  ", "&nbsp; ").replace("\t", "&nbsp; ").replace("\n", "<br>")
