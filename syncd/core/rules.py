"""What a listing shows, from its stock: rules in a cascade, and an arithmetic that is the same for all."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from state.plans import ChannelPlan, Rounding, RuleRow, RuleSettings, Selling
from state.records import MAX_QUANTITY

MILLION = 1_000_000
MOST_REMEMBERED = 100_000
_ANY = {"*": ".*", "?": "."}


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


def matcher(pattern: str) -> re.Pattern[str]:
    """Read a pattern: `*` stands for any text, `?` for one character, all else for itself."""
    return re.compile("".join(_ANY.get(sign, re.escape(sign)) for sign in pattern), re.DOTALL)


class Cascade:
    """The rules of a plan, the narrower before the wider."""

    def __init__(self, plan: ChannelPlan) -> None:
        """Prepare the rules that may hold for many SKUs."""
        self._wide = [rule for rule in plan.rules if not rule.pattern]
        self._patterns = [(matcher(rule.pattern), rule) for rule in plan.rules if rule.pattern]
        self._settings: dict[str, RuleSettings] = {}
        self._known: dict[tuple[object, ...], Rules] = {}
        self._common = _rules_of(settings for settings, _ in self._layers("", "", ()))

    def of(self, sku: str, warehouse: str, rows: Sequence[RuleRow]) -> Rules:
        """Give what holds for a listing. `rows`: the SKU's own rules."""
        if not rows and not self._patterns:
            return self._common
        layers = tuple(settings for settings, _ in self._layers(sku, warehouse, rows))
        known = self._known.get(layers)
        if known is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            known = self._known[layers] = _rules_of(layers)
        return known

    def holding(self, sku: str, warehouse: str, rows: Sequence[RuleRow]) -> dict[str, Holding]:
        """Give each setting that is said for a listing, with where it stands."""
        held: dict[str, Holding] = {}
        for settings, origin in self._layers(sku, warehouse, rows):
            for name in RuleSettings.__slots__:
                value = getattr(settings, name)
                if value is not None:
                    held[name] = Holding(value, origin)
        return held

    def _layers(
        self, sku: str, warehouse: str, rows: Iterable[RuleRow]
    ) -> Iterator[tuple[RuleSettings, str]]:
        """Give the rules that concern a listing, from the widest to the narrowest."""
        for rule in self._wide:
            yield rule.settings, rule.origin
        for pattern, rule in self._patterns:
            if pattern.fullmatch(sku):
                yield rule.settings, rule.origin
        for row in sorted(rows, key=_rank):
            if row.warehouse in {"", warehouse}:
                yield self._read(row.settings), row.origin

    def _read(self, text: str) -> RuleSettings:
        known = self._settings.get(text)
        if known is None:
            if len(self._settings) >= MOST_REMEMBERED:
                self._settings.clear()
            known = self._settings[text] = RuleSettings.from_text(text)
        return known


def _rank(row: RuleRow) -> int:
    return row.rank


def _rules_of(layers: Iterable[RuleSettings]) -> Rules:
    said: dict[str, object] = {}
    for settings in layers:
        for name in RuleSettings.__slots__:
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
    quantity = _rounded(quantity * rules.share_ppm, rules.rounding)
    yield "share_ppm", rules.share_ppm, quantity
    most = MAX_QUANTITY if rules.max_shown is None else min(rules.max_shown, MAX_QUANTITY)
    quantity = min(quantity, most)
    yield "max_shown", rules.max_shown, quantity
    if quantity < rules.min_shown:
        quantity = 0
    yield "min_shown", rules.min_shown, quantity


def _rounded(millionths: int, rounding: Rounding) -> int:
    if rounding is Rounding.DOWN:
        return millionths // MILLION
    if rounding is Rounding.UP:
        return -(-millionths // MILLION)
    return (millionths + MILLION // 2) // MILLION


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


def decide(
    plan: ChannelPlan,
) -> Callable[[str, Mapping[str, int], Sequence[RuleRow]], list[tuple[str, int, bool]]]:
    """Give what decides for a plan: from a SKU's stock by warehouse to what it shows in each, and pauses."""
    cascade, channel = Cascade(plan), plan.name
    known: dict[tuple[Rules, int, int], int] = {}

    def quantity_of(rules: Rules, units: int, sku_stock: int) -> int:
        # What the last units are compared with is all that matters of the SKU's stock.
        key = (rules, units, min(sku_stock, rules.last_units))
        quantity = known.get(key)
        if quantity is None:
            if len(known) >= MOST_REMEMBERED:
                known.clear()
            quantity = known[key] = shown(units, sku_stock, rules, channel)
        return quantity

    def decision(sku: str, stock: Mapping[str, int], rows: Sequence[RuleRow]) -> list[tuple[str, int, bool]]:
        sku_stock = sum(stock.values())
        found = []
        for warehouse, units in stock.items():
            rules = cascade.of(sku, warehouse, rows)
            quantity = quantity_of(rules, units, sku_stock)
            found.append((warehouse, quantity, rules.selling is Selling.PAUSED))
        return found

    return decision
