"""CloudFormation and SAM templates: checked, read into the model, simulated.

    from lambdacourse.templates import check, read, simulate_template

    check("template.yaml")                 # cfn-lint's findings and ours, each with its place and what mends it
    read("template.yaml")                  # the functions, queues, streams, mappings, alarms and VPCs as the model knows them
    simulate_template("template.yaml", {"Orders": poisson(100)}, {"Worker": 0.4})

A template is data: nothing in it is run, and nothing is looked up in an AWS account.
"""

from __future__ import annotations

from lambdacourse.templates.checking import check, check_text
from lambdacourse.templates.document import Place, TemplateError
from lambdacourse.templates.report import Finding, Report

_READING = (
    "Deployment",
    "read",
    "simulate_template",
)  # Loaded when used: they bring the simulator, which a check does without.

__all__ = ["Finding", "Place", "Report", "TemplateError", "check", "check_text", *_READING]


def __getattr__(name: str):
    if name not in _READING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lambdacourse.templates import reading

    return getattr(reading, name)
