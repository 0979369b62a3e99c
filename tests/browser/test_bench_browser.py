"""What ``lambdacourse bench --labs`` measures in a browser is there to be measured."""

from lambdacourse.bench import browser


def test_a_lab_is_moved_and_timed():
    """JupyterLab, a lab, a slider and its picture are found; a picture takes longer than a frame and less than the time to wait."""
    took = browser.labs(["cost"])
    assert list(took) == ["cost"] and 16 < took["cost"] < 1000 * browser.SECONDS
