"""A copy of the state database, made while others use it, complete and checked before it has its name."""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from state import dialect
from state.database import COPY

STEP_PAGES = 1_024
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system says that knows no second names, such as that of most USB sticks."""


class BackupDamaged(Exception):
    """What was copied is no sound database: the state itself may be damaged."""


class BackupRefused(Exception):
    """The copy may not have the name that was asked for."""


def back_up(state: Path, target: Path, *, replace: bool, progress: Callable[[int, int], None]) -> int:
    """Copy `state` to `target`; return the size in bytes. `progress` hears pages done and pages in all.

    One state of the database is copied, whatever is written meanwhile: a copy in steps without a reader
    holding that state begins anew with each write of a busy daemon. As long as it takes, the journal grows by
    what is written. The copy gets its name when it is complete, checked and on the disk; until then it lies
    beside it. Raises `BackupRefused`, `BackupDamaged`, `OSError` or `sqlite3.Error`, and leaves nothing.
    """
    _require_another(state, target, replace=replace)
    beside = target.with_name(f"{target.name}.part-{os.getpid()}")
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        _copy(state, beside, progress)
        _check(beside)
        _sync(beside)
        if replace:
            beside.replace(target)
        else:
            _name_new(beside, target)
        _sync(target.parent)
    except FileExistsError:
        raise BackupRefused(_there(target)) from None
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{beside}{suffix}").unlink(missing_ok=True)
    return target.stat().st_size


def _name_new(beside: Path, target: Path) -> None:
    """Give it its name, unless somebody has made one of that name meanwhile."""
    try:
        os.link(beside, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise BackupRefused(_there(target)) from None
        beside.rename(target)


def _require_another(state: Path, target: Path, *, replace: bool) -> None:
    real = target.resolve()
    own = {Path(f"{state.resolve()}{suffix}") for suffix in ("", "-wal", "-shm", ".lock", ".marker")}
    if real in own or (target.exists() and target.samefile(state)):
        raise BackupRefused(f"{target} is the state itself: name another file")
    if target.is_dir():
        raise BackupRefused(f"{target} is a folder: name a file in it")
    if target.exists() and not replace:
        raise BackupRefused(_there(target))


def _there(target: Path) -> str:
    return f"{target} exists: name another file, or replace it with --force"


def _copy(state: Path, beside: Path, progress: Callable[[int, int], None]) -> None:
    source = dialect.connect(state, readonly=True)
    try:
        copy = sqlite3.connect(beside, isolation_level=None)
        try:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on one state is read
            source.backup(
                copy, pages=STEP_PAGES, progress=lambda _, left, pages: progress(pages - left, pages)
            )
            source.execute("ROLLBACK")
            copy.execute("INSERT INTO meta(key, value) VALUES (?, '1') ON CONFLICT DO NOTHING", (COPY,))
            # A copy in one file: whoever moves it must not lose what its journal holds.
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
    finally:
        source.close()


def _check(beside: Path) -> None:
    connection = sqlite3.connect(beside)
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupDamaged(str(error)) from None
    finally:
        connection.close()
    if verdict != "ok":
        raise BackupDamaged(verdict)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
