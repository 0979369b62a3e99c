"""A Lambda on this machine: real processes under AWS's own runtime client, which really start cold.

    from lambdacourse.runtime import LocalLambda, LocalQueue, LocalStream, compare, import_profile, read_reports

    with LocalLambda("app.handler", "my-function", memory_mb=512) as local:
        print(local.invoke({"name": "world"}).log)

* ``local``: the function: environments, throttles, retries; ``deployment``: its settings; ``invocations``: what one gets.
* ``environment``: one of them, a process; ``processes``: what the system tells of it; ``api``: the Runtime API.
* ``queues``, ``streams``: in memory; ``mapping``: what leads from them to a handler; ``events``: the shapes of what it gets.
* ``logs``: REPORT lines, written and read. ``imports``: what an initialisation is spent on. ``comparison``: beside the simulator.
* ``measuring``: how quick all this is here: cold and warm calls, a lazy import, what a call costs beside its handler.

``bootstrap``, ``client`` and ``warden`` run in processes of their own.
"""

from __future__ import annotations

from lambdacourse.runtime.comparison import Comparison, compare
from lambdacourse.runtime.imports import ImportProfile, import_profile
from lambdacourse.runtime.invocations import AsyncInvocation, Invocation, Invocations
from lambdacourse.runtime.local import LocalLambda
from lambdacourse.runtime.logs import Report, Reports, read_reports
from lambdacourse.runtime.mapping import Delivery
from lambdacourse.runtime.queues import LocalQueue
from lambdacourse.runtime.streams import LocalStream

__all__ = [
    "AsyncInvocation", "Comparison", "Delivery", "ImportProfile", "Invocation", "Invocations", "LocalLambda", "LocalQueue",
    "LocalStream", "Report", "Reports", "compare", "import_profile", "read_reports",
]  # fmt: skip
