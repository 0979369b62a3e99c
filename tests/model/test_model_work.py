"""Work: how long computing and waiting take with how much memory."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.facts import fact
from lambdacourse.model.work import Work, vcpus

MEMORY = st.integers(128, 10_240)


def test_vcpus_by_memory():
    """AWS: one vCPU at 1,769 MB, about six at 10,240."""
    assert vcpus(1769) == 1
    assert vcpus(10_240) == pytest.approx(fact("vcpu_maximum").value, rel=0.04)
    assert vcpus(128) == pytest.approx(0.0724, abs=1e-4)


def test_published_cases_of_power_tuning():
    """CPU-bound cases that Lambda Power Tuning publishes: 2.4 s at 128 MB are 300 ms at 1 GB, 35 s are under 3 s at 1.5 GB."""
    case = fact("power_tuning_same_cost").value
    work = Work(cpu=case["ms before"] / 1000 * vcpus(case["MB before"]))
    assert 1000 * work.duration(case["MB after"]) == pytest.approx(case["ms after"])
    case = fact("power_tuning_faster_and_cheaper").value
    work = Work(cpu=case["seconds before"] * vcpus(case["MB before"]))
    assert work.duration(case["MB after"]) < case["seconds after"]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 6), MEMORY, MEMORY)
def test_more_memory_never_slows(cpu, wait, threads, one, other):
    """More memory is never slower, waiting stays what it is, and beyond its threads' vCPUs nothing changes."""
    work = Work(cpu, wait, threads)
    low, high = sorted((one, other))
    assert work.duration(high) <= work.duration(low)
    assert work.duration(high) >= wait + cpu / threads - 1e-12
    if low >= 1769 * threads:
        assert work.duration(low) == work.duration(high) == pytest.approx(wait + cpu / threads)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 10), st.floats(0.001, 10), st.lists(st.integers(128, 1769), min_size=2, max_size=6, unique=True))
def test_fit_finds_the_work_again(cpu, wait, memories):
    """From durations that come from one kind of work, the fit gives it back."""
    work = Work(cpu, wait)
    found = Work.fit({memory: 1000 * work.duration(memory) for memory in memories})
    for memory in memories:
        assert found.duration(memory) == pytest.approx(work.duration(memory), rel=1e-6)


def test_fit_of_what_does_not_scale():
    """Durations that do not change with memory are all waiting; durations that halve as it doubles are all computing."""
    waiting = Work.fit({128: 200, 1024: 200, 1769: 200})
    assert waiting.cpu == pytest.approx(0, abs=1e-9) and waiting.wait == pytest.approx(0.2)
    computing = Work.fit({128: 800, 256: 400, 512: 200})
    assert computing.wait == pytest.approx(0, abs=1e-9) and computing.duration(1024) == pytest.approx(0.1)


def test_batch_shares_what_is_once():
    """A batch does the common part once and the rest for each item."""
    shared, each = Work(cpu=0.01, wait=0.05), Work(cpu=0.002, wait=0.01)
    ten = shared.batch(10, each)
    assert (ten.cpu, ten.wait) == pytest.approx((0.03, 0.15))
    assert str(shared) == "10 ms of computing and 50 ms of waiting"
    assert str(Work(cpu=5, wait=12.5)) == "5,000 ms of computing and 12,500 ms of waiting"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: vcpus(64), "128 to 10,240 .*MemorySize"),
        (lambda: Work(cpu=-1), "cpu=-1"),
        (lambda: Work(threads=0), "threads=0"),
        (lambda: Work.fit({128: 100}), "two memory sizes"),
        (lambda: Work.fit({128: 100, 256: 0}), "above 0"),
        (lambda: Work(cpu=1).batch(0, Work()), "BatchSize"),
    ],
)
def test_bad_input_is_named(call, words):
    """A wrong argument is answered with its value and the rule."""
    with pytest.raises(ValueError, match=words):
        call()
