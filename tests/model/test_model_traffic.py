"""Traffic: as many requests as the rate says, in every stretch of time, and as random as it says."""

import dataclasses
import itertools
import math
from zlib import crc32

import numpy as np
import pytest
from scipy import stats

from lambdacourse import diurnal, poisson, ramp, spike, steady, trace
from lambdacourse.model import Traffic
from lambdacourse.model.traffic import CHUNK


def streams(seed):
    """A random stream for each purpose, as the engine gives them."""
    return lambda purpose: np.random.default_rng([seed, crc32(purpose.encode())])


def arrivals(traffic, start, end, seed=1):
    """All arrivals; each chunk is checked on the way: not empty, not too large, in order, within the window."""
    flows = [of_one_flow(flow, start, end, seed + number) for number, flow in enumerate(traffic.flows())]
    return np.sort(np.concatenate(flows))


def of_one_flow(traffic, start, end, seed):
    times = [np.empty(0)]
    for chunk in traffic.arrivals(streams(seed), start, end):
        assert 0 < chunk.size <= CHUNK
        times.append(chunk)
    times = np.concatenate(times)
    assert (np.diff(times) >= 0).all()
    assert times.size == 0 or (start <= times[0] and times[-1] < end)
    return times


def expected_ramp(first, last, seconds):
    def integral(time):
        if time <= 0:
            return first * time
        climbed = min(time, seconds)
        return first * climbed + (last - first) * climbed**2 / (2 * seconds) + last * max(time - seconds, 0)

    return integral


def expected_wave(low, high, peak_at, period):
    turn = 2 * math.pi / period
    return lambda time: low * time + (high - low) / 2 * (time + math.sin(turn * (time - peak_at)) / turn)


RANDOM = {  # traffic, expected requests from time 0 (an integral, by hand), window
    "poisson": (poisson(80), lambda time: 80 * time, (-50, 450)),
    "poisson, slow": (poisson(0.5), lambda time: 0.5 * time, (0, 50_000)),
    "ramp up": (ramp(0, 200, 300), expected_ramp(0, 200, 300), (-20, 400)),
    "ramp down": (ramp(150, 10, 300), expected_ramp(150, 10, 300), (-20, 400)),
    "ramp to nothing": (ramp(200, 0, 300), expected_ramp(200, 0, 300), (0, 400)),
    "ramp, cut": (ramp(20, 200, 300), expected_ramp(20, 200, 300), (0, 200)),
    "ramp, flat": (ramp(60, 60, 100), lambda time: 60 * time, (0, 400)),
    "spike": (spike(40, 400, 100, 50), lambda time: 40 * time + 360 * min(max(time - 100, 0), 50), (-20, 400)),
    "spike from nothing": (spike(0, 400, 100, 50), lambda time: 400 * min(max(time - 100, 0), 50), (-20, 400)),
    "spike at once": (spike(40, 400, 0, 50), lambda time: 40 * time + 360 * min(max(time, 0), 50), (-100, 400)),
    "spike downwards": (spike(80, 0, 100, 50), lambda time: 80 * time - 80 * min(max(time - 100, 0), 50), (0, 400)),
    "spike, cut": (spike(40, 400, 100, 500), lambda time: 40 * time + 360 * max(time - 100, 0), (0, 200)),
    "diurnal": (diurnal(0, 1), expected_wave(0, 1, 43_200, 86_400), (0, 86_400)),
    "diurnal, short": (diurnal(20, 150, 10, 77), expected_wave(20, 150, 10, 77), (-30, 400)),
}
EACH = pytest.mark.parametrize("name", RANDOM)


def bounded_poisson(count, expected):
    """The chance of a count at least this far out, in a Poisson distribution, on both sides."""
    tails = stats.poisson.cdf(count, expected), stats.poisson.sf(count - 1, expected)
    return min(1.0, 2 * float(min(tails)))


@EACH
@pytest.mark.parametrize("seed", [1, 2])
def test_counts_follow_the_rate(name, seed):
    """In each twentieth of the window, and in the whole, there are as many requests as the integral of the rate, within Poisson."""
    traffic, expected, (start, end) = RANDOM[name]
    times = arrivals(traffic, start, end, seed)
    edges = np.linspace(start, end, 21)
    wanted = np.diff([expected(edge) for edge in edges])
    counts = np.histogram(times, edges)[0]
    for count, mean in zip(counts, wanted, strict=True):
        assert count == 0 if mean < 1e-9 else bounded_poisson(count, mean) > 1e-5, (count, mean)
    assert bounded_poisson(times.size, wanted.sum()) > 1e-3
    assert wanted.sum() > 10_000


@EACH
@pytest.mark.parametrize("seed", [1, 2])
def test_gaps_are_exponential(name, seed):
    """On the clock of expected requests the gaps are exponential with mean 1, and do not depend on each other."""
    traffic, expected, (start, end) = RANDOM[name]
    clock = np.array([expected(time) for time in arrivals(traffic, start, end, seed)]) - expected(start)
    gaps = np.diff(clock, prepend=0.0)
    assert stats.kstest(gaps, "expon").pvalue > 1e-3
    ranks = 1 - np.exp(-gaps)
    for lag in (1, 2, 5):
        assert abs(np.corrcoef(ranks[:-lag], ranks[lag:])[0, 1]) < 4 / math.sqrt(gaps.size)


@EACH
def test_rate_is_what_was_asked_for(name):
    """The integral of ``rate`` over any part of the window is the one by hand; a wave's straight lines are 0.01 % off."""
    traffic, expected, (start, end) = RANDOM[name]
    edges = np.linspace(start, end, 8)
    for since, until in itertools.pairwise(edges):
        middles = since + (np.arange(20_000) + 0.5) * (until - since) / 20_000
        area = traffic.rate(middles).mean() * (until - since)
        assert area == pytest.approx(expected(until) - expected(since), rel=1e-3, abs=1e-3 * traffic.peak_rate(start, end))


@pytest.mark.parametrize(
    ("traffic", "rates"),
    [
        (steady(5), {-1: 5, 0: 5, 100: 5}),
        (poisson(5), {-1: 5, 0: 5, 100: 5}),
        (ramp(10, 30, 4), {-9: 10, 0: 10, 1: 15, 2: 20, 4: 30, 9: 30}),
        (spike(1, 9, 2, 3), {-1: 1, 1.999: 1, 2: 9, 4.999: 9, 5: 1, 100: 1}),
        (diurnal(10, 20, 6, 24), {6: 20, 18: 10, 0: 15, 12: 15, -18: 20, 30: 20}),
        (trace([1, 1.25, 1.5, 7]), {1.25: 3, 4: 0, 7: 1}),
        (poisson(5) + spike(0, 9, 2, 3), {1: 5, 2: 14, 5: 5, 9: 5}),
    ],
    ids=["steady", "poisson", "ramp", "spike", "diurnal", "trace", "sum"],
)
def test_rate_at_known_times(traffic, rates):
    """The rate where one can read it off; for many times at once, in any order, and for one."""
    times = list(rates)
    assert traffic.rate(np.array(times, dtype=float)) == pytest.approx(list(rates.values()), rel=1e-3)
    assert traffic.rate(np.array(times[::-1], dtype=float)) == pytest.approx(list(rates.values())[::-1], rel=1e-3)
    for time, rate in rates.items():
        assert traffic.rate(float(time)) == pytest.approx(rate, rel=1e-3)
    assert traffic.rate(np.empty(0)).size == 0


def test_rate_does_not_depend_on_the_other_times():
    """Where a spike ends the rate is that after it, whichever other times are asked for."""
    assert spike(0, 9, 2, 3).rate(np.array([1.0, 5.0])).tolist() == [0, spike(0, 9, 2, 3).rate(5.0)]


PLAIN = [*(traffic for traffic, _, _ in RANDOM.values()), steady(50), poisson(3) + ramp(0, 20, 9), poisson(0)]


@pytest.mark.parametrize("traffic", PLAIN, ids=str)
def test_peak_rate_is_an_upper_bound(traffic):
    """No rate within a window is above its peak, which is not far above either."""
    for start, end in ((0, 60), (-10, 3), (99, 101), (0, 86_400)):
        rates = traffic.rate(np.linspace(start, end, 5_001)[:-1])
        assert rates.max() <= traffic.peak_rate(start, end) * (1 + 1e-12)
        assert traffic.peak_rate(start, end) <= 1.01 * rates.max()


def test_peak_rate_of_a_trace_is_within_a_factor_of_two():
    """A trace counts whole seconds: for sizing that is enough."""
    times = np.sort(np.random.default_rng(3).uniform(0, 100, 2_000))
    most = trace(times).rate(np.linspace(0, 100, 20_001)).max()
    assert most / 2 <= trace(times).peak_rate(0, 100) <= most
    assert trace(times).peak_rate(200, 300) == trace([]).peak_rate(0, 1) == 0


def test_steady_is_exact():
    """Steady requests are evenly spaced; one is at time 0, whatever warm-up goes before; the end is not included."""
    assert arrivals(steady(4), 0, 2).tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert arrivals(steady(4), -0.6, 0.5).tolist() == [-0.5, -0.25, 0, 0.25]
    assert arrivals(steady(0.5), -3, 5).tolist() == [-2, 0, 2, 4]
    many = arrivals(steady(3_000), 0, 60)
    assert many.tolist() == (np.arange(180_000) / 3_000).tolist()
    assert arrivals(steady(0), -10, 10).size == 0


def test_steady_does_not_drift():
    """After a million seconds the requests still come on the beat."""
    times = arrivals(steady(3), 1_000_000, 1_000_010)
    assert times * 3 == pytest.approx(np.arange(3_000_000, 3_000_030), abs=1e-6)


@pytest.mark.parametrize(
    "traffic", [poisson(0), ramp(0, 0, 5), spike(0, 0, 1, 1), diurnal(0, 0), trace([]), steady(0)], ids=str
)
def test_nothing_comes_at_rate_zero(traffic):
    """A rate of 0 sends nothing, alone or in a sum."""
    assert arrivals(traffic, -10, 50_000).size == 0
    assert arrivals(traffic + trace([1, 2]), 0, 10).tolist() == [1, 2]


def test_a_warm_up_lies_before_ramp_and_spike():
    """Before time 0 a ramp stands at its first rate, and a spike has not begun."""
    assert arrivals(ramp(0, 100, 10), -1_000, 0).size == 0
    assert arrivals(spike(0, 100, 0, 10), -1_000, 0).size == 0
    assert arrivals(trace([0, 1]), -1_000, 1).tolist() == [0]


def test_trace_replays():
    """A trace gives back its times in order, those within the window; the array it came from stays as it was."""
    given = np.array([5.0, 1.0, 3.0, 1.0])
    traffic = trace(given)
    given[0] = 99
    assert arrivals(traffic, 0, 60).tolist() == [1, 1, 3, 5]
    assert arrivals(traffic, 1, 5).tolist() == [1, 1, 3]
    with pytest.raises(ValueError):
        traffic.times[0] = 2
    assert arrivals(trace(time for time in (2, 1)), 0, 60).tolist() == [1, 2]
    many = np.arange(2.5 * CHUNK) / 1_000
    assert arrivals(trace(many), 0, 60).tolist() == many.tolist()


def test_a_sum_is_both():
    """A sum sends what its parts send; the first of them keeps the stream that it has alone."""
    times = arrivals(steady(3) + trace([0.1, 0.2]), 0, 1)
    assert times.tolist() == [0, 0.1, 0.2, 1 / 3, 2 / 3]
    first, both = arrivals(poisson(500), 0, 100), arrivals(poisson(500) + poisson(300) + steady(7), 0, 100)
    assert np.isin(first, both).all()
    assert np.isin(np.arange(700) / 7, both).all()
    assert bounded_poisson(both.size - first.size - 700, 30_000) > 1e-3
    assert arrivals(poisson(500) + poisson(500), 0, 100).size != 2 * first.size


def test_parts_of_a_sum_are_independent():
    """Two equal parts do not send at the same times, and together they are Poisson with both rates."""
    times = arrivals(poisson(200) + poisson(200), 0, 200)
    assert np.unique(times).size == times.size
    assert bounded_poisson(times.size, 80_000) > 1e-3
    assert stats.kstest(np.diff(times) * 400, "expon").pvalue > 1e-3


def test_sums_are_flat():
    """Adding to a sum adds a part, from either side; anything else cannot be added."""
    one, two, three = poisson(1), steady(2), ramp(0, 1, 5)
    assert (one + two) + three == one + (two + three)
    assert ((one + two) + three).parts == (one, two, three)
    assert (one + two).rate(3.0) == 3 and (one + two).peak_rate(0, 9) == 3
    for other in (5, None, "poisson"):
        with pytest.raises(TypeError):
            one + other


@pytest.mark.parametrize("traffic", PLAIN, ids=str)
def test_traffic_is_a_value(traffic):
    """A traffic cannot be changed, equals its like and can be a key."""
    assert isinstance(traffic, Traffic)
    field = dataclasses.fields(traffic)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(traffic, field, 1)
    again = dataclasses.replace(traffic)
    assert traffic == again and hash(traffic) == hash(again)


@EACH
def test_draws_are_made_from_one_stream_per_purpose(name):
    """The same streams give the same arrivals; others give others."""
    traffic, _, (start, end) = RANDOM[name]
    assert np.array_equal(arrivals(traffic, start, end, 1), arrivals(traffic, start, end, 1))
    assert not np.isin(arrivals(traffic, start, end, 1), arrivals(traffic, start, end, 2)).any()
