"""All of a source lies at one location, whatever format it comes in."""

import json
import sqlite3
from contextlib import closing

import pytest
import xlsxwriter
from known_skus import Known

from syncd.sources.database import DatabaseSource
from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rows import ReadReport

WITHOUT = (("A", 1), ("B", ""), ("C", 1))
WITH = (("A", 1, "JKT"), ("B", 2, ""), ("C", 3, "BDG"), ("D", 4, "jkt"), ("E", 5, " JKT "), ("F", 6, "JKT"))
SAID = 'the row says location "{}", and this source is set to location "JKT"'


def _csv(rows, _):
    header = ("sku", "quantity", "location")[: len(rows[0])]
    lines = [header, *rows]
    return "stock.csv", "".join(",".join(map(str, line)) + "\n" for line in lines).encode()


def _json(rows, _):
    keys = ("sku", "quantity", "location")
    return "stock.json", json.dumps([dict(zip(keys, row, strict=False)) for row in rows]).encode()


def _xlsx(rows, folder):
    with xlsxwriter.Workbook(folder / "stock.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("sku", "quantity", "location")[: len(rows[0])], *rows]):
            sheet.write_row(number, 0, row)
    return "stock.xlsx", (folder / "stock.xlsx").read_bytes()


def _read_file(make):
    def read(rows, folder, location):
        name, data = make(rows, folder)
        (folder / name).write_bytes(data)
        report = ReadReport()
        with (folder / name).open("rb") as file:
            return list(read_file(file, name, FileTerms(location=location), Known(), report)), report

    return read


def _read_database(rows, folder, location):
    path = folder / "pos.db"
    columns = ("sku", "quantity", "location")[: len(rows[0])]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE stock({', '.join(columns)})")
        places = ", ".join("nullif(?, '')" for _ in columns)
        connection.executemany(f"INSERT INTO stock VALUES ({places})", rows)
    report = ReadReport()
    query = f"SELECT {', '.join(columns)} FROM stock"
    with closing(DatabaseSource(path, query, location=location)) as source:
        return list(source.rows(Known(), report)), report


READERS = [_read_file(_csv), _read_file(_json), _read_file(_xlsx), _read_database]
each_reader = pytest.mark.parametrize("read", READERS, ids=["csv", "json", "xlsx", "sqlite"])


@each_reader
def test_what_names_no_location_lies_there(read, tmp_path):
    rows, report = read(WITHOUT, tmp_path, "JKT")

    assert [row[:3] for row in rows] == [("A", "JKT", 1), ("B", "JKT", None), ("C", "JKT", 1)]
    assert report.bad == 0
    assert report.format.endswith("; location JKT")


@each_reader
def test_a_row_with_the_same_location_or_none_is_fine_and_one_with_another_is_bad(read, tmp_path):
    rows, report = read(WITH, tmp_path, "JKT")

    assert [row[:3] for row in rows] == [
        ("A", "JKT", 1), ("B", "JKT", 2), ("E", "JKT", 5), ("F", "JKT", 6),
    ]  # fmt: skip
    assert [(row.column, row.value, row.reason) for row in report.bad_rows] == [
        ("location", "BDG", SAID.format("BDG")),
        ("location", "jkt", SAID.format("jkt")),
    ]
    assert report.unidentified == 2, "what seems to be missing may be one of them"


@each_reader
def test_without_one_stock_lies_where_its_rows_say(read, tmp_path):
    rows, report = read(WITH[:3], tmp_path, "")

    assert [row[:3] for row in rows] == [("A", "JKT", 1), ("B", "", 2), ("C", "BDG", 3)]
    assert "; location " not in report.format
