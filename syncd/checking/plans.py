"""Checks of what channels show: the files of rules, listings and bundles, and shares of one stock."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from state.plan_staging import PlanStaging
from state.plans import ChannelPlan, PlanRows, RuleRow
from state.preview import make_empty
from syncd.checking.findings import Finding, Kind, note, problem_in_words
from syncd.config.model import Config
from syncd.core.shares import overcommitted
from syncd.plans.making import Candidate, plan_of

MOST_NAMED = 20
_ANY_CHANNEL = 1


def check_plans(config: Config) -> Iterator[Finding]:
    """Read what each channel shows as the daemon would. Told once is what several channels share."""
    told: set[str] = set()
    plans: list[ChannelPlan] = []
    shares: dict[str, list[RuleRow]] = {}
    for name, channel in config.channels.items():
        candidate = plan_of(config, channel)
        shares[name] = []
        problems, count = _problems(candidate, shares[name])
        if not problems:
            plans.append(candidate.plan)
            if channel.listings or config.bundles or config.rules.file:
                yield Finding(Kind.PLAN, f"channel {name}", f"what it shows can be read: {candidate.names}")
            continue
        fresh = [one for one in problems if one not in told]
        told.update(fresh)
        for one in fresh[:MOST_NAMED]:
            yield problem_in_words(
                Kind.PLAN_UNUSABLE,
                f"channel {name}",
                one,
                "correct it there: until then nothing of it applies",
            )
        if count > MOST_NAMED and fresh:
            yield note(
                Kind.PLAN_UNUSABLE,
                f"channel {name}",
                f"{count - MOST_NAMED:,} more problems are of that kind",
                "correct those that are named, then run this again",
            )
    yield from _shares(plans, shares)


def _problems(candidate: Candidate, shares: list[RuleRow]) -> tuple[list[str], int]:
    """Read all its rows; keep those that speak of shares."""

    def kept() -> Iterator[RuleRow]:
        for row in candidate.rows.rules:
            if '"share_ppm"' in row.settings:
                shares.append(row)
            yield row

    rows = PlanRows(kept(), candidate.rows.listed, candidate.rows.bundles)
    with tempfile.TemporaryDirectory(prefix="syncd-check-") as folder:
        # Not the state: a root who checks would leave files of its own beside it.
        empty = Path(folder) / "state.db"
        make_empty(empty)
        with closing(PlanStaging(empty, _ANY_CHANNEL)) as staging:
            staging.load(rows)
            together = staging.problems()
    return [*candidate.problems, *together], candidate.problem_count + len(together)


def _shares(plans: list[ChannelPlan], shares: Mapping[str, list[RuleRow]]) -> Iterator[Finding]:
    """Only notes: who sells seldom on one of them may want it so."""
    found = list(overcommitted(plans, shares))
    for one in found[:MOST_NAMED]:
        yield note(
            Kind.SHARES_BEYOND_STOCK,
            "rules",
            one,
            "lower a share until they add up to 100 %, unless you mean to sell the same unit twice at times",
        )
    if len(found) > MOST_NAMED:
        yield note(
            Kind.SHARES_BEYOND_STOCK,
            "rules",
            f"{len(found) - MOST_NAMED:,} more SKUs and patterns are given away beyond their stock",
            "look at the shares in the rules file",
        )
