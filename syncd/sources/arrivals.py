"""What has arrived in a watched folder: which files are complete, and why others are left alone."""

import fnmatch
import heapq
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from syncd.sources.dating import Dating
from syncd.sources.entries import LONGEST_NAME, listed, safe_name
from syncd.sources.files import Identity, or_unreachable
from syncd.sources.folders import OWN_FOLDERS, opened
from syncd.sources.leases import open_for_writing
from syncd.sources.markers import Markers

MOST_CANDIDATES: Final = 10_000
"""Files that one scan deals with: the rest wait for the next."""
MOST_LEFT_ALONE: Final = 100
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
        return safe_name(self.entry)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something in the folder that will not be read, and why. Worth a word to a person if it stays."""

    name: str
    reason: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look into the folder found, in order."""

    ready: tuple[Candidate, ...]
    settling: tuple[Candidate, ...]
    """Perhaps still being written."""
    left_alone: tuple[LeftAlone, ...]
    """The first `MOST_LEFT_ALONE` of them."""
    beyond: int
    """Files that this scan did not get to, because there are more than `MOST_CANDIDATES`."""


class Arrivals:
    """Looks through one folder, again and again, and remembers since when each file has not changed."""

    def __init__(
        self, path: Path, patterns: Sequence[str], settle_seconds: float, markers: Markers, dating: Dating
    ) -> None:
        self._path = path
        self._patterns = patterns
        self._matches = re.compile("|".join(fnmatch.translate(one) for one in patterns), re.IGNORECASE)
        self._settle_seconds = settle_seconds
        self._markers = markers
        self._dating = dating
        self._seen: dict[str, tuple[Identity, float]] = {}

    def scan(self, now: float, *, newest_first: bool = False) -> Scan:
        """Look what is there. `now` is monotonic time in seconds.

        What it does not get to are the newest, or with `newest_first` the oldest.

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

        with opened(self._path) as folder:
            choose = heapq.nlargest if newest_first else heapq.nsmallest
            chosen = choose(MOST_CANDIDATES, candidates(folder), key=self._dating.order)
            ready, settling = self._settled(folder, chosen, left_alone, now)
        return Scan(tuple(ready), tuple(settling), tuple(left_alone), beyond=max(0, count - len(chosen)))

    def forget(self, entry: str) -> None:
        """Begin anew with a name: its file has been taken, and the next is another."""
        self._seen.pop(entry, None)

    def _entries(self, folder: int) -> Iterator[tuple[str, os.stat_result, str]]:
        """Each thing in the folder with the reason to leave it alone, or ""."""
        with or_unreachable(f"The folder {self._path} cannot be listed"):
            for entry, status in listed(folder):
                if S_ISDIR(status.st_mode) and entry in OWN_FOLDERS:
                    continue
                if self._markers.is_one(entry):
                    reason = self._markers.reason_to_report(entry, folder)
                    if reason:
                        yield entry, status, reason
                    continue
                reason = self._reason_to_leave(entry, status)
                reason = reason or self._markers.reason_to_wait(entry, status.st_mtime_ns, folder)
                yield entry, status, reason

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


def _left_alone(entry: str, modified_ns: int, reason: str) -> LeftAlone:
    return LeftAlone(safe_name(entry), reason, datetime.fromtimestamp(modified_ns / 1e9, UTC))
