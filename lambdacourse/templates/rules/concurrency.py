"""Reserved and provisioned concurrency, and its auto scaling."""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import ALIAS, FUNCTION, VERSION, Stack, references
from lambdacourse.templates.template import Reference, Resource

PROVISIONED = "ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions"
RESERVED = "ReservedConcurrentExecutions"


@rule(
    "latest-misses-provisioned",
    "error",
    "provisioned_where",
    "Provisioned concurrency belongs to a version or an alias; a call without a qualifier runs $LATEST, which never uses it.",
)
def latest_misses_provisioned(stack: Stack, account: Account) -> Iterator[Breach]:
    calls = [(mapping.at("FunctionName"), mapping, target) for mapping, target, _ in stack.mappings]
    calls += [(invoker.resource, invoker.resource, invoker.target) for invoker in stack.invokers]
    for spot, caller, target in calls:
        provisioned = stack.provisioned(target.function)
        if target.is_latest and provisioned:
            holder, value = provisioned[0]
            kind = "alias" if holder.type == ALIAS else "version"
            text = (
                f"{caller.name} invokes $LATEST of {target.function.name}, but its provisioned concurrency "
                f"({_shown(value.data)}) sits on the {kind} {holder.name}: none of it is used."
            )
            yield spot, text, f"Let {caller.name} invoke the {kind}: !Ref {holder.name}."


@rule(
    "provisioned-in-event-invoke-config",
    "error",
    "provisioned_property",
    f"Provisioned concurrency is the {fact('provisioned_property').value}.",
)
def provisioned_in_event_invoke_config(stack: Stack, account: Account) -> Iterator[Breach]:
    for config in stack.all("AWS::Lambda::EventInvokeConfig"):
        value = config.at("ProvisionedConcurrentExecutions") or config.at("ProvisionedConcurrencyConfig")
        if value:
            text = (
                f"{config.name} is an AWS::Lambda::EventInvokeConfig, which sets retries of asynchronous events, and no "
                "provisioned concurrency."
            )
            yield value, text, "Put ProvisionedConcurrencyConfig on an AWS::Lambda::Alias of the function."


@rule(
    "version-arn-as-qualifier",
    "error",
    "version_reference",
    "Ref of a version or an alias gives its ARN, where a qualifier is a version's number or an alias's name.",
)
def version_arn_as_qualifier(stack: Stack, account: Account) -> Iterator[Breach]:
    places = [
        *((config, "Qualifier") for config in stack.all("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Url")),
        *((alias, "FunctionVersion") for alias in stack.all(ALIAS)),
        *((target, "ResourceId") for target in _scalable_targets(stack)),
    ]
    for resource, path in places:
        for reference in references(resource.data(path)):
            named = stack.resources.get(reference.name)
            if named and named.type in (ALIAS, VERSION) and reference.attribute in (None, "AliasArn", "FunctionArn"):
                right = (
                    f"!GetAtt {named.name}.Version"
                    if named.type == VERSION
                    else f"the alias's name, {_shown(named.data('Name'))}"
                )
                yield (
                    resource.at(path),
                    f"{path} of {resource.name} becomes the ARN of {named.name}, which is no qualifier.",
                    f"Write {right}.",
                )


@rule(
    "scalable-dimension",
    "error",
    "autoscaling_dimension",
    f"Application Auto Scaling knows one dimension of Lambda: {fact('autoscaling_dimension').value}.",
)
def scalable_dimension(stack: Stack, account: Account) -> Iterator[Breach]:
    right = fact("autoscaling_dimension").value
    for target in _scalable_targets(stack):
        said = target.data("ScalableDimension")
        if isinstance(said, str) and said != right:
            yield target.at("ScalableDimension"), f"{target.name} scales {said}, which does not exist.", f"Write {right}."


@rule(
    "scaling-resource-id",
    "error",
    "autoscaling_resource",
    f"What is scaled is named {fact('autoscaling_resource').value}.",
)
def scaling_resource_id(stack: Stack, account: Account) -> Iterator[Breach]:
    for target in _scalable_targets(stack):
        scaled, said = stack.scaled(target)
        mend = "Name the function and its alias: !Sub function:${Function}:live."
        if scaled and scaled.is_latest:
            yield (
                target.at("ResourceId"),
                f"{target.name} names no version or alias of {scaled.function.name}, so there is nothing to scale.",
                mend,
            )
        elif said is not None and (
            not said.startswith("function:") or said.count(":") != 2 or said.endswith((":", ":$LATEST"))
        ):
            yield target.at("ResourceId"), f"{target.name} scales {said!r}, which is no provisioned concurrency.", mend


@rule(
    "scaling-target-value",
    "error",
    "autoscaling_target_minimum",
    f"Target tracking takes a utilisation from {fact('autoscaling_target_minimum').value} to "
    f"{fact('autoscaling_target_maximum').value}.",
)
def scaling_target_value(stack: Stack, account: Account) -> Iterator[Breach]:
    least, most = fact("autoscaling_target_minimum").value, fact("autoscaling_target_maximum").value
    path = "TargetTrackingScalingPolicyConfiguration"
    for policy in stack.all("AWS::ApplicationAutoScaling::ScalingPolicy"):
        metric = policy.data(f"{path}.PredefinedMetricSpecification.PredefinedMetricType")
        value = policy.number(f"{path}.TargetValue")
        if metric == fact("autoscaling_metric").value and value is not None and not least <= value <= most:
            mend = f"Write a share, such as {fact('autoscaling_target').value}."
            yield policy.at(f"{path}.TargetValue"), f"{policy.name} aims at a utilisation of {value:g}.", mend


@rule(
    "scaling-without-start",
    "warning",
    "autoscaling_target",
    "Provisioned concurrency must be set before auto scaling can track its utilisation: without any, there is no metric.",
)
def scaling_without_start(stack: Stack, account: Account) -> Iterator[Breach]:
    for target in _scalable_targets(stack):
        scaled, _ = stack.scaled(target)
        qualifier = scaled.qualifier if scaled else None
        if isinstance(qualifier, Resource) and not qualifier.at(PROVISIONED):
            text = f"{target.name} scales {qualifier.name}, which starts without provisioned concurrency."
            yield qualifier, text, f"Give {qualifier.name} a ProvisionedConcurrencyConfig to begin with."


@rule(
    "reserved-too-high",
    "error",
    "reserved_error",
    f"At least {fact('unreserved_minimum').value} of an account's concurrency stay unreserved; the API refuses what "
    "leaves less.",
)
def reserved_too_high(stack: Stack, account: Account) -> Iterator[Breach]:
    if account.concurrency_limit is None:
        return
    most, claimed = account.concurrency_limit - account.unreserved_minimum, 0
    for function in stack.all(FUNCTION):
        reserved = function.number(RESERVED)
        holders = stack.provisioned(function)
        spot = function.at(RESERVED) if reserved is not None else holders[0][1] if holders else None
        mine = reserved if reserved is not None else stack.provisioned_sum(function)
        if spot and claimed + mine > most:
            what = "reserves" if reserved is not None else "provisions"
            together = f", {claimed + mine:g} with what stands above" if claimed else ""
            text = (
                f"{function.name} {what} {mine:g}{together}; of the account's {account.concurrency_limit:,} at most "
                f"{most:,} can be set aside."
            )
            limit = claimed + mine + account.unreserved_minimum
            yield spot, text, f"Set aside less, or have the account's limit raised to {limit:,.0f} or more."
        claimed += mine


@rule(
    "provisioned-above-reserved",
    "error",
    "claimed_concurrency_formula",
    "A function cannot have more provisioned than reserved concurrency: it is taken from the reservation.",
)
def provisioned_above_reserved(stack: Stack, account: Account) -> Iterator[Breach]:
    for function in stack.all(FUNCTION):
        reserved, provisioned = function.number(RESERVED), stack.provisioned_sum(function)
        if reserved is not None and provisioned > max(reserved, 0):
            spot = stack.provisioned(function)[0][1]
            mend = f"Reserve {provisioned:g} or more, or provision {reserved:g} or less."
            yield spot, f"{function.name} reserves {reserved:g} and provisions {provisioned:g}.", mend
    for target in _scalable_targets(stack):
        scaled, _ = stack.scaled(target)
        reserved, most = scaled.function.number(RESERVED) if scaled else None, target.number("MaxCapacity")
        if reserved is not None and most is not None and most > reserved:
            text = f"{target.name} may scale to {most:g}, above the {reserved:g} that {scaled.function.name} reserves."
            yield target.at("MaxCapacity"), text, f"Lower MaxCapacity to {reserved:g}, or reserve more."


@rule(
    "provisioned-takes-reservation",
    "warning",
    "reserved_equals_provisioned",
    "When all of a function's reservation is provisioned, $LATEST is throttled and nothing spills over to on-demand.",
)
def provisioned_takes_reservation(stack: Stack, account: Account) -> Iterator[Breach]:
    for function in stack.all(FUNCTION):
        reserved, provisioned = function.number(RESERVED), stack.provisioned_sum(function)
        if reserved and provisioned == reserved:
            spot = stack.provisioned(function)[0][1]
            text = f"{function.name} provisions all {reserved:g} of what it reserves: $LATEST can never run."
            yield spot, text, "Reserve more than you provision, or reserve nothing."


@rule(
    "provisioned-with-snapstart",
    "error",
    "snapstart_not_with",
    "SnapStart does not go with provisioned concurrency.",
)
def provisioned_with_snapstart(stack: Stack, account: Account) -> Iterator[Breach]:
    for function in stack.all(FUNCTION):
        if function.data("SnapStart.ApplyOn") == "PublishedVersions" and stack.provisioned(function):
            yield (
                function.at("SnapStart"),
                f"{function.name} has SnapStart and provisioned concurrency.",
                "Choose one of the two.",
            )


@rule(
    "reserved-zero",
    "note",
    "async_reserved_zero",
    "A reservation of 0 switches a function off: synchronous calls are throttled, asynchronous events go to the "
    "failure destination at once.",
)
def reserved_zero(stack: Stack, account: Account) -> Iterator[Breach]:
    for function in stack.all(FUNCTION):
        if function.number(RESERVED) == 0:
            yield (
                function.at(RESERVED),
                f"{function.name} reserves 0 and will not run at all.",
                "Take the 0 out, when it is not meant.",
            )


def _scalable_targets(stack: Stack) -> list[Resource]:
    targets = stack.all("AWS::ApplicationAutoScaling::ScalableTarget")
    return [target for target in targets if target.data("ServiceNamespace") == "lambda"]


def _shown(data: object) -> str:
    if isinstance(data, Reference):
        return data.name
    return str(data) if isinstance(data, str | int | float) else "?"
