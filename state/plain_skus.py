"""SKUs that no row of a plan names: each shows its own stock under its own name, by rules for many.

Nearly all SKUs of a large shop are such. One statement stores what any number of them should show, without an
object for each.
"""

import json
from dataclasses import dataclass
from itertools import compress
from typing import Any

from state.dialect import DECIDED, RENAMED_INDEX
from state.listing_changes import CHANGED_AT, NOT_BEFORE, REFUSAL
from state.outlook import Decision, Run, Scope, Unwanted
from state.plans import ChannelPlan

_RENAMED = f"listing {RENAMED_INDEX} WHERE channel_id = ? AND identifier <> sku"
_IS_ANY_NAMED = (
    "SELECT EXISTS (SELECT 1 FROM rule WHERE channel_id = ?),"
    " EXISTS (SELECT 1 FROM listed WHERE channel_id = ?),"
    f" EXISTS (SELECT 1 FROM bundle WHERE channel_id = ?), EXISTS (SELECT 1 FROM {_RENAMED})"
)
_NAMED = (
    "SELECT sku FROM rule WHERE channel_id = ? AND {sku}",
    (
        "SELECT sku FROM listed WHERE channel_id = ? AND {sku}"
        " UNION ALL SELECT identifier FROM listed WHERE channel_id = ? AND {identifier}"
    ),
    "SELECT bundle_sku FROM bundle WHERE channel_id = ? AND {bundle_sku}",
    (
        f"SELECT sku FROM {_RENAMED} AND {{sku}} UNION ALL"
        # By its key, in words that the index of renamed listings does not know: it would read all of them.
        " SELECT identifier FROM listing WHERE channel_id = ? AND {identifier} AND NOT (identifier = sku)"
    ),
)
"""By rules, listings, bundles, and by a listing in the ledger that is called otherwise, or by its name."""
_TOO_LONG = "SELECT sku FROM stock WHERE {sku} AND length(sku) > ?"
_DESIRED, _PAUSED = "excluded.desired", "excluded.paused"
_STORED = (
    "INSERT INTO listing(channel_id, changed_at, ambiguous, identifier, warehouse, sku, desired, may_show,"
    " paused) SELECT ?, ?, ?, sku, warehouse, sku, shows / 2, shows / 2, shows % 2 FROM ({shown}) WHERE true"
    " ON CONFLICT(channel_id, identifier, warehouse) DO UPDATE SET"
    " desired = excluded.desired, paused = excluded.paused,"
    f" changed_at = {CHANGED_AT.format(desired=_DESIRED, paused=_PAUSED, now='excluded.changed_at')},"
    f" refusal = {REFUSAL.format(desired=_DESIRED)}, not_before = {NOT_BEFORE.format(desired=_DESIRED)}"
    " WHERE desired <> excluded.desired OR paused <> excluded.paused"
)
_AS_IT_SHOWS = ", ".join(
    (
        "shows / 2",
        "shows % 2",
        CHANGED_AT.format(desired="(shows / 2)", paused="(shows % 2)", now="now"),
        REFUSAL.format(desired="(shows / 2)"),
        NOT_BEFORE.format(desired="(shows / 2)"),
    )
)


def named_skus(run: Run, channel_id: int, scope: Scope, *, longest: int | None) -> set[str]:
    """Find those of some SKUs that are not plain. `longest`: what the marketplace carries."""
    found: set[str] = set()
    if longest is not None:
        too_long = run(_TOO_LONG.format(sku=scope.where("sku")), (*scope.parameters, longest))
        found.update(sku for (sku,) in too_long.fetchall())
    is_any_named = run(_IS_ANY_NAMED, (channel_id,) * len(_NAMED)).fetchone()
    columns = {one: scope.where(one) for one in ("sku", "identifier", "bundle_sku")}
    for query in compress(_NAMED, is_any_named):
        parameters = (channel_id, *scope.parameters) * query.count("?")
        found.update(sku for (sku,) in run(query.format(**columns), parameters).fetchall())
    return found


@dataclass(frozen=True, slots=True)
class PlainSkus:
    """The plain SKUs of a plan at work; the fields are those of `state.planning.Planning`."""

    channel_id: int
    plan: ChannelPlan
    source_ids: frozenset[int]
    decide: Decision

    def changes(self, scope: Scope, named: set[str]) -> tuple[str, tuple[Any, ...]]:
        """Write what gives the rows of `Wanted`, for the SKUs in scope that are not `named`."""
        shown, parameters = self._shown(scope, named)
        statement = (
            "SELECT s.sku, s.warehouse, s.sku, shows / 2, shows % 2, desired, coalesce(paused, 0), 0"
            f" FROM ({shown}) s"
            " LEFT JOIN listing l ON l.channel_id = ? AND l.identifier = s.sku AND l.warehouse = s.warehouse"
            " WHERE l.sku IS NULL OR desired <> shows / 2 OR paused <> shows % 2"
        )
        return statement, (*parameters, self.channel_id)

    def stored(
        self, scope: Scope, named: set[str], now: int, *, ambiguous: bool
    ) -> tuple[str, tuple[Any, ...]]:
        """Write what stores the listings that there should be. `ambiguous`: whether new ones are."""
        shown, parameters = self._shown(scope, named)
        return _STORED.format(shown=shown), (self.channel_id, now, int(ambiguous), *parameters)

    def _shown(self, scope: Scope, named: set[str]) -> tuple[str, tuple[Any, ...]]:
        """Write what gives SKU, warehouse and what is shown there."""
        stock, parameters = self._stock(scope, named)
        groups, in_all = "sku", "NULL"
        if self.plan.locations is not None:
            groups, in_all = "sku, warehouse", "sum(sum(quantity)) OVER (PARTITION BY sku)"
        statement = (
            f"SELECT sku, warehouse, {DECIDED}(?, sku, warehouse, sum(quantity), {in_all}) AS shows"
            f" FROM ({stock}) WHERE warehouse IS NOT NULL GROUP BY {groups}"
        )
        return statement, (self.channel_id, *parameters)

    def replanned(self, scope: Scope, named: set[str], now: int) -> tuple[str, tuple[Any, ...]]:
        """Write what sets all listings in scope to what they should show, where none comes or goes.

        A condition that asks the stock would make SQLite note all rows first, and take twice as long: so what
        is not to change is set to what it is.
        """
        stock, parameters = self._stock(Scope("{} = l.sku", ()), set())
        here = f"(SELECT sum(quantity) FROM ({stock}) WHERE warehouse = l.warehouse)"
        in_all = "NULL"
        if self.plan.locations is not None:
            in_all, parameters = (
                f"(SELECT sum(quantity) FROM ({stock}) WHERE warehouse IS NOT NULL)",
                parameters * 2,
            )
        statement = (
            "UPDATE listing AS l SET (desired, paused, changed_at, refusal, not_before) = ("
            f"SELECT {_AS_IT_SHOWS} FROM (SELECT ? AS now, coalesce("
            "CASE WHEN sku NOT IN (SELECT value FROM json_each(?))"
            f" THEN {DECIDED}(l.channel_id, l.sku, l.warehouse, {here}, {in_all}) END, desired * 2 + paused"
            ") AS shows LIMIT 1))"
            f" WHERE channel_id = ? AND {scope.where('identifier')} AND sku = identifier"
        )
        left_out = json.dumps(sorted(named))
        return statement, (now, left_out, *parameters, self.channel_id, *scope.parameters)

    def _stock(self, scope: Scope, named: set[str]) -> tuple[str, tuple[str, ...]]:
        """Write what gives SKU, warehouse and quantity of each stock level that counts."""
        place, places = self._place()
        sources = ", ".join(map(str, sorted(self.source_ids)))
        statement = (
            f"SELECT sku, {place} AS warehouse, quantity FROM stock WHERE source_id IN ({sources})"
            f" AND {scope.where('sku')}"
        )
        if not named:
            return statement, (*places, *scope.parameters)
        left_out = json.dumps(sorted(named))
        return (
            f"{statement} AND sku NOT IN (SELECT value FROM json_each(?))",
            (*places, *scope.parameters, left_out),
        )

    def _place(self) -> tuple[str, tuple[str, ...]]:
        """Write what gives the warehouse of a location; NULL where it is not sold on this channel."""
        if self.plan.only_listed:
            return "NULL", ()
        if self.plan.locations is not None:
            pairs = self.plan.locations.items()
            cases = "".join(" WHEN ? THEN ?" for _ in pairs)
            return f"CASE location{cases} END" if cases else "NULL", tuple(
                one for pair in pairs for one in pair
            )
        if self.plan.counted is not None:
            return (
                "CASE WHEN location IN (SELECT value FROM json_each(?)) THEN '' END",
                (json.dumps(sorted(self.plan.counted)),),
            )
        return "''", ()

    def unwanted(self, run: Run, scope: Scope, named: set[str]) -> list[Unwanted]:
        """Find the listings that no stock here calls for any more."""
        stock, parameters = self._stock(Scope("{} = l.sku", ()), set())
        rows = run(
            "SELECT identifier, warehouse, sku, desired, may_show FROM listing l WHERE channel_id = ?"
            f" AND {scope.where('identifier')} AND sku = identifier"
            f" AND NOT EXISTS (SELECT 1 FROM ({stock}) WHERE warehouse = l.warehouse)",
            (self.channel_id, *scope.parameters, *parameters),
        )
        return [Unwanted(*row) for row in rows.fetchall() if row[0] not in named]
