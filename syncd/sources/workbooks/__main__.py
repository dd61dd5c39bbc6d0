"""The process that reads a workbook: the file is its standard input, JSON lines are its standard output.

It holds nothing worth taking, may use little of the machine, and can die without harm to anybody else: an
archive made to burst, or a fault in a parser, costs the one file.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Final

from syncd.sources.cells import Cell, Unusable
from syncd.sources.rows import SourceUnreachable, SourceUnreadable
from syncd.sources.workbooks.choosing import choose, rows_of
from syncd.sources.workbooks.opening import open_workbook

MEMORY: Final = 384 << 20
"""Bytes of addresses: four times what a million rows were seen to need."""

_LIMITS: Final = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 16,
    resource.RLIMIT_NPROC: 0,
}
_ROWS_AT_ONCE: Final = 500
_CHARACTERS_AT_ONCE: Final = 100_000


def main() -> None:
    """Read the workbook of the kind, and by the request, that the arguments say."""
    kind, request = sys.argv[1], json.loads(sys.argv[2])
    _give_up_what_is_not_needed(request["seconds"])
    try:
        for message in _messages(sys.stdin.buffer, kind, request["sheet"], request["columns"]):
            _say(message)
    except SourceUnreachable as trouble:
        _say({"failed": str(trouble)})
    except SourceUnreadable as refusal:
        _say({"refused": str(refusal)})
    except MemoryError:
        _say({"refused": f"The workbook needs more than {MEMORY >> 20} MiB of memory. Export a CSV file."})
    except OSError as error:
        _say({"failed": error.strerror or str(error)})


def _messages(
    file: BinaryIO, kind: str, sheet: str | None, columns: dict[str, str] | None
) -> Iterator[object]:
    book = open_workbook(file, kind)
    choice = choose(book, sheet, columns)
    above = f"headers in row {choice.row}; " if choice.row > 1 else ""
    described = above + choice.columns.described()
    yield {"sheet": choice.sheet, "described": described, "headers": choice.columns.names}
    rows: list[object] = []
    count = size = 0
    for line, *cells in rows_of(book, choice):
        rows.append([line, *map(_encoded, cells)])
        count += 1
        size += sum(len(cell) for cell in cells if isinstance(cell, str))
        if len(rows) == _ROWS_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            yield rows
            rows, size = [], 0
    yield rows
    yield {"rows": count}


def _encoded(cell: Cell) -> object:
    if isinstance(cell, Decimal):
        return {"number": str(cell)}
    if isinstance(cell, Unusable):
        return {"text": cell.text, "reason": cell.reason}
    return cell


def _say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _give_up_what_is_not_needed(seconds: int) -> None:
    with suppress(OSError):  # where memory runs out, this process is the one to go
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for limit, most in (*_LIMITS.items(), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.prlimit(os.getpid(), limit)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(os.getpid(), limit, (least, least))  # setrlimit is forbidden under the unit


if __name__ == "__main__":
    main()
