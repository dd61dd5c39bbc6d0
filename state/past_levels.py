"""What stock levels were before: kept when they change, read for people. Times in ms since the epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from state.outlook import Run, Scope
from state.staging import StockChange

# Another source may have said it since an import was compared: then it is that one's.
MAY_SAY = "(stock.source_id = {source} OR NOT (SELECT active FROM source o WHERE o.id = stock.source_id))"
# What went to zero because it was missing keeps the line of an older import.
LINE = "CASE WHEN {0}.missed > 0 AND {0}.quantity = 0 THEN NULL ELSE {0}.line END"


@dataclass(frozen=True, slots=True)
class PastLevel:
    """What a stock level was until it changed, and what said so.

    `line` None where no line said it: it went to zero because it was missing. `import_name` and `import_at`
    None where its import is forgotten.
    """

    location: str
    source: str
    quantity: int
    missed: int
    line: int | None
    import_id: int
    import_name: str | None
    import_at: int | None
    until: int


def is_any_known(run: Run, scope: Scope) -> bool:
    """Tell whether anything is known of any of these SKUs: of what is all new there is no past to keep."""
    found = run(f"SELECT EXISTS (SELECT 1 FROM stock WHERE {scope.where('sku')})", scope.parameters)
    return bool(found.fetchone()[0])


def keep_past(connection: Connection, source_id: int, changes: Sequence[StockChange], now: int) -> None:
    """Remember what the quantities were that are about to change; a new stock level has no past."""
    connection.exec_driver_sql(
        "INSERT INTO past_level(sku, location, source_id, quantity, import_id, line, missed, until)"
        " SELECT sku, location, source_id, quantity, import_id, line, missed, ? FROM stock"
        f" WHERE sku = ? AND location = ? AND quantity <> ? AND {MAY_SAY.format(source='?')}",
        [(now, c.sku, c.location, c.quantity, source_id) for c in changes],
    )


def past_levels(
    connection: Connection, sku: str, location: str, *, limit: int, since: int
) -> Iterator[PastLevel]:
    """Give what one stock level was, the latest first: at most `limit`, and what ended before `since` not."""
    for row in connection.exec_driver_sql(
        f"SELECT p.location, s.name, p.quantity, p.missed > 0, {LINE.format('p')}, p.import_id, i.name, i.at,"
        " p.until FROM past_level p JOIN source s ON s.id = p.source_id"
        " LEFT JOIN import i ON i.id = p.import_id"
        " WHERE p.sku = ? AND p.location = ? AND p.until >= ? ORDER BY p.id DESC LIMIT ?",
        (sku, location, since, limit),
    ):
        yield PastLevel(*row)
