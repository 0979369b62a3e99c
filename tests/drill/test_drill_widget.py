"""The drill in a notebook: the same sitting as at the terminal."""

import pytest

from lambdacourse.drill import bank, history
from lambdacourse.drill.session import Session
from lambdacourse.drill.widget import DrillWidget


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def shown(id):
    drill = DrillWidget(session=Session(bank=bank.Bank({id: bank.load().questions[id]})))
    drill.sure.value = 0.75
    return drill


def test_number_is_asked_about_then_marked_and_kept():
    """An unclear number is asked about and not kept; a clear one is marked, kept with its sureness, and Next goes on."""
    drill = shown("needed-concurrency")
    drill.control.value = "1,5"
    drill.answer.click()
    assert "Do you mean 1.5 or 15" in drill.result.value and 'role="status"' in drill.result.value
    assert history.read() == ([], [])
    drill.control.value, drill.sure.value = str(drill.session.asked.answer), 0.95
    drill.answer.click()
    assert "Right." in drill.result.value
    assert 'href="../lessons/01-concurrency.ipynb#cell-id=formula">lesson 01, The formula</a>' in drill.result.value
    ((review,), _) = history.read()
    assert (review.id, review.share, review.sure) == ("needed-concurrency", 1.0, 0.95)
    drill.following.click()
    assert "Read on" not in drill.result.value


@pytest.mark.parametrize("id", [question.id for question in bank.load() if question.kind in ("choice", "trial", "fault")])
def test_every_option_can_be_chosen(id):
    """Whichever option is chosen is the one that is marked; none is chosen beforehand."""
    drill = shown(id)
    drill.answer.click()
    assert "Choose an option first" in drill.result.value
    words = [label for label, _ in drill.control.options]
    drill.control.value = str(words.index(drill.session.asked.solution) + 1)
    drill.answer.click()
    assert "Right" in drill.result.value


def test_sureness_is_asked_before_the_answer_is_shown():
    """No sureness is chosen beforehand; without one, nothing is kept or shown."""
    drill = DrillWidget(session=Session(bank=bank.load().about("01")))
    assert drill.sure.value is None
    drill.control.value = str(drill.session.asked.answer)
    drill.answer.click()
    assert "How sure are you?" in drill.result.value
    assert history.read() == ([], [])


def test_open_answer_is_scored_point_by_point():
    """An open answer is typed, then the model answer and the rubric are shown, and the ticked points are the score."""
    drill = shown("open-noisy-neighbour")
    drill.control.value = "A duration has grown."
    drill.answer.click()
    assert drill.session.asked.solution[:40] in drill.answer_box.children[0].value
    for box in drill.points[:3]:
        box.value = True
    drill.score.click()
    assert "3 of 6 points" in drill.result.value
    assert history.read()[0][0].share == 0.5


def test_what_is_not_known_comes_back():
    """I do not know is kept as wrong, and shows the answer."""
    drill = shown("order-admission")
    drill.unknown.click()
    assert "1,000 environments begin to initialise" in drill.result.value
    assert history.read()[0][0].share == 0.0


def test_page_without_a_kernel_shows_the_question():
    """Where nobody runs it, the cell shows its question and how to go on."""
    data, _ = shown("needed-concurrency")._repr_mimebundle_()
    assert "environments are busy" in data["text/html"]
    assert "lambdacourse drill" in data["text/plain"]
