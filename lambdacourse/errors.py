"""The one kind of error that a user is meant to read."""


class CourseError(Exception):
    """Something a user can mend: its text says in a sentence what is wrong and what to do. The command prints just that."""
