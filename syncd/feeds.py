"""What looks at a source: the part that is the same for files and polls."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, final

from state.records import ImportState
from syncd.intake import Intake, IntakeParts, SourceTerms, Verdict
from syncd.logs import bound, get_logger
from syncd.sources.rows import SourceUnreachable

T = TypeVar("T")
NOTE_EVERY_MS = 60_000
SILENT_SECONDS = 90.0
"""Who waits for a source that makes no headway for so long waits no more. A query may take 60 s."""
PATIENCE_STEP_SECONDS = 1.0
STANDS_STILL = (
    "reading it stands still: its folder or database does not answer (a network share that is gone, a disk"
    " that fails?). Mend that; if it answers again and this stays, restart syncd"
)


class Feed(ABC):
    """One source with its intake. Looks are serial: two never overlap."""

    def __init__(self, terms: SourceTerms, parts: IntakeParts) -> None:
        """Judge by `terms`."""
        self.terms = terms
        self._parts = replace(parts, blocking=self._blocking)
        self._really_blocking = parts.blocking
        self._intake = Intake(terms, self._parts)
        self._log = get_logger("feed").bind(source=terms.name)
        self._lock = asyncio.Lock()
        self._noted_at: int | None = None
        self._at_work: asyncio.Future[Any] | None = None
        self.mover = f"source {terms.name}"
        """What it is called where headway is watched."""
        self.failure: str | None = None
        """Why the last look failed; None if it did not."""
        self.stands_still = False
        """Whether a look is under way that makes no headway."""

    @final
    async def look(self, *, thoroughly: bool = False) -> list[Verdict]:
        """Look at the source now and take in what is new; return what became of each import.

        `thoroughly`: wait for files that are being written to settle, and read what seems unchanged. A source
        that cannot be read is noted as failing: nothing that it said before is lost.
        """
        async with self._lock:
            try:
                with self._watched():
                    verdicts = await self._look(thoroughly=thoroughly)
            except SourceUnreachable as trouble:
                self._failed(str(trouble))
                return []
            self._succeeded(verdicts)
            return verdicts

    @final
    async def look_patiently(self, *, thoroughly: bool = True) -> list[Verdict]:
        """Look at the source, but wait no more once it is silent: it is noted as failing then."""
        try:
            return await self._unless_silent(self.look(thoroughly=thoroughly), SILENT_SECONDS)
        except SourceUnreachable:
            self.note_standstill(self._silence())
            return []

    async def _unless_silent(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Do `work` as long as it makes headway; raise `SourceUnreachable` after so many seconds without."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=PATIENCE_STEP_SECONDS))[0]:
                if self._silence() > seconds:
                    raise SourceUnreachable(STANDS_STILL)
            return task.result()
        finally:
            task.cancel()

    def _silence(self) -> float:
        return self._parts.progress.silence(self.mover, self._parts.clock.monotonic())

    def note_standstill(self, seconds: float | None) -> None:
        """Note that the look under way makes no headway for so many seconds; None = it does."""
        if seconds is not None and not self.stands_still:
            since = self._parts.clock.now() - int(seconds * 1000)
            self._parts.registry.source_failed(self.terms.source_id, STANDS_STILL, since)
            self.failure = STANDS_STILL
        self.stands_still = seconds is not None

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Let whoever watches expect headway while the source is looked at."""
        self._parts.progress.expect(self.mover, self._parts.clock.monotonic(), 0.0, vital=False)
        try:
            with bound(source=self.terms.name):
                yield
        finally:
            self._parts.progress.rest(self.mover)

    async def _blocking(self, function: Callable[[], T]) -> T:
        """Do what blocks in a thread, never two at a time; each piece of it that ends is headway.

        One that a cancelled look has left behind is waited for first: it still works with the same files.
        """
        while self._at_work is not None and not self._at_work.done():
            await asyncio.wait([self._at_work])
        work = asyncio.ensure_future(self._really_blocking(function))
        self._at_work = work
        try:
            return await asyncio.shield(work)
        finally:
            self._parts.progress.moved(self.mover, self._parts.clock.monotonic())

    @abstractmethod
    async def _look(self, *, thoroughly: bool) -> list[Verdict]: ...

    @final
    async def catch_up(self, patience: float) -> None:
        """Read again what it has said before, because the state remembers less than that.

        Raises `SourceUnreachable` also where it makes no headway for `patience` seconds.
        """
        await self._unless_silent(self._reread(), patience)

    async def _reread(self) -> None:
        async with self._lock:
            with self._watched():
                await self.reread()

    async def reread(self) -> None:
        """Read again what it has said before, because the state remembers less than that."""
        return

    @final
    async def idle(self) -> None:
        """Wait until no look is under way."""
        async with self._lock:
            return

    async def delete_old(self) -> int:
        """Delete what is kept of it longer than it should be; return how many files."""
        return 0

    @property
    def said_at(self) -> int | None:
        """As of when its data is if nothing new came in (ms since the epoch); None = the last import."""
        return None

    @final
    async def aclose(self) -> None:
        """Let go of the source, once a look that is under way has ended; not under a thread left behind."""
        async with self._lock:
            if self._at_work is None or self._at_work.done():
                self._close()

    def _close(self) -> None:
        return

    def _failed(self, reason: str) -> None:
        self.failure = reason
        if self._parts.registry.source_failed(self.terms.source_id, reason, self._parts.clock.now()):
            self._log.error("source_failed", reason=reason)

    def _succeeded(self, verdicts: list[Verdict]) -> None:
        """Note that the source was read, now and then: an idle daemon should not write all the time."""
        now = self._parts.clock.now()
        taken = {ImportState.APPLIED, ImportState.UNCHANGED}
        ages = [verdict.data_at for verdict in verdicts if verdict.state in taken]
        due = self._noted_at is None or not 0 <= now - self._noted_at < NOTE_EVERY_MS
        if due or ages or self.failure is not None:
            self._noted_at = now
            data_at = max(ages, default=self.said_at)
            if self._parts.registry.source_read(self.terms.source_id, now=now, data_at=data_at):
                self._log.info("source_recovered")
        self.failure = None
