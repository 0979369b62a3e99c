"""REPORT lines: those of AWS's own guide and of public logs, read; ours, written so that they read back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdacourse.errors import CourseError
from lambdacourse.runtime import Report, Reports, read_reports
from lambdacourse.runtime.logs import billed

CRASH = (
    "REPORT RequestId: 5b866fb1-7154-4af6-8078-6ef6ca4c2ddd Duration: 133.61 ms Billed Duration: 214 ms Memory Size: 128 MB "
    "Max Memory Used: 31 MB Init Duration: 80.00 ms Status: error Error Type: Runtime.ExitError"
)
TIMEOUT = (
    "REPORT RequestId: 527cb862-4f5e-49a9-9ae4-a7edc90f0fda Duration: 3016.78 ms Billed Duration: 3101 ms Memory Size: 128 MB "
    "Max Memory Used: 31 MB Init Duration: 84.00 ms Status: timeout"
)
OLD_TIMEOUT = (
    "REPORT RequestId: b70435cc-261c-4438-b9b6-efe4c8f04b21 Duration: 3004.92 ms Billed Duration: 3117 ms Memory Size: 128 MB "
    "Max Memory Used: 33 MB Init Duration: 111.23 ms"
)
RESTORED = (
    "2023-07-05T10:16:34.686000 REPORT RequestId: b771fecc-1b53-4faf-922d-1d74357b1676\tDuration: 306.34 ms\tBilled Duration: 610 ms"
    "\tMemory Size: 3009 MB\tMax Memory Used: 155 MB\tRestore Duration: 511.25 ms\tBilled Restore Duration: 303 ms\t"
)
TRACED = (
    "REPORT RequestId: 276ff3b9-1609-4ee7-a288-db3752630767\tDuration: 127.10 ms\tBilled Duration: 154 ms\tMemory Size: 2048 MB\t"
    "Max Memory Used: 212 MB\tXRAY TraceId: 1-66d978e5-56c7378e556e94b5461da07c\tSegmentId: 29c3839e6ecb5895\tSampled: true\t"
)
RECORD = (
    '{"time":"2022-10-21T14:05:05.766Z","type":"platform.report","record":{"requestId":"459921b5-681c-4a96-beb0-81e0aa586026",'
    '"metrics":{"durationMs":2599.4,"billedDurationMs":2600,"memorySizeMB":128,"maxMemoryUsedMB":94,"initDurationMs":549.04},'
    '"tracing":{"spanId":"24cd7d670fa455f0","type":"X-Amzn-Trace-Id","value":"Root=1-6352a70e"},"status":"success"}}'
)


@pytest.mark.parametrize(
    "line, figures",
    [
        (CRASH, (133.61, 214, 128, 31, 80.0, None, None, "error", "Runtime.ExitError")),
        (TIMEOUT, (3016.78, 3101, 128, 31, 84.0, None, None, "timeout", "")),
        (OLD_TIMEOUT, (3004.92, 3117, 128, 33, 111.23, None, None, "success", "")),
        (RESTORED, (306.34, 610, 3009, 155, None, 511.25, 303, "success", "")),
        (TRACED, (127.1, 154, 2048, 212, None, None, None, "success", "")),
        (RECORD, (2599.4, 2600, 128, 94, 549.04, None, None, "success", "")),
    ],
)
def test_lines_from_production(line, figures):
    """Lines as AWS's guide and public logs print them are read whole, whatever stands around them."""
    for text in (line, f"14:01 {line}\n", line.replace("\t", "\\t") + "\\n", f"START\r\n{line}\r\nEND"):
        (found,) = read_reports(text)
        assert tuple(getattr(found, name) for name in list(Report.__dataclass_fields__)[1:]) == figures


def test_exported_json():
    """A JSON export of text lines, and one of JSON records, are read."""
    events = '{"events": [{"message": "REPORT RequestId: a-1\\tDuration: 1.50 ms\\tBilled Duration: 2 ms\\tMemory Size: 128 MB\\tMax Memory Used: 30 MB\\t\\n"}]}'
    assert [each.duration_ms for each in read_reports(events)] == [1.5]
    wrapped = '{"message": "' + RECORD.replace('"', '\\"') + '"}'
    assert [each.init_ms for each in read_reports(wrapped)] == [549.04]


@pytest.mark.parametrize(
    "duration, init, expected", [(133.61, 80.0, 214), (3016.78, 84.0, 3101), (3004.92, 111.23, 3117), (250.06, 100.77, 351)]
)
def test_billed_duration(duration, init, expected):
    """AWS's own lines: duration and initialisation together, rounded up to the millisecond."""
    assert billed(duration, init) == expected


def test_whole_milliseconds_are_not_rounded_up():
    """A duration of whole milliseconds is billed as it is, also where floating point makes a little more of it."""
    assert [billed(1.0), billed(0.1, 0.2), billed(1.01), billed(2.9999999, 0)] == [1, 1, 2, 3]


REPORTS = st.builds(
    Report,
    request_id=st.uuids().map(str),
    duration_ms=st.integers(1, 90_000_000).map(lambda n: n / 100),
    billed_ms=st.integers(1, 900_000),
    memory_mb=st.integers(128, 10_240),
    max_memory_mb=st.integers(1, 10_240),
    init_ms=st.none() | st.integers(1, 1_000_000).map(lambda n: n / 100),
    status=st.sampled_from(["success", "error", "timeout"]),
)


@given(st.lists(REPORTS))
def test_what_is_written_reads_back(reports):
    """Our lines, one after the other, read back as they were."""
    assert read_reports("\n".join(["nothing here", *(each.line for each in reports)])).lines == tuple(reports)


def lines(durations, inits=()):
    inits = [*inits, *[None] * (len(durations) - len(inits))]
    return Reports(
        tuple(Report(str(n), d, billed(d, i or 0), 512, 100 + n, i) for n, (d, i) in enumerate(zip(durations, inits)))
    )


def test_figures():
    """Counts, shares, quantiles and what is billed, against plain arithmetic."""
    reports = lines([100.0] * 8 + [200.0, 1_000.0], inits=[300.0, 500.0])
    assert (len(reports), reports.cold_starts, reports.cold_start_rate) == (10, 2, 0.2)
    assert reports.duration(0.5) == 0.1 and reports.duration(1) == 1.0
    assert reports.init(0.5) == pytest.approx(0.4)
    assert reports.latency(1) == 1.0 and reports.latency(0.85) == pytest.approx(
        np.quantile([400, 600, *[100] * 6, 200, 1000], 0.85) / 1000
    )
    assert reports.billed_seconds == pytest.approx(0.8 + 0.2 + 1.0 + 0.8)
    assert reports.gb_seconds == pytest.approx(2.8 * 0.5)
    assert (reports.memory_mb, reports.max_memory_mb) == (512, 109)
    assert list(reports.table.columns) == list(Report.__dataclass_fields__)
    assert reports.summary().loc["cold starts", "observed"] == "2 (20.0%)"
    assert len(reports + reports) == 20
    broken = read_reports("\n".join([CRASH, TIMEOUT]))
    assert (broken.crashes, broken.timeouts) == (1, 1)


def test_fit_is_what_the_simulator_takes():
    """The fitted function has the median and 99th percentile of the warm durations, and those of the initialisations."""
    rng = np.random.default_rng(1)
    warm = (0.2 * np.exp(0.5 * rng.standard_normal(4_000)) * 1000).round(2).tolist()
    function = lines([999.0, 999.0, *warm], inits=[400.0, 600.0]).fit("shop", timeout=30)
    assert (function.name, function.memory_mb, function.timeout) == ("shop", 512, 30)
    assert function.duration.median == pytest.approx(np.median(warm) / 1000)
    assert function.duration.p99 == pytest.approx(np.quantile(warm, 0.99) / 1000)
    assert function.cold_start.init.quantile(0.5) == pytest.approx(0.5)
    steady = lines([100.0] * 3).fit()
    assert (steady.duration.mean, steady.cold_start.init.mean) == (0.1, 0)


def test_bill():
    """What the lines cost: GB-seconds of billed time and requests at AWS's prices, and in proportion for more of them."""
    reports = lines([100.0] * 8 + [200.0, 1_000.0], inits=[300.0, 500.0])
    assert reports.bill().total == pytest.approx(1.4 * 0.0000166667 + 10 * 0.2e-6)
    assert reports.bill(1_000_000).total == pytest.approx(1e5 * reports.bill().total)
    assert reports.bill(architecture="arm64").total == pytest.approx(1.4 * 0.0000133334 + 10 * 0.2e-6)


def test_files(tmp_path):
    """A file is read by its path or its name; one that is not there is named; a text without lines has none."""
    file = tmp_path / "log.txt"
    file.write_text(f"{CRASH}\n{TIMEOUT}\n", encoding="utf-8")
    assert len(read_reports(file)) == len(read_reports(str(file))) == 2
    with pytest.raises(CourseError, match=r"no file 'nowhere\.txt'"):
        read_reports("nowhere.txt")
    nothing = read_reports("a log\nwithout such lines")
    assert len(nothing) == 0 and math.isnan(nothing.cold_start_rate) and math.isnan(nothing.duration(0.5))
    for method in (nothing.fit, nothing.summary):
        with pytest.raises(CourseError, match="There is no REPORT line"):
            method()
    with pytest.raises(TypeError):
        read_reports(5)


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    """No text breaks the reader."""
    assert len(read_reports("\n" + text)) == 0
    assert len(read_reports('{"type": "platform.report", "record": ' + text + '\n"platform.report"')) == 0
