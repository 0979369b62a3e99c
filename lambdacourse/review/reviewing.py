"""``review``: from someone's files to the page about a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lambdacourse.facts import fact
from lambdacourse.model import Account, Duration, Function, Traffic, constant, poisson
from lambdacourse.model.coldstarts import FIRST_CALLS, ColdStart
from lambdacourse.model.durations import as_duration
from lambdacourse.model.work import Work
from lambdacourse.pricing import Bill
from lambdacourse.pricing.bills import money
from lambdacourse.review.case import Case, Outcome
from lambdacourse.review.changes import best_changes, milliseconds
from lambdacourse.review.observed import Metrics, ReviewError, read_logs, read_metrics
from lambdacourse.review.page import Review
from lambdacourse.runtime.logs import Reports
from lambdacourse.templates import check
from lambdacourse.templates.checking import stack_of
from lambdacourse.templates.document import load
from lambdacourse.templates.reading import Deployment, read_stack
from lambdacourse.templates.stack import Stack

MOST_REQUESTS = 20_000_000
"""Requests in an export, at the most: each of a dozen runs simulates all of them."""
WARM_UP = 300.0
"""Seconds that are simulated before the figures begin, where the traffic is not an export's, which begins as it begins."""
UNKNOWN = "not known"


def review(
    template: str | Path,
    *,
    metrics: str | Path | None = None,
    logs: str | Path | None = None,
    function: str | None = None,
    deployed_as: str | None = None,
    traffic: Mapping[str, Traffic] | None = None,
    durations: Mapping[str, float | Duration] | None = None,
    parameters: Mapping[str, Any] | None = None,
    account: Account = Account(),  # noqa: B008 - frozen
    seconds: float = 3600.0,
) -> Review:
    """Review a function of ``template``: its findings, what was observed beside what is simulated, and what to change.

    metrics
        What CloudWatch exported, as for ``cloudwatch_trace``: Invocations and Throttles (Sum), and where they are there
        ConcurrentExecutions (Maximum) and Duration (Average).
    logs
        A file with REPORT lines.
    function
        Its logical ID; it can be left out where the template has one function.
    deployed_as
        What the function is called in AWS, where neither its logical ID nor its FunctionName is part of that.
    traffic
        What arrives, by logical ID of the function, or of its queue or stream; it goes before ``metrics``.
    durations
        Seconds that it runs, by logical ID; goes before what was observed.
    seconds
        How long to simulate, where no metrics say how long they cover.

    Raises ``ReviewError`` or ``TemplateError`` with what is wrong with a file.
    """
    stack = stack_of(load(template), str(template), parameters)
    findings = check(template, account=account, parameters=parameters)
    deployment = read_stack(stack, str(template)) if findings.ok else None
    if deployment is None:
        return Review(function or str(template), findings)
    name = _chosen(function, deployment)
    given = dict(traffic or {})
    _only("--duration", durations or {}, (name,))
    measured = read_metrics(metrics, _names(stack, name, deployed_as)) if metrics is not None else None
    reports, notes = _reports(logs, deployment.functions[name])
    case = _case(stack, str(template), name, given, measured, account, seconds, notes)
    case = case.having(**_durations(stack, case.function, (durations or {}).get(name), measured, reports, notes))
    notes += deployment.left_out
    outcome = case.simulate()
    used = reports.max_memory_mb if reports is not None else None
    if used is None:
        notes.append("No other memory size was tried: how much is used is in the REPORT lines. Give --logs.")
    work = _work(reports)
    return Review(
        name, findings, outcome, tuple(_rows(outcome, measured, reports)), best_changes(outcome, used, work), tuple(notes)
    )


def _chosen(function: str | None, deployment: Deployment) -> str:
    there = ", ".join(deployment.functions) or "none"
    if function is None and len(deployment.functions) == 1:
        return next(iter(deployment.functions))
    if function not in deployment.functions:
        wanted = "say which function with --function" if function is None else f"there is no function {function!r}"
        raise ReviewError(f"{wanted}; the template has {there}.")
    return function


def _only(option: str, given: Mapping[str, object], names: tuple[str, ...]) -> None:
    """What is given of something else would not be looked at."""
    for other in given:
        if other not in names:
            raise ReviewError(f"{option} {other}: this is a review of {names[0]} alone; give that of {' or '.join(names)}.")


def _names(stack: Stack, name: str, deployed_as: str | None) -> tuple[str, ...]:
    """What the function may be called in an export: part of a label is enough."""
    said = stack.resources[name].data("FunctionName")
    return (deployed_as,) if deployed_as else (name, *([said] if isinstance(said, str) else []))


def _reports(logs: str | Path | None, function: Function) -> tuple[Reports | None, list[str]]:
    """The REPORT lines, and what to say of them."""
    if logs is None:
        return None, []
    reports = read_logs(logs)
    sizes = sorted({line.memory_mb for line in reports})
    if sizes != [function.memory_mb]:
        had = ", ".join(f"{size:,}" for size in sizes)
        return reports, [f"The REPORT lines are of {had} MB; the template has {function.memory_mb:,} MB."]
    return reports, []


def _case(
    stack: Stack,
    template: str,
    name: str,
    given: dict[str, Traffic],
    measured: Metrics | None,
    account: Account,
    seconds: float,
    notes: list[str],
) -> Case:
    """The function with its traffic, alone: what the others of the template claim is taken off the account."""
    deployment = read_stack(stack, template)
    sources = [each.source.name for each in deployment.mappings.values() if each.function.name == name]
    _only("--traffic", given, (name, *sources))
    ours = dict(given)
    if not ours:
        to = sources[0] if sources else name
        ours = {to: _traffic_of(to, name, measured, notes)}
    warm_up = WARM_UP
    if measured is not None:
        seconds, warm_up = measured.seconds, WARM_UP if given else 0.0
        if sum(measured.requests.counts) > MOST_REQUESTS:
            raise ReviewError(f"the metrics count more than {MOST_REQUESTS:,} requests: export a shorter time.")
    deployment = read_stack(stack, template, ours)
    triggers = tuple(each for each in deployment.triggers if not isinstance(each, Function) and each.function.name == name)
    account = _left_by_others(deployment, name, account, notes)
    has_snapstart = stack.resources[name].data("SnapStart.ApplyOn") == "PublishedVersions"
    return Case(deployment.functions[name], triggers, account, seconds, warm_up, has_snapstart)


def _left_by_others(deployment: Deployment, name: str, account: Account, notes: list[str]) -> Account:
    """The account without what other functions claim: their reservations, and what they provision of the pool that is shared."""
    others = [each for other, each in deployment.functions.items() if other != name]
    claimed = sum(each.reserved_concurrency or 0 for each in others)
    if deployment.functions[name].reserved_concurrency is None:
        claimed += sum(each.provisioned_concurrency for each in others if each.reserved_concurrency is None)
    if not claimed or account.concurrency_limit is None:
        return account
    notes.append(f"The template's other functions claim {claimed:,} of the account's concurrency.")
    return replace(account, concurrency_limit=account.concurrency_limit - claimed)


def _traffic_of(to: str, name: str, measured: Metrics | None, notes: list[str]) -> Traffic:
    """The traffic that the metrics show, or what is taken without them."""
    if measured is None:
        rate = fact("review_rate").value
        notes.append(f"Traffic: {rate:g} a second was taken, as nobody says it. Give --metrics, or --traffic {to}=RATE.")
        return poisson(rate)
    if to != name:
        notes.append(
            f"Traffic: one message of {to} was taken for each invocation, so every batch is of one. Give --traffic {to}=RATE."
        )
    period = measured.requests.period
    notes.append(
        f"Traffic: the export's, spread evenly at random within each {period:g} s; shorter bursts do not show. A throttle counts as "
        "a request of its own, though callers may have tried again."
    )
    return measured.requests


def _durations(
    stack: Stack,
    function: Function,
    given: float | Duration | None,
    measured: Metrics | None,
    reports: Reports | None,
    notes: list[str],
) -> dict[str, Any]:
    """How long it runs and how it starts: what was given, else what was observed, else what is assumed."""
    fitted = reports.fit(function.name) if reports is not None else None
    if given is not None:
        duration = as_duration("--duration", given)
    elif fitted is not None:
        duration = fitted.duration
        notes.append("Duration: log-normal through the median and the 99th percentile of the REPORT lines.")
    elif measured is not None and measured.duration is not None:
        duration = constant(measured.duration)
        notes.append("Duration: the export's average for every call, as it has no spread. Give --logs.")
    else:
        duration = function.duration
        notes.append(f"Duration: {duration} was taken, as nobody says it. Give --logs, or --duration {function.name}=SECONDS.")
    if fitted is not None and reports.cold_starts:
        return {"duration": duration, "cold_start": fitted.cold_start}
    runtime = stack.resources[function.name].data("Runtime")
    if runtime in FIRST_CALLS:
        notes.append(f"Cold starts: those of a small {runtime} function that others measured. Give --logs with cold starts.")
        cold = ColdStart.of(runtime, memory_mb=function.memory_mb, architecture=function.architecture)
        return {"duration": duration, "cold_start": cold}
    notes.append(f"Cold starts: {function.cold_start.init} of initialisation was taken. Give --logs with cold starts.")
    return {"duration": duration}


def _work(reports: Reports | None) -> Work | None:
    """What the handler computes and waits, where the logs show two memory sizes or more."""
    if reports is None:
        return None
    warm: dict[int, list[float]] = {}
    for line in reports:
        if not line.is_cold:
            warm.setdefault(line.memory_mb, []).append(line.duration_ms)
    return Work.fit({memory: float(np.median(each)) for memory, each in warm.items()}) if len(warm) > 1 else None


def _rows(outcome: Outcome, measured: Metrics | None, reports: Reports | None):
    """What is compared, side by side."""
    run, case = outcome.figures, outcome.case

    def row(name: str, observed: str | None, simulated: str) -> tuple[str, str, str]:
        return name, observed or UNKNOWN, simulated

    yield row("invocations a second", measured and f"{measured.rate:,.3g}", f"{run.invocations / case.seconds:,.3g}")
    yield row("throttled", measured and f"{measured.throttle_rate:.2%}", f"{run.throttle_rate:.2%}")
    timeouts = reports and f"{reports.timeouts / len(reports):.2%}"
    yield row("timed out", timeouts, f"{run.timeouts / max(run.invocations, 1):.2%}")
    yield row("cold starts", reports and f"{reports.cold_start_rate:.2%}", f"{run.cold_start_rate:.2%}")
    for q, name in ((0.5, "median"), (0.99, "p99")):
        observed = reports and milliseconds(reports.latency(q))
        yield row(f"initialisation and duration, {name}", observed, milliseconds(run.latency(q)))
    peak = measured.peak_concurrency if measured else None
    yield row("peak concurrency", None if peak is None else f"{peak:,.0f}", f"{run.peak_concurrency:,}")
    if reports:
        used = f"{reports.max_memory_mb:,} of {reports.memory_mb:,} MB"
        yield row("memory, most used", used, "not simulated")
    month = fact("hours_per_month").value * 3600
    observed = _observed_bill(outcome, reports, measured.rate * month) if measured and reports else None
    yield row("Lambda's bill a month", observed and money(observed.total), money(outcome.of_lambda.total))
    million = _observed_bill(outcome, reports, 1_000_000) if reports else None
    simulated = outcome.of_lambda.total / max(run.invocations * month / case.seconds, 1) * 1_000_000
    yield row("Lambda's bill, a million invocations", million and money(million.total), money(simulated))


def _observed_bill(outcome: Outcome, reports: Reports, requests: float) -> Bill | None:
    """What ``requests`` like those in the logs cost; None with provisioned concurrency, which REPORT lines do not show."""
    function = outcome.case.function
    return None if function.provisioned_concurrency else reports.bill(requests, architecture=function.architecture)
