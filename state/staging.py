"""What a source says now, compared with what it said before by the database, outside any write.

A staging reads the state database and writes only temporary tables of its own, so a worker thread can work
on a million rows while pushes go on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from state import dialect
from state.registry import SLICE_ROWS


class Duplicates(StrEnum):
    """What a SKU and location that stand twice in one import mean."""

    REJECT = "reject"
    SUM = "sum"
    LAST = "last"
    MIN = "min"


class StagedRow(NamedTuple):
    """A row that cannot be taken: where it stands, and how often or by whom its key is claimed."""

    sku: str
    location: str
    line: int
    claim: str


class StockChange(NamedTuple):
    """A stock level as it is to be stored. `line`: where the import says it."""

    sku: str
    location: str
    quantity: int
    line: int
    missed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an import differs from what its source said before; counts of SKU and location pairs.

    `known` is what the source last listed, `known_shown` of it above zero, `known_units` its total;
    `units_after` the total if what is missing counts for nothing. `missing` of the known are not in the
    import; `missing_shown` counts all above zero that are not, however long. `rows` are the import's own.
    """

    known: int
    known_shown: int
    known_units: int
    units_after: int
    rows: int
    missing: int
    missing_shown: int
    new: int
    up: int
    down: int
    zeroed: int

    @property
    def changed(self) -> int:
        """How many stock levels will be new or different."""
        return self.new + self.up + self.down + self.zeroed


_STAGED = """CREATE TEMP TABLE staged (
  sku TEXT NOT NULL, location TEXT NOT NULL, quantity INTEGER, line INTEGER NOT NULL,
  copies INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (sku, location)) WITHOUT ROWID"""
_CHANGE = """CREATE TEMP TABLE change (
  sku TEXT NOT NULL, location TEXT NOT NULL, quantity INTEGER NOT NULL, line INTEGER NOT NULL,
  missed INTEGER NOT NULL, before INTEGER, was_missed INTEGER NOT NULL, danger INTEGER NOT NULL)"""
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
        for statement in (_STAGED, _CHANGE, "BEGIN"):
            self._connection.execute(statement)

    def load(self, rows: Iterable[tuple[str, str, int | None, int]]) -> None:
        """Take rows of SKU, location, quantity and line.

        Without a quantity a row says nothing but that its SKU is there: its stock stays what it was.
        """
        self._connection.executemany(
            "INSERT INTO staged(sku, location, quantity, line) VALUES (?, ?, ?, ?)"
            f" ON CONFLICT(sku, location) DO UPDATE SET {_MERGE[self._duplicates]}copies = copies + 1",
            rows,
        )

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

    def compare(self, *, whole: bool, zero_missing: bool) -> Comparison:
        """Find what changes. `whole`: the import lists all that its source has.

        `zero_missing`: what was missing from the last accepted snapshot too goes to zero.
        """
        self._find_changes()
        missing, missing_shown, missing_units = self._find_missing(zero=zero_missing) if whole else (0, 0, 0)
        known, known_shown, known_units = self._one(
            "SELECT count(*), coalesce(sum(quantity > 0), 0), coalesce(sum(quantity), 0) FROM main.stock"
            " WHERE source_id = ? AND missed = 0",
            self._source_id,
        )
        new, up, down, zeroed, gained = self._one(
            "SELECT coalesce(sum(before IS NULL), 0), coalesce(sum(quantity > before), 0),"
            " coalesce(sum(quantity < before AND quantity > 0), 0),"
            " coalesce(sum(quantity = 0 AND before > 0), 0),"
            " coalesce(sum(CASE WHEN missed THEN 0 WHEN was_missed THEN quantity"
            "   ELSE quantity - coalesce(before, 0) END), 0) FROM change"
        )
        return Comparison(
            known=known,
            known_shown=known_shown,
            known_units=known_units,
            units_after=known_units + gained - missing_units,
            rows=self._one("SELECT count(*) FROM staged")[0],
            missing=missing,
            missing_shown=missing_shown,
            new=new,
            up=up,
            down=down,
            zeroed=zeroed,
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

    def _find_missing(self, *, zero: bool) -> list[int]:
        """Note what is absent for the first time, and count it: pairs and units; of all absent, the shown."""
        absent = (
            "FROM main.stock k WHERE k.source_id = ? AND NOT EXISTS"
            " (SELECT 1 FROM staged s WHERE s.sku = k.sku AND s.location = k.location)"
        )
        self._connection.execute(
            "INSERT INTO change SELECT k.sku, k.location, CASE WHEN ? AND k.missed > 0 THEN 0"
            f" ELSE k.quantity END, k.line, 1, k.quantity, k.missed, 0 {absent}"
            " AND (k.missed = 0 OR (? AND k.quantity > 0))",
            (int(zero), self._source_id, int(zero)),
        )
        return self._one(
            "SELECT coalesce(sum(k.missed = 0), 0), coalesce(sum(k.quantity > 0), 0),"
            " coalesce(sum(CASE WHEN k.missed = 0 THEN k.quantity END), 0) " + absent,
            self._source_id,
        )

    def _one(self, sql: str, *parameters: int) -> list[int]:
        return list(self._connection.execute(sql, parameters).fetchone())

    def changes(self) -> Iterator[list[StockChange]]:
        """Give what changes in slices, the dangerous direction first."""
        cursor = self._connection.execute(
            "SELECT sku, location, quantity, line, missed FROM change ORDER BY danger, rowid"
        )
        while rows := cursor.fetchmany(SLICE_ROWS):
            yield [StockChange(*row) for row in rows]

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
