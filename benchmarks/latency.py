"""How soon a change shows: one SKU of many, by the real daemon, from the complete file to the confirmation.

Settings are the defaults: a file counts as complete when it has not changed for two seconds. Each round
changes one SKU, and writes all of them anew. Then a SKU sells out while everything is asserted anew.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from benchmarks.lives import STEADY, Arrivals, Life, ServedSandbox, eventually_long
from benchmarks.report import Plot, Table

SETTLE_SECONDS = 2.0
PARTS = (
    "noticed, and settled",
    "read, compared and stored",
    "to the first request",
    "to the confirmation",
    "all of it",
)


class Rounds:
    """Changes of one SKU at a time."""

    def __init__(self, life: Life, arrivals: Arrivals) -> None:
        self._life, self._arrivals = life, arrivals
        self.parts: dict[str, list[float]] = {name: [] for name in PARTS}

    def change(self, number: int) -> None:
        """Change one SKU, wait for both channels to confirm it, and note what took how long."""
        life, arrivals = self._life, self._arrivals
        sku = f"SKU-{number * 37 % len(life.stock):07}"
        life.stock[sku] += 1
        arrivals.seen.clear()
        arrivals.sought = sku.encode()
        read_before = life.seconds_reading()
        complete = life.drop()
        confirmed = life.await_confirmed(sku)
        stored, requested = life.changed_at(sku), min(arrivals.seen)
        began = stored - (life.seconds_reading() - read_before)
        times = (
            began - complete,
            stored - began,
            requested - stored,
            confirmed - requested,
            confirmed - complete,
        )
        for name, seconds in zip(PARTS, times, strict=True):
            self.parts[name].append(seconds)


def sold_out(life: Life, served: ServedSandbox, arrivals: Arrivals) -> float:
    """Have a SKU sell out in the middle of a full reconcile; give the seconds until it was requested."""
    sku = f"SKU-{len(life.stock) - 1:07}"
    command = [sys.executable, "-m", "syncd", "--config", str(life.site.config), "reconcile", "--full"]
    pushed = served.pushes()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reconcile:
        eventually_long(lambda: served.pushes() > pushed + 20)
        life.stock[sku] = 0
        arrivals.seen.clear()
        arrivals.sought = sku.encode()
        complete = life.drop()
        eventually_long(lambda: arrivals.seen)
        reconcile.terminate()
    return min(arrivals.seen) - complete


def run(*, full: bool) -> Iterator[Table | Plot]:
    """Measure; in short with a tenth of the SKUs, and fewer rounds."""
    skus, rounds = (1_000_000, 40) if full else (100_000, 8)
    with tempfile.TemporaryDirectory() as folder:
        served = ServedSandbox(**STEADY)
        arrivals = served.sandbox.app = Arrivals(served.sandbox.app)
        with served, Life(Path(folder) / "site", served, skus) as life:
            life.import_and_stop()
            life.site.started()
            eventually_long(lambda: life.events("server_started"))
            measured = Rounds(life, arrivals)
            Rounds(life, arrivals).change(0)  # after a start a file is read as a whole
            for number in range(1, rounds + 1):
                measured.change(number)
            while_reconciling = sold_out(life, served, arrivals)
            life.site.terminate()
    rows = [[name, *_told(times)] for name, times in measured.parts.items()]
    rows.append(
        ["sold out during a full reconcile, to the first request", f"{while_reconciling:.2f}", "", ""]
    )
    note = (
        f"{rounds} rounds. The settle time of {SETTLE_SECONDS:g} s is configured, and is in the first part."
    )
    title = f"One changed SKU among {skus:,}: seconds from the complete file"
    yield Table(title, ("part", "p50", "p99", "worst"), rows, note)


def _told(times: list[float]) -> list[str]:
    return [
        f"{median(times):.2f}",
        f"{quantiles(times, n=100, method='inclusive')[-1]:.2f}",
        f"{max(times):.2f}",
    ]
