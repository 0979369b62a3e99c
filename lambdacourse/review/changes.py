"""What could be changed: each candidate is a changed case, simulated and priced like the one that is there.

They are ranked by what they mend (requests that were throttled or timed out), then by what they save, then by how much quicker
the slowest requests get.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lambdacourse.facts import fact
from lambdacourse.memory import MEMORIES, tune
from lambdacourse.model import EventSourceMapping, FifoQueue, Stream, constant, exponential, lognormal
from lambdacourse.model.durations import Constant, Duration, Exponential
from lambdacourse.model.work import Work
from lambdacourse.pricing.bills import money
from lambdacourse.review.case import Case, Outcome

MENDS, SAVES, QUICKENS = 0.001, 0.01, 0.1
"""The least that counts: a share of the attempts, USD a month, and a share of the 99th percentile of the latency."""


@dataclass(frozen=True)
class Change:
    """One change, and what the simulator says before and after it.

    assumes
        What was taken for granted; empty where nothing was.
    """

    title: str
    assumes: str
    before: Outcome = field(repr=False)
    after: Outcome = field(repr=False)

    @property
    def mended(self) -> float:
        """Share of the attempts that no longer fail."""
        return self.before.failed - self.after.failed

    @property
    def saved(self) -> float:
        """USD a month; below zero when it costs more."""
        return (self.before.bill - self.after.bill).total

    @property
    def quicker(self) -> float:
        """Seconds that the 99th percentile of the latency gets shorter."""
        return self.before.figures.latency(0.99) - self.after.figures.latency(0.99)

    @property
    def rank(self) -> tuple[float, float, float] | None:
        """Higher is better; None when it is not worth making."""
        mended = self.mended if self.mended >= MENDS else 0.0
        saved = self.saved if self.saved >= SAVES else 0.0
        quicker = self.quicker if self.quicker >= QUICKENS * self.before.figures.latency(0.99) else 0.0
        worth = (mended, saved, quicker)
        return worth if any(worth) and self.mended > -MENDS else None

    @property
    def effect(self) -> str:
        """What it does, in figures."""
        before, after = self.before, self.after
        cost = f"saves {money(self.saved)}" if self.saved >= 0 else f"costs {money(-self.saved)} more"
        parts = [f"{cost} a month ({money(before.bill.total)} → {money(after.bill.total)})"]
        if abs(self.mended) >= MENDS:
            parts.insert(0, f"throttled or timed out {before.failed:.1%} → {after.failed:.1%}")
        parts.append(f"p99 latency {milliseconds(before.figures.latency(0.99))} → {milliseconds(after.figures.latency(0.99))}")
        if abs(before.figures.cold_start_rate - after.figures.cold_start_rate) >= MENDS:
            parts.append(f"cold starts {before.figures.cold_start_rate:.1%} → {after.figures.cold_start_rate:.1%}")
        return "; ".join(parts)


def milliseconds(seconds: float) -> str:
    """A time as a page has it."""
    if math.isnan(seconds):
        return "none"
    return f"{1000 * seconds:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def best_changes(before: Outcome, used_mb: int | None, work: Work | None) -> tuple[Change, ...]:
    """The three changes worth most, each made alone.

    used_mb: the most memory that was used, None when nobody knows. work: what the handler does, where it was measured.
    """
    changes = [Change(title, assumes, before, case.simulate()) for title, assumes, case in candidates(before, used_mb, work)]
    ranked = sorted((each for each in changes if each.rank), key=lambda each: each.rank, reverse=True)
    return tuple(ranked[:3])


Candidate = tuple[str, str, Case]
"""What it is called, what it assumes, and the changed case."""


def candidates(before: Outcome, used_mb: int | None, work: Work | None) -> Iterator[Candidate]:
    """Every change that could be made of this case."""
    yield from _room(before)
    yield from _timeout(before)
    if used_mb is not None:
        yield from _memory(before.case, used_mb, work)
    yield from _architecture(before.case)
    yield from _initialisation(before)
    yield from _provisioned(before)
    yield from _batches(before)


def _room(before: Outcome) -> Iterator[Candidate]:
    """As much concurrency as it would use if it could, where a limit throttles it."""
    if not before.figures.throttles:
        return
    case, function = before.case, before.case.function
    free = replace(case.account, concurrency_limit=None, scaling_rate=None, rps_per_concurrency=None)
    wanted = replace(case.having(reserved_concurrency=None), account=free).simulate().figures.peak_concurrency
    fastest = max((_traffic(each).peak_rate(0.0, case.seconds) for each in case.triggers), default=0.0)
    if case.account.rps_per_concurrency and not any(isinstance(each, EventSourceMapping) for each in case.triggers):
        wanted = max(wanted, math.ceil(fastest / case.account.rps_per_concurrency))
    limit = case.account.concurrency_limit
    most = None if limit is None else limit - case.account.unreserved_minimum
    reserved = function.reserved_concurrency
    if reserved is not None and most is not None and (target := min(wanted, most)) > reserved:
        yield f"Raise reserved concurrency from {reserved:,} to {target:,}", "", case.having(reserved_concurrency=target)
    elif reserved is None and limit is not None and wanted > limit:
        raised = replace(case, account=replace(case.account, concurrency_limit=wanted))
        yield f"Have the account's concurrency raised by {wanted - limit:,}", "that AWS grants the quota", raised


def _traffic(trigger):
    return trigger.source.traffic if isinstance(trigger, EventSourceMapping) else trigger.traffic


def _timeout(before: Outcome) -> Iterator[Candidate]:
    """A timeout well above the slowest, where calls are cut off."""
    function = before.case.function
    if before.figures.timeouts and function.timeout is not None:
        slowest = function.duration.quantile(0.9999)
        target = min(math.ceil(1.5 * slowest), fact("timeout_maximum").value)
        if target > function.timeout:
            said = "that durations go on as they were fitted, beyond where they are cut off now"
            yield f"Raise the timeout from {function.timeout:g} s to {target} s", said, before.case.having(timeout=target)


def _memory(case: Case, used_mb: int, work: Work | None) -> Iterator[Candidate]:
    """The size that balances cost and duration, as Power Tuning does, among those with room for what was used."""
    function, headroom = case.function, fact("review_memory_headroom").value
    share = fact("review_computing").value
    assumes = "that its computing and waiting are as the logs of several memory sizes show"
    if work is None:
        now = function.duration.mean
        work = Work(cpu=share * now * min(function.memory_mb / fact("mb_per_vcpu").value, 1.0), wait=(1 - share) * now)
        assumes = f"that {share:.0%} of the duration is computing on one thread, which memory makes faster"
    sizes = [size for size in MEMORIES if size >= headroom * used_mb]
    if not sizes:
        return
    size = tune(work, sizes, function.architecture).balanced().memory_mb
    if size != function.memory_mb:
        factor = work.duration(size) / work.duration(function.memory_mb)
        changed = case.having(memory_mb=size, duration=_scaled(function.duration, factor))
        yield f"Change the memory from {function.memory_mb:,} MB to {size:,} MB", assumes, changed


def _architecture(case: Case) -> Iterator[Candidate]:
    if case.function.architecture == "x86_64":
        said = "that it takes as long there, and that all it imports is built for arm64"
        yield "Move from x86_64 to arm64", said, case.having(architecture="arm64")


def _initialisation(before: Outcome) -> Iterator[Candidate]:
    function, saved = before.case.function, fact("review_init_saved").value
    if before.figures.cold_starts and function.cold_start.init.mean > 0:
        lazy = replace(function.cold_start, init=_scaled(function.cold_start.init, 1 - saved))
        said = f"that this saves {saved:.0%} of the initialisation; import_profile measures yours"
        yield "Import lazily what not every call needs", said, before.case.having(cold_start=lazy)


def _provisioned(before: Outcome) -> Iterator[Candidate]:
    """Provisioned concurrency for the average load; or less of it, where there is more."""
    case, function = before.case, before.case.function
    target = math.ceil(before.figures.mean_concurrency)
    now = function.provisioned_concurrency
    room = function.reserved_concurrency if function.reserved_concurrency is not None else case.account.concurrency_limit
    if case.has_snapstart or function.provisioned_scaling or target == now or (room is not None and target > room):
        return
    if now == 0 and before.figures.cold_starts:
        ready = case.having(provisioned_concurrency=target).with_triggers(qualifier=None)
        yield f"Give an alias provisioned concurrency: {target:,}", "that callers and mappings invoke the alias", ready
    elif now > target:
        yield f"Lower provisioned concurrency from {now:,} to {target:,}", "", case.having(provisioned_concurrency=target)


def _batches(before: Outcome) -> Iterator[Candidate]:
    """Ten times the batch, gathered for a second: fewer invocations, each longer."""
    case = before.case
    (mapping,) = case.triggers if len(case.triggers) == 1 else (None,)
    if not isinstance(mapping, EventSourceMapping) or isinstance(mapping.source, FifoQueue) or not before.figures.invocations:
        return
    most = fact("stream_batch_maximum" if isinstance(mapping.source, Stream) else "sqs_batch_maximum").value
    size, window = min(10 * mapping.batch_size, most), max(mapping.batching_window, 1.0)
    if size == mapping.batch_size:
        return
    gathered = case.with_triggers(batch_size=size, batching_window=window)
    messages = before.run[mapping.source.name].sent
    fixed = fact("review_batch_fixed").value
    held = max(messages / before.figures.invocations, 1.0)
    holds = max(messages / max(gathered.simulate().figures.invocations, 1), 1.0)
    longer = fixed + (1 - fixed) * holds / held
    said = f"that {fixed:.0%} of the duration is the same for any batch, and the rest grows with its {held:,.1f} → {holds:,.1f} messages"
    title = f"Raise the batch size from {mapping.batch_size:,} to {size:,}, with a window of {window:g} s"
    yield title, said, gathered.having(duration=_scaled(case.function.duration, longer))


def _scaled(duration: Duration, factor: float) -> Duration:
    """The same durations, ``factor`` times as long."""
    if isinstance(duration, Constant):
        return constant(factor * duration.seconds)
    if isinstance(duration, Exponential):
        return exponential(factor * duration.mean)
    return lognormal(factor * duration.median, factor * duration.p99)
