"""The cost lab shows what ``tune``, ``bill`` and ``crossing`` give."""

import pytest
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from lambdacourse.labs import cost_lab
from lambdacourse.labs.cost import CHOICES, PRESETS, SECONDS, START, look
from lambdacourse.memory import Work, tune
from lambdacourse.pricing import bill, crossing, fargate, managed_instances, provisioned_multiple
from lambdacourse.pricing.bills import money


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def lab():
    return cost_lab()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_lab_shows_the_prices(lab, preset):
    """Figures, sentence and the code that is shown say what the same arguments give outside the lab."""
    settings = {**START, **PRESETS[preset]}
    lab.set(**settings)
    numbers = {number.label: number for number in lab.view.numbers}
    work = Work(settings["cpu"] / 1000, settings["wait"] / 1000)
    memory, requests, bursts = (settings[name] for name in ("memory", "requests", "burstiness"))
    month = bill(requests, 1000 * work.duration(memory), memory, free_tier=False)
    assert numbers["Lambda, a month"].predicted == money(month.total) and money(month.total) in lab.view.sentence
    for_requests = bill(requests, 0, memory, free_tier=False).total
    provisioned = for_requests + (month.total - for_requests) * provisioned_multiple(1 / bursts)
    assert numbers["provisioned, a month"].predicted == money(provisioned)
    for name, fleet in (("Fargate", fargate()), ("Managed Instances", managed_instances())):
        assert numbers[f"{name}, a month"].predicted == money(fleet.month(work, requests / SECONDS, bursts))
        never = crossing(work, memory, fleet, bursts) == float("inf")
        assert (numbers[f"{name} from"].predicted == "never") == never
    namespace: dict = {}
    imports = "from lambdacourse.memory import Work, tune\nfrom lambdacourse.pricing import bill, crossing, fargate\n"
    exec(imports + lab.view.code, namespace)
    assert namespace["month"].total == month.total


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PRESETS["once an hour"], "5,000 ms of computing take 8,638 ms with 1,024 MB."),
        ({"cpu": 5000}, "5,000 ms of computing and 200 ms of waiting take 17,475 ms with 512 MB."),
        ({}, "20 ms of computing and 200 ms of waiting take 269.1 ms with 512 MB."),
    ],
)
def test_long_requests_are_written_in_full(settings, words):
    """Thousands of milliseconds are written as one reads them: 5 s of computing at 1,024 MB of 1,769 take 8,638 ms."""
    view = look(**{**START, **settings})
    assert view.sentence.startswith(words)
    assert next(each for each in view.numbers if each.label == "one request").predicted in words


def test_picture_draws_the_tuning(lab):
    """The table of the picture is the cost of each way over the requests of a month; the tuning's points are on the curves."""
    view = look(**START)
    table = view.table.set_index("requests a month")
    for requests in table.index[[0, 10, -1]]:
        month = bill(round(requests), 1000 * Work(0.02, 0.2).duration(512), 512, free_tier=False)
        assert table.loc[requests, "Lambda (USD)"] == pytest.approx(month.total, rel=1e-5)
    drawn = view.data(lab._boards[next(iter(lab._boards))].axes, next(iter(lab._boards)))
    costs = [each.cost for each in tune(Work(0.02, 0.2)).settings]
    assert any(getattr(artist, "get_ydata", None) and list(artist.get_ydata()) == costs for artist in drawn)
    for artist in drawn:
        artist.remove()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_names_do_not_lie_on_lines(lab, preset):
    """In each preset the name of each way but Lambda has a place between the lines (the tail of a g may touch one)."""
    view = look(**{**START, **PRESETS[preset]})
    lab.static(**{**START, **PRESETS[preset]})
    board = next(iter(lab._boards.values()))
    drawn = [each for each in view.data(board.axes, board.theme) if each.axes is board.axes[2]]
    lines = [each.get_transform().transform(each.get_xydata()) for each in drawn if isinstance(each, Line2D)]
    for words in (each for each in drawn if isinstance(each, Annotation) and each.get_text() not in ("", "Lambda")):
        box = words.get_window_extent()
        for line in lines:
            x, y = line.T
            assert not ((x > box.x0) & (x < box.x1) & (y > box.y0 + 2) & (y < box.y1)).any(), words.get_text()
    for artist in drawn:
        artist.remove()


def test_each_control_moves_the_picture(lab):
    """Every control, moved alone, changes the figures."""
    lab.set(**START)
    for choice in CHOICES:
        before = lab.view.numbers
        control = lab.controls[choice.name]
        start = control.value
        control.value = choice.values[(list(choice.values).index(start) + 1) % len(choice.values)]
        assert lab.view.numbers != before, choice.name
        control.value = start
        assert lab.view.numbers == before, choice.name


def test_every_value_can_be_shown():
    """No setting of the sliders breaks the view: both ends of each, with both ends of the others."""
    for memory in (128, 10_240):
        for cpu in (1, 5000):
            for wait in (0, 5000):
                for requests in (10**5, 10**10):
                    for burstiness in (1, 20):
                        view = look(memory, cpu, wait, requests, burstiness, "arm64")
                        assert view.sentence and len(view.table) > 20


def test_lab_reads_without_a_kernel(lab):
    """The static twin has the picture in light and dark, its numbers and its sentence."""
    still = lab.static(memory=1024)
    assert still.light != still.dark and "1,024 MB" in str(still) and "Fargate" in str(still)
