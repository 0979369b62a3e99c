"""Memory: the cost and speed of the same work at each size, and the results of AWS Lambda Power Tuning."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.memory import MEMORIES, Work, read_power_tuning, tune

# The example in the tool's own README: sizes and costs are in the address of the visualization.
ADDRESS = "https://lambda-power-tuning.show/#gAAAAQACAAQABsAL;ZooQR4yvkUa/pQRGRC5zRaADHUVjOftE;QdWhOEMkoziDT5Q4xhiIOMYYiDi6RNc4"
RESULT = {
    "power": "1024",
    "cost": 0.0000651,
    "duration": 3890.9,
    "stateMachine": {"executionCost": 0.0003, "visualization": ADDRESS},
}
STATS = [
    {"averagePrice": 0.0000002083, "averageDuration": 2.9066666666666667, "value": 128},
    {"averagePrice": 0.0000004166, "averageDuration": 2.5, "value": 256},
]


def test_source_lesson_table():
    """The source lesson's table: $2.08, $2.50, $3.33 and $7.34 (it prints $7.35). More memory made it faster, never cheaper."""
    measured = tune({128: 1000, 512: 300, 1024: 200, 3008: 150})
    assert [round(each.cost, 2) for each in measured.settings] == [2.08, 2.5, 3.33, 7.34]
    assert measured.cheapest.memory_mb == 128 and measured.fastest.memory_mb == 3008


def test_computing_costs_the_same_at_every_size():
    """CPU-bound work in one thread costs the same up to one vCPU, and beyond it more for the same speed."""
    whole = tune(Work(cpu=1.769 * 0.128 * 50), memories=(128, 256, 512, 1024, 1769, 3538))
    low = [each.cost for each in whole.settings[:-1]]
    assert max(low) / min(low) == pytest.approx(1, abs=2e-3)  # what remains is rounding up to the millisecond
    assert whole.settings[-1].cost == pytest.approx(2 * whole.settings[-2].cost)
    assert whole.settings[-1].duration_ms == whole.settings[-2].duration_ms
    six = tune(Work(cpu=5, threads=6), (1769, 3538))
    assert six.settings[1].cost == pytest.approx(six.settings[0].cost, abs=2e-3 * six.settings[0].cost)


def test_waiting_is_cheapest_with_the_least_memory():
    """I/O-bound work takes the same at every size, so each MB is paid for nothing."""
    waiting = tune(Work(wait=0.2))
    assert waiting.cheapest.memory_mb == waiting.fastest.memory_mb == waiting.balanced().memory_mb == 128
    assert waiting.settings[-1].cost / waiting.settings[0].cost == pytest.approx(80)


def test_arm_costs_a_fifth_less():
    """The same durations on arm64 cost 20 % less."""
    x86, arm = tune(Work(cpu=0.1)), tune(Work(cpu=0.1), architecture="arm64")
    for one, other in zip(x86.settings, arm.settings):
        assert other.cost / one.cost == pytest.approx(0.8, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 5), st.floats(0, 5), st.floats(0, 1))
def test_choices(cpu, wait, weight):
    """Nothing is cheaper than the cheapest or faster than the fastest; the balance moves from one to the other with its weight."""
    found = tune(Work(cpu, wait))
    assert all(found.cheapest.cost <= each.cost and found.fastest.duration_ms <= each.duration_ms for each in found.settings)
    assert found.balanced(1).cost == found.cheapest.cost and found.balanced(0).duration_ms == found.fastest.duration_ms
    more = min(1.0, weight + 0.2)
    assert found.balanced(more).cost <= found.balanced(weight).cost + 1e-12


def test_balanced_as_power_tuning_does_it():
    """The balanced choice is the least sum of cost and duration, each over its highest: 0.32 at 512 MB, 0.33 at 1,024 MB."""
    found = tune({128: 1000, 512: 300, 1024: 200, 3008: 150})
    assert found.balanced().memory_mb == 512


def test_table_and_picture_show_all_sizes():
    """The table has a row for each size and names the choices; the picture has a point for each."""
    found = tune(Work(cpu=0.1, wait=0.1))
    assert list(found.table.index) == list(MEMORIES) and found.table.loc[1769, "vCPUs"] == 1
    assert "cheapest" in " ".join(found.table["choice"]) and "128" in found._repr_html_()
    left, right = found.plot().figure.axes
    assert list(left.lines[0].get_ydata()) == [each.duration_ms for each in found.settings]
    assert list(right.lines[0].get_ydata()) == [each.cost for each in found.settings]
    assert "cheapest" in found.plot().alt


def test_power_tuning_with_stats(tmp_path):
    """A result with stats is read, from a file, a text or parsed, wrapped in "results" or not."""
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"results": {**RESULT, "stats": STATS}}), encoding="utf-8")
    for source in (file, str(file), file.read_text(encoding="utf-8"), {**RESULT, "stats": STATS}):
        found = read_power_tuning(source)
        assert [each.memory_mb for each in found.settings] == [128, 256]
        assert found.cheapest.cost == pytest.approx(0.2083)
        assert found.fastest.duration_ms == 2.5


def test_power_tuning_without_stats():
    """Without stats, sizes, durations and costs are read from the address of the visualization (the README's own)."""
    found = read_power_tuning(RESULT)
    assert [each.memory_mb for each in found.settings] == [128, 256, 512, 1024, 1536, 3008]
    assert [round(each.duration_ms / 1000) for each in found.settings] == [37, 19, 8, 4, 3, 2]
    assert found.fastest.memory_mb == 3008 and found.cheapest.memory_mb in (1024, 1536)


@pytest.mark.parametrize(
    "source, words",
    [
        ("{", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("{}", "neither stats nor stateMachine.visualization"),
        ('{"stats": 5}', "stats is not a list"),
        ('{"stats": [{"value": 128}]}', r"stats\[0\] has no numbers"),
        ('{"stats": [{"value": 64, "averageDuration": 1, "averagePrice": 1}]}', "128 to 10,240"),
        ('{"stats": [{"value": 128, "averageDuration": -1, "averagePrice": 1}]}', "-1.0 ms"),
        ('{"stats": [{"value": 128, "averageDuration": NaN, "averagePrice": 1}]}', "nan ms"),
        ('{"stateMachine": {"visualization": "https://x/#gAAA;zzzz"}}', "damaged"),
        ('{"stateMachine": {"visualization": "https://x/#gAA=;ZooQRw==;!!!"}}', "damaged"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_broken_results_are_refused(source, words):
    """A file that is no result of the tool is refused with the reason."""
    with pytest.raises(ValueError, match=f"no result of AWS Lambda Power Tuning: .*{words}"):
        read_power_tuning(source)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: tune(5), TypeError),
        (lambda: tune({}), TypeError),
        (lambda: tune({64: 100}), ValueError),
        (lambda: tune({128: -1}), ValueError),
        (lambda: tune(Work(cpu=1)).balanced(2), ValueError),
        (lambda: read_power_tuning(5), TypeError),
        (lambda: read_power_tuning("no-such-file.json"), FileNotFoundError),
    ],
)
def test_bad_input_is_refused(call, error):
    """A wrong argument raises an error that says so."""
    with pytest.raises(error):
        call()
