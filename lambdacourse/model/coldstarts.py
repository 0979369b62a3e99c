"""Cold starts: what a new environment costs, and what that is made of, calibrated to published measurements.

AWS publishes none of these seconds. ``ColdStart.of`` takes each from a study, names it, and shows it with ``phases``.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from html import escape

import numpy as np

from lambdacourse.facts import Fact, fact
from lambdacourse.model import checks
from lambdacourse.model.durations import Duration, as_duration, lognormal

PACKAGES = ("zip", "image")
FIRST_CALLS = {
    "nodejs20.x": "nodejs22", "nodejs22.x": "nodejs22", "nodejs24.x": "nodejs24", "python3.12": "python313",
    "python3.13": "python313", "python3.14": "python313", "java11": "java17", "java17": "java17", "java21": "java21",
    "java25": "java25", "dotnet8": "dotnet8", "dotnet10": "dotnet10", "ruby3.4": "ruby34", "go": "go", "rust": "rust",
    "dotnet8-aot": "go", "java21-graalvm": "java21_graalvm",
}  # fmt: skip
"""Runtimes that were measured, and whose first call stands for theirs: a relative's, where their own was not measured."""

NOWHERE, INIT, RESTORE, IN_DURATION = "no metric shows it", "Init Duration", "Restore Duration", "part of Duration"


@dataclass(frozen=True)
class Phase:
    """One phase of a cold start: its seconds (a median), where a REPORT line shows it, and the study it comes from."""

    name: str
    seconds: float
    shown: str
    source: str


class Phases(tuple[Phase, ...]):
    """Phases in order; a notebook shows them as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(f"{each.name}: {1000 * each.seconds:,.0f} ms ({each.shown}; {each.source})" for each in self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(each.name)}</td><td>{1000 * each.seconds:,.0f} ms</td><td>{escape(each.shown)}</td>"
            f"<td>{escape(each.source)}</td></tr>"
            for each in self
        )
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("Phase", "Time", "In a REPORT line", "Measured by"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


@dataclass(frozen=True)
class ColdStart:
    """What a new execution environment costs before the handler runs, and in its first call.

    init
        Seconds of initialisation, of runtime and function together (the ``Init Duration`` of a REPORT line): a number or a
        duration. 0 means no cold start. Billed.
    download
        Seconds before that, in which the environment is placed and its code arrives. Not billed, and shown by no metric; the
        environment counts as concurrency.
    first_call
        Seconds that the first call of the handler takes longer than later ones, in a provisioned environment too. Billed, as part
        of its ``Duration``.
    phases
        What these are made of, for those that ``ColdStart.of`` makes.
    """

    init: float | Duration = fact("init_default").value
    download: float = field(default=0.0, kw_only=True)
    first_call: float = field(default=0.0, kw_only=True)
    phases: Phases = field(default=Phases(), kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "init", as_duration("ColdStart(init", self.init))
        for name in ("download", "first_call"):
            rule = "must be a number of seconds, 0 or more"
            object.__setattr__(self, name, checks.number(f"ColdStart({name}", getattr(self, name), rule, least=0))

    @property
    def seconds(self) -> float:
        """How much longer than a warm call a cold one takes, at the median."""
        return self.download + self.init.quantile(0.5) + self.first_call

    @property
    def mean(self) -> float:
        """The same, on average."""
        return self.download + self.init.mean + self.first_call

    @staticmethod
    def of(
        runtime: str,
        *,
        memory_mb: int = fact("memory_default_here").value,
        architecture: str = "x86_64",
        package: str = "zip",
        package_mb: float = 1.0,
        loaded_mb: float = 0.0,
        function_init: float = 0.0,
        snapstart: bool = False,
        vpc: bool = False,
    ) -> ColdStart:
        """The cold start of a function, phase by phase, from what was measured of functions like it.

        runtime
            Such as ``"python3.13"``: one of those measured (``FIRST_CALLS`` lists them).
        memory_mb
            Moves the first call alone: initialisation gets about a whole vCPU at any size (measured, not documented).
        package, package_mb
            ``"zip"`` or ``"image"``, and its size. A zip package takes longer to arrive with each MB, an image does not.
        loaded_mb
            JavaScript that is loaded during initialisation, in MB (Node.js; the others were not measured).
        function_init
            Seconds that your own code outside the handler takes on a whole vCPU: imports, clients, connections.
        snapstart
            A snapshot is restored instead of initialising, and its pages are read in the first call.
        vpc
            Whether the function is attached to a VPC. AWS prints no delay since 2019; one study of 2021 measured one.
        """
        checks.name("ColdStart.of(runtime", runtime, "AWS::Lambda::Function Runtime")
        if runtime not in FIRST_CALLS:
            near = difflib.get_close_matches(runtime, FIRST_CALLS, n=3) or list(FIRST_CALLS)
            raise ValueError(
                f"ColdStart.of({runtime!r}): not among the runtimes that were measured; there are: {', '.join(near)}."
            )
        checks.choice("ColdStart.of(package", package, PACKAGES, "AWS::Lambda::Function PackageType")
        checks.choice("ColdStart.of(architecture", architecture, ("x86_64", "arm64"), "AWS::Lambda::Function Architectures")
        least, most = fact("memory_minimum").value, fact("memory_maximum").value
        rule = f"must be a whole number of MB from {least} to {most:,} (AWS::Lambda::Function MemorySize)"
        checks.whole("ColdStart.of(memory_mb", memory_mb, rule, least=least, most=most)
        rule = "must be a number of seconds, 0 or more"
        checks.number("ColdStart.of(function_init", function_init, rule, least=0)
        arrival = [_arrival(package, package_mb), *([_vpc()] if vpc else [])]
        if snapstart:
            _check_snapstart(runtime, package)
            inner = [_restore(runtime, package, package_mb)]
            init: float | Duration = inner[0].seconds
            first = _first_read(memory_mb)
        else:
            table = f"{package}_{'arm64' if architecture == 'arm64' and package == 'zip' else 'x86'}"
            median, high = (fact(f"init_{quantile}_{table}") for quantile in ("p50", "p99"))
            own = [_loaded(runtime, loaded_mb)] if loaded_mb else []
            own += [Phase("function", function_init, INIT, "your own measurement")] if function_init else []
            more = sum(each.seconds for each in own)
            inner = [Phase("runtime", median.value[runtime] / 1000, INIT, _study(median)), *own]
            init = lognormal(median.value[runtime] / 1000 + more, high.value[runtime] / 1000 + more)
            first = _first_call(runtime, memory_mb)
        download = sum(each.seconds for each in arrival)
        return ColdStart(init, download=download, first_call=first.seconds, phases=Phases([*arrival, *inner, first]))


def _arrival(package: str, package_mb: float) -> Phase:
    """Placement and download: a floor, and for a zip package what takes it to the measured second at 200 MB."""
    most = fact("package_unzipped").value if package == "zip" else 1024 * fact("image_maximum").value
    rule = f"must be a number of MB from 0 to {most:,} (Lambda's quota for a {package} package)"
    checks.number("ColdStart.of(package_mb", package_mb, rule, least=0, most=most)
    floor, measured = fact("pre_init_floor"), fact("pre_init_at_200_mb")
    per_mb = (measured.value - floor.value / 1000) / 200 if package == "zip" else 0.0
    return Phase("download", floor.value / 1000 + per_mb * package_mb, NOWHERE, _study(floor))


def _vpc() -> Phase:
    measured = fact("client_cold_vpc_2021")
    return Phase("VPC", measured.value["VPC"] - measured.value["none"], NOWHERE, _study(measured))


def _loaded(runtime: str, loaded_mb: float) -> Phase:
    """What loading ``loaded_mb`` of JavaScript adds, between the sizes measured."""
    if not runtime.startswith("nodejs"):
        raise ValueError(
            f"ColdStart.of({runtime!r}, loaded_mb={loaded_mb!r}): was measured for Node.js alone; give function_init in seconds."
        )
    measured = fact("js_size_init_node18")
    sizes = np.array([float(size.split()[0]) / (1024 if size.endswith("KB") else 1) for size in measured.value])
    rule = f"must be a number of MB from 0 to {sizes[-1]:g} (what was measured)"
    checks.number("ColdStart.of(loaded_mb", loaded_mb, rule, least=0, most=sizes[-1])
    seconds = np.array(list(measured.value.values())) / 1000
    return Phase("function", float(np.interp(loaded_mb, sizes, seconds - seconds[0])), INIT, _study(measured))


def _first_call(runtime: str, memory_mb: int) -> Phase:
    measured = fact(f"first_call_{FIRST_CALLS[runtime]}")
    return Phase("first call", _by_memory(measured, memory_mb), IN_DURATION, _study(measured))


def _check_snapstart(runtime: str, package: str) -> None:
    known = runtime.startswith(("python3.1", "java", "dotnet")) and not runtime.endswith(("-aot", "-graalvm"))
    if package == "zip" and not known:
        versions = ", ".join(fact("snapstart_runtimes").value)
        raise ValueError(
            f"ColdStart.of({runtime!r}, snapstart=True): AWS has SnapStart from {versions}, or for container images."
        )


def _restore(runtime: str, package: str, package_mb: float) -> Phase:
    """The restore of a snapshot: it does not depend on what is in it; .NET's was not measured, and takes Java's place."""
    if package == "image":
        measured = fact("snapstart_container_restore")
        small, large = measured.value["TypeScript 51 MB"], measured.value["Rust 327 MB, highest"]
        seconds = float(np.interp(package_mb, [51, 327], [small, large])) / 1000
    elif runtime.startswith("python"):
        measured = fact("snapstart_cases_restore")
        seconds = measured.value["Python 3.12 hello world"] / 1000
    else:
        measured = fact("restore_by_memory")
        seconds = max(measured.value.values()) / 1000
    return Phase("restore", seconds, RESTORE, _study(measured))


def _first_read(memory_mb: int) -> Phase:
    measured = fact("restore_pages_by_memory")
    return Phase("first call", _by_memory(measured, memory_mb), IN_DURATION, _study(measured))


def _by_memory(measured: Fact, memory_mb: int) -> float:
    """Seconds of a table of milliseconds by memory: between two sizes in proportion (of logarithms), beyond the ends as there."""
    memory = np.log([float(size) for size in measured.value])
    return float(np.exp(np.interp(np.log(memory_mb), memory, np.log(list(measured.value.values()))))) / 1000


def _study(measured: Fact) -> str:
    return f"{measured.source}, {measured.as_of}"
