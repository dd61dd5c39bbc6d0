import tempfile
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import reports
from state.database import Database
from state.ledger import Ledger
from state.records import After, PushEnd, Settlement
from state.registry import SLICE_ROWS, ChannelPlan, Registry
from state.staging import StockChange
from state.stock import MAX_QUANTITY, StockBook

SOURCES = ("erp", "pos")
LOCATIONS = ("", "JKT", "BDG", "SUB")
WHOLE_SHOP = ChannelPlan("shop", "acc", ("erp",), None, safety_stock=0, share_ppm=1_000_000, max_shown=None)

quantities = st.one_of(st.integers(0, 20), st.integers(0, MAX_QUANTITY))
stocks = st.dictionaries(
    st.tuples(st.text("ab'%", min_size=1, max_size=2), st.sampled_from(LOCATIONS)),
    st.tuples(st.sampled_from(SOURCES), quantities),
    max_size=12,
)
plans = st.builds(
    ChannelPlan,
    name=st.just("shop"),
    account=st.just("acc"),
    sources=st.sampled_from((("erp",), ("pos",), ("erp", "pos"))),
    locations=st.none()
    | st.dictionaries(st.sampled_from(LOCATIONS), st.sampled_from(("10", "20")), min_size=1, max_size=4),
    safety_stock=st.integers(0, 12),
    share_ppm=st.sampled_from((1, 333_333, 500_000, 999_999, 1_000_000)),
    max_shown=st.none() | st.integers(0, 15),
)


def desired(plan: ChannelPlan, stock) -> dict[tuple[str, str], int]:
    """Quantity shown = min(max_shown, floor((stock - safety_stock) * share)), never below zero."""
    totals: dict[tuple[str, str], int] = {}
    for (sku, location), (source, quantity) in stock.items():
        if source not in plan.sources or (plan.locations is not None and location not in plan.locations):
            continue
        key = (sku, "" if plan.locations is None else plan.locations[location])
        totals[key] = totals.get(key, 0) + quantity
    shown = {}
    for key, total in totals.items():
        quantity = max(0, floor((total - plan.safety_stock) * Fraction(plan.share_ppm, 1_000_000)))
        shown[key] = min(quantity, MAX_QUANTITY if plan.max_shown is None else plan.max_shown)
    return shown


class Shop:
    """A database with two sources and one channel."""

    def __init__(self, database: Database, plan: ChannelPlan):
        self.database = database
        self.registry = Registry(database)
        self.ids = self.registry.register_sources(list(SOURCES))
        self.configure(plan)

    def configure(self, plan: ChannelPlan, now: int = 1) -> bool:
        self.channel, stale = self.registry.register_channel(plan, self.ids, 1)
        self.registry.deactivate_others([self.channel])
        self.book = StockBook(self.database, {self.channel: plan})
        if stale:
            for _ in self.book.plan_anew(self.channel, now):
                pass
            self.registry.planned(self.channel, plan)
        return stale

    def say(self, stock, now: int = 1) -> None:
        for source in SOURCES:
            rows = [
                StockChange(sku, location, quantity, 1, 0)
                for (sku, location), (said_by, quantity) in stock.items()
                if said_by == source
            ]
            if rows:
                self.book.apply(1, self.ids[source], rows, now)

    def push_all(self, now: int = 1) -> list[str]:
        warehouses = [row[0] for row in self.rows("SELECT DISTINCT warehouse FROM listing")]
        ledger = Ledger(self.database)
        push = ledger.begin_push(self.channel, warehouses, lambda due: due, now=now, limit=10_000)
        if push is None:
            return []
        rows = [Settlement(attempt, After.CONFIRMED, "accepted") for attempt in push.attempts]
        ledger.settle(push, rows, PushEnd(), now=now, settling=100, asynchronous=False)
        return sorted(attempt.sku for attempt in push.attempts)

    def listings(self) -> dict[tuple[str, str], int]:
        rows = self.rows(f"SELECT sku, warehouse, desired FROM listing WHERE channel_id = {self.channel}")
        return {(sku, warehouse): quantity for sku, warehouse, quantity in rows}

    def rows(self, sql):
        with self.database.read() as connection:
            return connection.exec_driver_sql(sql).fetchall()


@pytest.fixture
def shop(database):
    return Shop(database, WHOLE_SHOP)


@settings(max_examples=40, deadline=None)
@given(stocks, plans)
def test_the_desired_quantity_is_what_the_rules_say(stock, plan):
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "state.db")
        shop = Shop(database, plan)
        shop.say(stock)

        assert shop.listings() == desired(plan, stock)
        database.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(stocks, min_size=1, max_size=3), plans, plans)
def test_planning_step_by_step_and_anew_come_to_the_same(imports, before, after):
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "state.db")
        shop = Shop(database, before)
        stock = {}
        for one in imports:
            said = {key: value for key, value in one.items() if stock.get(key, value)[0] == value[0]}
            shop.say(said)
            stock |= said
        assert shop.listings() == desired(before, stock)

        stale = shop.configure(replace(after, account="acc"))

        assert stale or before.fingerprint == after.fingerprint
        assert shop.listings() == desired(after, stock)
        database.close()


def test_planning_goes_slice_by_slice_and_misses_nothing_at_the_seams(shop):
    skus = [f"S{number:05}" for number in range(2 * SLICE_ROWS + 1)]
    shop.say({(sku, location): ("erp", 2) for sku in skus for location in ("JKT", "BDG")})

    slices = list(shop.book.plan_anew(shop.channel, 5))

    assert slices == [SLICE_ROWS, SLICE_ROWS, 1]
    assert shop.listings() == {(sku, ""): 4 for sku in skus}


def test_an_unchanged_plan_is_not_planned_anew(shop):
    assert not shop.configure(WHOLE_SHOP)
    assert not shop.configure(replace(WHOLE_SHOP, name="renamed"))
    assert shop.configure(replace(WHOLE_SHOP, safety_stock=1))


def test_the_order_of_sources_and_locations_makes_no_other_plan():
    one = replace(WHOLE_SHOP, sources=("erp", "pos"), locations={"A": "1", "B": "2"})
    two = replace(WHOLE_SHOP, sources=("pos", "erp"), locations={"B": "2", "A": "1"})

    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"sources": ("erp", "pos")},
        {"locations": {"": "1"}},
        {"safety_stock": 1},
        {"share_ppm": 1},
        {"max_shown": 0},
    ],
)
def test_whatever_changes_desired_quantities_makes_another_plan(change):
    assert replace(WHOLE_SHOP, **change).fingerprint != WHOLE_SHOP.fingerprint


def test_changed_rules_make_only_the_listings_due_whose_quantity_changes(shop):
    shop.say({("few", ""): ("erp", 3), ("many", ""): ("erp", 9), ("none", ""): ("erp", 0)})
    shop.push_all()

    shop.configure(replace(WHOLE_SHOP, max_shown=5), now=7)

    assert shop.rows("SELECT sku, desired, changed_at FROM listing WHERE due") == [("many", 5, 7)]


def test_a_plan_that_was_interrupted_is_planned_again(shop):
    shop.say({("A", ""): ("erp", 9)})
    shop.registry.register_channel(replace(WHOLE_SHOP, max_shown=5), shop.ids, 1)

    assert shop.configure(replace(WHOLE_SHOP, max_shown=5))
    assert shop.listings() == {("A", ""): 5}


def test_a_channel_pointed_at_another_account_starts_with_nothing_confirmed(shop):
    shop.say({("A", ""): ("erp", 9)})
    shop.push_all()
    first = shop.channel

    shop.configure(replace(WHOLE_SHOP, account="another"))

    assert shop.channel != first
    assert shop.rows(
        f"SELECT sku, desired, confirmed, due FROM listing WHERE channel_id = {shop.channel}"
    ) == [("A", 9, None, 1)]
    with shop.database.read() as connection:
        assert [row.account for row in reports.channels(connection)] == ["another"]


def test_a_channel_that_comes_back_is_uncertain_even_if_the_return_was_interrupted(shop):
    shop.say({(f"S{number}", ""): ("erp", 9) for number in range(3)})
    shop.push_all()
    shop.registry.deactivate_others([])

    class PowerCut(Exception):
        pass

    class Faltering(Registry):
        def make_uncertain(self, channel_id, now, skus=None):
            raise PowerCut

    with pytest.raises(PowerCut):
        Faltering(shop.database).register_channel(WHOLE_SHOP, shop.ids, 1)
    shop.configure(WHOLE_SHOP)

    assert shop.push_all() == ["S0", "S1", "S2"]


def test_a_location_not_named_any_more_is_forgotten_with_its_failures(shop):
    shop.configure(replace(WHOLE_SHOP, locations={"JKT": "10", "BDG": "20"}))
    shop.say({("A", "JKT"): ("erp", 1), ("A", "BDG"): ("erp", 2), ("B", "SUB"): ("erp", 3)})
    with shop.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO failure SELECT channel_id, sku, warehouse, 'rejected', '', '', '', 1, 1, 1 FROM listing"
        )
    assert shop.listings() == {("A", "10"): 1, ("A", "20"): 2}

    shop.configure(replace(WHOLE_SHOP, locations={"JKT": "10"}))

    assert shop.listings() == {("A", "10"): 1}
    assert shop.rows("SELECT sku, warehouse FROM failure") == [("A", "10")]


def test_two_locations_may_share_a_warehouse(shop):
    shop.configure(replace(WHOLE_SHOP, locations={"JKT": "10", "BDG": "10"}))
    shop.say({("A", "JKT"): ("erp", 1), ("A", "BDG"): ("erp", 2)})

    shop.configure(replace(WHOLE_SHOP, locations={"BDG": "10"}))

    assert shop.listings() == {("A", "10"): 2}


def test_a_source_that_a_channel_listens_to_no_longer_takes_its_listings_along(shop):
    shop.configure(replace(WHOLE_SHOP, sources=("erp", "pos")))
    shop.say({("A", "JKT"): ("erp", 1), ("A", "BDG"): ("pos", 2), ("B", ""): ("pos", 3)})

    shop.configure(WHOLE_SHOP)

    assert shop.listings() == {("A", ""): 1}


def test_what_is_in_flight_is_not_forgotten(shop):
    shop.configure(replace(WHOLE_SHOP, locations={"JKT": "10"}))
    shop.say({("A", "JKT"): ("erp", 1)})
    Ledger(shop.database).begin_push(shop.channel, ["10"], lambda due: due, now=1, limit=10)

    shop.configure(replace(WHOLE_SHOP, locations={"BDG": "20"}))

    assert shop.listings() == {("A", "10"): 1}


def test_a_stock_level_keeps_the_line_that_gave_its_quantity(shop):
    shop.book.apply(1, shop.ids["erp"], [StockChange("A", "", 5, 2, 0), StockChange("B", "", 5, 3, 0)], 1)
    shop.book.apply(2, shop.ids["erp"], [StockChange("A", "", 5, 9, 0), StockChange("B", "", 6, 8, 0)], 1)

    assert shop.rows("SELECT sku, quantity, import_id, line FROM stock") == [("A", 5, 1, 2), ("B", 6, 2, 8)]
