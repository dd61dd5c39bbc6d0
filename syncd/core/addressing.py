"""What the marketplace knows a listing by: from the ledger to an update, and whether it can be sent so."""

import re

from connectors.contract import Capabilities, Identifier, StockUpdate
from state.plans import decode
from state.records import Attempt, DueListing


def identifier_of(listing: Attempt | DueListing) -> str:
    """Tell what the marketplace calls it, as `state.plans.encode` writes it."""
    return listing.identifier or listing.sku


def update_of(attempt: Attempt) -> StockUpdate:
    """Say what is sent for an attempt; what is called by its own SKU has no other identifier."""
    name = identifier_of(attempt)
    identifier = None if name == attempt.sku else Identifier(*decode(name))
    return StockUpdate(attempt.sku, attempt.warehouse, attempt.quantity, identifier)


def why_not_carried(identifier: Identifier, capabilities: Capabilities) -> tuple[str, str] | None:
    """Give a code, and the reason in words, why a marketplace cannot be told of this; None where it can."""
    kind, value = identifier
    if kind not in capabilities.identifier_kinds:
        known = ", ".join(capabilities.identifier_kinds)
        return "identifier_kind", f"this marketplace knows listings by {known}; {kind} is none of these"
    if kind == "sku" and capabilities.max_sku_length is not None and len(value) > capabilities.max_sku_length:
        return "sku_too_long", (
            f"this marketplace takes SKUs of at most {capabilities.max_sku_length} characters"
        )
    form = capabilities.identifier_forms.get(kind)
    if form is not None and not re.fullmatch(form, value):
        return "identifier_form", f"{value[:80]!r} cannot be a {kind} of this marketplace"
    return None
