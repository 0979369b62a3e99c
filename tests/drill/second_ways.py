"""Every numeric question solved a second time, by hand: plain Python, AWS's numbers as this course's lessons state them.

One function a question, under its id with underscores; it takes the question's parameters and gives the answer in its unit.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from heapq import heappop, heappush
from statistics import mean


def inside(rate, duration_ms):
    """How many are there at once, averaged over a thousand instants, when they come evenly apart and stay so long."""
    instants = [1_000_000 + 7.389 * number for number in range(1_000)]
    return mean(math.floor(at * rate / 1_000) - math.floor((at - duration_ms) * rate / 1_000) for at in instants)


def turned_away(rate, environments, seconds):
    """Percent of requests, evenly apart for twenty seconds, that find each environment busy, when one takes so many seconds."""
    ends, lost = deque(), 0
    for number in range(20 * rate):
        at = number / rate
        while ends and ends[0] <= at + 1e-9:
            ends.popleft()
        if len(ends) < environments:
            ends.append(at + seconds)
        else:
            lost += 1
    return 100 * lost / (20 * rate)


def calls_of_a_unit(duration_ms):
    """Calls that one unit of concurrency serves in a second, averaged over twenty: one after the other, and ten in a second at most."""
    clock = calls = 0
    while clock + duration_ms <= 20_000 and calls < 10 * 20:
        clock, calls = clock + duration_ms, calls + 1
    return calls / 20


def needed_concurrency(rate, duration_ms):
    """Count who is inside."""
    return inside(rate, duration_ms)


def mean_duration_from_concurrency(invocations, busy):
    """Halve the interval in which the duration must be, until as many are inside as are busy."""
    low, high = 0.0, 60_000.0 * busy
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(invocations / 60, middle) < busy else (low, middle)
    return low


def requests_per_environment(duration_ms):
    """Serve one after the other for a hundred seconds, and count."""
    return sum(1 for start in range(0, 100_000, duration_ms) if start + duration_ms <= 100_000) / 100


def served_by_default_account(limit, duration_ms):
    return limit * calls_of_a_unit(duration_ms)


def limit_for_short_requests(rate, duration_ms):
    """Add units until they serve all."""
    units = 0
    while units * calls_of_a_unit(duration_ms) < rate:
        units += 1
    return units


def limit_for_any_duration(rate, duration_ms):
    return limit_for_short_requests(rate, duration_ms / 2)


def throttled_share(rate, duration_ms, limit):
    """A five-hundredth of it, request by request for twenty seconds: is an environment free, and this second's rate not used up?"""
    rate, limit, ends, served = rate // 500, limit // 500, [], Counter()
    for number in range(20 * rate):
        at = number * 1_000 / rate
        ends = [end for end in ends if end > at + 1e-6]
        if len(ends) < limit and served[number // rate] < 10 * limit:
            ends.append(at + duration_ms)
            served[number // rate] += 1
    return 100 * (1 - served.total() / (20 * rate))


def seconds_to_scale(environments):
    """Step by step: ten more environments every tenth of a second."""
    have, tenths = 1_000, 0
    while have < environments:
        have, tenths = have + 10, tenths + 1
    return tenths / 10


def seconds_to_scale_then_and_now(environments):
    """Second by second: a sixtieth of 500."""
    sixtieths, seconds = 60 * (environments - 3_000), 0
    while sixtieths > 0:
        sixtieths, seconds = sixtieths - 500, seconds + 1
    return seconds


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
    """Count who is inside, slow and fast."""
    return inside(rate, 1_000 * slow_s) - inside(rate, 100)


# Lesson 02


def share_lost_in_the_pool(shop, reports):
    """Seat them one by one, in the order in which they come: the thousand first ones find a place."""
    seated = [place < 1_000 for place in range(shop + reports)]
    return 100 * seated.count(False) / len(seated)


def left_to_reserve(limit, first, second):
    third = 0
    while first + second + third < limit - 100:
        third += 1
    return third


def left_beside_provisioned(reserved, inside, outside):
    """Number the thousand, and strike out what the functions hold; the provisioned ones inside are among the reserved."""
    free = set(range(1_000)) - set(range(reserved)) - set(range(inside)) - set(range(reserved, reserved + outside))
    return len(free)


def provisioned_spills_from(provisioned, duration_ms):
    return provisioned * calls_of_a_unit(duration_ms)


def share_that_spills(rate, provisioned):
    return turned_away(rate, provisioned, 0.5)


def seconds_to_allocate(provisioned):
    """A hundred in every second, until all are there."""
    return len(range(0, provisioned, 100))


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
    """One environment takes batch after batch for a thousand seconds: count its messages."""
    clock = messages = 0
    while clock < 1_000_000:
        clock, messages = clock + batch * each_ms, messages + batch
    return concurrency * messages / (clock / 1_000)


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
    """Second by second, until those before it are handled; those behind it do not matter."""
    before, seconds = millions * 1_000_000, 0
    while before > 0:
        before, seconds = before - handled, seconds + 1
    return seconds / 3_600


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
    """The least from which on, after the window, six runs of the function fit."""
    enough = window
    while (enough - window) // timeout < 6:
        enough += 1
    return enough


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
    """Ten seconds of it: an environment that is free takes a group of which no message is being handled."""
    idle, busy, free, handled = deque(range(groups)), [], reserved, 0
    for now in range(0, 10_000, 10):
        while busy and busy[0][0] <= now:
            _, group = heappop(busy)
            idle.append(group)
            free, handled = free + 1, handled + 1
        while idle and free:
            heappush(busy, (now + each_ms, idle.popleft()))
            free -= 1
    return handled / (10 - each_ms / 1_000)


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
    """Thirty days in minutes: count the calls."""
    return len(range(0, 30 * 24 * 60, minutes))


def burst_on_a_warmed_function(warm, people):
    free, cold = warm, 0
    for _ in range(int(people)):
        free, cold = (free - 1, cold) if free else (free, cold + 1)
    return cold


def import_in_the_handler(import_ms, memory_mb):
    return import_ms / (memory_mb / 1_769)


def mean_with_cold_calls(warm_ms, percent, extra_ms):
    """A thousand calls, one by one."""
    cold = round(10 * percent)
    return mean([warm_ms + extra_ms] * cold + [warm_ms] * (1_000 - cold))


def price_of_restores(memory_mb, thousands):
    return thousands * 0.1397998 * memory_mb / 1_024
