"""What holds in every network that can be put together."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.network import (
    DESTINATIONS,
    EgressOnlyGateway,
    Host,
    InterfaceEndpoint,
    InternetGateway,
    NatGateway,
    Routes,
    Service,
    Subnet,
    VpcConfig,
    decide,
    month,
    reach,
    vpc_config,
)
from lambdacourse.network.designs import ENDPOINTS
from lambdacourse.network.vpc import Allow, SecurityGroup

QUICK = settings(max_examples=60, deadline=None)

services = st.sampled_from(["s3", "dynamodb", "sqs", "sns", "secretsmanager"])
destinations = st.one_of(
    st.sampled_from(list(DESTINATIONS.values())),
    st.builds(Service, services, ipv6=st.booleans()),
    st.sampled_from([Host("four.example.com"), Host("both.example.com", ipv6=True), Host("six.example.com", False, True)]),
)
places = st.builds(
    vpc_config,
    zones=st.integers(1, 3),
    public=st.booleans(),
    nat=st.sampled_from(["none", "one", "one per zone", "regional"]),
    endpoints=st.sets(services),
    ipv6=st.booleans(),
)


def changed(place, index, **routes):
    """``place`` with other routes in one of its subnets."""
    subnets = list(place.vpc.subnets)
    old = subnets[index % len(subnets)]
    subnets[index % len(subnets)] = replace(old, routes=replace(old.routes, **routes))
    return replace(place, vpc=replace(place.vpc, subnets=tuple(subnets)))


@QUICK
@given(places, destinations, st.integers(0, 5), services)
def test_more_never_reaches_less(place, destination, index, service):
    """A route, a gateway endpoint or an open interface endpoint more: what was reached still is."""
    routes = place.vpc.subnets[index % len(place.vpc.subnets)].routes
    wider = [place]
    if routes.ipv4 is None:
        wider += [changed(place, index, ipv4=InternetGateway()), changed(place, index, ipv4=NatGateway("new"))]
    if service in ("s3", "dynamodb"):
        wider.append(changed(place, index, endpoints=routes.endpoints | {service}))
    elif all(endpoint.service != service for endpoint in place.vpc.endpoints):
        endpoint = InterfaceEndpoint(service, (place.vpc.subnets[0].name,), (ENDPOINTS,))
        wider.append(replace(place, vpc=replace(place.vpc, endpoints=(*place.vpc.endpoints, endpoint))))
    before = reach(place, destination)
    for after in wider:
        assert reach(after, destination).reaches >= before.reaches


@QUICK
@given(places, destinations, st.lists(st.builds(Allow, st.sampled_from(["anywhere", "database", "proxy"]), st.none())))
def test_an_outbound_rule_more_never_reaches_less(place, destination, rules):
    """Security groups only allow: each rule or group more opens, none closes."""
    silent = replace(place, security_groups=(SecurityGroup("lambda", outbound=()),))
    some = replace(place, security_groups=(SecurityGroup("lambda", outbound=rules),))
    added = replace(place, security_groups=(*some.security_groups, SecurityGroup("other")))
    answers = [reach(each, destination).reaches for each in (silent, some, added)]
    assert answers == sorted(answers)
    assert not answers[0]


@QUICK
@given(places, destinations)
def test_an_answer_is_whole(place, destination):
    """A path that arrives ends at what was called and lacks nothing; another says what is missing and what is seen."""
    for where in (None, place):
        for path in reach(where, destination).paths:
            assert path.arrives == (path.observed == "an answer") == (not path.missing)
            assert str(path.hops[0]) == "function"
            if path.arrives:
                assert path.hops[-1].name in (destination.name, "orders", "stock.internal")


@QUICK
@given(places)
def test_without_a_way_out_there_is_no_internet(place):
    """A host on the internet is reached through a NAT gateway or an egress-only gateway, and never straight."""
    for host in (Host("four.example.com"), Host("both.example.com", ipv6=True)):
        for path in reach(place, host).paths:
            assert path.arrives <= (path.passes("NAT gateway") or path.passes("egress-only gateway"))


@QUICK
@given(places, st.dictionaries(destinations, st.floats(0, 1e6), max_size=5))
def test_no_gigabyte_is_charged_twice(place, gb):
    """Data pass a NAT gateway or an interface endpoint or neither: no more is charged than was sent."""
    charged = sum(quantity for name, quantity in month(place, gb).items() if name.endswith("_gb"))
    assert charged <= sum(gb.values()) * (1 + 1e-9) + 1e-9


@QUICK
@given(st.lists(destinations, max_size=4, unique=True), st.booleans(), st.booleans(), st.integers(1, 3))
def test_a_decision_reaches_everything(called, fixed_address, filtered, zones):
    """Where ``decide`` puts a function, it reaches all that it calls; and it stays outside whenever that is enough."""
    decision = decide(*called, fixed_address=fixed_address, filtered=filtered, zones=zones)
    assert all(answer.reaches for answer in decision.answers) and len(decision.answers) == len(called)
    enough = all(reach(None, each).reaches for each in called) and not (fixed_address or filtered)
    assert decision.needs_vpc is not enough
    assert decision.reasons


@QUICK
@given(st.sampled_from([None, InternetGateway(), NatGateway("nat")]), st.booleans(), st.booleans())
def test_kinds_of_subnets(ipv4, egress, allowed):
    """Public by a route to an internet gateway, private by another way out, isolated by none; IPv6 only where allowed."""
    subnet = Subnet("s", Routes(ipv4, EgressOnlyGateway() if egress else None), dual_stack=True)
    kinds = {InternetGateway: "public", NatGateway: "private", type(None): "private" if egress else "isolated"}
    assert subnet.kind == kinds[type(ipv4)]
    place = VpcConfig(replace(vpc_config().vpc, subnets=(subnet,)), ("s",), (SecurityGroup("lambda"),), allowed)
    assert reach(place, Host("six.example.com", False, True)).reaches is (egress and allowed)
