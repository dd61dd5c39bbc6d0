"""CSV and TSV files, as spreadsheets and business software write them."""

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final

from syncd.core.numbers import AmbiguousNumber, parse_quantity
from syncd.sources.columns import Columns, ColumnsMissing, find_columns
from syncd.sources.identifiers import LONGEST_IDENTIFIER, looks_mangled, read_identifier, trimmed
from syncd.sources.plain_text import BoundedText
from syncd.sources.rows import BadRow, ReadReport, Row, SourceUnreadable, shown

LONGEST_FIELD: Final = 1 << 16
_DELIMITERS: Final = {",": "CSV; comma", ";": "CSV; semicolon", "\t": "TSV; tab"}
_HEADER_LINES: Final = 20
_REMEMBERED: Final = 10_000
_AMBIGUOUS_EXAMPLES: Final = 3


def read_table(
    file: BinaryIO,
    *,
    columns: Mapping[str, str] | None,
    numbers: str,
    known_sku: Callable[[str], bool],
    report: ReadReport,
) -> Iterator[Row]:
    """The rows of a CSV or TSV file, one at a time, in the order of the file.

    `file` must be seekable and stays open. `columns` and `numbers` are the settings of the source.
    `known_sku` says whether a SKU that looks mangled by a spreadsheet (`1.23E+12`) is one all the same.
    Bad rows go to `report`, which is complete once the iterator ends.

    Raises:
        SourceUnreadable: at once or while iterating: the file as a whole cannot be used, and rows that
            came before do not count either.
    """
    csv.field_size_limit(LONGEST_FIELD)
    source = BoundedText(file)
    text = source.text()
    try:
        lines = list(itertools.islice(text, _HEADER_LINES))
    except UnicodeDecodeError:
        raise source.not_utf8() from None
    delimiter, found = _header(lines, columns)
    mark = "UTF-8 with BOM" if source.has_mark else "UTF-8"
    report.format = f"{_DELIMITERS[delimiter]}; {mark}; {found.described()}"
    return _rows(source, itertools.chain(lines, text), delimiter, _Judge(found, numbers, known_sku, report))


def _header(lines: list[str], names: Mapping[str, str] | None) -> tuple[str, Columns]:
    """The delimiter that makes the needed columns appear in the first row that is not blank, and those."""
    blank = next((count for count, line in enumerate(lines) if trimmed(line)), None)
    if blank is None:
        raise SourceUnreadable("The file is empty: it has not even a row of headers. Export it again.")
    found: dict[str, Columns] = {}
    refusals: list[tuple[bool, int, SourceUnreadable]] = []
    for delimiter in _DELIMITERS:
        headers = _first_record(lines[blank:], delimiter)
        try:
            found[delimiter] = find_columns(headers, names)
        except SourceUnreadable as refusal:
            refusals.append((isinstance(refusal, ColumnsMissing), -len(headers), refusal))
    if len(found) > 1:
        raise SourceUnreadable(
            "The headers can be split by more than one of comma, semicolon and tab. Keep to one of them."
        )
    if not found:
        raise min(refusals, key=lambda refusal: refusal[:2])[2]
    return next(iter(found.items()))


def _first_record(lines: list[str], delimiter: str) -> list[str]:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return [shown(lines[0].rstrip("\r\n"))]


def _rows(source: BoundedText, lines: Iterator[str], delimiter: str, judge: "_Judge") -> Iterator[Row]:
    """The hot path: what is plainly a good row is let through here, everything else is judged."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    next(cells for cells in reader if any(map(trimmed, cells)))  # the headers
    source.line = reader.line_num
    sku_at, quantity_at, location_at, headers = judge.columns
    width = len(headers)
    quantities, locations = judge.quantities, judge.locations
    location: str | None = ""
    good = 0
    while True:
        try:
            for cells in reader:
                source.line = line = reader.line_num
                if len(cells) == width:
                    sku = cells[sku_at].strip()
                    quantity = quantities.get(cells[quantity_at])
                    if location_at is not None:
                        location = locations.get(cells[location_at])
                    if (
                        quantity is not None
                        and sku
                        and sku.isprintable()
                        and len(sku) <= LONGEST_IDENTIFIER
                        and "+" not in sku
                        and sku[-2:] != ".0"
                        and location is not None
                    ):
                        good += 1
                        yield sku, location, quantity, line
                        continue
                row = judge.row(cells, line)
                if row is not None:
                    good += row[2] is not None
                    yield row
        except csv.Error as error:
            judge.broken(error, source.line, reader.line_num)
            source.line = reader.line_num
        except UnicodeDecodeError:
            raise source.not_utf8() from None
        else:
            judge.finish(good)
            return


class _Judge:
    """Decides on the rows that are not plainly good."""

    def __init__(
        self, columns: Columns, numbers: str, known_sku: Callable[[str], bool], report: ReadReport
    ) -> None:
        self.columns = columns
        self.report = report
        self.quantities: dict[str, int] = {}
        self.locations: dict[str, str] = {}
        """What the most frequent cells say: a table repeats few different quantities and locations."""
        self._numbers = numbers
        self._known_sku = known_sku
        self._ambiguous: dict[str, str] = {}

    def row(self, cells: list[str], line: int) -> Row | None:
        """The row that these cells make, or None where they make none."""
        if not any(map(trimmed, cells)):
            return None
        if len(cells) != len(self.columns.headers):
            self._bad(line, "", "", f"{len(cells)} cells, but {len(self.columns.headers)} headers")
            return None
        sku = self._identifier(cells, self.columns.sku, line)
        location = (
            "" if self.columns.location is None else self._identifier(cells, self.columns.location, line)
        )
        if sku is None or location is None:
            return None
        text = trimmed(cells[self.columns.quantity])
        header = self.columns.headers[self.columns.sku]
        if not sku:
            if text:
                self._bad(line, header, "", "no SKU beside a quantity")
            else:
                self.report.blank += 1
            return None
        if looks_mangled(sku) and not self._known_sku(sku):
            self._bad(line, header, sku, "a spreadsheet seems to have taken this SKU for a number")
            return None
        return sku, location, self._quantity(text, line), line

    def broken(self, error: csv.Error, last: int, line: int) -> None:
        """The reader could not make sense of what follows line `last`, up to `line`.

        Raises:
            SourceUnreadable: it is more than one line: nobody knows which rows were swallowed.
        """
        if line > last + 1 or "unexpected end" in str(error):
            raise SourceUnreadable(
                f"Quotes do not match, starting on line {last + 1}: {error}. Every quote that opens must "
                "close, and a quote inside a quoted cell must be doubled."
            )
        self._bad(line, "", "", f"not readable as CSV: {error}")

    def finish(self, good: int) -> None:
        """All rows are read, `good` of them usable.

        Raises:
            SourceUnreadable: some quantities could be read in several ways.
        """
        if self._ambiguous:
            raise self._undecided()
        self.report.rows = good + self.report.blank + self.report.bad

    def _undecided(self) -> SourceUnreadable:
        examples = "; ".join(self._ambiguous.values())
        return SourceUnreadable(
            f"Some quantities can be read in more than one way: {examples}. Say how this export writes "
            'numbers in the settings of this source: numbers = "1.234,5", "1,234.5" or "1234".'
        )

    def _identifier(self, cells: list[str], position: int, line: int) -> str | None:
        try:
            return read_identifier(cells[position])
        except ValueError as error:
            self._bad(line, self.columns.headers[position], cells[position], str(error))
            return None

    def _location(self, cells: list[str], line: int) -> str | None:
        if self.columns.location is None:
            return ""
        location = self._identifier(cells, self.columns.location, line)
        if location is not None and len(self.locations) < _REMEMBERED:
            self.locations[cells[self.columns.location]] = location
        return location

    def _quantity(self, text: str, line: int) -> int | None:
        header = self.columns.headers[self.columns.quantity]
        try:
            quantity = parse_quantity(text, self._numbers)
        except AmbiguousNumber as error:
            self._ambiguous.setdefault(text, f"{text} (line {line}) {error}")
            if len(self._ambiguous) == _AMBIGUOUS_EXAMPLES:
                raise self._undecided() from None
            self._bad(line, header, text, str(error), identified=True)
            return None
        except ValueError as error:
            self._bad(line, header, text, str(error), identified=True)
            return None
        if quantity is None:
            self.report.blank += 1
        elif quantity < 0:
            self.report.negative += 1
            return 0
        elif len(self.quantities) < _REMEMBERED:
            self.quantities[text] = quantity
        return quantity

    def _bad(self, line: int, column: str, value: str, reason: str, *, identified: bool = False) -> None:
        self.report.add_bad(BadRow(line, shown(column), shown(value), reason), identified=identified)
