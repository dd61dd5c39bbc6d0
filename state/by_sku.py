"""The listings of some SKUs, found through an index, whatever the marketplace calls them.

Most are called by their SKU: the primary key finds those. An index of their own has the others.
"""

import json
from collections.abc import Iterable
from typing import Any

from state.dialect import RENAMED_INDEX

CALLED = "coalesce(nullif({0}.identifier, ''), {0}.sku)"
"""What the listing of an attempt is called: older attempts do not say it, and then it is the SKU."""

LISTING_OF_FAILURE = (
    "CROSS JOIN listing l ON l.channel_id = f.channel_id AND l.identifier = f.identifier"
    " AND l.warehouse = f.warehouse"
)
"""Joins the listing `l` that a failure `f` is of."""


def of_skus(columns: str, where: str = "true") -> str:
    """Write the query for those of them that are `where`; `these_skus` gives its parameters."""
    return (
        f"SELECT {columns} FROM listing WHERE channel_id = :channel"
        f" AND identifier IN (SELECT value FROM json_each(:skus)) AND sku = identifier AND ({where})"
        f" UNION ALL SELECT {columns} FROM listing {RENAMED_INDEX} WHERE channel_id = :channel"
        f" AND sku IN (SELECT value FROM json_each(:skus)) AND identifier <> sku AND ({where})"
    )


def these_skus(channel_id: int, skus: Iterable[str], **more: object) -> dict[str, Any]:
    """Give the parameters of `of_skus`, and `more` of its own."""
    return {"channel": channel_id, "skus": json.dumps(sorted(set(skus))), **more}
