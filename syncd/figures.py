"""How everything stands at a moment, as readings: what nobody counts, because it can be looked up.

Some of it is known in memory and costs nothing. The rest is read from the state database, in a worker thread:
it takes a while where much is due, and longer where stock levels are counted, for that costs what exists.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from state import reports
from state.database import Reader
from state.figures import ChannelFigures, alerts_by_kind, channel_figures
from state.plan_standing import held_plans, refused_plans
from state.reports import SourceRow
from syncd.app import App
from syncd.config.model import Config, SourceConfig
from syncd.lane import Lane
from syncd.made import configured_warehouses
from syncd.metrics import measures
from syncd.metrics.measures import Reading

KINDS = (
    "channel_held", "warehouse_held", "import_held", "source_failing", "source_stale", "failures_many",
    "sold_out_waiting", "channel_unreachable", "clock_off", "disk_low", "reload_refused", "plan_refused",
    "state_lost",
)  # fmt: skip
"""Of alerts: see docs/alerts.md."""


def present_readings(app: App) -> list[Reading]:
    """Give what is known without reading anything: pace, pauses, what is switched on."""
    now = app.world.clock.monotonic()
    found = [
        Reading(measures.ENABLED, (name,), float(channel.enabled))
        for name, channel in app.config.channels.items()
    ]
    found += [
        Reading(measures.MAX_AGE, (name,), source.max_age) for name, source in app.config.sources.items()
    ]
    for name, lane in app.lanes.items():
        found += _lane(name, lane, now, app.world.clock.now())
    return found


def _lane(name: str, lane: Lane, now: float, stored_now: int) -> Iterator[Reading]:
    pacer, down = lane.pacer, lane.setbacks.down
    yield Reading(measures.UNREACHABLE, (name,), _age(down and down[0], stored_now))
    yield Reading(measures.PAUSE_LEFT, (name,), pacer.pause_left(now))
    for measure, value in (
        (measures.ROWS_PACE, pacer.rows_per_second),
        (measures.REQUESTS_PACE, pacer.requests_per_second),
        (measures.ROWS_CEILING, pacer.rows_ceiling),
        (measures.REQUESTS_CEILING, pacer.requests_ceiling),
        (measures.CLOCK_OFFSET, lane.clock_offset),
    ):
        if value is not None:
            yield Reading(measure, (name,), value)


def stored_readings(config: Config, path: Path, now: int) -> list[Reading]:
    """Read what follows from the state database; `now` in ms since the epoch. Blocks."""
    began = time.monotonic()
    found: list[Reading] = []
    with Reader(path) as reader, reader.read() as connection:
        warehouses = {name: configured_warehouses(one) for name, one in config.channels.items()}
        for name, channel in channel_figures(connection, warehouses, now).items():
            found += _channel(name, channel, enabled=config.channels[name].enabled, now=now)
        held, refused = held_plans(connection), refused_plans(connection)
        for name in config.channels:
            found.append(Reading(measures.PLAN_HELD, (name,), float(name in held)))
            found.append(Reading(measures.PLAN_REFUSED, (name,), float(name in refused)))
        alerts = alerts_by_kind(connection)
        found += [Reading(measures.ALERTS, (kind,), alerts[kind]) for kind in KINDS]
        said = {row.name: row for row in reports.sources_in_brief(connection)}
        for name, source in config.sources.items():
            if name in said:
                found += _source(said[name], source, now)
    found += _space(path)
    found.append(Reading(measures.READING_SECONDS, (), time.monotonic() - began))
    found.append(Reading(measures.READING_AT, (), now / 1000))
    return found


def level_readings(config: Config, path: Path) -> list[Reading]:
    """Count the stock levels. Blocks."""
    with Reader(path) as reader, reader.read() as connection:
        rows = reports.sources(connection)
    return [
        Reading(measure, (row.name,), value)
        for row in rows
        if row.name in config.sources
        for measure, value in ((measures.LEVELS, row.levels), (measures.MISSED, row.missed))
    ]


def _channel(name: str, found: ChannelFigures, *, enabled: bool, now: int) -> Iterator[Reading]:
    only = (name,)
    for state in ("in_sync", "due", "in_flight", "deferred", "rejected", "held"):
        yield Reading(measures.LISTINGS, (name, state), getattr(found.counts, state))
    for risk, count in found.counts.due_by_risk.items():
        yield Reading(measures.DUE, (name, risk.name.lower()), count)
    yield Reading(measures.FAILED, only, found.failed)
    yield Reading(measures.HELD, only, float(found.row.held_at is not None))
    yield Reading(measures.WAREHOUSES_HELD, only, found.warehouses_held)
    if found.row.pushed_at is not None:
        yield Reading(measures.LAST_PUSH, only, found.row.pushed_at / 1000)
    if enabled:  # nothing waits on a channel that is switched off
        yield Reading(measures.OLDEST_DUE, only, _age(found.counts.oldest_due, now))
        sold_out = found.sold_out
        yield Reading(
            measures.SOLD_OUT_WAITING, only, _age(None if sold_out is None else sold_out.oldest, now)
        )
        yield Reading(measures.SOLD_OUT, only, 0 if sold_out is None else sold_out.count)


def _source(row: SourceRow, source: SourceConfig, now: int) -> Iterator[Reading]:
    name = (row.name,)
    stale = row.data_at is None or now - row.data_at > source.max_age * 1000
    yield Reading(measures.STALE, name, float(stale))
    yield Reading(measures.FAILING, name, float(row.failing_since is not None))
    yield Reading(measures.IMPORTS_HELD, name, row.imports_held)
    for measure, at in ((measures.DATA_AT, row.data_at), (measures.READ_AT, row.read_at)):
        if at is not None:
            yield Reading(measure, name, at / 1000)


def _space(path: Path) -> Iterator[Reading]:
    for measure, file in ((measures.DATABASE_BYTES, path), (measures.WAL_BYTES, Path(f"{path}-wal"))):
        with suppress(FileNotFoundError):
            yield Reading(measure, (), file.stat().st_size)
    disk = os.statvfs(path)
    yield Reading(measures.DISK_FREE, (), disk.f_bavail * disk.f_frsize)
    yield Reading(measures.DISK_SIZE, (), disk.f_blocks * disk.f_frsize)


def _age(since: int | None, now: int) -> float:
    return 0.0 if since is None else max(now - since, 0) / 1000
