"""The mock interview at a terminal: keyboard only. Ctrl-C stops it and its clock at any moment; the same command goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lambdacourse import places
from lambdacourse.drill.asking import with_unit
from lambdacourse.drill.interview.interview import OUT_OF_TIME, Attempt, Interview, Step, begin, unfinished
from lambdacourse.drill.interview.record import kept
from lambdacourse.drill.interview.scenario import Design, NumberItem, TalkItem, Value
from lambdacourse.drill.interview.scorecard import Scorecard, finish
from lambdacourse.quantities import Unclear, read_number

PASS = "pass"


def run(
    level: str = "senior",
    minutes: float = 45,
    seed: int | None = None,
    scenario: str = "",
    console: Console | None = None,
    read: Callable[[str], str] = input,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """An interview from its first question to its scorecard; one that was interrupted is offered first."""
    console = console or Console(highlight=False)
    for sentence in kept()[1]:
        console.print(Text(sentence, "yellow"))
    face = None
    try:
        earlier = unfinished(now)
        if earlier is not None:
            face = _Face(earlier, console, read)
            if not face.goes_on():
                earlier.leave()
                face = None
        face = face or _Face(begin(level, minutes, seed, scenario, now), console, read)
        face.interview.go_on()
        face.interview_candidate()
        face.score()
    except (KeyboardInterrupt, EOFError):
        console.print()
        if face is not None:
            face.interview.pause(face.draft)
            console.print(Text("Stopped, and so has the clock. All of it is kept; go on with: lambdacourse interview", "bold"))
        return
    face.result(*finish(face.interview))


class _Face:
    def __init__(self, interview: Interview, console: Console, read: Callable[[str], str]) -> None:
        self.interview, self.console, self.read, self.draft = interview, console, read, ""
        self.typed = interview.record.draft

    def goes_on(self) -> bool:
        """Whether the candidate goes on with the interview that was interrupted."""
        record = self.interview.record
        self.say(
            f"You stopped an interview, “{self.interview.scenario.title}”, for {record.level}, "
            f"after {record.elapsed / 60:.0f} of {record.minutes:g} minutes."
        )
        return self.yes("Go on with it?")

    def interview_candidate(self) -> None:
        """All rounds, while there is time."""
        shown = ""
        while step := self.interview.step():
            if step.round != shown:
                self.head(step)
                shown = step.round
            match step.item:
                case None:
                    self.clarify(step)
                case NumberItem() as item:
                    self.number(step, item)
                case Design() as design:
                    self.design(step, design)
                case TalkItem():
                    self.talk(step)
        if any(each.says == OUT_OF_TIME for each in self.interview.record.of("closed")):
            self.say(
                "The time of a round was over before its questions were: those are on the scorecard as not reached.", "yellow"
            )

    def head(self, step: Step) -> None:
        """The beginning of a round."""
        self.console.print()
        self.console.rule(Text(step.round, "cyan"), align="left", style="cyan")

    def clock(self, step: Step) -> None:
        """The time that is left."""
        self.say(self.interview.left(step.round), "dim", above=1)

    def say(self, words: str, style: str = "", above: int = 0) -> None:
        """A paragraph, wrapped at the window or at 88 columns."""
        self.console.print(Padding(Text(words, style), (above, 0, 0, 0)), width=min(self.console.width, 88))

    def yes(self, question: str) -> bool:
        """Ask for y or n until it is one."""
        while True:
            typed = self.read(f"{question} (y/n) > ").strip().lower()
            if typed in ("y", "yes", "n", "no"):
                return typed[0] == "y"
            self.say("Type y or n.", "yellow")

    def clarify(self, step: Step) -> None:
        """Questions of the candidate, until they have enough or the time is over."""
        self.clock(step)
        self.say(self.interview.opening, "bold")
        self.say("Ask, one question a line; some words are enough. An empty line: you know enough.", "dim")
        while self.interview.step() == step:
            question = self.read("you ask > ").strip()
            if not question:
                self.interview.end(step)
                return
            self.say(self.interview.ask(question))

    def number(self, step: Step, item: NumberItem) -> None:
        """A number, and at once what it is worth."""
        self.clock(step)
        for note in self.interview.notes(item):
            self.say(note, "yellow")
        self.say(self.interview.text(step), "bold")
        value, typed = None, ""
        while value is None:
            typed = self.read(f"a number{f' in {item.unit}' if item.unit else ''} (Enter: I do not know) > ").strip()
            if not typed:
                break
            try:
                value = read_number(typed, item.unit)
            except Unclear as question:
                self.say(str(question), "yellow")
        mark = self.interview.answer(step, value, typed)
        self.say(mark.says, "bold green" if mark.share == 1 else "bold yellow" if mark.share else "bold red")
        self.say(self.interview.after(item))

    def design(self, step: Step, design: Design) -> None:
        """Turn the knobs, see what the simulator says, try again."""
        interview = self.interview
        self.say(interview.text(step), "bold")
        known, hidden = interview.shown(), len(interview.objectives) - len(interview.shown())
        for objective in known:
            self.say(f"  {objective.said(interview.record.values)}")
        if hidden:
            self.say(f"  and {hidden} more, for which you have not asked. They count all the same.", "yellow")
        knobs: dict[str, Value] = {knob.name: knob.start for knob in design.knobs}
        knobs |= interview.tries[-1].knobs if interview.tries else {}
        while interview.step() == step:
            left = design.tries - len(interview.tries)
            self.clock(step)
            self.say(f"{left} {'try' if left == 1 else 'tries'} left.", "cyan")
            knobs = self.turn(design, knobs)
            with self.console.status("simulating; the clock stands still (the very first time it compiles: half a minute)"):
                attempt = interview.try_design(knobs)
            self.judged(attempt)
            if len(interview.tries) < design.tries and not self.yes("Try another?"):
                interview.end(step)
                break
        self.say(f"What I would say: {design.why}")

    def turn(self, design: Design, knobs: dict[str, Value]) -> dict[str, Value]:
        """Each knob once: Enter keeps its value."""
        turned = dict(knobs)
        for knob in design.knobs:
            options = knob.options
            self.say(f"{knob.label}: " + "  ".join(f"{number} {knob.said(each)}" for number, each in enumerate(options, 1)))
            while True:
                typed = self.read(f"1 to {len(options)} (Enter: {knob.said(turned[knob.name])}) > ").strip()
                if not typed:
                    break
                if typed.isdecimal() and 1 <= int(typed) <= len(options):
                    turned[knob.name] = options[int(typed) - 1]
                    break
                self.say(f"Type a number from 1 to {len(options)}.", "yellow")
        return turned

    def judged(self, attempt: Attempt) -> None:
        """What the simulator says, objective by objective."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("objective")
        table.add_column("simulated", justify="right")
        table.add_column("")
        for objective, measured, is_kept in attempt.judged:
            verdict = Text("kept", "green") if is_kept else Text("broken", "bold red")
            table.add_row(objective.said(self.interview.record.values), with_unit(measured, objective.unit), verdict)
        self.console.print(table)
        for objective, _, is_kept in attempt.judged:
            if not is_kept:
                self.say(objective.broken)

    def talk(self, step: Step) -> None:
        """A question to talk about, and what the interviewer asks next. The points are scored when the clock has stopped."""
        self.clock(step)
        follow_up = self.interview.follow_up(step)
        self.say(follow_up.text if follow_up else self.interview.text(step), "bold")
        self.say(f"Speak, and press Enter; or type, and end with an empty line; “{PASS}” leaves it out.", "dim")
        lines = self.typed.splitlines()
        self.typed = ""
        if lines:
            self.say("You had begun: " + " ".join(lines))
        while True:
            self.draft = "\n".join(lines)
            line = self.read("> ").strip()
            if line.lower() == PASS and not lines:
                self.draft = ""
                self.interview.end(step, "left out")
                return
            if not line:
                break
            lines.append(line)
        self.draft = ""
        self.interview.say(step, "\n".join(lines))

    def score(self) -> None:
        """What can be scored by the candidate alone, against the rubric and three sample answers."""
        interview = self.interview
        misheard, unasked = interview.misheard(), interview.unasked()
        if not misheard and not interview.to_score():
            return
        self.console.print()
        self.console.rule(Text("your answers against the rubric · the clock has stopped", "cyan"), align="left", style="cyan")
        if misheard:
            self.say(f"I did not understand: {'; '.join(misheard)}")
            interview.also_asked(tuple(each.id for each in unasked if self.yes(f"Did you ask {each.asks}?")))
        for item in interview.to_score():
            self.say(interview.told(item.text), "bold", above=1)
            self.say(f"You said: {interview.said_about(item)}")
            for name, sample in (("weak", item.weak), ("good", item.good), ("senior", item.senior)):
                self.say(f"A {name} answer: {sample}", "dim")
            interview.score(item, tuple(self.yes(f"Did you say it? {point.point}") for point in item.rubric))

    def result(self, card: Scorecard, file) -> None:
        """The scorecard."""
        self.console.print()
        self.console.rule(Text(f"scorecard · {card.title} · {card.level}", "cyan"), align="left", style="cyan")
        table = Table(box=None, padding=(0, 2, 0, 0))
        for head in ("competence", "points", ""):
            table.add_column(head, justify="right" if head == "points" else "left")
        for name, (had, of) in card.points.items():
            full = round(20 * had / of)
            table.add_row(name, f"{had:g} of {of}", Text("█" * full, "green") + Text("░" * (20 - full), "dim"))
        self.console.print(table)
        self.say(f"{card.share:.0%} of what is expected of a {card.level}.", "bold", above=1)
        for line in card.expected:
            if line.failed:
                self.say(f"· {line.competence}: {line.what}: {line.says}")
        if card.beyond:
            self.say("More than is expected: " + "; ".join(line.what for line in card.beyond), "green", above=1)
        if card.study:
            self.say("What to study:", "bold", above=1)
            for place in card.study:
                self.say(f"  {places.words(place)}")
        if file is not None:
            back = sum(share < 1 for _, share in card.cards)
            self.say(f"Kept in {file} and, as JSON, beside it. {back} cards come back: lambdacourse drill", "dim", above=1)
