"""The lab of lesson 03: what a cold start is made of, how many requests meet one, and what mitigations move."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import ColdStart, Function, Sync, poisson, steady
from lambdacourse.model.coldstarts import IN_DURATION, NOWHERE
from lambdacourse.quantities import written
from lambdacourse.simulation import simulate

DURATION = 0.1
"""Seconds of a warm call in this lab."""
REQUESTS = 4_000
"""About how many are simulated, if they come within ``SECONDS``."""
SECONDS = 4_000_000
PING = 300
"""Seconds between the calls of a warmer."""

RUNTIMES = {
    "python3.13": "Python 3.13", "nodejs24.x": "Node.js 24", "java21": "Java 21", "java25": "Java 25", "dotnet8": ".NET 8",
    "ruby3.4": "Ruby 3.4", "go": "Go", "rust": "Rust",
}  # fmt: skip
MEMORIES = [128, 256, 512, 1024, 1769, 3008, 10240]
PACKAGE_MB = [1, 5, 10, 20, 50, 100, 150, 200, 250]
INITS = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5, 8]
GAPS = [10_800, 7_200, 3_600, 1_800, 1_200, 600, 300, 120, 60, 30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]
IDLE = [300, 360, 420, 600, 900, 1_800, 3_600]
HELP = {"none": "none", "warmer": "a warmer, every 5 minutes", "snapstart": "SnapStart"}


def _gap(seconds: float) -> str:
    """How often: ``every 10 min``, ``20/s``."""
    for size, name in ((3600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"every {seconds / size:g} {name}"
    return f"{1 / seconds:g}/s"


def _seconds(value: float) -> str:
    return f"{1000 * value:g} ms" if value < 1 else f"{value:g} s"


CHOICES = (
    Choice("runtime", "runtime", list(RUNTIMES), list(RUNTIMES.values()), slider=False),
    Choice("memory", "memory", MEMORIES, [f"{memory:,} MB" for memory in MEMORIES]),
    Choice("package", "package", ["zip", "image"], ["zip", "container image"], slider=False),
    Choice("megabytes", "its size", PACKAGE_MB, [f"{size} MB" for size in PACKAGE_MB]),
    Choice("init", "your own init", INITS, [_seconds(each) for each in INITS]),
    Choice("gap", "a request", GAPS, [_gap(gap) for gap in GAPS]),
    Choice("idle", "idle timeout (assumed)", IDLE, [f"{seconds // 60} min" for seconds in IDLE]),
    Choice("help", "mitigation", list(HELP), list(HELP.values()), slider=False),
)
START = {
    "runtime": "python3.13", "memory": 512, "package": "zip", "megabytes": 50, "init": 1.4, "gap": 600, "idle": 360, "help": "none",
}  # fmt: skip
PRESETS = {
    "hello world": {"megabytes": 1, "init": 0, "help": "none"},
    "slimmed": {"megabytes": 5, "init": 0.2, "help": "none"},
    "Java, heavy": {"runtime": "java21", "memory": 1024, "megabytes": 100, "init": 5, "help": "snapstart"},
    "busy": {"gap": 0.05, "help": "none"},
}


def coldstarts_lab(**start) -> Lab:
    """The lab of lesson 03. Arguments set the controls at the start.

    ``runtime``, ``memory`` (MB), ``package`` and ``megabytes`` (of it), ``init`` (s, of your own code), ``gap`` (s between
    requests, on average), ``idle`` (s, assumed), ``help`` (a mitigation).
    """
    title = "Cold starts: how long, how often, and what helps"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 6.2))


def look(runtime: str, memory: int, package: str, megabytes: float, init: float, gap: float, idle: float, help: str) -> View:
    """Take a cold start apart, and simulate some thousand requests, one every ``gap`` seconds on average."""
    plain = ColdStart.of(runtime, memory_mb=memory, package=package, package_mb=megabytes, function_init=init)
    restored = _restored(runtime, memory, package, megabytes)
    chosen = restored if help == "snapstart" and restored is not None else plain
    cold, latencies = measured(chosen, gap, idle, ping=help == "warmer")
    share = float(cold.mean())
    rows = [(f"on demand, {_written(plain.seconds)}", _parts(plain))]
    rows.append(
        ("SnapStart: AWS does not offer it here", [])
        if restored is None
        else (f"with SnapStart, {_written(restored.seconds)}", _parts(restored))
    )
    longest = max(plain.seconds, restored.seconds if restored else 0.0)
    ends = (1 / GAPS[0], 1 / GAPS[-1])
    rates = np.logspace(math.log10(ends[0]), math.log10(ends[1]), 241)
    likely = [
        plots.Curve("", 3600 * rates, 100 * np.exp(-3600 * rates), "limit", dashed=True),
        plots.Curve("", 3600 * rates, 100 * np.exp(-idle * rates), "cold"),
    ]
    one_in = np.logspace(0, math.log10(len(latencies)), 200)
    waits = np.quantile(latencies, 1 - 1 / one_in)
    frames = (
        plots.Frame("A cold start, phase by phase", "seconds", "", (0, plots.round_up(longest)), (0, 2), PARTS),
        plots.Frame(
            "Cold requests",
            "requests per hour",
            "% of the requests",
            (3600 * ends[0], 3600 * ends[1]),
            (0, 105),
            ((f"idle timeout {idle / 60:g} min", "cold"), ("60 min", "limit")),
            log="x",
        ),
        plots.Frame(
            "How long the slowest take",
            "one request in … takes longer",
            "seconds",
            (1, REQUESTS),
            (0, plots.round_up(longest + DURATION)),
            log="x",
        ),
    )

    def data(axes, theme: plots.Theme) -> list:
        drawn = plots.stacks(axes[0], rows, theme)
        here = plots.Mark(3600 / gap, 100 * share, f"{share:.1%} simulated", to_the_left=gap < 5)
        drawn += plots.draw_curves(axes[1], likely, [here], theme)
        return drawn + plots.draw_curves(axes[2], [plots.Curve("", one_in, waits, "warm")], [], theme)

    return View(
        sentence=_sentence(plain, restored, share, gap, help),
        numbers=_numbers(plain, restored, share, latencies, gap, idle),
        code=_code(runtime, memory, package, megabytes, init, gap, idle, help),
        table=_table(plain, restored),
        frames=frames,
        data=data,
        heads=("on demand", "this setting"),
    )


PARTS = (("in no metric", "idle"), ("Init or Restore Duration", "cold"), ("first call, in Duration", "warm"))


def measured(cold_start: ColdStart, gap: float, idle: float, ping: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Simulate requests, one every ``gap`` seconds on average: which were cold, and the latency of each in seconds.

    ping: a warmer calls besides; its own calls are left out.
    """
    # The latency asks for the sum only, so the whole cold start goes in as one, its first call too.
    function = Function("api", duration=DURATION, cold_start=ColdStart(init=cold_start.seconds), idle_timeout=idle)
    traffic = poisson(1 / gap) + steady(1 / PING) if ping else poisson(1 / gap)
    requests = simulate(Sync(function, traffic), seconds=_span(gap), seed=1, warm_up=idle, record=True)["api"].requests
    if ping:
        requests = requests[np.abs(requests.time / PING - (requests.time / PING).round()) > 1e-9]
    served = requests[requests.outcome == "ok"]
    return served.cold.to_numpy(dtype=bool), served.latency.to_numpy()


def _span(gap: float) -> float:
    return min(REQUESTS * gap, SECONDS)


def _restored(runtime: str, memory: int, package: str, megabytes: float) -> ColdStart | None:
    """The same with SnapStart, where AWS has it."""
    try:
        return ColdStart.of(runtime, memory_mb=memory, package=package, package_mb=megabytes, snapstart=True)
    except ValueError:
        return None


def _parts(cold_start: ColdStart) -> list[plots.Row]:
    colours = {NOWHERE: "idle", IN_DURATION: "warm"}
    return [(each.name, each.seconds, colours.get(each.shown, "cold")) for each in cold_start.phases]


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(
        2, 2, left=0.075, right=0.985, top=0.95, bottom=0.085, hspace=0.5, wspace=0.2, height_ratios=(4, 5)
    )
    phases = figure.add_subplot(grid[0, :])
    phases.tick_params(axis="y", left=False, labelleft=False)
    phases.grid(visible=False)
    phases.spines["left"].set_visible(False)
    return [
        (phases, (0, 0.55, 1, 1)),
        (figure.add_subplot(grid[1, 0]), (0, 0, 0.503, 0.55)),
        (figure.add_subplot(grid[1, 1]), (0.503, 0, 1, 0.55)),
    ]


def _numbers(
    plain: ColdStart, restored: ColdStart | None, share: float, latencies: np.ndarray, gap: float, idle: float
) -> tuple[Number, ...]:
    hidden = sum(each.seconds for each in plain.phases if each.shown == NOWHERE)
    snap = "not offered" if restored is None else _written(restored.seconds)
    slow = {name: float(np.quantile(latencies, q)) for name, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}
    return (
        Number(
            "a cold start takes", _written(plain.seconds), "", "download + initialisation + what the first call takes longer"
        ),
        Number(
            "of that, REPORT shows",
            _written(plain.seconds - hidden),
            "",
            "Init Duration, and the first call's part of Duration",
        ),
        Number(
            "with SnapStart",
            snap,
            "",
            "download + restore + first reads of the snapshot's pages; it does not shrink with your init",
        ),
        Number(
            "cold by the formula",
            f"{math.exp(-idle / gap):.2%}",
            "",
            "exp(−idle timeout × rate): no request for that long; one environment",
        ),
        Number("cold, simulated", "", f"{share:.2%}", "cold starts ÷ requests (a warmer's own left out)"),
        *(
            Number(f"latency, {name}", "", _written(value), f"a warm call takes {1000 * DURATION:g} ms")
            for name, value in slow.items()
        ),
    )


def _sentence(plain: ColdStart, restored: ColdStart | None, share: float, gap: float, help: str) -> str:
    often = f"a request {_gap(gap)}" if gap >= 1 else f"{1 / gap:g} requests per second"
    warmed = f" and a warmer that calls every {PING // 60} minutes" if help == "warmer" else ""
    met = "less than 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"
    them = "the requests" if warmed else "them"
    start = f"A cold start takes {_written(plain.seconds)}; with {often}{warmed}, {met} of {them} meet one"
    if help != "snapstart":
        return f"{start}."
    if restored is None:
        return f"{start}. AWS does not offer SnapStart for this runtime as a zip package."
    change = "sooner" if restored.seconds < plain.seconds else "later"
    return f"{start}. SnapStart answers {_written(abs(plain.seconds - restored.seconds))} {change} than that, after {_written(restored.seconds)}."


def _code(runtime: str, memory: int, package: str, megabytes: float, init: float, gap: float, idle: float, help: str) -> str:
    own = "snapstart=True" if help == "snapstart" else f"function_init={init:g}"
    traffic = f"poisson(1 / {gap:g})" + (f" + steady(1 / {PING})" if help == "warmer" else "")
    return (
        f"cold = ColdStart.of({runtime!r}, memory_mb={memory}, package={package!r}, package_mb={megabytes:g}, {own})\n"
        f'api = Function("api", duration={DURATION:g}, cold_start=ColdStart(init=cold.seconds), idle_timeout={idle:g})\n'
        f'run = simulate(Sync(api, {traffic}), seconds={_span(gap):_.0f}, seed=1, warm_up={idle:g})["api"]\n'
        "cold.phases, run.cold_start_rate, run.latency(0.99)"
    )


def _table(plain: ColdStart, restored: ColdStart | None) -> pd.DataFrame:
    both = [("on demand", plain), *([("SnapStart", restored)] if restored else [])]
    rows = [(way, each.name, each.seconds, each.shown, each.source) for way, cold in both for each in cold.phases]
    return pd.DataFrame(rows, columns=["way", "phase", "seconds", "shown in", "measured by"])


def _written(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms" if seconds < 0.9995 else f"{written(seconds)} s"
