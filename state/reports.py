"""Read-only answers for people: counts, failures, imports. None of them costs more than what it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from state.by_sku import CALLED, LISTING_OF_FAILURE, of_skus, these_skus
from state.dialect import IN_FLIGHT_INDEX, PAUSED_INDEX, READY_INDEX, REFUSED_INDEX, WAITING_INDEX
from state.records import Risk


@dataclass(frozen=True, slots=True)
class ListingCounts:
    """How many listings of a channel are in which state; they add up to `listings`.

    `repetitions` are in sync and wait to be asserted once more. `oldest_due` in ms since the epoch.
    `paused`: of those that are held, the ones that a rule says to leave alone.
    """

    listings: int
    due: int
    in_flight: int
    deferred: int
    rejected: int
    held: int
    repetitions: int
    due_by_risk: dict[Risk, int]
    oldest_due: int | None
    next_wait: int | None
    paused: int = 0

    @property
    def in_sync(self) -> int:
        """How many listings show what they should, as far as the marketplace has said."""
        return self.listings - self.due - self.in_flight - self.deferred - self.rejected - self.held


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel as remembered."""

    id: int
    name: str
    account: str
    held_at: int | None
    hold_code: str
    hold_message: str
    paused_until: int | None
    pushed_at: int | None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as remembered. `levels` stock levels, `missed` of them absent from the last snapshot."""

    name: str
    read_at: int | None
    data_at: int | None
    failing_since: int | None
    failure: str
    levels: int
    missed: int
    imports_held: int


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A listing that has failed since its last acceptance. `next_attempt_at` None = when it is woken.

    `request_id` and `batch_id` are the marketplace's own of the latest attempt, "" where it gave none.
    """

    channel: str
    sku: str
    warehouse: str
    desired: int
    outcome: str
    reason: str
    code: str
    message: str
    attempts: int
    first_failed_at: int
    next_attempt_at: int | None
    request_id: str
    batch_id: str
    identifier: str = ""
    """What the marketplace calls it, as `state.plans.encode` writes it."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A file or poll that came in."""

    id: int
    source: str
    name: str
    state: str
    rows: int
    changed: int
    bad: int
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class PushTotals:
    """What the pushes of a channel came to, in rows; `requests` in requests."""

    requests: int
    sent: int
    accepted: int
    rejected: int
    deferred: int
    unknown: int


def channels(connection: Connection) -> list[ChannelRow]:
    """List the configured channels, by name."""
    return [
        ChannelRow(*row)
        for row in connection.exec_driver_sql(
            "SELECT id, name, account, held_at, hold_code, hold_message, paused_until, pushed_at"
            " FROM channel WHERE active ORDER BY name"
        )
    ]


def announced_paces(connection: Connection) -> dict[str, float]:
    """Tell by channel the pace per second that its marketplace's answers to pushes last announced."""
    rows = connection.exec_driver_sql(
        "SELECT name, pace_per_second FROM channel WHERE active AND pace_per_second IS NOT NULL"
    )
    return {name: float(pace) for name, pace in rows}


def sources(connection: Connection) -> list[SourceRow]:
    """List the configured sources, by name."""
    levels = {
        row[0]: (row[1], row[2])
        for row in connection.exec_driver_sql(
            "SELECT source_id, count(*), sum(missed > 0) FROM stock GROUP BY source_id"
        )
    }
    return [
        SourceRow(
            name=row[1],
            read_at=row[2],
            data_at=row[3],
            failing_since=row[4],
            failure=row[5],
            levels=levels.get(row[0], (0, 0))[0],
            missed=levels.get(row[0], (0, 0))[1],
            imports_held=row[6],
        )
        for row in connection.exec_driver_sql(
            "SELECT id, name, read_at, data_at, failing_since, failure, (SELECT count(*) FROM import i"
            " WHERE i.source_id = s.id AND i.state = 'held') FROM source s WHERE active ORDER BY name"
        )
    ]


def sources_in_brief(connection: Connection) -> list[SourceRow]:
    """List the configured sources, by name, without counting their stock levels: that costs what exists."""
    return [
        SourceRow(row[0], row[1], row[2], row[3], row[4], 0, 0, row[5])
        for row in connection.exec_driver_sql(
            "SELECT name, read_at, data_at, failing_since, failure, (SELECT count(*) FROM import i"
            " WHERE i.source_id = s.id AND i.state = 'held') FROM source s WHERE active ORDER BY name"
        )
    ]


def count_listings(connection: Connection, channel_id: int, now: int) -> ListingCounts:
    """Count a channel's listings by state."""
    run = connection.exec_driver_sql
    held_channel = run("SELECT held_at IS NOT NULL FROM channel WHERE id = ?", (channel_id,)).scalar_one()
    held_warehouses = {
        row[0] for row in run("SELECT warehouse FROM warehouse_hold WHERE channel_id = ?", (channel_id,))
    }
    total = run("SELECT count(*) FROM listing WHERE channel_id = ?", (channel_id,)).scalar_one()
    in_flight, in_flight_paused = _in_flight(connection, channel_id)
    rejected, rejected_paused = run(
        "SELECT coalesce(sum(attempt_id IS NULL), 0), coalesce(sum(attempt_id IS NULL AND paused <> 0), 0)"
        f" FROM listing {REFUSED_INDEX} WHERE channel_id = ? AND refusal IS NOT NULL",
        (channel_id,),
    ).one()
    # Counted by the index alone, and what is in another state taken off: a million may be paused.
    paused = run(
        f"SELECT count(*) FROM listing {PAUSED_INDEX} WHERE channel_id = ? AND paused <> 0", (channel_id,)
    ).scalar_one()
    paused -= in_flight_paused + rejected_paused
    due = deferred = repetitions = 0
    held = paused
    by_risk = dict.fromkeys(Risk, 0)
    oldest: int | None = None
    next_wait: int | None = None
    for warehouse, risk, ripe, changed, count, since in _unsettled(connection, channel_id, now):
        if not ripe and not changed:
            repetitions += count
        elif held_channel or warehouse in held_warehouses:
            held += count
        elif ripe:
            due += count
            by_risk[Risk(risk)] += count
            oldest = since if oldest is None else min(oldest, since)
        else:
            deferred += count
        if not ripe:
            next_wait = since if next_wait is None else min(next_wait, since)
    return ListingCounts(
        total, due, in_flight, deferred, rejected, held, repetitions, by_risk, oldest, next_wait, paused
    )


def count_listings_of(connection: Connection, channel_id: int, skus: Sequence[str]) -> tuple[int, int, int]:
    """Count the listings of some SKUs; those of them in sync; those that a rule says to leave alone."""
    settled = "refusal IS NULL AND attempt_id IS NULL"
    columns = f"{settled} AND changed = 0 AND paused = 0 AS in_sync, {settled} AND paused <> 0 AS left_alone"
    row = connection.exec_driver_sql(
        f"SELECT count(*), coalesce(sum(in_sync), 0), coalesce(sum(left_alone), 0) FROM ({of_skus(columns)})",
        these_skus(channel_id, skus),
    ).one()
    return int(row[0]), int(row[1]), int(row[2])


def work_left(connection: Connection, channel_id: int, now: int) -> tuple[int, int]:
    """Count the listings that may be pushed now, and those in flight; costs what is due, not what exists."""
    ready = connection.exec_driver_sql(
        f"SELECT count(*) FROM listing {READY_INDEX} WHERE channel_id = ? AND due = 1 AND wait_until IS NULL",
        (channel_id,),
    ).scalar_one()
    ripe = connection.exec_driver_sql(
        f"SELECT count(*) FROM listing {WAITING_INDEX} WHERE channel_id = ? AND due = 1"
        " AND wait_until IS NOT NULL AND wait_until <= ?",
        (channel_id, now),
    ).scalar_one()
    return int(ready + ripe), _in_flight(connection, channel_id)[0]


def _in_flight(connection: Connection, channel_id: int) -> tuple[int, int]:
    """Count the listings in flight, and those of them that are paused."""
    row = connection.exec_driver_sql(
        f"SELECT count(*), coalesce(sum(paused <> 0), 0) FROM listing {IN_FLIGHT_INDEX}"
        " WHERE channel_id = ? AND attempt_id IS NOT NULL",
        (channel_id,),
    ).one()
    return int(row[0]), int(row[1])


def _unsettled(
    connection: Connection, channel_id: int, now: int
) -> Iterator[tuple[str, int, bool, bool, int, int]]:
    """Give warehouse, risk, whether ripe, whether changed, how many, and their oldest time."""
    for row in connection.exec_driver_sql(
        f"SELECT warehouse, risk, 1, 1, count(*), min(changed_at) FROM listing {READY_INDEX}"
        " WHERE channel_id = ? AND due = 1 AND wait_until IS NULL GROUP BY 1, 2",
        (channel_id,),
    ):
        yield tuple(row)
    for row in connection.exec_driver_sql(
        f"SELECT warehouse, risk, wait_until <= ?, changed, count(*), min(wait_until)"
        f" FROM listing {WAITING_INDEX} WHERE channel_id = ? AND due = 1 AND wait_until IS NOT NULL"
        " AND refusal IS NULL GROUP BY 1, 2, 3, 4",
        (now, channel_id),
    ):
        yield tuple(row)


def failures(connection: Connection, channel: str | None = None) -> Iterator[FailureRow]:
    """Give the listings that failed, the longest first."""
    rows = connection.exec_driver_sql(
        "SELECT c.name, l.sku, l.warehouse, l.desired, f.outcome, f.reason, f.code, f.message, f.attempts,"
        " f.first_failed_at, l.not_before, coalesce(p.request_id, ''), coalesce(p.batch_id, ''), l.identifier"
        f" FROM failure f JOIN channel c ON c.id = f.channel_id AND c.active {LISTING_OF_FAILURE}"
        " LEFT JOIN push p ON p.id = (SELECT a.push_id FROM attempt a WHERE a.channel_id = f.channel_id"
        f"   AND a.sku = f.sku AND {CALLED.format('a')} = f.identifier AND a.warehouse = f.warehouse"
        "   ORDER BY a.id DESC LIMIT 1)"
        " WHERE (? IS NULL OR c.name = ?) AND (l.refusal IS NOT NULL OR l.changed)"
        " ORDER BY f.first_failed_at, l.sku, l.identifier, l.warehouse",
        (channel, channel),
    )
    for row in rows:
        yield FailureRow(*row)


def imports(connection: Connection, limit: int = 1_000) -> list[ImportRow]:
    """List what came in, newest first; what is being applied at this moment is not yet among them."""
    return [
        ImportRow(*row)
        for row in connection.exec_driver_sql(
            "SELECT i.id, s.name, i.name, i.state, i.rows, i.changed, i.bad, i.reason, i.at FROM import i"
            " JOIN source s ON s.id = i.source_id WHERE i.state <> 'applying' ORDER BY i.id DESC LIMIT ?",
            (limit,),
        )
    ]


def last_push(connection: Connection) -> int:
    """Tell the newest push's id; 0 = none."""
    return int(connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM push").scalar_one())


def last_import(connection: Connection) -> int:
    """Tell the newest import's id; 0 = none."""
    return int(connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM import").scalar_one())


def push_totals(connection: Connection, channel_id: int, after_push: int) -> PushTotals:
    """Add up a channel's pushes after the one named."""
    row = connection.exec_driver_sql(
        "SELECT count(*), coalesce(sum(rows), 0), coalesce(sum(accepted), 0), coalesce(sum(rejected), 0),"
        " coalesce(sum(deferred), 0), coalesce(sum(unknown), 0) FROM push WHERE channel_id = ? AND id > ?",
        (channel_id, after_push),
    ).one()
    return PushTotals(*row)


def accepted_since(connection: Connection, channel_id: int, since: int) -> int:
    """Count the rows that a channel accepted in pushes begun after `since` (ms since the epoch).

    Costs what was pushed since, going back from the newest push.
    """
    total = 0
    rows = connection.exec_driver_sql(
        "SELECT started_at, accepted FROM push WHERE channel_id = ? ORDER BY id DESC", (channel_id,)
    )
    for started_at, accepted in rows:
        if started_at < since:
            break
        total += accepted
    rows.close()
    return total


def warehouse_holds(connection: Connection, channel_id: int) -> list[tuple[str, str, str, int]]:
    """List a channel's held warehouses: warehouse, code, message, since when."""
    return [
        tuple(row)
        for row in connection.exec_driver_sql(
            "SELECT warehouse, code, message, held_at FROM warehouse_hold WHERE channel_id = ?"
            " ORDER BY warehouse",
            (channel_id,),
        )
    ]
