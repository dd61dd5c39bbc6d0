"""The stock that a marketplace of the sandbox shows, and what has been taken but not yet applied."""

import heapq
from collections.abc import Callable, Sequence

from connectors.sandbox.arrivals import Row


class Stock:
    """Quantities by warehouse and SKU.

    What is to take effect later waits with its time; nothing runs in the background, whoever looks applies
    what has become due, in the order of those times.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._levels: dict[str, dict[str, int]] = {}
        self._waiting: list[tuple[float, int, Sequence[Row]]] = []
        self._sequence = 0

    def put(self, rows: Sequence[Row], *, after: float = 0.0) -> None:
        """Set these quantities, `after` seconds from now."""
        self.settle()
        if after <= 0:
            self._apply(rows)
            return
        self._sequence += 1
        heapq.heappush(self._waiting, (self._now() + after, self._sequence, rows))

    def settle(self) -> None:
        """Apply what has become due."""
        while self._waiting and self._waiting[0][0] <= self._now():
            self._apply(heapq.heappop(self._waiting)[2])

    def _apply(self, rows: Sequence[Row]) -> None:
        for sku, warehouse, quantity in rows:
            self._levels.setdefault(warehouse, {})[sku] = quantity

    def levels(self, warehouse: str) -> dict[str, int]:
        """SKU to quantity in one warehouse, for the SKUs that were ever set there."""
        self.settle()
        return dict(self._levels.get(warehouse, {}))

    def quantity(self, sku: str, warehouse: str) -> int:
        """What is shown; zero where nothing was ever set."""
        self.settle()
        return self._levels.get(warehouse, {}).get(sku, 0)

    def waiting(self) -> int:
        """How many rows have been taken but not yet applied."""
        self.settle()
        return sum(len(rows) for _, _, rows in self._waiting)

    def clear(self) -> None:
        """Empty the shop."""
        self._levels.clear()
        self._waiting.clear()
