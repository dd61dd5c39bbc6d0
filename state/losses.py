"""What was lost within the last hour, as the guards count it: kept true to a wall clock that may be set.

A stock level remembers when it went to zero and when it went missing. Times in ms since the epoch.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from state.database import Database
from state.dialect import MISSING_INDEX, ZEROED_INDEX

_STAMPS = (("zeroed_at", ZEROED_INDEX), ("missing_at", MISSING_INDEX))


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the guards compare an import with, besides what its source says at this moment.

    `zeroed` and `missing`: stock levels lost since an hour ago, and not back; `units`: the total an hour ago;
    `last_units`: that after the last import that was applied in full. None where none was.
    """

    zeroed: int = 0
    missing: int = 0
    units: int | None = None
    last_units: int | None = None


def lost_since(connection: sqlite3.Connection, source_id: int, since: int) -> Earlier:
    """Tell what a source lost after `since`, and what it had then; by index, whatever exists."""

    def one(sql: str, *parameters: int) -> int | None:
        row = connection.execute(sql, parameters).fetchone()
        return None if row is None else int(row[0])

    applied = "SELECT units_after FROM main.import WHERE source_id = ? AND state = 'applied'"
    oldest = one(f"{applied} ORDER BY at, id LIMIT 1", source_id)
    then = one(f"{applied} AND at <= ? ORDER BY at DESC, id DESC LIMIT 1", source_id, since)
    zeroed, missing = (
        one(f"SELECT count(*) FROM main.stock {index} WHERE source_id = ? AND {stamp} > ?", source_id, since)
        for stamp, index in _STAMPS
    )
    return Earlier(
        zeroed=zeroed or 0,
        missing=missing or 0,
        units=oldest if then is None else then,
        last_units=one(f"{applied} ORDER BY at DESC, id DESC LIMIT 1", source_id),
    )


def move_losses(database: Database, source_id: int, *, before: int, by: int, window: int) -> Iterator[None]:
    """Move along the times of the last `window` ms: the clock was set by `by` at `before`, by the old clock.

    A slice for each time that an import stored something; the farthest in the direction of the move first,
    so that none is met twice.
    """
    recent = {"source": source_id, "by": by, "after": before - window, "before": before}
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE import SET at = at + :by WHERE source_id = :source AND state = 'applied'"
            " AND at > :after AND at <= :before",
            recent,
        )
        connection.exec_driver_sql(
            "UPDATE source SET trusted_at = trusted_at + :by WHERE id = :source AND trusted_at > :after",
            recent,
        )
    order = "DESC" if by > 0 else "ASC"
    for stamp, index in _STAMPS:
        with database.read() as connection:
            times = connection.exec_driver_sql(
                f"SELECT DISTINCT {stamp} FROM stock {index} WHERE source_id = :source"
                f" AND {stamp} > :after AND {stamp} <= :before ORDER BY {stamp} {order}",
                recent,
            ).fetchall()
        for (time,) in times:
            with database.write() as connection:
                connection.exec_driver_sql(
                    f"UPDATE stock SET {stamp} = {stamp} + ? WHERE source_id = ? AND {stamp} = ?",
                    (by, source_id, time),
                )
            yield


def forget_future(database: Database, source_id: int, now: int, window: int) -> Iterator[None]:
    """Let go of times after `now`: a clock told them that was set back since, nobody knows by how much.

    They count as older than `window` ms: else the guards would hold what is right, for as long as that.
    """
    with database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE import SET at = ? WHERE source_id = ? AND state = 'applied' AND at > ?",
            (now - window, source_id, now),
        )
        connection.exec_driver_sql(
            "UPDATE source SET trusted_at = NULL WHERE id = ? AND trusted_at > ?", (source_id, now)
        )
    for stamp, index in _STAMPS:
        with database.read() as connection:
            times = connection.exec_driver_sql(
                f"SELECT DISTINCT {stamp} FROM stock {index} WHERE source_id = ? AND {stamp} > ?",
                (source_id, now),
            ).fetchall()
        for (time,) in times:
            with database.write() as connection:
                connection.exec_driver_sql(
                    f"UPDATE stock SET {stamp} = ? WHERE source_id = ? AND {stamp} = ?",
                    (now - window, source_id, time),
                )
            yield
