"""Stock levels, and the desired quantities that follow from them, kept in step in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from state.database import Database
from state.dialect import IN_FLIGHT_INDEX
from state.listing_changes import CHANGED_AT, NOT_BEFORE, REFUSAL
from state.many_rows import Rows
from state.outlook import Scope, Unwanted, Wanted
from state.past_levels import MAY_SAY, is_any_known, keep_past
from state.planning import Planning
from state.records import Refusal
from state.registry import SLICE_ROWS
from state.staging import StockChange

_STORE_STOCK = Rows(
    "INSERT INTO stock(source_id, import_id, sku, location, quantity, line, missed) VALUES {rows}"
    " ON CONFLICT(sku, location) DO UPDATE SET"
    " source_id = excluded.source_id, quantity = excluded.quantity,"
    " import_id = CASE WHEN quantity = excluded.quantity THEN import_id"
    "   ELSE excluded.import_id END,"
    " line = CASE WHEN quantity = excluded.quantity THEN line ELSE excluded.line END,"
    " missed = excluded.missed,"
    " zeroed_at = CASE WHEN excluded.quantity > 0 THEN NULL WHEN quantity > 0 THEN ?3"
    "   ELSE zeroed_at END,"
    " missing_at = CASE WHEN excluded.missed = 0 THEN NULL WHEN missed = 0 THEN ?3"
    "   ELSE missing_at END"
    f" WHERE {MAY_SAY.format(source='excluded.source_id')}",
    "?1, ?2, {}, {}, {}, {}, {}",
    same_for_all=3,
)
_DESIRED, _PAUSED = "excluded.desired", "excluded.paused"
_STORE_LISTINGS = Rows(
    "INSERT INTO listing(channel_id, changed_at, ambiguous, identifier, warehouse, sku, desired, may_show,"
    " paused, refusal) VALUES {rows} ON CONFLICT(channel_id, identifier, warehouse) DO UPDATE SET"
    " sku = excluded.sku, desired = excluded.desired, paused = excluded.paused,"
    f" changed_at = {CHANGED_AT.format(desired=_DESIRED, paused=_PAUSED, now='excluded.changed_at')},"
    # What was confirmed before the marketplace did not know it says nothing any more.
    f" uncertain = CASE WHEN sku <> excluded.sku AND refusal = '{Refusal.NOT_LISTED}' THEN 1"
    "   ELSE uncertain END,"
    f" refusal = CASE WHEN sku = excluded.sku THEN {REFUSAL.format(desired=_DESIRED)} END,"
    f" not_before = CASE WHEN sku = excluded.sku THEN {NOT_BEFORE.format(desired=_DESIRED)} END,"
    " failures = CASE WHEN sku = excluded.sku THEN failures ELSE 0 END",
    "?1, ?2, ?3, {}, {}, {}, {}, {}, {}, {}",
    same_for_all=3,
)
_OF_KEY = "WHERE channel_id = ? AND identifier = ? AND warehouse = ?"
_STORE_UNCARRIABLE = (
    "INSERT INTO failure(channel_id, identifier, warehouse, sku, outcome, reason, code, message, attempts,"
    " first_failed_at, last_failed_at) VALUES (?, ?, ?, ?, 'rejected', ?, 'sku_too_long', ?, 0, ?, ?)"
    " ON CONFLICT DO NOTHING"
)


class StockBook:
    """Stores stock levels and plans what each channel's listings should show.

    New listings are ambiguous while the database is doubtful: a request for them may still be under way.
    """

    def __init__(self, database: Database, plannings: dict[int, Planning]) -> None:
        """`plannings`: the plans in force, by the ids of their channels."""
        self._database = database
        self.plannings = plannings
        self._meanwhile: dict[int, set[str]] = {}
        self._following: set[int] = set()
        self._lingering: dict[int, set[str]] = {}
        self._left_showing: dict[int, int] = {}
        self.keep_past = True
        """Whether what a stock level was is remembered when it changes: not where the disk is nearly full."""
        self._uncarriable: dict[int, list[str]] = {}
        database.let_decide(lambda channel_id: self.plannings[channel_id].decide)

    def apply(self, import_id: int, source_id: int, changes: Sequence[StockChange], now: int) -> None:
        """Store one slice of an import, and plan the listings it touches, in one transaction."""
        skus = {change.sku for change in changes}
        scope = Scope.of(skus)
        with self._database.write() as connection:
            if self.keep_past and is_any_known(connection.exec_driver_sql, scope):
                keep_past(connection, source_id, changes, now)
            same_for_all = source_id, import_id, now
            rows = [(c.sku, c.location, c.quantity, c.line, c.missed) for c in changes]
            _STORE_STOCK.run(connection.exec_driver_sql, same_for_all, rows)
            for planning in self.plannings.values():
                # Stock that is another source's from now on may leave a channel; else it only comes.
                may_go = source_id not in planning.source_ids
                self._plan_touched(connection, planning, skus, scope, now, may_go=may_go)

    def _plan_touched(
        self,
        connection: Connection,
        planning: Planning,
        skus: set[str],
        scope: Scope,
        now: int,
        *,
        may_go: bool,
    ) -> None:
        """Plan what follows from these SKUs; while the channel's plan is being changed, when that is done."""
        channel_id = planning.channel_id
        if channel_id not in self._following:
            if bundles := planning.bundles_of(connection.exec_driver_sql, scope):
                skus = skus | bundles
                scope = Scope.of(skus)
            self._plan(connection, planning, scope, now, may_go=may_go)
        if channel_id in self._meanwhile:
            self._meanwhile[channel_id].update(skus)

    def watch(self, channel_id: int) -> None:
        """Remember from now on what is planned for a channel: another plan for it is being looked at."""
        self._meanwhile[channel_id] = set()

    def unwatch(self, channel_id: int) -> None:
        """Remember that no longer."""
        self._meanwhile.pop(channel_id, None)
        self._following.discard(channel_id)

    def follow(self, planning: Planning) -> None:
        """Begin to follow another plan: `store_rows`, `store_planned`, `forget`, then `finish`.

        Until it is finished, no listing of the channel is planned by half of the one and half of the other.
        """
        self.plannings[planning.channel_id] = planning
        self._following.add(planning.channel_id)

    def store_rows(self, statement: str, parameters: Sequence[tuple[Any, ...]]) -> None:
        """Store a slice of what `PlanStaging.row_changes` gives."""
        with self._database.write() as connection:
            connection.exec_driver_sql(statement, list(parameters))

    def store_planned(self, channel_id: int, wanted: Sequence[Wanted] | Scope, now: int) -> None:
        """Store a slice of `PlanStaging.wanted`, except where other stock has come since `watch`."""
        planning = self.plannings[channel_id]
        with self._database.write() as connection:
            if isinstance(wanted, Scope):
                planning.replan(connection.exec_driver_sql, wanted, now)
                return
            meanwhile = self._meanwhile[channel_id]
            listings = [one for one in wanted if one.sku not in meanwhile]
            self._store_listings(connection, planning, listings, now)

    def forget(self, channel_id: int, unwanted: Sequence[Unwanted], now: int) -> None:
        """Forget a slice of `PlanStaging.unwanted`, except where other stock has come since."""
        self._plan_slice(self.plannings[channel_id], Scope.of({one.sku for one in unwanted}), now)

    def finish(self, channel_id: int, now: int) -> Iterator[int]:
        """Plan what other stock has come for since `watch`; slice by slice, yield how many SKUs are left."""
        planning = self.plannings[channel_id]
        meanwhile = self._meanwhile.pop(channel_id)
        with self._database.read() as connection:
            bundles = planning.bundles_of(connection.exec_driver_sql, Scope.of(meanwhile))
        left = sorted(meanwhile | bundles)
        self._following.discard(channel_id)
        while left:
            self._plan_slice(planning, Scope.of(left[:SLICE_ROWS]), now)
            left = left[SLICE_ROWS:]
            yield len(left)

    def lingers(self, channel_id: int) -> bool:
        """Tell whether listings are there that are to be forgotten, and were in flight."""
        return bool(self._lingering.get(channel_id))

    def forget_lingering(self, channel_id: int, now: int) -> None:
        """Forget those of them that are in flight no longer."""
        lingering = sorted(self._lingering.pop(channel_id, ()))
        for start in range(0, len(lingering), SLICE_ROWS):
            skus = lingering[start : start + SLICE_ROWS]
            self._plan_slice(self.plannings[channel_id], Scope.of(skus), now)

    def take_left_showing(self, channel_id: int) -> int:
        """Tell, once, how many listings were forgotten that the marketplace may still show stock for."""
        return self._left_showing.pop(channel_id, 0)

    def take_uncarriable(self) -> dict[int, list[str]]:
        """Tell, once, the new SKUs by channel that its marketplace cannot carry."""
        taken, self._uncarriable = self._uncarriable, {}
        return taken

    def _plan_slice(self, planning: Planning, scope: Scope, now: int) -> None:
        with self._database.write() as connection:
            self._plan(connection, planning, scope, now, may_go=True)

    def _plan(
        self, connection: Connection, planning: Planning, scope: Scope, now: int, *, may_go: bool
    ) -> None:
        run, ambiguous = connection.exec_driver_sql, self._database.doubtful
        outlook = planning.store(run, scope, now, ambiguous=ambiguous, may_go=may_go)
        self._store_listings(connection, planning, outlook.wanted, now)
        if outlook.unwanted:
            self._forget(connection, planning.channel_id, outlook.unwanted)

    def _forget(self, connection: Connection, channel_id: int, unwanted: Sequence[Unwanted]) -> None:
        """Forget listings. Of those in flight the answer is awaited: they linger."""
        rows = connection.exec_driver_sql(
            f"SELECT identifier, warehouse FROM listing {IN_FLIGHT_INDEX}"
            " WHERE channel_id = ? AND attempt_id IS NOT NULL",
            (channel_id,),
        )
        in_flight = {(identifier, warehouse) for identifier, warehouse in rows.fetchall()}
        lingering = [one for one in unwanted if (one.identifier, one.warehouse) in in_flight]
        gone = [one for one in unwanted if (one.identifier, one.warehouse) not in in_flight]
        if lingering:
            self._lingering.setdefault(channel_id, set()).update(one.sku for one in lingering)
        if gone:
            keys = [(channel_id, one.identifier, one.warehouse) for one in gone]
            connection.exec_driver_sql(f"DELETE FROM listing {_OF_KEY}", keys)
            connection.exec_driver_sql(f"DELETE FROM failure {_OF_KEY}", keys)
        left = sum(one.may_show > 0 for one in gone)
        self._left_showing[channel_id] = self._left_showing.get(channel_id, 0) + left

    def _store_listings(
        self, connection: Connection, planning: Planning, wanted: Sequence[Wanted], now: int
    ) -> None:
        if not wanted:
            return
        same_for_all = planning.channel_id, now, int(self._database.doubtful)
        rows = [
            (
                one.identifier, one.warehouse, one.sku, one.desired, one.desired, one.paused,
                Refusal.NOT_LISTED if _is_too_long(one, planning) else None,
            )
            for one in wanted
        ]  # fmt: skip
        _STORE_LISTINGS.run(connection.exec_driver_sql, same_for_all, rows)
        # What went wrong with another SKU there is nothing of this one's.
        renamed = [(planning.channel_id, one.identifier, one.warehouse) for one in wanted if one.taken_over]
        if renamed:
            connection.exec_driver_sql(f"DELETE FROM failure {_OF_KEY}", renamed)
        self._note_uncarriable(connection, planning, wanted, now)

    def _note_uncarriable(
        self, connection: Connection, planning: Planning, wanted: Iterable[Wanted], now: int
    ) -> None:
        """Say of new listings that the marketplace cannot carry their SKUs, before anything is sent."""
        long = [one for one in wanted if one.before is None and _is_too_long(one, planning)]
        if not long:
            return
        channel_id = planning.channel_id
        message = (
            f"longer than the {planning.plan.longest_sku} characters that this marketplace carries:"
            " list it by another identifier"
        )
        connection.exec_driver_sql(
            _STORE_UNCARRIABLE,
            [
                (
                    channel_id, one.identifier, one.warehouse, one.sku, Refusal.NOT_LISTED.value, message,
                    now, now,
                )
                for one in long
            ],
        )  # fmt: skip
        self._uncarriable.setdefault(channel_id, []).extend(one.sku for one in long)


def _is_too_long(listing: Wanted, planning: Planning) -> bool:
    """Tell whether the marketplace cannot carry the SKU that the listing is called by."""
    longest = planning.plan.longest_sku
    return longest is not None and listing.identifier == listing.sku and len(listing.sku) > longest
