"""What is remembered of one SKU: stock levels, listings, attempts. Each is found through an index."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from state import reports
from state.by_sku import CALLED, of_skus, these_skus
from state.database import Reader
from state.followed_plans import Decide, FollowedPlan, followed_plan
from state.nearest import nearest_skus
from state.past_levels import LINE, PastLevel, past_levels
from state.plan_standing import HeldPlan, RefusedPlan, held_plans, refused_plans
from state.records import Refusal, Risk
from state.reports import ChannelRow

Place = tuple[str, str]
"""Identifier, as `state.plans.encode` writes it, and warehouse."""


class ListingState(StrEnum):
    """The one state that a listing is in; `reports.count_listings` counts the same ones."""

    IN_SYNC = "in_sync"
    DUE = "due"
    IN_FLIGHT = "in_flight"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class LevelRow:
    """A stock level, and the import that it comes from.

    `active`: its source is configured. `missed`: 1 where the last accepted snapshot did not list it.
    `line` None where no line said it: it went to zero because it was missing.
    """

    source: str
    active: bool
    location: str
    quantity: int
    missed: int
    line: int | None
    import_id: int
    import_name: str | None
    import_state: str | None
    import_at: int | None
    past: tuple[PastLevel, ...] = ()
    """What it was before, the latest first."""


@dataclass(frozen=True, slots=True)
class HeldImport:
    """An import that waits for a person: what it says is not in effect."""

    source: str
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ListingFailure:
    """What went wrong with a listing since its last acceptance."""

    outcome: str
    reason: str
    code: str
    message: str
    attempts: int
    first_failed_at: int


@dataclass(frozen=True, slots=True)
class ListingRow:
    """A listing as the ledger has it. Times in ms since the epoch; see `state.tables.Listing`."""

    warehouse: str
    desired: int
    confirmed: int | None
    confirmed_at: int | None
    uncertain: bool
    changed: bool
    in_flight: bool
    refusal: Refusal | None
    not_before: int | None
    reassert_at: int | None
    changed_at: int
    risk: Risk
    failure: ListingFailure | None
    identifier: str
    paused: bool
    """A rule says to leave it alone."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt with the request that carried it. `outcome` None while in flight.

    `changed_at`: since when its listing differed; None where it was asserted anew, or is not known.

    Old ones are forgotten, see `state.housekeeping`.
    """

    push_id: int
    started_at: int
    finished_at: int | None
    quantity: int
    outcome: str | None
    code: str
    message: str
    status: int | None
    request_id: str
    batch_id: str
    changed_at: int | None
    identifier: str
    """What the marketplace was told that it is called."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much of the past is read; see `read_sku`."""

    attempts: int
    past: int
    since: int


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """What is remembered of one SKU on one channel.

    `followed` None = it follows no plan yet. `held`, `refused`: what is configured
    instead, where it is. `warehouse_holds`: code, message and
    since when, by warehouse. `attempts`: of each listing that there is or should be; where a warehouse has
    none, all of the SKU there.
    """

    channel: ChannelRow
    followed: FollowedPlan | None
    warehouse_holds: dict[str, tuple[str, str, int]]
    listings: dict[Place, ListingRow]
    attempts: dict[Place, list[AttemptRow]]
    held: HeldPlan | None = None
    refused: RefusedPlan | None = None

    @property
    def knows_it(self) -> bool:
        """Whether anything of the channel names the SKU."""
        named = self.followed is not None and self.followed.names_it
        return named or bool(self.listings) or any(self.attempts.values())


@dataclass(frozen=True, slots=True)
class SkuRecord:
    """What is remembered of one SKU. `nearest`: where nothing is, known SKUs that may be meant."""

    levels: list[LevelRow]
    held_imports: list[HeldImport]
    channels: dict[str, ChannelRecord]
    nearest: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether nobody knows the SKU: no source, no plan, no listing, no attempt that is remembered."""
        return not self.levels and not any(one.knows_it for one in self.channels.values())


def state_of(listing: ListingRow, *, held: bool, now: int) -> ListingState:
    """Tell the state of a listing. `held`: its channel or its warehouse is."""
    if listing.in_flight:
        return ListingState.IN_FLIGHT
    if listing.refusal is not None:
        return ListingState.REJECTED
    if listing.paused:
        return ListingState.HELD
    wait_until = listing.not_before if listing.changed else listing.reassert_at
    if not listing.changed and (wait_until is None or wait_until > now):
        return ListingState.IN_SYNC
    if held:
        return ListingState.HELD
    return ListingState.DUE if wait_until is None or wait_until <= now else ListingState.DEFERRED


def read_sku(
    reader: Reader,
    sku: str,
    names: Collection[str],
    attempts: int,
    *,
    decide: Decide,
    past: int = 5,
    since: int = 0,
) -> SkuRecord:
    """Read what is remembered of a SKU, as of one instant.

    `names` of the channels asked about; `attempts`: so many of the latest of each listing; `past`: so many of
    the latest values that each stock level had before; of both, none that ended before `since` (ms since the
    epoch). `decide` is what makes plans decide.
    """
    extent = _Extent(attempts, past, since)
    with reader.read() as connection:
        levels = _levels(connection, sku, extent)
        held, refused = held_plans(connection), refused_plans(connection)
        channels = {
            row.name: replace(
                _channel(connection, row, sku, decide, extent),
                held=held.get(row.name),
                refused=refused.get(row.name),
            )
            for row in reports.channels(connection)
            if row.name in names
        }
        record = SkuRecord(levels, _held_imports(connection), channels, [])
        if not record.is_empty:
            return record
        return replace(record, nearest=nearest_skus(connection, sku))


def _channel(
    connection: Connection, channel: ChannelRow, sku: str, decide: Decide, extent: _Extent
) -> ChannelRecord:
    followed = followed_plan(connection, channel, sku, decide)
    listings = _listings(connection, channel.id, sku)
    places: list[Place] = sorted(
        {*listings, *(() if followed is None else followed.basis.wanted)}, key=lambda place: place[::-1]
    )
    attempts = {place: _attempts(connection, channel.id, sku, place, extent) for place in places}
    there = {warehouse for _, warehouse in places}
    for warehouse in () if followed is None else followed.plan.warehouses:
        if warehouse not in there:
            attempts[sku, warehouse] = _attempts(connection, channel.id, sku, (None, warehouse), extent)
    return ChannelRecord(
        channel,
        followed,
        {
            warehouse: (code, message, since)
            for warehouse, code, message, since in reports.warehouse_holds(connection, channel.id)
        },
        listings,
        attempts,
    )


def _levels(connection: Connection, sku: str, extent: _Extent) -> list[LevelRow]:
    rows = connection.exec_driver_sql(
        f"SELECT s.name, s.active, k.location, k.quantity, k.missed > 0, {LINE.format('k')}, k.import_id,"
        " i.name, i.state, i.at FROM stock k JOIN source s ON s.id = k.source_id"
        " LEFT JOIN import i ON i.id = k.import_id WHERE k.sku = ? ORDER BY k.location",
        (sku,),
    ).fetchall()
    levels = [LevelRow(row[0], bool(row[1]), *row[2:]) for row in rows]
    most = {"limit": extent.past, "since": extent.since}
    return [
        replace(level, past=tuple(past_levels(connection, sku, level.location, **most))) for level in levels
    ]


_LISTING = (
    "warehouse, desired, confirmed, confirmed_at, uncertain, changed, attempt_id IS NOT NULL AS in_flight,"
    " refusal, not_before, reassert_at, changed_at, risk, identifier, paused"
)


def _listings(connection: Connection, channel_id: int, sku: str) -> dict[Place, ListingRow]:
    rows = connection.exec_driver_sql(
        "SELECT one.*, f.outcome, f.reason, f.code, f.message, f.attempts, f.first_failed_at"
        f" FROM ({of_skus(_LISTING)}) one LEFT JOIN failure f"
        " ON f.channel_id = :channel AND f.identifier = one.identifier AND f.warehouse = one.warehouse"
        " ORDER BY one.warehouse, one.identifier",
        these_skus(channel_id, [sku]),
    )
    return {
        (row[12], row[0]): ListingRow(
            warehouse=row[0],
            desired=row[1],
            confirmed=row[2],
            confirmed_at=row[3],
            uncertain=bool(row[4]),
            changed=bool(row[5]),
            in_flight=bool(row[6]),
            refusal=None if row[7] is None else Refusal(row[7]),
            not_before=row[8],
            reassert_at=row[9],
            changed_at=row[10],
            risk=Risk(row[11]),
            identifier=row[12],
            paused=bool(row[13]),
            failure=None if row[14] is None else ListingFailure(*row[14:]),
        )
        for row in rows
    }


def _attempts(
    connection: Connection, channel_id: int, sku: str, place: tuple[str | None, str], extent: _Extent
) -> list[AttemptRow]:
    """Read the latest attempts in a warehouse by one name, None = by any."""
    identifier, warehouse = place
    called = CALLED.format("a")
    rows = connection.exec_driver_sql(
        "SELECT p.id, p.started_at, p.finished_at, a.quantity, a.outcome, a.code, a.message, p.status,"
        f" p.request_id, p.batch_id, a.changed_at, {called} FROM attempt a JOIN push p ON p.id = a.push_id"
        f" WHERE a.channel_id = ? AND a.sku = ? AND a.warehouse = ? AND {called} = coalesce(?, {called})"
        " AND (p.finished_at IS NULL OR p.finished_at >= ?) ORDER BY a.id DESC LIMIT ?",
        (channel_id, sku, warehouse, identifier, extent.since, extent.attempts),
    )
    return [AttemptRow(*row) for row in rows]


def _held_imports(connection: Connection) -> list[HeldImport]:
    """Give those of sources; what is held of a plan is told with its channel."""
    rows = connection.exec_driver_sql(
        "SELECT s.name, i.id, i.name FROM source s JOIN import i ON i.source_id = s.id AND i.state = 'held'"
        " WHERE s.active ORDER BY s.name, i.id"
    )
    return [HeldImport(*row) for row in rows]
