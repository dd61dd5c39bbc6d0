"""Names of files in syncd's own folders: they tell the order of arrival and the name the file came with."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

LONGEST_NAME: Final = 200
"""Bytes of a name from outside: what file systems allow (255), less what is put before and behind it."""

_CLAIMED: Final = re.compile(r"[0-9]{20}-[0-9]{4}--(.+)", re.DOTALL)
_ARCHIVED: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{8}-(?:[0-9]+-)?(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claimed file will lie: descriptors of the folder it is in and of the new one; its name."""

    private: int
    folder: int
    entry: str

    def take(self, entry: str) -> None:
        """Move the claimed file there."""
        os.rename(entry, self.entry, src_dir_fd=self.private, dst_dir_fd=self.folder)


def listed(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    """Each name in the folder with what it is; links are not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.name, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue


def free_claim(folder: int, name: str, modified_ns: int) -> str:
    """A name for a claimed file that sorts by its time and is not taken."""
    count = 0
    while _exists(folder, entry := f"{max(0, modified_ns):020d}-{count:04d}--{name}"):
        count += 1
    return entry


def free_name(folder: int, prefix: str, name: str) -> str:
    """A name for a file that is put away, and is not taken. Keeps the end of a name that is too long."""
    if len(name.encode()) > LONGEST_NAME:
        name = name.encode()[-LONGEST_NAME:].decode(errors="ignore")
    count = 1
    entry = prefix + name
    while _exists(folder, entry):
        count += 1
        entry = f"{prefix}{count}-{name}"
    return entry


def stamp(at: datetime) -> str:
    """The moment in UTC, so that names sort by it."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def name_of_claimed(entry: str) -> str | None:
    """The name a claimed file came with, exactly; None if the entry is no claimed file."""
    match = _CLAIMED.fullmatch(entry)
    return match and match[1]


def name_of_archived(entry: str) -> str | None:
    """The name an archived file came with, safe to show; None if the entry is no archived file."""
    match = _ARCHIVED.fullmatch(entry)
    return match and match[1]


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
