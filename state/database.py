"""The state database: one writing connection, any number of readers, and how a damaged one is met."""

import fcntl
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from state import dialect, migrations

LOCK_SUFFIX = ".lock"
MARKER_SUFFIX = ".marker"
LOCK_TRIES = 5
LOCK_STEP_SECONDS = 0.05


class StateLocked(Exception):
    """Another instance holds the state database."""


class StateMissing(Exception):
    """There is no state database yet: nothing has run here."""


class InstanceLock:
    """Held for life by the one process that may write. It is the open file that holds it, not its content."""

    def __init__(self, database: Path) -> None:
        """Take the lock beside `database`; raise `StateLocked` where another process holds it."""
        self._fd = os.open(f"{database}{LOCK_SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(self._fd):
            os.close(self._fd)
            raise StateLocked(str(database))
        self.note("")

    def note(self, socket: str) -> None:
        """Leave a word on how to reach the holder: its process id and its control socket."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n{socket}\n".encode(), 0)

    def release(self) -> None:
        """Let the next instance in."""
        os.close(self._fd)


def _locked(fd: int) -> bool:
    """Take the lock, trying for a moment: a command may just be looking who holds it."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            threading.Event().wait(LOCK_STEP_SECONDS)
        else:
            return True
    return False


def holder_socket(database: Path) -> str | None:
    """Tell the control socket of the instance that holds the lock; None where none holds it.

    An instance that serves no socket (a command at work) gives "".
    """
    try:
        fd = os.open(f"{database}{LOCK_SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        lines = os.pread(fd, 4096, 0).decode(errors="replace").splitlines()
        return lines[1] if len(lines) > 1 else ""
    else:
        return None
    finally:
        os.close(fd)


class Marker:
    """Remembers, outside the database, how far the database has come: so a restored older copy is noticed."""

    def __init__(self, database: Path) -> None:
        """Stand beside `database`."""
        self._path = Path(f"{database}{MARKER_SUFFIX}")

    def exists(self) -> bool:
        """Tell whether there ever was a database here."""
        return self._path.exists()

    def agrees(self, identity: str, last_push: int) -> bool:
        """Tell whether the database is the one last marked, and at least as far."""
        try:
            mark = json.loads(self._path.read_text())
            return bool(mark["database"] == identity and mark["push"] <= last_push)
        except FileNotFoundError:
            return True
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, identity: str, last_push: int) -> None:
        """Mark how far the database has come."""
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("w") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump({"database": identity, "push": last_push}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


class Reader:
    """Reads the state database; cannot write. Commands that only look use this, beside a running daemon."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises `StateMissing` where there is none, `SchemaNewer` or `SchemaOlder` for another version's.
        """
        if not path.exists():
            raise StateMissing(str(path))
        self._engine = dialect.reading_engine(path)
        with self.read() as connection:
            migrations.require_current(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection on one consistent state."""
        with self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Database:
    """The state database as its one writer has it open."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`, bring its schema up to date, and set a damaged one aside.

        Raises `StateLocked` where another instance writes. `self.fresh` tells that nothing is remembered,
        `self.lost` that something was once,
        `self.set_aside` where a damaged database went, `self.rewound` that an older copy was restored: that
        stays so at each opening until `mark` is called.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = InstanceLock(path)
        try:
            self.set_aside = _set_aside_if_damaged(path)
            self.fresh = not path.exists() or path.stat().st_size == 0
            _create_private(path)
            self._writer = dialect.writing_engine(path)
            migrations.migrate(self._writer)
        except BaseException:
            self._lock.release()
            raise
        self._reader = dialect.reading_engine(path)
        self._marker = Marker(path)
        self.identity = self._identify()
        self.lost = self.fresh and self._marker.exists()
        self.rewound = not self.fresh and not self._marker.agrees(self.identity, self._last_push())
        if not self.rewound:  # else the old mark stands until that has been met: a crash must not hide it
            self.mark()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that holds the write lock; commit durably, or nothing."""
        with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection on one consistent state."""
        with self._reader.connect() as connection:
            yield connection

    def announce(self, socket: str) -> None:
        """Let commands know at which socket this instance answers."""
        self._lock.note(socket)

    def mark(self) -> None:
        """Note outside the database how far it has come; a restored copy has been met then."""
        self._marker.write(self.identity, self._last_push())
        self.rewound = False

    def close(self) -> None:
        """Mark, close all connections and let the next instance in."""
        try:
            if not self.rewound:
                self.mark()
        finally:
            self._reader.dispose()
            self._writer.dispose()
            self._lock.release()

    def _identify(self) -> str:
        with self.write() as connection:
            connection.execute(
                text("INSERT INTO meta(key, value) VALUES ('database', :id) ON CONFLICT(key) DO NOTHING"),
                {"id": secrets.token_hex(8)},
            )
            return str(connection.execute(text("SELECT value FROM meta WHERE key = 'database'")).scalar_one())

    def _last_push(self) -> int:
        with self.read() as connection:
            return int(connection.execute(text("SELECT coalesce(max(id), 0) FROM push")).scalar_one())


def _create_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _set_aside_if_damaged(path: Path) -> Path | None:
    """Move a database that SQLite cannot trust aside, with its journal; all of it can be made again."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        connection = dialect.connect(path, readonly=False)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
        if verdict == "ok":
            return None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
    aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}")
    for suffix in ("-wal", "-shm"):
        companion = Path(f"{path}{suffix}")
        if companion.exists():
            companion.rename(f"{aside}{suffix}")
    path.rename(aside)
    return aside


__all__ = ["Database", "DatabaseError", "InstanceLock", "Reader", "StateLocked", "StateMissing"]
