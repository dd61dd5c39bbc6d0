"""The last row of a file that says that nothing is missing: `END,1234`."""

import csv
import re
from typing import Final, Protocol, Self

from syncd.sources.identifiers import trimmed
from syncd.sources.rows import SourceUnreadable, shown

ROWS: Final = "{rows}"
_PARTING: Final = re.compile(r"[,;\t|]")


class CellRows(Protocol):
    """Rows of cells; `line_num` counts the lines read so far."""

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        ...

    def __iter__(self) -> Self: ...

    def __next__(self) -> list[str]: ...


class WithoutTrailer:
    """The rows of a file but for its last, which must be what `template` says.

    Delimiters do not matter: `END;1234` is `END,1234`.
    """

    def __init__(self, reader: CellRows, template: str) -> None:
        """Hold back one row of `reader` at a time."""
        self._reader = reader
        self._template = template
        self._pattern = _pattern(template)
        self._held: tuple[list[str], int] | None = None
        self._broken: csv.Error | None = None
        self._rows = 0
        self.line_num = reader.line_num
        """As if no row were held back."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        """Give the next row that is not the last.

        Raises:
            csv.Error: it is not readable; the rows after it may be.
            SourceUnreadable: the last row is not the trailer, or counts other rows.
        """
        while self._broken is None:
            held = self._held
            try:
                cells = next(self._reader)
            except StopIteration:
                self._check()
                raise
            except csv.Error as error:
                self._held, self._broken = None, error
            else:
                if any(map(trimmed, cells)):
                    self._held = cells, self._reader.line_num
            if held is not None and self._held is not held:
                self._rows += 1
                cells, self.line_num = held
                return cells
        broken, self._broken = self._broken, None
        self._rows += 1
        self.line_num = self._reader.line_num
        raise broken

    def _check(self) -> None:
        last = _joined(self._held[0]) if self._held else ""
        found = self._pattern.fullmatch(last)
        if found is None:
            raise SourceUnreadable(
                f'The last row is "{shown(last)}", not "{shown(self._template)}" as `trailer` says: the file '
                "is cut off, or was not written to its end. Export it again."
            )
        if found.groups() and int(found[1]) != self._rows:
            raise SourceUnreadable(
                f"The last row counts {int(found[1]):,} rows, but the file has {self._rows:,}: rows are "
                "missing, or there are some too many. Export it again."
            )


def _pattern(template: str) -> re.Pattern[str]:
    parts = map(re.escape, _joined([template]).split(ROWS))
    return re.compile("([0-9]{1,12})".join(parts))


def _joined(cells: list[str]) -> str:
    return ",".join(trimmed(part) for cell in cells for part in _PARTING.split(cell)).rstrip(",")
