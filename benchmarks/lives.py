"""A real daemon beside the sandbox, for benchmarks: its state as after a long time in service."""

import json
import re
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.watched import Usage, usage_of
from connectors.sandbox.buckets import Limits

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from processes import GUARDS_OFF, ServedSandbox, Site, eventually

SOURCE: Final = f'[sources.erp]\ntype = "drop"\npath = "inbox"\n{GUARDS_OFF}'
"""As the defaults are, but for the guards."""
CHANNELS: Final = 2
PATIENCE_SECONDS: Final = 60
LOOK_EVERY_SECONDS: Final = 0.002
READING: Final = re.compile(r'^syncd_import_duration_seconds_sum\{source="erp"\} (\S+)$', re.MULTILINE)
LOGGING: Final = '\n[logging]\nformat = "json"\n'
STEADY: Final = {
    "tokopedia_limits": Limits(rows_per_request=100, rows_per_second=500, row_burst=500),
    "tocobagus_limits": Limits(rows_per_request=100, requests_per_second=5, request_burst=5),
}
CONFIRM: Final = (
    "UPDATE listing SET confirmed = desired, may_show = desired, confirmed_at = changed_at, uncertain = 0,"
    " ambiguous = 0, reassert_at = NULL, not_before = NULL, refusal = NULL"
)


@dataclass(slots=True)
class Arrivals:
    """Stands before the sandbox and notes when requests come that name what is looked for."""

    app: Any
    sought: bytes = b"\0"
    seen: list[float] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Look at a request, and let it through."""
        at = time.time()

        async def looked_at() -> Any:
            message = await receive()
            if self.sought in message.get("body", b""):
                self.seen.append(at)
            return message

        await self.app(scope, looked_at, send)


class Life:
    """One daemon with so many SKUs."""

    def __init__(self, folder: Path, served: ServedSandbox, skus: int, *, only: str = "") -> None:
        """`only`: a marketplace, without the other."""
        self._page = f"127.0.0.1:{_free_port()}"
        server = f'[server]\nlisten = "{self._page}"\n'
        _, *tables = f"\n{served.sandbox.configuration(served.url)}".split("\n[channels.")
        channels = "\n[channels.".join(["", *(one for one in tables if only in one.split("-")[0])])
        text = server + SOURCE + channels + LOGGING
        self.site = Site(folder, served, text=text)
        self.stock = {f"SKU-{number:07}": 10 + number % 50 for number in range(skus)}
        self._files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.site.process is not None and self.site.process.poll() is None:
            self.site.kill()

    def drop(self) -> float:
        """Drop the stock as it is now; give when the file was complete."""
        self._files += 1
        self.site.drop(self.stock, f"export-{self._files}.csv")
        return time.time()

    def import_and_stop(self, *, confirm: bool = True) -> Usage:
        """Take the first file, and have everything confirmed, as if it had been pushed long ago.

        Gives what the daemon had used when the file was taken in. Without `confirm` all of it is due.
        """
        self.drop()
        process = self.site.started()
        eventually_long(lambda: self.events("import_applied"))
        usage = usage_of(process.pid)
        self.site.terminate()
        self.site.log.unlink()
        with closing(sqlite3.connect(self.site.state)) as connection:
            with connection:
                connection.execute(CONFIRM)
                if not confirm:
                    connection.execute("UPDATE listing SET uncertain = 1")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return usage

    def await_confirmed(self, sku: str) -> float:
        """Wait until both channels have confirmed what a SKU's stock is; give when that was."""
        shown = "SELECT count(*) FROM listing WHERE identifier = ? AND confirmed = ? AND uncertain = 0"
        pause, last = threading.Event(), time.time() + PATIENCE_SECONDS
        with closing(sqlite3.connect(f"file:{self.site.state}?mode=ro", uri=True)) as connection:
            while connection.execute(shown, (sku, self.stock[sku])).fetchone()[0] < CHANNELS:
                if time.time() > last:
                    raise RuntimeError(f"{sku} is not confirmed")
                pause.wait(LOOK_EVERY_SECONDS)
        return time.time()

    def changed_at(self, sku: str) -> float:
        """Tell when it was stored what a SKU's listings should show."""
        with closing(sqlite3.connect(f"file:{self.site.state}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT max(changed_at) FROM listing WHERE identifier = ?", (sku,))
            return float(found.fetchone()[0] / 1000)

    def left_to_push(self) -> int:
        """Count the listings that are not confirmed, those in flight with them."""
        left = "SELECT count(*) FROM listing WHERE confirmed IS NOT desired OR uncertain <> 0"
        with closing(sqlite3.connect(f"file:{self.site.state}?mode=ro", uri=True)) as connection:
            return int(connection.execute(left).fetchone()[0])

    def seconds_reading(self) -> float:
        """Tell how long imports took since the start, from the beginning to read until all was stored."""
        with urllib.request.urlopen(f"http://{self._page}/metrics") as answer:
            found = READING.search(answer.read().decode())
        return float(found[1]) if found else 0.0

    def events(self, name: str) -> list[dict[str, Any]]:
        """Give the log's lines of one event."""
        return [line for line in self._lines() if line.get("event") == name]

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self.site.log.read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def eventually_long(condition: Any) -> Any:
    """Wait for what may take minutes."""
    for _ in range(20):
        try:
            return eventually(condition, "it goes on")
        except AssertionError:
            continue
    raise RuntimeError("it does not come to an end")


def time_of(event: dict[str, Any]) -> float:
    """Give when it was logged, in seconds."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


__all__ = ["STEADY", "Arrivals", "Life", "ServedSandbox", "eventually_long", "time_of"]
