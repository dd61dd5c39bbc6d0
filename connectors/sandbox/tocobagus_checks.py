"""What Tocobagus' documents allow in the body of Update Stocks; anything else is `Invalid`."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_NUMBER = re.compile(r"[0-9]{1,4}")

IDENTIFIERS = ("sku", "id", "externalId")


class Invalid(Exception):
    """The request is not as documented."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Order(NamedTuple):
    """One entry of `items`: what it is about, and quantities by warehouse ("" = the global stock)."""

    identifier: str
    value: str
    quantities: tuple[tuple[str, int], ...]


def orders(headers: Mapping[str, str], body: bytes, most: int) -> list[Order]:
    """The entries of the request: 1 to `most`, none twice."""
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Invalid("Content-Type must be application/json", 415)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("body is not JSON") from None
    if not isinstance(document, dict) or set(document) != {"items"}:
        raise Invalid("body must be an object with items")
    entries = document["items"]
    if not isinstance(entries, list) or not entries:
        raise Invalid("items must be a non-empty array")
    if len(entries) > most:
        raise Invalid(f"items must hold at most {most}", 413)
    read = [_order(place, entry) for place, entry in enumerate(entries)]
    if len({(order.identifier, order.value) for order in read}) < len(read):
        raise Invalid("items must not name the same product twice")
    return read


def number(query: Mapping[str, str], name: str, usual: int) -> int:
    """A query parameter from 1 to 1000."""
    text = query.get(name, str(usual))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= 1000:  # noqa: PLR2004 - the bound is stated above
        raise Invalid(f"{name} must be a number from 1 to 1000")
    return int(text)


def _order(place: int, entry: object) -> Order:
    if not isinstance(entry, dict):
        raise Invalid(f"items[{place}] must be an object")
    given = [name for name in IDENTIFIERS if name in entry]
    if len(given) != 1:
        raise Invalid(f"items[{place}] must have exactly one of sku, id, externalId")
    if unknown := set(entry) - {given[0], "stock", "warehouses"}:
        raise Invalid(f"items[{place}] has unknown keys: {', '.join(sorted(unknown))}")
    value = entry[given[0]]
    if not isinstance(value, str) or not value:
        raise Invalid(f"items[{place}].{given[0]} must be a non-empty string")
    return Order(given[0], value, _quantities(place, entry))


def _quantities(place: int, entry: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """Global stock, one stock for the listed warehouses, or a stock for each warehouse."""
    if "warehouses" not in entry:
        return (("", _stock(place, entry.get("stock"))),)
    warehouses = entry["warehouses"]
    if not isinstance(warehouses, list) or not warehouses:
        raise Invalid(f"items[{place}].warehouses must be a non-empty array")
    if "stock" in entry:
        stock = _stock(place, entry["stock"])
        quantities = tuple((_client_id(place, one), stock) for one in warehouses)
    else:
        quantities = tuple(_allocation(place, one) for one in warehouses)
    if len({warehouse for warehouse, _ in quantities}) < len(quantities):
        raise Invalid(f"items[{place}].warehouses must not name a warehouse twice")
    return quantities


def _allocation(place: int, entry: object) -> tuple[str, int]:
    if not isinstance(entry, dict) or set(entry) != {"clientId", "stock"}:
        raise Invalid(f"items[{place}].warehouses must hold objects of clientId and stock")
    return _client_id(place, entry["clientId"]), _stock(place, entry["stock"])


def _client_id(place: int, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid(f"items[{place}].warehouses must hold clientIds")
    return value


def _stock(place: int, value: object) -> int:
    if type(value) is not int or value < 0:
        raise Invalid(f"items[{place}].stock must be an integer of zero or more")
    return value
