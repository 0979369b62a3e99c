"""Hypothesis strategies for small scenarios in which everything happens at once, and helpers around a recorded run."""

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from lambdacourse.engine import plan as lay_out
from lambdacourse.engine import reference
from lambdacourse.model import (
    Account,
    Async,
    ColdStart,
    Downstream,
    Function,
    Retry,
    Schedule,
    Sync,
    TargetTracking,
    constant,
    diurnal,
    exponential,
    lognormal,
    poisson,
    ramp,
    spike,
    steady,
    trace,
)  # fmt: skip
from lambdacourse.simulation import Scenario

GRID = 0.25
"""Times on this grid are exact in binary, so that an arrival, a finish and an expiry really fall on one instant."""


def same_every_time(examples):
    """Settings under which each run tries the same examples, for as long as they take."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    quick = [Phase.explicit, Phase.generate]  # shrinking a scenario takes minutes and makes it hardly smaller
    return settings(derandomize=True, deadline=None, max_examples=examples, phases=quick, suppress_health_check=unhurried)


def on_grid(most):
    return st.integers(0, int(most / GRID)).map(lambda steps: steps * GRID)


def durations():
    return st.one_of(
        on_grid(1.0).map(constant),
        st.floats(0, 3).map(constant),
        st.floats(0.001, 1).map(exponential),
        st.sampled_from([lognormal(0.2, 1.0), lognormal(0.01, 5.0), lognormal(0.1, 0.1)]),
    )


def inits():
    init = st.one_of(st.sampled_from([0, GRID, 1.3]), st.sampled_from([exponential(0.3), lognormal(0.1, 2.0)]))
    phases = st.sampled_from([0.0, 0.0, 0.0, GRID, 0.7])
    return st.builds(lambda init, *more: ColdStart(init, download=more[0], first_call=more[1]), init, phases, phases)


def single_traffics(seconds, rate, wavy=True):
    """One traffic of each kind; at most about ``rate`` requests a second, but for a burst of up to 300 at one instant.

    Without ``wavy`` only those whose arrivals do not depend on when the run ends, to the last bit.
    """
    rates = st.sampled_from([0.0, 0.3, 0.1 * rate, rate])
    times = st.floats(0, seconds)
    lasting = st.floats(0.1, seconds)
    waves = [
        st.builds(ramp, rates, rates, lasting),
        st.builds(spike, rates, rates, times, lasting),
        st.builds(lambda low, more, peak, period: diurnal(low, low + more, peak, period), rates, rates, times, lasting),
    ]
    return st.one_of(
        st.builds(poisson, rates),
        st.builds(steady, st.sampled_from([0.3, 4.0, 0.25 * rate, rate])),
        st.builds(trace, st.lists(times, max_size=40)),
        st.builds(trace, st.lists(on_grid(seconds), max_size=40)),
        st.builds(lambda time, size: trace([time] * size), on_grid(seconds), st.integers(1, 300)),
        *(waves if wavy else []),
    )


def traffics(seconds, rate, wavy=True):
    return st.lists(single_traffics(seconds, rate, wavy), min_size=1, max_size=3).map(lambda parts: reduce(add, parts))


@st.composite
def functions(draw, name, reserve):
    return Function(
        name,
        duration=draw(durations()),
        cold_start=draw(inits()),
        timeout=draw(st.sampled_from([None, 1, 1.5])),
        error_rate=draw(st.sampled_from([0, 0, 0.3, 1])),
        reserved_concurrency=reserve,
        idle_timeout=draw(st.sampled_from([GRID, 0.2, 1, 5, 360])),
        maximum_age=draw(st.sampled_from([None, None, 0.1, 1, 3])),
    )


@st.composite
def accounts(draw, least=1):
    return Account(
        concurrency_limit=draw(st.sampled_from([None, *(limit for limit in (1, 2, 3, 10, 50, 1000) if limit >= least)])),
        unreserved_minimum=0,
        scaling_rate=draw(st.sampled_from([None, 1, 5, 20, 1000])),
        scaling_period=draw(st.sampled_from([0.5, 1, 10])),
        rps_per_concurrency=draw(st.sampled_from([None, None, 2, 10])),
        rps_burst=draw(st.sampled_from([0.2, 1.0, 3.0])),
    )


@st.composite
def scenarios(draw, rate=100.0, lengths=(10.0, 7.03, 0.35), most_functions=4, wavy=True):
    """Up to four functions on one account, each with up to three flows of requests, one of them perhaps without any."""
    seconds = draw(st.sampled_from(lengths))
    reserves = draw(st.lists(st.sampled_from([None, None, None, None, 0, 1, 2, 5]), min_size=1, max_size=most_functions))
    account = draw(accounts(least=max(1, sum(reserve or 0 for reserve in reserves))))
    triggers = []
    for number, reserve in enumerate(reserves):
        function = draw(functions(f"f{number}", reserve))
        flows = draw(st.lists(traffics(seconds, rate, wavy), min_size=0 if number else 1, max_size=3))
        triggers += [Sync(function, traffic) for traffic in flows] or [function]
    draw(st.randoms(use_true_random=False)).shuffle(triggers)
    warm_up = draw(st.sampled_from([0.0, 0.0, 2.0, 3.7]))
    return Scenario(tuple(triggers), account, seconds, draw(st.integers(0, 99)), warm_up)


def asynchronous(function, traffic, qualifier=None):
    """An asynchronous trigger with any of its settings."""
    return st.builds(
        lambda retries, age, destination: Async(
            function,
            traffic,
            maximum_retry_attempts=retries,
            maximum_event_age=age,
            on_failure=destination,
            qualifier=qualifier,
        ),
        st.integers(0, 2),
        st.sampled_from([60, 61.5, 200, 21_600]),
        st.sampled_from([None, "failures"]),
    )


def retries():
    """How a caller may try again: an SDK's way, and stranger ones."""
    return st.builds(
        Retry,
        st.integers(1, 6),
        base_delay=st.sampled_from([0.0, 0.05, GRID]),
        throttle_base_delay=st.sampled_from([0.0, GRID, 1.0]),
        maximum_delay=st.sampled_from([0.5, 20]),
        jitter=st.booleans(),
        quota=st.sampled_from([None, 0, 10, 30, 500]),
        clients=st.sampled_from([1, 1, 3, 50]),
        on_errors=st.booleans(),
    )


def qualifiers():
    return st.sampled_from([None, None, None, "$LATEST"])


@st.composite
def provisioned_functions(draw, function, most):
    """``function`` with provisioned concurrency up to ``most``, which perhaps changes."""
    provisioned = draw(st.integers(0, most))
    scaling = []
    if provisioned and draw(st.booleans()):
        minimum, maximum = draw(st.integers(0, provisioned)), provisioned + draw(st.integers(0, 6))
        target = draw(st.sampled_from([0.1, 0.5, 0.7, 0.9]))
        scaling.append(TargetTracking(minimum, maximum, target, statistic=draw(st.sampled_from(["Average", "Maximum"]))))
    bounds = st.integers(0, 4).flatmap(lambda low: st.tuples(st.just(low), st.sampled_from([None, low, low + 3])))
    actions = draw(st.lists(st.tuples(st.sampled_from([0, 1, 2.5, 60, 70, 200]), bounds), max_size=2))
    scaling += [Schedule(at, minimum, maximum) for at, (minimum, maximum) in actions]
    return replace(function, provisioned_concurrency=provisioned, provisioned_scaling=tuple(scaling))


@st.composite
def mixed_scenarios(draw, **options):
    """Scenarios in which each trigger may be of any kind, and each function may have provisioned concurrency and a downstream."""
    scenario = draw(scenarios(**options))
    account = replace(
        scenario.account,
        unreserved_minimum=draw(st.sampled_from([0, 0, 1])) if scenario.account.concurrency_limit != 1 else 0,
        provisioned_delay=draw(st.sampled_from([0.0, 1.0, 90.0])),
        provisioned_rate=draw(st.sampled_from([None, 60, 6000])),
    )
    functions = {
        getattr(trigger, "function", trigger).name: getattr(trigger, "function", trigger) for trigger in scenario.triggers
    }
    reserved = sum(function.reserved_concurrency or 0 for function in functions.values())
    left = 10 if account.concurrency_limit is None else account.concurrency_limit - account.unreserved_minimum - reserved
    if left < 0:
        account, left = replace(account, unreserved_minimum=0), 0
    shared = draw(st.builds(Downstream, st.just("db"), st.integers(1, 5), st.sampled_from(["error", "wait"])))
    for name, function in functions.items():
        most = min(left, 8) if function.reserved_concurrency is None else function.reserved_concurrency
        if most and draw(st.booleans()):
            functions[name] = draw(provisioned_functions(function, most))
            if function.reserved_concurrency is None:
                left -= functions[name].provisioned_concurrency
        functions[name] = replace(functions[name], downstream=draw(st.sampled_from([None, None, shared])))
    triggers = []
    for trigger in scenario.triggers:
        if isinstance(trigger, Function):
            triggers.append(functions[trigger.name])
            continue
        function, qualifier = functions[trigger.function.name], draw(qualifiers())
        plain = Sync(function, trigger.traffic, qualifier=qualifier)
        kinds = st.just(plain), retries().map(lambda retry, plain=plain: replace(plain, retry=retry))
        triggers.append(draw(st.one_of(*kinds, asynchronous(function, trigger.traffic, qualifier))))
    return replace(scenario, triggers=tuple(triggers), account=account)


def plan_of(scenario):
    return lay_out(scenario.triggers, scenario.account, scenario.seconds, scenario.warm_up, scenario.seed)


def by_reference(scenario):
    """Everything that happens in ``scenario``, by the plain-Python engine."""
    return reference.run(plan_of(scenario))


def assert_same_requests(one, other):
    """Two ``history.Requests`` are equal in every field, to the last bit."""
    for name in one.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype.kind == right.dtype.kind, name
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), (name, np.flatnonzero(left != right)[:5])
