"""Any table that any program may write, in any form that is supported, reads back equal."""

import csv
import gzip
import io
import json
import re
import tempfile
import zipfile
from xml.sax.saxutils import escape

import openpyxl
import pytest
import xlwt
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from known_skus import Known

from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport

HEADERS = ("Gudang", "Nama", "Kode Barang", "Stok")
ENCODINGS = {
    "utf-8": b"", "utf-8-sig": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "cp1252": b"",
}  # fmt: skip

identifiers = (
    st.text(
        alphabet=st.characters(exclude_categories=("C", "Z"), include_characters=" \u00a0"),
        min_size=1,
        max_size=30,
    )
    | st.sampled_from(
        ["007", "7.10", "1.23E+12", "12345.0", "1,5", "'7", '"', "''", "sep=;", "[]", "{", "=1+1"]
    )
).map(str.strip)
skus = identifiers.filter(bool)
quantities = st.none() | st.integers(0, 2**31 - 1)
tables = st.lists(st.tuples(skus, identifiers, quantities), max_size=15)


def read(data, name, table):
    """The rows of a file, where all its SKUs are known: what a spreadsheet may have mangled is tested elsewhere."""
    report = ReadReport()
    known = Known(sku for sku, _, _ in table)
    with tempfile.TemporaryFile() as file:  # another process reads workbooks, from a real file
        file.write(data)
        file.flush()
        rows = list(read_file(file, name, FileTerms(), known, report))
    assert (report.rows, report.bad, report.negative) == (len(table), 0, 0)
    assert report.blank == sum(quantity is None for _, _, quantity in table)
    return [row[:3] for row in rows]


def gzipped(data, name):
    return gzip.compress(data), f"{name}.gz"


def zipped(data, name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"export/{name}", data)
    return file.getvalue(), "export.zip"


def unpacked(data, name):
    return data, name


packings = st.sampled_from([unpacked, gzipped, zipped])
dialects = st.tuples(
    st.sampled_from(",;\t|"),
    st.sampled_from(
        [('"', csv.QUOTE_ALL), ('"', csv.QUOTE_MINIMAL), ('"', csv.QUOTE_NONNUMERIC), ("'", csv.QUOTE_ALL)]
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)


def delimited(table, dialect, titles):
    delimiter, (quote, quoting), line_end = dialect
    text = io.StringIO(newline="")
    text.write(f"Laporan Stok{line_end}" * titles)
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=line_end)
    note = "a b" if line_end == "\r" else "a\nb"  # the writer does not quote a line end that is not its own
    writer.writerow(HEADERS)
    writer.writerows((place, note, sku, quantity) for sku, place, quantity in table)
    return text.getvalue()


@given(tables, dialects, st.sampled_from(list(ENCODINGS)), packings, st.integers(0, 3))
def test_delimited_text(table, dialect, codec, packing, titles):
    text = delimited(table, dialect, titles)
    try:
        data = ENCODINGS[codec] + text.encode(codec)
    except UnicodeEncodeError:
        assume(False)  # no program can write it so either
    assume(codec != "cp1252" or not looks_like_utf_8(data))
    assert read(*packing(data, "stok.csv"), table) == table


def looks_like_utf_8(data):
    """Whether Windows-1252 looks like UTF-8 in places: what was meant cannot be told, and it is refused or misread."""
    return not data.isascii() and not data.decode("utf-8", "ignore").isascii()


@given(
    st.lists(
        st.tuples(
            st.text("ABCxyz019-./ é", min_size=1).map(str.strip).filter(bool), st.just("JKT"), quantities
        ),
        max_size=8,
    ),
    dialects,
    st.sampled_from(["utf-16-le", "utf-16-be"]),
)
def test_utf_16_without_a_mark(table, dialect, codec):
    assert read(delimited(table, dialect, 0).encode(codec), "stok.csv", table) == table


@given(tables.filter(bool), st.booleans(), st.sampled_from([None, 1, "\t"]), st.booleans(), packings)
def test_json(table, as_lines, indent, ascii_only, packing):
    objects = [{"x": [{}], "gudang": place, "stok": quantity, "kode": sku} for sku, place, quantity in table]
    if as_lines:
        text = "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in objects)
    else:
        text = json.dumps(objects, indent=indent, ensure_ascii=ascii_only)
    assert read(*packing(text.encode(), "stok.jsonl" if as_lines else "stok.json"), table) == table


def xlsx(rows):
    book = openpyxl.Workbook()
    for at, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            if value not in {None, ""}:
                cell = book.active.cell(at, column)
                cell.value = value
                if isinstance(value, str):
                    cell.data_type = "s"  # whatever it looks like
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def xls(rows):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Stok")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            if value not in {None, ""}:
                sheet.write(at, column, value)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def ods(rows):
    """As LibreOffice writes it, but for what does not matter here."""
    spaces = " ".join(
        f'xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{one}:1.0"'
        for one in ("office", "table", "text")
    )
    cells = "".join(f"<table:table-row>{''.join(map(ods_cell, row))}</table:table-row>" for row in rows)
    table = f'<office:spreadsheet><table:table table:name="Stok">{cells}</table:table></office:spreadsheet>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body>{table}</office:body></office:document-content>",
        )
    return file.getvalue()


def ods_cell(value):
    if value in {None, ""}:
        return "<table:table-cell/>"
    if isinstance(value, int):
        return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value:,}</text:p></table:table-cell>'
    text = re.sub(" +", lambda found: f'<text:s text:c="{len(found[0])}"/>', escape(value))
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


@pytest.mark.parametrize("write", [xlsx, xls, ods])
@settings(max_examples=15, deadline=None)
@given(tables, st.integers(0, 3), packings)
def test_workbooks(write, table, titles, packing):
    rows = [("Laporan Stok",)] * titles + [HEADERS]
    rows += [(place, "x", sku, quantity) for sku, place, quantity in table]
    assert read(*packing(write(rows), f"stok.{write.__name__}"), table) == table
