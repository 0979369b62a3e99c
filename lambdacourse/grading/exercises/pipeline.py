"""Exercise 09: design an image pipeline: a bucket, a queue, a function, from the load to a design that meets its promises."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote_plus

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, keys_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.handlers import handler, listed, raised
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.templates import as_template
from lambdacourse.grading.verdict import Part, held
from lambdacourse.learner import Numbers
from lambdacourse.model import Account, ColdStart, EventSourceMapping, Function, SqsQueue, Sync, Work, poisson, spike
from lambdacourse.pricing import charges, gb_seconds
from lambdacourse.pricing.bills import money
from lambdacourse.runtime import LocalQueue
from lambdacourse.simulation import simulate
from lambdacourse.templates.reading import Deployment

LESSON = "lessons/05-events-and-queues.ipynb"
UNRESERVED = fact("unreserved_minimum").value
POLLERS, POLLERS_AT_FIRST = fact("sqs_pollers_maximum").value, fact("sqs_pollers_start").value
RAMP = fact("sqs_pollers_ramp").value / 60
"""Batches at a time that a mapping adds in a second."""
PER_POLLER = fact("sqs_poller_concurrency").value
RULE, RECEIVES = fact("sqs_visibility_rule").value, fact("sqs_max_receive_count").value
MB_PER_VCPU = fact("mb_per_vcpu").value

# --- 1. handled_at_peak


def _account_bound(numbers: Numbers, number: int) -> dict:
    limit = numbers.whole(f"limit {number}", 500, 1_200, 50)
    return {**_too_many(numbers, number, limit - UNRESERVED), "account_limit": limit}


def _mapping_bound(numbers: Numbers, number: int) -> dict:
    return {**_too_many(numbers, number, POLLERS), "account_limit": numbers.whole(f"high {number}", 1_600, 4_000, 100)}


def _too_many(numbers: Numbers, number: int, at_a_time: int) -> dict:
    seconds = numbers.whole(f"seconds {number}", 11, 30) / 10
    uploads = math.ceil(at_a_time / seconds * numbers.whole(f"above {number}", 120, 220) / 100)
    return {"uploads": uploads, "seconds": seconds}


def _room_enough(numbers: Numbers, number: int) -> dict:
    case = _account_bound(numbers, number + 50)
    share_of_it = numbers.whole(f"below {number}", 40, 95) / 100
    return {**case, "uploads": int((case["account_limit"] - UNRESERVED) / case["seconds"] * share_of_it)}


def _handled_at_peak(uploads: float, seconds: float, account_limit: int) -> float:
    return min(uploads, min(account_limit - UNRESERVED, POLLERS) / seconds)


HANDLED = Task(
    name="handled_at_peak",
    parameters=("uploads", "seconds", "account_limit"),
    title="What it can take",
    points=3,
    checker=Computes(
        "handled_at_peak",
        expected=_handled_at_peak,
        groups={
            "where the account is the limit": (1, _account_bound),
            "where one mapping is": (1, _mapping_bound),
            "where all that comes is handled": (1, _room_enough),
        },
        units=" images per second",
        misconceptions=(
            Misconception(
                lambda uploads, seconds, account_limit: min(uploads, min(account_limit, POLLERS) / seconds),
                f"That gives the function the whole account. {UNRESERVED} must stay unreserved.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: min(uploads, (account_limit - UNRESERVED) / seconds),
                f"That lets one mapping grow with the account. Without provisioned pollers it ends at {POLLERS:,} batches at a time.",
                "lesson 05, A queue of your own",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: min(uploads, min(account_limit - UNRESERVED, 1_000) / seconds),
                f"That ends a mapping at 1,000. Until 2023 it did; now it ends at {POLLERS:,}.",
                "lesson 05, Claims on trial",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: min(account_limit - UNRESERVED, POLLERS) / seconds,
                "That is what could be handled. No more is than comes.",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: uploads,
                "That handles whatever comes. A queue makes nothing faster: it keeps what is too much.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: uploads * seconds,
                "That is the concurrency that the uploads need, rate × time. How much of it is there?",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda uploads, seconds, account_limit: min(uploads, account_limit - UNRESERVED, POLLERS),
                "Those are images at a time. Each takes a while: divide by it.",
                "lesson 01, The formula",
            ),
        ),
    ),
    hints=(
        "How many images may be worked on at a time? Two limits hold: one of the account, one of the mapping.",
        f"At most account_limit − {UNRESERVED} can be reserved, and a mapping without provisioned pollers ends at {POLLERS:,}. Each image "
        "holds its place for seconds.",
        f"min(uploads, min(account_limit - {UNRESERVED}, {POLLERS}) / seconds)",
    ),
    after="1,000 uploads a second of 2 s need 2,000 at a time; an account of 1,000 gives 900 of them, 450 images a second. To take it all "
    "you need a limit of 2,100 and 200 provisioned pollers, or a handler of 0.9 s.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 2. most_waiting


def _long_peak(numbers: Numbers, number: int) -> dict:
    at_a_time = numbers.whole(f"at a time {number}", 200, 1_200, 50)
    seconds = numbers.whole(f"seconds {number}", 11, 30) / 10
    return {
        "uploads": math.ceil(at_a_time / seconds * numbers.whole(f"above {number}", 115, 220) / 100),
        "minutes": numbers.whole(f"minutes {number}", 5, 40),
        "seconds": seconds,
        "at_a_time": at_a_time,
    }


def _short_peak(numbers: Numbers, number: int) -> dict:
    case = _long_peak(numbers, number + 50)
    at_a_time = numbers.whole(f"many {number}", 900, 1_200, 50)
    uploads = math.ceil(at_a_time / case["seconds"] * numbers.whole(f"more {number}", 115, 220) / 100)
    return {**case, "uploads": uploads, "minutes": numbers.whole(f"short {number}", 2, 4) / 2, "at_a_time": at_a_time}


def _most_waiting(
    uploads: float, minutes: float, seconds: float, at_a_time: int, start: float = POLLERS_AT_FIRST, ramp: float = RAMP
) -> float:
    peak = 60 * minutes
    growing = min((at_a_time - start) / ramp, peak)  # seconds
    handling = (start + growing * ramp / 2) * growing + at_a_time * (peak - growing)  # seconds of work
    return uploads * peak - handling / seconds


WAITING = Task(
    name="most_waiting",
    parameters=("uploads", "minutes", "seconds", "at_a_time"),
    title="How much waits",
    points=3,
    checker=Computes(
        "most_waiting",
        expected=_most_waiting,
        groups={
            "a peak that outlasts the ramp": (2, _long_peak),
            "a peak that ends while the pollers still grow": (1, _short_peak),
        },
        tolerance=1e-3,
        units=" images",
        misconceptions=(
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: (uploads - at_a_time / seconds) * 60 * minutes,
                f"That has all pollers at work from the first second. A mapping starts with {POLLERS_AT_FIRST} and adds 300 a minute.",
                "lesson 05, A queue of your own",
            ),
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: _most_waiting(uploads, minutes, seconds, at_a_time, ramp=1),
                "That adds 60 a minute. So it was until 2023; now it is 300.",
                "lesson 05, Claims on trial",
            ),
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: _most_waiting(uploads, minutes, seconds, at_a_time, start=0),
                f"Close. The first {POLLERS_AT_FIRST} are there from the beginning.",
                "lesson 05, A queue of your own",
            ),
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: (
                    uploads * 60 * minutes
                    - ((POLLERS_AT_FIRST + at_a_time) / 2 * (at_a_time - POLLERS_AT_FIRST) / RAMP / seconds)
                    - at_a_time / seconds * (60 * minutes - (at_a_time - POLLERS_AT_FIRST) / RAMP)
                ),
                "That lets the ramp run to its end, although the peak ends first.",
            ),
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: uploads * 60 * minutes,
                "That is all that was uploaded. During the peak images are handled, too.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda uploads, minutes, seconds, at_a_time: uploads - at_a_time / seconds,
                "That is what one second of the peak adds, once the ramp is over.",
            ),
        ),
    ),
    hints=(
        "Draw the images at a time over the time: a slope, then a level. The area under it is seconds of work that are done.",
        f"The slope begins at {POLLERS_AT_FIRST}, rises by {RAMP:g} each second and ends at at_a_time, or with the peak. The area, divided by "
        "the seconds that an image takes, is the number of images handled.",
        f"growing = min((at_a_time - {POLLERS_AT_FIRST}) / {RAMP:g}, 60 * minutes); area = ({POLLERS_AT_FIRST} + growing * {RAMP:g} / 2) * growing "
        "+ at_a_time * (60 * minutes - growing); what waits is uploads * 60 * minutes - area / seconds.",
    ),
    after="In a peak of eight hours the ramp adds a few tens of thousands to 16 million, and nobody sees it. In one of ten minutes it is a good "
    "part of the wait, and in the first seconds all of it. Provisioned pollers are there from the start.",
    lesson=f"{LESSON}#A-queue-of-your-own",
)

# --- 3. after_a_day

_DAYS = ("keeps up", "catches up", "falls behind", "loses images")


def _a_day(numbers: Numbers, number: int) -> dict:
    kind = _DAYS[(number + numbers.whole("which comes first", 0, 3)) % 4]
    handled = numbers.whole(f"handled {number}", 200, 800, 50)
    peak, hours, quiet, retention = {
        "keeps up": ((60, 100), (4, 9), (10, 50), (4, 96)),
        "catches up": ((120, 150), (4, 8), (10, 50), (5, 96)),
        "falls behind": ((150, 190), (7, 9), (86, 97), (24, 96)),
        "loses images": ((160, 200), (6, 10), (10, 50), (1, 3)),
    }[kind]
    return {
        "peak": handled * numbers.whole(f"peak {number}", *peak) // 100,
        "peak_hours": numbers.whole(f"hours {number}", *hours),
        "quiet": handled * numbers.whole(f"quiet {number}", *quiet) // 100,
        "handled": handled,
        "retention_hours": numbers.whole(f"retention {number}", *retention),
    }


def _longest_wait(peak: float, peak_hours: float, handled: float) -> float:
    """Hours that the last image of the peak waits."""
    return max(peak - handled, 0) * peak_hours / handled


def _day_average(peak: float, peak_hours: float, quiet: float) -> float:
    return (peak * peak_hours + quiet * (24 - peak_hours)) / 24


def _after_a_day(peak: float, peak_hours: float, quiet: float, handled: float, retention_hours: float) -> str:
    if peak <= handled:
        return "keeps up"
    if _longest_wait(peak, peak_hours, handled) > retention_hours:
        return "loses images"
    return "falls behind" if _day_average(peak, peak_hours, quiet) > handled else "catches up"


def _day_statement(numbers: Numbers) -> str:
    """Two of the learner's days, each twice over, at a thousandth of their size: images ten times as slow, and as many at a time."""
    days = {_after_a_day(**case): case for case in (_a_day(numbers, number) for number in range(4))}
    shown = []
    for name, kind in (("A", "catches up"), ("B", "falls behind")):
        case = days[kind]
        uploads = spike(case["quiet"] / 1_000, case["peak"] / 1_000, at=0, seconds=case["peak_hours"] * 3600)
        again = spike(0, (case["peak"] - case["quiet"]) / 1_000, at=86_400, seconds=case["peak_hours"] * 3600)
        resize, queue = Function("resize", duration=20, cold_start=ColdStart(init=0)), SqsQueue(name, uploads + again)
        mapping = EventSourceMapping(resize, queue, batch_size=1, maximum_concurrency=case["handled"] // 50)
        picture = simulate(mapping, seconds=172_800, seed=1)[name].plot()
        shown.append(f"<p>{name}: <code>{escape(written_call('after_a_day', case))}</code></p>")
        shown.append(picture._repr_mimebundle_()["text/html"])
    return f"<p>Two of yours, over two days, simulated at a thousandth of their size:</p>{''.join(shown)}"


DAY = Task(
    name="after_a_day",
    parameters=("peak", "peak_hours", "quiet", "handled", "retention_hours"),
    title="Day after day",
    points=3,
    statement=_day_statement,
    checker=Chooses(
        "after_a_day",
        expected=_after_a_day,
        options=_DAYS,
        points=3,
        about="what becomes of the queue",
        cases=_a_day,
        visible=8,
        hidden=12,
        misconceptions=(
            Misconception(
                lambda peak, peak_hours, quiet, handled, retention_hours: "keeps up" if peak <= handled else "catches up",
                "That lets a queue absorb any peak. It keeps it: add up what a whole day brings, and look at the retention.",
                "lesson 05, Claims on trial",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, handled, retention_hours: (
                    "keeps up" if _day_average(peak, peak_hours, quiet) <= handled else "falls behind"
                ),
                "That compares averages of a day alone. A peak above what is handled waits, even where the night makes up for it.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, handled, retention_hours: (
                    "keeps up"
                    if peak <= handled
                    else "falls behind"
                    if _day_average(peak, peak_hours, quiet) > handled
                    else "catches up"
                ),
                "That forgets the retention. What is older is deleted, read or not, before its turn comes.",
                "lesson 05, When is it empty?",
            ),
        ),
    ),
    hints=(
        "Three questions in turn. Is anything left over at the peak? Is the oldest image too old before its turn? Is the queue empty "
        "when the next peak begins?",
        "The last image of the peak waits (peak − handled) × peak_hours / handled hours. The day brings peak × peak_hours + "
        "quiet × (24 − peak_hours), and 24 × handled can be done.",
        'peak <= handled: "keeps up"; that wait above retention_hours: "loses images"; the day brings more than can be done: '
        '"falls behind"; else "catches up".',
    ),
    after="A queue that falls behind loses images in the end, too: its wait grows from day to day until it meets the retention. So alarm on "
    "ApproximateAgeOfOldestMessage at a fraction of the retention, not on the number of messages.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 4. at_a_time_for


def _deadline(numbers: Numbers, number: int) -> dict:
    peak = numbers.whole(f"peak {number}", 200, 1_500, 10)
    return {
        "peak": peak,
        "peak_hours": numbers.whole(f"peak hours {number}", 2, 10),
        "quiet": peak * numbers.whole(f"quiet {number}", 5, 40) // 100,
        "seconds": numbers.whole(f"seconds {number}", 11, 39, 2) / 10,
        "hours": numbers.whole(f"hours {number}", 1, 12),
    }


def _at_once(numbers: Numbers, number: int) -> dict:
    return {**_deadline(numbers, number + 50), "hours": 0}


def _work_rate(peak: float, peak_hours: float, quiet: float, seconds: float, hours: float) -> float:
    return (peak * peak_hours + quiet * hours) / (peak_hours + hours) * seconds


def _at_a_time_for(peak: float, peak_hours: float, quiet: float, seconds: float, hours: float) -> int:
    return math.ceil(round(_work_rate(peak, peak_hours, quiet, seconds, hours), 9))


AT_A_TIME = Task(
    name="at_a_time_for",
    parameters=("peak", "peak_hours", "quiet", "seconds", "hours"),
    title="Empty in time",
    points=3,
    checker=Computes(
        "at_a_time_for",
        expected=_at_a_time_for,
        groups={"with hours to catch up": (2, _deadline), "with no time to catch up": (1, _at_once)},
        units=" at a time",
        misconceptions=(
            Misconception(
                lambda peak, peak_hours, quiet, seconds, hours: math.ceil(round(peak * seconds, 9)),
                "That handles the peak as it comes. With hours to catch up fewer will do.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, seconds, hours: math.ceil(
                    round(_work_rate(peak, peak_hours, 0, seconds, hours), 9)
                ),
                "That forgets what comes after the peak: it takes its share of the hours in which you catch up.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                _work_rate,
                "A function runs a whole number at a time. Round up, or it is not empty in time.",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, seconds, hours: math.floor(_work_rate(peak, peak_hours, quiet, seconds, hours)),
                "That rounds down: then it is not quite empty in time. Round up.",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, seconds, hours: math.ceil(
                    round((peak * peak_hours / hours + quiet) * seconds, 9)
                ),
                "That begins to work when the peak is over. It is worked on during the peak, too.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda peak, peak_hours, quiet, seconds, hours: math.ceil(
                    round(_work_rate(peak, peak_hours, quiet, 1, hours), 9)
                ),
                "Those are images per second. Each holds its place for a while: × seconds.",
                "lesson 01, The formula",
            ),
        ),
    ),
    hints=(
        "From the beginning of the peak until the queue must be empty: how many images come, and how much time is there?",
        "peak × peak_hours + quiet × hours come within peak_hours + hours. That is the rate to handle all the time; times seconds, "
        "the concurrency.",
        "math.ceil((peak * peak_hours + quiet * hours) / (peak_hours + hours) * seconds)",
    ),
    after="The other way to it: set backlog ÷ (handled − quiet) equal to hours and solve for handled. With the night to catch up, "
    "our 1,000 uploads a second of 2 s, eight hours long, need 800 at a time instead of 2,000: the promise decides, not the peak.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 5. why_dead

_CAUSES = ("broken images", "time-outs", "throttling")


def _autopsy(numbers: Numbers, number: int) -> dict:
    kind = _CAUSES[(number + numbers.whole("which comes first", 0, 2)) % 3]
    receives, dead = numbers.whole(f"receives {number}", 3, 8), numbers.whole(f"dead {number}", 20, 400)
    timeout = 1_000 * numbers.whole(f"timeout {number}", 10, 60)
    longest = timeout * numbers.whole(f"longest {number}", 30, 85) // 100
    failed = receives * dead
    other = number // 3 % 2 == 1
    if kind == "throttling":
        # Some images failed, too, or even ran into the timeout; too few to explain the dead.
        errors = failed * numbers.whole(f"errors {number}", 5, 40) // 100 if other else 0
        throttles, longest = failed * numbers.whole(f"throttles {number}", 3, 20), timeout if other else longest
    else:
        errors = failed + numbers.whole(f"passing {number}", 0, dead // 2)
        throttles = numbers.whole(f"throttles {number}", 100, 9_000) if other else 0
        longest = timeout if kind == "time-outs" else longest
    return {
        "max_receive_count": receives,
        "dead": dead,
        "errors": errors,
        "throttles": throttles,
        "longest_ms": longest,
        "timeout_ms": timeout,
    }


def _why_dead(max_receive_count: int, dead: int, errors: int, throttles: int, longest_ms: float, timeout_ms: float) -> str:
    if errors < max_receive_count * dead:
        return "throttling"
    return "time-outs" if longest_ms >= timeout_ms else "broken images"


def _autopsy_statement(numbers: Numbers) -> str:
    cases = [_autopsy(numbers, number) for number in range(3, 6)]
    head = "".join(f'<th scope="col">{name}</th>' for name in "ABC")
    rows = "".join(
        f'<tr><th scope="row">{key}</th>{"".join(f"<td>{case[key]:,}</td>" for case in cases)}</tr>' for key in cases[0]
    )
    return f"<p>Three of yours; no two have the same cause:</p><table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"


WHY_DEAD = Task(
    name="why_dead",
    parameters=("max_receive_count", "dead", "errors", "throttles", "longest_ms", "timeout_ms"),
    title="What is in the dead-letter queue",
    points=3,
    statement=_autopsy_statement,
    checker=Chooses(
        "why_dead",
        expected=_why_dead,
        options=_CAUSES,
        points=3,
        about="why images were given up",
        cases=_autopsy,
        visible=6,
        hidden=12,
        misconceptions=(
            Misconception(
                lambda max_receive_count, dead, errors, throttles, longest_ms, timeout_ms: (
                    "throttling" if throttles else "time-outs" if longest_ms >= timeout_ms else "broken images"
                ),
                "That blames every throttle. A throttled batch is held and tried again, many times within one receive: count whether the "
                "errors alone explain the dead.",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda max_receive_count, dead, errors, throttles, longest_ms, timeout_ms: (
                    "throttling" if not errors else "time-outs" if longest_ms >= timeout_ms else "broken images"
                ),
                "That takes any error for the cause. Each of the dead was received max_receive_count times: were there so many errors?",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda max_receive_count, dead, errors, throttles, longest_ms, timeout_ms: (
                    "throttling" if errors < dead else "time-outs" if longest_ms >= timeout_ms else "broken images"
                ),
                "That asks for one error for each of the dead. Each was received max_receive_count times, and would have failed as often.",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda max_receive_count, dead, errors, throttles, longest_ms, timeout_ms: (
                    "throttling" if errors < max_receive_count * dead else "broken images"
                ),
                "That never finds time-outs. A handler that is cut off counts as an error, too: its duration is the timeout.",
            ),
            Misconception(
                lambda max_receive_count, dead, errors, throttles, longest_ms, timeout_ms: (
                    "time-outs" if longest_ms >= timeout_ms else "throttling" if not errors else "broken images"
                ),
                "That never lets a handler that failed be innocent: a few time-outs do not explain hundreds of dead.",
                "lesson 05, A receive is a receive",
            ),
        ),
    ),
    hints=(
        "Each image that is given up was received max_receive_count times. How many errors would that make, if each receive had reached the "
        "handler and failed?",
        "Fewer errors than max_receive_count × dead: some receives never reached the handler. Else the handler failed; a longest duration "
        "that equals the timeout says how.",
        'errors < max_receive_count * dead: "throttling"; else longest_ms >= timeout_ms: "time-outs"; else "broken images".',
    ),
    after="The cures differ: a maximum concurrency at or below the reservation, more memory or a longer timeout, a look at the images. Only "
    "after the first two can you send the dead back to the queue (a redrive) and expect them to live.",
    lesson=f"{LESSON}#A-receive-is-a-receive",
)

# --- 6. limits_to_set

_LIMITS = ("neither", "reserved concurrency", "maximum concurrency", "both")


def _needs(numbers: Numbers, number: int) -> dict:
    bits = (number + numbers.whole("first", 0, 7)) % 8
    return {"must_go_on": bool(bits & 1), "capped": bool(bits & 2), "also_called": bool(bits & 4)}


def _limits_to_set(must_go_on: bool, capped: bool, also_called: bool) -> str:
    if must_go_on or (capped and also_called):
        return "both"
    return "maximum concurrency" if capped else "neither"


LIMITS = Task(
    name="limits_to_set",
    parameters=("must_go_on", "capped", "also_called"),
    title="Reserved or maximum concurrency",
    points=2,
    checker=Chooses(
        "limits_to_set",
        expected=_limits_to_set,
        options=_LIMITS,
        points=2,
        about="what is to be set",
        cases=_needs,
        visible=8,
        hidden=8,
        misconceptions=(
            Misconception(
                lambda must_go_on, capped, also_called: "reserved concurrency" if must_go_on or capped else "neither",
                "That throttles the mapping: its pollers fetch more than the function may run, and each receive that came to nothing counts "
                "towards the dead-letter queue.",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda must_go_on, capped, also_called: (
                    "both" if must_go_on and capped else "reserved concurrency" if must_go_on else _capped_only(capped)
                ),
                "A reservation is a ceiling, too. A mapping that may fetch more is throttled there: it needs a maximum of its own.",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda must_go_on, capped, also_called: "both" if must_go_on else _capped_only(capped),
                "A maximum concurrency holds for its mapping alone. Other callers come on top; only a reservation caps them all.",
                "lesson 05, A receive is a receive",
            ),
            Misconception(
                lambda must_go_on, capped, also_called: _capped_only(capped or must_go_on),
                "A maximum concurrency is a ceiling and no promise: others may still take all of the account.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda must_go_on, capped, also_called: "both" if must_go_on or capped else "neither",
                "Where the queue alone calls the function, its mapping's maximum caps all of it. A reservation would take room from others.",
                "lesson 02, Three functions, one pool",
            ),
        ),
    ),
    hints=(
        "Which of the two promises room, and which only limits? Which limits all callers, and which one mapping?",
        "A reservation is needed for room, or to cap more than one caller. And wherever there is a reservation, the mapping must not fetch "
        "more than it.",
        '"both" if must_go_on or (capped and also_called), else "maximum concurrency" if capped, else "neither".',
    ),
    after="So a reservation hardly ever stands alone before a queue. It is a number of the function, free, and taken from all others; the "
    "maximum is a number of the mapping, free, and nobody notices it but the queue.",
    lesson=f"{LESSON}#A-receive-is-a-receive",
)


def _capped_only(capped: bool) -> str:
    return "maximum concurrency" if capped else "neither"


# --- 7. pipeline_month


def _one_by_one(numbers: Numbers, number: int) -> dict:
    return {
        "peak": numbers.whole(f"peak {number}", 100, 1_000, 10),
        "peak_hours": numbers.whole(f"hours {number}", 2, 10),
        "quiet": numbers.whole(f"quiet {number}", 10, 90, 10),
        "days": numbers.whole(f"days {number}", 18, 31),
        "seconds": numbers.whole(f"seconds {number}", 5, 20) / 10,
        "memory_mb": numbers.pick(f"memory {number}", (512, 1024, 1769, 2048)),
        "architecture": "x86_64",
        "batch_size": 1,
    }


def _in_batches(numbers: Numbers, number: int) -> dict:
    return {**_one_by_one(numbers, number + 50), "batch_size": numbers.pick(f"batch {number}", (2, 5, 10))}


def _on_arm(numbers: Numbers, number: int) -> dict:
    return {**_in_batches(numbers, number + 100), "architecture": "arm64"}


def _month(
    peak: float,
    peak_hours: float,
    quiet: float,
    days: int,
    seconds: float,
    memory_mb: int,
    architecture: str,
    batch_size: int,
    *,
    calls: tuple[int, int] = (1, 2),
    quiet_hours: float | None = None,
) -> float:
    """USD a month; ``calls`` are SQS requests for each image and for each batch. Who errs counts others, or other ``quiet_hours``."""
    images = (peak * peak_hours + quiet * (24 - peak_hours if quiet_hours is None else quiet_hours)) * 3600 * days
    batches = images / batch_size
    duration = gb_seconds(1_000 * images * seconds, memory_mb)
    sqs_requests = calls[0] * images + calls[1] * batches
    return charges(free_tier=False, requests=batches, sqs_requests=sqs_requests, **{f"duration_{architecture}": duration}).total


COST = Task(
    name="pipeline_month",
    parameters=("peak", "peak_hours", "quiet", "days", "seconds", "memory_mb", "architecture", "batch_size"),
    title="What it costs",
    points=4,
    checker=Computes(
        "pipeline_month",
        expected=_month,
        groups={
            "one image a batch": (2, _one_by_one),
            "in batches": (1, _in_batches),
            "on arm64": (1, _on_arm),
        },
        tolerance=1e-5,
        units=" USD",
        show=lambda value: f"{value:,.2f}",
        misconceptions=(
            Misconception(
                lambda **case: _month(**case, calls=(0, 0)),
                "That leaves the queue out. Each image is sent once; each batch is received and deleted.",
                "lesson 07, Batches",
            ),
            Misconception(
                lambda **case: _month(**case, calls=(3, 0)),
                "That receives and deletes every image by itself. Both are done once for a batch of up to 10.",
                "lesson 07, Batches",
            ),
            Misconception(
                lambda **case: _month(**case, calls=(1, 0)),
                "That counts what is sent to the queue, and not that each batch is received and deleted.",
                "lesson 07, Batches",
            ),
            Misconception(
                lambda **case: _month(**{**case, "seconds": case["seconds"] / case["batch_size"]}),
                "That lets a batch be done in the time of one image. Batches save requests; the seconds remain.",
                "lesson 05, Claims on trial",
            ),
            Misconception(
                lambda **case: _month(**case, quiet_hours=0),
                "That leaves the quiet hours out. They are most of the day.",
            ),
            Misconception(
                lambda **case: _month(**case, quiet_hours=24),
                "That has the quiet rate for 24 hours and the peak on top. The quiet hours are the rest of the day.",
            ),
            Misconception(
                lambda **case: _month(**{**case, "architecture": "x86_64"}),
                "That pays x86's price. On arm64 a GB-second is a fifth cheaper.",
                "lesson 07, Measure, do not guess",
            ),
            Misconception(
                lambda **case: _month(**{**case, "seconds": case["seconds"] * fact("mb_per_gb").value / 1_000}),
                "That takes 1,000 MB for a GB. On Lambda's bill a GB has 1,024 MB.",
            ),
        ),
    ),
    hints=(
        "Count the images of a month first. Then three lines: requests, GB-seconds, and what the queue charges.",
        "requests = images / batch_size; GB-seconds = images × seconds × memory_mb / 1024; SQS requests = images + 2 × images / batch_size.",
        f"Prices: {fact('request_price').value} USD for a million requests, {fact('duration_price').value} for a GB-second, "
        f"{fact('duration_price_arm64').value} on arm64, {fact('sqs_price').value} for a million SQS requests.",
    ),
    after="1,000 images a second for eight hours and 100 for the rest, on 22 days, of 2 s and 2 GB: 50,688 USD of duration, 152 of requests, "
    "912 of the queue. charges(requests=…, duration_x86_64=…, sqs_requests=…) of lambdacourse.pricing does the sum.",
    lesson="lessons/07-cost.ipynb#Batches",
)

# --- 8. make_thumbnails

_NAMES = ("red flower.jpg", "Zürich.png", "50% off.jpg", "a+b.jpg", "cat & dog.png", "holiday 7.jpg", "plain.jpg")
_PREFIX, _BROKEN = "thumbnails/", "a broken image"


def _key(numbers: Numbers, name: str) -> str:
    return f"{numbers.whole(name, 100, 999)} {numbers.pick(f'{name} name', _NAMES)}"


def _notified(numbers: Numbers, key: str, size: int | None = None) -> dict:
    """One record of what S3 sends: an object that was created."""
    size = numbers.whole(f"size of {key}", 20_000, 9_000_000) if size is None else size
    return {
        "eventVersion": "2.5",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
            "object": {"key": quote_plus(key, safe="/"), "size": size},
        },
    }


@dataclass(frozen=True)
class _Message:
    """What a message of S3 is about, its body, and the images of which thumbnails must be made."""

    what: str
    body: dict
    images: tuple[str, ...] = ()


def _message(numbers: Numbers, name: str, what: str) -> _Message:
    one, other = _key(numbers, name), _key(numbers, f"{name} other")
    if what == "S3's test message":
        return _Message(what, {"Service": "Amazon S3", "Event": fact("s3_test_event").value, "Bucket": "uploads"})
    if what == _BROKEN:
        return _Message(what, {"Records": [_notified(numbers, one, size=0)]})
    if what == "a thumbnail":
        return _Message(what, {"Records": [_notified(numbers, f"{_PREFIX}{one}")]})
    images = (one, other) if what == "two images" else (one,)
    return _Message(what, {"Records": [_notified(numbers, key) for key in images]}, images)


def _event(numbers: Numbers, name: str) -> tuple[dict, list[_Message]]:
    """An event as Lambda hands it over, and what its messages are."""
    kinds = ["an image", _BROKEN, "two images", "a thumbnail", "S3's test message", "an image"]
    kinds = sorted(kinds, key=lambda kind: numbers.whole(f"{name} place of {kind}", 0, 10**6))
    messages = [_message(numbers, f"{name} {place}", kind) for place, kind in enumerate(kinds)]
    queue = LocalQueue("uploads")
    for message in messages:
        queue.send(json.dumps(message.body))
    return {"Records": [queue._record(message) for message in queue.messages]}, messages


def _check_thumbnails(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    call = handler(answer, "make_thumbnails")
    numbers = [(own, f"own {number}") for number in range(2)]
    numbers += [(held_back, f"held {number}") for number in range(3)] if held_back is not None else []
    lost, again, missing = [], [], []
    for source, name in numbers:
        event, messages = _event(source, name)
        ids = [record["messageId"] for record in event["Records"]]
        failed, written, said = _responded(call, event, ids)
        back = [message.what for id, message in zip(ids, messages, strict=True) if id in failed]
        gone = "" if _BROKEN in back else "one is not reported, so Lambda deletes its message. It is lost."
        well = next((what for what in back if what != _BROKEN), None)
        twice = f"the message with {well} is reported as failed. {_WELL[well]}" if well else ""
        expected = {f"{_PREFIX}{key}" for message in messages for key in message.images}
        lost.append(said or gone)
        again.append(said or twice)
        missing.append(said or _wrongly_written(written, expected))
    return [
        held("A broken image comes back", 1, lost),
        held("Nothing else does", 1.5, again),
        held("A thumbnail of every good image, and of nothing else", 1.5, missing),
    ]


_WELL = {
    "S3's test message": "S3 sends it once, when the notification is set up: there is nothing to do, and nothing wrong.",
    "a thumbnail": "There is nothing to do for it, and nothing wrong with it.",
    "an image": "It was well: one bad message must not harm the others. See lesson 05, One bad message.",
    "two images": "Both were well. See lesson 05, One bad message.",
}


def _responded(call: Callable[[dict], Any], event: dict, ids: list[str]) -> tuple[set[str], object, str]:
    """The messages that are reported as failed, what was written, and what is wrong with the response as a whole."""
    try:
        response = call(event)
    except NotImplementedError:
        raise
    except Exception as problem:
        return set(), None, f"your handler raised {raised(problem)}; so the whole batch comes again."
    failed, said = listed(response, ids)
    return failed or set(), response.get("written") if type(response) is dict else None, said


def _wrongly_written(value: object, expected: set[str]) -> str:
    if type(value) is not list or not all(type(key) is str for key in value):
        return 'under "written", a list of keys was expected.'
    written = set(value)
    if looped := [key for key in sorted(written) if key.startswith(2 * _PREFIX)]:
        return f"{looped[0]!r} is a thumbnail of a thumbnail: written to the same bucket, it is uploaded again, and so on without end."
    if encoded := [key for key in sorted(written - expected) if "+" in key or "%" in key]:
        return f"{encoded[0]!r} is no object's name. In S3's message keys are {fact('s3_event_key').value}: decode them."
    wrong = next(iter(sorted(written ^ expected)), None)
    return f"{wrong!r} is {'missing.' if wrong in expected else 'too much.'}" if wrong else ""


THUMBNAILS = Task(
    name="make_thumbnails",
    parameters=("event", "context"),
    title="The handler",
    points=4,
    checker=_check_thumbnails,
    hints=(
        "Two loops: over the messages of the event, and over the records in each body. A failure must be caught in the outer loop, for the "
        "message is what comes back.",
        'json.loads(message["body"]).get("Records", []) is empty for the test message. urllib.parse.unquote_plus gives the key its spaces back.',
        'key = unquote_plus(record["s3"]["object"]["key"]); skip it if it starts with "thumbnails/"; else written.append(thumbnail(key, size)). '
        'except: failed.append({"itemIdentifier": message["messageId"]}).',
    ),
    after="It is idempotent as it stands: an image that comes twice gives the same thumbnail under the same key. To skip one's own output is the "
    "second-best way: a bucket of its own, or a prefix in the notification's filter, keeps those messages from being sent. Lambda stops such "
    f"a loop after about {fact('recursion_stop').value} rounds.",
    lesson=f"{LESSON}#One-bad-message",
)

# --- 9. pipeline_template

_TEMPLATE = """\
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: uploads-123456789012
      NotificationConfiguration:
        QueueConfigurations:
          - Event: s3:ObjectCreated:*
            Queue: !GetAtt Waiting.Arn
  Waiting:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {visibility}
      MessageRetentionPeriod: 86400
  Failed:
    Type: AWS::SQS::Queue
    Properties:
      MessageRetentionPeriod: 1209600
  Resize:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs18.x
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/resize
      Code: {{S3Bucket: packages, S3Key: resize.zip}}
      MemorySize: 2048
      Timeout: {timeout}
      ReservedConcurrentExecutions: {reserved}
  Version:
    Type: AWS::Lambda::Version
    Properties:
      FunctionName: !Ref Resize
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      Name: live
      FunctionName: !Ref Resize
      FunctionVersion: !GetAtt Version.Version
      ProvisionedConcurrencyConfig:
        ProvisionedConcurrentExecutions: {provisioned}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Resize
      EventSourceArn: !GetAtt Waiting.Arn
      BatchSize: 1
      ScalingConfig:
        MaximumConcurrency: {maximum}
"""


def _setting(numbers: Numbers) -> dict[str, int]:
    timeout, reserved = numbers.whole("timeout", 10, 40, 5), numbers.whole("reserved", 300, 800, 50)
    return {
        "timeout": timeout,
        "visibility": 2 * timeout,
        "reserved": reserved,
        "provisioned": numbers.whole("provisioned", 50, 200, 10),
        "maximum": reserved + numbers.whole("too many", 50, 200, 50),
    }


def seed_template(numbers: Numbers) -> str:
    """The pipeline of the lesson that this course grew from, made complete, with its faults and the learner's own numbers."""
    return _TEMPLATE.format(**_setting(numbers))


def _template_statement(numbers: Numbers) -> str:
    return f"<p>Your template:</p><pre>{escape(seed_template(numbers))}</pre>"


_MENDED = (
    (("no-queue-policy",), 1, "Uploads reach the queue"),
    (("no-dead-letter-queue", "max-receive-count"), 1, "What fails for good is kept"),
    (("visibility-timeout",), 1, "The visibility timeout leaves time to try again"),
    (("latest-misses-provisioned",), 1, "What is provisioned is used"),
    (("maximum-concurrency-above-reserved",), 0.5, "The mapping fetches no more than the function may run"),
    (("deprecated-runtime",), 0.5, "The runtime is supported"),
)
"""Rules of ``lambdacourse.templates``, what keeping them is worth, and what about."""


def _check_template(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    text = answer()
    nothing = sum(points for _, points, _ in _MENDED)
    examined, problem = as_template(text)
    if examined is None:
        return [Part(0, nothing, problem)]
    findings = examined.report.findings
    judged = [rule for rules, _, _ in _MENDED for rule in rules]
    errors = [found for found in findings if found.severity == "error" and found.rule not in judged]
    problem = f"{errors[0].text} (line {errors[0].place.line})" if errors else _gone(examined.deployment, text, _setting(own))
    if problem:
        return [Part(0, nothing, f"The template is not what it was, mended: {problem}")]
    parts = []
    for rules, points, about in _MENDED:
        broken = [found.text for found in findings if found.rule in rules]
        parts.append(Part(0 if broken else points, points, f"{about}: {broken[0] if broken else 'yes.'}"))
    return parts


def _gone(deployment: Deployment, text: str, setting: dict[str, int]) -> str:
    """What of the pipeline is no longer there."""
    function, mapping = deployment.functions.get("Resize"), deployment.mappings.get("Mapping")
    if function is None or mapping is None or mapping.function.name != function.name or mapping.source.name != "Waiting":
        return "Mapping no longer joins Waiting and Resize. Mend what is around it."
    if "s3:ObjectCreated:" not in text or "!GetAtt Waiting.Arn" not in text:
        return "Uploads no longer notifies Waiting. Mend what is around it."
    kept = {
        "Timeout": (function.timeout, setting["timeout"]),
        "ReservedConcurrentExecutions": (function.reserved_concurrency, setting["reserved"]),
        "ProvisionedConcurrentExecutions": (function.provisioned_concurrency, setting["provisioned"]),
    }
    changed = [
        f"{name} was {before}. Leave it, and mend what is around it." for name, (now, before) in kept.items() if now != before
    ]
    return next(iter(changed), "")


TEMPLATE = Task(
    name="pipeline_template",
    parameters=(),
    title="Mend the pipeline",
    points=5,
    checker=_check_template,
    statement=_template_statement,
    hints=(
        "Follow an image: may S3 send its message? For how long is it hidden? Which version is called, and how many at a time? Where does it "
        "end if it always fails? check_text from lambdacourse.templates finds all six faults.",
        f"A queue policy for s3.amazonaws.com; a RedrivePolicy on Waiting; {RULE} times the timeout; the alias Live instead of the function; "
        "at most what is reserved; a runtime of today.",
        "Policy: Type AWS::SQS::QueuePolicy, Properties: Queues: [!Ref Waiting], PolicyDocument: Statement: [{Effect: Allow, Principal: "
        "{Service: s3.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Waiting.Arn}]. RedrivePolicy: {deadLetterTargetArn: "
        f"!GetAtt Failed.Arn, maxReceiveCount: {RECEIVES}}}. FunctionName: !Ref Live. {fact('nodejs_current').value}.",
    ),
    after="Even mended, what is provisioned does little here: an image that waits for hours does not mind a cold start. And a policy should "
    "name the bucket, with a condition on aws:SourceArn, so that no other can send.",
    lesson=f"{LESSON}#Pitfalls",
)

# --- 10. pipeline_design

_KEYS = (
    "memory_mb",
    "architecture",
    "reserved_concurrency",
    "maximum_concurrency",
    "minimum_pollers",
    "maximum_pollers",
    "visibility_timeout",
    "max_receive_count",
)
TIMEOUT = 15
DONE_WITHIN, BROKEN, PASSING = 600, 0.005, 0.02
SPARE, DEARER = 0.9, 1.06
"""How full the function may be at the peak in the design that answers are compared with, and how much dearer they may be."""


def _pipeline(numbers: Numbers, number: int) -> dict:
    """A patient one and one in a hurry, in turn."""
    hurry = (number + numbers.whole("which comes first", 0, 1)) % 2
    peak = numbers.whole(f"peak {number}", 20, 30, 2)
    cpu, wait = numbers.whole(f"cpu {number}", 90, 130, 5) / 100, numbers.whole(f"wait {number}", 70, 110, 5) / 100
    needed = peak * Work(cpu, wait).duration(numbers.whole(f"memory {number}", 640, 900, 20)) / SPARE
    room, elsewhere = 10 * math.ceil(needed / 10), numbers.whole(f"elsewhere {number}", 50, 200, 10)
    return {
        "peak": peak,
        "cpu": cpu,
        "wait": wait,
        "account_limit": room + elsewhere + UNRESERVED,
        "reserved_elsewhere": elsewhere,
        "promise": 2 if hurry else 60,
    }


def _room(case: dict) -> int:
    """What can still be reserved."""
    return case["account_limit"] - case["reserved_elsewhere"] - UNRESERVED


def _good_design(case: dict) -> dict:
    """A design that keeps the promises with the least memory for which there is room."""
    room = _room(case)
    memory_mb = math.ceil(case["cpu"] * MB_PER_VCPU / (SPARE * room / case["peak"] - case["wait"]))
    hurry = case["promise"] < 10
    return {
        "memory_mb": memory_mb,
        "architecture": "arm64",
        "reserved_concurrency": room,
        "maximum_concurrency": None if hurry else room,
        "minimum_pollers": room // PER_POLLER if hurry else None,
        "maximum_pollers": room // PER_POLLER if hurry else None,
        "visibility_timeout": RULE * TIMEOUT,
        "max_receive_count": RECEIVES,
    }


def _mapping(case: dict, design: dict) -> EventSourceMapping:
    """The design in the words of the model, which raises ``ValueError`` or ``TypeError`` for what AWS would refuse."""
    resize = Function(
        "resize",
        duration=0,
        memory_mb=design["memory_mb"],
        architecture=design["architecture"],
        reserved_concurrency=design["reserved_concurrency"],
        timeout=TIMEOUT,
        error_rate=PASSING,
        cold_start=ColdStart(init=0.5),
    )
    uploads = SqsQueue(
        "uploads",
        spike(case["peak"] / 10, case["peak"], at=60, seconds=120),
        visibility_timeout=design["visibility_timeout"],
        max_receive_count=design["max_receive_count"],
        poison_rate=BROKEN,
    )
    return EventSourceMapping(
        resize,
        uploads,
        batch_size=1,
        report_batch_item_failures=True,
        seconds_per_record=Work(case["cpu"], case["wait"]).duration(design["memory_mb"]),
        maximum_concurrency=design["maximum_concurrency"],
        minimum_pollers=design["minimum_pollers"],
        maximum_pollers=design["maximum_pollers"],
    )


def _design_problem(design: object, case: dict) -> str:
    if problem := keys_problem(design, _KEYS):
        return problem
    if design["reserved_concurrency"] == 0:
        return "reserved_concurrency is 0: that switches a function off."
    if design["max_receive_count"] is None:
        return "max_receive_count is None: what always fails would come back until it expires, and nobody would see it."
    try:
        _mapping(case, design)
    except (TypeError, ValueError) as problem:
        return str(problem)
    if (design["reserved_concurrency"] or 0) > _room(case):
        return (
            f"AWS refuses to reserve {design['reserved_concurrency']}: of {case['account_limit']}, {case['reserved_elsewhere']} are "
            f"reserved elsewhere and {UNRESERVED} must stay unreserved. See lesson 02, Three functions, one pool."
        )
    return ""


@dataclass(frozen=True)
class _Outcome:
    """What a design did: seconds that 99 of 100 images waited, whether as many were done in time, the share of images that were given
    up, throttles for each invocation, USD a month."""

    wait: float
    in_time: bool
    dead: float
    wasted: float
    cost: float


@lru_cache(maxsize=64)
def _outcome(case: tuple, design: tuple) -> _Outcome:
    """A design under load, kept for when it is asked again. What is not reserved, a job of the neighbours takes."""
    facts, settings = dict(case), dict(design)
    mapping = _mapping(facts, settings)
    account = Account(concurrency_limit=facts["account_limit"])
    triggers = [mapping, Function("elsewhere", duration=1, reserved_concurrency=facts["reserved_elsewhere"])]
    if settings["reserved_concurrency"] is None:
        triggers.append(Sync(Function("job", duration=60), poisson(facts["account_limit"] / 10)))
    run = simulate(*triggers, account=account, seconds=900, warm_up=60, seed=8)
    uploads, resize = run["uploads"], run["resize"]
    left = (uploads.in_flight + uploads.visible) / uploads.sent  # at the end, most of them hidden until they are tried again
    return _Outcome(
        uploads.wait(0.99),
        uploads.latency(0.99) <= DONE_WITHIN and left <= 0.01,
        uploads.dead_lettered / uploads.sent,
        resize.throttles / max(resize.invocations, 1),
        run.bill("month").total,
    )


def _check_design(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_pipeline(own, number) for number in range(2)]
    cases += [_pipeline(held_back, number) for number in range(2)] if held_back is not None else []
    begun, done, wasted, dear = [], [], [], []
    for case in cases:
        call, design = written_call("pipeline_design", case), answer(*case.values())
        if problem := _design_problem(design, case):
            return [Part(0, 6, f"{call}: {problem}")]
        key = tuple(case.items())
        found = _outcome(key, tuple((name, design[name]) for name in _KEYS))
        least = _outcome(key, tuple(_good_design(case).items())).cost
        late = f"{call}: one image in a hundred waits {found.wait:,.1f} s or longer. {_late(design, case)}"
        begun.append("" if found.wait <= case["promise"] else late)
        done.append("" if found.in_time and found.dead <= 1.5 * BROKEN else f"{call}: {_unsafe(found)}")
        throttled = f"{call}: {found.wasted:.1f} throttles for each image handled. {_wasted(design)}"
        wasted.append("" if found.wasted <= 0.05 else throttled)
        spent = f"{call}: {money(found.cost)} a month; {money(least)} would do. {_dear(design, case)}"
        dear.append("" if found.cost <= DEARER * least else spent)
    kept = [not any(each) for each in zip(begun, done, wasted, strict=True)]
    return [
        held("99 of 100 images begin within the promise", 2, begun),
        held("99 of 100 are done within ten minutes, and only broken ones are given up", 1, done),
        held("No receive is wasted", 1, wasted),
        held("At the lowest bill", 2, dear, kept),
    ]


def _late(design: dict, case: dict) -> str:
    if design["reserved_concurrency"] is None:
        return "A job of the neighbours takes all that is not reserved. See lesson 02, Three functions, one pool."
    seconds = Work(case["cpu"], case["wait"]).duration(design["memory_mb"])
    pollers = (design["maximum_pollers"] or 0) * PER_POLLER
    at_a_time = min(design["reserved_concurrency"], design["maximum_concurrency"] or pollers or POLLERS)
    if seconds >= TIMEOUT:
        return f"With {design['memory_mb']} MB an image takes {seconds:.1f} s, and the timeout is {TIMEOUT} s."
    if at_a_time < case["peak"] * seconds:
        return (
            f"With {design['memory_mb']} MB an image takes {seconds:.2f} s: the peak needs {case['peak'] * seconds:.0f} at a time, and {at_a_time} "
            "are allowed. See lesson 05, When is it empty?"
        )
    if (design["minimum_pollers"] or 0) * PER_POLLER < case["peak"] * seconds and case["promise"] < 10:
        return (
            f"There is room, but the pollers need time to grow: they start with {POLLERS_AT_FIRST}, unless they are provisioned. See lesson "
            "05, A queue of your own."
        )
    return "It is just enough on average, and images come at random. Leave a tenth to spare."


def _unsafe(found: _Outcome) -> str:
    if found.dead > 1.5 * BROKEN:
        return (
            f"{found.dead:.1%} of the images end in the dead-letter queue, and {BROKEN:.1%} are broken: good ones are given up that would "
            "succeed the next time. See lesson 05, A receive is a receive."
        )
    return (
        "more than one in a hundred is not done by then. An image that failed for a passing reason is hidden until its visibility timeout "
        "ends. See lesson 05, A queue of your own."
    )


def _wasted(design: dict) -> str:
    if design["reserved_concurrency"] is None:
        return "The function has no room of its own, and finds the account full. See lesson 02, Three functions, one pool."
    return "The mapping must not fetch more than the function may run. See lesson 05, A receive is a receive."


def _dear(design: dict, case: dict) -> str:
    """Where the money goes, the dearest reason first."""
    if design["memory_mb"] > 1.15 * _good_design(case)["memory_mb"]:
        return (
            "More memory buys CPU, and an image also waits, which costs the more. As little as the room allows will do. See lesson 07, "
            "Memory buys CPU."
        )
    if design["architecture"] == "x86_64":
        return "arm64 does the same for a fifth less. See lesson 07, Measure, do not guess."
    return "Provisioned pollers are paid for by the hour; a minute of patience needs none. See lesson 05, A queue of your own."


DESIGN = Task(
    name="pipeline_design",
    parameters=("peak", "cpu", "wait", "account_limit", "reserved_elsewhere", "promise"),
    title="The design",
    points=6,
    checker=_check_design,
    hints=(
        "Begin with the room: what can still be reserved in this account? Then the time that an image may take, so that the peak fits into "
        "nine tenths of the room. Then the memory that makes it so fast.",
        f"An image takes wait + cpu × {MB_PER_VCPU:,} / memory_mb seconds (below {MB_PER_VCPU:,} MB). It waits a part of that, so less memory "
        "is cheaper. A promise of seconds needs provisioned pollers, since others start with "
        f"{POLLERS_AT_FIRST}; one of a minute does not. A mapping takes either a maximum concurrency or pollers, {PER_POLLER} at a time each.",
        f"room = account_limit - reserved_elsewhere - {UNRESERVED}; memory_mb = ceil(cpu * {MB_PER_VCPU} / (0.9 * room / peak - wait)); arm64; "
        f"reserve the room. In a hurry room // {PER_POLLER} pollers, minimum and maximum, else room as the maximum concurrency. {RULE * TIMEOUT} s, "
        f"{RECEIVES} receives.",
    ),
    after="The source of this exercise took 2,048 MB, 200 provisioned environments that its mapping never called, and promised half a second with "
    "half of the concurrency it needed. What decided here is the room, then the memory, and of the promise only whether pollers are bought. "
    "One step further: with a minute of patience the peak may be handled a little more slowly than it comes.",
    lesson=f"{LESSON}#So:-when-is-it-empty?",
)


EXERCISE = Exercise(
    "09-design-image-pipeline",
    "Design an image pipeline",
    (HANDLED, WAITING, DAY, AT_A_TIME, WHY_DEAD, LIMITS, COST, THUMBNAILS, TEMPLATE, DESIGN),
)
