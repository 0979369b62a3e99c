"""The vocabulary: what an account, a function, its traffic and its triggers are. Frozen, validated, without behaviour."""

from lambdacourse.model.account import Account
from lambdacourse.model.coldstarts import ColdStart, Phase
from lambdacourse.model.durations import Constant, Duration, Exponential, Lognormal, constant, exponential, lognormal
from lambdacourse.model.functions import Downstream, Function, Schedule, TargetTracking
from lambdacourse.model.sources import EventSourceMapping, FifoQueue, Queue, Source, SqsQueue, Stream
from lambdacourse.model.streams import DynamoDbStream, KinesisStream
from lambdacourse.model.traces import azure_trace, cloudwatch_trace, per_minute
from lambdacourse.model.traffic import Traffic, diurnal, poisson, ramp, spike, steady, trace
from lambdacourse.model.triggers import CALLERS, LATEST, Async, Retry, Sync, throttle_status
from lambdacourse.model.work import Work, vcpus

__all__ = [
    "CALLERS",
    "LATEST",
    "Account",
    "Async",
    "ColdStart",
    "Constant",
    "Downstream",
    "Duration",
    "DynamoDbStream",
    "EventSourceMapping",
    "Exponential",
    "FifoQueue",
    "Function",
    "KinesisStream",
    "Lognormal",
    "Phase",
    "Queue",
    "Retry",
    "Schedule",
    "Source",
    "SqsQueue",
    "Stream",
    "Sync",
    "TargetTracking",
    "Traffic",
    "Work",
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
    "vcpus",
]
