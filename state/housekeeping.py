"""Keeping the database small and quick: what is old goes, its room is given back, the planner learns.

Each function yields after each slice, so that whoever runs it lets others write in between.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from state.by_sku import CALLED
from state.database import Database
from state.registry import SLICE_ROWS

SLICE_DELETED = 200
"""Rows deleted in one transaction: each costs three indexes a look."""
SLICE_WALKED = 2_000
SLICE_PAGES = 128
SPARE_SHARE = 10
"""A tenth of the pages stays free: what is given back today is asked for tomorrow."""
ANALYSIS_LIMIT = 400
_KEPT_AT = "house_kept_at"
_OPEN = (
    "EXISTS (SELECT 1 FROM failure f WHERE f.channel_id = attempt.channel_id"
    f"  AND f.identifier = {CALLED.format('attempt')} AND f.warehouse = attempt.warehouse"
    "   AND f.sku = attempt.sku)"
    " AND NOT EXISTS (SELECT 1 FROM attempt later WHERE later.channel_id = attempt.channel_id"
    "   AND later.sku = attempt.sku AND later.warehouse = attempt.warehouse AND later.id > attempt.id"
    f"  AND {CALLED.format('later')} = {CALLED.format('attempt')})"
)
"""The newest attempt of a listing that still fails: it tells why."""


@dataclass(frozen=True, slots=True)
class Space:
    """How large the database is, in bytes; `free`: of that, what is there to be used again."""

    total: int
    free: int


def forget_pushes(database: Database, before: int, most: int) -> Iterator[int]:
    """Delete the attempts that ended before a time, and all but the newest `most`; yield how many.

    `before` in ms since the epoch. Their pushes go with them. The newest push stays: by it a restored older
    database is recognised. So do what is under way, and the newest attempt of each listing that still fails.
    """
    after = 0
    with database.read() as connection:
        newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM push")).scalar_one()
        surplus = connection.execute(
            text(
                "SELECT coalesce((SELECT push_id FROM attempt"
                " WHERE id > (SELECT max(id) FROM attempt) - :most ORDER BY id LIMIT 1), 0)"
            ),
            {"most": most},
        ).scalar_one()
    while True:
        with database.read() as connection:
            pushes = connection.exec_driver_sql(
                "SELECT id, rows, finished_at IS NOT NULL AND (finished_at < ? OR id < ?) FROM push"
                " WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
                (before, surplus, after, newest, SLICE_ROWS),
            ).fetchall()
        if not pushes:
            return
        after = pushes[-1][0]
        yield 0
        for some in _slices([(push, rows) for push, rows, old in pushes if old]):
            yield _delete_pushes(database, some)


def _slices(pushes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Divide pushes so that each slice has about as many rows as may be deleted at once."""
    some: list[int] = []
    total = 0
    for push, rows in pushes:
        some.append(push)
        total += rows
        if total >= SLICE_DELETED:
            yield some
            some, total = [], 0
    if some:
        yield some


def _delete_pushes(database: Database, pushes: Sequence[int]) -> int:
    keys = [(push,) for push in pushes]
    with database.write() as connection:
        deleted = connection.exec_driver_sql(
            f"DELETE FROM attempt WHERE push_id = ? AND NOT ({_OPEN})", keys
        ).rowcount
        connection.exec_driver_sql(
            "DELETE FROM push WHERE id = ? AND NOT EXISTS (SELECT 1 FROM attempt WHERE push_id = push.id)",
            keys,
        )
    return deleted


def forget_past_levels(database: Database, before: int, most: int) -> Iterator[int]:
    """Delete what stock levels were until a time, and all but the newest `most`; yield how many."""
    after = 0
    with database.read() as connection:
        surplus = connection.execute(
            text("SELECT coalesce(max(id), 0) - :most FROM past_level"), {"most": most}
        ).scalar_one()
    while True:
        with database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id, until < ? OR id <= ? FROM past_level WHERE id > ? ORDER BY id LIMIT ?",
                (before, surplus, after, SLICE_DELETED * 2),
            ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        old = [(number,) for number, is_old in rows if is_old]
        if old:
            with database.write() as connection:
                connection.exec_driver_sql("DELETE FROM past_level WHERE id = ?", old)
        yield len(old)


def forget_imports(database: Database, before: int) -> Iterator[int]:
    """Delete the records of imports that came in before a time and that nothing comes from any more.

    The last applied import of each source stays, and what came in after it; so does what a stock level, or
    what it was, comes from.
    """
    with database.read() as connection:
        old = {
            row[0]
            for row in connection.exec_driver_sql(
                "SELECT id FROM import i WHERE at < ? AND state NOT IN ('held', 'applying') AND claimed = ''"
                " AND id < (SELECT max(id) FROM import l WHERE l.source_id = i.source_id"
                "   AND l.state IN ('applied', 'unchanged'))",
                (before,),
            )
        }
    if old:
        for used in _imports_in_use(database):
            old -= used
            yield 0
    unused = [(number,) for number in sorted(old)]
    for start in range(0, len(unused), SLICE_DELETED):
        some = unused[start : start + SLICE_DELETED]
        with database.write() as connection:
            for table, key in (("import_change", "import_id"), ("import", "id")):
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE {key} = ?", some)
        yield len(some)


def _imports_in_use(database: Database) -> Iterator[set[int]]:
    """Give, slice by slice, the imports that stock levels and their past come from."""
    sku, location = "", ""
    while True:
        with database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT sku, location, import_id FROM stock WHERE (sku, location) > (?, ?)"
                " ORDER BY sku, location LIMIT ?",
                (sku, location, SLICE_WALKED),
            ).fetchall()
        if not rows:
            break
        sku, location = rows[-1][0], rows[-1][1]
        yield {row[2] for row in rows}
    after = 0
    while True:
        with database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id, import_id FROM past_level WHERE id > ? ORDER BY id LIMIT ?", (after, SLICE_WALKED)
            ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield {row[1] for row in rows}


def optimize(database: Database) -> None:
    """Let the query planner learn what changed, from a sample."""
    with database.write() as connection:
        connection.exec_driver_sql(f"PRAGMA analysis_limit={ANALYSIS_LIMIT}")
        connection.exec_driver_sql("PRAGMA optimize")


def give_back(database: Database) -> Iterator[int]:
    """Give free room back to the file system, all but a tenth; yield how many bytes a slice gave.

    A database that was made before version 3 of the schema, and was large then, gives nothing back: see
    `Database`. Its free room is used again all the same.
    """
    while True:
        before = space_of(database)
        if before.free * SPARE_SHARE <= before.total:
            return
        database.give_pages_back(SLICE_PAGES)
        given = before.total - space_of(database).total
        if not given:
            return
        yield given


def space_of(database: Database) -> Space:
    """Tell how large the database is."""
    with database.read() as connection:
        size, pages, free = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_size", "page_count", "freelist_count")
        )
    return Space(pages * size, free * size)


def kept_at(database: Database) -> int | None:
    """Tell when the house was last kept (ms since the epoch), None if never."""
    with database.read() as connection:
        found = connection.execute(text("SELECT value FROM meta WHERE key = :key"), {"key": _KEPT_AT})
        value = found.scalar_one_or_none()
    return None if value is None else int(value)


def note_kept(database: Database, now: int) -> None:
    """Note that the house was kept."""
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO meta(key, value) VALUES (:key, :now)"
                " ON CONFLICT(key) DO UPDATE SET value = excluded.value"
            ),
            {"key": _KEPT_AT, "now": str(now)},
        )
