"""No cell whatever makes a quantity out of something that is not one; an oracle that knows no code of ours decides."""

import csv
import io
import json
import tempfile
from fractions import Fraction

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from known_skus import Known
from quantities import STYLES, in_units, units

from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport, SourceUnreadable

INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + INVISIBLE

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=15)
numerals = st.text("0123456789000.,,.-+eE \u00a0_'", max_size=14)
grouped = st.builds(
    lambda sign, number, decimals, marks: (
        sign + (f"{number:,}" + decimals).translate(str.maketrans(",.", marks))
    ),
    st.sampled_from(["", "", "-", "+", "--", "(", "Rp ", "$"]),
    st.integers(0, 2**33),
    st.sampled_from(["", "", ".0", ".5", ".999", ".9999999", ".99999899999999999999", ".00", "."]),
    st.sampled_from([",.", ".,", " .", "'.", "\u00a0,", "_."]),
)
exponents = st.builds(
    "{}{}{:+03d}".format, st.decimals(0, 10, places=2), st.sampled_from("eE"), st.integers(-3, 12)
)
words = st.sampled_from(
    ["NaN", "nan", "inf", "Infinity", "-inf", "#N/A", "#REF!", "None", "null", "NULL", "TRUE", "habis", "kosong", "n/a", "-", "--",
     "0x10", "1_000", "5 pcs", "5%", "½", "²", "٣", "\uff15", "Ⅳ", "5-Jan", "2026-11-24", "12:30", "=5", "'5", "5;", "\u22125", "1e400"]
)  # fmt: skip
around = st.sampled_from(["", "", " ", "\u00a0", "\u200b", "\t"])
cells = st.builds(
    lambda before, cell, after: before + cell + after,
    around,
    texts | numerals | grouped | exponents | words,
    around,
)
tables = st.lists(cells, min_size=1, max_size=12)


def read(text, name, style):
    report = ReadReport()
    return list(read_file(io.BytesIO(text.encode()), name, FileTerms(numbers=style), Known(), report)), report


def check(text, name, style, said):
    """`said`: what each row says, in order; rows carry their place as SKU."""
    if any(isinstance(one, set) for one in said):
        with pytest.raises(SourceUnreadable, match="more than one way"):
            read(text, name, style)
        return
    check_rows(*read(text, name, style), said)


def check_rows(rows, report, said):
    assert {int(sku[1:]): quantity for sku, _, quantity, _ in rows} == {
        at: max(0, one) if isinstance(one, int) else None for at, one in enumerate(said)
    }
    assert report.bad == said.count("bad")
    assert report.blank == said.count(None)
    assert report.negative == sum(isinstance(one, int) and one < 0 for one in said)


@given(tables, st.sampled_from(STYLES))
@example(
    ["1999.9999999", "1999.999998", "-0.0000001", "-0.5", "2147483647", "2147483648", "2147483647.9999999"],
    "1234",
)
@example(["1.234"], "auto")
@example(["1.234,5", "1,234.5", "1.234.567", "0,5"], "auto")
def test_text(column, style):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(
        [("SKU", "Stok"), *((f"S{at}", cell) for at, cell in enumerate(column))]
    )
    said = [units(cell.strip(SPACES), style) for cell in column]
    check(text.getvalue(), "stok.csv", style, said)


literals = (
    st.integers(-(2**33), 2**33).map(str)
    | st.builds(
        "{}.{}".format, st.integers(0, 2**32), st.from_regex("[0-9]{1,9}|9{6,9}|0{6,9}1", fullmatch=True)
    )
    | st.builds("{}.{}e{}".format, st.integers(0, 9), st.integers(0, 999), st.integers(-20, 20))
    | st.sampled_from(["-0", "-0.0", "1e400", "-1E+400", "1e-400", "9" * 40])
)
nothing = st.sampled_from(
    ["true", "false", "[]", "{}", "[5]", '{"value": 5}', "NaN", "Infinity", "-Infinity", "9" * 41]
)


@given(
    st.lists(literals | nothing | st.just("null") | cells.map(json.dumps), min_size=1, max_size=12),
    st.booleans(),
)
def test_json(values, as_lines):
    objects = [f'{{"sku": "S{at}", "qty": {value}}}' for at, value in enumerate(values)]
    text = "\n".join([*objects, ""]) if as_lines else f"[{', '.join(objects)}]"
    check(text, "stok.jsonl" if as_lines else "stok.json", "auto", [said_by(value) for value in values])


def said_by(value):
    """What a JSON value says, from its text."""
    if value == "null":
        return None
    if value.startswith('"'):
        return units(json.loads(value).strip(SPACES), "auto")
    try:
        return in_units(Fraction(value)) if len(value) <= 40 else "bad"
    except ValueError:
        return "bad"


numbers = (
    st.integers(-(2**33), 2**33)
    | st.floats(-(2.0**33), 2.0**33)
    | st.builds(
        lambda whole, dust: whole + dust,
        st.integers(0, 5000),
        st.sampled_from([1e-7, -1e-7, 1e-5, -1e-5, 0.5]),
    )
)
formats = st.sampled_from(["General", "0", "#,##0", "0.00", '"Rp" #,##0', "000000", "@"])
others = st.tuples(
    numbers, st.sampled_from(["0%", "0.00%", "dd/mm/yyyy", "h:mm", "[h]:mm", "mmm-yy"])
) | st.tuples(
    st.booleans() | st.sampled_from(["#N/A", "#REF!", "#DIV/0!", "=1+1", "=A1"]), st.just("General")
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(numbers, formats) | others | st.tuples(cells, st.none()), min_size=1, max_size=30))
def test_workbooks(column):
    book = openpyxl.Workbook()
    book.active.append(("SKU", "Stok"))
    said = []
    for at, (value, number_format) in enumerate(column):
        cell = book.active.cell(at + 2, 2)
        book.active.cell(at + 2, 1).value = f"S{at}"
        if number_format is None:
            text = "".join(sign for sign in value if sign.isprintable() or sign in SPACES) or "x"
            cell.value, cell.data_type = text, "s"
            said.append(units(text.strip(SPACES), "1234"))
        else:
            cell.value, cell.number_format = value, number_format
            is_number = not isinstance(value, bool | str) and number_format not in {
                "0%",
                "0.00%",
                "dd/mm/yyyy",
                "h:mm",
                "[h]:mm",
                "mmm-yy",
            }
            said.append(in_units(Fraction(repr(value))) if is_number else "bad")
    check_workbook(book, said)


def check_workbook(book, said):
    report = ReadReport()
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.flush()
        rows = list(read_file(file, "stok.xlsx", FileTerms(numbers="1234"), Known(), report))
    check_rows(rows, report, said)
