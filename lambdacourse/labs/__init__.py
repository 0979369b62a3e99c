"""The labs: one for each lesson, on what they share in ``lab``."""

from __future__ import annotations

from lambdacourse.labs.concurrency import concurrency_lab
from lambdacourse.labs.predict import choose, predict
from lambdacourse.labs.provisioned import provisioned_lab
from lambdacourse.labs.streams import streams_lab

__all__ = ["choose", "concurrency_lab", "predict", "provisioned_lab", "streams_lab"]
