"""What a plan makes of one SKU, for people: a part of what `syncd why` prints."""

from collections.abc import Iterator
from typing import Any

from syncd.cli.output import cell

_LEFT_OUT = {
    "source": "this channel does not take that source",
    "location": "not sold here: the channel's `warehouses` (or `locations`) do not name that location",
    "bundle": "does not count: this SKU is a bundle here, its components say how many there are",
}
_EDITS = {
    "held": "the edit is held: `syncd imports approve {import}` lets it through, `syncd plan` shows it",
    "refused": "what is configured is refused, and the plan before it stays in force: mend that",
    "rejected": "the edit was rejected by hand, and stands in the configuration still: take it back",
    "being_applied": "a plan is being applied: until then a listing keeps what it was given before",
    "not_read": "syncd.toml was edited, and that is not in force: `syncd reload`, or start `syncd run`",
    "not_reloaded": "syncd.toml was edited since the daemon read it: `syncd reload`",
}
_PLANS = {
    "being_applied": "being applied: until then the listing keeps what it was given before",
    "not_in_effect": "not in effect: what is configured is not in force, see above",
}
_FEWER = {
    "safety_stock": "kept back",
    "share": "of what is left",
    "max_shown": "at most",
    "min_shown": "at least, else zero",
}
_DEFAULT = "the default"


def rule_steps(channel: dict[str, Any], listing: dict[str, Any]) -> Iterator[str]:
    """Give the way from the stock to what is to be shown, a line each."""
    if listing["stock"] is not None:
        yield f"stock      {listing['stock']} = {_parts(channel, listing)}"
        yield f"rules      {listing['arithmetic']}"
        before = listing["stock"]
        for step in listing["steps"]:
            yield f"           {_step(step, before)}"
            before = step["quantity"]
        if (last := listing["last_units"]) is not None:
            yield f"last units {_last_units(last)}"
    if listing["paused_by"] is not None:
        yield f"paused     left alone: selling = paused, {cell(listing['paused_by'])}"
    if (identifier := listing["identifier"]) is not None:
        by = f", {cell(listing['listed_by'])}" if listing["listed_by"] else ""
        yield f"listed as  {cell(identifier['kind'])} {cell(identifier['value'])}{by}"
    if listing["plan"] in _PLANS:
        yield f"plan       {_PLANS[listing['plan']]}"


def _parts(channel: dict[str, Any], listing: dict[str, Any]) -> str:
    """Tell what a stock adds up from."""
    if channel["bundle"] is None:
        return " + ".join(f"{level['quantity']} ({where(level)})" for level in listing["levels"])
    return " + ".join(
        f"{one['makes']} (bundles{_at(one['location'])})"
        for one in channel["bundle"]["locations"]
        if one["warehouse"] == listing["warehouse"] and one["makes"] is not None
    )


def _step(step: dict[str, Any], before: int) -> str:
    setting, value = step["setting"], cell(step["value"])
    words = f"{setting} {value}" if setting not in _FEWER else f"{setting} {value} ({_FEWER[setting]})"
    return f"{before} -> {step['quantity']}: {words}, {cell(step['origin'] or _DEFAULT)}"


def _last_units(last: dict[str, Any]) -> str:
    who = f"only {last['channel']} shows them" if last["channel"] else "no channel shows them"
    return f"fewer than {last['below']} are left here: {who}, {cell(last['origin'] or _DEFAULT)}"


def plan_notes(channel: dict[str, Any]) -> Iterator[str]:
    """Tell what concerns the SKU on the whole channel, a line each."""
    if channel["bundle"] is not None:
        yield from _bundle(channel["bundle"])
    for level in channel["not_sold"]:
        yield f"{where(level)} has {level['quantity']:,}: {_LEFT_OUT[level['because']]}"
    for place in channel["unlisted"]:
        yield _unlisted(place)
    if channel["in_bundles"]:
        names = ", ".join(f"{cell(one['sku'])} (takes {one['units']})" for one in channel["in_bundles"])
        more = channel["in_bundles_count"] - len(channel["in_bundles"])
        yield f"a component of {names}{f' and {more:,} more' if more else ''}"
    if (edit := channel["edit"]) is not None:
        told = _EDITS[edit["state"]].format(**edit)
        yield f"{told} ({cell(edit['reason'])})"


def _bundle(bundle: dict[str, Any]) -> Iterator[str]:
    made = " + ".join(f"{one['units']} x {cell(one['sku'])}" for one in bundle["components"])
    yield f"a bundle of {made}, {cell(bundle['components'][0]['origin'])}"
    for one in bundle["locations"]:
        sold = "" if one["warehouse"] is not None else "; not sold here"
        yield f"bundles{_at(one['location'])}: {_makes(one)}{sold}"
    if not bundle["locations"]:
        yield "no stock level of any component counts here"


def _makes(one: dict[str, Any]) -> str:
    short = ", ".join(cell(sku) for sku in one["bottleneck"])
    if one["makes"] is None:
        return f"none, for there is no stock level of {short}"
    parts = ", ".join(
        f"{part['quantity']} {cell(part['sku'])} make {part['makes']}" for part in one["components"]
    )
    return f"{one['makes']}, by {short}: {parts}"


def _unlisted(place: dict[str, Any]) -> str:
    there = f"warehouse {cell(place['warehouse'])}: " if place["warehouse"] else ""
    match place["because"]:
        case "only_listed":
            why = "only_listed = true, and the channel's listings do not name this SKU: it is not sold here"
        case "name_taken":
            why = (
                f"this name is the listing of SKU {cell(place['sku'])} here ({cell(place['origin'])}):"
                " give this SKU a listing of its own"
            )
        case _:
            why = f"the channel's listings name this SKU in other warehouses only ({cell(place['origin'])})"
    return f"{there}{why}"


def where(level: dict[str, Any]) -> str:
    """Name source and location of a stock level."""
    return f"{level['source']} {cell(level['location'])}" if level["location"] else str(level["source"])


def _at(location: str) -> str:
    return f" at {cell(location)}" if location else ""
