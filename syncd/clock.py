"""The clocks that everything is handed: one that people set and read, one that never goes back."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

DRIFT_SECONDS = 2.0
SHORTEST_WAIT_SECONDS = 0.001


@dataclass(slots=True)
class Clock:
    """`wall` in seconds since the epoch; `monotonic` in seconds, the running event loop's own.

    Whoever sets the wall clock moves no time that is stored already. So what is stored goes by `now`, which
    runs on evenly, and takes over the new time only together with what waits (`Timekeeping`).
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]
    _ahead: float = field(init=False)
    _soon_ahead: float = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = self._soon_ahead = self.wall() - self.monotonic()

    def now(self) -> int:
        """Give the time to store, in whole milliseconds since the epoch.

        While a new time is taken over, the later of both: what waits from now on waits long enough.
        """
        return int((self.monotonic() + max(self._ahead, self._soon_ahead)) * 1000)

    def due_by(self) -> int:
        """Give the time up to which what waits is ripe (ms since the epoch): as `now`, but the earlier."""
        return int((self.monotonic() + min(self._ahead, self._soon_ahead)) * 1000)

    def follow(self) -> float:
        """Follow its drift; tell by how many seconds the wall clock was set forth (or back: below zero)."""
        difference = self.wall() - self.monotonic() - self._ahead
        if abs(difference) > DRIFT_SECONDS:
            return difference
        if not self.is_taking_over:
            self._ahead = self._soon_ahead = self._ahead + difference
        return 0.0

    @property
    def is_taking_over(self) -> bool:
        """Tell whether a new time is being taken over."""
        return self._ahead != self._soon_ahead

    @contextmanager
    def taking_over(self, seconds: float) -> Iterator[None]:
        """Take over that the wall clock was set by so many seconds, while what is stored is moved along."""
        self._soon_ahead = self._ahead + seconds
        try:
            yield
        finally:
            self._ahead = self._soon_ahead


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until it is set, or so many seconds; a moment at least, so that others have their turn."""
    try:
        async with asyncio.timeout(max(seconds, SHORTEST_WAIT_SECONDS)):
            await event.wait()
    except TimeoutError:
        return


def system_clock() -> Clock:
    """Give the machine's clock and the running loop's."""
    return Clock(wall=time.time, monotonic=asyncio.get_running_loop().time)
