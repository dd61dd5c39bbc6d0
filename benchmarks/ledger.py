"""What the ledger's work costs, by how many listings there are, and how many of them are due.

Two channels, all listings confirmed, then so many made due. Times are of one thread, medians of many turns;
`synchronous=FULL` as in service. What is flat costs what is asked for; what is linear, what exists or is due.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from benchmarks.report import Plot, Table
from benchmarks.shops import CHANNELS, NOW, Shop
from state.ledger import Ledger, due_listings
from state.records import After, Push, PushEnd, Settlement
from state.registry import SLICE_ROWS
from state.reports import count_listings
from state.waking import make_uncertain

BATCH = 100
TURNS = 50
ALL = -1
SETTLING_MS = 60_000
COLUMNS = ("listings", "due", "next batch", "intent", "outcomes", "status counts", "to disk for a row")


@dataclass(slots=True)
class Costs:
    """Milliseconds of each, and bytes that were written for each row that was pushed."""

    listings: int
    due: int
    find: list[float] = field(default_factory=list)
    intend: list[float] = field(default_factory=list)
    settle: list[float] = field(default_factory=list)
    count: list[float] = field(default_factory=list)
    bytes_per_row: float = 0.0

    def row(self) -> list[str]:
        """Write a row of the table."""
        shown = [_told(one) for one in (self.find, self.intend, self.settle, self.count)]
        per_row = f"{self.bytes_per_row:,.0f} B" if self.bytes_per_row else ""
        return [f"{self.listings:,}", f"{self.due:,}", *shown, per_row]


def _told(times: list[float]) -> str:
    if not times:
        return "nothing due"
    slowest = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return f"{median(times):.2f} ms ({slowest:.2f})"


@contextmanager
def _timed(times: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.append((time.perf_counter() - began) * 1000)


def bytes_written() -> int:
    """Tell how many bytes this process has given to the system to write."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


def make_due(shop: Shop, due: int) -> None:
    """Have as many listings differ, half of them on each channel; the others are confirmed."""
    each = (due if due != ALL else CHANNELS * shop.skus) // CHANNELS
    with shop.database.write() as connection:
        connection.exec_driver_sql("UPDATE listing SET confirmed = desired WHERE confirmed IS NOT desired")
        connection.exec_driver_sql(
            "UPDATE listing SET desired = desired + 1, changed_at = ? WHERE identifier < ?",
            (NOW, f"SKU-{each:07}"),
        )
    shop.database.truncate_wal()


def measure(shop: Shop, due: int) -> Costs:
    """Measure what lanes, settlements and the status do, with so many due."""
    make_due(shop, due)
    costs = Costs(CHANNELS * shop.skus, due if due != ALL else CHANNELS * shop.skus)
    for _ in range(TURNS):
        with shop.database.read() as connection, _timed(costs.find):
            list(due_listings(connection, shop.channel_id, [""], NOW, BATCH))
    turns = min(TURNS, costs.due // CHANNELS // BATCH)
    before, ledger = bytes_written(), Ledger(shop.database)
    for _ in range(turns):
        with _timed(costs.intend):
            push = _intend(ledger, shop.channel_id)
        with _timed(costs.settle):
            _settle(ledger, push)
    if turns:
        costs.bytes_per_row = (bytes_written() - before) / (turns * BATCH)
    for _ in range(3):
        with shop.database.read() as connection, _timed(costs.count):
            count_listings(connection, shop.channel_id, NOW)
    return costs


def _intend(ledger: Ledger, channel_id: int) -> Push:
    push = ledger.begin_push(channel_id, [""], lambda due: due[:BATCH], now=NOW, limit=BATCH)
    if push is None:
        raise RuntimeError("nothing is due")
    return push


def _settle(ledger: Ledger, push: Push) -> None:
    accepted = [Settlement(attempt, After.CONFIRMED, "accepted") for attempt in push.attempts]
    end = PushEnd(status=200)
    ledger.settle(push, accepted, end, now=NOW, settling=SETTLING_MS, asynchronous=False)


def full_reset(shop: Shop) -> tuple[float, float]:
    """Have every listing of a channel asserted anew; give the seconds, and the longest slice in ms."""
    make_due(shop, 0)
    slices: list[float] = []
    steps = make_uncertain(shop.database, shop.channel_id, NOW, most=SLICE_ROWS)
    began, done = time.perf_counter(), False
    while not done:
        with _timed(slices):
            done = next(steps, None) is None
    return time.perf_counter() - began, max(slices)


def run(*, full: bool) -> Iterator[Table | Plot]:
    """Measure ledgers of a growing number of listings, and the largest by how many are due."""
    sizes = (1_000, 10_000, 100_000, 2_000_000) if full else (1_000, 10_000, 100_000)
    growing: list[Costs] = []
    by_due: list[Costs] = []
    resets: list[list[str]] = []
    for listings in sizes:
        with tempfile.TemporaryDirectory() as folder:
            shop = Shop(Path(folder), listings // CHANNELS)
            growing.append(measure(shop, min(1_000, listings)))
            if listings == sizes[-1]:
                by_due += [measure(shop, due) for due in (0, 1_000, 100_000, ALL) if due < listings]
            seconds, longest = full_reset(shop)
            size = _size_of(shop.writer())
            per_row = seconds / shop.skus * 1e6
            resets.append(
                [
                    f"{listings:,}",
                    f"{size / listings:,.0f} B",
                    f"{seconds:.2f} s",
                    f"{per_row:.1f} µs",
                    f"{longest:.0f} ms",
                ]
            )
    note = "Bounds: the next batch within 1 ms, outcomes within 5 ms. In brackets: the 95th percentile."
    yield Table("By how many are due", COLUMNS, [costs.row() for costs in by_due], note)
    yield Table("By how many there are, 1,000 of them due", COLUMNS, [costs.row() for costs in growing], note)
    columns = (
        "listings",
        "on disk, stock included, for one",
        "full reset of one channel",
        "for one",
        "longest slice",
    )
    yield Table("What grows with the shop", columns, resets)
    yield _curves(growing, sizes, resets)


def _size_of(connection: sqlite3.Connection) -> int:
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def _curves(growing: list[Costs], sizes: tuple[int, ...], resets: list[list[str]]) -> Plot:
    of: dict[str, Callable[[Costs], list[float]]] = {
        "next batch of 100": lambda costs: costs.find,
        "intent of 100": lambda costs: costs.intend,
        "outcomes of 100": lambda costs: costs.settle,
        "status counts": lambda costs: costs.count,
    }
    curves = {name: [(one.listings, median(get(one))) for one in growing] for name, get in of.items()}
    whole = [float(row[2].split()[0]) * 1000 for row in resets]
    curves["full reset of a channel"] = list(zip(sizes, whole, strict=True))
    return Plot("ledger", "The ledger's work", "listings", "ms", curves, log=True)
