"""SQS queues and the event source mappings that poll them."""

from __future__ import annotations

from collections.abc import Iterator

from lambdacourse.facts import fact
from lambdacourse.model import Account
from lambdacourse.templates.document import Value
from lambdacourse.templates.rules.concurrency import RESERVED
from lambdacourse.templates.rules.rule import Breach, rule
from lambdacourse.templates.stack import QUEUE, Stack, Target
from lambdacourse.templates.template import Resource, Unknown

WINDOW = "MaximumBatchingWindowInSeconds"
MAXIMUM_CONCURRENCY = "ScalingConfig.MaximumConcurrency"


@rule(
    "visibility-timeout",
    "warning",
    "sqs_visibility_rule",
    f"The visibility timeout should be {fact('sqs_visibility_rule').value} times the function's timeout, plus the "
    "batching window: "
    "time for retries of a throttled batch, before others see its messages.",
)
def visibility_timeout(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping, target, queue in _polled(stack):
        timeout = target.function.number("Timeout", fact("timeout_default").value)
        window = mapping.number(WINDOW, 0)
        visible = queue.number("VisibilityTimeout", fact("sqs_visibility_default").value)
        if None in (timeout, window, visible):
            continue
        least = fact("sqs_visibility_rule").value * timeout + window
        if visible < least:
            plus = f" plus a window of {window:g} s" if window else ""
            text = (
                f"{queue.name} hides a message for {visible:g} s; {target.function.name}'s timeout of {timeout:g} s{plus} "
                f"asks for {least:g} s."
            )
            yield queue.at("VisibilityTimeout") or queue, text, f"Set VisibilityTimeout to {least:g}."


@rule(
    "no-dead-letter-queue",
    "warning",
    "sqs_dead_letter_place",
    f"A queue that a function polls needs a dead-letter queue {fact('sqs_dead_letter_place').value}.",
)
def no_dead_letter_queue(stack: Stack, account: Account) -> Iterator[Breach]:
    for _, target, queue in _polled(stack):
        if queue.at("RedrivePolicy") is None:
            on_function = target.function.at("DeadLetterConfig")
            instead = f" The DeadLetterConfig of {target.function.name} does not see its messages." if on_function else ""
            text = f"{queue.name} has no RedrivePolicy: a message that always fails comes back until it expires.{instead}"
            yield (
                queue,
                text,
                f"Give {queue.name} a RedrivePolicy with a maxReceiveCount of {fact('sqs_max_receive_count').value} or more.",
            )


@rule(
    "max-receive-count",
    "warning",
    "sqs_max_receive_count",
    f"maxReceiveCount should be {fact('sqs_max_receive_count').value} or more: receives that throttling wasted count too.",
)
def max_receive_count(stack: Stack, account: Account) -> Iterator[Breach]:
    for _, _, queue in _polled(stack):
        count = queue.number("RedrivePolicy.maxReceiveCount")
        if count is not None and count < fact("sqs_max_receive_count").value:
            text = f"{queue.name} gives a message up after {count:g} receives, some of which may never reach the function."
            yield (
                queue.at("RedrivePolicy.maxReceiveCount"),
                text,
                f"Set maxReceiveCount to {fact('sqs_max_receive_count').value} or more.",
            )


@rule(
    "dead-letter-circle",
    "warning",
    "sqs_dead_letter_place",
    "A dead-letter queue is where a message comes to rest; one that leads back to its source does not end.",
)
def dead_letter_circle(stack: Stack, account: Account) -> Iterator[Breach]:
    for queue in stack.all(QUEUE):
        passed, dead = [queue.name], stack.find(queue.data("RedrivePolicy.deadLetterTargetArn"), QUEUE)
        while dead and dead.name not in passed:
            passed.append(dead.name)
            dead = stack.find(dead.data("RedrivePolicy.deadLetterTargetArn"), QUEUE)
        if dead is queue and queue.name == min(passed):  # Once a circle.
            yield (
                queue.at("RedrivePolicy"),
                f"Dead letters go in a circle: {' → '.join([*passed, queue.name])}.",
                "Let the last queue have no RedrivePolicy.",
            )


@rule(
    "maximum-concurrency-above-reserved",
    "warning",
    "sqs_maximum_concurrency_maximum",
    "The maximum concurrency of a function's mappings, added up, should not exceed its reserved concurrency, or they "
    "are throttled.",
)
def maximum_concurrency_above_reserved(stack: Stack, account: Account) -> Iterator[Breach]:
    together: dict[str, float] = {}
    for mapping, target, _ in _polled(stack):
        name, reserved, most = target.function.name, target.function.number(RESERVED), mapping.number(MAXIMUM_CONCURRENCY)
        if reserved is None or most is None:
            continue
        before = together.get(name, 0)
        together[name] = before + most
        if together[name] > reserved:
            added = f", {together[name]:g} with the mappings above" if before else ""
            text = f"{mapping.name} may run {most:g} at a time{added}; {name} reserves {reserved:g}."
            yield (
                mapping.at(MAXIMUM_CONCURRENCY),
                text,
                f"Keep the sum of MaximumConcurrency at {reserved:g} or below, or reserve more.",
            )


@rule(
    "maximum-concurrency-with-pollers",
    "error",
    "sqs_maximum_concurrency_maximum",
    "A mapping has a maximum concurrency or provisioned pollers, not both.",
)
def maximum_concurrency_with_pollers(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping, _, _ in _polled(stack):
        if mapping.at(MAXIMUM_CONCURRENCY) and mapping.at("ProvisionedPollerConfig"):
            text = f"{mapping.name} has both a MaximumConcurrency and a ProvisionedPollerConfig."
            yield mapping.at("ProvisionedPollerConfig"), text, "Drop one of the two."


@rule(
    "batch-needs-window",
    "error",
    "sqs_window_needed",
    f"A batch of more than {fact('sqs_batch_without_window').value} messages from SQS needs a batching window of at "
    f"least {fact('sqs_window_needed').value} s.",
)
def batch_needs_window(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping, _, queue in _polled(stack):
        batch, window = mapping.number("BatchSize", fact("sqs_batch_default").value), mapping.number(WINDOW, 0)
        if None in (batch, window) or _is_fifo(queue):
            continue
        if batch > fact("sqs_batch_without_window").value and window < fact("sqs_window_needed").value:
            text = f"{mapping.name} asks for batches of {batch:g} messages without a batching window."
            yield (
                mapping.at("BatchSize"),
                text,
                f"Add {WINDOW}: {fact('sqs_window_needed').value}, or lower BatchSize to "
                f"{fact('sqs_batch_without_window').value}.",
            )


@rule("fifo-window", "error", "sqs_window_default", "A FIFO queue's mapping takes no batching window.")
def fifo_window(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping, _, queue in _polled(stack):
        if _is_fifo(queue) and mapping.number(WINDOW):
            yield (
                mapping.at(WINDOW),
                f"{mapping.name} sets a batching window for {queue.name}, a FIFO queue.",
                f"Drop {WINDOW}.",
            )


@rule(
    "whole-batch-returns",
    "note",
    "batch_item_failures_response",
    "Without ReportBatchItemFailures one failed message brings its whole batch back, those that succeeded too.",
)
def whole_batch_returns(stack: Stack, account: Account) -> Iterator[Breach]:
    for mapping, _, _ in _polled(stack):
        batch = mapping.number("BatchSize", fact("sqs_batch_default").value)
        if batch is not None and batch > 1 and not _reports_items(mapping):
            text = f"{mapping.name} hands over up to {batch:g} messages at a time, all of which come back when one fails."
            yield (
                mapping.at("BatchSize") or mapping,
                text,
                "Set FunctionResponseTypes to [ReportBatchItemFailures], and let the handler return what failed.",
            )


@rule(
    "no-queue-policy",
    "error",
    "s3_notification_permission",
    "Amazon S3 may send its notifications to a queue only when the queue's policy allows s3.amazonaws.com.",
)
def no_queue_policy(stack: Stack, account: Account) -> Iterator[Breach]:
    allowed = [
        stack.find(queue.data, QUEUE)
        for policy in stack.all("AWS::SQS::QueuePolicy")
        for queue in policy.items("Queues")
        if _allows(policy.at("PolicyDocument"), "s3.amazonaws.com")
    ]
    for bucket in stack.all("AWS::S3::Bucket"):
        for notification in bucket.items("NotificationConfiguration.QueueConfigurations"):
            said = notification["Queue"]
            queue = stack.find(said.data, QUEUE) if said else None
            if queue and queue not in allowed:
                text = f"{bucket.name} notifies {queue.name}, which has no policy that lets Amazon S3 send to it."
                yield said, text, f"Add an AWS::SQS::QueuePolicy for {queue.name} that allows s3.amazonaws.com sqs:SendMessage."


def _polled(stack: Stack) -> Iterator[tuple[Resource, Target, Resource]]:
    """The mappings from queues of the template."""
    for mapping, target, source in stack.mappings:
        if source and source.type == QUEUE:
            yield mapping, target, source


def _is_fifo(queue: Resource) -> bool:
    return str(queue.data("FifoQueue")).lower() == "true"


def _reports_items(mapping: Resource) -> bool:
    data = mapping.data("FunctionResponseTypes")
    return not isinstance(data, list | None) or "ReportBatchItemFailures" in [item.data for item in data or []]


def _allows(policy: Value | None, principal: str) -> bool:
    """Whether ``principal`` stands anywhere in a policy, or may stand in what the file does not say."""
    data = policy.data if policy else None
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return data == principal or isinstance(data, Unknown) or any(_allows(part, principal) for part in parts)
