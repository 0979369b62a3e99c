"""The lab of lesson 04 shows what ``reach`` answers and what ``charges`` bills."""

import pytest

from lambdacourse import Function, Sync, exponential, simulate, spike
from lambdacourse.labs import network_lab, plot_connections
from lambdacourse.labs.network import CHOICES, DESIGNS, PRESETS, START, look
from lambdacourse.network import DESTINATIONS, designs, interfaces_until_2019, month, reach
from lambdacourse.pricing import charges


@pytest.fixture(scope="module")
def lab():
    return network_lab()


@pytest.mark.parametrize("setting", [{}, *PRESETS.values(), {"calls": "SQS", "design": "all endpoints", "zones": 3, "gb": 500}])
def test_lab_shows_the_answer_and_the_bill(lab, setting):
    """Sentence, figures and table are those of ``reach`` and ``charges``, also of the code that the lab shows."""
    lab.set(**{**START, **setting})
    settings, view = lab.settings, lab.view
    place, called = designs(settings["zones"])[settings["design"]], DESTINATIONS[settings["calls"]]
    answer, bill = reach(place, called), charges(**month(place, {called: settings["gb"]}))
    numbers = {number.label: number for number in view.numbers}
    assert numbers["the call"].simulated == answer.observed
    assert numbers["network, a month"].simulated == f"${bill.total:,.2f}"
    assert ("the call arrives" in view.sentence) is answer.reaches and answer.missing in view.sentence
    row = view.table.set_index("design").loc[settings["design"]]
    assert row["arrives"] == answer.reaches and row["USD/month"] == pytest.approx(bill.total)
    namespace: dict = {}
    imports = "from lambdacourse.network import DESTINATIONS, designs, month, reach\nfrom lambdacourse.pricing import charges\n"
    exec(imports + view.code, namespace)
    assert namespace["answer"] == answer and namespace["bill"].total == bill.total


def test_every_design_is_compared(lab):
    """The table and the bars have all ten designs, in one order."""
    assert tuple(lab.view.table["design"]) == DESIGNS and len(DESIGNS) == 10


def test_nothing_is_compared_with_itself():
    """Without a VPC there is one column, with one there are two."""
    assert not any(number.predicted for number in look(**START).numbers)
    assert all(number.predicted for number in look(**{**START, "design": "IPv6"}).numbers)


def test_each_control_moves_what_is_shown(lab):
    """Every control, moved alone, changes the sentence or a figure."""
    lab.set(**{**START, "calls": "S3", "design": "NAT in each zone"})
    for choice in CHOICES:
        before = lab.view.sentence, lab.view.numbers
        control = lab.controls[choice.name]
        start = control.value
        control.value = choice.values[(list(choice.values).index(start) + 1) % len(choice.values)]
        assert (lab.view.sentence, lab.view.numbers) != before, choice.name
        control.value = start
        assert (lab.view.sentence, lab.view.numbers) == before, choice.name


def test_interfaces_then_and_now():
    """Then they grew with concurrency, 334 for 1,000 of 1 GB; today it is one for each subnet."""
    for concurrency in (1, 1_000, 10_000):
        view = look(**{**START, "design": "isolated subnets", "concurrency": concurrency})
        then, now = (number.simulated for number in view.numbers if number.label.startswith("network interfaces"))
        assert then == f"{interfaces_until_2019(concurrency, 1024):,}" and now == "2"


def test_frame_stays_while_controls_move():
    """The diagram's frame is the same for every setting, so only what changed is drawn; the bars' changes with their range."""
    frames = {look(**{**START, "design": design, "calls": calls}).frames[0] for design in DESIGNS for calls in ("S3", "SQS")}
    assert len(frames) == 1


@pytest.mark.parametrize("calls", DESTINATIONS)
def test_every_destination_can_be_drawn(lab, calls):
    """No setting breaks the picture, light or dark; it reads without a kernel."""
    still = lab.static(calls=calls, design="NAT in each zone", zones=3, gb=10_000)
    assert still.light != still.dark and DESTINATIONS[calls].name in str(still)


def test_connections_are_environments():
    """The picture of the connection storm says how many environments there were, how many busy, and what the database allows."""
    run = simulate(Sync(Function("api", duration=exponential(0.5)), spike(20, 300, at=10, seconds=10)), seconds=60, seed=1)
    shown = plot_connections(run, allowed=100)
    assert f"up to {run['api'].peak_environments:,}" in shown.alt and "the database allows 100" in shown.alt
    assert shown.figure.axes[0].get_ylim()[1] >= run["api"].peak_environments
