from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from fnmatch import fnmatchcase
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import syncd.core.rules
from state.plans import SETTINGS, ChannelPlan, PlanRule, Rounding, RuleRank, RuleRow, RuleSettings, Selling
from state.records import MAX_QUANTITY
from syncd.core.rules import MILLION, Cascade, Case, Rules, Step, decide, explain, shown

SHOPS = ("toko", "toco", "third")
BARE = ChannelPlan("toko", "account", ("erp",))

few = st.integers(0, 9)
units = st.one_of(few, st.integers(0, 30), st.integers(0, MAX_QUANTITY))
shares = st.one_of(st.integers(0, MILLION), st.sampled_from([0, 1, 333_333, 500_000, MILLION]))
rules = st.builds(
    Rules,
    safety_stock=units,
    share_ppm=shares,
    max_shown=st.none() | units,
    min_shown=units,
    last_units=units,
    last_units_channel=st.none() | st.sampled_from(SHOPS),
    rounding=st.sampled_from(Rounding),
    selling=st.sampled_from(Selling),
)
settings = st.builds(
    RuleSettings,
    safety_stock=st.none() | st.integers(0, 9),
    share_ppm=st.none() | shares,
    max_shown=st.none() | st.integers(0, 20),
    min_shown=st.none() | st.integers(0, 5),
    last_units=st.none() | st.integers(0, 9),
    last_units_channel=st.none() | st.sampled_from(SHOPS),
    rounding=st.none() | st.sampled_from(Rounding),
    selling=st.none() | st.sampled_from(Selling),
)
skus = st.text("AB", min_size=1, max_size=3)
wide_ranks = st.sampled_from([RuleRank.DEFAULT, RuleRank.CHANNEL])
plan_rules = st.one_of(
    st.builds(PlanRule, wide_ranks, settings, st.just("wide")),
    st.builds(PlanRule, st.just(RuleRank.PATTERN), settings, st.just("p"), st.text("AB*?", min_size=1)),
)
plans = st.lists(plan_rules, max_size=5).map(
    lambda found: replace(BARE, rules=tuple(sorted(found, key=lambda rule: rule.rank)))
)


@st.composite
def rows_of_a_sku(draw, sku="A"):
    found = []
    for said in draw(st.lists(settings, max_size=3)):
        rank = draw(st.sampled_from([RuleRank.SKU, RuleRank.LISTING, RuleRank.WAREHOUSE]))
        warehouse = draw(st.sampled_from(["W1", "W2"])) if rank is RuleRank.WAREHOUSE else ""
        found.append(RuleRow(sku, warehouse, rank, said.as_text(), f"rules.csv line {len(found) + 2}"))
    return found


def naive(stock: int, sku_stock: int, one: Rules, channel: str) -> int:
    """The arithmetic as it is told to people, in fractions."""
    if one.selling == "stopped":
        return 0
    if sku_stock < one.last_units and channel != one.last_units_channel:
        return 0
    exact = max(Fraction(0), Fraction(stock - one.safety_stock)) * Fraction(one.share_ppm, 10**6)
    whole, part = exact.numerator // exact.denominator, exact - exact.numerator // exact.denominator
    if (one.rounding == "up" and part > 0) or (one.rounding == "nearest" and part >= Fraction(1, 2)):
        whole += 1
    whole = min(whole, 999_999_999_999 if one.max_shown is None else one.max_shown, MAX_QUANTITY)
    return whole if whole >= one.min_shown else 0


def naive_cascade(plan: ChannelPlan, sku: str, warehouse: str, rows: Sequence[RuleRow]) -> Rules:
    """Look up each setting by itself, from the narrowest rule to the widest."""
    said = [(rule.rank, rule.settings) for rule in plan.rules if fnmatchcase(sku, rule.pattern or "*")]
    said += [
        (row.rank, RuleSettings.from_text(row.settings)) for row in rows if row.warehouse in ("", warehouse)
    ]
    found = {}
    for name in SETTINGS:
        values = [(rank, place, getattr(one, name)) for place, (rank, one) in enumerate(said)]
        values = [value for value in values if value[2] is not None]
        if values:
            found[name] = max(values, key=lambda value: value[:2])[2]
    return Rules(**found)


@pytest.mark.parametrize(
    ("said", "stock", "quantity"),
    [
        ({}, 5, 5),
        ({"safety_stock": 2}, 5, 3),
        ({"safety_stock": 2}, 1, 0),
        ({"share_ppm": 500_000}, 5, 2),
        ({"share_ppm": 500_000, "rounding": Rounding.NEAREST}, 5, 3),
        ({"share_ppm": 499_999, "rounding": Rounding.NEAREST}, 5, 2),
        ({"share_ppm": 100_000, "rounding": Rounding.UP}, 11, 2),
        ({"share_ppm": 100_000, "rounding": Rounding.UP}, 10, 1),
        ({"share_ppm": 333_333}, 3, 0),
        ({"share_ppm": 0, "rounding": Rounding.UP}, 9, 0),
        ({"safety_stock": 3, "share_ppm": 500_000}, 9, 3),
        ({"max_shown": 4}, 5, 4),
        ({"max_shown": 0}, 5, 0),
        ({"max_shown": MAX_QUANTITY + 9}, MAX_QUANTITY + 5, MAX_QUANTITY),
        ({"min_shown": 5}, 5, 5),
        ({"min_shown": 6}, 5, 0),
        ({"share_ppm": 500_000, "min_shown": 3}, 5, 0),
        ({"last_units": 5}, 5, 5),
        ({"last_units": 6}, 5, 0),
        ({"last_units": 6, "last_units_channel": "toco"}, 5, 0),
        ({"last_units": 6, "last_units_channel": "toko"}, 5, 5),
        ({"selling": Selling.STOPPED}, 5, 0),
        ({"selling": Selling.PAUSED, "safety_stock": 1}, 5, 4),
    ],
)
def test_what_is_shown_of_a_stock(said, stock, quantity):
    assert shown(stock, stock, Rules(**said), "toko") == quantity


@given(units, units, rules, st.sampled_from(SHOPS))
def test_what_is_shown_is_what_exact_fractions_give(stock, elsewhere, one, channel):
    assert shown(stock, stock + elsewhere, one, channel) == naive(stock, stock + elsewhere, one, channel)


@given(units, units, rules, st.sampled_from(SHOPS))
def test_never_below_zero_and_never_above_the_stock(stock, elsewhere, one, channel):
    quantity = shown(stock, stock + elsewhere, one, channel)

    assert 0 <= quantity <= min(stock, MAX_QUANTITY)
    assert one.max_shown is None or quantity <= one.max_shown
    assert quantity == 0 or quantity >= one.min_shown


def test_no_marketplace_is_told_more_than_any_of_them_takes():
    assert shown(MAX_QUANTITY * 3, MAX_QUANTITY * 3, Rules(), "toko") == MAX_QUANTITY


@given(units, units, units, rules, st.sampled_from(SHOPS))
def test_more_stock_never_shows_less(stock, more, elsewhere, one, channel):
    less = shown(stock, stock + elsewhere, one, channel)

    assert less <= shown(stock + more, stock + more + elsewhere, one, channel)


@pytest.mark.parametrize(
    ("name", "direction"),
    [("safety_stock", -1), ("share_ppm", 1), ("max_shown", 1), ("min_shown", -1), ("last_units", -1)],
)
@given(data=st.data())
def test_each_setting_works_in_its_direction(name, direction, data):
    stock, one = data.draw(units), data.draw(rules)
    low, high = sorted(data.draw(st.tuples(*[shares if name == "share_ppm" else units] * 2)))
    quantities = [shown(stock, stock, replace(one, **{name: value}), "toko") for value in (low, high)]

    # The least to show may hide what a higher maximum or share would let through, never what a lower one did.
    assert quantities == sorted(quantities, reverse=direction < 0)


@given(units, rules)
def test_rounding_up_shows_no_less_than_nearest_and_that_no_less_than_down(stock, one):
    by = [shown(stock, stock, replace(one, rounding=way), "toko") for way in ("down", "nearest", "up")]

    assert by == sorted(by)


@given(st.lists(shares, min_size=1, max_size=5), units, rules)
def test_shares_within_a_whole_never_add_up_to_more_than_the_stock(parts, stock, one):
    assume(sum(parts) <= MILLION)
    one = replace(one, rounding=Rounding.DOWN)

    assert sum(shown(stock, stock, replace(one, share_ppm=part), "toko") for part in parts) <= stock


@given(st.integers(0, 20), st.integers(1, 20), rules)
def test_the_last_units_are_shown_on_one_channel_only(stock, below, one):
    one = replace(one, last_units=below, last_units_channel="toco")
    without = replace(one, last_units=0)

    for channel in SHOPS:
        expected = 0 if stock < below and channel != "toco" else shown(stock, stock, without, channel)
        assert shown(stock, stock, one, channel) == expected


def test_the_last_units_are_those_of_all_warehouses_together():
    plan = replace(BARE, rules=(wide(last_units=5, last_units_channel="toco"),))

    decision = decide(plan)

    assert [decision("A", "W1", 2, 5, ()), decision("A", "W2", 3, 5, ())] == [(2, False), (3, False)]
    assert [decision("A", "W1", 2, 4, ()), decision("A", "W2", 2, 4, ())] == [(0, False), (0, False)]


@given(units, units, rules)
def test_stopped_is_zero_whatever_else_holds(stock, elsewhere, one):
    assert shown(stock, stock + elsewhere, replace(one, selling=Selling.STOPPED), "toko") == 0


def wide(**said) -> PlanRule:
    return PlanRule(RuleRank.CHANNEL, RuleSettings(**said), "syncd.toml")


def row(rank, warehouse="", **said) -> RuleRow:
    return RuleRow("A", warehouse, rank, RuleSettings(**said).as_text(), "rules.csv line 7")


def test_a_pause_is_told_and_the_quantity_computed_all_the_same():
    plan = replace(BARE, rules=(wide(selling=Selling.PAUSED, safety_stock=1),))

    assert decide(plan)("A", "", 5, 5, ()) == (4, True)
    assert decide(plan)("A", "", 5, 5, [row(RuleRank.SKU, selling=Selling.NORMAL)]) == (4, False)


@given(plans, skus, st.sampled_from(["", "W1", "W2"]), rows_of_a_sku())
def test_the_cascade_is_what_looking_up_each_setting_gives(plan, sku, warehouse, rows):
    cascade = Cascade(plan)
    expected = naive_cascade(plan, sku, warehouse, rows)

    assert cascade.of(sku, warehouse, rows) == expected
    assert cascade.of(sku, warehouse, rows) == expected, "the second time it is remembered"
    held = cascade.holding(sku, warehouse, rows)
    assert {name: one.value for name, one in held.items()}.items() <= asdict(expected).items()


@given(plans, st.data())
def test_what_is_remembered_of_one_sku_never_leaks_into_another(plan, data):
    cascade = Cascade(plan)
    for _ in range(6):
        sku, warehouse, rows = data.draw(st.tuples(skus, st.sampled_from(["W1", "W2"]), rows_of_a_sku()))
        assert cascade.of(sku, warehouse, rows) == naive_cascade(plan, sku, warehouse, rows)


def test_of_two_rules_of_one_rank_the_later_holds():
    rules = tuple(
        PlanRule(RuleRank.PATTERN, RuleSettings(max_shown=most), "rules.csv", pattern)
        for most, pattern in ((1, "A*"), (2, "*A"))
    )

    assert Cascade(replace(BARE, rules=rules)).of("A", "", ()).max_shown == 2
    assert Cascade(replace(BARE, rules=rules[::-1])).of("A", "", ()).max_shown == 1


stocks = st.dictionaries(st.sampled_from(["W1", "W2"]), few, min_size=1)


@given(plans, st.lists(st.tuples(skus, stocks, rows_of_a_sku()), min_size=4, max_size=12))
def test_a_decision_is_what_the_cascade_and_the_arithmetic_give_and_explain_ends_there(plan, found):
    decision = decide(plan)

    for sku, stock, rows in [*found, *found]:
        sku_stock = sum(stock.values())
        for warehouse, units in stock.items():
            quantity, paused = decision(sku, warehouse, units, sku_stock, rows)
            expected = naive_cascade(plan, sku, warehouse, rows)
            assert quantity == naive(units, sku_stock, expected, plan.name)
            assert paused == (expected.selling == "paused")
            steps = explain(plan, Case(sku, warehouse, units, sku_stock, rows))
            assert (steps[-1].quantity if steps else units) == quantity


def test_what_is_remembered_of_a_stock_is_told_apart_by_its_rules_and_by_the_last_units():
    plan = replace(BARE, rules=(wide(last_units=4, last_units_channel="toco"),))
    decision = decide(plan)
    two, one = [row(RuleRank.SKU, max_shown=2)], [row(RuleRank.SKU, max_shown=1)]

    assert [decision("A", "W1", 3, total, ()) for total in (4, 3, 12)] == [(3, False), (0, False), (3, False)]
    assert decision("A", "W1", 5, 5, two) == (2, False)
    assert decision("A", "W1", 5, 5, one) == (1, False)
    assert decision("A", "W1", 5, 5, ()) == (5, False)


def test_no_more_is_remembered_than_fits(monkeypatch):
    monkeypatch.setattr(syncd.core.rules, "MOST_REMEMBERED", 3)
    decision = decide(BARE)

    for most in range(20):
        rows = [row(RuleRank.SKU, max_shown=most)]
        assert decision("A", "", most + 7, most + 7, ()) == (most + 7, False)
        assert decision("A", "", most + 7, most + 7, rows) == (most, False)


@given(plans, units, units, rows_of_a_sku())
def test_each_step_is_of_a_rule_or_changed_something_and_names_where_its_rule_stands(plan, stock, more, rows):
    before = stock
    held = Cascade(plan).holding("A", "W1", rows)
    steps = explain(plan, Case("A", "W1", stock, stock + more, rows))

    for step in steps:
        assert step.quantity != before or step.setting in held
        assert step.origin == (held[step.setting].origin if step.setting in held else "")
        before = step.quantity


def test_steps_go_in_the_order_of_the_arithmetic_each_with_its_origin():
    plan = replace(
        BARE,
        rules=(
            PlanRule(RuleRank.DEFAULT, RuleSettings(safety_stock=2, max_shown=9), "syncd.toml [rules]"),
            PlanRule(RuleRank.PATTERN, RuleSettings(share_ppm=500_000), "rules.csv line 3", "A*"),
        ),
    )
    rows = [row(RuleRank.SKU, min_shown=7, rounding=Rounding.UP)]

    assert explain(plan, Case("A", "", 15, 15, rows)) == [
        Step("safety_stock", 2, "syncd.toml [rules]", 13),
        Step("share_ppm", 500_000, "rules.csv line 3", 6),
        Step("rounding", "up", "rules.csv line 7", 7),
        Step("max_shown", 9, "syncd.toml [rules]", 7),
        Step("min_shown", 7, "rules.csv line 7", 7),
    ]


@pytest.mark.parametrize(
    ("said", "stock", "steps"),
    [
        ({}, 5, []),
        ({"selling": Selling.STOPPED}, 5, [Step("selling", "stopped", "syncd.toml", 0)]),
        ({"last_units": 6, "last_units_channel": "toco"}, 5, [Step("last_units", 6, "syncd.toml", 0)]),
        ({"last_units": 6, "last_units_channel": "toko"}, 5, []),
        (
            {"safety_stock": 7, "min_shown": 1},
            5,
            [Step("safety_stock", 7, "syncd.toml", 0), Step("min_shown", 1, "syncd.toml", 0)],
        ),
        ({}, MAX_QUANTITY + 1, [Step("max_shown", None, "", MAX_QUANTITY)]),
    ],
)
def test_what_ends_the_arithmetic_is_the_last_step(said, stock, steps):
    plan = replace(BARE, rules=(wide(**said),))

    assert explain(plan, Case("A", "", stock, stock, ())) == steps


def test_all_that_a_rule_can_say_is_a_rule_that_holds():
    assert tuple(one.name for one in fields(Rules)) == SETTINGS
