"""The whole application in one process: real state, real folders, a clock and a marketplace of the test's."""

import asyncio
import os
import random
import shutil
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path

from virtual_time import EPOCH, inline

from connectors.memory import CAPABILITIES, MemoryMarketplace, plugin_for
from state import reports
from syncd.app import World, open_app
from syncd.clock import Clock
from syncd.config.load import load_config
from syncd.operations import Operations
from syncd.reconciling import Wish

GUARDED = '[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "1s"\n'
DROP = GUARDED + 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SHOP = '[channels.shop]\nconnector = "memory"\n'


class Rig:
    """One folder, one marketplace; the application is opened and closed on it as often as one likes."""

    def __init__(
        self, folder: Path, text: str = DROP + SHOP, *, capabilities=CAPABILITIES, plugins=None, seed=7
    ):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "inbox").mkdir(exist_ok=True)
        self.shop = MemoryMarketplace()
        self.plugins = plugins or {"memory": plugin_for(self.shop, capabilities)}
        self.transport = None
        self.blocking = inline
        self.wall_offset = 0.0
        self.dropped = 0
        self.dice = random.Random(seed)
        self.app = None
        self.configure(text)

    def configure(self, text: str) -> None:
        path = self.folder / "syncd.toml"
        path.write_text(text)
        path.chmod(0o600)

    def clock(self) -> Clock:
        loop = asyncio.get_running_loop()
        return Clock(wall=lambda: EPOCH + self.wall_offset + loop.time(), monotonic=loop.time)

    @asynccontextmanager
    async def opened(self):
        config = load_config(self.folder / "syncd.toml", environ={}, load_plugin=self.plugins.__getitem__)
        world = World(self.clock(), self.dice.random, self.blocking, transport=self.transport)
        self.app = await open_app(config, world)
        try:
            yield self.app
        finally:
            await self.app.aclose()
            self.app = None

    @asynccontextmanager
    async def running(self):
        """The application with its lanes running, as the daemon has them."""
        async with self.opened() as app:
            lanes = [asyncio.create_task(lane.run()) for lane in app.lanes.values()]
            try:
                yield app
            finally:
                for lane in app.lanes.values():
                    lane.stop()
                await asyncio.gather(*lanes)

    def drop(
        self,
        stock: dict[str, int] | str,
        *,
        source: str = "inbox",
        name: str | None = None,
        at: float | None = None,
    ) -> None:
        """Drop an export that was written `at` (seconds since the epoch); each a second after the last."""
        self.dropped += 1
        text = stock if isinstance(stock, str) else _csv(stock)
        path = self.folder / source / (name or f"export-{self.dropped}.csv")
        path.write_text(text)
        written = EPOCH - 10_000 + self.dropped if at is None else at
        os.utime(path, (written, written))

    async def look(self):
        """Let every source be read."""
        return [v for feed in self.app.feeds.values() for v in await feed.look(thoroughly=True)]

    async def open_and_look(self):
        async with self.opened():
            return await self.look()

    async def open_and_reconcile(self, **wish):
        async with self.opened():
            return await self.reconcile(**wish)

    async def reconcile(self, *, daemon=False, **wish):
        return await Operations(self.app, daemon=daemon).reconcile(Wish(**wish), lambda _: None)

    async def approve(self, import_id: int) -> str:
        """Let a held import through; tell what became of it."""
        return (await Operations(self.app, daemon=False).approve(import_id))["state"]

    async def bring(self, stock, **wish):
        """Drop an export and push all that follows from it."""
        self.drop(stock)
        return await self.open_and_reconcile(**wish)

    async def cut_off(self, doing, when) -> None:
        """Begin something, and end it as soon as `when()` is so: what was stored by then stays."""
        task = asyncio.create_task(doing)
        loop = asyncio.get_running_loop()

        def cut() -> None:
            if when():
                loop.at_each_turn(lambda: None)
                task.cancel()

        loop.at_each_turn(cut)
        await asyncio.wait([task])
        loop.at_each_turn(lambda: None)
        assert task.cancelled(), "it came to its end before"

    def counts(self, channel: str = "shop"):
        with self.app.database.read() as connection:
            return reports.count_listings(
                connection, self.app.channel_ids[channel], self.app.world.clock.now()
            )

    def failures(self):
        with self.app.database.read() as connection:
            return list(reports.failures(connection))

    def ask(self, sql: str):
        """What the state database answers to a query of one value; None if there is none."""
        path = self.folder / "state.db"
        if not path.exists():
            return None
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return (connection.execute(sql).fetchone() or (None,))[0]

    def shown(self) -> dict[str, int]:
        return {sku: quantity for (sku, _), quantity in self.shop.stock.items()}

    def copy_state(self) -> Path:
        """What a power cut would leave of the state at this moment."""
        there = self.folder / "copied"
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir()
        for suffix in ("", "-wal", ".marker"):
            if (file := self.folder / f"state.db{suffix}").exists():
                shutil.copy(file, there / file.name)
        return there

    def restore_state(self, *, marker: bool = True) -> None:
        """Bring the copied state back; without its marker it is a backup of the database alone."""
        self.lose_state(marker=False)
        for file in (self.folder / "copied").iterdir():
            if marker or file.suffix != ".marker":
                shutil.copy(file, self.folder / file.name)

    def lose_state(self, *, marker: bool = True) -> None:
        for suffix in ("", "-wal", "-shm", *([".marker"] if marker else [])):
            (self.folder / f"state.db{suffix}").unlink(missing_ok=True)


def _csv(stock: dict[str, int]) -> str:
    return "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in stock.items())


def many(count: int, quantity: int = 5) -> dict[str, int]:
    return {f"SKU-{number:04d}": quantity for number in range(count)}


def rows_sent(shop: MemoryMarketplace):
    return [(update.sku, update.quantity) for call in shop.received for update in call]
