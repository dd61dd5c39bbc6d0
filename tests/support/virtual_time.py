"""An event loop whose time jumps to the next timer: hours pass in milliseconds, the same way each time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
EPOCH = 1_800_000_000.0


class _JumpingSelector(selectors.EpollSelector):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.each_turn = lambda: None

    def select(self, timeout=None):
        self.each_turn()
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("nothing will ever happen again: the code under test waits for ever")
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-6

    def time(self):
        return self._jumping.now

    def at_each_turn(self, do):
        """Let `do` see every instant between two steps of whatever runs."""
        self._jumping.each_turn = do


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


async def inline(function):
    """Run what blocks at once: on virtual time nothing may happen beside it."""
    return function()
