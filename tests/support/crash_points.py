"""Crashes found by enumeration: everything that a kill at some instant would leave, at each instant of a run.

A copy is taken before every SQL statement that may change something, before every file call, at every turn of
the event loop and at each stage of a request; copies that hold the same are one. The process that is copied goes on undisturbed: a crash
is what begins anew from the copy.
"""

import asyncio
import hashlib
import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fated_shop import FatedShop
from rig import Rig
from watched_calls import watched

IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of its own is made in it)
STATE = ("state.db", "state.db-wal", "state.db.marker")
IN_FLIGHT = (
    "SELECT l.sku, l.attempt_id, a.quantity FROM listing l JOIN attempt a ON a.id = l.attempt_id"
    " WHERE l.uncertain = 1 AND a.outcome IS NULL"
)
WRONGLY_ACCEPTED = "SELECT id, sku, quantity FROM attempt WHERE outcome = 'accepted'"
LAST_THAT_COUNTS = (
    "SELECT l.sku, l.confirmed, a.id, a.outcome, a.quantity FROM listing l JOIN attempt a ON a.id = ("
    " SELECT max(b.id) FROM attempt b WHERE b.sku = l.sku AND b.channel_id = l.channel_id"
    " AND (b.outcome IS NULL OR b.outcome IN ('accepted', 'unknown')))"
    " WHERE l.uncertain = 0 AND l.confirmed IS NOT NULL"
)
SETTLED = (
    "SELECT sku, confirmed FROM listing WHERE uncertain = 0 AND attempt_id IS NULL AND reassert_at IS NULL"
    " AND desired = confirmed"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """What a crash leaves: files with their times, the shop with what is on its way. `when`: virtual seconds."""

    what: str
    when: float
    state: tuple[tuple[str, bytes], ...]
    files: tuple[tuple[str, bytes, int], ...]
    folders: tuple[str, ...]
    shop: FatedShop

    @property
    def holds(self) -> tuple:
        """What tells copies apart: the files, what the shop shows and what is on its way."""
        return (
            self.state,
            self.files,
            self.folders,
            self.shop.stock,
            self.shop.on_the_way,
            self.shop.positives,
        )

    @property
    def said(self) -> set[str]:
        """The exports that the folder holds, wherever in it."""
        return {name for name in ("then.csv", "back.csv") for path, *_ in self.files if path.endswith(name)}

    def mark(self, scratch: Path) -> bytes:
        """The same for copies of different runs that hold the same, however SQLite keeps it."""
        digest = hashlib.blake2b(digest_size=16)
        with recovered(dict(self.state), scratch) as connection:
            digest.update("".join(connection.iterdump()).encode())
        shop = (sorted(self.shop.stock.items()), sorted(self.shop.on_the_way), sorted(self.shop.positives))
        names = [name for name, _ in self.state]
        digest.update(repr((names, self.files, self.folders, shop)).encode())
        return digest.digest()

    def restore(self, folder: Path) -> FatedShop:
        """Put the files there; return the shop as it was."""
        for name in self.folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, content in self.state:
            (folder / name).write_bytes(content)
        for name, content, modified in self.files:
            (folder / name).write_bytes(content)
            os.utime(folder / name, ns=(modified, modified))
        return self.shop.copy()


@contextmanager
def folder_in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder for many small runs: what is durable is known from the calls, the disk need not be waited for."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else otherwise) as folder:
        yield Path(folder)


@contextmanager
def recovered(state: dict[str, bytes], scratch: Path) -> Iterator[sqlite3.Connection]:
    """The database as SQLite recovers it from copied files."""
    scratch.mkdir(exist_ok=True)
    for old in scratch.iterdir():
        old.unlink()
    for name in STATE[:2]:
        if state.get(name):
            (scratch / name).write_bytes(state[name])
    with closing(sqlite3.connect(scratch / STATE[0])) as connection:
        yield connection


def state_files(folder: Path) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, (folder / name).read_bytes()) for name in STATE if (folder / name).exists())


def intents(folder: Path, scratch: Path) -> dict[str, tuple[int, int]]:
    """By SKU, the attempt and quantity that the files hold as in flight, should the process die now."""
    with recovered(dict(state_files(folder)), scratch) as connection:
        return {sku: (attempt, quantity) for sku, attempt, quantity in connection.execute(IN_FLIGHT)}


def has_listings(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'listing'").fetchone()[0])


def settled_listings(copy: Copy, scratch: Path) -> dict[str, int]:
    """By SKU what is confirmed, certain, as desired, and needs no repetition."""
    with recovered(dict(copy.state), scratch) as connection:
        return dict(connection.execute(SETTLED).fetchall()) if has_listings(connection) else {}


def false_claims(connection: sqlite3.Connection, shop: FatedShop) -> list[str]:
    """What the ledger holds for accepted or confirmed although no answer said so for that attempt."""
    wrongs = [
        f"attempt {row} is accepted, nobody said so"
        for row in connection.execute(WRONGLY_ACCEPTED)
        if row not in shop.positives
    ]
    for sku, confirmed, attempt, outcome, quantity in connection.execute(LAST_THAT_COUNTS):
        if outcome != "accepted" or quantity != confirmed or (attempt, sku, quantity) not in shop.positives:
            wrongs.append(f"{sku} is confirmed as {confirmed}, its last attempt is {outcome} with {quantity}")
    return wrongs


class CrashPoints:
    """Takes a copy at each instant of what runs inside `watching`."""

    def __init__(self, rig: Rig, shop: FatedShop):
        self.rig, self.shop = rig, shop
        self.copies: list[Copy] = []
        self.instants = Counter()
        self._looking = False
        self._last: Copy | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.at_each_turn(lambda: self.note("turn"))
        self.shop.note = self.note
        try:
            with watched(self.rig.folder, statement=self.note_statement, file_call=self.note):
                yield
                self.note("end")
        finally:
            loop.at_each_turn(lambda: None)
            self.shop.note = lambda _: None

    def note_statement(self, sql: str) -> None:
        if not sql.startswith("SELECT"):
            self.note(sql)

    def note(self, what: str) -> None:
        if self._looking:  # its own reading
            return
        self._looking = True
        self.instants[what.split(maxsplit=1)[0]] += 1
        self.shop.arrive()
        copy = take_copy(what, self.rig, self.shop)
        if self._last is None or copy.holds != self._last.holds:
            self.copies.append(copy)
            self._last = copy
        self._looking = False


def take_copy(what: str, rig: Rig, shop: FatedShop) -> Copy:
    files, folders = [], []
    for folder, _, names in os.walk(rig.folder / "inbox"):
        folders.append(os.path.relpath(folder, rig.folder))
        for name in names:
            path = Path(folder, name)
            files.append((f"{folders[-1]}/{name}", path.read_bytes(), path.stat().st_mtime_ns))
    return Copy(
        what, shop.now(), state_files(rig.folder), tuple(sorted(files)), tuple(sorted(folders)), shop.copy()
    )
