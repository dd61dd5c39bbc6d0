"""SQLite's peculiarities: opening, durability, hints, the known fault of its journal.

PostgreSQL is to stand beside it here: `INDEXED BY` falls away, and BEGIN IMMEDIATE becomes an advisory lock.
Still to be brought here then, from the statements: `IS NOT` between values (staging), `min` and `max` of two
values (ledger, settlements, stock), the order of a CROSS JOIN (stock), `PRAGMA optimize` (housekeeping).
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from state.outlook import Decision

BUSY_TIMEOUT_SECONDS = 15.0
IntegrityError = sqlite3.IntegrityError
READY_INDEX = "INDEXED BY listing_ready"
WAITING_INDEX = "INDEXED BY listing_waiting"
IN_FLIGHT_INDEX = "INDEXED BY listing_in_flight"
REPEATED_INDEX = "INDEXED BY listing_repeated"
PAUSED_INDEX = "INDEXED BY listing_paused"
REFUSED_INDEX = "INDEXED BY listing_refused"
RENAMED_INDEX = "INDEXED BY listing_renamed"
ZEROED_INDEX = "INDEXED BY stock_zeroed"
MISSING_INDEX = "INDEXED BY stock_missing"
BY_LISTING_INDEX = "INDEXED BY attempt_by_listing"
BY_IDENTIFIER_INDEX = "INDEXED BY listed_by_identifier"
BY_COMPONENT_INDEX = "INDEXED BY bundle_by_component"
PAST_BY_SKU_INDEX = "INDEXED BY past_level_by_sku"
BY_ROWID = "NOT INDEXED"
DECIDED = "decided"
"""The function of SQL that says what a listing shows: twice the quantity, and one more if it is paused."""


@dataclass(frozen=True, slots=True)
class KnownFault:
    """A fault of SQLite that can damage a database, as sqlite.org documents it; `needs`: what sets it off.

    It came with `since` and went with `mended`; `backports` are the releases of older lines that mended it.
    """

    name: str
    needs: str
    since: tuple[int, int, int]
    mended_in: tuple[int, int, int]
    backports: tuple[tuple[int, int, int], ...] = ()

    @property
    def mended(self) -> str:
        """The releases that mended it, in words."""
        return ", ".join(".".join(map(str, one)) for one in sorted((*self.backports, self.mended_in)))

    def concerns(self, version: tuple[int, int, int]) -> bool:
        """Tell whether this SQLite has it."""
        if any(version[:2] == one[:2] and version >= one for one in self.backports):
            return False
        return self.since <= version < self.mended_in


KNOWN_FAULTS = (
    KnownFault(
        name="WAL reset",
        needs="damages a WAL that two connections write or checkpoint at the same instant",
        since=(3, 7, 0),
        mended_in=(3, 51, 3),
        backports=((3, 44, 6), (3, 50, 7)),
    ),
    KnownFault(
        name="savepoints in memory",
        needs="damages a database when a savepoint is rolled back under temp_store=MEMORY",
        since=(3, 35, 0),
        mended_in=(3, 37, 2),
    ),
)


def connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """Open a connection in autocommit mode; transactions are begun by name."""
    mode = "ro" if readonly else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    if not readonly:
        if not connection.execute("PRAGMA page_count").fetchone()[0]:  # others take it when they are rebuilt
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
        # 1 MiB: the commit that takes the journal into the database keeps everything else waiting.
        connection.execute("PRAGMA wal_autocheckpoint=256")
    return connection


def let_decide(connection: sqlite3.Connection, decision_of: Callable[[int], Decision]) -> None:
    """Let statements ask what a plain listing shows: by channel, SKU, warehouse, stock there, and in all.

    Without stock there is no answer. In all NULL: as much as there.
    """

    def decided(
        channel_id: int, sku: str, warehouse: str, units: int | None, sku_stock: int | None
    ) -> int | None:
        if units is None:
            return None
        in_all = units if sku_stock is None else sku_stock
        desired, paused = decision_of(channel_id)(sku, warehouse, units, in_all, ())
        return desired * 2 + paused

    connection.create_function(DECIDED, 5, decided, deterministic=True)


def gives_room_back(connection: sqlite3.Connection) -> bool:
    """Tell whether a database can give free pages back; one made before that was asked for cannot."""
    return bool(connection.execute("PRAGMA auto_vacuum").fetchone()[0])


def rebuild(connection: sqlite3.Connection) -> None:
    """Write the whole database anew, such that it gives room back from then on."""
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("VACUUM")


def give_pages_back(connection: sqlite3.Connection, pages: int) -> None:
    """Give so many free pages back to the file system, in a transaction of their own."""
    # Each step gives one page and no row; only a script is stepped on until it is done.
    connection.executescript(f"PRAGMA incremental_vacuum({pages})")


def truncate_wal(connection: sqlite3.Connection) -> bool:
    """Bring the journal into the database and make its file empty; False where a reader still needs it.

    It waits for no reader.
    """
    connection.execute("PRAGMA busy_timeout=0")
    try:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")
    return not busy


def writing_engine(path: Path) -> Engine:
    """Make an engine with one connection whose transactions take the write lock when they begin.

    A read that turns into a write in mid-transaction fails at once, whatever the time-out: so none does.
    """
    engine = create_engine("sqlite://", creator=lambda: connect(path, readonly=False), poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(path: Path) -> Engine:
    """Make an engine that cannot write; each transaction sees one state."""
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path, readonly=True), poolclass=QueuePool, pool_size=2
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
