"""Which imports look so wrong that a person must decide: no file empties a shop."""

from dataclasses import dataclass

from state.comparison import Comparison
from state.plans import PlanComparison

LEAST_ZEROED = 20
LEAST_LISTINGS = 20
"""An edit that lowers fewer listings than this is never held: whoever made it can see them all."""
PPM = 1_000_000
WINDOW_MS = 3_600_000
"""How far back losses add up: many small imports must not do what one is held for."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Limits in millionths of what the source had before; None = that guard is off."""

    max_missing: int | None
    max_zeroed: int | None
    max_drop: int | None
    max_bad_rows: int | None


def too_many_bad(bad: int, rows: int, guard: Guard) -> str | None:
    """Say why a file is rejected for its bad rows; None if it is not. `rows` includes the bad ones."""
    if guard.max_bad_rows is None or not bad or bad * PPM <= guard.max_bad_rows * rows:
        return None
    return f"{bad:,} of {rows:,} rows are bad, more than max_bad_rows allows ({_share(guard.max_bad_rows)})"


def looks_wrong(found: Comparison, guard: Guard, *, whole: bool) -> str | None:
    """Say why an import is held; None if it is plausible. `whole`: it lists all that its source has.

    What was lost within the hour adds to what this import loses, and is held against the import only if it
    loses something itself. So imports that lose nothing else than SKUs, one after the other, lose no more
    within an hour than one is allowed to; what they add meanwhile widens the share as it does for one.
    """
    reasons = [_lists_nothing(found) if whole else None, _missing(found, guard), _zeroed(found, guard)]
    return "; ".join(reason for reason in [*reasons, _drop(found, guard)] if reason is not None) or None


@dataclass(frozen=True, slots=True)
class PlanGuard:
    """Limits in millionths of what a channel shows above zero; None = that guard is off."""

    max_missing: int | None
    max_zeroed: int | None
    max_drop: int | None


def plan_looks_wrong(found: PlanComparison, guard: PlanGuard) -> str | None:
    """Say why an edit of a plan is held; None if it is plausible."""
    if found.to_zero + found.down + found.gone_shown < LEAST_LISTINGS:
        return None
    reasons = []
    if guard.max_zeroed is not None and _beyond(found.to_zero, found.shown, guard.max_zeroed):
        reasons.append(
            f"{found.to_zero:,} of {found.shown:,} listings above zero go to zero"
            f" (max_zeroed = {_share(guard.max_zeroed)})"
        )
    if guard.max_missing is not None and _beyond(found.gone_shown, found.shown, guard.max_missing):
        reasons.append(
            f"{found.gone_shown:,} of {found.shown:,} listings above zero are not sold any more"
            f" (max_missing = {_share(guard.max_missing)})"
        )
    lost = found.units_before - found.units_after
    if guard.max_drop is not None and _beyond(lost, found.units_before, guard.max_drop):
        fall = f"units shown fall from {found.units_before:,} to {found.units_after:,}"
        reasons.append(f"{fall} (max_drop = {_share(guard.max_drop)})")
    return "; ".join(reasons) or None


def _lists_nothing(found: Comparison) -> str | None:
    """A first snapshot must show some stock, and none takes all away: who would tell it from a bad export?"""
    if not found.levels and not found.rows:
        return "the first snapshot of this source lists no SKU"
    if not found.levels and not found.units_after:
        return f"the first snapshot of this source shows zero for all its {found.rows:,} SKUs"
    if found.missing and not found.rows:
        return f"it lists no SKU at all, of {found.known:,} known"
    return None


def _missing(found: Comparison, guard: Guard) -> str | None:
    if guard.max_missing is None:
        return None
    lost = _lost(found.missing, found.known, found.earlier.missing, guard.max_missing)
    if lost is None:
        return None
    limit = f"(max_missing = {_share(guard.max_missing)})"
    return f"{lost[0]:,} of {lost[1]:,} known SKUs are missing{lost[2]} {limit}"


def _zeroed(found: Comparison, guard: Guard) -> str | None:
    if guard.max_zeroed is None:
        return None
    lost = _lost(found.zeroed, found.known_shown, found.earlier.zeroed, guard.max_zeroed, least=LEAST_ZEROED)
    if lost is None:
        return None
    return (
        f"{lost[0]:,} of {lost[1]:,} SKUs above zero go to zero{lost[2]}"
        f" (max_zeroed = {_share(guard.max_zeroed)})"
    )


def _lost(now: int, of: int, earlier: int, limit: int, *, least: int = 1) -> tuple[int, int, str] | None:
    """Say how many are lost of how many, and in what time, if that is too many: by itself, or in sum."""
    if not now:
        return None
    for lost, before, within in ((now, of, ""), (now + earlier, of + earlier, " within an hour")):
        if lost >= least and _beyond(lost, before, limit):
            return lost, before, within
    return None


def _drop(found: Comparison, guard: Guard) -> str | None:
    """Compare units with the last import that was applied in full, which a hold may have gone below since."""
    if guard.max_drop is None or found.units_after >= found.known_units:
        return None
    last = max(found.known_units, found.earlier.last_units or 0)
    for before, within in ((last, ""), (found.earlier.units or 0, " within an hour")):
        if _beyond(before - found.units_after, before, guard.max_drop):
            fall = f"units fall from {before:,} to {found.units_after:,}"
            return f"{fall}{within} (max_drop = {_share(guard.max_drop)})"
    return None


def _beyond(part: int, whole: int, limit: int) -> bool:
    return part * PPM > limit * whole


def _share(ppm: int) -> str:
    return f"{ppm / 10_000:g}%"
