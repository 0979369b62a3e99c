"""A function on this machine: its environments, who serves a call, who is turned away, and what is tried again."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lambdacourse.errors import CourseError
from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.runtime import events
from lambdacourse.runtime.deployment import Deployment
from lambdacourse.runtime.environment import Breakdown, Environment, Request, Served
from lambdacourse.runtime.invocations import AsyncInvocation, Invocation, Invocations
from lambdacourse.runtime.warden import end_marked


class LocalLambda:
    """A function of yours on this machine, under AWS's own runtime client, as Lambda would run it.

    handler, code
        ``"app.handler"`` is the function ``handler`` in ``app.py`` in the folder ``code``.
    memory_mb
        MemorySize in MB. A process that takes more is ended. It does not change the share of a CPU, as it does on Lambda: an
        environment may use the cores of this machine, whatever its memory.
    timeout
        Timeout in seconds.
    environment
        Variables of the function's environment. Nothing else of this machine's environment reaches the handler.
    layers
        Folders with layers, up to 5: what Lambda extracts to ``/opt/python``.
    concurrency_limit
        Environments at the same time. A small number: each is a process of this machine.
    reserved_concurrency
        ReservedConcurrentExecutions: a limit that names itself as the reason of a throttle; 0 throttles everything.
    provisioned_concurrency
        Environments that are started ahead, before the first call, and serve first.
    rps_per_concurrency
        Requests per second for each environment that the function may have; what comes faster is throttled. ``None`` for no
        such limit. As in the simulator, one second's worth may come at once (an assumption).
    idle_timeout
        Assumption, as in the simulator: seconds that an idle environment lives. Looked at when the next call comes.
    maximum_retry_attempts, maximum_event_age, on_failure
        For ``invoke_async``: MaximumRetryAttempts, MaximumEventAgeInSeconds, and what is called with the failure's record.
    retry_speedup
        How much shorter the waits of asynchronous retries are here than AWS's: 60 makes a minute a second.

    Use it in a ``with`` block, or ``close()`` it. Whatever happens to this process, nothing stays behind.

    Not as on Lambda: ``/tmp`` is a folder of the environment's own, which ``tempfile`` finds, but which is not called ``/tmp``;
    memory does not decide about the CPU; there is no scaling rate; the Python is the one that runs the course.
    """

    def __init__(
        self,
        handler: str = "app.handler",
        code: str | Path = ".",
        *,
        name: str = "local",
        memory_mb: int = fact("memory_default_here").value,
        timeout: float = fact("timeout_default").value,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[str | Path] = (),
        concurrency_limit: int = fact("account_concurrency_new_account").value,
        reserved_concurrency: int | None = None,
        provisioned_concurrency: int = 0,
        rps_per_concurrency: float | None = fact("rps_per_concurrency").value,
        idle_timeout: float = fact("idle_timeout").value,
        maximum_retry_attempts: int = fact("async_retries").value,
        maximum_event_age: float = fact("async_event_age").value,
        on_failure: Callable[[dict[str, Any]], object] | None = None,
        retry_speedup: float = 60.0,
        _python_options: tuple[str, ...] = (),
    ) -> None:
        check_platform()
        self._mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.deployment = Deployment(
            name, handler, code, memory_mb, timeout, environment or {}, layers, self._mark, _python_options
        )
        rule = "must be a whole number of 1 or more (environments at the same time)"
        limit = checks.whole("LocalLambda(concurrency_limit", concurrency_limit, rule, least=1)
        if reserved_concurrency is not None:
            rule = f"must be a whole number from 0 to {limit}, the concurrency_limit (ReservedConcurrentExecutions)"
            limit = checks.whole("LocalLambda(reserved_concurrency", reserved_concurrency, rule, least=0, most=limit)
        rule = f"must be a whole number from 0 to {limit}, what the function may have at once (ProvisionedConcurrentExecutions)"
        self._provisioned = checks.whole(
            "LocalLambda(provisioned_concurrency", provisioned_concurrency, rule, least=0, most=limit
        )
        rule = "must be a number of seconds above 0 (an assumption: AWS does not publish how long an idle environment lives)"
        self.idle_timeout = checks.number("LocalLambda(idle_timeout", idle_timeout, rule, above=0)
        low, high = fact("async_retries_range").value
        rule = f"must be a whole number from {low} to {high} (MaximumRetryAttempts)"
        self._retries = checks.whole("LocalLambda(maximum_retry_attempts", maximum_retry_attempts, rule, least=low, most=high)
        low, high = fact("async_event_age_minimum").value, fact("async_event_age").value
        rule = f"must be a number of seconds from {low} to {high:,} (MaximumEventAgeInSeconds)"
        self._event_age = checks.number("LocalLambda(maximum_event_age", maximum_event_age, rule, least=low, most=high)
        rule = "must be a number above 0: how much shorter the waits are than AWS's"
        self._speedup = checks.number("LocalLambda(retry_speedup", retry_speedup, rule, above=0)
        if on_failure is not None and not callable(on_failure):
            raise TypeError(f"LocalLambda(on_failure={on_failure!r}): must be a function that takes the failure's record.")
        self._on_failure = on_failure
        kinds = ("concurrency", "rate") if reserved_concurrency is None else ("reserved", "reserved_rate")
        self._too_many, self._too_fast = (fact(f"throttle_reason_{kind}").value for kind in kinds)
        self._rate = None
        if rps_per_concurrency is not None:
            rule = "must be a number of requests per second above 0, or None for no limit (Lambda's requests-per-second limit)"
            self._rate = limit * checks.number("LocalLambda(rps_per_concurrency", rps_per_concurrency, rule, above=0)
        self.concurrency = limit
        self._on_demand_limit = limit - self._provisioned
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._began = time.monotonic()
        self._folder: Path | None = None
        self._warden: subprocess.Popen[bytes] | None = None
        self._idle: list[Environment] = []  # the most recently used last
        self._busy: set[Environment] = set()
        self._count = 0
        self._tokens, self._counted = math.inf, 0.0  # requests that may come at once, as of when

    def __enter__(self) -> LocalLambda:
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LocalLambda {self.deployment.name!r}: {self.deployment.handler} in {self.deployment.code}>"

    @property
    def environments(self) -> int:
        """How many there are now, idle and busy."""
        with self._lock:
            self._expire()
            return len(self._idle) + len(self._busy)

    # Invoking

    def invoke(self, event: Any = None) -> Invocation:
        """Invoke and wait for the result, as the Invoke API does. A throttle or a failure is a result, not an exception."""
        return self._invoke(self._request(event, fact("sync_payload").value, "Invoke"), time.monotonic())

    def invoke_many(
        self,
        events: Iterable[Any],
        rate: float | None = None,
        *,
        times: Sequence[float] | None = None,
        callers: int | None = None,
    ) -> Invocations:
        """Invoke once for each event.

        rate: requests per second, evenly spaced, whether or not the ones before are done. times: seconds from now, one for each
        event, ascending. callers: instead, so many callers that each wait for their result before the next. With none of them,
        all events come at once.
        """
        requests = [self._request(event, fact("sync_payload").value, "Invoke") for event in events]
        if sum(each is not None for each in (rate, times, callers)) > 1:
            raise ValueError("invoke_many: give one of rate, times and callers.")
        if rate is not None:
            rate = checks.number("invoke_many(rate", rate, "must be a number of requests per second above 0", above=0)
            times = np.arange(len(requests)) / rate
        if times is not None and len(times) != len(requests):
            raise ValueError(f"invoke_many(times): {len(times)} times for {len(requests)} events.")
        if callers is not None:
            callers = checks.whole("invoke_many(callers", callers, "must be a whole number of 1 or more", least=1)
        if not requests:
            return Invocations([])
        self._open()
        workers = min(len(requests), callers or self._provisioned + self._on_demand_limit + 8)
        begin = time.monotonic()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="caller")
        try:
            running = []
            for number, request in enumerate(requests):
                if times is not None:
                    time.sleep(max(begin + float(times[number]) - time.monotonic(), 0.0))
                arrived = None if callers else time.monotonic()
                running.append(pool.submit(self._invoke, request, arrived))
            return Invocations(each.result() for each in running)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._end_all()
            raise
        finally:
            pool.shutdown(wait=True)

    def invoke_async(self, event: Any = None) -> AsyncInvocation:
        """Queue the event and return at once, as ``InvocationType: Event`` does.

        Function errors are tried again after 1 and 2 minutes, throttles for up to ``maximum_event_age`` with growing waits; all
        divided by ``retry_speedup``.
        """
        request = self._request(event, fact("async_payload").value, "InvocationType: Event")
        self._open()
        queued = AsyncInvocation(request.id)
        threading.Thread(target=self._process, args=(queued, request), daemon=True, name="asynchronous event").start()
        return queued

    def prepare(self, count: int = 1) -> list[float]:
        """Start ``count`` environments ahead of any call; gives the seconds that each took to initialise."""
        rule = f"must be a whole number from 1 to {self.concurrency}, what the function may have at once"
        count = checks.whole("prepare(count", count, rule, least=1, most=self.concurrency)
        self._open()
        with self._lock:
            ahead = [self._new() for _ in range(count)]
        return self._prepare(ahead)

    def close(self) -> None:
        """End everything. It can be called twice."""
        self._closing.set()
        self._end_all()
        with self._lock:
            warden, self._warden = self._warden, None
        if warden is not None:
            end_marked(self._mark)
            shutil.rmtree(self._folder, ignore_errors=True)
            with suppress(OSError):
                warden.stdin.write(b"x")
                warden.stdin.close()
            warden.wait()

    # How a call finds its environment

    def _invoke(self, request: Request, arrived: float | None) -> Invocation:
        self._open()
        arrived = time.monotonic() if arrived is None else arrived
        environment = self._take()
        if isinstance(environment, str):
            now = time.monotonic()
            return Invocation(request.id, 429, None, arrived - self._began, now - arrived, reason=environment)
        try:
            served = environment.serve(request)
        except BaseException:  # Ctrl-C in the middle of a call
            self._discard(environment)
            raise
        latency = time.monotonic() - arrived
        self._give_back(environment)
        return _invocation(request, served, environment.number, arrived - self._began, latency)

    def _take(self) -> Environment | str:
        """The idle environment that was used last, a provisioned one before others; else a new one; or why it is throttled."""
        with self._lock:
            self._expire()
            of_kind = [[each for each in self._idle if each.kind == kind] for kind in ("provisioned-concurrency", "on-demand")]
            idle = of_kind[0] or of_kind[1]
            if not idle and sum(each.kind == "on-demand" for each in self._busy) >= self._on_demand_limit:
                return self._too_many
            if not self._is_within_rate():
                return self._too_fast
            if idle:
                self._idle.remove(idle[-1])
            environment = idle[-1] if idle else self._new()
            self._busy.add(environment)
            return environment

    def _is_within_rate(self) -> bool:
        """Take one request out of the bucket that fills at the allowed rate, if there is one. The lock is held."""
        if self._rate is None:
            return True
        now = time.monotonic()
        most = max(self._rate * fact("rps_burst").value, 1.0)
        self._tokens = min(self._tokens + (now - self._counted) * self._rate, most)
        self._counted = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _new(self, kind: str = "on-demand") -> Environment:
        self._count += 1
        return Environment(self.deployment, self._count - 1, self._folder, kind)

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            if environment in self._busy:
                self._busy.remove(environment)
                self._idle.append(environment)
                return
        environment.end()  # closed meanwhile

    def _discard(self, environment: Environment) -> None:
        with self._lock:
            self._busy.discard(environment)
        environment.end()

    def _expire(self) -> None:
        """End the idle environments whose time is over; not the provisioned ones, which are kept. The lock is held."""
        limit = time.monotonic() - self.idle_timeout
        for environment in [each for each in self._idle if each.kind == "on-demand" and each.idle_since < limit]:
            self._idle.remove(environment)
            environment.end()

    # Asynchronous events

    def _process(self, queued: AsyncInvocation, request: Request) -> None:
        try:
            self._try(queued, request)
        finally:
            queued._done.set()

    def _try(self, queued: AsyncInvocation, request: Request) -> None:
        """Try an event until it succeeds or is given up."""
        waits = [fact("async_retry_wait_1").value, fact("async_retry_wait_2").value][: self._retries]
        began, backoff = time.monotonic(), fact("async_backoff_first").value
        condition = "RetriesExhausted"
        while not self._closing.is_set():
            try:
                result = self._invoke(request, time.monotonic())
            except CourseError:  # closed meanwhile
                break
            if result.status != 429:
                queued.attempts.append(result)
                if result.function_error is None:
                    queued.outcome = "Success"
                    break
                if not waits:
                    break
                wait = waits.pop(0)
            elif self._provisioned + self._on_demand_limit == 0:
                break
            else:
                wait, backoff = backoff, min(backoff * fact("async_backoff_factor").value, fact("async_backoff_maximum").value)
            if (time.monotonic() - began) * self._speedup + wait > self._event_age:
                condition = "EventAgeExceeded"
                break
            self._closing.wait(wait / self._speedup)
        if queued.outcome is None and not self._closing.is_set():
            self._give_up(queued, request, condition)

    def _give_up(self, queued: AsyncInvocation, request: Request, condition: str) -> None:
        last = queued.attempts[-1] if queued.attempts else None
        queued.record = events.async_failure(
            request_id=request.id,
            function_arn=self.deployment.arn,
            condition=condition,
            invocations=len(queued.attempts),
            event=json.loads(request.body),
            response=last.payload if last else None,
            error=last.function_error if last else None,
            now=time.time(),
        )
        queued.outcome = condition
        if self._on_failure is not None:
            self._on_failure(queued.record)

    # Beginning and ending

    def _open(self) -> None:
        """Make the folder and the warden, and start what is provisioned; once."""
        with self._lock:
            if self._closing.is_set():
                raise CourseError(f"{self!r} was closed. Make a new one.")
            if self._warden is not None:
                return
            self._folder = Path(tempfile.mkdtemp(prefix="lambdacourse-"))
            script = Path(__file__).with_name("warden.py")
            self._warden = subprocess.Popen(
                [sys.executable, "-I", str(script), self._mark, str(self._folder)],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            ahead = [self._new("provisioned-concurrency") for _ in range(self._provisioned)]
        if ahead:
            try:
                self._prepare(ahead)
            except BaseException:
                self.close()
                raise

    def _prepare(self, ahead: list[Environment]) -> list[float]:
        least = fact("init_timeout_provisioned").value
        limit = min(max(least, self.deployment.timeout), fact("init_timeout_maximum").value)
        try:
            with ThreadPoolExecutor(min(len(ahead), os.cpu_count() or 2)) as pool:
                try:
                    took = list(pool.map(lambda environment: environment.prepare(limit), ahead))
                except BaseException:  # the pool waits for its threads, and they for their environments
                    for environment in ahead:
                        environment.kill()
                    raise
        except BaseException as problem:
            for environment in ahead:
                environment.end()
            if isinstance(problem, Breakdown):
                why = f"{problem.error_type}: {problem.message}"
                raise CourseError(f"An environment could not be started ahead. {why}") from None
            raise
        with self._lock:
            self._idle += ahead
        return took

    def _end_all(self) -> None:
        with self._lock:
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
            self._busy.clear()
        for environment in busy:  # the thread that serves it notices, and ends it
            environment.kill()
        for environment in idle:
            environment.end()

    def _request(self, event: Any, most_mb: int, what: str) -> Request:
        try:
            body = json.dumps(event).encode()
        except (TypeError, ValueError) as problem:
            message = f"{what}: the event cannot be written as JSON ({problem}). Lambda: InvalidRequestContentException."
            raise TypeError(message) from None
        if len(body) > most_mb * 1024**2:
            raise ValueError(
                f"{what}: the event has {len(body):,} bytes, more than {most_mb} MB. Lambda: RequestTooLargeException."
            )
        return Request(str(uuid.uuid4()), body)


def check_platform() -> None:
    """``CourseError`` where a local Lambda cannot run, with what to do."""
    if os.name != "posix":
        raise CourseError(
            "The local Lambda runs on Linux and macOS. On Windows, run the course in WSL; lesson 03 shows a recorded run."
        )
    if importlib.util.find_spec("awslambdaric") is None:
        raise CourseError("The local Lambda needs AWS's runtime client: pip install awslambdaric")


def _invocation(request: Request, served: Served, environment: int, arrived: float, latency: float) -> Invocation:
    return Invocation(
        request_id=request.id,
        status=200,
        payload=_decoded(served.payload),
        time=arrived,
        latency=latency,
        function_error="Unhandled" if served.failed else None,
        environment=environment,
        cold=served.init is not None or served.repeated_init is not None,
        init=served.init or served.repeated_init or 0.0,
        duration=served.duration,
        report=served.report,
        log=served.log,
    )


def _decoded(payload: bytes) -> Any:
    """The payload as data; bytes, which a handler may return, as they are."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload
