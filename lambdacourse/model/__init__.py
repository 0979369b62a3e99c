"""The vocabulary: what an account, a function, its traffic and its triggers are. Frozen, validated, without behaviour."""

from lambdacourse.model.account import Account
from lambdacourse.model.durations import Constant, Duration, Exponential, Lognormal, constant, exponential, lognormal
from lambdacourse.model.functions import ColdStart, Function
from lambdacourse.model.sources import EventSourceMapping, FifoQueue, Queue, Source, SqsQueue, Stream
from lambdacourse.model.streams import DynamoDbStream, KinesisStream
from lambdacourse.model.traces import azure_trace, cloudwatch_trace, per_minute
from lambdacourse.model.traffic import Traffic, diurnal, poisson, ramp, spike, steady, trace
from lambdacourse.model.triggers import CALLERS, Sync, throttle_status

__all__ = [
    "CALLERS",
    "Account",
    "ColdStart",
    "Constant",
    "Duration",
    "DynamoDbStream",
    "EventSourceMapping",
    "Exponential",
    "FifoQueue",
    "Function",
    "KinesisStream",
    "Lognormal",
    "Queue",
    "Source",
    "SqsQueue",
    "Stream",
    "Sync",
    "Traffic",
    "azure_trace",
    "cloudwatch_trace",
    "constant",
    "diurnal",
    "exponential",
    "lognormal",
    "per_minute",
    "poisson",
    "ramp",
    "spike",
    "steady",
    "throttle_status",
    "trace",
]
