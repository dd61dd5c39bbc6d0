"""An import of which only what differs from the last one is staged: the rest of it is what is known."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from state.dialect import MISSING_INDEX

GONE: Final = """CREATE TEMP TABLE gone (
  sku TEXT NOT NULL, location TEXT NOT NULL, PRIMARY KEY (sku, location)) WITHOUT ROWID"""
"""What the last import lists, and this one does not, or not with the same quantity."""

_IN_STAGED: Final = "EXISTS (SELECT 1 FROM staged s WHERE s.sku = k.sku AND s.location = k.location)"
_OF_GONE: Final = (
    "FROM gone g CROSS JOIN main.stock k ON k.sku = g.sku AND k.location = g.location"
    " WHERE k.source_id = ?1 AND k.missed = 0"
)
_LISTED_ALREADY: Final = (
    "SELECT count(*) FROM staged s CROSS JOIN main.stock k ON k.sku = s.sku AND k.location = s.location"
    " WHERE k.source_id = ?1 AND k.missed = 0"
    " AND NOT EXISTS (SELECT 1 FROM gone g WHERE g.sku = s.sku AND g.location = s.location)"
)
ABSENT: Final = f"FROM main.stock k WHERE k.source_id = ?1 AND NOT {_IN_STAGED}"
"""What a source said before, and an import that is staged as a whole does not list."""
ABSENT_FROM_EXCERPT: Final = (
    f"FROM (SELECT sku, location, quantity, line, missed FROM main.stock {MISSING_INDEX}"
    " WHERE source_id = ?1 AND missing_at IS NOT NULL"
    f" UNION ALL SELECT k.sku, k.location, k.quantity, k.line, k.missed {_OF_GONE}) k WHERE NOT {_IN_STAGED}"
)
"""The same, where only what differs is staged."""


def note_gone(connection: sqlite3.Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Note which SKUs and locations stand in rows of the last import that this one has not."""
    connection.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?)", keys)


def unstaged(connection: sqlite3.Connection, source_id: int, *, known: int, listed: int) -> int | None:
    """Count what is not staged because it is known; None where that is not sure.

    `known`: how many stock levels the source listed last; `listed`: how many rows the last import had. It is
    sure where all of them, and only they, are what is known, each once, and nothing that is staged stands in
    one of the other rows too.
    """

    def count(sql: str, *parameters: int) -> int:
        return int(connection.execute(sql, parameters).fetchone()[0])

    gone = count("SELECT count(*) FROM gone")
    is_sure = (
        known == listed
        and count(f"SELECT count(*) {_OF_GONE}", source_id) == gone
        and not count(_LISTED_ALREADY, source_id)
    )
    return listed - gone if is_sure else None
