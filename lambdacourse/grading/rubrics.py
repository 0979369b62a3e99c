"""Open interview questions: you answer in your own words, then tick what you said against a rubric. Nobody else scores it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from lambdacourse import learner as learners
from lambdacourse.grading.session import Note


@dataclass(frozen=True)
class Rubric:
    """An open question: what an answer should have, and one way to say it in a minute."""

    question: str
    points: tuple[str, ...]
    model: str


RUBRICS = {
    "concurrency": Rubric(
        "How does Lambda's concurrency work, and what happens at the limit?",
        (
            "concurrency is rate × duration, with a calculated example",
            "one limit for the account and Region, shared by all functions that reserve nothing",
            "two more limits: 10 requests per second for each unit, and 1,000 new environments per 10 seconds and function",
            "a synchronous caller gets an error, and which one depends on what stands between",
            "asynchronous events and batches are tried again, for how long, and where they end",
            "what you would do: shorter duration, a reservation for what matters, a queue, a higher quota",
            "what you would alarm on: Throttles, and claimed concurrency against the limit",
        ),
        "Concurrency is how many requests run at once: rate times duration. 5,000 a second of 200 ms are 1,000, the default limit of an account in "
        "a Region. Short requests meet another one first, ten a second for each unit, and a jump meets the scaling rate, 1,000 "
        "environments in ten seconds for each function. At the limit a direct caller gets 429, behind a REST API 500; an "
        "event waits in Lambda's own queue for up to six hours; a batch is held by its mapping. I would shorten the handler, reserve "
        "for what must not starve, put a queue where the answer can wait, and alarm on Throttles.",
    ),
    "reserved-or-provisioned": Rubric(
        "What is the difference between reserved and provisioned concurrency?",
        (
            "reserved: room that others cannot take, and a ceiling",
            "reserved is free, and starts nothing",
            "provisioned: environments that have been initialised before a request comes",
            "what it costs, busy or not, and from which utilisation it pays for itself",
            "above it, requests spill over to on-demand environments and start cold",
            "it belongs to a version or an alias, not to $LATEST",
            "auto scaling follows with minutes of delay",
        ),
        "A reservation is a number: so many of the account's units belong to this function, and it never gets more. It costs nothing and warms "
        "nothing. Provisioned concurrency is environments: they are initialised ahead, on a version or an alias, and paid for by "
        "the second whether used or not. Requests beyond them run on demand and may start cold. About 60 % busy is where it becomes "
        "cheaper than on demand. I reserve to protect something, the function or its database; I provision where a first call "
        "must be quick.",
    ),
    "two-seconds": Rubric(
        "A function has cold starts of two seconds. What do you do?",
        (
            "first ask which share of requests is cold, and at which quantile it hurts",
            "measure the phases: Init Duration, and what no metric shows",
            "what each mitigation moves, and what it does not",
            "less to import, lazily where it is rarely needed; clients outside the handler",
            "memory: a first call gets quicker, an initialisation hardly",
            "SnapStart or provisioned concurrency, with their price",
            "why a warmer that pings keeps one environment warm, and no burst",
        ),
        "I ask first whether anybody meets them: with a request a second, hardly one in a thousand is cold. Then where the two seconds are. "
        "Most of it is usually my own initialisation, so I look at the import profile, import less, and build clients once outside of the "
        "handler. More memory makes the first call quicker, not the initialisation. If a burst must be quick, SnapStart where the runtime has "
        "it, or provisioned concurrency, whose price I calculate. A warmer keeps one environment, and a burst needs many.",
    ),
    "vpc": Rubric(
        "When should a function be in a VPC?",
        (
            "when it must reach something with a private address only",
            "every function is in a VPC of AWS's already; attaching is about what it can reach",
            "S3, DynamoDB and SQS need no VPC; IAM says who may",
            "inside, the internet needs a NAT gateway; a public subnet does not help",
            "gateway endpoints are free, interface endpoints and NAT gateways cost by the hour and GB",
            "since 2019 no network interface per environment: cold starts are no reason against",
            "a thousand environments, a thousand connections: what stands before the database",
        ),
        "When it calls something that has a private address only, a database or a cache, or when a partner must see one fixed address. Not for "
        "safety as such: S3 or DynamoDB are reached without one, and IAM says who may. Inside, I use private subnets in two zones, gateway endpoints for "
        "S3 and DynamoDB, and a NAT gateway only if the internet is needed. The cold-start penalty went in 2019; network interfaces are shared. "
        "And I cap the concurrency, because each environment opens a connection.",
    ),
}


def rubric(name: str) -> Note:
    """The rubric and the model answer of an open question. Answer first, aloud or in the cell above."""
    found = _find(name)
    said = learners.recall("rubrics", name, default=None)
    before = f"<p>The last time you had {len(said)} of {len(found.points)}.</p>" if said is not None else ""
    points = "".join(f"<li>{escape(point)}</li>" for point in found.points)
    html = (
        f"<p><strong>{escape(found.question)}</strong></p>{before}<ol>{points}</ol>"
        f"<details><summary>One way to say it</summary><p>{escape(found.model)}</p></details>"
        f"<p>Which of these did you say? In a new cell, with their numbers: <code>said({name!r}, 1, 4)</code></p>"
    )
    text = "\n".join([found.question, *(f"{number}. {point}" for number, point in enumerate(found.points, 1)), found.model])
    return Note(html, text)


def said(name: str, *numbers: int) -> Note:
    """Note which points of a rubric your answer had. It counts for nobody but you."""
    found = _find(name)
    for number in numbers:
        if type(number) is not int or not 1 <= number <= len(found.points):
            raise ValueError(f"said({name!r}, {number!r}): the points have the numbers 1 to {len(found.points)}.")
    had = sorted(set(numbers))
    learners.remember(had, "rubrics", name)
    missing = [point for number, point in enumerate(found.points, 1) if number not in had]
    rest = f" Missing: {'; '.join(missing)}." if missing else " That is all of it."
    text = f"{len(had)} of {len(found.points)}.{rest}"
    return Note(f'<p role="status">{escape(text)}</p>', text)


def _find(name: str) -> Rubric:
    if name not in RUBRICS:
        raise KeyError(f"There is no rubric {name!r}; there are: {', '.join(RUBRICS)}.")
    return RUBRICS[name]
