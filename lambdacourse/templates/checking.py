"""``check``: everything that is wrong with a template, from its text to what it will do under load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.document import TemplateError, Value, load, parse
from lambdacourse.templates.lint import lint
from lambdacourse.templates.report import Finding, Report
from lambdacourse.templates.rules import RULES
from lambdacourse.templates.stack import Stack
from lambdacourse.templates.template import LANGUAGE_EXTENSIONS, SAM, Template


def check(
    file: str | Path,
    *,
    account: Account = Account(),  # noqa: B008 - frozen
    parameters: Mapping[str, Any] | None = None,
) -> Report:
    """cfn-lint's findings and ours for the template in ``file``, CloudFormation or SAM, YAML or JSON.

    ``account`` has the limits to hold the template against, ``parameters`` values for its parameters, over their defaults.
    Raises ``TemplateError`` when there is no such file or it cannot be read; a file that is no template is a finding.
    """
    return check_text(load(file), str(file), account=account, parameters=parameters)


def check_text(
    text: str,
    name: str = "template",
    *,
    account: Account = Account(),  # noqa: B008 - frozen
    parameters: Mapping[str, Any] | None = None,
) -> Report:
    """``check`` for a template that is at hand as ``text``; ``name`` is what the report calls it."""
    try:
        stack = stack_of(text, "", parameters)
    except TemplateError as error:
        if error.place is None:
            raise
        return Report.of(name, [Finding("error", "cannot-be-read", error.place, error.sentence)])
    ours = [found for rule in RULES for found in rule.findings(stack, account)]
    spots = {found.place for found in ours}
    theirs = (found for found in lint(text) if found.place not in spots)  # At the same place ours says the same, and why.
    return Report.of(name, [*theirs, *ours, *_left_out(stack)])


def stack_of(text: str, file: str, parameters: Mapping[str, Any] | None = None) -> Stack:
    """The resources of a template's ``text``; ``TemplateError`` when it is none."""
    try:
        root = parse(text)
        _is_template(root)
        return Stack.of(Template(root, parameters or {}))
    except TemplateError as error:
        raise TemplateError(error.sentence, error.place, file) from None


def _is_template(root: Value) -> None:
    resources = root["Resources"]
    if not isinstance(root.data, dict):
        raise TemplateError("this is not a template: a template is a table with a section Resources.", root.place)
    if resources is None:
        bare = [name for name, value in root.data.items() if value["Type"] or value["Properties"]]
        hint = f" {bare[0]} looks like a resource: put it under Resources." if bare else ""
        raise TemplateError(f"this is not a template: it has no section Resources.{hint}", root.place)
    if not isinstance(resources.data, dict):
        raise TemplateError("Resources must be a table of resources, each with a Type.", resources.place)
    if len(resources.data) > fact("template_resources_maximum").value:
        most = fact("template_resources_maximum").value
        raise TemplateError(
            f"{len(resources.data):,} resources are more than the {most} that CloudFormation takes.", resources.place
        )


def _left_out(stack: Stack) -> Iterator[Finding]:
    """What the check could not look into, so that silence about it is not taken for praise."""
    template = stack.template
    notes = dict(template.notes)
    for name in template.transforms:
        if name not in (SAM, LANGUAGE_EXTENSIONS):
            notes[template.root["Transform"].place] = (
                f"the macro {name} rewrites this template when AWS deploys it; it was checked as it stands."
            )
    for resource in stack.all("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
        notes[resource.place] = f"{resource.name} is a nested stack: its template is another file, which was not looked into."
    resources = template.root["Resources"]
    for name, value in resources.data.items():
        if name.startswith("Fn::ForEach::"):
            notes[value.name_place or value.place] = f"{name} makes resources when AWS deploys it; they were not looked into."
    return (Finding("note", "not-looked-into", place, text[0].upper() + text[1:]) for place, text in notes.items())
