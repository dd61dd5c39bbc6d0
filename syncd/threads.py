"""Threads for what blocks: files, folders and databases, which may hang for as long as they like.

Each call has a thread of its own, that nothing waits for when the process ends. So what hangs takes no
thread away, and keeps nobody from stopping.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import Protocol, TypeVar

T = TypeVar("T")
LEAVE_SECONDS = 10.0
"""So long an interrupted thread may take to end; then it is left behind."""


class Blocking(Protocol):
    """Runs a function that blocks where it does not hold up the event loop."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Return what the function returns."""
        ...


class Closable(Protocol):
    """Something that a thread works with."""

    def close(self) -> None:
        """Let go of it; no thread may be at work with it."""
        ...


C = TypeVar("C", bound=Closable)


class LeftBehind(asyncio.CancelledError):
    """Cancelled, but the thread did not end in time: what it works with must not be closed."""


async def in_thread(function: Callable[[], T]) -> T:
    """Run what blocks in a thread; where this is cancelled, the thread goes on alone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()
    context = copy_context()

    def run() -> None:
        try:
            settle = partial(ended.set_result, context.run(function))
        except BaseException as fault:  # noqa: BLE001 (whatever it is, it belongs to whoever waits)
            settle = partial(ended.set_exception, fault)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if ended.done() else settle())

    Thread(target=run, name=f"blocking {getattr(function, '__name__', '')}", daemon=True).start()
    return await ended


async def see_out(work: Awaitable[T], interrupt: Callable[[], None]) -> T:
    """Await what a thread does to a database; where this is cancelled, interrupt it and wait for its end.

    To close a database that a thread is using would end the process. Raises `LeftBehind` where the thread
    does not end in time.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        interrupt()
        with suppress(asyncio.CancelledError):  # told again: it ends as cancelled in any case
            await asyncio.wait([task], timeout=LEAVE_SECONDS)
        if not task.done() or task.cancelled():
            raise LeftBehind from None
        task.exception()
        raise


@contextmanager
def lent(tool: C) -> Iterator[C]:
    """Close `tool` at the end, unless a thread that was left behind still works with it."""
    try:
        yield tool
    except LeftBehind:
        raise
    except BaseException:
        tool.close()
        raise
    else:
        tool.close()
