"""Sandboxes for the tests of a class: one for a whole file, because its start costs seconds."""

import shutil

import pytest

from lambdacourse.workshop.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    sandbox = Sandbox()
    sandbox.start()
    yield sandbox
    sandbox.close()
