"""The scorecard: what was said against the rubric, competence by competence, what to study, and what comes back as cards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from lambdacourse import places
from lambdacourse.drill import history
from lambdacourse.drill.asking import PASSED, with_unit
from lambdacourse.drill.interview import record as records
from lambdacourse.drill.interview.interview import DESIGN, OUT_OF_TIME, Interview, clock
from lambdacourse.drill.interview.scenario import LEVELS, ROUNDS, Item, NumberItem, Objective, Requirement, TalkItem
from lambdacourse.drill.questions import Competence

MOST_TO_STUDY = 5


@dataclass(frozen=True)
class Line:
    """One thing that was expected: its competence, how much of it was there (0 to 1), and why, in words.

    beyond: it is expected of a higher level only, and counts for nothing unless it was there. checked: by a calculation or the simulator; the
    rest the candidate says of themselves. cards: those that come back when it was not there.
    """

    competence: str
    what: str
    had: float
    says: str
    place: str
    cards: tuple[str, ...]
    checked: bool
    beyond: bool = False

    @property
    def failed(self) -> bool:
        return self.had < PASSED


@dataclass(frozen=True)
class Scorecard:
    """An interview's result. ``times``: by round, the minutes it had and the minutes it took."""

    title: str
    level: str
    minutes: float
    seed: int
    scenario: str
    day: str
    pauses: int
    lines: tuple[Line, ...]
    times: dict[str, tuple[float, float]]

    @property
    def expected(self) -> list[Line]:
        """What this level must have."""
        return [line for line in self.lines if not line.beyond]

    @property
    def beyond(self) -> list[Line]:
        """What was there and is expected of a higher level only."""
        return [line for line in self.lines if line.beyond and line.had]

    def of(self, competence: str) -> list[Line]:
        """What a competence was expected to show."""
        return [line for line in self.expected if line.competence == competence]

    @property
    def points(self) -> dict[str, tuple[float, int]]:
        """By competence, the points that were there and the points there are."""
        found = {name: self.of(name) for name in get_args(Competence)}
        return {name: (sum(line.had for line in lines), len(lines)) for name, lines in found.items() if lines}

    @property
    def share(self) -> float:
        """The share of all points."""
        return sum(line.had for line in self.expected) / len(self.expected)

    @property
    def study(self) -> list[str]:
        """The places in the lessons where most was missing, the most first."""
        missing: Counter[str] = Counter()
        for line in self.expected:
            if line.failed:
                missing[line.place] += 1
        return [place for place, _ in missing.most_common(MOST_TO_STUDY)]

    @property
    def cards(self) -> list[tuple[str, float]]:
        """The cards of what failed, with how much of it was there; and of the numbers, which were checked, also those that were right."""
        shares: dict[str, float] = {}
        for line in self.expected:
            if line.failed or (line.checked and line.competence == "estimate"):
                shares |= {id: min(line.had, shares.get(id, 1.0)) for id in line.cards}
        return list(shares.items())

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        data = {**asdict(self), "points": self.points, "share": self.share, "study": self.study, "cards": self.cards}
        return json.loads(json.dumps(data))


def scorecard(interview: Interview) -> Scorecard:
    """The scorecard of an interview that is over."""
    record = interview.record
    return Scorecard(
        title=interview.scenario.title,
        level=record.level,
        minutes=record.minutes,
        seed=record.seed,
        scenario=record.scenario,
        day=f"{record.begun.astimezone():%Y-%m-%d}",
        pauses=record.pauses,
        lines=tuple(_lines(interview)),
        times=_times(interview),
    )


def finish(interview: Interview) -> tuple[Scorecard, Path | None]:
    """Make the scorecard, keep it in the record and as Markdown beside it, and let what failed come back as cards. Once."""
    card = scorecard(interview)
    if interview.file is None:
        return card, None
    if interview.record.state != "done":
        history.from_mock(card.cards)
        interview.conclude(card.as_dict())
    return card, records.keep_beside(interview.file, as_markdown(card, interview))


def _lines(interview: Interview) -> Iterator[Line]:
    for requirement in interview.scenario.requirements:
        yield _requirement(interview, requirement)
    for number in interview.scenario.numbers:
        if number.expected(interview.level):
            yield _number(interview, number)
    for objective in interview.objectives:
        yield _objective(interview, objective)
    for talk in interview.scenario.talks:
        if talk.expected(interview.level):
            yield from _talk(interview, talk)


def _line(item: Item, competence: str, what: str, had: float, says: str, checked: bool, beyond: bool = False) -> Line:
    return Line(competence, what, had, says, item.place, item.cards, checked, beyond)


def _requirement(interview: Interview, item: Requirement) -> Line:
    had = item.id in interview.asked
    says = "asked" if had else "never asked"
    return _line(item, "clarify", f"asks {item.asks}", float(had), says, True, not item.expected(interview.level))


def _number(interview: Interview, item: NumberItem) -> Line:
    said = interview.record.of("number", item=item.id)
    if not said:
        return _line(item, "estimate", interview.told(item.text), 0.0, _not_reached(interview, item.id), True)
    entry = said[-1]
    mine = "nothing" if entry.value is None else with_unit(entry.value, item.unit)
    says = f"said {mine}. {entry.says}"
    return _line(item, "estimate", interview.told(item.text), entry.share, says, True)


def _objective(interview: Interview, item: Objective) -> Line:
    values, what = interview.record.values, item.said(interview.record.values)
    if not interview.tries:
        return _line(item, item.competence, what, 0.0, _not_reached(interview, DESIGN), True)
    measured = interview.tries[-1].measures[item.measure]
    kept = item.kept(measured, values)
    says = f"{with_unit(measured, item.unit)}{'.' if kept else f': {item.broken}'}"
    if item.requirement and item.requirement not in interview.asked:
        says += " Nobody asked for it."
    return _line(item, item.competence, what, float(kept), says, True)


def _talk(interview: Interview, item: TalkItem) -> Iterator[Line]:
    scored = interview.record.of("points", item=item.id)
    points = scored[-1].points if scored else (False,) * len(item.rubric)
    missing = "not said" if scored else _not_reached(interview, item.id)
    for point, had in zip(item.rubric, points):
        beyond = LEVELS.index(point.level) > LEVELS.index(interview.level)
        yield _line(item, point.competence, point.point, float(had), "said" if had else missing, False, beyond)


def _not_reached(interview: Interview, id: str) -> str:
    closed = interview.record.of("closed", item=id)
    return "not reached in time" if any(each.says == OUT_OF_TIME for each in closed) else "left out"


def _times(interview: Interview) -> dict[str, tuple[float, float]]:
    """By round, the minutes it had, and those until its last entry. Scoring comes after the clock and is not in it."""
    times, begun = {}, 0.0
    for round, share in ROUNDS.items():
        ids = {step.id for step in interview.steps if step.round == round}
        ends = [each.at for each in interview.record.entries if each.item in ids and each.kind not in ("points", "also asked")]
        end = max([*ends, begun])
        times[round] = (share * interview.record.minutes, (end - begun) / 60)
        begun = end
    return times


def as_markdown(card: Scorecard, interview: Interview) -> str:
    """The scorecard, and what was said, as a page."""
    lines = [
        f"# Mock interview: {card.title}",
        "",
        f"{card.day}, {card.level}, {card.minutes:g} minutes, seed {card.seed}, scenario {card.scenario}"
        + (f", interrupted {card.pauses} time{'s' if card.pauses > 1 else ''}" if card.pauses else "")
        + f". {card.share:.0%} of what is expected at this level.",
        "",
        "| competence | points | of |",
        "|---|--:|--:|",
        *(f"| {name} | {had:g} | {of} |" for name, (had, of) in card.points.items()),
        "",
        "| round | minutes planned | taken |",
        "|---|--:|--:|",
        *(f"| {name} | {planned:.1f} | {taken:.1f} |" for name, (planned, taken) in card.times.items()),
    ]
    for name in card.points:
        lines += ["", f"## {name[0].upper()}{name[1:]}", ""]
        lines += [f"- [{_tick(line)}] {line.what} — {line.says}" for line in card.of(name)]
    if card.beyond:
        lines += ["", f"## More than is expected of a {card.level}", "", *(f"- {line.what}" for line in card.beyond)]
    lines += ["", "## What to study", "", *(f"- {places.words(place)}" for place in card.study)] if card.study else []
    return "\n".join([*lines, "", "## What was said", "", *_transcript(interview)]) + "\n"


def _tick(line: Line) -> str:
    return "x" if line.had == 1 else "~" if line.had else " "


def _transcript(interview: Interview) -> Iterator[str]:
    items = {each.id: each for each in (*interview.scenario.numbers, *interview.scenario.talks)}
    for entry in interview.record.entries:
        at, text = f"- {clock(entry.at)}", entry.text or "(aloud)"
        text = text.replace("\n", "\n  ")
        match entry.kind:
            case "question":
                answers = [each for each in interview.scenario.requirements if each.id in entry.heard]
                yield f"{at} You asked: {text} — {' '.join(interview.told(each.answer) for each in answers) or 'not understood'}"
            case "number":
                yield f"{at} {interview.told(items[entry.item].text)} You: {entry.text or 'I do not know'}. {entry.says}"
            case "try":
                measured = "; ".join(
                    f"{each.label}: {with_unit(entry.measures[each.measure], each.unit)}" for each in interview.objectives
                )
                yield f"{at} You tried: {interview.described(entry.knobs)}. Simulated: {measured}"
            case "said":
                yield f"{at} {interview.told(items[entry.item].text)} You: {text}"
            case "follow-up":
                yield f"{at} {entry.says} You: {text}"
            case "closed" if entry.says == OUT_OF_TIME:
                yield f"{at} The time of “{entry.item}” was over."
