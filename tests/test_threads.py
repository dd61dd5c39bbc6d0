"""What blocks runs apart: what hangs takes nothing from others, and is closed under nobody."""

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest
from virtual_time import run_virtually

from syncd.threads import LEAVE_SECONDS, LeftBehind, in_thread, lent, see_out

SAYS = contextvars.ContextVar("SAYS", default="")


class Tool:
    closed = False

    def close(self):
        self.closed = True


def test_a_thread_gives_what_the_function_gives_or_raises_and_knows_what_the_caller_was_bound_to():
    async def story():
        SAYS.set("erp")
        found = await in_thread(SAYS.get)
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)
        return found, await in_thread(threading.current_thread)

    said, thread = asyncio.run(story())

    assert said == "erp"
    assert thread is not threading.main_thread()


def test_what_hangs_takes_no_thread_from_others():
    async def story():
        gate = threading.Event()
        hanging = [asyncio.ensure_future(in_thread(gate.wait)) for _ in range(100)]
        await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(in_thread(lambda: "done"), 20)
        finally:
            gate.set()
            await asyncio.gather(*hanging)

    assert asyncio.run(story()) == "done"


def test_what_hangs_does_not_keep_the_process_from_ending():
    program = (
        "import asyncio, threading\n"
        "from syncd.threads import in_thread\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(in_thread(threading.Event().wait))\n"
        "    await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
    )

    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


def test_a_thread_that_ends_late_after_its_loop_is_closed_harms_nobody():
    gate, ended = threading.Event(), threading.Event()

    def work():
        gate.wait()
        ended.set()

    async def story():
        left = asyncio.ensure_future(in_thread(work))
        await asyncio.sleep(0)
        return left

    assert asyncio.run(story()).cancelled()
    gate.set()
    assert ended.wait(10)


async def _cancelled_while_at_work(tool, ends_when_interrupted, *, told_again=False):
    """Cancel who waits for a thread; give how long that took, and what it ended with."""
    ended = asyncio.get_running_loop().create_future()
    ended_with = None

    def interrupt():
        if ends_when_interrupted:
            ended.set_result(None)

    async def wait():
        nonlocal ended_with
        try:
            with lent(tool):
                await see_out(ended, interrupt)
        except asyncio.CancelledError as error:
            ended_with = type(error)
            raise

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    began = asyncio.get_running_loop().time()
    waiting.cancel()
    if told_again:
        await asyncio.sleep(1)
        waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    return asyncio.get_running_loop().time() - began, ended_with


def test_who_is_cancelled_waits_for_a_thread_that_can_be_interrupted_and_then_closes():
    tool = Tool()
    seconds, ended_with = run_virtually(_cancelled_while_at_work(tool, ends_when_interrupted=True))

    assert (seconds, ended_with, tool.closed) == (0.0, asyncio.CancelledError, True)


@pytest.mark.parametrize("told_again", [False, True])
def test_a_thread_that_does_not_end_is_left_behind_with_what_it_works_with(told_again):
    tool = Tool()
    seconds, ended_with = run_virtually(
        _cancelled_while_at_work(tool, ends_when_interrupted=False, told_again=told_again)
    )

    assert seconds == (1.0 if told_again else LEAVE_SECONDS)
    assert (ended_with, tool.closed) == (LeftBehind, False)


def test_what_was_lent_is_closed_where_all_ends_well_and_where_it_fails():
    well, failed = Tool(), Tool()
    with lent(well):
        assert not well.closed
    with pytest.raises(ValueError, match="no"), lent(failed):
        raise ValueError("no")

    assert well.closed
    assert failed.closed
