"""The daemon: what runs for months. One process, one open state; a generation for each configuration."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from state.database import DatabaseError
from syncd import __version__
from syncd.app import App, Connectors, World, open_app, remake_app
from syncd.config.model import Config
from syncd.control import ControlServer, Tell, socket_path
from syncd.core.progress import Progress
from syncd.errors import ConfigError
from syncd.generation import Generation
from syncd.logs import get_logger
from syncd.notify import Notifier
from syncd.operations import Operations
from syncd.pulse import Pulse
from syncd.reloading import (
    ConfigurationReloaded,
    Load,
    load_successor,
    note_accepted,
    note_refused,
)
from syncd.signals import Signals
from syncd.state_trouble import state_trouble
from syncd.web.health import health_routes
from syncd.web.server import WebServer

LONGEST_MIGRATION_SECONDS = 1800.0
OPENING_STEP_SECONDS = 10.0
OPENING_PATIENCE_SECONDS = 300.0
EXTENSION_SECONDS = 60.0


@contextmanager
def _in_words(path: Path, notifier: Notifier, *, opening: bool) -> Iterator[None]:
    """Let what is wrong with the state database be told in one line."""
    try:
        yield
    except (DatabaseError, sqlite3.Error, OSError) as error:
        trouble = state_trouble(error, path, opening=opening)
        if trouble is None:
            raise
        get_logger("daemon").error("state_unusable", reason=str(trouble))
        notifier.status(f"ended: {trouble}")
        raise trouble from None


async def run_daemon(
    config: Config,
    world: World,
    load: Load,
    *,
    signals: Signals,
    notifier: Notifier,
    runtime_directory: str | None = None,
) -> None:
    """Run until told to stop by SIGTERM or SIGINT; a second signal ends it at once.

    What is in flight is finished within a bound; what is not is pushed again after the next start. `load`
    reads the configuration anew, when SIGHUP or a person asks for it. Raises `StateUnusable` where the state
    database cannot be used (any more).
    """
    path = world.state or config.state.path
    with _in_words(path, notifier, opening=True):
        app = await _open(config, world, signals, notifier)
    if app is None:
        return
    world.metrics.watch_process()
    with _in_words(path, notifier, opening=False):
        try:
            await Daemon(app, load, signals, notifier, socket_path(path, runtime_directory)).run()
        finally:
            await app.aclose()


async def _open(config: Config, world: World, signals: Signals, notifier: Notifier) -> App | None:
    """Open the app, which may take a while; None where it was told to stop meanwhile."""
    stopped: list[str] = []
    progress = Progress()
    notifier.extend(LONGEST_MIGRATION_SECONDS)  # bringing the schema up to date says nothing in between
    notifier.status("opening the state database")
    opening = asyncio.create_task(open_app(config, world, progress))
    allowing = asyncio.create_task(_allow_time(world, progress, notifier))

    def stop(name: str) -> None:
        get_logger("daemon").info("daemon_stopping", signal=name)
        notifier.stopping()
        stopped.append(name)
        opening.cancel()

    signals.listen(stop)
    try:
        with suppress(asyncio.CancelledError):
            app = await opening
            if not stopped:
                return app
            await app.aclose()
    finally:
        allowing.cancel()
    if not stopped:
        raise asyncio.CancelledError
    get_logger("daemon").info("daemon_stopped")
    return None


async def _allow_time(world: World, progress: Progress, notifier: Notifier) -> None:
    """Ask for more time to start as long as it makes headway: an archive may be long."""
    while not progress.standstills(world.clock.monotonic(), OPENING_PATIENCE_SECONDS):
        await asyncio.sleep(OPENING_STEP_SECONDS)
        notifier.extend(EXTENSION_SECONDS)
        notifier.status("reading what sources said before")


class Daemon:
    """Serves one open state: lets generations run on it, answers the control socket, ends in order."""

    def __init__(
        self, app: App, load: Load, signals: Signals, notifier: Notifier, control_socket: Path
    ) -> None:
        """Run `app`; `load` reads the configuration anew."""
        self._app = app
        self._load = load
        self._signals = signals
        self._notifier = notifier
        self._log = get_logger("daemon")
        self._stop = asyncio.Event()
        self._stop_signals = 0
        self._fault: BaseException | None = None
        self._operations = Operations(app, daemon=True)
        self._control = ControlServer(control_socket, self.handle)
        self._web = WebServer(self._present, self.handle, health_routes(self._present))
        self._generation = Generation(app, self._fail)
        self._runs = asyncio.Event()
        self._reload: asyncio.Task[dict[str, Any]] | None = None

    async def run(self) -> None:
        """Run until stopped; raise what ended a part of it, if anything did."""
        self._signals.listen(self._signalled)
        await self._control.start()
        self._app.database.announce(str(self._control.path))
        note_accepted(self._app)
        self._generation.start()
        self._runs.set()
        self._log.info("daemon_started", version=__version__, **self._counts())
        self._notifier.ready()
        pulse = Pulse(self._app, self._notifier, self._look_first_soon)
        beating = self._watched(pulse.run())
        works = (pulse.tell_status(), self._follow_hangups(), self._web.run())
        others = [self._watched(work) for work in works]
        await self._stop.wait()
        await self._finish(others)
        beating.cancel()
        if self._fault is not None:
            raise self._fault

    async def handle(
        self,
        verb: str,
        parameters: dict[str, Any],
        tell: Tell,
        actor: str,
        told: Callable[[int], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Do what `actor` asks for, by the configuration in force; `told` gets its number in the trail."""
        if verb == "reload":
            return await self.reload()
        await self._runs.wait()
        generation = self._generation
        work = asyncio.create_task(
            generation.do(self._operations.handle(verb, parameters, tell, actor, told))
        )
        ending = asyncio.create_task(generation.ending.wait())
        try:
            if verb == "reconcile":  # it may take hours, and a stop or a reload must not
                await asyncio.wait((work, ending), return_when=asyncio.FIRST_COMPLETED)
            if work.done() or verb != "reconcile" or self._stop.is_set():
                return await work
        finally:
            ending.cancel()
            work.cancel()
        raise ConfigurationReloaded(
            "the configuration was reloaded meanwhile: what is due stays due, and is pushed by the new one;"
            " run the command again to follow that"
        )

    async def reload(self) -> dict[str, Any]:
        """Read the configuration anew and take it over; tell what came of it.

        Who asks while another reads waits for that one, and then reads again: the file may have changed.
        """
        while self._reload is not None and not self._reload.done():
            await asyncio.wait([self._reload])
        if self._stop.is_set():
            raise asyncio.CancelledError
        self._reload = self._watched(self._take_over())
        return await asyncio.shield(self._reload)

    async def _take_over(self) -> dict[str, Any]:
        self._notifier.reloading()
        try:
            successor = await load_successor(self._app, self._load)
            changed = successor.config != self._app.config
            if successor.connectors is not None:
                await self._swap(successor.config, successor.connectors)
            self._app.config = successor.config
        except ConfigError as error:
            note_refused(self._app, error)
            return {"problems": [str(problem) for problem in error.problems]}
        else:
            note_accepted(self._app)
            self._app.metrics.configuration_taken(self._app.world.clock.wall())
            self._web.reload()
            event = "configuration_reloaded" if changed else "configuration_unchanged"
            self._log.info(event, **self._counts())
            return {"problems": [], "changed": changed}
        finally:
            if not self._stop.is_set():
                self._notifier.ready()

    async def _swap(self, config: Config, connectors: Connectors) -> None:
        """End what runs by the old configuration, then let the new one run on the same open state."""
        self._runs.clear()
        try:
            await self._generation.finish_looks()
            await self._generation.finish()
            await remake_app(self._app, config, connectors)
        except BaseException:
            await connectors.aclose()
            raise
        self._generation = Generation(self._app, self._fail)
        self._generation.start()
        self._runs.set()

    async def _follow_hangups(self) -> None:
        while True:
            await self._signals.hangup.wait()
            self._signals.hangup.clear()
            await self.reload()

    def _watched(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fail(fault)

    def _fail(self, fault: BaseException) -> None:
        """End all: without the state, or without one of its parts, syncd would only seem to work."""
        self._fault = self._fault or fault
        self._stop.set()

    def _signalled(self, name: str) -> None:
        self._stop_signals += 1
        self._log.info("daemon_stopping", signal=name)
        self._stop.set()
        self._generation.begin_to_end()
        if self._stop_signals > 1:
            self._generation.cut_off()

    async def _finish(self, others: "list[asyncio.Task[Any]]") -> None:
        """Take nothing more; let the lanes finish what is in flight, within a bound."""
        self._app.vitals.stopping = True
        self._notifier.stopping()
        told = "stopping" if self._fault is None else f"ended by a fault: {type(self._fault).__name__}"
        self._notifier.status(told)
        for task in (*others, self._reload):
            if task is not None:
                task.cancel()
        await asyncio.gather(*others, *filter(None, [self._reload]), return_exceptions=True)
        await self._control.stop()
        await self._generation.finish()
        self._log.info("daemon_stopped")

    def _present(self) -> App:
        return self._app

    def _look_first_soon(self) -> None:
        self._generation.look_first_soon()

    def _counts(self) -> dict[str, int]:
        return {"channels": len(self._app.lanes), "sources": len(self._app.feeds)}
