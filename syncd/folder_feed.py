"""How a watched folder is looked at, and what happens to its files afterwards."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from typing_extensions import override

from state.records import ImportState
from state.tables import Import
from syncd.feeds import Feed
from syncd.intake import Incoming, IntakeParts, SourceTerms, Verdict
from syncd.last_file import LastFile
from syncd.sources.arrivals import Candidate, Scan
from syncd.sources.drop import DropFolder
from syncd.sources.entries import digest_of_archived, is_as_claimed, stamp, stamp_of
from syncd.sources.files import ArchivedFile, ClaimedFile, OwnFile
from syncd.sources.judge import FileTerms
from syncd.sources.reading import read_file
from syncd.sources.rejection import render_rejection
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreachable

SETTLE_STEP_SECONDS = 0.2
LONGEST_SETTLING_SECONDS = 60.0
UNREAD_SECONDS = 60.0
REPORTED = -1.0
MOST_AT_ONCE = 500
"""Files taken before the folder is looked through again: a newer one may have come, and is worth more."""
DELETED_AT_ONCE = 500


class FolderFeed(Feed):
    """A watched folder: each complete file is claimed, taken in and put away."""

    def __init__(
        self,
        terms: SourceTerms,
        parts: IntakeParts,
        folder: DropFolder,
        *,
        file_terms: FileTerms,
        retention_seconds: float | None = None,
        rehearsal: bool = False,
    ) -> None:
        """Read files by `file_terms`. `retention_seconds`: how long files stay; None = ever.

        `rehearsal`: read the files where they lie, move none.
        """
        super().__init__(terms, parts)
        self.folder = folder
        self._file_terms = file_terms
        self._last_file = LastFile(terms.source_id, parts.imports, folder, file_terms)
        self._retention_seconds = retention_seconds
        self._rehearsal = rehearsal
        self._prepared = False
        self._restored = False
        self._unread: dict[str, float] = {}
        self._crowded = False
        self._stuck: SourceUnreachable | None = None

    @override
    async def _look(self, *, thoroughly: bool) -> list[Verdict]:
        if self._rehearsal:
            return await self._rehearse()
        if not self._prepared:
            await self._parts.blocking(self.folder.prepare)
            self._prepared = True
        self._stuck = None
        for name in await self._parts.blocking(self.folder.give_back_grown):
            self._log.warning("file_written_on", name=name)
        verdicts = [] if self._restored else await self._restore()
        self._restored = True
        verdicts += await self._finish_claimed()
        verdicts += await self._take_arrived(thoroughly=thoroughly)
        if self._stuck is not None:
            raise self._stuck
        return verdicts

    async def _take_arrived(self, *, thoroughly: bool) -> list[Verdict]:
        verdicts = []
        end = self._parts.clock.monotonic() + LONGEST_SETTLING_SECONDS
        while True:
            ready, settling = await self._scan(self._parts.clock.monotonic())
            for candidate in ready[:MOST_AT_ONCE]:
                claimed = await self._parts.blocking(partial(self.folder.claim, candidate))
                if claimed is not None:
                    verdicts.append(await self._take(claimed))
            if len(ready) > MOST_AT_ONCE:
                continue
            if not (thoroughly and settling) or self._parts.clock.monotonic() > end:
                return verdicts
            await asyncio.sleep(SETTLE_STEP_SECONDS)

    async def _scan(self, now: float) -> tuple[Sequence[Candidate], int]:
        """Find the complete files: of snapshots the newest first, so that older ones need not be read."""
        newest_first = self.terms.contents == "snapshot"
        scan = await self._parts.blocking(partial(self.folder.scan, now, newest_first=newest_first))
        self._report_left_alone(scan, now)
        return scan.ready, len(scan.settling)

    def _report_left_alone(self, scan: Scan, now: float) -> None:
        """Say once what stays in the folder unread, and why; it may be a mistake."""
        names = {left.name: left.reason for left in scan.left_alone}
        self._unread = {name: self._unread.get(name, now) for name in names}
        for name, since in self._unread.items():
            if since >= 0 and now - since >= UNREAD_SECONDS:
                self._log.warning("file_left_alone", name=name, reason=names[name])
                self._unread[name] = REPORTED
        if scan.beyond and not self._crowded:
            self._log.warning("files_waiting", count=scan.beyond)
        self._crowded = scan.beyond > 0

    @override
    async def delete_old(self) -> int:
        """Delete what was put away too long ago. What cannot be deleted waits for the next time."""
        if self._retention_seconds is None or self._rehearsal:
            return 0
        now = datetime.fromtimestamp(self._parts.clock.wall(), UTC)
        delete = partial(
            self.folder.delete_old, now - timedelta(seconds=self._retention_seconds), DELETED_AT_ONCE
        )
        deleted, more = 0, True
        try:
            while more:
                async with self._lock:
                    count = await self._parts.blocking(delete)
                deleted, more = deleted + count, count == DELETED_AT_ONCE
        except SourceUnreachable as trouble:
            self._log.warning("files_not_deleted", reason=str(trouble))
        return deleted

    async def _rehearse(self) -> list[Verdict]:
        """Take in what would be taken in, on a copy of the state, leaving every file where it lies."""
        verdicts = []
        if await self._parts.blocking(self.folder.is_prepared):
            verdicts += await self._restore()
            for claimed in await self._parts.blocking(self.folder.claimed):
                entry = self._parts.imports.of_claimed(self.terms.source_id, claimed.entry)
                if entry is None or entry.state == ImportState.APPLYING:
                    verdicts.append(await self._judge(claimed, entry))
        now = self._parts.clock.monotonic()
        await self._scan(now)
        ready, _ = await self._scan(now + LONGEST_SETTLING_SECONDS)
        files = [OwnFile(one.name, self.folder.path, one.entry, one.identity) for one in ready]
        return verdicts + [await self._judge(file) for file in files]

    @override
    async def reread(self) -> None:
        if not self._restored and await self._parts.blocking(self.folder.is_prepared):
            self._succeeded(await self._restore())
            self._restored = True

    async def _restore(self) -> list[Verdict]:
        """Read what the archive holds and the state does not know: the state can be lost, or an older copy.

        They were let through once. A lost state takes the newest snapshot, or all changes. An older copy
        takes everything in order: what the newest snapshot leaves out, one before it may have said.
        """
        newest = self._parts.imports.newest_data(self.terms.source_id)
        files = await self._parts.blocking(self.folder.archived)
        last = self._parts.imports.last_applied(self.terms.source_id)
        unknown = [file for file in files if newest is None or self._is_unknown(file, newest, last)]
        if self.terms.contents == "snapshot" and newest is None:
            unknown = unknown[-1:]
        if unknown:
            self._log.warning("archive_reread", files=len(unknown))
            self._parts.database.doubt()
        cut_off = self._parts.imports.in_state(self.terms.source_id, ImportState.APPLYING)
        verdicts = []
        for file in unknown:
            incoming = await self._incoming(file, trusted=True)
            for entry in cut_off:
                if entry.sha256 == incoming.sha256 and not entry.claimed:
                    incoming = replace(incoming, import_id=entry.id, resumed=True)
            verdicts.append(await self._intake.take(incoming))
        return verdicts

    def _is_unknown(self, file: ArchivedFile, newest: int, last: Import | None) -> bool:
        """Tell whether the state has not heard of an archived file. `last`: the import last applied.

        Of files as of the very time that it last heard of, those are unknown that were put away after that.
        """
        data_at = self.folder.dating.data_at(file)
        if data_at != newest or last is None or last.data_at != newest:
            return data_at > newest
        came_in = stamp(datetime.fromtimestamp(last.at / 1000, UTC))
        return stamp_of(file.entry) > came_in and digest_of_archived(file.entry) != last.sha256[:8]

    async def _finish_claimed(self) -> list[Verdict]:
        """Go on where a crash, or a person's decision, left claimed files."""
        verdicts = []
        for claimed in await self._parts.blocking(self.folder.claimed):
            entry = self._parts.imports.of_claimed(self.terms.source_id, claimed.entry)
            undecided = entry is None or entry.state == ImportState.HELD
            if undecided and not is_as_claimed(claimed.entry, claimed.identity.modified_ns):
                await self._give_back(claimed, entry)
            elif entry is None or entry.state == ImportState.APPLYING:
                verdicts.append(await self._take(claimed, entry))
            elif entry.state != ImportState.HELD:
                await self._put_away_later(claimed, entry)
            elif entry.approved_at is not None:
                verdicts.append(await self._take_approved(claimed, entry))
        return verdicts

    async def _take_approved(self, claimed: ClaimedFile, entry: Import) -> Verdict:
        last = self._parts.imports.last_applied(self.terms.source_id)
        if last is None or last.data_at <= entry.data_at:
            return await self._take(claimed, entry)
        reason = f"approved, but import {last.id} is newer: drop the file again if it is right all the same"
        self._parts.imports.close(entry.id or 0, ImportState.SUPERSEDED, reason=reason)
        await self._put_away(claimed, ImportState.REJECTED, reason, _report_of(entry), entry)
        return Verdict(ImportState.SUPERSEDED, reason, import_id=entry.id)

    async def _put_away_later(self, claimed: ClaimedFile, entry: Import) -> None:
        """Put away a file whose verdict is known. Of what was held, only the approved is kept in the archive.

        A lost state is made again from there: nothing that was never let through may be among it.
        """
        superseded = entry.state == ImportState.SUPERSEDED
        state = ImportState.REJECTED if superseded else ImportState(entry.state)
        await self._put_away(claimed, state, entry.reason, _report_of(entry), entry)

    async def _give_back(self, claimed: ClaimedFile, entry: Import | None) -> None:
        """Let a file that its producer wrote on after it was claimed come again, once it is complete."""
        if not await self._parts.blocking(partial(self.folder.give_back, claimed)):
            return  # a newer file has its name, and is taken first
        self._log.warning("file_written_on", name=claimed.name)
        if entry is not None and entry.id is not None:
            reason = "it was written on after it was read: it comes in again"
            self._parts.imports.close(entry.id, ImportState.SUPERSEDED, reason=reason)
            self._parts.imports.put_away(entry.id)

    async def _take(self, claimed: ClaimedFile, entry: Import | None = None) -> Verdict:
        verdict = await self._judge(claimed, entry)
        if verdict.state is not ImportState.HELD:
            kept = None if verdict.import_id is None else self._parts.imports.get(verdict.import_id)
            await self._put_away(claimed, verdict.state, verdict.reason, verdict.report, kept)
        return verdict

    async def _judge(self, file: OwnFile, entry: Import | None = None) -> Verdict:
        """Let the intake take a file, unless its place in the order of files forbids that."""
        incoming = await self._incoming(file, entry)
        if entry is None:
            fault = self.folder.dating.fault(file)
            if fault:
                return self._refuse(incoming, ImportState.REJECTED, fault)
            if await self._was_modified_before(file, incoming):
                reason = "of the same time as the import last applied, and modified before that"
                return self._refuse(incoming, ImportState.SUPERSEDED, reason)
        verdict = await self._intake.take(incoming)
        self._last_file.note(incoming, verdict)
        return verdict

    async def _was_modified_before(self, file: OwnFile, incoming: Incoming) -> bool:
        """Tell whether a snapshot of the very same time, but later modification, has been applied."""
        last = self._parts.imports.last_applied(self.terms.source_id)
        if self.terms.contents != "snapshot" or last is None or last.data_at != incoming.data_at:
            return False
        modified_ns = file.identity.modified_ns
        return any(
            one.identity.modified_ns > modified_ns and digest_of_archived(one.entry) == last.sha256[:8]
            for one in await self._parts.blocking(self.folder.archived)
            if self.folder.dating.data_at(one) == incoming.data_at
        )

    def _refuse(self, incoming: Incoming, state: ImportState, reason: str) -> Verdict:
        """Record a file that need not be read to be refused."""
        entry = Import(
            source_id=self.terms.source_id,
            name=incoming.name,
            contents=self.terms.contents,
            state=state,
            at=self._parts.clock.now(),
            data_at=incoming.data_at,
            sha256=incoming.sha256,
            reason=reason,
            claimed=incoming.claimed,
        )
        import_id = self._parts.imports.record(entry)
        facts = {"import_id": import_id, "name": incoming.name, "reason": reason}
        if state is ImportState.REJECTED:
            self._log.warning("import_rejected", **facts)
        else:
            self._log.info("import_superseded", **facts)
        return Verdict(state, reason, data_at=incoming.data_at, import_id=import_id)

    async def _incoming(
        self, file: OwnFile, entry: Import | None = None, *, trusted: bool = False
    ) -> Incoming:
        def rows(known: KnownSkus, report: ReadReport) -> Iterator[Row]:
            with file.open() as stream:
                yield from read_file(stream, file.name, self._file_terms, known, report)

        is_next = entry is None and not trusted and self.terms.contents == "snapshot"
        return Incoming(
            name=file.name,
            data_at=self.folder.dating.data_at(file),
            rows=rows,
            excerpt=self._last_file.excerpt_of(file) if is_next else None,
            verify=file.verify_unchanged,
            sha256=await self._parts.blocking(file.sha256),
            claimed=file.entry if isinstance(file, ClaimedFile) else "",
            import_id=None if entry is None else entry.id,
            trusted=trusted or entry is not None,
            resumed=entry is not None and entry.state == ImportState.APPLYING,
        )

    async def _put_away(
        self,
        claimed: ClaimedFile,
        state: ImportState,
        reason: str,
        report: ReadReport,
        entry: Import | None,
    ) -> None:
        """Move a file whose verdict is recorded. Where that fails, the others are taken in all the same."""
        if self._stuck is None:
            try:
                await self._move_away(claimed, state, reason, report, entry)
            except SourceUnreachable as trouble:
                self._stuck = trouble

    async def _move_away(
        self,
        claimed: ClaimedFile,
        state: ImportState,
        reason: str,
        report: ReadReport,
        entry: Import | None,
    ) -> None:
        at = datetime.fromtimestamp(self._parts.clock.wall(), UTC)
        if state is ImportState.REJECTED:
            text = render_rejection(name=claimed.name, at=at, reason=reason, report=report)
            await self._parts.blocking(partial(self.folder.reject, claimed, at, text))
        else:
            digest = entry.sha256 if entry is not None else await self._parts.blocking(claimed.sha256)
            await self._parts.blocking(partial(self.folder.archive, claimed, at, digest))
        if entry is not None and entry.id is not None:
            self._parts.imports.put_away(entry.id)


def _report_of(entry: Import) -> ReadReport:
    return ReadReport(
        format=entry.format, rows=entry.rows, blank=entry.blank, negative=entry.negative, bad=entry.bad
    )
