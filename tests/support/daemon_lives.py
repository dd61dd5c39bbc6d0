"""One life of the daemon, with something failing in it, and what must be true after the next."""

import asyncio
import hashlib
import itertools
import re
import resource
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from crash_points import recovered, state_files
from rig import DROP, Rig, rows_sent
from virtual_time import EPOCH, run_virtually

from connectors.discovery import load_plugin
from connectors.memory import CAPABILITIES, MemoryMarketplace, plugin_for
from connectors.sandbox import Sandbox
from state.database import DatabaseError
from syncd.errors import AlreadyRunning, ConfigError
from syncd.generation import Generation

STOCK = {"A": 3, "B": 0, "UNKNOWN-1": 7}
SHOWN = {"A": 3, "B": 0}
BAD = "sku,quantity\nA,many\n"
SETTLING = 20
SETTLES = f'reassert_after = "{SETTLING}s"\n'
CHANNELS = {"prompt": "", "slow": 'shop = "other"\n'}
LIFE = 8.0
HEALTHY_LIFE = 3.0 * SETTLING
HEALTHY_LOOKS = 4
BETWEEN_LIVES = 60.0
MOST_TURNS = 20_000
CLEAN = (DatabaseError, sqlite3.Error, OSError, ConfigError)


class Hung(AssertionError):
    """It does not come to an end."""


class Failing:
    """Lets the Nth call fail, or each from the Nth on."""

    def __init__(self, n: int, *, lasting: bool, error: Callable[[str], Exception]):
        self.n, self.lasting, self.error = n, lasting, error
        self.calls = 0
        self.failed = 0

    def __call__(self, what: str) -> None:
        self.calls += 1
        if self.calls == self.n or (self.lasting and self.calls > self.n):
            self.failed += 1
            raise self.error(what)


class Site:
    """A folder, the application on it, two shops."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rig = self.make_rig(folder / "site")
        self.rig.drop(STOCK, name="good.csv")
        self.rig.drop(BAD, name="bad.csv")

    def make_rig(self, folder: Path) -> Rig:
        self.shops = {name: MemoryMarketplace(unlisted={"UNKNOWN-1"}) for name in CHANNELS}
        text = DROP + "".join(
            f'[channels.{name}]\nconnector = "{name}"\n{SETTLES}{more}' for name, more in CHANNELS.items()
        )
        plugins = {
            name: plugin_for(shop, replace(CAPABILITIES, asynchronous=name == "slow"))
            for name, shop in self.shops.items()
        }
        return Rig(folder, text, plugins=plugins)

    @property
    def channels(self) -> list[str]:
        return list(CHANNELS)

    def stock(self) -> dict[str, dict[str, int]]:
        return {
            name: {sku: quantity for (sku, _), quantity in shop.stock.items()}
            for name, shop in self.shops.items()
        }

    def whats_sent(self) -> set[tuple[str, int]]:
        return {row for shop in self.shops.values() for row in rows_sent(shop)}


class ServedSite(Site):
    """The same over HTTP, against the simulated marketplaces."""

    def make_rig(self, folder: Path) -> Rig:
        self.time = EPOCH
        sandbox = self.sandbox = Sandbox(now=self.now, apply_delay=3.0)
        text = sandbox.configuration("https://sandbox.test").replace(
            'connector = "', f'{SETTLES}connector = "'
        )
        text = re.sub("rows_per_request = [0-9]+", "rows_per_request = 1", text)  # so that there are several
        plugins = {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        return Rig(folder, DROP + text, plugins=plugins)

    def now(self) -> float:
        """Between two lives passes a while."""
        try:
            self.time = EPOCH + asyncio.get_running_loop().time() + self.rig.wall_offset
        except RuntimeError:
            return self.time + BETWEEN_LIVES / 2
        return self.time

    @property
    def channels(self) -> list[str]:
        return ["tokopedia-sandbox", "tocobagus-sandbox"]

    def stock(self) -> dict[str, dict[str, int]]:
        return {name: dict(getattr(self.sandbox, name).stock()) for name in ("tokopedia", "tocobagus")}

    def whats_sent(self) -> set[tuple[str, int]]:
        return {(row.sku, row.quantity) for arrival in self.sandbox.arrivals() for row in arrival.rows}


class BreakingTransport(httpx.AsyncBaseTransport):
    """Breaks requests, before they arrive or when they have taken effect."""

    def __init__(self, inner: httpx.AsyncBaseTransport, failing: Failing, *, late: bool):
        self.inner, self.failing, self.late = inner, failing, late

    async def handle_async_request(self, request):
        if not self.late:
            self.failing(str(request.url))
        answer = await self.inner.handle_async_request(request)
        if self.late:
            self.failing(str(request.url))
        return answer


async def live(rig: Rig, seconds: float) -> None:
    """One life of the daemon, without its wall clock and signals; raises what ends it."""
    loop, turns = asyncio.get_running_loop(), itertools.count()

    def count() -> None:
        if next(turns) > MOST_TURNS:
            raise Hung(f"{MOST_TURNS} turns of the loop and no end")

    loop.at_each_turn(count)
    async with rig.opened() as app:
        faults = []
        generation = Generation(app, faults.append)
        end = loop.time() + seconds
        while loop.time() < end and not faults:
            for feed in app.feeds.values():
                await generation.look(feed)
            await asyncio.sleep(min(2.0, max(end - loop.time(), 0)))
        for lane in app.lanes.values():
            lane.stop()
        await asyncio.gather(*generation.lanes, return_exceptions=True)
        if faults:
            raise faults[0]


def live_failing(rig: Rig, failing, *, seconds: float = LIFE) -> str:
    """Live while something fails; return how it ended. Only an honest error may come out."""
    try:
        with failing:
            run_virtually(live(rig, seconds))
    except CLEAN as error:
        return type(error).__name__
    finally:
        rig.app = None
    return "went on"


async def live_healthily(site: Site) -> list[str]:
    """Live until all is calm; return which listings are not counted as they should be."""
    wrongs = []
    async with site.rig.opened() as app:
        faults = []
        generation = Generation(app, faults.append)
        for _ in range(HEALTHY_LOOKS):
            for feed in app.feeds.values():
                await generation.look(feed)
            await asyncio.sleep(HEALTHY_LIFE / HEALTHY_LOOKS)
        for name in site.channels:
            counts = site.rig.counts(name)
            if (counts.listings, counts.in_sync, counts.rejected, counts.repetitions) != (3, 2, 1, 0):
                wrongs.append(f"{name}: {counts}")
        for lane in app.lanes.values():
            lane.stop()
        await asyncio.gather(*generation.lanes)
        assert faults == []
    return wrongs


def whats_wrong(site: Site) -> list[str]:
    """Start with nothing failing; return what is not as it should be in the end."""
    site.rig.wall_offset += BETWEEN_LIVES
    try:
        wrongs = run_virtually(live_healthily(site))
    except AlreadyRunning:
        return ["it left the state locked"]
    wrongs += [f"{name} shows {stock}" for name, stock in site.stock().items() if stock != SHOWN]
    if invented := site.whats_sent() - set(STOCK.items()):
        wrongs.append(f"invented: {invented}")
    return wrongs + misplaced(site.rig.folder / "inbox")


def misplaced(inbox: Path) -> list[str]:
    """What does not lie where it belongs: the good export in the archive, the bad one with its report."""
    lying = Counter(
        f"{path.parent.name}: {name}"
        for path in inbox.rglob("*.*")
        for name in ("good.csv", "bad.csv", "bad.csv.txt")
        if path.is_file() and path.name.endswith(name)
    )
    right = {"archive: good.csv": 1, "rejected: bad.csv": 1}
    reports = lying.pop("rejected: bad.csv.txt", 0)
    return [] if lying == right and reports else [f"the files lie so: {dict(lying)}"]


def lost(inbox: Path) -> list[str]:
    """Each export is somewhere, whole, at every time."""
    texts = [path.read_text() for path in inbox.rglob("*.csv") if path.is_file()]
    return [text for text in (csv(STOCK), BAD) if text not in texts]


def csv(stock: dict[str, int]) -> str:
    return "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in stock.items())


def left(site: Site) -> bytes:
    """What a life left behind: lives that left the same need be healed only once."""
    digest = hashlib.blake2b(digest_size=16)
    with recovered(dict(state_files(site.rig.folder)), site.folder / "scratch") as connection:
        dump = (line for line in connection.iterdump() if not line.startswith('INSERT INTO "meta"'))
        digest.update("".join(dump).encode())  # without its identity, which is drawn by chance
    lying = sorted(str(path.relative_to(site.rig.folder)) for path in site.rig.folder.rglob("*"))
    digest.update(repr((lying, site.stock())).encode())
    return digest.digest()


@contextmanager
def files_no_larger_than(size: int):
    """The kernel refuses to let a file grow beyond this: for SQLite, an error of the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
