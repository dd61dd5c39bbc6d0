"""The journal's own protocol: a datagram an event, with fields by which `journalctl` can choose.

Own code: the one kept library without C (logging-journald) waits while the journal does, and cannot send what
is larger than a datagram.
"""

import errno
import fcntl
import logging
import os
import re
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from syncd.logs.forms import PRIORITIES, Event, message_of, plain

JOURNAL_SOCKET: Final = Path("/run/systemd/journal/socket")
MOST_WAITING = 1_000
"""Entries that are kept while the journal takes none."""
LAST_WAIT_SECONDS = 1.0

_FIELD = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NOT_OURS = re.compile(
    r"(MESSAGE|PRIORITY|CODE|SYSLOG|COREDUMP|OBJECT|ERRNO|TID|UNIT|USER_UNIT|INVOCATION|DOCUMENTATION|SYNCD)(_|$)"
)
"""What systemd, or an event itself, gives a meaning of its own (systemd.journal-fields(7))."""
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8


def field_name(fact: str) -> str | None:
    """Give the journal's name of a fact; None where it has none. A leading underscore is not for us."""
    name = re.sub(r"[^A-Z0-9]", "_", fact.upper()).strip("_")
    if not name or name[0].isdigit() or _NOT_OURS.match(name):
        name = f"SYNCD_{name}"
    return name if _FIELD.fullmatch(name) else None


def entry_of(event: Event, record: logging.LogRecord) -> bytes:
    """Write an event as the journal takes it."""
    return b"".join(_field(name, value) for name, value in _fields_of(event, record))


def _fields_of(event: Event, record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    yield "MESSAGE", message_of(event)
    yield "PRIORITY", str(PRIORITIES.get(str(event["level"]), 6))
    yield "SYSLOG_IDENTIFIER", "syncd"
    yield "CODE_FILE", record.pathname
    yield "CODE_LINE", str(record.lineno)
    yield "CODE_FUNC", record.funcName or ""
    for fact, value in event.items():
        name = None if fact in {"timestamp", "level", "exception"} else field_name(fact)
        if name is not None and value is not None:
            yield name, plain(value)


def _field(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)


class JournalHandler(logging.Handler):
    """Sends events to the journal and never waits for it, but for a moment at the very end.

    While it takes none they are kept, up to a bound. Where it cannot be reached they go to `otherwise`.
    """

    def __init__(
        self,
        path: Path,
        shown: Callable[[logging.LogRecord], dict[str, Any]],
        otherwise: Callable[[Event], None],
    ) -> None:
        """`shown` gives what may be told of a record. Raises OSError where no journal listens at `path`."""
        super().__init__()
        self._path = str(path)
        self._shown = shown
        self._otherwise = otherwise
        self._waiting: deque[tuple[bytes, Event]] = deque()
        self.lost = 0
        """Entries that were given up since this was last told."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(self._path)
            self._socket.close()
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = self._shown(record)
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append((entry_of(event, record), event))
            self._send_waiting()
        except Exception:  # noqa: BLE001 - whatever is wrong with a line, it must not stop what is being told
            self.lost += 1

    @override
    def flush(self) -> None:
        """Send what waits, as far as the journal takes it."""
        self.acquire()
        try:
            self._send_waiting()
        finally:
            self.release()

    @override
    def close(self) -> None:
        """Send what waits, and wait a moment for a journal that is busy."""
        self.acquire()
        try:
            if self._socket.fileno() >= 0:
                self._send_the_last()
            self._socket.close()
        finally:
            self.release()
        super().close()

    def _send_the_last(self) -> None:
        self._send_waiting()
        end = time.monotonic() + LAST_WAIT_SECONDS
        while self._waiting and (left := end - time.monotonic()) > 0:
            try:
                self._socket.connect(self._path)  # only who is connected can wait for room
            except OSError:
                return
            room = select.poll()
            room.register(self._socket, select.POLLOUT)
            room.poll(left * 1000)
            self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting:
            entry, event = self._waiting[0]
            try:
                self._send(entry)
            except BlockingIOError:
                return
            except OSError:
                self._otherwise(event)
            self._waiting.popleft()

    def _send(self, entry: bytes) -> None:
        # The address each time: the socket of a journal that was started anew may be another.
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_as_file(entry)

    def _send_as_file(self, entry: bytes) -> None:
        """Send what is larger than a datagram as a sealed file in memory."""
        file = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(file, "wb", closefd=False) as writer:
                writer.write(entry)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _ALL_SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, file.to_bytes(4, "little"))]
            self._socket.sendmsg([], rights, 0, self._path)
        finally:
            os.close(file)
