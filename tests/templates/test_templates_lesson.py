"""The 24 YAML blocks of the lesson that this course grew from, each under ``Resources:``, with what is wrong with it.

What cfn-lint says is its own word, written down on 2026-11-23 by another run of it; what it is silent about are our rules.
"""

from pathlib import Path

import pytest

from lambdacourse.templates import check

TEMPLATES = Path(__file__).parent / "lesson"

FOUND = {
    "alarms": {"account-limit-on-one-function", "throttles-pass-unseen"},
    "auto-scaling": {"version-arn-as-qualifier", "scalable-dimension", "scaling-without-start", "E3003"},
    "bare-provisioned": {"E3001"},
    "bare-provisioned-reduced": {"E3001"},
    "bare-reserved": {"E3001"},
    "batch-mistake": {"cannot-be-read"},
    "debugged-function": {"deprecated-runtime", "E3003"},
    "image-pipeline": {"deprecated-runtime", "visibility-timeout", "no-dead-letter-queue", "E3001", "E3003", "E3014"},
    "kinesis-mapping": {"tumbling-window-factor", "failures-without-payload"},
    "layer": {"W3002", "E3001"},
    "provisioned-and-scaling": {"E3001"},
    "provisioned-concurrency": {"provisioned-in-event-invoke-config", "version-arn-as-qualifier", "E3003"},
    "provisioned-with-prose": {"E3001"},
    "rds-proxy": {"E3003"},
    "reserved-and-provisioned": {"E3001"},
    "reserved-concurrency": {"deprecated-runtime", "E3003"},
    "reserved-with-prose": {"E3001"},
    "snapstart": {"E3003", "W2530"},
    "sqs-mapping": {"no-dead-letter-queue"},
    "vpc": {"E3003", "E1041"},
    "vpc-design": {"endpoint-without-route", "E1010", "E1020", "E1154", "E3001", "E3003"},
    "vpc-mistake": {"cannot-be-read"},
    "warm-up-rule": {"E3001"},
    "warm-up-with-handler": {"cannot-be-read"},
}


def test_all_blocks_are_here():
    """The lesson has 24 YAML blocks."""
    assert {file.stem for file in TEMPLATES.glob("*.yaml")} == set(FOUND) and len(FOUND) == 24


@pytest.mark.parametrize("name", FOUND)
def test_block_has_its_findings(name):
    """Each block has exactly the findings that are known of it."""
    assert set(check(TEMPLATES / f"{name}.yaml").rules) == FOUND[name]


def test_only_three_blocks_lint_without_an_error():
    """cfn-lint passes three of the 24: the SQS mapping, the Kinesis mapping and the alarms; all three have findings of ours."""

    def lints(name):
        return not any(rule.startswith("E") or rule == "cannot-be-read" for rule in FOUND[name])

    assert {name for name in FOUND if lints(name)} == {"alarms", "kinesis-mapping", "sqs-mapping"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto-scaling", "lambda:function:ProvisionedConcurrency"),
        ("provisioned-concurrency", "ProvisionedConcurrencyConfig of AWS::Lambda::Alias or AWS::Lambda::Version"),
        ("image-pipeline", "asks for 90 s"),
        ("kinesis-mapping", "Set ParallelizationFactor to 1"),
        ("alarms", "ClaimedAccountConcurrency"),
        ("debugged-function", "nodejs24.x"),
    ],
)
def test_report_says_what_is_right(name, words):
    """The report does not only say that the lesson is wrong, but what is right."""
    assert words in str(check(TEMPLATES / f"{name}.yaml"))
