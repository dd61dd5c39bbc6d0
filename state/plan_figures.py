"""What a staged plan would change, in figures: for the guards, and for people."""

from typing import Final, NamedTuple

from state.outlook import Run
from state.plans import PlanComparison

LARGEST: Final = 10
_COUNTS: Final = {
    "up": "desired > before",
    "down": "desired > 0 AND desired < before",
    "to_zero": "desired = 0 AND before > 0",
    "new": "before IS NULL",
    "paused": "paused > was_paused",
    "resumed": "paused < was_paused",
}


class LargestChange(NamedTuple):
    """One of a plan's largest changes. `before` None = a new listing; `after` None = it is sold no longer."""

    units: int
    sku: str
    warehouse: str
    before: int | None
    after: int | None


def figures(run: Run, channel_id: int) -> PlanComparison:
    """Count what the tables `wanted` and `unwanted` change, against what the channel has now."""
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in _COUNTS.values())
    *counted, more = run(
        f"SELECT {counts}, coalesce(sum(desired - coalesce(before, 0)), 0) FROM wanted", ()
    ).fetchone()
    gone, gone_shown, fewer = run(
        "SELECT count(*), count(*) FILTER (WHERE desired > 0), coalesce(sum(desired), 0) FROM unwanted", ()
    ).fetchone()
    listings, shown, units = run(
        "SELECT count(*), count(*) FILTER (WHERE desired > 0), coalesce(sum(desired), 0) FROM listing"
        " WHERE channel_id = ?",
        (channel_id,),
    ).fetchone()
    return PlanComparison(
        listings=listings,
        shown=shown,
        units_before=units,
        units_after=units + more - fewer,
        gone=gone,
        gone_shown=gone_shown,
        **dict(zip(_COUNTS, counted, strict=True)),
    )


def largest_changes(run: Run) -> list[LargestChange]:
    """Give the largest of what they change, the largest first."""
    rows = run(
        "SELECT abs(desired - coalesce(before, 0)) AS units, sku, warehouse, before, desired FROM wanted"
        " UNION ALL SELECT desired, sku, warehouse, desired, NULL FROM unwanted"
        " ORDER BY units DESC, sku, warehouse LIMIT ?",
        (LARGEST,),
    )
    return [LargestChange(*row) for row in rows.fetchall()]
