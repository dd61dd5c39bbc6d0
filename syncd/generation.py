"""A generation: what runs by one configuration, from its first look to its last settled row."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from state.database import DatabaseError
from syncd.alerts.alerting import Alerting
from syncd.app import App
from syncd.config.model import DropSource
from syncd.feeds import SILENT_SECONDS, Feed
from syncd.housekeeping import Housekeeping
from syncd.logs import get_logger, tell_withheld
from syncd.planner import Planner
from syncd.reconciling import StaleSource, require_fresh
from syncd.scheduler import Schedule, Work
from syncd.watching import folder_hints

T = TypeVar("T")
FINISH_SECONDS = 30.0
MARK_EVERY_SECONDS = 60.0
PLAN_EVERY_SECONDS = 5.0
HOUSEKEEPING_AT = "04:20"
WATCH_ROOM_SECONDS = 60.0
FIRST_LOOK_STEP_SECONDS = 1.0
LOOK_FIRST_STEP_SECONDS = 1.0
LONGEST_LOOK_FIRST_SECONDS = 60.0
SCHEDULE = "the schedule"


class Generation:
    """Runs an app: feeds by schedule and by hint, a lane for each channel. Used once."""

    def __init__(self, app: App, fail: Callable[[BaseException], None]) -> None:
        """Let the lanes run. `fail` is told what ends one of the parts: all must end then."""
        self._app = app
        self._fail = fail
        self._log = get_logger("daemon")
        self._stop = asyncio.Event()
        self._failed_looks: dict[str, str] = {}
        self._schedule = Schedule(app.world.clock, self._unharmed(app.mind_the_clock))
        self._house = Housekeeping(app)
        self._asked: set[asyncio.Future[Any]] = set()
        self._others: list[asyncio.Task[None]] = []
        self._looking_first: asyncio.Task[None] | None = None
        self.lanes = [self._watched(lane.run()) for lane in app.lanes.values()]
        self.ending = asyncio.Event()
        """Set as soon as nothing new is begun."""

    def start(self) -> None:
        """Begin to look at the sources, at once and then by schedule and hint."""
        self._plan()
        self._schedule.start()
        self._expect_mark()
        self._others = [
            self._watched(work)
            for work in (self._follow_hints(), self._first_look(), Alerting(self._app).run())
        ]

    def _watched(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fail(fault)

    async def do(self, work: Awaitable[T]) -> T:
        """Do what a person asked for; the generation ends only after it."""
        task = asyncio.ensure_future(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return await task

    def begin_to_end(self) -> None:
        """Begin nothing new: no look, no push. What is under way goes on."""
        self._begin_no_look()
        for lane in self._app.lanes.values():
            lane.stop()

    def _begin_no_look(self) -> None:
        self.ending.set()
        self._stop.set()

    async def finish_looks(self) -> None:
        """End the looks, and what people asked for; they have a bound to finish in. Lanes go on meanwhile.

        What does not answer is not waited for.
        """
        self._begin_no_look()
        feeds, planners = self._app.feeds.values(), self._app.planners.values()
        ends = [feed.idle() for feed in feeds if not feed.stands_still]
        ends += [planner.idle() for planner in planners]
        idle = [asyncio.ensure_future(end) for end in ends]
        try:
            if under_way := {*idle, *self._asked}:
                await asyncio.wait(under_way, timeout=FINISH_SECONDS)
            await self._cut_off_looks()
            await asyncio.gather(*(feed.idle() for feed in feeds), *(one.idle() for one in planners))
        finally:
            for waiting in idle:
                waiting.cancel()

    async def _cut_off_looks(self) -> None:
        await self._schedule.stop()
        self._app.progress.rest(SCHEDULE)
        for task in (*self._others, *self._asked):
            task.cancel()

    async def finish(self) -> None:
        """Cut off looks, and let lanes finish what is in flight, within a bound. May be called again."""
        self.begin_to_end()
        await self._cut_off_looks()
        if self.lanes:
            _, late = await asyncio.wait(self.lanes, timeout=FINISH_SECONDS)
            for task in late:
                task.cancel()
        await asyncio.gather(*self._others, *self._asked, *self.lanes, return_exceptions=True)

    def cut_off(self) -> None:
        """Wait for no answer any more: what is in flight is pushed again after the next start."""
        for lane in self.lanes:
            lane.cancel()

    def _plan(self) -> None:
        config = self._app.config
        for name, feed in self._app.feeds.items():
            source = config.sources[name]
            seconds = source.scan if isinstance(source, DropSource) else source.poll
            self._schedule.every(seconds, self._unharmed(partial(self.look, feed)), f"look at {name}")
        for name, planner in self._app.planners.items():
            if planner.reads_files:
                look = self._unharmed(partial(self._look_at_plan, name, planner))
                self._schedule.every(PLAN_EVERY_SECONDS, look, f"plan of {name}")
        self._schedule.every(MARK_EVERY_SECONDS, self._unharmed(self._mark), "mark")
        self._schedule.at(HOUSEKEEPING_AT, self._unharmed(self._house.keep), "housekeeping")
        self._schedule.every(WATCH_ROOM_SECONDS, self._unharmed(self._house.watch_room), "room")
        if config.reconcile.full_at:
            self._schedule.at(config.reconcile.full_at, self._unharmed(self._assert_all), "full reconcile")

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

    async def _first_look(self) -> None:
        """Take in what waited for the start; then do what housekeeping was missed while nothing ran.

        A source that does not answer is not waited for.
        """
        await self._unharmed(self._house.watch_room)()
        looks = {feed.mover: asyncio.ensure_future(self.look(feed)) for feed in self._app.feeds.values()}
        try:
            while not self._are_silent([name for name, look in looks.items() if not look.done()]):
                await asyncio.wait(looks.values(), timeout=FIRST_LOOK_STEP_SECONDS)
            self._app.vitals.looked = True
            await self._unharmed(self._house.keep_if_missed)()
            await asyncio.gather(*looks.values())
        finally:
            for look in looks.values():
                look.cancel()

    def _are_silent(self, sources: Iterable[str]) -> bool:
        now = self._app.world.clock.monotonic()
        return all(self._app.progress.silence(name, now) > SILENT_SECONDS for name in sources)

    async def look(self, feed: Feed) -> None:
        """Look at a source. A fault of ours costs this source only; one of the state database all."""
        name = feed.terms.name
        if self._stop.is_set():
            return
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

    async def _look_at_plan(self, name: str, planner: Planner) -> None:
        """Look whether files of a plan were edited. A fault of ours costs this channel's edits only."""
        if self._stop.is_set():
            return
        try:
            if await planner.look() is not None:
                await self._app.tell_shares()
        except DatabaseError:
            raise
        except Exception as fault:  # noqa: BLE001 (whatever it is, the plan in force goes on)
            if self._failed_looks.get(planner.source_name) != repr(fault):
                self._failed_looks[planner.source_name] = repr(fault)
                self._log.exception("plan_failed", channel=name)
        else:
            self._failed_looks.pop(planner.source_name, None)

    def look_first_soon(self) -> None:
        """Look at all sources before anything more is pushed, unless that is under way or all ends."""
        if not self._stop.is_set() and (self._looking_first is None or self._looking_first.done()):
            self._looking_first = self._watched(self._look_first())
            self._others.append(self._looking_first)

    async def _look_first(self) -> None:
        """Look at all sources, pushing nothing meanwhile: what they said last may be long out of date."""
        clock = self._app.world.clock
        until = clock.monotonic() + LONGEST_LOOK_FIRST_SECONDS
        looks = asyncio.gather(
            *(self._look_twice(feed, self._settle_seconds(name)) for name, feed in self._app.feeds.items())
        )
        try:
            while not looks.done() and clock.monotonic() < until and not self._stop.is_set():
                for lane in self._app.lanes.values():
                    lane.pacer.pause(clock.monotonic() + 2 * LOOK_FIRST_STEP_SECONDS)
                await asyncio.wait([looks], timeout=LOOK_FIRST_STEP_SECONDS)
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
                if not feed.stands_still:
                    looks.create_task(self._look_twice(feed, self._settle_seconds(feed.terms.name)))

    async def _look_twice(self, feed: Feed, settle: float | None) -> None:
        await self.look(feed)
        if settle is not None:
            await asyncio.sleep(settle)
            await self.look(feed)

    async def _assert_all(self) -> None:
        names = list(self._app.lanes)
        try:
            require_fresh(self._app, names, stale_ok=False)
        except StaleSource as stale:
            self._log.error("full_reconcile_refused", reason=str(stale))
            return
        self._log.info("full_reconcile_started", channels=len(names))
        try:
            await self.do(self._app.assert_anew(names))
        except asyncio.CancelledError:
            self._log.warning(
                "full_reconcile_interrupted", reason="not every listing is asserted: the next one does"
            )
            raise

    async def _mark(self) -> None:
        self._expect_mark()
        tell_withheld()
        with suppress(OSError):  # a full disk: the next intent says so, and what is committed needs no mark
            self._app.database.mark()

    def _expect_mark(self) -> None:
        self._app.progress.expect(SCHEDULE, self._app.world.clock.monotonic(), MARK_EVERY_SECONDS)
