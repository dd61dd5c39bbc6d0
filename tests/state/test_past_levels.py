"""What a stock level was is kept in the transaction that changes it; how long a change waited, in its attempt."""

import pytest

from state.records import After, PushEnd, Settlement
from state.registry import Registry
from state.staging import StockChange
from state.stock import StockBook
from tests.state.test_ledger import Shop


@pytest.fixture
def shop(database):
    return Shop(database)


def past(database) -> list[tuple]:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT sku, location, source_id, quantity, import_id, line, missed, until FROM past_level ORDER BY id"
        )
        return [tuple(row) for row in rows]


def test_the_first_import_leaves_no_past(shop):
    shop.stock(1, A=5, B=0)

    assert past(shop.database) == []


def test_a_change_keeps_what_was_with_where_it_came_from(shop):
    shop.book.apply(1, shop.source, [StockChange("A", "", 5, 12, 0)], 1)
    shop.book.apply(2, shop.source, [StockChange("A", "", 7, 40, 0)], 2)
    shop.book.apply(3, shop.source, [StockChange("A", "", 0, 41, 1)], 3)

    assert past(shop.database) == [
        ("A", "", shop.source, 5, 1, 12, 0, 2),
        ("A", "", shop.source, 7, 2, 40, 0, 3),
    ]


def test_what_stays_the_same_leaves_no_past(shop):
    shop.stock(1, A=5)
    shop.book.apply(2, shop.source, [StockChange("A", "", 5, 9, 1)], 2)

    assert past(shop.database) == []


def test_what_another_source_may_not_say_leaves_no_past(shop):
    sources = Registry(shop.database).register_sources(["erp", "pos"])
    shop.stock(1, A=5)
    shop.book.apply(2, sources["pos"], [StockChange("A", "", 9, 1, 0)], 2)
    assert past(shop.database) == []

    Registry(shop.database).register_sources(["pos"])
    shop.book.apply(3, sources["pos"], [StockChange("A", "", 9, 1, 0)], 3)

    assert past(shop.database) == [("A", "", shop.source, 5, 1, 1, 0, 3)]


def test_where_the_disk_is_nearly_full_it_is_not_kept(shop):
    shop.stock(1, A=5)
    shop.book.keep_past = False
    shop.stock(2, A=6)
    shop.book.keep_past = True
    shop.stock(3, A=7)

    assert [(row[3], row[7]) for row in past(shop.database)] == [(6, 3)]


def test_what_is_not_committed_leaves_no_past(shop):
    class Broken(StockBook):
        pass

    shop.stock(1, A=5)
    broken = Broken(shop.database, {shop.channel: None})  # type: ignore[dict-item]
    with pytest.raises(AttributeError):
        broken.apply(2, shop.source, [StockChange("A", "", 6, 1, 0)], 2)

    assert past(shop.database) == []


def settle(shop: Shop, push, now: int, after: After = After.CONFIRMED) -> list[int]:
    rows = [Settlement(attempt, after, "accepted") for attempt in push.attempts]
    return shop.ledger.settle(push, rows, PushEnd(), now=now, settling=1_000, asynchronous=False)


def waited(shop: Shop, push) -> tuple[int, int, int]:
    with shop.database.read() as connection:
        row = connection.exec_driver_sql(
            "SELECT waited_rows, waited_total, waited_most FROM push WHERE id = ?", (push.id,)
        ).one()
    return tuple(row)


def test_how_long_changes_waited_is_told_and_kept(shop):
    shop.stock(100, A=5)
    shop.stock(250, B=5)
    push = shop.begin(300)

    assert sorted(settle(shop, push, 400)) == [150, 300]
    assert waited(shop, push) == (2, 450, 300)
    with shop.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT sku, changed_at FROM attempt ORDER BY sku").fetchall()
    assert [tuple(row) for row in kept] == [("A", 100), ("B", 250)]


def test_a_change_that_fails_first_has_waited_since_it_changed(shop):
    shop.stock(100, A=5)
    push = shop.begin(200)
    assert settle(shop, push, 300, After.UNCERTAIN) == []
    assert waited(shop, push) == (0, 0, 0)

    assert settle(shop, shop.begin(400), 500) == [400]


def test_a_full_reconcile_has_not_waited(shop):
    shop.stock(100, A=5)
    settle(shop, shop.begin(200), 300)
    list(shop.registry.make_uncertain(shop.channel, 10_000))
    push = shop.begin(20_000)

    assert [attempt.changed_at for attempt in push.attempts] == [None]
    assert settle(shop, push, 30_000) == []
    assert waited(shop, push) == (0, 0, 0)


def test_a_repetition_has_not_waited(shop):
    shop.stock(100, A=5)
    shop.begin(200)
    shop.ledger.recover(300)
    assert settle(shop, shop.begin(400), 500) == [400]

    assert settle(shop, shop.begin(5_000), 6_000) == []


def test_a_clock_that_was_set_back_makes_no_wait_below_zero(shop):
    shop.stock(1_000, A=5)

    assert settle(shop, shop.begin(200), 300) == [0]
