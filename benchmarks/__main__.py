"""Measure what the design bounds, as ratios to tools that run in the same rounds.

The short form takes some minutes; --full is the million rows that docs/performance.md gives. Tables are
printed, and written with the plots to benchmarks/results/. Where something fails that must be the same on
every machine, the exit status is 1.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol, cast

from benchmarks.report import Plot, Table, publish

SECTIONS = {
    "intake": "what a snapshot costs beside DuckDB, Polars and the sqlite3 shell",
    "ledger": "what the ledger's work costs by how many listings there are",
    "replanning": "what a rule costs that concerns every SKU",
    "delivery": "what a request costs, and what arrives, beside other ways",
    "latency": "how soon one changed SKU shows",
    "footprint": "start-up, what an idle daemon does, and memory",
    "pacing": "how much of a limit is used, on virtual time",
}


class Section(Protocol):
    """A module of benchmarks."""

    def run(self, *, full: bool) -> Iterator[Table | Plot]:
        """Measure, and give what came out."""
        ...


def main() -> int:
    """Run the sections asked for."""
    told = "\n".join(f"  {name:12} {what}" for name, what in SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"sections:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="some of them; without, all")
    parser.add_argument("--full", action="store_true", help="a million rows")
    given = parser.parse_args()
    if unknown := [name for name in given.sections if name not in SECTIONS]:
        parser.error(f"there is no section {unknown[0]!r}: {', '.join(SECTIONS)}")
    failures: list[str] = []
    for name in given.sections or SECTIONS:
        began = time.monotonic()
        print(f"\n## {name}: {SECTIONS[name]}\n", flush=True)
        section = cast("Section", importlib.import_module(f"benchmarks.{name}"))
        failures += publish(name, section.run(full=given.full))
        print(f"({time.monotonic() - began:.0f} s)", flush=True)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
