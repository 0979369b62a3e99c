"""The learner's Lambda handler, as a mapping calls it: an event as AWS writes it, a response that must be JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambdacourse.grading.answers import Answer, Strange, not_answered, with_article


def handler(answer: Answer, name: str) -> Callable[[dict], Any]:
    """Calls the learner's handler ``name`` with an event and an empty context.

    Raises what the handler raises, ``TypeError`` where the response is no JSON, and ``NotImplementedError`` for a stub.
    """

    def call(event: dict) -> Any:
        try:
            response = answer(event, {})
        except Exception as problem:
            if isinstance(problem, NotImplementedError) or "is not answered yet" in str(problem):
                raise not_answered(name) from None
            raise
        if isinstance(response, Strange):
            raise TypeError(f"it returned {with_article(response)}, which is no JSON")
        return response

    return call
