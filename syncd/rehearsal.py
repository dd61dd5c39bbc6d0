"""Rehearsing a reconcile, or an edit of what channels show: what would be pushed, and how long it would take.

Nothing is sent or changed: it runs on a copy of the state database; source files are read where they lie.
"""

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from state import reports
from state.preview import PlannedChange, copy_database, count_planned, largest_changes
from state.records import Risk
from syncd.app import App, World, open_app
from syncd.config.model import Config
from syncd.errors import WrongUsage
from syncd.made import channel_pacer
from syncd.naming import identifier_as_json
from syncd.plan_outlook import HELD, PlanOutlook
from syncd.reconciling import Wish, channels_in_scope, import_as_json, read_sources, require_fresh

MOST_CHANGES = 10
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PlannedPushes:
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
class Rehearsal:
    """What reconciling would do."""

    channels: dict[str, PlannedPushes]
    plans: dict[str, PlanOutlook]
    imports: list[dict[str, Any]]
    failing_sources: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that the command prints."""
        return {
            "dry_run": True,
            "channels": {
                name: {**pushes.as_json(), "plan": self.plans[name].as_json()}
                for name, pushes in self.channels.items()
            },
            "imports": self.imports,
            "failing_sources": self.failing_sources,
        }


@dataclass(frozen=True, slots=True)
class PlanTrial:
    """What the configured plan of a channel would do, and what would then be pushed; None = nothing is.

    What would be held is tried as if it had been approved.
    """

    outlook: PlanOutlook
    pushes: PlannedPushes | None

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that the command prints."""
        pushes = None if self.pushes is None else self.pushes.as_json()
        then = {key: None if pushes is None else pushes[key] for key in ("rows", "requests", "seconds")}
        return {**self.outlook.as_json(), "then": then}


async def rehearse(config: Config, wish: Wish, world: World, tell: Tell) -> Rehearsal:
    """Tell what `reconcile` would do with the same wish; `tell` hears what takes its time.

    Raises `StaleSource` where that would refuse to assert data older than `max_age`.
    """
    async with _on_a_copy(config, world, tell) as app:
        return await _plan(app, wish)


async def rehearse_plans(
    config: Config, channels: Sequence[str], world: World, tell: Tell
) -> dict[str, PlanTrial]:
    """Tell what the configured plans would do, of all channels where none is named; no source is read."""
    unknown = [name for name in channels if name not in config.channels]
    if unknown:
        there = ", ".join(sorted(config.channels)) or "none"
        raise WrongUsage(f"no channel is called {', '.join(unknown)}; there is: {there}")
    async with _on_a_copy(config, replace(world, trial=True), tell) as app:
        return {name: _tried(app, name) for name in dict.fromkeys(channels) or config.channels}


def _tried(app: App, name: str) -> PlanTrial:
    outlook = PlanOutlook.of(app.planners[name].last)
    sends = app.config.channels[name].enabled and (outlook.is_followed or outlook.state == HELD)
    return PlanTrial(outlook, _plan_channel(app, name, Wish()) if sends else None)


@asynccontextmanager
async def _on_a_copy(config: Config, world: World, tell: Tell) -> AsyncIterator[App]:
    """Open a copy of the state, by the configuration: so what channels show is planned there at once."""
    with tempfile.TemporaryDirectory(prefix="syncd-rehearsal-") as folder:
        original, copy = config.state.path, Path(folder) / "state.db"
        if original.exists():
            tell(f"trying it on a copy of the state ({original.stat().st_size / 1e6:,.0f} MB)")
            await world.blocking(lambda: copy_database(original, copy))
        tell("comparing what the channels show with what the configuration says")
        app = await open_app(config, replace(world, state=copy, rehearsal=True))
        try:
            yield app
        finally:
            await app.aclose()


async def _plan(app: App, wish: Wish) -> Rehearsal:
    names = channels_in_scope(app, wish.channels)
    with app.database.read() as connection:
        last_import = reports.last_import(connection)
    await read_sources(app, names)
    if wish.full:
        require_fresh(app, names, stale_ok=wish.stale_ok)
        await app.assert_anew(names, wish.skus)
    with app.database.read() as connection:
        newest = [entry for entry in reports.imports(connection) if entry.id > last_import]
    return Rehearsal(
        {name: _plan_channel(app, name, wish) for name in names},
        {name: PlanOutlook.of(app.planners[name].last) for name in names},
        [{**import_as_json(entry), "id": None} for entry in newest],
        {name: feed.failure for name, feed in app.feeds.items() if feed.failure is not None},
    )


def _plan_channel(app: App, name: str, wish: Wish) -> PlannedPushes:
    channel_id, now = app.channel_ids[name], app.world.clock.now()
    with app.database.read() as connection:
        rows = count_planned(connection, channel_id, now, wish.skus)
        largest = largest_changes(connection, channel_id, now, wish.skus, MOST_CHANGES)
    pacer = channel_pacer(app.config.channels[name])
    total = sum(rows.values())
    hold = None if wish.full else app.registry.channel_hold(channel_id)
    return PlannedPushes(
        rows,
        pacer.requests_for(total),
        pacer.seconds_for(total),
        largest,
        "" if hold is None else hold.message or hold.code,
    )
