"""Every control of every lab, set in Python as a learner sets it: the figures are those of a direct run with the same values."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from lambdacourse.labs import coldstarts, concurrency, cost, network, operating, provisioned, queues, streams
from lambdacourse.labs.lab import Lab
from lambdacourse.network import DESTINATIONS, designs, interfaces, month, reach
from lambdacourse.pricing import charges, lambda_month
from lambdacourse.pricing.bills import money
from lambdacourse.quantities import written


@dataclass(frozen=True)
class Case:
    """A lab, its module, and how its figures come from a direct run."""

    make: Any
    module: Any
    direct: Any


def of_concurrency(settings):
    run = concurrency.simulate_minute(**settings)["api"]
    return {"throttled": f"{run.throttle_rate:.1%}", "cold starts": f"{run.cold_starts:,}"}


def of_provisioned(settings):
    run = provisioned.simulate_hour(**settings)
    return {"shop cold starts": f"{run['shop'].cold_starts:,}", "the hour costs": f"${run.bill().total:.2f}"}


def of_coldstarts(settings):
    names = {"memory_mb": "memory", "package": "package", "package_mb": "megabytes", "function_init": "init"}
    chosen = {argument: settings[name] for argument, name in names.items()}
    cold = coldstarts.ColdStart.of(settings["runtime"], **chosen)
    if settings["help"] == "snapstart":
        del chosen["function_init"]
        cold = coldstarts.ColdStart.of(settings["runtime"], **chosen, snapstart=True)
    starts, _ = coldstarts.measured(cold, settings["gap"], settings["idle"], ping=settings["help"] == "warmer")
    return {"cold, simulated": f"{starts.mean():.2%}"}


def of_network(settings):
    place, called = designs(settings["zones"])[settings["design"]], DESTINATIONS[settings["calls"]]
    bill = charges(**month(place, {called: settings["gb"]}))
    now = str(interfaces(place, connections=settings["concurrency"])) if place else "0"
    return {
        "the call": str(reach(place, called).observed),
        "network, a month": f"${bill.total:,.2f}",
        "network interfaces, today": now,
    }


def of_queues(settings):
    orders = queues.simulate_peak(**settings)["orders"]
    return {
        "to the dead-letter queue": f"{orders.dead_lettered:,}",
        "receives per message": written(orders.received / orders.sent),
    }


def of_streams(settings):
    clicks = streams.simulate_minutes(**settings)["clicks"]
    return {"records/s processed": written(clicks.processed / 120), "handed over again": f"{clicks.repeated:,}"}


def of_cost(settings):
    work = cost.Work(settings["cpu"] / 1000, settings["wait"] / 1000)
    rate = settings["requests"] / (730 * 3600)
    return {"Lambda, a month": money(lambda_month(work, settings["memory"], rate, settings["architecture"]))}


def of_operating(settings):
    run = operating.simulate_trouble(**settings)
    if run.queues:
        return {"throttles, errors": f"{run['api'].throttles}, {run['api'].errors}"}
    return {"sent per request": f"{run['api'].callers.attempts_per_request:.2f}"}


CASES = {
    "01": Case(concurrency.concurrency_lab, concurrency, of_concurrency),
    "02": Case(provisioned.provisioned_lab, provisioned, of_provisioned),
    "03": Case(coldstarts.coldstarts_lab, coldstarts, of_coldstarts),
    "04": Case(network.network_lab, network, of_network),
    "05": Case(queues.queues_lab, queues, of_queues),
    "06": Case(streams.streams_lab, streams, of_streams),
    "07": Case(cost.cost_lab, cost, of_cost),
    "08": Case(operating.operating_lab, operating, of_operating),
}
MOVED = [(lesson, choice.name) for lesson, case in CASES.items() for choice in case.module.CHOICES]
SETTINGS = {
    "02": {"provisioned": 50, "burst": 300},
    "03": {"help": "warmer"},
    "04": {"design": "NAT in each zone"},
    "05": {"rate": 50},
}
"""Where a lab's start leaves a control without effect, one in which it has some."""


@pytest.fixture(scope="module")
def labs() -> dict[str, Lab]:
    return {lesson: case.make(**SETTINGS.get(lesson, {})) for lesson, case in CASES.items()}


@pytest.mark.parametrize(("lesson", "name"), MOVED)
def test_control_leads_to_its_run(labs, lesson, name):
    """The control, moved by one: the figures become those of a direct run; moved back, the first picture is there again."""
    lab, case = labs[lesson], CASES[lesson]
    control, before = lab.controls[name], lab.picture.png
    start, values = control.value, list(next(each for each in case.module.CHOICES if each.name == name).values)
    control.value = values[(values.index(start) + 1) % len(values)]
    shown = {number.label: number.shown(lab.view.compared) for number in lab.view.numbers}
    for label, figure in case.direct(lab.settings).items():
        assert shown[label] == figure, label
    control.value = start
    assert lab.picture.png == before


@pytest.mark.parametrize("lesson", CASES)
def test_lab_has_what_every_lab_has(labs, lesson):
    """Units on each control, ranges that step evenly on a log scale, presets, a formula for each figure, a table, code, a sentence."""
    lab, module = labs[lesson], CASES[lesson].module
    still = lab.static(**lab.settings)
    assert (still.light, still.view.numbers) == (lab.picture.png, lab.view.numbers) and still.dark != still.light
    for choice in module.CHOICES:
        assert len(choice.labels) == len(set(choice.labels)) == len(choice.values), choice.name
        numbers = [abs(value) for value in choice.values if isinstance(value, (int, float)) and value]
        assert all(max(one, other) / min(one, other) <= 10 for one, other in itertools.pairwise(numbers)), choice.name
    assert len(module.PRESETS) >= 4
    view = lab.view
    assert all(number.formula for number in view.numbers) and len(view.numbers) >= 3
    assert len(view.table) > 3 and view.code.count("\n") >= 1 and view.sentence.endswith(".")
    for frame in view.frames:
        assert frame.title and (frame.x_label or frame.y_label or type(frame).__name__ == "Sheet")
