"""What systemd is to a service: a datagram socket that is told how it goes."""

import socket
import time
from pathlib import Path

from processes import PATIENCE_SECONDS


class ServiceManager:
    """Listens at a path, or at an abstract name where `abstract` is one. Keeps everything in order."""

    def __init__(self, folder: Path, *, abstract: str = ""):
        self.address = f"@{abstract}" if abstract else str(folder / "notify.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{abstract}" if abstract else self.address)
        self.messages: list[tuple[float, str]] = []

    def environment(self, *, watchdog_seconds: float | None = None) -> dict[str, str]:
        watched = {} if watchdog_seconds is None else {"WATCHDOG_USEC": str(int(watchdog_seconds * 1e6))}
        return {"NOTIFY_SOCKET": self.address} | watched

    def hear(self, seconds: float) -> None:
        """Listen for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                self.messages.append((time.monotonic(), self._socket.recv(4096).decode()))
            except TimeoutError:
                return

    def told(self, what: str, *, after: int = 0, patience: float = PATIENCE_SECONDS) -> int:
        """Wait until told something that begins with `what`; give which message it is, and so where to go on."""
        end = time.monotonic() + patience
        while True:
            for number, (_, message) in enumerate(self.messages[after:], after):
                if message.startswith(what):
                    return number + 1
            assert time.monotonic() < end, f"never told {what!r}: {self.all()[after:]}"
            self.hear(0.1)

    def told_status(self, part: str, *, after: int = 0) -> int:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            for number, (_, message) in enumerate(self.messages[after:], after):
                if message.startswith("STATUS=") and part in message:
                    return number + 1
            assert time.monotonic() < end, f"no status with {part!r}: {self.all()[after:]}"
            self.hear(0.1)

    def all(self) -> list[str]:
        return [message for _, message in self.messages]

    def count(self, what: str) -> int:
        return sum(message.startswith(what) for message in self.all())

    def close(self) -> None:
        self._socket.close()
