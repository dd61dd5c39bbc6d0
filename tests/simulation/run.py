"""Run many seeds: `python tests/simulation/run.py --seeds 1000`. Ends with one line; a failure can be repeated."""

import argparse
import itertools
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from simulation import Result, Wrong, simulate

TWICE_EVERY = 50
LONGEST_CPU_SECONDS = 120
"""A seed that takes longer waits for something that never comes."""


class Endless(Exception):
    """A seed that does not end."""


def attempt(seed: int) -> tuple[int, str, Result | None]:
    """Simulate one seed, now and then twice; give its result, or what went wrong."""
    signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_CPU_SECONDS)
    try:
        result = simulate(seed)
        if seed % TWICE_EVERY == 0 and simulate(seed).trace != result.trace:
            return seed, "the same seed gave another trace", None
    except (Wrong, Endless) as error:
        return seed, str(error), None
    except Exception as error:  # noqa: BLE001 (whatever ends the daemon is a finding)
        return seed, f"{type(error).__name__}: {error}", None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return seed, "", result


def _give_up(*_):
    raise Endless(f"it did not end within {LONGEST_CPU_SECONDS} s of work")


def seeds_from(first: int, count: int, minutes: float | None):
    """Give the seeds to run: so many, or as many as begin within the time."""
    if minutes is None:
        yield from range(first, first + count)
        return
    end = time.monotonic() + minutes * 60
    for seed in itertools.count(first):
        if time.monotonic() > end:
            return
        yield seed


def outcomes(seeds: Iterator[int], processes: int) -> Iterator[tuple[int, str, Result | None]]:
    """Attempt the seeds in several processes, a few at a time; give what each came to."""
    with ProcessPoolExecutor(processes) as pool:
        running: set[Future[tuple[int, str, Result | None]]] = set()
        try:
            for seed in seeds:
                running.add(pool.submit(attempt, seed))
                if len(running) > processes:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in as_completed(running))
        finally:
            pool.shutdown(cancel_futures=True)


def line(results: list[Result], failed: int, seconds: float) -> str:
    """Say in one line what was run and what it came to."""
    faults = sum((result.faults for result in results), Counter())
    checks = sum((result.checks for result in results), Counter())
    slowest = max(results, key=lambda result: result.worst, default=Result(0))
    return (
        f"{'failed' if failed else 'passed'} seeds={len(results) + failed}"
        f" virtual={sum(result.virtual for result in results) / 86_400:.2f}d"
        f" requests={sum(result.requests for result in results)}"
        f" crashes={sum(result.crashes for result in results)}"
        f" losses={sum(result.losses for result in results)}"
        f" faults={{{', '.join(f'{kind}: {count}' for kind, count in sorted(faults.items()))}}}"
        f" checks={sum(checks.values())}"
        f" worst convergence={slowest.worst:.0f}s (seed {slowest.seed})"
        f" in {seconds:.0f}s, {processor_seconds():.0f}s of processor time"
    )


def processor_seconds() -> float:
    """Tell how long processors worked for the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (%(default)s)")
    parser.add_argument("--minutes", type=float, help="instead of a number: as many as begin in this time")
    parser.add_argument("--until-failure", action="store_true", help="end with the first seed that fails")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time (%(default)s)")
    given = parser.parse_args()
    started, results, failed = time.monotonic(), [], 0
    for seed, wrong, result in outcomes(seeds_from(given.first, given.seeds, given.minutes), given.processes):
        if result is not None:
            results.append(result)
            continue
        failed += 1
        print(f"FAILED {wrong}\n  repeat: make simulate SEEDS=1 FIRST={seed}", flush=True)
        if given.until_failure:
            break
    print(line(results, failed, time.monotonic() - started))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
