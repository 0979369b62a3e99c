"""Pictures, read by their data: what is drawn is what was counted, labels have units, and the colours work for everyone."""

import itertools
import subprocess
import sys
from base64 import b64decode

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from lambdacourse import Account, ColdStart, Function, Sync, exponential, plots, poisson, simulate, spike, steady, trace
from lambdacourse.plots import DARK, LIGHT, round_up

API = Function("api", duration=exponential(0.3), idle_timeout=0.5)
SHORT = Function("short", duration=0.01, reserved_concurrency=3, cold_start=ColdStart(init=0.5))
QUIET = Function("quiet", duration=1)
ACCOUNT = Account(concurrency_limit=60, unreserved_minimum=0)
PANELS = ["api", "short", "quiet"]
BOTH_THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


@pytest.fixture(scope="module")
def run():
    """600 bins of 0.1 s, which a picture shows as 200 of 0.3 s."""
    return simulate(Sync(API, spike(50, 400, 20, 5)), Sync(SHORT, poisson(200)), QUIET, account=ACCOUNT, seed=2, record=True)


@pytest.fixture(scope="module")
def axes(run):
    """The panels by function: requests, concurrency."""
    flat = run.plot().figure.axes
    return {name: (flat[2 * row], flat[2 * row + 1]) for row, name in enumerate(PANELS)}


def extent(area, places):
    """Between which heights a stepped area lies at each of ``places``."""
    vertices = area.get_paths()[0].vertices
    (x, y), (next_x, next_y) = vertices[:-1].T, vertices[1:].T
    level = (y == next_y) & (x != next_x)
    low, high = np.minimum(x, next_x)[level], np.maximum(x, next_x)[level]
    found = [y[level][(low < place) & (place < high)] for place in places]
    return np.array([heights.min() for heights in found]), np.array([heights.max() for heights in found])


def areas(panel):
    """The stacked areas of a panel, by the name of their colour."""
    names = {to_hex(getattr(LIGHT, name)): name for name in ("warm", "cold", "throttled")}
    return {names[to_hex(area.get_facecolor()[0])]: area for area in panel.collections if isinstance(area, PolyCollection)}


def by_third_of_a_second(run, name):
    """Requests per second by outcome, from the records."""
    table = run[name].requests
    edges = np.arange(0, 60.1, 0.3)
    throttled = table.outcome == "throttled"
    chosen = {"warm": ~throttled & ~table.cold, "cold": table.cold, "throttled": throttled}
    return {outcome: np.histogram(table.time[which] + 1e-12, edges)[0] / 0.3 for outcome, which in chosen.items()}


MIDDLES = np.arange(200) * 0.3 + 0.15


@pytest.mark.parametrize("name", ["api", "short"])
def test_areas_are_the_requests(run, axes, name):
    """Warm, cold and throttled stand on each other, each as high as the requests per second that there were."""
    drawn, counted = areas(axes[name][0]), by_third_of_a_second(run, name)
    assert set(drawn) == {"warm", "cold", "throttled"}
    below = np.zeros(200)
    for outcome in ("warm", "cold", "throttled"):
        low, high = extent(drawn[outcome], MIDDLES)
        assert low == pytest.approx(below, abs=1e-6)
        assert high - low == pytest.approx(counted[outcome], abs=1e-6)
        below = high
    assert below.max() <= axes[name][0].get_ylim()[1]


@pytest.mark.parametrize("row", [0, 1, 2])
def test_line_is_the_concurrency(run, axes, row):
    """The line is the mean concurrency in each third of a second, and within the panel."""
    panel = axes[PANELS[row]][1]
    (line,) = (line for line in panel.lines if line.get_drawstyle() == "steps-post")
    edges, values = line.get_xdata(), line.get_ydata()[:-1]
    assert edges == pytest.approx(np.arange(201) * 0.3)
    table = run[PANELS[row]].requests.query("outcome != 'throttled'")
    busy = [
        (np.minimum(table.time + table.latency, end) - np.maximum(table.time, end - 0.3)).clip(lower=0).sum()
        for end in edges[1:]
    ]
    assert values == pytest.approx(np.array(busy) / 0.3, abs=1e-6)
    assert values.max() <= panel.get_ylim()[1]


def test_limit_is_what_a_function_may_have(axes):
    """A dashed line with its value: a reservation's, or what the reservations of others leave of the account's."""
    for name, limit in (("api", 57), ("short", 3)):
        panel = axes[name][1]
        dashed = [line for line in panel.lines if set(line.get_ydata()) == {limit}]
        assert len(dashed) == 1 and dashed[0].get_linestyle() == "--"
        assert any(str(limit) in text.get_text() for text in panel.texts)
        assert panel.get_ylim()[1] >= limit


def test_no_limit_no_line():
    """Without a limit there is none, and a limit far out of sight does not flatten what there is."""
    for account in (Account(concurrency_limit=None), Account(concurrency_limit=100_000)):
        panel = simulate(Sync(API, poisson(20)), account=account).plot().figure.axes[1]
        assert [line.get_drawstyle() for line in panel.lines] == ["steps-post"] and panel.get_ylim()[1] < 50


def test_labels_have_units(run):
    """Every axis says what it shows and in what; every panel says of which function."""
    for name, (left, right) in zip(PANELS, np.reshape(run.plot().figure.axes, (3, 2)), strict=True):
        assert left.get_xlabel() == right.get_xlabel() == "time (s)"
        assert left.get_ylabel() == "requests/s"
        assert "environments" in right.get_ylabel()
        assert left.get_title("left").startswith(name) and right.get_title("left").startswith(name)


def test_the_colours_are_named(axes):
    """The names of the colours that occur stand in the picture."""
    words = " ".join(text.get_text() for text in axes["api"][0].texts)
    for name in ("warm", "cold", "throttled"):
        assert name in words


@pytest.mark.parametrize("seconds", [0.05, 10, 24, 24.1, 60, 119.99, 300, 5_000])
def test_pictures_of_any_length(seconds):
    """The time axis begins at 0 and shows the run to its end; a thousand bins are drawn as at most 240."""
    left, right = simulate(Sync(QUIET, steady(20)), seconds=seconds, warm_up=30).plot().figure.axes
    (line,) = (line for line in right.lines if line.get_drawstyle() == "steps-post")
    assert len(line.get_ydata()) <= 241
    for panel in (left, right):
        low, high = panel.get_xlim()
        assert low == 0 and seconds <= high + 1e-9 and high <= max(1.1 * seconds, 0.1)
    _, high = extent(areas(left)["warm"], [seconds * 0.7 + 1e-6])
    assert seconds < 1 or high == pytest.approx(20, rel=0.1)


# Swim lanes


def test_lanes_are_the_requests():
    """Each request is a bar in the lane of its environment, its initialisation before it; a throttled one is a cross below."""
    function = Function("api", duration=1, cold_start=ColdStart(init=0.5))
    account = Account(concurrency_limit=2, unreserved_minimum=0)
    run = simulate(Sync(function, trace([0, 0.25, 1, 2, 9])), account=account, seconds=10, record=True)
    (panel,) = run["api"].plot_lanes(5).figure.axes
    bars = {to_hex(part.get_color()[0]): part.get_segments() for part in panel.collections if isinstance(part, LineCollection)}
    running, starting = bars[to_hex(LIGHT.warm)], bars[to_hex(LIGHT.cold)]
    assert [line.tolist() for line in running] == [[[0.5, 1], [1.5, 1]], [[0.75, 2], [1.75, 2]], [[2, 2], [3, 2]]]
    assert [line.tolist() for line in starting[:2]] == [[[0, 1], [0.5, 1]], [[0.25, 2], [0.75, 2]]]
    (crosses,) = (part for part in panel.collections if isinstance(part, PathCollection))
    assert crosses.get_offsets().tolist() == [[1, 0]]
    assert panel.get_xlabel() == "time (s)" and "environment" in panel.get_ylabel()


# Axes that rarely change


@given(st.floats(1e-12, 1e15), st.floats(1, 10))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_round_up(value, factor):
    """The top of an axis is above the value with a little room, not far above, and never falls when the value rises."""
    assert 1.02 * value <= round_up(value) <= 2.1 * value
    assert round_up(value) <= round_up(value * factor)


def test_round_up_rarely_changes():
    """There are few tops in a decade, the same in each; and nothing, or less, has one too."""
    tops = {round_up(value) for value in np.linspace(1, 10, 10_000)}
    assert len(tops) <= 9
    assert all(round_up(100 * value) == pytest.approx(100 * round_up(value)) for value in np.linspace(1, 10, 100))
    assert round_up(0) == round_up(-5) == round_up(float("nan")) == 1


# Colours

MACHADO = {  # Machado, Oliveira, Fernandes (2009), severity 1.0, for linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
MEANINGS = ["warm", "cold", "provisioned", "throttled", "queued", "failed"]


def linear(colour):
    """sRGB without its gamma."""
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB, under D65."""
    ratio = XYZ @ np.clip(rgb, 0, 1) / XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other="white"):
    """WCAG's contrast ratio."""
    dark, light = sorted(float(linear(colour) @ XYZ[1]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def difference(one, other, eyes):
    """CIE76: the distance in L*a*b* of two colours, as ``eyes`` see them."""
    return float(np.linalg.norm(lab(MACHADO[eyes] @ linear(one)) - lab(MACHADO[eyes] @ linear(other))))


def test_colour_arithmetic():
    """The oracle itself: white, black and red in L*a*b*; the contrast of black, and of the grey that just passes; greys stay grey."""
    assert lab(linear("white")) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear("black")) == pytest.approx([0, 0, 0], abs=0.01)
    assert lab(linear("#FF0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert contrast("black") == pytest.approx(21) and contrast("#767676") == pytest.approx(4.54, abs=0.01)
    for eyes, matrix in MACHADO.items():
        assert np.sum(matrix, axis=1) == pytest.approx(1, abs=1e-5), eyes
    assert difference("#FF0000", "#00FF00", "deuteranopia") < 0.6 * difference("#FF0000", "#00FF00", "normal")


PAIRS = list(itertools.combinations(MEANINGS, 2))


@pytest.mark.parametrize("eyes", MACHADO)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@BOTH_THEMES
def test_colours_can_be_told_apart(theme, pair, eyes):
    """Any two meanings differ by at least 12 in CIE76, for normal sight and for each kind of colour blindness."""
    one, other = (getattr(theme, name) for name in pair)
    assert difference(one, other, eyes) >= 12


@BOTH_THEMES
def test_contrast_of_fills_is_reported(theme):
    """Fills need no contrast of their own, but one may look: ``pytest -rP``. Each is at least visible on the paper."""
    for name in (*MEANINGS, "busy", "idle"):
        ratio = contrast(getattr(theme, name), theme.paper)
        print(f"{theme.name} {name:12} {getattr(theme, name)}  contrast on paper {ratio:.2f}")
        assert ratio > 1.3


@BOTH_THEMES
def test_text_can_be_read(run, theme):
    """Every text has a contrast of 4.5 to 1 at least; marks of a key show the colour that they stand for."""
    figure = run.plot().draw(theme)
    assert to_hex(figure.get_facecolor()) == to_hex(theme.paper)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip(" ■")]
    assert len(texts) > 20
    for text in texts:
        assert contrast(text.get_color(), theme.paper) >= 4.5, text.get_text()
    for colour in (theme.ink, theme.axis, theme.limit):
        assert contrast(colour, theme.paper) >= 4.5
    marks = {to_hex(text.get_color()) for text in figure.findobj(Text) if text.get_text() == "■"}
    assert marks == {to_hex(colour) for colour in (theme.warm, theme.cold, theme.throttled)}


# Manners


def test_pictures_leave_no_trace(run):
    """Drawing changes none of matplotlib's settings, and does not load pyplot, which would keep every figure."""
    before = dict(matplotlib.rcParams)
    for theme in (LIGHT, DARK):
        run.plot().draw(theme)
    assert dict(matplotlib.rcParams) == before
    code = """
from lambdacourse import *
simulate(Sync(Function("api", duration=1), poisson(1))).plot()._repr_mimebundle_()
import sys
print("matplotlib.pyplot" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8").stdout
    assert said.strip() == "False"


def test_pictures_can_be_heard(run):
    """A picture says in words what it shows, in the notebook too, on light and on dark paper."""
    picture = run.plot()
    assert all(name in picture.alt for name in PANELS)
    shown = picture._repr_mimebundle_()
    assert shown["text/plain"] == picture.alt and shown["text/html"].count(f'alt="{picture.alt}"') == 2
    assert b64decode(shown["image/png"]).startswith(b"\x89PNG")


def test_words_of_a_picture_cannot_break_out():
    """A function's name stands in the page as text, whatever characters it has."""
    run = simulate(Sync(Function('"><script>&', duration=1), poisson(1)), seconds=5)
    assert "<script>" not in run.plot()._repr_mimebundle_()["text/html"]


ROWS = [("library", 0.4, "cold"), ("own", 0.1, "warm")]


def test_bars_beside_each_other_share_a_scale():
    """Bars in panels are as long as their values, on one scale, with their values in words."""
    figure = plots.bar_panels("seconds", {"before": ROWS, "after": ROWS[1:]}, plots.written_seconds).figure
    before, after = figure.axes
    assert [bar.get_width() for bar in before.patches] == [0.4, 0.1] and [bar.get_width() for bar in after.patches] == [0.1]
    assert before.get_xlim() == after.get_xlim()
    assert "before: library 400 ms, own 100 ms" in plots.bar_panels("seconds", {"before": ROWS}, plots.written_seconds).alt


def test_stacks_add_up():
    """The parts of a stacked bar follow each other, each as wide as its value."""
    axes = Figure().subplots()
    axes.set_xlim(0, 1)
    drawn = plots.stacks(axes, [("first", ROWS), ("second", [])])
    parts = [each for each in drawn if hasattr(each, "get_width")]
    assert [x for part in parts for x in (part.get_x(), part.get_width())] == pytest.approx([0.0, 0.4, 0.4, 0.1])
    assert {"first", "second"} <= {each.get_text() for each in drawn if hasattr(each, "get_text")}


def test_lanes_under_each_other_share_their_scales():
    """Two runs as lanes, one under the other: the same seconds, the same number of lanes, both in words."""
    one = plots.Lanes(*(np.array(each) for each in ([0.0, 0.1], [0, 1], [0.1, 0.0], [0.5, 0.5], [False, False])))
    two = plots.Lanes(*(np.array(each) for each in ([0.0], [0], [0.1], [0.5], [False])))
    picture = plots.lanes_pictures(2, {"measured": one, "simulated": two})
    above, below = picture.figure.axes
    assert above.get_xlim() == below.get_xlim() == (0, 2) and above.get_ylim() == below.get_ylim() == (0, 3)
    assert "measured: 2 requests, 1 cold starts; simulated: 1 requests" in picture.alt
