"""The door to watchfiles: a hint that something changed in a folder. A periodic look is the truth.

Hints get lost: network shares send none, a queue runs over, and a folder that is deleted and made again is
silently watched no more. So the watch is made anew every minute, and nothing depends on it but speed.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch
from watchfiles._rust_notify import RustNotify

REARM_SECONDS: Final = 60.0
_STEP_MILLISECONDS: Final = 300
"""The watching thread wakes this often, changes or not."""
_GATHER_MILLISECONDS: Final = 600


class _Stop:
    """What watchfiles looks at to end, and sets where it is cancelled: that must not reach our own event."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._cancelled = False

    def is_set(self) -> bool:
        """Asked by the watching thread."""
        return self._cancelled or self._stop.is_set()

    def set(self) -> None:
        """Called where the watching is cancelled."""
        self._cancelled = True


async def folder_hints(
    paths: Iterable[Path], stop: asyncio.Event, *, rearm_seconds: float = REARM_SECONDS
) -> AsyncGenerator[Path, None]:
    """Each of `paths` (folders) in which something was made or changed, as it happens, until `stop` is set.

    Folders inside them are not looked into. A folder that is missing, or cannot be watched, is tried again
    whenever the watch is made anew.
    """
    folders = {path.resolve(): path for path in paths}
    while not stop.is_set():
        there = [folder for folder in folders if folder.is_dir()]
        async with aclosing(_touched(there, stop, rearm_seconds)) as batches:
            async for batch in batches:
                for folder in batch & folders.keys():
                    yield folders[folder]


async def _touched(
    folders: list[Path], stop: asyncio.Event, seconds: float
) -> AsyncGenerator[set[Path], None]:
    """The folders that changes lie in, batch by batch, for about so many seconds."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    if folders:
        changes = awatch(
            *folders,
            watch_filter=_is_arrival,
            debounce=_GATHER_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            stop_event=_Stop(stop),
            rust_timeout=int(seconds * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        with suppress(OSError, RuntimeError):  # deleted meanwhile, no watches left, the watcher's own
            async with aclosing(changes) as batches:
                async for batch in batches:
                    yield {Path(path).parent for _, path in batch}
                    if clock() >= end:
                        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, end - clock()))


def _is_arrival(change: Change, _path: str) -> bool:
    return change is not Change.deleted


def why_not_watched(folders: Iterable[Path]) -> str:
    """Tell why the system would not watch these folders (which exist) now; "" where it would."""
    try:
        watcher = RustNotify([str(path) for path in folders], False, False, 0, False, False)
    except (OSError, RuntimeError) as error:  # the watcher raises one of its own for what it cannot name
        return str(error).split(" about ")[0].rstrip(".")  # behind that stand its own structures
    watcher.close()
    return ""
