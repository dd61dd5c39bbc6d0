"""The seller's side of the demonstration: a folder, a configuration, exports, and the real daemon."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from syncd.cli.sandbox_files import write_private

REASSERT_SECONDS = 3
STOP_SECONDS = 15.0
_HEAD = """\
[server]
listen = ""

[logging]
format = "json"

[sources.erp]
type = "drop"
path = "inbox"
settle = "300ms"

"""
_CHANNEL_TABLE = re.compile(r"(\[channels\.[^.\]]+\]\n)")


class Shop:
    """A seller with a stock system that writes exports, and syncd."""

    def __init__(self, folder: Path, channels: str) -> None:
        """Set up in `folder`; `channels` are the channel tables."""
        self.folder = folder
        self.config = folder / "syncd.toml"
        self.log = folder / "daemon.log"
        self._exports = 0
        self._daemon: Process | None = None
        (folder / "inbox").mkdir()
        tables = _CHANNEL_TABLE.sub(rf'\1reassert_after = "{REASSERT_SECONDS}s"\n', channels)
        write_private(self.config, _HEAD + tables)

    def export(self, levels: dict[str, int]) -> Path:
        """Drop an export of all stock into the folder, complete at once."""
        self._exports += 1
        target = self.folder / "inbox" / f"stock-{self._exports}.csv"
        rows = "".join(f"{sku},{quantity}\n" for sku, quantity in levels.items())
        target.with_suffix(".tmp").write_text(f"sku,quantity\n{rows}", encoding="utf-8")
        return target.with_suffix(".tmp").rename(target)

    async def start(self) -> int:
        """Start the daemon; return its process id."""
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C on the terminal is for the demonstration, which then stops it.
            self._daemon = await asyncio.create_subprocess_exec(
                *self._command("run"), stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self._daemon.pid

    @property
    def running(self) -> bool:
        """Whether the daemon is alive."""
        return self._daemon is not None and self._daemon.returncode is None

    async def kill(self) -> None:
        """End the daemon as a power cut would."""
        if self._daemon is not None and self._daemon.returncode is None:
            self._daemon.send_signal(signal.SIGKILL)
            await self._daemon.wait()

    async def stop(self) -> None:
        """Ask the daemon to end; one that does not is killed."""
        if self._daemon is None or self._daemon.returncode is not None:
            return
        self._daemon.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._daemon.wait()
        except TimeoutError:
            await self.kill()

    async def ask(self, *arguments: str) -> str:
        """Run another syncd command beside the daemon; return what it prints."""
        asked = await asyncio.create_subprocess_exec(*self._command(*arguments), stdout=PIPE, stderr=DEVNULL)
        printed, _ = await asked.communicate()
        return printed.decode()

    async def is_settled(self) -> bool:
        """Ask syncd whether it has nothing left to push, now or soon."""
        printed = await self.ask("status", "--json")
        if not printed:
            return False
        left = ("due", "in_flight", "deferred", "held", "repetitions")
        channels: dict[str, dict[str, Any]] = json.loads(printed)["channels"]
        return not any(channel[key] for channel in channels.values() for key in left)

    def recovered(self) -> int:
        """Tell how many listings the daemon says were in flight when it was killed."""
        return sum(
            line.get("listings", 0) for line in self._log_lines() if line["event"] == "attempts_recovered"
        )

    def last_words(self) -> str:
        """Give the end of the daemon's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:]) if self.log.exists() else ""

    def _log_lines(self) -> list[dict[str, Any]]:
        lines = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:  # cut off by the kill, or a crash's own words
                continue
        return lines

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "syncd", "--config", os.fspath(self.config), *arguments)
