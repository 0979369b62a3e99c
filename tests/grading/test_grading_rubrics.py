"""Rubrics: what an open answer should have, which points one's own had, and nothing else counts them."""

import pytest

from lambdacourse.grading import rubric, said
from lambdacourse.grading.rubrics import RUBRICS


@pytest.mark.parametrize("name", RUBRICS)
def test_a_rubric_has_what_it_takes(name):
    """Five to eight points, and a model answer that can be spoken in a minute and a half."""
    found = RUBRICS[name]
    assert 5 <= len(found.points) <= 8 and found.question.endswith("?")
    assert 60 <= len(found.model.split()) <= 200
    html = rubric(name)._repr_mimebundle_()["text/html"]
    assert html.count("<li>") == len(found.points) and "<details>" in html


def test_points_that_were_said_are_kept(own_home):
    """What was said is noted once each, what is missing is named, and the next look says how many there were."""
    note = said("vpc", 2, 1, 2)
    assert note.text.startswith("2 of 7. Missing: ") and RUBRICS["vpc"].points[2] in note.text
    assert RUBRICS["vpc"].points[0] not in note.text
    assert "The last time you had 2 of 7" in rubric("vpc").html
    assert said("vpc", *range(1, 8)).text == "7 of 7. That is all of it."


@pytest.mark.parametrize("number", [0, 8, 1.0, "1", True])
def test_points_that_are_none(own_home, number):
    """A number that no point has: which there are."""
    with pytest.raises(ValueError, match="1 to 7"):
        said("vpc", number)


def test_no_such_rubric():
    """An unknown name: the known ones."""
    with pytest.raises(KeyError, match="two-seconds"):
        rubric("vpn")
