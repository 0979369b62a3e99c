"""Handlers for lessons, each in a folder that could be deployed; with what they did once, for where nothing can run.

``python -m lambdacourse.runtime.examples`` records them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdacourse.errors import CourseError
from lambdacourse.runtime.imports import ImportProfile, import_profile, read_profile
from lambdacourse.runtime.local import LocalLambda, check_platform
from lambdacourse.runtime.logs import Reports, read_reports

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded"
RUNS: dict[str, dict[str, Any]] = {
    "eager": {},
    "lazy": {},
    "lazy-provisioned": {"events": ("report", "report"), "provisioned_concurrency": 1},
    "eager-provisioned": {"events": ("report", "report"), "provisioned_concurrency": 1},
    "bundled": {"events": ({},), "starts": 5},
    "thin": {"events": ({},), "starts": 5, "layers": [FOLDER / "layer"]},
}
"""The runs that lessons show: the example's name comes first, then how it was run."""


@dataclass(frozen=True)
class ExampleRun:
    """What an example did: its log, here or, where it cannot run, as it was recorded (``note`` says which)."""

    name: str
    log: str = field(repr=False)
    note: str

    @property
    def reports(self) -> Reports:
        return read_reports(self.log)

    def __repr__(self) -> str:
        return f"{self.note}\n\n{self.log}"


def source(name: str) -> str:
    """The handler's file."""
    return _file(name).read_text(encoding="utf-8")


def run_example(name: str) -> ExampleRun:
    """Run one of ``RUNS``: an environment that starts cold, and a warm call or two."""
    if name not in RUNS:
        raise KeyError(f"There is no example {name!r}; there are: {', '.join(RUNS)}.")
    try:
        check_platform()
    except CourseError as why:
        log = (RECORDED / f"{name}.log").read_text(encoding="utf-8")
        return ExampleRun(name, log, f"Recorded on another machine. {why}")
    return ExampleRun(name, _run(**{"name": name, **RUNS[name]}), "Measured on this machine, just now.")


def profile_example(name: str) -> ImportProfile:
    """The import profile of an example, measured here, or as it was recorded."""
    try:
        check_platform()
    except CourseError:
        return read_profile((RECORDED / f"{name}-imports.log").read_text(encoding="utf-8"), "app", f"{name} (recorded)")
    return import_profile("app.handler", _file(name).parent, title=name, timeout=60)


def _run(name: str, events: Iterable[Any] = ({}, {}, {}), starts: int = 1, **settings: Any) -> str:
    logs = []
    for _ in range(starts):
        with LocalLambda("app.handler", _file(name).parent, name=name.partition("-")[0], timeout=60, **settings) as local:
            logs += [local.invoke(event).log for event in events]
    return "".join(logs)


def _file(name: str) -> Path:
    return FOLDER / name.partition("-")[0] / "app.py"


def record() -> None:
    """Write down what the examples do on this machine."""
    for name, settings in RUNS.items():
        (RECORDED / f"{name}.log").write_text(_run(**{"name": name, **settings}), encoding="utf-8")
    for name in ("eager", "lazy"):
        with LocalLambda("app.handler", _file(name).parent, timeout=60, _python_options=("-X", "importtime")) as local:
            lines = local.invoke().log.splitlines()
        end = next(number for number, line in enumerate(lines) if line.endswith("| app"))
        begin = next(number for number, line in enumerate(lines) if line.endswith("| awslambdaric.__main__"))
        direct = [
            line for line in lines[begin:end] if re.search(r"\|   \S+$", line)
        ]  # what the handler's module itself imports
        report = next(line for line in lines if line.startswith("REPORT"))
        (RECORDED / f"{name}-imports.log").write_text("\n".join([*direct, lines[end], report]) + "\n", encoding="utf-8")
