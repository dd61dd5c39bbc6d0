"""Every crash point of a small batch, under every answer, with a source that stays or goes back.

The points are enumerated (see `crash_points`), each is started anew from what the crash left, and must end with
the truth in the shop, for good, and with a ledger that never claimed what no answer had said.
"""

import asyncio
import io
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from crash_points import (
    Copy,
    CrashPoints,
    false_claims,
    folder_in_memory,
    intents,
    settled_listings,
    take_copy,
)
from fated_shop import (
    ACCEPTED_LATE,
    APPLIED_LATE,
    APPLIED_UNANSWERED,
    NO_ANSWER,
    PARTIAL,
    QUICK,
    REFUSALS,
    SETTLING,
    UNTOLD_LATE,
    UNUSABLE,
    WELL,
    FatedShop,
)
from rig import DROP, SHOP, Rig
from virtual_time import EPOCH, run_virtually

from connectors.memory import CAPABILITIES
from syncd import logs

FIRST = {"out": 5, "down": 5, "up": 5, "same": 5}
THEN = {"out": 0, "down": 2, "up": 9, "same": 5, "new": 4}
BACK = FIRST | {"new": 1}
SLOWLY = replace(CAPABILITIES, asynchronous=True)
CONFIGURATION = DROP + SHOP + f'reassert_after = "{SETTLING:.0f}s"\n'
CALM = 2.5 * SETTLING
CALM_WHERE_HELD = 900 + CALM
MOST_REPETITIONS = 4
INSTANTS = {"turn", "BEGIN", "COMMIT", "open", "os.rename", "request"}


class Site:
    """A folder with the application, and the shop that it pushes to."""

    def __init__(self, folder, capabilities, copy: Copy | None = None, fates=()):
        self.scratch = folder / "scratch"
        (folder / "site").mkdir(parents=True)
        shop = FatedShop(stock=dict(FIRST)) if copy is None else copy.restore(folder / "site")
        self.shop = replace(shop, fates=fates or shop.fates)
        self.rig = Rig(folder / "site", CONFIGURATION, plugins={"memory": self.shop.plugin(capabilities)})
        self.rig.wall_offset = 0.0 if copy is None else copy.when
        self.shop.intents = lambda: intents(self.rig.folder, self.scratch)
        self.shop.may_be_sent = lambda sku, quantity: quantity in self.said.get(sku, ())
        self.said: dict[str, set[int]] = {}

    def allow(self, stock):
        for sku, quantity in stock.items():
            self.said.setdefault(sku, set()).add(quantity)

    def say(self, stock, name, at):
        """Drop an export; until it is taken in, what was said before holds too."""
        self.allow(stock)
        self.rig.drop(stock, name=name, at=EPOCH - 10_000 + at)

    def now_says(self, stock):
        self.said = {sku: {quantity} for sku, quantity in stock.items()}

    def begin(self):
        loop = asyncio.get_running_loop()
        self.shop.now = lambda: self.rig.wall_offset + loop.time()
        return loop


@dataclass(frozen=True, slots=True)
class Crash:
    """One case: what it starts from, what the source says from then on."""

    copy: Copy
    goes_back: bool
    capabilities: object

    @property
    def truth(self):
        return BACK if self.goes_back or "back.csv" in self.copy.said else THEN


async def settle_first(site: Site) -> Copy:
    """A shop in sync with the first export, long ago."""
    site.begin()
    site.say(FIRST, "first.csv", 1)
    async with site.rig.running():
        await site.rig.look()
        await asyncio.sleep(3 * SETTLING)
    site.shop.arrive()
    assert site.shop.wrongs == []
    site.shop.requests = 0
    return take_copy("settled", site.rig, site.shop)


async def run_to_calm(site: Site, *, turning_back_after: float | None = None) -> CrashPoints:
    """The run whose every instant may be the last: open, take the export in, push, settle, close."""
    site.begin()
    site.said = {sku: {quantity} for sku, quantity in FIRST.items()}
    if take_copy("", site.rig, site.shop).said:  # it was cut off with that one
        site.allow(THEN)
    else:
        site.say(THEN, "then.csv", 2)
    points = CrashPoints(site.rig, site.shop)
    with points.watching():
        async with site.rig.running():
            await site.rig.look()
            if turning_back_after is not None:
                await asyncio.sleep(turning_back_after)
                site.say(BACK, "back.csv", 3)
                await site.rig.look()
            await asyncio.sleep(3 * SETTLING)
    assert site.shop.wrongs == []
    return points


class Survivor:
    """The process that is started on what a crash left."""

    def __init__(self, crash: Crash, folder):
        self.crash = crash
        self.site = Site(folder, crash.capabilities, crash.copy)
        settled = settled_listings(crash.copy, self.site.scratch)
        self.settled = {
            sku for sku, confirmed in settled.items() if confirmed == THEN[sku] == crash.truth[sku]
        }
        self.wrongs: list[str] = []
        self._monitor: sqlite3.Connection | None = None
        self._version = -1

    def survive(self) -> list[str]:
        """Run on; return what is wrong."""
        run_virtually(self._story())
        return self.wrongs + self.site.shop.wrongs

    async def _story(self):
        site, truth = self.site, self.crash.truth
        loop = site.begin()
        before = len(site.shop.sent)
        for stock in (FIRST, THEN, truth):
            site.allow(stock)
        if self.crash.goes_back:
            site.say(BACK, "back.csv", 3)
        loop.at_each_turn(self._watch)
        async with site.rig.running() as app:
            with closing(sqlite3.connect(app.database.path)) as self._monitor:
                await site.rig.look()
                site.now_says(truth)
                held = app.registry.channel_hold(app.channel_ids["shop"]) is not None
                await asyncio.sleep(CALM_WHERE_HELD if held else CALM)
                if self._check_calm(rejected_may_differ=True):
                    app.registry.wake(app.channel_ids["shop"])
                    app.wake_lanes()
                    await asyncio.sleep(1.25 * SETTLING)
                    self._check_calm()
                calm = len(site.shop.sent)
                await asyncio.sleep(2 * SETTLING)
                self._check_calm()
                if len(site.shop.sent) != calm:
                    self.wrongs.append("it goes on pushing")
                loop.at_each_turn(lambda: None)
        self._check_repetitions(Counter(row.sku for row in site.shop.sent[before:]))
        self._check_folder()

    def _watch(self) -> None:
        """After each commit, nothing is claimed that no answer said, and every listing counts once."""
        if self._monitor is None:
            return
        version = self._monitor.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self.wrongs += false_claims(self._monitor, self.site.shop)
            self._check_counts(self._monitor)

    def _check_counts(self, connection) -> None:
        now = self.site.rig.app.world.clock.now()
        states = Counter(
            state_of(row, now)
            for row in connection.execute(
                "SELECT attempt_id, refusal, uncertain, confirmed, desired, not_before, reassert_at,"
                " (SELECT held_at FROM channel) FROM listing"
            )
        )
        counts = self.site.rig.counts()
        shown = {
            name: getattr(counts, name)
            for name in ("in_sync", "due", "in_flight", "deferred", "rejected", "held")
        }
        if {name: count for name, count in shown.items() if count} != states:
            self.wrongs.append(f"listings are {dict(states)}, counted as {shown}")

    def _check_calm(self, *, rejected_may_differ=False) -> set[str]:
        """Note what is wrong; return what stays rejected until somebody asks to try again."""
        shop, truth, counts = self.site.shop, self.crash.truth, self.site.rig.counts()
        shop.arrive()
        rejected = set()
        if rejected_may_differ:
            rejected = {failure.sku for failure in self.site.rig.failures() if failure.outcome == "rejected"}
        wrong = {sku: shop.stock.get(sku) for sku in truth if shop.stock.get(sku) != truth[sku]}
        if wrong.keys() - rejected:
            self.wrongs.append(f"the shop shows {wrong}")
        if (counts.in_sync + len(rejected), counts.repetitions, len(shop.on_the_way)) != (len(truth), 0, 0):
            self.wrongs.append(f"not calm: {counts}, rejected {rejected}, on the way {shop.on_the_way}")
        return rejected

    def _check_repetitions(self, sent: Counter) -> None:
        if again := sent.keys() & self.settled:
            self.wrongs.append(f"settled before, and sent again: {again}")
        if sent and max(sent.values()) > MOST_REPETITIONS:
            self.wrongs.append(f"sent too often: {sent}")

    def _check_folder(self) -> None:
        inbox = self.site.rig.folder / "inbox"
        left = [path.name for path in (*inbox.glob("*.csv"), *(inbox / ".syncd").iterdir())]
        kept = Counter(path.name.split("-", 2)[2] for path in (inbox / "archive").iterdir())
        if left or kept["then.csv"] != 1 or max(kept.values()) > 1:
            self.wrongs.append(f"left lying: {left}, archived: {dict(kept)}")


def state_of(row, now: int) -> str:
    attempt, refusal, uncertain, confirmed, desired, not_before, reassert_at, held_at = row
    if attempt is not None:
        return "in_flight"
    if refusal is not None:
        return "rejected"
    changed = uncertain or confirmed is None or desired != confirmed
    wait = not_before if changed else reassert_at
    ripe = wait is None or wait <= now
    if not changed and (reassert_at is None or not ripe):
        return "in_sync"
    if held_at is not None:
        return "held"
    return "due" if ripe else "deferred"


class Enumeration:
    """Collects the crash points of several runs, those that hold the same once, and begins anew from each."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.number = 0
        self.marks: set[bytes] = set()
        self.cases: list[Crash] = []
        self.instants = Counter()

    def new_folder(self) -> Path:
        self.number += 1
        return self.folder / str(self.number)

    def run(self, start: Copy | None, fates=(WELL,), capabilities=CAPABILITIES, **story) -> list[Copy]:
        """Run once under these fates, with a copy at each instant; return the copies not seen before.

        Until a request leaves, all fates are one: such copies are cases where all goes well, and nowhere else.
        """
        site = Site(self.new_folder(), capabilities, start, fates)
        points = run_virtually(run_to_calm(site, **story))
        assert points.instants.keys() >= INSTANTS
        self.instants += points.instants
        marks = {copy.mark(site.scratch): copy for copy in reversed(points.copies)}
        well = fates == (WELL,) and not story
        new = [c for mark, c in marks.items() if mark not in self.marks and (well or c.shop.requests)]
        self.marks |= marks.keys()
        for copy in new:
            goes_back = (False,) if "back.csv" in copy.said else (False, True)
            self.cases += [Crash(copy, back, capabilities) for back in goes_back]
        return new

    def survive_all(self) -> None:
        wrongs, survived = [], 0
        for case in self.cases:
            folder = self.new_folder()
            wrong = Survivor(case, folder).survive()
            survived += 1
            if wrong:
                source = "goes back" if case.goes_back else "stays"
                fate = case.copy.shop.fates[0].name
                wrongs.append(f"{fate}, cut off at {case.copy.what!r}, source {source}: {wrong}")
        print(f"{survived} crashes at {len(self.marks)} states of {self.instants.total()} instants")
        assert survived == len(self.cases) > 0
        assert not wrongs, "\n".join(wrongs)


@pytest.fixture
def enumeration(tmp_path):
    logs.configure("json", "critical", stream=io.StringIO())
    with folder_in_memory(tmp_path) as folder:
        yield Enumeration(folder)


@pytest.fixture
def settled(enumeration):
    return run_virtually(settle_first(Site(enumeration.new_folder(), CAPABILITIES)))


@pytest.mark.parametrize(
    "fates", [NO_ANSWER, REFUSALS, UNUSABLE, PARTIAL], ids=["no answer", "refusals", "unusable", "partial"]
)
def test_whatever_is_answered_a_crash_at_any_instant_ends_with_the_truth(enumeration, settled, fates):
    for fate in fates:
        new = enumeration.run(settled, (fate,))
        assert new, fate

    enumeration.survive_all()


def test_a_crash_when_all_goes_well_and_when_the_next_request_is_late_too_ends_with_the_truth(
    enumeration, settled
):
    enumeration.run(settled)
    enumeration.run(settled, (APPLIED_LATE, APPLIED_LATE))

    enumeration.survive_all()


@pytest.mark.parametrize("fate", [ACCEPTED_LATE, UNTOLD_LATE], ids=lambda fate: fate.name)
def test_batches_that_overtake_each_other_and_a_crash_end_with_the_truth(enumeration, fate):
    settled = run_virtually(settle_first(Site(enumeration.new_folder(), SLOWLY)))
    enumeration.run(settled, (fate,), SLOWLY)

    enumeration.survive_all()


@pytest.mark.parametrize("fate", [APPLIED_UNANSWERED, APPLIED_LATE, WELL], ids=lambda fate: fate.name)
def test_a_source_that_goes_back_while_the_request_is_under_way_and_a_crash_end_with_the_truth(
    enumeration, settled, fate
):
    enumeration.run(settled, (fate,), turning_back_after=QUICK / 2)

    enumeration.survive_all()


@pytest.mark.parametrize("fate", [WELL, APPLIED_LATE], ids=lambda fate: fate.name)
def test_a_crash_of_the_very_first_start_ends_with_the_truth(enumeration, fate):
    enumeration.run(None, (fate,))

    enumeration.survive_all()


def test_a_crash_of_the_start_after_a_crash_ends_with_the_truth(enumeration, settled):
    cut_off = next(c for c in enumeration.run(settled, (APPLIED_LATE,)) if c.shop.on_the_way)
    enumeration.cases.clear()
    enumeration.run(cut_off, (APPLIED_LATE,))

    enumeration.survive_all()
