"""The drill at a terminal: keyboard only. Ctrl-C ends it at any moment, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from lambdacourse import places
from lambdacourse.drill.asking import Asked, Mark
from lambdacourse.drill.history import CONFIDENCE
from lambdacourse.drill.questions import FaultQuestion, OpenQuestion
from lambdacourse.drill.session import Session
from lambdacourse.quantities import Unclear


def drill(session: Session, console: Console | None = None, read: Callable[[str], str] = input) -> None:
    """Ask until the time is over, nothing is left, or the learner stops."""
    console = console or Console(highlight=False)
    for sentence in session.complaints:
        console.print(Text(sentence, "yellow"))
    face = _Face(session, console, read)
    try:
        while asked := session.next():
            face.show(asked)
            face.mark(asked)
    except (KeyboardInterrupt, EOFError):
        console.print()
    console.print(Text(f"\n{session.summary()} All answers are kept; go on with: {session.go_on}", "bold"))


class _Face:
    def __init__(self, session: Session, console: Console, read: Callable[[str], str]) -> None:
        self.session, self.console, self.read = session, console, read

    def show(self, asked: Asked) -> None:
        """The question, with its options or its snippet."""
        question = asked.question
        kind = "new" if self.session.is_new else "again"
        self.console.rule(Text(f"{question.topic} · {question.difficulty} · {kind}", "cyan"), align="left", style="cyan")
        self.say(asked.text, "bold")
        if isinstance(question, FaultQuestion):
            for number, line in enumerate(question.snippet.strip("\n").splitlines(), 1):
                self.console.print(Text.assemble((f"{number:>4}  ", "dim"), line), soft_wrap=True)
        for number, option in enumerate(asked.options, 1):
            self.console.print(Padding(Text.assemble((f"{number}  ", "cyan"), option), (0, 0, 0, 2)))

    def mark(self, asked: Asked) -> None:
        """Take the answer and how sure the learner is, then show what is right."""
        if isinstance(asked.question, OpenQuestion):
            typed = self._paragraph()
            sure = self._sure() if typed else None
            self.say("A good answer", "cyan", above=1)
            self.say(asked.solution)
            points = [self._yes(point.point) for point in asked.question.rubric] if typed else None
        else:
            points = self._understood(asked)
            sure = self._sure() if points is not None else None
        mark = self.session.give_up() if points is None else self.session.answer(points, sure)
        self._verdict(asked, mark)

    def say(self, words: str, style: str = "", above: int = 0) -> None:
        """A paragraph, wrapped at the window or at 88 columns."""
        self.console.print(Padding(Text(words, style), (above, 0, 0, 0)), width=min(self.console.width, 88))

    def _understood(self, asked: Asked) -> Any:
        while True:
            typed = self.read(f"{asked.question.asks} (Enter: I do not know) > ").strip()
            if not typed:
                return None
            try:
                return asked.understand(typed)
            except Unclear as question:
                self.say(str(question), "yellow")

    def _sure(self) -> float:
        levels = "  ".join(f"{number} {words}" for number, (_, words) in enumerate(CONFIDENCE, 1))
        while True:
            typed = self.read(f"How sure are you?  {levels} > ").strip()
            if typed.isdecimal() and 1 <= int(typed) <= len(CONFIDENCE):
                return CONFIDENCE[int(typed) - 1][0]
            self.say(f"Type a number from 1 to {len(CONFIDENCE)}.", "yellow")

    def _paragraph(self) -> str:
        """Lines until an empty one. What was typed before an interruption is kept, and shown the next time."""
        lines = self.session.draft.splitlines()
        for line in lines:
            self.say(line)
        self.say("Answer as you would say it; an empty line ends it, an empty answer means that you do not know.", "dim")
        try:
            while line := self.read("> ").strip():
                lines.append(line)
        except (KeyboardInterrupt, EOFError):
            self.session.keep_draft("\n".join(lines))
            raise
        return "\n".join(lines)

    def _yes(self, point: str) -> bool:
        while True:
            typed = self.read(f"Did you say it? {point} (y/n) > ").strip().lower()
            if typed in ("y", "yes", "n", "no"):
                return typed[0] == "y"
            self.say("Type y or n.", "yellow")

    def _verdict(self, asked: Asked, mark: Mark) -> None:
        question = asked.question
        self.say(mark.says, "bold green" if mark.passed else "bold red")
        if isinstance(question, OpenQuestion):
            self.say(f"A senior adds: {question.senior}")
            self.say("They may ask next: " + " ".join(question.follow_ups))
        elif mark.share < 1:
            self.say(f"Answer: {asked.solution}")
        self.say(asked.after)
        self.say(f"Read on: {places.words(question.place)}", "dim")
