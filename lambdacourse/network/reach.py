"""``reach``: does a function's call arrive, on which way, and if not, what is missing and what is seen of it.

Network ACLs, peering, transit gateways and firewalls are not modelled; whatever is not modelled lets everything through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lambdacourse.facts import Facts, fact
from lambdacourse.model import checks
from lambdacourse.network.vpc import (
    HTTPS,
    Destination,
    Host,
    InternetGateway,
    NatGateway,
    RdsProxy,
    Resource,
    SecurityGroup,
    Service,
    Subnet,
    VpcConfig,
    VpcLink,
)


class Observed(StrEnum):
    """What a learner would see of a call."""

    ANSWER = "an answer"
    TIME_OUT = "a time-out"
    REFUSED = "connection refused"
    NO_NAME = "the name is not found"
    NO_IPV6 = "no connection over IPv6"
    LINK_FAILS = "the API's request fails"
    ENI_LIMIT = "ENILimitReachedException"
    NO_ADDRESS = "SubnetIPAddressLimitReachedException"


@dataclass(frozen=True)
class Hop:
    """One station on the way: its ``kind`` (``"NAT gateway"``) and its ``name``."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True)
class Path:
    """The way of a call from one subnet (or from Lambda's own VPC): the hops that it makes, and what stops it.

    missing: what would have to be there after the last hop; empty when the call arrives. facts: the names of those that say so.
    """

    start: str
    hops: tuple[Hop, ...]
    missing: str = ""
    observed: Observed = Observed.ANSWER
    facts: tuple[str, ...] = ()

    @property
    def arrives(self) -> bool:
        return not self.missing

    def passes(self, kind: str) -> bool:
        """Whether a hop of this ``kind`` is on the way."""
        return any(hop.kind == kind for hop in self.hops)

    def __str__(self) -> str:
        way = " → ".join(map(str, self.hops))
        return way if self.arrives else f"{way} ✗ missing: {self.missing}"


@dataclass(frozen=True)
class Answer:
    """What ``reach`` says. A function in several subnets runs in all of them, so each has its ``path``."""

    destination: Destination
    paths: tuple[Path, ...]

    @property
    def reaches(self) -> bool:
        """Whether every call arrives."""
        return all(path.arrives for path in self.paths)

    @property
    def sometimes(self) -> bool:
        """Whether it depends on the subnet in which an environment happens to run."""
        return not self.reaches and any(path.arrives for path in self.paths)

    @property
    def path(self) -> Path:
        """The path that tells most: the first that fails, otherwise the first."""
        return next((path for path in self.paths if not path.arrives), self.paths[0])

    @property
    def missing(self) -> str:
        """What is missing; empty when every call arrives."""
        return self.path.missing

    @property
    def observed(self) -> Observed:
        """What is seen of a call that fails, or that it is answered."""
        return self.path.observed

    @property
    def facts(self) -> Facts:
        """What AWS says about it, with sources."""
        names = dict.fromkeys(name for path in self.paths for name in path.facts)
        return Facts(map(fact, names))

    def __str__(self) -> str:
        word = "yes" if self.reaches else "sometimes" if self.sometimes else "no"
        paths = [f"  {path}" for path in dict.fromkeys(self.paths)]
        return "\n".join([f"{self.destination.name}: {word}, {self.observed}", *paths])

    __repr__ = __str__


def reach(place: VpcConfig | None, destination: Destination) -> Answer:
    """Whether a function at ``place`` reaches ``destination``, on which way, or what is missing.

    place: where the function is attached; ``None`` for a function without a ``VpcConfig``.
    """
    example = "what a function calls, such as Service('s3'), Host('api.example.com') or a Resource"
    checks.instance("reach(destination", destination, Destination, example)
    if place is None:
        return Answer(destination, (_from_outside(destination),))
    checks.instance("reach(place", place, VpcConfig, "a VpcConfig, or None for a function that is attached to no VPC")
    stopped = _not_ready(place)
    paths = (stopped,) if stopped else tuple(_from_subnet(place, subnet, destination) for subnet in _subnets(place))
    return Answer(destination, paths)


def _subnets(place: VpcConfig) -> Iterator[Subnet]:
    return map(place.vpc.subnet, place.subnets)


FUNCTION = Hop("function")


def _not_ready(place: VpcConfig) -> Path | None:
    """The path of a function that cannot be invoked, because Lambda cannot make its network interfaces."""
    if len(place.interfaces) + place.vpc.interfaces > place.vpc.interface_quota:
        missing = f"a network interface: {place.vpc.interfaces} of {place.vpc.interface_quota} are taken"
        return Path("", (FUNCTION,), missing, Observed.ENI_LIMIT, ("eni_quota", "vpc_errors", "status_vpc_error"))
    for subnet in _subnets(place):
        if subnet.free_addresses == 0:
            missing = f"a free address in subnet {subnet.name}"
            return Path(subnet.name, (FUNCTION,), missing, Observed.NO_ADDRESS, ("vpc_errors", "status_vpc_error"))
    return None


# From a function without a VPC


LAMBDAS_VPC = "Lambda's VPC"


def _from_outside(destination: Destination) -> Path:
    def path(*hops: Hop, missing: str = "", observed: Observed = Observed.ANSWER, facts: tuple[str, ...] = ()) -> Path:
        return Path(LAMBDAS_VPC, (FUNCTION, *hops), missing, observed, ("function_vpc", *facts))

    match destination:
        case Host(ipv4=True):
            return path(Hop("internet"), Hop("host", destination.name))
        case Host():
            facts = ("ipv6_outside_vpc",)
            return path(missing="a VPC with a way out over IPv6", observed=Observed.NO_IPV6, facts=facts)
        case Service():
            return path(Hop("service", destination.name))
        case VpcLink():
            return _through_link(path(Hop("API Gateway")), destination)
        case RdsProxy():
            missing = f"a VpcConfig: {destination.name} can be reached only inside its VPC"
            return path(missing=missing, observed=Observed.TIME_OUT, facts=("rds_proxy_reach",))
        case Resource(public=True):
            facts, port = ("database_public",), destination.port
            if not _allowed(destination.security_groups, "inbound", port, frozenset()):
                missing = f"a rule of {destination.name}'s security group that lets port {port} in from anywhere"
                facts += ("security_group_new", "security_group_timeout")
                return path(Hop("internet"), missing=missing, observed=Observed.TIME_OUT, facts=facts)
            return _answered(path(Hop("internet"), facts=facts), destination)
        case Resource(private_zone=True):
            missing = f"a VpcConfig: the name {destination.name} is known only inside its VPC"
            return path(missing=missing, observed=Observed.NO_NAME, facts=("private_zone_outside",))
    missing = f"a VpcConfig: {destination.name} has a private address"
    return path(missing=missing, observed=Observed.TIME_OUT, facts=("private_from_outside", "vpc_timeout_message"))


# From a subnet


def _from_subnet(place: VpcConfig, subnet: Subnet, destination: Destination) -> Path:
    start = Path(subnet.name, (FUNCTION, Hop("network interface", subnet.name)), facts=("eni_per",))
    match destination:
        case Resource():
            return _to_private(place, start, destination)
        case RdsProxy():
            return _through_proxy(place, start, destination)
        case Service():
            return _to_service(place, subnet, start, destination)
        case VpcLink():
            api = _to_service(place, subnet, start, Service("execute-api"))
            return _through_link(_on(api, *api.hops[:-1], Hop("API Gateway")), destination) if api.arrives else api
    return _to_internet(place, subnet, start, destination)


def _to_private(place: VpcConfig, start: Path, called: Resource | RdsProxy) -> Path:
    """Within a VPC everything has a route to everything; security groups decide."""
    stopped = _between(start, "the function", place.security_groups, called.name, called.security_groups, called.port)
    return stopped or _answered(start, called)


def _through_proxy(place: VpcConfig, start: Path, proxy: RdsProxy) -> Path:
    arrived = _to_private(place, start, proxy)
    if not arrived.arrives:
        return arrived
    arrived = _on(arrived, *arrived.hops, facts=("rds_proxy_reach", "rds_proxy_storm"))
    database = proxy.database
    stopped = _between(arrived, proxy.name, proxy.security_groups, database.name, database.security_groups, database.port)
    return stopped or _answered(arrived, database)


def _to_service(place: VpcConfig, subnet: Subnet, start: Path, service: Service) -> Path:
    """By the endpoint to which the name leads, else by the route for the service, else by its public address."""
    for endpoint in place.vpc.endpoints:
        if endpoint.service == service.name and endpoint.private_dns:
            start = _on(start, *start.hops, facts=("interface_endpoint_dns",))
            name, groups = f"the endpoint for {service.name}", endpoint.security_groups
            stopped = _between(start, "the function", place.security_groups, name, groups, HTTPS)
            if stopped:
                return _on(stopped, *stopped.hops, facts=("interface_endpoint_admits",))
            return _on(start, *start.hops, Hop("interface endpoint", service.name), Hop("service", service.name))
    if service.name in subnet.routes.endpoints:
        if not _allowed(place.security_groups, "outbound", HTTPS, frozenset()):
            return _outbound(start, "the function", service.name, HTTPS)
        hops = (Hop("gateway endpoint", service.name), Hop("service", service.name))
        return _on(start, *start.hops, *hops, facts=("gateway_endpoint_route",))
    out = _to_internet(place, subnet, start, Host(f"{service.name}.amazonaws.com", ipv6=service.ipv6))
    if out.arrives:
        return _on(out, *out.hops[:-2], Hop("service", service.name))  # it does not leave AWS's network
    return _on(out, *out.hops, missing=f"{out.missing}, or an endpoint for {service.name}")


def _to_internet(place: VpcConfig, subnet: Subnet, start: Path, host: Host) -> Path:
    if not _allowed(place.security_groups, "outbound", host.port, frozenset()):
        return _outbound(start, "the function", host.name, host.port)
    ways = [_over_ipv6(place, subnet, start, host)] * host.ipv6 + [_over_ipv4(place, subnet, start, host)] * host.ipv4
    for way in ways:  # IPv6 first, as resolvers do (RFC 6724)
        if way.arrives:
            return way
    *_, last = ways
    return _on(last, *last.hops, missing=", or over IPv6: ".join(way.missing for way in reversed(ways)))


def _over_ipv4(place: VpcConfig, subnet: Subnet, start: Path, host: Host) -> Path:
    def stopped(hops: tuple[Hop, ...], missing: str, *facts: str) -> Path:
        return _on(
            start, *start.hops, *hops, missing=missing, observed=Observed.TIME_OUT, facts=(*facts, "vpc_timeout_message")
        )

    arrived = (Hop("internet gateway"), Hop("internet"), Hop("host", host.name))
    match subnet.routes.ipv4:
        case None:
            return stopped((), f"a route from subnet {subnet.name} to a NAT gateway", "vpc_takes_internet")
        case InternetGateway():
            missing = f"a public address, which a function in subnet {subnet.name} does not get"
            return stopped((Hop("internet gateway"),), missing, "public_subnet_internet")
        case NatGateway(name=name, subnet=None):
            return _on(start, *start.hops, Hop("NAT gateway", name), *arrived, facts=("nat_address",))
        case NatGateway(name=name, subnet=home) if place.vpc.subnet(home).kind == "public":
            return _on(start, *start.hops, Hop("NAT gateway", name), *arrived, facts=("nat_zonal_place", "nat_address"))
        case NatGateway(name=name, subnet=home):
            missing = f"a route from subnet {home}, where {name} stands, to an internet gateway"
            return stopped((Hop("NAT gateway", name),), missing, "nat_zonal_place")


def _over_ipv6(place: VpcConfig, subnet: Subnet, start: Path, host: Host) -> Path:
    missing = ""
    if not place.ipv6:
        missing = "Ipv6AllowedForDualStack: true"
    elif subnet.routes.ipv6 is None:
        missing = f"a route from subnet {subnet.name} to an egress-only internet gateway"
    if missing:
        return _on(start, *start.hops, missing=missing, observed=Observed.NO_IPV6, facts=("ipv6_property",))
    hops = (Hop("egress-only gateway"), Hop("internet"), Hop("host", host.name))
    return _on(start, *start.hops, *hops, facts=("ipv6_property", "egress_only_price"))


# What they share


def _through_link(api: Path, link: VpcLink) -> Path:
    """From the API, which is public, to the private load balancer."""
    hop = Hop("VPC link", link.name)
    if link.idle_days >= fact("vpc_link_idle").value:
        missing = f"a VPC link that is not inactive: {link.name} has been idle for {link.idle_days:g} days"
        return _on(api, *api.hops, missing=missing, observed=Observed.LINK_FAILS, facts=("vpc_link_idle",))
    linked = _on(api, *api.hops, hop, facts=("rest_api_alb_since",))
    target = link.target
    stopped = _between(linked, link.name, link.security_groups, target.name, target.security_groups, target.port)
    return stopped or _answered(linked, target)


def _between(
    path: Path,
    caller: str,
    caller_groups: tuple[SecurityGroup, ...],
    called: str,
    called_groups: tuple[SecurityGroup, ...],
    port: int,
) -> Path | None:
    """The path as it is stopped by a security group of the one or of the other; ``None`` when both let it through."""
    if not _allowed(caller_groups, "outbound", port, _names(called_groups)):
        return _outbound(path, caller, called, port)
    if not _allowed(called_groups, "inbound", port, _names(caller_groups)):
        missing = f"a rule of {called}'s security group that lets {caller} in on port {port}"
        facts = ("security_group_new", "security_group_timeout")
        return _on(path, *path.hops, missing=missing, observed=Observed.TIME_OUT, facts=facts)
    return None


def _outbound(path: Path, caller: str, called: str, port: int) -> Path:
    missing = f"a rule of {caller}'s security group that lets it out to {called} on port {port}"
    return _on(path, *path.hops, missing=missing, observed=Observed.TIME_OUT, facts=("security_group_new",))


def _answered(path: Path, called: Resource | RdsProxy) -> Path:
    """The path to an address that the packets reach: there something answers on the port, or refuses."""
    hop = Hop("RDS Proxy", called.name) if isinstance(called, RdsProxy) else Hop(called.kind, called.name)
    if isinstance(called, Resource) and called.listens != called.port:
        missing = f"the right port: {called.name} answers on {called.listens}"
        return _on(path, *path.hops, hop, missing=missing, observed=Observed.REFUSED, facts=("port_refused",))
    return _on(path, *path.hops, hop)


def _allowed(groups: tuple[SecurityGroup, ...], side: str, port: int, peers: frozenset[str]) -> bool:
    """Whether one of the rules on this ``side`` covers it: the rules of several groups add up."""
    return any(rule.covers(port, peers) for group in groups for rule in getattr(group, side))


def _names(groups: tuple[SecurityGroup, ...]) -> frozenset[str]:
    return frozenset(group.name for group in groups)


def _on(path: Path, *hops: Hop, missing: str = "", observed: Observed | None = None, facts: tuple[str, ...] = ()) -> Path:
    """``path`` with these hops, and more to say about it."""
    missing = missing or path.missing
    return Path(path.start, hops, missing, observed or path.observed, tuple(dict.fromkeys(path.facts + facts)))
