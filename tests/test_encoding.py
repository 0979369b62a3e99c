"""Every text file is opened as UTF-8, whatever a machine's own encoding is."""

import os
import sys

import pytest


@pytest.mark.skipif(not sys.flags.warn_default_encoding, reason="pytest runs without workers (-n 0), which are told to warn")
def test_an_open_without_encoding_is_an_error():
    """In the course's own code, and in its tests, an ``open`` that leaves the encoding to the machine fails the test that calls it."""
    code = compile("open(path).close()", "probe.py", "exec")
    for name in ("lambdacourse.course.probe", "test_probe"):
        with pytest.raises(EncodingWarning):
            exec(code, {"__name__": name, "path": os.devnull})
