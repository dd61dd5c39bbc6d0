"""What is remembered of one SKU: stock levels, listings, attempts. Each is found through an index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from sqlalchemy import Connection

from state import reports
from state.database import Reader
from state.past_levels import LINE, PastLevel, past_levels
from state.records import MAX_QUANTITY, Refusal, Risk
from state.reports import ChannelRow

NEAREST = 5
NEIGHBOURS = 100
MOST_LOOKS = 500
LONGEST_COMPARED = 200
SEPARATORS = " -_./"
_MILLION = 1_000_000


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


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much of the past is read; see `read_sku`."""

    attempts: int
    past: int
    since: int


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """What is remembered of one SKU on one channel; listings and attempts by warehouse.

    `planned`: all its listings follow one plan, none is being applied. `warehouse_holds`: code, message and
    since when, by warehouse.
    """

    channel: ChannelRow
    planned: bool
    warehouse_holds: dict[str, tuple[str, str, int]]
    listings: dict[str, ListingRow]
    attempts: dict[str, list[AttemptRow]]


@dataclass(frozen=True, slots=True)
class SkuRecord:
    """What is remembered of one SKU. `nearest`: where nothing is, known SKUs that may be meant."""

    levels: list[LevelRow]
    held_imports: list[HeldImport]
    channels: dict[str, ChannelRecord]
    nearest: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether nobody knows the SKU: no source, no listing, no attempt that is remembered."""
        on_channels = any(one.listings or any(one.attempts.values()) for one in self.channels.values())
        return not self.levels and not on_channels


def shown_quantity(stock: int, *, safety_stock: int, share_ppm: int, max_shown: int | None) -> int:
    """Compute what a listing should show, with the integers that `state.stock` plans it with."""
    most = MAX_QUANTITY if max_shown is None else max_shown
    return min(most, max(stock - safety_stock, 0) * share_ppm // _MILLION)


def state_of(listing: ListingRow, *, held: bool, now: int) -> ListingState:
    """Tell the state of a listing. `held`: its channel or its warehouse is."""
    if listing.in_flight:
        return ListingState.IN_FLIGHT
    if listing.refusal is not None:
        return ListingState.REJECTED
    wait_until = listing.not_before if listing.changed else listing.reassert_at
    if not listing.changed and (wait_until is None or wait_until > now):
        return ListingState.IN_SYNC
    if held:
        return ListingState.HELD
    return ListingState.DUE if wait_until is None or wait_until <= now else ListingState.DEFERRED


def read_sku(
    reader: Reader,
    sku: str,
    places: Mapping[str, Sequence[str]],
    attempts: int,
    *,
    past: int = 5,
    since: int = 0,
) -> SkuRecord:
    """Read what is remembered of a SKU, as of one instant.

    `places`: the warehouses of each channel asked about, by its name; `attempts`: so many of the latest of
    each listing; `past`: so many of the latest values that each stock level had before; of both, none that
    ended before `since` (ms since the epoch).
    """
    extent = _Extent(attempts, past, since)
    with reader.read() as connection:
        levels = _levels(connection, sku, extent)
        channels = {
            row.name: _channel(connection, row, sku, places[row.name], extent)
            for row in reports.channels(connection)
            if row.name in places
        }
        record = SkuRecord(levels, _held_imports(connection), channels, [])
        if not record.is_empty:
            return record
        return replace(record, nearest=nearest_skus(connection, sku))


def _channel(
    connection: Connection, channel: ChannelRow, sku: str, warehouses: Sequence[str], extent: _Extent
) -> ChannelRecord:
    listings = _listings(connection, channel.id, sku)
    return ChannelRecord(
        channel,
        _is_planned(connection, channel.id),
        {
            warehouse: (code, message, since)
            for warehouse, code, message, since in reports.warehouse_holds(connection, channel.id)
        },
        listings,
        {
            warehouse: _attempts(connection, channel.id, sku, warehouse, extent)
            for warehouse in dict.fromkeys([*warehouses, *listings])
        },
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


def _listings(connection: Connection, channel_id: int, sku: str) -> dict[str, ListingRow]:
    rows = connection.exec_driver_sql(
        "SELECT l.warehouse, l.desired, l.confirmed, l.confirmed_at, l.uncertain, l.changed,"
        " l.attempt_id IS NOT NULL, l.refusal, l.not_before, l.reassert_at, l.changed_at, l.risk,"
        " f.outcome, f.reason, f.code, f.message, f.attempts, f.first_failed_at"
        " FROM listing l LEFT JOIN failure f"
        " ON f.channel_id = l.channel_id AND f.sku = l.sku AND f.warehouse = l.warehouse"
        " WHERE l.channel_id = ? AND l.sku = ? ORDER BY l.warehouse",
        (channel_id, sku),
    )
    return {
        row[0]: ListingRow(
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
            failure=None if row[12] is None else ListingFailure(*row[12:]),
        )
        for row in rows
    }


def _attempts(
    connection: Connection, channel_id: int, sku: str, warehouse: str, extent: _Extent
) -> list[AttemptRow]:
    rows = connection.exec_driver_sql(
        "SELECT p.id, p.started_at, p.finished_at, a.quantity, a.outcome, a.code, a.message, p.status,"
        " p.request_id, p.batch_id, a.changed_at FROM attempt a JOIN push p ON p.id = a.push_id"
        " WHERE a.channel_id = ? AND a.sku = ? AND a.warehouse = ?"
        " AND (p.finished_at IS NULL OR p.finished_at >= ?) ORDER BY a.id DESC LIMIT ?",
        (channel_id, sku, warehouse, extent.since, extent.attempts),
    )
    return [AttemptRow(*row) for row in rows]


def _is_planned(connection: Connection, channel_id: int) -> bool:
    return bool(
        connection.exec_driver_sql("SELECT plan <> '' FROM channel WHERE id = ?", (channel_id,)).scalar()
    )


def _held_imports(connection: Connection) -> list[HeldImport]:
    rows = connection.exec_driver_sql(
        "SELECT s.name, i.id, i.name FROM source s JOIN import i ON i.source_id = s.id AND i.state = 'held'"
        " WHERE s.active ORDER BY s.name, i.id"
    )
    return [HeldImport(*row) for row in rows]


def nearest_skus(connection: Connection, sku: str) -> list[str]:
    """Find known SKUs that may be meant: written differently, or alike and with the same beginning."""
    asked = sku[:LONGEST_COMPARED]
    beside = {
        neighbour.casefold(): neighbour
        for spelling in dict.fromkeys((asked.upper(), asked.lower(), asked))
        for neighbour in _neighbours(connection, spelling)
    }
    alike = [beside[one] for one in get_close_matches(asked.casefold(), list(beside), n=NEAREST)]
    return list(dict.fromkeys([*_written_differently(connection, asked), *alike]))[:NEAREST]


def _neighbours(connection: Connection, sku: str) -> Iterator[str]:
    """Give the SKUs next to this one in order: those that share the longest beginning with it."""
    for beside in ("< ? ORDER BY sku DESC", ">= ? ORDER BY sku"):
        for row in connection.exec_driver_sql(
            f"SELECT DISTINCT sku FROM stock WHERE sku {beside} LIMIT {NEIGHBOURS}", (sku,)
        ):
            yield row[0]


def _written_differently(connection: Connection, sku: str) -> list[str]:
    """Find the SKUs that differ only in case, spaces and other separators, or leading zeros.

    Walks along the index, letter by letter, wherever it goes on with one of the ways to write the next.
    """
    letters = "".join(sign for sign in sku if sign not in SEPARATORS and not sign.isspace()).lstrip("0")
    found: list[str] = []
    ways = [("", 0)]
    for _ in range(MOST_LOOKS):
        if not ways:
            break
        beginning, written = ways.pop()
        first = connection.exec_driver_sql(
            "SELECT sku FROM stock WHERE sku >= ? ORDER BY sku LIMIT 1", (beginning,)
        ).scalar()
        if first is None or not first.startswith(beginning):
            continue
        if first == beginning and written == len(letters) and beginning not in {"", sku}:
            found.append(beginning)
        ways += [(beginning + separator, written) for separator in SEPARATORS]
        if written == 0:
            ways.append((f"{beginning}0", 0))
        if written < len(letters):
            letter = letters[written]
            spellings = dict.fromkeys((letter, letter.lower(), letter.upper()))
            ways += [(beginning + spelling, written + 1) for spelling in spellings]
    return found
