"""Clocks that jump: the machine's, and those of whoever wrote a file."""

import asyncio
from datetime import datetime

import pytest
from rig import Rig
from virtual_time import EPOCH, run_virtually

from syncd.clock import Clock
from syncd.scheduler import Schedule

YEAR = 365 * 86_400
SEVEN_HOURS = 7 * 3600


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


def test_a_file_from_the_future_does_not_outdate_those_that_follow(rig):
    async def story():
        await rig.bring({"A": 5})
        rig.drop({"A": 4}, at=EPOCH + 5 * YEAR)
        await rig.open_and_reconcile()
        assert rig.shown() == {"A": 4}
        await asyncio.sleep(3600)
        rig.drop({"A": 0}, at=EPOCH + 3600)
        await rig.open_and_reconcile()

    run_virtually(story())

    assert rig.shown() == {"A": 0}


class _Wall:
    """The wall clock, in steps of virtual time; `apscheduler` reads it by itself."""

    def __init__(self):
        self.offset = 0.0

    def time(self):
        return EPOCH + self.offset + asyncio.get_running_loop().time()

    def now(self, tz=None):
        return datetime.fromtimestamp(self.time(), tz)


@pytest.fixture
def wall(monkeypatch):
    one = _Wall()

    class Datetime(datetime):
        @classmethod
        def now(cls, tz=None):
            return one.now(tz)

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Datetime)
    monkeypatch.setattr("apscheduler.triggers.interval.datetime", Datetime)
    return one


@pytest.mark.parametrize("jump", [-SEVEN_HOURS, 0, SEVEN_HOURS])
def test_what_is_done_every_so_often_goes_on_when_the_clock_is_set(wall, jump):
    done = []

    async def story():
        loop = asyncio.get_running_loop()

        async def work():
            done.append(loop.time())

        schedule = Schedule(Clock(wall.time, loop.time))
        schedule.every(10, work, "look")
        schedule.start()
        await asyncio.sleep(63)
        wall.offset = jump
        await asyncio.sleep(57)
        schedule.stop()

    run_virtually(story())

    assert max(later - earlier for earlier, later in zip([0, *done], [*done, 120], strict=True)) <= 16
