"""What happened, in order, however much: read in portions, so that no reader holds the journal for long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from state.actions import MOST_KEPT, ActionRow, actions
from state.by_sku import CALLED
from state.database import Reader
from state.dialect import BY_LISTING_INDEX, BY_ROWID, PAST_BY_SKU_INDEX
from state.past_levels import LINE

PORTION = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of the past is asked for. Empty = all; times in ms since the epoch, `until` not included."""

    channels: Sequence[str] = ()
    skus: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """One attempt with the request that carried it. `outcome` None while in flight."""

    id: int
    started_at: int
    finished_at: int | None
    channel: str
    sku: str
    warehouse: str
    quantity: int
    outcome: str | None
    code: str
    message: str
    changed_at: int | None
    status: int | None
    push_id: int
    request_id: str
    batch_id: str
    identifier: str
    """What the marketplace was told that its listing is called, as `state.plans.encode` writes it."""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A stock level that changed, and what said so.

    `line` None where no line said it: it went to zero because it was missing.
    """

    id: int
    at: int
    source: str
    sku: str
    location: str
    before: int
    after: int
    import_id: int
    import_name: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class _Question:
    """What is read: `key` is the id that it is ordered by, of the first table of `source`."""

    key: str
    columns: str
    source: str
    condition: str
    parameters: list[Any]


class History:
    """Reads attempts, changes of stock levels and what people did, the oldest first."""

    def __init__(self, reader: Reader) -> None:
        """Read from `reader`."""
        self._reader = reader

    def channels(self) -> list[str]:
        """Name every channel that is remembered, configured or not."""
        with self._reader.read() as connection:
            return list(
                connection.exec_driver_sql("SELECT DISTINCT name FROM channel ORDER BY name").scalars()
            )

    def attempts(self, span: Span, newest: int | None = None) -> Iterator[PastAttempt]:
        """Give the attempts of a span; of them only the `newest`, None = all."""
        with self._reader.read() as connection:
            first = _first_attempt(connection, span.since)
        for row in self._portions(_attempts_in(span), first, newest):
            yield PastAttempt(*row)

    def levels(self, span: Span, newest: int | None = None) -> Iterator[LevelChange]:
        """Give the changes of stock levels of a span; of them only the `newest`, None = all."""
        for row in self._portions(_levels_in(span), 0, newest):
            yield LevelChange(*row)

    def actions(self, span: Span, newest: int | None = None) -> Iterator[ActionRow]:
        """Give what people did in a span; of it only the `newest`, None = all that is kept."""
        with self._reader.read() as connection:
            found = actions(connection, since=span.since, until=span.until, limit=newest or MOST_KEPT)
        yield from reversed(found)

    def _portions(self, question: _Question, first: int, newest: int | None) -> Iterator[Any]:
        """Give rows in the order of their ids, up to the last that is there now."""
        table = question.source.split(" ", 1)[0]
        with self._reader.read() as connection:
            last = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table}").scalar_one()
            if newest is not None:
                first = _first_of_newest(connection, question, first, newest)
        after = first - 1
        while True:
            with self._reader.read() as connection:
                rows = connection.exec_driver_sql(
                    f"SELECT {question.columns} FROM {question.source} WHERE {question.key} > ?"
                    f" AND {question.key} <= ? AND {question.condition}"
                    f" ORDER BY {question.key} LIMIT {PORTION}",
                    (after, last, *question.parameters),
                ).fetchall()
            yield from rows
            if len(rows) < PORTION:
                return
            after = rows[-1][0]


def _first_of_newest(connection: Connection, question: _Question, first: int, newest: int) -> int:
    """Tell from which id on there are so many; all where there are fewer."""
    found = connection.exec_driver_sql(
        f"SELECT {question.key} FROM {question.source} WHERE {question.key} >= ? AND {question.condition}"
        f" ORDER BY {question.key} DESC LIMIT 1 OFFSET ?",
        (first, *question.parameters, newest - 1),
    ).scalar()
    return first if found is None else int(found)


def _first_attempt(connection: Connection, since: int) -> int:
    """Tell the first attempt that may be of a time: ids grow with time, unless the clock was set."""
    if not since:
        return 0
    first = connection.exec_driver_sql(
        "SELECT min(id) FROM attempt WHERE push_id = (SELECT min(id) FROM push WHERE started_at >= ?)",
        (since,),
    ).scalar()
    return 0 if first is None else int(first)


def _attempts_in(span: Span) -> _Question:
    conditions, parameters = _within("p.started_at", span)
    _add_choice(conditions, parameters, "c.name", span.channels)
    _add_choice(conditions, parameters, "a.sku", span.skus)
    _add_choice(conditions, parameters, "coalesce(a.outcome, 'in_flight')", span.outcomes)
    if span.skus:
        conditions.append("a.channel_id IN (SELECT id FROM channel)")
    return _Question(
        "a.id",
        "a.id, p.started_at, p.finished_at, c.name, a.sku, a.warehouse, a.quantity, a.outcome, a.code,"
        " a.message, a.changed_at, p.status, p.id, p.request_id, p.batch_id,"
        f" {CALLED.format('a')}",
        f"attempt a {BY_LISTING_INDEX if span.skus else BY_ROWID} CROSS JOIN push p ON p.id = a.push_id"
        " CROSS JOIN channel c ON c.id = a.channel_id",
        " AND ".join(conditions),
        parameters,
    )


def _levels_in(span: Span) -> _Question:
    conditions, parameters = _within("p.until", span)
    _add_choice(conditions, parameters, "p.sku", span.skus)
    return _Question(
        "p.id",
        "p.id, p.until, s.name, p.sku, p.location, p.quantity, coalesce(n.quantity, k.quantity),"
        " coalesce(n.import_id, k.import_id), i.name,"
        f" CASE WHEN n.id IS NULL THEN {LINE.format('k')} ELSE {LINE.format('n')} END",
        f"past_level p {PAST_BY_SKU_INDEX if span.skus else BY_ROWID}"
        " LEFT JOIN past_level n ON n.id = (SELECT min(l.id) FROM past_level l"
        "   WHERE l.sku = p.sku AND l.location = p.location AND l.id > p.id)"
        " LEFT JOIN stock k ON n.id IS NULL AND k.sku = p.sku AND k.location = p.location"
        " LEFT JOIN source s ON s.id = coalesce(n.source_id, k.source_id)"
        " LEFT JOIN import i ON i.id = coalesce(n.import_id, k.import_id)",
        " AND ".join(conditions),
        parameters,
    )


def _within(time: str, span: Span) -> tuple[list[str], list[Any]]:
    if span.until is None:
        return [f"{time} >= ?"], [span.since]
    return [f"{time} >= ?", f"{time} < ?"], [span.since, span.until]


def _add_choice(conditions: list[str], parameters: list[Any], what: str, values: Sequence[str]) -> None:
    if values:
        conditions.append(f"{what} IN ({', '.join('?' * len(values))})")
        parameters.extend(values)
