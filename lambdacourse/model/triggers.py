"""What invokes a function."""

from __future__ import annotations

from dataclasses import dataclass, field

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.functions import Function
from lambdacourse.model.traffic import Traffic

CALLERS = {
    "invoke": "Invoke (SDK)",
    "function_url": "function URL",
    "api_gateway_rest": "API Gateway REST API",
    "alb": "Application Load Balancer",
}
"""How a synchronous caller reaches the function: the key for ``via``, and its name in words."""

LATEST = "$LATEST"
"""The qualifier of the unpublished version, which never runs on provisioned concurrency."""


@dataclass(frozen=True)
class Retry:
    """How a caller tries again: the standard retry mode of the AWS SDKs, whose numbers are the defaults.

    A throttle and a failure of the service are tried again. An error of the function is not: the SDK gets it with status 200.

    attempts
        How often a request is sent at the most, the first time included.
    base_delay, throttle_base_delay
        Seconds: before retry number n (from 0) the caller waits at most ``base_delay * 2**n``, after a throttle
        ``throttle_base_delay * 2**n``.
    maximum_delay
        Seconds: the longest of these waits.
    jitter
        Whether a random share of that wait is taken (full jitter), as SDKs do. Without it all wait equally long.
    quota
        Tokens of each client's retry quota; ``None`` for a client that has none. A retry that cannot pay is not made.
    cost, throttle_cost, refund
        Tokens that a retry costs, and that one costs after a throttle; both come back when the retry succeeds. A request
        that succeeds at once brings ``refund``.
    clients
        How many clients, each with a quota of its own, send the requests in turn.
    on_errors
        Whether function errors are tried again too, which no SDK does, but many a hand-written loop.
    """

    attempts: int = field(default=fact("sdk_attempts").value)
    base_delay: float = field(default=fact("sdk_base_delay").value, kw_only=True)
    throttle_base_delay: float = field(default=fact("sdk_base_delay_throttle").value, kw_only=True)
    maximum_delay: float = field(default=fact("sdk_delay_maximum").value, kw_only=True)
    jitter: bool = field(default=True, kw_only=True)
    quota: int | None = field(default=fact("sdk_retry_tokens").value, kw_only=True)
    cost: int = field(default=fact("sdk_retry_cost").value, kw_only=True)
    throttle_cost: int = field(default=fact("sdk_retry_cost_throttle").value, kw_only=True)
    refund: int = field(default=fact("sdk_retry_refund").value, kw_only=True)
    clients: int = field(default=1, kw_only=True)
    on_errors: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        rule = "must be a whole number of attempts from 1 to 100, the first included (the SDKs' max_attempts)"
        keep("attempts", checks.whole("Retry(attempts", self.attempts, rule, least=1, most=100))
        for attribute in ("base_delay", "throttle_base_delay", "maximum_delay"):
            rule = "must be a number of seconds, 0 or more (the SDKs' retry delay)"
            keep(attribute, checks.number(f"Retry({attribute}", getattr(self, attribute), rule, least=0))
        if self.quota is not None:
            rule = "must be a whole number of tokens, 0 or more, or None for no quota (the SDKs' retry quota)"
            keep("quota", checks.whole("Retry(quota", self.quota, rule, least=0))
        for attribute in ("cost", "throttle_cost", "refund"):
            rule = "must be a whole number of tokens, 0 or more (the SDKs' retry quota)"
            keep(attribute, checks.whole(f"Retry({attribute}", getattr(self, attribute), rule, least=0))
        rule = "must be a whole number of clients from 1 to 1,000,000, each with a retry quota of its own"
        keep("clients", checks.whole("Retry(clients", self.clients, rule, least=1, most=1_000_000))
        for attribute in ("jitter", "on_errors"):
            checks.choice(f"Retry({attribute}", getattr(self, attribute), (True, False), "a switch")


@dataclass(frozen=True)
class Sync:
    """Synchronous invocations: the caller waits for the result, and sees a throttle as an error.

    function
        Which function is invoked.
    traffic
        When, such as ``poisson(1_000)``.
    via
        What stands between caller and function, for the status the caller sees: ``"invoke"``, ``"function_url"``,
        ``"api_gateway_rest"`` or ``"alb"``.
    retry
        How the caller tries again, such as ``Retry()`` for an SDK's defaults; ``None`` for a caller that does not.
    qualifier
        Which version is invoked: ``None`` for the one that holds the provisioned concurrency, if any does, or ``"$LATEST"``.
    """

    function: Function
    traffic: Traffic
    via: str = field(default="invoke", kw_only=True)
    retry: Retry | None = field(default=None, kw_only=True)
    qualifier: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checks.instance("Sync(function", self.function, Function, 'a Function, such as Function("api", duration=0.5)')
        checks.instance("Sync(traffic", self.traffic, Traffic, "a traffic, such as poisson(1_000)")
        checks.choice("Sync(via", self.via, tuple(CALLERS), "the synchronous callers of Lambda that are modelled")
        if self.retry is not None:
            checks.instance("Sync(retry", self.retry, Retry, "a Retry, such as Retry(attempts=3), or None")
        check_qualifier("Sync", self.qualifier)


@dataclass(frozen=True)
class Async:
    """Asynchronous invocations: Lambda queues the event, answers at once, and invokes the function itself.

    An event whose invocation fails is tried again after one and then after two minutes. One that is throttled goes back to
    Lambda's queue, from where it is tried again after waits that grow from a second to five minutes, until it is too old.

    function
        Which function is invoked.
    traffic
        When events arrive, such as ``poisson(1_000)``.
    maximum_retry_attempts
        MaximumRetryAttempts: how often an event is tried again after a function error, 0 to 2.
    maximum_event_age
        MaximumEventAgeInSeconds: how long an event is kept, 60 to 21,600 s.
    on_failure
        Name of the destination for failures (DestinationConfig OnFailure) or of the dead-letter queue (DeadLetterConfig), which
        receives each event that is given up; ``None``: it is lost.
    qualifier
        As for ``Sync``.
    """

    function: Function
    traffic: Traffic
    maximum_retry_attempts: int = field(default=fact("async_retries").value, kw_only=True)
    maximum_event_age: float = field(default=fact("async_event_age").value, kw_only=True)
    on_failure: str | None = field(default=None, kw_only=True)
    qualifier: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        config = "AWS::Lambda::EventInvokeConfig"
        checks.instance("Async(function", self.function, Function, 'a Function, such as Function("api", duration=0.5)')
        checks.instance("Async(traffic", self.traffic, Traffic, "a traffic, such as poisson(1_000)")
        least, most = fact("async_retries_range").value
        rule = f"must be a whole number from {least} to {most} ({config} MaximumRetryAttempts)"
        retries = checks.whole("Async(maximum_retry_attempts", self.maximum_retry_attempts, rule, least=least, most=most)
        keep("maximum_retry_attempts", retries)
        least, most = fact("async_event_age_minimum").value, fact("async_event_age").value
        rule = f"must be a number of seconds from {least} to {most:,} ({config} MaximumEventAgeInSeconds)"
        keep(
            "maximum_event_age", checks.number("Async(maximum_event_age", self.maximum_event_age, rule, least=least, most=most)
        )
        if self.on_failure is not None:
            checks.name("Async(on_failure", self.on_failure, f"{config} DestinationConfig OnFailure")
        check_qualifier("Async", self.qualifier)


def check_qualifier(where: str, qualifier: str | None) -> None:
    """``qualifier`` is ``None`` or ``"$LATEST"``."""
    rule = "a qualifier: None for the version that holds the provisioned concurrency"
    checks.choice(f"{where}(qualifier", qualifier, (None, LATEST), rule)


def throttle_status(via: str) -> int:
    """The HTTP status that a caller sees when Lambda throttles the request."""
    return fact(f"status_throttle_{checks.choice('throttle_status(via', via, tuple(CALLERS), 'synchronous callers')}").value
