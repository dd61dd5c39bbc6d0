"""What is old goes, what is open or in use stays; room is given back; nothing takes long at a time."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from state import dialect, housekeeping
from state.database import Database
from state.housekeeping import (
    forget_imports,
    forget_past_levels,
    forget_pushes,
    give_back,
    kept_at,
    note_kept,
    optimize,
    space_of,
)
from state.imports import Imports
from state.records import After, PushEnd, Refusal, Settlement
from state.staging import StockChange
from state.tables import Import
from tests.state.test_ledger import Shop

SKUS = "ABC"


@pytest.fixture
def shop(database):
    return Shop(database)


def column(database: Database, sql: str) -> list:
    with database.read() as connection:
        return list(connection.exec_driver_sql(sql).scalars())


class Life:
    """A shop in which anything may have happened before the house is kept."""

    def __init__(self, database: Database):
        self.shop = Shop(database)
        self.now = 0
        self.open: list = []

    def do(self, what: str, sku: str, quantity: int) -> None:
        self.now += 10
        shop = self.shop
        if what == "stock":
            entry = Import(
                source_id=shop.source, name="f", contents="changes", state="applied", at=self.now, data_at=self.now
            )  # fmt: skip
            number = Imports(shop.database).record(entry)
            shop.book.apply(number, shop.source, [StockChange(sku, "", quantity, 1, 0)], self.now)
        elif what == "begin":
            push = shop.ledger.begin_push(shop.channel, [""], lambda due: due[:2], now=self.now, limit=9)
            self.open += [] if push is None else [push]
        elif self.open:
            push = self.open.pop(0)
            shop.ledger.settle(
                push,
                [self.settlement(attempt, what) for attempt in push.attempts],
                PushEnd(),
                now=self.now,
                settling=30,
                asynchronous=False,
            )

    @staticmethod
    def settlement(attempt, what: str) -> Settlement:
        if what == "accept":
            return Settlement(attempt, After.CONFIRMED, "accepted")
        if what == "reject":
            return Settlement(
                attempt, After.UNTOUCHED, "rejected", "q", "E", "no", charged=True, refusal=Refusal.QUANTITY
            )
        return Settlement(attempt, After.UNCERTAIN, "unknown", "u", "", "lost", charged=True)


LIVES = some.lists(
    some.tuples(
        some.sampled_from(["stock", "stock", "begin", "accept", "reject", "lose"]),
        some.sampled_from(SKUS),
        some.integers(0, 4),
    ),
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(life=LIVES, age=some.integers(0, 500), most=some.integers(0, 30))
def test_pruning_never_takes_what_is_open_in_use_or_young(tmp_path_factory, life, age, most):
    database = Database(tmp_path_factory.mktemp("life") / "state.db")
    try:
        one = Life(database)
        for step in life:
            one.do(*step)
        before = one.now - age
        listings = column(database, "SELECT quote(sku) || quote(desired) || quote(attempt_id) FROM listing")
        newest = column(
            database,
            "SELECT max(a.id) FROM failure f JOIN attempt a USING (channel_id, sku, warehouse)"
            " GROUP BY f.channel_id, f.sku, f.warehouse",
        )
        attempts = column(database, "SELECT id FROM attempt ORDER BY id")
        young = column(
            database, f"SELECT a.id FROM attempt a JOIN push p ON p.id = a.push_id WHERE p.finished_at >= {before}"
        )  # fmt: skip
        young_past = column(database, f"SELECT id FROM past_level WHERE until >= {before} ORDER BY id")
        last_push = column(database, "SELECT max(id) FROM push")

        deleted = sum(forget_pushes(database, before, most))
        list(forget_past_levels(database, before, most))
        list(forget_imports(database, before))

        left = column(database, "SELECT id FROM attempt ORDER BY id")
        assert len(attempts) - len(left) == deleted
        in_flight = column(database, "SELECT attempt_id FROM listing WHERE attempt_id IS NOT NULL")
        assert set(in_flight) <= set(left)
        assert set(newest) <= set(left)
        newest_ids = [number for number in young if number > (attempts or [0])[-1] - most]
        assert set(newest_ids) <= set(left)
        assert column(database, "SELECT max(id) FROM push") == last_push
        assert (
            column(database, "SELECT quote(sku) || quote(desired) || quote(attempt_id) FROM listing")
            == listings
        )
        past = column(database, "SELECT id FROM past_level ORDER BY id")
        assert past == ([] if not most else young_past[-most:])
        orphans = (
            "SELECT count(*) FROM attempt WHERE push_id NOT IN (SELECT id FROM push)",
            "SELECT count(*) FROM stock WHERE import_id NOT IN (SELECT id FROM import)",
            "SELECT count(*) FROM past_level WHERE import_id NOT IN (SELECT id FROM import)",
        )
        assert [column(database, sql) for sql in orphans] == [[0], [0], [0]]
        while one.open:
            one.do("accept", "", 0)
        assert column(database, "SELECT count(*) FROM listing WHERE attempt_id IS NOT NULL") == [0]
    finally:
        database.close()


def push_many(shop: Shop, count: int, *, start: int = 10) -> int:
    """Push one SKU again and again; return when."""
    now = start
    for number in range(count):
        shop.stock(now, A=number + 1)
        shop.push(now + 1)
        now += 10
    return now


def test_what_is_too_many_goes_though_it_is_young(shop):
    push_many(shop, 30)

    assert sum(forget_pushes(shop.database, 0, 10)) == 20
    assert sum(forget_past_levels(shop.database, 0, 10)) == 19

    assert column(shop.database, "SELECT count(*) FROM attempt") == [10]
    assert column(shop.database, "SELECT min(id), max(id) FROM past_level") == [20]


def test_times_of_a_clock_that_stood_ahead_do_not_keep_what_is_old(shop):
    push_many(shop, 3, start=1_000_000)
    push_many(shop, 3, start=10)

    assert sum(forget_pushes(shop.database, 500, 1_000)) == 2
    assert sum(forget_past_levels(shop.database, 500, 1_000)) == 3


def test_a_failure_keeps_the_attempt_that_tells_why_and_only_that(shop):
    shop.stock(1, A=5, B=5)
    for now in (10, 20, 30):
        push = shop.begin(now)
        rows = [
            Settlement(attempt, After.UNCERTAIN, "unknown", charged=True)
            if attempt.sku == "A"
            else Settlement(attempt, After.CONFIRMED, "accepted")
            for attempt in push.attempts
        ]
        shop.ledger.settle(push, rows, PushEnd(), now=now, settling=1, asynchronous=False)
    shop.stock(90, C=1)
    shop.end(
        shop.ledger.begin_push(shop.channel, [""], lambda due: due, now=100, limit=9, skus=["C"]),
        100,
        After.CONFIRMED,
    )

    list(forget_pushes(shop.database, 99, 1_000))

    assert column(shop.database, "SELECT sku FROM attempt ORDER BY id") == ["A", "C"]
    assert column(shop.database, "SELECT finished_at FROM push ORDER BY id") == [30, 100]


def test_an_import_that_the_past_of_a_level_comes_from_stays(shop):
    for number in (1, 2, 3):
        Imports(shop.database).record(
            Import(id=number, source_id=shop.source, name="f", contents="snapshot", state="applied", at=number, data_at=1)
        )  # fmt: skip
    shop.book.apply(1, shop.source, [StockChange("A", "", 1, 1, 0)], 1)
    shop.book.apply(3, shop.source, [StockChange("A", "", 2, 1, 0)], 3)

    assert sum(forget_imports(shop.database, 1_000)) == 1
    assert column(shop.database, "SELECT id FROM import ORDER BY id") == [1, 3]

    list(forget_past_levels(shop.database, 1_000, 1_000))
    assert sum(forget_imports(shop.database, 1_000)) == 1
    assert column(shop.database, "SELECT id FROM import ORDER BY id") == [3]


def test_no_slice_deletes_many_rows(shop, monkeypatch):
    monkeypatch.setattr(housekeeping, "SLICE_DELETED", 20)
    push_many(shop, 100)
    slices = list(forget_pushes(shop.database, 10_000, 1_000))
    past = list(forget_past_levels(shop.database, 10_000, 1_000))

    assert (sum(slices), max(slices)) == (99, 20)
    assert (sum(past), max(past)) == (99, 40)


def fill(database: Database, rows: int) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE filling (text TEXT)")
        connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO filling SELECT printf('%0500d', i) FROM n",
            (rows,),
        )


def test_free_room_is_given_back_all_but_a_tenth_in_slices(database):
    fill(database, 20_000)
    full = space_of(database)
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE filling")

    given = list(give_back(database))
    database.truncate_wal()

    space = space_of(database)
    assert full.total > 10_000_000
    assert sum(given) == full.total - space.total
    assert max(given) <= 130 * 4096
    assert len(given) <= sum(given) / (128 * 4096) + 1, "one page at a time"
    assert space.free * 10 <= space.total < 1_500_000
    assert database.path.stat().st_size == space.total
    assert Path(f"{database.path}-wal").stat().st_size == 0


def test_the_journal_is_left_alone_while_a_reader_needs_it(database):
    with sqlite3.connect(database.path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM push").fetchone()
        fill(database, 1_000)

        assert database.truncate_wal() is False
        assert reader.execute("SELECT count(*) FROM sqlite_master WHERE name = 'filling'").fetchone() == (0,)
        reader.rollback()

    assert database.truncate_wal() is True
    assert Path(f"{database.path}-wal").stat().st_size == 0


def old_database(path: Path, rows: int) -> None:
    """A database as an earlier version made it: its room is never given back."""
    Database(path).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE filling AS SELECT printf('%0500d', 1) AS text")
    connection.executemany("INSERT INTO filling VALUES (?)", [(f"{number:0500}",) for number in range(rows)])
    connection.execute("PRAGMA auto_vacuum=NONE")
    connection.execute("VACUUM")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    connection.close()


def test_a_small_database_of_an_earlier_version_learns_to_give_room_back(tmp_path, monkeypatch):
    old_database(tmp_path / "state.db", 5_000)
    monkeypatch.setattr("state.database.REBUILT_BYTES", 1_000_000)
    large = Database(tmp_path / "state.db")
    assert column(large, "PRAGMA auto_vacuum") == [0]
    assert list(give_back(large)) == []
    large.close()

    monkeypatch.undo()
    small = Database(tmp_path / "state.db")
    assert column(small, "PRAGMA auto_vacuum") == [2]
    assert column(small, "SELECT count(*) FROM filling") == [5_001]
    small.close()


def test_a_new_database_gives_room_back(database):
    with database.write() as connection:
        assert dialect.gives_room_back(connection.connection.driver_connection)


def test_when_the_house_was_kept_is_remembered(database):
    assert kept_at(database) is None
    note_kept(database, 5)
    note_kept(database, 7)
    assert kept_at(database) == 7


def test_the_planner_learns_from_a_sample(shop):
    push_many(shop, 20)
    optimize(shop.database)
    assert column(shop.database, "PRAGMA analysis_limit") is not None


def plans_of(database: Database, work) -> list[str]:
    """The steps of every statement that `work` runs, but those that change something."""
    with database.write() as connection:
        driver = connection.connection.driver_connection
    asked: list[str] = []
    driver.set_trace_callback(asked.append)
    try:
        work()
    finally:
        driver.set_trace_callback(None)
    with sqlite3.connect(database.path) as connection:
        return [
            row[3]
            for sql in asked
            if sql.startswith("DELETE")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]


@pytest.mark.parametrize("analysed", [False, True])
def test_what_is_deleted_is_found_by_index(shop, analysed):
    push_many(shop, 30)
    if analysed:
        with shop.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")

    steps = plans_of(shop.database, lambda: list(forget_pushes(shop.database, 10_000, 10)))

    looks = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
    assert len(looks) >= 5
    assert [look for look in looks if look.startswith("SCAN")] == []
