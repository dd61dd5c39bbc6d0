"""The files of a plan on disk: opened as what they are, and told apart from what they were."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Final

from syncd.sources.files import OPEN_FLAGS, Identity
from syncd.sources.rows import SourceUnreachable, SourceUnreadable, shown

MOST_BYTES: Final = 1 << 30
"""More than ten million rows have."""

_CHANGED: Final = (
    "changed while it was being read, which says nothing yet: it is read again. Best write it under another "
    "name, and rename it into place when it is complete"
)
_REMEDIES: Final[dict[type[OSError], str]] = {
    FileNotFoundError: "write it, or correct its path in syncd.toml",
    PermissionError: "give the user that syncd runs as the right to read it and to enter its folder",
    NotADirectoryError: "correct its path in syncd.toml",
}


class PlanFile:
    """One file, which may be read several times: it must be the same each time.

    `most_bytes`: a larger one is refused.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._identity: Identity | None = None

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """The file, for reading.

        Raises:
            SourceUnreadable: it is nothing that can be read; the message does not name it.
            SourceUnreachable: it cannot be read now, or is not what it was.
        """
        try:
            self._check(os.lstat(self._path))
            descriptor = os.open(self._path, OPEN_FLAGS)
        except OSError as error:
            raise SourceUnreachable(_failed("cannot be opened", error)) from error
        with os.fdopen(descriptor, "rb") as file:
            self._hold_to(os.fstat(descriptor))
            yield file
            self._hold_to(os.fstat(descriptor))

    def _check(self, status: os.stat_result) -> None:
        """Refuse what is no file: reading it might never end, or is somebody else's choice."""
        if S_ISLNK(status.st_mode):
            target = shown(str(self._path.readlink()), 200)
            raise SourceUnreadable(f'is a link to "{target}": name that file itself in syncd.toml')
        if S_ISDIR(status.st_mode):
            raise SourceUnreadable("is a folder: name a file in syncd.toml")
        if not S_ISREG(status.st_mode):
            raise SourceUnreadable("is a pipe or a device: name a file in syncd.toml")
        if status.st_size > self._most_bytes:
            raise SourceUnreadable(
                f"has {status.st_size:,} bytes, more than the {self._most_bytes:,} that are read: "
                "correct its path in syncd.toml, or leave out what says nothing"
            )

    def _hold_to(self, status: os.stat_result) -> None:
        identity = Identity.of(status)
        if self._identity is None:
            self._check(status)
            self._identity = identity
        elif identity != self._identity:
            raise SourceUnreachable(_CHANGED)


def fingerprint(path: Path) -> tuple[int, ...]:
    """Give what differs when the file may say something else, or may be readable where it was not. Cheap."""
    try:
        status = path.lstat()
    except OSError as error:
        return (error.errno or 0,)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def modified_at(path: Path) -> float:
    """Give when it was last written, in seconds since the epoch; long ago where there is none."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def database_fingerprint(path: Path) -> tuple[tuple[int, ...], ...]:
    """The same of an SQLite database: what it says may stand beside it. A log without content is none."""
    real = _followed(path)
    log = fingerprint(real.with_name(f"{real.name}-wal"))
    has_content = len(log) > 1 and log[2] > 0
    return fingerprint(real), (log[:-1] if has_content else ())  # whoever looks may change its owner


def _followed(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _failed(what: str, error: OSError) -> str:
    reason = shown(error.strerror or str(error))
    return f"{what}: {reason}: {_REMEDIES.get(type(error), 'see what is wrong with its disk')}"
