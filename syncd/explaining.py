"""Why each channel shows what it shows of one SKU, as plain values: what `syncd why --json` prints."""

from collections.abc import Sequence
from typing import Any

from state.explaining import (
    AttemptRow,
    ChannelRecord,
    LevelRow,
    ListingRow,
    ListingState,
    Place,
    SkuRecord,
    state_of,
)
from state.past_levels import PastLevel
from state.plans import ChannelPlan
from state.records import MAX_QUANTITY
from syncd.config.model import ChannelConfig, Config
from syncd.config.rules import RulesConfig, channel_rules
from syncd.core.rules import Cascade, Rules
from syncd.naming import identifier_as_json
from syncd.times import rfc3339

WHOLE_SHOP = ("",)
_PER_PERCENT = 10_000
_MILLION = 1_000_000


def warehouses_of(channel: ChannelConfig) -> tuple[str, ...]:
    """List the warehouses that a channel's listings can be in."""
    return WHOLE_SHOP if channel.warehouses is None else tuple(dict.fromkeys(channel.warehouses.values()))


def explanation_of(
    config: Config, record: SkuRecord, sku: str, names: Sequence[str], now: int
) -> dict[str, Any]:
    """Tell what follows from what, from the sources to the marketplaces' answers, on the channels named."""
    return {
        "sku": sku,
        "levels": [_level(level) for level in record.levels],
        "held_imports": [
            {"source": held.source, "id": held.id, "name": held.name} for held in record.held_imports
        ],
        "channels": {
            name: _channel(config.channels[name], sku, record.channels.get(name), record.levels, now)
            for name in names
        },
        "nearest": record.nearest,
    }


def _level(level: LevelRow) -> dict[str, Any]:
    return {
        "source": level.source,
        "configured": level.active,
        "location": level.location,
        "quantity": level.quantity,
        "missed": level.missed,
        "line": level.line,
        "import": {
            "id": level.import_id,
            "name": level.import_name,
            "state": level.import_state,
            "at": _time(level.import_at),
        },
        "past": [_past(past) for past in level.past],
    }


def _past(past: PastLevel) -> dict[str, Any]:
    return {
        "until": rfc3339(past.until),
        "quantity": past.quantity,
        "source": past.source,
        "missed": past.missed,
        "line": past.line,
        "import": {"id": past.import_id, "name": past.import_name, "at": _time(past.import_at)},
    }


def _channel(
    channel: ChannelConfig, sku: str, record: ChannelRecord | None, levels: Sequence[LevelRow], now: int
) -> dict[str, Any]:
    nowhere = [(sku, warehouse) for warehouse in warehouses_of(channel)]
    places = nowhere if record is None else list(record.attempts)
    row = None if record is None else record.channel
    paused = None if row is None or (row.paused_until or 0) <= now else row.paused_until
    hold = None
    if row is not None and row.held_at is not None:
        hold = {"since": _time(row.held_at), "code": row.hold_code, "message": row.hold_message}
    return {
        "enabled": channel.enabled,
        "asynchronous": channel.plugin.capabilities.asynchronous,
        "hold": hold,
        "paused_until": _time(paused),
        "rules": {
            "safety_stock": _rules(channel).safety_stock,
            "share": _percent(_rules(channel).share_ppm),
            "max_shown": _rules(channel).max_shown,
        },
        "not_sold": [
            {"source": level.source, "location": level.location, "quantity": level.quantity, "because": why}
            for level in levels
            if (why := _left_out(channel, level)) is not None
        ],
        "listings": [
            {"identifier": identifier_as_json(sku, place[0]), **_place(channel, record, place, levels, now)}
            for place in places
        ],
    }


def _place(
    channel: ChannelConfig,
    record: ChannelRecord | None,
    place: Place,
    levels: Sequence[LevelRow],
    now: int,
) -> dict[str, Any]:
    """Tell all of one listing: what it has, what it should show, what was said to the marketplace."""
    warehouse = place[1]
    stock = _stock(channel, [level for level in levels if _warehouse_of(channel, level) == warehouse])
    listing = None if record is None else record.listings.get(place)
    planned = record is None or record.planned
    return {
        "warehouse": warehouse,
        **stock,
        "plan": _plan(stock["computed"], None if listing is None else listing.desired, planned=planned),
        **_listing(channel, record, place, now),
    }


def _plan(computed: int | None, desired: int | None, *, planned: bool) -> str:
    """Tell whether the ledger follows the configuration, which a daemon reads when it starts."""
    if computed == desired:
        return "in_effect"
    return "not_in_effect" if planned else "being_applied"


def _left_out(channel: ChannelConfig, level: LevelRow) -> str | None:
    """Tell why a stock level does not count on a channel; None where it does."""
    if not level.active or level.source not in channel.sources:
        return "source"
    return None if channel.warehouses is None or level.location in channel.warehouses else "location"


def _warehouse_of(channel: ChannelConfig, level: LevelRow) -> str | None:
    """Tell the warehouse that shows a stock level; None where none does."""
    if _left_out(channel, level) is not None:
        return None
    return "" if channel.warehouses is None else channel.warehouses[level.location]


def _stock(channel: ChannelConfig, counting: Sequence[LevelRow]) -> dict[str, Any]:
    """Give the stock of one warehouse and what the rules make of it; without a stock level there is none."""
    stock = sum(level.quantity for level in counting) if counting else None
    return {
        "levels": [
            {"source": level.source, "location": level.location, "quantity": level.quantity}
            for level in counting
        ],
        "stock": stock,
        "arithmetic": None if stock is None else arithmetic(_rules(channel), stock),
        "computed": None if stock is None else _computed(_rules(channel), stock),
    }


def _rules(channel: ChannelConfig) -> Rules:
    layers = channel_rules(RulesConfig(), channel.rules, channel.name)
    return Cascade(ChannelPlan(channel.name, "", (), rules=layers)).of("", "", ())


def _computed(rules: Rules, stock: int) -> int:
    most = MAX_QUANTITY if rules.max_shown is None else rules.max_shown
    return min(most, max(stock - rules.safety_stock, 0) * rules.share_ppm // _MILLION)


def arithmetic(rules: Rules, stock: int) -> str:
    """Write out what the rules make of a stock: `min(10, floor((15 - 2) x 80%)) = 10`."""
    text = f"floor(({stock} - {rules.safety_stock}) x {_percent(rules.share_ppm)})"
    if rules.max_shown is not None:
        text = f"min({rules.max_shown}, {text})"
    below = " (never below 0)" if stock < rules.safety_stock else ""
    return f"{text} = {_computed(rules, stock)}{below}"


def _listing(channel: ChannelConfig, record: ChannelRecord | None, place: Place, now: int) -> dict[str, Any]:
    """Tell how a listing stands; all is None where there is none."""
    listing = None if record is None else record.listings.get(place)
    hold = None if record is None else record.warehouse_holds.get(place[1])
    attempts = [] if record is None else record.attempts[place]
    held = record is not None and (record.channel.held_at is not None or hold is not None)
    state = None if listing is None else state_of(listing, held=held, now=now)
    in_sync = state is ListingState.IN_SYNC
    return {
        "desired": None if listing is None else listing.desired,
        "confirmed": None if listing is None else listing.confirmed,
        "confirmed_at": None if listing is None else _time(listing.confirmed_at),
        "state": state,
        "paused": listing is not None and listing.paused,
        "verified": in_sync and not channel.plugin.capabilities.asynchronous,
        **_reason(listing, state),
        "warehouse_hold": None
        if hold is None
        else {"since": _time(hold[2]), "code": hold[0], "message": hold[1]},
        "attempts": [_attempt(attempt) for attempt in attempts],
    }


def _reason(listing: ListingRow | None, state: ListingState | None) -> dict[str, Any]:
    """Give what a listing's state follows from, as far as the listing itself knows."""
    in_sync = state in {None, ListingState.IN_SYNC}
    failure = None if listing is None else listing.failure
    return {
        "since": None if listing is None or in_sync else _time(_since(listing)),
        "risk": None if listing is None or in_sync else listing.risk.name.lower(),
        "uncertain": listing is not None and listing.uncertain,
        "refusal": None if listing is None else listing.refusal,
        "next_attempt_at": None if listing is None or in_sync else _time(listing.not_before),
        "reassert_at": None if listing is None else _time(listing.reassert_at),
        "failure": None
        if failure is None or in_sync
        else {
            "outcome": failure.outcome,
            "code": failure.code,
            "message": failure.message,
            "attempts": failure.attempts,
            "first_failed_at": _time(failure.first_failed_at),
        },
    }


def _since(listing: ListingRow) -> int:
    """Tell since when it differs; a mere repetition: since when it is due."""
    if listing.changed or listing.reassert_at is None:
        return listing.changed_at
    return listing.reassert_at


def _attempt(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "at": _time(attempt.started_at),
        "finished_at": _time(attempt.finished_at),
        "quantity": attempt.quantity,
        "outcome": attempt.outcome or "in_flight",
        "code": attempt.code,
        "message": attempt.message,
        "status": attempt.status,
        "push": attempt.push_id,
        "request_id": attempt.request_id,
        "batch_id": attempt.batch_id,
        "changed_at": _time(attempt.changed_at),
    }


def _percent(share_ppm: int) -> str:
    return f"{share_ppm / _PER_PERCENT:g}%"


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
