"""How a lane meets each answer: on virtual time, with the real state and a marketplace in a dict."""

import asyncio
from dataclasses import replace

import pytest
from rig import DROP, SHOP, Rig, many, rows_sent
from shops import Forgetful, Guarded, Renewing, Throttling
from structlog.testing import capture_logs
from virtual_time import run_virtually

from connectors.contract import Grouping
from connectors.errors import (
    AnswerUnusable,
    AuthenticationExpired,
    BatchRefused,
    ChannelRefused,
    Effect,
    Throttled,
    TryLater,
    WarehouseRefused,
)
from connectors.memory import CAPABILITIES


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


def test_an_export_reaches_the_marketplace(rig):
    summary = run_virtually(rig.bring({"A": 3, "B": 0}))

    assert summary.ok
    assert rig.shown() == {"A": 3, "B": 0}


def test_one_changed_line_is_one_row_in_one_request(rig):
    async def story():
        await rig.bring(many(1_000))
        rig.shop.received.clear()
        await rig.bring(many(1_000) | {"SKU-0500": 4})

    run_virtually(story())

    assert rows_sent(rig.shop) == [("SKU-0500", 4)]


def test_a_restart_pushes_nothing_again(rig):
    async def story():
        await rig.bring(many(50))
        rig.shop.received.clear()
        async with rig.running():
            await asyncio.sleep(3600)

    run_virtually(story())

    assert rig.shop.received == []


def test_what_is_sold_out_goes_first_then_decreases_then_the_rest(rig):
    async def story():
        await rig.bring({"up": 5, "down": 5, "out": 5, "same": 5})
        rig.shop.received.clear()
        rig.drop({"new": 1, "up": 9, "down": 2, "out": 0, "same": 5})
        async with rig.opened() as app:
            await rig.look()
            await app.assert_anew(["shop"], ["same"])
            await rig.reconcile()

    run_virtually(story())

    sent = [sku for sku, _ in rows_sent(rig.shop)]
    assert sent[:2] == ["out", "down"]
    assert sent[4:] == ["same"]


def test_a_marketplace_that_is_down_is_probed_with_what_is_true_then(rig):
    async def story():
        async with rig.running() as app:
            for _ in range(5):
                rig.shop.fail_next(TryLater("down"))
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(0.01)
            rig.drop({"A": 8})
            await rig.look()
            await asyncio.sleep(120)
            assert rig.counts().in_sync == 1
            assert rig.failures() == []
            assert app.lanes["shop"].gave_up is None

    run_virtually(story())

    assert rig.shown() == {"A": 8}


def test_a_failed_connection_leaves_a_settled_listing_settled(rig):
    async def story():
        await rig.bring({"A": 3})
        rig.shop.received.clear()
        async with rig.opened() as app:
            rig.shop.fail_next(TryLater("connection refused", effect=Effect.NONE))
            rig.drop({"A": 8})
            await rig.look()
            lane = app.lanes["shop"]
            await lane._push_one(1)
            rig.drop({"A": 3})
            await rig.look()
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_an_ambiguous_answer_is_asserted_once_more_a_settling_time_later(rig):
    async def story():
        async with rig.running():
            rig.shop.fail_next(TryLater("time-out", effect=Effect.AMBIGUOUS), takes_effect=True)
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(300)
            assert rows_sent(rig.shop) == [("A", 3), ("A", 3)]
            assert rig.counts().repetitions == 1
            await asyncio.sleep(400)
            assert rows_sent(rig.shop) == [("A", 3)] * 3
            await asyncio.sleep(3600)
            assert len(rig.shop.received) == 3
            assert rig.counts().repetitions == 0

    run_virtually(story())


def test_a_throttled_call_waits_as_told_and_is_no_failure(rig):
    async def story():
        async with rig.running():
            rig.shop.fail_next(Throttled("too fast", retry_after=90))
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(85)
            assert len(rig.shop.received) == 1
            assert rig.failures() == []
            await asyncio.sleep(10)

    run_virtually(story())

    assert rig.shown() == {"A": 3}


def test_a_pause_that_was_asked_for_outlives_a_restart(rig):
    async def story():
        async with rig.running():
            rig.shop.fail_next(Throttled("too fast", retry_after=90))
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(1)
        async with rig.running():
            await asyncio.sleep(80)
            assert len(rig.shop.received) == 1
            await asyncio.sleep(15)
            assert len(rig.shop.received) == 2

    run_virtually(story())


def test_an_expired_authorisation_is_renewed_once_for_all_requests(tmp_path):
    marketplace = Renewing()
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    run_virtually(rig.bring(many(500)))

    assert marketplace.renewals == 1
    assert len(marketplace.stock) == 500


def test_an_authorisation_that_is_refused_again_holds_the_channel(rig):
    async def story():
        async with rig.running() as app:
            rig.shop.fail_next(AuthenticationExpired("invalid_token"))
            rig.shop.fail_next(AuthenticationExpired("invalid_token", code="invalid_token"))
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(60)
            assert len(rig.shop.received) == 2
            assert rig.counts().held == 1
            assert app.registry.channel_hold(app.channel_ids["shop"]).code == "invalid_token"

    run_virtually(story())


def test_a_held_channel_is_probed_slowly_and_goes_on_when_it_works_again(rig):
    async def story():
        async with rig.running():
            for _ in range(3):
                rig.shop.fail_next(ChannelRefused("shop moved", code="RBAC"))
            rig.drop(many(20))
            await rig.look()
            await asyncio.sleep(600)
            assert len(rig.shop.received) == 1
            assert rig.counts().held == 20
            await asyncio.sleep(3 * 900)
            assert rig.counts().in_sync == 20

    run_virtually(story())

    assert max(len(call) for call in rig.shop.received[1:3]) == 1


def test_a_person_releases_a_held_channel(rig):
    async def story():
        async with rig.running() as app:
            rig.shop.fail_next(ChannelRefused("wrong key"))
            rig.drop({"A": 1})
            await rig.look()
            await asyncio.sleep(10)
            assert rig.counts().held == 1
            app.lanes["shop"].release()
            await asyncio.sleep(10)
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_one_refused_warehouse_holds_up_no_other(tmp_path):
    text = DROP + SHOP + 'warehouses = { JKT = "1", SBY = "2" }\n'
    marketplace = Guarded(refuse=lambda updates: updates[0].warehouse == "2" and WarehouseRefused(
        "unknown warehouse", warehouse="2", code="W"))  # fmt: skip
    rig = Rig(tmp_path / "site", text, plugins={"memory": marketplace.plugin()})

    async def story():
        rig.drop("sku,location,quantity\nA,JKT,1\nA,SBY,2\nB,JKT,3\n")
        async with rig.running():
            await rig.look()
            await asyncio.sleep(60)
            counts = rig.counts()
            assert (counts.in_sync, counts.held) == (2, 1)
            marketplace.refuse = lambda _: None
            await asyncio.sleep(1000)
            assert rig.counts().in_sync == 3

    run_virtually(story())


def test_bad_rows_are_found_by_halving_and_cost_only_themselves(tmp_path):
    poison = {"SKU-0003", "SKU-0071"}
    marketplace = Guarded(
        refuse=lambda updates: any(u.sku in poison for u in updates) and BatchRefused("bad row", code="400")
    )
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        rig.drop(many(100))
        async with rig.opened():
            summary = await rig.reconcile()
            assert {failure.sku for failure in rig.failures()} == poison
            assert summary.channels["shop"].in_sync == 98

    run_virtually(story())

    assert len(marketplace.received) <= 1 + 2 * len(poison) * 7


def test_rows_that_are_all_refused_hold_the_channel_and_blame_no_row(tmp_path):
    marketplace = Guarded(refuse=lambda _: BatchRefused("new API version", code="400"))
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        rig.drop(many(40))
        async with rig.running():
            await rig.look()
            await asyncio.sleep(300)
            counts = rig.counts()
            assert (counts.rejected, counts.held) == (0, 40)
            assert rig.failures() == []

    run_virtually(story())


def test_an_answer_that_leaves_rows_out_is_asked_again_in_smaller_batches(tmp_path):
    marketplace = Forgetful(rows=3)
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        async with rig.running():
            rig.drop(many(8))
            await rig.look()
            await asyncio.sleep(4 * 3600)
            assert rig.counts().in_sync == 8

    run_virtually(story())

    assert marketplace.stock == {(sku, ""): 5 for sku in many(8)}


def test_an_unusable_answer_backs_off_the_channel_and_charges_the_rows(rig):
    async def story():
        async with rig.running():
            for _ in range(3):
                rig.shop.fail_next(AnswerUnusable("maintenance page"), takes_effect=True)
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(1)
            assert rig.failures()[0].outcome == "unknown"
            await asyncio.sleep(3600)
            assert rig.counts().in_sync == 1
            assert rig.failures() == []

    run_virtually(story())


def test_a_fault_of_a_connector_ends_no_lane(tmp_path):
    marketplace = Guarded(refuse=lambda _: ZeroDivisionError())
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(5)
            marketplace.refuse = lambda _: None
            await asyncio.sleep(120)
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_an_unknown_sku_is_rejected_and_probed_once_a_day(rig):
    rig.shop.unlisted.add("A")

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(60)
            rig.drop({"A": 4})
            await rig.look()
            await asyncio.sleep(60)
            assert len(rig.shop.received) == 1, "another quantity does not wake it"
            assert rig.counts().rejected == 1
            rig.shop.unlisted.clear()
            await asyncio.sleep(24 * 3600)
            assert rig.counts().in_sync == 1

    run_virtually(story())

    assert rig.shown() == {"A": 4}


def test_a_sku_that_the_marketplace_cannot_carry_is_refused_without_asking(tmp_path):
    rig = Rig(tmp_path / "site", capabilities=replace(CAPABILITIES, max_sku_length=5))

    async def story():
        rig.drop({"A" * 6: 1, "B": 1})
        async with rig.opened():
            await rig.reconcile()
            assert [failure.code for failure in rig.failures()] == ["sku_too_long"]

    run_virtually(story())

    assert rig.shown() == {"B": 1}


def test_a_channel_that_is_down_holds_up_no_other(tmp_path):
    broken = Guarded(refuse=lambda _: TryLater("down"))
    text = DROP + '[channels.down]\nconnector = "broken"\n[channels.up]\nconnector = "other"\n'
    plugins = {"broken": broken.plugin("b"), "other": Guarded().plugin("o")}
    rig = Rig(tmp_path / "site", text, plugins=plugins)

    async def story():
        async with rig.running():
            rig.drop(many(10))
            await rig.look()
            await asyncio.sleep(10)
            assert rig.counts("up").in_sync == 10
            assert rig.counts("down").due == 10

    run_virtually(story())


def test_a_kill_between_effect_and_answer_heals_even_when_the_source_goes_back(rig):
    async def story():
        await rig.bring({"A": 3})
        async with rig.opened() as app:
            rig.drop({"A": 9})
            await rig.look()
            lane = app.lanes["shop"]
            push = lane._begin(1)
            rig.copy_state()
            await lane._delivery.deliver(push)
        assert rig.shown() == {"A": 9}
        rig.restore_state()
        await rig.bring({"A": 3})

    run_virtually(story())

    assert rig.shown() == {"A": 3}


@pytest.mark.parametrize(
    "error", [AnswerUnusable("web page"), TryLater("500"), TryLater("503", effect=Effect.AMBIGUOUS)]
)
def test_after_an_answer_that_proves_nothing_the_old_value_is_pushed_again_if_it_comes_back(rig, error):
    async def story():
        await rig.bring({"A": 3})
        async with rig.running():
            rig.shop.fail_next(error, takes_effect=True)
            rig.drop({"A": 9})
            await rig.look()
            await asyncio.sleep(0.001)
            rig.drop({"A": 3})
            await rig.look()
            await asyncio.sleep(300)

    run_virtually(story())

    assert rig.shown() == {"A": 3}


def test_a_throttled_row_is_sent_again_and_charged_nothing(tmp_path):
    marketplace = Throttling(times=6)
    rig = Rig(tmp_path / "site", plugins={"memory": marketplace.plugin()})

    async def story():
        async with rig.running():
            rig.drop({"A": 3})
            await rig.look()
            while len(marketplace.received) < 6:
                await asyncio.sleep(0.5)
                assert rig.failures() == []
            await asyncio.sleep(60)
            assert rig.counts().in_sync == 1

    run_virtually(story())


def test_a_first_failed_reconcile_says_why_it_gave_up(rig):
    async def story():
        for _ in range(20):
            rig.shop.fail_next(TryLater("503 from the marketplace"))
        summary = await rig.bring({"A": 3})
        assert not summary.ok
        assert summary.channels["shop"].trouble == "503 from the marketplace"

    run_virtually(story())


def test_warehouses_of_a_sku_travel_together_where_the_marketplace_wants_that(tmp_path):
    text = DROP + SHOP + 'warehouses = { JKT = "1", SBY = "2" }\n'
    rig = Rig(tmp_path / "site", text, capabilities=replace(CAPABILITIES, grouping=Grouping.SKU))

    run_virtually(rig.bring("sku,location,quantity\nA,JKT,1\nB,JKT,3\nA,SBY,2\n"))

    assert [{(u.sku, u.warehouse) for u in call} for call in rig.shop.received] == [
        {("A", "1"), ("A", "2"), ("B", "1")}
    ]


def test_a_location_mapped_elsewhere_is_told_of_because_its_old_warehouse_keeps_showing(tmp_path):
    mapped = DROP + SHOP + 'warehouses = { JKT = "1" }\n'
    rig = Rig(tmp_path / "site", mapped)

    async def story():
        await rig.bring("sku,location,quantity\nA,JKT,5\n")
        rig.configure(mapped.replace('"1"', '"2"'))
        async with rig.opened():
            await rig.reconcile()

    with capture_logs() as told:
        run_virtually(story())

    assert [
        (line["channel"], line["listings"]) for line in told if line["event"] == "listings_left_showing"
    ] == [("shop", 1)]
    assert rig.shop.stock == {("A", "1"): 5, ("A", "2"): 5}
