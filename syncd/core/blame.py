"""Whose fault it is when a marketplace refuses batches for their content: single rows', or the channel's."""

from collections.abc import Collection
from typing import NamedTuple

from connectors.contract import Identifier, StockUpdate

LONE_REFUSALS_FOR_A_HOLD = 3


class Suspect(NamedTuple):
    """What can be to blame: one listing, in whichever warehouses. A SKU may have several."""

    sku: str
    identifier: Identifier


def suspect_of(update: StockUpdate) -> Suspect:
    """Tell who is to blame if this update is."""
    return Suspect(update.sku, update.listed_as)


class Blame:
    """Follows refusals and acceptances of one channel. Listings, not requests, are what it knows.

    Where different listings, each alone, are refused the same way and none is taken in between, the channel
    is to blame. Where others of the same refused batch were taken, those refused are.
    """

    def __init__(self) -> None:
        """Nothing was refused yet."""
        self._alone: dict[str, set[Suspect]] = {}
        self._suspects: set[Suspect] = set()
        self._guilty: set[Suspect] = set()

    @property
    def knows_any(self) -> bool:
        """Whether any listing was refused, and not taken since."""
        return bool(self._alone or self._suspects or self._guilty)

    def refused_together(self, rows: Collection[Suspect]) -> None:
        """Note a refused batch of several rows, unless it is part of one that is halved already."""
        if not self._suspects.issuperset(rows):
            self._guilty.clear()
        self._suspects.update(rows)

    def refused_alone(self, code: str, row: Suspect) -> list[Suspect]:
        """Note a row that was refused alone; give all refused so, where the channel is to blame."""
        self._suspects.discard(row)
        if row in self._guilty:
            return []
        rows = self._alone.setdefault(code, set())
        rows.add(row)
        return sorted(rows) if len(rows) >= LONE_REFUSALS_FOR_A_HOLD else []

    def answered(self, taken: Collection[Suspect], judged: Collection[Suspect]) -> list[Suspect]:
        """Note which listings were taken, and which got any verdict of their own.

        Gives those refused alone before: where others are taken, they deserve another try.
        """
        refused = set().union(*self._alone.values()) if taken else set[Suspect]()
        if taken:
            self._alone.clear()
            if not self._suspects.isdisjoint(taken):
                self._guilty |= self._suspects
            self._guilty = (self._guilty | refused).difference(taken)
        self._suspects.difference_update(judged)
        return sorted(refused)
