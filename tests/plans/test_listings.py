"""What SKUs are called on a channel, out of a file or a query."""

import contextlib
import csv
import io
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.plans import ListedRow, decode
from syncd.plans.listings import Listings, ListingTerms
from syncd.plans.problems import Problems
from syncd.plans.queries import TableQuery
from syncd.plans.tables import TableFile

TOKO = ListingTerms("toko", ("sku", "product_id"), ("1610", "1611"), 50)
TOCO = ListingTerms("toco", ("sku", "id", "externalId"), ("",))
NUMBERED = ListingTerms("numbered", ("product_id",), ("",))


def read_text(text, terms=TOKO):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toko.csv"
        path.write_text(text, encoding="utf-8")
        problems = Problems()
        return list(Listings(TableFile(path, "toko.csv"), terms).rows(problems)), problems


def query(path, text, terms=TOKO):
    problems = Problems()
    return list(Listings(TableQuery(path, text, "erp.db"), terms).rows(problems)), problems


@pytest.fixture
def erp(tmp_path):
    path = tmp_path / "erp.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE article (code, number, place)")
        connection.executemany(
            "INSERT INTO article VALUES (?, ?, ?)", [("A", 12, None), ("B", "13", "1610"), ("C", None, None)]
        )
    return path


def test_a_listing_is_called_by_what_its_row_fills():
    rows, problems = read_text(
        "sku,warehouse,product_id,marketplace_sku\nA,,12,\nB,1610,,B-toko\nC,,,\nA,,13,\n"
    )

    assert problems.kept == []
    assert rows == [
        ListedRow("A", "", " product_id 12", "toko.csv line 2"),
        ListedRow("B", "1610", "B-toko", "toko.csv line 3"),
        ListedRow("C", "", "C", "toko.csv line 4"),
        ListedRow("A", "", " product_id 13", "toko.csv line 5"),
    ]


def test_each_kind_of_the_marketplace_has_its_column():
    rows, _ = read_text("sku,id,external_id\nA,9f-1,\nB,,x 1\n", TOCO)

    assert [decode(row.identifier) for row in rows] == [("id", "9f-1"), ("externalId", "x 1")]


@pytest.mark.parametrize(
    ("text", "terms", "problem"),
    [
        (
            "sku,product_id\nA,12x",
            TOKO,
            'product_id: must be digits only, at most 19, the first not 0, not "12x"',
        ),
        ("sku,product_id\nA,012", TOKO, "product_id: must be digits only"),
        ("sku,product_id\nA,1.2E+12", TOKO, "product_id: must be digits only"),
        ("sku,product_id\nA,12345678901234567890", TOKO, "product_id: must be digits only"),
        (
            "sku,product_id,marketplace_sku\nA,1,B",
            TOKO,
            "marketplace_sku: is filled, and product_id too: a row has one",
        ),
        ("sku,product_id\n,1", TOKO, "sku: is blank: name the SKU that this row is about"),
        ("sku,warehouse\nA,9", TOKO, 'warehouse: "9" is no warehouse of channel "toko"'),
        ("sku,warehouse\nA,9", TOCO, 'warehouse: channel "toco" is one stock for the whole shop'),
        ("sku,marketplace_sku\nA," + "B" * 51, TOKO, "marketplace_sku: longer than 50 characters"),
        ("sku,id\nA," + "B" * 201, TOCO, "id: longer than 200 characters"),
        ("sku,id\nA,B\u0007C", TOCO, "id: an invisible character inside (U+0007)"),
        ("sku,product_id\nA,", NUMBERED, "sku: needs one of product_id: this marketplace takes no SKU"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_column(text, terms, problem):
    rows, problems = read_text(text, terms)

    assert rows == []
    [told] = problems.kept
    assert told.startswith(f"toko.csv line 2: {problem}")


def test_a_column_of_another_marketplace_is_unknown():
    assert 'unknown column "external_id"' in read_text("sku,external_id\nA,1\n")[1].kept[0]
    assert 'unknown column "marketplace_sku"' in read_text("sku,marketplace_sku\nA,1\n", NUMBERED)[1].kept[0]


def test_a_query_gives_rows_as_a_file_does(erp):
    rows, problems = query(erp, "SELECT code AS sku, number AS product_id, place AS warehouse FROM article")

    assert problems.kept == []
    assert rows == [
        ListedRow("A", "", " product_id 12", "erp.db row 1"),
        ListedRow("B", "1610", " product_id 13", "erp.db row 2"),
        ListedRow("C", "", "C", "erp.db row 3"),
    ]


@pytest.mark.parametrize(
    ("text", "problem", "passing"),
    [
        (
            "SELECT code AS sku, 1.5 AS product_id FROM article LIMIT 1",
            "row 1: product_id: neither text",
            False,
        ),
        (
            "SELECT code AS sku, x'00' AS product_id FROM article LIMIT 1",
            "row 1: product_id: neither text",
            False,
        ),
        ("SELECT code AS sku, number FROM article", ': unknown column "number"', False),
        ("SELECT number AS product_id FROM article", ': no column is called "sku"', False),
        ("SELECT code FROM nothing", ": The database", True),
        ("DELETE FROM article", ": The database", True),
    ],
)
def test_what_a_query_cannot_give_is_told(erp, text, problem, passing):
    rows, problems = query(erp, text)

    assert rows == []
    assert problem in problems.kept[0]
    assert problems.kept[0].startswith("erp.db")
    assert problems.passing is passing


def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path):
    _, problems = query(tmp_path / "gone.db", "SELECT 1 AS sku")

    assert "cannot be found" in problems.kept[0]
    assert problems.passing
    assert list(tmp_path.iterdir()) == []


cells = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    st.sampled_from(["", "A", "1610", "12", "0", "1E+5", "7.0", "\u200bA", "9" * 19]),
)


@given(st.lists(st.tuples(*[cells] * 4), max_size=5))
def test_any_text_in_any_cell_gives_a_row_or_a_problem_with_its_line(table):
    written = io.StringIO()
    names = "sku warehouse product_id marketplace_sku"
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([names.split(), *table])

    rows, problems = read_text(written.getvalue())

    assert read_text(written.getvalue())[0] == rows
    for row in rows:
        kind, value = decode(row.identifier)
        assert row.sku == row.sku.strip()
        assert row.sku
        assert kind in {"sku", "product_id"}
        assert value
        assert row.warehouse in {"", "1610", "1611"}
    for problem in problems.kept:
        assert problem.startswith("toko.csv")
        assert problem.isprintable()


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=5),
    st.text(max_size=5),
).filter(lambda value: not isinstance(value, str) or value.isprintable())


@given(st.lists(st.tuples(values, values), max_size=5))
def test_any_value_of_a_database_gives_a_row_or_a_problem(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "erp.db"
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE article (sku, product_id)")
            connection.executemany("INSERT INTO article VALUES (?, ?)", table)
        rows, problems = query(path, "SELECT * FROM article")
    for row in rows:
        assert row.sku
        assert row.origin.startswith("erp.db row ")
    for problem in problems.kept:
        assert problem.startswith("erp.db row ")
        assert problem.isprintable()
