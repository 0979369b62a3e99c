"""How a checker writes the call that went wrong."""

from lambdacourse.grading.tasks import written_call


def test_call_reads_as_python():
    """A call stands as one would write it, to be tried."""
    assert (
        written_call("limit", {"rate": 100, "via": "alb", "sizes": [[1, 2.5]]})
        == "limit(rate=100, via='alb', sizes=[[1, 2.5]])"
    )


def test_long_argument_is_cut():
    """A whole log does not bury the sentence that follows it."""
    text = written_call("cold_share", {"log": "REPORT RequestId\n" * 1_000, "idle": 6})
    assert text.startswith("cold_share(log='REPORT RequestId\\nREPORT") and text.endswith("…, idle=6)") and len(text) < 500
