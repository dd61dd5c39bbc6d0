from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.numbers import LARGEST_QUANTITY, AmbiguousNumber, parse_quantity, whole_units

STYLES = ("1234", "1.234,5", "1,234.5", "auto")
quantities = st.integers(-LARGEST_QUANTITY, LARGEST_QUANTITY)


@given(quantities, st.sampled_from(STYLES))
def test_plain_digits_read_the_same_in_every_style(quantity, style):
    assert parse_quantity(str(quantity), style) == quantity


@given(quantities)
def test_a_grouped_number_reads_back_in_its_own_style(quantity):
    assert parse_quantity(f"{quantity:,}", "1,234.5") == quantity
    assert parse_quantity(f"{quantity:,}".replace(",", "."), "1.234,5") == quantity


@given(st.integers(0, LARGEST_QUANTITY), st.integers(0, 99))
def test_decimals_are_rounded_down_in_every_style_that_has_them(quantity, cents):
    text = f"{quantity:,}.{cents:02d}"
    swapped = text.translate(str.maketrans(",.", ".,"))
    assert parse_quantity(text, "1,234.5") == quantity
    assert parse_quantity(swapped, "1.234,5") == quantity
    assert parse_quantity(text, "auto") == quantity
    assert parse_quantity(swapped, "auto") == quantity
    assert parse_quantity(text.replace(",", ""), "1234") == quantity


@given(st.text(max_size=12), st.sampled_from(STYLES))
def test_a_quantity_comes_only_out_of_ascii_digits_points_and_commas(text, style):
    try:
        quantity = parse_quantity(text, style)
    except ValueError:
        return
    if quantity is None:
        assert not text.strip()
    else:
        assert set(text.strip()) <= set("0123456789.,-")


@given(st.text(alphabet="0123456789.,-", max_size=14))
def test_auto_never_says_what_a_style_would_contradict(text):
    readings = {reading(text, style) for style in STYLES[:3]} - {"refused"}
    assert reading(text, "auto") == (
        readings.pop() if len(readings) == 1 else "ambiguous" if readings else "refused"
    )


def reading(text, style):
    try:
        return parse_quantity(text, style)
    except AmbiguousNumber:
        return "ambiguous"
    except ValueError:
        return "refused"


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.000", "-1.234", "1,800"])
def test_auto_refuses_what_can_be_read_in_two_ways(text):
    with pytest.raises(AmbiguousNumber, match="or as"):
        parse_quantity(text, "auto")


@pytest.mark.parametrize(
    ("text", "style", "quantity"),
    [
        ("12.0", "auto", 12),
        ("12,5", "auto", 12),
        ("0.000", "auto", 0),
        ("1.234.567", "auto", 1_234_567),
        ("1.355,90", "1.234,5", 1355),
        ("12.000", "1234", 12),
        ("007", "1234", 7),
        ("1999.9999999", "1234", 2000),
        ("2000.0000001", "1234", 2000),
        ("1999.9998", "1234", 1999),
        ("-0.0000001", "1234", 0),
        ("-0.5", "1234", -1),
        (" 12\u00a0", "auto", 12),
        ("", "auto", None),
        ("\u00a0 ", "1234", None),
    ],
)
def test_numbers_read_as_written(text, style, quantity):
    assert parse_quantity(text, style) == quantity


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "text",
    ["NaN", "inf", "-inf", "habis", "12 pcs", "1.2E+5", "1e3", "+5", "5-", "(5)", "1_000", "1 234", "١٢", "\uff11\uff12",
     "12.", ".5", "--5", "1,2,3", "1.23.456", "0x10", "'12", "-", "TRUE", "²", "#N/A", "2147483648",
     "2147483647,9999999", "2147483647.9999999", "9" * 41, "1..2"],
)  # fmt: skip
def test_what_is_not_plainly_a_number_is_refused_with_a_reason(text, style):
    with pytest.raises(ValueError, match=r"\w"):
        parse_quantity(text, style)


@pytest.mark.parametrize(
    ("text", "style"), [("12.5", "1.234,5"), ("12,5", "1,234.5"), ("12,5", "1234"), ("0.123", "1.234,5")]
)
def test_a_number_of_another_style_is_refused(text, style):
    with pytest.raises(ValueError, match=style):
        parse_quantity(text, style)


def test_an_exponent_is_named_as_such():
    with pytest.raises(ValueError, match="exponent"):
        parse_quantity("1.2E+5", "auto")


@given(quantities, st.decimals(min_value="-0.000001", max_value="0.000001", places=9))
def test_float_dust_is_no_unit(quantity, dust):
    assert whole_units(Decimal(quantity) + dust) == quantity


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e300"])
def test_values_beyond_any_stock_are_refused(value):
    with pytest.raises(ValueError, match=r"\w"):
        whole_units(Decimal(value))


def test_dust_ends_exactly_where_it_is_said_to_end():
    digits = "9" * 5 + "8" + "9" * 32
    assert parse_quantity(f"0.{digits}", "1234") == 0
    assert parse_quantity("0.999999", "1234") == 1
