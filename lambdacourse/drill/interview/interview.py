"""A mock interview, without a face: the terminal, the notebook and the interviewer's sheet show it.

What was said is in the ``record``; everything else follows from it, so an interview that was interrupted goes on where it stood. Each round
has its part of the time. When a round's is over, the interviewer moves on; an answer that was begun in time counts.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambdacourse import learner
from lambdacourse.drill import bank as banks
from lambdacourse.drill.asking import Mark, close, fill, mark_number, with_unit
from lambdacourse.drill.interview import record as records
from lambdacourse.drill.interview import scenario as scenarios
from lambdacourse.drill.interview.record import Entry, Record
from lambdacourse.drill.interview.scenario import (
    LEVELS,
    ROUNDS,
    Design,
    FollowUp,
    NumberItem,
    Objective,
    Requirement,
    Round,
    Scenario,
    TalkItem,
    Value,
)
from lambdacourse.drill.questions import placeholders
from lambdacourse.errors import CourseError
from lambdacourse.learner import Numbers

if TYPE_CHECKING:
    from lambdacourse.drill.interview.systems import Outcome

CLARIFY, DESIGN = "clarify", "design"
FOLLOW_UPS = {"junior": 1, "senior": 1, "staff": 2}
"""How many follow-ups a question to talk about gets."""
OUT_OF_TIME = "the time was over"
NOTHING = "I have nothing on that. Assume what is sensible, and say so."


@dataclass(frozen=True)
class Step:
    """What happens next: an item of a round. ``item`` is None while the candidate asks."""

    round: Round
    id: str
    item: NumberItem | TalkItem | Design | None


@dataclass(frozen=True)
class Attempt:
    """What the simulator says of a design: each objective with what was measured, and whether it is kept."""

    outcome: Outcome
    judged: tuple[tuple[Objective, float, bool], ...]


class Interview:
    """One interview. ``now`` is a clock in seconds, which tests wind; the interview's own clock stands still while nobody runs it."""

    def __init__(
        self, scenario: Scenario, record: Record, file: Path | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.scenario, self.record, self.file = scenario, record, file
        self._now, self._since = now, now()

    @property
    def level(self) -> str:
        return self.record.level

    @property
    def elapsed(self) -> float:
        """Seconds on the interview's clock."""
        return self.record.elapsed + self._now() - self._since

    def ends(self, round: Round) -> float:
        """When a round ends, in seconds of the interview's clock."""
        names = list(ROUNDS)
        return 60 * self.record.minutes * sum(ROUNDS[name] for name in names[: names.index(round) + 1])

    def left(self, round: Round) -> str:
        """The time that is left of a round and of the interview, in words."""
        of_round, of_all = (max(0.0, end - self.elapsed) for end in (self.ends(round), 60 * self.record.minutes))
        return f"{clock(of_round)} left of this round, {clock(of_all)} in all"

    @property
    def steps(self) -> list[Step]:
        """All items that this level is asked, in order."""
        asked = [Step("clarify", CLARIFY, None)]
        asked += [Step("estimate", each.id, each) for each in self.scenario.estimates if each.expected(self.level)]
        asked.append(Step("design", DESIGN, self.scenario.design))
        asked += [Step("deep dive", each.id, each) for each in self.scenario.deep if each.expected(self.level)]
        return [*asked, Step("wrap up", self.scenario.wrap.id, self.scenario.wrap)]

    def step(self) -> Step | None:
        """What is asked now; None when everything was, or the time is over."""
        for step in self.steps:
            if self._is_over(step):
                continue
            if self.elapsed < self.ends(step.round):
                return step
            self.end(step, OUT_OF_TIME)
        return None

    def end(self, step: Step, why: str = "done") -> None:
        """End an item. A design round that ends without a design gets the interviewer's, for what builds on it."""
        if step.id == DESIGN and not self.tries:
            model = self.scenario.design.model
            outcome = self._simulate(model)
            self._append("given", DESIGN, knobs=model, measures=dict(outcome.measures))
        self._append("closed", step.id, says=why)

    def pause(self, draft: str = "") -> None:
        """Keep where the interview stands: nobody runs it from now on."""
        self._write(draft=draft, pauses=self.record.pauses + 1)

    def go_on(self) -> None:
        """Start the clock where it stood."""
        self._since = self._now()

    def keep_draft(self, draft: str) -> None:
        """Keep an answer that is being typed."""
        self._write(draft=draft)

    def known(self, carried: bool = True) -> dict[str, Value]:
        """The values by name: the scenario's, the numbers said so far (or the true ones), the design's knobs and measures."""
        known = dict(self.record.values)
        for estimate in self.scenario.estimates:
            known[estimate.id] = self._carried(estimate, known) if carried else self._answer(estimate, known) or 0.0
        if designs := self.record.of("try", "given"):
            known |= designs[-1].knobs | designs[-1].measures
        for item in self.scenario.deep:
            if isinstance(item, NumberItem) and self.record.of("number", item=item.id):
                known[item.id] = self._carried(item, known) if carried else self._answer(item, known) or 0.0
        return known

    def told(self, text: str) -> str:
        """``text`` with its values in it: the scenario's, and what the candidate made of the rest."""
        return fill(text, dict.fromkeys(placeholders(text), "…") | self.known())

    # --- clarify

    @property
    def opening(self) -> str:
        return self.told(self.scenario.opening)

    def ask(self, question: str) -> str:
        """What the interviewer answers to the candidate's ``question``; what they did not understand is kept too."""
        heard = [each for each in self.scenario.requirements if each.is_asked_in(question)]
        ids = tuple(each.id for each in heard)
        self._append("question", CLARIFY, text=question, heard=ids)
        return self.reply(ids)

    def reply(self, ids: tuple[str, ...]) -> str:
        """What the interviewer says of these requirements."""
        return " ".join(self.told(each.answer) for each in self.scenario.requirements if each.id in ids) or NOTHING

    @property
    def asked(self) -> set[str]:
        """The requirements that were asked for."""
        return {id for entry in self.record.of("question", "also asked") for id in entry.heard}

    def unasked(self) -> list[Requirement]:
        """Those that a candidate of this level should have asked for, and did not."""
        return [each for each in self.scenario.requirements if each.expected(self.level) and each.id not in self.asked]

    # --- numbers

    def text(self, step: Step) -> str:
        """What is asked, in words."""
        item = step.item
        if step.id == CLARIFY or item is None:
            return self.opening
        return self.told(item.text)

    def notes(self, item: NumberItem) -> list[str]:
        """What the interviewer says before a number: what nobody asked for, and which of the candidate's numbers they go on with."""
        needed = [each for each in self.scenario.requirements if each.id in item.needs and each.id not in self.asked]
        said = [f"You have not asked {each.asks}. I tell you: {self.told(each.answer)}" for each in needed]
        carried, true = self.known(), self.known(carried=False)
        numbers = self.scenario.numbers
        units = {each.id: each.unit for each in numbers}
        told = {name for each in numbers[: numbers.index(item)] if each.expected(self.level) for name in each.rests_on}
        for name in item.rests_on:
            if name in units and not close(float(carried[name]), float(true[name]), 0.005):
                mine, right = (with_unit(float(known[name]), units[name]) for known in (carried, true))
                if self._answer(item, carried) is None:
                    said.append(f"With your {mine} there is no answer, so take {right}.")
                elif name not in told:
                    said.append(f"I go on with your {mine}; it is {right}.")
        if any(name in self.scenario.design.model for name in item.rests_on) and self.record.of("given"):
            said.append(f"You have no design of your own, so take mine: {self.described(self.scenario.design.model)}.")
        return said

    def truth(self, item: NumberItem) -> float:
        """The answer, with the candidate's earlier numbers where those can be gone on with."""
        carried = self._answer(item, self.known())
        return self._true(item) if carried is None else carried

    def answer(self, step: Step, value: float | None, typed: str = "") -> Mark:
        """Mark and keep a number; None: the candidate does not know."""
        assert isinstance(step.item, NumberItem)
        mark, truth = self._mark(step.item, value), self.truth(step.item)
        self._append("number", step.id, text=typed, value=value, truth=truth, share=mark.share, says=mark.says)
        return mark

    def after(self, item: NumberItem) -> str:
        """What is said when a number is known."""
        return fill(item.after, self.known() | {"answer": self.truth(item)})

    # --- design

    @property
    def tries(self) -> list[Entry]:
        """The designs that were tried."""
        return self.record.of("try")

    @property
    def objectives(self) -> list[Objective]:
        """What a design of this level must keep."""
        return [each for each in self.scenario.design.objectives if each.expected(self.level)]

    def shown(self) -> list[Objective]:
        """The objectives that the candidate knows: those they asked for, and all of them once a design was judged."""
        return [each for each in self.objectives if not each.requirement or each.requirement in self.asked or self.tries]

    def try_design(self, knobs: Mapping[str, Value]) -> Attempt:
        """Simulate a design, judge it, and keep it."""
        outcome = self._simulate(knobs)
        judged = self.judged(outcome.measures)
        kept = tuple(each.measure for each, _, is_kept in judged if is_kept)
        self._append("try", DESIGN, knobs=dict(knobs), measures=dict(outcome.measures), heard=kept)
        return Attempt(outcome, judged)

    def judged(self, measures: Mapping[str, float]) -> tuple[tuple[Objective, float, bool], ...]:
        """Each objective of this level, what was measured, and whether that keeps it."""
        values = self.record.values
        return tuple((each, measures[each.measure], each.kept(measures[each.measure], values)) for each in self.objectives)

    def described(self, knobs: Mapping[str, Value]) -> str:
        """A design in words."""
        return "; ".join(f"{each.label.lower()} {each.said(knobs[each.name])}" for each in self.scenario.design.knobs)

    # --- talk

    def say(self, step: Step, text: str) -> None:
        """Keep an answer; an empty one was spoken. It answers the question, or the follow-up that waits."""
        waits = self.follow_up(step)
        if self.record.of("said", item=step.id) and waits:
            self._append("follow-up", step.id, text=text.strip(), says=waits.text)
        else:
            self._append("said", step.id, text=text.strip())

    def follow_up(self, step: Step) -> FollowUp | None:
        """What the interviewer asks next about an answer: what it did not mention; None when enough was asked."""
        assert isinstance(step.item, TalkItem)
        said, asked = self.record.of("said", "follow-up", item=step.id), self.record.of("follow-up", item=step.id)
        if not said or len(asked) >= FOLLOW_UPS[self.level]:
            return None
        words = re.findall(r"[\w']+", " ".join(each.text for each in said).casefold())
        gone = {each.says for each in asked}
        for each in step.item.follow_ups:
            if each.text not in gone and not any(word.startswith(stem.casefold()) for stem in each.unless for word in words):
                return each
        return None

    # --- scoring, when the clock has stopped

    def to_score(self) -> list[TalkItem]:
        """The questions that were answered and whose points the candidate has not ticked yet."""
        return [
            each
            for each in self.scenario.talks
            if self.record.of("said", item=each.id) and not self.record.of("points", item=each.id)
        ]

    def score(self, item: TalkItem, points: tuple[bool, ...]) -> None:
        """Keep which points of the rubric the candidate made."""
        self._append("points", item.id, points=points)

    def misheard(self) -> list[str]:
        """The candidate's questions that were not understood, while nothing was said about them."""
        if self.record.of("also asked"):
            return []
        return [each.text for each in self.record.of("question") if not each.heard]

    def also_asked(self, ids: tuple[str, ...]) -> None:
        """Keep that these requirements were asked for too, in words that were not understood."""
        self._append("also asked", CLARIFY, heard=ids)

    def said_about(self, item: TalkItem) -> str:
        """What the candidate said to a question and its follow-ups."""
        said = self.record.of("said", "follow-up", item=item.id)
        return "\n".join(f"{f'{each.says} ' if each.kind == 'follow-up' else ''}{each.text or '(aloud)'}" for each in said)

    def conclude(self, scorecard: dict) -> None:
        """Keep the scorecard: the interview is done."""
        self._write(state="done", scorecard=scorecard)

    def leave(self) -> None:
        """Let the interview be: its record stays, and it is not offered again."""
        self._write(state="left")

    # --- within

    def _simulate(self, knobs: Mapping[str, Value]) -> Outcome:
        """Simulate a design while the clock stands still: in a new home the first run compiles, which is not the candidate's time."""
        from lambdacourse.drill.interview.systems import simulated  # the simulator, which no earlier round needs

        begun = self._now()
        outcome = simulated(self.scenario.design.system, self.record.values, knobs)
        self._since += self._now() - begun
        return outcome

    def _is_over(self, step: Step) -> bool:
        if self.record.of("closed", "number", item=step.id):
            return True
        if isinstance(step.item, TalkItem):
            return bool(self.record.of("said", item=step.id)) and self.follow_up(step) is None
        return step.id == DESIGN and len(self.tries) >= self.scenario.design.tries

    def _carried(self, item: NumberItem, known: Mapping[str, Value]) -> float:
        """What the candidate said of a number; where they said nothing usable, what it is."""
        said = self.record.of("number", item=item.id)
        value = said[-1].value if said else None
        return value if value is not None and math.isfinite(value) and value > 0 else self._answer(item, known) or 0.0

    def _true(self, item: NumberItem) -> float:
        return self._answer(item, self.known(carried=False)) or 0.0

    def _answer(self, item: NumberItem, known: Mapping[str, Value]) -> float | None:
        """The answer to a number over ``known`` values; None where there is none."""
        try:
            answer = float(banks.function(item.answer)(**{name: known[name] for name in item.rests_on}))
        except (ArithmeticError, ValueError, KeyError):
            return None
        return answer if math.isfinite(answer) else None

    def _mark(self, item: NumberItem, value: float | None) -> Mark:
        truth, true = self.truth(item), self._true(item)
        if value is None:
            return Mark(0.0, f"It is {with_unit(truth, item.unit)}.")
        known = self.known()
        numbers = {name: each for name, each in known.items() if not isinstance(each, str)}
        mark = mark_number(value, truth, item.tolerance, item.misconceptions, numbers)
        if mark.share == 1:
            return mark
        if close(value, true, item.tolerance):
            return Mark(1.0, "Right, from the true numbers.")
        says, named = self.told(mark.says), any(mark.says == f"No. {each.says}" for each in item.misconceptions)
        if not named and truth and 0.5 <= value / truth <= 2:
            return Mark(0.5, f"The right size. It is {with_unit(truth, item.unit)}.")
        return Mark(0.0, f"{says} It is {with_unit(truth, item.unit)}.")

    def _append(self, kind: str, item: str, **fields) -> None:
        entry = Entry(kind=kind, item=item, at=round(self.elapsed, 1), **fields)
        self._write(entries=(*self.record.entries, entry), draft="")

    def _write(self, **changes) -> None:
        self.record = self.record.model_copy(update={"elapsed": round(self.elapsed, 1), **changes})
        self._since = self._now()
        if self.file is not None:
            records.write(self.record, self.file)


def begin(
    level: str = "senior",
    minutes: float = 45,
    seed: int | None = None,
    scenario: str = "",
    now: Callable[[], float] = time.monotonic,
) -> Interview:
    """A new interview, kept in a file of its own. The same ``seed`` gives everybody the same scenario and numbers.

    Without one, the scenario that the learner had least often comes next, with numbers of their own. Raises ``CourseError``.
    """
    interview = prepare(level, minutes, seed, scenario, now)
    interview.file = None if records.is_grading() else records.create(interview.record)
    return interview


def prepare(
    level: str = "senior",
    minutes: float = 45,
    seed: int | None = None,
    scenario: str = "",
    now: Callable[[], float] = time.monotonic,
) -> Interview:
    """The same, not kept."""
    known = scenarios.load()
    if level not in LEVELS:
        raise CourseError(f"level {level!r}: it is one of {', '.join(LEVELS)}.")
    if not 5 <= minutes <= 240:
        raise CourseError(f"minutes {minutes:g}: an interview takes from 5 to 240.")
    if scenario and scenario not in known:
        raise CourseError(f"There is no scenario {scenario!r}; there are: {', '.join(known)}.")
    who, earlier = learner.current(), records.kept()[0].values()
    of_own = seed is None
    if of_own:
        seed = who.numbers("interview", str(len(earlier))).whole("seed", 1, 99_999)
    numbers = Numbers(f"interview\0{seed}")
    if not scenario:
        times = {id: sum(each.scenario == id for each in earlier) if of_own else 0 for id in known}
        scenario = numbers.pick("scenario", [id for id in known if times[id] == min(times.values())])
    chosen = known[scenario]
    record = Record(
        scenario=scenario,
        level=level,
        minutes=minutes,
        seed=seed,
        learner=who.id,
        begun=records.today(),
        values=chosen.values(numbers),
    )
    return Interview(chosen, record, None, now)


def unfinished(now: Callable[[], float] = time.monotonic) -> Interview | None:
    """The interview that was interrupted last, to go on with; None when there is none whose scenario is still as it was."""
    for file, record in reversed(records.kept()[0].items()):
        scenario = scenarios.load().get(record.scenario)
        if record.state == "open" and scenario is not None and _fits(record, scenario):
            return Interview(scenario, record, file, now)
    return None


def _fits(record: Record, scenario: Scenario) -> bool:
    """Whether a record, perhaps of an earlier release, speaks of this scenario's items, values, knobs and measures."""
    items = {CLARIFY, DESIGN, *(each.id for each in (*scenario.numbers, *scenario.talks))}
    knobs, measures = set(scenario.design.model), {each.measure for each in scenario.design.objectives}
    designs = record.of("try", "given")
    return (
        {each.item for each in record.entries} <= items
        and {*scenario.parameters, *scenario.figures} <= set(record.values)
        and all(set(each.knobs) == knobs and measures <= set(each.measures) for each in designs)
    )


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"
