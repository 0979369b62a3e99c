"""The learner's template: its text, checked and read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lambdacourse.grading.answers import with_article
from lambdacourse.templates import Report, TemplateError, check_text
from lambdacourse.templates.checking import stack_of
from lambdacourse.templates.reading import Deployment, read_stack
from lambdacourse.templates.stack import Stack


@dataclass(frozen=True)
class Examined:
    """What a template holds: what is wrong with it, its resources, and what it deploys."""

    report: Report
    stack: Stack
    deployment: Deployment


def as_template(value: Any) -> tuple[Examined | None, str]:
    """The template whose text ``value`` is, or None and a sentence that says what came instead."""
    if value is None:
        return None, "It returned None: is there a return at the end of your function?"
    if type(value) is not str:
        return None, f"It returned {with_article(value)}; the template as text was expected."
    try:
        return _examined(value), ""
    except (TemplateError, ValueError) as problem:
        return None, f"The template cannot be read: {str(problem).splitlines()[0]}"


@lru_cache(maxsize=32)
def _examined(text: str) -> Examined:
    """Kept, because grading looks twice at the same text."""
    stack = stack_of(text, "")
    return Examined(check_text(text), stack, read_stack(stack, ""))
