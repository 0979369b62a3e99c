"""What the text of lesson 03 says in numbers is what the course computes."""

import json
import math

import pytest

from lambdacourse import ColdStart, Function, Sync, fact, poisson, simulate, steady, trace
from lambdacourse.folders import content
from lambdacourse.labs.coldstarts import START, look

LESSON = json.loads((content() / "lessons" / "03-cold-starts.ipynb").read_text(encoding="utf-8"))
CODE = {cell["id"]: "".join(cell["source"]) for cell in LESSON["cells"] if cell["cell_type"] == "code"}
API = Function("api", duration=0.1, cold_start=ColdStart(init=1.4))


def test_hello_worlds():
    """Python's hello world initialises first of the four asked about, in the milliseconds that the answer names."""
    inits = fact("init_p50_zip_x86").value
    asked = {name: inits[name] for name in ("python3.13", "nodejs24.x", "java21", "dotnet8")}
    assert min(asked, key=asked.get) == "python3.13"
    assert list(asked.values()) == [84, 134, 239, 251] and "84 ms; Node.js 134, Java 239, .NET 251" in CODE["choose-runtime"]


def test_what_helps():
    """Of the two-second cold start most is the function's own; loading less helps most, memory and arm64 hardly at all."""
    names: dict = {"ColdStart": ColdStart, "bars": lambda *arguments: None}
    exec(CODE["helps"], names)
    starts = names["starts"]
    whole = starts["as it is"]
    assert 1.75 < whole < 2 and 1.4 / whole > 0.75
    assert min(starts, key=starts.get) == "load less, 0.2 s"
    assert starts["memory 1,769 MB"] == pytest.approx(whole, rel=0.01) == starts["arm64"]
    assert whole - starts["package 5 MB"] == pytest.approx(45 * 0.0045, abs=0.01), "its download and no more"
    assert starts["load less, 0.2 s"] < starts["SnapStart"] < whole


def test_how_often():
    """One request in 10 minutes: 55 % by the formula; one a minute: 0.25 %; under 1 % from one in 78 seconds."""
    rare = simulate(Sync(API, poisson(1 / 600)), seconds=2_400_000, seed=1)["api"].cold_start_rate
    assert rare == pytest.approx(math.exp(-0.6), abs=0.03) and round(100 * math.exp(-0.6)) == 55
    assert round(100 * math.exp(-6), 2) == 0.25
    shares = {gap: float(look(**START | {"gap": gap}).numbers[4].simulated.rstrip("%")) for gap in (60, 120)}
    assert shares[60] < 1 < shares[120], "the lab's own steps"
    assert math.exp(-360 / 78) < 0.01 < math.exp(-360 / 79)


def test_warmer():
    """Of twenty who come at once nineteen wait; the warmer's own first call is the other cold start."""
    run = simulate(Sync(API, steady(1 / 300) + trace([1_000.0] * 20)), seconds=3_600)["api"]
    assert run.cold_starts == 1 + 19


def test_memory_moves_the_first_call_alone():
    """.NET's cold start shrinks with memory, Python's does not."""
    python, dotnet = ([ColdStart.of(name, memory_mb=memory) for memory in (128, 1_769)] for name in ("python3.13", "dotnet8"))
    assert python[0].seconds == pytest.approx(python[1].seconds, abs=0.001)
    assert (
        dotnet[0].seconds - dotnet[1].seconds == pytest.approx(dotnet[0].first_call - dotnet[1].first_call)
        and dotnet[0].first_call > 0.7
    )


def test_billing():
    """AWS's example: 250.06 ms and 100.77 ms are billed as 351 ms."""
    assert math.ceil(250.06 + 100.77) == 351
