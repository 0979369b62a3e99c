"""The living picture shows what the records say, each dot at each time where they say it was, and nothing else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse import (
    Account,
    ColdStart,
    EventSourceMapping,
    Function,
    KinesisStream,
    SqsQueue,
    Sync,
    exponential,
    poisson,
    simulate,
    spike,
)
from lambdacourse.labs import watch
from lambdacourse.labs.living import IDLE, NEVER, RUNNING, STARTING, spot_of
from lambdacourse.plots import DARK, LIGHT

MOMENTS = st.floats(0, 20, exclude_max=True)


@pytest.fixture(scope="module")
def busy():
    """A function with provisioned and other environments, at its limit."""
    api = Function("api", duration=exponential(0.5), provisioned_concurrency=2, cold_start=ColdStart(init=0.25))
    account = Account(concurrency_limit=6, unreserved_minimum=0)
    return simulate(Sync(api, poisson(10)), account=account, seconds=20, seed=1, record=True)


@pytest.fixture(scope="module", params=["fails", "late", "throttled"])
def queue(request):
    """A queue with bad messages, or whose messages are visible again too early, or whose function is throttled."""
    limited = {"reserved_concurrency": 2} if request.param == "throttled" else {}
    worker = Function("worker", duration=0.1, cold_start=ColdStart(init=0.25), **limited)
    timeout = 1.2 if request.param == "late" else 4
    poison = 0.05 if request.param == "fails" else 0
    orders = SqsQueue(
        "orders", spike(1, 12, at=2, seconds=6), visibility_timeout=timeout, max_receive_count=3, poison_rate=poison
    )
    mapping = EventSourceMapping(worker, orders, batch_size=3, seconds_per_record=0.4)
    return simulate(mapping, seconds=20, seed=1, record=True)


@pytest.fixture(scope="module")
def stream():
    """A stream with a poison record that is found by halving."""
    worker = Function("worker", duration=0.3, cold_start=ColdStart(init=0.25))
    clicks = KinesisStream("clicks", poisson(12), shards=4, poison_at=5)
    cure = {"maximum_retry_attempts": 2, "bisect_batch_on_function_error": True}
    return simulate(EventSourceMapping(worker, clicks, batch_size=10, **cure), seconds=20, seed=1, record=True)


def inside(story, moment):
    """What is in which place, by the place's label; boxes by their number."""
    names = [number if place.kind == "box" else place.label for number, place in enumerate(story.places)]
    return dict(zip(names, map(set, moment.dots), strict=True))


@given(time=MOMENTS)
@settings(max_examples=40, deadline=None)
def test_requests_are_where_the_records_say(busy, time):
    """A request is in the environment that served it, from its arrival to its end; then served, or at once throttled."""
    story = watch(busy, "api").story
    moment, requests = story.at(time), busy["api"].requests.reset_index()
    there = inside(story, moment)
    came = requests[requests.time <= time]
    runs = came[(came.outcome == "ok") & (came.time + came.latency > time)]
    for environment, mine in runs.groupby("environment"):
        assert there[environment] == set(mine["index"])
    assert sum(len(dots) for name, dots in there.items() if isinstance(name, int)) == len(runs)
    assert there["throttled"] == set(came["index"][came.outcome == "throttled"])
    assert there["served"] == set(came["index"][(came.outcome == "ok") & (came.time + came.latency <= time)])
    started = set(came.environment[came.cold])
    for number, (place, state) in enumerate(zip(story.places, moment.states, strict=True)):
        if place.kind == "box":
            mine = runs[runs.environment == number]
            starts = bool(len(mine)) and (mine.time + mine.init > time).any()
            idle = IDLE if place.provisioned or number in started else NEVER
            assert state == (STARTING if starts else RUNNING if len(mine) else idle)


@given(time=MOMENTS)
@settings(max_examples=40, deadline=None)
def test_messages_are_where_the_records_say(queue, time):
    """As many wait, and as many are deleted or dead, as the events say; those in an environment came there together."""
    story = watch(queue, "orders").story
    there, messages = inside(story, story.at(time)), queue["orders"].messages
    happened = messages[messages.time <= time]
    latest = happened[~happened.event.isin(["handed", "late"])].groupby("message").event.last()
    assert there["waiting"] == set(latest.index[latest.isin(["sent", "returned"])])
    assert there["deleted"] == set(latest.index[latest == "deleted"])
    assert there.get("dead-lettered", set()) == set(latest.index[latest == "dead-lettered"])
    assert sum(map(len, there.values())) == len(latest)
    requests = queue["worker"].requests
    runs = requests[(requests.outcome != "throttled") & (requests.time <= time) & (requests.arrival + requests.latency > time)]
    sent = messages[messages.event == "sent"].set_index("message").time
    for number, place in enumerate(story.places):
        if place.kind == "box" and there[number]:
            (run,) = runs[runs.environment == number].itertuples()
            received = {
                happened.time[(happened.message == one) & (happened.event == "received")].max() for one in there[number]
            }
            assert len(received) == 1 and max(received) <= run.time
            assert len(there[number]) <= round((run.duration - 0.1) / 0.4)
            back = set(happened.message[(happened.event == "returned") & (happened.time > run.time)])
            if not back:
                assert len(there[number]) == round((run.duration - 0.1) / 0.4)
                assert min(sent[one] for one in there[number]) == run.arrival


@given(time=MOMENTS)
@settings(max_examples=40, deadline=None)
def test_records_are_where_the_records_say(stream, time):
    """In each shard's box is the batch that its invocation has; processed and given up are those whose end has come."""
    story = watch(stream, "clicks").story
    there, records, batches = inside(story, story.at(time)), stream["clicks"].records, stream["clicks"].batches
    ends = batches.time + stream["worker"].requests.latency
    for shard in range(4):
        now = batches[(batches.shard == shard) & (batches.time <= time) & (ends > time)]
        mine = records.number[records.shard == shard]
        hand = [set(mine[mine >= batch.first][: batch.size]) for batch in now.itertuples()]
        assert there[shard] == (hand[0] if hand else set())
        over = (records.end <= time) & (records.shard == shard)
        assert there[f"waiting in shard {shard + 1}"] == set(mine[records.time <= time]) - there[shard] - set(
            records.number[over]
        )
    assert there["processed"] == set(records.number[(records.state == "processed") & (records.end <= time)])
    assert there["given up"] == set(records.number[(records.state == "dropped") & (records.end <= time)])
    assert [number for number, dot in enumerate(story.dots) if dot.odd] == records.number[records.poison].tolist()


def test_dots_have_room_of_their_own(busy):
    """No two dots of one place are drawn on each other, and each is within it."""
    for place in watch(busy, "api").story.places:
        spots = [spot for rank in range(400) if (spot := spot_of(place, rank, 400))]
        apart = np.linalg.norm(np.subtract.outer(np.array(spots), np.array(spots)).diagonal(axis1=1, axis2=3), axis=-1)
        assert (apart[~np.eye(len(spots), dtype=bool)] > 12).all()
        assert all(place.x <= x <= place.x + place.width and place.y <= y <= place.y + place.height for x, y in spots)


def test_reads_without_a_kernel(busy):
    """Beside the widget, a cell keeps a page's part with the same data and module, a still picture and words; small, and whole."""
    living = watch(busy, "api", start=3)
    data, _ = living._repr_mimebundle_()
    html = data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert len(html) < 200_000 and html.count("</script>") == 1 and "http" not in html
    assert json.dumps(living.widget.story, separators=(",", ":")) in html
    assert 'alt="api: requests and environments' in html and "At 3.00 s: environments:" in data["text/plain"]
    assert living.story.still(LIGHT) != living.story.still(DARK)


def test_what_cannot_be_followed_is_refused(busy, stream):
    """No records, too long, too many, a time outside of the run: each is named."""
    plain = simulate(Sync(Function("api", duration=1), poisson(1)), seconds=5)
    with pytest.raises(ValueError, match="record=True"):
        watch(plain, "api")
    with pytest.raises(ValueError, match=r"watch\(seconds=30: must be above 0, at most 20 s"):
        watch(busy, "api", seconds=30)
    with pytest.raises(KeyError, match="'web'"):
        watch(busy, "web")
    long = simulate(Sync(Function("api", duration=1, idle_timeout=10), poisson(1)), seconds=60, record=True)
    with pytest.raises(ValueError, match="more than the idle timeout of 10 s"):
        watch(long, "api")
    many = simulate(Sync(Function("api", duration=1), poisson(100)), seconds=10, record=True)
    with pytest.raises(ValueError, match="environments are more than one can follow: at most 60"):
        watch(many, "api")
    with pytest.raises(ValueError, match="dots are more than one can follow"):
        watch(simulate(Sync(Function("api", duration=0.01), poisson(200)), seconds=10, record=True), "api")
