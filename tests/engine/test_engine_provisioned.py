"""Provisioned concurrency and its auto scaling: what AWS documents, what was recorded on AWS, and what can be worked out beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from engine_scenarios import mixed_scenarios, plan_of, same_every_time
from hypothesis import given

from lambdacourse import (
    Account,
    Async,
    ColdStart,
    Function,
    Schedule,
    Sync,
    TargetTracking,
    exponential,
    fact,
    lognormal,
    poisson,
    simulate,
    spike,
    steady,
    trace,
)
from lambdacourse.engine.history import THROTTLED
from lambdacourse.engine.plan import INSTANT

API = Function("api", duration=1, cold_start=ColdStart(init=0.5), provisioned_concurrency=1)
NO_LIMITS = Account(concurrency_limit=None, scaling_rate=None, rps_per_concurrency=None)


def served(function, traffic, *others, seconds=60.0, account=Account(), **options):  # noqa: B008 - frozen
    """The requests of ``function``, and its figures."""
    result = simulate(Sync(function, traffic, **options), *others, seconds=seconds, account=account, record=True)[function.name]
    return result.requests, result


def allocations(run):
    """(when, how many were allocated) for the first function, changes only."""
    kept = run.tally.history.allocations
    changes = {}
    for time, allocated in zip(
        kept.time[kept.function == 0].tolist(), kept.allocated[kept.function == 0].tolist(), strict=True
    ):
        changes[round(time, 6)] = allocated
    steps = list(changes.items())
    return [step for before, step in zip([(None, None), *steps], steps) if step[1] != before[1]]


# Serving and spilling over


def test_a_second_request_at_once_spills_over():
    """Recorded on AWS: with one provisioned environment the first request runs on it, a simultaneous second one runs on demand."""
    requests, result = served(API, trace([0, 0, 2]))
    assert requests.provisioned.tolist() == [True, False, True]
    assert requests.cold.tolist() == [False, True, False]
    assert requests.latency.tolist() == [1, 1.5, 1]
    assert (result.provisioned_invocations, result.spillovers, result.invocations) == (2, 1, 3)


def test_latest_never_runs_on_it():
    """Recorded on AWS: with reserved = provisioned = 2, ``$LATEST`` is throttled while both environments idle; the version runs."""
    both = replace(API, provisioned_concurrency=2, reserved_concurrency=2)
    latest, result = served(both, trace([0, 1]), qualifier="$LATEST")
    assert set(latest.reason) == {"ReservedFunctionConcurrentInvocationLimitExceeded"} and result.throttles == 2
    version, _ = served(both, trace([0, 0]))
    assert version.provisioned.all()
    unreserved, result = served(API, trace([0]), qualifier="$LATEST")
    assert not unreserved.provisioned.any() and unreserved.cold.all() and result.spillovers == 0


def test_a_third_request_beyond_a_full_reservation_is_throttled():
    """Where the whole reservation is provisioned there is nothing to spill over to."""
    both = replace(API, provisioned_concurrency=2, reserved_concurrency=2)
    requests, _ = served(both, trace([0, 0, 0]))
    assert requests.outcome.tolist() == ["ok", "ok", "throttled"]


def test_events_run_on_it_too():
    """An asynchronous event that invokes the version finds the provisioned environment."""
    run = simulate(Async(API, trace([0, 5])), seconds=20)
    assert run["api"].provisioned_invocations == 2 and run["api"].cold_starts == 0


def test_it_spills_over_by_rate():
    """10 provisioned environments take 100 requests a second, however short the calls; the rest spills over."""
    quick = replace(API, duration=0.001, provisioned_concurrency=10)
    limit = fact("provisioned_10_spills_at_rps").value
    _, within = served(quick, steady(limit - 1), seconds=30)
    assert within.spillovers == 0
    _, beyond = served(quick, steady(2 * limit), seconds=100)
    assert beyond.provisioned_invocations == pytest.approx(limit * 100 + limit, abs=2)  # and the burst of a second at the start
    assert beyond.throttles == 0


def test_it_does_not_expire():
    """A provisioned environment is warm after a night without a request."""
    requests, _ = served(API, trace([0, 30_000, 60_000]), seconds=80_000)
    assert not requests.cold.any() and requests.provisioned.all()


def test_after_a_time_out_it_initialises_again():
    """A call that times out resets the environment: the next call on it pays the initialisation."""
    requests, _ = served(replace(API, duration=2, timeout=1), trace([0, 5]))
    assert requests.init.tolist() == [0, 0.5] and requests.cold.tolist() == [False, False]


def test_it_counts_against_the_pool_while_idle():
    """100 provisioned of 1,000 leave 900 to all others, even if none of the 100 is used."""
    idle = Function("idle", duration=1, provisioned_concurrency=100)
    other = Function("other", duration=5, cold_start=ColdStart(init=0))
    account = Account(rps_per_concurrency=None)
    _, result = served(other, trace([0.0] * 1_000), idle, account=account)
    assert result.invocations == 1_000 - 100
    assert set(result.throttles_by_reason) == {"ConcurrentInvocationLimitExceeded"}
    inside = replace(idle, reserved_concurrency=100)
    _, result = served(other, trace([0.0] * 1_000), inside, account=account)
    assert result.invocations == 900


def erlang_b(servers, load):
    blocking = 1.0
    for each in range(1, servers + 1):
        blocking = load * blocking / (each + load * blocking)
    return blocking


@pytest.mark.parametrize("duration", [exponential(0.5), lognormal(0.3, 1.5)], ids=["exponential", "lognormal"])
@pytest.mark.parametrize(("count", "load"), [(5, 3.0), (50, 45.0)])
def test_how_much_spills_over(count, load, duration):
    """Provisioned environments are a loss system whose overflow goes on demand: Erlang's B formula says what share."""
    function = Function("api", duration=duration, cold_start=ColdStart(init=0), provisioned_concurrency=count)
    shares = []
    for seed in range(8):
        traffic = poisson(load / duration.mean)
        run = simulate(Sync(function, traffic), account=NO_LIMITS, seconds=10_000 / load, warm_up=30, seed=seed)
        shares.append(run["api"].spillovers / run["api"].invocations)
    theory = erlang_b(count, load)
    assert np.mean(shares) == pytest.approx(theory, abs=5 * np.std(shares, ddof=1) / np.sqrt(len(shares)))


# AWS's examples of the metrics


def test_claimed_concurrency_of_aws():
    """600 reserved and 200 provisioned: with 0, 100 and 100 unreserved executions ClaimedAccountConcurrency is 800, 900 and 900."""
    setting = fact("claimed_example_setting").value
    kept = Function("kept", duration=1, reserved_concurrency=setting["reserved"])
    ready = Function("ready", duration=1, provisioned_concurrency=setting["provisioned"])
    other = Function("other", duration=30, cold_start=ColdStart(init=0))
    account = Account(rps_per_concurrency=None)
    used = Sync(other, trace(np.repeat([70.0, 130.0], 100)))
    on_both = Sync(kept, trace([130.0] * 300)), Sync(ready, trace([130.0] * 150))
    run = simulate(ready, kept, used, *on_both, account=account, seconds=180)
    metrics = run.metrics()["account"]
    assert metrics["ClaimedAccountConcurrency", "Maximum"].tolist() == fact("claimed_example").value
    assert metrics["UnreservedConcurrentExecutions", "Maximum"].tolist() == fact("claimed_example_unreserved").value


def test_provisioned_executions_of_aws():
    """10 provisioned, one 2-minute call a minute: the metric's maximum is 1 in the first minute, and 2 after."""
    function = Function("api", duration=120, provisioned_concurrency=10)
    metrics = simulate(Sync(function, trace([10, 70, 130.5])), seconds=180).metrics()["api"]
    first, after, last = metrics["ProvisionedConcurrentExecutions", "Maximum"]
    assert [first, after] == fact("provisioned_executions_example").value and last == 2
    use = metrics["ProvisionedConcurrencyUtilization", "Average"]
    assert (
        use.iloc[0] == pytest.approx(50 / 60 / 10)
        and simulate(function).metrics().get(("api", "ProvisionedConcurrencyInvocations", "Sum"), default=None).sum() == 0
    )


# Allocation


def test_allocation_takes_its_time_and_is_all_or_nothing():
    """600 are allocated a minute and a half and 6 seconds after they were asked for; until then none of them serves."""
    account = Account(provisioned_delay=90)
    ready = 10 + 90 + 600 * 60 / fact("provisioned_allocation_rate").value
    function = replace(API, provisioned_concurrency=0, provisioned_scaling=Schedule(at=10, minimum=600), duration=0.1)
    requests, result = served(function, trace([5, ready - 1e-3, ready + 1e-3]), seconds=200, account=account)
    assert requests.provisioned.tolist() == [False, False, True]
    assert result.spillovers == 0  # what runs on demand before anything is allocated has not spilled over
    assert result.mean_provisioned == pytest.approx(600 * (200 - ready) / 200)


def test_what_is_asked_for_is_claimed_at_once():
    """While it is being allocated, nobody can use it, the function itself neither."""
    asking = replace(API, provisioned_concurrency=0, provisioned_scaling=Schedule(at=0, minimum=900))
    other = Function("other", duration=5, cold_start=ColdStart(init=0))
    _, result = served(other, trace([1.0] * 1_000), asking, account=Account(rps_per_concurrency=None))
    assert result.invocations == 100


def test_more_than_the_pool_has_is_refused():
    """What would leave less than 100 unreserved is not granted, nor a part of it."""
    for wanted, granted in ((900, 900), (901, 0)):
        function = replace(API, provisioned_concurrency=0, provisioned_scaling=Schedule(at=0, minimum=wanted))
        run = simulate(Sync(function, poisson(1)), seconds=200, record=True)
        assert allocations(run)[-1:] == ([(99.0, granted)] if granted else [])


def test_less_takes_effect_at_once():
    """Lowered provisioned concurrency frees its share of the pool at once; a busy environment finishes its call."""
    lowered = replace(API, duration=20, provisioned_concurrency=5, provisioned_scaling=Schedule(at=10, minimum=1))
    requests, _ = served(lowered, trace([5, 5, 5, 12, 26]), seconds=60)
    assert requests.provisioned.tolist() == [True, True, True, False, True]


def test_what_is_given_back_does_not_come_again():
    """Environments that were given back while busy end with their calls; what is provisioned later is new."""
    scaling = Schedule(at=10, minimum=1), Schedule(at=100, minimum=3)
    varied = replace(API, duration=20, provisioned_concurrency=3, provisioned_scaling=scaling)
    requests, result = served(varied, trace([5, 5, 5, 300, 300, 300]), seconds=400)
    assert requests.provisioned.all() and requests.environment.nunique() == 5
    assert result.peak_environments == 3


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: Function("a", duration=1, provisioned_concurrency=11, reserved_concurrency=10), "reserved concurrency, 10"),
        (lambda: Function("a", duration=1, provisioned_concurrency=901), "At most 900 can be"),
        (lambda: Function("a", duration=1, provisioned_scaling=TargetTracking(1, 5)), "an initial value must be set"),
        (lambda: TargetTracking(1, 5, 0.95), "from 0.1 to 0.9"),
        (lambda: TargetTracking(6, 5), "at least the minimum"),
        (lambda: Schedule(-1, 5), "0 or more"),
    ],
)
def test_what_aws_refuses_of_provisioned_concurrency(function, words):
    """Each value that AWS refuses is refused with its rule."""
    with pytest.raises(ValueError, match=words):
        simulate(function())


# Auto scaling


def busy(level, provisioned, scaling, until=3_600.0, seconds=3_600.0, **options):
    """A run in which ``level`` environments are busy all the time, until nobody calls any more."""
    function = Function("api", duration=10, provisioned_concurrency=provisioned, provisioned_scaling=scaling)
    calls = np.repeat(np.arange(0, until, 10.0), level)
    account = Account(rps_per_concurrency=None, concurrency_limit=3_000)
    return simulate(Sync(function, trace(calls)), account=account, seconds=seconds, record=True, **options)


def test_target_tracking_scales_out():
    """200 busy of 200 want 286 at a target of 70 %: asked for after three minutes, there 90 seconds and some later."""
    run = busy(200, 200, TargetTracking(10, 500), seconds=600)
    wanted = fact("autoscaling_wanted_for_200").value
    asked = fact("autoscaling_sustained").value
    assert allocations(run) == [(0, 200), (asked + 90 + (wanted - 200) / 100, wanted)]


def test_target_tracking_stops_at_its_bounds():
    """The maximum is not passed, and a minimum is kept."""
    assert allocations(busy(200, 200, TargetTracking(10, 250), seconds=600))[-1][1] == 250
    assert allocations(busy(1, 40, TargetTracking(30, 250), seconds=1_800))[-1][1] == 30


def test_target_tracking_scales_in_after_fifteen_minutes():
    """10 busy of 100 want 15, and get them after 15 data points; between the alarms nothing changes."""
    run = busy(10, 100, TargetTracking(1, 500), seconds=1_500)
    assert allocations(run) == [(0, 100), (60 * fact("autoscaling_datapoints_in").value, 15)]
    assert allocations(busy(65, 100, TargetTracking(1, 500), seconds=1_800)) == [(0, 100)]


def test_without_traffic_nothing_is_scaled_in():
    """The metric is not emitted while nothing runs, so what is provisioned stays; a scheduled action takes it back."""
    assert allocations(busy(80, 120, TargetTracking(1, 500), until=60, seconds=7_200)) == [(0, 120)]
    scaling = TargetTracking(1, 500), Schedule(3_600, 0, 500), Schedule(3_700, 5)
    assert allocations(busy(80, 120, scaling, until=60, seconds=7_200)) == [(0, 120), (3_700, 5)]


def test_the_average_misses_bursts():
    """A second of full use in each minute is 2 % on average: it scales in. The maximum sees it, and scales out."""
    function = Function("api", duration=1, provisioned_concurrency=50)
    bursts = trace(np.repeat(np.arange(0, 3_600, 60.0) + 1, 50))
    ends = {}
    for statistic in ("Average", "Maximum"):
        scaled = replace(function, provisioned_scaling=TargetTracking(1, 80, statistic=statistic))
        ends[statistic] = allocations(simulate(Sync(scaled, bursts), seconds=3_600, record=True))[-1][1]
    assert ends["Average"] < 5 and ends["Maximum"] > 70


def test_a_short_spike_is_over_before_it_scales():
    """Two minutes of load are over before the alarm has its three data points."""
    function = Function("api", duration=1, provisioned_concurrency=20, provisioned_scaling=TargetTracking(20, 500))
    run = simulate(Sync(function, spike(1, 100, 60, 119)), seconds=900, record=True)
    assert allocations(run) == [(0, 20)]
    assert run["api"].spillovers > 100 * 100 / 2


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_what_is_given_back_while_busy_counts_until_it_is_done(engine, monkeypatch):
    """Given back at second 10, busy until second 12: its unit of the pool is free for another function from then on, not before."""
    if engine == "reference":
        monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    api = Function("api", duration=4, provisioned_concurrency=1, provisioned_scaling=Schedule(at=10, minimum=0))
    other = Function("other", duration=1, cold_start=ColdStart(init=0))
    account = Account(concurrency_limit=1, unreserved_minimum=0)
    run = simulate(Sync(api, trace([8.0])), Sync(other, trace([9.0, 11.0, 12.5])), account=account, seconds=20, record=True)
    assert run["api"].requests["provisioned"].tolist() == [True]
    assert run["other"].requests["outcome"].tolist() == ["throttled", "throttled", "ok"]


# What must always hold


@given(mixed_scenarios(rate=20.0, lengths=(7.03, 121.0, 300.5)))
@same_every_time(60)
def test_no_limit_is_passed(scenario):
    """Whatever is provisioned, on-demand executions never exceed what it leaves of the pool, nor busy provisioned ones what is there."""
    plan = plan_of(scenario)
    run = scenario.run(record=True)
    kept, changes = run.tally.requests, run.tally.history.allocations
    ends = kept.started + kept.duration
    on = kept.outcome < THROTTLED
    rows = [set(range(len(plan.functions)))]
    rows = [{row for row in rows[0] if plan.functions[row].reserved_concurrency is None}] + [
        {row} for row in rows[0] if plan.functions[row].reserved_concurrency is not None
    ]
    for pool in rows:
        mine = np.isin(kept.function, list(pool)) & on
        reserved = plan.functions[next(iter(pool))].reserved_concurrency if pool else None
        limit = plan.unreserved_limit if reserved is None else reserved
        for kind in (False, True):
            chosen = np.flatnonzero(mine & (kept.provisioned == kind))
            for index in chosen[:: max(len(chosen) // 60, 1)]:
                now, row = kept.time[index], kept.function[index]
                same = chosen[chosen <= index]
                if kind:
                    same = same[kept.function[same] == row]
                there = (ends[same] > now + INSTANT).sum() + (ends[index] <= now + INSTANT)
                before = changes.time <= now
                if kind:
                    last = np.flatnonzero(before & (changes.function == row))[-1]
                    assert there <= changes.allocated[last]
                else:
                    of = {each: changes.claimed[before & (changes.function == each)] for each in pool}
                    assert there <= limit - sum(int(claims[-1]) for claims in of.values() if claims.size)


@given(mixed_scenarios(rate=20.0, lengths=(7.03, 121.0)))
@same_every_time(40)
def test_provisioned_and_spilled_are_all(scenario):
    """Where all requests ask for the version, and it is there from the beginning, each invocation ran on it or spilled over."""
    run = scenario.run()
    for result in run:
        mine = [each for each in scenario.triggers if getattr(each, "function", None) == result.function]
        if result.function.provisioned_concurrency and not result.function.provisioned_scaling:
            if all(each.qualifier is None for each in mine):
                assert result.provisioned_invocations + result.spillovers == result.invocations
            assert result.mean_provisioned == pytest.approx(result.function.provisioned_concurrency)
        assert result.provisioned_invocations + result.cold_starts <= result.invocations
