"""One way to bring rows to the simulated Tokopedia, once: what `benchmarks.delivery` runs as its own process.

`httpx|aiohttp SHAPE REQUESTS` the bare request of 100 rows, one after the other, on one client, its body
written each time; `loop|drt SHAPE ROWS RATE` all rows once, at so many a second: an asyncio loop that obeys
the limit, and tries three times, and drt-core's destination for REST interfaces. `SHAPE` is a file with the
address and the headers of a request that syncd has sent.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import the_work_itself

ROWS = 100
TRIES = 3
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a request looks."""

    url: str
    headers: dict[str, str]

    @classmethod
    def read(cls, path: str) -> "Shape":
        """Read it from a file."""
        return cls(**json.loads(Path(path).read_text()))


def rows_of(count: int) -> list[Row]:
    """Give the first SKUs, each with its quantity; as `benchmarks.lives` has them."""
    return [{"sku": f"SKU-{number:07}", "new_stock": 10 + number % 50} for number in range(count)]


def chunks(rows: list[Row]) -> Iterator[list[Row]]:
    """Divide rows into requests."""
    for start in range(0, len(rows), ROWS):
        yield rows[start : start + ROWS]


async def bare_httpx(shape: Shape, requests: int) -> None:
    """Send with httpx."""
    import httpx

    rows = rows_of(ROWS)
    async with httpx.AsyncClient(headers=shape.headers, trust_env=False) as client:
        await client.post(shape.url, content=json.dumps(rows))
        with the_work_itself():
            for _ in range(requests):
                answer = await client.post(shape.url, content=json.dumps(rows))
                json.loads(answer.content)


async def bare_aiohttp(shape: Shape, requests: int) -> None:
    """Send with aiohttp."""
    import aiohttp

    rows = rows_of(ROWS)
    async with aiohttp.ClientSession(headers=shape.headers) as client:
        await client.post(shape.url, data=json.dumps(rows))
        with the_work_itself():
            for _ in range(requests):
                async with client.post(shape.url, data=json.dumps(rows)) as answer:
                    json.loads(await answer.read())


async def plain_loop(shape: Shape, rows: int, rate: float) -> None:
    """Send all rows once, as one would write it in an afternoon."""
    import httpx

    async with httpx.AsyncClient(headers=shape.headers, trust_env=False) as client:
        due = time.monotonic()
        for some in chunks(rows_of(rows)):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += ROWS / rate
            for again in range(TRIES):
                try:
                    answer = await client.post(shape.url, content=json.dumps(some))
                    answer.raise_for_status()
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(2**again)


def with_drt(shape: Shape, rows: int, rate: float) -> None:
    """Send all rows once with drt-core."""
    from drt.config.base import RateLimitConfig
    from drt.config.destinations_saas import RestApiDestinationConfig
    from drt.config.sync_options import SyncOptions
    from drt.destinations.rest_api import RestApiDestination

    config = RestApiDestinationConfig(
        type="rest_api",
        url=shape.url,
        headers=shape.headers,
        body_mode="batch",
        batch_template="{{ rows | tojson }}",
        max_records_per_request=ROWS,
        rate_limit=RateLimitConfig(requests_per_second=rate / ROWS),
    )
    RestApiDestination().load(rows_of(rows), config, SyncOptions(on_error="skip"))


def main(way: str, shape: str, count: str, rate: str = "0") -> None:
    """Bring them in one way."""
    like, number = Shape.read(shape), int(count)
    match way:
        case "httpx":
            asyncio.run(bare_httpx(like, number))
        case "aiohttp":
            asyncio.run(bare_aiohttp(like, number))
        case "loop":
            asyncio.run(plain_loop(like, number, float(rate)))
        case "drt":
            with_drt(like, number, float(rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
