"""Markers: files beside exports, such as `export.csv.ok`, by which a producer says that one is complete."""

import os
from dataclasses import dataclass
from stat import S_ISREG
from typing import Final

from syncd.sources.entries import LONGEST_NAME, exists
from syncd.sources.files import Identity
from syncd.sources.rows import shown

_TAKEN: Final = "marker"
"""The name in syncd's own folder of a marker that is being removed."""


@dataclass(frozen=True, slots=True)
class Markers:
    """Markers have the name of their file and `suffix`; where that is empty, none are asked for."""

    suffix: str

    def is_one(self, entry: str) -> bool:
        """Tell a marker by its name, in whatever case: it is no data."""
        return bool(self.suffix) and entry.casefold().endswith(self.suffix.casefold())

    def reason_to_report(self, entry: str, folder: int) -> str:
        """Say what is wrong with a marker; "" where its file is there."""
        file = entry.removesuffix(self.suffix)
        if file not in {"", entry} and exists(folder, file):
            return ""
        return (
            f'a marker whose file is not there: a marker is named as its file, and "{self.suffix}" behind it'
        )

    def reason_to_wait(self, entry: str, modified_ns: int, folder: int) -> str:
        """Say why a file is not yet vouched for; "" where it is."""
        if not self.suffix or self.seen(entry, modified_ns, folder) is not None:
            return ""
        return (
            f"waits for its marker {shown(entry + self.suffix, LONGEST_NAME)}, a file not older than itself"
        )

    def seen(self, entry: str, modified_ns: int, folder: int) -> Identity | None:
        """Give the marker that vouches for a file: a regular file, not older than that; None without one."""
        if not self.suffix:
            return None
        try:
            status = os.stat(entry + self.suffix, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return Identity.of(status) if S_ISREG(status.st_mode) and status.st_mtime_ns >= modified_ns else None

    def vouch(self, seen: Identity | None) -> bool:
        """Tell whether a file is complete by what was `seen` of its marker."""
        return seen is not None or not self.suffix

    def remove(self, entry: str, seen: Identity, folder: int, private: int) -> None:
        """Remove the marker that was seen. One put there since vouches for a newer file: it stays.

        Raises:
            OSError: it cannot be moved or removed.
        """
        name = entry + self.suffix
        try:
            os.rename(name, _TAKEN, src_dir_fd=folder, dst_dir_fd=private)
        except FileNotFoundError:
            return
        taken = Identity.of(os.stat(_TAKEN, dir_fd=private, follow_symlinks=False))
        if taken != seen and not exists(folder, name):
            os.rename(_TAKEN, name, src_dir_fd=private, dst_dir_fd=folder)
        else:
            os.unlink(_TAKEN, dir_fd=private)
