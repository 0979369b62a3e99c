"""nbgrader around the course: release exercises, grade a learner's own work; a class (``classroom``), whose work runs in a sandbox."""

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
