"""The file that a watched folder said last, so that of the next only what differs must be read."""

from collections.abc import Callable
from functools import partial

from state.imports import Imports
from state.records import ImportState
from syncd.incoming import Incoming, Verdict
from syncd.sources.drop import DropFolder
from syncd.sources.entries import digest_of_archived
from syncd.sources.excerpts import Excerpt, FileRead, Succession
from syncd.sources.files import OwnFile
from syncd.sources.judge import FileTerms
from syncd.sources.rows import KnownSkus, SourceUnreachable


class LastFile:
    """Known only of what was read by these very settings: after a start or a reload, a whole file first."""

    def __init__(self, source_id: int, imports: Imports, folder: DropFolder, terms: FileTerms) -> None:
        """Know of none."""
        self._source_id = source_id
        self._imports = imports
        self._folder = folder
        self._terms = terms
        self._read: FileRead | None = None

    def note(self, incoming: Incoming, verdict: Verdict) -> None:
        """Note what became of a file; what is not applied leaves the last one as it was."""
        if verdict.state is ImportState.APPLIED:
            self._read = FileRead(incoming.sha256, verdict.report)

    def excerpt_of(self, file: OwnFile) -> Callable[[KnownSkus, Callable[[], None]], Excerpt | None] | None:
        """Give what reads the excerpt of a file; None where the last one is not what is in effect."""
        last = self._imports.last_applied(self._source_id)
        if self._read is None or last is None or last.sha256 != self._read.sha256:
            return None
        return None if self._imports.lowered_after(last) else partial(self._excerpt, self._read, file)

    def _excerpt(
        self, was: FileRead, file: OwnFile, known: KnownSkus, moved: Callable[[], None]
    ) -> Excerpt | None:
        try:
            archived = self._folder.archived()
        except SourceUnreachable:
            return None
        for before in reversed(archived):
            if digest_of_archived(before.entry) == was.sha256[:8]:
                return Succession(before, was, file, self._terms).excerpt(known, moved)
        return None
