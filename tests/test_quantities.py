"""Numbers as people type them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdacourse.quantities import FAMILIES, Unclear, calculate, read_number


@pytest.mark.parametrize(
    ("typed", "unit", "means"),
    [
        ("2500", "", 2_500),
        ("2,500", "", 2_500),
        ("2 500", "", 2_500),
        ("2_500", "", 2_500),
        ("2'500", "", 2_500),
        ("1,234,567.5", "", 1_234_567.5),
        ("1.234.567", "", 1_234_567),
        ("-3.5", "", -3.5),
        (".5", "", 0.5),
        ("about 2,500 environments", "environments", 2_500),
        ("1 environment", "environments", 1),
        ("10k", "requests/s", 10_000),
        ("1.5 million", "", 1_500_000),
        ("2e3", "", 2_000),
        ("3×10^6", "", 3_000_000),
        ("10⁴", "", 10_000),
        ("2^10", "", 1_024),
        ("1/8", "", 0.125),
        ("5000*0.2", "environments", 1_000),
        ("(1000 - 100) / 2", "", 450),
        ("12.5 %", "%", 12.5),
        ("12.5%", "share", 0.125),
        ("0.125 share", "%", 12.5),
        ("90 s", "s", 90),
        ("1.5 min", "s", 90),
        ("1.5 minutes", "s", 90),
        ("250 ms", "s", 0.25),
        ("0.25 seconds", "ms", 250),
        ("6 hours", "s", 21_600),
        ("$0.20", "USD", 0.2),
        ("20 cents", "USD", 0.2),
        ("1,000 USD", "USD", 1_000),
        ("2 GB", "MB", 2_048),
        ("100/s", "requests/s", 100),
        ("100 rps", "requests/s", 100),
        ("100 requests per second", "requests/s", 100),
        ("6,000 requests per minute", "requests/s", 100),
        ("800 concurrent executions", "concurrent executions", 800),
        ("2 MB", "MB", 2),
        ("5.8 million", "million", 5.8),
        ("5.8", "million", 5.8),
        ("5.8m", "million", 5.8),
        ("5.8 million", "million requests", 5.8),
        ("5,800,000 million", "million", 5_800_000),
        ("9k", "thousand USD", 9),
        ("2 thousand requests", "requests", 2_000),
        ("13 h", "hours", 13),
        ("90 min", "hours", 1.5),
        ("800 records/s", "records per second", 800),
        ("800 records a second", "records/s", 800),
        ("250/s", "records per second", 250),
        ("250 per second", "messages/s", 250),
        ("3x", "times", 3),
        ("3 ×", "times", 3),
        ("10-5", "", 5),
    ],
)
def test_what_people_type_is_understood(typed, unit, means):
    """Separators, powers, fractions, percent signs, arithmetic and units mean what they say, in the unit that is asked for."""
    assert read_number(typed, unit) == pytest.approx(means)


@pytest.mark.parametrize(
    ("typed", "unit", "asks"),
    [
        ("1,5", "", "1.5 or 15"),
        ("12,50", "USD", "12.50 or 1250"),
        ("1.500", "requests/s", "1.5 or 1,500"),
        ("", "", "Type a number"),
        ("many", "", "I see no number"),
        ("5 bananas", "s", "do not know the unit 'bananas'"),
        ("5 s", "USD", "wanted in USD"),
        ("5 %", "environments", "wanted in environments"),
        ("5 m", "s", "What is m"),
        ("1/0", "", "cannot be worked out"),
        ("9^9^9^9", "", "worked out"),
        ("1.2.3", "", "cannot read"),
        ("5 (", "", "do not know the unit"),
        ("5-10", "", "looks like a range"),
        ("5,800,000", "million", "5.8 or 5,800,000 million"),
        ("800 records/min", "records per second", "do not know the unit"),
    ],
)
def test_what_is_not_plain_is_asked_about(typed, unit, asks):
    """What can be read in two ways, or in none, is answered with a question and never with a guess."""
    with pytest.raises(Unclear, match=asks.replace("(", r"\(")):
        read_number(typed, unit)


@given(st.integers(0, 10**12), st.sampled_from(",_ '\u202f"))
def test_thousands_separators_change_nothing(number, separator):
    """A whole number means the same with any separator in it."""
    assert read_number(f"{number:,}".replace(",", separator)) == number


@given(st.floats(0.001, 1e9), st.sampled_from(FAMILIES), st.data())
def test_any_unit_of_a_family_is_converted(number, family, data):
    """A quantity means the same in every unit of its family."""
    said, wanted = data.draw(st.sampled_from(list(family))), data.draw(st.sampled_from(list(family)))
    typed = f"{number:.12f} {said}"
    assert read_number(typed, wanted) == pytest.approx(number * family[said] / family[wanted], rel=1e-9, abs=1e-9)


@settings(max_examples=300)
@given(st.text(max_size=40), st.sampled_from(["", "s", "%", "USD", "environments", "requests/s"]))
def test_any_text_gives_a_number_or_a_question(typed, unit):
    """Whatever is typed, the reader answers with a finite number or a sentence."""
    try:
        assert abs(read_number(typed, unit)) < float("inf")
    except Unclear as question:
        assert str(question)


@pytest.mark.parametrize("expression", ["__import__('os')", "rate.real", "[1]", "'a'*9", "lambda: 1", "max(*[1])", "True", "x"])
def test_expression_is_arithmetic_only(expression):
    """An expression has numbers, names that are given, and arithmetic; nothing else is worked out."""
    with pytest.raises(Unclear):
        calculate(expression, {"rate": 1})
