"""The table of cold and warm calls, made small."""

import pytest

from lambdacourse.runtime import Invocation, Invocations
from lambdacourse.runtime.measuring import _lost, measure

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few calls of each kind."""
    monkeypatch.setattr("lambdacourse.runtime.measuring.COLD", 1)
    monkeypatch.setattr("lambdacourse.runtime.measuring.WARM", 10)


def test_the_table(tmp_path):
    """A slow import costs the eager handler its cold start, and the lazy one the call that needs it."""
    (tmp_path / "heavy.py").write_text("import time\ntime.sleep(0.6)\n", encoding="utf-8")
    measured = measure("heavy", layers=[tmp_path], invocations=40, concurrency=4)
    assert measured.lost == 0 and "40 invocations, 4 at once: 0 lost" in str(measured)
    assert min(measured.cold["whole"], measured.needed) > 0.6
    assert measured.cold["lazy"] < measured.cold["whole"] - 0.2
    assert measured.table.loc["imports heavy outside the handler", "cold (ms)"] > 600


def test_a_package_that_is_not_there():
    """What cannot be imported is said, and is no measurement."""
    with pytest.raises(RuntimeError, match="No module named 'no_such_package'"):
        measure("no_such_package")


def test_what_is_lost_is_counted():
    """An event that came back in no answer, for a throttle or an error, is lost; the order of the answers does not matter."""
    answers = [Invocation(str(n), 200, n, time=-n, latency=0.1) for n in (0, 1, 3)]
    throttled = Invocation("2", 429, None, time=0.0, latency=0.0, reason="ConcurrentInvocationLimitExceeded")
    assert _lost(Invocations(answers)) == 1 and _lost(Invocations([*answers, throttled])) == 1
    assert _lost(Invocations([*answers, Invocation("2", 200, 2, time=0.0, latency=0.1)])) == 0
