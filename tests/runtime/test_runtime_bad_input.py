"""Handlers that fail in every way: what Lambda would report; the course stays alive; nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from runtime_handlers import HANDLERS, listening, processes

from lambdacourse.runtime import LocalLambda

pytestmark = pytest.mark.usefixtures("nothing_left")


def deployed(tmp_path, source):
    (tmp_path / "app.py").write_text(source, encoding="utf-8")
    return tmp_path


class TestInitialisation:
    """What fails before the handler can be called: Lambda tries it in the init phase and again within the call."""

    @pytest.mark.parametrize(
        "handler, source, error_type, words",
        [
            ("app.nothing", "x = 1", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
            ("nothing.handler", "x = 1", "Runtime.ImportModuleError", "Unable to import module 'nothing'"),
            ("app.handler", "import no_such_library", "Runtime.ImportModuleError", "No module named 'no_such_library'"),
            (
                "app.handler",
                "def handler(event, context)\n    pass",
                "Runtime.UserCodeSyntaxError",
                "Syntax error in module 'app'",
            ),
            ("handler", "x = 1", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
            ("app.handler", "raise RuntimeError('the database is away')", "RuntimeError", "the database is away"),
            ("app.handler", "import os\nos._exit(7)", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
            ("app.handler", "import os\nos._exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
            (
                "app.handler",
                "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
                "Runtime.ExitError",
                "signal: segmentation fault",
            ),
        ],
    )
    def test_error(self, tmp_path, handler, source, error_type, words):
        """The error's type and message are AWS's; INIT_REPORT stands in the log once for each phase; every call fails so."""
        with LocalLambda(handler, deployed(tmp_path, source)) as local:
            first, second = local.invoke(), local.invoke()
        for result in (first, second):
            assert result.status == 200 and result.function_error == "Unhandled" and result.outcome == "error"
            assert result.payload["errorType"] == error_type and words in result.payload["errorMessage"]
            assert result.report.status == "error" and result.report.init_ms is None
        reported = error_type if error_type.startswith("Runtime.") else "Runtime.Unknown"
        assert first.report.error_type == reported
        assert f"Phase: init\tStatus: error\tError Type: {reported}" in first.log
        assert f"Phase: invoke\tStatus: error\tError Type: {reported}" in first.log
        assert first.log.index("Phase: invoke") < first.log.index("START RequestId") < first.log.index("REPORT RequestId: ")
        assert "Phase: init" not in second.log and "Phase: invoke" in second.log

    def test_too_slow_is_tried_again_within_the_call(self, tmp_path, monkeypatch):
        """An initialisation over the limit is ended and repeated under the function's timeout; its time is in Duration."""
        monkeypatch.setattr("lambdacourse.runtime.environment.init_limit", lambda: 0.5)
        source = "import time\ntime.sleep(0.8)\ndef handler(event, context):\n    return 'ready'"
        with LocalLambda("app.handler", deployed(tmp_path, source), timeout=20) as local:
            result = local.invoke()
            assert result.payload == "ready" and result.cold and result.report.init_ms is None
            assert 0.8 < result.init < result.duration
            assert "INIT_REPORT Init Duration: 5" in result.log and "Phase: init\tStatus: timeout\n" in result.log
            assert not local.invoke().cold
        with LocalLambda("app.handler", tmp_path, timeout=1) as local:
            monkeypatch.setattr("lambdacourse.runtime.environment.init_limit", lambda: 0.1)
            (tmp_path / "app.py").write_text("import time\ntime.sleep(60)", encoding="utf-8")
            result = local.invoke()
        assert result.payload["errorType"] == "Sandbox.Timedout" and result.outcome == "timeout"
        assert "Phase: invoke\tStatus: timeout" in result.log


class TestHandler:
    def test_exception(self):
        """An exception is the payload, with the handler's own stack and no more; the environment lives on."""
        with LocalLambda("app.wrong", HANDLERS) as local:
            first, second = local.invoke(), local.invoke()
        assert {name: first.payload[name] for name in ("errorType", "errorMessage", "requestId")} == {
            "errorType": "ValueError",
            "errorMessage": "no such order",
            "requestId": first.request_id,
        }
        (frame,) = first.payload["stackTrace"]
        assert "app.py" in frame and "in wrong" in frame
        assert "[ERROR] ValueError: no such order\nTraceback (most recent call last):\n" in first.log
        assert (first.outcome, first.report.status, second.cold) == ("error", "success", False)

    def test_wrong_signature(self):
        """A handler that takes no event and context is a TypeError of its own."""
        with LocalLambda("app.few", HANDLERS) as local:
            assert "takes 0 positional arguments but 2 were given" in local.invoke().payload["errorMessage"]

    def test_responses_that_cannot_be_delivered(self):
        """No JSON is a MarshalError; over 6 MB is too large and breaks the runtime; bytes, and just 6 MB, arrive."""
        with LocalLambda("app.response", HANDLERS, timeout=10) as local:
            no_json = local.invoke("set")
            assert no_json.payload["errorType"] == "Runtime.MarshalError"
            assert "Unable to marshal response" in no_json.payload["errorMessage"]
            large = local.invoke("large")
            assert large.payload == {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            }
            after = local.invoke("bytes")
            assert after.payload == b"\x00\xff" and after.cold and after.function_error is None
            assert len(local.invoke("just").payload) == 6 * 1024**2 - 100

    @pytest.mark.parametrize(
        "code, words",
        [(3, "Runtime exited with error: exit status 3"), (0, "Runtime exited without providing a reason")],
    )
    def test_exit(self, code, words):
        """``os._exit`` is an ExitError; the next call initialises again."""
        with LocalLambda("app.leave", HANDLERS) as local:
            first, second = local.invoke(code), local.invoke(code)
        assert first.payload == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {first.request_id} Error: {words}",
        }
        assert (first.report.status, first.report.error_type) == ("error", "Runtime.ExitError")
        assert second.cold and second.environment == first.environment

    def test_exit_after_the_answer(self):
        """An answer that was sent counts, though the runtime breaks down after it; the next call initialises again."""
        with LocalLambda("app.leave_after", HANDLERS) as local:
            first, second = local.invoke(), local.invoke()
        assert first.payload == second.payload == "answered"
        assert first.cold and second.cold and second.environment == first.environment

    def test_infinite_loop(self):
        """A call that does not end is ended at the timeout, and its environment begins anew."""
        with LocalLambda("app.loop", HANDLERS, timeout=1) as local:
            begin = time.monotonic()
            result = local.invoke()
            assert 1 < time.monotonic() - begin - result.init < 5
            assert result.payload == {
                "errorType": "Sandbox.Timedout",
                "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds",
            }
            assert result.outcome == "timeout" and result.log.rstrip().endswith("Status: timeout")
            assert len(processes()) == 1, "only the warden"
            assert 1_000 <= result.report.duration_ms < 5_000

    def test_memory_hog(self):
        """A handler that takes more memory than configured is ended, and says so."""
        with LocalLambda("app.hog", HANDLERS, memory_mb=128, timeout=30) as local:
            result = local.invoke()
        assert "signal: killed" in result.payload["errorMessage"]
        assert (result.payload["errorType"], result.report.error_type) == ("Runtime.OutOfMemory", "Runtime.OutOfMemory")
        assert result.report.max_memory_mb == result.report.memory_mb == 128

    def test_printing_without_end(self):
        """Endless output does not fill this process: the beginning is kept, the rest counted, the timeout holds."""
        with LocalLambda("app.chatter", HANDLERS, timeout=1) as local:
            before = psutil.Process().memory_info().rss
            result = local.invoke()
            grown = psutil.Process().memory_info().rss - before
        assert result.outcome == "timeout" and result.report.duration_ms < 5_000
        assert len(result.log) < 1_100_000 and "more bytes of output were not kept" in result.log
        assert grown < 50_000_000

    def test_fork_bomb(self, monkeypatch):
        """Processes without end are ended, all of them."""
        monkeypatch.setattr("lambdacourse.runtime.environment.processes_limit", lambda: 30)
        with LocalLambda("app.fork", HANDLERS, timeout=20) as local:
            result = local.invoke()
            assert result.function_error and "more than 30 processes" in result.log
            assert len(processes()) == 1, "only the warden"

    def test_children_end_with_the_call_that_broke(self):
        """Processes that a handler started end when its environment is ended."""
        with LocalLambda("app.fork", HANDLERS) as local:
            assert local.invoke(3).payload == "forked"
        with LocalLambda("app.abandon", HANDLERS) as local:
            child = local.invoke().payload
            assert child in processes()
        assert child not in processes()


SCRIPT = """
import os, signal, sys, threading, time
from lambdacourse.runtime import LocalLambda

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with Ctrl-C ignored

local = LocalLambda("app.sleep", sys.argv[1], timeout=60)
local.invoke(0)
threading.Timer(0.5, lambda: print("ready", flush=True)).start()
local.{call}
"""


@pytest.mark.parametrize(
    "call, how",
    [
        ("invoke(50)", signal.SIGINT),
        ("invoke(50)", signal.SIGKILL),
        ("invoke_many([50, 50])", signal.SIGINT),
        ("invoke_async(50).wait(60)", signal.SIGTERM),
    ],
)
def test_nothing_stays_when_the_process_ends(call, how):
    """Ctrl-C, a kernel's restart, a kill: whatever ends the process that holds a local Lambda, its processes and ports end too."""
    script = [sys.executable, "-c", SCRIPT.format(call=call), str(HANDLERS)]
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert process.stdout.readline() == b"ready\n"
        assert len(processes(process.pid)) >= 2
        ports = listening(process.pid)
        assert ports
        os.killpg(process.pid, how)  # as Jupyter and a terminal do: the whole group
        process.wait(20)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    deadline = time.monotonic() + 15
    while processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes(process.pid)
    assert not ports & listening()


@pytest.mark.parametrize(
    ("handler", "call"),
    [
        ("app.sleep", lambda local: local.invoke(50)),
        ("app.sleep", lambda local: local.invoke_many([50, 50])),
        ("slow.handler", lambda local: local.invoke()),
        ("slow.handler", lambda local: local.prepare(2)),
    ],
    ids=["a call", "many calls", "a cold start", "preparing"],
)
def test_it_can_be_interrupted(tmp_path, handler, call):
    """Ctrl-C, in a call or in an initialisation, ends it at once; nothing of it is left, and the local Lambda can be used."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(50)", encoding="utf-8")
    (tmp_path / "app.py").write_text("import time\ndef sleep(event, context):\n    time.sleep(event)", encoding="utf-8")
    with LocalLambda(handler, tmp_path, timeout=60) as local:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            call(local)
        assert time.monotonic() - start < 40, "it waited for the 50 s to be over"
        assert local.environments == 0 and len(processes()) == 1, "only the warden"
        (tmp_path / "slow.py").write_text("def handler(event, context):\n    pass", encoding="utf-8")
        result = local.invoke(0)
        assert result.cold and result.outcome == "ok"


def test_two_do_not_meet():
    """Two local Lambdas side by side keep to themselves; closing one leaves the other alone."""
    with LocalLambda("app.echo", HANDLERS) as one:
        one.invoke()
        with LocalLambda("app.echo", HANDLERS) as other:
            assert other.invoke().cold
        assert not one.invoke().cold
        assert Path(one._folder).exists()
    assert not Path(one._folder).exists()
