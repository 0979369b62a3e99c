"""Exercise 05: asynchronous events and queues: what waits, what comes again, what is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, settings_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.handlers import handler, listed
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task
from lambdacourse.grading.templates import as_template
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.model import ColdStart, EventSourceMapping, Function, SqsQueue, poisson
from lambdacourse.runtime import LocalQueue
from lambdacourse.simulation import simulate

LESSON = "lessons/05-events-and-queues.ipynb"
POLLERS = fact("sqs_pollers_maximum").value
RETENTION_HOURS = fact("sqs_retention_default").value / 3600
EVENT_AGE_HOURS = fact("async_event_age").value / 3600
RULE = fact("sqs_visibility_rule").value

# --- 1. handled_per_second


def _capped(numbers: Numbers, number: int) -> dict:
    return {
        "maximum_concurrency": numbers.whole(f"cap {number}", 20, 900, 10),
        "batch_size": numbers.whole(f"batch {number}", 2, 10),
        "seconds_per_message": numbers.whole(f"time {number}", 15, 290, 5) / 100,
    }


def _uncapped(numbers: Numbers, number: int) -> dict:
    return {**_capped(numbers, number), "maximum_concurrency": None}


def _handled_per_second(maximum_concurrency: int | None, batch_size: int, seconds_per_message: float) -> float:
    return (maximum_concurrency or POLLERS) / seconds_per_message


HANDLED = Task(
    name="handled_per_second",
    parameters=("maximum_concurrency", "batch_size", "seconds_per_message"),
    title="What a queue's function handles",
    points=3,
    checker=Computes(
        "handled_per_second",
        expected=_handled_per_second,
        groups={
            "with a maximum concurrency": (2, _capped),
            "without one, when the pollers have ramped up": (1, _uncapped),
        },
        units=" messages per second",
        misconceptions=(
            Misconception(
                lambda maximum_concurrency, batch_size, seconds_per_message: (
                    (maximum_concurrency or POLLERS) * batch_size / seconds_per_message
                ),
                "That lets a whole batch be done in the time of one message. Ten images take ten times as long: the batch size "
                "cancels out.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda maximum_concurrency, batch_size, seconds_per_message: (
                    (maximum_concurrency or POLLERS) / (batch_size * seconds_per_message)
                ),
                "Those are batches per second; each has batch_size messages.",
            ),
            Misconception(
                lambda maximum_concurrency, batch_size, seconds_per_message: (
                    (maximum_concurrency or POLLERS) * seconds_per_message
                ),
                "That multiplies by the time of a message: then slower handlers would handle more.",
            ),
            Misconception(
                lambda maximum_concurrency, batch_size, seconds_per_message: (
                    (maximum_concurrency or 1_000) / seconds_per_message
                ),
                f"Without a maximum concurrency, one mapping ends at {POLLERS:,} batches at a time; 1,000 was until 2023.",
                "lesson 05, Claims on trial",
            ),
        ),
    ),
    hints=(
        "How long does one batch take? How many batches are handled at a time?",
        f"batches at a time × messages in a batch ÷ seconds per batch. Without a cap a mapping ends at {POLLERS:,} batches.",
        "The batch size stands above and below the line: (maximum_concurrency or 1_250) / seconds_per_message.",
    ),
    after="Batches save requests and fixed time per invocation, not the time of the messages. Where a handler works on a batch's "
    "messages side by side, or writes them in one call, the seconds per message shrink, and then the rate grows.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 2. hours_to_drain


def _flood(numbers: Numbers, number: int) -> dict:
    handled = numbers.whole(f"handled {number}", 100, 900, 10)
    return {
        "sent": handled + numbers.whole(f"above {number}", 100, 1_200, 20),
        "peak_hours": numbers.whole(f"peak {number}", 2, 10),
        "handled": handled,
        "sent_after": handled * numbers.whole(f"after {number}", 5, 60) // 100,
    }


def _no_flood(numbers: Numbers, number: int) -> dict:
    case = _flood(numbers, number)
    return {**case, "sent": case["handled"] * numbers.whole(f"below {number}", 40, 100, 5) // 100}


def _backlog(sent: float, peak_hours: float, handled: float) -> float:
    return max(sent - handled, 0) * peak_hours * 3600


def _hours_to_drain(sent: float, peak_hours: float, handled: float, sent_after: float) -> float:
    return _backlog(sent, peak_hours, handled) / (handled - sent_after) / 3600


DRAIN = Task(
    name="hours_to_drain",
    parameters=("sent", "peak_hours", "handled", "sent_after"),
    title="When is it empty?",
    points=3,
    checker=Computes(
        "hours_to_drain",
        expected=_hours_to_drain,
        groups={"a peak that is more than is handled": (2, _flood), "a peak that is handled as it comes": (1, _no_flood)},
        units=" h",
        misconceptions=(
            Misconception(
                lambda sent, peak_hours, handled, sent_after: max(sent - handled, 0) * peak_hours / handled,
                "That lets nothing be sent after the peak. What still comes takes its share: the queue shrinks by the difference.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: sent * peak_hours / (handled - sent_after),
                "That keeps everything that was sent. During the peak messages are handled, too: only the difference waits.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: sent * peak_hours / handled,
                "That is how long the whole peak takes from its beginning, with nothing sent afterwards.",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: (sent - handled) * peak_hours / (handled - sent_after),
                "Close: but a peak that is handled as it comes leaves nothing, and never less than nothing.",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: max(sent - handled, 0) / (handled - sent_after),
                "That is the backlog of one second of the peak. It grew for peak_hours.",
            ),
        ),
    ),
    hints=(
        "By how many messages does the queue grow each second of the peak? By how many does it shrink each second afterwards?",
        "backlog = (sent − handled) × length of the peak, if that is above 0. It shrinks by handled − sent_after per second.",
        "In hours above and below, the 3,600 cancel: max(sent - handled, 0) * peak_hours / (handled - sent_after).",
    ),
    after="The lesson that this course grew from says two to three minutes for its image pipeline: it divided the messages by the "
    "concurrency, and forgot how long one takes and how many came before. Simulated through the night, it is half a day.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 3. last_one_waits


def _last_one_waits(sent: float, peak_hours: float, handled: float, sent_after: float) -> float:
    return _backlog(sent, peak_hours, handled) / handled / 3600


LAST = Task(
    name="last_one_waits",
    parameters=("sent", "peak_hours", "handled", "sent_after"),
    title="How long the last one waits",
    points=2,
    checker=Computes(
        "last_one_waits",
        expected=_last_one_waits,
        groups={"the last message of the peak": (2, _flood)},
        units=" h",
        misconceptions=(
            Misconception(
                _hours_to_drain,
                "That is when the queue is empty. The last message of the peak waits only for what is before it: what is sent "
                "later stands behind it.",
                "lesson 05, When is it empty?",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: sent * peak_hours / handled,
                "That puts the whole peak before it, but much of it was handled before the last message came.",
            ),
            Misconception(
                lambda sent, peak_hours, handled, sent_after: _backlog(sent, peak_hours, handled) / sent / 3600,
                "That empties the queue at the rate of the senders. It is emptied at the rate of the handlers.",
            ),
        ),
    ),
    hints=(
        "How many messages are before it when it comes? Do later ones matter to it?",
        "The backlog at the end of the peak is before it, and goes at the rate handled.",
        "return max(sent - handled, 0) * peak_hours / handled",
    ),
    after="So the oldest message's age and the time to drain are two promises. ApproximateAgeOfOldestMessage shows the first. "
    "SQS hands out old messages first on the whole, without a guarantee; with a FIFO queue it holds within a group.",
    lesson=f"{LESSON}#When-is-it-empty?",
)

# --- 4. fate

_FATES = ("handled", "caught", "lost")


def _event_or_message(numbers: Numbers, number: int) -> dict:
    source, trouble = (("async", "error"), ("async", "throttle"), ("sqs", "error"))[number % 3]
    short, long = {
        ("async", "error"): ((1, 5), (7, 90)),
        ("async", "throttle"): ((1, 5), (7, 90)),
        ("sqs", "error"): ((7, 80), (100, 300)),
    }[source, trouble]
    least, most = (short, long)[number // 3 % 2]
    return {
        "source": source,
        "trouble": trouble,
        "hours": numbers.whole(f"hours {number}", least, most),
        "safety_net": number // 6 % 2 == 0,
    }


def _fate(source: str, trouble: str, hours: float, safety_net: bool) -> str:
    if source == "async" and trouble == "throttle" and hours < EVENT_AGE_HOURS:
        return "handled"
    if safety_net:
        return "caught"
    return "handled" if source == "sqs" and hours < RETENTION_HOURS else "lost"


FATE = Task(
    name="fate",
    parameters=("source", "trouble", "hours", "safety_net"),
    title="Handled, caught or lost",
    points=3,
    checker=Chooses(
        "fate",
        expected=_fate,
        options=_FATES,
        points=3,
        about="where an event or a message ends",
        cases=_event_or_message,
        visible=12,
        hidden=12,
        misconceptions=(
            Misconception(
                lambda source, trouble, hours, safety_net: (
                    "handled"
                    if hours < (EVENT_AGE_HOURS if source == "async" else RETENTION_HOURS)
                    and (source == "async" or not safety_net)
                    else "caught"
                    if safety_net
                    else "lost"
                ),
                "That lets a failed asynchronous event be tried for six hours. A throttled one is; a failed one is tried twice more, "
                "within minutes.",
                "lesson 05, Claims on trial",
            ),
            Misconception(
                lambda source, trouble, hours, safety_net: (
                    "caught" if safety_net else "handled" if source == "sqs" and hours < RETENTION_HOURS else "lost"
                ),
                "That gives a throttled asynchronous event up like a failed one. The function never had it: Lambda keeps trying for "
                f"{EVENT_AGE_HOURS:g} hours.",
                "lesson 05, Fire and forget",
            ),
            Misconception(
                lambda source, trouble, hours, safety_net: (
                    "handled"
                    if source == "async" and trouble == "throttle" and hours < EVENT_AGE_HOURS
                    else "caught"
                    if safety_net
                    else "handled"
                    if source == "sqs"
                    else "lost"
                ),
                f"That lets a queue keep a message for ever. Its retention ends it after {RETENTION_HOURS / 24:g} days by default, read or not.",
                "lesson 05, When is it empty?",
            ),
        ),
    ),
    hints=(
        "Who holds the event while the trouble lasts, and until when: Lambda's own queue, or yours?",
        "Lambda's own: a failed event twice more, within minutes; a throttled one for six hours. Your SQS queue: for its retention, or "
        "until a redrive policy takes it after some receives.",
        'A throttled asynchronous event below 6 hours is "handled". Else, with a safety net "caught". Else "handled" for a queue '
        'below 96 hours, and "lost" for the rest.',
    ),
    after="Each source has its own net: an on-failure destination or the function's dead-letter queue for asynchronous events, a "
    "redrive policy on the queue itself for SQS. A net nobody looks at only delays the loss: alarm on its first message.",
    lesson=f"{LESSON}#Fire-and-forget",
)

# --- handlers


def _batch(numbers: Numbers, name: str, bad: set[int], size: int, groups: Sequence[str] = ()) -> tuple[list, list[str]]:
    """A batch as a mapping hands it over, and its message ids; with ``groups``, that of a FIFO queue."""
    queue = LocalQueue("payments.fifo" if groups else "images", content_based_deduplication=bool(groups))
    for place in range(size):
        body = {"pixels": numbers.whole(f"{name} {place}", 1_000, 9_000_000)}
        wrong = numbers.pick(f"{name} wrong {place}", ('{"pixels": -4}', '{"width": 3}', "no JSON"))
        text = (wrong if place in bad else json.dumps(body)) + " " * place  # equal bodies of different messages
        queue.send(text, group=groups[place] if groups else None)
    records = [queue._record(message) for message in queue.messages]
    return records, [record["messageId"] for record in records]


def _some(numbers: Numbers, name: str, size: int, least: int = 1) -> set[int]:
    """Some places of a batch, never all of them."""
    chosen = {place for place in range(size) if numbers.whole(f"{name} bad {place}", 0, 2) == 0}
    return chosen if least <= len(chosen) < size else set(range(size // 2, size // 2 + max(least, 1)))


# --- 5. resize_batch


def _batches(numbers: Numbers, hidden: bool) -> list[tuple[list, list[str], set[int]]]:
    made = []
    for number in range(5 if hidden else 3):
        name = f"{'hidden' if hidden else 'batch'} {number}"
        size = numbers.whole(f"{name} size", 4, 8)
        bad = (set(), {0}, _some(numbers, name, size), set(range(size)), _some(numbers, f"{name} more", size, 2))[number]
        made.append((*_batch(numbers, name, bad, size), bad))
    return made


def _check_resize(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    call = handler(answer, "resize_batch")
    cases = _batches(own, False) + (_batches(held_back, True) if held_back is not None else [])
    good, bad, trouble = 0, 0, ""
    for records, ids, wrong in cases:
        failed, said = _called(call, records, ids)
        expected = {ids[place] for place in wrong}
        kept = failed is not None and expected <= failed
        spared = failed is not None and failed <= expected
        bad, good = bad + kept, good + spared
        if trouble:
            continue
        batch = f"In a batch of {len(ids)} with {len(wrong)} bad ({', '.join(f'record {place}' for place in sorted(wrong)) or 'none'})"
        if failed is None:
            trouble = f"{batch}: {said}"
        elif not kept:
            lost = min(sorted(wrong), key=lambda place: ids[place] in failed)
            trouble = f"{batch}: record {lost} failed and is not reported, so Lambda deletes it. It is lost."
        elif not spared:
            again = next(place for place in range(len(ids)) if ids[place] in failed - expected)
            trouble = (
                f"{batch}: record {again} was well and is reported as failed: it is handled again, and may end in the dead-letter queue "
                "with the bad ones. A standard queue has no order to keep: go on after a failure."
            )
    return [
        Part(share(2, bad, len(cases)), 2, f"Every bad message comes back: {trouble if bad < len(cases) else 'yes.'}"),
        Part(share(2, good, len(cases)), 2, f"No good one does: {trouble if good < len(cases) else 'yes.'}"),
    ]


def _called(call: Callable[[dict], Any], records: list, ids: list[str]) -> tuple[set[str] | None, str]:
    try:
        response = call({"Records": records})
    except NotImplementedError:
        raise
    except Exception as problem:
        return set(ids), f"it raised {problem}"  # the whole batch fails
    return listed(response, ids)


RESIZE = Task(
    name="resize_batch",
    parameters=("event", "context"),
    title="One bad message harms nobody",
    points=4,
    checker=_check_resize,
    hints=(
        "An exception that leaves the handler fails the whole batch. Where must you catch it?",
        "Inside the loop: try the work of one record; on any exception, note the record's messageId and go on.",
        'At the end return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}: an empty list is success.',
    ),
    after="It needs ReportBatchItemFailures on the mapping; without it the response is not looked at. AWS's Powertools do the loop for "
    "you: BatchProcessor(event_type=EventType.SQS) with process_partial_response.",
    lesson=f"{LESSON}#One-bad-message",
)

# --- 6. pay_in_order


def _check_in_order(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    call = handler(answer, "pay_in_order")
    numbers = [(own, f"fifo {number}") for number in range(3)]
    numbers += [(held_back, f"held {number}") for number in range(4)] if held_back is not None else []
    kept, spared, trouble, waste = 0, 0, "", ""
    for count, (source, name) in enumerate(numbers):
        size = source.whole(f"{name} size", 5, 9)
        wrong = {source.whole(f"{name} first", 1, size - 3)} if count else set()
        groups = [f"customer-{source.whole(f'{name} group {place}', 1, 3)}" for place in range(size)]
        groups[-1] = groups[min(wrong, default=0)]  # somebody of the group stands behind the one that fails
        records, ids = _batch(source, name, wrong, size, groups)
        failed, said = _called(call, records, ids)
        must = {
            ids[place]
            for place in range(size)
            if any(before in wrong and groups[before] == groups[place] for before in range(place + 1))
        }
        first = min(wrong, default=size)
        in_order = failed is not None and must <= failed
        no_waste = failed is not None and not failed & set(ids[:first])
        kept, spared = kept + in_order, spared + no_waste
        batch = (
            f"In a batch of {size} where record {first} is the first to fail"
            if wrong
            else f"In a batch of {size} without a bad one"
        )
        if failed is None:
            trouble = trouble or f"{batch}: {said}"
        elif not in_order and not trouble:
            missed = next(place for place in range(size) if ids[place] in must - failed)
            trouble = f"{batch}: record {missed} of {groups[missed]} is not reported, " + (
                "so Lambda deletes it. It is lost."
                if missed in wrong
                else "although an earlier one of its group failed: it was done before its turn. In a FIFO batch, return the first that "
                "failed and all after it."
            )
        if failed is not None and not no_waste and not waste:
            waste = f"{batch}: messages before the first failure are reported too, and are handled again."
    total = len(numbers)
    return [
        Part(share(2.5, kept, total), 2.5, f"No message overtakes another of its group: {trouble or 'yes.'}"),
        Part(share(1.5, spared, total), 1.5, f"What was done before the failure stays done: {waste or trouble or 'yes.'}"),
    ]


IN_ORDER = Task(
    name="pay_in_order",
    parameters=("event", "context"),
    title="In order, also after a failure",
    points=4,
    checker=_check_in_order,
    hints=(
        "If message 3 fails and you go on with message 4 of the same group, what has happened to their order?",
        "Stop at the first failure. What you have not tried must come again too: return it as failed.",
        'ids = [record["messageId"] for record in event["Records"]]; at the first exception at place n, return ids[n:] as failures.',
    ),
    after="You may also go on with other groups, and return the rest of the failed group only: more is done, and the code is longer. "
    "Powertools' SqsFifoPartialProcessor has both.",
    lesson=f"{LESSON}#In-order",
)

# --- 7. charge_once


def _deliveries(numbers: Numbers, name: str) -> tuple[list[dict], int]:
    """Records as they reach the handler one by one, some of them twice, and the total that must be charged."""
    queue, total = LocalQueue("payments"), 0
    for place in range(6):
        amount = numbers.pick(f"{name} amount {place}", (20, 35, 50))
        body = json.dumps({"payment": f"p-{numbers.whole(f'{name} payment {place}', 10, 99)}{place}", "amount": amount})
        queue.send(body)
        total += amount
        if numbers.whole(f"{name} sent twice {place}", 0, 2) == 0 or place == 2:
            queue.send(body)  # the sender tried again: another message, the same payment
    records = [queue._record(message) for message in queue.messages]
    return [*records, records[1], records[0]], total  # and SQS delivers two of them once more


def _check_charge(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    numbers = [(own, "own 0"), (own, "own 1")] + (
        [(held_back, "held 0"), (held_back, "held 1")] if held_back is not None else []
    )
    right, trouble = 0, ""
    for source, name in numbers:
        records, total = _deliveries(source, name)
        keep, charged = [], 0
        for record in records:
            said = answer(keep, record)
            if type(said) is not dict or type(said.get("charge")) not in (int, float) or type(said.get("keep")) is not list:
                return [Part(0, 3, f'{said!r} came back; a dict with "charge", a number, and "keep", a list, was expected.')]
            keep, charged = said["keep"], charged + said["charge"]
        right += charged == total
        if charged != total and not trouble:
            trouble = _wrongly_charged(records, charged, total)
    return [Part(share(3, right, len(numbers)), 3, f"Every payment is charged once: {trouble or 'yes.'}")]


def _wrongly_charged(records: list[dict], charged: float, total: float) -> str:
    bodies = [json.loads(record["body"]) for record in records]
    by_message = {record["messageId"]: body["amount"] for record, body in zip(records, bodies, strict=True)}
    by_amount = {body["amount"] for body in bodies}
    if charged == sum(body["amount"] for body in bodies):
        return f"{charged:g} were charged for {total:g}: what came twice was charged twice. Note what is done in keep, and look there."
    if charged == sum(by_message.values()):
        return (
            f"{charged:g} were charged for {total:g}. The messageId knows a message that SQS delivers twice, but the sender may have "
            "sent the same payment in two messages: the key must be the payment's own. See lesson 05, Everything comes twice."
        )
    if charged == sum(by_amount):
        return f"{charged:g} were charged for {total:g}: two payments of the same amount are two payments."
    return f"{charged:g} were charged, where {total:g} is right."


CHARGE = Task(
    name="charge_once",
    parameters=("keep", "record"),
    title="Twice delivered, once charged",
    points=3,
    checker=_check_charge,
    hints=(
        "Which field says that two deliveries are about the same payment, whoever sent it twice?",
        'The payment\'s own id, in the body: json.loads(record["body"])["payment"]. Is it in keep already?',
        'If it is in keep, return {"charge": 0, "keep": keep}; else {"charge": amount, "keep": [*keep, id]}.',
    ),
    after="On AWS, keep is a table, and noting the key and charging must be one step, or two that can be repeated: a conditional write, a "
    "transaction, or Powertools' idempotency decorator, which does it around your handler.",
    lesson=f"{LESSON}#Everything-comes-twice",
)

# --- 8. fixed_template

_TEMPLATE = """\
Resources:
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      Role: arn:aws:iam::123456789012:role/worker
      Code: {{S3Bucket: packages, S3Key: worker.zip}}
      Timeout: {timeout}
      ReservedConcurrentExecutions: {reserved}
      DeadLetterConfig:
        TargetArn: !GetAtt Failed.Arn
  Failed:
    Type: AWS::SQS::Queue
    Properties:
      MessageRetentionPeriod: 1209600
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {visibility}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Worker
      EventSourceArn: !GetAtt Orders.Arn
      BatchSize: 10
      ScalingConfig:
        MaximumConcurrency: {maximum}
"""


def broken_template(numbers: Numbers) -> str:
    """The learner's own template with four faults."""
    timeout, reserved = numbers.whole("timeout", 20, 90, 10), numbers.whole("reserved", 20, 60, 5)
    return _TEMPLATE.format(
        timeout=timeout,
        reserved=reserved,
        visibility=timeout * numbers.whole("factor", 1, 3),
        maximum=reserved * numbers.whole("too many", 2, 5),
    )


def _template_statement(numbers: Numbers) -> str:
    return f"<p>Your template:</p><pre>{broken_template(numbers)}</pre>"


def _check_template(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    text = answer()
    examined, problem = as_template(text)
    if examined is None:
        return [Part(0, 4, problem)]
    report = examined.report
    rules, found = set(report.rules), {finding.rule: finding.text for finding in report.findings}
    errors = [finding.text for finding in report.findings if finding.severity == "error"]
    if errors:
        return [Part(0, 4, f"The template is not valid: {errors[0]}")]
    missing = [f"{line.strip()}" for line in _must_stay(own) if line not in text]
    if missing:
        return [Part(0, 4, f"Leave the function as it is: {missing[0]!r} is gone. Mend what is around it.")]
    parts = [
        (("no-dead-letter-queue", "max-receive-count"), 1.5, "A bad message ends in Failed"),
        (("visibility-timeout",), 1.0, "The visibility timeout leaves time to try again"),
        (("maximum-concurrency-above-reserved",), 1.0, "The mapping asks for no more than the function may run"),
    ]
    verdicts = []
    for names, points, about in parts:
        broken = [name for name in names if name in rules]
        verdicts.append(Part(0.0, points, f"{about}: {found[broken[0]]}") if broken else Part(points, points, f"{about}: yes."))
    reports = "ReportBatchItemFailures" in text
    said = "yes." if reports else "the mapping has no FunctionResponseTypes: [ReportBatchItemFailures]."
    return [*verdicts, Part(0.5 * reports, 0.5, f"Failures are reported one by one: {said}")]


def _must_stay(numbers: Numbers) -> list[str]:
    return [
        line
        for line in broken_template(numbers).splitlines()
        if line.strip().startswith(("Timeout: ", "ReservedConcurrentExecutions: "))
    ]


TEMPLATE = Task(
    name="fixed_template",
    parameters=(),
    title="Mend a template",
    points=4,
    checker=_check_template,
    statement=_template_statement,
    hints=(
        "Four things are wrong: who catches bad messages, for how long a message is hidden, how many run at a time, and what one bad "
        "message does to its batch. check_text from lambdacourse.templates finds most of them.",
        f"The queue needs the RedrivePolicy, not the function. Visibility: {RULE} times the function's timeout. Maximum concurrency: at most "
        "what is reserved.",
        "RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 5} under Orders' Properties, and "
        "FunctionResponseTypes: [ReportBatchItemFailures] under Mapping's.",
    ),
    after="DeadLetterConfig on the function is for asynchronous events: a mapping invokes synchronously, so it never sees a message. "
    "Raising the reservation instead of lowering the maximum would do, too, where the downstream bears it.",
    lesson=f"{LESSON}#Pitfalls",
)

# --- 9. queue_settings

AGE, WINDOW = 60.0, 5.0
_KNOWN = {
    "batch_size": (1, 10),
    "maximum_concurrency": (2, 1_000),
    "visibility_timeout": (0, 43_200),
    "max_receive_count": (1, 1_000),
    "report_batch_item_failures": (False, True),
}


def _load(numbers: Numbers, number: int) -> dict:
    seconds = numbers.whole(f"seconds {number}", 4, 12) / 10
    return {"sent": numbers.whole(f"sent {number}", 15, 40), "seconds_per_message": seconds, "timeout": 30}


def _check_settings(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_load(own, 0)] + ([_load(held_back, 1), _load(held_back, 2)] if held_back is not None else [])
    fresh, safe, lean, late, lost, spare = 0, 0, 0, "", "", ""
    for case in cases:
        call = f"queue_settings({', '.join(f'{key}={value!r}' for key, value in case.items())})"
        settings = answer(*case.values())
        problem = settings_problem(settings, _KNOWN)
        if not problem and settings["visibility_timeout"] < case["timeout"]:
            problem = f"AWS rejects a visibility timeout below the function's timeout of {case['timeout']} s."
        if problem:
            return [Part(0, 5, f"{call}: {problem}")]
        worker = Function("worker", duration=0, timeout=case["timeout"], cold_start=ColdStart(init=0.5))
        rules = {key: settings[key] for key in ("visibility_timeout", "max_receive_count")}
        queue = SqsQueue("orders", poisson(case["sent"]), poison_rate=0.005, **rules)
        mapping = EventSourceMapping(
            worker, queue, batch_size=settings["batch_size"], maximum_concurrency=settings["maximum_concurrency"],
            report_batch_item_failures=settings["report_batch_item_failures"], seconds_per_record=case["seconds_per_message"],
            batching_window=WINDOW,
        )  # fmt: skip
        orders = simulate(mapping, seconds=1_200, warm_up=1_200, seed=5)["orders"]
        wait, share_lost = orders.wait(0.99), orders.dead_lettered / orders.sent
        if wait <= AGE:
            fresh += 1
        else:
            late = late or f"{call}: one message in a hundred waits {wait:,.0f} s or longer for its turn."
        if share_lost <= 0.0075:
            safe += 1
        else:
            lost = lost or (
                f"{call}: {share_lost:.1%} of the messages end in the dead-letter queue, and only 0.5 % are bad: good ones die with "
                "them. See lesson 05, One bad message."
            )
        needed = case["sent"] * case["seconds_per_message"]
        if settings["maximum_concurrency"] <= 2 * needed + 2:
            lean += 1
        else:
            spare = spare or (
                f"{call}: a maximum of {settings['maximum_concurrency']:,} where {needed:.0f} are busy: what stands behind the "
                "function is not protected."
            )
    count = len(cases)
    return [
        Part(share(2, fresh, count), 2, f"99 of 100 messages wait at most {AGE:g} s: {late or 'yes.'}"),
        Part(share(2, safe, count), 2, f"Only bad messages are given up: {lost or 'yes.'}"),
        Part(share(1, lean, count), 1, f"At most twice the concurrency that is needed: {spare or 'yes.'}"),
    ]


SETTINGS = Task(
    name="queue_settings",
    parameters=("sent", "seconds_per_message", "timeout"),
    title="Set up a queue",
    points=5,
    checker=_check_settings,
    hints=(
        "How many environments are busy, on average? Some more must be allowed, because messages come at random, and bad ones come again.",
        "With batches, good messages share the fate of bad ones unless failures are reported one by one. With batches of 1 nobody shares.",
        f"batch_size 10, maximum_concurrency about 1.5 × sent × seconds_per_message, visibility_timeout {RULE} × timeout, max_receive_count 5, "
        "report_batch_item_failures True.",
    ),
    after="The maximum concurrency belongs on the mapping, not only on the function: then messages wait in the queue, visible to others "
    "and to your alarms, instead of being received and thrown back.",
    lesson=f"{LESSON}#A-receive-is-a-receive",
)


EXERCISE = Exercise(
    "05-events-and-queues",
    "Asynchronous events and queues",
    (HANDLED, DRAIN, LAST, FATE, RESIZE, IN_ORDER, CHARGE, TEMPLATE, SETTINGS),
)
