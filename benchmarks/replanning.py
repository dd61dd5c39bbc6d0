"""What a rule of one channel costs where it concerns every SKU: `python -m benchmarks replanning`.

The whole of an edit: staged, compared, applied in slices. Beside it, in turns and on the same listings, what
no way can be without: one bare UPDATE that sets another quantity for every listing of the channel. CPU time,
and the longest that the loop would be blocked.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.report import Table, times
from benchmarks.shops import NOW, Shop
from state.plan_staging import PlanStaging
from state.planning import Planning
from state.plans import ChannelPlan, PlanRows, PlanRule, RuleRank, RuleSettings
from syncd.core.rules import decide

ROUNDS = 5


def edited(shop: Shop, safety_stock: int) -> Planning:
    """Give a plan with a rule for all SKUs."""
    rule = PlanRule(RuleRank.CHANNEL, RuleSettings(safety_stock=safety_stock), "syncd.toml")
    plan = ChannelPlan("channel-0", "account 0", ("erp",), rules=(rule,))
    return Planning(shop.channel_id, plan, frozenset([shop.source]), decide(plan))


def replan(shop: Shop, planning: Planning) -> tuple[float, float, float]:
    """Follow an edited plan; return the CPU seconds of comparing and applying, and the longest slice."""
    begun = time.process_time()
    book, channel_id, longest = shop.book, shop.channel_id, 0.0
    with PlanStaging(shop.database.path, channel_id) as staging:
        staging.load(PlanRows())
        staging.touch()
        comparison, _ = staging.compare(planning, whole=True)
        compared = time.process_time()
        assert comparison.up + comparison.down + comparison.to_zero == shop.skus
        book.watch(channel_id)
        book.follow(planning)
        for some in staging.wanted():
            before = time.perf_counter()
            book.store_planned(channel_id, some, NOW)
            longest = max(longest, time.perf_counter() - before)
        for _ in book.finish(channel_id, NOW):
            pass
        book.unwatch(channel_id)
    return compared - begun, time.process_time() - compared, longest


def update_bare(shop: Shop) -> float:
    """Set another quantity for every listing of the channel, in a copy; return the CPU seconds."""
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(Path(folder) / "copy.db")) as copy:
        shop.writer().backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
        begun = time.process_time()
        copy.execute("UPDATE listing SET desired = desired + 1 WHERE channel_id = ?", (shop.channel_id,))
        copy.commit()
        return time.process_time() - begun


def run(*, full: bool) -> Iterator[Table]:
    """Measure a rule for a million SKUs; in short, for a tenth."""
    skus = 1_000_000 if full else 100_000
    with tempfile.TemporaryDirectory() as folder:
        yield _compared(Shop(Path(folder), skus))


def _compared(shop: Shop) -> Table:
    floors, comparing, applying, longest = [], [], [], []
    for number in range(ROUNDS):
        floors.append(update_bare(shop))
        one, other, slowest = replan(shop, edited(shop, 1 + number % 2))
        comparing.append(one)
        applying.append(other)
        longest.append(slowest)
    both = [one + other for one, other in zip(comparing, applying, strict=True)]
    spread = f"{min(both):.2f}-{max(both):.2f}"
    rows = [
        ("compared", f"{median(comparing):.2f}", "", ""),
        ("applied", f"{median(applying):.2f}", "", ""),
        ("both", f"{median(both):.2f}", spread, times(median(both), median(floors))),
        ("a bare UPDATE", f"{median(floors):.2f}", f"{min(floors):.2f}-{max(floors):.2f}", "1"),
    ]
    note = f"The longest slice, in which the loop does nothing else: {median(longest) * 1000:.0f} ms."
    return Table(f"A rule for all {shop.skus:,} SKUs", ("", "CPU s", "spread", "beside"), rows, note)
