"""What no answer is: whatever a function gives back or does, each task answers with a sentence, never with a traceback of ours."""

import inspect
import os
import sys
import time

import numpy as np
import pytest
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.interactiveshell import InteractiveShell

from lambdacourse.grading import answers, session
from lambdacourse.grading.answers import as_number, plain
from lambdacourse.grading.exercises import MODULES, exercise

TASKS = [pytest.param(name, task, id=task.name) for name in MODULES for task in exercise(name).tasks]

BAD = {
    "text": "many",
    "nothing": None,
    "not a number": float("nan"),
    "endless": float("inf"),
    "negative": -1,
    "huge": 10**400,
    "truth": True,
    "tuple": (12, 6),
    "array": np.array([1.0, 2.0]),
    "empty array": np.array([]),
    "generator": (number for number in ()),
    "list": [],
    "list of nothing": [None, None],
    "deep": [[[[[[[[1]]]]]]]],
    "table": {},
    "table of nonsense": {"a": [None, float("nan")], "Resources": 3, "statusCode": "x", "batchItemFailures": 7},
    "failures of nonsense": {"batchItemFailures": [None, 3, {"itemIdentifier": None}]},
    "resources of nonsense": {"Resources": {"a": {"Type": 3, "Properties": []}}},
    "template of nonsense": "Resources:\n  a: [1, 2",
    "set": {1, 2},
    "bytes": b"1",
    "function": len,
    "object": object(),
    "complex": 1j,
}


@pytest.fixture(autouse=True)
def ada(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")


def verdict_on(name: str, task, does):
    """The verdict on a function of the right name and arity that ``does`` what it is told to."""
    parameters = ", ".join(task.parameters)
    namespace = {"does": does}
    exec(f"def {task.name}({parameters}):\n    return does()", namespace)
    return session._verdict(name, task, namespace, hidden=False)


@pytest.mark.parametrize("name, task", TASKS)
def test_what_is_no_answer_gets_a_sentence(name, task):
    """Each value that no task asks for loses points, with words that a learner can read."""
    for kind, value in BAD.items():
        verdict = verdict_on(name, task, lambda value=value: value)
        if verdict.passed:
            continue  # what is nonsense to one task may be the answer to another
        assert verdict.message.strip() and verdict.points < verdict.of, kind
        for ours in ("Traceback", "object at 0x", "NoneType", "has no attribute", "not subscriptable", "unsupported operand"):
            assert ours not in verdict.message, (kind, verdict.message)


@pytest.mark.parametrize("name, task", TASKS)
def test_what_an_answer_must_not_do_gets_a_sentence(name, task, capfd):
    """A function that prints is judged by what it returns; one that ends Python is told so; one that is called otherwise, too."""
    noisy = verdict_on(name, task, lambda: print("noise") or print("noise", file=sys.stderr))
    assert not noisy.passed and noisy.message and capfd.readouterr() == ("", "")
    for leaves in (sys.exit, lambda: exit("bye")):
        verdict = verdict_on(name, task, leaves)
        assert verdict.points == 0 and "end the function with return" in verdict.message

    def said(namespace):
        return session._verdict(name, task, namespace, hidden=False).message

    assert f"no function called {task.name}" in said({})
    assert f"The task calls {task.name}({', '.join(task.parameters)})" in said({task.name: lambda *, only_by_name: 1})
    for no_function in (3, "text", None):
        assert f"def {task.name}(" in said({task.name: no_function})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer that could end a call")
def test_an_answer_that_never_ends_gets_a_sentence(monkeypatch):
    """Waiting and endless loops are ended, though the learner's own code catches every exception."""
    monkeypatch.setattr(answers, "CALL_SECONDS", 0.05)
    task = exercise("01-concurrency").tasks[0]

    def stubborn():
        while True:
            try:
                time.sleep(60)
            except Exception:
                continue

    for waits in (lambda: time.sleep(60), stubborn):
        verdict = verdict_on("01-concurrency", task, waits)
        assert verdict.points == 0 and "took longer than 0.05 s" in verdict.message


def test_exit_in_a_notebook_leaves_the_kernel_alone(monkeypatch):
    """A notebook's own ``exit`` raises nothing, but has the kernel end after the cell: not while it is checked."""
    shell = InteractiveShell()
    asked = []
    monkeypatch.setattr(InteractiveShell, "ask_exit", lambda _: asked.append("exit"), raising=False)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    leave = ZMQExitAutocall(shell)
    verdict = verdict_on("01-concurrency", exercise("01-concurrency").tasks[0], leave)
    assert "end the function with return" in verdict.message and not asked
    leave()
    assert asked, "outside of a check it works as ever"


def test_an_error_of_the_learners_keeps_its_traceback():
    """An exception in the learner's code comes out as it is, and its traceback begins there."""
    with pytest.raises(ZeroDivisionError) as caught:
        verdict_on("01-concurrency", exercise("01-concurrency").tasks[0], lambda: 1 / 0)
    places = [frame.filename for frame in inspect.getinnerframes(caught.value.__traceback__)]
    assert "<string>" in places and not [place for place in places if place.endswith(("answers.py", "tasks.py"))]


@pytest.mark.parametrize(
    ("value", "asks"),
    [
        ((12, 6), "Did you mean 12.6?"),
        ((-12, 6), "Did you mean -12.6?"),
        ((1, 0), "Did you mean 1000, or 1.0?"),
        ((1, 500), "Did you mean 1500, or 1.500?"),
        ((1, 2, 3), "A number was expected"),
        ("12,6", "Do you mean 12.6 or 126?"),
        ("1.000", "Do you mean 1 or 1,000?"),
        ("1,000", "Did you mean 1000, without quotes?"),
        ("0.25", "Did you mean 0.25, without quotes?"),
        ("250 ms", "Which number do you mean?"),
        ("many", "It returned the text 'many'; a number was expected."),
        (float("nan"), "division by zero"),
        (10**400, "more than 300 digits"),
        (None, "is there a return"),
        (True, "a truth value"),
        (np.array([1, 2]), "array of 2 values"),
        ((number for number in ()), "yield where you mean return"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_what_may_be_meant_is_asked(value, asks):
    """A decimal comma, thousands separators and quotes are recognised; what can be read in two ways is asked about."""
    number, said = as_number(plain(value))
    assert number is None and asks in said
