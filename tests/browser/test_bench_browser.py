"""What ``lambdacourse bench --labs`` measures in a browser is there to be measured."""

import pytest

from lambdacourse.bench import browser
from lambdacourse.errors import CourseError


def test_a_lab_is_moved_and_timed():
    """JupyterLab, a lab, a slider and its picture are found; a picture takes longer than a frame and less than the time to wait."""
    took = browser.labs(["cost"])
    assert list(took) == ["cost"] and 16 < took["cost"] < 1000 * browser.SECONDS


def test_a_browser_that_does_not_start_is_said(monkeypatch):
    """What was measured before is not lost with it: the reason is one sentence."""
    monkeypatch.setenv("CHROMIUM", "false")
    with pytest.raises(CourseError, match=r"The labs were not measured in .*false: "):
        browser.labs(["cost"])
