"""The account: what all functions in one Region share."""

from __future__ import annotations

from dataclasses import dataclass

from lambdacourse.facts import fact
from lambdacourse.model import checks


@dataclass(frozen=True)
class Account:
    """An AWS account in one Region, with its Lambda quotas. ``None`` switches a limit off.

    concurrency_limit
        Concurrent executions that all functions share (quota L-B99A9384).
    scaling_rate, scaling_period
        New execution environments that each function may get in ``scaling_period`` seconds; refilled continuously and never
        above ``scaling_rate``. The same rate lets a function's requests grow by ``scaling_rate * rps_per_concurrency``
        requests per second in each period.
    rps_per_concurrency
        Requests per second for each unit of concurrency, reserved or shared.
    rps_burst
        Assumption: how many seconds' worth of requests the limit above lets through at once.
    unreserved_minimum
        Concurrency that must stay without a reservation.
    provisioned_delay
        Assumption: seconds before Lambda begins to allocate provisioned concurrency. AWS says a minute or two.
    provisioned_rate
        Environments per minute that are then allocated for a function; they can be used once all of them are there.
    """

    concurrency_limit: int | None = fact("account_concurrency").value
    scaling_rate: int | None = fact("scaling_rate").value
    scaling_period: float = fact("scaling_period").value
    rps_per_concurrency: float | None = fact("rps_per_concurrency").value
    rps_burst: float = fact("rps_burst").value
    unreserved_minimum: int = fact("unreserved_minimum").value
    provisioned_delay: float = fact("provisioned_preparation").value
    provisioned_rate: float | None = fact("provisioned_allocation_rate").value

    def __post_init__(self) -> None:
        def keep(field: str, value: float) -> None:
            object.__setattr__(self, field, value)

        if self.concurrency_limit is not None:
            rule = "must be a whole number of 1 or more, or None for no limit (account quota Concurrent executions, L-B99A9384)"
            keep("concurrency_limit", checks.whole("Account(concurrency_limit", self.concurrency_limit, rule, least=1))
        if self.scaling_rate is not None:
            rule = "must be a whole number of environments, 1 or more, or None for no limit (Lambda's concurrency scaling rate)"
            keep("scaling_rate", checks.whole("Account(scaling_rate", self.scaling_rate, rule, least=1))
        rule = "must be a number of seconds above 0 (the period of Lambda's concurrency scaling rate)"
        keep("scaling_period", checks.number("Account(scaling_period", self.scaling_period, rule, above=0))
        if self.rps_per_concurrency is not None:
            rule = "must be a number of requests per second above 0, or None for no limit (Lambda's requests-per-second limit)"
            keep("rps_per_concurrency", checks.number("Account(rps_per_concurrency", self.rps_per_concurrency, rule, above=0))
        rule = "must be a number of seconds above 0 (an assumption: AWS does not publish how it smooths the request rate)"
        keep("rps_burst", checks.number("Account(rps_burst", self.rps_burst, rule, above=0))
        rule = "must be a whole number of 0 or more (Lambda's minimum of UnreservedConcurrentExecutions)"
        keep("unreserved_minimum", checks.whole("Account(unreserved_minimum", self.unreserved_minimum, rule, least=0))
        rule = "must be a number of seconds, 0 or more (an assumption: AWS says that allocation begins after a minute or two)"
        keep("provisioned_delay", checks.number("Account(provisioned_delay", self.provisioned_delay, rule, least=0))
        if self.provisioned_rate is not None:
            rule = "must be a number of environments per minute above 0, or None for no limit (Lambda allocates up to 6,000)"
            keep("provisioned_rate", checks.number("Account(provisioned_rate", self.provisioned_rate, rule, above=0))
