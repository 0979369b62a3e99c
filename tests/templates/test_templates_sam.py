"""SAM's own resource types become what SAM makes of them; the oracle is the output of AWS's translator, version 1.115.0."""

import json
from pathlib import Path

import pytest

from lambdacourse.templates import check_text
from lambdacourse.templates.document import load, parse
from lambdacourse.templates.stack import Stack
from lambdacourse.templates.template import Reference, Template

HERE = Path(__file__).parent / "sam"
TRANSLATED = json.loads((HERE / "events.translated.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def stack():
    return Stack.of(Template(parse(load(HERE / "events.yaml")), {}))


def plain(data):
    """Worked-out data in the form of a template, the hash of the version's logical ID left out."""
    data = getattr(data, "data", data)
    if isinstance(data, Reference):
        name = data.name
        return {"Ref": name} if data.attribute is None else {"Fn::GetAtt": [name, data.attribute]}
    if isinstance(data, dict):
        return {name: plain(value) for name, value in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data


def without_hash(text):
    return json.loads(json.dumps(text).replace("FVersion953311e841", "FVersion"))


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("F", ("Runtime", "Handler", "Timeout", "Environment", "Layers", "ReservedConcurrentExecutions", "DeadLetterConfig")),
        ("FVersion", ("FunctionName",)),
        ("FAliaslive", ("Name", "FunctionName", "FunctionVersion", "ProvisionedConcurrencyConfig")),
        ("FQ", ("BatchSize", "EventSourceArn", "FunctionName", "FunctionResponseTypes", "ScalingConfig")),
        ("FK", ("BatchSize", "EventSourceArn", "FunctionName", "StartingPosition")),
        ("FEventInvokeConfig", ("FunctionName", "Qualifier", "MaximumRetryAttempts")),
        ("FUrl", ("TargetFunctionArn",)),
        ("FN", ("Endpoint", "Protocol", "TopicArn")),
    ],
)
def test_resource_is_what_the_translator_makes(stack, name, properties):
    """Each generated resource has the type and the properties, Globals merged in, that AWS's translator gives it."""
    expected = {key.replace("FVersion953311e841", "FVersion"): value for key, value in TRANSLATED.items()}[name]
    mine = stack.resources[name]
    assert mine.type == expected["Type"]
    assert {key: plain(mine.at(key)) for key in properties} == {
        key: without_hash(expected["Properties"][key]) for key in properties
    }


def test_every_event_invokes_the_alias(stack):
    """With AutoPublishAlias no event invokes $LATEST: neither here nor in what the translator writes."""
    assert {invoker.target.qualifier.name for invoker in stack.invokers} == {"FAliaslive"}
    assert {target.qualifier.name for _, target, _ in stack.mappings} == {"FAliaslive"}
    assert {invoker.via for invoker in stack.invokers} == {
        "function_url",
        "api_gateway_rest",
        "api_gateway_http",
        "events",
        "scheduler",
        "sns",
        "s3",
    }
    for name in ("FQ", "FK"):
        assert TRANSLATED[name]["Properties"]["FunctionName"] == {"Ref": "FAliaslive"}


def test_generated_resources_stand_at_their_cause(stack):
    """What SAM generates has the place of the event or property that it comes from."""
    assert stack.resources["FQ"].place.line == 24 and stack.resources["FAliaslive"].place.line == 14


SAM = """Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: nodejs24.x, Timeout: 15}}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      CodeUri: src/
      ALIAS
      Events:
        Orders: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn, BatchSize: 1}}
  Orders: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 90, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}}}
  Dead: {Type: AWS::SQS::Queue}
"""


def test_rules_see_globals_and_generated_mappings():
    """A SAM function is held against the same rules: the timeout of Globals, the mapping of its event."""
    assert check_text(SAM.replace("ALIAS", "MemorySize: 512")).rules == []
    assert check_text(SAM.replace("ALIAS", "Timeout: 16")).rules == ["visibility-timeout"]
    assert check_text(SAM.replace("ALIAS", "Runtime: nodejs18.x")).rules == ["deprecated-runtime"]


@pytest.mark.parametrize("said", ["!Sub 'function:${Worker}:live'", "!Sub 'function:${Worker}:${Worker.Alias}'"])
def test_alias_by_the_names_that_sam_allows(said):
    """Scaling of a SAM function's alias: by its name it is right; Function.Alias is the alias's ARN, which is no qualifier."""
    scaled = SAM.replace(
        "ALIAS", "AutoPublishAlias: live\n      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 5}"
    )
    scaled += f"""  Scaling:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties: {{ServiceNamespace: lambda, ScalableDimension: "lambda:function:ProvisionedConcurrency", MinCapacity: 1, MaxCapacity: 5, ResourceId: {said}}}
"""
    assert check_text(scaled).rules == (["version-arn-as-qualifier"] if "Worker.Alias" in said else [])
