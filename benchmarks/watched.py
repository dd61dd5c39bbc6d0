"""What a process uses, as Linux tells it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory in MiB; CPU in seconds, and wake-ups, of all threads since the start."""

    resident: float
    peak: float
    descriptors: int
    threads: int
    cpu: float
    wakeups: int


def usage_of(pid: int) -> Usage:
    """Look at a process."""
    folder = Path(f"/proc/{pid}")
    status = _fields(folder / "status")
    # The name of a process, in brackets, may hold spaces.
    stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    threads = list(_threads(folder))
    return Usage(
        resident=_kib(status["VmRSS"]) / KIB,
        peak=_kib(status["VmHWM"]) / KIB,
        descriptors=len(list((folder / "fd").iterdir())),
        threads=len(threads),
        cpu=(int(stat[11]) + int(stat[12])) / TICKS_PER_SECOND,
        wakeups=sum(int(thread["voluntary_ctxt_switches"]) for thread in threads),
    )


def _threads(folder: Path) -> Iterator[dict[str, str]]:
    for thread in (folder / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            yield _fields(thread / "status")


def _fields(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _kib(text: str) -> int:
    return int(text.split(maxsplit=1)[0])
