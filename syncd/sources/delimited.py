"""CSV and TSV files, as spreadsheets and business software write them."""

import csv
import itertools
from collections.abc import Iterator
from typing import Final

from syncd.sources.dialects import Header, find_header
from syncd.sources.files import Bytes
from syncd.sources.identifiers import LONGEST_IDENTIFIER, trimmed
from syncd.sources.judge import FileTerms, Judge
from syncd.sources.plain_text import BoundedText, changed_meanwhile
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreadable, shown
from syncd.sources.trailer import CellRows, WithoutTrailer

LONGEST_FIELD: Final = 1 << 16
_FIRST_LINES: Final = 60


def read_delimited(file: Bytes, terms: FileTerms, known: KnownSkus, report: ReadReport) -> Iterator[Row]:
    """The rows of a CSV or TSV file, one at a time, in the order of the file.

    `file` must be seekable and stays open. Bad rows go to `report`, which is complete once the iterator ends.

    Raises:
        SourceUnreadable: at once or while iterating: the file as a whole cannot be used, and rows that
            came before do not count either.
    """
    csv.field_size_limit(LONGEST_FIELD)
    source = BoundedText(file)
    text = source.text()
    try:
        lines = list(itertools.islice(text, _FIRST_LINES))
    except UnicodeDecodeError:
        raise changed_meanwhile() from None
    header = find_header(lines, terms.columns)
    reader = header.dialect.reader(itertools.chain(lines[header.before :], text))
    next(reader)  # the headers
    if terms.trailer is not None:
        reader = WithoutTrailer(reader, terms.trailer)
    report.format += f"{header.dialect.described()}; {source.encoding.label}; {header.described()}"
    judge = Judge(header.columns.names, terms, known, report)
    return _rows(source, header, reader, judge)


def _rows(source: BoundedText, header: Header, reader: CellRows, judge: Judge) -> Iterator[Row]:
    """The hot path: what is plainly a good row is let through here, everything else is judged."""
    before, columns = header.before, header.columns
    source.line = before + reader.line_num
    sku_at, quantity_at, location_at, width = columns.sku, columns.quantity, columns.location, columns.width
    quantities, locations = judge.quantities, judge.locations
    location: str | None = judge.place
    good = 0
    while True:
        try:
            for cells in reader:
                source.line = line = before + reader.line_num
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
                row = _judged(cells, line, header, judge)
                if row is not None:
                    good += row[2] is not None
                    yield row
        except csv.Error as error:
            _broken(judge, error, source.line, before + reader.line_num)
            source.line = before + reader.line_num
        except UnicodeDecodeError:
            raise changed_meanwhile() from None
        else:
            judge.finish(good, cut_off=source.ends_in_mid_line)
            return


def _judged(cells: list[str], line: int, header: Header, judge: Judge) -> Row | None:
    """The row that these cells make, or None where they make none."""
    columns = header.columns
    if not any(map(trimmed, cells)):
        return None
    if len(cells) != columns.width:
        judge.bad(line, "", "", f"{len(cells)} cells, but {columns.width} headers")
        return None
    location = None if columns.location is None else cells[columns.location]
    return judge.row(cells[columns.sku], location, cells[columns.quantity], line)


def _broken(judge: Judge, error: csv.Error, last: int, line: int) -> None:
    """The reader could not make sense of what follows line `last`, up to `line`.

    Raises:
        SourceUnreadable: it is more than one line: nobody knows which rows were swallowed.
    """
    why = shown(str(error), 100)  # it names the delimiter, which may be a tab
    if line > last + 1:
        raise SourceUnreadable(
            f"Quotes do not match, starting on line {last + 1}: {why}. Every quote that opens must "
            "close, and a quote inside a quoted cell must be doubled."
        )
    judge.bad(line, "", "", f"not readable as CSV: {why}")
