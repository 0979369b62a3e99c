"""Exercise 04: what a function reaches from where, what the way costs, network interfaces, and the connection storm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from itertools import chain, combinations, product

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, keys_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task, written_call
from lambdacourse.grading.templates import as_template
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.network import (
    DATABASE,
    DYNAMODB,
    PARTNER,
    PARTNER_IPV6,
    PROXY,
    S3,
    SQS,
    SecurityGroup,
    Service,
    VpcConfig,
    interfaces,
    month,
    reach,
    vpc_config,
)
from lambdacourse.network import Answer as Reached
from lambdacourse.network.picture import Sheet, draw, scene
from lambdacourse.network.vpc import GATEWAY_SERVICES
from lambdacourse.plots import Picture, Theme
from lambdacourse.pricing import charges
from lambdacourse.pricing.bills import money

LESSON = "lessons/04-vpc.ipynb"
HOURS = fact("hours_per_month").value
NAT_HOUR, NAT_GB, ADDRESS_HOUR = (fact(name).value for name in ("nat_hour_price", "nat_gb_price", "public_ipv4_price"))
ENDPOINT_HOUR, ENDPOINT_GB = fact("interface_endpoint_price").value, fact("interface_endpoint_gb_price").value

CALLED = {
    "database": DATABASE,
    "rds proxy": PROXY,
    "s3": S3,
    "dynamodb": DYNAMODB,
    "sqs": SQS,
    "partner": PARTNER,
    "partner with IPv6": PARTNER_IPV6,
}
"""What a function calls; any other name is an AWS service."""


def _called(name: str):
    return CALLED.get(name) or Service(name)


def _place(subnets: str, endpoints: Sequence[str] = ()) -> VpcConfig | None:
    """A function in no VPC (``"none"``), in public, isolated or private subnets, the last with a NAT gateway."""
    if subnets == "none":
        return None
    return vpc_config(public=subnets == "public", nat="one per zone" if subnets == "private" else "none", endpoints=endpoints)


# --- 1. what_is_seen


def _a_call(numbers: Numbers, number: int) -> dict:
    """Half of them are answered, in an order of the learner's own."""
    kinds = (
        ("public", [], ("partner", "s3", "sqs")),
        ("none", [], ("s3", "dynamodb", "sqs", "partner")),
        ("none", [], ("rds proxy",)),
        ("isolated", ["s3", "dynamodb"], ("s3", "dynamodb")),
        ("isolated", [], ("s3", "sqs", "dynamodb")),
        ("private", [], ("database", "s3", "sqs", "partner")),
        ("isolated", ["s3", "dynamodb"], ("sqs", "partner")),
        ("public", [], ("database", "rds proxy")),
    )
    subnets, endpoints, called = kinds[(number + numbers.whole("first", 0, 7)) % 8]
    return {"subnets": subnets, "endpoints": endpoints, "called": numbers.pick(f"called {number}", called)}


def _what_is_seen(subnets: str, endpoints: list, called: str) -> str:
    return "an answer" if reach(_place(subnets, endpoints), _called(called)).reaches else "a time-out"


SEEN = Task(
    name="what_is_seen",
    parameters=("subnets", "endpoints", "called"),
    title="An answer or a time-out",
    points=2,
    checker=Chooses(
        "what_is_seen",
        expected=_what_is_seen,
        options=("an answer", "a time-out"),
        points=2,
        about="what is seen of a call",
        cases=_a_call,
        visible=8,
        hidden=16,
        misconceptions=(
            Misconception(
                lambda subnets, endpoints, called: (
                    "an answer" if subnets == "public" else _what_is_seen(subnets, endpoints, called)
                ),
                "In a public subnet a function gets no public address, so nothing outside the VPC can answer it.",
                "lesson 04, Claims on trial",
            ),
            Misconception(
                lambda subnets, endpoints, called: (
                    "an answer" if (subnets, called) == ("none", "rds proxy") else _what_is_seen(subnets, endpoints, called)
                ),
                "RDS Proxy is reached inside its VPC only. Its function has to be attached, like any that calls the database.",
                "lesson 04, Claims on trial",
            ),
            Misconception(
                lambda subnets, endpoints, called: (
                    "an answer" if called in ("s3", "dynamodb", "sqs") else _what_is_seen(subnets, endpoints, called)
                ),
                "AWS services have public addresses, too: from a VPC they need a way like any other host.",
                "lesson 04, Every function is in a VPC already",
            ),
            Misconception(
                lambda subnets, endpoints, called: _what_is_seen(subnets, [], called),
                "That forgets the endpoints: through them the services are reached without a way to the internet.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda subnets, endpoints, called: (
                    "a time-out" if subnets == "none" else _what_is_seen(subnets, endpoints, called)
                ),
                "A function without a VpcConfig reaches everything that has a public address.",
                "lesson 04, Every function is in a VPC already",
            ),
        ),
    ),
    hints=(
        "Sort what is called: it has a private address, or it is a service of AWS, or a host on the internet.",
        "Private addresses answer from inside the VPC alone; public ones from outside it, through NAT, or, for a service, through its "
        "endpoint.",
        'Attached (subnets is not "none"): answered are "database" and "rds proxy", what stands in endpoints, and everything where '
        'subnets is "private". Not attached: all but those two.',
    ),
    after="reach(place, destination) of lambdacourse.network answers such questions hop by hop, security groups included.",
    lesson=f"{LESSON}#Four-ways-out",
)

# --- 2. what_to_add

SERVICES = ("sqs", "sns", "kms", "secretsmanager", "events", "states")
WAYS = ("nothing", "leave the VPC", "gateway endpoint", "interface endpoints", "NAT gateway")


def _some_calls(numbers: Numbers, number: int) -> dict:
    free, paid = numbers.pick(f"free {number}", GATEWAY_SERVICES), numbers.pick(f"paid {number}", SERVICES)
    private = numbers.pick(f"private {number}", ("database", "rds proxy"))
    subnets, calls = (
        ("isolated", [private, free]),
        ("isolated", [private, paid]),
        ("isolated", [private, *(name for name in SERVICES if name != paid)][:5]),
        ("isolated", [private, "partner"]),
        ("isolated", [free, paid]),
        ("private", [private, paid, "partner"]),
        ("isolated", [private, paid, "partner"]),
        ("isolated", [private, *SERVICES]),
    )[(number + numbers.whole("first", 0, 7)) % 8]
    return {"subnets": subnets, "calls": calls}


def _ways(subnets: str, calls: list) -> dict[str, VpcConfig | None]:
    free = [name for name in calls if name in GATEWAY_SERVICES]
    paid = [name for name in calls if name in SERVICES]
    places = (_place(subnets), None, _place(subnets, free), _place(subnets, paid), _place("private"))
    return dict(zip(WAYS, places, strict=True))


def _what_to_add(subnets: str, calls: list) -> str:
    costs = {
        way: charges(**month(place)).total
        for way, place in _ways(subnets, calls).items()
        if all(reach(place, _called(name)).reaches for name in calls)
    }
    return "nothing" if "nothing" in costs else min(costs, key=costs.__getitem__)


def _add_statement(numbers: Numbers) -> str:
    case = _some_calls(numbers, 0)
    place, names = _place(case["subnets"]), " and ".join(case["calls"])
    shown = replace(scene(place, reach(place, _called(case["calls"][0]))), line=(), cross=None, caption="")
    boxes = tuple(replace(box, state="there") for box in shown.boxes if box.state != "missing")

    def figure(theme: Theme) -> Figure:
        with rc_context(theme.style):
            sheet = Figure(figsize=(9.6, 4.8), layout="constrained")
            FigureCanvasAgg(sheet)
            axes = sheet.subplots()
            Sheet.titled("Before anything is added").put_on(axes, theme)
            draw(axes, replace(shown, boxes=boxes), theme)
        return sheet

    picture = Picture(
        figure, f"A function in {case['subnets']} subnets of a VPC with two Availability Zones, without endpoints."
    )
    return f"<p>One of your cases: this function calls <b>{escape(names)}</b>.</p>{picture._repr_mimebundle_()['text/html']}"


ADD = Task(
    name="what_to_add",
    parameters=("subnets", "calls"),
    title="The missing piece",
    points=3,
    statement=_add_statement,
    checker=Chooses(
        "what_to_add",
        expected=_what_to_add,
        options=WAYS,
        points=3,
        about="the cheapest way to all that is called",
        cases=_some_calls,
        visible=8,
        hidden=16,
        misconceptions=(
            Misconception(
                lambda subnets, calls: "nothing" if subnets == "private" else "NAT gateway",
                "NAT reaches everything, but most of it can be had for less: gateway endpoints are free, and so is no VPC at all.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda subnets, calls: (
                    "gateway endpoint"
                    if _what_to_add(subnets, calls) == "interface endpoints"
                    else _what_to_add(subnets, calls)
                ),
                "S3 and DynamoDB alone have gateway endpoints; any other service has the interface kind, which is paid.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda subnets, calls: (
                    "interface endpoints"
                    if _what_to_add(subnets, calls) == "NAT gateway" and "partner" not in calls
                    else _what_to_add(subnets, calls)
                ),
                "So many interface endpoints cost more than NAT: each is paid in each zone.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda subnets, calls: (
                    "interface endpoints" if _what_to_add(subnets, calls) == "leave the VPC" else _what_to_add(subnets, calls)
                ),
                "Nothing that is called has a private address: without its VpcConfig the function reaches all of it, for nothing.",
                "lesson 04, In or out",
            ),
        ),
    ),
    hints=(
        "First: is there anything with a private address among the calls? If not, why be in a VPC?",
        "Then: does something on the internet have to answer? Only NAT leads there. Gateway endpoints are for S3 and DynamoDB.",
        "Interface endpoints cost 7.30 dollars a month each and zone, NAT 36.50 with its address: four services cost less "
        "than it, six cost more.",
    ),
    after="decide(DATABASE, S3, SQS) of lambdacourse.network finds the way and says why. Data counts too: the more of it, the more "
    "endpoints pay.",
    lesson=f"{LESSON}#In-or-out",
)

# --- 3. nat_month


def _nat(numbers: Numbers, number: int) -> dict:
    return {"zones": numbers.whole(f"zones {number}", 2, 3), "gb": numbers.whole(f"gb {number}", 50, 2_000, 10)}


def _nat_month(zones: int, gb: float) -> float:
    return charges(**month(vpc_config(zones=zones, nat="one per zone"), {PARTNER: gb})).total


NAT = Task(
    name="nat_month",
    parameters=("zones", "gb"),
    title="What NAT costs",
    points=2,
    checker=Computes(
        "nat_month",
        expected=_nat_month,
        groups={"gateways in each zone, their addresses and the data": (2, _nat)},
        tolerance=1e-5,
        units=" USD",
        show=lambda value: f"{value:,.2f}",
        misconceptions=(
            Misconception(
                lambda zones, gb: HOURS * NAT_HOUR,
                "Those are the hours of one gateway. There is one in each zone, each has an address, and data is paid by the GB.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda zones, gb: zones * HOURS * NAT_HOUR + gb * NAT_GB,
                "That leaves out the gateways' public IPv4 addresses, which are paid by the hour.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda zones, gb: zones * HOURS * (NAT_HOUR + ADDRESS_HOUR),
                "That leaves out the data: each GB through a NAT gateway is paid, in both directions.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda zones, gb: HOURS * (NAT_HOUR + ADDRESS_HOUR) + gb * NAT_GB,
                "That is one gateway for all zones. Here each zone has its own.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda zones, gb: zones * (HOURS * (NAT_HOUR + ADDRESS_HOUR) + gb * NAT_GB),
                "That pays for the data in each zone. A GB passes one gateway only.",
            ),
        ),
    ),
    hints=(
        "Three things are paid: the gateways by the hour, their public addresses by the hour, and the data by the GB.",
        f"A month has {HOURS} hours. The table of lesson 04 has the prices of a month and of a GB.",
        f"zones × {HOURS} × ({NAT_HOUR} + {ADDRESS_HOUR}) + gb × {NAT_GB}",
    ),
    after="It is paid once for all functions of the VPC. One gateway for all zones is cheaper by the hour; then what other zones send "
    "crosses zones, which is paid as well, and all of them depend on one.",
    lesson=f"{LESSON}#Four-ways-out",
)

# --- 4. saved_by_endpoint


def _with_gateway(numbers: Numbers, number: int) -> dict:
    service = numbers.pick(f"free {number}", GATEWAY_SERVICES)
    return {
        "service": service,
        "zones": numbers.whole(f"zones {number}", 1, 3),
        "gb": numbers.whole(f"gb {number}", 50, 2_000, 10),
    }


def _with_interface(numbers: Numbers, number: int) -> dict:
    zones, service = 1 + number % 3, numbers.pick(f"paid {number}", SERVICES)
    # Below the break-even and above it, in turn.
    even = zones * HOURS * ENDPOINT_HOUR / (NAT_GB - ENDPOINT_GB)
    factor = numbers.whole(f"little {number}", 10, 80) if number % 2 else numbers.whole(f"much {number}", 130, 500)
    return {"service": service, "zones": zones, "gb": round(even * factor / 100)}


def _saved(service: str, zones: int, gb: float) -> float:
    without, with_it = (
        charges(**month(vpc_config(zones=zones, nat="one per zone", endpoints=endpoints), {Service(service): gb})).total
        for endpoints in ((), (service,))
    )
    return without - with_it


SAVED = Task(
    name="saved_by_endpoint",
    parameters=("service", "zones", "gb"),
    title="What an endpoint saves",
    points=3,
    checker=Computes(
        "saved_by_endpoint",
        expected=_saved,
        groups={"a gateway endpoint": (1, _with_gateway), "an interface endpoint": (2, _with_interface)},
        tolerance=1e-5,
        units=" USD",
        show=lambda value: f"{value:,.2f}",
        misconceptions=(
            Misconception(
                lambda service, zones, gb: gb * (NAT_GB - ENDPOINT_GB) - zones * HOURS * ENDPOINT_HOUR,
                "That pays for the endpoint of S3 or DynamoDB. It is a gateway endpoint, which costs nothing.",
                "lesson 04, Claims on trial",
            ),
            Misconception(
                lambda service, zones, gb: gb * NAT_GB,
                "That takes every endpoint to be free. Interface endpoints are paid by the hour in each zone, and by the GB.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda service, zones, gb: gb * (NAT_GB - ENDPOINT_GB) - HOURS * ENDPOINT_HOUR,
                "That pays for the endpoint in one zone. It is paid in each.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda service, zones, gb: gb * NAT_GB - zones * HOURS * ENDPOINT_HOUR,
                "That forgets that data through an interface endpoint is paid by the GB, too.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda service, zones, gb: gb * (NAT_GB - ENDPOINT_GB),
                "That forgets the hours: an interface endpoint is paid while it stands there.",
                "lesson 04, Four ways out",
            ),
            Misconception(
                lambda service, zones, gb: (
                    gb * (NAT_GB - ENDPOINT_GB) - zones * HOURS * ENDPOINT_HOUR + zones * HOURS * (NAT_HOUR + ADDRESS_HOUR)
                ),
                "That saves the NAT gateways as well. They stay, for the rest of the traffic.",
            ),
        ),
    ),
    hints=(
        "Compare the data's two ways: what it costs through NAT, and what it costs through the endpoint. NAT's hours are paid either way.",
        "S3 and DynamoDB have the gateway kind: all of NAT's price for the GB is saved. The others have the interface kind.",
        f"Interface kind: gb × ({NAT_GB} − {ENDPOINT_GB}) − zones × {HOURS} × {ENDPOINT_HOUR}. Gateway kind: gb × {NAT_GB}.",
    ),
    after="In one zone the interface kind pays from 209 GB a month. Where the endpoint is the last thing that needed NAT, it saves NAT's "
    "hours as well, and pays at once.",
    lesson=f"{LESSON}#Four-ways-out",
)

# --- 5. interfaces_needed


def _functions(numbers: Numbers, number: int) -> dict:
    """Two functions share an interface though their groups stand in another order; the rest as it comes."""
    sets = (["api", "database"], ["jobs"], ["api"], ["database", "jobs"])
    shared = sets[0]
    functions = [{"subnets": ["a", "b"], "groups": shared}, {"subnets": ["b", "c"], "groups": shared[::-1]}]
    for each in range(numbers.whole(f"more {number}", 1, 4)):
        subnets = numbers.pick(f"subnets {number} {each}", (["a"], ["a", "b"], ["b", "c"], ["a", "b", "c"]))
        functions.append({"subnets": subnets, "groups": numbers.pick(f"groups {number} {each}", sets)})
    return {"functions": functions}


def _interfaces(functions: list) -> int:
    """Network interfaces by ``lambdacourse.network``, whose subnets have names of their own."""
    vpc = vpc_config(zones=3).vpc
    return interfaces(
        *(
            VpcConfig(
                vpc, tuple(f"private-{zone}" for zone in each["subnets"]), tuple(SecurityGroup(name) for name in each["groups"])
            )
            for each in functions
        )
    )


INTERFACES = Task(
    name="interfaces_needed",
    parameters=("functions",),
    title="Network interfaces",
    points=3,
    checker=Computes(
        "interfaces_needed",
        expected=_interfaces,
        groups={"the network interfaces of some functions": (3, _functions)},
        units=" network interfaces",
        misconceptions=(
            Misconception(
                lambda functions: sum(len(each["subnets"]) for each in functions),
                "That gives each function interfaces of its own. Functions in the same subnet with the same security groups share one.",
                "lesson 04, Network interfaces, then and now",
            ),
            Misconception(
                lambda functions: len({subnet for each in functions for subnet in each["subnets"]}),
                "That counts subnets. In one subnet, each different set of security groups has an interface of its own.",
                "lesson 04, Network interfaces, then and now",
            ),
            Misconception(
                lambda functions: len({(subnet, tuple(each["groups"])) for each in functions for subnet in each["subnets"]}),
                "Sets of security groups have no order: ['api', 'database'] is the same as ['database', 'api'].",
            ),
            Misconception(
                lambda functions: len({(s, group) for each in functions for s in each["subnets"] for group in each["groups"]}),
                "That takes one interface for each security group. It is one for the whole set of a function's groups.",
                "lesson 04, Network interfaces, then and now",
            ),
            Misconception(
                lambda functions: float(len(functions)),
                "That is one for each function. It is one for each subnet and set of security groups, shared by functions.",
                "lesson 04, Network interfaces, then and now",
            ),
        ),
    ),
    hints=(
        "Two functions share an interface when two things agree. Which?",
        "Collect pairs of a subnet and a set of security groups, over all functions, and count the different ones.",
        "A set of pairs (subnet, frozenset(groups)) does it: a frozenset knows no order, and a set keeps each pair once.",
    ),
    after="Neither concurrency nor memory is in it, as both were until 2019. Give functions the same subnets and groups, and a hundred "
    "of them need no more than one.",
    lesson=f"{LESSON}#Network-interfaces,-then-and-now",
)

# --- 6. throttled_by_cap


def _storm(numbers: Numbers, number: int) -> dict:
    return _database_load(numbers, f"storm {number}", 130, 400)


def _calm(numbers: Numbers, number: int) -> dict:
    return _database_load(numbers, f"calm {number}", 30, 80)


def _database_load(numbers: Numbers, name: str, least: int, most: int) -> dict:
    case = {
        "connections": numbers.whole(f"{name} connections", 151, 691, 20),
        "spare": numbers.whole(f"{name} spare", 10, 40, 5),
        "per_environment": numbers.whole(f"{name} per environment", 2, 4),
        "duration_ms": numbers.whole(f"{name} duration", 200, 900, 10),
    }
    cap = (case["connections"] - case["spare"]) // case["per_environment"]
    rate = max(round(cap / (case["duration_ms"] / 1000) * numbers.whole(f"{name} load", least, most) / 100), 1)
    return {"rate": rate, **case}


def _throttled(rate: float, connections: int, spare: int, per_environment: int, duration_ms: float) -> float:
    cap = (connections - spare) // per_environment
    return max(1 - cap / (rate * duration_ms / 1000), 0.0)


CAP = Task(
    name="throttled_by_cap",
    parameters=("rate", "connections", "spare", "per_environment", "duration_ms"),
    title="What a cap for the database turns away",
    points=3,
    checker=Computes(
        "throttled_by_cap",
        expected=_throttled,
        groups={"a storm of requests": (2, _storm), "a load that the database bears": (1, _calm)},
        show=lambda value: f"{value:.4f}",
        misconceptions=(
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: max(
                    1 - (connections - spare) / (rate * duration_ms / 1000), 0.0
                ),
                "That allows an environment for each connection, but here each environment opens several.",
                "lesson 04, The connection storm",
            ),
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: max(
                    1 - connections // per_environment / (rate * duration_ms / 1000), 0.0
                ),
                "That gives the function all connections. The spare ones are for others.",
            ),
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: max(
                    1 - (connections - spare) / per_environment / (rate * duration_ms / 1000), 0.0
                ),
                "Reserved concurrency is a whole number: round the cap down, or the last environment finds no connection.",
            ),
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: max(
                    1 - (connections - spare) // per_environment / rate, 0.0
                ),
                "That takes the cap for requests per second. What the load needs is rate × duration environments.",
                "lesson 01, The formula",
            ),
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: (
                    1 - (connections - spare) // per_environment / (rate * duration_ms / 1000)
                ),
                "A share is never below 0: a load below the cap is served whole.",
            ),
            Misconception(
                lambda rate, connections, spare, per_environment, duration_ms: min(
                    (connections - spare) // per_environment / (rate * duration_ms / 1000), 1.0
                ),
                "That is the share that is served; asked for is the share that is turned away.",
            ),
        ),
    ),
    hints=(
        "First the cap: how many environments can be there at once, so that their connections never exceed what is left for them?",
        "Then the need: rate × duration in seconds. What gets through is the cap's part of it.",
        "cap = (connections − spare) // per_environment; the share is 1 − cap / (rate × duration_ms / 1000), never below 0.",
    ),
    after="The cap is ReservedConcurrentExecutions: free, and hard. RDS Proxy instead lets callers wait for a connection, and a queue "
    "with a maximum concurrency lets messages wait; both turn fewer away, if whoever waits can.",
    lesson=f"{LESSON}#The-connection-storm",
)

# --- 7. mended_template


def _template_choice(numbers: Numbers) -> tuple[str, str]:
    """The service with a gateway endpoint, and that with an interface endpoint."""
    return numbers.pick("free", GATEWAY_SERVICES), numbers.pick("paid", ("secretsmanager", "sqs", "sns", "kms"))


def broken_template(free: str, paid: str) -> str:
    """A function that reaches neither service: one route is missing, one rule is for the wrong port, one subnet is public."""
    return f"""\
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {{CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true, EnableDnsSupport: true}}
  PrivateA:
    Type: AWS::EC2::Subnet
    Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}
  PrivateB:
    Type: AWS::EC2::Subnet
    Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}
  PublicA:
    Type: AWS::EC2::Subnet
    Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.0.2.0/24, AvailabilityZone: us-east-1a}}
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
  PublicATable:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {{SubnetId: !Ref PublicA, RouteTableId: !Ref PublicTable}}
  PrivateTable:
    Type: AWS::EC2::RouteTable
    Properties: {{VpcId: !Ref Vpc}}
  PrivateATable:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {{SubnetId: !Ref PrivateA, RouteTableId: !Ref PrivateTable}}
  PrivateBTable:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {{SubnetId: !Ref PrivateB, RouteTableId: !Ref PrivateTable}}
  LambdaGroup:
    Type: AWS::EC2::SecurityGroup
    Properties: {{GroupDescription: The function, VpcId: !Ref Vpc}}
  EndpointGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: The endpoint, for the function
      VpcId: !Ref Vpc
      SecurityGroupIngress:
        - {{SourceSecurityGroupId: !Ref LambdaGroup, IpProtocol: tcp, FromPort: 80, ToPort: 80}}
  GatewayEndpoint:
    Type: AWS::EC2::VPCEndpoint
    Properties:
      VpcId: !Ref Vpc
      VpcEndpointType: Gateway
      ServiceName: !Sub com.amazonaws.${{AWS::Region}}.{free}
  InterfaceEndpoint:
    Type: AWS::EC2::VPCEndpoint
    Properties:
      VpcId: !Ref Vpc
      VpcEndpointType: Interface
      ServiceName: !Sub com.amazonaws.${{AWS::Region}}.{paid}
      PrivateDnsEnabled: true
      SubnetIds: [!Ref PrivateA, !Ref PrivateB]
      SecurityGroupIds: [!Ref EndpointGroup]
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
        SubnetIds: [!Ref PublicA, !Ref PrivateB]
        SecurityGroupIds: [!Ref LambdaGroup]
"""


def _template_statement(numbers: Numbers) -> str:
    free, paid = _template_choice(numbers)
    return (
        f"<p>The function <code>Api</code> calls <b>{free}</b> and <b>{paid}</b>, and both time out. This is its template:</p>"
        f"<pre>{escape(broken_template(free, paid))}</pre>"
    )


def _check_template(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    free, paid = _template_choice(own)
    text = answer(broken_template(free, paid))
    nothing = [Part(0, 1.5, f"{free}: no template to look at."), Part(0, 1.5, f"{paid}: no template to look at.")]
    nothing.append(Part(0, 1, "What it costs: no template to look at."))
    examined, problem = as_template(text)
    if examined is None:
        return [Part(0, 1, problem), *nothing]
    errors, deployment = examined.report.errors, examined.deployment
    said = f"{len(errors)} found, first in line {errors[0].place.line}: {errors[0].text}" if errors else "none found."
    valid = Part(float(not errors), 1, f"Errors in the template: {said}")
    if "Api" not in deployment.functions:
        return [valid, *nothing]
    place = deployment.vpcs.get("Api")
    if place is None:
        outside = "The function has to stay in the VPC of the template: it will need a database there."
        return [valid, *(Part(0, part.of, outside) for part in nothing)]
    reached = [_reached(place, name) for name in (free, paid)]
    added = charges(**month(place)).total - charges(**month(vpc_config(endpoints=(free, paid)))).total
    cost = f"What it costs: {'nothing more than before.' if added <= 0 else f'{money(added)} a month more than before.'}"
    if added > 0:
        cost += " What is there is enough; NAT is not needed. See lesson 04, Four ways out."
    kept = added <= 0 and all(part.ok for part in reached)
    return [
        valid,
        *reached,
        Part(float(kept), 1, cost if added > 0 or kept else "What it costs: counts where both are reached."),
    ]


def _reached(place: VpcConfig, name: str) -> Part:
    found = reach(place, Service(name))
    if found.reaches:
        return Part(1.5, 1.5, f"{name} is reached from every subnet of the function.")
    some = "from some of the function's subnets only" if found.sometimes else "not reached"
    hint = ""
    if found.sometimes or "public address" in found.missing:
        hint = " A public subnet gives a function no public address. See lesson 04, Claims on trial."
    elif "endpoint" in found.missing:
        hint = " An endpoint needs a route or a rule to be used. See lesson 04, Pitfalls."
    return Part(0.75 if found.sometimes else 0, 1.5, f"{name}: {some}. Missing: {found.missing}.{hint}")


TEMPLATE = Task(
    name="mended_template",
    parameters=("template",),
    title="Mend a template",
    points=5,
    checker=_check_template,
    statement=_template_statement,
    hints=(
        "Follow one call at a time: from each of the function's subnets, by the route table that is tied to it, to the endpoint, and "
        "through the endpoint's security group.",
        "There are three faults: one in the function's VpcConfig, one in the gateway endpoint, one in the endpoint's security group.",
        "The function belongs into PrivateA and PrivateB; the gateway endpoint needs RouteTableIds: [!Ref PrivateTable]; HTTPS is port 443.",
    ),
    after="A gateway endpoint is a route, and an interface endpoint is an address behind a security group: they fail in different ways, "
    "and both look like a slow service. `lambdacourse check template.yaml` finds some such faults before AWS does.",
    lesson=f"{LESSON}#Pitfalls",
)

# --- 8. cheapest_network


def _some_network(numbers: Numbers, number: int) -> dict:
    """Zones, and the GB a month that a function exchanges with each thing that it calls; four kinds in turn."""
    free = numbers.pick(f"free {number}", GATEWAY_SERVICES)
    little, much = numbers.whole(f"little {number}", 10, 60, 5), numbers.whole(f"much {number}", 1_500, 3_000, 100)
    gb = (
        {free: 10 * little, "sqs": little},
        {free: 10 * little, "sqs": little, "partner": 2 * little},
        {free: 10 * little, "sqs": much, "partner": 2 * little},
        {free: 10 * little, "sqs": little, "partner with IPv6": 2 * little},
    )[(number + numbers.whole("first", 0, 3)) % 4]
    return {"zones": numbers.whole(f"zones {number}", 2, 3), "gb": {"database": little, **gb}}


def _least_network(zones: int, gb: dict[str, float]) -> float:
    """USD a month of the cheapest network that reaches all."""
    services = [name for name in gb if name in (*GATEWAY_SERVICES, *SERVICES)]
    sets = chain.from_iterable(combinations(services, size) for size in range(len(services) + 1))
    places = (
        vpc_config(zones=zones, nat=nat, endpoints=endpoints, ipv6=ipv6)
        for nat, endpoints, ipv6 in product(("none", "one per zone"), sets, (False, True))
    )
    return min(_network_cost(place, gb) for place in places if not _missed(place, gb))


def _network_cost(place: VpcConfig, gb: dict[str, float]) -> float:
    return charges(**month(place, {_called(name): amount for name, amount in gb.items()})).total


def _missed(place: VpcConfig, gb: dict[str, float]) -> list[tuple[str, Reached]]:
    """What is not reached, and why."""
    found = [(name, reach(place, _called(name))) for name in gb]
    return [(name, answer) for name, answer in found if not answer.reaches]


def _network(value: object, zones: int) -> tuple[VpcConfig | None, str]:
    """The network that the answer describes, or None and a sentence that says what is wrong with it."""
    if problem := keys_problem(value, ("nat", "endpoints", "ipv6")):
        return None, problem
    if type(value["nat"]) is not bool or type(value["ipv6"]) is not bool:
        return None, "nat and ipv6 are True or False."
    known = (*GATEWAY_SERVICES, *SERVICES)
    endpoints = value["endpoints"]
    if type(endpoints) is not list or not all(type(name) is str and name in known for name in endpoints):
        return None, f"endpoints is {endpoints!r}; a list of services was expected, such as ['s3'], among {', '.join(known)}."
    nat = "one per zone" if value["nat"] else "none"
    return vpc_config(zones=zones, nat=nat, endpoints=endpoints, ipv6=value["ipv6"]), ""


def _check_network(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_some_network(own, number) for number in range(4)]
    if held_back is not None:
        cases += [_some_network(held_back, number) for number in range(8)]
    unreached, dear = [], []
    for case in cases:
        call, value = written_call("cheapest_network", case), answer(*case.values())
        place, problem = _network(value, case["zones"])
        if place is None:
            return [Part(0, 2, f"{call}: {problem}"), Part(0, 3, "No bill without a network.")]
        if missed := _missed(place, case["gb"]):
            name, found = missed[0]
            unreached.append(f"{call}: {name} is not reached. Missing: {found.missing}. See lesson 04, Four ways out.")
            continue
        cost, least = _network_cost(place, case["gb"]), _least_network(**case)
        if cost > least + 0.005:
            dear.append(f"{call}: {money(cost)} a month, and {money(least)} would do. {_spare(value, case['gb'])}")
    reached = len(cases) - len(unreached)
    said = unreached[0] if unreached else "yes, in every case."
    lean = dear[0] if dear else "counts where all is reached." if unreached else "yes, in every case."
    return [
        Part(share(2, reached, len(cases)), 2, f"All that is called is reached: {said}"),
        Part(share(3, reached - len(dear), len(cases)), 3, f"At the lowest bill: {lean}"),
    ]


def _spare(value: dict, gb: dict[str, float]) -> str:
    """Where the money goes, the dearest reason first."""
    if value["nat"] and "partner" not in gb:
        return "Nothing here needs NAT: services have endpoints, and IPv6 has a way out that is free. See lesson 04, Four ways out."
    free = [name for name in gb if name in GATEWAY_SERVICES and name not in value["endpoints"]]
    if free:
        return f"{free[0]} has a gateway endpoint, which is free; NAT takes money for each GB. See lesson 04, Four ways out."
    if set(value["endpoints"]) - set(gb):
        return "There is an endpoint for something that is never called."
    return (
        "Beside NAT an interface endpoint pays only where it saves more on the GB than its hours cost: compare the two. "
        "See lesson 04, Four ways out."
    )


NETWORK = Task(
    name="cheapest_network",
    parameters=("zones", "gb"),
    title="All reached, at the lowest bill",
    points=5,
    checker=_check_network,
    hints=(
        "Take what is called one by one: which ways lead there, and which of them are free?",
        "Is there anything that only NAT reaches? If so, all the rest could go through it, too: what does each GB cost then, and what "
        "would an endpoint cost?",
        "s3 or dynamodb: always the gateway endpoint. sqs: its endpoint where there is no NAT; beside NAT only from "
        "7.30 × zones / 0.035 GB a month. A partner with IPv6: ipv6, no NAT.",
    ),
    after="month(place, {S3: 400, …}) of lambdacourse.network gives the quantities and pricing.charges(**…) the bill, so a loop over all "
    "combinations finds the same.",
    lesson=f"{LESSON}#Four-ways-out",
)

EXERCISE = Exercise("04-vpc", "VPC", (SEEN, ADD, NAT, SAVED, INTERFACES, CAP, TEMPLATE, NETWORK))
