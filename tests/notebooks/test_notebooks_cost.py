"""What the text of lesson 07 says in numbers is what the course computes."""

import math

import pytest

from lambdacourse import Function, Sync, diurnal, simulate
from lambdacourse.labs.cost import PRESETS
from lambdacourse.memory import Work, read_power_tuning, tune
from lambdacourse.pricing import Provisioned, bill, billed_ms, crossing, fargate, most_bursty, provisioned_multiple

MILLIONS = 730 * 3600 / 1e6
ADDRESS = "https://x/#gAAAAQACAAQABsAL;ZooQR4yvkUa/pQRGRC5zRaADHUVjOftE;QdWhOEMkoziDT5Q4xhiIOMYYiDi6RNc4"


def test_two_lines():
    """$2.73; $0.20 and $3.33; 214 ms; a second of initialisation in one call of a hundred is a tenth of 100 ms."""
    assert round(bill(3_000_000, 120, 1536).total, 2) == 2.73
    assert [round(line.amount, 2) for line in bill(1_000_000, 200, 1024, free_tier=False).lines] == [0.2, 3.33]
    assert billed_ms(133.61, 80.0) == 214
    plain, cold = (bill(100, 100, 1024, cold_starts=1, init_ms=init, free_tier=False) for init in (0, 1000))
    assert (cold - plain).total / plain.lines[1].amount == pytest.approx(0.1)


def test_memory():
    """3,538 MB cost twice as much as 1,769 and are no faster; 250 ms need 768 MB for three times the money."""
    one, two = tune(Work(cpu=0.1), memories=(1769, 3538)).settings
    assert two.cost / one.cost == pytest.approx(2) and two.duration_ms == one.duration_ms
    waiting = {each.memory_mb: each for each in tune(Work(cpu=0.02, wait=0.2)).settings}
    assert waiting[512].duration_ms > 250 > waiting[768].duration_ms
    assert waiting[768].cost / waiting[128].cost == pytest.approx(3.1, abs=0.05)
    thumbnails = PRESETS["thumbnails"]
    work = Work(thumbnails["cpu"] / 1000, thumbnails["wait"] / 1000)
    assert math.isinf(crossing(work, thumbnails["memory"], fargate(), thumbnails["burstiness"]))


def test_power_tuning():
    """37 s shrink to 2.5 s, the cost falls until 1,536 MB, and 3,008 MB cost 58 % more."""
    tuning = read_power_tuning({"stateMachine": {"visualization": ADDRESS}})
    found = {each.memory_mb: each for each in tuning.settings}
    assert (round(found[128].duration_ms / 1000), round(found[1536].duration_ms / 1000, 1)) == (37, 2.5)
    assert tuning.cheapest.memory_mb == 1536
    assert found[3008].cost / found[1536].cost == pytest.approx(1.58, abs=0.005)


def test_provisioned_day():
    """A day from 20 to 100 requests per second keeps a third of its peak busy; provisioned for that, a month costs $400 more."""
    day = simulate(Sync(Function("api", duration=0.5, memory_mb=1024), diurnal(20, 100)), seconds=86_400, seed=1)
    api = day["api"]
    assert api.mean_concurrency / api.peak_concurrency == pytest.approx(1 / 3, abs=0.03)
    kept = Provisioned(api.peak_concurrency, 730, round(api.invocations * 730 / 24), 500)
    assert (bill(0, 0, 1024, provisioned=kept, free_tier=False) - day.bill("month")).total == pytest.approx(400, abs=30)


def test_batches_and_the_whole_bill():
    """Batches of ten save a quarter of the duration; requests are 0.3 % at 2 GB and 2 s; Lambda is $19 of $139."""
    once, each = Work(cpu=0.002, wait=0.010), Work(cpu=0.005, wait=0.030)
    alone, tens = (bill(10**6 // n, 1000 * once.batch(n, each).duration(512), 512, free_tier=False) for n in (1, 10))
    assert 1 - tens.lines[1].amount / alone.lines[1].amount == pytest.approx(0.25, abs=0.01)
    heavy = bill(1_000_000, 2000, 2048, free_tier=False)
    assert heavy.lines[0].amount / heavy.total == pytest.approx(0.003, abs=1e-4)
    around = {"rest_requests": 10**7, "logs_gb": 20, "nat_hours": 2 * 730, "ipv4_hours": 2 * 730, "nat_gb": 50}
    assert round(bill(10**7, 200, 512, free_tier=False).total) == 19
    assert round(bill(10**7, 200, 512, free_tier=False, **around).total) == 139


def test_wrong_choice():
    """Some twenty million a month for what waits, until its peak is nearly ten times its mean; computing, only while it is even."""
    waits, computes = Work(0.02, 0.18), Work(0.2)
    assert crossing(waits, 1024, fargate()) * MILLIONS == pytest.approx(20, rel=0.1)
    assert 9 < most_bursty(waits, 1024, fargate()) < 10
    assert most_bursty(computes, 1024, fargate()) == pytest.approx(1.5, abs=0.05)
    assert math.isinf(crossing(computes, 1024, fargate(), 2))
    assert fargate().month(waits, 0) == pytest.approx(70, rel=0.05)


def test_claims():
    """4 times at 7.3 %; 5.7 times for 8 times the memory; 65 and 85 ms; from 3 to 63 million."""
    assert provisioned_multiple(0.073) == pytest.approx(4, abs=0.02)
    eight = bill(1_000_000, 200, 1024, free_tier=False).total / bill(1_000_000, 200, 128, free_tier=False).total
    assert eight == pytest.approx(5.73, abs=0.005)
    fit = Work.fit({128: 1000, 512: 300, 1024: 200, 3008: 150})
    assert (round(1000 * fit.cpu), round(1000 * fit.wait)) == (65, 85)
    works, tasks = (Work(0.02, 0.18), Work(0.1, 0.1), Work(0.2)), (fargate(0.25, 0.5), fargate())
    found = [crossing(work, memory, task) * MILLIONS for work in works for task in tasks for memory in (128, 1769)]
    assert (round(min(found)), round(max(found))) == (3, 63)
