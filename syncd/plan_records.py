"""What becomes of a plan that may follow the one in force, and what is kept of that for people."""

from collections.abc import Iterator
from dataclasses import dataclass

from state.database import Database
from state.plan_figures import LargestChange
from state.plan_standing import PLAN, note_plan_readable, note_plan_refused
from state.planning import Planning
from state.plans import PlanComparison
from state.records import ImportState
from state.staging import Largest
from state.tables import Import
from syncd.plans.making import Candidate

MOST_NOTED = 20
"""Problems of a plan that are kept for people."""


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """What became of a plan that may follow the one in force.

    `comparison` None = it was not compared: it is refused for its `problems` (the first of `problem_count`),
    or changes nothing.
    """

    state: ImportState
    reason: str = ""
    problems: tuple[str, ...] = ()
    comparison: PlanComparison | None = None
    largest: tuple[LargestChange, ...] = ()
    import_id: int | None = None
    problem_count: int = 0


@dataclass(frozen=True, slots=True)
class FoundPlan:
    """A candidate, read and compared. `whole`: it may concern any SKU; `digest` tells it from others.

    `edited`: it differs from the plan in force, whatever the listings are.
    """

    candidate: Candidate
    planning: Planning
    problems: tuple[str, ...] = ()
    problem_count: int = 0
    whole: bool = False
    edited: bool = True
    digest: str = ""
    comparison: PlanComparison | None = None
    largest: tuple[LargestChange, ...] = ()


def note_verdict(
    database: Database, channel_id: int, now: int, verdict: PlanVerdict, last: PlanVerdict | None
) -> None:
    """Let whoever reads the state know whether what is configured can be followed; `last`: what was noted."""
    if verdict.state is ImportState.REJECTED:
        problems = verdict.problems[:MOST_NOTED] or (verdict.reason,)
        count, by_hand = verdict.problem_count or len(problems), not verdict.problems
        note_plan_refused(database, channel_id, now, problems, count, by_hand=by_hand)
    elif last is None or last.state is ImportState.REJECTED:
        note_plan_readable(database, channel_id)


def plan_record(
    found: FoundPlan, source_id: int, state: ImportState, reason: str, now: int
) -> tuple[Import, list[Largest]]:
    """Give the record and its largest changes. `now` in ms since the epoch."""
    entry = Import(
        source_id=source_id,
        name=found.candidate.names,
        contents=PLAN,
        state=state,
        at=now,
        data_at=now,
        sha256=found.digest,
        reason=reason,
        held_at=now if state is ImportState.HELD else None,
    )
    if (comparison := found.comparison) is not None:
        entry.known, entry.new = comparison.listings, comparison.new
        entry.up, entry.down, entry.zeroed = comparison.up, comparison.down, comparison.to_zero
        entry.missing, entry.newly_missing = comparison.gone_shown, comparison.gone
        entry.units_before, entry.units_after = comparison.units_before, comparison.units_after
        entry.rows = comparison.listings + comparison.new
        entry.changed = comparison.changed
        entry.notes = "\n".join(_notes(comparison))
    return entry, [
        Largest(one.sku, one.warehouse, one.before, one.after or 0, one.after is None)
        for one in found.largest
    ]


def _notes(found: PlanComparison) -> Iterator[str]:
    if found.paused:
        yield f"paused, and left alone from then on: {found.paused:,} listings"
    if found.resumed:
        yield f"resumed, and no longer left alone: {found.resumed:,} listings"
