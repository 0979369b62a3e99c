"""A queue and a stream: AWS's shapes field by field, the edge rules of partial batches, and Powertools on top."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_handlers import HANDLERS

from lambdacourse.runtime import LocalLambda, LocalQueue, LocalStream
from lambdacourse.runtime.mapping import checkpoint, failed_messages

# AWS's own examples, as its developer guide prints them (2026).
SQS = """{"Records":[{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
"body":"Test message.","attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1545082649183","SenderId":"AIDAIENQZJOLO23YVJ4VO",
"ApproximateFirstReceiveTimestamp":"1545082649185"},"messageAttributes":{"myAttribute":{"stringValue":"myValue","stringListValues":[],
"binaryListValues":[],"dataType":"String"}},"md5OfBody":"e4e68fb7bd0e697a0ae8f1bb342846b3","eventSource":"aws:sqs",
"eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:my-queue","awsRegion":"us-east-2"}]}"""
KINESIS = """{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"1",
"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
"approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0",
"eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898","eventName":"aws:kinesis:record",
"invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","awsRegion":"us-east-2",
"eventSourceARN":"arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream"}]}"""
DYNAMODB = """{"Records":[{"eventID":"1","eventVersion":"1.0","dynamodb":{"Keys":{"Id":{"N":"101"}},"NewImage":{"Message":{"S":"New item!"},
"Id":{"N":"101"}},"StreamViewType":"NEW_AND_OLD_IMAGES","SequenceNumber":"111","SizeBytes":26},"awsRegion":"us-west-2",
"eventName":"INSERT","eventSourceARN":"arn:aws:dynamodb:us-east-2:123456789012:table/my-table/stream/2024-06-10T19:26:16.525",
"eventSource":"aws:dynamodb"}]}"""
GIVEN_UP = """{"requestContext":{"requestId":"c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:myfunction","condition":"RetryAttemptsExhausted",
"approximateInvokeCount":1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},
"version":"1.0","timestamp":"2019-11-14T00:38:06.021Z","KinesisBatchInfo":{"shardId":"shardId-000000000001",
"startSequenceNumber":"49601189658422359378836298521827638475320189012309704722",
"endSequenceNumber":"49601189658422359378836298522902373528957594348623495186",
"approximateArrivalOfFirstRecord":"2019-11-14T00:38:04.835Z","approximateArrivalOfLastRecord":"2019-11-14T00:38:05.580Z",
"batchSize":500,"streamArn":"arn:aws:kinesis:us-east-2:123456789012:stream/mystream"}}"""


def shape(value):
    """The names and kinds of what is in ``value``, all the way down; of texts also the form: digits, a time, an ARN's service."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str):
        if value.isdigit():
            return "digits"
        if value.startswith("arn:aws:"):
            return value.split(":")[2]
        return "time" if value[:2] == "20" and value.endswith("Z") else "text"
    return type(value)


class Recorder:
    """A handler that keeps its events and answers with the next of its answers (an exception is raised), then with the last."""

    def __init__(self, *answers):
        self.events, self.answers = [], list(answers)

    def __call__(self, event, context):
        self.events.append(event)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer(event) if callable(answer) else answer

    @property
    def bodies(self):
        return [[record["body"] for record in event["Records"]] for event in self.events]

    @property
    def data(self):
        return [[base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]] for event in self.events]


def failing(*bodies):
    """An answer that lists the messages or records with these bodies."""

    def answer(event):
        listed = []
        for record in event["Records"]:
            if "body" in record and record["body"] in bodies:
                listed.append({"itemIdentifier": record["messageId"]})
            elif "kinesis" in record and base64.b64decode(record["kinesis"]["data"]).decode() in bodies:
                listed.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
        return {"batchItemFailures": listed}

    return answer


def queue_of(*bodies, **settings):
    queue = LocalQueue("my-queue", **settings)
    for body in bodies:
        queue.send(body)
    return queue


def stream_of(*data, **settings):
    stream = LocalStream("clicks", **settings)
    for each in data:
        stream.put(each)
    return stream


class TestShapes:
    def test_sqs(self):
        """A standard queue's event has AWS's fields, in their kinds; the MD5 is that of AWS's example."""
        queue, handler = LocalQueue("my-queue"), Recorder()
        queue.send("Test message.", attributes={"myAttribute": "myValue"})
        queue.deliver(handler)
        (event,) = handler.events
        assert shape(event) == shape(json.loads(SQS))
        assert event["Records"][0]["md5OfBody"] == "e4e68fb7bd0e697a0ae8f1bb342846b3"
        assert event["Records"][0]["messageAttributes"] == json.loads(SQS)["Records"][0]["messageAttributes"]

    def test_fifo(self):
        """A FIFO queue adds sequence number, group and deduplication id to the attributes, as texts."""
        queue, handler = LocalQueue("my-queue.fifo", content_based_deduplication=True), Recorder()
        queue.send("a", group="1", deduplication_id="1")
        queue.send("b", group="1")
        queue.deliver(handler)
        first, second = (record["attributes"] for record in handler.events[0]["Records"])
        plain = json.loads(SQS)["Records"][0]["attributes"]
        assert set(first) - set(plain) == {"SequenceNumber", "MessageGroupId", "MessageDeduplicationId"}
        assert all(isinstance(value, str) for value in first.values())
        assert (
            len(first["SequenceNumber"]) == len("18849496460467696128") and first["SequenceNumber"] < second["SequenceNumber"]
        )

    def test_kinesis(self):
        """A Kinesis event has AWS's fields; the data in base64, the time in seconds, the event id of shard and number."""
        stream, handler = LocalStream("lambda-stream"), Recorder()
        stream.put("Hello, this is a test.", key="1")
        stream.deliver(handler)
        (event,), expected = handler.events, json.loads(KINESIS)
        assert shape(event) == shape(expected)
        record = event["Records"][0]
        assert record["kinesis"]["data"] == expected["Records"][0]["kinesis"]["data"]
        assert record["eventID"] == f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"

    def test_dynamodb(self):
        """A table's stream has AWS's fields; the name says what happened to the item."""
        stream, handler = LocalStream.of_table("my-table"), Recorder()
        key, new = {"Id": {"N": "101"}}, {"Message": {"S": "New item!"}, "Id": {"N": "101"}}
        stream.change(key, new=new)
        stream.deliver(handler)
        assert shape(handler.events[0]) == shape(json.loads(DYNAMODB))
        stream.change(key, new=new, old=new)
        stream.change(key, old=new)
        stream.deliver(handler)
        names = [record["eventName"] for event in handler.events for record in event["Records"]]
        assert names == ["INSERT", "MODIFY", "REMOVE"]
        assert set(handler.events[1]["Records"][1]["dynamodb"]) >= {"Keys", "OldImage"}

    def test_given_up_batch(self):
        """A destination gets AWS's record of a batch that was given up: where it was, not what it held."""
        given_up = []
        stream = stream_of("a", "b")
        stream.deliver(Recorder(ValueError("x")), maximum_retry_attempts=0, on_failure=given_up.append)
        (record,) = given_up
        assert shape(record) == shape(json.loads(GIVEN_UP))
        assert (record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"]) == (
            "RetryAttemptsExhausted",
            1,
        )
        assert record["KinesisBatchInfo"]["batchSize"] == 2
        table = LocalStream.of_table()
        table.change({"Id": {"N": "1"}}, new={"Id": {"N": "1"}})
        table.deliver(Recorder(ValueError("x")), maximum_retry_attempts=0, on_failure=given_up.append)
        assert "DDBStreamBatchInfo" in given_up[1] and "KinesisBatchInfo" not in given_up[1]


IDS = ["11", "12", "13"]


class TestEdgeRules:
    """facts.md, "JSON shapes and edge rules": what an answer means."""

    @pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, ""])
    def test_complete_success(self, response):
        """An empty or null list, an empty or null response: everything succeeded."""
        assert failed_messages(response, IDS) == set()
        assert checkpoint(response, IDS) == 3

    @pytest.mark.parametrize(
        "response",
        [
            {"batchItemFailures": [{"itemIdentifier": ""}]},
            {"batchItemFailures": [{"itemIdentifier": None}]},
            {"batchItemFailures": [{"itemId": "11"}]},
            {"batchItemFailures": [{"itemIdentifier": "12"}, {"itemIdentifier": ""}]},
            {"batchItemFailures": ["11"]},
        ],
    )
    def test_complete_failure(self, response):
        """An empty or null identifier, or another key: everything failed."""
        assert failed_messages(response, IDS) == set(IDS)
        assert checkpoint(response, IDS) == 0

    @pytest.mark.parametrize("response", [{"batchItemFailures": [{"itemIdentifier": "99"}]}, "not an object", [1]])
    def test_complete_failure_of_messages(self, response):
        """SQS: an identifier that is not in the batch, or no JSON object, makes everything fail."""
        assert failed_messages(response, IDS) == set(IDS)

    def test_partial(self):
        """SQS: just those listed. Streams: the lowest of those listed, as a number, and everything after it."""
        response = {"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "12"}]}
        assert failed_messages(response, IDS) == {"12", "13"}
        assert checkpoint(response, IDS) == 1
        assert (
            checkpoint({"batchItemFailures": [{"itemIdentifier": "100"}, {"itemIdentifier": "99"}]}, ["98", "99", "100"]) == 1
        )

    @pytest.mark.parametrize("answer", [failing("b"), {"batchItemFailures": [{"itemIdentifier": ""}]}])
    def test_without_the_setting_the_response_is_ignored(self, answer):
        """Without ReportBatchItemFailures a normal return is a success."""
        queue, stream = queue_of("a", "b"), stream_of("a", "b")
        assert queue.deliver(Recorder(answer))[0].outcome == stream.deliver(Recorder(answer))[0].outcome == "success"
        assert len(queue) == len(stream) == 0


class TestQueue:
    def test_failed_messages_come_back(self):
        """Only what is listed comes again, after the visibility timeout, counted as received once more."""
        queue, handler = queue_of("a", "b", "c", visibility_timeout=90), Recorder(failing("b"), None)
        first, second = queue.deliver(handler, report_batch_item_failures=True)
        assert handler.bodies == [["a", "b", "c"], ["b"]]
        assert (first.outcome, second.outcome, queue.deleted, len(queue)) == ("partial", "success", 3, 0)
        assert second.time - first.time == pytest.approx(90, abs=0.1)
        assert [event["Records"][-1]["attributes"]["ApproximateReceiveCount"] for event in handler.events] == ["1", "2"]
        first_received = [event["Records"][-1]["attributes"]["ApproximateFirstReceiveTimestamp"] for event in handler.events]
        sent_or_b = [record["attributes"] for record in handler.events[0]["Records"]][1]
        assert first_received[1] == sent_or_b["ApproximateFirstReceiveTimestamp"]

    def test_exception_brings_the_whole_batch_back(self):
        """A batch whose handler raises comes back whole: also what it had finished with."""
        queue, handler = queue_of("a", "b"), Recorder(ValueError("x"), None)
        assert [each.outcome for each in queue.deliver(handler, report_batch_item_failures=True)] == ["failure", "success"]
        assert handler.bodies == [["a", "b"], ["a", "b"]]

    def test_dead_letters(self):
        """What was received maxReceiveCount times and not deleted moves to the dead-letter queue, and can be received there."""
        dead = LocalQueue("dead")
        queue, handler = queue_of("a", "poison", max_receive_count=3, dead_letter_queue=dead), Recorder(failing("poison"))
        queue.deliver(handler, report_batch_item_failures=True)
        assert handler.bodies == [["a", "poison"], ["poison"], ["poison"]]
        assert (len(queue), queue.dead_lettered, dead.visible) == (0, 1, 1)
        assert [message.body for message in dead.receive()] == ["poison"]

    def test_retention(self):
        """Without a dead-letter queue a message that always fails comes back until its retention is over."""
        queue, handler = queue_of("poison", visibility_timeout=30, retention=100), Recorder(ValueError("x"))
        deliveries = queue.deliver(handler)
        assert [round(each.time) for each in deliveries] == [0, 30, 60, 90]
        assert (queue.expired, len(queue)) == (1, 0)

    def test_fifo_group_waits_for_its_failed_message(self):
        """Order within a group: while a message is hidden, nothing of its group is received; other groups go on."""
        queue = LocalQueue("orders.fifo", visibility_timeout=60, content_based_deduplication=True)
        for body, group in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
            queue.send(body, group=group)
        handler = Recorder(failing("a1"), None)
        queue.deliver(handler, batch_size=2, report_batch_item_failures=True)
        assert handler.bodies == [["a1", "b1"], ["b2"], ["a1", "a2"]]

    def test_fifo_handler_that_goes_on_after_a_failure_breaks_the_order(self):
        """A handler that returns only the failed message has the later ones of its group deleted: the trap of FIFO."""
        queue = LocalQueue("orders.fifo", content_based_deduplication=True)
        for body in ("1", "2", "3"):
            queue.send(body, group="g")
        handler = Recorder(failing("2"), None)
        queue.deliver(handler, report_batch_item_failures=True)
        assert handler.bodies == [["1", "2", "3"], ["2"]], "2 is processed after 3"

    def test_fifo_takes_a_message_once(self):
        """Within five minutes a deduplication id is taken once, also after its message was deleted; then again."""
        queue, handler = LocalQueue("orders.fifo"), Recorder()
        first = queue.send("a", group="g", deduplication_id="1")
        assert queue.send("other words", group="h", deduplication_id="1") == first
        queue.deliver(handler)
        queue.wait(200)
        assert queue.send("a", group="g", deduplication_id="1") == first and len(queue) == 0
        queue.wait(100)
        assert queue.send("a", group="g", deduplication_id="1") != first
        queue.deliver(handler)
        assert (handler.bodies, queue.duplicates, queue.deleted) == ([["a"], ["a"]], 2, 2)

    def test_fifo_by_content(self):
        """By content, the hash of the body alone decides, and an id that is given goes before it."""
        queue, handler = LocalQueue("orders.fifo", content_based_deduplication=True), Recorder()
        queue.send("a", group="g", attributes={"n": "1"})
        queue.send("a", group="g", attributes={"n": "2"})
        queue.send("b", group="g", deduplication_id=hashlib.sha256(b"a").hexdigest())
        queue.send("a", group="g", deduplication_id="another")
        queue.deliver(handler)
        assert handler.bodies == [["a", "a"]] and queue.duplicates == 2

    def test_batches(self):
        """Batches hold at most BatchSize messages and 6 MB."""
        queue, handler = queue_of(*map(str, range(25))), Recorder()
        queue.deliver(handler)
        assert [len(bodies) for bodies in handler.bodies] == [10, 10, 5]
        queue, handler = queue_of(*["x" * 1_000_000] * 8), Recorder()
        queue.deliver(handler)
        assert [len(bodies) for bodies in handler.bodies] == [6, 2]

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_no_message_is_lost(self, data):
        """Whatever a handler answers: each message is deleted, dead-lettered, expired or still there, and none twice."""
        dead = LocalQueue("dead")
        queue = LocalQueue(
            "q", visibility_timeout=10, retention=60, max_receive_count=data.draw(st.integers(1, 4)), dead_letter_queue=dead
        )
        ids = [queue.send(str(number)) for number in range(data.draw(st.integers(0, 25)))]

        def handler(event, context):
            choice = data.draw(st.sampled_from(["ok", "raise", "some", "odd"]))
            if choice == "raise":
                raise ValueError
            listed = [each["messageId"] for each in event["Records"] if data.draw(st.booleans())] if choice == "some" else []
            return {"batchItemFailures": [{"itemIdentifier": each} for each in listed]} if choice != "odd" else [1, 2]

        deliveries = queue.deliver(handler, batch_size=data.draw(st.integers(1, 10)), report_batch_item_failures=True)
        left = [message.id for message in queue.messages + dead.messages]
        done = [each for delivery in deliveries for each in delivery.done]
        assert len(set(done)) == len(done) == queue.deleted
        assert not set(done) & set(left)
        assert len(ids) == queue.deleted + queue.dead_lettered + queue.expired + len(queue)

    @pytest.mark.parametrize(
        "act, words",
        [
            (lambda: LocalQueue("q", visibility_timeout=50_000), "from 0 to 43,200"),
            (lambda: LocalQueue("q", max_receive_count=3), "RedrivePolicy"),
            (
                lambda: LocalQueue("q", max_receive_count=3, dead_letter_queue=LocalQueue("d.fifo")),
                "of a standard queue a standard one",
            ),
            (lambda: LocalQueue("q").send("a", group="1"), "has no groups"),
            (lambda: LocalQueue("q.fifo").send("a"), "needs a group"),
            (lambda: LocalQueue("q.fifo").send("a", group="1"), "content_based_deduplication=True"),
            (lambda: LocalQueue("q").send("a", deduplication_id="1"), "is no FIFO queue"),
            (lambda: LocalQueue("q", content_based_deduplication=True), "is no FIFO queue"),
            (lambda: LocalQueue("q").send("x" * 1_048_577), "at most 1,048,576 bytes"),
            (lambda: LocalQueue("q.fifo").deliver(print, batch_size=11), "from 1 to 10 "),
            (lambda: LocalQueue("q").deliver(LocalLambda("app.echo", HANDLERS, timeout=31)), "AWS rejects such a mapping"),
        ],
    )
    def test_what_aws_rejects(self, act, words):
        """A setting that AWS refuses is refused, with its rule."""
        with pytest.raises(ValueError, match=words):
            act()

    def test_what_is_no_handler(self):
        """A handler that is none is a TypeError."""
        with pytest.raises(TypeError, match="must be a LocalLambda or a function"):
            queue_of("a").deliver("app.handler")


class TestStream:
    def test_order_and_checkpoint(self):
        """A partial failure goes on at the lowest listed record, with everything behind it, before anything later."""
        stream, handler = stream_of(*"abcdefg"), Recorder(failing("c", "d"), None)
        first, second, third = stream.deliver(handler, batch_size=5, report_batch_item_failures=True)
        assert handler.data == [list("abcde"), list("cde"), list("fg")]
        assert [each.outcome for each in (first, second, third)] == ["partial", "success", "success"]

    def test_poison_record_blocks_its_shard(self):
        """With the defaults a poison record is tried for ever and holds up what is behind it."""
        stream, handler = stream_of("poison", "a"), Recorder(ValueError("x"))
        assert len(stream.deliver(handler, batch_size=1, batches=7)) == 7
        assert handler.data == [["poison"]] * 7 and len(stream) == 2

    def test_retries_then_given_up(self):
        """After the retries a batch is given up, and the shard goes on."""
        stream, handler = stream_of("poison", "a"), Recorder(ValueError("x"), ValueError("x"), ValueError("x"), None)
        stream.deliver(handler, batch_size=1, maximum_retry_attempts=2)
        assert handler.data == [["poison"]] * 3 + [["a"]]
        assert [each["requestContext"]["approximateInvokeCount"] for each in stream.given_up] == [3]

    def test_bisect_finds_the_poison(self):
        """After an exception the batch is halved until the poison is alone; splitting uses no retries; the rest arrives."""
        stream, handler = stream_of(*"abcdefgh"), Recorder(lambda event: 1 / 0 if "f" in names(event) else None)

        def names(event):
            return [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]

        deliveries = stream.deliver(handler, bisect_batch_on_function_error=True, maximum_retry_attempts=1)
        assert handler.data == [list("abcdefgh"), list("abcd"), list("efgh"), list("ef"), ["e"], ["f"], ["f"], list("gh")]
        assert [len(each.done) for each in deliveries] == [0, 4, 0, 0, 1, 0, 0, 2]
        (record,) = stream.given_up
        assert record["KinesisBatchInfo"]["batchSize"] == 1 and len(stream) == 0

    def test_bisect_with_a_partial_response(self):
        """A partial response splits the batch at the record returned; only the rest is tried again, at no retry's cost."""
        stream, handler = stream_of(*"abcd"), Recorder(failing("b"), failing("c"), None)
        both = {"bisect_batch_on_function_error": True, "report_batch_item_failures": True}
        stream.deliver(handler, maximum_retry_attempts=0, **both)
        assert handler.data == [list("abcd"), list("bcd"), list("cd")] and not stream.given_up

    def test_without_bisect_a_partial_response_costs_a_retry(self):
        """Without bisect the rest is tried again as a retry, and given up with them."""
        stream, handler = stream_of(*"abcd"), Recorder(failing("b"))
        stream.deliver(handler, maximum_retry_attempts=1, report_batch_item_failures=True)
        assert handler.data == [list("abcd"), list("bcd")]
        (record,) = stream.given_up
        assert record["KinesisBatchInfo"]["batchSize"] == 3 and "functionError" not in record["responseContext"]

    def test_old_records_are_given_up(self):
        """A record older than MaximumRecordAgeInSeconds is given up without being tried."""
        stream, handler = stream_of("old"), Recorder()
        stream.wait(100)
        stream.put("new")
        stream.deliver(handler, maximum_record_age=60)
        assert handler.data == [["new"]]
        assert [each["requestContext"]["condition"] for each in stream.given_up] == ["RecordAgeExceeded"]

    def test_shards_are_chosen_by_the_keys_hash(self):
        """Keys are spread by their MD5; what has one key stays in order in one shard; a poison blocks no other shard."""
        stream = LocalStream("clicks", shards=4)
        for number in range(40):
            stream.put(str(number), key=f"user-{number % 10}")
        for shard in stream.shards:
            for record in shard.records:
                key = record.event["kinesis"]["partitionKey"]
                assert stream.shards[int(hashlib.md5(key.encode()).hexdigest()[0], 16) // 4] is shard
        seen = {}
        for event in [delivery.event for delivery in stream.deliver(Recorder())]:
            for record in event["Records"]:
                seen.setdefault(record["kinesis"]["partitionKey"], []).append(int(base64.b64decode(record["kinesis"]["data"])))
        assert len(seen) == 10 and all(values == sorted(values) and len(values) == 4 for values in seen.values())

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_no_record_is_lost(self, data):
        """Whatever a handler answers: each record is done once, given up or still there; a shard is never overtaken."""
        stream = stream_of(*map(str, range(data.draw(st.integers(0, 12)))))
        started: list[int] = []

        def handler(event, context):
            numbers = [int(base64.b64decode(record["kinesis"]["data"])) for record in event["Records"]]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert not started or numbers[0] <= max(started) + 1
            started.extend(numbers)
            choice = data.draw(st.sampled_from(["ok", "raise", "some"]))
            if choice == "raise":
                raise ValueError
            some = [
                record["kinesis"]["sequenceNumber"]
                for record in event["Records"]
                if choice == "some" and data.draw(st.booleans())
            ]
            return {"batchItemFailures": [{"itemIdentifier": each} for each in some]}

        deliveries = stream.deliver(
            handler,
            batch_size=data.draw(st.integers(1, 5)),
            report_batch_item_failures=data.draw(st.booleans()),
            bisect_batch_on_function_error=data.draw(st.booleans()),
            maximum_retry_attempts=data.draw(st.integers(-1, 2)),
            batches=30,
        )
        done = [each for delivery in deliveries for each in delivery.done]
        assert len(set(done)) == len(done)
        given_up = sum(each["KinesisBatchInfo"]["batchSize"] for each in stream.given_up)
        assert len(done) + given_up + len(stream) == stream._count

    def test_what_aws_rejects(self):
        """Settings outside AWS's ranges are refused; a table's stream takes changes, another one data."""
        for wrong, words in (
            ({"batch_size": 10_001}, "from 1 to 10,000"),
            ({"maximum_retry_attempts": -2}, "MaximumRetryAttempts"),
            ({"maximum_record_age": 700_000}, "604,800"),
        ):
            with pytest.raises(ValueError, match=words):
                LocalStream().deliver(print, **wrong)
        with pytest.raises(TypeError, match="use change"):
            LocalStream.of_table().put("a")
        with pytest.raises(TypeError, match="use put"):
            LocalStream().change({})
        with pytest.raises(ValueError, match="new image"):
            LocalStream.of_table().change({})


class Summing:
    """A handler that adds up what its records hold, in the state of a window; fails in the calls that are named."""

    def __init__(self, *failing):
        self.events, self.failing = [], failing

    def __call__(self, event, context):
        self.events.append(event)
        if len(self.events) in self.failing:
            raise ValueError
        numbers = [int(base64.b64decode(record["kinesis"]["data"])) for record in event["Records"]]
        return {"state": {"sum": event["state"].get("sum", 0) + sum(numbers)}, "batchItemFailures": []}

    @property
    def seen(self):
        return [
            (
                len(event["Records"]),
                event["state"].get("sum", 0),
                event["isFinalInvokeForWindow"],
                event["isWindowTerminatedEarly"],
            )
            for event in self.events
        ]


class TestTumblingWindow:
    """Windows of a minute; the stream's clock begins at the start of one."""

    @pytest.fixture
    def stream(self):
        stream = LocalStream("lambda-stream")
        stream.now = stream._began = 1_607_497_440.0  # 2020-12-09T07:04:00Z, as in AWS's example
        return stream

    def test_shape(self, stream):
        """AWS's example, field by field: window, state, shard, stream and the two flags beside the records."""
        stream.put("1")
        handler = Summing()
        stream.deliver(handler, tumbling_window=120)
        (event,) = handler.events
        assert {name: value for name, value in event.items() if name != "Records"} == {
            "window": {"start": "2020-12-09T07:04:00Z", "end": "2020-12-09T07:06:00Z"},
            "state": {},
            "shardId": "shardId-000000000000",
            "eventSourceARN": stream.arn,
            "isFinalInvokeForWindow": False,
            "isWindowTerminatedEarly": False,
        }

    def test_state_goes_through_a_window(self, stream):
        """A batch lies in one window; each has the state so far; a later record closes it, and the next begins with none."""
        for number in (1, 2, 3):
            stream.put(str(number))
        stream.wait(60)
        stream.put("10")
        handler = Summing()
        stream.deliver(handler, batch_size=2, tumbling_window=60)
        assert handler.seen == [(2, 0, False, False), (1, 3, False, False), (0, 6, True, False), (1, 0, False, False)]
        assert len(stream) == 0

    def test_a_window_closes_after_its_time(self, stream):
        """Without a later record a window is over two minutes after its end, not before; the state is handed over once."""
        stream.put("5")
        handler = Summing()
        stream.deliver(handler, tumbling_window=60)
        for seconds in (150, 60, 60):
            stream.wait(seconds)
            stream.deliver(handler, tumbling_window=60)
        assert handler.seen == [(1, 0, False, False), (0, 5, True, False)]

    def test_a_closing_invocation_that_fails_holds_up_the_shard(self, stream):
        """It is tried again, with the same state, before anything behind it."""
        stream.put("5")
        stream.wait(60)
        stream.put("7")
        handler = Summing(2, 3)
        outcomes = [each.outcome for each in stream.deliver(handler, tumbling_window=60, maximum_retry_attempts=0)]
        assert handler.seen == [(1, 0, False, False), *[(0, 5, True, False)] * 3, (1, 0, False, False)]
        assert outcomes == ["success", "failure", "failure", "success", "success"] and not stream.given_up

    def test_a_failed_batch_leaves_the_state(self, stream):
        """What is tried again begins with the state from before."""
        stream.put("5")
        stream.put("6")
        handler = Summing(2)
        stream.deliver(handler, batch_size=1, tumbling_window=60)
        assert handler.seen == [(1, 0, False, False), (1, 5, False, False), (1, 5, False, False)]

    def test_no_state_is_a_failure(self, stream):
        """A response without a state makes the invocation fail, and its records come again."""
        stream.put("5")
        handler = Recorder({"batchItemFailures": []}, {"state": {}})
        first, second = stream.deliver(handler, tumbling_window=60)
        assert (first.outcome, second.outcome) == ("failure", "success") and "no state" in first.error

    def test_too_much_state_ends_a_window_early(self, stream):
        """Above 1 MB the window is ended early; the rest of its records begin with a new state."""
        stream.put("5")
        stream.put("6")
        handler = Recorder({"state": {"all": "x" * 1024**2}}, {"state": {}})
        stream.deliver(handler, batch_size=1, tumbling_window=60)
        flags = [(len(each["Records"]), bool(each["state"]), each["isWindowTerminatedEarly"]) for each in handler.events]
        assert flags == [(1, False, False), (0, True, True), (1, False, False)]
        assert handler.events[0]["window"] == handler.events[2]["window"]

    def test_what_aws_rejects(self, stream):
        """A window is 0 to 900 s long."""
        with pytest.raises(ValueError, match="TumblingWindowInSeconds"):
            stream.deliver(print, tumbling_window=901)


class TestPowertools:
    """AWS Lambda Powertools' BatchProcessor, unchanged, in a real environment."""

    def test_queue(self):
        """The poison goes to the dead-letter queue, the others are deleted."""
        dead = LocalQueue("dead")
        queue = queue_of("a", "poison", "b", max_receive_count=2, dead_letter_queue=dead)
        with LocalLambda("app.batch", HANDLERS, timeout=20) as local:
            outcomes = [each.outcome for each in queue.deliver(local, report_batch_item_failures=True)]
        assert outcomes == ["partial", "failure"], "of a batch that fails whole, Powertools raises"
        assert (queue.deleted, [message.body for message in dead.messages]) == (2, ["poison"])

    def test_stream(self):
        """The record before the poison is done; the poison is given up after its retries; what is behind it arrives."""
        stream = stream_of("a", "poison", "b")
        with LocalLambda("app.batch", HANDLERS, timeout=20) as local:
            deliveries = stream.deliver(
                local, report_batch_item_failures=True, bisect_batch_on_function_error=True, maximum_retry_attempts=1
            )
        assert (
            len({each for delivery in deliveries for each in delivery.done})
            + sum(each["KinesisBatchInfo"]["batchSize"] for each in stream.given_up)
            == 3
        )
        assert deliveries[0].outcome == "partial" and len(deliveries[0].done) == 1


def test_throttled_deliveries_count_as_receives():
    """A function that is throttled has not run, and yet the message counts as received: it may be dead-lettered unseen."""
    dead = LocalQueue("dead")
    queue = queue_of("a", max_receive_count=2, dead_letter_queue=dead)
    with LocalLambda("app.echo", HANDLERS, reserved_concurrency=0) as local:
        assert [each.outcome for each in queue.deliver(local)] == ["throttled", "throttled"]
        assert len(dead) == 1
        stream = stream_of("a")
        assert [each.outcome for each in stream.deliver(local, maximum_retry_attempts=0, batches=3)] == ["throttled"] * 3
        assert not stream.given_up, "throttles are no retries"


def test_handler_that_mutates_its_event_changes_nothing():
    """What a handler does to its event stays with it; an answer that is no JSON is a failure."""
    queue = queue_of("a")

    def vandal(event, context):
        event["Records"].clear()
        return {1, 2}

    first = queue.deliver(vandal, batches=1)[0]
    assert first.outcome == "failure" and first.error.startswith("TypeError")
    assert len(first.event["Records"]) == 1
