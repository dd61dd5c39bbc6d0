"""What a cell of a workbook stores, against what it shows."""

import errno

import pytest

from syncd.sources.cells import Unusable
from syncd.sources.rows import SourceUnreadable
from syncd.sources.workbooks.package import DAMAGED, damage_named
from syncd.sources.workbooks.raw import Number, quantity


@pytest.mark.parametrize(
    ("digits", "text"), [("1", "TRUE"), ("0", "FALSE"), ("1", "Benar"), ("0", "Stok habis")]
)
def test_a_word_is_no_quantity_whatever_number_it_stands_for(digits, text):
    cell = quantity(Number(digits, text=text), 2, 1)
    assert isinstance(cell, Unusable)
    assert f"the number {digits} that is shown as {text} in cell B2" in cell.reason


@pytest.mark.parametrize(
    ("digits", "text"), [("0", "-"), ("0", " Rp- "), ("5", "5 pcs"), ("5", ""), ("1234", "1.234")]
)
def test_other_texts_of_a_number_do_not_matter(digits, text):
    assert quantity(Number(digits, text=text), 2, 1) == int(digits)


@pytest.mark.parametrize(
    "error", [LookupError("unknown encoding: UTF-6"), OSError(errno.EINVAL, "Invalid argument")]
)
def test_what_only_a_damaged_file_causes_is_damage(error):
    with pytest.raises(SourceUnreadable, match=DAMAGED), damage_named():
        raise error
