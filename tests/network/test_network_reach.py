"""The rules of reachability, one by one, in the words of AWS's guides."""

import pytest

from lambdacourse.facts import fact
from lambdacourse.network import (
    BALANCER,
    CACHE,
    DATABASE,
    DYNAMODB,
    LINK,
    PARTNER,
    PROXY,
    S3,
    SQS,
    Allow,
    EgressOnlyGateway,
    Host,
    InterfaceEndpoint,
    InternetGateway,
    NatGateway,
    Observed,
    RdsProxy,
    Resource,
    Routes,
    SecurityGroup,
    Service,
    Subnet,
    Vpc,
    VpcConfig,
    VpcLink,
    reach,
    vpc_config,
)

LAMBDA = SecurityGroup("lambda")
IPV6_ONLY = Host("six.example.com", ipv4=False, ipv6=True)
BOTH = Host("both.example.com", ipv6=True)


def place(*subnets, endpoints=(), groups=(LAMBDA,), ipv6=False, used=None, **vpc):
    """A function in the ``used`` of these subnets, or in all of them."""
    names = used or [subnet.name for subnet in subnets]
    return VpcConfig(Vpc(subnets, endpoints, **vpc), tuple(names), groups, ipv6)


def way(answer):
    """The stations of the first path, as words."""
    return " → ".join(map(str, answer.paths[0].hops))


PUBLIC = Subnet("public", Routes(InternetGateway()))
ISOLATED = Subnet("isolated")
PRIVATE = Subnet("private", Routes(NatGateway("nat", "public")))


class TestOutsideAVpc:
    """A function without a VpcConfig runs in a VPC of Lambda's own, which has the internet and nothing of yours."""

    @pytest.mark.parametrize("destination", [PARTNER, BOTH, S3, DYNAMODB, SQS])
    def test_public_addresses_are_reached(self, destination):
        """The internet and the AWS services: yes."""
        assert reach(None, destination).reaches

    @pytest.mark.parametrize("destination", [DATABASE, CACHE])
    def test_private_addresses_time_out(self, destination):
        """A private address from outside its VPC: nothing comes back."""
        answer = reach(None, destination)
        assert not answer.reaches and answer.observed == Observed.TIME_OUT
        assert "private address" in answer.missing

    def test_rds_proxy_is_never_public(self):
        """An RDS Proxy in front of a public database is not public either: its way leads through the VPC."""
        database = Resource("db", 5432, (SecurityGroup("db", (Allow(port=5432),)),), public=True)
        answer = reach(None, RdsProxy("proxy", database, (SecurityGroup("proxy", (Allow(port=5432),)),)))
        assert not answer.reaches and answer.observed == Observed.TIME_OUT
        assert fact("rds_proxy_reach") in answer.facts

    def test_public_database_is_reached_when_anybody_is(self):
        """A publicly accessible database answers, if its security group lets the port in from anywhere."""
        for port, reached in ((5432, True), (3306, False)):
            database = Resource("db", 5432, (SecurityGroup("db", (Allow(port=port),)),), public=True)
            assert reach(None, database).reaches is reached
        known = Resource("db", 5432, (SecurityGroup("db", (Allow("lambda", 5432),)),), public=True)
        assert reach(None, known).observed == Observed.TIME_OUT

    def test_names_of_a_private_zone_are_unknown(self):
        """A name in a private hosted zone does not resolve: an error at once, and no time-out."""
        assert reach(None, BALANCER).observed == Observed.NO_NAME

    def test_vpc_link_is_the_way_in_for_http(self):
        """A public API with a VPC link leads to the load balancer that the function cannot call itself."""
        answer = reach(None, LINK)
        assert answer.reaches
        assert way(answer) == "function → API Gateway → VPC link stock-api → load balancer stock.internal"

    def test_no_ipv6(self):
        """Outgoing IPv6 is not supported: a host with an IPv6 address alone is out of reach."""
        assert reach(None, BOTH).reaches
        answer = reach(None, IPV6_ONLY)
        assert not answer.reaches and fact("ipv6_outside_vpc") in answer.facts


class TestInternetFromAVpc:
    """Attaching a function to a VPC takes the internet away, unless the VPC gives it back."""

    def test_isolated_subnet_times_out(self):
        """No route, no answer; with the default timeout the log says 3.01 seconds."""
        answer = reach(place(ISOLATED), PARTNER)
        assert answer.observed == Observed.TIME_OUT and "NAT gateway" in answer.missing
        assert fact("vpc_timeout_message") in answer.facts

    def test_public_subnet_does_not_help(self):
        """A function in a public subnet has the route and no public address."""
        answer = reach(place(PUBLIC), PARTNER)
        assert not answer.reaches and "public address" in answer.missing
        assert fact("public_subnet_internet") in answer.facts

    def test_nat_gateway_in_a_public_subnet(self):
        """From the private subnet to the NAT gateway, from there through the internet gateway."""
        answer = reach(place(PRIVATE, PUBLIC, used=["private"]), PARTNER)
        assert answer.reaches
        assert way(answer).endswith("NAT gateway nat → internet gateway → internet → host api.example.com")

    def test_nat_gateway_in_a_private_subnet_is_a_dead_end(self):
        """A zonal NAT gateway whose own subnet has no route to an internet gateway leads nowhere."""
        for home in (ISOLATED, Subnet("other", Routes(NatGateway("regional")))):
            lost = Subnet("private", Routes(NatGateway("nat", home.name)))
            answer = reach(place(lost, home, used=["private"]), PARTNER)
            assert answer.observed == Observed.TIME_OUT and home.name in answer.missing

    def test_regional_nat_gateway_needs_no_public_subnet(self):
        """A regional NAT gateway belongs to the VPC and not to a subnet."""
        assert reach(place(Subnet("private", Routes(NatGateway("nat")))), PARTNER).reaches

    def test_egress_only_gateway_is_for_ipv6_alone(self):
        """It leads to hosts with an IPv6 address and to no others."""
        six = place(Subnet("six", Routes(ipv6=EgressOnlyGateway()), dual_stack=True), ipv6=True)
        assert reach(six, BOTH).reaches and reach(six, IPV6_ONLY).reaches
        assert not reach(six, PARTNER).reaches

    def test_ipv6_is_off_by_default(self):
        """The route alone does nothing: the function must be allowed to use IPv6."""
        answer = reach(place(Subnet("six", Routes(ipv6=EgressOnlyGateway()), dual_stack=True)), IPV6_ONLY)
        assert not answer.reaches and answer.missing == "Ipv6AllowedForDualStack: true"

    def test_ipv6_goes_before_nat(self):
        """A host that has both addresses is called over IPv6 where that works, past the NAT gateway and its price."""
        both = Subnet("both", Routes(NatGateway("nat"), EgressOnlyGateway()), dual_stack=True)
        assert not reach(place(both, ipv6=True), BOTH).path.passes("NAT gateway")
        assert reach(place(both, ipv6=True), PARTNER).path.passes("NAT gateway")

    def test_nat64_is_not_assumed(self):
        """A NAT gateway here carries IPv4: a host with IPv6 alone stays out of reach."""
        assert not reach(place(Subnet("private", Routes(NatGateway("nat")))), IPV6_ONLY).reaches


class TestServicesFromAVpc:
    """AWS services have public addresses; endpoints bring them into the VPC."""

    @pytest.mark.parametrize("service", [S3, DYNAMODB, SQS])
    def test_without_way_out_nor_endpoint_they_time_out(self, service):
        """Not even S3 is there by itself."""
        answer = reach(place(ISOLATED), service)
        assert answer.observed == Observed.TIME_OUT and f"an endpoint for {service.name}" in answer.missing

    @pytest.mark.parametrize("service", [S3, DYNAMODB])
    def test_gateway_endpoint_by_route(self, service):
        """S3 and DynamoDB through a route in the subnet's table, with no NAT gateway."""
        answer = reach(place(Subnet("inside", Routes(endpoints={service.name}))), service)
        assert answer.reaches and answer.path.passes("gateway endpoint")

    def test_gateway_endpoint_without_the_route_is_not_used(self):
        """A subnet whose table does not name the endpoint does not use it: only some of the calls arrive."""
        with_route = Subnet("with", Routes(endpoints={"s3"}))
        answer = reach(place(with_route, ISOLATED), S3)
        assert answer.sometimes and not answer.reaches and "isolated" in answer.missing

    def test_gateway_endpoint_goes_before_nat(self):
        """Its route is more specific than 0.0.0.0/0, so the data do not pass the NAT gateway."""
        both = place(Subnet("private", Routes(NatGateway("nat"), endpoints={"s3"})))
        assert reach(both, S3).path.passes("gateway endpoint") and not reach(both, S3).path.passes("NAT gateway")
        assert reach(both, SQS).path.passes("NAT gateway")

    def test_interface_endpoint_serves_every_subnet(self):
        """Private DNS holds in the whole VPC: a subnet of another zone uses the endpoint too."""
        group = SecurityGroup("endpoint", (Allow("lambda", 443),))
        endpoint = InterfaceEndpoint("sqs", ("isolated",), (group,))
        other = Subnet("other", zone="b")
        assert reach(place(ISOLATED, other, endpoints=(endpoint,)), SQS).reaches
        assert not reach(place(ISOLATED, other, endpoints=(endpoint,)), Service("sns")).reaches

    def test_closed_interface_endpoint_cuts_off_what_nat_gave(self):
        """Private DNS leads to the endpoint even when its security group lets nobody in."""
        private = Subnet("private", Routes(NatGateway("nat")))
        assert reach(place(private), SQS).reaches
        closed = InterfaceEndpoint("sqs", ("private",), (SecurityGroup("closed"),))
        answer = reach(place(private, endpoints=(closed,)), SQS)
        assert answer.observed == Observed.TIME_OUT and "the endpoint for sqs" in answer.missing

    def test_interface_endpoint_without_private_dns_is_not_found(self):
        """Without private DNS the usual name still leads to the public address."""
        endpoint = InterfaceEndpoint("sqs", ("isolated",), (SecurityGroup("open", (Allow(),)),), private_dns=False)
        assert not reach(place(ISOLATED, endpoints=(endpoint,)), SQS).reaches

    def test_dual_stack_name_over_ipv6(self):
        """A service that is called by its dual-stack name is reached through an egress-only gateway."""
        six = place(Subnet("six", Routes(ipv6=EgressOnlyGateway()), dual_stack=True), ipv6=True)
        assert reach(six, Service("sqs", ipv6=True)).reaches and not reach(six, SQS).reaches

    def test_vpc_link_is_called_as_a_public_api(self):
        """From inside a VPC too, an API of API Gateway needs a way out or an endpoint for execute-api."""
        assert not reach(vpc_config(), LINK).reaches
        assert reach(vpc_config(nat="one"), LINK).reaches
        assert reach(vpc_config(endpoints=["execute-api"]), LINK).reaches


class TestPrivateAddresses:
    """Within a VPC everything has a route to everything: security groups decide."""

    @pytest.mark.parametrize("subnet", [ISOLATED, PUBLIC, Subnet("private", Routes(NatGateway("nat")))])
    @pytest.mark.parametrize("destination", [DATABASE, PROXY, CACHE, BALANCER])
    def test_every_kind_of_subnet_will_do(self, subnet, destination):
        """A database needs no NAT gateway; even a public subnet reaches it."""
        assert reach(place(subnet), destination).reaches

    def test_new_security_group_lets_nobody_in(self):
        """A database whose group has no rule times out: packets are dropped in silence."""
        answer = reach(place(ISOLATED), Resource("db", 5432, (SecurityGroup("db"),)))
        assert answer.observed == Observed.TIME_OUT and "lets the function in on port 5432" in answer.missing

    def test_rule_names_the_port_and_the_caller(self):
        """A rule for another port or another group does not help; rules of several groups add up."""
        for rule, reached in ((Allow("lambda", 5432), True), (Allow("lambda", 3306), False), (Allow("web", 5432), False)):
            assert reach(place(ISOLATED), Resource("db", 5432, (SecurityGroup("db", (rule,)),))).reaches is reached
        closed, wide = SecurityGroup("closed"), SecurityGroup("open", (Allow("lambda"),))
        assert reach(place(ISOLATED), Resource("db", 5432, (closed, wide))).reaches

    def test_outbound_rules_count_too(self):
        """A function whose group lets nothing out reaches nothing."""
        silent = SecurityGroup("lambda", outbound=())
        for destination in (DATABASE, S3, PARTNER):
            answer = reach(place(Subnet("p", Routes(NatGateway("n"), endpoints={"s3"})), groups=(silent,)), destination)
            assert answer.observed == Observed.TIME_OUT and "lets it out" in answer.missing
        only = SecurityGroup("lambda", outbound=(Allow("database", 5432),))
        assert reach(place(ISOLATED, groups=(only,)), DATABASE).reaches
        assert not reach(place(ISOLATED, groups=(only,)), CACHE).reaches

    def test_wrong_port_is_refused(self):
        """Where the packets arrive and nothing listens, the answer is a refusal and comes at once."""
        database = Resource("db", 5433, (SecurityGroup("db", (Allow(),)),), listens=5432)
        answer = reach(place(ISOLATED), database)
        assert answer.observed == Observed.REFUSED and "5432" in answer.missing

    def test_proxy_must_be_let_in_by_the_database(self):
        """Function to proxy and proxy to database are two steps, each with its rule."""
        database = Resource("db", 5432, (SecurityGroup("db", (Allow("lambda", 5432),)),))
        proxy = RdsProxy("proxy", database, (SecurityGroup("proxy", (Allow("lambda", 5432),)),))
        answer = reach(place(ISOLATED), proxy)
        assert not answer.reaches and "lets proxy in" in answer.missing and answer.path.passes("RDS Proxy")

    def test_link_must_be_let_in_by_the_load_balancer(self):
        """The load balancer's group must name the link's."""
        closed = Resource("stock", 80, (SecurityGroup("stock", (Allow("lambda", 80),)),), "load balancer")
        answer = reach(None, VpcLink("link", closed, (SecurityGroup("link"),)))
        assert not answer.reaches and "lets link in" in answer.missing

    def test_idle_vpc_link_is_inactive(self):
        """After 60 days without a request the link is inactive, and requests fail while it is rebuilt."""
        for days, reached in ((59, True), (60, False)):
            link = VpcLink("link", BALANCER, (SecurityGroup("link"),), idle_days=days)
            assert reach(None, link).reaches is reached


class TestNetworkInterfaces:
    """Without network interfaces the function is not invoked at all."""

    def test_interface_quota(self):
        """One interface for each subnet, and the 500 of the VPC are taken: ENILimitReachedException."""
        two = (ISOLATED, Subnet("other", zone="b"))
        assert reach(place(*two, interfaces=498), DATABASE).reaches
        answer = reach(place(*two, interfaces=499), DATABASE)
        assert answer.observed == Observed.ENI_LIMIT and "499 of 500" in answer.missing

    def test_full_subnet(self):
        """A subnet without a free address: SubnetIPAddressLimitReachedException."""
        full = Subnet("full", free_addresses=0)
        assert reach(place(full), DATABASE).observed == Observed.NO_ADDRESS
        assert reach(place(Subnet("full", free_addresses=1)), DATABASE).reaches

    def test_their_names_are_the_api_s(self):
        """What the learner sees is what AWS's API calls it."""
        assert {Observed.ENI_LIMIT, Observed.NO_ADDRESS} < set(fact("vpc_errors").value)
        assert fact("status_vpc_error").value == 502


def test_answer_shows_itself():
    """An answer reads as a sentence: what, whether, what is seen, the way hop by hop, what is missing."""
    assert repr(reach(None, S3)) == "s3: yes, an answer\n  function → service s3"
    expected = "orders: no, a time-out\n  function ✗ missing: a VpcConfig: orders has a private address"
    assert repr(reach(None, DATABASE)) == expected


def test_every_answer_has_its_facts():
    """Whatever is said of a call stands in facts.toml with a source."""
    for where in (None, place(ISOLATED), place(PUBLIC), place(PRIVATE, PUBLIC, used=["private"])):
        for destination in (PARTNER, IPV6_ONLY, S3, SQS, DATABASE, PROXY, CACHE, BALANCER, LINK):
            answer = reach(where, destination)
            assert answer.facts and all(found.address for found in answer.facts)
