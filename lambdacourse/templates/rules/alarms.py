"""CloudWatch alarms on Lambda's metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lambdacourse.facts import all_facts, fact
from lambdacourse.model import Account
from lambdacourse.templates.document import Value
from lambdacourse.templates.rules.concurrency import RESERVED
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import ALARM, FUNCTION, QUEUE, Stack
from lambdacourse.templates.template import Resource

_CONCURRENCY = set(fact("metrics_concurrency").value)
_OF_THE_REGION = set(fact("metrics_of_the_region").value)


@dataclass(frozen=True)
class Watched:
    """One metric that an alarm looks at."""

    alarm: Resource
    table: Value
    name: str
    dimensions: dict[str, Value]
    statistic: Value | None

    def at(self, path: str) -> Value:
        return self.table.at(path) or self.table


@rule(
    "account-limit-on-one-function",
    "warning",
    "claimed_concurrency_alarm",
    "A function's own metric never sees the other functions. How near the account is to its limit, "
    "ClaimedAccountConcurrency says, without a dimension.",
)
def account_limit_on_one_function(stack: Stack, account: Account) -> Iterator[Breach]:
    for watched in _watched(stack):
        said = watched.dimensions.get("FunctionName")
        function = stack.find(said.data, FUNCTION) if said else None
        if watched.name == "ConcurrentExecutions" and function and function.at(RESERVED) is None:
            threshold = watched.alarm.number("Threshold")
            at = f" (threshold {threshold:g})" if threshold is not None else ""
            text = (
                f"{watched.alarm.name} watches the concurrency of {function.name} alone{at}, which has no reservation: its "
                "limit is the account's, shared by all functions."
            )
            mend = (
                "Watch ClaimedAccountConcurrency as a share of the account's limit "
                f"({fact('claimed_concurrency_alarm').text} in AWS's example), or reserve concurrency for {function.name}."
            )
            yield watched.at("Dimensions"), text, mend


@rule(
    "region-metric-with-dimension",
    "error",
    "metrics_of_the_region",
    f"{' and '.join(fact('metrics_of_the_region').value)} are emitted for a Region, not for a function.",
)
def region_metric_with_dimension(stack: Stack, account: Account) -> Iterator[Breach]:
    for watched in _watched(stack):
        if watched.name in _OF_THE_REGION and watched.dimensions:
            text = (
                f"{watched.alarm.name} watches {watched.name} with a dimension ({', '.join(watched.dimensions)}), where it "
                "has no data."
            )
            yield watched.at("Dimensions"), text, "Drop the Dimensions."


@rule(
    "concurrency-as-sum",
    "warning",
    "metrics_concurrency",
    "Concurrency metrics are read as a maximum: a sum of them counts the same environments again and again, an average "
    "hides the peak.",
)
def concurrency_as_sum(stack: Stack, account: Account) -> Iterator[Breach]:
    for watched in _watched(stack):
        statistic = watched.statistic.data if watched.statistic else None
        if watched.name in _CONCURRENCY and statistic in ("Sum", "Average", "Minimum", "SampleCount"):
            yield (
                watched.statistic,
                f"{watched.alarm.name} reads {watched.name} as {statistic}.",
                "Set the statistic to Maximum.",
            )


@rule(
    "no-such-metric",
    "warning",
    "metrics_invocation",
    "An alarm on a metric that does not exist never has data. (Lambda has none for cold starts.)",
)
def no_such_metric(stack: Stack, account: Account) -> Iterator[Breach]:
    for watched in _watched(stack):
        if watched.name not in _known_metrics():
            yield (
                watched.at("MetricName"),
                f"{watched.alarm.name} watches AWS/Lambda {watched.name}, which is not among the metrics that Lambda's "
                "guide lists.",
                "Choose one of those.",
            )


@rule(
    "throttles-pass-unseen",
    "note",
    "invocations_excludes",
    "A throttled request is in neither Invocations nor Errors; only Throttles shows it.",
)
def throttles_pass_unseen(stack: Stack, account: Account) -> Iterator[Breach]:
    for watched in _watched(stack):
        threshold, comparison = watched.alarm.number("Threshold"), watched.alarm.data("ComparisonOperator")
        if watched.name == "Throttles" and threshold and comparison == "GreaterThanThreshold":
            text = f"{watched.alarm.name} stays silent up to {threshold:g} throttles in a period."
            yield watched.alarm.at("Threshold"), text, "For any throttle at all, set Threshold to 0."


@rule(
    "dead-letter-metric",
    "warning",
    "dead_letter_metric",
    "NumberOfMessagesSent does not count what a redrive policy moves to a dead-letter queue.",
)
def dead_letter_metric(stack: Stack, account: Account) -> Iterator[Breach]:
    dead = [stack.find(queue.data("RedrivePolicy.deadLetterTargetArn"), QUEUE) for queue in stack.all(QUEUE)]
    for watched in _watched(stack, "AWS/SQS"):
        said = watched.dimensions.get("QueueName")
        queue = stack.find(said.data, QUEUE) if said else None
        if watched.name == "NumberOfMessagesSent" and queue and queue in dead:
            text = (
                f"{watched.alarm.name} waits for messages sent to {queue.name}; dead letters are moved there, and not counted."
            )
            yield watched.at("MetricName"), text, f"Watch {fact('dead_letter_metric').value}."


def _known_metrics() -> set[str]:
    lists = (found.value for found in all_facts() if found.name.startswith("metrics_"))
    return {name for names in lists for name in (names if isinstance(names, list) else [names])}


def _watched(stack: Stack, of: str = "AWS/Lambda") -> Iterator[Watched]:
    """The metrics of the namespace ``of`` that alarms look at, single ones and those within metric math."""
    for alarm in stack.all(ALARM):
        tables = [(alarm.properties, alarm.at("Statistic"))]
        for query in alarm.items("Metrics"):
            metric = query.at("MetricStat.Metric")
            if metric:
                tables.append((metric, query.at("MetricStat.Stat")))
        for table, statistic in tables:
            namespace, name = table["Namespace"], table["MetricName"]
            if namespace and name and namespace.data == of and isinstance(name.data, str):
                listed = table["Dimensions"]
                items = listed.data if listed and isinstance(listed.data, list) else []
                dimensions = {str(item["Name"].data): item["Value"] for item in items if item["Name"] and item["Value"]}
                yield Watched(alarm, table, name.data, dimensions, statistic)
