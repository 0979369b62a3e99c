"""The pre-test: a question a lesson, and what counts as known."""

import pytest
from rich.console import Console

from lambdacourse import learner
from lambdacourse.drill import bank, history, pretest_session
from lambdacourse.drill.bank import lesson
from lambdacourse.drill.pretest import Pretest, known_lessons
from lambdacourse.drill.terminal import drill

LESSONS = list(dict.fromkeys(map(lesson, bank.load())))


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def answer_rightly(sitting: Pretest, sure: float) -> None:
    sitting.answer(sitting.asked.understand(right(sitting.asked)), sure)


def right(asked) -> str:
    """What one types to answer rightly."""
    return repr(asked.answer) if asked.question.kind == "number" else str(asked.options.index(asked.solution) + 1)


def test_each_lesson_is_asked_about_once():
    """One question a lesson, in their order, of kinds that can be marked at once; then it is over."""
    sitting, asked = Pretest(), []
    while sitting.next():
        asked.append(sitting.asked.question)
        answer_rightly(sitting, 0.95)
    assert [lesson(question) for question in asked] == LESSONS
    assert {question.kind for question in asked} <= {"number", "choice", "fault"}
    assert known_lessons() == set(LESSONS)


@pytest.mark.parametrize("sure, known", [(0.95, True), (0.75, False), (0.25, False)])
def test_only_who_is_right_and_sure_knows(sure, known):
    """A right answer that was not sure does not mark the lesson as known."""
    sitting = Pretest()
    sitting.next()
    answer_rightly(sitting, sure)
    assert known_lessons() == ({LESSONS[0]} if known else set())


def test_a_wrong_answer_comes_back_as_a_card():
    """Who does not know says so: nothing is known, and the card is one of the drill's."""
    sitting = Pretest()
    sitting.next()
    sitting.give_up()
    ((review,), _) = history.read()
    assert (review.source, review.share, lesson(bank.load().questions[review.id])) == ("pretest", 0.0, LESSONS[0])
    assert learner.recall("pretest") == {LESSONS[0]: 0.0}


def test_it_goes_on_where_it_was_left_and_begins_again_at_the_end():
    """Lessons that were asked about are not asked about again until all were; then each has another question, where there is one."""
    first = Pretest()
    first.next()
    first.give_up()
    asked = first.asked.question
    again = Pretest()
    assert lesson(again.next().question) == LESSONS[1] and again.go_on == "lambdacourse pretest"
    while again.next():
        again.give_up()
    assert again.go_on == "lambdacourse progress"
    anew = Pretest().next().question
    assert lesson(anew) == LESSONS[0] and anew != asked


def test_at_a_terminal(capsys):
    """The terminal asks, takes the answer and the sureness, and says what is known when it is left."""
    typed = iter([right(Pretest().next()), "4"])

    def read(prompt):
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    drill(Pretest(), Console(width=100), read)
    said = " ".join(capsys.readouterr().out.split())
    assert f"Known already: {LESSONS[0]}. {len(LESSONS) - 1} to ask." in said
    assert "go on with: lambdacourse pretest" in said


def test_in_a_notebook():
    """The drill's widget asks, and the answer marks the lesson."""
    shown = pretest_session()
    shown.control.value, shown.sure.value = right(shown.session.asked), 0.95
    shown.answer.click()
    assert "Right." in shown.result.value and known_lessons() == {LESSONS[0]}
    shown.following.click()
    assert lesson(shown.session.asked.question) == LESSONS[1]
    assert "lambdacourse pretest" in shown._repr_mimebundle_()[0]["text/plain"]
