"""The learner's side: a folder with the course in it, a JupyterLab that is set up for it, and what tells when something is amiss.

from lambdacourse.course import check_environment   # the first cell of every notebook
"""

from lambdacourse.course.environment import Environment, check_environment
from lambdacourse.errors import CourseError

__all__ = ["CourseError", "Environment", "check_environment"]
