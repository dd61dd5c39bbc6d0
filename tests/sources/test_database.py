import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_skus import Known
from rights import as_nobody

from syncd.sources.database import DatabaseSource
from syncd.sources.rows import BadRow, ReadReport, SourceUnreachable, SourceUnreadable

QUERY = "SELECT sku, location, quantity FROM stock"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "pos data?#%.db"
    with writing(path) as connection:
        connection.execute("CREATE TABLE stock (sku, location, quantity)")
    return path


@contextlib.contextmanager
def writing(path):
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


@contextlib.contextmanager
def source(path, query=QUERY, **options):
    with contextlib.closing(DatabaseSource(path, query, **options)) as opened:
        yield opened


def insert(path, *rows):
    with writing(path) as connection:
        connection.executemany("INSERT INTO stock VALUES (?, ?, ?)", rows)


def read(path, query=QUERY, *, known=(), **options):
    report = ReadReport()
    with source(path, query, **options) as opened:
        return list(opened.rows(Known(known), report)), report


def refusal(path, query=QUERY, **options):
    with pytest.raises(SourceUnreadable) as caught:
        read(path, query, **options)
    return str(caught.value)


names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(st.lists(st.tuples(names, names, st.integers(0, 2**31 - 1)), max_size=20))
def test_a_table_reads_back_equal(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pos.db"
        with writing(path) as connection:
            connection.execute("CREATE TABLE stock (sku, location, quantity)")
        insert(path, *rows)
        got, report = read(path)
    assert got == [(*row, line) for line, row in enumerate(rows, 1)]
    assert (report.rows, report.bad) == (len(rows), 0)
    assert report.format == "SQLite; columns sku, quantity, location"


@pytest.mark.parametrize(
    ("value", "quantity"), [(5, 5), (5.0, 5), (4.9999999, 5), (4.5, 4), ("12", 12), (" 12.0 ", 12), (True, 1)]
)
def test_quantities_of_every_numeric_kind_are_read(path, value, quantity):
    insert(path, ("A", "", value))
    assert read(path)[0] == [("A", "", quantity, 1)]


@pytest.mark.parametrize("value", [None, "", " "])
def test_null_is_no_opinion_and_not_zero(path, value):
    insert(path, ("A", "JKT", value))
    rows, report = read(path)
    assert rows == [("A", "JKT", None, 1)]
    assert (report.blank, report.bad, report.rows) == (1, 0, 1)


@pytest.mark.parametrize("value", ["habis", "1,5", b"5", float("inf"), 2**31, 1e300, "NaN"])
def test_a_bad_quantity_costs_only_its_row_and_names_its_sku(path, value):
    insert(path, ("A", "", value), ("B", "", 2))
    rows, report = read(path)
    assert rows == [("A", "", None, 1), ("B", "", 2, 2)]
    assert (report.bad, report.unidentified, report.rows) == (1, 0, 2)


@pytest.mark.parametrize("sku", [1.5, b"A", "A\nB", "A\0B", "x" * 201, None, ""])
def test_a_bad_sku_costs_only_its_row(path, sku):
    insert(path, (sku, "", 1), ("B", "", 2))
    rows, report = read(path)
    assert rows == [("B", "", 2, 2)]
    assert (report.bad, report.unidentified) == (1, 1)


def test_text_that_is_not_utf8_costs_only_its_row(path):
    with writing(path) as connection:
        connection.execute("INSERT INTO stock VALUES (CAST(x'41e9' AS TEXT), '', 1)")
    insert(path, ("B", "", 2))
    rows, report = read(path)
    assert rows == [("B", "", 2, 2)]
    assert report.bad_rows == [BadRow(1, "sku", "A\\udce9", "an invisible character inside (U+DCE9)")]


def test_a_whole_number_is_a_sku_as_it_stands(path):
    insert(path, (123456789012345678, 7, 1))
    assert read(path)[0] == [("123456789012345678", "7", 1, 1)]


def test_less_than_nothing_is_none_and_counted(path):
    insert(path, ("A", "", -3), ("B", "", -0.5))
    rows, report = read(path)
    assert [row[2] for row in rows] == [0, 0]
    assert report.negative == 2


def test_columns_go_by_name_whatever_their_case_and_order(path):
    insert(path, ("A", "JKT", 1))
    assert read(path, "SELECT 9 AS price, quantity AS QTY, quantity, sku AS SKU FROM stock")[0] == [
        ("A", "", 1, 1)
    ]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT sku, quantity AS qty FROM stock",
        "SELECT sku AS quantity FROM stock",
        "SELECT sku, sku, quantity FROM stock",
    ],
)
def test_columns_that_do_not_fit_are_named(path, query):
    message = refusal(path, query)
    assert "columns named sku and quantity" in message
    assert "it gives" in message


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM stock",
        "INSERT INTO stock VALUES (1, 2, 3) RETURNING *",
        "WITH gone AS (SELECT 1) DELETE FROM stock RETURNING sku, quantity",
        "CREATE TABLE x (y)",
        "DROP TABLE stock",
        "UPDATE sqlite_master SET sql = ''",
        "CREATE TEMP TABLE x AS SELECT sku, quantity FROM stock",
        "ATTACH 'FOLDER/other.db' AS other",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA query_only = OFF",
        "VACUUM INTO 'FOLDER/copy.db'",
        "BEGIN",
        "SELECT sku, quantity FROM stock; DELETE FROM stock",
        "",
        "nonsense",
    ],
)
def test_nothing_but_one_reading_statement_is_let_through(path, query):
    insert(path, ("A", "", 1))
    assert refusal(path, query.replace("FOLDER", str(path.parent)))
    assert read(path)[0] == [("A", "", 1, 1)]
    assert list(path.parent.iterdir()) == [path]


def test_what_a_query_may_need_is_let_through(path):
    insert(path, ("A", "JKT", '{"n": 3}'), ("B", "JKT", '{"n": 4}'))
    query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2) "
        "SELECT upper(sku) AS sku, sum(value) AS quantity FROM stock, json_each(stock.quantity), n GROUP BY 1"
    )
    assert read(path, query)[0] == [("A", "", 6, 1), ("B", "", 8, 2)]


def test_a_missing_database_is_unreachable_and_never_made(tmp_path):
    message = refusal(tmp_path / "pos.db")
    assert "never created" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "pipe", "text", "damaged"])
def test_what_is_not_a_database_is_refused_and_named(path, kind):
    insert(path, *(("A" * 50, "", n) for n in range(1000)))
    data = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "text":
        path.write_bytes(b"sku,quantity\n" * 500)
    else:
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    assert path.name in refusal(path)


def test_a_missing_table_points_at_the_query(path):
    message = refusal(path, "SELECT sku, quantity FROM stok")
    assert "no such table: stok" in message
    assert "Check `query`" in message


def test_a_locked_database_is_unreachable_and_readable_afterwards(path):
    insert(path, ("A", "", 1))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in refusal(path, busy_seconds=0.01)
    assert read(path)[0]


def test_a_query_that_runs_too_long_is_ended(path):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) AS sku, 1 AS quantity FROM n"
    assert "longer than 5 s" in refusal(path, endless, query_seconds=5, clock=itertools.count().__next__)


def test_the_time_of_all_parts_of_a_query_counts(path):
    insert(path, *((f"A{n}", "", n) for n in range(20_000)))
    assert "longer than 20 s" in refusal(path, query_seconds=20, clock=itertools.count().__next__)


def test_time_that_rows_wait_to_be_taken_does_not_count(path):
    insert(path, *((f"A{n}", "", n) for n in range(5000)))
    now = 0.0
    with source(path, query_seconds=5, clock=lambda: now) as opened:
        for _ in opened.rows(Known(), ReadReport()):
            now += 1.0


def test_rows_are_one_snapshot_whatever_is_written_meanwhile(path):
    with writing(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    insert(path, *((f"A{n}", "", 1) for n in range(5000)))
    with source(path) as opened:
        rows = opened.rows(Known(), ReadReport())
        first = next(rows)
        with writing(path) as connection:
            connection.execute("UPDATE stock SET quantity = 2")
        assert {row[2] for row in (first, *rows)} == {1}
        assert opened.changed()
        assert {row[2] for row in opened.rows(Known(), ReadReport())} == {2}
        assert not opened.changed()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_changed_tells_commits_of_others_and_nothing_else(path, mode):
    with writing(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    with source(path) as opened:
        assert opened.changed()
        list(opened.rows(Known(), ReadReport()))
        assert not opened.changed()
        insert(path, ("A", "", 1))
        assert opened.changed()
        assert opened.changed()
        list(opened.rows(Known(), ReadReport()))
        assert not opened.changed()
        opened.forget()
        assert opened.changed()


def test_a_reading_that_did_not_come_to_its_end_leaves_the_source_changed(path):
    insert(path, ("A", "", 1), ("B", "", 1))
    with source(path) as opened:
        list(opened.rows(Known(), ReadReport()))
        rows = opened.rows(Known(), ReadReport())
        next(rows)
        rows.close()
        assert opened.changed()


def test_a_database_that_is_replaced_or_removed_is_noticed(path, tmp_path):
    insert(path, ("A", "", 1))
    with source(path) as opened:
        list(opened.rows(Known(), ReadReport()))
        other = tmp_path / "other.db"
        shutil.copy(path, other)
        insert(other, ("B", "", 2))
        other.replace(path)
        assert opened.changed()
        assert len(list(opened.rows(Known(), ReadReport()))) == 2
        path.unlink()
        assert opened.changed()
        with pytest.raises(SourceUnreachable):
            list(opened.rows(Known(), ReadReport()))


def test_what_another_program_left_half_written_is_not_mended_but_named(path, tmp_path):
    insert(path, *((f"A{n}", "", 1) for n in range(5000)))
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA cache_size = 1")
        other.execute("UPDATE stock SET quantity = 2")
        for suffix in ("", "-journal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    before = copy.read_bytes()
    assert "in the middle of writing" in refusal(copy)
    assert copy.read_bytes() == before


@pytest.fixture
def open_path():
    """A database that somebody else may reach: the folders of pytest are private."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-db-"))
    path = folder / "pos.db"
    with writing(path) as connection:
        connection.execute("CREATE TABLE stock (sku, location, quantity)")
        connection.execute("INSERT INTO stock VALUES ('A', '', 1)")
    path.chmod(0o644)
    folder.chmod(0o555)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(folder.chmod, 0o755)
        yield path


def test_a_database_that_may_only_be_read_is_read(open_path):
    with as_nobody():
        assert read(open_path)[0] == [("A", "", 1, 1)]


def test_a_database_that_may_not_be_read_says_whose_right_is_missing(open_path):
    open_path.chmod(0)
    with as_nobody():
        assert "right to read" in refusal(open_path)


def test_a_wal_database_in_a_folder_that_may_not_be_written_names_the_remedy(open_path):
    open_path.parent.chmod(0o755)
    with writing(open_path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    open_path.parent.chmod(0o555)
    with as_nobody():
        assert "ReadWritePaths=" in refusal(open_path)


def test_a_sku_that_a_spreadsheet_mangled_is_a_bad_row_unless_it_is_known(path):
    insert(path, ("1.23E+12", "JKT", 1), ("7.0", "JKT", 2))
    rows, report = read(path)
    assert (rows, report.bad, report.unidentified) == ([], 2, 2)
    rows, report = read(path, known=["7.0", "1230000000001"])
    assert [row[:3] for row in rows] == [("7.0", "JKT", 2)]
    assert '"1230000000001"' in report.bad_rows[0].reason
