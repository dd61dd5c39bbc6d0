"""ODS workbooks, as LibreOffice writes them: they store what a cell shows beside its value."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from typing_extensions import override

from syncd.sources.rows import SourceUnreadable
from syncd.sources.workbooks.package import DAMAGED, ENCRYPTED, Package, Tags, attribute
from syncd.sources.workbooks.raw import MOST_COLUMNS, MOST_ROWS, Number, Other, Raw, RawRow

_KINDS: Final = {
    "boolean": "a boolean",
    "date": "a date or time",
    "time": "a date or time",
    "percentage": "a percentage",
}
_ASIDE: Final = frozenset(("annotation", "frame", "custom-shape", "rect", "caption", "control", "g"))
"""What lies over a cell and is no part of its text."""
_ERROR: Final = re.compile(r"#[A-Z/0]+[!?]?|Err:[0-9]{3}")
_MOST_SPACES: Final = 1 << 16
_SPACES: Final = re.compile(r"[ \t\r\n]+")
_SIGNS: Final = {1: " ", 2: "\t", 3: "\n"}
"""XML has no such characters: they stand for signs that are meant, while white space between is not kept."""


class Ods:
    """An open ODS workbook.

    Raises:
        SourceUnreadable: it is damaged, encrypted or too large.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._package = Package(file)
        manifest = _Manifest()
        if "META-INF/manifest.xml" in self._package.names:
            self._package.read_whole("META-INF/manifest.xml", manifest)
        if manifest.encrypted:
            raise SourceUnreadable(ENCRYPTED)
        tables = _Tables()
        self._package.read_whole("content.xml", tables)
        self._sheets = [(name, style not in tables.hidden) for name, style in tables.found]

    def sheets(self) -> list[tuple[str, bool]]:
        """Their names in order, and whether each is visible."""
        return self._sheets

    def rows(self, sheet: str) -> Iterator[RawRow]:
        """The rows of a sheet that are not blank, in order.

        Raises:
            SourceUnreadable: it is damaged or too large.
        """
        tags = _Cells(sheet)
        for _ in self._package.read("content.xml", tags):
            for first, repeated, given in tags.rows:
                for row in range(first, first + repeated):
                    yield row, given
            tags.rows.clear()


class _Manifest(Tags):
    encrypted = False

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        self.encrypted = self.encrypted or tag == "encryption-data"


class _Tables(Tags):
    """The tables with their styles, and the styles that hide what has them."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.hidden: set[str] = set()
        self._style = ""
        self._depth = 0

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "style":
            self._style = attribute(given, "name") or ""
        elif tag == "table-properties" and attribute(given, "display") == "false":
            self.hidden.add(self._style)
        elif tag == "table":
            if not self._depth:
                self.found.append((attribute(given, "name") or "", attribute(given, "style-name") or ""))
            self._depth += 1

    @override
    def end(self, tag: str) -> None:
        self._depth -= tag == "table"


class _Cells(Tags):
    """The cells of one table. `rows`: the number of the first, how many are alike, their cells."""

    def __init__(self, sheet: str) -> None:
        self.rows: list[tuple[int, int, dict[int, Raw]]] = []
        self._sheet = sheet
        self._depth = self._inside = 0
        self._row = self._column = 0
        self._rows_alike = self._cells_alike = 1
        self._cells: dict[int, Raw] = {}
        self._given: dict[str, str] = {}
        self._lines: list[list[str]] = []
        self._in_cell = False
        self._line = self._aside = 0

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1 and attribute(given, "name") == self._sheet:
                self._inside, self._row = 1, 0
        elif self._inside and self._depth == 1:
            self._start_inside(tag, given)

    def _start_inside(self, tag: str, given: dict[str, str]) -> None:
        if tag == "table-row":
            self._rows_alike = _count(attribute(given, "number-rows-repeated"))
            self._column, self._cells = 0, {}
        elif tag in {"table-cell", "covered-table-cell"}:
            self._cells_alike = _count(attribute(given, "number-columns-repeated"))
            self._given, self._lines, self._in_cell, self._line, self._aside = given, [], True, 0, 0
        elif not self._in_cell:
            return
        elif tag in _ASIDE:
            self._aside += 1
        elif self._aside:
            return
        elif tag == "p":
            self._lines.append([])
            self._line += 1
        elif self._line:
            self._lines[-1].append(_sign(tag, given))

    @override
    def end(self, tag: str) -> None:
        if tag == "table":
            self._depth -= 1
            self._inside = self._inside and self._depth
        elif not self._inside or self._depth != 1:
            return
        elif tag in _ASIDE and self._in_cell:
            self._aside -= 1
        elif tag == "p" and not self._aside:
            self._line -= 1
        elif tag in {"table-cell", "covered-table-cell"}:
            self._end_cell()
        elif tag == "table-row":
            self._end_row()

    @override
    def text(self, text: str) -> None:
        if self._line and not self._aside:
            self._lines[-1].append(text)

    def _end_cell(self) -> None:
        self._in_cell = False
        raw = self._raw()
        if raw is not None:
            if self._column + self._cells_alike > MOST_COLUMNS:
                raise SourceUnreadable(
                    f"The sheet has more than {MOST_COLUMNS} columns. Export only those needed."
                )
            self._cells |= dict.fromkeys(range(self._column, self._column + self._cells_alike), raw)
        self._column += self._cells_alike

    def _end_row(self) -> None:
        if self._cells:
            if self._row + self._rows_alike > MOST_ROWS:
                raise SourceUnreadable(f"The sheet has more than {MOST_ROWS} rows. Split the export.")
            self.rows.append((self._row + 1, self._rows_alike, self._cells))
        self._row += self._rows_alike

    def _raw(self) -> Raw | None:
        shown = "\n".join(_SPACES.sub(" ", "".join(line)).translate(_SIGNS) for line in self._lines)
        kind = attribute(self._given, "value-type")
        if kind in {"float", "currency"}:
            digits = attribute(self._given, "value")
            if digits is None:
                raise SourceUnreadable(DAMAGED)
            return Number(digits, text=shown)
        if kind in _KINDS:
            return Other(_KINDS[kind], shown)
        if attribute(self._given, "formula") is not None and _ERROR.fullmatch(shown):
            return Other("an error", shown)
        return shown or attribute(self._given, "string-value") or None


def _sign(tag: str, given: dict[str, str]) -> str:
    """What an element inside a line stands for."""
    match tag:
        case "s":
            return "\x01" * min(_count(attribute(given, "c")), _MOST_SPACES)
        case "tab":
            return "\x02"
        case "line-break":
            return "\x03"
    return ""


def _count(text: str | None) -> int:
    if text is None:
        return 1
    if not re.fullmatch("[0-9]{1,7}", text, re.ASCII) or not int(text):
        raise SourceUnreadable(DAMAGED)
    return int(text)
