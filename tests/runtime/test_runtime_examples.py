"""The handlers of lesson 03: they run here, and where nothing can run there is a recorded run that says the same."""

import pytest

from lambdacourse.errors import CourseError
from lambdacourse.runtime import examples
from lambdacourse.runtime.examples import RUNS, profile_example, run_example, source


@pytest.fixture
def nowhere(monkeypatch):
    """A platform on which no local Lambda runs."""

    def refuse():
        raise CourseError("On Windows, run the course in WSL.")

    monkeypatch.setattr(examples, "check_platform", refuse)


def told(run):
    """What a lesson says of a run: which calls were cold, and how many there were."""
    return [line.init_ms is not None for line in run.reports]


def test_recorded_runs_tell_the_same(nowhere, monkeypatch):
    """Each run was recorded, says that it was and why, and has the cold starts of one that is made here."""
    recorded = {name: run_example(name) for name in RUNS}
    monkeypatch.undo()
    assert told(recorded["eager"]) == told(run_example("eager")) == [True, False, False]
    assert told(recorded["eager-provisioned"]) == told(recorded["lazy-provisioned"]) == [False, False]
    assert told(recorded["bundled"]) == told(recorded["thin"]) == [True] * 5
    for run in recorded.values():
        assert "Recorded on another machine. On Windows" in repr(run)


def test_recorded_profiles(nowhere):
    """The recorded profile names the import that costs most, and its mended handler has none."""
    before, after = profile_example("eager"), profile_example("lazy")
    assert max(dict(before.bars()), key=dict(before.bars()).get) == "pandas"
    assert "pandas" not in dict(after.bars()) and after.whole < before.whole
    assert "(recorded)" in before.title


def test_lesson_says_what_runs():
    """What the lesson claims of its handlers holds here: laziness moves the import from the start into the first report."""
    lazy, eager = (run_example(f"{name}-provisioned").reports.lines for name in ("lazy", "eager"))
    assert lazy[0].duration_ms > 5 * eager[0].duration_ms
    assert "import pandas" in source("eager").splitlines()[0] and "def handler" in source("lazy").splitlines()[0]
    with pytest.raises(KeyError, match="no example 'nothing'"):
        run_example("nothing")
