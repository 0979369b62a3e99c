"""``read``: a template in the words of the model; ``simulate_template``: that, under load.

A template does not say how much traffic there is, nor how long a function runs. Both are given by the caller, by logical ID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.model import (
    CALLERS,
    LATEST,
    Account,
    Async,
    Duration,
    DynamoDbStream,
    EventSourceMapping,
    FifoQueue,
    Function,
    KinesisStream,
    Source,
    SqsQueue,
    Sync,
    TargetTracking,
    Traffic,
    steady,
)
from lambdacourse.network import VpcConfig
from lambdacourse.simulation import Alarm, Run, simulate
from lambdacourse.templates.checking import stack_of
from lambdacourse.templates.document import TemplateError, load
from lambdacourse.templates.stack import ALARM, FUNCTION, MAPPING, QUEUE, STREAM, TABLE, Stack, Target
from lambdacourse.templates.template import Resource
from lambdacourse.templates.vpcs import read_vpc

TRACKED = "TargetTrackingScalingPolicyConfiguration"


@dataclass(frozen=True)
class Deployment:
    """What a template deploys, in the words of the model; every table goes by logical ID.

    functions
        With the memory, timeout, reservation, provisioned concurrency and its scaling that the template gives them.
    sources
        Queues and streams, with the traffic that was given, or none.
    mappings
        Event source mappings between them.
    triggers
        What ``simulate`` takes: the mappings, what else brings traffic to a function, and functions without any.
    alarms
        The alarms on single metrics of functions, queues and the account.
    vpcs
        The VPC of each function that is in subnets of the template, for ``lambdacourse.network.reach``.
    assumed
        The functions whose duration was not given.
    left_out
        What the template has and the model has not: a sentence each.
    """

    functions: Mapping[str, Function]
    sources: Mapping[str, Source]
    mappings: Mapping[str, EventSourceMapping]
    triggers: tuple[Sync | Async | EventSourceMapping | Function, ...]
    alarms: Mapping[str, Alarm]
    vpcs: Mapping[str, VpcConfig]
    assumed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def simulate(
        self,
        *,
        account: Account = Account(),  # noqa: B008 - frozen
        seconds: float = 600.0,
        seed: int = 0,
        warm_up: float = 0.0,
    ) -> Run:
        """Simulate it; ``TemplateError`` when a function has traffic, and its duration was not given."""
        for trigger in self.triggers:
            if not isinstance(trigger, Function) and trigger.function.name in self.assumed and _traffic(trigger) != NO_TRAFFIC:
                name = trigger.function.name
                raise TemplateError(f"no template says how long a function runs: give the duration of {name}, in seconds.")
        return simulate(*self.triggers, account=account, seconds=seconds, seed=seed, warm_up=warm_up)


def read(
    file: str | Path,
    traffic: Mapping[str, Traffic] | None = None,
    durations: Mapping[str, float | Duration] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> Deployment:
    """The template in ``file`` in the words of the model.

    traffic
        What arrives, by logical ID: at a queue or a stream, or at a function (through whatever invokes it in the template).
    durations
        Seconds that a function runs, by logical ID. A function that is not named takes the fact ``template_duration``, an
        assumption; a function with traffic is not simulated with that.
    parameters
        Values for the template's parameters, over their defaults.

    Raises ``TemplateError``, with line and column, when AWS would refuse what stands there.
    """
    return read_stack(stack_of(load(file), str(file), parameters), str(file), traffic, durations)


def read_stack(
    stack: Stack,
    file: str,
    traffic: Mapping[str, Traffic] | None = None,
    durations: Mapping[str, float | Duration] | None = None,
) -> Deployment:
    """``read`` for a template whose resources are at hand; ``file`` is what errors call it."""
    return _Reader(stack, file, dict(traffic or {}), dict(durations or {})).read()


def simulate_template(
    file: str | Path,
    traffic: Mapping[str, Traffic],
    durations: Mapping[str, float | Duration],
    *,
    account: Account = Account(),  # noqa: B008 - frozen
    seconds: float = 600.0,
    seed: int = 0,
    warm_up: float = 0.0,
    parameters: Mapping[str, Any] | None = None,
) -> Run:
    """Simulate what the template in ``file`` deploys under ``traffic``, both by logical ID; see ``read`` and ``simulate``.

    >>> simulate_template("template.yaml", {"Orders": poisson(100)}, {"Worker": 0.4})["Worker"].throttle_rate
    """
    deployment = read(file, traffic, durations, parameters=parameters)
    return deployment.simulate(account=account, seconds=seconds, seed=seed, warm_up=warm_up)


def _traffic(trigger: Sync | Async | EventSourceMapping) -> Traffic:
    return trigger.source.traffic if isinstance(trigger, EventSourceMapping) else trigger.traffic


NO_TRAFFIC = steady(0)


@dataclass
class _Reader:
    stack: Stack
    file: str
    traffic: dict[str, Traffic]
    durations: dict[str, float | Duration]
    left_out: list[str] = field(default_factory=list)

    def read(self) -> Deployment:
        functions = {resource.name: self.made(resource, self.function, resource) for resource in self.stack.all(FUNCTION)}
        self.known("durations", self.durations, functions)
        sources = {
            resource.name: self.made(resource, self.source, resource) for resource in self.stack.all(QUEUE, STREAM, TABLE)
        }
        sources = {name: source for name, source in sources.items() if source}
        self.known("traffic", self.traffic, {**functions, **sources})
        mappings = dict(self.mappings(functions, sources))
        calls = list(self.calls(functions))
        used = {trigger.function.name for trigger in (*mappings.values(), *calls)}
        idle = [function for name, function in functions.items() if name not in used]
        vpcs = {resource.name: self.made(resource, read_vpc, self.stack, resource) for resource in self.stack.all(FUNCTION)}
        return Deployment(
            functions,
            sources,
            mappings,
            (*mappings.values(), *calls, *idle),
            dict(self.alarms({*functions, *(mapping.source.name for mapping in mappings.values())})),
            {name: vpc for name, vpc in vpcs.items() if vpc},
            tuple(name for name in functions if name not in self.durations),
            tuple(self.left_out),
        )

    def made(self, resource: Resource, make: Callable[..., Any], /, *arguments: Any, **settings: Any) -> Any:
        """What ``make`` makes; what the model refuses, AWS refuses too: then a sentence with the resource's place."""
        try:
            return make(*arguments, **settings)
        except (ValueError, TypeError) as error:
            raise TemplateError(str(error), resource.place, self.file) from None

    def known(self, what: str, given: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
        for name in given:
            if name not in resources:
                there = ", ".join(resources) or "none"
                raise TemplateError(
                    f"{what}={name!r}: the template has no such function or source; it has {there}.", file=self.file
                )

    def number(self, resource: Resource, path: str, default: float | None = None) -> Any:
        """The number at ``path``; where the file does not say which, the default, and a sentence about it."""
        value = resource.number(path, default)
        if value is None and resource.at(path):
            instead = "none" if default is None else f"{default:g}"
            self.left_out.append(f"{resource.name}: {path} is not in the file; {instead} was taken.")
            return default
        return value

    def function(self, resource: Resource) -> Function:
        holders = self.stack.provisioned(resource)
        if len(holders) > 1:
            names = " and ".join(holder.name for holder, _ in holders)
            self.left_out.append(f"{resource.name}: the provisioned concurrency of {names} was added up.")
        path = "ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions"
        architectures = resource.items("Architectures")
        return Function(
            resource.name,
            duration=self.durations.get(resource.name, fact("template_duration").value),
            memory_mb=self.number(resource, "MemorySize", fact("memory_minimum").value),
            timeout=self.number(resource, "Timeout", fact("timeout_default").value),
            reserved_concurrency=self.number(resource, "ReservedConcurrentExecutions"),
            provisioned_concurrency=sum(self.number(holder, path, 0) for holder, _ in holders),
            provisioned_scaling=tuple(self.scaling(resource)),
            architecture=architectures[0].data if architectures else "x86_64",
        )

    def scaling(self, function: Resource) -> Iterator[TargetTracking]:
        for target in self.stack.all("AWS::ApplicationAutoScaling::ScalableTarget"):
            scaled, _ = self.stack.scaled(target)
            if target.data("ServiceNamespace") != "lambda" or not scaled or scaled.function is not function:
                continue
            if target.at("ScheduledActions"):
                self.left_out.append(f"{target.name}: scheduled actions, which go by the clock, were left out.")
            for policy in self.stack.all("AWS::ApplicationAutoScaling::ScalingPolicy"):
                value = policy.number(f"{TRACKED}.TargetValue")
                if self.stack.find(policy.data("ScalingTargetId"), target.type) is target and value is not None:
                    least, most = self.number(target, "MinCapacity", 0), self.number(target, "MaxCapacity", 1)
                    yield self.made(target, TargetTracking, least, most, value)

    def source(self, resource: Resource) -> Source | None:
        traffic = self.traffic.get(resource.name, NO_TRAFFIC)
        if resource.type == QUEUE:
            settings = {
                "visibility_timeout": self.number(resource, "VisibilityTimeout", fact("sqs_visibility_default").value),
                "max_receive_count": self.number(resource, "RedrivePolicy.maxReceiveCount"),
                "retention": self.number(resource, "MessageRetentionPeriod", fact("sqs_retention_default").value),
            }
            kind = FifoQueue if str(resource.data("FifoQueue")).lower() == "true" else SqsQueue
            return kind(resource.name, traffic, **settings)
        if resource.type == STREAM:
            if resource.data("StreamModeDetails.StreamMode") == "ON_DEMAND":
                self.left_out.append(f"{resource.name}: an on-demand stream has as many shards as AWS gives it; 1 was taken.")
            hours = self.number(resource, "RetentionPeriodHours", fact("kinesis_retention_default").value)
            return KinesisStream(resource.name, traffic, shards=self.number(resource, "ShardCount", 1), retention=hours * 3_600)
        return DynamoDbStream(resource.name, traffic) if resource.at("StreamSpecification") else None

    def mappings(
        self, functions: Mapping[str, Function], sources: Mapping[str, Source]
    ) -> Iterator[tuple[str, EventSourceMapping]]:
        for mapping, target, source in self.stack.mappings:
            if mapping.data("Enabled") is False:
                self.left_out.append(f"{mapping.name}: a mapping that is switched off.")
            elif source is None or source.name not in sources:
                self.left_out.append(f"{mapping.name}: its source is not in the template, or is none that is modelled.")
            else:
                function, polled = functions[target.function.name], sources[source.name]
                yield mapping.name, self.made(mapping, self.mapping, mapping, target, function, polled)
        known = [mapping for mapping, _, _ in self.stack.mappings]
        self.left_out += [
            f"{each.name}: its function is not in the template." for each in self.stack.all(MAPPING) if each not in known
        ]

    def mapping(self, resource: Resource, target: Target, function: Function, source: Source) -> EventSourceMapping:
        types = [item.data for item in resource.items("FunctionResponseTypes")]
        destination = self.stack.find(resource.data("DestinationConfig.OnFailure.Destination"))
        settings = {
            "batch_size": self.number(resource, "BatchSize"),
            "batching_window": self.number(resource, "MaximumBatchingWindowInSeconds", 0),
            "report_batch_item_failures": "ReportBatchItemFailures" in types,
            "qualifier": _qualifier(target),
            "maximum_concurrency": self.number(resource, "ScalingConfig.MaximumConcurrency"),
            "minimum_pollers": self.number(resource, "ProvisionedPollerConfig.MinimumPollers"),
            "maximum_pollers": self.number(resource, "ProvisionedPollerConfig.MaximumPollers"),
            "parallelization_factor": self.number(resource, "ParallelizationFactor"),
            "maximum_retry_attempts": self.number(resource, "MaximumRetryAttempts"),
            "maximum_record_age": self.number(resource, "MaximumRecordAgeInSeconds"),
            "bisect_batch_on_function_error": resource.data("BisectBatchOnFunctionError") is True,
            "tumbling_window": self.number(resource, "TumblingWindowInSeconds", 0),
            "starting_position": resource.data("StartingPosition"),
            "starting_position_timestamp": self.number(resource, "StartingPositionTimestamp"),
            "on_failure": destination.name if destination else None,
        }
        return EventSourceMapping(function, source, **settings)

    def calls(self, functions: Mapping[str, Function]) -> Iterator[Sync | Async]:
        """The traffic that was given for functions, through what invokes them; called directly, where nothing does."""
        for name, traffic in self.traffic.items():
            if name not in functions:
                continue
            invokers = [invoker for invoker in self.stack.invokers if invoker.target.function.name == name]
            kinds = {invoker.kind for invoker in invokers}
            if len(invokers) > 1:
                self.left_out.append(
                    f"{name}: of {', '.join(each.resource.name for each in invokers)} the first brings the traffic."
                )
            qualifier = _qualifier(invokers[0].target) if invokers else None
            if invokers and invokers[0].kind == "async":
                yield self.asynchronous(functions[name], traffic, qualifier)
            else:
                via = invokers[0].via if kinds else "invoke"
                if via not in CALLERS:
                    self.left_out.append(
                        f"{name}: what callers of an HTTP API see of a throttle is not modelled; that of Invoke was taken."
                    )
                yield Sync(functions[name], traffic, via=via if via in CALLERS else "invoke", qualifier=qualifier)

    def asynchronous(self, function: Function, traffic: Traffic, qualifier: str | None) -> Async:
        resource = self.stack.resources[function.name]
        dead = self.stack.find(resource.data("DeadLetterConfig.TargetArn"))
        settings: dict[str, Any] = {"on_failure": dead.name if dead else None}
        for config in self.stack.all("AWS::Lambda::EventInvokeConfig"):
            if self.stack.function_of(config) is resource:
                said = {
                    "maximum_retry_attempts": self.number(config, "MaximumRetryAttempts"),
                    "maximum_event_age": self.number(config, "MaximumEventAgeInSeconds"),
                }
                settings |= {name: value for name, value in said.items() if value is not None}
                destination = self.stack.find(config.data("DestinationConfig.OnFailure.Destination"))
                settings["on_failure"] = destination.name if destination else settings["on_failure"]
        return self.made(resource, Async, function, traffic, qualifier=qualifier, **settings)

    def alarms(self, running: set[str]) -> Iterator[tuple[str, Alarm]]:
        for alarm in self.stack.all(ALARM):
            watched = self.watched(alarm, running)
            needed = [alarm.number(name) for name in ("Period", "EvaluationPeriods", "Threshold")]
            if watched is None or None in needed or not isinstance(alarm.data("Statistic"), str):
                self.left_out.append(f"{alarm.name}: an alarm on what a run has no single metric of.")
                continue
            settings = {
                "comparison": alarm.data("ComparisonOperator"),
                "datapoints_to_alarm": self.number(alarm, "DatapointsToAlarm"),
                "treat_missing": alarm.data("TreatMissingData", "missing"),
                "resource": watched,
            }
            yield alarm.name, self.made(alarm, Alarm, alarm.data("MetricName"), alarm.data("Statistic"), *needed, **settings)

    def watched(self, alarm: Resource, running: set[str]) -> str | None:
        """Whose metric an alarm looks at: a function's, a queue's, or the account's; ``None`` for what a run does not have."""
        dimensions = alarm.items("Dimensions")
        if alarm.data("Namespace") not in ("AWS/Lambda", "AWS/SQS") or not isinstance(alarm.data("MetricName"), str):
            return None
        if not dimensions:
            return "account"
        named = {str(item["Name"].data): item["Value"] for item in dimensions if item["Name"] and item["Value"]}
        if set(named) not in ({"FunctionName"}, {"QueueName"}):
            return None
        (value,) = named.values()
        resource = self.stack.find(value.data, FUNCTION, QUEUE)
        return resource.name if resource and resource.name in running else None


def _qualifier(target: Target) -> str | None:
    return LATEST if target.is_latest else None
