"""The rows of an overwrite of stock, pure: what is sent for each update, and which answer is whose.

Pages Update Stock and Bulk Request Rate Adjustment of developer.tokopedia.com. An answer has no row index:
failed rows are known by the identifier that was sent, succeeded ones by their product id alone.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from connectors.contract import Identifier, Outcome, OutcomeKind, Reason, StockUpdate
from connectors.transport import compact_json, quoted

PRODUCT_ID = "product_id"


def stock_body(updates: Sequence[StockUpdate]) -> bytes:
    """The rows of one overwrite. Each has one identifier: beside a `sku`, a `product_id` would be ignored."""
    return compact_json([_as_row(update) for update in updates])


def _as_row(update: StockUpdate) -> dict[str, Any]:
    kind, value = update.listed_as
    return {kind: int(value) if kind == PRODUCT_ID else value, "new_stock": update.quantity}


def read_rows(
    data: Mapping[str, Any], updates: Sequence[StockUpdate], secrets: Collection[str]
) -> tuple[Outcome, ...]:
    """A row is accepted if it is not named as failed, and only where everything adds up.

    Otherwise the rows named as failed keep their verdict, and the answer proves nothing for the others.
    """
    sent = {update.listed_as: update for update in updates}
    named = data.get("failed_rows_data")
    named = [] if named is None else named
    failed: dict[Identifier, Outcome] = {}
    for row in named if isinstance(named, list) else ():
        identifier = _named_in(row, sent)
        if identifier is not None:
            failed[identifier] = _read_failed_row(row, sent[identifier], secrets)
    rest = [update for update in updates if update.listed_as not in failed]
    # A row that matches nothing sent, or twice the same, makes `named` longer than `failed`.
    adds_up = (
        isinstance(named, list)
        and len(named) == len(failed)
        and _count(data, "failed_rows") == len(failed)
        and _count(data, "succeed_rows") == len(rest)
        and (data.get("total_data") is None or _count(data, "total_data") == len(updates))
        and _is_echo_of(data.get("succeed_rows_data"), rest)
    )
    return tuple(failed.get(update.listed_as) or _unnamed(update, accepted=adds_up) for update in updates)


def _named_in(row: Any, sent: Collection[Identifier]) -> Identifier | None:
    """Which of the identifiers sent a failed row names; None where it names none, or two."""
    if not isinstance(row, dict):
        return None
    sku, product_id = row.get("sku"), _product_id(row.get("product_id"))
    named = []
    if isinstance(sku, str):
        named.append(Identifier("sku", sku))
    if product_id is not None:
        named.append(Identifier(PRODUCT_ID, product_id))
    matching = [identifier for identifier in named if identifier in sent]
    return matching[0] if len(matching) == 1 else None


def _product_id(value: Any) -> str | None:
    return str(value) if type(value) is int else None


def _unnamed(update: StockUpdate, *, accepted: bool) -> Outcome:
    if accepted:
        return Outcome(update, OutcomeKind.ACCEPTED)
    message = "the answer does not add up"
    return Outcome(update, OutcomeKind.UNKNOWN, Reason.UNANSWERED, message=message)


def _read_failed_row(row: Mapping[str, Any], update: StockUpdate, secrets: Collection[str]) -> Outcome:
    message = quoted(row.get("message"), secrets)
    word = message.rstrip(".").casefold()
    if word.startswith("err_too_many_request"):
        return Outcome(update, OutcomeKind.DEFERRED, Reason.THROTTLED, code=message, message=message)
    unlisted = word in ("invalid sku", "invalid product id")
    reason = Reason.NOT_LISTED if unlisted else Reason.QUANTITY
    return Outcome(update, OutcomeKind.REJECTED, reason, code=message, message=message)


def _count(data: Mapping[str, Any], key: str) -> int | None:
    """A count; absent is 0 (Tokopedia drops zeros), what is no whole number is None."""
    value = data.get(key)
    if value is None:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_echo_of(rows: Any, accepted: Sequence[StockUpdate]) -> bool:
    """Whether the list of succeeded rows, where there is one, does not contradict what was sent.

    What was sent by SKU is not named in it, so that only number and quantities can be compared; what was sent
    by product id is.
    """
    if rows is None:
        return True
    if not isinstance(rows, list) or len(rows) != len(accepted):
        return False
    if not all(isinstance(row, dict) for row in rows):
        return False
    tells_stock = any("stock" in row for row in rows)
    if tells_stock and Counter(_count(row, "stock") for row in rows) != Counter(
        update.quantity for update in accepted
    ):
        return False
    return not any("productID" in row for row in rows) or all(
        _is_named(update, rows, tells_stock=tells_stock)
        for update in accepted
        if update.listed_as.kind == PRODUCT_ID
    )


def _is_named(update: StockUpdate, rows: Sequence[Mapping[str, Any]], *, tells_stock: bool) -> bool:
    """Whether exactly one row has the product id of this update, and its quantity."""
    own = [row for row in rows if _product_id(row.get("productID")) == update.listed_as.value]
    return len(own) == 1 and (not tells_stock or _count(own[0], "stock") == update.quantity)
