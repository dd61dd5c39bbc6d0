"""A marketplace that is down for hours while the source goes on changing, and what is left when it returns.

Virtual time, the real application, the real ledger: changes come as files through the intake, the lane goes
on probing. `Figures.wrong` says what does not hold.
"""

import asyncio
import csv
import io
import random
import resource
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from rig import DROP, SHOP, Rig
from shops import Guarded
from virtual_time import run_virtually

from connectors.errors import Effect, TryLater
from connectors.memory import CAPABILITIES, MemoryConnector
from state.records import Risk

FILE_EVERY_SECONDS = 300
TIMEOUT_SECONDS = 30.0
PROBE_ROWS = 5
ROWS_PER_REQUEST = 100
REQUESTS_PER_SECOND = 5.0
IN_FLIGHT = 4
SETTLING_SECONDS = 600
LONGEST_PROBE_SECONDS = 60.0 + TIMEOUT_SECONDS
MOST_GROWTH_MIB = 8.0
RESERVED = 0.1


class Down(Guarded):
    """Where it is `down`, every second request finds nobody, every other hangs to its time-out.

    `order`: the rows that arrived while it was up.
    """

    def __init__(self):
        super().__init__()
        self.down = False
        self.failures = 0
        self.order: list[tuple[str, int]] = []

    def connect(self):
        return _Hanging(self)

    def receive(self, updates):
        if not self.down:
            self.order += [(update.sku, update.quantity) for update in updates]
        return super().receive(updates)


class _Hanging(MemoryConnector):
    async def push(self, updates, /):
        shop = self.marketplace
        if not shop.down:
            return await super().push(updates)
        shop.failures += 1
        if shop.failures % 2:
            raise TryLater("503 service unavailable", status=503)
        await asyncio.sleep(TIMEOUT_SECONDS)
        raise TryLater("no answer in time", effect=Effect.AMBIGUOUS)


@dataclass(slots=True)
class Figures:
    """What an outage came to. Times in virtual seconds, memory in MiB."""

    listings: int
    hours: float
    changes: int = 0
    files: int = 0
    requests: int = 0
    most_due: int = 0
    risks: Counter = field(default_factory=Counter)
    early: float = 0.0
    late: float = 0.0
    peak: float = 0.0
    warnings: int = 0
    lines: int = 0
    attempts: int = 0
    converged: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{'failed' if self.wrong else 'passed'} listings={self.listings} changes={self.changes}"
            f" files={self.files} hours={self.hours:g} requests while down={self.requests}"
            f" most due={self.most_due}"
            f" (to zero={self.risks[Risk.TO_ZERO]}, decreases={self.risks[Risk.DECREASE]},"
            f" others={self.risks[Risk.INCREASE] + self.risks[Risk.REPETITION]})"
            f" memory first third={self.early:.1f} last third={self.late:.1f} peak={self.peak:.1f} MiB"
            f" log lines={self.lines} of them warnings={self.warnings} attempts kept={self.attempts}"
            f" converged after={self.converged:.0f}s"
        )


def endure(folder: Path, *, listings: int, changes: int, hours: float, seed: int = 1) -> Figures:
    """Live through an outage."""
    lines: Counter = Counter()

    def count(_, level, event):
        lines[level, event["event"]] += 1
        raise structlog.DropEvent

    structlog.configure(processors=[count])
    return run_virtually(_Outage(folder, Figures(listings, hours), changes, seed, lines).run())


class _Outage:
    def __init__(self, folder: Path, figures: Figures, changes: int, seed: int, lines: Counter):
        self.figures, self.lines = figures, lines
        self.dice = random.Random(seed)
        self.files = max(3, int(figures.hours * 3600 / FILE_EVERY_SECONDS))
        self.per_file = -(-changes // self.files)
        self.shop = Down()
        limits = replace(
            CAPABILITIES.limits,
            rows_per_request=ROWS_PER_REQUEST,
            requests_per_second=REQUESTS_PER_SECOND,
            burst=5,
            in_flight=IN_FLIGHT,
        )
        plugin = self.shop.plugin(capabilities=replace(CAPABILITIES, limits=limits))
        text = DROP.replace('settle = "1s"', 'settle = "1s"\ncontents = "changes"')
        channel = f'{SHOP}reassert_after = "{SETTLING_SECONDS}s"\n'
        self.rig = Rig(folder / "site", text + channel, plugins={"memory": plugin}, seed=seed)
        self.truth = {f"SKU-{number:07}": 50 for number in range(figures.listings)}

    async def run(self) -> Figures:
        self.say(self.truth)
        async with self.rig.running():
            await self.rig.look()
            await self.until_in_sync()
            await self.be_down()
            await self.come_back()
        return self.figures

    def say(self, stock: dict[str, int]) -> None:
        text = io.StringIO("sku,quantity\n")
        text.seek(0, io.SEEK_END)
        csv.writer(text).writerows(stock.items())
        self.rig.drop(text.getvalue())

    def differences(self) -> list[str]:
        shown = self.shop.stock
        return [sku for sku, quantity in self.truth.items() if shown.get((sku, "")) != quantity]

    async def until_in_sync(self) -> float:
        """Wait until the shop shows the truth; give how long that took."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        longest = LONGEST_PROBE_SECONDS + 2 * self.figures.listings / ROWS_PER_REQUEST / REQUESTS_PER_SECOND
        while self.differences() and loop.time() - begun < longest + 60:  # noqa: ASYNC110
            await asyncio.sleep(1)
        if left := self.differences():
            self.figures.wrong.append(f"{len(left)} listings are not in sync, {left[:3]} for example")
        return loop.time() - begun

    async def be_down(self) -> None:
        figures, memory = self.figures, []
        self.shop.down = True
        self.lines.clear()
        skus = list(self.truth)
        for number in range(self.files):
            changed = self.dice.sample(skus, min(self.per_file, len(skus)))
            news = {sku: self.another(self.truth[sku]) for sku in changed}
            self.truth |= news
            self.say(news)
            await self.rig.look()
            figures.changes += len(news)
            await asyncio.sleep(figures.hours * 3600 / self.files)
            memory.append(resident_mib())
            if number % (self.files // 3) == 0 or number == self.files - 1:
                self.check_due()
        figures.files = self.files
        third = len(memory) // 3
        figures.early, figures.late = max(memory[:third]), max(memory[-third:])
        figures.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if figures.late > figures.early + MOST_GROWTH_MIB:
            figures.wrong.append(f"memory grew from {figures.early:.1f} to {figures.late:.1f} MiB")
        figures.requests = self.shop.failures
        self.check_what_it_cost()

    def another(self, quantity: int) -> int:
        """Give another quantity; one in ten is sold out."""
        if quantity and self.dice.random() < RESERVED:
            return 0
        return self.dice.choice([other for other in (10, 40, 50, 60, 90) if other != quantity])

    def check_due(self) -> None:
        counts = self.rig.counts()
        self.figures.most_due = max(self.figures.most_due, counts.due)
        rows = self.rig.ask("SELECT count(*) FROM listing")
        if (rows, counts.listings) != (self.figures.listings,) * 2 or counts.due > rows:
            self.figures.wrong.append(f"{counts.due} are due of {rows} listings")

    def check_what_it_cost(self) -> None:
        figures = self.figures
        figures.lines = sum(self.lines.values())
        figures.warnings = sum(count for (level, _), count in self.lines.items() if level != "info")
        if figures.warnings > figures.requests.bit_length():
            figures.wrong.append(f"{figures.warnings} warnings for {figures.requests} failures")
        if figures.lines > 2 * figures.requests + figures.files + figures.warnings:
            figures.wrong.append(f"{figures.lines} log lines: {self.lines.most_common(5)}")
        if figures.requests > figures.hours * 3600 / 25 + 30:
            figures.wrong.append(f"{figures.requests} requests while it was down")
        figures.attempts = self.rig.ask("SELECT count(*) FROM attempt") - figures.listings
        if figures.attempts > figures.requests * PROBE_ROWS + IN_FLIGHT * ROWS_PER_REQUEST:
            figures.wrong.append(f"{figures.attempts} attempts were kept of {figures.requests} requests")

    async def come_back(self) -> None:
        with self.rig.app.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT sku, risk FROM listing WHERE due = 1 OR attempt_id > 0")
            risks = {sku: Risk(risk) for sku, risk in rows}
        self.figures.risks = Counter(risks.values())
        self.shop.order.clear()
        self.shop.down = False
        self.figures.converged = await self.until_in_sync()
        self.check_order(risks)
        await asyncio.sleep(2 * SETTLING_SECONDS)
        counts = self.rig.counts()
        if (counts.in_sync, counts.repetitions) != (self.figures.listings, 0) or self.differences():
            self.figures.wrong.append(f"it did not stay in sync: {counts}")

    def check_order(self, risks: dict[str, Risk]) -> None:
        """Nothing of a lower class comes before the last of a higher one, but for the reserved share."""
        order = [risks[sku] for sku, _ in self.shop.order if sku in risks]
        if len(order) < len(risks):
            self.figures.wrong.append(f"only {len(order)} of {len(risks)} arrived")
        if order[: PROBE_ROWS - 1] != [Risk.TO_ZERO] * (PROBE_ROWS - 1):  # one may be of the reserved share
            self.figures.wrong.append(f"the first that arrived were {order[:PROBE_ROWS]}")
        slack = IN_FLIGHT * ROWS_PER_REQUEST
        for risk in (Risk.TO_ZERO, Risk.DECREASE):
            urgent = sum(one <= risk for one in order)
            last = max((place for place, one in enumerate(order) if one <= risk), default=0)
            if last > urgent / (1 - RESERVED) + slack:
                self.figures.wrong.append(f"the last of the {urgent} up to {risk.name} came as number {last}")


def resident_mib() -> float:
    """Give the memory that this process has in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
