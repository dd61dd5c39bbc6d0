"""What the cells of a row mean: a SKU at a location with a quantity, no opinion, or a bad row."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from syncd.core.mangled import looks_mangled, originals
from syncd.core.numbers import LARGEST_QUANTITY, AmbiguousNumber, parse_quantity, whole_units
from syncd.sources.cells import Cell, Unusable
from syncd.sources.identifiers import read_identifier, trimmed
from syncd.sources.rows import BadRow, KnownSkus, ReadReport, Row, SourceUnreadable, shown

_REMEMBERED: Final = 10_000
_AMBIGUOUS_EXAMPLES: Final = 3
_MOST_SUGGESTIONS: Final = 100
"""Searching for what a SKU was costs some look-ups each; a file with more is beyond such help."""


@dataclass(frozen=True, slots=True)
class FileTerms:
    """How a source's files are read, as configured.

    `columns`: our name = the file's header; what is left out is recognised. `trailer`: what the last row of
    a complete file says, with `{rows}` for the number of rows before it; None = nothing. `sheet`: the sheet
    of a workbook; None = the one that has the columns. `location`: all of the source lies there; "" = where
    its rows say.
    """

    columns: Mapping[str, str] | None = None
    numbers: str = "auto"
    sheet: str | None = None
    trailer: str | None = None
    location: str = ""


class Judge:
    """Decides on rows that are not plainly good, and counts."""

    def __init__(
        self, headers: tuple[str, str, str], terms: FileTerms, known: KnownSkus, report: ReadReport
    ) -> None:
        """`headers` of SKU, quantity and location ("" = the table has none) name the columns of bad rows."""
        self.report = report
        self.place = terms.location
        """Where a row lies that does not say it."""
        if self.place:
            report.format += f"; location {shown(self.place)}"
        self.quantities: dict[str, int] = {}
        self.locations: dict[str, str] = {}
        """What the most frequent cells say: a table repeats few different quantities and locations."""
        self._sku_header, self._quantity_header, self._location_header = headers
        self._numbers = terms.numbers
        self._known = known
        self._ambiguous: dict[str, str] = {}
        self._suggestions = 0

    def row(self, sku: Cell, location: Cell, quantity: Cell, line: int) -> Row | None:
        """Give the row that these cells make; None where they make none."""
        name = self._identifier(sku, self._sku_header, line)
        place = self._location(location, line)
        if name is None or place is None:
            return None
        if not name:
            if quantity is None or (isinstance(quantity, str) and not trimmed(quantity)):
                self.report.blank += 1
            else:
                self.bad(line, self._sku_header, "", "no SKU beside a quantity")
            return None
        if looks_mangled(name) and not self._known.knows(name):
            reason = f"a spreadsheet seems to have taken this SKU for a number{self._suggestion(name)}"
            self.bad(line, self._sku_header, name, reason)
            return None
        return name, place, self._quantity(quantity, line), line

    def bad(self, line: int, column: str, value: str, reason: str, *, identified: bool = False) -> None:
        """Count a row as bad. `identified`: its SKU is known all the same."""
        self.report.add_bad(BadRow(line, shown(column), shown(value), reason), identified=identified)

    def finish(self, good: int, *, cut_off: bool = False) -> None:
        """All rows are read, `good` of them usable. `cut_off`: the file may be, and its last row with it.

        Raises:
            SourceUnreadable: some quantities could be read in several ways.
        """
        if self._ambiguous:
            raise self._undecided()
        if cut_off:
            self.report.notes.append("The last line has no line end: was the file cut off?")
        self.report.rows = good + self.report.blank + self.report.bad

    def _undecided(self) -> SourceUnreadable:
        examples = "; ".join(self._ambiguous.values())
        return SourceUnreadable(
            f"Some quantities can be read in more than one way: {examples}. Say how this export writes "
            'numbers in the settings of this source: numbers = "1.234,5", "1,234.5" or "1234".'
        )

    def _suggestion(self, mangled: str) -> str:
        """Name the one known SKU that it may have been. It is for a person to decide, and never applied."""
        self._suggestions += 1
        if self._suggestions > _MOST_SUGGESTIONS:
            return ""
        candidates: set[str] = set()
        for low, high in originals(mangled):
            if low != high:
                candidates.update(self._known.digits_between(low, high))
            elif self._known.knows(low):
                candidates.add(low)
            if len(candidates) > 1:
                return ""
        return f'; the one known SKU that looks so there is "{shown(candidates.pop())}"' if candidates else ""

    def _identifier(self, cell: Cell, header: str, line: int) -> str | None:
        if isinstance(cell, Unusable):
            self.bad(line, header, cell.text, cell.reason)
            return None
        text = "" if cell is None else str(cell)
        try:
            return read_identifier(text)
        except ValueError as error:
            self.bad(line, header, text, str(error))
            return None

    def _location(self, cell: Cell, line: int) -> str | None:
        if not self._location_header:
            return self.place
        location = self._identifier(cell, self._location_header, line)
        if self.place and location is not None and location != self.place:
            if location:
                reason = (
                    f'the row says location "{shown(location)}", and this source is set to'
                    f' location "{shown(self.place)}"'
                )
                self.bad(line, self._location_header, location, reason)
                return None
            location = self.place
        if location is not None and isinstance(cell, str) and len(self.locations) < _REMEMBERED:
            self.locations[cell] = location
        return location

    def _quantity(self, cell: Cell, line: int) -> int | None:
        if isinstance(cell, Unusable):
            self.bad(line, self._quantity_header, cell.text, cell.reason, identified=True)
            return None
        try:
            units = self._units(cell)
        except AmbiguousNumber as error:
            self._note_ambiguous(str(cell).strip(), line, error)
            return None
        except ValueError as error:
            self.bad(line, self._quantity_header, str(cell), str(error), identified=True)
            return None
        if units is None:
            self.report.blank += 1
        elif units < 0:
            self.report.negative += 1
            return 0
        elif isinstance(cell, str) and len(self.quantities) < _REMEMBERED:
            self.quantities[cell] = units
        return units

    def _units(self, cell: str | int | Decimal | None) -> int | None:
        if cell is None:
            return None
        if isinstance(cell, str):
            return parse_quantity(trimmed(cell), self._numbers)
        if isinstance(cell, int) and abs(cell) > LARGEST_QUANTITY:
            raise ValueError(f"larger than {LARGEST_QUANTITY}")
        return whole_units(Decimal(cell))

    def _note_ambiguous(self, text: str, line: int, error: AmbiguousNumber) -> None:
        self._ambiguous.setdefault(text, f"{text} (line {line}) {error}")
        if len(self._ambiguous) == _AMBIGUOUS_EXAMPLES:
            raise self._undecided() from None
        self.bad(line, self._quantity_header, text, str(error), identified=True)
