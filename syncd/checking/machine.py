"""Checks of the machine's limits and of its clock."""

import ctypes
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.checking.findings import Finding, Kind, note, problem
from syncd.config.model import Config, DropSource
from syncd.watching import why_not_watched

LEAST_MEMORY_BYTES = 256 * 1024 * 1024
SPARE_FILES = 64
FILES_PER_SOURCE = 16
"""Folders, the file that is read, the pipes of the process that reads a workbook."""
_ABOUT = "machine"
_MEMINFO = Path("/proc/meminfo")
_CGROUPS = Path("/sys/fs/cgroup")
_TIMEX_BYTES = 512
_SYNCHRONISED_WITHIN_MICROSECONDS = 16_000_000
"""Beyond this the kernel says that nobody sets the clock: what `timedatectl` goes by too."""


def check_machine(config: Config, pid: int | None = None) -> Iterator[Finding]:
    """Look at what this machine allows. `pid`: the running daemon's, whose limits are looked at then."""
    yield from judge_open_files(_open_files_limit(pid), files_needed(config))
    memory = _memory()
    if memory is not None:
        yield from judge_memory(memory)
    yield from _watching(config)


def files_needed(config: Config) -> int:
    """Tell how many files the daemon may have open at once."""
    connections = sum(2 * channel.limits.in_flight for channel in config.channels.values())
    return SPARE_FILES + FILES_PER_SOURCE * len(config.sources) + connections


def _open_files_limit(pid: int | None) -> int:
    number = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] if pid and _is_ours(pid) else None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] if number is None else number


def _is_ours(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.geteuid() or not os.geteuid()
    except OSError:
        return False


def judge_open_files(limit: int, needed: int) -> Iterator[Finding]:
    """Judge how many files may be open."""
    if limit != resource.RLIM_INFINITY and limit < needed:
        yield problem(
            Kind.OPEN_FILES_FEW,
            _ABOUT,
            f"at most {limit:,} files may be open at once, and syncd may need {needed:,}",
            f"raise it: LimitNOFILE={needed} in the unit, `ulimit -n {needed}` in a shell",
        )


def _memory() -> int | None:
    """Tell how many bytes this process may use at most: the machine's, or its control groups' limit."""
    try:
        meminfo = _MEMINFO.read_text()
        group = Path("/proc/self/cgroup").read_text()
    except OSError:
        return None
    return memory_limit(meminfo, group, _CGROUPS)


def memory_limit(meminfo: str, group: str, cgroups: Path) -> int | None:
    """Give the least of the machine's memory (bytes) and of the limits of the process's control groups.

    `meminfo` as in /proc/meminfo, `group` as in /proc/self/cgroup, `cgroups` where these are mounted.
    """
    total = [int(line.split()[1]) * 1024 for line in meminfo.splitlines() if line.startswith("MemTotal:")]
    for line in group.splitlines():
        number, _, name = line.partition("::")
        if number != "0" or not name:
            continue
        inside = cgroups / name.lstrip("/")
        for folder in (inside, *inside.parents):
            total += _limit_in(folder / "memory.max")
            if folder == cgroups:
                break
    return min(total, default=None)


def _limit_in(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []


def judge_memory(limit: int) -> Iterator[Finding]:
    """Judge how much memory may be used (bytes)."""
    if limit < LEAST_MEMORY_BYTES:
        yield problem(
            Kind.MEMORY_SMALL,
            _ABOUT,
            f"{limit / 1e6:,.0f} MB of memory may be used; syncd may need {LEAST_MEMORY_BYTES / 1e6:,.0f} "
            "(a large workbook is read in a process of its own)",
            "raise MemoryMax= of the unit or the container's limit; export CSV instead of workbooks",
        )


def _watching(config: Config) -> Iterator[Finding]:
    folders = [
        source.path if isinstance(source, DropSource) else source.path.parent
        for source in config.sources.values()
    ]
    reason = why_not_watched([folder for folder in folders if os.access(folder, os.R_OK, effective_ids=True)])
    if reason:
        yield problem(
            Kind.WATCHES_EXHAUSTED,
            _ABOUT,
            f"changes in folders are not noticed at once ({reason}), only by looking now and then",
            "raise fs.inotify.max_user_instances and max_user_watches (sysctl), or end what uses them up",
        )


def check_clock(config: Config) -> Iterator[Finding]:
    """Look at the time zone, and whether anybody sets the clock."""
    zone = os.environ.get("TZ", "").removeprefix(":")
    if zone and not zone.startswith("/") and not _is_zone(zone):
        yield problem(
            Kind.ZONE_UNKNOWN,
            "clock",
            f"the time zone TZ={zone} is not known on this machine, and is silently taken for UTC",
            "correct TZ (such as Asia/Jakarta), or install the package tzdata",
        )
    else:
        yield from _zone(config)
    if not is_synchronised():
        yield note(
            Kind.CLOCK_NOT_SYNCHRONISED,
            "clock",
            "nobody sets this machine's clock: marketplaces refuse requests whose time is off",
            "timedatectl set-ntp true (or install chrony); `syncd check --online` measures how far it is off",
        )


def _zone(config: Config) -> Iterator[Finding]:
    offset = time.strftime("%z")
    yield Finding(Kind.CLOCK, "clock", f"time zone {time.strftime('%Z')} (UTC{offset[:3]}:{offset[3:]})")
    users = [f"[reconcile] full_at = {config.reconcile.full_at!r}"] if config.reconcile.full_at else []
    users += [
        f"[sources.{name}] timestamp"
        for name, source in config.sources.items()
        if isinstance(source, DropSource) and source.timestamp is not None
    ]
    if users and offset == "+0000":
        yield note(
            Kind.ZONE_IS_UTC,
            "clock",
            f"the time zone is UTC, and {', '.join(users)} is read in it",
            "timedatectl set-timezone Asia/Jakarta (or yours), or Environment=TZ=Asia/Jakarta in the unit",
        )


def _is_zone(name: str) -> bool:
    if any(sign in name for sign in ",0123456789<") and "/" not in name:
        return True  # POSIX's own form, such as WIB-7
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_synchronised() -> bool:
    """Tell whether the kernel has been told the time lately; True where it does not say."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        answer = ctypes.CDLL(None).adjtimex(timex)
    except (OSError, AttributeError):
        return True
    at = 3 * ctypes.sizeof(ctypes.c_long)  # behind modes, offset and freq
    error: int = ctypes.c_long.from_buffer(timex, at).value
    return answer < 0 or error < _SYNCHRONISED_WITHIN_MICROSECONDS
