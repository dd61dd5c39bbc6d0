"""The watched folder: which files are complete, and taking them out of other programs' reach.

`FOLDER/` is where exports arrive, `archive/` keeps those that had their effect, `rejected/` the refused ones
beside a report each, `.syncd/` (mode 0700) those that are being dealt with. A file is claimed by a rename
into `.syncd/` before it is read, so that a newer file of the same name is never taken for it. One that its
producer writes on after that goes back into the folder, to be taken again when it is complete.
"""

import errno
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final

from syncd.sources.arrivals import Arrivals, Candidate, Scan
from syncd.sources.dating import Dating
from syncd.sources.entries import (
    Place,
    exists,
    free_claim,
    free_name,
    listed,
    name_of_archived,
    name_of_claimed,
    safe_name,
    stamp,
)
from syncd.sources.files import OPEN_FLAGS, ArchivedFile, ClaimedFile, Identity, or_unreachable
from syncd.sources.folders import ARCHIVE, OWN_FOLDERS, PRIVATE, REJECTED, opened, own
from syncd.sources.markers import Markers
from syncd.sources.retention import delete_old

MOST_WATCHED: Final = 32
"""Files put away last, whose producers may write on after a pause."""


class DropFolder:
    """One watched folder. All methods block; call them from one thread at a time.

    `patterns` are shell patterns for names, whatever their case; `settle_seconds` is how long a file must
    stay unchanged to be taken for complete; `marker` is what the name of a marker that it waits for has
    behind its own, "" = none; `dating` puts files in order.
    """

    def __init__(
        self,
        path: Path,
        *,
        patterns: Sequence[str],
        settle_seconds: float,
        marker: str = "",
        dating: Dating = Dating(),  # noqa: B008 (it is frozen)
    ) -> None:
        self.path = path
        self.dating = dating
        self._markers = Markers(marker)
        self._arrivals = Arrivals(path, patterns, settle_seconds, self._markers, dating)
        self._put_away: deque[tuple[ClaimedFile, str, str]] = deque(maxlen=MOST_WATCHED)

    def prepare(self) -> None:
        """Make the folder and those inside it.

        Raises:
            SourceUnreachable: it cannot be, or they are not on one file system.
        """
        with or_unreachable(f"The folder {self.path} cannot be made"):
            self.path.mkdir(parents=True, exist_ok=True)
        with opened(self.path) as folder:
            for name in (PRIVATE, ARCHIVE, REJECTED):
                with own(self.path, folder, name):
                    pass

    def is_prepared(self) -> bool:
        """Tell whether the folders inside it are there: without them nothing was ever taken out of it.

        Raises:
            SourceUnreachable: the folder itself is missing.
        """
        with opened(self.path):
            return all((self.path / name).is_dir() for name in OWN_FOLDERS)

    def scan(self, now: float, *, newest_first: bool = False) -> Scan:
        """Look what has arrived. `now` is monotonic time in seconds.

        Raises:
            SourceUnreachable: the folder is missing or cannot be listed.
        """
        return self._arrivals.scan(now, newest_first=newest_first)

    def claim(self, candidate: Candidate) -> ClaimedFile | None:
        """Take the file out of the folder; None if it is not the same any more (a later scan sees it anew).

        Raises:
            SourceUnreachable: it cannot be opened or moved.
        """
        with (
            opened(self.path) as folder,
            own(self.path, folder, PRIVATE) as private,
            or_unreachable(f"{candidate.name} cannot be claimed from {self.path}"),
        ):
            marker = self._markers.seen(candidate.entry, candidate.identity.modified_ns, folder)
            if not _is_there(candidate, folder) or not self._markers.vouch(marker):
                return None
            entry = free_claim(private, candidate.entry, candidate.identity.modified_ns)
            try:
                os.rename(candidate.entry, entry, src_dir_fd=folder, dst_dir_fd=private)
            except FileNotFoundError:
                return None
            self._arrivals.forget(candidate.entry)
            moved = Identity.of(os.stat(entry, dir_fd=private, follow_symlinks=False))
            if moved != candidate.identity:
                _move_back(candidate.entry, folder, entry, private)
                return None
            if marker is not None:
                self._markers.remove(candidate.entry, marker, folder, private)
        return ClaimedFile(candidate.name, self.path / PRIVATE, entry, moved)

    def give_back(self, claimed: ClaimedFile) -> bool:
        """Put a file that its producer wrote on back where it came from, to be taken when it is complete.

        False while another file has its name there.

        Raises:
            SourceUnreachable: it cannot be moved.
        """
        return self._give_back(claimed, PRIVATE, claimed.entry)

    def give_back_grown(self) -> list[str]:
        """Put files back that were put away, and grew since: their producers paused, and went on.

        Only the last `MOST_WATCHED`, and while this object lives. Returns their names, safe to show.

        Raises:
            SourceUnreachable: one cannot be moved.
        """
        grown = []
        for claimed, where, entry in tuple(self._put_away):
            if _has_grown(self.path / where / entry, claimed.identity):
                if self._give_back(claimed, where, entry):
                    grown.append(claimed.name)
                self._put_away.remove((claimed, where, entry))
        return grown

    def claimed(self) -> list[ClaimedFile]:
        """The claimed files that are not put away yet, in order.

        Raises:
            SourceUnreachable: they cannot be listed.
        """
        found = []
        with opened(self.path) as folder, own(self.path, folder, PRIVATE) as private:
            for entry, status in listed(private):
                name = name_of_claimed(entry)
                if name and S_ISREG(status.st_mode):
                    place = self.path / PRIVATE
                    found.append(ClaimedFile(safe_name(name), place, entry, Identity.of(status)))
        return sorted(found, key=self.dating.order)

    def archive(self, claimed: ClaimedFile, at: datetime, sha256: str) -> Path:
        """Move a file that had its effect to `archive/`. Returns where it is now.

        Raises:
            SourceUnreachable: it cannot be moved.
        """
        with self._place_for(claimed, ARCHIVE, f"{stamp(at)}-{sha256[:8]}") as place:
            place.take(claimed.entry)
            self._put_away.append((claimed, ARCHIVE, place.entry))
            return self.path / ARCHIVE / place.entry

    def reject(self, claimed: ClaimedFile, at: datetime, report_text: str) -> Path:
        """Move a refused file to `rejected/`, with the report beside it as `….txt`.

        Returns where the file is now.

        Raises:
            SourceUnreachable: it cannot be moved, or the report not be written.
        """
        with self._place_for(claimed, REJECTED, stamp(at)) as place:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(f"{place.entry}.txt", flags, 0o666, dir_fd=place.folder)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as report:
                    report.write(report_text)
                place.take(claimed.entry)
            except OSError:
                with suppress(OSError):
                    os.unlink(f"{place.entry}.txt", dir_fd=place.folder)
                raise
            self._put_away.append((claimed, REJECTED, place.entry))
            return self.path / REJECTED / place.entry

    def delete_old(self, before: datetime, most: int) -> int:
        """Delete what was put away before that time, at most so many files; return how many.

        What a lost state would be made again from stays: the newest archived file. None is deleted where
        nothing was put away since that time: the clock may be wrong.

        Raises:
            SourceUnreachable: they cannot be listed or deleted.
        """
        spared = {file.entry for file in self.archived()[-1:]}
        return delete_old(self.path, stamp(before), spared, most)

    def archived(self) -> list[ArchivedFile]:
        """The archived files in order: by the time of their data, not of their archiving.

        Raises:
            SourceUnreachable: they cannot be listed.
        """
        found = []
        with opened(self.path) as folder, own(self.path, folder, ARCHIVE) as archive:
            for entry, status in listed(archive):
                name = name_of_archived(entry)
                if name and S_ISREG(status.st_mode):
                    found.append(ArchivedFile(name, self.path / ARCHIVE, entry, Identity.of(status)))
        return sorted(found, key=self.dating.order)

    @contextmanager
    def _place_for(self, claimed: ClaimedFile, where: str, prefix: str) -> Iterator[Place]:
        with (
            opened(self.path) as folder,
            own(self.path, folder, PRIVATE) as private,
            own(self.path, folder, where) as target,
            or_unreachable(f"{claimed.name} cannot be moved to {self.path / where}"),
        ):
            yield Place(private, target, free_name(target, prefix, claimed.name))

    def _give_back(self, claimed: ClaimedFile, where: str, entry: str) -> bool:
        with (
            opened(self.path) as folder,
            own(self.path, folder, where) as place,
            or_unreachable(f"{claimed.name} cannot be moved back to {self.path}"),
        ):
            return _move_back(name_of_claimed(claimed.entry) or "", folder, entry, place)


def _is_there(candidate: Candidate, folder: int) -> bool:
    """Whether the folder still holds this very file, as a regular one under one name only."""
    try:
        descriptor = os.open(candidate.entry, OPEN_FLAGS, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:  # gone, a link, a pipe or socket
            return False
        raise
    try:
        status = os.fstat(descriptor)
        return S_ISREG(status.st_mode) and status.st_nlink == 1 and Identity.of(status) == candidate.identity
    finally:
        os.close(descriptor)


def _has_grown(path: Path, identity: Identity) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    same = (status.st_dev, status.st_ino) == (identity.device, identity.inode)
    return same and status.st_size > identity.size


def _move_back(entry: str, folder: int, lies_as: str, place: int) -> bool:
    """Move a file back into the folder without replacing another; tell whether it is there."""
    try:
        os.link(lies_as, entry, src_dir_fd=place, dst_dir_fd=folder, follow_symlinks=False)
    except OSError:
        if exists(folder, entry):
            if not _is_same(entry, folder, lies_as, place):
                return False
        else:  # the file system knows no links
            os.rename(lies_as, entry, src_dir_fd=place, dst_dir_fd=folder)
            return True
    os.unlink(lies_as, dir_fd=place)
    return True


def _is_same(entry: str, folder: int, lies_as: str, place: int) -> bool:
    """Whether both names are one file: a crash came before one of them was taken away."""
    one = os.stat(entry, dir_fd=folder, follow_symlinks=False)
    other = os.stat(lies_as, dir_fd=place, follow_symlinks=False)
    return os.path.samestat(one, other)
