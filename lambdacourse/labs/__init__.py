"""The labs: one for each lesson, on what they share in ``lab``."""

from __future__ import annotations

from lambdacourse.labs.coldstarts import coldstarts_lab
from lambdacourse.labs.concurrency import concurrency_lab
from lambdacourse.labs.cost import cost_lab
from lambdacourse.labs.living import watch
from lambdacourse.labs.network import network_lab, plot_connections
from lambdacourse.labs.operating import operating_lab
from lambdacourse.labs.predict import choose, predict
from lambdacourse.labs.provisioned import provisioned_lab
from lambdacourse.labs.queues import queues_lab
from lambdacourse.labs.streams import streams_lab

__all__ = [
    "choose",
    "coldstarts_lab",
    "concurrency_lab",
    "cost_lab",
    "network_lab",
    "operating_lab",
    "plot_connections",
    "predict",
    "provisioned_lab",
    "queues_lab",
    "streams_lab",
    "watch",
]
