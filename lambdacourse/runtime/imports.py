"""What an initialisation is spent on: the modules that it imports, timed by Python itself (``-X importtime``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lambdacourse.errors import CourseError
from lambdacourse.runtime.local import LocalLambda
from lambdacourse.runtime.logs import read_reports

if TYPE_CHECKING:
    import pandas as pd

    from lambdacourse import plots

_BEFORE = "Python, runtime client"
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( +)(\S+)")


@dataclass(frozen=True)
class Module:
    """One imported module. own, total: seconds without and with what it imported. depth: 0 was imported by none that is listed."""

    name: str
    own: float
    total: float
    depth: int
    inside: tuple[Module, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class ImportProfile:
    """The imports of one initialisation, in seconds.

    whole: the initialisation from the start of the process. handler: the module of the handler, with what it imported.
    """

    title: str
    whole: float
    handler: Module

    @property
    def before(self) -> float:
        """What passed before the handler's module: Python, and AWS's runtime client."""
        return max(self.whole - self.handler.total, 0.0)

    def modules(self, most: int = 8) -> list[Module]:
        """The costliest modules that the handler's own imports, its own code among them, costliest first."""
        own = Module(f"{self.handler.name} itself", self.handler.own, self.handler.own, 0)
        return sorted([*self.handler.inside, own], key=lambda module: -module.total)[:most]

    @property
    def table(self) -> pd.DataFrame:
        """Every module below the handler's, in the order in which it was done."""
        import pandas as pd

        rows = [(each.name, each.depth, each.own, each.total) for each in _flat(self.handler)]
        return pd.DataFrame(rows, columns=["module", "depth", "own (s)", "total (s)"])

    def plot(self, after: ImportProfile | None = None) -> plots.Picture:
        """The costliest modules as bars; with ``after``, beside those of the mended handler."""
        from lambdacourse import plots

        shown = [self] if after is None else [self, after]
        panels = {
            f"{each.title}: {plots.written_seconds(each.whole)}": [
                (words, seconds, "idle" if words == _BEFORE else "cold") for words, seconds in each.bars()
            ]
            for each in shown
        }
        return plots.bar_panels("seconds of initialisation", panels, plots.written_seconds)

    def bars(self, most: int = 8) -> list[tuple[str, float]]:
        """What adds up to the whole: Python and the runtime client, the costliest modules, the rest."""
        shown = [(module.name, module.total) for module in self.modules(most)]
        rest = self.handler.total - sum(seconds for _, seconds in shown)
        return [(_BEFORE, self.before), *shown, *([("other modules", rest)] if rest > 0.0005 else [])]


def import_profile(
    handler: str = "app.handler", code: str | Path = ".", *, title: str | None = None, **settings
) -> ImportProfile:
    """Initialise ``handler`` once and say which imports that took. ``settings`` as for ``LocalLambda``.

    The measuring itself makes it a little slower.
    """
    with LocalLambda(handler, code, **settings, _python_options=("-X", "importtime")) as local:
        result = local.invoke(None)
    if result.report.error_type:
        raise CourseError(f"The handler {handler!r} could not be imported:\n{_without_times(result.log)}")
    return read_profile(result.log, handler.rpartition(".")[0].replace("/", "."), title or handler)


def read_profile(log: str, module: str, title: str) -> ImportProfile:
    """The profile in a log of a first call under ``-X importtime``; ``module`` is the handler's."""
    (report,) = read_reports(log)
    found = [each for each in _tree(log) if each.name == module]
    return ImportProfile(title, (report.init_ms or 0.0) / 1000, found[-1])


def _tree(text: str) -> list[Module]:
    """The modules as a tree: a line comes after those of the modules that it imported, which are indented more."""
    waiting: dict[int, list[Module]] = {}
    for own, total, gap, name in _LINE.findall(text):
        depth = (len(gap) - 1) // 2
        inside = waiting.pop(depth + 1, [])
        waiting.setdefault(depth, []).append(Module(name, int(own) / 1e6, int(total) / 1e6, depth, tuple(inside)))
    return [module for depth in sorted(waiting) for each in waiting[depth] for module in _flat(each)]


def _flat(module: Module) -> list[Module]:
    return [each for inner in module.inside for each in _flat(inner)] + [module]


def _without_times(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("import time:"))
