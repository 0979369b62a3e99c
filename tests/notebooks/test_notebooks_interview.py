"""What the text of lesson 09 says in numbers is what the facts and the simulator give."""

import math
import random

import pytest

from lambdacourse import Account, ColdStart, Function, Sync, fact, poisson, simulate
from lambdacourse.inside import chunk_wait
from lambdacourse.memory import Work
from lambdacourse.pricing import crossing, fargate, lambda_month


def test_a_thousand_environments_are_seven_seconds_of_a_host():
    """What the scaling rate allows in ten seconds, one host can start in seven: the limit does not protect the machines."""
    assert math.ceil(fact("scaling_rate").value / fact("firecracker_rate").value) == 7 < fact("scaling_period").value


def test_images_would_be_150_terabytes_a_second():
    """15,000 environments a second of 10 GB each."""
    assert fact("container_start_rate").value * fact("image_maximum").value / 1_000 == 150


def test_wait_for_a_chunk():
    """Chunk by chunk, drawn at random from the three tiers: a fifth of a millisecond, where Amazon S3 alone takes 36."""
    chance = random.Random(7)

    def one():
        if chance.random() < 0.67:
            return 0.0
        return 0.55 if chance.random() < 0.999 else 36.0

    drawn = sum(one() for _ in range(400_000)) / 400_000
    assert chunk_wait() == pytest.approx(drawn, rel=0.05)
    assert chunk_wait() < 0.2


def test_invocations_of_all_customers():
    """15 trillion a month are 5.7 million a second, and half a million at once at 100 ms each."""
    a_second = 15e12 / (730 * 3600)
    assert fact("lambda_invocations_month").value / (730 * 3600) == a_second == pytest.approx(5.7e6, rel=0.01)
    assert a_second * 0.1 == pytest.approx(5e5, rel=0.2)


def test_peaks_hardly_meet():
    """A hundred customers' own peaks are four times what they need together, which stays near its Poisson mean of 100."""
    alone = {"duration": 1.0, "cold_start": ColdStart(init=0)}
    tenants = [Sync(Function(f"customer {number}", **alone), poisson(1)) for number in range(100)]
    run = simulate(*tenants, account=Account(concurrency_limit=None), seconds=300, seed=1)
    peaks = sum(run[each.function.name].peak_concurrency for each in tenants)
    together = run.metrics(60)[("account", "ConcurrentExecutions", "Maximum")].max()
    assert peaks > 4 * together and 100 + math.sqrt(100) < together < 100 + 5 * math.sqrt(100)


@pytest.mark.parametrize("millions, burstiness", [(3, 10), (200, 1.5)])
def test_both_bills(millions, burstiness):
    """The small and uneven load is cheaper on Lambda, the large and even one on two tasks: worked out by hand."""
    waits, rate = Work(cpu=0.02, wait=0.18), millions * 1e6 / (730 * 3600)
    milliseconds = 180 + 20 * 1769 / 1024
    on_lambda = millions * (0.20 + math.ceil(milliseconds) * 1_000 * 0.0000166667)
    tasks = 2 * 730 * (0.04048 + 2 * 0.004445)
    assert lambda_month(waits, 1024, rate) == pytest.approx(on_lambda)
    assert fargate().month(waits, rate, burstiness) == pytest.approx(tasks * (1 if millions == 3 else 2))
    assert (on_lambda < tasks) is (millions == 3) is (rate < crossing(waits, 1024, fargate(), burstiness))


def test_claims():
    """5 GB take a minute through an environment's network; of twenty requests none goes to the canary in 12 %; one trace in twenty."""
    assert 5_000 * 8 / fact("function_network").value == pytest.approx(64)
    seconds = fact("image_extra_client").value
    assert max(seconds.values()) - min(seconds.values()) < 0.1
    some = sum(math.comb(20, sent) * 0.1**sent * 0.9 ** (20 - sent) for sent in range(1, 21))
    assert 1 - some == pytest.approx(0.12, abs=0.005)
    assert fact("x_ray_first").value + fact("x_ray_share").value * 999 == pytest.approx(1_000 / 20, rel=0.05)
