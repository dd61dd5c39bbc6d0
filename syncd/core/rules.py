"""What a listing shows, from its stock: rules in a cascade, and an arithmetic that is the same for all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from state.plans import SETTINGS, ChannelPlan, Rounding, RuleRow, RuleSettings, Selling
from state.records import MAX_QUANTITY
from syncd.core.patterns import SkuPatterns

MILLION = 1_000_000
MOST_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a listing, with every default; see `state.plans.RuleSettings`."""

    safety_stock: int = 0
    share_ppm: int = MILLION
    max_shown: int | None = None
    min_shown: int = 0
    last_units: int = 0
    last_units_channel: str | None = None
    rounding: Rounding = Rounding.DOWN
    selling: Selling = Selling.NORMAL


class Holding(NamedTuple):
    """A setting that holds, and where it stands ("" = nowhere: it is the default)."""

    value: object
    origin: str


class Step(NamedTuple):
    """One step of the arithmetic: the setting, what it says, where it stands, and the quantity after it."""

    setting: str
    value: object
    origin: str
    quantity: int


class Cascade:
    """The rules of a plan, the narrower before the wider."""

    def __init__(self, plan: ChannelPlan) -> None:
        """Prepare the rules that may hold for many SKUs."""
        self._wide = [rule for rule in plan.rules if not rule.pattern]
        self._narrower = [rule for rule in plan.rules if rule.pattern]
        self._patterns = SkuPatterns([rule.pattern for rule in self._narrower])
        self._known: dict[tuple[tuple[int, ...], tuple[str, ...]], Rules] = {}
        self.common = _rules_of(rule.settings for rule in self._wide)
        """What holds for a SKU that no pattern and no rule of its own names."""

    @property
    def tells_skus_apart(self) -> bool:
        """Whether any pattern makes a difference between SKUs that have no rules of their own."""
        return bool(self._narrower)

    def of(self, sku: str, warehouse: str, rows: Sequence[RuleRow]) -> Rules:
        """Give what holds for a listing. `rows`: the SKU's own rules."""
        matching = self._patterns.matching(sku) if self._narrower else ()
        own = _own(rows, warehouse) if rows else ()
        if not matching and not own:
            return self.common
        key = matching, tuple([row.settings for row in own])
        rules = self._known.get(key)
        if rules is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            layers = self._layers(matching, own)
            rules = self._known[key] = _rules_of(settings for settings, _ in layers)
        return rules

    def holding(self, sku: str, warehouse: str, rows: Sequence[RuleRow]) -> dict[str, Holding]:
        """Give each setting that is said for a listing, with where it stands."""
        held: dict[str, Holding] = {}
        for settings, origin in self._layers(self._patterns.matching(sku), _own(rows, warehouse)):
            for name in SETTINGS:
                value = getattr(settings, name)
                if value is not None:
                    held[name] = Holding(value, origin)
        return held

    def _layers(self, matching: Iterable[int], own: Iterable[RuleRow]) -> Iterator[tuple[RuleSettings, str]]:
        """Give the rules that concern a listing, from the widest to the narrowest."""
        for rule in (*self._wide, *(self._narrower[number] for number in matching)):
            yield rule.settings, rule.origin
        for row in own:
            yield RuleSettings.from_text(row.settings), row.origin


def _own(rows: Iterable[RuleRow], warehouse: str) -> list[RuleRow]:
    """Give a SKU's own rules that concern a warehouse, the narrower last; of one rank, in their order."""
    return sorted((row for row in rows if row.warehouse in {"", warehouse}), key=_rank)


def _rank(row: RuleRow) -> int:
    return row.rank


def _rules_of(layers: Iterable[RuleSettings]) -> Rules:
    said: dict[str, object] = {}
    for settings in layers:
        for name in SETTINGS:
            value = getattr(settings, name)
            if value is not None:
                said[name] = value
    return Rules(**said)  # type: ignore[arg-type] # both have the same names and types


def shown(stock: int, sku_stock: int, rules: Rules, channel: str) -> int:
    """Say what a listing shows of its stock. `sku_stock`: the SKU's on the whole channel."""
    *_, last = _arithmetic(stock, sku_stock, rules, channel)
    return last[2]


def _arithmetic(stock: int, sku_stock: int, rules: Rules, channel: str) -> Iterator[tuple[str, object, int]]:
    """Go from stock to quantity: each setting in its turn, with its value and the quantity after it."""
    if rules.selling is Selling.STOPPED:
        yield "selling", rules.selling, 0
        return
    if sku_stock < rules.last_units and rules.last_units_channel != channel:
        yield "last_units", rules.last_units, 0
        return
    quantity = max(stock - rules.safety_stock, 0)
    yield "safety_stock", rules.safety_stock, quantity
    whole, rounded = _rounded(quantity * rules.share_ppm, rules.rounding)
    yield "share_ppm", rules.share_ppm, whole
    yield "rounding", rules.rounding, rounded
    most = MAX_QUANTITY if rules.max_shown is None else min(rules.max_shown, MAX_QUANTITY)
    quantity = min(rounded, most)
    yield "max_shown", rules.max_shown, quantity
    if quantity < rules.min_shown:
        quantity = 0
    yield "min_shown", rules.min_shown, quantity


def _rounded(millionths: int, rounding: Rounding) -> tuple[int, int]:
    """Give the whole units, and what they are once a part of a unit is rounded."""
    whole, part = divmod(millionths, MILLION)
    up = {Rounding.DOWN: False, Rounding.NEAREST: part * 2 >= MILLION, Rounding.UP: part > 0}
    return whole, whole + up[rounding]


class Case(NamedTuple):
    """A listing with its stock. `sku_stock`: the SKU's on the whole channel; `rows`: the SKU's own rules."""

    sku: str
    warehouse: str
    stock: int
    sku_stock: int
    rows: Sequence[RuleRow]


def explain(plan: ChannelPlan, case: Case) -> list[Step]:
    """Say step by step what a listing shows of its stock, and which rule gave each step.

    Settings that nobody said, and that did nothing, are left out. The last quantity is what is shown; without
    any step that is the stock.
    """
    cascade = Cascade(plan)
    held = cascade.holding(case.sku, case.warehouse, case.rows)
    rules = cascade.of(case.sku, case.warehouse, case.rows)
    steps, before = [], case.stock
    for setting, value, quantity in _arithmetic(case.stock, case.sku_stock, rules, plan.name):
        if setting in held or quantity != before:
            steps.append(Step(setting, value, held.get(setting, Holding(None, "")).origin, quantity))
        before = quantity
    return steps


def decide(plan: ChannelPlan) -> Callable[[str, str, int, int, Sequence[RuleRow]], tuple[int, bool]]:
    """Give what decides for a plan: what a listing shows, and whether it is left alone.

    From SKU, warehouse, its stock there and on the whole channel, and the SKU's own rules.
    """
    cascade, channel = Cascade(plan), plan.name
    common, tells_skus_apart = cascade.common, cascade.tells_skus_apart
    # Hashing rules costs more than all the rest, so what holds for nearly all SKUs is told by identity.
    known_commonly: dict[object, tuple[int, bool]] = {}
    known: dict[object, tuple[int, bool]] = {}

    def decision(
        sku: str, warehouse: str, units: int, sku_stock: int, rows: Sequence[RuleRow]
    ) -> tuple[int, bool]:
        rules = cascade.of(sku, warehouse, rows) if rows or tells_skus_apart else common
        # What the last units are compared with is all that matters of the SKU's stock.
        stock = (units, min(sku_stock, rules.last_units)) if rules.last_units else units
        memo, key = (known_commonly, stock) if rules is common else (known, (rules, stock))
        found = memo.get(key)
        if found is None:
            if len(memo) >= MOST_REMEMBERED:
                memo.clear()
            quantity = shown(units, sku_stock, rules, channel)
            found = memo[key] = quantity, rules.selling is Selling.PAUSED
        return found

    return decision
