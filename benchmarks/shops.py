"""A state as it is after a first import: so many SKUs, two channels, everything confirmed."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from benchmarks.counting import driver_of
from state.database import Database
from state.ledger import Ledger
from state.planning import Planning
from state.plans import ChannelPlan
from state.records import After, PushEnd, Settlement
from state.registry import SLICE_ROWS, Registry
from state.staging import Duplicates, Staging
from state.stock import StockBook
from syncd.core.guards import WINDOW_MS
from syncd.core.rules import decide

NOW = 1_700_000_000_000
CHANNELS = 2
StockRow = tuple[str, str, int | None, int]


def stock_rows(skus: int, *, changed: int = 0, by: int = 1) -> list[StockRow]:
    """Give SKU, location, quantity and line of every SKU; the first `changed` with another quantity."""
    return [(f"SKU-{n:07}", "", 10 + n % 50 + (by if n < changed else 0), n + 2) for n in range(skus)]


class Shop:
    """One source, two channels, and their state."""

    def __init__(self, folder: Path, skus: int) -> None:
        self.skus = skus
        self.database = Database(folder / f"{skus}.db")
        registry = Registry(self.database)
        self.source = registry.register_sources(["erp"])["erp"]
        plans = {}
        for number in range(CHANNELS):
            plan = ChannelPlan(f"channel-{number}", f"account {number}", ("erp",))
            channel_id = registry.register_channel(plan.name, plan.account, 1).channel_id
            plans[channel_id] = Planning(channel_id, plan, frozenset([self.source]), decide(plan))
        self.channel_id = next(iter(plans))
        self.book = StockBook(self.database, plans)
        self._ledger = Ledger(self.database)
        self.take(stock_rows(skus))
        with self.database.write() as connection:
            connection.exec_driver_sql("UPDATE listing SET confirmed = desired, confirmed_at = ?", (NOW,))

    def take(self, rows: Iterable[StockRow]) -> int:
        """Read, compare and apply a snapshot; return how many stock levels changed."""
        with Staging(self.database.path, self.source, Duplicates.REJECT) as staging:
            staging.load(rows)
            assert not [*staging.drop_duplicates(), *staging.drop_claimed()]
            changed = staging.compare(
                whole=True, zero_missing=False, sure=True, since=NOW - WINDOW_MS
            ).changed
            changes = staging.changes()
            while some := changes.take(SLICE_ROWS):
                self.book.apply(1, self.source, some, NOW)
        return changed

    def push(self, rows: int) -> None:
        """Push a batch on one channel, and have all of it accepted."""
        push = self._ledger.begin_push(self.channel_id, [""], lambda due: due[:rows], now=NOW, limit=rows)
        assert push is not None
        accepted = [Settlement(attempt, After.CONFIRMED, "accepted") for attempt in push.attempts]
        self._ledger.settle(push, accepted, PushEnd(status=200), now=NOW, settling=1, asynchronous=False)

    def writer(self) -> sqlite3.Connection:
        """Give the connection that writes, one for life."""
        with self.database.write() as connection:
            return driver_of(connection)
