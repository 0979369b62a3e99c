"""The resources of a template with their links followed: which function and which source a mapping joins, and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lambdacourse.templates import sam
from lambdacourse.templates.document import Place, Value
from lambdacourse.templates.template import Reference, Resource, Template, Text, as_number

LATEST = "$LATEST"

FUNCTION, VERSION, ALIAS = "AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias"
MAPPING, QUEUE = "AWS::Lambda::EventSourceMapping", "AWS::SQS::Queue"
STREAM, TABLE = "AWS::Kinesis::Stream", "AWS::DynamoDB::Table"
ALARM = "AWS::CloudWatch::Alarm"


@dataclass(frozen=True, eq=False)
class Target:
    """What is invoked: a function, through ``qualifier``: an alias, a version, a name written out, or ``"$LATEST"``."""

    function: Resource
    qualifier: Resource | str

    @property
    def is_latest(self) -> bool:
        return self.qualifier == LATEST


@dataclass(frozen=True, eq=False)
class Invoker:
    """A resource that invokes a function: ``kind`` is ``"sync"`` or ``"async"``, ``via`` what stands between."""

    resource: Resource
    target: Target
    kind: str
    via: str
    place: Place


@dataclass(frozen=True, eq=False)
class Stack:
    """A template's resources by logical ID."""

    template: Template
    resources: Mapping[str, Resource] = field(default_factory=dict)

    @classmethod
    def of(cls, template: Template) -> Stack:
        return cls(template, {resource.name: resource for resource in sam.expand(template)})

    def all(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.type in types]

    def find(self, data: Any, *types: str) -> Resource | None:
        """The resource of one of ``types`` that ``data`` names: by reference, by ARN or by its own name."""
        for reference in references(data):
            resource = self.resources.get(reference.name)
            if resource and (not types or resource.type in types):
                return resource
        if isinstance(data, str) and data:
            last = data.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
            return next((resource for resource in self.all(*types) if _own_name(resource) in (data, last)), None)
        return None

    def target(self, data: Any, qualifier: Any = None) -> Target | None:
        """The function that ``data`` names, with its qualifier. It is named by itself, an alias or a version: by reference, name
        or ARN, with or without ``:name`` behind it.
        """
        function = self.find(data, FUNCTION)
        if function is None:
            named = self.find(data, ALIAS, VERSION) if references(data) else None
            function = self.function_of(named) if named else None
            if function:
                return Target(function, named)
            match = re.search(r"([\w-]+):([\w$-]+)$", data) if isinstance(data, str) else None
            function = self.find(match[1], FUNCTION) if match else None
            return Target(function, self._qualifier(function, match[2])) if function else None
        if qualifier is None and isinstance(data, Text):
            after = data.parts[[isinstance(part, Reference) for part in data.parts].index(True) + 1 :]
            if after and isinstance(after[0], str) and after[0].startswith(":"):
                rest = re.match(r":([\w$-]+)", after[0])
                qualifier = rest[1] if rest else after[1] if len(after) > 1 else None
        return Target(function, self._qualifier(function, qualifier))

    def _qualifier(self, function: Resource, said: Any) -> Resource | str:
        if isinstance(said, Reference):
            named = self.resources.get(said.name)
            return named if named and named.type in (ALIAS, VERSION) else str(said.name)
        if said in (None, LATEST) or not isinstance(said, str):
            return LATEST
        aliases = (alias for alias in self.all(ALIAS) if alias.data("Name") == said and self.function_of(alias) is function)
        return next(aliases, said)

    def function_of(self, resource: Resource) -> Resource | None:
        """The function that an alias, a version, a mapping or a configuration belongs to."""
        data = resource.data("FunctionName")
        return self.find(data, FUNCTION) if data is not None else None

    @cached_property
    def mappings(self) -> list[tuple[Resource, Target, Resource | None]]:
        """Each event source mapping whose function is in the template, with its source, where that is too."""
        found = []
        for mapping in self.all(MAPPING):
            target = self.target(mapping.data("FunctionName"))
            if target:
                found.append((mapping, target, self.find(mapping.data("EventSourceArn"), QUEUE, STREAM, TABLE)))
        return found

    def provisioned(self, function: Resource) -> list[tuple[Resource, Value]]:
        """The aliases and versions of ``function`` with provisioned concurrency, and how much (a number, or not known)."""
        path = "ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions"
        holders = [holder for holder in self.all(ALIAS, VERSION) if self.function_of(holder) is function]
        return [(holder, holder.at(path)) for holder in holders if holder.at(path) and as_number(holder.data(path)) != 0]

    def provisioned_sum(self, function: Resource) -> float:
        """Provisioned concurrency of ``function``, as far as the file says."""
        return sum(as_number(value.data) or 0 for _, value in self.provisioned(function))

    def scaled(self, target: Resource) -> tuple[Target | None, str | None]:
        """What a scalable target of Lambda scales: the function and qualifier in ``function:NAME:QUALIFIER``, or its text."""
        data = target.data("ResourceId")
        if isinstance(data, str):
            return (self.target(data), None) if data.startswith("function:") else (None, data)
        named = isinstance(data, Text) and str(data.parts[0]).startswith("function:")
        return (self.target(data) if named else None), None

    @cached_property
    def invokers(self) -> list[Invoker]:
        """What invokes the functions of the template, other than event source mappings."""
        return list(self._invokers())

    def _invokers(self) -> Iterator[Invoker]:
        for resource in self.resources.values():
            for path, kind, via in _INVOKERS.get(resource.type, ()):
                for value in _all_at(resource.properties, path.split(".")):
                    qualifier = resource.data("Qualifier") if resource.type == "AWS::Lambda::Url" else None
                    target = self.target(value.data, qualifier)
                    if target:
                        yield Invoker(resource, target, kind, via, value.place)


_INVOKERS = {
    "AWS::ApiGateway::Method": [("Integration.Uri", "sync", "api_gateway_rest")],
    "AWS::ApiGatewayV2::Integration": [("IntegrationUri", "sync", "api_gateway_http")],
    "AWS::ElasticLoadBalancingV2::TargetGroup": [("Targets.*.Id", "sync", "alb")],
    "AWS::Events::Rule": [("Targets.*.Arn", "async", "events")],
    "AWS::Lambda::Url": [("TargetFunctionArn", "sync", "function_url")],
    "AWS::Logs::SubscriptionFilter": [("DestinationArn", "async", "logs")],
    "AWS::S3::Bucket": [("NotificationConfiguration.LambdaConfigurations.*.Function", "async", "s3")],
    "AWS::Scheduler::Schedule": [("Target.Arn", "async", "scheduler")],
    "AWS::SNS::Subscription": [("Endpoint", "async", "sns")],
}


def references(data: Any) -> list[Reference]:
    """The references to resources in ``data``."""
    if isinstance(data, Reference):
        return [data]
    return [part for part in data.parts if isinstance(part, Reference)] if isinstance(data, Text) else []


def _all_at(value: Value | None, path: list[str]) -> Iterator[Value]:
    if value is None:
        return
    if not path:
        yield value
    elif path[0] == "*":
        for item in value.data if isinstance(value.data, list) else []:
            yield from _all_at(item, path[1:])
    else:
        yield from _all_at(value[path[0]], path[1:])


def _own_name(resource: Resource) -> Any:
    names = {FUNCTION: "FunctionName", QUEUE: "QueueName", STREAM: "Name", TABLE: "TableName"}
    return resource.data(names[resource.type]) if resource.type in names else None
