"""A Lambda function as the simulator sees it: how long it runs, how it starts, what is reserved for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.coldstarts import ColdStart
from lambdacourse.model.durations import Duration, as_duration

ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True)
class Function:
    """A function; each argument is named after its CloudFormation property in AWS::Lambda::Function, where it has one.

    name
        FunctionName, unique in a run.
    duration
        Seconds the handler runs: a number, ``exponential(mean)``, ``lognormal(median, p99)`` or ``constant(seconds)``.
    memory_mb
        MemorySize in MB.
    timeout
        Timeout in seconds; ``None`` does not simulate one (AWS's default is 3 s). A call that times out is an error, and the
        environment initialises again within its next call.
    cold_start
        What a new environment costs: ``ColdStart(init=0.25)``.
    error_rate
        Share of the invocations in which the handler raises.
    reserved_concurrency
        ReservedConcurrentExecutions: set aside for this function, and its upper limit. 0 throttles everything.
    idle_timeout
        Assumption: seconds that an idle environment lives. AWS does not publish it.
    maximum_age
        Assumption: seconds after which an environment is not used again; ``None`` for no limit.
    architecture
        ``"x86_64"`` or ``"arm64"``.
    """

    name: str
    duration: float | Duration = field(kw_only=True)
    memory_mb: int = field(default=fact("memory_default_here").value, kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)
    cold_start: ColdStart = field(default=ColdStart(), kw_only=True)
    error_rate: float = field(default=0.0, kw_only=True)
    reserved_concurrency: int | None = field(default=None, kw_only=True)
    idle_timeout: float = field(default=fact("idle_timeout").value, kw_only=True)
    maximum_age: float | None = field(default=None, kw_only=True)
    architecture: str = field(default="x86_64", kw_only=True)

    def __post_init__(self) -> None:
        checks.name("Function(name", self.name, "AWS::Lambda::Function FunctionName")
        at = f"Function({self.name!r}, "

        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        keep("duration", as_duration(f"{at}duration", self.duration))
        least, most = fact("memory_minimum").value, fact("memory_maximum").value
        rule = f"must be a whole number of MB from {least} to {most:,} (AWS::Lambda::Function MemorySize)"
        keep("memory_mb", checks.whole(f"{at}memory_mb", self.memory_mb, rule, least=least, most=most))
        if self.timeout is not None:
            most = fact("timeout_maximum").value
            rule = f"must be a number of seconds from 1 to {most}, or None (AWS::Lambda::Function Timeout)"
            keep("timeout", checks.number(f"{at}timeout", self.timeout, rule, least=1, most=most))
        checks.instance(f"{at}cold_start", self.cold_start, ColdStart, "a ColdStart, such as ColdStart(init=0.25)")
        rule = "must be a share from 0 to 1 (errors per invocation)"
        keep("error_rate", checks.number(f"{at}error_rate", self.error_rate, rule, least=0, most=1))
        if self.reserved_concurrency is not None:
            rule = "must be a whole number of 0 or more, or None (AWS::Lambda::Function ReservedConcurrentExecutions)"
            keep("reserved_concurrency", checks.whole(f"{at}reserved_concurrency", self.reserved_concurrency, rule, least=0))
        rule = "must be a number of seconds above 0 (an assumption: AWS does not publish how long an idle environment lives)"
        keep("idle_timeout", checks.number(f"{at}idle_timeout", self.idle_timeout, rule, above=0))
        if self.maximum_age is not None:
            rule = "must be a number of seconds above 0, or None (an assumption: AWS says environments end every few hours)"
            keep("maximum_age", checks.number(f"{at}maximum_age", self.maximum_age, rule, above=0))
        checks.choice(f"{at}architecture", self.architecture, ARCHITECTURES, "AWS::Lambda::Function Architectures")
