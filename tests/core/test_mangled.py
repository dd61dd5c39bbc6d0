"""What a spreadsheet makes of SKUs, and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.mangled import looks_mangled, originals


def shown_by_excel(number, decimals):
    """In scientific format, rounded half up as spreadsheets do."""
    mantissa, exponent = Decimal(number), len(str(number)) - 1
    mantissa = (mantissa.scaleb(-exponent)).quantize(Decimal(1).scaleb(-decimals), "ROUND_HALF_UP")
    if mantissa == 10:
        mantissa, exponent = Decimal(1).quantize(mantissa), exponent + 1
    return f"{mantissa}E+{exponent:02d}"


def may_be(mangled, sku):
    return any(len(low) == len(sku) and low <= sku <= high for low, high in originals(mangled))


@given(st.integers(10**4, 10**16), st.integers(0, 8), st.integers(0, 3))
def test_whatever_number_was_mangled_is_among_its_originals(number, decimals, zeros):
    assert may_be(shown_by_excel(number, decimals), "0" * zeros + str(number))


@given(st.integers(0, 10**13), st.integers(0, 5))
def test_a_forced_decimal_is_undone(number, zeros):
    assert may_be(f"{number}.0", "0" * zeros + str(number))


@pytest.mark.parametrize("sku", ["12E5", "1E7", "123E4"])
def test_a_sku_that_reads_like_an_exponent_is_found_again(sku):
    assert may_be(f"{Decimal(sku):.2E}".replace("E+", "E+0"), sku)


def test_a_number_that_is_shown_otherwise_is_no_original():
    assert not may_be("1.23E+12", "1235000000000")
    assert not may_be("1.23E+12", "1224999999999")
    assert may_be("1.23E+12", "1234999999999")
    assert may_be("1.00E+13", "9995000000000")


@pytest.mark.parametrize("sku", ["1.23E+12", "1,23E+12", "1E+7", "12345.0", "1.2e+05"])
def test_what_spreadsheets_write_looks_mangled(sku):
    assert looks_mangled(sku)


@pytest.mark.parametrize("sku", ["", "12345", "1E7", "ABC.0", "12.50", "1.0.0", "1.23E-5", "A1.23E+12"])
def test_other_skus_do_not(sku):
    assert not looks_mangled(sku)
    assert originals(sku) == []


def test_absurd_exponents_cost_nothing():
    assert all(low == high for low, high in originals("1.23E+999"))
