"""The watched folder: which files are complete, and taking them out of other programs' reach.

`FOLDER/` is where exports arrive, `archive/` keeps those that had their effect, `rejected/` the refused ones
beside a report each, `.syncd/` (mode 0700) those that are being dealt with. A file is claimed by a rename
into `.syncd/` before it is read, so that a newer file of the same name is never taken for it.
"""

import errno
import fnmatch
import heapq
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from syncd.sources.entries import (
    LONGEST_NAME,
    Place,
    free_claim,
    free_name,
    listed,
    name_of_archived,
    name_of_claimed,
    stamp,
)
from syncd.sources.files import OPEN_FLAGS, ArchivedFile, ClaimedFile, Identity, or_unreachable
from syncd.sources.leases import open_for_writing
from syncd.sources.rows import SourceUnreachable, shown

MOST_CANDIDATES: Final = 10_000
"""Files that one scan deals with, the oldest first: the rest wait for the next."""
MOST_LEFT_ALONE: Final = 100

OWN_FOLDERS: Final = ("archive", "rejected", ".syncd")
_ARCHIVE, _REJECTED, _PRIVATE = OWN_FOLDERS
_TEMPORARY: Final = re.compile(
    r"^[.~]|~$|\.(?:part|partial|tmp|temp|filepart|crdownload|download)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file in the folder that may be taken. `entry` is its name there, exactly; `name` is safe to show."""

    entry: str
    identity: Identity

    @property
    def name(self) -> str:
        """The name, safe to show."""
        return shown(self.entry, LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something in the folder that will not be read, and why. Worth a word to a person if it stays."""

    name: str
    reason: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look into the folder found, oldest first."""

    ready: tuple[Candidate, ...]
    settling: tuple[Candidate, ...]
    """Perhaps still being written."""
    left_alone: tuple[LeftAlone, ...]
    """The first `MOST_LEFT_ALONE` of them."""
    beyond: int
    """Files that this scan did not get to, because there are more than `MOST_CANDIDATES`."""


class DropFolder:
    """One watched folder. All methods block; call them from one thread at a time.

    `patterns` are shell patterns for names, whatever their case; `settle_seconds` is how long a file must
    stay unchanged to be taken for complete.
    """

    def __init__(self, path: Path, *, patterns: Sequence[str], settle_seconds: float) -> None:
        self.path = path
        self._patterns = patterns
        self._matches = re.compile("|".join(fnmatch.translate(one) for one in patterns), re.IGNORECASE)
        self._settle_seconds = settle_seconds
        self._seen: dict[str, tuple[Identity, float]] = {}

    def prepare(self) -> None:
        """Make the folder and those inside it.

        Raises:
            SourceUnreachable: it cannot be, or they are not on one file system.
        """
        with or_unreachable(f"The folder {self.path} cannot be made"):
            self.path.mkdir(parents=True, exist_ok=True)
        with self._opened() as folder:
            for name in (_PRIVATE, _ARCHIVE, _REJECTED):
                with self._own(folder, name):
                    pass

    def is_prepared(self) -> bool:
        """Tell whether the folders inside it are there: without them nothing was ever taken out of it.

        Raises:
            SourceUnreachable: the folder itself is missing.
        """
        with self._opened():
            return all((self.path / name).is_dir() for name in OWN_FOLDERS)

    def scan(self, now: float) -> Scan:
        """Look what is there. `now` is monotonic time in seconds.

        Raises:
            SourceUnreachable: the folder is missing or cannot be listed.
        """
        left_alone: list[LeftAlone] = []
        count = 0

        def candidates(folder: int) -> Iterator[Candidate]:
            nonlocal count
            for entry, status, reason in self._entries(folder):
                if not reason:
                    count += 1
                    yield Candidate(entry, Identity.of(status))
                elif len(left_alone) < MOST_LEFT_ALONE:
                    left_alone.append(_left_alone(entry, status.st_mtime_ns, reason))

        with self._opened() as folder:
            oldest = heapq.nsmallest(MOST_CANDIDATES, candidates(folder), key=_arrival)
            ready, settling = self._settled(folder, oldest, left_alone, now)
        return Scan(tuple(ready), tuple(settling), tuple(left_alone), beyond=max(0, count - len(oldest)))

    def claim(self, candidate: Candidate) -> ClaimedFile | None:
        """Take the file out of the folder; None if it is not the same any more (a later scan sees it anew).

        Raises:
            SourceUnreachable: it cannot be opened or moved.
        """
        with (
            self._opened() as folder,
            self._own(folder, _PRIVATE) as private,
            or_unreachable(f"{candidate.name} cannot be claimed from {self.path}"),
        ):
            if not _is_there(candidate, folder):
                return None
            entry = free_claim(private, candidate.entry, candidate.identity.modified_ns)
            try:
                os.rename(candidate.entry, entry, src_dir_fd=folder, dst_dir_fd=private)
            except FileNotFoundError:
                return None
            self._seen.pop(candidate.entry, None)
            moved = Identity.of(os.stat(entry, dir_fd=private, follow_symlinks=False))
            if moved != candidate.identity:
                _give_back(candidate.entry, folder, entry, private)
                return None
        return ClaimedFile(candidate.name, self.path / _PRIVATE, entry, moved)

    def claimed(self) -> list[ClaimedFile]:
        """The claimed files without a verdict yet, in the order of their arrival.

        Raises:
            SourceUnreachable: they cannot be listed.
        """
        found = []
        with self._opened() as folder, self._own(folder, _PRIVATE) as private:
            for entry, status in listed(private):
                name = name_of_claimed(entry)
                if name and S_ISREG(status.st_mode):
                    safe = shown(name, LONGEST_NAME)
                    found.append(ClaimedFile(safe, self.path / _PRIVATE, entry, Identity.of(status)))
        return sorted(found, key=lambda file: file.entry)

    def archive(self, claimed: ClaimedFile, at: datetime, sha256: str) -> Path:
        """Move a file that had its effect to `archive/`. Returns where it is now.

        Raises:
            SourceUnreachable: it cannot be moved.
        """
        with self._place_for(claimed, _ARCHIVE, f"{stamp(at)}-{sha256[:8]}-") as place:
            place.take(claimed.entry)
            return self.path / _ARCHIVE / place.entry

    def reject(self, claimed: ClaimedFile, at: datetime, report_text: str) -> Path:
        """Move a refused file to `rejected/`, with the report beside it as `….txt`.

        Returns where the file is now.

        Raises:
            SourceUnreachable: it cannot be moved, or the report not be written.
        """
        with self._place_for(claimed, _REJECTED, f"{stamp(at)}-") as place:
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
            return self.path / _REJECTED / place.entry

    def archived(self) -> list[ArchivedFile]:
        """The archived files, oldest first: by the time of their content, not of their archiving.

        Raises:
            SourceUnreachable: they cannot be listed.
        """
        found = []
        with self._opened() as folder, self._own(folder, _ARCHIVE) as archive:
            for entry, status in listed(archive):
                name = name_of_archived(entry)
                if name and S_ISREG(status.st_mode):
                    found.append(ArchivedFile(name, self.path / _ARCHIVE, entry, Identity.of(status)))
        return sorted(found, key=lambda file: (file.identity.modified_ns, file.entry))

    def _entries(self, folder: int) -> Iterator[tuple[str, os.stat_result, str]]:
        """Each thing in the folder with the reason to leave it alone, or ""."""
        with or_unreachable(f"The folder {self.path} cannot be listed"):
            for entry, status in listed(folder):
                if S_ISDIR(status.st_mode) and entry in OWN_FOLDERS:
                    continue
                yield entry, status, self._reason_to_leave(entry, status)

    def _reason_to_leave(self, entry: str, status: os.stat_result) -> str:
        if not S_ISREG(status.st_mode):
            return "not a regular file (a link, a folder, a pipe or a device)"
        if status.st_nlink > 1:
            return "it has a second name elsewhere (a hard link)"
        if _TEMPORARY.search(entry):
            return "a temporary name: rename it when it is complete"
        if not self._matches.match(entry):
            return f"the name matches none of {', '.join(self._patterns)}"
        if len(os.fsencode(entry)) > LONGEST_NAME:
            return f"the name is longer than {LONGEST_NAME} bytes"
        return "" if status.st_size else "empty: nothing has been written to it yet"

    def _settled(
        self, folder: int, files: list[Candidate], left_alone: list[LeftAlone], now: float
    ) -> tuple[list[Candidate], list[Candidate]]:
        ready: list[Candidate] = []
        settling: list[Candidate] = []
        seen: dict[str, tuple[Identity, float]] = {}
        for file in files:
            identity, since = self._seen.get(file.entry, (file.identity, now))
            if identity != file.identity:
                since = now
            seen[file.entry] = (file.identity, since)
            if now - since < self._settle_seconds:
                settling.append(file)
                continue
            try:
                (settling if open_for_writing(file.entry, folder) else ready).append(file)
            except PermissionError:
                reason = "syncd may not read it: give its user the right to"
                left_alone.append(_left_alone(file.entry, file.identity.modified_ns, reason))
            except OSError:
                settling.append(file)  # it is just changing: the next scan sees what it became
        self._seen = seen
        return ready, settling

    @contextmanager
    def _place_for(self, claimed: ClaimedFile, where: str, prefix: str) -> Iterator[Place]:
        with (
            self._opened() as folder,
            self._own(folder, _PRIVATE) as private,
            self._own(folder, where) as target,
            or_unreachable(f"{claimed.name} cannot be moved to {self.path / where}"),
        ):
            yield Place(private, target, free_name(target, prefix, claimed.name))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder as a descriptor, opened anew each time: it may have been deleted and made again."""
        with or_unreachable(f"The folder {self.path} cannot be opened"):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _own(self, folder: int, name: str) -> Iterator[int]:
        """One of syncd's own folders, made where it is missing. Never a link: it could lead anywhere."""
        with or_unreachable(f"The folder {self.path / name} cannot be made or opened"):
            with suppress(FileExistsError):
                os.mkdir(name, 0o700 if name == _PRIVATE else 0o777, dir_fd=folder)
            descriptor = os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            )
        try:
            if os.fstat(descriptor).st_dev != os.fstat(folder).st_dev:
                raise SourceUnreachable(
                    f"The folder {self.path / name} is on another file system than {self.path}: files cannot "
                    "be moved between them in one step. Keep both on one."
                )
            yield descriptor
        finally:
            os.close(descriptor)


def _arrival(file: Candidate) -> tuple[int, str]:
    return file.identity.modified_ns, file.entry


def _left_alone(entry: str, modified_ns: int, reason: str) -> LeftAlone:
    return LeftAlone(shown(entry, LONGEST_NAME), reason, datetime.fromtimestamp(modified_ns / 1e9, UTC))


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


def _give_back(entry: str, folder: int, claimed: str, private: int) -> None:
    """Undo a claim that caught a file put there a moment ago.

    Where yet another has taken its place, or the file system knows no links, it stays among the claimed,
    where `claimed()` finds it.
    """
    try:
        os.link(claimed, entry, src_dir_fd=private, dst_dir_fd=folder, follow_symlinks=False)
    except OSError:
        return
    os.unlink(claimed, dir_fd=private)
