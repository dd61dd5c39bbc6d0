"""The clocks that everything is handed: one that people read, one that never goes back."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall` in seconds since the epoch; `monotonic` in seconds, the running event loop's own."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]

    def now(self) -> int:
        """Give the wall clock in whole milliseconds since the epoch, as the state database keeps times."""
        return int(self.wall() * 1000)


def system_clock() -> Clock:
    """Give the machine's clock and the running loop's."""
    return Clock(wall=time.time, monotonic=asyncio.get_running_loop().time)
