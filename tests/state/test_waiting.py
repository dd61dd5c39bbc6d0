"""What waits by a clock that was set, by each name and also while it is paused."""

import pytest

from state.records import After, Refusal
from state.waiting import LongestWaits, bring_near, move_waits, put_off_repetitions
from tests.state.test_ledger import Shop

ONE, OTHER = " product_id 1", " product_id 2"
LONGEST = LongestWaits(repetition=600, retry=100, probe=5_000, warehouse=50, pause=50)
FAR = 1_000_000


@pytest.fixture
def shop(database):
    shop = Shop(database)
    shop.call("A", ONE, OTHER)
    shop.stock(10, A=5, B=7)
    return shop


def waits(shop, column):
    with shop.database.read() as connection:
        return dict(connection.exec_driver_sql(f"SELECT identifier, {column} FROM listing").fetchall())


@pytest.mark.parametrize("paused", [False, True])
def test_nothing_waits_longer_than_it_has_to_by_any_name_paused_or_not(shop, paused):
    shop.push(20, After.UNTOUCHED, not_before=FAR, charged=True)
    shop.paused = {"A"} if paused else set()
    shop.stock(30, A=5)

    list(bring_near(shop.database, shop.channel, shop.plan, 40, LONGEST))

    assert waits(shop, "not_before") == dict.fromkeys((ONE, OTHER, "B"), 140)


@pytest.mark.parametrize("paused", [False, True])
def test_a_probe_may_wait_longer_than_a_retry(shop, paused):
    shop.push(20, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, not_before=4_000, charged=True)
    shop.paused = {"A"} if paused else set()
    shop.stock(30, A=5)

    list(bring_near(shop.database, shop.channel, shop.plan, 40, LONGEST))

    assert waits(shop, "not_before") == dict.fromkeys((ONE, OTHER, "B"), 4_000)


def test_paused_listings_are_gone_through_in_slices_and_none_is_missed(shop, monkeypatch):
    shop.stock(11, **{f"S{number}": 1 for number in range(7)})
    shop.push(20, After.UNTOUCHED, not_before=FAR, charged=True)
    shop.paused = {"A", "B", *(f"S{number}" for number in range(7))}
    shop.stock(30, A=5, B=7, **{f"S{number}": 1 for number in range(7)})
    monkeypatch.setattr("state.waiting.SLICE_ROWS", 4)

    steps = list(bring_near(shop.database, shop.channel, shop.plan, 40, LONGEST))

    assert set(waits(shop, "not_before").values()) == {140}
    assert len(steps) == 3


def test_repetitions_are_put_off_and_moved_along_by_each_name(shop):
    shop.push(20, After.AMBIGUOUS)
    shop.push(30)
    assert set(waits(shop, "reassert_at").values()) == {630}

    list(move_waits(shop.database, shop.channel, before=40, by=1_000, settling=600))
    assert set(waits(shop, "reassert_at").values()) == {1_630}

    with shop.database.write() as connection:
        connection.exec_driver_sql("UPDATE listing SET reassert_at = 631, confirmed_at = 31")
    list(put_off_repetitions(shop.database, shop.channel, 700, 600))
    assert waits(shop, "reassert_at") == dict.fromkeys((ONE, OTHER, "B"), 700)
