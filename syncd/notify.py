"""What the service manager is told: systemd's notification protocol, one datagram a message.

Where nobody asked for it ($NOTIFY_SOCKET is not set) nothing is sent. A message that cannot be delivered is
dropped: what syncd is there for must not depend on who listens.
"""

import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Final, Self

LONGEST_STATUS: Final = 300
"""Characters of a status line: `systemctl status` shows it on one."""
_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_ABSTRACT: Final = "@"
_MICROSECONDS: Final = 1_000_000


class Notifier:
    """Tells the service manager how the service is."""

    def __init__(self, address: str | bytes | None = None, *, watchdog_seconds: float | None = None) -> None:
        """`address`: of its datagram socket; None = nobody listens.

        `watchdog_seconds`: so long at most may pass between two feedings; None = it does not watch.
        """
        self._address = address
        self.watchdog_seconds = watchdog_seconds
        self._status = ""

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str], pid: int) -> Self:
        """Make one of what systemd set for the process `pid`, and take that out of `environ`.

        So no child of ours can speak, or be watched, in our name.
        """
        found = {name: environ.pop(name, "") for name in _VARIABLES}
        address = _address(found["NOTIFY_SOCKET"])
        if address is None or found["WATCHDOG_PID"] not in ("", str(pid)):
            return cls(address)
        return cls(address, watchdog_seconds=_seconds(found["WATCHDOG_USEC"]))

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return self._address is not None

    def ready(self) -> None:
        """All is open and runs; also the end of a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A new configuration is taken in; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """It ends, in order."""
        self._send("STOPPING=1")

    def feed(self) -> None:
        """It is alive, and what should move does. Nothing where it is not watched."""
        if self.watchdog_seconds is not None:
            self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Allow so much more time for what is under way: starting, reloading or stopping."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}")

    def status(self, text: str) -> None:
        """Say in one line how things are. The same line is not said twice in a row."""
        line = " ".join(text.split())
        line = line if len(line) <= LONGEST_STATUS else line[: LONGEST_STATUS - 1] + "…"
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.setblocking(False)
            speaker.sendto("\n".join(lines).encode(errors="replace"), self._address)


def _address(name: str) -> str | bytes | None:
    """Read the address: a path, or behind `@` a name in the abstract name space."""
    if name.startswith(_ABSTRACT) and name != _ABSTRACT:
        return b"\0" + name[1:].encode()
    return name if name.startswith("/") else None


def _seconds(microseconds: str) -> float | None:
    if not (microseconds.isascii() and microseconds.isdigit()) or int(microseconds) == 0:
        return None
    return int(microseconds) / _MICROSECONDS
