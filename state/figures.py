"""Figures for those who watch over syncd."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from state import reports
from state.by_sku import LISTING_OF_FAILURE
from state.reports import ChannelRow, ListingCounts
from state.troubles import SoldOut, sold_out_since


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """How a channel stands. `sold_out`: what should show nothing, and may still be sold; None = nothing."""

    row: ChannelRow
    counts: ListingCounts
    failed: int
    sold_out: SoldOut | None
    warehouses_held: int


def channel_figures(
    connection: Connection, warehouses: Mapping[str, Sequence[str]], now: int
) -> dict[str, ChannelFigures]:
    """Read the figures of channels, by name; `warehouses` are those of each, `now` in ms since the epoch."""
    return {
        row.name: ChannelFigures(
            row,
            reports.count_listings(connection, row.id, now),
            failed_listings(connection, row.id),
            sold_out_since(connection, row.id, warehouses[row.name], now),
            len(reports.warehouse_holds(connection, row.id)),
        )
        for row in reports.channels(connection)
        if row.name in warehouses
    }


def failed_listings(connection: Connection, channel_id: int) -> int:
    """Count the listings that have failed since they were last accepted, as `syncd failures` lists them."""
    return int(
        connection.exec_driver_sql(
            f"SELECT count(*) FROM failure f {LISTING_OF_FAILURE}"
            " WHERE f.channel_id = ? AND (l.refusal IS NOT NULL OR l.changed)",
            (channel_id,),
        ).scalar_one()
    )


def alerts_by_kind(connection: Connection) -> Counter[str]:
    """Count the alerts that stand."""
    rows = connection.exec_driver_sql("SELECT kind, count(*) FROM alert GROUP BY kind").fetchall()
    return Counter(dict(map(tuple, rows)))
