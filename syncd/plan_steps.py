"""How the plan in force leads from stock levels to what a SKU's listings show, as plain values."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from state.explaining import LevelRow, Place
from state.followed_plans import FollowedPlan, PartLevel
from state.planning import placing
from state.plans import BundleRow, ListedRow, Rounding, Selling
from syncd.core.rules import Cascade, Case, Holding, Rules, Step, explain

_PER_PERCENT = 10_000
_ROUNDED = {Rounding.DOWN: "floor", Rounding.NEAREST: "round", Rounding.UP: "ceil"}
_NOWHERE = Holding(None, "")


class Shown(NamedTuple):
    """What the rules make of the stock that a listing has. `sku_stock`: the SKU's on the whole channel."""

    stock: int
    sku_stock: int
    rules: Rules
    holding: dict[str, Holding]
    steps: list[Step]

    @property
    def quantity(self) -> int:
        """What is shown in the end."""
        return self.steps[-1].quantity if self.steps else self.stock


def left_out(followed: FollowedPlan, level: LevelRow) -> str | None:
    """Tell why a stock level does not count on a channel; None where it does."""
    if followed.components:
        return "bundle"
    if level.source not in followed.plan.sources:
        return "source"
    return "location" if placing(followed.plan)(level.location) is None else None


def warehouse_of(followed: FollowedPlan, level: LevelRow) -> str | None:
    """Tell the warehouse that shows a stock level; None where none does."""
    return None if left_out(followed, level) is not None else placing(followed.plan)(level.location)


def shown_of(followed: FollowedPlan, sku: str, warehouse: str) -> Shown | None:
    """Go from the stock in a warehouse to what is shown of it; None where there is no stock level."""
    plan, basis = followed.plan, followed.basis
    stock = basis.stock.get(warehouse)
    if stock is None:
        return None
    cascade, sku_stock = Cascade(plan), sum(basis.stock.values())
    return Shown(
        stock,
        sku_stock,
        cascade.of(sku, warehouse, basis.rules),
        cascade.holding(sku, warehouse, basis.rules),
        explain(plan, Case(sku, warehouse, stock, sku_stock, basis.rules)),
    )


def rules_as_json(followed: FollowedPlan | None) -> dict[str, Any]:
    """Give what holds on a channel for a SKU that no narrower rule names."""
    rules = Rules()
    if followed is not None:
        wide = tuple(rule for rule in followed.plan.rules if not rule.pattern)
        rules = Cascade(replace(followed.plan, rules=wide)).of("", "", ())
    return {
        "safety_stock": rules.safety_stock,
        "share": percent(rules.share_ppm),
        "max_shown": rules.max_shown,
        "min_shown": rules.min_shown,
        "last_units": rules.last_units,
        "last_units_channel": rules.last_units_channel,
        "rounding": rules.rounding,
        "selling": rules.selling,
    }


def steps_as_json(shown: Shown | None) -> dict[str, Any]:
    """Tell which rule gave which step, and what the last units and a pause follow from."""
    if shown is None:
        return {"steps": [], "last_units": None, "paused_by": None}
    rules, holding = shown.rules, shown.holding
    last_units = None
    if shown.sku_stock < rules.last_units:
        last_units = {
            "below": rules.last_units,
            "channel": rules.last_units_channel,
            "origin": holding.get("last_units", _NOWHERE).origin,
        }
    paused = rules.selling is Selling.PAUSED
    return {
        "steps": [
            {
                "setting": step.setting.removesuffix("_ppm"),
                "value": percent(rules.share_ppm) if step.setting == "share_ppm" else step.value,
                "origin": step.origin or None,
                "quantity": step.quantity,
            }
            for step in shown.steps
        ],
        "last_units": last_units,
        "paused_by": holding.get("selling", _NOWHERE).origin if paused else None,
    }


def arithmetic(shown: Shown) -> str:
    """Write out what the rules make of a stock: `min(10, floor((15 - 2) x 80%)) = 10`."""
    rules = shown.rules
    if any(step.setting == "selling" for step in shown.steps):
        return "selling is stopped = 0"
    if any(step.setting == "last_units" for step in shown.steps):
        who = f"only {rules.last_units_channel} shows" if rules.last_units_channel else "no channel shows"
        return f"{shown.sku_stock} left here, fewer than {rules.last_units}, which {who} = 0"
    rounded = _ROUNDED[rules.rounding]
    text = f"{rounded}(({shown.stock} - {rules.safety_stock}) x {percent(rules.share_ppm)})"
    if rules.max_shown is not None:
        text = f"min({rules.max_shown}, {text})"
    below = " (never below 0)" if shown.stock < rules.safety_stock else ""
    quantities = [shown.stock, *(step.quantity for step in shown.steps)]
    if shown.steps and shown.steps[-1].setting == "min_shown" and quantities[-2] > quantities[-1]:
        return f"{text} = {quantities[-2]}, fewer than {rules.min_shown} = 0"
    return f"{text} = {shown.quantity}{below}"


def bundle_as_json(followed: FollowedPlan) -> dict[str, Any] | None:
    """Tell what a bundle is made of, and at each location how many that makes; None of any other SKU."""
    if not followed.components:
        return None
    place, sources = placing(followed.plan), followed.plan.sources
    there: dict[str, dict[str, PartLevel]] = {}
    for part in followed.parts:
        if part.source in sources:
            there.setdefault(part.location, {})[part.component] = part
    return {
        "components": [_component(row, row.component_sku) for row in followed.components],
        "locations": [
            {"location": location, "warehouse": place(location), **_makes(followed.components, parts)}
            for location, parts in sorted(there.items())
        ],
    }


def _makes(components: list[BundleRow], parts: dict[str, PartLevel]) -> dict[str, Any]:
    """Count the bundles at one location; where a component has no stock level there, there are none."""
    each: dict[str, int | None] = {}
    for row in components:
        part = parts.get(row.component_sku)
        each[row.component_sku] = None if part is None else part.quantity // row.units
    counts = [count for count in each.values() if count is not None]
    makes = min(counts) if len(counts) == len(components) else None
    return {
        "makes": makes,
        "bottleneck": [sku for sku, count in each.items() if count == makes],
        "components": [
            {
                "sku": row.component_sku,
                "units": row.units,
                "quantity": parts[row.component_sku].quantity if row.component_sku in parts else None,
                "source": parts[row.component_sku].source if row.component_sku in parts else None,
                "makes": each[row.component_sku],
            }
            for row in components
        ],
    }


def bundles_as_json(followed: FollowedPlan) -> dict[str, Any]:
    """Tell which bundles a SKU is in."""
    return {
        "in_bundles": [_component(row, row.bundle_sku) for row in followed.bundles],
        "in_bundles_count": followed.bundle_count,
    }


def _component(row: BundleRow, sku: str) -> dict[str, Any]:
    return {"sku": sku, "units": row.units, "origin": row.origin}


def listed_by(followed: FollowedPlan, place: Place) -> str | None:
    """Tell where it stands what a listing is called; None where it is called by its SKU, or is none."""
    identifier, warehouse = place
    for row in followed.listed:
        if row.identifier == identifier and row.warehouse in {"", warehouse}:
            return row.origin
    return None


def unlisted(followed: FollowedPlan) -> Iterator[dict[str, Any]]:
    """Tell of each warehouse with stock that has no listing of the SKU why that is so."""
    shown_in = {warehouse for _, warehouse in followed.basis.wanted}
    for warehouse in followed.basis.stock:
        if warehouse not in shown_in:
            because, row = _reason(followed, warehouse)
            yield {
                "warehouse": warehouse,
                "because": because,
                "sku": None if row is None or because != "name_taken" else row.sku,
                "origin": None if row is None else row.origin,
            }


def _reason(followed: FollowedPlan, warehouse: str) -> tuple[str, ListedRow | None]:
    """Tell why a SKU has no listing in a warehouse, and the row that says so."""
    if followed.listed:
        return "listed_elsewhere", followed.listed[0]
    if followed.plan.only_listed:
        return "only_listed", None
    return "name_taken", next((row for row in followed.taken if row.warehouse in {"", warehouse}), None)


def percent(share_ppm: int) -> str:
    """Write a share."""
    return f"{share_ppm / _PER_PERCENT:g}%"
