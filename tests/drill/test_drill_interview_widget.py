"""The mock interview in a notebook: the same interview as at the terminal, by buttons."""

import asyncio

import pytest

from lambdacourse.drill import mock_interview
from lambdacourse.drill.interview import record as records
from lambdacourse.drill.interview import widget as widgets
from lambdacourse.drill.interview.interview import begin, unfinished
from lambdacourse.drill.interview.widget import MockInterview
from lambdacourse.errors import CourseError

QUICK = "everything-serverless"


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


class Clock:
    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


def shown(now=None):
    now = now or Clock()
    return MockInterview(lambda: begin("senior", 45, 3, QUICK, now), lambda: unfinished(now))


def names(interview):
    return [button.description for button in interview.buttons.children]


def ask(interview, question):
    interview.control.value = question
    interview.press("Ask")


def test_interview_by_buttons_from_begin_to_scorecard():
    """Questions are answered, numbers checked, a design judged with its picture, talks scored point by point, and the scorecard shown."""
    interview = shown()
    assert names(interview) == ["Begin"]
    interview.press("Begin")
    assert "5:24 left of this round" in interview.clock.value
    interview.press("Ask")
    assert "Type a question first" in interview.result.value
    ask(interview, "why?")
    ask(interview, "what colour")
    assert "Lower bills" in interview.result.value and "I have nothing on that" in interview.result.value
    interview.press("I know enough")
    assert "You have not asked how the traffic" in interview.said.value
    interview.control.value = "1,5"
    interview.press("Answer")
    assert "Do you mean 1.5 or 15" in interview.result.value
    interview.control.value = "900 million"
    interview.press("Answer")
    assert "Right." in interview.result.value and "I go on with your" in interview.said.value
    for _ in range(3):
        interview.press("I do not know")
    assert "more, for which you have not asked" in interview.said.value
    interview.press("Simulate (4 left)")
    assert interview.result.value.count("<strong>broken</strong>") == 2
    assert interview.result.value.count("data:image/png") == 2 and 'alt="Requests per second' in interview.result.value
    for name, value in interview.interview.scenario.design.model.items():
        interview.knobs[name].value = value
    interview.press("Simulate (3 left)")
    assert interview.result.value.count("<strong>kept</strong>") == 4
    interview.press("That is my design")
    assert "What I would say" in interview.result.value
    interview.control.value = "13"
    interview.press("Answer")
    for notes in ("Webhooks first", ""):
        interview.control.value = notes
        interview.press("Answered")
    interview.press("Leave it out")
    for _ in range(2):
        interview.press("Answered")
    assert "I did not understand: what colour" in interview.said.value
    interview.press("Go on")
    assert "Webhooks first" in interview.said.value and "A weak answer" in interview.said.value
    interview.points[0].value = True
    interview.press("Score")
    interview.press("Score")
    assert "of what is expected of a senior" in interview.result.value
    assert 'href="../lessons/' in interview.result.value
    (record,) = records.kept()[0].values()
    assert record.state == "done"
    assert [each.points.count(True) for each in record.of("points")] == [1, 0]
    assert [set(each.heard) for each in record.of("try")] == [{"slow", "late"}, {"cut", "slow", "late", "monthly"}]


def test_pause_keeps_the_notes_and_the_clock():
    """Pause stops the clock and keeps what was noted; Go on shows it again; another one leaves the first in its file."""
    clock = Clock()
    interview = shown(clock)
    interview.press("Begin")
    while "Answered" not in names(interview):
        interview.interview.end(interview.step)
        interview._next()
        if "Answer" in names(interview):
            interview.press("I do not know")
    interview.control.value = "half a thought"
    clock.time = 60
    interview.press("Pause")
    clock.time = 6_000
    assert names(interview) == ["Go on", "Begin another"]
    interview.press("Go on")
    assert interview.control.value == "half a thought"
    assert interview.interview.elapsed == pytest.approx(60)
    interview.press("Pause")
    interview.press("Begin another")
    assert [each.state for each in records.kept()[0].values()] == ["left", "open"]


def test_late_question_is_not_answered():
    """When the round's time is over, a question comes too late, and the interviewer moves on."""
    clock = Clock()
    interview = shown(clock)
    interview.press("Begin")
    clock.time = 60 * 5.5
    ask(interview, "what may it cost?")
    assert "The time of that round is over." in interview.result.value
    assert interview.step.round == "estimate"
    assert interview.interview.asked == set()


def test_clock_moves_while_the_notebook_runs(monkeypatch):
    """Once a second the clock is looked at; a pause ends that."""
    monkeypatch.setattr(widgets, "TICK", 0.01)
    clock = Clock()

    async def sit():
        interview = shown(clock)
        interview.press("Begin")
        seen = set()
        for _ in range(5):
            clock.time += 60
            await asyncio.sleep(0.05)
            seen.add(interview.clock.value)
        interview.press("Pause")
        await asyncio.sleep(0.05)
        return seen, interview.clock.value

    seen, after = asyncio.run(sit())
    assert len(seen) >= 3 and after == ""


def test_options_are_checked_before_the_clock_starts():
    """A wrong level or scenario is said at once, not when Begin is pressed; no file is made before that either."""
    with pytest.raises(CourseError, match="one of junior, senior, staff"):
        mock_interview("principal")
    with pytest.raises(CourseError, match="no scenario 'bananas'"):
        mock_interview(scenario="bananas")
    mock_interview()
    assert records.kept() == ({}, [])


def test_page_without_a_kernel_says_what_it_is():
    """Where nobody runs it, the cell shows how to go on."""
    data, _ = mock_interview()._repr_mimebundle_()
    assert "lambdacourse interview" in data["text/html"] and "An image pipeline" in data["text/plain"]


def test_design_that_ends_with_the_time_leaves_the_scorecard():
    """When the whole time is over in the design round, what the interviewer says of it stands above the scorecard, not in its place."""
    clock = Clock()
    interview = shown(clock)
    interview.press("Begin")
    interview.press("I know enough")
    for _ in range(4):
        interview.press("I do not know")
    clock.time = 60 * 46
    interview.press("That is my design")
    assert "What I would say" in interview.result.value and "of what is expected of a senior" in interview.result.value
    assert "not reached in time" in interview.result.value
