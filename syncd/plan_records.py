"""The record that is kept of an edit of a plan, beside those of files and polls."""

from collections.abc import Sequence

from state.plan_figures import LargestChange
from state.plans import PlanComparison
from state.records import ImportState
from state.staging import Largest
from state.tables import Import

CONTENTS = "plan"


def plan_record(
    *,
    source_id: int,
    name: str,
    digest: str,
    state: ImportState,
    reason: str,
    now: int,
    comparison: PlanComparison | None,
    largest: Sequence[LargestChange],
) -> tuple[Import, list[Largest]]:
    """Give the record and its largest changes. `name`: what was edited; `now` in ms since the epoch."""
    entry = Import(
        source_id=source_id,
        name=name,
        contents=CONTENTS,
        state=state,
        at=now,
        data_at=now,
        sha256=digest,
        reason=reason,
        held_at=now if state is ImportState.HELD else None,
    )
    if comparison is not None:
        entry.known, entry.new = comparison.listings, comparison.new
        entry.up, entry.down, entry.zeroed = comparison.up, comparison.down, comparison.to_zero
        entry.missing, entry.newly_missing = comparison.gone_shown, comparison.gone
        entry.units_before, entry.units_after = comparison.units_before, comparison.units_after
        entry.rows = comparison.listings + comparison.new
        entry.changed = comparison.changed
    return entry, [
        Largest(one.sku, one.warehouse, one.before, one.after or 0, one.after is None) for one in largest
    ]
