"""The systems of the design rounds: from a candidate's knobs to what the simulator measures, and what it costs.

``system = "image_pipeline"`` in a scenario is the function of that name here. It takes the scenario's values and the knobs by name and
gives an ``Outcome``. Its knobs and objectives stand in the scenario.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lambdacourse import (
    Account,
    Async,
    ColdStart,
    EventSourceMapping,
    Function,
    KinesisStream,
    SqsQueue,
    Sync,
    plots,
    poisson,
    simulate,
    spike,
)
from lambdacourse.facts import fact
from lambdacourse.model.work import Work
from lambdacourse.pricing import fargate, lambda_month
from lambdacourse.pricing.breakeven import lambda_price
from lambdacourse.simulation import Run

SEED = 7
DIRECT, QUEUE, SNAPSHOT = "directly", "through a queue", "from a snapshot"
FUNCTION, CONTAINERS, PIECES = "one function", "containers", "many short functions"
API, HOOK = Work(cpu=0.02, wait=0.08), Work(cpu=0.01, wait=0.09)


@dataclass(frozen=True)
class Outcome:
    """What a design does: ``measures`` by name, and the ``run`` behind them; ``shown`` is the function that its picture shows."""

    measures: Mapping[str, float]
    run: Run = field(repr=False, compare=False)
    shown: str

    @property
    def picture(self) -> plots.Picture | None:
        """The function that matters, and the queues, over time; None where nothing runs in a function."""
        if not self.shown:
            return None
        series = [each for each in self.run.series() if each.name == self.shown]
        return plots.overview(series, [queue.backlog() for queue in self.run.queues])


def telemetry(
    rate: float, fixed_ms: float, each_ms: float, *, front: str, quota: int, shards: int, batch: int, factor: int
) -> Outcome:
    """Reports of devices, from a tenth of ``rate`` to all of it within a second. 25 s of it are simulated.

    lost: percent of the reports turned away; late: seconds at the 99th percentile until one is stored; connections: the most at once;
    hourly: USD an hour, at the peak.
    """
    traffic, account = spike(rate / 10, rate, at=5, seconds=20), Account(concurrency_limit=quota)
    plain = ColdStart(init=0.2)
    if front == DIRECT:
        writer = Function("writer", duration=(fixed_ms + each_ms) / 1_000, memory_mb=512, cold_start=plain)
        run = simulate(Sync(writer, traffic), account=account, seconds=25, seed=SEED)
        lost, late = 100 * run["writer"].throttle_rate, run["writer"].latency(0.99)
    else:
        writer = Function("writer", duration=fixed_ms / 1_000, memory_mb=512, cold_start=plain)
        reports = KinesisStream("reports", traffic, shards=shards)
        mapping = EventSourceMapping(
            writer,
            reports,
            batch_size=batch,
            batching_window=1,
            parallelization_factor=factor,
            seconds_per_record=each_ms / 1_000,
        )
        run = simulate(mapping, account=account, seconds=25, seed=SEED)
        result = run["reports"]
        lost = 100 * result.refused / (result.sent + result.refused)
        late = max(result.latency(0.99), result.peak_iterator_age)
    return Outcome(
        {
            "lost": lost,
            "late": late,
            "connections": run["writer"].peak_concurrency,
            "hourly": run.bill("hour").total,
        },
        run,
        "writer",
    )


def image_pipeline(
    peak: float,
    quiet: float,
    cpu_s: float,
    limit: int,
    *,
    front: str,
    memory: int,
    concurrency: int,
    batch: int,
    visibility: int,
) -> Outcome:
    """Uploads, ``quiet`` a second, and ``peak`` for three minutes. A quarter of an hour is simulated.

    lost: images given up; minutes: how old the oldest one got, in minutes; twice: percent of images handled a
    second time because they had become visible again; left: concurrency that the other functions have at the worst; million: USD for a
    million images.
    """
    each = Work(cpu=cpu_s, wait=0.2, threads=2).duration(memory)
    traffic, account = spike(quiet, peak, at=60, seconds=180), Account(concurrency_limit=limit)
    resizer = Function(
        "resizer",
        duration=0.05 if front == QUEUE else each,
        memory_mb=memory,
        cold_start=ColdStart(init=0.6),
        reserved_concurrency=concurrency,
    )
    if front == DIRECT:
        run = simulate(Async(resizer, traffic), account=account, seconds=900, seed=SEED)
        events = run["resizer"].events
        lost, minutes, twice, images = events.given_up, events.oldest / 60, 0.0, events.received
    else:
        uploads = SqsQueue("uploads", traffic, visibility_timeout=visibility, max_receive_count=3)
        mapping = EventSourceMapping(
            resizer, uploads, batch_size=batch, seconds_per_record=each, maximum_concurrency=concurrency
        )
        run = simulate(mapping, account=account, seconds=900, seed=SEED)
        result = run["uploads"]
        lost, minutes = result.dead_lettered + result.expired, result.oldest_age(1) / 60
        twice, images = 100 * result.late / result.sent, result.sent
    return Outcome(
        {
            "lost": lost,
            "minutes": minutes,
            "twice": twice,
            "left": limit - concurrency,
            "million": run.bill().total / images * 1e6,
        },
        run,
        "resizer",
    )


def own_lambda(gap_min: float, boot_ms: float, restore_ms: float, *, keep: int, start: str, growth: int) -> Outcome:
    """A service like Lambda: forty functions that are called every ``gap_min`` minutes, a busy one, and one whose traffic jumps.

    rare: percent of the rare functions' calls that start cold; wait: seconds at the 99th percentile until the jumping one's handler starts;
    refused: percent of its calls that are turned away; held: GB kept for each GB that works.
    """
    init = (restore_ms if start == SNAPSHOT else boot_ms) / 1_000
    common = {"memory_mb": 512, "cold_start": ColdStart(init=init), "idle_timeout": keep}
    rare = [Sync(Function(f"rare-{n}", duration=0.2, **common), poisson(1 / (60 * gap_min))) for n in range(40)]
    steady = Sync(Function("busy", duration=0.2, **common), poisson(20))
    jump = Sync(Function("jump", duration=0.2, **common), spike(2, 1_000, at=600, seconds=60))
    account = Account(concurrency_limit=None, scaling_rate=growth, rps_per_concurrency=None)
    run = simulate(*rare, steady, jump, account=account, seconds=3 * 3_600, warm_up=3_600, seed=SEED)
    calls, cold = (sum(getattr(run[f"rare-{n}"], name) for n in range(40)) for name in ("invocations", "cold_starts"))
    return Outcome(
        {
            "rare": 100 * cold / calls,
            "wait": run["jump"].wait(0.99),
            "refused": 100 * run["jump"].throttle_rate,
            "held": sum(each.mean_environments for each in run) / sum(each.mean_concurrency for each in run),
        },
        run,
        "jump",
    )


def everything(
    api_rate: float,
    hooks_mean: float,
    hooks_burst: float,
    report_min: float,
    *,
    api: str,
    webhooks: str,
    reports: str,
    memory: int,
) -> Outcome:
    """Three workloads of one company: an API that is busy all day, webhooks that come in bursts, a nightly report of one vCPU.

    monthly: USD; slow: milliseconds of an API request at the 99th percentile; late: seconds of a webhook at the 99th percentile; cut: minutes
    of the report that its time limit cuts off. Containers hold one and a half times the API's mean ready, and the whole burst of webhooks.
    """
    burst = spike(hooks_mean, hooks_burst, at=60, seconds=20)
    places, traffic = {"api": api, "webhooks": webhooks}, {"api": poisson(api_rate), "webhooks": burst}
    functions = {
        name: Function(name, duration=work.duration(memory), memory_mb=memory, cold_start=ColdStart(init=0.4))
        for name, work in (("api", API), ("webhooks", HOOK))
    }
    triggers = [Sync(each, traffic[name]) if places[name] == FUNCTION else each for name, each in functions.items()]
    run = simulate(*triggers, seconds=120, warm_up=30, seed=SEED)
    tasks, monthly, slowest = fargate(1, 2), 0.0, {}
    for name, work, mean, most in (("api", API, api_rate, 1.5 * api_rate), ("webhooks", HOOK, hooks_mean, hooks_burst)):
        if places[name] == FUNCTION:
            monthly += lambda_month(work, memory, mean)
            slowest[name] = run[name].latency(0.99)
        else:
            monthly += tasks.month(work, mean, most / mean)
            slowest[name] = work.duration(fact("mb_per_vcpu").value)
    night, nights = Work(cpu=60 * report_min), 30
    if reports == CONTAINERS:
        monthly += nights * report_min / 60 * tasks.price
    else:
        monthly += nights * lambda_price(night, memory)
    cut = night.duration(memory) - fact("timeout_maximum").value if reports == FUNCTION else 0.0
    return Outcome(
        {
            "monthly": monthly,
            "slow": 1_000 * slowest["api"],
            "late": slowest["webhooks"],
            "cut": max(0.0, cut) / 60,
        },
        run,
        next((name for name in ("webhooks", "api") if places[name] == FUNCTION), ""),
    )


SYSTEMS: dict[str, Callable[..., Outcome]] = {
    each.__name__: each for each in (telemetry, image_pipeline, own_lambda, everything)
}


def simulated(system: str, values: Mapping[str, float | str], knobs: Mapping[str, float | str]) -> Outcome:
    """The outcome of a design: the system of that name with what it needs of ``values``, and its ``knobs``."""
    function = SYSTEMS[system]
    needed = [each.name for each in inspect.signature(function).parameters.values() if each.kind is not each.KEYWORD_ONLY]
    return function(**{name: values[name] for name in needed}, **knobs)
