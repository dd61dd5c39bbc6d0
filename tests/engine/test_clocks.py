"""Clocks that jump: the machine's, and those of whoever wrote a file."""

import asyncio
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from rig import DROP, GUARDED, SHOP, Rig, many
from shops import Guarded, Silent, Slow
from structlog.testing import capture_logs
from virtual_time import EPOCH, run_virtually

from connectors.discovery import load_plugin
from connectors.errors import Effect, Throttled, TryLater, WarehouseRefused
from connectors.memory import CAPABILITIES
from connectors.sandbox import Sandbox
from connectors.sandbox.faults import Fault, FaultKind
from syncd.clock import Clock
from syncd.scheduler import Schedule

YEAR = 365 * 86_400
SEVEN_HOURS = 7 * 3600


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


def test_a_file_from_the_future_does_not_outdate_those_that_follow(rig):
    async def story():
        await rig.bring({"A": 5})
        rig.drop({"A": 4}, at=EPOCH + 5 * YEAR)
        await rig.open_and_reconcile()
        assert rig.shown() == {"A": 4}
        await asyncio.sleep(3600)
        rig.drop({"A": 0}, at=EPOCH + 3600)
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == {"A": 0}


class _Wall:
    """The wall clock, in steps of virtual time; `apscheduler` reads it by itself."""

    def __init__(self):
        self.offset = 0.0

    def time(self):
        return EPOCH + self.offset + asyncio.get_running_loop().time()

    def now(self, tz=None):
        return datetime.fromtimestamp(self.time(), tz)


@pytest.fixture
def wall(monkeypatch):
    one = _Wall()

    class Datetime(datetime):
        @classmethod
        def now(cls, tz=None):
            return one.now(tz)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Datetime)
    monkeypatch.setattr("apscheduler.triggers.interval.datetime", Datetime)
    return one


@pytest.mark.parametrize("jump", [-SEVEN_HOURS, 0, SEVEN_HOURS])
def test_what_is_done_every_so_often_goes_on_when_the_clock_is_set(wall, jump):
    done = []

    async def story():
        loop = asyncio.get_running_loop()

        async def work():
            done.append(loop.time())

        clock = Clock(wall.time, loop.time)

        async def take_over():
            with clock.taking_over(clock.follow()):
                pass

        schedule = Schedule(clock, take_over)
        schedule.every(10, work, "look")
        schedule.start()
        await asyncio.sleep(63)
        wall.offset = jump
        await asyncio.sleep(57)
        await schedule.stop()

    run_virtually(story())

    assert max(later - earlier for earlier, later in zip([0, *done], [*done, 120], strict=True)) <= 16


SETTLING = 600
LONGEST_RETRY = 905
JUMPS = [-YEAR, -300, -3, 3, 300, SEVEN_HOURS]
CALM = 2_000
ASYNCHRONOUS = replace(CAPABILITIES, asynchronous=True)


class Jumping(Rig):
    """Lets somebody set the machine's clock while the application runs."""

    async def set_clock(self, seconds: float) -> None:
        self.wall_offset += seconds
        await self.app.mind_the_clock()


def jumping(tmp_path, shop, text=DROP + SHOP, capabilities=CAPABILITIES) -> Jumping:
    return Jumping(tmp_path / "site", text, plugins={"memory": shop.plugin(capabilities=capabilities)})


def ambiguous_once():
    errors = iter([TryLater("time-out", effect=Effect.AMBIGUOUS)])
    return Guarded(refuse=lambda _: next(errors, None))


def times(shop) -> list[float]:
    return [at for at, _ in shop.arrivals]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_repetition_keeps_its_settling_time_whichever_way_the_clock_is_set(tmp_path, jump, restarted):
    shop = ambiguous_once()
    rig = jumping(tmp_path, shop)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(120)
            await rig.set_clock(jump)
            if not restarted:
                await asyncio.sleep(CALM)
        async with rig.running():
            await asyncio.sleep(CALM)

    run_virtually(story())

    _, accepted, *repeated = times(shop)
    assert len(repeated) == 1
    begun_anew = 120 if restarted else 0  # a start counts the settling time anew
    assert SETTLING <= repeated[0] - accepted <= SETTLING + begun_anew + 1


@pytest.mark.parametrize("jump", JUMPS)
def test_a_repetition_hidden_by_a_newer_value_keeps_its_settling_time_too(tmp_path, jump):
    """It is on the way when the clock is set, and the answer comes afterwards."""

    class AmbiguousAndSlow(Slow):
        def receive(self, updates):
            outcomes = super().receive(updates)
            if len(self.arrivals) == 1:
                raise TryLater("time-out", effect=Effect.AMBIGUOUS)
            return outcomes

    shop = AmbiguousAndSlow(seconds=20)
    rig = jumping(tmp_path, shop)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(120)
            rig.drop({"A": 8})
            await rig.look()
            await asyncio.sleep(10)
            await rig.set_clock(jump)
            await asyncio.sleep(CALM)

    run_virtually(story())

    assert [update.quantity for call in shop.received for update in call] == [3, 3, 8, 8]
    _, accepted, newer, repeated = times(shop)
    assert repeated - accepted >= SETTLING
    assert repeated - newer <= SETTLING + 20 + 1


@pytest.mark.parametrize("jump", JUMPS)
def test_two_accepted_requests_that_may_overtake_are_told_by_the_time_that_passed(tmp_path, jump):
    shop = Guarded()
    rig = jumping(tmp_path, shop, capabilities=ASYNCHRONOUS)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(100)
            await rig.set_clock(jump)
            rig.drop({"A": 8})
            await rig.look()
            await asyncio.sleep(CALM)
            rig.drop({"A": 9})
            await rig.look()
            await asyncio.sleep(CALM)

    run_virtually(story())

    assert [update.quantity for call in shop.received for update in call] == [3, 8, 8, 9]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarted", [False, True])
def test_what_failed_is_tried_again_no_later_than_it_would_have_been(tmp_path, jump, restarted):
    def told(jump, name):
        shop = Silent("A")
        rig = jumping(tmp_path / name, shop)

        async def story():
            async with rig.running():
                rig.drop({"A": 3})
                await rig.look()
                await asyncio.sleep(3000)
                await rig.set_clock(jump)
                before = len(shop.arrivals)
                if not restarted:
                    await asyncio.sleep(LONGEST_RETRY)
            async with rig.running():
                await asyncio.sleep(LONGEST_RETRY)
            return times(shop)[before] - 3000

        return run_virtually(story())

    assert told(jump, "set") <= told(0, "not") + 1


@pytest.mark.parametrize("stopped", [False, True])
def test_an_unknown_sku_is_probed_within_a_day_though_the_clock_was_set_back_a_year(tmp_path, stopped):
    rig = Jumping(tmp_path / "site")
    rig.shop.unlisted.add("A")

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(3600)
            if not stopped:
                await rig.set_clock(-YEAR)
                await asyncio.sleep(23 * 3600 + 60)
                assert len(rig.shop.received) == 2
        if stopped:
            rig.wall_offset = -YEAR
            async with rig.running():
                await asyncio.sleep(24 * 3600 + 60)
        assert len(rig.shop.received) == 2

    run_virtually(story())


@pytest.mark.parametrize("jump", [-SEVEN_HOURS, SEVEN_HOURS])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_held_warehouse_is_probed_in_time_when_the_clock_is_set(tmp_path, jump, restarted):
    shop = Guarded(refuse=lambda _: WarehouseRefused("closed", warehouse="1", code="W"))
    rig = jumping(tmp_path, shop, DROP + SHOP + 'warehouses = { JKT = "1" }\n')

    async def story():
        async with rig.running():
            rig.drop("sku,location,quantity\nA,JKT,1\n")
            await rig.look()
            await asyncio.sleep(600)
            await rig.set_clock(jump)
            if not restarted:
                await asyncio.sleep(400)
        async with rig.running():
            await asyncio.sleep(400)

    run_virtually(story())

    first, probed, *_ = times(shop)
    assert 900 <= probed - first <= 900 + 61


@pytest.mark.parametrize("jump", [-SEVEN_HOURS, SEVEN_HOURS])
def test_a_pause_that_was_asked_for_is_kept_across_a_restart_when_the_clock_is_set(tmp_path, jump):
    errors = iter([Throttled("too fast", retry_after=3600)])
    shop = Guarded(refuse=lambda _: next(errors, None))
    rig = jumping(tmp_path, shop)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(600)
            await rig.set_clock(jump)
        async with rig.running():
            await asyncio.sleep(3_100)

    run_virtually(story())

    assert [round(at) for at in times(shop)] == [1, 3601]


def test_what_a_clock_far_ahead_told_waits_no_longer_than_it_ever_has_to(tmp_path):
    shop = ambiguous_once()
    rig = jumping(tmp_path, shop)
    rig.wall_offset = 5 * YEAR

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(60)
        rig.wall_offset = 0.0
        async with rig.running():
            reopened = asyncio.get_running_loop().time()
            await asyncio.sleep(CALM)
        return reopened

    reopened = run_virtually(story())

    assert len(shop.arrivals) == 3
    assert times(shop)[-1] - reopened <= SETTLING + 1


def test_a_repetition_that_a_clock_far_ahead_told_stays_no_further_ahead_when_a_newer_value_goes_out(
    tmp_path,
):
    shop = ambiguous_once()
    rig = jumping(tmp_path, shop)
    rig.wall_offset = 5 * YEAR

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(60)
        rig.drop({"A": 8})
        await rig.open_and_look()
        rig.wall_offset = 0.0
        async with rig.running():
            await asyncio.sleep(CALM)

    run_virtually(story())

    assert [update.quantity for call in shop.received for update in call] == [3, 3, 8, 8]
    assert times(shop)[-1] - times(shop)[-2] <= SETTLING + 1


@pytest.mark.parametrize("stopped", [False, True], ids=["just before the end", "while nothing ran"])
@pytest.mark.parametrize("jump", [-SEVEN_HOURS, -300, 300, SEVEN_HOURS])
def test_a_clock_set_around_the_end_brings_no_repetition_too_early_nor_much_too_late(tmp_path, jump, stopped):
    """Just before the end it is taken over; how long it stood still afterwards cannot be told."""
    shop = ambiguous_once()
    rig = jumping(tmp_path, shop)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(60)
            if not stopped:
                rig.wall_offset = jump
        rig.wall_offset = jump
        async with rig.running():
            await asyncio.sleep(CALM)

    run_virtually(story())

    _, accepted, repeated = times(shop)
    assert SETTLING <= repeated - accepted <= SETTLING + 60 + 1


def test_a_pause_from_before_the_clock_was_set_back_is_no_longer_than_it_was_told(tmp_path):
    shop = Guarded(
        refuse=lambda _: Throttled("slow down", retry_after=40) if len(shop.arrivals) == 1 else None
    )
    rig = jumping(tmp_path, shop)

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(5)
        rig.wall_offset = -SEVEN_HOURS
        async with rig.running():
            await asyncio.sleep(60)

    run_virtually(story())

    first, second = times(shop)
    assert 40 <= second - first <= 50


@pytest.mark.parametrize("jump", [-300, 300])
def test_thousands_that_wait_are_moved_in_slices_while_the_lane_goes_on(tmp_path, jump):
    """Some are accepted, and some repeated, between two slices: by either clock, none comes too early."""
    listings = 16_000
    first = {}
    again = {}
    loop = asyncio.get_running_loop

    class Doubted(Guarded):
        def receive(self, updates):
            outcomes = super().receive(updates)
            for update in updates:
                (again if update.sku in first else first).setdefault(update.sku, loop().time())
            return outcomes

    def a_while():
        loop()._jumping.now += 0.1

    shop = Doubted()
    limits = replace(CAPABILITIES.limits, requests_per_second=10.0, burst=1, in_flight=2)
    rig = jumping(
        tmp_path,
        shop,
        DROP + SHOP + f'reassert_after = "{SETTLING}s"\n',
        replace(CAPABILITIES, limits=limits),
    )

    async def story():
        rig.drop(many(listings))
        await rig.open_and_look()
        async with rig.opened() as app:
            for _ in app.registry.make_uncertain(app.channel_ids["shop"], 0, ambiguous=True):
                pass
            lane = asyncio.create_task(app.lanes["shop"].run())
            await asyncio.sleep(5)
            before = len(shop.arrivals)
            loop().at_each_turn(a_while)
            await rig.set_clock(jump)
            loop().at_each_turn(lambda: None)
            assert len(shop.arrivals) - before >= 2, "the lane stood still meanwhile"
            await asyncio.sleep(SETTLING + 60)
            app.lanes["shop"].stop()
            await lane

    with capture_logs():
        run_virtually(story())

    assert len(first) == len(again) == listings
    early = {sku: again[sku] - first[sku] for sku in first if again[sku] - first[sku] < SETTLING}
    assert early == {}
    assert max(again[sku] - first[sku] for sku in first) < SETTLING + 30


def test_the_schedule_tells_once_that_the_clock_was_set_and_the_log_says_by_how_much(wall, tmp_path):
    rig = Jumping(tmp_path / "site")

    async def nothing():
        return None

    async def story():
        async with rig.running() as app:
            schedule = Schedule(app.world.clock, app.mind_the_clock)
            schedule.every(10, nothing, "look")
            schedule.start()
            await asyncio.sleep(63)
            rig.wall_offset = wall.offset = -3600.0
            await asyncio.sleep(63)
            await schedule.stop()

    with capture_logs() as told:
        run_virtually(story())

    assert [line["seconds"] for line in told if line["event"] == "clock_changed"] == [-3600.0]


def test_a_clock_that_drifts_is_followed_and_nothing_is_moved(tmp_path):
    rig = Jumping(tmp_path / "site")

    async def story():
        async with rig.running() as app:
            for _ in range(100):
                await asyncio.sleep(5)
                await rig.set_clock(0.5)
            assert app.world.clock.now() == int(app.world.clock.wall() * 1000)

    with capture_logs() as told:
        run_virtually(story())

    assert [line for line in told if line["event"] == "clock_changed"] == []


@pytest.mark.parametrize("jump", [-YEAR, -SEVEN_HOURS, -300, 300, SEVEN_HOURS, YEAR])
def test_the_hour_that_guards_look_back_is_an_hour_whichever_way_the_clock_is_set(tmp_path, jump):
    rig = Jumping(tmp_path / "site", GUARDED + SHOP)
    stock = many(1_000)
    fewer = [stock | dict.fromkeys(list(stock)[:zeroed], 0) for zeroed in (80, 130)]

    async def story():
        async with rig.opened():
            rig.drop(stock)
            await rig.look()
            await asyncio.sleep(7_200)
            rig.drop(fewer[0])
            await rig.look()
            await asyncio.sleep(1_800)
            await rig.set_clock(jump)
            rig.drop(fewer[1])
            (held,) = await rig.look()
            assert held.reason.startswith("130 of 1,000 SKUs above zero go to zero within an hour")
            await asyncio.sleep(1_801)
            rig.drop(fewer[1] | {"SKU-0999": 6})
            (applied,) = await rig.look()
            assert applied.state == "applied"

    run_virtually(story())


def test_losses_told_by_a_clock_far_ahead_hold_nothing_for_ever(tmp_path):
    rig = Jumping(tmp_path / "site", GUARDED + SHOP)
    stock = many(1_000)
    fewer = [stock | dict.fromkeys(list(stock)[:zeroed], 0) for zeroed in (80, 130)]

    async def story():
        rig.wall_offset = YEAR
        for quantities in (stock, fewer[0]):
            rig.drop(quantities)
            await rig.open_and_look()
        rig.wall_offset = 0.0
        rig.drop(fewer[1])
        (applied,) = await rig.open_and_look()
        assert applied.state == "applied"

    run_virtually(story())


def test_the_marketplaces_clock_is_told_apart_from_ours_until_ours_is_set(tmp_path):
    story_offsets = []

    async def story():
        sandbox = Sandbox(now=lambda: EPOCH + asyncio.get_running_loop().time())
        plugins = {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        rig = Jumping(
            tmp_path / "site", DROP + sandbox.configuration("https://sandbox.test"), plugins=plugins
        )
        rig.transport = httpx.ASGITransport(app=sandbox.app)
        rig.wall_offset = -90.0
        async with rig.opened() as app:

            def offsets():
                return [lane.clock_offset for lane in app.lanes.values()]

            story_offsets.append(offsets())
            rig.drop({"A": 1})
            await rig.look()
            await rig.reconcile()
            story_offsets.append(offsets())
            await rig.set_clock(90)
            story_offsets.append(offsets())

    run_virtually(story())

    before, while_behind, after = story_offsets
    assert before == after == [None, None]
    assert while_behind == [pytest.approx(90, abs=1), pytest.approx(90, abs=1)]


def test_a_refused_push_tells_the_marketplaces_time_too(tmp_path):
    known = []

    async def story():
        sandbox = Sandbox(now=lambda: EPOCH + asyncio.get_running_loop().time())
        channels = sandbox.configuration("https://sandbox.test")
        plugins = {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        rig = Rig(tmp_path / "site", DROP + channels, plugins=plugins)
        rig.transport = httpx.ASGITransport(app=sandbox.app)
        sandbox.faults.next(Fault(kind=FaultKind.CLOCK_SKEW, marketplace="tocobagus", skew=900.0))
        sandbox.faults.next(Fault(kind=FaultKind.STATUS, marketplace="tokopedia", status=403, code="X"))
        async with rig.opened() as app:
            rig.drop({"A": 1})
            await rig.look()
            for lane in app.lanes.values():
                await lane._push_one(1)
                known.append(lane.clock_offset)

    run_virtually(story())

    assert known == [pytest.approx(0, abs=1), pytest.approx(900, abs=1)]
