"""One SKU under several names, as people ask about it; a listing that stands for another SKU than before."""

import pytest
from planned import follow_plan

from state.database import Reader
from state.explaining import ListingState, read_sku, state_of
from state.failure_search import find_failures
from state.figures import failed_listings
from state.history import History, Span
from state.housekeeping import forget_pushes
from state.plans import ListedRow, PlanRows
from state.preview import largest_changes
from state.records import After, PushEnd, Refusal, Settlement
from state.reports import failures
from tests.state.test_ledger import Shop, plan_of, traced

ONE, OTHER = " product_id 1", " product_id 2"


@pytest.fixture
def shop(database):
    """A is called by two names, B by its own. The first name was accepted, the others were refused."""
    shop = Shop(database)
    shop.registry.follow_plan(shop.channel, shop.plan, planned=True)
    shop.call("A", ONE, OTHER)
    shop.stock(10, A=5, B=7)
    push = shop.begin(20)
    rows = [
        Settlement(attempt, After.CONFIRMED, "accepted")
        if attempt.identifier == ONE
        else Settlement(
            attempt, After.UNTOUCHED, "rejected", code="X", charged=True, refusal=Refusal.NOT_LISTED
        )
        for attempt in push.attempts
    ]
    end = PushEnd(request_id="first")
    shop.ledger.settle(push, rows, end, now=21, settling=600, asynchronous=False)
    return shop


def record_of(shop, sku):
    with Reader(shop.database.path) as reader:
        return read_sku(reader, sku, ["shop"], 9, decide=lambda _: shop.decide).channels["shop"]


def test_each_listing_of_a_sku_is_explained_with_its_own_attempts_and_failure(shop):
    found = record_of(shop, "A")

    assert list(found.listings) == [(ONE, ""), (OTHER, "")]
    assert {name: [one.outcome for one in tried] for name, tried in found.attempts.items()} == {
        (ONE, ""): ["accepted"],
        (OTHER, ""): ["rejected"],
    }
    assert found.listings[ONE, ""].failure is None
    assert found.listings[OTHER, ""].failure.code == "X"
    states = [state_of(listing, held=False, now=30) for listing in found.listings.values()]
    assert states == [ListingState.IN_SYNC, ListingState.REJECTED]


def test_where_nothing_is_listed_all_that_was_sent_there_is_told(shop):
    with shop.database.write() as connection:
        for table in ("stock", "listing"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE sku = 'A'")

    found = record_of(shop, "A")

    assert found.listings == {}
    told = {
        place: sorted((one.identifier, one.outcome) for one in tried)
        for place, tried in found.attempts.items()
    }
    assert told == {("A", ""): [(ONE, "accepted"), (OTHER, "rejected")]}


def test_a_paused_listing_is_held_unless_it_is_in_flight_or_refused(shop):
    shop.paused = {"A", "B"}
    shop.stock(30, A=6, B=8)
    listings = record_of(shop, "A").listings

    assert [one.paused for one in listings.values()] == [True, True]
    assert state_of(listings[ONE, ""], held=False, now=40) is ListingState.HELD
    assert state_of(listings[OTHER, ""], held=False, now=40) is ListingState.REJECTED

    shop.paused = set()
    shop.stock(50, A=6)
    shop.begin(60)
    shop.paused = {"A"}
    shop.stock(70, A=7)
    assert state_of(record_of(shop, "A").listings[ONE, ""], held=False, now=80) is ListingState.IN_FLIGHT


def test_attempts_of_before_there_were_names_are_those_of_the_sku(shop):
    with shop.database.write() as connection:
        connection.exec_driver_sql("UPDATE attempt SET identifier = '' WHERE sku = 'B'")

    assert [one.outcome for one in record_of(shop, "B").attempts["B", ""]] == ["rejected"]
    with shop.database.read() as connection:
        assert {row.identifier: row.request_id for row in failures(connection)} == {
            OTHER: "first",
            "B": "first",
        }
    with Reader(shop.database.path) as reader:
        assert {one.identifier for one in History(reader).attempts(Span(skus=["B"]))} == {"B"}


def test_history_tells_by_which_name(shop):
    with Reader(shop.database.path) as reader:
        found = [(one.sku, one.identifier, one.outcome) for one in History(reader).attempts(Span())]

    assert sorted(found) == [("A", ONE, "accepted"), ("A", OTHER, "rejected"), ("B", "B", "rejected")]


def test_failures_are_found_by_sku_and_by_name(shop):
    def found(text):
        with shop.database.read() as connection:
            return [(row.sku, row.identifier) for row in find_failures(connection, text=text).rows]

    assert found("") == [("A", OTHER), ("B", "B")]
    assert found("A") == [("A", OTHER)]
    assert found("2") == [("A", OTHER)]
    assert found("product_id 1") == []
    with shop.database.read() as connection:
        assert failed_listings(connection, shop.channel) == 2


def test_what_went_wrong_with_a_sku_is_not_told_of_the_one_that_takes_its_listing_over(shop):
    shop.call("A", ONE)
    shop.call("B", OTHER)
    shop.stock(30, A=5, B=5)

    with shop.database.read() as connection:
        assert OTHER not in {row.identifier for row in failures(connection)}
        assert find_failures(connection, text="B").rows == []
    assert state_of(record_of(shop, "B").listings[OTHER, ""], held=False, now=40) is ListingState.DUE


def follow(shop, now, **names):
    """Let the channel follow a plan by which the SKUs are called so, one name each."""
    listed = [ListedRow(sku, "", name, "") for sku, name in names.items()]
    follow_plan(shop.database, shop.book, shop.book.plannings[shop.channel], PlanRows(listed=listed), now=now)


def test_of_a_listing_that_is_forgotten_no_failure_is_left_whatever_sku_it_was_of(shop):
    follow(shop, 30, B=OTHER)
    follow(shop, 31)
    follow(shop, 32, A=OTHER)

    with shop.database.read() as connection:
        assert OTHER not in {row.identifier for row in failures(connection)}


def test_a_marketplace_that_did_not_know_a_listing_is_asked_again_once_it_stands_for_another_sku(shop):
    """What it confirmed before it did not know it says nothing any more."""
    shop.stock(30, A=8)
    shop.push(31, After.UNTOUCHED, refusal=Refusal.NOT_LISTED, charged=True)
    shop.stock(32, B=5)
    follow(shop, 33, B=ONE)

    found = record_of(shop, "B").listings[ONE, ""]

    assert (found.desired, found.confirmed) == (5, 5)
    assert state_of(found, held=False, now=40) is ListingState.DUE


def test_a_pause_that_ends_does_not_count_as_waiting(shop):
    shop.paused = {"A"}
    shop.stock(30, A=0)
    shop.paused = set()
    shop.stock(5_000, A=0)

    assert record_of(shop, "A").listings[ONE, ""].changed_at == 5_000


def test_of_what_fails_the_newest_attempt_by_that_name_is_kept(shop):
    """Of three old attempts, two belong to listings that still fail."""
    shop.push(30, After.UNCERTAIN)
    with shop.database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM attempt").scalar_one()
    shop.stock(40, Z=1)
    shop.push(41)

    forgotten = sum(forget_pushes(shop.database, 1_000, 1_000))

    with shop.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT identifier FROM attempt ORDER BY identifier").fetchall()
    assert before == 3
    assert forgotten == 1
    assert [row[0] for row in kept] == [OTHER, "B", "Z"]


def test_a_planned_change_tells_which_listing_is_meant(shop):
    shop.stock(30, A=9)

    with shop.database.read() as connection:
        found = largest_changes(connection, shop.channel, 40, ["A"], 10)

    assert [(one.sku, one.identifier, one.confirmed, one.desired) for one in found] == [("A", ONE, 5, 9)]


def test_what_people_ask_about_a_sku_is_found_by_index(shop):
    def asked():
        record_of(shop, "A")
        with shop.database.read() as connection:
            list(failures(connection))
            find_failures(connection)
            failed_listings(connection, shop.channel)
        list(forget_pushes(shop.database, 1_000, 1_000))

    shop.stock(22, **{f"S{number}": 1 for number in range(50)})
    for now in range(30, 60):
        shop.push(now, After.UNCERTAIN, charged=True)
    with shop.database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    for sql, parameters in traced(shop.database, asked):
        if "listing" in sql or "attempt" in sql:
            steps = plan_of(shop.database, sql, parameters)
            scans = ("SCAN listing", "SCAN l", "SCAN attempt", "SCAN a", "SCAN later", "SCAN p")
            wrong = [
                step for step in steps if step in scans or step.startswith(tuple(f"{s} " for s in scans))
            ]
            assert not wrong, (sql, steps)
