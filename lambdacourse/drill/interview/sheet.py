"""The interviewer's sheet, for two people: what to say and when, what a good answer has, what to ask next. Markdown, to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lambdacourse.drill.asking import gives, with_unit
from lambdacourse.drill.interview.interview import FOLLOW_UPS, Interview, clock
from lambdacourse.drill.interview.scenario import LEVELS, ROUNDS, NumberItem, TalkItem
from lambdacourse.drill.interview.scorecard import scorecard
from lambdacourse.quantities import Unclear


def sheet(interview: Interview) -> str:
    """The sheet of an interview that nobody has begun: the same level and seed give the candidate's program the same numbers."""
    for step in interview.steps:
        if step.round == "design":
            interview.end(step)  # the numbers of the deep dive are those of the model design
    return "\n".join(_lines(interview)) + "\n"


def _lines(interview: Interview) -> Iterator[str]:
    record, scenario = interview.record, interview.scenario
    yield f"# {scenario.title}: the interviewer's sheet"
    yield ""
    yield (
        f"For {record.level}, {record.minutes:g} minutes, seed {record.seed}. You ask and keep the time; tick what the candidate says by "
        "itself. Say nothing of what is not asked for, until a number needs it. The candidate may turn the knobs of the design round in "
        f"`lambdacourse interview --level {record.level} --minutes {record.minutes:g} --seed {record.seed} --scenario {scenario.id}`, "
        "which has the same numbers."
    )
    yield from ("", "| round | from | to |", "|---|--:|--:|")
    begun = 0.0
    for round in ROUNDS:
        yield f"| {round} | {clock(begun)} | {clock(interview.ends(round))} |"
        begun = interview.ends(round)
    yield from ("", "## Clarify", "", f"> {interview.opening}", "")
    for each in scenario.requirements:
        yield f"- [ ] asks {each.asks}{_level(interview, each.level)}. You: “{interview.told(each.answer)}”"
    yield from ("", "## Estimate", "", "Check each number at once, then go on with the candidate's own, right or wrong.", "")
    for number in scenario.estimates:
        if number.expected(interview.level):
            yield from _number(interview, number)
    yield from _design(interview)
    yield from ("", "## Deep dive")
    for item in scenario.deep:
        if item.expected(interview.level):
            yield from ("", *(_number(interview, item) if isinstance(item, NumberItem) else _talk(interview, item)))
    yield from ("", "## Wrap up", "", *_talk(interview, scenario.wrap), "", *_points(interview))


def _level(interview: Interview, level: str) -> str:
    """A mark at what is expected of a higher level only."""
    return f" ({level}: more than is expected)" if LEVELS.index(level) > LEVELS.index(interview.level) else ""


def _number(interview: Interview, item: NumberItem) -> Iterator[str]:
    truth = interview.truth(item)
    yield f"- [ ] “{interview.told(item.text)}” **{with_unit(truth, item.unit)}**, within {item.tolerance:.0%}. {interview.after(item)}"
    known = interview.known()
    for each in item.misconceptions:
        try:
            wrong = gives(each, {name: value for name, value in known.items() if not isinstance(value, str)})
        except (Unclear, ArithmeticError):
            continue
        yield f"  - {with_unit(wrong, item.unit)}: {interview.told(each.says)}"


def _design(interview: Interview) -> Iterator[str]:
    design, values = interview.scenario.design, interview.record.values
    yield from ("", "## Design", "", f"> {interview.told(design.text)}", "", "| knob | values |", "|---|---|")
    yield from (f"| {knob.label} | {', '.join(knob.said(each) for each in knob.options)} |" for knob in design.knobs)
    yield from ("", f"{design.tries} tries. A design must keep, asked for or not:", "")
    measures = interview.record.of("given")[0].measures
    for objective, measured, _ in interview.judged(measures):
        yield f"- [ ] {objective.said(values)} (ours: {with_unit(measured, objective.unit)}). If not: {objective.broken}"
    yield from ("", f"Ours: {interview.described(design.model)}. {design.why}")


def _talk(interview: Interview, item: TalkItem) -> Iterator[str]:
    yield from (f"> {interview.told(item.text)}", "")
    yield from (f"- [ ] {point.point} ({point.competence}){_level(interview, point.level)}" for point in item.rubric)
    count = FOLLOW_UPS[interview.level]
    yield from ("", f"Then ask {'one' if count == 1 else count}, of what was not said:", "")
    yield from (f"- “{interview.told(each.text)}”" for each in item.follow_ups)
    yield from ("", f"Weak: “{item.weak}”", "", f"Good: “{item.good}”", "", f"Senior: “{item.senior}”")


def _points(interview: Interview) -> Iterator[str]:
    """A table to fill in: the points there are by competence."""
    of = Counter(line.competence for line in scorecard(interview).expected)
    yield from ("## Scorecard", "", "| competence | points | of |", "|---|--:|--:|")
    yield from (f"| {competence} | | {count} |" for competence, count in of.items())
