"""Between a source and a handler: handing a batch over, and what the answer means, by AWS's rules.

The handler is a ``LocalLambda``, or a plain function of ``(event, context)``. One batch is delivered after the other; how many at
once, and how fast, is the simulator's matter.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.runtime import events
from lambdacourse.runtime.local import LocalLambda

Target = LocalLambda | Callable[[Any, Any], Any]
MOST_BATCHES = 100
"""How many batches one ``deliver`` hands over at the most: a message that always fails may come back for days."""


@dataclass(frozen=True)
class Delivery:
    """One batch that was handed to the handler, and what came of it.

    outcome
        ``"success"``, ``"partial"``, ``"failure"`` or ``"throttled"`` (then the handler did not run).
    done, failed
        Message ids or sequence numbers: what the batch was finished with, and what comes again (or was given up).
    response, error
        What the handler returned; the error's text when it failed.
    time
        When, in seconds of the source's clock since it was made.
    """

    event: dict[str, Any] = field(repr=False)
    outcome: str
    done: tuple[str, ...]
    failed: tuple[str, ...]
    response: Any = field(repr=False)
    error: str | None
    time: float


def failed_messages(response: Any, ids: Sequence[str]) -> set[str]:
    """Which messages of an SQS batch failed, by the response: none, those that it lists, or all of them.

    Nothing listed, or no response, is a success. An identifier that is empty, missing or not in the batch makes the whole batch
    fail, and so does a response that is no object.
    """
    listed = _listed(response)
    if listed is None or not set(listed) <= set(ids):
        return set(ids)
    return set(listed)


def checkpoint(response: Any, sequences: Sequence[str]) -> int:
    """How many records of a stream's batch are finished with: those before the lowest sequence number listed.

    Sequence numbers are compared as whole numbers. An identifier that is empty or missing makes the whole batch fail. AWS says
    nothing about one that is not in the batch; here it makes the batch fail too.
    """
    listed = _listed(response)
    if listed is None or not set(listed) <= set(sequences):
        return 0
    return sequences.index(min(listed, key=int)) if listed else len(sequences)


def _listed(response: Any) -> list[str] | None:
    """The identifiers that a response lists; None when it is malformed."""
    if response is None or response == "":
        return []
    if not isinstance(response, Mapping):
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return []
    if not isinstance(failures, list):
        return None
    listed = [each.get("itemIdentifier") if isinstance(each, Mapping) else None for each in failures]
    return listed if all(isinstance(each, str) and each for each in listed) else None


@dataclass(frozen=True)
class Answer:
    response: Any
    error: str | None
    seconds: float
    throttled: bool = False

    def outcome(self, done: Sequence[str], failed: Sequence[str]) -> str:
        if self.throttled:
            return "throttled"
        return "success" if not failed else "partial" if done else "failure"


class _Context:
    """The context that a plain function gets: what ``LambdaContext`` has, as far as it means anything without one."""

    function_name = "local"
    function_version = "$LATEST"
    memory_limit_in_mb = str(fact("memory_default_here").value)
    invoked_function_arn = events.arn("lambda", "function:local")
    log_group_name, log_stream_name = "/aws/lambda/local", "local"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + fact("timeout_maximum").value

    def get_remaining_time_in_millis(self) -> int:
        return max(int(1000 * (self._deadline - time.monotonic())), 0)


def hand_to(function: Target, event: dict[str, Any]) -> Answer:
    """Invoke ``function`` with ``event``; both ways through JSON, as on Lambda."""
    if isinstance(function, LocalLambda):
        result = function.invoke(event)
        if result.status == 429:
            return Answer(None, result.reason, result.latency, throttled=True)
        failed = result.function_error is not None
        error = f"{result.payload.get('errorType')}: {result.payload.get('errorMessage')}" if failed else None
        return Answer(None if failed else result.payload, error, result.latency)
    if not callable(function):
        raise TypeError(f"deliver(function={function!r}): must be a LocalLambda or a function of (event, context).")
    begin = time.monotonic()
    try:
        response, error = json.loads(json.dumps(function(json.loads(json.dumps(event)), _Context()))), None
    except Exception as problem:  # whatever a handler raises is its failure, not ours
        response, error = None, f"{type(problem).__name__}: {problem}"
    return Answer(response, error, time.monotonic() - begin)


def arn_of(function: Target) -> str:
    return function.deployment.arn if isinstance(function, LocalLambda) else _Context.invoked_function_arn
