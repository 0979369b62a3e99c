"""What a rule is: a name, a severity, AWS's rule with the fact it stands on, and a function that looks for breaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.document import Place, Value
from lambdacourse.templates.report import SEVERITIES, Finding
from lambdacourse.templates.stack import Stack
from lambdacourse.templates.template import Resource

Breach = tuple[Resource | Value, str, str]
"""Where, what is there, and what mends it."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``says`` is AWS's rule in a sentence, which stands on the fact called ``fact``."""

    name: str
    severity: str
    fact: str
    says: str
    look: Callable[[Stack, Account], Iterator[Breach]]

    def findings(self, stack: Stack, account: Account) -> Iterator[Finding]:
        known = fact(self.fact)
        for spot, text, mend in self.look(stack, account):
            yield Finding(
                self.severity, self.name, _place(spot), text, self.says, known.source, known.address, known.as_of, mend
            )  # fmt: skip


def rule(name: str, severity: str, fact: str, says: str) -> Callable[[Callable[[Stack, Account], Iterator[Breach]]], Rule]:
    """Make a ``Rule`` of a function that yields breaches."""
    assert severity in SEVERITIES

    def make(look: Callable[[Stack, Account], Iterator[Breach]]) -> Rule:
        return Rule(name, severity, fact, says, look)

    return make


def _place(spot: Resource | Value) -> Place:
    """A property is found at its name, as cfn-lint does it."""
    return spot.place if isinstance(spot, Resource) else spot.name_place or spot.place
