"""The agenda of a lane: what is due on its channel, and when to look again."""

from collections.abc import Callable, Sequence

from state.ledger import count_due, due_listings, due_listings_of, next_wait
from state.records import DueListing
from syncd.delivery import LaneParts

LONGEST_IDLE_SECONDS = 60.0
SCOPE_STEP_SECONDS = 0.5
SOON_SECONDS = 60.0
PEEK_ROWS = 50
TRIES_WHEN_SETTLING = 6


class Agenda:
    """Reads from the ledger what a lane may push."""

    def __init__(self, parts: LaneParts, open_warehouses: Callable[[], Sequence[str]]) -> None:
        """`open_warehouses` tells which may be pushed to at the moment."""
        self._parts = parts
        self._open_warehouses = open_warehouses
        self.scope: tuple[str, ...] | None = None
        """The SKUs that the lane is about; None = all."""

    def count_due(self, most: int) -> int:
        """Count what may be pushed now, up to `most`."""
        by = self._parts.clock.due_by()
        if self.scope is not None:
            return min(len(self._due(by, most)), most)
        with self._parts.database.read() as connection:
            return count_due(connection, self._parts.channel_id, self._open_warehouses(), by, most)

    def idle_seconds(self) -> float:
        """Tell how long to wait where nothing is due; bounded, for a wall clock may be set back or forth."""
        if self.scope is not None:
            return SCOPE_STEP_SECONDS
        with self._parts.database.read() as connection:
            until = next_wait(connection, self._parts.channel_id, self._open_warehouses())
        if until is None:
            return LONGEST_IDLE_SECONDS
        return min(max((until - self._parts.clock.due_by()) / 1000, 0.0) + 0.001, LONGEST_IDLE_SECONDS)

    def is_due_soon(self, skus: Sequence[str] | None = None) -> bool:
        """Tell whether it is worth waiting for what was deferred a moment ago (of these SKUs)."""
        due = self._due(self._parts.clock.due_by() + int(SOON_SECONDS * 1000), PEEK_ROWS, skus)
        return any(listing.changed and listing.failures < TRIES_WHEN_SETTLING for listing in due)

    def _due(self, by: int, limit: int, skus: Sequence[str] | None = None) -> list[DueListing]:
        """Find what may be pushed by a time (ms since the epoch), of these SKUs or else of the scope."""
        skus = self.scope if skus is None else skus
        channel_id, warehouses = self._parts.channel_id, self._open_warehouses()
        with self._parts.database.read() as connection:
            if skus is None:
                return list(due_listings(connection, channel_id, warehouses, by, limit))
            return list(due_listings_of(connection, channel_id, warehouses, skus, by))
