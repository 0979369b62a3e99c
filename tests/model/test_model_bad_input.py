"""Wrong arguments: each is refused where it is given, with the value, the rule, and AWS's name for it where AWS has one."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from lambdacourse import (
    Account,
    ColdStart,
    Function,
    Scenario,
    Sync,
    constant,
    diurnal,
    exponential,
    lognormal,
    poisson,
    ramp,
    simulate,
    spike,
    steady,
    sweep,
    trace,
)  # fmt: skip
from lambdacourse.model import throttle_status

API = Function("api", duration=0.5)
FLOW = Sync(API, poisson(10))
RUN = simulate(FLOW, seconds=10)
FUNCTION = "Function('api', "
LONG = 10**400
"""An int that no float can hold."""


def function(argument):
    return lambda value: Function("api", **{"duration": 0.5, argument: value})


def account(argument):
    return lambda value: Account(**{argument: value})


def scenario(argument):
    return lambda value: Scenario(FLOW, **{argument: value})


@dataclass(frozen=True)
class Number:
    """An argument that takes a number: how the message begins, its rule, AWS's name; some it must take and must refuse."""

    where: str
    make: object
    rule: str
    aws: str
    good: tuple
    bad: tuple
    optional: bool = False

    @property
    def whole(self):
        return "whole" in self.rule


NUMBERS = [
    Number("Account(concurrency_limit", account("concurrency_limit"), "whole number of 1 or more", "L-B99A9384", (1, 1e5), (0, 1.5), True),
    Number("Account(scaling_rate", account("scaling_rate"), "whole number of environments, 1 or more", "concurrency scaling rate", (1, 6e3), (0, 0.5), True),
    Number("Account(scaling_period", account("scaling_period"), "seconds above 0", "concurrency scaling rate", (0.1, 60), (0,)),
    Number("Account(rps_per_concurrency", account("rps_per_concurrency"), "per second above 0", "requests-per-second limit", (0.5, 10), (0,), True),
    Number("Account(rps_burst", account("rps_burst"), "seconds above 0", "assumption", (0.1, 5), (0,)),
    Number("Account(unreserved_minimum", account("unreserved_minimum"), "whole number of 0 or more", "UnreservedConcurrentExecutions", (0, 100), (1.5,)),
    Number(f"{FUNCTION}duration", function("duration"), "number of seconds (0 or more) or a duration", "", (0, 900, 1e6), ()),
    Number(f"{FUNCTION}memory_mb", function("memory_mb"), "whole number of MB from 128 to 10,240", "MemorySize", (128, 10_240, 1_769.0), (0, 127, 10_241, 512.5)),
    Number(f"{FUNCTION}timeout", function("timeout"), "seconds from 1 to 900", "AWS::Lambda::Function Timeout", (1, 900), (0, 0.5, 900.5), True),
    Number(f"{FUNCTION}error_rate", function("error_rate"), "share from 0 to 1", "", (0, 0.5, 1), (1.01, 5)),
    Number(f"{FUNCTION}reserved_concurrency", function("reserved_concurrency"), "whole number of 0 or more", "ReservedConcurrentExecutions", (0, 900), (0.5,), True),
    Number(f"{FUNCTION}idle_timeout", function("idle_timeout"), "seconds above 0", "assumption", (0.1, 1e5), (0,)),
    Number(f"{FUNCTION}maximum_age", function("maximum_age"), "seconds above 0", "assumption", (0.1, 1e5), (0,), True),
    Number("ColdStart(init", ColdStart, "number of seconds (0 or more) or a duration", "", (0, 10), ()),
    Number("constant(seconds", constant, "number of seconds, 0 or more", "", (0, 900), ()),
    Number("exponential(mean", exponential, "number of seconds above 0", "", (1e-9, 900), (0,)),
    Number("lognormal(median", lambda value: lognormal(value, 5), "number of seconds above 0", "", (0.1, 5), (0,)),
    Number("lognormal(p99", lambda value: lognormal(2, value), "at least the median (2)", "", (2, 50), (0, 1.9)),
    Number("steady(rate", steady, "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("poisson(rate", poisson, "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("ramp(first", lambda value: ramp(value, 1, 1), "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("ramp(last", lambda value: ramp(1, value, 1), "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("ramp(seconds", lambda value: ramp(1, 1, value), "seconds above 0", "", (0.1, 1e5), (0,)),
    Number("spike(base", lambda value: spike(value, 1, 1, 1), "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("spike(peak", lambda value: spike(1, value, 1, 1), "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("spike(at", lambda value: spike(1, 1, value, 1), "time in seconds, 0 or more", "", (0, 1e5), ()),
    Number("spike(seconds", lambda value: spike(1, 1, 1, value), "seconds above 0", "", (0.1, 1e5), (0,)),
    Number("diurnal(low", lambda value: diurnal(value, 1e6), "requests per second, 0 or more", "", (0, 1e5), ()),
    Number("diurnal(high", lambda value: diurnal(2, value), "not below low", "", (2, 1e5), (0, 1.9)),
    Number("diurnal(period", lambda value: diurnal(1, 2, 0, value), "seconds above 0", "", (0.1, 1e5), (0,)),
    Number("simulate(seconds", scenario("seconds"), "number of seconds above 0", "", (0.1, 1e5), (0,)),
    Number("simulate(warm_up", scenario("warm_up"), "number of seconds, 0 or more", "", (0, 60), ()),
    Number("simulate(seed", scenario("seed"), "whole number from 0", "", (0, 7, 2**40), (0.5,)),
    Number("quantile(q", RUN["api"].wait, "from 0 to 1", "", (0, 0.5, 1), (1.01, 99)),
    Number("quantile(q", RUN["api"].latency, "from 0 to 1", "", (0.01, 0.5, 1), (1.01, 99)),
    Number("metrics(period", RUN.metrics, "multiple of 0.1 s", "", (0.1, 1, 60), (0,)),
]  # fmt: skip
EACH = pytest.mark.parametrize("argument", NUMBERS, ids=lambda argument: argument.where)


def refused(argument, value, kind):
    """The message with which ``value`` is refused; it must say all that it should."""
    with pytest.raises(kind) as caught:
        argument.make(value)
    message = str(caught.value)
    for part in (f"{argument.where}={value!r}", argument.rule, argument.aws):
        assert part in message, message
    assert message.endswith(".") and "\n" not in message
    return message


NOT_NUMBERS = [
    True,
    False,
    np.True_,
    "5",
    "",
    b"5",
    [1],
    (1,),
    {"seconds": 1},
    1j,
    Decimal(5),
    np.array([1.0, 2.0]),
    object,
    poisson(1),
]


@EACH
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda value: f"{type(value).__name__} {value!r}"[:25])
def test_not_a_number(argument, value):
    """What is not a number is refused as a TypeError that names its type; a bool is not a number."""
    message = refused(argument, value, TypeError)
    assert f"not a {type(value).__name__}" in message


@EACH
def test_none(argument):
    """None is a value only where it switches something off."""
    if argument.optional:
        argument.make(None)
    else:
        assert "None" in refused(argument, None, TypeError)


@EACH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")], ids=repr)
def test_not_finite(argument, value):
    """Neither infinity nor NaN is a value of anything."""
    refused(argument, value, ValueError)


@EACH
@pytest.mark.parametrize("value", [-1, -0.001, -1e300, Fraction(-1, 3), np.int64(-5), np.float32(-0.5)], ids=repr)
def test_negative(argument, value):
    """Nothing here is negative."""
    refused(argument, value, ValueError)


@pytest.mark.parametrize(
    ("argument", "value"),
    [pytest.param(argument, value, id=f"{argument.where}={value!r}") for argument in NUMBERS for value in argument.bad],
)
def test_outside_its_range(argument, value):
    """Values just outside the range are refused, as Python's numbers and as NumPy's."""
    refused(argument, value, ValueError)
    refused(argument, np.float64(value), ValueError)
    refused(argument, Fraction(value), ValueError)


@pytest.mark.parametrize(
    ("argument", "value"),
    [pytest.param(argument, value, id=f"{argument.where}={value!r}") for argument in NUMBERS for value in argument.good],
)
def test_within_its_range(argument, value):
    """Values at the edge of the range are taken, as int, float, Fraction or NumPy scalar, and then are all the same."""
    same = [
        value,
        float(value),
        Fraction(value),
        np.float64(value),
        *([np.int64(value), int(value)] if value == int(value) else []),
    ]
    made = [argument.make(kind) for kind in same]
    assert len({repr(result) for result in made}) == 1
    kept = [number for result in made for number in getattr(result, "__dict__", {}).values()]
    assert not any(isinstance(number, np.generic | Fraction) for number in kept)


def test_number_beyond_all_floats():
    """A number that no float can hold is refused like infinity."""
    for argument in NUMBERS:
        refused(argument, LONG, ValueError)


@pytest.mark.parametrize("period", [0.05, 0.15, 0.25, 1.01, 59.95])
def test_period_between_bins(period):
    """A period that cuts through the bins in which the run was counted is refused."""
    refused(NUMBERS[-1], period, ValueError)


def test_period_beyond_all_runs():
    """A period of any length is one row, or is refused with the rule."""
    assert len(RUN.metrics(1e300)) == 1


# Names, choices and objects


@pytest.mark.parametrize("name", ["", " ", " api", "api ", "a\nb", "a\tb", "\x00", "a\u200bb"])
def test_names_that_are_none(name):
    """A name is visible from its first character to its last."""
    with pytest.raises(ValueError) as caught:
        Function(name, duration=1)
    assert repr(name) in str(caught.value) and "a name is a text" in str(caught.value)


@pytest.mark.parametrize("name", [None, 5, True, b"api", ["api"], API])
def test_names_that_are_no_text(name):
    """A name is a text."""
    with pytest.raises(TypeError) as caught:
        Function(name, duration=1)
    assert repr(name) in str(caught.value) and "a name is a text, not" in str(caught.value)


def test_name_of_a_name():
    """The message names AWS's property, as those of all other arguments do."""
    with pytest.raises(ValueError, match="FunctionName"):
        Function("", duration=1)


@pytest.mark.parametrize(
    "name", ["api", "a b", "größe", "api-1_x", "日本", "arn:aws:lambda:us-east-1:1:function:api", "a" * 200]
)
def test_names_that_are_some(name):
    """Any printable text is a name."""
    assert simulate(Sync(Function(name, duration=0.1), steady(1)))[name].arrivals == 60


@pytest.mark.parametrize("value", ["x86", "ARM64", "", None, 5, True])
def test_architecture(value):
    """There are two architectures."""
    with pytest.raises(ValueError) as caught:
        Function("api", duration=1, architecture=value)
    for part in (f"architecture={value!r}", "'x86_64', 'arm64'", "AWS::Lambda::Function Architectures"):
        assert part in str(caught.value)


@pytest.mark.parametrize("value", ["lambda", "Invoke", "", None, 5])
def test_via(value):
    """A caller is one of those that are modelled."""
    for make in (lambda: Sync(API, poisson(1), via=value), lambda: throttle_status(value)):
        with pytest.raises(ValueError) as caught:
            make()
        for part in (f"via={value!r}", "'invoke'", "'function_url'", "'api_gateway_rest'", "'alb'"):
            assert part in str(caught.value)


WRONG_OBJECTS = {
    "cold_start number": (lambda: Function("api", duration=1, cold_start=0.25), "cold_start=0.25", "ColdStart(init=0.25)"),
    "cold_start None": (lambda: Function("api", duration=1, cold_start=None), "cold_start=None", "ColdStart(init=0.25)"),
    "cold_start class": (lambda: Function("api", duration=1, cold_start=ColdStart), "cold_start=<class", "ColdStart(init=0.25)"),
    "duration class": (lambda: Function("api", duration=exponential), "duration=<function", "exponential(0.5)"),
    "function name": (lambda: Sync("api", poisson(1)), "function='api'", "Function("),
    "function None": (lambda: Sync(None, poisson(1)), "function=None", "Function("),
    "traffic number": (lambda: Sync(API, 100), "traffic=100", "poisson(1_000)"),
    "traffic None": (lambda: Sync(API, None), "traffic=None", "poisson(1_000)"),
    "traffic list": (lambda: Sync(API, [1, 2]), "traffic=[1, 2]", "poisson(1_000)"),
    "traffic class": (lambda: Sync(API, poisson), "traffic=<function", "poisson(1_000)"),
    "trigger list": (lambda: simulate([FLOW]), "trigger=[Sync(", "Sync(function, poisson(100))"),
    "trigger traffic": (lambda: simulate(poisson(1)), "trigger=Poisson(", "Sync(function, poisson(100))"),
    "trigger None": (lambda: simulate(None), "trigger=None", "Sync(function, poisson(100))"),
    "trigger text": (lambda: Scenario("api"), "trigger='api'", "Sync(function, poisson(100))"),
    "account number": (lambda: simulate(FLOW, account=1_000), "account=1000", "Account(concurrency_limit=1_000)"),
    "account None": (lambda: simulate(FLOW, account=None), "account=None", "Account(concurrency_limit=1_000)"),
    "account class": (lambda: simulate(FLOW, account=Account), "account=<class", "Account(concurrency_limit=1_000)"),
    "scenario trigger": (lambda: sweep([FLOW]), "scenario=Sync(", "a Scenario"),
    "scenario None": (lambda: sweep([Scenario(FLOW), None]), "scenario=None", "a Scenario"),
    "scenario run": (lambda: sweep([RUN]), "scenario=Run(", "a Scenario"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_OBJECTS)
def test_objects_of_the_wrong_kind(case):
    """What should be one of the vocabulary's objects and is not is refused, with an example of one."""
    make, value, example = WRONG_OBJECTS[case]
    with pytest.raises(TypeError) as caught:
        make()
    assert value in str(caught.value) and example in str(caught.value) and " not " in str(caught.value)


def test_sweep_of_nonsense():
    """``sweep`` says what it wants: several scenarios, and an Executor."""
    for make in (lambda: sweep(5), lambda: sweep(None), lambda: sweep(Scenario(FLOW)), lambda: sweep([], executor="threads")):
        with pytest.raises(TypeError, match=r"sweep\(.*(Scenario|Executor)"):
            make()


def test_durations_of_another_kind():
    """Anything that has a mean, a variance, quantiles and draws is a duration; what lacks one of them is not."""

    class Half:
        mean, variance = 1.0, 0.0

        def quantile(self, q):
            return 1.0

    class Whole(Half):
        def draw(self, rng, size):
            return np.ones(size)

    assert simulate(Sync(Function("api", duration=Whole(), cold_start=ColdStart(init=0)), steady(2)))["api"].latency(
        0.5
    ) == pytest.approx(1, rel=0.01)
    with pytest.raises(TypeError, match="not a Half"):
        Function("api", duration=Half())


# Traces


@pytest.mark.parametrize(
    ("times", "kind", "parts"),
    [
        ([-1], ValueError, ("-1 s", "count from 0")),
        ([3, -0.5, 1], ValueError, ("-0.5 s", "count from 0")),
        ([1, math.nan], ValueError, ("nan", "finite")),
        ([math.inf], ValueError, ("inf", "finite")),
        ([-math.inf, 1], ValueError, ("-inf", "finite")),
        ([1, None], ValueError, ("nan", "finite")),
        (["a", "b"], TypeError, ("['a', 'b']", "list of times in seconds")),
        ("abc", TypeError, ("'abc'", "list of times in seconds")),
        ([[1, 2], [3]], TypeError, ("[[1, 2], [3]]", "list of times in seconds")),
        ([[1, 2], [3, 4]], TypeError, ("[3, 4]", "list of times in seconds")),
        ([1j], TypeError, ("1j", "list of times in seconds")),
        ([API], TypeError, ("Function(", "list of times in seconds")),
    ],
    ids=repr,
)
def test_traces_that_are_none(times, kind, parts):
    """The times of a trace are finite numbers from 0."""
    with pytest.raises(kind) as caught:
        trace(times)
    assert all(part in str(caught.value) for part in ("trace", *parts))


def test_traces_that_are_no_list():
    """What is no list is refused with the value and the rule."""
    for times in (5, None, 1.5, API):
        with pytest.raises(TypeError, match="list of times in seconds") as caught:
            trace(times)
        assert repr(times) in str(caught.value)


def test_traces_of_something_else():
    """Digits, bools, keys and dates are not times in seconds."""
    for times in ("12", ["1", "2"], [True, False], {1: 2}, np.array(["2026-01-01"], dtype="M8[s]")):
        with pytest.raises((TypeError, ValueError)):
            trace(times)


# What contradicts something else


def test_two_functions_of_one_name():
    """A name stands for one function in a run; the same function may stand several times."""
    with pytest.raises(ValueError) as caught:
        simulate(FLOW, Sync(replace(API, memory_mb=512), poisson(1)))
    assert "'api'" in str(caught.value) and "unique" in str(caught.value) and "FunctionName" in str(caught.value)
    assert simulate(FLOW, FLOW, API, replace(API)).functions == (API,)


@pytest.mark.parametrize("name", ["Api", "", 0, None, API])
def test_unknown_function(name):
    """A name that is not in the run is a KeyError with the names that are."""
    with pytest.raises(KeyError) as caught:
        RUN[name]
    assert repr(name) in str(caught.value) and "'api'" in str(caught.value)


def test_requests_that_were_not_kept():
    """Without ``record=True`` there are no requests, and the message says how to get them."""
    with pytest.raises(ValueError, match="record=True"):
        _ = RUN["api"].requests


def test_arguments_that_must_be_named():
    """What has a unit or a rule of its own is given by name."""
    for make in (
        lambda: Function("api", 0.5),
        lambda: Sync(API, poisson(1), "alb"),
        lambda: simulate(FLOW, Account()),
        lambda: Function(name="api"),
        lambda: Function("api", duration=1, memory=512),
    ):
        with pytest.raises(TypeError):
            make()
