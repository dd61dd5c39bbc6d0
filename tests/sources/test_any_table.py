"""Any table that any program may write, in any form that is supported, reads back equal."""

import csv
import gzip
import io
import json
import tempfile
import zipfile

import openpyxl
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


@settings(max_examples=20, deadline=None)
@given(tables, st.integers(0, 3), st.booleans(), packings)
def test_workbooks(table, titles, split, packing):
    book = openpyxl.Workbook()
    sheet = book.active
    for _ in range(titles):
        sheet.append(("Laporan Stok",))
    sheet.append(HEADERS)
    for sku, place, quantity in table:
        sheet.append((None,) * 3 + (quantity,))
        for column, text in ((1, place), (2, "x"), (3, sku)):
            cell = sheet.cell(sheet.max_row, column)
            cell.value, cell.data_type = text, "s"  # whatever it looks like
    if split:
        book.create_sheet("Harga").append(("Kode Barang", "Harga"))
    file = io.BytesIO()
    book.save(file)
    assert read(*packing(file.getvalue(), "stok.xlsx"), table) == table
