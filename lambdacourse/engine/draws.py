"""Random numbers that need no order: a number for (key, of what, which try, for what), always the same.

What is drawn once per arrival comes from NumPy's streams (``plan.random_stream``). What may be needed later, and how often nobody
knows at the arrival (does the second attempt fail? how long does the caller wait before the third?), comes from here: SplitMix64
(Steele, Lea and Flood 2014) of a counter. The kernel has the same in ``kernel.draws``, equal to the last bit.
"""

from __future__ import annotations

from hashlib import sha256

# What a number is drawn for. Each use has its own, so that one never moves another.
FAILURE, JITTER, RECORD_FAILURE, GROUP, SPREAD = range(5)

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
PURPOSES = 16
_WORD = (1 << 64) - 1


def draw_key(seed: int, name: str, ordinal: int = 0) -> int:
    """The key, 64 bits, of what is drawn for one named thing in a run with this seed."""
    return int.from_bytes(sha256(f"{seed}\0{name}\0{ordinal}".encode()).digest()[:8], "little")


def uniform(key: int, number: int, attempt: int, purpose: int) -> float:
    """A number from 0 up to, not including, 1."""
    word = _mix(key + GOLDEN * (number + 1))
    word = _mix(word + GOLDEN * (attempt * PURPOSES + purpose + 1))
    return (word >> 11) * 2.0**-53


def _mix(word: int) -> int:
    word &= _WORD
    word = ((word ^ (word >> 30)) * FIRST) & _WORD
    word = ((word ^ (word >> 27)) * SECOND) & _WORD
    return word ^ (word >> 31)
