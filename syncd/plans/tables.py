"""CSV and TSV files of a plan, read row by row: what they cannot be is told with its line."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from syncd.plans.columns import Asked, Found, Line, find_columns
from syncd.plans.opening import PlanFile
from syncd.plans.problems import Problems
from syncd.sources.delimited import LONGEST_FIELD
from syncd.sources.dialects import DELIMITERS, SEPARATOR_LINE, Dialect
from syncd.sources.identifiers import trimmed
from syncd.sources.plain_text import BoundedText
from syncd.sources.rows import SourceUnreachable, SourceUnreadable, shown
from syncd.sources.trailer import CellRows

_FIRST_LINES: Final = 20
_CHUNK: Final = 1 << 18
_UNREADABLE_NOW: Final = "is not the text that it was: it is read again"


class Table(Protocol):
    """Rows of named cells, which somebody else wrote. `label` is what it is called, safe to show."""

    label: str

    def lines(self, asked: Asked, problems: Problems) -> Iterator[Line]:
        """Give its rows one at a time, never an exception: what is wrong goes to `problems`."""
        ...

    def may_hold(self, signs: bytes) -> bool:
        """Tell quickly whether any of these signs may stand in it."""
        ...


class TableFile:
    """A CSV or TSV file; its encoding and its delimiter are told by the file itself."""

    def __init__(self, path: Path, label: str) -> None:
        self.label = shown(label, 100)
        self._file = PlanFile(path)

    def lines(self, asked: Asked, problems: Problems) -> Iterator[Line]:
        """Give the rows that say something. See `Table`."""
        try:
            with self._file.opened() as file:
                yield from _Reading(file, asked, self.label, problems).lines()
        except SourceUnreachable as error:
            problems.add(self.label, _told(error), passing=True)
        except SourceUnreadable as error:
            problems.add(self.label, _told(error))
        except UnicodeDecodeError:
            problems.add(self.label, _UNREADABLE_NOW, passing=True)

    def may_hold(self, signs: bytes) -> bool:
        """Look for the bytes, which stand for these signs in every encoding. See `Table`."""
        try:
            with self._file.opened() as file:
                while chunk := file.read(_CHUNK):
                    if any(sign in chunk for sign in signs):
                        return True
        except (SourceUnreadable, OSError):
            return True  # whoever reads it finds out
        return False


class _Reading:
    """One reading of one file."""

    def __init__(self, file: BinaryIO, asked: Asked, label: str, problems: Problems) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self._asked = asked
        self._label = label
        self._problems = problems
        self._source = BoundedText(file)
        self._text = self._source.text()

    def lines(self) -> Iterator[Line]:
        first = list(itertools.islice(self._text, _FIRST_LINES))
        before, delimiters = _start(first)
        dialect = _dialect(first[before:], delimiters, self._asked)
        reader = dialect.reader(itertools.chain(first[before:], self._text))
        try:
            headers = next(reader)
        except csv.Error as error:
            raise SourceUnreadable(f"its headers cannot be read: {shown(str(error), 100)}") from None
        found = find_columns(headers, self._asked)
        if isinstance(found, list):
            for wrong in found:
                self._add(before + 1, wrong)
            return
        yield from self._rows(reader, found, before)

    def _rows(self, reader: CellRows, found: Found, before: int) -> Iterator[Line]:
        width, pick, unnamed = found
        source, label = self._source, self._label
        while True:
            source.line = before + reader.line_num
            try:
                for cells in reader:
                    source.line = line = before + reader.line_num
                    if len(cells) != width:
                        self._misshapen(line, cells, width)
                        continue
                    if unnamed and not self._is_clear(line, cells, unnamed):
                        continue
                    cells.append("")
                    picked = pick(cells)
                    if picked[0].strip() or any(map(trimmed, picked)):
                        yield f"{label} line {line}", picked
            except csv.Error as error:
                self._broken(error, source.line, before + reader.line_num)
            else:
                return

    def _misshapen(self, line: int, cells: list[str], width: int) -> None:
        if any(map(trimmed, cells)):
            self._add(line, f"{len(cells)} cells, but {width} headers: give each header one, blank or not")

    def _is_clear(self, line: int, cells: list[str], unnamed: tuple[int, ...]) -> bool:
        filled = [place for place in unnamed if trimmed(cells[place])]
        for place in filled:
            what = f'"{shown(cells[place])}" in column {place + 1}'
            self._add(line, f"{what}, which has no header: give it one")
        return not filled

    def _broken(self, error: csv.Error, last: int, line: int) -> None:
        why = shown(str(error), 100)
        if line > last + 1:
            raise SourceUnreadable(
                f"quotes do not match, starting on line {last + 1}: {why}: each quote that opens must close, "
                "and a quote inside a quoted cell must be doubled"
            )
        self._add(line, f"is not readable as CSV: {why}: look for a quote or a cell without end")

    def _add(self, line: int, what: str) -> None:
        self._problems.add(f"{self._label} line {line}", what)


def _start(lines: list[str]) -> tuple[int, str]:
    """Give after how many lines the headers begin, and the delimiters that there may be."""
    filled = [at for at, line in enumerate(lines) if trimmed(line)]
    if not filled:
        raise SourceUnreadable("is empty: write at least a row of headers, or take it out of syncd.toml")
    hint = SEPARATOR_LINE.fullmatch(trimmed(lines[filled[0]]))
    if hint is None:
        return filled[0], "".join(DELIMITERS)
    if len(filled) == 1:
        raise SourceUnreadable(f'has nothing after "{shown(trimmed(hint[0]))}": write a row of headers')
    return filled[1], hint[1]


def _dialect(lines: list[str], delimiters: str, asked: Asked) -> Dialect:
    """Choose what splits the first line into most of the headers asked for, else into most cells."""

    def worth(dialect: Dialect) -> tuple[int, int]:
        try:
            headers = next(dialect.reader(lines))
        except csv.Error:
            return 0, 0
        return asked.known(headers), len(headers)

    return max((Dialect(sign, '"') for sign in delimiters), key=worth)


def _told(error: SourceUnreadable) -> str:
    """Say it in the middle of a sentence, as problems are."""
    text = str(error)
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
