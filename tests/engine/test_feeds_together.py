"""Sources with the whole application around them: two at once, polls, approvals, a stop while one is read."""

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest
from rig import DROP, GUARDED, SHOP, Rig, many
from virtual_time import run_virtually

from state.registry import SLICE_ROWS
from syncd.reconciling import StaleSource

POS = '[sources.pos]\ntype = "sqlite"\npath = "pos.db"\nquery = "SELECT sku, quantity FROM stock"\n'
HALF_AN_HOUR = 1800


def tell(rig, stock):
    """Let the polled database say this."""
    with closing(sqlite3.connect(rig.folder / "pos.db")) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER)")
        connection.execute("DELETE FROM stock")
        connection.executemany("INSERT INTO stock VALUES (?, ?)", stock.items())


@pytest.fixture
def polled(tmp_path):
    rig = Rig(tmp_path / "site", POS + SHOP)
    tell(rig, many(200))
    return rig


def test_of_two_sources_that_claim_the_same_at_once_the_second_overwrites_nothing(tmp_path):
    second = DROP.replace("sources.erp", "sources.web").replace('"inbox"', '"web"')
    rig = Rig(tmp_path / "site", DROP + second + SHOP)
    (rig.folder / "web").mkdir()

    async def as_a_thread_would(function):
        await asyncio.sleep(0.01)
        result = function()
        await asyncio.sleep(0.01)
        return result

    rig.blocking = as_a_thread_would

    async def story():
        rig.drop(many(SLICE_ROWS + 500, 1))
        rig.drop(many(SLICE_ROWS + 500, 2), source="web")
        async with rig.opened() as app:
            await asyncio.gather(*(feed.look(thoroughly=True) for feed in app.feeds.values()))
            await rig.reconcile()

    run_virtually(story())

    assert rig.shown() == many(SLICE_ROWS + 500, 1)


def test_a_poll_that_is_held_is_no_fresh_data_for_a_full_reconcile(polled):
    async def story():
        async with polled.opened():
            await polled.reconcile()
            tell(polled, many(200, 0))
            for _ in range(50):
                await polled.look()
                await asyncio.sleep(HALF_AN_HOUR)
            with pytest.raises(StaleSource):
                await polled.reconcile(full=True)

    run_virtually(story())


def test_a_database_that_goes_on_selling_while_its_poll_is_held_makes_one_record(polled):
    async def story():
        async with polled.opened() as app:
            await polled.reconcile()
            held = set()
            for sold in range(10):
                tell(polled, many(200, 0) | {"SKU-0001": sold})
                (verdict,) = await polled.look()
                held.add(verdict.import_id)
            (import_id,) = held
            assert app.imports.get(import_id).state == "held"

    run_virtually(story())


def test_a_person_approves_what_was_seen_and_nothing_worse(polled):
    async def story():
        async with polled.opened():
            await polled.reconcile()
            tell(polled, many(200) | many(25, 0))
            (held,) = await polled.look()
            assert held.state == "held"
            tell(polled, many(200, 0))
            assert await polled.approve(held.import_id) == "held"
            await polled.reconcile()

    run_virtually(story())

    assert polled.shown() == many(200)


def test_a_smaller_range_that_a_person_approved_is_the_new_normal(tmp_path):
    rig = Rig(tmp_path / "site", GUARDED + SHOP)

    async def story():
        await rig.bring(many(10))
        rig.drop(many(7))
        async with rig.opened():
            (held,) = await rig.look()
            assert held.state == "held"
            assert await rig.approve(held.import_id) == "applied"
            rig.drop(many(7) | {"SKU-0001": 4})
            (next_one,) = await rig.look()
            assert next_one.state == "applied"

    run_virtually(story())


def test_an_export_is_taken_in_though_a_newer_one_is_held(tmp_path):
    rig = Rig(tmp_path / "site", GUARDED + SHOP)

    async def story():
        await rig.bring(many(100))
        rig.drop(many(100) | {"SKU-0001": 4}, name="older.csv")
        rig.drop(many(10), name="newer.csv")
        async with rig.opened() as app:
            found = [app.imports.get(verdict.import_id) for verdict in await rig.look()]
            assert {entry.name: entry.state for entry in found} == {
                "older.csv": "applied",
                "newer.csv": "held",
            }

    run_virtually(story())


def test_a_stop_while_a_thread_reads_a_source_sees_that_thread_out(polled):
    """A database that is closed while a thread works with it ends the process."""
    began, may_go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def read(function):
        began.set()
        may_go_on.wait(10)
        try:
            return function()
        finally:
            ended.set()

    async def in_a_thread(function):
        return await asyncio.to_thread(read, function)

    polled.blocking = in_a_thread

    async def story():
        async with polled.opened():
            look = asyncio.create_task(polled.look())
            await asyncio.to_thread(began.wait, 10)
            look.cancel()
            await asyncio.wait([look], timeout=0.1)
            assert not look.done()
            may_go_on.set()
            await asyncio.wait([look], timeout=10)
            assert look.cancelled()
            assert ended.is_set()

    try:
        asyncio.run(story())
    finally:
        may_go_on.set()


def test_a_source_is_closed_only_when_the_thread_that_asks_it_has_ended(polled):
    """The first thing that a look does in a thread is to ask whether anything changed."""
    began, may_go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def ask(function):
        began.set()
        may_go_on.wait(10)
        ended.set()
        return function()

    async def in_a_thread(function):
        return await asyncio.to_thread(ask, function)

    polled.blocking = in_a_thread

    async def story():
        async with polled.opened() as app:
            look = asyncio.create_task(app.feeds["pos"].look())
            await asyncio.to_thread(began.wait, 10)
            look.cancel()
            closing_it = asyncio.create_task(app.feeds["pos"].aclose())
            await asyncio.wait([closing_it], timeout=0.1)
            assert not closing_it.done()
            may_go_on.set()
            await asyncio.wait([look, closing_it], timeout=10)
            assert ended.is_set()
            assert closing_it.done()

    try:
        asyncio.run(story())
    finally:
        may_go_on.set()
