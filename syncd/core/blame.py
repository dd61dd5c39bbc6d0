"""Whose fault it is when a marketplace refuses batches for their content: single rows', or the channel's."""

from collections.abc import Collection

LONE_REFUSALS_FOR_A_HOLD = 3


class Blame:
    """Follows refusals and acceptances of one channel. SKUs, not requests, are what it knows.

    Where different SKUs, each alone, are refused the same way and none is taken in between, the channel is to
    blame. Where others of the same refused batch were taken, those refused are.
    """

    def __init__(self) -> None:
        """Nothing was refused yet."""
        self._alone: dict[str, set[str]] = {}
        self._suspects: set[str] = set()
        self._guilty: set[str] = set()

    def refused_together(self, skus: Collection[str]) -> None:
        """Note a refused batch of several rows, unless it is part of one that is halved already."""
        if not self._suspects.issuperset(skus):
            self._guilty.clear()
        self._suspects.update(skus)

    def refused_alone(self, code: str, sku: str) -> list[str]:
        """Note a row that was refused alone; give all SKUs refused so, where the channel is to blame."""
        self._suspects.discard(sku)
        if sku in self._guilty:
            return []
        skus = self._alone.setdefault(code, set())
        skus.add(sku)
        return sorted(skus) if len(skus) >= LONE_REFUSALS_FOR_A_HOLD else []

    def answered(self, taken: Collection[str], judged: Collection[str]) -> list[str]:
        """Note which SKUs were taken, and which got any verdict of their own.

        Gives those refused alone before: where others are taken, they deserve another try.
        """
        refused = set().union(*self._alone.values()) if taken else set[str]()
        if taken:
            self._alone.clear()
            if not self._suspects.isdisjoint(taken):
                self._guilty |= self._suspects
            self._guilty = (self._guilty | refused).difference(taken)
        self._suspects.difference_update(judged)
        return sorted(refused)
