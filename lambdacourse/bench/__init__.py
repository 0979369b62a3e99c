"""How fast the simulator is here: requests per second of the compiled kernel, of the reference, and a slider's answer.

Each figure is the best of several runs: what the machine can do when nothing else runs on it. Compare the ratios, not the rates.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lambdacourse import engine
from lambdacourse.engine import reference
from lambdacourse.model import Account, Function, Sync, exponential, lognormal, poisson
from lambdacourse.simulation import Scenario

RUNS = 3
UNLIMITED = Account(concurrency_limit=None, scaling_rate=None)


@dataclass(frozen=True)
class Load:
    """A load to simulate: its name, what it is, and how many environments it keeps busy."""

    name: str
    scenario: Scenario
    environments: int


@dataclass(frozen=True)
class Timing:
    """What was measured: simulated requests per second of wall time, on one core; ``times_reference`` is the ratio to plain Python."""

    name: str
    environments: int
    requests: int
    seconds: float
    requests_per_second: float
    times_reference: float


def loads() -> list[Load]:
    """From eight environments to fifty thousand."""

    def load(rate: float, duration, seconds: float, environments: int) -> Load:
        scenario = Scenario((Sync(Function("api", duration=duration), poisson(rate)),), UNLIMITED, seconds, seed=1)
        return Load(f"{rate:,.0f}/s x {duration.mean:.3g} s", scenario, environments)

    return [
        load(20, exponential(0.4), 50_000, 8),
        load(200, exponential(0.4), 5_000, 80),
        load(2_000, lognormal(0.4, 1.5), 1_000, 950),
        load(100_000, exponential(0.5), 60, 50_000),
    ]


def kernel() -> list[Timing]:
    """The compiled kernel under each load, draws and metrics included, and plain Python on a part of the same."""
    timings = []
    for load in loads():
        load.scenario.run()
        run = None

        def simulate(scenario: Scenario = load.scenario) -> None:
            nonlocal run
            run = scenario.run()

        seconds = best(simulate)
        requests = sum(result.arrivals for result in run)
        plan = load.scenario._plan()
        shorter = engine.Plan(plan.functions, plan.flows, plan.account, plan.seconds / 50, 0.0, plan.seed)
        plain = best(lambda plan=shorter: reference.run(plan), runs=1) * 50
        timings.append(Timing(load.name, load.environments, requests, seconds, requests / seconds, plain / seconds))
    return timings


def labs() -> dict[str, float]:
    """Milliseconds from a slider's new value to the new picture, at the kernel, for each lab's first setting."""
    from lambdacourse.labs import concurrency_lab

    os.environ["NBGRADER_EXECUTION"] = "bench"  # nothing is written to the learner's progress
    timings = {}
    for name, lab, moved in (("01 concurrency", concurrency_lab(), {"rate": 20}),):
        control, first = lab.controls[next(iter(moved))], next(iter(moved.values()))
        start = control.value

        def move(control=control, values=(first, start)) -> None:
            for value in values:
                control.value = value

        move()
        timings[name] = best(move, runs=5) * 1000 / 2
    return timings


def grading(students: int = 30, name: str = "01-concurrency") -> dict[str, Any]:
    """The same class graded twice, start-up included: by nbgrader alone, one after the other, and in sandboxes, side by side."""
    from lambdacourse.workshop import classroom

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
        theirs = classroom.autograde_unconfined_by_nbgrader(folder, name)
        alone = time.perf_counter() - start
        (folder / "gradebook.db").unlink()
        start = time.perf_counter()
        ours = {outcome.student: outcome.score for outcome in classroom.autograde(folder)}
        sandboxed = time.perf_counter() - start
    return {
        "students": students,
        "nbgrader_seconds": alone,
        "sandboxed_seconds": sandboxed,
        "times_nbgrader": alone / sandboxed,
        "same_scores": theirs == ours,
    }


def best(work: Callable[[], Any], runs: int = RUNS) -> float:
    """The shortest of ``runs`` times that ``work`` took, in seconds."""
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


def report(with_labs: bool = False, with_grading: bool = False) -> dict[str, Any]:
    """Everything, as plain data."""
    data: dict[str, Any] = {"compiled": engine.is_compiled(), "kernel": [asdict(timing) for timing in kernel()]}
    if with_labs:
        data |= {"labs_ms": labs()}
    return data | {"grading": grading()} if with_grading else data


def as_text(data: dict[str, Any]) -> str:
    """``report`` as a table."""
    lines = [f"{'load':24}{'environments':>14}{'requests':>14}{'M requests/s':>14}{'x plain Python':>16}"]
    lines += [
        f"{row['name']:24}{row['environments']:>14,}{row['requests']:>14,}{row['requests_per_second'] / 1e6:>14.1f}"
        f"{row['times_reference']:>16.0f}"
        for row in data["kernel"]
    ]
    if not data["compiled"]:
        lines.append("The compiled kernel is not in use: `lambdacourse doctor` says why.")
    for name, milliseconds in data.get("labs_ms", {}).items():
        lines.append(f"lab {name}: {milliseconds:.0f} ms from a slider's value to the new picture")
    if "grading" in data:
        lines.append(grading_as_text(data["grading"]))
    return "\n".join(lines)


def grading_as_text(data: dict[str, Any]) -> str:
    """``grading`` in a sentence."""
    return (
        f"grading {data['students']} submissions: nbgrader alone {data['nbgrader_seconds']:.0f} s, in sandboxes "
        f"{data['sandboxed_seconds']:.0f} s, {data['times_nbgrader']:.1f} times as fast; "
        f"the scores are {'the same' if data['same_scores'] else 'NOT the same'}"
    )
