"""What a snapshot costs beside what others need for the same: `make bench-intake`, ROWS=1000000.

A file in which 1,000 quantities are others is detected, guarded, stored, and followed through to the listings
of two channels, by the whole application. Beside it, in turns: an anti-join of that file with the one before,
each way, by DuckDB and by Polars, and the same rows of stock and listings written in one transaction. Beside
the first import: the `sqlite3` shell, which imports the file into a table and fills stock and listings, with
the same keys and indexes, from there. CPU time of all threads and children; medians, and the spread.
"""

import argparse
import asyncio
import itertools
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from statistics import median

import duckdb
import polars as pl

from connectors.memory import CAPABILITIES, MemoryMarketplace, plugin_for
from state.records import ImportState
from syncd.app import App, World, open_app
from syncd.clock import Clock
from syncd.config.load import load_config
from syncd.logs import configure

CHANGED = 1_000
ROUNDS = 5
TICK_SECONDS = 0.001
CONFIGURATION = """
[sources.erp]
type = "drop"
path = "inbox"
settle = "100ms"
[channels.one]
connector = "memory"
shop = "one"
[channels.two]
connector = "memory"
shop = "two"
"""
CONFIRM = "UPDATE listing SET confirmed = desired, may_show = desired, confirmed_at = changed_at"
FILL_STOCK = (
    "INSERT INTO stock(sku, location, source_id, quantity, import_id, line)"
    " SELECT sku, '', 1, quantity, 1, rowid + 1 FROM raw;"
)
FILL_LISTINGS = (
    "INSERT INTO listing(channel_id, identifier, warehouse, sku, desired, may_show, changed_at)"
    " SELECT {}, sku, '', sku, quantity, 0, 0 FROM raw;"
)
Changes = list[tuple[str, int]]


def snapshot(rows: int, seed: int) -> str:
    """Write a snapshot; with another seed than 0, 1,000 quantities are others."""
    quantities = [10 + number % 50 for number in range(rows)]
    dice = random.Random(seed)
    for number in dice.sample(range(rows), CHANGED) if seed else []:
        quantities[number] += 1
    lines = (f"SKU-{number:07},{quantity},Some name {number}" for number, quantity in enumerate(quantities))
    return "\n".join(itertools.chain(["sku,quantity,name"], lines, [""]))


class Files:
    """The snapshots of one run, written once."""

    def __init__(self, folder: Path, rows: int) -> None:
        """Write them to `folder`."""
        self._files = [folder / f"{number}.csv" for number in range(ROUNDS + 2)]
        for number, path in enumerate(self._files):
            path.write_text(snapshot(rows, number % 2 * number))

    def __getitem__(self, number: int) -> Path:
        """Give one; every other is the same."""
        return self._files[number]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    """Open the application on a folder, two channels that nothing is pushed to."""
    (folder / "inbox").mkdir(parents=True)
    config = folder / "syncd.toml"
    config.write_text(CONFIGURATION)
    config.chmod(0o600)
    plugin = plugin_for(MemoryMarketplace(), CAPABILITIES)
    app = await open_app(
        load_config(config, environ={}, load_plugin=lambda _: plugin), World(Clock(time.time, time.monotonic))
    )
    try:
        yield app
    finally:
        await app.aclose()


class Meter:
    """CPU seconds of each way, and the longest that the event loop did nothing else."""

    def __init__(self) -> None:
        """Know of none."""
        self.seconds: dict[str, list[float]] = {}
        self.longest_block = 0.0

    def turn(self, name: str, way: Callable[[], object]) -> None:
        """Measure what runs in this thread, and may start others."""
        before = _cpu_seconds()
        way()
        self.seconds.setdefault(name, []).append(_cpu_seconds() - before)

    async def look(self, name: str, app: App, file: Path, folder: Path, state: ImportState) -> None:
        """Measure a look of the application at its inbox, where `file` has just come in."""
        shutil.copyfile(file, folder / "inbox" / ".coming")
        (folder / "inbox" / ".coming").rename(folder / "inbox" / f"{time.monotonic_ns()}.csv")
        ticking = asyncio.ensure_future(self._tick())
        before = _cpu_seconds()
        (verdict,) = await app.feeds["erp"].look(thoroughly=True)
        self.seconds.setdefault(name, []).append(_cpu_seconds() - before)
        ticking.cancel()
        if verdict.state is not state:
            raise RuntimeError(f"{name}: {verdict.state} {verdict.reason}")

    async def _tick(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self.longest_block = max(self.longest_block, now - last - TICK_SECONDS)
            last = now

    def median(self, name: str) -> float:
        """Give it in seconds."""
        return median(self.seconds[name])

    def told(self, name: str) -> str:
        """Tell the median and the spread."""
        times = self.seconds[name]
        return f"{median(times):.2f} s ({min(times):.2f}-{max(times):.2f})"


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def by_duckdb(before: Path, after: Path) -> Changes:
    """Find what changed, and make sure that nothing is gone."""
    with duckdb.connect() as connection:
        then, now = (f"read_csv('{path}')" for path in (before, after))
        changes = connection.execute(
            f"SELECT n.sku, n.quantity FROM {now} n ANTI JOIN {then} o"
            " ON o.sku = n.sku AND o.quantity = n.quantity"
        ).fetchall()
        gone = connection.execute(f"SELECT o.sku FROM {then} o ANTI JOIN {now} n ON o.sku = n.sku").fetchall()
    if gone:
        raise RuntimeError("nothing should be gone")
    return changes


def by_polars(before: Path, after: Path) -> Changes:
    """Find the same."""
    then, now = (pl.scan_csv(path).select("sku", "quantity") for path in (before, after))
    changes = now.join(then, on=["sku", "quantity"], how="anti").collect(engine="streaming")
    gone = then.join(now, on="sku", how="anti").collect(engine="streaming")
    if gone.height:
        raise RuntimeError("nothing should be gone")
    return changes.rows()


def write_changes(state: Path, changes: Changes) -> None:
    """Write what changed to stock and to the listings of both channels, in one transaction."""
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.executemany("UPDATE stock SET quantity = ?2 WHERE sku = ?1 AND location = ''", changes)
        connection.executemany(
            "UPDATE listing SET desired = ?2"
            " WHERE channel_id IN (1, 2) AND identifier = ?1 AND warehouse = ''",
            changes,
        )


def take_by(find: Callable[[Path, Path], Changes], before: Path, after: Path, state: Path) -> None:
    """Take a snapshot in one of these ways."""
    write_changes(state, find(before, after))


def import_by_shell(state: Path, file: Path) -> None:
    """Fill an empty state by the `sqlite3` shell."""
    script = [
        "CREATE TEMP TABLE raw (sku TEXT, quantity INTEGER, name TEXT);",
        f".import --csv --skip 1 --schema temp {file} raw",
        "BEGIN;",
        FILL_STOCK,
        *(FILL_LISTINGS.format(channel) for channel in (1, 2)),
        "COMMIT;",
    ]
    subprocess.run(["sqlite3", "-bail", state], input="\n".join(script), text=True, check=True)


async def compare_imports(folder: Path, rows: int, rounds: int) -> list[str]:
    """Measure first imports in turns."""
    files, meter = Files(folder, rows), Meter()
    for number in range(rounds):
        ours, theirs = folder / f"ours-{number}", folder / f"theirs-{number}"
        async with opened(ours) as app:
            await meter.look("syncd", app, files[0], ours, ImportState.APPLIED)
        async with opened(theirs) as app:
            state = app.database.path
        meter.turn("shell", partial(import_by_shell, state, files[0]))
        for done in (ours, theirs):
            shutil.rmtree(done)
    of_shell = meter.median("syncd") / meter.median("shell")
    return [
        f"first import of {rows:,} rows",
        f"  syncd                {meter.told('syncd')}   x {of_shell:.2f} of the shell's (bound: 2.5)",
        f"  sqlite3 shell        {meter.told('shell')}",
        f"  longest block of the event loop {meter.longest_block * 1000:.0f} ms (bound: 50)",
    ]


async def compare_snapshots(folder: Path, rows: int, rounds: int) -> list[str]:
    """Measure the snapshots that follow in turns."""
    files, meter, ours = Files(folder, rows), Meter(), folder / "ours"
    async with opened(ours) as app:
        await Meter().look("first", app, files[0], ours, ImportState.APPLIED)
        with app.database.write() as connection:
            connection.exec_driver_sql(CONFIRM)
        theirs = folder / "theirs.db"
        with closing(sqlite3.connect(theirs)) as copy, closing(sqlite3.connect(app.database.path)) as state:
            state.backup(copy)
            copy.execute("PRAGMA journal_mode=WAL")
        for number in range(1, rounds + 1):
            before, after = files[number - 1], files[number]
            await meter.look("changed", app, after, ours, ImportState.APPLIED)
            await meter.look("same", app, after, ours, ImportState.UNCHANGED)
            for name, find in (("DuckDB", by_duckdb), ("Polars", by_polars)):
                meter.turn(name, partial(take_by, find, before, after, theirs))
    of_duckdb = {name: meter.median(name) / meter.median("DuckDB") for name in ("changed", "same")}
    return [
        f"{CHANGED:,} of {rows:,} rows changed, beside DuckDB's anti-join",
        f"  syncd                {meter.told('changed')}   x {of_duckdb['changed']:.2f} (bound: 0.5)",
        f"  syncd, nothing new   {meter.told('same')}   x {of_duckdb['same']:.2f} (bound: 0.25)",
        f"  DuckDB               {meter.told('DuckDB')}",
        f"  Polars               {meter.told('Polars')}",
        f"  longest block of the event loop {meter.longest_block * 1000:.0f} ms (bound: 50)",
    ]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000, help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at most so many turns (%(default)s)")
    given = parser.parse_args()
    configure(level="error")
    for compare in (compare_snapshots, compare_imports):
        with tempfile.TemporaryDirectory() as folder:
            for line in asyncio.run(compare(Path(folder), given.rows, given.rounds)):
                print(line, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process, DuckDB and Polars in it: {peak:,} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
