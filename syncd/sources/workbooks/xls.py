"""XLS workbooks, as Excel wrote them until 2003."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import xlrd

from syncd.sources.files import DiskFile
from syncd.sources.rows import SourceUnreadable
from syncd.sources.workbooks.package import DAMAGED, ENCRYPTED
from syncd.sources.workbooks.raw import MOST_COLUMNS, Number, Other, Raw, RawRow

_ENCRYPTED_XLSX: Final = "EncryptedPackage".encode("utf-16-le")


class Xls:
    """An open XLS workbook.

    Raises:
        SourceUnreadable: it is damaged, encrypted, or no workbook.
    """

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        content = DiskFile(file).read()
        if _ENCRYPTED_XLSX in content:
            raise SourceUnreadable(ENCRYPTED)
        try:
            _require_ends(content)
            self._book = xlrd.open_workbook(
                file_contents=content, formatting_info=True, logfile=io.StringIO()
            )
        except MemoryError:
            raise
        except xlrd.XLRDError as error:
            encrypted = "encrypted" in str(error)
            raise SourceUnreadable(ENCRYPTED if encrypted else DAMAGED) from error
        except Exception as error:
            raise SourceUnreadable(DAMAGED) from error

    def sheets(self) -> list[tuple[str, bool]]:
        """Their names in order, and whether each is visible."""
        return [(sheet.name, sheet.visibility == 0) for sheet in self._book.sheets()]

    def rows(self, sheet: str) -> Iterator[RawRow]:
        """The rows of a sheet that are not blank, in order.

        Raises:
            SourceUnreadable: it is too large.
        """
        cells = self._book.sheet_by_name(sheet)
        if cells.ncols > MOST_COLUMNS:
            raise SourceUnreadable(
                f"The sheet has more than {MOST_COLUMNS} columns. Export only those needed."
            )
        for row in range(cells.nrows):
            given = {
                column: raw
                for column, cell in enumerate(cells.row(row))
                if (raw := self._raw(cell)) is not None
            }
            if given:
                yield row + 1, given

    def _raw(self, cell: xlrd.sheet.Cell) -> Raw | None:
        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return str(cell.value) or None
            case xlrd.XL_CELL_NUMBER | xlrd.XL_CELL_DATE:
                return Number(repr(cell.value), self._format(cell.xf_index))
            case xlrd.XL_CELL_BOOLEAN:
                return Other("a boolean", "TRUE" if cell.value else "FALSE")
            case xlrd.XL_CELL_ERROR:
                return Other("an error", xlrd.error_text_from_code.get(cell.value, "#ERROR"))
        return None

    def _format(self, style: int) -> str:
        try:
            return str(self._book.format_map[self._book.xf_list[style].format_key].format_str)
        except (IndexError, KeyError):
            raise SourceUnreadable(DAMAGED) from None


def _require_ends(content: bytes) -> None:
    """Follow each chain of short sectors: xlrd would follow one that runs in a circle until memory is out.

    Raises:
        xlrd.XLRDError: one has no end.
    """
    if not content.startswith(xlrd.compdoc.SIGNATURE):
        return
    document = xlrd.compdoc.CompDoc(content, logfile=io.StringIO())
    chain_of: dict[int, int] = {}
    for chain, entry in enumerate(document.dirlist):
        sector = entry.first_SID
        while 0 <= sector < len(document.SSAT) and sector not in chain_of:
            chain_of[sector] = chain
            sector = document.SSAT[sector]
        if chain_of.get(sector) == chain:
            raise xlrd.XLRDError("a chain of sectors has no end")
