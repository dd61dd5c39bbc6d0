"""What looks at a source: the part that is the same for files and polls."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar, final

from state.records import ImportState
from syncd.intake import Intake, IntakeParts, SourceTerms, Verdict
from syncd.logs import get_logger
from syncd.sources.rows import SourceUnreachable

T = TypeVar("T")
NOTE_EVERY_MS = 60_000


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
        self.failure: str | None = None
        """Why the last look failed; None if it did not."""

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

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Let whoever watches expect headway while the source is looked at."""
        name = f"source {self.terms.name}"
        self._parts.progress.expect(name, self._parts.clock.monotonic(), 0.0)
        try:
            yield
        finally:
            self._parts.progress.rest(name)

    async def _blocking(self, function: Callable[[], T]) -> T:
        """Do what blocks in a thread; each piece of it that ends is headway."""
        try:
            return await self._really_blocking(function)
        finally:
            self._parts.progress.moved(f"source {self.terms.name}", self._parts.clock.monotonic())

    @abstractmethod
    async def _look(self, *, thoroughly: bool) -> list[Verdict]: ...

    @final
    async def catch_up(self) -> None:
        """Read again what it has said before, because the state remembers less than that."""
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
        """Let go of the source, once a look that is under way has ended."""
        async with self._lock:
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
