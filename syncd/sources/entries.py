"""Names of files in syncd's own folders: they tell the order of arrival and the name the file came with."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from syncd.sources.rows import shown

LONGEST_NAME: Final = 200
"""Bytes of a name from outside: what file systems allow (255), less what is put before and behind it."""

_CLAIMED: Final = re.compile(r"([0-9]{20})-[0-9]{4}--(.+)", re.DOTALL)
_STAMP: Final = r"([0-9]{8}T[0-9]{6}\.[0-9]{6}Z)"
_ARCHIVED: Final = re.compile(_STAMP + r"-([0-9a-f]{8})(?:\.[0-9]+)?-(.+)", re.DOTALL)
_REJECTED: Final = re.compile(_STAMP + r"(?:\.[0-9]+)?-.+", re.DOTALL)


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


def safe_name(entry: str) -> str:
    """The name of a file from outside, safe to show and to give to another file."""
    safe = shown(entry, LONGEST_NAME).encode()
    return safe[-LONGEST_NAME:].decode(errors="ignore")


def free_claim(folder: int, name: str, modified_ns: int) -> str:
    """A name for a claimed file that sorts by its time and is not taken."""
    count = 0
    while exists(folder, entry := f"{max(0, modified_ns):020d}-{count:04d}--{name}"):
        count += 1
    return entry


def free_name(folder: int, prefix: str, name: str) -> str:
    """A name for a file that is put away, and is not taken. The count is no part of the name behind it."""
    count = 1
    entry = f"{prefix}-{name}"
    while exists(folder, entry):
        count += 1
        entry = f"{prefix}.{count}-{name}"
    return entry


def stamp(at: datetime) -> str:
    """The moment in UTC, so that names sort by it."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def name_of_claimed(entry: str) -> str | None:
    """The name a claimed file came with, exactly; None if the entry is no claimed file."""
    match = _CLAIMED.fullmatch(entry)
    return match and match[2]


def is_as_claimed(entry: str, modified_ns: int) -> bool:
    """Tell whether a claimed file is as old as when it was claimed: nobody wrote on."""
    match = _CLAIMED.fullmatch(entry)
    return match is not None and int(match[1]) == max(0, modified_ns)


def name_of_archived(entry: str) -> str | None:
    """The name an archived file came with, safe to show; None if the entry is no archived file."""
    match = _ARCHIVED.fullmatch(entry)
    return match and match[3]


def digest_of_archived(entry: str) -> str:
    """The first digits of the hash of an archived file."""
    match = _ARCHIVED.fullmatch(entry)
    return match[2] if match else ""


def stamp_of(entry: str) -> str:
    """When a file was put away, as a `stamp`; empty if the entry was not made by putting away."""
    match = _ARCHIVED.fullmatch(entry) or _REJECTED.fullmatch(entry)
    return match[1] if match else ""


def exists(folder: int, name: str) -> bool:
    """Whether the folder has something of that name, be it a link that leads nowhere."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
