"""Workbooks (XLSX, XLS, ODS), read by a process of their own, which is trusted no more than they are."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, BinaryIO, Final, TypeAlias, cast

from syncd.sources.cells import Cell, Unusable
from syncd.sources.files import or_unreachable
from syncd.sources.rows import SourceUnreachable, SourceUnreadable, shown

CellRow: TypeAlias = tuple[int, Cell, Cell, Cell]
"""The number of a row as the spreadsheet counts; its SKU, location and quantity."""

_READER: Final = "syncd.sources.workbooks"
_LONGEST_LINE: Final = 4 << 20
_LONGEST_REASON: Final = 1_000
_PASSED_ON: Final = ("PYTHONPATH", "PYTHONHOME")
_NUMBER: Final = re.compile(r"-?[0-9.]{1,400}(E[-+][0-9]{1,4})?", re.ASCII)
CPU_SECONDS: Final = 600
"""Of work that a workbook may take."""
_REMEDY: Final = "Export it again, or as a CSV file."


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet that was chosen; `headers` of SKU, quantity and location ("" = there is none)."""

    name: str
    described: str
    headers: tuple[str, str, str]
    rows: Iterator[CellRow]


@contextmanager
def opened_sheet(
    file: BinaryIO, kind: str, *, sheet: str | None, columns: Mapping[str, str] | None
) -> Iterator[Sheet]:
    """Read a workbook of this kind, a real file: the sheet called `sheet`, or the one that has the columns.

    Raises:
        SourceUnreadable: at once or while its rows are taken: it cannot be used; the message says what to do.
        SourceUnreachable: it cannot be read now.
    """
    request = {"sheet": sheet, "columns": None if columns is None else dict(columns), "seconds": CPU_SECONDS}
    with or_unreachable("No process to read workbooks can be started"):
        reader = subprocess.Popen(  # noqa: S603 (our own code; what is foreign is in the request, as JSON)
            [sys.executable, "-P", "-m", _READER, kind, json.dumps(request)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
    with reader:
        try:
            messages = _messages(reader, cast("IO[bytes]", reader.stdout))
            yield _sheet(next(messages), messages)
        finally:
            reader.kill()


def _sheet(head: object, messages: Iterator[object]) -> Sheet:
    match head:
        case {"sheet": str(name), "described": str(described), "headers": [str(sku), str(units), str(place)]}:
            return Sheet(_safe(name), _safe(described), (sku, units, place), _rows(messages))
    raise _nonsense()


def _rows(messages: Iterator[object]) -> Iterator[CellRow]:
    count = 0
    for message in messages:
        if isinstance(message, list):
            for row in message:
                count += 1
                yield _row(row)
        elif message == {"rows": count}:
            return
        else:
            raise _nonsense()


def _row(row: object) -> CellRow:
    match row:
        case [int(line), sku, location, quantity] if line > 0:
            return line, _cell(sku), _cell(location), _cell(quantity)
    raise _nonsense()


def _cell(said: object) -> Cell:
    if said is None or isinstance(said, str) or type(said) is int:
        return said
    match said:
        case {"number": str(digits)} if _NUMBER.fullmatch(digits):
            return Decimal(digits)
        case {"text": str(text), "reason": str(reason)}:
            return Unusable(_safe(text), _safe(reason))
    raise _nonsense()


def _messages(reader: subprocess.Popen[bytes], output: IO[bytes]) -> Iterator[object]:
    """What the reader says, one message a line; one that only stops has not read to the end.

    Raises:
        SourceUnreadable: it refuses the file, or died of it.
        SourceUnreachable: it could not read the file.
    """
    while line := output.readline(_LONGEST_LINE):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise _nonsense() from None
        match message:
            case {"refused": str(reason)}:
                raise SourceUnreadable(_safe(reason))
            case {"failed": str(reason)}:
                raise SourceUnreachable(f"The workbook cannot be read: {_safe(reason)}")
        yield message
    raise _death(reader.wait())


def _death(status: int) -> SourceUnreadable:
    if status == -signal.SIGXCPU:
        return SourceUnreadable(f"Reading the workbook takes more than {CPU_SECONDS} s of work. {_REMEDY}")
    what = f"by signal {-status}, perhaps for want of memory" if status < 0 else f"with status {status}"
    return SourceUnreadable(f"The process that read the workbook ended {what}. {_REMEDY}")


def _nonsense() -> SourceUnreadable:
    return SourceUnreadable(f"The process that read the workbook made no sense. {_REMEDY}")


def _safe(text: str) -> str:
    """What is safe already stays as it is: to escape it twice would change it."""
    return text if text.isprintable() and len(text) <= _LONGEST_REASON else shown(text, _LONGEST_REASON)
