"""What a Lambda function reaches from inside or outside a VPC, on which way, and what that way uses.

    from lambdacourse.network import DATABASE, S3, decide, month, reach, vpc_config

    reach(None, DATABASE)                        # a function without a VpcConfig: no, and why
    reach(vpc_config(nat="one"), S3)             # yes, hop by hop
    month(vpc_config(nat="one"), {S3: 100})      # what is charged for: pricing.charges(**_)
    decide(DATABASE, S3)                         # in a VPC or not, with reasons

``vpc`` has the vocabulary, ``reach`` the rules, ``designs`` the usual forms, ``picture`` the diagram.
"""

from __future__ import annotations

from lambdacourse.network.designs import (
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
    Decision,
    State,
    decide,
    designs,
    interfaces,
    interfaces_until_2019,
    month,
    state,
    vpc_config,
)
from lambdacourse.network.picture import picture
from lambdacourse.network.reach import Answer, Hop, Observed, Path, reach
from lambdacourse.network.vpc import (
    ANYWHERE,
    Allow,
    Destination,
    EgressOnlyGateway,
    Host,
    InterfaceEndpoint,
    InternetGateway,
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
)

__all__ = [
    "ANYWHERE", "Allow", "Answer", "BALANCER", "CACHE", "DATABASE", "DESTINATIONS", "DYNAMODB", "Decision",
    "Destination", "EgressOnlyGateway", "Hop", "Host", "InterfaceEndpoint", "InternetGateway", "LINK", "NatGateway",
    "Observed", "PARTNER", "PARTNER_IPV6", "PROXY", "Path", "RdsProxy", "Resource", "Routes", "S3", "SQS", "SecurityGroup",
    "Service", "State", "Subnet", "Vpc", "VpcConfig", "VpcLink", "decide", "designs", "interfaces", "interfaces_until_2019", "month", "picture",
    "reach", "state", "vpc_config",
]  # fmt: skip
