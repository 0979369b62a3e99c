"""Hypothesis strategies for small scenarios with streams."""

from engine_scenarios import accounts, functions, inits, on_grid, single_traffics
from hypothesis import strategies as st

from lambdacourse.model import Async, ColdStart, DynamoDbStream, EventSourceMapping, Function, KinesisStream, Sync, poisson
from lambdacourse.simulation import Scenario


@st.composite
def streams(draw, name, seconds, rate):
    traffic = draw(single_traffics(seconds, rate))
    if draw(st.booleans()):
        traffic = traffic + draw(single_traffics(seconds, rate))
    return draw(st.sampled_from([KinesisStream, KinesisStream, DynamoDbStream]))(
        name,
        traffic,
        shards=draw(st.integers(1, 3)),
        keys=draw(st.sampled_from([1, 5, 10_000])),
        hot_key=draw(st.sampled_from([0.0, 0.0, 0.4, 1.0])),
        record_kb=draw(st.sampled_from([0.1, 1.0, 1.0, 100.0, 1024.0])),
        poison_rate=draw(st.sampled_from([0.0, 0.0, 0.02, 0.3])),
        poison_at=draw(st.lists(on_grid(seconds), max_size=2)),
    )


@st.composite
def mappings(draw, function, stream, seconds):
    position = draw(st.sampled_from([None, None, "LATEST", "TRIM_HORIZON"]))
    tumbling = draw(st.sampled_from([0, 0, 0, 1, 2.5, 7]))
    return EventSourceMapping(
        function,
        stream,
        batch_size=draw(st.sampled_from([1, 2, 7, 100, 10_000])),
        batching_window=draw(st.sampled_from([0, 0, 0.3, 2])),
        report_batch_item_failures=draw(st.booleans()),
        seconds_per_record=draw(st.sampled_from([0.0, 0.0, 0.01, 0.25])),
        parallelization_factor=1 if tumbling else draw(st.sampled_from([1, 1, 2, 5])),
        maximum_retry_attempts=draw(st.sampled_from([None, 0, 1, 5])),
        maximum_record_age=draw(st.sampled_from([None, None, 60])),
        bisect_batch_on_function_error=draw(st.booleans()),
        tumbling_window=tumbling,
        starting_position=position,
        created_at=draw(st.sampled_from([None, None, 0.25 * seconds, 3.0])),
        retry_wait=draw(st.sampled_from([0.25, 1.0, 1.7])),
        on_failure=draw(st.sampled_from([None, "failed"])),
    )


@st.composite
def stream_scenarios(draw, rate=60.0, lengths=(10.0, 7.03, 3.1)):
    """One or two functions that read one or two streams, and perhaps synchronous and asynchronous requests beside them."""
    seconds = draw(st.sampled_from(lengths))
    account = draw(accounts(least=5))
    readers = [
        draw(functions(f"f{each}", draw(st.sampled_from([None, None, None, 0, 1, 2]))))
        for each in range(draw(st.integers(1, 2)))
    ]
    sources = [draw(streams(f"s{each}", seconds, rate)) for each in range(draw(st.integers(1, 2)))]
    pairs = draw(
        st.lists(
            st.sampled_from([(f, s) for f in readers for s in sources]),
            min_size=1,
            max_size=3,
            unique_by=lambda p: (p[0].name, p[1].name),
        )
    )
    triggers = [draw(mappings(function, stream, seconds)) for function, stream in pairs]
    if draw(st.booleans()):
        api = Function("api", duration=draw(on_grid(1.0)), cold_start=draw(inits()), error_rate=0.2)
        triggers.insert(draw(st.integers(0, 1)), draw(st.sampled_from([Sync, Async]))(api, poisson(5)))
    warm_up = draw(st.sampled_from([0.0, 0.0, 2.0, 3.7]))
    return Scenario(tuple(triggers), account, seconds, draw(st.integers(0, 99)), warm_up)


QUICK = ColdStart(init=0)
