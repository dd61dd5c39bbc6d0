"""What a marketplace calls a listing, for people and programs, where that is not the SKU."""

from state.plans import decode


def identifier_as_json(sku: str, identifier: str) -> dict[str, str] | None:
    """Give kind and value of an identifier of the ledger; None where the listing is called by its SKU."""
    if identifier in {"", sku}:
        return None
    kind, value = decode(identifier)
    return {"kind": kind, "value": value}


def identifier_as_text(sku: str, identifier: str) -> str:
    """Give it in words: `product_id 123`; "" where the listing is called by its SKU."""
    if identifier in {"", sku}:
        return ""
    return " ".join(decode(identifier))
