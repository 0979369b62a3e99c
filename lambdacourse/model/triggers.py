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
    """

    function: Function
    traffic: Traffic
    via: str = field(default="invoke", kw_only=True)

    def __post_init__(self) -> None:
        checks.instance("Sync(function", self.function, Function, 'a Function, such as Function("api", duration=0.5)')
        checks.instance("Sync(traffic", self.traffic, Traffic, "a traffic, such as poisson(1_000)")
        checks.choice("Sync(via", self.via, tuple(CALLERS), "the synchronous callers of Lambda that are modelled")


def throttle_status(via: str) -> int:
    """The HTTP status that a caller sees when Lambda throttles the request."""
    return fact(f"status_throttle_{checks.choice('throttle_status(via', via, tuple(CALLERS), 'synchronous callers')}").value
