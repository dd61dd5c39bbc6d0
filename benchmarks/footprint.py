"""How little machine it takes: the start of commands, what an idle daemon does, and memory at work.

The daemon is the real one, with the default settings, beside the sandbox. Wake-ups are the voluntary changes
of context of all its threads; the system counts them.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lives import STEADY, Life, ServedSandbox, eventually_long, time_of
from benchmarks.measuring import Case, in_turns
from benchmarks.report import Plot, Table
from benchmarks.watched import usage_of

ROUNDS = 5
FEW_SKUS = 10_000
QUIET_SECONDS = 15
CHANGED = 1_000


def compare_starts(small: Life, large: Life) -> Table:
    """Measure commands, while no daemon runs."""
    syncd = [sys.executable, "-m", "syncd"]

    def status(life: Life) -> list[str]:
        return [*syncd, "--config", str(life.site.config), "status"]

    cases = {
        "python -c pass": Case([sys.executable, "-c", "pass"]),
        "syncd --help": Case([*syncd, "--help"]),
        f"syncd status, {len(small.stock):,} SKUs": Case(status(small)),
        f"syncd status, {len(large.stock):,} SKUs": Case(status(large)),
    }
    measured = in_turns(cases, rounds=ROUNDS)
    bounds = ("", "0.5 s", "1 s", "1 s")
    rows = [
        (name, f"{one.wall:.2f}", f"{one.cpu:.2f}", bound)
        for (name, one), bound in zip(measured.items(), bounds, strict=True)
    ]
    return Table("Commands", ("command", "wall s", "CPU s", "bound, wall"), rows)


def started(life: Life) -> float:
    """Start the daemon, and give the seconds until it was ready."""
    began = time.time()
    life.site.started()
    return time_of(life.events("daemon_started")[-1]) - began


def watch_idle(life: Life, seconds: float) -> Table:
    """Measure a daemon that has nothing to do."""
    ready = started(life)
    pause = threading.Event()
    pause.wait(QUIET_SECONDS)
    assert life.site.process is not None
    before = usage_of(life.site.process.pid)
    pause.wait(seconds)
    after = usage_of(life.site.process.pid)
    life.site.terminate()
    rows = [
        ("until it is ready, s", f"{ready:.2f}", ""),
        ("wake-ups a second", f"{(after.wakeups - before.wakeups) / seconds:.1f}", "5"),
        ("of one processor", f"{(after.cpu - before.cpu) / seconds:.2%}", ""),
        ("resident memory, MiB", f"{after.resident:.0f}", "100"),
        ("at its peak, MiB", f"{after.peak:.0f}", ""),
        ("threads", str(after.threads), ""),
        ("descriptors", str(after.descriptors), ""),
    ]
    return Table(f"Idle for {seconds:.0f} s, {len(life.stock):,} SKUs", ("", "", "bound"), rows)


def watch_memory(life: Life, at_first_import: float, seconds: float) -> Table:
    """Measure memory at work: after a snapshot, and while everything is asserted anew."""
    ready = started(life)
    assert life.site.process is not None
    pid = life.site.process.pid
    for number in range(2):  # the first after a start is read as a whole
        for sku in list(life.stock)[:CHANGED]:
            life.stock[sku] += 1
        life.drop()
        eventually_long(lambda done=number + 1: len(life.events("import_applied")) == done)
    snapshots = usage_of(pid).peak
    command = [sys.executable, "-m", "syncd", "--config", str(life.site.config), "reconcile", "--full"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reconcile:
        threading.Event().wait(seconds)
        reconcile.terminate()
    asserted = usage_of(pid).peak
    life.site.terminate()
    rows = [
        ("after the first import", f"{at_first_import:.0f}"),
        (f"after two snapshots with {CHANGED:,} changes", f"{snapshots:.0f}"),
        (f"after {seconds:.0f} s of a full reconcile", f"{asserted:.0f}"),
    ]
    note = f"Bound: 150 MiB. Started in {ready:.1f} s: SQLite looks through the whole state for damage."
    return Table(f"Most memory, {len(life.stock):,} SKUs", ("", "MiB"), rows, note)


def run(*, full: bool) -> Iterator[Table | Plot]:
    """Measure; in short with a tenth of the SKUs, and for less time."""
    skus, seconds = (1_000_000, 120.0) if full else (100_000, 30.0)
    with tempfile.TemporaryDirectory() as name, ServedSandbox(**STEADY) as served:
        folder = Path(name)
        with Life(folder / "small", served, FEW_SKUS) as small, Life(folder / "large", served, skus) as large:
            small.import_and_stop()
            at_first_import = large.import_and_stop().peak
            yield compare_starts(small, large)
            yield watch_idle(small, seconds)
            yield watch_memory(large, at_first_import, seconds)
