"""nbgrader in this folder: `solutions/` is its source, `exercises/` its release. The settings and their reasons stand in the package."""

from pathlib import Path

from lambdacourse.workshop.autograde import configure

configure(get_config(), Path.cwd())  # noqa: F821 - nbgrader gives get_config
