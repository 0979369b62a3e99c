"""What must hold in every run, whatever is simulated; and what must stay when one thing is changed."""

import heapq
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from engine_scenarios import (
    assert_same_requests,
    by_reference,
    durations,
    plan_of,
    same_every_time,
    scenarios,
    single_traffics,
    traffics,
)  # fmt: skip
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdacourse import (
    Account,
    ColdStart,
    Function,
    Scenario,
    Sync,
    diurnal,
    exponential,
    lognormal,
    poisson,
    ramp,
    simulate,
    spike,
    steady,
    trace,
)  # fmt: skip
from lambdacourse.engine.history import CONCURRENCY, RESERVED_CONCURRENCY, THROTTLED, TIMED_OUT
from lambdacourse.engine.plan import INSTANT
from lambdacourse.model import traffic as traffic_module

# What must hold in every run


@given(scenarios())
@same_every_time(100)
def test_nothing_is_lost(scenario):
    """Everything that arrived was invoked or throttled, and what arrived is what the traffic sent."""
    run, plan = scenario.run(), plan_of(scenario)
    for row, result in enumerate(run):
        flows = [flow for flow in plan.flows if flow.function == row]
        sent = sum(int((chunk.time >= 0).sum()) for flow in flows for chunk in plan.chunks(flow))
        assert result.arrivals == sent == result.invocations + result.throttles
        assert result.pending == 0
        assert result.errors >= result.timeouts and result.invocations >= max(result.errors, result.cold_starts)


@given(scenarios())
@same_every_time(150)
def test_concurrency_never_exceeds_a_limit(scenario):
    """At no moment, of the warm-up neither, do more run than a limit allows; and only a full pool throttles for concurrency."""
    run = scenario.run(record=True)
    kept, limit = run.tally.requests, scenario.account.concurrency_limit
    reserves = [function.reserved_concurrency for function in run.functions]
    shared = float("inf") if limit is None else limit - sum(reserve or 0 for reserve in reserves)
    busy = [0] * len(reserves)
    running = []
    for row, time, outcome, end in zip(kept.function, kept.time, kept.outcome, kept.started + kept.duration, strict=True):
        while running and running[0][0] <= time + INSTANT:
            busy[heapq.heappop(running)[1]] -= 1
        reserve = reserves[row]
        in_pool = sum(count for count, other in zip(busy, reserves, strict=True) if other is None)
        full = in_pool >= shared if reserve is None else busy[row] >= reserve
        assert (outcome in (CONCURRENCY, RESERVED_CONCURRENCY)) == full
        assert outcome < THROTTLED or not full or outcome == (CONCURRENCY if reserve is None else RESERVED_CONCURRENCY)
        if outcome < THROTTLED:
            busy[row] += 1
            heapq.heappush(running, (end, row))
    for result, reserve in zip(run, reserves, strict=True):
        assert result.peak_concurrency <= (shared if reserve is None else reserve)
        assert result.mean_concurrency <= result.peak_concurrency + 1e-9
        assert result.mean_concurrency <= result.mean_environments + 1e-9
        assert result.mean_environments <= result.peak_environments + 1e-9
    assert limit is None or run.metrics(run.tally.bin_seconds)["account", "ConcurrentExecutions", "Maximum"].max() <= limit


def most_in_excess(times, rate):
    """The most by which events at ``times`` exceed ``rate`` times the length of a window, over all windows."""
    surplus = np.arange(len(times)) - rate * times
    return float((surplus + 1 - np.minimum.accumulate(surplus)).max(initial=0.0))


@given(scenarios())
@same_every_time(100)
def test_rates_never_exceed_a_limit(scenario):
    """In no window of time do more requests pass, or more environments start, than rate times length plus one bucket."""
    run, account = scenario.run(record=True), scenario.account
    kept = run.tally.requests
    served = kept.outcome < THROTTLED
    reserves = [function.reserved_concurrency for function in run.functions]
    for row in range(len(reserves)):
        starts = kept.time[kept.cold & (kept.function == row)]
        if account.scaling_rate is not None:
            assert most_in_excess(starts, account.scaling_rate / account.scaling_period) <= account.scaling_rate + 1e-6
    if account.rps_per_concurrency is None or account.concurrency_limit is None:
        return
    unreserved = np.array([reserve is None for reserve in reserves])
    limits = [(unreserved[kept.function], account.concurrency_limit - sum(reserve or 0 for reserve in reserves))]
    limits += [(kept.function == row, reserve) for row, reserve in enumerate(reserves) if reserve is not None]
    for chosen, limit in limits:
        rate = limit * account.rps_per_concurrency
        bucket = max(rate * account.rps_burst, min(limit, 1))  # it holds at least one request, or none would ever pass
        assert most_in_excess(kept.time[chosen & served], rate) <= bucket + 1e-6


@given(scenarios())
@same_every_time(100)
def test_an_environment_serves_one_at_a_time(scenario):
    """The calls of one environment follow each other; the first is its cold start, and none comes after its expiry or age."""
    run = scenario.run(record=True)
    kept = run.tally.requests
    for row, function in enumerate(run.functions):
        mine = (kept.function == row) & (kept.outcome < THROTTLED)
        table = pd.DataFrame({name: getattr(kept, name)[mine] for name in ("environment", "time", "cold", "init", "outcome")})
        table["end"] = kept.started[mine] + kept.duration[mine]
        assert table[table.cold].environment.tolist() == list(range(int(table.cold.sum())))
        for _, calls in table.groupby("environment"):
            assert calls.cold.tolist() == [True] + [False] * (len(calls) - 1)
            gaps = calls.time.to_numpy()[1:] - calls.end.to_numpy()[:-1]
            assert (gaps >= -INSTANT).all() and (gaps < function.idle_timeout + 1e-9).all()
            assert (calls.time < calls.time.iloc[0] + (function.maximum_age or np.inf)).all()
            timed_out = (calls.outcome == TIMED_OUT).to_numpy()
            assert (calls.init.to_numpy()[1:][~timed_out[:-1]] == 0).all()
        assert (kept.environment[(kept.function == row) & ~mine] == -1).all()


@given(scenarios())
@same_every_time(100)
def test_most_recently_used_comes_first(scenario):
    """A warm call goes to the environment that became idle last, of those that still live; a cold one finds none."""
    run = scenario.run(record=True)
    kept = run.tally.requests
    for row, function in enumerate(run.functions):
        free: dict[int, float] = {}
        born: dict[int, float] = {}
        mine = (kept.function == row) & (kept.outcome < THROTTLED)
        calls = zip(
            kept.time[mine], kept.environment[mine], kept.cold[mine], kept.started[mine] + kept.duration[mine], strict=True
        )
        for time, environment, cold, end in calls:
            age = function.maximum_age or np.inf
            alive = {
                other: since
                for other, since in free.items()
                if since <= time + INSTANT and time < since + function.idle_timeout and time < born[other] + age
            }
            assert cold == (not alive)
            if cold:
                born[environment] = time
            else:
                assert alive[environment] == max(alive.values())
            free[environment] = end


# Figures and records


def assert_same_tally(one, other):
    for name in ("bins", "wait", "latency"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@given(scenarios())
@same_every_time(50)
def test_recording_changes_nothing(scenario):
    """The figures are the same whether the requests are kept or not."""
    assert_same_tally(scenario.run(record=True).tally, scenario.run().tally)


@given(scenarios())
@same_every_time(50)
def test_same_seed_same_run(scenario):
    """The same seed gives the same run, to the last bit."""
    one, other = scenario.run(record=True), scenario.run(record=True)
    assert_same_tally(one.tally, other.tally)
    assert_same_requests(one.tally.requests, other.tally.requests)


def test_another_seed_another_run():
    """Any two seeds give different arrivals, durations, initialisations and failures."""
    function = Function("api", duration=exponential(0.2), cold_start=ColdStart(init=exponential(0.2)), error_rate=0.5)
    runs = [
        simulate(Sync(function, poisson(50)), seconds=20, seed=seed, record=True)["api"] for seed in (0, 1, 2, 2**32, 2**40)
    ]
    for column in ("time", "duration", "init", "outcome"):
        lists = {tuple(run.requests[column][:100]) for run in runs}
        assert len(lists) == len(runs), column


def test_large_seeds_differ():
    """Two seeds of 64 bits that differ by one are two seeds."""
    function = Function("api", duration=0.1)
    one, other = (simulate(Sync(function, poisson(50)), seed=seed, record=True)["api"].requests for seed in (2**60, 2**60 + 1))
    assert one.time.tolist() != other.time.tolist()


@given(scenarios(), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
@same_every_time(100)
def test_counts_agree_with_records(scenario, q):
    """Each figure, counted in the engine, is what pandas makes of the recorded requests."""
    run = replace(scenario, warm_up=0.0).run(record=True)
    for result in run:
        function, requests = result.function, result.requests
        served = requests[requests.outcome != "throttled"]
        ends = served.time + served.latency
        assert result.arrivals == len(requests)
        assert result.invocations == len(served)
        assert result.throttles_by_reason == requests.reason.dropna().value_counts().to_dict()
        assert result.errors == requests.outcome.isin(["error", "timeout"]).sum()
        assert result.timeouts == (requests.outcome == "timeout").sum()
        assert result.cold_starts == requests.cold.sum()
        inside = ends.clip(upper=run.scenario.seconds) - served.time
        assert result.mean_concurrency == pytest.approx(inside.sum() / run.scenario.seconds, abs=1e-9)
        lives = served.assign(end=ends).groupby("environment").agg(first=("time", "min"), last=("end", "max"))
        expiry = np.minimum(lives["last"] + function.idle_timeout, lives["first"] + (function.maximum_age or np.inf))
        ended = np.maximum(expiry, lives["last"]).clip(upper=run.scenario.seconds)
        assert result.mean_environments == pytest.approx((ended - lives["first"]).sum() / run.scenario.seconds, abs=1e-9)
        if len(served):
            assert result.throttle_rate == pytest.approx(1 - len(served) / len(requests))
            assert result.cold_start_rate == pytest.approx(served.cold.mean())
            assert result.error_rate == pytest.approx((served.outcome != "ok").mean())
            assert result.mean_duration == pytest.approx(served.duration.mean())
            for quantile, values in ((result.wait(q), served.wait), (result.latency(q), served.latency)):
                exact = np.quantile(values, q, method="inverted_cdf")
                assert quantile == pytest.approx(exact, rel=1.01 / 256, abs=2e-6)
        else:
            assert np.isnan([result.latency(q), result.wait(q), result.cold_start_rate, result.mean_duration]).all()


# What stays when one thing is changed

API = Function("api", duration=exponential(0.3), cold_start=ColdStart(init=exponential(0.2)), idle_timeout=5)
OTHER = Function("other", duration=lognormal(0.1, 1.0))
WIDE = Account(concurrency_limit=None, scaling_rate=None)


def drawn(*triggers, seconds=20.0, seed=4):
    """What arrives for each flow of the function ``api``, and what is drawn for it: time, duration, init, failure."""
    plan = plan_of(Scenario(triggers, seconds=seconds, seed=seed))
    flows = [flow for flow in plan.flows if plan.functions[flow.function].name == "api"]
    columns = ("time", "duration", "init", "failure")
    return [
        {name: np.concatenate([[], *(getattr(chunk, name) for chunk in plan.chunks(flow))]) for name in columns}
        for flow in flows
    ]


def assert_same_draws(one, other, names=("time", "duration", "init")):
    for left, right in zip(one, other, strict=False):
        assert left["time"].size
        for name in names:
            assert np.array_equal(left[name], right[name]), name


KINDS = [poisson(40), steady(30), ramp(1, 60, 10), spike(5, 200, 3, 4), diurnal(5, 50, 3, 9), trace(np.arange(300) / 20)]


@pytest.mark.parametrize("flow", KINDS, ids=lambda flow: type(flow).__name__)
def test_others_do_not_reshuffle(flow):
    """Another function, before or after, or more traffic to the same one, changes nothing in what arrives and what is drawn."""
    alone = drawn(Sync(API, flow))
    assert_same_draws(alone, drawn(Sync(OTHER, poisson(100)), Sync(API, flow)))
    assert_same_draws(alone, drawn(Sync(API, flow), Sync(OTHER, flow), OTHER))
    assert_same_draws(alone, drawn(Sync(API, flow), Sync(API, poisson(500))))
    assert np.isin(alone[0]["time"], drawn(Sync(API, flow + poisson(500)))[0]["time"]).all()


def test_a_part_of_a_sum_does_not_reshuffle():
    """Moving the second part of a sum leaves the durations of the first part's requests as they were."""
    alone, together = drawn(Sync(API, poisson(40)))[0], drawn(Sync(API, poisson(40) + spike(0, 50, 3, 4)))[0]
    shared = np.isin(together["time"], alone["time"])
    assert np.array_equal(together["duration"][shared], alone["duration"])


SLIDERS = {
    "limit": ({}, {"concurrency_limit": 20, "unreserved_minimum": 0}),
    "scaling rate": ({}, {"scaling_rate": 2, "scaling_period": 3}),
    "request rate": ({}, {"concurrency_limit": 400, "rps_per_concurrency": 0.05}),
    "reserved": ({"reserved_concurrency": 5}, {}),
    "reserved 0": ({"reserved_concurrency": 0}, {}),
    "idle timeout": ({"idle_timeout": 0.1}, {}),
    "maximum age": ({"maximum_age": 2}, {}),
    "timeout": ({"timeout": 1}, {}),
    "error rate": ({"error_rate": 0.4}, {}),
    "memory": ({"memory_mb": 128}, {}),
    "init": ({"cold_start": ColdStart(init=0)}, {}),
}


@pytest.mark.parametrize("slider", SLIDERS)
def test_a_slider_does_not_reshuffle(slider):
    """Moving one slider leaves every arrival where it was, and every call as long as it was, as far as it is served."""
    changed, account = SLIDERS[slider]
    before = simulate(Sync(API, poisson(60)), Sync(OTHER, poisson(30)), account=WIDE, seconds=30, seed=4, record=True)
    triggers = Sync(replace(API, **changed), poisson(60)), Sync(OTHER, poisson(30))
    after = simulate(*triggers, account=replace(WIDE, **account) if account else Account(), seconds=30, seed=4, record=True)
    for name in ("api", "other"):
        one, other = before[name].requests, after[name].requests
        assert one.time.tolist() == other.time.tolist()
        served = (other.outcome != "throttled") & (one.outcome != "throttled")
        longest = 1.0 if slider == "timeout" and name == "api" else np.inf
        assert one.duration[served].clip(upper=longest).tolist() == other.duration[served].tolist()
    if slider not in ("memory",):
        assert before.summary().to_dict() != after.summary().to_dict()


def test_changing_errors_changes_who_fails_only_at_the_margin():
    """A higher error rate fails the same requests and some more."""
    failed = []
    for share in (0.1, 0.3):
        requests = simulate(Sync(replace(API, error_rate=share), poisson(60)), account=WIDE, record=True)["api"].requests
        failed.append(set(requests.time[requests.outcome == "error"]))
    assert failed[0] < failed[1] and len(failed[1]) < 0.5 * len(requests)


def test_a_mean_scales_durations():
    """A longer mean stretches every single duration by the same factor; the median of a log-normal one too."""
    one, two = (drawn(Sync(replace(API, duration=exponential(mean)), poisson(50)))[0]["duration"] for mean in (0.25, 1.0))
    assert np.array_equal(4 * one, two)
    one, two = (drawn(Sync(replace(API, duration=exponential(mean)), poisson(50)))[0]["duration"] for mean in (0.3, 0.7))
    assert one * (0.7 / 0.3) == pytest.approx(two, rel=1e-14)
    shapes = lognormal(0.2, 1.0), lognormal(0.4, 2.0)
    one, two = (drawn(Sync(replace(API, duration=shape), poisson(50)))[0]["duration"] for shape in shapes)
    assert 2 * one == pytest.approx(two, rel=1e-14)


@pytest.mark.parametrize(
    ("slow", "fast"),
    [(poisson(50), poisson(80)), (ramp(0, 50, 10), ramp(0, 80, 10)), (spike(10, 100, 0, 9), spike(16, 160, 0, 9))],
)
def test_a_rate_stretches_arrivals(slow, fast):
    """A higher rate is the same arrivals on a faster clock: the n-th comes when as many were expected; and its draws stay."""
    one, two = drawn(Sync(API, slow))[0], drawn(Sync(API, fast))[0]
    count = one["time"].size
    assert two["time"].size > count > 400

    def expected(flow, times):
        grid = np.linspace(0, 20, 200_001)
        steps = flow.rate(grid[:-1] + 5e-5) * 1e-4
        return np.interp(times, grid, np.concatenate(([0], np.cumsum(steps))))

    assert expected(slow, one["time"]) == pytest.approx(expected(fast, two["time"][:count]), abs=0.02)
    assert np.array_equal(one["duration"], two["duration"][:count])
    assert np.array_equal(one["init"], two["init"][:count])


@given(st.lists(single_traffics(10.0, 80.0), min_size=1, max_size=2), durations(), st.integers(0, 99))
@same_every_time(60)
def test_a_longer_run_begins_with_the_same_requests(flows, duration, seed):
    """What lies after the end changes nothing before it (but for a wave's last straight line, which is 1e-4 of it off)."""
    function = replace(API, duration=duration)
    triggers = [Sync(function, flow) for flow in flows]
    for short, long in zip(drawn(*triggers, seconds=10, seed=seed), drawn(*triggers, seconds=15, seed=seed), strict=True):
        count = short["time"].size
        beyond = np.searchsorted(long["time"], 10.0)
        assert abs(beyond - count) <= 1
        both = min(count, beyond)
        assert short["time"][:both] == pytest.approx(long["time"][:both], abs=2e-3)
        for name in ("duration", "init"):
            assert np.array_equal(short[name][:both], long[name][:both])


@given(scenarios(lengths=(10.0,), wavy=False))
@same_every_time(60)
def test_a_longer_run_begins_with_the_same_outcomes(scenario):
    """Where the arrivals are the same to the last bit, so is all that happens to them."""
    short, long = (replace(scenario, seconds=seconds).run(record=True).tally.requests for seconds in (7.0, 10.0))
    before = long.time < 7.0
    assert_same_requests(short, replace(long, **{name: getattr(long, name)[before] for name in long.__dataclass_fields__}))


@given(scenarios())
@same_every_time(60)
def test_the_order_of_functions_does_not_matter(scenario):
    """In which order the functions are named changes nothing, unless requests to two of them come at one instant."""
    kept = by_reference(scenario).requests
    same_instant = np.diff(kept.time) == 0
    assume(not (same_instant & (np.diff(kept.function) != 0)).any())
    names = [getattr(trigger, "function", trigger).name for trigger in scenario.triggers]
    backwards = [
        trigger for name in sorted(set(names), reverse=True) for trigger, of in zip(scenario.triggers, names) if of == name
    ]
    one, other = scenario.run().summary(), replace(scenario, triggers=tuple(backwards)).run().summary()
    pd.testing.assert_frame_equal(one, other[one.columns])


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
@given(st.lists(traffics(10.0, 60.0), min_size=1, max_size=2), durations(), st.integers(0, 99))
@same_every_time(40)
def test_chunks_do_not_matter(chunk, flows, duration, seed):
    """In how many chunks the requests are drawn changes nothing."""
    function = Function("api", duration=duration, error_rate=0.3, cold_start=ColdStart(init=exponential(0.1)), idle_timeout=1)
    scenario = Scenario([Sync(function, flow) for flow in flows], Account(concurrency_limit=200), 10.0, seed)
    whole = scenario.run(record=True).tally
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic_module, "CHUNK", chunk)
        cut = scenario.run(record=True).tally
    assert_same_requests(whole.requests, cut.requests)
    assert_same_tally(whole, cut)
