"""Live through an outage: `python tests/outage/run.py --listings 50000 --changes 1000000 --hours 12`."""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from outage import endure


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=50_000)
    parser.add_argument("--changes", type=int, default=1_000_000, help="in all, while it is down")
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-outage-") as folder:
        figures = endure(
            Path(folder),
            listings=given.listings,
            changes=given.changes,
            hours=given.hours,
            seed=given.seed,
        )
    print(figures)
    for wrong in figures.wrong:
        print(f"  {wrong}")
    return 1 if figures.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
