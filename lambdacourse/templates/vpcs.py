"""The VPC of each function, as far as the template makes it, in the words of ``lambdacourse.network``."""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.network import (
    ANYWHERE,
    Allow,
    EgressOnlyGateway,
    InterfaceEndpoint,
    InternetGateway,
    NatGateway,
    Routes,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcConfig,
)
from lambdacourse.network.vpc import GATEWAY_SERVICES
from lambdacourse.templates.stack import Stack
from lambdacourse.templates.template import Resource, Text, as_number

VPC, SUBNET, GROUP = "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"
ROUTE, ROUTE_TABLE, LINK = "AWS::EC2::Route", "AWS::EC2::RouteTable", "AWS::EC2::SubnetRouteTableAssociation"
ENDPOINT, NAT = "AWS::EC2::VPCEndpoint", "AWS::EC2::NatGateway"
INTERNET_GATEWAY, EGRESS_ONLY = "AWS::EC2::InternetGateway", "AWS::EC2::EgressOnlyInternetGateway"
ALL_IPV4, ALL_IPV6 = "0.0.0.0/0", "::/0"


def read_vpc(stack: Stack, function: Resource) -> VpcConfig | None:
    """The ``VpcConfig`` of a ``function`` in subnets that the template makes; ``None`` for any other.

    Subnets, groups and endpoints keep their logical IDs. Of security groups a range of ports counts as all ports, and a
    range of addresses other than everywhere as nobody.
    """
    subnets = [stack.find(item.data, SUBNET) for item in function.items("VpcConfig.SubnetIds")]
    groups = [stack.find(item.data, GROUP) for item in function.items("VpcConfig.SecurityGroupIds")]
    if not subnets or None in subnets or not groups or None in groups:
        return None
    vpc = stack.find(subnets[0].data("VpcId"), VPC)
    siblings = [subnet for subnet in stack.all(SUBNET) if stack.find(subnet.data("VpcId"), VPC) is vpc]
    return VpcConfig(
        Vpc(tuple(_subnet(stack, subnet) for subnet in siblings), tuple(_endpoints(stack, siblings))),
        tuple(subnet.name for subnet in subnets),
        tuple(_group(stack, group) for group in groups),
        ipv6=function.data("VpcConfig.Ipv6AllowedForDualStack") is True,
    )


def default_routes(stack: Stack, subnet: Resource) -> list[Resource]:
    """The routes to everywhere of the route table that the template ties to ``subnet``."""
    tables = _tables(stack, subnet)
    everywhere = (ALL_IPV4, ALL_IPV6)
    return [
        route
        for route in stack.all(ROUTE)
        if stack.find(route.data("RouteTableId"), ROUTE_TABLE) in tables
        and (route.data("DestinationCidrBlock") in everywhere or route.data("DestinationIpv6CidrBlock") in everywhere)
    ]


def routes_of(stack: Stack, subnet: Resource) -> Routes:
    """Where ``subnet`` leads, by the route table that the template ties to it; without one, nowhere but its VPC."""
    tables, routes = _tables(stack, subnet), default_routes(stack, subnet)
    services = [
        service
        for endpoint in stack.all(ENDPOINT)
        if (service := _service(endpoint)) in GATEWAY_SERVICES
        and any(stack.find(item.data, ROUTE_TABLE) in tables for item in endpoint.items("RouteTableIds"))
    ]
    ipv4 = [route for route in routes if route.data("DestinationCidrBlock") == ALL_IPV4]
    ipv6 = [route for route in routes if route not in ipv4]
    egress = ipv6 and stack.find(ipv6[0].data("EgressOnlyInternetGatewayId"), EGRESS_ONLY)
    return Routes(_gateway(stack, ipv4[0]) if ipv4 else None, EgressOnlyGateway() if egress else None, frozenset(services))


def _tables(stack: Stack, subnet: Resource) -> list[Resource]:
    links = [link for link in stack.all(LINK) if stack.find(link.data("SubnetId"), SUBNET) is subnet]
    return [table for link in links if (table := stack.find(link.data("RouteTableId"), ROUTE_TABLE))]


def _gateway(stack: Stack, route: Resource) -> InternetGateway | NatGateway | None:
    if route.at("GatewayId"):
        return InternetGateway()
    nat = stack.find(route.data("NatGatewayId"), NAT)
    if nat:
        subnet = stack.find(nat.data("SubnetId"), SUBNET)
        return NatGateway(nat.name, subnet.name if subnet else None)
    return NatGateway() if route.at("NatGatewayId") else None


def _subnet(stack: Stack, subnet: Resource) -> Subnet:
    zone = subnet.data("AvailabilityZone")
    dual_stack = subnet.at("Ipv6CidrBlock") is not None
    return Subnet(subnet.name, routes_of(stack, subnet), zone if isinstance(zone, str) else subnet.name, dual_stack)


def _endpoints(stack: Stack, siblings: list[Resource]) -> Iterator[InterfaceEndpoint]:
    for endpoint in stack.all(ENDPOINT):
        service = _service(endpoint)
        subnets = [stack.find(item.data, SUBNET) for item in endpoint.items("SubnetIds")]
        groups = [stack.find(item.data, GROUP) for item in endpoint.items("SecurityGroupIds")]
        known = subnets and all(subnet in siblings for subnet in subnets) and groups and None not in groups
        if endpoint.data("VpcEndpointType") == "Interface" and service and service not in GATEWAY_SERVICES and known:
            private_dns = endpoint.data("PrivateDnsEnabled") is True
            names = tuple(subnet.name for subnet in subnets)
            yield InterfaceEndpoint(service, names, tuple(_group(stack, group) for group in groups), private_dns)


def _service(endpoint: Resource) -> str | None:
    """``"s3"`` of ``com.amazonaws.us-east-1.s3``."""
    name = endpoint.data("ServiceName")
    name = name.parts[-1] if isinstance(name, Text) else name
    return name.rsplit(".", 1)[-1] if isinstance(name, str) and "." in name else None


def _group(stack: Stack, group: Resource) -> SecurityGroup:
    own = f"{GROUP}Ingress", f"{GROUP}Egress"
    inside, outside = ([rule for rule in stack.all(kind) if stack.find(rule.data("GroupId"), GROUP) is group] for kind in own)
    inbound = [rule.properties for rule in inside] + group.items("SecurityGroupIngress")
    outbound = [rule.properties for rule in outside] + group.items("SecurityGroupEgress")
    allowed_in = tuple(allow for rule in inbound for allow in _allow(stack, rule, "SourceSecurityGroupId"))
    allowed_out = tuple(allow for rule in outbound for allow in _allow(stack, rule, "DestinationSecurityGroupId"))
    return SecurityGroup(group.name, allowed_in, allowed_out if outbound else (Allow(),))


def _allow(stack: Stack, rule, peer_property: str) -> Iterator[Allow]:
    first, last = (as_number(rule[name].data) if rule[name] else None for name in ("FromPort", "ToPort"))
    port = int(first) if first is not None and first == last and first > 0 else None
    peer = stack.find(rule[peer_property].data, GROUP) if rule[peer_property] else None
    anywhere = [rule[name].data for name in ("CidrIp", "CidrIpv6") if rule[name]]
    if peer or ALL_IPV4 in anywhere or ALL_IPV6 in anywhere:
        yield Allow(peer.name if peer else ANYWHERE, port)
