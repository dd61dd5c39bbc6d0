"""Real processes against the simulated marketplaces over real HTTP."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from connectors.sandbox import Sandbox, serve

PATIENCE_SECONDS = 40.0
GUARDS_OFF = 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SOURCE = '[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "100ms"\nscan = "200ms"\n' + GUARDS_OFF


def eventually(condition, what: str):
    """Ask until it is true; fail where it does not come true in good time."""
    end = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < end, f"never came true: {what}"
        pause.wait(0.02)
    return answer


class ServedSandbox:
    """The sandbox, served from a thread of its own."""

    def __init__(self, **options):
        self.sandbox = Sandbox(now=time.time, **options)
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._end = asyncio.Event()
        async with serve(self.sandbox) as self.url:
            self._started.set()
            await self._end.wait()

    def pushes(self, marketplace="tokopedia"):
        return self.sandbox.counters()[marketplace].get("push_requests", 0)

    def rows(self, marketplace="tokopedia"):
        return self.sandbox.counters()[marketplace].get("rows", 0)


class Site:
    """A folder with a configuration, and the daemon that works there."""

    def __init__(self, folder: Path, served: ServedSandbox, *, text=None, keys=""):
        self.folder = folder
        (folder / "inbox").mkdir(parents=True)
        configuration = text or SOURCE + served.sandbox.configuration(served.url)
        for channel in ("tokopedia", "tocobagus"):
            header = f"[channels.{channel}-sandbox]\n"
            configuration = configuration.replace(header, header + keys)
        self.config = folder / "syncd.toml"
        self.config.write_text(configuration)
        self.config.chmod(0o600)
        self.process = None
        self.log = folder / "daemon.log"

    def command(self, *arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "syncd", "--config", str(self.config), *arguments],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment(), check=False, **options,
        )  # fmt: skip

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "--config", str(self.config), "run"],
                stdout=log, stderr=log, env=environment(),
            )  # fmt: skip
        return self.process

    def started(self):
        already = self.log.read_text().count("daemon_started") if self.log.exists() else 0
        self.start()
        eventually(lambda: self.log.read_text().count("daemon_started") > already, "the daemon starts")
        return self.process

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def drop(self, stock, name="export.csv"):
        beside = self.folder / f".{name}.part"
        beside.write_text(
            "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in stock.items())
        )
        beside.rename(self.folder / "inbox" / name)

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def is_settled(self):
        channels = self.status()["channels"].values()
        return bool(channels) and all(c["listings"] and c["in_sync"] == c["listings"] for c in channels)


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")}
