"""One way to take a snapshot, once: what `benchmarks.intake` runs as a process of its own.

`syncd FOLDER AFTER [BEFORE]` the whole application, two channels; `duckdb|polars STATE AFTER BEFORE` an
anti-join of both files each way, and the same rows of stock and listings written in one transaction;
`csvdiff|dlt FOLDER AFTER BEFORE` as these tools are used. Each imports its own tool, and only that.
"""

import asyncio
import csv
import gc
import importlib
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import the_work_itself

if TYPE_CHECKING:
    from syncd.app import App

TICK_SECONDS = 0.005
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
Changes = list[tuple[str, int]]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator["App"]:
    """Open the application on a folder, two channels that nothing is pushed to."""
    from connectors.memory import CAPABILITIES, MemoryMarketplace, plugin_for
    from syncd.app import World, open_app
    from syncd.clock import Clock
    from syncd.config.load import load_config
    from syncd.logs import configure

    configure(level="error")
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
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


def _drop(folder: Path, file: Path) -> None:
    coming = folder / "inbox" / ".coming"
    shutil.copyfile(file, coming)
    coming.rename(folder / "inbox" / f"{time.monotonic_ns()}{file.suffix}")


async def _look(app: "App") -> None:
    (verdict,) = await app.feeds["erp"].look(thoroughly=True)
    if verdict.state not in {"applied", "unchanged"}:
        raise RuntimeError(f"{verdict.state}: {verdict.reason}")


async def take_by_syncd(folder: Path, after: Path, before: Path | None = None) -> None:
    """Take `after`, where `before` was taken by the same process; tell how long the loop was blocked."""
    async with opened(folder) as app:
        gc.freeze()  # as `syncd run` does
        if before is not None:
            _drop(folder, before)
            await _look(app)
        _drop(folder, after)
        said = {"block": 0.0}
        ticking = asyncio.ensure_future(_tick(said))
        with the_work_itself(said):
            await _look(app)
        ticking.cancel()


async def _tick(said: dict[str, float]) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now = time.perf_counter()
        said["block"] = max(said["block"], now - last - TICK_SECONDS)
        last = now


def by_duckdb(after: Path, before: Path) -> Changes:
    """Find what changed, and make sure that nothing is gone."""
    import duckdb

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


def by_polars(after: Path, before: Path) -> Changes:
    """Find the same."""
    import polars as pl

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


def by_csvdiff(after: Path, before: Path) -> None:
    """Find what changed; nothing is written."""
    import csv_diff

    then, now = (csv_diff.load_csv(path.open(), key="sku") for path in (before, after))
    if not csv_diff.compare(then, now)["changed"]:
        raise RuntimeError("something should have changed")


def by_dlt(folder: Path, after: Path) -> None:
    """Merge a snapshot into a table of DuckDB by its key, as dlt's documentation shows it."""
    import dlt

    with after.open() as file:
        pipeline = dlt.pipeline(
            "stock",
            pipelines_dir=str(folder),
            destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        )
        pipeline.run(csv.DictReader(file), table_name="stock", write_disposition="merge", primary_key="sku")


def main(way: str, *names: str) -> None:
    """Take it in one way."""
    place, after, *before = map(Path, names)
    match way:
        case "syncd":
            asyncio.run(take_by_syncd(place, after, *before))
        case "duckdb" | "polars":
            find = by_duckdb if way == "duckdb" else by_polars
            importlib.import_module(way)
            with the_work_itself():
                write_changes(place, find(after, before[0]))
        case "csvdiff":
            importlib.import_module("csv_diff")
            with the_work_itself():
                by_csvdiff(after, before[0])
        case "dlt":
            by_dlt(place, before[0])
            with the_work_itself():
                by_dlt(place, after)


if __name__ == "__main__":
    main(*sys.argv[1:])
