"""What is wrong at this moment, as stored. Costs what is wrong, not what exists: it is asked all the time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from state.dialect import READY_INDEX, REFUSED_INDEX, WAITING_INDEX
from state.records import Refusal, Risk

MOST_LOOKED_THROUGH = 100_000
"""Rows of a channel that are looked through one by one, at most."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A channel or one of its warehouses that waits for a person."""

    channel: str
    warehouse: str | None
    """None: the whole channel."""
    code: str
    message: str
    since: int


@dataclass(frozen=True, slots=True)
class HeldImports:
    """The imports of a source that wait for a person, by the newest of them."""

    source: str
    count: int
    newest: int
    name: str
    reason: str
    since: int


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """A source as remembered; times None where there was none."""

    name: str
    data_at: int | None
    failing_since: int | None
    failure: str


@dataclass(frozen=True, slots=True)
class SoldOut:
    """Listings that should show nothing, while the marketplace may still offer them.

    `oldest`: since when the first of them waits. `refused` of them the marketplace will not take.
    """

    count: int
    oldest: int
    refused: int


def held_back(connection: Connection) -> list[HeldBack]:
    """List the channels and warehouses that are held."""
    rows = connection.exec_driver_sql(
        "SELECT name, NULL, hold_code, hold_message, held_at FROM channel"
        " WHERE active AND held_at IS NOT NULL"
        " UNION ALL SELECT c.name, w.warehouse, w.code, w.message, w.held_at FROM warehouse_hold w"
        " JOIN channel c ON c.id = w.channel_id WHERE c.active ORDER BY 1, 2"
    )
    return [HeldBack(*row) for row in rows]


def held_imports(connection: Connection) -> list[HeldImports]:
    """List the sources with imports that are held."""
    held = []
    for source_id, source in connection.exec_driver_sql(
        "SELECT id, name FROM source WHERE active ORDER BY name"
    ).fetchall():
        count, newest, since = connection.exec_driver_sql(
            "SELECT count(*), max(id), min(coalesce(held_at, at)) FROM import"
            " WHERE source_id = ? AND state = 'held'",
            (source_id,),
        ).one()
        if count:
            name, reason = connection.exec_driver_sql(
                "SELECT name, reason FROM import WHERE id = ?", (newest,)
            ).one()
            held.append(HeldImports(source, count, newest, name, reason, since))
    return held


def source_health(connection: Connection) -> list[SourceHealth]:
    """List the configured sources."""
    rows = connection.exec_driver_sql(
        "SELECT name, data_at, failing_since, failure FROM source WHERE active ORDER BY name"
    )
    return [SourceHealth(*row) for row in rows]


def sold_out_since(
    connection: Connection, channel_id: int, warehouses: Sequence[str], before: int
) -> SoldOut | None:
    """Count a channel's listings that should have been sold out `before` a time; None = there is none."""
    count, oldest = 0, before
    for warehouse in warehouses:
        found = connection.exec_driver_sql(
            f"SELECT count(*), min(changed_at) FROM listing {READY_INDEX} WHERE channel_id = ?"
            " AND warehouse = ? AND risk = ? AND due = 1 AND wait_until IS NULL AND changed_at <= ?",
            (channel_id, warehouse, Risk.TO_ZERO, before),
        ).one()
        deferred = connection.exec_driver_sql(
            f"SELECT coalesce(sum(changed_at <= ?), 0), min(changed_at) FROM"
            f" (SELECT changed_at FROM listing {WAITING_INDEX} WHERE channel_id = ? AND warehouse = ?"
            "  AND risk = ? AND due = 1 AND wait_until IS NOT NULL LIMIT ?)",
            (before, channel_id, warehouse, Risk.TO_ZERO, MOST_LOOKED_THROUGH),
        ).one()
        count += found[0] + deferred[0]
        oldest = min([oldest, *(since for _, since in (found, deferred) if since is not None)])
    # What the marketplace does not know is not shown there, whatever it may have shown once; what is paused
    # is left alone on purpose.
    refused, since = connection.exec_driver_sql(
        "SELECT count(*), min(changed_at)"
        " FROM (SELECT desired, may_show, changed_at, refusal, paused FROM listing"
        f" {REFUSED_INDEX} WHERE channel_id = ? AND refusal IS NOT NULL LIMIT ?)"
        " WHERE desired = 0 AND may_show > 0 AND refusal <> ? AND changed_at <= ? AND paused = 0",
        (channel_id, MOST_LOOKED_THROUGH, Refusal.NOT_LISTED, before),
    ).one()
    if not count + refused:
        return None
    return SoldOut(count + refused, oldest if since is None else min(oldest, since), refused)


def refused_share(connection: Connection, channel_id: int, most: int) -> tuple[int, int | None]:
    """Count a channel's refused listings, and all, where the refused are more than `most` ppm of all.

    All are counted only as far as that takes; None = the refused are no more than that.
    """
    refused = connection.exec_driver_sql(
        f"SELECT count(*) FROM listing {REFUSED_INDEX} WHERE channel_id = ? AND refusal IS NOT NULL",
        (channel_id,),
    ).scalar_one()
    if not refused:
        return 0, None
    enough = -(-refused * 1_000_000 // max(most, 1))
    all_of_them = connection.exec_driver_sql(
        "SELECT count(*) FROM (SELECT 1 FROM listing WHERE channel_id = ? LIMIT ?)", (channel_id, enough)
    ).scalar_one()
    return int(refused), int(all_of_them) if all_of_them < enough else None
