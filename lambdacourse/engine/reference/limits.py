"""Limits on how fast something may go: token buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """A token bucket: ``rate`` tokens a second, never above ``depth``; it starts full."""

    rate: float
    depth: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.depth

    def room(self, now: float) -> float:
        """How many tokens there are now."""
        self.tokens = min(self.depth, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return self.tokens

    def has_one(self, now: float) -> bool:
        return self.room(now) >= 1 - 1e-9

    def take(self, amount: float = 1) -> None:
        self.tokens -= amount

    def change(self, rate: float, depth: float, now: float) -> None:
        """Another rate and depth from now on."""
        self.has_one(now)
        self.rate, self.depth = rate, depth


class Growth:
    """How fast a function's requests per second may grow: in each second by ``gain``, from what it had plus ``step``.

    The published half of the scaling rate: 10,000 more requests per second every 10 seconds. That it works on whole seconds,
    and that what is not used is not saved up beyond ``step``, is how the course reads it (assumption).
    """

    def __init__(self, step: float, gain: float, burst: float, start: float) -> None:
        self.step, self.gain, self.burst, self.start = step, gain, burst, start
        self.second, self.admitted = 0, 0
        self.bucket = Bucket(step, step * burst, start)

    def has_one(self, now: float) -> bool:
        passed = int(now - self.start) - self.second
        if passed > 0:
            allowed = min(self.bucket.rate + self.gain, self.admitted + self.step)
            if passed > 1:
                allowed = min(allowed + self.gain * (passed - 1), self.step)
            self.bucket.has_one(self.start + self.second + passed)
            self.bucket.rate, self.bucket.depth = allowed, allowed * self.burst
            self.second, self.admitted = self.second + passed, 0
        return self.bucket.has_one(now)

    def take(self) -> None:
        self.bucket.take()
        self.admitted += 1


class NoLimit:
    def room(self, now: float) -> float:
        return math.inf

    def has_one(self, now: float) -> bool:
        return True

    def take(self, amount: float = 1) -> None:
        pass
