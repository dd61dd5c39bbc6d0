"""Files that syncd has taken into a folder of its own: nobody renames them, but some may still write."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final, Protocol

from syncd.sources.rows import SourceUnreachable, shown

OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Bytes(Protocol):
    """What can be read, and read again from any place."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to a byte."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What must stay the same for a file to be the same, and unchanged."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """The identity that a stat call tells."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file in one of syncd's own folders. `name` is the name it was given outside, safe to show."""

    name: str
    folder: Path = field(repr=False)
    entry: str = field(repr=False)
    """The name within `folder`, exactly."""
    identity: Identity = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    @property
    def modified_at(self) -> datetime:
        """When its producer last wrote to it, by the clock of whoever set that."""
        return datetime.fromtimestamp(self.identity.modified_ns / 1e9, UTC)

    def open(self) -> BufferedReader:
        """The file, for reading.

        Raises:
            SourceUnreachable: it cannot be opened, or is no longer the file that was taken.
        """
        with or_unreachable(f"{self.name} cannot be opened"):
            descriptor = os.open(self.folder / self.entry, OPEN_FLAGS)
        status = os.fstat(descriptor)
        if not S_ISREG(status.st_mode) or Identity.of(status) != self.identity:
            os.close(descriptor)
            raise self._changed()
        return os.fdopen(descriptor, "rb")

    def sha256(self) -> str:
        """The hash of its bytes, in hexadecimal.

        Raises:
            SourceUnreachable: it cannot be read.
        """
        with self.open() as file, or_unreachable(f"{self.name} cannot be read"):
            return hashlib.file_digest(file, "sha256").hexdigest()

    def verify_unchanged(self) -> None:
        """To be called after reading: a producer that still had it open may have written on.

        Raises:
            SourceUnreachable: it is not as it was; what was read is void.
        """
        with or_unreachable(f"{self.name} is gone"):
            status = os.lstat(self.folder / self.entry)
        if Identity.of(status) != self.identity:
            raise self._changed()

    def _changed(self) -> SourceUnreachable:
        return SourceUnreachable(
            f"{self.name} changed while it was being read. Write exports under another name or in another "
            "folder, and rename them into place when they are complete."
        )


class ClaimedFile(OwnFile):
    """A file taken out of the drop folder, waiting for its verdict."""

    __slots__ = ()


class ArchivedFile(OwnFile):
    """A file that has had its effect."""

    __slots__ = ()


@contextmanager
def or_unreachable(what: str) -> Iterator[None]:
    """Errors of the operating system as SourceUnreachable: `what` went wrong, why, and what to do."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(type(error), "")
        raise SourceUnreachable(f"{what}: {shown(error.strerror or str(error))}.{remedy}") from error


class DiskFile:
    """The file itself. A disk that fails must not pass for damage, as it would inside `zipfile`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes.

        Raises:
            SourceUnreachable: they cannot be read.
        """
        with or_unreachable("The file cannot be read"):
            return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte."""
        return self._file.seek(offset, whence)  # fails only where an archive points before its beginning

    def tell(self) -> int:
        """At which byte it is."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Always."""
        return True


_REMEDIES: Final[dict[type[OSError], str]] = {
    PermissionError: " Give the user that syncd runs as the right to read, write and enter it; "
    "under systemd, name the folder in ReadWritePaths=.",
    FileNotFoundError: " Create it, or mount what should be there.",
}
