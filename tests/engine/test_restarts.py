"""What a restart finds: work that was cut off, a state that is lost or older, channels and sources come back."""

import asyncio

import pytest
from rig import DROP, GUARDED, SHOP, Rig, many, rows_sent
from shops import Guarded
from virtual_time import run_virtually

from connectors.errors import Effect, TryLater
from state.registry import SLICE_ROWS
from syncd.core.slices import FIRST_SLICE
from syncd.errors import StateBehind

OTHER = '[channels.other]\nconnector = "memory"\nshop = "other"\n'
MORE_THAN_A_SLICE = SLICE_ROWS + 1
SHOWN_BY_THE_FIRST = "SELECT count(*) FROM listing WHERE channel_id = 1 AND desired = "


def with_drop(setting, text=DROP):
    return text.replace("settle =", f"{setting}\nsettle =") + SHOP


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


@pytest.fixture
def changes(tmp_path):
    return Rig(tmp_path / "site", with_drop('contents = "changes"'))


def test_an_older_copy_of_the_state_catches_up_before_it_asserts_anything(rig):
    async def story():
        await rig.bring({"A": 5})
        rig.copy_state()
        await rig.bring({"A": 0, "B": 1})
        rig.restore_state(marker=False)
        rig.shop.received.clear()
        async with rig.running():
            await rig.look()
            await asyncio.sleep(60)

    run_virtually(story())

    assert ("A", 5) not in rows_sent(rig.shop)
    assert rig.shown() == {"A": 0, "B": 1}


def test_a_crash_while_a_returned_channel_is_planned_leaves_the_rest_to_the_next_start(rig):
    async def story():
        await rig.bring(many(SLICE_ROWS) | {"Z": 5})
        rig.configure(DROP + OTHER)
        await rig.bring(many(SLICE_ROWS, 4) | {"Z": 9})
        rig.configure(DROP + SHOP)
        await rig.cut_off(rig.open_and_look(), lambda: rig.ask(SHOWN_BY_THE_FIRST + "4"))
        assert rig.ask("SELECT desired FROM listing WHERE channel_id = 1 AND sku = 'Z'") == 5
        rig.shop.received.clear()
        await rig.open_and_reconcile()

    run_virtually(story())

    assert dict(rows_sent(rig.shop)) == many(SLICE_ROWS, 4) | {"Z": 9}


def test_a_new_configuration_that_a_crash_cut_off_leaves_nothing_once_the_old_one_is_back(rig):
    async def story():
        await rig.bring(many(MORE_THAN_A_SLICE))
        rig.configure(DROP + SHOP + "[channels.shop.rules]\nsafety_stock = 1\n")
        await rig.cut_off(rig.open_and_look(), lambda: rig.ask(SHOWN_BY_THE_FIRST + "4"))
        assert rig.ask(SHOWN_BY_THE_FIRST + "5") == 1
        rig.configure(DROP + SHOP)
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == many(MORE_THAN_A_SLICE)


def test_a_channel_that_returns_says_since_when_it_is_behind(rig):
    async def story():
        await rig.bring({"A": 5})
        rig.configure(DROP + OTHER)
        await rig.bring({"A": 5})
        rig.configure(DROP + SHOP)
        async with rig.opened() as app:
            assert rig.counts().oldest_due == app.world.clock.now()

    run_virtually(story())


def test_a_source_that_is_renamed_and_named_back_says_all_it_said_before(rig):
    async def story():
        await rig.bring({"A": 5})
        rig.configure((DROP + SHOP).replace("sources.erp", "sources.main"))
        await rig.open_and_reconcile()
        rig.configure(DROP + SHOP)
        await rig.open_and_reconcile()
        rig.drop({"A": 5})
        async with rig.opened():
            await rig.reconcile()
            assert rig.counts().listings == rig.counts().in_sync == 1

    run_virtually(story())


def test_a_changed_configuration_asks_again_for_what_was_not_listed(rig):
    rig.shop.unlisted.add("A")

    async def story():
        await rig.bring({"A": 5})
        rig.shop.unlisted.clear()
        rig.configure(DROP + SHOP + "[channels.shop.rules]\nsafety_stock = 1\n")
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == {"A": 4}


def test_changes_that_a_crash_kept_from_being_read_again_are_read_at_the_next_start(changes):
    async def story():
        for stock in ({"A": 5, "B": 5}, {"A": 4}, {"A": 0}):
            await changes.bring(stock)
        changes.lose_state()
        await changes.cut_off(
            changes.open_and_look(),
            lambda: changes.ask("SELECT count(*) FROM import WHERE state = 'applied'"),
        )
        assert changes.ask("SELECT quantity FROM stock WHERE sku = 'A'") == 5
        await changes.open_and_reconcile()

    run_virtually(story())

    assert changes.shown() == {"A": 0, "B": 5}


def test_a_snapshot_that_a_crash_cut_off_while_it_was_read_again_is_read_to_its_end(rig):
    async def story():
        await rig.bring(many(MORE_THAN_A_SLICE))
        rig.lose_state()
        rig.shop.stock.clear()
        await rig.cut_off(rig.open_and_look(), lambda: rig.ask("SELECT count(*) FROM stock"))
        assert rig.ask("SELECT count(*) FROM stock") == FIRST_SLICE
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == many(MORE_THAN_A_SLICE)


def test_a_snapshot_that_is_resumed_is_not_the_second_that_misses_a_sku(tmp_path):
    rig = Rig(tmp_path / "site", with_drop('missing = "zero"'))

    async def story():
        await rig.bring(many(MORE_THAN_A_SLICE) | {"gone": 7})
        rig.drop(many(MORE_THAN_A_SLICE, 4))
        missed = "SELECT missed FROM stock WHERE sku = 'gone'"
        await rig.cut_off(rig.open_and_look(), lambda: rig.ask(missed))
        assert rig.ask("SELECT count(*) FROM stock WHERE quantity = 5"), "there is a rest to resume"
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == many(MORE_THAN_A_SLICE, 4) | {"gone": 7}


def test_changes_that_a_person_approved_once_are_not_held_when_they_are_read_again(tmp_path):
    rig = Rig(tmp_path / "site", with_drop('contents = "changes"', GUARDED))

    async def story():
        await rig.bring(many(100))
        rig.drop(many(50, 0))
        async with rig.opened():
            (held,) = await rig.look()
            assert await rig.approve(held.import_id) == "applied"
            await rig.reconcile()
        rig.lose_state()
        rig.shop.stock.clear()
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == many(100) | many(50, 0)


def test_a_file_that_is_held_stays_held_when_the_state_is_lost(tmp_path):
    rig = Rig(tmp_path / "site", GUARDED + SHOP)

    async def story():
        await rig.bring(many(100))
        rig.drop(many(100) | {"SKU-0001": 4})
        rig.drop(many(100, 0) | {"X": 1})
        async with rig.opened():
            await rig.look()
            await rig.reconcile()
        rig.lose_state()
        assert (await rig.open_and_reconcile()).imports_held == 1

    run_virtually(story())

    assert rig.shown() == many(100) | {"SKU-0001": 4}


@pytest.mark.parametrize("newest", ["sku,quantity\nA,4\n", "sku,quantity\nA,4\nB,\n"])
def test_an_older_copy_learns_what_only_an_earlier_snapshot_said(rig, newest):
    """The newest says nothing of a SKU that was sold out since the copy was made."""

    async def story():
        await rig.bring({"A": 5, "B": 2})
        rig.copy_state()
        await rig.bring({"A": 5, "B": 0})
        await rig.bring(newest)
        rig.restore_state(marker=False)
        rig.shop.received.clear()
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == {"A": 4, "B": 0}
    assert ("B", 2) not in rows_sent(rig.shop)


@pytest.mark.parametrize("missing", ["inbox", "inbox/archive"])
def test_an_older_copy_that_cannot_catch_up_is_not_asserted(rig, missing):
    """Its source is not mounted at the start, say."""

    async def story():
        await rig.bring({"A": 5})
        rig.copy_state()
        await rig.bring({"A": 0})
        rig.restore_state(marker=False)
        rig.shop.received.clear()
        away = rig.folder / "away"
        (rig.folder / missing).rename(away)
        if missing != "inbox":
            (rig.folder / missing).symlink_to(away)  # which syncd refuses to follow
        for _ in range(2):
            with pytest.raises(StateBehind, match=r"erp: .*Nothing is pushed"):
                await rig.open_and_reconcile()
        assert rig.shop.received == []
        (rig.folder / missing).unlink(missing_ok=True)
        away.rename(rig.folder / missing)
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == {"A": 0}
    assert ("A", 5) not in rows_sent(rig.shop)


def test_a_lost_state_of_one_source_keeps_no_other_from_its_work(tmp_path):
    other = DROP.replace("erp", "away").replace('"inbox"', '"away"')
    rig = Rig(tmp_path / "site", other + DROP + SHOP)
    (rig.folder / "away").mkdir()

    async def story():
        await rig.bring({"A": 5})
        rig.lose_state(marker=False)
        (rig.folder / "away").rename(rig.folder / "elsewhere")
        rig.shop.received.clear()
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rows_sent(rig.shop) == [("A", 5)]


@pytest.mark.parametrize("minutes", [20, 60])
def test_starts_again_and_again_do_not_starve_a_repetition(tmp_path, minutes):
    """As a reconcile from cron does: none of them runs for as long as a settling time."""
    lost = iter([TryLater("time-out", effect=Effect.AMBIGUOUS)])
    shop = Guarded(refuse=lambda _: next(lost, None))
    rig = Rig(tmp_path / "site", plugins={"memory": shop.plugin()})

    async def story():
        rig.drop({"A": 3})
        for _ in range(4):
            await rig.open_and_reconcile()
            await asyncio.sleep(minutes * 60)

    run_virtually(story())

    assert len(shop.arrivals) == 3, "one is lost, one accepted, one repeated"


@pytest.mark.parametrize("marker", [True, False], ids=["its marker lost too", "its marker kept"])
def test_what_a_lost_state_may_have_sent_is_answered_also_for_skus_that_come_back_after_a_restart(
    rig, marker
):
    waiting = "SELECT reassert_at FROM listing WHERE sku = "

    async def story():
        await rig.bring({"A": 5, "B": 1})
        await rig.bring({"B": 1})
        rig.lose_state(marker=marker)
        await rig.open_and_reconcile()  # the newest snapshot says nothing of A
        async with rig.running() as app:
            rig.drop({"A": 5, "B": 1})
            await rig.look()
            await asyncio.sleep(10)
            assert rig.ask(waiting + "'A'") is not None
            await asyncio.sleep(700)
            await app.mind_the_clock()
            rig.drop({"A": 5, "B": 1, "C": 1})
            await rig.look()
            await asyncio.sleep(10)
            assert rig.counts().in_sync == 3
            assert rig.ask(waiting + "'C'") is None

    run_virtually(story())
