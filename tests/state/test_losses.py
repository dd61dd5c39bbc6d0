"""What the guards ask of the last hour is answered by index, however much exists."""

import re
import sqlite3

import pytest

from state.database import Database
from state.import_details import effect_of, import_detail
from state.imports import Imports
from state.losses import forget_future, lost_since, move_losses
from state.records import ImportState
from state.registry import Registry
from state.staging import Duplicates, Staging, StockChange
from state.stock import StockBook
from state.tables import Import
from tests.state.test_ledger import plan_of, traced

HOUR = 3_600_000
NOW = 100 * HOUR
OF_TABLES_THAT_GROW = ("SELECT", "UPDATE stock", "UPDATE import")


class Books:
    """A source whose stock levels were lost and came back in many imports, a minute apart."""

    def __init__(self, database: Database):
        self.database = database
        self.source = Registry(database).register_sources(["erp"])["erp"]
        self.imports = Imports(database)
        self.book = StockBook(database, {})

    def say(self, at: int, *, missed: int = 0, **quantities: int) -> int:
        self.book.apply(
            1, self.source, [StockChange(sku, "", quantity, 1, missed) for sku, quantity in quantities.items()], at
        )  # fmt: skip
        entry = Import(
            source_id=self.source, name="a", contents="snapshot", state=ImportState.APPLIED, at=at, data_at=at,
            units_after=at // 1000,
        )  # fmt: skip
        return self.imports.record(entry)

    def earlier(self, since: int):
        with sqlite3.connect(self.database.path) as connection:
            return lost_since(connection, self.source, since)


@pytest.fixture
def books(database):
    return Books(database)


@pytest.fixture
def full(books):
    """Ten minutes apart, 40 stock levels went to zero and 40 went missing; once within the last hour."""
    books.say(NOW - 3 * HOUR, **{f"{kind}{number}": 5 for kind in "SM" for number in range(300)})
    for step in range(7):
        at = NOW - HOUR - 3_000_000 + step * 600_000
        lost = range(step * 40, step * 40 + 40)
        books.say(at, **{f"S{number}": 0 for number in lost})
        books.say(at, missed=1, **{f"M{number}": 5 for number in lost})
    return books


def looks(steps: list[str]) -> list[str]:
    """The steps that look into a table that grows."""
    return [
        step
        for step in steps
        if step.split()[1].removeprefix("main.") in {"stock", "import", "import_change", "i"}
    ]


@pytest.mark.parametrize("analysed", [False, True])
def test_the_last_hour_is_found_by_index(full, analysed):
    if analysed:
        with full.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    asked = []
    with sqlite3.connect(full.database.path) as connection:
        connection.set_trace_callback(asked.append)
        earlier = lost_since(connection, full.source, NOW - HOUR)
        connection.set_trace_callback(None)
        plans = [[row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in asked]

    assert (earlier.zeroed, earlier.missing) == (40, 40)
    assert len(asked) == 5, "not one for each stock level"
    used = [look for steps in plans for look in looks(steps)]
    assert [look.split(" (")[0].split()[-1] for look in used] == [
        "import_applied", "import_applied", "stock_zeroed", "stock_missing", "import_applied",
    ]  # fmt: skip
    assert all(look.startswith("SEARCH") for look in used), used
    assert not [step for steps in plans for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("analysed", [False, True])
def test_nothing_that_keeps_the_last_hour_true_scans_or_asks_for_each_sku(full, analysed):
    if analysed:
        with full.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")

    def keep() -> None:
        list(move_losses(full.database, full.source, before=NOW, by=60_000, window=HOUR))
        list(forget_future(full.database, full.source, NOW, HOUR))

    statements = traced(full.database, keep)

    assert len(statements) < 40
    for sql, parameters in statements:
        if sql.startswith(OF_TABLES_THAT_GROW):
            named = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
            used = looks(plan_of(full.database, sql, named or parameters))
            assert all(look.startswith("SEARCH") or "INDEX stock_" in look for look in used), (sql, used)


def test_what_an_import_does_is_found_by_its_id(full):
    def show() -> None:
        with full.database.read() as connection:
            import_detail(connection, 7)
            effect_of(connection, 7)

    for sql, parameters in traced(full.database, show):
        used = looks(plan_of(full.database, sql, parameters))
        assert all(look.startswith("SEARCH") for look in used), (sql, used)


def test_a_comparison_asks_as_often_for_many_skus_as_for_few(full):
    def statements(count: int) -> int:
        asked: list[str] = []
        with Staging(full.database.path, full.source, Duplicates.REJECT) as staging:
            staging._connection.set_trace_callback(asked.append)
            staging.load((f"S{number}", "", 0, number + 2) for number in range(count))
            loaded = len(asked)
            found = staging.compare(whole=True, zero_missing=True, sure=True, since=NOW - HOUR)
            staging.decreases(found, to_zero=True)
            staging.largest()
            staging._connection.set_trace_callback(None)
        return len(asked) - loaded

    assert statements(10) == statements(250)


def test_lost_is_what_went_and_did_not_come_back(books):
    books.say(1_000, A=5, B=5, C=5, D=0)
    books.say(2_000, A=0, B=0, C=4)
    books.say(3_000, missed=1, C=4)
    assert books.earlier(1_999) == books.earlier(0).__class__(zeroed=2, missing=1, units=1, last_units=3)
    assert (books.earlier(2_000).zeroed, books.earlier(2_000).units) == (0, 2)

    books.say(4_000, A=1, C=4)

    assert (books.earlier(0).zeroed, books.earlier(0).missing) == (1, 0)


def test_what_stays_at_zero_or_missing_is_lost_only_once(books):
    books.say(1_000, A=5, B=5)
    books.say(2_000, A=0)
    books.say(2_000, missed=1, B=5)
    books.say(9_000, A=0)
    books.say(9_000, missed=2, B=5)

    assert (books.earlier(5_000).zeroed, books.earlier(5_000).missing) == (0, 0)


def test_what_another_source_lost_does_not_count(books):
    books.say(1_000, A=5)
    books.say(2_000, A=0)
    other = Registry(books.database).register_sources(["erp", "pos"])["pos"]
    with sqlite3.connect(books.database.path) as connection:
        assert lost_since(connection, other, 0).zeroed == 0
        assert lost_since(connection, other, 0).units is None
