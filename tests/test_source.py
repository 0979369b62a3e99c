"""Under the hood: the code of the course, as it stands in its files."""

import functools
import json

import pytest

import lambdacourse
from lambdacourse import Function, fact, labs, under_the_hood
from lambdacourse.engine.kernel import draws
from lambdacourse.labs import concurrency
from lambdacourse.source import PACKAGE, highlighted


@pytest.mark.parametrize(
    "thing, file, begins",
    [
        (labs.concurrency_lab, "labs/concurrency.py", "def concurrency_lab("),
        (Function, "model/functions.py", "@dataclass(frozen=True)\nclass Function:"),
        (fact("account_concurrency"), "facts.py", "@dataclass(frozen=True)\nclass Fact:"),
        (fact("account_concurrency").__str__, "facts.py", "def __str__("),
        (concurrency, "labs/concurrency.py", '"""The lab of lesson 01'),
    ],
)
def test_source_is_what_stands_in_the_file(thing, file, begins):
    """Functions, classes, methods, modules and objects: the text of the file named, from the line named."""
    shown = under_the_hood(thing)
    path, _, line = shown.place.rpartition(", line ")
    assert path == f"lambdacourse/{file}"
    assert shown.code.startswith(begins)
    text = (PACKAGE.parent / path).read_text(encoding="utf-8").splitlines()[int(line) - 1 :]
    assert [each.strip() for each in shown.code.splitlines()] == [each.strip() for each in text][: len(shown.code.splitlines())]


def test_every_public_name_and_lab_shows_its_source():
    """Whatever the course lets one import, it shows; what is compiled, as the Python that it was made from."""
    compiled = [thing for thing in vars(draws).values() if hasattr(thing, "py_func")]
    public = [getattr(lambdacourse, name) for name in lambdacourse.__all__] + [getattr(labs, name) for name in labs.__all__]
    for thing in [*public, *compiled]:
        assert under_the_hood(thing).code


@pytest.mark.parametrize("thing", [json.dumps, len, 3, "simulate", functools])
def test_what_is_not_the_courses_is_refused(thing):
    """A sentence says what it shows instead."""
    with pytest.raises(TypeError, match="it shows the course's own code"):
        under_the_hood(thing)


def test_code_is_escaped_and_marked():
    """Signs of HTML in a code stay what they are; words get a colour; a language that nobody knows gets none."""
    assert '<span class="k">return</span>' in highlighted("return a < b", "python")
    assert "&lt;" in highlighted("return a < b", "python")
    assert highlighted("a < b", "klingon") == '<pre class="lc-code"><code>a &lt; b</code></pre>'


def test_each_lab_shows_what_makes_it():
    """The tab with the code of a lab leads to the module that it is made by."""
    lab = labs.concurrency_lab()
    lab._show.value = "code"
    assert "Under the hood" in lab._extra.value and "lambdacourse/labs/concurrency.py" in lab._extra.value
