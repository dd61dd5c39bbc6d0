"""Failed listings, a page at a time: what is found costs what is shown, however many failed."""

from dataclasses import dataclass

from sqlalchemy import Connection

from state.by_sku import LISTING_OF_FAILURE
from state.reports import FailureRow

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class FoundFailures:
    """A page of failures. `total` of all pages, counted up to `MOST_COUNTED`; `more` = there are more."""

    rows: list[FailureRow]
    total: int
    more: bool


_FROM = (
    f" FROM failure f JOIN channel c ON c.id = f.channel_id AND c.active {LISTING_OF_FAILURE}"
    " WHERE (l.refusal IS NOT NULL OR l.changed)"
    " AND (:channel = '' OR c.name = :channel)"
    " AND (:text = '' OR l.sku LIKE :like ESCAPE '\\' OR f.code LIKE :like ESCAPE '\\'"
    "   OR f.message LIKE :like ESCAPE '\\' OR l.identifier LIKE :like ESCAPE '\\')"
)


def find_failures(
    connection: Connection, *, channel: str = "", text: str = "", offset: int = 0, limit: int = 50
) -> FoundFailures:
    """Find the failed listings of a channel ("" = all) that hold `text` in SKU, identifier, code or message.

    They come in the order of their identifiers, which are SKUs unless the marketplace calls them otherwise.
    """
    like = "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in text)
    terms = {"channel": channel, "text": text, "like": f"%{like}%", "limit": limit, "offset": offset}
    counted = connection.exec_driver_sql(
        f"SELECT count(*) FROM (SELECT 1{_FROM} LIMIT {MOST_COUNTED + 1})", terms
    ).scalar_one()
    rows = connection.exec_driver_sql(
        "SELECT c.name, l.sku, l.warehouse, l.desired, f.outcome, f.reason, f.code, f.message, f.attempts,"
        f" f.first_failed_at, l.not_before, '', '', l.identifier{_FROM}"
        " ORDER BY f.channel_id, f.identifier, f.warehouse LIMIT :limit OFFSET :offset",
        terms,
    )
    found = [FailureRow(*row) for row in rows]
    return FoundFailures(found, min(counted, MOST_COUNTED), counted > MOST_COUNTED)
