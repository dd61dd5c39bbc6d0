"""Every SQL statement and file call below a folder, seen just before it is done. What sees them may raise.

SQLite itself reports its statements, and Python its file calls: nothing of the code under test is replaced,
only `sqlite3.connect` hands out its connections with a trace.
"""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

FILE_CALLS = {
    "open", "os.chmod", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.scandir", "os.symlink", "os.truncate",
}  # fmt: skip


def nothing(_: str) -> None:
    return


@dataclass(slots=True)
class _Watch:
    folder: str
    statement: Callable[[str], None]
    file_call: Callable[[str], None]
    busy: bool = False
    failed: bool = False
    connections: list[sqlite3.Connection] = field(default_factory=list)

    def connect(self, database, *arguments, **options) -> sqlite3.Connection:
        ours = self.folder in str(database)
        if ours:
            self.tell(self.statement, "connect")
        connection = _connect(database, *arguments, **options)
        if ours:
            self.connections.append(connection)
            connection.set_trace_callback(lambda sql: self.traced(connection, sql))
            connection.set_progress_handler(lambda: self.failed, 1)
        return connection

    def audit(self, event: str, arguments: tuple) -> None:
        if event in FILE_CALLS and self.concerns(arguments[0]):
            self.tell(self.file_call, f"{event} {os.fsdecode(arguments[0])}")

    def concerns(self, path: object) -> bool:
        """A name without a folder is relative to a descriptor: only the code under test does that."""
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.fsdecode(path)
        return name.startswith(self.folder) or not name.startswith("/")

    def traced(self, connection: sqlite3.Connection, sql: str) -> None:
        """SQLite ignores what its trace raises: the statement is made to fail by interrupting it."""
        self.failed = False
        try:
            self.tell(self.statement, sql)
        except sqlite3.Error:
            self.failed = True
            connection.interrupt()

    def end(self) -> None:
        self.failed = False
        for connection in self.connections:
            with suppress(sqlite3.ProgrammingError):  # it is closed
                connection.set_trace_callback(None)
                connection.set_progress_handler(None, 0)

    def tell(self, see: Callable[[str], None], what: str) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            see(what)
        finally:
            self.busy = False


_connect = sqlite3.connect
_watch: _Watch | None = None
_hooked = False


def _audit(event: str, arguments: tuple) -> None:
    if _watch is not None:
        _watch.audit(event, arguments)


@contextmanager
def watched(
    folder: Path, *, statement: Callable[[str], None] = nothing, file_call: Callable[[str], None] = nothing
) -> Iterator[None]:
    """Show every statement on databases, and every file call, below `folder`.

    A `sqlite3.Error` that `statement` raises makes SQLite fail that statement; what `file_call` raises comes
    out of the call.
    """
    global _watch, _hooked  # noqa: PLW0603 (an audit hook stays for the life of the process)
    assert _watch is None
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    _watch = watch = _Watch(str(folder), statement, file_call)
    sqlite3.connect = watch.connect
    try:
        yield
    finally:
        sqlite3.connect = _connect
        _watch = None
        watch.end()
