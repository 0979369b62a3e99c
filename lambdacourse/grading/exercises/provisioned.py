"""Exercise 02: what a reservation keeps, what provisioned concurrency needs and costs, and who scales it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from html import escape

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, keys_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task
from lambdacourse.grading.templates import as_template
from lambdacourse.grading.verdict import Part, held
from lambdacourse.learner import Numbers
from lambdacourse.model import Account, ColdStart, Function, Schedule, Sync, exponential, poisson, spike
from lambdacourse.pricing import Provisioned, bill
from lambdacourse.simulation import Run, simulate

LESSON = "lessons/02-reserved-and-provisioned.ipynb"
RPS = fact("rps_per_concurrency").value
BUFFER = fact("provisioned_buffer").value
KEPT, BUSY = fact("provisioned_price").value, fact("provisioned_duration_price").value
ON_DEMAND = fact("duration_price").value
MB_PER_GB = fact("mb_per_gb").value

# --- 1. provisioned_needed


def _long(numbers: Numbers, number: int) -> dict:
    # Both odd, so that a tenth more is never a whole number, and rounding shows.
    duration = numbers.whole(f"long duration {number}", 155, 1_995, 10)
    return {"rate": numbers.whole(f"long rate {number}", 101, 901, 2), "duration_ms": duration}


def _short(numbers: Numbers, number: int) -> dict:
    duration = numbers.whole(f"short duration {number}", 5, 75, 10)
    return {"rate": numbers.whole(f"short rate {number}", 1_001, 8_001, 2), "duration_ms": duration}


def _needed(rate: float, duration_ms: float) -> float:
    return max(rate * duration_ms / 1000, rate / RPS)


NEEDED = Task(
    name="provisioned_needed",
    parameters=("rate", "duration_ms"),
    title="How much to provision",
    points=2,
    checker=Computes(
        "provisioned_needed",
        expected=lambda rate, duration_ms: math.ceil(round(_needed(rate, duration_ms) * (1 + BUFFER), 6)),
        groups={
            "long requests, where concurrency decides": (1, _long),
            "short requests, where the request rate decides": (1, _short),
        },
        misconceptions=(
            Misconception(
                lambda rate, duration_ms: math.ceil(round(rate * duration_ms / 1000 * (1 + BUFFER), 6)),
                f"That looks at concurrency alone. Each provisioned environment also admits only {RPS} requests per second.",
                "lesson 02, Ready before the request",
            ),
            Misconception(
                lambda rate, duration_ms: math.ceil(round(_needed(rate, duration_ms), 6)),
                "That is the expected need itself, without the tenth more that AWS advises.",
            ),
            Misconception(
                lambda rate, duration_ms: int(_needed(rate, duration_ms) * (1 + BUFFER)),
                "That rounds down: a part of an environment cannot be provisioned. Round up.",
            ),
            Misconception(
                lambda rate, duration_ms: _needed(rate, duration_ms) * (1 + BUFFER),
                "Only whole environments can be provisioned: round up.",
            ),
            Misconception(
                lambda rate, duration_ms: math.ceil(round(rate * (1 + BUFFER), 6)),
                "That takes the requests per second for the concurrency: multiply by the duration in seconds.",
                "lesson 01, The formula",
            ),
        ),
    ),
    hints=(
        "Two limits hold for provisioned concurrency, as they do for the account. Which one asks for more?",
        f"rate × seconds for the concurrency, rate / {RPS} for the requests per second; the larger, and a tenth more.",
        f"return math.ceil({1 + BUFFER:g} * max(rate * duration_ms / 1000, rate / {RPS}))",
    ),
    after="AWS's own example: an expected peak of 200 wants 220. With random traffic the tenth is a rule of thumb: small functions need "
    "more, large ones less, as exercise 01's headroom showed.",
    lesson=f"{LESSON}#Ready-before-the-request",
)

# --- 2. left_for_others


def _claims(numbers: Numbers, number: int) -> dict:
    """Three functions: one that reserves, one that provisions without a reservation, one that does both."""
    reserved = numbers.whole(f"reserved {number}", 100, 300, 10)
    inside = numbers.whole(f"inside {number}", 20, 80, 5)
    functions = [
        [reserved, 0],
        [None, numbers.whole(f"provisioned {number}", 50, 250, 10)],
        [inside + numbers.whole(f"around {number}", 20, 120, 10), inside],
    ]
    turn = numbers.whole(f"turn {number}", 0, 2)
    return {"limit": numbers.whole(f"limit {number}", 1_000, 3_000, 100), "functions": functions[turn:] + functions[:turn]}


def _reservations(numbers: Numbers, number: int) -> dict:
    functions = [[numbers.whole(f"only {which} {number}", 50, 250, 10), 0] for which in range(3)]
    return {"limit": numbers.whole(f"whole {number}", 1_000, 3_000, 100), "functions": functions}


def _left(limit: int, functions: Sequence[Sequence]) -> int:
    return limit - sum(provisioned if reserved is None else reserved for reserved, provisioned in functions)


LEFT = Task(
    name="left_for_others",
    parameters=("limit", "functions"),
    title="What is left for the others",
    points=2,
    checker=Computes(
        "left_for_others",
        expected=_left,
        groups={"reservations alone": (0.5, _reservations), "provisioned concurrency, too": (1.5, _claims)},
        misconceptions=(
            Misconception(
                lambda limit, functions: limit - sum(reserved or 0 for reserved, _ in functions),
                "That takes off reservations only. Provisioned concurrency outside a reservation counts against the pool, too, even idle.",
                "lesson 02, Claims on trial",
            ),
            Misconception(
                lambda limit, functions: limit - sum((reserved or 0) + provisioned for reserved, provisioned in functions),
                "That counts provisioned concurrency inside a reservation twice: it is taken out of the reservation.",
                "lesson 02, Claims on trial",
            ),
            Misconception(
                lambda limit, functions: limit - sum(provisioned for _, provisioned in functions),
                "That takes off provisioned concurrency only. A reservation is kept out of the pool, used or not.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda limit, functions: float(limit),
                "That is the whole limit: what is reserved or provisioned is not there for the others, even while it is idle.",
                "lesson 02, Three functions, one pool",
            ),
        ),
    ),
    hints=(
        "For each function: which of its two settings is taken out of the pool?",
        "A reservation is, as a whole. Provisioned concurrency is taken from the function's reservation, where there is one.",
        "limit − the sum over all functions of (provisioned if reserved is None else reserved)",
    ),
    after="CloudWatch has the sum as ClaimedAccountConcurrency: the account's metric to alarm on, because an account can be full while "
    "nothing runs.",
    lesson=f"{LESSON}#Claims-on-trial",
)

# --- 3. provisioned_cost


def _kept(numbers: Numbers, number: int) -> dict:
    return {
        "provisioned": numbers.whole(f"provisioned {number}", 20, 300, 10),
        "hours": numbers.whole(f"hours {number}", 100, 700, 10),
        "memory_mb": numbers.pick(f"memory {number}", (512, 1536, 1769, 2048, 3072)),
        "utilisation": numbers.whole(f"utilisation {number}", 10, 95) / 100,
    }


def _idle(numbers: Numbers, number: int) -> dict:
    return _kept(numbers, number + 100) | {"utilisation": 0.0}


def _cost(provisioned: int, hours: float, memory_mb: int, utilisation: float) -> float:
    """The bill without its line for requests, which is the same on demand."""
    duration_ms = 1000.0
    requests = round(provisioned * hours * 3600 * utilisation)
    kept = Provisioned(provisioned, hours, requests, duration_ms)
    lines = bill(0, 0, memory_mb, provisioned=kept, free_tier=False).lines
    return sum(line.amount for line in lines if not line.item.startswith("Requests"))


def _gb_seconds(provisioned: int, hours: float, memory_mb: int) -> float:
    return provisioned * hours * 3600 * memory_mb / MB_PER_GB


COST = Task(
    name="provisioned_cost",
    parameters=("provisioned", "hours", "memory_mb", "utilisation"),
    title="What readiness costs",
    points=3,
    checker=Computes(
        "provisioned_cost",
        expected=_cost,
        groups={"while nobody calls": (1, _idle), "with requests on it": (2, _kept)},
        tolerance=1e-4,
        units=" USD",
        show=lambda value: f"{value:,.2f}",
        misconceptions=(
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: _gb_seconds(provisioned, hours, memory_mb) * KEPT,
                "That is what is kept. Duration on it has a price of its own, for the share that is busy.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: (
                    _gb_seconds(provisioned, hours, memory_mb) * (KEPT + utilisation * ON_DEMAND)
                ),
                "That prices duration as on demand. On provisioned concurrency it is cheaper.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: (
                    _gb_seconds(provisioned, hours, memory_mb) * utilisation * (KEPT + BUSY)
                ),
                "That pays for what is kept only while it is busy. It is kept, and paid for, all the hours.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: (
                    _gb_seconds(provisioned, hours, memory_mb) * (KEPT + utilisation * BUSY) / 3600
                ),
                "The prices are for a GB-second: there are 3,600 seconds in an hour.",
                "lesson 02, Claims on trial",
            ),
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: (
                    _gb_seconds(provisioned, hours, MB_PER_GB) * (KEPT + utilisation * BUSY)
                ),
                "That leaves out the memory: prices are for a GB-second.",
                "lesson 02, What it costs",
            ),
            Misconception(
                lambda provisioned, hours, memory_mb, utilisation: _gb_seconds(provisioned, hours, memory_mb) * 4 * ON_DEMAND,
                "Four times on-demand is folklore: keeping costs a quarter of the on-demand price.",
                "lesson 02, Claims on trial",
            ),
        ),
    ),
    hints=(
        "There are two prices: one for all that is kept, one for the share of it that is busy.",
        "GB-seconds that are kept: provisioned × hours × 3600 × memory_mb / 1024. Busy are utilisation × that.",
        f"GB-seconds × ({KEPT:.10f} + utilisation × {BUSY:.10f})",
    ),
    after="Divide by what the same duration costs on demand, and the utilisation at which both are equal comes out: 60 %. "
    "lambdacourse.pricing.provisioned_multiple(utilisation) gives the ratio at once.",
    lesson=f"{LESSON}#What-it-costs",
)

# --- 4. scaled_to


def _tracked(numbers: Numbers, number: int, least: int, most: int) -> dict:
    """So much provisioned that ``least`` to ``most`` percent of the target are in use; the division never comes out even."""
    tenths = numbers.pick(f"target {number}", (6, 7, 9))
    busy = numbers.whole(f"busy {number}", 31, 299, 3)
    busy += busy * 10 % tenths == 0
    used = numbers.whole(f"used {number}", least, most) / 100 * tenths / 10
    return {"provisioned": round(busy / used), "busy": busy, "target": tenths / 10, "maximum": 900}


def _too_busy(numbers: Numbers, number: int) -> dict:
    return _tracked(numbers, number, 108, 140)


def _half_idle(numbers: Numbers, number: int) -> dict:
    return _tracked(numbers, number + 100, 30, 80)


def _stays(numbers: Numbers, number: int) -> dict:
    """Within the band, bounded, or without any traffic."""
    case = _tracked(numbers, number + 200, 93, 97)
    if number % 3 == 0:
        return case | {"busy": 0}
    if number % 3 == 1:
        return case
    return _tracked(numbers, number + 200, 110, 140) | {"maximum": case["busy"]}


def _scaled_to(provisioned: int, busy: int, target: float, maximum: int) -> int:
    utilisation = busy / provisioned
    if busy == 0 or 0.9 * target <= utilisation <= target:
        return provisioned
    return min(math.ceil(busy / target - 1e-9), maximum)


SCALED = Task(
    name="scaled_to",
    parameters=("provisioned", "busy", "target", "maximum"),
    title="What target tracking does",
    points=3,
    checker=Computes(
        "scaled_to",
        expected=_scaled_to,
        groups={
            "busier than the target": (1, _too_busy),
            "less busy than the target": (1, _half_idle),
            "where something holds it back": (1, _stays),
        },
        misconceptions=(
            Misconception(
                lambda provisioned, busy, target, maximum: 1 if busy == 0 else _scaled_to(provisioned, busy, target, maximum),
                "Without traffic there is no metric, and without a metric no alarm: it stays as it is, all night.",
                "lesson 02, Auto scaling, and what it does not see",
            ),
            Misconception(
                lambda provisioned, busy, target, maximum: 0 if busy == 0 else _scaled_to(provisioned, busy, target, maximum),
                "Without traffic there is no metric, and without a metric no alarm: it stays as it is, all night.",
                "lesson 02, Auto scaling, and what it does not see",
            ),
            Misconception(
                lambda provisioned, busy, target, maximum: min(math.ceil(busy / target), maximum),
                "That moves always. Between 90 % of the target and the target no alarm goes off; and without traffic none does.",
                "lesson 02, Auto scaling, and what it does not see",
            ),
            Misconception(
                lambda provisioned, busy, target, maximum: math.ceil(busy / target),
                "That knows no bounds: target tracking stays below its MaxCapacity, and moves only when an alarm goes off.",
            ),
            Misconception(
                lambda provisioned, busy, target, maximum: busy,
                "That would be in use altogether. The target leaves room: busy / target.",
                "lesson 02, Auto scaling, and what it does not see",
            ),
            Misconception(
                lambda provisioned, busy, target, maximum: min(int(busy / target), maximum),
                "That rounds down, which stays above the target. Round up.",
            ),
        ),
    ),
    hints=(
        "First: does an alarm go off at all? There are two, above the target and below 90 % of it; and one case without any metric.",
        "When one does, it wants so much that busy is the target's share of it, and never more than the maximum.",
        "if busy == 0 or 0.9 * target <= busy / provisioned <= target: return provisioned; else min(math.ceil(busy / target), maximum)",
    ),
    after="AWS's figure: 200 busy at a target of 70 % want 286. How the change is rounded is published for that example only. The "
    "dead band keeps it from going up and down for ever; scheduled scaling is what empties it at night.",
    lesson=f"{LESSON}#Auto-scaling,-and-what-it-does-not-see",
)

# --- 5. whats_wrong

NEIGHBOUR, RESERVATION = "a neighbour takes the pool", "its reservation is too small"
SPILLS, BYPASSED = "too little is provisioned", "callers bypass the alias"
_MINUTES = 4


def _made(numbers: Numbers, number: int) -> tuple[str, Run, Function, Account]:
    """One of four troubles of a shop, simulated: its name, the run, the shop, the account."""
    kinds = (NEIGHBOUR, RESERVATION, SPILLS, BYPASSED)
    kind = kinds[(number + numbers.whole("first", 0, 3)) % 4]
    busy, limit = numbers.whole(f"busy {number}", 20, 60), numbers.whole(f"limit {number}", 300, 500, 50)
    # A function that is starved or capped may spill over, too, and one that spills may have room in a reservation.
    some = busy // 2 if numbers.pick(f"some {number}", (True, False)) else 0
    roomy = 3 * busy + 30 if numbers.pick(f"roomy {number}", (True, False)) else None
    reserved, provisioned, qualifier, crowd = {
        NEIGHBOUR: (None, some, None, 2 * limit),
        RESERVATION: (busy * 3 // 4, some, None, limit // 4),
        SPILLS: (roomy, busy // 2, None, limit // 5),
        BYPASSED: (roomy, busy + 10, "$LATEST", limit // 5),
    }[kind]
    shop = Function("shop", duration=exponential(1), reserved_concurrency=reserved, provisioned_concurrency=provisioned)
    reports = Function("reports", duration=exponential(2), cold_start=ColdStart(init=0))
    account = Account(concurrency_limit=limit, unreserved_minimum=0)
    return kind, _simulated(shop, reports, busy, crowd, qualifier, account), shop, account


@lru_cache(maxsize=64)
def _simulated(shop: Function, reports: Function, busy: int, crowd: int, qualifier: str | None, account: Account) -> Run:
    callers = Sync(shop, poisson(busy), qualifier=qualifier), Sync(reports, poisson(crowd / 2))
    return simulate(*callers, account=account, seconds=60 * _MINUTES, warm_up=60, seed=4)


def _figures(numbers: Numbers, number: int) -> dict:
    _, run, shop, account = _made(numbers, number)
    seen, others = run["shop"], run["reports"]
    figures = {
        "account_limit": account.concurrency_limit,
        "reserved": shop.reserved_concurrency,
        "provisioned": shop.provisioned_concurrency,
        "invocations": seen.invocations,
        "throttles": seen.throttles,
        "spillovers": seen.spillovers,
        "provisioned_invocations": seen.provisioned_invocations,
        "peak_concurrency": seen.peak_concurrency,
        "peak_of_others": others.peak_concurrency,
    }
    return {"figures": figures}


def _whats_wrong(figures: dict) -> str:
    if figures["throttles"]:
        return NEIGHBOUR if figures["reserved"] is None else RESERVATION
    return SPILLS if figures["provisioned_invocations"] else BYPASSED


def _wrong_statement(numbers: Numbers) -> str:
    _, run, _, _ = _made(numbers, 0)
    figures = _figures(numbers, 0)["figures"]
    rows = "".join(f"<tr><td><code>{key}</code></td><td>{value}</td></tr>" for key, value in figures.items())
    return (
        f"<p>One of your cases, {_MINUTES} minutes of it:</p>{run.plot()._repr_mimebundle_()['text/html']}<table>{rows}</table>"
    )


WRONG = Task(
    name="whats_wrong",
    parameters=("figures",),
    title="Read the metrics",
    points=4,
    statement=_wrong_statement,
    checker=Chooses(
        "whats_wrong",
        expected=_whats_wrong,
        options=(NEIGHBOUR, RESERVATION, SPILLS, BYPASSED),
        points=4,
        about="what troubles the shop",
        cases=_figures,
        visible=4,
        hidden=8,
        misconceptions=(
            Misconception(
                lambda figures: NEIGHBOUR if figures["throttles"] else _whats_wrong(figures),
                "A function with a reservation cannot be starved by a neighbour: it throttles when its own reservation is used up.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda figures: RESERVATION if figures["throttles"] else _whats_wrong(figures),
                "That blames a reservation where there is none: reserved is None.",
                "lesson 02, Three functions, one pool",
            ),
            Misconception(
                lambda figures: SPILLS if figures["spillovers"] else _whats_wrong(figures),
                "Spill-over alone throttles nothing: where requests are turned away, look first at what has no room left.",
                "lesson 02, Ready before the request",
            ),
            Misconception(
                lambda figures: _whats_wrong(figures | {"provisioned_invocations": 1}),
                "Nothing at all ran on what is provisioned there: the callers use the plain name, which is $LATEST.",
                "lesson 02, Ready before the request",
            ),
            Misconception(
                lambda figures: BYPASSED if not figures["provisioned_invocations"] else _whats_wrong(figures),
                "Where nothing is provisioned, nothing can be bypassed.",
            ),
        ),
    ),
    hints=(
        "Are requests turned away? Only a limit does that: the account's, or the function's own.",
        "A reservation protects from neighbours, and is a ceiling. Without throttles: did anything run on what is provisioned?",
        "throttles and reserved is None: the neighbour. throttles and a reservation: it. Else provisioned_invocations decides.",
    ),
    after="In CloudWatch they are Throttles, ProvisionedConcurrencySpilloverInvocations and ProvisionedConcurrencyInvocations. "
    "The peaks say the same another way: a reservation that is used up, or a pool that is.",
    lesson=f"{LESSON}#Three-functions,-one-pool",
)

# --- 6. ready_template

_TEMPLATE = """\
Resources:
  Shop:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: shop
      Runtime: python3.13
      Handler: shop.handler
      Role: arn:aws:iam::123456789012:role/shop
      Code: {{S3Bucket: code, S3Key: shop.zip}}
      Timeout: 10
      ReservedConcurrentExecutions: {reserved}
  Release:
    Type: AWS::Lambda::Version
    Properties:
      FunctionName: !Ref Shop
  Live:
    Type: AWS::Lambda::Alias
    Properties:
      Name: live
      FunctionName: !Ref Shop
      FunctionVersion: !GetAtt Release.Version
  Ready:
    Type: AWS::Lambda::EventInvokeConfig
    Properties:
      FunctionName: !Ref Shop
      Qualifier: live
      ProvisionedConcurrencyConfig:
        ProvisionedConcurrentExecutions: {night}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    DependsOn: Live
    Properties:
      ServiceNamespace: lambda
      ResourceId: function:shop
      ScalableDimension: lambda:function:ProvisionedConcurrentExecutions
      MinCapacity: {night}
      MaxCapacity: {day}
      ScheduledActions:
        - ScheduledActionName: open
          Schedule: cron({minute} 8 ? * MON-FRI *)
          ScalableTargetAction: {{MinCapacity: {day}, MaxCapacity: {day}}}
        - ScheduledActionName: close
          Schedule: cron({minute} 18 ? * MON-FRI *)
          ScalableTargetAction: {{MinCapacity: {night}, MaxCapacity: {night}}}
"""


def _settings(numbers: Numbers) -> dict[str, int]:
    day = numbers.whole("day", 120, 240, 10)
    night, minute = numbers.whole("night", 2, 9), numbers.whole("minute", 35, 55, 5)
    return {"day": day, "night": night, "minute": minute, "reserved": day - numbers.whole("less", 20, 60, 10)}


def _ready_statement(numbers: Numbers) -> str:
    return f"<p>Your template:</p><pre>{escape(_TEMPLATE.format(**_settings(numbers)))}</pre>"


def _check_ready(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    parts = _ready_parts(answer, _settings(own))
    if held_back is not None and all(part.ok for part in parts):
        return _ready_parts(answer, _settings(held_back))
    return parts


def _ready_parts(answer: Answer, settings: dict[str, int]) -> list[Part]:
    template = _TEMPLATE.format(**settings)
    text = answer(template)
    examined, problem = as_template(text)
    if examined is None:
        return [Part(0, 4, problem)]
    lost = [line.strip() for line in template.splitlines() if "Schedule" in line and line.strip() not in text]
    if lost:
        return [Part(0, 4, f"The schedule is right, and has to stay: {lost[0]!r} is gone.")]
    report, shop = examined.report, examined.deployment.functions.get("Shop")
    if shop is None:
        return [Part(0, 4, "The function Shop has to stay.")]
    parts = (
        (("provisioned-in-event-invoke-config", "scaling-without-start"), "The alias keeps environments ready"),
        (("scalable-dimension",), "What is scaled exists"),
        (("scaling-resource-id",), "The alias is what is scaled"),
        (("provisioned-above-reserved", "provisioned-takes-reservation"), "The reservation has room for the day"),
    )
    ours = {rule for rules, _ in parts for rule in rules}
    others = [finding for finding in report.errors if finding.rule not in ours]
    invalid = f"The template is not valid, in line {others[0].place.line}: {others[0].text}" if others else ""
    if invalid and not (ours & set(report.rules)):
        return [Part(0, 4, invalid)]
    found = {finding.rule: finding.text for finding in report.findings}
    verdicts = []
    for rules, about in parts:
        broken = next((found[rule] for rule in rules if rule in found), "")
        verdicts.append(Part(float(not broken), 1, f"{about}: {broken or 'yes.'}{_READ_ON if broken else ''}"))
    if invalid and verdicts[0].ok:
        verdicts[0] = Part(0, 1, invalid)
    elif shop.provisioned_concurrency != settings["night"] and verdicts[0].ok:
        verdicts[0] = Part(
            0, 1, f"The alias keeps {settings['night']} environments ready: it has {shop.provisioned_concurrency}."
        )
    if shop.reserved_concurrency is None:
        verdicts[3] = Part(0, 1, "The reservation has room for the day: it is gone, and any neighbour may starve the shop.")
    return verdicts


_READ_ON = " See lesson 02, Pitfalls."

READY = Task(
    name="ready_template",
    parameters=("template",),
    title="Mend a template",
    points=4,
    checker=_check_ready,
    statement=_ready_statement,
    hints=(
        "Four things are wrong: where environments are kept ready, which resource is scaled, which property of it, and how much is reserved.",
        "Lesson 02 has such a template, under Pitfalls. An EventInvokeConfig is for asynchronous retries.",
        "ProvisionedConcurrencyConfig belongs under Live's Properties; ResourceId is function:shop:live; the dimension ends in "
        "ProvisionedConcurrency; reserve more than the day provisions. template.replace(old, new) does each.",
    ),
    after="check_text from lambdacourse.templates finds all four; `lambdacourse check-template` does so for files. Instead of changing "
    "the text, you could load the YAML, change the dictionary and dump it.",
    lesson=f"{LESSON}#Pitfalls",
)

# --- 7. shop_plan

_PLAN_MINUTES = 90
_EARLY = "What is scheduled is ready only after minutes: begin before the doors open. See lesson 02, Ready before the request."
_TURNED_AWAY, _SPILLED, _DEARER, _ROOM = 0.001, 0.01, 1.15, 1.5


def _hours(numbers: Numbers, number: int) -> dict:
    opens = numbers.whole(f"opens {number}", 20, 35, 5)
    return {
        "quiet": numbers.whole(f"quiet {number}", 4, 9),
        "busy": numbers.whole(f"busy {number}", 40, 80, 5),
        "opens": opens,
        "closes": opens + numbers.whole(f"open for {number}", 30, 45, 5),
    }


def _peak(mean: float) -> int:
    """What random traffic of so many busy environments hardly ever exceeds."""
    return math.ceil(mean + 3.1 * math.sqrt(mean))


def _good_enough(case: dict) -> float:
    """Environment-minutes of a plan that begins five minutes before the doors open and ends when they close."""
    open_for = case["closes"] - case["opens"] + 5
    return _peak(case["busy"]) * open_for + _peak(case["quiet"]) * (_PLAN_MINUTES - open_for)


def _plan_problem(plan: object) -> str:
    if problem := keys_problem(plan, ("reserved", "schedule")):
        return problem
    reserved, schedule = plan["reserved"], plan["schedule"]
    if reserved is not None and (type(reserved) is not int or not 0 <= reserved <= fact("reserved_maximum").value):
        return f"reserved is {reserved!r}; None or a whole number up to {fact('reserved_maximum').value:,} was expected."
    if type(schedule) is not list or not 1 <= len(schedule) <= 20:
        return "schedule is no list of 1 to 20 pairs [minute, provisioned]."
    for each in schedule:
        if type(each) is not list or len(each) != 2 or any(type(value) is not int or value < 0 for value in each):
            return f"{each!r} in the schedule is no pair [minute, provisioned] of whole numbers."
    minutes = [minute for minute, _ in schedule]
    if minutes[0] != 0 or sorted(set(minutes)) != minutes or minutes[-1] >= _PLAN_MINUTES:
        return f"the schedule's minutes are {minutes}; they begin with 0, rise, and end before {_PLAN_MINUTES}."
    most = max(provisioned for _, provisioned in schedule)
    room = fact("provisioned_maximum_one_function").value if reserved is None else reserved
    return f"AWS refuses to provision {most:,}: there is room for {room:,}." if most > room else ""


def _check_plan(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_hours(own, 0)] + ([_hours(held_back, 1), _hours(held_back, 2)] if held_back is not None else [])
    served, warm, room, lean = [], [], [], []
    for case in cases:
        call = f"shop_plan({', '.join(f'{key}={value!r}' for key, value in case.items())})"
        plan = answer(*case.values())
        problem = _plan_problem(plan)
        if problem:
            return [Part(0, 5, f"{call}: {problem}")]
        shop = _planned(case, plan)
        spilled = shop.spillovers / shop.invocations if shop.invocations else 1.0
        minutes = shop.mean_provisioned * _PLAN_MINUTES
        reserved = plan["reserved"] or 0
        served.append(
            "" if shop.throttle_rate <= _TURNED_AWAY else f"{call}: {shop.throttle_rate:.1%} are. {_starved(plan, case)}"
        )
        warm.append(
            "" if spilled <= _SPILLED and shop.provisioned_invocations else f"{call}: {spilled:.1%} spill over. {_EARLY}"
        )
        most = _ROOM * _peak(case["busy"])
        room.append("" if reserved <= most else f"{call}: {reserved} are reserved, where {_peak(case['busy'])} would do.")
        limit = _DEARER * _good_enough(case)
        dear = (
            f"{call}: {minutes:,.0f} environment-minutes are kept, where {_good_enough(case):,.0f} would do. Follow the hours."
        )
        lean.append("" if minutes <= limit else dear)
    met = [not late and not cold for late, cold in zip(served, warm, strict=True)]
    return [
        held("At most one in a thousand is throttled", 1.5, served),
        held("At least 99 of 100 run on provisioned environments", 1.5, warm),
        held("The reservation leaves the rest to the others", 1, room, met),
        held("No more is kept ready than the hours need", 1, lean, met),
    ]


def _starved(plan: dict, case: dict) -> str:
    if plan["reserved"] is None:
        return (
            "The reports take the pool, and nothing keeps a part of it for the shop. See lesson 02, Three functions, one pool."
        )
    if plan["reserved"] < _peak(case["busy"]):
        return "A reservation is a ceiling, too: it has to hold the peak of random traffic, not its mean."
    return f"Environments that still initialise use the reservation up, too. {_EARLY}"


def _planned(case: dict, plan: dict):
    """The shop's ninety minutes under a plan, beside reports that want more than the whole pool."""
    (_, first), *later = plan["schedule"]
    shop = Function(
        "shop",
        duration=exponential(1),
        cold_start=ColdStart(init=3),
        reserved_concurrency=plan["reserved"],
        provisioned_concurrency=first,
        provisioned_scaling=tuple(Schedule(60 * minute, provisioned) for minute, provisioned in later),
    )
    seconds = 60 * (case["closes"] - case["opens"])
    customers = Sync(shop, spike(case["quiet"], case["busy"], at=60 * case["opens"], seconds=seconds))
    reports = Sync(Function("reports", duration=300), poisson(4))
    return simulate(customers, reports, seconds=60 * _PLAN_MINUTES, seed=6)["shop"]


PLAN = Task(
    name="shop_plan",
    parameters=("quiet", "busy", "opens", "closes"),
    title="Never throttled, never cold, and not dear",
    points=5,
    checker=_check_plan,
    hints=(
        "Two settings, two jobs: which of them keeps the neighbours out, and which keeps environments warm?",
        "Random traffic of a mean of m needs about m + 3 × √m at its peak. Allocation takes minutes, so begin some before the doors open.",
        "schedule: [[0, peak(quiet)], [opens − 5, peak(busy)], [closes, peak(quiet)]], with peak(m) = math.ceil(m + 3.1 × math.sqrt(m)), "
        "and a little more than peak(busy) reserved.",
    ),
    after="Reserving is free, so it may be generous to the shop, at the expense of its neighbours; provisioning is what costs. Target "
    "tracking would do the same a few minutes late, and would not scale in after the last customer.",
    lesson=f"{LESSON}#The-lab",
)

EXERCISE = Exercise(
    "02-reserved-and-provisioned",
    "Reserved and provisioned concurrency",
    (NEEDED, LEFT, COST, SCALED, WRONG, READY, PLAN),
)
