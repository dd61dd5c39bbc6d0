"""How a database is asked."""

from typing_extensions import override

from state.records import ImportState
from syncd.feeds import Feed
from syncd.intake import Incoming, IntakeParts, SourceTerms, Verdict
from syncd.sources.database import DatabaseSource
from syncd.threads import see_out


class PollFeed(Feed):
    """A query on a database, asked again when the database has changed."""

    def __init__(self, terms: SourceTerms, parts: IntakeParts, source: DatabaseSource) -> None:
        """Ask `source`."""
        super().__init__(terms, parts)
        self._source = source
        self._taken = False

    @property
    @override
    def said_at(self) -> int | None:
        return self._parts.clock.now() if self._taken else None

    @override
    async def _look(self, *, thoroughly: bool) -> list[Verdict]:
        for interrupted in self._parts.imports.in_state(self.terms.source_id, ImportState.APPLYING):
            reason = "interrupted; the next poll went on"
            self._parts.imports.close(interrupted.id or 0, ImportState.SUPERSEDED, reason=reason)
        held = self._parts.imports.in_state(self.terms.source_id, ImportState.HELD)
        approved = next((entry for entry in held if entry.approved_at is not None), None)
        if approved is None and not thoroughly:
            looking = self._parts.blocking(self._source.changed)
            if not await see_out(looking, lambda: None):
                return []
        incoming = Incoming(
            name="poll",
            data_at=self._parts.clock.now(),
            rows=self._source.rows,
            verify=lambda: None,
            import_id=None if approved is None else approved.id,
            trusted=approved is not None,
            approved=approved,
        )
        try:
            verdict = await self._intake.take(incoming)
        except BaseException:
            self._source.forget()
            if approved is not None:  # it was meant for what was seen, not for whatever comes later
                self._parts.imports.approve(approved.id or 0, None)
            raise
        self._taken = verdict.state is ImportState.APPLIED
        return [verdict]

    @override
    def _close(self) -> None:
        self._source.close()
