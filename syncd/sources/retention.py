"""Deleting what was put away long ago. Names that syncd did not make are nobody's to delete."""

import os
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from syncd.sources.entries import listed, stamp_of
from syncd.sources.files import or_unreachable
from syncd.sources.folders import ARCHIVE, REJECTED, opened, own


def delete_old(path: Path, before: str, spared: Collection[str], most: int) -> int:
    """Delete what lies in `archive/` and `rejected/` of the folder since before that stamp.

    At most `most` files; none in `archive/` that is `spared`. Returns how many were deleted.

    Raises:
        SourceUnreachable: they cannot be listed or deleted.
    """
    deleted = 0
    with opened(path) as folder:
        for name, kept in ((ARCHIVE, spared), (REJECTED, ())):
            with own(path, folder, name) as place, or_unreachable(f"{path / name} cannot be cleared"):
                old = [
                    entry
                    for entry, status in listed(place)
                    if S_ISREG(status.st_mode) and "" < stamp_of(entry) < before and entry not in kept
                ]
                for entry in islice(sorted(old), most - deleted):
                    with suppress(FileNotFoundError):
                        os.unlink(entry, dir_fd=place)
                        deleted += 1
    return deleted
