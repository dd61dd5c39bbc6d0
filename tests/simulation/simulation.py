"""The whole daemon on virtual time against both simulated marketplaces: chaos, then calm, then the truth.

One seed decides everything: what the sources say and when, which faults hit, when the daemon is killed and
what of its state is lost. The same seed gives the same trace.
"""

import asyncio
import hashlib
import io
import os
import random
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from chaos import BY_NAME, SETTLING, unleash
from rig import Rig
from virtual_time import EPOCH, run_virtually
from witness import Witness

from connectors.discovery import load_plugin
from connectors.sandbox import Sandbox, tocobagus, tokopedia
from connectors.sandbox.buckets import Limits
from state import reports
from syncd import logs

SKUS = [f"SKU-{number}" for number in range(8)]
OF_THE_TILL = set(SKUS[5:])
UNLISTED = "UNKNOWN-1"
EPOCHS = 4
LONGEST_CALM = 4 * 3600
CHANNELS = {"tokopedia-sandbox": "tokopedia", "tocobagus-sandbox": "tocobagus"}
LIMITS = {
    "tokopedia_limits": Limits(rows_per_request=100, rows_per_second=5, row_burst=5),
    "tocobagus_limits": Limits(rows_per_request=100, requests_per_second=1, request_burst=5),
}
GUARDS_OFF = 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SOURCES = (
    f'[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "1s"\n{GUARDS_OFF}'
    f'[sources.till]\ntype = "drop"\npath = "till"\nsettle = "1s"\ncontents = "changes"\n{GUARDS_OFF}'
)
RULES = '[rules]\nfile = "rules.csv"\nguard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SECRETS = (tokopedia.CLIENT_SECRET, tocobagus.SECRET_KEY, tocobagus.STORE_TOKEN)
MEMORY = Path("/dev/shm")  # noqa: S108 (only to be fast)


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
    checks: Counter = field(default_factory=Counter)
    trace: str = ""


class Wrong(AssertionError):
    """An invariant does not hold."""


def simulate(seed: int) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="syncd-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    told = io.StringIO()
    logs.configure("json", "debug" if seed % 10 == 0 else "error", stream=told)
    try:
        simulation = _Simulation(seed, folder)
        result = run_virtually(simulation.run())
        simulation.check_secrets(told.getvalue())
        return result
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
        self.caps: dict[tuple[str, str], int] = {}
        """The most that a channel shows of a SKU, by the file of rules."""
        self.edits = 0

    async def run(self) -> Result:
        loop = asyncio.get_running_loop()
        self.sandbox = Sandbox(now=lambda: EPOCH + loop.time(), seed=self.seed, apply_delay=3.0, **LIMITS)
        plugins = {name: load_plugin(name) for name in CHANNELS.values()}
        channels = self.sandbox.configuration("https://sandbox.test")
        for name in CHANNELS:
            header = f"[channels.{name}]\n"
            channels = channels.replace(header, f'{header}reassert_after = "{SETTLING}s"\n')
        self.rig = Rig(self.folder / "site", SOURCES + channels + RULES, plugins=plugins, seed=self.seed)
        (self.rig.folder / "till").mkdir()
        self.write_rules()
        self.witness = Witness(
            httpx.ASGITransport(app=self.sandbox.app), self.rig.folder / "state.db", self.sandbox.journal._now
        )
        self.rig.transport = self.witness
        self.say(SKUS)
        for _ in range(EPOCHS):
            await self.chaos()
            await self.calm()
        self.result.virtual = loop.time()
        arrivals = self.sandbox.arrivals()
        self.result.requests = len(arrivals)
        self.result.faults.update(str(arrival.fault) for arrival in arrivals if arrival.fault)
        self.result.checks = self.witness.checks
        self.check_pace(arrivals)
        self.result.trace = hashlib.sha256(repr(arrivals).encode()).hexdigest()[:16]
        return self.result

    async def chaos(self) -> None:
        loop = asyncio.get_running_loop()
        unleash(self.sandbox.faults, self.fault_dice)
        end = loop.time() + self.source_dice.uniform(20, 150)
        while loop.time() < end:
            killed = self.crash_dice.random() < 0.7
            async with _Daemon(self.rig, self.witness) as daemon:
                await self.change_and_look()
                if self.crash_dice.random() < 0.05:
                    await self.set_clock()
                if self.crash_dice.random() < 0.15:  # a person asks for a full reconcile
                    await self.rig.app.assert_anew(CHANNELS)
                pause = self.crash_dice.choice((0.0, 0.01, 0.5, 3, 20, 40))
                await asyncio.sleep(pause * self.crash_dice.random())
                self.check_now()
                if killed:
                    self.result.crashes += 1
                    await daemon.kill()
            if self.crash_dice.random() < 0.05:
                self.lose_state()
        self.sandbox.faults.clear()
        if (state := self.rig.folder / "state.db").exists():
            shutil.copy(state, self.folder / "older.db")

    async def change_and_look(self, *, fully: bool = False) -> None:
        """Let the sources say something else, of few values: A, B, A comes often. `fully`: of every SKU."""
        if self.source_dice.random() < 0.3:
            await self.edit_rules()
        changed = [self.source_dice.choice(SKUS) for _ in range(self.source_dice.randrange(3))]
        for sku in changed:
            self.truth[sku] = self.source_dice.choice((0, 1, 2))
        self.say(SKUS if fully else changed)
        await self.rig.look()

    async def edit_rules(self) -> None:
        """Let a channel show another share of some SKUs; now and then in a file that cannot be read first."""
        for _ in range(self.source_dice.randrange(1, 4)):
            key = self.source_dice.choice(list(CHANNELS)), self.source_dice.choice(SKUS)
            self.caps.pop(key, None)
            if (most := self.source_dice.choice((None, 0, 1))) is not None:
                self.caps[key] = most
        if self.source_dice.random() < 0.2:
            self.write_rules("SKU-0,nowhere,1")
            await self.look_at_plans()
        self.note_said()
        self.write_rules()
        await self.look_at_plans()

    def write_rules(self, *more: str) -> None:
        self.edits += 1
        path = self.rig.folder / "rules.csv"
        rows = [f"{sku},{channel},{most}" for (channel, sku), most in sorted(self.caps.items())]
        path.write_text("\n".join(["sku,channel,max_shown", *rows, *more]) + "\n")
        os.utime(path, (EPOCH + self.edits, EPOCH + self.edits))

    async def look_at_plans(self) -> None:
        for planner in self.rig.app.planners.values():
            await planner.look()

    def wanted(self, channel: str, sku: str) -> int:
        return min(self.truth[sku], self.caps.get((channel, sku), self.truth[sku]))

    def note_said(self) -> None:
        now = self.sandbox.journal._now()
        for channel, marketplace in CHANNELS.items():
            for sku in self.truth:
                self.witness.said[marketplace, sku].append((now, self.wanted(channel, sku)))

    def say(self, changed) -> None:
        self.note_said()
        self.rig.drop(self.export(changed))
        if news := {sku: self.truth[sku] for sku in changed if sku in OF_THE_TILL}:
            self.rig.drop(news, source="till")

    def export(self, changed) -> str:
        """A snapshot that now and then says nothing of a SKU whose truth is as before."""
        rows = {sku: str(q) for sku, q in self.truth.items() if sku not in OF_THE_TILL}
        silent = self.source_dice.choice(SKUS[:5])
        if silent not in changed and self.rig.dropped:
            rows[silent] = self.source_dice.choice((rows[silent], rows[silent], "", "absent"))
        return "sku,quantity\n" + "".join(f"{sku},{q}\n" for sku, q in rows.items() if q != "absent")

    async def set_clock(self) -> None:
        """Set this machine's clock, back or forth; the marketplaces' stays true."""
        self.rig.wall_offset += self.crash_dice.choice((-7200, -400, -SETTLING, 5, SETTLING, 3600))
        self.witness.clock_is_ahead = self.rig.wall_offset
        self.witness.begin_life(remembering=False)
        await self.rig.app.mind_the_clock()

    def lose_state(self) -> None:
        """Delete the state, with or without the marker beside it, or bring an older copy back."""
        self.result.losses += 1
        self.witness.begin_life(remembering=False)
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
        async with _Daemon(self.rig, self.witness):
            await self.change_and_look(fully=True)
            for name in CHANNELS:  # a person lets go of what is held
                self.rig.app.lanes[name].release()
                self.rig.app.registry.wake(self.rig.app.channel_ids[name])
            started = loop.time()
            while (wrong := self.whats_wrong()) and loop.time() - started < LONGEST_CALM:
                await asyncio.sleep(10)
                self.check_now()
            if wrong:
                raise Wrong(f"seed {self.seed}: after {LONGEST_CALM} s of calm: {wrong}")
            self.result.worst = max(self.result.worst, loop.time() - started)
            await asyncio.sleep(3 * SETTLING)
            self.check_now()
            if wrong := self.whats_wrong():
                raise Wrong(f"seed {self.seed}: it did not stay true: {wrong}")

    def whats_wrong(self) -> str:
        for channel, marketplace in CHANNELS.items():
            wanted = {sku: self.wanted(channel, sku) for sku in SKUS}
            stock = getattr(self.sandbox, marketplace).stock()
            if stock != wanted:
                return f"{marketplace} shows {stock}, not {wanted}"
            counts = self.rig.counts(channel)
            if (counts.in_sync, counts.rejected, counts.repetitions) != (len(SKUS), 1, 0):
                return f"{channel} counts {counts}"
        return ""

    def check_now(self) -> None:
        """What must hold at any moment, whatever is under way."""
        self.witness.check_confirmed(self.sandbox)
        self.witness.check_blame(UNLISTED, BY_NAME)
        with self.rig.app.database.read() as connection:
            for channel_id in self.rig.app.channel_ids.values():
                counts = reports.count_listings(connection, channel_id, self.rig.app.world.clock.now())
                parts = (
                    counts.in_sync,
                    counts.due,
                    counts.in_flight,
                    counts.deferred,
                    counts.rejected,
                    counts.held,
                )
                if sum(parts) != counts.listings or min(parts) < 0:
                    self.witness.wrong.append(f"{counts} do not add up")
        if self.witness.wrong:
            raise Wrong(f"seed {self.seed}: {self.witness.wrong[0]}")

    def check_pace(self, arrivals) -> None:
        for arrival in arrivals:
            if arrival.throttled and not arrival.fault:
                raise Wrong(f"seed {self.seed}: {arrival} was beyond the limit")

    def check_secrets(self, told: str) -> None:
        kept = {file.name: file.read_bytes() for file in self.rig.folder.rglob("*") if file.is_file()}
        kept.pop("syncd.toml")
        for secret in (*SECRETS, self.sandbox.tokopedia._token):
            if secret and (secret in told or any(secret.encode() in content for content in kept.values())):
                raise Wrong(f"seed {self.seed}: a secret left")


class _Daemon:
    """The application with its lanes, to be ended gracefully or killed."""

    def __init__(self, rig: Rig, witness: Witness):
        self.rig, self.witness = rig, witness
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
        self.witness.begin_life(remembering=not self.killed)
