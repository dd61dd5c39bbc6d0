"""How a channel gets through trouble that lasts: what is asserted again, how often, and at what pace."""

import asyncio
import gc
import sqlite3
from contextlib import closing
from dataclasses import replace

from rig import Rig, many, rows_sent
from shops import Guarded, Silent, Slow
from structlog.testing import capture_logs
from virtual_time import run_virtually

from connectors.contract import Limits
from connectors.errors import AnswerUnusable, BatchRefused, Effect, TryLater
from connectors.memory import CAPABILITIES
from syncd.clock import Clock


class Watched(Rig):
    """Counts how often a clock is read."""

    readings = 0

    def clock(self):
        clock = super().clock()

        def monotonic():
            self.readings += 1
            return clock.monotonic()

        return Clock(clock.wall, monotonic)


def test_an_asynchronous_marketplace_whose_answer_was_unusable_is_told_the_newest_twice(tmp_path):
    rig = Rig(tmp_path / "site", capabilities=replace(CAPABILITIES, asynchronous=True))

    async def story():
        async with rig.running():
            rig.shop.fail_next(AnswerUnusable("cut off"), takes_effect=True)
            rig.drop({"A": 9})
            await rig.look()
            await asyncio.sleep(0.001)
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(3600)

    run_virtually(story())

    assert rows_sent(rig.shop) == [("A", 9), ("A", 3), ("A", 3)]


def test_a_probe_keeps_the_limit_of_rows(tmp_path):
    failures = iter([None, None, TryLater("down")])
    marketplace = Guarded(refuse=lambda _: next(failures, None))
    limits = Limits(
        rows_per_request=100, rows_per_second=5, requests_per_second=None, burst=5, in_flight=4, timeout=30
    )
    capabilities = replace(CAPABILITIES, rows_are_counted=True, limits=limits)
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin(capabilities=capabilities)})

    async def story():
        rig.drop(many(60))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(60)

    run_virtually(story())

    assert sum(rows for _, rows in marketplace.arrivals) >= 60
    for begin, _ in marketplace.arrivals:
        for seconds in (0.2, 0.5, 1):
            rows = sum(rows for at, rows in marketplace.arrivals if begin <= at <= begin + seconds)
            assert rows <= limits.burst + limits.rows_per_second * seconds + 1e-6


def test_where_only_small_requests_work_the_large_ones_are_tried_ever_more_rarely(tmp_path):
    marketplace = Guarded(
        refuse=lambda updates: len(updates) > 10 and TryLater("504", effect=Effect.AMBIGUOUS)
    )
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        rig.drop(many(1_000))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(60)

    run_virtually(story())

    assert len(marketplace.received) < 200


def test_reconciling_one_sku_sleeps_until_it_may_be_pushed_though_another_waits_no_longer(tmp_path):
    marketplace = Silent("other")
    rig = Watched(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        await rig.bring({"other": 1})
        await asyncio.sleep(3600)
        marketplace.about = {"wanted"}
        rig.drop({"other": 1, "wanted": 1})
        async with rig.opened():
            await rig.look()
            rig.readings = 0
            begin = asyncio.get_running_loop().time()
            await rig.reconcile(skus=("wanted",))
            waited = asyncio.get_running_loop().time() - begin
        assert 5 < waited < 600
        assert rig.readings < 25 * waited

    run_virtually(story())

    assert [sku for sku, _ in rows_sent(marketplace)][-2:] == ["wanted"] * 2


def test_a_failure_is_forgotten_once_the_source_is_back_at_what_is_shown(tmp_path):
    marketplace = Guarded()
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        await rig.bring({"A": 3})
        marketplace.refuse = lambda updates: updates[0].quantity == 9 and BatchRefused("too many", code="q")
        await rig.bring({"A": 9})
        await rig.bring({"A": 3})
        async with rig.opened():
            assert (rig.counts().in_sync, rig.counts().rejected) == (1, 0)
            assert rig.failures() == []

    run_virtually(story())


def test_bad_rows_with_good_answers_between_them_hold_no_channel(tmp_path):
    poison = {"BAD-1", "BAD-2", "BAD-3", "BAD-4"}
    shop = Guarded(
        refuse=lambda updates: any(u.sku in poison for u in updates) and BatchRefused("bad", code="400")
    )
    rig = Rig(tmp_path, plugins={"memory": shop.plugin()})

    async def story():
        stock = {}
        async with rig.running():
            for quantity, sku in enumerate(sorted(poison)):
                stock |= {sku: 1, "GOOD": quantity}
                rig.drop(stock)
                await rig.look()
                await asyncio.sleep(60)
            counts = rig.counts()
            assert (counts.held, counts.rejected, counts.in_sync) == (0, 4, 1)

    run_virtually(story())


def test_stopped_while_a_marketplace_is_down_it_does_not_say_that_it_works_again(tmp_path):
    shop = Guarded(refuse=lambda _: TryLater("down", effect=Effect.NONE))
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def story():
        rig.drop(many(3))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(300)

    with capture_logs() as told:
        run_virtually(story())

    events = [line["event"] for line in told]
    assert "channel_unreachable" in events
    assert "channel_recovered" not in events


def test_two_answers_that_cannot_be_stored_end_the_lane_with_one_fault_and_no_other_left_behind(tmp_path):
    few = replace(CAPABILITIES, limits=replace(CAPABILITIES.limits, rows_per_request=2, in_flight=2))
    shop = Slow(seconds=10)
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin(capabilities=few)})
    state = rig.folder / "state.db"
    left_behind = []

    async def story():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: left_behind.append(context))
        async with rig.opened() as app:
            with closing(sqlite3.connect(state)) as connection:
                connection.execute(
                    "CREATE TRIGGER full BEFORE UPDATE OF outcome ON attempt"
                    " BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
                )
            lane = asyncio.create_task(app.lanes["shop"].run())
            rig.drop(many(4))
            await rig.look()
            await asyncio.wait([lane], timeout=60)
            assert "disk I/O error" in str(lane.exception())
        gc.collect()

    run_virtually(story())

    assert len(shop.arrivals) == 2
    assert left_behind == []
