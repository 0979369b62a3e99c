"""The exercises by name; each module holds the tasks of one assignment, with their checkers."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module

from lambdacourse.grading.tasks import Exercise, Task

MODULES = {
    "01-concurrency": "concurrency",
    "02-reserved-and-provisioned": "provisioned",
    "03-cold-starts": "coldstarts",
    "04-vpc": "vpc",
    "05-events-and-queues": "queues",
    "06-streams": "streams",
    "07-cost": "cost",
    "08-operating": "operating",
    "09-design-image-pipeline": "pipeline",
    "10-debug-slow-function": "slowfunction",
    "11-interview": "interview",
}


@cache
def exercise(name: str) -> Exercise:
    """The exercise called ``name``, such as ``"01-concurrency"``."""
    if name not in MODULES:
        raise KeyError(f"There is no exercise {name!r}; there are: {', '.join(MODULES)}.")
    return import_module(f"{__name__}.{MODULES[name]}").EXERCISE


def task(name: str) -> tuple[Exercise, Task]:
    """The task called ``name`` and the exercise it belongs to."""
    known = {}
    for found in map(exercise, MODULES):
        for each in found.tasks:
            known[each.name] = (found, each)
    if name not in known:
        near = " or ".join(map(repr, difflib.get_close_matches(str(name), known, n=2)))
        hint = f"Did you mean {near}?" if near else "The table at the top of the exercise has their names."
        raise KeyError(f"There is no task {name!r}. {hint}")
    return known[name]
