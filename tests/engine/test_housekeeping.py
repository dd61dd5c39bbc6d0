"""What housekeeping does to a whole application: it prunes, tells of it, and leaves pushes and full disks be."""

import asyncio
import errno
import sqlite3

import pytest
from rig import DROP, SHOP, Rig
from virtual_time import run_virtually

from state.housekeeping import kept_at, space_of
from syncd import housekeeping
from syncd.housekeeping import DAY_MS, Disk, Housekeeping, little_room

MIB = 1024 * 1024
ROOMY = Disk(100_000 * MIB, 0, 50_000 * MIB)
FULL = Disk(100_000 * MIB, 0, 100 * MIB)
HISTORY = '[history]\nkeep = "10d"\n'


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "a", HISTORY + DROP + SHOP)


def counts(app) -> tuple[int, int, int]:
    with app.database.read() as connection:
        return tuple(
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("attempt", "past_level", "import")
        )


def said(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


async def days(number: float) -> None:
    await asyncio.sleep(number * 86_400)


async def change(rig, *quantities: int) -> None:
    for quantity in quantities:
        await rig.bring({"A": quantity, "B": 1})
        await asyncio.sleep(1)


def house_with(app, *disks: Disk) -> Housekeeping:
    left = list(disks)
    return Housekeeping(app, lambda _: left.pop(0) if len(left) > 1 else left[0])


def test_what_is_older_than_is_kept_goes_and_the_event_tells_how_much(rig, capsys):
    async def story():
        await change(rig, 5, 6, 7)
        await days(11)
        await change(rig, 8, 9)
        async with rig.opened() as app:
            await Housekeeping(app).keep()
            assert counts(app) == (2, 2, 4)
            assert kept_at(app.database) == app.world.clock.now()

    run_virtually(story())
    (told,) = [line for line in said(capsys) if "history_pruned" in line]
    for figure in ("attempts=4", "levels=2", "imports=1", "files=0", "state_bytes="):
        assert figure in told, told


def test_what_was_missed_while_nothing_ran_is_done_after_a_day_and_not_before(rig):
    async def story():
        async with rig.opened() as app:
            house = Housekeeping(app)
            await house.keep_if_missed()
            first = kept_at(app.database)
            assert first == app.world.clock.now()
            await days(0.5)
            await house.keep_if_missed()
            assert kept_at(app.database) == first
            await days(0.6)
            await house.keep_if_missed()
            assert kept_at(app.database) == app.world.clock.now()

    run_virtually(story())


def test_where_the_clock_was_set_back_it_does_not_wait_for_the_old_time(rig):
    async def story():
        async with rig.opened() as app:
            house = Housekeeping(app)
            with app.database.write() as connection:
                connection.exec_driver_sql(
                    "INSERT INTO meta VALUES ('house_kept_at', ?)", (str(app.world.clock.now() + 400 * DAY_MS),)
                )  # fmt: skip
            await house.keep_if_missed()
            assert kept_at(app.database) == app.world.clock.now()

    run_virtually(story())


def test_with_little_room_left_changes_are_pushed_but_not_remembered_until_there_is_room(rig):
    async def story():
        async with rig.running() as app:
            house = house_with(app, FULL, Disk(FULL.total, 0, 300 * MIB), ROOMY)

            async def past_after(quantity: int) -> int:
                rig.drop({"A": quantity})
                await rig.look()
                await asyncio.sleep(1)
                assert rig.shop.stock["A", ""] == quantity
                return counts(app)[1]

            assert [await past_after(5), await past_after(6)] == [0, 1]
            await house.watch_room()
            assert await past_after(7) == 1
            await house.watch_room()
            assert await past_after(8) == 1, "a little more room would make it pause and resume in turns"
            await house.watch_room()
            assert await past_after(9) == 2

    run_virtually(story())


def test_with_little_room_the_oldest_goes_first_and_a_day_always_stays(rig, monkeypatch, capsys):
    async def story():
        for quantity in range(1, 9):
            await change(rig, quantity)
            await days(1)
        await change(rig, 9)
        async with rig.opened() as app:
            monkeypatch.setattr(housekeeping, "ENOUGH_FREE_BYTES", 0)
            await house_with(app, FULL).watch_room()
            assert counts(app)[0] == 10, "enough is free inside the database"
            monkeypatch.undo()
            await house_with(app, FULL).watch_room()
            with app.database.read() as connection:
                oldest = connection.exec_driver_sql("SELECT min(finished_at) FROM push").scalar_one()
            assert app.world.clock.now() - oldest <= DAY_MS
            assert counts(app)[0] == 1

    run_virtually(story())
    (told,) = [line for line in said(capsys) if "history_shortened" in line]
    assert "attempts=9" in told
    assert "kept_seconds=86400" in told


def test_a_disk_that_does_not_say_how_full_it_is_ends_nothing(rig, capsys):
    def unknown(folder):
        raise OSError(errno.EIO, "Input/output error", str(folder))

    async def story():
        async with rig.opened() as app:
            await Housekeeping(app, unknown).watch_room()
            assert app.book.keep_past

    run_virtually(story())
    assert not [line for line in said(capsys) if "history_" in line]


def test_with_little_room_it_prunes_once_a_day_and_tells_once(rig, capsys):
    async def story():
        async with rig.opened() as app:
            house = house_with(app, FULL)
            for _ in range(5):
                await house.watch_room()
                await asyncio.sleep(60)

    run_virtually(story())
    lines = said(capsys)
    assert sum("history_paused" in line for line in lines) == 1
    assert sum("history_shortened" in line for line in lines) == 0, "there was nothing to shorten"


def test_a_small_disk_is_nearly_full_at_a_twentieth():
    assert little_room(16 * MIB) == 16 * MIB // 20
    assert little_room(1_000_000 * MIB) == 256 * MIB


def test_a_locked_state_costs_the_housekeeping_and_nothing_else(tmp_path, capsys):
    """Another program holds the state: the house is kept another day."""
    rig = Rig(tmp_path / "a", HISTORY + DROP + SHOP)

    async def story():
        await change(rig, 5, 6)
        await days(11)
        async with rig.opened() as app:
            with app.database.write() as connection:
                connection.connection.driver_connection.execute("PRAGMA busy_timeout=1")
            with sqlite3.connect(app.database.path, isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await Housekeeping(app).keep()
                other.execute("ROLLBACK")
            assert counts(app)[0] == 3
            await Housekeeping(app).keep()
            assert counts(app)[0] == 1, "the newest push stays"

    run_virtually(story())
    lines = said(capsys)
    assert any("housekeeping_failed" in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_pushes_go_on_between_the_slices(rig, monkeypatch):
    """A slice is short, and as much time as it took is left to others."""
    monkeypatch.setattr("state.housekeeping.SLICE_DELETED", 2)

    async def story():
        await change(rig, *range(1, 13))
        await days(11)
        async with rig.opened() as app:
            turns = 0

            async def others() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            other = asyncio.create_task(others())
            await Housekeeping(app).keep()
            other.cancel()
            assert turns >= 5
            assert space_of(app.database).total > 0

    run_virtually(story())


def test_two_at_once_are_one(rig, capsys):
    async def story():
        async with rig.opened() as app:
            house = Housekeeping(app)
            await asyncio.gather(house.keep(), house.keep())

    run_virtually(story())
    assert sum("history_pruned" in line for line in said(capsys)) == 1
