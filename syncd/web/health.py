"""What machines ask: does the daemon live (`/healthz`), is it ready (`/readyz`), its figures (`/metrics`)."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from state.database import DatabaseError, StateMissing
from syncd.app import App
from syncd.config.model import Config
from syncd.figures import level_readings, present_readings, stored_readings
from syncd.metrics import measures
from syncd.metrics.exposition import exposition
from syncd.metrics.measures import Reading

YOUNGEST_SECONDS = 5.0
OLDEST_SECONDS = 60.0
SHARE_OF_TIME = 20
"""So many times the time that a reading takes passes before the next: 5 % of one processor at most."""
UNREADABLE = (DatabaseError, StateMissing, sqlite3.Error, OSError)
_UNSEEN = {"Cache-Control": "no-store"}


def health_routes(app: Callable[[], App]) -> list[Route]:
    """Give the routes; `app` is the present one. None of them tells a secret or a SKU."""
    stored, levels = StoredReadings(_read_standing), StoredReadings(_read_levels)

    async def healthz(_: Request) -> Response:
        return _told(app().vitals.troubles(), "healthy", "failing")

    async def readyz(_: Request) -> Response:
        return _told(app().vitals.unready(), "ready", "not ready")

    async def figures(request: Request) -> Response:
        present, accept = app(), request.headers.get("accept", "")
        found = await asyncio.gather(stored.of(present), levels.of(present))
        readings = [*present_readings(present), *chain.from_iterable(found)]
        text, content_type = await asyncio.to_thread(exposition, present.metrics.registry, readings, accept)
        return Response(text, headers=_UNSEEN | {"Content-Type": content_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", figures)]


def _told(reasons: Sequence[str], well: str, unwell: str) -> Response:
    if not reasons:
        return JSONResponse({"status": well}, headers=_UNSEEN)
    return JSONResponse({"status": unwell, "reasons": list(reasons)}, status_code=503, headers=_UNSEEN)


def _read_standing(app: App, now: int) -> list[Reading]:
    try:
        found = stored_readings(app.config, app.database.path, now)
    except UNREADABLE:
        return [Reading(measures.READABLE, (), 0.0)]
    return [*found, Reading(measures.READABLE, (), 1.0)]


def _read_levels(app: App, _now: int) -> list[Reading]:
    with suppress(*UNREADABLE):  # which the standing tells
        return level_readings(app.config, app.database.path)
    return []


class StoredReadings:
    """What follows from the state database, read in a thread and kept for some seconds for all who ask."""

    def __init__(self, read: Callable[[App, int], list[Reading]]) -> None:
        """`read` is given the app and the time (ms since the epoch). Nothing is read before somebody asks."""
        self._read = read
        self._of: Config | None = None
        self._reading: asyncio.Task[list[Reading]] | None = None
        self._fresh_until = 0.0

    async def of(self, app: App) -> list[Reading]:
        """Give the readings; those who ask at once wait for the same."""
        if self._reading is None or self._of is not app.config or self._is_over(app.world.clock.monotonic()):
            self._of = app.config
            self._reading = asyncio.ensure_future(self._read_anew(app))
        return await asyncio.shield(self._reading)

    def _is_over(self, now: float) -> bool:
        return self._reading is not None and self._reading.done() and now >= self._fresh_until

    async def _read_anew(self, app: App) -> list[Reading]:
        clock = app.world.clock
        began, now = clock.monotonic(), clock.now()
        found = await app.world.blocking(lambda: self._read(app, now))
        ended = clock.monotonic()
        self._fresh_until = ended + min(
            max(YOUNGEST_SECONDS, SHARE_OF_TIME * (ended - began)), OLDEST_SECONDS
        )
        return found
