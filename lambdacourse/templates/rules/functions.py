"""Functions: their runtime, and what happens to the events they are given."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import FUNCTION, Invoker, Stack
from lambdacourse.templates.template import Resource


@rule(
    "deprecated-runtime",
    "warning",
    "runtimes_deprecated",
    "A deprecated runtime gets no more security updates; later, functions on it can no longer be created, then no "
    "longer be updated.",
)
def deprecated_runtime(stack: Stack, account: Account) -> Iterator[Breach]:
    days, today = fact("runtimes_deprecated").value, datetime.date.today().isoformat()
    for function in stack.all(FUNCTION):
        runtime = function.data("Runtime")
        day = days.get(runtime) if isinstance(runtime, str) else None
        if day and day <= today:
            yield function.at("Runtime"), f"{function.name} runs on {runtime}, deprecated since {day}.", _current(runtime)


def _current(runtime: str) -> str:
    if runtime.startswith("nodejs"):
        return f"Move to {fact('nodejs_current').value}."
    family = runtime.rstrip("0123456789.x")
    days = fact("runtimes_deprecated").value
    newest = max((name for name in days if name.rstrip("0123456789.x") == family), key=lambda name: (days[name], name))
    return f"Move to {newest}." if newest != runtime else "Move to a runtime that is supported."


@rule(
    "failed-events-lost",
    "warning",
    "async_failure_goes_to",
    "An asynchronous event that fails for good is dropped, unless the function has a dead-letter queue or a "
    "destination for failures.",
)
def failed_events_lost(stack: Stack, account: Account) -> Iterator[Breach]:
    seen = set()
    for invoker in stack.invokers:
        function = invoker.target.function
        if invoker.kind == "async" and function.name not in seen and not _keeps_failures(stack, function):
            seen.add(function.name)
            text = f"{invoker.resource.name} invokes {function.name} asynchronously, and what it fails to process is gone."
            yield (
                function,
                text,
                f"Give {function.name} a DeadLetterConfig, or an AWS::Lambda::EventInvokeConfig with an OnFailure destination.",
            )


def _keeps_failures(stack: Stack, function: Resource) -> bool:
    configs = stack.all("AWS::Lambda::EventInvokeConfig")
    destinations = (
        config for config in configs if config.at("DestinationConfig.OnFailure") and stack.function_of(config) is function
    )
    return function.at("DeadLetterConfig") is not None or next(destinations, None) is not None


@rule(
    "no-permission",
    "error",
    "event_rule_permission",
    "An EventBridge rule may invoke a function only when a resource-based policy of the function, or a role of the "
    "target, allows it.",
)
def no_permission(stack: Stack, account: Account) -> Iterator[Breach]:
    for invoker in stack.invokers:
        if invoker.via == "events" and not _permitted(stack, invoker):
            name = invoker.target.function.name
            text = f"{invoker.resource.name} targets {name}, and nothing in the template lets EventBridge invoke it."
            yield invoker.resource, text, f"Add an AWS::Lambda::Permission for {name} with Principal events.amazonaws.com."


def _permitted(stack: Stack, invoker: Invoker) -> bool:
    for permission in stack.all("AWS::Lambda::Permission"):
        principal, target = permission.data("Principal"), stack.target(permission.data("FunctionName"))
        fits = principal == "events.amazonaws.com" or not isinstance(principal, str)
        if fits and target and target.function is invoker.target.function:
            return True
    return any(item["RoleArn"] is not None for item in invoker.resource.items("Targets"))
