"""Exercise 06: streams: what keeps up, what falls behind, what a bad record costs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from lambdacourse.facts import fact
from lambdacourse.grading.answers import Answer, settings_problem
from lambdacourse.grading.compare import Misconception
from lambdacourse.grading.handlers import handler
from lambdacourse.grading.tasks import Chooses, Computes, Exercise, Task
from lambdacourse.grading.verdict import Part, share
from lambdacourse.learner import Numbers
from lambdacourse.model import EventSourceMapping, Function, KinesisStream, poisson
from lambdacourse.runtime import LocalStream
from lambdacourse.runtime.mapping import checkpoint
from lambdacourse.simulation import simulate

LESSON = "lessons/06-streams.ipynb"
SHARD_RECORDS = fact("kinesis_shard_write_records").value
FACTOR_MOST = fact("parallelization_factor_maximum").value

# --- 1. shards_needed


def _many_records(numbers: Numbers, number: int) -> dict:
    return {
        "records": numbers.whole(f"records {number}", 1_300, 40_700, 100) + 50,
        "kb": numbers.whole(f"small {number}", 2, 8) / 10,
    }


def _large_records(numbers: Numbers, number: int) -> dict:
    return {"records": numbers.whole(f"few {number}", 310, 4_990, 20), "kb": numbers.whole(f"kb {number}", 15, 95) / 10}


def _shards_needed(records: float, kb: float) -> int:
    return max(math.ceil(records / SHARD_RECORDS), math.ceil(round(records * kb / 1_000, 9)))


SHARDS = Task(
    name="shards_needed",
    parameters=("records", "kb"),
    title="Shards for what is sent",
    points=2,
    checker=Computes(
        "shards_needed",
        expected=_shards_needed,
        groups={"many small records": (1, _many_records), "large records": (1, _large_records)},
        units=" shards",
        misconceptions=(
            Misconception(
                lambda records, kb: math.ceil(records / SHARD_RECORDS),
                "That counts records alone. A shard also takes in only 1 MB per second.",
                "lesson 06, A stream is a log",
            ),
            Misconception(
                lambda records, kb: math.ceil(records * kb / 1_000),
                "That counts megabytes alone. A shard also takes in only 1,000 records per second, however small.",
                "lesson 06, A stream is a log",
            ),
            Misconception(
                lambda records, kb: math.ceil(records / SHARD_RECORDS) + math.ceil(records * kb / 1_000),
                "That adds the two needs. The same shard takes in both: the larger need decides.",
            ),
            Misconception(
                lambda records, kb: max(records / SHARD_RECORDS, records * kb / 1_000),
                "There are no parts of a shard: round up.",
            ),
        ),
    ),
    hints=(
        "A shard has two limits for what it takes in. How many shards does each of them ask for?",
        "records ÷ 1,000, and records × kb ÷ 1,000 (1 MB is 1,000 KB here).",
        "The larger of the two, rounded up: max(math.ceil(…), math.ceil(…)).",
    ),
    after="It assumes that the keys spread the records evenly. A record above a shard's limit is refused: the producer must send it again. "
    "With on-demand capacity AWS changes the number of shards for you.",
    lesson=f"{LESSON}#A-stream-is-a-log",
)

# --- 2. keeps_up_with


def _plain(numbers: Numbers, number: int) -> dict:
    return {
        "shards": numbers.whole(f"shards {number}", 2, 40),
        "factor": 1,
        "batch_size": numbers.whole(f"batch {number}", 50, 900, 50),
        "seconds_per_batch": numbers.whole(f"seconds {number}", 11, 60) / 10,
    }


def _parallel(numbers: Numbers, number: int) -> dict:
    return {**_plain(numbers, number), "factor": numbers.whole(f"factor {number}", 2, FACTOR_MOST)}


KEEPS_UP = Task(
    name="keeps_up_with",
    parameters=("shards", "factor", "batch_size", "seconds_per_batch"),
    title="What the function keeps up with",
    points=3,
    checker=Computes(
        "keeps_up_with",
        expected=lambda shards, factor, batch_size, seconds_per_batch: shards * factor * batch_size / seconds_per_batch,
        groups={"one batch of a shard at a time": (1.5, _plain), "with a parallelization factor": (1.5, _parallel)},
        units=" records per second",
        misconceptions=(
            Misconception(
                lambda shards, factor, batch_size, seconds_per_batch: shards * batch_size / seconds_per_batch,
                "That leaves out the parallelization factor: so many batches of one shard run at once.",
                "lesson 06, How fast is a shard?",
            ),
            Misconception(
                lambda shards, factor, batch_size, seconds_per_batch: batch_size / seconds_per_batch,
                "That is one lane. There are shards × factor of them.",
            ),
            Misconception(
                lambda shards, factor, batch_size, seconds_per_batch: shards * factor * batch_size * seconds_per_batch,
                "That multiplies by the time of a batch: then a slower function would do more.",
            ),
            Misconception(
                lambda shards, factor, batch_size, seconds_per_batch: float(shards * factor),
                "That is the concurrency. Each of these batches has batch_size records, and takes seconds_per_batch.",
            ),
        ),
    ),
    hints=(
        "How many batches run at a time? How many records are in each, and how long does it take?",
        "shards × factor batches at a time.",
        "return shards * factor * batch_size / seconds_per_batch",
    ),
    after="Three of the four can be changed without touching code. A larger batch helps as far as its time grows less than its size; "
    "the factor costs the order within a shard, though not within a key.",
    lesson=f"{LESSON}#How-fast-is-a-shard?",
)

# --- 3. age_after


def _behind(numbers: Numbers, number: int) -> dict:
    sent = numbers.whole(f"sent {number}", 500, 5_000, 50)
    return {
        "sent": sent,
        "handled": sent * numbers.whole(f"part {number}", 40, 95) // 100,
        "seconds": numbers.whole(f"seconds {number}", 300, 7_200, 60),
    }


def _ahead(numbers: Numbers, number: int) -> dict:
    case = _behind(numbers, number)
    return {**case, "handled": case["sent"] + numbers.whole(f"spare {number}", 0, 500, 50)}


def _age_after(sent: float, handled: float, seconds: float) -> float:
    return seconds * max(1 - handled / sent, 0)


AGE_AFTER = Task(
    name="age_after",
    parameters=("sent", "handled", "seconds"),
    title="How old the records become",
    points=3,
    checker=Computes(
        "age_after",
        expected=_age_after,
        groups={"a function that falls behind": (2, _behind), "one that keeps up": (1, _ahead)},
        units=" s",
        misconceptions=(
            Misconception(
                lambda sent, handled, seconds: (sent - handled) * seconds / handled,
                "That is how long the backlog would take if nothing more were sent. The age looks back: when was the record sent that "
                "is handed over now?",
                "lesson 06, How fast is a shard?",
            ),
            Misconception(
                lambda sent, handled, seconds: float(seconds),
                "The age grows by a second a second only where nothing is handled at all, behind a bad record.",
                "lesson 06, Take away",
            ),
            Misconception(
                lambda sent, handled, seconds: (sent - handled) * seconds,
                "That is the backlog, in records. Which of the records sent is next, and how long ago was it sent?",
            ),
            Misconception(
                lambda sent, handled, seconds: seconds * (1 - handled / sent),
                "Close: but a function that keeps up hands over fresh records. The age does not fall below 0.",
            ),
        ),
    ),
    hints=(
        "After so many seconds, how many records have been handled? Which one comes next?",
        "Number handled × seconds comes next. It was sent at handled × seconds ÷ sent.",
        "Now minus then: seconds - handled * seconds / sent, and never below 0.",
    ),
    after="So the slope of the iterator age tells how much is missing: 12 seconds a minute means that four fifths are handled. When the "
    "age reaches the retention, records are lost that nobody has read.",
    lesson=f"{LESSON}#How-fast-is-a-shard?",
)

# --- 4. given_up


def _bad_record(numbers: Numbers, number: int) -> dict:
    size = numbers.whole(f"size {number}", 20, 500, 10)
    return {
        "batch_size": size,
        "position": numbers.whole(f"position {number}", 3, size - 4),
        "bisect": number % 4 >= 2,
        "report": number % 2 == 1,
    }


def _given_up(batch_size: int, position: int, bisect: bool, report: bool) -> int:
    if bisect:
        return 1
    return batch_size - position + 1 if report else batch_size


GIVEN_UP = Task(
    name="given_up",
    parameters=("batch_size", "position", "bisect", "report"),
    title="What one bad record takes with it",
    points=3,
    checker=Computes(
        "given_up",
        expected=_given_up,
        groups={"records given up": (3, _bad_record)},
        units=" records",
        visible=4,
        hidden=12,
        misconceptions=(
            Misconception(
                lambda batch_size, position, bisect, report: 1 if bisect or report else batch_size,
                "Reporting alone saves what stands before the bad record. What stands behind it is in the batch that is tried again, "
                "and is given up with it.",
                "lesson 06, One bad record",
            ),
            Misconception(
                lambda batch_size, position, bisect, report: 1 if bisect else batch_size - position if report else batch_size,
                "Count the bad record itself, too.",
            ),
            Misconception(
                lambda batch_size, position, bisect, report: 1 if bisect and report else batch_size,
                "Each of the two settings helps alone: bisect finds the record, reporting saves what is before it.",
                "lesson 06, One bad record",
            ),
            Misconception(
                lambda batch_size, position, bisect, report: 1.0,
                "Without bisect and without reporting, Lambda knows only that the batch failed: all of it is given up.",
                "lesson 06, One bad record",
            ),
            Misconception(
                lambda batch_size, position, bisect, report: (
                    position if report and not bisect else _given_up(batch_size, position, bisect, report)
                ),
                "Those before the bad record are the ones that are saved: the checkpoint stands before the lowest number reported.",
            ),
        ),
    ),
    hints=(
        "What does Lambda know about a batch that failed: with an exception, with a reported number, with halves?",
        "Bisect halves until the bad record is alone. Reporting moves the checkpoint up to the bad record, and no further.",
        "With bisect 1; with reporting alone batch_size - position + 1; else batch_size.",
    ),
    after="Bisect hands good records over again and again; with reporting it starts at the bad one, and repeats far fewer. Both together "
    "are the usual setting, with an on-failure destination to note what was given up.",
    lesson=f"{LESSON}#One-bad-record",
)

# --- 5. store_batch

_BAD = ("no JSON", '{"valve": 3}', '{"value": -1}')


def _records(numbers: Numbers, name: str, size: int, bad: set[int]) -> list[dict]:
    stream = LocalStream("clicks")
    for place in range(size):
        good = json.dumps({"value": numbers.whole(f"{name} {place}", 1, 9_999)})
        stream.put(numbers.pick(f"{name} bad {place}", _BAD) if place in bad else good, key=f"customer-{place % 3}")
    return [record.event for record in stream.shards[0].records]


def _check_store(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    call = handler(answer, "store_batch")
    numbers = [(own, f"own {number}") for number in range(4)]
    numbers += [(held_back, f"held {number}") for number in range(4)] if held_back is not None else []
    safe, saved, lost, again = 0, 0, "", ""
    for count, (source, name) in enumerate(numbers):
        size = source.whole(f"{name} size", 5, 9)
        first = (size, 0, source.whole(f"{name} first", 1, size - 2), source.whole(f"{name} first", 2, size - 2))[count % 4]
        bad = {first, source.whole(f"{name} second", first, size - 1)} if first < size else set()
        records = _records(source, name, size, bad)
        sequences = [record["kinesis"]["sequenceNumber"] for record in records]
        batch = f"In a batch of {size} " + (f"where record {first} is the first bad one" if bad else "without a bad one")
        cut, said = _checkpoint(call, records, sequences)
        safe, saved = safe + (cut <= first), saved + (cut >= first)
        if cut > first and not lost:
            lost = f"{batch}: Lambda goes on behind record {cut - 1}, and {'this one' if cut - 1 == first else f'record {first}'} is lost. {said}".strip()
        if cut < first and not again:
            again = (
                f"{batch}: {said or f'all from record {cut} on comes again'}, although those before record {first} were done."
            )
    total = len(numbers)
    return [
        Part(share(2, safe, total), 2, f"No record is passed over: {lost or 'yes.'}"),
        Part(share(2, saved, total), 2, f"What was done is not done again: {again or 'yes.'}"),
    ]


def _checkpoint(call: Callable[[dict], Any], records: list[dict], sequences: list[str]) -> tuple[int, str]:
    """How many records Lambda takes for done, and what is to be said about it."""
    try:
        response = call({"Records": records})
    except NotImplementedError:
        raise
    except Exception as problem:
        return 0, f"your handler raised {problem}, so the whole batch comes again"
    listed = response.get("batchItemFailures") if type(response) is dict else None
    named = [each.get("itemIdentifier") for each in listed if type(each) is dict] if type(listed) is list else []
    unknown = [each for each in named if each not in sequences]
    if unknown:
        return 0, f"{unknown[0]!r} is no sequenceNumber of the batch, so the whole batch comes again"
    return checkpoint(response, sequences), "" if named or listed == [] else "Nothing was reported."


STORE = Task(
    name="store_batch",
    parameters=("event", "context"),
    title="Stop at the bad record",
    points=4,
    checker=_check_store,
    hints=(
        "Everything from the lowest number that you report comes again. So which record should you report, and is there any use in going on "
        "behind it?",
        'Decode with base64.b64decode(record["kinesis"]["data"]). At the first exception return that record\'s '
        'record["kinesis"]["sequenceNumber"].',
        'return {"batchItemFailures": [{"itemIdentifier": number}]} inside except; {"batchItemFailures": []} at the end.',
    ),
    after="Going on behind the bad record does no good: these come again in any case. For a DynamoDB stream the number is "
    'record["dynamodb"]["SequenceNumber"]. Powertools\' BatchProcessor does both.',
    lesson=f"{LESSON}#One-bad-record",
)

# --- 6. count_clicks


def _check_count(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    call = handler(answer, "count_clicks")
    numbers = [(own, "own 0"), (own, "own 1")] + (
        [(held_back, "held 0"), (held_back, "held 1")] if held_back is not None else []
    )
    kept, right, trouble, wrong = 0, 0, "", ""
    for source, name in numbers:
        state: dict = {}
        truth: Counter[str] = Counter()
        well = True
        for invocation in range(4):
            final = invocation == 3
            keys = (
                [] if final else [source.pick(f"{name} {invocation} {place}", ("north", "south", "west")) for place in range(5)]
            )
            truth.update(keys)
            response = _windowed(call, keys, state, final)
            if type(response) is not dict or type(response.get("state")) is not dict:
                well = False
                trouble = trouble or (
                    f"Invocation {invocation + 1} of the window{', the final one without records,' if final else ''} gave "
                    f'{response!r}: without a "state" in the response, Lambda takes it for failed.'
                )
                break
            state = response["state"]
        kept += well
        good = well and state == dict(truth)
        right += good
        if well and not good and not wrong:
            wrong = f"15 records came in three invocations; the last state is {state!r}, where {dict(truth)!r} is right. " + (
                "Is the state that comes with the event added to?"
                if sum(state.values() if _numeric(state) else [0]) < 15
                else ""
            )
    total = len(numbers)
    return [
        Part(share(1.5, kept, total), 1.5, f"Every response has a state: {trouble or 'yes.'}"),
        Part(
            share(1.5, right, total),
            1.5,
            f"The counts are right at the end of the window: {(wrong or trouble or 'yes.').strip()}",
        ),
    ]


def _numeric(state: dict) -> bool:
    return all(type(value) is int for value in state.values())


def _windowed(call: Callable[[dict], Any], keys: Sequence[str], state: dict, final: bool) -> Any:
    stream = LocalStream("clicks")
    for key in keys:
        stream.put("click", key=key)
    event = {
        "Records": [record.event for record in stream.shards[0].records],
        "window": {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T10:01:00Z"},
        "state": state,
        "shardId": stream.shards[0].id,
        "eventSourceARN": stream.arn,
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": False,
    }
    try:
        return call(event)
    except NotImplementedError:
        raise
    except Exception as problem:
        return f"an exception, {problem}"


COUNT = Task(
    name="count_clicks",
    parameters=("event", "context"),
    title="Count in a tumbling window",
    points=3,
    checker=_check_count,
    hints=(
        "Nothing but the state that you return survives to the next invocation of the window: not a global, since another environment may "
        "be used.",
        'Begin with state = event["state"], add to it for each record, and return it in any case.',
        'state[key] = state.get(key, 0) + 1 for record["kinesis"]["partitionKey"]; return {"state": state}.',
    ),
    after='At the end of the window, when event["isFinalInvokeForWindow"] is true, you would publish the state. It counts per shard: '
    "where a key's records are in one shard, as they are by key, that is the whole count.",
    lesson=f"{LESSON}#Two-kinds-of-window",
)

# --- 7. diagnose

_OPTIONS = ("fine", "too slow", "bad record", "throttled")


def _minutes(numbers: Numbers, number: int) -> dict:
    kind = _OPTIONS[number % 4]
    shards = numbers.whole(f"shards {number}", 2, 4)
    records = 200 * shards
    stream = KinesisStream(
        "clicks",
        poisson(records),
        shards=shards,
        poison_at=numbers.whole(f"when {number}", 130, 340) if kind == "bad record" else (),
    )
    capacity = 100 * shards / records  # seconds a batch may take
    slow = numbers.whole(f"slow {number}", 125, 190) / 100
    duration = capacity * (slow if kind == "too slow" else numbers.whole(f"quick {number}", 20, 60) / 100)
    reserved = max(shards // 2, 1) if kind == "throttled" else None
    if kind == "throttled":
        duration = capacity * numbers.whole(f"tight {number}", 70, 90) / 100
    worker = Function("worker", duration=duration, reserved_concurrency=reserved, error_rate=0.01 if kind == "fine" else 0.0)
    minutes = _measured(EventSourceMapping(worker, stream), number)
    age = minutes["IteratorAge"]["Maximum"] / 1000
    return {
        "iterator_age": [round(value, 1) for value in age],
        "errors": [int(value) for value in minutes["Errors"]["Sum"]],
        "throttles": [int(value) for value in minutes["Throttles"]["Sum"]],
    }


@lru_cache(maxsize=64)
def _measured(mapping: EventSourceMapping, seed: int) -> pd.DataFrame:
    return simulate(mapping, seconds=600, seed=seed).metrics()["worker"]


def _rises(iterator_age: Sequence[float]) -> bool:
    return iterator_age[-1] > iterator_age[0] + 30


def _diagnosis(iterator_age: Sequence[float], errors: Sequence[int], throttles: Sequence[int]) -> str:
    if not _rises(iterator_age):
        return "fine"
    if sum(throttles[-3:]):
        return "throttled"
    return "bad record" if errors[-1] and iterator_age[-1] - iterator_age[-2] > 50 else "too slow"


def _diagnose_statement(numbers: Numbers) -> str:
    rows = []
    for number in (1, 2):
        case = _minutes(numbers, number)
        for name, values in case.items():
            cells = "".join(f"<td>{value:g}</td>" for value in values)
            rows.append(f'<tr><th scope="row">{"AB"[number - 1]}: {name}</th>{cells}</tr>')
    return (
        "<p>Two of yours, minute by minute; in one a record is bad, in the other the function is too slow:</p>"
        f"<table><tbody>{''.join(rows)}</tbody></table>"
    )


DIAGNOSE = Task(
    name="diagnose",
    parameters=("iterator_age", "errors", "throttles"),
    title="What is the matter?",
    points=4,
    checker=Chooses(
        "diagnose",
        expected=_diagnosis,
        options=_OPTIONS,
        points=4,
        about="what three metrics say",
        cases=_minutes,
        visible=4,
        hidden=4,
        misconceptions=(
            Misconception(
                lambda iterator_age, errors, throttles: (
                    "throttled"
                    if sum(throttles)
                    else "bad record"
                    if sum(errors)
                    else "too slow"
                    if _rises(iterator_age)
                    else "fine"
                ),
                "That takes every error for a bad record. A batch that fails once and then succeeds is life: look whether the age rises.",
                "lesson 06, So: it falls behind, and nothing is throttled",
            ),
            Misconception(
                lambda iterator_age, errors, throttles: (
                    "fine" if not _rises(iterator_age) else "throttled" if sum(throttles) else "too slow"
                ),
                "That never finds a bad record: then the age rises by a second each second, and the errors do not end.",
                "lesson 06, Take away",
            ),
            Misconception(
                lambda iterator_age, errors, throttles: (
                    "throttled" if sum(throttles) else "bad record" if _rises(iterator_age) else "fine"
                ),
                "That never finds a slow function: its age rises, too, but by less than a second each second, and nothing fails.",
                "lesson 06, How fast is a shard?",
            ),
        ),
    ),
    statement=_diagnose_statement,
    hints=(
        "First: does the age rise from the first minute to the last? If not, nothing is the matter.",
        "If it rises: are there throttles? Else, are there errors to the end, with the age rising by almost 60 s each minute?",
        'iterator_age[-1] < iterator_age[0] + 30 is "fine"; throttles at the end, "throttled"; errors at the end, "bad record"; else '
        '"too slow".',
    ),
    after="An alarm can do the same: on the maximum of IteratorAge first, which sees all three, and then on Errors and Throttles to tell them "
    "apart. Watch the maximum, not the average: one blocked shard of many hardly moves the average.",
    lesson=f"{LESSON}#So:-it-falls-behind,-and-nothing-is-throttled",
)

# --- 8. queue_or_stream


def _needs(numbers: Numbers, number: int) -> dict:
    readers, ordered, again = (
        (1, False, False),
        (1, True, False),
        (3, False, False),
        (1, False, True),
        (2, True, False),
        (1, True, True),
    )[number % 6]
    return {"readers": readers + numbers.whole(f"more {number}", 0, 2) * (readers > 1), "ordered": ordered, "read_again": again}


def _queue_or_stream(readers: int, ordered: bool, read_again: bool) -> str:
    if readers > 1 or read_again:
        return "stream"
    return "FIFO queue" if ordered else "standard queue"


WHICH = Task(
    name="queue_or_stream",
    parameters=("readers", "ordered", "read_again"),
    title="Queue or stream",
    points=2,
    checker=Chooses(
        "queue_or_stream",
        expected=_queue_or_stream,
        options=("standard queue", "FIFO queue", "stream"),
        points=2,
        about="what fits the work",
        cases=_needs,
        misconceptions=(
            Misconception(
                lambda readers, ordered, read_again: "stream" if ordered or readers > 1 or read_again else "standard queue",
                "Order alone needs no stream: a FIFO queue keeps it within a message group, and a bad message blocks its group only.",
                "lesson 06, Queue against stream",
            ),
            Misconception(
                lambda readers, ordered, read_again: "FIFO queue" if ordered else "stream" if read_again else "standard queue",
                "Several readers share the messages of a queue: each message reaches one of them. In a stream, each reads everything.",
                "lesson 06, Queue against stream",
            ),
            Misconception(
                lambda readers, ordered, read_again: "FIFO queue" if ordered else "stream" if readers > 1 else "standard queue",
                "A message that is done is deleted. What shall be read again must be in a stream.",
                "lesson 06, Queue against stream",
            ),
        ),
    ),
    hints=(
        "What becomes of a message that is done, and what of a record?",
        "Several readers of everything, or reading again: only a stream. Otherwise a queue; with order, a FIFO queue.",
        'if readers > 1 or read_again: "stream"; elif ordered: "FIFO queue"; else "standard queue".',
    ),
    after="SNS or EventBridge before several queues is another way for several readers: each has its own queue then, with its own dead "
    "letters, and none can read again.",
    lesson=f"{LESSON}#Queue-against-stream",
)

# --- 9. stream_settings

AGE = 20.0
_KNOWN = {
    "shards": (1, 100),
    "parallelization_factor": (1, FACTOR_MOST),
    "batch_size": (1, 10_000),
    "maximum_retry_attempts": (-1, 10_000),
    "bisect_batch_on_function_error": (False, True),
    "report_batch_item_failures": (False, True),
}


def _load(numbers: Numbers, number: int) -> dict:
    return {
        "sent": numbers.whole(f"sent {number}", 600, 2_400, 100),
        "seconds_per_batch": numbers.whole(f"fixed {number}", 4, 9) / 10,
        "seconds_per_record": numbers.whole(f"each {number}", 1, 4) / 1_000,
    }


def _least_shards(sent: float) -> int:
    return math.ceil(sent / 900)  # records come at random: a shard that is full on average refuses some


def _check_settings(answer: Answer, own: Numbers, held_back: Numbers | None) -> Sequence[Part]:
    cases = [_load(own, 0)] + ([_load(held_back, 1), _load(held_back, 2)] if held_back is not None else [])
    fresh, safe, lean, late, lost, spare = 0, 0, 0, "", "", ""
    for case in cases:
        call = f"stream_settings({', '.join(f'{key}={value!r}' for key, value in case.items())})"
        settings = answer(*case.values())
        problem = settings_problem(settings, _KNOWN)
        if problem:
            return [Part(0, 5, f"{call}: {problem}")]
        stream = KinesisStream("clicks", poisson(case["sent"]), shards=settings["shards"], poison_at=60)
        mapping = {key: value for key, value in settings.items() if key != "shards"}
        worker = Function("worker", duration=case["seconds_per_batch"])
        source = EventSourceMapping(worker, stream, seconds_per_record=case["seconds_per_record"], **mapping)
        clicks = simulate(source, seconds=400, seed=4)["clicks"]
        if clicks.peak_iterator_age <= AGE and clicks.refused <= clicks.sent / 1_000:
            fresh += 1
        elif clicks.refused > clicks.sent / 1_000:
            late = late or f"{call}: {clicks.refused:,} records are refused, because the shards are full."
        else:
            late = late or f"{call}: the iterator age reaches {clicks.peak_iterator_age:,.0f} s."
        gone = clicks.dropped + clicks.expired
        if gone == 1:
            safe += 1
        elif gone:
            lost = lost or f"{call}: {gone:,} records are given up for one that is bad. See lesson 06, One bad record."
        else:
            lost = (
                lost
                or f"{call}: the bad record is still being tried at the end, and its shard stands. See lesson 06, One bad record."
            )
        least = _least_shards(case["sent"])
        if settings["shards"] <= 2 * least:
            lean += 1
        else:
            spare = (
                spare
                or f"{call}: {settings['shards']} shards are paid for; {least} take in what is sent. What else makes lanes?"
            )
    count = len(cases)
    return [
        Part(share(2, fresh, count), 2, f"No record waits longer than {AGE:g} s, and none is refused: {late or 'yes.'}"),
        Part(share(2, safe, count), 2, f"Only the bad record is given up: {lost or 'yes.'}"),
        Part(share(1, lean, count), 1, f"At most twice the shards that are needed: {spare or 'yes.'}"),
    ]


SETTINGS = Task(
    name="stream_settings",
    parameters=("sent", "seconds_per_batch", "seconds_per_record"),
    title="Set up a stream",
    points=5,
    checker=_check_settings,
    hints=(
        "Shards cost money by the hour; lanes by the parallelization factor cost nothing. How many lanes does the load need?",
        "One lane does batch_size ÷ (seconds_per_batch + batch_size × seconds_per_record) records per second. For the bad record: few "
        "retries, and the two settings that find it.",
        "shards = ceil(sent / 900), parallelization_factor 10, batch_size 500, maximum_retry_attempts 1, and both settings True.",
    ),
    after="With the factor, order holds within a key only; where the order of a whole shard matters, you pay for shards. Add a destination "
    "for failures: it notes which record was given up.",
    lesson=f"{LESSON}#One-bad-record",
)


EXERCISE = Exercise("06-streams", "Streams", (SHARDS, KEEPS_UP, AGE_AFTER, GIVEN_UP, STORE, COUNT, DIAGNOSE, WHICH, SETTINGS))
