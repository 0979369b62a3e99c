"""The numeric questions of lesson 06 solved a second time, as ``second_ways.py`` tells."""

from __future__ import annotations

from collections import deque


def shard_throughput(shards, batch, batch_ms):
    """Run batches one after the other for a hundred seconds in every shard, and count."""
    return sum(batch for _ in range(shards) for start in range(0, 100_000, batch_ms) if start + batch_ms <= 100_000) / 100


def factor_to_keep_up(rate, shards, batch, batch_ms):
    """Try the factors from 1 on."""
    return next(factor for factor in range(1, 11) if factor * shards * batch * 1_000 >= rate * batch_ms)


def shards_for_producers(rate, size_kb):
    """Add shards until neither records nor kilobytes are too many."""
    shards = 1
    while rate > 1_000 * shards or rate * size_kb > 1_000 * shards:
        shards += 1
    return shards


def iterator_age_growth(rate, processed):
    """Record number n was sent at n / rate and is handed over at n / processed: compare minute 10 with minute 11."""
    ages = [second - processed * second / rate for second in (600, 660)]
    return ages[1] - ages[0]


def hours_until_records_expire(growth):
    """Minute by minute, to the first at which the age is a day."""
    age = minutes = 0
    while age < 86_400:
        age, minutes = age + growth, minutes + 1
    return minutes / 60


def catching_up(minutes, rate, most):
    """Second by second, until the backlog is gone."""
    backlog, seconds = rate * 60 * minutes, 0
    while backlog > 0:
        backlog, seconds = backlog + rate - most, seconds + 1
    return seconds / 60


def bisect_failures(batch):
    """Halve a list with a bad record in it until it stands alone."""
    records, failed = [False] * (batch - 1) + [True], 1
    while len(records) > 1:
        half = len(records) // 2
        records = records[:half] if any(records[:half]) else records[half:]
        failed += 1
    return failed


def stream_concurrency(shards, factor, readers):
    """List the lanes, and count."""
    return len({(reader, shard, lane) for reader in range(readers) for shard in range(shards) for lane in range(factor)})


def hot_key(shards, factor, batch, batch_ms):
    """One lane, for a hundred seconds: batches one after the other."""
    return shard_throughput(1, batch, batch_ms)


def batching_window(window):
    """A batch each time the window is over."""
    return 3_600 / window


def stream_latency(batch_ms):
    """Half a second until the next poll, typically, and then the batch."""
    return 500 + batch_ms


def repeated_records(millions, percent):
    """The first repeat, the repeat of the repeat, and so on."""
    return sum(millions * 1_000_000 * (percent / 100) ** time for time in range(1, 30))


def stream_with_reservation(reserved, shards, batch, batch_ms):
    """For two hundred seconds: each free environment takes the shard that has waited longest."""
    waiting, busy, done = deque(range(shards)), deque(), 0
    for now in range(0, 200_000, 100):
        while busy and busy[0][0] <= now:
            waiting.append(busy.popleft()[1])
            done += batch
        while waiting and len(busy) < reserved:
            busy.append((now + batch_ms, waiting.popleft()))
    return done / (200 - batch_ms / 1_000)
