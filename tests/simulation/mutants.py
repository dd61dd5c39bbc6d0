"""Faults put into the code on purpose, each of which the simulation must find: `make mutants`.

A mutant is a text of one file, replaced. For each, seeds run in order until one fails; the table says how
many it took and what was seen. A mutant that survives all seeds fails the run.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("syncd", "connectors", "state", "tests")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`before` stands exactly once in `file`."""

    name: str
    law: str
    file: str
    before: str
    after: str


MUTANTS = (
    Mutant(
        "a 200 means that all rows were taken", "5", "connectors/tokopedia/rows.py",
        "failed.get(update.listed_as) or _unnamed(update, accepted=adds_up)", "_unnamed(update, accepted=True)",
    ),
    Mutant(
        "a row missing from the answer was taken", "2", "connectors/tocobagus/wire.py",
        'verdict = _unknown("the answer does not name this row")', "verdict = _ACCEPTED",
    ),
    Mutant(
        "an answer that nobody can read is a yes", "2", "syncd/core/settling.py",
        "        return [_unknown(a, error.code, error.message, len(attempts), moment) for a in attempts]",
        "        return [Settlement(a, After.CONFIRMED, OutcomeKind.ACCEPTED) for a in attempts]",
    ),
    Mutant(
        "the start clears what was in flight", "2", "state/ledger.py",
        '"UPDATE listing SET attempt_id = NULL, ambiguous = 1, uncertain = 1"',
        '"UPDATE listing SET attempt_id = NULL, uncertain = 0"',
    ),
    Mutant(
        "due is what differs, certain or not", "2", "state/migrations/0001_initial.sql",
        "ALWAYS AS (uncertain <> 0 OR confirmed IS NULL OR desired <> confirmed) VIRTUAL",
        "ALWAYS AS (confirmed IS NULL OR desired <> confirmed) VIRTUAL",
    ),
    Mutant(
        "sent before the intent is committed", "2", "state/ledger.py",
        "            _record_intent(connection, push)",
        "        import asyncio\n"
        "        def later():\n"
        "            with self._database.write() as connection:\n"
        "                _record_intent(connection, push)\n"
        "        asyncio.get_running_loop().call_later(0.01, later)",
    ),
    Mutant(
        "an intent leaves the listing certain", "2", "state/ledger.py",
        '"UPDATE listing SET attempt_id = ?, uncertain = 1, may_show', '"UPDATE listing SET attempt_id = ?, may_show',
    ),
    Mutant(
        "the repetition comes after a quarter of the settling time", "3", "state/settlements.py",
        "again = now + settling", "again = now + settling // 4",
    ),
    Mutant(
        "no repetition of what a crash left in flight", "3", "state/ledger.py",
        '"UPDATE listing SET attempt_id = NULL, ambiguous = 1, uncertain = 1"',
        '"UPDATE listing SET attempt_id = NULL, uncertain = 1"',
    ),
    Mutant(
        "a time-out ended at the marketplace", "3", "connectors/transport.py",
        'f"{request.url.host} did not answer within {self._timeout:g} s", effect=Effect.AMBIGUOUS',
        'f"{request.url.host} did not answer within {self._timeout:g} s", effect=Effect.UNCERTAIN',
    ),
    Mutant(
        "a bad gateway knows how it ended", "3", "connectors/transport.py",
        "_UPSTREAM_LOST = (408, 502, 504)", "_UPSTREAM_LOST = (408, 504)",
    ),
    Mutant(
        "accepted batches cannot overtake each other", "3", "state/settlements.py",
        "push.started_at, again, push.started_at, again,\n                a.quantity",
        "push.started_at, None, push.started_at, again,\n                a.quantity",
    ),
    Mutant(
        "a listing in flight may be chosen again", "4", "state/migrations/0001_initial.sql",
        "ALWAYS AS (attempt_id IS NULL AND CASE", "ALWAYS AS (CASE",
    ),
    Mutant(
        "what is confirmed is what is wanted by now", "4", "state/settlements.py",
        '" attempt_id = NULL, confirmed = ?, confirmed_at', '" attempt_id = NULL, confirmed = max(desired, ? * 0), confirmed_at',
    ),
    Mutant(
        "a failed request had no effect", "2", "syncd/core/settling.py",
        "Effect.UNCERTAIN: After.UNCERTAIN", "Effect.UNCERTAIN: After.UNTOUCHED",
    ),
    Mutant(
        "an empty cell is a zero", "5", "syncd/core/numbers.py",
        "    if not text:\n        return None", "    if not text:\n        return 0",
    ),
    Mutant(
        "absent from a snapshot is zero", "5", "syncd/made.py",
        'zero_missing=source.missing == "zero"', "zero_missing=True",
    ),
    Mutant(
        "half of a refused batch is forgotten", "6", "syncd/core/settling.py",
        "        for attempt in attempts\n    ]\n\n\ndef refuse_locally",
        "        for attempt in attempts[:half]\n"
        "    ] + [Settlement(a, After.CONFIRMED, OutcomeKind.ACCEPTED) for a in attempts[half:]]\n\n\n"
        "def refuse_locally",
    ),
    Mutant(
        "a refused batch refuses each of its rows", "9", "syncd/core/settling.py",
        "    if len(attempts) == 1:\n        return [_rejected(attempts[0], Reason.QUANTITY, error.code, error.message, moment)]",
        "    if attempts:\n        return [_rejected(a, Reason.QUANTITY, error.code, error.message, moment) for a in attempts]",
    ),
    Mutant(
        "the bucket starts full", "7", "syncd/core/pacing.py",
        "    tokens: float = 0.0", "    tokens: float = 5.0",
    ),
    Mutant(
        "a request to wait is forgotten by a restart", "7", "syncd/delivery.py",
        "        if until is not None:\n            left", "        if False:\n            left",
    ),
    Mutant(
        "nobody waits as told", "7", "syncd/core/pacing.py",
        "        self._paused_until = max(self._paused_until, until)", "        pass",
    ),
    Mutant(
        "a restored copy is taken for the latest", "10", "state/database.py",
        "is_behind = noted is not None and self._is_behind(noted)", "is_behind = False",
    ),
    Mutant(
        "nothing is under way where nothing is known", "10", "state/stock.py",
        "int(self._database.doubtful)", "0",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """After how many seeds a mutant was found, and by what; `seeds` None = it survived."""

    mutant: Mutant
    seeds: int | None
    seen: str


def hunt(mutant: Mutant, most: int) -> Verdict:
    """Put one fault into a copy of the code and run seeds until one fails."""
    with tempfile.TemporaryDirectory(prefix="syncd-mutant-") as folder:
        tree = Path(folder)
        for part in PARTS:
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        file = tree / mutant.file
        file.write_text(file.read_text().replace(mutant.before, mutant.after))
        run = subprocess.run(
            [sys.executable, "tests/simulation/run.py", f"--seeds={most}", "--processes=1", "--until-failure"],
            cwd=tree, env=os.environ | {"PYTHONPATH": folder}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    count, seen = re.search(r"seeds=(\d+)", run.stdout), re.search(r"FAILED (?:seed \d+: )?(.*)", run.stdout)
    if count is None:
        return Verdict(mutant, 0, f"it does not run: {run.stderr[-300:]}")
    return Verdict(mutant, int(count[1]) if seen else None, seen[1] if seen else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="how many to try each (%(default)s)")
    parser.add_argument("name", nargs="*", help="only mutants whose name holds one of these words")
    given = parser.parse_args()
    chosen = [m for m in MUTANTS if not given.name or any(word in m.name for word in given.name)]
    print("| mutant | law | seeds | what was seen |\n|---|---|---|---|", flush=True)
    survivors = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for verdict in pool.map(lambda mutant: hunt(mutant, given.seeds), chosen):
            survivors += not verdict.seeds
            seeds = "survived" if verdict.seeds is None else verdict.seeds
            print(
                f"| {verdict.mutant.name} | {verdict.mutant.law} | {seeds} | {verdict.seen[:110]} |",
                flush=True,
            )
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants found")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
