"""Checks and feedback: what a task is, whether an answer is right, and why it is wrong."""

from __future__ import annotations

from lambdacourse.grading.rubrics import rubric, said
from lambdacourse.grading.session import check, give_up, hint, i_am, open_exercise, task

__all__ = ["check", "give_up", "hint", "i_am", "open_exercise", "rubric", "said", "task"]
