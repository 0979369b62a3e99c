"""A Lambda function as the simulator sees it: how long it runs, how it starts, what is reserved for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.coldstarts import ColdStart
from lambdacourse.model.durations import Duration, as_duration

ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True)
class TargetTracking:
    """Application Auto Scaling of provisioned concurrency by how much of it is in use (AWS::ApplicationAutoScaling::ScalingPolicy).

    It scales out once the metric ProvisionedConcurrencyUtilization was above the target for three minutes, and in once it was below
    90 % of the target for fifteen. In a minute in which no provisioned environment runs there is no metric, so without traffic
    nothing is scaled in.

    minimum, maximum
        MinCapacity and MaxCapacity of the scalable target.
    target
        TargetValue: the utilisation to keep, 0.1 to 0.9.
    statistic
        Which of the metric's statistics is looked at: ``"Average"``, as AWS's predefined metric does (here the average over the
        minute's time, an assumption), or ``"Maximum"``, which sees short bursts too.
    """

    minimum: int
    maximum: int
    target: float = fact("autoscaling_target").value
    statistic: str = field(default="Average", kw_only=True)

    def __post_init__(self) -> None:
        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        rule = "must be a whole number of 0 or more (AWS::ApplicationAutoScaling::ScalableTarget MinCapacity)"
        keep("minimum", checks.whole("TargetTracking(minimum", self.minimum, rule, least=0))
        rule = f"must be a whole number, at least the minimum ({self.minimum}) (…::ScalableTarget MaxCapacity)"
        keep("maximum", checks.whole("TargetTracking(maximum", self.maximum, rule, least=max(self.minimum, 1)))
        least, most = fact("autoscaling_target_minimum").value, fact("autoscaling_target_maximum").value
        rule = f"must be a share from {least} to {most} (LambdaProvisionedConcurrencyUtilization TargetValue)"
        keep("target", checks.number("TargetTracking(target", self.target, rule, least=least, most=most))
        checks.choice("TargetTracking(statistic", self.statistic, ("Average", "Maximum"), "CloudWatch statistics")


@dataclass(frozen=True)
class Schedule:
    """A scheduled action of Application Auto Scaling: from the time ``at`` on other bounds hold for provisioned concurrency.

    at
        Seconds from the start of the figures.
    minimum, maximum
        MinCapacity and MaxCapacity: what is below the one or above the other is set to it. ``maximum=None``: the same as
        ``minimum``, so that exactly this much is provisioned.
    """

    at: float
    minimum: int
    maximum: int | None = None

    def __post_init__(self) -> None:
        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        rule = "must be a time in seconds, 0 or more (ScheduledAction Schedule)"
        keep("at", checks.number("Schedule(at", self.at, rule, least=0))
        rule = "must be a whole number of 0 or more (ScheduledAction MinCapacity)"
        keep("minimum", checks.whole("Schedule(minimum", self.minimum, rule, least=0))
        if self.maximum is not None:
            rule = f"must be a whole number, at least the minimum ({self.minimum}), or None (ScheduledAction MaxCapacity)"
            keep("maximum", checks.whole("Schedule(maximum", self.maximum, rule, least=self.minimum))


@dataclass(frozen=True)
class Downstream:
    """What stands behind functions and serves only so many at once, such as a database with its connections.

    Each invocation takes one connection for as long as its handler works. Several functions may share one downstream.

    name
        Unique among downstreams.
    concurrency_limit
        How many it serves at once.
    when_full
        ``"error"``: it refuses, and the handler fails; ``"wait"``: the handler waits its turn, in the order of the invocations,
        and the wait is part of its duration.
    error_after
        Seconds until a refused handler has failed.
    """

    name: str
    concurrency_limit: int
    when_full: str = "error"
    error_after: float = field(default=0.01, kw_only=True)

    def __post_init__(self) -> None:
        checks.name("Downstream(name", self.name, "what stands behind the function")
        at = f"Downstream({self.name!r}, "
        rule = "must be a whole number from 1 to 1,000,000: how many it serves at once"
        limit = checks.whole(f"{at}concurrency_limit", self.concurrency_limit, rule, least=1, most=1_000_000)
        object.__setattr__(self, "concurrency_limit", limit)
        checks.choice(f"{at}when_full", self.when_full, ("error", "wait"), "what happens to one more")
        rule = "must be a number of seconds, 0 or more: how soon a refused handler fails"
        object.__setattr__(self, "error_after", checks.number(f"{at}error_after", self.error_after, rule, least=0))


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
    provisioned_concurrency
        ProvisionedConcurrentExecutions of a version or alias: environments that are kept initialised. They are there when the run
        begins; a ``Schedule`` has them allocated during it. 0 for none.
    provisioned_scaling
        How the provisioned concurrency changes: a ``TargetTracking``, a ``Schedule``, or a tuple of them with at most one
        ``TargetTracking``.
    downstream
        What each invocation needs a connection to, such as ``Downstream("db", 100)``.
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
    provisioned_concurrency: int = field(default=0, kw_only=True)
    provisioned_scaling: TargetTracking | Schedule | tuple[TargetTracking | Schedule, ...] = field(default=(), kw_only=True)
    downstream: Downstream | None = field(default=None, kw_only=True)
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
        self._check_provisioned(at, keep)
        if self.downstream is not None:
            checks.instance(
                f"{at}downstream", self.downstream, Downstream, 'a Downstream, such as Downstream("db", 100), or None'
            )
        rule = "must be a number of seconds above 0 (an assumption: AWS does not publish how long an idle environment lives)"
        keep("idle_timeout", checks.number(f"{at}idle_timeout", self.idle_timeout, rule, above=0))
        if self.maximum_age is not None:
            rule = "must be a number of seconds above 0, or None (an assumption: AWS says environments end every few hours)"
            keep("maximum_age", checks.number(f"{at}maximum_age", self.maximum_age, rule, above=0))
        checks.choice(f"{at}architecture", self.architecture, ARCHITECTURES, "AWS::Lambda::Function Architectures")

    @property
    def target_tracking(self) -> TargetTracking | None:
        """Its target tracking, if any."""
        return next((each for each in self.provisioned_scaling if isinstance(each, TargetTracking)), None)

    def _check_provisioned(self, at: str, keep) -> None:
        rule = "must be a whole number of 0 or more (AWS::Lambda::Alias ProvisionedConcurrentExecutions)"
        keep(
            "provisioned_concurrency", checks.whole(f"{at}provisioned_concurrency", self.provisioned_concurrency, rule, least=0)
        )
        scaling = self.provisioned_scaling
        scaling = tuple(scaling) if isinstance(scaling, tuple | list) else (scaling,)
        for each in scaling:
            example = "a TargetTracking, a Schedule, or a tuple of them"
            checks.instance(f"{at}provisioned_scaling", each, TargetTracking | Schedule, example)
        keep("provisioned_scaling", scaling)
        tracking = self.target_tracking
        if sum(isinstance(each, TargetTracking) for each in scaling) > 1:
            raise ValueError(f"{at}provisioned_scaling={scaling!r}: there can be only one TargetTracking.")
        if tracking and not max(tracking.minimum, 1) <= self.provisioned_concurrency <= tracking.maximum:
            raise ValueError(
                f"{at}provisioned_concurrency={self.provisioned_concurrency}: with target tracking an initial value must be set, "
                f"from {max(tracking.minimum, 1):,} to {tracking.maximum:,} (MinCapacity and MaxCapacity of the scalable target)."
            )
        if self.reserved_concurrency is not None and self.provisioned_concurrency > self.reserved_concurrency:
            raise ValueError(
                f"{at}provisioned_concurrency={self.provisioned_concurrency:,}: must not be above the reserved concurrency, "
                f"{self.reserved_concurrency:,} (AWS refuses a reservation below the provisioned concurrency of the versions)."
            )
