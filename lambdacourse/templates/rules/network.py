"""Functions in a VPC: which subnets they are in, and whether anything can be reached from there."""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.model import Account
from lambdacourse.network import InternetGateway
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import FUNCTION, Stack
from lambdacourse.templates.template import Resource, Text
from lambdacourse.templates.vpcs import ENDPOINT, SUBNET, VPC, default_routes, routes_of


@rule(
    "public-subnet",
    "warning",
    "public_subnet_internet",
    "A public subnet gives a function no public IP address and no internet access.",
)
def public_subnet(stack: Stack, account: Account) -> Iterator[Breach]:
    for function, subnet, spot in _placed(stack):
        if isinstance(routes_of(stack, subnet).ipv4, InternetGateway):
            text = f"{function.name} is in {subnet.name}, a public subnet: what it sends to the internet gateway goes nowhere."
            yield spot, text, "Put the function into private subnets, whose way out is a NAT gateway or VPC endpoints."


@rule(
    "no-way-out",
    "warning",
    "vpc_timeout_message",
    "From a subnet without a NAT gateway and without VPC endpoints a function reaches neither AWS services nor the "
    "internet: its calls time out.",
)
def no_way_out(stack: Stack, account: Account) -> Iterator[Breach]:
    for function, subnet, spot in _placed(stack):
        vpc = stack.find(subnet.data("VpcId"), VPC)
        if vpc and not default_routes(stack, subnet) and not _has_endpoints(stack, vpc):
            text = (
                f"{function.name} is in {subnet.name}, from which no route leads out of the VPC, and the VPC has no endpoints."
            )
            yield (
                spot,
                text,
                "Add a route to a NAT gateway, or VPC endpoints for the services that it calls; or take the function "
                "out of the VPC.",
            )


@rule(
    "endpoint-without-route",
    "error",
    "gateway_endpoint_route",
    "A gateway endpoint works through the route tables that it is added to; without one, nothing reaches it.",
)
def endpoint_without_route(stack: Stack, account: Account) -> Iterator[Breach]:
    for endpoint in stack.all(ENDPOINT):
        if endpoint.data("VpcEndpointType", "Gateway") == "Gateway" and endpoint.at("RouteTableIds") is None:
            service = endpoint.data("ServiceName")
            text = (
                f"{endpoint.name}{f' ({service})' if isinstance(service, str) else ''} is a gateway endpoint without "
                "RouteTableIds."
            )
            yield endpoint, text, "List the route tables of the function's subnets in RouteTableIds."


def _placed(stack: Stack) -> Iterator[tuple[Resource, Resource, object]]:
    """Each function with each of its subnets that the template makes."""
    for function in stack.all(FUNCTION):
        for item in function.items("VpcConfig.SubnetIds"):
            subnet = stack.find(item.data, SUBNET)
            if subnet:
                yield function, subnet, item


def _has_endpoints(stack: Stack, vpc: Resource) -> bool:
    endpoints = stack.all(ENDPOINT)
    return any(
        isinstance(endpoint.data("VpcId"), Text) or stack.find(endpoint.data("VpcId"), VPC) is vpc for endpoint in endpoints
    )
