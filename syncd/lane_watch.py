"""What a lane says of itself to whoever watches: how long it waits, and for whose answer."""

import asyncio
from contextlib import AbstractContextManager

from syncd.clock import Clock
from syncd.core.progress import Progress

SHORTEST_PAUSE_SECONDS = 0.001
MOST_REQUESTS_A_CALL = 4
"""What a connector may have to send for one push: a token, the push, and both again."""


class LaneWatch:
    """Notes when the lane of one channel must move again."""

    def __init__(self, progress: Progress, clock: Clock, channel: str, timeout: float) -> None:
        """`timeout`: seconds in which the connector ends each request."""
        self._progress = progress
        self._clock = clock
        self._name = f"channel {channel}"
        self._longest_call = MOST_REQUESTS_A_CALL * timeout

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait so many seconds, or for an event."""
        seconds = max(seconds, SHORTEST_PAUSE_SECONDS)
        self._progress.expect(self._name, self._clock.monotonic(), seconds)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    def rest(self) -> None:
        """Let the calls under way be watched instead of the lane: it waits for their end, or has ended."""
        self._progress.rest(self._name)

    def call(self) -> AbstractContextManager[None]:
        """Watch that a connector comes back: it ends its requests itself, in time."""
        return self._progress.during(
            f"a request of {self._name}", self._clock.monotonic(), self._longest_call
        )
