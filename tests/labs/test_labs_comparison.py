"""Two settings side by side: what is kept stays, both figures are those of the two runs, and what is apart is said."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from lambdacourse.labs import concurrency_lab, network_lab
from lambdacourse.labs.comparison import compared, difference
from lambdacourse.labs.concurrency import START, look, simulate_minute
from lambdacourse.plots import LIGHT, Frame, faint, shared
from lambdacourse.quantities import written


@pytest.mark.parametrize(
    "a, b, said",
    [
        ("100 busy", "150 busy", "+50 %"),
        ("100 busy", "20 busy", "÷ 5"),
        ("100", "1,000", "× 10"),
        ("0", "12", "+12"),
        ("12 s", "0 s", "−12 s"),
        ("3.0%", "1.5%", "−1.5 points"),
        ("500 ms", "1.5 s", "× 3"),
        ("$73.00", "$0.00", "−$73"),
        ("20 million", "2 billion", "× 100"),
        ("7", "7", "="),
        ("never", "12 s", ""),
        ("12 s", "12 MB", ""),
        ("an answer", "an answer", ""),
        ("", "5", ""),
    ],
)
def test_difference(a, b, said):
    """Figures of one unit are told apart in the way that reads best; what is no figure, or of another unit, is not."""
    assert difference(a, b) == said


@given(one=st.integers(1, 10**7), other=st.integers(1, 10**7))
def test_difference_leads_from_one_to_the_other(one, other):
    """What is said of two figures leads from the first to the second."""
    said = difference(f"{one:,}", f"{other:,}")
    sign, number = said[0], float(said[1:].replace(",", "").replace("%", "") or "nan")
    found = {"=": one, "×": one * number, "÷": one / number, "+": one * (1 + number / 100), "−": one * (1 - number / 100)}
    assert found[sign] == pytest.approx(other, rel=0.02)


def test_kept_setting_stays_beside_the_present_one():
    """A keeps its figures while B moves; the figures are those of two direct runs; dropped, one setting is shown again."""
    lab = concurrency_lab(rate=1_000, limit=200)
    alone = lab.picture.png
    lab.keep_button.click()
    lab.controls["limit"].value = 500
    runs = [simulate_minute(1_000, 0.5, limit)["api"] for limit in (200, 500)]
    shown = lab._numbers.value
    row = "".join(f"<td>{run.throttle_rate:.1%}</td>" for run in runs)
    assert f'<th scope="row">throttled</th>{row}<td>−' in shown
    assert '<th scope="row">concurrency limit</th><td>200</td><td>500</td>' in shown
    assert '<th scope="col">A</th><th scope="col">B</th>' in shown and "rate</th>" not in shown
    assert "A, dotted in the picture:" in lab._kept_words.value and lab._sentence.value.count("B: 1,000 requests") == 1
    assert lab.picture.alt.startswith("A, dotted in the picture: ") and " B: " in lab.picture.alt
    assert lab.picture.png != alone and not lab.drop_button.disabled
    still = lab.static(compare={"limit": 200}, rate=1_000, limit=500)
    assert written(runs[0].invocations / 60) in str(lab.static(compare={"limit": 200, "rate": 1_000}, limit=500, rate=1_000))
    assert (
        "concurrency limit: A 200; B 500" in str(still)
        and '<th scope="col">difference</th>' in still._repr_mimebundle_()["text/html"]
    )
    lab.drop_button.click()
    lab.controls["limit"].value = 200
    assert lab.picture.png == alone and lab._kept_words.value == "" and lab.drop_button.disabled


def test_what_is_kept_is_what_was_shown():
    """While the newest setting is still being worked on, A is the one that stands on the page."""
    lab = concurrency_lab()

    async def drag():
        lab.controls["rate"].value = 20
        lab.keep()
        await lab._task

    asyncio.run(drag())
    assert [row.a for row in compared(lab._kept, lab._shown) if row.label == "rate"] == ["10/s"]


def test_nothing_is_cut_off():
    """The axes hold both settings, also when A is far larger; panels that show different things are left as they are."""
    large, small = (look(**{**START, "rate": rate}) for rate in (5_000, 100))
    both = shared(large.frames, small.frames)
    assert all(frame.y_range[1] == big.y_range[1] for frame, big in zip(both, large.frames, strict=True))
    lanes = look(**START)
    assert [frame is None for frame in shared(large.frames, lanes.frames)] == [False, False, True]
    scene = network_lab().static()
    assert shared(scene.view.frames, scene.view.frames) == [None, None]


def test_faint_keeps_lines_and_outlines():
    """Of A, lines and outlines are left, dotted; words, bars in lanes and other panels' artists are taken off the axes."""
    lab = concurrency_lab()
    board, view = lab._boards[LIGHT], look(**START)
    drawn = view.data(board.axes, LIGHT)
    kept = faint(drawn, board.axes[:2], LIGHT)
    assert kept and all(artist.axes in board.axes[:2] for artist in kept)
    assert any(isinstance(artist, Line2D) for artist in kept) and not any(isinstance(artist, LineCollection) for artist in kept)
    busy = next(artist for artist in kept if isinstance(artist, Line2D))
    assert np.allclose(busy.get_ydata()[:-1].mean(), simulate_minute(**START)["api"].mean_concurrency)
    for artist in kept:
        artist.remove()
    assert not board.axes[2].collections and not board.axes[0].collections


def test_compare_needs_controls_that_are_there():
    """``compare`` is checked as the settings are."""
    with pytest.raises(TypeError, match="no control 'speed'"):
        concurrency_lab().static(compare={"speed": 1})
    assert isinstance(shared([Frame("a", "x", "y", (0, 1), (0, 1))], [Frame("a", "x", "y", (0, 2), (0, 1))])[0], Frame)
