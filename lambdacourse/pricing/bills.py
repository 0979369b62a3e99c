"""The bill: ``bill(...)`` of a function, ``charges(...)`` of anything on the price list, and what bills can do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lambdacourse.facts import fact, write_quantity
from lambdacourse.model import checks
from lambdacourse.model.functions import ARCHITECTURES
from lambdacourse.pricing.prices import Item, exact, prices

if TYPE_CHECKING:
    from lambdacourse import plots

LEAVES_OUT = (
    (("logs_gb",), "CloudWatch Logs (give logs_gb)"),
    (
        ("rest_requests", "http_requests"),
        "what stands in front: API Gateway or a load balancer (give rest_requests or http_requests)",
    ),
    ((), "the services that the function calls: DynamoDB, Amazon S3 and others"),
    ((), "data that leaves AWS or crosses Availability Zones"),
    ((), "Savings Plans, agreed discounts, support and taxes"),
)
"""What a real bill would also have, and the items with which it has it."""


@dataclass(frozen=True)
class Line:
    """One line of a bill: ``quantity`` x ``price`` = ``amount``, in USD. What the free tier covers is a line below zero."""

    item: str
    quantity: float
    unit: str
    price: float
    amount: float

    @property
    def arithmetic(self) -> str:
        """The line as one would work it out: ``2 million requests x $0.20 = $0.40``."""
        return f"{written(self.quantity)} {self.unit} × {write_quantity(self.price, 'USD')} = {money(self.amount)}"


@dataclass(frozen=True)
class Bill:
    """A bill, for a month or for whatever was measured.

    usage
        What was used, by name of the price list, before the free tier.
    free_tier
        Whether the free tier of a month is taken off: once, whatever was added up.

    Bills add up (``a + b``, ``sum(bills)``): their usage is pooled, so tiers and free tier are those of one account.
    ``bill * 30`` is thirty times the usage. ``a - b`` compares.
    """

    usage: Mapping[str, Decimal]
    free_tier: bool = True

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """What is charged, line by line."""
        return tuple(
            Line(words, float(quantity / item.per), item.per_unit, float(price), float(amount))
            for item, words, quantity, price, amount in self._charges()
        )

    @cached_property
    def total(self) -> float:
        """The sum, in USD."""
        return float(self._exact_total())

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """What a real bill would also have."""
        left_out = tuple(words for names, words in LEAVES_OUT if not any(self.usage.get(name) for name in names))
        polls = any(self.usage.get(name) for name in ("sqs_requests", "fifo_requests"))
        return (*left_out, "polls that find nothing in a queue, if they are not counted in its requests") if polls else left_out

    @property
    def table(self) -> pd.DataFrame:
        """The lines as a table."""
        return pd.DataFrame(
            [(line.item, line.quantity, line.unit, line.price, line.amount) for line in self.lines],
            columns=["item", "quantity", "unit", "price (USD)", "amount (USD)"],
        )

    def month(self, hours: float) -> Bill:
        """What a month of 730 hours costs when this bill is for ``hours``."""
        rule = "must be the hours that the bill is for, above 0"
        return self * (exact(fact("hours_per_month").value) / exact(checks.number("month(hours", hours, rule, above=0)))

    def plot(self) -> plots.Picture:
        """A bar for each line."""
        from lambdacourse import plots

        rows = [(words, float(amount), item.colour) for item, words, _, _, amount in self._charges()]
        return plots.bars(f"{money(self.total)} in all", "USD", rows, money)

    def __add__(self, other: Bill) -> Bill:
        if not isinstance(other, Bill):
            return NotImplemented
        if self.free_tier != other.free_tier:
            raise ValueError("One of these bills has the free tier and the other has not: make both with the same free_tier.")
        names = {**self.usage, **other.usage}
        return Bill({name: self.usage.get(name, 0) + other.usage.get(name, 0) for name in names}, self.free_tier)

    def __radd__(self, other: object) -> Bill:
        return self if other == 0 else NotImplemented

    def __mul__(self, times: float) -> Bill:
        if isinstance(times, bool) or not isinstance(times, int | float | Decimal | np.number):
            return NotImplemented
        rule = "a bill is multiplied by a number of 0 or more: how many times the usage"
        checks.number("bill * ", float(times), rule, least=0)
        return Bill({name: quantity * exact(times) for name, quantity in self.usage.items()}, self.free_tier)

    __rmul__ = __mul__

    def __sub__(self, other: Bill) -> Difference:
        return Difference(self, other) if isinstance(other, Bill) else NotImplemented

    def _charges(self) -> Iterator[tuple[Item, str, Decimal, Decimal, Decimal]]:
        """Item, words, quantity, price and amount of each line. The free tier goes to the items in the order of the list."""
        climbed: dict[str, Decimal] = {}
        free = {item.free: exact(fact(item.free).value) for item in prices().values() if item.free}
        for item in prices().values():
            quantity = self.usage.get(item.name, Decimal(0))
            for tier, part, price in item.parts(climbed.get(item.pool, Decimal(0)), quantity):
                words = item.words if tier == 1 else f"{item.words}, tier {tier}"
                yield item, words, part, price, part / item.per * price
            climbed[item.pool] = climbed.get(item.pool, Decimal(0)) + quantity
            if self.free_tier and item.free and quantity:
                covered, price = min(quantity, free[item.free]), item.steps[0][1]
                free[item.free] -= covered
                if covered:
                    yield item, f"{item.words}, free tier", -covered, price, -covered / item.per * price

    def _exact_total(self) -> Decimal:
        return sum((amount for *_, amount in self._charges()), Decimal(0))

    def __repr__(self) -> str:
        rows = [f"{line.item}: {line.arithmetic}" for line in self.lines]
        return "\n".join([*rows, f"Total: {money(self.total)}"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(line.item)}</td><td>{written(line.quantity)} {escape(line.unit)}</td>"
            f"<td>× {write_quantity(line.price, 'USD')}</td><td>{money(line.amount)}</td></tr>"
            for line in self.lines
        )
        total = f'<tr><th scope="row" colspan="3">Total</th><td><strong>{money(self.total)}</strong></td></tr>'
        heads = _heads("Item", "Quantity", "Price", "Amount")
        left_out = f"<p>Not in it: {escape('; '.join(self.leaves_out))}.</p>"
        return f"<table><thead>{heads}</thead><tbody>{rows}{total}</tbody></table>{left_out}"


@dataclass(frozen=True)
class Difference:
    """How ``first`` differs from ``second``, by item; ``total`` is above zero where the first costs more."""

    first: Bill
    second: Bill

    @property
    def total(self) -> float:
        """What the first costs more, in USD."""
        return float(self.first._exact_total() - self.second._exact_total())

    @property
    def table(self) -> pd.DataFrame:
        """The amounts of both by item, and their difference, in USD; what makes no difference is left out."""
        columns = {"first": self.first, "second": self.second}
        amounts = {name: each.table.groupby("item", sort=False)["amount (USD)"].sum() for name, each in columns.items()}
        order = dict.fromkeys([*amounts["first"].index, *amounts["second"].index])
        table = pd.DataFrame(amounts).reindex(list(order)).fillna(0.0)
        table["difference"] = table["first"] - table["second"]
        return table[table["difference"] != 0]

    def __repr__(self) -> str:
        rows = [f"{item}: {money(row['first'])} - {money(row['second'])}" for item, row in self.table.iterrows()]
        return "\n".join([*rows, f"Difference: {money(self.total)}"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(str(item))}</td>{''.join(f'<td>{money(amount)}</td>' for amount in row)}</tr>"
            for item, row in self.table.iterrows()
        )
        sums = "".join(f"<td><strong>{money(each)}</strong></td>" for each in (self.first.total, self.second.total, self.total))
        total = f'<tr><th scope="row">Total</th>{sums}</tr>'
        return f"<table><thead>{_heads('Item', 'First', 'Second', 'Difference')}</thead><tbody>{rows}{total}</tbody></table>"


@dataclass(frozen=True)
class Provisioned:
    """Provisioned concurrency, and what ran on it.

    concurrency
        ProvisionedConcurrentExecutions: environments that are kept.
    hours
        For how long; billed in steps of five minutes, rounded up.
    requests, duration_ms
        What ran on it: how many, and milliseconds each (a number, or an array of that length). What spilled over ran on demand.
    """

    concurrency: int
    hours: float
    requests: float = 0
    duration_ms: Any = field(default=0.0)

    def __post_init__(self) -> None:
        rule = "must be a whole number of 1 or more (ProvisionedConcurrentExecutions)"
        checks.whole("Provisioned(concurrency", self.concurrency, rule, least=1)
        checks.number("Provisioned(hours", self.hours, "must be a number of hours of 0 or more", least=0)
        _count("Provisioned(requests", self.requests)

    @property
    def billed_seconds(self) -> int:
        """Seconds for which each environment is billed."""
        step = fact("provisioned_billing_period").value
        return math.ceil(self.hours * 3600 / step - 1e-9) * step


@dataclass(frozen=True)
class SnapStart:
    """SnapStart where it is charged for: other runtimes than Java's managed ones.

    hours
        For how long each published version was active; at least three hours are billed.
    restores
        New environments that began from a snapshot.
    versions
        Published versions, each with a snapshot of its own.
    """

    hours: float
    restores: float = 0
    versions: int = 1

    def __post_init__(self) -> None:
        checks.number("SnapStart(hours", self.hours, "must be a number of hours of 0 or more", least=0)
        _count("SnapStart(restores", self.restores)
        rule = "must be a whole number of 1 or more (AWS::Lambda::Version)"
        checks.whole("SnapStart(versions", self.versions, rule, least=1)

    @property
    def billed_seconds(self) -> Decimal:
        """Seconds for which each snapshot is billed."""
        return max(exact(self.hours) * 3600, exact(fact("snapstart_cache_minimum").value))


def bill(
    requests: float,
    duration_ms: Any,
    memory_mb: int,
    *,
    architecture: str = "x86_64",
    free_tier: bool = True,
    ephemeral_mb: int = 512,
    init_ms: Any = 0.0,
    cold_starts: int = 0,
    provisioned: Provisioned | None = None,
    snapstart: SnapStart | None = None,
    payload_kb: Any = None,
    **others: float,
) -> Bill:
    """What a function costs in us-east-1; for a month, when the free tier is to be right.

    requests, duration_ms
        What ran on demand: how many, and milliseconds each: a number, or an array with one value for each request. Each is
        rounded up to the millisecond.
    memory_mb, architecture, ephemeral_mb
        The function's MemorySize, Architectures (``"x86_64"`` or ``"arm64"``) and EphemeralStorage.
    init_ms, cold_starts
        How many of the requests started an environment, and the milliseconds of initialisation of each: a number, or an array
        of that length. Billed since 1 August 2025: duration and initialisation are added and then rounded up. In an array of
        durations the first ``cold_starts`` are taken to be the cold ones.
    provisioned
        ``Provisioned(concurrency, hours, requests, duration_ms)``: what was allocated, and what ran on it, without free tier.
    snapstart
        ``SnapStart(hours, restores)``, for other runtimes than Java's.
    payload_kb
        Of asynchronous events, KB each (a number or an array): above 256 KB, every further 64 KB count as a request.
    others
        Anything else on the price list, by name: ``sqs_requests=3_000_000``, ``nat_hours=730``, ``logs_gb=5`` …

    >>> bill(3_000_000, 120, 1536).total        # AWS's own example
    2.733338
    """
    requests = _count("bill(requests", requests)
    checks.choice("bill(architecture", architecture, ARCHITECTURES, "AWS::Lambda::Function Architectures")
    least, most = fact("memory_minimum").value, fact("memory_maximum").value
    rule = f"must be a whole number of MB from {least} to {most:,} (AWS::Lambda::Function MemorySize)"
    memory_mb = checks.whole("bill(memory_mb", memory_mb, rule, least=least, most=most)
    least, most = fact("ephemeral_minimum").value, fact("ephemeral_maximum").value
    rule = f"must be a whole number of MB from {least} to {most:,} (AWS::Lambda::Function EphemeralStorage)"
    ephemeral_mb = checks.whole("bill(ephemeral_mb", ephemeral_mb, rule, least=least, most=most)
    rule = f"must be a whole number from 0 to the requests, {requests:,}"
    cold_starts = checks.whole("bill(cold_starts", cold_starts, rule, least=0, most=requests)

    ran, initialised = _billed(requests, duration_ms, cold_starts, init_ms)
    usage: dict[str, object] = {
        "requests": requests,
        f"duration_{architecture}": gb_seconds(ran, memory_mb),
        f"init_{architecture}": gb_seconds(initialised, memory_mb),
    }
    if payload_kb is not None:
        usage["payload_requests"] = _payload_requests(requests, payload_kb)
    on_provisioned = 0
    if provisioned is not None:
        example = "Provisioned(concurrency, hours, requests, duration_ms)"
        checks.instance("bill(provisioned", provisioned, Provisioned, example)
        on_provisioned, _ = _billed(provisioned.requests, provisioned.duration_ms, 0, 0)
        kept_ms = provisioned.concurrency * provisioned.billed_seconds * 1000
        usage["provisioned_requests"] = provisioned.requests
        usage[f"provisioned_{architecture}"] = gb_seconds(kept_ms, memory_mb)
        usage[f"provisioned_duration_{architecture}"] = gb_seconds(on_provisioned, memory_mb)
    if snapstart is not None:
        checks.instance("bill(snapstart", snapstart, SnapStart, "SnapStart(hours, restores)")
        usage["snapstart_cache"] = gb_seconds(snapstart.versions * snapstart.billed_seconds * 1000, memory_mb)
        usage["snapstart_restore"] = gb_seconds(exact(snapstart.restores) * 1000, memory_mb)
    usage["ephemeral"] = gb_seconds(ran + initialised + on_provisioned, ephemeral_mb - fact("ephemeral_minimum").value)
    for name in others:
        if name in usage:
            raise TypeError(f"bill({name}=…) follows from the other arguments; charges({name}=…) takes it as a quantity.")
    return charges(free_tier=free_tier, **usage, **others)


def charges(*, free_tier: bool = True, **quantities: Any) -> Bill:
    """A bill for ``quantities`` of anything on the price list: ``charges(nat_hours=730, nat_gb=100)``. See ``price_list()``."""
    usage = {}
    for name, quantity in quantities.items():
        if name not in prices():
            near = ", ".join(difflib.get_close_matches(name, prices(), n=3)) or "see price_list()"
            raise TypeError(f"The price list has no item {name!r}: {near}?")
        if not isinstance(quantity, Decimal):
            checks.number(f"charges({name}", quantity, f"must be a quantity of 0 or more, in {prices()[name].unit}", least=0)
        if quantity:
            usage[name] = exact(quantity)
    return Bill(usage, bool(free_tier))


def billed_ms(duration_ms: Any, init_ms: Any = 0.0) -> Any:
    """What is billed of one invocation, or of each of an array: duration and initialisation, together rounded up."""
    billed = np.ceil(np.asarray(duration_ms, dtype=float) + np.asarray(init_ms, dtype=float) - 1e-6).astype(np.int64)
    return billed if billed.ndim else int(billed)


def gb_seconds(milliseconds: object, mb: int) -> Decimal:
    """``milliseconds`` of ``mb`` MB in GB-seconds, exactly: a GB has 1,024 MB."""
    return exact(milliseconds) * mb / fact("mb_per_gb").value / 1000


def money(amount: float) -> str:
    """Dollars and cents; below a cent, as many digits as it takes."""
    sign, amount = ("−" if amount < 0 else ""), abs(amount)
    if 0 < amount < 0.01:
        return f"{sign}${amount:.2g}" if amount >= 0.0001 else f"{sign}${amount:.2e}"
    return f"{sign}${round(exact(float(amount)) + Decimal('1e-12'), 2):,}"


def written(quantity: float) -> str:
    """A quantity with as many digits as matter."""
    return f"{quantity:,.6f}".rstrip("0").rstrip(".").replace("-", "−")


def _billed(requests: int, duration_ms: Any, cold_starts: int, init_ms: Any) -> tuple[int, int]:
    """Milliseconds billed for handlers, and on top for initialisation."""
    most = fact("timeout_maximum").value * 1000
    durations = _each("duration_ms", duration_ms, requests, "requests", most)
    inits = _each("init_ms", init_ms, cold_starts, "cold_starts", most)
    warm = billed_ms(durations)
    ran = int(np.sum(warm)) if np.ndim(warm) else warm * requests
    if not cold_starts:
        return ran, 0
    first = durations[:cold_starts] if durations.ndim else durations
    more = billed_ms(first, inits) - billed_ms(first)
    return ran, int(np.sum(more)) if np.ndim(more) else more * cold_starts


def _payload_requests(requests: int, payload_kb: Any) -> int:
    """The further requests that large asynchronous events count as."""
    most = fact("async_payload").value * 1024
    sizes = _each("payload_kb", payload_kb, requests, "requests", most)
    beyond = np.maximum(sizes - fact("async_request_first").value, 0) / fact("async_request_step").value
    further = np.ceil(beyond - 1e-6)
    return int(further.sum()) if further.ndim else int(further) * requests


def _each(name: str, values: Any, count: int, of: str, most: float) -> np.ndarray:
    """``values`` as one number for all, or an array of ``count``."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"bill({name}={values!r}): must be a number, or an array of numbers.") from None
    if array.ndim > 1 or (array.ndim == 1 and array.size != count):
        raise ValueError(
            f"bill({name}=…): an array has one value for each of the {of} ({count:,}); this has the shape {array.shape}."
        )
    if array.size and not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= most):
        raise ValueError(f"bill({name}=…): each must be from 0 to {most:,} (the most that Lambda takes).")
    return array


def _count(where: str, value: Any) -> int:
    return checks.whole(where, value, "must be a whole number of 0 or more", least=0)


def _heads(*heads: str) -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<tr>{cells}</tr>"
