"""Warnings of shares that add up to more than there is, the rules file included."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from state.plans import RuleRow
from syncd.config.model import Config
from syncd.core.shares import concerns_shares, overcommitted
from syncd.plans.making import Candidate, plan_of

MOST_ROWS: Final = 200_000
"""So many rules with shares of single SKUs are compared: more would fill the memory."""


def share_warnings(config: Config) -> list[str]:
    """Say where channels together are given more than all of one stock; behind the last colon, what to do.

    Reads the rules file; it blocks.
    """
    candidates = [plan_of(config, channel) for channel in config.channels.values() if channel.enabled]
    plans = [candidate.plan for candidate in candidates]
    own = list(islice(_own(candidates), MOST_ROWS + 1))
    if len(own) <= MOST_ROWS:
        return overcommitted(plans, sorted(own, key=lambda entry: entry[1].sku))
    # Some of them would be worse than none: what another channel is given of the same SKU would be missing.
    many = f"more than {MOST_ROWS:,} single SKUs have shares of their own, which were not added up"
    return [*overcommitted(plans), f"{many}: let patterns say them where that is possible"]


def _own(candidates: list[Candidate]) -> Iterator[tuple[str, RuleRow]]:
    for candidate in candidates:
        for row in candidate.rows.rules:
            if concerns_shares(row):
                yield candidate.plan.name, row
