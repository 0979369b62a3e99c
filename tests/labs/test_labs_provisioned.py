"""The lab of lesson 02: it shows what ``simulate`` gives, beside the same hour with nothing set, and what AWS refuses."""

import math

import pytest

from lambdacourse.labs import provisioned_lab
from lambdacourse.labs.provisioned import CHOICES, PRESETS, START, look, simulate_hour
from lambdacourse.pricing import provisioned_multiple


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def lab():
    return provisioned_lab()


@pytest.mark.parametrize("preset", [*PRESETS, "reserved and provisioned"])
def test_lab_shows_the_simulation(lab, preset):
    """Figures, table and sentence are those of ``simulate`` with the same settings, also of the code that the lab shows."""
    lab.set(**PRESETS.get(preset, {**START, "burst": 800, "reserved": 200, "provisioned": 120}))
    settings, view = lab.settings, lab.view
    run, plain = simulate_hour(**settings), simulate_hour(**{**START, "burst": settings["burst"]})
    shop, numbers = run["shop"], {number.label: number for number in view.numbers}
    assert numbers["shop throttled"].simulated == f"{shop.throttle_rate:.1%}"
    assert numbers["shop throttled"].predicted == f"{plain['shop'].throttle_rate:.1%}"
    assert numbers["shop cold starts"].simulated == f"{shop.cold_starts:,}"
    assert numbers["shop spilled over"].simulated == f"{shop.spillovers:,}"
    assert numbers["reports throttled"].simulated == (
        f"{run['reports'].throttle_rate:.1%}" if settings["burst"] else "no requests"
    )
    assert numbers["the hour costs"].simulated == f"${run.bill().total:.2f}"
    use = shop.provisioned_utilisation
    assert math.isnan(use) == (settings["provisioned"] == 0)
    if settings["provisioned"]:
        assert numbers["duration on it costs"].simulated == f"{provisioned_multiple(use):.2f} × on-demand"
        assert ("dearer" in view.sentence) == (use < 0.6)
    names = ("provisioned", "warm", "cold", "throttled")
    seconds = 3_600 / len(view.table)
    assert sum(view.table[f"shop, {name} (requests/s)"].sum() for name in names) * seconds == pytest.approx(shop.arrivals)
    assert view.table["shop: provisioned"].mean() == pytest.approx(shop.mean_provisioned)
    namespace: dict = {}
    exec(view.code.replace("run.summary()", ""), namespace)
    assert namespace["run"]["shop"].throttles == shop.throttles


def test_what_the_lesson_asks_for():
    """The answers to the lesson's three questions: both reservations protect the shop, 150 start nothing cold, a schedule pays."""
    settings = {name: simulate_hour(**preset) for name, preset in PRESETS.items()}
    assert settings["a noisy neighbour"]["shop"].throttle_rate > 0.05
    for protected in ("the shop reserved", "the neighbour capped"):
        assert settings[protected]["shop"].throttles == 0
    assert settings["the neighbour capped"]["reports"].throttles > settings["the shop reserved"]["reports"].throttles
    assert settings["provisioned"]["shop"].cold_starts == 0 and settings["provisioned"]["shop"].provisioned_utilisation < 0.5
    assert settings["on a schedule"]["shop"].provisioned_utilisation > 0.6


def test_target_tracking_keeps_what_nobody_uses():
    """After the shop has closed, nothing is scaled in; a schedule does."""
    tracked, planned = (look(**PRESETS[name]).table["shop: provisioned"] for name in ("target tracking", "on a schedule"))
    assert tracked.iloc[-1] == tracked.max() > 100 and planned.iloc[-1] == 0


def test_each_control_moves_the_lab(lab):
    """Every control, moved alone, changes the figures."""
    start = {**START, "burst": 800, "provisioned": 50}
    for choice in CHOICES:
        lab.set(**start)
        before = [number.simulated for number in lab.view.numbers]
        control = lab.controls[choice.name]
        values = list(choice.values)
        control.value = values[(values.index(control.value) + 1) % len(values)]
        assert [number.simulated for number in lab.view.numbers] != before, choice.name


def test_what_aws_refuses_is_said(lab):
    """More provisioned than reserved is no picture but AWS's rule, and the lab goes on afterwards."""
    lab.set(**{**START, "reserved": 100, "provisioned": 150})
    assert lab.view.sentence.startswith("AWS refuses this.") and "100" in lab.view.sentence and lab.view.numbers == ()
    lab.set(**START)
    assert "throttled for 0.0%" in lab.view.sentence


@pytest.mark.parametrize(("reserved", "granted"), [(100, False), (150, True), ("none", True)])
def test_a_schedule_that_asks_for_more_than_is_reserved(reserved, granted):
    """Its action is refused when its time has come, and nothing is provisioned: the lab says why."""
    setting = {**START, "reserved": reserved, "provisioned": 150, "scaling": "schedule"}
    assert (simulate_hour(**setting)["shop"].mean_provisioned > 0) == granted
    assert ("the schedule asks for, 150, which is above the 100 reserved" in look(**setting).sentence) != granted


def test_static_twin():
    """Without widgets it prints the same figures for the settings given."""
    still = provisioned_lab().static(**PRESETS["provisioned"])
    assert "provisioned in use: as set" in str(still) and still._repr_mimebundle_()["image/png"]
