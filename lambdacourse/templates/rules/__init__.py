"""The findings that cfn-lint does not see, one small function each, grouped by what they look at."""

from lambdacourse.templates.rules import alarms, concurrency, functions, network, queues, streams
from lambdacourse.templates.rules.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    found
    for room in (concurrency, queues, streams, functions, network, alarms)
    for found in vars(room).values()
    if isinstance(found, Rule)
)
