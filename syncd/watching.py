"""The door to watchfiles: a hint that something changed in a folder. A periodic look is the truth.

Hints get lost: network shares send none, a queue runs over, and a folder that is deleted and made again is
silently watched no more. So the watch is made anew every minute, and nothing depends on it but speed.

A folder on a share that is gone answers nothing, not even whether it is there: it is asked in a thread, and
watched once it answers.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch
from watchfiles._rust_notify import RustNotify

from syncd.threads import in_thread

REARM_SECONDS: Final = 60.0
_STEP_MILLISECONDS: Final = 300
"""The watching thread wakes this often, changes or not."""
_GATHER_MILLISECONDS: Final = 600
_ANSWER_SECONDS: Final = 5.0
"""A folder that does not say within this time that it is there is left out until the watch is made anew."""


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
    probes = [_Probe(path) for path in paths]
    while not stop.is_set():
        folders = await _answering(probes)
        async with aclosing(_touched(list(folders), stop, rearm_seconds)) as batches:
            async for batch in batches:
                for folder in batch & folders.keys():
                    yield folders[folder]


class _Probe:
    """Asks a folder whether it is there; one that does not answer is not asked again meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._asking: asyncio.Task[Path | None] | None = None

    def ask(self) -> "asyncio.Task[Path | None]":
        """Give what the folder is really called; None where it is not there."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(in_thread(self._look))
        return self._asking

    def _look(self) -> Path | None:
        try:
            folder = self.path.resolve()
            return folder if folder.is_dir() else None
        except (OSError, RuntimeError):  # not ours to enter; a link to itself
            return None


async def _answering(probes: Iterable[_Probe]) -> dict[Path, Path]:
    """Give the folders that are there and say so, by their real names."""
    asked = {probe.ask(): probe.path for probe in probes}
    if not asked:
        return {}
    await asyncio.wait(asked, timeout=_ANSWER_SECONDS)
    found = {asking.result(): path for asking, path in asked.items() if asking.done()}
    return {folder: path for folder, path in found.items() if folder is not None}


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
