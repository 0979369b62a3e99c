"""Wrong networks are refused with the value, the rule, and AWS's name for it."""

import pytest

from lambdacourse.network import (
    BALANCER,
    CACHE,
    DATABASE,
    S3,
    Allow,
    EgressOnlyGateway,
    Host,
    InterfaceEndpoint,
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
    interfaces,
    interfaces_until_2019,
    month,
    reach,
    state,
    vpc_config,
)

GROUP = SecurityGroup("lambda")
VPC = Vpc((Subnet("a"), Subnet("b", zone="b")))


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: Allow("lambda", 0), ValueError, r"Allow\(port=0: must be a TCP port, 1 to 65535"),
        (lambda: Allow("lambda", 65_536), ValueError, "65536"),
        (lambda: Allow("lambda", "https"), TypeError, "TCP port.*not a str"),
        (lambda: Allow("", 443), ValueError, "SourceSecurityGroupId"),
        (lambda: SecurityGroup("", ()), ValueError, "GroupName"),
        (lambda: SecurityGroup("x", inbound=["lambda"]), TypeError, r"Allow\("),
        (lambda: SecurityGroup("x", inbound="lambda"), TypeError, "must be rules"),
        (lambda: Routes(ipv4="nat"), TypeError, "InternetGateway"),
        (lambda: Routes(ipv6=NatGateway("nat")), TypeError, "EgressOnlyGateway"),
        (lambda: Routes(endpoints={"sqs"}), ValueError, "'s3', 'dynamodb'.*Gateway endpoints"),
        (lambda: Subnet("a", Routes(ipv6=EgressOnlyGateway())), ValueError, "dual-stack subnet.*Ipv6CidrBlock"),
        (lambda: Subnet("a", free_addresses=-1), ValueError, "AvailableIpAddressCount"),
        (lambda: InterfaceEndpoint("s3", ("a",), (GROUP,)), ValueError, "gateway endpoint, which is free"),
        (lambda: InterfaceEndpoint("sqs", (), (GROUP,)), ValueError, "SubnetIds"),
        (lambda: InterfaceEndpoint("sqs", ("a",), ()), ValueError, "SecurityGroupIds"),
        (lambda: Vpc(()), ValueError, "at least one subnet"),
        (lambda: Vpc((Subnet("a"), Subnet("a"))), ValueError, "'a' stands there twice"),
        (lambda: Vpc((Subnet("a", Routes(NatGateway("nat", "z"))),)), ValueError, "subnet 'z': this VPC has the subnets a"),
        (
            lambda: Vpc((Subnet("a"), Subnet("b")), (InterfaceEndpoint("sqs", ("a", "b"), (GROUP,)),)),
            ValueError,
            "one subnet in each Availability Zone",
        ),
        (lambda: Vpc((Subnet("a"),), interfaces=-1), ValueError, "network interfaces"),
        (lambda: VpcConfig(VPC, ("z",), (GROUP,)), ValueError, "subnet 'z': this VPC has the subnets a, b"),
        (lambda: VpcConfig(VPC, "a", (GROUP,)), TypeError, "names of subnets"),
        (lambda: VpcConfig(VPC, (), (GROUP,)), ValueError, "SubnetIds"),
        (lambda: VpcConfig(VPC, ("a",), ()), ValueError, "SecurityGroupIds"),
        (lambda: VpcConfig(VPC, ("a", "a"), (GROUP,)), ValueError, "twice"),
        (lambda: VpcConfig(VPC, ("a",), (GROUP,), ipv6=True), ValueError, "a is not .Ipv6AllowedForDualStack"),
        (
            lambda: VpcConfig(VPC, ("a",), tuple(SecurityGroup(f"g{number}") for number in range(6))),
            ValueError,
            "6 given.*may have 5",
        ),
        (
            lambda: VpcConfig(Vpc(tuple(Subnet(f"s{n}") for n in range(17))), tuple(f"s{n}" for n in range(17)), (GROUP,)),
            ValueError,
            "17 given.*may have 16",
        ),
        (lambda: Host("x", ipv4=False), ValueError, "an address of one kind"),
        (lambda: Service(""), ValueError, "ServiceName"),
        (lambda: Resource("x", 5432, (GROUP,), kind="table"), ValueError, "'database', 'cache', 'load balancer'"),
        (lambda: RdsProxy("p", CACHE, (GROUP,)), ValueError, "sessions is a cache; a proxy stands in front of an RDS database"),
        (lambda: VpcLink("l", DATABASE, (GROUP,)), ValueError, "carries HTTP to a load balancer"),
        (lambda: VpcLink("l", BALANCER, (GROUP,), idle_days=-1), ValueError, "days, 0 or more"),
        (lambda: reach("private-a", S3), TypeError, "a VpcConfig, or None"),
        (lambda: reach(None, "s3"), TypeError, "Service"),
        (lambda: month("private-a"), TypeError, "a VpcConfig, or None"),
        (lambda: month(vpc_config(), {S3: -1}), ValueError, "GB, 0 or more"),
        (lambda: vpc_config(zones=0), ValueError, "1 to 6 Availability Zones"),
        (lambda: vpc_config(nat="two"), ValueError, "'none', 'one', 'one per zone', 'regional'"),
        (lambda: vpc_config(endpoints="s3"), TypeError, "must be services"),
        (lambda: interfaces(None), TypeError, "a VpcConfig"),
        (lambda: interfaces(connections=-1), ValueError, "connections, 0 or more"),
        (lambda: interfaces_until_2019(-1, 128), ValueError, "concurrent executions"),
        (lambda: interfaces_until_2019(1, 0), ValueError, "MB above 0"),
        (lambda: state(None, float("nan")), ValueError, "days, 0 or more"),
    ],
)
def test_wrong_values_are_refused(wrong, error, says):
    """Each with a sentence that names the value and the rule."""
    with pytest.raises(error, match=says):
        wrong()


def test_networks_are_values():
    """Frozen, comparable, hashable: lists given are kept as tuples."""
    one, two = (VpcConfig(Vpc([Subnet("a")]), ["a"], [SecurityGroup("g", [Allow("x", 1)])]) for _ in range(2))
    assert one == two and hash(one) == hash(two)
    with pytest.raises(AttributeError):
        one.ipv6 = True
