"""How a text file writes its table: told by the one way of splitting it that shows the needed headers."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from syncd.sources.columns import Columns, ColumnsMissing, find_columns
from syncd.sources.identifiers import trimmed
from syncd.sources.rows import SourceUnreadable, shown
from syncd.sources.trailer import CellRows

HEADER_LINES: Final = 20
"""Among so many first lines the headers must be: a report may begin with a title."""

DELIMITERS: Final = {",": "CSV; comma", ";": "CSV; semicolon", "\t": "TSV; tab", "|": "CSV; bar"}
SEPARATOR_LINE: Final = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
"""What Excel puts first to tell itself the delimiter."""


class Dialect(NamedTuple):
    """How cells are parted and quoted."""

    delimiter: str
    quote: str

    def described(self) -> str:
        """Name it for people."""
        return DELIMITERS[self.delimiter] + ("" if self.quote == '"' else "; single quotes")

    def reader(self, lines: Iterable[str]) -> CellRows:
        """Split lines into cells."""
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, strict=True)


class Header(NamedTuple):
    """The row of headers: after how many lines it begins, how it is written, and what it names."""

    before: int
    dialect: Dialect
    columns: Columns
    titled: bool
    """Whether something stands before it."""

    def described(self) -> str:
        """Name it for people."""
        return (f"headers in line {self.before + 1}; " if self.titled else "") + self.columns.described()


def find_header(lines: Sequence[str], names: Mapping[str, str] | None) -> Header:
    """Find the first line that one dialect, and only one, splits into the needed headers.

    Raises:
        SourceUnreadable: there is none, or more than one way to read it.
    """
    filled = [at for at, line in enumerate(lines[:HEADER_LINES]) if trimmed(line)]
    if not filled:
        raise SourceUnreadable("The file is empty: it has not even a row of headers. Export it again.")
    hint = SEPARATOR_LINE.fullmatch(trimmed(lines[filled[0]]))
    refusals: list[tuple[int, SourceUnreadable]] = []
    for at in filled[1:] if hint else filled:
        for quote in ('"', "'"):
            dialects = [Dialect(sign, quote) for sign in (hint[1] if hint else DELIMITERS)]
            found = _named_by(lines[at:], dialects, names, refusals)
            if found is not None:
                dialect, columns = found
                return Header(at, dialect, columns, titled=at != filled[bool(hint)])
    raise _best(refusals, hint)


def _named_by(
    lines: Sequence[str],
    dialects: Sequence[Dialect],
    names: Mapping[str, str] | None,
    refusals: list[tuple[int, SourceUnreadable]],
) -> tuple[Dialect, Columns] | None:
    """Give the one dialect that makes the needed columns appear in the first line; note why others do not."""
    found: list[tuple[Dialect, Columns]] = []
    unclear: SourceUnreadable | None = None
    for dialect in dialects:
        headers = _first_record(lines, dialect)
        try:
            found.append((dialect, find_columns(headers, names)))
        except ColumnsMissing as refusal:
            refusals.append((len(headers), refusal))
        except SourceUnreadable as refusal:
            unclear = refusal
    if len(found) > 1:
        raise SourceUnreadable(
            "The headers can be split by more than one of comma, semicolon, tab and bar. Keep to one of them."
        )
    if not found and unclear is not None:
        raise unclear
    return found[0] if found else None


def _best(refusals: list[tuple[int, SourceUnreadable]], hint: re.Match[str] | None) -> SourceUnreadable:
    """Choose the refusal of the line that has most headers: it is the one that was meant."""
    if not refusals:
        return SourceUnreadable(
            f'The file has nothing after "{shown(hint[0])}". Export it again.' if hint else ""
        )
    return max(refusals, key=lambda refusal: refusal[0])[1]


def _first_record(lines: Sequence[str], dialect: Dialect) -> list[str]:
    try:
        return next(dialect.reader(lines))
    except csv.Error:
        return [shown(lines[0].rstrip("\r\n"))]
