"""Refusals for content: whose fault they are is found out again each time, and nobody waits for it for ever."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from rig import Rig, many
from shops import Guarded
from virtual_time import run_virtually

from connectors.errors import BatchRefused, ChannelRefused, Throttled, TryLater, WarehouseRefused
from connectors.memory import CAPABILITIES, MemoryConnector

MINUTE = 60
DAY = 86_400


class Broken(Guarded):
    """Refuses everything for its content while it is `broken`, and else what is `bad`."""

    def __init__(self, bad=lambda _: False):
        self.broken = False
        super().__init__(
            refuse=lambda updates: (
                BatchRefused("no", code="422") if self.broken or any(map(bad, updates)) else None
            )
        )


def rig_with(tmp_path, shop, **options):
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin(**options)})
    rig.shop = shop
    return rig


async def sell_out(rig, stock, numbers):
    """One SKU after the other, each with a minute to be pushed."""
    for number in numbers:
        stock[f"SKU-{number:04d}"] = 0
        rig.drop(stock)
        await rig.look()
        await asyncio.sleep(MINUTE)


def test_a_channel_that_refuses_all_is_held_also_after_a_row_was_to_blame_once(tmp_path):
    shop = Broken(bad=lambda update: (update.sku, update.quantity) == ("SKU-0001", 1))
    rig = rig_with(tmp_path, shop)

    async def story():
        stock = many(50)
        await rig.bring(stock)
        async with rig.running():
            for sku, quantity in (("SKU-0001", 1), ("SKU-0002", 4)):
                stock[sku] = quantity
                rig.drop(stock)
                await rig.look()
                await asyncio.sleep(MINUTE)
            shop.broken = True
            await sell_out(rig, stock, range(10, 16))
            assert rig.counts().held > 0
            shop.broken = False
            await asyncio.sleep(DAY)
            assert (rig.counts().rejected, rig.counts().in_sync) == (1, 49)

    run_virtually(story())


def test_it_is_held_the_second_time_as_it_was_the_first(tmp_path):
    shop = Broken()
    rig = rig_with(tmp_path, shop)

    async def story():
        stock = many(50)
        await rig.bring(stock)
        async with rig.running():
            for numbers in (range(10, 16), range(20, 26)):
                shop.broken = True
                await sell_out(rig, stock, numbers)
                assert rig.counts().held > 0
                shop.broken = False
                await asyncio.sleep(DAY)
                assert rig.counts().in_sync == 50

    run_virtually(story())


@pytest.mark.parametrize("quantity", [1, 9])
def test_rows_that_are_truly_bad_and_most_urgent_do_not_keep_the_others_back(tmp_path, quantity):
    bad = {"SKU-0001", "SKU-0002", "SKU-0003"}
    shop = Broken(bad=lambda update: update.sku in bad and update.quantity == 0)
    rig = rig_with(tmp_path, shop)

    async def story():
        stock = many(50) | dict.fromkeys(bad, 0)
        await rig.bring(many(50))
        async with rig.running():
            rig.drop(stock)
            await rig.look()
            await asyncio.sleep(20 * MINUTE)
            rig.drop(stock | {"SKU-0040": quantity})
            await rig.look()
            await asyncio.sleep(16 * MINUTE)

    run_virtually(story())

    assert rig.shown()["SKU-0040"] == quantity


def test_when_it_works_again_the_rows_that_were_refused_first_wait_no_longer_than_others(tmp_path):
    shop = Broken()
    rig = rig_with(tmp_path, shop)
    stock = many(50) | many(3, 0) | {f"SKU-{number:04d}": 9 for number in range(3, 20)}

    async def story():
        await rig.bring(many(50))
        shop.broken = True
        async with rig.running():
            rig.drop(stock)
            await rig.look()
            await asyncio.sleep(14 * MINUTE)
            shop.broken = False
            await asyncio.sleep(3 * MINUTE)

    run_virtually(story())

    assert rig.shown() == stock


def test_a_warehouse_that_is_none_of_ours_holds_the_channel(tmp_path):
    """Else the same rows would be sent again at full pace for ever."""
    shop = Guarded(refuse=lambda _: WarehouseRefused("which?", warehouse="elsewhere"))
    rig = rig_with(tmp_path, shop)

    async def story():
        rig.drop(many(3))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(10 * MINUTE)
            assert rig.counts().held == 3

    run_virtually(story())

    assert len(shop.arrivals) == 1


def test_a_hold_that_cannot_be_stored_ends_the_lane_and_does_not_stop_it_silently(tmp_path):
    state = tmp_path / "site" / "state.db"

    def refuse(_):
        with closing(sqlite3.connect(state)) as connection:
            connection.execute(
                "CREATE TRIGGER IF NOT EXISTS full BEFORE UPDATE OF held_at ON channel"
                " WHEN NEW.held_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
            )
        return ChannelRefused("moved")

    rig = rig_with(tmp_path, Guarded(refuse=refuse))

    async def story():
        async with rig.opened() as app:
            lane = asyncio.create_task(app.lanes["shop"].run())
            rig.drop(many(5))
            await rig.look()
            await asyncio.wait([lane], timeout=MINUTE)
            assert "disk I/O error" in str(lane.exception())

    run_virtually(story())


def test_a_short_wait_of_a_server_that_is_down_does_not_shorten_the_long_one_of_a_limit(tmp_path):
    said = iter([Throttled("429", retry_after=7200), TryLater("503", retry_after=5)])

    class InTurn(Guarded):
        def connect(self):
            return _InTurn(self)

    class _InTurn(MemoryConnector):
        async def push(self, updates, /):
            self.marketplace.arrivals.append((asyncio.get_running_loop().time(), len(updates)))
            error = next(said, None)
            await asyncio.sleep(10 + 2 * len(self.marketplace.arrivals))
            if error is not None:
                raise error
            return await super().push(updates)

    shop = InTurn()
    few = replace(CAPABILITIES, limits=replace(CAPABILITIES.limits, rows_per_request=5, in_flight=2))
    rig = rig_with(tmp_path, shop, capabilities=few)

    async def story():
        rig.drop(many(20))
        for _ in range(2):  # the second after a restart
            async with rig.running():
                await rig.look()
                await asyncio.sleep(MINUTE)

    run_virtually(story())

    assert len(shop.arrivals) == 2
