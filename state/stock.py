"""Stock levels, and the desired quantities that follow from them, kept in step in one transaction."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, text

from state.database import Database
from state.past_levels import MAY_SAY, keep_past
from state.records import MAX_QUANTITY, Refusal
from state.registry import SLICE_ROWS, ChannelPlan
from state.staging import StockChange

_DESIRED = "min(:max_shown, max(total - :safety_stock, 0) * :share_ppm / 1000000)"
_PLAN = f"""
WITH wanted AS (
  SELECT k.sku AS sku, {{warehouse}} AS warehouse, sum(k.quantity) AS total
  FROM touched t
  CROSS JOIN stock k -- SQLite keeps the order of a CROSS JOIN: from the few that changed, never over all
  JOIN channel_source s ON s.channel_id = :channel AND s.source_id = k.source_id
  {{locations}}
  WHERE k.sku = t.sku
  GROUP BY 1, 2
)
INSERT INTO listing(channel_id, sku, warehouse, desired, may_show, changed_at, ambiguous)
SELECT :channel, sku, warehouse, {_DESIRED}, {_DESIRED}, :now, :doubtful FROM wanted WHERE true
ON CONFLICT(channel_id, sku, warehouse) DO UPDATE SET
  desired = excluded.desired,
  changed_at = CASE WHEN changed THEN changed_at ELSE excluded.changed_at END,
  refusal = CASE WHEN refusal = '{Refusal.QUANTITY}' THEN NULL ELSE refusal END,
  not_before = CASE WHEN refusal = '{Refusal.NOT_LISTED}' THEN not_before ELSE NULL END
WHERE listing.desired <> excluded.desired
"""
_JOIN_LOCATIONS = "JOIN channel_location l ON l.channel_id = :channel AND l.location = k.location"
_PLAN_WHOLE_SHOP = text(_PLAN.format(warehouse="''", locations=""))
_PLAN_WAREHOUSES = text(_PLAN.format(warehouse="l.warehouse", locations=_JOIN_LOCATIONS))


class StockBook:
    """Stores stock levels and plans what each channel's listings should show.

    New listings are ambiguous while the database is doubtful: a request for them may still be under way.
    """

    def __init__(self, database: Database, plans: dict[int, ChannelPlan]) -> None:
        """`plans`: the configured channels by their ids."""
        self._database = database
        self._plans = plans
        self.left_showing = 0
        """Listings that `plan_anew` forgot although the marketplace may still show stock for them."""
        self.keep_past = True
        """Whether what a stock level was is remembered when it changes: not where the disk is nearly full."""

    def apply(self, import_id: int, source_id: int, changes: Sequence[StockChange], now: int) -> None:
        """Store one slice of an import, and plan the listings it touches, in one transaction."""
        with self._database.write() as connection:
            if self.keep_past:
                keep_past(connection, source_id, changes, now)
            connection.exec_driver_sql(
                "INSERT INTO stock(sku, location, source_id, quantity, import_id, line, missed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT(sku, location) DO UPDATE SET"
                " source_id = excluded.source_id, quantity = excluded.quantity,"
                " import_id = CASE WHEN quantity = excluded.quantity THEN import_id"
                "   ELSE excluded.import_id END,"
                " line = CASE WHEN quantity = excluded.quantity THEN line ELSE excluded.line END,"
                " missed = excluded.missed,"
                " zeroed_at = CASE WHEN excluded.quantity > 0 THEN NULL WHEN quantity > 0 THEN ?"
                "   ELSE zeroed_at END,"
                " missing_at = CASE WHEN excluded.missed = 0 THEN NULL WHEN missed = 0 THEN ?"
                "   ELSE missing_at END"
                f" WHERE {MAY_SAY.format(source='excluded.source_id')}",
                [
                    (c.sku, c.location, source_id, c.quantity, import_id, c.line, c.missed, now, now)
                    for c in changes
                ],
            )
            _touch(connection, {change.sku for change in changes})
            for channel_id, plan in self._plans.items():
                _plan(connection, channel_id, plan, now, doubtful=self._database.doubtful)

    def plan_anew(self, channel_id: int, now: int) -> Iterator[int]:
        """Compute all desired quantities of a channel anew, and forget listings it shows no longer.

        Slice by slice, yielding the SKUs done. Only listings whose desired quantity changes become due.
        """
        after = ""
        while True:
            with self._database.write() as connection:
                skus = [
                    row[0]
                    for row in connection.exec_driver_sql(
                        "SELECT DISTINCT sku FROM stock WHERE sku > ? ORDER BY sku LIMIT ?",
                        (after, SLICE_ROWS),
                    )
                ]
                if not skus:
                    break
                _touch(connection, set(skus))
                _plan(connection, channel_id, self._plans[channel_id], now, doubtful=self._database.doubtful)
            after = skus[-1]
            yield len(skus)
        yield from self._forget_unplanned(channel_id)

    def _forget_unplanned(self, channel_id: int) -> Iterator[int]:
        whole_shop = self._plans[channel_id].locations is None
        locations = (
            "l.warehouse = ''"
            if whole_shop
            else "EXISTS (SELECT 1 FROM channel_location c WHERE c.channel_id = l.channel_id"
            " AND c.location = k.location AND c.warehouse = l.warehouse)"
        )
        while True:
            with self._database.write() as connection:
                keys = connection.exec_driver_sql(
                    "SELECT sku, warehouse, may_show > 0 FROM listing l WHERE channel_id = ?"
                    " AND attempt_id IS NULL"
                    " AND NOT EXISTS (SELECT 1 FROM stock k"
                    " JOIN channel_source s ON s.channel_id = l.channel_id AND s.source_id = k.source_id"
                    f" WHERE k.sku = l.sku AND {locations}) LIMIT ?",
                    (channel_id, SLICE_ROWS),
                ).fetchall()
                if not keys:
                    return
                for table in ("listing", "failure"):
                    connection.exec_driver_sql(
                        f"DELETE FROM {table} WHERE channel_id = ? AND sku = ? AND warehouse = ?",
                        [(channel_id, sku, warehouse) for sku, warehouse, _ in keys],
                    )
            self.left_showing += sum(showing for *_, showing in keys)
            yield len(keys)


def _touch(connection: Connection, skus: set[str]) -> None:
    connection.exec_driver_sql("CREATE TEMP TABLE IF NOT EXISTS touched (sku TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.exec_driver_sql("DELETE FROM touched")
    connection.exec_driver_sql("INSERT INTO touched VALUES (?)", [(sku,) for sku in sorted(skus)])


def _plan(connection: Connection, channel_id: int, plan: ChannelPlan, now: int, *, doubtful: bool) -> None:
    connection.execute(
        _PLAN_WHOLE_SHOP if plan.locations is None else _PLAN_WAREHOUSES,
        {
            "channel": channel_id,
            "now": now,
            "doubtful": int(doubtful),
            "safety_stock": plan.safety_stock,
            "share_ppm": plan.share_ppm,
            "max_shown": MAX_QUANTITY if plan.max_shown is None else plan.max_shown,
        },
    )
