"""The usual designs: what they reach, what a month of them uses, and which one a function needs."""

import pytest

from lambdacourse.facts import fact
from lambdacourse.network import (
    BALANCER,
    CACHE,
    DATABASE,
    DESTINATIONS,
    DYNAMODB,
    LINK,
    PARTNER,
    PARTNER_IPV6,
    PROXY,
    S3,
    SQS,
    Host,
    NatGateway,
    Resource,
    Routes,
    SecurityGroup,
    Service,
    Subnet,
    Vpc,
    VpcConfig,
    VpcLink,
    decide,
    designs,
    interfaces,
    interfaces_until_2019,
    month,
    reach,
    state,
    vpc_config,
)

DESIGNS = designs()
PRICES = {
    "nat_hours": "nat_hour_price",
    "nat_gb": "nat_gb_price",
    "ipv4_hours": "public_ipv4_price",
    "endpoint_hours": "interface_endpoint_price",
    "endpoint_gb": "interface_endpoint_gb_price",
}


def cost(place, gb=None):
    """Dollars of a month."""
    return sum(quantity * fact(PRICES[name]).value for name, quantity in month(place, gb).items())


REACHED = {
    "no VPC": {"the same through API Gateway", "S3", "DynamoDB", "SQS", "an API on the internet", "an API with IPv6"},
    "public subnets": {"private"},
    "isolated subnets": {"private"},
    "gateway endpoints": {"private", "S3", "DynamoDB"},
    "all endpoints": {"private", "S3", "DynamoDB", "SQS"},
    "IPv6": {"private", "S3", "DynamoDB", "an API with IPv6"},
    "one NAT gateway": set(DESTINATIONS),
    "NAT in each zone": set(DESTINATIONS),
    "NAT and endpoints": set(DESTINATIONS),
    "regional NAT": set(DESTINATIONS),
}
PRIVATE = {"an RDS database", "an RDS Proxy", "an ElastiCache cache", "a private load balancer"}


@pytest.mark.parametrize("name", DESIGNS)
def test_what_each_design_reaches(name):
    """The whole table: ten designs, ten destinations."""
    expected = (REACHED[name] - {"private"}) | (PRIVATE if "private" in REACHED[name] else set())
    assert {what for what, called in DESTINATIONS.items() if reach(DESIGNS[name], called).reaches} == expected


# The bill


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("no VPC", 0),
        ("public subnets", 0),
        ("isolated subnets", 0),
        ("gateway endpoints", 0),
        ("all endpoints", 14.60),
        ("IPv6", 0),
        ("one NAT gateway", 36.50),
        ("NAT in each zone", 73.00),
        ("NAT and endpoints", 73.00),
        ("regional NAT", 73.00),
    ],
)
def test_month_without_data(name, total):
    """Being attached is free; a NAT gateway is $36.50 with its address, an interface endpoint $7.30 in each zone."""
    assert cost(DESIGNS[name]) == pytest.approx(total)


def test_bills_of_the_source_lesson():
    """The lesson's $56 a month, put right: $10 of Lambda and nothing, $46.50 or $83."""
    for name, fact_name in (
        ("isolated subnets", "vpc_bill_connected"),
        ("gateway endpoints", "vpc_bill_connected"),
        ("one NAT gateway", "vpc_bill_nat_one_zone"),
        ("NAT in each zone", "vpc_bill_nat_two_zones"),
    ):
        assert 10 + cost(DESIGNS[name]) == pytest.approx(fact(fact_name).value)


def test_data_are_charged_where_they_pass():
    """100 GB with S3 through NAT are $4.50; through a gateway endpoint they are free; the partner's stay on NAT."""
    gb = {S3: 100, PARTNER: 10}
    without, with_endpoint = (cost(DESIGNS[name], gb) - 73 for name in ("NAT in each zone", "NAT and endpoints"))
    assert without == pytest.approx(110 * 0.045) and with_endpoint == pytest.approx(10 * 0.045)


def test_what_cannot_be_reached_carries_nothing():
    """Data for a host out of reach are not on the bill."""
    assert month(DESIGNS["gateway endpoints"], {PARTNER: 1_000, S3: 1_000}) == {}
    dead_end = Vpc((Subnet("inside", Routes(NatGateway("nat", "inside"))),))
    assert "nat_gb" not in month(VpcConfig(dead_end, ("inside",), (SecurityGroup("g"),)), {PARTNER: 1})


@pytest.mark.parametrize("zones", [1, 2, 3])
def test_break_even_of_an_interface_endpoint(zones):
    """Beside a NAT gateway an endpoint pays from 209, 417, 626 GB a month, in 1, 2, 3 zones."""
    even = fact("endpoint_break_even").value[str(zones)]
    nat, both = vpc_config(zones=zones, nat="one per zone"), vpc_config(zones=zones, nat="one per zone", endpoints=["sqs"])
    assert cost(both, {SQS: even - 1}) > cost(nat, {SQS: even - 1})
    assert cost(both, {SQS: even + 1}) < cost(nat, {SQS: even + 1})


def test_nat_is_paid_by_the_zone():
    """One for all zones, one per zone, or a regional one, which is counted in each zone it serves."""
    for zones in (1, 2, 3):
        assert cost(vpc_config(zones=zones, nat="one")) == pytest.approx(36.5)
        assert cost(vpc_config(zones=zones, nat="one per zone")) == pytest.approx(36.5 * zones)
        assert cost(vpc_config(zones=zones, nat="regional")) == pytest.approx(36.5 * zones)


# Network interfaces and state


def test_interfaces_until_2019():
    """AWS's own example of then: 1,000 concurrent executions of 1 GB need 334."""
    assert interfaces_until_2019(1_000, 1_024) == fact("eni_example_2019").value == 334
    assert interfaces_until_2019(0, 1_024) == 0 and interfaces_until_2019(1, 128) == 1


def test_interfaces_today_do_not_grow_with_concurrency():
    """One for each pair of subnet and set of groups, shared by functions, whatever their order."""
    place = vpc_config(zones=3)
    assert interfaces(place) == interfaces(place, place, place) == 3
    one, two = SecurityGroup("one"), SecurityGroup("two")
    both = [VpcConfig(place.vpc, ("private-a",), groups) for groups in ((one, two), (two, one))]
    assert interfaces(*both) == 1
    assert interfaces(*both, VpcConfig(place.vpc, ("private-a",), (one,))) == 2
    assert interfaces() == 0


def test_interfaces_grow_with_connections():
    """Each carries 65,000 connections."""
    place = vpc_config(zones=2)
    assert [interfaces(place, connections=count) for count in (0, 130_000, 130_001, 260_001)] == [2, 2, 4, 6]


def test_state_after_idle_days():
    """After 14 idle days the interface is taken back: Inactive, and the next invocation fails."""
    place = vpc_config()
    assert state(place, 13.9).name == "Active"
    assert state(place, 14).name == "Inactive" and "ResourceNotReadyException" in state(place, 14).next_invocation
    assert state(None, 1_000).name == "Active"


# The decision


@pytest.mark.parametrize(
    ("called", "needs"),
    [
        ((S3, DYNAMODB, SQS, PARTNER), False),
        ((LINK,), False),
        ((DATABASE,), True),
        ((PROXY,), True),
        ((CACHE, S3), True),
        ((BALANCER,), True),
        ((Host("six.example.com", ipv4=False, ipv6=True),), True),
        ((), False),
    ],
)
def test_when_a_function_needs_a_vpc(called, needs):
    """Only for a private address, or for IPv6."""
    assert decide(*called).needs_vpc is needs


def test_no_vpc_for_what_a_vpc_does_not_mend():
    """A public database that lets nobody in and a link that sleeps are no reasons for a VPC."""
    closed = Resource("db", 5432, (SecurityGroup("db"),), public=True)
    asleep = VpcLink("link", BALANCER, (SecurityGroup("link"),), idle_days=90)
    assert not decide(closed).needs_vpc and not decide(asleep).needs_vpc
    assert not decide(closed).answers[0].reaches


def test_other_reasons_for_a_vpc():
    """One address for partners needs a NAT gateway; rules for what goes out need security groups."""
    for host in (PARTNER, PARTNER_IPV6):
        assert reach(decide(host, fixed_address=True).place, host).path.passes("NAT gateway")
    assert decide(S3, filtered=True).needs_vpc and cost(decide(S3, filtered=True).place) == 0


def test_decision_costs_no_more_than_it_must():
    """Private resources, S3 and IPv6 are free; up to five interface endpoints cost less than NAT; IPv4 needs NAT."""
    for called, total in (
        ((DATABASE, S3, DYNAMODB), 0),
        ((DATABASE, PARTNER_IPV6), 0),
        ((DATABASE, SQS), 14.60),
        ((DATABASE, SQS, PARTNER), 73),
        ((DATABASE, Service("sqs", ipv6=True)), 0),
        ((DATABASE, *map(Service, ("a", "b", "c", "d", "e"))), 73),
        ((DATABASE, *map(Service, ("a", "b", "c", "d", "e", "f"))), 73),
    ):
        assert cost(decide(*called).place) == pytest.approx(total)
