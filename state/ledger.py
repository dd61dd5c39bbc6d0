"""The ledger's life of a listing: due, intended, in flight, settled. Each step is one durable transaction."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from state.by_sku import of_skus, these_skus
from state.database import Database
from state.dialect import IN_FLIGHT_INDEX, READY_INDEX, WAITING_INDEX
from state.records import Attempt, DueListing, Push, PushEnd, Risk, Settlement
from state.settlements import (
    record_attempts,
    record_end,
    record_failures,
    record_waits,
    settle_confirmed,
    settle_unknown,
    settle_untouched,
    waits_of,
)

Chooser = Callable[[Sequence[DueListing]], Sequence[DueListing]]
"""Chooses the rows of one request among the listings that are due."""

_DIFFERS_SINCE = "CASE WHEN confirmed IS NULL OR desired <> confirmed THEN changed_at END"
_COLUMNS = f"sku, warehouse, desired, risk, failures, batch_limit, changed, {_DIFFERS_SINCE}, identifier"
_OF_READY = (
    f"FROM listing {READY_INDEX}"
    " WHERE channel_id = ? AND warehouse = ? AND risk = ? AND due = 1 AND wait_until IS NULL"
)
_OF_RIPE = (
    f"FROM listing {WAITING_INDEX} WHERE channel_id = ? AND warehouse = ? AND risk = ? AND due = 1"
    " AND wait_until IS NOT NULL AND wait_until <= ?"
)
_READY = f"SELECT {_COLUMNS}, changed_at {_OF_READY} ORDER BY changed_at LIMIT ?"
_RIPE = f"SELECT {_COLUMNS}, wait_until {_OF_RIPE} ORDER BY wait_until LIMIT ?"
_COUNT_READY, _COUNT_RIPE = (
    f"SELECT count(*) FROM (SELECT 1 {of_due} LIMIT ?)" for of_due in (_OF_READY, _OF_RIPE)
)
_NEXT_WAIT = (
    f"SELECT min(wait_until) FROM listing {WAITING_INDEX}"
    " WHERE channel_id = ? AND warehouse = ? AND risk = ? AND due = 1 AND wait_until IS NOT NULL"
)
_IN_SCOPE = of_skus(
    f"{_COLUMNS}, coalesce(wait_until, changed_at)",
    "due = 1 AND (wait_until IS NULL OR wait_until <= :now)"
    " AND warehouse IN (SELECT value FROM json_each(:warehouses))",
)


def due_listings(
    connection: Connection, channel_id: int, warehouses: Iterable[str], now: int, limit: int
) -> Iterator[DueListing]:
    """Find what may be pushed now: from each warehouse and each class of risk the oldest `limit`."""
    for warehouse in warehouses:
        for risk in Risk:
            for sql, parameters in (
                (_READY, (channel_id, warehouse, risk, limit)),
                (_RIPE, (channel_id, warehouse, risk, now, limit)),
            ):
                for row in connection.exec_driver_sql(sql, parameters).fetchall():
                    yield _due(row)


def count_due(connection: Connection, channel_id: int, warehouses: Iterable[str], now: int, most: int) -> int:
    """Count what may be pushed now, up to `most`: by the indexes alone."""
    count = 0
    for warehouse in warehouses:
        for risk in Risk:
            for sql, by in ((_COUNT_READY, ()), (_COUNT_RIPE, (now,))):
                parameters = (channel_id, warehouse, risk, *by, most - count)
                count += int(connection.exec_driver_sql(sql, parameters).scalar_one())
                if count >= most:
                    return count
    return count


def due_listings_of(
    connection: Connection, channel_id: int, warehouses: Sequence[str], skus: Iterable[str], now: int
) -> Iterator[DueListing]:
    """Find what may be pushed now of the SKUs named."""
    scope = these_skus(channel_id, skus, warehouses=json.dumps(list(warehouses)), now=now)
    for row in connection.exec_driver_sql(_IN_SCOPE, scope):
        yield _due(row)


def _due(row: Any) -> DueListing:
    sku, warehouse, desired, risk, failures, batch_limit, changed, differs_since, identifier, since = row
    return DueListing(
        sku, warehouse, desired, Risk(risk), since, failures, batch_limit, bool(changed), differs_since,
        identifier,
    )  # fmt: skip


def _attempt(number: int, listing: DueListing) -> Attempt:
    return Attempt(
        number, listing.sku, listing.warehouse, listing.desired, listing.failures, listing.differs_since,
        listing.identifier,
    )  # fmt: skip


def next_wait(connection: Connection, channel_id: int, warehouses: Iterable[str]) -> int | None:
    """Tell when the next waiting listing may be pushed (ms since the epoch), None if none waits."""
    ends = [
        connection.exec_driver_sql(_NEXT_WAIT, (channel_id, warehouse, risk)).scalar()
        for warehouse in warehouses
        for risk in Risk
    ]
    return min((end for end in ends if end is not None), default=None)


class Ledger:
    """Begins pushes and settles them. Only what it has committed may be acted on."""

    def __init__(self, database: Database) -> None:
        """Number attempts on from the highest that the database remembers."""
        self._database = database
        with database.read() as connection:
            self._last_attempt = int(
                connection.execute(text("SELECT coalesce(max(id), 0) FROM attempt")).scalar_one()
            )

    def begin_push(
        self,
        channel_id: int,
        warehouses: Sequence[str],
        choose: Chooser,
        *,
        now: int,
        limit: int,
        skus: Sequence[str] | None = None,
    ) -> Push | None:
        """Choose what to send and commit the intent to send it, in one transaction; None if nothing is due.

        Quantities are read here, at the moment of sending. Once this returns, every chosen listing is
        uncertain, and only the settlement of this very attempt can make it certain.
        """
        with self._database.write() as connection:
            due = (
                due_listings(connection, channel_id, warehouses, now, limit)
                if skus is None
                else due_listings_of(connection, channel_id, warehouses, skus, now)
            )
            chosen = choose(list(due))
            if not chosen:
                return None
            attempts = tuple(
                _attempt(number, listing) for number, listing in enumerate(chosen, self._last_attempt + 1)
            )
            push = Push(_record_push(connection, channel_id, len(chosen), now), channel_id, now, attempts)
            _record_intent(connection, push)
        self._last_attempt += len(attempts)
        return push

    def settle(
        self,
        push: Push,
        settlements: Sequence[Settlement],
        end: PushEnd,
        *,
        now: int,
        settling: int,
        asynchronous: bool,
    ) -> list[int]:
        """Record what became of every attempt of a push, in one transaction.

        Returns how long each row that was accepted had differed (ms); mere repetitions are not among them.
        `settling`: how long (ms) an ambiguous request may still be under way; `asynchronous`: accepted
        requests of this marketplace may overtake each other within that time. An attempt that is not in
        flight any more is settled already: what comes after that changes nothing.
        """
        with self._database.write() as connection:
            settlements = _still_awaited(connection, push.channel_id, settlements)
            if not settlements:
                return []
            waits = waits_of(settlements, now)
            settle_confirmed(connection, push, settlements, now, settling, asynchronous=asynchronous)
            settle_untouched(connection, push.channel_id, settlements)
            settle_unknown(connection, push.channel_id, settlements, asynchronous=asynchronous)
            record_failures(connection, push.channel_id, settlements, now)
            record_attempts(connection, settlements)
            record_end(connection, push, settlements, end, now)
            record_waits(connection, push, waits)
        return waits

    def recover(self, now: int) -> int:
        """Settle what was in flight when the last process ended: it may still be under way.

        Returns how many listings that were.
        """
        message = "syncd ended while this was in flight"
        with self._database.write() as connection:
            found = connection.exec_driver_sql(
                f"SELECT channel_id, identifier, warehouse, attempt_id FROM listing {IN_FLIGHT_INDEX}"
                " WHERE attempt_id IS NOT NULL"
            ).fetchall()
            if found:
                connection.exec_driver_sql(
                    "UPDATE listing SET attempt_id = NULL, ambiguous = 1, uncertain = 1"
                    " WHERE channel_id = ? AND identifier = ? AND warehouse = ? AND attempt_id = ?",
                    [tuple(row) for row in found],
                )
                connection.exec_driver_sql(
                    "UPDATE attempt SET outcome = 'unknown', message = ? WHERE id = ?",
                    [(message, row[3]) for row in found],
                )
            connection.exec_driver_sql(
                "UPDATE push SET finished_at = ?, message = ?,"
                " unknown = rows - accepted - rejected - deferred WHERE finished_at IS NULL",
                (now, message),
            )
        return len(found)


def _still_awaited(
    connection: Connection, channel_id: int, settlements: Iterable[Settlement]
) -> list[Settlement]:
    in_flight = {
        row[0]
        for row in connection.exec_driver_sql(
            f"SELECT attempt_id FROM listing {IN_FLIGHT_INDEX}"
            " WHERE channel_id = ? AND attempt_id IS NOT NULL",
            (channel_id,),
        ).fetchall()
    }
    return [settlement for settlement in settlements if settlement.attempt.id in in_flight]


def _record_push(connection: Connection, channel_id: int, rows: int, now: int) -> int:
    found = connection.exec_driver_sql(
        "INSERT INTO push(channel_id, started_at, rows, accepted, rejected, deferred, unknown,"
        " code, message, request_id, batch_id) VALUES (?, ?, ?, 0, 0, 0, 0, '', '', '', '') RETURNING id",
        (channel_id, now, rows),
    )
    return int(found.scalar_one())


def _record_intent(connection: Connection, push: Push) -> None:
    """Record every attempt with what its listing was before, and make the listing uncertain."""
    connection.exec_driver_sql(
        "INSERT INTO attempt(id, push_id, channel_id, sku, warehouse, quantity, was_uncertain,"
        " could_show, code, message, changed_at, identifier)"
        " SELECT ?, ?, channel_id, sku, warehouse, desired, uncertain, may_show, '', '',"
        f" {_DIFFERS_SINCE}, identifier FROM listing"
        " WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
        [(a.id, push.id, push.channel_id, a.identifier, a.warehouse) for a in push.attempts],
    )
    connection.exec_driver_sql(
        "UPDATE listing SET attempt_id = ?, uncertain = 1, may_show = max(may_show, desired)"
        " WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
        [(a.id, push.channel_id, a.identifier, a.warehouse) for a in push.attempts],
    )
