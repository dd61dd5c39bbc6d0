import asyncio
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from state import reports
from state.database import Database
from state.imports import Imports
from state.plans import ChannelPlan
from state.records import ImportState
from state.registry import Registry
from state.staging import Duplicates
from state.stock import StockBook
from syncd.clock import Clock
from syncd.core.guards import Guard
from syncd.core.name_times import TimeInName
from syncd.folder_feed import FolderFeed
from syncd.intake import IntakeParts, SourceTerms
from syncd.metrics.counting import Metrics
from syncd.poll_feed import PollFeed
from syncd.sources.database import DatabaseSource
from syncd.sources.dating import Dating
from syncd.sources.drop import DropFolder
from syncd.sources.judge import FileTerms
from tests.support.planned import follow_plan, planning_of

EPOCH = 1_800_000_000
OFF = Guard(None, None, None, None)
STRICT = Guard(200_000, 100_000, 500_000, 50_000)
PLAN = ChannelPlan("shop", "acc", ("erp", "pos"))


class PowerCut(Exception):
    """The process is gone from here on."""


async def inline(function):
    return function()


class Site:
    """A state, a watched folder and a database to poll; opened, killed and opened again as often as one likes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.inbox = folder / "inbox"
        self.pos = folder / "pos.db"
        self.lives = 0
        self.seconds = 0.0
        self.slices = 0
        self.cut_after: int | None = None
        self.blocking = inline
        self.dating = Dating()
        self.retention: float | None = None
        self.database = None
        self.terms = {
            "contents": "snapshot",
            "duplicates": Duplicates.REJECT,
            "zero_missing": False,
            "guard": OFF,
        }
        self.start()

    def start(self) -> None:
        self.database = Database(self.folder / f"state-{self.lives}.db")
        self.registry = Registry(self.database)
        self.imports = Imports(self.database)
        ids = self.registry.register_sources(["erp", "pos"])
        channel = self.registry.register_channel(PLAN.name, PLAN.account, 1).channel_id
        planning = planning_of(self.registry, channel, PLAN)
        book = StockBook(self.database, {channel: planning})
        follow_plan(self.database, book, planning, now=self.now())
        clock = Clock(lambda: EPOCH + self.seconds, lambda: self.seconds)
        self.parts = IntakeParts(
            self.database,
            self.registry,
            self.imports,
            book,
            clock,
            self.run_blocking,
            self.count_slice,
            Metrics(),
        )
        self.ids = ids
        self.feed = self.folder_feed()
        self.poll = PollFeed(
            self.source_terms("pos", contents="snapshot"),
            self.parts,
            DatabaseSource(self.pos, "SELECT sku, quantity FROM stock", busy_seconds=0),
        )

    async def run_blocking(self, function):
        return await self.blocking(function)

    def source_terms(self, name: str, **more) -> SourceTerms:
        return SourceTerms(source_id=self.ids[name], name=name, **{**self.terms, **more})

    def folder_feed(self, name="erp", *, rehearsal=False) -> FolderFeed:
        folder = DropFolder(
            self.inbox if name == "erp" else self.folder / name,
            patterns=["*.csv"],
            settle_seconds=0,
            dating=self.dating,
        )
        return FolderFeed(
            self.source_terms(name),
            self.parts,
            folder,
            file_terms=FileTerms(),
            retention_seconds=self.retention,
            rehearsal=rehearsal,
        )

    def judge_by(self, **terms) -> None:
        self.terms |= terms
        self.stop()
        self.start()

    def date_by(self, text: str) -> None:
        """Order files by the time in their names."""
        self.dating = Dating(TimeInName(text))
        self.stop()
        self.start()

    def stop(self) -> None:
        asyncio.run(self.poll.aclose())
        self.database.close()

    def kill(self) -> None:
        """What survives are the files as they are."""
        self.lives += 1
        for suffix in ("", "-wal", ".marker"):
            with suppress(FileNotFoundError):
                old = self.folder / f"state-{self.lives - 1}.db{suffix}"
                shutil.copy(old, self.folder / f"state-{self.lives}.db{suffix}")
        self.stop()
        self.start()

    def lose_the_state(self) -> None:
        self.lives += 1
        self.stop()
        self.start()

    def count_slice(self) -> None:
        self.slices += 1
        if self.cut_after is not None and self.slices >= self.cut_after:
            self.cut_after = None
            raise PowerCut

    def now(self) -> int:
        return int((EPOCH + self.seconds) * 1000)

    def drop(self, text: str, *, at: float = 0, name: str = "stock.csv", folder: str = "inbox") -> Path:
        """Drop an export whose data is as of `at` (seconds); one line for each SKU."""
        path = self.folder / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            text
            if text.startswith("sku") or "\n" in text
            else "sku,quantity\n" + text.replace(" ", "\n") + "\n"
        )
        os.utime(path, (EPOCH + at, EPOCH + at))
        return path

    def tell(self, **quantities: int) -> None:
        with closing(sqlite3.connect(self.pos)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER)")
            connection.execute("DELETE FROM stock")
            connection.executemany("INSERT INTO stock VALUES (?, ?)", quantities.items())

    def look(self, feed=None, **more):
        self.seconds += 1
        return asyncio.run((feed or self.feed).look(**more))

    def states(self, feed=None) -> list[ImportState]:
        return [verdict.state for verdict in self.look(feed)]

    def levels(self) -> dict[str, int]:
        return dict(self.rows("SELECT sku, quantity FROM stock"))

    def desired(self) -> dict[str, int]:
        return dict(self.rows("SELECT sku, desired FROM listing"))

    def rows(self, sql: str):
        with self.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def recorded(self) -> list[tuple[int, str]]:
        """Every import with its state, oldest first; those being applied too."""
        return self.rows("SELECT id, state FROM import ORDER BY id")

    def source(self, name="erp"):
        with self.database.read() as connection:
            return next(row for row in reports.sources(connection) if row.name == name)

    def files(self, where: str) -> list[str]:
        """The names that the files in a folder came with, or whole names of reports."""
        folder = self.inbox / where
        if not folder.exists():
            return []
        return sorted(path.name for path in folder.iterdir() if path.is_file())

    def report(self) -> str:
        (path,) = (self.inbox / "rejected").glob("*.txt")
        return path.read_text()


@pytest.fixture(scope="session")
def site_in():
    """Make a site in a folder; whoever asks for it stops it."""
    return Site


@pytest.fixture
def site(tmp_path):
    one = Site(tmp_path)
    yield one
    one.stop()


@pytest.fixture
def guarded(site):
    site.judge_by(guard=STRICT)
    return site


@pytest.fixture
def power_cut():
    return PowerCut
