"""Which sheet of a workbook holds the stock, and below which row."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from syncd.sources.cells import Cell
from syncd.sources.columns import Columns, ColumnsMissing, find_columns
from syncd.sources.rows import SourceUnreadable, shown
from syncd.sources.workbooks.raw import RawRow, Workbook, header, identifier, quantity

_HEADER_ROWS: Final = 20
_MOST_NAMED: Final = 20


class Choice(NamedTuple):
    """A sheet, its columns, and the row that its headers stand in."""

    sheet: str
    columns: Columns
    row: int


def choose(book: Workbook, sheet: str | None, names: Mapping[str, str] | None) -> Choice:
    """The sheet to read: the one that is named, else the only visible one that has the columns.

    Raises:
        SourceUnreadable: there is none, or more than one.
    """
    there = book.sheets()
    if sheet is not None:
        if sheet not in dict(there):
            raise SourceUnreadable(f'No sheet is named "{shown(sheet)}". There are {_list(dict(there))}.')
        return _headed(book, sheet, names)
    found: list[Choice] = []
    refusal: ColumnsMissing | None = None
    for name, visible in there:
        if visible:
            try:
                found.append(_headed(book, name, names))
            except ColumnsMissing as error:
                refusal = refusal or error
    if len(found) > 1:
        raise SourceUnreadable(
            f"The sheets {_list(choice.sheet for choice in found)} all have these columns. Name the right "
            'one in the settings of this source: sheet = "…".'
        )
    if not found:
        raise refusal or SourceUnreadable("The workbook has no visible sheet. Export it again.")
    return found[0]


def cells(row: RawRow, columns: Columns) -> tuple[int, Cell, Cell, Cell] | None:
    """Row number, SKU, location, quantity; None where all are blank."""
    number, given = row
    place = columns.location
    sku = identifier(given.get(columns.sku), number, columns.sku)
    location = None if place is None else identifier(given.get(place), number, place)
    units = quantity(given.get(columns.quantity), number, columns.quantity)
    return None if sku is location is units is None else (number, sku, location, units)


def rows_of(book: Workbook, choice: Choice) -> Iterator[tuple[int, Cell, Cell, Cell]]:
    """Row number, SKU, location and quantity of what stands below the headers; what is blank is left out."""
    for row in book.rows(choice.sheet):
        if row[0] > choice.row:
            made = cells(row, choice.columns)
            if made is not None:
                yield made


def _headed(book: Workbook, sheet: str, names: Mapping[str, str] | None) -> Choice:
    refusal: ColumnsMissing | None = None
    for number, given in itertools.islice(book.rows(sheet), _HEADER_ROWS):
        headers = [header(given.get(column)) for column in range(max(given) + 1)]
        try:
            return Choice(sheet, find_columns(headers, names), number)
        except ColumnsMissing as error:
            refusal = refusal or error
    raise refusal or ColumnsMissing(f'The sheet "{shown(sheet)}" is empty. Export it again.')


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{shown(name)}"' for name in itertools.islice(names, _MOST_NAMED))
