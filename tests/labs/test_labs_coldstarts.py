"""The lab of lesson 03: every control moves it, its parts add up, and its shares are what the formula says."""

import math

import numpy as np
import pytest

from lambdacourse.labs import coldstarts
from lambdacourse.labs.coldstarts import CHOICES, DURATION, GAPS, PRESETS, RUNTIMES, START, coldstarts_lab, look, measured
from lambdacourse.model import ColdStart

VALUES = {choice.name: list(choice.values) for choice in CHOICES}


@pytest.fixture(scope="module")
def lab():
    return coldstarts_lab(gap=10)


def test_parts_add_up():
    """The phases in the table add up to what the lab calls a cold start, on demand and with SnapStart."""
    view = look(**START)
    sums = view.table.groupby("way").seconds.sum()
    plain = ColdStart.of("python3.13", memory_mb=512, package_mb=50, function_init=1.4)
    assert sums["on demand"] == pytest.approx(plain.seconds, abs=0.002)
    numbers = {each.label: each.predicted for each in view.numbers}
    assert numbers["a cold start takes"] == f"{sums['on demand']:.3g} s"
    assert numbers["with SnapStart"] == f"{sums['SnapStart']:.3g} s"


@pytest.mark.parametrize("gap, idle", [(60, 360), (600, 360), (3_600, 1_800)])
def test_share_is_the_formulas(gap, idle):
    """While one environment does the work, the cold share is exp(-idle timeout / gap)."""
    cold, latencies = measured(ColdStart(init=0.1), gap, idle)
    expected = math.exp(-(idle + 0.1) / gap)
    assert cold.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / len(cold)) + 0.002)
    assert sorted(set(latencies.round(6))) == [DURATION, DURATION + 0.1]


def test_warmer_keeps_one_environment():
    """With a warmer a rare request is warm, unless it meets another one; without, it is mostly cold."""
    alone, warmed = (measured(ColdStart(init=0.1), 1_800, 360, ping=ping)[0] for ping in (False, True))
    assert alone.mean() > 0.7 and warmed.mean() < 0.01
    assert len(warmed) == pytest.approx(len(alone), rel=0.1), "the warmer's own calls are left out"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime(runtime):
    """Each runtime can be drawn with each mitigation, at both ends of the sliders; the sentence says when there is no SnapStart."""
    for end in (0, -1):
        settings = {name: values[end] for name, values in VALUES.items()} | {"runtime": runtime, "gap": 1}
        for help in VALUES["help"]:
            for package in VALUES["package"]:
                view = look(**settings | {"help": help, "package": package})
                assert view.sentence.endswith(".") and len(view.numbers) == 8
    offered = runtime.startswith(("python", "java", "dotnet"))
    assert ("does not offer" in look(**START | {"runtime": runtime, "help": "snapstart", "gap": 10}).sentence) is not offered


def test_ends_of_the_traffic():
    """The rarest and the densest traffic can be simulated."""
    for gap in (GAPS[0], GAPS[-1]):
        assert look(**START | {"gap": gap}).sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "with a request every 10 min, 53.4% of them meet one."),
        ({"gap": 0.05}, "with 20 requests per second, "),
        (
            {"help": "warmer"},
            "with a request every 10 min and a warmer that calls every 5 minutes, 0.0% of the requests meet one.",
        ),
        ({"gap": 0.05, "help": "warmer"}, "with 20 requests per second and a warmer that calls every 5 minutes, "),
    ],
)
def test_the_sentence_says_how_often(changes, words):
    """Requests come every so often or so many per second; a warmer is a reason for few cold starts, not against them."""
    assert words in look(**START | changes).sentence


@pytest.mark.parametrize(("share", "words"), [(0, "0.0%"), (0.0003, "less than 0.1%"), (0.001, "0.1%")])
def test_a_few_are_not_none(share, words, monkeypatch):
    """A share that would be rounded to nothing is said to be small."""
    few = np.arange(10_000) < share * 10_000
    monkeypatch.setattr(coldstarts, "measured", lambda *settings, ping: (few, np.where(few, 1.0, DURATION)))
    assert f"every 10 min, {words} of them" in look(**START).sentence


@pytest.mark.parametrize("name", [choice.name for choice in CHOICES])
def test_each_control_moves_the_lab(lab, name):
    """Moving a control changes what the lab shows, and moving it back restores it."""
    control, start = lab.controls[name], lab.settings[name]
    before = (lab.view.sentence, lab.picture.png)
    control.value = next(value for value in VALUES[name] if value not in (start, VALUES[name][0]) and value != start)
    assert (lab.view.sentence, lab.picture.png) != before
    control.value = start
    assert (lab.view.sentence, lab.picture.png) == before


def test_presets_and_code(lab):
    """Each preset is a setting of the lab; the code that it shows gives its cold start and its share."""
    for settings in PRESETS.values():
        assert look(**START | settings | {"gap": 10}).sentence
    names: dict = {}
    exec("from lambdacourse import ColdStart, Function, Sync, poisson, simulate, steady", names)
    view = look(**START)
    exec(view.code.rpartition("\n")[0], names)
    assert f"{names['run'].cold_start_rate:.1%}" in view.sentence
    assert f"{names['cold'].seconds:.3g} s" in view.sentence
