"""Exercise 01: concurrency, its three limits, and who sees which error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, as_number
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.model import CALLERS, Account, ColdStart, Function, Sync, exponential, poisson, throttle_status
from lambdacourse.quantities import name_slip
from lambdacourse.simulation import simulate

LESSON = "lessons/01-concurrency.ipynb"
RPS = fact("rps_per_concurrency").value
SCALING = fact("scaling_rate").value / fact("scaling_period").value

# --- 1. needed_concurrency


def _rate_and_duration(numbers: Numbers, number: int) -> dict:
    rate = numbers.whole(f"rate {number}", 60, 4_800, 20)
    return {"rate": rate, "duration_ms": numbers.whole(f"duration {number}", 120, 1_900, 10)}


NEEDED = Task(
    name="needed_concurrency",
    parameters=("rate", "duration_ms"),
    title="Concurrency needed",
    points=2,
    checker=Computes(
        "needed_concurrency",
        expected=lambda rate, duration_ms: rate * duration_ms / 1000,
        groups={"the concurrency a load needs": (2, _rate_and_duration)},
        units=" environments",
        misconceptions=(
            Misconception(
                lambda rate, duration_ms: rate * duration_ms,
                "That multiplies requests per second by milliseconds: the seconds must cancel, so the duration has to be in seconds.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms: rate / (duration_ms / 1000),
                "That divides by the duration: then slower requests would need fewer environments.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms: 1000 / duration_ms,
                "That is how many requests one environment can serve in a second; divide the rate by it.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms: float(rate),
                "That is the rate itself: it equals the concurrency only for requests of one second.",
                "lesson 01, The formula",
            ),
        ),
    ),
    hints=(
        "If requests took exactly one second, how many would be running at any moment? And if they took half a second?",
        "Concurrency is the rate times the duration, both in seconds. The duration comes in milliseconds.",
        "return rate * duration_ms / 1000",
    ),
    after="This is Little's law: things in a system = arrival rate × time in the system. It holds for any distribution of the "
    "durations, as long as you use their mean.",
    lesson=f"{LESSON}#The-formula",
)

# --- 2. limit_needed


def _long_requests(numbers: Numbers, number: int) -> dict:
    # Never a whole number of environments, so that rounding shows.
    duration = numbers.whole(f"long duration {number}", 155, 2_495, 10)
    return {"rate": numbers.whole(f"long rate {number}", 1_011, 9_951, 20), "duration_ms": duration}


def _short_requests(numbers: Numbers, number: int) -> dict:
    duration = numbers.whole(f"short duration {number}", 5, 80, 5)
    return {"rate": numbers.whole(f"short rate {number}", 10_500, 90_000, 500), "duration_ms": duration}


def _limit_needed(rate: float, duration_ms: float) -> int:
    return max(math.ceil(round(rate * duration_ms / 1000, 9)), math.ceil(rate / RPS))


LIMIT = Task(
    name="limit_needed",
    parameters=("rate", "duration_ms"),
    title="The limit to ask for",
    points=3,
    checker=Computes(
        "limit_needed",
        expected=_limit_needed,
        groups={
            "long requests, where concurrency decides": (1.5, _long_requests),
            "short requests, where the request rate decides": (1.5, _short_requests),
        },
        misconceptions=(
            Misconception(
                lambda rate, duration_ms: math.ceil(round(rate * duration_ms / 1000, 9)),
                f"That looks at concurrency alone. A limit also admits only {RPS} requests per second for each unit of concurrency, "
                "however short they are.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda rate, duration_ms: math.ceil(rate / RPS),
                "That looks at the request rate alone; long requests need rate × duration environments.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms: math.ceil(rate * duration_ms / 1000) + math.ceil(rate / RPS),
                "That adds the two needs. One limit serves both: the larger need decides.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda rate, duration_ms: max(rate * duration_ms / 1000, rate / RPS),
                "A limit is a whole number: round up, or the last request has no room.",
            ),
            Misconception(
                lambda rate, duration_ms: max(int(rate * duration_ms / 1000), int(rate / RPS)),
                "That rounds down: a limit below the need throttles. Round up.",
            ),
        ),
    ),
    hints=(
        "Two of the three limits hold for ever, not only while the traffic grows. Work out what each of them asks for.",
        f"For concurrency: rate × duration. For the request rate: {RPS} requests per second for each unit of the limit, so rate / {RPS}.",
        "Take the larger of the two, rounded up: max(math.ceil(…), math.ceil(…)).",
    ),
    after="AWS's own examples: 20,000 requests a second of 50 ms need 2,000, not 1,000; 30,000 of 20 ms need 3,000, not 600.",
    lesson=f"{LESSON}#Three-limits,-not-one",
)

# --- 3. what_throttles


def _one_of_three_limits(numbers: Numbers, number: int) -> dict:
    limit = numbers.whole(f"limit {number}", 500, 5_000, 100)
    share = numbers.whole(f"share {number}", 30, 80)
    if number % 3 == 0:  # nothing throttles
        rate = limit * RPS * share // 100
        return {"rate": rate, "duration_ms": max(int(900 * limit * share / 100 / rate), 1), "limit": limit}
    if number % 3 == 1:  # concurrency does
        rate = limit * RPS * share // 100
        return {"rate": rate, "duration_ms": int(1000 * limit / rate * (1 + share / 50)) + 1, "limit": limit}
    rate = limit * RPS * (100 + share) // 100  # the request rate does
    return {"rate": rate, "duration_ms": max(int(1000 * limit / rate * share / 100), 1), "limit": limit}


def _what_throttles(rate: float, duration_ms: float, limit: float) -> str:
    if rate * duration_ms / 1000 > limit:
        return "concurrency"
    return "request rate" if rate > RPS * limit else "nothing"


WHAT = Task(
    name="what_throttles",
    parameters=("rate", "duration_ms", "limit"),
    title="Which limit is hit",
    points=3,
    checker=Chooses(
        "what_throttles",
        expected=_what_throttles,
        options=("nothing", "concurrency", "request rate"),
        points=3,
        about="the limit that a steady load hits",
        cases=_one_of_three_limits,
        misconceptions=(
            Misconception(
                lambda rate, duration_ms, limit: "concurrency" if rate * duration_ms / 1000 > limit else "nothing",
                f"That never finds the request rate: above {RPS} × limit requests per second, even the shortest are throttled.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda rate, duration_ms, limit: "concurrency" if rate > limit else "nothing",
                "That compares the rate with the concurrency limit. A limit of 1,000 is not 1,000 requests per second: "
                "multiply the rate by the duration first.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms, limit: "request rate" if rate > RPS * limit else "nothing",
                "That never finds concurrency: rate × duration may be above the limit although the rate is not.",
                "lesson 01, The formula",
            ),
        ),
    ),
    hints=(
        "First ask how many environments the load needs and compare with the limit.",
        f"Then compare the rate with {RPS} times the limit.",
        'Two ifs and a last return: "concurrency" where rate × seconds > limit; "request rate" where rate > 10 × limit; else "nothing".',
    ),
    after="In production the reason stands in the error: ConcurrentInvocationLimitExceeded for the first, "
    "FunctionInvocationRateLimitExceeded for the second.",
    lesson=f"{LESSON}#Three-limits,-not-one",
)

# --- 4. seconds_to_scale


def _far(numbers: Numbers, number: int) -> dict:
    running = numbers.whole(f"running {number}", 0, 900, 50)
    return {"running": running, "wanted": running + numbers.whole(f"more {number}", 1_600, 12_000, 200)}


def _near(numbers: Numbers, number: int) -> dict:
    running = numbers.whole(f"near running {number}", 0, 900, 50)
    return {"running": running, "wanted": running + numbers.whole(f"near more {number}", 50, 1_000, 50)}


def _seconds_to_scale(running: float, wanted: float) -> float:
    return max((wanted - running - fact("scaling_rate").value) / SCALING, 0.0)


SCALE = Task(
    name="seconds_to_scale",
    parameters=("running", "wanted"),
    title="How long scaling takes",
    points=3,
    checker=Computes(
        "seconds_to_scale",
        expected=_seconds_to_scale,
        groups={
            "a jump beyond the first 1,000": (2, _far),
            "a jump within the first 1,000": (1, _near),
        },
        units=" s",
        misconceptions=(
            Misconception(
                lambda running, wanted: (wanted - running) / fact("scaling_growth_before_2023").value * 60,
                "That is the rule from before November 2023: 500 more per minute, shared by the account. "
                "Today each function gets 1,000 every 10 seconds.",
                "lesson 01, Claims on trial",
            ),
            Misconception(
                lambda running, wanted: max((wanted - running - 1000) / 500 * 60, 0.0),
                "That is the rule from before November 2023, a burst and then 500 more per minute. "
                "Today it is 1,000 every 10 seconds for each function.",
                "lesson 01, Claims on trial",
            ),
            Misconception(
                lambda running, wanted: (wanted - running) / SCALING,
                "That lets the first environments wait too: up to 1,000 start at once, and the allowance is refilled from there.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda running, wanted: max((wanted - 1000) / SCALING, 0.0),
                "That forgets the environments that already run: only the additional ones count.",
            ),
            Misconception(
                lambda running, wanted: max(math.ceil((wanted - running) / 1000) - 1, 0) * 10.0,
                "That waits for whole steps of 10 seconds. The allowance is refilled continuously: 100 environments each second.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda running, wanted: (wanted - running - 1000) / SCALING,
                "Close: but a jump that the allowance covers takes 0 seconds, not a negative time.",
            ),
        ),
    ),
    hints=(
        "How many more environments are wanted? How many of them may start at once?",
        "The allowance holds 1,000 and is refilled by 1,000 every 10 seconds, evenly: 100 each second.",
        "What is left after the first 1,000, divided by 100; never below 0.",
    ),
    after="The scaling rate belongs to each function, not to the account: two functions can climb side by side, each at this rate.",
    lesson=f"{LESSON}#Three-limits,-not-one",
)

# --- 5. throttle_status


def _directly(numbers: Numbers, number: int) -> dict:
    return {"via": ("invoke", "function_url")[number % 2]}


def _through_something(numbers: Numbers, number: int) -> dict:
    return {"via": ("api_gateway_rest", "alb")[number % 2]}


STATUS = Task(
    name="throttle_status",
    parameters=("via",),
    title="Who sees which status",
    points=2,
    checker=Computes(
        "throttle_status",
        expected=throttle_status,
        groups={"callers that reach Lambda directly": (1, _directly), "callers behind something": (1, _through_something)},
        visible=2,
        hidden=2,
        show="{:.0f}".format,
        misconceptions=(
            Misconception(
                lambda via: 429,
                "Only direct callers see Lambda's own 429. API Gateway and the load balancer answer with a status of theirs.",
                "lesson 01, Who sees which error",
            ),
            Misconception(
                lambda via: 502 if via == "api_gateway_rest" else throttle_status(via),
                "502 from API Gateway means that the function ran and failed. A throttle is 500 there.",
                "lesson 01, Who sees which error",
            ),
            Misconception(
                lambda via: 503,
                "503 is what CloudFront answers, and what has been seen from HTTP APIs; not these callers.",
                "lesson 01, Who sees which error",
            ),
            Misconception(
                lambda via: 500 if via == "alb" else throttle_status(via),
                "A load balancer answers 502 when Lambda throttles; 500 is API Gateway's.",
                "lesson 01, Who sees which error",
            ),
        ),
    ),
    hints=(
        "Who gets Lambda's own answer, and who gets an answer from what stands between?",
        "A dictionary with four keys does it: " + ", ".join(repr(via) for via in CALLERS) + ".",
        "429 for the two direct callers. The other two numbers are in the table of lesson 01.",
    ),
    after="So a dashboard that counts 429s at the edge sees nothing of a Lambda that throttles behind API Gateway: "
    "alarm on Lambda's own Throttles metric.",
    lesson=f"{LESSON}#Who-sees-which-error",
)

# --- 6. forecast


def forecast_scenario(numbers: Numbers) -> dict:
    """The learner's own overload: by concurrency for one, by the request rate for another."""
    limit = numbers.whole("limit", 400, 1_500, 100)
    over = numbers.pick("overload", (*range(140, 181), *range(230, 291)))  # not 200, where the shares thrown and served agree
    if numbers.pick("kind", ("concurrency", "request rate")) == "concurrency":
        duration_ms = numbers.whole("duration", 250, 700, 50)
        return {"rate": int(limit / (duration_ms / 1000) * over / 100), "duration_ms": duration_ms, "limit": limit}
    return {"rate": RPS * limit * over // 100, "duration_ms": numbers.whole("short", 10, 30, 5), "limit": limit}


def _forecast_statement(numbers: Numbers) -> str:
    case = forecast_scenario(numbers)
    return (
        f"<p>An account with a concurrency limit of <b>{case['limit']:,}</b>. One function, called through Invoke "
        f"<b>{case['rate']:,}</b> times a second at random, <b>{case['duration_ms']} ms</b> per request on average. "
        "No caller tries again. The load goes on for a long time.</p>"
    )


def _check_forecast(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    case = forecast_scenario(own)
    value, problem = as_number(answer())
    if value is None:
        return [Part(0, 3, problem)]
    api = Function("api", duration=exponential(case["duration_ms"] / 1000), cold_start=ColdStart(init=0))
    account = Account(concurrency_limit=case["limit"], unreserved_minimum=0)
    seen = simulate(Sync(api, poisson(case["rate"])), account=account, seconds=20, warm_up=20, seed=1)["api"].throttle_rate
    if abs(value - seen) <= 0.02:
        return [Part(3, 3, f"You said {value:.0%}; the simulation throttles {seen:.1%}.")]
    said = f"You said {value:g}."
    needed, rate_cap = case["rate"] * case["duration_ms"] / 1000, RPS * case["limit"]
    wrong = (
        (
            max(1 - case["limit"] / case["rate"], 0),
            "That takes the limit for requests per second: multiply the rate by the duration.",
        ),
        (
            max(1 - case["limit"] / needed, 0),
            f"That looks at concurrency alone, but a limit admits only {RPS} requests per second a unit.",
        ),
        (max(1 - rate_cap / case["rate"], 0), "That looks at the request rate alone, but the environments run out first."),
        (needed / case["limit"] - 1, "That is the excess relative to the limit; the share is relative to what arrives."),
        (
            min(case["limit"] / needed, rate_cap / case["rate"]),
            "That is the share that is served; asked for is the share that is turned away.",
        ),
        (100 * seen, "That is percent; a share lies between 0 and 1."),
    )
    for other, words in wrong:
        if abs(value - other) <= 0.012 * abs(other):
            return [Part(0, 3, f"{said} {words} See lesson 01, Three limits, not one.")]
    if not 0 <= value <= 1:
        return [Part(0, 3, f"{said} A share lies between 0, nothing is throttled, and 1, all is.")]
    direction = "more" if value < seen else "less"
    return [
        Part(
            0,
            3,
            f"{said} The simulation throttles {direction} than that, by over two percentage points. {name_slip(value, seen)}".strip(),
        )
    ]


FORECAST = Task(
    name="forecast",
    parameters=(),
    title="Predict an overload",
    points=3,
    checker=_check_forecast,
    statement=_forecast_statement,
    hints=(
        "Which of the two lasting limits does your load hit? Your what_throttles can tell.",
        "How many requests per second get through when that limit is full?",
        "1 − (what gets through) / (what arrives). Through get limit / duration, or 10 × limit, whichever is smaller.",
    ),
    after="In overload the admitted rate no longer depends on what arrives: the limit alone decides, and the rest is turned away.",
    lesson=f"{LESSON}#Three-limits,-not-one",
)

# --- 7. limit_with_headroom

TARGET = 0.001


def _bursty(numbers: Numbers, number: int) -> dict:
    duration_ms = numbers.whole(f"bursty duration {number}", 300, 900, 20)
    concurrency = numbers.whole(f"bursty concurrency {number}", 60, 400, 10)
    return {"rate": round(concurrency / (duration_ms / 1000)), "duration_ms": duration_ms}


def erlang_b(servers: int, load: float) -> float:
    """The share that is turned away when a load (rate × duration) of independent requests meets so many servers."""
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def least_limit(load: float) -> int:
    """The smallest limit that turns away at most the target share."""
    limit = math.ceil(load)
    while erlang_b(limit, load) > TARGET:
        limit += 1
    return limit


def _check_headroom(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_bursty(own, 0), _bursty(own, 1)]
    if held_back is not None:
        cases += [_bursty(held_back, number) for number in range(3)]
    kept, lean, problems, spare = 0, 0, [], []
    for case in cases:
        call = f"limit_with_headroom(rate={case['rate']}, duration_ms={case['duration_ms']})"
        value, problem = as_number(answer(*case.values()))
        if value is None or value < 1 or value != int(value):
            problem = problem or f"It returned {value:g}; a concurrency limit is a whole number of 1 or more."
            return [Part(0, 4, f"{call}: {problem}")]
        api = Function("api", duration=exponential(case["duration_ms"] / 1000), cold_start=ColdStart(init=0))
        account = Account(concurrency_limit=int(value), unreserved_minimum=0)
        load = case["rate"] * case["duration_ms"] / 1000
        run = simulate(Sync(api, poisson(case["rate"])), account=account, seconds=400, warm_up=20, seed=2)["api"]
        least = least_limit(load)
        if run.throttle_rate <= 2 * TARGET:
            kept += 1
            lean += value <= 1.1 * least
            spare += [f"{call} asked for {value:,.0f}; {least:,} are enough."] if value > 1.1 * least else []
        elif value <= math.ceil(load):
            problems.append(
                f"{call} returned {value:,.0f}, the mean concurrency: half of the time more is needed, and the simulation throttles "
                f"{run.throttle_rate:.1%}. See lesson 01, The mean is not the peak."
            )
        else:
            problems.append(
                f"{call} returned {value:,.0f}: the simulation throttles {run.throttle_rate:.2%}, above {TARGET:.1%}."
            )
    objective = f"At most {TARGET:.1%} throttled under random load"
    return [
        Part(share(2.5, kept, len(cases)), 2.5, f"{objective}: {problems[0] if problems else 'yes, in every run.'}"),
        Part(share(1.5, lean, len(cases)), 1.5, f"No more than a tenth above what is needed: {_lean(spare, problems)}"),
    ]


def _lean(spare: list[str], problems: list[str]) -> str:
    if spare:
        return spare[0]
    return "counts where the first objective is met." if problems else "yes."


HEADROOM = Task(
    name="limit_with_headroom",
    parameters=("rate", "duration_ms"),
    title="A limit with headroom",
    points=4,
    checker=_check_headroom,
    hints=(
        "Random arrivals come in clumps: with a mean of 100 busy environments, how far above 100 does the number go now and then?",
        "The number of busy environments varies like a Poisson variable: its standard deviation is the square root of its mean.",
        "The mean plus a little more than three standard deviations, rounded up, is close. Or try limits in a loop with simulate.",
    ),
    after="The exact answer is Erlang's B formula of 1917, made for telephone lines; mean + 3.1 × √mean comes close. "
    "Note how headroom shrinks in relative terms as the load grows: large systems are smoother.",
    lesson=f"{LESSON}#The-mean-is-not-the-peak",
)

EXERCISE = Exercise("01-concurrency", "Concurrency", (NEEDED, LIMIT, WHAT, SCALE, STATUS, FORECAST, HEADROOM))
