"""What a lane says of itself to whoever watches: how long it waits, and for whose answer."""

import asyncio
from contextlib import AbstractContextManager

from syncd.clock import Clock, wait_for_event
from syncd.core.progress import Progress

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
        self._progress.expect(self._name, self._clock.monotonic(), seconds)
        await wait_for_event(event, seconds)

    def rest(self) -> None:
        """Let the calls under way be watched instead of the lane: it waits for their end, or has ended."""
        self._progress.rest(self._name)

    def call(self) -> AbstractContextManager[None]:
        """Watch that a connector comes back: it ends its requests itself, in time."""
        return self._progress.during(
            f"a request of {self._name}", self._clock.monotonic(), self._longest_call
        )
