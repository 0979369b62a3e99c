"""Queues: what must always hold, closed forms, and what AWS says of its pollers, batches and receives."""

from dataclasses import replace

import numpy as np
import pytest
from engine_scenarios import plan_of, same_every_time
from hypothesis import given
from queue_scenarios import lives, queue_scenarios

from lambdacourse import engine
from lambdacourse.engine import queueing, reference
from lambdacourse.engine.draws import GROUP, uniform
from lambdacourse.facts import fact
from lambdacourse.model import (
    Account,
    ColdStart,
    EventSourceMapping,
    FifoQueue,
    Function,
    SqsQueue,
    Sync,
    exponential,
    poisson,
    steady,
    trace,
)
from lambdacourse.simulation import Scenario, simulate

WARM = ColdStart(init=0)


def worker(duration, **options):
    return Function("worker", duration=duration, cold_start=WARM, **options)


def burst(count):
    """So many messages at once, at the beginning."""
    return trace(np.zeros(count))


# What must always hold


@given(queue_scenarios())
@same_every_time(60)
def test_what_always_holds(scenario):
    """Each message has one end or waits; nothing is received twice at once, too early or too often; limits are kept."""
    plan = plan_of(scenario)
    history = reference.run(plan)
    counted = queueing.tally_queues(history, plan)
    for number, mapping in enumerate(plan.queues):
        source = mapping.source
        keys = {index: plan.draw_key(flow) for index, flow in enumerate(plan.flows)}
        groups = getattr(source, "message_groups", 1)
        mine = lives(history.messages, number, lambda flow, n: int(uniform(keys[flow], n, 0, GROUP) * groups))  # noqa: B023
        for life in mine:
            check_life(life, source)
        check_conservation(counted.bins[number], mine)
        check_in_flight(history.messages, number, source.in_flight_limit)
        if isinstance(source, FifoQueue):
            check_order(mine)
    check_concurrency(history.requests, plan)


def check_life(life, source):
    """Sent, then received and returned in turn, not before the visibility timeout, and one end at the most."""
    kinds = [kind for kind, _ in life.events if kind not in (queueing.HANDED, queueing.LATE)]
    assert kinds[0] == queueing.SENT and kinds.count(queueing.SENT) == 1
    ends = (queueing.DELETED, queueing.DEAD_LETTERED, queueing.EXPIRED)
    assert not any(kind in ends for kind in kinds[:-1])
    visible = True
    for kind in kinds[1:]:
        assert (kind in (queueing.RETURNED, queueing.DELETED)) != visible
        visible = kind == queueing.RETURNED
    received, returned = life.times(queueing.RECEIVED), life.times(queueing.RETURNED)
    assert all(back - taken >= source.visibility_timeout - 1e-9 for taken, back in zip(received, returned, strict=False))
    if source.max_receive_count is not None:
        assert len(received) <= source.max_receive_count
    if kinds[-1] == queueing.DEAD_LETTERED:
        assert len(received) == source.max_receive_count
    if kinds[-1] == queueing.EXPIRED:
        assert life.end[1] >= life.events[0][1] + source.retention - 1e-6


def check_conservation(bins, mine):
    """What was there and what was sent is what ended and what is left."""
    columns = (queueing.DELETED, queueing.DEAD_LETTERED, queueing.EXPIRED)
    total = bins[:, queueing.AT_START].sum() + bins[:, queueing.SENT].sum()
    left = bins[-2, queueing.VISIBLE] + bins[-2, queueing.IN_FLIGHT]
    assert total == sum(bins[:, column].sum() for column in columns) + left
    assert left == sum(life.end[0] is None for life in mine)


def check_in_flight(messages, queue, limit):
    """Never more received and not deleted than the quota."""
    kinds = messages.kind[messages.queue == queue]
    steps = np.select([kinds == queueing.RECEIVED, np.isin(kinds, (queueing.RETURNED, queueing.DELETED))], [1, -1], 0)
    assert np.cumsum(steps).max(initial=0) <= limit


def check_order(mine):
    """A message is received when all earlier ones of its group are gone, or are received in the same batch."""
    ahead: dict[int, list] = {}
    for life in mine:
        for time in life.times(queueing.RECEIVED):
            for other in ahead.get(life.group, []):
                assert other.end[1] <= time or time in other.times(queueing.RECEIVED)
        ahead.setdefault(life.group, []).append(life)


def check_concurrency(requests, plan):
    """No more batches of a mapping at a time than its maximum concurrency."""
    for mapping in plan.queues:
        flows = [index for index, flow in enumerate(plan.flows) if flow.trigger is mapping]
        ran = np.isin(requests.flow, flows) & (requests.outcome < engine.history.THROTTLED)
        since, until = requests.time[ran], requests.started[ran] + requests.duration[ran] - 1e-9
        since, until = since[until > since], until[until > since]
        times = np.concatenate((since, until))
        steps = np.concatenate((np.ones(since.size), -np.ones(since.size)))
        busy = np.cumsum(steps[np.lexsort((steps, times))])
        most = mapping.maximum_concurrency or queueing.pollers(mapping).most
        assert busy.max(initial=0) <= most


def test_moving_one_slider_reshuffles_nothing():
    """With another concurrency the same messages are sent at the same times, with the same durations and the same poison."""
    queue = SqsQueue("orders", poisson(20), visibility_timeout=20, poison_rate=0.1, max_receive_count=1)
    one, other = (
        simulate(
            EventSourceMapping(worker(exponential(1)), queue, batch_size=1, maximum_concurrency=most), seconds=100, record=True
        )
        for most in (3, 30)
    )
    first, second = (run["orders"].messages for run in (one, other))
    assert first[first.event == "sent"].time.tolist() == second[second.event == "sent"].time.tolist()
    durations = [dict(zip(run.tally.requests.number, run.tally.requests.duration, strict=True)) for run in (one, other)]
    both = durations[0].keys() & durations[1].keys()
    assert len(both) > 100 and all(durations[0][number] == durations[1][number] for number in both)


# Closed forms


def test_waiting_as_erlang_c_says():
    """With five pollers a queue is M/M/5: Erlang C gives the share that waits, and the mean wait."""
    rate, mean, servers, seconds = 4.0, 1.0, 5, 40_000
    queue = SqsQueue("orders", poisson(rate), visibility_timeout=43_200)
    mapping = EventSourceMapping(worker(exponential(mean)), queue, batch_size=1, maximum_concurrency=servers)
    load = rate * mean
    terms = np.cumprod(np.concatenate(([1.0], load / np.arange(1, servers + 1))))
    last = terms[-1] / (1 - load / servers)
    waits = last / (terms[:-1].sum() + last)
    backlogs = [simulate(mapping, seconds=seconds, warm_up=200, seed=seed)["orders"].mean_backlog for seed in range(4)]
    expected = waits * load / servers / (1 - load / servers)
    error = np.std(backlogs, ddof=1) / 2
    assert abs(np.mean(backlogs) - expected) < 4 * error + 0.02
    assert error < 0.1 * expected


def test_little_on_the_backlog():
    """Messages that wait, on average, are the rate times the mean wait: of any queue in which all were received in the end."""
    queue = SqsQueue("orders", trace(np.sort(np.random.default_rng(1).uniform(0, 60, 900))), visibility_timeout=43_200)
    run = simulate(EventSourceMapping(worker(2), queue, batch_size=1, maximum_concurrency=20), seconds=200, record=True)
    messages = run["orders"].messages
    waited = messages[messages.event == "received"].age.sum()
    held = messages[messages.event == "deleted"].age.sum() - waited
    assert len(messages[messages.event == "deleted"]) == 900
    assert run["orders"].mean_backlog * 200 == pytest.approx(waited)
    assert run["orders"].mean_in_flight * 200 == pytest.approx(held)


def test_the_backlog_of_an_overload():
    """What comes in faster than it goes out waits: sent minus served, and it drains at the difference of the rates."""
    function = worker(2)
    queue = SqsQueue("images", trace(np.arange(0, 300, 0.05)), visibility_timeout=90)  # 20 a second for 5 minutes
    run = simulate(EventSourceMapping(function, queue, batch_size=1, maximum_concurrency=5), seconds=3_000)
    assert run["images"].peak_backlog == pytest.approx((20 - 2.5) * 300, abs=6)
    assert 300 + run["images"].empty_after(300) == pytest.approx(6_000 / 2.5, abs=4)
    assert run["images"].deleted == 6_000


def test_the_source_lessons_pipeline_in_small():
    """A thousandth of the peak of the image pipeline: 550 more a second than it handles; it drains in 12.6 thousandths of hours.

    1,000 a second against 900 batches of 2 s, in AWS's ramp from 5: the area that the ramp leaves unserved comes on top.
    """
    peak = 288.0
    queue = SqsQueue("images", trace(np.arange(0, peak, 0.001)), visibility_timeout=90)
    mapping = EventSourceMapping(worker(2), queue, batch_size=1, maximum_concurrency=900)
    account = Account(concurrency_limit=2_000, scaling_rate=None)
    run = simulate(mapping, account=account, seconds=400)
    ramp = fact("sqs_ramp_to_900").value
    unserved = (900 - 5) * ramp / 2 / 2  # a triangle of pollers that were not there, each half a message a second
    assert run["images"].peak_backlog == pytest.approx(550 * peak + unserved, rel=0.01)


# Pollers


def test_the_ramp_of_a_standard_queue():
    """Five batches at first, 300 more each minute while messages wait: 900 after 179 seconds, 1,250 at the most."""
    queue = SqsQueue("orders", burst(200_000), visibility_timeout=43_200, in_flight_limit=120_000)
    account = Account(concurrency_limit=5_000, scaling_rate=None, rps_per_concurrency=None)
    run = simulate(EventSourceMapping(worker(600), queue, batch_size=1), account=account, seconds=300)
    allowed = run["orders"].series(queueing.ALLOWED)
    assert allowed[0] == fact("sqs_pollers_start").value + 4  # one every 0.2 s; the fifth with the end of the second
    assert allowed[fact("sqs_ramp_to_900").value] == pytest.approx(900, abs=5)
    assert allowed[-1] == run["worker"].peak_concurrency == fact("sqs_pollers_maximum").value


def test_pollers_fall_when_there_is_nothing_to_do():
    """After a burst the pollers go back to five."""
    queue = SqsQueue("orders", burst(2_000), visibility_timeout=60)
    run = simulate(EventSourceMapping(worker(1), queue, batch_size=1), seconds=300)
    allowed = run["orders"].series(queueing.ALLOWED)
    assert allowed.max() > 50 and allowed[-1] == fact("sqs_pollers_idle").value


def test_maximum_concurrency():
    """No more batches at a time than the maximum concurrency, and what waits is not throttled."""
    queue = SqsQueue("orders", burst(1_000), visibility_timeout=60)
    run = simulate(EventSourceMapping(worker(1), queue, batch_size=1, maximum_concurrency=17), seconds=120)
    assert run["worker"].peak_concurrency == 17 and run["worker"].throttles == 0 and run["orders"].deleted == 1_000


@pytest.mark.parametrize(
    ("seconds", "batch", "kilobytes", "events"),
    [(2, 1, 1, 5), (1, 1, 1, 10), (0.1, 10, 1, 100), (0.5, 10, 64, 16), (0.02, 1, 1, 10), (5, 1, 1, 2), (0.1, 10, 256, 4)],
)
def test_the_formula_of_a_provisioned_poller(seconds, batch, kilobytes, events):
    """Events a second: the least of 1,024 / KB, 10 / seconds x batch size, and the smaller of 100 and 10 x batch size."""
    assert min(1_024 // kilobytes, 10 / seconds * batch, min(100, 10 * batch)) == events
    queue = SqsQueue("orders", burst(events * 3 * 100), visibility_timeout=600, message_kb=kilobytes)
    mapping = EventSourceMapping(worker(seconds), queue, batch_size=batch, minimum_pollers=3, maximum_pollers=3)
    run = simulate(mapping, seconds=60)
    assert run["orders"].received == pytest.approx(events * 3 * 60, rel=0.06)


def test_pollers_for_a_thousand_a_second():
    """AWS's formula gives 200 pollers for 1,000 messages a second of 2 seconds each, one a batch: they keep up."""
    pollers = fact("sqs_pollers_for_1000_per_second").value
    queue = SqsQueue("images", steady(1_000), visibility_timeout=90)
    mapping = EventSourceMapping(worker(2), queue, batch_size=1, minimum_pollers=pollers)
    account = Account(concurrency_limit=10_000, scaling_rate=None)
    run = simulate(mapping, account=account, seconds=10)
    assert run["images"].wait(1) < 0.01 and run["worker"].peak_concurrency == pytest.approx(2_000, abs=2)


def test_provisioned_pollers_grow_by_a_thousand_a_minute():
    """From 2 pollers, 20 batches at a time, by 1,000 batches a minute."""
    queue = SqsQueue("orders", burst(30_000), visibility_timeout=600)
    account = Account(concurrency_limit=5_000, scaling_rate=None)
    run = simulate(EventSourceMapping(worker(60), queue, batch_size=1, minimum_pollers=2), account=account, seconds=60)
    allowed = run["orders"].series(queueing.ALLOWED)
    assert allowed[0] == 20 and allowed[-1] == pytest.approx(20 + fact("sqs_provisioned_ramp").value, abs=20)


# Batches


def test_batches_and_their_window():
    """A batch is invoked when it is full or when its window is over, whichever comes first."""
    queue = SqsQueue("orders", trace([0, 1, 2, 10, 10, 10, 10]), visibility_timeout=60)
    mapping = EventSourceMapping(worker(0.5), queue, batch_size=4, batching_window=5)
    run = simulate(mapping, seconds=30, record=True)
    assert run["worker"].requests.time.tolist() == [5.0, 10.0]
    messages = run["orders"].messages
    assert messages[messages.event == "deleted"].time.tolist() == [5.5] * 3 + [10.5] * 4


def test_a_batch_fits_the_payload():
    """A batch holds no more than 6 MB: of messages of 1 MB six, whatever the batch size."""
    queue = SqsQueue("orders", burst(30), visibility_timeout=60, message_kb=1_024)
    run = simulate(EventSourceMapping(worker(1), queue, batch_size=10, batching_window=1), seconds=20)
    assert run["worker"].invocations == 30 / fact("batch_payload").value


def test_seconds_per_record():
    """A batch takes the function's duration once, and so long more for each record."""
    queue = SqsQueue("orders", burst(10), visibility_timeout=60)
    run = simulate(EventSourceMapping(worker(1), queue, batching_window=1, seconds_per_record=0.25), seconds=20, record=True)
    assert run["worker"].requests.duration.tolist() == [1 + 10 * 0.25]


@pytest.mark.parametrize("reports", [False, True])
def test_partial_batches(reports):
    """One poison message in ten: reported, it comes back alone; otherwise its whole batch does, until it is dead-lettered."""
    queue = SqsQueue("orders", burst(2_000), visibility_timeout=30, poison_rate=0.02, max_receive_count=3)
    mapping = EventSourceMapping(worker(0.1), queue, batch_size=10, report_batch_item_failures=reports, maximum_concurrency=10)
    run = simulate(mapping, seconds=300, record=True)
    messages = run["orders"].messages
    receives = messages[messages.event == "received"].groupby("message").size()
    dead = messages[messages.event == "dead-lettered"].message
    assert run["orders"].deleted + run["orders"].dead_lettered == 2_000
    assert (receives[dead] == 3).all()
    if reports:
        assert (receives.drop(dead) == 1).all() and run["worker"].errors == 0
        assert run["orders"].dead_lettered == pytest.approx(40, abs=20)
    else:
        assert run["worker"].errors > 0
        assert run["orders"].dead_lettered > 100  # with those that were three times in the company of a poison message


def test_an_exception_fails_the_whole_batch():
    """A handler that raises reports nothing: all of the batch comes back, even where failures are reported."""
    queue = SqsQueue("orders", burst(10), visibility_timeout=30)
    mapping = EventSourceMapping(worker(0.1, error_rate=1), queue, report_batch_item_failures=True)
    run = simulate(mapping, seconds=29)
    assert run["orders"].in_flight == 10 and run["orders"].deleted == 0


def test_a_fifo_batch_stops_at_its_first_failure():
    """Of a FIFO batch, what comes after the first failure is returned with it, unprocessed; what comes before is deleted."""
    queue = FifoQueue("payments", burst(10), visibility_timeout=30, poison_rate=0.3)
    mapping = EventSourceMapping(worker(1), queue, report_batch_item_failures=True)
    run = simulate(mapping, seconds=20, record=True, seed=3)
    messages = run["payments"].messages
    deleted = messages[messages.event == "deleted"].message.tolist()
    poison = [number for number in range(10) if number not in deleted]
    assert deleted == list(range(len(deleted))) and 0 < len(deleted) < 10 and len(poison) == 10 - len(deleted)


# Receives, visibility, dead letters, retention


def test_redrive_after_max_receive_count():
    """A message that always fails is handled as often as maxReceiveCount says, a visibility timeout apart, then dead-lettered."""
    queue = SqsQueue("orders", trace([0.0]), visibility_timeout=30, max_receive_count=3)
    run = simulate(EventSourceMapping(worker(1, error_rate=1), queue), seconds=120, record=True)
    messages = run["orders"].messages
    assert messages[messages.event == "received"].time.tolist() == [0, 30, 60]
    assert messages[messages.event == "dead-lettered"].time.tolist() == [90] and run["worker"].errors == 3


def test_throttling_wastes_receives():
    """Receives that were throttled count too: messages reach the dead-letter queue that no handler ever had."""
    queue = SqsQueue("orders", poisson(2), visibility_timeout=30, max_receive_count=2)
    run = simulate(EventSourceMapping(worker(25, reserved_concurrency=1), queue, batch_size=1), seconds=900, record=True)
    messages = run["orders"].messages
    dead = set(messages[messages.event == "dead-lettered"].message)
    assert run["worker"].throttles > 0 and run["worker"].errors == 0
    assert dead - set(messages[messages.event == "handed"].message)


def test_maximum_concurrency_within_the_reservation_wastes_none():
    """The remedy: a maximum concurrency within the reserved concurrency; nothing is throttled, nothing dead-lettered."""
    queue = SqsQueue("orders", poisson(2), visibility_timeout=30, max_receive_count=2)
    mapping = EventSourceMapping(worker(25, reserved_concurrency=2), queue, batch_size=1, maximum_concurrency=2)
    run = simulate(mapping, seconds=900)
    assert run["worker"].throttles == run["orders"].dead_lettered == 0


def test_a_throttled_batch_is_kept_until_it_is_visible_again():
    """Reserved concurrency 0: each poller asks once a second until the visibility timeout is over, then the message is back."""
    queue = SqsQueue("orders", trace([0.0]), visibility_timeout=10, max_receive_count=2)
    run = simulate(EventSourceMapping(worker(1, reserved_concurrency=0), queue), seconds=60, record=True)
    messages = run["orders"].messages
    assert messages.event.tolist() == ["sent", "received", "returned", "received", "returned", "dead-lettered"]
    assert messages.time.tolist() == [0, 0, 10, 10, 20, 20] and run["worker"].throttles == 20


def test_a_visibility_timeout_that_is_too_short():
    """Handled well, but visible again before the end: the same message is handled again, for ever."""
    queue = SqsQueue("orders", trace([0.0]), visibility_timeout=30)
    run = simulate(EventSourceMapping(worker(40), queue), seconds=100)
    assert (run["orders"].deleted, run["orders"].late, run["worker"].errors) == (0, 4, 0)
    longer = simulate(EventSourceMapping(worker(40), replace(queue, visibility_timeout=40)), seconds=100)
    assert (longer["orders"].deleted, longer["orders"].late) == (1, 0)


def test_retention():
    """What is not handled within its retention is gone, and counted."""
    queue = SqsQueue("orders", trace(np.arange(100)), retention=60, visibility_timeout=30)
    run = simulate(
        EventSourceMapping(worker(1, reserved_concurrency=0), queue, batch_size=1, maximum_concurrency=2), seconds=300
    )
    assert run["orders"].expired == 100 and run["orders"].oldest_age(1) <= 60


@pytest.mark.parametrize("kind, seen", [(SqsQueue, 65), (FifoQueue, 100)])
def test_the_oldest_age_does_not_see_a_poison_message(kind, seen):
    """Received for the third time, a message of a standard queue no longer counts for the age; one of a FIFO queue does (SQS's metrics)."""
    queue = kind("orders", trace([5.0]), visibility_timeout=30, poison_rate=1)
    run = simulate(EventSourceMapping(worker(1, timeout=5), queue, batch_size=1), seconds=100)
    ages = run["orders"].series(queueing.OLDEST_AGE)
    assert run["orders"].oldest_age(1) == pytest.approx(seen - 5, abs=1.01) and (ages[-2] == 0) == (kind is SqsQueue)


def test_in_flight_limit():
    """Above the quota of messages in flight nothing more is received."""
    queue = SqsQueue("orders", burst(100), visibility_timeout=60, in_flight_limit=12)
    run = simulate(EventSourceMapping(worker(1, error_rate=1), queue, batch_size=1, maximum_concurrency=50), seconds=50)
    assert run["orders"].in_flight == 12 and run["orders"].visible == 88


def test_failures_cut_the_pollers_unless_they_are_reported():
    """Function errors cut a mapping's pollers gradually; with reported batch item failures they do not."""
    queue = SqsQueue("orders", poisson(100), visibility_timeout=30)
    allowed = []
    for reports in (False, True):
        mapping = EventSourceMapping(worker(1, error_rate=1), queue, batch_size=1, report_batch_item_failures=reports)
        allowed.append(simulate(mapping, seconds=600)["orders"].series(queueing.ALLOWED)[-1])
    assert allowed[0] < 10 < 100 < allowed[1]


# FIFO


def test_concurrency_of_a_fifo_queue():
    """As many batches at a time as there are message groups, or as the maximum concurrency allows."""
    queue = FifoQueue("payments", poisson(100), message_groups=7, visibility_timeout=60)
    run = simulate(EventSourceMapping(worker(1), queue, batch_size=1), seconds=60)
    assert run["worker"].peak_concurrency == 7
    capped = simulate(EventSourceMapping(worker(1), queue, batch_size=1, maximum_concurrency=3), seconds=60)
    assert capped["worker"].peak_concurrency == 3


def test_a_poison_message_blocks_its_group_alone():
    """While a message of a group fails, the rest of its group waits; the other groups go on."""
    queue = FifoQueue("payments", trace(np.arange(0, 100, 0.5)), message_groups=10, visibility_timeout=300, poison_rate=0.01)
    run = simulate(EventSourceMapping(worker(0.1), queue, batch_size=1), seconds=200, record=True, seed=2)
    messages = run["payments"].messages
    plan = plan_of(run.scenario)
    key = plan.draw_key(plan.flows[0])
    group = messages.message.map(lambda number: int(uniform(key, number, 0, GROUP) * 10))
    failed = messages[(messages.event == "received") & ~messages.message.isin(messages[messages.event == "deleted"].message)]
    blocked = set(group[failed.index])
    assert 0 < len(blocked) < 10
    for _, first in failed.iterrows():
        later = messages[(messages.event == "received") & (group == group[first.name]) & (messages.time > first.time)]
        assert later.empty
    free = messages[(messages.event == "sent") & ~group.isin(blocked)].message
    assert set(free) == set(messages[(messages.event == "deleted") & ~group.isin(blocked)].message)


# Beside other triggers, and in the large


def test_a_queue_does_not_change_its_neighbours_requests():
    """Synchronous requests to another function are the same with and without a queue in the run."""
    api = Function("api", duration=exponential(0.1))
    queue = SqsQueue("orders", poisson(50), visibility_timeout=60)
    alone = simulate(Sync(api, poisson(50)), seconds=60, record=True)
    beside = simulate(Sync(api, poisson(50)), EventSourceMapping(worker(1), queue), seconds=60, record=True)
    assert alone["api"].requests.equals(beside["api"].requests)


def test_two_readers_of_one_queue():
    """A source has one mapping in a run, and its name is no function's."""
    queue = SqsQueue("orders", poisson(1))
    with pytest.raises(ValueError, match="Two mappings read from 'orders'"):
        simulate(EventSourceMapping(worker(1), queue), EventSourceMapping(Function("other", duration=1), queue))
    with pytest.raises(ValueError, match="A function and a source are both called 'orders'"):
        simulate(EventSourceMapping(worker(1), queue), Function("orders", duration=1))


def test_names_of_cloudwatch():
    """The metrics of a queue have CloudWatch's names, and their sums are the figures."""
    queue = SqsQueue("orders", poisson(20), visibility_timeout=60)
    run = simulate(EventSourceMapping(worker(1), queue, batch_size=1, maximum_concurrency=10), seconds=600)
    table = run.metrics(60)["orders"]
    sums = {"Sent": run["orders"].sent, "Received": run["orders"].received, "Deleted": run["orders"].deleted}
    assert {name: table[f"NumberOfMessages{name}", "Sum"].sum() for name in sums} == sums
    assert table["ApproximateNumberOfMessagesVisible", "Maximum"].max() == run["orders"].peak_backlog
    assert table["ApproximateAgeOfOldestMessage", "Maximum"].max() == run["orders"].oldest_age(1)
    assert table["ApproximateNumberOfMessagesNotVisible", "Maximum"].max() >= 10


def test_the_same_seed_gives_the_same_run():
    """To the last bit; another seed gives another."""
    queue = SqsQueue("orders", poisson(20), visibility_timeout=5, poison_rate=0.1)
    scenario = Scenario((EventSourceMapping(worker(exponential(1)), queue),), seconds=100, seed=4)
    first, second = scenario.run().tally.queues, scenario.run().tally.queues
    assert np.array_equal(first.bins, second.bins) and np.array_equal(first.latency, second.latency)
    assert not np.array_equal(first.bins, replace(scenario, seed=5).run().tally.queues.bins)
