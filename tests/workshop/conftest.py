"""Sandboxes for the tests of a class: one for a whole file, because its start costs seconds."""

import os
import shutil

import pytest

from lambdacourse.workshop.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    if not shutil.which("bwrap"):
        (pytest.fail if os.environ.get("LAMBDACOURSE_REQUIRE_SANDBOX") == "1" else pytest.skip)("bubblewrap is not installed")
    sandbox = Sandbox()
    sandbox.start()
    yield sandbox
    sandbox.close()
