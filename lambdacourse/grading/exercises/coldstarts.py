"""Exercise 03: what a cold start is made of, how many requests meet one, and what each remedy moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, settings_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.model import ColdStart, Function, Sync, Traffic, poisson, steady, trace
from lambdacourse.model.coldstarts import IN_DURATION, NOWHERE
from lambdacourse.plots import bars
from lambdacourse.pricing import SnapStart, bill
from lambdacourse.pricing.bills import money
from lambdacourse.pricing.breakeven import MONTH
from lambdacourse.runtime.logs import Report, billed, end_line, read_reports, start_line
from lambdacourse.simulation import simulate

LESSON = "lessons/03-cold-starts.ipynb"
IDLE = fact("idle_timeout").value
"""Seconds, an assumption of the course."""

# --- 1. cold_share


def _log(numbers: Numbers, name: str, snapstart: bool) -> dict:
    """A log of some calls: START, a line of the function's own, END and REPORT of each."""
    lines = []
    calls = numbers.whole(f"{name} calls", 12, 24)
    cold = {0, *(numbers.whole(f"{name} cold {each}", 1, calls - 1) for each in range(numbers.whole(f"{name} more", 1, 5)))}
    for call in range(calls):
        duration = numbers.whole(f"{name} duration {call}", 1_500, 9_900) / 100
        first = numbers.whole(f"{name} init {call}", 8_000, 160_000) / 100 if call in cold else None
        request_id = f"{numbers.whole(f'{name} id {call}', 0, 16**8 - 1):08x}-0000-4000-8000-{call:012x}"
        report = (
            Report(request_id, duration, billed(duration), 512, 91, None, first, first and math.ceil(first))
            if snapstart
            else Report(request_id, duration, billed(duration, first or 0.0), 512, 91, first)
        )
        lines += [start_line(request_id), "Cold start of the winter sale", end_line(request_id), report.line]
    return {"log": "\n".join(lines)}


def _on_demand_log(numbers: Numbers, number: int) -> dict:
    return _log(numbers, f"log {number}", snapstart=False)


def _snapstart_log(numbers: Numbers, number: int) -> dict:
    return _log(numbers, f"restored {number}", snapstart=True)


def _with(log: str, words: str) -> int:
    return sum(words in line for line in log.splitlines())


SHARE = Task(
    name="cold_share",
    parameters=("log",),
    title="Cold starts in a log",
    points=3,
    checker=Computes(
        "cold_share",
        expected=lambda log: read_reports(log).cold_start_rate,
        groups={"a log of a function": (2, _on_demand_log), "a log with starts from a snapshot": (1, _snapstart_log)},
        hidden=4,
        show=lambda value: f"{value:.4f}",
        misconceptions=(
            Misconception(
                lambda log: _with(log, "\tInit Duration") / _with(log, "REPORT"),
                "That looks for Init Duration alone. A start from a snapshot writes Restore Duration, and its caller waits as well.",
                "lesson 03, A real one",
            ),
            Misconception(
                lambda log: _with(log, "Cold start") / _with(log, "REPORT"),
                "That finds words which the function itself wrote. What Lambda measured stands in the REPORT lines.",
                "lesson 03, A real one",
            ),
            Misconception(
                lambda log: read_reports(log).cold_start_rate / 4,
                "That divides by all lines of the log. One invocation leaves one REPORT line.",
                "lesson 03, A real one",
            ),
            Misconception(
                lambda log: read_reports(log).cold_starts / (len(read_reports(log)) - read_reports(log).cold_starts),
                "That is cold starts for each warm call; the share is of all invocations.",
            ),
            Misconception(
                lambda log: float(read_reports(log).cold_starts),
                "That is how many there are; divide by the number of invocations.",
            ),
            Misconception(
                lambda log: 1 - read_reports(log).cold_start_rate,
                "That is the share of warm calls.",
            ),
        ),
    ),
    hints=(
        "Each invocation leaves one REPORT line. What has the line of a cold one that others have not?",
        '"Init Duration" stands in the REPORT line of a call for which an environment was initialised, "Restore Duration" in that of one '
        "that was restored.",
        'reports = [line for line in log.splitlines() if line.startswith("REPORT")]; then count those with either of the two words.',
    ),
    after="read_reports(log).cold_start_rate of lambdacourse.runtime does the same, from text or JSON, and has the percentiles and "
    "the bill besides. CloudWatch has no metric of cold starts.",
    lesson=f"{LESSON}#A-real-one",
)

# --- 2. cold_probability


def _rare(numbers: Numbers, number: int) -> dict:
    return {
        "per_hour": numbers.whole(f"rare {number}", 1, 12),
        "idle_minutes": numbers.pick(f"idle {number}", (5, 6, 7, 8, 10)),
    }


def _now_and_then(numbers: Numbers, number: int) -> dict:
    return {
        "per_hour": numbers.whole(f"often {number}", 15, 45),
        "idle_minutes": numbers.pick(f"long {number}", (5, 6, 7, 8)),
    }


def _probability(per_hour: float, idle_minutes: float) -> float:
    return math.exp(-per_hour / 60 * idle_minutes)


PROBABILITY = Task(
    name="cold_probability",
    parameters=("per_hour", "idle_minutes"),
    title="How likely a cold start is",
    points=3,
    checker=Computes(
        "cold_probability",
        expected=_probability,
        groups={"a request now and then": (1.5, _rare), "some more requests": (1.5, _now_and_then)},
        tolerance=1e-4,
        show=lambda value: f"{value:.4f}",
        misconceptions=(
            Misconception(
                lambda per_hour, idle_minutes: 1 - _probability(per_hour, idle_minutes),
                "That is how likely a warm start is: a request is cold when none came before it for the whole idle timeout.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda per_hour, idle_minutes: math.exp(-per_hour * idle_minutes),
                "That multiplies requests per hour by minutes. Put both into the same unit.",
            ),
            Misconception(
                lambda per_hour, idle_minutes: math.exp(-per_hour / 3600 * idle_minutes),
                "That multiplies requests per second by minutes. Put both into the same unit.",
            ),
            Misconception(
                lambda per_hour, idle_minutes: float(60 / per_hour > idle_minutes),
                "That would be right for requests like clockwork. At random, some gaps are long and some are short.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda per_hour, idle_minutes: max(1 - per_hour / 60 * idle_minutes, 0.0),
                "That is a straight line, close for few requests only. At random, gaps are distributed exponentially.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda per_hour, idle_minutes: 0.01,
                "Less than 1 % is what AWS says of all invocations together. A function that is called rarely has its own share.",
                "lesson 03, How many requests meet one",
            ),
        ),
    ),
    hints=(
        "A request is cold when the one before it came longer ago than the environment is kept.",
        "Gaps between random requests are distributed exponentially: the share of gaps longer than t is exp(−rate × t).",
        "return math.exp(-per_hour / 60 * idle_minutes)",
    ),
    after="It holds while one environment does all the work. How long an idle one is kept AWS does not publish: the course assumes "
    "6 minutes.",
    lesson=f"{LESSON}#How-many-requests-meet-one",
)

# --- 3. latency_at


def _percentile(numbers: Numbers, number: int) -> dict:
    """Requests of which clearly more, or clearly fewer, are cold than are slower than the quantile, three quantiles in turn."""
    name, quantile = f"percentile {number}", (0.5, 0.9, 0.99)[number % 3]
    cold = number % 2 == numbers.whole("first", 0, 1)
    idle_minutes = numbers.pick(f"{name} idle", (5, 6, 8, 10))
    factor = numbers.whole(f"{name} share", 120, 180) if cold else numbers.whole(f"{name} share", 20, 70)
    wanted = min((1 - quantile) * factor / 100, 0.9)
    return {
        "per_hour": round(-math.log(wanted) / idle_minutes * 60, 1),
        "idle_minutes": idle_minutes,
        "warm_ms": numbers.whole(f"{name} warm", 20, 200, 5),
        "cold_ms": numbers.whole(f"{name} cold", 400, 3_000, 20),
        "quantile": quantile,
    }


def _latency_at(per_hour: float, idle_minutes: float, warm_ms: float, cold_ms: float, quantile: float) -> float:
    return cold_ms if _probability(per_hour, idle_minutes) > 1 - quantile else warm_ms


LATENCY = Task(
    name="latency_at",
    parameters=("per_hour", "idle_minutes", "warm_ms", "cold_ms", "quantile"),
    title="Which percentile shows it",
    points=3,
    checker=Computes(
        "latency_at",
        expected=_latency_at,
        groups={"the latency at a percentile": (3, _percentile)},
        visible=6,
        units=" ms",
        misconceptions=(
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: cold_ms if quantile >= 0.99 else warm_ms,
                "Cold starts need not be the slowest 1 %: that depends on the share of cold requests, which depends on the traffic.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: (
                    warm_ms + _probability(per_hour, idle_minutes) * (cold_ms - warm_ms)
                ),
                "That is the mean. A percentile is the latency of some request, here either a warm or a cold one.",
            ),
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: (
                    cold_ms if _probability(per_hour, idle_minutes) > quantile else warm_ms
                ),
                "Compare the share of cold requests with the share that is slower than the percentile, 1 − quantile.",
            ),
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: (
                    warm_ms if _probability(per_hour, idle_minutes) > 1 - quantile else cold_ms
                ),
                "It is the other way round: the more requests are cold, the lower the percentile that shows them.",
            ),
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: float(cold_ms),
                "Not every percentile shows cold starts: where they are fewer than what is slower than it, it is warm.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda per_hour, idle_minutes, warm_ms, cold_ms, quantile: float(warm_ms),
                "Where many requests are cold, percentiles are cold as well, even the median of a function that is called rarely.",
                "lesson 03, How many requests meet one",
            ),
        ),
    ),
    hints=(
        "Line all requests up by latency: the cold ones are at the slow end. From which place in the line on are they cold?",
        "A share of 1 − quantile of the requests is slower than the percentile. Are there more cold ones than that?",
        "cold_ms if cold_probability(per_hour, idle_minutes) > 1 - quantile else warm_ms",
    ),
    after="So a function that is called once an hour has its cold start in the median, and a busy one not even in the 99th percentile: "
    "a percentile is no measure of cold starts. The share in the log is.",
    lesson=f"{LESSON}#How-many-requests-meet-one",
)

# --- 4. best_remedy

REMEDIES = ("more memory", "smaller package", "load less", "SnapStart")


def _starts(runtime: str, memory_mb: int, package_mb: float, function_init: float) -> dict[str, float]:
    """Seconds of the cold start with each remedy."""
    base = {"runtime": runtime, "memory_mb": memory_mb, "package_mb": package_mb, "function_init": function_init}
    changes = (
        {"memory_mb": fact("mb_per_vcpu").value},
        {"package_mb": package_mb / 10},
        {"function_init": function_init / 2},
        {"snapstart": True},
    )
    return {name: ColdStart.of(**{**base, **change}).seconds for name, change in zip(REMEDIES, changes, strict=True)}


def _best_remedy(runtime: str, memory_mb: int, package_mb: float, function_init: float) -> str:
    starts = _starts(runtime, memory_mb, package_mb, function_init)
    return min(starts, key=starts.__getitem__)


def _snapstart_for_java(runtime: str, **case) -> str:
    """What one takes who believes that SnapStart is for Java only, and always right there."""
    others = {name: seconds for name, seconds in _starts(runtime, **case).items() if name != "SnapStart"}
    return "SnapStart" if runtime.startswith("java") else min(others, key=others.__getitem__)


def _slow_start(numbers: Numbers, number: int) -> dict:
    """A cold start for which one remedy, in turn, is better than the next by 15 %."""
    wanted = REMEDIES[(number + numbers.whole("first", 0, 3)) % 4]
    for attempt in range(1_000):
        name = f"{number} {attempt}"
        case = {
            "runtime": numbers.pick(f"runtime {name}", ("python3.13", "java21", "dotnet8")),
            "memory_mb": numbers.pick(f"memory {name}", (128, 512, 1024)),
            "package_mb": numbers.pick(f"package {name}", (5, 20, 50, 100, 150, 200)),
            "function_init": numbers.pick(f"init {name}", (0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 4.0, 5.0)),
        }
        least, next_one, *_ = sorted(_starts(**case).values())
        if _best_remedy(**case) == wanted and next_one > 1.15 * least:
            return case
    raise AssertionError(f"no cold start for {wanted}")


def _remedy_statement(numbers: Numbers) -> str:
    case = _slow_start(numbers, 0)
    colours = {NOWHERE: "idle", IN_DURATION: "warm"}
    rows = [(each.name, each.seconds, colours.get(each.shown, "cold")) for each in ColdStart.of(**case).phases]
    title = f"{case['runtime']}, {case['memory_mb']:,} MB, a package of {case['package_mb']} MB"
    picture = bars(title, "seconds of a cold start", rows, "{:.2f} s".format)
    return f"<p>One of your cases, phase by phase:</p>{picture._repr_mimebundle_()['text/html']}"


REMEDY = Task(
    name="best_remedy",
    parameters=("runtime", "memory_mb", "package_mb", "function_init"),
    title="What helps most",
    points=3,
    statement=_remedy_statement,
    checker=Chooses(
        "best_remedy",
        expected=_best_remedy,
        options=REMEDIES,
        points=3,
        about="what shortens a cold start most",
        cases=_slow_start,
        visible=8,
        misconceptions=(
            Misconception(
                lambda **_: "more memory",
                "Memory does not speed an initialisation up, which gets about a whole vCPU at any size; it helps a slow first call only.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                lambda **_: "smaller package",
                "A smaller package saves its download and no more, a second for 200 MB. Most long starts are in the initialisation.",
                "lesson 03, The two-second cold start",
            ),
            Misconception(
                lambda **_: "SnapStart",
                "A restore takes half a second or more itself: where your initialisation is shorter, SnapStart makes the start longer.",
                "lesson 03, SnapStart and provisioned concurrency",
            ),
            Misconception(
                lambda **_: "load less",
                "Loading less helps in proportion to what your own code takes. Where that is little, look at the other phases.",
                "lesson 03, The two-second cold start",
            ),
            Misconception(
                _snapstart_for_java,
                "SnapStart is not for Java only, and not for every Java function: compare the restore with the initialisation.",
                "lesson 03, Claims on trial",
            ),
        ),
    ),
    hints=(
        "Which phase is the longest, and which remedy touches it?",
        "ColdStart.of(runtime, memory_mb=…, package_mb=…, function_init=…).seconds gives a whole cold start: work it out with each remedy.",
        "Put the four in a dict by name and return min(starts, key=starts.get). SnapStart is ColdStart.of(…, snapstart=True).",
    ),
    after="These are medians of what others measured. Your own function's phases are in its REPORT lines, and "
    "profile_example of lambdacourse.runtime.examples shows which import takes how long.",
    lesson=f"{LESSON}#What-it-is-made-of",
)

# --- 5. cold_visitors


def _crowd(numbers: Numbers, number: int) -> dict:
    warmers = numbers.whole(f"warmers {number}", 1, 12)
    return {"visitors": warmers + numbers.whole(f"crowd {number}", 3, 60), "warmers": warmers}


def _few(numbers: Numbers, number: int) -> dict:
    visitors = numbers.whole(f"few {number}", 1, 8)
    return {"visitors": visitors, "warmers": visitors + numbers.whole(f"enough {number}", 0, 8)}


VISITORS = Task(
    name="cold_visitors",
    parameters=("visitors", "warmers"),
    title="What a warmer covers",
    points=2,
    checker=Computes(
        "cold_visitors",
        expected=lambda visitors, warmers: max(visitors - warmers, 0),
        groups={"a crowd": (1, _crowd), "a few visitors": (1, _few)},
        units=" visitors",
        misconceptions=(
            Misconception(
                lambda visitors, warmers: 0.0,
                "A warmer keeps as many environments as it calls at once. Whoever comes beyond them waits for a new one.",
                "lesson 03, Warmers, and what they cannot do",
            ),
            Misconception(
                lambda visitors, warmers: visitors - min(warmers, 1),
                "Calls at the same moment need an environment each, so that many calls at once keep that many.",
                "lesson 03, Warmers, and what they cannot do",
            ),
            Misconception(
                lambda visitors, warmers: visitors - warmers,
                "There cannot be fewer than none: environments beyond the visitors stay idle.",
            ),
            Misconception(
                lambda visitors, warmers: max(visitors - 1, 0),
                "That is right for one call at a time. Here warmers of them come at the same moment.",
                "lesson 03, Warmers, and what they cannot do",
            ),
        ),
    ),
    hints=(
        "How many environments does the schedule keep, when its calls overlap?",
        "Each visitor needs an environment of their own, because all come at the same moment.",
        "max(visitors - warmers, 0)",
    ),
    after="And nobody promises that the warm ones are kept: AWS replaces environments when it likes. Provisioned concurrency is the "
    "promise.",
    lesson=f"{LESSON}#Warmers,-and-what-they-cannot-do",
)

# --- 6. shop


def _event(path: str) -> dict:
    """What a function URL sends (payload format 2.0), as far as a handler looks at it."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "abcdefgh.lambda-url.us-east-1.on.aws"},
        "requestContext": {"http": {"method": "GET", "path": path, "protocol": "HTTP/1.1"}, "stage": "$default"},
        "isBase64Encoded": False,
    }


def _response(value: object, path: str) -> tuple[dict | None, str]:
    """A response, or None and a sentence that says what came instead."""
    said = f"To {path} it returned"
    if type(value) is not dict or type(value.get("statusCode")) is not int or type(value.get("body")) is not str:
        return None, f"{said} {str(value)[:80]}; a dict with a statusCode (a whole number) and a body (a text) was expected."
    headers = value.get("headers")
    opened = headers.get("x-opened") if type(headers) is dict else None
    if type(opened) is not str or not opened.isdecimal():
        return None, f'{said} no header "x-opened" with str(Connection.opened): keep what the task gives.'
    return {**value, "opened": int(opened)}, ""


def _check_shop(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    numbers = own if held_back is None else held_back
    orders = [numbers.whole(f"order {each}", 1, 9_999) for each in range(8)]
    paths = ["/health", "/health", *(f"/orders/{order}" for order in orders), "/health", "/nothing"]
    seen = []
    for path in paths:
        response, problem = _response(answer(_event(path), None), path)
        if response is None:
            return [Part(0, 1, f"The answers: {problem}"), Part(0, 2, f"The connections: {problem}"), Part(0, 1, problem)]
        seen.append(response)
    health, served, last, unknown = seen[:2], seen[2:10], seen[10], seen[11]
    wrong = [
        f"To {path} it answered {each['statusCode']} {each['body']!r}, where {status} {body!r} is right."
        for path, each, status, body in (
            *((path, each, 200, "ok") for path, each in zip(("/health", "/health"), health, strict=True)),
            *((f"/orders/{n}", each, 200, str(7 * n % 100)) for n, each in zip(orders, served, strict=True)),
            ("/nothing", unknown, 404, unknown["body"]),
        )
        if (each["statusCode"], each["body"]) != (status, body)
    ]
    answers = Part(share(1, len(paths) - 1 - len(wrong), len(paths) - 1) if len(wrong) < 4 else 0, 1, "The answers: right.")
    if wrong:
        answers = Part(answers.points, 1, f"The answers: {wrong[0]}")
    more = served[-1]["opened"] - served[0]["opened"]
    said = "one serves all orders."
    if more:
        said = (
            f"eight orders in one environment opened {more + 1} of them. The environment outlives the call, and so does what you keep "
            "outside the handler. See lesson 03, Claims on trial."
        )
    elif served[0]["opened"] < 1:
        said = "none was opened, so the totals cannot come from the database."
    connections = Part(2.0 * (not more and served[0]["opened"] >= 1), 2, f"The connections: {said}")
    idle = health[1]["opened"] == health[0]["opened"] and last["opened"] == served[-1]["opened"]
    said = "needs no connection, and opens none." if idle else "opened a connection that it does not need."
    return [answers, connections, Part(float(idle), 1, f"A health check {said}")]


SHOP = Task(
    name="shop",
    parameters=("event", "context"),
    title="A handler that connects once",
    points=4,
    checker=_check_shop,
    hints=(
        "What stands outside the handler lives as long as the environment. A connection that the handler makes lives for one call, "
        "unless something outside keeps it.",
        "Keep connection = None at the top. In the branch for orders: if it is still None, connect; the handler needs "
        "global connection for that.",
        'path = event["rawPath"]; for orders: global connection; if connection is None: connection = Connection(); '
        'connection.total(int(path.removeprefix("/orders/"))). The global line stands first in the handler.',
    ),
    after="functools.cache on a function that connects does the same without global. Connect at the top where every event needs it, "
    "in the branch where few do; and with provisioned concurrency always at the top, where nobody waits for it.",
    lesson=f"{LESSON}#What-it-is-made-of",
)

# --- 7. cold_start_plan

PING = 300
"""Seconds between a warmer's calls."""
DURATION, MEMORY_MB, RUNTIME = 0.1, 1024, "python3.13"


def _crowds(numbers: Numbers, number: int) -> dict:
    """How a function is called, how long it initialises, how fast it must be: three kinds in turn."""
    kind = (number + numbers.whole("first", 0, 2)) % 3
    return {
        "crowd": 1 if kind == 0 else numbers.whole(f"crowd {number}", 5, 12),
        "gap_minutes": numbers.whole(f"gap {number}", 2, 3) if kind == 0 else numbers.whole(f"between {number}", 15, 25),
        "function_init": numbers.whole(f"init {number}", 20, 40) / 10,
        "limit_ms": 1_500 if kind == 2 else numbers.whole(f"limit {number}", 300, 500, 50),
    }


def _traffic(crowd: int, gap_minutes: int) -> tuple[Traffic, float]:
    """Calls, and the seconds for which they come: never at the moment of a warmer's call."""
    gap = 60.0 * gap_minutes
    if crowd == 1:
        return poisson(1 / gap), 500 * gap
    moments = [gap * number + 97 for number in range(40)]
    return trace([moment for moment in moments for _ in range(crowd)]), 40 * gap


@cache
def _outcome(
    crowd: int, gap_minutes: int, function_init: float, warmer: bool, snapstart: bool, kept: int
) -> tuple[float, float]:
    """The 99th percentile of the calls in milliseconds, the warmer's own left out, and USD a month."""
    started = ColdStart.of(RUNTIME, memory_mb=MEMORY_MB, package_mb=5, function_init=function_init, snapstart=snapstart)
    function = Function(
        "api", duration=DURATION, memory_mb=MEMORY_MB, cold_start=ColdStart(init=started.seconds), provisioned_concurrency=kept
    )
    calls, seconds = _traffic(crowd, gap_minutes)
    run = simulate(Sync(function, calls + steady(1 / PING) if warmer else calls), seconds=seconds, seed=4, record=True)
    requests = run["api"].requests
    if warmer:
        requests = requests[np.abs(requests.time / PING - (requests.time / PING).round()) > 1e-9]
    cost = run.bill("month")
    if snapstart:
        restores = round(run["api"].cold_starts * MONTH * 3600 / seconds)
        cost += bill(0, 0, MEMORY_MB, snapstart=SnapStart(MONTH, restores), free_tier=False)
    return 1000 * float(requests.latency.quantile(0.99)), cost.total


def _least_plan(crowd: int, gap_minutes: int, function_init: float, limit_ms: float) -> float:
    """USD a month of the cheapest that is fast enough, among one remedy at a time."""
    plans = ((False, False, 0), (True, False, 0), (False, True, 0), (False, False, crowd))
    outcomes = [_outcome(crowd, gap_minutes, function_init, *plan) for plan in plans]
    return min(cost for p99_ms, cost in outcomes if p99_ms <= limit_ms)


def _plan(value: object) -> tuple[tuple[bool, bool, int] | None, str]:
    """The remedies in the answer, or None and a sentence that says what is wrong with it."""
    known = {"warmer": (False, True), "snapstart": (False, True), "provisioned_concurrency": (0, 100)}
    if problem := settings_problem(value, known):
        return None, problem
    kept = value["provisioned_concurrency"]
    if kept and value["snapstart"]:
        return None, "AWS has no provisioned concurrency for a version with SnapStart: choose one of them."
    return (value["warmer"], value["snapstart"], kept), ""


def _check_plan(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_crowds(own, number) for number in range(3)]
    if held_back is not None:
        cases += [_crowds(held_back, number) for number in range(3)]
    slow, dear = [], []
    for case in cases:
        call = written_call("cold_start_plan", case)
        plan, problem = _plan(answer(*case.values()))
        if plan is None:
            return [Part(0, 2, f"{call}: {problem}"), Part(0, 3, "No bill without a plan.")]
        p99_ms, cost = _outcome(case["crowd"], case["gap_minutes"], case["function_init"], *plan)
        if p99_ms > case["limit_ms"]:
            slow.append(f"{call}: {p99_ms:,.0f} ms in the simulation. {_too_slow(case['crowd'], *plan)}")
            continue
        least = _least_plan(**case)
        if cost > 1.1 * least:
            dear.append(f"{call}: {money(cost)} a month; {money(least)} would do. {_too_dear(case['crowd'], *plan)}")
    fast = len(cases) - len(slow)
    said = slow[0] if slow else "yes, in every case."
    lean = dear[0] if dear else "counts where calls are fast enough." if slow else "yes, in every case."
    return [
        Part(share(2, fast, len(cases)), 2, f"99 of 100 calls within the limit: {said}"),
        Part(share(3, fast - len(dear), len(cases)), 3, f"At the lowest bill: {lean}"),
    ]


def _too_slow(crowd: int, warmer: bool, snapstart: bool, kept: int) -> str:
    if warmer and crowd > 1 and not kept and not snapstart:
        return (
            "A warmer keeps one environment; all others of a crowd start cold. See lesson 03, Warmers, and what they cannot do."
        )
    if snapstart:
        return "A restore takes most of a second itself, too long for this limit. See lesson 03, SnapStart and provisioned concurrency."
    if kept:
        return f"{kept} environments are kept, and {crowd} people come at once: the rest start cold."
    return "Between the calls the environments end, and more than one call in a hundred starts cold."


def _too_dear(crowd: int, warmer: bool, snapstart: bool, kept: int) -> str:
    if kept > crowd:
        return "More is kept than can ever be busy."
    if kept and crowd == 1:
        return "For one call at a time a warmer keeps its environment, for next to nothing. See lesson 03, Warmers, and what they cannot do."
    if kept:
        return (
            "Provisioned concurrency is paid all day for a crowd of a moment. The limit leaves time for a restore. See lesson 03, "
            "SnapStart and provisioned concurrency."
        )
    return "One remedy is enough here."


PLAN = Task(
    name="cold_start_plan",
    parameters=("crowd", "gap_minutes", "function_init", "limit_ms"),
    title="Fast enough, at the lowest bill",
    points=5,
    checker=_check_plan,
    hints=(
        "How many calls are there at the same moment? What keeps that many environments?",
        "How long does a call take that starts from a snapshot? Compare with your limit: ColdStart.of(…, snapstart=True).seconds.",
        "One at a time: a warmer, nearly free. A crowd and a limit of 1.5 s: SnapStart. A crowd and a shorter limit: provisioned "
        "concurrency, as much as there are people.",
    ),
    after="A fourth way is to load less: it shortens every cold start, costs nothing, and makes the other three cheaper or needless. "
    "Crowds that come by the clock can have provisioned concurrency by the clock, with scheduled scaling.",
    lesson=f"{LESSON}#SnapStart-and-provisioned-concurrency",
)

EXERCISE = Exercise("03-cold-starts", "Cold starts", (SHARE, PROBABILITY, LATENCY, REMEDY, VISITORS, SHOP, PLAN))
