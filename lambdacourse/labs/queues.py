"""The lab of lesson 05: a queue through a peak; what it can handle, what waits, when it is empty, what goes wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.engine import queueing
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import ColdStart, EventSourceMapping, Function, SqsQueue, spike
from lambdacourse.quantities import written
from lambdacourse.simulation import QueueRun, Run, simulate

SECONDS, PEAK_AT, PEAK_SECONDS = 900, 60, 240
AFTER = SECONDS - PEAK_AT - PEAK_SECONDS
"""Seconds from the end of the peak to the end of the run."""
CALM = 0.1
"""What is sent outside the peak, as a share of the peak."""

RATES = [10, 20, 50, 100, 200, 500, 1_000]
TIMES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
MOST = [2, 5, 10, 20, 50, 100, 200, 500, 900]
BATCHES = [1, 2, 5, 10]
TROUBLES = {
    "none": "none",
    "poison": "1 % poison messages",
    "redrive": "1 % poison, dead letters after 5",
    "partial": "1 % poison, partial failures",
    "late": "visibility timeout too short",
    "throttled": "2 reserved, dead letters after 3",
}

CHOICES = (
    Choice("rate", "sent in the peak", RATES, [f"{rate:,}/s" for rate in RATES]),
    Choice("each", "each message takes", TIMES, [f"{1000 * each:g} ms" if each < 1 else f"{each:g} s" for each in TIMES]),
    Choice("most", "maximum concurrency", MOST, [f"{most:,}" for most in MOST]),
    Choice("batch", "batch size", BATCHES, [f"{batch}" for batch in BATCHES]),
    Choice("trouble", "trouble", list(TROUBLES), list(TROUBLES.values()), slider=False),
)
START = {"rate": 100, "each": 1, "most": 50, "batch": 1, "trouble": "none"}
PRESETS = {
    "keeps up": {"rate": 100, "each": 0.2, "most": 50, "batch": 1, "trouble": "none"},
    "poison": {"rate": 100, "each": 0.2, "most": 50, "batch": 10, "trouble": "redrive"},
    "partial failures": {"rate": 100, "each": 0.2, "most": 50, "batch": 10, "trouble": "partial"},
    "throttled": {"rate": 10, "each": 5, "most": 50, "batch": 1, "trouble": "throttled"},
}

RATES_SHOWN = (("deleted", "warm"), ("sent", "busy"))


def queues_lab(**start) -> Lab:
    """The lab of lesson 05. Arguments set the controls at the start: ``rate``, ``each`` (s), ``most``, ``batch``, ``trouble``."""
    return Lab("A queue and its peak", CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 5.8))


def look(rate: float, each: float, most: int, batch: int, trouble: str) -> View:
    """Simulate a quarter of an hour: four minutes of ``rate`` messages per second, a tenth of it before and after."""
    settings = rate, each, most, batch, trouble
    run = simulate_peak(*settings)
    shown = run["orders"].backlog()
    table = _table(run)
    top = plots.round_up(max(table["sent (messages/s)"].max(), table["deleted (messages/s)"].max()))
    highest = plots.round_up(table["batches at once"].max())
    span = (0, SECONDS)
    frames = (
        plots.Frame("Messages per second", "time (s)", "messages/s", span, (0, top), RATES_SHOWN),
        plots.Frame("Batches at a time", "time (s)", "environments busy", span, (0, highest)),
        plots.Frame("Messages in the queue", "time (s)", "messages", span, (0, plots.round_up(shown.most)), plots.BACKLOG),
    )

    def data(axes: list[Axes], theme: plots.Theme) -> list[Artist]:
        return [*_rates(axes[0], table, theme), *_busy(axes[1], table, theme), *plots.backlog(axes[2], shown, theme)]

    return View(_sentence(run, *settings), _numbers(run, *settings), _code(*settings), table, frames, data)


def simulate_peak(rate: float, each: float, most: int, batch: int, trouble: str) -> Run:
    """What the lab simulates."""
    worker = Function("worker", duration=0, cold_start=ColdStart(init=0.25), **_function(trouble))
    orders = SqsQueue("orders", spike(CALM * rate, rate, at=PEAK_AT, seconds=PEAK_SECONDS), **_queue(each, batch, trouble))
    mapping = EventSourceMapping(
        worker,
        orders,
        batch_size=batch,
        seconds_per_record=each,
        report_batch_item_failures=trouble == "partial",
        **({} if trouble == "throttled" else {"maximum_concurrency": most}),
    )
    return simulate(mapping, seconds=SECONDS, seed=1)


def capacity(each: float, most: int, trouble: str) -> float:
    """Messages per second that the mapping can handle."""
    return (2 if trouble == "throttled" else most) / each


def _function(trouble: str) -> dict[str, object]:
    return {"reserved_concurrency": 2} if trouble == "throttled" else {}


def _queue(each: float, batch: int, trouble: str) -> dict[str, object]:
    """Visible again after six times as long as a batch takes, as AWS advises; or too early."""
    takes = each * batch
    settings: dict[str, object] = {"visibility_timeout": 0.8 * takes if trouble == "late" else max(6 * takes, 30)}
    if trouble in ("poison", "redrive", "partial"):
        settings["poison_rate"] = 0.01
    if trouble in ("redrive", "partial"):
        settings["max_receive_count"] = 5
    if trouble == "throttled":
        settings |= {"max_receive_count": 3, "visibility_timeout": max(3 * each, 10)}
    return settings


def _table(run: Run) -> pd.DataFrame:
    """The run in steps of five seconds."""
    orders, each = run["orders"], 5

    def per_second(column: int) -> np.ndarray:
        return orders.series(column).reshape(-1, each).mean(axis=1)

    (series,) = run.series()
    return pd.DataFrame(
        {
            "time (s)": np.arange(0, SECONDS, each),
            "sent (messages/s)": per_second(queueing.SENT),
            "deleted (messages/s)": per_second(queueing.DELETED),
            "waiting": orders.series(queueing.VISIBLE)[each - 1 :: each],
            "in flight": orders.series(queueing.IN_FLIGHT)[each - 1 :: each],
            "batches at once": series.concurrency.reshape(-1, each).mean(axis=1),
            "oldest message (s)": orders.series(queueing.OLDEST_AGE)[each - 1 :: each],
        }
    )


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(2, 2, left=0.075, right=0.985, top=0.94, bottom=0.085, hspace=0.5, wspace=0.2)
    return [
        (figure.add_subplot(grid[0, 0]), (0, 0.5, 0.503, 1)),
        (figure.add_subplot(grid[0, 1]), (0.503, 0.5, 1, 1)),
        (figure.add_subplot(grid[1, :]), (0, 0, 1, 0.5)),
    ]


def _rates(axes: Axes, table: pd.DataFrame, theme: plots.Theme) -> list[Artist]:
    edges = np.append(table["time (s)"], SECONDS)
    deleted = plots.step_area(axes, edges, table["deleted (messages/s)"].to_numpy(), theme.warm)
    return [deleted, *plots.step_line(axes, edges, table["sent (messages/s)"].to_numpy(), theme.busy)]


def _busy(axes: Axes, table: pd.DataFrame, theme: plots.Theme) -> list[Artist]:
    edges = np.append(table["time (s)"], SECONDS)
    return plots.step_line(axes, edges, table["batches at once"].to_numpy(), theme.busy)


def _numbers(run: Run, rate: float, each: float, most: int, batch: int, trouble: str) -> tuple[Number, ...]:
    orders, can = run["orders"], capacity(each, most, trouble)
    emptied, predicted = _emptied(orders), _drained(rate, can)
    handled = orders.received / orders.sent
    return (
        Number("handled per second, at most", written(can), written(_fastest(orders)), "batches at a time ÷ time of a message"),
        Number(
            "backlog at the end of the peak",
            written(max(rate - can, 0) * PEAK_SECONDS),
            written(orders.series(queueing.VISIBLE)[PEAK_AT + PEAK_SECONDS]),
            "(sent − handled, per second) × length of the peak; the pollers' ramp comes on top",
        ),
        Number("empty again after", predicted, emptied, "backlog ÷ (handled − sent after the peak, per second)"),
        Number("receives per message", "1", written(handled), "each counts towards the dead-letter queue"),
        Number("to the dead-letter queue", "", f"{orders.dead_lettered:,}", "received too often and never deleted"),
        Number("handled well, delivered again", "", f"{orders.late:,}", "the visibility timeout ended before the batch"),
    )


def _fastest(orders: QueueRun) -> float:
    """Messages deleted per second in the second half of the peak."""
    peak = orders.series(queueing.DELETED)[PEAK_AT + PEAK_SECONDS // 2 : PEAK_AT + PEAK_SECONDS]
    return float(peak.mean())


def _drained(rate: float, can: float) -> str:
    waiting = max(rate - can, 0) * PEAK_SECONDS
    if can <= CALM * rate:
        return "never"
    return f"{waiting / (can - CALM * rate):,.0f} s"


def _emptied(orders: QueueRun) -> str:
    """Seconds from the end of the peak until hardly anything waits."""
    after = orders.series(queueing.VISIBLE)[PEAK_AT + PEAK_SECONDS :]
    few = np.flatnonzero(after <= max(0.01 * orders.peak_backlog, 1))
    return f"{few[0]:,} s" if few.size else f"over {AFTER} s"


def _sentence(run: Run, rate: float, each: float, most: int, batch: int, trouble: str) -> str:
    orders, can = run["orders"], capacity(each, most, trouble)
    begin = f"{rate:,} messages per second in the peak, and {written(can)} can be handled."
    if trouble == "throttled":
        return (
            f"{begin} The pollers fetch more than two environments can take: {run['worker'].throttles:,} throttles, and "
            f"{orders.dead_lettered:,} messages are in the dead-letter queue though no handler failed."
        )
    if trouble == "late":
        return (
            f"{begin} Each batch succeeds, but its messages are visible again before it ends: {orders.late:,} times a message was "
            f"handled and came back, and {orders.deleted:,} were deleted."
        )
    waits = f"{orders.peak_backlog:,} wait at the most, the oldest for {orders.oldest_age(1):,.0f} s."
    if trouble == "none":
        emptied = _emptied(orders)
        if not emptied.startswith("over"):
            return f"{begin} {waits} The queue is empty again {emptied} after the peak."
        never = (
            ", and never will be: after the peak too, no less is sent than can be handled"
            if _drained(rate, can) == "never"
            else ""
        )
        return f"{begin} {waits} The queue is not empty again by the end, {AFTER} s after the peak{never}."
    again = f"Each message is received {orders.received / orders.sent:.2f} times on average"
    end = f"{orders.dead_lettered:,} go to the dead-letter queue" if trouble != "poison" else "the bad ones come back for ever"
    return f"{begin} {waits} {again}; {end}."


def _code(rate: float, each: float, most: int, batch: int, trouble: str) -> str:
    function = "".join(f", {name}={value}" for name, value in _function(trouble).items())
    queue = "".join(f", {name}={value:g}" for name, value in _queue(each, batch, trouble).items())
    at_once = "" if trouble == "throttled" else f", maximum_concurrency={most}"
    reports = ", report_batch_item_failures=True" if trouble == "partial" else ""
    return (
        f'worker = Function("worker", duration=0, cold_start=ColdStart(init=0.25){function})\n'
        f"traffic = spike({CALM * rate:g}, {rate:g}, at={PEAK_AT}, seconds={PEAK_SECONDS})\n"
        f'orders = SqsQueue("orders", traffic{queue})\n'
        f"mapping = EventSourceMapping(worker, orders, batch_size={batch}, seconds_per_record={each:g}{at_once}{reports})\n"
        f"simulate(mapping, seconds={SECONDS}, seed=1).plot()"
    )
