"""The local Lambda against AWS's real runtime client: who serves a call, what lives on, what is tried again."""

import json
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_handlers import HANDLERS

from lambdacourse.errors import CourseError
from lambdacourse.facts import fact
from lambdacourse.runtime import LocalLambda
from lambdacourse.runtime.deployment import RESERVED_VARIABLES

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture(scope="module")
def echo():
    with LocalLambda("app.echo", HANDLERS) as local:
        local.invoke()
        yield local


def lasting(**settings):
    """A function that takes as many seconds as its event says."""
    return LocalLambda("app.sleep", HANDLERS, **settings)


def test_first_call_is_cold_and_globals_live_on():
    """The first call initialises an environment; the next ones find it warm, with what its module remembers."""
    with LocalLambda("app.echo", HANDLERS) as local:
        calls = [local.invoke({"n": n}) for n in range(3)]
    assert [each.cold for each in calls] == [True, False, False]
    assert [each.payload["calls"] for each in calls] == [1, 2, 3]
    assert len({each.payload["pid"] for each in calls}) == 1
    assert calls[0].init > 0 and calls[0].latency >= calls[0].init + calls[0].duration
    assert calls[1].init == 0


@settings(max_examples=15, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_events_arrive_unchanged(echo, event):
    """Whatever JSON goes in reaches the handler and comes back, of any script."""
    assert echo.invoke(event).payload["event"] == event


def test_what_a_handler_sees():
    """The environment variables, the context and the path are Lambda's; this machine's own variables stay outside."""
    asked = [
        "function_name",
        "function_version",
        "memory_limit_in_mb",
        "invoked_function_arn",
        "aws_request_id",
        "log_group_name",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        with LocalLambda("app.about", HANDLERS, name="shop", memory_mb=512, timeout=7, environment={"STAGE": "test"}) as local:
            result = local.invoke(asked)
    seen, variables = result.payload, result.payload["environment"]
    assert seen["context"] == {
        "function_name": "shop",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "512",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:shop",
        "aws_request_id": result.request_id,
        "log_group_name": "/aws/lambda/shop",
    }
    assert 6_000 < seen["left"] <= 7_000
    assert variables["STAGE"] == "test" and variables["_HANDLER"] == "app.about"
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert variables["LAMBDA_TASK_ROOT"] == seen["folder"] == seen["path"][0] == str(HANDLERS)
    assert variables["AWS_EXECUTION_ENV"].startswith("AWS_Lambda_python3.")
    assert seen["tmp"] == variables["TMPDIR"] == variables["HOME"]
    assert "AWS_SECRET_ACCESS_KEY" not in variables and "LAMBDACOURSE_HOME" not in variables
    assert set(variables) & RESERVED_VARIABLES <= {name for name in variables if name.startswith(("AWS_", "LAMBDA_", "_"))}


def test_layer_is_found_after_the_code(tmp_path):
    """A layer's modules can be imported; the function's own come first."""
    (tmp_path / "code").mkdir()
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "shared.py").write_text("NAME = 'layer'", encoding="utf-8")
    (tmp_path / "layer" / "both.py").write_text("NAME = 'layer'", encoding="utf-8")
    (tmp_path / "code" / "both.py").write_text("NAME = 'code'", encoding="utf-8")
    source = "import both, shared\n\ndef handler(event, context):\n    return [both.NAME, shared.NAME]\n"
    (tmp_path / "code" / "app.py").write_text(source, encoding="utf-8")
    with LocalLambda("app.handler", tmp_path / "code", layers=[tmp_path / "layer"]) as local:
        assert local.invoke().payload == ["code", "layer"]
    assert not list(tmp_path.rglob("__pycache__")), "the code's folder is left as it was"


def test_one_request_at_a_time():
    """Requests that overlap get an environment each; one that follows finds one."""
    with lasting() as local:
        together = local.invoke_many([0.3, 0.3, 0.3])
        assert len({each.payload for each in together}) == 3 and together.cold_starts == 3 == together.peak_concurrency
        after = local.invoke(0)
        assert not after.cold and after.payload in {each.payload for each in together}
        assert local.environments == 3


def test_most_recently_used_first():
    """Of several idle environments the one that finished last serves next."""
    with lasting() as local:
        first, second = local.invoke_many([0.4, 0.2])
        assert [local.invoke(0).environment for _ in range(3)] == [first.environment] * 3
        assert first.environment != second.environment


def test_throttles_at_the_limit():
    """At the limit a request is turned away at once, with AWS's reason: the account's, or the reservation's."""
    for limits, reason in (
        ({"concurrency_limit": 2}, "ConcurrentInvocationLimitExceeded"),
        ({"reserved_concurrency": 2}, "ReservedFunctionConcurrentInvocationLimitExceeded"),
    ):
        assert reason in fact("throttle_reasons").value
        with lasting(**limits) as local:
            local.prepare(2)
            results = local.invoke_many([0.4] * 5)
        turned = [each for each in results if each.outcome == "throttled"]
        assert len(turned) == 3 == results.throttles
        assert {(each.status, each.reason, each.environment, each.payload) for each in turned} == {(429, reason, -1, None)}
        assert max(each.latency for each in turned) < min(each.latency for each in results if each.outcome == "ok")
    with lasting(reserved_concurrency=0) as local:
        assert local.invoke(0).outcome == "throttled"


def test_nothing_is_lost():
    """200 events through 20 callers: each is answered once, with its own answer, and never more than 20 at once."""
    with LocalLambda("app.dump", HANDLERS, concurrency_limit=20, timeout=60) as local:
        results = local.invoke_many(range(200), callers=20)
    assert sorted(int(each.payload) for each in results) == list(range(200))
    assert results.throttles == results.errors == 0
    assert results.peak_concurrency <= 20
    assert len(results.reports) == 200 and results.reports.cold_starts == results.cold_starts <= 20


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"concurrency_limit": 2}, "FunctionInvocationRateLimitExceeded"),
        ({"reserved_concurrency": 2}, "ReservedFunctionInvocationRateLimitExceeded"),
    ],
)
def test_throttles_above_ten_requests_a_second_for_each_environment(settings, reason):
    """With room for 2 at once, 20 requests are served at once one after the other; then 20 a second; the reason is AWS's."""
    with LocalLambda("app.echo", HANDLERS, **settings) as local:
        local.prepare(1)
        begin = time.monotonic()
        results = [local.invoke(number) for number in range(60)]
        allowed = 20 + 20 * (time.monotonic() - begin)
    assert 20 <= 60 - sum(each.reason == reason for each in results) <= allowed
    assert {each.reason for each in results} == {None, reason} and reason in fact("throttle_reasons").value
    with LocalLambda("app.echo", HANDLERS, **settings, rps_per_concurrency=None) as local:
        assert all(local.invoke(number).status == 200 for number in range(60))


def test_rate_is_kept():
    """Arrivals are spaced by the rate, also when the calls take longer than the gaps."""
    with lasting() as local:
        local.prepare(4)
        results = local.invoke_many([0.3] * 6, rate=10)
    gaps = [after.time - before.time for before, after in pairwise(results)]
    assert min(gaps) > 0.05 and 0.49 < sum(gaps) < 1.5, "not one after the other, which would take 1.5 s"
    assert results.table.columns.tolist() == ["time", "outcome", "reason", "environment", "cold", "init", "duration", "latency"]


def test_provisioned_serve_first_and_then_spill():
    """Provisioned environments are ready before the first call, serve first, say so, and count against the limit."""
    with LocalLambda("app.about", HANDLERS, provisioned_concurrency=1) as local:
        assert local.environments == 1
        result = local.invoke()
        assert not result.cold and result.report.init_ms is None
        assert result.payload["environment"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    with lasting(provisioned_concurrency=2, reserved_concurrency=3, idle_timeout=1) as local:
        results = local.invoke_many([0.4] * 4)
        assert (results.cold_starts, results.throttles) == (1, 1)
        (spilled,) = (each.environment for each in results if each.cold)
        local._idle.sort(key=lambda each: each.number == spilled)  # as if it had finished last
        assert local.invoke(0).environment != spilled
        time.sleep(1.1)
        assert local.environments == 2, "the idle timeout does not end what is provisioned"


def test_what_cannot_be_started_ahead():
    """A handler that cannot be imported is an error when it is provisioned; more than the limit is refused."""
    with pytest.raises(CourseError, match=r"could not be started ahead. Runtime.ImportModuleError"):
        LocalLambda("nothing.handler", HANDLERS, provisioned_concurrency=2).__enter__()
    with lasting(concurrency_limit=2) as local, pytest.raises(ValueError, match="from 1 to 2"):
        local.prepare(3)


def test_idle_environments_end():
    """After the idle timeout the next call starts cold, in another environment."""
    with LocalLambda("app.echo", HANDLERS, idle_timeout=0.2) as local:
        first = local.invoke()
        assert not local.invoke().cold
        time.sleep(0.3)
        assert local.environments == 0 and not list(local._folder.iterdir()), "its /tmp is gone too"
        again = local.invoke()
    assert again.cold and again.environment != first.environment and again.payload["calls"] == 1


def test_frozen_between_calls():
    """A thread of the handler does not run between calls, and goes on in the next."""
    with LocalLambda("app.background", HANDLERS) as local:
        local.invoke("begin")
        before = local.invoke().payload
        time.sleep(0.4)
        assert local.invoke().payload - before < 10, "0.4 s would be 40 ticks"


def test_tmp_survives_warm_calls_and_a_crash():
    """What stands in /tmp is there in the next call, also after the runtime broke down; another environment has its own."""
    with LocalLambda("app.remember", HANDLERS) as local:
        assert [local.invoke(each).payload for each in ("a", "b")] == [None, "a"]
        assert local.invoke("die").function_error
        after = local.invoke("c")
        assert (after.payload, after.cold, after.report.init_ms) == ("die", True, None)
        assert after.duration > after.init > 0, "a suppressed init is part of Duration"
    with LocalLambda("app.remember", HANDLERS) as local:
        assert local.invoke("a").payload is None


def test_logs_are_as_lambda_writes_them():
    """What is printed, logged and written to stdout or stderr stands between START and END, then REPORT."""
    with LocalLambda("app.talk", HANDLERS) as local:
        first, second = local.invoke("äöü"), local.invoke("again")
    lines = first.log.splitlines()
    assert lines[0] == f"START RequestId: {first.request_id} Version: $LATEST"
    assert lines[1] == "printed äöü"
    assert lines[2].startswith("[WARNING]\t") and lines[2].endswith(f"Z\t{first.request_id}\tlogged")
    assert lines[3:5] == ["written", "to stderr"]
    assert lines[5] == f"END RequestId: {first.request_id}"
    assert lines[6].startswith(f"REPORT RequestId: {first.request_id}\tDuration: ") and "Init Duration: " in lines[6]
    assert "printed again" in second.log and "Init Duration" not in second.log


class TestAsynchronous:
    def test_function_errors_are_tried_twice_more(self, tmp_path):
        """A function error is tried again twice, with the same request id; the third try may succeed."""
        event = {"file": str(tmp_path / "tries"), "failures": 2}
        with LocalLambda("app.flaky", HANDLERS, retry_speedup=600) as local:
            begin = time.monotonic()
            queued = local.invoke_async(event)
            assert (queued.status, queued.outcome) == (202, None)
            queued.wait(20)
            took = time.monotonic() - begin
        assert (queued.outcome, queued.record, [each.outcome for each in queued.attempts]) == (
            "Success",
            None,
            ["error", "error", "ok"],
        )
        assert {each.request_id for each in queued.attempts} == {queued.request_id}
        first, second, third = queued.attempts
        assert second.time - first.time - first.latency >= 60 / 600
        assert third.time - second.time - second.latency >= 120 / 600
        assert took >= 180 / 600

    def test_failure_record(self, tmp_path):
        """After the last try a destination gets the record of AWS's shape."""
        given_up = []
        event = {"file": str(tmp_path / "tries"), "failures": 9}
        with LocalLambda("app.flaky", HANDLERS, retry_speedup=6000, on_failure=given_up.append) as local:
            queued = local.invoke_async(event).wait(20)
        (record,) = given_up
        assert record == queued.record
        assert list(record) == [
            "version",
            "timestamp",
            "requestContext",
            "requestPayload",
            "responseContext",
            "responsePayload",
        ]
        assert record["requestContext"] == {
            "requestId": queued.request_id,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:local:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        }
        assert record["requestPayload"] == event
        assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
        assert record["responsePayload"]["errorType"] == "ValueError"
        json.dumps(record)

    def test_throttles_are_tried_until_there_is_room(self):
        """A throttled event waits, and is no function error."""
        with lasting(concurrency_limit=1, retry_speedup=10) as local:
            local.prepare()
            busy = threading.Thread(target=local.invoke, args=(0.5,))
            busy.start()
            time.sleep(0.1)
            queued = local.invoke_async(0).wait(20)
            busy.join()
        assert (queued.outcome, len(queued.attempts)) == ("Success", 1)

    def test_events_grow_too_old(self):
        """After the maximum age an event that is always throttled is given up, without an attempt."""
        with lasting(concurrency_limit=1, retry_speedup=300, maximum_event_age=60) as local:
            local.prepare()
            busy = threading.Thread(target=local.invoke, args=(0.8,))
            busy.start()
            time.sleep(0.1)
            queued = local.invoke_async(0).wait(20)
            busy.join()
        assert (queued.outcome, queued.attempts) == ("EventAgeExceeded", [])
        assert queued.record["requestContext"]["condition"] == "EventAgeExceeded"

    def test_reserved_zero_gives_up_at_once(self):
        """With a reservation of 0 an event goes to the failure destination without a try."""
        with lasting(reserved_concurrency=0, retry_speedup=1) as local:
            assert local.invoke_async(0).wait(5).outcome == "RetriesExhausted"

    def test_no_retries(self):
        """MaximumRetryAttempts 0 is one try."""
        with LocalLambda("app.wrong", HANDLERS, maximum_retry_attempts=0) as local:
            assert len(local.invoke_async(0).wait(10).attempts) == 1


def test_without_the_native_client():
    """AWS's bootstrap runs on our client where the native one is missing: results, errors, logs, timeouts."""
    pure = {"LAMBDACOURSE_PURE_CLIENT": "1"}
    with LocalLambda("app.about", HANDLERS, environment=pure) as local:
        first, second = local.invoke(["aws_request_id"]), local.invoke()
        assert first.payload["context"]["aws_request_id"] == first.request_id and not second.cold
    with LocalLambda("app.wrong", HANDLERS, environment=pure) as local:
        assert local.invoke().payload["errorType"] == "ValueError"
    with LocalLambda("app.response", HANDLERS, environment=pure) as local:
        assert local.invoke("large").payload["errorType"] == "Function.ResponseSizeTooLarge"
        assert len(local.invoke("just").payload) == 6 * 1024**2 - 100
    with LocalLambda("app.loop", HANDLERS, environment=pure, timeout=1) as local:
        assert local.invoke().payload["errorType"] == "Sandbox.Timedout"


class TestArguments:
    @pytest.mark.parametrize(
        "settings, words",
        [
            ({"memory_mb": 64}, r"memory_mb=64: must be a whole number of MB from 128 to 10,240 .*MemorySize"),
            ({"timeout": 0.5}, r"timeout=0.5: must be a number of seconds from 1 to 900"),
            ({"concurrency_limit": 0}, "concurrency_limit=0"),
            ({"reserved_concurrency": 11}, "from 0 to 10, the concurrency_limit"),
            ({"provisioned_concurrency": 3, "reserved_concurrency": 2}, "provisioned_concurrency=3: .* from 0 to 2"),
            ({"idle_timeout": 0}, "AWS does not publish"),
            ({"maximum_retry_attempts": 3}, "from 0 to 2 .*MaximumRetryAttempts"),
            ({"maximum_event_age": 10}, "from 60 to 21,600"),
            ({"retry_speedup": 0}, "retry_speedup=0"),
            ({"environment": {"AWS_REGION": "x"}}, "AWS_REGION is reserved by Lambda"),
            ({"environment": {"1x": "x"}}, "'1x' must begin with a letter"),
            ({"environment": {"BIG": "x" * 5_000}}, "more than 4 KB"),
            ({"layers": ["."] * 6}, "at most 5 layers"),
        ],
    )
    def test_values_that_lambda_rejects(self, settings, words):
        """A value that Lambda would not take is refused, with the rule."""
        with pytest.raises(ValueError, match=words):
            LocalLambda("app.echo", HANDLERS, **settings)

    @pytest.mark.parametrize("settings", [{"handler": 7}, {"environment": {"A1": 1}}, {"on_failure": 5}, {"memory_mb": "512"}])
    def test_values_of_another_kind(self, settings):
        """A value of the wrong kind is a TypeError that shows it."""
        with pytest.raises(TypeError):
            LocalLambda(**{"handler": "app.echo", "code": HANDLERS, **settings})

    def test_folder_that_is_not_there(self, tmp_path):
        """A folder that does not exist is named."""
        with pytest.raises(CourseError, match="no such folder"):
            LocalLambda("app.echo", tmp_path / "nowhere")

    def test_events_that_cannot_be_sent(self):
        """What is no JSON, or more than 6 MB (1 MB asynchronously), is refused before anything starts."""
        with LocalLambda("app.echo", HANDLERS) as local:
            with pytest.raises(TypeError, match="InvalidRequestContentException"):
                local.invoke({1, 2})
            with pytest.raises(ValueError, match="more than 6 MB"):
                local.invoke("x" * 7 * 1024**2)
            with pytest.raises(ValueError, match="more than 1 MB"):
                local.invoke_async("x" * 2 * 1024**2)
            with pytest.raises(ValueError, match="one of rate, times and callers"):
                local.invoke_many([1], rate=1, callers=1)
            assert local.environments == 0
            assert local.invoke_many([]).peak_concurrency == 0

    def test_large_events_arrive(self, echo):
        """An event of exactly 6 MB arrives."""
        event = "x" * (6 * 1024**2 - 2)
        assert echo.invoke(event).payload["event"] == event

    def test_closed(self):
        """A closed one says so; closing twice does no harm."""
        local = LocalLambda("app.echo", HANDLERS)
        local.invoke()
        local.close()
        local.close()
        with pytest.raises(CourseError, match="was closed"):
            local.invoke()

    def test_platforms_without_it(self, monkeypatch):
        """Where it cannot run, it says so and what to do."""
        monkeypatch.setattr("lambdacourse.runtime.local.importlib.util.find_spec", lambda name: None)
        with pytest.raises(CourseError, match="pip install awslambdaric"):
            LocalLambda("app.echo", HANDLERS)
        monkeypatch.setattr("lambdacourse.runtime.local.os.name", "nt")
        with pytest.raises(CourseError, match="WSL"):
            LocalLambda("app.echo", HANDLERS)
