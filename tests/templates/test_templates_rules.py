"""Each rule finds what is wrong in a template of its own, and nothing in that template once it is mended."""

from pathlib import Path

import pytest

from lambdacourse import Account
from lambdacourse.facts import fact
from lambdacourse.templates import Report, check, check_text, lint
from lambdacourse.templates.rules import RULES

TEMPLATES = Path(__file__).parent / "rules"
NAMES = [rule.name for rule in RULES]


def test_every_rule_has_its_templates():
    """There is a bad and a mended template for each rule, and none beside; no two rules share a name."""
    assert sorted(NAMES) == sorted(
        file.name.removesuffix(".yaml") for file in TEMPLATES.glob("*.yaml") if ".mended" not in file.name
    )
    assert {file.name.removesuffix(".mended.yaml") for file in TEMPLATES.glob("*.mended.yaml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rule_fires_once_where_it_should(name):
    """The bad template has exactly this one finding, in a line that shows what is wrong, with its source and what mends it."""
    report = check(TEMPLATES / f"{name}.yaml")
    assert report.rules == [name], str(report)
    (found,) = report.findings
    assert found.severity == next(rule.severity for rule in RULES if rule.name == name)
    assert found.text.endswith(".") and found.because.endswith((".", ")")) and found.mend.endswith(".")
    assert found.address.startswith("https://") and found.source and found.as_of


@pytest.mark.parametrize("name", NAMES)
def test_mended_template_has_no_findings(name):
    """The mended template has no finding at all: neither this rule's, nor another's, nor cfn-lint's."""
    report = check(TEMPLATES / f"{name}.mended.yaml")
    assert report.findings == (), str(report)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("latest-misses-provisioned", "FunctionName: !Ref Worker"),
        ("scalable-dimension", "ScalableDimension: lambda:function:ProvisionedConcurrentExecutions"),
        ("visibility-timeout", "VisibilityTimeout: 60"),
        ("no-dead-letter-queue", "Orders:"),
        ("tumbling-window-factor", "ParallelizationFactor: 10"),
        ("public-subnet", "SubnetIds: [!Ref Public]"),
        ("deprecated-runtime", "Runtime: nodejs18.x"),
        ("reserved-too-high", "ReservedConcurrentExecutions: 450"),
    ],
)
def test_finding_points_at_the_line(name, line):
    """The place of a finding is the line that has to change."""
    file = TEMPLATES / f"{name}.yaml"
    (found,) = check(file).findings
    assert file.read_text(encoding="utf-8").splitlines()[found.place.line - 1].strip() == line


def test_every_rule_stands_on_a_fact():
    """The fact that a rule names exists, and is AWS's word: no assumption of this course."""
    assert [rule.name for rule in RULES if fact(rule.fact).assumption] == []


FUNCTION = """
  {name}:
    Type: AWS::Lambda::Function
    Properties: {{Runtime: nodejs24.x, Handler: a.b, Role: "arn:aws:iam::123456789012:role/worker", Code: {{S3Bucket: code, S3Key: k}}{more}}}
"""


def function(name="F", more=""):
    return FUNCTION.format(name=name, more=f", {more}" if more else "")


@pytest.mark.parametrize(("timeout", "window", "needed"), [(15, 0, 90), (3, 5, 23), (30, 60, 240)])
def test_visibility_timeout_is_six_timeouts_and_the_window(timeout, window, needed):
    """AWS's rule, 6 times the function's timeout plus the window: silent at the number itself, found one second below."""
    for visible, expected in [(needed, []), (needed - 1, ["visibility-timeout"])]:
        text = (
            "Resources:\n"
            + function(more=f"Timeout: {timeout}")
            + f"""
  Q: {{Type: AWS::SQS::Queue, Properties: {{VisibilityTimeout: {visible}, RedrivePolicy: {{deadLetterTargetArn: !GetAtt D.Arn, maxReceiveCount: 5}}}}}}
  D: {{Type: AWS::SQS::Queue}}
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn, MaximumBatchingWindowInSeconds: {window}, FunctionResponseTypes: [ReportBatchItemFailures]}}
"""
        )
        assert check_text(text).rules == expected


@pytest.mark.parametrize(
    ("limit", "reserved", "found"), [(1_000, 900, False), (1_000, 901, True), (1_100, 1_000, False), (None, 5_000, False)]
)
def test_reservation_against_the_account(limit, reserved, found):
    """All but 100 of the account's limit may be reserved; the account can be given; without a limit there is nothing to find."""
    text = "Resources:\n" + function(more=f"ReservedConcurrentExecutions: {reserved}")
    report = check_text(text, account=Account(concurrency_limit=limit))
    assert ("reserved-too-high" in report.rules) == found


@pytest.mark.parametrize(
    ("name", "finds"),
    [("!Ref F", True), ("!GetAtt F.Arn", True), ("!Sub '${F.Arn}:live'", False), ("!Sub '${F}:live'", False), ("!Ref Live", False),
     ("worker", True), ("worker:live", False), ("arn:aws:lambda:us-east-1:123456789012:function:worker", True),
     ("arn:aws:lambda:us-east-1:123456789012:function:worker:live", False), ("!Sub '${F}:$LATEST'", True),
     ("!Join [':', [!GetAtt F.Arn, live]]", False), ("!ImportValue worker", False)],
)  # fmt: skip
def test_ways_to_name_a_function(name, finds):
    """A function is found by reference, by name and by ARN, with and without a qualifier."""
    text = (
        "Resources:\n"
        + function(more="FunctionName: worker")
        + f"""
  V: {{Type: AWS::Lambda::Version, Properties: {{FunctionName: !Ref F}}}}
  Live:
    Type: AWS::Lambda::Alias
    Properties: {{FunctionName: !Ref F, Name: live, FunctionVersion: !GetAtt V.Version, ProvisionedConcurrencyConfig: {{ProvisionedConcurrentExecutions: 5}}}}
  U: {{Type: AWS::Lambda::EventSourceMapping, Properties: {{FunctionName: {name}, EventSourceArn: "arn:aws:sqs:us-east-1:123456789012:q"}}}}
"""
    )
    assert ("latest-misses-provisioned" in check_text(text).rules) == finds


def test_invokers_other_than_mappings_miss_provisioned_concurrency_too():
    """An API that calls the function itself, not its alias, runs on demand."""
    text = (
        "Resources:\n"
        + function()
        + """
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F, ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 5}}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}
  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn}}
"""
    )
    assert check_text(text).rules == ["latest-misses-provisioned"]
    assert check_text(text.replace("!GetAtt F.Arn", "!Ref V")).rules == []


def test_metric_math_is_looked_into():
    """A metric within an alarm's Metrics counts as one of its own."""
    text = """Resources:
  A:
    Type: AWS::CloudWatch::Alarm
    Properties:
      EvaluationPeriods: 1
      Threshold: 70
      ComparisonOperator: GreaterThanThreshold
      Metrics:
        - Id: used
          ReturnData: false
          MetricStat: {Stat: STAT, Period: 60, Metric: {Namespace: AWS/Lambda, MetricName: ClaimedAccountConcurrency}}
        - Id: share
          Expression: used / SERVICE_QUOTA(used) * 100
"""
    assert check_text(text.replace("STAT", "Average")).rules == ["concurrency-as-sum"]
    assert check_text(text.replace("STAT", "Maximum")).rules == []


# How a report shows itself


def test_report_as_text_and_as_html():
    """A report names the file, the place, the rule, AWS's rule with its source, and the mending; as text and as a table."""
    report = check(TEMPLATES / "visibility-timeout.yaml")
    for shown in (str(report), report._repr_html_()):
        for words in ("visibility-timeout.yaml", "1 warning", "6 times", "Set VisibilityTimeout to 90.", "Developer Guide"):
            assert words in shown, words
    assert "(report)" not in str(report) and report.ok and not report.errors


def test_report_escapes_what_a_template_says():
    """A template's own words are shown, never run, in a notebook."""
    report = check_text("Resources:\n  Q: {Type: '<script>alert(1)</script>'}\n", "<b>")
    assert "<script>" not in report._repr_html_() and "<b>" not in report._repr_html_()


def test_nothing_found_says_so():
    """A report without findings is good and says that nothing was found."""
    report = Report.of("a.yaml", [])
    assert report.ok and "nothing found" in str(report) and "nothing found" in report._repr_html_()


def test_lint_that_takes_too_long_is_stopped(monkeypatch):
    """cfn-lint has a time limit; ours are found all the same, and the report says what was not done."""
    monkeypatch.setattr(lint, "MOST_SECONDS", 0.3)
    text = "Resources:\n" + "".join(function(f"F{i}", "MemorySize: 512") for i in range(400)).replace(
        "nodejs24.x", "nodejs18.x"
    )
    rules = check_text(text).rules
    assert rules.count("cfn-lint") == 1 and rules.count("deprecated-runtime") == 400
