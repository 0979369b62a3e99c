"""The lab of lesson 06: shards, the parallelization factor, a poison record and what frees a shard of it; iterator age and lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.facts import fact
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import ColdStart, EventSourceMapping, Function, KinesisStream, poisson
from lambdacourse.quantities import written
from lambdacourse.simulation import Run, simulate

SECONDS = 120
POISON_AT = 30.0
CALL = 0.02
"""Seconds that each invocation takes besides its records."""
LANES = 20
"""Up to how many lanes are drawn one by one."""
WINDOW = (27.0, 47.0)
"""The part of the run in which the lanes are shown."""

RATES = [10, 50, 100, 200, 500, 1_000, 2_000, 5_000]
SHARDS = [1, 2, 4, 8, 16, 32]
FACTORS = [1, 2, 3, 5, 10]
BATCHES = [1, 10, 50, 100, 200, 500, 1_000, 10_000]
RECORD_TIMES = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05]
TROUBLES = {
    "none": "no poison record",
    "default": "poison, default settings",
    "retries": "poison, 2 retries",
    "bisect": "poison, 2 retries, bisect",
    "partial": "poison, 2 retries, partial failures",
    "both": "poison, 2 retries, bisect, partial",
}

CHOICES = (
    Choice("rate", "records sent", RATES, [f"{rate:,}/s" for rate in RATES]),
    Choice("shards", "shards", SHARDS, [f"{shards}" for shards in SHARDS]),
    Choice("factor", "parallelization", FACTORS, [f"{factor} per shard" for factor in FACTORS]),
    Choice("batch", "batch size", BATCHES, [f"{batch:,}" for batch in BATCHES]),
    Choice("per_record", "each record takes", RECORD_TIMES, [f"{1000 * each:g} ms" for each in RECORD_TIMES]),
    Choice("trouble", "trouble", list(TROUBLES), list(TROUBLES.values()), slider=False),
)
START = {"rate": 1_000, "shards": 4, "factor": 1, "batch": 100, "per_record": 0.001, "trouble": "none"}
PRESETS = {
    "too slow": {"rate": 1_000, "shards": 4, "factor": 1, "batch": 100, "per_record": 0.005, "trouble": "none"},
    "factor 2": {"rate": 1_000, "shards": 4, "factor": 2, "batch": 100, "per_record": 0.005, "trouble": "none"},
    "poison": {"rate": 1_000, "shards": 4, "factor": 1, "batch": 100, "per_record": 0.001, "trouble": "default"},
    "bisect": {"rate": 1_000, "shards": 4, "factor": 1, "batch": 100, "per_record": 0.001, "trouble": "bisect"},
}

FATES = (("processed", "warm"), ("given up", "failed"))
CALLS = (("done", "warm"), ("failed, or reported a record", "failed"))


def streams_lab(**start) -> Lab:
    """The lab of lesson 06. Arguments set the controls at the start: ``rate``, ``shards``, ``factor``, ``batch``, ``per_record`` (s),
    ``trouble``."""
    title = "Streams: shards, batches, and one bad record"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 5.8))


def look(rate: float, shards: int, factor: int, batch: int, per_record: float, trouble: str) -> View:
    """Simulate two minutes of ``rate`` records per second through ``shards``."""
    settings = rate, shards, factor, batch, per_record, trouble
    run = simulate_minutes(*settings)
    seconds = _Seconds.of(run)
    calls = _Calls.of(run, factor)
    top = plots.round_up(max(seconds.sent.max(), seconds.processed.max()))
    ages = _Ages.of(run, factor)
    highest = plots.round_up(max(ages.highest, 1.0))
    frames = (
        plots.Frame("Records per second", "time (s)", "records/s", (0, SECONDS), (0, top), FATES),
        plots.Frame("Iterator age, a line for each lane", "time (s)", "age (s)", (0, SECONDS), (0, highest)),
        plots.Frame(_lanes_title(shards, factor), "time (s)", "lane", WINDOW, (0.4, calls.count + 0.6), CALLS),
    )

    def data(axes: list[Axes], theme: plots.Theme) -> list[Artist]:
        return [*_fates(axes[0], seconds, theme), *_ages(axes[1], ages, theme), *_calls(axes[2], calls, theme)]

    return View(
        sentence=_sentence(run, *settings),
        numbers=_numbers(run, *settings),
        code=_code(*settings),
        table=seconds.table,
        frames=frames,
        data=data,
    )


def simulate_minutes(rate: float, shards: int, factor: int, batch: int, per_record: float, trouble: str) -> Run:
    """What the lab simulates."""
    worker = Function("worker", duration=CALL, cold_start=ColdStart(init=0))
    clicks = KinesisStream("clicks", poisson(rate), shards=shards, poison_at=() if trouble == "none" else POISON_AT)
    mapping = EventSourceMapping(
        worker, clicks, batch_size=batch, parallelization_factor=factor, seconds_per_record=per_record, **_cure(trouble)
    )
    return simulate(mapping, seconds=SECONDS, seed=1, record=True)


def capacity(shards: int, factor: int, batch: int, per_record: float) -> float:
    """Records per second that all lanes together can process, when their batches are full."""
    return shards * factor * batch / (CALL + batch * per_record)


def taken_in(rate: float, shards: int) -> float:
    """Records per second that the shards take in of those that are sent; they refuse the rest."""
    return min(rate, shards * fact("kinesis_shard_write_records").value)


def _cure(trouble: str) -> dict[str, object]:
    if trouble in ("none", "default"):
        return {}
    return {
        "maximum_retry_attempts": 2,
        "bisect_batch_on_function_error": trouble in ("bisect", "both"),
        "report_batch_item_failures": trouble in ("partial", "both"),
    }


@dataclass(frozen=True)
class _Seconds:
    """The stream second by second: records per second, and the highest iterator age (NaN where nothing was handed over)."""

    time: np.ndarray
    sent: np.ndarray
    processed: np.ndarray
    given_up: np.ndarray
    age: np.ndarray

    @staticmethod
    def of(run: Run) -> _Seconds:
        records, batches = run["clicks"].records, run["clicks"].batches

        def per_second(times: pd.Series) -> np.ndarray:
            return np.bincount(times.astype(int), minlength=SECONDS)[:SECONDS].astype(float)

        ran = batches[batches.outcome != "throttled"]
        age = np.full(SECONDS, -np.inf)
        np.maximum.at(age, ran.time.astype(int), ran.age)
        ends = {state: records.end[records.state == state] for state in ("processed", "dropped")}
        counts = per_second(records.time), per_second(ends["processed"]), per_second(ends["dropped"])
        return _Seconds(np.arange(SECONDS), *counts, np.where(np.isfinite(age), age, np.nan))

    @property
    def table(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "time (s)": self.time,
                "sent (records/s)": self.sent,
                "processed (records/s)": self.processed,
                "given up (records/s)": self.given_up,
                "iterator age, maximum (s)": self.age,
            }
        )


@dataclass(frozen=True)
class _Ages:
    """For each lane a line: the highest iterator age in each second in which it was invoked."""

    lines: list[np.ndarray]
    highest: float

    @staticmethod
    def of(run: Run, factor: int) -> _Ages:
        batches = run["clicks"].batches
        lane = (batches.shard * factor + batches.lane).to_numpy()
        highest = np.full((run["clicks"].stream.shards * factor, SECONDS), -np.inf)
        np.maximum.at(highest, (lane, batches.time.to_numpy().astype(int)), batches.age.to_numpy())
        seconds = np.arange(SECONDS) + 0.5
        lines = [np.column_stack([seconds, ages])[np.isfinite(ages)] for ages in highest]
        return _Ages(lines, float(highest.max()))


@dataclass(frozen=True)
class _Calls:
    """The invocations of the first lanes: when each began and ended, in which lane, and whether it failed."""

    lane: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    failed: np.ndarray
    count: int

    @staticmethod
    def of(run: Run, factor: int) -> _Calls:
        batches, requests = run["clicks"].batches, run["worker"].requests
        lane = (batches.shard * factor + batches.lane).to_numpy()
        count = min(run["clicks"].stream.shards * factor, LANES)
        end = batches.time.to_numpy() + requests.latency.to_numpy()
        chosen = (lane < count) & (end > WINDOW[0]) & (batches.time.to_numpy() < WINDOW[1])
        failed = ((batches.outcome != "ok") | (batches.failed >= 0)).to_numpy()
        return _Calls(lane[chosen], batches.time.to_numpy()[chosen], end[chosen], failed[chosen], count)


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(2, 2, left=0.075, right=0.985, top=0.94, bottom=0.085, hspace=0.5, wspace=0.2)
    return [
        (figure.add_subplot(grid[0, 0]), (0, 0.5, 0.503, 1)),
        (figure.add_subplot(grid[0, 1]), (0.503, 0.5, 1, 1)),
        (figure.add_subplot(grid[1, :]), (0, 0, 1, 0.5)),
    ]


def _fates(axes: Axes, seconds: _Seconds, theme: plots.Theme) -> list[Artist]:
    """Processed and given up, stacked, and a line for what was sent."""
    edges = np.append(seconds.time, SECONDS)
    below, drawn = np.zeros(SECONDS), []
    for counts, colour, hatch in ((seconds.processed, theme.warm, None), (seconds.given_up, theme.failed, "////")):
        above = below + counts
        if counts.any():
            steps = {"step": "post", "facecolor": colour, "edgecolor": theme.paper if hatch else colour, "linewidth": 0.0}
            drawn.append(
                axes.fill_between(edges, np.append(below, below[-1]), np.append(above, above[-1]), hatch=hatch, **steps)
            )
        below = above
    drawn += plots.step_line(axes, edges, seconds.sent, theme.ink, width=1.0)
    drawn.append(_label(axes, 0.985, seconds.sent[-20:].max(), "sent", theme))
    return drawn


def _ages(axes: Axes, ages: _Ages, theme: plots.Theme) -> list[Artist]:
    lines = LineCollection(ages.lines)
    lines.set(color=theme.queued, linewidth=1.6)
    axes.add_collection(lines)
    return [lines]


def _calls(axes: Axes, calls: _Calls, theme: plots.Theme) -> list[Artist]:
    """Each invocation as a bar in its lane."""
    low, high = axes.get_ylim()
    height = max(0.6 * axes.get_window_extent().height * 72 / axes.figure.dpi / (high - low), 1.0)
    drawn: list[Artist] = []
    for which, colour in ((~calls.failed, theme.warm), (calls.failed, theme.failed)):
        lane = calls.lane[which] + 1
        ends = np.stack([np.column_stack([calls.begin[which], lane]), np.column_stack([calls.end[which], lane])], axis=1)
        bars = LineCollection(ends)
        bars.set(color=colour, linewidth=height, capstyle="butt")
        axes.add_collection(bars)
        drawn.append(bars)
    drawn.append(axes.vlines(calls.begin, calls.lane + 0.65, calls.lane + 1.35, color=theme.paper, linewidth=0.6))
    return drawn


def _label(axes: Axes, x: float, y: float, words: str, theme: plots.Theme) -> Artist:
    place = axes.get_yaxis_transform()
    return axes.annotate(
        words, (x, y), xycoords=place, xytext=(0, 4), textcoords="offset points", ha="right", va="bottom", color=theme.ink
    )


def _lanes_title(shards: int, factor: int) -> str:
    lanes = shards * factor
    shown = f"the first {LANES} of {lanes} lanes" if lanes > LANES else "each lane" if lanes > 1 else "the one lane"
    return f"Invocations in {shown}, from second {WINDOW[0]:g} to {WINDOW[1]:g}"


def _numbers(
    run: Run, rate: float, shards: int, factor: int, batch: int, per_record: float, trouble: str
) -> tuple[Number, ...]:
    clicks, most, taken = run["clicks"], capacity(shards, factor, batch, per_record), taken_in(rate, shards)
    blocked = trouble == "default" and _poison(run).state != "refused"
    return (
        Number(
            "concurrency, at most",
            f"{shards * factor}",
            f"{run['worker'].peak_concurrency}",
            "shards × parallelization factor",
        ),
        Number(
            "records/s processed",
            written(min(taken, most)) if trouble == "none" else "",
            written(clicks.processed / SECONDS),
            f"the smallest of: what is sent; shards × {fact('kinesis_shard_write_records').value:,}, which they take in; "
            "lanes × batch size ÷ (20 ms + batch size × time of a record)",
        ),
        Number(
            "iterator age at the end",
            f"{_age_predicted(taken, most, blocked):.3g} s",
            f"{_age_at_end(run):.3g} s",
            "too slow: time × (1 − capacity ÷ what is taken in); a blocked shard: the time since the poison record",
        ),
        Number(
            "records given up",
            "",
            f"{clicks.dropped:,}",
            "after the last retry: the poison record, and all that was still with it",
        ),
        Number("handed over again", "", f"{clicks.repeated:,}", "records that the function was given more than once"),
    )


def _age_predicted(taken: float, most: float, blocked: bool) -> float:
    """Of a fluid: seconds that the slowest shard is behind after the run."""
    slow = SECONDS * max(1 - most / taken, 0.0)
    return max(slow, SECONDS - POISON_AT) if blocked else slow


def _age_at_end(run: Run) -> float:
    """The highest of the last three seconds; if no batch began in them, that of the oldest record that no batch has had."""
    batches, records = run["clicks"].batches, run["clicks"].records
    late = batches.age[batches.time > SECONDS - 3]
    unread = records.time[(records.state == "pending") & (records.handed == 0)]
    return float(late.max() if late.size else SECONDS - unread.min())


def _poison(run: Run) -> pd.Series:
    """What became of the poison record."""
    records = run["clicks"].records
    return records[records.poison].iloc[0]


def _sentence(run: Run, rate: float, shards: int, factor: int, batch: int, per_record: float, trouble: str) -> str:
    clicks, most = run["clicks"], capacity(shards, factor, batch, per_record)
    several = shards * factor > 1
    begin = f"{rate:,} records per second over {shards * factor} lane{'s' if several else ''}, which can process {written(most)} per second."
    age = _age_at_end(run)
    if clicks.refused:
        begin += f" {clicks.refused:,} records are refused: a shard takes in no more."
    behind = f"{clicks.pending:,} records wait at the end, and the iterator age is {age:.3g} s."
    fall = f"{'They fall behind: ' if most < taken_in(rate, shards) else ''}{behind}"
    if trouble == "none":
        return f"{begin} {fall}"
    poison = _poison(run)
    if poison.state == "refused":
        return f"{begin} The poison record at second {POISON_AT:g} is one of them. {fall}"
    if poison.handed == 0:
        return f"{begin} Its lane does not get as far as the poison record at second {POISON_AT:g}. {fall}"
    if poison.state == "pending" and poison.handed == 1:
        return f"{begin} The first batch with the poison record at second {POISON_AT:g} has not ended. {fall}"
    if trouble == "default":
        return (
            f"{begin} The poison record at second {POISON_AT:g} blocks its lane for good: {clicks.pending:,} records wait at the "
            f"end, and the iterator age is {age:.0f} s and grows by a second each second."
            f"{' The other lanes do not notice.' if several else ''}"
        )
    if poison.state == "pending":
        return (
            f"{begin} The poison record is still tried at the end: {clicks.repeated:,} records are handed over again; {behind}"
        )
    lost = f"{clicks.dropped:,} record{'s are' if clicks.dropped != 1 else ' is'} given up"
    return f"{begin} The lane is free again after the poison record: {lost}, {clicks.repeated:,} handed over again; {behind}"


def _code(rate: float, shards: int, factor: int, batch: int, per_record: float, trouble: str) -> str:
    poison = "" if trouble == "none" else f", poison_at={POISON_AT:g}"
    cure = "".join(f", {name}={value}" for name, value in _cure(trouble).items() if value)
    return (
        f'worker = Function("worker", duration={CALL:g}, cold_start=ColdStart(init=0))\n'
        f'clicks = KinesisStream("clicks", poisson({rate:_}), shards={shards}{poison})\n'
        f"mapping = EventSourceMapping(worker, clicks, batch_size={batch:_}, parallelization_factor={factor}, "
        f"seconds_per_record={per_record:g}{cure})\n"
        f'simulate(mapping, seconds={SECONDS}, seed=1)["clicks"].summary()'
    )
