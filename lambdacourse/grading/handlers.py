"""The learner's Lambda handler, as a mapping calls it: an event as AWS writes it, a response that must be JSON, read as Lambda does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lambdacourse.grading.answers import Answer, Strange, not_answered, with_article
from lambdacourse.runtime.mapping import failed_messages


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


def listed(response: object, ids: Sequence[str]) -> tuple[set[str] | None, str]:
    """The messages that a response calls failed, or what is wrong with it."""
    if response is None:
        return set(), ""
    if type(response) is not dict or type(response.get("batchItemFailures")) is not list:
        return None, 'a dict with the key "batchItemFailures" and a list was expected, {"batchItemFailures": […]}.'
    entries = response["batchItemFailures"]
    if not all(type(each) is dict and type(each.get("itemIdentifier")) is str for each in entries):
        return None, 'each entry is a dict, {"itemIdentifier": …}, with the messageId of a record as its text.'
    unknown = {each["itemIdentifier"] for each in entries} - set(ids)
    if unknown:
        return None, (
            f"it names {min(unknown)!r}, which is no messageId of the batch: then Lambda takes the whole batch for failed. "
            "Is that a receiptHandle, or an index?"
        )
    return failed_messages(response, ids), ""


def raised(problem: Exception) -> str:
    """What a handler raised, with its kind, which what comes from a sandbox has in its words already."""
    said = str(problem)
    return said if ": " in said else f"{type(problem).__name__}: {said}"
