"""Exercise 08: who tries again, which alarm sees it, who waits for whom, and how a release stays small."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from html import escape

import numpy as np

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, keys_problem, settings_problem, with_article
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.templates import Examined, as_template
from lambdacourse.grading.verdict import Part, held
from lambdacourse.learner import Numbers
from lambdacourse.model import (
    Account,
    ColdStart,
    Downstream,
    EventSourceMapping,
    Function,
    Retry,
    SqsQueue,
    Sync,
    lognormal,
    poisson,
    spike,
    trace,
)
from lambdacourse.simulation import Alarm, Run, alarms, simulate
from lambdacourse.templates.stack import ALARM

LESSON = "lessons/08-operating.ipynb"
QUOTA, COST, COST_OF_AN_ERROR = Retry().quota, Retry().throttle_cost, Retry().cost
LONGEST_WAIT = Retry().maximum_delay
CLAIMED = fact("claimed_concurrency_alarm").value
NO_START = ColdStart(init=0)


# --- 1. calls_at_most


def _layers(numbers: Numbers, number: int) -> dict:
    return {
        "client_attempts": numbers.whole(f"client {number}", 2, 5),
        "library_retries": numbers.whole(f"library {number}", 2, 6),
        "sdk_attempts": numbers.pick(f"sdk {number}", (3, 4, 5, 10)),
    }


def _no_library(numbers: Numbers, number: int) -> dict:
    return _layers(numbers, number + 100) | {"library_retries": 0}


CALLS = Task(
    name="calls_at_most",
    parameters=("client_attempts", "library_retries", "sdk_attempts"),
    title="What one click becomes",
    points=2,
    checker=Computes(
        "calls_at_most",
        expected=lambda client_attempts, library_retries, sdk_attempts: client_attempts * (library_retries + 1) * sdk_attempts,
        groups={"with a retry library around the SDK": (1, _layers), "without one": (1, _no_library)},
        misconceptions=(
            Misconception(
                lambda client_attempts, library_retries, sdk_attempts: client_attempts * library_retries * sdk_attempts,
                "A library that is told retries=5 makes 6 attempts: the first one, and five more.",
                "lesson 08, Claims on trial",
            ),
            Misconception(
                lambda client_attempts, library_retries, sdk_attempts: client_attempts * (library_retries + 1),
                "That takes the SDK for something that tries once. It tries again by itself, each time it is called.",
                "lesson 08, Claims on trial",
            ),
            Misconception(
                lambda client_attempts, library_retries, sdk_attempts: (library_retries + 1) * sdk_attempts,
                "That is what one invocation sends. The client's further attempts are further invocations.",
            ),
            Misconception(
                lambda client_attempts, library_retries, sdk_attempts: client_attempts + library_retries + 1 + sdk_attempts,
                "That adds the layers. Each attempt of an outer layer starts all attempts of the inner ones: they multiply.",
                "lesson 08, Take away",
            ),
            Misconception(
                lambda client_attempts, library_retries, sdk_attempts: max(client_attempts, library_retries + 1, sdk_attempts),
                "That is the largest layer alone. They do not know of each other: they multiply.",
                "lesson 08, Take away",
            ),
        ),
    ),
    hints=(
        "Begin inside: how many calls does one call of the SDK become? And what does the layer around it do with that?",
        "Attempts multiply. Mind the words: a retry is a further attempt, so so many retries are one attempt more.",
        "return client_attempts * (library_retries + 1) * sdk_attempts",
    ),
    after="So let one layer try again, the one that knows most: usually the SDK, and the client only where your API says that it may. "
    f"DynamoDB's {fact('sdk_attempts_dynamodb').value} attempts inside six of a library are "
    f"{fact('double_retry_calls_v3').value} calls, inside a function that by default has {fact('timeout_default').value} seconds.",
    lesson=f"{LESSON}#Claims-on-trial",
)

# --- 2. storm_factor


def _storm(numbers: Numbers, name: str, each: tuple[int, int], tokens: Sequence[int | None]) -> dict:
    """Requests in an outage, so many of each client."""
    clients = numbers.whole(f"{name} clients", 3, 20)
    return {
        "requests": clients * numbers.whole(f"{name} requests", *each),
        "attempts": numbers.whole(f"{name} attempts", 3, 10),
        "clients": clients,
        "tokens": numbers.pick(f"{name} tokens", tokens),
    }


def _without_quota(numbers: Numbers, number: int) -> dict:
    return _storm(numbers, f"without {number}", (200, 900), (None,))


def _quota_used_up(numbers: Numbers, number: int) -> dict:
    return _storm(numbers, f"used up {number}", (200, 900), (200, 300, 500, 800))


def _quota_enough(numbers: Numbers, number: int) -> dict:
    return _storm(numbers, f"enough {number}", (2, 6), (300, 500, 800))


def _storm_factor(requests: int, attempts: int, clients: int, tokens: int | None, cost: float = COST) -> float:
    most = requests * (attempts - 1)
    return 1 + (most if tokens is None else min(most, clients * (tokens // cost))) / requests


STORM = Task(
    name="storm_factor",
    parameters=("requests", "attempts", "clients", "tokens"),
    title="What retries make of an outage",
    points=3,
    checker=Computes(
        "storm_factor",
        expected=_storm_factor,
        groups={
            "clients without a quota": (1, _without_quota),
            "a quota that is used up": (1.5, _quota_used_up),
            "a quota that is not used up": (0.5, _quota_enough),
        },
        misconceptions=(
            Misconception(
                lambda requests, attempts, clients, tokens: attempts,
                "That lets every client try as often as it may. Its quota ends the retries before.",
                "lesson 08, Who tries again",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: _storm_factor(requests, attempts, 1, tokens),
                "That is one quota for all. Each client has its own.",
                "lesson 08, Who tries again",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: _storm_factor(requests, attempts, clients, tokens, 1),
                f"That takes a token for a retry. After a throttle, a retry takes {COST}.",
                "lesson 08, Who tries again",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: _storm_factor(
                    requests, attempts, clients, tokens, COST_OF_AN_ERROR
                ),
                f"{COST_OF_AN_ERROR} tokens is what a retry takes after a passing error. After a throttle it takes {COST}.",
                "lesson 08, Who tries again",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: _storm_factor(requests, attempts, clients, tokens) - 1,
                "Those are the retries for each request. The first attempt is sent, too.",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: requests * _storm_factor(requests, attempts, clients, tokens),
                "Those are the attempts of all requests together; asked is how many there are for each.",
            ),
            Misconception(
                lambda requests, attempts, clients, tokens: (
                    float(attempts) if tokens is None else 1 + clients * (tokens // COST) / requests
                ),
                "Where the quota holds more than is needed, the attempts end it: nobody tries more often than that.",
            ),
        ),
    ),
    hints=(
        "How many retries would there be if there were no quota? How many does the quota allow, and to whom does it belong?",
        f"A client with tokens can pay for tokens // {COST} retries after throttles; nothing comes back while nothing succeeds.",
        f"retries = min(requests * (attempts - 1), clients * (tokens // {COST})), without the second where tokens is None; "
        "return 1 + retries / requests",
    ),
    after="The longer the outage, the nearer to 1 is the factor: a quota is a fixed number of retries, whatever comes. In a short "
    "hiccup it is hardly felt, because what succeeds gives its tokens back. simulate with a Retry shows both.",
    lesson=f"{LESSON}#Who-tries-again",
)

# --- 3. retry_waits

DRAWS = 20
"""Calls of a case. That the longest of so many waits is below two fifths of what it may be happens once in 10⁸ times."""
UNEVEN = 0.3
"""How far the distribution of 120 shares or more is from an even one, once in 10⁹ times (Kolmogorov's bound)."""


def _longest(throttled: bool, number: int) -> float:
    """Seconds that an SDK waits before retry ``number`` (from 0) at the longest."""
    return min(LONGEST_WAIT, _base(throttled) * 2**number)


def _base(throttled: bool) -> float:
    return Retry().throttle_base_delay if throttled else Retry().base_delay


_SCHEDULES: tuple[tuple[Callable[[bool, int], float], str], ...] = (
    (
        lambda throttled, number: min(LONGEST_WAIT, _base(throttled) * 2 ** (number + 1)),
        "The first retry has the number 0: before it the longest wait is the base itself.",
    ),
    (
        lambda throttled, number: _base(throttled) * 2**number,
        f"No wait is longer than {LONGEST_WAIT:g} s, however many there are.",
    ),
    (
        lambda throttled, number: min(LONGEST_WAIT, _base(not throttled) * 2**number),
        f"The bases are swapped: {_base(True):g} s after a throttle, {_base(False):g} s after another failure.",
    ),
    (lambda throttled, number: _base(throttled) * (number + 1), "That grows by as much each time. It should double."),
    (lambda throttled, number: _base(throttled), "That stays the same. It should double each time."),
)
"""Wrong ideas of how the longest waits grow, and what to say."""


def _check_waits(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [{"attempts": own.whole(f"attempts {after}", 8, 10), "throttled": after} for after in (True, False)]
    if held_back is not None:
        cases.append({"attempts": held_back.whole("attempts", 7, 12), "throttled": held_back.pick("throttled", (True, False))})
    growth, chance = [], []
    for case in cases:
        call, drawn = written_call("retry_waits", case), [answer(*case.values()) for _ in range(DRAWS)]
        for waits in drawn:
            if problem := _waits_problem(waits, case["attempts"]):
                return [Part(0, 4, f"{call}: {problem}")]
        highest = [max(waits) for waits in zip(*drawn, strict=True)]
        longest = [_longest(case["throttled"], number) for number in range(len(highest))]
        too_long = _growth_problem(highest, longest, case["throttled"])
        growth.append(too_long and f"{call}: {too_long}")
        too_even = _chance_problem(drawn, highest if too_long else longest)
        chance.append(too_even and f"{call}: {too_even}")
    return [
        held("The longest waits double, up to their limit", 2, growth),
        held("Each wait is a share of it, at random", 2, chance),
    ]


def _waits_problem(waits: object, attempts: int) -> str:
    if type(waits) is not list:
        return f"it returned {with_article(waits)}; a list of seconds was expected."
    bad = [each for each in waits if type(each) not in (int, float) or not 0 <= each < float("inf")]
    if bad:
        return f"{bad[0]!r} is no number of seconds to wait."
    if len(waits) != attempts - 1:
        return f"it returned {len(waits)} waits; between {attempts} attempts there are {attempts - 1}."
    return ""


def _growth_problem(highest: list[float], longest: list[float], throttled: bool) -> str:
    """What is wrong with how the waits grow: the ``highest`` that was drawn before each retry, and the ``longest`` it may be."""
    place = next((n for n, (high, limit) in enumerate(zip(highest, longest, strict=True)) if not _reaches(high, limit)), None)
    if place is None:
        return ""
    wrong = f"before retry {place} the longest of {DRAWS} waits was {highest[place]:.3g} s; up to {longest[place]:g} s were expected."
    for schedule, words in _SCHEDULES:
        if all(_reaches(high, schedule(throttled, number)) for number, high in enumerate(highest)):
            wrong = f"{wrong} {words}"
            break
    return f"{wrong} See lesson 08, Who tries again."


def _reaches(high: float, limit: float) -> bool:
    """Whether the highest of ``DRAWS`` waits may be that of waits up to ``limit``."""
    return 0.4 * limit <= high <= limit * (1 + 1e-9)


def _chance_problem(drawn: list[list[float]], longest: list[float]) -> str:
    """What is wrong with the shares of the ``longest`` waits that were drawn, a list for each call."""
    shares = [[wait / limit if limit else 0.0 for wait, limit in zip(waits, longest, strict=True)] for waits in drawn]
    if all(each == shares[0] for each in shares):
        return (
            "the same waits in each call. Without chance, or with a fixed seed, clients that failed together come back together. "
            "See lesson 08, Who tries again."
        )
    if all(max(each) - min(each) < 1e-6 for each in shares):
        return "one share for all waits of a call. Draw anew before each retry."
    flat = np.sort(np.ravel(shares))
    if flat[0] > 0.45:
        return "a part of each wait is fixed. An SDK takes a share from 0 up: the whole wait is left to chance."
    steps = np.arange(len(flat) + 1) / len(flat)
    if max(np.max(steps[1:] - flat), np.max(flat - steps[:-1])) > UNEVEN:
        return "the waits are not spread evenly between 0 and the longest."
    return ""


WAITS = Task(
    name="retry_waits",
    parameters=("attempts", "throttled"),
    title="Backoff and jitter",
    points=4,
    checker=_check_waits,
    hints=(
        "For each retry there are two steps: how long may it wait at the longest? And which share of that does it wait?",
        f"The longest: min({LONGEST_WAIT:g}, base * 2**n) before retry n, which counts from 0. The share: random.random().",
        f"[random.random() * min({LONGEST_WAIT:g}, base * 2**n) for n in range(attempts - 1)], with base 1 where throttled, else 0.05.",
    ),
    after="It is called full jitter. Half a fixed wait and half a random one spreads the callers less, and saves nothing. "
    "random.uniform(0, longest) says the same as the product.",
    lesson=f"{LESSON}#Who-tries-again",
)

# --- 4. what_happened

NOTHING, TURNED_AWAY, DEPENDENCY, CODE, TAIL, CONSUMERS = (
    "nothing",
    "too little concurrency",
    "a slow dependency",
    "faulty code",
    "a slow tail",
    "too few consumers",
)
TROUBLES = (NOTHING, TURNED_AWAY, DEPENDENCY, CODE, TAIL, CONSUMERS)
MINUTES, TIMEOUT = 8, 2
HEALTHY_MS, SLOW_MS, HEALTHY_AGE = 1_000, 1_500, 30
AGE = "ApproximateAgeOfOldestMessage"


def _trouble(numbers: Numbers, number: int) -> str:
    return TROUBLES[(number + numbers.whole("first trouble", 0, len(TROUBLES) - 1)) % len(TROUBLES)]


@lru_cache(maxsize=64)
def _troubled(numbers: Numbers, number: int) -> Run:
    """Eight minutes of a function, four of them busy, with the trouble of that case. Kept, because grading looks twice at it."""
    trouble = _trouble(numbers, number)
    places = numbers.whole(f"places {number}", 6, 9)
    peak = numbers.whole(f"peak {number}", 70, 90, 5) if trouble in (TURNED_AWAY, DEPENDENCY, CONSUMERS) else 40
    traffic = spike(numbers.whole(f"calm {number}", 8, 12), peak, at=120, seconds=240)
    api = Function(
        "api",
        duration=lognormal(0.05, 3) if trouble == TAIL else lognormal(0.17, 0.6),
        timeout=TIMEOUT if trouble == DEPENDENCY else None,
        error_rate=numbers.whole(f"errors {number}", 5, 30, 5) / 100 if trouble == CODE else 0.0,
        reserved_concurrency=places if trouble == TURNED_AWAY else 400,
        downstream=Downstream("table", places, "wait") if trouble == DEPENDENCY else None,
    )
    trigger = Sync(api, traffic)
    if trouble == CONSUMERS or (trouble == NOTHING and numbers.pick(f"queue {number}", (True, False))):
        most = places if trouble == CONSUMERS else 100
        trigger = EventSourceMapping(api, SqsQueue("orders", traffic), batch_size=1, maximum_concurrency=most)
    return simulate(trigger, seconds=60 * MINUTES, seed=number, record=True)


def _minutes(numbers: Numbers, number: int) -> dict:
    """What CloudWatch shows of a case, minute by minute."""
    run = _troubled(numbers, number)
    table = run.metrics(60)
    shown = {
        "Invocations": table["api", "Invocations", "Sum"],
        "Errors": table["api", "Errors", "Sum"],
        "Throttles": table["api", "Throttles", "Sum"],
        "Duration average": table["api", "Duration", "Average"],
        "Duration p99": Alarm("Duration", "p99", 60, 1, 0, ">", resource="api").evaluate(run).table["value"],
        "ConcurrentExecutions": table["api", "ConcurrentExecutions", "Maximum"],
    }
    if run.queues:
        shown[AGE] = table["orders", AGE, "Maximum"]
    return {"metrics": {name: [round(value) for value in values] for name, values in shown.items()}}


def _what_happened(metrics: dict[str, list[int]]) -> str:
    if any(metrics["Throttles"]):
        return TURNED_AWAY
    if any(metrics["Errors"]):
        return DEPENDENCY if max(metrics["Duration p99"]) > SLOW_MS else CODE
    if max(metrics["Duration p99"]) > HEALTHY_MS:
        return TAIL
    return CONSUMERS if max(metrics.get(AGE, [0])) > HEALTHY_AGE else NOTHING


def _happened_statement(numbers: Numbers) -> str:
    number = 0 if _trouble(numbers, 0) != NOTHING else 1
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{value:,}</td>" for value in values)}</tr>'
        for name, values in _minutes(numbers, number)["metrics"].items()
    )
    head = "".join(f'<th scope="col">{minute}</th>' for minute in range(1, MINUTES + 1))
    picture = _troubled(numbers, number).plot()._repr_mimebundle_()["text/html"]
    return (
        f'<p>One of your cases:</p>{picture}<table><thead><tr><th scope="col">minute</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


HAPPENED = Task(
    name="what_happened",
    parameters=("metrics",),
    title="Read the dashboard",
    points=4,
    statement=_happened_statement,
    checker=Chooses(
        "what_happened",
        expected=_what_happened,
        options=TROUBLES,
        points=4,
        about="what troubles the function",
        cases=_minutes,
        visible=6,
        hidden=6,
        misconceptions=(
            Misconception(
                lambda metrics: CODE if any(metrics["Errors"]) else NOTHING,
                "That watches Errors alone. Throttles are in another metric, slow answers in Duration, and a queue's trouble in its age.",
                "lesson 08, Claims on trial",
            ),
            Misconception(
                lambda metrics: CODE if any(metrics["Errors"]) and not any(metrics["Throttles"]) else _what_happened(metrics),
                f"A function that runs into its timeout is an error, too: look at how long it ran. Here the timeout is {TIMEOUT} s.",
                "lesson 08, A retry storm",
            ),
            Misconception(
                lambda metrics: _what_happened(metrics | {"Duration p99": metrics["Duration average"]}),
                "That looks at the average, which hides one slow request in a hundred. Look at p99.",
                "lesson 08, Which alarm sees it",
            ),
            Misconception(
                lambda metrics: _what_happened({name: values for name, values in metrics.items() if name != AGE}),
                "Where a queue stands before the function, nothing fails, and nothing is throttled: only the age of what waits grows.",
                "lesson 08, Which alarm sees it",
            ),
            Misconception(
                lambda metrics: _what_happened(metrics | {"Throttles": [0]}),
                "Throttled requests are neither in Invocations nor in Errors. Look at Throttles.",
                "lesson 08, Which alarm sees it",
            ),
            Misconception(
                lambda metrics: CONSUMERS if AGE in metrics else _what_happened(metrics),
                f"A queue alone is no trouble. That its oldest message is older than {HEALTHY_AGE} s is.",
            ),
        ),
    ),
    hints=(
        "Which metric shows requests that never reached the handler? Which one shows those that it failed, which the slow ones?",
        f"Throttles first. Then Errors: together with a p99 near the timeout of {TIMEOUT} s they are timeouts. Then p99. Then the age, "
        "where there is one.",
        f"any(metrics['Throttles']); any(metrics['Errors']), with max(metrics['Duration p99']) > {SLOW_MS} or not; "
        f"max(metrics['Duration p99']) > {HEALTHY_MS}; max(metrics.get('{AGE}', [0])) > {HEALTHY_AGE}.",
    ),
    after="Six metrics, and each trouble shows in another one: that is why a dashboard has them all. ConcurrentExecutions grew in "
    "four of the six cases and told nothing by itself: it follows from rate and duration.",
    lesson=f"{LESSON}#Which-alarm-sees-it",
)

# --- 5. throttle_alarm

_ALARM_KEYS = (
    "metric",
    "statistic",
    "period",
    "evaluation_periods",
    "datapoints_to_alarm",
    "threshold",
    "comparison",
    "treat_missing",
)
ABOVE, AT_LEAST, *_ = alarms.COMPARISONS
PLACES = 5
APART = 20
"""Minutes between two flurries, at the least."""


def _watch(numbers: Numbers, number: int) -> dict:
    flurry = numbers.whole(f"flurry {number}", 1, 3)
    return {"flurry": flurry, "within": 2 * flurry + numbers.whole(f"slack {number}", 2, 3)}


@lru_cache(maxsize=64)
def _throttled(*throttles: int | None) -> Run:
    """A function that is throttled so often in each minute; ``None`` is one without a call. Kept, because grading looks twice."""
    shop = Function("shop", duration=0.2, reserved_concurrency=PLACES, cold_start=NO_START)
    times = [60.0 * minute + 10 for minute, count in enumerate(throttles) if count is not None for _ in range(PLACES + count)]
    return simulate(Sync(shop, trace(times)), seconds=60 * len(throttles), record=True)


_CALM = 8
"""Minutes before the trouble."""


def _troubled_days(numbers: Numbers, number: int) -> dict[str, Run]:
    few, many = numbers.whole(f"few {number}", 1, 3), numbers.whole(f"many {number}", 40, 200)
    calm = [0] * _CALM
    return {
        f"{many} throttles in each minute": _throttled(*calm, *[many] * 15),
        f"{few} in each minute": _throttled(*calm, *[few] * 15),
        f"{few} in every second minute": _throttled(*calm, *[few, 0] * 10),
        f"{many} in every second minute, and no call in between": _throttled(*[None] * _CALM, *[many, None] * 10),
    }


def _good_days(numbers: Numbers, number: int, flurry: int) -> dict[str, Run]:
    burst = [numbers.whole(f"burst {number}", 40, 200)] * flurry
    length = f"{flurry} minute{'s' if flurry > 1 else ''} with throttles"
    return {
        f"{length}, calls before and after": _throttled(*[0] * 8, *burst, *[0] * APART, *burst, *[0] * 12),
        f"{length}, and no calls before and after": _throttled(*[None] * 12, *burst, *[None] * APART),
        "no calls at all": _throttled(*[None] * 30),
    }


def _check_alarm(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [(own, 0)] + ([(held_back, 1), (held_back, 2)] if held_back is not None else [])
    woken, slept = [], []
    for numbers, number in cases:
        case = _watch(numbers, number)
        call = written_call("throttle_alarm", case)
        alarm, problem = _as_alarm(answer(*case.values()))
        if alarm is None:
            return [Part(0, 5, f"{call}: {problem}")]
        late = {day: _too_late(alarm, run, case["within"]) for day, run in _troubled_days(numbers, number).items()}
        good = _good_days(numbers, number, case["flurry"])
        loud = {day: run for day, run in good.items() if alarm.evaluate(run).first_alarm > 0}
        woken += [f"{call}: {day}. {told} {_why_asleep(alarm)}".strip() if told else "" for day, told in late.items()]
        slept += [f"{call}: {day}, and it goes off. {_why_loud(alarm, run, case)}" for day, run in loud.items()]
        slept += [""] * (len(good) - len(loud)) if "" in late.values() else ["counts where trouble is heard."] * len(good)
    return [held("Trouble wakes somebody in time", 2.5, woken), held("Nothing else does", 2.5, slept)]


def _as_alarm(settings: object) -> tuple[Alarm | None, str]:
    """The alarm with these settings, or None and a sentence that says why there is none."""
    if problem := keys_problem(settings, _ALARM_KEYS):
        return None, problem
    try:
        alarm = Alarm(**settings, resource="shop")
        alarm.evaluate(_throttled(0))
    except (TypeError, ValueError) as problem:
        return None, str(problem)
    return alarm, ""


def _too_late(alarm: Alarm, run: Run, within: int) -> str:
    states = alarm.evaluate(run).table["state"]
    if states.iloc[_CALM - 1] == alarms.ALARM:
        return "It is on before the trouble begins."
    on = states.index[(states == alarms.ALARM) & (states.index > 60 * _CALM)]
    if not len(on):
        return "It never goes off."
    minutes = on[0] / 60 - _CALM
    return "" if minutes <= within else f"It goes off after {minutes:g} minutes."


def _why_asleep(alarm: Alarm) -> str:
    if alarm.metric != "Throttles":
        return f"Throttled requests are not in {alarm.metric}. See lesson 08, Which alarm sees it."
    if alarm.statistic != "Sum" or alarm.comparison not in (ABOVE, AT_LEAST):
        return "Count them: the Sum, above a threshold."
    if alarm.threshold >= (1 if alarm.comparison == ABOVE else 2):
        return f"{alarm.comparison} of {alarm.threshold:g} is not any throttle. See lesson 08, Claims on trial."
    if alarm.datapoints_to_alarm == alarm.evaluation_periods > 1:
        return "All data points must breach there; in bad minutes with good ones in between they never do."
    return ""


def _why_loud(alarm: Alarm, run: Run, case: dict) -> str:
    if not replace(alarm, treat_missing="notBreaching").evaluate(run).first_alarm > 0:
        return (
            f"A minute without calls has no data point, and {alarm.treat_missing!r} says what that means. "
            "See lesson 08, Which alarm sees it."
        )
    return f"A flurry of {case['flurry']} mends itself: how many data points must breach, so that it alone is too few?"


ALARM_TASK = Task(
    name="throttle_alarm",
    parameters=("flurry", "within"),
    title="An alarm that wakes, and lets sleep",
    points=5,
    checker=_check_alarm,
    hints=(
        "Count throttles minute by minute. How many bad minutes are more than a flurry? In how many minutes do so many come together "
        "when every second one is good?",
        "M of N: datapoints_to_alarm is flurry + 1. Of 2 × M − 1 minutes, every second one bad, M are bad. What does a minute without "
        "calls mean?",
        '"Throttles", "Sum", 60 s, evaluation_periods 2 * flurry + 1, datapoints_to_alarm flurry + 1, threshold 0, ">", "notBreaching".',
    ),
    after='With more evaluation periods it would still sleep, as long as two flurries do not meet in them. Left at "missing", an alarm '
    "goes off on too few data points, when those that there are all breach and no new ones come: a flurry, and then silence.",
    lesson=f"{LESSON}#Which-alarm-sees-it",
)

# --- 6. answered_at_once


def _some_callers(numbers: Numbers, number: int, least: int, most: int) -> dict:
    """So many callers, from ``least`` to ``most`` percent of the limit."""
    limit = numbers.whole(f"limit {least} {number}", 100, 1_000, 20)
    return {"callers": limit * numbers.whole(f"callers {least} {number}", least, most) // 100, "limit": limit}


def _answered(callers: int, limit: int) -> int:
    waiting = min(callers, limit)
    return min(waiting, limit - waiting)


ANSWERED = Task(
    name="answered_at_once",
    parameters=("callers", "limit"),
    title="Lambda waits for Lambda",
    points=3,
    checker=Computes(
        "answered_at_once",
        expected=_answered,
        groups={
            "a few callers": (0.5, lambda numbers, number: _some_callers(numbers, number, 10, 50)),
            "more than half the limit": (1.5, lambda numbers, number: _some_callers(numbers, number, 52, 99)),
            "as many as the limit, or more": (1, lambda numbers, number: _some_callers(numbers, number, 100, 240)),
        },
        misconceptions=(
            Misconception(
                lambda callers, limit: min(callers, limit),
                "That forgets the second function: while a caller waits, its environment is busy, and the second one needs another.",
                "lesson 08, Lambda calls Lambda",
            ),
            Misconception(
                lambda callers, limit: min(callers, limit // 2),
                "That keeps half the limit free for the second function. Nobody does: the callers come first and take what there is.",
                "lesson 08, Lambda calls Lambda",
            ),
            Misconception(
                lambda callers, limit: max(limit - callers, 0),
                "That is what is left for the second function. Where few call, it is more than is needed.",
            ),
            Misconception(
                lambda callers, limit: min(callers, limit) - min(min(callers, limit), limit - min(callers, limit)),
                "Those are the callers that get no answer.",
            ),
            Misconception(
                lambda callers, limit: min(callers, limit - callers),
                "Close: but there are never more callers inside than the limit, and never fewer than no answers.",
            ),
        ),
    ),
    hints=(
        "How many environments do the callers hold when they make their calls? How many are left?",
        "Callers inside: the smaller of callers and limit. Free: the limit less those. Each answer needs one free environment.",
        "waiting = min(callers, limit); return min(waiting, limit - waiting)",
    ),
    after="More callers, fewer answers, and at the limit none: a deadlock, until their timeouts free them. A reservation for the second "
    "function ends it, and a queue between them the waiting, too, which is billed to the caller by the millisecond.",
    lesson=f"{LESSON}#Lambda-calls-Lambda",
)

# --- 7. pay_once


def _payments(numbers: Numbers, name: str) -> list[dict]:
    """Events as they come: some again, later; one at first with an amount that is none; two payments of the same amount."""
    events, now = [], numbers.whole(f"{name} begin", 1_700_000_000, 1_800_000_000)
    amounts = [numbers.whole(f"{name} amount {place}", 1, 91, 5) for place in range(3)]
    for place, amount in enumerate([*amounts, amounts[0]]):
        events.append({"payment_id": f"p-{numbers.whole(f'{name} id {place}', 100, 999)}{place}", "amount": amount})
    mended = events[2]
    wrong = mended | {"amount": numbers.pick(f"{name} wrong", (0, -5, -20))}
    order = [events[0], wrong, events[1], events[0], mended, events[3], events[1], mended, events[0]]
    return [event | {"sent_at": now + 7 * place} for place, event in enumerate(order)]


def _check_pay(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    rounds = [_payments(own, "own 0"), _payments(own, "own 1")]
    if held_back is not None:
        rounds += [_payments(held_back, "held 0"), _payments(held_back, "held 1")]
    once, same, mended = [], [], []
    for events in rounds:
        said, problem = _delivered(answer, events)
        if problem:
            return [Part(0, 4, problem)]
        charges: dict[str, list[float]] = {}
        for event, each in zip(events, said, strict=True):
            charges.setdefault(event["payment_id"], []).append(each["charge"])
        due = {event["payment_id"]: event["amount"] for event in events if event["amount"] > 0}
        refused = next(event["payment_id"] for event in events if event["amount"] <= 0)
        mended.append(_mended_problem(charges.pop(refused), due[refused]))
        once.append(_charges_problem(charges, due))
        same.append(_answers_problem(events, said))
    return [
        held("Each payment is charged once", 2, once),
        held("A repeated one gets the first answer", 1, same),
        held("What was refused can be mended", 1, mended),
    ]


def _delivered(answer: Answer, events: list[dict]) -> tuple[list[dict], str]:
    """What the learner's function says to each event, or what is wrong with that."""
    table, said = {}, []
    for event in events:
        each = answer(table, event)
        problem = keys_problem(each, ("charge", "answer", "table"))
        if not problem and type(each["charge"]) not in (int, float):
            problem = f"charge is {each['charge']!r}; a number was expected, 0 for none."
        if not problem and type(each["table"]) is not dict:
            problem = f"table is {with_article(each['table'])}; a dict was expected."
        if problem:
            return [], f"{written_call('pay_once', {'table': table, 'event': event})}: {problem}"
        table = each["table"]
        said.append(each)
    return said, ""


def _charges_problem(charges: dict[str, list[float]], due: dict[str, float]) -> str:
    for payment, charged in charges.items():
        if sum(charged) == due[payment]:
            continue
        if charged == [due[payment]] * len(charged):
            return (
                f"{payment} came {len(charged)} times and was charged {len(charged)} times. Which field stays the same when it "
                "comes again? sent_at does not. See lesson 08, Twice is normal."
            )
        if not any(charged):
            return f"{payment} was never charged: another payment of the same amount is not the same payment."
        return f"{payment}, of {due[payment]}, was charged {sum(charged):g}."
    return ""


def _answers_problem(events: list[dict], said: list[dict]) -> str:
    first: dict[str, dict] = {}
    for event, each in zip(events, said, strict=True):
        new = {"charged": event["amount"], "at": event["sent_at"]}
        right = first.setdefault(event["payment_id"], new) if event["amount"] > 0 else {"error": "amount"}
        if each["answer"] != right:
            again = event["amount"] > 0 and each["answer"] == new
            keep = " Keep the first answer, too. See lesson 08, Twice is normal." if again else ""
            return f"to {event!r} the answer was {each['answer']!r}, where {right!r} is right.{keep}"
    return ""


def _mended_problem(charged: list[float], due: float) -> str:
    refused, *later = charged
    if refused:
        return f"{refused:g} were charged for an amount that is none: refuse what is not above 0."
    if not any(later):
        return "the mended payment got nothing but the first refusal. Keep what was done, not what was refused."
    return "" if sum(later) == due else f"the mended payment, of {due}, was charged {sum(later):g}."


PAY = Task(
    name="pay_once",
    parameters=("table", "event"),
    title="Twice is normal",
    points=4,
    checker=_check_pay,
    hints=(
        "What does the table have to hold, so that a repeated payment gets the very answer of the first time?",
        'The answer, under the payment_id: {**table, event["payment_id"]: answer}. Look there first. What is refused leaves no trace.',
        'If the id is in the table: charge 0, the answer from there. If the amount is not above 0: charge 0, {"error": "amount"}, the '
        "table as it was. Else charge, and keep the new answer.",
    ),
    after="That is what Powertools' idempotent decorator does with a DynamoDB table: the key from the event, the answer kept, an exception "
    "not kept. It also refuses a payment that comes while the first one is still being worked on: two may run at the same time.",
    lesson=f"{LESSON}#Twice-is-normal",
)

# --- 8. careful_release

_TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Runtime: python3.13
      Handler: app.handler
      CodeUri: s3://my-code/{name}.zip
      Timeout: 5
      AutoPublishAlias: live
      DeploymentPreference:
        Type: AllAtOnce
  Failing:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{{Name: FunctionName, Value: !Ref Shop}}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
  Throttled:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Throttles
      Dimensions: [{{Name: FunctionName, Value: !Ref Shop}}]
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      Threshold: {threshold}  # any throttle
      ComparisonOperator: GreaterThanThreshold
  Crowded:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: ConcurrentExecutions
      Dimensions: [{{Name: FunctionName, Value: !Ref Shop}}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: {crowded}  # 80 % of the account's {quota}
      ComparisonOperator: GreaterThanThreshold
"""


_GRADUAL = re.compile(r"Canary\d+Percent\d+Minutes|Linear\d+PercentEvery\d+Minutes?")
"""Types of a DeploymentPreference that begin with a part of the traffic."""


def _release(numbers: Numbers) -> dict:
    quota = numbers.whole("quota", 1_000, 4_000, 500)
    name, threshold = numbers.pick("name", ("shop", "orders", "tickets")), numbers.whole("threshold", 10, 20, 5)
    template = _TEMPLATE.format(name=name, threshold=threshold, quota=quota, crowded=quota * 8 // 10)
    return {"template": template, "quota": quota}


def _release_statement(numbers: Numbers) -> str:
    case = _release(numbers)
    return f"<p>The account's quota is <b>{case['quota']:,}</b>. Your template:</p><pre>{escape(case['template'])}</pre>"


def _check_release(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    parts = _release_parts(answer, _release(own))
    if held_back is not None and all(part.ok for part in parts):
        return _release_parts(answer, _release(held_back))
    return parts


def _release_parts(answer: Answer, case: dict) -> list[Part]:
    found, problem = as_template(answer(*case.values()))
    if found is None:
        return [Part(0, 4, problem)]
    if found.report.errors:
        first = found.report.errors[0]
        return [Part(0, 4, f"The template is not valid, in line {first.place.line}: {first.text}")]
    if "Shop" not in found.deployment.functions:
        return [Part(0, 4, "The function Shop has to stay.")]
    parts = {
        "One throttle sets off an alarm within two minutes": _throttle_problem(found),
        "Minutes without calls are OK": _silence_problem(found),
        "An alarm sees how near the account is to its quota": _crowd_problem(found, case["quota"]),
        "New code gets a part of the traffic, and goes back on an alarm": _rollout_problem(found),
    }
    return [Part(float(not problem), 1, f"{about}: {problem or 'yes.'}") for about, problem in parts.items()]


def _counting(found: Examined, metric: str) -> dict[str, Alarm]:
    """The alarms on how many of them Shop has."""
    wanted = metric, "Sum", "Shop"
    every = found.deployment.alarms.items()
    return {name: alarm for name, alarm in every if (alarm.metric, alarm.statistic, alarm.resource) == wanted}


def _shop_run(throttles: int, calls: bool) -> Run:
    """Ten minutes of Shop: with calls, and so many throttles in the third; or without any call."""
    shop = Function("Shop", duration=0.2, reserved_concurrency=PLACES, cold_start=NO_START)
    times = [*(60.0 * minute + 10 for minute in range(10)), *[130.0] * (PLACES - 1 + throttles)] if calls else []
    return simulate(Sync(shop, trace(times)), seconds=600, record=True)


def _throttle_problem(found: Examined) -> str:
    run, watching = _shop_run(1, calls=True), _counting(found, "Throttles")
    if not watching:
        return "no alarm watches the Sum of Shop's Throttles."
    if any(alarm.evaluate(run).first_alarm <= 300 for alarm in watching.values()):
        return ""
    name, alarm = next(iter(watching.items()))
    return (
        f"{name} is silent ({alarm.comparison} {alarm.threshold:g} in {alarm.period} s). Any throttle is: above 0, in a minute. "
        "See lesson 08, Claims on trial."
    )


def _silence_problem(found: Examined) -> str:
    failing = _counting(found, "Errors")
    if not failing:
        return "the alarm on the Sum of Shop's Errors is gone, and has to stay."
    for name, alarm in (failing | _counting(found, "Throttles")).items():
        if alarm.evaluate(_shop_run(0, calls=False)).share(alarms.OK) < 1:
            return f"{name} is not OK, because a minute without calls has no data point. See lesson 08, Which alarm sees it."
    return ""


def _crowd_problem(found: Examined, quota: int) -> str:
    """Whether an alarm goes off when another function fills four fifths of the account, and none when it fills half."""
    every = found.deployment.alarms.items()
    watching = [(name, alarm) for name, alarm in every if "Concurren" in alarm.metric and alarm.statistic == "Maximum"]
    if not watching:
        return "no alarm watches the Maximum of a concurrency."
    name, alarm = next((each for each in watching if each[1].resource == "account"), watching[0])
    if not _crowded(alarm, quota, 0.8):
        if alarm.resource != "account":
            return (
                f"{name} watches Shop alone. Another function fills the account, and it stays silent: ClaimedAccountConcurrency is "
                "the account's, and has no Dimensions. See lesson 08, Claims on trial."
            )
        return f"{name} is silent when 80 % of {quota:,} are claimed; AWS's example warns above {CLAIMED:.0%}."
    return f"{name} goes off when half of {quota:,} is claimed, which is no trouble yet." if _crowded(alarm, quota, 0.5) else ""


def _crowded(alarm: Alarm, quota: int, share_of_it: float) -> bool:
    """Whether the alarm goes off when another function takes that share of the account."""
    other = Function("other", duration=400, cold_start=NO_START)
    account = Account(concurrency_limit=quota, scaling_rate=None, rps_per_concurrency=None)
    callers = Sync(other, trace([5.0] * int(share_of_it * quota)))
    run = simulate(Function("Shop", duration=0.2), callers, account=account, seconds=300)
    return alarm.evaluate(run).first_alarm > 0


def _rollout_problem(found: Examined) -> str:
    properties = found.stack.template.root["Resources"].at("Shop.Properties")
    preference = properties.at("DeploymentPreference") if properties else None
    if preference is None or not properties.at("AutoPublishAlias"):
        return "it needs an alias, AutoPublishAlias, and a DeploymentPreference. See lesson 08, Pitfalls."
    preference = found.stack.template.resolve(preference)
    kind = preference["Type"].data if preference["Type"] else None
    if type(kind) is not str or not _GRADUAL.fullmatch(kind):
        return f"the type {kind} does not send it a part first. See lesson 08, Pitfalls."
    listed = preference["Alarms"].data if preference["Alarms"] else None
    named = [found.stack.find(each.data, ALARM) for each in listed] if isinstance(listed, list) else []
    if not {alarm.name for alarm in named if alarm} & set(_counting(found, "Errors")):
        return "no alarm on the function's errors is listed under Alarms: a fault would not bring the old code back."
    return ""


RELEASE = Task(
    name="careful_release",
    parameters=("template", "quota"),
    title="Mend a template",
    points=4,
    checker=_check_release,
    statement=_release_statement,
    hints=(
        "Four things are wrong: how many throttles it takes, what a minute without calls means, whose concurrency is watched, and how "
        "new code is let in.",
        "Throttles: above 0, in 60 s, notBreaching. The account's metric is ClaimedAccountConcurrency, without Dimensions. Lesson 08 has a "
        "DeploymentPreference under Pitfalls.",
        f"Crowded: MetricName: ClaimedAccountConcurrency, no Dimensions, Threshold: {CLAIMED:g} of the quota. Shop: Type: "
        "Canary10Percent5Minutes and Alarms: [!Ref Failing]. template.replace(old, new) does each.",
    ),
    after="`lambdacourse check-template` finds the alarm that watches one function for all, and the threshold of 10. With metric math, "
    "ClaimedAccountConcurrency / SERVICE_QUOTA(…), the alarm would follow when the quota is raised.",
    lesson=f"{LESSON}#Pitfalls",
)

# --- 9. storm_settings

MOST_RESERVED = Account().concurrency_limit - Account().unreserved_minimum
_SETTINGS = {"reserved": (1, MOST_RESERVED), "attempts": (1, 100), "quota": (False, True)}
MEAN = lognormal(0.17, 0.6).mean
SERVED, MOST_ATTEMPTS, DEARER, CALM_SUCCESS = 0.9, 1.5, 1.5, 0.995


def _database(numbers: Numbers, number: int) -> dict:
    return {"connections": numbers.whole(f"connections {number}", 10, 24)}


def _api(settings: dict, **more: object) -> Function:
    return Function("api", duration=lognormal(0.17, 0.6), reserved_concurrency=settings["reserved"], timeout=TIMEOUT, **more)


def _retry(settings: dict) -> Retry:
    return Retry(settings["attempts"], quota=QUOTA if settings["quota"] else None, clients=10, on_errors=True)


def _stormy(settings: dict, connections: int) -> Run:
    """Five minutes, three of which want 1.6 times what the database can serve."""
    can = connections / MEAN
    traffic = spike(0.2 * can, 1.6 * can, at=60, seconds=180)
    api = _api(settings, downstream=Downstream("database", connections, "wait"))
    return simulate(Sync(api, traffic, via="alb", retry=_retry(settings)), seconds=300, seed=8)


def _hiccups(settings: dict, connections: int) -> Run:
    """Five calm minutes, in which one attempt in ten fails at random."""
    api = _api(settings, error_rate=0.1)
    return simulate(Sync(api, poisson(0.2 * connections / MEAN), via="alb", retry=_retry(settings)), seconds=300, seed=9)


def _check_storm(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_database(own, 0)] + ([_database(held_back, 1), _database(held_back, 2)] if held_back is not None else [])
    served, small, lean, calm = [], [], [], []
    for case in cases:
        call, settings = written_call("storm_settings", case), answer(*case.values())
        if problem := settings_problem(settings, _SETTINGS):
            return [Part(0, 5, f"{call}: {problem}")]
        run = _stormy(settings, **case)
        callers, can = run["api"].callers, case["connections"] / MEAN
        answered = callers.succeeded / (can * (180 + 0.2 * 120))
        good_day = _hiccups(settings, **case)["api"].callers.success_rate
        dear = run.bill().total / callers.succeeded / _cost_of_one(settings)
        served.append("" if answered >= SERVED else f"{call}: {answered:.0%} of it. {_why_unserved(settings, **case)}")
        factor = callers.attempts_per_request
        small.append(
            "" if factor <= MOST_ATTEMPTS else f"{call}: {factor:.2f}. Without a quota, retries go on while nothing succeeds."
        )
        waits = "Handlers that wait are paid, too: let fewer in. See lesson 08, A retry storm."
        lean.append("" if dear <= DEARER else f"{call}: {dear:.1f} times. {waits}")
        hiccup = f"{call}: {good_day:.1%} do. Of {settings['attempts']}, all fail in {0.1 ** settings['attempts']:.1%}: try more often."
        calm.append("" if good_day >= CALM_SUCCESS else hiccup)
    return [
        held(f"In the storm, {SERVED:.0%} of what the database can serve is answered", 1.5, served),
        held(f"At most {MOST_ATTEMPTS:g} attempts for each request", 1, small),
        held(f"An answer costs at most {DEARER:g} times as much as on a good day", 1, lean),
        held(f"On a calm day {CALM_SUCCESS:.1%} succeed, although one attempt in ten fails", 1.5, calm),
    ]


def _cost_of_one(settings: dict) -> float:
    """USD of an answer for which nobody waited."""
    run = simulate(Sync(_api(settings | {"reserved": 100}), poisson(20)), seconds=300, seed=10)
    return run.bill().total / run["api"].callers.succeeded


def _why_unserved(settings: dict, connections: int) -> str:
    if settings["reserved"] < connections:
        return f"{settings['reserved']} environments keep {connections} connections from being busy."
    if settings["reserved"] > 2 * connections:
        return "Too many wait at once, time out, and the database works for those who have gone. See lesson 08, A retry storm."
    return ""


STORM_SETTINGS = Task(
    name="storm_settings",
    parameters=("connections",),
    title="Ride out the storm",
    points=5,
    checker=_check_storm,
    hints=(
        "Two kinds of trouble, two kinds of setting: what helps against one failure in ten at random, and what against far too many "
        "requests?",
        "At random: 0.1 to the power of the attempts fail for good. Too many: let in about as many as there are connections, and let a "
        "quota end the retries.",
        '{"reserved": connections, "attempts": 3, "quota": True}, the standard retry mode behind a reservation; a few more reserved do '
        "no harm.",
    ),
    after="Retries are for single failures, a reservation and a quota for floods. A maximum concurrency on a queue would do the reservation's "
    "work for events, and they would wait instead of being turned away.",
    lesson=f"{LESSON}#A-retry-storm",
)

EXERCISE = Exercise(
    "08-operating",
    "Operating",
    (CALLS, STORM, WAITS, HAPPENED, ALARM_TASK, ANSWERED, PAY, RELEASE, STORM_SETTINGS),
)
