"""What an initialisation is spent on, and the local Lambda beside the simulator."""

import pytest
from runtime_handlers import HANDLERS

from lambdacourse import poisson, trace
from lambdacourse.errors import CourseError
from lambdacourse.runtime import compare, import_profile
from lambdacourse.runtime.imports import _tree

# As Python prints it: a module's line comes after those of what it imported, which are indented by two more.
PRINTED = """import time: self [us] | cumulative | imported package
import time:       100 |        100 |     json.scanner
import time:       200 |        300 |   json.decoder
import time:        50 |         50 |   json.encoder
import time:       150 |        500 | json
import time:        10 |         10 | zipimport
"""


def test_printed_times_become_a_tree():
    """Own and total times add up: a total is a module's own time and the totals of what it imported."""
    tree = {module.name: module for module in _tree(PRINTED)}
    assert [inner.name for inner in tree["json"].inside] == ["json.decoder", "json.encoder"]
    assert tree["json"].total == pytest.approx(500e-6) and tree["json"].own == pytest.approx(150e-6)
    for module in tree.values():
        assert module.total == pytest.approx(module.own + sum(inner.total for inner in module.inside))


def test_profile_of_a_handler():
    """The costliest import is named, what it imported is below it, and the bars add up to the whole initialisation."""
    profile = import_profile("imports.handler", HANDLERS)
    bars = dict(profile.bars())
    assert "xml.dom.minidom" in bars and "imports itself" in bars and "json" not in bars
    assert sum(bars.values()) == pytest.approx(profile.whole, rel=0.01, abs=0.002)
    assert {"mailbox", "xml.dom.minidom", "imports"} <= set(profile.table.module)
    totals = [module.total for module in profile.modules()]
    assert totals == sorted(totals, reverse=True)


def test_picture_of_before_and_after(tmp_path):
    """The picture says the same in words, in both themes."""
    (tmp_path / "app.py").write_text("import xml.dom.minidom\ndef handler(event, context): pass", encoding="utf-8")
    before = import_profile("app.handler", tmp_path, title="before")
    (tmp_path / "app.py").write_text("def handler(event, context):\n    import xml.dom.minidom", encoding="utf-8")
    after = import_profile("app.handler", tmp_path, title="after")
    assert "xml.dom.minidom" in dict(before.bars()) and "xml.dom.minidom" not in dict(after.bars())
    picture = before.plot(after)
    assert "Python, runtime client" in picture.alt and "before: " in picture.alt and "xml.dom.minidom" in picture.alt
    assert picture._repr_mimebundle_()["image/png"]


def test_handler_that_cannot_be_imported():
    """A handler that is not there is an error with what Lambda logs."""
    with pytest.raises(CourseError, match="ImportModuleError"):
        import_profile("nowhere.handler", HANDLERS)


class TestCompare:
    def test_same_arrivals_same_cold_starts(self):
        """Requests that overlap, measured and simulated: the same cold starts, concurrency and throttles."""
        times = [0.0, 0.1, 0.2, 3.0, 3.1, 3.2, 3.3, 4.5, 4.6]
        found = compare("app.sleep", trace(times), code=HANDLERS, seconds=6, event=0.6, concurrency_limit=3, timeout=10)
        table = found.table
        assert table.loc["cold starts"].tolist() == [3, 3]
        assert table.loc["peak concurrency"].tolist() == [3, 3]
        assert table.loc["throttled"].tolist() == [1, 1]
        assert table.loc["latency, median (ms)", "measured"] == pytest.approx(
            table.loc["latency, median (ms)", "simulated"], rel=0.5
        )
        assert "Measured on this machine: 9 requests, 3 cold starts" in found.plot().alt
        assert "<table" in found._repr_html_()

    def test_what_cannot_be_compared(self):
        """What is no traffic, or brings no request, is said."""
        with pytest.raises(TypeError, match=r"must be traffic, such as poisson\(5\)"):
            compare("app.echo", 5, code=HANDLERS)
        with pytest.raises(ValueError, match="no request was served"):
            compare("app.echo", poisson(0), code=HANDLERS, seconds=1)
