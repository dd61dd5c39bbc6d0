"""The door to APScheduler: when something is done again. What is done knows nothing of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from syncd.clock import Clock

MIND_THE_CLOCK_SECONDS = 5.0

Work = Callable[[], Awaitable[object]]


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """Let pass what is a fault. Work that a stop cancels before it has begun would be told as one."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


class Schedule:
    """Runs work again and again; each kind one at a time, missed times at once and only once."""

    def __init__(self, clock: Clock, when_set: Work) -> None:
        """Make an empty schedule; `when_set` is done when the wall clock was set back or forth."""
        self._clock = clock
        self._when_set = when_set
        self._taking_over: asyncio.Task[object] | None = None
        self._intervals: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._runs = False
        logging.getLogger("apscheduler.executors.default").addFilter(_is_no_cancellation)
        self._scheduler = AsyncIOScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def every(self, seconds: float, work: Work, name: str) -> None:
        """Do `work` every so many seconds."""
        self._scheduler.add_job(work, IntervalTrigger(seconds=seconds), id=name)
        self._intervals[name] = seconds

    def at(self, when: str, work: Work, name: str) -> None:
        """Do `work` at a time of day (`03:30`) or as a cron expression says, in local time."""
        self._scheduler.add_job(work, trigger(when), id=name)

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._scheduler.start()
        self._runs = True
        self._mind_the_clock()

    async def stop(self) -> None:
        """Begin nothing more; finish taking over a new time, if that is under way. May be called again."""
        if self._timer is not None:
            self._timer.cancel()
        if self._runs:  # APScheduler shuts down a moment later, and takes no second word for it
            self._runs = False
            self._scheduler.shutdown(wait=False)
        if self._taking_over is not None:
            await asyncio.wait([self._taking_over])

    def _mind_the_clock(self) -> None:
        """Notice that the wall clock was set, and plan intervals anew where it was set back.

        APScheduler goes by the wall clock alone: their next time lies in a future now gone.
        """
        seconds = self._clock.follow()
        if seconds and not self._clock.is_taking_over:
            if seconds < 0:
                for name, every in self._intervals.items():
                    self._scheduler.reschedule_job(name, trigger=IntervalTrigger(seconds=every))
            self._taking_over = asyncio.ensure_future(self._when_set())
        self._timer = asyncio.get_running_loop().call_later(MIND_THE_CLOCK_SECONDS, self._mind_the_clock)


def trigger(when: str) -> CronTrigger:
    """Read a time of day or a cron expression; ValueError where it is neither."""
    if ":" in when:
        hour, minute = when.split(":")
        return CronTrigger(hour=int(hour), minute=int(minute))
    return CronTrigger.from_crontab(when)
