"""Making listings due although nothing about them changed: what is doubted, or was refused, is sent again."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from state.by_sku import of_skus, these_skus
from state.database import Database
from state.dialect import IN_FLIGHT_INDEX, REFUSED_INDEX, WAITING_INDEX

Key = tuple[str, str]
"""Identifier and warehouse of a listing."""

_RETRIED_LATER = "due = 1 AND wait_until IS NOT NULL AND changed = 1 AND refusal IS NULL"


def make_uncertain(
    database: Database,
    channel_id: int,
    now: int,
    skus: Sequence[str] | None = None,
    *,
    ambiguous: bool = False,
    most: int,
) -> Iterator[int]:
    """Let every listing (or the SKUs') be asserted anew; in slices of at most `most`, yield the rows touched.

    `ambiguous`: requests that nothing is known of any more may still be under way. A paused listing stays
    paused, and is asserted anew once it is not.
    """
    slices = (
        _all_keys(database, channel_id, most) if skus is None else _keys_of(database, channel_id, skus, most)
    )
    for keys in slices:
        with database.write() as connection:
            touched = connection.exec_driver_sql(
                "UPDATE listing SET changed_at = CASE WHEN changed THEN changed_at ELSE ? END,"
                " uncertain = 1, ambiguous = max(ambiguous, ?), refusal = NULL, not_before = NULL"
                " WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
                [(now, int(ambiguous), channel_id, *key) for key in keys],
            ).rowcount
            _stay_uncertain(connection, channel_id, keys)
        yield touched


def _all_keys(database: Database, channel_id: int, most: int) -> Iterator[list[Key]]:
    after = ("", "")
    while True:
        with database.read() as connection:
            keys = [
                (identifier, warehouse)
                for identifier, warehouse in connection.exec_driver_sql(
                    "SELECT identifier, warehouse FROM listing"
                    " WHERE channel_id = ? AND (identifier, warehouse) > (?, ?)"
                    " ORDER BY identifier, warehouse LIMIT ?",
                    (channel_id, *after, most),
                )
            ]
        if not keys:
            return
        after = keys[-1]
        yield keys


def _keys_of(database: Database, channel_id: int, skus: Sequence[str], most: int) -> Iterator[list[Key]]:
    with database.read() as connection:
        keys = _called(connection, channel_id, skus)
    for start in range(0, len(keys), most):
        yield keys[start : start + most]


def _called(connection: Connection, channel_id: int, skus: Sequence[str]) -> list[Key]:
    rows = connection.exec_driver_sql(of_skus("identifier, warehouse"), these_skus(channel_id, skus))
    return [(identifier, warehouse) for identifier, warehouse in rows]


def wake(database: Database, channel_id: int, skus: Sequence[str] | None = None) -> int:
    """Make listings that were refused or wait for a time due now; return how many.

    A paused one stays so, and is not counted: it is due once it is not paused.
    """
    with database.write() as connection:
        refused = _sleeping(connection, channel_id, skus, REFUSED_INDEX, "refusal IS NOT NULL")
        waiting = _sleeping(connection, channel_id, skus, WAITING_INDEX, _RETRIED_LATER)
        for rows, uncertain in ((refused, ", uncertain = 1"), (waiting, "")):
            if rows:
                connection.exec_driver_sql(
                    f"UPDATE listing SET refusal = NULL, not_before = NULL{uncertain}"
                    " WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
                    [(channel_id, *key) for key in rows],
                )
        _stay_uncertain(connection, channel_id, list(refused))
    return sum(not paused for paused in [*refused.values(), *waiting.values()])


def _sleeping(
    connection: Connection, channel_id: int, skus: Sequence[str] | None, index: str, where: str
) -> dict[Key, bool]:
    """Find the listings that are to be woken, and whether each is paused."""
    columns = "identifier, warehouse, paused"
    if skus is None:
        rows = connection.exec_driver_sql(
            f"SELECT {columns} FROM listing {index} WHERE channel_id = ? AND {where}", (channel_id,)
        )
    else:
        rows = connection.exec_driver_sql(of_skus(columns, where), these_skus(channel_id, skus))
    return {(identifier, warehouse): bool(paused) for identifier, warehouse, paused in rows}


def _stay_uncertain(connection: Connection, channel_id: int, keys: Sequence[Key]) -> None:
    """Let what is in flight be asserted anew even if that attempt turns out to have had no effect."""
    in_flight = {
        (identifier, warehouse): attempt
        for identifier, warehouse, attempt in connection.exec_driver_sql(
            f"SELECT identifier, warehouse, attempt_id FROM listing {IN_FLIGHT_INDEX}"
            " WHERE channel_id = ? AND attempt_id IS NOT NULL",
            (channel_id,),
        )
    }
    attempts = [(in_flight[key],) for key in keys if key in in_flight]
    if attempts:
        connection.exec_driver_sql("UPDATE attempt SET was_uncertain = 1 WHERE id = ?", attempts)


def absolve(database: Database, channel_id: int, skus: Sequence[str], again: int) -> None:
    """Take back that listings of these SKUs were refused: the cause was not theirs.

    They are due `again` (ms since the epoch), so that others are tried before them.
    """
    with database.write() as connection:
        keys = _called(connection, channel_id, skus)
        if not keys:
            return
        connection.exec_driver_sql(
            "UPDATE listing SET refusal = NULL, not_before = ?, failures = 0"
            " WHERE channel_id = ? AND identifier = ? AND warehouse = ? AND refusal IS NOT NULL",
            [(again, channel_id, *key) for key in keys],
        )
        connection.exec_driver_sql(
            "DELETE FROM failure WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
            [(channel_id, *key) for key in keys],
        )
