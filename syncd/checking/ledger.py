"""Checks of where the ledger is kept: rights, owners, version, room."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from state.database import LOCK_SUFFIX, DatabaseError, Reader
from state.marker import MARKER_SUFFIX
from state.migrations import SchemaNewer, SchemaOlder
from syncd.checking.findings import Finding, Kind, note, problem
from syncd.checking.mounts import IN_MEMORY, NETWORK, file_system
from syncd.checking.permissions import (
    OTHERS,
    described,
    first_existing,
    may,
    may_make_in,
    this_user,
    user_name,
)
from syncd.control import LONGEST_SOCKET_PATH, socket_path

LEAST_FREE_BYTES = 200 * 1024 * 1024
LEAST_FREE_INODES = 1_000
_STATE = "state"
_BESIDE = ("", "-wal", "-shm", LOCK_SUFFIX, MARKER_SUFFIX, ".sock")


def check_ledger(path: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the state database, the files beside it and the disk below it."""
    folder = path.parent
    try:
        there = first_existing(folder)
        files = [file for suffix in _BESIDE if (file := Path(f"{path}{suffix}")).exists()]
    except PermissionError as error:
        yield problem(
            Kind.STATE_FORBIDDEN,
            _STATE,
            f"{this_user()} may not look into {Path(error.filename).parent}",
            "run this as the user that syncd runs as (as root, for the service: `sudo syncd check`)",
        )
        return
    findings = list(_rights(folder, there, files))
    findings += _socket(path, environ)
    findings += _file_system(path, there)
    findings += _room(path, there)
    if path in files and may(path, os.R_OK):
        findings += _content(path)
    findings += _set_aside(path, there)
    if not any(finding.remedy for finding in findings):
        said = f"{path}" if path in files else f"{path} will be made"
        yield Finding(Kind.STATE, _STATE, said)
    yield from findings


def _rights(folder: Path, there: Path, files: list[Path]) -> Iterator[Finding]:
    if not may_make_in(there):
        missing = f"{folder} is missing, and " if there != folder else ""
        yield problem(
            Kind.STATE_FORBIDDEN,
            _STATE,
            f"{missing}{this_user()} may not write in {there} ({described(there)})",
            f"let the user that syncd runs as own it: mkdir -p {folder} && chown USER: {folder}",
        )
        return
    for file in files:
        if not may(file, os.R_OK | os.W_OK):
            yield problem(
                Kind.STATE_FORBIDDEN,
                _STATE,
                f"{this_user()} may not write {file} ({described(file)})",
                f"run this as the user of syncd, or: chown {user_name(folder.stat().st_uid)}: {file}",
            )
    owners = {file.stat().st_uid for file in files} | ({folder.stat().st_uid} if files else set())
    if len(owners) > 1:
        names = ", ".join(
            f"{each.name or each}: {user_name(each.stat().st_uid)}" for each in (folder, *files)
        )
        yield problem(
            Kind.STATE_OWNERS_DIFFER,
            _STATE,
            f"the files in {folder} have different owners ({names}): a command ran as another user once",
            f"chown -R {user_name(folder.stat().st_uid)}: {folder}, and run commands as that user",
        )
    for file in files:
        if file.stat().st_mode & OTHERS:
            yield problem(
                Kind.STATE_READABLE,
                _STATE,
                f"other users can open {file} ({described(file)})",
                f"chmod 600 {file}",
            )


def _socket(path: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    socket = socket_path(path, environ.get("RUNTIME_DIRECTORY"))
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        yield problem(
            Kind.STATE_PATH_LONG,
            _STATE,
            f"the path {socket} is too long for the socket at which the daemon answers",
            f"keep the state in a path of less than {LONGEST_SOCKET_PATH - len('.sock')} bytes, or set "
            "RUNTIME_DIRECTORY to a short one",
        )


def _file_system(path: Path, there: Path) -> Iterator[Finding]:
    kind = file_system(there)
    if kind in NETWORK:
        yield problem(
            Kind.STATE_ON_NETWORK,
            _STATE,
            f"{path} lies on a network file system ({kind}), where SQLite's locks and its WAL do not hold",
            "keep it on a disk of this machine: set [state] url",
        )
    elif kind in IN_MEMORY:
        yield problem(
            Kind.STATE_NOT_KEPT,
            _STATE,
            f"{path} lies in memory ({kind}): at each restart of this machine everything is forgotten",
            "keep it on a disk: set [state] url",
        )


def _room(path: Path, there: Path) -> Iterator[Finding]:
    disk = os.statvfs(there)
    size = path.stat().st_size if path.exists() else 0
    yield from judge_room(
        there, free=disk.f_bavail * disk.f_frsize, size=size, inodes=disk.f_favail if disk.f_files else None
    )


def judge_room(there: Path, *, free: int, size: int, inodes: int | None) -> Iterator[Finding]:
    """Judge the room on a disk: bytes and inodes that this user may still take, and the database's size.

    `inodes` None: the file system does not count them.
    """
    needed = max(LEAST_FREE_BYTES, 2 * size)
    if free < needed:
        yield problem(
            Kind.DISK_LOW,
            _STATE,
            f"{free / 1e6:,.0f} MB are free at {there}, and syncd may need {needed / 1e6:,.0f}: without room "
            "nothing is pushed",
            "make room, or move the state to a larger disk ([state] url)",
        )
    if inodes is not None and inodes < LEAST_FREE_INODES:
        yield problem(
            Kind.INODES_LOW,
            _STATE,
            f"the file system of {there} can take only {inodes:,} more files",
            "delete what is not needed: `df -i` and `du --inodes` show where they are",
        )


def _content(path: Path) -> Iterator[Finding]:
    try:
        Reader(path).close()
    except (SchemaNewer, SchemaOlder) as error:
        what, _, remedy = str(error).partition(": ")
        report = problem if isinstance(error, SchemaNewer) else note
        yield report(Kind.STATE_OF_ANOTHER_VERSION, _STATE, what, remedy)
    except DatabaseError as error:
        yield problem(
            Kind.STATE_UNREADABLE,
            _STATE,
            f"{path} cannot be read ({error.orig})",
            "the next start of the daemon sets it aside if it is damaged, and pushes everything anew",
        )


def _set_aside(path: Path, there: Path) -> Iterator[Finding]:
    if not may(there, os.R_OK):
        return
    aside = sorted(there.glob(f"{path.name}.damaged-????????"))
    if aside:
        yield note(
            Kind.STATE_SET_ASIDE,
            _STATE,
            f"a damaged state was set aside {len(aside)} times, last as {aside[-1].name}",
            "look at the disk's health (smartctl, dmesg), then delete it",
        )
