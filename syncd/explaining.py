"""Why each channel shows what it shows of one SKU, as plain values: what `syncd why --json` prints."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from state.followed_plans import FollowedPlan
from state.past_levels import PastLevel
from syncd.config.model import ChannelConfig, Config
from syncd.naming import identifier_as_json
from syncd.plan_edits import edit_of
from syncd.plan_steps import (
    arithmetic,
    bundle_as_json,
    bundles_as_json,
    left_out,
    listed_by,
    rules_as_json,
    shown_of,
    steps_as_json,
    unlisted,
    warehouse_of,
)
from syncd.times import rfc3339


@dataclass(frozen=True, slots=True)
class _View:
    """One channel, with what is remembered of one SKU there; `edit` of its plan that is not in force."""

    channel: ChannelConfig
    record: ChannelRecord | None
    sku: str
    levels: Sequence[LevelRow]
    edit: dict[str, Any] | None
    now: int

    @property
    def followed(self) -> FollowedPlan | None:
        """The plan in force."""
        return None if self.record is None else self.record.followed

    @property
    def places(self) -> list[Place]:
        """Where there are listings, or could be."""
        return [(self.sku, "")] if self.record is None else list(self.record.attempts) or [(self.sku, "")]


def explanation_of(
    config: Config,
    record: SkuRecord,
    sku: str,
    names: Sequence[str],
    now: int,
    *,
    reloaded: bool = True,
) -> dict[str, Any]:
    """Tell what follows from what, from the sources to the marketplaces' answers, on the channels named.

    What is told is the plan in force; where another one is configured, that is told too.
    `reloaded`: see `edit_of`.
    """
    channels = {}
    for name in names:
        channel, on_channel = config.channels[name], record.channels.get(name)
        edit = edit_of(config, channel, on_channel, sku, reloaded=reloaded)
        channels[name] = _channel(_View(channel, on_channel, sku, record.levels, edit, now))
    return {
        "sku": sku,
        "levels": [_level(level) for level in record.levels],
        "held_imports": [
            {"source": held.source, "id": held.id, "name": held.name} for held in record.held_imports
        ],
        "channels": channels,
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


def _channel(view: _View) -> dict[str, Any]:
    record, followed = view.record, view.followed
    row = None if record is None else record.channel
    paused = None if row is None or (row.paused_until or 0) <= view.now else row.paused_until
    hold = None
    if row is not None and row.held_at is not None:
        hold = {"since": _time(row.held_at), "code": row.hold_code, "message": row.hold_message}
    return {
        "enabled": view.channel.enabled,
        "asynchronous": view.channel.plugin.capabilities.asynchronous,
        "hold": hold,
        "paused_until": _time(paused),
        "rules": rules_as_json(followed),
        "not_sold": [
            {"source": level.source, "location": level.location, "quantity": level.quantity, "because": why}
            for level in view.levels
            if followed is not None and (why := left_out(followed, level)) is not None
        ],
        "listings": [_place(view, place) for place in view.places],
        "edit": view.edit,
        "unlisted": [] if followed is None else list(unlisted(followed)),
        "bundle": None if followed is None else bundle_as_json(followed),
        **({"in_bundles": [], "in_bundles_count": 0} if followed is None else bundles_as_json(followed)),
    }


def _place(view: _View, place: Place) -> dict[str, Any]:
    """Tell all of one listing: what it has, what it should show, what was said to the marketplace."""
    identifier, warehouse = place
    followed, record = view.followed, view.record
    counting = (
        []
        if followed is None
        else [level for level in view.levels if warehouse_of(followed, level) == warehouse]
    )
    shown = None if followed is None else shown_of(followed, view.sku, warehouse)
    wanted = None if followed is None else followed.basis.wanted.get(place)
    computed = None if wanted is None else wanted[0]
    listing = None if record is None else record.listings.get(place)
    return {
        "warehouse": warehouse,
        "identifier": identifier_as_json(view.sku, identifier),
        "levels": [
            {"source": level.source, "location": level.location, "quantity": level.quantity}
            for level in counting
        ],
        "stock": None if shown is None else shown.stock,
        "arithmetic": None if shown is None else arithmetic(shown),
        "computed": computed,
        "plan": _plan(computed, None if listing is None else listing.desired, view.edit),
        **_listing(view.channel, record, place, view.now),
        **steps_as_json(shown),
        "listed_by": None if followed is None else listed_by(followed, place),
    }


def _plan(computed: int | None, desired: int | None, edit: dict[str, Any] | None) -> str:
    """Tell whether a listing follows what is configured. What a mere reload may bring is not known."""
    state = None if edit is None else edit["state"]
    if state in {None, "being_applied", "not_reloaded"} and computed == desired:
        return "in_effect"
    return "being_applied" if state == "being_applied" else "not_in_effect"


def _listing(channel: ChannelConfig, record: ChannelRecord | None, place: Place, now: int) -> dict[str, Any]:
    """Tell how a listing stands; all is None where there is none."""
    listing = None if record is None else record.listings.get(place)
    hold = None if record is None else record.warehouse_holds.get(place[1])
    attempts = [] if record is None else record.attempts.get(place, [])
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


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
