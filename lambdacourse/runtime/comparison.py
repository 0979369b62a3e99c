"""The same traffic on the local Lambda and in the simulator, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lambdacourse.model import Account, Sync, checks, trace
from lambdacourse.model.traffic import Traffic
from lambdacourse.runtime.invocations import Invocations
from lambdacourse.runtime.local import LocalLambda

if TYPE_CHECKING:
    import pandas as pd

    from lambdacourse import plots
    from lambdacourse.simulation import FunctionRun


@dataclass(frozen=True)
class Comparison:
    """What was measured, and what the simulator says of a function with the measured durations and cold starts."""

    measured: Invocations
    simulated: FunctionRun = field(repr=False)
    seconds: float

    @property
    def table(self) -> pd.DataFrame:
        """The figures side by side; latencies in milliseconds, from arrival to result."""
        import pandas as pd

        run = self.simulated
        rows = {
            "invocations": (len(self.measured) - self.measured.throttles, run.invocations),
            "throttled": (self.measured.throttles, run.throttles),
            "cold starts": (self.measured.cold_starts, run.cold_starts),
            "peak concurrency": (self.measured.peak_concurrency, run.peak_concurrency),
            "latency, median (ms)": (1000 * self.measured.latency(0.5), 1000 * run.latency(0.5)),
            "latency, p99 (ms)": (1000 * self.measured.latency(0.99), 1000 * run.latency(0.99)),
        }
        return pd.DataFrame(rows, index=["measured", "simulated"]).T.round(1)

    def plot(self) -> plots.Picture:
        """Both as swim lanes, one under the other."""
        from lambdacourse import plots

        both = {"Measured on this machine": self.measured.table, "Simulated": self.simulated.requests}
        return plots.lanes_pictures(self.seconds, {title: plots.Lanes.of(table, self.seconds) for title, table in both.items()})

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def compare(
    handler: str,
    traffic: Traffic,
    *,
    code: str | Path = ".",
    seconds: float = 10.0,
    seed: int = 0,
    event: Any = None,
    **settings,
) -> Comparison:
    """Run ``traffic`` against the handler in ``code`` for ``seconds``, and simulate the same arrivals.

    The simulated function has the measured durations and initialisations (log-normal through their medians and 99th
    percentiles) and the same limit of concurrency; neither has one of requests per second. ``settings`` as for ``LocalLambda``.
    What is measured has all the CPU that this machine gives, whatever ``memory_mb``: on Lambda, memory decides that too.
    """
    from lambdacourse.simulation import simulate

    checks.instance("compare(traffic", traffic, Traffic, "traffic, such as poisson(5)")
    seconds = checks.number("compare(seconds", seconds, "must be a number of seconds above 0", above=0)
    times = _times(traffic, seconds, seed)
    with LocalLambda(handler, code, **{"rps_per_concurrency": None, **settings}) as local:
        measured = local.invoke_many([event] * len(times), times=times)
        limit, idle = local.concurrency, local.idle_timeout
    arrivals = [each.time - measured[0].time + times[0] for each in measured] if len(measured) else []
    function = measured.reports.fit("local", idle_timeout=idle) if measured.reports else None
    if function is None:
        raise ValueError(
            "compare: no request was served, so there is nothing to compare. Raise the rate, the seconds or the limit."
        )
    account = Account(concurrency_limit=limit, unreserved_minimum=0, rps_per_concurrency=None, scaling_rate=None)
    run = simulate(
        Sync(function, trace(arrivals)), account=account, seconds=max(seconds, arrivals[-1] + 1), seed=seed, record=True
    )
    return Comparison(measured, run["local"], seconds)


def _times(traffic: Traffic, seconds: float, seed: int) -> np.ndarray:
    """When requests arrive; every flow of a sum with a random stream of its own."""
    parts = []
    for number, flow in enumerate(traffic.flows()):
        chunks = flow.arrivals(lambda purpose, number=number: np.random.default_rng([seed, number]), 0.0, seconds)
        parts += [chunk.copy() for chunk in chunks]
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0)
