"""The question bank: what is in it is sound, and what is broken is told about."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from lambdacourse.drill import bank
from lambdacourse.drill.asking import ask, close, gives
from lambdacourse.drill.questions import ChoiceQuestion, NumberQuestion
from lambdacourse.learner import Learner

ROOT = Path(__file__).parents[2]
LEARNERS = [Learner("ada"), Learner("grace", "class-7")]
SECOND_WAYS = [import_module(file.stem) for file in sorted(Path(__file__).parent.glob("second_ways*.py"))]
NUMERIC = [question for question in bank.load() if isinstance(question, NumberQuestion)]

GOOD = """
[first]
kind = "trial"
topic = "limits"
difficulty = "junior"
place = "lessons/01-concurrency.ipynb#The-formula"
text = "One is one."
verdict = "true"
after = "It is."
"""


def read(tmp_path, *texts):
    files = [tmp_path / f"{number:02}-file.toml" for number in range(len(texts))]
    for file, text in zip(files, texts):
        file.write_text(text, encoding="utf-8")
    return bank.read(files)


def test_bank_is_sound():
    """Every question fits the schema; facts, places, functions and prerequisites exist; no prerequisite leads back."""
    assert bank.check(bank.load(), ROOT / "lessons") == []


@pytest.mark.parametrize("question", NUMERIC, ids=lambda question: question.id)
def test_answer_agrees_with_second_way(question):
    """A numeric answer is what an independent second way gives, for several learners and turns, within the tolerance."""
    (second,) = (vars(ways)[name] for ways in SECOND_WAYS if (name := question.id.replace("-", "_")) in vars(ways))
    turns = 1 if "at-the-mean" in question.id else 4
    for learner in LEARNERS:
        for turn in range(turns):
            asked = ask(question, learner, turn)
            assert asked.answer == pytest.approx(second(**asked.values), rel=min(question.tolerance, 0.1)), asked.text


@pytest.mark.parametrize("question", NUMERIC, ids=lambda question: question.id)
def test_misconceptions_are_wrong_and_are_named(question):
    """A misconception can be computed, and for some learner it differs from the answer and is named when it is given."""
    for misconception in question.misconceptions:
        named = []
        for turn in range(6):
            asked = ask(question, LEARNERS[0], turn)
            wrong = gives(misconception, asked.values)
            if not close(wrong, asked.answer, question.tolerance):
                named.append(misconception.says in asked.mark(wrong).says)
            if "at-the-mean" in question.id:
                break
        assert any(named), misconception


def test_no_two_questions_ask_the_same():
    """No two questions have the same words."""
    texts = [re.sub(r"\W+", " ", question.text).casefold() for question in bank.load()]
    assert len(set(texts)) == len(texts)


def test_right_option_is_marked_right_and_every_other_has_its_reason():
    """Of the options shown, one is right and is the solution; each other answers with its why."""
    for question in bank.load():
        if isinstance(question, ChoiceQuestion):
            asked = ask(question, LEARNERS[0])
            marks = {option: asked.mark(place) for place, option in enumerate(asked.options, 1)}
            assert [option for option, mark in marks.items() if mark.passed] == [asked.solution]
            assert all(len(mark.says) > len("No. ") for mark in marks.values())


def test_questions_of_a_fact_are_found():
    """A fact that changes leads to the questions that rest on it, and to no others."""
    found = bank.load().resting_on("status_throttle_alb")
    assert "throttle-behind-load-balancer" in [question.id for question in found]
    assert all("status_throttle_alb" in question.facts for question in found)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (('verdict = "true"', 'verdict = "perhaps"'), 2, "verdict='perhaps': input should be 'true', 'stale' or 'false'"),
        (('topic = "limits"\n', ""), 2, "topic is missing"),
        (('kind = "trial"', 'kind = "riddle"'), 2, "kind='riddle' must be one of number, choice"),
        (('after = "It is."', 'after = "It is."\nhint = "one"'), 2, "hint is no field of this kind of question"),
        (('text = "One is one."', 'text = "One is one.'), 7, "not valid TOML"),
        (("#The-formula", ""), 2, "place='lessons/01-concurrency.ipynb'"),
    ],
)
def test_broken_question_is_told_with_file_line_and_rule(tmp_path, change, line, words):
    """A broken question is named with its file, its line and the rule; the questions around it stay usable."""
    found = read(tmp_path, GOOD.replace(*change) + GOOD.replace("[first]", "[second]"))
    (problem,) = found.problems
    assert (problem.file, problem.line, problem.question) == ("00-file.toml", line, "first")
    assert words in str(problem)
    assert list(found.questions) == ["second"]


def test_id_is_used_once(tmp_path):
    """The second question with an id is told about; the first stays."""
    found = read(tmp_path, GOOD, GOOD)
    assert list(found.questions) == ["first"]
    assert "01-file.toml, line 2, first: another question has this id already" in str(found.problems[0])


def test_file_that_is_no_text_is_told(tmp_path):
    """A file that is not text is told about, and the other files are read."""
    (tmp_path / "00-broken.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "01-good.toml").write_text(GOOD, encoding="utf-8")
    found = bank.read(sorted(tmp_path.glob("*.toml")))
    assert list(found.questions) == ["first"]
    assert "cannot be read as UTF-8" in str(found.problems[0])


def test_each_learner_and_turn_has_its_own_numbers():
    """The same learner and turn give the same numbers; another turn or learner gives others, somewhere in the bank."""

    def values(learner, turn):
        return [ask(question, learner, turn).values for question in NUMERIC]

    assert values(LEARNERS[0], 0) == values(LEARNERS[0], 0)
    assert values(LEARNERS[0], 0) != values(LEARNERS[0], 1)
    assert values(LEARNERS[0], 0) != values(LEARNERS[1], 0)
