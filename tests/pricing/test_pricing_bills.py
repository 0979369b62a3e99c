"""Bills: AWS's own worked examples to the cent, and what must hold of every bill."""

import math
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.facts import fact
from lambdacourse.pricing import Provisioned, SnapStart, bill, billed_ms, charges, gb_seconds, price_list

COUNTS = st.integers(0, 10**9)
MEMORY = st.integers(128, 10_240)


def cents(amount):
    return round(amount, 2)


def amounts(made):
    """The amounts by item, to the cent, with what the free tier takes off each."""
    table = made.table
    table["item"] = table["item"].str.removesuffix(", free tier")
    return table.groupby("item")["amount (USD)"].sum().round(2).to_dict()


def example(name):
    """What AWS puts in, and what it prints."""
    return fact(f"example_{name}_input").value, fact(f"example_{name}").value


# AWS's own worked examples


def test_example_mobile_backend():
    """Three million requests of 120 ms at 1,536 MB, with the free tier: $2.33 + $0.40 = $2.73."""
    given_, printed = example("mobile")
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"])
    assert amounts(made) == {"Requests": printed["requests"], "Duration, x86_64": printed["duration"]}
    assert cents(made.total) == printed["total"]


def test_example_ephemeral_storage():
    """2,048 MB of /tmp cost 1,536 of them: $105.33 + $1 + $0.08 = $106.41."""
    given_, printed = example("support")
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"], ephemeral_mb=given_["MB stored"])
    found = amounts(made)
    assert found["Duration, x86_64"] == printed["duration"] and found["Requests"] == printed["requests"]
    assert found["Ephemeral storage above 512 MB"] == printed["storage"]
    assert cents(made.total) == printed["total"]


def test_example_provisioned_launch():
    """Provisioned for eight hours of a month: $18 + $0.40 + $0.73 + $0.83 = $19.96.

    AWS's page contradicts itself: it says that the free tier does not apply to functions with provisioned concurrency, and takes
    it off here from what ran without. What ran on it gets none, here as there.
    """
    given_, printed = example("launch")
    on_it = Provisioned(given_["concurrency"], given_["hours"], given_["requests"], given_["seconds"] * 1000)
    made = bill(given_["requests beside"], given_["seconds beside"] * 1000, given_["MB"], provisioned=on_it)
    found = amounts(made)
    assert found["Provisioned concurrency, x86_64"] == printed["provisioned"]
    assert found["Duration on it, x86_64"] == printed["duration on it"]
    assert found["Duration, x86_64"] == printed["duration beside"]
    assert found["Requests"] + found["Requests on provisioned concurrency"] == pytest.approx(printed["requests"])
    assert cents(made.total) == printed["total"]


def test_example_provisioned_sale():
    """Provisioned for a day, all requests on it, no free tier: $10.08 + $21.78 + $0.40 = $32.26."""
    given_, printed = example("sale")
    on_it = Provisioned(given_["concurrency"], given_["hours"], given_["requests"], given_["seconds"] * 1000)
    made = bill(0, 0, given_["MB"], provisioned=on_it)
    assert amounts(made) == {
        "Provisioned concurrency, x86_64": printed["provisioned"],
        "Duration on it, x86_64": printed["duration on it"],
        "Requests on provisioned concurrency": printed["requests"],
    }
    assert cents(made.total) == printed["total"]


def test_example_snapstart():
    """A snapshot kept for 31 days, one call in a hundred restored: $1.49 + $248.00 + $4.03 + $10.40 = $263.92."""
    given_, printed = example("snapstart")
    snapshots = SnapStart(given_["days"] * 24, round(given_["requests"] * given_["restores"]))
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"], snapstart=snapshots, free_tier=False)
    assert amounts(made) == {
        "Requests": printed["requests"],
        "Duration, x86_64": printed["duration"],
        "SnapStart, snapshots kept": printed["cache"],
        "SnapStart, snapshots restored": printed["restores"],
    }
    assert cents(made.total) == printed["total"]


def test_example_sqs_pollers():
    """Provisioned pollers of an SQS mapping: $500 + $6 + $74 = $580."""
    given_, printed = example("sqs")
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"], poller_hours=given_["EPU-hours"], free_tier=False)
    assert list(amounts(made).values()) == [printed["duration"], printed["pollers"], printed["requests"]]
    assert cents(made.total) == printed["total"]


def test_example_ten_kafka_mappings():
    """Ten Kafka mappings in one poller group: $1,000 + $60 + $133.20 = $1,193.20."""
    given_, printed = example("kafka")
    made = bill(
        given_["requests"], given_["seconds"] * 1000, given_["MB"], kafka_poller_hours=given_["EPU-hours"], free_tier=False
    )
    assert list(amounts(made).values()) == [printed["duration"], printed["pollers"], printed["requests"]]
    assert cents(made.total) == printed["total"]


def test_example_kafka_with_aws_slip():
    """AWS's first Kafka example contradicts itself: 30 million invocations in the text, 60 million requests in the sum.

    With what the page charges, its total comes out; with what its text says, requests are $6, not $12. It takes the free tier off
    the duration and not off the requests.
    """
    given_, printed = example("kafka_1")
    ran = gb_seconds(given_["requests"] * given_["seconds"] * 1000, given_["MB"])
    duration = charges(duration_x86_64=ran)
    around = charges(requests=given_["requests"], kafka_poller_hours=given_["EPU-hours"], free_tier=False)
    assert round(duration.total, 1) == printed["duration"]
    slip = charges(requests=2 * given_["requests"], kafka_poller_hours=given_["EPU-hours"], free_tier=False)
    assert round(duration.total + slip.total, 1) == printed["total"]
    assert cents(slip.total - around.total) == fact("example_kafka_slip").value["right"] == printed["requests"] / 2


def test_example_durable():
    """A durable function on arm64 with the free tier: $421.34 + $0.20 + $32 + $26 + $10.92 = $490.46."""
    given_, printed = example("durable")
    requests = given_["executions"] * given_["requests each"]
    made = bill(
        requests,
        given_["seconds"] * 1000 / given_["requests each"],
        given_["MB"],
        architecture="arm64",
        durable_operations=given_["operations"],
        durable_gb=given_["GB written"],
        durable_gb_months=given_["GB written"] * (given_["days stored first"] + given_["days stored then"]) / 30,
    )
    assert amounts(made) == {
        "Duration, arm64": printed["duration"],
        "Requests": printed["requests"],
        "Durable functions, operations": printed["operations"],
        "Durable functions, written": printed["written"],
        "Durable functions, kept": printed["stored"],
    }
    assert cents(made.total) == printed["total"]


def test_example_streaming():
    """A million responses 1 MB longer than the free 6 MB, the free 100 GB used up: $30.83 + $0.40 + $7.81 = $39.04.

    AWS adds the rounded amounts; without that the sum is $39.0459.
    """
    given_, printed = example("streaming")
    used_up = fact("free_tier_streaming").value
    streamed = used_up + given_["requests streaming"] / 1024
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"], streamed_gb=streamed)
    found = amounts(made)
    assert found == {
        "Duration, x86_64": printed["duration"],
        "Requests": printed["requests"],
        "Streamed responses": printed["streamed"],
    }
    assert cents(sum(found.values())) == printed["total"]
    assert made.total == pytest.approx(39.0459, abs=1e-4)


def test_example_tenants_with_aws_slip():
    """AWS's example of tenant isolation takes a rounded price, $0.000167: it prints $33.40, its price list gives $33.33."""
    given_, printed = example("tenants")
    new_gb = given_["environments"] * given_["MB"] / 1024
    made = bill(given_["requests"], given_["seconds"] * 1000, given_["MB"], tenant_x86_64=new_gb, free_tier=False)
    found = amounts(made)
    assert cents(printed["duration"] - found["Duration, x86_64"]) in (0.0, 0.01)  # AWS rounds $333.334 up
    assert found["Requests"] == printed["requests"]
    assert found["Tenant isolation, new environments, x86_64"] == 33.33
    assert round(given_["environments"] * 0.000167, 2) == printed["tenants"]
    assert cents(printed["total"] - made.total) == 0.07


@pytest.mark.parametrize("name", ["example_billed_1", "example_billed_2", "example_billed_3", "init_billing_example"])
def test_billed_duration_of_aws(name):
    """Duration and initialisation are added, and the sum is rounded up; before August 2025 only the duration was billed."""
    value = fact(name).value
    assert billed_ms(value["duration"], value["initialisation"]) == value["billed"]
    if "billed before" in value:
        assert billed_ms(value["duration"]) == value["billed before"]


@pytest.mark.parametrize("architecture, name", [("x86_64", "price_per_ms"), ("arm64", "price_per_ms_arm64")])
def test_price_of_a_millisecond(architecture, name):
    """AWS's calculator prints the price of a millisecond at each memory size, to ten decimals."""
    for memory, printed in fact(name).value.items():
        million = bill(1_000_000, 1, int(memory), architecture=architecture, free_tier=False)
        assert round(million.lines[-1].amount / 1e6, 10) == pytest.approx(printed, abs=1e-12)


# The rules


@settings(max_examples=50, deadline=None)
@given(st.lists(st.decimals("0", "900000", places=2), min_size=1, max_size=20), MEMORY, st.data())
def test_each_request_is_rounded_up(durations, memory, data):
    """Each request is rounded up to the millisecond by itself, a cold one together with its initialisation."""
    cold = data.draw(st.integers(0, len(durations)))
    inits = data.draw(st.lists(st.decimals("0", "10000", places=2), min_size=cold, max_size=cold))
    with_init = [*inits, *[Decimal(0)] * (len(durations) - cold)]
    billed = sum((each + init).to_integral_value(ROUND_CEILING) for each, init in zip(durations, with_init))
    made = bill(
        len(durations),
        np.array(durations, dtype=float),
        memory,
        cold_starts=cold,
        init_ms=np.array(inits, dtype=float),
        free_tier=False,
    )
    seconds = sum(made.usage.get(name, 0) for name in ("duration_x86_64", "init_x86_64"))
    assert Fraction(seconds) == Fraction(int(billed) * memory, 1024 * 1000)


def test_one_number_stands_for_all_requests():
    """A number is what each request takes; an array of that number costs the same, cold starts included."""
    one = bill(1000, 100.2, 512, cold_starts=10, init_ms=250.9)
    assert one.total == bill(1000, np.full(1000, 100.2), 512, cold_starts=10, init_ms=np.full(10, 250.9)).total
    assert Fraction(one.usage["duration_x86_64"]) == Fraction(101 * 1000, 2 * 1000)
    assert Fraction(one.usage["init_x86_64"]) == Fraction((352 - 101) * 10, 2 * 1000)


@pytest.mark.parametrize("architecture, suffix", [("x86_64", ""), ("arm64", "_arm64")])
def test_tiers(architecture, suffix):
    """Each GB-second costs what its tier does; duration and initialisation climb the same ladder, each architecture its own."""
    second, third = (fact(f"duration_tier_{tier}_from{suffix}").value for tier in (2, 3))
    first_price, second_price, third_price = (
        Fraction(repr(fact(f"duration_price{tier}{suffix}").value))
        if tier
        else Fraction(repr(fact(f"duration_price{suffix}").value))
        for tier in ("", "_tier_2", "_tier_3")
    )
    whole = third + 1_000_000_000
    expected = second * first_price + (third - second) * second_price + (whole - third) * third_price
    made = charges(**{f"duration_{architecture}": whole}, free_tier=False)
    assert [line.quantity for line in made.lines] == [second, third - second, whole - third]
    assert made.total == pytest.approx(float(expected), abs=1e-6)
    split = charges(**{f"duration_{architecture}": whole - 7e9, f"init_{architecture}": 7e9}, free_tier=False)
    assert split.total == pytest.approx(made.total, abs=1e-6)
    other = "arm64" if architecture == "x86_64" else "x86_64"
    beside = charges(**{f"duration_{other}": 1_000_000}, free_tier=False)
    assert (made + beside).total == pytest.approx(made.total + beside.total, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 10_000), MEMORY, COUNTS, st.integers(0, 10_000), MEMORY)
def test_bills_add_as_one_account(requests, ms, memory, more, other_ms, other_memory):
    """A sum of bills has one free tier, never costs less than its parts, and does not care about the order."""
    one = bill(requests, ms, memory)
    other = bill(more, other_ms, other_memory, architecture="arm64")
    both = one + other
    assert both.total == (other + one).total == sum([one, other]).total
    assert both.total >= max(one.total, other.total) - 1e-9
    seconds = requests * ms * memory / 1024e3 + more * other_ms * other_memory / 1024e3
    free_requests, free_seconds = fact("free_tier_requests").value, fact("free_tier_gb_seconds").value
    if requests + more <= free_requests and seconds <= free_seconds:
        assert both.total == 0
    if requests + more > 2 * free_requests:
        assert both.total > one.total + other.total - 1e-9


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.integers(0, 100_000), MEMORY, st.integers(1, 50))
def test_without_free_tier_and_tiers_a_bill_is_linear(requests, ms, memory, times):
    """Below the second tier and without the free tier, n times the usage costs n times as much, to the last digit."""
    one = bill(requests // 1000, ms // 10, memory, free_tier=False)
    exact = sum(Fraction(q) * Fraction(repr(p)) / Fraction(per) for q, p, per in _priced(one))
    assert one.total == float(exact)
    assert (one * times).total == pytest.approx(one.total * times, rel=1e-12)
    assert (times * one).total == (one * times).total


def _priced(made):
    names = {"requests": ("request_price", 10**6), "duration_x86_64": ("duration_price", 1)}
    return [(quantity, fact(names[name][0]).value, names[name][1]) for name, quantity in made.usage.items()]


def test_free_tier_belongs_to_the_month():
    """A month is made of usage, not of amounts: the free tier comes off once, after scaling."""
    hour = bill(10_000, 200, 1024)
    assert hour.total == 0
    month = hour.month(1)
    assert month.total == pytest.approx((7.3 - 1) * 0.2 + (7.3e6 * 0.2 - 400_000) * 0.0000166667, abs=1e-9)


@pytest.mark.parametrize("hours, seconds", [(0, 0), (0.001, 300), (1 / 12, 300), (8, 28_800), (8.01, 29_100)])
def test_provisioned_time_is_rounded_to_five_minutes(hours, seconds):
    """Provisioned concurrency is billed in steps of five minutes, rounded up."""
    made = bill(0, 0, 1024, provisioned=Provisioned(10, hours))
    assert made.usage.get("provisioned_x86_64", 0) == 10 * seconds


def test_storage_is_billed_with_every_billed_second():
    """Ephemeral storage is billed for all that is billed of duration: handlers, initialisation, and on provisioned concurrency."""
    made = bill(100, 1000, 128, ephemeral_mb=1536, cold_starts=10, init_ms=500, provisioned=Provisioned(1, 1, 200, 1000))
    assert made.usage["ephemeral"] == 100 + 10 * Decimal("0.5") + 200


def test_snapshots_are_billed_for_three_hours_at_least():
    """A version that lived an hour is billed for three; each version has its own snapshot."""
    assert bill(0, 0, 1024, snapstart=SnapStart(1)).usage["snapstart_cache"] == 3 * 3600
    assert bill(0, 0, 2048, snapstart=SnapStart(4, versions=3)).usage["snapstart_cache"] == 2 * 3 * 4 * 3600


@pytest.mark.parametrize("kb, more", [(0, 0), (256, 0), (256.1, 1), (257, 1), (320, 1), (321, 2), (1024, 12)])
def test_large_events_count_as_several_requests(kb, more):
    """An asynchronous event is one request up to 256 KB, and one more for each further 64 KB."""
    assert bill(10, 1, 128, payload_kb=kb).usage.get("payload_requests", 0) == 10 * more
    assert bill(2, 1, 128, payload_kb=[kb, 0]).usage.get("payload_requests", 0) == more


def test_queues_share_their_free_tier():
    """SQS has a free million of its own, shared by standard and FIFO queues; Lambda's is another."""
    assert charges(sqs_requests=600_000, fifo_requests=400_000).total == 0
    assert charges(sqs_requests=1_000_000, fifo_requests=1_000_000).total == 0.5
    assert charges(sqs_requests=1_000_000, requests=1_000_000).total == 0


def test_network_and_streams():
    """A month of NAT in one zone with its address is $36.50, an endpoint $7.30, a shard 730 times its price."""
    assert charges(nat_hours=730, ipv4_hours=730).total == fact("nat_month_one_zone").value
    assert charges(endpoint_hours=730).total == fact("interface_endpoint_month").value
    assert charges(shard_hours=730, put_units=10**6).total == pytest.approx(730 * 0.015 + 0.014)
    petabyte = fact("interface_endpoint_tier_2_from").value
    assert charges(endpoint_gb=petabyte + 1000).total == pytest.approx(petabyte * 0.01 + 1000 * 0.006)


def test_bill_compares():
    """The difference of two bills names what differs and by how much; what is equal is not in it."""
    x86, arm = bill(5_000_000, 200, 1024, free_tier=False), bill(5_000_000, 200, 1024, architecture="arm64", free_tier=False)
    saved = x86 - arm
    assert saved.total == pytest.approx(1_000_000 * (0.0000166667 - 0.0000133334), abs=1e-9)
    assert list(saved.table.index) == ["Duration, x86_64", "Duration, arm64"]
    assert (x86 - x86).total == 0 and (x86 - x86).table.empty
    assert "Difference: $3.33" in repr(saved) and "−$13.33" in saved._repr_html_()


def test_bill_shows_its_arithmetic():
    """Every line can be worked out again, in text and in the table of a notebook; what is left out is said."""
    made = bill(3_000_000, 120, 1536)
    assert made.lines[0].arithmetic == "3 million requests × $0.20 = $0.60"
    assert "Requests, free tier: −1 million requests × $0.20 = −$0.20" in repr(made)
    assert repr(made).endswith("Total: $2.73")
    for line in made.lines:
        assert line.amount == pytest.approx(line.quantity * line.price, rel=1e-12)
        assert line.item in made._repr_html_()
    assert math.fsum(line.amount for line in made.lines) == pytest.approx(made.total)
    assert any("CloudWatch Logs" in words for words in made.leaves_out) and "CloudWatch Logs" in made._repr_html_()
    assert not any("CloudWatch Logs" in words for words in charges(logs_gb=1).leaves_out)


def test_bill_draws_a_bar_for_each_line():
    """The picture has a bar for each line, as long as its amount, and says the same in words."""
    made = bill(3_000_000, 120, 1536, cold_starts=100, init_ms=500)
    picture = made.plot()
    bars = picture.figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([line.amount for line in made.lines])
    assert all(line.item in picture.alt for line in made.lines)


def test_small_amounts_are_not_rounded_away():
    """A line below a cent is written with its digits."""
    assert "$0.002" in repr(charges(requests=10_000, free_tier=False))
    assert "$2.00e-07" in repr(charges(requests=1, free_tier=False))


def test_price_list_is_that_of_the_facts():
    """The list names every item once for each of its prices, and each price is a fact."""
    table = price_list()
    known = {found.value for found in map(fact, ("request_price", "duration_price_tier_3_arm64", "kinesis_shard_price"))}
    assert known <= set(table["USD"])
    assert table.loc["duration_arm64", "from"].tolist() == [0, 7.5e9, 18.75e9]


# Bad input


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: bill(-1, 1, 128), ValueError, "requests=-1"),
        (lambda: bill(1.5, 1, 128), ValueError, "whole number"),
        (lambda: bill(None, 1, 128), TypeError, r"nothing \(None\)"),
        (lambda: bill(1, 1, 127), ValueError, "128 to 10,240 .*MemorySize"),
        (lambda: bill(1, 1, 128, architecture="x86"), ValueError, "Architectures"),
        (lambda: bill(1, 1, 128, ephemeral_mb=256), ValueError, "EphemeralStorage"),
        (lambda: bill(1, -1, 128), ValueError, "from 0 to 900,000"),
        (lambda: bill(1, float("nan"), 128), ValueError, "duration_ms"),
        (lambda: bill(1, "1 s", 128), TypeError, "duration_ms='1 s'"),
        (lambda: bill(3, [1, 2], 128), ValueError, r"one value for each of the requests \(3\)"),
        (lambda: bill(1, 1, 128, cold_starts=2), ValueError, "from 0 to the requests, 1"),
        (lambda: bill(3, 1, 128, cold_starts=2, init_ms=[1.0]), ValueError, "cold_starts"),
        (lambda: bill(1, 1, 128, payload_kb=2000), ValueError, "payload_kb"),
        (lambda: bill(1, 1, 128, provisioned=5), TypeError, "must be Provisioned"),
        (lambda: bill(1, 1, 128, snapstart=True), TypeError, "must be SnapStart"),
        (lambda: bill(1, 1, 128, ephemeral=5), TypeError, "follows from the other arguments"),
        (lambda: bill(1, 1, 128, sqs_request=5), TypeError, "sqs_requests"),
        (lambda: charges(nat_hours=-1), ValueError, "nat_hours=-1"),
        (lambda: Provisioned(0, 1), ValueError, "ProvisionedConcurrentExecutions"),
        (lambda: Provisioned(1, -1), ValueError, "hours"),
        (lambda: SnapStart(1, versions=0), ValueError, "versions"),
        (lambda: bill(1, 1, 128) + bill(1, 1, 128, free_tier=False), ValueError, "same free_tier"),
        (lambda: bill(1, 1, 128) + 1, TypeError, "unsupported"),
        (lambda: bill(1, 1, 128) * -1, ValueError, "0 or more"),
        (lambda: bill(1, 1, 128).month(0), ValueError, "above 0"),
    ],
)
def test_bad_input_is_named(call, error, words):
    """A wrong argument is answered with its value, the rule, and AWS's name for it."""
    with pytest.raises(error, match=words):
        call()
