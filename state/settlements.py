"""What each outcome leaves a listing as: one statement a kind, within the transaction that settles a push.

Every update names the attempt: only its own outcome may settle a listing.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from state.records import After, Push, PushEnd, Settlement


def _rows_after(settlements: Iterable[Settlement], *after: After) -> list[Settlement]:
    return [settlement for settlement in settlements if settlement.after in after]


def settle_confirmed(
    connection: Connection,
    push: Push,
    settlements: Iterable[Settlement],
    now: int,
    settling: int,
    *,
    asynchronous: bool,
) -> None:
    """Confirm what was accepted, and schedule the repetition that an older, ambiguous request asks for.

    A repetition that was sent when it was due (or later) ends the matter; one that is still to come stays.
    """
    rows = _rows_after(settlements, After.CONFIRMED)
    if not rows:
        return
    again = now + settling
    connection.exec_driver_sql(
        "UPDATE listing SET reassert_at = CASE"
        "   WHEN ambiguous = 1 THEN ?"
        "   WHEN ? AND confirmed_at IS NOT NULL AND confirmed_at + ? > ? THEN ?"
        "   WHEN reassert_at <= ? THEN NULL ELSE min(reassert_at, ?) END,"
        " attempt_id = NULL, confirmed = ?, confirmed_at = ?, uncertain = 0, ambiguous = 0, may_show = ?,"
        " refusal = NULL, not_before = NULL, failures = 0, batch_limit = NULL,"
        " changed_at = CASE WHEN desired = ? THEN changed_at ELSE ? END"
        " WHERE channel_id = ? AND identifier = ? AND warehouse = ? AND attempt_id = ?",
        [
            (
                again, int(asynchronous), settling, push.started_at, again, push.started_at, again,
                a.quantity, now, a.quantity, a.quantity, now,
                push.channel_id, a.identifier, a.warehouse, a.id,
            )
            for a in (row.attempt for row in rows)
        ],
    )  # fmt: skip
    any_failure = "SELECT EXISTS (SELECT 1 FROM failure WHERE channel_id = ?)"
    if connection.exec_driver_sql(any_failure, (push.channel_id,)).scalar_one():
        connection.exec_driver_sql(
            "DELETE FROM failure WHERE channel_id = ? AND identifier = ? AND warehouse = ?",
            [(push.channel_id, row.attempt.identifier, row.attempt.warehouse) for row in rows],
        )
    connection.exec_driver_sql("UPDATE channel SET pushed_at = ? WHERE id = ?", (now, push.channel_id))


def settle_untouched(connection: Connection, channel_id: int, settlements: Iterable[Settlement]) -> None:
    """Give back what the listing was before the attempt, except where its desired quantity moved on.

    The probe of a refused listing leaves its refusal as it was, and a suspect stays one.
    """
    rows = _rows_after(settlements, After.UNTOUCHED)
    if not rows:
        return
    connection.exec_driver_sql(
        "UPDATE listing SET attempt_id = NULL,"
        " uncertain = (SELECT was_uncertain FROM attempt WHERE id = listing.attempt_id),"
        " may_show = (SELECT could_show FROM attempt WHERE id = listing.attempt_id),"
        " refusal = CASE WHEN ? = 'quantity' AND desired <> ? THEN NULL ELSE coalesce(?, refusal) END,"
        " not_before = CASE WHEN ? IS NOT NULL THEN ? WHEN refusal IS NOT NULL THEN not_before"
        "   WHEN desired <> ? THEN NULL ELSE ? END,"
        " failures = failures + ?, batch_limit = coalesce(?, batch_limit)"
        " WHERE channel_id = ? AND identifier = ? AND warehouse = ? AND attempt_id = ?",
        [
            (
                row.refusal, row.attempt.quantity, row.refusal,
                row.refusal, row.not_before, row.attempt.quantity, row.not_before,
                int(row.charged), row.batch_limit,
                channel_id, row.attempt.identifier, row.attempt.warehouse, row.attempt.id,
            )
            for row in rows
        ],
    )  # fmt: skip


def settle_unknown(
    connection: Connection, channel_id: int, settlements: Iterable[Settlement], *, asynchronous: bool
) -> None:
    """Leave the listing uncertain: it is due again, a newer quantity at once.

    An asynchronous marketplace may have taken what its answer does not tell, and still be at it.
    """
    rows = _rows_after(settlements, After.UNCERTAIN, After.AMBIGUOUS)
    if not rows:
        return
    connection.exec_driver_sql(
        "UPDATE listing SET attempt_id = NULL, ambiguous = max(ambiguous, ?),"
        " not_before = CASE WHEN desired <> ? THEN NULL ELSE ? END,"
        " refusal = NULL, failures = failures + ?, batch_limit = coalesce(?, batch_limit)"
        " WHERE channel_id = ? AND identifier = ? AND warehouse = ? AND attempt_id = ?",
        [
            (
                int(asynchronous or row.after is After.AMBIGUOUS), row.attempt.quantity, row.not_before,
                int(row.charged), row.batch_limit,
                channel_id, row.attempt.identifier, row.attempt.warehouse, row.attempt.id,
            )
            for row in rows
        ],
    )  # fmt: skip


def record_failures(
    connection: Connection, channel_id: int, settlements: Iterable[Settlement], now: int
) -> None:
    """Keep, for people, what counts against a listing since its last acceptance."""
    rows = [row for row in settlements if row.charged or row.refusal]
    if rows:
        connection.exec_driver_sql(
            "INSERT INTO failure(channel_id, identifier, warehouse, sku, outcome, reason, code, message,"
            " attempts, first_failed_at, last_failed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)"
            " ON CONFLICT(channel_id, identifier, warehouse) DO UPDATE SET sku = excluded.sku,"
            " outcome = excluded.outcome, reason = excluded.reason, code = excluded.code,"
            " message = excluded.message, attempts = attempts + 1,"
            " last_failed_at = excluded.last_failed_at",
            [
                (
                    channel_id, row.attempt.identifier, row.attempt.warehouse, row.attempt.sku,
                    row.outcome, row.reason, row.code, row.message, now, now,
                )
                for row in rows
            ],
        )  # fmt: skip


def record_attempts(connection: Connection, settlements: Iterable[Settlement]) -> None:
    """Keep what each attempt came to."""
    connection.exec_driver_sql(
        "UPDATE attempt SET outcome = ?, code = ?, message = ? WHERE id = ?",
        [(row.outcome, row.code, row.message, row.attempt.id) for row in settlements],
    )


def record_end(
    connection: Connection, push: Push, settlements: Sequence[Settlement], end: PushEnd, now: int
) -> None:
    """Keep what the request as a whole came to."""
    counts = [
        sum(row.outcome == outcome for row in settlements)
        for outcome in ("accepted", "rejected", "deferred", "unknown")
    ]
    connection.exec_driver_sql(
        "UPDATE push SET finished_at = ?, accepted = ?, rejected = ?, deferred = ?, unknown = ?, status = ?,"
        " code = ?, message = ?, request_id = ?, batch_id = ? WHERE id = ? AND finished_at IS NULL",
        (now, *counts, end.status, end.code, end.message, end.request_id, end.batch_id, push.id),
    )


def waits_of(settlements: Iterable[Settlement], now: int) -> list[int]:
    """Tell how long each accepted row had differed (ms); a row that had not is not among them."""
    return [
        max(now - row.attempt.changed_at, 0)
        for row in _rows_after(settlements, After.CONFIRMED)
        if row.attempt.changed_at is not None
    ]


def record_waits(connection: Connection, push: Push, waits: Sequence[int]) -> None:
    """Keep the sums of how long its accepted rows had waited."""
    if waits:
        connection.exec_driver_sql(
            "UPDATE push SET waited_rows = ?, waited_total = ?, waited_most = ? WHERE id = ?",
            (len(waits), sum(waits), max(waits), push.id),
        )
