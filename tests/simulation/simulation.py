"""The whole daemon on virtual time against both simulated marketplaces: chaos, then calm, then the truth.

One seed decides everything: what the source says and when, which faults hit, when the daemon is killed and
what of its state is lost. The same seed gives the same trace.
"""

import asyncio
import hashlib
import random
import shutil
import tempfile
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rig import DROP, Rig
from virtual_time import EPOCH, run_virtually

from connectors.discovery import load_plugin
from connectors.sandbox import Sandbox
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Call, Effect, Fault, FaultKind
from state import reports

SKUS = [f"SKU-{number}" for number in range(8)]
UNLISTED = "UNKNOWN-1"
SETTLING = 120
EPOCHS = 4
LONGEST_CALM = 4 * 3600
CHANNELS = {"tokopedia-sandbox": "tokopedia", "tocobagus-sandbox": "tocobagus"}
LIMITS = {
    "tokopedia_limits": Limits(rows_per_request=100, rows_per_second=5, row_burst=5),
    "tocobagus_limits": Limits(rows_per_request=100, requests_per_second=1, request_burst=5),
}
FAULTS = {
    "latency": (0.3, Fault(kind=FaultKind.LATENCY, before=0.4, after=1.5)),
    "unavailable": (0.05, Fault(kind=FaultKind.STATUS, status=503)),
    "bad gateway": (0.03, Fault(kind=FaultKind.STATUS, status=502, effect=Effect.LATE, delay=50)),
    "timeout, late": (0.03, Fault(kind=FaultKind.HANG, effect=Effect.LATE, delay=SETTLING - 35)),
    "reset, applied": (0.04, Fault(kind=FaultKind.RESET, effect=Effect.NOW)),
    "reset": (0.03, Fault(kind=FaultKind.RESET)),
    "cut off": (0.03, Fault(kind=FaultKind.RESET_MIDWAY)),
    "web page": (0.02, Fault(kind=FaultKind.GARBAGE)),
    "truncated": (0.02, Fault(kind=FaultKind.TRUNCATED)),
    "row missing": (0.04, Fault(kind=FaultKind.ROW_MISSING)),
    "miscount": (0.02, Fault(kind=FaultKind.MISCOUNT)),
    "rows refused": (0.02, Fault(kind=FaultKind.ROWS_REFUSED, message="try another", code="INV_099")),
    "poison": (0.05, Fault(kind=FaultKind.STATUS, status=400, sku=SKUS[0])),
    "throttled": (0.03, Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "7"})),
    "token": (0.02, Fault(kind=FaultKind.TOKEN_EXPIRED, marketplace="tokopedia")),
    "no token": (0.05, Fault(kind=FaultKind.STATUS, status=500, call=Call.TOKEN)),
    "clock": (0.02, Fault(kind=FaultKind.CLOCK_SKEW, skew=900, marketplace="tocobagus")),
    "overtaken": (0.05, Fault(kind=FaultKind.LATE, delay=60, marketplace="tocobagus")),
}


@dataclass(slots=True)
class Result:
    """What one seed came to. `worst` is the longest time from calm to truth, in virtual seconds."""

    seed: int
    virtual: float = 0.0
    requests: int = 0
    crashes: int = 0
    losses: int = 0
    worst: float = 0.0
    faults: Counter = field(default_factory=Counter)
    trace: str = ""


class Wrong(AssertionError):
    """An invariant does not hold."""


def simulate(seed: int) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="syncd-simulation-"))
    try:
        return run_virtually(_Simulation(seed, folder).run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Simulation:
    def __init__(self, seed: int, folder: Path):
        self.source_dice, self.fault_dice, self.crash_dice = (
            random.Random(f"{name} {seed}") for name in ("source", "fault", "crash")
        )
        self.result = Result(seed)
        self.seed, self.folder = seed, folder
        self.truth = dict.fromkeys(SKUS, 0) | {UNLISTED: 1}
        self.said = defaultdict(list)  # (when, quantity) by SKU

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        self.sandbox = Sandbox(now=lambda: EPOCH + loop.time(), seed=self.seed, apply_delay=3.0, **LIMITS)
        plugins = {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        channels = self.sandbox.configuration("https://sandbox.test")
        for name in CHANNELS:
            header = f"[channels.{name}]\n"
            channels = channels.replace(header, f'{header}reassert_after = "{SETTLING}s"\n')
        self.rig = Rig(self.folder / "site", DROP + channels, plugins=plugins, seed=self.seed)
        self.rig.transport = httpx.ASGITransport(app=self.sandbox.app)
        for _ in range(EPOCHS):
            await self.chaos()
            await self.calm()
        self.result.virtual = loop.time()
        arrivals = self.sandbox.arrivals()
        self.result.requests = len(arrivals)
        self.result.faults.update(arrival.fault for arrival in arrivals if arrival.fault)
        self.check_what_was_sent(arrivals)
        self.result.trace = hashlib.sha256(repr(arrivals).encode()).hexdigest()[:16]
        return self.result

    async def chaos(self) -> None:
        for rate, fault in FAULTS.values():
            weight = self.fault_dice.choice((0, 0.3, 1, 3, 10))
            if rate * weight:
                self.sandbox.faults.at_random(min(rate * weight, 0.5), fault)
        end = asyncio.get_running_loop().time() + self.source_dice.uniform(20, 150)
        while asyncio.get_running_loop().time() < end:
            killed = self.crash_dice.random() < 0.7
            async with _Daemon(self.rig) as daemon:
                await self.say()
                await asyncio.sleep(
                    self.crash_dice.choice((0.0, 0.01, 0.5, 3, 20)) * self.crash_dice.random()
                )
                if killed:
                    self.result.crashes += 1
                    await daemon.kill()
            if self.crash_dice.random() < 0.05:
                self.lose_state()
        self.sandbox.faults.clear()
        if (state := self.rig.folder / "state.db").exists():
            shutil.copy(state, self.folder / "older.db")

    async def say(self) -> None:
        """Let the source say something else, of few values: A, B, A comes often."""
        for _ in range(self.source_dice.randrange(3)):
            self.truth[self.source_dice.choice(SKUS)] = self.source_dice.choice((0, 1, 2))
        now = EPOCH + asyncio.get_running_loop().time()
        for sku, quantity in self.truth.items():
            self.said[sku].append((now, quantity))
        self.rig.drop(self.truth)
        await self.rig.look()

    def lose_state(self) -> None:
        """Delete the state, with or without the marker beside it, or bring an older copy back."""
        self.result.losses += 1
        older, marker = self.folder / "older.db", self.rig.folder / "state.db.marker"
        if older.exists() and self.crash_dice.random() < 0.5:
            for file in self.rig.folder.glob("state.db-*"):
                file.unlink()
            shutil.copy(older, self.rig.folder / "state.db")
            return
        for file in self.rig.folder.glob("state.db*"):
            if file != marker or self.crash_dice.random() < 0.5:
                file.unlink()

    async def calm(self) -> None:
        """Nothing goes wrong any more and the source stays: in good time all shops show the truth, for good."""
        loop = asyncio.get_running_loop()
        async with _Daemon(self.rig):
            await self.say()
            for name in CHANNELS:
                self.rig.app.lanes[name].release()
                self.rig.app.registry.wake(self.rig.app.channel_ids[name])
            started = loop.time()
            while (wrong := self.whats_wrong()) and loop.time() - started < LONGEST_CALM:  # noqa: ASYNC110
                await asyncio.sleep(10)
            if wrong:
                raise Wrong(f"seed {self.seed}: after {LONGEST_CALM} s of calm: {wrong}")
            self.result.worst = max(self.result.worst, loop.time() - started)
            await asyncio.sleep(3 * SETTLING)
            if wrong := self.whats_wrong():
                raise Wrong(f"seed {self.seed}: it did not stay true: {wrong}")
            for channel_id in self.rig.app.channel_ids.values():
                self.check_counts(channel_id)

    def whats_wrong(self) -> str:
        wanted = {sku: quantity for sku, quantity in self.truth.items() if sku != UNLISTED}
        for channel, marketplace in CHANNELS.items():
            stock = getattr(self.sandbox, marketplace).stock()
            if stock != wanted:
                return f"{marketplace} shows {stock}, not {wanted}"
            counts = self.rig.counts(channel)
            if (counts.in_sync, counts.rejected, counts.repetitions) != (len(SKUS), 1, 0):
                return f"{channel} counts {counts}"
        return ""

    def check_counts(self, channel_id: int) -> None:
        with self.rig.app.database.read() as connection:
            counts = reports.count_listings(connection, channel_id, self.rig.app.world.clock.now())
        parts = (counts.in_sync, counts.due, counts.in_flight, counts.deferred, counts.rejected, counts.held)
        if sum(parts) != counts.listings or min(parts) < 0:
            raise Wrong(f"seed {self.seed}: {counts} do not add up")

    def check_what_was_sent(self, arrivals) -> None:
        """Nothing is invented, and nothing stale is sent: each quantity was the truth, at most a moment ago."""
        for arrival in arrivals:
            for row in arrival.rows:
                said = self.said[row.sku]
                recent = [q for at, q in said if arrival.at - 35 <= at <= arrival.at]
                before = [q for at, q in said if at < arrival.at - 35][-1:]
                if row.quantity not in recent + before:
                    raise Wrong(f"seed {self.seed}: {row} was sent at {arrival.at}, nobody had said so")
            if "too fast" in arrival.said and not arrival.fault:
                raise Wrong(f"seed {self.seed}: {arrival} was beyond the limit")


class _Daemon:
    """The application with its lanes, to be ended gracefully or killed."""

    def __init__(self, rig: Rig):
        self.rig = rig
        self.killed = False

    async def __aenter__(self):
        self._opened = self.rig.opened()
        app = await self._opened.__aenter__()
        self.lanes = [asyncio.create_task(lane.run()) for lane in app.lanes.values()]
        return self

    async def kill(self) -> None:
        """What the files hold at this instant is all that is left; requests on the way may still arrive."""
        self.rig.copy_state()
        self.killed = True
        for lane in self.rig.app.lanes.values():
            for task in lane._tasks:
                task.cancel()
        for task in self.lanes:
            task.cancel()
        for task in self.lanes:
            with suppress(asyncio.CancelledError):
                await task

    async def __aexit__(self, *failure):
        if not self.killed:
            for lane in self.rig.app.lanes.values():
                lane.stop()
            await asyncio.gather(*self.lanes)
        await self._opened.__aexit__(*failure)
        if self.killed:
            self.rig.restore_state()
