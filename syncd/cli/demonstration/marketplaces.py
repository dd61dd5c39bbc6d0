"""The simulated marketplaces of the demonstration, and what they themselves say of their stock."""

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from connectors.sandbox import Fault, FaultKind, Limits, Sandbox, serve

TOKOPEDIA_ROWS_PER_SECOND = 200
TOCOBAGUS_REQUESTS_PER_SECOND = 2
LIMITS = (
    f"Tokopedia {TOKOPEDIA_ROWS_PER_SECOND} rows a second, Tocobagus {TOCOBAGUS_REQUESTS_PER_SECOND} requests"
    " a second"
)
WAREHOUSE = {"tokopedia": "1610", "tocobagus": ""}
_ANSWER_SECONDS = 10.0

Stock = dict[str, int]


class Marketplaces:
    """Both of them, asked over HTTP as anybody could."""

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        """They are served at `url`."""
        self.url = url
        self._sandbox = sandbox

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(WAREHOUSE)

    @property
    def configuration(self) -> str:
        """The channel tables that point at them."""
        return self._sandbox.configuration(self.url)

    async def stock(self) -> dict[str, Stock]:
        """Tell what each shows: SKU to quantity."""
        answer = await self._get("stock")
        return {name: answer[name].get(warehouse, {}) for name, warehouse in WAREHOUSE.items()}

    async def counters(self) -> dict[str, dict[str, int]]:
        """Tell what each has counted."""
        answer: dict[str, dict[str, int]] = await self._get("counters")
        return answer

    async def pushed_since(self, number: int) -> dict[str, list[str]]:
        """Tell the SKUs that were pushed to each after an arrival, as often as they were."""
        pushed: dict[str, list[str]] = {name: [] for name in WAREHOUSE}
        for arrival in await self._get(f"arrivals?since={number}"):
            pushed[arrival["marketplace"]] += [row["sku"] for row in arrival["rows"]]
        return pushed

    async def last_arrival(self) -> int:
        """Tell the number of the newest arrival; 0 = none."""
        return max((arrival["number"] for arrival in await self._get("arrivals")), default=0)

    def leave_unanswered(self, sku: str) -> None:
        """Let Tokopedia take the next push that carries this SKU, and never answer it."""
        self._sandbox.faults.next(Fault(kind=FaultKind.HANG, marketplace="tokopedia", sku=sku))

    async def has_left_unanswered(self, since: int) -> bool:
        """Tell whether that has happened, after an arrival."""
        arrivals = await self._get(f"arrivals?since={since}")
        return any(arrival["fault"] == FaultKind.HANG for arrival in arrivals)

    async def _get(self, what: str) -> Any:
        return await asyncio.to_thread(_fetch, f"{self.url}/sandbox/{what}")


def _fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 (our own loopback server)
        return json.load(answer)


def refusals(counters: dict[str, int]) -> int:
    """Count what a marketplace refused for being too fast, or as a whole."""
    return sum(counters.get(key, 0) for key in ("requests_throttled", "rows_throttled", "requests_refused"))


def matching(shown: Stock, levels: Stock, skus: Iterable[str]) -> int:
    """Count the SKUs that show what they should."""
    return sum(shown.get(sku) == levels[sku] for sku in skus)


@asynccontextmanager
async def simulated() -> AsyncIterator[Marketplaces]:
    """Serve both while the context is open."""
    sandbox = Sandbox(
        now=time.time,
        tokopedia_limits=Limits(
            rows_per_request=100,
            rows_per_second=TOKOPEDIA_ROWS_PER_SECOND,
            row_burst=TOKOPEDIA_ROWS_PER_SECOND,
        ),
        tocobagus_limits=Limits(
            rows_per_request=1000,
            requests_per_second=TOCOBAGUS_REQUESTS_PER_SECOND,
            request_burst=TOCOBAGUS_REQUESTS_PER_SECOND,
        ),
        tokopedia_warehouses=(WAREHOUSE["tokopedia"],),
    )
    async with serve(sandbox) as url:
        yield Marketplaces(sandbox, url)
