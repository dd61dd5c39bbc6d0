"""Checks of the sources: each as the daemon would read it, but nothing is moved and nothing made."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from state.database import DatabaseError, Reader, StateMissing
from state.import_details import newest_notes
from state.migrations import SchemaNewer, SchemaOlder
from syncd.checking.findings import Finding, Kind, note, problem, problem_in_words
from syncd.checking.mounts import NETWORK, file_system
from syncd.checking.permissions import described, first_existing, may, may_make_in, this_user
from syncd.config.model import DropSource, SourceConfig, SqliteSource
from syncd.intake import CLAIMED
from syncd.made import drop_folder
from syncd.sources.database import DatabaseSource
from syncd.sources.folders import OWN_FOLDERS
from syncd.sources.rows import NothingKnown, ReadReport, SourceUnreadable

MOST_NAMED = 3
_WAL_BYTE = 18
"""Where the header of an SQLite database says 2 for the WAL mode."""
_WAL = 2


def check_source(name: str, source: SourceConfig) -> Iterator[Finding]:
    """Look at one source."""
    about = f"source {name}"
    try:
        yield from _folder(about, source) if isinstance(source, DropSource) else _database(about, source)
    except SourceUnreadable as trouble:
        yield problem_in_words(
            Kind.SOURCE_UNUSABLE, about, str(trouble), f"see to {source.path}, then run this again"
        )
    except PermissionError as error:
        yield problem(
            Kind.SOURCE_FOLDER_FORBIDDEN,
            about,
            f"{this_user()} may not look into {error.filename}",
            "let the user that syncd runs as enter every folder on the way there (chmod o+x, or an ACL)",
        )


def check_overlaps(state: Path) -> Iterator[Finding]:
    """Look whether sources last said stock of the same SKU and location: the second is refused."""
    try:
        with closing(Reader(state)) as reader, reader.read() as connection:
            found = newest_notes(connection, CLAIMED)
    except (DatabaseError, StateMissing, SchemaOlder, SchemaNewer, sqlite3.Error, OSError):
        return  # which the checks of the ledger tell
    for source, import_id, notes in found:
        said = next(line for line in notes.splitlines() if CLAIMED in line)
        what, _, _ = said.partition(": ")
        yield problem(
            Kind.SOURCES_OVERLAP,
            f"source {source}",
            f"of import {import_id}, {what}: what both say is taken from one of them only",
            'if each is the export of one warehouse, say which: location = "JKT"; else leave those SKUs to'
            " one of them",
        )


def _folder(about: str, source: DropSource) -> Iterator[Finding]:
    path = source.path
    there = first_existing(path)
    if there != path:
        if may_make_in(there):
            yield Finding(Kind.SOURCE, about, f"{path} will be made")
        else:
            yield problem(
                Kind.SOURCE_FOLDER_FORBIDDEN,
                about,
                f"{path} is missing, and {this_user()} cannot make it in {there} ({described(there)})",
                f"mkdir -p {path}, and let the user that syncd runs as write there (chown or chgrp)",
            )
        return
    findings = [*_own_folders(about, path), *_openness(about, path)]
    if not findings:
        findings += _waiting(about, source)
    if (kind := file_system(path)) in NETWORK:
        findings.append(
            note(
                Kind.SOURCE_ON_NETWORK,
                about,
                f"{path} is a network share ({kind}): changes made elsewhere are not told, so the folder is "
                f"looked through every {source.scan:g} s",
                "nothing, or a smaller `scan`; let whoever writes there rename a file when it is complete",
            )
        )
    yield from findings


def _own_folders(about: str, path: Path) -> Iterator[Finding]:
    """Look whether files could be moved. Makes none: one of root's would be in the way."""
    for folder in (path, *(path / name for name in OWN_FOLDERS)):
        if folder.is_symlink() and folder != path:
            yield problem(
                Kind.SOURCE_FOLDERS_APART,
                about,
                f"{folder} is a link: syncd moves files into real folders only",
                f"remove the link; to keep old files elsewhere, let {path} itself lie there",
            )
        elif folder.exists() and not (may_make_in(folder) and may(folder, os.R_OK)):
            yield problem(
                Kind.SOURCE_FOLDER_FORBIDDEN,
                about,
                f"{this_user()} cannot move files in or out of {folder} ({described(folder)})",
                f"let the user that syncd runs as read and write {folder} (chgrp and chmod g+rwx)",
            )
        elif folder.exists() and folder.stat().st_dev != path.stat().st_dev:
            yield problem(
                Kind.SOURCE_FOLDERS_APART,
                about,
                f"{folder} is on another file system than {path}: a file cannot be moved there in one step",
                "keep both on one file system",
            )


def _openness(about: str, path: Path) -> Iterator[Finding]:
    status = path.stat()
    mode, mine = status.st_mode, status.st_uid == os.geteuid()
    if mode & stat.S_ISVTX and not mine and os.geteuid():
        yield problem(
            Kind.SOURCE_FOLDER_STICKY,
            about,
            f"{path} has the sticky bit: {this_user()} may not move the files that others put there",
            f"chmod -t {path}, or let the user that syncd runs as own it",
        )
    if mode & stat.S_IWOTH:
        yield problem(
            Kind.SOURCE_FOLDER_OPEN,
            about,
            f"every user of this machine may put stock files into {path} ({described(path)})",
            f"chmod o-w {path}; let those who write there share its group (chmod g+ws)",
        )
    elif mode & stat.S_IWGRP and not mode & stat.S_ISGID:
        yield note(
            Kind.SOURCE_GROUP_NOT_PASSED_ON,
            about,
            f"files that others put into {path} get their own group, and syncd may not be able to read them",
            f"chmod g+s {path}",
        )


def _waiting(about: str, source: DropSource) -> Iterator[Finding]:
    """Tell which files wait, and which of them cannot be read."""
    scan = drop_folder(source).scan(0.0)
    waiting = len(scan.ready) + len(scan.settling) + scan.beyond
    said = [f"{source.path}: {waiting:,} {'file waits' if waiting == 1 else 'files wait'}"]
    said += [f"left alone: {one.name} ({one.reason})" for one in scan.left_alone[:MOST_NAMED]]
    yield Finding(Kind.SOURCE, about, "; ".join(said))
    closed = [
        path
        for one in (*scan.ready, *scan.settling)
        if (path := source.path / one.entry).exists() and not may(path, os.R_OK)
    ]
    if closed:
        yield problem(
            Kind.SOURCE_FILES_UNREADABLE,
            about,
            f"{this_user()} cannot read {len(closed):,} of them: {closed[0].name} ({described(closed[0])})",
            f"give the folder's group to all that is put there: chmod g+s {source.path}, and umask 0027 for "
            "whoever writes; those that are there: chgrp and chmod g+r",
        )


def _database(about: str, source: SqliteSource) -> Iterator[Finding]:
    """Run the query to its end."""
    database = DatabaseSource(source.path, source.query, location=source.location or "")
    report = ReadReport()
    try:
        rows = sum(1 for _ in database.rows(NothingKnown(), report))
    finally:
        database.close()
    if report.bad_rows:
        first = report.bad_rows[0]
        yield problem(
            Kind.SOURCE_ROWS_BAD,
            about,
            f"{source.path}: {report.bad:,} of {report.rows:,} rows are bad; the first is row {first.line},"
            f" {first.column} {first.value}: {first.reason}",
            "correct them in the other program, or leave them out in `query`",
        )
    else:
        yield Finding(Kind.SOURCE, about, f"{source.path}: the query gives {rows:,} rows")
    yield from _journal(about, source.path)


def _journal(about: str, path: Path) -> Iterator[Finding]:
    in_wal_mode = _is_in_wal_mode(path)
    if in_wal_mode and not (may_make_in(path.parent) and may(path, os.W_OK)):
        yield problem(
            Kind.SOURCE_WAL_FOLDER,
            about,
            f"{path} is in WAL mode, and {this_user()} may not write in {path.parent}: once the other "
            "program has closed it, it cannot be read",
            "let the user that syncd runs as write the file and its folder (syncd changes no content); "
            "under systemd, name the folder in ReadWritePaths=",
        )
    if (kind := file_system(path)) in NETWORK:
        report = problem if in_wal_mode else note
        yield report(
            Kind.SOURCE_ON_NETWORK,
            about,
            f"{path} lies on a network file system ({kind})"
            + (", where WAL mode does not work between machines" if in_wal_mode else ""),
            "let the other program write an export into a drop folder, or run syncd on its machine",
        )


def _is_in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_WAL_BYTE + 1)[_WAL_BYTE:] == bytes([_WAL])


def is_written_in(source: SourceConfig) -> bool:
    """Tell whether the daemon must write where the source lies: in a drop folder, and beside a WAL."""
    try:
        return isinstance(source, DropSource) or _is_in_wal_mode(source.path)
    except OSError:
        return False
