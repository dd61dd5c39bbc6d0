"""Keeping stored times true to a wall clock that may be set, while syncd runs or while it does not."""

import asyncio
from collections.abc import Collection, Mapping

from state.database import Database
from state.losses import forget_future, move_losses
from state.planning import Planning
from state.waiting import LongestWaits, bring_near, move_waits, put_off_repetitions
from syncd.clock import Clock
from syncd.core.backoff import LISTING_BASE_SECONDS, LISTING_MOST_SECONDS
from syncd.core.guards import WINDOW_MS
from syncd.core.pacing import LONGEST_PAUSE_SECONDS
from syncd.core.settling import PROBE_UNLISTED_MS
from syncd.delivery import PROBE_HOLD_SECONDS
from syncd.logs import get_logger


class Timekeeping:
    """Keeps the stored times of all channels, and of what sources lost, true to the wall clock.

    A repetition keeps its settling time, whichever way the clock is set; a time asleep counts as set forth.
    What else waits comes at the time it would have come, or earlier.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        plannings: Mapping[int, Planning],
        settling: Mapping[int, int],
        sources: Collection[int],
    ) -> None:
        """`plannings` in force and `settling` (ms): by the ids of the channels. `sources`: their ids."""
        self._database = database
        self._clock = clock
        self._plannings = plannings
        self._settling = settling
        self._sources = sources
        self._began_at = clock.monotonic()

    async def mind(self) -> bool:
        """Take over that the wall clock was set, if it was, and tell so."""
        self._end_doubt()
        seconds = self._clock.follow()
        if not seconds or self._clock.is_taking_over:
            return False
        get_logger("clock").warning("clock_changed", seconds=round(seconds, 3))
        before = self._clock.now()
        by = int(seconds * 1000)
        with self._clock.taking_over(seconds):
            for source_id in self._sources:
                for _ in move_losses(self._database, source_id, before=before, by=by, window=WINDOW_MS):
                    await asyncio.sleep(0)
            for channel_id, settling in self._settling.items():
                for _ in move_waits(self._database, channel_id, before=before, by=by, settling=settling):
                    await asyncio.sleep(0)
        await self.bring_near()
        return True

    def _end_doubt(self) -> None:
        """What a state that was lost had sent has taken effect once a process has run for a settling time."""
        longest = max(self._settling.values(), default=0) / 1000
        if self._database.doubtful and self._clock.monotonic() - self._began_at > longest:
            self._database.trust()

    async def begin(self) -> None:
        """Meet the times that the last process left, whatever the wall clock did since."""
        for source_id in self._sources:
            for _ in forget_future(self._database, source_id, self._clock.now(), WINDOW_MS):
                await asyncio.sleep(0)
        for channel_id, settling in self._settling.items():
            until = self._clock.now() + settling
            for _ in put_off_repetitions(self._database, channel_id, until, settling):
                await asyncio.sleep(0)
        await self.bring_near()

    async def bring_near(self) -> None:
        """Let nothing wait longer than it ever has to: the clock may have been set while nothing ran."""
        for channel_id, planning in self._plannings.items():
            longest = longest_waits(self._settling[channel_id])
            for _ in bring_near(self._database, channel_id, planning.plan, self._clock.now(), longest):
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
