"""Levels over time, counted in bins."""

from __future__ import annotations

from lambdacourse.engine.kernel.compiling import inlined


@inlined
def add_interval(bins, row, level, since, until, clock, amount=1.0):
    """Add ``amount`` to a level between two times."""
    since, until = max(since, 0.0), min(until, clock.end)
    if since >= until:
        return
    place = since * clock.per_bin
    index = int(place)
    bins[row, index, level] += amount * (index + 1 - place)
    bins[row, index + 1, level + 1] += amount
    place = until * clock.per_bin
    index = int(place)
    if index < bins.shape[1] - 1:
        bins[row, index, level] -= amount * (index + 1 - place)
        bins[row, index + 1, level + 1] -= amount
