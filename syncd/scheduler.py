"""The door to APScheduler: when something is done again. What is done knows nothing of it."""

from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

Work = Callable[[], Awaitable[object]]


class Schedule:
    """Runs work again and again; each kind one at a time, missed times at once and only once."""

    def __init__(self) -> None:
        """Make an empty schedule."""
        self._scheduler = AsyncIOScheduler(
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )

    def every(self, seconds: float, work: Work, name: str) -> None:
        """Do `work` every so many seconds."""
        self._scheduler.add_job(work, IntervalTrigger(seconds=seconds), id=name)

    def at(self, when: str, work: Work, name: str) -> None:
        """Do `work` at a time of day (`03:30`) or as a cron expression says, in local time."""
        self._scheduler.add_job(work, trigger(when), id=name)

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._scheduler.shutdown(wait=False)


def trigger(when: str) -> CronTrigger:
    """Read a time of day or a cron expression; ValueError where it is neither."""
    if ":" in when:
        hour, minute = when.split(":")
        return CronTrigger(hour=int(hour), minute=int(minute))
    return CronTrigger.from_crontab(when)
