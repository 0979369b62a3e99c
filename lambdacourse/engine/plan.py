"""A run, laid out for the engines: functions and flows by number, the window of time, the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from lambdacourse.engine.draws import draw_key
from lambdacourse.facts import fact
from lambdacourse.model import LATEST, Account, Async, Downstream, EventSourceMapping, Function, Queue, Source, Stream, Sync
from lambdacourse.model.traffic import CHUNK, Traffic

INSTANT = 1e-9
"""Seconds: what ends so shortly after an arrival has ended before it. Sums of decimals are off by less."""

ERROR_WAITS = (float(fact("async_retry_wait_1").value), float(fact("async_retry_wait_2").value))
"""Seconds that an asynchronous event waits after its first and its second function error."""

BACKOFF = tuple(float(fact(f"async_backoff_{part}").value) for part in ("first", "factor", "maximum"))
"""The waits of a throttled asynchronous event: the first in seconds, the factor by which they grow (assumption), the longest."""

MINUTE = float(fact("autoscaling_period").value)
"""Seconds of a data point that target tracking looks at."""

HIGH_POINTS, LOW_POINTS = fact("autoscaling_datapoints").value, fact("autoscaling_datapoints_in").value
"""How many data points in a row must be above the target, or below its lower alarm, before target tracking acts."""

LOW_SHARE = round(fact("autoscaling_alarm_low").value / fact("autoscaling_alarm_high").value, 9)
"""Where the lower alarm lies, as a share of the target."""

RESOLUTIONS = ((120.0, 0.1), (100_000.0, 1.0), (math.inf, 60.0))
"""Up to how many seconds of run the metrics are kept in bins of which width, in seconds."""


@dataclass(frozen=True)
class Flow:
    """One stream of arrivals, and the ``trigger`` by which it reaches a function (its number in ``Plan.functions``).

    name, ordinal
        Whose random streams it draws from, and the how-manieth of these it is.
    """

    function: int
    traffic: Traffic
    ordinal: int
    trigger: Sync | Async | EventSourceMapping
    name: str

    @property
    def latest(self) -> bool:
        """Whether it invokes ``$LATEST``, which has no provisioned concurrency."""
        return self.trigger.qualifier == LATEST

    @property
    def is_of_stream(self) -> bool:
        """Whether its arrivals are a stream's records."""
        return isinstance(self.trigger, EventSourceMapping) and isinstance(self.trigger.source, Stream)

    @property
    def is_of_queue(self) -> bool:
        """Whether its arrivals are a queue's messages."""
        return isinstance(self.trigger, EventSourceMapping) and isinstance(self.trigger.source, Queue)

    @property
    def is_plain(self) -> bool:
        """Whether all that happens to a request happens at its arrival: nobody tries again, nobody waits."""
        return isinstance(self.trigger, Sync) and self.trigger.retry is None


@dataclass(frozen=True)
class Chunk:
    """The next requests of a flow, and what was drawn for them at their arrival, served or not. Seconds; ``failure`` in 0…1."""

    time: np.ndarray
    duration: np.ndarray
    init: np.ndarray
    failure: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What is to be simulated: from ``-warm_up`` to ``seconds``; the figures begin at 0."""

    functions: tuple[Function, ...]
    flows: tuple[Flow, ...]
    account: Account
    seconds: float
    warm_up: float
    seed: int

    @property
    def is_plain(self) -> bool:
        """Whether the shorter of the kernel's two loops is enough: no timers, no states between arrival and answer."""
        provisioned = any(function.provisioned_concurrency or function.provisioned_scaling for function in self.functions)
        return all(flow.is_plain for flow in self.flows) and not provisioned and not self.downstreams

    @property
    def downstreams(self) -> tuple[Downstream, ...]:
        """What stands behind the functions, each once."""
        return tuple({function.downstream: None for function in self.functions if function.downstream is not None})

    @property
    def queues(self) -> tuple[EventSourceMapping, ...]:
        """The mappings that read from queues, in the order of their flows."""
        return tuple({flow.name: flow.trigger for flow in self.flows if flow.is_of_queue}.values())

    @property
    def bin_seconds(self) -> float:
        return next(width for most, width in RESOLUTIONS if self.seconds <= most)

    @property
    def bins(self) -> int:
        return max(math.ceil(round(self.seconds / self.bin_seconds, 9)), 1)

    @property
    def unreserved_limit(self) -> float:
        """The concurrency that functions without a reservation share."""
        if self.account.concurrency_limit is None:
            return math.inf
        return self.account.concurrency_limit - sum(function.reserved_concurrency or 0 for function in self.functions)

    def bin_of(self, times: np.ndarray) -> np.ndarray:
        """In which bin each of ``times`` lies: the last that begins no later, whatever the rounding of the product."""
        per_bin = 1 / self.bin_seconds
        index = (times * per_bin).astype(np.int64)
        return index - (index / per_bin > times) + ((index + 1) / per_bin <= times)

    def chunks(self, flow: Flow) -> Iterator[Chunk]:
        """The arrivals of ``flow`` in time, in chunks. What is drawn depends only on seed, name, flow and purpose.

        For a stream's records nothing else is drawn: what their batches need comes from ``draws``.
        """
        if flow.is_of_stream:
            yield from self.times(flow)
            return
        function, stream = self.functions[flow.function], self._streams(flow)
        durations, inits, failures = stream("durations"), stream("initialisation"), stream("failures")
        for time in flow.traffic.arrivals(stream, -self.warm_up, self.seconds):
            yield Chunk(
                time,
                function.duration.draw(durations, time.size),
                function.cold_start.init.draw(inits, time.size),
                failures.random(time.size) if 0 < function.error_rate < 1 else np.full(time.size, 0.5),
            )

    def times(self, flow: Flow) -> Iterator[Chunk]:
        """The same arrivals, for who wants to know no more than when they come."""
        for time in flow.traffic.arrivals(self._streams(flow), -self.warm_up, self.seconds):
            yield Chunk(time, *np.zeros((3, time.size)))

    def _streams(self, flow: Flow) -> Callable[[str], np.random.Generator]:
        return lambda purpose: random_stream(self.seed, flow.name, purpose, flow.ordinal)

    def draws(self, flow: Flow) -> Iterator[Chunk]:
        """What is drawn for the invocations of a mapping, in their order, in chunks; without times, for nobody knows them before."""
        function = self.functions[flow.function]
        name = f"{function.name} reads {flow.name}"
        purposes = ("durations", "initialisation", "failures")
        durations, inits, failures = (random_stream(self.seed, name, purpose) for purpose in purposes)
        while True:
            yield Chunk(
                np.zeros(CHUNK),
                function.duration.draw(durations, CHUNK),
                function.cold_start.init.draw(inits, CHUNK),
                failures.random(CHUNK) if 0 < function.error_rate < 1 else np.full(CHUNK, 0.5),
            )

    def draw_key(self, flow: Flow) -> int:
        """The key of ``engine.draws.uniform`` for ``flow``."""
        return draw_key(self.seed, flow.name, flow.ordinal)


def plan(
    triggers: Sequence[Sync | Async | EventSourceMapping | Function],
    account: Account,
    seconds: float,
    warm_up: float,
    seed: int,
) -> Plan:
    """Lay out ``triggers``; ``ValueError`` where they contradict each other or the account."""
    functions: dict[str, Function] = {}
    sources: dict[str, Source] = {}
    flows: list[Flow] = []
    for trigger in triggers:
        function = trigger if isinstance(trigger, Function) else trigger.function
        known = functions.setdefault(function.name, function)
        if known != function:
            raise ValueError(
                f"Two different functions are called {function.name!r}: a name is unique in a run (AWS::Lambda::Function FunctionName)."
            )
        number = list(functions).index(function.name)
        if isinstance(trigger, EventSourceMapping):
            source = trigger.source
            if sources.setdefault(source.name, source) != source:
                raise ValueError(
                    f"Two different sources are called {source.name!r}: a name is unique in a run ({source.name_source})."
                )
            flows += [Flow(number, traffic, each, trigger, source.name) for each, traffic in enumerate(source.traffic.flows())]
        elif not isinstance(trigger, Function):
            for traffic in trigger.traffic.flows():
                ordinal = sum(flow.name == function.name for flow in flows)
                flows.append(Flow(number, traffic, ordinal, trigger, function.name))
    _check_sources(functions, sources, flows)
    _check_reservations(tuple(functions.values()), account)
    _check_downstreams(tuple(functions.values()))
    return Plan(tuple(functions.values()), tuple(flows), account, seconds, warm_up, seed)


def random_stream(seed: int, name: str, purpose: str, ordinal: int = 0) -> np.random.Generator:
    """The random stream for one purpose of one named thing: the same whatever else is in the run."""
    key = sha256(f"{name}\0{purpose}\0{ordinal}".encode()).digest()
    words = np.frombuffer(key[:16], dtype=np.uint32)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *map(int, words)])))


def expected_concurrency(plan: Plan) -> float:
    """Concurrency at the highest rate, without limits: for sizing arrays, not for results."""
    return sum(
        flow.traffic.peak_rate(-plan.warm_up, plan.seconds)
        * (plan.functions[flow.function].duration.mean + plan.functions[flow.function].cold_start.mean)
        for flow in plan.flows
    )


def _check_sources(functions: dict[str, Function], sources: dict[str, Source], flows: list[Flow]) -> None:
    """Names are unique among functions and sources; a function reads a stream once, and a stream has no more readers than AWS allows."""
    for name, source in sources.items():
        if name in functions:
            raise ValueError(
                f"A function and a source are both called {name!r}: a name is unique in a run ({source.name_source})."
            )
        readers = [flow.function for flow in flows if flow.name == name and flow.ordinal == 0]
        if isinstance(source, Queue) and len(readers) > 1:
            raise ValueError(
                f"Two mappings read from {name!r}: here a queue has one (AWS::Lambda::EventSourceMapping EventSourceArn)."
            )
        if isinstance(source, Stream):
            if len(set(readers)) < len(readers):
                raise ValueError(
                    f"A function reads the stream {name!r} twice: AWS makes one AWS::Lambda::EventSourceMapping for both."
                )
            if source.readers is not None and len(readers) > source.readers:
                raise ValueError(
                    f"{len(readers)} functions read {name!r}: a DynamoDB stream is read by at most {source.readers}, or reads are "
                    "throttled (AWS Lambda Developer Guide, Simultaneous readers of a shard in DynamoDB Streams)."
                )


def _check_reservations(functions: tuple[Function, ...], account: Account) -> None:
    limit = account.concurrency_limit
    reserved = {function.name: function.reserved_concurrency for function in functions if function.reserved_concurrency}
    provisioned = {
        function.name: function.provisioned_concurrency
        for function in functions
        if function.provisioned_concurrency and function.reserved_concurrency is None
    }
    total = sum(reserved.values()) + sum(provisioned.values())
    if limit is None or not total or limit - total >= account.unreserved_minimum:
        return
    most = max(limit - account.unreserved_minimum, 0)
    parts = " + ".join(f"{count:,} for {name!r}" for each in (reserved, provisioned) for name, count in each.items())
    left = f"{parts} leaves {limit - total:,} of the account's {limit:,}. AWS: {_refusal(account)}. At most {most:,} can be"
    if provisioned:
        raise ValueError(
            f"provisioned_concurrency: {left} reserved or provisioned (AWS::Lambda::Alias ProvisionedConcurrentExecutions)."
        )
    raise ValueError(f"reserved_concurrency: {left} reserved (AWS::Lambda::Function ReservedConcurrentExecutions).")


def _check_downstreams(functions: tuple[Function, ...]) -> None:
    known: dict[str, Downstream] = {}
    for function in functions:
        downstream = function.downstream
        if downstream is not None and known.setdefault(downstream.name, downstream) != downstream:
            raise ValueError(f"Two different downstreams are called {downstream.name!r}: a name is unique in a run.")


def _refusal(account: Account) -> str:
    """AWS's sentence, with this account's minimum."""
    usual = fact("unreserved_minimum").value
    return fact("reserved_error").value.replace(f"[{usual}]", f"[{account.unreserved_minimum}]")
