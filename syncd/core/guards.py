"""Which imports look so wrong that a person must decide: no file empties a shop."""

from dataclasses import dataclass

from state.staging import Comparison

LEAST_ZEROED = 20
PPM = 1_000_000


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
    """Say why an import is held; None if it is plausible. `whole`: it lists all that its source has."""
    if not found.known:
        return _first(found) if whole else None
    reasons = []
    if guard.max_missing is not None and found.missing * PPM > guard.max_missing * found.known:
        reasons.append(
            f"{found.missing:,} of {found.known:,} known SKUs are missing"
            f" (max_missing = {_share(guard.max_missing)})"
        )
    if (
        guard.max_zeroed is not None
        and found.zeroed >= LEAST_ZEROED
        and found.zeroed * PPM > guard.max_zeroed * found.known_shown
    ):
        reasons.append(
            f"{found.zeroed:,} of {found.known_shown:,} SKUs above zero go to zero"
            f" (max_zeroed = {_share(guard.max_zeroed)})"
        )
    drop = found.known_units - found.units_after
    if guard.max_drop is not None and drop * PPM > guard.max_drop * found.known_units:
        reasons.append(
            f"units fall from {found.known_units:,} to {found.units_after:,}"
            f" (max_drop = {_share(guard.max_drop)})"
        )
    return "; ".join(reasons) or None


def _first(found: Comparison) -> str | None:
    """The first snapshot of a source must show some stock: nothing tells an empty shop from a bad export."""
    if not found.rows:
        return "the first snapshot of this source lists no SKU"
    if not found.units_after:
        return f"the first snapshot of this source shows zero for all its {found.rows:,} SKUs"
    return None


def _share(ppm: int) -> str:
    return f"{ppm / 10_000:g}%"
