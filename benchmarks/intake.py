"""What a snapshot costs beside what others need for the same.

Everything is done each time: read, compared, guarded, stored, and followed through to the listings of two
channels. Beside it, in turns: an anti-join of that file with the one before, each way, by DuckDB and by
Polars, and the same rows of stock and listings written in one transaction; and for the first import the
`sqlite3` shell, which imports the file and fills stock and listings, under the same keys and indexes, from
there. Set-up and imports of modules are not counted, on either side.
"""

import asyncio
import itertools
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import xlsxwriter

from benchmarks.intake_ways import opened
from benchmarks.measuring import Case, Measured, in_turns, python
from benchmarks.report import Plot, Table, times

ROUNDS = 5
SLOW_TOOLS_ROWS = 10_000
CONFIRM = "UPDATE listing SET confirmed = desired, may_show = desired, confirmed_at = changed_at"
SHELL_IMPORT = """\
CREATE TEMP TABLE raw (sku TEXT, quantity INTEGER, name TEXT);
.import --csv --skip 1 --schema temp {file} raw
BEGIN;
INSERT INTO stock(sku, location, source_id, quantity, import_id, line)
    SELECT sku, '', 1, quantity, 1, rowid + 1 FROM raw;
INSERT INTO listing(channel_id, identifier, warehouse, sku, desired, may_show, changed_at)
    SELECT 1, sku, '', sku, quantity, 0, 0 FROM raw;
INSERT INTO listing(channel_id, identifier, warehouse, sku, desired, may_show, changed_at)
    SELECT 2, sku, '', sku, quantity, 0, 0 FROM raw;
COMMIT;
"""
COLUMNS = ("way", "CPU s", "spread", "wall s", "MiB", "beside", "bound", "loop blocked")
Quantities = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A snapshot that follows another: how many rows, and in how many of them the quantity is another."""

    rows: int
    changed: int
    shuffled: bool = False
    suffix: str = ".csv"

    def __str__(self) -> str:
        order = ", both shuffled" if self.shuffled else ""
        return f"{self.changed:,} of {self.rows:,} rows changed{order}, {self.suffix[1:].upper()}"


def write_snapshots(setting: Setting, folder: Path, seed: int = 1) -> tuple[Path, Path]:
    """Write the snapshot before, and the one after."""
    dice = random.Random(seed)
    before = [(f"SKU-{number:07}", 10 + number % 50) for number in range(setting.rows)]
    after = list(before)
    for number in dice.sample(range(setting.rows), setting.changed):
        after[number] = (after[number][0], after[number][1] + 1)
    paths = folder / f"before{setting.suffix}", folder / f"after{setting.suffix}"
    for path, quantities in zip(paths, (before, after), strict=True):
        if setting.shuffled:
            dice.shuffle(quantities)
        _write(path, quantities)
    return paths


def _write(path: Path, quantities: Quantities) -> None:
    if path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
            sheet = workbook.add_worksheet()
            for number, row in enumerate([("sku", "quantity"), *quantities]):
                sheet.write_row(number, 0, row)
        return
    lines = (f"{sku},{quantity},Some name {sku[4:]}" for sku, quantity in quantities)
    path.write_text("\n".join(itertools.chain(["sku,quantity,name"], lines, [""])))


def compare_first_imports(rows: int, rounds: int) -> Table:
    """Measure an import into an empty state.

    Raises:
        RuntimeError: there is no `sqlite3` shell to compare with.
    """
    if shutil.which("sqlite3") is None:
        raise RuntimeError("the sqlite3 shell is not here (Debian: apt install sqlite3)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, _ = write_snapshots(Setting(rows, 0), folder)
        empty = folder / "empty"
        asyncio.run(_make_empty(empty))
        ours, theirs, script = folder / "ours", folder / "theirs", folder / "import.sql"
        script.write_text(SHELL_IMPORT.format(file=file))

        def begin_anew(place: Path) -> None:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(empty, place)

        cases = {
            "syncd": Case(python("benchmarks.intake_ways", "syncd", ours, file), lambda: begin_anew(ours)),
            "sqlite3 shell": Case(
                ["sqlite3", "-bail", str(theirs / "state.db"), f".read {script}"], lambda: begin_anew(theirs)
            ),
        }
        measured = in_turns(cases, rounds=rounds)
    rows_of_table = [_line(name, one, measured["sqlite3 shell"]) for name, one in measured.items()]
    rows_of_table[0][-2] = "2.5"
    return Table(f"First import of {rows:,} rows, CSV", COLUMNS, rows_of_table)


async def _make_empty(folder: Path) -> None:
    async with opened(folder):
        pass


def compare_snapshots(setting: Setting, rounds: int) -> Table:
    """Measure a snapshot that follows another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, after = write_snapshots(setting, folder)
        ours, theirs = folder / "ours", folder / "theirs.db"
        _first_import(ours, before, theirs)
        cases = {"syncd": Case(python("benchmarks.intake_ways", "syncd", ours, after, before))}
        if setting.suffix == ".csv":
            for tool in ("duckdb", "polars"):
                cases[tool] = Case(python("benchmarks.intake_ways", tool, theirs, after, before))
        measured = in_turns(cases, rounds=rounds)
    beside = measured.get("duckdb", measured["syncd"])
    lines = [_line(name, one, beside) for name, one in measured.items()]
    if setting.changed in {0, 1_000} and not setting.shuffled and "duckdb" in measured:
        lines[0][-2] = "0.5" if setting.changed else "0.25"
    return Table(str(setting), COLUMNS, lines)


def _first_import(ours: Path, before: Path, theirs: Path) -> None:
    """Take the first snapshot, have all of it confirmed, and copy the state for the others."""
    in_turns({"first": Case(python("benchmarks.intake_ways", "syncd", ours, before))}, rounds=1)
    with closing(sqlite3.connect(ours / "state.db")) as state:
        with state:
            state.execute(CONFIRM)
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with closing(sqlite3.connect(theirs)) as copy:
            state.backup(copy)
            copy.execute("PRAGMA journal_mode=WAL")


def _line(name: str, one: Measured, beside: Measured) -> list[str]:
    low, high = one.spread
    blocked = f"{one.most('block') * 1000:.0f} ms" if "block" in one.turns[0].said else ""
    ratio = "1" if one is beside else times(one.cpu, beside.cpu)
    spread = f"{low:.2f}-{high:.2f}"
    return [
        name,
        f"{one.cpu:.2f}",
        spread,
        f"{one.wall:.2f}",
        f"{one.peak:.0f}" if one.peak else "",
        ratio,
        "",
        blocked,
    ]


def compare_slow_tools(rounds: int) -> Table:
    """Measure tools that would take minutes with more rows: they find what changed; dlt stores it too."""
    setting = Setting(SLOW_TOOLS_ROWS, SLOW_TOOLS_ROWS // 100)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, after = write_snapshots(setting, folder)
        ours = folder / "ours"
        _first_import(ours, before, folder / "theirs.db")
        pipelines = folder / "dlt"
        cases = {
            "syncd": Case(python("benchmarks.intake_ways", "syncd", ours, after, before)),
            "csv-diff": Case(python("benchmarks.intake_ways", "csvdiff", folder, after, before)),
            "dlt": Case(
                python("benchmarks.intake_ways", "dlt", pipelines, after, before),
                lambda: shutil.rmtree(pipelines, ignore_errors=True),
            ),
        }
        measured = in_turns(cases, rounds=rounds)
    lines = [_line(name, one, measured["syncd"]) for name, one in measured.items()]
    return Table(str(setting), COLUMNS, lines)


def run(*, full: bool) -> Iterator[Table | Plot]:
    """Measure; in short with a tenth of the rows, and fewer turns."""
    rows, rounds = (1_000_000, ROUNDS) if full else (100_000, 3)
    yield compare_first_imports(rows, 3)
    plain = Setting(rows, 1_000)
    yield compare_snapshots(plain, rounds)
    yield compare_snapshots(replace(plain, changed=0), rounds)
    for share in (10, 1):
        yield compare_snapshots(replace(plain, changed=rows // share), 3)
    yield compare_snapshots(replace(plain, shuffled=True), 3)
    if full:
        for fewer in (10_000, 100_000):
            yield compare_snapshots(Setting(fewer, fewer // 1_000), rounds)
    yield compare_snapshots(Setting(rows // 10, rows // 10_000, suffix=".xlsx"), 3)
    yield compare_slow_tools(3)
