"""Count the work of a small shop, and compare it with what is expected: `make counts`.

Counts are the same on every machine, so a regression shows at once: statements, commits, rows written,
requests and bytes exactly; steps of SQLite's virtual machine within a tenth, because its versions differ.
What is better than expected fails too: the expectation is stale then, and would hide the next regression.
`--write` writes `benchmarks/expected.toml` anew.
"""

import argparse
import asyncio
import io
import json
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from typing_extensions import override

from benchmarks import pacing
from benchmarks.counting import counted, driver_of
from benchmarks.shops import NOW, Shop, StockRow, stock_rows
from connectors.discovery import load_plugin
from connectors.sandbox import Sandbox
from connectors.sandbox.buckets import Limits
from state.ledger import due_listings
from state.registry import SLICE_ROWS
from state.reports import count_listings
from state.staging import Duplicates, Staging
from state.waking import make_uncertain
from syncd import logs
from syncd.sources.excerpts import differing_lines

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from rig import DROP, Rig
from virtual_time import EPOCH, run_virtually

EXPECTED = Path(__file__).parent / "expected.toml"
STEPS_MAY_DIFFER_BY = 0.1
SKUS = 10_000
GROWTH = 10
CHANGED = 100
BATCH = 100
PUSHED = 1_000
URL = "https://sandbox.test"
Counts = dict[str, int]


def count_all() -> Counts:
    """Count everything."""
    with tempfile.TemporaryDirectory() as folder:
        counts = {**count_imports(Path(folder)), **count_ledger(Path(folder))}
    return {**counts, **count_lines(), **count_delivery()}


@contextmanager
def _noted(shop: Shop, name: str, counts: Counts) -> Iterator[None]:
    """Note what is done on the connection that writes."""
    before = shop.writer().total_changes
    with counted(shop.writer()) as work:
        yield
    counts[f"{name}: statements"] = work.statements
    counts[f"{name}: commits"] = work.commits
    counts[f"{name}: steps"] = work.steps
    counts[f"{name}: rows written"] = shop.writer().total_changes - before


def count_imports(folder: Path) -> Counts:
    """Count what the state does for snapshots."""
    counts: Counts = {}
    shop = Shop(folder, GROWTH)
    snapshots: dict[str, list[StockRow]] = {
        f"first import of {SKUS:,} rows": stock_rows(SKUS),
        "an unchanged snapshot": stock_rows(SKUS),
        f"a snapshot with {CHANGED} changed": stock_rows(SKUS, changed=CHANGED),
    }
    for name, rows in snapshots.items():
        with _noted(shop, name, counts):
            shop.take(rows)
    return {**counts, **count_comparing(shop)}


def count_comparing(shop: Shop) -> Counts:
    """Count what it takes to compare a snapshot: read as a whole, and where only what differs is read."""
    counts: Counts = {}
    now = stock_rows(SKUS, changed=2 * CHANGED)
    changed = now[CHANGED : 2 * CHANGED]
    gone = [row[:2] for row in changed]
    ways: dict[str, Callable[[Staging], object]] = {
        "as a whole": lambda staging: staging.load(now),
        "by its excerpt": lambda staging: staging.load_excerpt(gone, changed, listed=SKUS),
    }
    for way, load in ways.items():
        with Staging(shop.database.path, shop.source, Duplicates.REJECT) as staging:
            with counted(staging._connection) as work:  # noqa: SLF001 - its own, and no one else's
                load(staging)
                assert not [*staging.drop_duplicates(), *staging.drop_claimed()]
                found = staging.compare(whole=True, zero_missing=False, sure=True, since=NOW)
            assert (found.rows, found.changed) == (SKUS, CHANGED)
        counts[f"comparing {SKUS:,} rows {way}: statements"] = work.statements
        counts[f"comparing {SKUS:,} rows {way}: steps"] = work.steps
    return counts


def count_ledger(folder: Path) -> Counts:
    """Count what lanes do: on ten times as many listings it must be the same."""
    counts: Counts = {}
    for skus in (SKUS // GROWTH, SKUS):
        (folder / str(skus)).mkdir()
        shop = Shop(folder / str(skus), skus)
        of = f"of {skus:,} SKUs"
        counts[f"the next batch {of}, none due: steps"] = _steps_to_find(shop)
        shop.take(stock_rows(skus, changed=2 * CHANGED))
        counts[f"the next batch {of}: steps"] = _steps_to_find(shop)
        with _noted(shop, f"intent and outcomes of {BATCH} {of}", counts):
            shop.push(BATCH)
        with shop.database.read() as connection, counted(driver_of(connection)) as work:
            count_listings(connection, shop.channel_id, NOW)
        counts[f"status counts {of}: steps"] = work.steps
    with _noted(shop, f"a full reset {of}", counts):
        for _ in make_uncertain(shop.database, shop.channel_id, NOW, most=SLICE_ROWS):
            pass
    return counts


def _steps_to_find(shop: Shop) -> int:
    with shop.database.read() as connection, counted(driver_of(connection)) as work:
        list(due_listings(connection, shop.channel_id, [""], NOW, BATCH))
    return work.steps


def count_lines() -> Counts:
    """Count the lines that are read of a file that is much like the one before."""
    before, (head, *others) = (
        [
            b"%s,%d" % (sku.encode(), quantity or 0)
            for sku, _, quantity, _ in stock_rows(SKUS, changed=changed)
        ]
        for changed in (0, CHANGED)
    )
    found = differing_lines(before, [head, b"NEW,1", *others], moved=lambda: None)
    assert found is not None
    return {f"lines read of {SKUS:,}, {CHANGED} changed and one put before the others": len(found[1])}


class Counting(httpx.AsyncBaseTransport):
    """The way to a marketplace, on which bytes of bodies are counted."""

    def __init__(self, there: httpx.AsyncBaseTransport) -> None:
        self._there = there
        self.sent = 0

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += len(request.content)
        return await self._there.handle_async_request(request)


def count_delivery() -> Counts:
    """Count requests, and bytes of their bodies, to bring rows to each marketplace."""
    logs.configure("json", "error", stream=io.StringIO())
    counts: Counts = {}
    for marketplace in ("tokopedia", "tocobagus"):
        with tempfile.TemporaryDirectory() as folder:
            requests, sent = run_virtually(_delivered(marketplace, Path(folder)))
        counts[f"{marketplace}, {PUSHED:,} rows: requests"] = requests
        counts[f"{marketplace}, {PUSHED:,} rows: bytes"] = sent
    return counts


async def _delivered(marketplace: str, folder: Path) -> tuple[int, int]:
    loop = asyncio.get_running_loop()
    generous = Limits(rows_per_request=100, rows_per_second=10_000, row_burst=10_000)
    limits = {f"{marketplace}_limits": generous}
    sandbox = Sandbox(now=lambda: EPOCH + loop.time(), seed=1, **limits)
    settings = {"connector": marketplace, **sandbox.channel_settings(URL)[marketplace]}
    if marketplace == "tocobagus":
        settings["warehouses"] = "single"
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    pace = "rows_per_request = 100\nrows_per_second = 10000\nburst = 10000\n"
    configuration = DROP + "\n".join(["[channels.shop]", *lines, "[channels.shop.limits]", pace])
    rig = Rig(folder, configuration, plugins={marketplace: load_plugin(marketplace)})
    counting = rig.transport = Counting(httpx.ASGITransport(app=sandbox.app))
    rig.drop({f"SKU-{number:07}": 5 for number in range(PUSHED)})
    await rig.open_and_look()
    async with rig.running():
        await asyncio.sleep(60)
        counters = sandbox.counters()[marketplace]
    if counters["rows_taken"] != PUSHED:
        raise RuntimeError(f"{marketplace} took {counters['rows_taken']} rows of {PUSHED}")
    return counters["push_requests"], counting.sent


def differences(counts: Counts, expected: Counts) -> list[str]:
    """Say what is not as expected."""
    found = [f"{name} is not counted any more" for name in expected.keys() - counts.keys()]
    for name, count in counts.items():
        if name not in expected:
            found.append(f"{name}: {count:,}, and nothing is expected of it")
            continue
        tolerance = STEPS_MAY_DIFFER_BY * expected[name] if name.endswith(": steps") else 0
        if abs(count - expected[name]) > tolerance:
            found.append(f"{name}: {count:,}, expected {expected[name]:,}")
    return sorted(found)


def main() -> int:
    """Count, then run the pacing's short form, which is on virtual time too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counts", description=__doc__)
    parser.add_argument("--write", action="store_true", help="expect from now on what is counted now")
    given = parser.parse_args()
    counts = count_all()
    if given.write:
        lines = [f"{json.dumps(name)} = {count}" for name, count in counts.items()]
        EXPECTED.write_text("\n".join(["# Written by `python -m benchmarks.counts --write`.", *lines, ""]))
    for name, count in counts.items():
        print(f"{count:12,}  {name}")
    failures = differences(counts, tomllib.loads(EXPECTED.read_text()))
    if failures:
        failures.append("where this is meant, write what to expect anew: python -m benchmarks.counts --write")
    for table in pacing.run(full=False):
        print(f"\n{table.markdown()}")
        failures += table.failures
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
