"""Edits of what shops show, while their stock is pushed: the whole application on virtual time."""

import asyncio
import os

import httpx
import pytest
from rig import DROP, Rig, many
from virtual_time import EPOCH, inline, run_virtually

from connectors.discovery import load_plugin
from connectors.memory import MemoryMarketplace, plugin_for
from connectors.sandbox import Sandbox
from syncd.plans.making import SETTLE_SECONDS

RULES = '[rules]\nfile = "rules.csv"\n'
TWO_SHOPS = (
    '[channels.first]\nconnector = "memory"\n\n[channels.second]\nconnector = "other"\nshop = "second"\n'
)
ALL_OFF = '[rules.guard]\nmax_missing = "off"\nmax_zeroed = "off"\nmax_drop = "off"\n'


class Site:
    """Two shops of one stock, whose rules, listings and bundles stand in files."""

    def __init__(self, folder, text=DROP + TWO_SHOPS + RULES + ALL_OFF):
        self.shops = {"first": MemoryMarketplace(), "second": MemoryMarketplace()}
        plugins = {"memory": plugin_for(self.shops["first"]), "other": plugin_for(self.shops["second"])}
        folder.mkdir()
        self.edits = 0
        self.folder = folder
        self.write("rules.csv", "sku,channel,max_shown")
        self.rig = Rig(folder, text, plugins=plugins)

    def write(self, name, *lines):
        """Edit a file; each edit has a time of its own."""
        self.edits += 1
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        os.utime(path, (EPOCH - 1_000 + self.edits,) * 2)

    async def look(self):
        """What the schedule does every few seconds; what came of it, by channel."""
        verdicts = {name: await planner.look() for name, planner in self.rig.app.planners.items()}
        return {name: verdict.state.value for name, verdict in verdicts.items() if verdict is not None}

    def shown(self, name):
        return {sku: quantity for (sku, _), quantity in self.shops[name].stock.items()}

    def sent(self, name):
        return [(update.sku, update.quantity) for call in self.shops[name].received for update in call]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


def test_an_edit_of_rules_reaches_only_the_shops_and_listings_that_it_concerns(site):
    async def story():
        async with site.rig.running():
            site.rig.drop({"A": 9, "B": 9})
            await site.rig.look()
            await asyncio.sleep(5)
            for shop in site.shops.values():
                shop.received.clear()

            site.write("rules.csv", "sku,channel,max_shown", "A,second,3")
            told = await site.look()
            await asyncio.sleep(5)
            return told

    assert run_virtually(story()) == {"first": "unchanged", "second": "applied"}
    assert site.sent("first") == []
    assert site.sent("second") == [("A", 3)]


def test_a_file_with_a_problem_changes_nothing_until_it_is_mended(site):
    async def story():
        site.write("rules.csv", "sku,channel,max_shown", "A,,5")
        async with site.rig.running():
            site.rig.drop({"A": 9, "B": 9})
            await site.rig.look()
            await asyncio.sleep(5)

            site.write("rules.csv", "sku,channel,max_shown", "B,,1", "A,nowhere,2", "A,,many")
            refused = await site.look()
            problems = site.rig.app.planners["first"].last.problems
            site.rig.drop({"A": 8, "B": 8})
            await site.rig.look()
            await asyncio.sleep(5)
            kept = site.shown("first")

            site.write("rules.csv", "sku,channel,max_shown", "B,,1")
            mended = await site.look()
            await asyncio.sleep(5)
            return refused, problems, kept, mended

    refused, problems, kept, mended = run_virtually(story())

    assert refused == {"first": "rejected", "second": "rejected"}
    assert len(problems) == 2
    assert "line 3" in problems[0]
    assert "nowhere" in problems[0]
    assert "line 4" in problems[1]
    assert kept == {"A": 5, "B": 8}
    assert mended == {"first": "applied", "second": "applied"}
    assert site.shown("first") == site.shown("second") == {"A": 8, "B": 1}


def test_an_edit_that_would_empty_a_shop_is_held_and_stock_goes_on_by_the_old_rules(tmp_path):
    site = Site(tmp_path / "site", DROP + TWO_SHOPS + RULES)

    async def story():
        async with site.rig.running():
            site.rig.drop(many(100, 9))
            await site.rig.look()
            await asyncio.sleep(5)

            site.write("rules.csv", "sku,channel,max_shown", "SKU-*,second,0")
            told = await site.look()
            import_id = site.rig.app.planners["second"].last.import_id
            site.rig.drop(many(100, 8))
            await site.rig.look()
            await asyncio.sleep(5)
            held = site.shown("first"), site.shown("second")

            state = await site.rig.approve(import_id)
            await asyncio.sleep(5)
            return told, held, state

    told, held, state = run_virtually(story())

    assert told == {"first": "unchanged", "second": "held"}
    assert held == (many(100, 8), many(100, 8))
    assert state == "applied"
    assert site.shown("first") == many(100, 8)
    assert site.shown("second") == many(100, 0)


def test_an_edit_that_is_held_waits_across_a_restart_and_goes_when_the_file_is_as_before(tmp_path):
    site = Site(tmp_path / "site", DROP + TWO_SHOPS + RULES)

    async def story():
        async with site.rig.running():
            site.rig.drop(many(100, 9))
            await site.rig.look()
            site.write("rules.csv", "sku,channel,max_shown", "SKU-*,,0")
            await site.look()
        async with site.rig.running():
            await asyncio.sleep(5)
            held = site.rig.ask("SELECT count(*) FROM import WHERE state = 'held'")
            shown = site.shown("first")
            site.write("rules.csv", "sku,channel,max_shown")
            await site.look()
            return held, shown, site.rig.ask("SELECT count(*) FROM import WHERE state = 'held'")

    assert run_virtually(story()) == (2, many(100, 9), 0)


def test_a_crash_in_the_midst_of_an_edit_ends_as_the_file_says(tmp_path):
    site = Site(tmp_path / "site")

    async def story():
        async with site.rig.opened():
            site.rig.drop(many(5_000, 9))
            await site.rig.reconcile()
            site.write("rules.csv", "sku,channel,max_shown", "SKU-*,first,4")
            some = "SELECT count(*) FROM listing WHERE desired = 4"
            await site.rig.cut_off(site.look(), lambda: 0 < (site.rig.ask(some) or 0) < 5_000)
            cut_off = site.rig.ask(some)
        async with site.rig.opened():
            return cut_off, await site.rig.reconcile()

    cut_off, summary = run_virtually(story())

    assert 0 < cut_off < 5_000
    assert summary.ok
    assert site.shown("first") == many(5_000, 4)
    assert site.shown("second") == many(5_000, 9)


def test_listings_and_bundles_change_while_stock_is_pushed(tmp_path):
    text = (
        DROP
        + TWO_SHOPS.replace('"memory"\n', '"memory"\nonly_listed = true\n')
        + '[channels.first.listings]\nfile = "listed.csv"\n'
        + '[bundles]\nfile = "bundles.csv"\n'
        + ALL_OFF
    )
    site = Site(tmp_path / "site", text)
    site.write("listed.csv", "sku,id", "CUP,71", "SET,73")
    site.write("bundles.csv", "bundle_sku,component_sku,units", "SET,CUP,2", "SET,POT,1")
    site.shops["first"].ids |= {"71": "their cup", "72": "their pot", "73": "their set"}

    async def story():
        async with site.rig.running():
            site.rig.drop({"CUP": 9, "POT": 3})
            await site.rig.look()
            await asyncio.sleep(5)
            before = site.shown("first"), site.shown("second")

            site.write("listed.csv", "sku,id", "CUP,71", "POT,72", "SET,73")
            site.write("bundles.csv", "bundle_sku,component_sku,units", "SET,CUP,4", "SET,POT,1")
            await site.look()
            site.rig.drop({"CUP": 7, "POT": 3})
            await site.rig.look()
            await asyncio.sleep(5)
            return before

    assert run_virtually(story()) == (
        {"their cup": 9, "their set": 3},
        {"CUP": 9, "POT": 3, "SET": 3},
    )
    assert site.shown("first") == {"their cup": 7, "their pot": 3, "their set": 1}
    assert site.shown("second") == {"CUP": 7, "POT": 3, "SET": 1}


def test_both_marketplaces_show_what_the_rules_say_though_these_change_while_rows_are_on_their_way(tmp_path):
    """Thirty edits of rules and exports, each before the last one has arrived."""
    skus = [f"SKU-{number}" for number in range(60)]
    stock = {}

    def caps(turn):
        return {
            name: {sku: (turn + place) % 5 for place, sku in enumerate(skus) if (place + turn) % 3 == number}
            for number, name in enumerate(("tokopedia", "tocobagus"))
        }

    def wanted(turn, name):
        most = caps(turn)[name]
        return {sku: min(quantity, most.get(sku, quantity)) for sku, quantity in stock.items()}

    async def story():
        loop = asyncio.get_running_loop()
        sandbox = Sandbox(now=lambda: EPOCH + loop.time(), apply_delay=3.0)
        channels = sandbox.configuration("https://sandbox.test")
        site = Site(tmp_path / "site")
        site.rig.plugins.clear()
        site.rig.plugins |= {name: load_plugin(name) for name in ("tokopedia", "tocobagus")}
        site.rig.configure(DROP + channels + RULES + ALL_OFF)
        site.rig.transport = httpx.ASGITransport(app=sandbox.app)
        site.rig.blocking = yielding
        async with site.rig.running():
            for turn in range(30):
                stock.update({sku: (turn * 7 + place) % 9 for place, sku in enumerate(skus)})
                rows = [
                    f"{sku},{name}-sandbox,{most}"
                    for name, of_shop in caps(turn).items()
                    for sku, most in of_shop.items()
                ]
                site.write("rules.csv", "sku,channel,max_shown", *rows)
                site.rig.drop(stock)
                await asyncio.gather(site.look(), site.rig.look())
                await asyncio.sleep(turn % 4)
            await asyncio.sleep(600)
            counts = [site.rig.counts(f"{name}-sandbox") for name in caps(0)]
        assert [(one.listings, one.in_sync) for one in counts] == [(60, 60)] * 2
        assert sandbox.tokopedia.stock() == wanted(29, "tokopedia")
        assert sandbox.tocobagus.stock() == wanted(29, "tocobagus")

    run_virtually(story())


async def yielding(function):
    """As a thread would: all else goes on before and after what blocks."""
    await asyncio.sleep(0.01)
    found = await inline(function)
    await asyncio.sleep(0.01)
    return found


def test_a_file_that_was_just_written_may_be_half_and_is_taken_once_it_rests(site):
    async def story():
        async with site.rig.running():
            site.rig.drop({"A": 9, "B": 9})
            await site.rig.look()
            await asyncio.sleep(5)
            site.write("rules.csv", "sku,channel,max_shown", "A,,1")
            written = site.rig.app.world.clock.now() / 1000
            os.utime(site.folder / "rules.csv", (written, written))
            soon = await site.look()
            at_once = await site.rig.app.planners["first"].look(at_once=True)
            await asyncio.sleep(SETTLE_SECONDS)
            return soon, at_once.state.value, await site.look()

    assert run_virtually(story()) == ({}, "applied", {"second": "applied"})


def test_an_edit_made_after_a_crash_cut_off_another_is_judged_anew(tmp_path):
    site = Site(tmp_path / "site", DROP + TWO_SHOPS + RULES)
    planned = "SELECT count(*) FROM listing WHERE channel_id = 1 AND desired = 8"
    stock = many(5_000, 9)

    async def story():
        async with site.rig.opened():
            site.rig.drop(stock)
            await site.rig.reconcile()
            site.write("rules.csv", "sku,channel,max_shown", "SKU-*,first,8")
            await site.rig.cut_off(site.look(), lambda: 0 < (site.rig.ask(planned) or 0) < 5_000)
        site.write("rules.csv", "sku,channel,max_shown", *(f"{sku},first,0" for sku in list(stock)[:4_000]))
        async with site.rig.opened():
            await site.look()
            return site.rig.app.planners["first"].last.state.value

    assert run_virtually(story()) == "held"


def test_two_accounts_that_swap_their_names_swap_the_last_units_too(tmp_path):
    priority = '[rules]\nlast_units = 5\nlast_units_channel = "first"\n' + ALL_OFF
    site = Site(tmp_path / "site", DROP + TWO_SHOPS + priority)
    swapped = (
        TWO_SHOPS.replace("first", "X")
        .replace("[channels.second]", "[channels.first]")
        .replace("[channels.X]", "[channels.second]")
    )

    async def story():
        async with site.rig.running():
            site.rig.drop({"A": 3})
            await site.rig.look()
            await asyncio.sleep(5)
        before = site.shown("first"), site.shown("second")
        site.rig.configure(DROP + swapped + priority)
        async with site.rig.running():
            await site.look()
            await asyncio.sleep(5)
        return before

    assert run_virtually(story()) == ({"A": 3}, {"A": 0})
    assert (site.shown("first"), site.shown("second")) == ({"A": 0}, {"A": 3})
