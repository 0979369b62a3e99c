"""The bench: its figures add up, a missed bar says so, and the peers do the same work as we do where they are installed."""

import json
import math
from dataclasses import asdict, replace

import pytest

from lambdacourse import ColdStart, Function, Sync, bench, exponential, plots, poisson, simulate
from lambdacourse.bench.peers import PEERS, Peer, Work, simfaas

LOAD = bench.Load(200, exponential(0.4), 20, 80)
WORK = Work(rate=40, mean=0.4, seconds=200, idle_timeout=0.3)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_do_the_same_work(peer):
    """A peer has as many requests as a Poisson process has, and as many cold starts as we have, within five standard errors."""
    if not peer.is_installed:
        pytest.skip(f"{peer.name} is not installed")
    function = Function("api", duration=exponential(WORK.mean), cold_start=ColdStart(init=0), idle_timeout=WORK.idle_timeout)
    ours = simulate(Sync(function, poisson(WORK.rate)), account=bench.UNLIMITED, seconds=2_000)["api"].cold_start_rate
    done = peer.run(WORK)
    assert abs(done.requests - WORK.rate * WORK.seconds) < 5 * math.sqrt(WORK.rate * WORK.seconds)
    error = 5 * math.sqrt(ours * (1 - ours) / done.requests)
    if peer.run is simfaas:  # it takes the environment that started last, not the one used last
        error += 0.15 * ours
    assert abs(done.cold_starts / done.requests - ours) < error


def test_a_load_is_timed_everywhere(monkeypatch):
    """A load gives our rate, the ratio to plain Python and to each peer that is there and quick enough; the same requests as a run."""

    def work(given):
        assert (given.rate, given.mean, given.seconds) == (200, 0.4, 5)
        sum(range(200_000))  # work of some milliseconds
        return bench.peers.Done(1_000, 1)

    there = Peer("Quick", "json", work, {100: 1_000})
    others = replace(there, name="Absent", module="no_such_module"), replace(there, name="Slow", requests={10: 1_000})
    monkeypatch.setattr(bench, "PEERS", (there, *others))
    timing = bench.timing(LOAD)
    assert timing.requests == sum(result.arrivals for result in LOAD.scenario.run())
    assert timing.requests_per_second == timing.requests / timing.seconds
    assert list(timing.times_peers) == ["Quick"] and timing.times_reference > 0
    assert (timing.name, timing.environments) == ("200/s x 0.4 s", 80)


def test_loads_keep_as_many_environments_busy_as_they_say():
    """Little's law: the rate times the mean duration."""
    for load in bench.LOADS:
        assert load.rate * load.duration.mean == pytest.approx(load.environments, rel=0.02)


TIMINGS = [
    bench.Timing(load.name, load.environments, 1_000_000, 0.1, rate, 10.0, peers)
    for load, rate, peers in zip(
        bench.LOADS,
        (9e6, 9e6, 8e6, 5.9e6),
        ({"SimFaaS": 249.0, "SimPy": 70.0}, {"SimPy": 80.0}, {"SimPy": 90.0}, {}),
        strict=True,
    )
]


def test_bars():
    """A bar is met at its value and missed beyond; what should be little is met below."""
    found = {bar.name: bar.is_met for bar in bench.bars(TIMINGS, {"1": 5.0, "2": 16.0}, {"01": 99.0, "02": 101.0})}
    assert found == {
        "requests/s at 950 environments": True,
        "requests/s at 50,000 environments": False,
        "a minute of 100,000 requests/s": True,
        "times SimFaaS at 8 environments": False,
        "memory of 20,000,000 requests beyond 1,000,000": False,
        "lab 01: slider to picture": True,
        "lab 02: slider to picture": False,
    }


def test_report_as_text_and_as_json(monkeypatch):
    """The tables show each load with its ratios, each bar with what was missed, and who was not there; all of it is plain data."""
    monkeypatch.setattr(bench, "kernel", lambda: TIMINGS)
    monkeypatch.setattr(bench, "memory", lambda: {})
    monkeypatch.setattr(bench, "deep_queue", lambda: {"messages": 28.8e6, "deepest": 15e6, "seconds": 31, "megabytes": 150})
    monkeypatch.setattr(bench, "curves", lambda: CURVES)
    monkeypatch.setattr(bench, "labs", lambda: {"01": 80.0})
    monkeypatch.setattr(bench.browser, "labs", lambda names: dict.fromkeys(names, 251.0))
    monkeypatch.setattr(bench.browser, "is_here", lambda: False)
    data = bench.report(with_labs=True)
    assert data["browser_ms"] == {} and "not measured in a browser" in bench.as_text(data)
    monkeypatch.setattr(bench.browser, "is_here", lambda: True)
    data = bench.report(with_labs=True)
    assert data["kernel"] == [asdict(timing) for timing in TIMINGS] and data["labs_ms"] == {"01": 80.0}
    text = bench.as_text(json.loads(json.dumps(data)))
    heads, *rows = text.splitlines()[:5]
    assert heads.split()[-4:] == ["x", "SimPy", "x", "SimFaaS"]
    assert [row.split()[-2:] for row in rows] == [["70", "249"], ["80", "-"], ["90", "-"], ["-", "-"]]
    assert [line.endswith("missed") for line in text.splitlines() if "at least" in line] == [False, True, True]
    assert [line.endswith("missed") for line in text.splitlines() if " M messages" in line or " M of" in line] == [True, False]
    assert [line.endswith("missed") for line in text.splitlines() if line.startswith("lab ")] == [False, True]
    assert "labs_ms" not in bench.report() and "in a browser" not in bench.as_text(bench.report())


CURVES = {
    "rate": [{"rate": rate, "environments": 80, "nanoseconds": 50, "peers": {"Ciw": 9e4, "SimPy": 7e3}} for rate in (20, 200)],
    "environments": [
        {"rate": 2_000, "environments": 2, "nanoseconds": 40, "peers": {"Ciw": 8e4}},
        {"rate": 2_000, "environments": 20_000, "nanoseconds": 90, "peers": {}},
    ],
}


def test_plot():
    """The picture draws the points of a report: cost against rate, and against environments, ours and the peers' that are there."""
    picture = bench.plot({"curves": CURVES})
    lines = [axes.lines[0] for axes in picture.figure.axes]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in lines] == [
        ([20, 200], [50, 50]),
        ([2, 20_000], [40, 90]),
    ]
    peers = [[list(line.get_ydata()) for line in axes.lines[1:]] for axes in picture.figure.axes]
    assert peers == [[[9e4, 9e4], [7e3, 7e3]], [[8e4]]]
    assert "requests/s" in picture.alt and "environments" in picture.alt and picture.draw(plots.DARK)


def test_curves_hold_the_other_thing_still(monkeypatch):
    """Along one curve only the rate moves, along the other only the number of environments."""
    monkeypatch.setattr(bench, "PEERS", ())
    monkeypatch.setattr(bench, "simulate", lambda scenario, runs: (scenario.triggers[0].traffic.requests_per_second, 1e9))
    found = bench.curves()
    assert {point["environments"] for point in found["rate"]} == {80} and {
        point["rate"] for point in found["environments"]
    } == {2_000}
    assert [point["nanoseconds"] for point in found["rate"]] == [point["rate"] for point in found["rate"]]


def test_the_least_of_several_runs():
    """``best`` is the shortest time of the given clock."""
    times = iter([0.0, 3.0, 10.0, 11.0, 20.0, 25.0])
    assert bench.best(lambda: None, runs=3, clock=lambda: next(times)) == 1
