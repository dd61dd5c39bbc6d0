"""A workbook of any kind, opened."""

from typing import BinaryIO

from syncd.sources.workbooks.ods import Ods
from syncd.sources.workbooks.raw import Workbook
from syncd.sources.workbooks.xls import Xls
from syncd.sources.workbooks.xlsx import Xlsx


def open_workbook(file: BinaryIO, kind: str) -> Workbook:
    """Open a workbook; `kind`: `xlsx`, `xls` or `ods`.

    Raises:
        SourceUnreadable: it is damaged, encrypted or too large.
    """
    match kind:
        case "xlsx":
            return Xlsx(file)
        case "xls":
            return Xls(file)
        case "ods":
            return Ods(file)
    raise ValueError(kind)
