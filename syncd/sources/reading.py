"""From a file to rows, whatever its format: what it is, its bytes tell, and what was told is reported."""

from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from syncd.sources.delimited import read_delimited
from syncd.sources.json_rows import read_json
from syncd.sources.judge import FileTerms, Judge
from syncd.sources.packing import Content, unpacked
from syncd.sources.rows import KnownSkus, ReadReport, Row, SourceUnreadable
from syncd.sources.workbook import opened_sheet

_JSON: Final = (".json", ".jsonl", ".ndjson")
_DELIMITED: Final = (".csv", ".tsv", ".txt")


def read_file(
    file: BinaryIO, name: str, terms: FileTerms, known: KnownSkus, report: ReadReport
) -> Iterator[Row]:
    """The rows of an export file called `name`, one at a time, in the order of the file.

    `file` must be seekable and stays open. `known` tells whether a SKU that looks mangled by a spreadsheet
    (`1.23E+12`) is one all the same. Bad rows go to `report`, which is complete once the iterator ends.

    Raises:
        SourceUnreadable: while iterating: the file as a whole cannot be used, and rows that came before do
            not count either.
        SourceUnreachable: the trouble is with the machine or the moment.
    """
    with unpacked(file, name) as content:
        report.format = f"{content.packing}; " if content.packing else ""
        if content.kind != "text":
            yield from _read_workbook(content, terms, known, report)
        elif _is_json(content):
            yield from read_json(content.file, terms, known, report)
        else:
            yield from read_delimited(content.file, terms, known, report)


def _read_workbook(content: Content, terms: FileTerms, known: KnownSkus, report: ReadReport) -> Iterator[Row]:
    if terms.trailer is not None:
        raise SourceUnreadable("`trailer` is set for this source, and a workbook cannot have one.")
    file = cast("BinaryIO", content.file)
    with opened_sheet(file, content.kind, sheet=terms.sheet, columns=terms.columns) as sheet:
        report.format += f"{content.kind.upper()}; sheet {sheet.name}; {sheet.described}"
        judge = Judge(sheet.headers, terms, known, report)
        good = 0
        for line, sku, location, quantity in sheet.rows:
            row = judge.row(sku, location, quantity, line)
            if row is not None:
                good += row[2] is not None
                yield row
    judge.finish(good)


def _is_json(content: Content) -> bool:
    """Whether it is JSON: its name says so, or where that says nothing, its first character."""
    name = content.name.casefold()
    if name.endswith(_JSON + _DELIMITED):
        return name.endswith(_JSON)
    content.file.seek(0)
    return content.file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
