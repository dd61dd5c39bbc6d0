"""Producers that write into a watched folder in every way they know, while the real intake takes from it.

`python tests/acceptance/races.py --rounds 1000 --seed 0`. Ends with one line; exit status 1 where something
was lost, or applied that was never complete.
"""

import argparse
import asyncio
import hashlib
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from rig import SHOP, Rig

from syncd import logs

ROWS = 200
PIECES = 8
NAMES = ("stock.csv", "export.csv", "gudang.csv")
GUARD = 'guard = { max_missing = "off", max_zeroed = "off", max_drop = "off" }\n'
SOURCES = (
    f'[sources.erp]\ntype = "drop"\npath = "inbox"\nsettle = "10ms"\n{GUARD}'
    f'[sources.marked]\ntype = "drop"\npath = "marked"\nsettle = "10ms"\nmarker = ".ok"\n{GUARD}'
)
WAYS = ("renamed over", "written in place", "deleted and written anew", "marked when complete")


class Wrong(AssertionError):
    """Something was lost, or applied that was never complete."""


@dataclass
class Producer:
    """Writes one export after the other; what it completed, and what it last left under each name, by hash."""

    folder: Path
    dice: random.Random
    done: Counter = field(default_factory=Counter)
    completed: set[str] = field(default_factory=set)
    left: dict[Path, str] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    """The number of the last export of each source."""
    looks: int = 0
    _looked: threading.Condition = field(default_factory=threading.Condition)

    def see_look(self) -> None:
        """Hear that the intake has looked once more."""
        with self._looked:
            self.looks += 1
            self._looked.notify()

    def _let_look(self) -> None:
        """Wait until the intake has looked some more times, or not at all."""
        with self._looked:
            until = self.looks + self.dice.choice((0, 0, 1, 1, 2, 3))
            self._looked.wait_for(lambda: self.looks >= until)

    def run(self, rounds: int) -> None:
        for number in range(1, rounds + 1):
            way = self.dice.choice(WAYS)
            self.done[way] += 1
            source = "marked" if way == WAYS[3] else "inbox"
            self._after_a_tick()
            content = export(source, number)
            digest = hashlib.sha256(content).hexdigest()
            self.completed.add(digest)
            path = self.folder / source / (f"{number}.csv" if source == "marked" else self.dice.choice(NAMES))
            self._write(way, path, content)
            self.left[path] = digest
            self.last[source] = number
            self._let_look()

    def _write(self, way: str, path: Path, content: bytes) -> None:
        if way == WAYS[0]:
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(content)
            temporary.rename(path)
        elif way == WAYS[1]:
            with path.open("wb", buffering=0) as file:
                self._in_pieces(content, file.write)
        elif way == WAYS[2]:
            path.unlink(missing_ok=True)
            with path.open("xb", buffering=0) as file:
                self._in_pieces(content, file.write)
        else:
            self._in_pieces(content, lambda piece: append(path, piece))
            Path(f"{path}.ok").touch()

    def _in_pieces(self, content: bytes, write) -> None:
        ends = sorted(self.dice.randrange(len(content)) for _ in range(PIECES))
        for start, end in zip([0, *ends], [*ends, len(content)], strict=True):
            write(content[start:end])
            if self.dice.random() < 0.3:
                self._let_look()

    def _after_a_tick(self) -> None:
        """Files of the same tick of the kernel's clock have no order: let it pass."""
        probe = self.folder / "probe"
        probe.touch()
        before = probe.stat().st_mtime_ns
        while probe.stat().st_mtime_ns == before:
            os.utime(probe)


def append(path: Path, piece: bytes) -> None:
    with path.open("ab") as file:
        file.write(piece)


def export(source: str, number: int) -> bytes:
    """A snapshot that says its own number, and in each row that it belongs to it."""
    rows = "".join(f"{source}-{row},{number}\n" for row in range(ROWS))
    return f"sku,quantity\n{rows}".encode()


async def contend(rig: Rig, producer: Producer, rounds: int) -> None:
    """Let the intake look as often as it can while the producer writes, then until all is taken."""
    thread = threading.Thread(target=producer.run, args=(rounds,), daemon=True)
    async with rig.opened() as app:
        thread.start()
        while thread.is_alive():
            for feed in app.feeds.values():
                await feed.look()
            producer.see_look()
        thread.join()
        for feed in app.feeds.values():
            await feed.look(thoroughly=True)
            if feed.failure:
                raise Wrong(f"{feed.terms.name}: {feed.failure}")


def judge(rig: Rig, producer: Producer) -> Counter:
    """Count what became of the exports; nothing may be lost, nor applied that was never complete."""
    with closing(sqlite3.connect(rig.folder / "state.db")) as state:
        imports = state.execute("SELECT name, state, reason, sha256 FROM import").fetchall()
        stock = state.execute("SELECT sku, quantity FROM stock").fetchall()
    for name, verdict, reason, digest in imports:
        if verdict == "applied" and digest not in producer.completed:
            raise Wrong(f"{name} was applied as it never was when complete")
        if verdict not in {"applied", "unchanged", "superseded"}:
            raise Wrong(f"{name} is {verdict}: {reason}")
    expected = {f"{source}-{row}": last for source, last in producer.last.items() for row in range(ROWS)}
    if dict(stock) != expected:
        raise Wrong("the stock is not that of the last exports")
    taken = {digest for *_, digest in imports}
    for path, digest in producer.left.items():
        if digest not in taken:
            raise Wrong(f"{path.name}, as it was left last, was never taken")
    return Counter(verdict for _, verdict, *_ in imports) + count_archived(rig, producer)


def count_archived(rig: Rig, producer: Producer) -> Counter:
    kept: Counter = Counter()
    for source in ("inbox", "marked"):
        folder = rig.folder / source
        waiting = [
            entry.name for entry in [*folder.iterdir(), *(folder / ".syncd").iterdir()] if entry.is_file()
        ]
        if waiting:
            raise Wrong(f"left in {source}: {waiting}")
        for file in (folder / "archive").iterdir():
            if hashlib.sha256(file.read_bytes()).hexdigest() not in producer.completed:
                raise Wrong(f"{file.name} is in the archive as it never was when complete")
            kept["archived"] += 1
    return kept


def race(rounds: int, seed: int, folder: Path) -> str:
    """Run rounds; say in one line what was done and seen."""
    rig = Rig(folder, SOURCES + SHOP)
    rig.blocking = asyncio.to_thread
    (folder / "marked").mkdir()
    producer = Producer(folder, random.Random(seed))
    started = time.monotonic()
    asyncio.run(contend(rig, producer, rounds))
    kept = judge(rig, producer)
    ways = ", ".join(f"{way}: {producer.done[way]}" for way in WAYS)
    counts = " ".join(f"{what}={count}" for what, count in sorted(kept.items()))
    return f"passed rounds={rounds} ({ways}) looks={producer.looks} {counts} in {time.monotonic() - started:.1f}s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1_000, help="exports written (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the producer's dice (%(default)s)")
    given = parser.parse_args()
    logs.configure("json", "error", stream=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(race(given.rounds, given.seed, Path(folder)))
        except Wrong as error:
            print(f"FAILED seed {given.seed}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
