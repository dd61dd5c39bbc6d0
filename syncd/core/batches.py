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
    urgent = ordered[0]
    lower = sorted((listing for listing in ordered if listing.risk > urgent.risk), key=_since)
    lead = _lead(urgent, lower, limit, grouping, credit)
    pool = [listing for listing in ordered if _may_travel_with(listing, lead, grouping)]
    most = limit if lead.batch_limit is None else min(limit, lead.batch_limit)
    reserved = _reserved(lower, lead, min(int(credit), most), grouping)
    first = [listing for listing in pool if listing not in reserved][: most - len(reserved)]
    rows = [*first, *reserved]
    spent = sum(listing.risk > urgent.risk for listing in rows)
    earned = RESERVED_SHARE * len(rows) if lower else 0.0
    return Batch(tuple(rows), min(max(credit - spent, 0.0) + earned, float(limit)))


def _since(listing: DueListing) -> int:
    return listing.since


def _lead(
    urgent: DueListing, lower: Sequence[DueListing], limit: int, grouping: Grouping, credit: float
) -> DueListing:
    """Find the listing that decides with whom the request is shared.

    The oldest of the lower classes may not travel with the urgent ones: it lies in another warehouse, or one
    of both is a suspect. Then it is served by a request of its own, once the credit pays for a whole one.
    """
    if lower and credit >= limit and not _may_travel_with(lower[0], urgent, grouping):
        return lower[0]
    return urgent


def _reserved(
    lower: Sequence[DueListing], lead: DueListing, most: int, grouping: Grouping
) -> list[DueListing]:
    """Choose what goes along for the credit; where the oldest cannot, the credit is saved for it."""
    if not lower or not _may_travel_with(lower[0], lead, grouping):
        return []
    return [listing for listing in lower if _may_travel_with(listing, lead, grouping)][:most]


def _may_travel_with(listing: DueListing, lead: DueListing, grouping: Grouping) -> bool:
    if grouping is Grouping.WAREHOUSE and listing.warehouse != lead.warehouse:
        return False
    return listing.batch_limit == lead.batch_limit
