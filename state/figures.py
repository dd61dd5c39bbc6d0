"""Figures for those who watch over syncd."""

from dataclasses import dataclass

from sqlalchemy import Connection

from state import reports
from state.dialect import READY_INDEX, WAITING_INDEX
from state.records import Risk
from state.reports import ChannelRow, ListingCounts

_TO_ZERO_READY = (
    f"SELECT min(changed_at) FROM listing {READY_INDEX}"
    f" WHERE channel_id = ? AND risk = {Risk.TO_ZERO.value} AND due = 1 AND wait_until IS NULL"
)
_TO_ZERO_WAITING = (
    f"SELECT min(changed_at) FROM listing {WAITING_INDEX}"
    f" WHERE channel_id = ? AND risk = {Risk.TO_ZERO.value} AND due = 1 AND wait_until IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """How a channel stands. `sold_out_since` in ms since the epoch, None = nothing that is sold out waits."""

    row: ChannelRow
    counts: ListingCounts
    failed: int
    sold_out_since: int | None
    warehouses_held: int


def channel_figures(connection: Connection, now: int) -> dict[str, ChannelFigures]:
    """Read the figures of the configured channels, by name."""
    return {
        row.name: ChannelFigures(
            row,
            reports.count_listings(connection, row.id, now),
            failed_listings(connection, row.id),
            sold_out_since(connection, row.id),
            len(reports.warehouse_holds(connection, row.id)),
        )
        for row in reports.channels(connection)
    }


def sold_out_since(connection: Connection, channel_id: int) -> int | None:
    """Tell since when the oldest listing that must go to zero waits for it (ms since the epoch), None = none.

    One that is held or deferred waits too; one in flight does not, and one that is refused is a failure.
    """
    found = [
        connection.exec_driver_sql(statement, (channel_id,)).scalar()
        for statement in (_TO_ZERO_READY, _TO_ZERO_WAITING)
    ]
    return min((at for at in found if at is not None), default=None)


def failed_listings(connection: Connection, channel_id: int) -> int:
    """Count the listings that have failed since they were last accepted, as `syncd failures` lists them."""
    return int(
        connection.exec_driver_sql(
            "SELECT count(*) FROM failure f JOIN listing l"
            " ON l.channel_id = f.channel_id AND l.sku = f.sku AND l.warehouse = f.warehouse"
            " WHERE f.channel_id = ? AND (l.refusal IS NOT NULL OR l.changed)",
            (channel_id,),
        ).scalar_one()
    )
