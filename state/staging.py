"""What a source says now, compared with what it said before by the database, outside any write.

A staging reads the state database and writes only temporary tables of its own, so a worker thread can work
on a million rows while pushes go on.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import IntEnum, StrEnum
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeAlias

from state import dialect, excerpts
from state.comparison import Comparison
from state.losses import lost_since

LOADED_AT_ONCE: Final = 20_000


IncomingRow: TypeAlias = tuple[str, str, int | None, int]
"""SKU, location, quantity and line; a plain tuple, because a million of them pass."""


class Duplicates(StrEnum):
    """What a SKU and location that stand twice in one import mean."""

    REJECT = "reject"
    SUM = "sum"
    LAST = "last"
    MIN = "min"


class Missed(IntEnum):
    """What the last accepted snapshot said of a stock level."""

    LISTED = 0
    SURELY = 1
    """It is missing; from the next one too, that counts as twice in a row."""
    PERHAPS = 2
    """It is missing, but one of the rows whose SKU cannot be read may be its."""


class StagedRow(NamedTuple):
    """A row that cannot be taken: where it stands, and how often or by whom its key is claimed."""

    sku: str
    location: str
    line: int
    claim: str


class StockChange(NamedTuple):
    """A stock level as it is to be stored. `line`: where the import says it; `missed`: see `Missed`."""

    sku: str
    location: str
    quantity: int
    line: int
    missed: int


class Changes:
    """The changes of an import that are not stored yet."""

    def __init__(self, find: Callable[[], sqlite3.Cursor]) -> None:
        """Begin with the first; nothing is done until one is taken."""
        self._find = find
        self._found: sqlite3.Cursor | None = None

    def take(self, rows: int) -> list[StockChange]:
        """Give the next, at most so many; none: that was all. The first time takes as long as sorting."""
        if self._found is None:
            self._found = self._find()
        return [StockChange(*row) for row in self._found.fetchmany(rows)]


class Largest(NamedTuple):
    """One of an import's largest changes. `before` None = new; `missing`: the import does not list it."""

    sku: str
    location: str
    before: int | None
    after: int
    missing: bool


class _Before(NamedTuple):
    """What a source said before: stock levels; of those that it listed last, how many, above zero, units."""

    levels: int
    listed: int
    shown: int
    units: int


_STAGED = """CREATE TEMP TABLE staged (
  sku TEXT NOT NULL, location TEXT NOT NULL, quantity INTEGER, line INTEGER NOT NULL,
  copies INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (sku, location)) WITHOUT ROWID"""
_CHANGE = """CREATE TEMP TABLE change (
  sku TEXT NOT NULL, location TEXT NOT NULL, quantity INTEGER NOT NULL, line INTEGER NOT NULL,
  missed INTEGER NOT NULL, before INTEGER, was_missed INTEGER NOT NULL, danger INTEGER NOT NULL)"""
_DECREASES = "missed = 0 AND quantity < before AND (quantity > 0 OR ?)"
LARGEST: Final = 10
_MERGE = {
    Duplicates.REJECT: "",
    Duplicates.SUM: "quantity = coalesce(quantity + excluded.quantity, quantity, excluded.quantity), ",
    Duplicates.LAST: "quantity = excluded.quantity, line = excluded.line, ",
    Duplicates.MIN: "quantity = coalesce(min(quantity, excluded.quantity), quantity, excluded.quantity), ",
}


class Staging:
    """One import, staged. Blocking; to be used by one thread at a time."""

    def __init__(self, database: Path, source_id: int, duplicates: Duplicates) -> None:
        """Stand beside what `source_id` said before."""
        self._source_id = source_id
        self._duplicates = duplicates
        self._connection = dialect.connect(database, readonly=True)
        self._unstaged: int | None = None
        for statement in (_STAGED, excerpts.GONE, _CHANGE, "BEGIN"):
            self._connection.execute(statement)

    def load_excerpt(
        self,
        gone: Iterable[tuple[str, str]],
        rows: Iterable[IncomingRow],
        moved: Callable[[], None] = lambda: None,
        *,
        listed: int,
    ) -> bool:
        """Take only what differs from the last import; False, and nothing is taken, where that is not sure.

        `gone`: SKU and location of rows that the last import has, of `listed`, and this one has not; `rows`:
        those that only this one has.
        """
        excerpts.note_gone(self._connection, gone)
        self.load(rows, moved)
        self._unstaged = excerpts.unstaged(
            self._connection, self._source_id, known=self._before.listed, listed=listed
        )
        if self._unstaged is None:
            self._connection.execute("DELETE FROM staged")
        return self._unstaged is not None

    def load(self, rows: Iterable[IncomingRow], moved: Callable[[], None] = lambda: None) -> None:
        """Take rows of SKU, location, quantity and line; call `moved` now and then.

        Without a quantity a row says nothing but that its SKU is there: its stock stays what it was.
        """
        coming = iter(rows)
        for first in coming:
            self._connection.executemany(
                "INSERT INTO staged(sku, location, quantity, line) VALUES (?, ?, ?, ?)"
                f" ON CONFLICT(sku, location) DO UPDATE SET {_MERGE[self._duplicates]}copies = copies + 1",
                chain((first,), islice(coming, LOADED_AT_ONCE - 1)),
            )
            moved()

    def knows(self, sku: str) -> bool:
        """Tell whether any stock level of this SKU is known."""
        found = self._connection.execute("SELECT 1 FROM main.stock WHERE sku = ? LIMIT 1", (sku,))
        return found.fetchone() is not None

    def digits_between(self, low: str, high: str) -> list[str]:
        """Give the first two known SKUs that are digits only, as many as `low`, and lie between, included."""
        found = self._connection.execute(
            "SELECT DISTINCT sku FROM main.stock WHERE sku BETWEEN ? AND ? AND length(sku) = length(?)"
            " AND sku NOT GLOB '*[^0-9]*' LIMIT 2",
            (low, high, low),
        )
        return [sku for (sku,) in found]

    def drop_duplicates(self) -> Iterator[StagedRow]:
        """Take out what rows say that stand more than once, where the policy is to reject them.

        Their SKUs are listed all the same: they are not missing.
        """
        if self._duplicates is not Duplicates.REJECT:
            return
        for sku, location, line, copies in self._connection.execute(
            "SELECT sku, location, line, copies FROM staged WHERE copies > 1 ORDER BY line"
        ):
            yield StagedRow(sku, location, line, str(copies))
        self._connection.execute("UPDATE staged SET quantity = NULL WHERE copies > 1")

    def drop_claimed(self) -> Iterator[StagedRow]:
        """Take out the rows whose SKU and location another configured source has said before."""
        claimed = (
            "SELECT s.sku, s.location, s.line, o.name FROM staged s"
            " JOIN main.stock k ON k.sku = s.sku AND k.location = s.location"
            " JOIN main.source o ON o.id = k.source_id AND o.active = 1 WHERE k.source_id <> ?"
        )
        rows = self._connection.execute(claimed, (self._source_id,)).fetchall()
        yield from (StagedRow(*row) for row in rows)
        self._connection.executemany(
            "DELETE FROM staged WHERE sku = ? AND location = ?", [row[:2] for row in rows]
        )

    def compare(self, *, whole: bool, zero_missing: bool, sure: bool, since: int) -> Comparison:
        """Find what changes, once. `whole`: the import lists all that its source has.

        `zero_missing`: what was surely missing from the last accepted snapshot too goes to zero. `sure`: what
        is missing is so surely. `since`: the time an hour ago.
        """
        self._find_changes()
        missing = missing_shown = missing_units = 0
        if whole:
            word = Missed.SURELY if sure else Missed.PERHAPS
            missing, missing_shown, missing_units = self._find_missing(word, zero=zero_missing and sure)
        new, up, down, zeroed, relisted, gained = self._one(
            "SELECT coalesce(sum(before IS NULL), 0), coalesce(sum(quantity > before), 0),"
            " coalesce(sum(quantity < before AND quantity > 0), 0),"
            " coalesce(sum(quantity = 0 AND before > 0), 0),"
            " coalesce(sum(was_missed > 0 AND missed = 0 AND quantity = before), 0),"
            " coalesce(sum(CASE WHEN missed THEN 0 WHEN was_missed THEN quantity"
            "   ELSE quantity - coalesce(before, 0) END), 0) FROM change"
        )
        (staged,) = self._one("SELECT count(*) FROM staged")
        earlier = lost_since(self._connection, self._source_id, since)
        before = self._before
        # Its changes are its own from here on: as long as it reads the state, no journal can be emptied.
        self._connection.execute("COMMIT")
        return Comparison(
            levels=before.levels,
            known=before.listed,
            known_shown=before.shown,
            known_units=before.units,
            units_after=before.units + gained - missing_units,
            rows=(self._unstaged or 0) + staged,
            missing=missing,
            missing_shown=missing_shown,
            new=new,
            up=up,
            down=down,
            zeroed=zeroed,
            relisted=relisted,
            earlier=earlier,
        )

    @cached_property
    def _before(self) -> _Before:
        return _Before(
            *self._one(
                "SELECT count(*), coalesce(sum(missed = 0), 0),"
                " coalesce(sum(missed = 0 AND quantity > 0), 0),"
                " coalesce(sum(quantity) FILTER (WHERE missed = 0), 0) FROM main.stock WHERE source_id = ?",
                self._source_id,
            )
        )

    def _find_changes(self) -> None:
        self._connection.execute(
            "INSERT INTO change SELECT s.sku, s.location, coalesce(s.quantity, k.quantity), s.line, 0,"
            " k.quantity, coalesce(k.missed, 0), CASE WHEN s.quantity = 0 AND k.quantity > 0 THEN 0"
            " WHEN s.quantity < k.quantity THEN 1 ELSE 2 END"
            " FROM staged s LEFT JOIN main.stock k ON k.sku = s.sku AND k.location = s.location"
            " AND k.source_id = ?"
            " WHERE (s.quantity IS NOT NULL AND k.quantity IS NOT s.quantity) OR k.missed > 0",
            (self._source_id,),
        )

    def _find_missing(self, word: Missed, *, zero: bool) -> list[int]:
        """Note what is absent, and count it: pairs and units absent for the first time; of all, the shown."""
        absent = excerpts.ABSENT if self._unstaged is None else excerpts.ABSENT_FROM_EXCERPT
        twice = f"{int(zero)} AND k.missed = {Missed.SURELY:d}"
        self._connection.execute(
            f"INSERT INTO change SELECT k.sku, k.location, CASE WHEN {twice} THEN 0"
            f" ELSE k.quantity END, k.line, {word:d}, k.quantity, k.missed, 0 {absent}"
            f" AND (k.missed <> {word:d} OR ({twice} AND k.quantity > 0))",
            (self._source_id,),
        )
        return self._one(
            "SELECT coalesce(sum(k.missed = 0), 0), coalesce(sum(k.quantity > 0), 0),"
            " coalesce(sum(CASE WHEN k.missed = 0 THEN k.quantity END), 0) " + absent,
            self._source_id,
        )

    def decreases(self, found: Comparison, *, to_zero: bool) -> Comparison:
        """Tell how the decreases alone differ, those to zero with them or not; what is missing is none."""
        down, zeroed, lost = self._one(
            "SELECT coalesce(sum(quantity > 0), 0), coalesce(sum(quantity = 0), 0),"
            " coalesce(sum(CASE WHEN was_missed THEN 0 ELSE before - quantity END), 0)"
            f" FROM change WHERE {_DECREASES}",
            int(to_zero),
        )
        return replace(
            found,
            units_after=found.known_units - lost,
            missing=0,
            missing_shown=0,
            new=0,
            up=0,
            down=down,
            zeroed=zeroed,
            relisted=0,
        )

    def largest(self) -> list[Largest]:
        """Give the largest changes by units; then the largest of what is missing and would stay."""
        rows = self._connection.execute(
            "SELECT sku, location, before, quantity, missed FROM change"
            " ORDER BY abs(quantity - coalesce(before, 0)) DESC, coalesce(before, 0) DESC, sku, location"
            " LIMIT ?",
            (LARGEST,),
        )
        return [Largest(sku, location, was, then, bool(missed)) for sku, location, was, then, missed in rows]

    def _one(self, sql: str, *parameters: int) -> list[int]:
        return list(self._connection.execute(sql, parameters).fetchone())

    def changes(self) -> Changes:
        """Give what changes, the dangerous direction first."""
        return self._in_order("SELECT sku, location, quantity, line, missed FROM change")

    def lowered(self, *, to_zero: bool) -> Changes:
        """Give the decreases, and nothing that they say of what is missing."""
        return self._in_order(
            f"SELECT sku, location, quantity, line, was_missed FROM change WHERE {_DECREASES}", int(to_zero)
        )

    def _in_order(self, select: str, *parameters: int) -> Changes:
        return Changes(lambda: self._connection.execute(f"{select} ORDER BY danger, rowid", parameters))

    def interrupt(self) -> None:
        """End what the database is doing for this staging; from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Forget the staged rows."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
