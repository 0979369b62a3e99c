"""Handlers for the tests, as they would be deployed."""

import json
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

calls = 0
ticks = 0


def echo(event, context):
    """Give back the event, and how often this environment was called."""
    global calls
    calls += 1
    return {"event": event, "calls": calls, "pid": os.getpid()}


def sleep(event, context):
    time.sleep(event)
    return os.getpid()


def about(event, context):
    """Everything that a handler can know of its surroundings."""
    return {
        "context": {name: getattr(context, name) for name in event} if event else {},
        "left": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
        "path": sys.path,
        "folder": str(Path.cwd()),
        "tmp": tempfile.gettempdir(),
    }


def remember(event, context):
    """Write into /tmp and say what was there."""
    place = Path(tempfile.gettempdir(), "kept")
    before = place.read_text(encoding="utf-8") if place.exists() else None
    place.write_text(str(event), encoding="utf-8")
    if event == "die":
        os._exit(1)
    return before


def talk(event, context):
    print("printed", event)
    logging.getLogger().warning("logged")
    os.write(1, b"written\n")
    print("to stderr", file=sys.stderr)


def background(event, context):
    """A thread that goes on counting after the call."""
    global ticks

    def count():
        global ticks
        while True:
            time.sleep(0.01)
            ticks += 1

    if event == "begin":
        threading.Thread(target=count, daemon=True).start()
    return ticks


def flaky(event, context):
    """Fail as often as the event says, counted in a file: a retry may come to another environment."""
    place = Path(event["file"])
    tries = int(place.read_text(encoding="utf-8")) if place.exists() else 0
    place.write_text(str(tries + 1), encoding="utf-8")
    if tries < event["failures"]:
        raise ValueError(f"attempt {tries + 1}")
    return tries + 1


def wrong(event, context):
    raise ValueError("no such order")


def few():
    return "takes no arguments"


def response(event, context):
    """Responses that cannot be delivered, by name."""
    return {"set": {1, 2}, "large": "x" * (6 * 1024**2 + 200), "bytes": b"\x00\xff", "just": "x" * (6 * 1024**2 - 100)}[event]


def leave(event, context):
    os._exit(event)


def leave_after(event, context):
    """Answer, and break down before asking for the next event."""
    import awslambdaric.lambda_runtime_client as client

    native = client.runtime_client

    class Leaving:
        post_invocation_result = native.post_invocation_result

        def next(self):
            os._exit(3)

    client.runtime_client = Leaving()
    return "answered"


def loop(event, context):
    while True:
        pass


def hog(event, context):
    kept = []
    while True:
        kept.append(b"x" * 10_000_000)


def chatter(event, context):
    """Print without end."""
    line = "x" * 10_000
    while True:
        print(line)


def fork(event, context):
    """Fork as often as it is allowed, or as the event says."""
    for _ in range(event or 1_000_000):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    return "forked"


def abandon(event, context):
    """Leave behind a process that has made itself independent, and say which."""
    read, write = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        child = os.fork()
        if child:
            os.write(write, str(child).encode())
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os.waitpid(first, 0)
    return int(os.read(read, 20))


def batch(event, context):
    """Powertools' batch processor, as its documentation has it."""
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    def one(record):
        if "poison" in (record.body if hasattr(record, "body") else record.kinesis.data_as_text()):
            raise ValueError("poison")

    kind = EventType.SQS if "body" in event["Records"][0] else EventType.KinesisDataStreams
    return process_partial_response(event=event, record_handler=one, processor=BatchProcessor(event_type=kind), context=context)


def dump(event, context):
    return json.dumps(event)
