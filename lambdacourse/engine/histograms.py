"""The histograms of waits and latencies: bins 0.4 % wide, whose index is read from a number's own bits."""

from __future__ import annotations

import numpy as np

# Histograms have bins that are powers of two cut into 256: each 0.4 % wide, from 2^-20 s (1 microsecond) to 2^24 s.
CUTS = 256
LOWEST_POWER = -20
HISTOGRAM_BINS = (24 - LOWEST_POWER) * CUTS


def histogram_bin(seconds: np.ndarray) -> np.ndarray:
    """The histogram bin of each of ``seconds``, read from the number's own binary exponent and first digits."""
    index = (np.asarray(seconds, dtype=float).view(np.int64) >> 44) - ((1023 + LOWEST_POWER) << 8)
    return index.clip(0, HISTOGRAM_BINS - 1)


def histogram_edge(index: np.ndarray | float) -> np.ndarray:
    """The lower edge, in seconds, of a histogram bin; between whole numbers, a place within the bin."""
    power, cut = np.divmod(index, CUTS)
    return 2.0 ** (power + LOWEST_POWER) * (1 + cut / CUTS)


def histogram_quantile(counts: np.ndarray, q: float, zeros: float = 0.0) -> float:
    """The ``q`` quantile of what the histogram ``counts``, with ``zeros`` further values of 0. NaN where there is nothing."""
    below = np.cumsum(counts) + zeros
    if below[-1] == 0:
        return float("nan")
    rank = q * below[-1]
    if rank <= zeros and zeros:
        return 0.0
    filled = np.flatnonzero(counts)
    index = int(np.searchsorted(below, rank).clip(filled[0], filled[-1]))
    before = below[index] - counts[index]
    return float(histogram_edge(index + (rank - before) / counts[index]))
