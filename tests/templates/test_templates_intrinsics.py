"""Parameters, conditions and intrinsic functions, worked out as far as the file says."""

import pytest

from lambdacourse.templates import TemplateError, check_text
from lambdacourse.templates.document import parse
from lambdacourse.templates.template import Reference, Template, Text, Unknown

HEAD = """
Parameters:
  Stage: {Type: String, Default: prod}
  Many: {Type: Number, Default: "25"}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
  Bare: {Type: String}
Mappings:
  Sizes: {prod: {memory: 2048}, test: {memory: 128}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
  Either: !Or [!Condition IsTest, !Equals [!Ref Many, 25]]
  Both: !And [!Condition IsProd, !Condition IsTest]
  Open: !Equals [!Ref Bare, x]
  OpenOrProd: !Or [!Condition Open, !Condition IsProd]
Resources:
  Orders: {Type: AWS::SQS::Queue}
"""


def worked_out(value, **given):
    """The data of ``value``, written in YAML, in the template above."""
    template = Template(parse(f"{HEAD}\nx: {value}\n"), given)
    data = template.resolve(template.root["x"]).data
    return [item.data for item in data] if isinstance(data, list) else data


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("!Ref Stage", "prod"),
        ("!Ref Many", 25),
        ("!Ref Zones", ["a", "b"]),
        ("!Select [1, !Ref Zones]", "b"),
        ("!FindInMap [Sizes, !Ref Stage, memory]", 2048),
        ("!Sub '${Stage}-${AWS::Region}-${!Literal}'", "prod-us-east-1-${Literal}"),
        ("!Sub ['${Name}/${Stage}', {Name: !Ref Many}]", "25/prod"),
        ("!Join ['-', [a, !Ref Many, !Ref Stage]]", "a-25-prod"),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!If [IsProd, yes-it-is, no]", "yes-it-is"),
        ("!If [IsTest, 1, !If [Both, 2, 3]]", 3),
        ("!If [Either, 1, 2]", 1),
        ("!If [OpenOrProd, 1, 2]", 1),
        ("[a, !Ref AWS::NoValue, b]", ["a", "b"]),
        ("!Ref Orders", Reference("Orders")),
        ("!GetAtt Orders.Arn", Reference("Orders", "Arn")),
        ("{'Fn::GetAtt': 'Orders.Arn'}", Reference("Orders", "Arn")),
        ("!Sub 'function:${Orders}:live'", Text(("function:", Reference("Orders"), ":live"))),
        ("!Sub '${Orders.Arn}'", Reference("Orders", "Arn")),
    ],
)
def test_what_the_file_says(value, data):
    """Functions are worked out with the parameters' defaults; what names a resource stays a reference."""
    assert worked_out(value) == data


@pytest.mark.parametrize(
    "value",
    ["!Ref Bare", "!ImportValue x", "!If [Open, 1, 2]", "!FindInMap [Sizes, no, memory]", "!Select [9, !Ref Zones]", "!Sub []",
     "'{{resolve:ssm:/x}}'", "!GetAZs ''", "!Foo 3", "!Join [',', !Ref Bare]", "!Select [!Ref Bare, !Ref Zones]"],
)  # fmt: skip
def test_what_it_does_not_say(value):
    """What only AWS knows, and what is wrong, is unknown with a reason: nothing is guessed."""
    data = worked_out(value)
    assert isinstance(data, Unknown) and data.why


def test_given_parameters_win_over_defaults():
    """A value that is given replaces the default, also in conditions."""
    assert worked_out("!If [IsProd, big, !Ref Many]", Stage="test", Many=7) == 7
    with pytest.raises(TemplateError, match="no such parameter"):
        worked_out("1", Stge="test")


def test_resources_whose_condition_fails_are_left_out():
    """A resource under a condition that does not hold is not there; one whose condition is open may be."""
    text = HEAD + "  A: {Type: AWS::SQS::Queue, Condition: IsTest}\n  B: {Type: AWS::SQS::Queue, Condition: Open}\n"
    assert [resource.name for resource in Template(parse(text), {}).resources()] == ["Orders", "B"]


def test_texts_that_grow_are_cut():
    """Fn::Sub of a long parameter, over and over, stops at a bound instead of filling the memory."""
    many = ", ".join(["!Sub '" + "${Long}" * 200 + "'"] * 200)
    text = f"Parameters: {{Long: {{Type: String, Default: {'x' * 4000}}}}}\nx: [{many}]\n"
    template = Template(parse(text), {})
    assert isinstance(template.resolve(template.root["x"]).data[-1].data, Unknown | Text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Transform: [Shrink]\nResources: {Q: {Type: AWS::SQS::Queue}}\n", "macro Shrink"),
        ("Resources: {N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://a.s3.amazonaws.com/b}}}\n", "nested stack"),
        ("Resources: {Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Foo 3}}}\n", "no intrinsic function Fn::Foo"),
        ("Resources: {Q: {Type: AWS::SQS::Queue, Properties: {'Fn::Transform': {Name: AWS::Include}}}}\n", "a macro"),
        ("Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::Q': [N, [a], {'Q${N}': {Type: AWS::SQS::Queue}}]}\n", "ForEach"),
    ],
)  # fmt: skip
def test_what_was_not_looked_into_is_said(text, words):
    """Macros, nested stacks and unknown functions are noted: silence about them would look like praise."""
    notes = [found for found in check_text(text).findings if found.rule == "not-looked-into"]
    assert len(notes) == 1 and words.lower() in notes[0].text.lower() and notes[0].severity == "note"
