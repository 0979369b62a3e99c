"""How verdicts and notes show themselves."""

import re

from lambdacourse.grading import hint
from lambdacourse.grading.verdict import Part, Verdict


def test_two_prices_are_no_formula(own_home):
    """MathJax, JupyterLab's and that of nbgrader's feedback, leaves alone what is in an element of these classes."""
    verdict = Verdict("f", "The bill", (Part(0, 1, "$1,158.23 a month; $579.95 would do."),))
    for shown in (verdict, hint("monthly_bill")):
        around = re.match(r'<div [^>]*class="([^"]*)"', shown._repr_mimebundle_()["text/html"])
        assert {"mathjax_ignore", "tex2jax_ignore"} <= set(around[1].split())
