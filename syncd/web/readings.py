"""What pages show of the state: read in a thread of its own, and shared by all who look at once."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from state.database import Reader

T = TypeVar("T")

LEAST_SECONDS = 2.0
TIMES_ITS_COST = 5
"""A reading that takes long is made less often: its cost so many times over passes first."""
MOST_KEPT = 64


@dataclass(slots=True)
class _Reading:
    answer: "asyncio.Future[Any]"
    good_until: float | None = None
    """None = still being read."""


class Readings:
    """Reads the state for pages, beside the daemon's own connections; ten open pages cost what one does."""

    def __init__(self, path: Callable[[], Path], now: Callable[[], float]) -> None:
        """`path` of the state database at present; `now` in seconds, never going back."""
        self._path = path
        self._now = now
        self._reader: tuple[Path, Reader] | None = None
        self._kept: dict[Hashable, _Reading] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page")

    async def of(self, key: Hashable, read: Callable[[Reader], T], least_seconds: float = LEAST_SECONDS) -> T:
        """Give what `read` finds, or found a moment ago for the same `key`."""
        kept = self._kept.get(key)
        if kept is None or (kept.good_until is not None and self._now() >= kept.good_until):
            kept = self._begin(key, read, least_seconds)
        return cast(T, await asyncio.shield(kept.answer))

    def _begin(self, key: Hashable, read: Callable[[Reader], T], least_seconds: float) -> _Reading:
        now = self._now()
        for old in [one for one, past in self._kept.items() if past.good_until and now >= past.good_until]:
            del self._kept[old]
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        loop = asyncio.get_running_loop()
        reading = _Reading(loop.run_in_executor(self._thread, partial(self._read, read)))

        def done(answer: "asyncio.Future[Any]") -> None:
            took = self._now() - now
            reading.good_until = self._now() + max(least_seconds, TIMES_ITS_COST * took)
            if answer.cancelled() or answer.exception() is not None:
                reading.good_until = self._now()

        reading.answer.add_done_callback(done)
        self._kept[key] = reading
        return reading

    def _read(self, read: Callable[[Reader], T]) -> T:
        return read(self._open())

    def _open(self) -> Reader:
        path = self._path()
        if self._reader is not None and self._reader[0] != path:
            self._close_reader()
        if self._reader is None:
            self._reader = (path, Reader(path))
        return self._reader[1]

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def forget(self) -> None:
        """Read anew from now on: something was done."""
        self._kept.clear()

    def close(self) -> None:
        """End the thread, and what it has open."""
        self._thread.submit(self._close_reader)
        self._thread.shutdown(wait=False)
