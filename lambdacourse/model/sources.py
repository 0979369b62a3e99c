"""What a function reads in batches: queues and streams, and the event source mapping that polls them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.model.functions import Function
from lambdacourse.model.traffic import Traffic


@dataclass(frozen=True)
class Source:
    """What every source has; a run is given a kind of it, such as ``SqsQueue``.

    name
        Unique among the functions and sources of a run.
    traffic
        When something is sent to it, such as ``poisson(1_000)``.
    poison_rate
        Share of the messages or records that fail every time, whatever the function's ``error_rate``.
    """

    name: str
    traffic: Traffic
    poison_rate: float = field(default=0.0, kw_only=True)

    name_source: ClassVar[str] = "a source's name"

    def __post_init__(self) -> None:
        kind = type(self).__name__
        checks.name(f"{kind}(name", self.name, self.name_source)
        checks.instance(f"{self.where}traffic", self.traffic, Traffic, "a traffic, such as poisson(1_000)")
        rule = "must be a share from 0 to 1 (messages or records that always fail)"
        self._keep("poison_rate", checks.number(f"{self.where}poison_rate", self.poison_rate, rule, least=0, most=1))

    @property
    def where(self) -> str:
        """How a message about one of its arguments begins."""
        return f"{type(self).__name__}({self.name!r}, "

    def _keep(self, attribute: str, value: object) -> None:
        object.__setattr__(self, attribute, value)


@dataclass(frozen=True)
class Stream(Source):
    """A source that keeps its records in order, in shards; reading does not delete them.

    shards
        In which the records are stored, each by the hash of its partition key.
    keys
        Different partition keys; each record has one of them at random.
    hot_key
        Share of the records that all have the same further key.
    record_kb
        Size of a record with its metadata, in KB. A batch holds no more than Lambda's payload.
    poison_at
        Times in seconds: the first record sent from each of them on always fails (of a sum of traffics, the first one's).
    """

    shards: int = field(default=1, kw_only=True)
    keys: int = field(default=fact("stream_keys_here").value, kw_only=True)
    hot_key: float = field(default=0.0, kw_only=True)
    record_kb: float = field(default=fact("stream_record_here").value, kw_only=True)
    poison_at: tuple[float, ...] = field(default=(), kw_only=True)

    starting_positions: ClassVar[tuple[str, ...]] = ()
    """What StartingPosition of a mapping may be."""
    shards_source: ClassVar[str] = "shards of the stream"
    readers: ClassVar[int | None] = None
    """How many functions may read it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at = self.where
        rule = f"must be a whole number of 1 or more ({self.shards_source})"
        self._keep("shards", checks.whole(f"{at}shards", self.shards, rule, least=1))
        rule = "must be a whole number of 1 or more (different partition keys)"
        self._keep("keys", checks.whole(f"{at}keys", self.keys, rule, least=1))
        rule = "must be a share from 0 to 1 (records that all have one partition key)"
        self._keep("hot_key", checks.number(f"{at}hot_key", self.hot_key, rule, least=0, most=1))
        most = fact("batch_payload").value * 1024
        rule = f"must be a number of KB above 0, up to {most:,} (what Lambda's payload holds)"
        self._keep("record_kb", checks.number(f"{at}record_kb", self.record_kb, rule, above=0, most=most))
        times = self.poison_at if isinstance(self.poison_at, tuple | list) else (self.poison_at,)
        rule = "must be times in seconds (when a record that always fails is sent)"
        self._keep("poison_at", tuple(sorted(checks.number(f"{at}poison_at", time, rule) for time in times)))


@dataclass(frozen=True)
class Queue(Source):
    """A source from which a message is deleted once its batch has succeeded (AWS::SQS::Queue).

    visibility_timeout
        VisibilityTimeout: seconds for which a received message is hidden. If it is not deleted by then, it comes back.
    max_receive_count
        RedrivePolicy maxReceiveCount: a message that was received so often goes to the dead-letter queue instead of being
        received again. ``None``: there is no dead-letter queue.
    retention
        MessageRetentionPeriod: seconds after which a message is deleted, read or not.
    message_kb
        Size of a message with its metadata, in KB. A batch holds no more than Lambda's payload.
    in_flight_limit
        Messages that may be received and not yet deleted: AWS's quota, or less for a test.
    """

    visibility_timeout: float = field(default=fact("sqs_visibility_default").value, kw_only=True)
    max_receive_count: int | None = field(default=None, kw_only=True)
    retention: float = field(default=fact("sqs_retention_default").value, kw_only=True)
    message_kb: float = field(default=fact("sqs_message_here").value, kw_only=True)
    in_flight_limit: int = field(default=fact("sqs_in_flight").value, kw_only=True)

    name_source: ClassVar[str] = "AWS::SQS::Queue QueueName"

    def __post_init__(self) -> None:
        super().__post_init__()
        at = self.where
        most = fact("sqs_visibility_maximum").value
        rule = f"must be a number of seconds from 0 to {most:,} (AWS::SQS::Queue VisibilityTimeout)"
        timeout = checks.number(f"{at}visibility_timeout", self.visibility_timeout, rule, least=0, most=most)
        self._keep("visibility_timeout", timeout)
        if self.max_receive_count is not None:
            most = fact("sqs_max_receive_count_maximum").value
            rule = (
                f"must be a whole number from 1 to {most:,}, or None for no dead-letter queue (RedrivePolicy maxReceiveCount)"
            )
            count = checks.whole(f"{at}max_receive_count", self.max_receive_count, rule, least=1, most=most)
            self._keep("max_receive_count", count)
        least, most = fact("sqs_retention_minimum").value, fact("sqs_retention_maximum").value
        rule = f"must be a number of seconds from {least} to {most:,} (AWS::SQS::Queue MessageRetentionPeriod)"
        self._keep("retention", checks.number(f"{at}retention", self.retention, rule, least=least, most=most))
        most = fact("sqs_message_maximum").value / 1024
        rule = f"must be a number of KB above 0, up to {most:,.0f} (AWS::SQS::Queue MaximumMessageSize)"
        self._keep("message_kb", checks.number(f"{at}message_kb", self.message_kb, rule, above=0, most=most))
        most = fact("sqs_in_flight").value
        rule = f"must be a whole number from 1 to {most:,} (Amazon SQS quota on messages in flight)"
        self._keep("in_flight_limit", checks.whole(f"{at}in_flight_limit", self.in_flight_limit, rule, least=1, most=most))


@dataclass(frozen=True)
class SqsQueue(Queue):
    """A standard queue: at least once, roughly in order, as many batches at a time as the mapping has pollers for."""


@dataclass(frozen=True)
class FifoQueue(Queue):
    """A FIFO queue: messages of a group in order, one batch of a group at a time.

    message_groups
        How many MessageGroupIds the messages have, each message one of them at random.
    """

    message_groups: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = "must be a whole number of 1 or more (different values of MessageGroupId)"
        self._keep("message_groups", checks.whole(f"{self.where}message_groups", self.message_groups, rule, least=1))


@dataclass(frozen=True)
class EventSourceMapping:
    """Lambda polls ``source`` and invokes ``function`` with batches of it (AWS::Lambda::EventSourceMapping).

    function, source
        Who is invoked with what. An invocation with a batch takes the function's ``duration`` and ``seconds_per_record`` for
        each of its records.
    batch_size
        BatchSize: records in a batch, at the most. ``None`` is AWS's default: 10 for a queue, 100 for a stream.
    batching_window
        MaximumBatchingWindowInSeconds: how long records are gathered for a batch.
    report_batch_item_failures
        FunctionResponseTypes ReportBatchItemFailures: the function says which records failed, and only those come back
        (of a stream: the first of them and all after it).
    seconds_per_record
        Seconds that each record adds to the function's duration.
    qualifier
        ``None`` for the version that holds the provisioned concurrency, where there is one; ``"$LATEST"`` otherwise.
    retry_wait
        Assumption: seconds until a throttled batch, or a failed one of a stream, is tried again. AWS does not publish it.
    maximum_concurrency
        Queues: ScalingConfig MaximumConcurrency, batches at a time; ``None`` for as many as the pollers can have.
    minimum_pollers, maximum_pollers
        Queues: ProvisionedPollerConfig. Without either, Lambda scales the pollers itself.
    error_cut
        Queues, assumption: the share of its pollers that a mapping keeps after a minute in which everything fails or is
        throttled; a minute in which half fails costs half as many. AWS says that it cuts gradually, and not how.
    parallelization_factor
        Streams: ParallelizationFactor, batches of one shard at a time.
    maximum_retry_attempts
        Streams: MaximumRetryAttempts of a failing batch; ``None`` (AWS's -1) for no end.
    maximum_record_age
        Streams: MaximumRecordAgeInSeconds; ``None`` (AWS's -1) for no end.
    bisect_batch_on_function_error
        Streams: BisectBatchOnFunctionError, a failing batch is halved.
    tumbling_window
        Streams: TumblingWindowInSeconds; 0 for none.
    starting_position
        Streams: StartingPosition, ``"TRIM_HORIZON"`` (the oldest record; also for ``None``), ``"LATEST"`` or, of Kinesis,
        ``"AT_TIMESTAMP"``.
    starting_position_timestamp
        Streams: StartingPositionTimestamp of ``"AT_TIMESTAMP"``, in seconds of the run.
    created_at
        Streams: when the mapping begins to poll, in seconds of the run; ``None`` for before the run.
    on_failure
        Streams: name of the destination (DestinationConfig OnFailure) in which discarded batches are recorded; ``None``: they are lost.
    """

    function: Function
    source: Source
    batch_size: int | None = field(default=None, kw_only=True)
    batching_window: float = field(default=0.0, kw_only=True)
    report_batch_item_failures: bool = field(default=False, kw_only=True)
    seconds_per_record: float = field(default=0.0, kw_only=True)
    qualifier: str | None = field(default=None, kw_only=True)
    retry_wait: float = field(default=fact("batch_retry_wait").value, kw_only=True)
    maximum_concurrency: int | None = field(default=None, kw_only=True)
    minimum_pollers: int | None = field(default=None, kw_only=True)
    maximum_pollers: int | None = field(default=None, kw_only=True)
    error_cut: float = field(default=fact("sqs_error_backoff_factor").value, kw_only=True)
    parallelization_factor: int | None = field(default=None, kw_only=True)
    maximum_retry_attempts: int | None = field(default=None, kw_only=True)
    maximum_record_age: float | None = field(default=None, kw_only=True)
    bisect_batch_on_function_error: bool = field(default=False, kw_only=True)
    tumbling_window: float = field(default=0.0, kw_only=True)
    starting_position: str | None = field(default=None, kw_only=True)
    starting_position_timestamp: float | None = field(default=None, kw_only=True)
    created_at: float | None = field(default=None, kw_only=True)
    on_failure: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        at = "EventSourceMapping("
        checks.instance(f"{at}function", self.function, Function, 'a Function, such as Function("worker", duration=0.5)')
        checks.instance(f"{at}source", self.source, Queue | Stream, 'a source, such as SqsQueue("orders", poisson(100))')
        at = f"EventSourceMapping({self.function.name!r}, {self.source.name!r}, "
        if self.source.name == self.function.name:
            raise ValueError(f"{at[:-2]}): a source and a function share a name; names are unique in a run.")
        for name in ("report_batch_item_failures", "bisect_batch_on_function_error"):
            checks.instance(f"{at}{name}", getattr(self, name), bool, "True or False")
        rule = "must be a number of seconds, 0 or more (what each record adds to the duration)"
        self._keep("seconds_per_record", checks.number(f"{at}seconds_per_record", self.seconds_per_record, rule, least=0))
        if self.qualifier not in (None, "$LATEST"):
            raise ValueError(
                f"{at}qualifier={self.qualifier!r}: must be None or '$LATEST' (AWS::Lambda::EventSourceMapping FunctionName)."
            )
        rule = "must be a number of seconds above 0 (an assumption: AWS does not publish how long a batch waits)"
        self._keep("retry_wait", checks.number(f"{at}retry_wait", self.retry_wait, rule, above=0))
        self._check_batches(at)
        if isinstance(self.source, Queue):
            self._check_queue(at)
        else:
            self._check_stream(at)

    @property
    def provisioned(self) -> bool:
        """Whether the pollers are provisioned."""
        return self.minimum_pollers is not None

    def _keep(self, attribute: str, value: object) -> None:
        object.__setattr__(self, attribute, value)

    def _check_batches(self, at: str) -> None:
        fifo, queue = isinstance(self.source, FifoQueue), isinstance(self.source, Queue)
        kind = "sqs" if queue else "stream"
        most = fact("sqs_batch_maximum_fifo" if fifo else f"{kind}_batch_maximum").value
        size = fact(f"{kind}_batch_default").value if self.batch_size is None else self.batch_size
        of = "a FIFO queue" if fifo else "a standard queue" if queue else "a stream"
        rule = f"must be a whole number from 1 to {most:,} for {of} (AWS::Lambda::EventSourceMapping BatchSize)"
        self._keep("batch_size", checks.whole(f"{at}batch_size", size, rule, least=1, most=most))
        most = fact("sqs_window_maximum").value
        rule = f"must be a number of seconds from 0 to {most} (AWS::Lambda::EventSourceMapping MaximumBatchingWindowInSeconds)"
        self._keep("batching_window", checks.number(f"{at}batching_window", self.batching_window, rule, least=0, most=most))
        if fifo and self.batching_window:
            raise ValueError(
                f"{at}batching_window={self.batching_window:g}: a FIFO queue has no batching window "
                "(AWS::Lambda::EventSourceMapping MaximumBatchingWindowInSeconds)."
            )
        without, needed = fact("sqs_batch_without_window").value, fact("sqs_window_needed").value
        if queue and self.batch_size > without and self.batching_window < needed:
            raise ValueError(
                f"{at}batch_size={self.batch_size}, batching_window={self.batching_window:g}: a batch of more than {without} "
                f"messages of a queue needs a window of at least {needed} s (AWS::Lambda::EventSourceMapping BatchSize)."
            )

    def _check_queue(self, at: str) -> None:
        streams_only = {
            "parallelization_factor": None, "maximum_retry_attempts": None, "maximum_record_age": None,
            "bisect_batch_on_function_error": False, "tumbling_window": 0, "starting_position": None, "on_failure": None,
            "starting_position_timestamp": None, "created_at": None,
        }  # fmt: skip
        self._refuse(at, streams_only, "is for streams; a queue has a visibility timeout, a retention and a dead-letter queue")
        if self.maximum_concurrency is not None:
            least, most = fact("sqs_maximum_concurrency_minimum").value, fact("sqs_maximum_concurrency_maximum").value
            rule = f"must be a whole number from {least} to {most:,}, or None (ScalingConfig MaximumConcurrency)"
            count = checks.whole(f"{at}maximum_concurrency", self.maximum_concurrency, rule, least=least, most=most)
            self._keep("maximum_concurrency", count)
        rule = "must be a share from 0 to 1 (an assumption: AWS does not publish how a mapping cuts its pollers)"
        self._keep("error_cut", checks.number(f"{at}error_cut", self.error_cut, rule, least=0, most=1))
        if self.minimum_pollers is not None or self.maximum_pollers is not None:
            if self.maximum_concurrency is not None:
                raise ValueError(
                    f"{at}maximum_concurrency={self.maximum_concurrency}, minimum_pollers={self.minimum_pollers}, "
                    f"maximum_pollers={self.maximum_pollers}: AWS takes either ScalingConfig or ProvisionedPollerConfig, not both."
                )
            for name in ("minimum", "maximum"):
                least, most = fact(f"sqs_provisioned_{name}_range").value
                rule = f"must be a whole number from {least} to {most:,} (ProvisionedPollerConfig {name.title()}Pollers)"
                value = getattr(self, f"{name}_pollers")
                value = fact(f"sqs_provisioned_{name}_default").value if value is None else value
                self._keep(f"{name}_pollers", checks.whole(f"{at}{name}_pollers", value, rule, least=least, most=most))
            if self.minimum_pollers > self.maximum_pollers:
                raise ValueError(
                    f"{at}minimum_pollers={self.minimum_pollers}, maximum_pollers={self.maximum_pollers}: the minimum is above "
                    "the maximum (AWS::Lambda::EventSourceMapping ProvisionedPollerConfig)."
                )
        timeout = self.function.timeout
        if timeout is not None and self.source.visibility_timeout < timeout:
            raise ValueError(
                f"{at}…): the queue's visibility_timeout={self.source.visibility_timeout:g} is shorter than the function's "
                f"timeout={timeout:g}; AWS refuses that, and advises {fact('sqs_visibility_rule').value} times the timeout "
                "(AWS::SQS::Queue VisibilityTimeout)."
            )
        always_fails = self.function.error_rate == 1 or self.source.poison_rate > 0
        takes_no_time = self.function.duration.quantile(1) == self.seconds_per_record == self.source.visibility_timeout == 0
        if always_fails and takes_no_time and self.source.max_receive_count is None:
            raise ValueError(
                f"{at}…): a message that always fails, in no time, is visible again at once, and no max_receive_count ends it: "
                "time would stand still. Give the function a duration, or the queue a visibility_timeout (VisibilityTimeout)."
            )

    def _check_stream(self, at: str) -> None:
        queues_only = {
            "maximum_concurrency": None, "minimum_pollers": None, "maximum_pollers": None,
            "error_cut": fact("sqs_error_backoff_factor").value,
        }  # fmt: skip
        self._refuse(at, queues_only, "is for queues; a stream's concurrency is shards times parallelization_factor")
        most = fact("parallelization_factor_maximum").value
        rule = f"must be a whole number from 1 to {most} (AWS::Lambda::EventSourceMapping ParallelizationFactor)"
        factor = (
            fact("parallelization_factor_default").value if self.parallelization_factor is None else self.parallelization_factor
        )
        self._keep("parallelization_factor", checks.whole(f"{at}parallelization_factor", factor, rule, least=1, most=most))
        retries = None if _is_minus_one(self.maximum_retry_attempts) else self.maximum_retry_attempts
        if retries is not None:
            most = fact("stream_retries_maximum").value
            rule = f"must be a whole number from 0 to {most:,}, or None (AWS: -1) for no end (MaximumRetryAttempts)"
            retries = checks.whole(f"{at}maximum_retry_attempts", retries, rule, least=0, most=most)
        self._keep("maximum_retry_attempts", retries)
        age = None if _is_minus_one(self.maximum_record_age) else self.maximum_record_age
        if age is not None:
            least, most = fact("stream_record_age_minimum").value, fact("stream_record_age_maximum").value
            rule = f"must be a number of seconds from {least} to {most:,}, or None (AWS: -1) for no end (MaximumRecordAgeInSeconds)"
            age = checks.number(f"{at}maximum_record_age", age, rule, least=least, most=most)
        self._keep("maximum_record_age", age)
        most = fact("tumbling_window_maximum").value
        rule = f"must be a number of seconds from 0 to {most} (AWS::Lambda::EventSourceMapping TumblingWindowInSeconds)"
        self._keep("tumbling_window", checks.number(f"{at}tumbling_window", self.tumbling_window, rule, least=0, most=most))
        needed = fact("tumbling_window_factor").value
        if self.tumbling_window and self.parallelization_factor != needed:
            raise ValueError(
                f"{at}tumbling_window={self.tumbling_window:g}, parallelization_factor={self.parallelization_factor}): with a "
                f"tumbling window the factor must be {needed} (AWS::Lambda::EventSourceMapping ParallelizationFactor)."
            )
        position = "TRIM_HORIZON" if self.starting_position is None else self.starting_position
        known = self.source.starting_positions or tuple(fact("starting_positions_kinesis").value)
        self._keep("starting_position", checks.choice(f"{at}starting_position", position, known, "StartingPosition"))
        if (position == "AT_TIMESTAMP") != (self.starting_position_timestamp is not None):
            raise ValueError(
                f"{at}starting_position={position!r}, starting_position_timestamp={self.starting_position_timestamp!r}: "
                "a timestamp goes with AT_TIMESTAMP, and with nothing else (StartingPositionTimestamp)."
            )
        for name in ("starting_position_timestamp", "created_at"):
            if getattr(self, name) is not None:
                rule = "must be a time in seconds of the run, or None"
                self._keep(name, checks.number(f"{at}{name}", getattr(self, name), rule))
        if self.on_failure is not None:
            checks.name(f"{at}on_failure", self.on_failure, "AWS::Lambda::EventSourceMapping DestinationConfig OnFailure")

    def _refuse(self, at: str, defaults: dict[str, Any], why: str) -> None:
        """Every argument that was moved away from its default, though this kind of source has none of it."""
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                raise ValueError(f"{at}{name}={value!r}: {name} {why} (AWS::Lambda::EventSourceMapping).")


def _is_minus_one(value: Any) -> bool:
    """AWS's way to say that there is no limit."""
    return not isinstance(value, bool) and isinstance(value, int | float) and value == -1
