"""`/healthz`, `/readyz` and `/metrics` over real HTTP, of an application on real state."""

import asyncio
import re
import shutil
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from rig import DROP, SHOP, Rig, many
from starlette.applications import Starlette
from virtual_time import inline, run_virtually

from state.alerts import AlertBook, StandingAlert
from syncd.web.health import StoredReadings, health_routes

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def to_thread(function):
    return await asyncio.to_thread(function)


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "site", DROP.replace("20%", "off") + SHOP)
    rig.blocking = to_thread
    return rig


@asynccontextmanager
async def served(app):
    listener = socket.create_server(("127.0.0.1", 0))
    application = Starlette(routes=health_routes(lambda: app))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
    serving = asyncio.create_task(server._serve([listener]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        yield client
    server.should_exit = True
    await serving


def figures(text: str, parse=parse_text) -> dict[tuple, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple:
    return (name, *sorted(labels.items()))


async def scraped(client) -> dict[tuple, float]:
    return figures((await client.get("/metrics")).text)


def test_the_figures_tell_how_all_stands(rig):
    rig.shop.unlisted.add("SKU-0000")

    async def story():
        rig.drop(many(30))
        async with rig.opened() as app:
            await rig.look()
            await rig.reconcile()
            rig.drop(many(30) | {"SKU-0001": 0, "SKU-0002": 4, "SKU-0003": 9})
            await rig.look()
            async with served(app) as client:
                return await scraped(client)

    told = asyncio.run(story())

    listings = {state: told[of("syncd_listings", channel="shop", state=state)] for state in STATES}
    assert listings == {"in_sync": 26, "due": 3, "in_flight": 0, "deferred": 0, "rejected": 1, "held": 0}
    assert [told[of("syncd_due_listings", channel="shop", risk=risk)] for risk in RISKS] == [1, 1, 1, 0]
    assert told[of("syncd_failed_listings", channel="shop")] == 1
    assert 0 < told[of("syncd_sold_out_waiting_seconds", channel="shop")] < 60
    assert told[of("syncd_sold_out_waiting_listings", channel="shop")] == 1
    assert told[of("syncd_unreachable_seconds", channel="shop")] == 0
    assert told[of("syncd_stock_levels", source="erp")] == 30
    assert told[of("syncd_source_max_age_seconds", source="erp")] == 86_400
    assert told[of("syncd_channel_enabled", channel="shop")] == 1
    assert told[of("syncd_rows_total", channel="shop", outcome="accepted")] == 29
    assert told[of("syncd_state_database_bytes")] + told[of("syncd_state_wal_bytes")] > 10_000
    assert 0 < told[of("syncd_state_disk_free_bytes")] <= told[of("syncd_state_disk_size_bytes")]
    assert told[of("syncd_state_readable")] == 1


STATES = ("in_sync", "due", "in_flight", "deferred", "rejected", "held")
RISKS = ("to_zero", "decrease", "increase", "repetition")


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        (OPENMETRICS, OPENMETRICS, parse_openmetrics),
    ],
)
def test_both_formats_are_spoken_as_asked(rig, accept, content_type, parse):
    async def story():
        rig.drop(many(3))
        async with rig.opened() as app:
            await rig.look()
            await rig.reconcile()
            async with served(app) as client:
                return await client.get("/metrics", headers={"Accept": accept})

    answer = asyncio.run(story())

    assert answer.headers["content-type"].startswith(content_type)
    assert answer.headers["cache-control"] == "no-store"
    told = figures(answer.text, parse)
    assert told[of("syncd_rows_total", channel="shop", outcome="accepted")] == 3
    assert not [name for name, *_ in told if name.endswith("_created")]
    assert "SKU-0000" not in answer.text


def test_a_held_channel_and_a_held_import_show(rig):
    rig.configure((DROP + SHOP).replace('"off"', '"20%"'))

    async def story():
        async with rig.opened() as app:
            rig.drop(many(100))
            await rig.look()
            app.registry.hold_channel(app.channel_ids["shop"], "AUTH", "wrong key", app.world.clock.now())
            rig.drop(many(10))
            await rig.look()
            async with served(app) as client:
                return await scraped(client)

    told = asyncio.run(story())

    assert told[of("syncd_channel_held", channel="shop")] == 1
    assert told[of("syncd_listings", channel="shop", state="held")] == 100
    assert told[of("syncd_imports_held", source="erp")] == 1


def test_alerts_and_a_marketplace_that_is_down_show(rig):
    alert = StandingAlert(
        kind="channel_unreachable", subject="shop", severity="error", message="down", details="{}",
        since=1, raised_at=1, told_at=1, calm=0,
    )  # fmt: skip

    async def story():
        async with rig.opened() as app:
            AlertBook(app.database).keep([alert], [], [])
            app.lanes["shop"].setbacks.add(app.world.clock.now() - 90_000, "down")
            async with served(app) as client:
                return await scraped(client)

    told = asyncio.run(story())

    assert told[of("syncd_alerts_standing", kind="channel_unreachable")] == 1
    assert told[of("syncd_alerts_standing", kind="channel_held")] == 0
    assert 90 <= told[of("syncd_unreachable_seconds", channel="shop")] < 100


def test_a_source_is_stale_once_its_data_is_too_old(rig):
    async def story():
        answers = []
        async with rig.opened() as app:
            for age in (2 * 86_400, 3_600):
                rig.drop({"A": age}, at=app.world.clock.wall() - age)
                await rig.look()
                async with served(app) as client:
                    answers.append((await scraped(client))[of("syncd_source_stale", source="erp")])
        return answers

    assert asyncio.run(story()) == [1, 0]


def test_a_channel_that_is_switched_off_keeps_nothing_waiting(rig):
    rig.configure(DROP + SHOP + "enabled = false\n")

    async def story():
        async with rig.opened() as app:
            rig.drop(many(3))
            await rig.look()
            async with served(app) as client:
                return await scraped(client)

    told = asyncio.run(story())

    assert told[of("syncd_channel_enabled", channel="shop")] == 0
    assert of("syncd_oldest_due_age_seconds", channel="shop") not in told
    assert of("syncd_sold_out_waiting_seconds", channel="shop") not in told


def test_those_who_ask_at_once_cost_one_reading_and_later_ones_another(rig):
    read = []

    def reading(_app, now):
        read.append(now)
        return []

    async def story():
        rig.blocking = inline
        async with rig.opened() as app:
            readings = StoredReadings(reading)
            await asyncio.gather(readings.of(app), readings.of(app))
            for pause in (4.9, 0.2, 0.0):
                await asyncio.sleep(pause)
                await readings.of(app)

    run_virtually(story())

    assert [round(at - read[0]) for at in read] == [0, 5_100]


def test_a_slow_reading_is_made_less_often(rig):
    read = []

    async def slowly(function):
        await asyncio.sleep(2)
        return function()

    async def story():
        rig.blocking = slowly
        async with rig.opened() as app:
            read.clear()
            readings = StoredReadings(lambda _app, now: read.append(now) or [])
            for _ in range(100):
                await readings.of(app)
                await asyncio.sleep(1)

    run_virtually(story())

    assert len(read) == 3


def test_another_configuration_is_read_at_once(rig):
    read = []

    async def story():
        rig.blocking = inline
        readings = StoredReadings(lambda app, _now: read.append(app) or [])
        for _ in range(2):
            async with rig.opened() as app:
                await readings.of(app)

    run_virtually(story())

    assert len(read) == 2


def test_a_state_that_cannot_be_read_is_told_and_what_is_counted_stays(rig):
    async def story():
        rig.drop(many(3))
        async with rig.opened() as app:
            await rig.look()
            await rig.reconcile()
            hidden = rig.folder / "hidden"
            shutil.move(app.database.path, hidden)
            async with served(app) as client:
                told = await scraped(client)
            shutil.move(hidden, app.database.path)
            return told

    told = asyncio.run(story())

    assert told[of("syncd_state_readable")] == 0
    assert told[of("syncd_rows_total", channel="shop", outcome="accepted")] == 3
    assert of("syncd_channel_held", channel="shop") not in told


def test_it_is_ready_once_looked_at_until_it_stops_and_lives_while_things_move(rig):
    async def story():
        answers = []
        async with rig.opened() as app, served(app) as client:

            async def ask():
                found = [await client.get(path) for path in ("/healthz", "/readyz")]
                answers.append([(one.status_code, one.json().get("reasons", [])) for one in found])

            await ask()
            app.vitals.looked = True
            await ask()
            app.progress.expect("channel shop", app.world.clock.monotonic() - 100, 10)
            await ask()
            app.progress.rest("channel shop")
            app.progress.expect("source erp", app.world.clock.monotonic() - 100, 10, vital=False)
            await ask()
            app.vitals.stopping = True
            await ask()
        return answers

    unlooked, ready, late, silent, stopping = asyncio.run(story())

    assert unlooked == [(200, []), (503, ["the sources have not been looked at yet"])]
    assert ready == [(200, []), (200, [])]
    assert late == [(503, ["channel shop is 90 s late"]), (200, [])]
    assert silent == [(200, []), (200, [])], "a restart would not mend a source"
    assert stopping == [(200, []), (503, ["it is stopping"])]


def test_before_anything_happened_there_are_figures_already(rig):
    async def story():
        async with rig.opened() as app, served(app) as client:
            return (await client.get("/metrics")).text

    assert re.search(r"^syncd_build_info\{.*version=", asyncio.run(story()), re.MULTILINE)
