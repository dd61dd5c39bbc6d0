"""What a channel's listings should show, against what its ledger says: for some SKUs at a time.

What is decided comes from outside; here are the reads around it, a fixed number for any number of SKUs. They
name the tables of a plan without their database: a connection that has temporary ones of the same names
plans with those.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from state.dialect import BY_COMPONENT_INDEX, RENAMED_INDEX
from state.outlook import Decision, Outlook, Run, Scope, Unwanted, Wanted
from state.plain_skus import PlainSkus, named_skus
from state.plans import ChannelPlan, RuleRow


class Basis(NamedTuple):
    """What one SKU's listings follow from. `stock` by warehouse; `rules`: its own.

    `wanted`: quantity and pause of each listing that it should have, by identifier and warehouse.
    """

    stock: dict[str, int]
    rules: list[RuleRow]
    wanted: dict[tuple[str, str], tuple[int, bool]]


@dataclass(frozen=True, slots=True)
class Planning:
    """A plan at work. `source_ids`: of the sources that feed the channel."""

    channel_id: int
    plan: ChannelPlan
    source_ids: frozenset[int]
    decide: Decision

    def store(self, run: Run, scope: Scope, now: int, *, ambiguous: bool, may_go: bool) -> Outlook:
        """Store what the plain listings in scope should show; give what is to change besides.

        `ambiguous`: whether new listings are; `may_go`: whether there may be some that no stock calls for.
        """
        named = self.named(run, scope)
        run(*self.plain.stored(scope, named, now, ambiguous=ambiguous))
        unwanted = self.plain.unwanted(run, scope, named) if may_go else []
        if not named:
            return Outlook([], unwanted)
        of_named = self.outlook_of_named(run, named)
        return Outlook(of_named.wanted, unwanted + of_named.unwanted)

    def replan(self, run: Run, scope: Scope, now: int) -> None:
        """Set the plain listings in scope to what they should show, where none comes or goes."""
        run(*self.plain.replanned(scope, self.named(run, scope), now))

    def named(self, run: Run, scope: Scope) -> set[str]:
        """Find the SKUs in scope that are not plain."""
        return named_skus(run, self.channel_id, scope, longest=self.plan.longest_sku)

    @property
    def plain(self) -> PlainSkus:
        """The SKUs that no row of the plan names."""
        return PlainSkus(self.channel_id, self.plan, self.source_ids, self.decide)

    def outlook_of_named(self, run: Run, named: set[str]) -> Outlook:
        """Compare for SKUs that rows of the plan name, or whose listings are called otherwise."""
        scope = Scope.of(named)
        wanted = self._wanted(run, scope)
        there = self._listings(run, scope)
        unseen = [identifier for identifier, warehouse in wanted if (identifier, warehouse) not in there]
        elsewhere = self._called(run, unseen) if unseen else {}
        changes = []
        for key, (sku, desired, paused) in wanted.items():
            known = there.get(key) or elsewhere.get(key)
            if known is None:
                changes.append(Wanted(*key, sku, desired, paused, None, 0, 0))
            elif known[:3] != (sku, desired, paused):
                taken_over = int(known[0] != sku)
                changes.append(Wanted(*key, sku, desired, paused, known[1], known[2], taken_over))
        gone = {key: listing for key, listing in there.items() if key not in wanted}
        inherited = self._inherited(run, gone) if gone else set()
        unwanted = [
            Unwanted(*key, sku, desired, may_show)
            for key, (sku, desired, _, may_show) in gone.items()
            if key not in inherited
        ]
        return Outlook(changes, unwanted)

    def basis(self, run: Run, sku: str) -> Basis:
        """Tell what one SKU's listings follow from, and what they should show: read as `outlook` reads it."""
        scope = Scope.of([sku])
        wanted = self._wanted(run, scope)
        return Basis(
            self._stock(run, scope).get(sku, {}),
            self._own_rules(run, scope).get(sku, []),
            {key: (desired, bool(paused)) for key, (_, desired, paused) in wanted.items()},
        )

    def bundles_of(self, run: Run, scope: Scope) -> set[str]:
        """Find the bundles that any of the SKUs in scope is in."""
        any_bundle = "SELECT EXISTS (SELECT 1 FROM bundle WHERE channel_id = ?)"
        if not run(any_bundle, (self.channel_id,)).fetchone()[0]:
            return set()
        rows = run(
            f"SELECT DISTINCT bundle_sku FROM bundle {BY_COMPONENT_INDEX} WHERE channel_id = ?"
            f" AND {scope.where('component_sku')}",
            (self.channel_id, *scope.parameters),
        )
        return {sku for (sku,) in rows.fetchall()}

    def slices(self, run: Run, size: int) -> Iterator[Scope]:
        """Divide all SKUs that there can be into scopes with about `size` stock levels each."""
        after = ""
        while True:
            last = run(
                "SELECT sku FROM stock WHERE sku > ? ORDER BY sku LIMIT 1 OFFSET ?", (after, size - 1)
            ).fetchone()
            yield Scope.between(after, None if last is None else last[0])
            if last is None:
                return
            after = last[0]

    def _wanted(self, run: Run, scope: Scope) -> dict[tuple[str, str], tuple[str, int, int]]:
        """Give sku, quantity and pause by identifier and warehouse."""
        stock = self._stock(run, scope)
        own_rules = self._own_rules(run, scope)
        listed, claimed = self._listed(run, scope), self._claimed(run, scope)
        no_rules: list[RuleRow] = []
        wanted: dict[tuple[str, str], tuple[str, int, int]] = {}
        for sku, by_warehouse in stock.items():
            names = listed.get(sku)
            if names is None and self.plan.only_listed:
                continue
            rules, sku_stock = own_rules.get(sku, no_rules), sum(by_warehouse.values())
            for warehouse, units in by_warehouse.items():
                desired, paused = self.decide(sku, warehouse, units, sku_stock, rules)
                if names is not None:
                    for place, identifier in names:
                        if place in {"", warehouse}:
                            wanted[identifier, warehouse] = (sku, desired, int(paused))
                elif (sku, warehouse) not in claimed and (sku, "") not in claimed:
                    wanted[sku, warehouse] = (sku, desired, int(paused))
        return wanted

    def _stock(self, run: Run, scope: Scope) -> dict[str, dict[str, int]]:
        """Add up the stock that the channel counts, by SKU and warehouse; of a bundle that of its parts."""
        totals: dict[str, dict[str, int]] = {}
        bundles = self._bundles(run, scope)
        place, sources = placing(self.plan), self.source_ids
        levels = run(
            f"SELECT sku, location, source_id, quantity FROM stock WHERE {scope.where('sku')}",
            scope.parameters,
        ).fetchall()
        for sku, location, source_id, quantity in levels:
            warehouse = place(location)
            if source_id in sources and warehouse is not None and sku not in bundles:
                of_sku = totals.get(sku)
                if of_sku is None:
                    totals[sku] = {warehouse: quantity}
                else:
                    of_sku[warehouse] = of_sku.get(warehouse, 0) + quantity
        for bundle, parts in bundles.items():
            for location, quantity in parts.complete():
                warehouse = place(location)
                if warehouse is not None:
                    of_bundle = totals.setdefault(bundle, {})
                    of_bundle[warehouse] = of_bundle.get(warehouse, 0) + quantity
        return totals

    def _bundles(self, run: Run, scope: Scope) -> "dict[str, _Parts]":
        rows = run(
            "SELECT b.bundle_sku, b.component_sku, b.units, k.location, k.source_id, k.quantity FROM bundle b"
            " LEFT JOIN stock k ON k.sku = b.component_sku"
            f" WHERE b.channel_id = ? AND {scope.where('b.bundle_sku')}",
            (self.channel_id, *scope.parameters),
        ).fetchall()
        bundles: dict[str, _Parts] = {}
        for bundle, component, units, location, source_id, quantity in rows:
            parts = bundles.setdefault(bundle, _Parts(set(), {}))
            parts.components.add(component)
            if source_id in self.source_ids:
                parts.makes.setdefault(location, {})[component] = quantity // units
        return bundles

    def _own_rules(self, run: Run, scope: Scope) -> dict[str, list[RuleRow]]:
        rows = run(
            "SELECT sku, warehouse, rank, settings, origin FROM rule"
            f" WHERE channel_id = ? AND {scope.where('sku')} ORDER BY sku, rank, warehouse",
            (self.channel_id, *scope.parameters),
        ).fetchall()
        rules: dict[str, list[RuleRow]] = {}
        for row in rows:
            rules.setdefault(row[0], []).append(RuleRow(*row))
        return rules

    def _listed(self, run: Run, scope: Scope) -> dict[str, list[tuple[str, str]]]:
        rows = run(
            f"SELECT sku, warehouse, identifier FROM listed WHERE channel_id = ? AND {scope.where('sku')}",
            (self.channel_id, *scope.parameters),
        ).fetchall()
        names: dict[str, list[tuple[str, str]]] = {}
        for sku, warehouse, identifier in rows:
            names.setdefault(sku, []).append((warehouse, identifier))
        return names

    def _claimed(self, run: Run, scope: Scope) -> set[tuple[str, str]]:
        """Find the SKUs whose own names stand for another SKU here, and in which warehouse."""
        rows = run(
            "SELECT identifier, warehouse FROM listed WHERE channel_id = ? AND identifier <> sku"
            f" AND {scope.where('identifier')}",
            (self.channel_id, *scope.parameters),
        )
        return {(identifier, warehouse) for identifier, warehouse in rows.fetchall()}

    def _listings(self, run: Run, scope: Scope) -> dict[tuple[str, str], tuple[str, int, int, int]]:
        """Give sku, desired quantity, pause and what may be shown of the listings of these SKUs."""
        columns = "identifier, warehouse, sku, desired, paused, may_show"
        rows = run(
            f"SELECT {columns} FROM listing WHERE channel_id = ? AND {scope.where('identifier')}"
            f" AND sku = identifier UNION ALL SELECT {columns} FROM listing {RENAMED_INDEX}"
            f" WHERE channel_id = ? AND {scope.where('sku')} AND identifier <> sku",
            (self.channel_id, *scope.parameters, self.channel_id, *scope.parameters),
        ).fetchall()
        return {(row[0], row[1]): tuple(row[2:]) for row in rows}

    def _called(
        self, run: Run, identifiers: Sequence[str]
    ) -> dict[tuple[str, str], tuple[str, int, int, int]]:
        """Give the listings that are called so, whatever SKU they show as yet."""
        rows = run(
            "SELECT identifier, warehouse, sku, desired, paused, may_show FROM listing"
            " WHERE channel_id = ? AND identifier IN (SELECT value FROM json_each(?))",
            (self.channel_id, json.dumps(identifiers)),
        ).fetchall()
        return {(row[0], row[1]): tuple(row[2:]) for row in rows}

    def _inherited(
        self, run: Run, listings: Mapping[tuple[str, str], tuple[str, int, int, int]]
    ) -> set[tuple[str, str]]:
        """Find the listings that another SKU has by this plan, in whatever scope that is."""
        heirs = {identifier for (identifier, _), (sku, *_) in listings.items() if identifier != sku}
        rows = run(
            "SELECT sku FROM listed WHERE channel_id = ? AND identifier IN (SELECT value FROM json_each(?))",
            (self.channel_id, json.dumps([identifier for identifier, _ in listings])),
        )
        heirs.update(sku for (sku,) in rows.fetchall())
        return listings.keys() & self._wanted(run, Scope.of(heirs)).keys() if heirs else set()


def placing(plan: ChannelPlan) -> Callable[[str], str | None]:
    """Give what tells the warehouse of a location; None where it is not sold on this channel."""
    if plan.locations is not None:
        return plan.locations.get
    counted = plan.counted
    if counted is None:
        return lambda _: ""
    return dict.fromkeys(counted, "").get


class _Parts(NamedTuple):
    """A bundle's components, and how many bundles each makes at each location."""

    components: set[str]
    makes: dict[str, dict[str, int]]

    def complete(self) -> Iterator[tuple[str, int]]:
        """Give location and number of bundles, where something is known of each component."""
        for location, makes in self.makes.items():
            if len(makes) == len(self.components):
                yield location, min(makes.values())
