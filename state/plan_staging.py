"""A plan that may follow the one in force: its rows, what it would change, and whether it holds together.

Like `state.staging` it reads the state database and writes only temporary tables of its own, so a worker
thread can work on a million SKUs while pushes go on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Self

from state import dialect
from state.outlook import Outlook, Scope, Unwanted, Wanted
from state.plan_figures import LargestChange, figures, largest_changes
from state.planning import Planning
from state.plans import PlanComparison, PlanRows
from state.registry import SLICE_ROWS

DENSE: Final = 0.75
"""Where more than this share of the listings are to be different, all had best be set anew."""
LOADED_AT_ONCE: Final = 20_000
MOST_PROBLEMS: Final = 100
"""So many of each kind are named."""

_LOWER = "before IS NOT NULL AND desired < before"
_DANGERS: Final = (f"{_LOWER} AND desired = 0", f"{_LOWER} AND desired > 0", f"NOT ({_LOWER})")
"""To zero, lower, all else."""

_KEYS: Final = {
    "rule": ("sku", "warehouse", "rank"),
    "listed": ("sku", "warehouse", "identifier"),
    "bundle": ("bundle_sku", "component_sku"),
}
_SAID: Final = {"rule": ("settings",), "listed": (), "bundle": ("units",)}
_OWNERS: Final = {"rule": "sku", "listed": "sku", "bundle": "bundle_sku"}
"""The SKU that a row is about."""


class PlanStaging:
    """One plan of one channel, staged. Blocking; to be used by one thread at a time."""

    def __init__(self, database: Path, channel_id: int) -> None:
        """Stand beside what is in force for the channel."""
        self._channel_id = channel_id
        self._connection = dialect.connect(database, readonly=True)
        self._twice: list[str] = []
        self._dense: list[Scope] = []
        """The ranges of SKUs whose plain listings are all set anew."""
        for table, keys in _KEYS.items():
            columns = (*keys, *_SAID[table], "origin")
            self._connection.execute(
                f"CREATE TEMP TABLE {table} (channel_id INTEGER NOT NULL, {', '.join(columns)},"
                f" PRIMARY KEY (channel_id, {', '.join(keys)})) WITHOUT ROWID"
            )
        for statement in (
            "CREATE INDEX temp.staged_identifier ON listed (channel_id, identifier)",
            "CREATE INDEX temp.staged_component ON bundle (channel_id, component_sku)",
            "CREATE TEMP TABLE touched (sku TEXT PRIMARY KEY) WITHOUT ROWID",
            f"CREATE TEMP TABLE wanted ({', '.join(Wanted._fields)}, plain)",
            "CREATE TEMP TABLE unwanted (identifier, warehouse, sku, desired, may_show)",
            "BEGIN",
        ):
            self._connection.execute(statement)

    def load(self, rows: PlanRows, moved: Callable[[], None] = lambda: None) -> None:
        """Take the rows of the plan; call `moved` now and then."""
        self._load("rule", rows.rules, moved)
        self._load("listed", rows.listed, moved)
        self._load("bundle", rows.bundles, moved)

    def _load(self, table: str, rows: Iterable[tuple[Any, ...]], moved: Callable[[], None]) -> None:
        keys, said = _KEYS[table], (*_SAID[table], "origin")
        marks = ", ".join("?" * (1 + len(keys) + len(said)))
        insert = f"INSERT INTO temp.{table}(channel_id, {', '.join((*keys, *said))}) VALUES ({marks})"
        coming = iter(rows)
        for first in coming:
            for row in chain((first,), islice(coming, LOADED_AT_ONCE - 1)):
                try:
                    self._connection.execute(insert, (self._channel_id, *row))
                except dialect.IntegrityError:
                    self._note_twice(table, row)
            moved()

    def _note_twice(self, table: str, row: tuple[Any, ...]) -> None:
        if len(self._twice) < MOST_PROBLEMS:
            keys = _KEYS[table]
            said_before = self._connection.execute(
                f"SELECT origin FROM temp.{table} WHERE channel_id = ?"
                f" AND {' AND '.join(f'{key} = ?' for key in keys)}",
                (self._channel_id, *row[: len(keys)]),
            ).fetchone()[0]
            self._twice.append(f"{row[-1]}: says again what {said_before} says of {_shown(row[0])}: keep one")

    def problems(self) -> list[str]:
        """Tell what is wrong with the rows together; each names two places."""
        return [*self._twice, *self._shared_listings(), *self._nested_bundles()]

    def _shared_listings(self) -> Iterator[str]:
        """Two SKUs for one listing would make it flap for ever."""
        rows = self._connection.execute(
            "SELECT a.sku, a.origin, b.sku, b.origin, a.identifier FROM temp.listed a"
            " CROSS JOIN temp.listed b INDEXED BY staged_identifier"
            " ON b.channel_id = a.channel_id AND b.identifier = a.identifier AND b.sku > a.sku"
            " AND (a.warehouse = b.warehouse OR a.warehouse = '' OR b.warehouse = '') LIMIT ?",
            (MOST_PROBLEMS,),
        )
        for one, here, other, there, identifier in rows:
            yield (
                f"{there}: SKU {_shown(other)} has the listing {_shown(identifier.strip())} that SKU"
                f" {_shown(one)} has ({here}): a listing can show only one of them"
            )

    def _nested_bundles(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT a.bundle_sku, a.component_sku, a.origin, min(b.origin) FROM temp.bundle a"
            " JOIN temp.bundle b ON b.channel_id = a.channel_id AND b.bundle_sku = a.component_sku"
            " GROUP BY a.bundle_sku, a.component_sku LIMIT ?",
            (MOST_PROBLEMS,),
        )
        for bundle, component, here, there in rows:
            yield (
                f"{here}: component {_shown(component)} of bundle {_shown(bundle)} is a bundle itself"
                f" ({there}): name its components instead"
            )

    def touch(self) -> int:
        """Find the SKUs whose rows say something else than those in force; return how many."""
        for table, owner in _OWNERS.items():
            columns = ", ".join((*_KEYS[table], *_SAID[table]))
            ours = f"SELECT {columns} FROM temp.{table} WHERE channel_id = ?"
            theirs = f"SELECT {columns} FROM main.{table} WHERE channel_id = ?"
            for one, other in ((ours, theirs), (theirs, ours)):
                self._connection.execute(
                    f"INSERT OR IGNORE INTO touched SELECT {owner} FROM ({one} EXCEPT {other})",
                    (self._channel_id, self._channel_id),
                )
        # A name that another SKU takes, or lets go of, is its own SKU's matter too.
        for database in ("temp", "main"):
            self._connection.execute(
                f"INSERT OR IGNORE INTO touched SELECT identifier FROM {database}.listed"
                " WHERE channel_id = ? AND identifier <> sku AND sku IN (SELECT sku FROM touched)",
                (self._channel_id,),
            )
        return int(self._connection.execute("SELECT count(*) FROM touched").fetchone()[0])

    def digest(self, plan_text: str) -> str:
        """Tell this plan from others: a hash of its text and of the rows that differ."""
        found = hashlib.sha256(plan_text.encode())
        for table in _KEYS:
            columns = ", ".join((*_KEYS[table], *_SAID[table]))
            for row in self._connection.execute(
                f"SELECT {columns} FROM temp.{table} WHERE channel_id = ? ORDER BY {columns}",
                (self._channel_id,),
            ):
                found.update(repr(row).encode())
        return found.hexdigest()

    def compare(
        self, planning: Planning, *, whole: bool, moved: Callable[[], None] = lambda: None
    ) -> tuple[PlanComparison, list[LargestChange]]:
        """Find what the plan changes, and the largest of it. `whole`: any SKU may be concerned."""
        dialect.let_decide(self._connection, lambda _: planning.decide)
        ranges = []
        for scope in planning.slices(self._run, SLICE_ROWS) if whole else self._touched_scopes():
            self._note_changes(planning, scope)
            ranges.append(scope)
            moved()
        comparison = figures(self._run, self._channel_id)
        self._dense = ranges if whole and self._is_dense(comparison) else []
        return comparison, largest_changes(self._run)

    def _note_changes(self, planning: Planning, scope: Scope) -> None:
        named = planning.named(self._run, scope)
        changes, parameters = planning.plain.changes(scope, named)
        self._connection.execute(f"INSERT INTO wanted SELECT *, 1 FROM ({changes})", parameters)
        outlook = planning.outlook_of_named(self._run, named) if named else Outlook([], [])
        marks = ", ".join("?" * len(Wanted._fields))
        self._connection.executemany(f"INSERT INTO wanted VALUES ({marks}, 0)", outlook.wanted)
        unwanted = planning.plain.unwanted(self._run, scope, named) + outlook.unwanted
        self._connection.executemany("INSERT INTO unwanted VALUES (?, ?, ?, ?, ?)", unwanted)

    def _is_dense(self, comparison: PlanComparison) -> bool:
        plain, come = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE before IS NULL OR taken_over) FROM wanted WHERE plain"
        ).fetchone()
        return not come and not comparison.gone and plain > comparison.listings * DENSE

    def _touched_scopes(self) -> Iterator[Scope]:
        for rows in self._in_slices("SELECT sku FROM touched ORDER BY sku"):
            yield Scope.of(sku for (sku,) in rows)

    def wanted(self) -> Iterator[list[Wanted] | Scope]:
        """Give the listings that are to be new or different, in slices, the dangerous direction first.

        A scope stands for all plain listings in it: that takes half the time where many are different.
        """
        yield from self._dense
        fields, left = ", ".join(Wanted._fields), "NOT plain" if self._dense else "TRUE"
        for danger in _DANGERS:
            for rows in self._in_slices(
                f"SELECT {fields} FROM wanted WHERE {danger} AND {left} ORDER BY rowid"
            ):
                yield [Wanted(*row) for row in rows]

    def unwanted(self) -> Iterator[list[Unwanted]]:
        """Give the listings that are to be forgotten, in slices."""
        for rows in self._in_slices("SELECT identifier, warehouse, sku, desired, may_show FROM unwanted"):
            yield [Unwanted(*row) for row in rows]

    def row_changes(self) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """Give what makes the rows in force these rows: statements, each with a slice of parameters."""
        for table, keys in _KEYS.items():
            there = " AND ".join(f"o.{one} = t.{one}" for one in ("channel_id", *keys))
            yield from self._statements(
                f"DELETE FROM {table} WHERE channel_id = ? AND {' AND '.join(f'{one} = ?' for one in keys)}",
                f"SELECT {', '.join(keys)} FROM main.{table} t WHERE channel_id = :channel"
                f" AND NOT EXISTS (SELECT 1 FROM temp.{table} o WHERE {there})",
            )
            columns = (*keys, *_SAID[table], "origin")
            named = ", ".join(columns)
            yield from self._statements(
                f"INSERT OR REPLACE INTO {table}(channel_id, {named})"
                f" VALUES ({', '.join('?' * (1 + len(columns)))})",
                f"SELECT {named} FROM temp.{table} WHERE channel_id = :channel"
                f" EXCEPT SELECT {named} FROM main.{table} WHERE channel_id = :channel",
            )

    def _statements(self, statement: str, query: str) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        cursor = self._connection.execute(query, {"channel": self._channel_id})
        while rows := cursor.fetchmany(SLICE_ROWS):
            yield statement, [(self._channel_id, *row) for row in rows]

    def _in_slices(self, query: str) -> Iterator[list[Any]]:
        cursor = self._connection.execute(query)
        while rows := cursor.fetchmany(SLICE_ROWS):
            yield rows

    def _run(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        return self._connection.execute(sql, parameters)

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


def _shown(sku: str) -> str:
    return f'"{sku[:60]}"'
