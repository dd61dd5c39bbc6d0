"""The intake: from what a source says to stock levels and desired quantities, judged before it counts.

An import is read and compared outside any write, in a worker thread; only what changed is stored, in short
transactions, the dangerous direction first. A crash between two of them resumes the same import.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from state.comparison import Comparison
from state.database import Database
from state.imports import Imports
from state.records import ImportState
from state.registry import Registry
from state.staging import Changes, Staging
from state.stock import StockBook
from state.tables import Import
from syncd.clock import Clock
from syncd.core.guards import WINDOW_MS, looks_wrong, too_many_bad
from syncd.core.progress import Progress
from syncd.core.slices import FIRST_SLICE, next_slice
from syncd.incoming import Incoming, SourceTerms, Verdict, is_cut_off_hold, record_of
from syncd.logs import get_logger
from syncd.metrics.counting import Metrics
from syncd.sources.rows import BadRow, ReadReport, SourceUnreachable, SourceUnreadable, shown
from syncd.threads import Blocking, lent, see_out

__all__ = ["Incoming", "Intake", "IntakeParts", "SourceTerms", "Verdict"]

CLOCKS_MAY_DIFFER_MS = 600_000
CLAIMED = "belong to source"
"""How the note of an import begins to say whose the SKUs are that it may not speak of."""


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What the intake works with. `applied` is called whenever something was stored."""

    database: Database
    registry: Registry
    imports: Imports
    book: StockBook
    clock: Clock
    blocking: Blocking
    applied: Callable[[], None]
    metrics: Metrics
    progress: Progress = field(default_factory=Progress)


class Intake:
    """Takes in what one source says."""

    def __init__(self, terms: SourceTerms, parts: IntakeParts) -> None:
        """Judge by `terms`."""
        self._terms = terms
        self._parts = parts
        self._log = get_logger("intake").bind(source=terms.name)
        self._metrics = parts.metrics.source(terms.name)

    async def take(self, incoming: Incoming) -> Verdict:
        """Read, compare, judge and store one import.

        Raises `SourceUnreachable` where it cannot be read now: nothing is known of it then.
        """
        began = self._parts.clock.monotonic()
        verdict = await self._take(incoming)
        seconds = self._parts.clock.monotonic() - began
        self._metrics.read(seconds, verdict.report.rows, verdict.report.bad)
        return verdict

    async def _take(self, incoming: Incoming) -> Verdict:
        early = self._needless(incoming)
        if early is not None:
            return self._close(incoming, early)
        kept = None if incoming.import_id is None else self._parts.imports.get(incoming.import_id)
        report = ReadReport()
        try:
            with lent(self._staging()) as staging:
                verdict = await self._find(incoming, report, staging, kept)
                await self._do(incoming, verdict, staging)
                # To let go of a million rows takes long: not on the loop. What is closed has no interrupt.
                await see_out(self._parts.blocking(staging.close), lambda: None)
        except SourceUnreachable:
            raise
        except SourceUnreadable as refusal:
            verdict = Verdict(ImportState.REJECTED, str(refusal), report=report)
        return self._close(incoming, verdict)

    def _staging(self) -> Staging:
        return Staging(self._parts.database.path, self._terms.source_id, self._terms.duplicates)

    async def _find(
        self, incoming: Incoming, report: ReadReport, staging: Staging, kept: Import | None
    ) -> Verdict:
        """Read and compare an import in a thread, and judge it. `kept`: what was recorded of it before."""
        since = self._an_hour_ago()
        work = self._parts.blocking(lambda: self._compare(staging, incoming, report, since))
        comparison = await see_out(work, staging.interrupt)
        if kept is not None and is_cut_off_hold(kept):
            return Verdict(
                ImportState.HELD, kept.reason, import_id=kept.id, comparison=comparison, report=report
            )
        return self._judge(incoming, comparison, report)

    def _an_hour_ago(self) -> int:
        """Give the time up to which guards look back: an hour, or to what a person let through."""
        return max(
            self._parts.clock.now() - WINDOW_MS, self._parts.registry.trusted_at(self._terms.source_id) or 0
        )

    def _as_of(self, last: Import, incoming: Incoming) -> int:
        """Tell how old the last import is, compared with this one.

        One from the future, by its own clock, is as of when it came in, unless this one is too: it must not
        outdate all that follow.
        """
        if incoming.data_at > self._parts.clock.now() + CLOCKS_MAY_DIFFER_MS:
            return last.data_at
        return last.data_at if last.data_at <= last.at + CLOCKS_MAY_DIFFER_MS else last.at

    def _needless(self, incoming: Incoming) -> Verdict | None:
        """Recognise what need not be read: the content last applied, and a snapshot older than that."""
        last = self._parts.imports.last_applied(self._terms.source_id)
        if last is None or incoming.import_id is not None or not incoming.sha256:
            return None
        if last.sha256 == incoming.sha256 and not self._parts.imports.lowered_after(last):
            reason = f"the same content as import {last.id}, the last applied"
            return Verdict(ImportState.UNCHANGED, reason, data_at=last.data_at)
        if self._terms.contents == "snapshot" and incoming.data_at < self._as_of(last, incoming):
            return Verdict(ImportState.SUPERSEDED, f"older than import {last.id}, the last applied")
        return None

    def _compare(self, staging: Staging, incoming: Incoming, report: ReadReport, since: int) -> Comparison:
        """Read it all and compare it with what the source said before; in a worker thread.

        What is resumed zeroes nothing: its own first part may have noted what is missing.
        """
        if not self._load_excerpt(staging, incoming, report):
            staging.load(incoming.rows(staging, report), self._moved)
        incoming.verify()
        for row in staging.drop_duplicates():
            reason = f"the same SKU and location stand {row.claim} times in this import"
            report.add_bad(BadRow(row.line, "sku", shown(row.sku), reason), identified=True)
        self._drop_claimed(staging, report)
        return staging.compare(
            whole=self._terms.contents == "snapshot",
            zero_missing=self._terms.zero_missing and not incoming.resumed,
            sure=not report.unidentified,
            since=since,
        )

    def _load_excerpt(self, staging: Staging, incoming: Incoming, report: ReadReport) -> bool:
        """Take only what differs from what the source said last; tell whether that was possible."""
        excerpt = None if incoming.excerpt is None else incoming.excerpt(staging, self._moved)
        if excerpt is None:
            return False
        gone = ((sku, location) for sku, location, _, _ in excerpt.gone)
        if not staging.load_excerpt(gone, excerpt.rows, self._moved, listed=excerpt.listed):
            return False
        whole = excerpt.report
        report.format, report.rows, report.negative = whole.format, whole.rows, whole.negative
        return True

    def _drop_claimed(self, staging: Staging, report: ReadReport) -> None:
        """Refuse what another source says already: each would overwrite what the other says, for ever."""
        claims = Counter[str]()
        for row in staging.drop_claimed():
            claims[row.claim] += 1
            reason = f'this SKU and location belong to source "{row.claim}", not to "{self._terms.name}"'
            report.add_bad(BadRow(row.line, "sku", shown(row.sku), reason), identified=True)
        for owner, count in claims.items():
            report.notes.append(
                f'{count:,} rows name a SKU and location that {CLAIMED} "{owner}": give each source the'
                " `location` where its stock lies, or leave those SKUs to one of them"
            )

    def _moved(self) -> None:
        """Tell whoever watches that the reading makes headway; from the thread that reads."""
        self._parts.progress.moved(f"source {self._terms.name}", self._parts.clock.monotonic())

    def _judge(self, incoming: Incoming, comparison: Comparison, report: ReadReport) -> Verdict:
        refusal = too_many_bad(report.bad, report.rows, self._terms.guard)
        if refusal is not None and not incoming.trusted:
            return Verdict(ImportState.REJECTED, refusal, comparison=comparison, report=report)
        whole = self._terms.contents == "snapshot"
        doubt = looks_wrong(comparison, self._terms.guard, whole=whole)
        if doubt is not None and not (incoming.trusted and _is_as_approved(comparison, incoming.approved)):
            return Verdict(ImportState.HELD, doubt, comparison=comparison, report=report)
        return Verdict(ImportState.APPLIED, comparison=comparison, report=report)

    async def _do(self, incoming: Incoming, verdict: Verdict, staging: Staging) -> None:
        """Store what a verdict lets through."""
        if verdict.state is ImportState.APPLIED:
            await self._apply(incoming, verdict, staging)
        elif verdict.state is ImportState.HELD:
            verdict.largest = await see_out(self._parts.blocking(staging.largest), staging.interrupt)
            if self._terms.lower_on_hold:
                await self._lower(incoming, verdict, staging)

    async def _apply(self, incoming: Incoming, verdict: Verdict, staging: Staging) -> None:
        """Store what changes. A poll that says nothing new leaves no record."""
        news = verdict.comparison is not None and verdict.comparison.says_something
        if incoming.is_file or incoming.import_id is not None or news:
            verdict.import_id = self._record(incoming, verdict, ImportState.APPLYING)
        await self._store(verdict, staging, staging.changes())

    async def _lower(self, incoming: Incoming, verdict: Verdict, staging: Staging) -> None:
        """Apply the decreases of what is held, if they are plausible by themselves: they prevent overselling.

        Else only those that leave something. A file resumes in this after a crash; a poll comes again anyway.
        """
        for to_zero in (True, False):
            work = self._parts.blocking(partial(self._plausible_decreases, verdict, staging, to_zero=to_zero))
            if decreased := await see_out(work, staging.interrupt):
                break
        else:
            return
        if verdict.import_id is None:
            verdict.decreased = decreased
            again = incoming if incoming.is_file else self._as_held_before(incoming, verdict)
            during = ImportState.APPLYING if incoming.is_file else ImportState.HELD
            verdict.import_id = self._record(again, verdict, during)
        self._log.info("decreases_applied", import_id=verdict.import_id, decreases=decreased)
        await self._store(verdict, staging, staging.lowered(to_zero=to_zero))

    def _plausible_decreases(self, verdict: Verdict, staging: Staging, *, to_zero: bool) -> int:
        """Count the decreases, those to zero with them or not; none where the guards would hold them."""
        if verdict.comparison is None:
            return 0
        alone = staging.decreases(verdict.comparison, to_zero=to_zero)
        return alone.changed if looks_wrong(alone, self._terms.guard, whole=False) is None else 0

    async def _store(self, verdict: Verdict, staging: Staging, changes: Changes) -> None:
        """Store changes in slices, so small that nothing else waits for long."""
        clock, rows = self._parts.clock, FIRST_SLICE
        while some := await see_out(self._parts.blocking(partial(changes.take, rows)), staging.interrupt):
            began = clock.monotonic()
            self._parts.book.apply(verdict.import_id or 0, self._terms.source_id, some, clock.now())
            self._parts.applied()
            rows = next_slice(len(some), clock.monotonic() - began)
            await asyncio.sleep(0)

    def _close(self, incoming: Incoming, verdict: Verdict) -> Verdict:
        """Record what became of it, and what that means for imports that wait."""
        verdict.data_at = max(verdict.data_at, incoming.data_at)
        if verdict.import_id is not None:
            if verdict.state is ImportState.APPLIED and self._is_vouched_for(incoming):
                self._parts.registry.trust(self._terms.source_id, self._parts.clock.now())
            self._parts.imports.close(verdict.import_id, verdict.state)
        elif incoming.is_file:
            verdict.import_id = self._record(incoming, verdict, verdict.state)
        elif verdict.state is not ImportState.APPLIED:
            return self._close_poll(incoming, verdict)
        self._conclude(incoming, verdict)
        return verdict

    def _is_vouched_for(self, incoming: Incoming) -> bool:
        """Tell what a person let through, or the archive, from what guards let through before a crash."""
        if not incoming.trusted or incoming.import_id is None or not incoming.claimed:
            return incoming.trusted
        kept = self._parts.imports.get(incoming.import_id)
        return kept is not None and kept.approved_at is not None

    def _close_poll(self, incoming: Incoming, verdict: Verdict) -> Verdict:
        """Record a poll that is not applied; one that is held again says so in the record of the first."""
        last = self._parts.imports.latest(self._terms.source_id)
        if verdict.state is ImportState.HELD:
            again = self._as_held_before(incoming, verdict)
            verdict.import_id = self._record(again, verdict, verdict.state)
            self._conclude(incoming, verdict)
        elif last is None or (last.state, last.reason) != (verdict.state, verdict.reason):
            verdict.import_id = self._record(incoming, verdict, verdict.state)
            self._conclude(incoming, verdict)
        return verdict

    def _as_held_before(self, incoming: Incoming, verdict: Verdict) -> Incoming:
        """Give a poll the record of the last one, if that is held."""
        last = self._parts.imports.latest(self._terms.source_id)
        if last is None or last.state != ImportState.HELD:
            return incoming
        verdict.again = True
        return replace(incoming, import_id=last.id)

    def _conclude(self, incoming: Incoming, verdict: Verdict) -> None:
        """Tell of an import, and of what it replaces; of one that is held again, it was told."""
        if verdict.again:
            return
        if verdict.state in {ImportState.APPLIED, ImportState.UNCHANGED, ImportState.HELD}:
            self._supersede_held(incoming, verdict.import_id)
        if verdict.import_id is not None:
            self._report(incoming, verdict)

    def _supersede_held(self, incoming: Incoming, newest: int | None) -> None:
        """Replace what was held by an import of the whole as of later: to approve it would turn back time."""
        if self._terms.contents != "snapshot":
            return
        for entry in self._parts.imports.in_state(self._terms.source_id, ImportState.HELD):
            if entry.id != newest and entry.id is not None and entry.data_at <= incoming.data_at:
                by = "a later poll" if newest is None else f"import {newest}"
                self._parts.imports.close(entry.id, ImportState.SUPERSEDED, reason=f"replaced by {by}")

    def _record(self, incoming: Incoming, verdict: Verdict, state: ImportState) -> int:
        kept = None if incoming.import_id is None else self._parts.imports.get(incoming.import_id)
        now = self._parts.clock.now()
        entry = record_of(self._terms, incoming, verdict, state=state, now=now, kept=kept)
        return self._parts.imports.record(entry, verdict.largest)

    def _report(self, incoming: Incoming, verdict: Verdict) -> None:
        changed = verdict.comparison.changed if verdict.comparison else 0
        self._metrics.concluded(verdict.state, changed)
        facts: dict[str, object] = {
            "import_id": verdict.import_id,
            "name": incoming.name,
            "rows": verdict.report.rows,
            "bad": verdict.report.bad,
            "changed": changed,
        }
        if verdict.reason:
            facts["reason"] = verdict.reason
        if verdict.decreased:
            facts["decreased"] = verdict.decreased
        match verdict.state:
            case ImportState.HELD:
                self._log.warning("import_held", **facts)
            case ImportState.REJECTED:
                self._log.warning("import_rejected", **facts)
            case ImportState.SUPERSEDED:
                self._log.info("import_superseded", **facts)
            case ImportState.UNCHANGED:
                self._log.info("import_unchanged", **facts)
            case _:
                self._log.info("import_applied", **facts)


def _is_as_approved(found: Comparison, approved: Import | None) -> bool:
    """Tell whether a poll is no worse than what a person saw who let it through; a file cannot change."""
    return approved is None or (
        found.missing_shown <= approved.missing
        and found.zeroed <= approved.zeroed
        and found.units_after >= approved.units_after
    )
