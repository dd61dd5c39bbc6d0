"""Which due listings share the next request: the dangerous direction first, and none starves."""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.contract import Grouping
from state.records import DueListing

RESERVED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one request, and what is left of the credit of the lower classes afterwards."""

    rows: tuple[DueListing, ...]
    credit: float


def choose_batch(due: Sequence[DueListing], *, limit: int, grouping: Grouping, credit: float) -> Batch:
    """Choose at most `limit` rows: by class of risk, the oldest first within each.

    A tenth of all rows sent accrues as `credit` (in rows) to the lower classes; once it makes a whole row,
    the oldest listing of any lower class goes along. Suspects travel apart from the rest, with their like and
    no more at once than their `batch_limit`, so that one bad row is found by halving.
    """
    if not due:
        return Batch((), credit)
    ordered = sorted(due, key=lambda listing: (listing.risk, listing.since))
    lead = _lead(ordered, limit, grouping, credit)
    pool = [listing for listing in ordered if _may_travel_with(listing, lead, grouping)]
    if lead.batch_limit is not None:
        limit = min(limit, lead.batch_limit)
    lower = sorted((listing for listing in pool if listing.risk > ordered[0].risk), key=_since)
    reserved = lower[: min(int(credit), limit)]
    first = [listing for listing in pool if listing not in reserved][: limit - len(reserved)]
    rows = _with_siblings([*first, *reserved], pool, limit, grouping)
    spent = sum(listing.risk > ordered[0].risk for listing in rows)
    waiting = any(listing.risk > ordered[0].risk for listing in ordered)
    earned = RESERVED_SHARE * len(rows) if waiting else 0.0
    return Batch(tuple(rows), min(max(credit - spent, 0.0) + earned, float(limit)))


def _since(listing: DueListing) -> int:
    return listing.since


def _lead(ordered: Sequence[DueListing], limit: int, grouping: Grouping, credit: float) -> DueListing:
    """Find the listing that decides with whom the request is shared.

    Where a request serves one warehouse, lower classes of another warehouse can only be served by a request
    of their own, once their credit pays for a whole one.
    """
    urgent = ordered[0]
    lower = [listing for listing in ordered if listing.risk > urgent.risk]
    if grouping is Grouping.WAREHOUSE and lower and credit >= limit:
        return min(lower, key=_since)
    return urgent


def _may_travel_with(listing: DueListing, lead: DueListing, grouping: Grouping) -> bool:
    if grouping is Grouping.WAREHOUSE and listing.warehouse != lead.warehouse:
        return False
    return listing.batch_limit == lead.batch_limit


def _with_siblings(
    rows: list[DueListing], pool: Sequence[DueListing], limit: int, grouping: Grouping
) -> list[DueListing]:
    """Let the other warehouses of a SKU travel in the same row of the marketplace's, as far as they fit."""
    if grouping is not Grouping.SKU:
        return rows
    skus = {listing.sku for listing in rows}
    siblings = [listing for listing in pool if listing.sku in skus and listing not in rows]
    return [*rows, *siblings[: limit - len(rows)]]
