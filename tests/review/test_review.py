"""A review of someone's own function. The logs are a local Lambda's; the export has the form of CloudWatch's console.

What was observed is worked out again from the files, by pandas and by hand; bills by ``pricing.bill``.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lambdacourse import poisson, steady
from lambdacourse.cli import main
from lambdacourse.pricing import bill
from lambdacourse.review import ReviewError, review
from lambdacourse.review.changes import candidates

HERE = Path(__file__).parent
TEMPLATE, METRICS, LOGS = HERE / "template.yaml", HERE / "metrics.csv", HERE / "logs.txt"
MONTH = 730 * 3600


@pytest.fixture(scope="module")
def checkout():
    return review(TEMPLATE, metrics=METRICS, logs=LOGS, function="Checkout")


@pytest.fixture
def template(tmp_path):
    """Write a template with one function that has these properties, of a runtime that nobody measured."""

    def write(**properties):
        said = {"Handler": "bootstrap", "Runtime": "provided.al2023", "CodeUri": "src/", "Timeout": 10, **properties}
        lines = "".join(f"      {name}: {value}\n" for name, value in said.items())
        text = f"Transform: AWS::Serverless-2016-10-31\nResources:\n  Api:\n    Type: AWS::Serverless::Function\n    Properties:\n{lines}"
        file = tmp_path / "template.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def logs(tmp_path):
    """Write REPORT lines: duration in ms, memory size and most used in MB, how many."""

    def write(*rows):
        file = tmp_path / "logs.txt"
        lines = [
            f"REPORT RequestId: 0-{n}\tDuration: {ms:.2f} ms\tBilled Duration: {ms} ms\tMemory Size: {size} MB\tMax Memory Used: {used} MB\t"
            for ms, size, used, count in rows
            for n in range(count)
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
        return file

    return write


def rows(page):
    return {name: (observed, simulated) for name, observed, simulated in page.rows}


# What was observed


def test_what_was_observed(checkout):
    """The figures of the export and the logs are those that pandas and the lines themselves give."""
    table = pd.read_csv(METRICS, skiprows=1).fillna(0)
    ran, turned = table["Invocations"].sum(), table["Throttles"].sum()
    lines = [line for line in LOGS.read_text(encoding="utf-8").splitlines() if line.startswith("REPORT")]

    def numbers(name):
        found = [re.search(rf"\t{name}: ([\d.]+)", line) for line in lines]
        return np.array([float(each[1]) if each else 0.0 for each in found])

    whole, billed = numbers("Duration") + numbers("Init Duration"), numbers("Billed Duration")
    each = billed.sum() / 1000 * 0.5 * 0.0000166667 / len(lines) + 0.20 / 1e6
    seen = {name: observed for name, (observed, _) in rows(checkout).items()}
    assert seen == {
        "invocations a second": f"{ran / (60 * len(table)):.3g}",
        "throttled": f"{turned / (ran + turned):.2%}",
        "timed out": "0.00%",
        "cold starts": f"{(numbers('Init Duration') > 0).sum() / len(lines):.2%}",
        "initialisation and duration, median": f"{np.quantile(whole, 0.5):.0f} ms",
        "initialisation and duration, p99": f"{np.quantile(whole, 0.99):.0f} ms",
        "peak concurrency": f"{table['ConcurrentExecutions'].max():.0f}",
        "memory, most used": f"{numbers('Max Memory Used').max():.0f} of 512 MB",
        "Lambda's bill a month": f"${each * ran / (60 * len(table)) * MONTH:.2f}",
        "Lambda's bill, a million invocations": f"${each * 1e6:.2f}",
    }


def test_the_simulation_meets_what_was_observed(checkout):
    """The export is of a function like the simulated one, so throttles, load and bill agree within a few per cent."""
    assert checkout.outcome.figures.throttle_rate == pytest.approx(0.0729, rel=0.1)
    for name in ("invocations a second", "Lambda's bill a month"):
        observed, simulated = (float(text.strip("$")) for text in rows(checkout)[name])
        assert simulated == pytest.approx(observed, rel=0.05)


def test_average_durations_of_an_export():
    """Without logs the duration is the export's average, weighted by the invocations."""
    table = pd.read_csv(METRICS, skiprows=1)
    average = (table["Duration"] * table["Invocations"]).sum() / table["Invocations"].sum() / 1000
    page = review(TEMPLATE, metrics=METRICS, function="Checkout")
    assert page.outcome.case.function.duration.mean == pytest.approx(average)
    assert "not known" in rows(page)["cold starts"] and any("no spread" in note for note in page.notes)


# The changes


def test_a_limit_that_is_too_low_comes_first(checkout):
    """What throttles is mended before anything is saved: the reservation, by as much as would be used at once."""
    first = checkout.changes[0]
    assert first.title == "Raise reserved concurrency from 5 to 13"
    assert first.before.figures.throttles_by_reason.keys() == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert first.after.figures.throttles == 0 and first.mended == pytest.approx(first.before.figures.throttle_rate)
    assert len(checkout.changes) == 3


def test_memory_that_is_wasted_comes_first(template, logs):
    """100 of 3,008 MB used, and most of the time waited for: a smaller size saves more than arm64 does, with room left."""
    page = review(
        template(MemorySize=3008), logs=logs((100, 3008, 100, 50)), traffic={"Api": steady(5)}, durations={"Api": 0.1}
    )
    memory, arm, *_ = page.changes
    assert re.fullmatch("Change the memory from 3,008 MB to (128|256|512|768|1,024|1,536) MB", memory.title)
    assert arm.title == "Move from x86_64 to arm64" and memory.saved > arm.saved > 0
    assert "50%" in memory.assumes


def test_two_memory_sizes_in_the_logs_tell_computing_from_waiting(template, logs):
    """100 ms at 1,769 MB and 200 ms at half of it is all computing: then a smaller size saves nothing, and none is proposed."""
    page = review(template(MemorySize=1769), logs=logs((100, 1769, 100, 50), (200, 885, 100, 50)), durations={"Api": 0.1})
    assert not any("memory" in each.title and each.saved > 0.02 for each in page.changes)
    assert "The REPORT lines are of 885, 1,769 MB" in str(page)


def test_calls_that_are_cut_off(template, logs):
    """Where calls time out, a longer timeout is what mends them."""
    page = review(template(Timeout=1), logs=logs((400, 128, 50, 40), (900, 128, 50, 8), (2000, 128, 50, 2)))
    assert page.outcome.figures.timeouts > 0
    assert page.changes[0].title.startswith("Raise the timeout from 1 s to ") and page.changes[0].after.failed == 0


def test_prices_are_those_of_the_bill(template):
    """Before and after, a month costs what ``pricing.bill`` says of the same invocations, and ``saved`` is the difference."""
    seconds = 200_000
    page = review(template(MemorySize=10_240), traffic={"Api": poisson(0.005)}, durations={"Api": 1.0}, seconds=seconds)
    (arm,) = (each for each in page.changes if "arm64" in each.title)
    bills = []
    for outcome, architecture in ((arm.before, "x86_64"), (arm.after, "arm64")):
        run = outcome.figures
        assert run.invocations == pytest.approx(1_000, rel=0.15) and run.cold_starts > 100, "many come after the idle timeout"
        ran = bill(
            run.invocations, 1_000, 10_240, architecture=architecture, free_tier=False, cold_starts=run.cold_starts, init_ms=250
        )
        bills.append(ran.total * MONTH / seconds)
        assert outcome.bill.total == pytest.approx(bills[-1], rel=1e-6)
    assert arm.saved == pytest.approx(bills[0] - bills[1], rel=1e-6)


def test_what_cannot_be_together_is_not_proposed(template):
    """A function with SnapStart gets no provisioned concurrency; another one with many cold starts does."""
    rare = {"traffic": {"Api": poisson(0.005)}, "durations": {"Api": 1.0}, "seconds": 20_000}
    plain = review(template(), **rare)
    assert any(case.function.provisioned_concurrency for _, _, case in candidates(plain.outcome, None, None))
    snap = template(Runtime="python3.13", AutoPublishAlias="live", SnapStart="{ApplyOn: PublishedVersions}")
    page = review(snap, **rare)
    assert page.outcome.case.has_snapstart
    assert not any(case.function.provisioned_concurrency for _, _, case in candidates(page.outcome, None, None))


def test_other_functions_leave_less():
    """Reservations of others are off the account; a reservation of one's own holds whatever others provision."""
    reserved = review(TEMPLATE, function="Checkout", traffic={"Checkout": steady(1)}, durations={"Checkout": 0.1}, seconds=60)
    assert reserved.outcome.case.account.concurrency_limit == 1_000
    shared = review(TEMPLATE, function="Worker", traffic={"Orders": steady(1)}, durations={"Worker": 0.1}, seconds=60)
    assert shared.outcome.case.account.concurrency_limit == 995


def test_a_function_behind_a_queue():
    """Its traffic is the queue's; a larger batch makes fewer invocations and says what it assumes of their durations."""
    page = review(TEMPLATE, function="Worker", traffic={"Orders": poisson(20)}, durations={"Worker": 0.2}, seconds=300)
    (batch,) = (each for each in page.changes if "batch size" in each.title)
    assert batch.title == "Raise the batch size from 10 to 100, with a window of 1 s"
    assert batch.after.figures.invocations < batch.before.figures.invocations / 5 and "50%" in batch.assumes
    assert "other functions claim 5 of the account's concurrency" in str(page)


# What is missing


def test_what_was_taken_is_said(template):
    """Without files the page says what it took for traffic, duration and cold starts, and which option gives it."""
    page = review(template(), seconds=60)
    text = str(page)
    for option in ("--metrics, or --traffic Api=RATE", "--logs, or --duration Api=SECONDS", "Give --logs with cold starts"):
        assert option in text
    assert {observed for observed, _ in rows(page).values()} == {"not known"}


def test_messages_that_nobody_counted(tmp_path):
    """An export counts a function's invocations, not the messages behind them: said, with the option that gives them."""
    file = edited(tmp_path, METRICS.read_text(encoding="utf-8").replace("Checkout", "Worker"))
    page = review(TEMPLATE, metrics=file, function="Worker", durations={"Worker": 0.1})
    assert any("one message of Orders was taken for each invocation" in note for note in page.notes)


def test_a_template_that_aws_refuses(template, capsys):
    """Errors are shown, and nothing is simulated; the command fails."""
    file = template(MemorySize=64)
    page = review(file)
    assert not page.findings.ok and page.outcome is None and page.changes == ()
    assert "Not simulated: mend the errors first." in str(page) and "Not simulated" in page.html
    assert main(["review", str(file)]) == 1
    assert "Not simulated" in capsys.readouterr().out


# Bad input


def edited(tmp_path, text, name="file.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (lambda text: text.replace("1663,157", "1663,many"), "line 3: the data point is 'many'"),
        (lambda text: text.replace("1663,157", "1663"), "line 4: has 5 columns"),
        (lambda text: text.replace("shop-Checkout-1A2B3C", "billing"), "is of another function: .*--deployed-as"),
        (lambda text: text.replace("Invocations", "Errors"), "has no Invocations of Checkout"),
        (lambda text: "a,b\n", "no line begins with a time"),
        (lambda text: "Label,Invocations\n2026-11-24T10:00:00Z,0\n2026-11-24T10:01:00Z,0\n", "counts no invocation"),
    ],
)
def test_a_wrong_export(tmp_path, file, words):
    """What is wrong with an export is said, with its line where it has one."""
    wrong = edited(tmp_path, file(METRICS.read_text(encoding="utf-8")))
    with pytest.raises(ReviewError, match=words):
        review(TEMPLATE, metrics=wrong, function="Checkout")


def test_the_name_in_aws(tmp_path):
    """An export under another name is read when that name is given."""
    renamed = edited(tmp_path, METRICS.read_text(encoding="utf-8").replace("shop-Checkout-1A2B3C", "billing"))
    page = review(TEMPLATE, metrics=renamed, function="Checkout", deployed_as="billing", durations={"Checkout": 0.1})
    assert rows(page)["throttled"][0] == "7.29%"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([str(HERE / "none.yaml")], "the file cannot be read"),
        ([str(LOGS)], "logs.txt: line 1, column 62: this is not YAML"),
        ([str(TEMPLATE)], "say which function with --function; the template has Checkout, Worker."),
        ([str(TEMPLATE), "--function", "Chekout"], "there is no function 'Chekout'; the template has Checkout, Worker."),
        ([str(TEMPLATE), "--function", "Checkout", "--logs", str(METRICS)], "there is no REPORT line"),
        ([str(TEMPLATE), "--function", "Checkout", "--logs", "none.txt"], "there is no file 'none.txt'"),
        ([str(TEMPLATE), "--function", "Checkout", "--metrics", "none.csv"], "No such file"),
        (
            [str(TEMPLATE), "--function", "Checkout", "--traffic", "Orders=5"],
            "review of Checkout alone; give that of Checkout.",
        ),
        ([str(TEMPLATE), "--function", "Worker", "--traffic", "Nobody=5"], "give that of Worker or Orders."),
        ([str(TEMPLATE), "--function", "Worker", "--duration", "Checkout=5"], "--duration Checkout: .*give that of Worker."),
        ([str(TEMPLATE), "--function", "Checkout", "--parameter", "Reservd=5"], "no such parameter"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence(arguments, words, capsys):
    """A wrong file, name or option is one sentence on stderr, without a traceback."""
    assert main(["review", *arguments]) == 1
    err = capsys.readouterr().err
    assert re.search(words, err) and err.startswith("lambdacourse: ") and err.count("\n") == 1


# The page


class Page(HTMLParser):
    """Whatever a page would load, and whether its tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")] + [tag] * (tag in ("script", "link"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page(capsys, tmp_path, checkout):
    """The command prints the page and writes it as HTML that loads nothing; both say the same."""
    file = tmp_path / "page.html"
    arguments = ["--function", "Worker", "--traffic", "Orders=5", "--duration", "Worker=0.2", "--seconds", "60"]
    assert main(["review", str(TEMPLATE), *arguments, "--html", str(file)]) == 0
    out = capsys.readouterr().out
    assert "Observed and simulated" in out and f"Made {file}." in out
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    page = Page(checkout.html)
    assert not page.open and not page.loads
    for text in [cell for row in checkout.rows for cell in row if "'" not in cell] + [each.title for each in checkout.changes]:
        assert text in checkout.html and text in str(checkout)
