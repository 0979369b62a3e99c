"""A review of someone's own function: its template, what was observed of it, what the simulator says, and what to change.

    from lambdacourse.review import review

    review("template.yaml", metrics="metrics.csv", logs="logs.txt", function="Worker")

* ``observed``: what CloudWatch exported, and REPORT lines. ``case``: the function under its load, as it is simulated.
* ``changes``: what could be changed, each simulated and priced. ``reviewing``: from the files to the figures.
* ``page``: all of it on one page, as text and as HTML.

Files are read and nothing else: nothing leaves this machine, and nothing is looked up in an AWS account.
"""

from __future__ import annotations

from lambdacourse.review.case import Case, Outcome
from lambdacourse.review.changes import Change
from lambdacourse.review.observed import Metrics, ReviewError
from lambdacourse.review.page import Review
from lambdacourse.review.reviewing import review

__all__ = ["Case", "Change", "Metrics", "Outcome", "Review", "ReviewError", "review"]
