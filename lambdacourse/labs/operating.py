"""The lab of lesson 08: trouble, callers who try again, and the alarms that see it or sleep."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.engine import queueing, tally
from lambdacourse.facts import fact
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import (
    CALLERS,
    Downstream,
    EventSourceMapping,
    Function,
    Retry,
    SqsQueue,
    Sync,
    lognormal,
    spike,
    throttle_status,
)
from lambdacourse.quantities import written
from lambdacourse.simulation import Alarm, Run, simulate
from lambdacourse.simulation.alarms import ALARM

SECONDS, PEAK_AT, PEAK_SECONDS = 900, 180, 180
CALM = 10
"""Requests per second outside the peak."""
MEDIAN, P99 = 0.17, 0.6
"""Seconds a request takes; 0.2 on average."""
PLACES = 10
"""The reservation, the connections or the maximum concurrency, whichever is the bottleneck."""
ROOM = 200
"""The concurrency limit where something else is the bottleneck."""
CLIENTS = 10
STEP = 5
"""Seconds of the figures over time that are drawn."""

TROUBLES = {
    "throttles": "10 reserved, too few in the peak",
    "database": "10 connections, timeout 2 s",
    "errors": "one request in five fails",
    "tail": "1 % of the requests take over 3 s",
    "queue": "a queue, 10 messages at a time",
}
PEAKS, ATTEMPTS, DELAYS = [1, 2, 4, 6, 8, 12], [1, 2, 3, 4, 6, 10], [0, 0.05, 0.2, 0.5, 1, 2]
CHOICES = (
    Choice("peak", "peak", PEAKS, [f"{CALM * peak}/s" for peak in PEAKS]),
    Choice("attempts", "attempts", ATTEMPTS, [str(each) for each in ATTEMPTS]),
    Choice("delay", "first wait", DELAYS, [f"{1000 * each:g} ms" if each < 1 else f"{each:g} s" for each in DELAYS]),
    Choice("jitter", "wait at random", [True, False], ["yes, from 0 up", "no, all equally long"], slider=False),
    Choice("quota", "retry quota", [True, False], ["500 tokens a client", "none"], slider=False),
    Choice("via", "called through", list(CALLERS), list(CALLERS.values()), slider=False),
    Choice("trouble", "trouble", list(TROUBLES), list(TROUBLES.values()), slider=False),
)
START = {
    "peak": 8,
    "attempts": 3,
    "delay": 1,
    "jitter": True,
    "quota": True,
    "via": "invoke",
    "trouble": "throttles",
}
_LOOP = {"attempts": 10, "delay": 0, "jitter": False, "quota": False, "via": "alb", "trouble": "database"}
PRESETS = {
    "retry storm": _LOOP,
    "its waits grow": {**_LOOP, "delay": 1, "jitter": True},
    "the cure": {**_LOOP, "attempts": 3, "delay": 1, "jitter": True, "quota": True},
    "the tail": {**START, "trouble": "tail"},
    "nobody sees": {**START, "trouble": "queue"},
}
AGE = "ApproximateAgeOfOldestMessage, above 30 s"
ALARM_STATES = (("OK", "grid"), ("ALARM", "ink"))
FLOW = (("answered", "warm"), ("wanted", "idle"), ("sent", "busy"))


def operating_lab(**start) -> Lab:
    """The lab of lesson 08. Arguments set the controls at the start.

    ``peak`` (times the calm), ``attempts`` (the first included), ``delay`` (s, the longest first wait; it doubles), ``jitter``,
    ``quota``, ``via``, ``trouble``.
    """
    return Lab("Trouble, retries and alarms", CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 6.4))


def look(peak: float, attempts: int, delay: float, jitter: bool, quota: bool, via: str, trouble: str) -> View:
    """Simulate a quarter of an hour with three minutes of trouble, and put seven alarms on it."""
    settings = peak, attempts, delay, jitter, quota, via, trouble
    run = simulate_trouble(*settings)
    table, states = _table(run), alarm_states(run, via)
    (whole,) = run.series()
    series, minutes = plots.thinned(whole, SECONDS // STEP), (0, SECONDS / 60)
    top = plots.round_up(table[["wanted (requests/s)", "sent (requests/s)"]].to_numpy().max())
    high = plots.round_up(max(series.concurrency.max(), _limit(trouble)))
    frames = (
        plots.Frame("Requests, with retries", "time (s)", "requests/s", (0, SECONDS), (0, top), FLOW),
        plots.Frame("Concurrency", "time (s)", "environments busy", (0, SECONDS), (0, high)),
        plots.Frame(
            "Alarms",
            "time (min)",
            "",
            minutes,
            (0, len(states)),
            ALARM_STATES,
            x_ticks=(0, 3, 6, 9, 12, 15),
            notes=tuple((0.05, lane + 0.5, name) for lane, name in enumerate(reversed(states))),
        ),
    )

    def data(axes: list[Axes], theme: plots.Theme) -> list[Artist]:
        drawn = [*_flow(axes[0], table, theme), *plots.concurrency(axes[1], series, theme)]
        return drawn + _alarms(axes[2], states, theme)

    answered = _answered_in_peak(table)
    words, numbers = _sentence(run, states, answered, *settings), _numbers(run, answered, *settings)
    return View(words, numbers, _code(*settings), table, frames, data)


def simulate_trouble(peak: float, attempts: int, delay: float, jitter: bool, quota: bool, via: str, trouble: str) -> Run:
    """What the lab simulates. A function error is status 200 to an SDK, which leaves it; another client sees a failure."""
    traffic = spike(CALM, CALM * peak, at=PEAK_AT, seconds=PEAK_SECONDS)
    if trouble == "queue":
        orders = SqsQueue("orders", traffic, visibility_timeout=30)
        worker = Function("api", duration=lognormal(MEDIAN, P99), reserved_concurrency=ROOM)
        trigger = EventSourceMapping(worker, orders, batch_size=1, maximum_concurrency=PLACES)
    else:
        again = {"jitter": jitter, "quota": fact("sdk_retry_tokens").value if quota else None, "clients": CLIENTS}
        retry = Retry(attempts, base_delay=delay, throttle_base_delay=delay, on_errors=via != "invoke", **again)
        trigger = Sync(_function(trouble), traffic, via=via, retry=retry)
    return simulate(trigger, seconds=SECONDS, seed=1, record=True)


def alarms(via: str, limit: int) -> dict[str, Alarm | None]:
    """What watches the function, by name. Each goes off after one minute that breaches; ``None`` never gets a data point.

    At the edge only a status of 429 counts, and which callers get one depends on what they come through.
    """

    def watch(metric: str, statistic: str, threshold: float, resource: str = "api") -> Alarm:
        return Alarm(metric, statistic, 60, 1, threshold, ">", treat_missing="notBreaching", resource=resource)

    seen = throttle_status(via) == 429
    return {
        "Errors, above 0": watch("Errors", "Sum", 0),
        "Throttles, above 0": watch("Throttles", "Sum", 0),
        "429s that clients get, above 0": watch("Throttles", "Sum", 0) if seen else None,
        "Duration, average above 1 s": watch("Duration", "Average", 1000),
        "Duration, p99 above 1 s": watch("Duration", "p99", 1000),
        "ConcurrentExecutions, above 80 % of the limit": watch("ConcurrentExecutions", "Maximum", 0.8 * limit),
        AGE: watch("ApproximateAgeOfOldestMessage", "Maximum", 30, "orders"),
    }


def alarm_states(run: Run, via: str) -> dict[str, np.ndarray]:
    """For each alarm, minute by minute, whether it was in ALARM."""
    watching = alarms("invoke" if run.queues else via, run["api"].function.reserved_concurrency)
    if not run.queues:
        watching[AGE] = None
    silent = np.zeros(SECONDS // 60, dtype=bool)
    return {
        name: silent if alarm is None else (alarm.evaluate(run).table["state"] == ALARM).to_numpy()
        for name, alarm in watching.items()
    }


def first_minute(states: np.ndarray) -> int | None:
    """Minutes until an alarm goes off; None if it never does."""
    return int(np.flatnonzero(states)[0]) + 1 if states.any() else None


def _limit(trouble: str) -> int:
    return PLACES if trouble == "throttles" else ROOM


def _function(trouble: str) -> Function:
    extra: dict[str, object] = {}
    if trouble == "database":
        extra = {"downstream": Downstream("db", PLACES, "wait"), "timeout": 2}
    if trouble == "errors":
        extra = {"error_rate": 0.2}
    duration = lognormal(0.05, 3) if trouble == "tail" else lognormal(MEDIAN, P99)
    return Function("api", duration=duration, reserved_concurrency=_limit(trouble), **extra)


def _table(run: Run) -> pd.DataFrame:
    """Per second, every ``STEP`` seconds: what was wanted, what was sent, what was answered, and what was busy."""

    def rate(series: np.ndarray, width: float) -> np.ndarray:
        each = round(STEP / width)
        return np.add.reduceat(series, np.arange(0, len(series), each)) / STEP

    if run.queues:
        (orders,) = run.queues
        wanted, answered = (rate(orders.series(which), 1) for which in (queueing.SENT, queueing.DELETED))
        sent = wanted
    else:
        width = run.tally.bin_seconds
        which = (tally.CALLS_RECEIVED, tally.RETRIES, tally.CALLS_SUCCEEDED)
        wanted, again, answered = (rate(run.tally.series(0, column), width) for column in which)
        sent = wanted + again
    return pd.DataFrame(
        {
            "time (s)": np.arange(0.0, SECONDS, STEP),
            "wanted (requests/s)": wanted,
            "sent (requests/s)": sent,
            "answered (requests/s)": answered,
        }
    )


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(
        2, 2, left=0.075, right=0.985, top=0.95, bottom=0.08, hspace=0.42, wspace=0.2, height_ratios=(4, 5)
    )
    below = figure.add_subplot(grid[1, :])
    below.yaxis.set_visible(False)
    return [
        (figure.add_subplot(grid[0, 0]), (0, 0.54, 0.503, 1)),
        (figure.add_subplot(grid[0, 1]), (0.503, 0.54, 1, 1)),
        (below, (0, 0, 1, 0.54)),
    ]


def _flow(axes: Axes, table: pd.DataFrame, theme: plots.Theme) -> list[Artist]:
    edges = np.append(table["time (s)"], SECONDS)
    wanted, sent, answered = (table[f"{name} (requests/s)"].to_numpy() for name in ("wanted", "sent", "answered"))
    areas = [plots.step_area(axes, edges, wanted, theme.idle), plots.step_area(axes, edges, answered, theme.warm)]
    return [*areas, *plots.step_line(axes, edges, sent, theme.busy)]


def _alarms(axes: Axes, states: dict[str, np.ndarray], theme: plots.Theme) -> list[Artist]:
    """A lane for each alarm, below its name: a bar, dark where it was in ALARM, and when it first was."""
    drawn: list[Artist] = []
    for lane, mine in enumerate(reversed(states.values())):
        first = first_minute(mine)
        drawn.append(axes.broken_barh([(0, SECONDS / 60)], (lane + 0.1, 0.3), color=theme.grid))
        if first:
            bars = [(minute + 1, 1) for minute in np.flatnonzero(mine)]
            drawn.append(axes.broken_barh(bars, (lane + 0.1, 0.3), color=theme.ink))
        words = f"after {first} min" if first else "silent"
        drawn.append(axes.text(SECONDS / 60 - 0.05, lane + 0.5, words, color=theme.ink, fontsize=8.5, ha="right"))
    return drawn


def _numbers(
    run: Run, answered: float, peak: float, attempts: int, delay: float, jitter: bool, quota: bool, via: str, trouble: str
) -> tuple[Number, ...]:
    bottleneck = trouble in ("throttles", "database", "queue")
    can = min(PLACES / 0.197, CALM * peak) if bottleneck else CALM * peak * (0.8 if trouble == "errors" else 1)
    most = Number(
        "answered per second in the peak",
        written(can),
        written(answered),
        "what is wanted, or places ÷ mean duration; a fifth less where a fifth fails; what retries take or add is not in it",
    )
    if run.queues:
        (orders,) = run.queues
        return (
            most,
            Number("oldest message", "", f"{orders.oldest_age(1):,.0f} s", "the longest that a message waited in the queue"),
            Number("throttles, errors", "", f"{run['api'].throttles}, {run['api'].errors}", "CloudWatch Throttles and Errors"),
        )
    callers = run["api"].callers
    return (
        most,
        Number("sent per request", "", f"{callers.attempts_per_request:.2f}", "1 + retries ÷ requests"),
        Number(
            "answered well", "", f"{callers.success_rate:.1%}", "requests that succeeded in the end ÷ requests that are over"
        ),
        Number("answer, p99", "", f"{callers.latency(0.99):.3g} s", "from the first attempt, waits included"),
        Number("a throttled caller sees", f"HTTP {throttle_status(via)}", "", f"for {CALLERS[via]}: see facts.toml"),
        Number(
            "a function error", "is left alone" if via == "invoke" else "is tried again", "", "an SDK gets it with status 200"
        ),
    )


def _answered_in_peak(table: pd.DataFrame) -> float:
    """Requests answered per second in the second half of the peak."""
    second_half = table["time (s)"].between(PEAK_AT + PEAK_SECONDS // 2, PEAK_AT + PEAK_SECONDS, inclusive="left")
    return float(table.loc[second_half, "answered (requests/s)"].mean())


def _sentence(
    run: Run,
    states: dict[str, np.ndarray],
    answered: float,
    peak: float,
    attempts: int,
    delay: float,
    jitter: bool,
    quota: bool,
    via: str,
    trouble: str,
) -> str:
    loud = [f"{name} (after {first_minute(mine)} min)" for name, mine in states.items() if mine.any()]
    heard = f"Alarms that go off: {'; '.join(loud)}." if loud else "No alarm goes off."
    served = f"{CALM * peak:,} requests per second are wanted in the peak, and {written(answered)} answered."
    if run.queues:
        return f"{served} The oldest message waits {run.queues[0].oldest_age(1):,.0f} s, and nothing fails. {heard}"
    callers = run["api"].callers
    return (
        f"{served} Each is sent {callers.attempts_per_request:.2f} times on average over the quarter of an hour; "
        f"{callers.success_rate:.1%} succeed. {heard}"
    )


def _code(peak: float, attempts: int, delay: float, jitter: bool, quota: bool, via: str, trouble: str) -> str:
    traffic = f"traffic = spike({CALM}, {CALM * peak}, at={PEAK_AT}, seconds={PEAK_SECONDS})\n"
    duration = "lognormal(0.05, 3)" if trouble == "tail" else f"lognormal({MEDIAN}, {P99})"
    extra = {"database": f', timeout=2, downstream=Downstream("db", {PLACES}, "wait")', "errors": ", error_rate=0.2"}
    function = f"{duration}, reserved_concurrency={_limit(trouble)}{extra.get(trouble, '')}"
    if trouble == "queue":
        trigger = (
            'orders = SqsQueue("orders", traffic, visibility_timeout=30)\n'
            f"trigger = EventSourceMapping(api, orders, batch_size=1, maximum_concurrency={PLACES})\n"
        )
    else:
        tokens = fact("sdk_retry_tokens").value if quota else None
        trigger = (
            f"retry = Retry({attempts}, base_delay={delay:g}, throttle_base_delay={delay:g}, jitter={jitter}, quota={tokens}, "
            f"clients={CLIENTS}, on_errors={via != 'invoke'})\n"
            f"trigger = Sync(api, traffic, via={via!r}, retry=retry)\n"
        )
    return (
        f'{traffic}api = Function("api", duration={function})\n{trigger}'
        f"run = simulate(trigger, seconds={SECONDS}, seed=1, record=True)\n"
        'Alarm("Throttles", "Sum", 60, 1, 0, ">", resource="api").evaluate(run).plot()'
    )
