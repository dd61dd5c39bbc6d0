"""What SKUs are called on a channel: a file or a query of its own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from state.plans import ListedRow, encode
from syncd.plans.cells import read_sku
from syncd.plans.columns import Asked, Cells
from syncd.plans.problems import Problems
from syncd.plans.rules_file import read_warehouse
from syncd.plans.tables import Table
from syncd.sources.identifiers import trimmed
from syncd.sources.rows import shown

_SKU: Final = "sku"
_ITS_SKU: Final = "marketplace_sku"
"""The column of the marketplace's SKU, where that is not ours."""
_NUMBERS: Final = frozenset({"product_id"})
"""Kinds of identifiers that are numbers."""
_CELL: Final = "write it, or leave the cell out"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListingTerms:
    """What a channel's listings can be called, and where they can be.

    `kinds`: of identifiers that its marketplace takes. `longest_sku`: it takes none longer.
    """

    channel: str
    kinds: tuple[str, ...]
    warehouses: tuple[str, ...]
    longest_sku: int | None = None


class Listings:
    """Reads which SKUs a channel has, and what they are called there."""

    def __init__(self, table: Table, terms: ListingTerms) -> None:
        self._table = table
        self._terms = terms
        self._columns = tuple(_ITS_SKU if kind == _SKU else kind for kind in terms.kinds)
        self._asked = Asked((_SKU, "warehouse", *self._columns), needed=(_SKU,))
        self._places: dict[str, str] = {}

    def rows(self, problems: Problems) -> Iterator[ListedRow]:
        """Give its rows in their order; what is wrong goes to `problems`."""
        for origin, cells in self._table.lines(self._asked, problems):
            row = self._row(origin, cells, problems)
            if row is not None:
                yield row

    def _row(self, origin: str, cells: Cells, problems: Problems) -> ListedRow | None:
        column = _SKU
        try:
            sku = read_sku(cells[0], "name the SKU that this row is about")
            column = "warehouse"
            warehouse = self._warehouse(cells[1])
            filled = [at for at, cell in enumerate(cells) if cell and at > 1 and trimmed(cell)]
            column = self._columns[filled[0] - 2] if filled else _SKU
            identifier = self._identifier(sku, cells, filled)
        except ValueError as error:
            problems.add(origin, f"{column}: {error}")
            return None
        return ListedRow(sku, warehouse, identifier, origin)

    def _warehouse(self, cell: str) -> str:
        known = self._places.get(cell)
        if known is None:
            terms = self._terms
            known = read_warehouse(cell, terms.channel, terms.warehouses) if trimmed(cell) else ""
            if len(self._places) <= len(terms.warehouses):
                self._places[cell] = known
        return known

    def _identifier(self, sku: str, cells: Sequence[str], filled: list[int]) -> str:
        if not filled:
            if _SKU not in self._terms.kinds:
                raise ValueError(f"needs one of {', '.join(self._columns)}: this marketplace takes no SKU")
            return sku
        if len(filled) > 1:
            others = " and ".join(self._columns[at - 2] for at in filled[1:])
            raise ValueError(
                f"is filled, and {others} too: a row has one of them; write a row for each listing"
            )
        [at] = filled
        kind = self._terms.kinds[at - 2]
        if kind == _SKU:
            return self._its_sku(cells[at])
        return encode(kind, _number(cells[at]) if kind in _NUMBERS else read_sku(cells[at], _CELL))

    def _its_sku(self, cell: str) -> str:
        its, longest = read_sku(cell, _CELL), self._terms.longest_sku
        if longest is not None and len(its) > longest:
            raise ValueError(f"longer than {longest} characters, the most that this marketplace takes")
        return its


def _number(cell: str) -> str:
    number = trimmed(cell)
    if not _NUMBER.fullmatch(number):
        raise ValueError(
            f'must be digits only, at most 19, the first not 0, not "{shown(number)}": if a spreadsheet made '
            "that of it, format the column as text and write it again"
        )
    return number
