"""``engine.draws.uniform``, compiled."""

from __future__ import annotations

import numpy as np

from lambdacourse.engine import draws
from lambdacourse.engine.kernel.compiling import inlined

_GOLDEN, _FIRST, _SECOND = np.uint64(draws.GOLDEN), np.uint64(draws.FIRST), np.uint64(draws.SECOND)
_PURPOSES, _ONE = np.uint64(draws.PURPOSES), np.uint64(1)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@inlined
def uniform(key, number, attempt, purpose):
    """A number from 0 up to, not including, 1; ``key`` is a uint64."""
    word = _mix(key + _GOLDEN * (np.uint64(number) + _ONE))
    word = _mix(word + _GOLDEN * (np.uint64(attempt) * _PURPOSES + np.uint64(purpose) + _ONE))
    return np.float64(word >> _11) * 2.0**-53


@inlined
def _mix(word):
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)
