"""What is known exactly, without any simulator: queueing theory, AWS's documented limits, and rules that leave no choice.

Where chance plays a part, a figure is taken from several seeds, and what theory says must lie in its 99.9 % interval; the
interval must also be narrow, so that a wrong figure falls outside. ``pytest -rP`` shows what was measured.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from lambdacourse import (
    Account,
    ColdStart,
    Function,
    Sync,
    constant,
    exponential,
    fact,
    lognormal,
    poisson,
    simulate,
    spike,
    steady,
    trace,
)  # fmt: skip

NO_COLD_START = ColdStart(init=0)
NO_LIMITS = Account(concurrency_limit=None, scaling_rate=None, rps_per_concurrency=None)
SEEDS = range(8)

CONCURRENCY = fact("throttle_reason_concurrency").value
RESERVED = fact("throttle_reason_reserved").value
RATE = fact("throttle_reason_rate").value
RESERVED_RATE = fact("throttle_reason_reserved_rate").value
SCALING = "scaling rate"


def interval(values, confidence=0.999):
    """The mean of independent ``values`` and half the width of its t-interval."""
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values)), float(half)


def assert_in_interval(what, values, theory, precision, scale=None):
    """``theory`` lies in the 99.9 % interval of ``values``, which is narrower than ``precision`` of ``scale`` (of ``theory``)."""
    mean, half = interval(values)
    print(f"{what}: measured {mean:.6g} ± {half:.2g}, theory {theory:.6g}")
    assert half <= precision * (theory if scale is None else scale), f"{what}: ± {half:.2g} around {theory:.6g} proves little"
    assert abs(mean - theory) <= half, f"{what}: measured {mean:.6g} ± {half:.2g}, theory {theory:.6g}"


def only(function, traffic, account=NO_LIMITS, seconds=60.0, **options):
    """The figures of the one function of a run."""
    return simulate(Sync(function, traffic), account=account, seconds=seconds, **options)[function.name]


@dataclass(frozen=True)
class Listed:
    """A duration that takes its values from a list, one request after the other (for up to one chunk of requests)."""

    seconds: tuple[float, ...]

    @property
    def mean(self):
        return float(np.mean(self.seconds))

    @property
    def variance(self):
        return float(np.var(self.seconds))

    def quantile(self, q):
        return float(np.quantile(self.seconds, q))

    def draw(self, rng, size):
        assert size <= len(self.seconds)
        return np.array(self.seconds[:size], dtype=float)


# Erlang B and Little's law


def erlang_b(servers, load):
    """The share of Poisson arrivals that find all of ``servers`` busy, by the stable recursion."""
    inverse = 1.0
    for server in range(1, servers + 1):
        inverse = 1 + inverse * server / load
    return 1 / inverse


def test_erlang_b_by_hand():
    """The oracle itself: for one server load/(1 + load), for two load²/2 over its sum; and two values from the tables."""
    assert erlang_b(1, 3) == pytest.approx(3 / 4)
    assert erlang_b(2, 3) == pytest.approx(4.5 / (1 + 3 + 4.5))
    assert erlang_b(10, 5) == pytest.approx(0.018385, abs=1e-6)
    assert erlang_b(100, 90) == pytest.approx(0.026957, abs=1e-6)


def lognormal_of_mean(mean):
    shape = lognormal(1.0, 6.0)
    return lognormal(mean / shape.mean, 6.0 * mean / shape.mean)


ERLANG_B = [  # limit, load, mean, seconds, seeds, precision
    (7, 5, 0.05, 5_000, 8, 0.01),
    (50, 50, 0.05, 500, 8, 0.02),
    (1_000, 1_000, 0.1, 80, 8, 0.1),
    (20_000, 20_000, 0.5, 12, 5, 1.0),
    (20_000, 22_000, 0.5, 12, 5, 0.1),
]
# Not the last with a constant duration: the wave from the empty start comes back each half second, almost unchanged.
ERLANG_B_KINDS = [(kind, *case) for kind in (exponential, lognormal_of_mean) for case in ERLANG_B]
ERLANG_B_KINDS += [(constant, *case) for case in ERLANG_B[:4]]


@pytest.mark.parametrize(("kind", "limit", "load", "mean", "seconds", "seeds", "precision"), ERLANG_B_KINDS)
def test_erlang_b(kind, limit, load, mean, seconds, seeds, precision):
    """At a concurrency limit the share of throttles is Erlang's, whatever the distribution of the duration."""
    function = Function("api", duration=kind(mean), cold_start=NO_COLD_START)
    account = Account(concurrency_limit=limit, scaling_rate=None, rps_per_concurrency=None, unreserved_minimum=0)
    runs = [only(function, poisson(load / mean), account, seconds, warm_up=30 * mean, seed=seed) for seed in range(seeds)]
    theory = erlang_b(limit, load)
    assert_in_interval(f"Erlang B, limit {limit:,}, load {load:,}", [run.throttle_rate for run in runs], theory, precision)
    carried = [run.mean_concurrency for run in runs]
    assert_in_interval(f"carried load, limit {limit:,}", carried, load * (1 - theory), 0.02)
    assert {reason for run in runs for reason in run.throttles_by_reason} == {CONCURRENCY}


def test_littles_law():
    """Mean concurrency is the rate of invocations times the mean time in the system, for every function, whatever limits it."""
    rest = {"idle_timeout": 0.2}
    plain = Function("plain", duration=exponential(0.5), **rest)
    reserved = Function(
        "reserved", duration=lognormal(0.2, 2.0), reserved_concurrency=30, cold_start=ColdStart(init=0.3), **rest
    )
    slow_start = ColdStart(init=exponential(0.4))
    failing = Function("failing", duration=exponential(0.8), timeout=1, error_rate=0.2, cold_start=slow_start, **rest)
    traffic = [(plain, poisson(100)), (reserved, poisson(150)), (failing, poisson(60))]
    triggers = [Sync(function, flow) for function, flow in traffic]
    account = Account(concurrency_limit=100, unreserved_minimum=0, scaling_rate=20)
    runs = [simulate(*triggers, account=account, seconds=600, warm_up=60, seed=seed, record=True) for seed in SEEDS]
    for function, _ in traffic:
        results = [run[function.name] for run in runs]
        served = [result.requests.query("outcome != 'throttled'") for result in results]
        assert min(result.throttles for result in results) > 100 and min(result.cold_starts for result in results) > 10
        rates = [result.invocations / 600 for result in results]
        gaps = [
            result.mean_concurrency - rate * (requests.wait + requests.duration).mean()
            for result, rate, requests in zip(results, rates, served, strict=True)
        ]
        busy = float(np.mean([result.mean_concurrency for result in results]))
        assert_in_interval(f"Little's law, {function.name} ({busy:.1f} busy), difference", gaps, 0.0, 0.003, scale=busy)


# Exact cold starts


def exact_cold_starts(rate, mean, idle_timeout):
    """P(cold) and the mean number of environments: Poisson arrivals, exponential durations, no limit, most recently used first.

    The environment that became idle when concurrency fell to n waits until it next rises to n + 1: a first passage of the
    M/M/inf chain, which has a matrix exponential of size n + 1; the integral over it comes from a bordered matrix.
    """
    load = rate * mean
    cold = environments = 0.0
    for level in range(int(load + 12 * math.sqrt(load) + 30)):
        chance = stats.poisson.pmf(level, load)
        generator = np.zeros((level + 2, level + 2))
        for busy in range(level + 1):
            generator[busy, busy] = -rate - busy / mean
            if busy:
                generator[busy, busy - 1] = busy / mean
            if busy < level:
                generator[busy, busy + 1] = rate
        generator[: level + 1, level + 1] = 1.0
        passed = expm(generator * idle_timeout)[level]
        cold += chance * passed[: level + 1].sum()
        environments += chance * passed[level + 1]
    return cold, load + rate * environments


def test_exact_cold_starts_by_hand():
    """The oracle itself: calls of no length need one environment, and are cold where the gap exceeds the idle timeout."""
    cold, environments = exact_cold_starts(0.5, 1e-7, 3.0)
    assert cold == pytest.approx(math.exp(-0.5 * 3.0), rel=1e-5)
    assert environments == pytest.approx(1 - math.exp(-0.5 * 3.0), rel=1e-5)


@pytest.mark.parametrize(
    ("rate", "mean", "idle_timeout", "seconds", "precision"),
    [(10, 0.1, 0.5, 30_000, 0.01), (2, 0.05, 0.75, 60_000, 0.01), (200, 0.05, 0.3, 3_000, 0.05), (400, 0.1, 2.0, 2_000, 0.3)],
)
def test_exact_cold_starts(rate, mean, idle_timeout, seconds, precision):
    """The share of cold starts and the mean number of environments are the ones that follow from the most-recently-used rule."""
    function = Function("api", duration=exponential(mean), cold_start=NO_COLD_START, idle_timeout=idle_timeout)
    runs = [only(function, poisson(rate), seconds=seconds, warm_up=50 * idle_timeout, seed=seed) for seed in SEEDS]
    cold, environments = exact_cold_starts(rate, mean, idle_timeout)
    name = f"{rate}/s of {mean} s, idle {idle_timeout} s"
    assert_in_interval(f"P(cold), {name}", [run.cold_start_rate for run in runs], cold, precision)
    assert_in_interval(f"mean environments, {name}", [run.mean_environments for run in runs], environments, 0.01)


# The per-request oracle


def level_crossings(arrival, end, idle_timeout):
    """For each request whether it starts cold, and which request freed its environment (-1 where cold).

    The environment that serves the arrival which raises concurrency from j-1 to j is the one that was freed when it last fell
    from j to j-1; there is a cold start if there was none or its gap is at least the idle timeout.
    """
    time = np.concatenate((end, arrival))  # of what happens at one instant, ends come first
    rises = np.arange(time.size) >= end.size
    request = np.concatenate((np.arange(end.size), np.arange(arrival.size)))
    order = np.argsort(time, kind="stable")
    level = np.cumsum(np.where(rises[order], 1, -1)) + ~rises[order]
    order, level = order[np.argsort(level, kind="stable")], np.sort(level)
    up = np.flatnonzero(rises[order])
    known = (up > 0) & (level[up] == level[up - 1])
    gap = np.where(known, time[order[up]] - time[order[up - 1]], np.inf)
    cold, freed_by = np.empty(arrival.size, bool), np.empty(arrival.size, int)
    cold[request[order[up]]] = gap >= idle_timeout
    freed_by[request[order[up]]] = np.where(gap >= idle_timeout, -1, request[order[up - 1]])
    return cold, freed_by


def environments_of(freed_by):
    """The environment of each request, numbered in the order in which they start."""
    numbers = []
    for earlier in freed_by:
        numbers.append(numbers[earlier] if earlier >= 0 else max(numbers, default=-1) + 1)
    return numbers


def test_level_crossings_by_hand():
    """The oracle itself: two at once, a reuse of each, and a gap that is too long."""
    cold, freed_by = level_crossings(np.array([0.0, 1.0, 2.5, 2.6, 9.0]), np.array([2.0, 2.2, 4.0, 3.0, 9.5]), 5.0)
    assert cold.tolist() == [True, True, False, False, True]
    assert freed_by.tolist() == [-1, -1, 1, 0, -1]


@pytest.mark.parametrize("idle_timeout", [0.05, 0.4, 3.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_request_of_any_traffic(seed, idle_timeout):
    """Arbitrary arrivals and durations: each single request is cold or warm, and in the environment, that the rule demands."""
    rng = np.random.default_rng(seed)
    burst = rng.choice([0.001, 0.02, 0.5], size=15_000, p=[0.6, 0.39, 0.01])
    arrival = np.cumsum(rng.exponential(burst))
    durations = Listed(tuple(rng.lognormal(-2.5, rng.choice([0.1, 1.5], size=15_000))))
    function = Function("api", duration=durations, cold_start=NO_COLD_START, idle_timeout=idle_timeout)
    requests = only(function, trace(arrival), seconds=arrival[-1] + 1, record=True).requests
    cold, freed_by = level_crossings(arrival, arrival + np.array(durations.seconds), idle_timeout)
    assert 100 < cold.sum() < 14_000
    assert np.array_equal(requests.cold, cold)
    assert requests.environment.tolist() == environments_of(freed_by.tolist())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_request_on_a_grid(seed):
    """The same where arrivals, ends and expiries fall on the same instants all the time."""
    rng = np.random.default_rng(seed)
    arrival = np.sort(rng.integers(0, 4_000, size=8_000)) * 0.25
    seconds = rng.integers(1, 12, size=8_000) * 0.25
    function = Function("api", duration=Listed(tuple(seconds)), cold_start=NO_COLD_START, idle_timeout=2.0)
    requests = only(function, trace(arrival), seconds=1_001, record=True).requests
    cold, _ = level_crossings(arrival, arrival + seconds, 2.0)
    assert 100 < cold.sum() < 7_000
    assert np.array_equal(requests.cold, cold)


# AWS's own worked examples


@pytest.mark.parametrize("name", ["concurrency_example_1_s", "concurrency_example_500_ms", "concurrency_example_200_ms"])
def test_concurrency_is_rate_times_duration(name):
    """AWS's formula: requests per second times seconds each is the concurrency."""
    example = fact(name).value
    function = Function("api", duration=example["seconds"])
    result = only(function, steady(example["requests/s"]), warm_up=10)
    assert result.mean_concurrency == pytest.approx(example["concurrency"], rel=1e-3)
    assert example["concurrency"] <= result.peak_concurrency <= example["concurrency"] + 1
    result = only(function, steady(example["requests/s"]), Account(concurrency_limit=example["concurrency"] + 1), warm_up=20)
    assert (result.throttles, result.cold_starts) == (0, 0)


@pytest.mark.parametrize("name", ["concurrency_example_1_s", "concurrency_example_500_ms", "concurrency_example_200_ms"])
def test_concurrency_that_is_needed_is_enough(name):
    """Steady requests fit exactly into the concurrency that AWS's formula gives: none is throttled."""
    example = fact(name).value
    function = Function("api", duration=example["seconds"], cold_start=NO_COLD_START)
    account = Account(concurrency_limit=example["concurrency"], unreserved_minimum=0)
    assert only(function, steady(example["requests/s"]), account, warm_up=20).throttles == 0


@pytest.mark.parametrize("name", ["concurrency_example_50_ms", "concurrency_example_20_ms"])
def test_request_rate_is_a_limit_of_its_own(name):
    """AWS: short calls are throttled at 10 requests/s per unit of concurrency, long before their concurrency is used up."""
    example = fact(name).value
    rate, seconds, needed = example["requests/s"], example["seconds"], example["needed"]
    function = Function("api", duration=seconds, cold_start=NO_COLD_START)
    short = only(function, steady(rate), Account(concurrency_limit=1_000), seconds=20, warm_up=30)
    assert short.invocations / 20 == pytest.approx(example.get("throttled above", 10_000), rel=1e-3)
    assert short.peak_concurrency < example["concurrency"]
    assert set(short.throttles_by_reason) == {RATE}
    almost = only(function, steady(rate), Account(concurrency_limit=needed - 100), seconds=20, warm_up=60)
    assert almost.invocations / 20 == pytest.approx(rate - 1_000, rel=1e-3)
    assert only(function, steady(rate), Account(concurrency_limit=needed), seconds=20, warm_up=30).throttles == 0


def test_request_rate_of_a_reservation():
    """AWS: a function with 100 reserved gets 1,000 requests/s, however short they are."""
    function = Function("api", duration=0.01, cold_start=NO_COLD_START, reserved_concurrency=100)
    result = only(function, steady(3_000), Account(), seconds=20, warm_up=5)
    assert result.invocations / 20 == pytest.approx(fact("reserved_100_rps").value, rel=1e-3)
    assert set(result.throttles_by_reason) == {RESERVED_RATE}


def test_request_rate_below_one():
    """A limit of half a request per second still lets one request through every two seconds."""
    function = Function("api", duration=0.01, reserved_concurrency=1)
    account = Account(rps_per_concurrency=0.5)
    assert only(function, steady(10), account, seconds=100).invocations == pytest.approx(50, abs=1)


def ten_requests(ends):
    """Ten requests a second apart that end at ``ends``; the names of the environments that serve them, and which are new."""
    durations = Listed(tuple(end - start for start, end in enumerate(ends, start=1)))
    function = Function("api", duration=durations, cold_start=NO_COLD_START)
    requests = only(function, trace(range(1, 11)), Account(), record=True).requests
    return ["ABCDEFGHIJ"[number] for number in requests.environment], requests.cold.tolist()


@pytest.mark.parametrize(
    "ends",
    [
        [5.5, 6.5, 7.5, 9.5, 20, 20, 20, 20, 20, 20],  # A, B, C and D become free just before they are needed
        [5.9, 5.6, 5.3, 9.5, 20, 20, 20, 20, 20, 20],  # C, then B, then A become free before the sixth: the last comes first
    ],
    ids=["one free", "three free"],
)
def test_ten_requests_of_aws(ends):
    """AWS's picture: requests 1 to 5 and 9 start environments; 6, 7, 8 and 10 reuse A, B, C and D."""
    environments, cold = ten_requests(ends)
    assert [number for number, new in enumerate(cold, start=1) if new] == fact("ten_requests_new").value
    reused = [environments[number - 1] for number in fact("ten_requests_reuse").value]
    assert reused == fact("ten_requests_reused").value
    assert environments[:5] == list("ABCDE") and environments[8] == "F"


# The scaling rate


def started_by(result, times):
    """How many environments had been started by each of ``times``."""
    started = result.requests.query("cold").time.to_numpy()
    return np.searchsorted(started, times, side="right").tolist()


def flood(at, size=5_000):
    return trace([at] * size)


WITHOUT_LIMIT = Account(concurrency_limit=None)


def test_scaling_rate_at_once():
    """A thousand environments start at once; of 5,000 requests at one instant the other 4,000 are throttled."""
    function = Function("api", duration=100, cold_start=NO_COLD_START)
    result = only(function, flood(0), WITHOUT_LIMIT)
    assert (result.invocations, result.cold_starts) == (fact("scaling_bucket_depth").value, fact("scaling_rate").value)
    assert result.throttles_by_reason == {SCALING: 4_000}


def test_scaling_rate_comes_back_continuously():
    """After a thousand at once, a hundred more each second: not a thousand after ten seconds."""
    function = Function("api", duration=100, cold_start=NO_COLD_START)
    result = only(function, flood(0) + steady(2_000), WITHOUT_LIMIT, seconds=30, record=True)
    times = np.array([0, 0.1, 0.25, 0.5, 1, 2, 5, 9.99, 10, 20])
    refill = fact("scaling_bucket_refill").value
    assert started_by(result, times) == pytest.approx(1_000 + refill * times, abs=1)


@pytest.mark.parametrize(("pause", "again"), [(0.5, 50), (5, 500), (9.5, 950), (10, 1_000), (50, 1_000)])
def test_scaling_rate_is_not_saved_up(pause, again):
    """Quiet time brings back a hundred environments a second, but never more than a thousand."""
    function = Function("api", duration=100, cold_start=NO_COLD_START)
    result = only(function, flood(0) + flood(pause), WITHOUT_LIMIT, record=True)
    assert started_by(result, [pause]) == [1_000 + again]


def test_scaling_rate_is_full_after_a_quiet_warm_up():
    """A run begins with the whole allowance, whether a warm-up without requests went before or not."""
    function = Function("api", duration=100, cold_start=NO_COLD_START)
    assert only(function, flood(1), WITHOUT_LIMIT, warm_up=100).cold_starts == 1_000


def test_each_function_scales_on_its_own():
    """A flood on one function takes nothing from what another may start."""
    functions = [Function(name, duration=100, cold_start=NO_COLD_START) for name in ("one", "two", "three")]
    run = simulate(*(Sync(function, flood(1)) for function in functions), account=WITHOUT_LIMIT)
    assert [result.cold_starts for result in run] == [1_000, 1_000, 1_000]


def test_scaling_rate_applies_within_a_reservation():
    """A reservation of 1,500 does not start faster: AWS's scaling rate applies besides."""
    function = Function("api", duration=100, cold_start=NO_COLD_START, reserved_concurrency=1_500)
    result = only(function, flood(1, 2_000), Account(concurrency_limit=5_000))
    assert result.cold_starts == 1_000 and result.throttles_by_reason == {SCALING: 1_000}


def test_warm_environments_need_no_scaling():
    """The scaling rate counts new environments: requests that find a warm one pass."""
    function = Function("api", duration=0.4, cold_start=NO_COLD_START)
    result = only(function, flood(0, 1_000) + flood(1, 1_000) + flood(2, 1_000), WITHOUT_LIMIT)
    assert (result.cold_starts, result.throttles) == (1_000, 0)


def test_scaling_rate_of_requests():
    """The other half of it: 10,000 requests/s more every 10 seconds, so 100,000 requests/s of 10 ms take 90 to 100 s to reach."""
    function = Function("api", duration=0.01, cold_start=NO_COLD_START)
    needed = fact("concurrency_for_100000_rps").value
    run = simulate(Sync(function, steady(100_000)), account=Account(concurrency_limit=2 * needed), seconds=120)
    assert set(run["api"].throttles_by_reason) == {SCALING}
    table = run.metrics(period=1)["api"]
    throttled = np.flatnonzero(table["Throttles", "Sum"])
    print(f"100,000 requests/s: the last throttle in second {throttled[-1]}")
    assert 88 <= throttled[-1] + 1 <= fact("ramp_to_100000_rps").value
    assert throttled.tolist() == list(range(throttled[-1] + 1))
    allowed = fact("scaling_rate_rps").value * (1 + np.arange(80) / fact("scaling_period").value)
    served = table["Invocations", "Sum"].to_numpy()[1:81]
    assert served == pytest.approx(allowed + 1_000, rel=0.11)


# Reserved concurrency


def test_reserved_concurrency_of_aws():
    """700 and 200 reserved of 1,000 leave 100 for all others: each gets its share, and never more."""
    one, two = (Function(name, duration=1, reserved_concurrency=size) for name, size in (("one", 700), ("two", 200)))
    three, four = (Function(name, duration=1) for name in ("three", "four"))
    run = simulate(*(Sync(function, poisson(1_500)) for function in (one, two, three, four)), seconds=60, warm_up=10)
    assert (run["one"].peak_concurrency, run["two"].peak_concurrency) == (700, 200)
    assert {reason for name in ("one", "two") for reason in run[name].throttles_by_reason} == {RESERVED}
    assert {reason for name in ("three", "four") for reason in run[name].throttles_by_reason} == {CONCURRENCY}
    table = run.metrics(period=60)["account"]
    assert table["UnreservedConcurrentExecutions", "Maximum"].tolist() == [100]
    assert table["ConcurrentExecutions", "Maximum"].tolist() == [1_000]
    assert table["ClaimedAccountConcurrency", "Maximum"].tolist() == [1_000]


def test_reserved_example_of_aws():
    """AWS's figure: two functions reserve 400 each, and 200 are left for all others."""
    sizes, left = fact("reserved_example").value, fact("reserved_example_left").value
    reserved = [Function(f"reserved {number}", duration=1, reserved_concurrency=size) for number, size in enumerate(sizes)]
    run = simulate(*reserved, Sync(Function("other", duration=1), poisson(2_000)), seconds=30)
    assert run["other"].peak_concurrency == left
    assert set(run["other"].throttles_by_reason) == {CONCURRENCY}


def test_reserved_zero_throttles_everything():
    """A reservation of 0 switches the function off, with the reason of a reservation."""
    result = only(Function("off", duration=0.1, reserved_concurrency=0), poisson(100), Account())
    assert (result.invocations, result.throttle_rate) == (0, 1.0)
    assert result.throttles_by_reason == {RESERVED: result.arrivals}


def test_reserved_function_is_never_starved():
    """However hard others are hit, a function gets what is reserved for it; without a reservation it does not."""
    noisy = Sync(Function("noisy", duration=5), spike(500, 5_000, 10, 20))
    for reserve, starved in ((100, False), (None, True)):
        quiet = Function("quiet", duration=1, reserved_concurrency=reserve)
        run = simulate(Sync(quiet, steady(99)), noisy, seconds=60, warm_up=5)
        assert (run["quiet"].throttles > 0) is starved
        assert run["noisy"].throttles > 0


def test_what_can_be_reserved():
    """Of 1,000, 900 can be reserved; one more is refused, and the message says what is left and what AWS demands."""
    half = Function("half", duration=1, reserved_concurrency=450)
    simulate(half, Function("rest", duration=1, reserved_concurrency=450))
    with pytest.raises(ValueError, match="UnreservedConcurrentExecution") as refused:
        simulate(half, Function("rest", duration=1, reserved_concurrency=451))
    most = fact("reserved_maximum").value
    for part in ("450 for 'half'", "451 for 'rest'", "99", "1,000", "100", f"{most:,}", "ReservedConcurrentExecutions"):
        assert part in str(refused.value)
    simulate(Function("all", duration=1, reserved_concurrency=1_000), account=Account(concurrency_limit=1_100))
    simulate(Function("all", duration=1, reserved_concurrency=1_000), account=Account(unreserved_minimum=0))
    with pytest.raises(ValueError):
        simulate(Function("more", duration=1, reserved_concurrency=1_001), account=Account(unreserved_minimum=0))
    with pytest.raises(ValueError):
        simulate(Function("any", duration=1, reserved_concurrency=1), account=Account(concurrency_limit=100))
    simulate(Function("off", duration=1, reserved_concurrency=0), account=Account(concurrency_limit=10))


def test_refusal_quotes_aws():
    """What AWS says to a reservation that leaves too little stands in the message, word for word."""
    with pytest.raises(ValueError) as refused:
        simulate(Function("all", duration=1, reserved_concurrency=901))
    assert fact("reserved_error").value in str(refused.value)


@pytest.mark.parametrize(
    ("function", "traffic", "account", "reason"),
    [
        ({"duration": 1}, {"size": 20}, {"concurrency_limit": 10}, CONCURRENCY),
        ({"duration": 1, "reserved_concurrency": 10}, {"size": 20}, {}, RESERVED),
        ({"duration": 0}, {"size": 200}, {"concurrency_limit": 10}, RATE),
        ({"duration": 0, "reserved_concurrency": 10}, {"size": 200}, {}, RESERVED_RATE),
        ({"duration": 1}, {"size": 20}, {"scaling_rate": 10}, SCALING),
        ({"duration": 0}, {"size": 200}, {"scaling_rate": 10}, SCALING),
    ],
    ids=["concurrency", "reserved", "rate", "reserved rate", "environments", "growth"],
)
def test_reason_of_a_throttle(function, traffic, account, reason):
    """Each limit that is exceeded alone throttles what exceeds it, and gives its own reason."""
    run = simulate(
        Sync(Function("api", cold_start=NO_COLD_START, **function), flood(1, **traffic)),
        Sync(Function("idle", duration=0), trace([])),
        account=Account(**{"unreserved_minimum": 0, **account}),
        record=True,
    )
    half = traffic["size"] // 2
    assert run["api"].throttles_by_reason == {reason: half}
    assert run["api"].requests.reason.isna().tolist() == [True] * half + [False] * half
    assert set(run["api"].requests.reason[half:]) == {reason}
    assert run["api"].requests.outcome.tolist() == ["ok"] * half + ["throttled"] * half


# Environments


def test_most_recently_used_serves():
    """After a crowd, single requests all go to the environment that became idle last; the others are left to expire."""
    function = Function("api", duration=Listed((*([1.0] * 4), 1.25, 1.0, *([0.25] * 50))), cold_start=NO_COLD_START)
    requests = only(function, trace([0.0] * 6 + list(range(2, 52))), Account(), record=True).requests
    assert requests.environment.tolist() == [0, 1, 2, 3, 4, 5] + [4] * 50
    assert requests.cold.sum() == 6


def test_sparse_requests_need_one_environment():
    """Requests that do not overlap all run in the first environment."""
    result = only(Function("api", duration=0.1), steady(1), seconds=300, record=True)
    assert set(result.requests.environment) == {0} and result.cold_starts == 1
    assert (result.peak_concurrency, result.peak_environments) == (1, 1)


@pytest.mark.parametrize(("second", "cold"), [(8.499999999999998, False), (8.5, True), (8.500000000000002, True)])
def test_idle_expiry_is_sharp(second, cold):
    """An environment that has been idle for less than the idle timeout is warm; at the timeout it is gone."""
    function = Function("api", duration=0.5, cold_start=NO_COLD_START, idle_timeout=8)
    requests = only(function, trace([0, second]), record=True).requests
    assert requests.cold.tolist() == [True, cold]


def test_idle_time_counts_from_the_end():
    """Idle time begins when the handler ends, after the initialisation too, and each use begins it anew."""
    function = Function("api", duration=3, cold_start=ColdStart(init=2), idle_timeout=4)
    requests = only(function, trace([0, 8.75, 15.5, 22.5]), record=True).requests
    assert requests.cold.tolist() == [True, False, False, True]


def test_environments_are_counted_until_they_expire():
    """Two environments: one of 5 s busy and 10 s idle, one that starts at 2 s and is used again at 14 s."""
    function = Function("api", duration=Listed((5.0, 1.0, 3.0)), cold_start=NO_COLD_START, idle_timeout=10)
    result = only(function, trace([0, 2, 14]), seconds=100, record=True)
    # The first lives from 0 to 5, is the most recently used at 14, and so until 27; the second from 2 to 13.
    assert result.requests.environment.tolist() == [0, 1, 0]
    assert result.mean_environments == pytest.approx((27 + 11) / 100)
    assert result.mean_concurrency == pytest.approx(9 / 100)
    assert result.peak_environments == 2


@pytest.mark.parametrize(("at", "cold"), [(9.875, False), (10, True), (12, True)])
def test_maximum_age(at, cold):
    """An environment older than its maximum age is not used again, however recently it was."""
    function = Function("api", duration=0.5, cold_start=NO_COLD_START, maximum_age=10)
    requests = only(function, trace([0, 3, 6, 9, at]), record=True).requests
    assert requests.cold.tolist() == [True, False, False, False, cold]


def test_maximum_age_does_not_interrupt():
    """What runs when the age is reached runs to its end, and its environment ends then."""
    function = Function("api", duration=8, cold_start=NO_COLD_START, maximum_age=10)
    result = only(function, trace([0, 9, 17.5]), seconds=100, record=True)
    assert result.requests.cold.tolist() == [True, False, True]
    assert result.requests.latency.tolist() == [8, 8, 8]
    assert result.mean_environments == pytest.approx((17 + 10) / 100)


def test_initialising_counts_against_the_limit():
    """While it initialises an environment takes its place in the concurrency, and nobody waits for it."""
    function = Function("api", duration=1, cold_start=ColdStart(init=2))
    account = Account(concurrency_limit=1, unreserved_minimum=0)
    result = only(function, trace([0, 1, 2.5, 2.75, 3]), account, record=True)
    assert result.requests.outcome.tolist() == ["ok", "throttled", "throttled", "throttled", "ok"]
    assert result.requests.wait.tolist()[::4] == [2, 0]
    assert result.mean_concurrency == pytest.approx(4 / 60)


def test_time_out():
    """A call that takes longer than the timeout is cut off, counts as an error, and its environment initialises again."""
    function = Function("api", duration=Listed((5.0, 0.5, 0.5, 2.0)), timeout=2, cold_start=ColdStart(init=1))
    result = only(function, trace([0, 10, 20, 30]), record=True)
    assert result.requests.outcome.tolist() == ["timeout", "ok", "ok", "ok"]
    assert result.requests.duration.tolist() == [2, 0.5, 0.5, 2]
    assert result.requests.init.tolist() == [1, 1, 0, 0]
    assert result.requests.cold.tolist() == [True, False, False, False]
    assert set(result.requests.environment) == {0}
    assert (result.errors, result.timeouts, result.cold_starts) == (1, 1, 1)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_error_rate(share):
    """The share of invocations that fail is the one asked for; a failed call takes its time and leaves its environment warm."""
    function = Function("api", duration=0.01, error_rate=share, cold_start=NO_COLD_START)
    result = only(function, poisson(1_000), seconds=100)
    chance = stats.binomtest(result.errors, result.invocations, share).pvalue
    print(f"error rate {share}: {result.errors} of {result.invocations}, p = {chance:.2g}")
    assert chance > 1e-3
    assert result.timeouts == 0 and result.cold_starts < 60
