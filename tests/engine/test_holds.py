"""What is held waits for a person and holds up nobody else: reconciling ends, renewals help, plug-ins may break."""

import asyncio

import pytest
from rig import DROP, GUARDED, SHOP, Rig, many
from shops import Guarded, Renewing, Slow
from virtual_time import run_virtually

from connectors.errors import BatchRefused, ChannelRefused, Throttled, WarehouseRefused

TWO_WAREHOUSES = DROP + SHOP + 'warehouses = { JKT = "1", SBY = "2" }\n'
IN_BOTH = "sku,location,quantity\nA,JKT,1\nA,SBY,2\n"
BAD = {"SKU-0001", "SKU-0002", "SKU-0003"}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


@pytest.fixture
def rig_of(tmp_path):
    def make(marketplace, text=DROP + SHOP):
        rig = Rig(tmp_path / "site", text, plugins={"memory": marketplace.plugin()})
        rig.shop = marketplace
        return rig

    return make


def refusing_the_second():
    def refuse(updates):
        return updates[0].warehouse == "2" and WarehouseRefused("unknown warehouse", warehouse="2")

    return Guarded(refuse=refuse)


def refuse_the_bad(updates):
    return any(update.sku in BAD for update in updates) and BatchRefused("bad", code="422")


def test_reconciling_beside_the_daemon_waits_for_no_held_channel(rig):
    async def story():
        async with rig.running():
            for _ in range(20):
                rig.shop.fail_next(ChannelRefused("shop moved"))
            rig.drop({"A": 1})
            async with asyncio.timeout(60):
                summary = await rig.reconcile(daemon=True)
            assert summary.channels["shop"].trouble == "shop moved"
            assert not summary.ok

    run_virtually(story())


def test_reconciling_beside_the_daemon_waits_for_no_held_warehouse(rig_of):
    rig = rig_of(refusing_the_second(), TWO_WAREHOUSES)

    async def story():
        rig.drop(IN_BOTH)
        async with rig.running():
            async with asyncio.timeout(60):
                summary = await rig.reconcile(daemon=True)
            assert (summary.channels["shop"].in_sync, summary.channels["shop"].listings) == (1, 2)

    run_virtually(story())


def test_reconciling_one_sku_asks_a_held_warehouse_once(rig_of):
    marketplace = refusing_the_second()
    rig = rig_of(marketplace, TWO_WAREHOUSES)

    async def story():
        rig.drop(IN_BOTH)
        async with asyncio.timeout(60):
            await rig.open_and_reconcile(skus=("A",))

    run_virtually(story())

    assert sorted(call[0].warehouse for call in marketplace.received) == ["1", "2"]


def test_reconciling_beside_the_daemon_waits_for_no_long_pause(rig):
    async def story():
        async with rig.running():
            rig.shop.fail_next(Throttled("too fast", retry_after=3600))
            rig.drop({"A": 1})
            async with asyncio.timeout(600):
                assert not (await rig.reconcile(daemon=True)).ok

    run_virtually(story())


def test_reconciling_again_still_tells_of_an_import_that_is_held(tmp_path):
    rig = Rig(tmp_path / "site", GUARDED + SHOP)

    async def story():
        await rig.bring(many(100))
        assert not (await rig.bring(many(10))).ok
        again = await rig.open_and_reconcile()
        assert (again.ok, again.imports, again.imports_held) == (False, [], 1)

    run_virtually(story())


def test_the_probe_of_a_held_channel_renews_its_authorisation(rig_of):
    marketplace = Renewing(renewable=False)
    rig = rig_of(marketplace)

    async def story():
        async with rig.running():
            rig.drop({"A": 1})
            await rig.look()
            await asyncio.sleep(60)
            assert rig.counts().held == 1
            marketplace.renewable = True
            await asyncio.sleep(3600)
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_a_fault_of_a_connector_while_it_renews_ends_no_lane(rig_of):
    marketplace = Renewing(fault=KeyError("token"))
    rig = rig_of(marketplace)

    async def story():
        async with rig.running():
            rig.drop({"A": 1})
            await rig.look()
            await asyncio.sleep(60)
            marketplace.fault = None
            await asyncio.sleep(3600)
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_rows_that_are_refused_each_alone_do_not_hold_a_channel_for_ever(rig_of):
    marketplace = Guarded()
    rig = rig_of(marketplace)

    async def story():
        await rig.bring(many(50))
        marketplace.refuse = refuse_the_bad
        async with rig.running():
            rig.drop(many(50) | dict.fromkeys(BAD, 1))
            await rig.look()
            await asyncio.sleep(60)
            assert rig.counts().held == len(BAD)
            rig.drop(many(50) | dict.fromkeys(BAD, 1) | {"SKU-0040": 9})
            await rig.look()
            await asyncio.sleep(4 * 3600)

    run_virtually(story())

    assert rig.shown()["SKU-0040"] == 9


def test_a_person_who_releases_such_a_channel_gets_the_other_rows_through(rig_of):
    marketplace = Guarded()
    rig = rig_of(marketplace)

    async def story():
        await rig.bring(many(50))
        marketplace.refuse = refuse_the_bad
        async with rig.running() as app:
            rig.drop(many(50) | dict.fromkeys(BAD, 1))
            await rig.look()
            await asyncio.sleep(60)
            rig.drop(many(50, 9) | dict.fromkeys(BAD, 1))
            await rig.look()
            for _ in range(5):
                app.lanes["shop"].release()
                await asyncio.sleep(100)

    run_virtually(story())

    assert {sku: shown for sku, shown in rig.shown().items() if shown != 9} == dict.fromkeys(BAD, 5)


def test_a_lane_that_is_cancelled_waits_for_no_answer(rig_of):
    rig = rig_of(Slow(seconds=25))

    async def story():
        async with rig.opened() as app:
            lane = app.lanes["shop"]
            running = asyncio.create_task(lane.run())
            rig.drop({"A": 1})
            await rig.look()
            await asyncio.sleep(1)
            lane.stop()
            running.cancel()
            async with asyncio.timeout(1):
                await asyncio.wait([running])

    run_virtually(story())


def test_a_probe_that_was_throttled_releases_no_hold(rig):
    async def story():
        async with rig.running():
            rig.shop.fail_next(ChannelRefused("shop moved"))
            rig.shop.fail_next(Throttled("too fast", retry_after=5))
            rig.drop(many(20))
            await rig.look()
            await asyncio.sleep(900 + 60)
            assert len(rig.shop.received) == 2, "the refusal, and the throttled probe"
            assert rig.counts().held == 20
            await asyncio.sleep(900 + 60)
            assert rig.counts().in_sync == 20

    run_virtually(story())
