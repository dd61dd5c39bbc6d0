"""Checks of what channels show: the files of rules, listings and bundles, and shares of one stock."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from state.plan_staging import PlanStaging
from state.preview import make_empty
from syncd.checking.findings import Finding, Kind, note, problem_in_words
from syncd.config.model import Config
from syncd.plans.making import Candidate, plan_of
from syncd.plans.shares import share_warnings

MOST_NAMED = 20
_ANY_CHANNEL = 1


def check_plans(config: Config) -> Iterator[Finding]:
    """Read what each channel shows as the daemon would; what is wrong with a file of several is told once."""
    told: set[str] = set()
    for name, channel in config.channels.items():
        about = f"channel {name}"
        candidate = plan_of(config, channel)
        problems, count = _problems(candidate)
        if not problems and (channel.listings or config.bundles or config.rules.file):
            yield Finding(Kind.PLAN, about, f"what it shows can be read: {candidate.names}")
        fresh = [one for one in problems if one not in told]
        told.update(fresh)
        for one in fresh[:MOST_NAMED]:
            otherwise = "correct it there: until then nothing of it applies"
            yield problem_in_words(Kind.PLAN_UNUSABLE, about, one, otherwise)
        if fresh and count > MOST_NAMED:
            yield note(
                Kind.PLAN_UNUSABLE,
                about,
                f"{count - MOST_NAMED:,} more problems are of that kind",
                "correct those that are named, then run this again",
            )
    if not told:
        yield from _shares(config)


def _problems(candidate: Candidate) -> tuple[list[str], int]:
    """Read all its rows."""
    with tempfile.TemporaryDirectory(prefix="syncd-check-") as folder:
        # Not the state: a root who checks would leave files of its own beside it.
        empty = Path(folder) / "state.db"
        make_empty(empty)
        with closing(PlanStaging(empty, _ANY_CHANNEL)) as staging:
            staging.load(candidate.rows)
            together = staging.problems()
    return [*candidate.problems, *together], candidate.problem_count + len(together)


def _shares(config: Config) -> Iterator[Finding]:
    """Only notes: who seldom sells on one of them may want it so."""
    for warning in share_warnings(config):
        what, _, remedy = warning.rpartition(": ")
        yield note(Kind.SHARES_BEYOND_STOCK, "rules", what, remedy)
