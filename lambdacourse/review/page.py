"""``review``: from the files to one page about a function; the page as text, and as HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
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
from lambdacourse.review.changes import Change, best_changes, milliseconds
from lambdacourse.review.observed import Metrics, ReviewError, read_logs, read_metrics
from lambdacourse.runtime.logs import Reports
from lambdacourse.templates import Report, check
from lambdacourse.templates.checking import stack_of
from lambdacourse.templates.document import load
from lambdacourse.templates.reading import Deployment, read_stack
from lambdacourse.templates.stack import Stack

MOST_REQUESTS = 20_000_000
"""Requests in an export, at the most: each of a dozen runs simulates all of them."""
UNKNOWN = "not known"


@dataclass(frozen=True)
class Review:
    """A page about one function. ``print`` shows it; ``html`` is it as a page of its own.

    findings
        What is wrong with the template. Where AWS would refuse it, nothing is simulated, and the rest is empty.
    rows
        What is compared: its name, what was observed, and what the simulator says.
    changes
        At most three, the one that is worth most first.
    notes
        What was taken where the files do not say it, and which option says it.
    """

    function: str
    findings: Report
    outcome: Outcome | None = field(default=None, repr=False)
    rows: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    changes: tuple[Change, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        parts = [f"Review of {self.function}", _headed("The template", str(self.findings))]
        if self.outcome is None:
            return "\n\n".join([*parts, NOT_SIMULATED])
        widths = [max(len(row[column]) for row in (HEADS, *self.rows)) for column in range(3)]
        table = "\n".join(
            "  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2])])
            for row in (HEADS, *self.rows)
        )
        changes = "\n".join(
            f"{number}. {each.title}\n   {each.effect}" + (f"\n   Assumes {each.assumes}." if each.assumes else "")
            for number, each in enumerate(self.changes, 1)
        )
        return "\n\n".join(
            [
                *parts,
                _headed("Observed and simulated", table),
                _headed(CHANGES, changes or NO_CHANGES),
                _headed("What this stands on", "\n".join(f"- {note}" for note in self.notes)),
            ]
        )

    @property
    def html(self) -> str:
        """The page in HTML: no script, nothing loaded from anywhere; light or dark as the reader's system is."""
        body = [f"<h1>Review of <code>{escape(self.function)}</code></h1>", "<h2>The template</h2>", _findings(self.findings)]
        if self.outcome is None:
            body.append(f"<p>{NOT_SIMULATED}</p>")
        else:
            heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th><td>{escape(observed)}</td><td>{escape(simulated)}</td></tr>'
                for name, observed, simulated in self.rows
            )
            changes = "".join(
                f"<li><strong>{escape(each.title)}</strong><br>{escape(each.effect)}"
                + (f"<br><em>Assumes {escape(each.assumes)}.</em>" if each.assumes else "")
                + "</li>"
                for each in self.changes
            )
            notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
            body += [
                f"<h2>Observed and simulated</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>",
                f"<h2>{CHANGES}</h2>" + (f"<ol>{changes}</ol>" if changes else f"<p>{NO_CHANGES}</p>"),
                f"<h2>What this stands on</h2><ul>{notes}</ul>",
            ]
        title = f"<title>Review of {escape(self.function)}</title>"
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}<style>{STYLE}</style>'
        return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{"".join(body)}</main></body></html>\n'


HEADS = ("figure", "observed", "simulated")
CHANGES = "The changes worth most, each made alone"
NO_CHANGES = "None of those that were tried mends, saves or quickens anything."
NOT_SIMULATED = "Not simulated: mend the errors first."
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8888; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: normal; padding-left: 0; }
th { overflow-wrap: anywhere; }
li { margin-bottom: .6rem; }
"""


def _headed(head: str, text: str) -> str:
    return f"{head}\n{'-' * len(head)}\n{text}"


def _findings(report: Report) -> str:
    if not report.findings:
        return "<p>Nothing found.</p>"
    items = "".join(
        f"<li>Line {found.place.line}: <strong>{found.severity}</strong> <code>{escape(found.rule)}</code> {escape(found.text)}"
        + (f"<br>AWS: {escape(found.because)}" if found.because else "")
        + (f"<br>Mend: {escape(found.mend)}" if found.mend else "")
        + "</li>"
        for found in report.findings
    )
    return f"<ul>{items}</ul>"


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
    given = {to: each for to, each in given.items() if to in deployment.functions or to in deployment.sources} or given
    ours = {to: each for to, each in given.items() if to in (name, *sources)}
    if given and not ours:
        raise ReviewError(
            f"--traffic {', '.join(given)}: give that of {name}" + (f" or of {', '.join(sources)}." if sources else ".")
        )
    if not ours:
        to = sources[0] if sources else name
        ours = {to: _traffic_of(to, name, measured, notes)}
    if measured is not None:
        seconds = measured.seconds
        if sum(measured.requests.counts) > MOST_REQUESTS:
            raise ReviewError(f"the metrics count more than {MOST_REQUESTS:,} requests: export a shorter time.")
    deployment = read_stack(stack, template, ours)
    triggers = tuple(each for each in deployment.triggers if not isinstance(each, Function) and each.function.name == name)
    others = [each for other, each in deployment.functions.items() if other != name]
    claimed = sum(max(each.reserved_concurrency or 0, each.provisioned_concurrency) for each in others)
    if claimed and account.concurrency_limit is not None:
        account = replace(account, concurrency_limit=account.concurrency_limit - claimed)
        notes.append(f"The template's other functions claim {claimed:,} of the account's concurrency.")
    return Case(deployment.functions[name], triggers, account, seconds)


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
