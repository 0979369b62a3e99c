"""Exercise 10: debug a slow function, from a log to a design.

``make_handler`` is judged by what ``Services`` sees: which libraries were loaded when, which connections were used, which requests
waited at the same time. What it sees cannot be claimed, and the answers have values in them that only it knows. So libraries come
from a service, too: whether an import statement ran during the initialisation could be seen only inside, where the learner's code
can say what it likes. For the same reason no time is taken and no client is counted, only connections: a client that connects
once is one that was kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.services import LIBRARIES, Request, Services
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.templates import as_template
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.model.work import Work
from lambdacourse.network import DATABASE, DYNAMODB, PARTNER, VpcConfig, month, reach, vpc_config
from lambdacourse.plots import bars
from lambdacourse.pricing import bill, charges
from lambdacourse.pricing.bills import money
from lambdacourse.runtime.logs import Report, billed, end_line, read_reports, start_line

LESSON = "lessons/03-cold-starts.ipynb"
HOURS = fact("hours_per_month").value
WHOLE_VCPU = fact("mb_per_vcpu").value
REQUIRED = fact("require_first").value

# --- 1. phase_ms

PHASES = ("initialisation", "first call", "warm call")


def _log(numbers: Numbers, number: int) -> str:
    """The log of one environment whose first call is slower than the odd number of others, which differ a little."""
    warm_ms = numbers.whole(f"warm {number}", 8_000, 60_000) / 100
    calls = 2 * numbers.whole(f"calls {number}", 3, 5)
    durations = [warm_ms + numbers.whole(f"more {number} {call}", -500, 500) / 100 for call in range(calls)]
    durations[0] += numbers.whole(f"first {number}", 30_000, 180_000) / 100
    init_ms = numbers.whole(f"init {number}", 8_000, 30_000) / 100
    lines = []
    for call, duration_ms in enumerate(durations):
        request_id = f"{numbers.whole(f'id {number} {call}', 0, 16**8 - 1):08x}-0000-4000-8000-{call:012x}"
        first = None if call else init_ms
        report = Report(request_id, round(duration_ms, 2), billed(round(duration_ms, 2), first or 0.0), 512, 143, first)
        lines += [start_line(request_id), end_line(request_id), report.line]
    return "\n".join(lines)


def _phase_ms(log: str, phase: str) -> float:
    lines = read_reports(log).lines
    first, warm = lines[0], _warm(lines)
    return {"initialisation": first.init_ms, "first call": first.duration_ms - warm, "warm call": warm}[phase]


def _of(about: str, gives: Callable[[tuple[Report, ...]], float]) -> Callable[..., float]:
    """What ``gives`` makes of a log's lines where that phase is asked for."""
    return lambda log, phase: gives(read_reports(log).lines) if phase == about else math.nan


def _warm(lines: Sequence[Report]) -> float:
    return median(each.duration_ms for each in lines[1:])


PHASE = Task(
    name="phase_ms",
    parameters=("log", "phase"),
    title="What each phase costs",
    points=3,
    checker=Computes(
        "phase_ms",
        expected=_phase_ms,
        groups={
            phase: (1, lambda numbers, number, phase=phase: {"log": _log(numbers, number), "phase": phase}) for phase in PHASES
        },
        hidden=4,
        tolerance=1e-4,
        units=" ms",
        show=lambda value: f"{value:.2f}",
        misconceptions=(
            Misconception(
                _of("initialisation", lambda lines: lines[0].billed_ms),
                "Billed Duration holds Duration and, since August 2025, the initialisation. Init Duration is the initialisation alone.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                _of("initialisation", lambda lines: lines[0].duration_ms),
                "Duration begins when the handler does. The initialisation stands beside it, as Init Duration.",
                "lesson 03, A real one",
            ),
            Misconception(
                _of("initialisation", lambda lines: lines[0].duration_ms + lines[0].init_ms),
                "That is what the first caller waits for. The initialisation is Init Duration alone.",
                "lesson 03, A real one",
            ),
            Misconception(
                _of("first call", lambda lines: lines[0].duration_ms),
                "That is all of the first call. Asked for is how much longer it takes than a warm one.",
                "lesson 03, What it is made of",
            ),
            Misconception(
                _of("first call", lambda lines: lines[0].duration_ms + lines[0].init_ms - _warm(lines)),
                "That has the initialisation in it, which is a phase of its own.",
                "lesson 03, What it is made of",
            ),
            Misconception(
                _of(
                    "first call",
                    lambda lines: lines[0].duration_ms - sum(each.duration_ms for each in lines[1:]) / len(lines[1:]),
                ),
                "That compares it with the mean of the other calls; asked for is the median.",
            ),
            Misconception(
                _of("warm call", lambda lines: median(each.billed_ms for each in lines[1:])),
                "Billed Duration is rounded up to whole milliseconds. Take Duration.",
            ),
            Misconception(
                _of("warm call", lambda lines: median(each.duration_ms for each in lines)),
                "The first call is among them, and it was not warm. Take the others.",
            ),
            Misconception(
                _of("warm call", lambda lines: sum(each.duration_ms for each in lines[1:]) / len(lines[1:])),
                "That is the mean; asked for is the median.",
            ),
        ),
    ),
    hints=(
        "The first REPORT line has an Init Duration. Which figure do all lines have, and how does the first one's differ from the others'?",
        "Initialisation: Init Duration of the first line. Warm call: the median Duration of the others. First call: the first Duration "
        "less that median.",
        "reports = read_reports(log).lines gives them in order, each with duration_ms and init_ms; statistics.median does the rest.",
    ),
    after="A short Init Duration and a long first call say: something that belongs into the initialisation waits in the handler. An import "
    "there, a client, a connection.",
    lesson=f"{LESSON}#A-real-one",
)

# --- 2. seconds_saved


def _calls(numbers: Numbers, number: int) -> dict:
    environments = numbers.whole(f"environments {number}", 2, 40)
    return {
        "calls": environments * numbers.whole(f"calls {number}", 50, 5_000),
        "environments": environments,
        "import_ms": numbers.whole(f"import {number}", 300, 1_500, 10),
        "client_ms": numbers.whole(f"client {number}", 5, 60),
    }


def _seconds_saved(calls: int, environments: int, import_ms: float, client_ms: float) -> float:
    return (calls - environments) * client_ms / 1000


SAVED = Task(
    name="seconds_saved",
    parameters=("calls", "environments", "import_ms", "client_ms"),
    title="What moving it out of the handler saves",
    points=3,
    checker=Computes(
        "seconds_saved",
        expected=_seconds_saved,
        groups={"what callers no longer wait for": (3, _calls)},
        units=" s",
        misconceptions=(
            Misconception(
                lambda calls, environments, import_ms, client_ms: calls * (import_ms + client_ms) / 1000,
                "An import in the handler does not run in every call: Python keeps modules, and finds this one there from the second call on.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                lambda calls, environments, import_ms, client_ms: (calls - environments) * (import_ms + client_ms) / 1000,
                "An import in the handler does not run in every call: Python keeps modules, and finds this one there from the second call on.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                lambda calls, environments, import_ms, client_ms: (
                    (environments * import_ms + (calls - environments) * client_ms) / 1000
                ),
                "The import is not gone: the caller for whom an environment is made now waits for it in the initialisation.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                lambda calls, environments, import_ms, client_ms: calls * client_ms / 1000,
                "The first caller of each environment still waits for the client, now in the initialisation.",
                "lesson 03, Claims on trial",
            ),
            Misconception(
                lambda calls, environments, import_ms, client_ms: environments * (import_ms + client_ms) / 1000,
                "That is what first callers wait for, before and after. Saved is what all others waited for.",
                "lesson 03, Claims on trial",
            ),
        ),
    ),
    hints=(
        "Take the two apart: what does the second call of an environment spend on the import, and what on the client?",
        "From the second call on, the import is found done; a client that the handler makes is made anew. And the first call of each "
        "environment? Both still have to happen before it is answered.",
        "(calls − environments) × client_ms / 1000",
    ),
    after=f"So the gain is in the warm calls, and comes from the client. With an SDK for JavaScript we measured {REQUIRED['first']:.0f} ms for "
    f"the first import and {REQUIRED['second']} ms for the second. With little memory there is another gain: below about 1.8 GB the same "
    "import runs faster during the initialisation, which gets a whole vCPU.",
    lesson=f"{LESSON}#Claims-on-trial",
)

# --- 3. best_fix

FIXES = ("keep the connections", "call in parallel", "more memory")


def _path_ms(calls: Sequence[dict]) -> float:
    """How long calls take when each begins as soon as it can."""
    ends: dict[str, float] = {}
    for call in calls:
        ends[call["service"]] = ends.get(call["needs"], 0.0) + call["connect_ms"] + call["wait_ms"]
    return max(ends.values())


def _savings(calls: Sequence[dict], compute_ms: float, memory_mb: int) -> dict[str, float]:
    """Milliseconds of a warm call that each fix saves."""
    one_by_one = sum(call["connect_ms"] + call["wait_ms"] for call in calls)
    work = Work(cpu=compute_ms / 1000 * memory_mb / WHOLE_VCPU)
    computing = 1000 * (work.duration(memory_mb) - work.duration(WHOLE_VCPU))
    return dict(zip(FIXES, (sum(call["connect_ms"] for call in calls), one_by_one - _path_ms(calls), computing), strict=True))


def _best_fix(calls: Sequence[dict], compute_ms: float, memory_mb: int) -> str:
    saved = _savings(calls, compute_ms, memory_mb)
    return max(saved, key=saved.__getitem__)


def _all_at_once(calls: Sequence[dict], compute_ms: float, memory_mb: int) -> str:
    """What one takes who forgets that some calls need what another answers."""
    return _best_fix([{**call, "needs": None} for call in calls], compute_ms, memory_mb)


def _all_of_it(calls: Sequence[dict], compute_ms: float, memory_mb: int) -> str:
    """What one takes who takes more memory to do away with all computing, and parallel calls with all but the longest wait."""
    saved = _savings(calls, compute_ms, memory_mb) | {"more memory": compute_ms}
    return max(saved, key=saved.__getitem__)


def _warm_call(numbers: Numbers, number: int) -> dict:
    """A warm call that one fix, in turn, shortens by 15 % more than the next does."""
    wanted = FIXES[(number + numbers.whole("first", 0, 2)) % 3]
    for attempt in range(1_000):
        name = f"{number} {attempt}"
        # In every other case all calls but the first need its answer, so that nothing can be done at the same time.
        needs = ("users", "users") if number % 2 else (None, "users")
        if numbers.whole(f"chain {name}", 0, 3) == 0:
            needs = ("users", "orders")
        calls = [
            {
                "service": service,
                "connect_ms": numbers.whole(f"connect {service} {name}", 5, 90),
                "wait_ms": numbers.whole(f"wait {service} {name}", 20, 200),
                "needs": needed,
            }
            for service, needed in zip(("users", "orders", "offers"), (None, *needs), strict=True)
        ]
        case = {
            "calls": calls,
            "compute_ms": numbers.whole(f"compute {name}", 20, 300),
            "memory_mb": numbers.pick(f"memory {name}", (256, 512, 1024, 1536)),
        }
        most, next_one, _ = sorted(_savings(**case).values(), reverse=True)
        if _best_fix(**case) == wanted and most > 1.15 * next_one:
            return case
    raise AssertionError(f"no call for {wanted}")


def _fix_statement(numbers: Numbers) -> str:
    case = _warm_call(numbers, 0)
    rows = []
    for call in case["calls"]:
        rows += [(f"connect to {call['service']}", call["connect_ms"], "cold"), (call["service"], call["wait_ms"], "idle")]
    rows.append(("computing", case["compute_ms"], "warm"))
    picture = bars(f"A warm call with {case['memory_mb']:,} MB, one step after the other", "ms", rows, "{:.0f} ms".format)
    needs = " ".join(f"{each['service']} needs what {each['needs']} answers." for each in case["calls"] if each["needs"])
    return f"<p>One of your cases. {escape(needs)}</p>{picture._repr_mimebundle_()['text/html']}"


FIX = Task(
    name="best_fix",
    parameters=("calls", "compute_ms", "memory_mb"),
    title="What to mend first",
    points=3,
    statement=_fix_statement,
    checker=Chooses(
        "best_fix",
        expected=_best_fix,
        options=FIXES,
        points=3,
        about="what shortens a warm call most",
        cases=_warm_call,
        visible=6,
        misconceptions=(
            Misconception(
                lambda **_: "more memory",
                "More memory makes computing faster, up to a whole vCPU. Waiting for others takes as long as before.",
                "lesson 07, Memory buys CPU",
            ),
            Misconception(
                lambda **_: "call in parallel",
                "Calls in parallel save what can be waited for at the same time: look at what needs what.",
            ),
            Misconception(
                lambda **_: "keep the connections",
                "That saves the connecting, no more. Here and there the waiting or the computing is the larger part.",
            ),
            Misconception(
                _all_at_once,
                "That sets out all calls at once. One that needs what another answers has to wait for it.",
            ),
            Misconception(
                _all_of_it,
                "More memory does not do away with computing: it divides it by the vCPUs that it buys, memory_mb / 1769 before, 1 after.",
                "lesson 07, Memory buys CPU",
            ),
        ),
    ),
    hints=(
        "Work out, for each of the three, how many milliseconds it takes away.",
        "Connections: the sum of connect_ms. Memory: compute_ms × (1 − memory_mb / 1769). In parallel: what all calls take one after the "
        "other, less what they take when each begins as soon as what it needs has ended.",
        "ends = {}; for each call: ends[service] = ends.get(needs, 0) + connect_ms + wait_ms. In parallel it takes max(ends.values()).",
    ),
    after="Do all three, in the order of what they save, and measure after each: where connections are kept, there is less left to do in "
    "parallel.",
    lesson="lessons/07-cost.ipynb#Memory-buys-CPU",
)

# --- 4. routed_template


def _missing(numbers: Numbers) -> tuple[str, str]:
    """What the template lacks, and in which zone."""
    return numbers.pick("missing", ("route", "association")), numbers.pick("zone", ("A", "B"))


def broken_template(missing: str, zone: str) -> str:
    """A function in two zones, in one of which a route to the NAT gateway is missing, or the tie to the table that has it."""
    resources = ""
    for number, name in enumerate("AB"):
        place = f"VpcId: !Ref Vpc, AvailabilityZone: us-east-1{name.lower()}"
        resources += f"""\
  Private{name}:
    Type: AWS::EC2::Subnet
    Properties: {{{place}, CidrBlock: 10.0.{number}.0/24}}
  Public{name}:
    Type: AWS::EC2::Subnet
    Properties: {{{place}, CidrBlock: 10.0.{number + 2}.0/24}}
  Public{name}ToPublicTable:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {{SubnetId: !Ref Public{name}, RouteTableId: !Ref PublicTable}}
  Address{name}:
    Type: AWS::EC2::EIP
    Properties: {{Domain: vpc}}
  Nat{name}:
    Type: AWS::EC2::NatGateway
    Properties: {{SubnetId: !Ref Public{name}, AllocationId: !GetAtt Address{name}.AllocationId}}
  Table{name}:
    Type: AWS::EC2::RouteTable
    Properties: {{VpcId: !Ref Vpc}}
"""
        if (missing, zone) != ("association", name):
            resources += f"""\
  Private{name}ToTable{name}:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {{SubnetId: !Ref Private{name}, RouteTableId: !Ref Table{name}}}
"""
        if (missing, zone) != ("route", name):
            resources += f"""\
  OutOf{name}:
    Type: AWS::EC2::Route
    Properties: {{RouteTableId: !Ref Table{name}, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat{name}}}
"""
    return f"""\
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {{CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true, EnableDnsSupport: true}}
  InternetGateway:
    Type: AWS::EC2::InternetGateway
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {{VpcId: !Ref Vpc, InternetGatewayId: !Ref InternetGateway}}
  PublicTable:
    Type: AWS::EC2::RouteTable
    Properties: {{VpcId: !Ref Vpc}}
  ToTheInternet:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: {{RouteTableId: !Ref PublicTable, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref InternetGateway}}
{resources}  DynamoDb:
    Type: AWS::EC2::VPCEndpoint
    Properties:
      VpcId: !Ref Vpc
      VpcEndpointType: Gateway
      ServiceName: !Sub com.amazonaws.${{AWS::Region}}.dynamodb
      RouteTableIds: [!Ref TableA, !Ref TableB]
  LambdaGroup:
    Type: AWS::EC2::SecurityGroup
    Properties: {{GroupDescription: The function, VpcId: !Ref Vpc}}
  Api:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: api
      Runtime: python3.13
      Handler: app.handler
      Role: !Sub arn:aws:iam::${{AWS::AccountId}}:role/api
      Code: {{S3Bucket: my-code, S3Key: api.zip}}
      Timeout: 5
      VpcConfig:
        SubnetIds: [!Ref PrivateA, !Ref PrivateB]
        SecurityGroupIds: [!Ref LambdaGroup]
"""


def _template_statement(numbers: Numbers) -> str:
    return f"<p>Your template:</p><pre>{escape(broken_template(*_missing(numbers)))}</pre>"


def _check_template(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    text = answer(broken_template(*_missing(own)))
    later = [
        Part(0, 1, f"{what}: counts where all is reached.") for what in ("Errors in the template", "The rest of the network")
    ]
    examined, problem = as_template(text)
    if examined is None:
        return [Part(0, 2, problem), *later]
    errors, deployment = examined.report.errors, examined.deployment
    if "Api" not in deployment.functions or deployment.vpcs.get("Api") is None:
        return [Part(0, 2, "Api has to stay in the VPC of the template: it will need a database there."), *later]
    place = deployment.vpcs["Api"]
    for called, words in ((DYNAMODB, "DynamoDB"), (PARTNER, "the partner")):
        found = reach(place, called)
        if not found.reaches:
            some = "Only calls from some of the subnets arrive." if found.sometimes else "No call arrives."
            return [Part(0, 2, f"{words}: {some} Missing: {found.missing}. See lesson 04, Pitfalls."), *later]
    said = f"{len(errors)} found, first in line {errors[0].place.line}: {errors[0].text}" if errors else "none found."
    kept, words = _network_kept(place)
    return [
        Part(2, 2, "DynamoDB and the partner are reached from every subnet of the function."),
        Part(float(not errors), 1, f"Errors in the template: {said}"),
        Part(float(kept), 1, f"The rest of the network: {words}"),
    ]


def _network_kept(place: VpcConfig) -> tuple[bool, str]:
    """Whether the function is still in both zones, with a way for DynamoDB that is free, at the price of before."""
    if len({place.vpc.subnet(name).zone for name in place.subnets}) < 2:
        return False, "the function is in one zone only. Where that fails, it fails with it; mend the other one."
    if not all(path.passes("gateway endpoint") for path in reach(place, DYNAMODB).paths):
        return (
            False,
            "DynamoDB is reached through NAT, where each GB is paid; its endpoint is free. See lesson 04, Four ways out.",
        )
    before = vpc_config(nat="one per zone", endpoints=("dynamodb",))
    added = charges(**month(place)).total - charges(**month(before)).total
    if added > 0.005:
        return False, f"{money(added)} a month more than before. What is there is enough. See lesson 04, Four ways out."
    apart = {path.start: [hop.name for hop in path.hops if hop.kind == "NAT gateway"] for path in reach(place, PARTNER).paths}
    if len({name for names in apart.values() for name in names}) < 2:
        return False, "both zones now depend on one NAT gateway, and there is one in each."
    return True, "as it was, in both zones."


TEMPLATE = Task(
    name="routed_template",
    parameters=("template",),
    title="Every other call times out",
    points=4,
    checker=_check_template,
    statement=_template_statement,
    hints=(
        "The function runs in two subnets. Follow a call to the partner from each of them, to the internet gateway.",
        "A subnet has the routes of the table that an association ties it to. For each of the two private ones: is there an association, "
        "and has its table a route for 0.0.0.0/0?",
        "Compare zone A with zone B, resource by resource: one resource that the one has, the other has not. Append it, with the names of "
        "its own zone.",
    ),
    after="A missing route looks like a slow partner: half of the calls take the whole Timeout. A time limit on the call itself, well "
    "below the function's, would have said which call it is.",
    lesson="lessons/04-vpc.ipynb#Pitfalls",
)

# --- 5. make_handler

SERVICES = ("users", "orders", "offers")
EVENTS = ("", "", "", "", "", "/chart", "", "", "")
"""What each event asks for: a user, or with a chart besides."""
AGAIN = 2
"""This event asks for the same user as the one before."""
PAUSE = 7
"""Before this event the services have closed the connections."""
PATIENCE = {3: 0.25, 4: 0.75}
"""Seconds for which, in these calls, an answer waits for the request beside it. In the later one only where the first saw none."""


@dataclass(frozen=True)
class _World:
    """What the services say: while an event is handled, other values than before, so that none can be remembered or guessed."""

    numbers: Numbers
    event: int = 0

    def _number(self, what: str) -> int:
        return self.numbers.whole(f"{what} {self.event}", 1_000, 999_999)

    @property
    def user_id(self) -> str:
        return f"u{self.numbers.whole(f'user {AGAIN - 1 if self.event == AGAIN else self.event}', 1_000, 999_999)}"

    def answer(self, service: str, path: str) -> dict | None:
        segment = f"s{self._number('segment')}"
        return {
            ("users", f"/users/{self.user_id}"): {"name": f"Name {self._number('name')}", "segment": segment},
            ("orders", f"/orders/{self.user_id}"): {"points": self._number("points")},
            ("offers", f"/offers/{segment}"): {"offer": f"Offer {self._number('offer')}"},
        }.get((service, path))

    @property
    def lambda_event(self) -> dict:
        """The event as an HTTP API writes it (payload format 2.0), as far as a handler looks at it."""
        path = f"/users/{self.user_id}{EVENTS[self.event]}"
        return {
            "version": "2.0",
            "routeKey": f"GET /users/{{userId}}{EVENTS[self.event]}",
            "rawPath": path,
            "pathParameters": {"userId": self.user_id},
            "requestContext": {"http": {"method": "GET", "path": path, "protocol": "HTTP/1.1"}, "stage": "$default"},
            "isBase64Encoded": False,
        }

    @property
    def body(self) -> dict:
        """What the handler should answer."""
        points = self._number("points")
        body = {"name": f"Name {self._number('name')}", "price": points * _factor(self.numbers)}
        body["offer"] = f"Offer {self._number('offer')}"
        return body | {"chart": _bar(points, self.numbers)} if EVENTS[self.event] else body


def _factor(numbers: Numbers) -> int:
    return numbers.whole("factor", 1_000, 9_999)


def _bar(points: int, numbers: Numbers) -> str:
    return "#" * (points % numbers.whole("width", 20, 60) + 1)


def _libraries(numbers: Numbers) -> dict[str, str]:
    width = numbers.whole("width", 20, 60)
    return {
        "pricing": f"def price(points):\n    return points * {_factor(numbers)}\n",
        "charts": f"def bar(points):\n    return '#' * (points % {width} + 1)\n",
    }


@dataclass(frozen=True)
class _Call:
    """One call of the handler: whether its answer was right, why not, what it asked for, and whether requests waited together."""

    problem: str
    requests: tuple[Request, ...]
    met: bool

    @property
    def connections(self) -> set[int]:
        return {request.connection for request in self.requests if request.service != LIBRARIES}

    @property
    def libraries(self) -> list[str]:
        return [request.path.removeprefix("/") for request in self.requests if request.service == LIBRARIES]


def _check_handler(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    numbers = own if held_back is None else held_back
    calls: list[_Call] = []
    with Services(_World(numbers).answer, _libraries(numbers)) as services:
        handler = answer.environment(services.connections())
        begun = len(services.requests)
        start = _Call("", tuple(services.requests), False)
        for number in range(len(EVENTS)):
            world = _World(numbers, number)
            services.answers = world.answer
            if number == PAUSE:
                services.drop()
            waits = number in PATIENCE and not any(call.met or call.problem for call in calls)
            services.hold(SERVICES[:2] if waits else (), PATIENCE.get(number, 0.0))
            problem = _problem(handler, world, number)
            calls.append(_Call(problem, tuple(services.requests[begun:]), services.met))
            begun = len(services.requests)
    wrong = [call.problem for call in calls[:PAUSE] if call.problem]
    right = PAUSE - len(wrong)
    answers = Part(share(1, right, PAUSE), 1, f"The answers: {wrong[0] if wrong else 'right.'}")
    if wrong:
        later = "counts where all answers are right."
        about = ("Libraries at initialisation", "Libraries that few need", "Connections", "Calls in parallel", "After a pause")
        return [answers, *(Part(0, of, f"{what}: {later}") for what, of in zip(about, (1, 1, 2, 2, 1), strict=True))]
    return [answers, _eager(start), _lazy(start, calls), _kept(start, calls), _together(calls), _after_a_pause(calls)]


def _problem(handler: Answer, world: _World, number: int) -> str:
    """What is wrong with the answer to an event; the empty text when nothing is."""
    event = world.lambda_event
    again = (
        " The same user was asked for before, and has other values now: answers are not to be kept." if number == AGAIN else ""
    )
    try:
        value = handler(event, {})
    except Exception as problem:
        if number < PAUSE and number != AGAIN:
            raise
        return f"{type(problem).__name__}: {problem}.{again}"
    said = f"To {event['rawPath']} it returned {str(value)[:120]}"
    if type(value) is not dict or value.get("statusCode") != 200 or type(value.get("body")) is not str:
        return f"{said}; a dict with statusCode 200 and a body (a text) was expected."
    try:
        body = json.loads(value["body"])
    except ValueError:
        return f"{said}; its body is no JSON."
    return "" if body == world.body else f"{said}, where the body {json.dumps(world.body)} is right.{again}"


def _eager(start: _Call) -> Part:
    if "pricing" in start.libraries:
        return Part(1, 1, "Libraries at initialisation: pricing is there before the first call.")
    return Part(
        0, 1,
        "Libraries at initialisation: pricing is loaded while the first call of each environment waits. Later calls find it, since modules "
        "are kept; but every event needs it, and the initialisation gets a whole vCPU. See lesson 03, The two-second cold start.",
    )  # fmt: skip


def _lazy(start: _Call, calls: Sequence[_Call]) -> Part:
    needed = EVENTS.index("/chart")
    if "charts" in start.libraries:
        said = "charts is loaded in the initialisation, so every cold start waits for what few events need. See lesson 03, The two-second cold start."
        return Part(0, 1, f"Libraries that few need: {said}")
    early = any("charts" in call.libraries for call in calls[:needed])
    said = (
        "charts is loaded in calls that draw none. Load it where it is used." if early else "charts is loaded when it is used."
    )
    return Part(float(not early), 1, f"Libraries that few need: {said}")


def _kept(start: _Call, calls: Sequence[_Call]) -> Part:
    used = set().union(start.connections, *(call.connections for call in calls[:PAUSE]))
    if len(used) <= len(SERVICES):
        return Part(2, 2, f"Connections: {len(used)} served {PAUSE} calls.")
    one = len(used) <= len(SERVICES) + 2
    said = (
        f"{len(used)} were opened in {PAUSE} calls, where {len(SERVICES)} would do, one for each service. A client that is made in the handler, "
        "or closed at its end, connects anew in each call. What make_handler makes before it returns lives as long as the environment. "
        "See lesson 03, What it is made of."
    )
    return Part(1.0 if one else 0.0, 2, f"Connections: {said}")


def _together(calls: Sequence[_Call]) -> Part:
    met = [call for call in calls if call.met]
    if not met:
        said = (
            "users and orders never waited at the same time: the second was asked only when the first had answered. Neither needs the "
            "other's answer. In Python threads do it: submit the one to a ThreadPoolExecutor, ask for the other, then take the result."
        )
        return Part(0, 2, f"Calls in parallel: {said}")
    asked = [request.service for request in met[0].requests if request.service != LIBRARIES]
    if sorted(asked) != sorted(SERVICES):
        said = f"a call needs one request to each service, and this one made {len(asked)} in all. Ask each once."
        return Part(0, 2, f"Calls in parallel: {said}")
    return Part(2, 2, "Calls in parallel: users and orders are waited for at the same time.")


def _after_a_pause(calls: Sequence[_Call]) -> Part:
    later = calls[PAUSE:]
    problem = next((call.problem for call in later if call.problem), "")
    if problem:
        said = (
            f"{problem.rstrip('.')}. While an environment is frozen, services close connections that are idle. Catch ConnectionError and ask "
            "again: the client connects anew. See lesson 04, Pitfalls."
        )
        return Part(0, 1, f"After a pause: {said}")
    used = set().union(*(call.connections for call in later))
    if len(used) > len(SERVICES):
        return Part(
            0, 1, f"After a pause: {len(used)} connections were opened in {len(later)} calls, where {len(SERVICES)} would do."
        )
    return Part(1, 1, "After a pause: connections that were closed meanwhile are opened again, once.")


HANDLER = Task(
    name="make_handler",
    parameters=("load", "connect"),
    title="The function, mended",
    points=8,
    checker=_check_handler,
    hints=(
        "Begin with a copy of make_slow_handler, under its new name. Then ask of each line: once for an environment, once for a call, or "
        "only for some calls?",
        'Once for an environment, before def handler: load("pricing"), the three clients, and a ThreadPoolExecutor. In the branch that draws: '
        'load("charts"). No close().',
        'points = pool.submit(get, orders, f"/orders/{user_id}") lets orders answer meanwhile; points.result() is its answer. get(client, '
        "path) returns client.get(path), and, after a ConnectionError, client.get(path) once more.",
    ),
    after="asyncio.gather with an asynchronous client does the same as threads. The client of an SDK keeps its connections by itself, as long "
    "as you keep the client. AWS_NODEJS_CONNECTION_REUSE_ENABLED, which people still set, is read by version 2 of the JavaScript SDK only.",
    lesson=f"{LESSON}#What-it-is-made-of",
)

# --- 6. fast_plan

NETWORKS = ("no VPC", "endpoint", "NAT")
CALLED = {"database": DATABASE, "dynamodb": DYNAMODB, "partner": PARTNER}


def _network(name: str) -> VpcConfig | None:
    if name == "no VPC":
        return None
    return vpc_config(nat="one per zone" if name == "NAT" else "none", endpoints=("dynamodb",))


def _requirement(numbers: Numbers, number: int) -> dict:
    """A function and its limit, which calls in parallel keep with some hundred MB: three kinds of what it calls, in turn."""
    kind = (number + numbers.whole("first", 0, 2)) % 3
    called = (("dynamodb", "partner"), ("database", "dynamodb"), ("database", "dynamodb", "partner"))[kind]
    waits = {name: numbers.whole(f"{name} {number}", 60, 160) for name in called}
    return {
        "rate": numbers.whole(f"rate {number}", 5, 30),
        "cpu_ms": numbers.whole(f"cpu {number}", 8, 25),
        "waits_ms": waits,
        # What is left to compute is shorter than any wait: one call after the other is always too slow.
        "limit_ms": max(waits.values()) + numbers.whole(f"left {number}", 30, 58),
    }


def _duration_ms(cpu_ms: float, waits_ms: dict, memory_mb: int, parallel: bool) -> float:
    wait = max(waits_ms.values()) if parallel else sum(waits_ms.values())
    return 1000 * Work(cpu=cpu_ms / 1000, wait=wait / 1000).duration(memory_mb)


def _month(rate: float, duration_ms: float, memory_mb: int, network: str) -> float:
    """USD a month: the function's bill, and its network's."""
    lambda_bill = bill(rate * HOURS * 3600, duration_ms, memory_mb, free_tier=False).total
    return lambda_bill + charges(**month(_network(network))).total


def _least_month(rate: float, cpu_ms: float, waits_ms: dict, limit_ms: float) -> float:
    """The lowest bill: waiting costs less with less memory and computing costs the same, so the least memory is cheapest."""
    memory_mb = math.ceil(cpu_ms * WHOLE_VCPU / (limit_ms - max(waits_ms.values())))
    networks = [name for name in NETWORKS if not _unreached(name, waits_ms)]
    return min(_month(rate, _duration_ms(cpu_ms, waits_ms, memory_mb, True), memory_mb, name) for name in networks)


def _unreached(network: str, called: Sequence[str] | dict) -> str:
    """The first of ``called`` that is not reached, with what is missing; the empty text when all are."""
    for name in called:
        found = reach(_network(network), CALLED[name])
        if not found.reaches:
            return f"{name} is not reached. Missing: {found.missing}."
    return ""


def _plan(value: object) -> tuple[tuple[int, bool, str] | None, str]:
    """Memory, parallel or not, and the network in the answer, or None and a sentence that says what is wrong with it."""
    if type(value) is not dict:
        return None, f"It returned {value}; a dict was expected, with memory_mb, parallel and network."
    if set(value) != {"memory_mb", "parallel", "network"}:
        return None, f"The dict has the keys {', '.join(sorted(value)) or 'none'}; expected are memory_mb, network, parallel."
    memory_mb, least, most = value["memory_mb"], fact("memory_minimum").value, fact("memory_maximum").value
    if type(memory_mb) is not int or not least <= memory_mb <= most:
        return None, f"memory_mb is {memory_mb!r}; a whole number from {least} to {most:,} was expected (MemorySize)."
    if type(value["parallel"]) is not bool:
        return None, f"parallel is {value['parallel']!r}; True or False was expected."
    if type(value["network"]) is not str or value["network"] not in NETWORKS:
        return None, f"network is {value['network']!r}; one of {', '.join(map(repr, NETWORKS))} was expected."
    return (memory_mb, value["parallel"], value["network"]), ""


def _check_plan(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_requirement(own, number) for number in range(3)]
    if held_back is not None:
        cases += [_requirement(held_back, number) for number in range(6)]
    unreached, slow, dear = [], [], []
    for case in cases:
        call = written_call("fast_plan", case)
        plan, problem = _plan(answer(*case.values()))
        if plan is None:
            return [
                Part(0, 1, f"{call}: {problem}"),
                Part(0, 2, "No duration without a plan."),
                Part(0, 2, "No bill without a plan."),
            ]
        memory_mb, parallel, network = plan
        duration_ms = _duration_ms(case["cpu_ms"], case["waits_ms"], memory_mb, parallel)
        missing = _unreached(network, case["waits_ms"])
        if missing:
            unreached.append(f"{call}: {missing} Such a call is not slow, it times out. See lesson 04, Four ways out.")
        if duration_ms > case["limit_ms"] + 1e-6:
            slow.append(f"{call}: {duration_ms:,.1f} ms. {_too_slow(parallel)}")
        if missing or duration_ms > case["limit_ms"] + 1e-6:
            continue
        cost, least = _month(case["rate"], duration_ms, memory_mb, network), _least_month(**case)
        if cost > 1.03 * least:
            dear.append(f"{call}: {money(cost)} a month; {money(least)} would do. {_too_dear(case, network)}")
    met = len(cases) - len({text.partition(": ")[0] for text in (*unreached, *slow)})
    lean = dear[0] if dear else "yes, in every case." if met == len(cases) else "counts where all is reached in time."
    return [
        Part(share(1, len(cases) - len(unreached), len(cases)), 1, f"All is reached: {unreached[0] if unreached else 'yes.'}"),
        Part(
            share(2, len(cases) - len(slow), len(cases)), 2, f"Within the limit: {slow[0] if slow else 'yes, in every case.'}"
        ),
        Part(share(2, met - len(dear), len(cases)), 2, f"At the lowest bill: {lean}"),
    ]


def _too_slow(parallel: bool) -> str:
    if not parallel:
        return "One after the other, the waiting alone is longer than the limit; no memory helps there. See lesson 07, Memory buys CPU."
    return (
        "Waiting takes as long with any memory, and computing takes cpu_ms × 1769 / memory_mb. See lesson 07, Memory buys CPU."
    )


def _too_dear(case: dict, network: str) -> str:
    if network != "no VPC" and "database" not in case["waits_ms"]:
        return "All that it calls has a public address: without a VPC it is reached for nothing. See lesson 04, In or out."
    if network == "NAT" and "partner" not in case["waits_ms"]:
        return "Nothing here needs NAT: DynamoDB has an endpoint that is free. See lesson 04, Four ways out."
    return "Less memory keeps the limit: while it waits, you pay for memory that does nothing. See lesson 07, Claims on trial."


PLAN = Task(
    name="fast_plan",
    parameters=("rate", "cpu_ms", "waits_ms", "limit_ms"),
    title="Fast enough, at the lowest bill",
    points=5,
    checker=_check_plan,
    hints=(
        "Three questions, one after the other: what must be reached, how long the waiting is, and how much memory the rest of the limit "
        "asks for.",
        "A VPC only for the database; in it, NAT only for the partner. In parallel, the waiting is the longest of waits_ms. The computing "
        "takes cpu_ms × 1769 / memory_mb.",
        "memory_mb = math.ceil(cpu_ms * 1769 / (limit_ms − max(waits_ms.values()))), and parallel is always True.",
    ),
    after="More memory than that makes it faster, for more money: the same computing costs the same, but the waiting is paid by the GB. "
    "tune(Work(cpu=…, wait=…)) of lambdacourse.memory compares the sizes.",
    lesson="lessons/07-cost.ipynb#Memory-buys-CPU",
)

EXERCISE = Exercise("10-debug-slow-function", "Debug a slow function", (PHASE, SAVED, FIX, TEMPLATE, HANDLER, PLAN))
