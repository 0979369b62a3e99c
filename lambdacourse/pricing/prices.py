"""What AWS counts and charges for: each item with its unit, its prices by tier and its free tier."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pandas as pd

from lambdacourse.facts import fact


@dataclass(frozen=True)
class Item:
    """One thing on the price list.

    name: as ``charges`` takes it. words: as a bill writes it. unit: what is counted, such as ``GB-s``. per: how many of them a
    price is for. steps: prices in USD, each with the quantity from which it applies. pool: items of one pool climb one ladder of
    steps together. free: the free tier it draws on, as the name of a fact; items that draw on the same one share it. colour: in
    ``plots.Theme``.
    """

    name: str
    words: str
    unit: str
    per: Decimal
    steps: tuple[tuple[Decimal, Decimal], ...]
    pool: str
    free: str | None
    colour: str

    @property
    def per_unit(self) -> str:
        """The unit of the price: ``million requests``."""
        return f"million {self.unit}" if self.per > 1 else self.unit

    def parts(self, since: Decimal, quantity: Decimal) -> list[tuple[int, Decimal, Decimal]]:
        """``quantity`` more on top of ``since``, split at the steps: number of the tier, quantity, price of ``per`` units."""
        ends = [start for start, _ in self.steps[1:]] + [Decimal("Infinity")]
        split = []
        for tier, ((start, price), end) in enumerate(zip(self.steps, ends), 1):
            part = min(since + quantity, end) - max(since, start)
            if part > 0:
                split.append((tier, part, price))
        return split


def exact(number: object) -> Decimal:
    """A number as one writes it, ``0.0000166667``, without what its binary form adds."""
    return number if isinstance(number, Decimal) else Decimal(repr(float(number)) if isinstance(number, float) else str(number))


@cache
def prices() -> dict[str, Item]:
    """The price list, in the order of a bill."""
    items = [
        _item("requests", "Requests", "request_price", free="free_tier_requests"),
        _item("payload_requests", "Requests for large payloads", "request_price", free="free_tier_requests"),
        *_by_architecture("duration", "Duration", "warm"),
        *_by_architecture("init", "Initialisation", "cold"),
        _item("provisioned_requests", "Requests on provisioned concurrency", "request_price"),
        _item("provisioned_x86_64", "Provisioned concurrency, x86_64", "provisioned_price", colour="provisioned"),
        _item("provisioned_arm64", "Provisioned concurrency, arm64", "provisioned_price_arm64", colour="provisioned"),
        _item("provisioned_duration_x86_64", "Duration on it, x86_64", "provisioned_duration_price", colour="provisioned"),
        _item("provisioned_duration_arm64", "Duration on it, arm64", "provisioned_duration_price_arm64", colour="provisioned"),
        _item("ephemeral", "Ephemeral storage above 512 MB", "ephemeral_price"),
        _item("snapstart_cache", "SnapStart, snapshots kept", "snapstart_cache_price", colour="cold"),
        _item("snapstart_restore", "SnapStart, snapshots restored", "snapstart_restore_price", colour="cold"),
        _item("tenant_x86_64", "Tenant isolation, new environments, x86_64", "tenant_isolation_price"),
        _item("tenant_arm64", "Tenant isolation, new environments, arm64", "tenant_isolation_price_arm64"),
        _item("streamed_gb", "Streamed responses", "streaming_price", free="free_tier_streaming"),
        _item("durable_operations", "Durable functions, operations", "durable_operation_price"),
        _item("durable_gb", "Durable functions, written", "durable_write_price"),
        _item("durable_gb_months", "Durable functions, kept", "durable_storage_price"),
        _item("poller_hours", "Provisioned SQS pollers", "epu_price_sqs", colour="queued"),
        _item("kafka_poller_hours", "Provisioned Kafka pollers", "epu_price_kafka", colour="queued"),
        _item("sqs_requests", "SQS requests", "sqs_price", free="sqs_free_requests", colour="queued"),
        _item("fifo_requests", "SQS requests, FIFO", "sqs_price_fifo", free="sqs_free_requests", colour="queued"),
        _item("shard_hours", "Kinesis shards", "kinesis_shard_price", colour="queued"),
        _item("put_units", "Kinesis PUT payload units", "kinesis_put_price", colour="queued"),
        _item("nat_hours", "NAT gateways", "nat_hour_price"),
        _item("nat_gb", "NAT gateways, data", "nat_gb_price"),
        _item("ipv4_hours", "Public IPv4 addresses", "public_ipv4_price"),
        _item("endpoint_hours", "Interface endpoints, per zone", "interface_endpoint_price"),
        _item(
            "endpoint_gb",
            "Interface endpoints, data",
            "interface_endpoint_gb_price",
            ("interface_endpoint_tier_2_from", "interface_endpoint_gb_price_tier_2"),
            ("interface_endpoint_tier_3_from", "interface_endpoint_gb_price_tier_3"),
        ),
        _item("rest_requests", "API Gateway, REST API", "api_gateway_rest_price"),
        _item("http_requests", "API Gateway, HTTP API", "http_api_price"),
        _item("logs_gb", "CloudWatch Logs, ingestion", "logs_price"),
    ]
    return {item.name: item for item in items}


def price_list() -> pd.DataFrame:
    """Every item that a bill can have: the name that ``charges`` takes, price, unit, and from which quantity it applies."""
    rows = [
        (item.name, item.words, float(price), item.per_unit, float(start))
        for item in prices().values()
        for start, price in item.steps
    ]
    return pd.DataFrame(rows, columns=["name", "item", "USD", "per", "from"]).set_index("name")


def _by_architecture(name: str, words: str, colour: str) -> list[Item]:
    return [
        _item(
            f"{name}_{architecture}",
            f"{words}, {architecture}",
            f"duration_price{suffix}",
            (f"duration_tier_2_from{suffix}", f"duration_price_tier_2{suffix}"),
            (f"duration_tier_3_from{suffix}", f"duration_price_tier_3{suffix}"),
            pool=architecture,
            free="free_tier_gb_seconds",
            colour=colour,
        )
        for architecture, suffix in (("x86_64", ""), ("arm64", "_arm64"))
    ]


def _item(
    name: str,
    words: str,
    price: str,
    *dearer: tuple[str, str],
    pool: str = "",
    free: str | None = None,
    colour: str = "idle",
) -> Item:
    """An item from the facts that hold its price and, for each further tier, where it begins and its price."""
    unit = fact(price).unit.removeprefix("USD/")
    per = Decimal(1_000_000 if unit.startswith("million ") else 1)
    unit = unit.removeprefix("million ")
    unit = unit if unit.endswith("s") or unit in ("GB", "GB-month") else f"{unit}s"
    steps = [(Decimal(0), exact(fact(price).value))]
    steps += [(exact(fact(start).value), exact(fact(next_price).value)) for start, next_price in dearer]
    return Item(name, words, unit, per, tuple(steps), pool or name, free, colour)
