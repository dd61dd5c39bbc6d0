"""Housekeeping: what is old goes, in slices between which pushes go on; what a nearly full disk asks for."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from state.database import DatabaseError
from state.housekeeping import (
    forget_imports,
    forget_past_levels,
    forget_pushes,
    give_back,
    kept_at,
    note_kept,
    optimize,
    space_of,
)
from syncd.app import App
from syncd.errors import StateUnusableNow
from syncd.logs import get_logger
from syncd.state_trouble import state_trouble

DAY_MS = 24 * 3_600_000
LITTLE_ROOM_BYTES = 256 * 1024 * 1024
LITTLE_ROOM_SHARE = 20
"""Of a small disk, a twentieth is little."""
LONGEST_DELETING_SECONDS = 60.0
ENOUGH_FREE_BYTES = 16 * 1024 * 1024
"""So much free room inside the database lasts for a while, however full the disk is."""


class Disk(NamedTuple):
    """How large a disk is, how much of it is used and free, in bytes."""

    total: int
    used: int
    free: int


def little_room(total: int) -> int:
    """Tell how many free bytes are too few on a disk of `total` bytes."""
    return min(LITTLE_ROOM_BYTES, total // LITTLE_ROOM_SHARE)


class Housekeeping:
    """Keeps an app's database small and quick. A full or locked state it leaves to the next intent."""

    def __init__(self, app: App, disk_usage: Callable[[Path], Disk] | None = None) -> None:
        """Keep the house of `app`; `disk_usage` tells how full the disk of a folder is, in bytes."""
        self._disk_usage = disk_usage or (lambda folder: Disk(*shutil.disk_usage(folder)))
        self._app = app
        self._log = get_logger("housekeeping")
        self._busy = asyncio.Lock()
        self._made_room_at: int | None = None

    async def keep(self) -> None:
        """Prune the history and what was put away, give room back, let the planner learn."""
        if self._busy.locked():
            return
        async with self._busy:
            began = self._app.world.clock.monotonic()
            try:
                counts = await self._prune(int(self._app.config.history.keep * 1000))
                counts |= await self._tidy()
            except (DatabaseError, sqlite3.Error) as fault:
                self._bear(fault)
                return
            seconds = round(self._app.world.clock.monotonic() - began, 1)
            self._log.info(
                "history_pruned",
                attempts=counts["attempts"],
                levels=counts["levels"],
                imports=counts["imports"],
                files=counts["files"],
                given_bytes=counts["given_bytes"],
                state_bytes=counts["state_bytes"],
                seconds=seconds,
            )

    async def keep_if_missed(self) -> None:
        """Do it now if a day has passed without; a new database has nothing to prune."""
        now, last = self._app.world.clock.now(), kept_at(self._app.database)
        if last is None:
            note_kept(self._app.database, now)
        elif not 0 <= now - last <= DAY_MS:
            await self.keep()

    async def watch_room(self) -> None:
        """Let history not fill the last of the disk: past levels are not written then, and the oldest goes.

        Attempts are written as long as it is possible at all: without them nothing may be sent. A disk that
        does not say how full it is changes nothing.
        """
        try:
            disk = self._disk_usage(self._app.database.path.parent)
        except OSError:
            return
        book = self._app.book
        if disk.free >= little_room(disk.total):
            if not book.keep_past and disk.free >= 2 * little_room(disk.total):
                book.keep_past, self._made_room_at = True, None
                self._log.info("history_resumed", free_bytes=disk.free)
            return
        if book.keep_past:
            book.keep_past = False
            self._log.warning(
                "history_paused",
                free_bytes=disk.free,
                reason="the disk is nearly full: make room; until then no change of stock is remembered",
            )
        await self._make_room()

    async def _make_room(self) -> None:
        """Halve the time that is kept until enough is free inside the database, or a day is left."""
        now, keep = self._app.world.clock.now(), int(self._app.config.history.keep * 1000)
        if self._busy.locked() or (self._made_room_at is not None and now - self._made_room_at < DAY_MS):
            return
        self._made_room_at = now
        async with self._busy:
            try:
                pruned = await self._shorten(keep)
            except (DatabaseError, sqlite3.Error) as fault:
                self._bear(fault)
                return
            if pruned:
                self._log.warning(
                    "history_shortened",
                    attempts=pruned["attempts"],
                    levels=pruned["levels"],
                    imports=pruned["imports"],
                    kept_seconds=pruned["kept_seconds"],
                )

    async def _shorten(self, keep: int) -> dict[str, int]:
        """Forget more and more; tell how much, and what time is left. Nothing where enough is free."""
        pruned: Counter[str] = Counter()
        while space_of(self._app.database).free < ENOUGH_FREE_BYTES and keep > DAY_MS:
            keep = max(keep // 2, DAY_MS)
            pruned.update(await self._prune(keep))
        return {**pruned, "kept_seconds": keep // 1000} if any(pruned.values()) else {}

    async def _prune(self, keep: int) -> dict[str, int]:
        """Forget what is older than `keep` (ms), or is more than may be kept."""
        database, most = self._app.database, self._app.config.history.max_rows
        before = self._app.world.clock.now() - keep
        return {
            "attempts": await self._in_slices(forget_pushes(database, before, most)),
            "levels": await self._in_slices(forget_past_levels(database, before, most)),
            "imports": await self._in_slices(forget_imports(database, before)),
        }

    async def _tidy(self) -> dict[str, int]:
        database = self._app.database
        optimize(database)
        await asyncio.sleep(0)
        given = await self._in_slices(give_back(database))
        database.truncate_wal()
        files = 0
        for feed in self._app.feeds.values():
            with suppress(TimeoutError):  # a folder that does not answer; the rest goes another day
                files += await asyncio.wait_for(feed.delete_old(), LONGEST_DELETING_SECONDS)
        note_kept(database, self._app.world.clock.now())
        return {"given_bytes": given, "files": files, "state_bytes": space_of(database).total}

    async def _in_slices(self, slices: Iterable[int]) -> int:
        """Do it slice by slice, and leave to others as much time as it takes; return the sum."""
        clock = self._app.world.clock
        total = 0
        for done, seconds in _timed(slices, clock.monotonic):
            total += done
            await asyncio.sleep(seconds)
        return total

    def _bear(self, fault: Exception) -> None:
        """Tell of a full or locked state and leave it be; raise any other fault."""
        trouble = state_trouble(fault, self._app.database.path, opening=False)
        if not isinstance(trouble, StateUnusableNow):
            raise fault
        self._log.warning("housekeeping_failed", reason=str(trouble))


def _timed(slices: Iterable[int], monotonic: Callable[[], float]) -> Iterator[tuple[int, float]]:
    began = monotonic()
    for done in slices:
        yield done, monotonic() - began
        began = monotonic()
