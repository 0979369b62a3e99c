"""Durations: what is drawn has the mean, the variance and the quantiles that the object says it has, and scipy agrees."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from lambdacourse import constant, exponential, lognormal
from lambdacourse.model import Constant, Duration, Exponential, Function, Lognormal

NINETY_NINTH = stats.norm.ppf(0.99)

IN_SCIPY = [
    (exponential(0.5), stats.expon(scale=0.5)),
    (exponential(1e-3), stats.expon(scale=1e-3)),
    (lognormal(0.2, 1.0), stats.lognorm(s=math.log(5) / NINETY_NINTH, scale=0.2)),
    (lognormal(3.0, 4.0), stats.lognorm(s=math.log(4 / 3) / NINETY_NINTH, scale=3)),
    (lognormal(0.05, 0.5), stats.lognorm(s=math.log(10) / NINETY_NINTH, scale=0.05)),
]
BOTH = pytest.mark.parametrize(
    ("duration", "theory"), IN_SCIPY, ids=lambda value: str(value) if isinstance(value, Duration) else ""
)
ALL = [constant(0.25), constant(0), lognormal(1, 1), *(duration for duration, _ in IN_SCIPY)]
EACH = pytest.mark.parametrize("duration", ALL, ids=str)


def draws(duration, seed, size=200_000):
    return duration.draw(np.random.default_rng(seed), size)


@EACH
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_samples_have_the_moments(duration, seed):
    """The mean and the variance of samples lie within five standard errors of what the duration says."""
    sample = draws(duration, seed)
    root = math.sqrt(sample.size)
    assert abs(sample.mean() - duration.mean) <= 5 * math.sqrt(duration.variance) / root + 1e-12
    squares = (sample - duration.mean) ** 2
    assert abs(squares.mean() - duration.variance) <= 5 * squares.std() / root + 1e-12


@BOTH
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_samples_have_the_distribution(duration, theory, seed):
    """Kolmogorov and Smirnov find no difference between samples and scipy's distribution."""
    assert stats.kstest(draws(duration, seed, 50_000), theory.cdf).pvalue > 1e-3


@BOTH
def test_figures_are_those_of_theory(duration, theory):
    """Mean, variance and quantiles are scipy's."""
    assert duration.mean == pytest.approx(theory.mean(), rel=1e-9)
    assert duration.variance == pytest.approx(theory.var(), rel=1e-9)
    for q in (0.001, 0.1, 0.5, 0.9, 0.99, 0.999):
        assert duration.quantile(q) == pytest.approx(theory.ppf(q), rel=1e-9)


@BOTH
def test_samples_are_independent(duration, theory):
    """Neighbouring samples are not correlated."""
    ranks = theory.cdf(draws(duration, 5))
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(ranks[:-lag], ranks[lag:])[0, 1]) < 4 / math.sqrt(ranks.size)


@EACH
def test_draws_do_not_depend_on_chunks(duration):
    """A hundred draws at once are a hundred draws in pieces."""
    whole, rng = draws(duration, 9, 100), np.random.default_rng(9)
    assert whole.tolist() == [value for size in (1, 0, 60, 39) for value in duration.draw(rng, size).tolist()]
    assert whole.dtype == float and whole.shape == (100,)
    assert (whole >= 0).all()


def test_lognormal_is_known_by_median_and_p99():
    """The two figures one reads off a dashboard are the two that one gives."""
    duration = lognormal(median=0.2, p99=1.0)
    assert duration.quantile(0.5) == pytest.approx(0.2) and duration.quantile(0.99) == pytest.approx(1.0)
    sample = draws(duration, 1)
    assert np.quantile(sample, [0.5, 0.99]) == pytest.approx([0.2, 1.0], rel=0.02)


def test_constant_is_constant():
    """A constant has no variance, and each of its quantiles is itself."""
    duration = constant(0.25)
    assert (duration.mean, duration.variance, duration.quantile(0.01), duration.quantile(0.99)) == (0.25, 0, 0.25, 0.25)
    assert set(draws(duration, 1, 1_000)) == {0.25}
    assert set(draws(lognormal(0.2, 0.2), 1, 1_000)) == {0.2}


@EACH
def test_durations_are_values(duration):
    """A duration cannot be changed, equals its like, can be a key, and says what it is."""
    assert isinstance(duration, Duration)
    with pytest.raises(dataclasses.FrozenInstanceError):
        duration.mean = 1
    again = dataclasses.replace(duration)
    assert duration == again and hash(duration) == hash(again)
    assert " s" in str(duration)


def test_names_and_classes():
    """The plain functions give the classes; a plain number is a constant."""
    assert (constant(1), exponential(2), lognormal(1, 2)) == (Constant(1.0), Exponential(2.0), Lognormal(1.0, 2.0))
    assert Function("api", duration=0.5).duration == constant(0.5)
    assert Function("api", duration=exponential(0.5)).duration == exponential(0.5)
    assert Function("api", duration=1) == Function("api", duration=1.0)


def test_quantile_of_nonsense():
    """A quantile outside 0 to 1 is refused with the value and the rule."""
    for duration in (constant(1), exponential(1), lognormal(1, 2)):
        for q in (-0.1, 1.5, math.nan, "0.5", None):
            with pytest.raises((TypeError, ValueError), match="from 0 to 1") as refused:
                duration.quantile(q)
            assert repr(q) in str(refused.value)


def test_quantiles_at_the_ends():
    """The least and the greatest value: 0, and infinity."""
    for duration in (exponential(1), lognormal(1, 2)):
        assert (duration.quantile(0), duration.quantile(1)) == (0, math.inf)
