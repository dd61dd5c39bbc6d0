import asyncio
import contextlib

import pytest

from syncd.watching import folder_hints

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def hints_of(*paths, rearm_seconds=60.0):
    stop = asyncio.Event()
    found = asyncio.Queue()

    async def collect():
        async for path in folder_hints(paths, stop, rearm_seconds=rearm_seconds):
            found.put_nowait(path)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(collect())
        yield found
        stop.set()


async def hint_after(found, change):
    """The first hint; the change is made over and over, as nobody can say when the watching has begun."""
    while True:
        change()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(found.get(), 1)


async def test_a_change_in_a_folder_is_hinted_at_by_the_path_that_was_given(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with hints_of(tmp_path / "a", tmp_path / "a" / ".." / "b") as found:
        assert (
            await hint_after(found, lambda: (tmp_path / "b" / "x.csv").write_text("x"))
            == tmp_path / "a" / ".." / "b"
        )


async def test_a_missing_folder_is_waited_for(tmp_path):
    def change():
        (tmp_path / "later").mkdir(exist_ok=True)
        (tmp_path / "later" / "x.csv").write_text("x")

    async with hints_of(tmp_path / "later", rearm_seconds=0.2) as found:
        assert await hint_after(found, change) == tmp_path / "later"


async def test_a_folder_that_is_deleted_and_made_again_is_watched_again(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()

    def write():
        folder.mkdir(exist_ok=True)
        (folder / "x.csv").write_text("x")

    async with hints_of(folder, rearm_seconds=0.5) as found:
        await hint_after(found, write)
        (folder / "x.csv").unlink()
        folder.rmdir()
        while not found.empty():
            found.get_nowait()
        assert await hint_after(found, write) == folder


async def test_no_folder_at_all_is_no_error(tmp_path):
    async with hints_of(tmp_path / "never"):
        pass


async def test_cancelling_does_not_touch_the_event_that_others_share(tmp_path):
    stop = asyncio.Event()

    async def collect():
        async for _ in folder_hints([tmp_path], stop):
            watching.set()

    watching = asyncio.Event()
    task = asyncio.create_task(collect())
    while not watching.is_set():
        (tmp_path / "x").write_text("x")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watching.wait(), 0.5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not stop.is_set()
