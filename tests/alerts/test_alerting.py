"""The whole of it over the real application, on virtual time: what is told, when, and what a restart remembers."""

import asyncio
import errno
from contextlib import asynccontextmanager

import pytest
from alerts_told import Recorder
from rig import DROP, GUARDED, SHOP, Rig, many
from shops import Guarded
from sqlalchemy.exc import OperationalError
from virtual_time import run_virtually

from connectors.errors import ChannelRefused, TryLater, WarehouseRefused
from state.alerts import AlertBook
from syncd.alerts.alerting import Alerting
from syncd.app import Refused

MINUTE = 60.0
HOUR = 3600.0


class Shop(Guarded):
    """Refuses with `error`, as long as there is one."""

    def __init__(self):
        super().__init__(refuse=lambda _: self.error)
        self.error = None


class Site:
    """The application with its lanes and alerts running, told to a recorder."""

    def __init__(self, folder, text):
        self.shop = Shop()
        self.rig = Rig(folder, text, plugins={"memory": self.shop.plugin()})
        self.recorder = Recorder()
        self.alerting = None

    @asynccontextmanager
    async def running(self):
        async with self.rig.running() as app:
            self.alerting = Alerting(app, [self.recorder])
            running = asyncio.ensure_future(self.alerting.run())
            try:
                yield app
                assert not running.done()
            finally:
                running.cancel()
                await asyncio.wait([running])

    async def bring(self, stock, **options):
        self.rig.drop(stock, **options)
        await self.rig.look()

    def told(self, kind=None):
        """Change and kind of everything told, in order."""
        entries = [e for message in self.recorder.messages for e in message.document["alerts"]]
        return [(e["change"], e["kind"]) for e in entries if kind in (None, e["kind"])]


@pytest.fixture
def site_of(tmp_path):
    return lambda text=DROP + SHOP: Site(tmp_path / "site", text)


@pytest.fixture
def site(site_of):
    return site_of()


def test_a_channel_that_is_held_is_told_within_seconds_and_so_is_its_end(site):
    async def story():
        async with site.running() as app:
            site.shop.error = ChannelRefused("shop moved", code="MOVED")
            await site.bring({"A": 1})
            await asyncio.sleep(10)
            assert site.told() == [("raised", "channel_held")]
            assert "MOVED shop moved" in site.recorder.messages[0].text

            site.shop.error = None
            app.lanes["shop"].release()
            await asyncio.sleep(30)
            assert site.told() == [("raised", "channel_held"), ("over", "channel_held")]

    run_virtually(story())


def test_a_look_that_took_long_does_not_put_off_what_comes_next(site):
    looks = 0
    is_running = False

    async def first_look_slowly(work):
        nonlocal looks
        looks += is_running
        if looks == 1:
            await asyncio.sleep(60)
        return work()

    site.rig.blocking = first_look_slowly

    async def story():
        nonlocal is_running
        async with site.running():
            is_running = True
            await asyncio.sleep(60)
            site.shop.error = ChannelRefused("shop moved", code="MOVED")
            await site.bring({"A": 1})
            await asyncio.sleep(25)
            assert site.told() == [("raised", "channel_held")]

    run_virtually(story())


def test_a_person_who_tries_again_in_vain_is_told_nothing_new(site):
    async def story():
        async with site.running() as app:
            site.shop.error = ChannelRefused("shop moved")
            await site.bring({"A": 1})
            for _ in range(20):
                await asyncio.sleep(7)
                app.lanes["shop"].release()
            assert site.told() == [("raised", "channel_held")]

    run_virtually(story())


def test_a_held_warehouse_has_an_alert_of_its_own(site_of):
    site = site_of(DROP + SHOP + 'warehouses = { JKT = "1", SBY = "2" }\n')

    async def story():
        async with site.running():
            site.shop.error = WarehouseRefused("unknown warehouse", warehouse="2", code="W")
            await site.bring("sku,location,quantity\nA,SBY,2\n")
            await asyncio.sleep(10)
            (message,) = site.recorder.messages
            (entry,) = message.document["alerts"]
            assert (entry["kind"], entry["subject"]) == ("warehouse_held", "shop/2")

    run_virtually(story())


def test_a_marketplace_that_is_down_is_told_after_its_bound_once_and_when_it_answers(site):
    async def story():
        async with site.running():
            site.shop.error = TryLater("the shop burns")
            await site.bring({"A": 1})
            await asyncio.sleep(9 * MINUTE)
            assert site.told("channel_unreachable") == []
            await asyncio.sleep(2 * MINUTE)
            assert site.told("channel_unreachable") == [("raised", "channel_unreachable")]
            await asyncio.sleep(49 * MINUTE)
            site.shop.error = None
            await asyncio.sleep(5 * MINUTE)
            assert site.told("channel_unreachable") == [
                ("raised", "channel_unreachable"),
                ("over", "channel_unreachable"),
            ]
            assert "over after 1 h" in site.recorder.messages[-1].text

    run_virtually(story())


def test_an_outage_that_a_restart_falls_into_is_told_once(site):
    async def story():
        site.shop.error = TryLater("the shop burns")
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(15 * MINUTE)
        for _ in range(3):
            async with site.running():
                await asyncio.sleep(5 * MINUTE)
        assert site.told("channel_unreachable") == [("raised", "channel_unreachable")]

    run_virtually(story())


def test_a_sold_out_listing_that_is_still_offered_is_told(site):
    async def story():
        async with site.running():
            await site.bring({"A": 5, "B": 5})
            await asyncio.sleep(MINUTE)
            site.shop.error = TryLater("the shop burns")
            await site.bring({"A": 0, "B": 4})
            await asyncio.sleep(14 * MINUTE)
            assert site.told("sold_out_waiting") == []
            await asyncio.sleep(2 * MINUTE)
            assert site.told("sold_out_waiting") == [("raised", "sold_out_waiting")]
            assert "may still sell 1 sold-out listings" in site.recorder.messages[-1].text
            site.shop.error = None
            await asyncio.sleep(10 * MINUTE)
            assert site.told("sold_out_waiting") == [
                ("raised", "sold_out_waiting"),
                ("over", "sold_out_waiting"),
            ]

    run_virtually(story())


def test_a_source_that_brings_nothing_is_told_also_where_it_never_did(site_of):
    site = site_of(DROP + 'max_age = "1h"\n' + SHOP)

    async def story():
        async with site.running() as app:
            await asyncio.sleep(59 * MINUTE)
            assert site.told() == []
            await asyncio.sleep(2 * MINUTE)
            assert site.told() == [("raised", "source_stale")]
            await site.bring({"A": 1}, at=app.world.clock.wall())
            await asyncio.sleep(MINUTE)
            assert site.told() == [("raised", "source_stale"), ("over", "source_stale")]

    run_virtually(story())


def test_many_refusals_are_told_from_their_share_on(site):
    async def story():
        site.shop.unlisted = {f"SKU-{number:04d}" for number in range(10)}
        async with site.running():
            await site.bring(many(100))
            await asyncio.sleep(10 * MINUTE)
            assert site.told() == [], "ten of a hundred are not more than a tenth"
            site.shop.unlisted |= {"NEW"}
            await site.bring(many(100) | {"NEW": 1})
            await asyncio.sleep(5 * MINUTE)
            assert site.told() == [("raised", "failures_many")]
            assert "refuses 11 of its 101 listings" in site.recorder.messages[0].text

    run_virtually(story())


def test_a_held_import_is_told_by_its_number(site_of):
    site = site_of(GUARDED + SHOP)

    async def story():
        async with site.running():
            await site.bring(many(100))
            await site.bring(many(50))
            await asyncio.sleep(10)
            assert site.told() == [("raised", "import_held")]
            assert "import 2 of source erp is held" in site.recorder.messages[0].text
            assert (await site.rig.approve(2)) == "applied"
            await asyncio.sleep(MINUTE)
            assert site.told() == [("raised", "import_held"), ("over", "import_held")]

    run_virtually(story())


def test_what_still_stands_is_told_again_across_restarts(site_of):
    site = site_of(DROP + SHOP + '[alerts]\nreminder = "24m"\n')

    async def story():
        site.shop.error = ChannelRefused("shop moved")
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(20 * MINUTE)
        async with site.running():
            await asyncio.sleep(5 * MINUTE)
            assert site.told("channel_held") == [("raised", "channel_held"), ("reminder", "channel_held")]
            await asyncio.sleep(20 * MINUTE)
            assert len(site.told("channel_held")) == 2

    run_virtually(story())


def test_a_reminder_can_be_turned_off(site_of):
    site = site_of(DROP + SHOP + '[alerts]\nreminder = "off"\n')

    async def story():
        site.shop.error = ChannelRefused("shop moved")
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(10)
        site.rig.wall_offset += 72 * HOUR
        async with site.running():
            await asyncio.sleep(10)
        assert site.told("channel_held") == [("raised", "channel_held")]

    run_virtually(story())


def test_what_nobody_could_be_told_before_a_restart_is_told_after_it(site):
    async def story():
        site.recorder.fails = 10**6
        site.shop.error = ChannelRefused("shop moved")
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(10)
        site.recorder.fails = 0
        async with site.running():
            await asyncio.sleep(2)
            assert site.told() == [("raised", "channel_held")]

    run_virtually(story())


def test_a_state_that_was_lost_is_told_until_nothing_of_before_can_be_under_way(site):
    async def story():
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(MINUTE)
        site.rig.lose_state(marker=False)
        async with site.running():
            await asyncio.sleep(MINUTE)
            assert site.told() == [("raised", "state_lost")]
            await asyncio.sleep(11 * MINUTE)
            await site.rig.app.mind_the_clock()
            await asyncio.sleep(MINUTE)
            assert site.told() == [("raised", "state_lost"), ("over", "state_lost")]

    run_virtually(story())


def test_a_refused_configuration_is_told_until_one_is_taken(site):
    async def story():
        async with site.running() as app:
            app.refused = Refused(app.world.clock.now(), ("line 3: unknown key", "line 4: is missing"))
            await asyncio.sleep(10)
            assert "stays (line 3: unknown key, and 1 more): mend it" in site.recorder.messages[0].text
            app.refused = None
            await asyncio.sleep(10)
        assert site.told() == [("raised", "reload_refused"), ("over", "reload_refused")]

    run_virtually(story())


def test_a_disk_that_fills_is_told(site_of):
    site = site_of(DROP + SHOP + '[alerts]\ndisk_free = "999999TB"\n')

    async def story():
        async with site.running():
            await asyncio.sleep(10)
        assert site.told() == [("raised", "disk_low")]

    run_virtually(story())


def test_what_cannot_be_stored_on_a_full_disk_is_told_when_it_can(site, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    keep = AlertBook.keep

    def fail(*_):
        raise OperationalError("INSERT", {}, full)

    async def story():
        site.shop.error = ChannelRefused("shop moved")
        async with site.running():
            monkeypatch.setattr(AlertBook, "keep", fail)
            await site.bring({"A": 1})
            await asyncio.sleep(MINUTE)
            assert site.told() == []
            monkeypatch.setattr(AlertBook, "keep", keep)
            await asyncio.sleep(10)
            assert site.told() == [("raised", "channel_held")]

    run_virtually(story())


def test_a_channel_that_is_not_enabled_is_nobodys_trouble(site):
    async def story():
        site.shop.error = ChannelRefused("shop moved")
        async with site.running():
            await site.bring({"A": 1})
            await asyncio.sleep(10)
        site.rig.configure(DROP + SHOP + "enabled = false\n")
        async with site.running():
            await asyncio.sleep(MINUTE)
        assert site.told() == [("raised", "channel_held"), ("over", "channel_held")]

    run_virtually(story())


def test_a_fault_in_looking_ends_nothing_and_is_logged_once(site, monkeypatch, caplog):
    async def story():
        async with site.running():
            monkeypatch.setattr("syncd.alerts.alerting.troubles", lambda *_: 1 / 0)
            await asyncio.sleep(10 * MINUTE)
            monkeypatch.undo()
            site.shop.error = ChannelRefused("shop moved")
            await site.bring({"A": 1})
            await asyncio.sleep(10)
        assert site.told() == [("raised", "channel_held")]

    run_virtually(story())
    assert [record.name for record in caplog.records].count("alerts") <= 3
