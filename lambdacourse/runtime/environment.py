"""One execution environment: a process under AWS's bootstrap, its ``/tmp``, its limits, and the conversation with it.

The thread that serves a call holds the conversation itself: it answers the runtime's pending request with the event and reads
until the runtime asks for the next one. Between calls the process is stopped, as Lambda freezes an environment.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lambdacourse.facts import fact
from lambdacourse.runtime import api, logs, processes
from lambdacourse.runtime.deployment import Deployment
from lambdacourse.runtime.events import REGION
from lambdacourse.runtime.warden import MARK, end_marked

HERE = Path(__file__).parent
TICK = 0.02
"""Seconds between two looks at a running process: is it alive, how much memory, how many processes."""
LOG_LIMIT = 1_048_576
"""Bytes of output kept of one call. The rest is counted."""
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""All that a handler sees of this machine's own environment variables: its AWS keys, for one, stay here."""


@dataclass(frozen=True)
class Request:
    """An event on its way: its id, and its JSON."""

    id: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Served:
    """What became of a request in an environment. Times in seconds.

    init: of a new environment, before the call (``Init Duration``); None in one that was there. repeated_init: of one that had
    broken down, within ``duration``.
    """

    payload: bytes = field(repr=False)
    failed: bool
    report: logs.Report
    log: str = field(repr=False)
    init: float | None
    repeated_init: float | None
    duration: float


class Breakdown(Exception):
    """The environment did not answer. error_type: Lambda's; note: ours, for the log."""

    def __init__(self, error_type: str, message: str, note: str = "") -> None:
        super().__init__(message)
        self.error_type, self.message, self.note = error_type, message, note

    @property
    def status(self) -> str:
        """As REPORT and INIT_REPORT lines have it."""
        return "timeout" if self.error_type == "Sandbox.Timedout" else "error"

    @property
    def reported_type(self) -> str:
        """The error type in such a line; it has none for a timeout."""
        return "" if self.status == "timeout" else self.error_type

    def payload(self, request_id: str) -> bytes:
        """What the caller gets."""
        return json.dumps({"errorType": self.error_type, "errorMessage": f"RequestId: {request_id} {self.message}"}).encode()


class Reported(Breakdown):
    """A breakdown that the runtime itself described, in its last call."""

    def __init__(self, call: api.Call) -> None:
        error_type = call.headers.get("lambda-runtime-function-error-type", "")
        known = error_type if error_type.startswith(("Runtime.", "Function.")) else "Runtime.Unknown"
        super().__init__(known, call.body.decode("utf-8", errors="replace"))

    def payload(self, request_id: str) -> bytes:
        try:
            return json.dumps(json.loads(self.message) | {"requestId": request_id}).encode()
        except (ValueError, TypeError):
            return self.message.encode()


class Environment:
    """One execution environment of ``deployment``. It serves one request at a time."""

    def __init__(self, deployment: Deployment, number: int, folder: Path, kind: str = "on-demand") -> None:
        self.deployment, self.number, self.kind = deployment, number, kind
        self.tmp = folder / f"environment-{number}"
        self.tmp.mkdir()
        self.idle_since = time.monotonic()
        self._new, self._ended = True, False
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: api.Call | None = None
        self._log, self._dropped = bytearray(), 0
        self._memory_mb = 0

    @property
    def mark(self) -> str:
        """What the processes of this environment carry."""
        return f"{self.deployment.mark}/{self.number}/"

    # Its life

    def prepare(self, seconds: float) -> float:
        """Initialise ahead of any call; gives the seconds it took. ``Breakdown`` when it fails."""
        begin = time.monotonic()
        self._initialise(begin + seconds)
        self._new = False
        self._freeze()
        return time.monotonic() - begin

    def serve(self, request: Request) -> Served:
        """Hand over ``request`` and wait for what becomes of it."""
        lines: list[str] = []
        init = self._first_init(lines) if self._new else None
        self._new = False
        begin = time.monotonic()
        deadline = begin + self.deployment.timeout
        repeated, broken = None, None
        try:
            try:
                repeated = self._wake(deadline, lines)
            finally:
                lines.append(logs.start_line(request.id))
            payload, failed = self._call(request, deadline)
        except Breakdown as problem:
            broken = problem
            payload, failed = broken.payload(request.id), True
            self._break_down()
        duration = time.monotonic() - begin
        report = self._report(request.id, duration, init, broken)
        lines += [self._take_log(), broken.note if broken else "", logs.end_line(request.id), report.line]
        self._freeze()
        log = "\n".join(line.rstrip("\n") for line in lines if line) + "\n"
        return Served(payload, failed, report, log, init, repeated, duration)

    def _report(self, request_id: str, duration: float, init: float | None, broken: Breakdown | None) -> logs.Report:
        duration_ms, init_ms = round(1000 * duration, 2), None if init is None else round(1000 * init, 2)
        return logs.Report(
            request_id,
            duration_ms,
            logs.billed(duration_ms, init_ms or 0.0),
            self.deployment.memory_mb,
            self._peak_memory_mb(broken),
            init_ms,
            status=broken.status if broken else "success",
            error_type=broken.reported_type if broken else "",
        )

    def kill(self) -> None:
        """End its processes while another thread is talking with them; none is started again."""
        self._ended = True
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """End its processes and remove its ``/tmp``."""
        self._break_down()
        shutil.rmtree(self.tmp, ignore_errors=True)

    # Initialisation

    def _first_init(self, lines: list[str]) -> float | None:
        """The initialisation of a new environment: its seconds, None when it failed (Lambda repeats it within the call)."""
        begin = time.monotonic()
        try:
            self._initialise(begin + init_limit())
        except Breakdown as broken:
            self._init_failed(broken, "init", begin, lines)
            return None
        lines.append(self._take_log())
        return time.monotonic() - begin

    def _wake(self, deadline: float, lines: list[str]) -> float | None:
        """Go on after the last call; or, broken down since, initialise again within this one: the seconds which that took."""
        self._thaw()
        if self._waiting is not None and self._process.poll() is None:
            return None
        begin = time.monotonic()
        self._break_down()
        try:
            self._initialise(deadline)
        except Breakdown as broken:
            self._init_failed(broken, "invoke", begin, lines)
            raise
        return time.monotonic() - begin

    def _init_failed(self, broken: Breakdown, phase: str, begin: float, lines: list[str]) -> None:
        self._break_down()
        took = 1000 * (time.monotonic() - begin)
        lines += [self._take_log(), logs.init_report_line(took, phase, broken.status, broken.reported_type)]

    def _initialise(self, deadline: float) -> None:
        """Start the process and wait until the runtime asks for its first event."""
        self._start()
        call = self._listen(deadline)
        if call.path == api.INIT_ERROR:
            call.accept()
            raise Reported(call)
        if call.path != api.NEXT:
            raise Breakdown("Runtime.ExitError", f"Error: The runtime began with {call.method} {call.path}")
        self._waiting = call

    def _start(self) -> None:
        if self._ended:
            raise Breakdown("Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        script = str(HERE / "bootstrap.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", *self.deployment.python_options, script],
            cwd=self.deployment.code,
            env=self._variables(self._listener.getsockname()[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._memory_mb = 0

    def _variables(self, port: int) -> dict[str, str]:
        """The environment variables that Lambda sets, those of the function, and what keeps this machine safe."""
        deployment = self.deployment
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        found = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return found | {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **deployment.environment,
            "PYTHONPATH": os.pathsep.join(map(str, [deployment.code, *deployment.layers])),
            "PYTHONDONTWRITEBYTECODE": "1",  # /var/task cannot be written
            "HOME": str(self.tmp),
            "TMPDIR": str(self.tmp),
            "LAMBDA_TASK_ROOT": str(deployment.code),
            "LAMBDA_RUNTIME_DIR": str(HERE),
            "_HANDLER": deployment.handler,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": deployment.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployment.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": self.kind,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{deployment.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{self.number:032x}",
            "LAMBDACOURSE_LIMITS": processes.limits(deployment.memory_mb),
            MARK: self.mark,
        }

    # A call

    def _call(self, request: Request, deadline: float) -> tuple[bytes, bool]:
        """Hand over the event; the payload of the answer, and whether it is an error."""
        attempt = f"{request.id}-{time.monotonic_ns():x}"
        waiting, self._waiting = self._waiting, None
        left = deadline - time.monotonic()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.id,
            "Lambda-Runtime-Invocation-Id": attempt,
            "Lambda-Runtime-Deadline-Ms": str(int(1000 * (time.time() + left))),
            "Lambda-Runtime-Invoked-Function-Arn": self.deployment.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        waiting.reply(200, request.body, headers)
        answer: tuple[bytes, bool] | None = None
        own = f"{api.VERSION}/invocation/{request.id}/"
        try:
            while True:
                call = self._listen(deadline)
                if call.path == api.NEXT and answer is not None:
                    self._waiting = call
                    self._read_log()
                    return answer
                if call.path not in (f"{own}response", f"{own}error") or answer is not None:
                    call.refuse(403, "Forbidden", f"{call.method} {call.path} is not expected now")
                elif call.headers.get("lambda-runtime-invocation-id", attempt) != attempt:
                    call.refuse(400, "InvalidInvocationId", "The invocation id is not that of the active invocation")
                elif call.size > _most():
                    message = f"xceeded maximum allowed payload size ({_most()} bytes)."
                    call.refuse(413, "RequestEntityTooLarge", f"E{message}")
                    error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": f"Response payload size e{message}"}
                    answer = json.dumps(error).encode(), True
                else:
                    call.accept()
                    answer = call.body, call.path.endswith("/error")
        except Breakdown as broken:
            if answer is None or broken.status == "timeout":
                raise
            self._break_down()  # it answered, and then broke: the answer counts, and the next call initialises again
            return answer

    def _listen(self, deadline: float) -> api.Call:
        """The next call of the runtime. ``Breakdown`` when time, memory or the process end before."""
        looked = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= deadline:
                raise Breakdown("Sandbox.Timedout", f"Error: Task timed out after {self.deployment.timeout:.2f} seconds")
            if now - looked >= TICK:
                self._look()
                looked = now
            ready = self._selector.select(min(TICK, deadline - now))
            for key, _ in ready:
                if key.fileobj is self._listener:
                    connection = api.Connection(self._listener.accept()[0], _most())
                    self._selector.register(connection.socket, selectors.EVENT_READ, connection)
                elif key.data is None:
                    self._read_log()
                elif (call := self._receive(key.data)) is not None:
                    return call
            if not ready:
                self._check_alive()

    def _receive(self, connection: api.Connection) -> api.Call | None:
        try:
            return connection.receive()
        except EOFError:
            self._selector.unregister(connection.socket)
            connection.close()
            return None

    def _check_alive(self) -> None:
        code = self._process.poll()
        if code is None:
            return
        if code == 0:
            raise Breakdown("Runtime.ExitError", "Error: Runtime exited without providing a reason")
        how = f"signal: {signal.strsignal(-code).lower()}" if code < 0 else f"exit status {code}"
        raise Breakdown("Runtime.ExitError", f"Error: Runtime exited with error: {how}")

    def _look(self) -> None:
        """Whether the processes keep within their memory and number."""
        family = processes.family(self._process.pid)
        most = processes_limit()
        if len(family) > most:
            note = f"lambdacourse: more than {most:,} processes; Lambda would have refused the next one"
            raise Breakdown("Runtime.ExitError", "Error: Runtime exited with error: signal: killed", note)
        used = sum(map(processes.memory_mb, family))
        self._memory_mb = max(self._memory_mb, used)
        if used > self.deployment.memory_mb:
            raise Breakdown("Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed")

    def _peak_memory_mb(self, broken: Breakdown | None) -> int:
        """``Max Memory Used``: of the process since its start, as far as the system tells."""
        if broken is not None and broken.error_type == "Runtime.OutOfMemory":
            return self.deployment.memory_mb
        if self._process is not None:
            self._memory_mb = max(self._memory_mb, processes.high_water_mb(self._process.pid))
        return min(self._memory_mb, self.deployment.memory_mb)

    # Its output

    def _read_log(self) -> None:
        """Take what was printed; keep the beginning."""
        pipe = self._process.stdout
        for _ in range(64):  # then the conversation gets its turn, however much is printed
            try:
                data = os.read(pipe.fileno(), 65_536)
            except BlockingIOError:
                return
            if not data:
                if pipe.fileno() in self._selector.get_map():
                    self._selector.unregister(pipe)
                return
            room = max(LOG_LIMIT - len(self._log), 0)
            self._log += data[:room]
            self._dropped += max(len(data) - room, 0)

    def _take_log(self) -> str:
        """What was printed since the last time. Lambda's bootstrap separates the lines of an error with carriage returns."""
        text = self._log.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
        if self._dropped:
            text = f"{text.rstrip()}\nlambdacourse: {self._dropped:,} more bytes of output were not kept\n"
        self._log, self._dropped = bytearray(), 0
        return text

    # Stopping it

    def _freeze(self) -> None:
        self.idle_since = time.monotonic()
        self._signal(signal.SIGSTOP)

    def _thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of processes that have ended
                os.killpg(self._process.pid, number)

    def _break_down(self) -> None:
        """End the processes; what stands in ``/tmp`` stays."""
        self._waiting = None
        if self._process is None:
            return
        alone = self._process.poll() is None and len(processes.family(self._process.pid)) == 1
        self._memory_mb = max(self._memory_mb, processes.high_water_mb(self._process.pid))
        self._signal(signal.SIGKILL)
        self._process.wait()
        if not alone:
            end_marked(self.mark)
        self._read_log()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._process.stdout.close()
        self._selector.close()
        self._process = None


def init_limit() -> float:
    """Seconds that the first initialisation of an on-demand environment may take."""
    return fact("init_timeout").value


def processes_limit() -> int:
    """Processes that an environment may have."""
    return fact("processes_maximum").value


def _most() -> int:
    return fact("sync_payload_bytes").value
