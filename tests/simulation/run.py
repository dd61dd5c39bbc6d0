"""Run many seeds: `python tests/simulation/run.py --seeds 1000`. Ends with one line; a failure can be repeated."""

import argparse
import io
import multiprocessing
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from simulation import Wrong, simulate

from syncd import logs

TWICE_EVERY = 25


def attempt(seed: int):
    """Simulate one seed, now and then twice; give its result, or what went wrong."""
    logs.configure("json", "error", stream=io.StringIO())
    try:
        result = simulate(seed)
        if seed % TWICE_EVERY == 0 and simulate(seed).trace != result.trace:
            return seed, "the same seed gave another trace", None
    except (Wrong, RuntimeError, OSError) as error:
        return seed, f"{type(error).__name__}: {error}", None
    return seed, "", result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    results, failed = [], []
    with multiprocessing.Pool() as pool:
        for seed, wrong, result in pool.imap_unordered(attempt, seeds):
            if wrong:
                failed.append(seed)
                print(  # noqa: T201
                    f"FAILED {wrong}\n  repeat: make simulate SEEDS=1 FIRST={seed}", flush=True
                )
            else:
                results.append(result)
    faults = sum((result.faults for result in results), Counter())
    print(  # noqa: T201
        f"{'failed' if failed else 'passed'} seeds={len(results)}"
        f" virtual={sum(result.virtual for result in results) / 86_400:.2f}d"
        f" requests={sum(result.requests for result in results)}"
        f" crashes={sum(result.crashes for result in results)}"
        f" losses={sum(result.losses for result in results)}"
        f" faults={{{', '.join(f'{kind}: {count}' for kind, count in sorted(faults.items()))}}}"
        f" worst convergence={max((result.worst for result in results), default=0):.0f}s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
