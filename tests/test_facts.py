"""The figures of the course: each has its source and dates, and those that belong together agree."""

import datetime
import inspect
import math
import re
import tomllib
from importlib import resources
from urllib.parse import urlsplit

import pytest

import lambdacourse
from lambdacourse.facts import Fact, Facts, all_facts, assumptions_page, fact, older_than, search, write_quantity

FACTS = {found.name: found for found in all_facts()}
TABLES = tomllib.loads(resources.files("lambdacourse").joinpath("facts.toml").read_text(encoding="utf-8"))
SOURCES = TABLES.pop("sources")

DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
NO_ADDRESS = {"computed", "course-choice", "run-here", "request-logs-2020", "one-site-2026", "new-account-reports"}


def value(name):
    return FACTS[name].value


def cents(amount):
    return round(amount + 1e-9, 2)


# How a fact is written down


def test_facts_are_complete():
    """A fact has a description, a value, a unit, a source with a date, a day of checking and a sureness."""
    for name, found in FACTS.items():
        assert found.what and not found.what.endswith("."), name
        assert isinstance(found.value, int | float | str | list | dict) and not isinstance(found.value, bool), name
        assert isinstance(found.unit, str), name
        assert found.source and DATE.fullmatch(found.as_of), name
        assert type(found.checked) is datetime.date and found.checked <= datetime.date.today(), name
        assert found.sureness in {"high", "medium", "low"}, name


def test_numbers_have_units():
    """A bare number means nothing: only texts, lists of texts and tables whose keys name the unit do without one."""
    assert [name for name, found in FACTS.items() if isinstance(found.value, int | float) and not found.unit] == []


def test_shares_are_fractions():
    """A share is stored as a fraction, 0.6, and shown in percent."""
    for name, found in FACTS.items():
        if found.unit == "share":
            assert 0 <= found.value <= 1 and found.text.endswith(" %"), name


def test_names_are_snake_case():
    """Names are lower-case words joined by underscores."""
    assert [name for name in FACTS if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []


def test_descriptions_stand_alone():
    """A learner meets a fact out of its order, so its description points at no other one and uses no code of ours."""
    for name, found in FACTS.items():
        assert not re.match(r"(Its|The same|These|Those|Of which|Such)\b", found.what), name
        assert not re.search(r"\b(S\d\d|BC|DG\d*|KDS|SQSDG|SDKREF|VPCP|PLP)\b", f"{found.what} {found.note}"), name


def test_descriptions_differ():
    """No two facts are described in the same words."""
    whats = [found.what for found in FACTS.values()]
    assert len(set(whats)) == len(whats)


def test_assumptions_say_why():
    """What AWS does not publish is marked, and its note gives the reason for the choice."""
    assumptions = [found for found in FACTS.values() if found.assumption]
    assert assumptions and [found.name for found in assumptions if len(found.note) < 20] == []


def test_parameters_of_assumptions_exist():
    """The parameter that changes an assumption is there, and where it has a number as its default, that is the assumption."""
    for found in FACTS.values():
        if not found.parameter:
            continue
        assert found.assumption, found.name
        owner, argument = found.parameter.split(".")
        default = inspect.signature(getattr(lambdacourse, owner)).parameters[argument].default
        derived = {"scaling_bucket_refill", "alarm_range_extra", "alarm_range_least"}
        if isinstance(default, int | float) and found.name not in derived:
            assert default == found.value, found.name
    assert value("scaling_bucket_refill") == value("scaling_rate") / value("scaling_period")


def test_the_page_of_assumptions_is_up_to_date():
    """``ASSUMPTIONS.md`` is what the facts say: each assumption once, with its value, its reason and its parameter."""
    page = assumptions_page()
    assert resources.files("lambdacourse").joinpath("ASSUMPTIONS.md").read_text(encoding="utf-8") == page
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == sum(found.assumption for found in FACTS.values()) and all(row.count("|") == 5 for row in rows)
    assert "| 360 seconds | `Function(idle_timeout=…)` |" in page


def test_choices_of_the_course_are_assumptions():
    """A figure whose source is this course itself is an assumption, but for the Region of the prices."""
    chosen = {name for name, entry in TABLES.items() if entry["source"] == "course-choice"}
    assert {name for name in chosen if not FACTS[name].assumption} == {"price_region"}


def test_sources_are_complete():
    """A source has a title, a date and an https address, or is one of the few that have none."""
    for key, source in SOURCES.items():
        assert set(source) == {"title", "address", "as_of"}, key
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) and source["title"], key
        assert DATE.fullmatch(source["as_of"]), key
        parts = urlsplit(source["address"])
        if key in NO_ADDRESS:
            assert source["address"] == "", key
        else:
            assert parts.scheme == "https" and "." in parts.netloc and " " not in source["address"], key


def test_every_source_is_used():
    """No source stands in the file that no fact cites."""
    assert {entry["source"] for entry in TABLES.values()} == set(SOURCES)


def test_no_source_is_newer_than_its_check():
    """A text cannot have been compared before it was written."""
    for found in FACTS.values():
        assert found.as_of <= found.checked.isoformat()[: len(found.as_of)], found.name


# How facts are found and shown


def test_fact_by_name():
    """fact() gives the figure with its unit, source and date."""
    found = fact("account_concurrency")
    assert isinstance(found, Fact)
    assert (found.value, found.unit, found.text) == (1000, "concurrent executions", "1,000 concurrent executions")
    assert found.address.startswith("https://docs.aws.amazon.com/lambda/")


def test_misspelt_name_is_answered_with_the_near_one():
    """A name that does not exist raises KeyError, and the message names the nearest."""
    with pytest.raises(KeyError, match="account_concurrency"):
        fact("acount_concurrency")
    with pytest.raises(KeyError, match="no fact 5"):
        fact(5)


def test_search_finds_by_words():
    """search() takes words in any order, from the name, the description, the note and the source."""
    assert "free_tier_requests" in {found.name for found in search("requests free tier")}
    assert {found.name for found in search("idle_timeout")} >= {"idle_timeout", "idle_timeout_2020"}
    assert search("no such words anywhere") == []
    assert isinstance(search("sqs"), Facts)


def test_older_than_counts_from_a_given_day():
    """older_than() lists what was checked longer ago than so many days."""
    newest = max(found.checked for found in FACTS.values())
    assert older_than(30, today=newest + datetime.timedelta(days=31)) == all_facts()
    assert older_than(0, today=min(found.checked for found in FACTS.values())) == []


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (1000, "requests/s", "1,000 requests/s"),
        (0.0000166667, "USD/GB-s", "$0.0000166667/GB-s"),
        (0.20, "USD/million requests", "$0.20/million requests"),
        (0.6, "share", "60 %"),
        ([60, 120], "seconds", "60, 120 seconds"),
        (1, "seconds", "1 second"),
        (1, "batches", "1 batch"),
        (2022, "year", "2022"),
        (1, "ms", "1 ms"),
        (1, "GB-s", "1 GB-s"),
        ({"128": 2.5, "1024": 10}, "ms", "128: 2.5, 1024: 10 ms"),
        ("every few hours", "", "every few hours"),
    ],
)
def test_quantity_as_text(amount, unit, text):
    """A quantity is written as one writes it in prose."""
    assert write_quantity(amount, unit) == text


def test_facts_show_as_a_table():
    """In a notebook facts are a table, each row reachable by a link to its name."""
    assert '<tr id="fact-account_concurrency">' in all_facts()._repr_html_()


# What must hold between facts


def test_concurrency_limits_agree():
    """The request-rate limits are 10 times the concurrency limits, and 100 stay unreserved."""
    assert value("account_rps") == value("account_concurrency") * value("rps_per_concurrency") == 10_000
    assert value("scaling_rate_rps") == value("scaling_rate") * value("rps_per_concurrency") == 10_000
    assert value("reserved_100_rps") == 100 * value("rps_per_concurrency")
    assert value("provisioned_10_spills_at_rps") == 10 * value("rps_per_concurrency")
    assert value("reserved_maximum") == value("account_concurrency") - value("unreserved_minimum") == 900
    assert value("provisioned_maximum_one_function") == value("reserved_maximum")
    assert value("account_limit_to_reserve_1000") == 1_000 + value("unreserved_minimum")
    assert value("concurrency_for_100000_rps") * value("rps_per_concurrency") == 100_000
    assert value("ramp_to_100000_rps") == 100_000 / value("scaling_rate_rps") * value("scaling_period")


def test_scaling_rate_is_the_same_by_the_minute():
    """1,000 per 10 seconds are 6,000 a minute: the rate of provisioned allocation, and 12 times the old growth."""
    by_the_minute = value("scaling_rate") * 60 / value("scaling_period")
    assert by_the_minute == value("provisioned_allocation_rate") == 6_000
    assert by_the_minute / value("scaling_growth_before_2023") == value("scaling_speedup") == 12
    assert value("scaling_bucket_refill") * value("scaling_period") == value("scaling_bucket_depth") == value("scaling_rate")


@pytest.mark.parametrize("name", ["1_s", "500_ms", "200_ms", "50_ms", "20_ms"])
def test_concurrency_examples_of_aws(name):
    """AWS's examples: concurrency = rate x duration, and at least a tenth of the rate is needed."""
    example = value(f"concurrency_example_{name}")
    assert example["requests/s"] * example["seconds"] == pytest.approx(example["concurrency"])
    needed = max(example["concurrency"], example["requests/s"] / value("rps_per_concurrency"))
    assert needed == example.get("needed", example["concurrency"])


def test_ten_requests_of_aws():
    """AWS's picture of ten requests: each one either starts an environment or reuses one."""
    assert sorted(value("ten_requests_new") + value("ten_requests_reuse")) == list(range(1, 11))
    assert len(value("ten_requests_reused")) == len(value("ten_requests_reuse"))


def test_claimed_concurrency_of_aws():
    """AWS's example: unreserved executions + what is reserved + what is provisioned without a reservation."""
    claimed = sum(value("claimed_example_setting").values())
    assert [used + claimed for used in value("claimed_example_unreserved")] == value("claimed_example")


def test_auto_scaling_follows_its_target():
    """The low alarm stands at 90 % of the target, and the wanted capacity is what is busy over the target."""
    assert value("autoscaling_alarm_low") == pytest.approx(0.9 * value("autoscaling_target"))
    assert value("autoscaling_alarm_high") == value("autoscaling_target")
    assert value("autoscaling_sustained") == value("autoscaling_datapoints") * value("autoscaling_period")
    for busy in (200, 900):
        assert math.ceil(busy / value("autoscaling_target")) == value(f"autoscaling_wanted_for_{busy}")
    assert 200 * (1 + value("provisioned_buffer")) == pytest.approx(value("provisioned_buffer_example"))


def test_throttle_reasons_are_those_of_the_api():
    """Each reason that the simulator gives is one of the API's six, but for the scaling rate's, of which AWS says nothing."""
    reasons = value("throttle_reasons")
    assert len(set(reasons)) == 6
    own = "throttle_reason_scaling_rate"
    assert {value(name) for name in FACTS if name.startswith("throttle_reason_") and name != own} < set(reasons)
    assert value(own) not in reasons and FACTS[own].assumption


def test_idle_time_lies_where_it_was_measured():
    """The assumed idle time is the middle of what was measured in 2021, inside what the controls offer."""
    low, high = value("idle_timeout_low"), value("idle_timeout_high")
    assert value("idle_timeout") == (low + high) / 2 == 360
    shortest, longest = value("idle_timeout_range")
    assert shortest <= value("idle_timeout") < value("idle_timeout_2020") < longest
    survivors = [value(f"idle_survival_{share}_2019") for share in (90, 50, 10)]
    for month in survivors[0]:
        assert survivors[0][month] <= survivors[1][month] <= survivors[2][month]


@pytest.mark.parametrize("package", ["zip_x86", "zip_arm64", "image_x86"])
def test_quantiles_of_initialisation_rise(package):
    """For every runtime the median is at most the 90th percentile, and that at most the 99th."""
    p50, p90, p99, mean = (value(f"init_{kind}_{package}") for kind in ("p50", "p90", "p99", "mean"))
    assert p50.keys() == p90.keys() == p99.keys() == mean.keys() and len(p50) == 17
    for runtime in p50:
        assert p50[runtime] <= p90[runtime] <= p99[runtime]
        assert p50[runtime] / 1.05 <= mean[runtime] <= p99[runtime]


def test_quantiles_by_language_rise():
    """For every language the five quantiles of 2021 come in order."""
    kinds = ["p2_5", "p16_5", "median", "p83_5", "p97_5"]
    for language in value("client_cold_median"):
        row = [value(f"client_cold_{kind}")[language] for kind in kinds]
        assert row == sorted(row)


def test_memory_gives_vcpus():
    """1,769 MB are one vCPU, so 10,240 MB are about six."""
    assert round(value("memory_maximum") / value("mb_per_vcpu")) == value("vcpu_maximum") == 6
    assert value("memory_minimum") <= value("memory_default_here") <= value("memory_maximum")


def test_provisioned_concurrency_breaks_even_at_60_percent():
    """Below 60 % utilisation provisioned concurrency costs more than on-demand, on both architectures."""
    for suffix in ("", "_arm64"):
        names = ("provisioned_price", "provisioned_duration_price", "duration_price")
        fee, busy, demand = (value(name + suffix) for name in names)
        assert fee / (demand - busy) == pytest.approx(0.6, abs=1e-4)
    assert value("provisioned_break_even") == 0.6


def test_provisioned_prices_agree():
    """$0.015 a GB-hour, a quarter of on-demand duration, 0.833 of it while busy; the multiples follow."""
    fee, busy, demand = value("provisioned_price"), value("provisioned_duration_price"), value("duration_price")
    assert fee * 3600 == pytest.approx(0.015, abs=1e-6) and value("provisioned_price_hour") == 0.015
    assert value("provisioned_price_arm64") * 3600 == pytest.approx(value("provisioned_price_hour_arm64"), abs=1e-6)
    assert fee / demand == pytest.approx(value("provisioned_price_ratio"), abs=1e-4)
    assert fee + busy == pytest.approx(value("provisioned_busy_price"))
    assert (fee + busy) / demand == pytest.approx(value("provisioned_busy_ratio"), abs=1e-3)
    for utilisation, multiple in value("provisioned_cost_by_utilisation").items():
        assert (fee / float(utilisation) + busy) / demand == pytest.approx(multiple, abs=6e-4)


def test_a_month_of_provisioned_concurrency():
    """100 GB for 730 hours: $1,095 idle, $3,650 busy; the same work on demand is $4,380."""
    gb_seconds = 100 * value("hours_per_month") * 3600
    assert gb_seconds * value("provisioned_price") == pytest.approx(value("provisioned_100_gb_month"), abs=0.05)
    assert gb_seconds * value("provisioned_busy_price") == pytest.approx(value("provisioned_100_gb_month_busy"), abs=0.05)
    assert gb_seconds * value("duration_price") == pytest.approx(value("on_demand_100_gb_month_busy"), abs=0.05)


def test_arm64_costs_a_fifth_less():
    """Every tier and the provisioned prices are 20 % lower on arm64, and its tiers begin 25 % later."""
    tiers = ("duration_price", "duration_price_tier_2", "duration_price_tier_3")
    for name in (*tiers, "provisioned_price", "provisioned_duration_price"):
        assert value(f"{name}_arm64") / value(name) == pytest.approx(1 - value("arm64_saving"), abs=1e-4)
    for name in ("duration_tier_2_from", "duration_tier_3_from"):
        assert value(f"{name}_arm64") == 1.25 * value(name)


@pytest.mark.parametrize("suffix", ["", "_arm64"])
def test_prices_per_millisecond_follow_from_the_full_price(suffix):
    """What the calculator prints for a millisecond is the full price, rounded to ten decimals."""
    for memory, printed in value(f"price_per_ms{suffix}").items():
        exact = int(memory) / value("mb_per_gb") * value(f"duration_price{suffix}") / 1000
        assert printed == pytest.approx(exact, abs=0.51e-10)


def test_savings_plans_save_what_they_say():
    """12 % with nothing paid upfront, 17 % with all, to the digits that are printed."""
    for suffix in ("", "_arm64"):
        demand = value(f"duration_price{suffix}")
        plan = value(f"savings_plan_duration_price{suffix}"), value(f"savings_plan_duration_price{suffix}_upfront")
        assert plan[0] == pytest.approx(demand * (1 - value("savings_plan_saving")), rel=5e-3)
        assert plan[1] == pytest.approx(demand * (1 - value("savings_plan_saving_upfront")), rel=5e-3)
    for name in ("provisioned_price", "provisioned_duration_price"):
        saving = 1 - value(f"savings_plan_{name}") / value(name)
        assert saving == pytest.approx(value("savings_plan_saving"), abs=5e-3)


def test_snapstart_example_of_aws():
    """7.44 million calls of 2 s with SnapStart, to the cent."""
    given, amount, printed = (value(f"example_snapstart{part}") for part in ("_input", "_quantities", ""))
    gb = given["MB"] / value("mb_per_gb")
    assert amount["GB-s cached"] == given["days"] * 86_400 * gb
    assert amount["GB restored"] == given["requests"] * given["restores"] * gb
    assert printed["requests"] == cents(given["requests"] / 1e6 * value("request_price"))
    assert printed["duration"] == cents(given["requests"] * given["seconds"] * gb * value("duration_price"))
    assert printed["cache"] == cents(amount["GB-s cached"] * value("snapstart_cache_price"))
    assert printed["restores"] == cents(amount["GB restored"] * value("snapstart_restore_price"))
    assert_total(printed)


@pytest.mark.parametrize(("name", "price"), [("example_sqs", "epu_price_sqs"), ("example_kafka", "epu_price_kafka")])
def test_poller_examples_of_aws(name, price):
    """Provisioned pollers of SQS and of Kafka, to the cent."""
    given, printed = value(f"{name}_input"), value(name)
    gb_seconds = given["requests"] * given["seconds"] * given["MB"] / value("mb_per_gb")
    assert printed["duration"] == cents(gb_seconds * value("duration_price"))
    assert printed["requests"] == cents(given["requests"] / 1e6 * value("request_price"))
    assert printed["pollers"] == cents(given["EPU-hours"] * value(price))
    assert_total(printed)


def test_durable_example_of_aws():
    """A durable function on arm64 with the free tier, to the cent."""
    given, printed = value("example_durable_input"), value("example_durable")
    gb_seconds = given["executions"] * given["seconds"] * given["MB"] / value("mb_per_gb") - value("free_tier_gb_seconds")
    requests = given["executions"] * given["requests each"] - value("free_tier_requests")
    months = (given["days stored first"] + given["days stored then"]) / 30
    assert printed["duration"] == cents(gb_seconds * value("duration_price_arm64"))
    assert printed["requests"] == cents(requests / 1e6 * value("request_price"))
    assert printed["operations"] == cents(given["operations"] / 1e6 * value("durable_operation_price"))
    assert printed["written"] == cents(given["GB written"] * value("durable_write_price"))
    assert printed["stored"] == cents(given["GB written"] * months * value("durable_storage_price"))
    assert_total(printed)


def test_slip_of_aws_is_one():
    """In its first Kafka example AWS charges twice the requests that it names."""
    slip = value("example_kafka_slip")
    assert slip["right"] == 30 * value("request_price") and slip["printed"] == 2 * slip["right"]


@pytest.mark.parametrize("name", ["example_billed_1", "example_billed_2", "example_billed_3", "init_billing_example"])
def test_billed_duration_of_aws(name):
    """What is billed is duration and initialisation together, rounded up to the millisecond."""
    example = value(name)
    assert math.ceil(example["duration"] + example["initialisation"]) == example["billed"]
    if "billed before" in example:
        assert math.ceil(example["duration"]) == example["billed before"]


def test_throttled_events_wait_as_the_note_says():
    """Doubling from 1 second to 5 minutes gives 79 retries in 6 hours."""
    waited, wait, retries = 0, value("async_backoff_first"), 0
    while waited + wait <= value("async_event_age"):
        waited += wait
        retries += 1
        wait = min(wait * value("async_backoff_factor"), value("async_backoff_maximum"))
    assert retries == value("async_backoff_retries") == 79
    assert value("async_failure_goes_to").endswith("AsyncEventsDropped") and "AsyncEventsDropped" in value("metrics_async")


def test_pollers_agree():
    """The ramp to 900 takes about three minutes; 1,000 messages a second of 2 s need 200 provisioned pollers."""
    assert round((900 - value("sqs_pollers_start")) / value("sqs_pollers_ramp") * 60) == value("sqs_ramp_to_900")
    per_poller = value("sqs_poller_concurrency") / 2
    assert 1_000 / per_poller == value("sqs_pollers_for_1000_per_second") == value("sqs_provisioned_minimum_range")[1]
    cost = value("sqs_pollers_for_1000_per_second") * value("hours_per_month") * value("epu_price_sqs")
    assert cost == pytest.approx(value("sqs_pollers_for_1000_cost"))
    assert value("sqs_provisioned_concurrency") == value("sqs_poller_concurrency") * value("sqs_provisioned_maximum_range")[1]


def test_defaults_lie_within_their_ranges():
    """A default is never outside what can be set."""
    for low, default, high in [
        (1, "timeout_default", "timeout_maximum"),
        ("async_event_age_minimum", "async_event_age", "async_event_age"),
        ("sqs_retention_minimum", "sqs_retention_default", "sqs_retention_maximum"),
        (0, "sqs_visibility_default", "sqs_visibility_maximum"),
        (1, "sqs_batch_default", "sqs_batch_maximum"),
        (1, "stream_batch_default", "stream_batch_maximum"),
        ("parallelization_factor_default", "parallelization_factor_default", "parallelization_factor_maximum"),
        (-1, "stream_retries_default", "stream_retries_maximum"),
        (-1, "stream_record_age_default", "stream_record_age_maximum"),
        ("kinesis_retention_default", "kinesis_retention_default", "kinesis_retention_maximum"),
    ]:
        low, default, high = (value(bound) if isinstance(bound, str) else bound for bound in (low, default, high))
        assert low <= default <= high


def test_retries_around_retries_multiply():
    """6 attempts around an SDK that tries 11 or 4 times make 66 or 24 calls."""
    assert value("double_retry_calls_v2") == 6 * (1 + value("sdk_v2_dynamodb_retries"))
    assert value("double_retry_calls_v3") == 6 * value("sdk_attempts_dynamodb")
    assert value("sdk_v2_dynamodb_wait") == pytest.approx(sum(0.05 * 2**n for n in range(value("sdk_v2_dynamodb_retries"))))
    assert round(6 * value("sdk_v2_dynamodb_wait")) == value("double_retry_wait_v2")


def test_network_prices_agree():
    """A month of a NAT gateway, its address and an endpoint, and where an endpoint overtakes NAT."""
    month = value("hours_per_month")
    assert value("nat_month") == pytest.approx(month * value("nat_hour_price"))
    assert value("public_ipv4_month") == pytest.approx(month * value("public_ipv4_price"))
    assert value("nat_month_one_zone") == pytest.approx(value("nat_month") + value("public_ipv4_month"))
    assert value("nat_month_two_zones") == pytest.approx(2 * value("nat_month_one_zone"))
    assert value("interface_endpoint_month") == pytest.approx(month * value("interface_endpoint_price"))
    saved_per_gb = value("nat_gb_price") - value("interface_endpoint_gb_price")
    for zones, data in value("endpoint_break_even").items():
        assert round(int(zones) * value("interface_endpoint_month") / saved_per_gb) == data


def test_other_small_sums():
    """The warmer's pings, a month of cached snapshot, the old formula for network interfaces."""
    assert value("warm_ping_count") == 12 * 24 * 30
    assert value("warm_ping_cost") == pytest.approx(value("warm_ping_count") / 1e6 * value("request_price"), abs=5e-5)
    assert cents(value("hours_per_month") * 3600 * value("snapstart_cache_price")) == value("snapstart_cache_month")
    assert math.ceil(1_000 * 1 / 3) == value("eni_example_2019")
    assert pytest.approx(value("cold_start_share_one_site"), abs=5e-4) == 22 / 1_981
    assert value("reuse_choices")["most recently used"] <= value("reuse_choices")["choices"]


def assert_total(printed):
    """The lines of a bill add up to its total."""
    lines = [amount for item, amount in printed.items() if item != "total"]
    assert cents(sum(lines)) == printed["total"]


def test_bills_of_a_vpc():
    """$10 of Lambda, and on top nothing, one NAT gateway with its address, or two."""
    alone = value("vpc_bill_connected")
    assert value("vpc_bill_nat_one_zone") == pytest.approx(alone + value("nat_month_one_zone"))
    assert value("vpc_bill_nat_two_zones") == pytest.approx(alone + value("nat_month_two_zones"))


def test_connections_of_a_database():
    """8 GiB over the memory of a connection is 683; the 630 of AWS's example are what is left for the database."""
    assert round(8 * 2**30 / value("rds_connections_mysql")) == 683
    assert 0.9 * 683 < value("rds_connections_example") < 683
