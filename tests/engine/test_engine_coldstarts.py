"""The phases of a cold start, worked out by hand: where each shows, and what it holds up."""

import pytest

from lambdacourse import Account, ColdStart, Function, Sync, simulate, steady, trace

SLOW = ColdStart(init=1, download=2, first_call=0.5)
API = Function("api", duration=1, cold_start=SLOW)


def requests(function, times, **options):
    return simulate(Sync(function, trace(times)), seconds=100, record=True, **options)["api"].requests


def test_each_phase_shows_where_it_belongs():
    """Download and init come before the handler, the first call is part of its duration; the second call of all has neither."""
    first, second = requests(API, [0, 10]).to_dict("records")
    assert (first["download"], first["init"], first["wait"], first["duration"], first["latency"]) == (2, 1, 3, 1.5, 4.5)
    assert (second["download"], second["init"], second["wait"], second["duration"], second["latency"]) == (0, 0, 0, 1, 1)


def test_a_download_is_not_billed_and_counts_as_concurrency():
    """Billed are init and duration, 2.5 s and 1 s; while its code arrives, an environment takes the one place that there is."""
    run = simulate(Sync(API, trace([0, 10])), seconds=100)
    usage = run.bill().usage
    assert float(usage["init_x86_64"] + usage["duration_x86_64"]) == pytest.approx(3.5)
    assert run["api"].mean_duration == 1.25 and run["api"].mean_concurrency == pytest.approx((4.5 + 1) / 100)
    one = Account(concurrency_limit=1, unreserved_minimum=0)
    assert requests(API, [0, 1.5, 4.4, 4.5], account=one).outcome.tolist() == ["ok", "throttled", "throttled", "ok"]


def test_provisioned_environments_are_there_and_still_have_a_first_call():
    """Provisioned concurrency takes download and init away, not what the first call takes longer."""
    ready = Function("api", duration=1, cold_start=SLOW, provisioned_concurrency=1)
    table = requests(ready, [0, 10])
    assert table.provisioned.all() and table.wait.tolist() == [0, 0] and table.duration.tolist() == [1.5, 1]


def test_after_a_timeout_all_but_the_download_comes_again():
    """The environment stays and its code with it; the first call can itself be what takes too long."""
    table = requests(Function("api", duration=1, cold_start=SLOW, timeout=1.2), [0, 10, 20])
    assert table.outcome.tolist() == ["timeout"] * 3 and table.environment.tolist() == [0, 0, 0]
    assert table.wait.tolist() == [3, 1, 1] and table.duration.tolist() == [1.2] * 3


def test_a_longer_download_starts_more_environments():
    """Arrivals every second find the first environment busy for as long as it downloads: one more starts for each."""
    for download, environments in ((0, 2), (3, 5)):
        api = Function("api", duration=0.5, cold_start=ColdStart(init=0.75, download=download))
        assert simulate(Sync(api, steady(1)), seconds=60)["api"].cold_starts == environments
