"""Keeping the database small and quick: old attempts go, in slices, and the planner learns."""

from collections.abc import Iterator

from sqlalchemy import text

from state.database import Database
from state.registry import SLICE_ROWS


def forget_old(database: Database, before: int) -> Iterator[int]:
    """Delete pushes and attempts that ended before a time (ms since the epoch); yield rows deleted.

    The newest push stays: by it a restored older database is recognised.
    """
    while True:
        with database.write() as connection:
            pushes = [
                row[0]
                for row in connection.execute(
                    text(
                        "SELECT id FROM push WHERE finished_at < :before"
                        " AND id < (SELECT max(id) FROM push) ORDER BY id LIMIT 50"
                    ),
                    {"before": before},
                )
            ]
            if not pushes:
                return
            connection.exec_driver_sql("DELETE FROM attempt WHERE push_id = ?", [(push,) for push in pushes])
            connection.exec_driver_sql("DELETE FROM push WHERE id = ?", [(push,) for push in pushes])
        yield len(pushes)


def forget_old_imports(database: Database, before: int) -> int:
    """Delete the records of imports that no stock level comes from any more; return how many.

    The last applied import of each source stays, and what came in after it.
    """
    with database.read() as connection:
        used = {row[0] for row in connection.exec_driver_sql("SELECT DISTINCT import_id FROM stock")}
        old = connection.exec_driver_sql(
            "SELECT id FROM import i WHERE at < ? AND state NOT IN ('held', 'applying') AND claimed = ''"
            " AND id < (SELECT max(id) FROM import l WHERE l.source_id = i.source_id"
            "   AND l.state IN ('applied', 'unchanged'))",
            (before,),
        ).fetchall()
    unused = [(row[0],) for row in old if row[0] not in used]
    for start in range(0, len(unused), SLICE_ROWS):
        with database.write() as connection:
            for table, key in (("import_change", "import_id"), ("import", "id")):
                connection.exec_driver_sql(
                    f"DELETE FROM {table} WHERE {key} = ?", unused[start : start + SLICE_ROWS]
                )
    return len(unused)


def optimize(database: Database) -> None:
    """Let the query planner learn what changed."""
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA optimize")
