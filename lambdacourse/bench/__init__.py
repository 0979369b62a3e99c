"""How fast the simulator is here, beside plain Python and beside other simulators, and against the bars it is held to.

Seconds are those of one core, so that it matters less what else runs here; a lab's are those that one waits. Each figure is the
best of several runs. Compare the ratios, not the rates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lambdacourse import engine, plots
from lambdacourse.bench import browser
from lambdacourse.bench.peers import PEERS, Peer, Work
from lambdacourse.engine import reference
from lambdacourse.errors import CourseError
from lambdacourse.model import Account, EventSourceMapping, Function, SqsQueue, Sync, exponential, lognormal, poisson
from lambdacourse.simulation import Scenario
from lambdacourse.simulation.progress import progress

RUNS = 3
UNLIMITED = Account(concurrency_limit=None, scaling_rate=None, rps_per_concurrency=None)
FEW, MANY = 1_000_000, 20_000_000
"""Requests of a short and of a long run, between which the memory is compared."""


@dataclass(frozen=True)
class Load:
    """A load to simulate: Poisson requests of one function for so many ``seconds``, which keep so many environments busy."""

    rate: float
    duration: Any
    seconds: float
    environments: int

    @property
    def name(self) -> str:
        return f"{self.rate:,.0f}/s x {self.duration.mean:.3g} s"

    @property
    def scenario(self) -> Scenario:
        return Scenario((Sync(Function("api", duration=self.duration), poisson(self.rate)),), UNLIMITED, self.seconds, seed=1)


@dataclass(frozen=True)
class Timing:
    """What was measured: simulated requests per second of one core; ``times_…`` are ratios of our rate to theirs."""

    name: str
    environments: int
    requests: int
    seconds: float
    requests_per_second: float
    times_reference: float
    times_peers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bar:
    """What was promised and what was measured here; ``most``: the measure must not be above what is wanted, but below."""

    name: str
    wanted: float
    measured: float
    unit: str
    most: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured <= self.wanted if self.most else self.measured >= self.wanted


LOADS = (
    Load(20, exponential(0.4), 50_000, 8),
    Load(200, exponential(0.4), 5_000, 80),
    Load(2_000, lognormal(0.4, 1.5), 1_000, 950),
    Load(100_000, exponential(0.5), 60, 50_000),
)
"""From eight environments to fifty thousand."""

DEEP_QUEUE = Scenario(
    (
        EventSourceMapping(
            Function("worker", duration=exponential(1)),
            SqsQueue("orders", poisson(1_000)),
            batch_size=10,
            maximum_concurrency=48,
        ),
    ),
    seconds=8 * 3600,
)
"""In what ``resource`` counts: kilobytes, on a Mac bytes."""


def kernel() -> list[Timing]:
    """The compiled kernel under each load, draws and metrics included; plain Python and the peers on a part of the same."""
    return [timing(load) for load in progress(LOADS, len(LOADS), "loads")]


def timing(load: Load) -> Timing:
    """One load, everywhere."""
    seconds, requests = simulate(load.scenario)
    rate = requests / seconds
    plan = load.scenario._plan()
    shorter = engine.Plan(plan.functions, plan.flows, plan.account, plan.seconds / 50, 0.0, plan.seed)
    plain = best(lambda: reference.run(shorter), runs=1) * 50
    peers = {peer.name: rate / there for peer in PEERS if (there := peer_rate(peer, load))}
    return Timing(load.name, load.environments, requests, seconds, rate, plain / seconds, peers)


def simulate(scenario: Scenario, runs: int = RUNS) -> tuple[float, int]:
    """Seconds that ``scenario`` takes here, and how many requests it has."""
    arrivals = [result.arrivals for result in scenario.run()]  # the first run compiles
    return best(scenario.run, runs), sum(arrivals)


def peer_rate(peer: Peer, load: Load) -> float | None:
    """Requests per second of one core in ``peer``; ``None`` where it is not installed, or would take much too long."""
    requests = peer.enough(load.environments)
    if requests is None or not peer.is_installed:
        return None
    function = load.scenario.triggers[0].function
    start = time.process_time()
    done = peer.run(Work(load.rate, load.duration.mean, requests / load.rate, function.idle_timeout))
    return done.requests / (time.process_time() - start)


def curves() -> dict[str, list[dict[str, Any]]]:
    """Nanoseconds for a request against the rate, at 80 environments, and against the number of environments, at 2,000/s.

    Of ours, and of the ``peers`` that are there and quick enough.
    """

    def point(rate: float, environments: float) -> dict[str, Any]:
        load = Load(rate, exponential(environments / rate), FEW / rate, round(environments))
        seconds, requests = simulate(load.scenario, runs=2)
        peers = {peer.name: 1e9 / there for peer in PEERS if (there := peer_rate(peer, load))}
        return {"rate": rate, "environments": environments, "nanoseconds": 1e9 * seconds / requests, "peers": peers}

    return {
        "rate": [point(rate, 80) for rate in (20, 200, 2_000, 20_000, 200_000)],
        "environments": [point(2_000, environments) for environments in (2, 20, 200, 2_000, 20_000)],
    }


def memory() -> dict[str, float]:
    """MB that a short and a long run take on top of the imported package, each in a process of its own (not on Windows)."""
    return {} if sys.platform == "win32" else {f"{requests:_}": _memory_of(requests) for requests in (FEW, MANY)}


def _memory_of(requests: int) -> float:
    code = (
        "from lambdacourse import bench; from lambdacourse.model import exponential\n"
        f"load = bench.Load(100_000, exponential(0.01), {requests} / 100_000, 1_000)\n"
        "bench.Load(100, exponential(0.01), 10, 1).scenario.run()\n"
        "before = bench.peak_memory(); load.scenario.run(); print(bench.peak_memory() - before)"
    )
    return float(_in_a_process_of_its_own(code))


def peak_memory() -> float:
    """The most MB that this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would begin with what the parent held
        return float(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 1_000
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def deep_queue() -> dict[str, float]:
    """Eight hours of 1,000 messages/s to a function that keeps up with 480: how many, how deep, seconds, MB (not on Windows)."""
    if sys.platform == "win32":
        return {}
    code = (
        "import time; from dataclasses import replace; from lambdacourse import bench\n"
        "replace(bench.DEEP_QUEUE, seconds=10).run()\n"
        "before, start = bench.peak_memory(), time.process_time()\n"
        "orders = bench.DEEP_QUEUE.run()['orders']\n"
        "print(orders.sent, orders.peak_backlog, time.process_time() - start, bench.peak_memory() - before)"
    )
    names = ("messages", "deepest", "seconds", "megabytes")
    return dict(zip(names, map(float, _in_a_process_of_its_own(code).split()), strict=True))


def _in_a_process_of_its_own(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8").stdout


def labs() -> dict[str, float]:
    """Milliseconds from a control's new value to the new picture, at the kernel: each lab's first control, one step and back."""
    from lambdacourse import labs

    os.environ["NBGRADER_EXECUTION"] = "bench"  # nothing is written to the learner's progress
    timings = {}
    for name in (each for each in labs.__all__ if each.endswith("_lab")):
        control = next(iter(getattr(labs, name)().controls.values()))
        start, known = control.value, [value for _, value in control.options]
        near = known[known.index(start) - 1]

        def move(control=control, values=(near, start)) -> None:
            for each in values:
                control.value = each

        move()
        timings[name.removesuffix("_lab")] = best(move, runs=5, clock=time.perf_counter) * 1000 / 2
    return timings


def grading(students: int = 30, name: str = "01-concurrency") -> dict[str, Any]:
    """The same class graded twice, start-up included: by nbgrader alone, one after the other, and in sandboxes, side by side."""
    from lambdacourse.workshop import classroom, pool

    with tempfile.TemporaryDirectory(prefix="lambdacourse-bench-") as temporary:
        folder = classroom.init(Path(temporary).resolve() / "class")
        for other in (folder / "solutions").iterdir():
            if other.name != name:
                shutil.rmtree(other)
        classroom.release(folder)
        for number in range(students):
            kind = ("solutions", "solutions", "exercises")[number % 3]
            handed_in = folder / "submitted" / f"s{number:03}" / name
            handed_in.mkdir(parents=True)
            shutil.copy(folder / kind / name / f"{name}.ipynb", handed_in)
        start = time.perf_counter()
        theirs = pool.autograde_unconfined_by_nbgrader(folder, name)
        alone = time.perf_counter() - start
        (folder / "gradebook.db").unlink()
        start = time.perf_counter()
        ours = {outcome.student: outcome.score for outcome in pool.autograde(folder)}
        sandboxed = time.perf_counter() - start
    return {
        "students": students,
        "nbgrader_seconds": alone,
        "sandboxed_seconds": sandboxed,
        "times_nbgrader": alone / sandboxed,
        "same_scores": theirs == ours,
    }


def best(work: Callable[[], Any], runs: int = RUNS, clock: Callable[[], float] = time.process_time) -> float:
    """The shortest of ``runs`` times that ``work`` took, in seconds of ``clock``."""
    took = []
    for _ in range(runs):
        start = clock()
        work()
        took.append(clock() - start)
    return min(took)


def bars(
    timings: list[Timing], megabytes: dict[str, float], labs_ms: dict[str, float], queue: dict[str, float] | None = None,
    browser_ms: dict[str, float] | None = None,
) -> list[Bar]:  # fmt: skip
    """What the simulator is held to, beside what was measured."""
    found = [
        Bar(f"requests/s at {each.environments:,} environments", wanted, each.requests_per_second, "requests/s")
        for each in timings
        if (wanted := {950: 8e6, 50_000: 6e6}.get(each.environments))
    ]
    found += [
        Bar("a minute of 100,000 requests/s", 1.0, each.seconds, "s", most=True)
        for each in timings
        if each.environments == 50_000
    ]
    found += [
        Bar("times SimFaaS at 8 environments", 250, each.times_peers["SimFaaS"], "times")
        for each in timings
        if each.environments == 8 and "SimFaaS" in each.times_peers
    ]
    if megabytes:
        found.append(
            Bar(
                f"memory of {MANY:,} requests beyond {FEW:,}",
                10,
                max(megabytes.values()) - min(megabytes.values()),
                "MB",
                most=True,
            )
        )
    if queue:
        name = f"{queue['messages'] / 1e6:.3g} M messages through a queue"
        found.append(Bar(name, 30, queue["seconds"], "s", most=True))
        found.append(Bar(f"{queue['deepest'] / 1e6:.3g} M of them waiting: memory", 200, queue["megabytes"], "MB", most=True))
    found += [Bar(f"lab {name}: slider to picture", 100, took, "ms", most=True) for name, took in labs_ms.items()]
    shown = (browser_ms or {}).items()
    return found + [Bar(f"lab {name}: key to picture in a browser", 250, took, "ms", most=True) for name, took in shown]


def report(with_labs: bool = False, with_grading: bool = False) -> dict[str, Any]:
    """Everything, as plain data. Takes a minute or two where the peers are installed."""
    timings, megabytes, labs_ms, queue = kernel(), memory(), labs() if with_labs else {}, deep_queue()
    browser_ms, why_not = {}, "The labs were not measured in a browser: Playwright and a Chromium are needed."
    if with_labs and browser.is_here():
        try:
            browser_ms, why_not = browser.labs(list(labs_ms)), ""
        except CourseError as problem:
            why_not = str(problem)
    data: dict[str, Any] = {
        "compiled": engine.is_compiled(),
        "kernel": [asdict(each) for each in timings],
        "peers_missing": [peer.name for peer in PEERS if not peer.is_installed],
        "curves": curves(),
        "memory_mb": megabytes,
        "deep_queue": queue,
        "bars": [asdict(bar) | {"is_met": bar.is_met} for bar in bars(timings, megabytes, labs_ms, queue, browser_ms)],
    }
    if with_labs:
        data |= {"labs_ms": labs_ms, "browser_ms": browser_ms, "why_not_in_a_browser": why_not}
    return data | {"grading": grading()} if with_grading else data


def as_text(data: dict[str, Any]) -> str:
    """``report`` as tables."""
    names = [peer.name for peer in PEERS if any(peer.name in row["times_peers"] for row in data["kernel"])]
    heads = f"{'load':24}{'environments':>14}{'requests':>14}{'M requests/s':>14}{'x plain Python':>16}"
    lines = [heads + "".join(f"{f'x {name}':>12}" for name in names)]
    for row in data["kernel"]:
        times = [f"{row['times_peers'][name]:,.0f}" if name in row["times_peers"] else "-" for name in names]
        lines.append(
            f"{row['name']:24}{row['environments']:>14,}{row['requests']:>14,}{row['requests_per_second'] / 1e6:>14.1f}"
            f"{row['times_reference']:>16.0f}" + "".join(f"{each:>12}" for each in times)
        )
    lines += ["", f"{'bar':44}{'wanted':>20}{'here':>16}"]
    for bar in data["bars"]:
        wanted, here = (f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in (bar["wanted"], bar["measured"]))
        wanted = f"{'at most' if bar['most'] else 'at least'} {wanted}"
        lines.append(f"{bar['name']:44}{wanted:>20}{here:>16} {bar['unit']}{'' if bar['is_met'] else '  missed'}")
    if not data["compiled"]:
        lines.append("The compiled kernel is not in use: `lambdacourse doctor` says why.")
    if data["peers_missing"]:
        lines.append(f"Not installed here, so not compared: {', '.join(data['peers_missing'])}.")
    if why_not := data.get("why_not_in_a_browser"):
        lines.append(why_not)
    if "grading" in data:
        lines.append(grading_as_text(data["grading"]))
    return "\n".join(lines)


def plot(data: dict[str, Any] | None = None) -> plots.Picture:
    """What one request costs, against the rate and against the number of environments; of a ``report``, or measured now.

    The peers are drawn where the report has them; both axes are logarithmic.
    """
    shown = data["curves"] if data else curves()
    costs = [cost for points in shown.values() for point in points for cost in (point["nanoseconds"], *point["peers"].values())]
    y_range = 10.0 ** np.floor(np.log10(min(costs))), 10.0 ** np.ceil(np.log10(max(costs)) + 0.1)

    def panel(title: str, label: str, moved: str) -> plots.Panel:
        points = shown[moved]
        x = np.array([point[moved] for point in points], dtype=float)
        frame = plots.Frame(title, label, "computing (ns)", (x.min() / 1.5, x.max() * 1.5), y_range, log="xy")
        ours = np.array([point["nanoseconds"] for point in points], dtype=float)
        lines = [plots.Curve("compiled kernel", x, ours, "busy", at=0.5, marker="o")]
        for number, name in enumerate(dict.fromkeys(name for point in points for name in point["peers"])):
            there = [(point[moved], point["peers"][name]) for point in points if name in point["peers"]]
            lines.append(plots.Curve(name, *np.array(there, dtype=float).T, "idle", at=number / 3, marker="o"))
        return plots.Panel(frame, lines)

    return plots.curves(
        panel("One request costs, at 80 environments", "requests/s", "rate"),
        panel("One request costs, at 2,000 requests/s", "environments busy", "environments"),
    )


def grading_as_text(data: dict[str, Any]) -> str:
    """``grading`` in a sentence."""
    return (
        f"grading {data['students']} submissions: nbgrader alone {data['nbgrader_seconds']:.0f} s, in sandboxes "
        f"{data['sandboxed_seconds']:.0f} s, {data['times_nbgrader']:.1f} times as fast; "
        f"the scores are {'the same' if data['same_scores'] else 'NOT the same'}"
    )
