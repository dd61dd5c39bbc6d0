"""The whole application against the strict simulators of both marketplaces, on virtual time."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from rig import DROP, Rig
from virtual_time import EPOCH, run_virtually

from connectors.discovery import load_plugin
from connectors.sandbox import Sandbox
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Effect, Fault, FaultKind

DOCUMENTED = Limits(rows_per_request=100, rows_per_second=5, row_burst=5)


class Site:
    """A rig whose channels are the sandbox's."""

    def __init__(self, folder, **options):
        loop = asyncio.get_running_loop()
        self.sandbox = Sandbox(now=lambda: EPOCH + loop.time(), **options)
        plugins = {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        channels = self.sandbox.configuration("https://sandbox.test")
        self.rig = Rig(folder, DROP + channels, plugins=plugins)
        self.rig.transport = httpx.ASGITransport(app=self.sandbox.app)

    def calls(self, marketplace):
        return self.sandbox.counters()[marketplace]


def test_both_marketplaces_show_the_export(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        stock = {f"SKU-{n}": n % 7 for n in range(250)}
        summary = await site.rig.bring(stock)
        await asyncio.sleep(5)

        assert summary.ok
        assert site.sandbox.tokopedia.stock() == stock
        assert site.sandbox.tocobagus.stock() == stock

    run_virtually(story())


def test_ten_thousand_skus_and_one_changed_line_are_one_row_a_channel(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        stock = {f"SKU-{n:05d}": n % 9 for n in range(10_000)}
        await site.rig.bring(stock)
        before = site.sandbox.counters()
        await site.rig.bring(stock | {"SKU-05000": 99})

        for name, counters in site.sandbox.counters().items():
            assert counters["push_requests"] - before[name]["push_requests"] == 1
            assert counters["rows"] - before[name]["rows"] == 1

    run_virtually(story())


def test_the_documented_row_limit_is_used_and_never_exceeded(tmp_path):
    async def story():
        site = Site(tmp_path / "site", tokopedia_limits=DOCUMENTED)
        started = asyncio.get_running_loop().time()
        await site.rig.bring({f"SKU-{n}": 1 for n in range(300)}, channels=("tokopedia-sandbox",))
        seconds = asyncio.get_running_loop().time() - started

        assert site.calls("tokopedia")["rows_throttled"] == 0
        assert 300 / 5 / seconds > 0.93

    run_virtually(story())


def test_throttled_rows_are_sent_again_and_count_as_no_failure(tmp_path):
    async def story():
        site = Site(tmp_path / "site", tokopedia_limits=DOCUMENTED)
        text = (site.rig.folder / "syncd.toml").read_text()
        site.rig.configure(
            text.replace("rows_per_second = 5", "rows_per_second = 50").replace("burst = 5", "burst = 50")
        )
        site.rig.drop({f"SKU-{n}": 1 for n in range(120)})
        async with site.rig.opened():
            summary = await site.rig.reconcile(channels=("tokopedia-sandbox",))
            assert site.rig.failures() == []

        assert summary.ok
        assert len(site.sandbox.tokopedia.stock()) == 120

    run_virtually(story())


FAULTS = {
    "refused": Fault(kind=FaultKind.STATUS, status=503),
    "bad gateway, applied late": Fault(kind=FaultKind.STATUS, status=502, effect=Effect.LATE, delay=200),
    "reset, applied": Fault(kind=FaultKind.RESET, effect=Effect.NOW),
    "reset, not applied": Fault(kind=FaultKind.RESET),
    "cut off": Fault(kind=FaultKind.RESET_MIDWAY),
    "no answer, applied late": Fault(kind=FaultKind.HANG, effect=Effect.LATE, delay=300),
    "web page": Fault(kind=FaultKind.GARBAGE),
    "truncated": Fault(kind=FaultKind.TRUNCATED),
    "row missing": Fault(kind=FaultKind.ROW_MISSING),
    "wrong counts": Fault(kind=FaultKind.MISCOUNT),
}


@pytest.mark.parametrize("channel", ["tokopedia", "tocobagus"])
@pytest.mark.parametrize("name", FAULTS)
def test_after_any_fault_the_marketplace_ends_with_the_truth(tmp_path, channel, name):
    async def story():
        site = Site(tmp_path / "site")
        site.sandbox.faults.next(*[replace(FAULTS[name], marketplace=channel)] * 3)
        async with site.rig.running():
            for quantity in (4, 2):
                site.rig.drop({f"SKU-{n}": quantity for n in range(30)})
                await site.rig.look()
                await asyncio.sleep(35)
            await asyncio.sleep(3 * 3600)
            assert site.rig.counts(f"{channel}-sandbox").in_sync == 30

        assert not site.sandbox.faults.pending(), "every fault has happened"
        assert set(getattr(site.sandbox, channel).stock().values()) == {2}

    run_virtually(story())


def test_batches_of_an_asynchronous_marketplace_that_overtake_each_other_are_healed(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        site.sandbox.faults.next(Fault(kind=FaultKind.LATE, marketplace="tocobagus", delay=120))
        async with site.rig.running():
            for quantity in (4, 2):
                site.rig.drop({"A": quantity})
                await site.rig.look()
                await asyncio.sleep(30)
            await asyncio.sleep(3600)

        assert site.sandbox.tocobagus.stock() == {"A": 2}

    run_virtually(story())


def test_an_expired_token_costs_one_renewal(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        await site.rig.bring({"A": 1})
        async with site.rig.opened():
            site.rig.drop({"A": 2})
            site.sandbox.tokopedia.expire_token()
            summary = await site.rig.reconcile()

        assert summary.ok
        assert site.sandbox.tokopedia.stock() == {"A": 2}

    run_virtually(story())


def test_a_clock_that_is_off_is_learnt_from_the_answer(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        site.rig.wall_offset = -1_200.0
        summary = await site.rig.bring({"A": 1})

        assert summary.ok
        assert site.calls("tocobagus")["push_requests"] == 2

    run_virtually(story())


def test_a_wrong_secret_holds_its_channel_and_says_what_to_do(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        text = (site.rig.folder / "syncd.toml").read_text()
        site.rig.configure(
            text.replace("sandbox-secret-key", "wrong").replace("sandbox-client-secret", "bad-one")
        )
        summary = await site.rig.bring({"A": 1})

        assert "secret_key" in summary.channels["tocobagus-sandbox"].trouble
        assert "client_secret" in summary.channels["tokopedia-sandbox"].trouble
        assert "wrong" not in summary.channels["tocobagus-sandbox"].trouble

    run_virtually(story())


def test_an_unknown_sku_is_a_row_of_its_own_in_failures(tmp_path):
    async def story():
        site = Site(tmp_path / "site")
        site.rig.drop({"UNKNOWN-1": 3, "A": 1})
        async with site.rig.opened():
            await site.rig.reconcile()
            assert {(f.channel, f.sku, f.code) for f in site.rig.failures()} == {
                ("tokopedia-sandbox", "UNKNOWN-1", "Invalid SKU."),
                ("tocobagus-sandbox", "UNKNOWN-1", "INV_001"),
            }

    run_virtually(story())
