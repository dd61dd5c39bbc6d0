"""What machines ask: does the daemon live (`/healthz`), is it ready (`/readyz`), its figures (`/metrics`)."""

import asyncio
import sqlite3
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from state.database import DatabaseError, StateMissing
from syncd.app import App
from syncd.figures import present_readings, stored_readings
from syncd.logs import get_logger
from syncd.metrics import measures
from syncd.metrics.counting import Metrics
from syncd.metrics.exposition import exposition
from syncd.metrics.measures import Reading
from syncd.vitals import Vitals

YOUNGEST_SECONDS = 5.0
OLDEST_SECONDS = 60.0
SHARE_OF_TIME = 20
"""So many times the time that a reading takes passes before the next: 5 % of one processor at most."""
_UNSEEN = {"Cache-Control": "no-store"}


def health_routes(vitals: Vitals, metrics: Metrics) -> list[Route]:
    """Give the routes. None of them tells a secret or a SKU."""
    stored = StoredReadings()

    async def healthz(_: Request) -> Response:
        return _told(vitals.troubles(), "healthy", "failing")

    async def readyz(_: Request) -> Response:
        return _told(vitals.unready(), "ready", "not ready")

    async def figures(request: Request) -> Response:
        readings: list[Reading] = []
        if vitals.app is not None:
            readings = [*present_readings(vitals.app), *await stored.of(vitals.app)]
        accept = request.headers.get("accept", "")
        text, content_type = await asyncio.to_thread(exposition, metrics.registry, readings, accept)
        return Response(text, headers=_UNSEEN | {"Content-Type": content_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", figures)]


def _told(reasons: Sequence[str], well: str, unwell: str) -> Response:
    if not reasons:
        return JSONResponse({"status": well}, headers=_UNSEEN)
    return JSONResponse({"status": unwell, "reasons": list(reasons)}, status_code=503, headers=_UNSEEN)


class StoredReadings:
    """What follows from the state database, read in a thread and kept for some seconds for all who ask."""

    def __init__(self) -> None:
        """Nothing is read before somebody asks."""
        self._app: App | None = None
        self._reading: asyncio.Task[list[Reading]] | None = None
        self._fresh_until = 0.0
        self._trouble = ""

    async def of(self, app: App) -> list[Reading]:
        """Give the readings; those who ask at once wait for the same."""
        clock = app.world.clock
        if self._reading is None or self._app is not app or self._is_over(clock.monotonic()):
            self._app = app
            self._reading = asyncio.ensure_future(self._read(app))
        return await asyncio.shield(self._reading)

    def _is_over(self, now: float) -> bool:
        return self._reading is not None and self._reading.done() and now >= self._fresh_until

    async def _read(self, app: App) -> list[Reading]:
        clock, path = app.world.clock, app.database.path
        began, now = clock.monotonic(), clock.now()
        try:
            found = await app.world.blocking(lambda: stored_readings(app.config, path, now))
        except (DatabaseError, StateMissing, sqlite3.Error, OSError) as trouble:
            found = [Reading(measures.READABLE, (), 0.0)]
            self._note(type(trouble).__name__)
        else:
            found.append(Reading(measures.READABLE, (), 1.0))
            self._note("")
        took = clock.monotonic() - began
        kept = min(max(YOUNGEST_SECONDS, SHARE_OF_TIME * took), OLDEST_SECONDS)
        self._fresh_until = clock.monotonic() + kept
        return found

    def _note(self, trouble: str) -> None:
        """Tell of a trouble when it begins."""
        if trouble and trouble != self._trouble:
            get_logger("metrics").warning("figures_unreadable", reason=trouble)
        self._trouble = trouble
