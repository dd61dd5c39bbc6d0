"""How much of a limit a lane uses, and how many refusals it draws: `python -m benchmarks pacing`.

The whole application on virtual time, with more rows waiting than may leave, against the sandbox, whose
token bucket is strict and begins full. Each request takes the least time of its way, half of it there and
half back, and a seeded time more, split by chance between both: what left evenly arrives unevenly. The share
is what the marketplace took / (rate x time), from the moment the lane starts, its own bucket still empty, to
the end. On virtual time the same seed gives the same figures on every machine, so a share below 98 % or any
refusal is a failure.
"""

import asyncio
import io
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from typing_extensions import override

from benchmarks.report import Table
from connectors.discovery import load_plugin
from connectors.sandbox import Sandbox
from connectors.sandbox.buckets import Limits
from syncd import logs

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from rig import DROP, Rig
from virtual_time import EPOCH, run_virtually

LEAST_SHARE = 0.98
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Way:
    """How long a request takes there and back together, in seconds."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least * 1000:.0f}-{self.most * 1000:.0f} ms"


@dataclass(frozen=True, slots=True)
class Setting:
    """One limit at one distance. `limits`: the lines of the channel's table of limits, "" = the defaults."""

    name: str
    marketplace: str
    allowed: Limits
    way: Way
    seconds: float
    limits: str = ""
    in_short: bool = False
    clock_runs: float = 1.0
    """How fast the marketplace's clock runs beside ours."""

    @property
    def counts_rows(self) -> bool:
        """Whether the marketplace counts rows, else requests."""
        return self.allowed.rows_per_second is not None

    @property
    def rate(self) -> float:
        """What may be taken a second, in what the marketplace counts."""
        return self.allowed.rows_per_second or self.allowed.requests_per_second or 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a setting came to."""

    requests: int
    share: float
    refused: int

    @property
    def is_good(self) -> bool:
        """Whether it keeps what is promised."""
        return self.share >= LEAST_SHARE and self.refused == 0


class Distance(httpx.AsyncBaseTransport):
    """The way to a marketplace."""

    def __init__(self, there: httpx.AsyncBaseTransport, way: Way, dice: random.Random) -> None:
        self._there, self._way, self._dice = there, way, dice

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        total = self._dice.uniform(self._way.least, self._way.most)
        outward = self._way.least / 2 + (total - self._way.least) * self._dice.random()
        await asyncio.sleep(outward)
        response = await self._there.handle_async_request(request)
        await asyncio.sleep(total - outward)
        return response


NEAR, FAR, FARTHEST = Way(0.02, 0.08), Way(0.15, 0.45), Way(0.85, 1.15)
HIGH = 1000
FEW_ROWS = 20
SHORTER = 10
URL = "https://sandbox.test"


def settings() -> Iterator[Setting]:
    """List what is measured: limits by row at two distances, limits by request at three."""
    for rate, seconds, in_flight in ((5, 20 * MINUTE, 2), (100, 10 * MINUTE, 2), (1000, 2 * MINUTE, 8)):
        limits = f"rows_per_second = {rate}\nburst = {rate}\nin_flight = {in_flight}\n"
        for way in (NEAR, FAR):
            setting = by_row(f"{rate:,} rows/s", rate, way, seconds, limits)
            yield replace(setting, in_short=way is FAR and rate < HIGH)
    yield by_row("5 rows/s, nothing configured", 5, FAR, 20 * MINUTE)
    yield by_row("50 rows/s, only announced", 50, FAR, 10 * MINUTE)
    yield replace(by_row("5 rows/s, its clock is slow", 5, FAR, 30 * MINUTE), clock_runs=0.999)
    for rate in (1, 5):
        allowed = Limits(rows_per_request=1000, requests_per_second=rate, request_burst=5)
        pace = f"rows_per_second = {rate * FEW_ROWS}\nrequests_per_second = {rate}\n"
        limits = f"rows_per_request = {FEW_ROWS}\n{pace}burst = 5\nin_flight = 8\n"
        for way in (NEAR, FAR, FARTHEST):
            seconds = 20 * MINUTE / rate
            name = f"{rate} requests/s"
            yield Setting(name, "tocobagus", allowed, way, seconds, limits, in_short=way is FAR)


def by_row(name: str, rate: int, way: Way, seconds: float, limits: str = "") -> Setting:
    """Give a setting where the marketplace counts rows, and its burst is what comes in a second."""
    allowed = Limits(rows_per_request=100, rows_per_second=rate, row_burst=rate)
    return Setting(name, "tokopedia", allowed, way, seconds, limits)


def measure(setting: Setting, seed: int = 1) -> Result:
    """Run one setting in a folder of its own."""
    logs.configure("json", "error", stream=io.StringIO())
    with tempfile.TemporaryDirectory() as folder:
        return run_virtually(_measured(setting, Path(folder), seed))


async def _measured(setting: Setting, folder: Path, seed: int) -> Result:
    loop = asyncio.get_running_loop()
    sandbox = Sandbox(
        now=lambda: EPOCH + loop.time() * setting.clock_runs,
        seed=seed,
        **{f"{setting.marketplace}_limits": setting.allowed},
    )
    plugins = {setting.marketplace: load_plugin(setting.marketplace)}
    rig = Rig(folder, _configuration(sandbox, setting), plugins=plugins)
    dice = random.Random(f"way {seed}")
    rig.transport = Distance(httpx.ASGITransport(app=sandbox.app), setting.way, dice)
    more = setting.rate * setting.seconds * (1 if setting.counts_rows else FEW_ROWS) * 1.1
    rig.drop({f"SKU-{number:07}": 5 for number in range(int(more))})
    await rig.open_and_look()
    async with rig.running():
        began = loop.time()
        await asyncio.sleep(setting.seconds)
        possible = setting.rate * (loop.time() - began)
        counts = sandbox.counters()[setting.marketplace]
    refused = counts.get("requests_throttled", 0) + counts.get("rows_throttled", 0)
    requests = counts["push_requests"] - counts.get("requests_throttled", 0)
    taken = counts["rows_taken"] if setting.counts_rows else requests
    return Result(requests, taken / possible, refused)


def _configuration(sandbox: Sandbox, setting: Setting) -> str:
    keys = {"connector": setting.marketplace, **sandbox.channel_settings(URL)[setting.marketplace]}
    if setting.marketplace == "tocobagus":
        keys["warehouses"] = "single"
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return DROP + "\n".join(["[channels.shop]", *lines, "[channels.shop.limits]", setting.limits])


def run(*, full: bool, seed: int = 1) -> Iterator[Table]:
    """Measure every setting; in short, fewer and shorter ones."""
    rows, failures = [], []
    for setting in settings():
        if not full and not setting.in_short:
            continue
        chosen = setting if full else replace(setting, seconds=setting.seconds / SHORTER)
        result = measure(chosen, seed)
        share = f"{result.share:.2%}"
        if not result.is_good:
            failures.append(f"{setting.name}, {setting.way}: {share} of the limit, {result.refused} refused")
        ran = f"{result.requests:,} in {chosen.seconds:,.0f} s"
        rows.append((setting.name, str(setting.way), share, f"{result.refused}", ran))
    columns = ("limit", "there and back", "used", "refused", "requests")
    note = f"Bound: {LEAST_SHARE:.0%} used and nothing refused. Virtual time, seed {seed}."
    yield Table("Use of a limit", columns, rows, note, failures)
