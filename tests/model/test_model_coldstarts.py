"""Cold starts: phases that give back the measurements they are calibrated to, and agree with studies they are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse import ColdStart, Function
from lambdacourse.facts import fact
from lambdacourse.model.coldstarts import FIRST_CALLS, INIT, NOWHERE

RUNTIMES = st.sampled_from(sorted(FIRST_CALLS))


def test_plain_form():
    """``ColdStart(init=0.25)`` is initialisation alone; 0 is none; it is what a function has by default."""
    plain = ColdStart(init=0.25)
    assert (plain.init.mean, plain.download, plain.first_call, plain.phases) == (0.25, 0, 0, ())
    assert plain.seconds == 0.25 and ColdStart(init=0).seconds == 0
    assert Function("api", duration=1).cold_start == ColdStart()


@pytest.mark.parametrize(
    "package, architecture, table",
    [("zip", "x86_64", "zip_x86"), ("zip", "arm64", "zip_arm64"), ("image", "x86_64", "image_x86")],
)
def test_initialisation_is_the_measured_one(package, architecture, table):
    """Median and 99th percentile of every runtime are those measured; the 90th, which is not put in, lies near the measured one."""
    errors = []
    for runtime in FIRST_CALLS:
        init = ColdStart.of(runtime, package=package, architecture=architecture).init
        measured = {q: fact(f"init_p{q}_{table}").value[runtime] / 1000 for q in (50, 90, 99)}
        assert init.quantile(0.5) == pytest.approx(measured[50]) and init.quantile(0.99) == pytest.approx(measured[99])
        errors.append(abs(init.quantile(0.9) / measured[90] - 1))
    assert sorted(errors)[len(errors) // 2] < 0.2 and max(errors) < 0.6


@pytest.mark.parametrize(
    "runtime, language, within",
    [("nodejs22.x", "JavaScript", 0.25), ("python3.13", "Python", 0.25), ("java11", "Java", 0.25), ("ruby3.4", "Ruby", 0.25)],
)
def test_an_independent_study_agrees(runtime, language, within):
    """What a client saw in 2021 by another study, which nothing here is calibrated to, is what the phases add up to."""
    assert ColdStart.of(runtime, package_mb=0).seconds == pytest.approx(fact("client_cold_median").value[language], rel=within)


def test_download_grows_with_a_zip_package():
    """A zip package of 200 MB takes the measured second to arrive; each MB costs what was measured; an image costs none."""
    assert ColdStart.of("python3.13", package_mb=200).download == pytest.approx(fact("pre_init_at_200_mb").value)
    each = (ColdStart.of("go", package_mb=101).download - ColdStart.of("go", package_mb=1).download) / 100
    assert fact("pre_init_per_mb_low").value <= 1000 * each <= fact("pre_init_per_mb_high").value
    images = [ColdStart.of("go", package="image", package_mb=size).download for size in (10, 1_000, 10_000)]
    assert images == [fact("pre_init_floor").value / 1000] * 3


def test_loaded_javascript_is_the_measured_one():
    """Loading JavaScript adds what was measured at each size, and in between something in between."""
    measured = fact("js_size_init_node18").value
    plain = ColdStart.of("nodejs22.x").init.quantile(0.5)
    for size in (1, 8, 32):
        added = ColdStart.of("nodejs22.x", loaded_mb=size).init.quantile(0.5) - plain
        assert added == pytest.approx((measured[f"{size} MB"] - measured["1 KB"]) / 1000)
    ten = ColdStart.of("nodejs22.x", loaded_mb=10).init.quantile(0.5) - plain
    assert 10 * fact("js_init_per_mb_low").value < 1000 * ten < 10 * fact("js_init_per_mb_high").value


def test_memory_moves_the_first_call_alone():
    """Initialisation does not depend on memory; .NET's first call halves with each doubling; beyond the sizes measured it stays."""
    made = {memory: ColdStart.of("dotnet8", memory_mb=memory) for memory in (128, 256, 512, 1024, 4096)}
    assert len({each.init for each in made.values()}) == 1
    for memory, milliseconds in fact("first_call_dotnet8").value.items():
        assert 1000 * made[int(memory)].first_call == pytest.approx(milliseconds)
    assert made[4096].first_call == made[1024].first_call
    assert made[512].first_call < ColdStart.of("dotnet8", memory_mb=384).first_call < made[256].first_call


def test_snapstart_helps_where_initialisation_is_long():
    """A hello world gets slower with SnapStart, a function that initialises for six seconds at least five times faster."""
    for runtime in ("java21", "python3.13", "dotnet8"):
        assert ColdStart.of(runtime, snapstart=True).seconds > ColdStart.of(runtime).seconds
    heavy = fact("snapstart_cases_init").value["Spring Boot"] / 1000
    plain, restored = (ColdStart.of("java21", function_init=heavy, snapstart=snapstart) for snapstart in (False, True))
    assert plain.seconds > 5 * restored.seconds
    assert [each.shown for each in restored.phases] == [NOWHERE, "Restore Duration", "part of Duration"]


@settings(max_examples=60, deadline=None)
@given(RUNTIMES, st.integers(128, 10_240), st.floats(0, 250), st.floats(0, 9), st.booleans())
def test_phases_add_up(runtime, memory, size, own, vpc):
    """The phases are the whole: what no metric shows is the download, what Init Duration shows the initialisation."""
    made = ColdStart.of(runtime, memory_mb=memory, package_mb=size, function_init=own, vpc=vpc)
    shown = {where: sum(each.seconds for each in made.phases if each.shown == where) for where in (NOWHERE, INIT)}
    assert shown[NOWHERE] == pytest.approx(made.download) and shown[INIT] == pytest.approx(made.init.quantile(0.5))
    assert made.seconds == pytest.approx(sum(each.seconds for each in made.phases))
    assert all(each.source in repr(made.phases) and each.name in made.phases._repr_html_() for each in made.phases)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: ColdStart(init=-1), ValueError, "init=-1"),
        (lambda: ColdStart(download=-1), ValueError, "download=-1"),
        (lambda: ColdStart(first_call="long"), TypeError, "first_call='long'"),
        (lambda: ColdStart.of("python3.8"), ValueError, "not among the runtimes that were measured"),
        (lambda: ColdStart.of("python3.13", memory_mb=64), ValueError, "MemorySize"),
        (lambda: ColdStart.of("python3.13", package="jar"), ValueError, "PackageType"),
        (lambda: ColdStart.of("python3.13", package_mb=251), ValueError, "250"),
        (lambda: ColdStart.of("python3.13", loaded_mb=5), ValueError, "Node.js alone; give function_init"),
        (lambda: ColdStart.of("nodejs22.x", loaded_mb=65), ValueError, "0 to 64"),
        (lambda: ColdStart.of("nodejs22.x", snapstart=True), ValueError, "Java 11, Python 3.12, .NET 8"),
        (lambda: ColdStart.of("dotnet8-aot", snapstart=True), ValueError, "container images"),
        (lambda: ColdStart.of("go", function_init=-1), ValueError, "function_init=-1"),
        (lambda: ColdStart.of(3), TypeError, "Runtime"),
    ],
)
def test_bad_input_is_named(call, error, words):
    """A wrong argument is answered with its value, the rule, and AWS's name for it."""
    with pytest.raises(error, match=words):
        call()
