"""The mock interview at a terminal, as a person uses it; and interrupted wherever one can."""

import io
import os
import re
import signal
import sys
from functools import partial

import pytest
from rich.console import Console

from lambdacourse.drill import history
from lambdacourse.drill.interview import record as records
from lambdacourse.drill.interview import terminal

QUICK = "everything-serverless"
CLARIFY = ["why do they want that?", "what traffic is there?", "what does it cost today", "the colour of it", ""]
ESTIMATE = ["800 bananas", "920 million", "1,5", "1600", "", "500 USD"]
DESIGN = ["2", "", "2", "3", "n"]
TALK = ["13", "Begin with what they want.", "The webhooks first.", "", "", "pass", "We split it.", "", "Six weeks.", ""]


class Candidate:
    """Types ``lines``; to a yes or no that is none of them, yes and no by the length of the question. Stops after ``most`` lines."""

    def __init__(self, lines, most=10_000):
        self.lines, self.left = list(lines), most
        self.console = Console(width=100, highlight=False, file=io.StringIO())

    def __call__(self, prompt):
        self.console.print(prompt, markup=False)
        if prompt.startswith(("Did you say", "Did you ask")):
            return "yn"[len(prompt) % 2]
        if self.left == 0 or not self.lines:
            raise KeyboardInterrupt
        self.left -= 1
        return self.lines.pop(0)

    def sits(self):
        """What is on the screen when they have stopped, or are done."""
        terminal.run("senior", 45, 3, QUICK, console=self.console, read=self)
        return self.console.file.getvalue()


def said(record):
    return [(each.kind, each.item, each.text, each.value, each.points) for each in record.entries]


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def test_interview_from_the_first_question_to_the_scorecard():
    """What was misread is asked again, numbers are checked on the spot, a design is judged, the scorecard shows what to study."""
    candidate = Candidate(CLARIFY + ESTIMATE + DESIGN + TALK)
    screen = candidate.sits()
    assert candidate.lines == []
    for words in (
        "Lower bills, they have read.",
        "I have nothing on that.",
        "do not know the unit 'bananas'",
        "Do you mean 1.5 or 15",
        "more, for which you have not asked",
        "kept",
        "I did not understand: the colour of it",
        "A weak answer: ",
        "of what is expected of a senior",
        "What to study:",
    ):
        assert words in screen, words
    (record,) = records.kept()[0].values()
    assert record.state == "done" and record.pauses == 0
    assert history.read()[0] != []


@pytest.mark.parametrize("most", (1, 3, 5, 6, 8, 10, 16, 18, 19, 21, 24))
def test_interrupted_anywhere_it_goes_on_from_there(most):
    """Whenever Ctrl-C comes, the same command goes on, and in the end the record says the same as without."""
    lines = CLARIFY + ESTIMATE + DESIGN + TALK
    screen = Candidate(lines, most).sits()
    assert "All of it is kept; go on with: lambdacourse interview" in screen
    rest = Candidate(["y", *lines[most:]])
    assert "You stopped an interview" in rest.sits()
    (interrupted,) = records.kept()[0].values()
    Candidate(lines).sits()
    whole = list(records.kept()[0].values())[-1]
    assert interrupted.pauses == 1
    assert said(interrupted) == said(whole)


def test_interview_can_be_left_for_another():
    """Who does not go on begins a new one; the old record stays, and is not offered again."""
    Candidate(CLARIFY[:2]).sits()
    Candidate(["n", "why"]).sits()
    states = [(each.state, len(each.entries)) for each in records.kept()[0].values()]
    assert states == [("left", 2), ("open", 1)]


def test_clock_waits_for_the_answer_whether_to_go_on():
    """Time spent on the question whether to go on is nobody's."""
    Candidate(CLARIFY[:1]).sits()
    seconds = [0.0]

    def slowly(prompt):
        if "Go on with it?" in prompt:
            seconds[0] += 3_600
            return "y"
        raise EOFError

    terminal.run(console=Console(file=io.StringIO()), read=slowly, now=lambda: seconds[0])
    (record,) = records.kept()[0].values()
    assert record.elapsed < 60


def test_too_late_is_said():
    """When a round's time is over, the interviewer moves on, and says that questions were not reached."""
    minutes, screen = [0], Console(width=100, file=io.StringIO())

    def slowly(prompt):
        minutes[0] += 4
        return "n" if "(y/n)" in prompt else ""

    terminal.run("senior", 45, 3, QUICK, screen, slowly, lambda: 60.0 * minutes[0])
    assert "those are on the scorecard as" in screen.file.getvalue()
    assert "not reached in time" in screen.file.getvalue()


pexpect = pytest.importorskip("pexpect", reason="no pseudo-terminal here") if os.name == "posix" else None


@pytest.mark.skipif(os.name != "posix", reason="no pseudo-terminal here")
def test_interview_in_a_terminal():
    """The command asks, answers, checks and stops at Ctrl-C; called again, it goes on where it stood."""

    def start(*arguments):
        hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job begins with Ctrl-C ignored
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
        options = {"env": environment, "encoding": "utf-8", "timeout": 60, "dimensions": (50, 100), "preexec_fn": hears}
        return pexpect.spawn(sys.executable, ["-m", "lambdacourse.cli", "interview", *arguments], **options)

    screen = start("--level", "junior", "--seed", "3", "--scenario", QUICK, "--minutes", "30")
    screen.expect("3:3[56] left of this round")
    screen.expect("you ask > ")
    screen.sendline("how fast must the API be?")
    screen.expect("160 ms at the 99th percentile")
    screen.sendline("")
    screen.expect("You have not asked how the traffic")
    screen.expect("a number in requests")
    screen.sendline("2 million")
    screen.expect("No. ")
    screen.expect("I go on with your 2,000,000 requests")
    screen.sendintr()
    screen.expect("go on with: lambdacourse interview")
    screen.expect(pexpect.EOF)
    again = start()
    again.expect(re.escape("Go on with it? (y/n) > "))
    again.sendline("y")
    again.expect("I go on with your 2,000,000 requests")
    again.sendcontrol("d")
    again.expect(pexpect.EOF)
    (record,) = records.kept()[0].values()
    assert [each.kind for each in record.entries] == ["question", "closed", "number"]
    assert (record.pauses, record.level, record.state) == (2, "junior", "open")
