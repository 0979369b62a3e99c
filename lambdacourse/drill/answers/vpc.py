"""Answers of lesson 04: what a network costs by the month, network interfaces, connections."""

from __future__ import annotations

import math

from lambdacourse.facts import fact
from lambdacourse.network import S3, SQS, designs, month, vpc_config
from lambdacourse.network import interfaces as shared_interfaces
from lambdacourse.network import interfaces_until_2019 as formula_until_2019
from lambdacourse.network.vpc import SecurityGroup, Subnet, Vpc, VpcConfig
from lambdacourse.pricing import charges


def nat_month(zones: int, gb: float) -> float:
    """USD a month for a NAT gateway in each zone and ``gb`` GB through them."""
    return charges(**month(designs(zones)["NAT in each zone"], {S3: gb})).total


def saved_by_gateway_endpoint(gb: float) -> float:
    """USD a month that a gateway endpoint saves, when ``gb`` GB with S3 went through NAT and the NAT gateways stay."""
    before, after = (charges(**month(designs()[name], {S3: gb})) for name in ("NAT in each zone", "NAT and endpoints"))
    return before.total - after.total


def services_for_the_price_of_nat(zones: int) -> float:
    """How many interface endpoints cost as much a month as a NAT gateway in each zone, without data."""
    return nat_month(zones, 0) / charges(**month(vpc_config(zones=zones, endpoints=("sqs",)))).total


def endpoints_month(services: int, zones: int, s3_gb: float, gb: float) -> float:
    """USD a month without NAT: ``services`` interface endpoints with ``gb`` GB in all, and ``s3_gb`` GB with S3."""
    names = ("s3", "sqs", "secretsmanager", "kms", "sns")[: services + 1]
    return charges(**month(vpc_config(zones=zones, endpoints=names), {S3: s3_gb, SQS: gb})).total


def attached_month(dollars: float) -> float:
    """USD a month of a function of so many dollars that is attached, with gateway endpoints."""
    return dollars + charges(**month(designs()["gateway endpoints"])).total


def nat_for_each_function(functions: int, zones: int) -> float:
    """USD a month that the NAT gateways of a VPC are for each of the functions in it, without data."""
    return nat_month(zones, 0) / functions


def interfaces(functions: int, subnets: int, groups: int) -> float:
    """Network interfaces of so many functions in the same subnets, which use so many different sets of security groups."""
    names = tuple(f"private-{number}" for number in range(subnets))
    vpc = Vpc(tuple(Subnet(name) for name in names))
    return shared_interfaces(*(VpcConfig(vpc, names, (SecurityGroup(f"group-{n % groups}"),)) for n in range(functions)))


def interfaces_until_2019(environments: int, memory_mb: int) -> float:
    """Network interfaces that a function needed at that concurrency until September 2019."""
    return formula_until_2019(environments, memory_mb)


def reservation_for_database(connections: float, spare: float, pool: float) -> float:
    """The highest reserved concurrency at which a database of ``connections`` has ``spare`` left for others."""
    return math.floor((connections - spare) / pool)


def connections_after_peak(rate: float) -> float:
    """Connections that stand open a minute after a peak of 20 s, with requests of half a second. Simulated."""
    from lambdacourse import ColdStart, Function, Sync, simulate, spike

    api = Function("api", duration=0.5, cold_start=ColdStart(init=0))
    run = simulate(Sync(api, spike(50, rate, at=60, seconds=20)), seconds=140, seed=1)
    return float(run.series()[0].environments[-1])


def endpoint_break_even(zones: int) -> float:
    """GB a month from which an interface endpoint costs less than the data price of NAT gateways that stay."""
    return fact("endpoint_break_even").value[str(zones)]
