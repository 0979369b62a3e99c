"""The code that lessons print and do not run: Python that compiles, templates that CloudFormation would take."""

import json
import re

import pytest

from lambdacourse.folders import content

LESSONS = sorted((content() / "lessons").glob("*.ipynb"))


def blocks(language):
    """The blocks of a language in the lessons' text, each with where it stands."""
    for path in LESSONS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for block in re.findall(rf"```{language}\n(.*?)```", "".join(cell["source"]), re.DOTALL):
                    yield pytest.param(block, id=f"{path.stem}, {cell['id']}")


@pytest.mark.parametrize("block", list(blocks("python")))
def test_python_compiles(block):
    """A handler in a lesson is Python."""
    compile(block, "lesson", "exec")


@pytest.mark.parametrize("block", list(blocks("yaml")))
def test_templates_pass_cfn_lint(block):
    """A template in a lesson passes cfn-lint without an error or a warning."""
    from cfnlint.api import ManualArgs, lint

    found = lint(block, config=ManualArgs(regions=["us-east-1"]))
    assert [str(match) for match in found] == []
