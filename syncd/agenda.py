"""The agenda: what is due on a channel and when to look again, also when the wall clock is set."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from state.database import Database
from state.ledger import due_listings, due_listings_of, next_wait
from state.records import DueListing
from state.registry import ChannelPlan
from state.waiting import LongestWaits, bring_near, move_waits, put_off_repetitions
from syncd.clock import Clock
from syncd.core.backoff import LISTING_BASE_SECONDS, LISTING_MOST_SECONDS
from syncd.core.pacing import LONGEST_PAUSE_SECONDS
from syncd.core.settling import PROBE_UNLISTED_MS
from syncd.delivery import PROBE_HOLD_SECONDS, LaneParts
from syncd.logs import get_logger

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
        return min(len(self._due(self._parts.clock.due_by(), most)), most)

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


class Timekeeping:
    """Keeps the stored times of all channels true to the wall clock.

    A repetition keeps its settling time, whichever way the clock is set; a time asleep counts as set forth.
    What else waits comes at the time it would have come, or earlier.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        plans: Mapping[int, ChannelPlan],
        settling: Mapping[int, int],
    ) -> None:
        """`plans` and `settling` (ms): by the ids of the channels."""
        self._database = database
        self._clock = clock
        self._plans = plans
        self._settling = settling

    async def mind(self) -> bool:
        """Take over that the wall clock was set, if it was, and tell so."""
        seconds = self._clock.set_by()
        if not seconds or self._clock.is_taking_over:
            return False
        get_logger("clock").warning("clock_changed", seconds=round(seconds, 3))
        before = self._clock.now()
        with self._clock.taking_over(seconds):
            for channel_id, settling in self._settling.items():
                by = int(seconds * 1000)
                for _ in move_waits(self._database, channel_id, before=before, by=by, settling=settling):
                    await asyncio.sleep(0)
        await self.bring_near()
        return True

    async def begin(self) -> None:
        """Meet the times that the last process left, whatever the wall clock did since."""
        for channel_id, settling in self._settling.items():
            until = self._clock.now() + settling
            for _ in put_off_repetitions(self._database, channel_id, until):
                await asyncio.sleep(0)
        await self.bring_near()

    async def bring_near(self) -> None:
        """Let nothing wait longer than it ever has to: the clock may have been set while nothing ran."""
        for channel_id, plan in self._plans.items():
            longest = longest_waits(self._settling[channel_id])
            for _ in bring_near(self._database, channel_id, plan, self._clock.now(), longest):
                await asyncio.sleep(0)


def longest_waits(settling: int) -> LongestWaits:
    """Give how long something of a channel may have to wait (ms), by its settling time."""
    return LongestWaits(
        repetition=settling,
        retry=int((LISTING_BASE_SECONDS / 2 + LISTING_MOST_SECONDS) * 1000),
        probe=PROBE_UNLISTED_MS,
        warehouse=int(PROBE_HOLD_SECONDS * 1000),
        pause=int(LONGEST_PAUSE_SECONDS * 1000),
    )
