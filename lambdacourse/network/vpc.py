"""What a network is made of: subnets with their routes, gateways, endpoints, security groups; and what a function calls.

The words are AWS's, shortened; each class names the CloudFormation resource that it stands for. A function without a
``VpcConfig`` is one that is attached to no VPC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import checks

ANYWHERE = "anywhere"
"""Every address, as the peer of a security group's rule: ``0.0.0.0/0`` and ``::/0``."""

HTTPS = 443
GATEWAY_SERVICES = ("s3", "dynamodb")
"""The services that have a gateway endpoint (fact ``gateway_endpoint_services``)."""


def _port(where: str, value: Any) -> int:
    return checks.whole(where, value, "must be a TCP port, 1 to 65535", least=1, most=65_535)


def _each(where: str, given: Any, example: str) -> tuple:
    if isinstance(given, str) or not isinstance(given, Sequence | frozenset | set):
        raise TypeError(f"{where}={given!r}: must be {example}.")
    return tuple(given)


def _all(where: str, given: Any, kind: type, example: str) -> tuple:
    given = _each(where, given, example)
    for each in given:
        checks.instance(where, each, kind, example)
    return given


def _names(where: str, given: Any, property_name: str) -> tuple[str, ...]:
    names = _each(where, given, 'names of subnets, such as ("private-a",)')
    for name in names:
        checks.name(where, name, property_name)
    if not names:
        raise ValueError(f"{where}=(): at least one is needed ({property_name}).")
    _unique(where, names)
    return names


def _groups(where: str, given: Any) -> tuple[SecurityGroup, ...]:
    groups = _all(where, given, SecurityGroup, 'security groups, such as (SecurityGroup("lambda"),)')
    if not groups:
        raise ValueError(f"{where}=(): at least one is needed (SecurityGroupIds).")
    _unique(where, [group.name for group in groups])
    return groups


def _unique(where: str, names: Sequence[str]) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise ValueError(f"{where}: {name!r} stands there twice.")


@dataclass(frozen=True)
class Allow:
    """One rule of a security group: traffic on ``port`` (``None``: all) with ``peer``, a group's name or ``ANYWHERE``."""

    peer: str = ANYWHERE
    port: int | None = None

    def __post_init__(self) -> None:
        checks.name("Allow(peer", self.peer, "AWS::EC2::SecurityGroup, SourceSecurityGroupId or CidrIp")
        if self.port is not None:
            object.__setattr__(self, "port", _port("Allow(port", self.port))

    def covers(self, port: int, peers: frozenset[str]) -> bool:
        """Whether the rule allows ``port`` with one of ``peers``."""
        return self.port in (None, port) and (self.peer == ANYWHERE or self.peer in peers)


@dataclass(frozen=True)
class SecurityGroup:
    """``AWS::EC2::SecurityGroup``. A new one lets nothing in and everything out; there are no rules that deny."""

    name: str
    inbound: tuple[Allow, ...] = ()
    outbound: tuple[Allow, ...] = (Allow(),)

    def __post_init__(self) -> None:
        checks.name("SecurityGroup(name", self.name, "AWS::EC2::SecurityGroup, GroupName")
        for side in ("inbound", "outbound"):
            rules = _all(f"SecurityGroup({side}", getattr(self, side), Allow, 'rules, such as (Allow("lambda", 5432),)')
            object.__setattr__(self, side, rules)


@dataclass(frozen=True)
class InternetGateway:
    """``AWS::EC2::InternetGateway``: the default route of a public subnet. It serves what has a public address."""


@dataclass(frozen=True)
class NatGateway:
    """``AWS::EC2::NatGateway`` with a public address, in a ``subnet`` that should be public; ``None`` is a regional one."""

    name: str = "nat"
    subnet: str | None = None

    def __post_init__(self) -> None:
        checks.name("NatGateway(name", self.name, "AWS::EC2::NatGateway")
        if self.subnet is not None:
            checks.name("NatGateway(subnet", self.subnet, "AWS::EC2::NatGateway, SubnetId")


@dataclass(frozen=True)
class EgressOnlyGateway:
    """``AWS::EC2::EgressOnlyInternetGateway``: the way out over IPv6, and over nothing else."""


@dataclass(frozen=True)
class Routes:
    """``AWS::EC2::RouteTable``, besides the route to the VPC itself that every one has.

    ipv4: the target of ``0.0.0.0/0``. ipv6: the target of ``::/0``. endpoints: the services (``"s3"``, ``"dynamodb"``) with a
    route to a gateway endpoint.
    """

    ipv4: InternetGateway | NatGateway | None = None
    ipv6: EgressOnlyGateway | None = None
    endpoints: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.ipv4 is not None:
            example = "InternetGateway(), NatGateway(...) or None"
            checks.instance("Routes(ipv4", self.ipv4, InternetGateway | NatGateway, example)
        if self.ipv6 is not None:
            checks.instance("Routes(ipv6", self.ipv6, EgressOnlyGateway, "EgressOnlyGateway() or None")
        services = _each("Routes(endpoints", self.endpoints, 'services, such as {"s3"}')
        for service in services:
            checks.choice("Routes(endpoints", service, GATEWAY_SERVICES, "AWS PrivateLink guide, Gateway endpoints")
        object.__setattr__(self, "endpoints", frozenset(services))


@dataclass(frozen=True)
class Subnet:
    """``AWS::EC2::Subnet``: in one Availability ``zone``, with its ``routes``.

    dual_stack: whether it has IPv6 addresses too. free_addresses: how many IPv4 addresses are left; ``None``: enough.
    """

    name: str
    routes: Routes = Routes()
    zone: str = "a"
    dual_stack: bool = False
    free_addresses: int | None = None

    def __post_init__(self) -> None:
        checks.name("Subnet(name", self.name, "AWS::EC2::Subnet")
        checks.name("Subnet(zone", self.zone, "AWS::EC2::Subnet, AvailabilityZone")
        checks.instance("Subnet(routes", self.routes, Routes, "Routes(...)")
        if self.routes.ipv6 is not None and not self.dual_stack:
            raise ValueError(
                f"Subnet({self.name!r}): a route for ::/0 needs a dual-stack subnet (AWS::EC2::Subnet, Ipv6CidrBlock)."
            )
        if self.free_addresses is not None:
            rule = "must be a whole number, 0 or more (AvailableIpAddressCount)"
            object.__setattr__(
                self, "free_addresses", checks.whole("Subnet(free_addresses", self.free_addresses, rule, least=0)
            )

    @property
    def kind(self) -> str:
        """``"public"`` with a route to an internet gateway, ``"private"`` with another way out, ``"isolated"`` with none."""
        if isinstance(self.routes.ipv4, InternetGateway):
            return "public"
        return "private" if self.routes.ipv4 or self.routes.ipv6 else "isolated"


@dataclass(frozen=True)
class InterfaceEndpoint:
    """``AWS::EC2::VPCEndpoint`` of type ``Interface`` for an AWS ``service``, with an address in each of ``subnets``.

    private_dns: whether the service's usual name leads here, from everywhere in the VPC.
    """

    service: str
    subnets: tuple[str, ...]
    security_groups: tuple[SecurityGroup, ...]
    private_dns: bool = True

    def __post_init__(self) -> None:
        checks.name("InterfaceEndpoint(service", self.service, "AWS::EC2::VPCEndpoint, ServiceName")
        if self.service in GATEWAY_SERVICES:
            raise ValueError(
                f"InterfaceEndpoint(service={self.service!r}): within a VPC, {self.service} is reached by its gateway endpoint, "
                "which is free: Routes(endpoints=...). An interface endpoint for it is not modelled."
            )
        object.__setattr__(self, "subnets", _names("InterfaceEndpoint(subnets", self.subnets, "SubnetIds"))
        object.__setattr__(self, "security_groups", _groups("InterfaceEndpoint(security_groups", self.security_groups))


@dataclass(frozen=True)
class Vpc:
    """``AWS::EC2::VPC``: its subnets and its interface endpoints.

    interfaces: Lambda's network interfaces that other functions already use. interface_quota: how many there may be.
    """

    subnets: tuple[Subnet, ...]
    endpoints: tuple[InterfaceEndpoint, ...] = ()
    interfaces: int = 0
    interface_quota: int = fact("eni_quota").value

    def __post_init__(self) -> None:
        subnets = _all("Vpc(subnets", self.subnets, Subnet, 'subnets, such as (Subnet("private"),)')
        endpoints = _all("Vpc(endpoints", self.endpoints, InterfaceEndpoint, "interface endpoints")
        object.__setattr__(self, "subnets", subnets)
        object.__setattr__(self, "endpoints", endpoints)
        if not subnets:
            raise ValueError("Vpc(subnets=()): a VPC that a function can use has at least one subnet (AWS::EC2::Subnet).")
        _unique("Vpc(subnets", [subnet.name for subnet in subnets])
        _unique("Vpc(endpoints", [endpoint.service for endpoint in endpoints])
        for subnet in subnets:
            if isinstance(subnet.routes.ipv4, NatGateway) and subnet.routes.ipv4.subnet is not None:
                self.subnet(subnet.routes.ipv4.subnet)
        for endpoint in endpoints:
            zones = [self.subnet(name).zone for name in endpoint.subnets]
            _unique(f"InterfaceEndpoint({endpoint.service!r}, one subnet in each Availability Zone", zones)
        for field in ("interfaces", "interface_quota"):
            rule = "must be a whole number, 0 or more (Lambda's network interfaces in a VPC)"
            object.__setattr__(self, field, checks.whole(f"Vpc({field}", getattr(self, field), rule, least=0))

    def subnet(self, name: str) -> Subnet:
        """The subnet called ``name``."""
        for subnet in self.subnets:
            if subnet.name == name:
                return subnet
        known = ", ".join(subnet.name for subnet in self.subnets)
        raise ValueError(f"subnet {name!r}: this VPC has the subnets {known} (AWS::EC2::Subnet).")


@dataclass(frozen=True)
class VpcConfig:
    """``VpcConfig`` of ``AWS::Lambda::Function``: where a function is attached, by names of ``vpc``'s subnets.

    ipv6: ``Ipv6AllowedForDualStack``. A function that is attached to no VPC has none: ``None`` stands for it.
    """

    vpc: Vpc
    subnets: tuple[str, ...]
    security_groups: tuple[SecurityGroup, ...]
    ipv6: bool = False

    def __post_init__(self) -> None:
        checks.instance("VpcConfig(vpc", self.vpc, Vpc, "a Vpc")
        subnets = _names("VpcConfig(subnets", self.subnets, "SubnetIds")
        groups = _groups("VpcConfig(security_groups", self.security_groups)
        object.__setattr__(self, "subnets", subnets)
        object.__setattr__(self, "security_groups", groups)
        for name, given in (("subnets", subnets), ("security_groups", groups)):
            most = fact(f"vpc_{name}").value
            if len(given) > most:
                raise ValueError(f"VpcConfig({name}: {len(given)} given): a function may have {most} (AWS::Lambda::Function).")
        alone = [subnet.name for subnet in map(self.vpc.subnet, subnets) if not subnet.dual_stack]
        if self.ipv6 and alone:
            raise ValueError(
                f"VpcConfig(ipv6=True): all subnets must be dual-stack, and {', '.join(alone)} is not (Ipv6AllowedForDualStack)."
            )

    @property
    def group_names(self) -> frozenset[str]:
        """The names of its security groups."""
        return frozenset(group.name for group in self.security_groups)

    @property
    def interfaces(self) -> frozenset[tuple[str, frozenset[str]]]:
        """What it needs network interfaces for: each subnet with the set of its security groups (fact ``eni_per``)."""
        return frozenset((subnet, self.group_names) for subnet in self.subnets)


@dataclass(frozen=True)
class Host:
    """A host on the internet, by its ``name``, with an IPv4 address, an IPv6 address or both."""

    name: str
    ipv4: bool = True
    ipv6: bool = False
    port: int = HTTPS

    def __post_init__(self) -> None:
        checks.name("Host(name", self.name, "a DNS name")
        object.__setattr__(self, "port", _port("Host(port", self.port))
        if not (self.ipv4 or self.ipv6):
            raise ValueError(f"Host({self.name!r}, ipv4=False, ipv6=False): a host has an address of one kind at the least.")


@dataclass(frozen=True)
class Service:
    """An AWS service of the same Region, by the code in its endpoints' names: ``"s3"``, ``"dynamodb"``, ``"sqs"``.

    ipv6: whether its dual-stack name is called, which has IPv6 addresses too.
    """

    name: str
    ipv6: bool = False
    port: int = HTTPS

    def __post_init__(self) -> None:
        checks.name("Service(name", self.name, "AWS::EC2::VPCEndpoint, ServiceName")
        object.__setattr__(self, "port", _port("Service(port", self.port))


KINDS = ("database", "cache", "load balancer")


@dataclass(frozen=True)
class Resource:
    """Something with a private address in the VPC: an RDS ``"database"``, an ElastiCache ``"cache"``, a ``"load balancer"``.

    port: where it is called. listens: the port where it answers, if another. public: whether it has a public address too
    (``PubliclyAccessible``). private_zone: whether its name stands in a private hosted zone.
    """

    name: str
    port: int
    security_groups: tuple[SecurityGroup, ...]
    kind: str = "database"
    listens: int | None = None
    public: bool = False
    private_zone: bool = False

    def __post_init__(self) -> None:
        checks.name("Resource(name", self.name, "a DNS name")
        checks.choice("Resource(kind", self.kind, KINDS, "what has a private address here")
        object.__setattr__(self, "port", _port("Resource(port", self.port))
        object.__setattr__(self, "listens", self.port if self.listens is None else _port("Resource(listens", self.listens))
        object.__setattr__(self, "security_groups", _groups("Resource(security_groups", self.security_groups))


@dataclass(frozen=True)
class RdsProxy:
    """``AWS::RDS::DBProxy`` in front of a database: in its VPC, and never public (fact ``rds_proxy_reach``)."""

    name: str
    database: Resource
    security_groups: tuple[SecurityGroup, ...]

    def __post_init__(self) -> None:
        checks.name("RdsProxy(name", self.name, "AWS::RDS::DBProxy, DBProxyName")
        checks.instance("RdsProxy(database", self.database, Resource, "a Resource of the kind 'database'")
        if self.database.kind != "database":
            raise ValueError(
                f"RdsProxy({self.name!r}): {self.database.name} is a {self.database.kind}; a proxy stands in front of an RDS database "
                "(AWS::RDS::DBProxy, EngineFamily)."
            )
        object.__setattr__(self, "security_groups", _groups("RdsProxy(security_groups", self.security_groups))

    @property
    def port(self) -> int:
        """The database's port."""
        return self.database.port


@dataclass(frozen=True)
class VpcLink:
    """``AWS::ApiGatewayV2::VpcLink``: a public API of API Gateway that leads to a private load balancer ``target``.

    idle_days: how long no request has come (fact ``vpc_link_idle``).
    """

    name: str
    target: Resource
    security_groups: tuple[SecurityGroup, ...]
    idle_days: float = 0

    def __post_init__(self) -> None:
        checks.name("VpcLink(name", self.name, "AWS::ApiGatewayV2::VpcLink, Name")
        checks.instance("VpcLink(target", self.target, Resource, "a Resource of the kind 'load balancer'")
        if self.target.kind != "load balancer":
            raise ValueError(
                f"VpcLink({self.name!r}): {self.target.name} is a {self.target.kind}; a VPC link carries HTTP to a load balancer, "
                "not the protocol of a database (API Gateway, private integrations)."
            )
        object.__setattr__(self, "security_groups", _groups("VpcLink(security_groups", self.security_groups))
        rule = "must be a number of days, 0 or more"
        object.__setattr__(self, "idle_days", checks.number("VpcLink(idle_days", self.idle_days, rule, least=0))

    @property
    def port(self) -> int:
        """The port of the API: HTTPS."""
        return HTTPS


Destination = Host | Service | Resource | RdsProxy | VpcLink
