"""Deleting what was put away long ago. Names that syncd did not make are nobody's to delete."""

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from syncd.sources.entries import listed, stamp_of
from syncd.sources.files import or_unreachable
from syncd.sources.folders import ARCHIVE, REJECTED, opened, own


def delete_old(path: Path, before: str, spared: Collection[str], most: int) -> int:
    """Delete what lies in `archive/` and `rejected/` of the folder since before that stamp.

    At most `most` files; none in `archive/` that is `spared`; none at all where nothing was put away since
    that stamp: it may be a clock far ahead by which they look old. Returns how many were deleted.

    Raises:
        SourceUnreachable: they cannot be listed or deleted.
    """
    deleted = 0
    with ExitStack() as stack:
        folder = stack.enter_context(opened(path))
        archive = stack.enter_context(own(path, folder, ARCHIVE))
        rejected = stack.enter_context(own(path, folder, REJECTED))
        stack.enter_context(or_unreachable(f"{path / ARCHIVE} or {path / REJECTED} cannot be cleared"))
        put_away = {place: sorted(_put_away(place)) for place in (archive, rejected)}
        if all(stamp_of(entry) < before for entries in put_away.values() for entry in entries):
            return 0
        for place, kept in ((archive, spared), (rejected, ())):
            old = (entry for entry in put_away[place] if stamp_of(entry) < before and entry not in kept)
            for entry in islice(old, most - deleted):
                with suppress(FileNotFoundError):
                    os.unlink(entry, dir_fd=place)
                    deleted += 1
    return deleted


def _put_away(place: int) -> Iterator[str]:
    for entry, status in listed(place):
        if S_ISREG(status.st_mode) and stamp_of(entry):
            yield entry
