"""What AWS SAM generates from its own resource types, as far as the rules and the readers look at it.

``AWS::Serverless::Function`` becomes the function, its version and alias, its event source mappings, and whatever else
invokes it, under the logical IDs that SAM gives them. Each generated resource stands where its cause stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.templates.document import Place, Value
from lambdacourse.templates.template import SAM, Reference, Resource, Template, Text

_OWN = {
    "DeadLetterQueue",
    "Events",
    "AutoPublishAlias",
    "ProvisionedConcurrencyConfig",
    "EventInvokeConfig",
    "FunctionUrlConfig",
}
_POLLED = {"SQS": "Queue", "Kinesis": "Stream", "DynamoDB": "Stream", "MSK": "Stream", "MQ": "Broker"}
_RULES = ("Schedule", "EventBridgeRule", "CloudWatchEvent")


def expand(template: Template) -> list[Resource]:
    """The resources of ``template``, with SAM's own replaced by what SAM generates from them."""
    if SAM not in template.transforms:
        return template.resources()
    shared = template.root.at("Globals.Function")
    for name, alias in _aliases(template, shared):
        template.renamed |= {f"{name}.Alias": f"{name}Alias{alias}", f"{name}.Version": f"{name}Version"}
    defaults = template.resolve(shared) if shared else None
    found: list[Resource] = []
    for resource in template.resources():
        if resource.type == "AWS::Serverless::Function":
            properties = _merged(defaults, resource.properties) if defaults else resource.properties
            found.extend(_function(Resource(resource.name, resource.type, properties, resource.place)))
        elif resource.type == "AWS::Serverless::SimpleTable":
            found.append(Resource(resource.name, "AWS::DynamoDB::Table", resource.properties, resource.place))
        else:
            found.append(resource)
    return found


def _aliases(template: Template, shared: Value | None) -> Iterator[tuple[str, str]]:
    resources = template.root["Resources"]
    for name, value in (resources.data if resources and isinstance(resources.data, dict) else {}).items():
        if value["Type"] and value["Type"].data == "AWS::Serverless::Function":
            alias = value.at("Properties.AutoPublishAlias") or (shared and shared["AutoPublishAlias"])
            said = template.resolve(alias).data if alias else None
            if isinstance(said, str):
                yield name, said


def _merged(defaults: Value, own: Value) -> Value:
    """SAM's ``Globals`` under a function's own properties: tables merge, lists add up, everything else is replaced."""
    if isinstance(defaults.data, dict) and isinstance(own.data, dict):
        names = [*defaults.data, *(name for name in own.data if name not in defaults.data)]
        both = {
            name: _merged(defaults.data.get(name, own.data.get(name)), own.data.get(name, defaults.data.get(name)))
            for name in names
        }
        return Value(both, own.place, own.name_place)
    if isinstance(defaults.data, list) and isinstance(own.data, list) and defaults is not own:
        return Value(defaults.data + own.data, own.place, own.name_place)
    return own


def _function(sam: Resource) -> Iterator[Resource]:
    place = sam.place
    plain = {name: value for name, value in sam.properties.data.items() if name not in _OWN}
    if dead := sam.at("DeadLetterQueue.TargetArn"):
        plain["DeadLetterConfig"] = Value({"TargetArn": dead}, dead.place)
    yield Resource(sam.name, "AWS::Lambda::Function", Value(plain, sam.properties.place), place)

    itself, target = Value(Reference(sam.name), place), Value(Reference(sam.name, "Arn"), place)
    alias = sam.at("AutoPublishAlias")
    if alias and isinstance(alias.data, str):
        version = f"{sam.name}Version"
        yield _resource(version, "AWS::Lambda::Version", place, FunctionName=itself)
        yield _resource(
            f"{sam.name}Alias{alias.data}",
            "AWS::Lambda::Alias",
            alias.name_place or place,
            Name=alias,
            FunctionName=itself,
            FunctionVersion=Value(Reference(version, "Version"), alias.place),
            ProvisionedConcurrencyConfig=sam.at("ProvisionedConcurrencyConfig"),
        )
        target = Value(Reference(f"{sam.name}Alias{alias.data}"), alias.place)
    if config := sam.at("EventInvokeConfig"):
        qualifier = alias or Value("$LATEST", place)
        own = config.data if isinstance(config.data, dict) else {}
        settings = {**own, "FunctionName": itself, "Qualifier": qualifier}
        yield Resource(f"{sam.name}EventInvokeConfig", "AWS::Lambda::EventInvokeConfig", Value(settings, config.place), place)
    if config := sam.at("FunctionUrlConfig"):
        yield _resource(f"{sam.name}Url", "AWS::Lambda::Url", config.name_place or place, TargetFunctionArn=target)
    events = sam.data("Events")
    for name, event in (events if isinstance(events, dict) else {}).items():
        kind, own = event["Type"], event["Properties"]
        if kind and isinstance(kind.data, str):
            settings = own if own and isinstance(own.data, dict) else Value({}, event.place)
            yield from _event(f"{sam.name}{name}", kind.data, settings, target, event.name_place or place)


def _event(name: str, kind: str, settings: Value, target: Value, place: Place) -> Iterator[Resource]:
    """What SAM generates from one of a function's ``Events``."""
    if kind in _POLLED:
        said = {key: value for key, value in settings.data.items() if key != _POLLED[kind]}
        properties = {**said, "EventSourceArn": settings[_POLLED[kind]], "FunctionName": target}
        yield _resource(name, "AWS::Lambda::EventSourceMapping", place, **properties)
        return
    callers = {"Api": "apigateway", "HttpApi": "apigateway", "S3": "s3", "SNS": "sns", **dict.fromkeys(_RULES, "events")}
    if kind in ("Api", "HttpApi"):
        uri = Value(Text(("arn:aws:apigateway:lambda:path/functions/", target.data, "/invocations")), target.place)
        if kind == "Api":
            yield _resource(name, "AWS::ApiGateway::Method", place, Integration=Value({"Uri": uri}, target.place))
        else:
            yield _resource(name, "AWS::ApiGatewayV2::Integration", place, IntegrationUri=uri)
    elif kind == "ScheduleV2":
        yield _resource(name, "AWS::Scheduler::Schedule", place, Target=Value({"Arn": target}, target.place))
    elif kind in _RULES:
        yield _resource(name, "AWS::Events::Rule", place, Targets=Value([Value({"Arn": target}, target.place)], target.place))
    elif kind == "SNS":
        endpoint = {"Endpoint": target, "Protocol": Value("lambda", place), "TopicArn": settings["Topic"]}
        yield _resource(name, "AWS::SNS::Subscription", place, **endpoint)
    elif kind == "S3":  # SAM writes it into the bucket itself.
        notified = Value([Value({"Function": target}, target.place)], target.place)
        configuration = Value({"LambdaConfigurations": notified}, place)
        yield _resource(name, "AWS::S3::Bucket", place, NotificationConfiguration=configuration)
    if kind in callers:
        principal = Value(f"{callers[kind]}.amazonaws.com", place)
        yield _resource(f"{name}Permission", "AWS::Lambda::Permission", place, FunctionName=target, Principal=principal)


def _resource(name: str, kind: str, place: Place, **properties: Value | None) -> Resource:
    return Resource(name, kind, Value({key: value for key, value in properties.items() if value is not None}, place), place)
