"""The bar of one long simulation: where somebody watches, after a second, and never where it would cost or change anything."""

import io
import threading
from contextlib import redirect_stderr, suppress

import pytest

from lambdacourse import Function, Scenario, Sync, engine, poisson, sweep
from lambdacourse.simulation import progress

LONG = Scenario((Sync(Function("api", duration=0.1), poisson(400)),), seconds=300)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def hours(monkeypatch):
    """Every look at the clock finds that two seconds have passed."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    times = iter(range(0, 10_000_000, 2))
    monkeypatch.setattr(progress, "now", lambda: next(times))


def written(work, screen):
    with redirect_stderr(screen):
        work()
    return screen.getvalue()


@pytest.mark.skipif(not engine.is_compiled(), reason="the reference tells nothing")
def test_a_long_run_is_watched():
    """At a terminal a bar shows the simulated seconds; where nobody watches nothing; and the run is the same."""
    runs = []
    shown = written(lambda: runs.append(LONG.run()), Terminal())
    assert "simulated" in shown and "/300 s" in shown
    assert written(lambda: runs.append(LONG.run()), io.StringIO()) == ""
    assert runs[0].summary().equals(runs[1].summary())


@pytest.mark.parametrize("fails", [False, True])
def test_the_bar_is_full_when_all_is_done(fails):
    """The last look of the engine comes before the end; the bar closes full, but where the run was broken off."""
    closed = []
    with redirect_stderr(Terminal()), suppress(KeyboardInterrupt), progress.clock(300, "simulated") as watch:
        watch(290)
        bar = watch.bar
        bar.close = lambda: closed.append(bar.n)
        if fails:
            raise KeyboardInterrupt
    assert closed == [290 if fails else 300]


def test_nothing_within_the_first_second(monkeypatch):
    """What is over in a second shows nothing."""
    monkeypatch.setattr(progress, "now", lambda: 5.0)
    assert written(LONG.run, Terminal()) == ""


def test_nothing_in_a_graded_cell(monkeypatch):
    """nbgrader scores a cell 0 that writes to stderr."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert written(LONG.run, Terminal()) == ""


def test_nothing_in_a_thread():
    """Many at once, as in ``sweep`` or behind a lab, have no bar each."""

    def in_a_thread():
        thread = threading.Thread(target=LONG.run)
        thread.start()
        thread.join()

    assert written(in_a_thread, Terminal()) == ""
    assert "simulated" not in written(lambda: sweep([LONG, LONG]), Terminal())


@pytest.mark.skipif(not engine.is_compiled(), reason="the reference tells nothing")
def test_what_is_told_only_grows():
    """The seconds told never fall, and stay within the run."""
    told = []
    engine.run(LONG._plan(), watch=told.append)
    assert len(told) > 5 and told == sorted(told) and told[0] >= 0 and told[-1] <= 300


def test_the_bar_of_what_is_over_is_full():
    """A notebook takes away a bar that reached its end, and keeps one that did not, in red."""
    with redirect_stderr(Terminal()), progress.clock(300, "simulated") as watch:
        watch(299.9)
    assert watch.bar.n == 300
