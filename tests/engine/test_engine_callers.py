"""Asynchronous events and callers that try again: what AWS documents, case by case, and what can be worked out beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from engine_scenarios import mixed_scenarios, same_every_time
from hypothesis import given

from lambdacourse import (
    Account,
    Async,
    ColdStart,
    Downstream,
    Function,
    Retry,
    Sync,
    exponential,
    fact,
    poisson,
    simulate,
    spike,
    trace,
)
from lambdacourse.engine import draws
from lambdacourse.engine.draws import FAILURE, JITTER, draw_key, uniform
from lambdacourse.engine.history import RESERVED_CONCURRENCY

QUICK = ColdStart(init=0)
ONE = Account(concurrency_limit=1, unreserved_minimum=0, rps_per_concurrency=None)


def attempts_at(function, *triggers, seconds=20_000.0, account=Account()):  # noqa: B008 - frozen
    """When the function was tried, and the run."""
    run = simulate(*triggers, account=account, seconds=seconds, record=True)
    return run[function.name].requests.time.round(6).tolist(), run[function.name]


# Asynchronous events


@pytest.mark.parametrize(("retries", "times"), [(2, [5, 66, 187]), (1, [5, 66]), (0, [5])])
def test_a_failing_event_is_tried_again_after_one_and_two_minutes(retries, times):
    """A function error is tried again a minute after it, and two minutes after the next one; then the event is given up."""
    failing = Function("failing", duration=1, error_rate=1, cold_start=QUICK)
    times_tried, result = attempts_at(failing, Async(failing, trace([5]), maximum_retry_attempts=retries), seconds=1_000)
    assert times_tried == times
    assert (result.events.dropped, result.events.delivered, result.events.succeeded, result.events.pending) == (1, 0, 0, 0)
    assert result.errors == result.invocations == retries + 1


def test_a_destination_receives_what_is_given_up():
    """With a destination for failures, or a dead-letter queue, no event is lost; CloudWatch counts it as dropped all the same."""
    failing = Function("failing", duration=1, error_rate=1)
    run = simulate(Async(failing, poisson(1), on_failure="failures"), seconds=600)
    events = run["failing"].events
    assert events.dropped == 0 and events.delivered > 300
    assert events.received == events.delivered + events.pending
    assert run.metrics()["failing", "AsyncEventsDropped", "Sum"].sum() == events.delivered


def test_a_throttled_event_backs_off():
    """It waits 1, 2, 4 … 256 and then 300 seconds between its tries; throttles cost it none of its retries."""
    busy = Function("busy", duration=1_000, cold_start=QUICK, reserved_concurrency=1)
    times, result = attempts_at(busy, Async(busy, trace([0.0, 0.5])), seconds=3_000)
    waits = np.diff(times[1:])
    assert waits.tolist() == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert result.events.succeeded == 2  # the second runs from 1,111.5 s on
    assert result.throttles == 11 and result.invocations == 2


def test_a_throttled_event_is_given_up_at_its_maximum_age():
    """An event that never gets an environment is kept for six hours, or as long as is set, and tried 80 times."""
    blocked = Function("blocked", duration=900, cold_start=QUICK, reserved_concurrency=1)
    hold = [Sync(blocked, trace(np.arange(0, 30_000, 900.0)))]
    times, result = attempts_at(blocked, *hold, Async(blocked, trace([0.5])), seconds=30_000)
    assert result.events.dropped == 1
    assert result.events.oldest is not None
    tried = [time for time in times if time % 900]
    assert len(tried) == fact("async_backoff_retries").value + 1
    assert tried[-1] <= 0.5 + fact("async_event_age").value
    _, result = attempts_at(blocked, *hold, Async(blocked, trace([0.5]), maximum_event_age=60), seconds=100)
    assert result.events.dropped == 1 and result.throttles == 6  # at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s; the next were at 63.5


def test_the_maximum_age_cuts_retries_after_errors_short():
    """An event of 60 seconds that runs for one and fails is too old for its first retry."""
    failing = Function("failing", duration=1, error_rate=1, cold_start=QUICK)
    times, result = attempts_at(failing, Async(failing, trace([5]), maximum_event_age=60), seconds=100)
    assert times == [5] and result.events.dropped == 1


def test_reserved_zero_gives_events_up_at_once():
    """Recorded on AWS: with reserved concurrency 0 an event goes to the destination at once, without a try; a call gets a throttle."""
    off = Function("off", duration=1, reserved_concurrency=0)
    result = simulate(Async(off, trace([1, 2]), on_failure="failures"), Sync(off, trace([3])), seconds=10)["off"]
    assert (result.events.delivered, result.events.pending) == (2, 0)
    assert result.throttles == result.callers.throttled == 1 and result.invocations == 0


def test_reserved_one_keeps_the_second_event():
    """Recorded on AWS: with reserved concurrency 1, busy with an event, a second one waits and runs later; a call is throttled."""
    single = Function("single", duration=10, reserved_concurrency=1, cold_start=QUICK)
    triggers = Async(single, trace([0, 1])), Sync(single, trace([2]))
    result = simulate(*triggers, seconds=60, record=True)["single"]
    assert result.events.succeeded == 2 and result.callers.throttled == 1
    assert result.throttles_by_reason.keys() == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert RESERVED_CONCURRENCY in simulate(*triggers, seconds=60, record=True).tally.requests.outcome


def test_age_of_events():
    """AsyncEventAge runs from an event's arrival to its invocation: 0 at once, 61 and 182 s at the retries of a 1-second call."""
    failing = Function("failing", duration=1, error_rate=1, cold_start=QUICK)
    run = simulate(Async(failing, trace([5])), seconds=300)
    assert run["failing"].events.oldest == 182
    assert run["failing"].events.mean_age == pytest.approx((0 + 61 + 182) / 3)
    ages = run.metrics()["failing", "AsyncEventAge", "Maximum"].dropna()
    assert ages.tolist() == [0, 61_000, 182_000]


def test_attempts_of_random_errors():
    """With errors by chance, each try fails independently: 1 + p + p² tries, and p³ of the events given up."""
    share = 0.4
    function = Function("api", duration=0.1, error_rate=share, cold_start=QUICK)
    events = simulate(Async(function, spike(0, 400, 0, 50)), account=Account(concurrency_limit=None), seconds=600, seed=5)
    result = events["api"]
    count = result.events.received
    assert result.events.pending == 0
    assert result.invocations / count == pytest.approx(1 + share + share**2, abs=4 * 0.7 / np.sqrt(count))
    assert result.events.dropped / count == pytest.approx(share**3, abs=4 * np.sqrt(share**3 / count))


# Callers that try again


def test_without_retries_a_request_is_one_attempt():
    """Callers who do not try again see the outcome of their one attempt."""
    api = Function("api", duration=exponential(1), error_rate=0.1)
    result = simulate(Sync(api, poisson(20)), account=replace(ONE, concurrency_limit=10), seconds=100)["api"]
    callers = result.callers
    assert (callers.requests, callers.retries, callers.pending) == (result.arrivals, 0, 0)
    assert callers.succeeded == result.invocations - result.errors
    assert (callers.failed, callers.throttled) == (result.errors, result.throttles)


def test_an_sdk_tries_three_times():
    """By default a request that is always throttled is sent three times, and then the caller sees the throttle."""
    off = Function("off", duration=1, reserved_concurrency=0)
    result = simulate(Sync(off, trace([1] * 10), retry=Retry()), seconds=100)["off"]
    assert result.throttles == result.callers.attempts == 3 * 10
    assert (result.callers.requests, result.callers.throttled, result.callers.pending) == (10, 10, 0)
    assert result.callers.attempts_per_request == 3


def test_waits_before_retries():
    """Without jitter a throttled caller waits 1, 2, 4, 8, 16 and then 20 seconds; with it, a share of that which differs."""
    off = Function("off", duration=1, reserved_concurrency=0)
    times, _ = attempts_at(off, Sync(off, trace([0]), retry=Retry(8, jitter=False, quota=None)), seconds=200)
    assert np.diff(times).tolist() == [1, 2, 4, 8, 16, 20, 20]
    run = simulate(Sync(off, trace([0] * 4_000), retry=Retry(2, quota=None)), seconds=10, record=True)
    requests = run["off"].requests
    waits = requests.time[requests.attempt == 1].to_numpy()
    assert waits.min() >= 0 and waits.max() <= 1
    assert waits.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 4_000))


def test_function_errors_are_not_tried_again():
    """An SDK gets a function error with status 200 and takes it for an answer, unless told otherwise."""
    failing = Function("failing", duration=0.1, error_rate=1)
    once = simulate(Sync(failing, trace([1, 2]), retry=Retry()), seconds=20)["failing"].callers
    thrice = simulate(Sync(failing, trace([1, 2]), retry=Retry(on_errors=True)), seconds=20)["failing"].callers
    assert (once.attempts, once.failed) == (2, 2)
    assert (thrice.attempts, thrice.failed) == (6, 2)


def test_the_retry_quota_runs_dry():
    """A client has 500 tokens and pays 5 for each retry after a throttle: it makes 100, and then none, until something succeeds."""
    off = Function("off", duration=1, reserved_concurrency=0)
    per_client = fact("sdk_retry_tokens").value // fact("sdk_retry_cost_throttle").value
    many = trace(np.linspace(0, 50, 1_000))
    for clients in (1, 4):
        callers = simulate(Sync(off, many, retry=Retry(clients=clients)), seconds=100)["off"].callers
        assert callers.retries == per_client * clients
    assert simulate(Sync(off, many, retry=Retry(quota=None)), seconds=100)["off"].callers.retries == 2 * 1_000


def test_success_fills_the_quota():
    """A request that succeeds at once brings 1 token; a retry that succeeds brings back what it cost."""
    # Every two seconds two at once: one runs, the other is throttled and runs a second later.
    busy = Function("busy", duration=0.5, cold_start=QUICK, reserved_concurrency=1)
    retry = Retry(2, jitter=False, quota=5)
    pairs = trace(np.repeat(np.arange(0, 40, 2.0), 2))
    callers = simulate(Sync(busy, pairs, retry=retry), seconds=60)["busy"].callers
    assert callers.succeeded == 40 and callers.retries == 20
    empty = simulate(Sync(busy, pairs, retry=replace(retry, quota=4)), seconds=60)["busy"].callers
    assert empty.retries == 0 and empty.throttled == 20


def test_a_retry_storm():
    """While a function is overloaded, callers without a quota multiply its traffic; a quota keeps most of them out."""
    api = Function("api", duration=1, reserved_concurrency=20, cold_start=QUICK)
    surge = spike(15, 60, 20, 100)

    def extra(retry):
        return simulate(Sync(api, surge, retry=retry), seconds=150, seed=1)["api"].callers.attempts_per_request

    naive = extra(Retry(10, quota=None, throttle_base_delay=0.1))
    assert naive > 3 > 1.5 > extra(Retry())
    assert extra(None) == 1


def test_latency_of_callers_includes_their_waits():
    """What a caller waits for is the first attempt, the waits between and the answer."""
    busy = Function("busy", duration=0.5, cold_start=QUICK, reserved_concurrency=1)
    callers = simulate(Sync(busy, trace([0, 0]), retry=Retry(jitter=False)), seconds=10)["busy"].callers
    assert callers.latency(0.5) == pytest.approx(0.5, rel=0.01)
    assert callers.latency(1.0) == pytest.approx(1.5, rel=0.01)


# What stands behind the function


def test_a_full_downstream_refuses():
    """The calls beyond a downstream's limit fail at once; those within it are not touched."""
    database = Downstream("db", 2, error_after=0.1)
    api = Function("api", duration=1, cold_start=QUICK, downstream=database)
    result = simulate(Sync(api, trace([0.0] * 5)), seconds=10, record=True)["api"]
    assert result.downstream_errors == result.errors == 3
    assert sorted(result.requests.duration) == [0.1, 0.1, 0.1, 1, 1]


def test_functions_share_a_downstream():
    """The limit holds for all functions that use it together."""
    database = Downstream("db", 1)
    one, other = (Function(name, duration=1, cold_start=QUICK, downstream=database) for name in ("one", "other"))
    run = simulate(Sync(one, trace([0, 5])), Sync(other, trace([0.5, 7])), seconds=10)
    assert (run["one"].downstream_errors, run["other"].downstream_errors) == (0, 1)


def test_waiting_for_a_downstream_is_duration():
    """Callers are served in the order of their invocation, and the wait lengthens the duration, up to the timeout."""
    database = Downstream("db", 1, "wait")
    api = Function("api", duration=1, cold_start=QUICK, downstream=database)
    result = simulate(Sync(api, trace([0, 0, 0.5])), seconds=10, record=True)["api"]
    assert result.requests.duration.tolist() == [1, 2, 2.5]
    assert result.longest_downstream_wait == 1.5 and result.mean_downstream_wait == pytest.approx((0 + 1 + 1.5) / 3)
    short = replace(api, timeout=1.5)
    result = simulate(Sync(short, trace([0, 0, 0, 3])), seconds=10, record=True)["api"]
    assert result.requests.outcome.tolist() == ["ok", "timeout", "timeout", "ok"]
    # The second gave up in the midst of its call, at 1.5 s; the third had its turn never.
    assert result.requests.duration.tolist() == [1, 1.5, 1.5, 1]


def test_a_timed_out_call_gives_its_connection_back():
    """A call cut short by its timeout holds its connection no longer; one that gave up waiting never held one."""
    api = Function("api", duration=1, timeout=1.5, cold_start=QUICK, downstream=Downstream("db", 1, "wait"))
    result = simulate(Sync(api, trace([0, 0, 1.6])), seconds=10, record=True)["api"]
    assert result.requests.duration.round(6).tolist() == [1, 1.5, 1]
    slow = replace(api, duration=10, timeout=None)
    quick = Function("quick", duration=1, timeout=2, cold_start=QUICK, downstream=slow.downstream)
    run = simulate(Sync(slow, trace([0, 5])), Sync(quick, trace([1])), seconds=60, record=True)
    assert run["quick"].timeouts == 1
    assert run["api"].requests.duration.tolist() == [10, 15]


def erlang_c(servers, load):
    """The probability of having to wait."""
    blocking = 1.0
    for each in range(1, servers + 1):
        blocking = load * blocking / (each + load * blocking)
    return servers * blocking / (servers - load * (1 - blocking))


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (10, 8.0), (50, 45.0)])
def test_erlang_c_behind_a_function(servers, load):
    """Calls that wait for a downstream are an M/M/c queue: how many wait, and how long, is known."""
    api = Function("api", duration=exponential(1), cold_start=QUICK, downstream=Downstream("db", servers, "wait"))
    account = Account(concurrency_limit=None, scaling_rate=None)
    waits, shares = [], []
    for seed in range(8):
        run = simulate(
            Sync(api, poisson(load)), account=account, seconds=20_000 / servers**0.5, warm_up=100, seed=seed, record=True
        )
        waited = run.tally.requests.waited
        waits.append(run["api"].mean_downstream_wait)
        shares.append((waited > 0).mean())
    for values, theory in ((shares, erlang_c(servers, load)), (waits, erlang_c(servers, load) / (servers - load))):
        assert np.mean(values) == pytest.approx(theory, abs=5 * np.std(values, ddof=1) / np.sqrt(len(values)))


# What must always hold


@given(mixed_scenarios(rate=10.0, lengths=(10.0, 121.0, 300.5)))
@same_every_time(60)
def test_everything_ends_in_one_state(scenario):
    """Each request and each event is in exactly one final or pending state, and what ended is what was recorded."""
    run = scenario.run(record=True)
    settled = run.tally.history.settlements
    keys = list(zip(settled.flow.tolist(), settled.number.tolist(), strict=True))
    assert len(set(keys)) == len(keys)
    for result in run:
        callers, events = result.callers, result.events
        assert result.arrivals == callers.requests + events.received
        assert callers.pending >= 0 and events.pending >= 0
        assert result.pending == callers.pending + events.pending
        assert result.invocations + result.throttles >= callers.attempts - callers.pending
        if not events.received and not callers.retries and not scenario.warm_up:
            assert callers.succeeded + callers.failed + callers.throttled + callers.pending == callers.requests


def test_numbers_without_order():
    """The numbers drawn later are evenly spread, differ by key, number, attempt and purpose, and are always the same."""
    key = draw_key(1, "api")
    drawn = np.array([uniform(key, number, attempt, FAILURE) for number in range(4_000) for attempt in range(3)])
    assert np.histogram(drawn, 10, (0, 1))[0] == pytest.approx(np.full(10, 1_200), abs=5 * np.sqrt(1_200))
    assert np.unique(drawn).size == drawn.size
    others = uniform(draw_key(2, "api"), 0, 0, FAILURE), uniform(draw_key(1, "b"), 0, 0, FAILURE), uniform(key, 0, 0, JITTER)
    assert len({drawn[0], *others}) == 4
    assert draws._mix(draws.GOLDEN) == 0xE220A8397B1DCDAF  # the first number of SplitMix64 seeded with 0, as published
