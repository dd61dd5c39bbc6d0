"""A source that does not answer costs itself only: not a command, a start, an end, nor the others."""

import asyncio
import sqlite3

import pytest
from rig import DROP, SHOP, Rig
from virtual_time import inline, run_virtually

from syncd.catching_up import CATCH_UP_PATIENCE_SECONDS
from syncd.errors import StateBehind
from syncd.feeds import SILENT_SECONDS
from syncd.housekeeping import LONGEST_DELETING_SECONDS, Housekeeping
from syncd.threads import LEAVE_SECONDS


class Hanging:
    """Threads that hang as long as `gate` is closed, but those that look after plans: they read no source."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once = self._at_once = 0

    async def __call__(self, function):
        if getattr(function, "__qualname__", "").startswith("Planner."):
            return await inline(function)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.gate.wait()
            return await inline(function)
        finally:
            self._at_once -= 1


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "site")


def _story(rig, story):
    async def told():
        rig.blocking = Hanging()
        return await story(rig.blocking.gate, asyncio.get_running_loop().time)

    return run_virtually(told())


def test_a_reconcile_ends_and_names_the_source_and_the_next_one_is_well(rig):
    async def story(gate, now):
        async with rig.opened():
            gate.clear()
            rig.drop({"A": 3})
            began = now()
            silent = await rig.reconcile()
            seconds = now() - began
            failing = rig.ask("SELECT failure FROM source")
            gate.set()
        return silent, seconds, failing, await rig.open_and_reconcile()

    silent, seconds, failing, well = _story(rig, story)

    assert "stands still" in silent.failing_sources["erp"]
    assert not silent.ok
    assert SILENT_SECONDS <= seconds < SILENT_SECONDS + LEAVE_SECONDS + 5
    assert "stands still" in failing
    assert well.ok
    assert rig.shown() == {"A": 3}
    assert rig.ask("SELECT failure FROM source") == ""


def test_its_thread_is_alone_however_often_it_is_looked_at(rig):
    async def story(gate, _):
        async with rig.opened():
            gate.clear()
            rig.drop({"A": 3})
            for _ in range(3):
                await rig.reconcile()
            most = rig.blocking.most_at_once
            gate.set()
            await rig.look()
            return most

    assert _story(rig, story) == 1
    assert rig.ask("SELECT quantity FROM stock") == 3


def test_a_start_goes_on_without_it_and_pushes_what_is_due(rig):
    async def story(gate, now):
        async with rig.opened():
            rig.drop({"A": 3})
            await rig.look()
        gate.clear()
        began = now()
        async with rig.running():
            seconds = now() - began
            await asyncio.sleep(5)
            shown = rig.shown()
            began = now()
        return seconds, shown, now() - began

    opening, shown, closing = _story(rig, story)

    assert opening < CATCH_UP_PATIENCE_SECONDS + LEAVE_SECONDS + 5
    assert shown == {"A": 3}
    assert closing < LEAVE_SECONDS + 5


def test_an_older_copy_of_the_state_is_not_asserted_without_it(rig):
    async def story(gate, _):
        async with rig.opened():
            rig.drop({"A": 3})
            await rig.look()
            rig.copy_state()
        async with rig.opened():
            rig.drop({"A": 1})
            await rig.look()
        rig.restore_state(marker=False)
        gate.clear()
        with pytest.raises(StateBehind, match="stands still"):
            await rig.open_and_look()

    _story(rig, story)
    assert rig.shown() == {}


def test_housekeeping_of_the_state_is_done_all_the_same(rig):
    rig.configure(DROP.replace("settle", 'retention = "1d"\nsettle') + SHOP)

    async def story(gate, now):
        async with rig.opened() as app:
            await rig.look()
            gate.clear()
            began = now()
            await Housekeeping(app).keep()
            return now() - began

    assert _story(rig, story) < LONGEST_DELETING_SECONDS + 5
    assert rig.ask("SELECT count(*) FROM meta WHERE key LIKE '%kept%'") == 1


def test_what_a_thread_left_behind_reads_with_is_not_closed_under_it(rig, monkeypatch):
    """The connection that compares an import is still open after the look was given up."""
    closed = []
    real = sqlite3.connect

    class Watched(sqlite3.Connection):
        def close(self):
            closed.append(self)
            super().close()

    monkeypatch.setattr("state.dialect.sqlite3.connect", lambda *a, **k: real(*a, factory=Watched, **k))

    async def story(gate, _):
        async with rig.opened():
            rig.drop({"A": 3})
            compare = rig.app.feeds["erp"]._intake._compare

            def stuck(*given):
                gate.clear()
                return compare(*given)

            rig.app.feeds["erp"]._intake._compare = stuck
            look = asyncio.create_task(rig.look())
            await asyncio.sleep(30)
            before = len(closed)
            look.cancel()
            await asyncio.wait([look])
            return len(closed) - before

    assert _story(rig, story) == 0
