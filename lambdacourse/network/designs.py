"""The designs that people build and interviewers ask about; what each uses in a month; and whether a function needs a VPC."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lambdacourse.facts import Facts, fact
from lambdacourse.model import checks
from lambdacourse.network.reach import Answer, reach
from lambdacourse.network.vpc import (
    GATEWAY_SERVICES,
    HTTPS,
    Allow,
    Destination,
    EgressOnlyGateway,
    Host,
    InterfaceEndpoint,
    InternetGateway,
    NatGateway,
    RdsProxy,
    Resource,
    Routes,
    SecurityGroup,
    Service,
    Subnet,
    Vpc,
    VpcConfig,
    VpcLink,
)

NATS = ("none", "one", "one per zone", "regional")

LAMBDA = SecurityGroup("lambda")
ENDPOINTS = SecurityGroup("endpoints", inbound=(Allow("lambda", HTTPS),))


def vpc_config(
    *, zones: int = 2, public: bool = False, nat: str = "none", endpoints: Iterable[str] = (), ipv6: bool = False
) -> VpcConfig:
    """A function attached to a VPC of the usual form: in each zone a public subnet and one for functions.

    zones: Availability Zones, 1 to 6. public: whether the function is put into the public subnets, as it should not be.
    nat: ``"none"``, ``"one"`` for all zones, ``"one per zone"`` or ``"regional"``. endpoints: services with an endpoint; S3 and
    DynamoDB get the gateway kind, others the interface kind, in every zone. ipv6: dual-stack subnets with an egress-only gateway.
    """
    zones = checks.whole("vpc_config(zones", zones, "must be 1 to 6 Availability Zones", least=1, most=6)
    checks.choice("vpc_config(nat", nat, NATS, "the NAT gateways of the VPC")
    if isinstance(endpoints, str):
        raise TypeError(f"vpc_config(endpoints={endpoints!r}): must be services, such as ('s3', 'sqs').")
    endpoints = tuple(dict.fromkeys(endpoints))
    names = "abcdef"[:zones]
    gateways = frozenset(endpoints) & set(GATEWAY_SERVICES)

    def way_out(zone: str) -> NatGateway | None:
        if nat == "none":
            return None
        if nat == "regional":
            return NatGateway("regional NAT")
        home = "a" if nat == "one" else zone
        return NatGateway(f"nat-{home}", f"public-{home}")

    outside = [Subnet(f"public-{zone}", Routes(InternetGateway()), zone) for zone in names]
    egress = EgressOnlyGateway() if ipv6 else None
    inside = [Subnet(f"private-{zone}", Routes(way_out(zone), egress, gateways), zone, dual_stack=ipv6) for zone in names]
    subnets = tuple(subnet.name for subnet in inside)
    interface = tuple(InterfaceEndpoint(service, subnets, (ENDPOINTS,)) for service in endpoints if service not in gateways)
    used = tuple(subnet.name for subnet in outside) if public else subnets
    return VpcConfig(Vpc((*outside, *inside), interface), used, (LAMBDA,), ipv6 and not public)


def designs(zones: int = 2) -> dict[str, VpcConfig | None]:
    """Where a function can be put, by name, from nothing to everything, in so many Availability Zones."""
    return {
        "no VPC": None,
        "public subnets": vpc_config(zones=zones, public=True),
        "isolated subnets": vpc_config(zones=zones),
        "gateway endpoints": vpc_config(zones=zones, endpoints=GATEWAY_SERVICES),
        "all endpoints": vpc_config(zones=zones, endpoints=(*GATEWAY_SERVICES, "sqs")),
        "IPv6": vpc_config(zones=zones, endpoints=GATEWAY_SERVICES, ipv6=True),
        "one NAT gateway": vpc_config(zones=zones, nat="one"),
        "NAT in each zone": vpc_config(zones=zones, nat="one per zone"),
        "NAT and endpoints": vpc_config(zones=zones, nat="one per zone", endpoints=GATEWAY_SERVICES),
        "regional NAT": vpc_config(zones=zones, nat="regional"),
    }


POSTGRESQL, REDIS = 5432, 6379
_LINK = SecurityGroup("link")
DATABASE = Resource(
    "orders", POSTGRESQL, (SecurityGroup("database", (Allow("lambda", POSTGRESQL), Allow("proxy", POSTGRESQL))),)
)
PROXY = RdsProxy("orders-proxy", DATABASE, (SecurityGroup("proxy", (Allow("lambda", POSTGRESQL),)),))
CACHE = Resource("sessions", REDIS, (SecurityGroup("cache", (Allow("lambda", REDIS),)),), kind="cache")
BALANCER = Resource(
    "stock.internal",
    80,
    (SecurityGroup("stock", (Allow("lambda", 80), Allow("link", 80))),),
    "load balancer",
    private_zone=True,
)
LINK = VpcLink("stock-api", BALANCER, (_LINK,))
S3, DYNAMODB, SQS = Service("s3"), Service("dynamodb"), Service("sqs")
PARTNER = Host("api.example.com")
PARTNER_IPV6 = Host("v6.example.com", ipv6=True)

DESTINATIONS: dict[str, Destination] = {
    "an RDS database": DATABASE,
    "an RDS Proxy": PROXY,
    "an ElastiCache cache": CACHE,
    "a private load balancer": BALANCER,
    "the same through API Gateway": LINK,
    "S3": S3,
    "DynamoDB": DYNAMODB,
    "SQS": SQS,
    "an API on the internet": PARTNER,
    "an API with IPv6": PARTNER_IPV6,
}
"""What a function calls."""


# Network interfaces, then and now


def interfaces(*places: VpcConfig, connections: int = 0) -> int:
    """Network interfaces that functions at ``places`` share today: one for each pair of subnet and set of security groups.

    connections: how many all of them hold; where a pair has more than 65,000, it has more interfaces.
    """
    rule = "must be a whole number of connections, 0 or more"
    connections = checks.whole("interfaces(connections", connections, rule, least=0)
    for place in places:
        checks.instance("interfaces(place", place, VpcConfig, "a VpcConfig")
    pairs = frozenset().union(*(place.interfaces for place in places))
    each = math.ceil(connections / max(len(pairs), 1) / fact("eni_connections").value)
    return len(pairs) * max(each, 1)


def interfaces_until_2019(concurrency: int, memory_mb: float) -> int:
    """Network interfaces that one function needed until September 2019: peak concurrency × GB of memory / 3, rounded up."""
    rule = "must be a whole number of concurrent executions, 0 or more"
    concurrency = checks.whole("interfaces_until_2019(concurrency", concurrency, rule, least=0)
    memory_mb = checks.number("interfaces_until_2019(memory_mb", memory_mb, "must be a number of MB above 0", above=0)
    return math.ceil(concurrency * memory_mb / fact("mb_per_gb").value / 3)


@dataclass(frozen=True)
class State:
    """A function's ``State`` (GetFunctionConfiguration), and what the next invocation gets."""

    name: str
    next_invocation: str
    facts: Facts

    def __str__(self) -> str:
        return f"{self.name}; the next invocation {self.next_invocation}"

    __repr__ = __str__


def state(place: VpcConfig | None, idle_days: float) -> State:
    """The state of a function at ``place`` that nobody has invoked for ``idle_days``."""
    idle_days = checks.number("state(idle_days", idle_days, "must be a number of days, 0 or more", least=0)
    if place is None:
        return State("Active", "runs: there is no network interface to take back", Facts([fact("function_vpc")]))
    about = Facts(map(fact, ("eni_idle_reclaim", "inactive_error", "eni_creation")))
    if idle_days < about[0].value:
        return State("Active", "runs", about)
    return State("Inactive", f"fails with {about[1].value}; the function is Pending for minutes, then Active again", about)


# What a month uses


def month(place: VpcConfig | None, gb: Mapping[Destination, float] | None = None) -> dict[str, float]:
    """What the network of ``place`` uses in a month of 730 hours, by names of the price list: ``pricing.charges(**month(place))``.

    gb: data in both directions, in GB, with each destination. It is charged to what it passes, by ``reach``; what a function
    cannot reach carries nothing. Gateways and endpoints serve the whole VPC: they are not paid again for the next function.
    Not in it: RDS Proxy, API Gateway, data between zones and out to the internet.
    """
    if place is None:
        return {}
    checks.instance("month(place", place, VpcConfig, "a VpcConfig, or None")
    hours = fact("hours_per_month").value
    nats = len(_nat_gateways(place.vpc))
    endpoints = sum(len(endpoint.subnets) for endpoint in place.vpc.endpoints)
    used = {"nat_hours": nats * hours, "nat_gb": 0.0, "ipv4_hours": nats * hours, "endpoint_hours": endpoints * hours}
    used["endpoint_gb"] = 0.0
    for destination, amount in (gb or {}).items():
        amount = checks.number(f"month(gb[{destination.name}]", amount, "must be a number of GB, 0 or more", least=0)
        paths = reach(place, destination).paths
        for path in paths:
            for kind, name in (("NAT gateway", "nat_gb"), ("interface endpoint", "endpoint_gb")):
                used[name] += amount / len(paths) * (path.arrives and path.passes(kind))
    return {name: quantity for name, quantity in used.items() if quantity}


def _nat_gateways(vpc: Vpc) -> set[tuple[str, str | None]]:
    """The NAT gateways of a VPC; a regional one counts for each zone that uses it (fact ``nat_regional_zones``)."""
    return {
        (subnet.routes.ipv4.name, subnet.zone if subnet.routes.ipv4.subnet is None else None)
        for subnet in vpc.subnets
        if isinstance(subnet.routes.ipv4, NatGateway)
    }


# Whether a function needs a VPC


@dataclass(frozen=True)
class Decision:
    """Whether to attach a function to a VPC, why, and a ``place`` for it with a way to all that it calls."""

    place: VpcConfig | None
    reasons: tuple[str, ...]
    answers: tuple[Answer, ...]

    @property
    def needs_vpc(self) -> bool:
        return self.place is not None

    def __str__(self) -> str:
        head = "in a VPC" if self.needs_vpc else "outside a VPC"
        return "\n".join([head, *(f"  {reason}" for reason in self.reasons)])

    __repr__ = __str__


def decide(*destinations: Destination, fixed_address: bool = False, filtered: bool = False, zones: int = 2) -> Decision:
    """Where a function belongs that calls ``destinations``: outside a VPC, unless something needs one.

    fixed_address: whether a partner must see one address. filtered: whether what goes out must be allowed by rules.
    zones: in how many Availability Zones.
    """
    answers = [reach(None, each) for each in destinations]
    reasons = [answer.missing.removeprefix("a VpcConfig: ") for answer in answers if _only_inside(answer.destination)]
    if fixed_address:
        reasons.append("one address that others can let in: a NAT gateway's")
    if filtered:
        reasons.append("rules for what goes out: security groups (a NAT gateway filters nothing)")
    if not reasons:
        reason = "everything it calls has a public address; IAM, not the network, says who may"
        return Decision(None, (reason,), tuple(answers))
    place, ways = _place(destinations, fixed_address, zones)
    return Decision(place, (*reasons, *ways), tuple(reach(place, each) for each in destinations))


def _only_inside(destination: Destination) -> bool:
    """Whether no function outside a VPC can have a way there."""
    match destination:
        case RdsProxy() | Resource(public=False) | Host(ipv4=False):
            return True
    return False


def _place(destinations: tuple[Destination, ...], fixed_address: bool, zones: int) -> tuple[VpcConfig, list[str]]:
    """The standard VPC with a way to all ``destinations`` that costs least without data, and a reason for each part of it."""
    services = [each for each in destinations if isinstance(each, Service)]
    services += [Service("execute-api") for each in destinations if isinstance(each, VpcLink)]
    hosts = [each for each in destinations if isinstance(each, Host)]
    free = sorted({each.name for each in services} & set(GATEWAY_SERVICES))
    rest = [each for each in services if each.name not in free]
    plain = sorted({each.name for each in rest if not each.ipv6})
    four = [host.name for host in hosts if not host.ipv6]
    six = [host.name for host in hosts if not host.ipv4]
    both = [each.name for each in (*hosts, *rest) if each.ipv6 and each.name not in six]

    endpoints_are_dear = len(plain) * fact("interface_endpoint_month").value > fact("nat_month_one_zone").value
    if needs_nat := fixed_address or bool(four) or endpoints_are_dear:
        paid, over_ipv6, through_nat = [], six, four + both + plain
    else:
        paid, over_ipv6, through_nat = plain, six + both, []
    reasons = [f"{name}: a gateway endpoint, which is free" for name in free]
    reasons += [f"{name}: an interface endpoint" for name in paid]
    if needs_nat:
        reasons.append(f"{', '.join(through_nat) or 'the internet'}: a NAT gateway in each zone")
    if over_ipv6:
        reasons.append(f"{', '.join(over_ipv6)}: IPv6 and an egress-only gateway, which is free")
    nat = "one per zone" if needs_nat else "none"
    return vpc_config(zones=zones, nat=nat, endpoints=free + paid, ipv6=bool(over_ipv6)), reasons
