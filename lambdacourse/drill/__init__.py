"""The interview room: a bank of questions, drilled until they stick.

    questions   what a question is: six kinds, one schema
    bank        the questions in ``bank/*.toml``, read and checked
    answers     the functions that compute the numeric answers, one module a topic
    asking      a question put to a learner, and their answer marked
    history     what was answered, and when: one line each in the learner's folder
    deck        which question comes next: due ones first, then new ones
    session     one sitting; ``terminal`` and ``widget`` are its two faces
    pretest     a sitting with one question a lesson, before the course
    interview/  the mock interview: scenarios, engine, scorecard, and its own faces

In a notebook: ``from lambdacourse.drill import drill_session, pretest_session, mock_interview``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambdacourse.drill.interview.widget import MockInterview
    from lambdacourse.drill.widget import DrillWidget


def drill_session(topic: str = "", minutes: float = 10) -> DrillWidget:
    """A drill in a notebook: ``minutes`` long, all topics or one."""
    from lambdacourse.drill.widget import DrillWidget

    return DrillWidget(topic, minutes)


def pretest_session() -> DrillWidget:
    """The pre-test in a notebook: one question a lesson."""
    from lambdacourse.drill.pretest import Pretest
    from lambdacourse.drill.widget import DrillWidget

    return DrillWidget(session=Pretest())


def mock_interview(level: str = "senior", minutes: float = 45, seed: int | None = None, scenario: str = "") -> MockInterview:
    """A mock interview in a notebook, for a ``level`` (``"junior"``, ``"senior"``, ``"staff"``). The same ``seed`` is the same for everybody."""
    from lambdacourse.drill.interview.widget import mock_interview

    return mock_interview(level, minutes, seed, scenario)
