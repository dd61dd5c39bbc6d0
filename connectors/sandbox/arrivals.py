"""What arrived at the sandbox, in order, and what became of it."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Row(NamedTuple):
    """One quantity that a request asked for, by the seller's SKU and the marketplace's warehouse."""

    sku: str
    warehouse: str
    quantity: int


@dataclass(slots=True)
class Arrival:
    """One request. `number` counts from 1 in order of arrival; `at` is in seconds since the epoch.

    `warehouse` and `rows` are as the request named them (empty where it could not be read that far).
    `status` is None until the marketplace has decided; `said` is its answer in a few words; `throttled` tells
    how many rows were refused for the pace; at least 1 where the whole request was.
    """

    number: int
    at: float
    marketplace: str
    call: str
    warehouse: str = ""
    rows: tuple[Row, ...] = ()
    status: int | None = None
    said: str = "under way"
    fault: str = ""
    throttled: int = 0


class Journal:
    """The latest arrivals, and counters over all of them."""

    def __init__(
        self, now: Callable[[], float], *, arrivals_kept: int = 20_000, rows_kept: int = 200_000
    ) -> None:
        self._now = now
        self._arrivals_kept = arrivals_kept
        self._rows_kept = rows_kept
        self._arrivals: deque[Arrival] = deque()
        self._rows = 0
        self._number = 0
        self.counters: dict[str, Counter[str]] = {}

    def open(self, marketplace: str, call: str) -> Arrival:
        """Note that a request came in."""
        self._number += 1
        arrival = Arrival(self._number, self._now(), marketplace, call)
        self._arrivals.append(arrival)
        self.count(marketplace, "requests")
        self.count(marketplace, f"{call}_requests")
        return arrival

    def fill(self, arrival: Arrival, rows: tuple[Row, ...], warehouse: str) -> None:
        """Note what it carried."""
        arrival.rows = rows
        arrival.warehouse = warehouse
        # One that was held back for long may have been forgotten meanwhile.
        if self._arrivals and arrival.number >= self._arrivals[0].number:
            self._rows += len(rows)
        while len(self._arrivals) > self._arrivals_kept or self._rows > self._rows_kept:
            self._rows -= len(self._arrivals.popleft().rows)

    def count(self, marketplace: str, what: str, amount: int = 1) -> None:
        """Add to a counter."""
        self.counters.setdefault(marketplace, Counter())[what] += amount

    def since(self, number: int = 0) -> list[Arrival]:
        """The arrivals after that number, oldest first, as far as they are still kept."""
        return [arrival for arrival in self._arrivals if arrival.number > number]

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._arrivals.clear()
        self._rows = 0
        self.counters.clear()
