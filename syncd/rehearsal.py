"""Rehearsing a reconcile: the plan, the requests and the time it would take. Nothing is sent or changed.

It runs on a copy of the state database; source files are read where they lie.
"""

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from state import reports
from state.preview import PlannedChange, copy_database, count_planned, largest_changes
from state.records import Risk
from syncd.app import App, World, open_app
from syncd.config.model import Config
from syncd.made import channel_pacer
from syncd.naming import identifier_as_json
from syncd.reconciling import Wish, channels_in_scope, import_as_json, read_sources, require_fresh

MOST_CHANGES = 10


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What would be pushed to a channel: listings by class of risk, requests, seconds (None = no limit).

    `hold`: why it is held, "" where it is not; only a probe would leave then.
    """

    rows: dict[Risk, int]
    requests: int
    seconds: float | None
    largest: list[PlannedChange]
    hold: str

    @property
    def total(self) -> int:
        """All listings that would be pushed."""
        return sum(self.rows.values())

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that the command prints."""
        return {
            "rows": self.total,
            "by_risk": {risk.name.lower(): count for risk, count in self.rows.items()},
            "requests": self.requests,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "largest_changes": [_change(change) for change in self.largest],
            "hold": self.hold,
        }


def _change(change: PlannedChange) -> dict[str, Any]:
    return {**asdict(change), "identifier": identifier_as_json(change.sku, change.identifier)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What reconciling would do."""

    channels: dict[str, ChannelPlan]
    imports: list[dict[str, Any]]
    failing_sources: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that the command prints."""
        return {
            "dry_run": True,
            "channels": {name: plan.as_json() for name, plan in self.channels.items()},
            "imports": self.imports,
            "failing_sources": self.failing_sources,
        }


async def rehearse(config: Config, wish: Wish, world: World) -> Plan:
    """Tell what `reconcile` would do with the same wish.

    Raises `StaleSource` where that would refuse to assert data older than `max_age`.
    """
    with tempfile.TemporaryDirectory(prefix="syncd-rehearsal-") as folder:
        copy = Path(folder) / "state.db"
        if config.state.path.exists():
            copy_database(config.state.path, copy)
        app = await open_app(config, replace(world, state=copy, rehearsal=True))
        try:
            return await _plan(app, wish)
        finally:
            await app.aclose()


async def _plan(app: App, wish: Wish) -> Plan:
    names = channels_in_scope(app, wish.channels)
    with app.database.read() as connection:
        last_import = reports.last_import(connection)
    await read_sources(app, names)
    if wish.full:
        require_fresh(app, names, stale_ok=wish.stale_ok)
        await app.assert_anew(names, wish.skus)
    with app.database.read() as connection:
        newest = [entry for entry in reports.imports(connection) if entry.id > last_import]
    return Plan(
        {name: _plan_channel(app, name, wish) for name in names},
        [{**import_as_json(entry), "id": None} for entry in newest],
        {name: feed.failure for name, feed in app.feeds.items() if feed.failure is not None},
    )


def _plan_channel(app: App, name: str, wish: Wish) -> ChannelPlan:
    channel_id, now = app.channel_ids[name], app.world.clock.now()
    with app.database.read() as connection:
        rows = count_planned(connection, channel_id, now, wish.skus)
        largest = largest_changes(connection, channel_id, now, wish.skus, MOST_CHANGES)
    pacer = channel_pacer(app.config.channels[name])
    total = sum(rows.values())
    hold = None if wish.full else app.registry.channel_hold(channel_id)
    return ChannelPlan(
        rows,
        pacer.requests_for(total),
        pacer.seconds_for(total),
        largest,
        "" if hold is None else hold.message or hold.code,
    )
