"""nbgrader around the course: release exercises, grade a learner's own work (``autograde``), and a class.

A class's folder is made and released in ``classroom``, filled in ``collecting``, graded in ``pool`` (``sandbox``, ``player``, ``judge``),
and read in ``reports``.
"""

from __future__ import annotations

from lambdacourse.workshop.autograde import (
    GradedAssignment,
    GradedTask,
    as_json,
    as_text,
    configure,
    grade,
    release,
    release_all,
)

__all__ = ["GradedAssignment", "GradedTask", "as_json", "as_text", "configure", "grade", "release", "release_all"]
