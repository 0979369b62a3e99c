"""Every numeric question solved a second time, by hand: plain Python, AWS's numbers as this course's lessons state them.

One function a question, under its id with underscores; it takes the question's parameters and gives the answer in its unit.
"""

from __future__ import annotations

import math


def needed_concurrency(rate, duration_ms):
    """Count who is inside: with arrivals evenly apart, those of the last ``duration_ms``, averaged over a second."""
    return sum(duration_ms for _ in range(rate)) / 1_000


def mean_duration_from_concurrency(invocations, busy):
    """In one minute ``busy`` environments work 60,000 ms each, shared by the invocations."""
    return busy * 60_000 / invocations


def requests_per_environment(duration_ms):
    """Serve one after the other for a hundred seconds, and count."""
    return sum(1 for start in range(0, 100_000, duration_ms) if start + duration_ms <= 100_000) / 100


def served_by_default_account(limit, duration_ms):
    """All durations here are under 100 ms, where ten requests per second for each unit are the tighter limit."""
    assert duration_ms < 100
    return 10 * limit


def limit_for_short_requests(rate, duration_ms):
    assert duration_ms < 100
    return rate / 10


def limit_for_any_duration(rate, duration_ms):
    assert duration_ms / 2 < 100
    return rate / 10


def throttled_share(rate, duration_ms, limit):
    each = min(10, 1_000 / duration_ms)  # requests per second of one unit of concurrency
    return 100 * (rate - limit * each) / rate


def seconds_to_scale(environments):
    """Step by step: ten more environments every tenth of a second."""
    have, tenths = 1_000, 0
    while have < environments:
        have, tenths = have + 10, tenths + 1
    return tenths / 10


def seconds_to_scale_then_and_now(environments):
    """Minute by minute, the last one in part."""
    minutes, missing = divmod(environments - 3_000, 500)
    return minutes * 60 + missing / 500 * 60


def seconds_to_rate(rate):
    reached, seconds = 0, 0
    while reached < rate:
        reached, seconds = reached + 10_000, seconds + 10
    return seconds


def limit_with_headroom(rate, duration_ms):
    """The standard deviation of a Poisson count, summed from its probabilities."""
    mean = rate * duration_ms / 1_000
    spread = 0.0
    for count in range(int(mean + 12 * math.sqrt(mean))):
        spread += (count - mean) ** 2 * math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    return mean + 3 * math.sqrt(spread)


def throttled_at_the_mean(mean):
    """Erlang's formula B, by its recursion."""
    blocked = 1.0
    for servers in range(1, int(mean) + 1):
        blocked = mean * blocked / (servers + mean * blocked)
    return 100 * blocked


def slow_dependency(rate, slow_s):
    return rate * slow_s - rate / 10


# Lesson 02


def share_lost_in_the_pool(shop, reports):
    """Of every wanted environment's requests, an equal part finds one of the thousand."""
    return 100 * (shop + reports - 1_000) / (shop + reports)


def left_to_reserve(limit, first, second):
    third = 0
    while first + second + third < limit - 100:
        third += 1
    return third


def left_beside_provisioned(reserved, inside, outside):
    """Add what the functions hold: provisioned and plain part of the reservation, and the other's provisioned."""
    return 1_000 - (inside + (reserved - inside) + outside)


def provisioned_spills_from(provisioned, duration_ms):
    return provisioned * 10 if duration_ms <= 100 else provisioned / (duration_ms / 1_000)


def share_that_spills(rate, provisioned):
    """A provisioned environment serves two requests of 500 ms in a second."""
    return 100 * (rate - 2 * provisioned) / rate


def seconds_to_allocate(provisioned):
    """A hundred in every second."""
    return provisioned / 100


def month_of_idle_readiness(provisioned, memory_mb):
    """By the price of a GB-hour, which AWS's calculator shows."""
    return provisioned * memory_mb / 1_024 * 730 * 0.015


def multiple_at_utilisation(percent):
    """A hundred GB-seconds kept, ``percent`` of them used."""
    return (100 * 0.0000041667 + percent * 0.0000097222) / (percent * 0.0000166667)


def most_worth_provisioning(busy):
    """Add one after the other until keeping them costs more than the cheaper duration saves."""
    kept = busy
    while kept * 4_1667 < busy * (16_6667 - 9_7222):
        kept += 0.01
    return kept


def change_of_the_bill(busy, provisioned):
    month = 730 * 3_600
    with_it = month * (provisioned * 0.0000041667 + busy * 0.0000097222)
    return with_it - month * busy * 0.0000166667


def saved_by_the_clock(provisioned, hours):
    return provisioned * 730 * 0.015 - provisioned * hours * 22 * 0.015


def wanted_by_target_tracking(busy, allocated):
    """The fewest of which no more than seven tenths are busy."""
    enough = 1
    while 10 * busy > 7 * enough:
        enough += 1
    return enough


# Lesson 05


def seconds_to_the_failure_destination(duration):
    return duration + 60 + duration + 120 + duration


def handled_per_second(concurrency, batch, each_ms):
    """Each environment works without a gap on one message at a time, whatever the batch."""
    return concurrency / (each_ms / 1_000)


def backlog_after_the_peak(hours, sent, concurrency):
    """Minute by minute: 60 x sent come, each environment handles 30."""
    waiting = 0
    for _ in range(int(hours) * 60):
        waiting += 60 * sent - 30 * concurrency
    return waiting


def hours_to_drain(millions, handled, sent):
    """Minute by minute, to the last part of one."""
    waiting, minutes = millions * 1_000_000, 0
    while waiting > 60 * (handled - sent):
        waiting, minutes = waiting - 60 * (handled - sent), minutes + 1
    return (minutes + waiting / (60 * (handled - sent))) / 60


def wait_of_the_last_message(millions, handled, sent):
    """What is handled in an hour, how often it goes into those before."""
    return millions * 1_000_000 / (3_600 * handled)


def seconds_until_pollers_are_there(concurrency):
    """Five more each second."""
    pollers, seconds = 5, 0
    while pollers < concurrency:
        pollers, seconds = pollers + 5, seconds + 1
    return seconds


def pollers_to_provision(rate, duration):
    """A poller that drives ten at a time completes 10, 5 or 2 a second."""
    each = {1: 10, 2: 5, 5: 2}[int(duration)]
    enough = 0
    while enough * each < rate:
        enough += 1
    return enough


def visibility_timeout_to_set(timeout, window):
    return sum(timeout for _ in range(6)) + window


def seconds_to_the_dead_letter_queue(visibility, receives):
    """Follow it: received, hidden, visible again, until the next receive would be one too many."""
    clock, received = 0, 0
    while received < receives:
        received, clock = received + 1, clock + visibility
    return clock


def batches_that_fail(percent, batch):
    """Add the chances of one, two, three … bad messages."""
    bad, size = percent / 100, int(batch)
    return 100 * sum(math.comb(size, count) * bad**count * (1 - bad) ** (size - count) for count in range(1, size + 1))


def fifo_per_second(groups, reserved, each_ms):
    lanes = groups if groups < reserved else reserved
    return sum(1_000 / each_ms for _ in range(int(lanes)))


# Lesson 07


def month_on_demand(millions, duration_ms, memory_mb):
    gb_seconds = millions * 1_000 * duration_ms * memory_mb / 1_024
    return millions * 0.20 + gb_seconds * 0.0000166667


def billed_of_a_cold_call(duration, init):
    """In hundredths of a millisecond, which REPORT prints; up to the next full one."""
    hundredths = round(duration * 100) + round(init * 100)
    return -(-hundredths // 100)


def init_on_the_bill(percent, init_ms, duration_ms):
    return percent * init_ms / duration_ms


def duration_at_another_memory(wait_ms, cpu_ms, memory_mb):
    """Nobody computes faster than one vCPU in one thread."""
    return wait_ms + (cpu_ms if memory_mb >= 1_769 else cpu_ms * 1_769 / memory_mb)


def eight_times_the_memory(duration_ms):
    """A million calls: 128 MB are an eighth of a GB."""
    small = duration_ms * 1_000 / 8 * 0.0000166667
    return (0.20 + 8 * small) / (0.20 + small)


def saved_on_arm64(duration_ms, memory_mb):
    duration = duration_ms * 1_000 * memory_mb / 1_024 * 0.0000166667
    return 20 * duration / (duration + 0.20)


def waiting_side_by_side(first, second):
    return 100 * min(first, second) / (first + second + 20)


def sqs_requests_of_a_month(millions, batch):
    """Sent, received, deleted: each a line, in millions of requests."""
    sent, received, deleted = millions, millions / batch, millions / batch
    return 0.40 * (sent + received + deleted)


def logs_of_a_month(millions, kb):
    return millions * 1_000_000 * kb / 1_048_576 * 0.50


def requests_until_two_tasks(duration_ms, memory_mb):
    """One million after the other costs the same: how often it goes into the tasks' price."""
    tasks = 2 * 730 * (0.04048 + 2 * 0.004445)
    million = 0.20 + duration_ms * 1_000 * memory_mb / 1_024 * 0.0000166667
    return tasks / million


def billions_of_gb_seconds(billions):
    return 6 * 16.6667 + (billions - 6) * 15


# Lesson 03


def cold_share_by_rate(rate):
    """Cut the six minutes into a hundred thousand pieces: no request in any of them."""
    return 100 * (1 - rate / 10 / 100_000) ** 100_000


def rate_for_a_cold_share(percent):
    """Halve the interval in which the rate must be."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if 100 * math.exp(-6 * middle) > percent else (low, middle)
    return low


def cold_starts_of_a_jump(rate, init_ms, duration_ms):
    """Request by request, until one arrives after the first has finished."""
    cold = 0
    while cold / rate * 1_000 < init_ms + duration_ms:
        cold += 1
    return cold


def calls_of_a_warmer(minutes):
    return 30 * 24 * 60 / minutes


def burst_on_a_warmed_function(warm, people):
    free, cold = warm, 0
    for _ in range(int(people)):
        free, cold = (free - 1, cold) if free else (free, cold + 1)
    return cold


def import_in_the_handler(import_ms, memory_mb):
    return import_ms / (memory_mb / 1_769)


def mean_with_cold_calls(warm_ms, percent, extra_ms):
    """Of a thousand calls, warm and cold apart."""
    cold = 10 * percent
    return ((1_000 - cold) * warm_ms + cold * (warm_ms + extra_ms)) / 1_000


def price_of_restores(memory_mb, thousands):
    return thousands * 0.1397998 * memory_mb / 1_024
