"""Exercise 07: the bill, what memory buys, what batches and provisioned concurrency save, and when Lambda is the wrong choice."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lambdacourse import plots
from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, keys_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.memory import memory_frame
from lambdacourse.model import ColdStart, Function, Sync, Work, poisson
from lambdacourse.model.functions import ARCHITECTURES
from lambdacourse.pricing import bill, billed_ms, fargate, lambda_month, managed_instances
from lambdacourse.pricing.bills import money
from lambdacourse.pricing.breakeven import MONTH
from lambdacourse.simulation import simulate

LESSON = "lessons/07-cost.ipynb"
MB_PER_GB = fact("mb_per_gb").value
MB_PER_VCPU = fact("mb_per_vcpu").value
REQUEST = fact("request_price").value / 1e6
GB_SECOND = fact("duration_price").value
KEPT, BUSY = fact("provisioned_price").value, fact("provisioned_duration_price").value
FREE_REQUESTS, FREE_GB_SECONDS = fact("free_tier_requests").value, fact("free_tier_gb_seconds").value

# --- 1. billed_duration


def _warm(numbers: Numbers, number: int) -> dict:
    return {"duration_ms": numbers.whole(f"warm {number}", 1_201, 89_999, 2) / 100, "init_ms": 0}


def _cold(numbers: Numbers, number: int) -> dict:
    # Both have a small fraction: rounded up together they make one millisecond less than apart, rounded off one less than up.
    duration = numbers.whole(f"cold {number}", 20, 900) + numbers.whole(f"fraction {number}", 5, 20, 5) / 100
    init = numbers.whole(f"init {number}", 101, 1_900) + numbers.whole(f"init fraction {number}", 5, 20, 5) / 100
    return {"duration_ms": round(duration, 2), "init_ms": round(init, 2)}


BILLED = Task(
    name="billed_duration",
    parameters=("duration_ms", "init_ms"),
    title="What is billed of one invocation",
    points=2,
    checker=Computes(
        "billed_duration",
        expected=lambda duration_ms, init_ms: billed_ms(duration_ms, init_ms),
        groups={"a warm invocation": (0.5, _warm), "a cold start": (1.5, _cold)},
        units=" ms",
        misconceptions=(
            Misconception(
                lambda duration_ms, init_ms: math.ceil(duration_ms),
                "That leaves the initialisation out. It was free for zip packages until August 2025; now it is billed.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda duration_ms, init_ms: math.ceil(duration_ms) + math.ceil(init_ms),
                "That rounds both up. They are added first, and the sum is rounded up.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda duration_ms, init_ms: round(duration_ms + init_ms),
                "That rounds to the nearest millisecond. Whatever was begun is billed: round up.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda duration_ms, init_ms: duration_ms + init_ms,
                "That is not rounded: each invocation is billed in whole milliseconds.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda duration_ms, init_ms: 100 * math.ceil((duration_ms + init_ms) / 100),
                "That rounds up to 100 ms. The step is 1 ms.",
                "lesson 07, Two lines",
            ),
        ),
    ),
    hints=(
        "Since August 2025 the initialisation of a cold start is on the bill, for every function.",
        "Add the two. Then round up, once, to whole milliseconds.",
        "return math.ceil(duration_ms + init_ms)",
    ),
    after="It is what the REPORT line in the log calls Billed Duration. Another way to it: -(-x // 1) rounds up without math.",
    lesson=f"{LESSON}#Two-lines",
)

# --- 2. monthly_bill


def _busy_month(numbers: Numbers, number: int) -> dict:
    return {
        "requests": numbers.whole(f"requests {number}", 20_000_000, 300_000_000, 1_000_000),
        "duration_ms": numbers.whole(f"duration {number}", 40, 900, 5),
        "memory_mb": numbers.pick(f"memory {number}", (256, 512, 768, 1024, 1536, 1769, 2048)),
    }


def _fractions(numbers: Numbers, number: int) -> dict:
    duration_ms = numbers.whole(f"fast {number}", 5, 60) + numbers.whole(f"fraction {number}", 1, 4) / 10
    return {**_busy_month(numbers, number + 100), "duration_ms": duration_ms}


def _free_in_part(numbers: Numbers, number: int) -> dict:
    """One of the two lines stays within the free tier, or both do."""
    if number % 3 == 0:
        requests, duration_ms = numbers.whole(f"few {number}", 200_000, 900_000, 10_000), 3_000
    elif number % 3 == 1:
        requests, duration_ms = numbers.whole(f"short {number}", 2_000_000, 9_000_000, 100_000), 20
    else:
        requests, duration_ms = numbers.whole(f"small {number}", 100_000, 900_000, 10_000), 60
    return {"requests": requests, "duration_ms": duration_ms, "memory_mb": 1536 if number % 3 == 0 else 512}


def _total(requests: int, duration_ms: float, memory_mb: int, free_tier: bool = True) -> float:
    return bill(requests, duration_ms, memory_mb, free_tier=free_tier).total


def _lines(requests: int, gb_seconds: float, free_requests: float = FREE_REQUESTS, free_gb_seconds: float = FREE_GB_SECONDS):
    """Both lines of a bill, with another free tier or other GB-seconds."""
    return max(requests - free_requests, 0) * REQUEST + max(gb_seconds - free_gb_seconds, 0) * GB_SECOND


def _gb_seconds(requests: int, duration_ms: float, memory_mb: float, mb_per_gb: float = MB_PER_GB) -> float:
    return requests * duration_ms / 1000 * memory_mb / mb_per_gb


BILL = Task(
    name="monthly_bill",
    parameters=("requests", "duration_ms", "memory_mb"),
    title="The bill of a month",
    points=3,
    checker=Computes(
        "monthly_bill",
        expected=_total,
        groups={
            "a busy month": (1, _busy_month),
            "durations that are no whole milliseconds": (1, _fractions),
            "a month that the free tier covers, in part or whole": (1, _free_in_part),
        },
        tolerance=1e-5,
        units=" USD",
        show=lambda value: f"{value:,.4f}",
        misconceptions=(
            Misconception(
                lambda requests, duration_ms, memory_mb: _total(requests, duration_ms, memory_mb, free_tier=False),
                "That leaves out the free tier: a million requests and 400,000 GB-seconds a month.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: _lines(requests, _gb_seconds(requests, duration_ms, memory_mb)),
                "That does not round the duration up. Each request is billed in whole milliseconds.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: _lines(
                    requests, _gb_seconds(requests, math.ceil(duration_ms), memory_mb, 1000)
                ),
                "That takes 1,000 MB for a GB. On Lambda's bill a GB has 1,024 MB.",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: _lines(
                    requests, _gb_seconds(requests, math.ceil(duration_ms), memory_mb), free_gb_seconds=0
                ),
                "That takes off the free requests, but not the free GB-seconds.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: _lines(
                    requests, _gb_seconds(requests, math.ceil(duration_ms), memory_mb), free_requests=0
                ),
                "That takes off the free GB-seconds, but not the free requests.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: (
                    (requests - FREE_REQUESTS) * REQUEST
                    + (_gb_seconds(requests, math.ceil(duration_ms), memory_mb) - FREE_GB_SECONDS) * GB_SECOND
                ),
                "That lets a line fall below zero. What is left of the free tier pays for nothing else.",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: max(requests - FREE_REQUESTS, 0) * REQUEST,
                "Those are the requests alone. The other line, duration, is nearly always the larger.",
                "lesson 07, Two lines",
            ),
            Misconception(
                lambda requests, duration_ms, memory_mb: round(_total(requests, duration_ms, memory_mb), 2),
                "That is rounded to cents, and the task asks for the exact amount.",
            ),
        ),
    ),
    hints=(
        "A bill has two lines, requests and GB-seconds. Each has a free tier of its own.",
        "GB-seconds: requests × seconds × memory_mb / 1024, with the duration rounded up to a millisecond before.",
        "max(requests − 1,000,000, 0) × 0.20 / 1,000,000 + max(GB-seconds − 400,000, 0) × 0.0000166667",
    ),
    after="lambdacourse.pricing.bill(requests, duration_ms, memory_mb).total says the same, and its lines show the way. From six "
    "billion GB-seconds a month on, a second tier is cheaper.",
    lesson=f"{LESSON}#Two-lines",
)

# --- 3. what_it_does

SIZES = (256, 512, 1024, 1769, 3538, 7076)
"""Up to one vCPU, two and four."""


def _measured(work: Work, numbers: Numbers, name: str, sizes: Sequence[int] = SIZES) -> list[list[float]]:
    """``[memory_mb, duration_ms]`` at each size, as a measurement would have it: up to 2 % off."""
    return [[size, round(1000 * work.duration(size) * numbers.whole(f"{name} {size}", 98, 102) / 100, 1)] for size in sizes]


def _a_function(numbers: Numbers, number: int) -> dict:
    # Thirds, in an order of the learner's own.
    shift = numbers.whole("which comes first", 0, 2)
    seconds = numbers.whole(f"seconds {number}", 80, 400, 10) / 1000
    work = (Work(cpu=seconds, wait=0.01), Work(cpu=seconds, wait=0.01, threads=6), Work(cpu=seconds / 100, wait=seconds))
    return {"measured": _measured(work[(number + shift) % 3], numbers, f"measured {number}")}


def _gain(measured: list, slow: int, fast: int) -> float:
    durations = dict(map(tuple, measured))
    return durations[slow] / durations[fast]


def _what_it_does(measured: list) -> str:
    if _gain(measured, 256, 1769) < 1.5:
        return "waits"
    return "computes in several threads" if _gain(measured, 1769, 7076) > 1.5 else "computes in one thread"


def _what_statement(numbers: Numbers) -> str:
    measured = np.array(_a_function(numbers, 0)["measured"])
    frame = memory_frame("Duration of a request", "ms", plots.round_up(measured[:, 1].max()))
    picture = plots.curves(plots.Panel(frame, [plots.Curve("", measured[:, 0], measured[:, 1], "warm", marker="o")]))
    rows = ", ".join(f"{memory:,.0f} MB {duration:,g} ms" for memory, duration in measured)
    said = plots.Picture(picture.draw, f"Duration of a request by memory: {rows}.")
    return f"<p>One of your cases, measured at six sizes:</p>{said._repr_mimebundle_()['text/html']}"


DOES = Task(
    name="what_it_does",
    parameters=("measured",),
    title="Read a measurement",
    points=3,
    statement=_what_statement,
    checker=Chooses(
        "what_it_does",
        expected=_what_it_does,
        options=("waits", "computes in one thread", "computes in several threads"),
        points=3,
        about="what a function does, from its durations by memory",
        cases=_a_function,
        misconceptions=(
            Misconception(
                lambda measured: "waits" if _gain(measured, 256, 1769) < 1.5 else "computes in one thread",
                f"That never looks beyond {MB_PER_VCPU:,} MB, where a second vCPU begins: several threads still get faster there.",
                "lesson 07, Memory buys CPU",
            ),
            Misconception(
                lambda measured: "computes in several threads" if _gain(measured, 1769, 7076) > 1.5 else "waits",
                f"That looks beyond {MB_PER_VCPU:,} MB alone: there one thread gains as little as one that waits. "
                "Look at the small sizes, too.",
                "lesson 07, Memory buys CPU",
            ),
            Misconception(
                lambda measured: (
                    "computes in several threads" if _gain(measured, 256, 1769) > 1.5 else "computes in one thread"
                ),
                "Where more memory changes nothing, CPU is not what the function waits for.",
                "lesson 07, Memory buys CPU",
            ),
        ),
    ),
    hints=(
        "CPU comes in proportion to memory. Whom does that help, and up to which size?",
        f"Compare 256 MB with {MB_PER_VCPU:,} MB: no faster means that it waits. Then compare {MB_PER_VCPU:,} MB with 7,076 MB.",
        "durations = dict(measured) gives durations[256]; call it faster where the ratio of two is above 1.5.",
    ),
    after="Work.fit(durations) of lambdacourse.memory finds the computing and the waiting by least squares, which serves a mixture better.",
    lesson=f"{LESSON}#Memory-buys-CPU",
)

# --- 4. cheapest_memory

TUNED = (128, 256, 512, 1024, 1769, 3008)


def _cost(memory_mb: float, duration_ms: float) -> float:
    return memory_mb * billed_ms(duration_ms)


def _cheapest(measured: list, limit_ms: float) -> float:
    fast_enough = [(_cost(memory, duration), memory) for memory, duration in measured if duration <= limit_ms]
    return min(fast_enough)[1]


def _limit(numbers: Numbers, name: str, measured: list, slowest: int) -> int:
    """A limit that some sizes keep: those faster than that at ``slowest``, and it."""
    return math.ceil(measured[slowest][1]) + numbers.whole(name, 1, 9)


def _mostly_waiting(numbers: Numbers, number: int) -> dict:
    work = Work(cpu=numbers.whole(f"cpu {number}", 20, 60) / 1000, wait=numbers.whole(f"wait {number}", 60, 300, 10) / 1000)
    measured = _measured(work, numbers, f"waiting {number}", TUNED)
    return {"measured": measured, "limit_ms": _limit(numbers, f"limit {number}", measured, numbers.whole(f"at {number}", 1, 3))}


def _short_of_memory(numbers: Numbers, number: int) -> dict:
    # Computing that is slower than its CPU alone explains while memory is short, as real functions are.
    cpu, short = numbers.whole(f"long {number}", 400, 2_500, 50) / 1000, numbers.whole(f"short {number}", 60, 120)
    measured = _measured(Work(cpu=cpu, wait=0.01), numbers, f"short {number}", TUNED)
    measured = [[memory, round(duration * (1 + short / memory), 1)] for memory, duration in measured]
    return {
        "measured": measured,
        "limit_ms": _limit(numbers, f"slack {number}", measured, numbers.whole(f"slow {number}", 0, 1)),
    }


CHEAPEST = Task(
    name="cheapest_memory",
    parameters=("measured", "limit_ms"),
    title="The cheapest memory that is fast enough",
    points=3,
    checker=Computes(
        "cheapest_memory",
        expected=_cheapest,
        groups={
            "a function that mostly waits": (1.5, _mostly_waiting),
            "a function that computes": (1.5, _short_of_memory),
        },
        units=" MB",
        misconceptions=(
            Misconception(
                lambda measured, limit_ms: min(memory for memory, duration in measured if duration <= limit_ms),
                "That is the least memory that keeps the limit. Where more memory makes it faster still, more may cost less.",
                "lesson 07, Measure, do not guess",
            ),
            Misconception(
                lambda measured, limit_ms: min((_cost(*each), each[0]) for each in measured)[1],
                "That is the cheapest of all, but it is slower than the limit.",
            ),
            Misconception(
                lambda measured, limit_ms: min(measured, key=lambda each: each[1])[0],
                "That is the fastest. It keeps the limit, and costs more than it must.",
                "lesson 07, Measure, do not guess",
            ),
            Misconception(
                lambda measured, limit_ms: 1024,
                "Is that the sweet spot that people tell of? Each function has its own: compare what its sizes cost.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda measured, limit_ms: 512,
                "Is that the sweet spot that people tell of? Each function has its own: compare what its sizes cost.",
                "lesson 07, Claims on trial",
            ),
        ),
    ),
    hints=(
        "Two steps: strike out what is too slow, then compare what is left by cost.",
        "What a request costs is in proportion to memory × duration; the price and the requests are the same for all.",
        "min(each for each in measured if each[1] <= limit_ms) compares by memory; give min a key of each[0] × each[1], rounded up.",
    ),
    after="The requests' line and the price drop out of the comparison. AWS Lambda Power Tuning measures such a list for you, and "
    "lambdacourse.memory.tune(dict(measured)) compares it.",
    lesson=f"{LESSON}#Measure,-do-not-guess",
)

# --- 5. saved_by_batches


def _messages(numbers: Numbers, number: int) -> dict:
    return {
        "messages": numbers.whole(f"messages {number}", 10_000_000, 90_000_000, 1_000_000),
        "batch_size": numbers.pick(f"batch {number}", (5, 8, 10, 20, 50)),
        "once_ms": numbers.whole(f"once {number}", 5, 40),
        "each_ms": numbers.whole(f"each {number}", 20, 200, 5),
        "memory_mb": numbers.pick(f"memory {number}", (256, 512, 1024, 2048)),
    }


def _in_batches(messages: int, batch_size: int, once_ms: float, each_ms: float, memory_mb: int) -> float:
    return bill(messages // batch_size, once_ms + batch_size * each_ms, memory_mb, free_tier=False).total


def _saved(messages: int, batch_size: int, once_ms: float, each_ms: float, memory_mb: int) -> float:
    alone = bill(messages, once_ms + each_ms, memory_mb, free_tier=False).total
    return alone - _in_batches(messages, batch_size, once_ms, each_ms, memory_mb)


def _alone(messages: int, duration_ms: float, memory_mb: int) -> float:
    return _total(messages, duration_ms, memory_mb, free_tier=False)


SAVED = Task(
    name="saved_by_batches",
    parameters=("messages", "batch_size", "once_ms", "each_ms", "memory_mb"),
    title="What batches save",
    points=3,
    checker=Computes(
        "saved_by_batches",
        expected=_saved,
        groups={"what batches save a month": (3, _messages)},
        tolerance=1e-5,
        units=" USD",
        show=lambda value: f"{value:,.4f}",
        misconceptions=(
            Misconception(
                lambda messages, batch_size, once_ms, each_ms, memory_mb: (
                    _alone(messages, once_ms + each_ms, memory_mb) * (1 - 1 / batch_size)
                ),
                "That divides the whole bill by the batch size. Each message still takes its own time: only what is spent "
                "once an invocation, and the requests, become fewer.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda messages, batch_size, once_ms, each_ms, memory_mb: messages * (1 - 1 / batch_size) * REQUEST,
                "Those are the requests alone. What an invocation spends once on itself is saved as well.",
                "lesson 07, Batches",
            ),
            Misconception(
                lambda messages, batch_size, once_ms, each_ms, memory_mb: (
                    _saved(messages, batch_size, once_ms, each_ms, memory_mb) - messages * (1 - 1 / batch_size) * REQUEST
                ),
                "That is the duration alone. There are fewer requests, too.",
                "lesson 07, Batches",
            ),
            Misconception(
                _in_batches,
                "That is the bill with batches. Asked for is the difference from the bill without.",
            ),
            Misconception(
                lambda messages, batch_size, once_ms, each_ms, memory_mb: (
                    _alone(messages, once_ms + each_ms, memory_mb)
                    - _alone(messages // batch_size, batch_size * (once_ms + each_ms), memory_mb)
                ),
                "That spends once_ms for each message in a batch as well. A batch spends it once.",
                "lesson 07, Batches",
            ),
        ),
    ),
    hints=(
        "Work out two bills: messages one by one, and messages in batches. How many invocations has each, and how long are they?",
        "An invocation takes once_ms + (messages in it) × each_ms.",
        "bill(messages, once_ms + each_ms, memory_mb, free_tier=False).total is the first; the second has messages // batch_size requests.",
    ),
    after="The same without two bills: messages × (1 − 1 / batch_size) is how many invocations fall away, and each saves its request and "
    "once_ms. On the queue's own bill batches save more: fewer receives and deletes.",
    lesson=f"{LESSON}#Batches",
)

# --- 6. provisioned_extra


def _hardly_used(numbers: Numbers, number: int) -> dict:
    return _provisioned(numbers, f"hardly {number}", 4, 50)


def _well_used(numbers: Numbers, number: int) -> dict:
    return _provisioned(numbers, f"well {number}", 68, 98)


def _provisioned(numbers: Numbers, name: str, least: int, most: int) -> dict:
    return {
        "environments": numbers.whole(f"{name} environments", 10, 300, 5),
        "memory_mb": numbers.pick(f"{name} memory", (512, 1024, 1769, 2048)),
        "busy": numbers.whole(f"{name} busy", least, most) / 100,
    }


def _kept(environments: int, memory_mb: int) -> float:
    """GB-seconds that are kept in a month."""
    return environments * memory_mb / MB_PER_GB * MONTH * 3600


EXTRA = Task(
    name="provisioned_extra",
    parameters=("environments", "memory_mb", "busy"),
    title="What provisioned concurrency costs more, or less",
    points=3,
    checker=Computes(
        "provisioned_extra",
        expected=lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (KEPT - busy * (GB_SECOND - BUSY)),
        groups={"provisioned concurrency that is hardly used": (1.5, _hardly_used), "that is well used": (1.5, _well_used)},
        tolerance=1e-4,
        units=" USD",
        show=lambda value: f"{value:,.2f}",
        misconceptions=(
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * KEPT,
                "That is what keeping them costs. But what runs on them is cheaper than on demand, and that has to come off.",
                "lesson 07, Provisioned concurrency",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (KEPT - busy * GB_SECOND),
                "That forgets the duration on provisioned concurrency. It is cheaper than on demand, but it is not free.",
                "lesson 07, Provisioned concurrency",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (KEPT + busy * BUSY),
                "That is what provisioned concurrency costs. Asked for is how much more than on demand.",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (4 * GB_SECOND - busy * GB_SECOND),
                "Four times as much as on demand? Keeping an environment costs a quarter of what running it on demand does.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * 3 * busy * GB_SECOND,
                "Four times as much as on demand? Keeping an environment costs a quarter of what running it on demand does.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (0.000015 - busy * (GB_SECOND - BUSY)),
                "0.000015 is no price of provisioned concurrency: it mislays the 0.015 of a whole GB-hour.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda environments, memory_mb, busy: _kept(environments, memory_mb) * (KEPT - (GB_SECOND - BUSY)),
                "That takes all of it to be busy all the time. Only the busy share runs.",
            ),
        ),
    ),
    hints=(
        "How many GB-seconds are kept in a month of 730 hours? In how many of them does something run?",
        "Provisioned: all of them × 0.0000041667, and the busy ones × 0.0000097222. On demand: the busy ones × 0.0000166667.",
        "GB-seconds = environments × memory_mb / 1024 × 730 × 3600. Subtract on demand from provisioned; below zero, it saves.",
    ),
    after="At 60 % the difference is nothing. The share of the time in which it is busy is CloudWatch's "
    "ProvisionedConcurrencyUtilization, averaged over a month and not at the peak.",
    lesson=f"{LESSON}#Provisioned-concurrency",
)

# --- 7. where_it_runs

SAVINGS = fact("managed_instances_savings").value


def _months(cpu_ms: float, wait_ms: float, memory_mb: int, requests: float, burstiness: float) -> dict[str, float]:
    """USD a month in each of three places."""
    work, rate = Work(cpu_ms / 1000, wait_ms / 1000), requests / (MONTH * 3600)
    return {
        "lambda": lambda_month(work, memory_mb, rate),
        "fargate": fargate().month(work, rate, burstiness),
        "managed instances": managed_instances(savings=SAVINGS).month(work, rate, burstiness),
    }


def _where(cpu_ms: float, wait_ms: float, memory_mb: int, requests: float, burstiness: float) -> str:
    months = _months(cpu_ms, wait_ms, memory_mb, requests, burstiness)
    return min(months, key=months.__getitem__)


PLACES = ("lambda", "fargate", "managed instances")


def _a_load(numbers: Numbers, number: int) -> dict:
    """A load for which one place, in turn, is cheaper than the next by a fifth; Lambda first only because of its bursts."""
    wanted = PLACES[(number + numbers.whole("first place", 0, 2)) % 3]
    for attempt in range(1_000):
        name = f"{number} {attempt}"
        millions = (1, 2, 5, 10, 20, 30, 50, 80, 120, 200, 400, 800, 1_500)
        case = {
            "cpu_ms": numbers.pick(f"cpu {name}", (5, 10, 20, 50, 100, 200)),
            "wait_ms": numbers.pick(f"wait {name}", (0, 20, 50, 100, 200, 400)),
            "memory_mb": numbers.pick(f"memory {name}", (512, 1024, 1769)),
            "requests": numbers.pick(f"requests {name}", millions) * 1_000_000,
            "burstiness": numbers.pick(f"burstiness {name}", (1, 1.5, 2, 3, 5, 10)),
        }
        least, next_one, _ = sorted(_months(**case).values())
        by_bursts = _where(**{**case, "burstiness": 1}) != wanted
        if _where(**case) == wanted and next_one > 1.2 * least and (by_bursts or wanted != "lambda" or number >= 3):
            return case
    raise AssertionError(f"no load for {wanted}")


WHERE = Task(
    name="where_it_runs",
    parameters=("cpu_ms", "wait_ms", "memory_mb", "requests", "burstiness"),
    title="Lambda or something else",
    points=3,
    checker=Chooses(
        "where_it_runs",
        expected=_where,
        options=PLACES,
        points=3,
        about="the cheapest place for a load",
        cases=_a_load,
        misconceptions=(
            Misconception(
                lambda requests, **_: "lambda",
                "Lambda is not always the cheapest: what waits much and comes evenly costs less where one CPU serves many requests.",
                "lesson 07, When Lambda is the wrong choice",
            ),
            Misconception(
                lambda requests, **_: "lambda" if requests < 15_000_000 else "fargate",
                "That decides by the number of requests alone. What they do and how evenly they come moves the limit from a few million "
                "to never.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda requests, **_: (
                    "lambda" if requests < 15_000_000 else "fargate" if requests < 50_000_000 else "managed instances"
                ),
                "That decides by the number of requests alone. What they do and how evenly they come moves the limit from a few million "
                "to never.",
                "lesson 07, Claims on trial",
            ),
            Misconception(
                lambda cpu_ms, wait_ms, memory_mb, requests, burstiness: _where(cpu_ms, wait_ms, memory_mb, requests, 1),
                "That forgets burstiness: a fleet must hold ready what the peak needs, and you pay for it all month.",
                "lesson 07, When Lambda is the wrong choice",
            ),
        ),
    ),
    hints=(
        "A rule of thumb will not do: work out the three monthly costs and compare. lambdacourse.pricing has a function for each.",
        "lambda_month(work, memory_mb, rate), fargate().month(work, rate, burstiness), managed_instances(savings=0.72).month(…). "
        "Mind the units of work and rate.",
        "work = Work(cpu_ms / 1000, wait_ms / 1000), rate = requests / (730 × 3600). Put the three in a dict; "
        "min(costs, key=costs.get) names the cheapest.",
    ),
    after="The price of people is in none of the three. It decides more often than these figures do.",
    lesson=f"{LESSON}#When-Lambda-is-the-wrong-choice",
)

# --- 8. cheapest_function

INIT = 0.3
"""Seconds of a cold start."""


def _a_requirement(numbers: Numbers, number: int) -> dict:
    """What a request does, how often it comes, how fast it must be, how slow arm64 is: a little or too much, in turn."""
    cpu_ms, wait_ms = numbers.whole(f"cpu {number}", 60, 140, 5), numbers.whole(f"wait {number}", 40, 120, 5)
    suits_arm = number % 2 == numbers.whole("first", 0, 1)
    return {
        "rate": numbers.whole(f"rate {number}", 20, 60, 5),
        "cpu_ms": cpu_ms,
        "wait_ms": wait_ms,
        "limit_ms": round((wait_ms + cpu_ms) * numbers.whole(f"limit {number}", 150, 240) / 100),
        "arm_slower": numbers.pick(f"arm {number}", (0.05, 0.1) if suits_arm else (0.6, 0.7)),
    }


def _work(case: dict, architecture: str) -> Work:
    """What a request asks for on one architecture."""
    slower = 1 + case["arm_slower"] if architecture == "arm64" else 1
    return Work(case["cpu_ms"] / 1000 * slower, case["wait_ms"] / 1000)


def _least(case: dict) -> tuple[float, str]:
    """USD for a million requests and the architecture: the cheapest on demand that is fast enough, with the least memory."""
    a_million, found = 1e6 / (MONTH * 3600), []
    for architecture in ARCHITECTURES:
        work = _work(case, architecture)
        memory_mb = math.ceil(work.cpu * MB_PER_VCPU / (case["limit_ms"] / 1000 - work.wait))
        if memory_mb <= MB_PER_VCPU:
            found.append((lambda_month(work, memory_mb, a_million, architecture), architecture))
    return min(found)


def _configuration(value: object) -> tuple[dict | None, str]:
    """The function that the answer describes, or None and a sentence that says what is wrong with it."""
    if problem := keys_problem(value, ("memory_mb", "architecture", "provisioned_concurrency")):
        return None, problem
    least, most = fact("memory_minimum").value, fact("memory_maximum").value
    if type(value["memory_mb"]) is not int or not least <= value["memory_mb"] <= most:
        return (
            None,
            f"memory_mb is {value['memory_mb']!r}; a whole number of MB from {least} to {most:,} was expected (MemorySize).",
        )
    if type(value["architecture"]) is not str or value["architecture"] not in ARCHITECTURES:
        return None, f"architecture is {value['architecture']!r}; 'x86_64' or 'arm64' was expected (Architectures)."
    if type(value["provisioned_concurrency"]) is not int or not 0 <= value["provisioned_concurrency"] <= 500:
        return (
            None,
            f"provisioned_concurrency is {value['provisioned_concurrency']!r}; a whole number from 0 to 500 was expected.",
        )
    return value, ""


def _check_function(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_a_requirement(own, number) for number in range(2)]
    if held_back is not None:
        cases += [_a_requirement(held_back, number) for number in range(2)]
    slow, dear, near = [], [], 0
    for case in cases:
        call = written_call("cheapest_function", case)
        design, problem = _configuration(answer(*case.values()))
        if design is None:
            return [Part(0, 2, f"{call}: {problem}"), Part(0, 3, "No bill without a function.")]
        p99_ms, cost, requests = _under_load(case, **design)
        if p99_ms > case["limit_ms"] * 1.005:  # quantiles come from a histogram
            slow.append(
                f"{call}: {p99_ms:,.0f} ms in the simulation. More memory buys CPU up to a whole vCPU; waiting gets no faster. "
                "See lesson 07, Memory buys CPU."
            )
            continue
        least, architecture = _least(case)
        least *= requests / 1e6
        if cost > 1.05 * least:
            near += cost <= 1.2 * least
            dear.append(f"{call}: {money(cost)} a month; {money(least)} would do. {_spare(design, architecture)}")
    fast = len(cases) - len(slow)
    said = slow[0] if slow else "yes, in every case."
    lean = dear[0] if dear else "counts where requests are fast enough." if slow else "yes, in every case."
    return [
        Part(share(2, fast, len(cases)), 2, f"99 of 100 requests within the limit: {said}"),
        Part(share(3, fast - len(dear), len(cases)) + share(1.5, near, len(cases)), 3, f"At the lowest bill: {lean}"),
    ]


def _under_load(case: dict, memory_mb: int, architecture: str, provisioned_concurrency: int) -> tuple[float, float, float]:
    """The 99th percentile of the latency in milliseconds, USD a month, and requests a month."""
    function = Function(
        "api",
        duration=_work(case, architecture).duration(memory_mb),
        memory_mb=memory_mb,
        architecture=architecture,
        provisioned_concurrency=provisioned_concurrency,
        cold_start=ColdStart(init=INIT),
    )
    run = simulate(Sync(function, poisson(case["rate"])), seconds=400, warm_up=200, seed=3)
    requests = run["api"].invocations / 400 * MONTH * 3600
    return 1000 * run["api"].latency(0.99), run.bill("month").total, requests


def _spare(design: dict, architecture: str) -> str:
    """Where the money goes, the dearest reason first."""
    if design["provisioned_concurrency"]:
        return (
            "Cold starts are far fewer than one in a hundred here, so the limit holds without provisioned concurrency; and what of it "
            "is busy less than 60 % of the time costs more than it saves. See lesson 07, Provisioned concurrency."
        )
    if design["architecture"] != architecture:
        return (
            "The other architecture is cheaper for this function: a fifth off each GB-second, weighed against the longer computing. "
            "See lesson 07, Measure, do not guess."
        )
    return (
        "Less memory is fast enough, and waiting costs less with less memory; there is no sweet spot that fits every function. "
        "See lesson 07, Claims on trial."
    )


FUNCTION = Task(
    name="cheapest_function",
    parameters=("rate", "cpu_ms", "wait_ms", "limit_ms", "arm_slower"),
    title="Fast enough, at the lowest bill",
    points=5,
    checker=_check_function,
    hints=(
        "First the time: what does a request take with a given memory? wait + cpu / vCPUs, with memory / 1769 vCPUs, one at the most "
        "for one thread.",
        "Find the least memory that keeps the limit, once for each architecture; then compare memory × duration × price.",
        "Solve limit = wait + cpu × 1769 / memory for the memory, and round up. For arm64, cpu is longer and the price is 0.8 times. "
        "The share of cold starts at such a rate is far below one in a hundred.",
    ),
    after="There is one step more: provisioned concurrency for the part of the load that is always there, and so well above 60 % busy, "
    "makes it cheaper still.",
    lesson=f"{LESSON}#Measure,-do-not-guess",
)

EXERCISE = Exercise("07-cost", "Cost", (BILLED, BILL, DOES, CHEAPEST, SAVED, EXTRA, WHERE, FUNCTION))
