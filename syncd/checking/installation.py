"""Checks of what syncd runs on: who claims its names, SQLite, the user."""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from connectors.discovery import OUR_IMPORT_NAMES, name_conflicts
from state.database import Database, DatabaseError
from state.dialect import KNOWN_FAULTS
from syncd.checking.findings import Finding, Kind, note, problem
from syncd.checking.permissions import ROOT, user_name

_ABOUT = "installation"
_OF_THE_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def check_installation(state: Path, service_user: str = "") -> Iterator[Finding]:
    """Look at what syncd runs on. `state`: the state database; `service_user` as the unit names it."""
    yield from _names()
    yield from check_sqlite()
    if os.geteuid() == ROOT:
        yield from _root(state, service_user)


def _names() -> Iterator[Finding]:
    for conflict in name_conflicts():
        yield problem(
            Kind.NAME_CLAIMED,
            _ABOUT,
            f"{conflict}: one overwrites the other",
            "install syncd into an environment of its own (docs/systemd.md)",
        )
    for name in OUR_IMPORT_NAMES:
        for place in other_places(name, sys.path):
            yield note(
                Kind.NAME_HIDDEN,
                _ABOUT,
                f"{place} is named like syncd's own package {name!r}, and hides it where it comes first",
                "unset PYTHONPATH, or set PYTHONSAFEPATH=1 and start `syncd` from another folder",
            )


def other_places(name: str, path: list[str]) -> list[str]:
    """Tell which modules of this name lie on `path` beside the one that is in use.

    A folder without `__init__.py` is none: any real package is found before it.
    """
    used = getattr(sys.modules.get(name), "__file__", None)
    found = []
    for folder in dict.fromkeys(path):
        spec = PathFinder.find_spec(name, [folder or str(Path.cwd())])
        if spec is None or spec.origin is None or used is None:
            continue
        if not Path(spec.origin).samefile(used):
            found.append(spec.origin)
    return found


def _make_ledger(path: Path) -> None:
    Database(path).close()


def check_sqlite(make_ledger: Callable[[Path], None] = _make_ledger) -> Iterator[Finding]:
    """Let a trial ledger be made in the temporary folder, and name the known faults of this SQLite."""
    version = sqlite3.sqlite_version
    try:
        with tempfile.TemporaryDirectory(prefix="syncd-check-") as folder:
            make_ledger(Path(folder) / "trial.db")
    except (DatabaseError, sqlite3.Error, OSError) as error:
        said = getattr(error, "orig", error)
        if isinstance(error, OSError) or getattr(said, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            yield problem(
                Kind.TEMPORARY_FOLDER_UNUSABLE,
                _ABOUT,
                f"nothing can be written in the temporary folder ({said})",
                "make room in /tmp, or set TMPDIR to a folder that this user may write",
            )
        else:
            yield problem(
                Kind.SQLITE_UNFIT,
                _ABOUT,
                f"SQLite {version} cannot hold the ledger ({said})",
                "use a Python with a newer SQLite that is compiled as usual (any current distribution's)",
            )
        return
    yield Finding(Kind.SQLITE, _ABOUT, f"SQLite {version}: a trial ledger was made and removed")
    for fault in KNOWN_FAULTS:
        if fault.concerns(sqlite3.sqlite_version_info):
            said = f"a known fault of it ({fault.name}; mended in {fault.mended}) does not concern syncd"
            yield Finding(Kind.SQLITE_KNOWN_FAULT, _ABOUT, f"{said}: it {fault.needs}")


def _root(state: Path, service_user: str) -> Iterator[Finding]:
    owner = service_user
    try:
        there = state if state.exists() else state.parent
        owner = owner or user_name(there.stat().st_uid)
    except OSError:
        pass
    owner = owner if owner and owner != user_name(ROOT) else "USER"
    yield note(
        Kind.RUN_AS_ROOT,
        _ABOUT,
        "this runs as root, whom no permission binds: what is said of permissions holds for root only",
        f"run it as the user that syncd runs as: runuser -u {owner} -- syncd check",
    )
