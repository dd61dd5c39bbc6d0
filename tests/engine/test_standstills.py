"""Whoever watches hears of what stands still, and never of what only waits."""

import asyncio
import threading
from contextlib import nullcontext

import pytest
from rig import DROP, SHOP, Rig
from shops import Guarded, Renewing, Slow
from virtual_time import run_virtually

from connectors.errors import ChannelRefused, Throttled, TryLater

PATIENCE = 5.0
TIMEOUT = 30.0
MOST_OF_A_CALL = 4 * TIMEOUT


def _slow(error):
    shop = Slow(seconds=MOST_OF_A_CALL)
    shop.refuse = lambda _: error
    return shop


@pytest.fixture
def lived(tmp_path):
    """Run a shop with one listing for so many seconds; tell what stood still, and when that was first seen."""

    def live(shop, seconds, text=DROP + SHOP):
        rig = Rig(tmp_path / "site", text, plugins={"memory": shop.plugin()})

        async def story():
            seen = {}
            async with rig.running() as app:
                rig.drop({"A": 1})
                await rig.look()
                for second in range(1, seconds + 1):
                    await asyncio.sleep(1)
                    for one in app.progress.standstills(asyncio.get_running_loop().time(), PATIENCE):
                        seen.setdefault(one.name, second)
            return seen

        return run_virtually(story())

    return live


@pytest.mark.parametrize(
    "shop",
    [
        Guarded(),
        Guarded(refuse=lambda _: TryLater("down")),
        Guarded(refuse=lambda _: Throttled("slower", retry_after=3_000)),
        Guarded(refuse=lambda _: ChannelRefused("moved away")),
        Renewing(renewable=False),
        Slow(seconds=MOST_OF_A_CALL),
        _slow(ChannelRefused("moved away")),
        _slow(TryLater("down")),
    ],
    ids=["idle", "down", "throttled", "held", "not authorised", "slow", "held and slow", "down and slow"],
)
def test_a_lane_that_waits_for_a_good_reason_is_well(lived, shop):
    assert lived(shop, 2 * 3600) == {}


def test_a_connector_that_does_not_come_back_stands_still(lived):
    seen = lived(Slow(seconds=1_000), 600, DROP + SHOP + f'limits = {{ timeout = "{TIMEOUT:.0f}s" }}\n')

    assert list(seen) == ["a request of channel shop"]
    assert MOST_OF_A_CALL + PATIENCE < seen["a request of channel shop"] < MOST_OF_A_CALL + PATIENCE + 5


def test_a_lane_that_does_not_come_back_from_its_wait_stands_still(lived, monkeypatch):
    """Its timer is lost."""
    monkeypatch.setattr("syncd.lane_watch.asyncio.timeout", lambda _: nullcontext())

    assert list(lived(Guarded(), 300)) == ["channel shop"]


def test_a_look_that_makes_no_headway_stands_still_and_one_that_reads_on_does_not(tmp_path):
    """The reading thread is stopped at its first row, then goes on."""
    rig = Rig(tmp_path / "site")
    may_go_on = threading.Event()
    may_go_on.set()

    async def blocking(function):
        return await asyncio.to_thread(lambda: may_go_on.wait(20) and function())

    rig.blocking = blocking

    async def story():
        async with rig.opened() as app:
            rig.drop({"A": 1})
            may_go_on.clear()
            look = asyncio.create_task(rig.look())
            await asyncio.sleep(0.5)
            now = asyncio.get_running_loop().time()
            stuck = [one.name for one in app.progress.standstills(now, 0.2)]
            may_go_on.set()
            await look
            return stuck, app.progress.standstills(now + 3_600, 0.2)

    assert asyncio.run(story()) == (["source erp"], [])


def test_each_batch_of_rows_is_headway(tmp_path, monkeypatch):
    monkeypatch.setattr("state.staging.LOADED_AT_ONCE", 10)
    rig = Rig(tmp_path / "site")
    moves = []

    async def story():
        async with rig.opened() as app:
            moved = app.progress.moved
            app.progress.moved = lambda name, now: (moves.append(name), moved(name, now))
            for rows in (1, 6, 96):
                rig.drop({f"SKU-{number}": rows for number in range(rows)})
                await rig.look()
                moves.append("done")

    run_virtually(story())
    first, second, third = [number for number, what in enumerate(moves) if what == "done"]

    assert third - second >= second - first + 8
