"""A number is shown as a spreadsheet shows it, or not at all: no digit comes or goes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.sources.workbooks.shown_number import EXACT_BELOW, is_date, is_percentage, shown_by

exact = st.integers(-EXACT_BELOW + 1, EXACT_BELOW - 1)
formats = st.text(alphabet='0#?.,%;-E+d "\\[]@sx', max_size=12)


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (7, "General", "7"),
        (7, "@", "7"),
        (7, "", "7"),
        (-7, "0", "-7"),
        (0, "0", "0"),
        (7, "#", "7"),
        (Decimal("7.25"), "General", "7.25"),
        (42, "000000", "000042"),
        (1234567, "000000", "1234567"),
        (-42, "0000", "-0042"),
        (42, '"SKU-"0000', "SKU-0042"),
        (12345, '"SKU-"0000', "SKU-12345"),
        (42, "000-000", "000-042"),
        (1234567, "000-000", "1234-567"),
        (42, r"\A0000\Z", "A0042Z"),
        (42, '0000;"minus "0000', "0042"),
        (-42, '0000;"minus "0000', "minus 0042"),
        (0, '0;-0;"x"0', "x0"),
    ],
)
def test_what_is_shown(value, number_format, text):
    assert shown_by(value, number_format) == text


@pytest.mark.parametrize(
    "number_format",
    ["#,##0", "0.00", "0%", "0.00E+00", "yyyy-mm-dd", "[h]:mm", "# ?/?", "[>5]0;0", '"text"', "?0", "_-0"],
)
def test_what_is_not_exact_is_not_shown(number_format):
    with pytest.raises(ValueError, match=r"format|date"):
        shown_by(1234, number_format)


def test_nothing_is_not_a_number():
    with pytest.raises(ValueError, match="format"):
        shown_by(0, "#")


@pytest.mark.parametrize("value", [EXACT_BELOW, -EXACT_BELOW, 10**400])
def test_the_sixteenth_digit_is_lost_in_every_spreadsheet(value):
    with pytest.raises(ValueError, match="15 digits"):
        shown_by(value, "General")


def test_what_a_format_is_for():
    assert is_date("dd/mm/yy")
    assert is_date("[hh]:mm")
    assert not is_date('"day "0')
    assert not is_date("General")
    assert is_percentage("0%")
    assert not is_percentage('0"%"')


@given(exact)
def test_without_a_format_a_number_is_its_digits(value):
    assert shown_by(value, "General") == shown_by(value, "0") == str(value)


@given(exact, st.integers(1, 20))
def test_zeros_pad_and_nothing_else(value, width):
    text = shown_by(value, "0" * width)
    assert int(text) == value
    assert len(text.lstrip("-")) == max(width, len(str(abs(value))))


@given(exact, formats)
def test_any_format_keeps_every_digit_or_refuses(value, number_format):
    try:
        text = shown_by(value, number_format)
    except ValueError:
        return
    digits = "".join(letter for letter in text if letter.isdecimal())
    literal = sum(letter.isdecimal() for letter in number_format if letter != "0")
    assert literal or '"' in number_format or "\\" in number_format or int(digits) == abs(value)
