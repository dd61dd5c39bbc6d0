"""Run the real daemon for an hour and more, and watch what it uses: `python -m benchmarks.soak --minutes 65`.

It pushes to the sandbox over HTTP, which misbehaves now and then; each minute a whole new file comes in, in
which some quantities are others. Every ten seconds memory, descriptors, threads and the journal are noted. In
the end both marketplaces must show what the last file says.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from benchmarks.report import Plot, Table, publish
from benchmarks.watched import Usage, usage_of
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Effect, Fault, FaultKind

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from processes import ServedSandbox, Site, shows

SKUS: Final = 100_000
CHANGED: Final = 1_000
FILE_EVERY_SECONDS: Final = 60
SAMPLE_EVERY_SECONDS: Final = 10
CALM_SECONDS: Final = 600
LIMITS: Final = {
    "tokopedia_limits": Limits(rows_per_request=100, rows_per_second=500, row_burst=500),
    "tocobagus_limits": Limits(rows_per_request=100, requests_per_second=5, request_burst=5),
}
FAULTS: Final = (
    (0.01, Fault(kind=FaultKind.STATUS, status=503)),
    (0.01, Fault(kind=FaultKind.STATUS, status=502, effect=Effect.LATE, delay=2)),
    (0.01, Fault(kind=FaultKind.ROW_MISSING)),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen `minute` minutes after the start; `journal` in MiB."""

    minute: float
    usage: Usage
    journal: float


class Soak:
    """One daemon, and what it is given."""

    def __init__(self, folder: Path, served: ServedSandbox) -> None:
        self.served, self.dice = served, random.Random(1)
        self.site = Site(folder / "site", served)
        self.truth = {f"SKU-{number:06}": 10 + number % 50 for number in range(SKUS)}
        self.files = 0
        self.pause = threading.Event()

    def say(self) -> None:
        """Write a whole new file."""
        for sku in self.dice.sample(list(self.truth), CHANGED if self.files else 0):
            self.truth[sku] = self.dice.choice([0, 1, 2, 30, 40])
        self.files += 1
        self.site.drop(self.truth, f"export-{self.files}.csv")

    def run(self, minutes: float) -> Iterator[Sample]:
        """Let it work, and give what is seen."""
        for rate, fault in FAULTS:
            self.served.ask(lambda sandbox, r=rate, f=fault: sandbox.faults.at_random(r, f))
        self.say()
        process = self.site.started()
        began = time.monotonic()
        next_file = began + FILE_EVERY_SECONDS
        while (now := time.monotonic()) < began + minutes * 60:
            if now >= next_file:
                self.say()
                next_file += FILE_EVERY_SECONDS
            journal = Path(f"{self.site.state}-wal").stat().st_size / 2**20
            yield Sample((now - began) / 60, usage_of(process.pid), journal)
            self.pause.wait(SAMPLE_EVERY_SECONDS)

    def is_true_in_the_end(self) -> bool:
        """Tell whether, without faults, both marketplaces come to show what is true."""
        self.served.ask(lambda sandbox: sandbox.faults.clear())
        end = time.monotonic() + CALM_SECONDS
        while not shows(self.served, self.truth)():
            if time.monotonic() > end:
                return False
            self.pause.wait(SAMPLE_EVERY_SECONDS)
        return True


def report(samples: list[Sample], soak: Soak, *, true: bool) -> Iterator[Table | Plot]:
    """Say how it went."""
    half = len(samples) // 2
    columns = ("", "least", "most", "mean of the first half", "mean of the second")
    seen = {
        "resident memory, MiB": [one.usage.resident for one in samples],
        "descriptors": [float(one.usage.descriptors) for one in samples],
        "threads": [float(one.usage.threads) for one in samples],
        "journal, MiB": [one.journal for one in samples],
    }
    rows = [
        [name, *(f"{value:.1f}" for value in (min(of), max(of), _mean(of[:half]), _mean(of[half:])))]
        for name, of in seen.items()
    ]
    first, last = samples[0], samples[-1]
    minutes = last.minute - first.minute
    busy = (last.usage.cpu - first.usage.cpu) / (minutes * 60)
    told = ", ".join(
        f"{name} {counts.get('push_requests', 0):,} requests" for name, counts in _counters(soak)
    )
    note = (
        f"{minutes:.0f} minutes, {SKUS:,} SKUs, {soak.files} files with {CHANGED:,} changes, {told};"
        f" {busy:.1%} of one processor."
    )
    failures = () if true else ("in the end a marketplace showed something else than the last file",)
    yield Table("Soak", columns, rows, note, failures)
    curves = {
        name: [(one.minute, value) for one, value in zip(samples, of, strict=True)]
        for name, of in seen.items()
    }
    del curves["threads"]
    yield Plot("soak", f"An hour's work, {SKUS:,} SKUs, faults on", "minutes", "", curves)


def _counters(soak: Soak) -> list[tuple[str, dict[str, int]]]:
    return list(soak.served.ask(lambda sandbox: sandbox.counters()).items())


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=65, help="how long (%(default)s)")
    minutes: float = parser.parse_args().minutes
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder, ServedSandbox(**LIMITS) as served:
        soak = Soak(Path(folder), served)
        try:
            for sample in soak.run(minutes):
                samples.append(sample)
                print(f"{sample.minute:.2f} {astuple(sample.usage)} {sample.journal:.1f}", flush=True)
            true = soak.is_true_in_the_end()
        finally:
            soak.site.terminate()
        failures = publish("soak", report(samples, soak, true=true))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
