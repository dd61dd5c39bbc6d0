"""Known SKUs that may be meant by one that nobody knows. Each is found through an index."""

from collections.abc import Iterator
from difflib import get_close_matches

from sqlalchemy import Connection

NEAREST = 5
NEIGHBOURS = 100
MOST_LOOKS = 500
LONGEST_COMPARED = 200
SEPARATORS = " -_./"


def nearest_skus(connection: Connection, sku: str) -> list[str]:
    """Find known SKUs that may be meant: written differently, or alike and with the same beginning."""
    asked = sku[:LONGEST_COMPARED]
    beside = {
        neighbour.casefold(): neighbour
        for spelling in dict.fromkeys((asked.upper(), asked.lower(), asked))
        for neighbour in _neighbours(connection, spelling)
    }
    alike = [beside[one] for one in get_close_matches(asked.casefold(), list(beside), n=NEAREST)]
    return list(dict.fromkeys([*_written_differently(connection, asked), *alike]))[:NEAREST]


def _neighbours(connection: Connection, sku: str) -> Iterator[str]:
    """Give the SKUs next to this one in order: those that share the longest beginning with it."""
    for beside in ("< ? ORDER BY sku DESC", ">= ? ORDER BY sku"):
        for row in connection.exec_driver_sql(
            f"SELECT DISTINCT sku FROM stock WHERE sku {beside} LIMIT {NEIGHBOURS}", (sku,)
        ):
            yield row[0]


def _written_differently(connection: Connection, sku: str) -> list[str]:
    """Find the SKUs that differ only in case, spaces and other separators, or leading zeros.

    Walks along the index, letter by letter, wherever it goes on with one of the ways to write the next.
    """
    letters = "".join(sign for sign in sku if sign not in SEPARATORS and not sign.isspace()).lstrip("0")
    found: list[str] = []
    ways = [("", 0)]
    for _ in range(MOST_LOOKS):
        if not ways:
            break
        beginning, written = ways.pop()
        first = connection.exec_driver_sql(
            "SELECT sku FROM stock WHERE sku >= ? ORDER BY sku LIMIT 1", (beginning,)
        ).scalar()
        if first is None or not first.startswith(beginning):
            continue
        if first == beginning and written == len(letters) and beginning not in {"", sku}:
            found.append(beginning)
        ways += [(beginning + separator, written) for separator in SEPARATORS]
        if written == 0:
            ways.append((f"{beginning}0", 0))
        if written < len(letters):
            letter = letters[written]
            spellings = dict.fromkeys((letter, letter.lower(), letter.upper()))
            ways += [(beginning + spelling, written + 1) for spelling in spellings]
    return found
