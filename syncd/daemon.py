"""The daemon: what runs for months, from the first look at the sources to the last settled row."""

import asyncio
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from state.database import DatabaseError
from syncd import __version__
from syncd.app import App, World, open_app
from syncd.config.model import Config, DropSource
from syncd.control import ControlServer, socket_path
from syncd.feeds import Feed
from syncd.housekeeping import Housekeeping
from syncd.logs import get_logger
from syncd.operations import Operations
from syncd.reconciling import StaleSource, require_fresh
from syncd.scheduler import Schedule, Work
from syncd.state_trouble import state_trouble
from syncd.watching import folder_hints

FINISH_SECONDS = 30.0
MARK_EVERY_SECONDS = 60.0
HOUSEKEEPING_AT = "04:20"
WATCH_ROOM_SECONDS = 60.0
PULSE_SECONDS = 1.0
STANDSTILL_SECONDS = 5.0
LONGEST_LOOK_FIRST_SECONDS = 60.0


@contextmanager
def _in_words(path: Path, *, opening: bool) -> Iterator[None]:
    """Let what is wrong with the state database be told in one line."""
    try:
        yield
    except (DatabaseError, sqlite3.Error, OSError) as error:
        trouble = state_trouble(error, path, opening=opening)
        if trouble is None:
            raise
        get_logger("daemon").error("state_unusable", reason=str(trouble))
        raise trouble from None


async def run_daemon(config: Config, world: World, environ: Mapping[str, str]) -> None:
    """Run until told to stop by SIGTERM or SIGINT; a second signal ends it at once.

    What is in flight is finished within a bound; what is not is pushed again after the next start. Raises
    `StateUnusable` where the state database cannot be used (any more).
    """
    path = world.state or config.state.path
    with _in_words(path, opening=True):
        app = await _open(config, world)
    if app is None:
        return
    with _in_words(path, opening=False):
        try:
            await Daemon(app, environ).run()
        finally:
            await app.aclose()


async def _open(config: Config, world: World) -> App | None:
    """Open the app, which may take a while; None where it was told to stop meanwhile."""
    stopped: list[str] = []
    opening = asyncio.create_task(open_app(config, world))

    def stop(name: str) -> None:
        get_logger("daemon").info("daemon_stopping", signal=name)
        stopped.append(name)
        opening.cancel()

    _on_stop_signals(stop)
    with suppress(asyncio.CancelledError):
        app = await opening
        if not stopped:
            return app
        await app.aclose()
    if not stopped:
        raise asyncio.CancelledError
    get_logger("daemon").info("daemon_stopped")
    return None


def _on_stop_signals(react: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, react, number.name)


class Daemon:
    """Runs an app: feeds by schedule and by hint, a lane for each channel, the control socket."""

    def __init__(self, app: App, environ: Mapping[str, str]) -> None:
        """Run `app`."""
        self._app = app
        self._log = get_logger("daemon")
        self._stop = asyncio.Event()
        self._signals = 0
        self._fault: BaseException | None = None
        self._failed_looks: dict[str, str] = {}
        self._schedule = Schedule(app.world.clock, self._unharmed(app.mind_the_clock))
        path = socket_path(app.database.path, environ.get("RUNTIME_DIRECTORY"))
        self._control = ControlServer(path, Operations(app, daemon=True).handle)
        self._house = Housekeeping(app)
        self._lanes = [asyncio.create_task(lane.run()) for lane in app.lanes.values()]
        self._others: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run until stopped; raise what ended a lane, if anything did."""
        _on_stop_signals(self._signalled)
        await self._control.start()
        self._app.database.announce(str(self._control.path))
        self._plan_looks()
        self._schedule.start()
        self._others = [
            asyncio.create_task(work)
            for work in (self._follow_hints(), self._first_look(), self._notice_standstills())
        ]
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
        self._stop.set()
        await self._schedule.stop()
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
            self._schedule.every(seconds, self._unharmed(partial(self._look, feed)), f"look at {name}")
        self._schedule.every(MARK_EVERY_SECONDS, self._unharmed(self._mark), "mark")
        self._schedule.at(HOUSEKEEPING_AT, self._unharmed(self._house.keep), "housekeeping")
        self._schedule.every(WATCH_ROOM_SECONDS, self._unharmed(self._house.watch_room), "room")
        if self._app.config.reconcile.full_at:
            assert_all = self._unharmed(self._assert_all)
            self._schedule.at(self._app.config.reconcile.full_at, assert_all, "full reconcile")

    def _unharmed(self, work: Work) -> Work:
        """Keep from the scheduler what ends planned work: it would write a traceback and go on."""

        async def unharmed() -> None:
            try:
                await work()
            except DatabaseError as fault:
                self._fail(fault)
            except asyncio.CancelledError:
                if not self._stop.is_set():
                    raise

        return unharmed

    def _fail(self, fault: DatabaseError) -> None:
        """End all: without the state nothing may be sent."""
        self._fault = self._fault or fault
        self._stop.set()

    async def _first_look(self) -> None:
        """Take in what waited for the start; then do what housekeeping was missed while nothing ran."""
        await self._unharmed(self._house.watch_room)()
        await asyncio.gather(*(self._look(feed) for feed in self._app.feeds.values()))
        await self._unharmed(self._house.keep_if_missed)()

    async def _look(self, feed: Feed) -> None:
        """Look at a source. A fault of ours costs this source only; one of the state database all."""
        name = feed.terms.name
        try:
            await feed.look()
        except DatabaseError as fault:
            self._fail(fault)
        except Exception as fault:  # noqa: BLE001 (whatever it is, the other sources go on)
            if self._failed_looks.get(name) != repr(fault):  # looks come every few seconds
                self._failed_looks[name] = repr(fault)
                self._log.exception("look_failed", source=name)
        else:
            self._failed_looks.pop(name, None)

    async def _notice_standstills(self) -> None:
        """Notice that all stood still (stopped, suspended), and look before anything more is pushed."""
        clock = self._app.world.clock
        while True:
            before = clock.monotonic(), clock.wall()
            await asyncio.sleep(PULSE_SECONDS)
            seconds = max(clock.monotonic() - before[0], clock.wall() - before[1])
            if seconds > STANDSTILL_SECONDS:
                self._log.warning("daemon_stood_still", seconds=round(seconds, 1))
                await self._look_first()

    async def _look_first(self) -> None:
        """Look at all sources, pushing nothing meanwhile: what they said last may be long out of date."""
        clock = self._app.world.clock
        until = clock.monotonic() + LONGEST_LOOK_FIRST_SECONDS
        looks = asyncio.gather(
            *(self._look_twice(feed, self._settle_seconds(name)) for name, feed in self._app.feeds.items())
        )
        try:
            while not looks.done() and clock.monotonic() < until:
                for lane in self._app.lanes.values():
                    lane.pacer.pause(clock.monotonic() + 2 * PULSE_SECONDS)
                await asyncio.wait([looks], timeout=PULSE_SECONDS)
            await looks
        finally:
            looks.cancel()

    def _settle_seconds(self, name: str) -> float | None:
        source = self._app.config.sources[name]
        return source.settle if isinstance(source, DropSource) else None

    async def _follow_hints(self) -> None:
        """Look at once where something changed. A folder's file must settle, so look again then."""
        feeds: dict[Path, Feed] = {}
        for name, feed in self._app.feeds.items():
            source = self._app.config.sources[name]
            feeds[source.path if isinstance(source, DropSource) else source.path.parent] = feed
        async with asyncio.TaskGroup() as looks:
            async for path in folder_hints(feeds, self._stop):
                feed = feeds[path]
                looks.create_task(self._look_twice(feed, self._settle_seconds(feed.terms.name)))

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
        with suppress(OSError):  # a full disk: the next intent says so, and what is committed needs no mark
            self._app.database.mark()
