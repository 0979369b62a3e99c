"""How quick the local Lambda is on this machine: cold and warm calls, what a lazy import saves, and whether anything is lost."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from lambdacourse.runtime.invocations import Invocations
from lambdacourse.runtime.local import LocalLambda

if TYPE_CHECKING:
    import pandas as pd

COLD, WARM = 5, 200
"""Calls of each kind, of which the median is taken."""
HANDLERS = {
    "plain": "def handler(event, context):\n    return event\n",
    "whole": "import {package}\n\n\ndef handler(event, context):\n    return event\n",
    "lazy": "def handler(event, context):\n    if event == 'needed':\n        import {package}\n    return event\n",
}


@dataclass(frozen=True)
class Measured:
    """Medians in seconds, of whole calls as a caller sees them.

    package
        What is imported: outside the handler (``whole``) or only where a call needs it (``lazy``).
    cold, warm
        By handler: ``"plain"`` imports nothing. A warm call of the plain handler is what the local Lambda itself takes.
    needed
        The first call of the lazy handler that needs the package, in a new environment.
    invocations, concurrency, lost
        So many at once through so many callers; how many of the events came back in no answer.
    """

    package: str
    cold: dict[str, float]
    warm: dict[str, float]
    needed: float
    invocations: int
    concurrency: int
    lost: int

    @property
    def overhead(self) -> float:
        """Seconds that a warm call takes beside its handler, at the median."""
        return self.warm["plain"]

    @property
    def table(self) -> pd.DataFrame:
        """Cold and warm calls in milliseconds, a row for each handler."""
        import pandas as pd

        names = {
            "plain": "imports nothing",
            "whole": f"imports {self.package} outside the handler",
            "lazy": f"imports {self.package} when a call needs it",
        }
        rows = {words: (1000 * self.cold[name], 1000 * self.warm[name]) for name, words in names.items()}
        return pd.DataFrame(rows, index=["cold (ms)", "warm (ms)"]).T.round(2)

    def __str__(self) -> str:
        return "\n".join(
            [
                self.table.to_string(),
                f"The first call that needs {self.package}, cold, imported lazily: {1000 * self.needed:.2f} ms",
                f"A warm call beside its handler, median: {1000 * self.overhead:.2f} ms",
                f"{self.invocations} invocations, {self.concurrency} at once: {self.lost} lost",
            ]
        )


def measure(
    package: str | None = None, *, layers: Sequence[str | Path] = (), invocations: int = 200, concurrency: int = 20
) -> Measured:
    """Measure the local Lambda here, in a quarter of a minute or so.

    package: boto3 where it is installed, else pandas stands in for it, which the course has. layers: where ``package`` is.
    """
    package = package or ("boto3" if importlib.util.find_spec("boto3") else "pandas")
    with tempfile.TemporaryDirectory() as folder:
        for name, source in HANDLERS.items():
            Path(folder, f"{name}.py").write_text(source.format(package=package), encoding="utf-8")
        settings: dict[str, Any] = {"layers": layers, "memory_mb": 512, "timeout": 60, "rps_per_concurrency": None}
        cold, warm = {}, {}
        for name in HANDLERS:
            cold[name] = median(_cold(f"{name}.handler", folder, None, settings) for _ in range(COLD))
            warm[name] = _warm(f"{name}.handler", folder, settings)
        needed = median(_cold("lazy.handler", folder, "needed", settings) for _ in range(COLD))
        with LocalLambda("plain.handler", folder, concurrency_limit=concurrency, **settings) as local:
            results = local.invoke_many(range(invocations), callers=concurrency)
    return Measured(package, cold, warm, needed, invocations, concurrency, _lost(results))


def _cold(handler: str, folder: str, event: Any, settings: dict[str, Any]) -> float:
    with LocalLambda(handler, folder, **settings) as local:
        return _answered(local, event)


def _warm(handler: str, folder: str, settings: dict[str, Any]) -> float:
    with LocalLambda(handler, folder, **settings) as local:
        local.invoke()
        return median(_answered(local, None) for _ in range(WARM))


def _answered(local: LocalLambda, event: Any) -> float:
    """Seconds of one call, which has to succeed for its time to mean anything."""
    result = local.invoke(event)
    if result.outcome != "ok":
        raise RuntimeError(f"{local!r} did not answer: {result.payload or result.reason}")
    return result.latency


def _lost(results: Invocations) -> int:
    """Events that came back in no answer; each is a number of its own, and comes back as the answer."""
    return len(set(range(len(results))) - {each.payload for each in results})
