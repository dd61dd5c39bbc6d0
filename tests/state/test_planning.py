from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_model import SOURCES, difference, emptied, plans, stocks, wishes
from planned import WHOLE, follow_plan, planning_of

from state import reports
from state.ledger import Ledger
from state.plans import BundleRow, ListedRow, PlanRows, PlanRule, RuleRank, RuleRow, RuleSettings, Selling
from state.records import After, PushEnd, Refusal, Settlement
from state.registry import SLICE_ROWS, Registry
from state.staging import StockChange
from state.stock import StockBook

TWO_WAREHOUSES = replace(WHOLE, locations={"JKT": "10", "BDG": "20"})
STOPPED = RuleSettings(selling=Selling.STOPPED)


class Shop:
    """A database with two sources and one channel."""

    def __init__(self, database, plan=WHOLE, rows=None):
        self.database = database
        self.registry = Registry(database)
        self.ids = self.registry.register_sources(list(SOURCES))
        self.book = StockBook(database, {})
        self.configure(plan, rows)

    def configure(self, plan, rows=None, now=1):
        in_force = self.registry.register_channel(plan.name, plan.account, 1)
        self.channel = in_force.channel_id
        self.registry.deactivate_others([self.channel])
        self.follow(plan, rows, now)

    def follow(self, plan, rows=None, now=1):
        planning = planning_of(self.registry, self.channel, plan)
        return follow_plan(self.database, self.book, planning, rows, now=now)

    def say(self, stock, now=1):
        """Take in stock levels: quantities of the first source, or pairs of source and quantity."""
        for source in SOURCES:
            rows = []
            for (sku, location), told in stock.items():
                said_by, quantity = told if isinstance(told, tuple) else (SOURCES[0], told)
                if said_by == source:
                    rows.append(StockChange(sku, location, quantity, 1, 0))
            if rows:
                self.book.apply(1, self.ids[source], rows, now)

    def begin(self, now=1):
        warehouses = [row[0] for row in self.rows("SELECT DISTINCT warehouse FROM listing")]
        return Ledger(self.database).begin_push(
            self.channel, warehouses, lambda due: due, now=now, limit=10_000
        )

    def confirm(self, push, now=1):
        rows = [Settlement(attempt, After.CONFIRMED, "accepted") for attempt in push.attempts]
        Ledger(self.database).settle(push, rows, PushEnd(), now=now, settling=100, asynchronous=False)

    def push_all(self, now=1):
        push = self.begin(now)
        if push is None:
            return []
        self.confirm(push, now)
        return sorted(attempt.sku for attempt in push.attempts)

    def listings(self):
        rows = self.rows(
            "SELECT identifier, warehouse, sku, desired, paused FROM listing"
            f" WHERE channel_id = {self.channel}"
        )
        return {(identifier, warehouse): rest for identifier, warehouse, *rest in map(tuple, rows)}

    def shown(self):
        return {key: desired for key, (_, desired, _) in self.listings().items()}

    def due(self):
        return [name for (name,) in self.rows("SELECT identifier FROM listing WHERE due ORDER BY identifier")]

    def rows(self, sql):
        with self.database.read() as connection:
            return connection.exec_driver_sql(sql).fetchall()


@pytest.fixture
def shop(database):
    return Shop(database)


def listed(*rows):
    return PlanRows(listed=[ListedRow(*row, "here") for row in rows])


def bundles(*rows):
    return PlanRows(bundles=[BundleRow(*row, "here") for row in rows])


def as_lists(listings):
    return {key: list(said) for key, said in listings.items()}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wish=wishes)
def test_listings_are_what_stock_rules_names_and_bundles_say(database, wish):
    shop = Shop(emptied(database), wish.plan, wish.rows())

    shop.say(wish.stock)

    assert shop.listings() == as_lists(wish.listings())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(imports=st.lists(stocks, min_size=1, max_size=3), before=wishes, after=wishes)
def test_planning_step_by_step_and_anew_come_to_the_same(database, imports, before, after):
    shop = Shop(emptied(database), before.plan, before.rows())
    stock = {}
    for one in imports:
        said = {key: told for key, told in one.items() if stock.get(key, told)[0] == told[0]}
        shop.say(said)
        stock |= said
        assert shop.listings() == as_lists(replace(before, stock=stock).listings())

    shop.follow(after.plan, after.rows())

    assert shop.listings() == as_lists(replace(after, stock=stock).listings())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=wishes, after=wishes)
def test_what_a_plan_would_change_is_what_it_changes(database, before, after):
    shop = Shop(emptied(database), before.plan, before.rows())
    shop.say(before.stock)
    shop.push_all()
    there = shop.listings()

    told = shop.follow(after.plan, after.rows())

    assert told == difference(there, shop.listings())
    changed = {key[0] for key, listing in shop.listings().items() if there.get(key, ())[1:] != listing[1:]}
    assert set(shop.due()) <= changed


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=wishes,
    locations=st.sampled_from((None, {"": "10", "JKT": "20"}, {"": "10", "JKT": "10"})),
    wide=st.builds(RuleSettings, safety_stock=st.integers(1, 4), last_units=st.integers(0, 12)),
    narrower=plans,
)
def test_a_rule_for_a_crowd_changes_nothing_of_what_has_rules_of_its_own(
    database, before, locations, wide, narrower
):
    """Where most listings change, they are set anew range by range, all others left alone."""
    crowd = {
        (f"{letter}{number}", place): ("erp", 3 + number)
        for letter in "ACE"
        for number in range(9)
        for place in ("", "JKT")
    }
    plan = replace(WHOLE, sources=SOURCES, locations=locations)
    before = replace(before, plan=plan, stock=before.stock | crowd)
    rules = (PlanRule(RuleRank.CHANNEL, wide, "here"), *narrower.rules)
    after = replace(before, plan=replace(plan, rules=rules))
    shop = Shop(emptied(database), before.plan, before.rows())
    shop.say(before.stock)
    there = shop.listings()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("state.plan_staging.SLICE_ROWS", 5)
        told = shop.follow(after.plan, after.rows(), now=9)

    assert shop.listings() == as_lists(after.listings())
    assert told == difference(there, shop.listings())
    changed = {key for key, listing in shop.listings().items() if there[key] != listing}
    later = shop.rows("SELECT identifier, warehouse FROM listing WHERE changed_at = 9")
    assert {tuple(key) for key in later} <= changed


def test_planning_misses_nothing_at_the_seams_of_slices(shop):
    skus = [f"S{number:05}" for number in range(2 * SLICE_ROWS + 1)]
    shop.say({(sku, location): 2 for sku in skus for location in ("JKT", "BDG")})

    shop.follow(replace(WHOLE, counted=("JKT",)))

    assert shop.shown() == {(sku, ""): 2 for sku in skus}


def test_a_name_goes_from_slice_to_slice(shop, monkeypatch):
    """Of a listing that another SKU takes over, neither the figures nor the confirmed quantity are lost."""
    for module in ("state.plan_staging", "state.stock"):
        monkeypatch.setattr(f"{module}.SLICE_ROWS", 1)
    shop.say({("A", ""): 1, ("B", ""): 2, ("C", ""): 3})
    shop.push_all()
    there = shop.listings()

    told = shop.follow(WHOLE, listed(("A", "", "B"), ("B", "", "C"), ("C", "", "A")))

    assert shop.listings() == {("B", ""): ["A", 1, 0], ("C", ""): ["B", 2, 0], ("A", ""): ["C", 3, 0]}
    assert told == difference(there, shop.listings())
    assert shop.rows("SELECT identifier, confirmed FROM listing") == [("A", 1), ("B", 2), ("C", 3)]

    there = shop.listings()
    told = shop.follow(WHOLE)
    assert shop.listings() == {("A", ""): ["A", 1, 0], ("B", ""): ["B", 2, 0], ("C", ""): ["C", 3, 0]}
    assert told == difference(there, shop.listings())


def test_a_bundle_has_the_fewest_of_its_components_at_each_location(shop):
    shop.follow(TWO_WAREHOUSES, bundles(("SET", "CUP", 2), ("SET", "POT", 1)))
    shop.say({("CUP", "JKT"): 7, ("POT", "JKT"): 9, ("CUP", "BDG"): 4, ("POT", "BDG"): 1})

    assert shop.shown() == {
        ("CUP", "10"): 7, ("POT", "10"): 9, ("SET", "10"): 3,
        ("CUP", "20"): 4, ("POT", "20"): 1, ("SET", "20"): 1,
    }  # fmt: skip

    shop.say({("CUP", "JKT"): 1})

    assert shop.shown()["SET", "10"] == 0


def test_a_bundle_over_the_whole_shop_adds_up_what_each_location_makes(shop):
    shop.follow(WHOLE, bundles(("SET", "CUP", 1), ("SET", "POT", 1)))

    shop.say({("CUP", "JKT"): 5, ("POT", "JKT"): 2, ("CUP", "BDG"): 1, ("POT", "BDG"): 8})

    assert shop.shown()["SET", ""] == 3


def test_a_bundle_is_not_listed_where_nothing_is_known_of_a_component(shop):
    shop.follow(WHOLE, bundles(("SET", "CUP", 1), ("SET", "POT", 1)))
    shop.say({("CUP", "JKT"): 5, ("POT", "BDG"): 2})
    assert ("SET", "") not in shop.shown()

    shop.say({("POT", "JKT"): 0})

    assert shop.shown()["SET", ""] == 0


def test_a_component_of_a_source_that_does_not_feed_the_channel_counts_for_nothing(shop):
    shop.follow(WHOLE, bundles(("SET", "CUP", 1), ("SET", "POT", 1)))

    shop.say({("CUP", ""): ("erp", 5), ("POT", ""): ("pos", 5)})

    assert shop.shown() == {("CUP", ""): 5}


def test_rules_hold_for_what_a_bundle_makes(shop):
    rows = PlanRows(
        rules=[RuleRow("SET", "", RuleRank.SKU, RuleSettings(safety_stock=1).as_text(), "here")],
        bundles=[BundleRow("SET", "CUP", 2, "here")],
    )
    shop.follow(WHOLE, rows)

    shop.say({("CUP", ""): 9})

    assert shop.shown() == {("CUP", ""): 9, ("SET", ""): 3}


def test_only_listed_skus_are_sold_where_that_is_said(shop):
    shop.say({("A", ""): 1, ("B", ""): 2})

    shop.follow(replace(WHOLE, only_listed=True), listed(("B", "", "B"), ("C", "", " product_id 3")))
    assert shop.listings() == {("B", ""): ["B", 2, 0]}

    shop.say({("C", ""): 3})
    assert shop.listings() == {("B", ""): ["B", 2, 0], (" product_id 3", ""): ["C", 3, 0]}


def test_a_listing_keeps_what_was_confirmed_when_it_shows_another_sku(shop):
    shop.say({("A", ""): 1, ("B", ""): 2, ("C", ""): 1})
    shop.push_all()

    shop.follow(WHOLE, listed(("A", "", "B"), ("B", "", "A")))

    assert shop.listings()["A", ""] == ["B", 2, 0]
    assert shop.listings()["B", ""] == ["A", 1, 0]
    assert shop.rows("SELECT identifier, confirmed FROM listing") == [("A", 1), ("B", 2), ("C", 1)]
    assert shop.due() == ["A", "B"]


def test_a_listing_that_shows_another_sku_of_the_same_quantity_is_in_sync(shop):
    shop.say({("A", ""): 1, ("B", ""): 1})
    shop.push_all()

    shop.follow(WHOLE, listed(("A", "", "B"), ("B", "", "A")))

    assert shop.due() == []


def test_a_name_that_stands_for_another_sku_is_not_its_own_skus(shop):
    shop.follow(WHOLE, listed(("A", "", "B")))
    shop.say({("A", ""): 1, ("B", ""): 2})
    assert shop.listings() == {("B", ""): ["A", 1, 0]}

    shop.say({("B", ""): 9})
    assert shop.listings() == {("B", ""): ["A", 1, 0]}

    shop.follow(WHOLE)
    assert shop.shown() == {("A", ""): 1, ("B", ""): 9}


def test_a_name_may_stand_for_another_sku_in_one_warehouse_only(shop):
    shop.follow(TWO_WAREHOUSES, listed(("A", "10", "B")))

    shop.say({("A", "JKT"): 1, ("A", "BDG"): 2, ("B", "JKT"): 3, ("B", "BDG"): 4})

    assert shop.listings() == {("B", "10"): ["A", 1, 0], ("B", "20"): ["B", 4, 0]}


def test_a_sku_may_have_several_listings(shop):
    shop.say({("A", ""): 5})
    shop.push_all()

    shop.follow(WHOLE, listed(("A", "", "A"), ("A", "", " product_id 7")))

    assert shop.listings() == {("A", ""): ["A", 5, 0], (" product_id 7", ""): ["A", 5, 0]}
    assert shop.due() == [" product_id 7"]


def test_a_sku_has_a_name_of_its_own_in_each_warehouse(shop):
    shop.follow(TWO_WAREHOUSES, listed(("A", "10", " product_id 1"), ("A", "20", " product_id 2")))

    shop.say({("A", "JKT"): 5, ("A", "BDG"): 6})

    assert shop.shown() == {(" product_id 1", "10"): 5, (" product_id 2", "20"): 6}


def test_a_sku_too_long_for_the_marketplace_is_refused_at_once_and_told_once(shop):
    long = "L" * 51
    shop.follow(replace(WHOLE, longest_sku=50))
    shop.say({(long, ""): 5, ("M" * 50, ""): 5})

    assert shop.due() == ["M" * 50]
    assert shop.rows("SELECT sku, reason, message FROM failure") == [
        (
            long,
            "not_listed",
            "longer than the 50 characters that this marketplace carries: list it by another identifier",
        )
    ]
    assert shop.book.take_uncarriable() == {shop.channel: [long]}

    shop.say({(long, ""): 6})
    assert shop.book.take_uncarriable() == {}
    assert shop.due() == ["M" * 50]

    shop.follow(replace(WHOLE, longest_sku=50), listed((long, "", " product_id 7")))
    assert shop.due() == [" product_id 7", "M" * 50]
    assert shop.rows("SELECT sku FROM failure") == []


def test_a_paused_listing_is_left_alone_and_due_when_it_is_paused_no_longer(shop):
    shop.say({("A", ""): 5})
    shop.push_all()
    paused = RuleSettings(selling=Selling.PAUSED).as_text()
    shop.follow(WHOLE, PlanRows(rules=[RuleRow("A", "", RuleRank.SKU, paused, "here")]))

    shop.say({("A", ""): 3})
    assert shop.listings() == {("A", ""): ["A", 3, 1]}
    assert shop.due() == []

    shop.follow(WHOLE)
    assert shop.due() == ["A"]


def test_the_order_of_sources_and_locations_makes_no_other_plan():
    one = replace(WHOLE, sources=("erp", "pos"), locations={"A": "1", "B": "2"}, counted=("A", "B"))
    two = replace(WHOLE, sources=("pos", "erp"), locations={"B": "2", "A": "1"}, counted=("B", "A"))

    assert one.as_text() == two.as_text()
    assert one.effect == two.effect


@pytest.mark.parametrize(
    "change",
    [
        {"sources": ("erp", "pos")},
        {"locations": {"": "1"}},
        {"counted": ("",)},
        {"rules": (PlanRule(RuleRank.CHANNEL, STOPPED, "here"),)},
        {"only_listed": True},
        {"longest_sku": 50},
    ],
)
def test_whatever_changes_desired_quantities_makes_another_plan(change):
    assert replace(WHOLE, **change).effect != WHOLE.effect


def test_where_a_rule_stands_changes_no_quantity():
    one, two = (
        replace(WHOLE, rules=(PlanRule(RuleRank.CHANNEL, STOPPED, origin),)) for origin in ("here", "there")
    )

    assert one.effect == two.effect
    assert one.as_text() != two.as_text()


@given(plans)
def test_a_plan_is_read_as_it_was_written(plan):
    again = type(plan).from_text(plan.as_text(), name=plan.name, account=plan.account)

    assert again.as_text() == plan.as_text()
    assert again.effect == plan.effect


def test_changed_rules_make_only_the_listings_due_whose_quantity_changes(shop):
    shop.say({("few", ""): 3, ("many", ""): 9, ("none", ""): 0})
    shop.push_all()

    shop.follow(replace(WHOLE, rules=(PlanRule(RuleRank.CHANNEL, RuleSettings(max_shown=5), "here"),)), now=7)

    assert shop.rows("SELECT sku, desired, changed_at FROM listing WHERE due") == [("many", 5, 7)]


def test_a_channel_pointed_at_another_account_starts_with_nothing_confirmed(shop):
    shop.say({("A", ""): 9})
    shop.push_all()
    first = shop.channel

    shop.configure(replace(WHOLE, account="another"))

    assert shop.channel != first
    assert shop.rows(
        f"SELECT sku, desired, confirmed, due FROM listing WHERE channel_id = {shop.channel}"
    ) == [("A", 9, None, 1)]
    with shop.database.read() as connection:
        assert [row.account for row in reports.channels(connection)] == ["another"]


def test_a_channel_that_comes_back_is_uncertain_even_if_the_return_was_interrupted(shop):
    shop.say({(f"S{number}", ""): 9 for number in range(3)})
    shop.push_all()
    shop.registry.deactivate_others([])

    class PowerCut(Exception):
        pass

    class Faltering(Registry):
        def make_uncertain(self, channel_id, now, skus=None, *, ambiguous=False):
            raise PowerCut

    with pytest.raises(PowerCut):
        Faltering(shop.database).register_channel(WHOLE.name, WHOLE.account, 1)
    shop.configure(WHOLE)

    assert shop.push_all() == ["S0", "S1", "S2"]


def test_a_location_not_named_any_more_is_forgotten_with_its_failures(shop):
    shop.follow(TWO_WAREHOUSES)
    shop.say({("A", "JKT"): 1, ("A", "BDG"): 2, ("B", "SUB"): 3})
    with shop.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO failure SELECT channel_id, identifier, warehouse, sku, 'rejected', '', '', '', 1, 1, 1"
            " FROM listing"
        )
    assert shop.shown() == {("A", "10"): 1, ("A", "20"): 2}

    shop.follow(replace(WHOLE, locations={"JKT": "10"}))

    assert shop.shown() == {("A", "10"): 1}
    assert shop.rows("SELECT sku, warehouse FROM failure") == [("A", "10")]


def test_what_is_forgotten_and_may_show_stock_is_counted_once(shop):
    shop.say({("A", ""): 1, ("B", ""): 0, ("C", ""): 2})
    shop.push_all()

    shop.follow(replace(WHOLE, only_listed=True), listed(("C", "", "C")))

    assert shop.book.take_left_showing(shop.channel) == 1
    assert shop.book.take_left_showing(shop.channel) == 0


def test_two_locations_may_share_a_warehouse(shop):
    shop.follow(replace(WHOLE, locations={"JKT": "10", "BDG": "10"}))
    shop.say({("A", "JKT"): 1, ("A", "BDG"): 2})
    assert shop.shown() == {("A", "10"): 3}

    shop.follow(replace(WHOLE, locations={"BDG": "10"}))

    assert shop.shown() == {("A", "10"): 2}


def test_a_source_that_a_channel_listens_to_no_longer_takes_its_listings_along(shop):
    shop.follow(replace(WHOLE, sources=("erp", "pos")))
    shop.say({("A", "JKT"): ("erp", 1), ("A", "BDG"): ("pos", 2), ("B", ""): ("pos", 3)})

    shop.follow(WHOLE)

    assert shop.shown() == {("A", ""): 1}


def test_a_stock_level_keeps_the_line_that_gave_its_quantity(shop):
    shop.book.apply(1, shop.ids["erp"], [StockChange("A", "", 5, 2, 0), StockChange("B", "", 5, 3, 0)], 1)
    shop.book.apply(2, shop.ids["erp"], [StockChange("A", "", 5, 9, 0), StockChange("B", "", 6, 8, 0)], 1)

    assert shop.rows("SELECT sku, quantity, import_id, line FROM stock") == [("A", 5, 1, 2), ("B", 6, 2, 8)]


def test_a_failure_does_not_pass_on_to_the_sku_that_takes_a_listing_over(shop):
    shop.say({("A", ""): 1, ("B", ""): 2})
    push = shop.begin()
    refused = [
        Settlement(attempt, After.UNTOUCHED, "rejected", refusal=Refusal.NOT_LISTED, charged=True)
        for attempt in push.attempts
    ]
    Ledger(shop.database).settle(push, refused, PushEnd(), now=1, settling=100, asynchronous=False)

    shop.follow(WHOLE, listed(("A", "", "B"), ("B", "", "A")))

    assert shop.rows("SELECT identifier, sku FROM failure") == []
    assert shop.due() == ["A", "B"]


def test_what_is_in_flight_is_forgotten_when_it_is_answered(shop):
    shop.follow(replace(WHOLE, locations={"JKT": "10"}))
    shop.say({("A", "JKT"): 1})
    push = shop.begin()

    shop.follow(replace(WHOLE, locations={"BDG": "20"}))
    assert shop.shown() == {("A", "10"): 1}
    assert shop.book.lingers(shop.channel)
    shop.book.forget_lingering(shop.channel, 2)
    assert shop.book.lingers(shop.channel)

    shop.confirm(push)
    shop.book.forget_lingering(shop.channel, 3)

    assert shop.listings() == {}
    assert not shop.book.lingers(shop.channel)
    assert shop.book.take_left_showing(shop.channel) == 1
