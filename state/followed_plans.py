"""What one SKU's listings on a channel follow from: the plan in force, as far as it concerns that SKU."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from state.dialect import BY_COMPONENT_INDEX, BY_IDENTIFIER_INDEX
from state.outlook import Decision
from state.planning import Basis, Planning
from state.plans import BundleRow, ChannelPlan, ListedRow
from state.reports import ChannelRow

Decide = Callable[[ChannelPlan], Decision]
"""Makes a plan decide: `syncd.core.rules.decide`."""
MOST_BUNDLES = 50
"""So many of the bundles that a SKU is in are named."""


class PartLevel(NamedTuple):
    """A stock level of a component of a bundle."""

    component: str
    source: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class FollowedPlan:
    """A plan in force, and what it says of one SKU.

    `planned`: all listings of the channel follow it; not so while it is being applied. `listed`: what the SKU
    is called; `taken`: the rows by which any is called as this one. `components` and `parts`: what it
    is made of, where it is a bundle, and what there is of that. `bundles` that it is in; the first
    `MOST_BUNDLES` of `bundle_count`.
    """

    plan: ChannelPlan
    planned: bool
    basis: Basis
    listed: list[ListedRow]
    taken: list[ListedRow]
    components: list[BundleRow]
    parts: list[PartLevel]
    bundles: list[BundleRow]
    bundle_count: int

    @property
    def names_it(self) -> bool:
        """Whether a row of the plan names the SKU."""
        return bool(self.basis.rules or self.listed or self.components or self.bundles)


def followed_plan(
    connection: Connection, channel: ChannelRow, sku: str, decide: Decide
) -> FollowedPlan | None:
    """Read what a channel's plan says of a SKU; None where it follows none yet."""
    run = connection.exec_driver_sql
    text, planned = run("SELECT plan, planned FROM channel WHERE id = ?", (channel.id,)).one()
    if not text:
        return None
    plan = ChannelPlan.from_text(text, name=channel.name, account=channel.account)
    planning = Planning(channel.id, plan, _source_ids(connection, plan), decide(plan))
    components = _bundle_rows(connection, channel.id, "WHERE bundle_sku", sku)
    bundles = _bundle_rows(connection, channel.id, f"{BY_COMPONENT_INDEX} WHERE component_sku", sku)
    return FollowedPlan(
        plan=plan,
        planned=bool(planned),
        basis=planning.basis(run, sku),
        listed=_listed_rows(connection, channel.id, "WHERE sku", sku),
        taken=_listed_rows(connection, channel.id, f"{BY_IDENTIFIER_INDEX} WHERE identifier", sku),
        components=components,
        parts=_parts(connection, channel.id, sku) if components else [],
        bundles=bundles[:MOST_BUNDLES],
        bundle_count=len(bundles),
    )


def _source_ids(connection: Connection, plan: ChannelPlan) -> frozenset[int]:
    rows = connection.exec_driver_sql("SELECT id, name FROM source").fetchall()
    return frozenset(source_id for source_id, name in rows if name in plan.sources)


def _bundle_rows(connection: Connection, channel_id: int, matches: str, sku: str) -> list[BundleRow]:
    rows = connection.exec_driver_sql(
        f"SELECT bundle_sku, component_sku, units, origin FROM bundle {matches} = ? AND channel_id = ?",
        (sku, channel_id),
    )
    return sorted(BundleRow(*row) for row in rows)


def _listed_rows(connection: Connection, channel_id: int, matches: str, sku: str) -> list[ListedRow]:
    rows = connection.exec_driver_sql(
        f"SELECT sku, warehouse, identifier, origin FROM listed {matches} = ? AND channel_id = ?",
        (sku, channel_id),
    )
    return sorted((ListedRow(*row) for row in rows), key=lambda row: (row.warehouse, row.identifier))


def _parts(connection: Connection, channel_id: int, sku: str) -> list[PartLevel]:
    rows = connection.exec_driver_sql(
        "SELECT b.component_sku, s.name, k.location, k.quantity FROM bundle b"
        " JOIN stock k ON k.sku = b.component_sku JOIN source s ON s.id = k.source_id"
        " WHERE b.channel_id = ? AND b.bundle_sku = ? ORDER BY k.location, b.component_sku",
        (channel_id, sku),
    )
    return [PartLevel(*row) for row in rows]
