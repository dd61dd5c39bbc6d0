"""Measure what must not grow with the size of a shop, and what a snapshot costs beside other ways to take it.

Counts are the same on every machine. Times are CPU time, taken in turns in one process, and shown as ratios.
How much of a limit a lane uses is measured on virtual time, and must be 98 %: otherwise the exit status is 1.
"""

import argparse
import csv
import io
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.counting import Work, counted, cpu_seconds, driver_of
from benchmarks.pacing import compare_paces
from benchmarks.replanning import compare_replanning
from benchmarks.shops import NOW, Shop, StockRow, stock_rows
from state.ledger import due_listings

BATCH = 100
CHANGED = 1_000
GROWTH = 10


def find_batch(shop: Shop) -> Work:
    """Find the next batch, as a lane does."""
    with shop.database.read() as connection, counted(driver_of(connection)) as work:
        list(due_listings(connection, shop.channel_id, [""], NOW, BATCH))
    return work


def push_batch(shop: Shop) -> Work:
    """Choose a batch, commit its intent, settle it."""
    with counted(shop.writer()) as work:
        shop.push(BATCH)
    return work


def compare_sizes(small: Shop, large: Shop) -> None:
    """Print what a batch costs on a small and on a large ledger."""

    def line(what: str, few: Work, many: Work) -> None:
        print(
            f"{what:34} {few.steps:8,} steps of SQLite at {small.skus:,} SKUs,"
            f" {many.steps:8,} at {large.skus:,}:"
            f" x {many.steps / few.steps:.2f}; {many.statements} statements, {many.commits} commits"
        )

    line("find a batch, nothing due", find_batch(small), find_batch(large))
    for shop in (small, large):
        shop.take(stock_rows(shop.skus, changed=CHANGED))
    line(f"find {BATCH} among {CHANGED:,} due", find_batch(small), find_batch(large))
    line(f"choose, intend and settle {BATCH}", push_batch(small), push_batch(large))


def compare_ways(shop: Shop) -> None:
    """Print what a snapshot costs beside reading it only, and beside storing every row of it."""
    same, other = as_csv(stock_rows(shop.skus)), as_csv(stock_rows(shop.skus, changed=CHANGED))
    shop.take(rows_of(same))
    before = shop.writer().total_changes
    assert shop.take(rows_of(same)) == 0
    print(f"unchanged snapshot of {shop.skus:,} rows: {shop.writer().total_changes - before} rows written")
    plain = sqlite3.connect(":memory:", isolation_level=None)
    plain.execute(
        "CREATE TABLE stock (sku TEXT, location TEXT, quantity INTEGER, PRIMARY KEY (sku, location))"
    )
    turns = iter([other, same] * 99)
    seconds = cpu_seconds(
        {
            "reading it only": lambda: sum(1 for _ in rows_of(same)),
            "storing every row": lambda: store_all(plain, rows_of(same)),
            "unchanged": lambda: shop.take(rows_of(same)),
            f"{CHANGED:,} changed": lambda: shop.take(rows_of(next(turns))),
            "back to how it was": lambda: shop.take(rows_of(next(turns))),
        }
    )
    for way in ("unchanged", f"{CHANGED:,} changed"):
        print(
            f"{way:34} x {seconds[way] / seconds['reading it only']:.2f} of reading it only (csv),"
            f" x {seconds[way] / seconds['storing every row']:.2f} of storing every row (sqlite3, in memory)"
        )


def as_csv(rows: list[StockRow]) -> str:
    """Write a snapshot as a file has it."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def rows_of(text: str) -> Iterator[StockRow]:
    """Read it, with nothing but the csv module."""
    return (
        (sku, location, int(quantity), int(line))
        for sku, location, quantity, line in csv.reader(io.StringIO(text))
    )


def store_all(plain: sqlite3.Connection, rows: Iterator[StockRow]) -> None:
    """Take a snapshot without looking at what changed."""
    plain.execute("BEGIN")
    plain.executemany(
        "INSERT INTO stock VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
        (row[:3] for row in rows),
    )
    plain.execute("COMMIT")


def main() -> int:
    """Run all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "skus", nargs="?", type=int, default=100_000, help="size of the larger shop (%(default)s)"
    )
    skus: int = parser.parse_args().skus
    with tempfile.TemporaryDirectory() as folder:
        small, large = Shop(Path(folder), skus // GROWTH), Shop(Path(folder), skus)
        compare_sizes(small, large)
        compare_ways(large)
        compare_replanning(large)
    return 0 if compare_paces(short=True) else 1


if __name__ == "__main__":
    sys.exit(main())
