"""What `syncd check` looks at on this machine. Nothing is changed."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.discovery import name_conflicts
from state.dialect import has_wal_reset_fault
from syncd.config.model import Config, DropSource, SqliteSource
from syncd.made import drop_folder
from syncd.sources.database import DatabaseSource
from syncd.sources.folders import OWN_FOLDERS
from syncd.sources.rows import NothingKnown, ReadReport, SourceUnreachable, SourceUnreadable

OTHERS = 0o077
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what is to say of it; `problem` is empty where all is well."""

    what: str
    said: str = ""
    problem: str = ""


def check_installation() -> Iterator[Finding]:
    """Look at what syncd runs on."""
    for conflict in name_conflicts():
        yield Finding("installation", problem=f"{conflict}: install syncd into an environment of its own")
    version = sqlite3.sqlite_version_info
    known = "; it has a known fault that needs two writers at once, which syncd never has"
    yield Finding(
        "installation",
        said=f"SQLite {sqlite3.sqlite_version}{known if has_wal_reset_fault(version) else ''}",
    )


def check_state(config: Config) -> Iterator[Finding]:
    """Look at where the ledger is kept."""
    path = config.state.path
    folder = path.parent
    if not folder.exists():
        parent = next(each for each in folder.parents if each.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding("state", said=f"{folder} will be made")
        else:
            yield Finding(
                "state", problem=f"{folder} is missing, and {parent} does not let this user make it"
            )
        return
    if not _can_write(folder):
        yield Finding("state", problem=f"this user cannot write in {folder}: give it to the user of syncd")
    elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield Finding(
            "state", problem=f"this user cannot write {path}: run as the user of syncd, or chown it"
        )
    elif path.exists() and path.stat().st_mode & OTHERS:
        yield Finding("state", problem=f"other users can read {path}: chmod 600 {path}")
    else:
        yield Finding("state", said=f"{path}" if path.exists() else f"{path} will be made")


def _can_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_sources(config: Config) -> Iterator[Finding]:
    """Look at each source, as it would be read."""
    for name, source in config.sources.items():
        what = f"source {name}"
        try:
            said = _check_folder(source) if isinstance(source, DropSource) else _check_query(source)
        except SourceUnreadable as trouble:
            yield Finding(what, problem=str(trouble))
        else:
            yield Finding(what, said=said)


def _check_folder(source: DropSource) -> str:
    """Look whether files could be taken from the folder. Makes none: one of root's would be in the way."""
    if not source.path.exists():
        parent = next(each for each in source.path.parents if each.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            raise SourceUnreachable(f"{source.path} is missing, and this user cannot make it in {parent}")
        return f"{source.path} will be made"
    for folder in (source.path, *(source.path / name for name in OWN_FOLDERS)):
        if folder.is_symlink() and folder != source.path:
            raise SourceUnreachable(f"{folder} is a link: syncd moves files into real folders only")
        if folder.exists() and not _can_write(folder):
            raise SourceUnreachable(
                f"{folder}: files cannot be moved in or out: give this user the right to write there"
            )
        if folder.exists() and folder.stat().st_dev != source.path.stat().st_dev:
            raise SourceUnreachable(
                f"{folder} is on another file system than {source.path}: keep both on one"
            )
    scan = drop_folder(source).scan(0.0)
    said = [f"{source.path}: {len(scan.ready) + len(scan.settling) + scan.beyond:,} files wait"]
    said += [f"left alone: {one.name} ({one.reason})" for one in scan.left_alone[:MOST_NAMED]]
    return "; ".join(said)


def _check_query(source: SqliteSource) -> str:
    """Run the query to its end."""
    database = DatabaseSource(source.path, source.query)
    report = ReadReport()
    try:
        rows = sum(1 for _ in database.rows(NothingKnown(), report))
    finally:
        database.close()
    if report.bad_rows:
        first = report.bad_rows[0]
        raise SourceUnreadable(
            f"{source.path}: {report.bad:,} of {report.rows:,} rows are bad; the first is row {first.line},"
            f" {first.column} {first.value}: {first.reason}"
        )
    return f"{source.path}: the query gives {rows:,} rows"
