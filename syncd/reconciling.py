"""Reconciling: read the sources now, push what is due until nothing more can be, and say what came of it."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from state import reports
from state.plan_standing import held_plans, refused_plans
from state.reports import ImportRow
from syncd.app import App
from syncd.errors import SyncdError, WrongUsage
from syncd.intake import Verdict
from syncd.lane import Lane
from syncd.times import ago, rfc3339

FOLLOW_EVERY_SECONDS = 0.25


class StaleSource(SyncdError):
    """A source's data is too old to be asserted over what the marketplaces know."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to reconcile. `channels` empty = all; `skus` None = all. `full`: assert even what is in sync."""

    full: bool = False
    channels: tuple[str, ...] = ()
    skus: tuple[str, ...] | None = None
    stale_ok: bool = False


@dataclass(frozen=True, slots=True)
class ChannelProgress:
    """How far a channel is. `to_do` rows are left; `seconds_left` None = nothing limits them."""

    to_do: int
    in_flight: int
    sent: int
    accepted: int
    rejected: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """What reconciling came to on a channel; counts of rows, but `requests`.

    `paused` of the listings are left alone, as a rule says.
    """

    sent: int
    accepted: int
    rejected: int
    deferred: int
    unknown: int
    requests: int
    seconds: float
    listings: int
    in_sync: int
    trouble: str = ""
    paused: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What reconciling came to."""

    channels: dict[str, ChannelSummary]
    imports: list[dict[str, Any]]
    failing_sources: dict[str, str] = field(default_factory=dict)
    imports_held: int = 0
    plans_held: dict[str, dict[str, Any]] = field(default_factory=dict)
    plans_refused: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether all in scope is in sync with what its sources, and the configuration, say."""
        if self.plans_held or self.plans_refused:
            return False
        held = self.imports_held or any(entry["state"] in {"held", "rejected"} for entry in self.imports)
        behind = any(one.in_sync + one.paused < one.listings for one in self.channels.values())
        return not (held or behind or self.failing_sources)

    def as_json(self) -> dict[str, Any]:
        """Give it in the form that the command prints."""
        return {
            "ok": self.ok,
            "channels": {name: asdict(channel) for name, channel in self.channels.items()},
            "imports": self.imports,
            "failing_sources": self.failing_sources,
            "imports_held": self.imports_held,
            "plans_held": self.plans_held,
            "plans_refused": self.plans_refused,
        }


Report = Callable[[dict[str, ChannelProgress]], None]


async def reconcile(app: App, wish: Wish, report: Report, *, daemon: bool) -> Summary:
    """Do what `wish` says; `report` hears of progress.

    In a `daemon` the lanes run already and are followed; otherwise they are run here until they are done.
    Raises `StaleSource` where a full one would assert data older than `max_age`.
    """
    names = channels_in_scope(app, wish.channels)
    with app.database.read() as connection:
        last_push, last_import = reports.last_push(connection), reports.last_import(connection)
    started = app.world.clock.monotonic()
    for name in names:
        await app.planners[name].look(at_once=True)
    await read_sources(app, names)
    if wish.full:
        require_fresh(app, names, stale_ok=wish.stale_ok)
        for name in names:
            app.lanes[name].release()
        await app.assert_anew(names, wish.skus)
    elif daemon:
        app.wake_lanes()
    if daemon:
        await _follow(app, names, wish.skus, last_push, report)
    else:
        await _settle(app, names, wish.skus, last_push, report)
    seconds = app.world.clock.monotonic() - started
    with app.database.read() as connection:
        newest = reports.imports(connection)
        held = sum(source.imports_held for source in reports.sources(connection))
        plans = {name: one for name, one in held_plans(connection).items() if name in names}
        unfit = {name: list(one.problems) for name, one in refused_plans(connection).items() if name in names}
    return Summary(
        {name: _summary(app, name, wish.skus, last_push, seconds) for name in names},
        [import_as_json(entry) for entry in newest if entry.id > last_import],
        {name: feed.failure for name, feed in app.feeds.items() if feed.failure is not None},
        held,
        {name: {"import": one.import_id, "reason": one.reason} for name, one in plans.items()},
        unfit,
    )


def channels_in_scope(app: App, wanted: Sequence[str]) -> list[str]:
    """Give the enabled channels that are meant; all where none is named."""
    enabled = [name for name, channel in app.config.channels.items() if channel.enabled]
    unknown = [name for name in wanted if name not in enabled]
    if unknown:
        there = ", ".join(sorted(enabled)) or "none"
        raise WrongUsage(f"no enabled channel is called {', '.join(unknown)}; there is: {there}")
    return list(dict.fromkeys(wanted)) or enabled


async def read_sources(app: App, channels: Collection[str]) -> list[Verdict]:
    """Read the sources of these channels now, waiting for files that are being written to settle."""
    wanted = {source for name in channels for source in app.config.channels[name].sources}
    looks = [feed.look_patiently() for name, feed in app.feeds.items() if name in wanted]
    return [verdict for verdicts in await asyncio.gather(*looks) for verdict in verdicts]


def require_fresh(app: App, channels: Collection[str], *, stale_ok: bool) -> None:
    """Refuse to assert data that is older than `max_age`: sales since then would be overwritten."""
    wanted = {source for name in channels for source in app.config.channels[name].sources}
    now = app.world.clock.now()
    with app.database.read() as connection:
        sources = {row.name: row for row in reports.sources(connection)}
    old = []
    for name in sorted(wanted):
        data_at = sources[name].data_at
        if data_at is None or now - data_at > app.config.sources[name].max_age * 1000:
            age = "has said nothing yet" if data_at is None else f"is as of {ago(data_at, now)}"
            old.append(f'source "{name}" {age}')
    if old and not stale_ok:
        raise StaleSource(
            f"not asserted: {'; '.join(old)}, older than max_age. Sales since then would be overwritten:"
            " bring in newer data, or say --stale-ok"
        )


async def _settle(
    app: App, names: Sequence[str], skus: tuple[str, ...] | None, last_push: int, report: Report
) -> None:
    lanes = [asyncio.create_task(app.lanes[name].settle(skus)) for name in names]
    try:
        while lanes and (await asyncio.wait(lanes, timeout=FOLLOW_EVERY_SECONDS))[1]:
            report(_progress(app, names, last_push))
        for lane in lanes:
            await lane
    finally:
        for name in names:
            app.lanes[name].stop()
        await asyncio.gather(*lanes, return_exceptions=True)
    report(_progress(app, names, last_push))


async def _follow(
    app: App, names: Sequence[str], skus: tuple[str, ...] | None, last_push: int, report: Report
) -> None:
    """Follow running lanes until none can do more: nothing due, nothing about to be, or given up for now."""
    while True:
        await asyncio.sleep(FOLLOW_EVERY_SECONDS)
        progress = _progress(app, names, last_push)
        report(progress)
        if all(_is_done(app.lanes[name], skus) for name in names):
            return


def _is_done(lane: Lane, skus: tuple[str, ...] | None) -> bool:
    return lane.gave_up is not None or not lane.has_work(skus)


def _progress(app: App, names: Sequence[str], last_push: int) -> dict[str, ChannelProgress]:
    progress = {}
    with app.database.read() as connection:
        for name in names:
            channel_id, pacer = app.channel_ids[name], app.lanes[name].pacer
            ready, in_flight = reports.work_left(connection, channel_id, app.world.clock.now())
            totals = reports.push_totals(connection, channel_id, last_push)
            progress[name] = ChannelProgress(
                ready, in_flight, totals.sent, totals.accepted, totals.rejected, pacer.seconds_for(ready)
            )
    return progress


def _summary(
    app: App, name: str, skus: tuple[str, ...] | None, last_push: int, seconds: float
) -> ChannelSummary:
    channel_id = app.channel_ids[name]
    with app.database.read() as connection:
        totals = reports.push_totals(connection, channel_id, last_push)
        if skus is None:
            counts = reports.count_listings(connection, channel_id, app.world.clock.now())
            listings, in_sync, paused = counts.listings, counts.in_sync, counts.paused
        else:
            listings, in_sync, paused = reports.count_listings_of(connection, channel_id, skus)
    hold = app.registry.channel_hold(channel_id)
    trouble = app.lanes[name].gave_up or ("" if hold is None else hold.message)
    return ChannelSummary(
        totals.sent, totals.accepted, totals.rejected, totals.deferred, totals.unknown, totals.requests,
        round(seconds, 3), listings, in_sync, trouble, paused,
    )  # fmt: skip


def import_as_json(entry: ImportRow) -> dict[str, Any]:
    """Give an import in the form that commands print."""
    return {**asdict(entry), "at": rfc3339(entry.at)}
