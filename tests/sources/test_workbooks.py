"""What workbooks store, read in this process; the process of its own is tested beside."""

import contextlib
import datetime as dt
import io
import zipfile
from decimal import Decimal

import openpyxl
import pytest
import xlsxwriter
import xlwt
from hypothesis import given
from hypothesis import strategies as st
from open_document import number, ods, row, table, text

from syncd.sources.cells import Unusable
from syncd.sources.rows import SourceUnreachable, SourceUnreadable
from syncd.sources.workbooks.choosing import choose, rows_of
from syncd.sources.workbooks.opening import open_workbook

HEADERS = ("sku", "qty")


def read(data, kind, sheet=None):
    book = open_workbook(io.BytesIO(data), kind)
    return [(sku, units) for _, sku, _, units in rows_of(book, choose(book, sheet, None))]


def by_xlsxwriter(*rows, formats=()):
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, HEADERS)
        for line, (sku, units) in enumerate(rows, 1):
            style = book.add_format({"num_format": formats[line - 1]}) if formats else None
            sheet.write(line, 0, sku, style)
            sheet.write(line, 1, units)
    return file.getvalue()


def by_openpyxl(sheets):
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for name, (state, rows) in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        for cells in rows:
            sheet.append(cells)
    book.save(file)
    return file.getvalue()


def by_xlwt(*rows, formats=(), visibility=0):
    book, file = xlwt.Workbook(), io.BytesIO()
    for name, hidden in (("S", visibility), ("Notes", 0)):
        sheet = book.add_sheet(name)
        sheet.visibility = hidden
        for line, cells in enumerate((HEADERS, *rows) if name == "S" else ()):
            for column, value in enumerate(cells):
                style = (
                    xlwt.easyxf(num_format_str=formats[line - 1])
                    if formats and line and not column
                    else xlwt.Style.default_style
                )
                sheet.write(line, column, value, style)
    book.save(file)
    return file.getvalue()


def by_hand(*rows):
    """As ODS."""
    return ods(table(row(text("sku"), text("qty")), *rows))


def replaced(data, part, old, new):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == part:
                assert old in content
                content = content.replace(old, new)
            target.writestr(name, content)
    return file.getvalue()


FORMATS = {
    "General": "42", "000000": "000042", '"SKU-"0000': "SKU-0042", "000-000": "000-042", "0": "42",
    "#,##0": None, "0.00": None, "0%": None, "0.00E+00": None, "yyyy-mm-dd": None,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "write"), [("xlsx", by_xlsxwriter), ("xls", by_xlwt)])
def test_an_identifier_is_what_a_person_sees(kind, write):
    rows = read(write(*[(42, 1)] * len(FORMATS), formats=list(FORMATS)), kind)
    for (sku, units), (number_format, expected) in zip(rows, FORMATS.items(), strict=True):
        assert units == 1
        if expected is None:
            assert isinstance(sku, Unusable), number_format
            assert " in cell A" in sku.reason
        else:
            assert sku == expected, number_format


TEXTS = ["007", " 7 ", "_x0041_", "Ax005F_1", "a\nb", "_xD800_", "é€漢", "1E5"]


@pytest.mark.parametrize(("kind", "write"), [("xlsx", by_xlsxwriter), ("xls", by_xlwt)])
def test_text_stays_as_it_is(kind, write):
    assert [sku for sku, _ in read(write(*((sku, 1) for sku in TEXTS)), kind)] == TEXTS


@pytest.mark.parametrize(("kind", "write"), [("xlsx", by_xlsxwriter), ("xls", by_xlwt)])
def test_quantities_are_numbers(kind, write):
    values = [0, 5, 2.5, -3, 0.1, 999_999_999_999_999, 10**15, True]
    units = [units for _, units in read(write(*(("A", value) for value in values)), kind)]
    assert units[:6] == [0, 5, Decimal("2.5"), -3, Decimal("0.1"), 999_999_999_999_999]
    assert "15 digits" in units[6].reason
    assert units[7] == Unusable("TRUE", "a boolean in cell B9: enter it again")


def test_dates_and_errors_say_where_they_stand():
    data = by_openpyxl({"S": ("visible", [HEADERS, (dt.date(2026, 3, 1), "#N/A"), (True, "#DIV/0!")])})
    (first, absent), (boolean, division) = read(data, "xlsx")
    assert first.reason.startswith("a date or time in cell A2: format the column as text")
    assert (absent.text, absent.reason) == ("#N/A", "an error in cell B2: enter it again")
    assert boolean.reason.startswith("a boolean in cell A3")
    assert division.text == "#DIV/0!"


def test_formulas_say_their_stored_result_and_without_one_nothing():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADERS)
        sheet.write_formula(1, 0, '="A"&1', None, "A1")
        sheet.write_formula(1, 1, "=2+3", None, 5)
    assert read(file.getvalue(), "xlsx") == [("A1", 5)]
    ((sku, units),) = read(by_openpyxl({"S": ("visible", [HEADERS, ("A", "=2+3")])}), "xlsx")
    assert sku == "A"
    assert units.reason.startswith("a formula without a stored result in cell B2: open the file")


def test_rich_and_inline_text_is_whole_and_phonetic_signs_are_not_in_it():
    data = by_xlsxwriter(("PLAIN", 1))
    rich = b"<r><t>A</t></r><r><t>B</t></r><rPh sb='0' eb='1'><t>x</t></rPh>"
    assert read(replaced(data, "xl/sharedStrings.xml", b"<t>PLAIN</t>", rich), "xlsx") == [("AB", 1)]
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, cells in enumerate([HEADERS, (" 007", 1)]):
            sheet.write_row(line, 0, cells)
    assert read(file.getvalue(), "xlsx") == [(" 007", 1)]


def test_the_sheet_with_the_columns_is_found_and_hidden_ones_only_by_name():
    data = by_openpyxl(
        {
            "Notes": ("visible", [("hello",)]),
            "Old": ("hidden", [HEADERS, ("OLD", 1)]),
            "S": ("visible", [("Stock of May",), (), HEADERS, ("A", 2)]),
        }
    )
    assert read(data, "xlsx") == [("A", 2)]
    assert read(data, "xlsx", "Old") == [("OLD", 1)]
    with pytest.raises(SourceUnreadable, match='"Notes", "Old", "S"'):
        read(data, "xlsx", "May")
    with pytest.raises(SourceUnreadable, match="is empty"):
        read(by_xlwt(("A", 1), visibility=1), "xls")
    assert read(by_xlwt(("A", 1), visibility=1), "xls", "S") == [("A", 1)]


class TestOds:
    def test_text_is_what_is_seen(self):
        inner = "a<text:s text:c='2'/>b<text:tab/><text:span>c</text:span></text:p><text:p>d"
        noted = "<table:table-cell office:value-type='string'><office:annotation><text:p>no</text:p></office:annotation><text:p>007</text:p></table:table-cell>"
        rows = row(text(inner), number(1, 1)), row(noted, number("2.50", "2,5"))
        assert read(by_hand(*rows), "ods") == [("a  b\tc\nd", 1), ("007", Decimal("2.5"))]

    def test_numbers_are_identifiers_as_they_are_shown(self):
        rows = [row(number(42, shown), number(1, 1)) for shown in ("000042", "SKU-42", "42,00", "4,2E1")]
        skus = [sku for sku, _ in read(by_hand(*rows), "ods")]
        assert skus[:2] == ["000042", "SKU-42"]
        assert all(isinstance(sku, Unusable) for sku in skus[2:])

    @pytest.mark.parametrize("kind", ["date", "time", "percentage", "boolean"])
    def test_other_kinds_are_no_quantity(self, kind):
        ((_, units),) = read(by_hand(row(text("A"), number(1, "x", kind))), "ods")
        assert "in cell B2" in units.reason

    def test_hidden_tables_are_not_looked_at(self):
        styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
        head = row(text("sku"), text("qty"))
        hidden = table(head, row(text("OLD"), number(1, 1)), name="Old", more='table:style-name="h"')
        data = ods(hidden + table(head, row(text("A"), number(2, 2))), styles=styles)
        assert read(data, "ods") == [("A", 2)]
        assert read(data, "ods", "Old") == [("OLD", 1)]

    def test_repeated_blanks_cost_nothing_and_repeated_rows_are_rows(self):
        blank = row(
            '<table:table-cell table:number-columns-repeated="16384"/>',
            more='table:number-rows-repeated="1048000"',
        )
        twice = row(text("A"), number(1, 1), more='table:number-rows-repeated="2"')
        assert read(by_hand(twice, blank), "ods") == [("A", 1)] * 2

    @pytest.mark.parametrize(
        "bad",
        [
            row(text("A"), number(1, 1), more='table:number-rows-repeated="2000000"'),
            row(text("A", 'table:number-columns-repeated="3000"')),
        ],
    )
    def test_too_much_is_refused(self, bad):
        with pytest.raises(SourceUnreadable, match="has more than"):
            read(by_hand(bad), "ods")

    def test_encryption_is_named(self):
        with pytest.raises(SourceUnreadable, match="encrypted"):
            read(ods("", manifest="<encryption-data/>"), "ods")


BOMB = "<!DOCTYPE b [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;'>]>"


def test_entities_are_refused():
    with pytest.raises(SourceUnreadable, match="entities"):
        read(ods("", head=BOMB), "ods")
    data = replaced(
        by_xlsxwriter(("A", 1)), "xl/worksheets/sheet1.xml", b"<worksheet", BOMB.encode() + b"<worksheet"
    )
    with pytest.raises(SourceUnreadable, match="entities"):
        read(data, "xlsx")


def test_what_says_that_it_unpacks_to_too_much_is_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in range(10_001):
            archive.writestr(str(n), b"")
    with pytest.raises(SourceUnreadable, match="parts"):
        read(file.getvalue(), "xlsx")


@pytest.mark.parametrize(("old", "new"), [(b'r="A2"', b'r="ZZZ2"'), (b'<row r="2"', b'<row r="2000000"')])
def test_more_than_is_taken_is_refused(old, new):
    with pytest.raises(SourceUnreadable, match="has more than"):
        read(replaced(by_xlsxwriter(("A", 1)), "xl/worksheets/sheet1.xml", old, new), "xlsx")


@pytest.mark.parametrize("inside", ["EncryptedPackage", "WordDocument"])
def test_other_ole_files_are_refused(inside):
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + inside.encode("utf-16-le") + bytes(2_000)
    with pytest.raises(SourceUnreadable, match="encrypted" if inside.startswith("E") else "damaged"):
        read(data, "xls")


SMALL = {
    "xlsx": by_xlsxwriter(("A", 1), (42, 2.5), formats=["@", "0000"]),
    "xls": by_xlwt(("A", 1), (42, 2.5), formats=["@", "0000"]),
    "ods": by_hand(row(text("A"), number(1, 1)), row(number(42, "0042"), number("2.5", "2,5"))),
}


@pytest.mark.parametrize("kind", SMALL)
def test_the_small_ones_are_read(kind):
    assert read(SMALL[kind], kind) == [("A", 1), ("0042", Decimal("2.5"))]


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_every_truncation_is_refused(kind):
    for length in range(0, len(SMALL[kind]), 7):
        with pytest.raises(SourceUnreadable):
            read(SMALL[kind][:length], kind)


@pytest.mark.parametrize("kind", SMALL)
@given(data=st.data())
def test_damage_is_refused_or_does_no_harm(kind, data):
    damaged = bytearray(SMALL[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SourceUnreadable):
        read(bytes(damaged), kind)


class TornDisk(io.BytesIO):
    def read(self, *_):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("kind", SMALL)
def test_a_failing_disk_is_no_damage(kind):
    with pytest.raises(SourceUnreachable, match="Input/output"):
        open_workbook(TornDisk(SMALL[kind]), kind)
