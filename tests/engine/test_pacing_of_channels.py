"""The pace of whole channels: learnt, kept across restarts, shared, and spared where a marketplace is ailing."""

import asyncio
import random
from dataclasses import replace

import pytest
from rig import DROP, Rig, many
from shops import Guarded, Throttling
from structlog.testing import capture_logs
from virtual_time import run_virtually

from connectors.contract import Allowance, Limits
from connectors.errors import ChannelRefused, Throttled, TryLater
from connectors.memory import CAPABILITIES, MemoryConnector, plugin
from state.records import Pace

BURST, RATE = 20, 10
LIMITS = Limits(
    rows_per_request=5, rows_per_second=RATE, requests_per_second=None, burst=BURST, in_flight=4, timeout=30
)
COUNTED = replace(CAPABILITIES, rows_are_counted=True, limits=LIMITS)
HOUR = 3600


class Announcing(Guarded):
    """Says its limit with each answer."""

    def __init__(self, allowance, **options):
        super().__init__(**options)
        self.allowance = allowance

    def connect(self):
        return _Announced(self)


class _Announced(MemoryConnector):
    async def push(self, updates, /):
        return replace(await super().push(updates), allowance=self.marketplace.allowance)


def channel(name, *, bucket="", limits=""):
    shared = f'bucket = "{bucket}"\n' if bucket else ""
    return f'[channels.{name}]\nconnector = "memory"\nshop = "{name}"\n[channels.{name}.limits]\n{limits}{shared}'


def rig_of(folder, shops, text, *, capabilities=COUNTED):
    """One channel for each shop, by its name."""
    joined = replace(
        plugin,
        capabilities=capabilities,
        account=lambda settings: settings.shop,
        connect=lambda settings, _: shops[settings.shop].connect(),
    )
    return Rig(folder / "site", DROP + text, plugins={"memory": joined})


def pace_of(rig, name):
    return rig.app.registry.pace(rig.app.channel_ids[name])


def worst_excess(arrivals):
    """By how many rows any window holds more than the burst and the rate."""
    arrivals = sorted(arrivals)
    return max(
        sum(rows for at, rows in arrivals if begin <= at <= end) - BURST - RATE * (end - begin)
        for begin, _ in arrivals
        for end, _ in arrivals
        if end >= begin
    )


def test_what_was_learnt_of_a_limit_is_kept_across_a_restart_by_account(tmp_path):
    failures = iter([None, Throttled("too fast", retry_after=1)])
    shops = {
        "a": Announcing(Allowance(per_second=4.0, burst=8), refuse=lambda _: next(failures, None)),
        "b": Guarded(),
    }
    rig = rig_of(tmp_path, shops, channel("a") + channel("b"))

    async def story():
        rig.drop(many(100))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(3)
            assert pace_of(rig, "a") == Pace(4.0, 8, 0.7)
            assert pace_of(rig, "b") == Pace()
        async with rig.opened() as app:
            assert app.lanes["a"].pacer.rows_per_second == pytest.approx(2.8)
            assert app.lanes["b"].pacer.rows_per_second == RATE
        rig.configure(DROP + channel("a", limits="rows_per_second = 2\n") + channel("b"))
        async with rig.opened() as app:
            assert app.lanes["a"].pacer.rows_per_second == pytest.approx(1.4), "within the ceiling of now"

    run_virtually(story())


def test_a_limit_announced_once_costs_no_further_commits(tmp_path):
    shop = Announcing(Allowance(per_second=9.0, burst=15))
    rig = rig_of(tmp_path, {"a": shop}, channel("a"))

    async def story():
        rig.drop(many(200))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(2)
            known, calls = rig.ask("SELECT pace_per_second FROM channel"), len(shop.arrivals)
            with rig.app.database.write() as connection:
                connection.exec_driver_sql("UPDATE channel SET pace_per_second = 1234")
            await asyncio.sleep(10)
            assert len(shop.arrivals) > calls
            assert (known, rig.ask("SELECT pace_per_second FROM channel")) == (9.0, 1234.0)

    run_virtually(story())


@pytest.mark.parametrize(("told", "waits"), [(600.0, 600), (5e9, HOUR)])
def test_a_marketplace_that_says_when_it_will_be_back_is_left_alone_until_then(tmp_path, told, waits):
    """Also by the next process; but never longer than an hour."""
    failures = iter([TryLater("maintenance", retry_after=told, status=503)])
    shop = Guarded(refuse=lambda _: next(failures, None))
    rig = rig_of(tmp_path, {"a": shop}, channel("a"))

    async def story():
        rig.drop(many(3))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(waits / 3)
        async with rig.running():
            await asyncio.sleep(waits)

    run_virtually(story())

    (first, _), (second, _), *_ = shop.arrivals
    assert waits <= second - first < waits + 62


def test_reconciling_does_not_sit_out_a_maintenance(tmp_path):
    shop = Guarded(refuse=lambda _: TryLater("maintenance", retry_after=900, status=503))
    rig = rig_of(tmp_path, {"a": shop}, channel("a"))

    async def story():
        rig.drop(many(3))
        async with rig.opened() as app:
            assert not (await rig.reconcile()).ok
            assert asyncio.get_running_loop().time() < 60
            assert app.lanes["a"].gave_up == "maintenance"

    run_virtually(story())

    assert len(shop.arrivals) == 1


def test_a_pause_for_throttled_rows_outlasts_a_restart(tmp_path):
    class Pausing(Throttling):
        def connect(self):
            return _Announced(self)

    shop = Pausing(times=1)
    shop.allowance = Allowance(reset_after=120.0)
    rig = rig_of(tmp_path, {"a": shop}, channel("a"))

    async def story():
        rig.drop(many(3))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(10)
        async with rig.running():
            await asyncio.sleep(60)
            assert len(shop.received) == 1
            await asyncio.sleep(600)

    run_virtually(story())

    assert len(shop.received) == 2


def shared(name):
    return channel(name, bucket="app")


def test_of_channels_that_share_a_bucket_none_starves_and_both_keep_the_limit(tmp_path):
    """One repeats all that it has; on the other a SKU sells out."""
    shops = {"busy": Guarded(), "calm": Guarded()}
    rig = rig_of(tmp_path, shops, shared("busy") + shared("calm"))
    waits = []

    async def story():
        stock = {f"LAST-{number}": 1 for number in range(5)}
        rig.drop(stock)
        async with rig.running() as app:
            await rig.look()
            await asyncio.sleep(10)
            stock |= many(1_500)
            rig.drop(stock)
            await rig.look()
            await app.assert_anew(["busy"])
            for sku in list(stock)[:5]:
                await asyncio.sleep(11.3)
                stock[sku] = 0
                rig.drop(stock)
                await rig.look()
                before = len(shops["busy"].arrivals), len(shops["calm"].arrivals)
                while shops["calm"].stock[sku, ""]:  # noqa: ASYNC110 (virtual time)
                    await asyncio.sleep(0.05)
                waits.append(
                    len(shops["busy"].arrivals) - before[0] + len(shops["calm"].arrivals) - before[1]
                )
            both = [len(shop.arrivals) for shop in shops.values()]
            assert abs(both[0] - both[1]) <= 0.1 * sum(both), both

    with capture_logs():
        run_virtually(story())

    assert max(waits) <= 8, "requests that left before it"
    arrivals = shops["busy"].arrivals + shops["calm"].arrivals
    assert worst_excess(arrivals) <= 1e-6
    seconds = max(at for at, _ in arrivals) - 10
    assert sum(rows for _, rows in arrivals) >= 0.98 * RATE * seconds


def test_a_held_channel_leaves_the_shared_bucket_to_the_others(tmp_path):
    shops = {"held": Guarded(refuse=lambda _: ChannelRefused("closed")), "open": Guarded()}
    rig = rig_of(tmp_path, shops, shared("held") + shared("open"))

    async def story():
        rig.drop(many(2_000))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(60)

    with capture_logs():
        run_virtually(story())

    assert len(shops["held"].arrivals) < 5
    assert sum(rows for _, rows in shops["open"].arrivals) >= 0.97 * RATE * 60


def test_what_one_channel_learns_of_a_shared_bucket_all_keep(tmp_path):
    shops = {
        "a": Guarded(refuse=lambda _: Throttled("too fast", retry_after=300)),
        "b": Guarded(),
    }
    rig = rig_of(tmp_path, shops, shared("a") + shared("b"))

    async def story():
        rig.drop(many(2_000))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(30)
            assert pace_of(rig, "a") == pace_of(rig, "b") == Pace(factor=0.7)
        calls = len(shops["b"].arrivals)
        rig.configure(DROP + channel("b"))
        async with rig.running():
            await asyncio.sleep(240)
            assert len(shops["b"].arrivals) == calls, "the pause is of them all"
            await asyncio.sleep(120)
            assert len(shops["b"].arrivals) > calls

    with capture_logs():
        run_virtually(story())


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_ailing_marketplace_is_sent_few_requests_and_no_other_channel_slows_down(tmp_path, share):
    """At most six a minute over an hour, while half or more of them fail; then it is back within a minute."""
    dice, storm = random.Random(f"storm {share}"), True
    shops = {
        "ailing": Guarded(refuse=lambda _: storm and dice.random() < share and TryLater("500", status=500)),
        "sound": Guarded(),
    }
    text = channel("ailing") + channel("sound", limits="rows_per_second = 0.1\n")
    rig = rig_of(tmp_path, shops, text)

    async def story():
        nonlocal storm
        rig.drop(many(4_000))
        async with rig.running() as app:
            await rig.look()
            for _ in range(4):
                await asyncio.sleep(HOUR / 4)
                await app.assert_anew(["ailing"])
            assert len(shops["ailing"].arrivals) <= 6 * 60
            assert sum(rows for _, rows in shops["sound"].arrivals) >= 0.098 * HOUR
            storm = False
            await asyncio.sleep(60 + 30)
            recent = [rows for at, rows in shops["ailing"].arrivals if at > HOUR + 60]
            assert sum(recent) >= 0.95 * RATE * 30

    with capture_logs():
        run_virtually(story())
