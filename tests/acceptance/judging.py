"""What must be true of everything that a daemon sent, whatever was done to it and to the network."""

import bisect
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from processes import ServedSandbox
from proxy import HOLDS_BACK, LATEST_SECONDS, Exchange

from connectors.sandbox.arrivals import Arrival
from connectors.sandbox.buckets import Bucket, Limits

AT_ONCE_SECONDS = 0.25
"""What the proxy sees as one moment while the machine is busy."""


class Wrong(AssertionError):
    """Something that must never be."""


class Source:
    """What the files said, version by version, and when each was there to be read."""

    def __init__(self):
        self._at: list[float] = []
        self._quantities: dict[str, list[int]] = defaultdict(list)

    def say(self, at: float, stock: dict[str, int]):
        self._at.append(at)
        for sku, quantity in stock.items():
            self._quantities[sku].append(quantity)

    def version_sent(self, sku: str, quantity: int, at: float, least: int) -> int:
        """The oldest version from `least` on that said so, and had by then; raise where there is none."""
        known = bisect.bisect_right(self._at, at)
        for version in range(least, known):
            if self._quantities[sku][version] == quantity:
                return version
        raise Wrong(f"{sku} = {quantity} was sent: no file since version {least} had said so")


def check_sent(exchanges: Iterable[Exchange], source: Source, limits: dict[str, Limits]):
    """Nothing invented, nothing older than what was sent before, nothing twice at once, nothing too fast."""
    clock = 0.0
    buckets = {name: _strict_bucket(limits[name], lambda: clock) for name in limits}
    versions: dict[tuple[str, str], int] = defaultdict(int)
    before: dict[tuple[str, str], Exchange] = {}
    for exchange in exchanges:
        clock = exchange.at
        marketplace, rows = rows_of(exchange)
        for sku, quantity in rows:
            listing = (marketplace, sku)
            versions[listing] = source.version_sent(sku, quantity, clock, versions[listing])
            if listing in before and before[listing].ended > clock + AT_ONCE_SECONDS:
                raise Wrong(f"{listing} was sent while {before[listing]} was in flight: {exchange}")
            before[listing] = exchange
        taken = len(rows) if limits[marketplace].rows_per_second else min(1, len(rows))
        if not all(buckets[marketplace].take() for _ in range(taken)):
            raise Wrong(f"{marketplace} was sent {len(rows)} rows beyond its limit, at {clock}")


def rows_of(exchange: Exchange) -> tuple[str, list[tuple[str, int]]]:
    """The marketplace and the SKUs with their quantities; none for requests that set no stock."""
    if exchange.path.partition("?")[0].endswith("/stock/update"):
        return "tokopedia", [(row["sku"], row["new_stock"]) for row in json.loads(exchange.body)]
    if exchange.path.endswith("/inventory"):
        return "tocobagus", [(row["sku"], row["stock"]) for row in json.loads(exchange.body)["items"]]
    return "tokopedia", []


def _strict_bucket(limits: Limits, now) -> Bucket:
    if limits.rows_per_second:
        return Bucket(limits.rows_per_second, limits.row_burst, now)
    return Bucket(limits.requests_per_second, limits.request_burst, now)


def check_refusals(arrivals: Iterable[Arrival], exchanges: Sequence[Exchange]):
    """No marketplace said "too fast", unless the proxy had heaped up what came to it well spaced."""
    held_back = [one.released for one in exchanges if one.does in HOLDS_BACK and one.released]
    for arrival in arrivals:
        if arrival.throttled:
            recent = [at for at in held_back if 0 <= arrival.at - at <= 3 * LATEST_SECONDS]
            if not recent:
                raise Wrong(f"refused as too fast, and nothing had been held back: {arrival}")


def check_counts(status: dict):
    """Each listing is in exactly one state."""
    for name, channel in status["channels"].items():
        states = [channel[k] for k in ("in_sync", "due", "in_flight", "deferred", "rejected", "held")]
        if sum(states) != channel["listings"] or min(states) < 0:
            raise Wrong(f"the counts of {name} do not add up: {channel}")


def untruth(served: ServedSandbox, truth: dict[str, int]) -> str:
    """What the marketplaces show that is not so; "" where all is as it should be."""
    for name, stock in served.ask(lambda s: {k: m.stock() for k, m in s.marketplaces.items()}).items():
        if stock != truth:
            wrong = {sku: stock.get(sku) for sku in truth if stock.get(sku) != truth[sku]}
            return f"{name} shows {wrong}, the truth is { ({sku: truth[sku] for sku in wrong}) }"
    return ""
