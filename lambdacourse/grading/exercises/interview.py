"""Exercise 11: four interview questions about Lambda at scale, as far as a grader can check them."""

from __future__ import annotations

import math

from lambdacourse.facts import fact
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task
from lambdacourse.learner import Numbers
from lambdacourse.network import DATABASE, DYNAMODB, PARTNER, S3, SQS, decide
from lambdacourse.pricing import Provisioned, bill

LESSON = "lessons/01-concurrency.ipynb"
RPS = fact("rps_per_concurrency").value
LAMBDA_TRIES = "Lambda, from a queue of its own"
MAPPING_TRIES = "the event source mapping"
CALLER_TRIES = "whoever called, if at all"

# --- 1. served_per_second (how does concurrency work, and what happens at the limit?)


def _long(numbers: Numbers, number: int) -> dict:
    limit, duration = numbers.whole(f"limit {number}", 500, 3_000, 100), numbers.whole(f"duration {number}", 200, 2_000, 50)
    return {
        "rate": int(limit / duration * 1000 * numbers.whole(f"over {number}", 120, 300) / 100),
        "duration_ms": duration,
        "limit": limit,
    }


def _short(numbers: Numbers, number: int) -> dict:
    limit = numbers.whole(f"short limit {number}", 500, 3_000, 100)
    return {
        "rate": limit * RPS * numbers.whole(f"short over {number}", 120, 300) // 100,
        "duration_ms": numbers.whole(f"short {number}", 10, 80, 5),
        "limit": limit,
    }


def _enough(numbers: Numbers, number: int) -> dict:
    limit, duration = numbers.whole(f"wide {number}", 500, 3_000, 100), numbers.whole(f"time {number}", 150, 900, 50)
    return {
        "rate": int(limit / duration * 1000 * numbers.whole(f"part {number}", 20, 90) / 100),
        "duration_ms": duration,
        "limit": limit,
    }


def _served(rate: float, duration_ms: float, limit: float) -> float:
    return min(rate, limit / (duration_ms / 1000), RPS * limit)


SERVED = Task(
    name="served_per_second",
    parameters=("rate", "duration_ms", "limit"),
    title="What gets through at the limit",
    points=4,
    checker=Computes(
        "served_per_second",
        expected=_served,
        groups={
            "long requests above the limit": (1.5, _long),
            "short requests above the limit": (1.5, _short),
            "a load that fits": (1, _enough),
        },
        units=" requests per second",
        misconceptions=(
            Misconception(
                lambda rate, duration_ms, limit: min(rate, limit),
                "A concurrency limit is not a number of requests per second: an environment is free again when its request is done.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, duration_ms, limit: min(rate, limit / (duration_ms / 1000)),
                f"Short requests meet another limit before: {RPS} requests per second for each unit of concurrency.",
                "lesson 01, Three limits, not one",
            ),
            Misconception(
                lambda rate, duration_ms, limit: min(limit / (duration_ms / 1000), RPS * limit),
                "No more gets through than comes.",
            ),
            Misconception(
                lambda rate, duration_ms, limit: max(rate - min(limit / (duration_ms / 1000), RPS * limit), 0.0),
                "That is what is turned away.",
            ),
        ),
    ),
    hints=(
        "How many requests per second can so many environments finish? Which other limit is there, for short ones?",
        f"limit ÷ seconds per request, and {RPS} × limit. The smaller one decides, and no more than rate.",
        "return min(rate, limit / (duration_ms / 1000), 10 * limit)",
    ),
    after="In the interview, say the formula, then the two other limits, then who sees what: 429 for direct callers, 500 behind an API "
    "Gateway's REST API, 502 behind a load balancer.",
    lesson=f"{LESSON}#Three-limits,-not-one",
)

# --- 2. who_tries_again

_WHO = {
    "an SDK": CALLER_TRIES, "API Gateway": CALLER_TRIES, "a load balancer": CALLER_TRIES, "a function URL": CALLER_TRIES,
    "S3": LAMBDA_TRIES, "SNS": LAMBDA_TRIES, "EventBridge": LAMBDA_TRIES,
    "SQS": MAPPING_TRIES, "Kinesis": MAPPING_TRIES, "DynamoDB Streams": MAPPING_TRIES,
}  # fmt: skip


def _source(numbers: Numbers, number: int) -> dict:
    return {"source": list(_WHO)[number % len(_WHO)]}


WHO = Task(
    name="who_tries_again",
    parameters=("source",),
    title="Who tries a throttled request again",
    points=3,
    checker=Chooses(
        "who_tries_again",
        expected=lambda source: _WHO[source],
        options=(CALLER_TRIES, LAMBDA_TRIES, MAPPING_TRIES),
        points=3,
        about="who tries a throttled request again",
        cases=_source,
        visible=10,
        hidden=0,
        misconceptions=(
            Misconception(
                lambda source: CALLER_TRIES if _WHO[source] == CALLER_TRIES else LAMBDA_TRIES,
                "A queue and a stream are polled: an event source mapping holds the batch and tries it again. Lambda's own queue is for "
                "asynchronous invocations.",
                "lesson 05, A queue of your own",
            ),
            Misconception(
                lambda source: (
                    CALLER_TRIES
                    if source in ("an SDK", "a function URL")
                    else LAMBDA_TRIES
                    if _WHO[source] != MAPPING_TRIES
                    else MAPPING_TRIES
                ),
                "API Gateway and a load balancer invoke synchronously and do not try again: their caller gets the error.",
                "lesson 08, Who tries again",
            ),
            Misconception(
                lambda source: CALLER_TRIES,
                "Nobody waits for an asynchronous event or a batch: Lambda, or the mapping, has accepted it, and tries again.",
                "lesson 05, Fire and forget",
            ),
        ),
    ),
    hints=(
        "Three groups: somebody waits for the answer; somebody has handed an event over; somebody polls.",
        "S3, SNS and EventBridge hand events over. SQS, Kinesis and DynamoDB Streams are polled.",
        f'"{CALLER_TRIES}" for the first four, "{LAMBDA_TRIES}" for the next three, "{MAPPING_TRIES}" for the rest.',
    ),
    after="For how long? An SDK: 3 attempts in all by default. Lambda's own queue: six hours. A mapping: as long as the message or record lives, "
    "or your settings allow; and it does not stop polling a queue, so receives are used up.",
    lesson="lessons/05-events-and-queues.ipynb#A-queue-of-your-own",
)

# --- 3. which_concurrency (reserved or provisioned?)

_FORMS = ("neither", "reserved", "provisioned", "both")


def _trouble(numbers: Numbers, number: int) -> dict:
    return {
        "others_take_it": number % 4 == 1,
        "database_has_few_connections": number % 4 == 3,
        "first_call_must_be_quick": number % 8 in (2, 3, 4),
    }


def _which(others_take_it: bool, database_has_few_connections: bool, first_call_must_be_quick: bool) -> str:
    return _FORMS[(others_take_it or database_has_few_connections) + 2 * first_call_must_be_quick]


WHICH = Task(
    name="which_concurrency",
    parameters=("others_take_it", "database_has_few_connections", "first_call_must_be_quick"),
    title="Reserved or provisioned",
    points=3,
    checker=Chooses(
        "which_concurrency",
        expected=_which,
        options=_FORMS,
        points=3,
        about="what a function needs",
        cases=_trouble,
        visible=8,
        hidden=0,
        misconceptions=(
            Misconception(
                lambda others_take_it, database_has_few_connections, first_call_must_be_quick: _FORMS[
                    others_take_it + 2 * first_call_must_be_quick
                ],
                "Reserved concurrency is also a ceiling: it protects what stands behind the function.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda others_take_it, database_has_few_connections, first_call_must_be_quick: (
                    "reserved" if others_take_it or database_has_few_connections or first_call_must_be_quick else "neither"
                ),
                "A reservation keeps room; it starts nothing. Its environments start cold like all others.",
                "lesson 02, Ready before the request",
            ),
            Misconception(
                lambda others_take_it, database_has_few_connections, first_call_must_be_quick: (
                    "provisioned"
                    if others_take_it or first_call_must_be_quick
                    else "reserved"
                    if database_has_few_connections
                    else "neither"
                ),
                "Provisioned concurrency has a price by the hour. Against others that take the pool a reservation is enough, and free.",
                "lesson 02, What it costs",
            ),
        ),
    ),
    hints=(
        "One of the two is room, kept and capped, for nothing. The other is environments that have started already, for money.",
        "Room kept from others, or capped for a database: reserved. No cold start: provisioned.",
        "Two questions: room = others_take_it or database_has_few_connections; ready = first_call_must_be_quick. Four answers.",
    ),
    after="Both can stand on one function: provisioned concurrency cannot exceed the reservation, and is used through a version or an alias, "
    "never through $LATEST.",
    lesson="lessons/02-reserved-and-provisioned.ipynb#Ready-before-the-request",
)

# --- 4. provisioned_month


def _allocation(numbers: Numbers, number: int) -> dict:
    return {
        "concurrency": numbers.whole(f"concurrency {number}", 10, 400, 10),
        "memory_mb": numbers.pick(f"memory {number}", (256, 512, 1_024, 1_536, 2_048)),
    }


def _provisioned_month(concurrency: int, memory_mb: int) -> float:
    hours = fact("hours_per_month").value
    return float(bill(0, 0, memory_mb, free_tier=False, provisioned=Provisioned(concurrency, hours, 0, 0)).total)


GB_HOUR = 3600 * fact("provisioned_price").value

PROVISIONED = Task(
    name="provisioned_month",
    parameters=("concurrency", "memory_mb"),
    title="What it costs to have it ready",
    points=3,
    checker=Computes(
        "provisioned_month",
        expected=_provisioned_month,
        groups={"a month of provisioned concurrency that nobody calls": (3, _allocation)},
        tolerance=0.002,
        units=" US dollars",
        misconceptions=(
            Misconception(
                lambda concurrency, memory_mb: concurrency * memory_mb / 1_024 * 730 * 0.000015,
                "That multiplies GB-hours by a price per GB-second: 3,600 are missing. And the price itself belongs to another year.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda concurrency, memory_mb: concurrency * memory_mb / 1_024 * 730 * 3600 * fact("duration_price").value,
                "That is the price of requests that run on demand all the time. What is provisioned costs less per GB-second, and the "
                "requests on it are paid for besides.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda concurrency, memory_mb: concurrency * memory_mb * 730 * GB_HOUR,
                "That takes MB for GB: divide by 1,024.",
            ),
            Misconception(
                lambda concurrency, memory_mb: concurrency * memory_mb / 1_024 * 730 * GB_HOUR / 3600,
                "Those are GB-hours at a price per GB-second: 3,600 seconds are missing.",
            ),
        ),
    ),
    hints=(
        "It is paid by GB and second, called or not. How many GB-seconds has a month of 730 hours?",
        'concurrency × memory in GB × 730 × 3,600, times fact("provisioned_price").value.',
        'return concurrency * memory_mb / 1024 * 730 * 3600 * fact("provisioned_price").value',
    ),
    after="It pays for itself where it is busy most of the time, because duration on it is cheaper than on demand. The break-even is a "
    "utilisation, about 60 %; below that you pay for being quick.",
    lesson="lessons/02-reserved-and-provisioned.ipynb#What-it-costs",
)

# --- 5. quantile_latency (two seconds at the 99th percentile: is it cold starts?)


def _mixture(numbers: Numbers, number: int) -> dict:
    warm = numbers.whole(f"warm {number}", 40, 900, 20)
    return {
        "q": (0.5, 0.95, 0.99, 0.999)[number % 4],
        "cold_share": numbers.pick(f"share {number}", (0.0004, 0.004, 0.03, 0.2)),
        "warm_ms": warm,
        "cold_ms": warm + numbers.whole(f"cold {number}", 300, 3_000, 100),
    }


QUANTILE = Task(
    name="quantile_latency",
    parameters=("q", "cold_share", "warm_ms", "cold_ms"),
    title="Is it cold starts?",
    points=3,
    checker=Computes(
        "quantile_latency",
        expected=lambda q, cold_share, warm_ms, cold_ms: float(cold_ms if cold_share > 1 - q else warm_ms),
        groups={"the latency at a quantile": (3, _mixture)},
        visible=8,
        hidden=16,
        units=" ms",
        misconceptions=(
            Misconception(
                lambda q, cold_share, warm_ms, cold_ms: (1 - cold_share) * warm_ms + cold_share * cold_ms,
                "That is the mean. A quantile is the latency of one request in the row, ordered by latency: warm or cold, nothing between.",
                "lesson 03, How many requests meet one",
            ),
            Misconception(
                lambda q, cold_share, warm_ms, cold_ms: float(cold_ms if q > 0.9 else warm_ms),
                "A high quantile is not cold by itself: at a cold share of 0.04 % even the slowest thousandth is mostly warm.",
                "lesson 03, So: is it cold starts?",
            ),
            Misconception(
                lambda q, cold_share, warm_ms, cold_ms: float(cold_ms),
                "A cold start that nobody meets at that quantile does not show there.",
                "lesson 03, So: is it cold starts?",
            ),
        ),
    ),
    hints=(
        "Order 10,000 requests by latency. Where do the cold ones stand, and where is the quantile?",
        "The cold ones are the last cold_share of all; the quantile stands 1 − q from the end.",
        "return cold_ms if cold_share > 1 - q else warm_ms",
    ),
    after='So the first question to "p99 is two seconds" is: which share of the requests is cold? Below one in a hundred, no mitigation of cold '
    "starts moves it, and the handler or what it calls is slow.",
    lesson="lessons/03-cold-starts.ipynb#So:-is-it-cold-starts?",
)

# --- 6. in_or_out (when should a function be in a VPC?)

_CALLS = {"an RDS database": DATABASE, "S3": S3, "DynamoDB": DYNAMODB, "SQS": SQS, "a partner's API": PARTNER}


def _calls(numbers: Numbers, number: int) -> dict:
    names = list(_CALLS)[1:]
    calls = [name for name in names if numbers.whole(f"{name} {number}", 0, 1)] or [names[number % 4]]
    if number % 3 == 0:
        calls = [*calls, "an RDS database"]
    if number % 6 == 5:
        calls = ["a partner's API"]
    return {"calls": calls, "partner_wants_one_address": number % 3 == 1}


def _in_or_out(calls: list[str], partner_wants_one_address: bool) -> str:
    decision = decide(*(_CALLS[name] for name in calls), fixed_address=partner_wants_one_address)
    return "inside" if decision.needs_vpc else "outside"


PLACE = Task(
    name="in_or_out",
    parameters=("calls", "partner_wants_one_address"),
    title="In a VPC or not",
    points=3,
    checker=Chooses(
        "in_or_out",
        expected=_in_or_out,
        options=("inside", "outside"),
        points=3,
        about="where the function belongs",
        cases=_calls,
        visible=6,
        hidden=12,
        misconceptions=(
            Misconception(
                lambda calls, partner_wants_one_address: (
                    "inside" if any(name != "a partner's API" for name in calls) else "outside"
                ),
                "S3, DynamoDB and SQS have public endpoints: a function reaches them without a VPC. IAM says who may.",
                "lesson 04, In or out",
            ),
            Misconception(
                lambda calls, partner_wants_one_address: "inside" if "an RDS database" in calls else "outside",
                "One address that a partner can let in is a NAT gateway's, and a NAT gateway stands in a VPC.",
                "lesson 04, In or out",
            ),
            Misconception(
                lambda calls, partner_wants_one_address: "inside",
                "A VPC is no safety by itself: it costs a NAT gateway or endpoints, and things that can be set wrong.",
                "lesson 04, In or out",
            ),
        ),
    ),
    hints=(
        "Which of these have a private address only?",
        "The database. Everything else is public; but one fixed address needs a NAT gateway, and that a VPC.",
        'return "inside" if "an RDS database" in calls or partner_wants_one_address else "outside"',
    ),
    after="And if inside: a gateway endpoint for S3 and DynamoDB, which is free; two subnets in two zones; no public subnet, which gives a function "
    "no public address.",
    lesson="lessons/04-vpc.ipynb#In-or-out",
)

# --- 7. connections_needed


def _storm(numbers: Numbers, number: int) -> dict:
    return {
        "rate": numbers.whole(f"rate {number}", 100, 3_000, 20),
        "duration_ms": numbers.whole(f"duration {number}", 60, 1_150, 10) + 5,
        "pool_size": numbers.whole(f"pool {number}", 1, 5),
    }


def _connections(rate: float, duration_ms: float, pool_size: int) -> int:
    return math.ceil(round(rate * duration_ms / 1000, 9)) * pool_size


STORM = Task(
    name="connections_needed",
    parameters=("rate", "duration_ms", "pool_size"),
    title="The connection storm",
    points=2,
    checker=Computes(
        "connections_needed",
        expected=_connections,
        groups={"the database's connections": (2, _storm)},
        units=" connections",
        misconceptions=(
            Misconception(
                lambda rate, duration_ms, pool_size: float(pool_size),
                "Each environment has a pool of its own: they share no memory.",
                "lesson 04, The connection storm",
            ),
            Misconception(
                lambda rate, duration_ms, pool_size: float(rate * pool_size),
                "That is a pool for each request. An environment keeps its pool, and serves one request after another.",
                "lesson 04, The connection storm",
            ),
            Misconception(
                lambda rate, duration_ms, pool_size: float(math.ceil(round(rate * duration_ms / 1000, 9))),
                "That many environments there are; each opens pool_size connections, although it can use one at a time.",
            ),
            Misconception(
                lambda rate, duration_ms, pool_size: rate * duration_ms / 1000 * pool_size,
                "There is no part of an environment: round up first.",
            ),
        ),
    ),
    hints=(
        "How many environments are busy? How many connections has each?",
        "Environments: rate × seconds, rounded up. Each has its own pool.",
        "return math.ceil(rate * duration_ms / 1000) * pool_size",
    ),
    after="So a pool in a function has one connection. And reserved concurrency, a proxy or a queue stands between, before the database says how "
    "many it takes.",
    lesson="lessons/04-vpc.ipynb#The-connection-storm",
)


EXERCISE = Exercise("11-interview", "Interview", (SERVED, WHO, WHICH, PROVISIONED, QUANTILE, PLACE, STORM))
