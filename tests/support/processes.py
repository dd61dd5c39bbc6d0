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

from connectors.sandbox import Sandbox, serve, tocobagus, tokopedia

PATIENCE_SECONDS = 40.0
GUARDS_OFF = 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SECRETS = (tokopedia.CLIENT_SECRET, tocobagus.SECRET_KEY, tocobagus.STORE_TOKEN)
NO_PAGE = '[server]\nlisten = ""\n\n'
SOURCE = (
    NO_PAGE + '[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "100ms"\nscan = "200ms"\n' + GUARDS_OFF
)


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

    def ask(self, question):
        """Answer a question about the sandbox where it runs, so that nothing changes under it."""

        async def answer():
            return question(self.sandbox)

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(PATIENCE_SECONDS)

    def pushes(self, marketplace="tokopedia"):
        return self.sandbox.counters()[marketplace].get("push_requests", 0)

    def rows(self, marketplace="tokopedia"):
        return self.sandbox.counters()[marketplace].get("rows", 0)


class Site:
    """A folder with a configuration, and the daemon that works there."""

    def __init__(
        self, folder: Path, served: ServedSandbox, *, text=None, keys="", limits="", url="", state=None
    ):
        """`keys` and `limits` are added to each channel; `url`: where the sandbox is reached, if not directly.

        `state`: the folder of the state database, if another.
        """
        self.folder = folder
        self.state = (state or folder) / "state.db"
        (folder / "inbox").mkdir(parents=True)
        configuration = text or SOURCE + served.sandbox.configuration(url or served.url)
        if state is not None:
            configuration = f'[state]\nurl = "sqlite:///{self.state}"\n' + configuration
        for channel in ("tokopedia", "tocobagus"):
            header = f"[channels.{channel}-sandbox]\n"
            configuration = configuration.replace(header, header + keys)
            header = f"[channels.{channel}-sandbox.limits]\n"
            configuration = configuration.replace(header, header + limits)
        self.config = folder / "syncd.toml"
        self.config.write_text(configuration)
        self.config.chmod(0o600)
        self.process = None
        self.log = folder / "daemon.log"
        self._log_writer = None
        self.environment: dict[str, str] = {}
        """What the daemon is given besides."""
        self.run_by: tuple[str, ...] = ()
        """What runs the commands: a program that runs another, with fewer rights perhaps."""

    def keep_secrets_apart(self) -> list[Path]:
        """Move the secrets out of the configuration into files of their own; tell which."""
        text, files = self.config.read_text(), []
        for number, secret in enumerate(SECRETS):
            text = text.replace(f'"{secret}"', f'{{ file = "secret-{number}" }}')
            file = self.folder / f"secret-{number}"
            file.write_text(secret)
            file.chmod(0o600)
            files.append(file)
        self.config.write_text(text)
        return files

    def command(self, *arguments, **options):
        return subprocess.run(
            [*self.run_by, sys.executable, "-m", "syncd", "--config", str(self.config), *arguments],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment(), check=False, **options,
        )  # fmt: skip

    def start(self):
        """Start the daemon. Its log goes through a pipe: what limits its own files does not reach the log."""
        self._close_log()
        with self.log.open("a") as log:
            writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        with writer.stdin as pipe:
            self.process = subprocess.Popen(
                [*self.run_by, sys.executable, "-m", "syncd", "--config", str(self.config), "run"],
                stdout=pipe, stderr=pipe, env=environment() | self.environment,
            )  # fmt: skip
        self._log_writer = writer
        return self.process

    def started(self):
        already = self.log.read_text().count("daemon_started") if self.log.exists() else 0
        self.start()
        eventually(lambda: self.log.read_text().count("daemon_started") > already, "the daemon starts")
        return self.process

    def ended(self) -> int:
        """Wait until the daemon has ended by itself; give its exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        self._close_log()
        return status

    def _close_log(self):
        if self._log_writer is not None:
            self._log_writer.wait(PATIENCE_SECONDS)

    def kill(self):
        """Kill it, if it still runs."""
        self.process.kill()
        self.ended()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

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


def shows(served, stock):
    """Ask whether both marketplaces show this stock."""
    return lambda: served.ask(lambda sandbox: all(m.stock() == stock for m in sandbox.marketplaces.values()))


def files_holding(folder: Path, secret: str) -> list[str]:
    return sorted(
        file.name for file in folder.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()
    )


def hears(process, number: signal.Signals) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(caught) and bool(int(caught[0], 16) >> (number - 1) & 1)


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("SYNCD_")}
