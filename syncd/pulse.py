"""The pulse: whether all moves that should. It alone feeds the service manager's watchdog.

A loop, a lane or the schedule that stands still ends the feeding: a restart may help. A source that does not
answer is told like one that cannot be read, and the feeding goes on: a restart would cost the shops, and not
help.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from state import reports
from state.database import DatabaseError
from state.plan_standing import held_plans, refused_plans
from syncd.app import App
from syncd.core.progress import Standstill
from syncd.core.status_line import ChannelState, SourceState, status_line
from syncd.logs import get_logger
from syncd.notify import Notifier
from syncd.state_trouble import is_passing
from syncd.threads import see_out

PULSE_SECONDS = 1.0
STANDSTILL_SECONDS = 5.0
STATUS_SECONDS = 5.0
UNWATCHED_PATIENCE_SECONDS = 300.0
"""What counts as a standstill where no service manager watches, and so none says how long it may take."""
FEEDINGS = 3
"""In each time that the watchdog allows: one may be late."""


class Pulse:
    """Beats in the event loop: so a loop that is blocked feeds nobody.

    Every beat asks what should have moved and did not. A time in which the whole process stood still
    (stopped, suspended) counts for nobody.
    """

    def __init__(self, app: App, notifier: Notifier, stood_still: Callable[[], None]) -> None:
        """`stood_still` is called after the process stood still: what is known may be out of date."""
        self._app = app
        self._notifier = notifier
        self._stood_still = stood_still
        self._log = get_logger("daemon")
        watchdog = notifier.watchdog_seconds
        self._patience = UNWATCHED_PATIENCE_SECONDS if watchdog is None else watchdog
        self._step = min(PULSE_SECONDS, self._patience / (FEEDINGS + 1))
        self._fed_at = -self._patience
        self._standstills: list[Standstill] = []

    async def run(self) -> None:
        """Beat until cancelled."""
        clock = self._app.world.clock
        while True:
            self._beat(clock.monotonic())
            before = clock.monotonic(), clock.wall()
            await asyncio.sleep(self._step)
            stopped = clock.monotonic() - before[0] - self._step
            self._app.metrics.pulsed(stopped)
            seconds = max(stopped, clock.wall() - before[1] - self._step)
            if seconds > STANDSTILL_SECONDS:
                self._log.warning("daemon_stood_still", seconds=round(seconds, 1))
                self._app.progress.forgive(stopped)
                self._stood_still()

    def _beat(self, now: float) -> None:
        found = self._app.progress.standstills(now, self._patience)
        vital = [one for one in found if one.vital]
        before = {one.name for one in self._standstills}
        reason = "the watchdog is not fed any more"
        if self._notifier.watchdog_seconds is None:
            reason = "nobody watches: stop it and start it again"
        self._tell_stalled((one for one in vital if one.name not in before), reason)
        others = (one for one in found if not one.vital and one.name not in before)
        self._tell_stalled(others, "all else goes on: see whether what it reads from answers")
        if moving := sorted(before - {one.name for one in found}):
            self._log.info("progress_resumed", what="; ".join(moving))
        if not vital and now - self._fed_at >= self._patience / FEEDINGS - self._step:
            self._fed_at = now
            self._notifier.feed()
        self._standstills = found
        self._note_sources(found)

    def _tell_stalled(self, stalled: Iterable[Standstill], reason: str) -> None:
        what = "; ".join(f"{one.name} is {one.seconds:.0f} s late" for one in stalled)
        if what:
            self._log.error("progress_stalled", what=what, reason=reason)

    def _note_sources(self, found: Sequence[Standstill]) -> None:
        """Let a source that does not answer be seen wherever one that cannot be read is."""
        late = {one.name: one.seconds for one in found}
        for feed in self._app.feeds.values():
            try:
                feed.note_standstill(late.get(feed.mover))
            except DatabaseError as fault:
                if not is_passing(fault):
                    raise

    async def tell_status(self) -> None:
        """Keep the status line true, where anybody reads it, until cancelled."""
        while self._notifier.is_heard:
            self._notifier.status(await self._status())
            await asyncio.sleep(STATUS_SECONDS)

    async def _status(self) -> str:
        others = [f"{one.name} stands still" for one in self._standstills if one.vital]
        if self._app.refused is not None:
            first, more = self._app.refused.problems[0], len(self._app.refused.problems) - 1
            others.append(f"new configuration refused: {first}{f' (and {more} more)' if more else ''}")
        work = self._app.world.blocking(partial(_read_status, self._app, others))
        return await see_out(work, lambda: None)


def _read_status(app: App, others: list[str]) -> str:
    """Read how all stands; in a thread, for much may be due."""
    now, config = app.world.clock.now(), app.config
    with app.database.read() as connection:
        held, refused = held_plans(connection), refused_plans(connection)
        channels = [
            ChannelState(
                row.name,
                reports.work_left(connection, row.id, now)[0],
                row.hold_message if row.held_at is not None else "",
                refused[row.name].problems[0] if row.name in refused else "",
                row.name in held,
            )
            for row in reports.channels(connection)
        ]
        sources = [
            SourceState(
                row.name,
                row.failure,
                row.data_at is not None and now - row.data_at > config.sources[row.name].max_age * 1000,
                row.imports_held,
            )
            for row in reports.sources_in_brief(connection)
            if row.name in config.sources
        ]
    return status_line(channels, sources, others)
