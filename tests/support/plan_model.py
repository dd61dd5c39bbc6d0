"""What a channel should show by its plan, said naively: SKU by SKU, with plain dicts and fractions.

It shares no code with what it is compared with, and is as slow as it is plain.
"""

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from math import ceil, floor

from hypothesis import strategies as st

from state.database import Database
from state.plans import (
    BundleRow,
    ChannelPlan,
    ListedRow,
    PlanRows,
    PlanRule,
    Rounding,
    RuleRank,
    RuleRow,
    RuleSettings,
    Selling,
    encode,
)

SOURCES = ("erp", "pos")
LOCATIONS = ("", "JKT", "BDG", "SUB")
WAREHOUSES = ("10", "20")
SKUS = ("A", "AB", "B", "C'%", "D", "E")
NAMES = (*SKUS, encode("product_id", "1"), encode("product_id", "2"), "shop name")
MOST = 2**31 - 1

Key = tuple[str, str]
"""Identifier and warehouse of a listing."""


@dataclass
class Wish:
    """All that one channel's listings follow from."""

    plan: ChannelPlan
    stock: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """By SKU and location: which source said it, and how much."""
    rules: dict[tuple[str, str, int], RuleSettings] = field(default_factory=dict)
    listed: frozenset[tuple[str, str, str]] = frozenset()
    bundles: dict[tuple[str, str], int] = field(default_factory=dict)

    def rows(self, origin: str = "here") -> PlanRows:
        """The rows of the plan."""
        return PlanRows(
            [RuleRow(*key, said.as_text(), origin) for key, said in self.rules.items()],
            [ListedRow(*one, origin) for one in sorted(self.listed)],
            [BundleRow(*key, units, origin) for key, units in self.bundles.items()],
        )

    def listings(self) -> dict[Key, tuple[str, int, int]]:
        """SKU, desired quantity and pause of every listing that there should be."""
        found: dict[Key, tuple[str, int, int]] = {}
        for sku in {sku for sku, _ in self.stock} | {bundle for bundle, _ in self.bundles}:
            by_warehouse = self._by_warehouse(sku)
            for warehouse, units in by_warehouse.items():
                rules = self._rules(sku, warehouse)
                shown = _shown(rules, units, sum(by_warehouse.values()), self.plan.name)
                for name in self._names(sku, warehouse):
                    assert (name, warehouse) not in found, "two SKUs have one listing"
                    found[name, warehouse] = (sku, shown, int(rules.get("selling") == Selling.PAUSED))
        return found

    def _levels(self, sku: str) -> dict[str, int]:
        return {
            place: quantity
            for (one, place), (source, quantity) in self.stock.items()
            if one == sku and source in self.plan.sources
        }

    def _by_warehouse(self, sku: str) -> dict[str, int]:
        parts = {component: units for (bundle, component), units in self.bundles.items() if bundle == sku}
        levels = self._levels(sku)
        if parts:
            known = {component: self._levels(component) for component in parts}
            levels = {
                place: min(known[component][place] // units for component, units in parts.items())
                for place in LOCATIONS
                if all(place in known[component] for component in parts)
            }
        found: dict[str, int] = {}
        for place, quantity in levels.items():
            if self.plan.locations is not None:
                if place in self.plan.locations:
                    warehouse = self.plan.locations[place]
                    found[warehouse] = found.get(warehouse, 0) + quantity
            elif self.plan.counted is None or place in self.plan.counted:
                found[""] = found.get("", 0) + quantity
        return found

    def _names(self, sku: str, warehouse: str) -> set[str]:
        own = [(place, name) for one, place, name in self.listed if one == sku]
        if own:
            return {name for place, name in own if place in {"", warehouse}}
        if self.plan.only_listed:
            return set()
        taken = {name for other, place, name in self.listed if other != sku and place in {"", warehouse}}
        return set() if sku in taken else {sku}

    def _rules(self, sku: str, warehouse: str) -> dict[str, object]:
        said: dict[str, object] = {}
        for rule in self.plan.rules:
            if not rule.pattern or _matches(sku, rule.pattern):
                said |= _said(rule.settings)
        for rank in (RuleRank.SKU, RuleRank.LISTING, RuleRank.WAREHOUSE):
            for place in ("", warehouse):
                if (sku, place, rank) in self.rules:
                    said |= _said(self.rules[sku, place, rank])
        return said


def _said(settings: RuleSettings) -> dict[str, object]:
    return {name: value for name, value in asdict(settings).items() if value is not None}


def _matches(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_matches(text[start:], pattern[1:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and _matches(text[1:], pattern[1:])


def _shown(rules: dict, units: int, of_sku: int, channel: str) -> int:
    if rules.get("selling") == Selling.STOPPED:
        return 0
    if of_sku < rules.get("last_units", 0) and rules.get("last_units_channel") != channel:
        return 0
    exact = (units - rules.get("safety_stock", 0)) * Fraction(rules.get("share_ppm", 1_000_000), 1_000_000)
    rounded = {
        Rounding.DOWN: floor,
        Rounding.UP: ceil,
        Rounding.NEAREST: lambda number: floor(number + Fraction(1, 2)),
    }[rules.get("rounding", Rounding.DOWN)](exact)
    shown = min(max(rounded, 0), rules.get("max_shown", MOST), MOST)
    return 0 if shown < rules.get("min_shown", 0) else shown


def difference(before: dict[Key, list], after: dict[Key, list]) -> dict[str, int]:
    """What a plan changed, in the words of `PlanComparison`, from all listings before and after."""
    both = [(before[key], after[key]) for key in before.keys() & after.keys()]
    new = [after[key] for key in after.keys() - before.keys()]
    gone = [before[key] for key in before.keys() - after.keys()]
    return {
        "listings": len(before),
        "shown": sum(desired > 0 for _, desired, _ in before.values()),
        "units_before": sum(desired for _, desired, _ in before.values()),
        "units_after": sum(desired for _, desired, _ in after.values()),
        "up": sum(now[1] > was[1] for was, now in both),
        "down": sum(0 < now[1] < was[1] for was, now in both),
        "to_zero": sum(now[1] == 0 < was[1] for was, now in both),
        "new": len(new),
        "gone": len(gone),
        "gone_shown": sum(desired > 0 for _, desired, _ in gone),
        "paused": sum(paused for *_, paused in new) + sum(now[2] > was[2] for was, now in both),
        "resumed": sum(now[2] < was[2] for was, now in both),
    }


_TABLES = (
    *("listing", "failure", "attempt", "push", "stock", "past_level", "rule", "listed", "bundle"),
    *("import_change", "import", "warehouse_hold", "channel", "source"),
)


def emptied(database: Database) -> Database:
    """Forget all: making a database anew for each example would take most of the time."""
    with database.write() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    return database


quantities = st.one_of(st.integers(0, 20), st.integers(0, MOST))
said = st.builds(
    RuleSettings,
    safety_stock=st.none() | st.integers(0, 8),
    share_ppm=st.none() | st.sampled_from((0, 1, 333_333, 500_000, 999_999, 1_000_000)),
    max_shown=st.none() | st.integers(0, 12),
    min_shown=st.none() | st.integers(0, 6),
    last_units=st.none() | st.integers(0, 12),
    last_units_channel=st.none() | st.sampled_from(("shop", "another")),
    rounding=st.none() | st.sampled_from(Rounding),
    selling=st.none() | st.sampled_from(Selling),
)
stocks = st.dictionaries(
    st.tuples(st.sampled_from(SKUS), st.sampled_from(LOCATIONS)),
    st.tuples(st.sampled_from(SOURCES), quantities),
    max_size=10,
)
_places = st.none() | st.dictionaries(
    st.sampled_from(LOCATIONS), st.sampled_from(WAREHOUSES), min_size=1, max_size=4
)
_wide = st.lists(
    st.builds(PlanRule, st.just(RuleRank.CHANNEL), said, st.just("here"))
    | st.builds(
        PlanRule,
        st.just(RuleRank.PATTERN),
        said,
        st.just("here"),
        st.sampled_from(("A*", "?", "*B", "C'%", "??*")),
    ),
    max_size=3,
).map(lambda rules: tuple(sorted(rules, key=lambda rule: rule.rank)))
plans = st.builds(
    ChannelPlan,
    name=st.just("shop"),
    account=st.just("acc"),
    sources=st.sampled_from((("erp",), ("pos",), ("erp", "pos"))),
    locations=_places,
    counted=st.none() | st.sets(st.sampled_from(LOCATIONS), min_size=1).map(lambda some: tuple(sorted(some))),
    rules=_wide,
    only_listed=st.booleans(),
)
own_rules = st.dictionaries(
    st.tuples(
        st.sampled_from(SKUS),
        st.sampled_from(
            (("", RuleRank.SKU), ("", RuleRank.LISTING), ("10", RuleRank.WAREHOUSE), ("", RuleRank.WAREHOUSE))
        ),
    ).map(lambda key: (key[0], key[1][0], int(key[1][1]))),
    said,
    max_size=4,
)


def _apart(rows) -> frozenset[tuple[str, str, str]]:
    """Of two SKUs that would have one listing, leave out the later."""
    kept: list[tuple[str, str, str]] = []
    for sku, place, name in rows:
        shared = [
            one
            for one in kept
            if one[2] == name and one[0] != sku and ("" in {place, one[1]} or place == one[1])
        ]
        if not shared:
            kept.append((sku, place, name))
    return frozenset(kept)


listed_rows = st.lists(
    st.tuples(st.sampled_from(SKUS), st.sampled_from(("", *WAREHOUSES)), st.sampled_from(NAMES)), max_size=6
).map(_apart)


def _no_nests(rows: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    bundles = {bundle for bundle, _ in rows}
    return {key: units for key, units in rows.items() if key[1] not in bundles}


bundle_rows = st.dictionaries(
    st.tuples(st.sampled_from(SKUS), st.sampled_from(SKUS)), st.integers(1, 4), max_size=4
).map(_no_nests)
wishes = st.builds(Wish, plan=plans, stock=stocks, rules=own_rules, listed=listed_rows, bundles=bundle_rows)
