"""No test of this room leaves anything behind."""

import pytest
from runtime_handlers import files, processes


@pytest.fixture
def nothing_left():
    """No process and no open file more after a test than before it."""
    before, opened = processes(), files()
    yield
    assert processes() <= before
    assert files() <= opened
