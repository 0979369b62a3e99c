"""What a checker says of an answer that is not what was expected."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from lambdacourse.grading.answers import Strange, as_number, plain, settings_problem, with_article
from lambdacourse.grading.handlers import handler
from lambdacourse.grading.tasks import Computes
from lambdacourse.grading.templates import as_template


class Equal:
    def __repr__(self):
        return "Equal()"


@pytest.mark.parametrize(
    "value, words",
    [([], "a list"), ({}, "a dict"), (1, "an int"), (None, "None"), (Equal(), "an Equal Equal()"), ((1, 2), "a tuple (1, 2)")],
)
def test_the_article_fits(value, words):
    """A list, an int, an Equal: as a sentence has it."""
    assert with_article(plain(value)) == words


@pytest.mark.parametrize("number", [Fraction(5, 2), Decimal("2.5"), np.float32(2.5)])
def test_a_number_is_a_number(number):
    """Fractions, decimals and NumPy's numbers are numbers, too; what no float can hold is said to be no number."""
    assert as_number(plain(number)) == (2.5, "")
    assert type(plain(Fraction(10**400))) is Strange


def test_what_came_is_named_in_every_answer():
    """Numbers, settings, templates and handlers' responses name an object of a learner's own class in a sentence that reads well."""
    came = plain(Equal())
    assert as_number(came)[1].startswith("It returned an Equal")
    assert settings_problem(came, {}).startswith("it returned an Equal")
    assert as_template(came)[1].startswith("It returned an Equal")
    with pytest.raises(TypeError, match="it returned an Equal"):
        handler(lambda event, context: Strange("Equal"), "book")({})


@pytest.mark.parametrize(
    "settings, problem",
    [
        ({"size": 10, "split": True}, ""),
        ({"size": 1, "split": False}, ""),
        ({"size": 11, "split": True}, "size is 11; a whole number from 1 to 10 was expected."),
        ({"size": True, "split": True}, "size is True; a whole number from 1 to 10 was expected."),
        ({"size": 3.0, "split": True}, "size is 3.0; a whole number from 1 to 10 was expected."),
        ({"size": 3, "split": 1}, "split is 1; True or False was expected."),
        ({"size": 3}, "the keys are size, split; 'split' is missing."),
        ({"size": 3, "split": True, "sum": 4}, "the keys are size, split; 'sum' is none of them."),
        ([3, True], "it returned a list; a dict was expected, with the keys size, split."),
    ],
)
def test_settings(settings, problem):
    """Keys, types and ranges are each said with what was expected."""
    assert settings_problem(settings, {"size": (1, 10), "split": (False, True)}) == problem


def test_names_in_capitals_stay():
    """A sentence begins with a capital, and what is written in capitals stays so."""
    checker = Computes("f", lambda x: x, {"a VPC without NAT": (1, lambda numbers, number: {"x": number})})
    assert checker(lambda x: x, None, None)[0].text == "A VPC without NAT: right."
    assert checker(lambda x: x + 1, None, None)[0].text.startswith("A VPC without NAT: f(x=0)")


def test_a_template_is_read_once_and_errors_are_a_sentence():
    """What is no template gives one line that says so."""
    found, problem = as_template("Resources: [")
    assert found is None and problem.startswith("The template cannot be read: ") and "\n" not in problem
    assert as_template(None)[1] == "It returned None: is there a return at the end of your function?"
