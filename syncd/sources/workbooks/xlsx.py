"""XLSX workbooks: only the parts that say what a cell shows are read."""

import posixpath
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from typing_extensions import override

from syncd.sources.rows import SourceUnreadable
from syncd.sources.workbooks.package import DAMAGED, Package, Tags, attribute
from syncd.sources.workbooks.raw import MOST_COLUMNS, MOST_ROWS, Number, Other, Raw, RawRow

_BUILTIN: Final = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_BUILTIN_DATES: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_OTHER_BUILTIN: Final = "#,##0.00"
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SURROGATES: Final = range(0xD800, 0xE000)
_PLACE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)


class Xlsx:
    """An open XLSX workbook.

    Raises:
        SourceUnreadable: it is damaged, encrypted or too large.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._package = Package(file)
        root = self._related("")
        book = next((path for kind, path in root.values() if kind == "officeDocument"), "")
        parts = self._related(book)
        listed = _Sheets()
        self._package.read_whole(book, listed)
        self._sheets = {
            name: (parts[part][1], visible) for name, part, visible in listed.found if part in parts
        }
        paths = dict(parts.values())
        styles, self._strings = _Styles(), _Strings()
        if "styles" in paths:
            self._package.read_whole(paths["styles"], styles)
        if "sharedStrings" in paths:
            self._package.read_whole(paths["sharedStrings"], self._strings)
        self._formats = styles.formats()

    def sheets(self) -> list[tuple[str, bool]]:
        """Their names in order, and whether each is visible."""
        return [(name, visible) for name, (_, visible) in self._sheets.items()]

    def rows(self, sheet: str) -> Iterator[RawRow]:
        """The rows of a sheet that are not blank, in order.

        Raises:
            SourceUnreadable: it is damaged or too large.
        """
        tags = _Cells(self._formats, self._strings.found)
        for _ in self._package.read(self._sheets[sheet][0], tags):
            yield from tags.rows
            tags.rows.clear()

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(part)
        related = _Related(folder)
        self._package.read_whole(posixpath.join(folder, "_rels", f"{name}.rels"), related)
        return related.found


class _Related(Tags):
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "Relationship":
            path = posixpath.normpath(posixpath.join("/", self._folder, given.get("Target", "")))
            kind = given.get("Type", "").rpartition("/")[2]
            self.found[given.get("Id", "")] = kind, path.lstrip("/")


class _Sheets(Tags):
    def __init__(self) -> None:
        self.found: list[tuple[str, str, bool]] = []

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "sheet":
            visible = given.get("state", "visible") == "visible"
            self.found.append((given.get("name", ""), attribute(given, "id") or "", visible))


class _Styles(Tags):
    def __init__(self) -> None:
        self._named: dict[int, str] = {}
        self._used: list[int] = []
        self._inside = False

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "numFmt":
            self._named[_index(given.get("numFmtId"))] = given.get("formatCode", "")
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            self._used.append(_index(given.get("numFmtId", "0")))

    @override
    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._inside = False

    def formats(self) -> list[str]:
        """The number format of each style."""
        return [self._named.get(number) or _builtin(number) for number in self._used]


def _builtin(number: int) -> str:
    return "d/m/y" if number in _BUILTIN_DATES else _BUILTIN.get(number, _OTHER_BUILTIN)


class _Strings(Tags):
    def __init__(self) -> None:
        self.found: list[str] = []
        self._pieces: list[str] = []
        self._wanted = self._phonetic = False

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "rPh":
            self._phonetic = True
        self._wanted = tag == "t" and not self._phonetic

    @override
    def end(self, tag: str) -> None:
        self._wanted = False
        if tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self.found.append(_unescaped("".join(self._pieces)))
            self._pieces.clear()

    @override
    def text(self, text: str) -> None:
        if self._wanted:
            self._pieces.append(text)


class _Cells(Tags):
    def __init__(self, formats: list[str], strings: list[str]) -> None:
        self.rows: list[RawRow] = []
        self._formats, self._strings = formats, strings
        self._cells: dict[int, Raw] = {}
        self._row = self._column = 0
        self._given: dict[str, str] = {}
        self._value: list[str] = []
        self._wanted = self._phonetic = self._formula = False

    @override
    def start(self, tag: str, given: dict[str, str]) -> None:
        self._wanted = False
        if tag == "c":
            self._begin_cell(given)
        elif tag in {"v", "t"}:
            self._wanted = not self._phonetic
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "row":
            row = _index(given["r"]) if "r" in given else self._row + 1
            if row <= self._row:
                raise SourceUnreadable(DAMAGED)
            if row > MOST_ROWS:
                raise SourceUnreadable(f"The sheet has more than {MOST_ROWS} rows. Split the export.")
            self._row, self._column, self._cells = row, -1, {}

    @override
    def end(self, tag: str) -> None:
        self._wanted = False
        if tag == "c":
            raw = self._raw()
            if raw is not None:
                self._cells[self._column] = raw
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "row" and self._cells:
            self.rows.append((self._row, self._cells))

    @override
    def text(self, text: str) -> None:
        if self._wanted:
            self._value.append(text)

    def _begin_cell(self, given: dict[str, str]) -> None:
        self._given, self._formula = given, False
        self._value.clear()
        place = given.get("r")
        column = self._column + 1
        if place is not None:
            found = _PLACE.fullmatch(place)
            if found is None or int(found[2]) != self._row:
                raise SourceUnreadable(DAMAGED)
            column = 0
            for letter in found[1]:
                column = column * 26 + ord(letter) - ord("A") + 1
            column -= 1
        if column <= self._column:
            raise SourceUnreadable(DAMAGED)
        if column >= MOST_COLUMNS:
            raise SourceUnreadable(
                f"The sheet has more than {MOST_COLUMNS} columns. Export only those needed."
            )
        self._column = column

    def _raw(self) -> Raw | None:
        text = "".join(self._value)
        kind = self._given.get("t", "n")
        if not text and kind not in {"str", "inlineStr"} and self._formula:
            return Other(
                "a formula without a stored result", "", "open the file in a spreadsheet and save it again"
            )
        if not text:
            return None
        if kind == "s":
            try:
                return self._strings[_index(text)] or None
            except IndexError:
                raise SourceUnreadable(DAMAGED) from None
        if kind in {"str", "inlineStr"}:
            return _unescaped(text)
        if kind in {"b", "d", "e"}:
            what = {"b": "a boolean", "d": "a date or time", "e": "an error"}[kind]
            return Other(what, {"0": "FALSE", "1": "TRUE"}.get(text, text) if kind == "b" else text)
        return Number(text, self._format())

    def _format(self) -> str:
        style = _index(self._given.get("s", "0"))
        if style < len(self._formats):
            return self._formats[style]
        if style:
            raise SourceUnreadable(DAMAGED)
        return "General"


def _index(text: str | None) -> int:
    if text is None or not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        raise SourceUnreadable(DAMAGED)
    return int(text)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(_letter, text) if "_x" in text else text


def _letter(found: re.Match[str]) -> str:
    """The escaped character; half of one stays as it is written, for no text has it."""
    code = int(found[1], 16)
    return found[0] if code in _SURROGATES else chr(code)
