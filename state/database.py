"""The state database: one writing connection, any number of readers, and how a damaged one is met."""

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from state import dialect, migrations
from state.marker import Mark, Marker
from state.outlook import Decision

LOCK_SUFFIX = ".lock"
LOCK_TRIES = 5
LOCK_STEP_SECONDS = 0.05
COPY = "copy"
"""A fact that only a backup holds: it is an older copy wherever it is opened, even without a marker."""
REBUILT_BYTES = 64 * 1024 * 1024


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
        try:
            self.note("")
        except OSError:
            os.close(self._fd)
            raise

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
        `self.lost` that something was once, `self.set_aside` where a damaged database went, `self.rewound`
        that an older copy was restored: both stay so at each opening until `caught_up` is called. With
        either comes `self.doubtful`: see `doubt`.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = InstanceLock(path)
        self._engines: list[Engine] = []
        try:
            self.set_aside = _set_aside_if_damaged(path)
            self._open(path)
        except BaseException:
            self._let_go()
            raise

    def _open(self, path: Path) -> None:
        _create_private(path)
        self._writer = dialect.writing_engine(path)
        self._engines.append(self._writer)
        migrations.migrate(self._writer)
        self._learn_to_give_room_back()
        self._reader = dialect.reading_engine(path)
        self._engines.append(self._reader)
        self._marker = Marker(path)
        noted = self._marker.read()
        self.fresh = self._recall("database") is None
        self.identity = self._identify(lost=self.fresh and noted is not None)
        self.lost = self._recall("lost") is not None
        is_behind = noted is not None and self._is_behind(noted)
        self.rewound = not self.fresh and (is_behind or self._recall(COPY) is not None)
        self.doubtful = self._recall("doubtful") is not None
        if self.lost or self.rewound:
            self.doubt()
        if not self.rewound:  # else the old mark stands until that has been met: a crash must not hide it
            self._begin_session()

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

    def let_decide(self, decision_of: Callable[[int], Decision]) -> None:
        """Let statements that write ask what a listing shows; see `dialect.let_decide`."""
        with self._outside_transactions() as driver:
            dialect.let_decide(driver, decision_of)

    def truncate_wal(self) -> bool:
        """Make the journal's file empty, where no reader needs it; tell whether it is."""
        with self._outside_transactions() as driver:
            return dialect.truncate_wal(driver)

    def give_pages_back(self, pages: int) -> None:
        """Give so many free pages back to the file system."""
        with self._outside_transactions() as driver:
            dialect.give_pages_back(driver, pages)

    def _learn_to_give_room_back(self) -> None:
        """Rebuild a small database that cannot yet; a large one stays as it is, see docs/history.md."""
        with self._outside_transactions() as driver:
            if dialect.gives_room_back(driver) or self.path.stat().st_size > REBUILT_BYTES:
                return
            with suppress(sqlite3.OperationalError):  # no room for a copy: it goes on as it is
                dialect.rebuild(driver)

    @contextmanager
    def _outside_transactions(self) -> Iterator[Any]:
        """Give the driver's own connection, for what no transaction may hold."""
        connection = self._writer.raw_connection()
        try:
            yield connection.driver_connection
        finally:
            connection.close()

    def announce(self, socket: str) -> None:
        """Let commands know at which socket this instance answers."""
        self._lock.note(socket)

    def mark(self) -> None:
        """Note outside the database how far it has come. An older copy not yet met stays unmarked."""
        if not self.rewound:
            self._marker.write(self._position())

    def doubt(self) -> None:
        """Note that something may be under way that is not remembered, for any listing; until `trust`."""
        if not self.doubtful:
            self._note({"doubtful": "1"})
            self.doubtful = True

    def trust(self) -> None:
        """Note that whatever is not remembered has taken effect by now."""
        self._forget("doubtful")
        self.doubtful = False

    def caught_up(self) -> None:
        """Note that a lost or restored state knows again what its sources say."""
        if self.lost:
            self._forget("lost")
            self.lost = False
        if self.rewound:
            self._begin_session()
            self._forget(COPY)
            self.rewound = False

    def close(self) -> None:
        """Mark, close all connections and let the next instance in."""
        try:
            self.mark()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        for engine in reversed(self._engines):
            engine.dispose()
        self._lock.release()

    def _identify(self, *, lost: bool) -> str:
        facts = {"database": secrets.token_hex(8), "session": "0"} | ({"lost": "1"} if lost else {})
        self._note(facts)
        return self._recall("database") or ""

    def _note(self, facts: dict[str, str]) -> None:
        with self.write() as connection:
            connection.execute(
                text("INSERT INTO meta(key, value) VALUES (:key, :value) ON CONFLICT(key) DO NOTHING"),
                [{"key": key, "value": value} for key, value in facts.items()],
            )

    def _forget(self, key: str) -> None:
        with self.write() as connection:
            connection.execute(text("DELETE FROM meta WHERE key = :key"), {"key": key})

    def _recall(self, key: str) -> str | None:
        with self.read() as connection:
            found = connection.execute(text("SELECT value FROM meta WHERE key = :key"), {"key": key})
            value: str | None = found.scalar_one_or_none()
        return value

    def _position(self) -> Mark:
        with self.read() as connection:
            push = connection.execute(text("SELECT coalesce(max(id), 0) FROM push")).scalar_one()
        return Mark(self.identity, int(self._recall("session") or 0), int(push))

    def _is_behind(self, noted: Mark) -> bool:
        here = self._position()
        return here.database != noted.database or here.session < noted.session or here.push < noted.push

    def _begin_session(self) -> None:
        """Leave behind every copy that was taken before now, even where nothing is pushed after it."""
        noted = self._marker.read()
        session = max(self._position().session, noted.session if noted else 0) + 1
        with self.write() as connection:
            connection.execute(
                text("UPDATE meta SET value = :session WHERE key = 'session'"), {"session": str(session)}
            )
        self._marker.write(self._position())


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
