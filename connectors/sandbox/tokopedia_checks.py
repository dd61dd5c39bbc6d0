"""What Tokopedia's documents allow in a request; anything else is `Invalid`, with the documented code."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_INTEGER = re.compile(r"[0-9]{1,18}")
_LONGEST_SKU = 50
_LARGEST_ID = 2**63 - 1
_ROW_KEYS = frozenset({"sku", "product_id", "new_stock"})


class Invalid(Exception):
    """The request is not as documented."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def malformed(name: str, value: object, expected: str) -> Invalid:
    """`PRD_DLV_042`: Invalid field %s format, value %v should be %s."""
    shown = json.dumps(value)[:80]
    return Invalid("PRD_DLV_042", f"Invalid field {name} format, value {shown} should be {expected}")


def named_once(query: Sequence[tuple[str, str]], allowed: set[str]) -> dict[str, str]:
    """The query parameters by name; unknown and repeated ones are refused."""
    named: dict[str, str] = {}
    for name, value in query:
        if name not in allowed or name in named:
            raise malformed(name, value, "given once" if name in named else "absent")
        named[name] = value
    return named


def one_of(named: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Which one of these parameters was given."""
    given = [name for name in names if name in named]
    if len(given) != 1:
        raise malformed(names[0], None, f"exactly one of {', '.join(names)}")
    return given[0]


def integer(text: str, name: str, codes: tuple[str, str]) -> int:
    """An identifier; `codes` for an empty one and for one in the wrong format."""
    if not text:
        raise Invalid(codes[0], f"{name} cannot be empty")
    if not _INTEGER.fullmatch(text):
        raise Invalid(codes[1], f"invalid {name} format")
    return int(text)


def number(name: str, text: str, *, highest: int) -> int:
    """A whole number from 1 to `highest`."""
    if not _INTEGER.fullmatch(text) or not 1 <= int(text) <= highest:
        raise malformed(name, text, f"int from 1 to {highest}")
    return int(text)


def boolean(name: str, text: str) -> None:
    """A boolean as Go and JSON write it."""
    if text not in ("true", "false"):
        raise malformed(name, text, "bool")


def rows(headers: Mapping[str, str], body: bytes, most: int) -> list[dict[str, Any]]:
    """The rows of Update Stock: an array of 1 to `most` objects, none twice."""
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Invalid("PRD_DLV_015", "failed read body request")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("PRD_DLV_015", "failed read body request") from None
    if not isinstance(parsed, list) or not parsed:
        raise malformed("body", parsed, "an array of rows")
    if len(parsed) > most:
        raise Invalid("PRD_DLV_018", f"Max allowed products per-update are {most} products")
    seen: set[object] = set()
    for row in parsed:
        _check_row(row)
        key = row.get("sku") or row["product_id"]
        if key in seen:
            raise malformed("sku" if row.get("sku") else "product_id", key, "given once")
        seen.add(key)
    return parsed


def _check_row(row: object) -> None:
    if not isinstance(row, dict) or not _ROW_KEYS.issuperset(row):
        raise malformed("row", row, "an object of sku or product_id, and new_stock")
    sku, product_id, stock = row.get("sku"), row.get("product_id"), row.get("new_stock")
    if "sku" in row and not (isinstance(sku, str) and 0 < len(sku) <= _LONGEST_SKU):
        raise malformed("sku", sku, f"string of 1 to {_LONGEST_SKU} characters")
    if "product_id" in row and not (type(product_id) is int and 0 < product_id <= _LARGEST_ID):
        raise malformed("product_id", product_id, "int")
    if sku is None and product_id is None:
        raise malformed("sku", None, "string, or product_id int")
    if not (type(stock) is int and stock >= 0):
        raise malformed("new_stock", stock, "int")
