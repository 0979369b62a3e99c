"""CloudFormation and SAM templates: checked, read into the model, simulated.

    from lambdacourse.templates import check, read, simulate_template

    check("template.yaml")                 # cfn-lint's findings and ours, each with its place and what mends it
    read("template.yaml")                  # the functions, mappings and sources as the model knows them
    simulate_template("template.yaml", {"Orders": poisson(100)}, {"Worker": 0.4})

A template is data: nothing in it is run, and nothing is looked up in an AWS account.
"""

from lambdacourse.templates.checking import check, check_text
from lambdacourse.templates.document import Place, TemplateError
from lambdacourse.templates.report import Finding, Report

__all__ = ["Finding", "Place", "Report", "TemplateError", "check", "check_text"]
