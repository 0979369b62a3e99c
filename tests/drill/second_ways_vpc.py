"""The numeric questions of lesson 04 solved a second time, as ``second_ways.py`` tells."""

from __future__ import annotations

import math


def nat_bill(zones, gb):
    """By hand: 730 hours of a gateway at 4.5 cents and of its address at half a cent, and 4.5 cents a GB."""
    return zones * 730 * (0.045 + 0.005) + gb * 0.045


def gateway_endpoint_saves(gb):
    return gb * 45 / 1_000


def endpoints_for_the_price_of_nat(zones):
    """5 cents an hour for a gateway and its address, 1 cent for an endpoint, both in each zone."""
    return (zones * 5) / (zones * 1)


def bill_without_nat(services, zones, s3_gb, gb):
    """A cent an hour for each service in each zone, a cent a GB; S3 by its gateway endpoint is free."""
    return sum(730 * 0.01 for _ in range(services) for _ in range(zones)) + gb * 0.01


def attached_bill(dollars):
    return dollars


def nat_shared_by_functions(functions, zones):
    return 36.5 * zones / functions


def interfaces_today(functions, subnets, groups):
    """List the pairs of subnet and set of groups, function by function, and strike out those that are there already."""
    pairs = []
    for function in range(functions):
        for subnet in range(subnets):
            if (subnet, function % groups) not in pairs:
                pairs.append((subnet, function % groups))
    return len(pairs)


def interfaces_then(environments, memory_mb):
    """Add interfaces until they carry all of the memory, 3 GB each."""
    interfaces = 0
    while interfaces * 3_072 < environments * memory_mb:
        interfaces += 1
    return interfaces


def cap_for_a_database(connections, spare, pool):
    """Add environments as long as their connections fit."""
    environments = 0
    while (environments + 1) * pool <= connections - spare:
        environments += 1
    return environments


def connections_after_a_peak(rate):
    """The mean need, and three square roots for the highest moment of random traffic; all of them stay."""
    return rate / 2 + 3 * math.sqrt(rate / 2)


def endpoint_beside_nat(zones):
    """GB by GB, until what NAT takes for the data is more than the endpoint costs."""
    gb = 0
    while gb * 0.045 <= zones * 7.3 + gb * 0.01:
        gb += 1
    return gb
