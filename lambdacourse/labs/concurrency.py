"""The lab of lesson 01: rate, duration, limit; arrivals, concurrency and outcomes; environments as swim lanes."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from lambdacourse import plots
from lambdacourse.facts import fact
from lambdacourse.labs.lab import Choice, Lab, Number, View
from lambdacourse.model import CALLERS, Account, Function, Sync, exponential, poisson, throttle_status
from lambdacourse.quantities import written
from lambdacourse.simulation import Run, simulate

SECONDS = 60
LANES = 24
"""Up to how many environments are drawn one by one."""

RATES = [step * 10**power for power in range(5) for step in (1, 2, 3, 5, 7)] + [100_000]
DURATIONS = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 3, 5, 10, 30]
LIMITS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000]

CHOICES = (
    Choice("rate", "rate", RATES, [f"{rate:,}/s" for rate in RATES]),
    Choice(
        "duration", "mean duration", DURATIONS, [f"{1000 * each:g} ms" if each < 1 else f"{each:g} s" for each in DURATIONS]
    ),
    Choice("limit", "concurrency limit", LIMITS, [f"{limit:,}" for limit in LIMITS]),
    Choice("via", "called through", list(CALLERS), list(CALLERS.values()), slider=False),
)
START = {"rate": 10, "duration": 0.5, "limit": 1_000, "via": "invoke"}
PRESETS = {
    "1,000/s × 500 ms": {"rate": 1_000, "duration": 0.5, "limit": 1_000},
    "5,000/s × 2 s": {"rate": 5_000, "duration": 2, "limit": 1_000},
    "20,000/s × 50 ms": {"rate": 20_000, "duration": 0.05, "limit": 1_000},
    "100,000/s × 500 ms": {"rate": 100_000, "duration": 0.5, "limit": 1_000},
}


def concurrency_lab(**start) -> Lab:
    """The lab of lesson 01. Arguments set the controls at the start: ``rate``, ``duration`` (s), ``limit``, ``via``."""
    title = "Concurrency: rate × duration, and the limits"
    return Lab(title, CHOICES, {**START, **start}, PRESETS, look, _build, size=(9.6, 5.6))


def look(rate: float, duration: float, limit: int, via: str) -> View:
    """Simulate a minute of ``rate`` requests per second of ``duration`` seconds under ``limit``."""
    lanes = min(2 * rate * duration, limit) <= LANES and rate <= 200
    run = simulate_minute(rate, duration, limit, via, record=lanes)
    (whole,) = run.series()
    series, seconds = plots.thinned(whole, 240), plots.thinned(whole, SECONDS)
    top = plots.round_up(seconds.requests.max() / seconds.width)
    busiest = series.concurrency.max()
    high = plots.round_up(max(busiest, limit if limit <= 4 * busiest else 0))
    above = (
        plots.Frame("Requests per second", "time (s)", "requests/s", (0, SECONDS), (0, top), plots.OUTCOMES),
        plots.Frame("Concurrency", "time (s)", "environments busy", (0, SECONDS), (0, high)),
    )
    if lanes:
        window = min(SECONDS, max(5.0, 20 * duration))
        shown = plots.Lanes.of(run["api"].requests, window)
        count = next((count for count in (6, 12, 24) if count > shown.count), 48)
        title = f"Each environment in its lane, the first {window:g} s"
        below = plots.Frame(title, "time (s)", "environment", (0, window), (0, count), plots.LANES)
    else:
        title, names = "Environments that are there", (("busy", "busy"), ("idle", "idle"))
        below = plots.Frame(title, "time (s)", "environments", (0, SECONDS), (0, high), names)

    def data(axes, theme: plots.Theme) -> list:
        drawn = plots.outcomes(axes[0], seconds, theme) + plots.concurrency(axes[1], series, theme)
        return drawn + (plots.lanes(axes[2], shown, theme) if lanes else plots.busy_and_idle(axes[2], series, theme))

    return View(
        sentence=_sentence(run, rate, duration, limit, via),
        numbers=_numbers(run, rate, duration, limit, via),
        code=_code(rate, duration, limit, via),
        table=_table(seconds),
        frames=(*above, below),
        data=data,
    )


def simulate_minute(rate: float, duration: float, limit: int, via: str = "invoke", record: bool = False) -> Run:
    """What the lab simulates."""
    api = Function("api", duration=exponential(duration))
    account = Account(concurrency_limit=limit, unreserved_minimum=0)
    return simulate(Sync(api, poisson(rate), via=via), account=account, seconds=SECONDS, seed=1, record=record)


def predicted_rate(rate: float, duration: float, limit: int) -> float:
    """Requests per second that get through in the long run: what arrives, or what one of the two lasting limits admits."""
    return min(rate, limit / duration, fact("rps_per_concurrency").value * limit)


def _build(figure: Figure) -> list:
    grid = figure.add_gridspec(2, 2, left=0.075, right=0.985, top=0.94, bottom=0.09, hspace=0.5, wspace=0.2)
    return [
        (figure.add_subplot(grid[0, 0]), (0, 0.5, 0.503, 1)),
        (figure.add_subplot(grid[0, 1]), (0.503, 0.5, 1, 1)),
        (figure.add_subplot(grid[1, :]), (0, 0, 1, 0.5)),
    ]


def _numbers(run: Run, rate: float, duration: float, limit: int, via: str) -> tuple[Number, ...]:
    result, served = run["api"], predicted_rate(rate, duration, limit)
    per_unit = fact("rps_per_concurrency").value
    return (
        Number(
            "environments needed",
            written(rate * duration),
            f"{written(result.mean_concurrency)} busy",
            "rate × mean duration (s)",
        ),
        Number(
            "requests/s served",
            written(served),
            written(result.invocations / SECONDS),
            f"the smallest of: rate; limit ÷ duration; {per_unit} × limit",
        ),
        Number("throttled", f"{1 - served / rate:.1%}", f"{result.throttle_rate:.1%}", "1 − served ÷ rate"),
        Number(
            "cold starts",
            "",
            f"{result.cold_starts:,}",
            "as many as there were ever environments at once, and later ones for those that expired",
        ),
        Number(
            "a throttled caller sees", f"HTTP {throttle_status(via)}", _reasons(result), f"for {CALLERS[via]}: see facts.toml"
        ),
    )


def _reasons(result) -> str:
    reasons = sorted(result.throttles_by_reason.items(), key=lambda pair: -pair[1])
    return reasons[0][0] if reasons else "no throttle"


def _sentence(run: Run, rate: float, duration: float, limit: int, via: str) -> str:
    result = run["api"]
    needed = f"{rate:,} requests per second of {duration:g} s need {written(rate * duration)} environments."
    if result.throttles == 0:
        return f"{needed} The limit is {limit:,}: nothing is throttled. {result.cold_starts:,} cold starts."
    words = {
        "ConcurrentInvocationLimitExceeded": f"all {limit:,} units of concurrency are taken",
        "FunctionInvocationRateLimitExceeded": f"the limit admits only {fact('rps_per_concurrency').value * limit:,} requests per second",
        "scaling rate": "new environments or requests come faster than the scaling rate allows",
    }
    share = f"{result.throttle_rate:.1%}" if result.throttle_rate >= 0.0005 else "Less than 0.1%"
    return (
        f"{needed} {share} of the requests are throttled, most because {words[_reasons(result)]}; "
        f"their callers see HTTP {throttle_status(via)}."
    )


def _code(rate: float, duration: float, limit: int, via: str) -> str:
    through = "" if via == "invoke" else f", via={via!r}"
    return (
        f'api = Function("api", duration=exponential({duration:g}))\n'
        f"account = Account(concurrency_limit={limit:_}, unreserved_minimum=0)\n"
        f"run = simulate(Sync(api, poisson({rate:_}){through}), account=account, seconds={SECONDS}, seed=1)\n"
        "run.summary()"
    )


def _table(shown: plots.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time (s)": shown.time,
            "warm (requests/s)": shown.warm / shown.width,
            "cold (requests/s)": shown.cold / shown.width,
            "throttled (requests/s)": shown.throttled / shown.width,
            "concurrency (mean)": shown.concurrency,
        }
    )
