"""The drill at a terminal, as a person uses it."""

import os
import signal
import sys
from functools import partial

import pytest

from lambdacourse.drill import history

pexpect = (
    pytest.importorskip("pexpect", reason="no pseudo-terminal here")
    if os.name == "posix"
    else pytest.skip(allow_module_level=True)
)


@pytest.fixture
def terminal(own_home):
    """A terminal in which the drill runs."""
    running = []

    def start(*arguments):
        environment = {**os.environ, "LAMBDACOURSE_LEARNER": "ada", "TERM": "xterm-256color", "COLUMNS": "100"}
        command = ["-m", "lambdacourse.cli", "drill", *arguments]
        hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background job begins with Ctrl-C ignored
        options = {"env": environment, "encoding": "utf-8", "timeout": 60, "dimensions": (40, 100), "preexec_fn": hears}
        running.append(pexpect.spawn(sys.executable, command, **options))
        return running[-1]

    yield start
    for each in running:
        each.close(force=True)


def test_a_sitting_by_keyboard_alone(terminal):
    """A number is asked for, an unclear one asked about, the sureness asked, the mistake named; Ctrl-C keeps it all."""
    screen = terminal("--topic", "01")
    screen.expect("requests per second, and each takes")
    screen.expect("a number")
    screen.sendline("1,5")
    screen.expect("Do you mean 1.5 or 15")
    screen.sendline("7 bananas")
    screen.expect("do not know the unit 'bananas'")
    screen.sendline("0.5 environments")
    screen.expect("How sure are you")
    screen.sendline("9")
    screen.expect("Type a number from 1 to 4")
    screen.sendline("3")
    screen.expect("No. ")
    screen.expect("Answer: .*environments")
    screen.expect("Read on: lesson 01, The formula")
    screen.expect("again|new")
    screen.expect("> ")
    screen.sendintr()
    screen.expect("1 answered, 0 right")
    screen.expect(pexpect.EOF)
    (review,), complaints = history.read()
    assert (review.id, review.share, review.sure, complaints) == ("needed-concurrency", 0.0, 0.75, [])


def test_unknown_topic_is_a_sentence(terminal):
    """A wrong topic is answered with the topics there are, without a traceback."""
    screen = terminal("--topic", "bananas")
    screen.expect(pexpect.EOF)
    assert "There are no questions about 'bananas'" in screen.before
    assert "Traceback" not in screen.before
