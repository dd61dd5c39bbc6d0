"""Stock of a source lies where it is configured to, whatever was configured before."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.database import Database
from state.registry import SLICE_ROWS, Registry
from state.relocation import relocate
from state.staging import Duplicates, Staging, StockChange
from state.stock import StockBook

PLACES = (None, "JKT", "BDG")


class Book:
    def __init__(self, path):
        self.path = path
        self.database = Database(path)
        self.registry = Registry(self.database)
        self.ids = self.registry.register_sources(["erp", "pos"])
        self.channel = self.registry.register_channel("shop", "acc", 1).channel_id
        self.stock = StockBook(self.database, {})

    def say(self, levels, source="erp", missed=0):
        changes = [StockChange(sku, place, units, 1, missed) for (sku, place), units in levels.items()]
        self.stock.apply(1, self.ids[source], changes, 1)

    def locate(self, location, source="erp"):
        moved = forgotten = 0
        for one in relocate(self.database, self.ids[source], location):
            moved, forgotten = moved + one.moved, forgotten + one.forgotten
        return moved, forgotten

    def levels(self, source="erp"):
        with self.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT sku, location, quantity FROM stock WHERE source_id = ?", (self.ids[source],)
            ).fetchall()
        return {(sku, place): units for sku, place, units in rows}

    def one(self, sql):
        with self.database.read() as connection:
            return connection.exec_driver_sql(sql).scalar_one()

    def planned(self, planned=None):
        with self.database.write() as connection:
            if planned is not None:
                connection.exec_driver_sql("UPDATE channel SET planned = ?", (planned,))
        return self.one("SELECT min(planned) FROM channel")


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path / "state.db")
    yield book
    book.database.close()


def test_what_lay_in_one_place_moves_and_every_channel_is_planned_anew(book):
    book.say({("A", ""): 5, ("B", ""): 0})
    book.planned(1)

    assert book.locate("JKT") == (2, 0)
    assert book.levels() == {("A", "JKT"): 5, ("B", "JKT"): 0}
    assert book.planned() == 0


def test_another_location_moves_it_again_and_a_missing_level_stays_missing(book):
    book.locate("JKT")
    book.say({("A", "JKT"): 5}, missed=1)

    assert book.locate("BDG") == (1, 0)
    assert book.levels() == {("A", "BDG"): 5}
    assert book.one("SELECT missed FROM stock") == 1


def test_what_its_rows_said_of_other_locations_is_forgotten_and_another_source_may_say_it(book):
    book.say({("A", "JKT"): 5, ("A", "BDG"): 7, ("B", ""): 1})

    assert book.locate("JKT") == (1, 1)
    assert book.levels() == {("A", "JKT"): 5, ("B", "JKT"): 1}
    with Staging(book.path, book.ids["pos"], Duplicates.REJECT) as staging:
        staging.load([("A", "BDG", 9, 1), ("A", "JKT", 9, 2)])
        assert [(row.location, row.claim) for row in staging.drop_claimed()] == [("JKT", "erp")]


def test_without_a_location_again_nobody_knows_where_it_lies_and_the_same_file_is_read_anew(book):
    book.locate("JKT")
    book.say({("A", "JKT"): 5})
    with book.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO import(source_id, name, contents, state, at, data_at, sha256, format, rows, changed,"
            " bad, blank, negative, missing, zeroed, units_after, reason, claimed)"
            " VALUES (?, 'a.csv', 'snapshot', 'applied', 1, 1, 'x', '', 1, 1, 0, 0, 0, 0, 0, 5, '', '')",
            (book.ids["erp"],),
        )

    assert book.locate(None) == (0, 1)
    assert book.levels() == {}
    assert book.one("SELECT state FROM import") == "superseded"


def test_what_another_source_says_of_the_new_place_stands(book):
    book.say({("A", "JKT"): 9}, source="pos")
    book.say({("A", ""): 5, ("B", ""): 3})

    assert book.locate("JKT") == (1, 1)
    assert book.levels("pos") == {("A", "JKT"): 9}
    assert book.levels() == {("B", "JKT"): 3}


def test_where_nothing_is_different_nothing_is_looked_through_nor_planned_anew(book):
    book.locate("JKT")
    book.say({("A", "JKT"): 5})
    book.planned(1)

    with closing(sqlite3.connect(book.path)) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        assert book.locate("JKT") == (0, 0)
        assert book.locate(None, source="pos") == (0, 0)
        assert other.execute("PRAGMA data_version").fetchone() == before, "nothing is written"
    assert book.planned() == 1


def test_more_than_a_slice_moves_in_slices(book):
    book.say({(f"SKU-{number:05}", ""): 1 for number in range(SLICE_ROWS + 1)})
    slices = list(relocate(book.database, book.ids["erp"], "JKT"))

    assert [one.moved for one in slices] == [SLICE_ROWS, 1]
    assert {place for _, place in book.levels()} == {"JKT"}


def test_what_a_crash_left_in_the_middle_is_gone_on_from_or_back(book):
    book.locate("JKT")
    levels = SLICE_ROWS + 1
    book.say({(f"SKU-{number:05}", "JKT"): 1 for number in range(levels)})
    for after in ("BDG", "JKT", "SBY", None):
        cut_off = relocate(book.database, book.ids["erp"], "BDG")
        next(cut_off, None)
        cut_off.close()
        book.locate(after)
        assert [place for _, place in book.levels()] == [after] * (levels if after else 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.booleans()), min_size=1, max_size=6))
def test_whatever_was_configured_and_wherever_it_was_cut_off_no_stock_counts_twice(tmp_path_factory, turns):
    """The source speaks of 5 units of A in all, wherever it is configured to lie."""
    book = Book(tmp_path_factory.mktemp("relocated") / "state.db")
    try:
        for location, is_cut_off in turns:
            slices = relocate(book.database, book.ids["erp"], location)
            if is_cut_off:
                next(slices, None)
                slices.close()
                continue
            for _ in slices:
                pass
            book.say({("A", location or ""): 5})
            assert book.levels() == {("A", location or ""): 5}
    finally:
        book.database.close()
