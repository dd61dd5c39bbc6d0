"""The daemon: what runs for months, from the first look at the sources to the last settled row."""

import asyncio
import signal
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from state.database import DatabaseError
from state.housekeeping import forget_old, forget_old_imports, optimize
from syncd import __version__
from syncd.app import App, World, open_app
from syncd.config.model import Config, DropSource
from syncd.control import ControlServer, socket_path
from syncd.feeds import Feed
from syncd.logs import get_logger
from syncd.operations import Operations
from syncd.reconciling import StaleSource, require_fresh
from syncd.scheduler import Schedule
from syncd.watching import folder_hints

FINISH_SECONDS = 30.0
MARK_EVERY_SECONDS = 60.0
KEEP_HISTORY = timedelta(days=30)
HOUSEKEEPING_AT = "04:20"


async def run_daemon(config: Config, world: World, environ: Mapping[str, str]) -> None:
    """Run until told to stop by SIGTERM or SIGINT; a second signal ends it at once.

    What is in flight is finished within a bound; what is not is pushed again after the next start.
    """
    app = await open_app(config, world)
    daemon = Daemon(app, environ)
    try:
        await daemon.run()
    finally:
        await app.aclose()


class Daemon:
    """Runs an app: feeds by schedule and by hint, a lane for each channel, the control socket."""

    def __init__(self, app: App, environ: Mapping[str, str]) -> None:
        """Run `app`."""
        self._app = app
        self._log = get_logger("daemon")
        self._stop = asyncio.Event()
        self._signals = 0
        self._fault: BaseException | None = None
        self._schedule = Schedule(app.world.clock)
        path = socket_path(app.database.path, environ.get("RUNTIME_DIRECTORY"))
        self._control = ControlServer(path, Operations(app, daemon=True).handle)
        self._lanes = [asyncio.create_task(lane.run()) for lane in app.lanes.values()]
        self._others: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run until stopped; raise what ended a lane, if anything did."""
        self._listen_to_signals()
        await self._control.start()
        self._app.database.announce(str(self._control.path))
        self._plan_looks()
        self._schedule.start()
        self._others = [asyncio.create_task(self._follow_hints()), asyncio.create_task(self._first_look())]
        self._log.info(
            "daemon_started",
            version=__version__,
            channels=len(self._app.lanes),
            sources=len(self._app.feeds),
        )
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopping, *self._lanes, *self._others], return_when=asyncio.FIRST_COMPLETED)
        while not self._stop.is_set() and not self._first_fault():
            await asyncio.wait([stopping, *self._running()], return_when=asyncio.FIRST_COMPLETED)
        fault = self._first_fault()
        await self._finish(stopping)
        if fault is not None:
            raise fault

    def _running(self) -> list[asyncio.Task[None]]:
        return [task for task in (*self._lanes, *self._others) if not task.done()]

    def _first_fault(self) -> BaseException | None:
        for task in (*self._lanes, *self._others):
            if task.done() and not task.cancelled() and task.exception() is not None:
                return task.exception()
        return self._fault

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, signal.Signals(number).name)

    def _signalled(self, name: str) -> None:
        self._signals += 1
        self._log.info("daemon_stopping", signal=name)
        self._stop.set()
        for lane in self._app.lanes.values():
            lane.stop()
        if self._signals > 1:
            for task in self._lanes:
                task.cancel()

    async def _finish(self, stopping: "asyncio.Task[bool]") -> None:
        """Take nothing more; let the lanes finish what is in flight, within a bound."""
        self._schedule.stop()
        await self._control.stop()
        for lane in self._app.lanes.values():
            lane.stop()
        for task in (stopping, *self._others):
            task.cancel()
        if self._lanes:
            _, late = await asyncio.wait(self._lanes, timeout=FINISH_SECONDS)
            for task in late:
                task.cancel()
        await asyncio.gather(stopping, *self._others, *self._lanes, return_exceptions=True)
        self._log.info("daemon_stopped")

    def _plan_looks(self) -> None:
        for name, feed in self._app.feeds.items():
            source = self._app.config.sources[name]
            seconds = source.scan if isinstance(source, DropSource) else source.poll
            self._schedule.every(seconds, partial(self._look, feed), f"look at {name}")
        self._schedule.every(MARK_EVERY_SECONDS, self._mark, "mark")
        self._schedule.at(HOUSEKEEPING_AT, self._keep_house, "housekeeping")
        if self._app.config.reconcile.full_at:
            self._schedule.at(self._app.config.reconcile.full_at, self._assert_all, "full reconcile")

    async def _first_look(self) -> None:
        """Take in what waited for the start."""
        await asyncio.gather(*(self._look(feed) for feed in self._app.feeds.values()))

    async def _look(self, feed: Feed) -> None:
        """Look at a source. A fault of ours costs this source only; one of the state database all."""
        try:
            await feed.look()
        except DatabaseError as fault:
            self._fault = fault
            self._stop.set()
        except Exception:  # noqa: BLE001 (whatever it is, the other sources go on)
            self._log.exception("look_failed", source=feed.terms.name)

    async def _follow_hints(self) -> None:
        """Look at once where something changed. A folder's file must settle, so look again then."""
        feeds: dict[Path, Feed] = {}
        settles: dict[Path, float] = {}
        for name, feed in self._app.feeds.items():
            source = self._app.config.sources[name]
            if isinstance(source, DropSource):
                feeds[source.path], settles[source.path] = feed, source.settle
            else:
                feeds[source.path.parent] = feed
        async with asyncio.TaskGroup() as looks:
            async for path in folder_hints(feeds, self._stop):
                looks.create_task(self._look_twice(feeds[path], settles.get(path)))

    async def _look_twice(self, feed: Feed, settle: float | None) -> None:
        await self._look(feed)
        if settle is not None:
            await asyncio.sleep(settle)
            await self._look(feed)

    async def _assert_all(self) -> None:
        names = list(self._app.lanes)
        try:
            require_fresh(self._app, names, stale_ok=False)
        except StaleSource as stale:
            self._log.error("full_reconcile_refused", reason=str(stale))
            return
        self._log.info("full_reconcile_started", channels=len(names))
        await self._app.assert_anew(names)

    async def _mark(self) -> None:
        if not self._app.database.rewound:  # an older copy that has not caught up must be noticed again
            self._app.database.mark()

    async def _keep_house(self) -> None:
        before = self._app.world.clock.now() - int(KEEP_HISTORY.total_seconds() * 1000)
        pushes = 0
        for count in forget_old(self._app.database, before):
            pushes += count
            await asyncio.sleep(0)
        imports = forget_old_imports(self._app.database, before)
        optimize(self._app.database)
        self._log.info("history_pruned", pushes=pushes, imports=imports)
