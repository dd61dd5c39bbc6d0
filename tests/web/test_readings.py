"""Readings: shared by all who look at once, never in the event loop's thread, and made anew when due."""

import asyncio
import threading

import pytest

from state.database import Database
from syncd.web.readings import TIMES_ITS_COST, Readings


class World:
    def __init__(self, path):
        self.now, self.count = 0.0, 0
        self.threads = set()
        self.readings = Readings(lambda: path, lambda: self.now)

    def read(self, reader):
        with reader.read() as connection:
            connection.exec_driver_sql("SELECT 1")
        self.count += 1
        self.threads.add(threading.current_thread())
        return self.count

    def costly(self, reader):
        self.now += 10
        return self.read(reader)


@pytest.fixture
def world(tmp_path):
    Database(tmp_path / "state.db").close()
    return World(tmp_path / "state.db")


def run(world, work):
    async def go():
        try:
            return await work()
        finally:
            world.readings.close()

    return asyncio.run(go())


def test_ten_who_look_at_once_cost_one_reading_in_another_thread(world):
    async def work():
        return await asyncio.gather(*(world.readings.of("a", world.read) for _ in range(10)))

    assert run(world, work) == [1] * 10
    assert threading.main_thread() not in world.threads


def test_it_is_read_anew_after_a_while_and_for_another_question(world):
    async def work():
        found = [await world.readings.of("a", world.read), await world.readings.of("b", world.read)]
        world.now += 1.9
        found.append(await world.readings.of("a", world.read))
        world.now += 0.2
        found.append(await world.readings.of("a", world.read))
        return found

    assert run(world, work) == [1, 2, 1, 3]


def test_what_was_done_is_seen_at_once(world):
    async def work():
        before = await world.readings.of("a", world.read)
        world.readings.forget()
        return before, await world.readings.of("a", world.read)

    assert run(world, work) == (1, 2)


def test_what_costs_much_is_read_less_often(world):
    async def work():
        found = [await world.readings.of("a", world.costly)]
        world.now += 10 * TIMES_ITS_COST - 1
        found.append(await world.readings.of("a", world.costly))
        world.now += 2
        found.append(await world.readings.of("a", world.costly))
        return found

    assert run(world, work) == [1, 1, 2]


def test_a_reading_that_fails_is_not_kept(world):
    def fail(_):
        raise ValueError("no")

    async def work():
        with pytest.raises(ValueError, match="no"):
            await world.readings.of("a", fail)
        return await world.readings.of("a", world.read)

    assert run(world, work) == 1


def test_questions_without_end_do_not_fill_the_memory(world):
    async def work():
        for number in range(500):
            await world.readings.of(number, world.read)
        return len(world.readings._kept)

    assert run(world, work) <= 64
