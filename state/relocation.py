"""Where stock lies when the configuration says it of a whole source: kept true when that changes.

Stock levels at a location that their source says nothing of any more would never change again, and count
beside the new ones: twice the stock. So they move, where it is sure that they are the same stock, or are
forgotten.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from state.database import Database
from state.records import ImportState
from state.registry import SLICE_ROWS

_STOOD = "source_{}_stood"
_COLUMNS = "quantity, import_id, line, missed, zeroed_at, missing_at"


class Relocated(NamedTuple):
    """Stock levels of one slice that were moved, and those that were forgotten."""

    moved: int
    forgotten: int


def relocate(database: Database, source_id: int, location: str | None) -> Iterator[Relocated]:
    """Let the stock of a source lie where it is configured to; None = where its own rows say.

    What lay at the location configured before, or at none, moves to the new one. What the rows of the source
    said of other locations is forgotten, and so is all that the configuration located if it does not any
    more: only the next import tells where that lies. Slice by slice; a crash in between is gone on from.
    Every channel is to be planned anew then. Costs nothing where nothing is different.
    """
    stood = _stood(database, source_id)
    if stood == [location]:
        return
    _note(database, source_id, [*(one for one in stood if one != location), location])
    fixed = [one for one in stood if one is not None and one != location]
    origins = [*fixed, ""] if None in stood else fixed
    after = ("", "")
    while True:
        with database.write() as connection:
            strays = _strays(connection, source_id, location, fixed, after)
            if not strays:
                break
            moved = 0 if location is None else _move(connection, strays, location, origins)
            connection.exec_driver_sql("DELETE FROM stock WHERE sku = ? AND location = ?", strays)
            connection.exec_driver_sql("UPDATE channel SET planned = 0")
        after = strays[-1]
        yield Relocated(moved, len(strays) - moved)
    if location is None:
        _read_anew(database, source_id)
    _note(database, source_id, [location])


def _stood(database: Database, source_id: int) -> list[str | None]:
    """Give the locations at which it may have been configured when its stock levels were stored."""
    with database.read() as connection:
        row = connection.exec_driver_sql(
            "SELECT value FROM meta WHERE key = ?", (_STOOD.format(source_id),)
        ).fetchone()
    stood: list[str | None] = [None] if row is None else json.loads(row[0])
    return stood


def _note(database: Database, source_id: int, stood: list[str | None]) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO meta(key, value) VALUES (?, ?)"
            " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
            (_STOOD.format(source_id), json.dumps(stood)),
        )


def _strays(
    connection: Connection, source_id: int, location: str | None, fixed: list[str], after: tuple[str, str]
) -> list[tuple[str, str]]:
    """Find the next stock levels that lie elsewhere than they should."""
    elsewhere, parameters = "location <> ?", [location]
    if location is None:
        elsewhere, parameters = "location IN (SELECT value FROM json_each(?))", [json.dumps(fixed)]
    found = connection.exec_driver_sql(
        f"SELECT sku, location FROM stock WHERE source_id = ? AND {elsewhere}"
        " AND (sku, location) > (?, ?) ORDER BY sku, location LIMIT ?",
        (source_id, *parameters, *after, SLICE_ROWS),
    )
    return [(sku, place) for sku, place in found.fetchall()]


def _move(connection: Connection, strays: list[tuple[str, str]], location: str, origins: list[str]) -> int:
    """Move what lies at one of `origins`, unless something is known of the new place already."""
    movable = [stray for stray in strays if stray[1] in origins]
    if not movable:
        return 0
    before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
    connection.exec_driver_sql(
        f"INSERT INTO stock(sku, location, source_id, {_COLUMNS})"
        f" SELECT sku, ?, source_id, {_COLUMNS} FROM stock WHERE sku = ? AND location = ?"
        " ON CONFLICT DO NOTHING",
        [(location, *stray) for stray in movable],
    )
    moved: int = connection.exec_driver_sql("SELECT total_changes()").scalar_one() - before
    return moved


def _read_anew(database: Database, source_id: int) -> None:
    """Let the same content as before be read all the same when it comes again."""
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE import SET state = ?, reason = 'where its stock lies is not configured any more'"
            " WHERE source_id = ? AND state IN (?, ?)",
            (ImportState.SUPERSEDED, source_id, ImportState.APPLIED, ImportState.UNCHANGED),
        )
