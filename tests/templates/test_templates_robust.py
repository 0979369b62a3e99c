"""A template that is spoilt anywhere is still checked and read, or refused in a sentence: nothing in it crashes a rule."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse import Account
from lambdacourse.templates import TemplateError
from lambdacourse.templates.checking import stack_of
from lambdacourse.templates.document import parse
from lambdacourse.templates.reading import read_stack
from lambdacourse.templates.rules import RULES

HERE = Path(__file__).parent
FILES = sorted([*(HERE / "rules").glob("*.yaml"), *(HERE / "samples").glob("*.yaml"), HERE / "sam" / "events.yaml"])
ODD = [
    None, True, 0, -1, 1.5, "", "x", "${", "a:b:c", "function::", [], {}, [None], {"Ref": "Worker"}, {"Ref": 3}, {"Fn::GetAtt": []},
    {"Fn::GetAtt": "Orders.Arn"}, {"Fn::Sub": "${Worker}:live"}, {"Fn::Sub": ["${x}", {"x": [1]}]}, {"Fn::Sub": 3},
    {"Fn::If": ["C", 1, 2]}, {"Fn::Select": [0, []]}, {"Fn::ImportValue": "x"}, {"Fn::Foo": 1}, "{{resolve:ssm:x}}",
]  # fmt: skip


def plain(value):
    data = value.data
    if isinstance(data, dict):
        return {name: plain(item) for name, item in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data


TREES = [plain(parse(file.read_text(encoding="utf-8"))) for file in FILES]


def paths(tree, path=()):
    """The way to everything in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TREES), st.data())
def test_spoilt_templates_crash_nothing(tree, data):
    """Up to three values replaced by something else: the rules and the reader find what they can, or say why they cannot."""
    spoilt = json.loads(json.dumps(tree))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(list(paths(spoilt))))
        place = spoilt
        for key in way:
            place = place[key]
        place[last] = json.loads(json.dumps(data.draw(st.sampled_from(ODD))))
        if not isinstance(spoilt.get("Resources"), dict):
            break
    try:
        stack = stack_of(json.dumps(spoilt), "spoilt")
        found = [finding for rule in RULES for finding in rule.findings(stack, Account())]
        assert all(finding.place.line == 1 and str(finding) for finding in found)
        read_stack(stack, "spoilt")
    except TemplateError as error:
        assert error.sentence
